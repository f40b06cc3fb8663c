"""Structs in a request: the items of UserPanes, Images, Texts and the like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


class AnyStruct:
    """What all structs have in common."""

    def fields_given(self) -> dict[str, Any]:
        """Return the fields that were given, by their Python names."""
        raise NotImplementedError


@dataclass(frozen=True)
class Struct(AnyStruct):
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

    def fields_given(self) -> dict[str, Any]:
        """Return the fields that were given, by their Python names."""
        return dict(self.fields)


def fields_of(value: object) -> Mapping[str, Any] | None:
    """Return the fields of what was given as a struct, or ``None`` where it is none."""
    if isinstance(value, AnyStruct):
        return value.fields_given()
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return value
    return None
