"""Mocks that overlap: whose a call is, and that the last one out puts everything back."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from typing import Any

import pytest
import requests

from pytest_rtcmpu import Credentials, Endpoint
from pytest_rtcmpu.mock.door import mocked

URL = "https://rtc.aliyuncs.com/"
LEFT_OVER = "left over from an earlier test"


def call() -> None:
    """Call the host, whoever answers."""
    requests.get(URL)


def in_thread(function: Callable[[], object]) -> Any:
    """Run a function in a thread of its own and return what it returns, or what it raises."""
    with ThreadPoolExecutor(1) as pool:
        try:
            return pool.submit(function).result()
        except Exception as error:
            return error


class Worker:
    """A thread that does what it is told to, one thing at a time."""

    def __init__(self) -> None:
        self._told: list[Callable[[], object]] = []
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self.error: Exception | None = None

    def _run(self) -> None:
        while True:
            self._go.acquire()
            if not self._told:
                return
            self.error = None
            try:
                self._told.pop()()
            except Exception as error:
                self.error = error
            self._done.release()

    def do(self, function: Callable[[], object]) -> Exception | None:
        """Let it call a function; return what that raised."""
        self._told.append(function)
        self._go.release()
        self._done.acquire()
        return self.error

    def end(self) -> None:
        """End the thread."""
        self._go.release()
        self._thread.join()


@pytest.fixture
def workers() -> Iterator[Callable[[], Worker]]:
    """Make workers, which are ended with the test."""
    made: list[Worker] = []

    def make() -> Worker:
        made.append(Worker())
        return made[-1]

    yield make
    for worker in made:
        worker.end()


def patched() -> tuple[object, ...]:
    """What a mock patches."""
    return (
        requests.Session.get_adapter,
        socket.getaddrinfo,
        threading.Thread.start,
        ThreadPoolExecutor.submit,
        socket.socket.send,
        dict(os.environ),
    )


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_closed_in_any_order(order: tuple[int, ...]) -> None:
    """Of mocks that overlap the latest that is open answers; the last one out restores."""
    before = patched()
    endpoints = [Endpoint(Credentials(f"key-{number}", "s")) for number in range(3)]
    mocks = [mocked(endpoint) for endpoint in endpoints]
    for each in mocks:
        each.__enter__()
    still_open = [0, 1, 2]
    for number in order:
        call()
        assert endpoints[still_open[-1]].call_count == 1
        assert os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] == f"key-{still_open[-1]}"
        endpoints[still_open[-1]].reset()
        mocks[number].__exit__(None, None, None)
        still_open.remove(number)
    assert patched() == before


def test_two_threads_have_each_its_own(workers: Callable[[], Worker]) -> None:
    """Two threads that have a mock open at once are answered each by its own."""
    before = patched()
    endpoints = [Endpoint(), Endpoint()]
    pair = [workers(), workers()]
    mocks = [mocked(endpoint) for endpoint in endpoints]
    for worker, each in zip(pair, mocks, strict=True):
        worker.do(each.__enter__)
    pair[0].do(call)
    assert [endpoint.call_count for endpoint in endpoints] == [1, 0]
    pair[1].do(call)
    assert [endpoint.call_count for endpoint in endpoints] == [1, 1]
    for worker, each in zip(pair, mocks, strict=True):
        worker.do(lambda each=each: each.__exit__(None, None, None))  # type: ignore[misc]
    assert patched() == before


def test_who_belongs_to_neither_of_two_threads_is_refused(workers: Callable[[], Worker]) -> None:
    """Where two threads have a mock open, one that was there before has to say which it means."""
    stranger, pair = workers(), [workers(), workers()]
    mocks = [mocked(Endpoint()), mocked(Endpoint())]
    for worker, each in zip(pair, mocks, strict=True):
        worker.do(each.__enter__)
    assert "several threads have a mock open" in str(stranger.do(call))
    for worker, each in zip(pair, mocks, strict=True):
        worker.do(lambda each=each: each.__exit__(None, None, None))  # type: ignore[misc]


def test_a_thread_that_was_there_before_is_answered(workers: Callable[[], Worker]) -> None:
    """A live server's thread calls the mock that is open, in one test and in the next."""
    server = workers()
    for _ in range(2):
        endpoint = Endpoint()
        with mocked(endpoint):
            assert server.do(call) is None
        assert endpoint.call_count == 1


def test_a_thread_left_over_is_refused(workers: Callable[[], Worker]) -> None:
    """A thread that an earlier test started is not recorded in this one."""
    with mocked(Endpoint()):
        left_over = workers()
        assert left_over.do(call) is None
    endpoint = Endpoint()
    with mocked(endpoint):
        assert LEFT_OVER in str(left_over.do(call))
    assert endpoint.calls == []


def test_what_a_left_over_thread_started_is_left_over(workers: Callable[[], Worker]) -> None:
    """A thread belongs to what its starter belongs to."""
    with mocked(Endpoint()):
        left_over = workers()
    started: list[Worker] = []
    with mocked(Endpoint()):
        left_over.do(lambda: started.append(workers()))
        assert LEFT_OVER in str(started[0].do(call))


