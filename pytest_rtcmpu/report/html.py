"""The report as one HTML file: no network, no fonts, readable on a phone and without a script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable, Iterator
from importlib import resources
from typing import Final

from pytest_rtcmpu.checks.core import CUT, CheckResult, Exchange, Finding, Run
from pytest_rtcmpu.contract import Clause, Contract
from pytest_rtcmpu.report import words
from pytest_rtcmpu.report.ledger import OUTCOMES, Entry, Ledger, Row, exit_status, rows
from pytest_rtcmpu.report.parameters import MAX_SHOWN, parameters
from pytest_rtcmpu.values.text import count, for_html

#: What became of a clause: class, mark, words. The mark tells it to those who see no colour.
_HELD: Final = ("held", "✓", "held")
_BROKEN: Final = ("broken", "✗", "broken")
_REPORTED: Final = ("reported", "!", "broken, reported")
_KNOWN: Final = ("known", "≈", "known failure")
_UNSURE: Final = ("unsure", "?", "not judged")
_SILENT: Final = ("silent", "–", "not exercised")
_UNASKED: Final = ("silent", "·", "not selected")
_Mark = tuple[str, str, str]
_KINDS: Final = {
    "held": _HELD,
    "known failure": _KNOWN,
    "not judged": _UNSURE,
    "not exercised": _SILENT,
    "not selected": _UNASKED,
}

#: The groups of clauses, worst first: kind, title, what it means.
_GROUPS: Final = (
    (_BROKEN, "Broken", "These fail the run."),
    (
        _REPORTED,
        "Readings broken",
        "Reported, not failing: the sources leave these open. With --strict they fail.",
    ),
    (_KNOWN, "Known failures", "Broken, and listed with a reason in the known-failures file."),
    (
        _UNSURE,
        "Not judged",
        "They applied, and nobody could tell whether they were kept; each says why.",
    ),
    (_SILENT, "Not exercised", "Nothing put these to the test, so nothing is known of them."),
    (_UNASKED, "Not selected", "Nobody asked for these, so nothing is known of them."),
    (_HELD, "Held", "Put to the test, and kept every time."),
)


def to_html(run: Run, ledgers: Collection[Ledger], *, problems: Collection[str] = ()) -> str:
    """Return the report as one page.

    problems: what else fails the run, such as a known failure that no longer fails.
    """
    style, script = _resource("page.css"), _resource("page.js")
    # Nothing but the page's own style and script may run, whatever the report quotes.
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}"
    # Side by side as long as the clauses' texts keep some width; below them when there are more.
    several = (" several" if len(ledgers) > 1 else "") + (" many" if len(ledgers) > 3 else "")
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{_verdict(ledgers, problems)[1]}: StartMPUTask contract report</title>",
            f"<style>{style}</style>",
            "</head>",
            f'<body class="report{several}">',
            *_header(run, ledgers, problems),
            "<main>",
            *_subjects(ledgers),
            *_filters(ledgers),
            *_groups(ledgers),
            "</main>",
            "<footer>A clause that nothing exercised, or that could not be judged, is never "
            "counted as held. Secrets in requests and replies are redacted.</footer>",
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        )
    )


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _header(run: Run, ledgers: Collection[Ledger], problems: Collection[str]) -> Iterator[str]:
    kind, word, said = _verdict(ledgers, problems)
    facts = {
        "Edition": run.edition,
        "Phases": ", ".join(run.phases) or "none",
        "Seed": str(run.seed),
        "Readings": "fail (--strict)" if run.strict else "are reported",
        "Checks": f"{sum(each.checks for each in ledgers):,}",
        "Time": f"{run.seconds:.1f} s",
    }
    yield "<header>"
    yield '<p class="kicker">pytest-rtcmpu contract report</p>'
    yield f"<h1>{for_html(_title(run, ledgers))}</h1>"
    yield f'<p class="verdict {kind}"><strong>{word}</strong> {for_html(said)}</p>'
    for problem in problems:
        yield f'<p class="verdict broken"><strong>Problem</strong> {for_html(problem)}</p>'
    for each in ledgers:
        if not each.run.complete:
            yield (
                '<p class="verdict broken"><strong>Incomplete</strong> '
                f"{for_html(words.name(each))}: a part of the run was lost. "
                "What stands here is not the whole.</p>"
            )
    yield '<dl class="facts">'
    for name, value in facts.items():
        yield f"<div><dt>{name}</dt><dd>{for_html(value)}</dd></div>"
    yield "</dl>"
    yield "</header>"


def _title(run: Run, ledgers: Collection[Ledger]) -> str:
    return next((each.contract.title for each in ledgers), f"StartMPUTask, {run.edition}")


def _verdict(ledgers: Collection[Ledger], problems: Collection[str]) -> tuple[str, str, str]:
    told = [
        *words.failing(ledgers, problems),
        words.held(ledgers),
        *words.reported(ledgers),
        *words.silent(ledgers),
    ]
    status = exit_status(ledgers, problems=problems)
    kind, word = (("held", "Passed"), ("broken", "Failed"), ("broken", "Nothing was checked"))[
        status
    ]
    return kind, word, ", ".join(told)


def _subjects(ledgers: Collection[Ledger]) -> Iterator[str]:
    yield '<section aria-label="What was checked" class="subjects">'
    for each, label in zip(ledgers, _labels(ledgers), strict=True):
        yield '<article class="subject">'
        yield f"<h2>{label} <code><bdi>{for_html(each.run.target)}</bdi></code></h2>"
        totals = [(kind, sum(_kind(e) == kind for e in each.entries)) for kind, *_ in _GROUPS]
        yield _bar(totals, len(each.entries))
        yield '<ul class="counts">'
        for kind, number in totals:
            yield f"<li>{_chip(kind, str(number))}</li>"
        yield "</ul>"
        if each.run.notes:
            yield '<ul class="notes">'
            yield from (f"<li>{for_html(note)}</li>" for note in each.run.notes)
            yield "</ul>"
        yield "</article>"
    yield "</section>"


def _bar(totals: Iterable[tuple[_Mark, int]], whole: int) -> str:
    parts, at = [], 0
    for (name, *_), number in totals:
        parts.append(f'<rect class="{name}" x="{at}" width="{number}" height="1"/>')
        at += number
    return (
        f'<svg class="bar" viewBox="0 0 {max(whole, 1)} 1" preserveAspectRatio="none" '
        f'aria-hidden="true">{"".join(parts)}</svg>'
    )


def _filters(ledgers: Collection[Ledger]) -> Iterator[str]:
    levels = {level.id: level.meaning for each in ledgers for level in each.contract.levels}
    # The script takes "hidden" away.
    yield '<form id="filters" aria-label="Filter the clauses" hidden>'
    yield _options("Outcome", "outcome", dict.fromkeys(OUTCOMES, ""))
    yield _options("Level", "level", levels)
    yield (
        '<div><label class="name" for="search">Search</label>'
        '<input id="search" name="search" type="search" autocomplete="off" spellcheck="false">'
        "</div>"
    )
    yield (
        '<div class="last"><button type="button" id="toggle">Open all shown</button>'
        '<output id="shown" aria-live="polite"></output></div>'
    )
    yield "</form>"


def _options(legend: str, name: str, options: dict[str, str]) -> str:
    boxes = "".join(
        f'<label title="{for_html(meaning)}"><input type="checkbox" name="{name}" '
        f'value="{for_html(value)}" checked> {for_html(value)}</label>'
        for value, meaning in options.items()
    )
    return f'<fieldset><legend>{legend}</legend><div class="options">{boxes}</div></fieldset>'


def _groups(ledgers: Collection[Ledger]) -> Iterator[str]:
    labels = _labels(ledgers)
    found = rows(ledgers)
    for kind, title, meaning in _GROUPS:
        here = [row for row in found if _worst(row) == kind]
        if not here:
            continue
        name = kind[0]
        yield f'<section class="group" aria-labelledby="group-{name}">'
        yield f'<h2 id="group-{name}">{title} ({len(here)})</h2>'
        yield f'<p class="hint">{meaning}</p>'
        yield "<ul>"
        for row in here:
            yield from _clause(row, kind, ledgers, labels)
        yield "</ul>"
        yield "</section>"


def _clause(row: Row, kind: _Mark, ledgers: Collection[Ledger], labels: list[str]) -> Iterator[str]:
    clause = row.clause
    outcomes = ",".join(dict.fromkeys(entry.outcome for entry in row.present))
    yield (
        f'<li class="clause {kind[0]}" id="{for_html(clause.id)}" '
        f'data-level="{for_html(clause.level)}" data-outcomes="{outcomes}">'
    )
    yield "<details>"
    yield (
        f'<summary><span class="what"><span class="id">{for_html(clause.id)}</span> '
        f'<span class="about">{for_html(clause.level)}, {for_html(clause.source)}</span> '
        f'<span class="says">{for_html(clause.text)}</span></span>'
        f'<span class="outcomes">{_outcomes(row, labels)}</span></summary>'
    )
    yield '<div class="body">'
    for each, entry, label in zip(ledgers, row.entries, labels, strict=True):
        if entry is not None:
            who = f"{label} <code><bdi>{for_html(each.run.target)}</bdi></code>"
            yield from _entry(entry, who, each.contract)
    yield from _source(clause, ledgers)
    yield "</div></details></li>"


def _outcomes(row: Row, labels: list[str]) -> str:
    """One chip for each subject; with several, under its name."""
    chips = [
        _chip(_kind(entry)) if entry else '<span class="chip none">not its concern</span>'
        for entry in row.entries
    ]
    if len(chips) == 1:
        return chips[0]
    return "".join(
        f'<span><span class="who">{label} </span>{chip}</span>'
        for label, chip in zip(labels, chips, strict=True)
    )


def _source(clause: Clause, ledgers: Collection[Ledger]) -> Iterator[str]:
    contract = next(each.contract for each in ledgers)
    # "S2 111549" and "S1, S6": the documents' ids come first or after a comma.
    titles = {source.id: source.title for source in contract.sources}
    cited = [titles[word] for word in clause.source.replace(",", " ").split() if word in titles]
    cite = f"{clause.source}: {'; '.join(cited)}" if cited else clause.source
    if clause.quote:
        yield (
            f'<div class="source"><blockquote><span lang="zh">{for_html(clause.quote)}</span>'
            f"<cite>{for_html(cite)}</cite></blockquote></div>"
        )
    else:
        yield f'<p class="source">Source: {for_html(cite)}</p>'
    if clause.why:
        yield f"<p><strong>Why so:</strong> {for_html(clause.why)}</p>"
    meaning = next((level.meaning for level in contract.levels if level.id == clause.level), "")
    yield f"<p>Level <strong>{for_html(clause.level)}</strong>: {for_html(meaning)}.</p>"


def _entry(entry: Entry, who: str, contract: Contract) -> Iterator[str]:
    yield '<section class="entry">'
    yield f"<h3>{who} {_chip(_kind(entry))}</h3>"
    if entry.results:
        yield '<ul class="checks">'
        yield from (f"<li>{_check(result, entry)}</li>" for result in entry.results)
        yield "</ul>"
    else:
        yield "<p>No check was run.</p>"
    for result in entry.results:
        for finding in result.findings:
            yield from _finding(finding, contract)
    yield "</section>"


def _check(result: CheckResult, entry: Entry) -> str:
    if result.broken:
        said = words.share(result)
    elif result.not_judged:
        said = for_html(words.doubt(result))
    elif result.exercised:
        said = f"held in {count(result.exercised, 'check')}"
    else:
        said = "not exercised"
    told = [f"<code>{for_html(result.check)}</code> {said}"]
    if result.asserts != entry.clause.text:
        told.append(for_html(result.asserts))
    if result.check in entry.reasons:
        told.append(f"Known failure: {for_html(entry.reasons[result.check])}")
    return "<br>".join(told)


def _finding(finding: Finding, contract: Contract) -> Iterator[str]:
    yield '<div class="finding">'
    yield f"<h4>{for_html(finding.phase)}: <bdi>{for_html(finding.scenario)}</bdi></h4>"
    _, *told = words.parts(finding)  # where it was found is the heading
    rows = (f"<dt>{heading}</dt><dd>{_pre(text)}</dd>" for heading, text in told)
    yield f"<dl>{''.join(rows)}</dl>"
    for exchange in finding.exchanges:
        yield from _parameters(exchange, contract)
        yield '<div class="wires">'
        for name, text in (("Request", exchange.request), ("Reply", exchange.reply)):
            yield f'<div><p class="wire">{name}</p>{_pre(text.rstrip())}</div>'
        yield "</div>"
    yield "</div>"


def _parameters(exchange: Exchange, contract: Contract) -> Iterator[str]:
    found = parameters(exchange.request, contract)
    if not found:
        return
    absent = sum(each.value is None for each in found)
    told = f"{count(len(found) - absent, 'parameter')} sent, {absent} absent"
    if exchange.request.endswith(CUT):
        told = f"{count(len(found), 'parameter')} of a request that is cut: it may have had more"
    yield f'<div class="parameters"><p class="wire">{told}</p><dl>'
    for each in found[:MAX_SHOWN]:
        name = f"<dt><code><bdi>{for_html(each.name)}</bdi></code></dt>"
        if each.value is None:
            kind = "absent required" if each.required else "absent"
            yield f'<div class="{kind}">{name}<dd>absent ({for_html(each.about)})</dd></div>'
        else:
            value = f"<bdi>{for_html(each.value)}</bdi>" if each.value else "(empty)"
            yield f"<div>{name}<dd>{value}</dd></div>"
    yield "</dl>"
    if len(found) > MAX_SHOWN:
        yield f"<p>… and {len(found) - MAX_SHOWN} more</p>"
    yield "</div>"


def _pre(text: str) -> str:
    # The first line end after <pre> is dropped by every browser, so it gets one to drop.
    return f'<pre dir="auto">\n{for_html(text, multiline=True)}</pre>'


def _chip(kind: _Mark, number: str = "") -> str:
    name, mark, words = kind
    said = f"{number} {words}".strip()
    return f'<span class="chip {name}"><span aria-hidden="true">{mark}</span> {said}</span>'


def _labels(ledgers: Collection[Ledger]) -> list[str]:
    """Return what each subject is called: ``client``, or ``client 1`` when there are more."""
    kinds = [each.run.subject for each in ledgers]
    return [
        kind if kinds.count(kind) == 1 else f"{kind} {kinds[: at + 1].count(kind)}"
        for at, kind in enumerate(kinds)
    ]


def _kind(entry: Entry) -> _Mark:
    if entry.outcome == "broken":
        return _BROKEN if entry.fails else _REPORTED
    return _KINDS[entry.outcome]


def _worst(row: Row) -> _Mark:
    kinds = [_kind(entry) for entry in row.present]
    return next(kind for kind, *_ in _GROUPS if kind in kinds)
