"""Clients of this process, each as its users call it: a URL in, status and body out."""

from __future__ import annotations

import asyncio
import http.client
import re
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import pytest
import requests
import urllib3

from pytest_rtcmpu.values.messages import Request

PATIENCE = 20.0

#: The whole URL, the request as it was signed, seconds to wait; it raises what its library raises.
Call = Callable[[str, Request, float], tuple[int, bytes]]
AsyncCall = Callable[[str, Request, float], Awaitable[tuple[int, bytes]]]


def by_requests(url: str, request: Request, timeout: float) -> tuple[int, bytes]:
    """Call with requests."""
    with requests.Session() as session:
        reply = session.request(
            request.method, url, headers=dict(request.headers), data=request.body, timeout=timeout
        )
        return reply.status_code, reply.content


def by_urllib3(url: str, request: Request, timeout: float) -> tuple[int, bytes]:
    """Call with urllib3."""
    with urllib3.PoolManager(retries=False, timeout=timeout) as pool:
        reply = pool.request(
            request.method, url, headers=dict(request.headers), body=request.body or None
        )
        return reply.status, reply.data


def by_httpx(url: str, request: Request, timeout: float) -> tuple[int, bytes]:
    """Call with httpx."""
    with httpx.Client(timeout=timeout) as client:
        reply = client.request(
            request.method, url, headers=request.headers, content=request.body or None
        )
        return reply.status_code, reply.content


def by_urllib(url: str, request: Request, timeout: float) -> tuple[int, bytes]:
    """Call with urllib."""
    asked = urllib.request.Request(
        url, request.body or None, dict(request.headers), method=request.method
    )
    try:
        with urllib.request.urlopen(asked, timeout=timeout) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def by_http_client(url: str, request: Request, timeout: float) -> tuple[int, bytes]:
    """Call with http.client."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=timeout)
    try:
        connection.request(
            request.method, request.target, request.body or None, dict(request.headers)
        )
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def _bytes_of(url: str, request: Request) -> bytes:
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    if request.header("Host") is None:
        lines.append(f"Host: {urlsplit(url).netloc}")
    lines += [f"{name}: {value}" for name, value in request.headers]
    lines += ["Connection: close", f"Content-Length: {len(request.body)}", "", ""]
    return "\r\n".join(lines).encode() + request.body


def _status_and_body(got: bytes) -> tuple[int, bytes]:
    head, _, body = got.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def by_socket(url: str, request: Request, timeout: float) -> tuple[int, bytes]:
    """Call with a socket and nothing else."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    with socket.create_connection((host, port), timeout) as plain:
        sock = plain
        if secure:
            sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        with sock, sock.makefile("rb") as file:
            sock.sendall(_bytes_of(url, request))
            return _status_and_body(file.read())


async def async_streams(url: str, request: Request, timeout: float) -> tuple[int, bytes]:
    """Call with asyncio's streams."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port or (443 if secure else 80), ssl=secure or None
    )
    try:
        writer.write(_bytes_of(url, request))
        async with asyncio.timeout(timeout):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            body = await reader.readexactly(int(length[1])) if length else await reader.read()
            return int(head.split()[1]), body
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def async_httpx(url: str, request: Request, timeout: float) -> tuple[int, bytes]:
    """Call with httpx, asynchronously."""
    async with httpx.AsyncClient(timeout=timeout) as client:
        reply = await client.request(
            request.method, url, headers=request.headers, content=request.body or None
        )
        return reply.status_code, reply.content


async def async_aiohttp(
    url: str, request: Request, timeout: float, resolver: Any = None
) -> tuple[int, bytes]:
    """Call with aiohttp, whose resolver is aiodns where that is installed."""
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver),
            timeout=aiohttp.ClientTimeout(total=timeout),
        ) as session,
        session.request(
            request.method,
            yarl_of(url),
            headers=request.headers,
            data=request.body or None,
        ) as reply,
    ):
        return reply.status, await reply.read()


async def async_aiohttp_threaded(url: str, request: Request, timeout: float) -> tuple[int, bytes]:
    """Call with aiohttp as it is without aiodns."""
    return await async_aiohttp(url, request, timeout, aiohttp.ThreadedResolver())


def yarl_of(url: str) -> Any:
    """Return a URL that aiohttp sends as it is."""
    from yarl import URL

    return URL(url, encoded=True)


def on_asyncio(call: AsyncCall) -> Call:
    """Run a client under asyncio's own loop."""

    def run(url: str, request: Request, timeout: float) -> tuple[int, bytes]:
        return asyncio.run(call(url, request, timeout))  # type: ignore[arg-type]

    return run


def on_uvloop(call: AsyncCall) -> Call:
    """Run a client under uvloop."""

    def run(url: str, request: Request, timeout: float) -> tuple[int, bytes]:
        uvloop = pytest.importorskip("uvloop")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(call(url, request, timeout))  # type: ignore[arg-type]

    return run


def on_trio(call: AsyncCall) -> Call:
    """Run a client under trio."""

    def run(url: str, request: Request, timeout: float) -> tuple[int, bytes]:
        trio = pytest.importorskip("trio")
        return trio.run(call, url, request, timeout)  # type: ignore[no-any-return]

    return run


#: By the names that docs/testing.md gives them.
CLIENTS: Mapping[str, Call] = {
    "requests": by_requests,
    "urllib3": by_urllib3,
    "httpx": by_httpx,
    "httpx, asyncio": on_asyncio(async_httpx),
    "httpx, trio": on_trio(async_httpx),
    "httpx, uvloop": on_uvloop(async_httpx),
    "aiohttp": on_asyncio(async_aiohttp_threaded),
    "aiohttp, aiodns": on_asyncio(async_aiohttp),
    "aiohttp, uvloop": on_uvloop(async_aiohttp),
    "urllib": by_urllib,
    "http.client": by_http_client,
    "asyncio streams": on_asyncio(async_streams),
    "asyncio streams, uvloop": on_uvloop(async_streams),
    "socket and ssl": by_socket,
}
