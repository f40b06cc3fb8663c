"""The server under load: nothing is lost, mixed up or counted twice, and memory is bounded."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from raw_socket import Raw

from pytest_rtcmpu import Client, Credentials, Endpoint
from pytest_rtcmpu.model import example_task
from pytest_rtcmpu.server.control import Control
from pytest_rtcmpu.server.http import Server

KEY = Credentials("testid", "testsecret")
TASK = example_task()
slow = pytest.mark.slow


def get(target: str) -> bytes:
    """A GET request."""
    return f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def read(connection: Raw) -> Any:
    """Read a reply's JSON."""
    return json.loads(connection.reply().body)


@contextmanager
def connected(endpoint: Endpoint, number: int) -> Iterator[list[Raw]]:
    """Serve an endpoint, and give so many connections; no error may come up inside."""
    with Server(Control(endpoint)) as server, ExitStack() as stack:
        yield [stack.enter_context(Raw(server.port)) for _ in range(number)]
        assert server.errors == []
    gc.collect()


def target(client: Client, task_id: str) -> str:
    """A signed request's target."""
    return client.prepare("StartMPUTask", replace(TASK, task_id=task_id).to_wire()).target


@pytest.mark.parametrize("calls", [1_024, pytest.param(20_480, marks=slow)])
def test_no_reply_is_lost_or_mixed_up(calls: int, caplog: pytest.LogCaptureFixture) -> None:
    """On 64 kept connections each call gets its own reply, once, and is recorded once."""
    endpoint = Endpoint(KEY, max_calls=calls)
    client = Client(KEY)
    replies: dict[str, str] = {}
    with connected(endpoint, 64) as connections:
        for turn in range(calls // 64):
            asked = [f"{turn}-{number}" for number in range(64)]
            for connection, task_id in zip(connections, asked, strict=True):
                connection.send(get(target(client, task_id)))
            for connection, task_id in zip(connections, asked, strict=True):
                replies[read(connection)["RequestId"]] = task_id
    client.close()
    assert len(replies) == calls
    assert endpoint.call_count == calls
    recorded = {call.request_id: dict(call.pairs) for call in endpoint.calls}
    assert recorded.keys() == replies.keys()
    for request_id, task_id in replies.items():
        assert task_id in (recorded[request_id].get("TaskId"), recorded[request_id].get("TaskID"))
    assert [call.number for call in endpoint.calls] == list(range(1, calls + 1))
    assert len(endpoint.tasks) == calls
    assert caplog.records == []


@pytest.mark.parametrize("rounds", [3, pytest.param(1_000, marks=slow)])
def test_of_simultaneous_starts_one_succeeds(rounds: int) -> None:
    """Of 200 starts of one task at the same time exactly one succeeds, every time."""
    endpoint = Endpoint(KEY, max_calls=200)
    client = Client(KEY)
    with connected(endpoint, 200) as connections:
        for number in range(rounds):
            targets = [target(client, f"t{number}") for _ in connections]
            for connection, each in zip(connections, targets, strict=True):
                connection.send(get(each))
            codes = [read(connection).get("Code") for connection in connections]
            assert codes.count(None) == 1
            assert codes.count("TaskExisted") == 199
    client.close()
    assert endpoint.call_count == 200 * rounds
    assert len(endpoint.tasks) == rounds


@pytest.mark.parametrize("calls", [500, pytest.param(20_000, marks=slow)])
def test_memory_is_bounded(calls: int) -> None:
    """The record is a ring, and nonces are forgotten when their timestamp could not pass."""
    began = datetime(2019, 5, 20, tzinfo=UTC)
    moment = began
    endpoint = Endpoint(KEY, max_calls=50, now=lambda: moment)
    client = Client(KEY, now=lambda: moment)
    window = endpoint.contract.service.timestamp_window_seconds
    most = 0
    with connected(endpoint, 1) as [connection]:
        for number in range(calls):
            moment = began + timedelta(seconds=window / 20 * number)
            connection.send(get(target(client, "t")))
            connection.reply()
            most = max(most, len(endpoint._state.nonces))
    client.close()
    assert [call.number for call in endpoint.calls] == list(range(calls - 49, calls + 1))
    assert 20 <= most <= 22
    assert len(endpoint.tasks) == 1


def test_large_calls_push_out_more() -> None:
    """Calls of a megabyte are kept up to 64 MiB, not up to ``max_calls``."""
    endpoint = Endpoint(KEY, max_calls=1000)
    query = "/?" + "a=%20&" * 150_000
    with connected(endpoint, 1) as [connection]:
        for _ in range(5):
            connection.ask(get(query))
        assert endpoint.call_count == 5
        assert [call.number for call in endpoint.calls] == [4, 5]
