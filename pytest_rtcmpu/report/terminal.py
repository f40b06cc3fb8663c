"""The report on a terminal: a screenful, however much is broken."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pytest_rtcmpu.checks.core import Finding, Run
from pytest_rtcmpu.report import words
from pytest_rtcmpu.report.ledger import OUTCOMES, Entry, Ledger, Outcome, Row, exit_status, rows
from pytest_rtcmpu.values.text import cells, count, for_terminal, pad, shorten

#: How many lines the summary may take unless it is verbose.
SCREEN = 24
#: What a section takes at least: a space, its heading, a clause, how many more there are.
_MIN_LINES = 4

#: How much is told of a broken clause: one line in all, its first breach on a line or on three
#: lines of its own, or every breach and what the source says.
_LINE, _TWO_LINES, _BREACH, _EVERYTHING = range(4)
#: Tried in this order until the screen holds it: detail for failures, detail for readings.
_DETAILS = (
    (_BREACH, _BREACH),
    (_BREACH, _LINE),
    (_TWO_LINES, _TWO_LINES),
    (_TWO_LINES, _LINE),
    (_LINE, _LINE),
)

_READINGS = "reported, not failing; {dash}strict makes them fail"
#: The width of a page that nothing is cut for: a terminal wraps what is too long, a log keeps it.
_UNCUT = sys.maxsize

_COLORS = {"bad": "31;1", "odd": "33;1", "good": "32;1", "strong": "1", "": ""}
_STYLES: dict[Outcome, str] = {"broken": "bad", "held": "good"}


@dataclass(frozen=True)
class _Line:
    """A line; the style is that of its first part.

    whole: whether it is to be copied, and so is never cut.
    """

    lead: str
    rest: str = ""
    style: str = ""
    whole: bool = False

    def render(self, width: int, *, color: bool) -> str:
        width = _UNCUT if self.whole else width
        lead = shorten(self.lead, width)
        rest = shorten(self.rest, width - cells(lead)) if cells(lead) < width else ""
        code = _COLORS[self.style] if color else ""
        return f"\x1b[{code}m{lead}\x1b[0m{rest}" if code and lead else (lead + rest).rstrip()


def summary(
    run: Run,
    ledgers: Collection[Ledger],
    *,
    width: int | None,
    color: bool,
    verbose: bool = False,
    problems: Collection[str] = (),
    dash: str = "--",
) -> str:
    """Return what the run found out, for people: a screenful, or with ``verbose`` everything.

    width: columns of the terminal; ``None`` where it is none, and nothing is cut.
    problems: what else fails the run, such as a known failure that no longer fails.
    dash: what an option's name has before it: ``--rtcmpu-`` for pytest.
    """
    if width is None or verbose:
        width = _UNCUT
    describe = _everything if verbose else _screen
    lines = describe(run, ledgers, problems, width, dash)
    return "\n".join(line.render(width, color=color) for line in lines)


def _screen(
    run: Run, ledgers: Collection[Ledger], problems: Collection[str], width: int, dash: str
) -> list[_Line]:
    top = [
        *_head(run),
        *_incomplete(ledgers),
        *_keep(_problems(problems), 3),
        *_counts(ledgers, width),
        *_keep(_notes(ledgers), 2),
    ]
    bottom = [
        _Line(""),
        *_keep(list(_list_clauses("known failure", ledgers)), 2),
        *_keep(list(_list_clauses("not judged", ledgers)), 2),
        *_keep(list(_list_clauses("not exercised", ledgers)), 2),
        *_more(ledgers, dash),
        *_verdict(ledgers, problems),
    ]
    room = SCREEN - len(top) - len(bottom)
    for details in _DETAILS:
        middle = list(_breaches(ledgers, *details, dash=dash))
        if len(middle) <= room:
            return [*top, *middle, *bottom]
    failures = list(_section(ledgers, fails=True, detail=_LINE, dash=dash))
    readings = list(_section(ledgers, fails=False, detail=_LINE, dash=dash))
    # Failures first; readings keep their heading and a line, or are left to the verdict to tell.
    failures = _keep(failures, max(room - min(len(readings), _MIN_LINES), _MIN_LINES))
    left = room - len(failures)
    return [*top, *failures, *(_keep(readings, left) if left >= _MIN_LINES else []), *bottom]


def _everything(
    run: Run, ledgers: Collection[Ledger], problems: Collection[str], width: int, dash: str
) -> list[_Line]:
    return [
        *_head(run),
        *_incomplete(ledgers),
        *_problems(problems),
        *_counts(ledgers, width),
        *_notes(ledgers),
        *_breaches(ledgers, _EVERYTHING, _EVERYTHING, dash=dash),
        *_all_of("known failure", ledgers),
        *_all_of("not judged", ledgers),
        *_all_of("not exercised", ledgers),
        *_all_of("not selected", ledgers),
        *_all_of("held", ledgers),
        _Line(""),
        *_more(ledgers, dash),
        *_verdict(ledgers, problems),
    ]


def _head(run: Run) -> Iterator[_Line]:
    facts = [
        f"edition {run.edition}",
        ", ".join(run.phases) or "no phase",
        f"seed {run.seed}",
        *(["strict"] if run.strict else []),
        f"{run.seconds:.1f} s",
    ]
    yield _Line("rtcmpu", " · " + " · ".join(facts), "strong")


def _incomplete(ledgers: Collection[Ledger]) -> Iterator[_Line]:
    for each in ledgers:
        if not each.run.complete:
            # The notes say what was lost.
            told = f"{words.name(each)}: {words.loss(each)}"
            yield _Line("INCOMPLETE", f" {for_terminal(told)}", "bad")


def _problems(problems: Collection[str]) -> list[_Line]:
    return [_Line("PROBLEM", f" {for_terminal(problem)}", "bad") for problem in problems]


def _notes(ledgers: Collection[Ledger]) -> list[_Line]:
    # An incomplete subject's notes stand beside INCOMPLETE.
    return [
        _Line("note", f" {for_terminal(f'{words.name(each)}: {note}')}")
        for each in ledgers
        if each.run.complete
        for note in each.run.notes
    ]


def _counts(ledgers: Collection[Ledger], width: int) -> Iterator[_Line]:
    names = [for_terminal(words.name(each)) for each in ledgers]
    if len(ledgers) > 1:
        names = [f"[{number}] {name}" for number, name in enumerate(names, start=1)]
    # What happened to no clause has no column: the names keep the room.
    always = ("held", "broken")
    outcomes = [o for o in OUTCOMES if o in always or any(e.count(o) for e in ledgers)]
    heads = [*outcomes, "checks"]
    # Columns are as wide as their heads; the name gives way.
    left = width - sum(len(head) + 2 for head in heads)
    name_width = min(max(map(cells, names), default=0), max(left, 12))
    yield _Line(" " * name_width, "".join(f"  {head}" for head in heads))
    for name, each in zip(names, ledgers, strict=True):
        numbers = [*(each.count(outcome) for outcome in outcomes), each.checks]
        columns = (f"  {number:>{len(head)}}" for number, head in zip(numbers, heads, strict=True))
        yield _Line(pad(name, name_width), "".join(columns))


def _breaches(
    ledgers: Collection[Ledger], failures: int, readings: int, *, dash: str
) -> Iterator[_Line]:
    yield from _section(ledgers, fails=True, detail=failures, dash=dash)
    yield from _section(ledgers, fails=False, detail=readings, dash=dash)


def _section(
    ledgers: Collection[Ledger], *, fails: bool, detail: int, dash: str
) -> Iterator[_Line]:
    found = [row for row in rows(ledgers) if _is_broken(row, fails=fails)]
    if not found:
        return
    title, style, said = "BROKEN", "bad", ""
    if not fails:
        title, style, said = "READINGS BROKEN", "odd", _READINGS.format(dash=dash)
    title = f"{title} ({len(found)})"
    width = max(len(title) - 2, *(len(row.clause.id) for row in found))
    numbers = _numbers(ledgers)
    yield _Line("")
    yield _Line(f"{title:<{width + 2}}" if numbers else title, f"{numbers}  {said}", style)
    for row in found:
        yield from _row(row, ledgers, width=width, style=style, fails=fails, detail=detail)


def _row(
    row: Row, ledgers: Collection[Ledger], *, width: int, style: str, fails: bool, detail: int
) -> Iterator[_Line]:
    clause = row.clause
    several = len(ledgers) > 1
    broken = [
        (f"[{number}] " if several else "", entry)
        for number, entry in enumerate(row.entries, start=1)
        if entry and entry.outcome == "broken" and entry.fails == fails
    ]
    about = f"{clause.level}, {clause.source}"
    if several:
        about = "".join(f"{_cell(entry):<9}" for entry in row.entries) + about
    if detail == _LINE:
        about += "".join(
            f"; {subject}{_briefly(finding)}" for subject, e in broken for finding in e.findings[:1]
        )
    else:
        about += "".join(
            f"; {subject}{e.broken} of {count(e.checks, 'check')}" for subject, e in broken
        )
    yield _Line(f"  {clause.id:<{width}}", f"  {about}", style)
    if detail == _EVERYTHING:
        for name in ("text", "quote", "why"):
            if said := getattr(clause, name):
                yield _Line(f"      {name:<10}", for_terminal(said))
    for subject, entry in broken:
        for finding in entry.findings if detail == _EVERYTHING else entry.findings[:1]:
            if detail == _TWO_LINES:
                yield _Line("      ", f"{subject}{_briefly(finding)}")
            elif detail > _TWO_LINES:
                for heading, text in words.parts(finding):
                    of = subject if heading == "in" else ""
                    yield _Line(f"      {heading:<8}  ", f"{of}{for_terminal(text)}")


def _briefly(finding: Finding) -> str:
    return for_terminal(f"{words.sentence(finding)} in {words.place(finding)}")


def _list_clauses(outcome: Outcome, ledgers: Collection[Ledger]) -> Iterator[_Line]:
    """All clauses of that outcome in one line a subject, as far as it goes."""
    several = len(ledgers) > 1
    for number, each in enumerate(ledgers, start=1):
        found = [entry for entry in each.entries if entry.outcome == outcome]
        if found:
            which = f"[{number}] " if several else ""
            # Why the first one could not be judged: most often it is why none could.
            why = next((f"; {for_terminal(entry.reason)}" for entry in found if entry.reason), "")
            said = ", ".join(entry.clause.id for entry in found) + (
                why if outcome == "not judged" else ""
            )
            yield _Line(f"{outcome.upper()} ({len(found)})", f" {which}{said}", "strong")


def _all_of(outcome: Outcome, ledgers: Collection[Ledger]) -> Iterator[_Line]:
    found = [
        (number, entry)
        for number, each in enumerate(ledgers, start=1)
        for entry in each.entries
        if entry.outcome == outcome
    ]
    if not found:
        return
    yield _Line("")
    yield _Line(outcome.upper(), f" ({len(found)})", _STYLES.get(outcome, "strong"))
    for number, entry in found:
        which = f"[{number}] " if len(ledgers) > 1 else ""
        said = for_terminal(entry.known or words.doubt(entry)) or count(entry.checks, "check")
        clause = entry.clause
        yield _Line("  ", f"{which}{clause.id}  {clause.level}, {clause.source}; {said}")


def _more(ledgers: Collection[Ledger], dash: str) -> Iterator[_Line]:
    first = next((e.clause.id for each in ledgers for e in each.failures or each.reported), None)
    if first:
        told = f"More: -v; {dash}report FILE.html (requests, replies); rtcmpu explain {first}"
        yield _Line("", told, whole=True)
    elif any(each.count(outcome) for each in ledgers for outcome in words.SILENT):
        yield _Line("", "More: -v")


def _verdict(ledgers: Collection[Ledger], problems: Collection[str]) -> Iterator[_Line]:
    reported = words.reported(ledgers)
    match exit_status(ledgers, problems=problems):
        case 0:
            told = [words.held(ledgers), *reported, *words.silent(ledgers)]
            yield _Line("PASSED", f" {', '.join(told)}", "good")
        case 2:
            yield _Line("NOTHING WAS CHECKED", " that is no success", "bad")
        case _:
            told = [*words.failing(ledgers, problems), *reported]
            yield _Line("FAILED", f" {', '.join(told)}", "bad")


def _keep(found: list[_Line], room: int) -> list[_Line]:
    if len(found) <= room:
        return found
    kept = found[: max(room - 1, 0)]
    return [*kept, _Line("  ", f"… and {len(found) - len(kept)} more")]


def _cell(entry: Entry | None) -> str:
    if entry is None:
        return "-"
    short = {
        "not judged": "unsure",
        "not exercised": "no case",
        "not selected": "left out",
        "known failure": "known",
    }
    return short.get(entry.outcome, entry.outcome)


def _numbers(ledgers: Collection[Ledger]) -> str:
    if len(ledgers) < 2:
        return ""
    return "  " + "".join(f"{f'[{number}]':<9}" for number in range(1, len(ledgers) + 1)).rstrip()


def _is_broken(row: Row, *, fails: bool) -> bool:
    return any(entry.outcome == "broken" and entry.fails == fails for entry in row.present)
