"""The fixture ``rtcmpu_server``: what tests see of it, and what one leaves to the next."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import requests
from raw_socket import PATIENCE, Raw

from pytest_rtcmpu import (
    Client,
    Credentials,
    StartMPUTask,
    TransportError,
    TransportTimeout,
    UnreadableReply,
    faults,
)
from pytest_rtcmpu.errors import GatewayError, InternalError, SignatureWarning, TaskExisted
from pytest_rtcmpu.mock.served import ServedEndpoint

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def client(rtcmpu_server: ServedEndpoint, rtcmpu_credentials: Credentials) -> Client:
    """A client of the server."""
    return Client(rtcmpu_credentials, rtcmpu_server.url, timeout=PATIENCE)


@pytest.mark.parametrize("signature", ["1.0", "v3"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_call_over_the_socket(
    rtcmpu_server: ServedEndpoint,
    rtcmpu_credentials: Credentials,
    rtcmpu_task: StartMPUTask,
    signature: str,
    method: str,
) -> None:
    """A signed call over the socket starts a task, once."""
    client = Client(rtcmpu_credentials, rtcmpu_server.url, signature=signature, method=method)  # type: ignore[arg-type]
    assert rtcmpu_server.url.startswith("http://127.0.0.1:")
    reply = client.start_mpu_task(rtcmpu_task)
    assert rtcmpu_server.calls[0].request_id == reply.request_id
    assert rtcmpu_server.tasks == [rtcmpu_task]
    with pytest.raises(TaskExisted):
        client.start_mpu_task(rtcmpu_task)
    client.close()


def test_controls_are_the_endpoints(
    rtcmpu_server: ServedEndpoint, client: Client, rtcmpu_task: StartMPUTask
) -> None:
    """It has every control of the endpoint, and is found under ``endpoint`` too."""
    assert rtcmpu_server.endpoint is rtcmpu_server
    rtcmpu_server.fail_next("InternalError")
    with pytest.raises(InternalError):
        client.start_mpu_task(rtcmpu_task)
    client.start_mpu_task(rtcmpu_task)
    rtcmpu_server.stop(rtcmpu_task)
    rtcmpu_server.set_clock(datetime(2019, 1, 1, tzinfo=UTC))
    with pytest.raises(GatewayError, match="InvalidTimeStamp"):
        client.start_mpu_task(rtcmpu_task)
    rtcmpu_server.reset()
    client.start_mpu_task(rtcmpu_task)
    assert rtcmpu_server.call_count == 1
    client.close()


def test_the_environment_has_test_keys(
    rtcmpu_server: ServedEndpoint, rtcmpu_credentials: Credentials
) -> None:
    """SDKs, and programs that a test starts, find the test key in the environment."""
    assert os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] == rtcmpu_credentials.access_key_id
    assert os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] == rtcmpu_credentials.access_key_secret


def test_control_over_http(
    rtcmpu_server: ServedEndpoint, client: Client, rtcmpu_task: StartMPUTask
) -> None:
    """The control interface acts on the endpoint that the test has."""
    client.start_mpu_task(rtcmpu_task)
    url = f"{rtcmpu_server.url}/_rtcmpu/"
    assert requests.get(f"{url}calls", timeout=PATIENCE).json()["call_count"] == 1
    assert requests.get(url, timeout=PATIENCE).text.startswith("<!doctype html>")
    requests.post(f"{url}fail-next", json={"code": "InternalError"}, timeout=PATIENCE)
    with pytest.raises(InternalError):
        client.start_mpu_task(replace(rtcmpu_task, task_id="2"))
    requests.post(f"{url}reset", timeout=PATIENCE)
    assert rtcmpu_server.call_count == 0
    client.close()


# ------------------------------------------------------------------------------ faults on the wire

LOST = {
    "timeout": TransportTimeout,
    "connection_reset": TransportError,
    "reset_amid_reply": TransportError,
    "truncated_body": TransportError,
    "garbage": TransportError,
    "html_502": UnreadableReply,
    "truncated_json": UnreadableReply,
    "empty_body": UnreadableReply,
    "trailing_comma": UnreadableReply,
    "wrong_content_type": None,
}


@pytest.mark.parametrize("name", faults.PLAIN)
def test_faults_on_the_wire(
    rtcmpu_server: ServedEndpoint,
    rtcmpu_credentials: Credentials,
    rtcmpu_task: StartMPUTask,
    name: str,
) -> None:
    """Each fault spoils one reply on the wire, and the next is well."""
    timeout = 0.3 if name == "timeout" else PATIENCE
    client = Client(rtcmpu_credentials, rtcmpu_server.url, timeout=timeout)
    rtcmpu_server.fail_next(faults.PLAIN[name])
    expected = LOST[name]
    if expected is None:
        client.start_mpu_task(rtcmpu_task)
    else:
        with pytest.raises(expected) as caught:
            client.start_mpu_task(rtcmpu_task)
        assert type(caught.value) is expected
    assert rtcmpu_server.calls[0].fault == repr(faults.PLAIN[name])
    assert rtcmpu_server.tasks == ([rtcmpu_task] if faults.PLAIN[name].handled else [])
    client.timeout = PATIENCE
    rtcmpu_server.reset()
    client.start_mpu_task(rtcmpu_task)
    client.close()


def raw_call(server: ServedEndpoint, client: Client, task: StartMPUTask) -> Raw:
    """Send a signed call on a socket of one's own."""
    target = client.prepare("StartMPUTask", task.to_wire()).target
    asked = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    return Raw(int(server.url.rpartition(":")[2])).send(asked.encode())


