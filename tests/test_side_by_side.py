"""Several targets of ``rtcmpu check`` at once, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_rtcmpu.checks import side_by_side
from pytest_rtcmpu.checks.core import SubjectRun
from pytest_rtcmpu.checks.run import Settings
from pytest_rtcmpu.checks.side_by_side import run_targets, usual_jobs
from pytest_rtcmpu.checks.testees.targets import OWN, callable_target, endpoint_target
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS

CLIENTS = """
import ctypes, os, pathlib, signal, time
from pytest_rtcmpu.checks import own

def right(params, **given):
    return own.start(params, **given)

def drops_zero(params, **given):
    return own.start({**params, "MediaEncode": params["MediaEncode"] or 1}, **given)

def slow(params, **given):
    answer = own.start(params, **given)
    with open("begun", "a") as calls:
        calls.write(".")
    time.sleep(0.05)
    return answer

def dies(params, **given):
    os.kill(os.getpid(), signal.SIGKILL)

def silent(params, **given):
    return "a-request-id"
"""


@pytest.fixture(autouse=True)
def _clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in a folder of its own, which has some clients."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clients.py").write_text(CLIENTS, "utf-8")


def begin(*arguments: str) -> subprocess.Popen[str]:
    """Begin a check in a process of its own, and a group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest_rtcmpu", "check", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )


def check(*arguments: str) -> tuple[int, str, str]:
    """Return a check's exit status, and what it printed."""
    process = begin(*arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_at_once_and_in_turn_find_the_same(tmp_path: Path) -> None:
    """Every result is the same but for the time it took, and they stand in the order named."""
    found = []
    for jobs in ("1", "2"):
        status, _, err = check(
            "client", "clients:drops_zero", "clients:right", "--phase", "pairwise,fuzz",
            "--seed", "1", "--jobs", jobs, "--report", f"{jobs}.json",
        )  # fmt: skip
        assert status == 1, err
        report = json.loads((tmp_path / f"{jobs}.json").read_text("utf-8"))
        found.append(
            [
                (subject["target"], row["check"], row["exercised"], row["broken"])
                for subject in report["subjects"]
                for clause in subject["clauses"]
                for row in clause["results"]
            ]
        )
    assert found[0] == found[1]
    assert {target for target, *_, broken in found[0] if broken} == {"clients:drops_zero"}


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
@pytest.mark.parametrize("to", [os.kill, os.killpg], ids=["to the first process", "to all"])
def test_ctrl_c_ends_all_of_them(tmp_path: Path, to: object) -> None:
    """What each had found is told, whether the terminal interrupts all or somebody the first."""
    process = begin("client", "clients:slow", "clients:right", "--jobs", "2", "--seed", "1")
    while not (tmp_path / "begun").exists() and process.poll() is None:
        time.sleep(0.05)
    to(process.pid, signal.SIGINT)  # type: ignore[operator]
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    assert "INCOMPLETE client clients:slow: interrupted in documented" in out
    assert out.count("INCOMPLETE client") == 2
    assert "FAILED the run is incomplete" in out
    assert "Traceback" not in err


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_ctrl_c_before_they_have_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that are still importing keep it until they can answer, without a traceback."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, pathlib, sys\n"
        "if '--multiprocessing-fork' in sys.orig_argv: pathlib.Path(f'{os.getpid()}.at').touch()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    process = begin("client", "clients:slow", "clients:right", "--jobs", "2")
    while len([*tmp_path.glob("*.at")]) < 2 and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    assert out.count("INCOMPLETE client") == 2
    assert "Traceback" not in err


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_who_is_left_without_the_first_process_ends(tmp_path: Path) -> None:
    """Where that one is killed, its workers do not go on for nobody."""
    process = begin("client", "clients:slow", "clients:right", "--jobs", "2")
    while not (tmp_path / "begun").exists() and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.communicate(timeout=60)  # ends when the last of them has closed its output
    assert len((tmp_path / "begun").read_text()) < 300  # of more than a thousand


@pytest.mark.parametrize(
    ("client", "why"),
    [
        ("clients:silent", "the client never called the endpoint it was given"),
        pytest.param(
            "clients:dies",
            "its process ended in the middle, with exit status -9",
            marks=pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's"),
        ),
    ],
)
def test_what_cannot_run_is_said_by_name(client: str, why: str) -> None:
    """The run has status 2 and says which target it was; the others are given up."""
    status, out, err = check("client", client, "clients:slow", "--jobs", "2")
    assert (status, out) == (2, "")
    assert f"rtcmpu: {client}: {why}" in err


def test_a_defect_of_a_worker_is_told_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no verdict: its traceback is raised where the workers were started."""
    here, there = side_by_side._SPAWN.Pipe(duplex=False)
    monkeypatch.setattr(side_by_side, "run_bench", lambda *given, **more: 1 / 0)
    before = signal.getsignal(signal.SIGINT)
    try:
        side_by_side._work(there, OWN[0], Settings())
    finally:
        signal.signal(signal.SIGINT, before)
    ended = SimpleNamespace(join=lambda: None, pid=None)
    monkeypatch.setattr(side_by_side, "_started", lambda target, settings: (here, ended))
    with pytest.raises(RuntimeError, match="ZeroDivisionError: division by zero"):
        [*run_targets(OWN, Settings(), TEST_CREDENTIALS, jobs=2, told=lambda *_: None)]


@pytest.mark.parametrize(("cpus", "jobs"), [(1, 1), (2, 2), (8, 2)])
def test_the_own_pair_is_run_at_once(monkeypatch: pytest.MonkeyPatch, cpus: int, jobs: int) -> None:
    """Where there are processors for it; what belongs to others may meet, and is run in turn."""
    monkeypatch.setattr(side_by_side, "_cpus", lambda: cpus)
    assert usual_jobs(OWN) == jobs
    assert usual_jobs([callable_target("a:b"), callable_target("a:c")]) == 1
    assert usual_jobs([OWN[0]]) == 1


def test_a_live_endpoint_stays_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is started there is stopped by who started it, whatever becomes of workers."""
    here = os.getpid()
    seen = []

    def run_bench(bench: object, settings: Settings, **more: object) -> SubjectRun:
        seen.append(os.getpid())
        return SubjectRun(subject="endpoint", target="", results=())

    monkeypatch.setattr(side_by_side, "run_bench", run_bench)
    own = endpoint_target(OWN[1].name)
    ran = run_targets(
        [own, OWN[1]], Settings(live=True), TEST_CREDENTIALS, jobs=2, told=lambda *_: None
    )
    assert len([*ran]) == 2
    assert seen == [here, here]
