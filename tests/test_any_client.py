"""Any client of this process, unmodified: the service's real names are answered by the mock."""

from __future__ import annotations

import asyncio
import gc
import http.client
import importlib
import itertools
import json
import socket
import ssl
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3
from any_clients import CLIENTS, PATIENCE, Call, yarl_of

from pytest_rtcmpu import Client, Credentials, Endpoint, Request, Response, StartMPUTask, faults
from pytest_rtcmpu.errors import CertificateWarning, SignatureWarning
from pytest_rtcmpu.mock import door, listener, openings
from pytest_rtcmpu.mock.door import mocked
from pytest_rtcmpu.model import example_task
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS

# alibabacloud_tea_openapi 0.4 calls datetime.utcnow(), which Python 3.12 deprecates.
pytestmark = [
    pytest.mark.filterwarnings(
        r"ignore:datetime\.datetime\.utcnow\(\) is deprecated:DeprecationWarning"
    ),
    # Some clients end their loop before their sockets are closed.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def ready_and_left_open() -> Iterator[None]:
    """Make the certificates before a client waits for them; collect what clients left open."""
    assert listener.authority().trusting
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


HOST = "rtc.aliyuncs.com"
URLS = {
    "https": f"https://{HOST}",
    "http": f"http://{HOST}",
    "another port": f"http://{HOST}:8080",
    "a region": "https://rtc.cn-shanghai.aliyuncs.com",
}
every_client = pytest.mark.parametrize("client", CLIENTS)


#: What an autopsy finds at once.
MISTAKEN = Credentials("testid", "testsecret ")


def signed(
    url: str = URLS["https"],
    key: Credentials = TEST_CREDENTIALS,
    task: StartMPUTask | None = None,
    **settings: Any,
) -> Request:
    """A request that starts a task."""
    settings = {"method": "POST", **settings}
    return Client(key, url, **settings).prepare("StartMPUTask", (task or example_task()).to_wire())


def start(
    call: Call, url: str = URLS["https"], timeout: float = PATIENCE, **settings: Any
) -> bytes:
    """Start a task with a client, and return the body of its reply."""
    request = signed(url, **settings)
    _, body = call(url + request.target, request, timeout)
    return body


def another_task(name: str) -> StartMPUTask:
    """A valid task with a TaskId of its own."""
    pairs = {**dict(example_task().to_wire()), "TaskId": name}
    return StartMPUTask.from_wire(list(pairs.items()))


@every_client
@pytest.mark.parametrize(
    ("url", "method", "signature"),
    [
        (URLS["https"], "POST", "v3"),
        (URLS["http"], "GET", "1.0"),
        (URLS["another port"], "POST", "1.0"),
        (URLS["a region"], "GET", "v3"),
    ],
    ids=URLS,
)
def test_a_client_is_answered(client: str, url: str, method: str, signature: str) -> None:
    """It calls the real name, and the task runs here: its signature verifies, its reply arrives."""
    endpoint = Endpoint()
    with mocked(endpoint):
        body = start(CLIENTS[client], url, method=method, signature=signature)
    [call] = endpoint.calls
    assert call.request_id.encode() in body
    assert (call.signature, call.request.method, call.code) == (signature, method, None)
    assert call.request.header("Host") == url.partition("://")[2]
    assert endpoint.tasks == [example_task()]


# ------------------------------------------------------------------------- the published SDK's own


def sdk_config(timeout: float) -> dict[str, Any]:
    """Settings of the published SDK, which has the service's name by itself."""
    return {
        "access_key_id": "testid",
        "access_key_secret": "testsecret",
        "read_timeout": int(timeout * 1000),
    }


def by_sdk(timeout: float = PATIENCE) -> object:
    """Call with alibabacloud_rtc20180111's asynchronous method."""
    from alibabacloud_rtc20180111 import models
    from alibabacloud_rtc20180111.client import Client as NewClient
    from alibabacloud_tea_openapi.models import Config
    from darabonba.runtime import ExtendsParameters, RuntimeOptions

    request = models.StartMPUTaskRequest(
        app_id="app",
        channel_id="channel",
        task_id="task",
        media_encode=20,
        background_color=0,
        layout_ids=[1],
        stream_url="rtmp://live.example.com/app/stream",
    )
    more = ExtendsParameters(queries={"TaskProfile": "4IN_720P"})
    client = NewClient(Config(**sdk_config(timeout)))
    options = RuntimeOptions(extends_parameters=more)
    reply = asyncio.run(client.start_mputask_with_options_async(request, options))
    return reply.body.request_id


def by_tea(timeout: float = PATIENCE) -> object:
    """Call with tea-openapi's ``call_api_async``."""
    from alibabacloud_tea_openapi.client import Client as TeaClient
    from alibabacloud_tea_openapi.models import Config, OpenApiRequest, Params
    from darabonba.runtime import RuntimeOptions

    client = TeaClient(Config(**sdk_config(timeout), endpoint=HOST))
    params = Params(
        action="StartMPUTask",
        version="2018-01-11",
        protocol="HTTPS",
        pathname="/",
        method="POST",
        auth_type="AK",
        style="RPC",
        req_body_type="formData",
        body_type="json",
    )
    request = OpenApiRequest(query=dict(example_task().to_wire()))
    reply = asyncio.run(client.call_api_async(params, request, RuntimeOptions()))
    return reply["body"]["RequestId"]


SDKS: dict[str, Callable[[float], object]] = {
    "alibabacloud_rtc20180111, asynchronous": by_sdk,
    "tea-openapi's call_api_async": by_tea,
}


@pytest.mark.parametrize("sdk", SDKS)
def test_an_asynchronous_sdk_is_answered(sdk: str) -> None:
    """The published asynchronous calls reach the mock with the host that they have."""
    endpoint = Endpoint()
    with mocked(endpoint):
        assert SDKS[sdk](PATIENCE) == endpoint.calls[0].request_id
    assert endpoint.calls[0].signature == "v3"


# -------------------------------------------------------------------------------- faults, warnings

PAGE = (Path(__file__).parent.parent / "docs" / "testing.md").read_text("utf-8")


def rows_of(marker: str) -> list[list[str]]:
    """Return the cells of the table that follows a marker in docs/testing.md."""
    table = PAGE.partition(f"<!-- {marker} -->\n")[2].partition("\n\n")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if not line.startswith("| ---")
    ]


