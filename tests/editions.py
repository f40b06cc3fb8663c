"""An edition's files as one text, for tests that change it."""

from __future__ import annotations

from pathlib import Path

import pytest_rtcmpu

CONTRACT = Path(pytest_rtcmpu.__file__).parent / "contract"


def edition_text(edition: str = "2019-05") -> str:
    """Return everything that holds in an edition as one TOML document."""
    folder = CONTRACT / edition
    first = ("StartMPUTask.toml", "edition.toml")
    operations = sorted(file for file in folder.glob("*.toml") if file.name not in first)
    shared = (folder / "edition.toml", CONTRACT / "service.toml")
    files = (*shared, folder / "StartMPUTask.toml", *operations)
    return "\n".join(file.read_text("utf-8") for file in files)
