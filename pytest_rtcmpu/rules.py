"""Judging an operation's parameters: ordered pairs in, every broken rule out.

The one place where a value meets the contract. The model asks when a task is made, the endpoint
when a request comes in, the strategies when they promise that exactly one rule is broken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import urlsplit

from pytest_rtcmpu.contract import Clause, Contract, Parameter, Silence

Pairs = Sequence[tuple[str, str]]

# contract: "An Integer on the wire is ASCII digits with an optional leading minus."
_PLAIN_INTEGER = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
# "Forms the sources are silent on (leading plus, leading zeros, surrounding spaces, other
# scripts' digits) are never generated as valid nor as invalid."
_OPEN_INTEGER = re.compile(r"\s*[+-]?\d+\s*")
_INDEX = re.compile(r"0|[1-9][0-9]{0,5}", re.ASCII)
#: Longer than any documented value; int() refuses thousands of digits.
_MOST_DIGITS = 40


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A broken rule: where, what was expected, what came, and the clause."""

    path: str
    expected: str
    got: str
    clause: Clause

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {self.got} ({self.clause.id})"


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something the sources leave open that a request makes use of."""

    path: str
    silence: Silence
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}: {self.silence.text} ({self.silence.id})"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What is wrong with a request's parameters, in the order in which it is answered."""

    problems: tuple[Problem, ...]
    notes: tuple[Note, ...]


@dataclass(kw_only=True)
class Collected:
    """A request's parameters, gathered under the names of the contract; raw texts throughout."""

    scalars: dict[str, str] = field(default_factory=dict)
    #: Under which of its names a scalar came.
    names: dict[str, str] = field(default_factory=dict)
    lists: dict[str, dict[int, str]] = field(default_factory=dict)
    structs: dict[str, dict[int, dict[str, str]]] = field(default_factory=dict)
    #: Names sent more than once; the first one counts.
    repeated: list[str] = field(default_factory=list)
    #: (silence id, name) of what could not be gathered.
    open: list[tuple[str, str]] = field(default_factory=list)


def shown(text: str) -> str:
    """Return a value as a message shows it: quoted, and not endless."""
    return repr(text) if len(text) <= 80 else f"{text[:77]!r}… ({len(text)} characters)"


def collect(pairs: Iterable[tuple[str, str]], contract: Contract) -> Collected:
    """Gather the contract's parameters out of pairs; others are ignored."""
    found = Collected()
    by_name = contract.parameters_by_wire_name
    for name, value in pairs:
        parameter = by_name.get(name)
        if parameter is not None:
            _gather_scalar(found, parameter, name, value)
            continue
        top, dot, rest = name.partition(".")
        parameter = by_name.get(top) if dot else None
        if parameter is not None and parameter.bases:
            _gather_item(found, parameter, name, rest, value)
    return found


def _gather_scalar(found: Collected, parameter: Parameter, name: str, value: str) -> None:
    if parameter.bases:
        found.open.append(("silence.bare-list", name))
    elif parameter.name not in found.scalars:
        found.scalars[parameter.name] = value
        found.names[parameter.name] = name
    elif found.names[parameter.name] == name:
        found.repeated.append(name)
    else:
        found.open.append(("silence.task-id-twice", name))


def _gather_item(found: Collected, parameter: Parameter, name: str, rest: str, value: str) -> None:
    index, dot, item_field = rest.partition(".")
    if not _INDEX.fullmatch(index):
        found.open.append(("silence.list-index", name))
        return
    if parameter.kind == "struct-list":
        if not dot:
            found.open.append(("silence.bare-list", name))
            return
        place: dict[str, str] = found.structs.setdefault(parameter.name, {}).setdefault(
            int(index), {}
        )
        if item_field in place:
            found.repeated.append(name)
        place.setdefault(item_field, value)
    elif dot:
        found.open.append(("silence.list-index", name))
    else:
        items = found.lists.setdefault(parameter.name, {})
        if int(index) in items:
            found.repeated.append(name)
        items.setdefault(int(index), value)


def integer(text: str) -> int | None:
    """Return the integer that a wire text means, open forms included, or ``None``."""
    if len(text) <= _MOST_DIGITS and _OPEN_INTEGER.fullmatch(text):
        return int(text)
    return None


def is_integer(text: str) -> bool:
    """Whether a wire text is an Integer, in an open form or a plain one of any length."""
    return _OPEN_INTEGER.fullmatch(text) is not None


