"""Replies within bounds: late as a whole, or too large, they are neither waited for nor kept."""

from __future__ import annotations

import gzip
import io
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from pytest_rtcmpu import bounded, cli, errors
from pytest_rtcmpu.checks.core import CannotRun
from pytest_rtcmpu.checks.endpoint import bench as bench_module
from pytest_rtcmpu.checks.endpoint.bench import MAX_UNREAD, EndpointBench
from pytest_rtcmpu.checks.run import Settings
from pytest_rtcmpu.client import Client
from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.model import example_task
from pytest_rtcmpu.server.http import Server
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS
from pytest_rtcmpu.values.messages import Request, Response

SUCCESS = b'{"RequestId": "760bad53276431c499e30dc36f6b26be"}'
MIB = 1024 * 1024


@contextmanager
def dripping(
    reply: bytes, *, at_once: int = 0, body: threading.Event | None = None
) -> Iterator[str]:
    """Serve a reply of which a byte comes every 20 ms, but for those that come at once.

    Args:
        body: set where headers drip, and the body's turn has come.
    """
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.recv(65536)
                try:
                    sock.sendall(reply[:at_once])
                    tail = b""
                    for byte in reply[at_once:]:
                        if stop.wait(0.02):
                            return
                        sock.sendall(bytes([byte]))
                        tail += bytes([byte])
                        if tail.endswith(b"\r\n\r\n") and body is not None:
                            body.set()
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Padding: %s\r\n\r\n"
PADDED = HEAD % (len(SUCCESS) + 100, b"x" * 300) + SUCCESS + b" " * 100


@contextmanager
def serving(body: bytes, *headers: tuple[str, str], status: int = 200) -> Iterator[str]:
    """Serve one reply to whatever is asked."""
    reply = Response(status=status, headers=headers, body=body)
    with Server(lambda _: reply) as server:
        yield server.url


# ------------------------------------------------------------------------------------- in time


class Socket:
    """A socket that only notes how long it may wait."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def settimeout(self, seconds: float) -> None:
        """Note it."""
        self.waits.append(seconds)


def test_what_is_left_of_the_time_shrinks_with_each_wait() -> None:
    """Each wait is as long as what is left of the whole, and after that there is none."""
    sock: Any = Socket()
    now = iter([0.0, 0.0, 4.0, 8.0, 12.0])
    timed = bounded.Timed(sock, io.BytesIO(b"xyz"), 10.0, lambda: next(now))  # type: ignore[arg-type]
    assert [timed.read(1) for _ in range(3)] == [b"x", b"y", b"z"]
    with pytest.raises(TimeoutError, match="no whole reply within 10 s"):
        timed.read(1)
    assert sock.waits == [10.0, 6.0, 2.0]


@pytest.mark.parametrize("at_once", [0, 40, len(PADDED) - 120])
def test_a_reply_that_drips_is_late(at_once: int) -> None:
    """Status line, headers or body: a reply that is not whole in time is a timeout."""
    body = threading.Event()
    with (
        dripping(PADDED, at_once=at_once, body=body) as url,
        Client(TEST_CREDENTIALS, url, timeout=0.3) as client,
    ):
        with pytest.raises(errors.TransportTimeout):
            client.start_mpu_task(example_task())
        assert not body.is_set(), "its headers were waited for"


def test_a_body_that_drips_is_late_in_a_session_of_ones_own() -> None:
    """A session that was given keeps its adapters; the body has its deadline all the same."""
    at_once = len(PADDED) - 120
    with (
        dripping(PADDED, at_once=at_once) as url,
        requests.Session() as session,
        pytest.raises(errors.TransportTimeout, match=r"no whole reply within 0\.3 s"),
    ):
        Client(TEST_CREDENTIALS, url, timeout=0.3, session=session).start_mpu_task(example_task())


def test_a_reply_in_time_leaves_its_connection_usable() -> None:
    """The time that one reply took is not taken from the next on the same connection."""
    endpoint = Endpoint()
    with Server(endpoint.handle) as server, Client(TEST_CREDENTIALS, server.url) as client:
        client.start_mpu_task(example_task())
        for name in ("1", "2"):
            with pytest.raises(errors.APIError, match="TaskExisted"):
                client.start_mpu_task(example_task())
            assert server.open_connections == 1, name


# ------------------------------------------------------------------------------------ in size


def test_a_reply_is_as_large_as_it_may_be_and_no_larger() -> None:
    """One byte more than the limit is too many."""
    with serving(SUCCESS) as url:
        with Client(TEST_CREDENTIALS, url, max_reply=len(SUCCESS)) as client:
            assert client.start_mpu_task(example_task()).http_status == 200
        with (
            Client(TEST_CREDENTIALS, url, max_reply=len(SUCCESS) - 1) as client,
            pytest.raises(errors.ReplyTooLarge, match=f"at most {len(SUCCESS) - 1} bytes"),
        ):
            client.start_mpu_task(example_task())


BOMBS = {
    "gzip": gzip.compress(bytes(64 * MIB)),
    "deflate": zlib.compress(bytes(64 * MIB)),
    "gzip, gzip": gzip.compress(gzip.compress(bytes(64 * MIB))),
    "gzip, deflate": zlib.compress(gzip.compress(bytes(64 * MIB))),
}


@pytest.mark.parametrize("coding", BOMBS)
def test_what_grows_when_decompressed_is_not_let_grow(coding: str) -> None:
    """A reply that is small on the wire and huge decompressed takes no more than the limit."""
    with serving(BOMBS[coding], ("Content-Encoding", coding)) as url:
        client = Client(TEST_CREDENTIALS, url, max_reply=MIB)
        tracemalloc.start()
        try:
            with client, pytest.raises(errors.ReplyTooLarge):
                client.start_mpu_task(example_task())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 8 * MIB


def bare(body: bytes) -> bytes:
    """Return a body deflated without zlib's header."""
    return zlib.compress(body)[2:-4]


