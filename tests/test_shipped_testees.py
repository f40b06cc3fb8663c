"""The testees that docs/ ships, run as they are: what the published clients hold and break."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from pytest_rtcmpu import contract
from pytest_rtcmpu.checks.run import ClientBench, Settings, run_bench
from pytest_rtcmpu.checks.testees import command as line_protocol
from pytest_rtcmpu.checks.testees.command import CommandTestee
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS

DOCS = Path(__file__).parent.parent / "docs"
TESTEES = DOCS / "testees"

# A Code that comes with HTTP 200 is a success to both Python clients.
_SUCCESS_IN_SPITE_OF_A_CODE = {
    "reply.error.in-http-200",
    "error.task-existed",
    "error.service-codes",
    "error.unknown-code.http-200",
}
# The timeout of requests is for each wait.
_TRICKLES = {"reply.slow"}
# A RequestId that is not there is handed on as None or undefined.
_NO_REQUEST_ID = {"reply.unreadable.not-an-object", "reply.unreadable.no-request-id"}
_OLD_SDK = {*_SUCCESS_IN_SPITE_OF_A_CODE, *_TRICKLES}
_NEW_SDK = {*_OLD_SDK, *_NO_REQUEST_ID}


def broken(
    command: list[str],
    *,
    edition: str = "2019-05",
    operations: tuple[str, ...] = (),
    fewest: int = 1000,
) -> set[str]:
    """Return the clauses that a testee breaks in the documented phase.

    fewest: what no run may have less of than this: checks that had something to judge.
    """
    settings = Settings(
        phases=("documented",), timeout=10, edition=edition, operations=operations, seed=1
    )
    testee = CommandTestee(command, startup=60)
    bench = ClientBench(testee, settings)
    try:
        results = run_bench(bench, settings).results
    finally:
        bench.close()
    assert sum(result.exercised for result in results) > fewest
    return {result.clause for result in results if result.broken}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["python_old_sdk.py"], _OLD_SDK),
        (["python_new_sdk.py"], {*_NEW_SDK, "task-profile.required"}),
        (["python_new_sdk.py", "--task-profile"], _NEW_SDK),
    ],
    ids=["old", "new", "new-with-task-profile"],
)
def test_the_published_python_clients_are_judged_truly(arguments, expected):
    """Both take a Code in HTTP 200 for a success, and the new one cannot send TaskProfile."""
    script, *options = arguments
    assert broken([sys.executable, str(TESTEES / script), *options]) == expected


_OTHER_OPERATIONS = (
    *("StopMPUTask", "GetMPUTaskStatus", "CreateMPULayout", "ModifyMPULayout"),
    *("DeleteMPULayout", "DescribeMPULayoutInfoList"),
)


def _listed(table: str, client: str) -> set[str]:
    """The clauses of a client's row in a table of the page, of any level."""
    page = (DOCS / "published-clients.md").read_text("utf-8")
    rows = page.partition(f"| client, {table} |")[2].partition("\n\n")[0].splitlines()
    [row] = [row for row in rows if row.startswith(f"| {client} |")]
    return set(re.findall(r"`([^`]+)`", row))


@pytest.mark.parametrize(
    ("script", "client"),
    [
        ("python_old_sdk.py", "aliyun-python-sdk-rtc 1.3.5"),
        ("python_new_sdk.py", "alibabacloud_rtc20180111 5.3.5"),
    ],
    ids=["old", "new"],
)
@pytest.mark.parametrize(
    ("table", "operations"), [("StartMPUTask", ()), ("the other operations", _OTHER_OPERATIONS)]
)
def test_the_tables_of_2021_are_true(script, client, table, operations):
    """What the page lists of edition 2021-03 is what the clients break there."""
    command = [sys.executable, str(TESTEES / script)]
    fewest = 500 if operations else 1000  # few of the other operations' cases are refused
    found = broken(command, edition="2021-03", operations=operations, fewest=fewest)
    assert found == _listed(table, client)


def test_the_published_node_client_is_judged_truly(node_testee):
    """It raises TaskExisted, and takes JSON without RequestId and Code for a success."""
    assert broken(["node", str(node_testee)]) == _NO_REQUEST_ID


def test_our_client_holds_every_clause_over_the_line_protocol():
    """The package's own client, served by ``serve_testee``, breaks nothing."""
    program = (
        "from pytest_rtcmpu.checks.testees.command import serve_testee\n"
        "from pytest_rtcmpu.checks.own import start\n"
        "serve_testee(start)"
    )
    assert broken([sys.executable, "-c", program]) == set()


PARAMS = {
    "AppId": "a",
    "ChannelId": "c",
    "TaskId": "t",
    "TaskProfile": "4IN_720P",
    "MediaEncode": 0,
    "BackgroundColor": 0,
    "LayoutIds": [1],
    "UserPanes": [],
    "StreamURL": "rtmp://h/a/s",
}


def blocks(kind: str) -> list[str]:
    """Return the fenced blocks of docs/line-protocol.md with that heading."""
    text = (DOCS / "line-protocol.md").read_text("utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def test_the_documented_question_is_what_is_asked():
    """The documentation's question has the fields that a question has, the params in order."""
    documented, of_another = map(json.loads, blocks("json in"))
    names = [parameter.name for parameter in contract.load().parameters]
    asked = json.loads(line_protocol._question(1, PARAMS, "", TEST_CREDENTIALS, 2.0, None))
    assert list(documented) == list(asked)
    assert list(documented["credentials"]) == list(asked["credentials"])
    assert list(documented["params"]) == list(PARAMS)
    assert list(of_another) == [*asked, "operation"]
    stop = contract.load().operation(of_another["operation"])
    assert list(of_another["params"]) == [p.name for p in stop.parameters]
    assert set(names) == set(PARAMS)


def test_the_documented_answers_are_understood():
    """Each of the documentation's answers is read as what it is said to be."""
    outcomes = [line_protocol._read(block.encode(), 1) for block in blocks("json out")]
    assert [(o.kind, o.code, o.status) for o in outcomes] == [
        ("request_id", None, None),
        ("request_id", None, 1),
        ("error", "TaskExisted", None),
        ("error", None, None),
    ]
