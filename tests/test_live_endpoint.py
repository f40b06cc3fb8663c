"""An endpoint on another machine: called only where that was said, and left as it was found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_rtcmpu import Credentials, Endpoint, Request, cli, wire
from pytest_rtcmpu.checks.core import CannotRun
from pytest_rtcmpu.checks.endpoint import care
from pytest_rtcmpu.checks.endpoint.care import Care
from pytest_rtcmpu.checks.run import EndpointBench, Settings, run_bench
from pytest_rtcmpu.checks.testees.targets import endpoint_target
from pytest_rtcmpu.plugin.plan import plan
from pytest_rtcmpu.server.http import Server
from pytest_rtcmpu.values.messages import Delivery, Response

KEY = Credentials("testid", "testsecret")
#: A handful of cases with starts, a race not among them.
SOME = ("task-profile.*", "stop.restart")


class Far:
    """An endpoint of ours that is taken for another machine: what came, and what still runs."""

    def __init__(self) -> None:
        self.endpoint = Endpoint(KEY, warn=lambda warning: None, explain=False)
        self.calls: list[tuple[str, dict[str, str]]] = []
        #: Answers a call in place of the endpoint, where it returns something.
        self.instead: Callable[[str, int], Response | None] = lambda action, number: None
        self.url = ""

    def handle(self, request: Request) -> Response:
        """Answer a request, and keep what it was."""
        pairs = dict(wire.parse_pairs(request.query or request.body.decode()))
        action = pairs.get("Action") or request.header("x-acs-action") or ""
        self.calls.append((action, pairs))
        return self.instead(action, len(self.calls)) or self.endpoint.handle(request)

    def count(self, action: str) -> int:
        """How many calls of an operation came."""
        return sum(name == action for name, _ in self.calls)

    @property
    def running(self) -> list[str]:
        """The TaskIds of what runs."""
        return [task.task_id for task in self.endpoint.tasks]


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    """The package's own server, where no name is this machine's."""
    monkeypatch.setattr(care, "is_loopback", lambda host: False)
    made = Far()
    with Server(made.handle) as server:
        made.url = server.url
        yield made


def settings(**given: object) -> Settings:
    """Settings of a live run of few cases."""
    chosen = {"phases": ("documented",), "clauses": SOME, "live": True, **given}
    return Settings(**chosen)  # type: ignore[arg-type]


def refused(action: str) -> Callable[[str, int], Response | None]:
    """Refuse every call of an operation."""
    body = json.dumps({"RequestId": "r", "HostId": "h", "Code": "Forbidden", "Message": "no"})
    reply = Response(
        status=403, headers=(("Content-Type", "application/json"),), body=body.encode()
    )
    return lambda called, number: reply if called == action else None


# ------------------------------------------------------------------------------- only if it is said


def test_the_shell_refuses_an_endpoint_elsewhere_and_says_what_it_would_call(
    far: Far, tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --live the exit status is 2, no call is made, and the calls are counted by name."""
    monkeypatch.chdir(str(tmp_path))
    arguments = ["check", "endpoint", "--phase", "documented", "--clause", "stop.restart", far.url]
    assert cli.main(arguments) == 2
    told = capsys.readouterr().err
    assert f"{far.url} is not this machine" in told
    assert re.search(r"documented: at most \d+ calls \(\d+ StartMPUTask, \d+ StopMPUTask", told)
    assert all(option in told for option in ("--live", "--budget N", "--dry-run"))
    assert far.calls == []


def test_the_numbers_it_says_are_those_of_the_calls_that_it_makes(far: Far) -> None:
    """Each operation is called as often as was said; stops beyond are no more than was said."""
    with closing(EndpointBench(far.url, KEY, settings())) as bench:
        probes, documented, stops = bench.plan()
        run_bench(bench, bench.settings)
    said = {
        name: sum(int(n) for n in re.findall(rf"(\d+) {name}\b", probes + documented))
        for name in ("StartMPUTask", "GetMPUTaskStatus", "StopMPUTask")
    }
    most = int(re.findall(r"at most (\d+)", stops)[0])
    assert far.count("StartMPUTask") == said["StartMPUTask"] > 0
    assert far.count("GetMPUTaskStatus") == said["GetMPUTaskStatus"] > 0
    extra = far.count("StopMPUTask") - said["StopMPUTask"]
    assert 0 < extra <= most


