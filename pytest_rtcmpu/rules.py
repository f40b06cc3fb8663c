"""Judging an operation's parameters: ordered pairs in, every broken rule out.

The one place where a value meets the contract. The model asks when a task is made, the endpoint
when a request comes in, the strategies when they promise that exactly one rule is broken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import pairwise
from typing import TypeVar
from weakref import WeakKeyDictionary

from pytest_rtcmpu.contract import Clause, Contract, EnumValue, Parameter, Silence

Pairs = Sequence[tuple[str, str]]
_Key = TypeVar("_Key", int, str)

# contract: "An Integer on the wire is ASCII digits with an optional leading minus."
_PLAIN_INTEGER = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
# "Forms the sources are silent on (leading plus, leading zeros, surrounding spaces, other
# scripts' digits) are never generated as valid nor as invalid."
_OPEN_INTEGER = re.compile(r"\s*[+-]?\d+\s*")
_INDEX = re.compile(r"0|[1-9][0-9]{0,5}", re.ASCII)
#: Longer than any documented value; int() refuses thousands of digits.
_MAX_DIGITS = 40


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A broken rule: where, what was expected, what came, and the clause."""

    path: str
    expected: str
    got: str
    clause: Clause

    @property
    def parameter(self) -> str:
        """The parameter it is about: ``UserPanes`` for ``UserPanes.3.PaneId``."""
        return self.path.partition(".")[0]

    @property
    def clause_id(self) -> str:
        """The id of the clause."""
        return self.clause.id

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
    #: All that a judgement depends on: names and values, ``None`` for all that are judged alike.
    essence: list[str | None] = field(default_factory=list)


def as_pairs(pairs: Pairs | Mapping[str, str]) -> Pairs:
    """Return (name, value) pairs; a mapping's items are such.

    Raises:
        TypeError: for what is none.
    """
    listed = tuple(pairs.items()) if isinstance(pairs, Mapping) else tuple(pairs)
    for pair in listed:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"pairs: expected (name, value) pairs, got {pair!r}")
    return listed


def shown(text: str) -> str:
    """Return a value as a message shows it: quoted, and not endless."""
    return repr(text) if len(text) <= 80 else f"{text[:77]!r}… ({len(text)} characters)"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a parameter of that name belongs, or the silence about a name that belongs nowhere."""

    parameter: Parameter
    index: int = 0
    item_field: str = ""
    silence: str = ""
    #: Which texts are all judged alike, and whatever else was sent, where there are such.
    is_alike: Callable[[str], bool] | None = None


def _place(name: str, contract: Contract) -> _Place | None:
    """Return the place of a name, ``None`` if the contract does not know it."""
    parameter = contract.parameters_by_wire_name.get(name)
    if parameter is not None:
        silence = "silence.bare-list" if parameter.bases else ""
        return _Place(parameter, silence=silence, is_alike=_alike(parameter))
    top, _, rest = name.partition(".")
    parameter = contract.parameters_by_wire_name.get(top)
    if parameter is None or not parameter.bases:
        return None
    index, dot, item_field = rest.partition(".")
    if not _INDEX.fullmatch(index):
        return _Place(parameter, silence="silence.list-index")
    if parameter.kind == "struct-list":
        silence = "" if dot else "silence.bare-list"
        found = [_alike(part) for part in parameter.fields if part.name == item_field]
        is_alike = found[0] if found else None
    else:
        silence, is_alike = "silence.list-index" if dot else "", None
    return _Place(parameter, int(index), item_field, silence, is_alike)


def _alike(parameter: Parameter) -> Callable[[str], bool] | None:
    """Return what tells the texts of a parameter that are all good, and need no note."""
    if parameter.kind == "string":
        return bool
    if parameter.kind == "url":
        return partial(_is_plain_url, parameter.schemes)
    return None


#: The longest name, and how many, that are kept with their places.
_MAX_NAME, _MAX_NAMES = 64, 2048
#: How many judgements are kept, and of how large requests.
_MAX_JUDGEMENTS, _MAX_TEXTS, _MAX_CHARACTERS = 512, 200, 2048


class _Known:
    """What has been worked out about a contract, so as not to do it again for each request."""

    def __init__(self, contract: Contract) -> None:
        rows = {p.name: p.values for p in contract.parameters}
        self.places: dict[str, _Place | None] = {}
        #: Calls differ by their ids; what else they say is mostly what the one before has said.
        self.judgements: dict[tuple[str | None, ...], Judgement] = {}
        #: Value of TaskProfile or MediaEncode → the lines of its picture, 0 for audio only.
        self.lines = {
            name: {str(row.value): _lines(row) for row in rows.get(name, ())}
            for name in ("TaskProfile", "MediaEncode")
        }
        #: Value of TaskProfile → how many inputs it has, 0 where the contract does not say.
        self.inputs = {
            str(row.value): int(row.attributes.get("inputs", 0))
            for row in rows.get("TaskProfile", ())
        }


def _lines(row: EnumValue) -> int:
    """The lines of a resolution such as ``720p``; 0 for audio only."""
    resolution = row.attributes.get("resolution")
    return int(str(resolution).removesuffix("p")) if resolution else 0


_known: WeakKeyDictionary[Contract, _Known] = WeakKeyDictionary()


def _known_of(contract: Contract) -> _Known:
    found = _known.get(contract)
    if found is None:
        found = _known[contract] = _Known(contract)
    return found


def collect(pairs: Iterable[tuple[str, str]], contract: Contract) -> Collected:
    """Gather the contract's parameters out of pairs; others are ignored."""
    found = Collected()
    essence = found.essence
    places = _known_of(contract).places
    for name, value in pairs:
        if name in places:
            place = places[name]
        else:
            place = _place(name, contract)
            if len(name) <= _MAX_NAME and len(places) < _MAX_NAMES:
                places[name] = place
        if place is None:
            continue
        parameter = place.parameter
        is_alike = place.is_alike
        essence += (name, None if is_alike is not None and is_alike(value) else value)
        if place.silence:
            found.open.append((place.silence, name))
        elif parameter.kind == "struct-list":
            items = found.structs.setdefault(parameter.name, {})
            _gather(found, items.setdefault(place.index, {}), place.item_field, name, value)
        elif parameter.bases:
            _gather(found, found.lists.setdefault(parameter.name, {}), place.index, name, value)
        elif found.names.setdefault(parameter.name, name) == name:
            _gather(found, found.scalars, parameter.name, name, value)
        else:
            found.open.append(("silence.task-id-twice", name))
    return found


