"""The ledger: every clause, and what became of it.

A clause that nothing exercised is listed as such and never counted as held.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from pytest_rtcmpu.checks.core import CheckResult, Finding, Run, SubjectRun
from pytest_rtcmpu.contract import Clause, Contract

Outcome = Literal["held", "broken", "not exercised", "known failure"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One clause for one subject.

    checks: how many times it was judged, over all phases.
    fails: whether the breach fails the run: by its level, or by strictness.
    known: the reason out of the known-failures file.
    """

    clause: Clause
    outcome: Outcome
    checks: int
    broken: int
    fails: bool
    findings: tuple[Finding, ...] = ()
    known: str | None = None


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """All clauses of one subject."""

    run: SubjectRun
    entries: tuple[Entry, ...]

    def count(self, outcome: Outcome) -> int:
        """Return how many clauses have that outcome."""
        return sum(entry.outcome == outcome for entry in self.entries)

    @property
    def failures(self) -> tuple[Entry, ...]:
        """The broken clauses that fail the run."""
        return tuple(e for e in self.entries if e.outcome == "broken" and e.fails)


def ledger(
    run: Run,
    subject_run: SubjectRun,
    contract: Contract,
    *,
    known: dict[str, str] | None = None,
) -> Ledger:
    """Return one subject's ledger. ``known`` gives the reason of each failure known by check id."""
    known = known or {}
    entries = (
        _entry(clause, results, known, strict=run.strict)
        for clause, results in _by_clause(subject_run, contract)
    )
    return Ledger(run=subject_run, entries=tuple(entries))


def _by_clause(
    run: SubjectRun, contract: Contract
) -> Iterable[tuple[Clause, Collection[CheckResult]]]:
    for clause in contract.clauses:
        if run.subject in clause.subjects:
            yield clause, [result for result in run.results if result.clause == clause.id]


def _entry(
    clause: Clause, results: Collection[CheckResult], known: dict[str, str], *, strict: bool
) -> Entry:
    broken = [result for result in results if result.broken]
    unknown = [result for result in broken if result.check not in known]
    checks = sum(result.exercised for result in results)
    outcome: Outcome = "held" if checks else "not exercised"
    if broken:
        outcome = "broken" if unknown else "known failure"
    return Entry(
        clause=clause,
        outcome=outcome,
        checks=checks,
        broken=sum(result.broken for result in broken),
        fails=bool(unknown) and (strict or clause.breach == "failure"),
        findings=tuple(f for result in (unknown or broken) for f in result.findings),
        known=None if unknown else next((known[r.check] for r in broken), None),
    )
