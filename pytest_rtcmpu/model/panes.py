"""Which user a pane shows; and what a request shows of the values that were given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.contract import Contract, Parameter
from pytest_rtcmpu.model.enums import SourceType, member
from pytest_rtcmpu.model.making import Making
from pytest_rtcmpu.model.names import python_name
from pytest_rtcmpu.model.structs import AnyStruct, Struct
from pytest_rtcmpu.values.announced import announced

_DEFAULT = _contract.load()
_OWN = ("pane_id", "user_id", "source_type")


@announced
@dataclass(frozen=True, kw_only=True)
class UserPane(AnyStruct):
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
        judge_by = contract or _DEFAULT
        rest = (*further, *more.items())
        own = {"pane_id": pane_id, "user_id": user_id, "source_type": source_type}
        making = Making(judge_by)
        making.take_one("UserPanes", {**own, **dict(rest)})
        making.finish(only="UserPanes")
        p = judge_by.parameter("UserPanes")
        self._keep(pythonic(p, making.params["UserPanes"])[0].fields_given())

    def _keep(self, fields: Mapping[str, Any]) -> None:
        for name in _OWN:
            object.__setattr__(self, name, fields.get(name))
        rest = tuple((name, value) for name, value in fields.items() if name not in _OWN)
        object.__setattr__(self, "further", rest)

    def fields_given(self) -> dict[str, Any]:
        """Return the fields that were given, by their Python names."""
        own = ((name, getattr(self, name)) for name in _OWN)
        return {name: value for name, value in (*own, *self.further) if value is not None}

    def __getattr__(self, name: str) -> Any:
        for known, value in self.__dict__.get("further", ()):
            if known == name:
                return value
        raise AttributeError(f"UserPane has no field {name!r}")

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in self.fields_given().items())
        return f"UserPane({inner})"


def pythonic(p: Parameter, value: Any) -> Any:
    """Return what a request shows of a value that is good: members, tuples, structs."""
    if p.items is not None:
        return tuple(_shown(p, each) for each in value)
    return _shown(p, value)


def _shown(p: Parameter, value: Any) -> Any:
    if p.kind != "struct":
        return member(p.name, value)
    fields = {python_name(f.name): pythonic(f, value[f.name]) for f in p.fields if f.name in value}
    if p.name != "UserPanes":
        return Struct(fields.items())
    made = object.__new__(UserPane)
    made._keep(fields)
    return made
