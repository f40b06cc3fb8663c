"""An edition's file that is wrong: what is said, all of it, and whom it harms."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from editions import edition_text
from hypothesis import given, settings
from hypothesis import strategies as st

import pytest_rtcmpu
from pytest_rtcmpu.contract import Contract, ContractError, load, loader, parse

PACKAGE = Path(pytest_rtcmpu.__file__).parent
TEXT = edition_text()
OP = "operations.StartMPUTask."

#: What is written wrongly: what stands in the file, what is put there, and what is said of it.
MISTAKES = {
    "kind": (
        'name = "MediaEncode"\nkind = "integer"',
        'name = "MediaEncode"\nkind = "intger"',
        OP + "parameters[4: MediaEncode].kind: expected one of string, integer, "
        "long, float, boolean, url, struct, got 'intger'; did you mean integer",
    ),
    "kind of a field": (
        'name = "SourceType"\nkind = "string"',
        'name = "SourceType"\nkind = "strnig"',
        OP + "parameters[7: UserPanes].fields[2: SourceType].kind: expected one of",
    ),
    "key": (
        'name = "StreamURL"\nkind',
        'name = "StreamURL"\nrequried = 1\nkind',
        OP + "parameters[8: StreamURL].requried: expected a known key, got 'requried'; "
        "did you mean required",
    ),
    "key of generate": (
        'app/stream", odd = true }',
        'app/stream", odds = true }',
        OP
        + "parameters[8: StreamURL].generate.odds: expected a known key, got 'odds'; did you mean",
    ),
    "reason of a reading": (
        'why = "S3 gives the rule, not these names."',
        'why = " "',
        "errors.gateway.Invalid{Parameter}.why: expected the reason of a reading, got nothing",
    ),
    "key of a clause": (
        'rule = "method"',
        'rul = "method"',
        "rul: expected a known key, got 'rul'; did you mean rule",
    ),
    "section": (
        "[[silences]]",
        "[[silence]]",
        "silence: expected a known section, got 'silence'; did you mean silences",
    ),
    "missing key": (
        'name = "ChannelId"\nkind = "string"\nrequired = true\nsource = "S1"',
        'name = "ChannelId"\nrequired = true\nsource = "S1"',
        OP + "parameters[1: ChannelId].kind: expected one of string, integer",
    ),
    "missing edition": ('edition = "2019-05"', "", "edition: expected such a section, got nothing"),
    "type": (
        "minimum = 0\nmaximum = 16777215",
        'minimum = "0"\nmaximum = 16777215',
        OP + "parameters[5: BackgroundColor].minimum: expected a number or null, got '0'",
    ),
    "a section's type": (
        'edition = "2019-05"',
        "edition = 2019",
        "edition: expected text, got 2019",
    ),
    "range": (
        "minimum = 0\nmaximum = 15",
        "minimum = 16\nmaximum = 15",
        OP + "parameters.UserPanes.PaneId.maximum: expected at least the minimum 16, got 15",
    ),
    "level of the service": (
        'level = "companion"\nhost',
        'level = "companoin"\nhost',
        "service.level: expected a level, got 'companoin'; did you mean companion?",
    ),
    "source": (
        'source = "S1"\nlevel = "documented"\ntext = "The channel\'s id."',
        'source = "S9"\nlevel = "documented"\ntext = "The channel\'s id."',
        OP + "parameters.ChannelId.source: expected a source, got 'S9'; did you mean",
    ),
    "source of an error table": (
        '[errors.gateway]\nsource = "S3"',
        '[errors.gateway]\nsource = "T3"',
        "errors.gateway.Missing{Parameter}.source: expected a source, got 'T3'; did you mean S3",
    ),
    "subject": (
        'id = "request.path"\nsubjects = ["client", "endpoint"]',
        'id = "request.path"\nsubjects = ["cleint", "endpoint"]',
        "clauses[0: request.path].subjects[0]: expected one of client, endpoint, got 'cleint'; "
        "did you mean client",
    ),
    "no subject": (
        'id = "request.path"\nsubjects = ["client", "endpoint"]',
        'id = "request.path"\nsubjects = []',
        "clauses.request.path.subjects: expected client or endpoint, got nothing",
    ),
    "rule": (
        'rule = "window"',
        'rule = "widnow"',
        "clauses.timestamp.window.rule: expected a rule that is judged of Timestamp: format, "
        "required, window, got 'widnow'; did you mean window",
    ),
    "rule of another kind": (
        'parameter = "BackgroundColor"\nrule = "range"',
        'parameter = "BackgroundColor"\nrule = "known"',
        OP + "clauses.background-color.range.rule: expected a rule that is judged "
        "of BackgroundColor: complete, exists, integer, range, required, zero, got 'known'",
    ),
    "rule that nobody answers for": (
        'parameter = "Timestamp"\nrule = "window"\n',
        'parameter = "Timestamp"\n',
        "clauses: expected a clause with parameter 'Timestamp' and rule 'window', got nothing",
    ),
    "parameter of a clause": (
        'parameter = "UserPanes.PaneId"\nrule = "range"',
        'parameter = "UserPanes.PaneID"\nrule = "range"',
        OP + "clauses.user-panes.pane-id.range.parameter: expected a parameter, got "
        "'UserPanes.PaneID'; did you mean UserPanes.PaneId",
    ),
    "enumeration without rows": (
        'rows = [{ value = "camera" }, { value = "shareScreen" }]',
        "rows = []",
        OP + "enums.UserPanes.SourceType.rows: expected a row, got nothing",
    ),
    "enumeration of nobody": (
        "[operations.StartMPUTask.enums.MediaEncode]",
        "[operations.StartMPUTask.enums.MediaEncodes]",
        OP + "enums.MediaEncodes: expected the full name of a parameter, got "
        "'MediaEncodes'; did you mean MediaEncode",
    ),
    "value of another kind": (
        "{ value = 20, name",
        '{ value = "20", name',
        OP + "enums.MediaEncode.rows[3].value: expected a value of a integer, got '20'",
    ),
    "key of another kind": (
        'name = "ChannelId"\nkind = "string"\nrequired = true\nsource = "S1"',
        'name = "ChannelId"\nkind = "string"\nminimum = 1\nrequired = true\nsource = "S1"',
        OP + "parameters.ChannelId.minimum: expected none of a string, got 1.0",
    ),
    "excluded end that is none": (
        "minimum = 0\nmaximum = 15",
        'minimum = 0\nexcludes = ["maximum"]',
        OP + "parameters.UserPanes.PaneId.excludes: expected a maximum to exclude",
    ),
    "alphabet": (
        'name = "ChannelId"\nkind = "string"\nrequired = true\nsource = "S1"',
        'name = "ChannelId"\nkind = "string"\nalphabet = "[a-"\nrequired = true\nsource = "S1"',
        OP + "parameters.ChannelId.alphabet: expected a class of characters",
    ),
    "part of an integer": (
        "minimum = 0\nmaximum = 15",
        "minimum = 0.5\nmaximum = 15",
        OP + "parameters.UserPanes.PaneId.minimum: expected an integer, got 0.5",
    ),
    "sort of a relation": (
        'sort = "alike"',
        'sort = "alik"',
        OP + "relations[0: silence.audio-video-mix].sort: expected one of not-above, alike",
    ),
    "path of a relation": (
        'left = { path = "MediaEncode", attribute = "media" }',
        'left = { path = "MediaEncod", attribute = "media" }',
        OP + "relations.silence.audio-video-mix.left.path: expected a parameter, "
        "got 'MediaEncod'; did you mean MediaEncode",
    ),
    "attribute of a relation": (
        'left = { path = "MediaEncode", attribute = "media" }',
        'left = { path = "MediaEncode", attribute = "medium" }',
        OP + "relations.silence.audio-video-mix.left.attribute: expected what the "
        "rows of MediaEncode say, got 'medium'; did you mean media",
    ),
    "relation without its right side": (
        'right = { path = "TaskProfile", attribute = "media" }\n',
        "",
        OP + "relations.silence.audio-video-mix.right: expected a right side of alike, got nothing",
    ),
    "relation that no silence speaks of": (
        'id = "silence.audio-video-mix"\nsort',
        'id = "silence.audio-video"\nsort',
        OP + "relations.silence.audio-video.id: expected a silence, got "
        "'silence.audio-video'; did you mean silence.audio-video-mix",
    ),
    "refusal that no clause speaks of": (
        'right = { path = "TaskProfile", attribute = "media" }\n',
        'right = { path = "TaskProfile", attribute = "media" }\nverdict = "refuse"\n',
        OP + "relations.silence.audio-video-mix.id: expected a clause, got",
    ),
    "silence about a scheme": (
        'rtmps = "silence.rtmps"',
        'rtmps = "silence.rtmp"',
        OP + "parameters.StreamURL.silent_schemes.rtmps: expected a silence, got "
        "'silence.rtmp'; did you mean silence.rtmps",
    ),
    "effect": (
        'effect = "start"',
        'effect = "strat"',
        OP + "effect: expected one of none, start",
    ),
    "value": (
        '{ value = "Mixed_Audio",',
        '{ valeu = "Mixed_Audio",',
        OP + "enums.TaskProfile.rows[6].value: expected a value, got nothing; did you mean valeu",
    ),
    "value twice": (
        '{ value = "Mixed_Audio",',
        '{ value = "1IN_Audio",',
        OP + "enums.TaskProfile: expected each name once, got 2 of '1IN_Audio'",
    ),
    "clause twice": (
        'id = "request.method.get"',
        'id = "request.path"',
        "clauses: expected each name once, got 2 of 'request.path'",
    ),
    "layout twice": (
        "{ id = 11, panes = 9 }",
        "{ id = 10, panes = 9 }",
        "layouts: expected each name once, got 2 of '10'",
    ),
    "layout": (
        "{ id = 11, panes = 9 }",
        "{ id = 11, pains = 9 }",
        "layouts.built_in[10].pains: expected a known key, got 'pains'; did you mean panes",
    ),
    "Code": (
        'codes = ["InvalidVersion"]',
        'codes = ["InvalidVersoin"]',
        "clauses.version.value.codes: expected a Code of an error row, got 'InvalidVersoin'; "
        "did you mean InvalidVersion",
    ),
    "Codes of a table": (
        'codes = ["service:*"]',
        'codes = ["servcie:*"]',
        "clauses.error.service-codes.codes: expected an error table",
    ),
    "rule without a Code": (
        'codes = ["InvalidVersion"]',
        "",
        "clauses.version.value.codes: expected a Code to answer with, got nothing",
    ),
    "clause about the Code": (
        'code_clause = "v3.content-sha256.code"',
        'code_clause = "v3.content-sha25.code"',
        "code_clause: expected a clause, got 'v3.content-sha25.code'; did you mean "
        "v3.content-sha256.code",
    ),
    "occurs": (
        'level = "companion"\noccurs = "on-demand"\nrows',
        'level = "companion"\noccurs = "on-demnad"\nrows',
        "operations.StopMPUTask.errors.occurs: expected one of request, on-demand, "
        "sister-operation, got 'on-demnad'; did you mean on-demand",
    ),
    "row of an error table": (
        '["0x02070101", 400,',
        '["0x02070101", "400",',
        "errors.service.compact[0][1]: expected an integer, got '400'",
    ),
    "action": (
        'action = "StartMPUTask"',
        'action = "StartMPUTsak"',
        "service.action: expected an operation, got 'StartMPUTsak'; did you mean StartMPUTask",
    ),
    "format": (
        'default_format = "XML"',
        'default_format = "XMI"',
        "signatures.1.0.default_format: expected a format",
    ),
    "no TOML": ("[service]", "[service", "2019-05: expected TOML, got "),
}


def error_of(text: str) -> str:
    """Return what is said of a file."""
    with pytest.raises(ContractError) as caught:
        parse(text, file="2019-05", shared="")
    return str(caught.value)


@pytest.mark.parametrize(("before", "after", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_said_with_its_place(before: str, after: str, message: str) -> None:
    """A message has file, section, entry, what was expected, what came, and what is near."""
    assert before in TEXT
    error = error_of(TEXT.replace(before, after, 1))
    assert error.startswith("2019-05: ")
    assert message in error


def test_all_mistakes_are_said_at_once() -> None:
    """A file with several mistakes of several sorts is refused once, with each of them."""
    text = TEXT
    names = ("kind", "key", "rule", "level of the service", "subject", "Code", "value twice")
    for name in names:
        before, after, _ = MISTAKES[name]
        text = text.replace(before, after, 1)
    error = error_of(text)
    assert [name for name in names if MISTAKES[name][2] not in error] == []
    # A mistake is said where it is, and not again by everything that names its entry.
    said = len(names) + 1  # the window's clause answers for nothing
    assert error.startswith(f"2019-05: {said} things are wrong\n")
    assert len(error.splitlines()) == 1 + said


LINES = [at for at, line in enumerate(TEXT.split("\n")) if " = " in line and line[0] not in "# "]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.sampled_from(LINES), st.sampled_from(["key", "drop", "3", "true", "[[1]]", "{ x = 1 }"]))
def test_any_line_spoilt_is_a_plain_error(at: int, how: str) -> None:
    """A line's key misspelt, its value replaced or itself left out: a contract or ContractError."""
    lines = TEXT.split("\n")
    key, _, value = lines[at].partition(" = ")
    lines[at] = {"key": f"{key}x = {value}", "drop": ""}.get(how, f"{key} = {how}")
    try:
        found = parse("\n".join(lines), shared="")
    except ContractError:
        return
    assert isinstance(found, Contract)
    assert how != "key"


