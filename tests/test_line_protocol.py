"""A client under test as a command: the line protocol, and everything that can go wrong in it."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sys
import time
from contextlib import closing

import pytest

from pytest_rtcmpu.checks.client.bench import ClientBench
from pytest_rtcmpu.checks.core import CannotRun
from pytest_rtcmpu.checks.run import Settings, run_bench
from pytest_rtcmpu.checks.testees.command import LONGEST_LINE, CommandTestee, serve_testee
from pytest_rtcmpu.checks.testees.protocol import Outcome
from pytest_rtcmpu.values.credentials import Credentials

CREDENTIALS = Credentials("testid", "s3cret/+", "t0ken")
PARAMS = {"AppId": "中文😀\n", "LayoutIds": [1, 2], "UserPanes": [{"PaneId": 0}]}
ENDPOINT = "http://127.0.0.1:9"

PREAMBLE = """
import json, os, signal, sys, time
def answer(**fields):
    print(json.dumps(fields), flush=True)
def complain(text):
    print(text, file=sys.stderr, flush=True)
for line in sys.stdin:
    q = json.loads(line)
    i = q["id"]
"""


def script(body: str) -> list[str]:
    """Return the command of a testee that runs ``body`` for every question ``q`` with id ``i``."""
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    return [sys.executable, "-I", "-S", "-c", PREAMBLE + indented]


def running(body: str, *, grace: float = 0.3, startup: float = 20.0) -> CommandTestee:
    """Return a testee that runs ``body``; it may start slowly, and is then not waited for long."""
    return CommandTestee(script(body), grace=grace, startup=startup)


def ask(testee: CommandTestee, *, timeout: float = 0.2) -> Outcome:
    """Start once."""
    return testee.start(PARAMS, endpoint=ENDPOINT, credentials=CREDENTIALS, timeout=timeout)


def fields(outcome: Outcome, *names: str) -> tuple[object, ...]:
    """Return some of an outcome's fields."""
    return tuple(getattr(outcome, name) for name in names)


ERROR = ("kind", "code", "message", "http_status", "request_id")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("answer(id=i, request_id='r')", ("request_id", None, "", None, "r")),
        ("answer(id=i, request_id='r', error=None)", ("request_id", None, "", None, "r")),
        ("answer(id=i, request_id='r', more=[1])", ("request_id", None, "", None, "r")),
        (
            "answer(id=i, error=dict(code='C', message='m', http_status=200, request_id='r'))",
            ("error", "C", "m", 200, "r"),
        ),
        ("answer(id=i, error={})", ("error", None, "", None, None)),
        (
            "answer(id=i, error=dict(code=None, message=None), request_id=None)",
            ("error", None, "", None, None),
        ),
        ("answer(id=i, error=dict(code=''))", ("error", None, "", None, None)),
        ("print(); answer(id=i, request_id='r')", ("request_id", None, "", None, "r")),
        (
            "sys.stdout.buffer.write(b'\\xef\\xbb\\xbf'); answer(id=i, request_id='r')",
            ("request_id", None, "", None, "r"),
        ),
    ],
)
def test_an_answer_is_understood(body, expected):
    """A RequestId or an error in any legal form is an outcome of that kind."""
    with closing(running(body)) as testee:
        assert fields(ask(testee), *ERROR) == expected


def test_what_is_asked():
    """A question carries id, endpoint, credentials, timeout and params, as documented."""
    with closing(running("answer(id=i, request_id=json.dumps([line, q]))")) as testee:
        line, question = json.loads(ask(testee, timeout=1.5).request_id or "")
    assert line.isascii()
    assert question == {
        "id": 1,
        "endpoint": ENDPOINT,
        "credentials": {
            "access_key_id": "testid",
            "access_key_secret": "s3cret/+",
            "security_token": "t0ken",
        },
        "timeout": 1.5,
        "params": PARAMS,
    }


