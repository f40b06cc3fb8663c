"""The endpoint mounted on responses: who reaches it, who is kept out, whose mocks live on."""

from __future__ import annotations

import io
import os
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest
import requests
import responses
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import Retry

from pytest_rtcmpu import Client, Credentials, Endpoint, GatewayError, Response, TransportError
from pytest_rtcmpu.mock.door import Route, mocked, to_request
from pytest_rtcmpu.model import example_task
from pytest_rtcmpu.server.http import Server

NOW = datetime(2019, 5, 20, 12, 0, 0, tzinfo=UTC)
URL = "https://rtc.aliyuncs.com/"
THEIRS = "https://api.example.com/users"
TASK = example_task()
KEY = Credentials("testid", "testsecret")


@pytest.fixture
def endpoint() -> Endpoint:
    """An endpoint whose clock stands still; not mounted yet."""
    return Endpoint(KEY, now=NOW)


def client(**settings: Any) -> Client:
    """A client that lives in the endpoint's time."""
    return Client(KEY, now=lambda: NOW, **settings)


def start(endpoint: Endpoint, /, **settings: Any) -> bool:
    """Start the task anew, and tell whether this endpoint answered."""
    for task in endpoint.tasks:
        endpoint.stop(task)
    count = endpoint.call_count
    request_id = client(**settings).start_mpu_task(TASK).request_id
    return endpoint.call_count == count + 1 and endpoint.calls[-1].request_id == request_id


def signed_query() -> str:
    """The query of a signed request."""
    return client().prepare("StartMPUTask", TASK.to_wire()).query


# ------------------------------------------------------------------------------ who reaches it


@pytest.mark.parametrize("signature", ["1.0", "v3"])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "url",
    [
        "https://rtc.aliyuncs.com",
        "http://rtc.aliyuncs.com",
        "https://rtc.aliyuncs.com/",
        "https://rtc.aliyuncs.com:443",
        "http://rtc.aliyuncs.com:80/",
    ],
)
def test_client_reaches_it(endpoint: Endpoint, url: str, method: Any, signature: Any) -> None:
    """By https and http, GET and POST, either signature, the client reaches the endpoint."""
    with mocked(endpoint):
        assert start(endpoint, endpoint=url, method=method, signature=signature)
    assert endpoint.calls[0].signature == signature


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://rtc.aliyuncs.com/", "rtc.aliyuncs.com"),
        ("https://rtc.aliyuncs.com:443/", "rtc.aliyuncs.com"),
        ("http://rtc.aliyuncs.com:80/", "rtc.aliyuncs.com"),
        ("http://rtc.aliyuncs.com:443/", "rtc.aliyuncs.com:443"),
        ("https://user:pass@rtc.aliyuncs.com:8443/", "rtc.aliyuncs.com:8443"),
        ("https://RTC.Aliyuncs.Com/", "rtc.aliyuncs.com"),
    ],
)
def test_host_header(endpoint: Endpoint, url: str, expected: str) -> None:
    """The endpoint sees the Host header that http.client would have sent."""
    with mocked(endpoint):
        requests.get(url)
    assert endpoint.calls[0].request.header("host") == expected


def test_host_header_of_ones_own(endpoint: Endpoint) -> None:
    """A Host header that the app sets itself arrives, once."""
    with mocked(endpoint):
        requests.get(URL, headers={"host": "elsewhere.example.com"})
    names = [name.lower() for name, _ in endpoint.calls[0].request.headers]
    assert names.count("host") == 1
    assert endpoint.calls[0].request.header("Host") == "elsewhere.example.com"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW"])
def test_any_method_reaches_it(endpoint: Endpoint, method: str) -> None:
    """Any method reaches the endpoint, which judges it."""
    with mocked(endpoint):
        reply = requests.request(method, f"{URL}?{signed_query()}")
    assert reply.status_code == 400
    assert [call.code for call in endpoint.calls] == ["UnsupportedHTTPMethod"]
    assert bool(reply.content) == (method != "HEAD")


@pytest.mark.parametrize("path", ["", "/", "/api", "/a/b?c=d"])
def test_any_path_reaches_it(endpoint: Endpoint, path: str) -> None:
    """Any path of the host reaches the endpoint, which judges it."""
    with mocked(endpoint):
        requests.get(f"https://rtc.aliyuncs.com{path}")
    assert endpoint.call_count == 1


