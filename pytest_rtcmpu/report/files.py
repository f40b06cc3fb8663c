"""A run's report as a file: .json, .html or .xml."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path

from pytest_rtcmpu.checks.core import Run
from pytest_rtcmpu.report.json_report import dumps, to_json
from pytest_rtcmpu.report.ledger import Ledger
from pytest_rtcmpu.values.files import replace_whole


def _json(run: Run, ledgers: Collection[Ledger], problems: Collection[str]) -> bytes:
    return dumps(to_json(run, ledgers, problems=problems))


def _html(run: Run, ledgers: Collection[Ledger], problems: Collection[str]) -> bytes:
    from pytest_rtcmpu.report.html import to_html

    return to_html(run, ledgers, problems=problems).encode("utf-8")


def _xml(run: Run, ledgers: Collection[Ledger], problems: Collection[str]) -> bytes:
    from pytest_rtcmpu.report.junit import to_junit

    return to_junit(run, ledgers, problems=problems)


_FORMATS: dict[str, Callable[[Run, Collection[Ledger], Collection[str]], bytes]] = {
    ".json": _json,
    ".html": _html,
    ".xml": _xml,
}


def check_path(path: str | os.PathLike[str]) -> Path:
    """Return the path if a report can be written there; ask before a run, not after it.

    Raises:
        ValueError: for a suffix that names no format.
        FileNotFoundError: for a directory that does not exist.
        IsADirectoryError: for the name of one.
    """
    given, path = os.fspath(path) or "''", Path(path)  # of nothing Path makes a dot
    if path.suffix.lower() not in _FORMATS:
        *most, last = _FORMATS
        raise ValueError(f"report {given}: expected a name ending in {', '.join(most)} or {last}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"report {given}: the directory {path.parent} does not exist")
    if path.is_dir():
        raise IsADirectoryError(f"report {given}: expected the name of a file, got a directory")
    return path


def write(
    path: str | os.PathLike[str],
    run: Run,
    ledgers: Collection[Ledger],
    *,
    problems: Collection[str] = (),
) -> None:
    """Write the report in the format that the name's suffix says: .json, .html or .xml (JUnit).

    The file is replaced as a whole: a reader never sees half a report.

    Raises:
        OSError: for a report that cannot be written; an older one stays.
    """
    path = check_path(path)
    content = _FORMATS[path.suffix.lower()](run, ledgers, problems)
    replace_whole(path, content)
