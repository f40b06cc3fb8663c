"""A client under test as a Python callable: every way to answer is an outcome."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from pytest_rtcmpu.checks.core import CannotRun
from pytest_rtcmpu.checks.testees.protocol import (
    CallableTestee,
    PlainCredentials,
    load_callable,
    plain,
)
from pytest_rtcmpu.values.credentials import Credentials

CREDENTIALS = Credentials("testid", "s3cret", "t0ken")


class WithCode(Exception):
    """An exception with the given attributes."""

    def __init__(self, **attributes):
        super().__init__("refused")
        vars(self).update(attributes)


class Unspeakable(Exception):
    """An exception that cannot be asked about anything."""

    @property
    def code(self):
        """Raise."""
        raise RuntimeError("no code for you")

    def __str__(self):
        raise RuntimeError("no text for you")


def raising(error):
    """Return a client that raises."""

    def start(params, *, endpoint, credentials, timeout):
        raise error

    return start


def returning(value):
    """Return a client that returns a value, or what it returns."""

    def start(params, *, endpoint, credentials, timeout):
        return value() if callable(value) else value

    return start


def outcome_of(function, *, timeout=5.0, params=None):
    """Return what one start of a callable came to."""
    return CallableTestee(function).start(
        params or {}, endpoint="http://127.0.0.1:9", credentials=CREDENTIALS, timeout=timeout
    )


async def coroutine():
    """Do what a client must not be."""
    return "id"


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (returning("r-1"), {"kind": "request_id", "request_id": "r-1"}),
        (raising(WithCode(code="TaskExisted")), {"kind": "error", "code": "TaskExisted"}),
        (raising(WithCode(error_code="Throttling")), {"kind": "error", "code": "Throttling"}),
        (raising(WithCode(code=None, error_code="X")), {"kind": "error", "code": "X"}),
        (raising(WithCode(code=404)), {"kind": "error", "code": None}),
        (raising(WithCode(code="")), {"kind": "error", "code": None}),
        (raising(WithCode(http_status=200)), {"kind": "error", "http_status": 200}),
        (raising(WithCode(status_code=503)), {"kind": "error", "http_status": 503}),
        (raising(WithCode(request_id="r-2")), {"kind": "error", "request_id": "r-2"}),
        (raising(OSError("refused")), {"kind": "error", "message": "OSError: refused"}),
        (raising(Unspeakable()), {"kind": "error", "code": None, "message": "Unspeakable"}),
        (raising(SystemExit(3)), {"kind": "died", "message": "SystemExit: 3"}),
        (raising(KeyboardInterrupt()), {"kind": "died", "message": "KeyboardInterrupt"}),
        (returning({"request_id": "r-3", "status": 1}), {"request_id": "r-3", "status": 1}),
        (
            returning({"request_id": "r-4", "status": "1"}),
            {
                "kind": "request_id",
                "request_id": "r-4",
                "status": None,
                "message": "status: expected an integer, got str '1'",
            },
        ),
        (returning(None), {"kind": "garbage"}),
        (returning(""), {"kind": "garbage"}),
        (returning(b"r-1"), {"kind": "garbage"}),
        (returning({"RequestId": "r-1"}), {"kind": "garbage"}),
        (returning(coroutine), {"kind": "garbage"}),
    ],
)
def test_an_answer_is_an_outcome(function, expected):
    """What a callable returns or raises becomes the outcome of its kind; nothing is raised."""
    outcome = outcome_of(function)
    assert {name: getattr(outcome, name) for name in expected} == expected


def test_a_call_that_never_ends_has_hung(monkeypatch):
    """A call is waited for as long as its timeout and the grace, and then counts as hung."""
    monkeypatch.setattr(CallableTestee, "grace", 0.05)
    release = threading.Event()
    outcome = outcome_of(returning(release.wait), timeout=0.05)
    release.set()
    assert outcome.kind == "hung"
    assert 0.1 <= outcome.seconds < 5


def test_what_a_client_is_given():
    """It gets its own copy of the params, the endpoint, the timeout and plain credentials."""
    seen = []

    def start(params, *, endpoint, credentials, timeout):
        params["LayoutIds"].append(9)
        seen.append((endpoint, credentials, timeout))
        return "r-1"

    params = {"LayoutIds": [1]}
    outcome_of(start, params=params, timeout=1.5)
    assert params == {"LayoutIds": [1]}
    assert seen == [("http://127.0.0.1:9", PlainCredentials("testid", "s3cret", "t0ken"), 1.5)]


def test_plain_credentials_show_no_secret():
    """The repr of the credentials that a client gets leaves their secrets out."""
    assert repr(PlainCredentials("testid", "s3cret", "t0ken")) == (
        "PlainCredentials(access_key_id='testid')"
    )


def test_secrets_are_redacted():
    """A secret that a client puts into its message is redacted."""
    outcome = outcome_of(raising(ValueError("s3cret and t0ken")))
    assert "s3cret" not in outcome.message
    assert "t0ken" not in outcome.message


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Modules in the current folder, good and bad."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "some_client.py").write_text(
        "import asyncio\n"
        "def start(params, *, endpoint, credentials, timeout): return 'r-1'\n"
        "async def later(params, *, endpoint, credentials, timeout): return 'r-1'\n"
        "def other(task): return 'r-1'\n"
        "class Nested:\n    start = staticmethod(start)\n"
        "number = 3\n"
    )
    (tmp_path / "broken_client.py").write_text("import not_installed_anywhere\n")
    (tmp_path / "leaving_client.py").write_text("raise SystemExit('not today')\n")
    yield
    for name in ("some_client", "broken_client", "leaving_client"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize("name", ["some_client:start", "some_client:Nested.start"])
def test_a_callable_is_found_by_its_name(name):
    """A module in the current folder and a dotted name inside it are found."""
    testee = load_callable(name)
    assert testee.target == name
    outcome = testee.start({}, endpoint="", credentials=CREDENTIALS, timeout=5)
    assert outcome.request_id == "r-1"


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("some_client", "expected package.module:callable"),
        (":start", "expected package.module:callable"),
        ("some_client:", "expected package.module:callable"),
        ("no_client:start", "no module named 'no_client'"),
        ("some_client.py:start", "name the module, not its file"),
        ("some_client:star", "did you mean start"),
        ("some_client:number", "expected a callable, got int"),
        ("some_client:later", "is async"),
        ("some_client:other", r"got \(task\)"),
        ("broken_client:start", "importing broken_client failed: .*not_installed_anywhere"),
        ("leaving_client:start", "importing leaving_client failed: SystemExit: not today"),
    ],
)
def test_a_wrong_name_is_explained(name, why):
    """A target that cannot be called says what is wrong with it, before anything is run."""
    with pytest.raises(CannotRun, match=why):
        load_callable(name)


def test_credentials_can_be_read_by_name_too() -> None:
    """A callable may treat them as the line protocol's object, and no repr shows a secret."""
    given = plain(Credentials("id", "s3cret", "t0ken"))
    assert dict(given) == {
        "access_key_id": "id",
        "access_key_secret": "s3cret",
        "security_token": "t0ken",
    }
    assert given["access_key_secret"] == given.access_key_secret
    assert "s3cret" not in repr(given)
    assert "t0ken" not in repr(given)
