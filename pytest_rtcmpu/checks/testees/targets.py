"""What is checked, as it was named: a callable, a command, a URL, or this package's own pair."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pytest_rtcmpu.checks.core import CannotRun
from pytest_rtcmpu.contract import Subject
from pytest_rtcmpu.values import commands
from pytest_rtcmpu.values.credentials import Credentials
from pytest_rtcmpu.values.text import system_error

if TYPE_CHECKING:
    from pytest_rtcmpu.checks.run import Bench, Settings
    from pytest_rtcmpu.checks.testees.protocol import Testee

#: How a target is reached. ``test`` is a class in somebody's tests, which only pytest can run.
TargetKind = Literal["callable", "command", "url", "own", "test"]

OPTIONS: Mapping[TargetKind, str] = {
    "callable": "--rtcmpu-client",
    "command": "--rtcmpu-client-command",
    "url": "--rtcmpu-endpoint",
    "own": "--rtcmpu-endpoint",
}

OWN_CLIENT = "pytest_rtcmpu.checks.own:start"
OWN_ENDPOINT = "pytest_rtcmpu.Endpoint"


@dataclass(frozen=True, kw_only=True)
class Target:
    """One client or endpoint to check. ``name`` is how its user named it."""

    subject: Subject
    kind: TargetKind
    name: str

    @property
    def option(self) -> str:
        """The pytest option that checks this target."""
        return OPTIONS[self.kind]

    def testee(self, settings: Settings | None = None) -> Testee:
        """Return the client; the package's own sends what the settings' edition has.

        Raises:
            CannotRun: for a name that names none.
        """
        from pytest_rtcmpu.checks.testees.command import CommandTestee
        from pytest_rtcmpu.checks.testees.protocol import load_callable

        if self.subject != "client" or self.kind not in ("callable", "command"):
            raise CannotRun(f"{self.name}: cannot be run from here; name another target")
        if self.kind == "command":
            return CommandTestee(self.name)
        testee = load_callable(self.name)
        if self.name == OWN_CLIENT and settings is not None:
            return testee.with_arguments(edition=settings.edition)
        return testee

    def settled(self, settings: Settings) -> Settings:
        """Return the settings with StartMPUTask and the operations that the target says it can.

        Raises:
            CannotRun: for a name that names none.
        """
        if settings.operations or self.kind != "callable":
            return settings
        contract = settings.contract
        said = {contract.action, *getattr(self.testee(settings), "operations", ())}
        return replace(settings, operations=tuple(n for n in contract.operations if n in said))

    def allowed(self, settings: Settings, credentials: Credentials) -> tuple[str, ...]:
        """Return which calls are made to an endpoint that is not this machine; of others nothing.

        Raises:
            CannotRun: where nobody has said that it may be called.
        """
        from pytest_rtcmpu.checks.endpoint.care import is_live
        from pytest_rtcmpu.checks.run import EndpointBench

        if self.kind != "url" or not is_live(self.name):
            return ()
        bench = EndpointBench(self.name, credentials, settings)
        bench.expect_allowed()
        return bench.plan()

    def expect_there(self, settings: Settings) -> None:
        """See that an endpoint can be connected to, and that a command can be started.

        Nothing is asked of either: whoever checks it is told once, and not by every check.

        Raises:
            CannotRun: where that fails.
        """
        from pytest_rtcmpu.checks.testees.command import CommandTestee

        if self.kind == "url":
            _expect_reachable(self.name, settings.timeout)
        elif self.kind == "command":
            CommandTestee(self.name).expect_startable()

    def dry_run(self, settings: Settings, credentials: Credentials) -> Iterator[str]:
        """Yield the calls that a run makes to an endpoint, and how many they are; send nothing.

        Raises:
            CannotRun: for a client, and for a URL that is none.
        """
        from pytest_rtcmpu.checks.run import EndpointBench

        if self.subject != "endpoint":
            raise CannotRun("--dry-run is about endpoints: a client makes its calls itself")
        with self.bench(settings, credentials) as bench:
            assert isinstance(bench, EndpointBench)
            yield from bench.dry_run()
            yield from bench.plan()

    @contextmanager
    def bench(self, settings: Settings, credentials: Credentials) -> Iterator[Bench]:
        """Run it on a bench.

        Raises:
            CannotRun: for a target that cannot be run.
        """
        from contextlib import ExitStack, closing

        from pytest_rtcmpu.checks.run import ClientBench, EndpointBench
        from pytest_rtcmpu.endpoint import Endpoint
        from pytest_rtcmpu.server.http import Server

        with ExitStack() as stack:
            bench: Bench
            if self.subject == "client":
                bench = ClientBench(self.testee(settings), settings)
            elif self.kind == "own":
                endpoint = Endpoint(
                    credentials, warn=lambda _: None, explain=False, contract=settings.contract
                )
                server = stack.enter_context(Server(endpoint.handle))
                bench = EndpointBench(server.url, credentials, settings)
                bench.target = self.name
            else:
                bench = EndpointBench(self.name, credentials, settings)
            yield stack.enter_context(closing(bench))


def _expect_reachable(url: str, timeout: float) -> None:
    from pytest_rtcmpu.checks.endpoint.care import is_live, out_of_reach
    from pytest_rtcmpu.client import goes_by_proxy, trusting

    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise CannotRun(f"{url}: expected a URL: {error}") from None
    if not parts.hostname:
        raise CannotRun(f"{url}: expected a URL such as http://127.0.0.1:8080")
    if is_live(url) and goes_by_proxy(url):
        return  # a proxy connects to it; the first request tells
    try:
        with socket.create_connection((parts.hostname, port), timeout) as plain:
            if parts.scheme == "https":
                trusting(url).wrap_socket(plain, server_hostname=parts.hostname).close()
    except OSError as error:
        raise out_of_reach(url, system_error(error)) from None


def callable_target(name: str) -> Target:
    """Return a client that is ``package.module:callable``."""
    return Target(subject="client", kind="callable", name=name)


def command_target(command: str | Sequence[str]) -> Target:
    """Return a client that is a command: one string, or its arguments."""
    name = command if isinstance(command, str) else commands.join(command)
    return Target(subject="client", kind="command", name=name)


def endpoint_target(name: str) -> Target:
    """Return an endpoint at a URL, or the package's own by the name of its class."""
    kind: TargetKind = "own" if name == OWN_ENDPOINT else "url"
    return Target(subject="endpoint", kind=kind, name=name)


#: What is checked where nothing is named.
OWN = (callable_target(OWN_CLIENT), endpoint_target(OWN_ENDPOINT))
