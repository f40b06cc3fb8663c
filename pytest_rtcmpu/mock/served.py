"""An endpoint behind a server that outlives it: a test's own state at a URL that stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.errors import RTCMPUWarning
from pytest_rtcmpu.mock import environment
from pytest_rtcmpu.server.control import Control
from pytest_rtcmpu.server.http import Failure, Server
from pytest_rtcmpu.values.forks import own_lock
from pytest_rtcmpu.values.redaction import redact_everywhere
from pytest_rtcmpu.values.text import for_terminal

_MAX_WARNINGS = 100


class ServedEndpoint(Endpoint):
    """An :class:`Endpoint` that is called over a socket, with the same controls, and a ``url``.

    Its warnings come up in the server's thread, where ``pytest.warns`` does not see them: they are
    kept until :meth:`take_warnings`, or until the test is over, when what is left is given as
    Python warnings.
    """

    def __init__(self, url: str, **settings: Any) -> None:
        self.url = url
        self._given: list[RTCMPUWarning] = []
        self._given_lock = own_lock(self, "_given_lock")
        super().__init__(**settings, warn=self._take)

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint, that is itself: for code that is given a server."""
        return self

    def _take(self, warning: RTCMPUWarning) -> None:
        with self._given_lock:
            if len(self._given) < _MAX_WARNINGS:
                self._given.append(warning)

    def take_warnings(self) -> list[RTCMPUWarning]:
        """Return the warnings since the last time (100 at most); they are not given again."""
        with self._given_lock:
            taken, self._given = self._given, []
        return taken


@contextmanager
def served(server: Server, **settings: Any) -> Iterator[ServedEndpoint]:
    """Let a running server serve a new endpoint, and SDKs in this process find its test key.

    At the end it serves what it served before, and every connection is dropped, so that a reply
    still to come, or a client still at it, does not reach into what is served next. What failed
    is in ``server.errors``.
    """
    endpoint = ServedEndpoint(server.url, **settings)
    before = server.handle
    server.errors.clear()
    server.handle = Control(endpoint)
    with environment.test_keys(endpoint.credentials):
        try:
            yield endpoint
        finally:
            server.handle = before
            server.disconnect()


def failure_text(failures: list[Failure], endpoint: Endpoint) -> str:
    """Say what went wrong inside the server, with its tracebacks."""
    told = "\n".join(
        f"while answering {failure.request!r}:\n{failure.traceback}" for failure in failures[:3]
    )
    more = f"\n… and {len(failures) - 3} more" if len(failures) > 3 else ""
    failed = redact_everywhere(f"rtcmpu_server failed {told}{more}", endpoint.secrets)
    return for_terminal(failed, multiline=True)
