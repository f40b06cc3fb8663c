"""The states of a connection, and which may follow which: nothing else can happen to one.

Three things are told apart, since each changes by itself: what is being done for the client
(``phase``), whether we read from it (``intake``), and whether it reads from us (``outlet``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pytest_rtcmpu.server.limits import Limits

#: idle: no byte of a request has come.
#: line: a request line has begun, and has no end yet.
#: line-ended: it has come whole; nobody has looked at it.
#: fields: it is one of HTTP/1, and its header fields are coming.
#: awaited-body: the head has come, and the client waits for 100 Continue.
#: body: the head has come, and so may a body.
#: answering: the reply is on its way; what arrives has to wait.
#: tunnelling: what arrives is passed on to somebody else, and what they say to the client.
#: holding: nothing more is said, until the client leaves.
#: leaving: the last word is spoken; what arrives is thrown away.
#: gone: the connection is lost.
Phase = Literal[
    "idle",
    "line",
    "line-ended",
    "fields",
    "awaited-body",
    "body",
    "answering",
    "tunnelling",
    "holding",
    "leaving",
    "gone",
]
#: flowing: what arrives is read. paused: the kernel keeps it. ended: the client has said all.
Intake = Literal["flowing", "paused", "ended"]
#: free: the client takes its replies. full: it does not, and nothing more is answered meanwhile.
Outlet = Literal["free", "full"]

PHASES: Mapping[Phase, frozenset[Phase]] = {
    "idle": frozenset({"line", "leaving", "gone"}),
    "line": frozenset({"line-ended", "leaving", "gone"}),
    "line-ended": frozenset({"fields", "awaited-body", "body", "leaving", "gone"}),
    "fields": frozenset({"awaited-body", "body", "leaving", "gone"}),
    "awaited-body": frozenset({"body", "answering", "tunnelling", "leaving", "gone"}),
    "body": frozenset({"answering", "tunnelling", "leaving", "gone"}),
    "answering": frozenset({"idle", "holding", "leaving", "gone"}),
    "tunnelling": frozenset({"leaving", "gone"}),
    "holding": frozenset({"gone"}),
    "leaving": frozenset({"gone"}),
    "gone": frozenset(),
}
INTAKES: Mapping[Intake, frozenset[Intake]] = {
    "flowing": frozenset({"paused", "ended"}),
    "paused": frozenset({"flowing", "ended"}),
    "ended": frozenset(),
}
OUTLETS: Mapping[Outlet, frozenset[Outlet]] = {
    "free": frozenset({"full"}),
    "full": frozenset({"free"}),
}

#: A request has begun, and is not whole.
ARRIVING: frozenset[Phase] = frozenset({"line", "line-ended", "fields", "awaited-body", "body"})
#: Nothing more is answered.
OVER: frozenset[Phase] = frozenset({"tunnelling", "holding", "leaving", "gone"})

_FOREVER = float("inf")


def patience(phase: Phase, limits: Limits) -> float:
    """Return how many seconds a phase may last; a request has one limit, from its first byte."""
    if phase == "idle":
        return limits.keep_alive_seconds
    if phase in ARRIVING:
        return limits.request_seconds
    return limits.linger_seconds if phase == "leaving" else _FOREVER


class IllegalTransition(RuntimeError):
    """A state was to follow that cannot: a mistake in this server."""


class ConnectionState:
    """Where a connection is; each of the three is changed by its own method alone."""

    __slots__ = ("intake", "outlet", "phase")

    def __init__(self) -> None:
        self.phase: Phase = "idle"
        self.intake: Intake = "flowing"
        self.outlet: Outlet = "free"

    def go(self, phase: Phase) -> None:
        """Enter a phase. Raises IllegalTransition for one that cannot follow."""
        if phase not in PHASES[self.phase]:
            raise IllegalTransition(f"phase: {phase} cannot follow {self.phase}")
        self.phase = phase

    def read(self, intake: Intake) -> None:
        """Change the intake. Raises IllegalTransition for one that cannot follow."""
        if intake not in INTAKES[self.intake]:
            raise IllegalTransition(f"intake: {intake} cannot follow {self.intake}")
        self.intake = intake

    def write(self, outlet: Outlet) -> None:
        """Change the outlet. Raises IllegalTransition for one that cannot follow."""
        if outlet not in OUTLETS[self.outlet]:
            raise IllegalTransition(f"outlet: {outlet} cannot follow {self.outlet}")
        self.outlet = outlet

    @property
    def may_advance(self) -> bool:
        """Whether what has arrived may be worked through."""
        return self.outlet == "free" and self.phase != "answering" and self.phase not in OVER
