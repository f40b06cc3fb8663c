"""What a value or name may have been before something on the way to the wire changed it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, quote_plus, unquote

from pytest_rtcmpu.signatures.verify import Pair

#: How languages write the absence of a value as text.
NOTHING = ("", "null", "None", "undefined", "nil")

_INTEGER = re.compile("-?[0-9]{1,18}").fullmatch
_DECIMAL = re.compile(r"(-?[0-9]{1,18})\.0+").fullmatch
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?", re.ASCII
).fullmatch
_TO_SECONDS = "%Y-%m-%dT%H:%M:%S"
_TRUTHS = (("true", "True", "TRUE", "1"), ("false", "False", "FALSE", "0"))


def _numbers(value: str) -> Iterator[str]:
    if _INTEGER(value):
        number = int(value)
        yield from (str(number + 1), str(number - 1), f"{value}.0", f"{value}.00", f"0{value}")
        yield from (f"+{value}", f"{number:,}", f"{number:x}", f"0x{number:x}", f"0x{number:06x}")
        yield from (str(number), f"{number:02d}", f"{number:.6f}", f"{number:e}", f"{number}L")
        yield f"#{number:06x}"
    elif match := _DECIMAL(value):
        yield match[1]
    for words in _TRUTHS:
        if value in words:
            yield from words


def _texts(value: str) -> Iterator[str]:
    yield from (value.strip(), value.lower(), value.upper(), unquote(value))
    yield from (quote(value), quote(value, safe=""), quote(value, safe="~"), quote_plus(value))
    yield from (f"{value} ", f" {value}", f"{value}\n", f"{value}\r\n", f"\ufeff{value}")
    yield from (json.dumps(value), json.dumps(value, ensure_ascii=False), f"'{value}'")
    yield from (f"[{value}]", repr(value.encode("utf-8", "replace")), value.capitalize())
    yield from (html.escape(value), html.unescape(value), html.escape(value, quote=False))
    yield from (" ".join(value.split()), value.replace(" ", ""), value.replace(" ", "+"))
    yield from (value.replace("+", " "), value.replace("/", "\\/"), value.replace("\n", "\r\n"))
    yield from (value.strip("\"'"), value.rstrip("/"), f"{value}/")
    for mark in "?#&":
        if mark in value:
            yield value.partition(mark)[0]
    if re.fullmatch("[0-9a-fA-F-]{32,36}", value):
        plain = value.replace("-", "")
        dashed = "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))
        yield from (plain, dashed, plain.upper(), dashed.upper(), f"{{{dashed}}}")


def _moment(value: str) -> datetime | None:
    match = _TIME(value)
    if match is None:
        return None
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or ':00'}").replace(
            tzinfo=UTC
        )
    except ValueError:
        return None


def _spellings(moment: datetime) -> Iterator[str]:
    text = f"{moment:{_TO_SECONDS}}"
    yield from (f"{text}{tail}" for tail in ("Z", "", "+00:00", "+0000", "+08:00", "+0800", "UTC"))
    yield from (f"{text}{tail}" for tail in (".000Z", ".0Z", ".000000Z", ".000", ".000+00:00"))
    yield from (f"{text.replace('T', ' ')}{tail}" for tail in ("", "Z", " UTC", "+00:00"))
    yield from (f"{moment:%Y-%m-%dT%H:%M}Z", f"{moment:%Y-%m-%dT%H:%M}", f"{moment:%Y-%m-%d}")
    yield from (f"{moment:%Y%m%dT%H%M%SZ}", f"{moment:%Y%m%d%H%M%S}")
    yield from (f"{text}z", f"{text.lower()}z", f"{moment:%a, %d %b %Y %H:%M:%S GMT}")
    # With the hours of a twelve-hour clock, of a day that begins at 24, of minutes for months.
    yield from (f"{moment:%Y-%m-%dT%I:%M:%SZ}", f"{moment:%Y-%M-%dT%H:%m:%SZ}")
    seconds = int(moment.timestamp())
    yield from (str(seconds), f"{seconds}000")


def _times(value: str) -> Iterator[str]:
    moment = _moment(value)
    if moment is None:
        return
    yield from _spellings(moment)
    for quarters in range(-12 * 4, 14 * 4 + 1, 2):
        try:
            yield from (
                _spellings(moment + timedelta(minutes=15 * quarters))
                if quarters % 4 == 0
                else (f"{moment + timedelta(minutes=15 * quarters):{_TO_SECONDS}}Z",)
            )
        except OverflowError:
            continue


def other_moments(value: str) -> Iterator[str]:
    """Yield times near to one: with each millisecond, and up to two minutes before and after."""
    moment = _moment(value)
    if moment is None:
        return
    text = f"{moment:{_TO_SECONDS}}"
    for millisecond in range(1, 1000):
        yield f"{text}.{millisecond:03d}Z"
    for seconds in range(1, 121):
        for sign in (-1, 1):
            try:
                yield f"{moment + timedelta(seconds=sign * seconds):{_TO_SECONDS}}Z"
            except OverflowError:
                continue


def usual_values(value: str) -> tuple[str, ...]:
    """Return what a value most likely was: few enough to be tried beside another mistake."""
    # Half of what breaks in two places at once is a missing value, a space, or a number's form.
    found = [*NOTHING[:4], value.strip(), f"{value} ", f"{value}\n", unquote(value), quote(value)]
    found += [*_numbers(value)][:4]
    return tuple(dict.fromkeys(one for one in found if one != value))


def usual_times(value: str) -> tuple[str, ...]:
    """Return what a time most likely was: in another form, or in China's time zone or from it."""
    moment = _moment(value)
    if moment is None:
        return ()
    found = [*_spellings(moment)][:9]
    for hours in (8, -8):
        try:
            found.append(f"{moment + timedelta(hours=hours):{_TO_SECONDS}}Z")
        except OverflowError:
            continue
    return tuple(dict.fromkeys(one for one in found if one != value))


