"""A connection that ends at the endpoint: what urllib3 has in place of one to the real host.

A session's adapter, its ``Retry`` and urllib3's pool stay as they are, so that what a reply, a
reset or silence makes of a call is decided by the code that decides it over the network.
"""

from __future__ import annotations

import functools
import http.client
import inspect
import io
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NoReturn
from urllib.parse import urlsplit

import urllib3

from pytest_rtcmpu.mock.openings import Opening
from pytest_rtcmpu.values.messages import NORMAL_DELIVERY, Delivery, Request, Response

_RESET = (104, "Connection reset by peer")
#: A target that urllib3 sends as it is (RFC 3986 3.3, 3.4): nothing is left to be escaped.
_NORMAL_TARGET = re.compile(r"/(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9A-F]{2})*", re.ASCII)


def pool_of(opening: Opening, copy: ModuleType, url: str) -> Any:
    """Return the pool that leads to an opening's endpoint, made by a copy of requests."""
    parts = urlsplit(url)
    key = (copy.__name__, parts.scheme, parts.port)
    pool = opening.pools.get(key)
    if pool is None:
        kind = _pool_class(copy.packages.urllib3, secure=parts.scheme == "https")
        pool = kind(parts.hostname, parts.port)
        pool.rtcmpu_lead(opening, _host_header(url))
        pool = opening.pools.setdefault(key, pool)
    return pool


@functools.cache
def _pool_class(library: ModuleType, *, secure: bool) -> Any:
    """Return a pool of one copy of urllib3, named as that copy's own is."""
    base: Any = library.HTTPSConnectionPool if secure else library.HTTPConnectionPool
    shortcut = {"urlopen": _urlopen(base)} if library is urllib3 else {}
    connection = _Connection if library is urllib3 else _OldConnection

    def rtcmpu_lead(self: Any, opening: Opening, host: str, *responses: Response) -> None:
        """Lead to an endpoint; the first connection has a response already, where one is given."""
        self.rtcmpu_end = (opening, host)
        waiting = list(responses)
        self.ConnectionCls = lambda **_: connection(opening, host, waiting)

    return type(base.__name__, (base,), {"rtcmpu_lead": rtcmpu_lead, **shortcut})


def _urlopen(base: Any) -> Any:
    """Return ``urlopen`` that is quick where all goes well, and is urllib3's own otherwise."""

    def urlopen(
        self: Any,
        method: str,
        url: str,
        body: Any = None,
        headers: Any = None,
        retries: Any = None,
        *more: Any,
        **settings: Any,
    ) -> Any:
        opening, host = self.rtcmpu_end
        pool = self
        if _NORMAL_TARGET.fullmatch(url) and (body is None or isinstance(body, str | bytes)):
            response = opening.endpoint.handle(
                _request(method, url, headers or {}, body, host=host)
            )
            again = retries.is_retry(method, response.status, bool(response.header("Retry-After")))
            if response.delivery is NORMAL_DELIVERY and not again:
                reply = _reply(response, method)
                reply.retries = retries
                return reply
            pool = type(self)(self.host, self.port)
            pool.rtcmpu_lead(opening, host, response)
        return base.urlopen(pool, method, url, body, headers, retries, *more, **settings)

    return urlopen


