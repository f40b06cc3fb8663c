"""``rtcmpu replay``: a saved case again."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.checks.core import CannotRun
from pytest_rtcmpu.cli.words import BROKEN, HELD, complain, quote, say, split, targets_of
from pytest_rtcmpu.values import commands
from pytest_rtcmpu.values.arguments import Parser, seconds

if TYPE_CHECKING:
    from pytest_rtcmpu.checks.case_files import SavedCase
    from pytest_rtcmpu.checks.testees.targets import Target


def replay(arguments: list[str]) -> int:
    """Run a saved case again, and return the exit status."""
    from pytest_rtcmpu.checks import case_files
    from pytest_rtcmpu.checks.run import Settings
    from pytest_rtcmpu.report.words import paragraph
    from pytest_rtcmpu.values.credentials import credentials_from

    parser = Parser(
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
    parser.add_argument("--timeout", type=seconds, default=Settings().timeout, metavar="SECONDS")
    parser.add_argument(
        "--live",
        action="store_true",
        help="call an endpoint that is not this machine, though what is started may be billed",
    )
    parser.add_argument(
        "--edition", choices=_contract.editions(), help="another than the case was found by"
    )
    before, command = split(arguments)
    given = parser.parse_args(before)
    case = case_files.read(given.file)
    target = case.target
    if given.target is not None or command:
        names = [] if given.target is None else [given.target]
        *_, target = targets_of([target.subject, *names], command)
    else:
        _agree(given.file, target, trusted=given.yes or case_files.is_own(given.file))
    edition = given.edition or case.edition
    settings = target.settled(
        Settings(seed=case.seed, timeout=given.timeout, edition=edition, live=given.live)
    )
    with target.bench(settings, credentials_from(os.environ)) as bench:
        findings = bench.replay(case.request)
        if not findings and not bench.result("documented", case.clause).exercised:
            raise CannotRun(f"{target.name} no longer gets as far as {case.clause}")
    quote(f"{target.subject} {target.name}: {case.clause} ({case.phase}, {case.scenario})")
    for finding in findings[:1]:
        quote(paragraph(finding, indent="  "))
    say("STILL BROKEN" if findings else "FIXED")
    words = _of_pytest(case, target, edition, live=given.live)
    quote(f"with pytest: {commands.join(('pytest', *words))}")
    return BROKEN if findings else HELD


def _of_pytest(case: SavedCase, target: Target, edition: str, *, live: bool) -> list[str]:
    """Return what pytest is to be told, to run the check that found a case and no other."""
    from pytest_rtcmpu.checks.testees.targets import OPTIONS

    if case.target.kind not in OPTIONS:
        return [case.test]  # a contract class's, whatever it is replayed on
    # What an option names is in no file: pytest finds it by its mark.
    told = ["-m", "rtcmpu", f"{target.option}={target.name}"]
    if edition != _contract.DEFAULT_EDITION:
        told.append(f"--rtcmpu-edition={edition}")
    told += (
        f"--rtcmpu-operation={operation.name}"
        for operation in _contract.load(edition).operations.values()
        if target.kind == "command" and case.clause in {clause.id for clause in operation.clauses}
    )
    told += [f"--rtcmpu-phase={case.phase}", f"--rtcmpu-clause={case.clause}"]
    return [*told, "--rtcmpu-live"] if live else told


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
    complain(f"rtcmpu: {visible(file)} {what}")
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
