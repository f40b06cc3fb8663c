"""Ends: a command under test ends with the run, and a run that ends early does not look green."""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pytest_rtcmpu.checks.client.bench import MAX_HUNG, ClientBench
from pytest_rtcmpu.checks.core import CannotRun
from pytest_rtcmpu.checks.run import Settings, run_bench
from pytest_rtcmpu.checks.testees import guard
from pytest_rtcmpu.checks.testees.command import CommandTestee
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
    with closing(ClientBench(testee, settings)) as bench:
        run = run_bench(bench, settings)
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
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables},
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
