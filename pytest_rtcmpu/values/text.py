"""Text for people: made fit for where it is shown, cut to a width, counted."""

from __future__ import annotations

import difflib
import errno
import json
import re
import unicodedata
from collections.abc import Collection, Iterable
from html import escape
from itertools import islice
from typing import Any

#: The longest name that near ones are looked for: the search takes the square of that.
_MAX_NAME = 100


def nearest(name: str, known: Iterable[str], *, n: int = 3, cutoff: float = 0.5) -> list[str]:
    """Return the known names that are near, the nearest first; letter case does not matter.

    Args:
        n: how many at most.
        cutoff: how alike they must be, from 0 to 1.
    """
    if len(name) > _MAX_NAME:
        return []
    names: dict[str, list[str]] = {}
    for each in dict.fromkeys(known):
        names.setdefault(each.casefold(), []).append(each)
    found = difflib.get_close_matches(name.casefold(), names, n=n, cutoff=cutoff)
    return [each for low in found for each in names[low]][:n]


def near(name: str, known: Iterable[str], *, cutoff: float = 0.5) -> str:
    """Return ``; did you mean TaskId?`` for the known names that are near, else nothing.

    Args:
        cutoff: how alike they must be, from 0 to 1.
    """
    names = nearest(name, known, cutoff=cutoff)
    return f"; did you mean {', '.join(names)}?" if names else ""


#: How many of the things that there are a message names.
_MAX_NAMED = 28


def some(things: Collection[Any]) -> str:
    """Return ``1, 2 and 3 more``: what there is, not endlessly; ``none`` where there is nothing."""
    more = f" and {len(things) - _MAX_NAMED} more" if len(things) > _MAX_NAMED else ""
    return (", ".join(map(str, islice(things, _MAX_NAMED))) or "none") + more


#: What the words about an error of TLS begin with.
TLS = "TLS, "


def system_error(error: OSError) -> str:
    """Return ``ENOENT, No such file or directory: 'a.toml'``.

    The name is the same everywhere; the system's words are in whoever's language. Errors of TLS
    have numbers of their own, which name none of these.
    """
    if type(error).__module__ == "ssl":
        return f"{TLS}{getattr(error, 'verify_message', None) or error.strerror or error}"
    name = errno.errorcode.get(error.errno or 0)
    if name is None:
        return str(error)
    where = "" if error.filename is None else f": {error.filename!r}"
    return f"{name}, {error.strerror}{where}"


def innermost(error: BaseException) -> OSError | None:
    """Return the system's own error that a library's error came of, where there is one.

    Libraries wrap it several times, as a cause, as an argument, or as a ``reason``.
    """
    found: OSError | None = None
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            # ``requests`` has errors that are OSErrors, without a number.
            if isinstance(each, OSError) and each.errno is not None:
                found = each
            waiting += (*each.args, getattr(each, "reason", None), each.__cause__)
    return found


def visible(text: str, *, multiline: bool = False) -> str:
    r"""Return the text with what cannot be seen written out: ``\x1b``, ``\u200d``, ``\n``.

    What a subject sends ends up on terminals, in CI logs and in files; none of it may move a
    cursor, turn the direction of reading, end a line or be illegal there.

    Args:
        multiline: whether line ends and tabs stay.
    """
    if text.isprintable():
        return text
    if multiline:
        text = text.replace("\r\n", "\n")
    return "".join(
        char
        if char.isprintable() or (multiline and char in "\n\t")
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


# ----------------------------------------------- foreign text, made fit for the place it goes to


#: What makes a CI server obey a line of its log: GitHub where a line begins with ``::``, or has
#: ``##[`` anywhere, Azure Pipelines at ``##vso[``, TeamCity at ``##teamcity[``.
_COMMAND = re.compile(r"^([^\S\n]*):(?=:\s*[a-zA-Z])|#(?=#\w*\[)", re.MULTILINE)
_IN_MESSAGE = str.maketrans({"%": "%25", "\n": "%0A"})
_IN_PROPERTY = str.maketrans({"%": "%25", ":": "%3A", ",": "%2C"})
_UNSEEN = re.compile(r"[^\n\x20-\x7e]")


def for_terminal(text: str, *, multiline: bool = False) -> str:
    r"""Return text that a terminal shows as it is, and that no CI server takes for a command.

    The first character of a command is written out, as what cannot be seen is: ``\x3a:error``.

    Args:
        multiline: whether line ends and tabs stay.
    """
    shown = visible(text, multiline=multiline)
    if "::" in shown or "##" in shown:
        return _COMMAND.sub(_written_out, shown)
    return shown


def _written_out(command: re.Match[str]) -> str:
    return "\\x23" if command[1] is None else f"{command[1]}\\x3a"


def for_annotation(text: str) -> str:
    """Return text for the message of a GitHub workflow command; its line ends stay."""
    return for_terminal(text, multiline=True).translate(_IN_MESSAGE)


def for_annotation_property(text: str) -> str:
    """Return text for a property of a GitHub workflow command, such as its title."""
    return for_terminal(text).translate(_IN_PROPERTY)


def for_html(text: str, *, multiline: bool = False) -> str:
    """Return text for between the tags of a page, and in its attributes."""
    return escape(visible(text, multiline=multiline))


def for_xml(text: str, *, multiline: bool = False) -> str:
    """Return text that XML can carry; its markup is escaped by whoever writes the XML."""
    return visible(text, multiline=multiline)


def for_json(document: str) -> str:
    r"""Return a JSON document that holds the same, what cannot be seen as ``\uXXXX``.

    A terminal obeys U+009B as it does ESC, and the encoder leaves that as it is.
    """
    return _UNSEEN.sub(
        lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], document
    )


# ------------------------------------------------------------------------------- laying text out


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
