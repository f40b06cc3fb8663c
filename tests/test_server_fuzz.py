"""Bad input by the thousand: each is refused or hung up on, and the server stays well."""

from __future__ import annotations

import gc
import json
import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote

import pytest
from raw_socket import Raw

from pytest_rtcmpu import Client, Credentials, Endpoint
from pytest_rtcmpu.model import example_task
from pytest_rtcmpu.server.control import Control
from pytest_rtcmpu.server.http import Limits, Server

SECRET = "the-access-key-secret/+="
KEY = Credentials("testid", SECRET)
EVIL = "<script>alert(1)</script>"
LIMITS = Limits(request_seconds=5, linger_seconds=0.5)
MIB = 1 << 20
PRINTABLE = [chr(code) for code in range(0x21, 0x7F)]

Rng = random.Random
Make = Callable[[Rng], bytes]


def request(
    target: str = "/", *headers: str, method: str = "GET", body: bytes = b"", version: str = "1.1"
) -> bytes:
    """A request; a body has its Content-Length unless a header says otherwise."""
    named = list(headers)
    if body and not any(each.lower().startswith(("content-l", "transfer")) for each in headers):
        named.append(f"Content-Length: {len(body)}")
    lines = (f"{method} {target} HTTP/{version}", "Host: 127.0.0.1", *named, "", "")
    return "\r\n".join(lines).encode("latin-1") + body


def junk(rng: Rng, most: int = 200) -> bytes:
    """Any bytes."""
    return rng.randbytes(rng.randrange(1, most))


def text(rng: Rng, most: int = 30) -> str:
    """Visible ASCII."""
    return "".join(rng.choices(PRINTABLE, k=rng.randrange(1, most)))


def signed(*pairs: tuple[str, str], **settings: str) -> str:
    """The target of a rightly signed request with these parameters."""
    client = Client(KEY, **settings)  # type: ignore[arg-type]
    client.close()
    return client.prepare("StartMPUTask", pairs).target


def escapes(rng: Rng) -> bytes:
    """Percent escapes that are none, or no UTF-8."""
    parts = ["%", "%z", "%f", "%ff", "%c3%28", "%ed%a0%80", "%00", "%%", "%u1234", "+", "&", "="]
    return request("/?Action=" + "".join(rng.choices(parts, k=rng.randrange(1, 20))))


def odd_names(rng: Rng) -> bytes:
    """Names that are empty, sent again and again, or no names."""
    names = [
        "",
        "AppId",
        "AppId",
        "Action",
        "Signature",
        "LayoutIds.1",
        "LayoutIds..",
        ".",
        text(rng),
    ]
    pairs = (f"{rng.choice(names)}={text(rng)}" for _ in range(rng.randrange(30)))
    return request(f"/?{'&'.join(pairs)}".replace("#", ""))


def form_body(rng: Rng) -> bytes:
    """A form of any bytes."""
    form = "Content-Type: application/x-www-form-urlencoded"
    return request("/", form, method="POST", body=junk(rng))


def other_body(rng: Rng) -> bytes:
    """XML and JSON, with and without a Content-Type."""
    bodies = (
        b"<a>&b;</a>",
        b'{"Action": "StartMPUTask"}',
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
        b"[[",
    )
    kinds = ("text/xml", "application/json", "multipart/form-data; boundary=x", "", text(rng))
    return request(
        "/", f"Content-Type: {rng.choice(kinds)}", method="POST", body=rng.choice(bodies)
    )


def lying_length(rng: Rng) -> bytes:
    """A Content-Length that is too long, too short, no number, or given twice."""
    length = rng.choice(["999", "1", "-1", "0x10", "1, 1", "", "9" * 30, "1\r\nContent-Length: 2"])
    return request("/", f"Content-Length: {length}", method="POST", body=b"0123456789")


def chunks(rng: Rng) -> bytes:
    """Chunked bodies, rarely right."""
    bodies = (
        b"5\r\nhello\r\n0\r\n\r\n",
        b"z\r\n",
        b"-1\r\n",
        b"FFFFFFFFFFFFFFFFF\r\n",
        b"5\r\nhel",
    )
    coding = rng.choice(["chunked", "gzip, chunked", "identity", "chunked\r\nContent-Length: 3"])
    return request("/", f"Transfer-Encoding: {coding}", method="POST", body=rng.choice(bodies))