def other_values(value: str) -> tuple[str, ...]:
    """Return what a value may have been when it was signed."""
    found = [*NOTHING, *_numbers(value), *_texts(value), *_times(value)]
    return tuple(dict.fromkeys(one for one in found if one != value))


def other_names(name: str) -> tuple[str, ...]:
    """Return how a name may have been spelt when it was signed."""
    found = [re.sub("ID\\b", "Id", name), re.sub("Id\\b", "ID", name)]
    found += [re.sub("URL\\b", "Url", name), re.sub("Url\\b", "URL", name)]
    found += [name[:1].lower() + name[1:], name[:1].upper() + name[1:], name.lower(), name.upper()]
    found += [re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower(), name.strip(), unquote(name)]
    found += [re.sub("(?<=[a-z])(?=[A-Z])", "-", name).lower(), f"{name} ", f" {name}"]
    found += [name.replace(".", "_"), re.sub(r"\.([0-9]+)", r"[\1]", name)]
    return tuple(dict.fromkeys(one for one in found if one != name))


#: Changes that a client makes to each value alike.
TO_EACH_VALUE: dict[str, Callable[[str], str]] = {
    "without the space around them": str.strip,
    "in small letters": str.lower,
    "in capitals": str.upper,
    "in JSON": json.dumps,
    "in double quotes": lambda value: f'"{value}"',
    "with escapes for HTML": html.escape,
    "with a space after them": lambda value: f"{value} ",
    "with numbers as decimals": lambda value: f"{value}.0" if _INTEGER(value) else value,
    "with decimals as integers": lambda value: re.sub(r"^(-?[0-9]+)\.0+$", r"\1", value),
    "with True for true": lambda value: value.capitalize() if value in ("true", "false") else value,
    "with true for True": lambda value: value.lower() if value in ("True", "False") else value,
    "with 1 and 0 for true and false": lambda value: {"true": "1", "false": "0"}.get(
        value.lower(), value
    ),
    "with null for none": lambda value: value or "null",
    "with None for none": lambda value: value or "None",
    "with undefined for none": lambda value: value or "undefined",
    "with none for null": lambda value: "" if value in NOTHING else value,
    "as bytes": lambda value: repr(value.encode("utf-8", "replace")),
    "in square brackets": lambda value: f"['{value}']",
}

#: Changes that a client makes to each name alike.
TO_EACH_NAME: dict[str, Callable[[str], str]] = {
    "in small letters": str.lower,
    "in capitals": str.upper,
    "with a small first letter": lambda name: name[:1].lower() + name[1:],
    "with a capital first letter": lambda name: name[:1].upper() + name[1:],
    "with Id for ID": lambda name: re.sub("ID\\b", "Id", name),
    "with ID for Id": lambda name: re.sub("Id\\b", "ID", name),
}


# --- lists -----------------------------------------------------------------------------------

_ITEM = re.compile(r"(.+?)\.([0-9]{1,6})((?:\..+)?)").fullmatch


