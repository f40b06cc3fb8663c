"""The strategies: valid tasks, and requests or envelopes with exactly one rule broken."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from editions import edition_text
from hypothesis import Phase, find, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from independent.endpoint import IndependentEndpoint
from requests.adapters import BaseAdapter

from pytest_rtcmpu import (
    APIError,
    Client,
    Endpoint,
    InvalidTask,
    MediaEncode,
    SourceType,
    StartMPUTask,
    TaskProfile,
    UserPane,
    contract,
    rules,
    strategies,
)
from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.contract.types import CLIENT_RULES
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS, Credentials

Mock = Callable[..., AbstractContextManager[Endpoint]]
CONTRACT = contract.load()
#: The same examples in every run.
steady = settings(derandomize=True, deadline=None, database=None)
few = settings(steady, max_examples=12)
SIGNATURES = ("1.0", "v3")

#: Rules of the operation's own parameters that a request can break.
OWN_CLAUSES = [
    clause.id
    for clause in CONTRACT.clauses
    if clause.rule
    and (clause.parameter or "").partition(".")[0] in CONTRACT.parameters_by_wire_name
    and clause.rule not in ("exists", *CLIENT_RULES)  # on the endpoint's state, or no endpoint's
]
GATEWAY_CLAUSES = {
    "1.0": [
        clause.id
        for clause in CONTRACT.shared_clauses
        if clause.rule
        # the endpoint's doing: which keys are disabled, and which are temporary
        and clause.id not in ("access-key-id.active", "security-token.given", "security-token.own")
        and clause.parameter != "ContentSha256"  # of V3, without a documented Code
    ]
}
GATEWAY_CLAUSES["v3"] = [
    clause_id
    for clause_id in GATEWAY_CLAUSES["1.0"]
    # Which Code answers an absent header, or another algorithm in Authorization, is undocumented.
    if not clause_id.endswith(".required")
    and clause_id not in ("signature-method.value", "signature-version.value")
]


class Direct(BaseAdapter):
    """Hands what a session sends to an independent endpoint."""

    def __init__(self, endpoint: IndependentEndpoint) -> None:
        super().__init__()
        self.endpoint = endpoint

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Answer a request."""
        body = request.body or b""
        status, headers, content = self.endpoint.handle(
            request.method,
            request.path_url,
            request.headers,
            body if isinstance(body, bytes) else body.encode(),
        )
        response = requests.Response()
        response.status_code, response.raw = status, io.BytesIO(content)
        response.headers.update(headers)
        response.url, response.request = request.url or "", request
        return response

    def close(self) -> None:
        """Nothing to close."""


def independent(**settings: Any) -> Client:
    """Return our client, wired to a fresh independent endpoint."""
    session = requests.Session()
    session.mount("https://", Direct(IndependentEndpoint()))
    return Client(TEST_CREDENTIALS, session=session, **settings)


def silent(mock: Mock) -> AbstractContextManager[Endpoint]:
    """Return a mocked endpoint whose warnings go nowhere: broken signatures are meant here."""
    return mock(warn=lambda warning: None)


def caught(send: Callable[[], object]) -> APIError:
    """Return the error that a call raises."""
    with pytest.raises(APIError) as raised:
        send()
    return raised.value


def sample(strategy: st.SearchStrategy[Any], count: int = 300, start: int = 201905) -> list[Any]:
    """Return the values of one fixed run."""
    values: list[Any] = []

    @seed(start)
    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate])
    @given(strategy)
    def run(value: Any) -> None:
        values.append(value)

    run()
    return values


def minimal(strategy: st.SearchStrategy[Any], holds: Callable[[Any], bool] = lambda _: True) -> Any:
    """Return the value that a strategy shrinks to."""
    return find(strategy, holds, settings=settings(steady, max_examples=2000), random=Random(0))


def reached(strategy: st.SearchStrategy[Any], holds: Callable[[Any], bool]) -> Any:
    """Return the first value that holds; raise NoSuchExample when none of 800 does."""
    first = settings(steady, max_examples=800, phases=[Phase.generate])
    return find(strategy, holds, settings=first, random=Random(0))