def test_one_process_answers_a_whole_run():
    """One process gets every question, with ids that increase."""
    with closing(running("answer(id=i, request_id=f'{os.getpid()} {i}')")) as testee:
        answers = [(ask(testee).request_id or "").split() for _ in range(3)]
    assert len({pid for pid, _ in answers}) == 1
    assert [number for _, number in answers] == ["1", "2", "3"]


# What it does at the first question, the outcome's kind, and what the message says.
FAULTS = [
    ("answer(id=i + 1, request_id='r')", "garbage", "expected id 1, got 2"),
    ("answer(id=True, request_id='r')", "garbage", "expected id 1, got True"),
    ("answer(id=str(i), request_id='r')", "garbage", "expected id 1, got '1'"),
    ("answer(request_id='r')", "garbage", "expected id 1, got None"),
    ("answer(id=i)", "garbage", "expected either request_id or error"),
    ("answer(id=i, request_id='r', error={})", "garbage", "expected either request_id or error"),
    ("answer(id=i, request_id='')", "garbage", "got ''"),
    ("answer(id=i, request_id=7)", "garbage", "got 7"),
    ("answer(id=i, error='TaskExisted')", "garbage", "expected error to be an object"),
    ("answer(id=i, error=dict(code=17))", "garbage", "expected error.code to be str or null"),
    ("answer(id=i, error=dict(http_status='200'))", "garbage", "error.http_status to be int"),
    ("answer(id=i, error=dict(http_status=True))", "garbage", "error.http_status to be int"),
    ("print('[1]', flush=True)", "garbage", r"expected an object, got \[1\]"),
    ("print('ready', flush=True)", "garbage", "expected a line of JSON, got 'ready'"),
    ("print('[' * 100_000, flush=True)", "garbage", "expected a line of JSON"),
    ("os.write(1, b'\\xff\\xfe\\n')", "garbage", r"expected a line of JSON, got '\\\\xff\\\\xfe'"),
    (f"os.write(1, b'x' * {LONGEST_LINE + 1})", "garbage", f"more than {LONGEST_LINE} bytes"),
    ("complain('oh'); sys.exit(3)", "died", "exited with status 3\nstderr:\noh"),
    ("os._exit(0)", "died", "exited with status 0"),
    ("os.kill(os.getpid(), signal.SIGSEGV)", "died", "ended by SIGSEGV"),
    ("os.close(1); time.sleep(60)", "hung", "its stdout ended, it itself did not; killed"),
    ("complain('still here'); time.sleep(60)", "hung", "(?s)killed.*still here"),
    ("sys.stdout.write('{}'); sys.stdout.flush(); time.sleep(60)", "hung", "no line ending in"),
    ("time.sleep(60)", "hung", "has never answered: does it read lines and flush its output"),
]


@pytest.mark.parametrize(("body", "kind", "says"), FAULTS, ids=[body for body, *_ in FAULTS])
def test_a_fault_is_an_outcome_and_the_run_goes_on(body, kind, says):
    """What breaks the protocol is an outcome that says why, and a new process answers the next."""
    startup = 1.5 if kind == "hung" else 20.0
    program = f"if i > 1:\n    answer(id=i, request_id='r')\nelse:\n    {body}"
    with closing(running(program, startup=startup)) as testee:
        first, second = ask(testee), ask(testee)
    assert first.kind == kind
    assert re.search(says, first.message), first.message
    assert second.request_id == "r"


def test_an_answer_nobody_asked_for_is_garbage():
    """A second answer to one question is found at the next question."""
    body = "answer(id=i, request_id='r')\nif i == 1:\n    answer(id=i, request_id='r')"
    with closing(running(body)) as testee:
        outcomes = [ask(testee).kind for _ in range(3)]
    assert outcomes == ["request_id", "garbage", "request_id"]


def test_a_testee_that_never_stops_talking_is_no_leak(tmp_path):
    """Of lines that nobody asked for some are kept, then the testee is no longer listened to."""
    done = tmp_path / "done"
    body = f"answer(id=i, request_id='r')\nprint('x\\n' * 100_000)\nopen({str(done)!r}, 'w')"
    with closing(running(body)) as testee:
        assert ask(testee).kind == "request_id"
        assert testee._process is not None
        testee._process._popen.wait(30)
        assert [ask(testee).kind for _ in range(2)] == ["garbage", "request_id"]
    assert not done.exists()


