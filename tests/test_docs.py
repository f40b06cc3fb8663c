"""The documentation holds true: its examples run, its links lead somewhere, nothing is left out.

In README.md and docs/, an HTML comment above a fenced block says what the block is, where that is
not plain: ``<!-- not run: reason -->`` exempts a ``python`` block, and ``<!-- printed -->`` marks a
``text`` block that the last ``python`` block prints.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

import pytest_rtcmpu
from pytest_rtcmpu import cli, contract, faults, plugin, strategies
from pytest_rtcmpu import explain as explaining
from pytest_rtcmpu.checks import known_failures
from pytest_rtcmpu.plugin import checks as checks_plugin
from pytest_rtcmpu.values.arguments import Parser

ROOT = Path(__file__).parent.parent
PAGES = {path.name: path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
TEXTS = {name: path.read_text("utf-8") for name, path in PAGES.items()}
ALL_TEXT = "\n".join(TEXTS.values())


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: its page and line, its language, its text, and the comment above it."""

    page: str
    line: int
    language: str
    text: str
    comment: str

    @property
    def name(self) -> str:
        """The name of the test file that it becomes."""
        return f"test_{Path(self.page).stem.replace('-', '_').lower()}_line_{self.line}.py"


_BLOCK = re.compile(
    r"(?:^<!-- (?P<comment>[^\n]*) -->\n)?^```(?P<language>[^\n]*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


def blocks(page: str, language: str) -> list[Block]:
    """Return a page's fenced blocks of a language."""
    text = TEXTS[page]
    return [
        Block(
            page=page,
            line=text.count("\n", 0, found.start()) + 1,
            language=found["language"],
            text=found["text"],
            comment=found["comment"] or "",
        )
        for found in _BLOCK.finditer(text)
        if found["language"] == language
    ]


def runnable(page: str) -> list[Block]:
    """Return a page's blocks that are test files."""
    return [b for b in blocks(page, "python") if not b.comment.startswith("not run: ")]


# --------------------------------------------------------------------------------- the examples


#: The same examples in every run, however slow the machine.
_CONFTEST = """
from hypothesis import settings

settings.register_profile("docs", deadline=None, derandomize=True, database=None)
settings.load_profile("docs")
"""


@pytest.mark.parametrize("page", [name for name in PAGES if runnable(name)])
def test_examples_pass(
    page: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each python block of a page is a test file that passes, and prints what the page says."""
    # What the surrounding run is told must not tell the one under test.
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    pytester.makefile(".ini", pytest="[pytest]\nfilterwarnings = error\n")
    pytester.makeconftest(_CONFTEST)
    found = runnable(page)
    for block in found:
        (pytester.path / block.name).write_text(block.text, "utf-8")
    result = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:cov", "-q", "-rA", "--tb=short"
    )
    said = result.stdout.str()
    outcomes = result.parseoutcomes()
    assert set(outcomes) <= {"passed", "skipped", "warnings", "warning"}, said
    for block in found:
        assert f"PASSED {block.name}::" in said, f"{page}:{block.line}: nothing passed"
    for block in blocks(page, "text"):
        if block.comment == "printed":
            assert block.text in said, f"{page}:{block.line}: not what is printed"


@pytest.mark.parametrize("page", PAGES)
def test_an_exemption_has_a_reason(page: str) -> None:
    """A python block that is not run says why, and is Python all the same."""
    for block in blocks(page, "python"):
        compile(block.text, f"{page}:{block.line}", "exec")
        if block.comment.startswith("not run"):
            assert re.fullmatch(r"not run: \S.{8,}", block.comment), f"{page}:{block.line}"


@pytest.mark.parametrize("page", PAGES)
def test_toml_examples(page: str, tmp_path: Path) -> None:
    """Each toml block is a file of known failures that can be read."""
    for block in blocks(page, "toml"):
        path = tmp_path / "known.toml"
        path.write_text(block.text, "utf-8")
        known = known_failures.read(path)
        found = known_failures.excuses(known, [], contract.load(), today=_LONG_AGO)
        assert (bool(known), found.problems) == (True, ()), f"{page}:{block.line}"


_LONG_AGO = known_failures.date(2020, 1, 1)


# ------------------------------------------------------------------------------------- commands


def commands(page: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the words of each ``rtcmpu`` command that a page shows."""
    for language in ("console", "sh", "yaml"):
        for block in blocks(page, language):
            lines = block.text.replace("\\\n", " ").splitlines()
            for number, line in enumerate(lines, start=block.line + 1):
                if language == "console" and not line.startswith("$ "):
                    continue
                words = line.removeprefix("$ ").removeprefix("- run: ").strip()
                for part in re.split(r" (?:&&|\|\|?|;) ", words):
                    found = re.match(r"(?:[A-Z_]+=\S+ |\S*/)*rtcmpu (.*)", part)
                    if found:
                        words = shlex.split(found[1], comments=True)
                        if "…" not in words:
                            yield number, words
    for found in re.finditer(r"`rtcmpu ([^`\n]+)`", TEXTS[page]):
        words = shlex.split(found[1])
        # A command's bare name, or what stands for an argument, is no command line.
        if len(words) > 1 and not {"…", "[options]"} & set(words):
            yield TEXTS[page].count("\n", 0, found.start()) + 1, words


class _Parsed(Exception):
    """The arguments have been understood."""


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], argparse.Namespace]:
    """Let a command go no further than its arguments."""
    parsed: list[argparse.Namespace] = []

    def stopping(parse: Callable[..., argparse.Namespace]) -> Callable[..., argparse.Namespace]:
        def stop(self: Parser, args: list[str]) -> argparse.Namespace:
            # The intermixed one calls the other one for its parts.
            with monkeypatch.context() as context:
                for name, original in originals.items():
                    context.setattr(Parser, name, original)
                parsed.append(parse(self, args))
            raise _Parsed

        return stop

    names = ("parse_args", "parse_intermixed_args", "parse_known_intermixed_args")
    originals = {name: getattr(Parser, name) for name in names}
    for name, original in originals.items():
        monkeypatch.setattr(Parser, name, stopping(original))

    def parse(words: list[str]) -> argparse.Namespace:
        with pytest.raises(_Parsed):
            cli.COMMANDS[words[0]].run(words[1:])
        return parsed.pop()

    return parse


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_understood(
    page: str,
    parse: Callable[[list[str]], argparse.Namespace],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each ``rtcmpu`` command that is shown has a command, options and arguments that there are."""
    monkeypatch.chdir(tmp_path)
    for line, words in commands(page):
        assert words[0] in cli.COMMANDS, f"{page}:{line}: {words}"
        try:
            parse(words)
        except SystemExit:
            pytest.fail(f"{page}:{line}: not understood: rtcmpu {shlex.join(words)}")


@pytest.mark.parametrize("page", PAGES)
def test_names_given_to_commands_exist(page: str) -> None:
    """A clause, Code, glob or operation that a command names is one that its edition has."""
    for line, words in commands(page):
        editions = [after for before, after in pairwise(words) if before == "--edition"]
        known = contract.load(*editions)
        ids = list(explaining.names(known))
        operations = {after for before, after in pairwise(words) if before == "--operation"}
        assert operations <= set(known.operations), f"{page}:{line}"
        named = [words[1]] if words[0] == "explain" else []
        named += (after for before, after in pairwise(words) if before == "--clause")
        for glob in named:
            pattern = re.compile(re.escape(glob).replace(r"\*", ".*"), re.IGNORECASE)
            found = any(map(pattern.fullmatch, ids)) or glob == glob.upper()
            assert found, f"{page}:{line}: {glob}"


def shown_output(page: str) -> Iterator[tuple[int, list[str], str]]:
    """Yield the line, the words and the output of each harmless command that is shown."""
    for block in blocks(page, "console"):
        for found in re.finditer(
            r"^\$ rtcmpu ((?:explain|contract)[^\n|]*)\n((?:(?!\$ )[^\n]*\n)*)",
            block.text,
            re.MULTILINE,
        ):
            if found[2]:
                yield block.line, shlex.split(found[1]), found[2]


@pytest.mark.parametrize("page", [name for name in PAGES if list(shown_output(name))])
def test_shown_output_is_real(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What ``rtcmpu explain`` is shown to print is what it prints."""
    for line, words, output in shown_output(page):
        assert cli.main(words) == 0
        assert capsys.readouterr().out == output, f"{page}:{line}"


def test_shown_ledger_is_real(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ledger in docs/checks.md is what its command prints about the client that is shown."""
    [module] = [b for b in blocks("checks.md", "python") if "the module myclient" in b.comment]
    [shown] = [b for b in blocks("checks.md", "console") if b.comment == "ledger"]
    command, _, output = shown.text.partition("\n")
    (tmp_path / "myclient.py").write_text(module.text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert cli.main(shlex.split(command.removeprefix("$ rtcmpu "))) == 1
    # How many cases there are, and how long they take, is not what is told.
    numbers = re.compile(r"(?<![\w-])\d+(\.\d+)?(?![\w-])| {2,}")
    assert numbers.sub("N", capsys.readouterr().out) == numbers.sub("N", output)


# ---------------------------------------------------------------------------------------- links

_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:docs|tests|pytest_rtcmpu|\.ci)/[\w./*-]+)`")


def slugs(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = _BLOCK.sub("", page.read_text("utf-8"))
    heads = (head.lower() for head in re.findall(r"^#+ (.*)$", text, re.MULTILINE))
    return {re.sub(r"[^\w\- ]", "", head).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Each relative link is to a file and a heading that exist."""
    text = _BLOCK.sub("", TEXTS[page])
    for link in _LINK.findall(text):
        if link.startswith(("https://", "http://")):
            continue
        target, _, anchor = link.partition("#")
        path = (PAGES[page].parent / target) if target else PAGES[page]
        assert path.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in slugs(path), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES)
def test_paths_exist(page: str) -> None:
    """Each file or folder of this repository that is named exists."""
    for path in _PATH.findall(TEXTS[page]):
        assert list(ROOT.glob(path.rstrip("/"))), f"{page}: {path}"


def test_every_page_is_linked_from_the_readme() -> None:
    """The README leads to every page, at most by way of another page."""
    linked, waiting = set(), ["README.md"]
    while waiting:
        page = waiting.pop()
        if page not in linked:
            linked.add(page)
            waiting += [
                Path(link).name for link in _LINK.findall(TEXTS[page]) if link[-3:] == ".md"
            ]
    assert set(PAGES) <= linked


# ------------------------------------------------------------------------- nothing is left out


class _Options:
    """What stands in for pytest's parser and takes down what is added to it."""

    def __init__(self) -> None:
        self.options: list[str] = []
        self.ini: list[str] = []

    def getgroup(self, *_: object, **__: object) -> _Options:
        return self

    def addoption(self, name: str, *_: object, **__: object) -> None:
        self.options.append(name)

    def addini(self, name: str, *_: object, **__: object) -> None:
        self.ini.append(name)


def pytest_options() -> _Options:
    """Return the options and ini names that the plugin adds."""
    added = _Options()
    plugin.pytest_addoption(added)  # type: ignore[arg-type]
    return added


def cli_options(command: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Return the options of a command."""
    with pytest.raises(SystemExit):
        cli.COMMANDS[command].run(["--help"])
    return set(re.findall(r"--[a-z][a-z0-9-]+", capsys.readouterr().out)) - {"--help"}


def fixtures() -> list[str]:
    """Return the names of the plugin's fixtures."""
    found = [name for name in vars(plugin) if name.startswith("rtcmpu_")]
    assert "rtcmpu_endpoint" in found
    return found


def missing(names: Iterator[str] | list[str] | set[str], text: str = ALL_TEXT) -> list[str]:
    """Return the names that the text does not hold."""
    return [n for n in names if not re.search(rf"(?<![\w-]){re.escape(n)}(?![\w-])", text)]


def test_every_fixture_is_documented() -> None:
    """Each fixture is described."""
    assert missing(fixtures()) == []


def test_every_pytest_option_is_documented() -> None:
    """Each option and ini name of the plugin is described."""
    added = pytest_options()
    assert "--rtcmpu-client" in added.options
    assert "rtcmpu_allow_hosts" in added.ini
    assert missing([*added.options, *added.ini]) == []


def test_only_options_there_are_are_documented() -> None:
    """No option ``--rtcmpu-…`` is described that the plugin does not have."""
    named = set(re.findall(r"--rtcmpu-[a-z-]+", ALL_TEXT))
    assert named <= set(pytest_options().options)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_and_its_options_are_documented(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command of ``rtcmpu`` is described, with every option."""
    assert f"rtcmpu {command}" in ALL_TEXT
    assert missing(cli_options(command, capsys)) == []


def test_every_fault_is_documented() -> None:
    """Each fault is described in docs/testing.md."""
    factories = ("delay", "slow_bytes", "status", "body")
    assert all(callable(getattr(faults, name)) for name in factories)
    names = [f"faults.{name}" for name in (*faults.PLAIN, *factories)]
    assert missing(names, TEXTS["testing.md"]) == []


def test_every_exported_name_is_documented() -> None:
    """Each name that the package exports is described."""
    assert missing(pytest_rtcmpu.__all__) == []


def test_every_strategy_is_documented() -> None:
    """Each public strategy is described in docs/strategies.md."""
    public = [
        name
        for name, value in vars(strategies).items()
        if callable(value)
        and getattr(value, "__module__", "").startswith(strategies.__name__)
        and not name.startswith("_")
    ]
    assert {"tasks", "violations", "gateway_violations"} <= set(public)
    assert missing(public, TEXTS["strategies.md"]) == []


def test_every_endpoint_control_is_documented() -> None:
    """Each public method and property of the endpoint and of a call is described."""
    names = [n for n in vars(pytest_rtcmpu.Endpoint) if not n.startswith("_")]
    names += pytest_rtcmpu.Call.__dataclass_fields__
    assert missing(names) == []


def test_every_silence_is_documented() -> None:
    """Each silence of the contract is described in docs/testing.md."""
    known = explaining.all_silences(contract.load())
    assert missing([silence.id for silence in known], TEXTS["testing.md"]) == []


def test_every_level_and_source_is_documented() -> None:
    """Each level and source of the contract is described."""
    known = contract.load()
    assert missing([level.id for level in known.levels], TEXTS["checks.md"]) == []
    assert missing([source.id for source in known.sources]) == []


def test_every_reading_is_told_apart() -> None:
    """docs/testing.md lists the clauses that rest on the contract's reading, and no others."""
    _, _, rest = TEXTS["testing.md"].partition("## What only a reading decides")
    section = rest.partition("\n## ")[0]
    known = contract.load().all_clauses
    readings = [clause.id for clause in known if clause.level == "reading"]
    assert re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE) == readings


def test_numbers_that_are_told() -> None:
    """Ten rows of the service table come with HTTP 200, and some readings fail in any case."""
    known = contract.load()
    in_http_200 = [r for r in known.errors if r.table == "service" and r.http_status == 200]
    assert len(in_http_200) == 10
    failing = {c.id for c in known.clauses if c.level == "reading" and c.breach == "failure"}
    lost = {f"reply.lost.{how}" for how in ("reset", "amid", "short", "no-http")}
    assert failing == {"request.values.unchanged", "reply.never", "reply.alive-after", *lost}


def test_loadscope_runs_a_phase_once(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On two workers, ``--dist loadscope`` keeps a client's checks on one of them."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    pytester.makepyfile(
        myclient="""
        import os
        from pathlib import Path

        from pytest_rtcmpu.checks import own

        def start(params, **given):
            Path(f"started-in-{os.getpid()}").touch()
            return own.start(params, **given)
        """
    )
    result = pytester.runpytest_subprocess(
        *("-p", "xdist", "-n", "2", "--dist", "loadscope", "-p", "no:cacheprovider"),
        *("--rtcmpu-client=myclient:start", "--rtcmpu-phase=pairwise"),
        *("--rtcmpu-clause=task-profile.*", "--rtcmpu-clause=media-encode.*"),
    )
    assert result.ret == 0
    assert len(list(pytester.path.glob("started-in-*"))) == 1


def test_every_ini_and_contract_setting_is_documented() -> None:
    """Each setting of a contract class is described in docs/checks.md."""
    from pytest_rtcmpu.plugin.testing import ClientContract, EndpointContract

    settings = {name for cls in ClientContract.__mro__[:2] for name in vars(cls)}
    settings |= set(vars(EndpointContract))
    names = [n for n in settings if not n.startswith("_") and n not in ("subject", "test_contract")]
    assert "max_examples" in names
    assert missing(names, TEXTS["checks.md"]) == []
    assert checks_plugin.MARK in TEXTS["checks.md"]


def test_every_runtime_dependency_has_a_reason() -> None:
    """docs/design.md says of each dependency, optional ones too, what it is for."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["tls"]]
    names = [re.split(r"[<>=\[ ]", line)[0] for line in needed]
    assert missing(names, TEXTS["design.md"]) == []


# -------------------------------------------------------------------------- the README's commands


def marked_command(kind: str) -> str:
    """Return the README's command that a comment marks."""
    [block] = [b for b in blocks("README.md", "sh") if b.comment == f"{kind} command"]
    assert block.text.count("\n") == 1
    return block.text.strip()


def test_ci_runs_the_readmes_command(tmp_path: Path) -> None:
    """``.ci/run`` runs every program of the README's second command, in its order."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    shutil.copy(ROOT / "README.md", tmp_path)
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    programs = [shlex.split(part) for part in marked_command("test").split(" && ")]
    log = tmp_path / "log"
    stub = f'#!/bin/sh\necho "$0 $*" >> {shlex.quote(str(log))}\n'
    virtual = tmp_path / ".venv" / "bin"
    virtual.mkdir(parents=True)
    for name in (
        "python3",
        "chromium",
        "npm",
        "curl",
        *(Path(words[0]).name for words in programs),
    ):
        for folder in (stubs, virtual):
            (folder / name).write_text(stub)
            (folder / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{stubs}:/usr/bin:/bin"}
    done = subprocess.run(
        [tmp_path / ".ci" / "run"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    ran = [shlex.split(line) for line in log.read_text().splitlines()]
    expected = [[Path(words[0]).name, *" ".join(words[1:]).split()] for words in programs]
    assert [[Path(words[0]).name, *words[1:]] for words in ran] == expected


def test_main_command_checks_our_own_pair() -> None:
    """The README's first command installs the package alone and runs ``rtcmpu check``."""
    *before, last = marked_command("main").split(" && ")
    assert last == ".venv/bin/rtcmpu check"
    assert before[-1] == ".venv/bin/pip install -q ."


# --------------------------------------------------------------------------- the published clients


def test_breaches_of_published_clients_are_listed() -> None:
    """docs/published-clients.md lists, for each client, the clauses that it was seen to break."""
    from test_shipped_testees import _NEW_SDK, _NO_REQUEST_ID, _OLD_SDK

    rows = re.findall(
        r"^\| `([^`]+)` \|(.*)\|(.*)\|(.*)\|$", TEXTS["published-clients.md"], re.MULTILINE
    )
    old, new, node = (
        {row[0] for row in rows if row[column].strip() == "broken"} for column in (1, 2, 3)
    )
    assert (old, node) == (_OLD_SDK, _NO_REQUEST_ID)
    assert new == {*_NEW_SDK, "task-profile.required"}


def test_versions_of_published_clients_are_those_judged() -> None:
    """docs/published-clients.md names the versions that the tests install."""
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    package = json.loads((ROOT / "docs/testees/node_pop_core/package.json").read_text("utf-8"))
    [(name, version)] = package["dependencies"].items()
    heads = TEXTS["published-clients.md"].partition("| clause |")[2].partition("\n")[0]
    pinned = re.findall(r'"(ali[\w-]+)==([\d.]+)"', project)
    assert len(pinned) == 2
    for client in (*pinned, (name, version)):
        assert " ".join(client) in heads
