"""What type checkers of our users see: mypy reads tests/typing/ as code outside the package.

There ``assert_type`` says what must be known, and ``# refuse: code`` marks what must be an error.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).with_name("typing")


def _errors(path: Path, cwd: Path, cache: Path) -> set[tuple[int, str]]:
    # From elsewhere, so that it reads the package as it is installed, with its py.typed.
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=",
         f"--cache-dir={cache}", path],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    found = re.findall(r"^[^\n]*?:(\d+): error: [^\n]*\[([\w-]+)\]$", done.stdout, re.MULTILINE)
    assert len(found) == done.stdout.count(": error: "), done.stdout
    return {(int(line), code) for line, code in found}


@pytest.mark.parametrize("name", ["right.py", "wrong.py"])
def test_what_a_type_checker_says(name: str, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Public names have the types that users rely on, and their misuse is an error."""
    path = FOLDER / name
    cache = pytestconfig.rootpath / ".mypy_cache" / "users"
    lines = enumerate(path.read_text("utf-8").splitlines(), start=1)
    marks = ((number, line.partition("# refuse: ")[2]) for number, line in lines)
    assert _errors(path, tmp_path, cache) == {mark for mark in marks if mark[1]}


def test_every_public_type_is_known(pyright: Path, tmp_path: Path) -> None:
    """Pyright finds a type for each name of the package, and infers none."""
    # It asks the first Python of PATH where packages are, whatever --pythonpath says.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        [str(pyright), "--verifytypes", "pytest_rtcmpu", "--ignoreexternal", "--outputjson"],
        cwd=tmp_path, env={**os.environ, "PATH": path},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("{"), done.stderr
    found = json.loads(done.stdout)["typeCompleteness"]
    told = [
        (symbol["name"], [each["message"] for each in symbol["diagnostics"]])
        for symbol in found["symbols"]
        if symbol["isExported"] and not symbol["isTypeKnown"]
    ]
    assert told == []
    assert found["completenessScore"] == 1.0


def test_the_examples_of_the_contract_classes_are_typed(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """What docs/checks.md shows to be written down passes a strict type checker as it stands."""
    page = (pytestconfig.rootpath / "docs" / "checks.md").read_text("utf-8")
    examples = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(examples) > 2
    for number, example in enumerate(examples):
        (tmp_path / f"example_{number}.py").write_text(example, "utf-8")
    cache = pytestconfig.rootpath / ".mypy_cache" / "users"
    assert _errors(tmp_path, tmp_path, cache) == set()
