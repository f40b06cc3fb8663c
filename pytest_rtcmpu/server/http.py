"""A loopback HTTP/1.1 server for anything that turns a ``Request`` into a ``Response``.

One asyncio loop in one background thread. h11 reads the requests; the replies are written here,
because some have to be broken on purpose: cut short against their Content-Length, reset, garbage.
Nothing is logged: what goes wrong inside ``handle`` is kept in ``Server.errors``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
import signal
import socket
import ssl
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from types import FrameType, TracebackType
from typing import Any, Self

import h11

from pytest_rtcmpu.values.messages import NORMAL_DELIVERY, Delivery, Request, Response

Handle = Callable[[Request], Response]

_KIB = 1024
_MIB = 1024 * _KIB


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a client may ask of the server before it is refused or let go.

    max_body: bytes of a request body, counted after chunks are put together (else 413).
    max_head: bytes of request line and headers; room for 1 MiB of query (else 431).
    max_header_fields: how many header lines (else 431).
    request_seconds: for one whole request to arrive, from its first byte (else 408), and for a
        client that reads no replies to start reading (else the connection is dropped).
    keep_alive_seconds: a connection without a request is closed after that.
    linger_seconds: a refused client may finish talking for so long before it is dropped.
    max_connections: open at the same time (one more gets 503).
    backlog: connections the kernel holds until they are accepted.
    max_errors: how many failures of ``handle`` are kept; later ones are only answered.
    """

    max_body: int = 1 * _MIB
    max_head: int = 1 * _MIB + 64 * _KIB
    max_header_fields: int = 1000
    request_seconds: float = 10.0
    keep_alive_seconds: float = 75.0
    linger_seconds: float = 1.0
    max_connections: int = 4096
    backlog: int = 1024
    max_errors: int = 1000


DEFAULT_LIMITS = Limits()

# Whatever event loop policy the tested code has installed, the server has asyncio's own.
if sys.platform == "win32":
    _EventLoop = asyncio.ProactorEventLoop
else:
    _EventLoop = asyncio.SelectorEventLoop


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Failure:
    """An exception raised while a request was answered; ``request`` is None if there was none."""

    request: Request | None
    exception: BaseException

    @property
    def traceback(self) -> str:
        """The exception and its traceback as Python prints them."""
        return "".join(traceback.format_exception(self.exception))


