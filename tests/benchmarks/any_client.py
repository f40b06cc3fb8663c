"""What a call by each client costs: ours beside the mock that its users take, a static reply.

    python tests/benchmarks/any_client.py [--calls N] [--rounds N]

The same signed GETs, by https over one client that is kept: to the mocked endpoint, which verifies,
judges, starts and records, and to responses, respx or aioresponses, which answer always the same.
The answer is the ratio of CPU times, the server's thread included, that the two take in turns.
requests is answered in its own thread; the others by sockets and TLS, as over a network.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import aiohttp
import httpx
import requests
import responses
import respx
from aioresponses import aioresponses
from shapes import SHAPES, median_ratio
from yarl import URL

from pytest_rtcmpu.mock.door import mocked

HOST = "https://rtc.aliyuncs.com"
BODY = b'{"RequestId":"760bad53276431c499e30dc36f6b26be"}'


def by_requests(urls: list[str]) -> None:
    """Call with requests."""
    with requests.Session() as session:
        for url in urls:
            assert session.get(url).status_code == 200


def by_httpx(urls: list[str]) -> None:
    """Call with httpx."""
    with httpx.Client() as client:
        for url in urls:
            assert client.get(url).status_code == 200


def by_async_httpx(urls: list[str]) -> None:
    """Call with httpx, asynchronously."""

    async def call() -> None:
        async with httpx.AsyncClient() as client:
            for url in urls:
                assert (await client.get(url)).status_code == 200

    asyncio.run(call())


def by_aiohttp(urls: list[str]) -> None:
    """Call with aiohttp."""

    async def call() -> None:
        async with aiohttp.ClientSession() as session:
            for url in urls:
                async with session.get(URL(url, encoded=True)) as reply:
                    assert reply.status == 200

    asyncio.run(call())


def with_responses() -> AbstractContextManager[Any]:
    """The usual mock of requests."""
    mock = responses.RequestsMock(assert_all_requests_are_fired=False)
    mock.add("GET", f"{HOST}/", body=BODY)
    return mock


def with_respx() -> AbstractContextManager[Any]:
    """The usual mock of httpx."""
    mock = respx.mock(assert_all_called=False)
    mock.get(host="rtc.aliyuncs.com").respond(content=BODY)
    return mock


@contextmanager
def with_aioresponses() -> Iterator[None]:
    """The usual mock of aiohttp."""
    with aioresponses() as mock:
        mock.get(re.compile(re.escape(HOST)), body=BODY, repeat=True)
        yield


Call = Callable[[list[str]], None]
CLIENTS: dict[str, tuple[Call, Callable[[], AbstractContextManager[Any]]]] = {
    "requests, responses": (by_requests, with_responses),
    "httpx, respx": (by_httpx, with_respx),
    "httpx asynchronous, respx": (by_async_httpx, with_respx),
    "aiohttp, aioresponses": (by_aiohttp, with_aioresponses),
}


def seconds(call: Call, mock: AbstractContextManager[Any], calls: int) -> float:
    """Return the CPU time it takes to make so many calls, each of another task."""
    urls = [HOST + request.target for request in SHAPES[0].requests(calls)]
    with mock:
        began = time.process_time()
        call(urls)
        return time.process_time() - began


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=200, help="a round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=9, help="(%(default)s)")
    given = parser.parse_args()
    taken: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in CLIENTS}
    for number in range(given.rounds + 1):
        for name, (call, theirs) in CLIENTS.items():
            ours = seconds(call, mocked(), given.calls)
            other = seconds(call, theirs(), given.calls)
            if number:  # the first round warms up
                taken[name][0].append(ours)
                taken[name][1].append(other)
    print(f"{'client and its usual mock':<32}{'ours':>10}{'theirs':>10}{'ratio':>8}")
    for name, (mine, others) in taken.items():
        each = [min(times) / given.calls * 1e6 for times in (mine, others)]
        print(f"{name:<32}{each[0]:>7.0f} µs{each[1]:>7.0f} µs{median_ratio(mine, others):>8.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
