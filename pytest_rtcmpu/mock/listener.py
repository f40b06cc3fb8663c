"""Where calls arrive that do not come by requests: a server of this process, for all mocks.

It is started when the first such call is made, and stays: connections that a client keeps outlive
a test. Each request belongs to the opening that its bytes were sent in, told by the client's port.
"""

from __future__ import annotations

import functools
import os
import socket
import ssl
import sys
from typing import Any, Self

from pytest_rtcmpu.errors import CertificateWarning, RTCMPUWarning
from pytest_rtcmpu.mock import openings
from pytest_rtcmpu.mock.openings import Opening
from pytest_rtcmpu.server.admission import is_distrust
from pytest_rtcmpu.server.authority import Authority
from pytest_rtcmpu.server.connection import Connection
from pytest_rtcmpu.server.http import Server
from pytest_rtcmpu.values.forks import own_lock
from pytest_rtcmpu.values.messages import Delivery, Request, Response

#: The answer to what nobody can be found to have sent.
_NOBODY = Response(status=503, delivery=Delivery(ending="close"))


@functools.cache
def authority() -> Authority:
    """The authority of this process: its mocks' and its server fixture's."""
    return Authority()


class Listener(Server):
    """A server that answers each request by the endpoint of the opening it was sent in."""

    def __init__(self) -> None:
        super().__init__(lambda request: _NOBODY, tls=lambda: self._serving)
        self.process: int = os.getpid()
        #: What was sent last from a port of this machine was sent in this opening.
        self._senders: dict[int, Opening] = {}

    def start(self) -> Self:
        """Listen; the thread is nobody's, whoever was the first to call."""
        super().start()
        if self._thread is not None:
            openings.disown(self._thread)
        return self

    @functools.cached_property
    def _serving(self) -> ssl.SSLContext:
        return authority().serving("localhost", also=openings.is_answered)

    @functools.cached_property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.port

    def is_at(self, peer: object) -> bool:
        """Whether an address is where it listens."""
        return peer == self.address

    def note(self, sock: socket.socket, opening: Opening) -> None:
        """Note what a socket's bytes are sent in."""
        self._senders[sock.getsockname()[1]] = opening

    def respond(self, connection: Connection, request: Request) -> Response:
        """Answer by the endpoint of whoever sent it; what goes wrong fails that mock."""
        opening = self._senders.get(connection.port)
        if opening is None or opening.endpoint is None or not opening.is_open:
            return _NOBODY
        try:
            return opening.endpoint.call(request, warn=functools.partial(warn, opening)).reply
        except BaseException as error:
            opening.failures.append(error)
            raise

    def tls_failed(self, port: int, error: Exception) -> None:
        """Warn of a client that does not trust the certificate."""
        opening = self._senders.get(port)
        if opening is not None and opening.is_open and is_distrust(error):
            warn(opening, _distrusted(opening.host, error))

    def forget(self, opening: Opening) -> None:
        """Let go what is still being answered; connections without a request are kept."""
        mine = [port for port, sender in self._senders.copy().items() if sender is opening]
        if mine:
            self.settle()
            self.disconnect(lambda connection: connection.port in mine and not connection.is_idle)
        for port in mine:
            if self._senders.get(port) is opening:
                del self._senders[port]


def _distrusted(host: str, error: Exception) -> CertificateWarning:
    return CertificateWarning(
        f"a client does not trust the certificate that stands for {host}'s ({error}). Clients that "
        "verify by Python's ssl and give it that name do so by themselves. For one that does not: "
        "give it the URL of the rtcmpu_server fixture as its endpoint, by http, or let it trust "
        "the file rtcmpu_server.ca_file and take rtcmpu_server.proxy_url as its proxy."
    )


def warn(opening: Opening, warning: RTCMPUWarning) -> None:
    """Give a warning in the test that a call belongs to; as an error it fails the mock."""
    assert opening.endpoint is not None
    try:
        opening.endpoint.warn(warning)
    except BaseException as error:
        opening.failures.append(error)


_lock = own_lock(sys.modules[__name__], "_lock")
_listener: Listener | None = None


def started() -> Listener:
    """Return the listener of this process, which is started if it is not yet."""
    global _listener
    with _lock:
        if _listener is None or _listener.process != os.getpid():
            _listener = Listener()
        return _listener.start()


def note_sender(sock: Any, peer: Any) -> bool:
    """Note what a socket's bytes are sent in, where they are for the listener.

    Raises:
        openings.NotAnswered: for what is left over from a mock that is closed.
    """
    if _listener is None or not _listener.is_at(peer):
        return False
    _listener.note(sock, openings.current())
    return True


def is_at(peer: object) -> bool:
    """Whether an address is the listener's."""
    return _listener is not None and _listener.is_at(peer)


def forget(opening: Opening) -> None:
    """Let the listener forget an opening that is closed."""
    if _listener is not None and _listener.process == os.getpid():
        _listener.forget(opening)
