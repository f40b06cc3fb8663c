"""An endpoint behind a server that outlives it: a test's own state at a URL that stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_rtcmpu import contract
from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.errors import CertificateWarning, RTCMPUWarning
from pytest_rtcmpu.mock import environment, listener
from pytest_rtcmpu.server.control import Control
from pytest_rtcmpu.server.http import Failure, Server
from pytest_rtcmpu.server.proxy import Proxy
from pytest_rtcmpu.server.setup import Files, all_variables
from pytest_rtcmpu.values.forks import own_lock
from pytest_rtcmpu.values.messages import Response
from pytest_rtcmpu.values.redaction import redact_everywhere
from pytest_rtcmpu.values.text import for_terminal

_MAX_WARNINGS = 100
_GONE = Response(status=503, body=b"no test is using rtcmpu_server")


def _no_files() -> Files:
    raise RuntimeError("nothing was written for other programs")


class ProxyServer(Server):
    """A server that is a proxy for the service's names, and serves nobody yet."""

    proxy: Proxy

    def __init__(self) -> None:
        proxy = Proxy(
            service=contract.load().service.host,
            how="rtcmpu_server calls nobody for real; rtcmpu serve --proxy --allow-host does",
        )
        super().__init__(
            lambda request: _GONE,
            tls=lambda: listener.authority().serving("localhost", "127.0.0.1", also=proxy.serves),
            proxy=proxy,
        )


class ServedEndpoint(Endpoint):
    """An :class:`Endpoint` that is called over a socket, with the same controls, and a ``url``.

    The same port is a proxy (``proxy_url``) that leads to the service's names and to no other, by
    https too, which is served by the authority in ``ca_file``.

    Its warnings come up in the server's thread, where ``pytest.warns`` does not see them: they are
    kept until :meth:`take_warnings`, or until the test is over, when what is left is given as
    Python warnings.
    """

    def __init__(self, server: ProxyServer, files: Callable[[], Files], **settings: Any) -> None:
        __tracebackhide__ = True  # as in Endpoint
        self.url: str = server.url
        self.proxy_url: str = server.url
        self._server = server
        self._files = files
        self._given: list[RTCMPUWarning] = []
        self._given_lock = own_lock(self, "_given_lock")
        super().__init__(**settings, warn=self._take)

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint, that is itself: for code that is given a server."""
        return self

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that a client of ``proxy_url`` is to trust."""
        return self._files().authority

    def environment(self) -> dict[str, str]:
        """Return the environment for a program whose calls to the service are to end here.

        It is this process's, with a proxy, an authority to trust and test keys: what curl, Go,
        Java, Node, PHP and Python's clients go by.
        """
        variables = all_variables(self.proxy_url, self._files(), self._server.proxy)
        return environment.leading_here(self.credentials, variables)

    def _take(self, warning: RTCMPUWarning) -> None:
        with self._given_lock:
            if len(self._given) < _MAX_WARNINGS:
                self._given.append(warning)

    def take_warnings(self) -> list[RTCMPUWarning]:
        """Return the warnings since the last time (100 at most); they are not given again."""
        self._server.settle()
        with self._given_lock:
            taken, self._given = self._given, []
        return taken


@contextmanager
def served(
    server: ProxyServer, files: Callable[[], Files] = _no_files, **settings: Any
) -> Iterator[ServedEndpoint]:
    """Let a running server serve a new endpoint, and SDKs in this process find its test key.

    At the end it serves what it served before, and every connection is dropped, so that a reply
    still to come, or a client still at it, does not reach into what is served next. What failed
    is in ``server.errors``.

    Args:
        files: writes what other programs are to read, or returns what was written.
    """
    __tracebackhide__ = True  # as in mocked
    endpoint = ServedEndpoint(server, files, **settings)
    before = server.handle, server.on_distrust
    server.on_distrust = lambda error: endpoint.warn(
        CertificateWarning(
            f"a client does not trust the certificate of rtcmpu_server ({error}): let it trust the "
            "file rtcmpu_server.ca_file, or give it the environment of rtcmpu_environment"
        )
    )
    server.errors.clear()
    server.handle = Control(endpoint)
    with environment.test_keys(endpoint.credentials):
        try:
            yield endpoint
        finally:
            server.settle()
            server.handle, server.on_distrust = before
            server.disconnect()


def failure_text(failures: list[Failure], endpoint: Endpoint) -> str:
    """Say what went wrong inside the server, with its tracebacks."""
    told = "\n".join(
        f"while answering {failure.request!r}:\n{failure.traceback}" for failure in failures[:3]
    )
    more = f"\n… and {len(failures) - 3} more" if len(failures) > 3 else ""
    failed = redact_everywhere(f"rtcmpu_server failed {told}{more}", endpoint.secrets)
    return for_terminal(failed, multiline=True)
