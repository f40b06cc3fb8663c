"""Foreign text: whatever a subject sends, no output of ours carries it out as anything but text."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from reports import both, broken, doubtful, finding, of

from pytest_rtcmpu import Endpoint, cli, errors
from pytest_rtcmpu.checks import case_files
from pytest_rtcmpu.checks.core import Exchange
from pytest_rtcmpu.checks.run import ClientBench
from pytest_rtcmpu.checks.testees.targets import callable_target
from pytest_rtcmpu.mock.served import failure_text
from pytest_rtcmpu.report import summary
from pytest_rtcmpu.report.github import annotate
from pytest_rtcmpu.report.html import to_html
from pytest_rtcmpu.report.json_report import dumps, to_json
from pytest_rtcmpu.report.junit import to_junit
from pytest_rtcmpu.server import command
from pytest_rtcmpu.server.control import Control
from pytest_rtcmpu.server.http import Failure
from pytest_rtcmpu.server.page import page
from pytest_rtcmpu.values.messages import Request
from pytest_rtcmpu.values.text import for_json, for_terminal, system_error

CLAUSE, OTHER = of("client")[:2]
TARGET = "pytest_rtcmpu.checks.own:start"

HOSTILE = {
    "clears the screen": "a\x1b[2Jb",
    "renames the window": "a\x1b]0;title\x07b",
    "C1": "a\x9b2Jb\x85",
    "bidi": "a\u202eb\u2066c\u200f",
    "NUL and what XML forbids": "a\x00b\x0c\ufffe\ud800",
    "overwrites the line": "all is well\rb",
    "another line": "a\u2028b\u2029c\x0bd",
    "GitHub": "a\n::error title=x::y",
    "GitHub, indented": "a\n \t:: set-output name=x::y",
    "GitHub, at the start": "::stop-commands::x",
    "GitHub, the old way": "a ##[error]b",
    "Azure": "a ##vso[task.setvariable variable=x]b",
    "TeamCity": "a\n##teamcity[buildStop]",
    "markup": "</pre>]]><script>alert(1)</script>",
}
HOSTILE["all of them"] = "\n".join(HOSTILE.values())


# ------------------------------------------------------------------------------------- the outputs


def _run(text: str) -> Any:
    exchange = Exchange(request=text, reply=text)
    texts = {"scenario": text, "expected": text, "got": text, "exchanges": (exchange,)}
    return both(broken(CLAUSE, **texts), doubtful(OTHER, reason=text), target=text, notes=(text,))


def _called(text: str) -> Endpoint:
    endpoint = Endpoint(warn=lambda _: None)
    sent = text.encode("utf-8", "surrogatepass")
    endpoint.call(
        Request(
            method="GET",
            target=f"/?Action={quote(sent)}&{quote(sent)}=a",
            headers=(("A", text),),
            body=sent,
        )
    )
    return endpoint


def _control(text: str, path: str) -> str:
    control = Control(_called(text))
    reply = control(Request(method="GET", target=path, headers=(("Host", "localhost"),)))
    return reply.body.decode("utf-8")


def _failure(text: str) -> str:
    request = Request(method="GET", target=f"/{text}")
    failure = Failure(request=request, exception=ValueError(text))
    return failure_text([failure], Endpoint())


def _log(text: str, capsys: pytest.CaptureFixture[str]) -> str:
    def fails(request: Request) -> Any:
        raise ValueError(text)

    handle = command._telling(fails, Endpoint())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=re.escape(text)):
        handle(Request(method="GET", target=f"/{text}"))
    return capsys.readouterr().err


def _record(text: str, tmp_path: Path) -> str:
    endpoint, path = _called(text), tmp_path / "record"
    with closing(command._Recording(path, endpoint)) as write:
        write(endpoint.calls[0])
    return path.read_text("utf-8")


def _replay(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    found = finding(CLAUSE, got=text, exchanges=(Exchange(request=text, reply=text),))
    monkeypatch.setattr(ClientBench, "replay", lambda *_: (found,))
    case = case_files._case(found, callable_target(TARGET), 1, text)
    saved = case_files.save(tmp_path, [("case.json", case)])
    assert cli.main(["replay", str(saved[0])]) == cli.BROKEN
    return capsys.readouterr().out


def _refusal(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    def cannot(*_: object) -> Any:
        raise errors.CannotRun(text)

    monkeypatch.setattr(case_files, "read", cannot)
    assert cli.main(["replay", "case.json"]) == cli.COULD_NOT_RUN
    return capsys.readouterr().err


CONFTEST = """
from dataclasses import replace
from reports import broken, doubtful
from pytest_rtcmpu.checks.bench import BaseBench
from pytest_rtcmpu.checks.core import CannotRun, Exchange