def test_a_bench_that_nobody_allowed_sends_nothing(far: Far) -> None:
    """However an endpoint elsewhere is reached, a phase and a saved case are refused."""
    case = {
        "clause": "request.accepted",
        "scenario": {"name": "x", "steps": [{"pairs": [["TaskId", "@task:1"]]}]},
    }
    with closing(EndpointBench(far.url, KEY, settings(live=False))) as bench:
        with pytest.raises(CannotRun, match="is not this machine"):
            bench.result("documented", "stop.restart")
        with pytest.raises(CannotRun, match=r"replay: at most 1 call \(1 StartMPUTask\)"):
            bench.replay(case)
    assert far.calls == []


@pytest.mark.parametrize(
    ("url", "live"),
    [
        ("http://127.0.0.1:8080", False),
        ("http://localhost", False),
        ("http://[::1]:1", False),
        ("https://rtc.example.com", True),
        ("http://192.0.2.1:80", True),
        ("no url", False),
        ("http://[", False),
    ],
)
def test_what_is_live_is_what_is_not_this_machine(url: str, live: bool) -> None:
    """The name or the address decides; what is no URL is refused where it is called."""
    assert care.is_live(url) == live


def test_this_machine_is_checked_as_ever() -> None:
    """Nothing has to be allowed, and nothing is stopped that no case stops."""
    far = Far()
    chosen = settings(live=False, operations=("StartMPUTask",), clauses=("format.*",))
    with Server(far.handle) as server, closing(EndpointBench(server.url, KEY, chosen)) as bench:
        run_bench(bench, bench.settings)
    assert far.count("StopMPUTask") == 0
    assert len(far.running) > 1


def test_a_dry_run_prints_each_call_and_sends_none(
    far: Far, capsys: pytest.CaptureFixture[str]
) -> None:
    """Operation and parameters are shown, nothing that is signed, and how many there are."""
    arguments = ["check", "endpoint", far.url, "--dry-run", "--phase", "documented"]
    assert cli.main([*arguments, "--clause", "stop.restart"]) == 0
    told = capsys.readouterr().out
    lines = re.findall(r"^documented, [^:]+: (\w+) AppId=app1.* TaskId=rtcmpu-\S+", told, re.M)
    assert set(lines) == {"StartMPUTask", "StopMPUTask", "GetMPUTaskStatus"}
    assert f"documented: at most {len(lines)} calls" in told
    assert not any(word in told for word in ("Signature", "testsecret"))
    assert far.calls == []


def test_a_dry_run_of_a_client_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A client makes its calls itself: nobody knows them before."""
    assert cli.main(["check", "client", "pytest_rtcmpu.checks.own:start", "--dry-run"]) == 2
    assert "--dry-run is about endpoints" in capsys.readouterr().err


# ------------------------------------------------------------------------ stopped, however it ends


@pytest.mark.parametrize("phase", ["documented", "fuzz", "stateful"])
def test_everything_that_was_started_is_stopped(far: Far, phase: str) -> None:
    """At the end of a phase nothing runs, and nothing is said to be left."""
    chosen = settings(phases=(phase,), clauses=(), max_examples=4)
    if phase == "documented":
        chosen = settings()
    with closing(EndpointBench(far.url, KEY, chosen)) as bench:
        run = run_bench(bench, bench.settings)
        assert far.running == []
    assert far.count("StartMPUTask") > 0
    assert not any("could not be stopped" in note for note in run.notes)
    assert not any(result.broken for result in run.results)


def test_no_more_runs_at_once_than_one_case_needs(far: Far) -> None:
    """A case's tasks are stopped before the next begins."""
    most = 0

    def watch(action: str, number: int) -> Response | None:
        nonlocal most
        most = max(most, len(far.running))
        return None

    far.instead = watch
    with closing(EndpointBench(far.url, KEY, settings())) as bench:
        run_bench(bench, bench.settings)
    assert most == 1


def test_a_task_is_known_by_its_name(far: Far) -> None:
    """Each TaskId that a case does not misspell on purpose begins with rtcmpu-."""
    with closing(EndpointBench(far.url, KEY, settings())) as bench:
        run_bench(bench, bench.settings)
    started = [pairs for action, pairs in far.calls if action == "StartMPUTask"]
    named = [pairs.get("TaskId") or pairs.get("TaskID", "") for pairs in started]
    assert {name.partition("-")[0] for name in named} == {"rtcmpu"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, CannotRun])