def is_open_integer(text: str) -> bool:
    """Whether a wire text is an Integer only in a form that the sources are silent on."""
    return _PLAIN_INTEGER.fullmatch(text) is None and _OPEN_INTEGER.fullmatch(text) is not None


# --------------------------------------------------------------------- one judge for each kind


class _Judging:
    """One run over one request: what was gathered, and what was found so far."""

    def __init__(self, contract: Contract, found: Collected) -> None:
        self.contract = contract
        self.found = found
        self.notes: list[Note] = []

    def note(self, silence: str, path: str, detail: str) -> None:
        self.notes.append(Note(path=path, silence=self.contract.silence(silence), detail=detail))

    def problem(self, rule: str, name: str, path: str, expected: str, got: str) -> Problem:
        clause = self.contract.rule(name, rule)
        return Problem(path=path, expected=expected, got=got, clause=clause)


def _string(run: _Judging, p: Parameter, name: str, path: str, text: str) -> Iterator[Problem]:
    yield from ()


def _enum(run: _Judging, p: Parameter, name: str, path: str, text: str) -> Iterator[Problem]:
    if text in p.wire_values:
        return
    # "case matters (reading)": a rule of its own, since the list itself is surer than that.
    cased = text.casefold() in {value.casefold() for value in p.wire_values}
    expected = f"one of {', '.join(str(row.value) for row in p.values)}"
    yield run.problem("case" if cased else "enum", name, path, expected, shown(text))


def _integer(run: _Judging, p: Parameter, name: str, path: str, text: str) -> Iterator[Problem]:
    if not is_integer(text):
        yield run.problem("integer", name, path, "an Integer", shown(text))
        return
    if is_open_integer(text):
        run.note("silence.integer-form", path, shown(text))
    value = integer(text)
    if p.kind == "integer-enum":
        if value is None or str(value) not in p.wire_values:
            expected = f"one of {', '.join(str(row.value) for row in p.values)}"
            yield run.problem("enum", name, path, expected, shown(text))
    elif p.kind == "integer-list":
        if value not in run.contract.layouts:
            yield run.problem("known", name, path, "a known layout", shown(text))
    elif value is None or not _within(value, p.minimum, p.maximum):
        yield run.problem("range", name, path, f"{p.minimum}…{p.maximum}", shown(text))


def _within(value: int, minimum: int | None, maximum: int | None) -> bool:
    return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)


def _url(run: _Judging, p: Parameter, name: str, path: str, text: str) -> Iterator[Problem]:
    try:
        url = urlsplit(text)
        host = url.hostname
        _ = url.port
    except ValueError:
        yield run.problem("url", name, path, "an absolute URL", shown(text))
        return
    if url.scheme in {f"{scheme}s" for scheme in p.schemes}:
        run.note("silence.rtmps", path, shown(text))
    elif url.scheme and url.scheme not in p.schemes:
        yield run.problem(
            "scheme", name, path, f"a URL with scheme {' or '.join(p.schemes)}", shown(text)
        )
        return
    # "StreamURL is valid when it is an absolute rtmp:// URL with a host and a non-empty path."
    if not url.scheme or not host or not url.path:
        yield run.problem("url", name, path, "an absolute URL with host and path", shown(text))


_SCALAR: Mapping[str, Callable[[_Judging, Parameter, str, str, str], Iterator[Problem]]] = {
    "string": _string,
    "enum": _enum,
    "integer-enum": _integer,
    "integer": _integer,
    "url": _url,
}


def _indexes(run: _Judging, p: Parameter, indexes: Sequence[int]) -> Iterator[Problem]:
    first = indexes[0]
    if first not in p.bases:
        expected = " or ".join(f"{p.name}.{base}" for base in p.bases)
        yield run.problem("base", p.name, p.name, f"to start at {expected}", f"{p.name}.{first}")
    gap = next((a + 1 for a, b in pairwise(indexes) if b != a + 1), None)
    if gap is not None:
        got = f"{p.name}.{gap} is missing before {p.name}.{indexes[-1]}"
        yield run.problem("gaps", p.name, p.name, "no gaps", got)


def _list(run: _Judging, p: Parameter, items: Mapping[int, str]) -> Iterator[Problem]:
    indexes = sorted(items)
    yield from _indexes(run, p, indexes)
    for index in indexes:
        yield from _integer(run, p, p.name, f"{p.name}.{index}", items[index])


