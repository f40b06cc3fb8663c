"""The published Node client, installed once for the run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TESTEE = Path(__file__).parent.parent / "docs" / "testees" / "node_pop_core"


@pytest.fixture(scope="session")
def node_testee(tmp_path_factory):
    """The Node testee with its dependencies beside it, as package-lock.json has them."""
    npm = shutil.which("npm")
    if npm is None:
        if os.environ.get("CI"):
            pytest.fail("npm is needed to check the Node testee")
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("node") / "testee"
    shutil.copytree(TESTEE, folder, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "testee.js"
