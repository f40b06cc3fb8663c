"""Known failures: breaches that are excused for a reason, and fail the run once they are not.

A TOML file (``docs/known-failures.md``)::

    [[known]]
    id = "error.task-existed"          # a clause, or a check: client/documented/error.task-existed
    reason = "TaskExisted comes back as a success; reported upstream as #17"
    expires = 2030-12-31               # optional: the last day it is excused
    flaky = true                       # optional: may pass; needed for fuzz and stateful
"""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from pytest_rtcmpu.checks.core import FIXED_PHASES, PHASES, CannotRun, CheckResult, check_id
from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.contract.elsewhere import others, to_set
from pytest_rtcmpu.values import records
from pytest_rtcmpu.values.records import Mismatch, raise_any
from pytest_rtcmpu.values.text import near, system_error


@dataclass(frozen=True, kw_only=True)
class Known:
    """One entry. ``flaky`` ones may pass, and are excused in fuzz and stateful too."""

    id: str
    reason: str
    expires: date | None = None
    flaky: bool = False

    def __post_init__(self) -> None:
        """Raise RecordError for an id or a reason that says nothing."""
        expected = {"id": "a clause or check id", "reason": "a sentence"}
        raise_any(
            Mismatch(path=name, expected=what, got=repr(getattr(self, name)))
            for name, what in expected.items()
            if not getattr(self, name).strip()
        )


@dataclass(frozen=True, kw_only=True)
class Excuses:
    """What a file of known failures means for a run.

    reasons: why a check's breach is excused, by check id.
    problems: what is wrong with the file's entries; any of them fails the run.
    """

    reasons: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _File:
    known: tuple[Known, ...] = ()

    def __post_init__(self) -> None:
        counts = Counter(entry.id for entry in self.known)
        raise_any(
            Mismatch(path="known", expected="each id once", got=f"{name} listed {count} times")
            for name, count in counts.items()
            if count > 1
        )


#: Characters of a file: some thousand entries.
MAX_CHARACTERS = 256 * 1024
#: Dots in a line: the time that tomllib takes for a key grows with the square of its parts.
MAX_DOTS = 200


def read(path: str | os.PathLike[str]) -> tuple[Known, ...]:
    """Return a file's entries. Raises CannotRun with everything that is wrong with its form."""
    try:
        text = records.read_text(path, MAX_CHARACTERS)
        raise_any(
            Mismatch(path=f"line {number}", expected=f"at most {MAX_DOTS} dots", got="more")
            for number, line in enumerate(text.split("\n"), start=1)
            if line.count(".") > MAX_DOTS
        )
        return records.load(_File, tomllib.loads(text)).known
    except records.RecordError as error:
        raise CannotRun(f"known failures {path}:\n{error}") from None
    except RecursionError:
        raise CannotRun(f"known failures {path}: too many lists and tables in each other") from None
    except OSError as error:
        raise CannotRun(f"known failures {path}: {system_error(error)}") from None
    except ValueError as error:
        raise CannotRun(f"known failures {path}: {error}") from None


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
        problem = _problem(entry, ids, contract, today)
        if problem is None:
            covered = [result for result in results if _covers(entry, result)]
            exercised = any(result.exercised for result in covered)
            unsure = any(result.broken or result.not_judged for result in covered)
            if exercised and not entry.flaky and not unsure:
                problem = "holds now; remove the entry"
            reasons |= {r.check: entry.reason for r in covered if r.broken}
        if problem is not None:
            problems.append(f"known failure {entry.id}: {problem}")
    return Excuses(reasons=reasons, problems=tuple(problems))


def _problem(entry: Known, ids: Collection[str], contract: Contract, today: date) -> str | None:
    """What is wrong with an entry, whatever the run found."""
    if entry.id not in ids:
        lead = to_set((other for other in others(contract) if entry.id in _ids(other)), "has it")
        hint = f"; {lead}" if lead else near(entry.id, ids, cutoff=0.6)
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
        *(clause.id for clause in contract.all_clauses),
        *(
            check_id(subject, phase, clause.id)
            for clause in contract.all_clauses
            for subject in clause.subjects
            for phase in PHASES
        ),
    ]