class Server:
    """Serve ``handle`` on a socket of this machine until stopped.

    ``handle`` runs in the server's thread, one call at a time; it may be exchanged at any moment
    by assigning ``server.handle``. Requests that have arrived together are all handled before the
    first of their replies is sent. ``errors`` lists what it raised; such a request is answered
    with a plain 500.
    """

    def __init__(
        self,
        handle: Handle,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.handle = handle
        self.errors: list[Failure] = []
        self.limits = limits
        self._host = host
        self._port = port
        self._ssl_context = ssl_context
        self._connections: set[_Connection] = set()
        self._asked: list[tuple[_Connection, Request, _Framing]] = []
        # asyncio would take 256 KiB of fresh memory for each read, a quarter of the throughput.
        self._buffer = memoryview(bytearray(64 * _KIB))
        self._lock = threading.Lock()  # start and stop may come from several threads
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._url: str | None = None
        self._died_of: BaseException | None = None

    @property
    def url(self) -> str:
        """``http://host:port`` (or ``https``), known once the server has started."""
        if self._url is None:
            raise RuntimeError("the server has not been started")
        return self._url

    @property
    def port(self) -> int:
        """The port the server listens on, known once it has started."""
        return int(self.url.rpartition(":")[2])

    @property
    def open_connections(self) -> int:
        """How many clients are connected, held and refused ones among them."""
        return len(self._connections)

    def start(self) -> Self:
        """Listen and serve in a background thread; a second start changes nothing."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return self
            # Bound here, so that "address in use" is raised where the server is started.
            family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
            listener = socket.create_server(
                (self._host, self._port), family=family, backlog=self.limits.backlog
            )
            scheme = "https" if self._ssl_context else "http"
            host = f"[{self._host}]" if family == socket.AF_INET6 else self._host
            self._url = f"{scheme}://{host}:{listener.getsockname()[1]}"
            ready: Future[None] = Future()
            self._died_of = None
            self._thread = threading.Thread(
                target=self._run, args=(listener, ready), name="rtcmpu-server", daemon=True
            )
            self._thread.start()
            try:
                ready.result()
            except BaseException:
                self._thread.join()
                raise
        return self

    def stop(self) -> None:
        """Drop every connection, close the socket and end the thread; may be called again."""
        with self._lock:  # not while it is starting
            self._ask_to_stop()
            thread = self._thread
        # A handle may stop its own server: the thread then ends after the reply is written.
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def disconnect(self) -> None:
        """Drop every connection and what was still to be sent on it, and go on serving.

        Once it returns, nothing that was asked on one of them is still being answered.
        """
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        if thread is threading.current_thread():  # a handle asks, and cannot wait for itself
            self._abort_all()
            return
        dropped = threading.Event()

        def drop() -> None:
            self._abort_all()
            # What the end of a connection leaves to be done is done in the loop's next turn.
            loop.call_soon(dropped.set)

        with suppress(RuntimeError):  # the loop has closed already
            loop.call_soon_threadsafe(drop)
            while thread.is_alive() and not dropped.wait(0.1):
                pass

    def _abort_all(self) -> None:
        for connection in tuple(self._connections):
            connection.abort()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def serve_forever(self, ready: Callable[[str], object] | None = None) -> None:
        """Serve until SIGINT, SIGTERM or ``stop()``; for the main thread of a command.

        ``ready`` is called with the URL once the server listens. Raises what the server died of,
        if it ended for another reason.
        """
        asked = False

        def on_signal(number: int, frame: FrameType | None) -> None:
            nonlocal asked
            asked = True
            self._ask_to_stop()

        before = {n: signal.signal(n, on_signal) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            self.start()
            if ready is not None:
                ready(self.url)
            if asked:  # the signal came before there was a loop to tell
                self._ask_to_stop()
            thread = self._thread
            while thread is not None and thread.is_alive():
                thread.join(0.5)  # a join without end keeps Ctrl-C waiting on Windows
            if self._died_of is not None:
                raise self._died_of
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask_to_stop(self) -> None:
        """Tell the loop to end: takes no lock, so a signal handler may call it."""
        loop, stopping = self._loop, self._stopping
        if loop is not None and stopping is not None:
            with suppress(RuntimeError):  # the loop has closed already
                loop.call_soon_threadsafe(stopping.set)

    def _run(self, listener: socket.socket, ready: Future[None]) -> None:
        try:
            with listener, asyncio.Runner(loop_factory=_EventLoop) as runner:
                runner.run(self._main(listener, ready))
        except BaseException as exc:
            if ready.done():
                self._record(None, exc)
                self._died_of = exc
            else:
                ready.set_exception(exc)

    async def _main(self, listener: socket.socket, ready: Future[None]) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._stopping = stopping = asyncio.Event()
        self._asked = []
        loop.set_exception_handler(self._on_loop_error)
        limits = self.limits
        tls: dict[str, Any] = {}
        if self._ssl_context is not None:
            tls = {
                "ssl": self._ssl_context,
                "ssl_handshake_timeout": limits.request_seconds,
                "ssl_shutdown_timeout": limits.linger_seconds,
            }
        server = await loop.create_server(
            lambda: _Connection(self, loop), sock=listener, backlog=limits.backlog, **tls
        )
        ready.set_result(None)
        # One look at all connections now and then costs less than a timer for each request.
        shortest = min(limits.request_seconds, limits.keep_alive_seconds, limits.linger_seconds)
        tick = max(0.01, min(1.0, shortest / 4))
        while not stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), tick)
            now = loop.time()
            for connection in tuple(self._connections):
                if connection.deadline <= now:
                    connection.expire()
        # A connection just accepted is not among the connections yet, and would be lost in a
        # closed server: accept no more, let those in, and close then.
        with suppress(NotImplementedError):  # on Windows
            loop.remove_reader(listener)
        for _ in range(3):
            await asyncio.sleep(0)
        server.close()
        while self._connections:
            self._abort_all()
            await asyncio.sleep(0)

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Keep what asyncio would log."""
        self._record(None, context.get("exception") or RuntimeError(context["message"]))

    def _record(self, request: Request | None, exc: BaseException) -> None:
        if len(self.errors) < self.limits.max_errors:
            self.errors.append(Failure(request=request, exception=exc))

    def _ask(self, connection: _Connection, request: Request, framing: _Framing) -> None:
        """Have a request answered when all that has arrived by now is read.

        To do the three for one client after the other costs half as much again as to read what came
        from all, then to answer it, then to send the replies: each stage finds its code in the
        processor's caches.
        """
        self._asked.append((connection, request, framing))
        if len(self._asked) == 1:
            asyncio.get_running_loop().call_soon(self._answer_asked)

    def _answer_asked(self) -> None:
        asked, self._asked = self._asked, []
        answers = [self._answer(request, framing) for _, request, framing in asked]
        for (connection, request, _), answer in zip(asked, answers, strict=True):
            try:
                connection.reply(request, *answer)
            except Exception as exc:  # the others' replies come after it
                self._record(request, exc)
                connection.abort()

    def _answer(self, request: Request, framing: _Framing) -> tuple[Response, _Reply]:
        """Call ``handle`` and frame what it returns; whatever fails becomes a recorded 500."""
        try:
            response = self.handle(request)
            return response, framing.frame(response)
        except BaseException as exc:  # pytest.fail() is no Exception
            self._record(request, exc)
            name = type(exc).__name__
            response = _plain(500, f"answering this request raised {name}")
            return response, framing.frame(response)


# ------------------------------------------------------------------------------ writing replies

# RFC 9110 5.6.2 and 5.5: no CR, LF or NUL in a name or value, so none can be injected.
_FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch

_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n" for s in HTTPStatus}
_BODILESS = frozenset({204, 304})  # RFC 9110 6.4.1


@dataclass(frozen=True, slots=True)
class _Reply:
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
class _Framing:
    """What the request says about the form of its reply."""

    head_only: bool  # HEAD
    old: bool  # HTTP/1.0: no chunks, and a kept connection has to be announced
    keep_alive: bool

    def frame(self, response: Response) -> _Reply:
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
        return _Reply(
            "".join(parts).encode("latin-1"),
            b"" if bodiless else body,
            chunked and not bodiless,
            keep_alive,
        )


_LAST_WORDS = _Framing(head_only=False, old=False, keep_alive=False)


def _plain(status: int, why: str) -> Response:
    """A short reply of the server itself, in words."""
    text = f"{status} {HTTPStatus(status).phrase}: {why[:200]}\n"
    return Response(
        status=status,
        headers=(("Content-Type", "text/plain; charset=utf-8"),),
        body=text.encode("utf-8", "backslashreplace"),
    )


# ----------------------------------------------------------------------------- reading requests

# h11 waits for the empty line after the headers, which a client of HTTP/0.9 never sends.
_REQUEST_LINE = re.compile(rb"[!-~]+ [!-~]+ HTTP/[0-9]\.[0-9]\r?").fullmatch
_ABSOLUTE_FORM = re.compile(r"https?://[^/?#]*", re.IGNORECASE).match
_VERSIONS = {b"1.0", b"1.1"}
# h11 quotes what it refuses, which may hold a secret.
_QUOTED = re.compile(r":? (?:bytearray\(|b['\"]).*", re.DOTALL)

# After so many events others get their turn: a megabyte of one-byte chunks is a long read.
_EVENTS_PER_TURN = 512
_PIECES_PER_SECOND = 50
_FOREVER = float("inf")
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 seconds: close() sends RST


def _origin_form(method: str, target: str) -> str | None:
    """The target as ``/path?query``, ``*`` for OPTIONS, or None if it is neither."""
    if absolute := _ABSOLUTE_FORM(target):
        target = target[absolute.end() :]
        return target if target.startswith("/") else f"/{target}"
    return target if target.startswith("/") or (method, target) == ("OPTIONS", "*") else None


def _decoded(name: bytes, value: bytes) -> tuple[str, str]:
    if len(name) + len(value) <= _SHORT:
        return _short_decoded(name, value)
    return name.decode("latin-1"), value.decode("latin-1")


@lru_cache(maxsize=512)  # a client sends the same fields with each request
def _short_decoded(name: bytes, value: bytes) -> tuple[str, str]:
    return name.decode("latin-1"), value.decode("latin-1")


#: Longer ones are not kept: they could fill the memory.
_SHORT = 256


def _why_refused(event: h11.Request, limits: Limits) -> tuple[int, str] | None:
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


class _Connection(asyncio.BufferedProtocol):
    """One client: requests are read, answered and followed by the next, in order.

    An h11 connection reads one request and hands what follows it to its successor, since h11
    never sees the replies.
    """

    __slots__ = (
        "_begun",
        "_blocked",
        "_body",
        "_body_size",
        "_busy",
        "_deaf",
        "_eof",
        "_expects",
        "_h11",
        "_line_ended",
        "_line_read",
        "_loop",
        "_paused",
        "_queued",
        "_request",
        "_server",
        "_task",
        "_tls",
        "_transport",
        "deadline",
    )

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._transport: asyncio.Transport
        self._h11: h11.Connection
        self._request: h11.Request | None = None
        self._body: list[bytes] = []
        self._body_size = 0
        self._expects = False  # the client waits for 100 Continue
        self._begun = False  # the first bytes of a request have come
        self._line_ended = False  # the request line has come
        self._line_read = False  # and it is one of HTTP/1
        self._busy = False  # a reply is on its way: what arrives has to wait
        self._deaf = False  # nothing more is answered here: what arrives is thrown away
        self._blocked = False  # the client does not read its replies
        self._queued = False  # the rest of what arrived is read in a later turn
        self._paused = False
        self._eof = False
        self._tls = False
        self._task: asyncio.Task[None] | None = None
        self.deadline = _FOREVER

    # -- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet a client, or send it away if there are too many."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._tls = transport.get_extra_info("sslcontext") is not None
        self._server._connections.add(self)
        self._next_request(b"")
        if len(self._server._connections) > self._server.limits.max_connections:
            self._refuse(503, "too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client that has left."""
        self._deaf = True
        self._server._connections.discard(self)
        if self._task is not None:
            self._task.cancel()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the one buffer of the loop: it is emptied before another connection reads."""
        return self._server._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Read on, unless an earlier request is still being answered."""
        if self._deaf:
            return
        self._receive(bytes(self._server._buffer[:nbytes]))
        if self._busy or self._blocked or self._queued:
            self._pause()
        else:
            self._advance()

    def eof_received(self) -> bool:
        """Answer what was asked before the client stopped talking."""
        self._eof = True
        if self._tls:
            # asyncio leaves no half of a TLS connection open: it is now or never.
            while self._server._asked:
                self._server._answer_asked()
            return False
        if self._deaf:
            return False
        self._h11.receive_data(b"")
        if not (self._busy or self._blocked or self._queued):
            self._advance()
        return True

    def pause_writing(self) -> None:
        """Stop answering a client that does not read."""
        self._blocked = True
        self.deadline = self._loop.time() + self._server.limits.request_seconds

    def resume_writing(self) -> None:
        """Go on where the client stopped reading."""
        limits = self._server.limits
        self._blocked = False
        if self._deaf:
            self._grant(limits.linger_seconds)
        elif self._busy:
            self._grant(_FOREVER)
        else:
            self._grant(limits.request_seconds if self._begun else limits.keep_alive_seconds)
            if not self._queued:
                self._later()

    # -- called by the server

    def expire(self) -> None:
        """Take leave of a client whose time is over."""
        if self._blocked or self._deaf:
            self.abort()
        elif self._begun:
            self._refuse(408, "the request took too long to arrive")
        else:
            self._hang_up()

    def abort(self) -> None:
        """Drop the connection and whatever was still to be sent."""
        self._transport.abort()

    # -- reading

    def _grant(self, seconds: float) -> None:
        """Give the client so long for what it is doing, unless it has still replies to read."""
        if not self._blocked:
            self.deadline = self._loop.time() + seconds

    def _next_request(self, rest: bytes) -> None:
        limits = self._server.limits
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.max_head)
        self._request = None
        self._begun = self._line_ended = self._line_read = self._busy = False
        self._grant(limits.keep_alive_seconds)
        if rest:
            self._receive(rest)
        if self._eof:
            self._h11.receive_data(b"")

    def _receive(self, data: bytes) -> None:
        if not self._begun:
            # RFC 9112 2.2: ignore an empty line before the request line
            data = data.lstrip(b"\r\n")
            if not data:
                return
            self._begun = True
            self._grant(self._server.limits.request_seconds)
        if not self._line_ended:
            self._line_ended = b"\n" in data
        self._h11.receive_data(data)

    def _advance(self) -> None:
        """Work through what has arrived, a fair share at a time."""
        self._queued = False
        try:
            for _ in range(_EVENTS_PER_TURN):
                if self._busy or self._blocked or self._deaf or self._transport.is_closing():
                    return
                match self._h11.next_event():
                    case h11.NEED_DATA:
                        self._need_data()
                        return
                    case h11.Request() as event:
                        self._on_request(event)
                    case h11.Data() as event:
                        self._on_data(event)
                    case h11.EndOfMessage():
                        self._on_end()
                    case h11.ConnectionClosed():
                        self._transport.close()
                        return
        except h11.RemoteProtocolError as exc:
            # 501 for a foreign coding would blame the server, and what came is a bad request.
            status = exc.error_status_hint if exc.error_status_hint < 500 else 400
            self._refuse(status, _QUOTED.sub("", str(exc)))
            return
        self._pause()
        self._later()

    def _later(self) -> None:
        self._queued = True
        self._loop.call_soon(self._advance)

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _need_data(self) -> None:
        if self._request is None and self._line_ended and not self._line_read:
            self._line_read = True
            if not _REQUEST_LINE(self._h11.trailing_data[0].partition(b"\n")[0]):
                self._refuse(400, "not a request line of HTTP/1")
                return
        if self._expects:
            self._expects = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._paused and not self._eof:
            self._paused = False
            self._transport.resume_reading()

    def _on_request(self, event: h11.Request) -> None:
        self._request = event
        self._body = []
        self._body_size = 0
        self._expects = self._h11.they_are_waiting_for_100_continue
        if refused := _why_refused(event, self._server.limits):
            self._refuse(*refused)

    def _on_data(self, event: h11.Data) -> None:
        self._expects = False
        self._body.append(bytes(event.data))
        self._body_size += len(event.data)
        if self._body_size > self._server.limits.max_body:
            self._refuse(413, f"the body may have {self._server.limits.max_body} bytes")

    def _on_end(self) -> None:
        event = self._request
        assert event is not None
        method = event.method.decode("ascii")
        target = _origin_form(method, event.target.decode("latin-1"))
        if target is None:
            self._refuse(400, "the target is neither a path nor a http URL")
            return
        request = Request(
            method=method,
            target=target,
            headers=tuple([_decoded(*item) for item in event.headers.raw_items()]),
            body=b"".join(self._body),
        )
        old = event.http_version == b"1.0"
        if old:  # h11 keeps no connection of HTTP/1.0
            keep_alive = (request.header("Connection") or "").lower() == "keep-alive"
        else:
            keep_alive = self._h11.their_state is not h11.MUST_CLOSE
        self._busy = True
        self.deadline = _FOREVER
        self._server._ask(self, request, _Framing(method == "HEAD", old, keep_alive))

    # -- writing

    def reply(self, request: Request, response: Response, reply: _Reply) -> None:
        """Send what a request was answered with, and go on to the next one."""
        if self._transport.is_closing():
            return
        if response.delivery is NORMAL_DELIVERY or response.delivery == NORMAL_DELIVERY:
            self._transport.write(reply.wire())
            self._done(reply.keep_alive)
            if self._begun or self._paused or self._eof:
                self._advance()
        else:
            self._task = self._loop.create_task(self._deliver(request, reply, response.delivery))

    def _done(self, keep_alive: bool) -> None:
        if keep_alive:
            self._next_request(self._h11.trailing_data[0])
        else:
            self._hang_up()

    async def _deliver(self, request: Request, reply: _Reply, how: Delivery) -> None:
        """Send a reply the way its delivery asks for."""
        try:
            if how.raw is not None:
                reply = _Reply(b"", how.raw, chunked=False, keep_alive=False)
            await asyncio.sleep(how.delay)
            if how.ending == "complete":
                await self._send(reply, how.bytes_per_second)
                self._transport.write(reply.end)
                self._done(reply.keep_alive)
                self._advance()
                return
            if how.after is not None:
                part = dataclasses.replace(reply, body=reply.body[: how.after])
                await self._send(part, how.bytes_per_second)
                while self._transport.get_write_buffer_size():  # a reset would swallow it
                    await asyncio.sleep(0.005)
            {"timeout": self._hold, "reset": self._reset, "close": self._hang_up}[how.ending]()
        except Exception as exc:
            self._server._record(request, exc)
            self.abort()

    async def _send(self, reply: _Reply, bytes_per_second: float | None) -> None:
        size, seconds = None, 0.0
        if bytes_per_second is not None:
            size = max(1, int(bytes_per_second / _PIECES_PER_SECOND))
            seconds = size / bytes_per_second
        self._transport.write(reply.head)
        for piece in reply.pieces(size):
            self._transport.write(piece)
            await asyncio.sleep(seconds)

    def _refuse(self, status: int, why: str) -> None:
        """Say what was wrong and take leave."""
        self._transport.write(_LAST_WORDS.frame(_plain(status, why)).wire())
        self._hang_up()

    def _hold(self) -> None:
        """Say nothing more, until the client leaves."""
        self._deaf = True
        self._grant(_FOREVER)
        self._listen_for_leave()

    def _hang_up(self) -> None:
        """Close our half first: to close both while the client talks would destroy the reply."""
        self._deaf = True
        self._grant(self._server.limits.linger_seconds)
        if self._eof or self._tls:
            self._transport.close()
            return
        try:
            self._transport.write_eof()
        except OSError:  # the client has left
            self.abort()
        else:
            self._listen_for_leave()

    def _listen_for_leave(self) -> None:
        if self._eof:
            self._transport.close()
        elif self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _reset(self) -> None:
        self._deaf = True
        connection = self._transport.get_extra_info("socket")
        if connection is not None and not self._transport.is_closing():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.abort()
