"""Base classes that make a test class a contract test: each check of the contract is one test.

class TestMyClient(ClientContract):
    def start(self, params, *, endpoint, credentials, timeout):
        return my_client(endpoint, credentials.access_key_id, …).start(params).request_id

class TestMyEndpoint(EndpointContract):
    url = "http://127.0.0.1:8080"
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from pytest_rtcmpu.checks.bench import Settings
from pytest_rtcmpu.checks.core import PHASES, Phase
from pytest_rtcmpu.checks.testees.protocol import CallableTestee, Outcome, PlainCredentials, Testee
from pytest_rtcmpu.contract import Clause, Subject
from pytest_rtcmpu.plugin.running import run_check
from pytest_rtcmpu.values.credentials import Credentials

if TYPE_CHECKING:
    from pytest_rtcmpu.checks.run import Bench
    from pytest_rtcmpu.plugin.plan import Plan

__all__ = ["ClientContract", "EndpointContract"]

Check = tuple["Plan", Phase, Clause]


class _Contract:
    """What both have in common: settings, which the command line's options override.

    Attributes:
        phases: which phases to run.
        clauses: globs of clause ids; all unless given.
        max_examples: examples of fuzz, and of stateful.
        timeout: seconds for one start, or for one reply.
        strict: whether breaches of readings fail too.
        known_failures: a TOML file of known failures, from where pytest is started.
        edition: the edition to check by; that of pytest's options, 2019-05, unless given.
        operations: what is checked. Of a client StartMPUTask unless given: ``start`` takes
            ``operation`` too then. Of an endpoint whatever it shows to know.
    """

    subject: ClassVar[Subject]
    phases: Sequence[Phase] = PHASES
    clauses: Sequence[str] = ()
    max_examples: int = Settings.max_examples
    timeout: float = Settings.timeout
    strict: bool = False
    known_failures: str | os.PathLike[str] | None = None
    edition: str | None = None
    operations: Sequence[str] = ()


class ClientContract(_Contract):
    """A client's contract test. Fill in :meth:`start`, or override the fixture ``testee``."""

    subject: ClassVar[Subject] = "client"

    def start(
        self,
        params: Mapping[str, Any],
        *,
        endpoint: str,
        credentials: PlainCredentials,
        timeout: float,
    ) -> str | Mapping[str, Any]:
        """Start a task with the client under test and return the RequestId, or raise.

        Where it is given another operation, a mapping may say more of the reply: ``request_id``
        and ``status``.

        The Code of an error is the exception's ``code`` or ``error_code``.

        Args:
            params: the documented names and their values, such as ``{"MediaEncode": 20, …}``.
            endpoint: the URL to call.
            credentials: ``access_key_id``, ``access_key_secret``, ``security_token`` or ``None``.
            timeout: seconds after which the client must give up.
        """
        raise NotImplementedError

    @pytest.fixture
    def testee(self) -> object:
        """The client under test: a callable like :meth:`start`, or a command line."""
        if type(self).start is ClientContract.start:
            pytest.fail("fill in the method start, or override the fixture testee", pytrace=False)
        return self.start

    def test_contract(
        self, request: pytest.FixtureRequest, rtcmpu_check: Check, testee: object
    ) -> None:
        """Run one check."""
        from pytest_rtcmpu.checks.run import ClientBench

        plan, phase, clause = rtcmpu_check
        owner = _owner(request)
        current = _testee(testee, plan.target.name)
        baton = owner.stash.setdefault(_BATON, _Baton(plan.target.name))
        baton.current = current
        try:
            run_check(
                request.node,
                owner,
                plan,
                phase,
                clause,
                lambda: closing(ClientBench(baton, plan.settings)),
            )
        finally:
            current.close()


class EndpointContract(_Contract):
    """An endpoint's contract test. Set ``url``, or override it with a method or a fixture.

    A fixture must live as long as the class does: best is one of its module, with
    ``@pytest.fixture(scope="module")``.

    Attributes:
        credentials: the access key that the endpoint knows; by default that of the environment's
            RTCMPU_ACCESS_KEY_ID and RTCMPU_ACCESS_KEY_SECRET, ``testid`` and ``testsecret`` unless
            set.
        live: whether ``url`` may be called where it is not this machine: what a run starts there
            may be real, and billed.
        budget: how many calls it gets at most.
        app_ids: the AppIds that it knows, one or two; any unless given.
    """

    subject: ClassVar[Subject] = "endpoint"
    credentials: Credentials | None = None
    live: bool = False
    budget: int | None = None
    app_ids: tuple[str, ...] = ()

    def test_contract(self, request: pytest.FixtureRequest, rtcmpu_check: Check) -> None:
        """Run one check."""
        from pytest_rtcmpu.checks.run import EndpointBench
        from pytest_rtcmpu.values.credentials import credentials_from

        plan, phase, clause = rtcmpu_check
        owner = _owner(request)
        url = self._url(request)
        if owner.stash.setdefault(_URL, url) != url:
            pytest.fail(
                "the URL changed from one test to the next; give the fixture scope='class' or "
                "wider",
                pytrace=False,
            )

        def make() -> closing[Bench]:
            bench = EndpointBench(url, self.credentials or credentials_from(), plan.settings)
            bench.target = plan.target.name
            return closing(bench)

        run_check(request.node, owner, plan, phase, clause, make)

    def _url(self, request: pytest.FixtureRequest) -> str:
        url = getattr(self, "url", None)
        if not isinstance(url, str):
            try:
                url = request.getfixturevalue("url")
            except pytest.FixtureLookupError:
                url = url() if callable(url) else None
        if not isinstance(url, str):
            pytest.fail("set url, or override it with a method or a fixture", pytrace=False)
        return url


class _Baton:
    """The testee of the test that is running: what a fixture made lives no longer than it."""

    current: Testee

    def __init__(self, target: str) -> None:
        self.target = target

    def start(self, params: Mapping[str, Any], **given: Any) -> Outcome:
        return self.current.start(params, **given)

    def close(self) -> None:
        """Do nothing: each test closes its own."""


_BATON = pytest.StashKey[_Baton]()
_URL = pytest.StashKey[str]()


def _owner(request: pytest.FixtureRequest) -> pytest.Class:
    owner = request.node.getparent(pytest.Class)
    assert isinstance(owner, pytest.Class)
    return owner


def _testee(given: object, name: str) -> Testee:
    from pytest_rtcmpu.checks.testees.command import CommandTestee

    if isinstance(given, str | list | tuple):
        return CommandTestee(given)
    if callable(given):
        return CallableTestee(given, name)
    return given  # type: ignore[return-value]
