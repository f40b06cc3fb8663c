"""The mock is like the wire: a session makes the same of a call in process and on a socket."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from pytest_rtcmpu import Endpoint, faults
from pytest_rtcmpu.mock.door import mocked
from pytest_rtcmpu.server.http import Server

HOST = "http://rtc.aliyuncs.com"
LATE = 0.1

FAULTS: dict[str, Callable[..., Any]] = {
    **faults.PLAIN,
    "delay": faults.delay(30),
    "status": faults.status(503),
    "body": faults.body(b"", "text/plain"),
    "reset after a delay": faults.delay(0) | faults.connection_reset,
    "garbage, then truncated": faults.garbage | faults.truncated_json,
}


@pytest.fixture(scope="module")
def served() -> Iterator[Server]:
    """A server on a socket."""
    with Server(lambda request: pytest.fail("nobody is served")) as server:
        yield server


#: Both copies of requests that the mock answers.
COPIES = ("requests", "aliyunsdkcore.vendored.requests")


def outcome(copy: Any, url: str, *, retry: bool, stream: bool, method: str) -> tuple[object, ...]:
    """Call once and return what the caller sees: status, headers and body, or the exception."""
    retries = copy.packages.urllib3.util.Retry(
        total=2, backoff_factor=0, status_forcelist=[502, 503]
    )
    with copy.Session() as session:
        session.trust_env = False
        session.mount("http://", copy.adapters.HTTPAdapter(max_retries=retries if retry else 0))
        try:
            reply = session.request(method, url, timeout=LATE, stream=stream)
            body = b"".join(reply.iter_content(7)) if stream else reply.content
        except copy.RequestException as error:
            inner: Any = error
            while inner.args and isinstance(inner.args[-1], Exception):
                inner = inner.args[-1]
            return type(error), type(inner), type(getattr(inner, "reason", None))
    shown = ("content-type", "content-length")
    kept = {name: value for name, value in reply.headers.items() if name.lower() in shown}
    return reply.status_code, reply.reason, kept, len(body)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("retry", [False, True], ids=["once", "Retry"])
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("copy", COPIES)
def test_a_fault_is_the_same_in_process(
    served: Server, copy: str, name: str, retry: bool, stream: bool
) -> None:
    """Fault by fault: the same outcome, the same number of calls, in process and on a socket."""
    seen = {}
    for on_a_socket in (True, False):
        for times, method in ((1, "GET"), (5, "GET"), (1, "POST")):
            endpoint = Endpoint()
            endpoint.spoil_next(FAULTS[name], times=times)
            with ExitStack() as stack:
                served.handle = endpoint.handle
                if not on_a_socket:
                    stack.enter_context(mocked(endpoint))
                found = outcome(
                    importlib.import_module(copy),
                    f"{served.url if on_a_socket else HOST}/?Format=JSON",
                    retry=retry,
                    stream=stream,
                    method=method,
                )
            seen[on_a_socket, times, method] = (found, endpoint.call_count)
    for (_, *how), got in seen.items():
        assert got == seen[True, *how], how
    assert seen[True, 5, "GET"][1] == 1 or retry


class Signing(HTTPAdapter):
    """An adapter of a user's own: it signs, has a timeout, and counts."""

    sent = 0

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Add a header, and a timeout where none is given."""
        self.sent += 1
        kwargs["timeout"] = kwargs.get("timeout") or LATE
        request.headers["X-Signed"] = "yes"
        return super().send(request, *args, **kwargs)

    def add_headers(self, request: Any, **kwargs: Any) -> None:
        """Add another."""
        request.headers["X-Added"] = "yes"

    def build_response(self, request: Any, response: Any) -> Any:
        """Mark the reply."""
        reply = super().build_response(request, response)
        reply.headers["X-Marked"] = "yes"
        return reply


def test_an_adapter_of_ones_own_is_called() -> None:
    """A session's own subclass of HTTPAdapter does what it does over the network."""
    session, adapter, endpoint = requests.Session(), Signing(), Endpoint()
    session.mount("https://", adapter)
    with mocked(endpoint):
        reply = session.get("https://rtc.aliyuncs.com/")
        endpoint.spoil_next(faults.delay(LATE * 2))
        with pytest.raises(requests.ReadTimeout):
            session.get("https://rtc.aliyuncs.com/")
    assert adapter.sent == 2
    assert reply.headers["X-Marked"] == "yes"
    assert isinstance(reply.connection, Signing)
    for call in endpoint.calls:
        assert call.request.header("x-signed") == "yes"
        assert call.request.header("x-added") == "yes"


def test_an_adapter_of_ones_own_beside_responses() -> None:
    """The same holds where ``responses`` has patched the way that the adapter sends."""
    import responses

    session, endpoint = requests.Session(), Endpoint()
    session.mount("https://", Signing())
    with mocked(endpoint), responses.RequestsMock():
        session.get("https://rtc.aliyuncs.com/")
    assert endpoint.calls[0].request.header("x-signed") == "yes"


@pytest.mark.parametrize("kind", ["proxies=", "session.proxies"])
def test_a_proxy_that_requests_is_given_is_not_asked(kind: str) -> None:
    """What a proxy would be asked for is answered here, and the target is as without one."""
    endpoint = Endpoint()
    proxies = {"http": "http://127.0.0.1:9", "https": "http://127.0.0.1:9"}
    session = requests.Session()
    given = {"proxies": proxies} if kind == "proxies=" else {}
    session.proxies.update({} if given else proxies)
    with mocked(endpoint):
        for scheme in ("http", "https"):
            session.get(f"{scheme}://rtc.aliyuncs.com/?a=1", **given)
    assert [call.request.target for call in endpoint.calls] == ["/?a=1", "/?a=1"]


def test_a_late_reply_beside_freezegun(served: Server) -> None:
    """A late reply comes although freezegun has stopped the clocks that Python code reads."""
    freezegun = pytest.importorskip("freezegun")
    endpoint = Endpoint()
    endpoint.spoil_next(faults.delay(0.01))
    served.handle = endpoint.handle
    with freezegun.freeze_time("2019-05-20"):
        assert requests.get(f"{served.url}/", timeout=10).status_code == 400
