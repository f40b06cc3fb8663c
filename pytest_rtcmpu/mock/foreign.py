"""Event loops, resolvers and clients that do their work in C, where no audit hook sees it.

Each is sealed at the Python class by which it is used, where there is one.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import importlib.util
import socket
from collections.abc import Callable
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from pytest_rtcmpu.mock import listener, openings, sockets
from pytest_rtcmpu.mock.names import STAND_IN
from pytest_rtcmpu.mock.patches import Patches

#: Judges a host, and raises what the function makes of the reason where it is out of reach.
Judge = Callable[[Any, Callable[[str], Any]], None]
_RESOLVER = ("gethostbyname", "getaddrinfo", "query", "query_dns")


def seal_foreign(patches: Patches, judge: Judge) -> None:
    """Seal what is installed of them, and let in by ``sockets`` who calls the service.

    They are imported for it: a test may import them later, when it would be too late.
    """
    uvloop, aiodns, pycurl = map(_module, ("uvloop", "aiodns", "pycurl"))
    for loop in (getattr(uvloop, "Loop", None), getattr(asyncio, "ProactorEventLoop", None)):
        for name, replace in _LOOP.items() if loop else ():
            patches.make(loop, name, functools.partial(replace, judge))
    if aiodns is not None:
        for name in _RESOLVER:
            if hasattr(aiodns.DNSResolver, name):
                patches.make(aiodns.DNSResolver, name, functools.partial(_resolver, judge))
    if pycurl is not None:
        patches.make(pycurl, "Curl", lambda curl: _curl(pycurl, curl, judge))


@functools.cache
def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name) if importlib.util.find_spec(name) else None
    except Exception:  # one that does not import here is of no use to anybody
        return None


def _connection(judge: Judge, original: Any) -> Any:
    async def create_connection(
        self: Any, protocol: Any, host: Any = None, port: Any = None, **settings: Any
    ) -> Any:
        if not openings.watched() or host is None:
            return await original(self, protocol, host, port, **settings)
        if sockets.opening_of(host) is None:
            judge(host, sockets.refused)
            return await original(self, protocol, host, port, **settings)
        # By a socket of Python's: its port is known before anything is sent.
        sock = socket.socket()
        try:
            sock.setblocking(False)
            await self.sock_connect(sock, (STAND_IN, port))
            if settings.get("ssl"):
                settings["server_hostname"] = settings.get("server_hostname") or host
            return await original(self, protocol, sock=sock, **settings)
        except BaseException:
            sock.close()
            raise

    return create_connection


def _sock_connect(judge: Judge, original: Any) -> Any:
    async def sock_connect(self: Any, sock: Any, address: Any) -> Any:
        if not openings.watched() or not isinstance(address, tuple):
            return await original(self, sock, address)
        opening = sockets.destination(sock, address)
        if opening is None:
            judge(address[0], sockets.refused)
            return await original(self, sock, address)
        end = listener.started()
        await original(self, sock, end.address)
        end.note(sock, opening)
        return None

    return sock_connect


def _look_up(judge: Judge, original: Any) -> Any:
    async def getaddrinfo(self: Any, host: Any, *args: Any, **settings: Any) -> Any:
        if openings.watched() and host is not None:
            if sockets.opening_of(host, sockets.unknown) is not None:
                host = STAND_IN
            else:
                judge(host, sockets.refused)
        return await original(self, host, *args, **settings)

    return getaddrinfo


def _datagrams(judge: Judge, original: Any) -> Any:
    async def create_datagram_endpoint(
        self: Any, protocol: Any, local_addr: Any = None, remote_addr: Any = None, **settings: Any
    ) -> Any:
        if openings.watched() and isinstance(remote_addr, tuple):
            judge(remote_addr[0], sockets.refused)
        return await original(self, protocol, local_addr, remote_addr, **settings)

    return create_datagram_endpoint


def _start_tls(judge: Judge, original: Any) -> Any:
    async def start_tls(self: Any, *args: Any, server_hostname: Any = None, **settings: Any) -> Any:
        named = openings.watched() and server_hostname is not None
        if named and sockets.opening_of(server_hostname) is None:
            judge(server_hostname, sockets.refused)
        return await original(self, *args, server_hostname=server_hostname, **settings)

    return start_tls


#: What of a loop that is written in C, or that asks for things in another order, leads out.
_LOOP = {
    "create_connection": _connection,
    "getaddrinfo": _look_up,
    "sock_connect": _sock_connect,
    "create_datagram_endpoint": _datagrams,
    "start_tls": _start_tls,
}


def _resolver(judge: Judge, original: Any) -> Any:
    def method(self: Any, host: Any, *args: Any, **kwargs: Any) -> Any:
        if openings.watched():
            addresses = original.__name__ in ("getaddrinfo", "gethostbyname")
            if addresses and sockets.opening_of(host, sockets.unknown) is not None:
                host = STAND_IN  # which c-ares does not ask anybody for
            else:
                judge(host, sockets.unknown)
        return original(self, host, *args, **kwargs)

    return method


@functools.cache
def _curl(pycurl: Any, base: Any, judge: Judge) -> Any:
    """Return ``pycurl.Curl`` that judges the URL, and the address that a socket is opened to."""

    def refused(text: str) -> Exception:
        return pycurl.error(pycurl.E_COULDNT_CONNECT, text)  # type: ignore[no-any-return]

    def open_socket(purpose: int, address: Any) -> Any:
        family, kind, protocol, where = address
        if openings.watched() and isinstance(where, tuple):
            try:
                judge(where[0], refused)
            except pycurl.error:
                return pycurl.SOCKET_BAD
        return socket.socket(family, kind, protocol)

    class Curl(base):  # type: ignore[misc]
        """A handle that keeps to this machine while a mock is open."""

        def __init__(self) -> None:
            super().__init__()
            super().setopt(pycurl.OPENSOCKETFUNCTION, open_socket)

        def setopt(self, option: int, value: Any) -> Any:
            if option == pycurl.URL and openings.watched():
                url = value.decode("latin-1") if isinstance(value, bytes) else value
                judge(urlsplit(url if "://" in url else f"//{url}").hostname, refused)
            return super().setopt(option, value)

        def reset(self) -> None:
            super().reset()
            super().setopt(pycurl.OPENSOCKETFUNCTION, open_socket)

    return Curl
