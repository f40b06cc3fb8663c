"""Build the wheel and use it as a stranger would: nothing missing, nothing of this tree in reach.

Needs ``build`` in its Python: ``pip install build``, or ``tox -e wheel``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "pytest_rtcmpu"


def run(*words: str | Path, cwd: Path) -> str:
    """Run a command that must succeed and return what it printed."""
    print("+", *words, flush=True)
    # Nothing that points into this tree may help it.
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST", "TOX"))}
    done = subprocess.run(words, cwd=cwd, env=clean, text=True, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}\nexit status {done.returncode}")
    return done.stdout


def expect_contents(wheel: Path) -> None:
    """Exit unless the wheel has every file of the package, its metadata, and nothing else."""
    names = zipfile.ZipFile(wheel).namelist()
    there = {name for name in names if ".dist-info/" not in name}
    tracked = run("git", "ls-files", PACKAGE, cwd=ROOT).split()
    if there != set(tracked):
        sys.exit(f"not the files of the package: {sorted(there ^ set(tracked))}")
    metadata = {name.partition(".dist-info/")[2] for name in names} - {""}
    wanted = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    if metadata != wanted:
        sys.exit(f"expected {sorted(wanted)} as metadata, got {sorted(metadata)}")


def main() -> None:
    """Build, look, install, use."""
    with tempfile.TemporaryDirectory(prefix="rtcmpu-wheel-") as name:
        away = Path(name)
        run(sys.executable, "-m", "build", "-q", "--outdir", away / "dist", ".", cwd=ROOT)
        [wheel] = (away / "dist").glob("*.whl")
        expect_contents(wheel)

        venv.create(away / "venv", with_pip=True)
        programs = away / "venv" / "bin"
        run(programs / "pip", "install", "-q", wheel, cwd=away)
        version = run(programs / "rtcmpu", "--version", cwd=away).split()[-1]
        if f"-{version}-" not in wheel.name:
            sys.exit(f"rtcmpu --version says {version}, the wheel is {wheel.name}")

        readme = (ROOT / "README.md").read_text("utf-8")
        example = re.search(r"<!-- first test -->\n```python\n(.*?)```", readme, re.DOTALL)
        assert example is not None
        (away / "test_first.py").write_text(example[1], "utf-8")
        print(run(programs / "pytest", "-q", "-W", "error", "test_first.py", cwd=away))
        print(run(programs / "rtcmpu", "check", "--phase", "documented", cwd=away))


if __name__ == "__main__":
    main()
