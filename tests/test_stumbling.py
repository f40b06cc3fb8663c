"""Mistakes that people make lead to their remedy: expected, got, and the way on."""

from __future__ import annotations

import re
import shlex
import socket
from argparse import Namespace
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest
import trustme  # noqa: F401 - what a test imports first pytester forgets, and cryptography minds
from hypothesis.errors import InvalidArgument

from pytest_rtcmpu import (
    APIError,
    Client,
    Credentials,
    Endpoint,
    GatewayError,
    InvalidTask,
    StartMPUTask,
    StopMPUTask,
    TransportError,
    cli,
    contract,
    errors,
    faults,
    mocked,
    rgb,
    rgb_components,
    rules,
    strategies,
)
from pytest_rtcmpu.checks import case_files
from pytest_rtcmpu.checks.core import CannotRun
from pytest_rtcmpu.checks.known_failures import Known, excuses
from pytest_rtcmpu.checks.run import EndpointBench, Settings, expect_operations, run_bench
from pytest_rtcmpu.checks.testees import targets
from pytest_rtcmpu.client import Reply
from pytest_rtcmpu.contract.elsewhere import to_set
from pytest_rtcmpu.contract.types import named
from pytest_rtcmpu.errors import SilenceWarning
from pytest_rtcmpu.model import example_task, request_class
from pytest_rtcmpu.model.names import python_name
from pytest_rtcmpu.server.authority import Authority
from pytest_rtcmpu.server.http import Server
from pytest_rtcmpu.server.setup import write_files
from pytest_rtcmpu.strategies.plain import plain, to_pairs
from pytest_rtcmpu.values import colours
from pytest_rtcmpu.values.arguments import naming_keywords
from pytest_rtcmpu.values.messages import Response
from pytest_rtcmpu.values.text import near

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest in a process of its own, on the files that are there, its output piped."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "GITHUB_ACTIONS", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)

    def runpytest(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess(
            "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:cov", *arguments
        )

    return runpytest


# -------------------------------------------------------------------------- the name that was meant


def test_letter_case_does_not_hide_a_name():
    """A name that differs in letter case alone is the nearest."""
    assert near("TASKID", ["TASKS", "TaskId"]).startswith("; did you mean TaskId,")


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda: Endpoint(contrct=None), "contract"),
        (lambda: Client(Credentials("id", "secret"), timout=1), "timeout"),
        (lambda: Endpoint().fail_next("InternalError", time=2), "times"),
        (lambda: Endpoint().answer_next("InternalError", falt=None), "fault"),
        (lambda: Endpoint().spoil_next(None, handle=True), "handled"),
        (lambda: strategies.violations(clause="*"), "clauses"),
        (lambda: strategies.gateway_violations(clause="*"), "clauses"),
        (lambda: strategies.user_panes(minsize=1), "min_size"),
        (lambda: strategies.layout_ids(minsize=1), "min_size"),
    ],
)
def test_a_wrong_keyword_names_the_right_one(call, meant):
    """A keyword that there is not comes with the one that was probably meant, on every Python."""
    with pytest.raises(TypeError, match=rf"[Dd]id you mean '?{meant}\b"):
        call()


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        (StartMPUTask, ("AppId",), "did you mean app_id?"),
        (StartMPUTask, ("AppId", "StreamURL"), "did you mean app_id, stream_url?"),
        (StartMPUTask, ("TaskID",), "did you mean task_id?"),
        (StartMPUTask, ("CropMode",), "did you mean crop_mode?"),
        (StopMPUTask, ("AppId", "TaskId"), "did you mean app_id, task_id?"),
        (request_class("UpdateMPULayout"), ("LayoutIds",), "did you mean layout_ids?"),
    ],
)
def test_documented_names_lead_to_those_of_python(kind, given, told):
    """A request takes Python names; the documented ones come with them, all at once."""
    with pytest.raises(TypeError, match=re.escape(told)) as caught:
        kind(**dict.fromkeys(given, "x"))
    assert f"{kind.action}.from_params(" in str(caught.value)


def test_keywords_of_a_function_that_was_called_inside_are_its_own():
    """What a function with named keywords raises by itself is not touched."""

    @naming_keywords
    def outer(*, name: str) -> None:
        raise TypeError(f"inner: {name}")

    with pytest.raises(TypeError, match=r"^inner: x$"):
        outer(name="x")


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda: strategies.tasks(medai_encode=0), "media_encode"),
        (lambda: strategies.requests("StopMPUTask", tsk_id="t"), "task_id"),
        (lambda: strategies.requests("StopMPUTsk"), "StopMPUTask"),
    ],
)
def test_a_wrong_name_of_a_strategy_names_the_right_one(call, meant):
    """A parameter or an operation that there is not comes with the one that was meant."""
    with pytest.raises(InvalidArgument, match=f"; did you mean {meant}"):
        call()


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ("chek", "check"),
        ("check --phse=fuzz", "--phase"),
        ("replay case.json --targt x", "--target"),
        ("explain TaskExisted --editon 2019-05", "--edition"),
        ("contract --formt json", "--format"),
        ("serve --prot 1", "--port"),
        ("--verison", "--version"),
        ("--hlep", "--help"),
        ("serve 8080", "--port 8080"),
        ("contract 2021-03", "--edition 2021-03"),
        ("contract json", "--format json"),
        ("explain TaskExisted 2021-03", "--edition 2021-03"),
        ("serve python", "--env python"),
    ],
)
def test_a_wrong_word_of_a_command_names_the_right_one(capsys, arguments, meant):
    """A sub-command or an option that there is not comes with the one that was meant: status 2."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments.split())
    assert stopped.value.code == 2
    assert re.search(rf"; did you mean {meant}\b", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ("check http://127.0.0.1:9", "endpoint http://127.0.0.1:9"),
        ("check package:start", "client package:start"),
        ("check 2021-03", "--edition 2021-03"),
        ("check clients package:start", "client"),
        ("check client http://127.0.0.1:9", "endpoint http://127.0.0.1:9"),
    ],
)
def test_a_target_without_its_subject_leads_to_it(capsys, arguments, meant):
    """A URL, a callable or an edition where client or endpoint should stand is recognised."""
    assert cli.main(arguments.split()) == 2
    assert f"; did you mean {meant}?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("", "expected a command, one of check, replay, serve, explain, contract, diff"),
        ("serve --port abc", "argument --port: expected a whole number, 0…65535, got 'abc'"),
        ("serve --port 65536", "argument --port: expected 0…65535, got 65536"),
        ("serve --max-calls few", "expected a whole number, 1 or more, got 'few'"),
        ("check --seed x", "argument --seed: expected a whole number, got 'x'"),
        ("check --timeout soon", "argument --timeout: expected a number of seconds, got 'soon'"),
        ("serve --own-name http://x", "'http://x': expected the name or the address of a host"),
        ("serve --own-name http://x", "got a URL: leave out all but its host"),
        ("serve --own-name x:80", "got a port too: leave it out"),
        ("serve --own-name=", "such as db.internal or 192.0.2.7, got nothing"),
        ("serve --host http://127.0.0.1:80", "argument --host: 'http://127.0.0.1:80': expected"),
        ("serve --host 127.0.0.1:80", "got a port too: leave it out"),
        ("check --known-failures=", "--known-failures: expected the name of a file, got nothing"),
        ("check --save-cases=", "--save-cases: expected the name of a folder, got nothing"),
        ("check --report=", "--report: report '': expected a name ending in .json, .html or .xml"),
        ("serve --record=", "--record: expected the name of a file, got nothing"),
        ("serve maybe", "unrecognized arguments: maybe\n"),
        ("contract -x", "unrecognized arguments: -x\n"),
    ],
)
def test_a_value_of_an_option_that_cannot_be_read(capsys, arguments, told):
    """What was expected is said in words, and nothing is guessed where nothing is near."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments.split())
    assert stopped.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--rtcmpu-max-examples=0", "expected 1 or more, got 0"),
        ("--rtcmpu-budget=x", "expected a whole number, 1 or more, got 'x'"),
        ("--rtcmpu-seed=x", "expected a whole number, got 'x'"),
        ("--rtcmpu-timeout=-1", "expected a number of seconds, got '-1'"),
        ("--rtcmpu-known-failures=", "expected the name of a file, got nothing"),
    ],
)
def test_a_value_of_an_option_of_pytest_that_cannot_be_read(run, option, told):
    """The plugin's options say the same."""
    result = run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert told in result.stderr.str()


