"""The shell command: what it checks, what it prints, and how it exits."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import ClassVar

import pytest

from pytest_rtcmpu import cli, contract
from pytest_rtcmpu.checks import side_by_side
from pytest_rtcmpu.checks.core import CannotRun, CheckResult, Finding, check_id
from pytest_rtcmpu.checks.run import Settings
from pytest_rtcmpu.checks.testees.targets import Target
from pytest_rtcmpu.contract import types
from pytest_rtcmpu.values.credentials import credentials_from

CONTRACT = contract.load()
CLAUSE = "media-encode.zero"
READING = next(c.id for c in CONTRACT.clauses if c.level == "reading" and "client" in c.subjects)

BAD_CLIENT = """
from pytest_rtcmpu.strategies.plain import to_pairs
from pytest_rtcmpu import Client, Credentials
def start(params, *, endpoint, credentials, timeout):
    params = {name: value for name, value in params.items() if name != "MediaEncode" or value}
    key = Credentials(credentials.access_key_id, credentials.access_key_secret,
                      credentials.security_token)
    client = Client(key, endpoint, timeout=timeout)
    try:
        return client.call("StartMPUTask", to_pairs(params)).request_id
    finally:
        client.close()
"""


class FakeBench:
    """A bench with results of its own: broken clauses, those never exercised, an interrupt."""

    broken: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    interrupted = False
    fixed: bool | None = False

    def __init__(self, target: Target, settings: Settings):
        self.subject, self.target, self.settings = target.subject, target.name, settings
        self.contract = CONTRACT
        self.notes: list[str] = []
        self.progress = lambda *_: None

    def result(self, phase, clause):
        """Return what was set for the clause."""
        self.progress(phase, 1, 1)
        if self.interrupted and clause == CLAUSE:
            type(self).interrupted = False
            raise KeyboardInterrupt
        broken = clause in self.broken
        finding = Finding(
            clause=clause,
            subject=self.subject,
            phase=phase,
            scenario="MediaEncode=0",
            expected="this",
            got="that",
            case={"scenarios": []},
        )
        return CheckResult(
            check=check_id(self.subject, phase, clause),
            clause=clause,
            subject=self.subject,
            phase=phase,
            asserts="",
            exercised=0 if self.subject in self.silent else 3,
            broken=int(broken),
            findings=(finding,) if broken else (),
        )

    def replay(self, case):
        """Return a finding unless it is fixed."""
        if self.fixed:
            return ()
        return self.result("documented", case["clause"]).findings


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> type[FakeBench]:
    """Let every target be run on a fake bench; its class attributes say what comes out."""

    class Bench(FakeBench):
        seen: ClassVar[list[tuple[Target, Settings, object]]] = []

    @contextmanager
    def made(target, settings, credentials):
        Bench.seen.append((target, settings, credentials))
        yield Bench(target, settings)

    monkeypatch.setattr(Target, "bench", made)
    monkeypatch.setattr(Target, "testee", lambda target, settings=None: None)
    monkeypatch.setattr(Target, "expect_there", lambda target, settings: None)
    monkeypatch.setattr(side_by_side, "usual_jobs", lambda targets: 1)
    return Bench


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """Run in a folder of its own, without what the environment may hold."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("RTCMPU_ACCESS_KEY_ID", "RTCMPU_ACCESS_KEY_SECRET", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("check", [("client", "callable"), ("endpoint", "own")]),
        ("check client a:start", [("client", "callable", "a:start")]),
        (
            "check client a:start b:start",
            [("client", "callable", "a:start"), ("client", "callable", "b:start")],
        ),
        ("check client a:start a:start", [("client", "callable", "a:start")]),
        ("check client --phase fuzz a:start -v", [("client", "callable", "a:start")]),
        ("check --phase fuzz client a:start", [("client", "callable", "a:start")]),
        ("check client -- node testee.js -v", [("client", "command", "node testee.js -v")]),
        (
            "check client a:start -- node testee.js",
            [("client", "callable", "a:start"), ("client", "command", "node testee.js")],
        ),
        ("check endpoint http://localhost:1", [("endpoint", "url", "http://localhost:1")]),
        ("check --clause error.task-existed.one-winner", [("endpoint", "own")]),
    ],
)
def test_what_is_named_is_checked(bench, arguments, named):
    """A client is a callable or what stands after --, an endpoint a URL; else the own pair."""
    assert cli.main(arguments.split()) == 0
    seen = [(target.subject, target.kind, target.name) for target, *_ in bench.seen]
    assert [each[: len(n)] for each, n in zip(seen, named, strict=True)] == named


