"""``rtcmpu``: contract checks from a shell.

Exit status: 0 all holds, 1 something is broken, 2 it could not run.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import random
import shlex
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest_rtcmpu
from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.checks.core import PHASES, CannotRun, Phase, Run, SubjectRun
from pytest_rtcmpu.contract import ContractError
from pytest_rtcmpu.values.text import for_terminal

if TYPE_CHECKING:
    from pytest_rtcmpu.checks.known_failures import Known
    from pytest_rtcmpu.checks.run import Progress, Settings
    from pytest_rtcmpu.checks.testees.targets import Target
    from pytest_rtcmpu.report.conclusion import Conclusion

HELD, BROKEN, COULD_NOT_RUN = 0, 1, 2
#: As wide as the lines of a summary get where nobody says how wide the page is.
_PIPED_WIDTH = 160


@dataclass(frozen=True)
class Command:
    """A command: what it does, in a line, and the function that gets the arguments after it."""

    summary: str
    run: Callable[[list[str]], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _say_what_can_be_said()
    parser = argparse.ArgumentParser(
        prog="rtcmpu",
        description="Contract checks for StartMPUTask of Alibaba Cloud RTC.",
        epilog="\n".join(f"  {name:<9} {command.summary}" for name, command in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = f"%(prog)s {pytest_rtcmpu.__version__}"
    parser.add_argument("--version", action="version", version=version)
    parser.add_argument("command", choices=COMMANDS, help="see below")
    given = parser.parse_args(arguments[:1])
    if argv is None:
        # Hypothesis keeps notes in the current folder; nobody who runs a command asked for them.
        notes = tempfile.TemporaryDirectory(prefix="rtcmpu-")
        atexit.register(notes.cleanup)
        os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", notes.name)
    try:
        return COMMANDS[given.command].run(arguments[1:])
    except (CannotRun, ContractError) as error:
        _complain(f"rtcmpu: {error}")
    except KeyboardInterrupt:
        _complain("rtcmpu: interrupted")
    except Exception:
        _complain(f"rtcmpu: a defect of rtcmpu itself\n{traceback.format_exc()}")
    return COULD_NOT_RUN


# ---------------------------------------------------------------------------------------- check


def _check(arguments: list[str]) -> int:
    from pytest_rtcmpu.checks import known_failures
    from pytest_rtcmpu.checks.case_files import FOLDER
    from pytest_rtcmpu.checks.run import Settings, run_bench
    from pytest_rtcmpu.report import check_path
    from pytest_rtcmpu.values.credentials import credentials_from

    parser = argparse.ArgumentParser(
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
        type=_phases,
        metavar="PHASE",
        help=f"{', '.join(PHASES)}; repeatable, or with commas; all by default",
    )
    parser.add_argument(
        "--clause", action="append", default=[], metavar="GLOB", help="only these; repeatable"
    )
    _add_edition(parser)
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
        type=_positive,
        default=defaults.max_examples,
        metavar="N",
        help="examples of fuzz and of stateful (%(default)s)",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="a random one, which is shown")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=defaults.timeout,
        metavar="SECONDS",
        help="for one start, or for one reply, which has at least 20 (%(default)s)",
    )
    parser.add_argument(
        "--report",
        action="append",
        type=_reporting(check_path),
        default=[],
        metavar="FILE",
        help=".json, .html or .xml (JUnit); repeatable",
    )
    parser.add_argument("--known-failures", metavar="FILE", help="a TOML file, see the docs")
    parser.add_argument(
        "--save-cases",
        type=Path,
        default=FOLDER,
        metavar="DIR",
        help="where findings are saved for rtcmpu replay (%(default)s)",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="every clause and finding")
    before, command = _split(arguments)
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
    )
    targets = _select(_targets(given.target, command), settings)
    known = known_failures.read(given.known_failures) if given.known_failures else ()
    credentials = credentials_from(os.environ)
    began = time.monotonic()
    subjects: list[SubjectRun] = []

    def so_far(*, rest: str = "") -> Run:
        """Return the run as it stands, the targets that are left with a note."""
        left = (_not_run(target, rest) for target in targets[len(subjects) :])
        return Run(
            edition=settings.edition,
            seed=seed,
            strict=given.strict,
            phases=settings.phases,
            subjects=(*subjects, *left),
            seconds=time.monotonic() - began,
        )

    _conclude(so_far(rest="not begun"), known).unfinished().write(given.report)
    try:
        for target in targets:
            own = target.settled(settings)
            with target.bench(own, credentials) as bench, _Progress(target) as progress:
                subjects.append(run_bench(bench, own, progress=progress))
            if not subjects[-1].complete:
                break
    except CannotRun as error:
        run = so_far(rest="it could not run, or was not begun")
        _conclude(run, known).unfinished(f"it could not run: {error}").write(given.report)
        raise
    return _tell(so_far(rest="not begun: interrupted"), targets, known, given)


def _not_run(target: Target, why: str) -> SubjectRun:
    return SubjectRun(
        subject=target.subject, target=target.name, results=(), complete=False, notes=(why,)
    )


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
    width = None if terminal else _PIPED_WIDTH
    _say(found.summary(width=width, color=color, verbose=given.verbose))
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
        _quote(f"{len(saved)} saved; to see one again: rtcmpu replay {saved[0]}")
    failed = found.write(given.report)
    found.tell(_say, [path for path in given.report if path not in failed])
    if failed:
        raise CannotRun("\n".join(failed.values()))
    return found.status


def _targets(words: Sequence[str], command: Sequence[str]) -> tuple[Target, ...]:
    """Return what the arguments name; ``command`` is what stands after ``--``."""
    from pytest_rtcmpu.checks.testees import targets

    subject, *names = words or [""]
    if not all(words) or (subject in ("client", "endpoint") and not (names or command)):
        # An empty variable in somebody's script must not check this package's own pair.
        raise CannotRun(f"{subject or 'a target'}: expected a name after it; rtcmpu check --help")
    if subject == "endpoint" and not command:
        return _unique(map(targets.endpoint_target, names))
    if subject == "client":
        found = [*map(targets.callable_target, names)]
        if command:
            found.append(targets.command_target(command))
        return _unique(found)
    if not words and not command:
        return targets.OWN
    if subject == "endpoint":
        raise CannotRun("an endpoint is named by its URL; a command can only be a client")
    raise CannotRun(f"expected client or endpoint, got {subject or '--'!r}")


def _unique(targets: Iterable[Target]) -> tuple[Target, ...]:
    return tuple(dict.fromkeys(targets))


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
    """How far a target's run has come: one line that changes, or a line for each phase."""

    def __init__(self, target: Target) -> None:
        self._name = for_terminal(f"{target.subject} {target.name}")
        self._terminal = sys.stderr.isatty()
        self._now: Progress | None = None
        self._began = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_phase()

    def __call__(self, now: Progress) -> None:
        """Show it, not more often than an eye can follow."""
        if self._now is None or self._now.phase != now.phase:
            self._end_phase()
            self._began = time.monotonic()
        self._now = now
        if self._terminal and time.monotonic() - self._shown > 0.1:
            self._shown = time.monotonic()
            of = f" of {now.total}" if now.total else ""
            width = shutil.get_terminal_size().columns - 1
            line = f"{self._name}: {now.phase}: {now.done}{of} cases"[:width]
            print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)

    def _end_phase(self) -> None:
        if self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        elif self._now is not None:
            seconds = time.monotonic() - self._began
            _complain(f"{self._name}: {self._now.phase}: {self._now.done} cases, {seconds:.1f} s")
        self._now = None


