"""A loopback HTTP/1.1 server for anything that turns a ``Request`` into a ``Response``.

One asyncio loop in one background thread. h11 reads the requests (``reading``); the replies are
written by hand (``writing``), because some have to be broken on purpose: cut short against their
Content-Length, reset, garbage. ``connection`` is one client, ``states`` what it can be in.
Nothing is logged: what goes wrong inside ``handle`` is kept in ``Server.errors``.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, Self

from pytest_rtcmpu.server.admission import Admission, is_distrust
from pytest_rtcmpu.server.connection import Connection
from pytest_rtcmpu.server.limits import Limits
from pytest_rtcmpu.server.proxy import Proxy
from pytest_rtcmpu.server.writing import Framing, Reply, plain
from pytest_rtcmpu.values.forks import own_lock
from pytest_rtcmpu.values.messages import Request, Response

__all__ = ["DEFAULT_LIMITS", "Failure", "Handle", "Limits", "Server"]

Handle = Callable[[Request], Response]


DEFAULT_LIMITS = Limits()
#: So often the loop looks for what has arrived until all of it is understood: that a handshake
#: has failed takes some turns, and through a tunnel twice as many.
_TURNS = 32

# Whatever event loop policy the tested code has installed, the server has asyncio's own.
if sys.platform == "win32":
    _EventLoop = asyncio.ProactorEventLoop
    #: The other cannot wait for a socket to be readable without reading from it.
    _PeekingEventLoop = asyncio.SelectorEventLoop
else:

    class _EventLoop(asyncio.SelectorEventLoop):
        """asyncio's own loop by the real clock: freezegun stops ``time.monotonic``."""

        def time(self) -> float:
            return time.clock_gettime(time.CLOCK_MONOTONIC)

    _PeekingEventLoop = _EventLoop


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

    Args:
        ssl_context: what everybody is served with, who has to speak TLS then.
        tls: returns what those are served with who begin a handshake, and is asked when the first
            one does; the others are served without.
        proxy: whom it leads to, as a proxy; it is none unless given.

    Raises:
        TypeError: for what is no function.

    Attributes:
        on_distrust: called with the error of a client that does not trust the certificate.
    """

    def __init__(
        self,
        handle: Handle,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        tls: Callable[[], ssl.SSLContext] | None = None,
        proxy: Proxy | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        if not callable(handle):
            kind = type(handle).__name__
            article = "an" if kind[:1] in "AEIOUaeiou" else "a"
            expected = "expected a function, such as endpoint.handle"
            raise TypeError(f"handle: {expected}, got {article} {kind}")
        self.handle = handle
        self.errors: list[Failure] = []
        self.limits = limits
        self._host = host
        self._port = port
        self._ssl_context = ssl_context
        self._tls = tls
        self.proxy = proxy
        self.on_distrust: Callable[[Exception], object] = lambda error: None
        self.connections: set[Connection] = set()
        self._asked: list[tuple[Connection, Request, Framing]] = []
        # asyncio would take 256 KiB of fresh memory for each read, a quarter of the throughput.
        self.buffer: memoryview = memoryview(bytearray(64 * 1024))
        self._lock = own_lock(self, "_lock")  # start and stop may come from several threads
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
    def own_address(self) -> tuple[str, int]:
        """Where this machine reaches it."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host), self.port

    @property
    def own_url(self) -> str:
        """By what URL this machine reaches it."""
        host, port = self.own_address
        host = f"[{host}]" if ":" in host else host
        return f"{self.url.partition('://')[0]}://{host}:{port}"

    @property
    def open_connections(self) -> int:
        """How many clients are connected, held and refused ones among them."""
        return len(self.connections)

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

    def settle(self) -> None:
        """Let the server see what has arrived by now: a client's last word on a certificate too."""
        self.disconnect(lambda connection: False, turns=_TURNS)

    def disconnect(
        self, which: Callable[[Connection], bool] = lambda connection: True, *, turns: int = 0
    ) -> None:
        """Drop connections and what was still to be sent on them, and go on serving.

        Once it returns, nothing that was asked on one of them is still being answered.

        Args:
            which: whether a connection is to be dropped.
            turns: how often the loop is to look for what has arrived by now before it does so.
        """
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        if thread is threading.current_thread():  # a handle asks, and cannot wait for itself
            self._abort(which)
            return
        dropped = threading.Event()

        def drop(turns: int) -> None:
            if turns:
                loop.call_soon(drop, turns - 1)
                return
            self._abort(which)
            # What the end of a connection leaves to be done is done in the loop's next turn.
            loop.call_soon(dropped.set)

        with suppress(RuntimeError):  # the loop has closed already
            loop.call_soon_threadsafe(drop, turns)
            while thread.is_alive() and not dropped.wait(0.1):
                pass

    def _abort(self, which: Callable[[Connection], bool]) -> None:
        for connection in tuple(self.connections):
            if which(connection):
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
            kind = _EventLoop if self._tls is None else _PeekingEventLoop
            with listener, asyncio.Runner(loop_factory=kind) as runner:
                runner.run(self._main(listener, ready))
        except BaseException as exc:
            if ready.done():
                self.record_failure(None, exc)
                self._died_of = exc
            else:
                ready.set_exception(exc)

    async def _main(self, listener: socket.socket, ready: Future[None]) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._stopping = stopping = asyncio.Event()
        self._asked = []
        loop.set_exception_handler(self._on_loop_error)
        limits = self.limits
        accepting = await self._accept(loop, listener)
        ready.set_result(None)
        # One look at all connections now and then costs less than a timer for each request.
        shortest = min(limits.request_seconds, limits.keep_alive_seconds, limits.linger_seconds)
        tick = max(0.01, min(1.0, shortest / 4))
        while not stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), tick)
            now = loop.time()
            for connection in tuple(self.connections):
                if connection.deadline <= now:
                    connection.expire()
        # A connection just accepted is not among the connections yet, and would be lost in a
        # closed server: accept no more, let those in, and close then.
        with suppress(NotImplementedError):  # on Windows
            loop.remove_reader(listener)
        for _ in range(3):
            await asyncio.sleep(0)
        await accepting.aclose()
        while self.connections:
            self._abort(lambda connection: True)
            await asyncio.sleep(0)

    async def _accept(
        self, loop: asyncio.AbstractEventLoop, listener: socket.socket
    ) -> AsyncExitStack:
        """Accept clients until what is returned is closed."""
        stack = AsyncExitStack()
        limits = self.limits
        if self._tls is not None:
            admission = Admission(
                loop,
                lambda: Connection(self, loop),
                tls=self._tls,
                limits=limits,
                failed=self.tls_failed,
            )
            stack.push_async_callback(admission.close)
            admission.start(listener)
            return stack
        tls: dict[str, Any] = {}
        if self._ssl_context is not None:
            tls = {
                "ssl": self._ssl_context,
                "ssl_handshake_timeout": limits.request_seconds,
                "ssl_shutdown_timeout": limits.linger_seconds,
            }
        server = await loop.create_server(
            lambda: Connection(self, loop), sock=listener, backlog=limits.backlog, **tls
        )
        stack.callback(server.close)
        return stack

    def tls_failed(self, port: int, error: Exception) -> None:
        """Learn that the client at a port has not come in: it speaks no TLS, or trusts us not."""
        if is_distrust(error):
            self.on_distrust(error)

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Keep what asyncio would log."""
        self.record_failure(None, context.get("exception") or RuntimeError(context["message"]))

    def record_failure(self, request: Request | None, exc: BaseException) -> None:
        """Keep what went wrong, up to a limit."""
        if len(self.errors) < self.limits.max_errors:
            self.errors.append(Failure(request=request, exception=exc))

    def ask(self, connection: Connection, request: Request, framing: Framing) -> None:
        """Have a request answered when all that has arrived by now is read.

        To read what came from all clients, then to answer it, then to send the replies costs less
        than to do the three for one client after the other: each stage finds its code in the
        processor's caches. And a client that sends many requests at once makes no deep stack.
        """
        self._asked.append((connection, request, framing))
        if len(self._asked) == 1:
            asyncio.get_running_loop().call_soon(self._answer_asked)

    def answer_all(self) -> None:
        """Answer now whatever is asked, until nobody asks for more."""
        while self._asked:
            self._answer_asked()

    def _answer_asked(self) -> None:
        asked, self._asked = self._asked, []
        answers = [self._answer(*each) for each in asked]
        for (connection, request, _), answer in zip(asked, answers, strict=True):
            try:
                connection.reply(request, *answer)
            except Exception as exc:  # the others' replies come after it
                self.record_failure(request, exc)
                connection.abort()

    def respond(self, connection: Connection, request: Request) -> Response:
        """Answer what was asked on a connection."""
        return self.handle(request)

    def _answer(
        self, connection: Connection, request: Request, framing: Framing
    ) -> tuple[Response, Reply]:
        """Have it answered and frame the answer; whatever fails becomes a recorded 500."""
        try:
            response = self.respond(connection, request)
            return response, framing.frame(response)
        except BaseException as exc:  # pytest.fail() is no Exception
            self.record_failure(request, exc)
            name = type(exc).__name__
            response = plain(500, f"answering this request raised {name}")
            return response, framing.frame(response)