_HEAD, *_ROWS = rows_of("faults by client")
FAULT_NAMES = [name.strip("`") for name in _HEAD[1:]]
EXPECTED = {
    (client, fault): cell
    for name, *cells in _ROWS
    for client in name.replace("`", "").split("; ")
    for fault, cell in zip(FAULT_NAMES, cells, strict=True)
}


def exception(name: str) -> type[Exception]:
    """Return the class of an exception by its full name, a builtin's by its own."""
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module or "builtins"), attribute)
    assert issubclass(found, Exception)
    return found


def test_each_client_is_in_both_tables() -> None:
    """Who is answered here, and who is refused by tests/test_seal.py, is documented."""
    rows = {
        client: answered
        for names, answered, _ in rows_of("clients")[1:]
        for client in names.replace("\\", "").split("; ")
    }
    ours = {*CLIENTS, *SDKS}
    assert {client for client, answered in rows.items() if answered == "yes"} == ours
    assert {client for client, answered in rows.items() if answered == "refused"} == {
        *("pycurl", "aiodns, a record", "_socket", "UDP, and so HTTP/3", "through a proxy")
    }
    assert {client for client, _ in EXPECTED} == ours - {"socket and ssl"}


@pytest.mark.parametrize(("client", "fault"), EXPECTED)
def test_a_fault_is_what_the_table_says(client: str, fault: str) -> None:
    """Fault by fault each client raises the documented class, and the call is recorded once."""
    endpoint = Endpoint()
    endpoint.spoil_next(faults.PLAIN[fault])
    expected = tuple(map(exception, EXPECTED[client, fault].replace("`", "").split(" or ")))
    timeout = 1.0 if fault == "timeout" else PATIENCE
    call = SDKS.get(client) or (lambda timeout: start(CLIENTS[client], timeout=timeout))
    with mocked(endpoint), pytest.raises(expected):
        call(timeout)
    assert endpoint.call_count == 1
    assert endpoint.calls[0].fault == f"faults.{fault}"


REPLIES = ["html_502", "empty_body", "truncated_json", "wrong_content_type", "trailing_comma"]


@every_client
@pytest.mark.parametrize("fault", REPLIES)
def test_a_spoilt_reply_arrives_as_it_is(client: str, fault: str) -> None:
    """What is whole HTTP arrives, with whatever is in it."""
    endpoint = Endpoint()
    endpoint.spoil_next(faults.PLAIN[fault])
    with mocked(endpoint):
        assert start(CLIENTS[client], URLS["http"]) == endpoint.calls[0].reply.body


