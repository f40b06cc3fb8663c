"""The endpoint in place of the API's host: opened, and closed, in any order.

What makes it: ``adapters`` let requests in and ``sockets`` everybody else, ``seal`` keeps all from
getting out, ``environment`` has the keys, and ``openings`` tell whose a call is.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ContextDecorator, contextmanager
from functools import partial
from types import MappingProxyType
from typing import Any, NoReturn

from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.endpoint.record import add_leads
from pytest_rtcmpu.mock import adapters, environment, listener, openings, seal, sockets
from pytest_rtcmpu.mock.connection import to_request
from pytest_rtcmpu.mock.openings import Opening
from pytest_rtcmpu.mock.patches import Patches
from pytest_rtcmpu.mock.route import Route
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS, Credentials
from pytest_rtcmpu.values.forks import own_lock
from pytest_rtcmpu.values.hosts import allowed_hosts

__all__ = ["Factory", "Mock", "Route", "mocked", "open_mock", "sealed", "to_request"]

_FAILED = "pytest-rtcmpu: while it answered a call, the endpoint failed"
_MAX_NOTES = 10
_lock = own_lock(sys.modules[__name__], "_lock")
_patches = Patches()


class Mock(ContextDecorator, AbstractContextManager[Endpoint]):
    """An endpoint in place of the service, to be opened by ``with``; it decorates functions too.

    Args:
        opens: opens it, and closes it.
        how: what its user writes to make one: ``mocked()``.
    """

    def __init__(self, opens: Callable[[], AbstractContextManager[Endpoint]], how: str) -> None:
        self._opens = opens
        self._how = how
        self._opened: list[AbstractContextManager[Endpoint]] = []

    def __enter__(self) -> Endpoint:
        """Open it, and return its endpoint."""
        __tracebackhide__ = True  # as in mocked
        opened = self._opens()
        endpoint = opened.__enter__()
        self._opened.append(opened)
        return endpoint

    def __exit__(self, *raised: Any) -> bool | None:
        """Close it."""
        __tracebackhide__ = True
        return self._opened.pop().__exit__(*raised)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # none that an endpoint has for its users
            raise AttributeError(name)
        raise AttributeError(_not_open(self._how, name, self._how))


class Factory:
    """What makes mocks when it is called: the fixture ``rtcmpu_mock``."""

    def __init__(self, make: Callable[..., Mock]) -> None:
        self._make = make

    def __call__(self, **settings: Any) -> Mock:
        """Make a mock, to be opened by ``with``."""
        __tracebackhide__ = True  # as in mocked
        return self._make(**settings)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(_not_open("rtcmpu_mock", name, "rtcmpu_mock()"))

    def __enter__(self) -> NoReturn:
        """Lead from ``with rtcmpu_mock`` to the call that is missing."""
        raise TypeError("rtcmpu_mock makes mocks: write with rtcmpu_mock() as endpoint:")

    def __exit__(self, *raised: Any) -> None:
        """Nothing was opened."""


def _not_open(what: str, name: str, how: str) -> str:
    """Return the message about an attribute that the endpoint has, which is not there yet."""
    return (
        f"{what} has no attribute {name!r}: its endpoint is there while it is open; write "
        f"with {how} as endpoint: and in it endpoint.{name}"
    )


def mocked(
    endpoint: Endpoint | None = None,
    *,
    credentials: Credentials | None = None,
    allow_hosts: Iterable[str] = (),
    sleep: Callable[[float], None] = time.sleep,
    **settings: Any,
) -> Mock:
    """Answer every call of this process to the service's hosts, by https and http.

    What calls by requests is answered in its own thread; every other client that goes by Python's
    ``socket`` and ``ssl`` by a server of this process, which is started when it is needed. Where
    several are open, the latest of this context answers; a thread or a task belongs to the one
    that it was started in.

    Args:
        endpoint: what answers; a new one, made of ``credentials`` and ``settings``, unless given.
        credentials: what the environment offers SDKs meanwhile; the endpoint's first key by
            default.
        allow_hosts: other hosts that may be called for real, by name or address. All others are
            blocked, save for this machine and for those that mocks of your own answer.
        sleep: what waits where a reply to requests is late but in time.
        settings: keyword arguments of :class:`Endpoint`.

    Returns:
        what ``with`` opens: ``with mocked() as endpoint:``.

    Raises:
        TypeError: for what is no endpoint.
        ValueError: for what no host is called, such as ``db.internal:5432``.
        BaseException: when it is closed, what went wrong inside the endpoint where its caller could
            not be told: a warning that is an error, an exception of a fault of your own.
    """
    if endpoint is not None and not isinstance(endpoint, Endpoint):
        by_name = "; give it by name: mocked(credentials=…)"
        lead = by_name if isinstance(endpoint, Credentials) else ""
        raise TypeError(f"endpoint: expected an Endpoint, got {type(endpoint).__name__}{lead}")
    opens = partial(open_mock, endpoint, credentials, allow_hosts, sleep, settings)
    return Mock(opens, "mocked()")


@contextmanager
def open_mock(
    endpoint: Endpoint | None,
    credentials: Credentials | None = None,
    allow_hosts: Iterable[str] = (),
    sleep: Callable[[float], None] = time.sleep,
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[Endpoint]:
    """Open a mock as :func:`mocked` says."""
    __tracebackhide__ = True  # where the credentials are none, they are not to be shown
    if endpoint is None:
        endpoint = Endpoint(credentials or TEST_CREDENTIALS, **settings)
    elif settings:
        raise TypeError(f"expected settings or an endpoint, got both: {', '.join(settings)}")
    opening = Opening(
        host=endpoint.contract.service.host,
        allow=allowed_hosts(allow_hosts),
        endpoint=endpoint,
        sleep=sleep,
    )
    try:
        with environment.test_keys(credentials or endpoint.credentials), _open(opening):
            yield endpoint
    except BaseException as error:
        for failure in opening.failures:
            error.add_note(f"{_FAILED} too: {failure!r}")
        add_leads(error, endpoint.calls, endpoint.secrets)
        raise
    if opening.failures:
        first, *others = opening.failures
        for failure in others[:_MAX_NOTES]:
            first.add_note(f"{_FAILED} again: {failure!r}")
        raise first


@contextmanager
def sealed(host: str, *, meant: tuple[str, int] | None = None) -> Iterator[list[str]]:
    """Keep this process from reaching a host, or any other than this machine; nothing answers.

    Args:
        meant: the host and port that are to be called.

    Yields:
        what else is asked for meanwhile, in order, each once: hosts, or ports of the host meant.
    """
    opening = Opening(host=host, meant=meant)
    with _open(opening):
        yield opening.elsewhere


@contextmanager
def _open(opening: Opening) -> Iterator[None]:
    with environment.no_proxies(opening.host, opening.allow):
        with _lock:
            if not openings.open_ones:
                _patches.make(threading.Thread, "start", openings.start_noting)
                _patches.make(ThreadPoolExecutor, "submit", openings.submit_carrying)
                adapters.open_doors(_patches)
                if not openings.kept:
                    seal.close_ways(_patches)
                # After the seal: what comes in by the door does not meet it.
                sockets.open_doors(_patches)
            openings.enter(opening)
        try:
            yield
        finally:
            listener.forget(opening)
            with _lock:
                openings.leave(opening)
                if not openings.open_ones:
                    _patches.undo()
                    seal.forget()