#: What is wrong with an edition's files: the file, what stands there, what is put there, and what
#: is said. Without a place the whole file is what is put there.
MISPLACED = {
    "an empty file": ("PauseMPUTask.toml", "", "", "got nothing"),
    "no operation": ("PauseMPUTask.toml", "", "x = 1", "got [x]"),
    "another's name": (
        "Stop.toml",
        "",
        '[operations.StopMPUTask]\ntext = "Stops."',
        "Stop.toml: expected [operations.Stop], as its name, and nothing else, "
        "got [operations.StopMPUTask]",
    ),
    "the edition's own": (
        "StopMPUTask.toml",
        "[[operations.StopMPUTask.silences]]",
        "[[silences]]",
        "StopMPUTask.toml: expected [operations.StopMPUTask], as its name, and nothing else, "
        "got [silences]",
    ),
    "another edition": (
        "edition.toml",
        'edition = "2019-05"',
        'edition = "2019-06"',
        "edition.toml: expected edition = '2019-05', as its folder, got '2019-06'",
    ),
    "an operation in edition.toml": (
        "edition.toml",
        "[[sources]]",
        "[operations.Stop]\n[[sources]]",
        "edition.toml: expected [operations.Stop] in Stop.toml, got it here",
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package's editions in a folder of their own, which is what is loaded."""
    copied = tmp_path / "contract"
    shutil.copytree(PACKAGE / "contract", copied)
    monkeypatch.setattr(loader, "resources", SimpleNamespace(files=lambda _: copied))
    loader._load.cache_clear()
    yield copied
    loader._load.cache_clear()


@pytest.mark.parametrize(("file", "before", "after", "said"), MISPLACED.values(), ids=MISPLACED)
def test_an_operation_stands_in_a_file_of_its_name(
    folder: Path, file: str, before: str, after: str, said: str
) -> None:
    """A file that holds nothing, or what belongs to another, is named with what was expected."""
    path = folder / "2019-05" / file
    text = path.read_text("utf-8") if before else ""
    assert before in text
    path.write_text(text.replace(before, after, 1) if before else after, "utf-8")
    with pytest.raises(ContractError, match=r"^2019-05: ") as caught:
        load("2019-05")
    assert said in str(caught.value)


def test_a_folder_without_its_edition_is_named(folder: Path) -> None:
    """A folder whose edition.toml is misspelt is no edition, and is told why."""
    (folder / "2031-12").mkdir()
    (folder / "2031-12" / "editon.toml").write_text('edition = "2031-12"\n')
    with pytest.raises(ContractError, match=r"unknown edition '2031-12'.*has no edition.toml"):
        load("2031-12")


def test_an_editions_file_that_is_wrong_harms_only_who_loads_it(tmp_path: Path) -> None:
    """With a broken edition beside it, the default one goes on working, its exceptions too."""
    (tmp_path / "2031-12").mkdir()
    (tmp_path / "2031-12" / "edition.toml").write_text('edition = "2031-12"\n')
    code = f"""
        import sys
        from importlib import resources
        from pathlib import Path

        files = resources.files

        class Folder:
            def iterdir(self):
                yield from files("pytest_rtcmpu.contract").iterdir()
                yield from Path({str(tmp_path)!r}).iterdir()
            def joinpath(self, name):
                here = Path({str(tmp_path)!r}, name)
                return here if here.exists() else files("pytest_rtcmpu.contract").joinpath(name)

        resources.files = lambda package: Folder()
        from pytest_rtcmpu import InternalError, contract, errors
        assert contract.editions() == ("2019-05", "2021-03", "2031-12")
        assert issubclass(InternalError, errors.StartMPUTaskError)
        assert errors.error_class("Nobody.Documents.This") is errors.UndocumentedError
        assert "TaskExisted" in dir(errors)
        assert not hasattr(errors, "TaskExists")
        try:
            contract.load("2031-12")
        except contract.ContractError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert re.match(r"2031-12: \d+ things are wrong\n  title: expected", done.stdout)
