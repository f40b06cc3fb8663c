"""What is said in several places of how this package is tested says the same everywhere."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import pytest_rtcmpu
from pytest_rtcmpu import cli

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
TOX = PROJECT["tool"]["tox"]
WORKFLOW = (ROOT / ".github/workflows/tests.yml").read_text("utf-8")
CHANGELOG = (ROOT / "docs/changelog.md").read_text("utf-8")


def _pythons() -> list[str]:
    classifiers = PROJECT["project"]["classifiers"]
    return [v for c in classifiers for v in re.findall(r"Python :: (3\.\d+)$", c)]


def test_every_supported_python_is_tested() -> None:
    """Each Python that the metadata names has an environment; the oldest tries lowest versions."""
    assert [env for env in TOX["env_list"] if env[0] == "3"] == _pythons()
    lowest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert lowest == _pythons()[0]
    assert TOX["env"]["lowest"]["base_python"] == [lowest]


def test_the_workflow_runs_every_environment_of_tox() -> None:
    """GitHub runs tox's environments, each with its own Python, and what must pass to land."""
    rows = re.findall(r'- \{ python: "([\d.]+)", env: "?([\w.]+)"? \}', WORKFLOW)
    assert [env for _, env in rows] == TOX["env_list"]
    for python, env in rows:
        assert python in (env, *TOX["env"].get(env, {}).get("base_python", _pythons()))
    assert "run: sudo .ci/run" in WORKFLOW


def test_a_commit_is_held_to_the_readmes_programs() -> None:
    """pre-commit runs the linter, the formatter and the types of the README's test command."""
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    entries = [e.split() for e in re.findall(r"entry: (.*)", hooks)]
    readme = (ROOT / "README.md").read_text("utf-8")
    for words in (["ruff", "check"], ["ruff", "format"], ["mypy"]):
        command = [f".venv/bin/{words[0]}", *words[1:]]
        assert command in [entry[: len(command)] for entry in entries]
        assert " ".join(command) in readme


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The package, its command, its metadata and its changelog agree on the version."""
    told = PROJECT["project"]["version"]
    assert pytest_rtcmpu.__version__ == version("pytest-rtcmpu") == told
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"rtcmpu {told}\n"
    releases = re.findall(r"^## \[([^\]]+)\](?: – (\d{4}-\d\d-\d\d))?$", CHANGELOG, re.MULTILINE)
    assert [name for name, _ in releases][:2] == ["Unreleased", told]
    assert all(date for _, date in releases[1:])


def test_the_changelog_has_keep_a_changelogs_headings() -> None:
    """Below each release stand only the kinds of change that the form knows."""
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE)) <= kinds
