"""Replies as bytes: written by hand, as some must be broken on purpose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from pytest_rtcmpu.values.messages import Response

# RFC 9110 5.6.2 and 5.5: no CR, LF or NUL in a name or value, so none can be injected.
_FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch

_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n" for s in HTTPStatus}
_BODILESS = frozenset({204, 304})  # RFC 9110 6.4.1


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as bytes: the head, the pieces of the body, and what may follow them."""

    head: bytes
    body: bytes
    chunked: bool
    keep_alive: bool

    def wire(self) -> bytes:
        """The whole reply at once."""
        if not self.chunked:
            return self.head + self.body
        return b"".join((self.head, *self.pieces(None), self.end))

    def pieces(self, size: int | None) -> Iterator[bytes]:
        """The body as it goes on the wire, in parts of that many bytes, or in two."""
        size = size or max(1, (len(self.body) + 1) // 2)
        for start in range(0, len(self.body), size):
            part = self.body[start : start + size]
            yield b"%x\r\n%b\r\n" % (len(part), part) if self.chunked else part

    @property
    def end(self) -> bytes:
        """What closes the body."""
        return b"0\r\n\r\n" if self.chunked else b""


@dataclass(frozen=True, slots=True)
class Framing:
    """What the request says about the form of its reply."""

    head_only: bool  # HEAD
    old: bool  # HTTP/1.0: no chunks, and a kept connection has to be announced
    keep_alive: bool

    def frame(self, response: Response) -> Reply:
        """Turn a response into bytes; raise ValueError for what would not be HTTP."""
        status = response.status
        if not 200 <= status <= 999:
            raise ValueError(f"{status} is no final HTTP status")
        parts = [_STATUS_LINES.get(status) or f"HTTP/1.1 {status} Unknown\r\n"]
        body = response.body
        if not isinstance(body, bytes):
            raise TypeError(f"a body is bytes, not {type(body).__name__}")
        length = coding = None
        keep_alive = self.keep_alive
        for name, value in response.headers:
            if not _FIELD_NAME(name):
                raise ValueError(f"not a header name: {name!r}")
            if not _FIELD_VALUE(value):
                raise ValueError(f"not a value for the header {name}: {value!r}")
            match name.lower():
                case "content-length":
                    length = value
                case "connection":
                    keep_alive = keep_alive and value.lower() != "close"
                case "transfer-encoding":
                    coding = value.lower()
                    if self.old:  # RFC 9112 6.1: HTTP/1.0 reads until the end instead
                        continue
            parts.append(f"{name}: {value}\r\n")
        chunked = coding == "chunked" and not self.old
        if coding is not None:
            keep_alive = keep_alive and chunked and length is None
        elif length is not None:
            # A length that lies is a fault asked for; nobody can tell where a next reply starts.
            keep_alive = keep_alive and (self.head_only or length == str(len(body)))
        elif status != 204:
            parts.append(f"Content-Length: {len(body)}\r\n")
        if not keep_alive:
            if response.header("Connection") is None:
                parts.append("Connection: close\r\n")
        elif self.old:
            parts.append("Connection: keep-alive\r\n")
        parts.append("\r\n")
        bodiless = self.head_only or status in _BODILESS
        return Reply(
            "".join(parts).encode("latin-1"),
            b"" if bodiless else body,
            chunked and not bodiless,
            keep_alive,
        )


LAST_WORDS = Framing(head_only=False, old=False, keep_alive=False)


def plain(status: int, why: str) -> Response:
    """A short reply of the server itself, in words."""
    text = f"{status} {HTTPStatus(status).phrase}: {why[:200]}\n"
    return Response(
        status=status,
        headers=(("Content-Type", "text/plain; charset=utf-8"),),
        body=text.encode("utf-8", "backslashreplace"),
    )