def test_a_wrong_option_of_pytest_names_the_right_one(run):
    """An option of pytest that begins as ours do comes with the one that was meant."""
    result = run("--rtcmpu-phse=fuzz")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*--rtcmpu-phse: there is no such option; did you mean *-phase,*")


def test_an_option_of_a_conftest_may_begin_alike(pytester, run):
    """What is unknown is said once conftest.py files have added their options."""
    pytester.makeconftest("def pytest_addoption(parser): parser.addoption('--rtcmpu-stage')")
    pytester.makepyfile("def test_it(request): assert request.config.option.rtcmpu_stage == '2'")
    run("--rtcmpu-stage=2").assert_outcomes(passed=1)


def test_an_option_that_is_like_none_comes_with_all(run):
    """Where no option is near, all are listed."""
    result = run("--rtcmpuzzle")
    result.stderr.fnmatch_lines("*--rtcmpuzzle: there is no such option; *--rtcmpu-client*")


# -------------------------------------------------------------------------- what is asked for


def test_a_server_is_given_a_function():
    """An endpoint in place of its function is refused where the server is made."""
    told = "handle: expected a function, such as endpoint.handle, got an Endpoint"
    with pytest.raises(TypeError, match=f"^{re.escape(told)}$"):
        Server(Endpoint())


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda: faults.delay(1) | "InternalError",
            "|: expected a fault, got 'InternalError'; for a Code and a fault, call "
            "answer_next('InternalError', fault=faults.delay(1))",
        ),
        (lambda: faults.timeout | faults.delay, "; faults.delay needs its argument"),
        (lambda: faults.timeout | (lambda reply: reply), "; give Fault(name, function) for"),
        (lambda: faults.timeout | 5, "|: expected a fault, got 5"),
        (lambda: Endpoint().fail_next(errors.TaskExisted), '; give its Code, "TaskExisted"'),
        (
            lambda: Endpoint().answer_next(errors.InvalidMediaEncodeMalformed),
            '; give its Code, "InvalidMediaEncode.Malformed"',
        ),
        (
            lambda: Endpoint().fail_next(
                errors.api_error(code="Throttling", message="", http_status=400)
            ),
            '; give its Code, "Throttling"',
        ),
        (lambda: Endpoint().fail_next(errors.GatewayError), "errors.GatewayError'>"),
        (
            lambda: Endpoint().fail_next(faults.delay(1), faults.timeout),
            "got faults.timeout; for both in one reply, give faults.delay(1) | faults.timeout",
        ),
        (
            lambda: Endpoint().fail_next("InternalError", faults.timeout),
            "got faults.timeout; give fault=faults.timeout",
        ),
        (
            lambda: Endpoint().fail_next("InternalError", "TaskExisted"),
            "got 'TaskExisted'; ask for each Code by a call of its own",
        ),
        (lambda: Response(status=200, body="{}"), "body: expected bytes, got str"),
        (lambda: Response(status=200, headers={}), "headers: expected (name, value) pairs, got"),
    ],
)
def test_what_is_no_failure_leads_to_one(call, told):
    """A Code, a fault and a reply in each other's place come with the way to give them."""
    with pytest.raises((TypeError, ValueError), match=f"{re.escape(told)}") as caught:
        call()
    assert str(caught.value).endswith(told) or told[-1] != '"'


def _nothing(reply: Response) -> None:
    reply.json()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (_nothing, "the fault _nothing returned None; expected a Response"),
        (
            faults.delay(0) | faults.Fault("bytes", lambda reply: reply.body),
            "the fault bytes returned bytes; expected a Response",
        ),
    ],
)
def test_a_fault_that_returns_no_reply_is_told(fault, told):
    """Whose fault it is and what it returned are said, of one that is part of another too."""
    endpoint = Endpoint()
    endpoint.fail_next(fault)
    request = Client(endpoint.credentials).prepare("StartMPUTask", example_task().to_wire())
    with pytest.raises(TypeError, match=f"^{re.escape(told)}$"):
        endpoint.handle(request)


# ------------------------------------------------------------------------------- files, and values