def rest(raw: Raw) -> bytes:
    """All that still comes on a socket; it is closed then."""
    with raw:
        return raw.rest()


def test_bytes_as_they_are_on_the_wire(
    rtcmpu_server: ServedEndpoint, client: Client, rtcmpu_task: StartMPUTask
) -> None:
    """Truncated is less than Content-Length promises, garbage is no HTTP, a reset is a reset."""

    def answer(fault: faults.Fault) -> Raw:
        rtcmpu_server.reset()
        rtcmpu_server.fail_next(fault)
        return raw_call(rtcmpu_server, client, rtcmpu_task)

    head, _, body = rest(answer(faults.truncated_body)).partition(b"\r\n\r\n")
    whole = len(rtcmpu_server.calls[0].reply.body)
    assert f"Content-Length: {whole}\r\n".encode() in head + b"\r\n"
    assert len(body) == whole // 2
    assert rest(answer(faults.garbage)).startswith(b"\0\xff\x16\x03")
    for fault in (faults.connection_reset, faults.reset_amid_reply):
        with pytest.raises(ConnectionResetError):
            rest(answer(fault))
    assert b"Content-Type: text/html\r\n" in rest(answer(faults.wrong_content_type))
    began = time.monotonic()
    assert rest(answer(faults.delay(0.2))).endswith(b"}")
    assert time.monotonic() - began >= 0.2
    began = time.monotonic()
    assert rest(answer(faults.slow_bytes(200))).endswith(b"}")
    assert time.monotonic() - began >= 0.8 * len(rtcmpu_server.calls[0].reply.body) / 200


# ---------------------------------------------------------------- what one test leaves to the next


@pytest.mark.parametrize("number", range(3))
def test_fresh_for_each_test(
    rtcmpu_server: ServedEndpoint, client: Client, rtcmpu_task: StartMPUTask, number: int
) -> None:
    """No task, call, failure or clock of another test is there."""
    assert rtcmpu_server.calls == []
    assert rtcmpu_server.tasks == []
    client.start_mpu_task(rtcmpu_task)
    rtcmpu_server.fail_next("InternalError", times=9)
    rtcmpu_server.fail_next(faults.timeout, times=9)
    rtcmpu_server.advance_clock(99999)
    client.close()


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest on a test file in a process of its own, where warnings are errors."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(source: str, *options: str, ini: str = "") -> pytest.RunResult:
        pytester.makefile(".ini", pytest=f"[pytest]\nfilterwarnings = error\n{ini}\n")
        pytester.makepyfile(source)
        return pytester.runpytest_subprocess("-p", "rtcmpu", "-p", "no:cacheprovider", *options)

    return run


def test_one_server_for_the_run(run: Run) -> None:
    """An unused server is not started; its URL then stays, and serves nothing between tests."""
    result = run(
        """
        import requests
        import threading
        urls = set()

        def servers():
            return [t.name for t in threading.enumerate() if t.name == "rtcmpu-server"]

        def test_unused(rtcmpu_credentials):
            assert servers() == []

        def test_one(rtcmpu_server):
            urls.add(rtcmpu_server.url)
            assert servers() == ["rtcmpu-server"]

        def test_between():
            [url] = urls
            assert requests.get(url, timeout=20).status_code == 503

        def test_two(rtcmpu_server):
            assert urls == {rtcmpu_server.url}
            assert rtcmpu_server.calls == []
        """
    )
    result.assert_outcomes(passed=4)


def test_an_error_fails_the_test_that_caused_it(run: Run) -> None:
    """What is raised inside the server is the test's error, with its traceback, and no other's."""
    result = run(
        """
        import requests

        def broken_clock():
            raise ZeroDivisionError("the clock of testsecret")

        def test_broken(rtcmpu_server):
            rtcmpu_server.set_clock(broken_clock)
            assert requests.get(rtcmpu_server.url, timeout=20).status_code == 500

        def test_well(rtcmpu_server):
            assert requests.get(rtcmpu_server.url, timeout=20).status_code == 400
        """
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_broken*",
            "rtcmpu_server failed while answering Request(GET /, *",
            "Traceback (most recent call last):",
            "*broken_clock",
            "ZeroDivisionError: the clock of *",
        ]
    )
    assert (
        "testsecret"
        not in result.stdout.str()
        .partition("ERROR at teardown")[2]
        .partition("rtcmpu_server failed")[2]
        .partition("=====")[0]
    )


