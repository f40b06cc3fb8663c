"""Percent-encoders as data: what real libraries do, and the repairs that people make after."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations

_LETTERS = string.ascii_letters + string.digits
#: What RFC 3986 leaves as it is, beside letters and digits; signature 1.0 and V3 do the same.
UNRESERVED = "-_.~"
#: A memory of texts is emptied when it has so many.
_MAX_REMEMBERED = 5000


def _cesu8(text: str) -> bytes:
    units = text.encode("utf-16-be", "surrogatepass")
    return b"".join(
        chr(int.from_bytes(units[at : at + 2])).encode("utf-8", "surrogatepass")
        for at in range(0, len(units), 2)
    )


def in_bytes(text: str, charset: str) -> bytes:
    """Return a text in a charset; ``cesu-8`` writes each half of a surrogate pair by itself."""
    return _cesu8(text) if charset == "cesu-8" else text.encode(charset, "replace")


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoder:
    """How text is percent-encoded; calling it encodes.

    Attributes:
        raw: the characters left as they are, beside ASCII letters and digits.
        space: what a space becomes.
        lower: whether the hex digits of escapes are small letters.
        charset: of the bytes that are escaped.
        beyond: what is done with characters beyond ASCII: ``escape`` them, leave them ``raw``, or
            write ``%uXXXX`` as JavaScript's ``escape`` does.
        instead: replacements made at last, each everywhere: (old, new).
        first: the same, each at the first place only, as JavaScript's ``replace`` does.
        times: how often it is applied; 0 leaves the text as it is.
    """

    raw: str = UNRESERVED
    space: str = "%20"
    lower: bool = False
    charset: str = "utf-8"
    beyond: str = "escape"
    instead: tuple[tuple[str, str], ...] = ()
    first: tuple[tuple[str, str], ...] = ()
    times: int = 1
    _known: dict[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, text: str) -> str:
        """Return the text encoded."""
        known = self._known.get(text)
        if known is None:
            known = text
            for _ in range(self.times):
                known = self._once(known)
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            self._known[text] = known
        return known

    def _once(self, text: str) -> str:
        table = _table(self.raw, self.space, self.lower)
        if self.beyond == "escape":
            encoded = "".join([table[byte] for byte in in_bytes(text, self.charset)])
        else:
            encoded = "".join([self._single(character, table) for character in text])
        for old, new in self.instead:
            encoded = encoded.replace(old, new)
        for old, new in self.first:
            encoded = encoded.replace(old, new, 1)
        return encoded

    def _single(self, character: str, table: tuple[str, ...]) -> str:
        if character.isascii():
            return table[ord(character)]
        if self.beyond == "raw":
            return character
        units = character.encode("utf-16-be", "surrogatepass")
        codes = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
        return "".join(f"%{code:02X}" if code < 256 else f"%u{code:04X}" for code in codes)


@lru_cache(maxsize=512)
def _table(raw: str, space: str, lower: bool) -> tuple[str, ...]:
    escape = "%{:02x}" if lower else "%{:02X}"
    kept = frozenset(_LETTERS + raw)
    table = [chr(byte) if chr(byte) in kept else escape.format(byte) for byte in range(256)]
    table[ord(" ")] = space
    return tuple(table)


RIGHT = Encoder()
AS_IS = Encoder(times=0)


@lru_cache(maxsize=1024)
def changed(encoder: Encoder, **changes: object) -> Encoder:
    """Return an encoder that differs in some fields; the same one for the same changes."""
    return replace(encoder, **changes, _known={})  # type: ignore[arg-type]


# --- what real libraries do ------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Library:
    """A function of a library that encodes, and the repairs that people write after it."""

    name: str
    raw: str
    space: str = "%20"
    lower: bool = False
    beyond: str = "escape"
    repairs: tuple[str, ...] = ()


#: replace("+", "%20"), replace("*", "%2A"), replace("%7E", "~"): each may be missing.
_OF_FORMS = ("+", "*", "~")
_MARKS = ("!", "'", "(", ")", "*")

LIBRARIES = (
    # Forms (application/x-www-form-urlencoded) and what comes near to them.
    Library(name="Java's URLEncoder", raw="-_.*", space="+", repairs=_OF_FORMS),
    Library(name="PHP's urlencode", raw="-_.", space="+", repairs=_OF_FORMS),
    Library(name="Python's quote_plus", raw="-_.~", space="+", repairs=("+",)),
    Library(name="Python's quote_plus with a safe slash", raw="-_.~/", space="+"),
    Library(name=".NET's WebUtility.UrlEncode", raw="-_.!*()", space="+",
            repairs=(*_OF_FORMS, "!", "(", ")")),
    Library(name=".NET's HttpUtility.UrlEncode", raw="-_.!*()", space="+", lower=True,
            repairs=(*_OF_FORMS, "!", "(", ")")),
    Library(name="qs in the format RFC1738", raw="-_.~()", space="+"),
    Library(name="jQuery's param", raw="-_.~!'()*", space="+", repairs=("+",)),
    # For a part of a URL.
    Library(name="JavaScript's encodeURIComponent", raw="-_.~!'()*", repairs=_MARKS),
    Library(name="Python's quote", raw="-_.~/", repairs=("/",)),
    Library(name="Python 2's quote", raw="-_./", repairs=("/", "~")),
    Library(name="PHP's rawurlencode before 5.3", raw="-_.", repairs=("~",)),
    Library(name="Go's PathEscape", raw="-_.~$&+=:@", repairs=("$", "&", "+", "=", ":", "@")),
    Library(name="Guava's urlPathSegmentEscaper", raw="-_.~!$'()*,;&=@:+"),
    Library(name="Spring's UriUtils.encodeQueryParam", raw="-_.~!$'()*+,;:@/?"),
    Library(name="OkHttp's addQueryParameter", raw="-_.*+"),
    Library(name="Alamofire's URLEncoding", raw="-_.~/?"),
    Library(name="Swift's urlHostAllowed", raw="!$&'()*+,-.:;=[]_~", repairs=("+", "&", "=")),
    Library(name="Swift's urlPathAllowed", raw="!$&'()*+,-./:=@_~"),
    Library(name="Swift's urlUserAllowed", raw="!$&'()*+,-.;=_~"),
    # For a whole URL.
    Library(name="JavaScript's encodeURI", raw=";,/?:@&=+$-_.!~*'()#",
            repairs=("/", ":", "+", "&", "=")),
    Library(name="Swift's urlQueryAllowed", raw="!$&'()*+,-./:;=?@_~",
            repairs=("+", "&", "=", "/", ":")),
    Library(name=".NET's Uri.EscapeUriString", raw=":/?#[]@!$&'()*+,;=-_.~"),
    Library(name="Ruby's URI.escape", raw=";/?:@&=+$,[]-_.!~*'()"),
    # That encode too much, or in a way of their own.
    Library(name="Swift's alphanumerics", raw=""),
    Library(name="a pattern like [^A-Za-z0-9_]", raw="_"),
    Library(name="JavaScript's escape", raw="@*_+-./", beyond="%u",
            repairs=("+", "/", "*", "@")),
    Library(name="a pattern with \\w that knows Unicode", raw="-_.~", beyond="raw"),
)  # fmt: skip


def repaired(encoder: Encoder, repair: str) -> Encoder:
    """Return an encoder with a repair after it, named by the character that it sets right."""
    if repair == "+" and encoder.space == "+":
        return changed(encoder, space="%20")
    if repair in UNRESERVED:
        return changed(encoder, raw="".join(sorted({*encoder.raw, repair})))
    return changed(encoder, raw=encoder.raw.replace(repair, ""))


def _subsets(repairs: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    # All of up to four; of more, each by itself, all but each, and all: 2^n help nobody.
    whole = range(len(repairs) + 1) if len(repairs) <= 4 else (0, 1, len(repairs) - 1, len(repairs))
    for size in whole:
        yield from combinations(repairs, size)


@lru_cache(maxsize=1)
def compositions() -> tuple[Encoder, ...]:
    """Return every library's encoder with every usual set of repairs, the plainest first."""
    found: dict[tuple[object, ...], Encoder] = {}
    levels: list[list[Encoder]] = [[], [], []]
    for library in LIBRARIES:
        base = Encoder(
            raw=library.raw, space=library.space, lower=library.lower, beyond=library.beyond
        )
        for repairs in _subsets(library.repairs):
            encoder = base
            for repair in repairs:
                encoder = repaired(encoder, repair)
            levels[min(len(repairs), 2)].append(encoder)
    for encoder in (encoder for level in levels for encoder in level):
        key = (frozenset(encoder.raw), encoder.space, encoder.lower, encoder.beyond)
        found.setdefault(key, encoder)
    return tuple(found.values())


