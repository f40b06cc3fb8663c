"""What the server costs: calls per second, of ours and of others that do less.

    pip install -e '.[bench]'
    python tests/benchmarks/server.py [--calls N] [--connections N] [--rounds N]

Every server runs in a process of its own and gets the same signed requests from the same client,
in turns, so that a busy machine is as busy for one as for the other. ``ours`` is ``rtcmpu serve``:
signature, rules, state and record. ``floor`` is the same HTTP layer answering a
constant: what the endpoint may cost is judged by the ratio of the two. The CPU time of a server's
process says more than calls per second do where the machine has other work.
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any

from pytest_rtcmpu import Client, Credentials, Request, Response
from pytest_rtcmpu.model import example_task
from pytest_rtcmpu.server import command as serve
from pytest_rtcmpu.server.http import Server

KEY = Credentials("testid", "testsecret")
BODY = b'{"RequestId":"760bad53276431c499e30dc36f6b26be"}'
AT_LEAST = 0.60

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


def moto(ready: Callable[[int], None]) -> None:
    """A moto server, asked for the buckets of an account that has none."""
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    ready(server.get_host_and_port()[1])
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
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
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


#: What requests sends after the target.
_REST = (
    "HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: python-requests/2.32.5\r\n"
    "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n"
)


def requests(number: int) -> list[bytes]:
    """So many signed requests that start a task each."""
    client = Client(KEY)
    task = example_task()
    made = []
    for count in range(number):
        pairs = replace(task, task_id=f"{time.monotonic_ns()}-{count}").to_wire()
        target = client.prepare("StartMPUTask", pairs).target
        made.append(f"GET {target} {_REST}".encode())
    client.close()
    return made


class Caller:
    """One connection of the client: a request at a time, and how long each took."""

    def __init__(self, subject: Subject, waiting: list[bytes]) -> None:
        self.subject, self.waiting = subject, waiting
        self.received = b""
        self.began = 0.0
        self.sock: socket.socket | None = None

    def ask(self, selector: selectors.BaseSelector) -> bool:
        """Send the next request, on a new connection where there is none."""
        if not self.waiting:
            self.close(selector)
            return False
        self.began = time.perf_counter()
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
        self.subject.latencies.append(time.perf_counter() - self.began)
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


def load(subject: Subject, calls: int, connections: int) -> None:
    """Put a round of calls to a server, so many at a time."""
    calls = max(connections, int(calls * subject.share))
    waiting = requests(calls)
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
    subject.rates.append(calls / (time.perf_counter() - began))
    subject.cpu.append((subject.cpu_seconds() - cpu) / calls * 1e6)


# ------------------------------------------------------------------------------------ the result


def _percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1] * 1000


def main() -> int:
    """Measure and print; the status is 0 if ours keeps its share of the floor's throughput."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=5_000, help="a round (%(default)s)")
    parser.add_argument("--connections", type=int, default=64, help="(%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(%(default)s)")
    given = parser.parse_args()
    subjects = [
        Subject("ours", ours),
        Subject("floor", floor),
        Subject("pytest-httpserver", httpserver, keeps_connections=False, share=0.1),
        Subject("moto", moto, keeps_connections=False, share=0.02),
    ]
    for subject in subjects:
        subject.start()
        load(subject, 10 * given.connections, given.connections)  # warm up
        subject.rates.clear()
        subject.cpu.clear()
        subject.latencies.clear()
    for _ in range(given.rounds):
        for subject in subjects:
            load(subject, given.calls, given.connections)
    for subject in subjects:
        subject.process.kill()
    base = subjects[1]
    print(
        f"{given.rounds} rounds of {given.calls} calls, {given.connections} connections at a time, "
        f"Python {sys.version.split()[0]}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}\n"
    )
    print(f"{'':<18}{'calls/s':>9}{'of floor':>9}{'p50 ms':>8}{'p99 ms':>8}{'CPU µs':>8}{'bad':>5}")
    for subject in subjects:
        rate = statistics.median(subject.rates)
        ratio = statistics.median(
            mine / theirs for mine, theirs in zip(subject.rates, base.rates, strict=True)
        )
        print(
            f"{subject.name:<18}{rate:>9,.0f}{ratio:>9.0%}"
            f"{_percentile(subject.latencies, 50):>8.1f}{_percentile(subject.latencies, 99):>8.1f}"
            f"{statistics.median(subject.cpu):>8.0f}{subject.failures:>5}"
        )
    kept = statistics.median(
        mine / theirs for mine, theirs in zip(subjects[0].rates, base.rates, strict=True)
    )
    print(f"\nours keeps {kept:.0%} of the floor's throughput; {AT_LEAST:.0%} is the aim")
    return 0 if kept >= AT_LEAST and not subjects[0].failures else 1


if __name__ == "__main__":
    raise SystemExit(main())
