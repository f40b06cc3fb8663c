"""Text for people: control characters made visible, lines cut to a width."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

#: The longest name that near ones are looked for: the search takes the square of that.
_MAX_NAME = 100


def near(name: str, known: Iterable[str], *, cutoff: float = 0.5) -> str:
    """Return ``; did you mean TaskId?`` for the known names that are near, else nothing.

    Args:
        cutoff: how alike they must be, from 0 to 1.
    """
    if len(name) > _MAX_NAME:
        return ""
    names = difflib.get_close_matches(name, list(dict.fromkeys(known)), n=3, cutoff=cutoff)
    return f"; did you mean {', '.join(names)}?" if names else ""


def visible(text: str, *, keep: str = "") -> str:
    r"""Return the text with what cannot be seen written out: ``\x1b``, ``\u200d``, ``\n``.

    What a client under test sends ends up on terminals, in CI logs and in XML files; none of it
    may move a cursor, end a line or be illegal there. ``keep``: characters that stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable() or char in keep
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def lines(text: str) -> str:
    """Return a text of several lines, its line ends plain and the rest visible."""
    return visible(text.replace("\r\n", "\n"), keep="\n\t")


def cells(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    return sum(_cells(char) for char in text)


def shorten(text: str, width: int) -> str:
    """Return the text cut to that many columns, the cut shown by an ellipsis."""
    if cells(text) <= width:
        return text
    taken = 1  # the ellipsis
    for at, char in enumerate(text):
        taken += _cells(char)
        if taken > width:
            return text[:at] + "…"
    return text


def pad(text: str, width: int) -> str:
    """Return the text cut or filled to exactly that many columns."""
    cut = shorten(text, width)
    return cut + " " * (width - cells(cut))


def count(number: int, noun: str) -> str:
    """Return ``1 clause`` or ``2 clauses``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
