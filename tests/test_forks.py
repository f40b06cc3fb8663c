"""A process that forks while other threads use the mock: the child can use it too."""

from __future__ import annotations

import os
import re
import select
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import requests

import pytest_rtcmpu
from pytest_rtcmpu.client import Client
from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.mock import door, environment, openings
from pytest_rtcmpu.model import example_task
from pytest_rtcmpu.server.http import Server
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
PATIENCE = 20


@contextmanager
def held(*locks: AbstractContextManager[object]) -> Iterator[None]:
    """Hold locks in another thread."""
    holds, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            holds.set()
            let_go.wait(PATIENCE * 2)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(PATIENCE)
    try:
        yield
    finally:
        let_go.set()
        thread.join()


def in_child(do: Callable[[], object]) -> str:
    """Do something in a forked child and return what went wrong there."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = "did not come to an end"
        try:
            do()
            told = ""
        except BaseException:
            told = traceback.format_exc()
        finally:
            os.write(writing, f"{told}.".encode())
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        if not select.select([pipe], [], [], PATIENCE)[0]:
            os.kill(child, signal.SIGKILL)
        told = pipe.read().decode()
    os.waitpid(child, 0)
    return told.removesuffix(".") if told else "hung"


def start(name: str) -> None:
    """Start a task at whatever is mocked, past its pool; and send what only the pool can send."""
    with Client(TEST_CREDENTIALS) as client:
        client.start_mpu_task(replace(example_task(), task_id=name))
        assert requests.post(client.endpoint, data=iter([b"in parts"])).status_code == 400


def test_a_child_uses_the_mock_that_others_were_using() -> None:
    """Whatever lock another thread holds when a process forks, the child calls and opens mocks."""
    endpoint = Endpoint()

    def use() -> None:
        start("in the child")
        assert endpoint.call_count == 4
        with door.mocked(Endpoint()) as inner:
            start("in the child")
            assert inner.call_count == 2

    with door.mocked(endpoint):
        start("before")
        pools = [pool.pool for pool in openings.open_ones[-1].pools.values()]
        with held(endpoint._lock, door._lock, environment._lock, *(p.mutex for p in pools)):
            assert in_child(use) == ""
        assert endpoint.call_count == 2
        start("after")


def test_a_child_leaves_a_server_that_is_its_parents() -> None:
    """In a child there is no server's thread, and nothing waits for it."""
    with Server(Endpoint().handle) as server:
        with held(server._lock):
            assert in_child(server.stop) == ""
        assert server._thread is not None
        assert server._thread.is_alive()


def test_each_lock_is_renewed() -> None:
    """No module makes a lock that a child would inherit as it is."""
    package = Path(pytest_rtcmpu.__file__).parent
    made = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if re.search(r"threading\.(R?Lock|Condition)\(", path.read_text("utf-8"))
    }
    assert made == {os.path.join("values", "forks.py")}
