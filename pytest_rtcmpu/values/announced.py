"""Types that announce themselves when they are made, to whoever asked to be told.

So Hypothesis can know of a type without importing the module that makes it: whoever imports
Hypothesis in an environment that has this package would wait for that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", bound=type)

_made: list[type] = []
_listeners: list[Callable[[type], None]] = []


def announced(made: T) -> T:
    """Tell of a type: a decorator of its class."""
    _made.append(made)
    for listener in _listeners:
        listener(made)
    return made


def hear(listener: Callable[[type], None]) -> None:
    """Have a function called with each type that announces itself, and that has done so already."""
    _listeners.append(listener)
    for made in tuple(_made):
        listener(made)
