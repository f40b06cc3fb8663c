"""One judge for each kind of value: a text on the wire, and the rules that it breaks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from pytest_rtcmpu.contract import Contract, Parameter
from pytest_rtcmpu.rules.verdicts import Verdicts, shown
from pytest_rtcmpu.values import colours
from pytest_rtcmpu.values.text import some

# contract: "An Integer on the wire is ASCII digits with an optional leading minus."
_PLAIN_INTEGER = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
# "Forms the sources are silent on (leading plus, leading zeros, surrounding spaces, other
# scripts' digits) are never generated as valid nor as invalid."
_OPEN_INTEGER = re.compile(r"\s*[+-]?\d+\s*")
#: Decimal digits with a point or none; the same silence holds of other forms.
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_OPEN_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*")
#: Longer than any documented value; int() refuses thousands of digits.
_MAX_DIGITS = 40


def integer(text: str) -> int | None:
    """Return the integer that a wire text means, open forms included, or ``None``."""
    return _integer_of(text) if len(text) <= _MAX_DIGITS else None


@lru_cache(maxsize=4096)
def _integer_of(text: str) -> int | None:
    return int(text) if _OPEN_INTEGER.fullmatch(text) else None


def number(text: str) -> float | None:
    """Return the number that a wire text means, open forms included, or ``None``."""
    return float(text) if len(text) <= _MAX_DIGITS and is_number(text) else None


def is_integer(text: str) -> bool:
    """Whether a wire text is an Integer, in an open form or a plain one of any length."""
    return _OPEN_INTEGER.fullmatch(text) is not None


def is_number(text: str) -> bool:
    """Whether a wire text is a decimal number, in an open form or a plain one of any length."""
    return _OPEN_NUMBER.fullmatch(text) is not None


def is_open_integer(text: str) -> bool:
    """Whether a wire text is an Integer only in a form that the sources are silent on."""
    return _PLAIN_INTEGER.fullmatch(text) is None and _OPEN_INTEGER.fullmatch(text) is not None


def value_of(p: Parameter, text: str) -> int | float | bool | str | None:
    """Return what a wire text means to a parameter, or ``None`` where it means nothing."""
    if p.is_integer:
        return integer(text)
    if p.kind == "float":
        return number(text)
    if p.kind == "boolean":
        return _BOOLEANS.get(text)
    return text


def same_value(p: Parameter, given: object, text: str) -> bool:
    """Whether a wire text is what was given; a number by its value."""
    if p.is_integer and is_integer(text):
        return bool(integer(text) == given)
    if p.kind == "float" and is_number(text):
        return bool(number(text) == given)
    if isinstance(given, bool):
        return _BOOLEANS.get(text) is given
    return text == str(given)


_BOOLEANS = {"true": True, "false": False}


def wire_text(value: object) -> str:
    """Return a value as it stands on the wire."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _plain_number(value)
    return str(value)


def _plain_number(value: float) -> str:
    """A float without an exponent, which no page shows."""
    text = repr(value)
    if "e" in text:
        text = f"{value:.20f}".rstrip("0")
        text += "0" if text.endswith(".") else ""
    return text


# --------------------------------------------------------------------------------- the judges


def _string(run: Verdicts, p: Parameter, path: str, text: str) -> None:
    if p.values:
        _listed(run, p, path, text)
        return
    if p.alphabet is not None and not _only(p.alphabet, text):
        run.problem("alphabet", p.path, path, f"characters of {p.alphabet}", shown(text))
    if not _fits(p, text):
        most = p.maximum_bytes or p.maximum_characters
        unit = "characters" if p.maximum_bytes is None else "bytes of UTF-8"
        run.problem("length", p.path, path, f"at most {most} {unit}", shown(text))


def _listed(run: Verdicts, p: Parameter, path: str, text: str) -> None:
    if text in p.wire_values:
        return
    # "case matters (reading)": a rule of its own, since the list itself is surer than that.
    cased = text.casefold() in {value.casefold() for value in p.wire_values}
    expected = f"one of {', '.join(str(row.value) for row in p.values)}"
    run.problem("case" if cased else "enum", p.path, path, expected, shown(text))


@lru_cache(maxsize=64)
def _pattern(alphabet: str) -> re.Pattern[str]:
    return re.compile(f"(?:{alphabet})*")


def _only(alphabet: str, text: str) -> bool:
    return _pattern(alphabet).fullmatch(text) is not None


