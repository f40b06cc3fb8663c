"""What checks are made of, and what comes out of them: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from pytest_rtcmpu.contract import Subject
from pytest_rtcmpu.errors import CannotRun as CannotRun

Phase = Literal["documented", "pairwise", "fuzz", "stateful"]
PHASES: tuple[Phase, ...] = get_args(Phase)
#: Phases whose cases are the same in every run; known failures apply to them as they are.
FIXED_PHASES: tuple[Phase, ...] = ("documented", "pairwise")


#: The end of a text that was longer than what is kept of it.
CUT = "… (cut)"


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and its reply, as text for a person; secrets are redacted.

    What is too long ends with ``CUT``.
    """

    request: str
    reply: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A broken clause, seen once: what was expected, what came, and how to see it again.

    scenario: the name of the case, such as ``TaskProfile=4IN_720P``.
    case: everything that is needed to run the scenario again, as JSON values.
    """

    clause: str
    subject: Subject
    phase: Phase
    scenario: str
    expected: str
    got: str
    exchanges: tuple[Exchange, ...] = ()
    case: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """One check's outcome: one clause, of one subject, in one phase.

    check: its id: ``client/documented/media-encode.zero``.
    asserts: what it asserts, in one sentence.
    exercised: how many times the clause was judged; 0 means that it says nothing.
    findings: its breaches; at most the first few are kept, ``broken`` counts them all.
    not_judged: how many times the clause applied and nobody could tell whether it was kept.
    reason: why not, the first time; empty where it never happened.
    seconds: what it took to find out; a phase's whole time is its first check's.
    """

    check: str
    clause: str
    subject: Subject
    phase: Phase
    asserts: str
    exercised: int
    broken: int = 0
    findings: tuple[Finding, ...] = ()
    not_judged: int = 0
    reason: str = ""
    seconds: float = 0.0


def check_id(subject: Subject, phase: Phase, clause: str) -> str:
    """Return the id of a check, as known-failure files, reports and pytest show it."""
    return f"{subject}/{phase}/{clause}"


@dataclass(frozen=True, kw_only=True)
class SubjectRun:
    """Everything that was found out about one subject.

    target: what was checked, as it was named: a callable, a command, a URL.
    complete: false when a part of the run was lost (a crashed worker, an interrupt).
    unselected: the ids of the clauses that nobody asked for.
    notes: what a reader should know, such as why a phase was not run.
    """

    subject: Subject
    target: str
    results: tuple[CheckResult, ...]
    complete: bool = True
    notes: tuple[str, ...] = ()
    unselected: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the checks over one subject or several, side by side.

    seed: what fuzz and stateful phases were seeded with.
    strict: whether breaches of readings fail too.
    seconds: how long it took.
    """

    edition: str
    seed: int
    strict: bool
    phases: tuple[Phase, ...]
    subjects: tuple[SubjectRun, ...]
    seconds: float = 0.0
