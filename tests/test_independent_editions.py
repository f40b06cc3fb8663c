"""Package and independent pair, in both editions and all operations: each accepts what the other
makes, and what one of them breaks the other refuses with one of its Codes.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import product
from typing import Any, Literal, cast

import pytest
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from independent.client import ClientError, IndependentClient
from independent.edition_endpoint import EditionEndpoint
from independent.editions import OPERATIONS, Edition, judgement

from pytest_rtcmpu import contract
from pytest_rtcmpu import strategies as rtc
from pytest_rtcmpu.client import Client
from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.model import OperationRequest
from pytest_rtcmpu.strategies import Violation
from pytest_rtcmpu.strategies.plain import plain
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS
from pytest_rtcmpu.values.messages import Request

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = {"access_key_id": "testid", "access_key_secret": "testsecret"}
EDITIONS: tuple[Edition, ...] = ("2019-05", "2021-03")
#: Every operation of every edition.
ALL = [(edition, action) for edition in EDITIONS for action in OPERATIONS[edition]]
each_operation = pytest.mark.parametrize(("edition", "action"), ALL)
FORMATS = ("JSON", "XML")
SIGNATURES = ("1.0", "v3")

FEW = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
ways = st.tuples(
    st.sampled_from(SIGNATURES), st.sampled_from(("GET", "POST")), st.sampled_from(FORMATS)
)
Way = tuple[str, str, str]


def test_both_have_the_same_operations() -> None:
    """What the independent pair has of an edition is what the package's contract has."""
    for edition in EDITIONS:
        assert set(OPERATIONS[edition]) == set(contract.load(edition).operations)


# ------------------------------------------------------------------- our client, their endpoint


def sent_to_theirs(
    edition: Edition, action: str, pairs: Iterable[tuple[str, str]], way: Way
) -> str | None:
    """The Code that their endpoint answers to our client, ``None`` for a success."""
    signature, method, reply_format = way
    theirs = prepared_theirs(edition, action, dict(pairs))
    ours = Client(
        TEST_CREDENTIALS,
        signature=cast(Any, signature),
        method=cast(Any, method),
        reply_format=cast(Any, reply_format),
        now=lambda: NOW,
        contract=contract.load(edition),
    )
    request = ours.prepare(action, list(pairs))
    theirs.handle(request.method, request.target, request.headers, request.body)
    found = theirs.judgements[-1]
    return None if found.allows(None) else ", ".join(sorted(found.refusals))


def prepared_theirs(edition: Edition, action: str, pairs: Mapping[str, str]) -> EditionEndpoint:
    """Their endpoint, with the task that a request names where it asks for one's status."""
    theirs = EditionEndpoint(edition=edition, now=NOW.timestamp)
    if action == "GetMPUTaskStatus" and pairs.get("AppId") and pairs.get("TaskId"):
        begun = plain(contract.load(edition), AppId=pairs["AppId"], TaskId=pairs["TaskId"])
        client = IndependentClient(edition=edition, now=NOW.timestamp)
        client.ask_in_process(begun, handle=theirs.handle, credentials=KEY)
    return theirs


@each_operation
@FEW
@given(data=st.data())
def test_our_requests_are_accepted_there(
    edition: Edition, action: str, data: st.DataObject
) -> None:
    """A request that strategies make is acceptable by their reading, and they accept it."""
    request = data.draw(rtc.requests(action, contract=contract.load(edition)))
    pairs = request.to_wire()
    assume(not is_open(pairs, edition))
    assert judgement(action, edition, pairs).allows(None)
    assert sent_to_theirs(edition, action, pairs, data.draw(ways)) is None


@each_operation
@FEW
@given(data=st.data())
def test_our_violations_are_refused_there(
    edition: Edition, action: str, data: st.DataObject
) -> None:
    """What breaks one of our rules is refused by their reading too, by one of our Codes."""
    violation = data.draw(rtc.violations(action, contract=contract.load(edition)))
    expect_refused(edition, action, violation)


def expect_refused(edition: Edition, action: str, violation: Violation) -> None:
    """Hold a violation to their reading."""
    assume(not is_open(violation.repaired, edition))
    repaired = judgement(action, edition, list(violation.repaired))
    assert repaired.allows(None), (violation, repaired)
    if any(fnmatchcase(violation.clause, glob) for glob in OTHER_READINGS):
        assert violation.level == "reading"
        return
    found = judgement(action, edition, list(violation.pairs))
    assert any(found.allows(code) for code in violation.codes), (violation, found)
    if violation.level != "reading":
        assert not found.allows(None), violation


#: Readings that the two do not share: the package wants a path behind a picture's host.
OTHER_READINGS = ("*.images.url.absolute", "*backgrounds.url.absolute", "*watermarks.url.absolute")


def is_open(pairs: Iterable[tuple[str, str]], edition: Edition) -> bool:
    """Whether no page says if a request is good.

    In single-stream mode LayoutIds does nothing: that it has to keep its rules is nowhere said.
    """
    given = dict(pairs)
    layouts = contract.load(edition).layouts
    panes = [layouts.get(int(v)) for n, v in given.items() if n.startswith("LayoutIds.")]
    return given.get("MixMode") == "0" and len(panes) != len(set(panes))


CLAUSES = [
    (edition, action, clause_id)
    for edition, action in ALL
    for view in [contract.load(edition).operation(action)]
    for clause_id in [
        *(c.id for c in view.in_view.clauses if c.rule and c.parameter and c.codes),
        *(r.id for r in view.relations if r.verdict == "refuse"),
    ]
]
#: What takes a task that is there, and what both tolerate.
NOT_VIOLATED = {"exists", "exclusive"}


