"""Repeated requests: they are answered by less work, and exactly as they would be without."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import count
from typing import Any
from urllib.parse import unquote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_rtcmpu import Credentials, Endpoint, Request, faults, rules, wire
from pytest_rtcmpu.contract import Contract, parse
from pytest_rtcmpu.endpoint import Call
from pytest_rtcmpu.signatures.sign import percent_encode, sign

NOW = datetime(2019, 5, 20, 12, 0, 0, tzinfo=UTC)
KEY = Credentials("testid", "testsecret")
OTHER = Credentials("other", "othersecret")

PAIRS = {
    "Action": "StartMPUTask",
    "Format": "JSON",
    "Version": "2018-01-11",
    "AccessKeyId": "testid",
    "SignatureMethod": "HMAC-SHA1",
    "Timestamp": "2019-05-20T12:00:00Z",
    "SignatureVersion": "1.0",
    "SignatureNonce": "nonce",
    "AppId": "app",
    "ChannelId": "channel",
    "TaskId": "task",
    "TaskProfile": "4IN_720P",
    "MediaEncode": "20",
    "BackgroundColor": "0",
    "LayoutIds.1": "1",
    "StreamURL": "rtmp://live.example.com/app/stream",
}
HEADERS = (("Host", "localhost"), ("User-Agent", "test"))


@dataclass(frozen=True)
class Sent:
    """How a request differs from the plain one: by its parameters, and by the way it is sent.

    more: parameters sent besides, perhaps a second time.
    first: the parameter that comes first.
    form: one that stands in the body.
    lost: that a body was signed, and is not there.
    """

    changes: tuple[tuple[str, str | None], ...] = ()
    more: tuple[tuple[str, str], ...] = ()
    first: str = ""
    method: str = "GET"
    signed_method: str = ""
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = HEADERS
    body: bytes = b""
    secret: str = "testsecret"
    form: str = ""
    lost: bool = False
    rewrite: Callable[[str], str] = str

    def request(self, number: int) -> Request:
        """The request, signed; a nonce that is not asked for is new."""
        named: dict[str, str | None] = {**PAIRS, "SignatureNonce": f"nonce-{number}"}
        named |= dict(self.changes)
        pairs = [(name, value) for name, value in named.items() if value is not None]
        pairs.sort(key=lambda pair: pair[0] != self.first)
        pairs += self.more
        pairs.append(
            ("Signature", sign(pairs, self.secret, method=self.signed_method or self.method))
        )
        query, form = (
            "&".join(
                f"{percent_encode(name)}={percent_encode(text)}"
                for name, text in pairs
                if (name == self.form) is in_form
            )
            for in_form in (False, True)
        )
        return Request(
            method=self.method,
            target=f"{self.path}?{self.rewrite(query)}",
            headers=self.headers,
            body=b"" if self.lost else self.body or form.encode(),
        )


class Unhurried(Endpoint):
    """An endpoint that knows of no repetitions."""

    def _repetition(self, request: Request) -> Any:
        return None


def endpoints(contract: Contract | None = None) -> tuple[Endpoint, Endpoint]:
    """Two endpoints that would give the same replies: one that knows repetitions, and one not."""

    def ids() -> Callable[[], str]:
        numbers = count()
        return lambda: f"request-{next(numbers)}"

    def made(kind: type[Endpoint]) -> Endpoint:
        return kind(
            (KEY, OTHER),
            now=NOW,
            explain=False,
            request_id=ids(),
            warn=lambda warning: None,
            contract=contract,
        )

    return made(Endpoint), made(Unhurried)


def shown(call: Call) -> dict[str, Any]:
    """All that a call records."""
    # A contract with registered layouts equals no other, and so a task made with it.
    task = call.task and call.task.to_wire()
    return {**vars(call), "pairs": call.pairs, "task": task, "contract": call.contract.layouts}


def started(endpoint: Endpoint) -> list[Any]:
    """The tasks that exist, and what each is known by."""
    return [(list(endpoint._tasks), [task.to_wire() for task in endpoint.tasks])]


TEXTS = ("other", "a b", "a&b=c", "1+1", "测试", "\x00", "%41", "~*", "", None)
#: Parameter → values that it may have beside the plain one.
CHANGES: dict[str, tuple[str | None, ...]] = {
    "TaskId": TEXTS,
    "SignatureNonce": TEXTS,
    "Timestamp": (
        "2019-05-20T11:59:00Z",
        "2019-05-20T11:44:59Z",
        "2019-05-20T12:15:00Z",
        "2019-05-20T12:15:01Z",
        "2019-05-20 12:00:00",
        "2019-02-30T12:00:00Z",
        "",
        None,
    ),
    "AppId": TEXTS,
    "ChannelId": TEXTS,
    "AccessKeyId": ("other", "unknown"),
    "Format": ("XML", "json", "YAML", None),
    "MediaEncode": ("0", "1", "+20", "x", None),
    "LayoutIds.1": ("2", "4", "20000", None),
    "Version": ("2019-05-20",),
}
REWRITES: tuple[Callable[[str], str], ...] = (
    lambda query: query.replace("%20", "+"),
    lambda query: query.replace("%2B", "+").replace("%3D", "="),
    lambda query: query.replace("%3A", "%3a").replace("%3D", "%3d").replace("%2F", "%2f"),
    lambda query: query.replace("TaskId=", "Task%49d="),
    lambda query: query.replace("Signature=", "%53ignature="),
    lambda query: query.replace("&", "&&", 1),
    lambda query: f"{query}&",
    lambda query: query.replace("Signature=", "Signature=x"),
    lambda query: query.replace("AppId=", "AppId=x"),
    lambda query: f"{query}&Unsigned=x",
)
MORE = (("TaskId", "twice"), ("TaskID", "alias"), ("Unknown", "x"), ("Timestamp", "x"), ("", ""))
MORE_HEADERS = (
    ("X-Request-Id", "1"),
    ("Authorization", "Bearer x"),
    ("Authorization", "ACS3-HMAC-SHA256 x"),
    ("x-acs-action", "StartMPUTask"),
    ("Content-Type", wire.FORM),
)
#: What a request may be like, beside plain.
WAYS: list[dict[str, Any]] = [
    *({"changes": ((name, text),)} for name, texts in CHANGES.items() for text in texts),
    *({"more": (pair,)} for pair in MORE),
    *({"headers": (*HEADERS, header)} for header in MORE_HEADERS),
    *({"rewrite": rewrite} for rewrite in REWRITES),
    *({"first": name} for name in ("TaskId", "Timestamp", "AppId")),
    *({"path": path} for path in ("", "/x")),
    {"method": "POST"},
    {"method": "PUT"},
    {"method": "POST", "signed_method": "GET"},
    {"body": b"x"},
    {"body": b"ChannelId=form", "headers": (("Content-Type", wire.FORM),)},
    {"secret": "othersecret"},
    {"form": "ChannelId", "method": "POST", "headers": (("Content-Type", wire.FORM),)},
    {"form": "TaskId", "method": "POST", "headers": (("Content-Type", wire.FORM),)},
    {"form": "ChannelId", "lost": True},
]
CONTROLS: dict[str, Callable[[Endpoint], object]] = {
    "reset": lambda endpoint: endpoint.reset(),
    "disable": lambda endpoint: endpoint.add_key(KEY, active=False),
    "enable": lambda endpoint: endpoint.add_key(KEY),
    "another secret": lambda endpoint: endpoint.add_key(Credentials("testid", "othersecret")),
    "layout": lambda endpoint: endpoint.register_layout(20000, 4),
    "wider": lambda endpoint: endpoint.register_layout(20000, 16),
    "code": lambda endpoint: endpoint.fail_next("InternalError"),
    "fault": lambda endpoint: endpoint.fail_next(faults.truncated_body),
    "lost": lambda endpoint: endpoint.fail_next(faults.connection_reset),
    "stop": lambda endpoint: [endpoint.stop(task) for task in endpoint.tasks],
    "later": lambda endpoint: endpoint.advance_clock(timedelta(minutes=16)),
}
SAME: dict[str, Any] = {}
STEPS = st.just(SAME) | st.sampled_from(WAYS) | st.sampled_from(sorted(CONTROLS))


def varied(base: Sent, number: int, way: dict[str, Any]) -> Sent:
    """The base with a TaskId of its own, sent in another way where one is given."""
    changes = (("TaskId", f"task-{number}"), *base.changes, *way.get("changes", ()))
    return replace(base, **{**way, "changes": changes})


def compare(
    base: dict[str, Any],
    steps: Sequence[dict[str, Any] | str],
    contract: Contract | None = None,
) -> None:
    """Take the steps with both endpoints, and see that they do the same."""
    quick, slow = endpoints(contract)
    for number, step in enumerate(steps):
        if isinstance(step, str):
            for endpoint in (quick, slow):
                CONTROLS[step](endpoint)
            continue
        request = varied(replace(Sent(), **base), number, step).request(number)
        assert shown(quick.call(request)) == shown(slow.call(request))
    assert started(quick) == started(slow)
    assert quick.call_count == slow.call_count


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_a_request_that_is_nearly_a_repetition_is_none(way: dict[str, Any]) -> None:
    """What differs in anything from the requests before it is answered for what it is."""
    compare(SAME, [SAME, SAME, SAME, way, SAME, way])


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_an_odd_request_is_repeated(way: dict[str, Any]) -> None:
    """What is odd about a request is odd about its repetitions."""
    compare(way, ["layout", SAME, SAME, SAME, SAME, "wider", SAME])
    compare(way, ["layout", SAME, SAME, SAME, SAME, "reset", SAME])
    compare(way, [SAME, SAME, SAME, SAME, {"lost": True}])
    again = {"changes": (("TaskId", "again"),)}
    compare(way, [again, "stop", again, "stop", again, "stop", again, "stop", again, again])


@given(
    st.just(SAME) | st.sampled_from(WAYS),
    st.lists(st.sampled_from(sorted(CONTROLS)), max_size=1),
    st.lists(STEPS, min_size=2, max_size=8),
)
@example(SAME, [], [SAME, "disable", SAME, "enable", SAME])
@example(SAME, [], ["another secret", SAME, {"secret": "othersecret"}])
@example(SAME, [], ["later", SAME, "fault", SAME, "lost", SAME, "code", SAME])
@example(SAME, [], ["lost", {"changes": (("SignatureNonce", "x"),)}] * 2)
@settings(deadline=None)
def test_a_repetition_is_answered_like_any_request(
    base: dict[str, Any], before: list[str], steps: list[dict[str, Any] | str]
) -> None:
    """Whatever came before: reply, record and tasks are those of an endpoint without memory."""
    compare(base, [*before, SAME, SAME, SAME, *steps])


@pytest.mark.parametrize(
    "way",
    [
        {"changes": (("AppId", None), ("AppID", "app"))},
        {"changes": (("AppID", "other"),)},
        {"changes": (("AppID", "other"),), "first": "AppID"},
    ],
    ids=["alias", "both", "alias-first"],
)
def test_an_edition_may_have_other_names(way: dict[str, Any]) -> None:
    """A task is known by its AppId, whatever name that was sent under."""
    text = files("pytest_rtcmpu.contract").joinpath("2019-05.toml").read_text("utf-8")
    other = text.replace('name = "AppId"\n', 'name = "AppId"\naliases = ["AppID"]\n')
    assert other != text
    compare(way, [SAME, SAME, SAME, SAME, {"changes": (("AppID", "third"),)}], parse(other))


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """What is noted each time that a request's parameters are judged."""
    noted: list[object] = []
    collect = rules.collect

    def collecting(*args: Any) -> Any:
        noted.append(args)
        return collect(*args)

    monkeypatch.setattr(rules, "collect", collecting)
    return noted