def _host_header(url: str) -> str:
    """What http.client sends as Host: without the user, and without the scheme's own port."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return host.rpartition(":")[0] if parts.port == default else host


def to_request(prepared: Any) -> Request:
    """Return the value of a PreparedRequest of either copy of requests."""
    return _request(
        prepared.method,
        prepared.path_url,
        prepared.headers,
        prepared.body,
        host=_host_header(prepared.url),
    )


def _request(method: str, target: str, headers: Any, body: Any, *, host: str) -> Request:
    pairs = [(_text(name), _text(value)) for name, value in headers.items()]
    if not any(name.lower() == "host" for name, _ in pairs):
        # http.client adds it; a signature V3 covers it.
        pairs.insert(0, ("Host", host))
    if hasattr(body, "read"):
        body = body.read()
    elif body is not None and not isinstance(body, str | bytes | bytearray):
        body = b"".join(body)
    if isinstance(body, str):
        body = body.encode()
    return Request(method=method, target=target, headers=tuple(pairs), body=bytes(body or b""))


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class _Connection:
    """What a pool of urllib3 asks of a connection; slow bytes come at once."""

    #: TLS ends where no wire begins: there is no certificate to doubt.
    is_verified = proxy_is_verified = has_connected_to_proxy = is_connected = True
    proxy = None
    timeout: Any = None

    def __init__(self, opening: Opening, host: str, waiting: list[Response]) -> None:
        self._opening = opening
        self._host = host
        self._waiting = waiting
        self.sock: Any = None

    @property
    def is_closed(self) -> bool:
        """Whether it is yet to be connected."""
        return self.sock is None

    def connect(self) -> None:
        """Be connected."""
        self.sock = self

    def close(self) -> None:
        """Be closed."""
        self.sock = None

    def settimeout(self, seconds: float | None) -> None:
        """Be the socket, of which older pools ask this."""
        self.timeout = seconds

    def request(
        self, method: str, url: str, body: Any = None, headers: Any = None, **_: Any
    ) -> None:
        """Send a request."""
        self.sock = self
        # A request for a proxy names the whole URL; here nobody needs one.
        if not url.startswith("/"):
            parts = urlsplit(url)
            url = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        self._method = method
        if not self._waiting:
            endpoint = self._opening.endpoint
            assert endpoint is not None
            sent = _request(method, url, headers or {}, body, host=self._host)
            self._waiting.append(endpoint.handle(sent))
        self._response = self._waiting.pop()

    request_chunked = request

    def getresponse(self) -> Any:
        """Return the reply, or fail as the wire would."""
        self._arrive(self._response.delivery)
        self.sock = None
        return self._reply(self._response, self._method)

    _reply = staticmethod(lambda response, method: _reply(response, method))

    def _arrive(self, delivery: Delivery) -> None:
        """Wait for the first byte, or fail before it."""
        patience = self.timeout
        if delivery.delay:
            if isinstance(patience, int | float) and delivery.delay >= patience:
                raise TimeoutError("timed out")
            self._opening.sleep(delivery.delay)
        if delivery.raw is not None:
            raise http.client.BadStatusLine(repr(delivery.raw[:40]))
        if delivery.after is None:
            if delivery.ending == "timeout":
                raise TimeoutError("timed out")
            if delivery.ending == "reset":
                raise ConnectionResetError(*_RESET)
            if delivery.ending == "close":
                raise http.client.RemoteDisconnected("Remote end closed connection")


class _OldConnection(_Connection):
    """For urllib3 1, which makes its own reply of one of http.client's."""

    @staticmethod
    def _reply(response: Response, method: str) -> Any:
        headers, body = _content(response, method)
        head = f"HTTP/1.1 {response.status} {http.client.responses.get(response.status, '')}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers)
        reply: Any = http.client.HTTPResponse(
            _Wire(head.encode("latin-1") + b"\r\n"),  # type: ignore[arg-type]
            method=method,
        )
        reply.begin()
        if reply.fp is not None:
            reply.fp = body
        return reply


def _content(response: Response, method: str) -> tuple[list[tuple[str, str]], io.BytesIO]:
    """Return the headers and the body of a reply."""
    # RFC 9110 6.4.1: such replies have no content, whatever their headers say.
    empty = method == "HEAD" or response.status in (204, 304)
    body = b"" if empty else response.body
    headers = list(response.headers)
    if response.header("Content-Length") is None:
        headers.append(("Content-Length", str(len(body))))
    if response.delivery.ending == "complete":
        return headers, io.BytesIO(body)
    return headers, _Broken(body[: response.delivery.after], response.delivery)


def _reply(response: Response, method: str) -> urllib3.HTTPResponse:
    headers, body = _content(response, method)
    return urllib3.HTTPResponse(
        body=body,
        headers=urllib3.HTTPHeaderDict(headers),
        status=response.status,
        version=11,
        **_VERSION,
        reason=http.client.responses.get(response.status),
        preload_content=False,
        decode_content=False,
        request_method=method,
    )


#: What urllib3 keeps of a reply's version beside its number; the first releases of 2 do not.
_VERSION: Mapping[str, Any] = (
    {"version_string": "HTTP/1.1"}
    if "version_string" in inspect.signature(urllib3.HTTPResponse).parameters
    else {}
)


class _Wire:
    """A socket as http.client reads the head of a reply from it."""

    def __init__(self, head: bytes) -> None:
        self._head = head

    def makefile(self, mode: str) -> io.BytesIO:
        """Return what comes."""
        return io.BytesIO(self._head)


class _Broken(io.BytesIO):
    """A body that stops before its end, in one of the ways of ``Delivery``."""

    def __init__(self, content: bytes, delivery: Delivery) -> None:
        super().__init__(content)
        self._size = len(content)
        self._ending = delivery.ending

    def read(self, size: int | None = -1, /) -> bytes:
        """Read what has come; then it ends."""
        wanted = self._size if size is None or size < 0 else size
        got = super().read(size)
        if (self._ending != "close" and len(got) < wanted) or not (got or wanted):
            self._fail()
        return got

    def _fail(self) -> NoReturn:
        if self._ending == "timeout":
            raise TimeoutError("timed out")
        raise ConnectionResetError(*_RESET)