@pytest.mark.parametrize("after", [True, False])
def test_what_breaks_a_run_off_leaves_nothing_running(
    far: Far, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], after: bool
) -> None:
    """Whether it comes before or after the reply was read, the task of the start is stopped."""
    with closing(EndpointBench(far.url, KEY, settings(clauses=("task-profile.*",)))) as bench:
        client = bench._clients["1.0"]
        exchange = client.exchange

        def broken_off(request: Request) -> Response:
            reply = exchange(request)
            if far.count("StartMPUTask") == 3 and not far.count("StopMPUTask") > 4:
                monkeypatch.setattr(client, "exchange", exchange)
                if not after:
                    raise error("enough")
                monkeypatch.setattr(bench, "_judge_step", interrupted)
            return reply

        def interrupted(*given: object, **also: object) -> None:
            raise error("enough")

        monkeypatch.setattr(client, "exchange", broken_off)
        if error is KeyboardInterrupt:
            assert not run_bench(bench, bench.settings).complete
        else:
            with pytest.raises(error):
                run_bench(bench, bench.settings)
        assert far.count("StartMPUTask") == 3
        assert far.running == []


def test_a_start_whose_reply_was_lost_is_stopped(far: Far) -> None:
    """Nobody knows whether it was done, so it is stopped; one that was refused is not."""

    def lost(action: str, number: int) -> Response | None:
        if action == "StartMPUTask" and far.count(action) == 2:
            return Response(status=200, delivery=Delivery(ending="reset"))
        return None

    far.instead = lost
    with closing(EndpointBench(far.url, KEY, settings())) as bench:
        run_bench(bench, bench.settings)
    lost_one = [pairs["TaskId"] for action, pairs in far.calls if action == "StartMPUTask"][1]
    assert lost_one in [pairs["TaskId"] for action, pairs in far.calls if action == "StopMPUTask"]


def test_what_was_refused_is_not_stopped(far: Far) -> None:
    """A refused start is nobody's task."""
    far.instead = refused("StartMPUTask")
    with closing(EndpointBench(far.url, KEY, settings(operations=("StartMPUTask",)))) as bench:
        run_bench(bench, bench.settings)
    assert far.count("StartMPUTask") > 0
    assert far.count("StopMPUTask") == 0


def test_what_could_not_be_stopped_is_listed(far: Far, capsys: pytest.CaptureFixture[str]) -> None:
    """Each such task is named with the reason, once, in the notes and on standard error."""
    far.instead = refused("StopMPUTask")
    with closing(EndpointBench(far.url, KEY, settings(clauses=("task-profile.enum",)))) as bench:
        run = run_bench(bench, bench.settings)
    left = [note for note in run.notes if "could not be stopped" in note]
    assert len(left) == len(far.running) > 1
    for task, note in zip(sorted(far.running), sorted(left), strict=True):
        assert f"TaskId {task!r} of AppId 'app1': HTTP 403, Code Forbidden" in note
    told = capsys.readouterr().err
    assert all(told.count(note) == 1 for note in left)
    assert "testsecret" not in told


def test_an_endpoint_that_answers_no_stop_is_not_waited_for_again_and_again(far: Far) -> None:
    """After three tasks whose stop nobody answers the others are listed untried."""
    account = Care(far.url)
    tried: list[str] = []

    def deaf(task: care.Task) -> str:
        tried.append(task[1])
        return f"{care.DEAF}: late"

    for number in range(5):
        account.sending(1, ("app1", f"t{number}"))
    account.stop_all(deaf)
    assert len(tried) == care.MAX_DEAF * care.TRIES
    assert len(account.left) == 5
    account.sending(1, ("app1", "later"))
    account.stop_all(lambda task: "")
    assert len(account.left) == 5


