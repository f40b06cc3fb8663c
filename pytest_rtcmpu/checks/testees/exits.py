"""A callable under test that ends its process: it is refused, and what it called is noted.

``os._exit(0)`` would end the run with nobody to say so, and a run that nobody hears of looks green.
So what ends or replaces a process at once is replaced, once and for good: whoever was given up may
still do it when the run is over. For everybody but a callable under test it does what it always
did; so it does in a fork, where ``os._exit`` is the right way to end.

What ends a process by other means, a signal or C code, cannot be refused from here.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

from pytest_rtcmpu.mock import openings
from pytest_rtcmpu.mock.openings import Opening
from pytest_rtcmpu.values.forks import own_lock

_ENDS = ("_exit", "abort", "execv", "execve")

#: The process in which this context runs code under test.
_process: ContextVar[int | None] = ContextVar("pytest_rtcmpu_process", default=None)
#: What a call did to end the process, by the seal around it.
_noted: WeakKeyDictionary[Opening, str] = WeakKeyDictionary()
_replaced = False
_lock = own_lock(sys.modules[__name__], "_lock")


@contextmanager
def refused() -> Iterator[None]:
    """Run code under test, in this thread and what it starts, that must not end the process."""
    _replace()
    token = _process.set(os.getpid())
    try:
        yield
    finally:
        _process.reset(token)


def attempt(calls: Iterable[Opening]) -> str:
    """Return, once, how one of these calls tried to end the process; empty where none did."""
    told = [_noted.pop(call, "") for call in list(calls)]
    return next(filter(None, told), "")


def _replace() -> None:
    """Replace the functions wherever a module holds them, be it by ``from os import _exit``."""
    global _replaced
    with _lock:
        if _replaced:
            return
        _replaced = True
        ours = {id(end): _refusing(end) for end in (getattr(os, name) for name in _ENDS)}
        for module in list(sys.modules.values()):
            names = getattr(module, "__dict__", None)
            if isinstance(names, dict):  # not all that stands there is a module
                held = {n: ours[id(value)] for n, value in list(names.items()) if id(value) in ours}
                names.update(held)


def _refusing(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def end(*args: Any, **kwargs: Any) -> Any:
        if not _is_under_test():
            return original(*args, **kwargs)
        did = f"it called os.{original.__name__}, which ends the process"
        call = openings.own()
        if call is not None:
            _noted.setdefault(call, did)
        raise SystemExit(did)  # of which a thread just ends

    return end


def _is_under_test() -> bool:
    process = _process.get()
    if process is not None:
        return process == os.getpid()
    # Threads have no context of their own: a callable's belong to the seal around its call, which
    # another thread opened. In a fork the thread that forked is the main one.
    call = openings.own()
    return (
        call is not None
        and call.meant is not None
        and call.owner != threading.get_ident()
        and threading.current_thread() is not threading.main_thread()
    )
