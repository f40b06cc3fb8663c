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
from pytest_rtcmpu.checks.run import Settings, run_bench
from pytest_rtcmpu.checks.testees.command import CommandTestee

posix = pytest.mark.skipif(os.name == "nt", reason="signals and process groups are POSIX's")

#: So long a test waits for what comes at once; whoever waits longer has failed.
PATIENCE = 60.0

# ----------------------------------------------------------------------------- who closes and stays

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
    assert run.wait(PATIENCE) in {-number, 128 + number} | ({2} if number == signal.SIGINT else set())
