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

from pytest_rtcmpu.mock import openings
from pytest_rtcmpu.mock.patches import Patches

#: Judges a host, and raises what the function makes of the reason where it is out of reach.
Judge = Callable[[Any, Callable[[str], Any]], None]
#: Where the host stands among the arguments of a loop's methods, self being 0, and its name.
_LOOP = {
    "create_connection": (2, "host"),
    "getaddrinfo": (1, "host"),
    "sock_connect": (2, "address"),
    "create_datagram_endpoint": (3, "remote_addr"),
    "start_tls": (99, "server_hostname"),
}
_RESOLVER = ("gethostbyname", "getaddrinfo", "query", "query_dns")


def _refused(text: str) -> OSError:
    return ConnectionRefusedError(text)


def _unknown(text: str) -> OSError:
    return socket.gaierror(socket.EAI_FAIL, text)


def seal_foreign(patches: Patches, judge: Judge) -> None:
    """Seal what is installed of them.

    They are imported for it: a test may import them later, when it would be too late.
    """
    uvloop, aiodns, pycurl = map(_module, ("uvloop", "aiodns", "pycurl"))
    for loop in (getattr(uvloop, "Loop", None), getattr(asyncio, "ProactorEventLoop", None)):
        for name, (place, keyword) in _LOOP.items() if loop else ():
            patches.make(loop, name, _asynchronous(judge, place, keyword))
    if aiodns is not None:
        for name in _RESOLVER:
            if hasattr(aiodns.DNSResolver, name):
                patches.make(aiodns.DNSResolver, name, _resolver(judge))
    if pycurl is not None:
        patches.make(pycurl, "Curl", lambda curl: _curl(pycurl, curl, judge))


@functools.cache
def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name) if importlib.util.find_spec(name) else None
    except Exception:  # one that does not import here is of no use to anybody
        return None


def _asynchronous(judge: Judge, place: int, keyword: str) -> Callable[[Any], Any]:
    def replace(original: Any) -> Any:
        async def method(*args: Any, **kwargs: Any) -> Any:
            host = kwargs.get(keyword, args[place] if len(args) > place else None)
            if isinstance(host, tuple):
                host = host[0]
            if openings.open_ones and host is not None:
                judge(host, _refused)
            return await original(*args, **kwargs)

        return method

    return replace


def _resolver(judge: Judge) -> Callable[[Any], Any]:
    def replace(original: Any) -> Any:
        def method(self: Any, host: Any, *args: Any, **kwargs: Any) -> Any:
            if openings.open_ones:
                judge(host, _unknown)
            return original(self, host, *args, **kwargs)

        return method

    return replace


@functools.cache
def _curl(pycurl: Any, base: Any, judge: Judge) -> Any:
    """Return ``pycurl.Curl`` that judges the URL, and the address that a socket is opened to."""

    def refused(text: str) -> Exception:
        return pycurl.error(pycurl.E_COULDNT_CONNECT, text)  # type: ignore[no-any-return]

    def open_socket(purpose: int, address: Any) -> Any:
        family, kind, protocol, where = address
        if openings.open_ones and isinstance(where, tuple):
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
            if option == pycurl.URL and openings.open_ones:
                url = value.decode("latin-1") if isinstance(value, bytes) else value
                judge(urlsplit(url if "://" in url else f"//{url}").hostname, refused)
            return super().setopt(option, value)

        def reset(self) -> None:
            super().reset()
            super().setopt(pycurl.OPENSOCKETFUNCTION, open_socket)

    return Curl
