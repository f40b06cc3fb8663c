"""What a type checker knows of the public names: mypy reads this file, nobody runs it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, assert_type

import pytest
from hypothesis.strategies import SearchStrategy

import pytest_rtcmpu
from pytest_rtcmpu import (
    Call,
    Client,
    Contract,
    Credentials,
    Diagnosis,
    Endpoint,
    PlainCredentials,
    Reply,
    Request,
    Response,
    ServedEndpoint,
    StartMPUTask,
    UserPane,
    contract,
    faults,
    rgb,
    strategies,
)
from pytest_rtcmpu.contract import Clause, Parameter
from pytest_rtcmpu.errors import StartMPUTaskError, TaskExisted, TransportTimeout
from pytest_rtcmpu.testing import ClientContract, EndpointContract


def the_client(task: StartMPUTask) -> None:
    """A client takes a task and returns a reply."""
    client = Client(Credentials("id", "secret"), timeout=3.0)
    reply = client.start_mpu_task(task)
    assert_type(reply, Reply)
    assert_type(reply.request_id, str)


def the_model(pane: UserPane) -> None:
    """What a task is made of."""
    task = StartMPUTask(
        app_id="a",
        channel_id="c",
        task_id="t",
        task_profile="4IN_720P",
        media_encode=20,
        background_color=rgb(0, 0, 255),
        layout_ids=(1,),
        user_panes=(pane,),
        stream_url="rtmp://live.example.com/app/stream",
    )
    assert_type(task.background_color, int)
    assert_type(task.layout_ids, tuple[int, ...])
    assert_type(task.user_panes, tuple[UserPane, ...])
    assert_type(task.to_wire(), list[tuple[str, str]])


def the_endpoint(endpoint: Endpoint, request: Request) -> None:
    """An endpoint answers a request and remembers it."""
    assert_type(endpoint.handle(request), Response)
    assert_type(endpoint.diagnose(request), Diagnosis)
    assert_type(endpoint.calls[-1], Call)
    endpoint.fail_next("InternalError")
    endpoint.fail_next(faults.html_502)


def the_server(rtcmpu_server: ServedEndpoint) -> None:
    """A test that takes the fixture can say what it is."""
    assert_type(rtcmpu_server.url, str)
    assert_type(rtcmpu_server.proxy_url, str)


def the_errors() -> None:
    """An error of the operation is caught as such, and has a Code."""
    with pytest.raises(TaskExisted) as raised:
        raise NotImplementedError
    error: StartMPUTaskError = raised.value
    assert_type(error.code, str)
    assert issubclass(TransportTimeout, pytest_rtcmpu.TransportError)


def the_contract() -> None:
    """The contract is typed throughout."""
    edition = contract.load()
    assert_type(edition, Contract)
    assert_type(edition.clauses, tuple[Clause, ...])
    assert_type(edition.clause("media-encode.zero"), Clause)
    assert_type(edition.parameter("TaskId"), Parameter)
    assert_type(pytest_rtcmpu.__version__, str)


def the_strategies() -> None:
    """A strategy says what it draws."""
    assert_type(strategies.tasks(), SearchStrategy[StartMPUTask])
    assert_type(strategies.background_colors(), SearchStrategy[int])
    assert_type(strategies.layout_ids(), SearchStrategy[tuple[int, ...]])


class TestMine(ClientContract):
    """A client's contract class is filled in with one method."""

    max_examples = 10
    phases = ("documented", "fuzz")

    def start(
        self,
        params: Mapping[str, Any],
        *,
        endpoint: str,
        credentials: PlainCredentials,
        timeout: float,
    ) -> str:
        """Start a task."""
        assert_type(credentials.security_token, str | None)
        return "5B1C0F6E"


class TestTheirs(EndpointContract):
    """An endpoint's contract class is filled in with a URL."""

    url = "http://127.0.0.1:8080"


def test_of_a_user(
    rtcmpu_endpoint: Endpoint, rtcmpu_mock: Callable[..., AbstractContextManager[Endpoint]]
) -> None:
    """What fixtures give can be named."""
    with rtcmpu_mock() as other:
        assert_type(other, Endpoint)
    assert_type(rtcmpu_endpoint.tasks, list[StartMPUTask])
