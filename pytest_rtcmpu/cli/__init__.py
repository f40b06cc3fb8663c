"""``rtcmpu``: contract checks from a shell.

Exit status: 0 all holds, 1 something is broken, 2 it could not run.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pytest_rtcmpu
from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.checks.core import CannotRun
from pytest_rtcmpu.cli.check import check
from pytest_rtcmpu.cli.replay import replay
from pytest_rtcmpu.cli.words import (
    BROKEN as BROKEN,
)
from pytest_rtcmpu.cli.words import (
    COULD_NOT_RUN,
    HELD,
    PIPED_WIDTH,
    add_edition,
    complain,
    say,
    say_what_can_be_said,
)
from pytest_rtcmpu.contract import ContractError
from pytest_rtcmpu.values.arguments import Parser
from pytest_rtcmpu.values.text import near


@dataclass(frozen=True)
class Command:
    """A command: what it does, in a line, and the function that gets the arguments after it."""

    summary: str
    run: Callable[[list[str]], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    say_what_can_be_said()
    parser = Parser(
        prog="rtcmpu",
        usage="rtcmpu [-h] [--version] command …",
        description="Contract checks for StartMPUTask of Alibaba Cloud RTC.",
        epilog="\n".join(f"  {name:<9} {command.summary}" for name, command in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = f"%(prog)s {pytest_rtcmpu.__version__}"
    parser.add_argument("--version", action="version", version=version)
    # Not required: an unknown option would be told as a command that is missing.
    parser.add_argument("command", type=_command, nargs="?", help="see below")
    given = parser.parse_args(arguments[:1])
    if given.command is None:
        parser.error(f"expected a command, one of {', '.join(COMMANDS)}")
    if argv is None:
        # Hypothesis keeps notes in the current folder; nobody who runs a command asked for them.
        notes = tempfile.TemporaryDirectory(prefix="rtcmpu-")
        atexit.register(notes.cleanup)
        os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", notes.name)
    try:
        return COMMANDS[given.command].run(arguments[1:])
    except (CannotRun, ContractError) as error:
        complain(f"rtcmpu: {error}")
    except KeyboardInterrupt:
        complain("rtcmpu: interrupted")
    except Exception:
        complain(f"rtcmpu: a defect of rtcmpu itself\n{traceback.format_exc()}")
    return COULD_NOT_RUN


def _command(name: str) -> str:
    if name not in COMMANDS:
        expected = ", ".join(COMMANDS)
        raise argparse.ArgumentTypeError(
            f"expected one of {expected}, got {name!r}{near(name, COMMANDS)}"
        )
    return name


def _explain(arguments: list[str]) -> int:
    from pytest_rtcmpu.explain import explain

    parser = Parser(
        prog="rtcmpu explain",
        description="Say what a Code, a clause, a silence or a parameter means, where it stands, "
        "what to do.",
    )
    parser.add_argument(
        "name",
        help="such as TaskExisted, media-encode.zero, silence.rtmps, BackgroundColor or "
        "StopMPUTask.TaskId",
    )
    add_edition(parser)
    given = parser.parse_args(arguments)
    say(explain(given.name, _contract.load(given.edition)))
    return HELD


def _print_contract(arguments: list[str]) -> int:
    from pytest_rtcmpu.explain import as_json, as_markdown, is_known

    parser = Parser(
        prog="rtcmpu contract", description="Print the whole contract, with every source."
    )
    parser.add_argument("--format", choices=("markdown", "json"), default="markdown")
    add_edition(parser)
    for word in parser.parse_known_args(arguments)[1][:1]:
        if is_known(word):
            parser.error(f"it prints all of it; did you mean rtcmpu explain {word}?")
    given = parser.parse_args(arguments)
    contract = _contract.load(given.edition)
    if given.format == "json":
        say(json.dumps(as_json(contract), ensure_ascii=False, indent=2))
    else:
        say(as_markdown(contract))
    return HELD


def _diff(arguments: list[str]) -> int:
    from pytest_rtcmpu.differences import as_json, as_markdown, as_text

    parser = Parser(
        prog="rtcmpu diff",
        description="Say what differs from one edition of the documentation to another.",
        epilog="Exit status: 0, whether anything differs or not; 2 for an unknown edition.",
    )
    there = ", ".join(_contract.editions())
    parser.add_argument("one", metavar="EDITION", help=f"one of {there}")
    parser.add_argument("other", metavar="EDITION", help="another")
    parser.add_argument("--format", choices=("text", "markdown", "json"), default="text")
    given = parser.parse_args(arguments)
    one, other = _contract.load(given.one), _contract.load(given.other)
    if given.format == "json":
        say(json.dumps(as_json(one, other), ensure_ascii=False, indent=2))
    elif given.format == "markdown":
        say(as_markdown(one, other))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPED_WIDTH
        say(as_text(one, other, width=width))
    return HELD


def _serve(arguments: list[str]) -> int:
    from pytest_rtcmpu.server.command import main

    return main(arguments)


COMMANDS: Mapping[str, Command] = {
    "check": Command("check clients and endpoints, clause by clause", check),
    "replay": Command("run a saved case again: fixed, or still broken", replay),
    "serve": Command("serve the endpoint on a port, for code in any language", _serve),
    "explain": Command("what a Code, a clause or a parameter means, and what to do", _explain),
    "contract": Command("print the whole contract, as Markdown or JSON", _print_contract),
    "diff": Command("what differs between two editions of the documentation", _diff),
}