def there_are(make: Callable[..., object], **given: Any) -> list[str]:
    """Return the clauses that can be broken, as the error on an unknown one lists them."""
    with pytest.raises(InvalidArgument) as raised:
        make(clauses="?", **given)
    return str(raised.value).partition("there are ")[2].split(", ")


def mutated(*changes: tuple[str, str]) -> Contract:
    """Return the contract of a data file with texts replaced."""
    text = edition_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return contract.parse(text, shared="")


# -------------------------------------------------------------------------------- valid tasks


@steady
@given(strategies.tasks(), st.sampled_from((0, 1)))
def test_tasks_round_trip(task: StartMPUTask, start: int) -> None:
    """A task survives the wire, its panes counted from 0 or from 1."""
    pairs = task.to_wire(user_panes_from=start)
    assert StartMPUTask.from_wire(pairs) == task


@steady
@given(strategies.tasks())
def test_tasks_keep_off_silences(task: StartMPUTask) -> None:
    """A task keeps every rule and relies on nothing that the endpoint warns of."""
    judgement = rules.judge(task.to_wire(), CONTRACT)
    assert judgement.problems == ()
    assert [note for note in judgement.notes if note.silence.warns] == []


@steady
@given(strategies.tasks())
def test_task_values_stay_in_bounds(task: StartMPUTask) -> None:
    """Ids keep what every edition allows; nothing can be trimmed or fail to encode."""
    plain = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
    for text, most in ((task.app_id, 64), (task.channel_id, 64), (task.task_id, 55)):
        assert 1 <= len(text) <= most
        assert set(text) <= plain
    for pane in task.user_panes:
        assert 1 <= len(pane.user_id) <= 64
        assert len(pane.user_id.encode()) <= 64
    texts = [task.stream_url, *(pane.user_id for pane in task.user_panes)]
    assert all(
        text == text.strip() and (text + "a").replace(" ", "").isprintable() for text in texts
    )
    pane_ids = [pane.pane_id for pane in task.user_panes]
    assert len(set(pane_ids)) == len(pane_ids)
    assert len(set(task.layout_ids)) == len(task.layout_ids)


@steady
@given(strategies.stream_urls())
def test_stream_urls_are_absolute(url: str) -> None:
    """A StreamURL is rtmp:// with an ASCII host and a path that urlsplit, too, sees."""
    parts = urlsplit(url)
    assert url.startswith("rtmp://")
    assert parts.hostname
    assert parts.netloc.isascii()
    assert len(parts.path) > 1


def test_boundaries_are_likely() -> None:
    """Odd cases and ends of ranges come up within a few dozen examples, not once in a million."""
    # Of a single run Hypothesis makes much of a few tasks, and the shares are the seed's affair.
    tasks = [t for start in range(6) for t in sample(strategies.tasks(), 200, start)]
    panes = [pane for task in tasks for pane in task.user_panes]
    users = [pane.user_id for pane in panes]

    def share(holds: Iterable[bool]) -> float:
        found = list(holds)
        return sum(found) / len(found)

    # Alone: one task has so much else to draw that which of the five come up is the seed's affair.
    colors = {0, 255, 65280, 16711680, 16777215}
    assert colors <= set(sample(strategies.background_colors()))
    assert share(t.background_color in colors for t in tasks) > 0.1
    assert share(t.media_encode == 0 for t in tasks) > 0.1
    assert share(len(t.user_panes) >= 10 for t in tasks) > 0.25
    assert share(not t.user_panes for t in tasks) > 0.03
    assert share(len(t.layout_ids) == 11 for t in tasks) > 0.04
    assert share(list(t.layout_ids) != sorted(t.layout_ids) for t in tasks) > 0.2
    assert share(p.pane_id == 0 for p in panes) > 0.03
    assert share(p.pane_id == 15 for p in panes) > 0.03
    assert share([p.pane_id for p in t.user_panes] != list(range(16)) for t in tasks) > 0.5
    assert share("?auth_key=" in t.stream_url for t in tasks) > 0.4
    assert share(not u.isascii() for u in users) > 0.1
    for odd in " +%&/":
        assert share(odd in u for u in users) > 0.02
    for odd in "*~=?#'()!":
        assert any(odd in u for u in users)
    assert share(len(t.task_id) == 55 for t in tasks) > 0.01
    assert {layout for t in tasks for layout in t.layout_ids} == set(range(1, 12))
    assert {t.task_profile for t in tasks} == set(TaskProfile)
    assert {t.media_encode for t in tasks} == set(MediaEncode)
    assert {p.source_type for p in panes} == set(SourceType)


