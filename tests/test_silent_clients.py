"""A client that never calls the endpoint it was given: why is said once, and the run stops."""

import socket
import sys
import textwrap
import urllib.request

import pytest

from pytest_rtcmpu import cli
from pytest_rtcmpu.checks.client.bench import MAX_SILENT, ClientBench
from pytest_rtcmpu.checks.core import CannotRun
from pytest_rtcmpu.checks.run import Settings, run_bench
from pytest_rtcmpu.checks.testees.command import MAX_GARBAGE, CommandTestee
from pytest_rtcmpu.checks.testees.protocol import CallableTestee
from pytest_rtcmpu.values.credentials import Credentials

DOCUMENTED = Settings(phases=("documented",), timeout=2.0)


def raises(params, **rest):
    """Fail before any request, as a typing mistake does."""
    return params.no_such_attribute


def calls_the_service(params, **rest):
    """Call the real host, whatever was given."""
    urllib.request.urlopen("http://rtc.aliyuncs.com/")


def calls_another_port(params, **rest):
    """Call the right machine and a wrong port."""
    socket.create_connection(("127.0.0.1", 9), timeout=1)


def says_success(params, **rest):
    """Return a RequestId out of the air."""
    return "760bad53276431c499e30dc36f6b26be"


MISTAKES = {
    raises: "the client never called the endpoint it was given; it raised AttributeError: ",
    calls_the_service: "it called rtc.aliyuncs.com, not the endpoint it was given",
    calls_another_port: "it called 127.0.0.1:9, not the endpoint it was given",
    says_success: "never called the endpoint it was given; it reported success, RequestId '760",
}


def run(start, settings=DOCUMENTED):
    """Run a client's checks."""
    bench = ClientBench(CallableTestee(start), settings)
    try:
        return run_bench(bench, settings)
    finally:
        bench.close()


@pytest.mark.parametrize("settings", [DOCUMENTED, Settings(phases=("fuzz",), max_examples=20)])
@pytest.mark.parametrize("start", MISTAKES, ids=lambda start: start.__name__)
def test_what_it_did_is_said(start, settings):
    """After a few starts of which nothing came, the run ends with what the client did instead."""
    starts = []

    def counted(params, **rest):
        starts.append(params)
        return start(params, **rest)

    with pytest.raises(CannotRun) as caught:
        run(counted, settings)
    assert MISTAKES[start] in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(starts) == MAX_SILENT


def test_a_client_that_called_once_is_judged():
    """What happens after a call has come is a finding like any other."""
    first = iter([True])

    def start(params, *, endpoint, **rest):
        if next(first, False):
            urllib.request.urlopen(endpoint)
        raise ValueError("no")

    found = {r.clause: r for r in run(start, DOCUMENTED).results if r.broken}
    assert found["request.sent"].broken > MAX_SILENT


@pytest.mark.parametrize("options", [[], ["--clause", "reply.json"]], ids=["all", "one-clause"])
def test_from_a_shell(tmp_path, monkeypatch, capsys, options):
    """The reason is the first line, said once, and the exit status is 2."""
    code = "def start(params, *, endpoint, credentials, timeout):\n    return params.nothing\n"
    (tmp_path / "silent_client_of_mine.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    arguments = ["check", "client", "--phase", "documented", *options]
    assert cli.main([*arguments, "silent_client_of_mine:start"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    said = [line for line in err.splitlines() if line.startswith("rtcmpu: ")]
    assert len(said) == 1
    assert "never called the endpoint it was given; it raised AttributeError" in said[0]


def test_in_another_process(tmp_path):
    """A command cannot be watched: the host is found in what it says."""
    testee = tmp_path / "testee.py"
    testee.write_text(
        textwrap.dedent(
            """
            import json, sys
            for line in sys.stdin:
                text = "HTTPSConnectionPool(host='rtc.aliyuncs.com', port=443): refused"
                print(json.dumps({"id": json.loads(line)["id"], "error": {"message": text}}))
                sys.stdout.flush()
            """
        )
    )
    bench = ClientBench(CommandTestee([sys.executable, str(testee)]), DOCUMENTED)
    try:
        with pytest.raises(CannotRun, match=r"it called rtc\.aliyuncs\.com, not the endpoint"):
            run_bench(bench, DOCUMENTED)
    finally:
        bench.close()


ANSWERS = """
import json, pathlib, sys
for line in sys.stdin:
    given = {"id": json.loads(line)["id"]}
    number = given["id"]
    ANSWER
"""
TASK = ({"TaskId": "t"}, "http://127.0.0.1:9", Credentials("an-id", "a-secret"))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            "print(json.dumps({**given, 'requestId': 'r'}), flush=True)",
            "either request_id or error",
        ),
        ("print('started', flush=True)", "expected a line of JSON, got 'started'"),
        ("sys.exit(3)", None),
        ("print(json.dumps({**given, 'error': {}} if number == 3 else given), flush=True)", None),
    ],
)
def test_another_protocol_is_said_early(tmp_path, answer, why):
    """Whom nobody could ever read is not asked for ever; who answered once, or ends, is judged."""
    (tmp_path / "testee.py").write_text(ANSWERS.replace("ANSWER", answer))
    testee = CommandTestee([sys.executable, str(tmp_path / "testee.py")])
    params, endpoint, key = TASK

    def start():
        return testee.start(params, endpoint=endpoint, credentials=key, timeout=5.0)

    for _ in range(MAX_GARBAGE - 1):
        start()
    if why is None:
        assert [start().kind != "error" for _ in range(MAX_GARBAGE)] == [True] * MAX_GARBAGE
        return
    with pytest.raises(CannotRun, match="of 5 answers none could be read; the last: ") as told:
        start()
    assert why in str(told.value)
