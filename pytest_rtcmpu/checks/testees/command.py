"""A client under test in any language: one process, one JSON object per line on stdin and stdout.

``docs/line-protocol.md`` is for those who write the other side; :func:`serve_testee` is that
other side for Python.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from pytest_rtcmpu.checks.core import CannotRun
from pytest_rtcmpu.checks.testees.guard import Group
from pytest_rtcmpu.checks.testees.protocol import (
    Outcome,
    PlainCredentials,
    Start,
    called,
    finished,
    plain,
    shown,
    with_status,
)
from pytest_rtcmpu.mock import environment
from pytest_rtcmpu.values import commands
from pytest_rtcmpu.values.credentials import Credentials
from pytest_rtcmpu.values.text import system_error, visible

if TYPE_CHECKING:
    from io import BufferedReader, BufferedWriter

#: Bytes that one answer may have.
LONGEST_LINE = 1024 * 1024
#: Lines that nobody asked for, after which nothing more is read.
_UNREAD_LINES = 100
#: So many answers from the first on of which none can be read are enough: each costs a process.
MAX_GARBAGE = 5
_TAIL_BYTES = 64 * 1024
_TAIL_LINES = 20
#: Seconds in which a process whose stdout has ended is seen to end: it ends with it, or not at all.
_LAST_SECONDS = 1.0


class CommandTestee:
    """A command that speaks the line protocol: started once, and anew after it broke.

    ``start`` raises CannotRun for a command that cannot be started, that fails before it is asked
    anything, or that speaks another protocol.

    Args:
        command: its arguments, or one string that is split as a shell would; on Windows
            backslashes stay.
        grace: seconds that an answer may take beyond its timeout before the process is killed.
        startup: seconds more for the first answer of each process.
    """

    def __init__(
        self,
        command: Sequence[str] | str,
        cwd: str | Path | None = None,
        *,
        grace: float = 3.0,
        startup: float = 10.0,
    ) -> None:
        self.target: str
        self.target, self._argv = _command(command)
        self._cwd = cwd
        self._grace = grace
        self._startup = startup
        self._process: _Process | None = None
        self._last_id = 0
        self._is_startable = False
        self._has_answered = False
        #: How many answers there were that could not be read.
        self._garbage = 0
        self._given: set[Credentials] = set()

    def start(
        self,
        params: Mapping[str, Any],
        *,
        endpoint: str,
        credentials: Credentials,
        timeout: float,
        operation: str | None = None,
    ) -> Outcome:
        """Ask the process once. One that breaks is killed, and the next start gets a new one."""
        self._given.add(credentials)
        patience = timeout + self._grace + (0.0 if self._process else self._startup)
        process = self._process = self._process or self._spawn()
        self._last_id += 1
        question = _question(self._last_id, params, endpoint, credentials, timeout, operation)
        began = time.monotonic()
        answer = process.ask(question, patience)
        seconds = time.monotonic() - began
        outcome = answer if isinstance(answer, Outcome) else _read(answer, self._last_id)
        if outcome.kind in ("request_id", "error"):
            self._is_startable = self._has_answered = True
            return finished(outcome, self._given, seconds=seconds)
        self._process = None
        if outcome.kind == "hung" and not self._has_answered:
            outcome = self._never_answered(process, outcome)
        how = process.end(_LAST_SECONDS) if outcome.kind == "died" else process.kill()
        if outcome.kind == "died" and process.was_killed:
            # Silent for good, and no end of it: not to be waited for once more at every start.
            outcome = replace(outcome, kind="hung")
        message = "\n".join(filter(None, (outcome.message or how, process.stderr_tail())))
        outcome = finished(replace(outcome, message=message), self._given, seconds=seconds)
        if outcome.kind == "died" and not self._is_startable:
            self.expect_startable(outcome.message)
        self._garbage += outcome.kind == "garbage"
        if self._garbage == MAX_GARBAGE and not self._has_answered:
            raise CannotRun(
                f"{visible(self.target)}: speaks another protocol: of {MAX_GARBAGE} answers none "
                f"could be read; the last: {outcome.message}"
            )
        return outcome

    def _never_answered(self, process: _Process, outcome: Outcome) -> Outcome:
        """Find out whether one that says nothing keeps its answer back: what ends writes it out.

        Raises:
            CannotRun: where it does.
        """
        process.end(self._grace)
        kept = process.left()
        if kept is not None and _read(kept, self._last_id).kind in ("request_id", "error"):
            raise CannotRun(
                f"{visible(self.target)}: answers only once its input ends: let it flush its "
                "output after each line, as print(…, flush=True) does in Python"
            )
        hint = "it was sent a line and has never answered: does it read lines and flush its output?"
        return replace(outcome, message=f"{outcome.message}; {hint}", mute=True)

    def expect_startable(self, why: str = "") -> None:
        """Start it, ask it nothing, and let it end.

        One that takes the end of its input badly may answer all the same: it has to fail while it
        might still be asked, too.

        Args:
            why: what is known of how it fails; what it says now unless given.

        Raises:
            CannotRun: for a command that cannot be started, or that fails before it is asked.
        """
        for ends_input, patience in ((True, self._grace + self._startup), (False, self._grace)):
            process = self._spawn()
            how = process.end(patience) if ends_input else process.wait(patience)
            if not process.failed:
                self._is_startable = True
                return
        told = why or "\n".join(filter(None, (how, process.stderr_tail())))
        raise CannotRun(f"{self.target}: fails before it is asked anything: {told}")

    def close(self) -> None:
        """End its input, which ends it; one that stays is killed after the grace."""
        process, self._process = self._process, None
        if process is not None:
            process.end(self._grace)

    def _spawn(self) -> _Process:
        try:
            return _Process(self._argv, self._cwd)
        except OSError as error:
            why = system_error(error)
            raise CannotRun(f"{visible(self.target)}: cannot be started: {why}") from error
        except ValueError as error:  # a NUL in an argument
            raise CannotRun(f"{visible(self.target)}: cannot be started: {error}") from error


class _Process:
    """A running testee. Threads read its pipes all the time, so that it never blocks on them."""

    def __init__(self, argv: Sequence[str], cwd: str | Path | None) -> None:
        self._group = Group()
        try:
            self._popen = self._group.start(
                argv,
                cwd=cwd,
                env=environment.leading_nowhere(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except BaseException:
            self._group.kill()
            raise
        #: Whether it had to be ended.
        self.was_killed = False
        #: What came; last, that nothing more will.
        self._lines: queue.SimpleQueue[bytes | Outcome] = queue.SimpleQueue()
        self._stderr = b""
        self._stdin = cast("BufferedWriter", self._popen.stdin)
        self._threads = [
            _thread(self._read_stdout, self._popen.stdout),
            _thread(self._read_stderr, self._popen.stderr),
        ]

    def ask(self, question: bytes, patience: float) -> bytes | Outcome:
        """Send a line and return the next one, or the Outcome that there is none."""
        # In a thread, for a testee that reads nothing would block this one.
        self._threads.append(_thread(self._write, question))
        try:
            return self._lines.get(timeout=patience)
        except queue.Empty:
            return Outcome(
                kind="hung",
                message=f"no line ending in \\n on its stdout within {patience:g} s; killed",
            )

    def left(self) -> bytes | None:
        """Return a line that came and was not asked for, of a process that has ended."""
        with suppress(queue.Empty):
            line = self._lines.get_nowait()
            return line if isinstance(line, bytes) else None
        return None

    def end(self, patience: float) -> str:
        """End its input, wait for it, kill what is left of it, and return how it ended."""
        self._threads.append(_thread(self._close_stdin))
        return self.wait(patience)

    def wait(self, patience: float) -> str:
        """Wait for it, kill what is left of it, and return how it ended."""
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(patience)
        return self.kill()

    def kill(self) -> str:
        """Kill it and everything it started, and return how it ended."""
        self.was_killed = self._popen.poll() is None
        self._group.kill()
        self._popen.kill()  # for one that has left its group
        self._popen.wait()
        _thread(self._close_stdin)
        for thread in self._threads:
            thread.join(1.0)  # longer only when a process that left the group holds a pipe
        if self.was_killed:
            return "its stdout ended, it itself did not; killed"
        status = self._popen.returncode
        return f"exited with status {status}" if status >= 0 else f"ended by {_signal(-status)}"

    @property
    def failed(self) -> bool:
        """Whether it ended by itself, and not well."""
        return not self.was_killed and self._popen.returncode != 0

    def stderr_tail(self) -> str:
        """Return the last lines of its stderr, with a heading; nothing when there are none."""
        lines = self._stderr.decode("utf-8", "replace").splitlines()
        if len(self._stderr) == _TAIL_BYTES:
            del lines[0]  # cut, perhaps in the middle of a secret
        lines = lines[-_TAIL_LINES:]
        return "\n".join(("stderr:", *lines)) if lines else ""

    def _write(self, question: bytes) -> None:
        with suppress(OSError, ValueError):  # it reads no more: stdout will tell
            self._stdin.write(question)
            self._stdin.flush()

    def _close_stdin(self) -> None:
        with suppress(OSError):
            self._stdin.close()

    def _read_stdout(self, pipe: BufferedReader) -> None:
        with pipe:
            while line := pipe.readline(LONGEST_LINE + 1):
                if len(line) > LONGEST_LINE:
                    what = f"a line of more than {LONGEST_LINE} bytes"
                    self._lines.put(Outcome(kind="garbage", message=what))
                    break
                if line.strip():
                    self._lines.put(line)
                if self._lines.qsize() > _UNREAD_LINES:
                    break
            else:
                self._lines.put(Outcome(kind="died"))

    def _read_stderr(self, pipe: BufferedReader) -> None:
        with pipe:
            while chunk := pipe.read1():
                self._stderr = (self._stderr + chunk)[-_TAIL_BYTES:]


def serve_testee(
    start: Start, *, questions: Iterable[str | bytes] | None = None, answers: TextIO | None = None
) -> None:
    """Be a testee: answer each question on stdin with what ``start`` makes of it, until the end.

    ``start(params, *, endpoint, credentials, timeout)`` returns the RequestId or raises, as for
    ``package.module:callable``. Whatever else is printed to stdout goes to stderr meanwhile.
    """
    if answers is None:
        answers = open(os.dup(1), "w", encoding="utf-8")  # noqa: SIM115 - open until the end
        os.dup2(2, 1)
    for line in sys.stdin.buffer if questions is None else questions:
        question = json.loads(line)
        given = question["credentials"]
        outcome = called(
            start,
            question["params"],
            question["endpoint"],
            PlainCredentials(
                given["access_key_id"], given["access_key_secret"], given["security_token"]
            ),
            question["timeout"],
            question.get("operation"),
        )
        answers.write(json.dumps(_answer(question["id"], outcome)) + "\n")
        answers.flush()


def _answer(number: object, outcome: Outcome) -> dict[str, object]:
    if outcome.kind == "request_id":
        status = {} if outcome.status is None else {"status": outcome.status}
        return {"id": number, "request_id": outcome.request_id, **status}
    if outcome.kind == "error":
        names = ("code", "message", "http_status", "request_id")
        return {"id": number, "error": {name: getattr(outcome, name) for name in names}}
    print(outcome.message, file=sys.stderr, flush=True)
    return {"id": number}


def _question(
    number: int,
    params: Mapping[str, Any],
    endpoint: str,
    credentials: Credentials,
    timeout: float,
    operation: str | None,
) -> bytes:
    question = {
        "id": number,
        "endpoint": endpoint,
        "credentials": asdict(plain(credentials)),
        "timeout": timeout,
        "params": dict(params),
    }
    if operation is not None:
        question["operation"] = operation
    return json.dumps(question).encode("ascii") + b"\n"


def _read(line: bytes, number: int) -> Outcome:
    """Return what an answer says."""
    try:
        answer = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return _garbage("a line of JSON", line.decode("utf-8", "backslashreplace").rstrip())
    if not isinstance(answer, dict):
        return _garbage("an object", answer)
    if answer.get("id") != number or isinstance(answer["id"], bool):
        return _garbage(f"id {number}", answer.get("id"))
    request_id, error = answer.get("request_id"), answer.get("error")
    if (request_id is None) == (error is None):
        return _garbage("either request_id or error", answer)
    if error is None:
        if not isinstance(request_id, str) or not request_id:
            return _garbage("request_id to be a string with characters", request_id)
        return with_status(request_id, answer.get("status"))
    if not isinstance(error, dict):
        return _garbage("error to be an object", error)
    for name, kind in _ERROR_FIELDS.items():
        value = error.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            return _garbage(f"error.{name} to be {kind.__name__} or null", value)
    return Outcome(
        kind="error",
        code=error.get("code") or None,
        message=error.get("message") or "",
        http_status=error.get("http_status"),
        request_id=error.get("request_id") or None,
    )


_ERROR_FIELDS: Mapping[str, type] = {
    "code": str,
    "message": str,
    "http_status": int,
    "request_id": str,
}


def _garbage(expected: str, got: object) -> Outcome:
    return Outcome(kind="garbage", message=f"expected {expected}, got {shown(got)}")


def _command(command: Sequence[str] | str) -> tuple[str, list[str]]:
    """Return a command as its user reads it, and as a list of arguments."""
    try:
        argv = commands.split(command) if isinstance(command, str) else list(command)
    except ValueError as error:
        raise CannotRun(f"{command}: {error}") from None
    if not argv or not argv[0]:
        raise CannotRun("expected a command such as 'node testee.js', got nothing")
    return command if isinstance(command, str) else commands.join(argv), argv


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _thread(target: Callable[..., object], *args: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread
