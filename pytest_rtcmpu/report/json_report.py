"""The report as JSON, and back: what other programs read, and what parts of a run are sent as.

The format is described in docs/report-schema.md and by report.schema.json beside this module.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from pytest_rtcmpu.checks.core import (
    PHASES,
    CheckResult,
    Exchange,
    Finding,
    Phase,
    Run,
    SubjectRun,
)
from pytest_rtcmpu.contract import Subject
from pytest_rtcmpu.report.ledger import OUTCOMES, Entry, Ledger, Outcome, exit_status
from pytest_rtcmpu.values import records
from pytest_rtcmpu.values.text import for_json

#: The format's name and version; the number grows when a reader would have to change.
SCHEMA: Final = "rtcmpu-report/2"


def to_json(
    run: Run, ledgers: Collection[Ledger], *, problems: Collection[str] = ()
) -> dict[str, Any]:
    """Return the whole report as JSON values, in an order that depends on nothing but the run.

    problems: what else fails the run, such as a known failure that no longer fails.
    """
    report: dict[str, Any] = records.dump(
        _Report(
            schema=SCHEMA,
            edition=run.edition,
            seed=run.seed,
            strict=run.strict,
            phases=run.phases,
            seconds=run.seconds,
            exit_status=exit_status(ledgers, problems=problems),
            problems=tuple(problems),
            totals=_totals(ledgers),
            subjects=tuple(map(_Subject.of, ledgers)),
        )
    )
    return report


def dumps(report: Mapping[str, Any]) -> bytes:
    """Return a report as the bytes of a JSON file."""
    return (for_json(json.dumps(report, ensure_ascii=False, indent=2)) + "\n").encode("utf-8")


def from_json(report: Mapping[str, Any]) -> Run:
    """Return the run that a report was made of.

    Raises ValueError when it is no such report, with everything that is wrong with it.
    """
    if not isinstance(report, Mapping) or report.get("schema") != SCHEMA:
        got = report.get("schema") if isinstance(report, Mapping) else type(report).__name__
        raise ValueError(f"expected a report with schema {SCHEMA!r}, got {records.show(got)}")
    try:
        found = records.load(_Report, report)
    except records.RecordError as error:
        raise ValueError(f"not a complete {SCHEMA} report:\n{error}") from error
    return Run(
        edition=found.edition,
        seed=found.seed,
        strict=found.strict,
        phases=found.phases,
        seconds=found.seconds,
        subjects=tuple(subject.run() for subject in found.subjects),
    )


def merge(runs: Iterable[Run]) -> Run:
    """Return one run made of the parts that several processes ran, in whatever order they come.

    Results of the same check add up, findings are kept, and the whole is incomplete when any part
    is. Results stand in the order of their check ids. Raises ValueError when there is no run, or
    when they differ in edition, seed or strictness, which a run states for all of its results.
    """
    runs = list(runs)
    if not runs:
        raise ValueError("nothing to merge: expected at least one run")
    for name in ("edition", "seed", "strict"):
        values = list(dict.fromkeys(getattr(run, name) for run in runs))
        if len(values) > 1:
            raise ValueError(f"runs of different {name} cannot be merged: {values}")
    parts: dict[tuple[str, str], list[SubjectRun]] = {}
    for run in runs:
        for part in run.subjects:
            parts.setdefault((part.subject, part.target), []).append(part)
    return replace(
        runs[0],
        phases=tuple(phase for phase in PHASES if any(phase in run.phases for run in runs)),
        # The parts ran at the same time.
        seconds=max(run.seconds for run in runs),
        subjects=tuple(_merge_subject(parts[key]) for key in sorted(parts)),
    )


# ------------------------------------------------------------------------- the objects of a file


@dataclass(frozen=True, kw_only=True)
class _Result:
    """What the format calls a result."""

    check: str
    phase: Phase
    asserts: str
    exercised: int
    broken: int
    # Reports of earlier releases have neither.
    not_judged: int = 0
    reason: str = ""
    known: str | None


@dataclass(frozen=True, kw_only=True)
class _Finding:
    """What the format calls a finding."""

    check: str
    phase: Phase
    scenario: str
    expected: str
    got: str
    exchanges: tuple[Exchange, ...]
    case: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Clause:
    """What the format calls a clause."""

    id: str
    level: str
    source: str
    text: str
    quote: str | None
    why: str | None
    outcome: Outcome
    checks: int
    broken: int
    not_judged: int = 0
    reason: str = ""
    fails: bool
    known: str | None
    results: tuple[_Result, ...]
    findings: tuple[_Finding, ...]

    @classmethod
    def of(cls, entry: Entry) -> _Clause:
        """Return the clause of a ledger's entry."""
        clause = entry.clause
        return cls(
            **{name: getattr(clause, name) for name in _OF_CLAUSE},
            **{name: getattr(entry, name) for name in _OF_ENTRY},
            results=tuple(
                _Result(
                    **{name: getattr(result, name) for name in _OF_RESULT},
                    known=entry.reasons.get(result.check),
                )
                for result in entry.results
            ),
            findings=tuple(
                _Finding(
                    check=result.check, **{name: getattr(finding, name) for name in _OF_FINDING}
                )
                for result in entry.results
                for finding in result.findings
            ),
        )

    def check_results(self, subject: Subject) -> Iterator[CheckResult]:
        """Yield the results that it was made of."""
        about: dict[str, Any] = {"clause": self.id, "subject": subject}
        for result in self.results:
            findings = (
                Finding(**about, **{name: getattr(each, name) for name in _OF_FINDING})
                for each in self.findings
                if each.check == result.check
            )
            own: dict[str, Any] = {name: getattr(result, name) for name in _OF_RESULT}
            yield CheckResult(**about, **own, findings=tuple(findings))


