"""The usual ways to sign wrongly, as a table, and the plan of a signature they deviate from."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import chain
from typing import Literal
from urllib.parse import parse_qsl, quote, quote_from_bytes, unquote, unquote_plus

from pytest_rtcmpu.signatures.verify import Authorization, Pair
from pytest_rtcmpu.values.credentials import Secret
from pytest_rtcmpu.values.messages import Request

Kind = Literal["1.0", "v3"]


@dataclass(frozen=True, slots=True)
class Cause:
    """One mistake: a stable id, the stage where it was made, and what to do instead."""

    id: str
    stage: str
    text: str

    def __str__(self) -> str:
        return f"{self.id}: {self.text}"


# --- how a signature is made, each step open to deviation ------------------------------------

Encode = Callable[[str], str]
#: A pair decoded, and the same pair encoded.
Both = tuple[Pair, Pair]

_is_plain = re.compile(r"[A-Za-z0-9\-_.]*").fullmatch
_ESCAPE = re.compile("%[0-9A-F]{2}")


@lru_cache(maxsize=512)
def _standard(text: str) -> str:
    return text if _is_plain(text) else quote(text, safe="~", errors="replace")


def _as_is(text: str) -> str:
    return text


def _by_name(both: Both) -> object:
    return both[0]


def joined(pair: Pair) -> str:
    """Return ``name=value``."""
    return f"{pair[0]}={pair[1]}"


def _bare_key(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "replace")


def _key_with_ampersand(secret: Secret) -> bytes:
    return _bare_key(secret) + b"&"


def _hmac(algorithm: str, key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, algorithm)


_HMAC_SHA1 = partial(_hmac, "sha1")
_HMAC_SHA256 = partial(_hmac, "sha256")


def _header_block(lines: tuple[Pair, ...]) -> str:
    return "".join([f"{name}:{value}\n" for name, value in lines])


def _hash_line(canonical: str) -> str:
    return f"ACS3-HMAC-SHA256\n{_sha256(canonical.encode('utf-8', 'replace'))}"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How to make a signature: the values and functions of every stage."""

    pairs: tuple[Pair, ...]
    method: str
    path: str
    key: Callable[[Secret], bytes]
    digest: Callable[[bytes, bytes], bytes]
    encode: Encode = _standard
    sort: Callable[[Both], object] | None = _by_name
    join: Callable[[Pair], str] = joined
    query: Callable[[str], str] = _as_is
    # signature 1.0 alone
    encode_again: Encode = _as_is
    frame: tuple[str, ...] = ("method", "path", "query")
    # V3 alone
    headers: tuple[Pair, ...] | None = None
    names: str = ""
    payload: str = ""
    block: Callable[[tuple[Pair, ...]], str] = _header_block
    hashed: Callable[[str], str] = _as_is

    def canonical(self) -> str:
        """Return the canonical query (1.0) or canonical request (V3)."""
        encode = self.encode
        both = [(pair, (encode(pair[0]), encode(pair[1]))) for pair in self.pairs]
        if self.sort is not None:
            both.sort(key=self.sort)  # type: ignore[arg-type]
        query = self.query("&".join([self.join(encoded) for _, encoded in both]))
        if self.headers is None:
            return query
        block = self.block(self.headers)
        return "\n".join((self.method, self.path, query, block, self.names, self.payload))

    def message(self) -> str:
        """Return the string to sign."""
        if self.headers is not None:
            return self.hashed(self.canonical())
        parts = {"method": self.method, "path": self.path}
        parts["query"] = self.encode_again(self.canonical())
        return "&".join([parts[name] for name in self.frame])


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """The request as it came, taken apart once."""

    kind: Kind
    request: Request
    pairs: tuple[Pair, ...]
    raw: tuple[Pair, ...]
    query: tuple[Pair, ...]
    form: tuple[Pair, ...]
    access_key_id: str
    authorization: Authorization | None

    def signed_lines(self, *, trim: bool = True, lower: bool = True) -> dict[str, Pair]:
        """Return the header line (name, value) of each signed header, by lower-case name."""
        values: dict[str, list[Pair]] = {}
        for name, value in self.request.headers:
            pair = (name.lower() if lower else name, value.strip(" \t") if trim else value)
            values.setdefault(name.lower(), []).append(pair)
        names = self.authorization.signed_headers if self.authorization else ()
        found = {name: values.get(name, [(name, "")]) for name in names}
        return {
            name: (many[0][0], ",".join(sorted(value for _, value in many)))
            for name, many in found.items()
        }

    def plan(self) -> Plan:
        """Return the plan of the right signature."""
        if self.kind == "1.0":
            return Plan(
                pairs=self.pairs,
                method=self.request.method,
                path="%2F",
                key=_key_with_ampersand,
                digest=_HMAC_SHA1,
                encode_again=_standard,
            )
        lines = tuple(line for _, line in sorted(self.signed_lines().items()))
        return Plan(
            pairs=self.pairs,
            method=self.request.method,
            path=self.request.path or "/",
            key=_bare_key,
            digest=_HMAC_SHA256,
            headers=lines,
            names=";".join(name for name, _ in lines),
            payload=_sha256(self.request.body),
            hashed=_hash_line,
        )