def test_a_case_that_is_not_there(tmp_path, monkeypatch):
    """A file that is not there is said to be none, with where cases are saved."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CannotRun, match=r"^nope.json: there is no such file; cases are saved in "):
        case_files.read("nope.json")


def test_a_case_with_a_near_name(tmp_path):
    """Where a file beside it has a name like it, that one is named."""
    (tmp_path / "client-documented-one.json").write_text("{}")
    with pytest.raises(CannotRun, match=r"no such file; did you mean client-documented-one.json"):
        case_files.read(tmp_path / "client-documented-on.json")


@pytest.mark.parametrize(
    ("layout_id", "panes", "told"),
    [
        ("x", 3, "layout_id: expected an int, got 'x'"),
        (20001, "3", "panes: expected an int, got '3'"),
        (20001, True, "panes: expected an int, got True"),
    ],
)
def test_a_layout_of_another_type(layout_id, panes, told):
    """register_layout says which argument is wrong, what it expected and what came."""
    endpoint = Endpoint()
    with pytest.raises(TypeError, match=f"^{told}$"):
        endpoint.register_layout(layout_id, panes)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda e: e.advance_clock("10"),
            "by: expected a timedelta or a number of seconds, got str '10'",
        ),
        (
            lambda e: e.advance_clock(None),
            "by: expected a timedelta or a number of seconds, got NoneType None",
        ),
        (lambda e: e.advance_clock(float("nan")), "by: expected a timedelta or a number of"),
        (
            lambda e: e.advance_clock(1e300),
            "by: expected a timedelta or a number of seconds, got 1",
        ),
        (lambda e: e.list_tasks("1"), "offset: expected an int, 0 or more, got str '1'"),
        (lambda e: e.list_tasks(-1), "offset: expected an int, 0 or more, got -1"),
        (lambda e: e.list_tasks(0, "1"), "limit: expected an int, 0 or more, or None, got str"),
        (lambda e: Endpoint(max_calls="9"), "max_calls: expected an int, 1 or more, got str '9'"),
        (lambda e: Endpoint(max_calls=True), "max_calls: expected an int, 1 or more, got bool"),
        (lambda e: faults.delay("1"), "seconds: expected a number of seconds, 0 or more, got str"),
        (lambda e: faults.slow_bytes("1"), "bytes_per_second: expected a number above 0, got str"),
        (
            lambda e: faults.status("500"),
            "http_status: expected an int, 200 or more, got str '500'",
        ),
        (lambda e: faults.body("{}"), "content: expected bytes, got str"),
        (
            lambda e: rgb_components("#FF0000"),
            "color: expected a colour from 0 to 16777215, got str",
        ),
        (lambda e: strategies.user_panes(min_size="1"), "min_size: expected 0 to 16, got '1'"),
    ],
)
def test_what_is_no_number(call, told):
    """A numeric argument says what it expects, and the type and value of what came."""
    with pytest.raises((TypeError, ValueError, InvalidArgument)) as caught:
        call(Endpoint())
    assert str(caught.value).startswith(told)


def test_the_clock_moves_by_numbers_and_timedeltas():
    """Whole and broken seconds, back and forth."""
    endpoint = Endpoint(now=datetime(2026, 1, 1, tzinfo=UTC))
    endpoint.advance_clock(1.5)
    endpoint.advance_clock(timedelta(seconds=-1))
    endpoint.advance_clock(-1)
    assert endpoint.now == datetime(2025, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)


def _colours() -> list[tuple[str, str, str]]:
    """Each colour of each edition: the edition, the operation, the parameter."""
    return [
        (edition, operation, path)
        for edition in contract.editions()
        for operation in contract.load(edition).operations
        for path, p in named(contract.load(edition).operation(operation).parameters)
        if p.name.endswith("Color")
    ]


@pytest.mark.parametrize(("edition", "operation", "path"), _colours())
def test_a_colour_in_another_form_leads_to_rgb(edition, operation, path):
    """Whichever parameter it is, given by its author or sent."""
    view = contract.load(edition).operation(operation)
    *lists, name = path.split(".")
    sent = ".".join((*(f"{each}.1" for each in lists), name))
    (wrong,) = (p for p in rules.judge([(sent, "#FF0001")], view).problems if p.path == sent)
    assert str(wrong).endswith("; rgb(255, 0, 1) makes it 65791")
    given: object = "#FF0001"
    for each in reversed((*lists, name)):
        given = {python_name(each): given if each == name else [given]}
    with pytest.raises(InvalidTask, match=r"rgb\(255, 0, 1\) makes it 65791"):
        request_class(operation)(**{**_NOTHING[operation], **given}, contract=view)


#: What must be given of a request, though there is nothing to give.
_NOTHING = {
    "StartMPUTask": dict.fromkeys(("app_id", "channel_id", "task_id", "stream_url")),
    "UpdateMPULayout": {},
}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("#FF0000", "rgb(255, 0, 0) makes it 255"),
        ("#0f0", "rgb(0, 255, 0) makes it 65280"),
        ("0x0000FF", "rgb(0, 0, 255) makes it 16711680"),
        ((1, 2, 3), "rgb(1, 2, 3) makes it 197121"),
        ((1, 2, 300), ""),
        ((1, 2, "3"), ""),
        ("red", ""),
        ("#FF00", ""),
        ("255000", ""),
        (None, ""),
    ],
)
def test_colours_in_other_forms(given, told):
    """What design tools write is read; what is no colour is not guessed at."""
    assert colours.in_words(given) == told


def test_a_colour_leads_to_what_makes_it():
    """What rgb makes is accepted, and what the message names is what rgb makes."""
    with pytest.raises(InvalidTask, match=r"rgb\(255, 0, 0\) makes it 255$"):
        example_task_with(background_color="#FF0000")
    assert example_task_with(background_color=rgb(255, 0, 0)).background_color == 255


def example_task_with(**changes: object) -> StartMPUTask:
    """The example task, with changes."""
    params = {python_name(name): value for name, value in example_task().params.items()}
    return StartMPUTask(**{**params, **changes})


_ONES = "one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"


def test_a_layout_that_nobody_registered():
    """The problem names the layouts that there are, some of many, and what makes one known."""
    pairs = [*example_task().to_wire(), ("LayoutIds.3", "20001")]
    with mocked() as endpoint, Client(endpoint.credentials) as client:
        with pytest.raises(APIError, match="InvalidLayoutID") as caught:
            client.call("StartMPUTask", pairs)
        assert f"{_ONES}, got '20001' " in str(endpoint.calls[0].problems[0])
        known = "endpoint.register_layout(20001, panes) makes it known, to endpoint.contract too: "
        assert f"{known}give contract=endpoint.contract" in str(endpoint.calls[0].problems[0])
        for layout in range(30001, 30031):
            endpoint.register_layout(layout, 2)
        with pytest.raises(type(caught.value)):
            client.call("StartMPUTask", pairs)
        assert f"{_ONES}, 30001, " in endpoint.calls[1].problems[0].expected
        assert endpoint.calls[1].problems[0].expected.endswith("30017 and 13 more")


def test_a_layout_that_cannot_be_registered():
    """An id of Alibaba's own is led to no registering, nor is what is too long to be one."""
    for text in ("12", "1" * 41):
        judged = rules.judge([("LayoutIds.1", text)], contract.load()).problems
        (problem,) = [each for each in judged if each.path == "LayoutIds.1"]
        assert _ONES in str(problem)
        assert "register" not in str(problem)


@pytest.mark.parametrize("action", ["ModifyMPULayout", "DeleteMPULayout"])
def test_a_layout_that_the_application_did_not_make(action):
    """The warning names those that it made."""
    edition = contract.load("2021-03")

    def pairs(action: str, **changes: object) -> list[tuple[str, str]]:
        return to_pairs(plain(view := edition.operation(action), **changes), view)

    with mocked(contract=edition) as endpoint, Client(endpoint.credentials) as client:
        client.call("CreateMPULayout", pairs("CreateMPULayout"))
        with pytest.warns(SilenceWarning, match="LayoutId: 19999; there are 10001: "):
            client.call(action, pairs(action, LayoutId=19999))
        with pytest.warns(SilenceWarning, match="LayoutId: 19999; there are none: "):
            client.call(action, pairs(action, LayoutId=19999, AppId="another"))


@pytest.mark.parametrize("task", ["task-1", ("task-1",), 5])
def test_a_task_is_named_with_its_app(task):
    """stop() says that a task is a StartMPUTask or (AppId, TaskId), and what came."""
    told = f"task: expected a StartMPUTask or (AppId, TaskId), got {task!r}"
    with pytest.raises(TypeError, match=f"^{re.escape(told)}$"):
        Endpoint().stop(task)


