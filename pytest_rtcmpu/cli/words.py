"""What the commands share: how arguments are read, and how it is said what came of them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.checks.core import PHASES, CannotRun, Phase
from pytest_rtcmpu.values.text import for_terminal, near

if TYPE_CHECKING:
    from pytest_rtcmpu.checks.testees.targets import Target

#: The exit statuses.
HELD, BROKEN, COULD_NOT_RUN = 0, 1, 2
#: As wide as lines get where nobody says how wide the page is.
PIPED_WIDTH = 160


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return what stands before the first ``--``, and what stands after it."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def say_what_can_be_said() -> None:
    """Let what a terminal's encoding has no character for be printed as an escape."""
    for stream in (sys.stdout, sys.stderr):
        # Whoever chose another way, by PYTHONIOENCODING=cp1252:replace, keeps it.
        if isinstance(stream, TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")


def quote(text: str) -> None:
    """Print what a subject or a file said."""
    say(for_terminal(text, multiline=True))


def say(text: str) -> None:
    """Print, though nobody may be reading any more."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Python flushes stdout once more at the end, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(text: str) -> None:
    """Print a line for people beside what the command prints."""
    print(for_terminal(text, multiline=True), file=sys.stderr, flush=True)


def add_edition(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Let an edition of the documentation be chosen."""
    parser.add_argument(
        "--edition",
        choices=_contract.editions(),
        default=default or _contract.DEFAULT_EDITION,
        help="the edition of the documentation to hold to (%(default)s)",
    )


def phases(text: str) -> tuple[Phase, ...]:
    """Read phases with commas between them."""
    wanted = [name.strip() for name in text.split(",")]
    wrong = [name for name in wanted if name not in PHASES]
    if wrong:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r}: expected one of {', '.join(PHASES)}")
    return tuple(phase for phase in PHASES if phase in wanted)


def folder(text: str) -> Path:
    """Read the name of a folder that files can be put into; it may not be there yet."""
    if not text:
        raise argparse.ArgumentTypeError("expected the name of a folder, got nothing")
    path = Path(text)
    # What may not be looked at is not there, to os.path.
    there = next(each for each in (path, *path.parents) if os.path.exists(each))
    if not there.is_dir():
        raise argparse.ArgumentTypeError(f"expected the name of a folder, got a file: {there}")
    return path


def reporting(check_path: Callable[[str], Path]) -> Callable[[str], Path]:
    """Return an argument type that refuses a report which could not be written."""

    def report(text: str) -> Path:
        try:
            return check_path(text)
        except (ValueError, OSError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return report


def targets_of(words: Sequence[str], command: Sequence[str]) -> tuple[Target, ...]:
    """Return what the arguments name; ``command`` is what stands after ``--``."""
    from pytest_rtcmpu.checks.testees import targets

    subject, *names = words or [""]
    if not all(words) or (subject in ("client", "endpoint") and not (names or command)):
        # An empty variable in somebody's script must not check this package's own pair.
        raise CannotRun(f"{subject or 'a target'}: expected a name after it; rtcmpu check --help")
    if subject == "endpoint" and not command:
        return _unique(map(targets.endpoint_target, names))
    if subject == "client":
        for name in names:
            _expect_callable(name)
        found = [*map(targets.callable_target, names)]
        if command:
            found.append(targets.command_target(command))
        return _unique(found)
    if not words and not command:
        return targets.OWN
    if subject == "endpoint":
        raise CannotRun("an endpoint is named by its URL; a command can only be a client")
    raise CannotRun(f"expected client or endpoint, got {subject or '--'!r}{_meant(subject)}")


def _expect_callable(name: str) -> None:
    """Refuse what no module is called, before it is looked for: a URL, or a file."""
    expected = f"client {name}: expected package.module:callable, such as mytests.client:start"
    if "://" in name:
        raise CannotRun(f"{expected}; did you mean endpoint {name}?")
    if "/" in name or "\\" in name:
        raise CannotRun(f"{expected}; name the module, not its file")


def _meant(word: str) -> str:
    """Return ``; did you mean endpoint http://…?`` for what stands where a subject should."""
    if "://" in word:
        return f"; did you mean endpoint {word}?"
    if ":" in word:
        return f"; did you mean client {word}?"
    if word in _contract.editions():
        return f"; did you mean --edition {word}?"
    return near(word, ("client", "endpoint"))


def _unique(targets: Iterable[Target]) -> tuple[Target, ...]:
    return tuple(dict.fromkeys(targets))