@pytest.mark.parametrize(
    ("broken", "options", "status"),
    [
        ((), "", 0),
        ((CLAUSE,), "", 1),
        ((READING,), "", 0),
        ((READING,), "--strict", 1),
    ],
)
def test_the_exit_status_says_whether_all_holds(bench, broken, options, status):
    """0 when all holds, 1 when a clause is broken; a reading's breach only with --strict."""
    bench.broken = broken
    assert cli.main(["check", "client", "a:start", *options.split()]) == status


@pytest.mark.parametrize("silent", [("client",), ("endpoint",), ("client", "endpoint")])
def test_zero_checks_are_no_success(bench, silent):
    """When nothing was exercised for one of the targets, the run could not run."""
    bench.silent = silent
    assert cli.main(["check"]) == 2


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("check client nothing", "expected package.module:callable"),
        ("check client no_such_module:start", "no module named 'no_such_module'"),
        ("check client -- no-such-command", "cannot be started"),
        ("check client", "client: expected a name"),
        ("check endpoint", "endpoint: expected a name"),
        ("check client --strict", "client: expected a name"),
        ("check endpoint http://127.0.0.1:9", "cannot be reached"),
        ("check endpoint nonsense", "expected a URL"),
        ("check endpoint -- node testee.js", "an endpoint is named by its URL"),
        ("check server", "expected client or endpoint, got 'server'"),
        ("check -- node testee.js", "expected client or endpoint"),
        (
            "check client json:loads --clause media-encode.zer",
            "did you mean media-encode.zero",
        ),
        ("check client json:loads --clause format.json", "nothing is selected for clients"),
        ("check client json:loads --clause 0", "rtcmpu contract prints them all"),
        (
            "check --known-failures none.toml",
            "known failures none.toml: .*No such file",
        ),
        ("explain TaskExistd", "the nearest are TaskExisted"),
        ("explain Backgroundcolr", "the nearest are BackgroundColor"),
        ("explain zzz", "rtcmpu contract prints all there is"),
        ("replay none.json", "none.json: there is no such file"),
    ],
)
def test_what_cannot_run_says_why(capsys, arguments, why):
    """A bad target, an unreachable endpoint, a selection of nothing: status 2 and a sentence."""
    assert cli.main(arguments.split()) == 2
    captured = capsys.readouterr()
    assert re.search(why, captured.err)
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("", "expected a command, one of check"),
        ("chekc", "got 'chekc'; did you mean check?"),
        ("check --phase quick", "'quick': expected one of documented, pairwise"),
        ("check --max-examples 0", "expected 1 or more"),
        ("check --timeout inf", "expected a number of seconds"),
        ("check --report report.pdf", "expected a name ending in .json, .html or .xml"),
        ("check --report no/such/folder/report.html", "does not exist"),
        ("contract --format yaml", "invalid choice: 'yaml'"),
    ],
)
def test_wrong_arguments_are_refused(capsys, arguments, why):
    """Wrong options are said before anything is run, with status 2."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments.split())
    assert caught.value.code == 2
    assert why in capsys.readouterr().err


def test_options_reach_the_bench(bench):
    """Phases in their own order, globs, examples, seed and timeout are what was asked for."""
    arguments = "check client a:start --phase stateful --phase fuzz,documented --clause media-*"
    cli.main([*arguments.split(), "--max-examples", "7", "--seed", "5", "--timeout", "1.5"])
    assert bench.seen[0][1] == Settings(
        phases=("documented", "fuzz", "stateful"),
        clauses=("media-*",),
        max_examples=7,
        seed=5,
        timeout=1.5,
        operations=("StartMPUTask",),
    )


def test_the_seed_is_random_and_shown(bench, capsys):
    """Without --seed there is another one each time, and it is printed."""
    cli.main(["check", "client", "a:start"])
    cli.main(["check", "client", "a:start"])
    seeds = [settings.seed for _, settings, _ in bench.seen]
    assert seeds[0] != seeds[1]
    assert re.findall(r"seed (\d+)", capsys.readouterr().out) == [str(seed) for seed in seeds]


def test_reports_are_written(bench, capsys):
    """Each --report is written in its format, and named."""
    cli.main(["check", "client", "a:start", "--report", "a.json", "--report", "b.xml"])
    with open("a.json", encoding="utf-8") as file:
        assert json.load(file)["subjects"]
    assert os.path.getsize("b.xml") > 0
    assert "report: a.json\nreport: b.xml\n" in capsys.readouterr().out


def test_known_failures_are_excused_until_they_hold(bench, tmp_path):
    """A listed breach is no failure, and a listed check that holds is one."""
    known = tmp_path / "known.toml"
    known.write_text(f'[[known]]\nid = "{CLAUSE}"\nreason = "so it is"\n')
    arguments = [
        "check",
        "client",
        "a:start",
        "--phase",
        "documented",
        "--known-failures",
        str(known),
    ]
    bench.broken = (CLAUSE,)
    assert cli.main(arguments) == 0
    bench.broken = ()
    assert cli.main(arguments) == 1


def test_github_gets_annotations(bench, capsys, monkeypatch):
    """In a GitHub workflow a broken clause is an annotation."""
    bench.broken = (CLAUSE,)
    cli.main(["check", "client", "a:start"])
    assert "::error" not in capsys.readouterr().out
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    cli.main(["check", "client", "a:start"])
    assert f"::error title={CLAUSE} broken by client" in capsys.readouterr().out


def test_what_was_found_before_an_interrupt_is_told(bench, capsys):
    """Ctrl-C ends a run with what it found so far, marked incomplete, with status 2."""
    bench.interrupted = True
    assert cli.main(["check", "client", "a:start", "b:start"]) == 2
    out = capsys.readouterr().out
    assert "INCOMPLETE client a:start: interrupted in documented" in out
    assert "INCOMPLETE client b:start: not begun: interrupted" in out
    assert len(bench.seen) == 1


def test_progress_is_a_line_a_phase(bench, capsys):
    """Where no terminal is, each phase that is done is a line on standard error."""
    cli.main(["check", "client", "a:start", "--phase", "documented,fuzz"])
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition(",")[0] for line in lines] == [
        "client a:start: documented: 1 cases",
        "client a:start: fuzz: 1 cases",
    ]


def test_a_defect_is_no_verdict(monkeypatch, capsys):
    """An error of the program itself is status 2, with its traceback."""
    monkeypatch.setitem(cli.COMMANDS, "explain", cli.Command("", lambda _: 1 // 0))
    assert cli.main(["explain", "x"]) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "key_id"),
    [
        ({}, "testid"),
        ({"RTCMPU_ACCESS_KEY_ID": "a", "RTCMPU_ACCESS_KEY_SECRET": "b"}, "a"),
        ({"RTCMPU_ACCESS_KEY_ID": "", "RTCMPU_ACCESS_KEY_SECRET": ""}, "testid"),
    ],
)
def test_credentials_come_from_the_environment(environment, key_id):
    """The key is the environment's, or the test key; never an argument."""
    assert credentials_from(environment).access_key_id == key_id