@pytest.mark.parametrize(
    ("given", "got"),
    [
        (("an-id", "a-secret"), "got a tuple with a str in it"),
        ("a-secret", "got a str"),
        (5, "got a int"),
    ],
)
def test_keys_of_another_type_are_not_shown(given, got):
    """What came in place of credentials is said by its types: it may hold a secret."""
    with pytest.raises(
        TypeError, match=r"expected Credentials\(.*\), or several, " + got
    ) as caught:
        Endpoint(given)
    assert "a-secret" not in str(caught.value)


def test_a_key_that_is_made_known_is_no_pair_of_texts():
    """Its type is said, and nothing that it holds."""
    with pytest.raises(TypeError, match=r"^credentials: expected Credentials\(.*\), got a tuple$"):
        Endpoint().add_key(("an-id", "a-secret"))


def test_a_secret_in_place_of_a_url_is_not_shown():
    """Id and secret as two texts are refused for the first of them."""
    with pytest.raises(ValueError, match=r"^credentials: expected Credentials\(.*, got str$"):
        Client("an-id", "a-secret")


@pytest.mark.parametrize(
    "call",
    [
        lambda: Endpoint(contract="2021-03"),
        lambda: Client(Credentials("testid", "testsecret"), contract="2021-03"),
        lambda: example_task(contract="2021-03"),
        lambda: strategies.app_ids(contract="2021-03"),
    ],
    ids=["Endpoint", "Client", "request", "strategy"],
)
def test_an_edition_is_loaded_by_its_name(call):
    """The name of an edition is no contract."""
    told = "contract: expected a Contract, such as load('2021-03'), got a str"
    with pytest.raises(TypeError, match=f"^{re.escape(told)}$"):
        call()


_KEY = Credentials("testid", "testsecret")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda: contract.load(2021),
            f"edition: expected the name of one, such as {contract.editions()[-1]!r}, got int 2021",
        ),
        (
            lambda: mocked(_KEY),
            "endpoint: expected an Endpoint, got Credentials; give it by name: "
            "mocked(credentials=…)",
        ),
        (lambda: mocked("2021-03"), "endpoint: expected an Endpoint, got str"),
        (
            lambda: Client(_KEY, now=datetime(2026, 11, 30, tzinfo=UTC)),
            "now: expected a function that returns a datetime with a time zone, got datetime",
        ),
        (lambda: Client(_KEY, nonce="n"), "nonce: expected a function that returns a str, got str"),
        (
            lambda: StopMPUTask("app", task_id="t"),
            "StopMPUTask takes its parameters by name: app_id=, task_id=",
        ),
        (
            lambda: request_class("UpdateMPULayout")(example_task(), layout_ids=[5]),
            "UpdateMPULayout takes its parameters by name: app_id=, layout_ids=, ",
        ),
    ],
)
def test_an_argument_in_the_place_of_another(call, told):
    """It is refused where it is given, by its name, with what belongs there."""
    with pytest.raises(TypeError, match=f"^{re.escape(told)}"):
        call()


@pytest.mark.parametrize("name", [r"C:\proj\good.py:start", "./good:start", "/proj/good.py:start"])
def test_a_file_is_no_module(capsys, name):
    """A path where a module should be named leads to its name."""
    assert cli.main(["check", "client", name]) == 2
    told = "expected package.module:callable, such as mytests.client:start; name the module, not"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("name", ["StartMPUTask", "updatempulayout", "UserPanes.PaneId"])
def test_what_is_to_be_printed_alone_leads_to_explain(capsys, name):
    """The contract is printed whole; a name of any edition is explained."""
    with pytest.raises(SystemExit):
        cli.main(["contract", name])
    assert f"; did you mean rtcmpu explain {name}?" in capsys.readouterr().err


def test_a_status_of_a_task_that_is_not_started_yet():
    """It leads to what sets that of later tasks."""
    told = "started: none; for those that are started later, set_start_status(0, 0, 1)"
    with pytest.raises(KeyError, match=re.escape(told)):
        Endpoint().set_status(("app", "task"), 0, 0, 1)
    with pytest.raises(KeyError) as caught:
        Endpoint().status(("app", "task"))
    assert caught.value.args[0].endswith("started: none")


def test_an_edition_that_is_no_text_is_a_setting_that_cannot_be_meant(pytester, run):
    """A contract class whose edition is a number is refused when it is collected."""
    pytester.makepyfile(
        "from pytest_rtcmpu.testing import ClientContract\n"
        "class TestIt(ClientContract):\n    edition = 2021\n"
    )
    assert "edition: expected the name of one" in run("--collect-only").stdout.str()


@pytest.mark.parametrize(
    "action", [a for e in contract.editions() for a in contract.load(e).operations]
)
def test_a_method_that_a_client_does_not_have(action):
    """Each operation of any edition leads to request; those with a method have it."""
    client, name = Client(_KEY), python_name(action)
    if not hasattr(client, name):
        with pytest.raises(AttributeError, match=re.escape(f"; call client.request({action}(…))")):
            getattr(client, name)


@pytest.mark.parametrize("name", ["start_mpu_tsk", "session_", "__deepcopy__"])
def test_what_is_no_operation_leads_nowhere(name):
    """Any other attribute that a client does not have is said to be none, and no more."""
    with pytest.raises(AttributeError, match=f"^Client has no attribute '{name}'$"):
        getattr(Client(_KEY), name)
    assert not hasattr(Client(_KEY), name)


@pytest.mark.parametrize("name", ["layout_id", "LayoutId"])
def test_a_field_of_a_reply_is_no_attribute(name):
    """It leads to fields, where there is one."""
    reply = Reply(request_id="r", http_status=200, fields={"LayoutId": 10001})
    with pytest.raises(AttributeError, match=r"; a field of the reply is reply.fields\['LayoutId"):
        getattr(reply, name)
    assert not hasattr(reply, name)
    with pytest.raises(AttributeError, match=r"^Reply has no attribute 'task_id'$"):
        getattr(reply, "task_id")  # noqa: B009 - a type checker knows that it is not there


def test_statuses_are_given_one_by_one():
    """A list of statuses is refused with the way to give them."""
    with pytest.raises(ValueError, match=r"got \[0, 1\]; give several one by one$"):
        Endpoint().set_start_status([0, 1])


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("phases = 'documented'", "phases: expected a tuple of texts, got 'documented'"),
        ("phases = None", "phases: expected a tuple of texts, got None"),
        ("clauses = (1,)", "clauses: expected a tuple of texts, got (1,)"),
        ("phases = ('document',)", "phase 'document': expected one of documented, pairwise"),
        ("max_examples = '5'", "max_examples: expected an int, 1 or more, got str '5'"),
        ("timeout = 0", "timeout: expected a number of seconds above 0, got 0"),
        ("budget = 1.5", "budget: expected an int, 1 or more, or None, got float 1.5"),
        ("clauses = 'task-id.*'", "clauses: expected a tuple of texts, got 'task-id.*'"),
        ("operations = 'StopMPUTask'", "operations: expected a tuple of texts"),
        ("edition = ''", "unknown edition ''"),
    ],
)
def test_a_setting_of_a_contract_class_that_cannot_be_meant(pytester, run, setting, told):
    """Nothing is collected of such a class, and the message names the setting."""
    pytester.makepyfile(
        "from pytest_rtcmpu.testing import EndpointContract\n"
        f"class TestIt(EndpointContract):\n    url = 'http://127.0.0.1:9'\n    {setting}\n"
    )
    result = run()
    result.assert_outcomes(errors=1)
    assert told in result.stdout.str()


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--rtcmpu-clause=media-encode.zer", "no clause matches 'media-encode.zer'; did you mean"),
        ("--rtcmpu-edition=2020-01", "unknown edition '2020-01'"),
        ("--rtcmpu-edition=", "unknown edition ''; the package holds 2019-05, "),
        ("--override-ini=rtcmpu_edition=", "unknown edition ''; the package holds 2019-05, "),
        ("--rtcmpu-report=", "report '': expected a name ending in .json, .html or .xml"),
        ("--rtcmpu-operation=StopTask", "no operation 'StopTask'"),
        ("--rtcmpu-phase=fuz", "phase 'fuz': expected one of"),
    ],
)
def test_an_option_that_chooses_nothing_is_refused(pytester, run, option, told):
    """Whether or not there is something to check."""
    pytester.makepyfile("def test_it(): pass")
    result = run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert told in result.stderr.str()


