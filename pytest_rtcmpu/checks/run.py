"""Running checks: what is planned, and everything that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pytest_rtcmpu.checks.bench import BaseBench, Settings, planned_clauses
from pytest_rtcmpu.checks.client.bench import ClientBench
from pytest_rtcmpu.checks.client.checks import client_checks
from pytest_rtcmpu.checks.core import CannotRun, CheckResult, Phase, SubjectRun
from pytest_rtcmpu.checks.endpoint.bench import EndpointBench
from pytest_rtcmpu.checks.endpoint.checks import endpoint_checks
from pytest_rtcmpu.contract import Clause, Contract, Subject
from pytest_rtcmpu.contract.elsewhere import knowing, to_set
from pytest_rtcmpu.values.text import near

Bench = BaseBench[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run has come: cases done in a phase, of how many (None where nobody knows)."""

    subject: Subject
    phase: Phase
    done: int
    total: int | None


def planned(
    subject: Subject, settings: Settings, contract: Contract | None = None
) -> tuple[tuple[Phase, Clause], ...]:
    """Return the checks that the settings select, phase by phase, in the contract's order.

    Raises CannotRun for a glob that matches no clause, naming the nearest ids if any are near.
    """
    judged_by = contract or settings.contract
    make = client_checks if subject == "client" else endpoint_checks
    expect_operations(judged_by, settings.operations)
    checks = make(judged_by, settings.operations)
    clauses = list(planned_clauses(checks, judged_by, subject))
    everywhere = [clause.id for clause in judged_by.all_clauses]
    for glob in settings.clauses:
        if not any(fnmatchcase(clause, glob) for clause in everywhere):
            hint = near(glob, everywhere, cutoff=0.3) or "; rtcmpu contract prints them all"
            raise CannotRun(f"no clause matches {glob!r}{hint}")
    selected = [clause for clause in clauses if settings.selects(clause.id)]
    return tuple((phase, clause) for phase in settings.phases for clause in selected)


def expect_operations(contract: Contract, operations: Iterable[str]) -> None:
    """Raise CannotRun for an operation that the edition does not have."""
    for name in operations:
        if name not in contract.operations:
            known = ", ".join(contract.operations)
            lead = to_set(knowing(name, contract), "has it")
            hint = f"; {lead}" if lead else near(name, contract.operations)
            raise CannotRun(
                f"no operation {name!r} in edition {contract.edition}, which has {known}{hint}"
            )


def unselected(subject: Subject, settings: Settings, contract: Contract) -> tuple[str, ...]:
    """Return the ids of the clauses about the subject that the settings leave out."""
    about = (clause.id for clause in contract.all_clauses if subject in clause.subjects)
    return tuple(clause for clause in about if not settings.selects(clause))


def run_bench(
    bench: Bench, settings: Settings, *, progress: Callable[[Progress], None] | None = None
) -> SubjectRun:
    """Run every planned check of a bench and return the results.

    After Ctrl-C, what has been found out so far: an incomplete run.
    """
    subject = bench.subject

    def tell(phase: Phase, done: int, total: int | None) -> None:
        if progress is not None:
            progress(Progress(subject=subject, phase=phase, done=done, total=total))

    bench.progress = tell
    checks = planned(subject, settings, bench.contract)
    left_out = unselected(subject, settings, bench.contract)
    results: list[CheckResult] = []
    try:
        for phase, clause in checks:
            results.append(bench.result(phase, clause.id))
    except KeyboardInterrupt:
        # The phase that was running is not run again when it is asked for the rest.
        rest = [bench.result(p, c.id) for p, c in checks[len(results) :] if p == phase]
        return SubjectRun(
            subject=subject,
            target=bench.target,
            results=(*results, *rest),
            complete=False,
            notes=(*bench.notes, f"interrupted in {phase}"),
            unselected=left_out,
        )
    return SubjectRun(
        subject=subject,
        target=bench.target,
        results=tuple(results),
        notes=tuple(bench.notes),
        unselected=left_out,
    )


__all__ = ["Bench", "ClientBench", "EndpointBench", "Progress", "Settings", "planned", "run_bench"]