SIGNED_WRONGLY = """
    import pytest
    from pytest_rtcmpu import Client, Credentials, GatewayError
    from pytest_rtcmpu.errors import SignatureWarning
    from pytest_rtcmpu.model import example_task

    def call(url):
        with pytest.raises(GatewayError):
            Client(Credentials("testid", "wrong"), url).start_mpu_task(example_task())

    def test_wrong(rtcmpu_server):
        call(rtcmpu_server.url)

    def test_taken(rtcmpu_server):
        call(rtcmpu_server.url)
        [warning] = rtcmpu_server.take_warnings()
        assert type(warning) is SignatureWarning
        assert "does not verify" in str(warning)
        assert rtcmpu_server.take_warnings() == []

    @pytest.mark.filterwarnings("ignore::pytest_rtcmpu.errors.SignatureWarning")
    def test_ignored(rtcmpu_server):
        call(rtcmpu_server.url)
    """


def test_warnings_as_errors(run: Run) -> None:
    """Where warnings are errors, one in the server is the test's, unless taken or ignored."""
    result = run(SIGNED_WRONGLY)
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*SignatureWarning: Signature 1.0 by AccessKeyId 'testid' does*"])


def test_warnings_in_the_summary(run: Run) -> None:
    """A warning in the server stands in the run's summary, at the test it belongs to."""
    result = run(SIGNED_WRONGLY, "-W", "default")
    result.assert_outcomes(passed=3, warnings=1)
    result.stdout.fnmatch_lines(["*::test_wrong", "*SignatureWarning: Signature 1.0*"])


def test_held_replies_do_not_disturb(run: Run) -> None:
    """Replies that a test left hanging or late end with it; the next test sees nothing of them."""
    result = run(
        """
        import socket, threading, time
        import pytest
        from pytest_rtcmpu import Client, TransportError, faults
        from pytest_rtcmpu.model import example_task

        waiting = []

        def call(server, credentials):
            try:
                Client(credentials, server.url, timeout=60).start_mpu_task(example_task())
            except TransportError as error:
                waiting.append(type(error))

        @pytest.mark.parametrize("fault", [faults.timeout, faults.delay(30), faults.slow_bytes(1)])
        def test_left_hanging(rtcmpu_server, rtcmpu_credentials, fault):
            rtcmpu_server.fail_next(fault)
            thread = threading.Thread(target=call, args=(rtcmpu_server, rtcmpu_credentials))
            thread.start()
            while not rtcmpu_server.calls:
                time.sleep(0.01)
            threads.append(thread)

        threads = []

        def test_next(rtcmpu_server, rtcmpu_credentials):
            began = time.monotonic()
            for thread in threads:
                thread.join(20)
            assert time.monotonic() - began < 10
            assert waiting == [TransportError] * 3
            assert rtcmpu_server.calls == []
            Client(rtcmpu_credentials, rtcmpu_server.url).start_mpu_task(example_task())
        """
    )
    result.assert_outcomes(passed=4)


def test_each_worker_has_its_own(run: Run) -> None:
    """Under xdist two workers serve on ports of their own at once."""
    result = run(
        """
        import pytest, requests

        @pytest.mark.parametrize("number", range(8))
        def test_own(rtcmpu_server, number):
            for _ in range(5):
                requests.get(rtcmpu_server.url, timeout=20)
            assert rtcmpu_server.call_count == 5
        """,
        "-p",
        "xdist",
        "-n",
        "2",
    )
    result.assert_outcomes(passed=8)


def test_warnings_are_kept_up_to_a_limit(rtcmpu_server: ServedEndpoint) -> None:
    """A client that signs wrongly again and again does not fill the memory with explanations."""
    for _ in range(150):
        rtcmpu_server._take(SignatureWarning("x"))
    assert len(rtcmpu_server.take_warnings()) == 100


def test_it_is_safe_from_other_threads(
    rtcmpu_server: ServedEndpoint, rtcmpu_credentials: Credentials, rtcmpu_task: StartMPUTask
) -> None:
    """Of eight threads that start one task, one succeeds, while another looks at the calls."""
    outcomes: list[str] = []

    def call() -> None:
        client = Client(rtcmpu_credentials, rtcmpu_server.url, timeout=PATIENCE)
        try:
            client.start_mpu_task(rtcmpu_task)
            outcomes.append("started")
        except TaskExisted:
            outcomes.append("existed")
        finally:
            client.close()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(rtcmpu_server.calls) < 8:
        time.sleep(0.005)
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(outcomes) == ["existed"] * 7 + ["started"]