def test_a_value_that_is_nearly_a_setting_is_told(pytester, run):
    """A misspelt setting is a warning; a name of one's own is none."""
    pytester.makepyfile(
        "from pytest_rtcmpu.testing import ClientContract\n"
        "class TestIt(ClientContract):\n"
        "    max_example = 5\n    colour = 1\n    phases = ('documented',)\n"
    )
    told = run("--collect-only", "-q").stdout.str()
    assert "TestIt: max_example is no setting; did you mean max_examples?" in told
    assert "colour" not in told


def test_nothing_is_explained_to_whoever_names_nothing(capsys):
    """An empty name is refused: it is no error without an id."""
    assert cli.main(["explain", ""]) == 2
    told = "expected a Code, clause, silence, operation or parameter, got nothing"
    assert told in capsys.readouterr().err


def test_an_empty_target_is_not_that_of_the_file(capsys, tmp_path, monkeypatch):
    """A case is not run on its own target where another was to be named."""
    monkeypatch.setattr(case_files, "read", lambda _: Namespace(target=targets.OWN[0]))
    assert cli.main(["replay", "a.json", "--target="]) == 2
    assert "client: expected a name after it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--report=there.html", "report there.html: expected the name of a file, got a directory"),
        ("--save-cases=a.txt", "expected the name of a folder, got a file: a.txt"),
        ("--save-cases=a.txt/cases", "expected the name of a folder, got a file: a.txt"),
    ],
)
def test_what_could_not_be_written_is_refused_before_a_run(
    capsys, tmp_path, monkeypatch, option, told
):
    """A folder in place of a file and the other way round are told by the names given."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.html").mkdir()
    (tmp_path / "a.txt").touch()
    with pytest.raises(SystemExit) as stopped:
        cli.main(["check", option])
    assert stopped.value.code == 2
    assert told in capsys.readouterr().err


def test_a_name_of_another_edition_leads_there(capsys):
    """Explain says which edition has a name that this one has not."""
    assert cli.main(["explain", "cropmode"]) == 2
    assert "edition 2021-03 has it: --edition 2021-03" in capsys.readouterr().err


def _known_failure(known_id: str) -> str:
    known = [Known(id=known_id, reason="a reason")]
    return excuses(known, [], contract.load("2019-05"), today=date(2026, 11, 30)).problems[0]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda: strategies.requests("UpdateMPULayout"),
            "got 'UpdateMPULayout'; 2021-03 has it; give contract=contract.load('2021-03')",
        ),
        (
            lambda: strategies.tasks(crop_mode=2),
            "; 2021-03 has it; give contract=contract.load('2021-03')",
        ),
        (
            lambda: expect_operations(contract.load("2019-05"), ["UpdateMPULayout"]),
            "; edition 2021-03 has it: set rtcmpu_edition = 2021-03",
        ),
        (
            lambda: Endpoint().set_start_status(1, 6),
            "got 6; edition 2021-03 has it: set rtcmpu_edition = 2021-03",
        ),
    ],
)
def test_what_another_edition_has_leads_there(call, told):
    """An operation, a parameter and a status of another edition come with its name."""
    with pytest.raises((ValueError, InvalidArgument, CannotRun), match=re.escape(told)):
        call()


def test_a_known_failure_of_another_edition_leads_there():
    """An id that another edition alone has comes with that edition."""
    told = "no such clause or check; edition 2021-03 has it: set rtcmpu_edition = 2021-03"
    assert told in _known_failure("crop-mode.enum")
    assert told in _known_failure("client/documented/crop-mode.enum")
    assert "2021-03" not in _known_failure("crop-mode.nothing")


def test_what_no_edition_has_leads_to_none():
    """A status that there is nowhere comes with those that there are."""
    with pytest.raises(ValueError, match=r"^status: expected one of 0, 1, 2, 3, got 99$"):
        Endpoint().set_start_status(99)


@pytest.mark.parametrize(
    ("action", "parameter", "given", "clause"),
    [
        ("CreateMPULayout", "panes", [{"pane_id": 0, "x": "0.0"}], "create-layout.panes.x.number"),
        ("CreateMPULayout", "panes", [{"pane_id": "0"}], "request.integer.form"),
    ],
)
def test_a_value_of_a_wrong_type_names_the_clause_of_its_kind(action, parameter, given, clause):
    """A number that is a text breaks the rule of numbers, and not that of texts."""
    edition = contract.load("2021-03")
    with pytest.raises(InvalidTask) as caught:
        request_class(action)(**{parameter: given}, app_id="a", contract=edition)
    assert [p.clause.id for p in caught.value.problems if "got str" in str(p)] == [clause]


def test_a_field_of_another_struct_leads_there():
    """It is no slip of a field that the struct has."""
    edition = contract.load("2021-03")
    with pytest.raises(TypeError) as caught:
        request_class("CreateMPULayout")(app_id="a", panes=[{"user_id": "u"}], contract=edition)
    told = str(caught.value)
    assert "has no field 'user_id': UserPanes of StartMPUTask" in told
    assert "did you mean" not in told
    with pytest.raises(TypeError, match=r"no field 'pane_i'; did you mean pane_id\b"):
        request_class("CreateMPULayout")(app_id="a", panes=[{"pane_i": 1}], contract=edition)


_ELSEWHERE = "edition 2021-03 {} it: set rtcmpu_edition = 2021-03 (in code contract=contract.load("


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("CropMode", "2", "CropMode: edition 2021-03 has it"),
        ("UserPanes.0.SegmentType", "1", "UserPanes.0.SegmentType: edition 2021-03 has it"),
        ("Backgrounds.1.Url", "http://a.example/b", "Backgrounds.1.Url: edition 2021-03 has it"),
    ],
)
def test_a_parameter_of_another_edition_that_is_sent(name, value, told):
    """The endpoint ignores it, and its warning says which edition has it, once a parameter."""
    pairs = [*example_task().to_wire(), (name, value), (f"{name}.1", value)]
    with mocked() as endpoint, Client(endpoint.credentials) as client:
        with pytest.warns(SilenceWarning, match=re.escape(_ELSEWHERE.format("has"))) as given:
            client.call("StartMPUTask", pairs)
        (note,) = endpoint.calls[0].warnings
    assert len(given) == 1
    assert str(note).startswith(told)


@pytest.mark.parametrize("name", ["Crop", "UserPanes.0.Segment", "Background.1.Url"])
def test_a_parameter_of_no_edition_is_ignored(name):
    """What no edition has gives no warning: such parameters are ignored."""
    with mocked() as endpoint, Client(endpoint.credentials) as client:
        client.call("StartMPUTask", [*example_task().to_wire(), (name, "1")])
        assert endpoint.calls[0].warnings == ()


def test_an_operation_of_another_edition_that_is_called():
    """It is refused, and the warning says which edition has it."""
    with mocked() as endpoint, Client(endpoint.credentials) as client:
        told = re.escape(f"Action: UpdateMPULayout: {_ELSEWHERE.format('has')}")
        with pytest.warns(SilenceWarning, match=told), pytest.raises(GatewayError):
            client.call("UpdateMPULayout", [])
        with pytest.raises(GatewayError):
            client.call("UpdateMPULayouts", [])
        assert endpoint.calls[1].warnings == ()


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("TaskProfile", "16IN_1080P", True),
        ("TaskProfile", "17IN_1080P", False),
        ("MediaEncode", "22", True),
        ("MediaEncode", "2", False),
        ("BackgroundColor", "", True),
        ("AppId", "", False),
        ("LayoutIds.1", "13", True),
        # 2021-03 refuses it too: panes count from 1 there
        ("UserPanes.0.UserId", "", False),
    ],
)
def test_a_value_of_another_edition_that_is_sent(name, value, allowed):
    """The problem of the call leads to the edition that has no such rule, where one has none."""
    pairs = {**dict(example_task().to_wire()), name: value}
    with mocked() as endpoint, Client(endpoint.credentials) as client:
        with pytest.raises(APIError) as caught:
            client.call("StartMPUTask", list(pairs.items()))
        (problem,) = endpoint.calls[0].problems
    assert caught.value.code == problem.clause.codes[0]
    assert (_ELSEWHERE.format("allows") in str(problem)) == allowed


@pytest.mark.parametrize(("absent", "allowed"), [("", True), ("BackgroundColor", False)])
def test_a_relation_that_another_edition_does_not_have(absent, allowed):
    """It leads to an edition that has nothing else to refuse: relations are judged last."""
    wire = [p for p in example_task().to_wire(user_panes_from=1) if p[0] != absent]
    pairs = [pair for pair in wire if not pair[0].startswith("LayoutIds.")]
    pairs += [("LayoutIds.1", "2"), ("LayoutIds.2", "3")]
    edition = contract.load("2021-03")
    judged = rules.judge(pairs, edition).problems
    (problem,) = rules.with_leads(judged, pairs, edition, to_set)
    assert problem.clause.id in {relation.id for relation in edition.relations}
    assert ("edition 2019-05 allows it" in str(problem)) == allowed


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"task_profile": "16IN_1080P"}, "2021-03 allows it; give contract="),
        ({"media_encode": 22}, "2021-03 allows it; give contract="),
        ({"user_panes": [{"segment_type": 1}]}, "2021-03 has it; give contract="),
    ],
)
def test_a_value_of_another_edition_that_is_given(given, told):
    """A request says by which edition it could be made."""
    with pytest.raises((InvalidTask, TypeError), match=told):
        example_task_with(**given)


def test_a_failing_test_says_which_edition_allows_what_was_refused(pytester, run):
    """A client's exception has the Code alone; pytest shows the lead below it, by every door."""
    pytester.makepyfile(
        """
        import pytest
        from pytest_rtcmpu import Client

        def start(endpoint, *url, **changes):
            from pytest_rtcmpu.model import example_task
            with Client(endpoint.credentials, *url) as client:
                pairs = {**dict(example_task().to_wire()), **changes}
                client.call("StartMPUTask", list(pairs.items()))

        def test_fixture(rtcmpu_endpoint):
            start(rtcmpu_endpoint, MediaEncode="22")

        def test_factory(rtcmpu_mock):
            with rtcmpu_mock() as endpoint:
                start(endpoint, MediaEncode="22")

        def test_server(rtcmpu_server):
            start(rtcmpu_server, rtcmpu_server.url, MediaEncode="22")

        def test_of_no_edition(rtcmpu_endpoint):
            start(rtcmpu_endpoint, MediaEncode="2")
        """
    )
    result = run("-rN")  # where CI is set, pytest's summary tells each message whole once more
    result.assert_outcomes(failed=4)
    lead = "pytest-rtcmpu: call 1, StartMPUTask: MediaEncode: expected one of 0, 1, 10, 20, 30"
    assert result.stdout.str().count(f"{lead}, got '22'") == 3
    assert "got '2' " not in result.stdout.str()