PLAIN = StartMPUTask(
    app_id="a",
    channel_id="a",
    task_id="a",
    task_profile="4IN_720P",
    media_encode=0,
    background_color=0,
    layout_ids=(1,),
    user_panes=(),
    stream_url="rtmp://a/a",
)


def test_the_minimal_task_is_plain() -> None:
    """A task shrinks to the plainest value of every parameter."""
    assert minimal(strategies.tasks()) == PLAIN


def test_ten_panes_shrink_to_plain_ones() -> None:
    """Ten panes shrink to panes 0 to 9 of one plain user each, and leave the rest plain."""
    task = minimal(strategies.tasks(), lambda task: len(task.user_panes) >= 10)
    plain = [UserPane(pane_id=i, user_id="a", source_type="camera") for i in range(10)]
    assert list(task.user_panes) == plain
    assert task.to_wire()[:7] == PLAIN.to_wire()[:7]


def test_minimal_odd_text_is_short() -> None:
    """What is needed of an odd text stays, the rest goes."""
    assert len(minimal(strategies.user_ids(), lambda text: not text.isascii())) == 1
    assert minimal(strategies.stream_urls(), lambda url: "+" in url).count("+") == 1


def test_overrides_are_values_or_strategies() -> None:
    """An override is a plain value or a strategy, by the model's names."""
    made = strategies.tasks(media_encode=20, layout_ids=[3, 1], channel_id=st.sampled_from("xy"))
    found = sample(made, 30)
    assert {task.media_encode for task in found} == {MediaEncode(20)}
    assert {task.layout_ids for task in found} == {(3, 1)}
    assert {task.channel_id for task in found} == {"x", "y"}


@pytest.mark.parametrize("kind", [InvalidArgument, TypeError])
def test_unknown_override(kind: type[Exception]) -> None:
    """An unknown name is refused at once, and the message lists the known ones."""
    with pytest.raises(kind, match=r"unknown appid: expected app_id, .*stream_url"):
        strategies.tasks(appid="a")


def test_invalid_override() -> None:
    """An override that breaks a rule is named when it is drawn."""
    with pytest.raises(InvalidTask, match=r"media-encode\.enum"):
        minimal(strategies.tasks(media_encode=2))


@pytest.mark.parametrize(
    ("make", "type_"),
    [
        (strategies.app_ids, str),
        (strategies.channel_ids, str),
        (strategies.task_ids, str),
        (strategies.task_profiles, TaskProfile),
        (strategies.media_encodes, MediaEncode),
        (strategies.background_colors, int),
        (strategies.layout_ids, tuple),
        (strategies.user_panes, tuple),
        (strategies.user_pane, UserPane),
        (strategies.user_ids, str),
        (strategies.source_types, SourceType),
        (strategies.stream_urls, str),
        (strategies.pane_ids, int),
    ],
)
def test_each_parameter_has_a_strategy(make: Callable[[], Any], type_: type) -> None:
    """Every parameter has a strategy of its own, and draws the type the model holds."""
    assert all(isinstance(value, type_) for value in sample(make(), 10))


