"""docs/server.md: its lines do what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_rtcmpu import Client, Credentials, cli
from pytest_rtcmpu.mock.served import ServedEndpoint
from pytest_rtcmpu.model import example_task
from pytest_rtcmpu.server.control import _ROUTES
from pytest_rtcmpu.server.http import DEFAULT_LIMITS

PAGE = (Path(__file__).parent.parent / "docs" / "server.md").read_text("utf-8")


def block(name: str) -> str:
    """The fenced block after the comment of that name."""
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found, name
    return found[1]


CURL_LINES = [line for line in block("curl").splitlines() if not line.startswith("#")]


@pytest.fixture
def curl() -> str:
    """The path of curl."""
    path = shutil.which("curl")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("curl is needed to run the documentation's lines")
        pytest.skip("curl is not installed")
    return path


@pytest.fixture
def running(rtcmpu_server: ServedEndpoint) -> ServedEndpoint:
    """A server with four calls and one task, as the page's lines need it."""
    client = Client(Credentials("testid", "testsecret"), rtcmpu_server.url)
    client.start_mpu_task(replace(example_task(), app_id="app", task_id="task"))
    client.close()
    return rtcmpu_server


@pytest.mark.parametrize("line", CURL_LINES)
def test_curl_lines(running: ServedEndpoint, curl: str, line: str) -> None:
    """Each curl line succeeds, as it stands on the page, and answers with JSON."""
    done = subprocess.run(
        ["sh", "-c", line],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "URL": running.url, "no_proxy": "*"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert isinstance(json.loads(done.stdout), dict)
    assert running.call_count == (0 if line.endswith("/reset") else 1)


def test_every_route_is_on_the_page() -> None:
    """Each path and method of the control interface has a line."""
    found = set()
    for line in CURL_LINES:
        path = re.search(r"/_rtcmpu(/[a-z-]+)", line)
        assert path
        method = re.search(r"-X (\w+)", line)
        found.add((path[1], method[1] if method else "POST" if " -d " in line else "GET"))
    assert found == {(path, method) for path, methods in _ROUTES.items() for method in methods}


def test_every_field_of_a_call_is_on_the_page(running: ServedEndpoint) -> None:
    """The table of a call's fields names each, and no other."""
    from pytest_rtcmpu.server.record import call_record

    table = PAGE.partition("A call as JSON:")[2].partition("\n\nSecrets")[0]
    named = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert named == set(call_record(running.calls[0], running.secrets))


def test_every_option_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    """The table of options is that of ``rtcmpu serve --help``."""
    with pytest.raises(SystemExit):
        cli.main(["serve", "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert set(re.findall(r"^\| `(--[a-z-]+)", PAGE, re.MULTILINE)) == options


def test_the_limits_are_those_of_the_server() -> None:
    """The table of limits has the server's numbers."""
    table = PAGE.partition("## Limits")[2]
    limits = DEFAULT_LIMITS
    assert (limits.max_head, limits.max_body) == ((1 << 20) + (1 << 16), 1 << 20)
    for text in (
        f"{limits.max_header_fields} fields",
        f"{limits.request_seconds:.0f} s",
        f"{limits.max_connections} (else 503)",
        f"{limits.keep_alive_seconds:.0f} s",
    ):
        assert text in table


def test_the_example(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's test passes."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(block("example"))
    result = pytester.runpytest_subprocess("-p", "rtcmpu", "-p", "no:cacheprovider", "-W", "error")
    result.assert_outcomes(passed=1)


def test_links() -> None:
    """The pages that it links to are there."""
    for name in re.findall(r"\]\(([\w.-]+\.md)\)", PAGE):
        assert (Path(__file__).parent.parent / "docs" / name).exists()
