"""What the server costs: calls per second, of ours and of others that do less.

    pip install -e '.[bench]'
    python tests/benchmarks/server.py [--calls N] [--connections N] [--rounds N]

Every server runs in a process of its own and gets signed requests of the same four shapes from the
same client, in turns, so that a busy machine is as busy for one as for the other. ``ours`` is
``rtcmpu serve``: signature, rules, state and record. ``floor`` is the same HTTP layer answering a
constant. What counts are the ratios in each round; where others use the machine's cores, those of
the servers' CPU time say more than those of the rates.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import os
import selectors
import socket
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from shapes import SHAPES, Shape, median_ratio

from pytest_rtcmpu import Request, Response
from pytest_rtcmpu.server import command as serve
from pytest_rtcmpu.server.http import Server

BODY = b'{"RequestId":"760bad53276431c499e30dc36f6b26be"}'
#: The aims: of the floor's rate, times pytest-httpserver's, of the quickest shape's.
OF_FLOOR, TIMES_OTHER, LEVEL = 0.35, 4, 2 / 3

Serve = Callable[[Callable[[int], None]], None]


# ----------------------------------------------------------------------------------- the servers


def ours(ready: Callable[[int], None]) -> None:
    """``rtcmpu serve``: signature check, validation, state, record."""

    class FirstLine(io.StringIO):
        def write(self, text: str) -> int:
            if text.startswith("http"):
                ready(int(text.rpartition(":")[2]))
            return len(text)

    with contextlib.redirect_stdout(FirstLine()):
        serve.main([])


def floor(ready: Callable[[int], None]) -> None:
    """The same HTTP layer, answering a constant."""
    reply = Response(
        status=200,
        headers=(
            ("Content-Type", "application/json;charset=utf-8"),
            ("x-acs-request-id", "760bad53276431c499e30dc36f6b26be"),
        ),
        body=BODY,
    )

    def handle(request: Request) -> Response:
        return reply

    server = Server(handle)
    server.serve_forever(lambda url: ready(server.port))


def httpserver(ready: Callable[[int], None]) -> None:
    """pytest-httpserver with one handler that expects everything."""
    import logging

    from pytest_httpserver import HTTPServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = HTTPServer(host="127.0.0.1", port=0, threaded=True)
    server.expect_request("/").respond_with_data(BODY, content_type="application/json")
    server.start()
    ready(server.port)
    time.sleep(3600)


def _serve(serve: Serve, pipe: Connection) -> None:
    os.setpgid(0, 0)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for the life of the process
    serve(pipe.send)


# ------------------------------------------------------------------------------------ the client


@dataclass
class Subject:
    """A server that is measured, and what was measured."""

    name: str
    serve: Serve
    keeps_connections: bool = True
    #: Of a round's calls, those that a slow server is asked for.
    share: float = 1.0
    process: Any = None
    port: int = 0
    #: By shape: calls per second, and microseconds of CPU time a call, of each round.
    rates: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    failures: int = 0

    def start(self) -> None:
        """Start its process and wait until it listens."""
        here, there = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(self.serve, there), daemon=True
        )
        self.process.start()
        if not here.poll(60):
            raise TimeoutError(f"{self.name} did not start")
        self.port = here.recv()

    def cpu_seconds(self) -> float:
        """How much CPU time its process has used."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


#: What requests adds to the headers.
_MORE = (
    "User-Agent: python-requests/2.32.5\r\nAccept-Encoding: gzip, deflate\r\n"
    "Accept: */*\r\nConnection: keep-alive\r\n"
)


