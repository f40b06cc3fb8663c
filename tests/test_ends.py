"""Ends: a command under test ends with the run, and a run that ends early does not look green."""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pytest_rtcmpu.checks.client.bench import MAX_HUNG, ClientBench
from pytest_rtcmpu.checks.core import CannotRun
from pytest_rtcmpu.checks.run import Settings, run_bench
from pytest_rtcmpu.checks.testees import guard
from pytest_rtcmpu.checks.testees.command import CommandTestee
from pytest_rtcmpu.report.conclusion import UNFINISHED
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS

posix = pytest.mark.skipif(os.name == "nt", reason="signals and process groups are POSIX's")

#: So long a test waits for what comes at once; whoever waits longer has failed.
PATIENCE = 60.0

# ---------------------------------------------------------------------------- who closes and stays

CLOSES_AND_STAYS = """
import json, os, sys, time, urllib.request
open("started", "a").write("x")
for line in sys.stdin:
    endpoint = json.loads(line)["endpoint"]
    urllib.request.urlopen(endpoint + "/?Action=StartMPUTask") if "call" in sys.argv else None
    os.close(1)
    time.sleep(600)
"""


@pytest.mark.parametrize("calls", ["call", "silent"])
def test_who_closes_its_stdout_and_stays_is_not_waited_for(tmp_path: Path, calls: str) -> None:
    """Neither grace nor start-up is waited for, and after a few such starts the run is over."""
    settings = Settings(phases=("documented",))
    command = [sys.executable, "-c", CLOSES_AND_STAYS, calls]
    testee = CommandTestee(command, tmp_path, grace=PATIENCE, startup=PATIENCE)
    began = time.monotonic()
    with closing(ClientBench(testee, settings)) as bench:
        run = run_bench(bench, settings)
    assert time.monotonic() - began < PATIENCE
    assert (tmp_path / "started").read_text() == "x" * MAX_HUNG
    assert "the client hung 3 times" in run.notes[0]
    assert [r.clause for r in run.results if r.broken]
    assert not [r.clause for r in run.results if r.exercised and not (r.broken or r.not_judged)]


# ------------------------------------------------------------------------------ what ends with whom

#: A testee and a helper of it hold a named pipe open as long as one of them lives.
HOLDER = """
import os, subprocess, sys, time
pipe = os.open(sys.argv[1], os.O_WRONLY)
sleep = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
helper = subprocess.Popen(sleep, pass_fds=[pipe])
os.write(pipe, b"both are there\\n")
time.sleep(600)
"""


class Held:
    """The reading end of a named pipe that processes hold open."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "held"
        os.mkfifo(self.path)
        self.command = [sys.executable, "-I", "-S", "-c", HOLDER, str(self.path)]
        self._end = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def read(self) -> bytes:
        """Return what is written next; nothing when the last holder has gone."""
        ready, _, _ = select.select([self._end], [], [], PATIENCE)
        assert ready, "nobody has written, and somebody still lives"
        return os.read(self._end, 100)

    def close(self) -> None:
        """Close the reading end."""
        os.close(self._end)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    """A named pipe, and a command that holds it open together with a helper."""
    with closing(Held(tmp_path)) as held:
        yield held


SIGNALS = [
    pytest.param(number, id=number.name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL")
    if (number := getattr(signal, name, None))
]


@posix
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("way", ["shell", "pytest"])
def test_a_command_ends_with_the_run(
    tmp_path: Path, held: Held, way: str, number: signal.Signals
) -> None:
    """Whichever signal ends the run, the command and its helpers end with it."""
    named = f"--rtcmpu-client-command={shlex.join(held.command)}"
    commands = {
        "shell": ["pytest_rtcmpu", "check", "client", "--", *held.command],
        "pytest": ["pytest", "-p", "rtcmpu", "-p", "no:cacheprovider", named],
    }
    run = subprocess.Popen(
        [sys.executable, "-m", *commands[way]],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert held.read() == b"both are there\n"
    run.send_signal(number)
    assert held.read() == b""
    assert run.wait(PATIENCE) == (2 if number == signal.SIGINT else -number)


@posix
def test_a_fork_of_the_run_does_not_keep_the_command_alive(tmp_path: Path, held: Held) -> None:
    """The command ends with the process that runs the checks, not with what that has forked."""
    asked = "{}, endpoint='', credentials=TEST_CREDENTIALS, timeout=600"
    program = (
        "import os, threading, time\n"
        "from pytest_rtcmpu.checks.testees.command import CommandTestee\n"
        "from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS\n"
        f"testee = CommandTestee({held.command!r})\n"
        f"threading.Thread(target=lambda: testee.start({asked}), daemon=True).start()\n"
        "input()\n"
        "fork = os.fork()\n"
        "time.sleep(600) if not fork else print(fork, flush=True)\n"
        "input()\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert held.read() == b"both are there\n"
    assert run.stdin
    assert run.stdout
    run.stdin.write(b"\n")
    run.stdin.flush()
    fork = int(run.stdout.readline())
    run.kill()
    try:
        assert held.read() == b""
    finally:
        os.kill(fork, signal.SIGKILL)
        run.communicate()


@posix
def test_a_command_that_is_not_there_leaves_no_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the command cannot be started, its group is ended at once."""
    guards: list[guard.Group] = []
    make = guard.Group.__init__
    monkeypatch.setattr(guard.Group, "__init__", lambda self: (guards.append(self), make(self))[1])
    testee = CommandTestee(["no-such-command-anywhere"])
    with pytest.raises(CannotRun):
        testee.start({}, endpoint="", credentials=TEST_CREDENTIALS, timeout=1)
    assert [each._guard for each in guards] == [None]


