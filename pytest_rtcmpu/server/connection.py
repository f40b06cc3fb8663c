"""One client of the server: its requests are read, answered and followed by the next, in order."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import struct
from contextlib import suppress
from typing import Protocol

import h11

from pytest_rtcmpu.server.limits import Limits
from pytest_rtcmpu.server.proxy import Destination, Proxy, Tunnel, destination, forwarded
from pytest_rtcmpu.server.reading import is_request_line, refusal_of, request_of, why_refused
from pytest_rtcmpu.server.states import ARRIVING, OVER, ConnectionState, Phase, patience
from pytest_rtcmpu.server.writing import LAST_WORDS, Framing, Reply, plain
from pytest_rtcmpu.values.messages import NORMAL_DELIVERY, Delivery, Request, Response

# After so many events others get their turn: a megabyte of one-byte chunks is a long read.
_EVENTS_PER_TURN = 512
_PIECES_PER_SECOND = 50
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 seconds: close() sends RST


class Owner(Protocol):
    """What a connection asks of its server.

    Attributes:
        buffer: what is read into, by one connection at a time.
        connections: those that are open.
        proxy: whom it leads to; ``None`` where it is no proxy.
        own_address: where this machine reaches it.
    """

    limits: Limits
    buffer: memoryview
    connections: set[Connection]
    proxy: Proxy | None

    @property
    def own_address(self) -> tuple[str, int]:
        """Where this machine reaches it."""

    def ask(self, connection: Connection, request: Request, framing: Framing) -> None:
        """Have a request answered: ``connection.reply`` is called with the answer."""

    def answer_all(self) -> None:
        """Answer now whatever is asked, until nobody asks for more."""

    def record_failure(self, request: Request | None, exc: BaseException) -> None:
        """Keep what went wrong."""


class Connection(asyncio.BufferedProtocol):
    """One client. Its state is in ``_state``; ``deadline`` is when its time is over.

    An h11 connection reads one request and hands what follows it to its successor, since h11
    never sees the replies.
    """

    __slots__ = (
        "_body",
        "_body_size",
        "_h11",
        "_loop",
        "_owner",
        "_queued",
        "_request",
        "_state",
        "_task",
        "_tls",
        "_transport",
        "_tunnel",
        "deadline",
    )

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop) -> None:
        self._owner = owner
        self._loop = loop
        self._state = ConnectionState()
        self._transport: asyncio.Transport
        self._h11: h11.Connection
        self._request: h11.Request
        self._body: list[bytes] = []
        self._body_size = 0
        self._queued = False  # the rest of what arrived is read in a later turn
        self._tls = False
        self._task: asyncio.Task[None] | None = None
        self._tunnel: Tunnel | None = None
        self.deadline: float = float("inf")

    # -- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet a client, or send it away if there are too many."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._tls = transport.get_extra_info("sslcontext") is not None
        self._owner.connections.add(self)
        self._expect_request(b"")
        if len(self._owner.connections) > self._owner.limits.max_connections:
            self._refuse(503, "too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client that has left."""
        self._state.go("gone")
        self._owner.connections.discard(self)
        if self._task is not None:
            self._task.cancel()
        if self._tunnel is not None:
            self._tunnel.leave()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the one buffer of the loop: it is emptied before another connection reads."""
        return self._owner.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Read on, unless an earlier request is still being answered."""
        if self._tunnel is not None:
            self._tunnel.send(bytes(self._owner.buffer[:nbytes]))
            return
        if self._state.phase in OVER:
            return
        self._receive(bytes(self._owner.buffer[:nbytes]))
        if self._queued or not self._state.may_advance:
            self._pause()
        else:
            self._advance()

    def eof_received(self) -> bool:
        """Answer what was asked before the client stopped talking."""
        self._state.read("ended")
        if self._tunnel is not None:
            self._tunnel.end()
            return not (self._tls or self._tunnel.ended)
        if self._tls:
            # asyncio leaves no half of a TLS connection open: it is now or never.
            self._owner.answer_all()
            return False
        if self._state.phase in OVER:
            return False
        self._h11.receive_data(b"")
        if self._state.may_advance and not self._queued:
            self._advance()
        return True

    def pause_writing(self) -> None:
        """Stop answering a client that does not read."""
        self._state.write("full")
        if self._tunnel is not None:
            self._tunnel.hold(True)
            return
        self.deadline = self._loop.time() + self._owner.limits.request_seconds

    def resume_writing(self) -> None:
        """Go on where the client stopped reading."""
        self._state.write("free")
        if self._tunnel is not None:
            self._tunnel.hold(False)
            return
        self._grant()
        if self._state.may_advance and not self._queued:
            self._later()

    # -- called by the server

    @property
    def port(self) -> int:
        """The client's port; 0 where it has left before it could be asked."""
        peer = self._transport.get_extra_info("peername")
        return int(peer[1]) if peer else 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is asked on it, and nothing still to be answered."""
        return self._state.phase == "idle"

    def expire(self) -> None:
        """Take leave of a client whose time is over."""
        if self._state.outlet == "full" or self._state.phase in OVER:
            self.abort()
        elif self._state.phase in ARRIVING:
            self._refuse(408, "the request took too long to arrive")
        else:
            self._hang_up()

    def abort(self) -> None:
        """Drop the connection and whatever was still to be sent."""
        self._transport.abort()

    # -- states

    def _enter(self, phase: Phase) -> None:
        """Enter a phase, and give the client as long as that may last."""
        self._state.go(phase)
        self._grant()

    def _grant(self) -> None:
        # A client that has still replies to read has its time for those.
        if self._state.outlet == "free":
            seconds = patience(self._state.phase, self._owner.limits)
            self.deadline = self._loop.time() + seconds

    def _pause(self) -> None:
        if self._state.intake == "flowing":
            self._state.read("paused")
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._state.intake == "paused":
            self._state.read("flowing")
            self._transport.resume_reading()

    # -- reading

    def _expect_request(self, rest: bytes) -> None:
        """Read a request, the first bytes of which may be there."""
        limits = self._owner.limits
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.max_head)
        self._grant()
        if rest:
            self._receive(rest)
        if self._state.intake == "ended":
            self._h11.receive_data(b"")

    def _receive(self, data: bytes) -> None:
        if self._state.phase == "idle":
            # RFC 9112 2.2: ignore an empty line before the request line
            data = data.lstrip(b"\r\n")
            if not data:
                return
            self._enter("line")
        if self._state.phase == "line" and b"\n" in data:
            self._state.go("line-ended")
        self._h11.receive_data(data)

    def _advance(self) -> None:
        """Work through what has arrived, a fair share at a time."""
        self._queued = False
        try:
            for _ in range(_EVENTS_PER_TURN):
                if not self._state.may_advance or self._transport.is_closing():
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
        except h11.RemoteProtocolError as error:
            self._refuse(*refusal_of(error))
            return
        self._pause()
        self._later()

    def _later(self) -> None:
        self._queued = True
        self._loop.call_soon(self._advance)

    def _need_data(self) -> None:
        if self._state.phase == "line-ended":
            if not is_request_line(self._h11.trailing_data[0].partition(b"\n")[0]):
                self._refuse(400, "not a request line of HTTP/1")
                return
            self._state.go("fields")
        elif self._state.phase == "awaited-body":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._state.go("body")
        self._resume()

    def _on_request(self, event: h11.Request) -> None:
        self._request = event
        self._body = []
        self._body_size = 0
        waits = self._h11.they_are_waiting_for_100_continue
        self._state.go("awaited-body" if waits else "body")
        if refused := why_refused(event, self._owner.limits):
            self._refuse(*refused)

    def _on_data(self, event: h11.Data) -> None:
        if self._state.phase == "awaited-body":  # it does not wait after all
            self._state.go("body")
        self._body.append(bytes(event.data))
        self._body_size += len(event.data)
        if self._body_size > self._owner.limits.max_body:
            self._refuse(413, f"the body may have {self._owner.limits.max_body} bytes")

    def _on_end(self) -> None:
        if self._owner.proxy is not None and self._is_for_others(self._owner.proxy):
            return
        request = request_of(self._request, b"".join(self._body))
        if request is None:
            self._refuse(400, "the target is neither a path nor a http URL")
            return
        old = self._request.http_version == b"1.0"
        if old:  # h11 keeps no connection of HTTP/1.0
            keep_alive = (request.header("Connection") or "").lower() == "keep-alive"
        else:
            keep_alive = self._h11.their_state is not h11.MUST_CLOSE
        self._enter("answering")
        self._owner.ask(self, request, Framing(request.method == "HEAD", old, keep_alive))

    # -- as a proxy

    def _is_for_others(self, proxy: Proxy) -> bool:
        """Lead a request on, or refuse to, where it is not for this server."""
        method = self._request.method.decode("ascii")
        try:
            where = destination(method, self._request.target.decode("latin-1"))
        except ValueError as error:
            self._refuse(400, str(error))
            return True
        if where is None or (proxy.serves(where.host) and not where.tunnel):
            return False
        if refusal := proxy.refusal(where):
            self._refuse(403, refusal)
            return True
        self._enter("tunnelling")
        self._pause()
        self._task = self._loop.create_task(self._lead(proxy, where))
        return True

    async def _lead(self, proxy: Proxy, where: Destination) -> None:
        """Open a tunnel, and pass on what the client has said by now."""
        ours = proxy.serves(where.host)
        end = self._owner.own_address if ours else (where.host, where.port)
        try:
            async with asyncio.timeout(self._owner.limits.request_seconds):
                _, tunnel = await self._loop.create_connection(lambda: Tunnel(self), *end)
        except (OSError, TimeoutError) as error:
            self._refuse(502, f"{where.host}, port {where.port}: {error or 'no answer in time'}")
            return
        if where.tunnel:
            self._transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        elif request := request_of(self._request, b"".join(self._body)):
            tunnel.send(forwarded(request))
        if rest := self._h11.trailing_data[0]:
            tunnel.send(rest)
        self._tunnel = tunnel
        if self._state.intake == "ended":
            tunnel.end()
        else:
            self._resume()

    def far_sent(self, data: bytes) -> None:
        """Pass on what came from the other side of a tunnel."""
        self._transport.write(data)

    def far_ended(self) -> None:
        """Say that nothing more comes from there."""
        if self._tls or self._state.intake == "ended":
            self._transport.close()
        else:
            with suppress(OSError):
                self._transport.write_eof()

    def far_lost(self, error: Exception | None) -> None:
        """End as the other side ended: in order, or by a reset."""
        if isinstance(error, ConnectionResetError):
            self._task = self._loop.create_task(self._reset_when_sent())
        else:
            self._transport.close()

    def far_is_full(self, full: bool) -> None:
        """Read no more while the other side takes no more."""
        if full:
            self._pause()
        else:
            self._resume()

    # -- writing

    def reply(self, request: Request, response: Response, reply: Reply) -> None:
        """Send what a request was answered with, and go on to the next one."""
        if self._transport.is_closing():
            return
        if response.delivery is NORMAL_DELIVERY or response.delivery == NORMAL_DELIVERY:
            self._transport.write(reply.wire())
            self._finish(reply.keep_alive)
        else:
            self._task = self._loop.create_task(self._deliver(request, reply, response.delivery))

    def _finish(self, keep_alive: bool) -> None:
        """Go on after a whole reply."""
        if not keep_alive:
            self._hang_up()
            return
        self._state.go("idle")
        self._expect_request(self._h11.trailing_data[0])
        # Most clients have said nothing more yet, and are heard when they do.
        if self._state.phase != "idle" or self._state.intake != "flowing":
            self._advance()

    async def _deliver(self, request: Request, reply: Reply, how: Delivery) -> None:
        """Send a reply the way its delivery asks for."""
        try:
            if how.raw is not None:
                reply = Reply(b"", how.raw, chunked=False, keep_alive=False)
            await asyncio.sleep(how.delay)
            if how.ending == "complete":
                await self._send(reply, how.bytes_per_second)
                self._transport.write(reply.end)
                self._finish(reply.keep_alive)
                return
            if how.after is not None:
                part = dataclasses.replace(reply, body=reply.body[: how.after])
                await self._send(part, how.bytes_per_second)
                await self._sent()
            {"timeout": self._hold, "reset": self._reset, "close": self._hang_up}[how.ending]()
        except Exception as exc:
            self._owner.record_failure(request, exc)
            self.abort()

    async def _send(self, reply: Reply, bytes_per_second: float | None) -> None:
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
        self._transport.write(LAST_WORDS.frame(plain(status, why)).wire())
        self._hang_up()

    def _hold(self) -> None:
        """Say nothing more, until the client leaves."""
        self._enter("holding")
        self._listen_for_leave()

    def _hang_up(self) -> None:
        """Close our half first: to close both while the client talks would destroy the reply."""
        self._enter("leaving")
        if self._tls or self._state.intake == "ended":
            self._transport.close()
            return
        try:
            self._transport.write_eof()
        except OSError:  # the client has left
            self.abort()
        else:
            self._listen_for_leave()

    def _listen_for_leave(self) -> None:
        if self._state.intake == "ended":
            self._transport.close()
        else:
            self._resume()

    async def _sent(self) -> None:
        """Wait until all is sent, which a reset would swallow."""
        while self._transport.get_write_buffer_size():
            await asyncio.sleep(0.005)

    async def _reset_when_sent(self) -> None:
        await self._sent()
        self._reset()

    def _reset(self) -> None:
        self._enter("leaving")
        connection = self._transport.get_extra_info("socket")
        if connection is not None and not self._transport.is_closing():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.abort()