def test_reply_as_requests_has_it(endpoint: Endpoint) -> None:
    """What an app reads off a reply is as over the network: status, one type, text, JSON, bytes."""
    with mocked(endpoint):
        reply = requests.get(f"{URL}?{signed_query()}", stream=True)
        content = b"".join(reply.iter_content(7))
    assert (reply.status_code, reply.ok, reply.url.partition("?")[0]) == (200, True, URL)
    assert reply.headers["Content-Type"] == "application/json;charset=utf-8"
    assert reply.encoding == "utf-8"
    assert content == endpoint.calls[0].reply.body
    assert reply.headers["x-acs-request-id"] == endpoint.calls[0].request_id


def test_query_arrives_raw(endpoint: Endpoint) -> None:
    """The query arrives as it would on the wire: order, duplicates, + and escapes."""
    query = "b=1&a=2&a=3&c=x+y%20z%2B&d&e=%E4%B8%AD"
    with mocked(endpoint):
        requests.get(f"{URL}?{query}")
    assert endpoint.calls[0].request.target == f"/?{query}"
    assert endpoint.calls[0].pairs == (
        ("b", "1"),
        ("a", "2"),
        ("a", "3"),
        ("c", "x y z+"),
        ("d", ""),
        ("e", "中"),
    )


def chunks(body: bytes) -> Iterator[bytes]:
    """A body in pieces."""
    yield body[:10]
    yield body[10:]


@pytest.mark.parametrize(
    "body",
    [bytes, bytearray, lambda body: body.decode(), io.BytesIO, chunks],
    ids=["bytes", "bytearray", "str", "file", "generator"],
)
def test_bodies(endpoint: Endpoint, body: Callable[[bytes], Any]) -> None:
    """A form arrives whole, however it is given to requests."""
    request = client(method="POST").prepare("StartMPUTask", TASK.to_wire())
    with mocked(endpoint):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = requests.post(URL, data=body(request.body), headers=headers)
    assert reply.status_code == 200
    assert endpoint.calls[0].request.body == request.body
    assert endpoint.tasks == [TASK]


def test_bytes_headers(endpoint: Endpoint) -> None:
    """Header values given as bytes arrive as text."""
    request = client(signature="v3").prepare("StartMPUTask", TASK.to_wire())
    with mocked(endpoint):
        headers = {name: value.encode() for name, value in request.headers}
        reply = requests.get(f"{URL}?{request.query}", headers=headers)
    assert reply.status_code == 200


def test_prepared_by_hand() -> None:
    """A PreparedRequest that never saw a Session has what it needs to become a request."""
    prepared = requests.Request("POST", "http://rtc.aliyuncs.com/?a=1").prepare()
    request = to_request(prepared)
    assert (request.method, request.target, request.body) == ("POST", "/?a=1", b"")
    assert request.header("Host") == "rtc.aliyuncs.com"


def test_session_made_before(endpoint: Endpoint) -> None:
    """A session that was made, and used, before the mock was opened is served."""
    with requests.Session() as session:
        session.get_adapter(URL)
        early = client(session=session)
        with mocked(endpoint):
            early.start_mpu_task(TASK)
    assert endpoint.tasks == [TASK]


def test_session_subclass(endpoint: Endpoint) -> None:
    """A subclass of Session is served, with what it adds."""

    class Own(requests.Session):
        def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
            request.headers["X-Own"] = "yes"
            return super().send(request, **kwargs)

    with mocked(endpoint):
        assert start(endpoint, session=Own())
    assert endpoint.calls[0].request.header("x-own") == "yes"


def test_session_with_an_adapter_of_its_own(endpoint: Endpoint) -> None:
    """An adapter mounted for the endpoint's host is passed over: it would call out."""

    class Never(BaseAdapter):
        def send(self, *args: Any, **kwargs: Any) -> requests.Response:
            raise AssertionError("the network was reached")

        def close(self) -> None:
            pass

    session = requests.Session()
    session.mount(URL, Never())
    with mocked(endpoint):
        assert start(endpoint, session=session)


