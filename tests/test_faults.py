"""Faults: what becomes of a reply that is late, broken, lost, or no reply at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses

from pytest_rtcmpu import (
    Client,
    Endpoint,
    Response,
    TransportError,
    TransportTimeout,
    UnreadableReply,
    faults,
)
from pytest_rtcmpu.errors import InternalError, RTCMPUError, TaskExisted
from pytest_rtcmpu.mock.door import Route, mocked
from pytest_rtcmpu.model import example_task
from pytest_rtcmpu.server.http import Server

NOW = datetime(2019, 5, 20, 12, 0, 0, tzinfo=UTC)
TASK = example_task()
URL = "https://rtc.aliyuncs.com/"
REPLY = Response(
    status=200,
    headers=(("Content-Type", "application/json;charset=utf-8"), ("x-acs-request-id", "1")),
    body=b'{"RequestId":"760bad53276431c499e30dc36f6b26be"}',
)


@pytest.fixture
def slept() -> list[float]:
    """How long the mock would have slept, each time."""
    return []


@pytest.fixture
def endpoint(slept: list[float]) -> Iterator[Endpoint]:
    """A mocked endpoint that only notes how long it would have slept."""
    with mocked(Endpoint(now=NOW), sleep=slept.append) as endpoint:
        yield endpoint


def client(endpoint: Endpoint, **settings: Any) -> Client:
    """A client that takes its time from the endpoint's."""
    return Client(endpoint.credentials, now=lambda: NOW, **settings)


def signed_query(endpoint: Endpoint) -> str:
    """The target of a signed request."""
    return client(endpoint).prepare("StartMPUTask", TASK.to_wire()).target.removeprefix("/")


UNREADABLE = {
    "html_502": (502, "html"),
    "truncated_json": (200, "expected JSON"),
    "empty_body": (200, "empty body"),
    "trailing_comma": (200, "expected JSON"),
}


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("code", [None, "InternalError"])
def test_unreadable_reply(endpoint: Endpoint, name: str, code: str | None) -> None:
    """What is no reply of the API is no success and no documented error either."""
    status, expected = UNREADABLE[name]
    if code is None:
        endpoint.fail_next(faults.PLAIN[name])
    else:
        endpoint.answer_next(code, fault=faults.PLAIN[name])
        status = status if name == "html_502" else 500
    with pytest.raises(UnreadableReply, match=f"(?i){expected}") as caught:
        client(endpoint).start_mpu_task(TASK)
    assert caught.value.http_status == status


LOST = {
    "timeout": TransportTimeout,
    "connection_reset": TransportError,
    "reset_amid_reply": TransportError,
    "truncated_body": TransportError,
    "garbage": TransportError,
}


@pytest.mark.parametrize("name", LOST)
def test_lost_reply(endpoint: Endpoint, slept: list[float], name: str) -> None:
    """A reply that is lost on its way is a transport error, and a timeout is told apart."""
    endpoint.fail_next(faults.PLAIN[name])
    with pytest.raises(TransportError) as caught:
        client(endpoint).start_mpu_task(TASK)
    assert type(caught.value) is LOST[name]
    assert slept == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("timeout", requests.ReadTimeout),
        ("connection_reset", requests.ConnectionError),
        ("reset_amid_reply", requests.exceptions.ChunkedEncodingError),
        ("truncated_body", requests.exceptions.ChunkedEncodingError),
        ("garbage", requests.ConnectionError),
    ],
)
def test_lost_reply_in_requests(
    endpoint: Endpoint, name: str, expected: type[requests.RequestException]
) -> None:
    """An app that calls by requests gets the exception it would get over the network."""
    endpoint.fail_next(faults.PLAIN[name])
    with pytest.raises(requests.RequestException) as caught:
        requests.get(URL + signed_query(endpoint), timeout=3)
    assert type(caught.value) is expected
    if expected is not requests.exceptions.ChunkedEncodingError:  # then there was a response
        assert caught.value.request is not None
        assert str(caught.value.request.url).endswith(endpoint.calls[0].request.target)
    if name == "timeout":
        assert "read timeout=3" in str(caught.value)