def violated(edition: Edition, action: str) -> list[str]:
    """The clauses of an operation that strategies can break."""
    view = contract.load(edition).operation(action)
    found = []
    for its_edition, its_action, clause_id in CLAUSES:
        clause = view.clause(clause_id) if (its_edition, its_action) == (edition, action) else None
        if clause is None or clause.rule in NOT_VIOLATED:
            continue
        p = view.parameter(str(clause.parameter))
        if p.tolerated is None or clause.rule != "required":
            found.append(clause_id)
    return found


@each_operation
def test_each_of_our_clauses_is_a_rule_there(edition: Edition, action: str) -> None:
    """Every clause of every operation that a request can break is broken there too."""
    view = contract.load(edition)
    for clause_id in violated(edition, action):

        @settings(FEW, max_examples=1)
        @given(rtc.violations(action, contract=view, clauses=clause_id))
        def run(violation: Violation) -> None:
            expect_refused(edition, action, violation)

        run()


# ------------------------------------------------------------------- their client, our endpoint


@pytest.mark.parametrize(
    ("signature", "method", "form", "reply_format"),
    [
        (signature, method, form, reply_format)
        for signature, (method, form), reply_format in product(
            SIGNATURES, (("GET", False), ("POST", False), ("POST", True)), FORMATS
        )
    ],
)
@pytest.mark.parametrize("edition", EDITIONS)
def test_their_client_is_accepted_here(
    edition: Edition,
    signature: Literal["1.0", "v3"],
    method: Literal["GET", "POST"],
    form: bool,
    reply_format: str,
) -> None:
    """Every operation of their client, in every way to send, is accepted and understood."""
    judge_by = contract.load(edition)
    ours = Endpoint(contract=judge_by, now=NOW, warn=lambda _: None)

    def handle(
        verb: str, target: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> tuple[int, Sequence[tuple[str, str]], bytes]:
        reply = ours.handle(Request(method=verb, target=target, headers=tuple(headers), body=body))
        return reply.status, reply.headers, reply.body

    def ask(action: str, **changes: Any) -> Any:
        client = IndependentClient(
            edition=edition,
            action=action,
            signature=signature,
            method=method,
            form=form,
            reply_format=reply_format,
            now=NOW.timestamp,
        )
        params = plain(judge_by.operation(action), **changes)
        answer = client.ask_in_process(params, handle=handle, credentials=KEY)
        assert answer.request_id == ours.calls[-1].request_id
        assert ours.calls[-1].problems == ()
        return answer

    ask("StartMPUTask")
    assert ask("GetMPUTaskStatus").status == 0
    if edition == "2021-03":
        made = ask("CreateMPULayout").fields["LayoutId"]
        ask("ModifyMPULayout", LayoutId=made)
        assert made in ask("DescribeMPULayoutList").fields["LayoutIds"]
        [told] = ask("DescribeMPULayoutInfoList", LayoutId=made).fields["Layouts"]
        assert told["LayoutId"] == made
        ours.set_status((app(judge_by), task(judge_by)), 1)
        ask("UpdateMPULayout", LayoutIds=[made])
        ask("StopMPUTask")
        ask("DeleteMPULayout", LayoutId=made)
    else:
        ask("StopMPUTask")
    assert ask("GetMPUTaskStatus").status == 3
    assert {call.action for call in ours.calls} == set(OPERATIONS[edition])


def app(judge_by: contract.Contract) -> str:
    """The AppId of a plain request."""
    return str(plain(judge_by)["AppId"])


def task(judge_by: contract.Contract) -> str:
    """The TaskId of a plain request."""
    return str(plain(judge_by)["TaskId"])


@pytest.mark.parametrize("edition", EDITIONS)
def test_their_client_understands_our_refusals(edition: Edition) -> None:
    """A Code of ours is an error of their client's, with its HTTP status."""
    ours = Endpoint(contract=contract.load(edition), now=NOW, warn=lambda _: None)

    def handle(
        verb: str, target: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> tuple[int, Sequence[tuple[str, str]], bytes]:
        reply = ours.handle(Request(method=verb, target=target, headers=tuple(headers), body=body))
        return reply.status, reply.headers, reply.body

    client = IndependentClient(edition=edition, action="GetMPUTaskStatus", now=NOW.timestamp)
    params = plain(contract.load(edition).operation("GetMPUTaskStatus"))
    with pytest.raises(ClientError) as caught:
        client.ask_in_process(params, handle=handle, credentials=KEY)
    assert (caught.value.code, caught.value.http_status) == ("InvalidTask.NotFound", 404)


# ---------------------------------------------------------------------------------- the full size


@pytest.mark.slow
@each_operation
def test_twenty_thousand_requests(edition: Edition, action: str) -> None:
    """Of 20,000 generated requests, half of them broken, the readings agree on each."""
    chosen = int(os.environ.get("RTCMPU_FUZZ_SEED") or random.SystemRandom().randrange(2**32))
    print(f"RTCMPU_FUZZ_SEED={chosen}")
    count = 0

    def hold(each: OperationRequest | Violation, way: Way) -> None:
        nonlocal count
        count += 1
        if isinstance(each, Violation):
            expect_refused(edition, action, each)
            code = sent_to_theirs(edition, action, each.pairs, way)
            assert code is not None or each.level == "reading"
        else:
            assume(not is_open(each.to_wire(), edition))
            assert judgement(action, edition, each.to_wire()).allows(None)
            assert sent_to_theirs(edition, action, each.to_wire(), way) is None

    share = settings(FEW, derandomize=False, max_examples=-(-20_000 // (2 * len(ALL))))
    for make in (rtc.requests, rtc.violations):
        drawn = st.tuples(make(action, contract=contract.load(edition)), ways)
        seed(chosen)(share(given(drawn)(lambda both: hold(*both))))()
    print(f"{count} requests")