@pytest.mark.parametrize("name", ["RTCMPU_ACCESS_KEY_ID", "RTCMPU_ACCESS_KEY_SECRET"])
def test_half_a_key_is_refused(name):
    """One of the two variables alone is a mistake, not the test key."""
    with pytest.raises(CannotRun, match=f"{name} is set and .* is not"):
        credentials_from({name: "x"})


def saved_case(bench) -> str:
    """Return the path of a case that a run has saved."""
    bench.broken = (CLAUSE,)
    cli.main(["check", "client", "a:start", "--phase", "documented", "--seed", "9"])
    (name,) = [each for each in os.listdir(".rtcmpu/cases") if each != ".gitignore"]
    return f".rtcmpu/cases/{name}"


def test_each_finding_is_saved(bench, capsys):
    """A finding becomes a file that version control leaves alone, replaced by the next run."""
    path = saved_case(bench)
    assert f"rtcmpu replay {path}" in capsys.readouterr().out
    assert saved_case(bench) == path
    with open(".rtcmpu/cases/.gitignore") as file:
        assert file.read() == "*\n"
    cli.main(["check", "client", "a:start", "--phase", "documented", "--save-cases", "elsewhere"])
    assert os.path.basename(path) in os.listdir("elsewhere")


@pytest.mark.parametrize(
    ("fixed", "status", "word"), [(False, 1, "STILL BROKEN"), (True, 0, "FIXED")]
)
def test_a_case_is_replayed(bench, capsys, fixed, status, word):
    """A replay says whether the case is fixed, and where pytest shows it."""
    path = saved_case(bench)
    bench.fixed = fixed
    assert cli.main(["replay", path]) == status
    out = capsys.readouterr().out
    assert f"\n{word}\n" in out
    options = f"--rtcmpu-client=a:start --rtcmpu-phase=documented --rtcmpu-clause={CLAUSE}"
    assert f"with pytest: pytest -m rtcmpu {options}\n" in out
    assert bench.seen[-1][1].seed == 9