def _structs(run: _Judging, p: Parameter, items: Mapping[int, dict[str, str]]) -> Iterator[Problem]:
    indexes = sorted(items)
    yield from _indexes(run, p, indexes)
    for index in indexes:
        item = items[index]
        for part in p.fields:
            name, path = f"{p.name}.{part.name}", f"{p.name}.{index}.{part.name}"
            text = item.get(part.name)
            if text:
                yield from _SCALAR[part.kind](run, part, name, path, text)
            elif part.required:
                got = "nothing" if text is None else "an empty value"
                yield run.problem("required", name, path, "a value", got)


def judge(pairs: Iterable[tuple[str, str]], contract: Contract) -> Judgement:
    """Judge an operation's parameters. Problems come in the order in which they are answered.

    "required parameters in the table's order → value of each parameter in the table's order"
    """
    return judge_collected(collect(pairs, contract), contract)


def judge_collected(found: Collected, contract: Contract) -> Judgement:
    """Judge parameters that :func:`collect` has gathered."""
    run = _Judging(contract, found)
    absent: list[Problem] = []
    broken: list[Problem] = []
    for p in contract.parameters:
        if p.kind == "integer-list":
            items = found.lists.get(p.name)
            if items:
                broken += _list(run, p, items)
                continue
            got = "nothing"
        elif p.kind == "struct-list":
            structs = found.structs.get(p.name)
            if structs:
                broken += _structs(run, p, structs)
                continue
            got = "nothing"
        else:
            text = found.scalars.get(p.name)
            if text:
                broken += _SCALAR[p.kind](run, p, p.name, p.name, text)
                continue
            got = "nothing" if text is None else "an empty value"
        if p.required:
            absent.append(run.problem("required", p.name, p.name, "a value", got))
    for name in found.repeated:
        run.note("silence.repeated-parameter", name, "sent again")
    for silence, name in found.open:
        run.note(silence, name, "sent")
    if not absent and not broken:
        _combinations(run)
    return Judgement(problems=(*absent, *broken), notes=tuple(run.notes))


# ------------------------------------------------------- combinations that a later edition rules


def _lines(resolution: str | int | None) -> int:
    """The lines of a resolution such as ``720p``; 0 for audio only."""
    return int(str(resolution).removesuffix("p")) if resolution else 0


def _combinations(run: _Judging) -> None:
    """Note what S1 leaves open and S6 rules on ("warn, never fail")."""
    found, contract = run.found, run.contract
    rows = {p.name: {str(row.value): row.attributes for row in p.values} for p in _enums(contract)}
    profile_text, encode_text = found.scalars.get("TaskProfile"), found.scalars.get("MediaEncode")
    encode_value = integer(encode_text) if encode_text else None
    profile = rows.get("TaskProfile", {}).get(profile_text or "")
    encode = rows.get("MediaEncode", {}).get(str(encode_value))
    layout_ids = map(integer, found.lists.get("LayoutIds", {}).values())
    panes = [contract.layouts[i] for i in layout_ids if i is not None and i in contract.layouts]
    if profile is not None and encode is not None:
        lines = (_lines(row.get("resolution")) for row in (profile, encode))
        _profile_and_encode(run, *lines)
    inputs = int(profile.get("inputs", 0)) if profile is not None else 0
    if inputs and max(panes, default=0) > inputs:
        detail = f"{max(panes)} panes, {inputs} inputs"
        run.note("silence.layout-above-profile", "LayoutIds", detail)
    if len(panes) != len(set(panes)):
        run.note("silence.equal-pane-counts", "LayoutIds", f"pane counts {sorted(panes)}")
    ids = [integer(item["PaneId"]) for item in found.structs.get("UserPanes", {}).values()]
    if len(ids) != len(set(ids)):
        run.note("silence.repeated-pane-id", "UserPanes", f"PaneIds {ids}")
    outside = [i for i in ids if i is not None and i >= max(panes, default=0)]
    if outside:
        detail = f"PaneIds {outside}, at most {max(panes, default=0)} panes"
        run.note("silence.pane-outside-layouts", "UserPanes", detail)


def _profile_and_encode(run: _Judging, profile_lines: int, encode_lines: int) -> None:
    if bool(profile_lines) != bool(encode_lines):
        run.note("silence.audio-video-mix", "MediaEncode", "audio with video")
    elif encode_lines > profile_lines:
        detail = f"{encode_lines}p above {profile_lines}p"
        run.note("silence.resolution-above-profile", "MediaEncode", detail)


def _enums(contract: Contract) -> Iterator[Parameter]:
    return (p for p in contract.parameters if p.values)