UNDONE = {
    "none": (None, SUCCESS),
    "identity": ("identity", SUCCESS),
    "gzip": ("gzip", gzip.compress(SUCCESS)),
    "upper case": ("GZIP", gzip.compress(SUCCESS)),
    "members": ("x-gzip", gzip.compress(SUCCESS[:9]) + gzip.compress(SUCCESS[9:])),
    "deflate": ("deflate", zlib.compress(SUCCESS)),
    "deflate, bare": ("deflate", bare(SUCCESS)),
    "one in the other": ("deflate, gzip", gzip.compress(zlib.compress(SUCCESS))),
}


@pytest.mark.parametrize("name", UNDONE)
def test_known_codings_are_undone(name: str) -> None:
    """Gzip with its members, deflate with and without its header, one in the other."""
    coding, body = UNDONE[name]
    assert bounded.decompress(body, coding, len(SUCCESS) * 2) == SUCCESS


NOT_IN_CODING = {
    "another": ("gzip", SUCCESS),
    "half": ("gzip", gzip.compress(SUCCESS)[:-9]),
    "half, deflate": ("deflate", zlib.compress(SUCCESS)[:-5]),
    "six codings": (", ".join(["gzip"] * 6), SUCCESS),
}


@pytest.mark.parametrize("name", NOT_IN_CODING)
def test_a_body_that_is_not_in_its_coding_is_an_error(name: str) -> None:
    """Another body, half of one, or too many codings."""
    coding, body = NOT_IN_CODING[name]
    with pytest.raises(bounded.NotInCoding, match="expected"):
        bounded.decompress(body, coding)


def test_only_codings_that_can_be_undone_are_asked_for() -> None:
    """Where brotli is installed requests asks for it; our client does not."""
    asked: list[str | None] = []

    def handle(request: Request) -> Response:
        asked.append(request.header("accept-encoding"))
        return Response(status=200, body=SUCCESS)

    with Server(handle) as server, requests.Session() as session:
        session.headers["Accept-Encoding"] = "gzip, deflate, br, zstd"
        client = Client(TEST_CREDENTIALS, server.url, session=session)
        client.start_mpu_task(example_task())
        session.headers["Accept-Encoding"] = "identity"
        client.start_mpu_task(example_task())
    assert asked == ["gzip, deflate", "identity"]


# ----------------------------------------------------------------------- an endpoint under test


@contextmanager
def bench_of(url: str, **settings: Any) -> Iterator[EndpointBench]:
    """Give a bench whose replies may have 1,000 bytes."""
    bench = EndpointBench(url, settings=Settings(phases=("documented",), **settings))
    for client in bench._clients.values():
        client.max_reply = 1000
    try:
        yield bench
    finally:
        bench.close()


class Sometimes:
    """An endpoint of which every so manieth reply is too long, its request handled or lost."""

    def __init__(self, every: int, *, handled: bool = True) -> None:
        self.handled = handled
        self.endpoint = Endpoint(warn=lambda _: None, explain=False)
        self.every = every
        self.count = 0

    def __call__(self, request: Request) -> Response:
        """Answer as the endpoint does, though at length."""
        self.count += 1
        if self.count % self.every:
            return self.endpoint.handle(request)
        if self.handled:
            self.endpoint.handle(request)
        return Response(status=200, body=SUCCESS + b" " * 1000)


@pytest.mark.parametrize("handled", [True, False])
@pytest.mark.parametrize("phase", ["documented", "stateful"])
def test_a_reply_that_was_not_read_accuses_nobody(phase: Any, handled: bool) -> None:
    """No clause speaks of a reply's size: it is not judged, nor is what comes after it."""
    served = Sometimes(3, handled=handled)
    with Server(served) as server, bench_of(server.url, max_examples=20) as bench:
        results = [bench.result(phase, check.clause) for check in bench.checks]
    assert sum(result.not_judged for result in results) > 10
    assert {"at most 1000 bytes" in result.reason for result in results if result.not_judged} == {
        True
    }
    assert [result.clause for result in results if result.broken] == []


def test_an_endpoint_that_cannot_be_read_ends_the_run() -> None:
    """After a few replies in a row that could not be read nobody waits for more of them."""
    served = Sometimes(1)
    with Server(served) as server, bench_of(server.url) as bench:
        bench._reached = True
        with pytest.raises(CannotRun, match=f"{MAX_UNREAD} replies in a row could not be read"):
            bench.result("documented", "request.accepted")
    assert served.count == MAX_UNREAD


def test_checks_end_against_an_endpoint_that_drips(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``rtcmpu check endpoint`` says that no reply came in time, and ends."""
    monkeypatch.setattr(bench_module, "PATIENCE", 0.2)
    with dripping(PADDED) as url:
        assert cli.main(["check", "endpoint", "--timeout", "0.2", url]) == 2
    assert "the endpoint cannot be reached" in capsys.readouterr().err
