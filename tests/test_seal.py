"""The seal: every way out that is known leads nowhere while a mock is open."""

from __future__ import annotations

import _socket
import asyncio
import http.client
import socket
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import aiohttp
import httpx
import pytest
import urllib3

from pytest_rtcmpu import Endpoint, contract
from pytest_rtcmpu.mock import names
from pytest_rtcmpu.mock.door import mocked, sealed

REAL = "rtc.aliyuncs.com"
#: Another address of this machine, in place of the API's: nothing must arrive there.
STAND_IN = "127.0.0.2"
PATIENCE = 5.0

CONTRACT = contract.load()
#: The contract of an API that listens at the stand-in.
STANDING_IN = replace(CONTRACT, service=replace(CONTRACT.service, host=STAND_IN))

Way = Callable[[str, int], object]


class Ear:
    """A listener that takes whatever arrives, once the test looks."""

    def __init__(self, host: str) -> None:
        self._socket = socket.create_server((host, 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]

    def heard(self) -> tuple[int, bytes]:
        """Return how many connections came, and what was sent over them."""
        count, heard = 0, b""
        while True:
            try:
                connection, _ = self._socket.accept()
            except BlockingIOError:
                return count, heard
            count += 1
            with connection:
                connection.setblocking(False)
                try:
                    heard += connection.recv(65536)
                except BlockingIOError:
                    continue

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


@pytest.fixture
def real() -> Iterator[Ear]:
    """What stands in for the real host."""
    with closing(Ear(STAND_IN)) as ear:
        yield ear


@pytest.fixture
def proxy() -> Iterator[Ear]:
    """A proxy on this machine, which would call out."""
    with closing(Ear("127.0.0.1")) as ear:
        yield ear


def why(error: BaseException) -> str:
    """Return all that an error says, and those that it came of."""
    told, found = [], error
    while found is not None and len(told) < 10:
        told.append(str(found))
        found = found.__cause__ or found.__context__  # type: ignore[assignment]
    return "\n".join(told)


def run(call: Awaitable[object]) -> object:
    """Run a coroutine under asyncio's own loop."""
    return asyncio.run(asyncio.wait_for(call, PATIENCE))


def run_uvloop(call: Awaitable[object]) -> object:
    """Run a coroutine under uvloop."""
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(asyncio.wait_for(call, PATIENCE))  # type: ignore[arg-type]


async def by_httpx(url: str, **settings: Any) -> object:
    """Call with httpx, asynchronously."""
    async with httpx.AsyncClient(**settings) as client:
        return await client.get(url)


async def by_aiohttp(url: str, **settings: Any) -> object:
    """Call with aiohttp."""
    async with aiohttp.ClientSession() as session, session.get(url, **settings) as reply:
        return await reply.read()


def by_connect(host: str, port: int, make: Any = socket.socket, how: str = "connect") -> object:
    """Connect a socket."""
    with closing(make(socket.AF_INET, socket.SOCK_STREAM)) as sock:
        return getattr(sock, how)((host, port))


def by_http_client(host: str, port: int) -> object:
    """Call with http.client."""
    with closing(http.client.HTTPConnection(host, port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/")
        return connection.getresponse()


def by_sendto(host: str, port: int) -> object:
    """Send a packet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return sock.sendto(b"x", (host, port))


def by_connected_packet(host: str, port: int) -> object:
    """Send a packet over a socket that is connected, which sends nothing by itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((host, port))
        return sock.send(b"x")


def by_pycurl(url: str, proxy: str = "") -> object:
    """Call with curl."""
    pycurl = pytest.importorskip("pycurl")
    curl = pycurl.Curl()
    curl.setopt(pycurl.TIMEOUT_MS, int(PATIENCE * 1000))
    curl.setopt(pycurl.PROXY, proxy)
    curl.setopt(pycurl.URL, url)
    return curl.perform()


def by_curl_redirected(host: str, port: int) -> object:
    """Let curl open a socket to an address that its URL does not name."""
    pycurl = pytest.importorskip("pycurl")
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"http://localhost:{port}/")
    curl.setopt(pycurl.RESOLVE, [f"localhost:{port}:{host}"])
    try:
        return curl.perform()
    except pycurl.error as error:
        raise AssertionError(f"pytest-rtcmpu let no socket be opened: {error}") from error


DIRECT: dict[str, Way] = {
    "urllib": lambda host, port: urllib.request.urlopen(f"http://{host}:{port}", timeout=PATIENCE),
    "http.client": by_http_client,
    "urllib3": lambda host, port: urllib3.PoolManager().request(
        "GET", f"http://{host}:{port}", retries=False, timeout=PATIENCE
    ),
    "httpx": lambda host, port: httpx.get(f"http://{host}:{port}", timeout=PATIENCE),
    "httpx, asyncio": lambda host, port: run(by_httpx(f"http://{host}:{port}")),
    "httpx, uvloop": lambda host, port: run_uvloop(by_httpx(f"http://{host}:{port}")),
    "aiohttp, asyncio": lambda host, port: run(by_aiohttp(f"http://{host}:{port}")),
    "aiohttp, uvloop": lambda host, port: run_uvloop(by_aiohttp(f"http://{host}:{port}")),
    "asyncio": lambda host, port: run(asyncio.open_connection(host, port)),
    "uvloop": lambda host, port: run_uvloop(asyncio.open_connection(host, port)),
    "create_connection": lambda host, port: socket.create_connection((host, port), PATIENCE),
    "connect": by_connect,
    "connect_ex": lambda host, port: by_connect(host, port, how="connect_ex"),
    "_socket": lambda host, port: by_connect(host, port, _socket.socket),
    "_socket, connect_ex": lambda host, port: by_connect(host, port, _socket.socket, "connect_ex"),
    "sendto": by_sendto,
    "a connected packet": by_connected_packet,
    "pycurl": lambda host, port: by_pycurl(f"http://{host}:{port}"),
    "pycurl, elsewhere": by_curl_redirected,
}


@pytest.mark.parametrize("way", DIRECT)
def test_no_connection_is_made(real: Ear, way: str) -> None:
    """By its address the host is out of reach, whatever the client."""
    with mocked(Endpoint(contract=STANDING_IN)), pytest.raises(Exception) as caught:  # noqa: PT011
        DIRECT[way](STAND_IN, real.port)
    assert "pytest-rtcmpu" in why(caught.value)
    assert real.heard() == (0, b"")


@pytest.mark.parametrize("way", DIRECT)
def test_no_connection_is_made_while_a_client_is_checked(real: Ear, way: str) -> None:
    """The same holds where nothing is mocked and a client under test runs in this process."""
    with sealed(STAND_IN), pytest.raises(Exception) as caught:  # noqa: PT011
        DIRECT[way](STAND_IN, real.port)
    assert "pytest-rtcmpu" in why(caught.value)
    assert real.heard() == (0, b"")


def by_tunnel(port: int) -> object:
    """Ask a proxy for a tunnel, with http.client."""
    with closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.set_tunnel(REAL, 443)
        return connection.request("GET", "/")


def by_proxy_manager(port: int, scheme: str) -> object:
    """Call through urllib3's manager of proxies."""
    manager = urllib3.ProxyManager(f"http://127.0.0.1:{port}")
    return manager.request("GET", f"{scheme}://{REAL}/", retries=False, timeout=PATIENCE)


def by_socks(port: int, *messages: bytes) -> object:
    """Ask a SOCKS proxy, whose greeting tells nothing yet."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        for message in messages:
            sock.sendall(message)
    return None


NAME = REAL.encode()
HTTP_PROXIED: dict[str, Callable[[int], object]] = {
    "http.client": by_tunnel,
    "urllib3, https": lambda port: by_proxy_manager(port, "https"),
    "urllib3, http": lambda port: by_proxy_manager(port, "http"),
    "httpx": lambda port: httpx.Client(proxy=f"http://127.0.0.1:{port}", timeout=PATIENCE).get(
        f"https://{REAL}/"
    ),
    "httpx, asyncio": lambda port: run(
        by_httpx(f"http://{REAL}/", proxy=f"http://127.0.0.1:{port}")
    ),
    "aiohttp": lambda port: run(by_aiohttp(f"https://{REAL}/", proxy=f"http://127.0.0.1:{port}")),
    "pycurl": lambda port: by_pycurl(f"https://{REAL}/", f"http://127.0.0.1:{port}"),
    "SOCKS 5, a name": lambda port: by_socks(
        port, b"\x05\x01\x00\x03" + bytes([len(NAME)]) + NAME + b"\x01\xbb"
    ),
    "SOCKS 5, an address": lambda port: by_socks(port, b"\x05\x01\x00\x01\x08\x08\x08\x08\x01\xbb"),
    "SOCKS 4": lambda port: by_socks(port, b"\x04\x01\x01\xbb\x08\x08\x08\x08me\x00"),
    "SOCKS 4A": lambda port: by_socks(
        port, b"\x04\x01\x01\xbb\x00\x00\x00\x01me\x00" + NAME + b"\x00"
    ),
}


@pytest.mark.parametrize("way", HTTP_PROXIED)
def test_no_proxy_on_this_machine_hears_of_it(proxy: Ear, way: str) -> None:
    """A proxy that the code under test names itself is told nothing, loopback though it is."""
    with mocked(Endpoint()), pytest.raises(Exception) as caught:  # noqa: PT011
        HTTP_PROXIED[way](proxy.port)
    # httpcore ignores an error while it sends; the connection ends before anything is sent.
    expected = "Server disconnected" if way == "httpx" else "pytest-rtcmpu"
    assert expected in why(caught.value)
    assert proxy.heard()[1] == b""


@pytest.mark.parametrize("host", [REAL, "other.example.com"])
def test_a_proxy_on_this_machine_goes_on_for_what_is_allowed(proxy: Ear, host: str) -> None:
    """Requests through a proxy are judged by where they go."""
    with mocked(Endpoint(), allow_hosts=["other.example.com"]):
        if host == REAL:
            with pytest.raises(OSError, match="is mocked"):
                by_socks(proxy.port, f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
        else:
            by_socks(proxy.port, f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
    assert proxy.heard()[1].startswith(b"CONNECT") == (host != REAL)


# alibabacloud_tea_openapi 0.4 calls datetime.utcnow(), which Python 3.12 deprecates.
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.parametrize("names", ["upper", "lower"])
def test_no_proxy_of_the_environment_hears_of_it(
    proxy: Ear, monkeypatch: pytest.MonkeyPatch, names: str
) -> None:
    """The published SDK's asynchronous call, which ignores NO_PROXY, finds no proxy."""
    from alibabacloud_rtc20180111 import models
    from alibabacloud_rtc20180111.client import Client
    from alibabacloud_tea_openapi.models import Config

    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(getattr(name, names)(), f"http://127.0.0.1:{proxy.port}")
    endpoint = Endpoint()
    client = Client(Config(access_key_id="testid", access_key_secret="testsecret"))
    with mocked(endpoint), pytest.raises(Exception, match="Missing"):
        run(client.start_mputask_async(models.StartMPUTaskRequest(app_id="app")))
    assert proxy.heard() == (0, b"")
    assert endpoint.call_count == 1


def test_a_proxy_of_urllib_is_passed_by(proxy: Ear) -> None:
    """Urllib goes by NO_PROXY, though its handler names a proxy, and so is answered here."""
    handler = urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{proxy.port}"})
    endpoint = Endpoint()
    with mocked(endpoint), pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(handler).open(f"http://{REAL}/", timeout=PATIENCE)
    caught.value.close()
    assert proxy.heard() == (0, b"")
    assert endpoint.call_count == 1


async def resolve(host: str) -> object:
    """Look a name up by the loop."""
    return (await asyncio.get_running_loop().getaddrinfo(host, 443))[0][4][0]


def aiodns_resolver() -> Any:
    """A resolver of c-ares, whose server is nobody."""
    aiodns = pytest.importorskip("aiodns")
    return aiodns.DNSResolver(nameservers=["127.0.0.2"], timeout=1, tries=1)


async def ask_aiodns(host: str) -> object:
    """Look a name up with c-ares."""
    async with aiodns_resolver() as resolver:
        return (await resolver.getaddrinfo(host)).nodes[0].addr[0].decode()


async def ask_aiodns_for_a_record(host: str) -> object:
    """Ask a name's server for its address."""
    async with aiodns_resolver() as resolver:
        return await resolver.query_dns(host, "A")


#: What is looked up by Python's own socket, and by what can be replaced, ends here.
ANSWERED: dict[str, Callable[[str], object]] = {
    "getaddrinfo": lambda host: socket.getaddrinfo(host, 443)[0][4][0],
    "bytes": lambda host: socket.getaddrinfo(host.encode(), 443)[0][4][0],
    "upper case": lambda host: socket.gethostbyname(f"{host.upper()}."),
    "gethostbyname": lambda host: socket.gethostbyname(host),
    "gethostbyname_ex": lambda host: socket.gethostbyname_ex(host)[2][0],
    "asyncio": lambda host: run(resolve(host)),
    "uvloop": lambda host: run_uvloop(resolve(host)),
    "aiodns": lambda host: run(ask_aiodns(host)),
}
#: What goes by no code that can be replaced is refused.
REFUSED: dict[str, Callable[[str], object]] = {
    "_socket.getaddrinfo": lambda host: _socket.getaddrinfo(host, 443),
    "_socket.gethostbyname": _socket.gethostbyname,
    "aiodns, a record": lambda host: run(ask_aiodns_for_a_record(host)),
    "sendto": lambda host: by_sendto(host, 443),
    "a connected packet": lambda host: by_connected_packet(host, 443),
    "sendto, looked up": lambda host: by_sendto(socket.gethostbyname(host), 443),
    "a connected packet, looked up": lambda host: by_connected_packet(
        socket.gethostbyname(host), 443
    ),
    "_socket, looked up": lambda host: by_connect(
        socket.gethostbyname(host), 443, make=_socket.socket
    ),
    "pycurl": lambda host: by_pycurl(f"https://{host}/"),
}
NAMES = pytest.mark.parametrize(
    "host", [REAL, "rtc.cn-shanghai.aliyuncs.com", "rtc-vpc.aliyuncs.com"]
)


@NAMES
@pytest.mark.parametrize("way", ANSWERED)
def test_the_services_names_are_looked_up_to_this_machine(
    monkeypatch: pytest.MonkeyPatch, way: str, host: str
) -> None:
    """The API's name, and a region's, end at loopback: nobody else is asked for them."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("looked up for real"))
    with mocked(Endpoint()):
        assert ANSWERED[way](host) == names.STAND_IN


@NAMES
@pytest.mark.parametrize("way", REFUSED)
def test_no_name_of_the_service_is_looked_up(way: str, host: str) -> None:
    """By other ways neither is looked up, and the error says what to do."""
    with mocked(Endpoint()), pytest.raises(Exception, match="pytest-rtcmpu: rtc") as caught:
        REFUSED[way](host)
    assert "mocked for" in str(caught.value)
    assert "rtcmpu_server.proxy_url" in str(caught.value)


@pytest.mark.parametrize("way", {**ANSWERED, **REFUSED})
def test_no_name_is_looked_up_while_a_client_is_checked(way: str) -> None:
    """Where nothing is mocked and a client under test runs in this process, nobody answers."""
    with sealed(REAL), pytest.raises(Exception, match=r"pytest-rtcmpu: rtc.*out of reach"):
        {**ANSWERED, **REFUSED}[way](REAL)


class Peer:
    """A socket that says who is at its other end, as one that was connected before would."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM

    def __init__(self, *peer: object) -> None:
        self._peer = peer

    def shutdown(self, how: int) -> None:
        """End it."""

    def getpeername(self) -> tuple[object, ...]:
        """Return it."""
        return self._peer


@pytest.mark.parametrize("kind", ["plain", "TLS"])
def test_a_connection_opened_before_carries_nothing(kind: str) -> None:
    """A connection from before, such as one of a pool, is of no use while a mock is open."""
    with ExitStack() as stack:
        ear = stack.enter_context(closing(Ear(STAND_IN)))
        sock: socket.socket = stack.enter_context(socket.create_connection((STAND_IN, ear.port)))
        if kind == "TLS":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            sock = stack.enter_context(
                context.wrap_socket(sock, server_hostname=REAL, do_handshake_on_connect=False)
            )
        stack.enter_context(mocked(Endpoint(contract=STANDING_IN)))
        with pytest.raises(ConnectionRefusedError, match="pytest-rtcmpu"):
            sock.send(b"GET / HTTP/1.1\r\n\r\n")
        assert ear.heard()[1] == b""


def test_who_was_accepted_is_answered() -> None:
    """A server of this process answers callers of other machines, whose port tells them."""
    from pytest_rtcmpu.mock.seal import judge_bytes

    with mocked(Endpoint()):
        judge_bytes(Peer("192.0.2.1", 50000), b"HTTP/1.1 200 OK\r\n")
        with pytest.raises(ConnectionRefusedError):
            judge_bytes(Peer("192.0.2.1", 3128), b"\x17\x03\x03")


def test_addresses_of_an_allowed_name_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an allowed name was looked up to may be called, by no other mock than that."""
    from pytest_rtcmpu.mock.seal import OutOfReach, judge_host

    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    with mocked(Endpoint(), allow_hosts=["db.example.com"]):
        socket.getaddrinfo("db.example.com", 443)
        judge_host("192.0.2.7")
        with pytest.raises(OutOfReach, match="rtcmpu_allow_hosts"):
            judge_host("192.0.2.8")
        with mocked(Endpoint()), pytest.raises(OutOfReach):
            judge_host("192.0.2.7")


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "::1", "127.1.2.3", "0.0.0.0", ""])
def test_this_machine_is_within_reach(host: str) -> None:
    """Loopback by any of its names and addresses needs no setting."""
    from pytest_rtcmpu.mock.seal import judge_host

    with mocked(Endpoint()):
        judge_host(host)
        judge_host(socket.gethostname())


def test_nothing_is_refused_afterwards(real: Ear) -> None:
    """Once the last mock is closed the hook, which stays, refuses nothing."""
    with mocked(Endpoint(contract=STANDING_IN)):
        pass
    with socket.create_connection((STAND_IN, real.port)) as sock:
        sock.sendall(b"CONNECT rtc.aliyuncs.com:443 HTTP/1.1\r\n\r\n")
        assert real.heard()[1].startswith(b"CONNECT")
    assert "send" not in vars(socket.socket)
    assert sys.modules["ssl"].SSLSocket.send.__module__ == "ssl"
