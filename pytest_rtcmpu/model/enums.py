"""The default edition's enumerations as Python's, and colours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, IntEnum, StrEnum

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.values.arguments import expect_number
from pytest_rtcmpu.values.colours import LIMITS
from pytest_rtcmpu.values.colours import rgb as rgb

_DEFAULT = _contract.load()


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


_ENUMS: Mapping[str, type[Enum]] = {
    kind.__name__: kind for kind in (TaskProfile, MediaEncode, SourceType)
}


def member(name: str, value: object) -> object:
    """Return the member of a parameter's value; one that only another edition lists stays."""
    try:
        return _ENUMS[name](value)
    except (KeyError, ValueError):
        return value


def rgb_components(color: int) -> tuple[int, int, int]:
    """Return (red, green, blue) of a wire integer: the inverse of :func:`rgb`.

    Raises:
        ValueError: for one outside BackgroundColor's range.
    """
    minimum, maximum = LIMITS
    expect_number("color", color, f"a colour from {minimum} to {maximum}", whole=True)
    if not minimum <= color <= maximum:
        raise ValueError(f"expected a colour from {minimum} to {maximum}, got {color}")
    return color & 255, color >> 8 & 255, color >> 16 & 255
