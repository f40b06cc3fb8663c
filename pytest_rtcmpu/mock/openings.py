"""Which of the mocks that are open a call belongs to.

Each opening belongs to the context that opened it (a thread, a task), and to what that context
starts: tasks inherit it as a context variable, threads are noted when they are started, and what
is submitted to a ``ThreadPoolExecutor`` carries it. A thread that was there before any mock, such
as a live server's, belongs to nobody: it is answered by the mock that is open.

What is left over from an opening that has been closed is refused: its calls would be recorded
in a test that has nothing to do with them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from pytest_rtcmpu.contract.hosts import is_host_of
from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.mock.names import address_of


@dataclass(kw_only=True, eq=False)
class Opening:
    """A mock, or a seal without a mock, from when it is opened to when it is closed.

    Attributes:
        host: the API's host, which nothing reaches.
        allow: other hosts that may be called for real, by name or address, in lower case.
        endpoint: what answers in its place; ``None`` where nothing does.
        sleep: what waits where a reply is late but in time.
        owner: the identifier of the thread that opened it.
        outer: the opening that this one was opened in.
        meant: the host and port that are to be called, where nothing is mocked.
        elsewhere: what else was asked for, each once.
        pools: connection pools that lead to the endpoint, one for each copy of requests and port.
        failures: what went wrong where no caller could be told: it is raised when it is closed.
    """

    host: str
    allow: frozenset[str] = frozenset()
    endpoint: Endpoint | None = None
    sleep: Callable[[float], None] = time.sleep
    owner: int = field(default_factory=threading.get_ident)
    outer: Opening | None = None
    is_open: bool = True
    meant: tuple[str, int] | None = None
    elsewhere: list[str] = field(default_factory=list)
    pools: dict[Any, Any] = field(default_factory=dict)
    failures: list[BaseException] = field(default_factory=list)

    def answers(self, name: str) -> bool:
        """Whether it answers in place of a host: not in place of a region's that is allowed."""
        mine = name == self.host or (name not in self.allow and is_host_of(self.host, name))
        return mine and self.endpoint is not None


class NotAnswered(Exception):
    """No mock answers this call, and why."""


#: Those that are open, the latest last.
open_ones: list[Opening] = []
#: The services that are out of reach though no mock is open: see ``seal.keep``.
kept: list[str] = []
_current: ContextVar[Opening | None] = ContextVar("pytest_rtcmpu_opening", default=None)
_started_in: WeakKeyDictionary[threading.Thread, Opening] = WeakKeyDictionary()


def is_mocked(name: str) -> bool:
    """Whether a name is the service's that an opening stands for."""
    return any(is_host_of(each.host, name) for each in open_ones)


def is_answered(name: str) -> bool:
    """Whether a name is one that an opening answers; an address is no name."""
    return any(each.answers(name) for each in open_ones) and address_of(name) is None


def enter(opening: Opening) -> None:
    """Open it, for this context and what it starts."""
    opening.outer = own()
    open_ones.append(opening)
    _current.set(opening)


def leave(opening: Opening) -> None:
    """Close it; in this context those around it go on."""
    opening.is_open = False
    open_ones.remove(opening)
    around: Opening | None = _current.get()
    while around is not None and not around.is_open:
        around = around.outer
    _current.set(around)


def watched() -> bool:
    """Whether calls are judged: a mock is open, or a service is kept out of reach."""
    return bool(open_ones or kept)


def own() -> Opening | None:
    """Return the opening that this context belongs to, closed by now perhaps."""
    found = _current.get() or _started_in.get(threading.current_thread())
    if found is None:
        me = threading.get_ident()
        found = next((each for each in reversed(open_ones) if each.owner == me), None)
    return found


def current() -> Opening:
    """Return the opening that a call from here belongs to.

    Raises:
        NotAnswered: for what is left over from one that is closed, and where two threads have a
            mock open and nothing says whose this call is.
    """
    found = own()
    if found is None:
        if len({each.owner for each in open_ones}) != 1:
            raise NotAnswered(
                "several threads have a mock open, and this one was started in none of them: "
                "start it inside one, or run it in a copy of the context of one"
            )
        found = open_ones[-1]
    if not found.is_open:
        raise NotAnswered(
            f"what calls here ({threading.current_thread().name}) was started while another mock "
            "was open, which is closed: it is left over from an earlier test; end it there, or "
            "start it before a mock is opened"
        )
    return found


def _renew_pools() -> None:
    """Begin anew in a forked child: one of the threads that are gone may have held a queue's lock.

    The queue stays the same one: what closes a pool that is no longer used empties that.
    """
    for opening in open_ones:
        for pool in opening.pools.values():
            if (queue := pool.pool) is not None:
                queue.__init__(queue.maxsize)
                for _ in range(queue.maxsize):
                    queue.put_nowait(None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_pools)


def disown(thread: threading.Thread) -> None:
    """Let a thread that was started in a mock belong to none: it serves all of them."""
    _started_in.pop(thread, None)


def start_noting(original: Any) -> Any:
    """Return ``Thread.start`` that notes what a thread belongs to."""

    def start(self: threading.Thread, *args: Any, **kwargs: Any) -> Any:
        opening = own() if open_ones else None
        if opening is not None:
            _started_in[self] = opening
        return original(self, *args, **kwargs)

    return start


def submit_carrying(original: Any) -> Any:
    """Return ``ThreadPoolExecutor.submit`` that carries the opening along: its threads live on."""

    def submit(self: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        opening = own() if open_ones else None
        if opening is None:
            return original(self, function, *args, **kwargs)

        def run(*args: Any, **kwargs: Any) -> Any:
            token = _current.set(opening)
            try:
                return function(*args, **kwargs)
            finally:
                _current.reset(token)

        return original(self, run, *args, **kwargs)

    return submit