@posix
def test_a_guard_outlives_what_ends_its_group(held: Held) -> None:
    """A signal to the whole group, as scripts send it, is not for the guard."""
    group = guard.Group()
    process = group.start(["/bin/sh", "-c", f"trap '' TERM; exec {shlex.join(held.command)}"])
    assert held.read() == b"both are there\n"
    os.killpg(os.getpgid(process.pid), signal.SIGTERM)
    os.close(group._pipe)  # as if this process had ended
    group._pipe = os.open(os.devnull, os.O_RDONLY)
    assert held.read() == b""
    process.wait()
    group.kill()


# ------------------------------------------------------------------------- who ends the process

ENDING = """
import os, sys, threading
from os import _exit
from pytest_rtcmpu.checks.own import start as own

def aside(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()

def caught():
    try:
        os._exit(0)
    except BaseException:
        pass

def forked():
    pid = os.fork()
    if not pid:
        os._exit(3)
    raise ValueError(f"its fork exited with {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}")

WAYS = {
    "plain": lambda: os._exit(0),
    "by another name": lambda: _exit(0),
    "in a thread": lambda: aside(lambda: os._exit(0)),
    "caught": caught,
    "abort": lambda: os.abort(),
    "exec": lambda: os.execvp("true", ["true"]),
    "sys.exit": lambda: sys.exit(0),
    "in a fork": forked,
    "killed": lambda: os.kill(os.getpid(), 9),
}

def start(params, **given):
    request_id = own(params, **given)
    WAYS[os.environ.get("WAY", "plain")]()
    return request_id
"""

#: Starts the client above once, says what came of it, and ends as anybody may.
ONCE = """
import ending, os
from pytest_rtcmpu.checks.cases import plain
from pytest_rtcmpu.checks.testees.protocol import load_callable
from pytest_rtcmpu.contract import load
from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.server.http import Server
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS as key

testee = load_callable("ending:start")
with Server(Endpoint(key).handle) as server:
    outcome = testee.start(plain(load()), endpoint=server.url, credentials=key, timeout=60)
print(outcome.kind, outcome.message, flush=True)
os._exit(7)
"""

EXIT = "died it called os._exit, which ends the process"
OUTCOMES = {
    "plain": EXIT,
    "by another name": EXIT,
    "in a thread": EXIT,
    "caught": EXIT,
    "abort": "died it called os.abort, which ends the process",
    "exec": "died it called os.execv, which ends the process",
    "sys.exit": "died SystemExit: 0",
    "in a fork": "error ValueError: its fork exited with 3",
}