@every_client
def test_a_wrong_signature_warns_where_it_was_sent(client: str) -> None:
    """The warning is given before the reply arrives, in the test that made the call."""
    with mocked() as endpoint:
        with pytest.warns(SignatureWarning, match="does not verify"):
            body = start(CLIENTS[client], key=MISTAKEN)
        assert b"SignatureDoesNotMatch" in body
    assert endpoint.call_count == 1


def test_a_warning_that_is_an_error_fails_the_mock() -> None:
    """The reply arrives all the same, and the error is raised when the mock is closed."""
    endpoint = Endpoint()
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(SignatureWarning, match="does not verify"))
        stack.enter_context(mocked(endpoint))
        body = start(CLIENTS["httpx"], key=MISTAKEN)
        assert b"SignatureDoesNotMatch" in body
    assert endpoint.call_count == 1


def broken(reply: object) -> Any:
    """Fail while a reply is made."""
    raise ZeroDivisionError("a fault of our own")


def test_an_error_inside_the_endpoint_fails_the_mock() -> None:
    """The client gets HTTP 500, and the mock raises the first error, with the others as notes."""
    with ExitStack() as stack:
        caught = stack.enter_context(pytest.raises(ZeroDivisionError))
        stack.enter_context(mocked()).spoil_next(broken, times=2)
        for _ in range(2):
            assert b"500" in start(CLIENTS["urllib3"])
    assert "ZeroDivisionError('a fault of our own')" in "".join(caught.value.__notes__)


def test_a_tests_own_error_comes_first() -> None:
    """Where the test fails by itself, what failed inside the endpoint is a note to it."""
    with ExitStack() as stack:
        caught = stack.enter_context(pytest.raises(AssertionError, match="mine"))
        stack.enter_context(mocked()).spoil_next(broken)
        start(CLIENTS["urllib3"])
        raise AssertionError("mine")
    assert "ZeroDivisionError('a fault of our own')" in "".join(caught.value.__notes__)


def test_mocked_makes_an_endpoint_of_its_settings() -> None:
    """Without an endpoint it makes one; settings beside an endpoint are an error."""
    key = Credentials("our-key", "our-secret")
    with mocked(credentials=key, max_calls=1) as endpoint:
        for number in range(2):
            start(CLIENTS["requests"], key=key, task=another_task(str(number)))
    assert (endpoint.credentials, endpoint.call_count, len(endpoint.calls)) == (key, 2, 1)
    with pytest.raises(TypeError, match="expected settings or an endpoint, got both: max_calls"):
        mocked(endpoint, max_calls=1).__enter__()


# ----------------------------------------------------------------------------- whose a call is


def get(client: httpx.Client) -> int:
    """Call over whatever connection a client has."""
    return client.get(f"https://{HOST}/").status_code


def test_a_kept_connection_outlives_its_mock() -> None:
    """A client of the whole program keeps its connection, and each test has its own calls."""
    counts = []
    with httpx.Client() as client:
        for _ in range(3):
            with mocked() as endpoint:
                get(client)
                get(client)
            counts.append(endpoint.call_count)
        [pooled] = client._transport._pool.connections  # type: ignore[attr-defined]
        assert "Request Count: 6" in repr(pooled)
    assert counts == [2, 2, 2]


def test_a_kept_connection_is_whose_call_it_carries() -> None:
    """Where one mock is opened inside another, the same connection leads to either."""
    with httpx.Client() as client, mocked() as outer:
        get(client)
        with mocked() as inner:
            get(client)
        get(client)
    assert (outer.call_count, inner.call_count) == (2, 1)


def test_a_left_over_threads_connection_carries_nothing() -> None:
    """A thread of an earlier test is refused on the connection that it made then."""
    with httpx.Client() as client, ThreadPoolExecutor(1) as pool:
        with mocked():
            go_on = threading.Event()
            ready = threading.Event()

            def leave_over() -> int:
                get(client)
                ready.set()
                go_on.wait(PATIENCE)
                return get(client)

            late = pool.submit(leave_over)
            ready.wait(PATIENCE)
        with mocked() as endpoint:
            go_on.set()
            with pytest.raises(httpx.TransportError):
                late.result()
    assert endpoint.call_count == 0


