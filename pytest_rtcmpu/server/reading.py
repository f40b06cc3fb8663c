"""Requests as h11 reads them: what this server refuses of that, and a request as a value."""

from __future__ import annotations

import re
from functools import lru_cache

import h11

from pytest_rtcmpu.server.limits import Limits
from pytest_rtcmpu.values.messages import Request

# h11 waits for the empty line after the headers, which a client of HTTP/0.9 never sends.
_REQUEST_LINE = re.compile(rb"[!-~]+ [!-~]+ HTTP/[0-9]\.[0-9]\r?")
_ABSOLUTE_FORM = re.compile(r"https?://[^/?#]*", re.IGNORECASE).match
_VERSIONS = {b"1.0", b"1.1"}
# h11 quotes what it refuses, which may hold a secret.
_QUOTED = re.compile(r":? (?:bytearray\(|b['\"]).*", re.DOTALL)


def is_request_line(line: bytes) -> bool:
    """Whether it is the first line of a request of HTTP/1, without its line end."""
    return _REQUEST_LINE.fullmatch(line) is not None


def _origin_form(method: str, target: str) -> str | None:
    """The target as ``/path?query``, ``*`` for OPTIONS, or None if it is neither."""
    if absolute := _ABSOLUTE_FORM(target):
        target = target[absolute.end() :]
        return target if target.startswith("/") else f"/{target}"
    return target if target.startswith("/") or (method, target) == ("OPTIONS", "*") else None


def _decode(name: bytes, value: bytes) -> tuple[str, str]:
    if len(name) + len(value) <= _SHORT:
        return _decode_short(name, value)
    return name.decode("latin-1"), value.decode("latin-1")


@lru_cache(maxsize=512)  # a client sends the same fields with each request
def _decode_short(name: bytes, value: bytes) -> tuple[str, str]:
    return name.decode("latin-1"), value.decode("latin-1")


#: Longer ones are not kept: they could fill the memory.
_SHORT = 256


def why_refused(event: h11.Request, limits: Limits) -> tuple[int, str] | None:
    """What h11 lets pass and this server does not, as status and reason."""
    items = event.headers.raw_items()  # a plain list; event.headers is slow to walk
    fields = {name.lower(): value for name, value in items}
    length = fields.get(b"content-length")
    if event.http_version not in _VERSIONS:
        return 400, "this server speaks HTTP/1.0 and HTTP/1.1"
    if length is not None and b"transfer-encoding" in fields:
        return 400, "both Content-Length and Transfer-Encoding"  # RFC 9112 6.1
    if length is not None and int(length) > limits.max_body:
        return 413, f"the body may have {limits.max_body} bytes"
    if len(items) > limits.max_header_fields:
        return 431, f"there may be {limits.max_header_fields} header fields"
    return None


def request_of(event: h11.Request, body: bytes) -> Request | None:
    """Return a request as a value, or ``None`` where its target is neither path nor http URL."""
    method = event.method.decode("ascii")
    target = _origin_form(method, event.target.decode("latin-1"))
    if target is None:
        return None
    headers = tuple([_decode(*item) for item in event.headers.raw_items()])
    return Request(method=method, target=target, headers=headers, body=body)


def refusal_of(error: h11.RemoteProtocolError) -> tuple[int, str]:
    """Return what to answer to what h11 cannot read, as status and reason."""
    # 501 for a foreign coding would blame the server, and what came is a bad request.
    status = error.error_status_hint if error.error_status_hint < 500 else 400
    return status, _QUOTED.sub("", str(error))
