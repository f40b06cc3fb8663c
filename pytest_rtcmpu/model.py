"""The operation's request as a value: made only when every documented rule holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass
from enum import Enum, IntEnum, StrEnum
from typing import Any, Self

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu import rules
from pytest_rtcmpu.contract import Contract, Parameter
from pytest_rtcmpu.errors import InvalidTask
from pytest_rtcmpu.rules import Pairs, Problem

_DEFAULT = _contract.load()
_BASES = _DEFAULT.parameter("UserPanes").bases


def _members(parameter: str) -> dict[str, str]:
    """An enumeration's members by value, and where it differs by its name in upper case too."""
    values = [str(row.value) for row in _DEFAULT.parameter(parameter).values]
    named = {value: value for value in values}
    aliases = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", value).upper(): value for value in values}
    return {**named, **aliases}


class TaskProfile(StrEnum):
    """What the task is billed as (S1). Members by value: ``TaskProfile("4IN_720P")``."""

    vars().update(_members("TaskProfile"))


class SourceType(StrEnum):
    """The user's video input that a pane shows: ``camera`` or ``shareScreen`` (S1)."""

    vars().update(_members("UserPanes.SourceType"))


class MediaEncode(IntEnum):
    """The encoding (S1). Members by value: ``MediaEncode(20)``; 0 is audio only."""

    vars().update({row.name: row.value for row in _DEFAULT.parameter("MediaEncode").values})

    @property
    def resolution(self) -> str | None:
        """Such as ``720p``; ``None`` for audio only."""
        value = self._attributes.get("resolution")
        return None if value is None else str(value)

    @property
    def bitrate(self) -> int | None:
        """In kbit/s; ``None`` for audio only."""
        return self._number("bitrate")

    @property
    def frame_rate(self) -> int | None:
        """In fps; ``None`` for audio only."""
        return self._number("frame_rate")

    def _number(self, name: str) -> int | None:
        value = self._attributes.get(name)
        return None if value is None else int(value)

    @property
    def _attributes(self) -> Mapping[str, str | int]:
        return next(
            row.attributes
            for row in _DEFAULT.parameter("MediaEncode").values
            if row.value == self.value
        )


def rgb(red: int, green: int, blue: int) -> int:
    """Return the wire integer of a colour: red + green*256 + blue*65536 (S6's formula).

    Each component is 0 to 255; raises ValueError for another, TypeError for what is no int.
    """
    for name, value in (("red", red), ("green", green), ("blue", blue)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name}: expected an int from 0 to 255, got {value!r}")
        if not 0 <= value <= 255:
            raise ValueError(f"{name}: expected 0 to 255, got {value}")
    return red | green << 8 | blue << 16


def rgb_components(color: int) -> tuple[int, int, int]:
    """Return (red, green, blue) of a wire integer: the inverse of :func:`rgb`.

    Raises:
        ValueError: for one outside BackgroundColor's range.
    """
    parameter = _DEFAULT.parameter("BackgroundColor")
    minimum, maximum = parameter.minimum or 0, parameter.maximum or 0
    if not minimum <= color <= maximum:
        raise ValueError(f"expected a colour from {minimum} to {maximum}, got {color}")
    return color & 255, color >> 8 & 255, color >> 16 & 255


@dataclass(frozen=True, kw_only=True)
class UserPane:
    """Which user a pane shows (S1).

    Attributes:
        pane_id: the pane, 0 to 15, top left to bottom right.
        user_id: the user, not empty.
        source_type: ``camera`` or ``shareScreen``.

    Raises:
        InvalidTask: with every problem there is.
    """

    pane_id: int
    user_id: str
    source_type: SourceType

    def __init__(
        self,
        *,
        pane_id: int,
        user_id: str,
        source_type: SourceType | str,
        contract: Contract | None = None,
    ) -> None:
        given = {"pane_id": pane_id, "user_id": user_id, "source_type": source_type}
        parameter = (contract or _DEFAULT).parameter("UserPanes")
        pairs, problems = _struct_pairs(parameter, f"{parameter.name}.{parameter.bases[0]}", given)
        _raise_problems(contract or _DEFAULT, pairs, problems, only=parameter.name)
        object.__setattr__(self, "pane_id", int(pane_id))
        object.__setattr__(self, "user_id", user_id)
        object.__setattr__(self, "source_type", _member(SourceType, source_type))