def test_a_testee_that_does_not_flush_is_told_so():
    """One that answers when its input ends, and not before, cannot be run; one word says why."""
    body = "print(json.dumps({'id': i, 'request_id': 'r'}))"
    told = "answers only once its input ends: let it flush its output"
    with (
        closing(running(body, grace=2.0, startup=0.0)) as testee,
        pytest.raises(CannotRun, match=told),
    ):
        ask(testee)


def test_a_testee_that_flushes_only_later_is_believed():
    """One that has answered before, and then keeps an answer back, has hung like any other."""
    body = "print(json.dumps({'id': i, 'request_id': 'r'}), flush=i == 1)"
    with closing(running(body)) as testee:
        assert ask(testee).kind == "request_id"
        outcome = ask(testee)
    assert fields(outcome, "kind", "mute") == ("hung", False)


def test_a_client_that_never_answers_is_not_asked_again():
    """The first answer gets its patience; what has never said a word is waited for once."""
    started = []

    class Mute:
        target = "mute"

        def start(self, params, **given):
            started.append(params)
            return Outcome(kind="hung", message="no line; does it flush?", mute=True)

        def close(self):
            pass

    settings = Settings(phases=("documented",))
    with closing(ClientBench(Mute(), settings)) as bench:
        run = run_bench(bench, settings)
    assert len(started) == 1
    (note,) = run.notes
    assert note.startswith("the client has never answered, in documented at ")
    assert note.endswith("; nothing more was run: no line; does it flush?")
    assert not [r.clause for r in run.results if r.exercised and not (r.broken or r.not_judged)]


def test_a_testee_that_reads_nothing_has_hung():
    """A question that fills the pipe does not block the run."""
    command = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"]
    with closing(CommandTestee(command, grace=0.1, startup=0.1)) as testee:
        outcome = testee.start(
            {"StreamURL": "x" * 1_000_000}, endpoint="", credentials=CREDENTIALS, timeout=0.1
        )
    assert outcome.kind == "hung"
    assert outcome.seconds < 10


def test_what_a_testee_started_dies_with_it():
    """A testee that hangs is killed with its children."""
    body = (
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "complain(child.pid)\n"
        "time.sleep(60)"
    )
    with closing(running(body, startup=2.0)) as testee:
        child = int(ask(testee).message.split()[-1])
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
        if _is_zombie(child):
            return
    os.kill(child, signal.SIGKILL)
    pytest.fail(f"process {child} is still alive")


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    "body",
    [
        "complain('s3cret/+ s3cret%2F%2B t0ken'); sys.exit(1)",
        "print('s3cret/+ s3cret%2F%2B t0ken', flush=True)",
        "answer(id=i, error=dict(message='s3cret/+ s3cret%2F%2B t0ken'))",
    ],
)
def test_secrets_are_redacted(body):
    """A secret on stdout, on stderr or in an error's message does not get into the outcome."""
    with closing(running(body)) as testee:
        message = ask(testee).message
    assert "*****" in message
    assert not [secret for secret in ("s3cret", "t0ken") if secret in message]


def test_only_the_tail_of_stderr_is_kept():
    """The outcome shows the last twenty lines of stderr, and the start of none that was cut."""
    body = "sys.stderr.write('line\\n' * 20_000 + 'last\\n')\nsys.exit(1)"
    with closing(running(body)) as testee:
        lines = ask(testee).message.splitlines()
    assert lines == ["exited with status 1", "stderr:", *["line"] * 19, "last"]


def test_what_is_cut_shows_no_half_of_a_secret():
    """A line of which only the end was kept is not shown: it may begin inside a secret."""
    body = "sys.stderr.write('s3cret/+' * 20_000 + '!!!\\nlast\\n')\nsys.exit(1)"
    with closing(running(body)) as testee:
        assert ask(testee).message.splitlines() == ["exited with status 1", "stderr:", "last"]