def _gather(found: Collected, into: dict[_Key, str], key: _Key, name: str, value: str) -> None:
    if key in into:
        found.repeated.append(name)
    else:
        into[key] = value


def integer(text: str) -> int | None:
    """Return the integer that a wire text means, open forms included, or ``None``."""
    return _integer_of(text) if len(text) <= _MAX_DIGITS else None


@lru_cache(maxsize=4096)
def _integer_of(text: str) -> int | None:
    return int(text) if _OPEN_INTEGER.fullmatch(text) else None


def is_integer(text: str) -> bool:
    """Whether a wire text is an Integer, in an open form or a plain one of any length."""
    return _OPEN_INTEGER.fullmatch(text) is not None


def is_open_integer(text: str) -> bool:
    """Whether a wire text is an Integer only in a form that the sources are silent on."""
    return _PLAIN_INTEGER.fullmatch(text) is None and _OPEN_INTEGER.fullmatch(text) is not None


# --------------------------------------------------------------------- one judge for each kind


Problems = Sequence[Problem]


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


def _string(run: _Judging, p: Parameter, name: str, path: str, text: str) -> Problems:
    return ()


def _enum(run: _Judging, p: Parameter, name: str, path: str, text: str) -> Problems:
    if text in p.wire_values:
        return ()
    # "case matters (reading)": a rule of its own, since the list itself is surer than that.
    cased = text.casefold() in {value.casefold() for value in p.wire_values}
    expected = f"one of {', '.join(str(row.value) for row in p.values)}"
    return (run.problem("case" if cased else "enum", name, path, expected, shown(text)),)


def _integer(run: _Judging, p: Parameter, name: str, path: str, text: str) -> Problems:
    if text in p.wire_values:  # an enumeration's own spelling, which is the plain one
        return ()
    if not _PLAIN_INTEGER.fullmatch(text):
        if not is_integer(text):
            return (run.problem("integer", name, path, "an Integer", shown(text)),)
        run.note("silence.integer-form", path, shown(text))
    value = integer(text)
    if p.kind == "integer-enum":
        if value is None or str(value) not in p.wire_values:
            expected = f"one of {', '.join(str(row.value) for row in p.values)}"
            return (run.problem("enum", name, path, expected, shown(text)),)
    elif p.kind == "integer-list":
        if value not in run.contract.layouts:
            return (run.problem("known", name, path, "a known layout", shown(text)),)
    elif value is None or not _within(value, p.minimum, p.maximum):
        return (run.problem("range", name, path, f"{p.minimum}…{p.maximum}", shown(text)),)
    return ()


def _within(value: int, minimum: int | None, maximum: int | None) -> bool:
    return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)


# RFC 3986: scheme ":" "//" authority path, the rest being query and fragment.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?#]*)([^?#]*))?.*", re.DOTALL)