def python(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder that has the client above, and nothing that might come in between."""
    (folder / "ending.py").write_text(ENDING)
    outside = {n: v for n, v in os.environ.items() if not n.startswith("PYTEST_XDIST")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**outside, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("way", OUTCOMES)
def test_a_callable_that_ends_the_process_is_an_outcome(tmp_path: Path, way: str) -> None:
    """Whoever tries to end the process has died, and the process goes on; others still may."""
    if way == "in a fork" and not hasattr(os, "fork"):
        pytest.skip("no forks here")
    done = python(tmp_path, "-W", "ignore", "-c", ONCE, WAY=way)
    assert (done.stdout, done.returncode) == (f"{OUTCOMES[way]}\n", 7), done.stderr
    assert done.stderr == ""


#: How each way of running checks is asked for one clause of the client above.
RUNS = {
    "shell": ("pytest_rtcmpu check client --phase documented --clause nonce.unique", "--report="),
    "pytest": (
        "pytest -p rtcmpu -p no:cacheprovider --rtcmpu-client=ending:start "
        "--rtcmpu-phase=documented --rtcmpu-clause=nonce.unique",
        "--rtcmpu-report=",
    ),
}
REPORTS = ("r.json", "r.html", "r.xml")


def run_checks(
    folder: Path, run: str, *more: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the checks where older reports are."""
    words, option = RUNS[run]
    for name in REPORTS:
        (folder / name).write_text("older")
    named = ["ending:start"] if run == "shell" else []
    asked = (f"{option}{name}" for name in REPORTS)
    return python(folder, "-m", *words.split(), *asked, *more, *named, **variables)


def report(folder: Path) -> dict[str, Any]:
    """Return the JSON report."""
    found: dict[str, Any] = json.loads((folder / "r.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize("run", RUNS)
def test_a_run_whose_callable_calls_exit_is_not_green(tmp_path: Path, run: str) -> None:
    """``os._exit(0)`` in a callable ends with a finding, not with status 0 and no word."""
    done = run_checks(tmp_path, run, f"{'--rtcmpu' if run == 'pytest' else '-'}-clause=reply.json")
    assert done.returncode == 1, done.stdout
    assert "it called os._exit, which ends the process" in done.stdout
    assert report(tmp_path)["exit_status"] == 1


@posix
@pytest.mark.parametrize("run", RUNS)
def test_a_run_that_was_killed_leaves_no_older_report(tmp_path: Path, run: str) -> None:
    """Where nothing could be said at the end, each report says that there was none."""
    done = run_checks(tmp_path, run, WAY="killed")
    assert done.returncode == -signal.SIGKILL
    found = report(tmp_path)
    assert found["problems"] == [UNFINISHED]
    assert found["exit_status"] == 1
    assert [(each["target"], each["complete"]) for each in found["subjects"]] == [
        ("ending:start", False)
    ]
    assert UNFINISHED in (tmp_path / "r.html").read_text("utf-8")
    suites = ET.parse(tmp_path / "r.xml").getroot()
    assert (suites.get("failures"), suites.get("errors")) == ("1", "1")


def test_a_report_says_why_a_run_could_not_be_made(tmp_path: Path) -> None:
    """A client that is given up has its reason in the report."""
    (tmp_path / "idle.py").write_text("def start(params, **given): raise ValueError('idle')")
    command = RUNS["shell"][0].split()
    done = python(tmp_path, "-m", *command, "--report=r.json", "idle:start")
    assert done.returncode == 2
    (problem,) = report(tmp_path)["problems"]
    assert problem.startswith("it could not run: idle:start: the client never called the endpoint")


def test_a_report_on_nothing_says_so(tmp_path: Path) -> None:
    """Where pytest collects no contract check, an older report does not stay either."""
    (tmp_path / "r.json").write_text("older")
    (tmp_path / "test_other.py").write_text("def test_other(): pass")
    options = ("-p", "rtcmpu", "-p", "no:cacheprovider", "--rtcmpu-report=r.json")
    assert python(tmp_path, "-m", "pytest", *options).returncode == 0
    assert report(tmp_path)["problems"] == [
        "nothing was checked: pytest collected no contract check"
    ]


@posix
@pytest.mark.parametrize("named", ["option", "class", "option, collecting"])
def test_a_run_whose_workers_all_crashed_is_not_green(tmp_path: Path, named: str) -> None:
    """Where no worker is left to say what it collected, the ledger has it all the same."""
    workers = ("-p", "xdist", "-n", "2", "--max-worker-restart=0")
    if named != "class":
        if named == "option, collecting":
            ends = "import os\nif 'PYTEST_XDIST_WORKER' in os.environ: os._exit(0)"
            (tmp_path / "conftest.py").write_text(ends)
        done = run_checks(tmp_path, "pytest", *workers, WAY="killed")
    else:
        (tmp_path / "test_it.py").write_text(
            "import ending\n"
            "from pytest_rtcmpu.testing import ClientContract\n"
            "class TestIt(ClientContract):\n"
            "    phases, clauses = ('documented',), ('nonce.unique',)\n"
            "    start = staticmethod(ending.start)\n"
        )
        options = ("-p", "rtcmpu", "-p", "no:cacheprovider", "--rtcmpu-report=r.json", *workers)
        done = python(tmp_path, "-m", "pytest", *options, "test_it.py", WAY="killed")
    assert done.returncode, done.stdout
    assert "INCOMPLETE client" in done.stdout
    (subject,) = report(tmp_path)["subjects"]
    assert not subject["complete"]
    assert subject["notes"][-1] == "never run: client/documented/nonce.unique"
