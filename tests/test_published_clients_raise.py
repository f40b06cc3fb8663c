"""What each published SDK raises for each fault and each Code: the tables of the documentation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_rtcmpu import Endpoint, contract, faults

pytest.importorskip("alibabacloud_rtc20180111")
pytest.importorskip("aliyunsdkrtc")

from tests.test_published_clients import new_start, new_start_1_0, old_start, old_start_https

pytestmark = pytest.mark.filterwarnings(
    r"ignore:datetime\.datetime\.utcnow\(\) is deprecated:DeprecationWarning"
)

PAGE = (Path(__file__).parent.parent / "docs" / "published-clients.md").read_text("utf-8")
#: Each client by its ways to call, which raise the same.
CLIENTS: Mapping[str, tuple[Callable[[], Any], ...]] = {
    "aliyun-python-sdk-rtc": (old_start, old_start_https),
    "alibabacloud_rtc20180111": (new_start, new_start_1_0),
}
#: Rows of a table name so many Codes, and leave the rest to the status.
MAX_NAMED = 2
#: Every Code, and each HTTP status that it is documented with.
CODES = sorted({(row.code, row.http_status) for row in contract.load().errors})


def outcome(start: Callable[[], Any]) -> str:
    """What comes of a call, in words: the exception's class, and the Code that it tells."""
    try:
        start()
    except json.JSONDecodeError:
        return "nothing: the bytes that it returns are no JSON"
    except Exception as error:
        of = type(error).__module__.partition(".")[0]
        code = getattr(error, "error_code", None) or getattr(error, "code", None)
        told = f" with `{code}`" if isinstance(code, str) else ""
        return f"`{of}` `{type(error).__name__}`{told}"
    return "nothing: it returns the RequestId"


def outcome_of(endpoint: Endpoint, client: str, *asked: Any, **settings: Any) -> str:
    """What comes of a failure that is asked for, whichever way the client calls."""
    found = set()
    for start in CLIENTS[client]:
        endpoint.reset()
        endpoint.fail_next(*asked, **settings)
        found.add(outcome(start))
    (told,) = found
    return told


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    lines = [list(heads), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def test_what_is_raised_for_each_fault(rtcmpu_endpoint: Endpoint) -> None:
    """The table of faults is what is measured."""
    rows = (
        (f"`{name}`", *(outcome_of(rtcmpu_endpoint, each, fault) for each in CLIENTS))
        for name, fault in sorted(faults.PLAIN.items())
    )
    assert f"<!-- raised, by fault -->\n{table(('fault', *CLIENTS), rows)}" in PAGE


def test_what_is_raised_for_each_code(rtcmpu_endpoint: Endpoint) -> None:
    """The table of Codes is what is measured of every Code with every documented status."""
    found: dict[tuple[str, ...], list[tuple[int, str]]] = {}
    for code, http_status in CODES:
        told = (
            outcome_of(rtcmpu_endpoint, each, code, http_status=http_status).replace(
                f"`{code}`", "the Code"
            )
            for each in CLIENTS
        )
        found.setdefault(tuple(told), []).append((http_status, code))
    rows = (
        (
            ", ".join(sorted({str(status) for status, _ in which})),
            ", ".join(f"`{code}`" for _, code in which)
            if len(which) <= MAX_NAMED
            else "all others",
            *told,
        )
        for told, which in sorted(found.items(), key=lambda each: min(each[1]))
    )
    assert f"<!-- raised, by Code -->\n{table(('HTTP status', 'Codes', *CLIENTS), rows)}" in PAGE