#: Fields that stand in the file as they are, by what they come from.
_OF_CLAUSE = ("id", "level", "source", "text", "quote", "why")
_OF_ENTRY = ("outcome", "checks", "broken", "not_judged", "reason", "fails", "known")
_OF_RESULT = ("check", "phase", "asserts", "exercised", "broken", "not_judged", "reason")
_OF_FINDING = ("phase", "scenario", "expected", "got", "exchanges", "case")


@dataclass(frozen=True, kw_only=True)
class _Subject:
    """What the format calls a subject."""

    subject: Subject
    target: str
    complete: bool
    notes: tuple[str, ...]
    totals: Mapping[str, int]
    clauses: tuple[_Clause, ...]

    @classmethod
    def of(cls, ledger: Ledger) -> _Subject:
        """Return the subject of a ledger."""
        run = ledger.run
        return cls(
            subject=run.subject,
            target=run.target,
            complete=run.complete,
            notes=run.notes,
            totals=_totals([ledger]),
            clauses=tuple(map(_Clause.of, ledger.entries)),
        )

    def run(self) -> SubjectRun:
        """Return the run that it was made of."""
        return SubjectRun(
            subject=self.subject,
            target=self.target,
            complete=self.complete,
            notes=self.notes,
            results=tuple(
                result for clause in self.clauses for result in clause.check_results(self.subject)
            ),
            unselected=tuple(c.id for c in self.clauses if c.outcome == "not selected"),
        )


@dataclass(frozen=True, kw_only=True)
class _Report:
    """The file."""

    schema: Literal["rtcmpu-report/2"]
    edition: str
    seed: int
    strict: bool
    phases: tuple[Phase, ...]
    seconds: float
    exit_status: int
    problems: tuple[str, ...]
    totals: Mapping[str, int]
    subjects: tuple[_Subject, ...]


def _totals(ledgers: Collection[Ledger]) -> dict[str, int]:
    return {
        **{outcome: sum(each.count(outcome) for each in ledgers) for outcome in OUTCOMES},
        "failing": sum(len(each.failures) for each in ledgers),
        "checks": sum(each.checks for each in ledgers),
    }


# ----------------------------------------------------------------------------------- parts of runs


def _merge_subject(parts: list[SubjectRun]) -> SubjectRun:
    results: dict[str, list[CheckResult]] = {}
    for part in parts:
        for result in part.results:
            results.setdefault(result.check, []).append(result)
    return replace(
        parts[0],
        complete=all(part.complete for part in parts),
        notes=tuple(sorted({note for part in parts for note in part.notes})),
        unselected=tuple(c for c in parts[0].unselected if all(c in p.unselected for p in parts)),
        results=tuple(_merge_results(results[check]) for check in sorted(results)),
    )


def _merge_results(parts: list[CheckResult]) -> CheckResult:
    found = [part.findings for part in parts if part.findings]
    # One part's findings stay in the order in which it made them; several parts' are sorted, so
    # that the whole does not depend on which worker was done first.
    findings = (
        found[0] if len(found) == 1 else sorted((f for each in found for f in each), key=_key)
    )
    return replace(
        parts[0],
        exercised=sum(part.exercised for part in parts),
        broken=sum(part.broken for part in parts),
        not_judged=sum(part.not_judged for part in parts),
        reason=min((part.reason for part in parts if part.reason), default=""),
        findings=tuple(findings),
    )


def _key(finding: Finding) -> tuple[object, ...]:
    exchanges = [(exchange.request, exchange.reply) for exchange in finding.exchanges]
    case = json.dumps(records.dump(finding.case), sort_keys=True)
    return (finding.phase, finding.scenario, finding.expected, finding.got, exchanges, case)