# --------------------------------------------------------------------- replay, explain, contract


def _replay(arguments: list[str]) -> int:
    from pytest_rtcmpu.checks import case_files
    from pytest_rtcmpu.checks.run import Settings
    from pytest_rtcmpu.checks.testees.targets import OPTIONS
    from pytest_rtcmpu.report.words import paragraph
    from pytest_rtcmpu.values.credentials import credentials_from

    parser = argparse.ArgumentParser(
        prog="rtcmpu replay",
        usage="rtcmpu replay FILE [--yes] [--target TARGET | -- COMMAND …]",
        description="Run a saved case again, signed afresh, and say whether it is fixed.",
        epilog="Exit status: 0 fixed, 1 still broken, 2 it could not run.",
    )
    parser.add_argument("file", metavar="FILE", help="a case that rtcmpu check saved")
    parser.add_argument("--target", help="run it on another callable or URL")
    parser.add_argument(
        "--yes",
        action="store_true",
        help="run what the file names, wherever the file comes from, without asking",
    )
    parser.add_argument("--timeout", type=_seconds, default=Settings().timeout, metavar="SECONDS")
    parser.add_argument(
        "--edition", choices=_contract.editions(), help="another than the case was found by"
    )
    before, command = _split(arguments)
    given = parser.parse_args(before)
    case = case_files.read(given.file)
    target = case.target
    if given.target or command:
        names = [given.target] if given.target else []
        *_, target = _targets([target.subject, *names], command)
    else:
        _agree(given.file, target, trusted=given.yes or case_files.is_own(given.file))
    edition = given.edition or case.edition
    settings = target.settled(Settings(seed=case.seed, timeout=given.timeout, edition=edition))
    with target.bench(settings, credentials_from(os.environ)) as bench:
        findings = bench.replay(case.request)
        if not findings and not bench.result("documented", case.clause).exercised:
            raise CannotRun(f"{target.name} no longer gets as far as {case.clause}")
    _quote(f"{target.subject} {target.name}: {case.clause} ({case.phase}, {case.scenario})")
    for finding in findings[:1]:
        _quote(paragraph(finding, indent="  "))
    _say("STILL BROKEN" if findings else "FIXED")
    if target.kind in OPTIONS:
        option = shlex.quote(f"{target.option}={target.name}")
        _quote(
            f"pytest node: {case.test}\n"
            f"with: pytest {option}{_edition_option(edition)} --rtcmpu-phase={case.phase} "
            f"--rtcmpu-clause={case.clause}"
        )
    else:
        _quote(f"pytest node: {case.test}")
    return BROKEN if findings else HELD


