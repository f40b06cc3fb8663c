"""Structs in a request: the items of UserPanes, Images, Texts and the like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.model.enums import SourceType

_DEFAULT = _contract.load()


@dataclass(frozen=True)
class Struct:
    """Some fields, by their Python names: ``Struct(url="https://…", x=0.5)``.

    It is judged where it is put: in a request, by the request's edition.

    Attributes:
        fields: (Python name, value) pairs.
    """

    fields: tuple[tuple[str, Any], ...]

    def __init__(self, fields: Iterable[tuple[str, Any]] = (), **more: Any) -> None:
        object.__setattr__(self, "fields", (*fields, *more.items()))

    def __getattr__(self, name: str) -> Any:
        for known, value in self.__dict__.get("fields", ()):
            if known == name:
                return value
        raise AttributeError(f"{type(self).__name__} has no field {name!r}")

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in self.fields)
        return f"{type(self).__name__}({inner})"

    @staticmethod
    def of(name: str, fields: Mapping[str, Any]) -> Struct | UserPane:
        """Return the struct of a parameter's item, from what has been judged."""
        if name != "UserPanes":
            return Struct(fields.items())
        made = object.__new__(UserPane)
        own = {each: fields.get(each) for each in _OWN}
        rest = tuple((each, value) for each, value in fields.items() if each not in _OWN)
        for each, value in (*own.items(), ("further", rest)):
            object.__setattr__(made, each, value)
        return made


_OWN = ("pane_id", "user_id", "source_type")


@dataclass(frozen=True, kw_only=True)
class UserPane:
    """Which user a pane shows (S1).

    Attributes:
        pane_id: the pane, 0 to 15, top left to bottom right.
        user_id: the user, not empty.
        source_type: ``camera`` or ``shareScreen``.
        further: (Python name, value) pairs of fields that only a later edition has. They are given
            by name: ``UserPane(…, segment_type=1, contract=contract.load("2021-03"))``.

    Raises:
        InvalidTask: with every problem there is.
    """

    pane_id: int
    user_id: str
    source_type: SourceType
    further: tuple[tuple[str, Any], ...] = ()

    def __init__(
        self,
        *,
        pane_id: int | None = None,
        user_id: str | None = None,
        source_type: SourceType | str | None = None,
        contract: Contract | None = None,
        further: Iterable[tuple[str, Any]] = (),
        **more: Any,
    ) -> None:
        from pytest_rtcmpu.model.making import Making, pythonic

        judge_by = contract or _DEFAULT
        rest = (*further, *more.items())
        own = {"pane_id": pane_id, "user_id": user_id, "source_type": source_type}
        making = Making(judge_by)
        making.take_one("UserPanes", {**own, **dict(rest)})
        making.finish(only="UserPanes")
        p = judge_by.parameter("UserPanes")
        shown = dict(_fields(pythonic(p, making.params["UserPanes"])[0]))
        for name in _OWN:
            object.__setattr__(self, name, shown.pop(name, None))
        object.__setattr__(self, "further", tuple(shown.items()))

    def __getattr__(self, name: str) -> Any:
        for known, value in self.__dict__.get("further", ()):
            if known == name:
                return value
        raise AttributeError(f"UserPane has no field {name!r}")

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in _fields(self))
        return f"UserPane({inner})"


def _fields(struct: Struct | UserPane) -> list[tuple[str, Any]]:
    if isinstance(struct, Struct):
        return list(struct.fields)
    own = [(name, getattr(struct, name)) for name in _OWN]
    return [(name, value) for name, value in (*own, *struct.further) if value is not None]


def fields_of(value: object) -> Mapping[str, Any] | None:
    """Return the fields of what was given as a struct, or ``None`` where it is none."""
    if isinstance(value, Struct | UserPane):
        return dict(_fields(value))
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return value
    return None