@dataclass(frozen=True, kw_only=True)
class StartMPUTask:
    """The parameters of StartMPUTask, valid by construction (S1).

    Attributes:
        app_id, channel_id, task_id: not empty; app_id and task_id together name the task.
        task_profile: a :class:`TaskProfile` or its value.
        media_encode: a :class:`MediaEncode` or its value: 0, 1, 10, 20 or 30.
        background_color: 0 to 16777215, see :func:`rgb`; black by default.
        layout_ids: one layout or more of 1 to 11, or registered in the contract given.
        user_panes: none or more :class:`UserPane`.
        stream_url: an absolute ``rtmp://`` URL with host and path.
        others: pairs of parameters that only another edition has, as they stand on the wire.
        contract: the contract to judge by, where it is not the default edition as it stands.

    Raises:
        InvalidTask: which lists every problem with parameter, expected, got and clause.
    """

    app_id: str
    channel_id: str
    task_id: str
    task_profile: TaskProfile
    media_encode: MediaEncode
    background_color: int = 0
    layout_ids: tuple[int, ...]
    user_panes: tuple[UserPane, ...] = ()
    stream_url: str
    others: tuple[tuple[str, str], ...] = ()
    contract: InitVar[Contract | None] = None

    def __init__(
        self,
        *,
        app_id: str,
        channel_id: str,
        task_id: str,
        task_profile: TaskProfile | str,
        media_encode: MediaEncode | int,
        layout_ids: Iterable[int],
        stream_url: str,
        background_color: int = 0,
        user_panes: Iterable[UserPane] = (),
        others: Iterable[tuple[str, str]] = (),
        contract: Contract | None = None,
    ) -> None:
        judge_by = contract or _DEFAULT
        others = tuple(others)
        given = {
            "app_id": app_id,
            "channel_id": channel_id,
            "task_id": task_id,
            "task_profile": task_profile,
            "media_encode": media_encode,
            "background_color": background_color,
            "layout_ids": _tuple(layout_ids),
            "user_panes": _tuple(user_panes),
            "stream_url": stream_url,
        }
        pairs, problems = _pairs(judge_by, given)
        problems += _foreign_problems(judge_by, others)
        _raise_problems(judge_by, [*pairs, *others], problems)
        given["others"] = others
        given["task_profile"] = _member(TaskProfile, task_profile)
        given["media_encode"] = _member(MediaEncode, media_encode)
        for name, value in given.items():
            object.__setattr__(self, name, value)

    def to_wire(self, *, user_panes_from: int = _BASES[0]) -> list[tuple[str, str]]:
        """Return the operation's parameters as ordered (name, value) pairs, not yet encoded.

        Args:
            user_panes_from: 0 as in S1's example, or 1 as the published clients do.
        """
        if user_panes_from not in _BASES:
            raise ValueError(f"user_panes_from: expected one of {_BASES}, got {user_panes_from!r}")
        pairs, _ = _pairs(_DEFAULT, vars(self), {"UserPanes": user_panes_from})
        return [*pairs, *self.others]

    @classmethod
    def from_wire(
        cls, pairs: Pairs | Mapping[str, str], *, contract: Contract | None = None
    ) -> Self:
        """Return the task that pairs describe; names the contract does not know are ignored.

        Args:
            pairs: (name, value) pairs, or a mapping of names to values.

        Raises:
            InvalidTask: when they break a rule or say something twice.
        """
        pairs = rules.as_pairs(pairs)
        judge_by = contract or _DEFAULT
        found = rules.collect(pairs, judge_by)
        problems = list(rules.judge_collected(found, judge_by).problems)
        once = judge_by.clause("request.parameter.once")
        problems += (
            Problem(path=name, expected="to be sent once", got="it again", clause=once)
            for name in found.repeated
        )
        if problems:
            raise InvalidTask(tuple(problems))
        given: dict[str, Any] = {}
        for p in judge_by.parameters:
            if p.name not in _FIELDS:
                continue
            if p.name in found.scalars:
                given[_field(p.name)] = _value(p, found.scalars[p.name])
            elif p.kind == "integer-list":
                items = found.lists.get(p.name, {})
                given[_field(p.name)] = [rules.integer(items[i]) for i in sorted(items)]
            elif p.kind == "struct-list":
                structs = found.structs.get(p.name, {})
                given[_field(p.name)] = [
                    UserPane(
                        **{
                            _field(f.name): _value(f, structs[i][f.name])
                            for f in p.fields
                            if f.name in _FIELDS
                        },
                        contract=contract,
                    )
                    for i in sorted(structs)
                ]
        others = [pair for pair in pairs if _is_foreign(judge_by, pair[0])]
        return cls(**given, others=others, contract=contract)


_FIELDS = {
    name: "".join(
        f"_{c.lower()}" if c.isupper() and (i == 0 or not name[i - 1].isupper()) else c.lower()
        for i, c in enumerate(name)
    ).removeprefix("_")
    for p in _DEFAULT.parameters
    for name in (p.name, *(f.name for f in p.fields))
}


def _field(name: str) -> str:
    """The Python name of a parameter: ``stream_url`` for ``StreamURL``."""
    return _FIELDS[name]


def _is_foreign(contract: Contract, name: str) -> bool:
    """Whether a wire name is of a parameter that only another edition has."""
    by_name = contract.parameters_by_wire_name
    parameter = by_name.get(name) or by_name.get(name.partition(".")[0])
    return parameter is not None and parameter.name not in _FIELDS


def _foreign_problems(contract: Contract, others: Iterable[tuple[str, str]]) -> Iterable[Problem]:
    return (
        Problem(
            path="others",
            expected="parameters of another edition",
            got=rules.shown(name),
            clause=contract.clause("request.parameter.once"),
        )
        for name, _ in others
        if not _is_foreign(contract, name)
    )


