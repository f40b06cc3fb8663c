"""Patches that several mocks share: the first one in makes them, the last one out undoes them.

Mocks may overlap and close in any order; each patch asks which is meant when it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_ABSENT: Any = object()
#: What takes an attribute's value and returns what is to stand in its place.
Replace = Callable[[Any], Any]


class Patches:
    """Attributes that are replaced, and can be put back."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, str, Any, Any]] = []

    def make(self, owner: Any, name: str, replace: Replace) -> None:
        """Replace an attribute of a class or module."""
        before = vars(owner).get(name, _ABSENT)
        after = replace(getattr(owner, name))
        setattr(owner, name, after)
        self._made.append((owner, name, before, after))

    def undo(self) -> None:
        """Put everything back, save for what somebody has replaced since and will put back."""
        while self._made:
            owner, name, before, after = self._made.pop()
            if vars(owner).get(name) is not after:
                continue
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