TEXT = {text!r}

def result(bench, phase, clause):
    bench.notes.append(TEXT)
    if clause == {other!r}:
        return doubtful(clause, reason=TEXT)
    if clause == {last!r}:
        raise CannotRun(TEXT)
    exchange = Exchange(request=TEXT, reply=TEXT)
    return broken(clause, scenario=TEXT, expected=TEXT, got=TEXT, exchanges=(exchange,))

BaseBench.result = result
"""


def _pytest(text: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    last = of("client")[-1]
    pytester.makeconftest(CONFTEST.format(text=text, other=OTHER, last=last))
    result = pytester.runpytest_subprocess(
        *("-p", "rtcmpu", "-p", "no:cacheprovider", "-v", "-ra", f"--rtcmpu-client={TARGET}"),
        *("--rtcmpu-phase=documented", *(f"--rtcmpu-clause={c}" for c in (CLAUSE, OTHER, last))),
    )
    assert result.parseoutcomes() == {"failed": 2, "skipped": 1}
    return result.stdout.str() + result.stderr.str()


TERMINAL: dict[str, Callable[..., str]] = {
    "terminal": lambda text: summary(*_run(text), width=100, color=False, problems=[text]),
    "terminal, verbose": lambda text: summary(
        *_run(text), width=100, color=False, verbose=True, problems=[text]
    ),
    "an API's error": lambda text: str(errors.api_error(code=text, message=text, http_status=400)),
    "an unreadable reply": lambda text: str(errors.UnreadableReply(text)),
    "a broken connection": lambda text: str(errors.TransportError(text)),
    "a warning": lambda text: str(errors.SilenceWarning(text)),
    "a request's repr": lambda text: repr(Request(method=text, target=f"/{text}")),
    "a call's repr": lambda text: repr(_called(text).calls[0]),
    "rtcmpu_server's failure": _failure,
    "rtcmpu serve's log": _log,
    "rtcmpu replay": _replay,
    "rtcmpu's refusal": _refusal,
}
JSON: dict[str, Callable[..., str]] = {
    "report": lambda text: dumps(to_json(*_run(text), problems=[text])).decode("utf-8"),
    "calls": lambda text: _control(text, "/_rtcmpu/calls"),
    "refusal": lambda text: _control(text, f"/_rtcmpu/status?{quote(text, errors='replace')}=1"),
    "record": _record,
}
HTML: dict[str, Callable[..., str]] = {
    "report": lambda text: to_html(*_run(text), problems=[text]),
    "page": lambda text: page(_called(text))[1],
}


@pytest.fixture
def write(request: pytest.FixtureRequest) -> Iterator[Callable[..., str]]:
    """Calls an output with the text and the fixtures that it takes."""

    def call(output: Callable[..., str], text: str) -> str:
        names = output.__code__.co_varnames[: output.__code__.co_argcount]
        return output(text, *map(request.getfixturevalue, names[1:]))

    return call


def expect_plain(shown: str) -> None:
    """Nothing moves a cursor or turns a line."""
    assert [char for char in shown if not char.isprintable() and char not in "\n\t"] == []


def expect_no_command(shown: str) -> None:
    """No CI server obeys a line."""
    assert [line for line in shown.splitlines() if re.match(r"\s*::\s*[a-zA-Z]", line)] == []
    assert re.findall(r"##\w*\[", shown) == []


TEXTS = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)


@TEXTS
@pytest.mark.parametrize("output", TERMINAL.values(), ids=TERMINAL)
def test_no_terminal_obeys_it(
    write: Callable[..., str], output: Callable[..., str], text: str
) -> None:
    """What is printed is printable, and no line of it is a command to a CI server."""
    shown = write(output, text)
    expect_plain(shown)
    expect_no_command(shown)


def test_pytest_prints_no_command(write: Callable[..., str]) -> None:
    """What pytest prints of a failed, a skipped and an impossible check is fit for its log too."""
    shown = write(_pytest, HOSTILE["all of them"])
    assert shown.count("task.setvariable") > 3
    expect_plain(shown)
    expect_no_command(shown)


@TEXTS
@pytest.mark.parametrize("output", JSON.values(), ids=JSON)
def test_json_is_fit_for_a_terminal(
    write: Callable[..., str], output: Callable[..., str], text: str
) -> None:
    """What cannot be seen is written as an escape, which a reader of JSON undoes."""
    shown = write(output, text)
    expect_plain(shown)
    json.loads(shown)


@TEXTS
@pytest.mark.parametrize("output", HTML.values(), ids=HTML)
def test_a_page_shows_it(write: Callable[..., str], output: Callable[..., str], text: str) -> None:
    """A page has no character that turns the direction of reading, and no tag that is foreign."""
    shown = write(output, text)
    expect_plain(shown)
    shown.encode("utf-8")
    assert "<script>alert" not in shown


@TEXTS
def test_xml_can_carry_it(text: str) -> None:
    """A JUnit file is XML, whatever was sent."""
    root = ET.fromstring(to_junit(*_run(text), problems=[text]))
    for element in root.iter():
        for shown in (element.text or "", *element.attrib.values()):
            expect_plain(shown)


@TEXTS
def test_an_annotation_is_one_command(text: str) -> None:
    """Every line is a command of ours, and its message begins no other."""
    for line in annotate(_run(text)[1], problems=[text]):
        expect_plain(line)
        assert re.match(r"::(error|warning|notice) title=[^:,\n]*::", line)
        assert "\n" not in line
        _, _, message = line[2:].partition("::")
        expect_no_command(message.replace("%0A", "\n"))


def test_nothing_is_lost() -> None:
    """What is written out can be read; a text that is made fit twice is as it was once."""
    assert for_terminal("a\x1b\n::error::b", multiline=True) == "a\\x1b\n\\x3a:error::b"
    assert for_terminal("  ##[group]x ::y") == "  \\x23#[group]x ::y"
    assert for_terminal("::1 # ## [a]") == "::1 # ## [a]"
    for text in HOSTILE.values():
        once = for_terminal(text, multiline=True)
        assert for_terminal(once, multiline=True) == once
        document = json.dumps({"a": text}, ensure_ascii=False)
        assert json.loads(for_json(document)) == {"a": text}


# ------------------------------------------------------- terminals that cannot say every character

SPEAKING = {
    "explain": ["explain", "media-encode.zero"],
    "contract": ["contract"],
    "contract as JSON": ["contract", "--format", "json"],
    "help": ["check", "--help"],
    "check": ["check", "client", TARGET, "--clause", "app-id.required", "--phase", "documented"],
    "a refusal": ["explain", "布局"],
}


@pytest.mark.parametrize("arguments", SPEAKING.values(), ids=SPEAKING)
@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii", "C"])
def test_a_terminal_gets_what_it_can_show(
    tmp_path: Path, encoding: str, arguments: list[str]
) -> None:
    """What the encoding has no character for is printed as an escape; the command does not die."""
    settings = {"PYTHONIOENCODING": encoding}
    if encoding == "C":
        settings = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest_rtcmpu", *arguments],
        env={**os.environ, **settings},
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"a defect" not in done.stderr
    assert done.returncode == (2 if arguments == SPEAKING["a refusal"] else 0)
    shown = (done.stdout + done.stderr).decode("ascii" if encoding == "C" else encoding)
    if arguments == SPEAKING["explain"]:
        assert "\\u8c03\\u7528StartMPUTask" in shown


REFUSED = {
    "a folder": (["replay", "."], "EISDIR"),
    "known failures": (["check", "--known-failures", "none.toml"], "ENOENT"),
    "a record": (["serve", "--record", "none/record"], "ENOENT"),
    "a command": (["check", "client", "--", "./none"], "ENOENT"),
    "an address": (["serve", "--host", "192.0.2.1"], "EADDRNOTAVAIL"),
}


@pytest.mark.skipif(os.name == "nt", reason="the names are POSIX's")
@pytest.mark.parametrize(("arguments", "name"), REFUSED.values(), ids=REFUSED)
def test_an_error_of_the_system_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    name: str,
) -> None:
    """By its name, which is the same in every language, and not by its number alone."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == cli.COULD_NOT_RUN
    error = capsys.readouterr().err
    assert f"{name}, " in error
    assert "Errno" not in error


def test_an_error_without_a_number_is_told_as_it_is() -> None:
    """A library's OSError may have words alone."""
    assert system_error(OSError("no reply")) == "no reply"
    assert system_error(OSError(2, "No such file", "a")) == "ENOENT, No such file: 'a'"