def _tuple(items: object) -> object:
    """A tuple of the items; what cannot be iterated over is left for the judge to name."""
    if isinstance(items, str | bytes) or not isinstance(items, Iterable):
        return items
    return tuple(items)


def _value(p: Parameter, text: str) -> Any:
    return rules.integer(text) if p.kind in ("integer", "integer-enum") else text


def _member(kind: type[Enum], value: object) -> object:
    """The enumeration's member; a value that only another edition lists stays as it is."""
    try:
        return kind(value)
    except ValueError:
        return value


def _scalar_text(p: Parameter, value: object) -> str | None:
    """The wire form of a scalar, or ``None`` when its type is wrong."""
    if p.kind.startswith("integer"):
        ok = isinstance(value, int) and not isinstance(value, bool)
        return str(int(value)) if ok else None  # type: ignore[call-overload]
    if isinstance(value, Enum):
        value = value.value
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8
        return None
    return value


def _clip(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}…"


_EXPECTED = {"integer-list": "a list of int", "struct-list": "a list of UserPane"}


def _type_problem(contract: Contract, p: Parameter, path: str, value: object) -> Problem:
    integer = p.kind.startswith("integer")
    if path == p.name and p.bases:
        expected = _EXPECTED[p.kind]
    elif p.kind == "struct-list":
        expected = UserPane.__name__
    else:
        expected = "an int" if integer else "a str that UTF-8 can carry"
    return Problem(
        path=path,
        expected=expected,
        got=f"{type(value).__name__} {_clip(repr(value))}",
        clause=contract.clause("request.integer.form" if integer else "request.utf-8"),
    )


def _struct_pairs(
    parameter: Parameter, prefix: str, values: Mapping[str, object]
) -> tuple[list[tuple[str, str]], list[Problem]]:
    pairs: list[tuple[str, str]] = []
    problems: list[Problem] = []
    for part in parameter.fields:
        if part.name not in _FIELDS:
            continue
        value = values[_field(part.name)]
        text = _scalar_text(part, value)
        path = f"{prefix}.{part.name}"
        if text is None:
            problems.append(_type_problem(_DEFAULT, part, path, value))
        else:
            pairs.append((path, text))
    return pairs, problems


def _pairs(
    contract: Contract, given: Mapping[str, object], bases: Mapping[str, int] | None = None
) -> tuple[list[tuple[str, str]], list[Problem]]:
    """The wire form of values, and what is wrong with their types."""
    pairs: list[tuple[str, str]] = []
    problems: list[Problem] = []
    for p in contract.parameters:
        if p.name not in _FIELDS:
            continue
        value = given[_field(p.name)]
        if not p.bases:
            text = _scalar_text(p, value)
            if text is None:
                problems.append(_type_problem(contract, p, p.name, value))
            else:
                pairs.append((p.name, text))
            continue
        if not isinstance(value, tuple):
            problems.append(_type_problem(contract, p, p.name, value))
            continue
        base = (bases or {}).get(p.name, p.bases[0])
        for index, item in enumerate(value, start=base):
            path = f"{p.name}.{index}"
            if p.kind == "integer-list":
                text = _scalar_text(p, item)
                if text is not None:
                    pairs.append((path, text))
            elif isinstance(item, UserPane):
                pairs += _struct_pairs(p, path, vars(item))[0]
                continue
            else:
                text = None
            if text is None:
                problems.append(_type_problem(contract, p, path, item))
    return pairs, problems


def _raise_problems(
    contract: Contract, pairs: Pairs, type_problems: list[Problem], only: str | None = None
) -> None:
    """Raise once for everything that is wrong; a value of the wrong type is not also missing."""
    named = {problem.path for problem in type_problems}
    judged = [
        problem
        for problem in rules.judge(pairs, contract).problems
        if problem.path not in named
        and not any(path.startswith(f"{problem.path}.") for path in named)
        and (only is None or problem.path.partition(".")[0] == only)
    ]
    if type_problems or judged:
        raise InvalidTask((*type_problems, *judged))


def example_task() -> StartMPUTask:
    """Return S1's own example, completed (it leaves TaskProfile and most values out) and corrected.

    Its MediaEncode 2 is not in its own table; here it is the first of the encodes with a picture
    as high as the first profile's.
    """
    profile = _DEFAULT.parameter("TaskProfile").values[0]
    encode = next(
        row
        for row in _DEFAULT.parameter("MediaEncode").values
        if row.attributes.get("resolution") == profile.attributes.get("resolution")
    )
    source = _DEFAULT.parameter("UserPanes.SourceType").values
    return StartMPUTask(
        app_id="example-app",
        channel_id="example-channel",
        task_id="example-task",
        task_profile=str(profile.value),
        media_encode=int(encode.value),
        background_color=0,
        layout_ids=list(_DEFAULT.layouts)[:2],
        user_panes=[
            UserPane(pane_id=0, user_id="teacher", source_type=str(source[0].value)),
            UserPane(pane_id=1, user_id="student", source_type=str(source[1].value)),
        ],
        stream_url="rtmp://live.example.com/app/stream?auth_key=1700000000-0-0-abc",
    )
