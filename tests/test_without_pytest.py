"""The documentation's example for unittest and scripts, run where there is no pytest."""

import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs" / "testing.md"
#: Nobody who uses unittest has to have pytest in the process.
RUN = """
import sys, unittest
sys.modules["pytest"] = sys.modules["_pytest"] = None
import example
example.test_script()
unittest.main("example", argv=["unittest"])
"""


def test_the_example_runs_without_pytest(tmp_path: Path) -> None:
    """``mocked()`` serves a TestCase and a script, and imports nothing of pytest."""
    section = DOCS.read_text("utf-8").partition("### Without pytest: `mocked`")[2]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert code is not None
    (tmp_path / "example.py").write_text(code[1], "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Ran 1 test" in done.stderr
