"""Names that people give, by keyword and on command lines: a wrong one leads to the right one."""

from __future__ import annotations

import argparse
import functools
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

from pytest_rtcmpu.values.text import near, shorten

_P = ParamSpec("_P")
_R = TypeVar("_R")
#: Characters of a value in a message.
_MAX_SHOWN = 80


def naming_keywords(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a function name the keyword that was probably meant, as from Python 3.13 on all do."""
    if sys.version_info >= (3, 13):
        return function
    code = function.__code__
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    @functools.wraps(function)
    def named(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        __tracebackhide__ = True
        for name in kwargs:
            if name not in known:
                message = f"{function.__qualname__}() got an unexpected keyword argument {name!r}"
                raise TypeError(message + near(name, known))
        return function(*args, **kwargs)

    return named


def expect_number(
    name: str,
    value: object,
    expected: str,
    *,
    low: float | None = None,
    above: float | None = None,
    whole: bool = False,
) -> None:
    """Refuse what is given in place of a number.

    Args:
        expected: in words, its limits too: ``a number of seconds``.
        low, above: the lowest number, or one that all must be above.
        whole: whether it must be an int.

    Raises:
        TypeError: for what is no number; ``True`` is none.
        ValueError: for one outside the limits, and for one that is not finite.
    """
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        got = f"{type(value).__name__} {shorten(repr(value), _MAX_SHOWN)}"
        raise TypeError(f"{name}: expected {expected}, got {got}")
    is_in = (low is None or value >= low) and (above is None or value > above)
    if not is_in or not math.isfinite(value):
        raise ValueError(f"{name}: expected {expected}, got {value!r}")


def option_hint(unknown: Iterable[str], options: Iterable[str]) -> str:
    """Return ``; did you mean --phase?`` for the first unknown option that is like a known one.

    Args:
        unknown: arguments as they were given: ``--phse=fuzz``.
    """
    known = [each for each in options if each.startswith("--")]
    hints = (
        near(each.partition("=")[0], known, cutoff=0.7) for each in unknown if each[:2] == "--"
    )
    return next(filter(None, hints), "")


def whole_number(low: int | None = None, high: int | None = None) -> Callable[[str], int]:
    """Return an argument's type: whole numbers within limits, both allowed."""
    limits = "" if low is None else f"{low} or more" if high is None else f"{low}…{high}"

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            expected = ", ".join(filter(None, ("a whole number", limits)))
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}") from None
        if (low is not None and number < low) or (high is not None and number > high):
            raise argparse.ArgumentTypeError(f"expected {limits}, got {text}")
        return number

    return read


#: An argument's type: a number from 1 on.
positive: Callable[[str], int] = whole_number(1)


def seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds, got {text!r}")
    return number


def file_path(text: str) -> Path:
    """Read the name of a file; an empty one is none, and not the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("expected the name of a file, got nothing")
    return Path(text)


#: A plain word: an option that takes it takes about any, and is not meant by one.
_ANY_WORD = "x"


class Parser(argparse.ArgumentParser):
    """A parser that names the option that was probably meant."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments; an unknown one is an error, with the option that is like it."""
        return self._expect_all_known(*self.parse_known_args(args, namespace))

    def parse_intermixed_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments of which positional ones may stand anywhere."""
        return self._expect_all_known(*self.parse_known_intermixed_args(args, namespace))

    def _expect_all_known(self, given: Any, unknown: Sequence[str]) -> Any:
        if unknown:
            self._refuse(unknown)
        return given

    def _refuse(self, unknown: Sequence[str]) -> NoReturn:
        options = (option for action in self._actions for option in action.option_strings)
        hint = option_hint(unknown, options) or self._option_of(unknown[0])
        self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")

    def _option_of(self, word: str) -> str:
        """Return ``; did you mean --port 8080?`` for a word that is some option's value."""
        for action in self._actions:
            if action.option_strings and word[:1] != "-" and _takes(action, word):
                return f"; did you mean {action.option_strings[-1]} {word}?"
        return ""


def _takes(action: argparse.Action, word: str) -> bool:
    """Whether an option takes a word as its value, and not just any."""
    if action.choices is not None:
        return word in action.choices
    return _reads(action.type, word) and not _reads(action.type, _ANY_WORD)


def _reads(kind: Any, word: str) -> bool:
    if not callable(kind):
        return False
    try:
        kind(word)
    except (argparse.ArgumentTypeError, TypeError, ValueError):
        return False
    return True
