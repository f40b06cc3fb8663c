"""Mistakes in how characters are encoded before signing."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import chain
from urllib.parse import unquote, unquote_plus

from pytest_rtcmpu.contract import SignatureKind
from pytest_rtcmpu.signatures.autopsy.encoders import (
    AS_IS,
    RIGHT,
    Difference,
    Encoder,
    changed,
    difference,
    distinct,
    who_does,
)
from pytest_rtcmpu.signatures.autopsy.plan import (
    Cause,
    Evidence,
    Found,
    Mistake,
    Signing,
    Variant,
    by_name,
    each,
    in_both,
    in_values,
    map_pairs,
    put,
)
from pytest_rtcmpu.signatures.verify import Pair

# --- what an encoder did, in sentences -------------------------------------------------------

#: What may be said of an encoder, by id; ``{}`` stands for what it did to this request.
ENCODER_CAUSES: dict[str, Cause] = {
    cause.id: cause
    for cause in (
        Cause(
            "plus-for-space",
            "encoded",
            '"+" for space: the client signed a space as "+"; write it as %20.',
        ),
        Cause(
            "space-otherwise",
            "encoded",
            "space encoded wrongly: the client signed a space as {}; write it as %20.",
        ),
        Cause(
            "tilde-encoded",
            "encoded",
            '"~" encoded wrongly: the client signed "~" as %7E; leave it as it is.',
        ),
        Cause(
            "unreserved-encoded",
            "encoded",
            "too much encoded: the client escaped {}; leave A–Z a–z 0–9 - _ . ~ as they are.",
        ),
        Cause(
            "asterisk-raw",
            "encoded",
            '"*" encoded wrongly: the client signed "*" as it is{}; write it as %2A.',
        ),
        Cause(
            "slash-raw",
            "encoded",
            '"/" left raw: the client signed "/" in a name or value as it is, as Python\'s quote'
            " does unless told otherwise; write it as %2F.",
        ),
        Cause(
            "reserved-raw",
            "encoded",
            "reserved characters left raw: the client signed {} as they are; encode everything but"
            " A–Z a–z 0–9 - _ . ~.",
        ),
        Cause(
            "form-encoding",
            "encoded",
            "form encoding: the client signed {}; write %20, %2A and ~, and encode everything but"
            " A–Z a–z 0–9 - _ . ~.",
        ),
        Cause(
            "lower-case-hex",
            "encoded",
            "lower-case hex: the client wrote escapes like %2f; write them in capitals, %2F.",
        ),
        Cause(
            "not-encoded",
            "encoded",
            "not encoded: the client signed names and values without percent-encoding them;"
            " encode each before joining.",
        ),
        Cause(
            "charset",
            "encoded",
            "another charset: the client encoded text as {}; encode it as UTF-8.",
        ),
        Cause(
            "second-encoding-missing",
            "string to sign",
            "encoded once only: the client put the joined query into the string to sign as it"
            " is; percent-encode it as a whole (its = and & become %3D and %26).",
        ),
        Cause(
            "path-raw",
            "string to sign",
            'path not encoded: the client wrote the path as "/"; in the string to sign it is %2F.',
        ),
        Cause(
            "path-encoded",
            "string to sign",
            "path encoded too often: the client wrote the path as {}; it is %2F in signature 1.0,"
            " / in V3.",
        ),
    )
}


def sentence(id: str, detail: str = "") -> Cause:
    """Return one of these causes, with its detail filled in."""
    cause = ENCODER_CAUSES[id]
    return replace(cause, text=cause.text.replace("{}", detail))


def _named(characters: str) -> str:
    return " ".join(sorted(characters))


def _as(names: Iterable[str]) -> str:
    shown = list(names)[:2]
    return f" (as {' and '.join(shown)} {'do' if len(shown) > 1 else 'does'})" if shown else ""


def _merge(one: Difference, other: Difference) -> Difference:
    return Difference(
        raw="".join(sorted({*one.raw, *other.raw})),
        escaped="".join(sorted({*one.escaped, *other.escaped})),
        space=one.space or other.space,
        lower=one.lower or other.lower,
        beyond=one.beyond or other.beyond,
        partly=one.partly or other.partly,
    )


def _deviations(d: Difference, encoder: Encoder, who: tuple[str, ...]) -> Iterator[Cause]:
    """Yield what differs, each kind once; a form's encoder, which differs in several, as one."""
    whose = _as(who)
    partly = " after the first, which alone was replaced" if d.partly else ""
    of_form = d.space == "+" and bool(d.raw or d.escaped)
    of_form = of_form and set(d.raw) <= set("!'()*") and set(d.escaped) <= {"~"}
    if of_form:
        parts = ['"+" for space', *(f"{character} raw" for character in d.raw)]
        parts += ["~ as %7E"] if d.escaped else []
        parts += ["escapes in small letters"] if d.lower and who else []
        yield sentence("form-encoding", f"{', '.join(parts)}{whose}")
    elif d.space:
        plus = d.space == "+"
        yield sentence("plus-for-space" if plus else "space-otherwise", repr(d.space))
    if d.escaped and not of_form:
        only = set(d.escaped) == {"~"}
        yield sentence("tilde-encoded" if only else "unreserved-encoded", _named(d.escaped))
    if d.raw and not of_form:
        if d.raw == "/":
            yield sentence("slash-raw")
        elif d.raw == "*":
            yield sentence("asterisk-raw", partly)
        else:
            yield sentence("reserved-raw", f"{_named(d.raw)}{partly or whose}")
    if d.beyond:
        ways = {"%u": "JavaScript's escape() does (%uXXXX)", "raw": "it is, beyond ASCII"}
        yield sentence("charset", ways.get(encoder.beyond, encoder.charset))
    if d.lower and not (of_form and who):
        yield sentence("lower-case-hex")


