"""Names that people give, by keyword and on command lines: a wrong one leads to the right one."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, ParamSpec, TypeVar

from pytest_rtcmpu.values.text import near

_P = ParamSpec("_P")
_R = TypeVar("_R")


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
        self.error(f"unrecognized arguments: {' '.join(unknown)}{option_hint(unknown, options)}")