def _edition_option(edition: str) -> str:
    return "" if edition == _contract.DEFAULT_EDITION else f" --rtcmpu-edition={edition}"


#: What a file makes happen, by the kind of target that it names.
_DOES: Mapping[str, str] = {
    "callable": "imports and calls",
    "command": "runs the command",
    "url": "sends signed requests to",
}


def _agree(file: str, target: Target, *, trusted: bool) -> None:
    """Say what a file makes happen, and ask whether it may.

    Raises:
        CannotRun: where it may not, or nobody is there to be asked.
    """
    from pytest_rtcmpu.checks.case_files import FOLDER
    from pytest_rtcmpu.checks.testees.targets import OWN
    from pytest_rtcmpu.values.text import visible

    if target in OWN or target.kind not in _DOES:
        return
    what = f"{_DOES[target.kind]}: {visible(target.name)}"
    _complain(f"rtcmpu: {visible(file)} {what}")
    if trusted:
        return
    refusal = CannotRun(
        f"{visible(file)} is not from {FOLDER} of the current folder, so nothing was run; "
        "if it may do what it says, give --yes; or name what to run: --target, -- COMMAND"
    )
    if not sys.stdin.isatty():
        raise refusal
    print("rtcmpu: may it? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise refusal


def _explain(arguments: list[str]) -> int:
    from pytest_rtcmpu.explain import explain

    parser = argparse.ArgumentParser(
        prog="rtcmpu explain",
        description="Say what a Code, a clause or a silence means, where it stands, what to do.",
    )
    parser.add_argument("name", help="such as TaskExisted, media-encode.zero or silence.rtmps")
    _add_edition(parser)
    given = parser.parse_args(arguments)
    _say(explain(given.name, _contract.load(given.edition)))
    return HELD


def _print_contract(arguments: list[str]) -> int:
    from pytest_rtcmpu.explain import as_json, as_markdown

    parser = argparse.ArgumentParser(
        prog="rtcmpu contract", description="Print the whole contract, with every source."
    )
    parser.add_argument("--format", choices=("markdown", "json"), default="markdown")
    _add_edition(parser)
    given = parser.parse_args(arguments)
    contract = _contract.load(given.edition)
    if given.format == "json":
        _say(json.dumps(as_json(contract), ensure_ascii=False, indent=2))
    else:
        _say(as_markdown(contract))
    return HELD


def _serve(arguments: list[str]) -> int:
    from pytest_rtcmpu.server.command import main

    return main(arguments)


COMMANDS: Mapping[str, Command] = {
    "check": Command("check clients and endpoints, clause by clause", _check),
    "replay": Command("run a saved case again: fixed, or still broken", _replay),
    "serve": Command("serve the endpoint on a port, for code in any language", _serve),
    "explain": Command("what a Code or a clause means, and what to do", _explain),
    "contract": Command("print the whole contract, as Markdown or JSON", _print_contract),
}


# ------------------------------------------------------------------------------ small necessities


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return what stands before the first ``--``, and what stands after it."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def _say_what_can_be_said() -> None:
    """Let what a terminal's encoding has no character for be printed as an escape."""
    for stream in (sys.stdout, sys.stderr):
        # Whoever chose another way, by PYTHONIOENCODING=cp1252:replace, keeps it.
        if isinstance(stream, TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")


def _quote(text: str) -> None:
    """Print what a subject or a file said."""
    _say(for_terminal(text, multiline=True))


def _say(text: str) -> None:
    """Print, though nobody may be reading any more."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Python flushes stdout once more at the end, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(text: str) -> None:
    print(for_terminal(text, multiline=True), file=sys.stderr, flush=True)


def _add_edition(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Let an edition of the documentation be chosen."""
    parser.add_argument(
        "--edition",
        choices=_contract.editions(),
        default=default or _contract.DEFAULT_EDITION,
        help="the edition of the documentation to hold to (%(default)s)",
    )


def _phases(text: str) -> tuple[Phase, ...]:
    wanted = [name.strip() for name in text.split(",")]
    wrong = [name for name in wanted if name not in PHASES]
    if wrong:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r}: expected one of {', '.join(PHASES)}")
    return tuple(phase for phase in PHASES if phase in wanted)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of seconds, got {text}")
    return number


def _reporting(check_path: Callable[[str], Path]) -> Callable[[str], Path]:
    """Return an argument type that refuses a report which could not be written."""

    def report(text: str) -> Path:
        try:
            return check_path(text)
        except (ValueError, OSError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return report
