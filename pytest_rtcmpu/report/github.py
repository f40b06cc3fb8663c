"""The report as GitHub annotations: workflow commands, for when GITHUB_ACTIONS is set."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pytest_rtcmpu.report import words
from pytest_rtcmpu.report.ledger import Entry, Ledger
from pytest_rtcmpu.values.text import for_annotation, for_annotation_property, visible

#: GitHub shows ten errors, ten warnings and ten notices of a step, and drops the others without a
#: word.
SHOWN = 10


def annotate(ledgers: Collection[Ledger], *, problems: Collection[str] = ()) -> list[str]:
    """Return the lines to print: an error for what fails the run, a warning for what does not,
    a notice for what could not be judged.

    When there are more than GitHub shows, the last one says how many were left out.
    """
    errors = [
        *(_line("error", "rtcmpu: problem", problem) for problem in problems),
        *(_incomplete(each) for each in ledgers if not each.run.complete),
        *(line for each in ledgers for line in _breaches("error", each, each.failures)),
    ]
    warnings = [line for each in ledgers for line in _breaches("warning", each, each.reported)]
    notices = [
        _line(
            "notice",
            f"{entry.clause.id} not judged of {words.name(each)}",
            f"{entry.clause.text}\n{words.doubt(entry)}",
        )
        for each in ledgers
        for entry in each.entries
        if entry.outcome == "not judged"
    ]
    return [*_keep("error", errors), *_keep("warning", warnings), *_keep("notice", notices)]


def _incomplete(ledger: Ledger) -> str:
    title = f"rtcmpu: {ledger.run.subject}: the run is incomplete"
    return _line("error", title, words.loss(ledger))


def _breaches(kind: str, ledger: Ledger, entries: Collection[Entry]) -> Iterator[str]:
    for entry in entries:
        clause = entry.clause
        told = [f"{clause.text} ({clause.level}, {clause.source})"]
        for finding in entry.findings[:1]:
            told += (f"{heading} {visible(text)}" for heading, text in words.parts(finding))
        title = f"{clause.id} broken by {words.name(ledger)}"
        yield _line(kind, title, "\n".join(told))


def _line(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={for_annotation_property(title)}::{for_annotation(message)}"


def _keep(kind: str, found: list[str]) -> list[str]:
    if len(found) <= SHOWN:
        return found
    kept = found[: SHOWN - 1]
    return [*kept, _line(kind, "rtcmpu", f"and {len(found) - len(kept)} more: see the report")]