def test_a_replay_that_says_nothing_is_no_success(bench, capsys):
    """A client that no longer gets as far as the clause has not mended it."""
    path = saved_case(bench)
    bench.fixed, bench.silent = True, ("client",)
    assert cli.main(["replay", path]) == 2
    assert f"no longer gets as far as {CLAUSE}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        (["--target", "b:start"], ("callable", "b:start")),
        (["--", "node", "testee.js"], ("command", "node testee.js")),
    ],
)
def test_a_case_is_replayed_on_another_target(bench, arguments, target):
    """--target and what stands after -- replace the client that a case was found with."""
    cli.main(["replay", saved_case(bench), *arguments])
    assert (bench.seen[-1][0].kind, bench.seen[-1][0].name) == target


def test_a_full_disk_is_said_and_leaves_nothing_half_written(bench, capsys, monkeypatch):
    """A report that cannot be written is no defect: it is named, and the status is 2."""

    def no_space(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr("pathlib.Path.replace", no_space)
        assert cli.main(["check", "client", "a:start", "--report=r.json", "--report=r.xml"]) == 2
    told = capsys.readouterr()
    for name in ("r.json", "r.xml"):
        assert f"report {name}: cannot be written: ENOSPC, No space left on device" in told.err
        assert f"report: {name}" not in told.out
    assert "defect" not in told.err
    assert os.listdir() == []
    path = saved_case(bench)
    with open(path) as file:
        before = file.read()
    with monkeypatch.context() as full:
        full.setattr("pathlib.Path.replace", no_space)
        assert cli.main(["check", "client", "a:start", "--phase", "documented"]) == 2
    assert "cases cannot be saved" in capsys.readouterr().err
    with open(path) as file:
        assert file.read() == before
    assert sorted(os.listdir(".rtcmpu/cases")) == [".gitignore", os.path.basename(path)]


class Answers(io.StringIO):
    """A terminal on which somebody answers."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.mark.parametrize(
    "path", ["copy.json", ".rtcmpu/cases/link.json", "deep/.rtcmpu/cases/c.json"]
)
def test_what_a_strange_file_names_is_not_run(bench, capsys, path):
    """A case from elsewhere runs nothing where nobody can be asked; what it would run is shown."""
    saved = saved_case(bench)
    os.makedirs("deep/.rtcmpu/cases")
    for copy in ("copy.json", "deep/.rtcmpu/cases/c.json"):
        shutil.copy(saved, copy)
    os.symlink(os.path.abspath("copy.json"), ".rtcmpu/cases/link.json")
    before = len(bench.seen)
    assert cli.main(["replay", path]) == 2
    told = capsys.readouterr().err
    assert "imports and calls: a:start" in told
    assert "--yes" in told
    assert len(bench.seen) == before
    assert cli.main(["replay", path, "--yes"]) == 1
    assert cli.main(["replay", path, "--target", "b:start"]) == 1
    assert [target.name for target, *_ in bench.seen[before:]] == ["a:start", "b:start"]


@pytest.mark.parametrize(
    ("answer", "status"), [("y\n", 1), ("YES\n", 1), ("n\n", 2), ("\n", 2), ("", 2)]
)
def test_somebody_is_asked(bench, capsys, monkeypatch, answer, status):
    """On a terminal a yes runs what the file names, and anything else does not."""
    os.rename(saved_case(bench), "copy.json")
    monkeypatch.setattr(sys, "stdin", Answers(answer))
    assert cli.main(["replay", "copy.json"]) == status
    assert "may it? [y/N]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("command", "rm -rf /\x1b[2K\r", r"runs the command: rm -rf /\x1b[2K\r"),
        ("url", "http://evil.example", "sends signed requests to: http://evil.example"),
    ],
)
def test_all_that_a_file_may_name_is_shown(bench, capsys, kind, name, told):
    """A command and a URL are shown too, without what a terminal would obey."""
    with open(saved_case(bench)) as file:
        case = json.load(file)
    subject = "endpoint" if kind == "url" else "client"
    case["target"] = {"subject": subject, "kind": kind, "name": name}
    with open("case.json", "w") as file:
        json.dump(case, file)
    assert cli.main(["replay", "case.json"]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("command", [["replay"], ["check", "--known-failures"]])
@pytest.mark.parametrize("name", ["fifo", "/dev/zero", "/dev/stdin", "huge"])
def test_what_is_no_plain_file_is_refused(capsys, monkeypatch, command, name):
    """A pipe is not waited for, a device not read to its end, and a file no further than needed."""
    os.mkfifo("fifo")
    with open("huge", "wb") as file:
        file.truncate(2**40)
    assert cli.main([*command, name]) == 2
    told = capsys.readouterr().err
    assert name in told
    assert "expected a plain file, got" in told or "characters, got more" in told
    assert "defect" not in told


NESTED = "[" * 20_000 + "]" * 20_000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected JSON, got Expecting value"),
        ("[]", "expected a saved case of rtcmpu-case/1"),
        ("{}", "expected a saved case of rtcmpu-case/1"),
        ("[" * 100_000, "lists and objects in each other, got more"),
        ('{"schema": "rtcmpu-case/1"}', "target: expected an object, got nothing"),
        (
            '{"schema": "rtcmpu-case/1", "target": {"kind": "calable"}}',
            "target.kind: expected one of callable, command, url, own, test, got 'calable'; "
            "did you mean callable",
        ),
        (f'{{"schema": "rtcmpu-case/1", "case": {NESTED}}}', "in each other, got more"),
    ],
    ids=["empty", "list", "object", "unended", "bare", "misspelt", "nested"],
)
def test_what_is_no_case_is_refused(capsys, tmp_path, text, told):
    """A file that is no saved case is refused with status 2, and what is wrong with it."""
    path = tmp_path / "case.json"
    path.write_text(text)
    assert cli.main(["replay", str(path)]) == 2
    error = capsys.readouterr().err
    assert "case.json" in error
    assert told in error


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("TaskExisted", ["HTTP 200, 0x07100001", "Use another TaskId", "S1: StartMPUTask"]),
        ("taskexisted", ["The task exists."]),
        ("0x07100001", ["TaskExisted (HTTP 200"]),
        ("media-encode.zero", ["a clause for client and endpoint", "documented: ", "fails the"]),
        (READING, ["with --strict"]),
        ("silence.rtmps", ["StreamURL is an rtmps:// URL.", "Do not rely on it"]),
    ],
)
def test_a_name_is_explained(capsys, name, told):
    """A Code, an error id, a clause and a silence come with meaning, source and what to do."""
    assert cli.main(["explain", name]) == 0
    out = capsys.readouterr().out
    assert "meaning" in out
    assert "what to do" in out
    assert [text for text in told if text not in out] == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "BackgroundColor",
            [
                "BackgroundColor (a parameter of StartMPUTask)",
                "R + G*256 + B*65536",
                "required      yes",
                "values        0 to 16777215",
                "default       0",
                "background-color.range: ",
                "error.invalid-background-color: ",
                "S1: StartMPUTask",
            ],
        ),
        ("mediaencode", ["20 P720", "left open", "silence.resolution-above-profile: "]),
        ("LayoutIds", ["list of integer", "1, 2, 3", "repeat-list.layout-ids.code: "]),
        ("UserPanes", ["UserPanes.PaneId, "]),
        ("UserPanes.PaneId", ["0 to 15", "user-panes.pane-id.zero: "]),
        ("TaskID", ["of StartMPUTask", "of StopMPUTask", "accepted as   TaskID"]),
        ("StopMPUTask.TaskId", ["stop.task-id.required: "]),
        ("Timestamp", ["a common parameter", "required  yes", "S2 111549: "]),
    ],
)
def test_a_parameter_is_explained(capsys, name, told):
    """A parameter comes with its row, its values and default, its rules, and where it stands."""
    assert cli.main(["explain", name]) == 0
    out = capsys.readouterr().out
    assert [text for text in told if text not in out] == []
    assert "level" in out


def test_an_operation_before_a_parameter_leaves_out_the_others(capsys):
    """StopMPUTask.TaskId is that operation's alone."""
    assert cli.main(["explain", "StopMPUTask.TaskId"]) == 0
    assert "(a parameter of StartMPUTask)" not in capsys.readouterr().out


@pytest.mark.parametrize("edition", contract.editions())
def test_every_parameter_is_explained(capsys, edition):
    """There is no parameter of any operation of an edition that cannot be explained."""
    known = contract.load(edition)
    names = {
        f"{operation.name}.{path}"
        for operation in known.operations.values()
        for path, _ in types.named(operation.parameters)
    } | {p.name for p in known.common_parameters}
    assert {cli.main(["explain", name, "--edition", edition]) for name in names} == {0}
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("edition", contract.editions())
def test_every_operation_is_explained(capsys, edition):
    """An operation is told with its parameters, what it replies with, and its own Codes."""
    for operation in contract.load(edition).operations.values():
        assert cli.main(["explain", operation.name.lower(), "--edition", edition]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"{operation.name} (an operation)\n")
        told = [operation.text, *(p.name for p in operation.parameters)]
        told += [*(each.name for each in operation.reply), *(row.code for row in operation.errors)]
        assert [each for each in told if each not in out] == []


def test_every_name_is_explained(capsys):
    """There is no Code, clause or silence that cannot be explained."""
    names = {
        *CONTRACT.errors_by_code,
        *(clause.id for clause in CONTRACT.clauses),
        *(silence.id for silence in CONTRACT.silences),
    }
    assert {cli.main(["explain", name]) for name in names} == {0}
    assert capsys.readouterr().err == ""


def test_the_contract_is_printed(capsys):
    """The whole contract comes as Markdown or JSON: each clause, Code, parameter and silence."""
    names = [
        *CONTRACT.errors_by_code,
        *CONTRACT.operations,
        *(clause.id for clause in CONTRACT.all_clauses),
    ]
    for view in map(CONTRACT.operation, CONTRACT.operations):
        names += [parameter.name for parameter in view.parameters]
        names += [silence.id for silence in view.silences]
    assert cli.main(["contract"]) == 0
    markdown = capsys.readouterr().out
    assert cli.main(["contract", "--format", "json"]) == 0
    as_json = capsys.readouterr().out
    assert [name for name in names if f"`{name}`" not in markdown] == []
    assert [name for name in names if f'"{name}"' not in as_json] == []
    assert len(json.loads(as_json)["clauses"]) == len(CONTRACT.clauses)
    columns = {line.count("|") - line.count("\\|") for line in markdown.splitlines() if line}
    assert 1 not in columns


# ------------------------------------------------------------------------ as a process, for real


def rtcmpu(*arguments: str, **given) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "pytest_rtcmpu", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", timeout=120, **given
    )


