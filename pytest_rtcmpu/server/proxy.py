"""A proxy that leads to the service's names, which end here, and to nobody else unless told.

CONNECT (RFC 9110 9.3.6) becomes a tunnel: to this server itself for the service's names, so that
TLS, faults and record are those of any call; to the host itself where it is allowed.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from pytest_rtcmpu.contract.hosts import is_host_of
from pytest_rtcmpu.values.messages import Request

#: RFC 9112 3.2.3, 3.2.2: the authority that CONNECT names, and a request's whole URL.
_AUTHORITY = re.compile(r"(\[[^\]/?#@]+\]|[^:/?#@]+):([0-9]{1,5})")
_URL = re.compile(
    r"(https?)://(?:[^/?#@]*@)?(\[[^\]/?#]+\]|[^:/?#]+)(?::([0-9]{1,5}))?(?=[/?#]|\Z)"
)
_PORTS = {"http": 80, "https": 443}
#: RFC 9110 7.6.1: what is said to the proxy and not to whom it leads.
_HOP_BY_HOP = {
    *("connection", "proxy-connection", "keep-alive", "te", "trailer", "transfer-encoding"),
    *("upgrade", "proxy-authorization", "content-length"),
}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a proxy is asked to lead: through a tunnel, or with this one request."""

    host: str
    port: int
    tunnel: bool


def destination(method: str, target: str) -> Destination | None:
    """Return where a request asks a proxy to lead; ``None`` for one that is for the server.

    Raises:
        ValueError: for a CONNECT that names no host and port.
    """
    if method == "CONNECT":
        found = _AUTHORITY.fullmatch(target)
        if found is None or not 0 < int(found[2]) < 65536:
            raise ValueError("CONNECT names a host and a port, such as api.example.com:443")
        return Destination(_plain(found[1]), int(found[2]), tunnel=True)
    url = _URL.match(target)
    if url is None:
        return None
    return Destination(_plain(url[2]), int(url[3] or _PORTS[url[1]]), tunnel=False)


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


@dataclass(frozen=True, kw_only=True, slots=True)
class Proxy:
    """Whom a server leads to.

    Attributes:
        service: the service's documented host; its other names are known by it.
        allow: other hosts that are called for real, in lower case.
        how: how one lets a host through, for whoever is refused.
    """

    service: str
    allow: frozenset[str] = frozenset()
    how: str

    def serves(self, host: str) -> bool:
        """Whether a name ends here."""
        return is_host_of(self.service, host)

    def refusal(self, where: Destination) -> str | None:
        """Say why a host is not let through; ``None`` where it is."""
        if self.serves(where.host) or where.host in self.allow:
            return None
        return f"{where.host[:80]} is not let through, only {self.service} is: {self.how}"


def forwarded(request: Request) -> bytes:
    """Return a request as it is sent on to a host that is allowed."""
    kept = [pair for pair in request.headers if pair[0].lower() not in _HOP_BY_HOP]
    if request.body:
        kept.append(("Content-Length", str(len(request.body))))
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in (*kept, ("Connection", "close"))]
    return "\r\n".join((*lines, "", "")).encode("latin-1") + request.body


class Near(Protocol):
    """The client's side of a tunnel."""

    def far_sent(self, data: bytes) -> None:
        """Pass on what came from the other side."""

    def far_ended(self) -> None:
        """Say that nothing more comes from there."""

    def far_lost(self, error: Exception | None) -> None:
        """End as the other side ended."""

    def far_is_full(self, full: bool) -> None:
        """Read no more while the other side takes no more."""


class Tunnel(asyncio.Protocol):
    """The far side of a tunnel: what comes there goes to the client, and the other way round.

    Attributes:
        ended: whether nothing more comes from there.
    """

    def __init__(self, near: Near) -> None:
        self._near = near
        self.ended: bool = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have a far side."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        self._near.far_sent(data)

    def eof_received(self) -> bool:
        """Pass it on; the client may go on talking."""
        self.ended = True
        self._near.far_ended()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self._near.far_lost(exc)

    def pause_writing(self) -> None:
        """Take no more from the client."""
        self._near.far_is_full(True)

    def resume_writing(self) -> None:
        """Take more."""
        self._near.far_is_full(False)

    def send(self, data: bytes) -> None:
        """Send what came from the client."""
        self._transport.write(data)

    def end(self) -> None:
        """Say that the client has said all."""
        with suppress(OSError, RuntimeError):
            self._transport.write_eof()

    def hold(self, full: bool) -> None:
        """Read no more while the client takes no more."""
        if self._transport.is_closing():
            return
        if full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def leave(self) -> None:
        """Drop it: the client has left."""
        self._transport.abort()