def _what_differs(plan: Signing, encode: Encoder, again: Encoder, path: str) -> tuple[Cause, ...]:
    texts = [text for pair in plan.pairs for text in pair]
    causes: list[Cause] = []
    inner, outer = Difference(), Difference()
    if encode is not RIGHT:
        if all(encode(text) == text for text in texts):
            causes.append(sentence("not-encoded"))
        else:
            inner = difference(encode, texts)
    if again is AS_IS:
        causes.append(sentence("second-encoding-missing"))
    elif again is not RIGHT:
        outer = difference(again, [plan.but(encode=encode, again=AS_IS).query()])
    encoder = again if encode in (RIGHT, AS_IS) else encode
    both = _merge(inner, outer)
    who = who_does(encode, texts) if inner != Difference() else ()
    causes[:0] = _deviations(both, encoder, who)
    if plan.headers is None and path != "%2F":
        if path == "%2f":
            causes += [] if both.lower else [sentence("lower-case-hex")]
        else:
            causes.append(sentence("path-raw" if path == "/" else "path-encoded", path))
    return tuple(causes)


# --- encoders --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """Encodes with another encoder; what is said of it is what differs for this request.

    Attributes:
        places: the encoders of names and values and of the joined query, and the path.
        of_libraries: whether the encoders are those of libraries, or those of nobody's.
    """

    places: Callable[[Encoder], Iterable[tuple[Encoder, Encoder, str]]]
    of_libraries: bool = True
    pairs_up: bool = True
    kinds: tuple[SignatureKind, ...] = ("1.0", "v3")
    rare: bool = False
    of_key: bool = False
    stage: str = "encoded"

    def found(self, case: Evidence, plan: Signing) -> Iterator[Found]:
        """Return the plan with each encoder in its places, and what differs by it."""
        if case.kind not in self.kinds:
            return
        texts = [text for pair in plan.pairs for text in pair]
        texts += ["/", "&", "=", "%"] if case.kind == "1.0" else []
        real, others = distinct(texts)
        for encoder in (AS_IS, *real) if self.of_libraries else others:
            for encode, again, path in self.places(encoder):
                path = path if case.kind == "1.0" else plan.path
                deviant = plan.but(encode=encode, again=again, path=path)
                yield deviant, partial(_what_differs, plan, encode, again, path)


def _throughout(encoder: Encoder) -> Iterator[tuple[Encoder, Encoder, str]]:
    yield encoder, RIGHT, "%2F"
    if encoder is not AS_IS:
        # As the vendor's samples do: METHOD & enc("/") & enc(query).
        yield encoder, encoder, encoder("/")


def _here_and_there(encoder: Encoder) -> Iterator[tuple[Encoder, Encoder, str]]:
    if encoder is not AS_IS:
        yield encoder, encoder, "%2F"
        yield RIGHT, encoder, "%2F"
        yield RIGHT, encoder, encoder("/")
        yield encoder, RIGHT, encoder("/")
        yield AS_IS, encoder, "%2F"
        yield AS_IS, encoder, encoder("/")
        yield encoder, AS_IS, encoder("/")
    yield encoder, RIGHT, "/"
    yield encoder, AS_IS, "%2F"
    yield encoder, AS_IS, "/"


# --- other ways to spoil text ----------------------------------------------------------------

#: Charsets a client may take for UTF-8; the first that gives the signature is named.
_CHARSETS = ("gbk", "gb18030", "latin-1", "cp1252", "big5", "shift_jis", "euc-kr", "utf-16-be",
             "utf-16-le", "cesu-8")  # fmt: skip
_CALLED = {"cesu-8": "CESU-8 (each half of a surrogate pair by itself)"}


@lru_cache(maxsize=16)
def _read(raw: tuple[Pair, ...], charset: str) -> tuple[Pair, ...] | None:
    try:
        return tuple(
            (
                unquote_plus(name, encoding=charset, errors="strict"),
                unquote_plus(value, encoding=charset, errors="strict"),
            )
            for name, value in raw
        )
    except (UnicodeDecodeError, LookupError):
        return None


def _charsets(case: Evidence, plan: Signing) -> Iterator[Variant]:
    texts = [text for pair in chain(plan.pairs, case.raw) for text in pair]
    if all(text.isascii() and "%" not in text for text in texts):
        return
    for name in _CHARSETS:
        encode = changed(plan.encode, charset=name)
        yield plan.but(encode=encode), _CALLED.get(name, name)
        # On the wire in that charset, too: the bytes that came, read as the client wrote them.
        pairs = _read(case.raw, name)
        if pairs is None:
            continue
        yield plan.but(pairs=pairs), f"{name} (on the wire)"
        yield plan.but(pairs=pairs, encode=encode), name
    mangle = in_both(lambda text: text.encode("utf-8", "replace").decode("latin-1"))
    yield from map_pairs(mangle, "UTF-8 taken for Latin-1 and encoded again")(case, plan)


def _normal_forms(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        change = partial(unicodedata.normalize, form)
        yield from map_pairs(in_both(change), form)(case, plan)


def _double_encoding(case: Evidence, plan: Signing) -> Iterator[Variant]:
    if plan.encode.times != 1 or plan.again.times != 1:
        return
    twice = changed(plan.encode, times=2)
    yield plan.but(encode=twice), "once more than is right"
    pairs = tuple((n, plan.encode(v)) for n, v in plan.pairs)
    yield plan.but(pairs=pairs), "values only"
    if case.kind == "1.0":
        again = changed(plan.again, times=2)
        yield plan.but(again=again), "the whole query once more"
        yield plan.but(again=changed(plan.again, times=3)), "the whole query twice more"


def _whole_query(case: Evidence, plan: Signing) -> Iterator[Variant]:
    if case.kind == "v3":
        query = RIGHT(plan.query())
        yield (
            plan.but(pairs=((query, ""),), encode=AS_IS, join=_name),
            ("the whole query once more"),
        )


def _name(pair: tuple[str, str]) -> str:
    return pair[0]


def _as_on_the_wire(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for order in (by_name, lambda pairs, encode: pairs):
        yield plan.but(pairs=case.raw, encode=AS_IS, order=order), ""


def _plus_sent_raw(case: Evidence, plan: Signing) -> list[Variant]:
    texts = [text for pair in case.raw for text in pair]
    # Whoever writes a "+" as %2B elsewhere means a space by it here.
    if not any("+" in text for text in texts) or any("%2b" in text.lower() for text in texts):
        return []
    pairs = tuple((unquote(name), unquote(value)) for name, value in case.raw)
    return [(plan.but(pairs=pairs), "")]


ENCODINGS: tuple[Encoding | Mistake, ...] = (
    # Before an encoder that writes a space as %2B, which would sign the same.
    Mistake(
        id="plus-sent-raw",
        stage="received pairs",
        text='"+" sent raw: the client signed a "+" that stands unencoded on the wire, where it'
        " means a space; send it as %2B.",
        deviate=_plus_sent_raw,
    ),
    Encoding(places=_throughout),
    Mistake(
        id="second-encoding-missing",
        stage="string to sign",
        text=ENCODER_CAUSES["second-encoding-missing"].text,
        deviate=put(again=AS_IS),
        kinds=("1.0",),
    ),
    Encoding(places=_throughout, of_libraries=False, pairs_up=False),
    Encoding(places=_here_and_there, pairs_up=False, kinds=("1.0",)),
    Encoding(places=_here_and_there, of_libraries=False, pairs_up=False, kinds=("1.0",)),
    Mistake(
        id="charset",
        stage="encoded",
        text=ENCODER_CAUSES["charset"].text,
        deviate=_charsets,
    ),
    Mistake(
        id="double-encoding",
        stage="encoded",
        text="double encoding: the client encoded too often before signing ({}); encode names and"
        " values once, and for signature 1.0 the joined query once more.",
        deviate=each(_double_encoding, _whole_query),
    ),
    Mistake(
        id="double-encoding",
        stage="received pairs",
        text="double encoding on the wire: the client signed the values but sent them encoded"
        " twice, so that they arrive with escapes in them; encode them once for the wire.",
        deviate=each(
            map_pairs(in_values(unquote)),
            map_pairs(in_values(unquote_plus)),
            map_pairs(in_both(unquote)),
        ),
    ),
    Mistake(
        id="unicode-normalised",
        stage="received pairs",
        text="normalised text: the client signed the text's Unicode form {} and sent another; sign"
        " the very text that is sent.",
        deviate=_normal_forms,
    ),
)

#: Named after the orders: a query that is sent as it should be signed, but for its order, is one
#: that was not sorted.
AS_SENT = Mistake(
    id="as-on-the-wire",
    stage="encoded",
    text="signed as sent: the client signed the query as it stands on the wire; make the"
    " canonical form from the decoded names and values.",
    deviate=_as_on_the_wire,
)