def test_a_faulty_client_is_found_and_replayed(tmp_path):
    """A client that drops a zero breaks the clause about it, and its case shows that again."""
    (tmp_path / "bad.py").write_text(BAD_CLIENT)
    checked = rtcmpu("check", "client", "bad:start", "--phase", "documented")
    assert checked.returncode == 1, checked.stderr
    assert "media-encode.zero" in checked.stdout
    (path,) = re.findall(r"rtcmpu replay (\S+)", checked.stdout)
    replayed = rtcmpu("replay", path)
    assert (replayed.returncode, "STILL BROKEN" in replayed.stdout) == (1, True)
    mended = rtcmpu("replay", path, "--target", "pytest_rtcmpu.checks.own:start")
    assert (mended.returncode, "FIXED" in mended.stdout) == (0, True)


def test_the_own_pair_holds():
    """The package's own client and endpoint break nothing, and the run leaves nothing behind."""
    done = rtcmpu("check", "--max-examples", "8", "--strict")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout
    assert os.listdir() == []


def test_a_closed_pipe_is_quiet():
    """When nobody reads any more, nothing is complained about."""
    command = f"{sys.executable} -m pytest_rtcmpu contract | true"
    done = subprocess.run(command, shell=True, capture_output=True, timeout=60)
    assert done.stderr == b""


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_ctrl_c_ends_a_real_run(tmp_path):
    """An interrupt in the middle of a phase leaves a summary of what that phase found."""
    (tmp_path / "slow.py").write_text(
        "import pathlib, time\n"
        "from pytest_rtcmpu.checks import own\n"
        "def start(params, **given):\n"
        "    answer = own.start(params, **given)\n"
        "    pathlib.Path('begun').touch()\n"
        "    time.sleep(0.05)\n"
        "    return answer\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest_rtcmpu", "check", "client", "slow:start"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (tmp_path / "begun").exists() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    assert "interrupted in documented" in out
    assert "FAILED the run is incomplete" in out
    assert not re.search(r"slow:start +0 ", out)
