"""What calls do to tasks and layouts, and what the endpoint tells of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pytest_rtcmpu import Client, Credentials, contract
from pytest_rtcmpu.checks.run import Settings, run_bench
from pytest_rtcmpu.checks.testees.targets import OWN
from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS

NOW = datetime(2021, 3, 23, 12, tzinfo=UTC)
EARLIER, LATER = contract.load("2019-05"), contract.load("2021-03")
WAITING, RUNNING, STOPPED, STOPPED_BY_USER = 0, 1, 2, 3

START = {
    "AppId": "app",
    "ChannelId": "channel",
    "TaskId": "task",
    "MediaEncode": "20",
    "TaskProfile": "4IN_720P",
    "BackgroundColor": "0",
    "LayoutIds.1": "1",
    "StreamURL": "rtmp://live.example.com/app/stream",
}
IDS = {"AppId": "app", "TaskId": "task"}
KEY = ("app", "task")

pytestmark = pytest.mark.filterwarnings("ignore::pytest_rtcmpu.errors.SilenceWarning")


class Service:
    """An endpoint with a client of it."""

    def __init__(self, judge_by: contract.Contract, **options: Any) -> None:
        """Make both of an edition."""
        key = Credentials("testid", "testsecret")
        self.endpoint = Endpoint(key, contract=judge_by, now=NOW, **options)
        self._client = Client(key, contract=judge_by, now=lambda: self.endpoint.now)

    def ask(self, action: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Return a reply's fields."""
        answer = self.endpoint.handle(self._client.prepare(action, params))
        found: dict[str, Any] = json.loads(answer.body)
        return found

    def code(self, action: str, params: Mapping[str, str]) -> str | None:
        """Return the Code that answers, ``None`` for a success."""
        self.ask(action, params)
        return self.endpoint.calls[-1].code

    def start(self, **changes: str) -> str | None:
        """Start a task and return the Code."""
        return self.code("StartMPUTask", {**START, **changes})

    def polls(self, times: int) -> list[int]:
        """Return what that many polls answer."""
        asked = {**IDS, "ChannelId": "channel"}
        names = {p.name for p in self.endpoint.contract.operation("GetMPUTaskStatus").parameters}
        asked = {name: value for name, value in asked.items() if name in names}
        return [int(self.ask("GetMPUTaskStatus", asked)["Status"]) for _ in range(times)]


@pytest.fixture(params=[EARLIER, LATER], ids=lambda each: each.edition)
def service(request: pytest.FixtureRequest) -> Service:
    """Each edition's endpoint."""
    return Service(request.param)


# -------------------------------------------------------------------------------------- statuses


def test_a_task_waits_until_a_test_says_otherwise(service: Service) -> None:
    """A task that was started has status 0, however often it is asked about."""
    assert service.start() is None
    assert service.polls(3) == [WAITING] * 3


def test_the_last_status_of_a_script_stays(service: Service) -> None:
    """A script is used up poll by poll; ``status`` uses up nothing."""
    service.start()
    service.endpoint.set_status(KEY, 0, 0, 1)
    assert service.endpoint.status(KEY) == WAITING
    assert service.polls(4) == [WAITING, WAITING, RUNNING, RUNNING]
    assert service.endpoint.status(KEY) == RUNNING


def test_statuses_of_the_tasks_to_come(service: Service) -> None:
    """What is set for starts holds for each that follows, and for none that was."""
    service.start()
    service.endpoint.set_start_status(0, 1)
    assert service.polls(2) == [WAITING, WAITING]
    for _ in range(2):
        service.ask("StopMPUTask", IDS)
        service.endpoint.advance_clock(10)
        assert service.start() is None
        assert service.polls(3) == [WAITING, RUNNING, RUNNING]
    service.endpoint.set_start_status()
    service.ask("StopMPUTask", IDS)
    service.endpoint.advance_clock(10)
    assert service.start() is None
    assert service.polls(1) == [WAITING]


def test_a_single_status_of_the_tasks_to_come_is_theirs_at_once(service: Service) -> None:
    """A task that ends as it starts leaves its TaskId free."""
    service.endpoint.set_start_status(STOPPED)
    assert service.start() is None
    assert service.endpoint.tasks == []
    assert service.polls(1) == [STOPPED]


@pytest.mark.parametrize("given", [(7,), (0, 7), ("1",), (True,)])
def test_a_status_that_there_is_not(service: Service, given: tuple[Any, ...]) -> None:
    """Refused for tasks to come as for one that was started, whose status stays."""
    service.start()
    for ask in (service.endpoint.set_start_status, lambda *a: service.endpoint.set_status(KEY, *a)):
        with pytest.raises(ValueError, match=r"status: expected one of 0, 1, 2, 3.*, got"):
            ask(*given)
    assert service.polls(1) == [WAITING]


def test_a_reset_forgets_them(service: Service) -> None:
    """After a reset a task waits again."""
    service.endpoint.set_start_status(RUNNING)
    service.endpoint.reset()
    service.start()
    assert service.polls(1) == [WAITING]


def test_of_tasks_that_ended_the_latest_are_kept(service: Service) -> None:
    """As many as calls are: the oldest is asked about in vain."""
    kept = Service(service.endpoint.contract, max_calls=2)
    for name in "abc":
        assert kept.start(TaskId=name, StreamURL=f"rtmp://live.example.com/{name}") is None
        kept.endpoint.stop(("app", name))
    assert [kept.endpoint.status(("app", name)) for name in "bc"] == [STOPPED_BY_USER] * 2
    with pytest.raises(KeyError, match="'b'"):
        kept.endpoint.status(("app", "a"))