def test_a_seal_that_is_neither_on_nor_off(pytester, run):
    """The setting is named."""
    pytester.makeini("[pytest]\nrtcmpu_seal = maybe\n")
    assert "rtcmpu_seal: expected true or false: " in run().stderr.str()


@pytest.mark.parametrize("option", ["--tb=line", "--tb=long", "--showlocals"])
def test_a_credentials_fixture_that_returns_a_tuple(pytester, run, option):
    """The fixtures say what rtcmpu_credentials must return, and no traceback what it returned."""
    pytester.makeconftest(
        "import pytest\n@pytest.fixture\ndef rtcmpu_credentials():\n    return 'an-id', 'hush-hush'"
    )
    pytester.makepyfile(
        "def test_one(rtcmpu_endpoint): pass\ndef test_two(rtcmpu_server): pass\n"
        "def test_three(rtcmpu_mock):\n    with rtcmpu_mock(): pass"
    )
    result = run(option)
    result.assert_outcomes(errors=3)
    told = result.stdout.str()
    assert told.count("expected Credentials(access_key_id, access_key_secret)") >= 3
    assert "hush-hush" not in told.replace("return 'an-id', 'hush-hush'", "")


@pytest.mark.parametrize("option", ["--tb=long", "--showlocals"])
def test_no_traceback_shows_what_is_no_key(pytester, run, option):
    """The frames that were given a secret in another form are hidden."""
    pytester.makepyfile(
        "from pytest_rtcmpu import Client, Endpoint, mocked\n"
        "def secret(): return 'hush' * 2\n"
        "def test_client(): Client('an-id', secret())\n"
        "def test_keywords(): Client(credentials='an-id', endpoint=secret())\n"
        "def test_endpoint(): Endpoint(('an-id', secret()))\n"
        "def test_mocked():\n    with mocked(credentials=('an-id', secret())): pass\n"
    )
    result = run(option)
    result.assert_outcomes(failed=4)
    assert "hushhush" not in result.stdout.str()


# ------------------------------------------------------------------------------------------ pytest