def test_a_run_ends_with_its_input(tmp_path):
    """Closing ends the testee's input, and a testee that sees that is not killed."""
    done = tmp_path / "done"
    body = f"answer(id=i, request_id='r')\nimport atexit\natexit.register(open, {str(done)!r}, 'w')"
    testee = running(body, grace=20)
    ask(testee)
    testee.close()
    testee.close()
    assert done.exists()


def test_a_testee_that_outlives_its_input_is_killed():
    """A testee that stays after the end of its input is killed after the grace."""
    body = "answer(id=i, request_id='r')\nsys.stdin.close()\ntime.sleep(60)"
    testee = running(body, grace=0.1)
    ask(testee)
    began = time.monotonic()
    testee.close()
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["no-such-command-anywhere"], "no-such-command-anywhere: cannot be started"),
        ([sys.executable, "/no/such/testee.py"], "(?s)fails before it is asked.*No such file"),
        ("", "got nothing"),
        ([], "got nothing"),
        ("node 'testee.js", "No closing quotation"),
    ],
)
def test_a_command_that_cannot_run_says_so(command, why):
    """A command that is not there, or fails on its own, is no finding about a client."""
    with (
        pytest.raises(CannotRun, match=why),
        closing(CommandTestee(command, grace=20)) as testee,
    ):
        ask(testee)


def test_a_command_that_takes_the_end_of_its_input_badly_can_run():
    """One that fails when nothing more comes is not said to fail before it is asked."""
    endless = "import json\nwhile True:\n    json.loads(input())"
    with closing(CommandTestee([sys.executable, "-c", endless], grace=0.5)) as testee:
        testee.expect_startable()


@pytest.mark.parametrize(
    ("command", "target"),
    [
        ("node 'my testee.js'", "node 'my testee.js'"),
        (["node", "my testee.js"], "node 'my testee.js'"),
    ],
)
def test_a_command_is_named_as_its_user_wrote_it(command, target):
    """The target is the command line."""
    assert CommandTestee(command).target == target


def served(start, *questions):
    """Return the answers of a Python testee."""
    answers = io.StringIO()
    asked = [
        json.dumps(
            {
                "id": number,
                "endpoint": ENDPOINT,
                "credentials": {
                    "access_key_id": "a",
                    "access_key_secret": "b",
                    "security_token": None,
                },
                "timeout": 2.0,
                "params": params,
            }
        )
        for number, params in enumerate(questions, start=1)
    ]
    serve_testee(start, questions=asked, answers=answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_a_python_testee_answers(capsys):
    """``serve_testee`` answers with what a callable returns or raises, one line a question."""

    def start(params, *, endpoint, credentials, timeout):
        if params["n"] == 2:
            error = ValueError("no")
            error.code = "TaskExisted"
            raise error
        return "r-1" if params["n"] == 1 else None

    error = {"code": "TaskExisted", "message": "ValueError: no"}
    assert served(start, {"n": 1}, {"n": 2}, {"n": 3}) == [
        {"id": 1, "request_id": "r-1"},
        {"id": 2, "error": {**error, "http_status": None, "request_id": None}},
        {"id": 3},
    ]
    assert "expected a RequestId or an exception, got None" in capsys.readouterr().err


def test_a_python_testee_may_print():
    """What a Python testee or its libraries print to stdout goes to stderr, not into an answer."""
    program = (
        "from pytest_rtcmpu.checks.testees.command import serve_testee\n"
        "import os\n"
        "def start(params, *, endpoint, credentials, timeout):\n"
        "    print('noise'); os.write(1, b'more noise')\n"
        "    return 'r-1'\n"
        "serve_testee(start)"
    )
    with closing(CommandTestee([sys.executable, "-c", program], startup=20)) as testee:
        assert ask(testee).request_id == "r-1"
        assert ask(testee).request_id == "r-1"