def _url_parts(text: str) -> tuple[str, bool]:
    """Return the scheme, and whether there are a host and a path that is not empty."""
    match = _URL.fullmatch(text)
    if match is None:
        return "", False
    host = (match[2] or "").rpartition("@")[2].partition(":")[0]
    return match[1].lower(), bool(host and match[3])


def _is_plain_url(schemes: Sequence[str], text: str) -> bool:
    """Whether :func:`_url` has nothing to say of a text."""
    scheme, is_whole = _url_parts(text)
    return is_whole and scheme in schemes


def _url(run: _Judging, p: Parameter, name: str, path: str, text: str) -> Problems:
    scheme, is_whole = _url_parts(text)
    if scheme not in p.schemes:
        if scheme in {f"{known}s" for known in p.schemes}:
            run.note("silence.rtmps", path, shown(text))
        elif scheme:
            expected = f"a URL with scheme {' or '.join(p.schemes)}"
            return (run.problem("scheme", name, path, expected, shown(text)),)
    # "StreamURL is valid when it is an absolute rtmp:// URL with a host and a non-empty path."
    if not is_whole:
        expected = "an absolute URL with host and path"
        return (run.problem("url", name, path, expected, shown(text)),)
    return ()


_SCALAR: Mapping[str, Callable[[_Judging, Parameter, str, str, str], Problems]] = {
    "string": _string,
    "enum": _enum,
    "integer-enum": _integer,
    "integer": _integer,
    "url": _url,
}


def _indexes(run: _Judging, p: Parameter, indexes: Sequence[int]) -> list[Problem]:
    first, last = indexes[0], indexes[-1]
    problems = []
    if first not in p.bases:
        expected = " or ".join(f"{p.name}.{base}" for base in p.bases)
        got = f"{p.name}.{first}"
        problems.append(run.problem("base", p.name, p.name, f"to start at {expected}", got))
    if last - first != len(indexes) - 1:
        gap = next(a + 1 for a, b in pairwise(indexes) if b != a + 1)
        got = f"{p.name}.{gap} is missing before {p.name}.{last}"
        problems.append(run.problem("gaps", p.name, p.name, "no gaps", got))
    return problems


def _list(run: _Judging, p: Parameter, items: Mapping[int, str]) -> list[Problem]:
    indexes = sorted(items)
    problems = _indexes(run, p, indexes)
    for index in indexes:
        problems += _integer(run, p, p.name, f"{p.name}.{index}", items[index])
    return problems


def _structs(run: _Judging, p: Parameter, items: Mapping[int, dict[str, str]]) -> list[Problem]:
    indexes = sorted(items)
    problems = _indexes(run, p, indexes)
    for index in indexes:
        item = items[index]
        for part in p.fields:
            name, path = f"{p.name}.{part.name}", f"{p.name}.{index}.{part.name}"
            text = item.get(part.name)
            if text:
                problems += _SCALAR[part.kind](run, part, name, path, text)
            elif part.required:
                got = "nothing" if text is None else "an empty value"
                problems.append(run.problem("required", name, path, "a value", got))
    return problems


def judge(pairs: Iterable[tuple[str, str]], contract: Contract) -> Judgement:
    """Judge an operation's parameters. Problems come in the order in which they are answered.

    "required parameters in the table's order → value of each parameter in the table's order"
    """
    return judge_collected(collect(pairs, contract), contract)


def judge_collected(found: Collected, contract: Contract) -> Judgement:
    """Judge parameters that :func:`collect` has gathered."""
    judgements = _known_of(contract).judgements
    essence = tuple(found.essence)
    judgement = judgements.get(essence)
    if judgement is None:
        judgement = _judge(found, contract)
        if len(essence) <= _MAX_TEXTS and sum(map(len, filter(None, essence))) <= _MAX_CHARACTERS:
            if len(judgements) >= _MAX_JUDGEMENTS:
                judgements.clear()
            judgements[essence] = judgement
    return judgement


def _judge(found: Collected, contract: Contract) -> Judgement:
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


def _combinations(run: _Judging) -> None:
    """Note what S1 leaves open and S6 rules on ("warn, never fail")."""
    found, contract = run.found, run.contract
    known = _known_of(contract)
    profile, encode_text = found.scalars.get("TaskProfile", ""), found.scalars.get("MediaEncode")
    encode = str(integer(encode_text)) if encode_text else ""
    if profile in known.lines["TaskProfile"] and encode in known.lines["MediaEncode"]:
        _profile_and_encode(
            run, known.lines["TaskProfile"][profile], known.lines["MediaEncode"][encode]
        )
    layout_ids = map(integer, found.lists.get("LayoutIds", {}).values())
    panes = [contract.layouts[i] for i in layout_ids if i is not None and i in contract.layouts]
    inputs = known.inputs.get(profile, 0)
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
