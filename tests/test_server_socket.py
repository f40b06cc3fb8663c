"""The loopback server: what it takes from a raw socket, and what it puts on one."""

from __future__ import annotations

import gc
import re
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from raw_socket import PATIENCE, Raw, Reply

from pytest_rtcmpu.server.http import Limits, Server
from pytest_rtcmpu.values.messages import Delivery, Request, Response

MIB = 1 << 20
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
FOREVER = 3600.0


def echo(request: Request) -> Response:
    """Answer with the target that was asked for."""
    return Response(
        status=200, headers=(("Content-Type", "text/plain"),), body=request.target.encode()
    )


def always(response: Response) -> Callable[[Request], Response]:
    """Answer everything with the same."""
    return lambda request: response


def get(target: str, *headers: str) -> bytes:
    """A GET request."""
    return "\r\n".join((f"GET {target} HTTP/1.1", "Host: x", *headers, "", "")).encode()


def post(*headers: str, body: bytes = b"") -> bytes:
    """A POST request with exactly these headers about its body."""
    return "\r\n".join(("POST / HTTP/1.1", "Host: x", *headers, "", "")).encode() + body


def ask(server: Server, data: bytes = GET) -> Reply:
    """One request on a connection of its own."""
    with Raw(server.port) as client:
        return client.ask(data)


@pytest.fixture(autouse=True)
def _nothing_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No test here makes the server log."""
    yield
    assert [record.getMessage() for record in caplog.get_records("call")] == []


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that echoes targets and must not have failed in the end."""
    with Server(echo) as server:
        yield server
    gc.collect()
    assert server.errors == []


@pytest.fixture
def seen(server: Server) -> list[Request]:
    """The requests that reached the handle."""
    requests: list[Request] = []

    def handle(request: Request) -> Response:
        requests.append(request)
        return echo(request)

    server.handle = handle
    return requests


# -------------------------------------------------------------------------------- bad requests