def test_two_tasks_have_each_its_own() -> None:
    """Two tasks of one loop that have a mock each at once are answered each by its own."""
    endpoints = [Endpoint(), Endpoint()]

    async def test(endpoint: Endpoint, session: aiohttp.ClientSession) -> None:
        with mocked(endpoint):
            await asyncio.sleep(0)
            async with session.get(f"https://{HOST}/"):
                await asyncio.sleep(0)

    async def both() -> None:
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(test(endpoint, session) for endpoint in endpoints))

    asyncio.run(both())
    assert [endpoint.call_count for endpoint in endpoints] == [1, 1]


def test_a_thread_that_belongs_to_neither_is_refused() -> None:
    """Where two threads have a mock open, one that was there before is told why nobody answers."""
    threads = [ThreadPoolExecutor(1) for _ in range(3)]
    for thread in threads:
        thread.submit(int).result()
    stranger, *pair = threads
    mocks = [mocked(), mocked()]
    try:
        for thread, each in zip(pair, mocks, strict=True):
            thread.submit(each.__enter__).result()
        told = stranger.submit(start, CLIENTS["http.client"]).exception()
        assert "several threads have a mock open" in str(told)
        for thread, each in zip(pair, mocks, strict=True):
            thread.submit(each.__exit__, None, None, None).result()
    finally:
        for thread in threads:
            thread.shutdown()