@pytest.mark.parametrize("name", ["tasks", "calls", "fail_next"])
def test_a_mock_that_is_not_open_leads_to_with(rtcmpu_mock, name):
    """What is asked of a mock in place of its endpoint is to be asked within with."""
    for mock, told in (
        (rtcmpu_mock(), "with rtcmpu_mock() as endpoint:"),
        (rtcmpu_mock, "with rtcmpu_mock() as endpoint:"),
        (mocked(), "with mocked() as endpoint:"),
    ):
        with pytest.raises(AttributeError, match=re.escape(told)) as caught:
            getattr(mock, name)
        assert f"endpoint.{name}" in str(caught.value)


def test_a_factory_that_is_not_called_leads_to_its_call(rtcmpu_mock):
    """The fixture itself is no mock."""
    with pytest.raises(TypeError, match=r"write with rtcmpu_mock\(\) as endpoint:"), rtcmpu_mock:
        pass


def test_a_mock_decorates_a_function_for_each_of_its_calls():
    """As what is made by contextlib does; each call has a fresh endpoint."""

    @mocked()
    def started() -> str:
        with Client(Credentials("testid", "testsecret")) as client:
            return client.start_mpu_task(example_task()).request_id

    assert started() != started()


@pytest.mark.parametrize("fixture", ["rtcmpu_endpoint", "rtcmpu_client", "rtcmpu_server"])
def test_a_health_check_leads_to_the_factory(pytester, run, fixture):
    """Hypothesis's word about an endpoint that outlives an example leads to rtcmpu_mock."""
    pytester.makepyfile(
        "from hypothesis import given, strategies as st\n"
        f"@given(st.integers())\ndef test_one({fixture}, number): pass"
    )
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("*with rtcmpu_mock() as endpoint:*")
    assert ("rtcmpu_server.reset()" in result.stdout.str()) == (fixture == "rtcmpu_server")


def test_a_health_check_of_another_fixture_is_left_alone(pytester, run):
    """Where the fixture is none of ours nothing is added."""
    pytester.makepyfile(
        "from hypothesis import given, strategies as st\n"
        "@given(st.integers())\ndef test_one(monkeypatch, number): pass"
    )
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*rtcmpu_mock*")


@pytest.mark.parametrize("autoload", [True, False])
def test_the_package_named_as_a_plugin_is_the_plugin(pytester, run, monkeypatch, autoload):
    """-p pytest_rtcmpu gives the fixtures, whether pytest loads plugins by itself or not."""
    if not autoload:
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile("def test_one(rtcmpu_endpoint): assert rtcmpu_endpoint.call_count == 0")
    run("-p", "pytest_rtcmpu").assert_outcomes(passed=1)


def test_the_plugin_can_be_named_by_a_conftest(pytester, run):
    """pytest_plugins = ["pytest_rtcmpu"] does no harm where the plugin is loaded."""
    pytester.makeconftest("pytest_plugins = ['pytest_rtcmpu']")
    pytester.makepyfile("def test_one(rtcmpu_endpoint): assert rtcmpu_endpoint.call_count == 0")
    run().assert_outcomes(passed=1)


# ------------------------------------------------------- a test that mocks nothing: rtcmpu_seal


_SEALED = "[pytest]\nrtcmpu_seal = true\n"
_CALLS = {
    "socket, by name": "socket.create_connection(('rtc.aliyuncs.com', 443), 1)",
    "socket, not looked up": "socket.socket().connect(('rtc.aliyuncs.com', 443))",
    "another region": "socket.getaddrinfo('rtc.cn-shanghai.aliyuncs.com', 443)",
    "gethostbyname": "socket.gethostbyname('RTC.aliyuncs.com.')",
    "a proxy": "socket.create_connection(here).sendall(b'CONNECT rtc.aliyuncs.com:443 HTTP/1.1')",
    "requests": "requests.get('https://rtc.aliyuncs.com', timeout=1)",
    "uvloop": "uvloop_run()",
}


@pytest.mark.parametrize("call", _CALLS.values(), ids=_CALLS)
def test_a_call_of_the_service_without_a_mock_is_refused(pytester, run, call):
    """With rtcmpu_seal, whoever calls the service without a mock is told of the fixture."""
    if "uvloop" in call:
        pytest.importorskip("uvloop")
    pytester.makeini(_SEALED)
    pytester.makepyfile(
        f"""
        import asyncio, socket
        import pytest, requests

        def uvloop_run():
            import uvloop

            async def look_up():
                await asyncio.get_running_loop().getaddrinfo("rtc.aliyuncs.com", 443)

            uvloop.run(look_up())

        def test_one():
            with socket.create_server(("127.0.0.1", 0)) as server:
                here = server.getsockname()
                {call}
        """
    )
    result = run("-W", "ignore::ResourceWarning")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("E *aliyuncs.com is called by a test that does not mock it*")
    result.stdout.fnmatch_lines("E *fixture rtcmpu_endpoint, or rtcmpu_mock*")


def test_the_seal_disturbs_nobody_else(pytester, run):
    """With rtcmpu_seal, tests that mock the service, and calls to other hosts, go as ever."""
    pytester.makeini(_SEALED)
    pytester.makepyfile(
        """
        import socket, threading, urllib.request
        import pytest, requests

        def test_a_mock(rtcmpu_endpoint, rtcmpu_client, rtcmpu_task):
            rtcmpu_client.start_mpu_task(rtcmpu_task)
            assert requests.get("https://rtc.aliyuncs.com").status_code == 400
            with pytest.raises(urllib.error.HTTPError, match="400"):
                urllib.request.urlopen("https://rtc.aliyuncs.com")
            assert rtcmpu_endpoint.call_count == 3

        def test_others_are_blocked_by_a_mock(rtcmpu_endpoint):
            with pytest.raises(OSError, match="rtcmpu_allow_hosts"):
                socket.getaddrinfo("api.example.com", 443)

        def test_a_server(rtcmpu_server):
            assert requests.get(rtcmpu_server.url).status_code == 400

        def test_another_server():
            with socket.create_server(("127.0.0.1", 0)) as server:
                with socket.create_connection(server.getsockname()) as client:
                    client.sendall(b"CONNECT api.example.com:443 HTTP/1.1")

        def test_another_host(monkeypatch):
            asked = []
            monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: asked.append(a[0]) or [])
            with pytest.raises(OSError, match="empty list"):
                socket.create_connection(("api.example.com", 443))
            assert asked == ["api.example.com"]
        """
    )
    result = run("-p", "xdist", "-n", "1")
    result.assert_outcomes(passed=5)


def test_the_seal_can_be_lifted_for_a_run(pytester, run):
    """-o rtcmpu_seal=false lifts it, as leaving it out does."""
    pytester.makeini(_SEALED)
    pytester.makepyfile(
        """
        from pytest_rtcmpu.mock import openings

        def test_one():
            assert not openings.watched()
        """
    )
    run("-o", "rtcmpu_seal=false").assert_outcomes(passed=1)
    run().assert_outcomes(failed=1)


# ---------------------------------------------------------------- an endpoint that is not there


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_an_endpoint_that_is_not_there_is_one_plain_line(capsys):
    """The shell says in one line that nothing listens there, by errno's name, and to start it."""
    url = f"http://127.0.0.1:{_closed_port()}"
    assert cli.main(["check", "endpoint", url]) == 2
    said = capsys.readouterr().err
    assert said == (
        f"rtcmpu: {url}: the endpoint cannot be reached: ECONNREFUSED, Connection refused; nothing "
        "listens there: start it first, or name the URL that it listens at\n"
    )