def _fits(p: Parameter, text: str) -> bool:
    if p.maximum_bytes is not None and len(text.encode("utf-8", "replace")) > p.maximum_bytes:
        return False
    return p.maximum_characters is None or len(text) <= p.maximum_characters


def is_plain_string(p: Parameter, text: str) -> bool:
    """Whether the judge of strings has nothing to say of a text that is there."""
    return bool(text) and (p.alphabet is None or _only(p.alphabet, text)) and _fits(p, text)


def _integer(run: Verdicts, p: Parameter, path: str, text: str) -> None:
    if text in p.wire_values:  # an enumeration's own spelling, which is the plain one
        return
    if not _PLAIN_INTEGER.fullmatch(text):
        if not is_integer(text):
            lead = colours.in_words(text) if p.is_colour else ""
            run.problem("integer", p.path, path, "an Integer", shown(text), lead=lead)
            return
        run.note("silence.integer-form", path, shown(text))
    value = integer(text)
    if p.values:
        if value is None or str(value) not in p.wire_values:
            expected = f"one of {', '.join(str(row.value) for row in p.values)}"
            run.problem("enum", p.path, path, expected, shown(text))
    elif p.values_from is not None:
        if value not in run.contract.layouts:
            expected = f"a known layout, one of {some(run.contract.layouts)}"
            lead = _registering(run.contract, value)
            run.problem("known", p.path, path, expected, shown(text), lead=lead)
    else:
        _range(run, p, path, text, value)


def _registering(contract: Contract, value: int | None) -> str:
    """What makes a layout known, where it may be a user's own."""
    if value is None or value <= contract.reserved_layouts_up_to:
        return ""
    return (
        f"endpoint.register_layout({value}, panes) makes it known, to "
        "endpoint.contract too: give contract=endpoint.contract"
    )


def _float(run: Verdicts, p: Parameter, path: str, text: str) -> None:
    if not _PLAIN_NUMBER.fullmatch(text):
        if not is_number(text):
            run.problem("number", p.path, path, "a decimal number", shown(text))
            return
        run.note("silence.number-form", path, shown(text))
    _range(run, p, path, text, number(text))


def _range(run: Verdicts, p: Parameter, path: str, text: str, value: float | None) -> None:
    low, high = p.limits
    if (low, high) == (None, None):
        return
    # ``None``: of more digits than any number that could be meant.
    if value is None or not p.allows(value):
        run.problem("range", p.path, path, range_text(p), shown(text))


def range_text(p: Parameter) -> str:
    """Return a number's limits as a message shows them: ``0…15``, or with what they exclude."""
    low, high = p.limits
    left = "" if low is None else f"{low}{' <' if 'minimum' in p.excludes else ''}"
    right = "" if high is None else f"{'< ' if 'maximum' in p.excludes else ''}{high}"
    return f"{left}…{right}"


def _boolean(run: Verdicts, p: Parameter, path: str, text: str) -> None:
    if text not in _BOOLEANS:
        run.problem("boolean", p.path, path, "true or false", shown(text))


# RFC 3986: scheme ":" "//" authority path, the rest being query and fragment.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?#]*)([^?#]*))?.*", re.DOTALL)


def _url_parts(text: str) -> tuple[str, bool]:
    """Return the scheme, and whether there are a host and a path that is not empty."""
    match = _URL.fullmatch(text)
    if match is None:
        return "", False
    host = (match[2] or "").rpartition("@")[2].partition(":")[0]
    return match[1].lower(), bool(host and match[3])


def is_plain_url(schemes: Sequence[str], text: str) -> bool:
    """Whether the judge of URLs has nothing to say of a text."""
    scheme, is_whole = _url_parts(text)
    return is_whole and scheme in schemes


def _url(run: Verdicts, p: Parameter, path: str, text: str) -> None:
    scheme, is_whole = _url_parts(text)
    if scheme not in p.schemes:
        if scheme in p.silent_schemes:
            run.note(p.silent_schemes[scheme], path, shown(text))
        elif scheme:
            expected = f"a URL with scheme {' or '.join(p.schemes)}"
            run.problem("scheme", p.path, path, expected, shown(text))
            return
    # "StreamURL is valid when it is an absolute rtmp:// URL with a host and a non-empty path."
    if not is_whole:
        expected = "an absolute URL with host and path"
        run.problem("url", p.path, path, expected, shown(text))


#: What judges a value of each kind.
JUDGES: Mapping[str, Callable[[Verdicts, Parameter, str, str], None]] = {
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "float": _float,
    "boolean": _boolean,
    "url": _url,
}