def _home_made(alphabet: Iterable[str]) -> Iterator[Encoder]:
    """Yield encoders of nobody's that leave one more character raw, or one fewer."""
    for character in alphabet:
        if character in UNRESERVED:
            yield changed(RIGHT, raw=RIGHT.raw.replace(character, ""))
        elif character not in " %" and character.isascii() and not character.isalnum():
            yield changed(RIGHT, raw=RIGHT.raw + character)
    yield changed(RIGHT, space="+")
    yield changed(RIGHT, space=" ")
    # The "+" of a form made safe before, or instead of, the one that stands for a space.
    yield changed(RIGHT, space="%2B")
    yield changed(RIGHT, beyond="raw")
    marks = [mark for mark in _MARKS if mark in alphabet]
    # toString(16) after encodeURIComponent gives %2a beside escapes in capitals.
    yield changed(RIGHT, instead=(("%2A", "%2a"),))
    # JavaScript's replace() with a text changes the first place alone.
    if marks:
        base = changed(RIGHT, raw=RIGHT.raw + "".join(_MARKS))
        firsts = tuple((mark, f"%{ord(mark):02X}") for mark in _MARKS)
        yield changed(base, first=firsts)
        yield changed(changed(RIGHT, raw=RIGHT.raw + "*"), first=(("*", "%2A"),))
    yield changed(changed(RIGHT, space="+"), first=(("+", "%20"),))