# ------------------------------------------------------------------------- a StreamURL is one's own


def later() -> Service:
    """The edition that says so: a StreamURL is in use once, and rests for ten seconds."""
    return Service(LATER)


def test_a_task_that_runs_again_has_its_stream_url_again() -> None:
    """A test that lets an ended task run again takes the StreamURL back."""
    service = later()
    service.start()
    service.endpoint.set_status(KEY, STOPPED)
    service.endpoint.set_status(KEY, RUNNING)
    service.endpoint.advance_clock(60)
    assert service.start(TaskId="other") == "InvalidStreamURL"


def test_a_stream_url_that_another_task_has_stays_that_ones() -> None:
    """A task that runs again takes nothing away, and its end frees nothing of another's."""
    service = later()
    service.start()
    service.endpoint.set_status(KEY, STOPPED)
    service.endpoint.advance_clock(10)
    assert service.start(TaskId="other") is None
    service.endpoint.set_status(KEY, RUNNING)
    service.endpoint.stop(KEY)
    service.endpoint.advance_clock(60)
    assert service.start(TaskId="third") == "InvalidStreamURL"


def test_each_stream_url_rests_by_itself() -> None:
    """One that ended earlier is free earlier, in whichever order they were started."""
    service = later()
    urls = {name: f"rtmp://live.example.com/{name}" for name in "ab"}
    for name, url in urls.items():
        service.start(TaskId=name, StreamURL=url)
    service.endpoint.stop(("app", "b"))
    service.endpoint.advance_clock(5)
    service.endpoint.stop(("app", "a"))
    service.endpoint.advance_clock(timedelta(seconds=5))
    assert service.start(TaskId="b", StreamURL=urls["b"]) is None
    assert service.start(TaskId="a", StreamURL=urls["a"]) == "InvalidStreamURL"


def test_a_stream_url_that_has_rested_is_forgotten() -> None:
    """However many tasks end, only what still rests is kept; one that ran again ended last."""
    service = later()
    for name in "abc":
        service.start(TaskId=name, StreamURL=f"rtmp://live.example.com/{name}")
        service.endpoint.stop(("app", name))
    service.endpoint.set_status(("app", "a"), RUNNING)
    service.endpoint.advance_clock(9)
    service.endpoint.stop(("app", "a"))
    service.endpoint.advance_clock(1)
    service.start(TaskId="d", StreamURL="rtmp://live.example.com/d")
    assert [url[-1] for _, url in service.endpoint._state.resting] == ["a"]


# ---------------------------------------------------------------------------------------- layouts

LAYOUT = {"AppId": "app", "AudioMixCount": "2", "Panes.1.PaneId": "0", "Panes.2.PaneId": "1"}


def listed(service: Service, app_id: str) -> list[int]:
    """Return the ids that an application is told."""
    reply = service.ask("DescribeMPULayoutList", {"AppId": app_id})
    ids: list[int] = reply["LayoutIds"]["LayoutId"]
    return ids


def test_an_id_is_not_given_twice() -> None:
    """A layout that follows one that was deleted has another id."""
    service = later()
    first = service.ask("CreateMPULayout", LAYOUT)["LayoutId"]
    assert service.code("DeleteMPULayout", {"AppId": "app", "LayoutId": str(first)}) is None
    second = service.ask("CreateMPULayout", LAYOUT)["LayoutId"]
    assert second not in (first, *LATER.layouts)
    assert service.start(**{"LayoutIds.1": str(first)}) == "InvalidLayoutID.Malformed"
    assert service.start(**{"LayoutIds.1": str(second)}) is None


def test_an_application_is_told_its_own_layouts() -> None:
    """Beside the built-in ones and those that a test registered."""
    service = later()
    made = service.ask("CreateMPULayout", LAYOUT)["LayoutId"]
    service.endpoint.register_layout(20_000, panes=2)
    assert listed(service, "app") == sorted((*LATER.layouts, made, 20_000))
    assert listed(service, "other") == sorted((*LATER.layouts, 20_000))


@pytest.mark.parametrize("action", ["ModifyMPULayout", "DeleteMPULayout"])
def test_another_applications_layout_is_not_changed(action: str) -> None:
    """To change it is answered, as no page says with what, does nothing and is noted."""
    service = later()
    made = service.ask("CreateMPULayout", LAYOUT)["LayoutId"]
    asked = {"AppId": "other", "LayoutId": str(made)}
    assert service.code(action, asked) is None
    [note] = service.endpoint.calls[-1].warnings
    assert note.silence.id.endswith("unknown-layout")
    told = service.ask("DescribeMPULayoutInfoList", {"AppId": "app"})
    assert [layout["LayoutId"] for layout in told["Layouts"]["Layout"]] == [made]


# ------------------------------------------------------------------------------------- in checks


@pytest.mark.parametrize("seed", [1, 914712])
def test_what_rests_accuses_nobody(seed: int) -> None:
    """Sequences of starts, stops and refusals hold, where an address belongs to one task."""
    chosen = Settings(phases=("stateful",), edition="2021-03", seed=seed, max_examples=40)
    with OWN[1].bench(chosen, TEST_CREDENTIALS) as bench:
        results = run_bench(bench, chosen).results
    assert [result.clause for result in results if result.broken] == []
    assert any(result.exercised for result in results)