def test_a_task_left_over_is_refused() -> None:
    """A task's context says which mock it was started in."""
    with mocked(Endpoint()):
        context = copy_context()
    endpoint = Endpoint()
    with mocked(endpoint), pytest.raises(requests.ConnectionError, match=LEFT_OVER):
        context.run(call)
    assert endpoint.calls == []


def test_a_pool_of_threads_lives_on() -> None:
    """What is submitted to a pool belongs to its submitter, whoever started the threads."""
    with ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            endpoint = Endpoint()
            with mocked(endpoint):
                pool.submit(call).result()
            assert endpoint.call_count == 1


@pytest.mark.parametrize("how", ["to_thread", "run_in_executor"])
def test_threads_of_a_loop_belong_to_its_task(how: str) -> None:
    """Tasks with a mock each, side by side, and the threads they call in."""

    async def test(endpoint: Endpoint) -> int:
        with mocked(endpoint):
            await asyncio.sleep(0)
            if how == "to_thread":
                await asyncio.to_thread(call)
            else:
                await asyncio.get_running_loop().run_in_executor(None, call)
        return endpoint.call_count

    async def both() -> list[int]:
        return await asyncio.gather(test(Endpoint()), test(Endpoint()))

    assert asyncio.run(both()) == [1, 1]


def test_a_context_that_knows_of_no_mock() -> None:
    """A loop's own context, made before the mock, is answered where its thread opened one."""
    before = copy_context()
    endpoint = Endpoint()
    with mocked(endpoint):
        before.run(call)
    assert endpoint.call_count == 1


# ------------------------------------------------------------------------------ the environment


def test_what_is_set_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the test's own outlives the mock, and one that is removed stays away."""
    monkeypatch.setenv("RTCMPU_TEST_REMOVED", "x")
    with mocked(Endpoint()):
        os.environ["RTCMPU_TEST_SET"] = "x"
        del os.environ["RTCMPU_TEST_REMOVED"]
    assert os.environ.pop("RTCMPU_TEST_SET") == "x"
    assert "RTCMPU_TEST_REMOVED" not in os.environ


def test_the_environment_is_never_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only names that must change are written: nobody ever finds PATH missing."""
    written: set[object] = set()
    kind = type(os.environ)
    set_one, delete_one = kind.__setitem__, kind.__delitem__

    def noting_set(self: Any, key: str, value: str) -> None:
        written.add(key)
        set_one(self, key, value)

    def noting_delete(self: Any, key: str) -> None:
        written.add(key)
        delete_one(self, key)

    monkeypatch.setattr(kind, "__setitem__", noting_set)
    monkeypatch.setattr(kind, "__delitem__", noting_delete)
    monkeypatch.setattr(kind, "clear", lambda self: pytest.fail("cleared"), raising=False)
    with mocked(Endpoint()):
        pass
    assert written <= {
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED",
        "NO_PROXY",
        "no_proxy",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
        "ALIYUN_ACCESS_KEY_ID",
        "ALIYUN_ACCESS_KEY_SECRET",
        *(n for p in ("HTTP", "HTTPS", "ALL") for n in (f"{p}_PROXY", f"{p}_proxy".lower())),
    }


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy_is_added_to(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Hosts that go without a proxy go on doing so, whichever of the names has them."""
    for each in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, "internal.example.com")
    with mocked(Endpoint()):
        assert os.environ[name] == "internal.example.com,rtc.aliyuncs.com"
        assert len({"NO_PROXY", "no_proxy"} & set(os.environ)) == 1
    assert os.environ[name] == "internal.example.com"


def test_a_proxy_that_is_allowed_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allowed hosts may be beyond a proxy: where it is allowed itself, it is kept."""
    monkeypatch.setenv("https_proxy", "http://me:secret@proxy.example.com:3128")
    monkeypatch.setenv("HTTP_PROXY", "other.example.com:3128")
    with mocked(Endpoint(), allow_hosts=["proxy.example.com"]):
        assert "https_proxy" in os.environ
        assert "HTTP_PROXY" not in os.environ
    assert os.environ["HTTP_PROXY"] == "other.example.com:3128"


# ------------------------------------------------------------------------- beside other patches


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_requests_mock_in_either_order(first: str) -> None:
    """``requests_mock`` serves its own hosts and leaves ours to us, whichever is opened first."""
    requests_mock = pytest.importorskip("requests_mock")
    endpoint = Endpoint()
    theirs = requests_mock.Mocker()
    with ExitStack() as stack:
        for each in (mocked(endpoint), theirs) if first == "ours" else (theirs, mocked(endpoint)):
            stack.enter_context(each)
        theirs.get("https://api.example.com/", text="theirs")
        assert requests.get("https://api.example.com/").text == "theirs"
        assert requests.get(URL).status_code == 400
        with pytest.raises(requests_mock.NoMockAddress):
            requests.get("https://other.example.com/")
    assert endpoint.call_count == 1


def test_what_others_patched_since_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A patch on top of ours outlives us, and works when we are gone."""
    with mocked(Endpoint()):
        ours = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: ours(*args, **kwargs))
        theirs = socket.getaddrinfo
    assert socket.getaddrinfo is theirs
    assert socket.getaddrinfo("127.0.0.1", 80)
    monkeypatch.undo()
    socket.getaddrinfo = ours.__closure__[0].cell_contents  # type: ignore[index, union-attr]