def distinct(texts: Iterable[str]) -> tuple[tuple[Encoder, ...], tuple[Encoder, ...]]:
    """Return the encoders that encode one of these texts wrongly, those that agree only once.

    First those of libraries, and right ones but for their small letters; then those of nobody's.
    """
    samples = tuple(dict.fromkeys(texts))
    alphabet = sorted({character for text in samples for character in text})
    # What a character becomes decides everything, but for "first".
    probes = (*(c for c in alphabet if not (c.isascii() and c.isalnum())), "%")
    found: set[object] = set()

    def new(encoders: Iterable[Encoder]) -> Iterator[Encoder]:
        for encoder in encoders:
            parts = samples if encoder.first else probes
            outcome = (bool(encoder.first), tuple(map(encoder, parts)))
            if outcome not in found:
                found.add(outcome)
                yield encoder

    list(new([RIGHT]))
    real = tuple(new((changed(RIGHT, lower=True), *compositions())))
    others = tuple(new(_home_made(alphabet)))
    small = new(changed(encoder, lower=True) for encoder in (*real, *others) if not encoder.lower)
    return real, (*others, *small)


# --- what differs ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How an encoder's output differs from the right one for some texts.

    Attributes:
        raw: characters left as they are that must be escaped.
        escaped: characters that must stand as they are, and are escaped.
        space: what a space became; empty where it became %20.
        lower: whether escapes have small letters.
        beyond: whether characters beyond ASCII became something else than escapes of UTF-8.
        partly: whether one character is encoded in one place and not in another.
    """

    raw: str = ""
    escaped: str = ""
    space: str = ""
    lower: bool = False
    beyond: bool = False
    partly: bool = False


def difference(encoder: Encoder, texts: Iterable[str]) -> Difference:
    """Return how an encoder differs from the right one for these texts."""
    samples = [text for text in texts if encoder(text) != RIGHT(text)]
    raw, escaped, space, lower, beyond = "", "", "", False, False
    for character in sorted({character for text in samples for character in text}):
        was, right = encoder(character), RIGHT(character)
        if (encoder.space if character == " " else character) in [old for old, _ in encoder.first]:
            was = encoder.space if character == " " else character  # as at every later place
        if was == right:
            continue
        if character == " ":
            space = was
        elif was == character:
            raw += character if character.isascii() else ""
            beyond |= not character.isascii()
        elif right == character:
            escaped += character
        elif was.upper() == right.upper():
            lower = True
        else:
            beyond = True
    return Difference(
        raw=raw,
        escaped=escaped,
        space=space,
        lower=lower,
        beyond=beyond,
        partly=bool(encoder.first),
    )


def who_does(encoder: Encoder, texts: Iterable[str]) -> tuple[str, ...]:
    """Return the libraries whose output for these texts is the encoder's, with nothing repaired."""
    samples = tuple(texts)
    wanted = [encoder(text) for text in samples]
    names = []
    for library in LIBRARIES:
        one = Encoder(
            raw=library.raw, space=library.space, lower=library.lower, beyond=library.beyond
        )
        if [one(text) for text in samples] == wanted:
            names.append(library.name)
    return tuple(names)