CHUNK_32K = b"8000\r\n" + b"a" * 0x8000 + b"\r\n"
REFUSED = {
    "raw UTF-8 in the target": (400, get("/?a=äöü")),
    "invalid UTF-8 in the target": (400, b"GET /?a=\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n"),
    "NUL in the target": (400, b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n"),
    "NUL in the method": (400, b"G\0T / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "NUL in a header value": (400, get("/", "A: b\0c")),
    "NUL in a header name": (400, get("/", "A\0: b")),
    "only NUL bytes": (400, b"\0" * 100),
    "HTTP/0.9": (400, b"GET /\r\n"),
    "HTTP/0.9 with bare LF": (400, b"GET /\n"),
    "HTTP/2 preface": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/9.9": (400, b"GET / HTTP/9.9\r\nHost: x\r\n\r\n"),
    "lower-case version": (400, b"GET / http/1.1\r\nHost: x\r\n\r\n"),
    "a word": (400, b"HELLO\r\n\r\n"),
    "four words": (400, b"GET / HTTP/1.1 please\r\nHost: x\r\n\r\n"),
    "a space in the target": (400, b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a TLS greeting": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "target without slash": (400, b"GET foo HTTP/1.1\r\nHost: x\r\n\r\n"),
    "star without OPTIONS": (400, b"GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
    "CONNECT": (400, b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n"),
    "no Host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two Hosts": (400, get("/", "Host: y")),
    "a header without a colon": (400, get("/", "nonsense")),
    "a space before the colon": (400, get("/", "A : b")),
    "a folded first header": (400, b"GET / HTTP/1.1\r\n Host: x\r\n\r\n"),
    "a bare CR in a header": (400, get("/", "A: b\rc")),
    "a header of 2 MiB": (431, get("/", "A: " + "b" * 2 * MIB)),
    "2,000 headers": (431, get("/", *["A: b"] * 2000)),
    "a query of 2 MiB": (431, get("/?" + "a" * 2 * MIB)),
    "an endless request line": (431, b"A" * 2 * MIB),
    "Content-Length: abc": (400, post("Content-Length: abc")),
    "Content-Length: -1": (400, post("Content-Length: -1")),
    "Content-Length: +3": (400, post("Content-Length: +3", body=b"abc")),
    "Content-Length of 5,000 digits": (400, post("Content-Length: " + "9" * 5000)),
    "two Content-Lengths": (400, post("Content-Length: 3", "Content-Length: 4", body=b"abcd")),
    "a promised body too large": (413, post(f"Content-Length: {MIB + 1}")),
    "a body too large": (413, post(f"Content-Length: {2 * MIB}", body=b"a" * 2 * MIB)),
    "a body too large in chunks": (413, post("Transfer-Encoding: chunked", body=CHUNK_32K * 40)),
    "both lengths": (
        400,
        post("Content-Length: 3", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    ),
    "an unknown coding": (400, post("Transfer-Encoding: gzip", body=b"abc")),
    "a chunk size that is none": (400, post("Transfer-Encoding: chunked", body=b"zz\r\nabc")),
    "a chunk longer than it says": (
        400,
        post("Transfer-Encoding: chunked", body=b"3\r\nabcdef\r\n0\r\n\r\n"),
    ),
    "an endless chunk size": (400, post("Transfer-Encoding: chunked", body=b"1" * 30 + b"\r\n")),
}


@pytest.mark.parametrize(("status", "data"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_requests_are_refused(
    server: Server, seen: list[Request], status: int, data: bytes
) -> None:
    """A bad request gets its 4xx or 5xx and a closed connection, and the server goes on."""
    with Raw(server.port) as client:
        reply = client.ask(data)
        assert (reply.status, reply.headers["connection"]) == (status, "close")
        assert client.rest() == b""
    assert seen == []
    assert ask(server, get("/still-here")).body == b"/still-here"


def test_a_request_cut_off_by_its_client_is_refused(server: Server, seen: list[Request]) -> None:
    """A client that promises more than it sends before it leaves gets 400."""
    with Raw(server.port) as client:
        client.send(post("Content-Length: 10", body=b"abc"))
        client.sock.shutdown(socket.SHUT_WR)
        assert client.reply().status == 400
        assert client.rest() == b""
    assert seen == []


def test_bytes_beyond_the_content_length_are_the_next_request(
    server: Server, seen: list[Request]
) -> None:
    """A Content-Length that is too small ends the body; what follows is judged by itself."""
    with Raw(server.port) as client:
        client.send(post("Content-Length: 3", body=b"abc\0def\r\n\r\n"))
        assert [client.reply().status, client.reply().status] == [200, 400]
        assert client.rest() == b""
    assert [request.body for request in seen] == [b"abc"]


def test_a_refused_pipeline_ends_with_the_refusal(server: Server, seen: list[Request]) -> None:
    """What follows a bad request on its connection is never read as a request."""
    with Raw(server.port) as client:
        client.send(get("/1") + b"HELLO\r\n\r\n" + get("/3"))
        assert [client.reply().status, client.reply().status] == [200, 400]
        assert client.rest() == b""
    assert [request.target for request in seen] == ["/1"]


# ---------------------------------------------------------------------- unusual, but requests

CHUNKS = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n"
MANY = "/?" + "&".join(f"p{n}=v" for n in range(10_000))
READ = {
    "a query of 1 MiB": (get("/?" + "a" * MIB), "GET", "/?" + "a" * MIB, b""),
    "10,000 parameters": (get(MANY), "GET", MANY, b""),
    "odd percent escapes": (get("/?a=%ff%zz%"), "GET", "/?a=%ff%zz%", b""),
    "repeated and empty names": (get("/?a=1&a=2&=&&"), "GET", "/?a=1&a=2&=&&", b""),
    "absolute form": (get("http://h:1/p?q=http://i/"), "GET", "/p?q=http://i/", b""),
    "absolute form, no path": (get("HTTP://h?q"), "GET", "/?q", b""),
    "absolute form, only a host": (get("https://h"), "GET", "/", b""),
    "OPTIONS *": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS", "*", b""),
    "a made-up method": (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "BREW", "/", b""),
    "an empty line first": (b"\r\n\r\n" + get("/x"), "GET", "/x", b""),
    "bare line feeds": (get("/x").replace(b"\r", b""), "GET", "/x", b""),
    "a body": (post("Content-Length: 3", body=b"\0\r\n"), "POST", "/", b"\0\r\n"),
    "a body of 1 MiB": (
        post(f"Content-Length: {MIB}", body=b"b" * MIB),
        "POST",
        "/",
        b"b" * MIB,
    ),
    "chunks": (post("Transfer-Encoding: chunked", body=CHUNKS), "POST", "/", b"abcde"),
    "one-byte chunks": (
        post("Transfer-Encoding: chunked", body=b"1\r\nz\r\n" * 5000 + b"0\r\n\r\n"),
        "POST",
        "/",
        b"z" * 5000,
    ),
    "the same Content-Length twice": (
        post("Content-Length: 3", "Content-Length: 3", body=b"abc"),
        "POST",
        "/",
        b"abc",
    ),
    "an upgrade nobody takes": (get("/u", "Connection: Upgrade", "Upgrade: h2c"), "GET", "/u", b""),
}


@pytest.mark.parametrize(
    ("data", "method", "target", "body"), READ.values(), ids=[f"[{name}]" for name in READ]
)
def test_unusual_requests_are_read(
    server: Server, seen: list[Request], data: bytes, method: str, target: str, body: bytes
) -> None:
    """The handle gets method, origin-form target and body as they were sent."""
    with Raw(server.port) as client:
        assert client.ask(data).body == target.encode()
        assert client.ask(GET).status == 200
    assert (seen[0].method, seen[0].target, seen[0].body) == (method, target, body)


def test_headers_keep_order_case_and_bytes(server: Server, seen: list[Request]) -> None:
    """Header fields arrive as they were sent, one by one, in Latin-1."""
    ask(server, b"GET / HTTP/1.1\r\nB: 2\r\nhOST: x\r\nA:  \xe9 \r\nB: 1\r\nE:\r\n\r\n")
    assert seen[0].headers == (("B", "2"), ("hOST", "x"), ("A", "é"), ("B", "1"), ("E", ""))


def test_one_byte_at_a_time_is_read(server: Server) -> None:
    """A request in single bytes is a request."""
    data = get("/x") + post("Content-Length: 3", body=b"abc")
    with Raw(server.port) as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data:
            client.send(bytes([byte]))
        assert [client.reply().body, client.reply().body] == [b"/x", b"/"]


def test_expect_100_continue_is_answered(server: Server, seen: list[Request]) -> None:
    """A client that waits for 100 Continue gets it, and then its reply."""
    with Raw(server.port) as client:
        head = post("Content-Length: 3", "Expect: 100-continue")
        assert client.ask(head).status == 100
        assert client.ask(b"abc").status == 200
    assert seen[0].body == b"abc"


def test_expect_100_continue_with_too_much_is_refused(server: Server) -> None:
    """A client that asks before it sends too much is told without sending."""
    head = post(f"Content-Length: {MIB + 1}", "Expect: 100-continue")
    assert ask(server, head).status == 413


def test_a_client_may_stop_talking_before_its_reply(server: Server) -> None:
    """A half-closed connection is still answered, and then closed."""
    with Raw(server.port) as client:
        client.send(get("/1") + get("/2"))
        client.sock.shutdown(socket.SHUT_WR)
        assert [client.reply().body, client.reply().body] == [b"/1", b"/2"]
        assert client.rest() == b""


# --------------------------------------------------------------------- connections that last


def test_a_connection_is_kept(server: Server) -> None:
    """Requests one after the other are answered on one connection."""
    with Raw(server.port) as client:
        replies = [client.ask(get(f"/{n}")) for n in range(20)]
    assert [reply.body for reply in replies] == [b"/%d" % n for n in range(20)]
    assert all("connection" not in reply.headers for reply in replies)


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    """Two thousand requests in one go give two thousand replies in their order."""
    with Raw(server.port) as client:
        client.send(b"".join(get(f"/{n}") for n in range(2000)))
        assert [client.reply().body for _ in range(2000)] == [b"/%d" % n for n in range(2000)]


def test_a_late_reply_keeps_its_place(server: Server) -> None:
    """Requests behind a delayed one wait for it."""
    late = Response(status=200, body=b"late", delivery=Delivery(delay=0.02))
    server.handle = lambda request: late if request.target == "/late" else echo(request)
    with Raw(server.port) as client:
        client.send(get("/1") + get("/late") + get("/2") + get("/late") + get("/3"))
        got = [client.reply().body for _ in range(5)]
    assert got == [b"/1", b"late", b"/2", b"late", b"/3"]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("HTTP/1.0\r\n", False),
        ("HTTP/1.0\r\nConnection: keep-alive\r\n", True),
        ("HTTP/1.1\r\nHost: x\r\n", True),
        ("HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", False),
        ("HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n", False),
    ],
)
def test_the_client_decides_whether_a_connection_lasts(
    server: Server, line: str, kept: bool
) -> None:
    """HTTP/1.1 keeps a connection unless told to close it, HTTP/1.0 only when asked."""
    request = f"GET / {line}\r\n".encode()
    with Raw(server.port) as client:
        reply = client.ask(request)
        if kept:
            assert client.ask(request).status == 200
            assert reply.headers.get("connection", "keep-alive") == "keep-alive"
        else:
            assert reply.headers["connection"] == "close"
            assert client.rest() == b""


def test_head_has_no_body(server: Server) -> None:
    """HEAD is answered with the length a body would have, and without the body."""
    with Raw(server.port) as client:
        reply = client.ask(b"HEAD /four HTTP/1.1\r\nHost: x\r\n\r\n", head_only=True)
        assert reply.headers["content-length"] == "5"
        assert client.ask(get("/next")).body == b"/next"


def test_many_connections_at_once(server: Server) -> None:
    """Two hundred open connections each get their own replies."""
    clients = [Raw(server.port) for _ in range(200)]
    try:
        for n, client in enumerate(clients):
            client.send(get(f"/{n}"))
        assert [c.reply().body for c in clients] == [b"/%d" % n for n in range(200)]
    finally:
        for client in clients:
            client.__exit__()


def test_a_client_that_reads_late_gets_everything(server: Server) -> None:
    """Replies wait for a client that does not read, and hold up nobody else."""
    big = Response(status=200, body=b"x" * MIB)
    server.handle = lambda request: big if request.target == "/big" else echo(request)
    with Raw(server.port) as client:
        client.send(get("/big") * 30 + get("/end"))
        assert ask(server, get("/other")).body == b"/other"
        assert [len(client.reply().body) for _ in range(30)] == [MIB] * 30
        assert client.reply().body == b"/end"


# ------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize("start", [b"G", GET[:-2], post("Content-Length: 10", body=b"abc")])
def test_a_request_that_never_ends_gets_408(start: bytes) -> None:
    """A request that does not arrive in time is given up."""
    with (
        Server(echo, limits=Limits(request_seconds=0.05)) as server,
        Raw(server.port) as client,
    ):
        assert client.ask(start).status == 408
        assert client.rest() == b""


def test_a_slow_client_wins_no_time_by_single_bytes() -> None:
    """A client that keeps sending bytes is given up as well."""
    with (
        Server(echo, limits=Limits(request_seconds=0.1)) as server,
        Raw(server.port) as client,
    ):
        client.send(b"GET /")
        while not select.select([client.sock], [], [], 0.005)[0]:
            client.send(b"a")
        assert client.reply().status == 408


def test_an_idle_connection_is_closed() -> None:
    """A connection without a request is closed without a word."""
    limits = Limits(keep_alive_seconds=0.05, linger_seconds=0.05)
    with Server(echo, limits=limits) as server:
        with Raw(server.port) as silent, Raw(server.port) as served:
            assert served.ask(GET).status == 200
            assert (served.rest(), silent.rest()) == (b"", b"")
        assert ask(server).status == 200


def test_one_connection_too_many_gets_503() -> None:
    """Beyond the limit a connection is refused, and taken again when another has left."""
    limits = Limits(max_connections=1, linger_seconds=0.01)
    with Server(echo, limits=limits) as server, Raw(server.port) as first:
        assert first.ask(GET).status == 200
        assert ask(server, b"").status == 503
        assert first.ask(GET).status == 200


def test_a_client_that_never_reads_is_dropped() -> None:
    """A client that takes no replies loses its connection."""
    big = Response(status=200, body=b"x" * MIB)

    def handle(request: Request) -> Response:
        return big if request.target == "/big" else echo(request)

    limits = Limits(request_seconds=0.05)
    with (
        Server(handle, limits=limits) as server,
        Raw(server.port) as client,
        Raw(server.port) as other,
    ):
        assert (client.ask(GET).status, other.ask(GET).status) == (200, 200)
        client.send(get("/big") * 100)
        while server.open_connections > 1:
            assert other.ask(GET).status == 200


def test_limits_are_what_they_are_set_to() -> None:
    """Smaller limits refuse what the default ones take."""
    limits = Limits(max_body=2, max_head=100, max_header_fields=2)
    with Server(echo, limits=limits) as server:
        assert ask(server, post("Content-Length: 2", body=b"ab")).status == 200
        assert ask(server, post("Content-Length: 3", body=b"abc")).status == 413
        assert ask(server, get("/", "A: b", "C: d")).status == 431
        assert ask(server, b"GET /" + b"a" * 100).status == 431


# --------------------------------------------------------------------------------- deliveries

BODY = b"0123456789"


def deliver(delivery: Delivery, *headers: tuple[str, str]) -> Callable[[Request], Response]:
    """Answer ``/fault`` that way, and everything else at once."""
    fault = Response(status=200, headers=headers, body=BODY, delivery=delivery)
    return lambda request: fault if request.target == "/fault" else echo(request)


@pytest.mark.parametrize(
    "delivery",
    [
        Delivery(delay=0.01),
        Delivery(bytes_per_second=1000),
        Delivery(bytes_per_second=0.5e9),
        Delivery(delay=0.01, bytes_per_second=1000),
    ],
)
@pytest.mark.parametrize("headers", [(), (("Transfer-Encoding", "chunked"),)])
def test_slow_replies_are_whole(
    server: Server, delivery: Delivery, headers: tuple[tuple[str, str], ...]
) -> None:
    """A delayed or slow reply is complete and leaves the connection usable."""
    server.handle = deliver(delivery, *headers)
    with Raw(server.port) as client:
        assert client.ask(get("/fault")).body == BODY
        assert client.ask(get("/next")).body == b"/next"


def test_a_slow_body_comes_in_parts(server: Server) -> None:
    """At fifty bytes a second and fewer, every byte travels alone."""
    server.handle = deliver(Delivery(bytes_per_second=50), ("Transfer-Encoding", "chunked"))
    assert ask(server, get("/fault")).chunks == len(BODY)


def test_a_delay_may_be_longer_than_a_request_may_take() -> None:
    """How long the client may take has nothing to do with how long the server takes."""
    late = Response(status=200, body=b"late", delivery=Delivery(delay=0.3))
    limits = Limits(request_seconds=0.05, keep_alive_seconds=0.05, linger_seconds=0.05)
    with Server(lambda _: late, limits=limits) as server, Raw(server.port) as client:
        assert client.ask(GET).body == b"late"


def test_a_delay_holds_up_nobody_else(server: Server) -> None:
    """While one client waits for an hour others are served, and stop() does not wait."""
    server.handle = deliver(Delivery(delay=FOREVER))
    with Raw(server.port) as waiting:
        waiting.send(get("/fault"))
        assert ask(server).status == 200
        server.stop()
        assert waiting.rest() == b""


@pytest.mark.parametrize(("after", "arrives"), [(None, None), (0, b""), (4, b"0123")])
def test_a_timeout_says_nothing_more(
    server: Server, after: int | None, arrives: bytes | None
) -> None:
    """A reply that never ends holds its connection until the client leaves."""
    server.handle = deliver(Delivery(ending="timeout", after=after))
    with Raw(server.port) as other:
        with Raw(server.port) as client:
            client.send(get("/fault"))
            if arrives is not None:
                assert client.reply(head_only=True).headers["content-length"] == "10"
                assert client.file.read(len(arrives)) == arrives
            assert other.ask(get("/other")).body == b"/other"
            assert not select.select([client.sock], [], [], 0)[0]
        while server.open_connections > 1:
            other.ask(GET)


def test_a_timeout_ends_when_the_server_stops(server: Server) -> None:
    """A held connection is let go by stop()."""
    server.handle = deliver(Delivery(ending="timeout"))
    with Raw(server.port) as client, Raw(server.port) as other:
        client.send(get("/fault"))
        other.ask(GET)
        server.stop()
        assert client.rest() == b""


@pytest.mark.parametrize("request_tail", [b"", GET])
def test_a_reset_before_anything(server: Server, request_tail: bytes) -> None:
    """The connection is reset and not one byte of a reply arrives."""
    server.handle = deliver(Delivery(ending="reset"))
    with Raw(server.port) as client:
        client.send(get("/fault") + request_tail)
        with pytest.raises(ConnectionResetError):
            client.sock.recv(1)
    assert ask(server).status == 200


def test_a_reset_amid_the_body(server: Server) -> None:
    """So many bytes of the body arrive, then the connection is reset."""
    server.handle = deliver(Delivery(ending="reset", after=4))
    with Raw(server.port) as client:
        client.send(get("/fault"))
        assert client.reply(head_only=True).headers["content-length"] == "10"
        assert client.file.read(4) == b"0123"
        with pytest.raises(ConnectionResetError):
            client.sock.recv(1)


@pytest.mark.parametrize(
    ("after", "headers", "arrives"),
    [
        (0, (), b""),
        (4, (), b"0123"),
        (4, (("Transfer-Encoding", "chunked"),), b"2\r\n01\r\n2\r\n23\r\n"),
    ],
)
def test_a_truncated_reply_is_closed(
    server: Server, after: int, headers: tuple[tuple[str, str], ...], arrives: bytes
) -> None:
    """The head promises the whole body, part of it arrives, the connection is closed."""
    server.handle = deliver(Delivery(ending="close", after=after), *headers)
    with Raw(server.port) as client:
        client.send(get("/fault"))
        assert client.reply(head_only=True).status == 200
        assert client.rest() == arrives


def test_close_before_anything(server: Server) -> None:
    """The connection is closed in order and not one byte arrives."""
    server.handle = deliver(Delivery(ending="close"))
    with Raw(server.port) as client:
        assert client.send(get("/fault")).rest() == b""


@pytest.mark.parametrize("rate", [None, 1000])
def test_garbage_takes_the_place_of_the_reply(server: Server, rate: float | None) -> None:
    """Raw bytes are put on the wire as they are, and the connection is closed."""
    garbage = b"\0\xffHTTP/7 what\r\n\r\r"
    server.handle = deliver(Delivery(raw=garbage, bytes_per_second=rate))
    with Raw(server.port) as client:
        assert client.send(get("/fault") + GET).rest() == garbage


def test_a_delivery_that_cannot_be_performed_is_recorded() -> None:
    """A rate of zero drops the connection and is kept as an error with its request."""
    with Server(deliver(Delivery(bytes_per_second=0))) as server:
        with Raw(server.port) as client:
            assert client.send(get("/fault")).rest() == b""
        [failure] = server.errors
    assert isinstance(failure.exception, ZeroDivisionError)
    assert failure.request is not None
    assert failure.request.target == "/fault"


# -------------------------------------------------------------------------------- reply heads


def test_a_reply_has_a_length_and_no_signature(server: Server) -> None:
    """The server adds Content-Length and nothing else."""
    assert ask(server).headers == {"content-type": "text/plain", "content-length": "1"}


def test_a_chunked_reply_has_two_chunks(server: Server) -> None:
    """A reply with Transfer-Encoding comes in chunks and without Content-Length."""
    headers = (("Transfer-Encoding", "chunked"),)
    server.handle = always(Response(status=200, headers=headers, body=BODY))
    with Raw(server.port) as client:
        for _ in range(2):
            reply = client.ask(GET)
            assert (reply.body, reply.chunks) == (BODY, 2)
            assert "content-length" not in reply.headers


def test_http_1_0_gets_no_chunks(server: Server) -> None:
    """A client of HTTP/1.0 gets the body up to the end of the connection instead."""
    headers = (("Transfer-Encoding", "chunked"),)
    server.handle = always(Response(status=200, headers=headers, body=BODY))
    reply = ask(server, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert (reply.body, reply.headers) == (BODY, {"connection": "close"})


@pytest.mark.parametrize("status", [204, 304])
def test_a_reply_without_a_body_ends_after_its_head(server: Server, status: int) -> None:
    """204 and 304 send no body, whatever the handle returned."""
    server.handle = always(Response(status=status, body=BODY))
    with Raw(server.port) as client:
        assert client.ask(GET).status == status
        assert client.ask(GET).status == status


@pytest.mark.parametrize("length", ["4", "400", "none"])
def test_a_content_length_that_lies_is_sent(server: Server, length: str) -> None:
    """A Content-Length of the handle's own is kept, and the connection closed after the body."""
    headers = (("content-length", length),)
    server.handle = always(Response(status=200, headers=headers, body=BODY))
    with Raw(server.port) as client:
        reply = client.ask(GET, head_only=True)
        assert reply.headers == {"content-length": length, "connection": "close"}
        assert client.rest() == BODY


def test_the_handle_may_close_the_connection(server: Server) -> None:
    """A reply with Connection: close is the last one."""
    server.handle = always(Response(status=200, headers=(("Connection", "close"),)))
    with Raw(server.port) as client:
        assert client.ask(GET).headers == {"connection": "close", "content-length": "0"}
        assert client.rest() == b""


# ------------------------------------------------------------------------------------- errors

UNSENDABLE = {
    "LF in a value": Response(status=200, headers=(("A", "b\nEvil: 1"),)),
    "CRLF in a value": Response(status=200, headers=(("A", "b\r\nEvil: 1"),)),
    "CR in a value": Response(status=200, headers=(("A", "b\rEvil: 1"),)),
    "LF at the end of a value": Response(status=200, headers=(("A", "b\n"),)),
    "NUL in a value": Response(status=200, headers=(("A", "b\0"),)),
    "Chinese in a value": Response(status=200, headers=(("A", "中"),)),
    "CRLF in a name": Response(status=200, headers=(("A: b\r\nEvil", "1"),)),
    "a colon in a name": Response(status=200, headers=(("Evil:", "1"),)),
    "no name": Response(status=200, headers=(("", "1"),)),
    "a status of two digits": Response(status=42),
    "an interim status": Response(status=100),
    "a status of four digits": Response(status=2000),
    "no response": None,
}


@pytest.mark.parametrize("response", UNSENDABLE.values(), ids=UNSENDABLE.keys())
def test_what_is_not_http_is_not_sent(response: Response) -> None:
    """A reply that cannot be one becomes a 500 and a recorded error."""
    with Server(always(response)) as server, Raw(server.port) as client:
        for _ in range(2):
            reply = client.ask(GET)
            assert reply.status == 500
            assert set(reply.headers) == {"content-type", "content-length"}
        assert len(server.errors) == 2


class Odd(BaseException):
    """Not an Exception, like pytest's own failures."""


@pytest.mark.parametrize("kind", [ValueError, AssertionError, Odd, SystemExit, KeyboardInterrupt])
def test_an_error_in_the_handle_is_kept(kind: type[BaseException]) -> None:
    """The client gets a plain 500; request, exception and traceback are kept."""

    def broken_handle(request: Request) -> Response:
        raise kind("the secret reason")

    with Server(broken_handle) as server, Raw(server.port) as client:
        reply = client.ask(get("/broken"))
        assert reply.status == 500
        assert kind.__name__ in reply.body.decode()
        assert "secret" not in reply.body.decode()
        [failure] = server.errors
        assert type(failure.exception) is kind
        assert failure.request is not None
        assert failure.request.target == "/broken"
        assert "broken_handle" in failure.traceback
        server.handle = echo
        assert client.ask(get("/next")).body == b"/next"
        assert len(server.errors) == 1


def test_errors_are_kept_up_to_a_limit() -> None:
    """Memory is bounded when everything fails."""
    with Server(always(Response(status=1)), limits=Limits(max_errors=3)) as server:
        with Raw(server.port) as client:
            assert {client.ask(GET).status for _ in range(5)} == {500}
        assert len(server.errors) == 3


# ------------------------------------------------------------------------------ start and stop


@pytest.fixture(autouse=True)
def others() -> Iterator[set[threading.Thread]]:
    """The servers that ran before the test: those of fixtures that last longer."""
    _OTHERS.clear()
    _OTHERS.update(threading.enumerate())
    yield _OTHERS
    _OTHERS.clear()


_OTHERS: set[threading.Thread] = set()


def server_threads() -> list[threading.Thread]:
    """The threads of servers that the test has started."""
    return [t for t in threading.enumerate() if t.name == "rtcmpu-server" and t not in _OTHERS]


def test_all_that_has_arrived_is_answered_before_a_reply_is_sent(server: Server) -> None:
    """Requests that wait together are read, then answered, then replied to: not one by one."""
    holds, goes_on = threading.Event(), threading.Event()
    replied: list[int] = []
    clients = [Raw(server.port) for _ in range(6)]

    def handle(request: Request) -> Response:
        if request.target == "/hold":
            holds.set()
            assert goes_on.wait(PATIENCE)
        else:
            replied.append(len(select.select([c.sock for c in clients[1:]], [], [], 0)[0]))
        return echo(request)

    for client in clients:  # they are all accepted
        assert client.send(GET).reply().status == 200
    server.handle = handle
    clients[0].send(get("/hold"))
    assert holds.wait(PATIENCE)
    for number, client in enumerate(clients[1:]):
        client.send(get(f"/{number}"))
    goes_on.set()
    assert clients[0].reply().body == b"/hold"
    assert [client.reply().body for client in clients[1:]] == [b"/0", b"/1", b"/2", b"/3", b"/4"]
    assert replied == [0] * 5
    for client in clients:
        client.__exit__()


def test_a_client_that_leaves_before_its_reply_disturbs_nobody(server: Server) -> None:
    """A request that arrived is handled, whether or not somebody waits for the reply."""
    holds, goes_on = threading.Event(), threading.Event()
    handled: list[str] = []

    def handle(request: Request) -> Response:
        handled.append(request.target)
        if request.target == "/hold":
            holds.set()
            assert goes_on.wait(PATIENCE)
        return echo(request)

    server.handle = handle
    with Raw(server.port) as first, Raw(server.port) as stays:
        leaves = Raw(server.port)
        assert leaves.send(get("/a")).reply().body == b"/a"
        assert stays.send(get("/b")).reply().body == b"/b"
        first.send(get("/hold"))
        assert holds.wait(PATIENCE)
        leaves.send(get("/left"))
        leaves.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        leaves.__exit__()
        stays.send(get("/stays"))
        goes_on.set()
        assert first.reply().body == b"/hold"
        assert stays.reply().body == b"/stays"
    assert handled[:3] == ["/a", "/b", "/hold"]
    assert server.errors == []


def test_stop_ends_everything(server: Server) -> None:
    """stop() closes hanging connections and the socket and leaves no thread."""
    with (
        Raw(server.port) as idle,
        Raw(server.port) as half,
        Raw(server.port) as done,
    ):
        half.send(b"GET / HT")
        assert done.ask(GET).status == 200
        server.stop()
        assert server_threads() == []
        assert [idle.rest(), half.rest(), done.rest()] == [b"", b"", b""]
    with pytest.raises(ConnectionRefusedError):
        Raw(server.port)
    assert server.open_connections == 0
    gc.collect()


def test_stop_right_after_a_connection(server: Server) -> None:
    """A connection not yet accepted leaves nothing open."""
    clients = [Raw(server.port) for _ in range(20)]
    server.stop()
    gc.collect()
    for client in clients:
        client.__exit__()


def test_stop_may_be_called_often_and_from_anywhere(server: Server) -> None:
    """stop() before start, twice, and from several threads at once is fine."""
    Server(echo).stop()
    threads = [threading.Thread(target=server.stop) for _ in range(8)]
    for thread in threads:
        thread.start()
    server.stop()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    server.stop()


def test_the_handle_may_stop_its_server(server: Server) -> None:
    """A reply is still sent when its handle has stopped the server."""

    def last(request: Request) -> Response:
        server.stop()
        return echo(request)

    server.handle = last
    with Raw(server.port) as client:
        assert client.ask(get("/last")).body == b"/last"
        assert client.rest() == b""


def test_a_stopped_server_starts_again(server: Server) -> None:
    """start() after stop() serves again; start() while running changes nothing."""
    server.stop()
    url = server.start().url
    assert server.start().url == url
    assert ask(server).status == 200


def test_the_url_is_known_once_started() -> None:
    """There is no URL before the start, and one with the real port after it."""
    server = Server(echo)
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = server.url
    with server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert server.port > 0


def test_a_port_in_use_is_told_to_the_caller(server: Server) -> None:
    """A server that cannot listen fails in start()."""
    with pytest.raises(OSError, match="use"):
        Server(echo, port=server.port).start()


def test_what_keeps_the_loop_from_serving_is_told_to_the_caller() -> None:
    """What fails in the loop's thread before it serves is raised by start()."""
    with pytest.raises(TypeError, match="SSLContext"):
        Server(echo, ssl_context=True).start()  # type: ignore[arg-type]
    assert server_threads() == []
    gc.collect()


def test_the_handle_may_be_exchanged(server: Server) -> None:
    """A new handle answers the next request, on connections that are open as well."""
    with Raw(server.port) as client:
        assert client.ask(get("/1")).body == b"/1"
        server.handle = always(Response(status=418, body=b"new"))
        assert client.ask(get("/2")).body == b"new"


SERVE = """
from pytest_rtcmpu.server.http import Server
from pytest_rtcmpu.values.messages import Response
Server(lambda request: Response(status=200)).serve_forever(lambda url: print(url, flush=True))
print("done")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_reply_that_cannot_be_sent_is_nobody_else_s_trouble(server: Server) -> None:
    """Whatever a handle returns, those who asked at the same time get their replies."""
    holds, goes_on = threading.Event(), threading.Event()

    class Duck:
        status, headers, body = 200, (), b""

    def handle(request: Request) -> Any:
        if request.target == "/hold":
            holds.set()
            assert goes_on.wait(PATIENCE)
        return Duck() if request.target == "/duck" else echo(request)

    server.handle = handle
    with (
        Raw(server.port) as first,
        Raw(server.port) as duck,
        Raw(server.port) as other,
    ):
        for client in (duck, other):  # they are accepted
            assert client.ask(get("/a")).body == b"/a"
        first.send(get("/hold"))
        assert holds.wait(PATIENCE)
        duck.send(get("/duck"))
        other.send(get("/other"))
        goes_on.set()
        assert other.reply().body == b"/other"
        assert first.reply().body == b"/hold"
        assert duck.rest() == b""
    (failure,) = server.errors
    assert failure.request is not None
    assert failure.request.target == "/duck"
    server.errors.clear()


def test_the_handle_may_drop_all_connections(server: Server) -> None:
    """disconnect() from within a handle waits for nothing."""

    def handle(request: Request) -> Response:
        if request.target == "/drop":
            server.disconnect()
        return echo(request)

    server.handle = handle
    with Raw(server.port) as client:
        client.send(get("/drop"))
        with suppress(ConnectionResetError):
            assert client.rest() == b""
    assert ask(server, get("/next")).body == b"/next"


def test_a_server_that_dies_says_of_what(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """serve_forever() ends in order when it is told to, and with an exception otherwise."""
    main = server._main

    async def dying(*args: Any) -> None:
        server._ask_to_stop()
        await main(*args)
        raise OSError("gone")

    server.stop()
    monkeypatch.setattr(server, "_main", dying)
    with pytest.raises(OSError, match="gone"):
        server.serve_forever(lambda url: server._ask_to_stop())
    server.errors.clear()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_serve_forever(number: signal.Signals) -> None:
    """SIGINT and SIGTERM end a serving command in order, with clients connected."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVE],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rpartition(":")[2])
            with Raw(port) as client:
                assert client.ask(GET).status == 200
                process.send_signal(number)
                out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (0, "done\n", "")


# ---------------------------------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The contexts of a server and of a client that trusts it."""
    import trustme

    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return serving, trusting


@pytest.fixture
def secure(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> Iterator[Server]:
    """A server behind TLS."""
    with Server(echo, ssl_context=tls[0], limits=Limits(linger_seconds=0.05)) as server:
        yield server
    gc.collect()
    assert server.errors == []


Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


def test_tls_serves_the_same(secure: Server, tls: Contexts) -> None:
    """Requests over TLS are answered, one by one and pipelined."""
    assert secure.url.startswith("https://127.0.0.1:")
    with Raw(secure.port, tls[1]) as client:
        assert client.ask(get("/1")).body == b"/1"
        client.send(get("/?" + "a" * MIB) + get("/2"))
        assert len(client.reply().body) == MIB + 2
        assert client.reply().body == b"/2"


def test_tls_refuses_and_truncates_the_same(secure: Server, tls: Contexts) -> None:
    """Bad requests and faults look the same over TLS."""
    with Raw(secure.port, tls[1]) as client:
        assert client.ask(b"HELLO\r\n\r\n").status == 400
        assert client.rest() == b""
    secure.handle = deliver(Delivery(ending="close", after=4))
    with Raw(secure.port, tls[1]) as client:
        assert client.ask(get("/fault"), head_only=True).status == 200
        assert client.rest() == b"0123"
    secure.handle = deliver(Delivery(ending="reset"))
    # Python's own TLS client takes many a reset for an end of file
    with Raw(secure.port, tls[1]) as client, suppress(ConnectionResetError):
        assert client.send(get("/fault")).sock.recv(1) == b""


def test_tls_answers_who_has_stopped_talking(secure: Server, tls: Contexts) -> None:
    """A request that comes together with the client's last words is answered."""
    arriving, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    talk = tls[1].wrap_bio(arriving, leaving, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE) as sock:
        while True:
            try:
                talk.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(leaving.read())
                arriving.write(sock.recv(65536))
        talk.write(get("/one") + get("/two"))
        with suppress(ssl.SSLWantReadError):
            talk.unwrap()
        sock.sendall(leaving.read())
        while part := sock.recv(65536):
            arriving.write(part)
        arriving.write_eof()
    received = b""
    with suppress(ssl.SSLError):  # there is no more
        while part := talk.read(65536):
            received += part
    assert re.findall(rb"/one|/two", received) == [b"/one", b"/two"]


def test_tls_survives_clients_without_tls(secure: Server, tls: Contexts) -> None:
    """Plain HTTP on the TLS port ends its own connection only."""
    with Raw(secure.port) as plain, suppress(ConnectionResetError):
        plain.send(GET).rest()
    with Raw(secure.port, tls[1]) as client:
        assert client.ask(get("/1")).body == b"/1"


def test_tls_stops_amid_a_handshake(secure: Server, tls: Contexts) -> None:
    """stop() drops clients that have not finished their handshake."""
    with Raw(secure.port) as silent, Raw(secure.port, tls[1]) as client:
        assert client.ask(GET).status == 200
        secure.stop()
        assert silent.rest() == b""
    gc.collect()