def call(endpoint: Endpoint, number: int, **how: Any) -> Call:
    """A call that starts a task of its own."""
    changes = (("TaskId", f"task {number}"), *how.pop("changes", ()))
    return endpoint.call(Sent(changes=changes, **how).request(number))


def test_from_the_fourth_on_a_repetition_is_not_judged_again(judged: list[object]) -> None:
    """Three calls that differ by their ids only are enough to know the fourth by."""
    endpoint, _ = endpoints()
    for number in range(3):
        assert call(endpoint, number).code is None
    judged.clear()
    for number in range(3, 9):
        assert call(endpoint, number).code is None
    assert not judged
    assert call(endpoint, 10, changes=(("ChannelId", "x"),)).code is None
    assert len(judged) == 1


def test_several_tasks_by_turns_are_known(judged: list[object]) -> None:
    """Clients that call by turns, each with its own task, are known apart."""
    endpoint, _ = endpoints()
    for number in range(18):
        assert call(endpoint, number, changes=(("ChannelId", str(number % 3)),)).code is None
    assert len(judged) == 9


def test_tasks_that_all_differ_are_not_kept() -> None:
    """Nothing is compiled for tasks that do not come again."""
    endpoint, _ = endpoints()
    for number in range(20):
        assert call(endpoint, number, changes=(("ChannelId", str(number)),)).code is None
    assert not endpoint._repeats._known


def test_a_long_request_is_not_compiled(judged: list[object]) -> None:
    """An expression of thousands of characters would cost more than it saves."""
    endpoint, _ = endpoints()
    for number in range(5):
        assert call(endpoint, number, changes=(("ChannelId", "x" * 2000),)).code is None
    assert len(judged) == 5


def test_a_forged_repetition_gets_the_whole_explanation() -> None:
    """What is known about the others helps no request whose signature does not verify."""
    endpoint = Endpoint(KEY, now=NOW, warn=lambda warning: None)
    for number in range(4):
        call(endpoint, number)
    refused = call(endpoint, 5, secret="wrong")
    assert refused.code == "SignatureDoesNotMatch"
    assert refused.autopsy is not None
    assert "server string to sign is:GET&%2F&" in refused.message


@given(st.text(st.sampled_from("aé测+%0123456789abcdefABCDEF\x80ÿ")))
@example("%e6%b5%8b+%zz%")
def test_decoding_is_the_library_s(text: str) -> None:
    """The short cut for ASCII decodes as ``unquote_plus`` does."""
    assert wire.decode(text) == unquote_plus(text)
