"""What a run comes to: known failures are excused, ledgers drawn up, and all of it is published."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from pytest_rtcmpu.checks.core import Run, SubjectRun
from pytest_rtcmpu.checks.known_failures import Known, excuses
from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.report.files import write
from pytest_rtcmpu.report.github import annotate
from pytest_rtcmpu.report.ledger import Ledger, exit_status, ledger
from pytest_rtcmpu.report.terminal import summary
from pytest_rtcmpu.values.text import for_terminal, system_error

#: What a report says until its run has ended, and for good where nobody lived to write another.
UNFINISHED = (
    "the run has not come to its end: this was written before its first case; where it is over, "
    "something ended its process"
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Subjects of a run that share their known failures.

    Attributes:
        strict: whether breaches of readings fail them too.
    """

    subjects: tuple[SubjectRun, ...]
    known: tuple[Known, ...] = ()
    strict: bool = False


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """A run, its ledgers, and what else fails it: a known failure that no longer fails, say."""

    run: Run
    ledgers: tuple[Ledger, ...]
    problems: tuple[str, ...]

    @property
    def status(self) -> int:
        """0 when all holds, 1 when something is broken, 2 when a part was lost or never checked."""
        if not all(each.run.complete for each in self.ledgers):
            return 2
        status = exit_status(self.ledgers, problems=self.problems)
        # Zero checks is never success, of none of several targets.
        return status or (0 if all(each.checks for each in self.ledgers) else 2)

    def unfinished(self, why: str = UNFINISHED) -> Conclusion:
        """Return what stands in the reports as long as there is no more, and why there is not."""
        return replace(self, problems=(why,))

    def write(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Write each report, in the format that its name's suffix says.

        Returns:
            those that could not be written, and why.
        """
        failed: dict[Path, str] = {}
        for path in paths:
            try:
                write(path, self.run, self.ledgers, problems=self.problems)
            except OSError as error:
                failed[path] = f"report {path}: cannot be written: {system_error(error)}"
        return failed

    def summary(self, *, width: int | None, color: bool, verbose: bool, dash: str = "--") -> str:
        """Return what was found, for people.

        Args:
            width: columns of the terminal; ``None`` where it is none, and nothing is cut.
            dash: what an option's name has before it.
        """
        return summary(
            self.run,
            self.ledgers,
            width=width,
            color=color,
            verbose=verbose,
            problems=self.problems,
            dash=dash,
        )

    def tell(self, say: Callable[[str], None], paths: Iterable[Path]) -> None:
        """Say where the reports are, and on GitHub what is to be annotated."""
        for path in paths:
            say(f"report: {for_terminal(str(path))}")
        if os.environ.get("GITHUB_ACTIONS"):
            for line in annotate(self.ledgers, problems=self.problems):
                say(line)


def conclude(run: Run, parts: Collection[Part], contract: Contract, *, today: date) -> Conclusion:
    """Return what a run comes to.

    Args:
        parts: its subjects, those together that share their known failures.
    """
    problems: list[str] = []
    ledgers: list[Ledger] = []
    for part in parts:
        results = [result for subject in part.subjects for result in subject.results]
        found = excuses(part.known, results, contract, today=today)
        problems += found.problems
        own = replace(run, strict=part.strict)
        ledgers += (ledger(own, each, contract, known=found.reasons) for each in part.subjects)
    return Conclusion(run=run, ledgers=tuple(ledgers), problems=tuple(dict.fromkeys(problems)))
