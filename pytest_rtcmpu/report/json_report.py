"""The report as JSON, and back: what other programs read, and what parts of a run are sent as.

The format is described in docs/report-schema.md and by report.schema.json beside this module.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from pytest_rtcmpu.checks.core import PHASES, CheckResult, Exchange, Finding, Run, SubjectRun
from pytest_rtcmpu.report.ledger import OUTCOMES, Entry, Ledger, exit_status
from pytest_rtcmpu.values.credentials import Secret

#: The format's name and version; the number grows when a reader would have to change.
SCHEMA = "rtcmpu-report/1"


def to_json(
    run: Run, ledgers: Collection[Ledger], *, problems: Collection[str] = ()
) -> dict[str, Any]:
    """Return the whole report as JSON values, in an order that depends on nothing but the run.

    problems: what else fails the run, such as a known failure that no longer fails.
    """
    return {
        "schema": SCHEMA,
        "edition": run.edition,
        "seed": run.seed,
        "strict": run.strict,
        "phases": list(run.phases),
        "seconds": run.seconds,
        "exit_status": exit_status(ledgers, problems=problems),
        "problems": list(problems),
        "totals": _totals(ledgers),
        "subjects": [_subject(each) for each in ledgers],
    }


def dumps(report: Mapping[str, Any]) -> bytes:
    """Return a report as the bytes of a JSON file."""
    text = json.dumps(report, ensure_ascii=False, indent=2) + "\n"
    # A lone surrogate has no UTF-8; written as \\udc80 it is the JSON escape for itself.
    return text.encode("utf-8", "backslashreplace")


def from_json(report: Mapping[str, Any]) -> Run:
    """Return the run that a report was made of. Raises ValueError when it is no such report."""
    if not isinstance(report, Mapping) or report.get("schema") != SCHEMA:
        got = report.get("schema") if isinstance(report, Mapping) else type(report).__name__
        raise ValueError(f"expected a report with schema {SCHEMA!r}, got {got!r}")
    try:
        return Run(
            edition=report["edition"],
            seed=report["seed"],
            strict=report["strict"],
            phases=tuple(report["phases"]),
            seconds=report["seconds"],
            subjects=tuple(_subject_run(each) for each in report["subjects"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        message = f"not a complete {SCHEMA} report: {type(error).__name__}: {error}"
        raise ValueError(message) from error


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


def _totals(ledgers: Collection[Ledger]) -> dict[str, int]:
    return {
        **{outcome: sum(each.count(outcome) for each in ledgers) for outcome in OUTCOMES},
        "failing": sum(len(each.failures) for each in ledgers),
        "checks": sum(each.checks for each in ledgers),
    }


def _subject(ledger: Ledger) -> dict[str, Any]:
    return {
        "subject": ledger.run.subject,
        "target": ledger.run.target,
        "complete": ledger.run.complete,
        "notes": list(ledger.run.notes),
        "totals": _totals([ledger]),
        "clauses": [_clause(entry) for entry in ledger.entries],
    }


def _clause(entry: Entry) -> dict[str, Any]:
    clause = entry.clause
    return {
        "id": clause.id,
        "level": clause.level,
        "source": clause.source,
        "text": clause.text,
        "quote": clause.quote,
        "why": clause.why,
        "outcome": entry.outcome,
        "checks": entry.checks,
        "broken": entry.broken,
        "fails": entry.fails,
        "known": entry.known,
        "results": [_result(result, entry) for result in entry.results],
        "findings": [
            _finding(result, finding) for result in entry.results for finding in result.findings
        ],
    }


def _result(result: CheckResult, entry: Entry) -> dict[str, Any]:
    return {
        "check": result.check,
        "phase": result.phase,
        "asserts": result.asserts,
        "exercised": result.exercised,
        "broken": result.broken,
        "known": entry.reasons.get(result.check),
    }


def _finding(result: CheckResult, finding: Finding) -> dict[str, Any]:
    return {
        "check": result.check,
        "phase": finding.phase,
        "scenario": finding.scenario,
        "expected": finding.expected,
        "got": finding.got,
        "exchanges": [{"request": e.request, "reply": e.reply} for e in finding.exchanges],
        "case": _plain(finding.case),
    }


def _plain(value: object) -> Any:
    """Return JSON values; anything else as its text, which for a secret says nothing."""
    match value:
        case Secret():  # a str that only its repr hides
            return repr(value)
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return str(value)


def _subject_run(data: Mapping[str, Any]) -> SubjectRun:
    return SubjectRun(
        subject=data["subject"],
        target=data["target"],
        complete=data["complete"],
        notes=tuple(data["notes"]),
        results=tuple(
            _check_result(data, clause, result)
            for clause in data["clauses"]
            for result in clause["results"]
        ),
    )


def _check_result(
    subject: Mapping[str, Any], clause: Mapping[str, Any], result: Mapping[str, Any]
) -> CheckResult:
    return CheckResult(
        check=result["check"],
        clause=clause["id"],
        subject=subject["subject"],
        phase=result["phase"],
        asserts=result["asserts"],
        exercised=result["exercised"],
        broken=result["broken"],
        findings=tuple(
            Finding(
                clause=clause["id"],
                subject=subject["subject"],
                phase=finding["phase"],
                scenario=finding["scenario"],
                expected=finding["expected"],
                got=finding["got"],
                exchanges=tuple(Exchange(**exchange) for exchange in finding["exchanges"]),
                case=finding["case"],
            )
            for finding in clause["findings"]
            if finding["check"] == result["check"]
        ),
    )


def _merge_subject(parts: list[SubjectRun]) -> SubjectRun:
    results: dict[str, list[CheckResult]] = {}
    for part in parts:
        for result in part.results:
            results.setdefault(result.check, []).append(result)
    return replace(
        parts[0],
        complete=all(part.complete for part in parts),
        notes=tuple(sorted({note for part in parts for note in part.notes})),
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
        findings=tuple(findings),
    )


def _key(finding: Finding) -> tuple[object, ...]:
    exchanges = [(exchange.request, exchange.reply) for exchange in finding.exchanges]
    case = json.dumps(_plain(finding.case), sort_keys=True)
    return (finding.phase, finding.scenario, finding.expected, finding.got, exchanges, case)
