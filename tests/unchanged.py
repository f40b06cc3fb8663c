"""What a change of the house must leave as it is: verdicts, counts, names.

``python tests/unchanged.py before.json`` writes it down; after the change
``python tests/unchanged.py after.json --compare before.json`` lists what differs, and exits with 1
where something does. The zoo's verdicts are a table already: ``zoo.toml``, held by
``test_zoo.py``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def ledger() -> dict[str, str]:
    """Return what the checks say of this package's own pair: check → outcome and counts."""
    from pytest_rtcmpu import cli

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.json"
        cli.main(["check", "--seed", "1", "--max-examples", "20", "--report", str(path)])
        report = json.loads(path.read_text("utf-8"))
    return {
        f"{subject['subject']}/{row['id']}": f"{row['outcome']}, {row['checks']} checks"
        for subject in report["subjects"]
        for row in subject["clauses"]
    }


def documented_imports() -> dict[str, str]:
    """Return every name that README and docs import, and whether it can be."""
    found = {}
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    scripts = sorted((ROOT / "docs").rglob("*.py"))
    for page in (*pages, *scripts):
        text = page.read_text("utf-8")
        pattern = r"^\s*from (pytest_rtcmpu[\w.]*) import (\([^)]*\)|[^\n#(]+)"
        for match in re.finditer(pattern, text, re.MULTILINE):
            for name in re.findall(r"\w+", match[2].partition(" as ")[0]):
                found[f"{match[1]}:{name}"] = _importable(match[1], name)
        for module, name in re.findall(r"\b(pytest_rtcmpu[\w.]*):(\w+)", text):
            found[f"{module}:{name}"] = _importable(module, name)
    return found


def _importable(module: str, name: str) -> str:
    try:
        getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        try:
            importlib.import_module(f"{module}.{name}")
        except ImportError:
            return "no"
    return "yes"


def fixtures() -> dict[str, str]:
    """Return the plugin's fixtures and public names."""
    import pytest_rtcmpu
    from pytest_rtcmpu import plugin

    named = {name: "fixture" for name in vars(plugin) if name.startswith("rtcmpu_")}
    return named | dict.fromkeys(pytest_rtcmpu.__all__, "public")


def main() -> int:
    """Write down, compare, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("file", type=Path)
    parser.add_argument("--compare", type=Path, metavar="BEFORE")
    given = parser.parse_args()
    now: dict[str, Any] = {
        "ledger": ledger(),
        "imports": documented_imports(),
        "fixtures": fixtures(),
    }
    given.file.write_text(json.dumps(now, indent=1, sort_keys=True), "utf-8")
    if given.compare is None:
        return 0
    before = json.loads(given.compare.read_text("utf-8"))
    # Another page may name another path; what was named once goes on working.
    now["imports"] = {
        name: _importable(*name.split(":")) for name in {*before["imports"], *now["imports"]}
    }
    before["imports"] = dict.fromkeys(now["imports"], "yes")
    different = [
        f"{part} {name}: {rows.get(name, 'absent')} → {now.get(part, {}).get(name, 'absent')}"
        for part, rows in before.items()
        for name in sorted({*rows, *now.get(part, {})})
        if rows.get(name) != now.get(part, {}).get(name)
    ]
    print("\n".join(different) or "nothing differs")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