def test_reprs_are_short() -> None:
    """A strategy shows itself in a line or so, as Hypothesis puts it beside an error."""
    for strategy in (strategies.tasks(), strategies.violations(), strategies.stream_urls()):
        assert len(repr(strategy)) < 1000


@pytest.mark.parametrize("size", [0, 12])
def test_layout_ids_size(size: int) -> None:
    """A least size that no list of layouts can have is refused at once."""
    with pytest.raises(InvalidArgument, match="min_size: expected 1 to 11"):
        strategies.layout_ids(min_size=size)


def test_from_type_through_the_entry_point() -> None:
    """Whoever imports Hypothesis and the model can ask for ``from_type(StartMPUTask)``."""
    program = """
from hypothesis import given, settings, strategies as st
from pytest_rtcmpu import StartMPUTask, UserPane

seen = []

@settings(database=None, max_examples=20)
@given(st.from_type(StartMPUTask), st.from_type(UserPane), st.builds(list[UserPane]))
def run(task, pane, panes):
    seen.append((type(task).__name__, type(pane).__name__))

run()
print(set(seen))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "{('StartMPUTask', 'UserPane')}"


@pytest.mark.parametrize("order", ["types first", "Hypothesis first"])
def test_a_type_is_known_whichever_is_imported_first(order: str) -> None:
    """Hypothesis learns of the types that are there, and of those that are imported later."""
    imports = [
        "from pytest_rtcmpu import Credentials, GetMPUTaskStatus, StopMPUTask",
        "from hypothesis import find, strategies as st",
    ]
    program = "\n".join(
        (
            *(imports if order == "types first" else reversed(imports)),
            "print(find(st.from_type(StopMPUTask), lambda _: True))",
            "print(find(st.from_type(GetMPUTaskStatus), lambda _: True))",
            "print(find(st.from_type(Credentials), lambda key: key.security_token is not None))",
        )
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "StopMPUTask(app_id='a', task_id='a')",
        "GetMPUTaskStatus(app_id='a', channel_id='a', task_id='a')",
        "Credentials(access_key_id='0', access_key_secret=Secret('**********'), "
        "security_token=Secret('**********'))",
    ]


@given(st.from_type(Credentials))
def test_from_type_makes_keys(key: Credentials) -> None:
    """``from_type(Credentials)`` makes access keys, with a SecurityToken and without."""
    assert key.access_key_id
    assert key.access_key_secret.reveal()
    assert key.security_token is None or key.security_token.reveal()


# ---------------------------------------------------------------------------------- violations


def test_every_own_rule_has_violations() -> None:
    """Every clause with a rule on the operation's own parameters can be broken."""
    assert there_are(strategies.violations) == OWN_CLAUSES
    assert len({v.clause for v in sample(strategies.violations())}) > len(OWN_CLAUSES) / 2


