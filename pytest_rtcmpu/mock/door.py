"""The endpoint in place of the API's host: opened, and closed, in any order.

What makes it: ``adapters`` let requests in and ``sockets`` everybody else, ``seal`` keeps all from
getting out, ``environment`` has the keys, and ``openings`` tell whose a call is.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

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

__all__ = ["Route", "mocked", "sealed", "to_request"]

_FAILED = "pytest-rtcmpu: while it answered a call, the endpoint failed"
_MAX_NOTES = 10
_lock = own_lock(sys.modules[__name__], "_lock")
_patches = Patches()


@contextmanager
def mocked(
    endpoint: Endpoint | None = None,
    *,
    credentials: Credentials | None = None,
    allow_hosts: Iterable[str] = (),
    sleep: Callable[[float], None] = time.sleep,
    **settings: Any,
) -> Iterator[Endpoint]:
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

    Yields:
        the endpoint.

    Raises:
        ValueError: for what no host is called, such as ``db.internal:5432``.
        BaseException: when it is closed, what went wrong inside the endpoint where its caller could
            not be told: a warning that is an error, an exception of a fault of your own.
    """
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
