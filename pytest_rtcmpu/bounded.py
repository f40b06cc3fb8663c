"""Replies within bounds: a deadline for the whole of one, and a limit on its size.

To a socket a timeout is for each wait, so that a reply which drips never ends, in its headers
neither; and how large it is, or becomes when it is decompressed, is up to who sends it.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

#: Bytes of a reply, decompressed too. It may repeat a request of 1 MiB, encoded twice.
MAX_REPLY = 16 * 1024 * 1024
#: How a reply may be compressed: what can be undone a step at a time, whatever it grows to.
CODINGS = "gzip, deflate"
#: How often over; nobody means more, and each costs as much as the limit allows.
_MAX_CODINGS = 5
#: Bytes that are read at once.
_PART = 65536

Clock = Callable[[], float]


class TooLarge(ValueError):
    """There is more of a reply than it may have."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"expected a reply of at most {max_bytes} bytes, decompressed, got more")


class NotInCoding(ValueError):
    """A body that is not in the coding that its Content-Encoding names."""


# ------------------------------------------------------------------------------ the whole in time


class Timed(io.RawIOBase):
    """What a socket receives, until the whole of it takes too long.

    Args:
        raw: the socket as a file, unbuffered.
        seconds: for everything that is read.
    """

    def __init__(
        self, sock: socket.socket, raw: io.RawIOBase, seconds: float, clock: Clock = time.monotonic
    ) -> None:
        self._sock, self._raw, self._clock = sock, raw, clock
        self._seconds = seconds
        self._until = clock() + seconds

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Wait for no longer than what is left. Raises TimeoutError."""
        left = self._until - self._clock()
        if left <= 0:
            raise TimeoutError(f"no whole reply within {self._seconds:g} s")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Close the socket's file."""
        self._raw.close()
        super().close()


class _Reply(http.client.HTTPResponse):
    """A reply whose status, headers and body arrive within so many seconds, all in all."""

    def __init__(self, sock: Any, *args: Any, seconds: float | None, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        if seconds is not None:
            self.fp = io.BufferedReader(Timed(sock, self.fp.detach(), seconds))


class Whole:
    """For a connection of http.client: its timeout is for a reply as a whole."""

    timeout: float | None

    @property
    def response_class(self) -> Callable[..., http.client.HTTPResponse]:
        """What reads a reply, a proxy's to CONNECT too."""
        return partial(_Reply, seconds=self.timeout)


class _Plain(Whole, HTTPConnection):  # type: ignore[misc]
    """urllib3's connection, by http."""


class _Secure(Whole, HTTPSConnection):  # type: ignore[misc]
    """urllib3's connection, by https."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class WholeAdapter(HTTPAdapter):
    """An adapter of requests whose read timeout is for the reply as a whole, headers included."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools."""
        super().init_poolmanager(*args, **kwargs)
        _bound(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Make the pools of a proxy."""
        return _bound(super().proxy_manager_for(*args, **kwargs))


def _bound(manager: Any) -> Any:
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
    return manager


# ---------------------------------------------------------------------------- as much as it may be


def read_body(
    received: requests.Response,
    *,
    seconds: float | None,
    max_bytes: int = MAX_REPLY,
    began: float,
    clock: Clock = time.monotonic,
) -> bytes:
    """Return the body of a reply that was asked for with ``stream=True``, decompressed.

    Args:
        seconds: from ``began`` to the last byte; ``None`` for ever.

    Raises:
        TooLarge: as soon as there is more than ``max_bytes``.
        requests.ReadTimeout: for a body that takes too long.
        NotInCoding: for one that is not compressed as it says.
        urllib3.exceptions.HTTPError: for one that breaks off.
    """
    raw = received.raw
    if raw is None:
        return received.content

    def in_time(part: bytes) -> bytes:
        if part and seconds is not None and clock() > began + seconds:
            raise requests.ReadTimeout(f"no whole reply within {seconds:g} s")
        return part

    with received:
        if isinstance(raw, urllib3.HTTPResponse) and hasattr(raw, "read1"):
            body = gather(lambda: in_time(raw.read1(_PART, decode_content=False)), max_bytes)
            return decompress(body, received.headers.get("Content-Encoding"), max_bytes)
        # Somebody else's adapter: what it hands out is decompressed.
        parts = received.iter_content(_PART)
        return gather(lambda: in_time(next(parts, b"")), max_bytes)


def gather(read: Callable[[], bytes], max_bytes: int = MAX_REPLY) -> bytes:
    """Return all parts that are read, up to one that is empty. Raises TooLarge."""
    parts: list[bytes] = []
    size = 0
    while part := read():
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise TooLarge(max_bytes)
    return b"".join(parts)


def read_reply(reply: http.client.HTTPResponse, max_bytes: int = MAX_REPLY) -> bytes:
    """Return the body of a reply of http.client, as it came.

    Raises:
        TooLarge: as soon as there is more than ``max_bytes``.
        http.client.IncompleteRead: for one that is shorter than it says.
    """
    body = gather(lambda: reply.read(_PART), max_bytes)
    if reply.length:  # what is still to come: http.client tells only who reads all at once
        raise http.client.IncompleteRead(body, reply.length)
    return body


def decompress(body: bytes, codings: str | None, max_bytes: int = MAX_REPLY) -> bytes:
    """Return a body without the codings that its Content-Encoding names, where they are known.

    Raises:
        TooLarge: before more than ``max_bytes`` are made of it.
        NotInCoding: for a body that is not in them.
    """
    named = [coding.strip().lower() for coding in (codings or "").split(",")]
    if len(named) > _MAX_CODINGS:
        raise NotInCoding(f"expected at most {_MAX_CODINGS} codings, got {len(named)}")
    for coding in reversed(named if body else ()):
        try:
            if coding in ("gzip", "x-gzip"):
                body = _inflate(body, 16 + zlib.MAX_WBITS, max_bytes)
            elif coding == "deflate":
                body = _inflate(body, _wbits(body), max_bytes)
        except zlib.error as error:
            raise NotInCoding(f"expected a body in {coding}: {error}") from None
    return body


def _wbits(body: bytes) -> int:
    """RFC 9110, 8.4.1.2, means zlib's format by deflate; some send what is in it, bare."""
    # RFC 1950, 2.2: the method is in the first byte, and the first two are a multiple of 31.
    has_header = body[0] & 15 == zlib.DEFLATED and int.from_bytes(body[:2]) % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS


def _inflate(body: bytes, wbits: int, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    left = max_bytes
    while body:
        stream = zlib.decompressobj(wbits)
        part = stream.decompress(body, left + 1)
        if len(part) > left:
            raise TooLarge(max_bytes)
        if not stream.eof:
            raise zlib.error("it ends early")
        parts.append(part)
        left -= len(part)
        body = stream.unused_data if wbits > zlib.MAX_WBITS else b""  # gzip has members
    return b"".join(parts)