def test_no_mock_is_kept_by_the_server() -> None:
    """The thread that serves all mocks holds on to none: what it recorded can be freed."""
    code = (
        "import gc, http.client, weakref\n"
        "from pytest_rtcmpu import mocked\n"
        "connection = http.client.HTTPConnection('rtc.aliyuncs.com')\n"
        "with mocked() as endpoint:\n"
        "    connection.request('GET', '/')\n"
        "    connection.getresponse().read()\n"
        "kept = weakref.ref(endpoint)\n"
        "print(endpoint.call_count)\n"
        "del endpoint\n"
        "gc.collect()\n"
        "print(kept())\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["1", "None"]


def test_what_hangs_is_let_go_with_its_mock() -> None:
    """A call that waits for its reply when the mock is closed fails then."""
    asked = threading.Event()

    def hang(reply: Response) -> Response:
        asked.set()
        return faults.timeout(reply)

    with ThreadPoolExecutor(1) as pool:
        with mocked() as endpoint:
            endpoint.spoil_next(hang)
            waiting = pool.submit(start, CLIENTS["http.client"])
            asked.wait(PATIENCE)
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            waiting.result(PATIENCE)


def test_a_stranger_at_the_port_gets_nothing() -> None:
    """Bytes that nobody of this process sent are not answered, and nothing is recorded."""
    with mocked() as endpoint:
        start(CLIENTS["http.client"])
        port = listener.started().port
        code = (
            "import socket\n"
            f"with socket.create_connection(('127.0.0.1', {port})) as sock:\n"
            "    sock.sendall(b'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
            "    print(sock.recv(1))\n"
        )
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert told.stdout.strip() == b"b''"
    assert endpoint.call_count == 1


# ------------------------------------------------------------------------------------ certificates


def handshake(context: ssl.SSLContext, name: str | None) -> None:
    """Connect to the service's name, and begin TLS by another."""
    with (
        closing(socket.create_connection((HOST, 443), PATIENCE)) as sock,
        context.wrap_socket(sock, server_hostname=name),
    ):
        pass


def test_a_client_that_does_not_trust_is_explained() -> None:
    """Who gives TLS no name gets an error of its own, and the test a warning that says why."""
    context = ssl.create_default_context()
    context.check_hostname = False
    with (
        pytest.warns(CertificateWarning, match=r"rtcmpu_server\.ca_file"),
        mocked(),
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        handshake(context, None)


@pytest.mark.parametrize("how", ["by name", "by place", "a buffer's by place"])
def test_however_the_name_is_given(how: str) -> None:
    """The server's name is found among the arguments of ``wrap_socket`` and ``wrap_bio``."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with mocked(), closing(socket.create_connection((HOST, 443), PATIENCE)) as sock:
        if how == "by name":
            secure: Any = context.wrap_socket(sock=sock, server_hostname=HOST)
        elif how == "by place":
            secure = context.wrap_socket(sock, False, True, True, HOST)
        else:
            secure = context.wrap_bio(incoming, outgoing, False, HOST)
        assert secure.context is listener.authority().trusting
        if how != "a buffer's by place":
            secure.close()


def test_a_region_that_is_allowed_is_not_answered() -> None:
    """A region's host that may be called for real is looked up for real, the others are not."""
    region = "rtc.cn-shanghai.aliyuncs.com"
    with mocked(allow_hosts=[region]):
        assert not openings.is_answered(region)
        assert openings.is_answered("rtc.cn-hangzhou.aliyuncs.com")
    with mocked(allow_hosts=[HOST]):
        assert openings.is_answered(HOST)


@pytest.mark.parametrize("name", ["other.example.com", "xrtc.aliyuncs.com", "localhost"])
@pytest.mark.filterwarnings("ignore::pytest_rtcmpu.errors.CertificateWarning")
def test_every_other_name_is_verified_as_ever(name: str) -> None:
    """Our authority is trusted for the service's names alone."""
    with mocked(), pytest.raises(ssl.SSLCertVerificationError):
        handshake(ssl.create_default_context(), name)


def test_the_services_name_is_verified_by_our_authority(tmp_path: Path) -> None:
    """Another's certificate for the service's name is refused where ours is expected."""
    import trustme

    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(HOST).configure_cert(theirs)
    with mocked():
        start(CLIENTS["http.client"])
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=HOST)
        server = theirs.wrap_bio(outgoing, incoming, server_side=True)
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        with pytest.raises(ssl.SSLWantReadError):
            server.do_handshake()
        with pytest.raises(ssl.SSLCertVerificationError):
            client.do_handshake()


def test_a_server_of_ones_own_is_trusted_as_it_was() -> None:
    """A socket that is connected to somebody else is verified by its client's own context."""
    import trustme

    authority = trustme.CA()
    theirs, mine = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(HOST).configure_cert(theirs)
    authority.configure_trust(mine)
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:

        def serve() -> None:
            with listening.accept()[0] as sock, theirs.wrap_socket(sock, server_side=True):
                pass

        served = pool.submit(serve)
        with mocked(), socket.create_connection(listening.getsockname(), PATIENCE) as sock:
            mine.wrap_socket(sock, server_hostname=HOST).close()
        served.result(PATIENCE)


# ------------------------------------------------------------------------------- what is patched

#: All that is replaced while a mock is open, those of other libraries where they are installed.
PATCHED = {
    "threading.Thread.start",
    "concurrent.futures.thread.ThreadPoolExecutor.submit",
    "requests.sessions.Session.get_adapter",
    "aliyunsdkcore.vendored.requests.sessions.Session.get_adapter",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyname_ex",
    "socket.socket.connect",
    "socket.socket.connect_ex",
    "socket.socket.send",
    "socket.socket.sendall",
    "socket.socket.sendmsg",
    "socket.socket.sendto",
    "ssl.SSLContext.wrap_bio",
    "ssl.SSLContext.wrap_socket",
    "ssl.SSLSocket.send",
    "ssl.SSLSocket.write",
    "aiodns.DNSResolver.getaddrinfo",
    "aiodns.DNSResolver.gethostbyname",
    "aiodns.DNSResolver.query",
    "aiodns.DNSResolver.query_dns",
    "pycurl.Curl",
    "uvloop.Loop.create_connection",
    "uvloop.Loop.create_datagram_endpoint",
    "uvloop.Loop.getaddrinfo",
    "uvloop.Loop.sock_connect",
    "uvloop.Loop.start_tls",
    "requests_mock.adapter.Adapter.send",
}


def made() -> dict[str, tuple[Any, str]]:
    """What is patched now: owner and attribute by the full name."""
    return {
        f"{owner.__module__}.{owner.__qualname__}.{name}"
        if isinstance(owner, type)
        else f"{owner.__name__}.{name}": (owner, name)
        for owner, name, _, _ in door._patches._made
    }


def test_what_is_patched_while_a_mock_is_open() -> None:
    """Nothing else is replaced: no patch a library where the interpreter's own will do."""
    with mocked():
        found = set(made())
    assert found <= PATCHED
    missing = {name for name in PATCHED - found if name.partition(".")[0] in ("socket", "ssl")}
    assert missing == set()
    assert made() == {}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_all_of_it_is_put_back_in_any_order_of_closing(order: tuple[int, ...]) -> None:
    """The last mock that is closed leaves every attribute as it was found."""
    with mocked():
        places = list(made().values())
    before = [vars(owner).get(name) for owner, name in places]
    mocks = [mocked() for _ in range(3)]
    for each in mocks:
        each.__enter__()
    assert [vars(owner).get(name) for owner, name in places] != before
    for number in order:
        start(CLIENTS["httpx"], task=another_task(f"task-{number}"))
        mocks[number].__exit__(None, None, None)
    assert [vars(owner).get(name) for owner, name in places] == before


def test_requests_alone_starts_no_server() -> None:
    """A suite that only calls by requests pays for no thread, no socket and no certificate."""
    code = (
        "import sys, threading, requests\n"
        "from pytest_rtcmpu.mock import listener\n"
        "from pytest_rtcmpu.mock.door import mocked\n"
        "with mocked():\n"
        "    requests.get('https://rtc.aliyuncs.com/')\n"
        "print(listener._listener, threading.active_count(), 'trustme' in sys.modules)\n"
    )
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["None", "1", "False"]


# ------------------------------------------------------------------------- threads and event loops

CALLS = 5_000


class Queue:
    """Tasks to be started, each by whoever takes it, and the RequestId that came back for it."""

    def __init__(self) -> None:
        self._numbers = iter(range(CALLS))
        self._lock = threading.Lock()
        self._client = Client(TEST_CREDENTIALS, URLS["http"])
        self._wire = dict(example_task().to_wire())
        self.answered: dict[str, str] = {}

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield TaskIds that nobody else has, each with the URL that starts it."""
        while True:
            with self._lock:
                number = next(self._numbers, None)
                if number is None:
                    return
                task = f"task-{number}"
                pairs = list({**self._wire, "TaskId": task}.items())
                url = URLS["http"] + self._client.prepare("StartMPUTask", pairs).target
            yield task, url

    def keep(self, task: str, body: bytes) -> None:
        """Keep what was answered."""
        self.answered[task] = json.loads(body)["RequestId"]


def with_requests(queue: Queue) -> None:
    """Call over a session of requests."""
    with requests.Session() as session:
        for task, url in queue:
            queue.keep(task, session.get(url).content)


def with_httpx(queue: Queue) -> None:
    """Call over a client of httpx."""
    with httpx.Client(timeout=None) as client:
        for task, url in queue:
            queue.keep(task, client.get(url).content)


def with_urllib3(queue: Queue) -> None:
    """Call over a pool of urllib3."""
    with urllib3.PoolManager() as pool:
        for task, url in queue:
            queue.keep(task, pool.request("GET", url).data)


def with_http_client(queue: Queue) -> None:
    """Call over a connection of http.client."""
    with closing(http.client.HTTPConnection(HOST)) as connection:
        for task, url in queue:
            connection.request("GET", url.removeprefix(URLS["http"]))
            queue.keep(task, connection.getresponse().read())


async def tasks_of_a_loop(queue: Queue, number: int) -> None:
    """Call from tasks of one loop, by httpx and by aiohttp in turns."""

    async def by_httpx(client: httpx.AsyncClient) -> None:
        for task, url in queue:
            queue.keep(task, (await client.get(url)).content)

    async def by_aiohttp(session: aiohttp.ClientSession) -> None:
        for task, url in queue:
            async with session.get(yarl_of(url)) as reply:
                queue.keep(task, await reply.read())

    limits = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(limits=limits, timeout=None) as client,
        aiohttp.ClientSession() as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(number // 2):
            group.create_task(by_httpx(client))
            group.create_task(by_aiohttp(session))


def test_threads_and_event_loops_at_once() -> None:
    """32 threads and 200 tasks, 5,000 calls: each reply is its caller's, each is recorded once."""
    queue = Queue()
    synchronous = (with_requests, with_httpx, with_urllib3, with_http_client)
    with mocked(max_calls=CALLS) as endpoint, ThreadPoolExecutor(34) as pool:
        jobs = [pool.submit(work, queue) for work in synchronous for _ in range(8)]
        jobs += [pool.submit(asyncio.run, tasks_of_a_loop(queue, 100)) for _ in range(2)]
        for job in jobs:
            job.result()
    assert endpoint.call_count == CALLS
    recorded = {dict(call.pairs)["TaskId"]: call.request_id for call in endpoint.calls}
    assert recorded == queue.answered
    assert len(recorded) == CALLS
