"""What was found, put into words once: every output lays the same words out in its own way."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pytest_rtcmpu.checks.core import CheckResult, Finding
from pytest_rtcmpu.report.ledger import Entry, Ledger, Outcome
from pytest_rtcmpu.values.text import count

#: Outcomes that say nothing of a clause.
SILENT: tuple[Outcome, ...] = ("not judged", "not exercised", "not selected")


def place(finding: Finding) -> str:
    """Return where it was found: phase and scenario."""
    return f"{finding.phase}, {finding.scenario}"


def parts(finding: Finding) -> tuple[tuple[str, str], ...]:
    """Return the finding as (heading, text): in, expected, got."""
    return ("in", place(finding)), ("expected", finding.expected), ("got", finding.got)


def sentence(finding: Finding) -> str:
    """Return the finding in one line."""
    return f"expected {finding.expected}, got {finding.got}"


def paragraph(finding: Finding, *, indent: str = "", headings: bool = False) -> str:
    """Return the finding on lines of its own, its requests and replies after it.

    headings: whether a line before each request and reply says which it is.
    """
    lines = [f"{indent}{heading:<8}  {text}" for heading, text in parts(finding)]
    for exchange in finding.exchanges:
        for heading, text in (("request:", exchange.request), ("reply:", exchange.reply)):
            lines += (heading, text) if headings else ("", text)
    if finding.exchanges and not headings:
        lines.append("")
    return "\n".join(lines)


def share(result: CheckResult) -> str:
    """Return how many of a check's judgements found a breach."""
    return f"{result.broken} of {count(result.exercised, 'check')} broken"


def doubt(unjudged: CheckResult | Entry) -> str:
    """Return how often it could not be judged, and why; empty where it always could."""
    if not unjudged.not_judged:
        return ""
    return f"{count(unjudged.not_judged, 'check')} not judged: {unjudged.reason}"


def name(ledger: Ledger) -> str:
    """Return the subject and what it is called."""
    return f"{ledger.run.subject} {ledger.run.target}"


def loss(ledger: Ledger) -> str:
    """Return why a subject's run is incomplete."""
    return "; ".join(ledger.run.notes) or "a part of the run was lost"


def failing(ledgers: Collection[Ledger], problems: Collection[str]) -> Iterator[str]:
    """Yield each reason why the run fails, with its number."""
    broken = sum(len(each.failures) for each in ledgers)
    if broken:
        yield f"{count(broken, 'clause')} broken"
    if problems:
        yield count(len(problems), "problem")
    if not all(each.run.complete for each in ledgers):
        yield "the run is incomplete"


def held(ledgers: Collection[Ledger]) -> str:
    """Return how many clauses held."""
    return f"{count(sum(each.count('held') for each in ledgers), 'clause')} held"


def reported(ledgers: Collection[Ledger]) -> Iterator[str]:
    """Yield the number of readings that are broken and do not fail the run, if there are any."""
    number = sum(len(each.reported) for each in ledgers)
    if number:
        yield f"{count(number, 'reading')} broken and reported"


def silent(ledgers: Collection[Ledger]) -> Iterator[str]:
    """Yield the numbers of clauses that nothing is known of, if there are any."""
    for outcome in SILENT:
        number = sum(each.count(outcome) for each in ledgers)
        if number:
            yield f"{number} {outcome}"
