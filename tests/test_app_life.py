"""A stranger's suite: a task is started, polled until it runs, changed, stopped, started anew.

With each SDK, in each edition, in process and over the server. This file knows the package's
documented names alone, and is run once more on two workers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import pytest

from pytest_rtcmpu import Client, Credentials, StartMPUTask, contract

# alibabacloud_tea_openapi 0.4 calls datetime.utcnow(), which Python 3.12 deprecates.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:datetime\.datetime\.utcnow\(\) is deprecated:DeprecationWarning",
    # Both SDKs leave ChannelId out of GetMPUTaskStatus, which 2019-05 has.
    "ignore:.*ChannelId.*:pytest_rtcmpu.errors.SilenceWarning",
)

WAITING, RUNNING, STOPPED_BY_USER = 0, 1, 3
REST = timedelta(seconds=10)


@pytest.fixture(scope="session", params=["2019-05", "2021-03"])
def rtcmpu_contract(request: pytest.FixtureRequest) -> contract.Contract:
    """Each edition in turn: endpoint, client and server follow."""
    return contract.load(request.param)


# ------------------------------------------------------------------------------------- the app


class Sdk(Protocol):
    """What the app needs of an SDK."""

    def start(self, task: dict[str, Any]) -> None:
        """Start a task."""

    def status(self, task: dict[str, Any]) -> int:
        """Ask how it is."""

    def stop(self, task: dict[str, Any]) -> None:
        """Stop it."""


TASK: dict[str, Any] = {
    "app_id": "app",
    "channel_id": "channel",
    "task_id": "lesson-1",
    "media_encode": 20,
    "background_color": 0,
    "layout_ids": [1, 2],
    "stream_url": "rtmp://live.example.com/app/lesson-1",
}


class OurSdk:
    """The package's own client."""

    def __init__(self, url: str | None, judge_by: contract.Contract) -> None:
        """Call a URL, or the service's host."""
        self.contract = judge_by
        self.client = Client(Credentials("testid", "testsecret"), url, contract=judge_by)

    def start(self, task: dict[str, Any]) -> None:
        """Start a task."""
        self.client.start_mpu_task(
            StartMPUTask(**task, task_profile="4IN_720P", contract=self.contract)
        )

    def status(self, task: dict[str, Any]) -> int:
        """Ask how it is."""
        ids = {name: task[name] for name in ("app_id", "channel_id", "task_id")}
        return int(self.client.get_mpu_task_status(**ids).status)

    def stop(self, task: dict[str, Any]) -> None:
        """Stop it."""
        self.client.stop_mpu_task(app_id=task["app_id"], task_id=task["task_id"])


class NewSdk:
    """alibabacloud_rtc20180111."""

    def __init__(self, url: str | None, judge_by: contract.Contract) -> None:
        """Call a URL, or the service's host."""
        client = pytest.importorskip("alibabacloud_rtc20180111.client")
        self.models = pytest.importorskip("alibabacloud_rtc20180111.models")
        config = pytest.importorskip("alibabacloud_tea_openapi.models").Config
        parts = urlsplit(url or "")
        where = {"endpoint": parts.netloc, "protocol": parts.scheme} if url else {}
        keys = {"access_key_id": "testid", "access_key_secret": "testsecret"}
        self.client = client.Client(config(**keys, region_id="cn-hangzhou", **where))

    def start(self, task: dict[str, Any]) -> None:
        """Start a task; the SDK has no TaskProfile of its own."""
        runtime = pytest.importorskip("darabonba.runtime")
        more = runtime.ExtendsParameters(queries={"TaskProfile": "4IN_720P"})
        self.client.start_mputask_with_options(
            self.models.StartMPUTaskRequest(**task), runtime.RuntimeOptions(extends_parameters=more)
        )

    def status(self, task: dict[str, Any]) -> int:
        """Ask how it is."""
        request = self.models.GetMPUTaskStatusRequest(
            app_id=task["app_id"], task_id=task["task_id"]
        )
        return int(self.client.get_mputask_status(request).body.status)

    def stop(self, task: dict[str, Any]) -> None:
        """Stop it."""
        request = self.models.StopMPUTaskRequest(app_id=task["app_id"], task_id=task["task_id"])
        self.client.stop_mputask(request)


class OldSdk:
    """aliyun-python-sdk-rtc."""

    def __init__(self, url: str | None, judge_by: contract.Contract) -> None:
        """Call a URL, or the service's host."""
        credentials = pytest.importorskip("aliyunsdkcore.auth.credentials")
        core = pytest.importorskip("aliyunsdkcore.client")
        self.url = urlsplit(url) if url else None
        port = {"port": self.url.port} if self.url else {}
        key = credentials.AccessKeyCredential("testid", "testsecret")
        self.client = core.AcsClient(region_id="cn-hangzhou", credential=key, **port)

    def _call(self, action: str, task: dict[str, Any], names: tuple[str, ...]) -> Any:
        module = pytest.importorskip(f"aliyunsdkrtc.request.v20180111.{action}Request")
        request = getattr(module, f"{action}Request")()
        for name in names:
            setter = "".join(part.capitalize() for part in name.split("_"))
            setter = {"LayoutIds": "LayoutIdss", "StreamUrl": "StreamURL"}.get(setter, setter)
            getattr(request, f"set_{setter}")(task[name])
        if action == "StartMPUTask":
            request.add_query_param("TaskProfile", "4IN_720P")
        if self.url:
            request.set_endpoint(self.url.hostname)
            request.set_protocol_type(self.url.scheme)
        return json.loads(self.client.do_action_with_exception(request))

    def start(self, task: dict[str, Any]) -> None:
        """Start a task."""
        self._call("StartMPUTask", task, tuple(task))

    def status(self, task: dict[str, Any]) -> int:
        """Ask how it is."""
        return int(self._call("GetMPUTaskStatus", task, ("app_id", "task_id"))["Status"])

    def stop(self, task: dict[str, Any]) -> None:
        """Stop it."""
        self._call("StopMPUTask", task, ("app_id", "task_id"))