@pytest.mark.parametrize("clause", OWN_CLAUSES)
@few
@given(data=st.data())
def test_violations_break_one_rule(clause: str, data: st.DataObject) -> None:
    """A violation breaks the one rule it names; with that parameter repaired it is valid."""
    violation = data.draw(strategies.violations(clauses=clause))
    judgement = rules.judge(violation.pairs, CONTRACT)
    assert [problem.clause.id for problem in judgement.problems] == [violation.clause] == [clause]
    assert [note for note in judgement.notes if note.silence.warns] == []
    assert violation.level == CONTRACT.clause(clause).level
    assert violation.parameter == CONTRACT.clause(clause).parameter
    assert violation.codes == set(CONTRACT.clause(clause).codes)
    assert StartMPUTask.from_wire(violation.repaired) == violation.task
    top = violation.parameter.partition(".")[0]

    def others(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        return [pair for pair in pairs if pair[0].partition(".")[0] != top]

    assert others(violation.pairs) == others(violation.repaired)


@steady
@given(strategies.violations())
def test_violations_are_answered(rtcmpu_mock: Mock, violation: strategies.Violation) -> None:
    """Over a signed request a violation gets one of its Codes; repaired, it is accepted."""
    client = Client(TEST_CREDENTIALS)
    with rtcmpu_mock() as endpoint:
        error = caught(lambda: client.call("StartMPUTask", violation.pairs))
        assert error.code in violation.codes
        assert error.http_status in violation.http_statuses
        assert endpoint.calls[-1].clause == CONTRACT.clause(violation.clause)
        assert client.call("StartMPUTask", violation.repaired).request_id
        assert endpoint.tasks == [violation.task]


def test_the_verdict_is_of_what_is_sent() -> None:
    """A Violation cannot be made of pairs that break no rule, or two."""
    pairs = dict(PLAIN.to_wire())
    judged = strategies.Violation.judged
    common: dict[str, Any] = {"repaired": PLAIN.to_wire(), "task": PLAIN, "contract": CONTRACT}
    one = judged([*{**pairs, "MediaEncode": "2"}.items()], **common)
    assert (one.clause, one.codes) == ("media-encode.enum", {"InvalidMediaEncode.Malformed"})
    with pytest.raises(ValueError, match=r"expected one problem, got \[\]"):
        judged([*pairs.items()], **common)
    with pytest.raises(ValueError, match=r"TaskProfile.*MediaEncode"):
        judged([*{**pairs, "MediaEncode": "2", "TaskProfile": "x"}.items()], **common)


@pytest.mark.parametrize(
    ("clause", "sent"),
    [
        ("media-encode.enum", ("MediaEncode", "2")),
        ("media-encode.integer", ("MediaEncode", "abc")),
        ("background-color.range", ("BackgroundColor", "16777216")),
        ("layout-ids.known", ("LayoutIds.1", "0")),
        ("user-panes.pane-id.range", ("UserPanes.0.PaneId", "16")),
        ("user-panes.source-type.letter-case", ("UserPanes.0.SourceType", "CAMERA")),
        ("task-profile.letter-case", ("TaskProfile", "4in_720p")),
        ("stream-url.rtmp", ("StreamURL", "http://a/a")),
        ("stream-url.absolute", ("StreamURL", "a")),
        ("repeat-list.layout-ids.from-1.refused", ("LayoutIds.0", "1")),
    ],
)
def test_violations_shrink_to_plain_ones(clause: str, sent: tuple[str, str]) -> None:
    """The minimal violation of a clause is a plain task with one plain wrong value."""
    violation = minimal(strategies.violations(clauses=clause))
    assert [pair for pair in violation.pairs if pair not in violation.repaired] == [sent]
    assert violation.task.to_wire()[:7] == PLAIN.to_wire()[:7]


@pytest.mark.parametrize(
    ("clause", "values"),
    [
        ("media-encode.enum", {"2", "-1", "31", "11", "100"}),
        ("media-encode.integer", {"20.0", "abc", "0x14", "1e1", "720p", "true"}),
        ("background-color.range", {"16777216", "-1"}),
        ("background-color.integer", {"#ff0000", "0xff0000", "ff0000", "red", "1.0", "rgb(1,2,3)"}),
        ("layout-ids.known", {"0", "12", "10000", "-1"}),
        ("user-panes.pane-id.range", {"-1", "16"}),
        ("app-id.required", {"", None}),
        ("user-panes.user-id.required", {"", None}),
    ],
)
def test_known_traps_are_likely(clause: str, values: set[str | None]) -> None:
    """The wrong values that clients really send come up within a few hundred examples."""
    made = strategies.violations(clauses=clause)
    for value in values:

        def sends(violation: strategies.Violation, value: str | None = value) -> bool:
            sent = dict(violation.pairs)
            return any(sent.get(n) == value != right for n, right in violation.repaired)

        assert reached(made, sends)


def test_lists_are_torn_and_moved() -> None:
    """A list's violations start at 0 and at 2, and gaps leave the right start in place."""

    def names(clause: str) -> list[list[int]]:
        top = CONTRACT.clause(clause).parameter
        return [
            sorted({int(n.split(".")[1]) for n, _ in v.pairs if n.startswith(f"{top}.")})
            for v in sample(strategies.violations(clauses=clause), 100)
        ]

    layouts = names("repeat-list.layout-ids.from-1.refused")
    assert {0, 2} <= {indexes[0] for indexes in layouts}
    assert {indexes[0] for indexes in names("repeat-list.user-panes.from-0-or-1")} >= {2, 3}
    assert {indexes[0] for indexes in names("repeat-list.layout-ids.no-gaps.refused")} == {1}
    assert {indexes[0] for indexes in names("repeat-list.user-panes.no-gaps.refused")} == {0, 1}


def test_clauses_by_glob() -> None:
    """``clauses`` takes ids and globs, and keeps to them."""
    made = strategies.violations(clauses=["media-encode.*", "app-id.required"])
    assert {v.clause for v in sample(made, 100)} == {
        "media-encode.required",
        "media-encode.integer",
        "media-encode.enum",
        "app-id.required",
    }


@pytest.mark.parametrize("clauses", ["media-encode.zero", ["app-id.required", "nothing.*"], []])
def test_clauses_that_nothing_breaks(clauses: Any) -> None:
    """A clause or glob that no violation belongs to is refused at once."""
    with pytest.raises(InvalidArgument, match=r"clause|there are app-id\.required, "):
        strategies.violations(clauses=clauses)


# -------------------------------------------------------------------------- the broken envelope


@pytest.mark.parametrize("signature", SIGNATURES)
def test_every_gateway_rule_has_violations(signature: Any) -> None:
    """Every documented rule of the envelope can be broken, under V3 as far as it has a Code."""
    assert (
        there_are(strategies.gateway_violations, signature=signature) == GATEWAY_CLAUSES[signature]
    )


@pytest.mark.parametrize(
    ("signature", "clause"), [(s, clause) for s in SIGNATURES for clause in GATEWAY_CLAUSES[s]]
)
@few
@given(data=st.data())
def test_gateway_violations_are_answered(
    rtcmpu_mock: Mock, signature: Any, clause: str, data: st.DataObject
) -> None:
    """A broken envelope gets one of its Codes, here and from an independent endpoint."""
    violation = data.draw(strategies.gateway_violations(signature, clauses=clause))
    method = data.draw(st.sampled_from(("GET", "POST")))
    client = Client(TEST_CREDENTIALS, signature=signature, method=method)
    assert violation.clause == clause
    with silent(rtcmpu_mock) as endpoint:
        error = caught(lambda: violation.send(client, PLAIN))
        assert error.code in violation.codes
        assert error.http_status in violation.http_statuses
        assert endpoint.calls[-1].clause == CONTRACT.clause(clause)
        # Only the envelope was wrong.
        if not violation.repeats:
            assert client.start_mpu_task(PLAIN).request_id
    error = caught(
        lambda: violation.send(independent(signature=signature, method=method), PLAIN.to_wire())
    )
    assert error.code in violation.codes
    assert error.http_status in violation.http_statuses


def test_a_repeated_nonce_follows_a_good_request(rtcmpu_mock: Mock) -> None:
    """A repeated nonce comes after a request that was accepted, or refused for its task alone."""
    violation = minimal(strategies.gateway_violations(clauses="nonce.unique"))
    client = Client(TEST_CREDENTIALS)
    with rtcmpu_mock() as endpoint:
        for first in (None, "TaskExisted"):
            assert caught(lambda: violation.send(client, PLAIN)).code == "SignatureNonceUsed"
            good, repeated = endpoint.calls[-2:]
            assert (good.code, repeated.code) == (first, "SignatureNonceUsed")
            assert dict(good.pairs)["SignatureNonce"] == dict(repeated.pairs)["SignatureNonce"]


def test_timestamps_are_clearly_off() -> None:
    """An expired Timestamp is at least a minute outside the window, before it or after it."""
    found = sample(strategies.gateway_violations(clauses="timestamp.window"), 100)
    offsets = [int(v.what.split()[1]) for v in found]
    assert min(abs(offset) for offset in offsets) == 960
    assert {offset > 0 for offset in offsets} == {True, False}
    assert {28800, -28800} <= set(offsets)


def test_gateway_violation_of_another_signature() -> None:
    """A violation made for one signature is not sent by a client of the other."""
    violation = minimal(strategies.gateway_violations("v3"))
    with pytest.raises(ValueError, match="expected one with signature='v3'"):
        violation.send(Client(TEST_CREDENTIALS), PLAIN)


def test_unknown_signature() -> None:
    """An unknown signature is refused at once."""
    with pytest.raises(InvalidArgument, match=r"signature: expected '1\.0' or 'v3', got '2\.0'"):
        strategies.gateway_violations("2.0")  # type: ignore[arg-type]


def test_violations_show_themselves_without_secrets() -> None:
    """A repr says what is wrong and holds no secret."""
    wrong = minimal(strategies.violations(clauses="media-encode.enum"))
    assert "MediaEncode: expected one of 0, 1, 10, 20, 30, got '2'" in repr(wrong)
    assert "InvalidMediaEncode.Malformed" in repr(wrong)
    shown = [repr(v) for v in sample(strategies.gateway_violations(), 200)]
    assert not any("testsecret" in text or " at 0x" in text for text in shown)
    assert any("what='a signature made with another secret'" in text for text in shown)


# ------------------------------------------------------------------ against an independent reader


@steady
@given(strategies.tasks(), st.sampled_from(SIGNATURES), st.sampled_from(("GET", "POST")))
def test_an_independent_endpoint_accepts_tasks(task: StartMPUTask, signature: Any, m: Any) -> None:
    """Every task is accepted by an endpoint written from the documentation alone."""
    assert independent(signature=signature, method=m).start_mpu_task(task).request_id


@pytest.mark.parametrize("clause", OWN_CLAUSES)
@few
@given(data=st.data())
def test_an_independent_endpoint_refuses_violations(clause: str, data: st.DataObject) -> None:
    """Every violation gets one of its Codes from an endpoint written from the documentation."""
    violation = data.draw(strategies.violations(clauses=clause))
    client = independent()
    error = caught(lambda: client.call("StartMPUTask", violation.pairs))
    assert error.code in violation.codes
    assert error.http_status in violation.http_statuses
    assert client.call("StartMPUTask", violation.repaired).request_id


# ------------------------------------------------------------------------------ another contract

OTHER = mutated(
    (
        '{ value = 30, name = "P1080"',
        '{ value = 40, name = "P1440" },\n{ value = 30, name = "P1080"',
    ),
    ('{ value = "4IN_720P"', '{ value = "9IN_720P" }, { value = "4IN_720P"'),
    ('{ value = "camera" }', '{ value = "camera" }, { value = "Whiteboard" }'),
    ("maximum = 16777215", "maximum = 4294967295"),
    ("maximum = 15\n", "maximum = 19\n"),
    ("generate = { plain = [], items = 16 }", "generate = { plain = [], items = 20 }"),
    ("{ id = 11, panes = 9 },", "{ id = 11, panes = 9 }, { id = 77, panes = 3 },"),
    ('schemes = ["rtmp"]', 'schemes = ["rtmp", "srt"]'),
    (
        'generate = { plain = "task1", pattern = "[A-Za-z0-9_-]", max = 55 }',
        'generate = { plain = "b", pattern = "[b-d]", max = 3 }',
    ),
    ("max = 64, odd = true", "max = 8, odd = true"),
)
WITH_MORE = mutated(
    (
        '[[operations.StartMPUTask.parameters]]\nname = "StreamURL"',
        '[[operations.StartMPUTask.parameters]]\nname = "CropMode"\nkind = "integer"\n'
        "required = false\nminimum = 1\n"
        'maximum = 3\nsource = "S6"\nlevel = "documented"\ntext = "How to crop."\n'
        '[[operations.StartMPUTask.parameters]]\nname = "StreamURL"',
    ),
    (
        '[[operations.StartMPUTask.clauses]]\nid = "stream-url.rtmp"',
        '[[operations.StartMPUTask.clauses]]\nid = "crop-mode.range"\n'
        'subjects = ["endpoint"]\nlevel = "documented"\n'
        'source = "S6"\ntext = "CropMode is 1 to 3."\nparameter = "CropMode"\nrule = "range"\n'
        'codes = ["InvalidStreamURL"]\n'
        '[[operations.StartMPUTask.clauses]]\nid = "crop-mode.integer"\n'
        'subjects = ["endpoint"]\nlevel = "documented"\nsource = "S6"\n'
        'text = "CropMode is an Integer."\nparameter = "CropMode"\nrule = "integer"\n'
        'codes = ["InvalidStreamURL"]\n'
        '[[operations.StartMPUTask.clauses]]\nid = "stream-url.rtmp"',
    ),
)


def test_tasks_of_another_contract() -> None:
    """What another contract allows is drawn from it alone: values, ranges, layouts, alphabets."""
    tasks = sample(strategies.tasks(contract=OTHER))
    panes = [pane for task in tasks for pane in task.user_panes]
    assert 40 in {task.media_encode for task in tasks}
    assert "9IN_720P" in {task.task_profile for task in tasks}
    assert 4294967295 in {task.background_color for task in tasks}
    assert 77 in {layout for task in tasks for layout in task.layout_ids}
    assert {task.stream_url.partition(":")[0] for task in tasks} == {"rtmp", "srt"}
    assert {c for task in tasks for c in task.task_id} == set("bcd")
    assert max(len(task.task_id) for task in tasks) == 3
    assert max(len(pane.user_id.encode()) for pane in panes) == 8
    assert max(len(task.user_panes) for task in tasks) == 20
    assert {19} <= {pane.pane_id for pane in panes}
    assert "Whiteboard" in {pane.source_type for pane in panes}
    assert minimal(strategies.tasks(contract=OTHER)).task_id == "b"


@steady
@given(strategies.violations(contract=OTHER))
def test_violations_of_another_contract(violation: strategies.Violation) -> None:
    """Another contract's violations break its rules, and never send what it allows."""
    assert len(rules.judge(violation.pairs, OTHER).problems) == 1
    assert rules.judge(violation.repaired, OTHER).problems == ()
    assert dict(violation.pairs).get("MediaEncode") != "40" or violation.parameter != "MediaEncode"


def test_another_contract_reaches_the_same_rules() -> None:
    """Every rule that can be broken can be broken under another contract."""
    assert there_are(strategies.violations, contract=OTHER) == OWN_CLAUSES


def test_registered_layouts_are_drawn() -> None:
    """A layout that the user registered is as good as a built-in one."""
    own = CONTRACT.with_layouts({10001: 4})
    found = sample(strategies.layout_ids(contract=own), 100)
    assert any(10001 in layouts for layouts in found)


def test_parameters_that_only_another_contract_has() -> None:
    """A parameter that the model has no field for is drawn and broken all the same."""
    found = sample(strategies.tasks(contract=WITH_MORE), 100)
    sent = {dict(task.to_wire()).get("CropMode") for task in found}
    assert {None, "1", "3"} <= sent <= {None, "1", "2", "3"}
    broken = sample(strategies.violations(contract=WITH_MORE, clauses="crop-mode.range"), 300)
    assert {"0", "4"} <= {dict(v.pairs)["CropMode"] for v in broken}


def test_an_enumeration_without_letters_has_no_letter_case() -> None:
    """A rule that nothing can break under a contract has no violations, and that is said."""
    digits = mutated(
        ('rows = [{ value = "camera" }, { value = "shareScreen" }]', 'rows = [{ value = "1" }]')
    )
    with pytest.raises(InvalidArgument, match=r"no violation of 'user-panes\.source-type\.letter"):
        strategies.violations(contract=digits, clauses="user-panes.source-type.letter-case")