@pytest.mark.parametrize("name", [name for name in faults.PLAIN if name != "timeout"])
def test_same_over_a_socket(name: str) -> None:
    """In process a fault has the outcome that it has over a real socket."""
    endpoint = Endpoint(now=NOW)

    def outcome(url: str) -> object:
        try:
            reply = requests.get(f"{url}{signed_query(endpoint)}", timeout=20)
        except requests.RequestException as error:
            return type(error), error.request is None, type(error.args[0])
        request_id = endpoint.calls[-1].request_id
        text = reply.text.replace(request_id, "").replace(request_id[: len(request_id) // 2], "")
        return reply.status_code, reply.headers["Content-Type"], text[:12]

    def spoilt(request: Any) -> Response:
        endpoint.reset()
        endpoint.fail_next(faults.PLAIN[name])
        return endpoint.handle(request)

    endpoint.fail_next(faults.PLAIN[name])
    with mocked(endpoint):
        in_process = outcome(URL)
    with Server(spoilt) as server:
        over_socket = outcome(f"{server.url}/")
    assert in_process == over_socket


@pytest.mark.parametrize(
    "fault",
    [faults.wrong_content_type, faults.slow_bytes(1), faults.delay(0)],
    ids=["wrong_content_type", "slow_bytes", "delay(0)"],
)
def test_harmless(endpoint: Endpoint, slept: list[float], fault: faults.Fault) -> None:
    """A reply whose body is right is a success, whatever its type and pace."""
    endpoint.fail_next(fault)
    assert client(endpoint).start_mpu_task(TASK).request_id == endpoint.calls[0].request_id
    assert slept == []


@pytest.mark.parametrize("timeout", [5, 5.0, (1, 5), (1, None), None], ids=str)
def test_delay_within_the_timeout(endpoint: Endpoint, slept: list[float], timeout: Any) -> None:
    """A reply that is late but in time is waited for."""
    endpoint.fail_next(faults.delay(4.5))
    reply = requests.get(URL + signed_query(endpoint), timeout=timeout)
    assert reply.json().keys() == {"RequestId"}
    assert slept == [4.5]


@pytest.mark.parametrize("timeout", [4.5, 4, (100, 2)], ids=str)
def test_delay_beyond_the_timeout(endpoint: Endpoint, slept: list[float], timeout: Any) -> None:
    """A reply that is later than the timeout is not waited for: the test need not wait either."""
    endpoint.fail_next(faults.delay(4.5))
    with pytest.raises(TransportTimeout):
        client(endpoint, timeout=timeout).start_mpu_task(TASK)
    assert slept == []


def test_delays_add_up(endpoint: Endpoint, slept: list[float]) -> None:
    """Two delays come to one as long as both."""
    endpoint.fail_next(faults.delay(1) | faults.delay(2))
    client(endpoint).start_mpu_task(TASK)
    assert slept == [3]


def test_task_started_all_the_same(endpoint: Endpoint) -> None:
    """A reply may be lost after the request was handled: the task runs, as a retry learns."""
    endpoint.fail_next(faults.timeout, handled=True)
    with pytest.raises(TransportTimeout):
        client(endpoint).start_mpu_task(TASK)
    assert endpoint.tasks == [TASK]
    with pytest.raises(TaskExisted):
        client(endpoint).start_mpu_task(TASK)


@pytest.mark.parametrize("fault", [faults.timeout, faults.connection_reset, faults.html_502])
def test_a_retry_starts_the_task(endpoint: Endpoint, fault: faults.Fault) -> None:
    """What came before the service was reached has started nothing: calling again does."""
    endpoint.fail_next(fault)
    with pytest.raises(RTCMPUError):
        client(endpoint).start_mpu_task(TASK)
    client(endpoint).start_mpu_task(TASK)
    assert endpoint.tasks == [TASK]


def test_fault_and_code(endpoint: Endpoint) -> None:
    """A Code and a fault may be asked for together: one makes the reply, the other spoils it."""
    endpoint.answer_next("InternalError", fault=faults.wrong_content_type)
    endpoint.answer_next("InternalError")
    for _ in range(2):
        with pytest.raises(InternalError):
            client(endpoint).start_mpu_task(TASK)
    assert [call.fault for call in endpoint.calls] == ["faults.wrong_content_type", None]


def test_composition(endpoint: Endpoint, slept: list[float]) -> None:
    """Faults compose, left first, and are named as composed."""
    fault = faults.delay(0.2) | faults.html_502 | faults.status(504) | faults.empty_body
    assert repr(fault) == "faults.delay(0.2) | html_502 | status(504) | empty_body"
    endpoint.fail_next(fault)
    with pytest.raises(UnreadableReply) as caught:
        client(endpoint).start_mpu_task(TASK)
    assert caught.value.http_status == 504
    assert slept == [0.2]
    assert endpoint.calls[0].fault == repr(fault)
    assert endpoint.calls[0].reply.body == b""


def test_left_first() -> None:
    """Of two composed faults the right one has the last word."""
    one, other = faults.body(b"1"), faults.body(b"2")
    assert (one | other)(REPLY).body == b"2"
    assert (other | one)(REPLY).body == b"1"


@pytest.mark.parametrize("name", faults.PLAIN)
def test_written_as_a_call(name: str) -> None:
    """A fault without an argument may be written with or without parentheses."""
    fault = faults.PLAIN[name]
    assert fault() is fault
    assert repr(fault) == f"faults.{name}"
    assert fault()(REPLY) == fault(REPLY)
    assert getattr(faults, name) is fault


@pytest.mark.parametrize("name", faults.PLAIN)
def test_reply_itself_untouched(name: str) -> None:
    """A fault makes a new reply, which differs."""
    before = replace(REPLY)
    assert faults.PLAIN[name](REPLY) != REPLY
    assert before == REPLY


def test_trailing_comma() -> None:
    """The reply with a trailing comma, as S1's own example has it, is no JSON."""
    spoilt = faults.trailing_comma(REPLY)
    assert spoilt.body == b'{"RequestId":"760bad53276431c499e30dc36f6b26be",}'
    with pytest.raises(json.JSONDecodeError):
        json.loads(spoilt.body)


def test_trailing_comma_without_json(endpoint: Endpoint) -> None:
    """Where there is no JSON object there is no comma to add: an XML reply stays as it is."""
    endpoint.fail_next(faults.trailing_comma)
    assert client(endpoint, reply_format="XML").start_mpu_task(TASK).request_id


def test_truncated_json() -> None:
    """A truncated body stops in its middle and is no JSON."""
    spoilt = faults.truncated_json(REPLY)
    assert 0 < len(spoilt.body) < len(REPLY.body)
    assert REPLY.body.startswith(spoilt.body)
    with pytest.raises(json.JSONDecodeError):
        json.loads(spoilt.body)


def test_html_502() -> None:
    """A proxy's page is HTML by its type and by its body."""
    spoilt = faults.html_502(REPLY)
    assert spoilt.status == 502
    assert [v for k, v in spoilt.headers if k.lower() == "content-type"] == ["text/html"]
    assert spoilt.body.startswith(b"<html>")
    assert spoilt.header("x-acs-request-id") == "1"


def test_status(endpoint: Endpoint) -> None:
    """A success's body with another HTTP status is no success."""
    endpoint.fail_next(faults.status(503))
    with pytest.raises(UnreadableReply, match="expected a Code") as caught:
        client(endpoint).start_mpu_task(TASK)
    assert caught.value.http_status == 503


@pytest.mark.parametrize("http_status", [204, 304])
def test_status_without_content(endpoint: Endpoint, http_status: int) -> None:
    """An HTTP status that allows no content leaves none of the reply."""
    endpoint.fail_next(faults.status(http_status))
    with pytest.raises(UnreadableReply, match="empty body"):
        client(endpoint).start_mpu_task(TASK)


@pytest.mark.parametrize(
    "content",
    [b"null", b"[]", b'"OK"', b"{}", b'{"RequestId":null}', b"\xff", b"<StartMPUTaskResponse/>"],
    ids=repr,
)
def test_body(endpoint: Endpoint, content: bytes) -> None:
    """Any body may come in place of a reply; none without RequestId and Code is a success."""
    endpoint.fail_next(faults.body(content))
    with pytest.raises(UnreadableReply):
        client(endpoint).start_mpu_task(TASK)


def test_body_named() -> None:
    """A long body is named by its beginning."""
    assert repr(faults.body(b"x" * 100)) == f"faults.body(b'{'x' * 40}...')"


@pytest.mark.parametrize("seconds", [-1, -0.1, float("nan")])
def test_delay_negative(seconds: float) -> None:
    """A delay is no less than nothing."""
    with pytest.raises(ValueError, match="seconds"):
        faults.delay(seconds)


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_slow_bytes_rate(rate: float) -> None:
    """Bytes have to come at some rate."""
    with pytest.raises(ValueError, match="bytes_per_second"):
        faults.slow_bytes(rate)


def test_route_sleeps_as_told(slept: list[float]) -> None:
    """A route on a mock of one's own may be told how to sleep, too."""
    endpoint = Endpoint(now=NOW)
    endpoint.fail_next(faults.delay(7))
    with responses.RequestsMock() as mock:
        mock.add(Route(endpoint, sleep=slept.append))
        client(endpoint).start_mpu_task(TASK)
    assert slept == [7]
    assert endpoint.tasks == [TASK]
