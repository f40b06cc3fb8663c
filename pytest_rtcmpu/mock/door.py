"""The endpoint in place of the API's host: opened, and closed, in any order.

What makes it: ``adapters`` let requests in, ``seal`` keeps all else from getting out,
``environment`` has the keys, and ``openings`` tell whose a call is.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.mock import adapters, environment, openings, seal
from pytest_rtcmpu.mock.connection import to_request
from pytest_rtcmpu.mock.openings import Opening
from pytest_rtcmpu.mock.patches import Patches
from pytest_rtcmpu.mock.route import Route
from pytest_rtcmpu.values.credentials import Credentials
from pytest_rtcmpu.values.forks import own_lock

__all__ = ["Route", "mocked", "sealed", "to_request"]

_lock = own_lock(sys.modules[__name__], "_lock")
_patches = Patches()


@contextmanager
def mocked(
    endpoint: Endpoint,
    *,
    credentials: Credentials | None = None,
    allow_hosts: Iterable[str] = (),
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Endpoint]:
    """Answer every call to the endpoint's host, by https and http, from ``endpoint``.

    Clients that do not use requests (aiohttp, httpx) are not answered, and cannot reach the real
    host either. Where several are open, the latest of this context answers; a thread or a task
    belongs to the one that it was started in.

    Args:
        credentials: what the environment offers SDKs meanwhile; the endpoint's first key by
            default.
        allow_hosts: other hosts that may be called for real, by name or address. All others are
            blocked, save for this machine and for those that mocks of your own answer.
        sleep: what waits where a reply is late but in time.
    """
    opening = Opening(
        host=endpoint.contract.service.host,
        allow=frozenset(map(str.lower, allow_hosts)),
        endpoint=endpoint,
        sleep=sleep,
    )
    with environment.test_keys(credentials or endpoint.credentials), _open(opening):
        yield endpoint


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
                seal.close_ways(_patches)
            openings.enter(opening)
        try:
            yield
        finally:
            with _lock:
                openings.leave(opening)
                if not openings.open_ones:
                    _patches.undo()
                    seal.forget()
