"""What each published SDK raises for each fault and each Code: the tables of the documentation."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from pytest_rtcmpu import Endpoint, ServedEndpoint, contract, faults
from pytest_rtcmpu.model import example_task

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


#: The Node clients, and the fixture that installs each.
NODE = {"@alicloud/pop-core": "node_testee", "@alicloud/openapi-client": "openapi_client"}
PROGRAM = Path(__file__).parent / "programs" / "raises.js"
#: Milliseconds that a call may take, and where none of the reply comes.
PATIENCE, IMPATIENCE = 60_000, 300


class NodeClient:
    """A process of Node that calls an endpoint by a client, once for each line."""

    def __init__(self, library: str, installed: Path, url: str) -> None:
        node = shutil.which("node")
        assert node is not None
        folder = installed if installed.is_dir() else installed.parent
        program = Path(shutil.copy(PROGRAM, folder))
        self.process = subprocess.Popen(
            [node, str(program), library, url], stdin=-1, stdout=-1, text=True, encoding="utf-8"
        )

    def close(self) -> None:
        """End it."""
        with self.process:
            self.process.kill()

    def outcome(self, timeout: int = PATIENCE) -> str:
        """What comes of a call, in words: the error's name, and the code that it has."""
        params = dict(example_task().to_wire(user_panes_from=1))
        question = json.dumps({"params": params, "timeout": timeout})
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{question}\n")
        self.process.stdin.flush()
        came = json.loads(self.process.stdout.readline())
        if "request_id" in came:
            assert came["request_id"]
            return "nothing: it resolves to the RequestId"
        name, code = came["name"], came["code"]
        if name == f"{code}Error":
            return f"`Error` with `{code}`, and named after it"
        return f"`{name}` with `{code}`" if code else f"`{name}`"


@pytest.fixture
def node_clients(
    rtcmpu_server: ServedEndpoint, request: pytest.FixtureRequest
) -> Iterator[dict[str, NodeClient]]:
    """Each Node client, in a process of its own."""
    with ExitStack() as stack:
        yield {
            library: stack.enter_context(
                closing(NodeClient(library, request.getfixturevalue(fixture), rtcmpu_server.url))
            )
            for library, fixture in NODE.items()
        }


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


def rows_by_code(outcomes: Callable[[str, int], Iterable[str]]) -> Iterator[tuple[str, ...]]:
    """Return the rows of a table of Codes: those alike in one.

    Args:
        outcomes: what comes of a Code and an HTTP status, client by client.
    """
    found: dict[tuple[str, ...], list[tuple[int, str]]] = {}
    for code, http_status in CODES:
        told = (each.replace(f"`{code}`", "the Code") for each in outcomes(code, http_status))
        found.setdefault(tuple(told), []).append((http_status, code))
    yield from (
        (
            ", ".join(sorted({str(status) for status, _ in which})),
            ", ".join(f"`{code}`" for _, code in which)
            if len(which) <= MAX_NAMED
            else "all others",
            *told,
        )
        for told, which in sorted(found.items(), key=lambda each: min(each[1]))
    )


def test_what_is_raised_for_each_code(rtcmpu_endpoint: Endpoint) -> None:
    """The table of Codes is what is measured of every Code with every documented status."""
    rows = rows_by_code(
        lambda code, http_status: [
            outcome_of(rtcmpu_endpoint, each, code, http_status=http_status) for each in CLIENTS
        ]
    )
    assert f"<!-- raised, by Code -->\n{table(('HTTP status', 'Codes', *CLIENTS), rows)}" in PAGE


def test_what_node_rejects_with_for_each_fault(
    rtcmpu_server: ServedEndpoint, node_clients: dict[str, NodeClient]
) -> None:
    """The table of faults, of Node's clients, is what is measured over a socket."""

    def outcome(client: NodeClient, fault: faults.Fault) -> str:
        rtcmpu_server.reset()
        rtcmpu_server.fail_next(fault)
        return client.outcome(IMPATIENCE if fault is faults.timeout else PATIENCE)

    rows = (
        (f"`{name}`", *(outcome(client, fault) for client in node_clients.values()))
        for name, fault in sorted(faults.PLAIN.items())
    )
    assert f"<!-- Node, by fault -->\n{table(('fault', *NODE), rows)}" in PAGE


def test_what_node_rejects_with_for_each_code(
    rtcmpu_server: ServedEndpoint, node_clients: dict[str, NodeClient]
) -> None:
    """So is the table of Codes."""

    def outcomes(code: str, http_status: int) -> Iterator[str]:
        for client in node_clients.values():
            rtcmpu_server.reset()
            rtcmpu_server.fail_next(code, http_status=http_status)
            yield client.outcome()

    rows = rows_by_code(outcomes)
    assert f"<!-- Node, by Code -->\n{table(('HTTP status', 'Codes', *NODE), rows)}" in PAGE
