"""Saved cases: one file for each finding, enough to run it again with a fresh signature."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_rtcmpu.checks.core import CannotRun, Finding, Phase, SubjectRun, check_id
from pytest_rtcmpu.checks.testees.targets import Target
from pytest_rtcmpu.contract import DEFAULT_EDITION
from pytest_rtcmpu.values import records
from pytest_rtcmpu.values.files import replace_whole
from pytest_rtcmpu.values.text import near, system_error

SCHEMA = "rtcmpu-case/1"
#: Characters of a file; one holds a few steps, and texts that are cut.
MAX_CHARACTERS = 4 * 1024 * 1024
#: Where cases are saved unless something else is asked for; kept out of version control.
FOLDER = Path(".rtcmpu", "cases")


@dataclass(frozen=True, kw_only=True)
class SavedCase:
    """A saved finding. ``test`` is the pytest node id of the test that shows it."""

    target: Target
    clause: str
    phase: Phase
    scenario: str
    expected: str
    got: str
    seed: int
    test: str
    case: Mapping[str, Any]
    edition: str = DEFAULT_EDITION

    @property
    def check(self) -> str:
        """The id of the check that found it."""
        return check_id(self.target.subject, self.phase, self.clause)

    @property
    def request(self) -> dict[str, Any]:
        """What a bench's ``replay`` is given."""
        return {**self.case, "clause": self.clause}


def node_name(phase: str, clause: str) -> str:
    """Return the name of the test that is one check."""
    return f"test_contract[{phase}-{clause}]"


def node_id(target: Target) -> str:
    """Return the pytest node that holds a target's checks when an option names it."""
    return target.option.removeprefix("--")


def cases(
    run: SubjectRun, target: Target, *, seed: int, node: str, edition: str = DEFAULT_EDITION
) -> Iterator[tuple[str, SavedCase]]:
    """Yield (file name, case) for each finding of a run; ``node`` holds its tests.

    A name depends on the target and the check alone, so that a new run replaces the last one's.
    """
    tag = hashlib.sha256(f"{target.kind} {target.name}".encode()).hexdigest()[:6]
    for result in run.results:
        for number, finding in enumerate(result.findings, start=1):
            if finding.case:
                stem = re.sub(r"[^\w.-]", "-", check_id(run.subject, result.phase, result.clause))
                case = replace(_case(finding, target, seed, node), edition=edition)
                yield f"{stem}-{tag}-{number}.json", case


def _case(finding: Finding, target: Target, seed: int, node: str) -> SavedCase:
    return SavedCase(
        target=target,
        clause=finding.clause,
        phase=finding.phase,
        scenario=finding.scenario,
        expected=finding.expected,
        got=finding.got,
        seed=seed,
        test=f"{node}::{node_name(finding.phase, finding.clause)}",
        case=finding.case,
    )


def save(folder: Path, named: Iterable[tuple[str, SavedCase]]) -> list[Path]:
    """Write cases and return their paths.

    Raises:
        CannotRun: when they cannot be written.
    """
    paths = []
    for name, case in named:
        try:
            if not folder.exists():
                folder.mkdir(parents=True)
                (folder / ".gitignore").write_text("*\n", "ascii")
            path = folder / name
            text = json.dumps({"schema": SCHEMA, **records.dump(case)}, indent=2, ensure_ascii=True)
            replace_whole(path, f"{text}\n".encode("ascii"))
        except OSError as error:
            raise CannotRun(f"cases cannot be saved: {system_error(error)}") from None
        paths.append(path)
    return paths


def is_own(path: str | os.PathLike[str]) -> bool:
    """Whether a file lies where runs from the current folder save cases, and not by a link."""
    return Path(path).resolve().parent == FOLDER.resolve()


def read(path: str | os.PathLike[str]) -> SavedCase:
    """Return a saved case.

    Raises:
        CannotRun: for what is none.
    """
    try:
        data = records.parse(records.read_text(path, MAX_CHARACTERS))
        if not isinstance(data, dict) or data.pop("schema", None) != SCHEMA:
            raise CannotRun(f"{path}: expected a saved case of {SCHEMA}")
        return records.load(SavedCase, data)
    except FileNotFoundError:
        raise CannotRun(f"{path}: there is no such file{_near_file(Path(path))}") from None
    except OSError as error:
        raise CannotRun(f"{path}: not a saved case: {system_error(error)}") from None
    except records.RecordError as error:
        raise CannotRun(f"{path}: not a saved case:\n{error}") from None


def _near_file(path: Path) -> str:
    """Return the file beside it, or where cases are saved, that was probably meant."""
    folder = path.parent if path.parent.is_dir() else FOLDER
    hint = near(path.name, sorted(each.name for each in folder.glob("*.json")), cutoff=0.7)
    return hint or f"; cases are saved in {FOLDER} of the folder that a run is started in"