def test_an_endpoint_that_goes_away_is_said_as_plainly():
    """Where the first request finds out, it says what the first look would."""
    url = f"http://127.0.0.1:{_closed_port()}"
    with (
        closing(EndpointBench(url, settings=Settings(phases=("documented",)))) as bench,
        pytest.raises(CannotRun, match="cannot be reached: ConnectionError: ECONNREFUSED, ") as e,
    ):
        run_bench(bench, bench.settings)
    assert "nothing listens there: start it first" in str(e.value)
    assert "Max retries" not in str(e.value)


def test_a_client_says_what_the_system_says():
    """A transport error has the system's own words, and no pool's."""
    url = f"http://127.0.0.1:{_closed_port()}"
    with (
        Client(Credentials("i", "s"), url) as client,
        pytest.raises(TransportError, match=r"ConnectionError: ECONNREFUSED, ") as caught,
    ):
        client.start_mpu_task(example_task())
    assert "Pool" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["its own", "none"])
def test_an_endpoint_whose_tls_fails_is_one_error(capsys, pytester, run, scheme):
    """The shell and pytest say once that TLS fails, and what to do."""
    context = Authority().serving("127.0.0.1") if scheme == "its own" else None
    with Server(Endpoint().handle, ssl_context=context) as server:
        url = f"https://127.0.0.1:{server.port}"
        assert cli.main(["check", "endpoint", url]) == 2
        said = capsys.readouterr().err
        assert f"rtcmpu: {url}: the endpoint cannot be reached: TLS, " in said
        assert "set REQUESTS_CA_BUNDLE" in said
        result = run(f"--rtcmpu-endpoint={url}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().count("cannot be reached: TLS, ") == 1


def test_an_authority_of_ones_own_is_trusted(monkeypatch, tmp_path):
    """What REQUESTS_CA_BUNDLE names is trusted, as requests does, a file or a folder."""
    authority = Authority()
    files = write_files(authority, tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(files.authority))
    with Server(Endpoint().handle, ssl_context=authority.serving("127.0.0.1")) as server:
        target = targets.endpoint_target(f"https://127.0.0.1:{server.port}")
        target.expect_there(Settings())
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none"))
        with pytest.raises(CannotRun, match="cannot be reached"):
            target.expect_there(Settings())


def test_what_a_proxy_connects_to_is_not_looked_at(monkeypatch):
    """A live endpoint is behind the proxy that the environment names."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    targets.endpoint_target("http://rtc.example.invalid").expect_there(Settings())


def test_a_contract_class_whose_endpoint_is_not_there_is_one_error(pytester, run):
    """One check fails and says why; the others say that they were not run."""
    pytester.makepyfile(
        "from pytest_rtcmpu.testing import EndpointContract\n"
        f"class TestIt(EndpointContract):\n    url = 'http://127.0.0.1:{_closed_port()}'\n"
        "    phases = ('documented',)\n    clauses = ('layout-ids.*',)\n"
    )
    result = run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    counted = result.parseoutcomes()
    assert counted["failed"] == 1
    assert counted["skipped"] >= 1
    assert "passed" not in counted
    assert "cannot be reached: ConnectionError: ECONNREFUSED, " in result.stdout.str()


# ---------------------------------------------------------------------- the ledger, and replay

_CLIENT = """
from pytest_rtcmpu import Client, Credentials
from pytest_rtcmpu.checks.cases import to_pairs

def start(params, *, endpoint, credentials, timeout):
    key = Credentials(
        credentials.access_key_id, credentials.access_key_secret, credentials.security_token
    )
    given = {name: value for name, value in params.items() if value}
    with Client(key, endpoint, timeout=timeout) as client:
        return client.call("StartMPUTask", to_pairs(given)).request_id
"""
_OF_ITS_CLASS = """
from client import start
from pytest_rtcmpu.testing import ClientContract

class TestIt(ClientContract):
    phases = ("documented",)
    clauses = ("media-encode.zero",)

    def start(self, params, **given):
        return start(params, **given)
"""
_BY_OPTION = (
    "-m",
    "rtcmpu",
    "--rtcmpu-client=client:start",
    "--rtcmpu-phase=documented",
    "--rtcmpu-clause=media-encode.zero",
)


@pytest.fixture
def client(pytester: pytest.Pytester) -> None:
    """A client that takes zero for nothing, beside a test of its user's."""
    pytester.makepyfile(client=_CLIENT, test_own="def test_own(): raise AssertionError")
    pytester.syspathinsert()


@pytest.mark.usefixtures("client")
def test_a_contract_runs_alone_by_its_mark(run):
    """-m rtcmpu with --rtcmpu-client runs the contract's checks and no other test."""
    run(*_BY_OPTION).assert_outcomes(failed=1, deselected=1)


@pytest.mark.usefixtures("client")
def test_a_piped_ledger_is_not_cut(run):
    """Where pytest's output is no terminal the ledger's lines stand whole, commands above all."""
    result = run(*_BY_OPTION, "--rtcmpu-clause=media-encode.*", "--rtcmpu-clause=reply.*")
    said = result.stdout.str().partition("rtcmpu contract checks")[2].partition("short test")[0]
    assert "…" not in said
    assert "; rtcmpu explain media-encode.required\n" in said
    assert "--rtcmpu-report FILE.html" in said
    assert max(map(len, said.splitlines())) > 80


@pytest.mark.usefixtures("client")
def test_the_ledger_takes_no_longer_than_the_run(pytester, run):
    """What comes before pytest counts its seconds is not counted by the ledger either."""
    pytester.makeconftest(
        """
        import time, pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_sessionstart(session):
            clock = time.monotonic
            time.monotonic = lambda: clock() + 1000
        """
    )
    said = run(*_BY_OPTION).stdout.str()
    (told,) = re.findall(r"^rtcmpu · .* · ([\d.]+) s$", said, re.MULTILINE)
    assert float(told) < 900


@pytest.mark.parametrize("how", ["class", "option"])
@pytest.mark.usefixtures("client")
def test_what_replay_prints_for_pytest_can_be_run(pytester, run, capsys, monkeypatch, how):
    """The command that replay prints runs the check that found the case, and nothing else."""
    if how == "class":
        pytester.makepyfile(test_class=_OF_ITS_CLASS)
    run(*(_BY_OPTION if how == "option" else ("test_class.py",))).assert_outcomes(failed=1)
    (saved, *_) = sorted(pytester.path.glob(".rtcmpu/cases/*.json"))
    monkeypatch.chdir(pytester.path)
    again = [] if how == "option" else ["--target", "client:start"]
    assert cli.main(["replay", str(saved), *again]) == 1
    (told,) = re.findall(r"^with pytest: pytest (.*)$", capsys.readouterr().out, re.MULTILINE)
    result = run(*shlex.split(told))
    result.assert_outcomes(failed=1, deselected=1 if how == "option" else 0)
    assert "media-encode.zero" in result.stdout.str()