def _styled(change: Callable[[str, int, str], str], pairs: tuple[Pair, ...]) -> tuple[Pair, ...]:
    found = []
    for name, value in pairs:
        match = _ITEM(name)
        found.append((change(match[1], int(match[2]), match[3]) if match else name, value))
    return tuple(found)


_STYLES: dict[str, Callable[[str, int, str], str]] = {
    "numbered one lower": lambda head, n, tail: f"{head}.{n - 1}{tail}",
    "numbered one higher": lambda head, n, tail: f"{head}.{n + 1}{tail}",
    "as name[n]": lambda head, n, tail: f"{head}[{n}]{tail}",
    "as name[n], one lower": lambda head, n, tail: f"{head}[{n - 1}]{tail}",
    "as name[n][field]": lambda head, n, tail: f"{head}[{n}]" + (f"[{tail[1:]}]" if tail else ""),
    "as name[]": lambda head, n, tail: f"{head}[]{tail}",
    "all under the list's name": lambda head, n, tail: f"{head}{tail}",
    "as name.member.n": lambda head, n, tail: f"{head}.member.{n}{tail}",
    "without a dot": lambda head, n, tail: f"{head}{n}{tail}",
}


def _as_number(value: str) -> object:
    return int(value) if _INTEGER(value) and str(int(value)) == value else value


def _written(items: list[object]) -> Iterator[str]:
    for separators in ((",", ":"), (", ", ": ")):
        for ascii in (True, False):
            yield json.dumps(items, separators=separators, ensure_ascii=ascii)
    yield str(items)
    if not any(isinstance(item, dict) for item in items):
        yield from (
            ",".join(map(str, items)),
            ", ".join(map(str, items)),
            " ".join(map(str, items)),
        )
        yield f"[{' '.join(map(str, items))}]"


def _wholes(pairs: tuple[Pair, ...], head: str) -> Iterator[str]:
    """Yield a list as one text, in each way that it may be written."""
    for read in (_as_number, str):
        fields: dict[int, dict[str, object]] = {}
        plain: dict[int, object] = {}
        for name, value in pairs:
            match = _ITEM(name)
            if match is None or match[1] != head:
                continue
            number, tail = int(match[2]), match[3][1:]
            if tail:
                fields.setdefault(number, {})[tail] = read(value)
            else:
                plain[number] = read(value)
        items: list[object] = list((fields or plain).values())
        yield from _written(items)


def other_lists(pairs: tuple[Pair, ...]) -> Iterator[tuple[tuple[Pair, ...], str]]:
    """Yield the pairs with lists signed in another form, and what form that is."""
    heads = list(dict.fromkeys(match[1] for name, _ in pairs if (match := _ITEM(name))))
    for called, change in _STYLES.items():
        styled = _styled(change, pairs)
        if styled != pairs:
            yield styled, f"lists {called}"
        for head in heads if len(heads) > 1 else ():
            mine = tuple(p for p in pairs if (m := _ITEM(p[0])) and m[1] == head)
            rest = tuple(p for p in pairs if p not in mine)
            yield (*rest, *_styled(change, mine)), f"{head} {called}"
    whole: list[Pair] = []
    for head in heads:
        rest = tuple(p for p in pairs if not ((m := _ITEM(p[0])) and m[1] == head))
        for text in dict.fromkeys(_wholes(pairs, head)):
            yield (*rest, (head, text)), f"{head} as one text, {text[:80]}"
        whole.append((head, next(_wholes(pairs, head))))
    if len(heads) > 1:
        rest = tuple(p for p in pairs if not _ITEM(p[0]))
        yield (*rest, *whole), "lists as JSON"
    for name, value in pairs:
        yield from _from_json(pairs, name, value)


def _from_json(
    pairs: tuple[Pair, ...], name: str, value: str
) -> Iterator[tuple[tuple[Pair, ...], str]]:
    """Yield the pairs with one that arrived as JSON signed item by item."""
    if value[:1] != "[":
        return
    try:
        items = json.loads(value)
    except (ValueError, RecursionError):
        return
    rest = tuple(pair for pair in pairs if pair[0] != name)
    for base in (0, 1):
        found: list[Pair] = []
        for at, item in enumerate(items, base):
            fields = item.items() if isinstance(item, dict) else ((None, item),)
            found += ((f"{name}.{at}.{k}" if k else f"{name}.{at}", str(v)) for k, v in fields)
        yield (*rest, *found), f"{name} item by item, from {base}"