def raw(request: Request) -> bytes:
    """Return a request as requests would send it."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
    if request.header("host") is None:
        headers = f"Host: 127.0.0.1\r\n{headers}"
    if request.body:
        headers += f"Content-Length: {len(request.body)}\r\n"
    head = f"{request.method} {request.target} HTTP/1.1\r\n{headers}{_MORE}\r\n"
    return head.encode("latin-1") + request.body


class Caller:
    """One connection of the client: a request at a time, and how long each took."""

    def __init__(self, subject: Subject, waiting: list[bytes]) -> None:
        self.subject, self.waiting = subject, waiting
        self.received = b""
        self.sock: socket.socket | None = None

    def ask(self, selector: selectors.BaseSelector) -> bool:
        """Send the next request, on a new connection where there is none."""
        if not self.waiting:
            self.close(selector)
            return False
        if self.sock is None:
            self.sock = socket.create_connection(("127.0.0.1", self.subject.port), timeout=60)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(self.sock, selectors.EVENT_READ, self)
        self.received = b""
        self.sock.sendall(self.waiting.pop())
        return True

    def close(self, selector: selectors.BaseSelector) -> None:
        """Close the connection, if there is one."""
        if self.sock is not None:
            selector.unregister(self.sock)
            self.sock.close()
            self.sock = None

    def read(self, selector: selectors.BaseSelector) -> bool:
        """Take what has come; whether that makes a whole reply."""
        assert self.sock is not None
        part = self.sock.recv(65536)
        self.received += part
        head, found, body = self.received.partition(b"\r\n\r\n")
        if part and not (found and len(body) >= _length(head)):
            return False
        self.subject.failures += not head.startswith(b"HTTP/1.1 200")
        if not part or not self.subject.keeps_connections:
            self.close(selector)
        return True


def _length(head: bytes) -> float:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return float("inf")


def load(subject: Subject, shape: Shape, calls: int, connections: int) -> None:
    """Put a round of calls to a server, so many at a time."""
    calls = max(connections, int(calls * subject.share))
    waiting = [raw(request) for request in shape.requests(calls)]
    cpu = subject.cpu_seconds()
    began = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        callers = [Caller(subject, waiting) for _ in range(connections)]
        open_ones = sum(caller.ask(selector) for caller in callers)
        while open_ones:
            for key, _ in selector.select(60):
                caller: Caller = key.data
                if caller.read(selector) and not caller.ask(selector):
                    open_ones -= 1
    rate = calls / (time.perf_counter() - began)
    subject.rates.setdefault(shape.name, []).append(rate)
    used = (subject.cpu_seconds() - cpu) / calls * 1e6
    subject.cpu.setdefault(shape.name, []).append(used)


# ------------------------------------------------------------------------------------ the result


def main() -> int:
    """Measure and print; the status is 0 if each shape is what it is meant to be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=2_000, help="a round (%(default)s)")
    parser.add_argument("--connections", type=int, default=64, help="(%(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="(%(default)s)")
    given = parser.parse_args()
    mine, base, other = subjects = (
        Subject("ours", ours),
        Subject("floor", floor),
        Subject("pytest-httpserver", httpserver, keeps_connections=False, share=0.1),
    )
    for subject in subjects:
        subject.start()
        for shape in SHAPES:
            load(subject, shape, 10 * given.connections, given.connections)  # warm up
        subject.rates.clear()
        subject.cpu.clear()
    for _ in range(given.rounds):
        for shape in SHAPES:
            for subject in subjects:
                load(subject, shape, given.calls, given.connections)
    for subject in subjects:
        subject.process.kill()
    print(
        f"{given.rounds} rounds of {given.calls} calls, {given.connections} connections at a time, "
        f"Python {sys.version.split()[0]}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}\n"
    )
    print(
        f"{'':<40}{'calls/s':>8}{'CPU µs':>8}{'of floor':>9}"
        f"{'× pytest-httpserver':>20}{'by CPU':>8}"
    )
    shares, times = [], []
    for shape in SHAPES:
        name = shape.name
        shares.append(median_ratio(mine.rates[name], base.rates[name]))
        times.append(median_ratio(mine.rates[name], other.rates[name]))
        print(
            f"{name:<40}{statistics.median(mine.rates[name]):>8,.0f}"
            f"{statistics.median(mine.cpu[name]):>8.0f}{shares[-1]:>9.0%}{times[-1]:>20.1f}"
            f"{median_ratio(other.cpu[name], mine.cpu[name]):>8.1f}"
        )
    first = SHAPES[0].name
    level = min(
        median_ratio(mine.rates[slow.name], mine.rates[quick.name])
        for slow in SHAPES
        for quick in SHAPES
    )
    print(
        f"\nthe slowest is {level:.0%} of the quickest; the floor answers "
        f"{statistics.median(base.rates[first]):,.0f}, pytest-httpserver "
        f"{statistics.median(other.rates[first]):,.0f} calls/s\n"
        f"aims: {OF_FLOOR:.0%} of the floor, {TIMES_OTHER} × pytest-httpserver, {LEVEL:.0%}"
    )
    failures = sum(subject.failures for subject in subjects)
    if failures:
        print(f"{failures} calls failed")
    kept = min(shares) >= OF_FLOOR and min(times) >= TIMES_OTHER and level >= LEVEL
    return 0 if kept and not failures else 1


if __name__ == "__main__":
    raise SystemExit(main())