class App:
    """An app that streams lessons."""

    def __init__(self, sdk: Sdk) -> None:
        """Use an SDK."""
        self.sdk = sdk
        self.polls = 0

    def go_live(self, task: dict[str, Any], most: int = 10) -> bool:
        """Start a task and poll until it runs; whether it does."""
        self.sdk.start(task)
        for _ in range(most):
            self.polls += 1
            status = self.sdk.status(task)
            if status == RUNNING:
                return True
            if status != WAITING:
                return False
        return False

    def end(self, task: dict[str, Any]) -> bool:
        """Stop a task; whether it is stopped."""
        self.sdk.stop(task)
        return self.sdk.status(task) == STOPPED_BY_USER


# ----------------------------------------------------------------------------------- the suite


@pytest.fixture(params=["in process", "over the server"])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[Any, str | None]]:
    """The endpoint, and the URL to call where it is not the service's own."""
    if request.param == "in process":
        yield request.getfixturevalue("rtcmpu_endpoint"), None
    else:
        served = request.getfixturevalue("rtcmpu_server")
        yield served, served.url
        served.take_warnings()


@pytest.fixture(params=[OurSdk, OldSdk, NewSdk], ids=lambda kind: kind.__name__)
def app(
    request: pytest.FixtureRequest,
    place: tuple[Any, str | None],
    rtcmpu_contract: contract.Contract,
) -> App:
    """The app, with each SDK."""
    return App(cast(Callable[..., Sdk], request.param)(place[1], rtcmpu_contract))


@pytest.fixture
def endpoint(place: tuple[Any, str | None]) -> Any:
    """The endpoint that the app calls."""
    return place[0]


KEY = (TASK["app_id"], TASK["task_id"])


def script(endpoint: Any, sdk: Sdk, *statuses: int) -> None:
    """Let the task's polls answer these, whenever it is started."""
    start = sdk.start

    def started(task: dict[str, Any]) -> None:
        start(task)
        endpoint.set_status(KEY, *statuses)

    sdk.start = started  # type: ignore[method-assign]


def test_a_life(app: App, endpoint: Any, rtcmpu_contract: contract.Contract) -> None:
    """Started, polled until it runs, changed, stopped, started anew: each step shows."""
    script(endpoint, app.sdk, WAITING, WAITING, RUNNING)
    assert app.go_live(TASK)
    assert app.polls == 3
    [running] = endpoint.tasks
    assert (running.task_id, running.layout_ids) == ("lesson-1", (1, 2))
    if "UpdateMPULayout" in rtcmpu_contract.operations:
        ours = OurSdk(getattr(endpoint, "url", None), rtcmpu_contract).client
        named = [*zip(("AppId", "TaskId"), KEY, strict=True), ("LayoutIds.1", "5")]
        ours.call("UpdateMPULayout", named)
        ours.close()
        assert endpoint.calls[-1].code is None
        assert endpoint.status(KEY) == RUNNING
    assert app.end(TASK)
    assert endpoint.tasks == []
    if any(p.rest_seconds for p in rtcmpu_contract.parameters):
        endpoint.advance_clock(REST)  # its address rests for so long
    assert app.go_live(TASK)
    assert endpoint.status(KEY) == RUNNING
    assert {call.code for call in endpoint.calls} == {None}


def test_it_never_runs(app: App, endpoint: Any) -> None:
    """An app that waits for a task which stops by itself sees that."""
    script(endpoint, app.sdk, WAITING, 2)
    assert not app.go_live(TASK)
    assert app.polls == 2
    assert endpoint.tasks == []


def test_it_waits_in_vain(app: App, endpoint: Any) -> None:
    """An app gives up after so many polls, and its task is still there."""
    assert not app.go_live(TASK, most=4)
    assert app.polls == 4
    assert len(endpoint.tasks) == 1


def test_asked_before_it_is_started(app: App, endpoint: Any) -> None:
    """The status of a task that nobody started is an error in every SDK."""
    with pytest.raises(Exception, match="not existed"):
        app.sdk.status(TASK)
    assert endpoint.calls[-1].code == "InvalidTask.NotFound"


@pytest.mark.parametrize("workers", [("-p", "xdist", "-n", "2")], ids=["two workers"])
def test_this_suite_on_two_workers(pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """The same suite passes on two workers."""
    pytester.makepyfile(test_app=Path(__file__).read_text("utf-8"))
    pytester.makefile(".ini", pytest="[pytest]\nfilterwarnings = error\n")
    result = pytester.runpytest_subprocess(
        *("-p", "rtcmpu", "-p", "no:cacheprovider", "-k", "not two_workers", *workers)
    )
    count = 4 * 3 * 2 * 2
    result.assert_outcomes(passed=count)
