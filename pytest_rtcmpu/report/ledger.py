"""The ledger: every clause, and what became of it.

A clause that nothing exercised, that nobody selected, or that could not be judged each time it
applied, is listed as such and never counted as held.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from pytest_rtcmpu.checks.core import CheckResult, Finding, Run, SubjectRun
from pytest_rtcmpu.contract import Clause, Contract

Outcome = Literal["held", "broken", "not judged", "not exercised", "not selected", "known failure"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One clause for one subject.

    checks: how many times it was judged, over all phases.
    not_judged: how many times it applied and nobody could tell; ``reason`` says why not.
    fails: whether the breach fails the run: by its level, or by strictness.
    known: the reason out of the known-failures file, when every breach is a known one.
    results: the outcome of each check behind it.
    reasons: the reason of each broken check that is a known failure, by check id.
    """

    clause: Clause
    outcome: Outcome
    checks: int
    broken: int
    fails: bool
    findings: tuple[Finding, ...] = ()
    known: str | None = None
    results: tuple[CheckResult, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    not_judged: int = 0
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """All clauses of one subject."""

    run: SubjectRun
    entries: tuple[Entry, ...]
    contract: Contract = field(repr=False)

    def count(self, outcome: Outcome) -> int:
        """Return how many clauses have that outcome."""
        return sum(entry.outcome == outcome for entry in self.entries)

    @property
    def checks(self) -> int:
        """How many times a clause was judged."""
        return sum(entry.checks for entry in self.entries)

    @property
    def failures(self) -> tuple[Entry, ...]:
        """The broken clauses that fail the run."""
        return tuple(e for e in self.entries if e.outcome == "broken" and e.fails)

    @property
    def reported(self) -> tuple[Entry, ...]:
        """The broken clauses that do not fail the run: readings, unless it is strict."""
        return tuple(e for e in self.entries if e.outcome == "broken" and not e.fails)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One clause for all subjects side by side; None where it is no concern of the subject's."""

    clause: Clause
    entries: tuple[Entry | None, ...]

    @property
    def present(self) -> tuple[Entry, ...]:
        """The entries there are."""
        return tuple(entry for entry in self.entries if entry is not None)


def ledger(
    run: Run,
    subject_run: SubjectRun,
    contract: Contract,
    *,
    known: Mapping[str, str] | None = None,
) -> Ledger:
    """Return one subject's ledger. ``known`` gives the reason of each failure known by check id.

    Raises ContractError when a result names a clause that the contract does not hold.
    """
    known = known or {}
    unselected = frozenset(subject_run.unselected)
    entries = (
        _entry(clause, results, known, strict=run.strict, selected=clause.id not in unselected)
        for clause, results in _by_clause(subject_run, contract)
    )
    return Ledger(run=subject_run, entries=tuple(entries), contract=contract)


def ledgers(
    run: Run, contract: Contract, *, known: Mapping[str, str] | None = None
) -> tuple[Ledger, ...]:
    """Return the ledgers of all subjects of a run."""
    return tuple(ledger(run, subject, contract, known=known) for subject in run.subjects)


def rows(ledgers: Collection[Ledger]) -> tuple[Row, ...]:
    """Return the ledgers side by side, in the contract's order."""
    found = [{entry.clause.id: entry for entry in each.entries} for each in ledgers]
    clauses = {clause.id: clause for each in ledgers for clause in each.contract.all_clauses}
    lines = (
        Row(clause=clause, entries=tuple(entries.get(clause.id) for entries in found))
        for clause in clauses.values()
    )
    return tuple(row for row in lines if row.present)


def exit_status(ledgers: Collection[Ledger], *, problems: Collection[str] = ()) -> int:
    """Return 0 when all holds, 1 when something is broken or lost, 2 when nothing was checked.

    problems: what else fails the run, such as a known failure that no longer fails.
    """
    if problems or any(each.failures or not each.run.complete for each in ledgers):
        return 1
    return 0 if any(each.checks for each in ledgers) else 2


def _by_clause(
    run: SubjectRun, contract: Contract
) -> Iterable[tuple[Clause, tuple[CheckResult, ...]]]:
    results: dict[str, list[CheckResult]] = {
        clause.id: [] for clause in contract.all_clauses if run.subject in clause.subjects
    }
    for result in run.results:
        # A result is never dropped in silence, whatever the clause says about its subjects.
        results.setdefault(contract.clause(result.clause).id, []).append(result)
    for clause in contract.all_clauses:
        if clause.id in results:
            yield clause, tuple(results[clause.id])


def _entry(
    clause: Clause,
    results: tuple[CheckResult, ...],
    known: Mapping[str, str],
    *,
    strict: bool,
    selected: bool,
) -> Entry:
    broken = [result for result in results if result.broken]
    unknown = [result for result in broken if result.check not in known]
    reasons = {result.check: known[result.check] for result in broken if result.check in known}
    checks = sum(result.exercised for result in results)
    not_judged = sum(result.not_judged for result in results)
    outcome: Outcome = "held" if checks else "not exercised" if selected else "not selected"
    if not_judged:
        # Where it could not be judged once, it may have been broken just there.
        outcome = "not judged"
    if broken:
        outcome = "broken" if unknown else "known failure"
    return Entry(
        clause=clause,
        outcome=outcome,
        checks=checks,
        broken=sum(result.broken for result in broken),
        fails=bool(unknown) and (strict or clause.breach == "failure"),
        findings=tuple(f for result in (unknown or broken) for f in result.findings),
        known=None if unknown else next(iter(reasons.values()), None),
        results=results,
        reasons=reasons,
        not_judged=not_judged,
        reason=next((result.reason for result in results if result.reason), ""),
    )
