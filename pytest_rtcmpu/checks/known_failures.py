"""Known failures: breaches that are excused for a reason, and fail the run once they are not.

A TOML file (``docs/known-failures.md``)::

    [[known]]
    id = "error.task-existed"          # a clause, or a check: client/documented/error.task-existed
    reason = "TaskExisted comes back as a success; reported upstream as #17"
    expires = 2030-12-31               # optional: the last day it is excused
    flaky = true                       # optional: may pass; needed for fuzz and stateful
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pytest_rtcmpu.checks.core import FIXED_PHASES, PHASES, CannotRun, CheckResult, check_id
from pytest_rtcmpu.contract import Contract


@dataclass(frozen=True, kw_only=True)
class Known:
    """One entry. ``flaky`` ones may pass, and are excused in fuzz and stateful too."""

    id: str
    reason: str
    expires: date | None = None
    flaky: bool = False


@dataclass(frozen=True, kw_only=True)
class Excuses:
    """What a file of known failures means for a run.

    reasons: why a check's breach is excused, by check id.
    problems: what is wrong with the file's entries; any of them fails the run.
    """

    reasons: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


_FIELDS: Mapping[str, tuple[type, str]] = {
    "id": (str, "a clause or check id"),
    "reason": (str, "a sentence"),
    "expires": (date, "a date such as 2030-12-31"),
    "flaky": (bool, "true or false"),
}


def read(path: str | os.PathLike[str]) -> tuple[Known, ...]:
    """Return a file's entries. Raises CannotRun with everything that is wrong with its form."""
    try:
        data = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CannotRun(f"known failures {path}: {error}") from None
    rows = data.get("known", [])
    if set(data) - {"known"} or not isinstance(rows, list):
        raise CannotRun(f"known failures {path}: expected only [[known]] entries")
    wrong = [f"  entry {at}: {w}" for at, row in enumerate(rows, start=1) for w in _wrong(row)]
    ids = [row["id"] for row in rows if isinstance(row, dict) and "id" in row]
    wrong += [f"  {name}: listed twice" for name in _repeated(ids)]
    if wrong:
        raise CannotRun("\n".join((f"known failures {path}:", *wrong)))
    return tuple(Known(**row) for row in rows)


def _wrong(row: object) -> Iterable[str]:
    if not isinstance(row, dict):
        yield f"expected a table, got {row!r}"
        return
    yield from (f"unknown field {name!r}" for name in row if name not in _FIELDS)
    yield from (f"{name} is missing" for name in ("id", "reason") if name not in row)
    for name, (kind, expected) in _FIELDS.items():
        value: Any = row.get(name, ...)
        if value is ...:
            continue
        # A TOML date with a time is a date to isinstance.
        right = isinstance(value, kind) and not isinstance(value, datetime)
        if not right or value == "" or (isinstance(value, str) and not value.strip()):
            yield f"{name}: expected {expected}, got {value!r}"


def _repeated(ids: Collection[object]) -> list[object]:
    seen: list[object] = []
    again: list[object] = []
    for each in ids:
        (again if each in seen else seen).append(each)
    return list(dict.fromkeys(map(str, again)))


def excuses(
    known: Iterable[Known], results: Iterable[CheckResult], contract: Contract, *, today: date
) -> Excuses:
    """Return what the entries excuse in a run, and which of them are wrong.

    An entry about something that this run left out says nothing; one that holds now, is out of
    date, or is about nothing there is, is a problem.
    """
    results = list(results)
    ids = _ids(contract)
    reasons: dict[str, str] = {}
    problems: list[str] = []
    for entry in known:
        problem = _problem(entry, ids, today)
        if problem is None:
            covered = [result for result in results if _covers(entry, result)]
            exercised = any(result.exercised for result in covered)
            if exercised and not entry.flaky and not any(result.broken for result in covered):
                problem = "holds now; remove the entry"
            reasons |= {r.check: entry.reason for r in covered if r.broken}
        if problem is not None:
            problems.append(f"known failure {entry.id}: {problem}")
    return Excuses(reasons=reasons, problems=tuple(problems))


def _problem(entry: Known, ids: Collection[str], today: date) -> str | None:
    """What is wrong with an entry, whatever the run found."""
    if entry.id not in ids:
        near = difflib.get_close_matches(entry.id, ids, n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        return f"there is no such clause or check{hint}"
    if entry.expires is not None and today > entry.expires:
        return f"out of date since {entry.expires}; {entry.reason}"
    phase = entry.id.split("/")[1] if "/" in entry.id else None
    if phase in PHASES and phase not in FIXED_PHASES and not entry.flaky:
        return f"needs flaky = true, because {phase} tries other cases in every run"
    return None


def _covers(entry: Known, result: CheckResult) -> bool:
    if entry.id == result.check:
        return True
    return entry.id == result.clause and (entry.flaky or result.phase in FIXED_PHASES)


def _ids(contract: Contract) -> list[str]:
    return [
        *(clause.id for clause in contract.clauses),
        *(
            check_id(subject, phase, clause.id)
            for clause in contract.clauses
            for subject in clause.subjects
            for phase in PHASES
        ),
    ]