def test_an_interrupt_while_stopping_lists_the_rest(
    far: Far, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second Ctrl-C is obeyed, and what it leaves running is named."""
    account = Care(far.url)
    for number in range(3):
        account.sending(1, ("app1", f"t{number}"))

    def interrupt(task: care.Task) -> str:
        if task[1] == "t1":
            raise KeyboardInterrupt
        return ""

    with pytest.raises(KeyboardInterrupt):
        account.stop_all(interrupt)
    assert [task for _, task in account.left] == ["t1", "t2"]
    told = capsys.readouterr().err
    assert re.findall(r"TaskId '(\w+)'", told) == ["t1", "t2"]


# ----------------------------------------------------------------------------------- the budget


@pytest.mark.parametrize("budget", [1, 5, 12, 40])
@pytest.mark.parametrize("phase", ["documented", "fuzz", "stateful"])
def test_a_budget_is_kept_to_and_what_is_over_it_is_not_judged(
    far: Far, budget: int, phase: str
) -> None:
    """No more calls are made, stops among them; nothing is held, and a note says why."""
    chosen = settings(phases=(phase,), budget=budget, clauses=(), max_examples=40)
    with closing(EndpointBench(far.url, KEY, chosen)) as bench:
        run = run_bench(bench, bench.settings)
    assert len(far.calls) <= budget
    assert far.running == []
    (note,) = (note for note in run.notes if "budget" in note)
    assert note.startswith(f"the budget of {budget} calls was used up in {phase} at ")
    assert not any(result.broken for result in run.results)
    doubtful = [result for result in run.results if result.not_judged]
    assert doubtful
    assert all("the budget" in result.reason for result in doubtful)
    held = {r.clause for r in run.results if r.exercised and not r.not_judged}
    assert held <= {check.clause for check in bench.checks if check.only_about}


def test_a_budget_that_suffices_leaves_nothing_out(far: Far) -> None:
    """As many calls as the run needs are enough."""
    with closing(EndpointBench(far.url, KEY, settings(budget=5000))) as bench:
        run = run_bench(bench, bench.settings)
    assert not any("used up" in note for note in run.notes)
    assert not any(result.not_judged for result in run.results)


def test_nothing_is_begun_that_the_budget_could_not_stop(far: Far) -> None:
    """Two calls are a start and its stop; what costs less later does not go on in its place."""
    account = Care(far.url, budget=3)
    assert account.affords(1, 1)
    account.sending(1, ("app1", "t"))
    assert not account.affords(1, 1)
    assert not account.affords(1, 0)


# ---------------------------------------------------------------------------------------- pytest


CLASS = """
from pytest_rtcmpu.testing import EndpointContract

class TestFar(EndpointContract):
    url = {url!r}
    phases = ("documented",)
    clauses = ("task-profile.enum",)
    {more}
"""


@pytest.mark.parametrize("more", ["live = True", "live = True; budget = 6"])
def test_a_contract_class_stops_what_it_started(
    far: Far, pytester: pytest.Pytester, more: str
) -> None:
    """Reached through pytest, nothing is left running either, within the budget."""
    pytester.makepyfile(CLASS.format(url=far.url, more=more))
    result = pytester.runpytest("-p", "no:cacheprovider")
    assert far.count("StartMPUTask") > 0
    assert far.running == []
    assert ("the budget of 6" in result.stdout.str()) == ("budget" in more)
    assert "budget" not in more or len(far.calls) <= 6


@pytest.mark.parametrize(("workers", "each"), [(None, 9), (2, 4), (20, 0)])
def test_workers_keep_to_the_budget_together(
    tmp_path: Path, workers: int | None, each: int
) -> None:
    """Each process that may run a phase of its own has its share of the calls."""
    config: Any = SimpleNamespace(
        getoption={"rtcmpu_budget": 9}.get, getini=lambda name: "", rootpath=tmp_path
    )
    if workers is not None:
        config.workerinput = {"workercount": workers}
    config.option = config.invocation_params = SimpleNamespace(dir=tmp_path)
    target = endpoint_target("http://127.0.0.1:9")
    assert plan(config, target, node="n").settings.budget == each


def test_a_contract_class_does_not_call_what_nobody_allowed(
    far: Far, pytester: pytest.Pytester
) -> None:
    """The test fails and says which calls it would have made."""
    pytester.makepyfile(CLASS.format(url=far.url, more=""))
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    assert "is not this machine" in result.stdout.str()
    assert far.calls == []


def test_pytests_options_do_as_the_shells(far: Far, pytester: pytest.Pytester) -> None:
    """--rtcmpu-endpoint is refused before anything is collected; --rtcmpu-live allows it."""
    options = [
        f"--rtcmpu-endpoint={far.url}",
        "--rtcmpu-phase=documented",
        "--rtcmpu-clause=task-profile.enum",
        "-pno:cacheprovider",
    ]
    result = pytester.runpytest(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*is not this machine*"])
    assert far.calls == []
    result = pytester.runpytest(*options, "--rtcmpu-live", "--rtcmpu-budget=8")
    assert 0 < len(far.calls) <= 8
    assert far.running == []
