"""Checks stay on this machine: proxies of the environment, and clients that go their own way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import requests
import urllib3

from pytest_rtcmpu import Client, Credentials, Endpoint
from pytest_rtcmpu.checks.testees.command import CommandTestee
from pytest_rtcmpu.checks.testees.protocol import CallableTestee
from pytest_rtcmpu.mock import environment
from pytest_rtcmpu.model import example_task
from pytest_rtcmpu.server.http import Server

KEY = Credentials("testid", "testsecret")
REAL = "http://rtc.aliyuncs.com/"

CALLS: dict[str, Callable[[], object]] = {
    "requests": lambda: requests.get(REAL),
    "urllib3": lambda: urllib3.PoolManager().request("GET", REAL, retries=False),
    "a proxy": lambda: urllib3.ProxyManager("http://127.0.0.1:9").request("GET", REAL),
}


@pytest.mark.parametrize("way", CALLS)
def test_a_callable_that_ignores_its_endpoint_gets_nowhere(way: str) -> None:
    """A client in this process that calls the real host is refused, and it is noted where to."""

    def start(params: object, **given: object) -> object:
        return CALLS[way]()

    outcome = CallableTestee(start).start(
        {}, endpoint="http://127.0.0.1:1", credentials=KEY, timeout=5
    )
    assert outcome.kind == "error"
    assert ("pytest-rtcmpu" in outcome.message) == (way != "a proxy")
    assert outcome.elsewhere[0] == ("127.0.0.1:9" if way == "a proxy" else "rtc.aliyuncs.com")


def test_a_command_finds_proxies_that_lead_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client in another process finds no way out, and loopback without a proxy."""
    monkeypatch.setenv("http_proxy", "http://proxy.example.com:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    code = (
        "import json, sys, urllib.request as u\n"
        "for line in sys.stdin:\n"
        "    told = [u.getproxies(), bool(u.proxy_bypass('127.0.0.1'))]\n"
        "    error = {'message': json.dumps(told)}\n"
        "    print(json.dumps({'id': json.loads(line)['id'], 'error': error}), flush=True)\n"
    )
    testee = CommandTestee([sys.executable, "-c", code])
    try:
        outcome = testee.start({}, endpoint="http://127.0.0.1:1", credentials=KEY, timeout=5)
    finally:
        testee.close()
    proxies, bypassed = json.loads(outcome.message)
    assert proxies["https"] == proxies["all"] == "http://127.0.0.1:9"
    assert "http" not in proxies
    assert bypassed


def test_what_is_set_for_a_command_is_not_set_here() -> None:
    """The environment of this process is left as it is."""
    before = dict(os.environ)
    assert environment.leading_nowhere()["HTTPS_PROXY"] == "http://127.0.0.1:9"
    assert dict(os.environ) == before


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_the_client_calls_loopback_without_a_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A proxy of the environment is not asked for what listens on this machine."""
    for each in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Server(Endpoint(KEY).handle) as server:
        assert Client(KEY, server.url).start_mpu_task(example_task()).request_id


def test_check_works_where_a_proxy_is_set() -> None:
    """``rtcmpu check endpoint`` reaches an endpoint of this machine."""
    variables = {n: v for n, v in os.environ.items() if n.lower() != "no_proxy"}
    with Server(Endpoint(KEY).handle) as server:
        command = [sys.executable, "-m", "pytest_rtcmpu", "check", "endpoint", server.url]
        done = subprocess.run(
            [*command, "--phase", "documented", "--clause", "request.method.get"],
            env={**variables, "http_proxy": "http://127.0.0.1:9"},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
