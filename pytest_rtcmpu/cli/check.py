"""``rtcmpu check``: clients and endpoints, clause by clause."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import date
from itertools import starmap
from typing import TYPE_CHECKING, Self

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.checks.core import PHASES, CannotRun, Run, SubjectRun
from pytest_rtcmpu.cli.words import (
    HELD,
    add_edition,
    complain,
    folder,
    phases,
    quote,
    reporting,
    say,
    split,
    targets_of,
)
from pytest_rtcmpu.values.arguments import Parser, file_path, positive, seconds, whole_number
from pytest_rtcmpu.values.text import for_terminal

if TYPE_CHECKING:
    from pytest_rtcmpu.checks.known_failures import Known
    from pytest_rtcmpu.checks.run import Progress, Settings
    from pytest_rtcmpu.checks.testees.targets import Target
    from pytest_rtcmpu.report.conclusion import Conclusion


def check(arguments: list[str]) -> int:
    """Check what is named, and return the exit status."""
    from pytest_rtcmpu.checks import known_failures
    from pytest_rtcmpu.checks.case_files import FOLDER
    from pytest_rtcmpu.checks.run import Settings
    from pytest_rtcmpu.checks.side_by_side import not_run, run_targets, usual_jobs
    from pytest_rtcmpu.report import check_path
    from pytest_rtcmpu.values.credentials import credentials_from

    parser = Parser(
        prog="rtcmpu check",
        usage=(
            "rtcmpu check [options]\n"
            "       rtcmpu check client [options] package.module:callable …\n"
            "       rtcmpu check client [options] -- COMMAND …\n"
            "       rtcmpu check endpoint [options] URL …"
        ),
        description=(
            "Check clients or endpoints, side by side; by default the package's own client and "
            "its own endpoint."
        ),
        epilog=(
            "Endpoints are called with the access key in RTCMPU_ACCESS_KEY_ID and "
            "RTCMPU_ACCESS_KEY_SECRET, testid and testsecret unless set. "
            "Exit status: 0 all holds, 1 a clause is broken, 2 it could not run."
        ),
    )
    defaults = Settings()
    parser.add_argument("target", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument(
        "--phase",
        action="append",
        type=phases,
        metavar="PHASE",
        help=f"{', '.join(PHASES)}; repeatable, or with commas; all by default",
    )
    parser.add_argument(
        "--clause", action="append", default=[], metavar="GLOB", help="only these; repeatable"
    )
    add_edition(parser)
    parser.add_argument(
        "--operation",
        action="append",
        default=[],
        metavar="NAME",
        help="check these, such as StopMPUTask; repeatable. By default of a client StartMPUTask "
        "and those that it says it can, of an endpoint those that it shows to know",
    )
    parser.add_argument("--strict", action="store_true", help="breaches of readings fail too")
    parser.add_argument(
        "--max-examples",
        type=positive,
        default=defaults.max_examples,
        metavar="N",
        help="examples of fuzz and of stateful (%(default)s)",
    )
    parser.add_argument(
        "--seed", type=whole_number(), metavar="N", help="a random one, which is shown"
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=defaults.timeout,
        metavar="SECONDS",
        help="for one start, or for one reply, which has at least 20 (%(default)s)",
    )
    parser.add_argument(
        "--jobs",
        type=positive,
        metavar="N",
        help="targets that are run at once, each in a process of its own; one by default, of the "
        "package's own pair both where there are processors for it",
    )
    parser.add_argument(
        "--report",
        action="append",
        type=reporting(check_path),
        default=[],
        metavar="FILE",
        help=".json, .html or .xml (JUnit); repeatable",
    )
    parser.add_argument(
        "--known-failures", type=file_path, metavar="FILE", help="a TOML file, see the docs"
    )
    parser.add_argument(
        "--save-cases",
        type=folder,
        default=FOLDER,
        metavar="DIR",
        help="where findings are saved for rtcmpu replay (%(default)s)",
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="call an endpoint that is not this machine, though what is started may be billed",
    )
    parser.add_argument(
        "--budget", type=positive, metavar="N", help="calls that an endpoint gets at most"
    )
    parser.add_argument(
        "--app-id",
        action="append",
        default=[],
        metavar="NAME",
        help="an AppId that an endpoint knows, where it does not know any; at most two",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the calls to an endpoint, and send nothing"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="every clause and finding")
    before, command = split(arguments)
    given = parser.parse_intermixed_args(before)
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    settings = Settings(
        phases=tuple(p for p in PHASES if p in sum(given.phase, ())) if given.phase else PHASES,
        clauses=tuple(given.clause),
        max_examples=given.max_examples,
        seed=seed,
        timeout=given.timeout,
        operations=tuple(given.operation),
        edition=given.edition,
        live=given.live,
        budget=given.budget,
        app_ids=tuple(given.app_id),
    )
    targets = _select(targets_of(given.target, command), settings)
    known = known_failures.read(given.known_failures) if given.known_failures is not None else ()
    credentials = credentials_from(os.environ)
    if given.dry_run:
        for target in targets:
            for line in target.dry_run(settings, credentials):
                quote(line)
        return HELD
    for target in targets:
        for line in target.allowed(settings, credentials):
            complain(f"rtcmpu: {target.name}: {line}")
    began = time.monotonic()
    ran: dict[Target, SubjectRun] = {}

    def so_far(*, rest: str = "") -> Run:
        """Return the run as it stands, the targets that are left with a note."""
        return Run(
            edition=settings.edition,
            seed=seed,
            strict=given.strict,
            phases=settings.phases,
            subjects=tuple(ran.get(target) or not_run(target, rest) for target in targets),
            seconds=time.monotonic() - began,
        )

    _conclude(so_far(rest="not begun"), known).unfinished().write(given.report)
    jobs = usual_jobs(targets) if given.jobs is None else given.jobs
    try:
        with _Progress() as told:
            ran.update(run_targets(targets, settings, credentials, jobs=jobs, told=told))
    except CannotRun as error:
        run = so_far(rest="it could not run, or was not begun")
        _conclude(run, known).unfinished(f"it could not run: {error}").write(given.report)
        raise
    return _tell(so_far(rest="not begun: interrupted"), targets, known, given)


def _conclude(run: Run, known: Sequence[Known]) -> Conclusion:
    from pytest_rtcmpu.report.conclusion import Part, conclude

    part = Part(subjects=run.subjects, known=tuple(known), strict=run.strict)
    return conclude(run, [part], _contract.load(run.edition), today=date.today())


def _tell(
    run: Run, targets: Sequence[Target], known: Sequence[Known], given: argparse.Namespace
) -> int:
    """Print and write what came of a run, and return the exit status."""
    from pytest_rtcmpu.checks import case_files

    found = _conclude(run, known)
    terminal = sys.stdout.isatty()
    color = terminal and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size().columns if terminal else None
    say(found.summary(width=width, color=color, verbose=given.verbose))
    saved = [
        path
        for subject, target in zip(run.subjects, targets, strict=True)
        for path in case_files.save(
            given.save_cases,
            case_files.cases(
                subject,
                target,
                seed=run.seed,
                node=case_files.node_id(target),
                edition=run.edition,
            ),
        )
    ]
    if saved:
        quote(f"{len(saved)} saved; to see one again: rtcmpu replay {saved[0]}")
    failed = found.write(given.report)
    found.tell(say, [path for path in given.report if path not in failed])
    if failed:
        raise CannotRun("\n".join(failed.values()))
    return found.status


def _select(targets: tuple[Target, ...], settings: Settings) -> tuple[Target, ...]:
    """Return the targets that the settings select a check for, once their names are right."""
    from pytest_rtcmpu.checks.run import planned
    from pytest_rtcmpu.checks.testees.targets import OWN

    selected = tuple(
        target for target in targets if planned(target.subject, target.settled(settings))
    )
    if not selected or (selected != targets and targets != OWN):
        raise CannotRun(f"nothing is selected for {targets[0].subject}s: zero checks is no success")
    for target in selected:
        if target.kind == "callable":
            target.testee()
    return selected


class _Progress:
    """How far the targets' runs have come: one line that changes, or a line for each phase."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._shown = time.monotonic()
        #: Of each target that runs: the latest, and when its phase began.
        self._now: dict[Target, tuple[Progress, float]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for target in [*self._now]:
            self._end_phase(target)

    def __call__(self, target: Target, now: Progress) -> None:
        """Show it, not more often than an eye can follow."""
        before = self._now.get(target)
        if before and before[0].phase != now.phase:
            self._end_phase(target)
        began = before[1] if before and before[0].phase == now.phase else time.monotonic()
        self._now[target] = now, began
        if self._terminal and time.monotonic() - self._shown > 0.1:
            self._shown = time.monotonic()
            width = shutil.get_terminal_size().columns - 1
            line = " · ".join(starmap(_coming, ((t, n) for t, (n, _) in self._now.items())))
            print(f"\r{line[:width]}\x1b[K", end="", file=sys.stderr, flush=True)

    def _end_phase(self, target: Target) -> None:
        now, began = self._now.pop(target)
        if self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        else:
            seconds = time.monotonic() - began
            complain(f"{_shown(target)}: {now.phase}: {now.done} cases, {seconds:.1f} s")


def _coming(target: Target, now: Progress) -> str:
    of = f" of {now.total}" if now.total else ""
    return f"{_shown(target)}: {now.phase}: {now.done}{of} cases"


def _shown(target: Target) -> str:
    return for_terminal(f"{target.subject} {target.name}")
