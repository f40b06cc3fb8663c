"""A command as one line, and as its arguments."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

_IS_WINDOWS = os.name == "nt"


def split(command: str, *, windows: bool = _IS_WINDOWS) -> list[str]:
    r"""Return a command's arguments: quotes keep blanks, and on Windows a backslash is itself.

    A POSIX shell's backslash takes the meaning of what follows it, and would leave ``C:toolsnode``
    of ``C:\tools\node``.

    Raises:
        ValueError: for a quote that is not closed.
    """
    words = shlex.shlex(command, posix=True, punctuation_chars=False)
    words.whitespace_split = True
    words.commenters = ""
    if windows:
        words.escape = ""
    return list(words)


def quote(word: str, *, windows: bool = _IS_WINDOWS) -> str:
    """Return an argument as it stands in a line: on Windows in double quotes."""
    if windows and word and '"' not in word:
        plain = all(char.isalnum() or char in "\\/:._-+=@" for char in word)
        return word if plain else f'"{word}"'
    return shlex.quote(word)


def join(arguments: Sequence[str], *, windows: bool = _IS_WINDOWS) -> str:
    """Return arguments as the line that :func:`split` reads."""
    return " ".join(quote(each, windows=windows) for each in arguments)