def split_raw(raw: str) -> tuple[Pair, ...]:
    """Split a raw query or form into its pairs, still encoded, ``Signature`` left out."""
    parts = (part.partition("=") for part in raw.split("&") if part)
    return tuple((name, value) for name, _, value in parts if name != "Signature")


def parse_decoded(raw: str) -> tuple[Pair, ...]:
    """Return the decoded pairs of a raw query or form, ``Signature`` left out."""
    pairs = parse_qsl(raw, keep_blank_values=True, errors="replace")
    return tuple(pair for pair in pairs if pair[0] != "Signature")


def form_of(request: Request) -> str:
    """Return the raw form that a request carries in its body, or an empty text."""
    kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
    return request.body.decode("latin-1") if kind == "application/x-www-form-urlencoded" else ""


# --- the usual mistakes ----------------------------------------------------------------------

#: A deviating plan, and what to put into the sentence about it.
Variant = tuple[Plan, str]
Deviate = Callable[[Case, Plan], Iterable[Variant]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """One usual mistake. ``pairs_up``: also tried together with a later one that pairs up."""

    id: str
    stage: str
    text: str
    deviate: Deviate
    kinds: tuple[Kind, ...] = ("1.0", "v3")
    pairs_up: bool = False

    def variants(self, case: Case, plan: Plan) -> Iterable[Variant]:
        """Return the plan with this mistake made, in each way that it is made."""
        return self.deviate(case, plan) if case.kind in self.kinds else ()

    def cause(self, detail: str) -> Cause:
        """Return the sentence about this mistake, with its detail filled in."""
        return Cause(self.id, self.stage, self.text.replace("{}", detail))


def _after(change: Encode, encode: Encode) -> Encode:
    return lambda text: change(encode(text))


def _spoil(change: Encode, detail: str = "") -> Deviate:
    """Deviate by changing what the encoder gives: inside, inside and outside, outside alone."""

    def deviate(case: Case, plan: Plan) -> Iterator[Variant]:
        inner = replace(plan, encode=_after(change, plan.encode))
        yield inner, detail
        if case.kind == "1.0":
            outer = _after(change, plan.encode_again)
            yield replace(inner, encode_again=outer), detail
            yield replace(plan, encode_again=outer), detail

    return deviate


def _substitute(*swaps: tuple[str, str]) -> Encode:
    def change(text: str) -> str:
        for old, new in swaps:
            text = text.replace(old, new)
        return text

    return change


def _raw(characters: str) -> Encode:
    return _substitute(*((quote(character, safe=""), character) for character in characters))


def lower_hex(text: str) -> str:
    """Return percent-encoded text with the hex of its escapes in small letters."""
    return _ESCAPE.sub(lambda match: match[0].lower(), text)


def _each(*deviations: Deviate) -> Deviate:
    return lambda case, plan: chain.from_iterable(one(case, plan) for one in deviations)


def _set(detail: str = "", **changes: object) -> Deviate:
    """Deviate by replacing fields of the plan."""
    return lambda case, plan: [(replace(plan, **changes), detail)]  # type: ignore[arg-type]


def _map_pairs(change: Callable[[Pair], Pair | None], detail: str = "") -> Deviate:
    """Deviate by changing pairs one by one, or leaving them out (``None``)."""

    def deviate(case: Case, plan: Plan) -> list[Variant]:
        pairs = tuple(new for new in map(change, plan.pairs) if new is not None)
        return [(replace(plan, pairs=pairs), detail)] if pairs != plan.pairs else []

    return deviate


def _values(change: Encode) -> Callable[[Pair], Pair]:
    return lambda pair: (pair[0], change(pair[1]))


def _names_and_values(change: Encode) -> Callable[[Pair], Pair]:
    return lambda pair: (change(pair[0]), change(pair[1]))


# Who encodes how, where the name of a mistake is not enough: what is left raw, by which function.
_LEFT_RAW = {
    "!'()": "JavaScript's encodeURIComponent",
    "!'()*": "JavaScript's encodeURIComponent",
    "!()*": "C#'s UrlEncode",
    "/": "Python's quote",
    ":": "a home-made encoder",
    ":/": "a home-made encoder",
    "/?": "Swift's urlQueryAllowed",
    "=": "a home-made encoder",
    "+": "a home-made encoder",
    ",": "a home-made encoder",
    "@": "a home-made encoder",
    ";,/?:@&=+$#!'()*": "JavaScript's encodeURI",
    "!$&'()*+,;=:@/?": "Swift's urlQueryAllowed",
}


def _encoder_deviations(case: Case, plan: Plan) -> Iterator[Variant]:
    for characters, whose in _LEFT_RAW.items():
        yield from _spoil(_raw(characters), f"{' '.join(characters)} (as {whose} does)")(case, plan)


#: Charsets a client may take for UTF-8; the first that gives the signature is named.
_CHARSETS = ("gbk", "gb18030", "latin-1", "cp1252", "big5", "shift_jis", "euc-kr", "utf-16-be")


def _cesu8(text: str) -> bytes:
    units = text.encode("utf-16-be", "surrogatepass")
    return b"".join(
        chr(int.from_bytes(units[at : at + 2])).encode("utf-8", "surrogatepass")
        for at in range(0, len(units), 2)
    )


def _js_escape(text: str) -> str:
    units = text.encode("utf-16-be", "surrogatepass")
    codes = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
    return "".join(
        quote(chr(code), safe="@*_+-./") if code < 128
        else f"%{code:02X}" if code < 256
        else f"%u{code:04X}"
        for code in codes
    )  # fmt: skip


def _in_charset(name: str, text: str) -> str:
    return text if _is_plain(text) else quote_from_bytes(text.encode(name, "replace"), safe="~")


def _charsets(case: Case, plan: Plan) -> Iterator[Variant]:
    texts = [text for pair in chain(plan.pairs, case.raw) for text in pair]
    if all(text.isascii() and "%" not in text for text in texts):
        return
    for name in _CHARSETS:
        yield replace(plan, encode=partial(_in_charset, name)), name
        # On the wire in that charset, too: the bytes that came, read as the client wrote them.
        try:
            pairs = tuple(
                (
                    unquote_plus(key, encoding=name, errors="strict"),
                    unquote_plus(value, encoding=name, errors="strict"),
                )
                for key, value in case.raw
            )
        except UnicodeDecodeError:
            continue
        yield replace(plan, pairs=pairs), f"{name} (on the wire)"
        yield replace(plan, pairs=pairs, encode=partial(_in_charset, name)), name
    yield (
        replace(plan, encode=lambda text: quote_from_bytes(_cesu8(text), safe="~")),
        "CESU-8 (each half of a surrogate pair by itself)",
    )
    yield replace(plan, encode=_js_escape), "JavaScript's escape()"
    mangle = _names_and_values(lambda text: text.encode("utf-8", "replace").decode("latin-1"))
    yield from _map_pairs(mangle, "UTF-8 taken for Latin-1 and encoded again")(case, plan)


def _normal_forms(case: Case, plan: Plan) -> Iterator[Variant]:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        change = partial(unicodedata.normalize, form)
        yield from _map_pairs(_names_and_values(change), form)(case, plan)


def _double_encoding(case: Case, plan: Plan) -> Iterator[Variant]:
    twice = _after(plan.encode, plan.encode)
    yield replace(plan, encode=twice), "once more than is right"
    yield replace(plan, pairs=tuple((n, plan.encode(v)) for n, v in plan.pairs)), "values only"
    again = _standard if case.kind == "v3" else _after(_standard, _standard)
    yield replace(plan, query=_after(again, plan.query)), "the whole query once more"
    if case.kind == "1.0":
        yield replace(plan, encode_again=again), "the whole query once more"


def _natural(both: Both) -> object:
    parts = re.split("([0-9]+)", both[0][0])
    return [(int(part), "") if at % 2 else (0, part) for at, part in enumerate(parts)]


def _other_methods(case: Case, plan: Plan) -> Iterator[Variant]:
    for method in ("GET", "POST", "get", "post", "PUT", "HEAD"):
        if method != plan.method:
            yield replace(plan, method=method), f"{method} instead of {case.request.method}"


def _one_left_out(case: Case, plan: Plan) -> Iterator[Variant]:
    names = list(dict.fromkeys(name for name, _ in plan.pairs))
    heads = dict.fromkeys(name.partition(".")[0] + "." for name in names if "." in name)
    for name in names:
        yield replace(plan, pairs=tuple(p for p in plan.pairs if p[0] != name)), name
    for head in heads:
        kept = tuple(pair for pair in plan.pairs if not pair[0].startswith(head))
        yield replace(plan, pairs=kept), f"{head}…"


def _one_of_duplicates(case: Case, plan: Plan) -> Iterator[Variant]:
    for which, pairs in (("last", plan.pairs), ("first", plan.pairs[::-1])):
        kept = tuple(dict(pairs).items())
        if len(kept) < len(plan.pairs):
            yield replace(plan, pairs=kept), which


def _form_left_out(case: Case, plan: Plan) -> list[Variant]:
    return [(replace(plan, pairs=case.query), "")] if case.query and case.form else []


def _query_left_out(case: Case, plan: Plan) -> list[Variant]:
    if case.kind == "v3":
        return [(replace(plan, pairs=()), "")] if plan.pairs else []
    return [(replace(plan, pairs=case.form), "")] if case.query and case.form else []


def _form_in_query(case: Case, plan: Plan) -> Iterator[Variant]:
    if case.form:
        yield replace(plan, pairs=plan.pairs + case.form), ""
        yield replace(plan, pairs=case.form), ""


def _as_on_the_wire(case: Case, plan: Plan) -> Iterator[Variant]:
    for sort in (_by_name, None):
        yield replace(plan, pairs=case.raw, encode=_as_is, sort=sort), ""


def _hash_deviations(case: Case, plan: Plan) -> Iterator[Variant]:
    for name in ("sha1", "sha256", "md5", "sha512"):
        label = name.upper()
        yield replace(plan, digest=partial(_hmac, name)), f"HMAC-{label}"
        if case.kind == "v3":

            def line(canonical: str, name: str = name) -> str:
                data = canonical.encode("utf-8", "replace")
                return f"ACS3-HMAC-SHA256\n{hashlib.new(name, data).hexdigest()}"

            yield replace(plan, hashed=line), f"{label} of the canonical request"
            yield replace(plan, hashed=line, digest=partial(_hmac, name)), f"{label} throughout"


def _no_hmac(name: str, swap: bool, key: bytes, message: bytes) -> bytes:
    return hashlib.new(name, message + key if swap else key + message).digest()


def _bare_hash(case: Case, plan: Plan) -> Iterator[Variant]:
    name = "sha1" if case.kind == "1.0" else "sha256"
    for swap in (False, True):
        yield replace(plan, digest=partial(_no_hmac, name, swap)), name.upper()
    yield replace(plan, digest=partial(_no_hmac, name, True), key=lambda _: b""), name.upper()


def _swapped(case: Case, plan: Plan) -> list[Variant]:
    digest = plan.digest
    return [(replace(plan, digest=lambda key, message: digest(message, key)), "")]


def _respelt(change: Callable[[str], str], key: Callable[[Secret], bytes], secret: Secret) -> bytes:
    return key(Secret(change(secret.reveal())))


def _respell(**changes: Callable[[str], str]) -> Deviate:
    """Deviate by changing the secret; ``_`` in a name reads as a space."""

    def deviate(case: Case, plan: Plan) -> Iterator[Variant]:
        for detail, change in changes.items():
            yield replace(plan, key=partial(_respelt, change, plan.key)), detail.replace("_", " ")

    return deviate


def _base64_decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:  # neither Base64 nor text within
        return text


def _id_as_secret(case: Case, plan: Plan) -> list[Variant]:
    return [(replace(plan, key=partial(_respelt, lambda _: case.access_key_id, plan.key)), "")]


# V3's header lines and body hash.


def _lines(case: Case, order: Iterable[str], **how: bool) -> tuple[Pair, ...]:
    lines = case.signed_lines(**how)
    return tuple(lines[name] for name in order)


def _unsorted_headers(case: Case, plan: Plan) -> Iterator[Variant]:
    if case.authorization:
        listed = case.authorization.signed_headers
        lines = _lines(case, dict.fromkeys(listed))
        names = ";".join(listed)
        yield replace(plan, headers=lines, names=names), ""
        yield replace(plan, headers=lines), ""
        yield replace(plan, names=names), ""


def _names_as_sent(case: Case, plan: Plan) -> Iterator[Variant]:
    names = sorted(case.signed_lines())
    lines = _lines(case, names, lower=False)
    listed = ";".join(name for name, _ in lines)
    by_case = tuple(sorted(lines))
    for block in (lines, by_case):
        yield replace(plan, headers=block, names=";".join(name for name, _ in block)), ""
        yield replace(plan, headers=block), ""
    yield replace(plan, names=listed), ""


def _untrimmed(case: Case, plan: Plan) -> Iterator[Variant]:
    names = sorted(case.signed_lines())
    yield replace(plan, headers=_lines(case, names, trim=False)), ""
    yield replace(plan, headers=tuple((n, f" {v}") for n, v in plan.headers or ())), ""


def _header_left_out(case: Case, plan: Plan) -> Iterator[Variant]:
    lines = plan.headers or ()
    for name, _ in lines:
        kept = tuple(line for line in lines if line[0] != name)
        yield replace(plan, headers=kept), name
        yield replace(plan, headers=kept, names=";".join(n for n, _ in kept)), name


def _sent_hash(case: Case, plan: Plan) -> Iterator[Variant]:
    sent = case.request.header("x-acs-content-sha256")
    if sent is not None and sent != plan.payload:
        yield replace(plan, payload=sent.strip()), ""


MISTAKES: tuple[Mistake, ...] = (
    # encoded
    Mistake(
        id="charset",
        pairs_up=True,
        stage="encoded",
        text="another charset: the client encoded text as {}; encode it as UTF-8.",
        deviate=_charsets,
    ),
    Mistake(
        id="plus-for-space",
        pairs_up=True,
        stage="encoded",
        text='"+" for space: the client signed a space as "+"; write it as %20.',
        deviate=_spoil(_substitute(("%20", "+"))),
    ),
    Mistake(
        id="tilde-encoded",
        pairs_up=True,
        stage="encoded",
        text='"~" encoded wrongly: the client signed "~" as %7E; leave it as it is.',
        deviate=_spoil(_substitute(("~", "%7E"))),
    ),
    Mistake(
        id="asterisk-raw",
        pairs_up=True,
        stage="encoded",
        text='"*" encoded wrongly: the client signed "*" as it is; write it as %2A.',
        deviate=_spoil(_raw("*")),
    ),
    Mistake(
        id="form-encoding",
        stage="encoded",
        text='form encoding: the client signed "+" for space, "*" raw and "~" as %7E, as {} does;'
        " write %20, %2A and ~.",
        deviate=_each(
            _spoil(_substitute(("%20", "+"), ("%2A", "*"), ("~", "%7E")), "Java's URLEncoder"),
            _spoil(
                lambda text: lower_hex(_substitute(("%20", "+"), ("~", "%7E"))(_raw("!()*")(text))),
                "C#'s HttpUtility.UrlEncode (in lower-case hex, too)",
            ),
        ),
    ),
    Mistake(
        id="slash-raw",
        pairs_up=True,
        stage="encoded",
        text='"/" left raw: the client signed "/" in a name or value as it is, as Python\'s quote'
        " does unless told otherwise; write it as %2F.",
        deviate=_spoil(_raw("/")),
    ),
    Mistake(
        id="reserved-raw",
        stage="encoded",
        text="reserved characters left raw: the client signed some of {} as they are; encode"
        " everything but A–Z a–z 0–9 - _ . ~.",
        deviate=_encoder_deviations,
    ),
    Mistake(
        id="lower-case-hex",
        pairs_up=True,
        stage="encoded",
        text="lower-case hex: the client wrote escapes like %2f; write them in capitals, %2F.",
        deviate=_spoil(lower_hex),
    ),
    Mistake(
        id="double-encoding",
        pairs_up=True,
        stage="encoded",
        text="double encoding: the client encoded too often before signing ({}); encode names and"
        " values once, and for signature 1.0 the joined query once more.",
        deviate=_double_encoding,
    ),
    Mistake(
        id="double-encoding",
        pairs_up=True,
        stage="received pairs",
        text="double encoding on the wire: the client signed the values but sent them encoded"
        " twice, so that they arrive with escapes in them; encode them once for the wire.",
        deviate=_each(
            _map_pairs(_values(unquote)),
            _map_pairs(_values(unquote_plus)),
            _map_pairs(_names_and_values(unquote)),
        ),
    ),
    Mistake(
        id="not-encoded",
        stage="encoded",
        text="not encoded: the client signed names and values without percent-encoding them;"
        " encode each before joining.",
        deviate=_set(encode=_as_is),
    ),
    Mistake(
        id="second-encoding-missing",
        pairs_up=True,
        stage="string to sign",
        text="encoded once only: the client put the joined query into the string to sign as it"
        " is; percent-encode it as a whole (its = and & become %3D and %26).",
        deviate=_set(encode_again=_as_is),
        kinds=("1.0",),
    ),
    Mistake(
        id="unicode-normalised",
        stage="received pairs",
        text="normalised text: the client signed the text's Unicode form {} and sent another; sign"
        " the very text that is sent.",
        deviate=_normal_forms,
    ),
    Mistake(
        id="plus-sent-raw",
        stage="received pairs",
        text='"+" sent raw: the client signed a "+" that stands unencoded on the wire, where it'
        " means a space; send it as %2B.",
        deviate=_map_pairs(_names_and_values(_substitute((" ", "+")))),
    ),
    # sorted
    Mistake(
        id="not-sorted",
        pairs_up=True,
        stage="sorted",
        text="not sorted: the client signed the parameters in the order it sent them; sort them by"
        " name, in byte order.",
        deviate=_each(
            _set(sort=None),
            lambda case, plan: [(replace(plan, sort=None, pairs=case.form + case.query), "")],
            lambda case, plan: [(replace(plan, pairs=plan.pairs[::-1], sort=None), "")],
        ),
    ),
    Mistake(
        id="sorted-before-encoding",
        pairs_up=True,
        stage="sorted",
        text='sorted before encoding, as strings: the client sorted whole "name=value" texts, and'
        ' "=" comes after digits; sort by the name alone (LayoutIds.1 before LayoutIds.10).',
        deviate=_set(sort=lambda both: joined(both[0])),
    ),
    Mistake(
        id="sorted-after-encoding",
        stage="sorted",
        text="sorted after encoding: the client sorted the encoded names, where % comes before"
        " every letter and digit; sort by the name itself, then encode.",
        deviate=_each(_set(sort=lambda both: both[1]), _set(sort=lambda both: joined(both[1]))),
    ),
    Mistake(
        id="sorted-ignoring-case",
        stage="sorted",
        text="sorted ignoring letter case: sort by name in byte order, capitals before small"
        " letters.",
        deviate=_set(sort=lambda both: (both[0][0].lower(), both[0][1])),
    ),
    Mistake(
        id="sorted-by-number",
        stage="sorted",
        text="sorted by number: the client put LayoutIds.2 before LayoutIds.10; sort by name in"
        " byte order, digit by digit.",
        deviate=_set(sort=_natural),
    ),
    # received pairs
    Mistake(
        id="empty-left-out",
        pairs_up=True,
        stage="received pairs",
        text="empty parameters left out: the client sent parameters without a value but did not"
        " sign them; sign every parameter sent, as name=.",
        deviate=_map_pairs(lambda pair: pair if pair[1] else None),
    ),
    Mistake(
        id="empty-without-equals",
        stage="sorted",
        text='empty parameters without "=": the client signed a parameter without a value as its'
        " name alone; sign it as name=.",
        deviate=_set(join=lambda pair: joined(pair) if pair[1] else pair[0]),
    ),
    Mistake(
        id="parameter-not-signed",
        stage="received pairs",
        text="parameter not signed: {} was added after signing; sign every parameter that is sent,"
        " save Signature itself.",
        deviate=_one_left_out,
    ),
    Mistake(
        id="duplicate-left-out",
        stage="received pairs",
        text="duplicates: a name was sent more than once and the client signed the {} only; send"
        " each name once.",
        deviate=_one_of_duplicates,
    ),
    Mistake(
        id="form-not-signed",
        pairs_up=True,
        stage="received pairs",
        text="form not signed: the client signed the query and left out the parameters in the"
        " body; signature 1.0 covers both.",
        deviate=_form_left_out,
        kinds=("1.0",),
    ),
    Mistake(
        id="query-not-signed",
        stage="received pairs",
        text="query not signed: the client left out the parameters in the query; sign them.",
        deviate=_query_left_out,
    ),
    Mistake(
        id="form-in-query",
        stage="received pairs",
        text="form signed as query: the client put the parameters of the body into the canonical"
        " query; V3 signs the body by its hash alone.",
        deviate=_form_in_query,
        kinds=("v3",),
    ),
    Mistake(
        id="signature-signed",
        stage="received pairs",
        text="Signature signed: the client had an empty Signature parameter among what it signed;"
        " leave it out.",
        deviate=lambda case, plan: [(replace(plan, pairs=(*plan.pairs, ("Signature", ""))), "")],
        kinds=("1.0",),
    ),
    Mistake(
        id="as-on-the-wire",
        stage="encoded",
        text="signed as sent: the client signed the query as it stands on the wire; make the"
        " canonical form from the decoded names and values.",
        deviate=_as_on_the_wire,
    ),
    # string to sign
    Mistake(
        id="wrong-method",
        pairs_up=True,
        stage="string to sign",
        text="wrong method: the client signed {}; sign the method the request is sent with, in"
        " capitals.",
        deviate=_other_methods,
    ),
    Mistake(
        id="path-raw",
        pairs_up=True,
        stage="string to sign",
        text='path not encoded: the client wrote the path as "/"; in the string to sign it is %2F.',
        deviate=_set(path="/"),
        kinds=("1.0",),
    ),
    Mistake(
        id="path-encoded",
        stage="string to sign",
        text="path encoded too often: the client wrote the path as {}; it is %2F in signature 1.0,"
        " / in V3.",
        deviate=lambda case, plan: [
            (replace(plan, path=path), path) for path in ("%252F", "%2F") if path != plan.path
        ],
    ),
    Mistake(
        id="path-left-out",
        stage="string to sign",
        text="path left out: the client signed no path; it is %2F in signature 1.0, / in V3.",
        deviate=lambda case, plan: [
            (replace(plan, path=""), ""),
            (replace(plan, frame=("method", "query")), ""),
        ],
    ),
    Mistake(
        id="leading-question-mark",
        stage="string to sign",
        text='leading "?": the client signed the query with its question mark; leave it out.',
        deviate=_each(
            _set(query=lambda query: f"?{query}"), _set(query=lambda query: f"/?{query}")
        ),
    ),
    Mistake(
        id="stray-ampersand",
        stage="string to sign",
        text='stray "&": the client left an "&" before the first or after the last parameter; put'
        " it between parameters only.",
        deviate=_each(_set(query=lambda query: f"&{query}"), _set(query=lambda query: f"{query}&")),
    ),
    Mistake(
        id="signed-headers-unsorted",
        stage="string to sign",
        text="signed headers unsorted: sort the header names, in the canonical request and in"
        " SignedHeaders.",
        deviate=_unsorted_headers,
        kinds=("v3",),
    ),
    Mistake(
        id="header-names-not-lower-case",
        stage="string to sign",
        text="header names not in lower case: write them in lower case in the canonical request,"
        " whatever their case on the wire.",
        deviate=_names_as_sent,
        kinds=("v3",),
    ),
    Mistake(
        id="header-values-not-trimmed",
        stage="string to sign",
        text="header values not trimmed: write each header as name:value, without space around the"
        " value.",
        deviate=_untrimmed,
        kinds=("v3",),
    ),
    Mistake(
        id="header-left-out",
        stage="string to sign",
        text="header left out: SignedHeaders names {}, but the client did not sign its line; sign"
        " every header named there.",
        deviate=_header_left_out,
        kinds=("v3",),
    ),
    Mistake(
        id="trailing-newline-missing",
        pairs_up=True,
        stage="string to sign",
        text="newline missing: every header line ends with a newline and one more follows, so that"
        " a blank line stands before the header names.",
        deviate=_set(block=lambda lines: _header_block(lines)[:-1]),
        kinds=("v3",),
    ),
    Mistake(
        id="trailing-newline-added",
        stage="string to sign",
        text="newline added: nothing follows the last character of what is signed.",
        deviate=_each(
            lambda case, plan: [(replace(plan, payload=f"{plan.payload}\n"), "")],
            lambda case, plan: [(replace(plan, hashed=lambda text: f"{_hash_line(text)}\n"), "")],
        ),
        kinds=("v3",),
    ),
    Mistake(
        id="empty-body-hash",
        stage="string to sign",
        text="hash of the empty body: the client signed the SHA-256 of an empty body, but the"
        " request has one; hash the very bytes that are sent.",
        deviate=lambda case, plan: [(replace(plan, payload=_sha256(b"")), "")],
        kinds=("v3",),
    ),
    Mistake(
        id="body-hash",
        pairs_up=True,
        stage="string to sign",
        text="body hash: x-acs-content-sha256, which the client signed, is not the hash of the"
        " body that arrived; hash the very bytes that are sent.",
        deviate=_sent_hash,
        kinds=("v3",),
    ),
    Mistake(
        id="body-hash-missing",
        stage="string to sign",
        text="body hash missing: the canonical request ends with the hex SHA-256 of the body, for"
        " an empty body, too.",
        deviate=_each(_set(payload=""), _set(payload="UNSIGNED-PAYLOAD")),
        kinds=("v3",),
    ),
    Mistake(
        id="canonical-not-hashed",
        stage="string to sign",
        text="canonical request not hashed: {}; the string to sign is ACS3-HMAC-SHA256, a newline"
        " and the hex SHA-256 of the canonical request.",
        deviate=_each(
            _set("the client signed it in full", hashed=_as_is),
            _set("the client signed it in full", hashed=lambda text: f"ACS3-HMAC-SHA256\n{text}"),
            _set("the client left out the first line", hashed=lambda text: _hash_line(text)[17:]),
        ),
        kinds=("v3",),
    ),
    # key
    Mistake(
        id="key-without-ampersand",
        pairs_up=True,
        stage="key",
        text='key without "&": the client used the AccessKeySecret itself; signature 1.0\'s key is'
        ' the AccessKeySecret followed by "&".',
        deviate=_set(key=_bare_key),
        kinds=("1.0",),
    ),
    Mistake(
        id="key-with-ampersand",
        pairs_up=True,
        stage="key",
        text='key with "&": the client used the AccessKeySecret followed by "&", as signature 1.0'
        " does; V3's key is the AccessKeySecret itself.",
        deviate=_set(key=_key_with_ampersand),
        kinds=("v3",),
    ),
    Mistake(
        id="secret-whitespace",
        stage="key",
        text="whitespace or quotes at the secret: the client used the AccessKeySecret with {};"
        " strip what it reads from a file or the environment.",
        deviate=_respell(
            a_newline_after_it=lambda text: f"{text}\n",
            a_carriage_return_and_newline_after_it=lambda text: f"{text}\r\n",
            a_space_after_it=lambda text: f"{text} ",
            a_space_before_it=lambda text: f" {text}",
            spaces_around_it=lambda text: f" {text} ",
            a_tab_after_it=lambda text: f"{text}\t",
            double_quotes_around_it=lambda text: f'"{text}"',
            single_quotes_around_it=lambda text: f"'{text}'",
            whitespace_taken_away_that_belongs_to_it=str.strip,
        ),
    ),
    Mistake(
        id="access-key-id-as-secret",
        stage="key",
        text="AccessKeyId used as secret: sign with the AccessKeySecret that belongs to it.",
        deviate=_id_as_secret,
    ),
    Mistake(
        id="secret-respelt",
        stage="key",
        text="secret respelt: the client used the AccessKeySecret {}; use it as it is.",
        deviate=_respell(
            percent_encoded=partial(quote, safe="~"),
            in_lower_case=str.lower,
            in_capitals=str.upper,
            in_Base64=lambda text: base64.b64encode(text.encode("utf-8", "replace")).decode(),
            decoded_from_Base64=_base64_decoded,
        ),
    ),
    Mistake(
        id="secret-empty",
        stage="key",
        text="no secret: the client signed with an empty AccessKeySecret; is it configured where"
        " the client looks for it?",
        deviate=_respell(empty=lambda _: "", None_=lambda _: "None"),
    ),
    # digest
    Mistake(
        id="wrong-hash",
        pairs_up=True,
        stage="digest",
        text="wrong hash: the client used {}; signature 1.0 is HMAC-SHA1, V3 HMAC-SHA256 over a"
        " SHA-256.",
        deviate=_hash_deviations,
    ),
    Mistake(
        id="not-hmac",
        stage="digest",
        text="no HMAC: the client took a plain {} of key and text; use HMAC.",
        deviate=_bare_hash,
    ),
    Mistake(
        id="key-and-text-swapped",
        stage="digest",
        text="key and text swapped: the client gave HMAC the string to sign as key; the key comes"
        " from the AccessKeySecret.",
        deviate=_swapped,
    ),
)

#: The ids of the causes that say how characters were encoded before signing.
ENCODING_CAUSES = frozenset(mistake.id for mistake in MISTAKES if mistake.stage == "encoded")
