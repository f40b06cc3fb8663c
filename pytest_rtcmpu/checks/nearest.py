"""What came in place of a name that did not come: a finding without it hides half of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import SequenceMatcher

#: How alike two names must be, their letters alone compared: 1 is the same.
_MIN_LIKENESS = 0.7
#: A name that holds another of so many letters, as "colour" in "BackgroundColour", is like it.
_MIN_PART = 5
#: How many are shown, and how many characters of each value.
_MAX_SHOWN, _MAX_VALUE = 3, 60


def absent(name: str, came: Iterable[tuple[str, object]], *, known: Collection[str] = ()) -> str:
    """Return in words that a name did not come, and what came that is most like it.

    came: every name that came, and its value.
    known: names that are right by themselves, and so no other's misspelling.
    """
    near = [(_likeness(name, other), other, value) for other, value in came if other not in known]
    best = max((likeness for likeness, _, _ in near), default=0.0)
    if best < _MIN_LIKENESS:
        return f"no {name}"
    found = [(other, value) for likeness, other, value in near if likeness == best]
    shown = ", ".join(f"{other}={_brief(value)}" for other, value in found[:_MAX_SHOWN])
    more = ", …" if len(found) > _MAX_SHOWN else ""
    return f"no {name}; {shown}{more} was sent"


def _likeness(name: str, other: str) -> float:
    one, two = _letters(name), _letters(other)
    shorter, longer = sorted((one, two), key=len)
    if len(shorter) >= _MIN_PART and shorter in longer:
        return max(_MIN_LIKENESS, len(shorter) / len(longer))
    return SequenceMatcher(None, one, two).ratio()


def _letters(name: str) -> str:
    # An index is no part of the name: UserPanes.1, UserPanes[] and user_panes are one.
    return re.sub("[^a-z]", "", name.lower())


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"