def request_lines(rng: Rng) -> bytes:
    """HTTP/0.9 and what is no request line at all."""
    lines = (
        b"GET /\r\n\r\n",
        b"HELLO\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1 x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        request(version=rng.choice(["2.0", "0.9", "9.9", "1.10", "x"])),
        junk(rng) + b"\r\n\r\n",
        junk(rng),
    )
    return rng.choice(lines)


def headers(rng: Rng) -> bytes:
    """Headers that are huge, many, or malformed."""
    kinds = (
        f"X: {'a' * rng.randrange(100_000)}\r\n: no name",
        "\r\n".join(f"X{n}: 1" for n in range(1100)),
        "No colon",
        " folded: 1",
        "A : 1",
        "Host: again",
        f"Authorization: ACS3-HMAC-SHA256 {text(rng)}",
        "Authorization: ACS3-",
        f"x-acs-action: {text(rng)}",
    )
    return request("/", rng.choice(kinds))


def nul_bytes(rng: Rng) -> bytes:
    """NUL in the request line, in a header, in the body, and escaped."""
    return rng.choice(
        (
            b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
            request("/", "X: a\0b"),
            request("/", method="POST", body=b"\0" * 20),
            request("/?%00=%00&AppId=%00"),
        )
    )


def injections(rng: Rng) -> bytes:
    """Line ends and HTML in values that replies, records and the page show."""
    values = [f"a\r\nX-Evil: 1\r\n\r\n{EVIL}", EVIL, f'"{EVIL}', SECRET, quote(SECRET), "\u2028"]
    value = quote(rng.choice(values), safe="")
    name = rng.choice(["Action", "AppId", "Format", "SignatureNonce", value])
    return request(f"/{rng.choice(['', value])}?{name}={value}")


def echoed(rng: Rng) -> bytes:
    """A wrong signature, whose string to sign is echoed, over values that should not be."""
    value = rng.choice([f"a\r\nX-Evil: 1\r\n\r\n{EVIL}", SECRET, text(rng)])
    target = signed(("AppId", value), ("Extra", SECRET))
    return request(target.replace("Signature=", "Signature=x"))


def valid_envelope(rng: Rng) -> bytes:
    """A right signature over wrong parameters, and one in which a character was changed."""
    target = signed(("AppId", text(rng)), ("LayoutIds.0", text(rng)), ("StreamURL", text(rng)))
    if rng.random() < 0.5:
        at = rng.randrange(2, len(target))
        target = target[:at] + rng.choice("aZ9%&=+") + target[at + 1 :]
    return request(target)


def pipelined(rng: Rng) -> bytes:
    """Several at once."""
    kinds = (escapes, odd_names, form_body, injections, request_lines)
    return b"".join(rng.choice(kinds)(rng) for _ in range(rng.randrange(2, 10)))


def methods(rng: Rng) -> bytes:
    """Methods and targets of other kinds."""
    targets = ["*", "http://evil.example/?Action=x", "evil.example:443", "//", "/..", "/?", "?a=1"]
    kinds = ["PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get", "GET", text(rng, 5)]
    return request(rng.choice(targets), method=rng.choice(kinds))


def control(rng: Rng) -> bytes:
    """The control interface, asked for what it cannot do."""
    paths = [
        "",
        "/",
        "x",
        "/reset",
        "/calls?since=x",
        "/faults",
        "/fail-next",
        "/clock",
        "/layouts",
    ]
    body = rng.choice([b'{"nonsense":1}', b"[]", b"{", b'{"code":NaN}', junk(rng)])
    return request(f"/_rtcmpu{rng.choice(paths)}", method="POST", body=body)


def half(rng: Rng) -> bytes:
    """A request that ends in its middle."""
    whole = request(signed(("AppId", "a")), "X: y", method="POST", body=b"0123456789")
    return whole[: rng.randrange(1, len(whole) - 1)]


def large(rng: Rng) -> bytes:
    """A megabyte of query, ten thousand parameters, a body over the limit."""
    return rng.choice(
        (
            request("/?" + "a" * MIB),
            request("/?" + "a" * 2 * MIB),
            request("/?" + "&".join(f"p{n}={n}" for n in range(10_000))),
            request("/?" + "&" * MIB),
            request("/", method="POST", body=b"a" * (MIB + 1)),
        )
    )


KINDS: tuple[Make, ...] = (
    escapes,
    odd_names,
    form_body,
    other_body,
    lying_length,
    chunks,
    request_lines,
    headers,
    nul_bytes,
    injections,
    echoed,
    valid_envelope,
    pipelined,
    methods,
    control,
    half,
)
LARGE_EVERY = 200