def test_hooks_and_cookies(endpoint: Endpoint) -> None:
    """Response hooks run, as over the network."""
    seen: list[int] = []
    with mocked(endpoint):
        requests.get(URL, hooks={"response": lambda reply, **_: seen.append(reply.status_code)})
    assert seen == [400]


def test_proxy_in_the_environment(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment is not asked."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with mocked(endpoint):
        assert start(endpoint)


def test_redirected_to_it(endpoint: Endpoint) -> None:
    """A redirect from a host of the user's own mock leads to the endpoint."""
    with mocked(endpoint), responses.RequestsMock() as theirs:
        theirs.get(THEIRS, status=307, headers={"Location": f"{URL}?{signed_query()}"})
        assert requests.get(THEIRS).status_code == 200
    assert endpoint.tasks == [TASK]


def test_threads(endpoint: Endpoint) -> None:
    """Threads reach the endpoint, each with a session of its own; one wins."""
    barrier = threading.Barrier(16)
    codes: list[str | None] = []

    def call() -> None:
        barrier.wait()
        with requests.Session() as session:
            reply = session.get(f"{URL}?{signed_query()}")
        codes.append(reply.json().get("Code"))

    with mocked(endpoint):
        threads = [threading.Thread(target=call) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(codes, key=str) == [None] + ["TaskExisted"] * 15


# -------------------------------------------------------------------------- retries of a session


def retrying(**settings: Any) -> requests.Session:
    """A session that retries without waiting."""
    session = requests.Session()
    retry = Retry(backoff_factor=0, **settings)
    session.mount("https://", HTTPAdapter(max_retries=retry))
    return session


def test_retry_repeats_the_nonce(endpoint: Endpoint) -> None:
    """A session's own retry sends the same signed request again, whose nonce is used by then."""
    endpoint.fail_next("ServiceUnavailable", times=2)
    with mocked(endpoint), pytest.raises(GatewayError) as caught:
        start(endpoint, session=retrying(total=5, status_forcelist=[500, 503]))
    assert caught.value.code == "SignatureNonceUsed"
    assert [call.code for call in endpoint.calls] == ["ServiceUnavailable", "SignatureNonceUsed"]


def test_retry_is_up_to_the_session(endpoint: Endpoint) -> None:
    """A session retries what its Retry lists, and gives up when that is spent."""
    session = retrying(total=2, status_forcelist=[400])
    with mocked(endpoint), pytest.raises(requests.exceptions.RetryError):
        session.get(f"{URL}?Format=JSON")
    assert endpoint.call_count == 3
    with mocked(endpoint):
        assert session.post(f"{URL}?Format=JSON").status_code == 400  # not for Retry to repeat
    assert endpoint.call_count == 4


def test_no_retry_without_being_told(endpoint: Endpoint) -> None:
    """A session that was not told to retry does not."""
    endpoint.fail_next("ServiceUnavailable")
    with mocked(endpoint), pytest.raises(GatewayError):
        start(endpoint)
    assert endpoint.call_count == 1


# ------------------------------------------------------------------------------ other hosts


@pytest.fixture
def loopback() -> Iterator[str]:
    """The URL of a real server on this machine."""
    with Server(lambda request: Response(status=200, body=b"real")) as server:
        yield server.url


def test_other_hosts_are_blocked(endpoint: Endpoint) -> None:
    """Other hosts stay blocked, with a message that says how to let them through."""
    with mocked(endpoint):
        with pytest.raises(requests.ConnectionError) as caught:
            requests.get(f"{THEIRS}?token=hidden")
        with pytest.raises(TransportError, match=r"api\.example\.com is blocked"):
            client(endpoint="https://api.example.com").start_mpu_task(TASK)
    text = str(caught.value)
    assert "api.example.com is blocked while rtc.aliyuncs.com is mocked" in text
    assert "rtcmpu_allow_hosts" in text
    assert "mock it with responses" in text
    assert "hidden" not in text
    assert caught.value.request is not None
    assert endpoint.calls == []


def test_loopback_needs_no_setting(endpoint: Endpoint, loopback: str) -> None:
    """What listens on this machine is called for real, and by name too."""
    port = loopback.rpartition(":")[2]
    with mocked(endpoint):
        assert requests.get(loopback).text == "real"
        assert requests.get(f"http://localhost:{port}").text == "real"
        assert urllib.request.urlopen(loopback).read() == b"real"


@pytest.mark.parametrize(
    "host",
    [
        "rtc.aliyuncs.com.evil.example",
        "xrtc.aliyuncs.com",
        "rtcx.aliyuncs.com",
        "rtc.cn_x.aliyuncs.com",
        "aliyuncs.com",
    ],
)
def test_similar_hosts_are_blocked(endpoint: Endpoint, host: str) -> None:
    """A host that only looks like the endpoint's is another one."""
    with mocked(endpoint), pytest.raises(requests.ConnectionError, match="is blocked"):
        requests.get(f"https://{host}/")
    assert endpoint.calls == []


def test_allow_hosts(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that is allowed is called for real, and the others stay blocked."""
    called: list[str] = []

    def send(self: HTTPAdapter, request: requests.PreparedRequest, **kwargs: Any) -> Any:
        called.append(str(request.url))
        return requests.Response()

    monkeypatch.setattr(HTTPAdapter, "send", send)
    send.__module__ = "requests.adapters"  # as requests' own way to the network
    with mocked(endpoint, allow_hosts=["API.example.com"]):
        requests.get(THEIRS)
        assert called == [THEIRS]
        with pytest.raises(requests.ConnectionError, match="is blocked"):
            requests.get("https://other.example.com")


def test_unblocked_afterwards(endpoint: Endpoint, loopback: str) -> None:
    """Once the mock is closed nothing is left of it, after an exception too."""
    before = (requests.Session.get_adapter, HTTPAdapter.send, socket.getaddrinfo, dict(os.environ))
    with pytest.raises(ZeroDivisionError), mocked(endpoint):
        _ = 1 / int(requests.Session.get_adapter is before[0])
    assert requests.get(loopback).text == "real"
    after = (requests.Session.get_adapter, HTTPAdapter.send, socket.getaddrinfo, dict(os.environ))
    assert after == before


def test_own_scheme_is_not_ours(endpoint: Endpoint) -> None:
    """A session's own adapter for a scheme or host of its own goes on working."""

    class Files(BaseAdapter):
        def send(
            self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
        ) -> requests.Response:
            reply = requests.Response()
            reply.status_code = 299
            return reply

        def close(self) -> None:
            pass

    session = requests.Session()
    session.mount("file://", Files())
    session.mount("https://files.example.com", Files())
    with mocked(endpoint):
        assert session.get("file:///etc/hosts").status_code == 299
        assert session.get("https://files.example.com/").status_code == 299
        with pytest.raises(requests.exceptions.InvalidSchema):
            session.get("gopher://rtc.aliyuncs.com/")


@pytest.mark.parametrize(
    "host", ["rtc.aliyuncs.com.", "rtc-vpc.aliyuncs.com", "rtc.cn-shanghai.aliyuncs.com"]
)
def test_the_services_other_names_are_answered(endpoint: Endpoint, host: str) -> None:
    """The service's host is mocked in every region and network, by its full name too."""
    with mocked(endpoint):
        assert requests.get(f"https://{host}/").status_code == 400
    assert endpoint.calls[0].request.header("Host") == host


# ------------------------------------------------------------------------------------ other names


def test_other_names_are_looked_up(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of other hosts are looked up as ever, whatever arguments are given."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: (args, kwargs))
    with mocked(endpoint):
        for host in ("example.com", None, b"::1"):
            got = socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)
            assert got == ((host, 80), {"type": socket.SOCK_STREAM})  # type: ignore[comparison-overlap]


# --------------------------------------------------------------------- beside a user's own mocks


@responses.activate
def serve_beside_activated(endpoint: Endpoint) -> None:
    """A test with @responses.activate, around ours."""
    responses.get(THEIRS, json=["theirs"])
    with mocked(endpoint):
        assert requests.get(THEIRS).json() == ["theirs"]
        assert start(endpoint)
        responses.get(f"{THEIRS}/late", json="late")
        assert requests.get(f"{THEIRS}/late").json() == "late"
    assert requests.get(THEIRS).json() == ["theirs"]
    assert [call.request.url for call in responses.calls] == [THEIRS, f"{THEIRS}/late", THEIRS]


def test_activate_around_ours(endpoint: Endpoint) -> None:
    """@responses.activate around ours: each serves its own hosts and counts its own calls."""
    serve_beside_activated(endpoint)


def test_activate_inside_ours(endpoint: Endpoint) -> None:
    """@responses.activate on a test that uses the mock: the decorator opens last."""

    @responses.activate
    def test() -> None:
        responses.get(THEIRS, json=["theirs"])
        assert requests.get(THEIRS).json() == ["theirs"]
        assert start(endpoint)
        assert len(responses.calls) == 1
        with pytest.raises(requests.ConnectionError, match="Connection refused by Responses"):
            requests.get("https://other.example.com/")

    with mocked(endpoint):
        test()
        assert start(endpoint)
        with pytest.raises(requests.ConnectionError, match="is blocked"):
            requests.get(THEIRS)


@contextmanager
def theirs_open() -> Iterator[responses.RequestsMock]:
    """A user's own mock."""
    with responses.RequestsMock() as theirs:
        theirs.get(THEIRS, json=["theirs"])
        yield theirs


@pytest.mark.parametrize("order", ["theirs first", "ours first"])
def test_nested(endpoint: Endpoint, order: str) -> None:
    """Opened in either order, each mock serves its own hosts and counts its own calls."""
    with ExitStack() as stack:
        if order == "theirs first":
            theirs = stack.enter_context(theirs_open())
            stack.enter_context(mocked(endpoint))
        else:
            stack.enter_context(mocked(endpoint))
            theirs = stack.enter_context(theirs_open())
        for _ in range(2):
            assert requests.get(THEIRS).json() == ["theirs"]
            assert start(endpoint)
        assert len(theirs.calls) == 2
        assert endpoint.call_count == 2


@pytest.mark.parametrize("first", ["theirs", "ours"])
def test_closed_in_the_order_opened(endpoint: Endpoint, first: str) -> None:
    """Mocks that overlap without nesting each serve until they are closed themselves."""
    theirs = responses.RequestsMock()
    ours = mocked(endpoint)
    if first == "theirs":
        theirs.start()
        ours.__enter__()
    else:
        ours.__enter__()
        theirs.start()
    theirs.get(THEIRS, json=["theirs"])
    assert requests.get(THEIRS).json() == ["theirs"]
    if first == "theirs":
        theirs.stop()
        assert start(endpoint)
        with pytest.raises(requests.ConnectionError, match="is blocked"):
            requests.get(THEIRS)
        ours.__exit__(None, None, None)
    else:
        ours.__exit__(None, None, None)
        assert requests.get(THEIRS).json() == ["theirs"]
        with pytest.raises(requests.ConnectionError, match="Connection refused by Responses"):
            requests.get(URL)
        theirs.stop()
    assert HTTPAdapter.send.__module__ == "requests.adapters"


def test_theirs_closed_amid_ours(endpoint: Endpoint) -> None:
    """Ours goes on serving, and blocking, after theirs has been closed, and serves a next one."""
    with mocked(endpoint):
        for _ in range(2):
            with theirs_open():
                assert requests.get(THEIRS).json() == ["theirs"]
                assert start(endpoint)
            assert start(endpoint)
            with pytest.raises(requests.ConnectionError, match="is blocked"):
                requests.get(THEIRS)


def test_ours_closed_amid_theirs(endpoint: Endpoint) -> None:
    """Theirs goes on serving after ours has been closed."""
    with theirs_open() as theirs:
        with mocked(endpoint):
            assert start(endpoint)
        assert requests.get(THEIRS).json() == ["theirs"]
        assert len(theirs.calls) == 1


def test_all_requests_fired(endpoint: Endpoint) -> None:
    """Theirs still insists that every response of its own is used, and on no other."""
    with mocked(endpoint):
        with pytest.raises(AssertionError, match=r"api\.example\.com"), theirs_open():
            start(endpoint)
        with theirs_open():
            requests.get(THEIRS)


def test_passthrough(endpoint: Endpoint, loopback: str) -> None:
    """What their mock passes through goes through; it is not for ours to block."""
    with mocked(endpoint), responses.RequestsMock() as theirs:
        theirs.add_passthru(loopback)
        assert requests.get(loopback).text == "real"
        assert start(endpoint)


def test_their_mock_of_the_same_host(endpoint: Endpoint) -> None:
    """Of a host that both mock, ours answers."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as theirs:
        theirs.get(URL, body="theirs")
        with mocked(endpoint):
            assert start(endpoint)
        assert requests.get(URL).text == "theirs"


def test_their_patched_send(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts go to whatever has taken the place of HTTPAdapter.send, and ours to ours."""
    reply = requests.Response()
    reply.status_code = 299
    monkeypatch.setattr(HTTPAdapter, "send", lambda self, request, **kwargs: reply)
    with mocked(endpoint):
        assert requests.get(THEIRS).status_code == 299
        assert start(endpoint)


def test_nested_in_itself(endpoint: Endpoint) -> None:
    """Of two mocked endpoints the inner one answers, and the outer one again after it."""
    inner = Endpoint(Credentials("inner", "s"), now=NOW)
    with mocked(endpoint, allow_hosts=["127.0.0.1"]):
        with mocked(inner):
            assert os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] == "inner"
            reply = requests.get(f"{URL}?{signed_query()}&Format=JSON")
            assert reply.json()["Code"] == "InvalidAccessKeyId.NotFound"
            with pytest.raises(requests.ConnectionError, match="is blocked"):
                requests.get(THEIRS)
        assert os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] == "testid"
        assert start(endpoint)
    assert (inner.call_count, endpoint.call_count) == (1, 1)


def test_route_on_a_mock_of_ones_own(endpoint: Endpoint) -> None:
    """A Route mounts the endpoint on a mock of the user's, for that host and no other."""
    with responses.RequestsMock() as theirs:
        theirs.add(Route(endpoint))
        theirs.get(THEIRS, json=["theirs"])
        assert start(endpoint)
        assert start(endpoint, method="POST", signature="v3")
        assert requests.get(THEIRS).json() == ["theirs"]
        with pytest.raises(requests.ConnectionError, match=r"host is not rtc\.aliyuncs\.com"):
            requests.get("https://other.example.com/")


# ---------------------------------------------------------------------------- the environment

VARIABLES = (
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
    "ALIYUN_ACCESS_KEY_ID",
    "ALIYUN_ACCESS_KEY_SECRET",
)


@pytest.mark.parametrize("before", ["set", "unset"])
@pytest.mark.parametrize("token", [None, "token"])
def test_environment(monkeypatch: pytest.MonkeyPatch, before: str, token: str | None) -> None:
    """The environment offers test keys and no others meanwhile, and is as before afterwards."""
    for name in VARIABLES:
        if before == "set":
            monkeypatch.setenv(name, f"real {name}")
        else:
            monkeypatch.delenv(name, raising=False)
    environment = dict(os.environ)
    endpoint = Endpoint(Credentials("k", "s", token))
    with mocked(endpoint):
        expected = {VARIABLES[0]: "k", VARIABLES[1]: "s"} | ({VARIABLES[2]: token} if token else {})
        assert {name: os.environ[name] for name in VARIABLES if name in os.environ} == expected
        assert os.environ["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] == "true"
        assert "rtc.aliyuncs.com" in os.environ["NO_PROXY"].split(",")
    assert dict(os.environ) == environment


def test_environment_of_other_credentials(endpoint: Endpoint) -> None:
    """The environment may offer other keys than the endpoint's first."""
    with mocked(endpoint, credentials=Credentials("wrong", "keys")):
        assert os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] == "wrong"


def test_no_proxy_is_kept(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts that go without a proxy go on doing so."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "internal.example.com")
    with mocked(endpoint):
        assert os.environ["NO_PROXY"] == "internal.example.com,rtc.aliyuncs.com"


def test_credentials_read_at_import(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """alibabacloud_credentials, which read the environment when imported, sees the test keys."""
    module = ModuleType("auth_util")
    module.environment_access_key_id = "real"  # type: ignore[attr-defined]
    module.environment_access_key_secret = "real"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "alibabacloud_credentials.utils.auth_util", module)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "real")
    with mocked(endpoint):
        assert module.environment_access_key_id == "testid"
        assert module.environment_access_key_secret == "testsecret"
    assert module.environment_access_key_id == "real"
    assert not hasattr(module, "environment_security_token")
