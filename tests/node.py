"""What is written in Node: published clients, a type checker; installed once for the run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TESTEE = Path(__file__).parent.parent / "docs" / "testees" / "node_pop_core"


def npm(*arguments, cwd):
    """Run npm in a folder; without it tests are skipped, in CI they fail."""
    found = shutil.which("npm")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("npm is needed to install what is written in Node")
        pytest.skip("npm is not installed")
    done = subprocess.run(
        [found, *arguments, "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def node_testee(tmp_path_factory):
    """The Node testee with its dependencies beside it, as package-lock.json has them."""
    folder = tmp_path_factory.mktemp("node") / "testee"
    shutil.copytree(TESTEE, folder, ignore=shutil.ignore_patterns("node_modules"))
    npm("ci", cwd=folder)
    return folder / "testee.js"


@pytest.fixture(scope="session")
def openapi_client(tmp_path_factory):
    """A folder in which the vendor's newer library for Node is installed."""
    folder = tmp_path_factory.mktemp("openapi")
    npm("install", "@alicloud/openapi-client@0.4.15", "@alicloud/tea-util@1.4.11", cwd=folder)
    return folder


@pytest.fixture(scope="session")
def pyright(tmp_path_factory):
    """The type checker of editors, which is written in Node."""
    folder = tmp_path_factory.mktemp("pyright")
    npm("install", "pyright@1.1.414", cwd=folder)
    return folder / "node_modules" / ".bin" / "pyright"