def exchange(port: int, data: bytes) -> bytes:
    """Send bytes, stop talking, and read all that comes."""
    received = b""
    # It may hang up on one that is still talking.
    with Raw(port) as client, suppress(ConnectionResetError):
        client.send(data).end()
        while part := client.sock.recv(65536):
            received += part
    return received


def judge(received: bytes) -> None:
    """Nothing, or refusals, with no header of the client's making and no secret."""
    statuses = [line.split()[1] for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.")]
    assert received == b"" or statuses
    assert all(status[:1] == b"4" for status in statuses), statuses
    for head in received.split(b"HTTP/1.1 ")[1:]:
        assert b"\nx-evil" not in head.partition(b"\r\n\r\n")[0].lower()
    for form in (SECRET, quote(SECRET, safe=""), quote(quote(SECRET, safe=""), safe="")):
        assert form.encode() not in received


@pytest.mark.parametrize("number", [1_000, pytest.param(12_000, marks=pytest.mark.slow)])
def test_bad_requests(number: int, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever comes is refused or hung up on; in between and afterwards right calls succeed."""
    seed = int(os.environ.get("RTCMPU_FUZZ_SEED", random.SystemRandom().randrange(2**32)))
    print(f"RTCMPU_FUZZ_SEED={seed}")
    rng = random.Random(seed)
    caplog.set_level("INFO")
    endpoint = Endpoint(KEY, max_calls=100, warn=lambda _: None)
    pairs = example_task().to_wire()
    deadline = time.monotonic() + 600
    with Server(Control(endpoint), limits=LIMITS) as server:
        for count in range(number):
            assert time.monotonic() < deadline
            make = large if count % LARGE_EVERY == 7 else rng.choice(KINDS)
            data = make(rng)
            try:
                judge(exchange(server.port, data))
            except AssertionError:
                print(f"{make.__name__}: {data[:2000]!r}")
                raise
            if count % 50 == 0:
                endpoint.reset()
                good = exchange(server.port, request(signed(*pairs), "Connection: close"))
                assert good.startswith(b"HTTP/1.1 200 OK\r\n")
                assert endpoint.call_count == 1
        page = exchange(server.port, request("/_rtcmpu/", "Connection: close")).decode()
        calls = exchange(server.port, request("/_rtcmpu/calls", "Connection: close")).decode()
        assert server.errors == []
        assert server.open_connections <= 2
    gc.collect()
    assert EVIL not in page
    assert json.loads(calls.partition("\r\n\r\n")[2])["calls"]
    for told in (page, calls, *(record.getMessage() for record in caplog.records)):
        assert SECRET not in told
        assert quote(SECRET, safe="") not in told
    assert caplog.records == []


@pytest.mark.parametrize(
    "data",
    [
        request(f"/?k={SECRET} x"),
        request("/", f"No colon {SECRET}"),
        request("/", f"{SECRET}: 1"),
        request("/", "Transfer-Encoding: chunked", method="POST", body=f"{SECRET}\r\n".encode()),
        request("/", f"Content-Length: {SECRET}", method="POST", body=b"x"),
    ],
    ids=["request line", "header line", "header name", "chunk", "length"],
)
def test_a_refusal_quotes_nothing(data: bytes) -> None:
    """What is refused for its form may hold a secret, and is not quoted back."""
    with Server(Control(Endpoint(KEY)), limits=LIMITS) as server:
        received = exchange(server.port, data)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert SECRET.encode() not in received


def test_a_byte_at_a_time() -> None:
    """Clients that never get done are sent away, and do not keep others from being answered."""
    limits = Limits(request_seconds=0.3, linger_seconds=0.1)
    with Server(Control(Endpoint(KEY)), limits=limits) as server:
        slow = [Raw(server.port) for _ in range(20)]
        began = time.monotonic()
        for byte in b"GET / HTTP/1.1":
            for client in slow:
                client.send(bytes([byte]))
            target = signed(*example_task().to_wire(), ("X", str(byte)))
            assert b"RequestId" in exchange(server.port, request(target))
            time.sleep(0.05)
        assert time.monotonic() - began > 0.6
        for client in slow:
            with client, suppress(ConnectionResetError):
                assert client.reply().status == 408
        assert server.errors == []
    gc.collect()
