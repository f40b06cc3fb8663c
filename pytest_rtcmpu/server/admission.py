"""Who comes in by a port where some speak TLS and some do not: told by the first byte."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from pytest_rtcmpu.server.limits import Limits

#: RFC 8446 5.1: the type of a record of TLS that holds a handshake.
_HANDSHAKE = b"\x16"
#: The system is out of descriptors or memory, and may have some again after so many seconds.
_PAUSE = 0.5


def is_distrust(error: Exception) -> bool:
    """Whether a handshake failed because the client would not have it, as it says by an alert."""
    return isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or "")


class Admission:
    """Accept clients, and give each a transport: of TLS where it begins a handshake.

    Args:
        tls: what TLS is served with; asked for when the first client speaks it.
        failed: receives the client's port and what went wrong where a handshake fails.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: Callable[[], asyncio.BaseProtocol],
        *,
        tls: Callable[[], ssl.SSLContext],
        limits: Limits,
        failed: Callable[[int, Exception], object],
    ) -> None:
        self._loop = loop
        self._protocol = protocol
        self._tls = tls
        self._limits = limits
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, listener: socket.socket) -> None:
        """Accept whoever comes."""
        listener.setblocking(False)
        self._do(self._accept(listener))

    async def close(self) -> None:
        """Accept no more, and let go whoever is not in yet."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = await self._loop.sock_accept(listener)
            except OSError:
                await asyncio.sleep(_PAUSE)
                continue
            if len(self._tasks) > self._limits.max_connections:
                sock.close()
            else:
                self._do(self._admit(sock))

    async def _admit(self, sock: socket.socket) -> None:
        port = 0
        try:
            port = sock.getpeername()[1]
            async with asyncio.timeout(self._limits.keep_alive_seconds):
                first = await self._peek(sock)
            if first == _HANDSHAKE:
                await self._loop.connect_accepted_socket(
                    self._protocol,
                    sock,
                    ssl=self._tls(),
                    ssl_handshake_timeout=self._limits.request_seconds,
                    ssl_shutdown_timeout=self._limits.linger_seconds,
                )
            elif first:
                await self._loop.connect_accepted_socket(self._protocol, sock)
            else:
                sock.close()
        except Exception as error:
            with suppress(OSError):
                sock.close()
            self._failed(port, error)
        except asyncio.CancelledError:
            sock.close()
            raise

    async def _peek(self, sock: socket.socket) -> bytes:
        """Wait for the first byte, and leave it where it is."""
        while True:
            try:
                return sock.recv(1, socket.MSG_PEEK)
            except (BlockingIOError, InterruptedError):
                await self._readable(sock)

    async def _readable(self, sock: socket.socket) -> None:
        arrived = self._loop.create_future()

        def on_readable() -> None:
            if not arrived.done():
                arrived.set_result(None)

        self._loop.add_reader(sock, on_readable)
        try:
            await arrived
        finally:
            self._loop.remove_reader(sock)
