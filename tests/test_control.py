"""The control interface: what other languages do with an endpoint, over HTTP."""

from __future__ import annotations

import json
import socket
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from pytest_rtcmpu import Client, Credentials, Endpoint, Request, Response, faults
from pytest_rtcmpu.model import StartMPUTask, example_task
from pytest_rtcmpu.server.control import _ROUTES, PREFIX, Control, is_loopback
from pytest_rtcmpu.values.credentials import REDACTED

NOW = datetime(2019, 5, 20, 12, 0, 0, tzinfo=UTC)
TASK = example_task()
EVIL = "</script><script>document.title='evil'</script><img src=x onerror=alert(1)>"
SECRET, TOKEN = "a secret/of+ours=", "CAIS+token/with=signs&more"
#: A token that the endpoint does not know.
STRAY = "CAESstray0123456789"


@pytest.fixture
def endpoint() -> Endpoint:
    """An endpoint with a key that has a token, whose clock stands still."""
    return Endpoint(Credentials("testid", SECRET, TOKEN), now=NOW, warn=lambda _: None)


@pytest.fixture
def control(endpoint: Endpoint) -> Control:
    """Its control interface."""
    return Control(endpoint)


def ask(control: Control, method: str, path: str, body: object = None, **headers: str) -> Response:
    """A request to the control interface; a body that is no bytes is sent as JSON."""
    content = (
        body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    )
    named = {"Host": "127.0.0.1:1", **{n.replace("_", "-"): v for n, v in headers.items()}}
    return control(
        Request(method=method, target=PREFIX + path, headers=tuple(named.items()), body=content)
    )


def asked(control: Control, method: str, path: str, body: object = None) -> Any:
    """The JSON of a success."""
    reply = ask(control, method, path, body)
    assert reply.status == 200, reply.body
    assert reply.header("content-type") == "application/json; charset=utf-8"
    return json.loads(reply.body)


def refused(control: Control, method: str, path: str, body: object = None, **headers: str) -> Any:
    """Status and words of a refusal."""
    reply = ask(control, method, path, body, **headers)
    assert 400 <= reply.status < 500
    value = json.loads(reply.body)
    assert list(value) == ["error"]
    return reply.status, value["error"]


def client(control: Control, **settings: Any) -> Client:
    """A client that signs for the endpoint's clock and key."""
    return Client(control.endpoint.credentials, now=lambda: control.endpoint.now, **settings)


def start(control: Control, *, task_id: str = "t", **changes: str) -> Response:
    """Start a task by a signed request."""
    pairs = replace(TASK, task_id=task_id).to_wire()
    return control(client(control).prepare("StartMPUTask", [*pairs, *changes.items()]))


# ------------------------------------------------------------------------------------ what it does


def test_other_paths_are_the_endpoints(control: Control, endpoint: Endpoint) -> None:
    """What is not under the prefix is a call; what is under it is none."""
    assert start(control).status == 200
    for target in ("/", "/_rtcmpux", "/x/_rtcmpu/status", "/?/_rtcmpu/"):
        assert control(Request(method="GET", target=target)).status == 400
    asked(control, "GET", "/status")
    refused(control, "GET", "/nothing")
    assert endpoint.call_count == 5


def test_status(control: Control) -> None:
    """Status counts calls and tasks, and says the clock's time."""
    start(control)
    start(control)
    found = asked(control, "GET", "/status")
    assert found.pop("version")
    assert found == {
        "edition": "2019-05",
        "calls": 2,
        "kept": 2,
        "tasks": 1,
        "now": "2019-05-20T12:00:00Z",
    }


def test_reset(control: Control, endpoint: Endpoint) -> None:
    """Reset forgets calls, tasks and what was to fail."""
    start(control)
    endpoint.fail_next("InternalError")
    assert asked(control, "POST", "/reset") == {}
    assert (endpoint.call_count, endpoint.tasks) == (0, [])
    assert start(control).status == 200


def test_a_call_as_json(control: Control, endpoint: Endpoint) -> None:
    """A call is told with its request, its parameters, its reply and what was wrong."""
    start(control, MediaEncode="99")
    [found] = asked(control, "GET", "/calls")["calls"]
    call = endpoint.calls[0]
    assert found["number"] == 1
    assert found["received"] == "2019-05-20T12:00:00Z"
    assert found["request"]["method"] == "GET"
    assert found["request"]["headers"][0][0].lower() == "host"
    assert ["TaskId" if "TaskId" in dict(call.pairs) else "TaskID", "t"] in found["parameters"]
    assert found["action"] == "StartMPUTask"
    assert found["signature"] == "1.0"
    assert found["code"] is None
    assert found["clause"] is None
    assert found["request_id"] == call.request_id
    assert found["reply"]["http_status"] == 200
    assert json.loads(found["reply"]["body"]) == {"RequestId": call.request_id}
    assert [w["silence"] for w in found["warnings"]] == ["silence.repeated-parameter"]


def test_a_refused_call_as_json(control: Control) -> None:
    """A refused call has its Code, its clause with the source, and every problem."""
    pairs = [(n, "99" if n == "MediaEncode" else v) for n, v in TASK.to_wire() if n != "AppId"]
    control(client(control).prepare("StartMPUTask", pairs))
    [found] = asked(control, "GET", "/calls")["calls"]
    assert found["code"] == "MissingAppId"
    assert found["clause"]["id"] == "app-id.required"
    assert found["clause"]["source"].startswith("S1")
    assert found["message"]
    assert [p["path"] for p in found["problems"]] == ["AppId", "MediaEncode"]
    assert found["problems"][1]["got"] == "'99'"


def test_a_wrong_signature_as_json(control: Control) -> None:
    """A call whose signature does not verify has the autopsy's text."""
    wrong = Client(Credentials("testid", "wrong", TOKEN), now=lambda: NOW)
    control(wrong.prepare("StartMPUTask", TASK.to_wire()))
    [found] = asked(control, "GET", "/calls")["calls"]
    assert found["code"] == "SignatureDoesNotMatch"
    assert found["autopsy"].startswith("Signature 1.0 by AccessKeyId 'testid' does not verify.")


def test_calls_since_and_limit(control: Control) -> None:
    """Calls come oldest first, from a number on, as many as asked for."""
    for number in range(5):
        start(control, task_id=f"t{number}")

    def numbers(query: str) -> list[int]:
        found = asked(control, "GET", f"/calls{query}")
        assert found["call_count"] == 5
        return [call["number"] for call in found["calls"]]

    assert numbers("") == [1, 2, 3, 4, 5]
    assert numbers("?since=3") == [4, 5]
    assert numbers("?limit=2") == [1, 2]
    assert numbers("?since=1&limit=2") == [2, 3]
    assert numbers("?since=5") == []


def test_tasks_and_stop(control: Control) -> None:
    """Tasks are listed with their parameters, and stopped by AppId and TaskId."""
    start(control, task_id="a b/ä")
    [task] = asked(control, "GET", "/tasks")["tasks"]
    assert (task["AppId"], task["TaskId"]) == (TASK.app_id, "a b/ä")
    assert ["ChannelId", TASK.channel_id] in task["parameters"]
    query = urlencode({"AppId": TASK.app_id, "TaskId": "a b/ä"}, quote_via=quote)
    assert asked(control, "DELETE", f"/tasks?{query}") == {}
    assert asked(control, "GET", "/tasks") == {"tasks": [], "task_count": 0}
    status, why = refused(control, "DELETE", f"/tasks?{query}")
    assert status == 404
    assert "running: none" in why


def test_the_status_of_a_task(control: Control, endpoint: Endpoint) -> None:
    """A task that was started gets a status, or what its next polls answer."""
    start(control, task_id="task")
    ids = {"AppId": TASK.app_id, "TaskId": "task"}
    asked(control, "POST", "/tasks", {**ids, "status": 1})
    assert [task["status"] for task in asked(control, "GET", "/tasks")["tasks"]] == [1]
    asked(control, "POST", "/tasks", {**ids, "status": [2]})
    assert asked(control, "GET", "/tasks")["tasks"] == []
    assert endpoint.status((TASK.app_id, "task")) == 2
    status, why = refused(control, "POST", "/tasks", {**ids, "TaskId": "other", "status": 1})
    assert status == 404
    assert "'task'" in why


def test_the_status_of_tasks_to_come(control: Control, endpoint: Endpoint) -> None:
    """Without a task's ids a status is that of those that are started from then on."""
    start(control, task_id="before")
    asked(control, "POST", "/tasks", {"status": 1})
    start(control, task_id="after")
    shown = {t["TaskId"]: t["status"] for t in asked(control, "GET", "/tasks")["tasks"]}
    assert shown == {"before": 0, "after": 1}


def test_fail_next(control: Control) -> None:
    """A Code, how often, and a message and an HTTP status where they are not the documented."""
    asked(control, "POST", "/fail-next", {"code": "InternalError", "times": 2})
    asked(
        control,
        "POST",
        "/fail-next",
        {"code": "Made.Up", "http_status": 418, "message": "line\r\nX: 1"},
    )
    replies = [start(control) for _ in range(4)]
    assert [reply.status for reply in replies] == [500, 500, 418, 200]
    found = json.loads(replies[2].body)
    assert (found["Code"], found["Message"]) == ("Made.Up", "line\r\nX: 1")


def test_a_code_whose_answer_is_spoilt(control: Control, endpoint: Endpoint) -> None:
    """A Code may be asked for with a fault that spoils its answer, by name and argument."""
    fault = {"name": "status", "argument": 418}
    asked(control, "POST", "/fail-next", {"code": "InternalError", "fault": fault})
    reply = start(control)
    assert (reply.status, json.loads(reply.body)["Code"]) == (418, "InternalError")
    assert endpoint.calls[0].fault == "faults.status(418)"
    for wrong in ("timeout", {}, {"name": "timeout", "times": 2}, {"name": "status"}):
        body = {"code": "InternalError", "fault": wrong}
        status, why = refused(control, "POST", "/fail-next", body)
        assert (status, "expected" in why) == (400, True)
    assert start(control).status == 200


def test_codes_and_faults_come_in_the_order_asked(control: Control, endpoint: Endpoint) -> None:
    """What is asked for by one path waits for what was asked for by another."""
    asked(control, "POST", "/fail-next", {"code": "InternalError"})
    asked(control, "POST", "/faults", {"name": "html_502"})
    assert [start(control).status for _ in range(3)] == [500, 502, 200]


FAULTS = [
    *[({"name": name}, repr(fault)) for name, fault in faults.PLAIN.items()],
    ({"name": "delay", "argument": 0.5}, "faults.delay(0.5)"),
    ({"name": "slow_bytes", "argument": 100}, "faults.slow_bytes(100)"),
    ({"name": "status", "argument": 503}, "faults.status(503)"),
    ({"name": "body", "argument": "é"}, repr(faults.body("é".encode()))),
    ({"name": "timeout", "argument": None}, "faults.timeout"),
]


@pytest.mark.parametrize(("given", "name"), FAULTS, ids=[name for _, name in FAULTS])
def test_faults(control: Control, endpoint: Endpoint, given: Any, name: str) -> None:
    """Each fault may be asked for by its name and argument, so many times."""
    asked(control, "POST", "/faults", {**given, "times": 2})
    for _ in range(3):
        start(control)
    assert [call.fault for call in endpoint.calls] == [name, name, None]


@pytest.mark.parametrize("handled", [True, False])
def test_whether_a_request_is_handled(control: Control, endpoint: Endpoint, handled: bool) -> None:
    """Whether a spoilt reply's request has started its task may be said."""
    asked(control, "POST", "/faults", {"name": "timeout", "handled": handled})
    start(control)
    assert len(endpoint.tasks) == handled


def test_faults_are_listed(control: Control) -> None:
    """The faults are listed with what each takes, and each listed one is there."""
    listed = asked(control, "GET", "/faults")["faults"]
    assert {name for name, takes in listed.items() if takes is None} == set(faults.PLAIN)
    assert {name for name, takes in listed.items() if takes} == {
        given["name"] for given, _ in FAULTS if given.get("argument") is not None
    }


def test_clock(control: Control, endpoint: Endpoint) -> None:
    """The clock is read, set, moved on, moved back and set to real time."""
    assert asked(control, "GET", "/clock") == {"now": "2019-05-20T12:00:00Z"}
    moment = {"now": "2020-01-01T08:00:00+08:00"}
    assert asked(control, "POST", "/clock", moment) == {"now": "2020-01-01T00:00:00Z"}
    assert asked(control, "POST", "/clock", {"advance": 1.5}) == {
        "now": "2020-01-01T00:00:01.500000Z"
    }
    assert asked(control, "POST", "/clock", {"advance": -2}) == {
        "now": "2019-12-31T23:59:59.500000Z"
    }
    asked(control, "POST", "/clock", {"now": None})
    assert abs(endpoint.now - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_ends_of_time(control: Control) -> None:
    """The earliest and the latest moment that may be set serve calls."""
    for moment in ("1970-01-01T00:00:00Z", "9997-12-31T23:59:59Z"):
        asked(control, "POST", "/clock", {"now": moment})
        assert start(control, task_id=moment).status == 200


def test_layouts(control: Control, endpoint: Endpoint) -> None:
    """A layout that was registered is known."""
    asked(control, "POST", "/layouts", {"layout_id": 10001, "panes": 4})
    assert endpoint.contract.layouts[10001] == 4


def test_head(control: Control) -> None:
    """HEAD is answered as GET is."""
    assert ask(control, "HEAD", "/status").status == 200
    assert ask(control, "HEAD", "/").status == 200


# ---------------------------------------------------------------------------- what it does not do

WRONG = [
    ("GET", "/nothing", None, 404, "expected one of /_rtcmpu/, /_rtcmpu/status"),
    ("GET", "/status/", None, 404, "/_rtcmpu/status/"),
    ("GET", "/reset", None, 405, 'expected POST, got "GET"'),
    ("POST", "/", None, 405, 'expected GET, got "POST"'),
    ("PUT", "/tasks", None, 405, 'expected GET, POST, DELETE, got "PUT"'),
    ("GET", "/status?a=1", None, 400, 'expected no field, got "a"'),
    ("GET", "/?since=1", None, 400, 'expected before, every, got "since"'),
    ("GET", "/?every=0", None, 400, "every: expected an integer 1…3600, got 0"),
    ("GET", "/calls?since=-1", None, 400, 'since: expected a whole number of 0 or more, got "-1"'),
    ("GET", "/calls?limit=1001", None, 400, "limit: expected an integer 1…1000, got 1001"),
    ("GET", "/calls?limit=١", None, 400, "limit: expected an integer"),
    ("GET", f"/calls?since={'9' * 5000}", None, 400, "(5002 characters)"),
    ("GET", "/calls?since=1&since=2", None, 400, "once"),
    ("DELETE", "/tasks?AppId=a", None, 400, "TaskId: expected a text, got nothing"),
    ("POST", "/reset", {"now": 1}, 400, 'expected no field, got "now"'),
    ("POST", "/reset", b"{", 400, 'expected JSON, got "{"'),
    ("POST", "/reset", b"\xff", 400, "expected JSON, got"),
    ("POST", "/reset", b"[" * 100_000, 400, "expected JSON, got"),
    ("POST", "/reset", [], 400, "expected a JSON object, got []"),
    ("POST", "/fail-next", {}, 400, "code: expected a text that is not empty, got nothing"),
    ("POST", "/fail-next", {"code": 1}, 400, "code: expected a text that is not empty, got 1"),
    ("POST", "/fail-next", {"code": "InternalErr"}, 400, "did you mean InternalError"),
    ("POST", "/fail-next", {"code": "x", "http_status": 199}, 400, "200…599, got 199"),
    ("POST", "/fail-next", {"code": "x", "http_status": True}, 400, "200…599, got true"),
    ("POST", "/fail-next", {"code": "InternalError", "times": 0}, 400, "1…9999, got 0"),
    ("POST", "/fail-next", {"code": "InternalError", "times": 10**9}, 400, "1…9999"),
    ("POST", "/faults", {"name": "nonsense"}, 400, "expected one of timeout, connection_reset"),
    ("POST", "/faults", {"name": "timeout", "argument": 1}, 400, "none for timeout, got 1"),
    ("POST", "/faults", {"name": "delay"}, 400, "seconds, 0…3600, got nothing"),
    ("POST", "/faults", {"name": "delay", "argument": -1}, 400, "seconds, 0…3600, got -1"),
    ("POST", "/faults", b'{"name": "delay", "argument": NaN}', 400, "seconds, 0…3600, got NaN"),
    ("POST", "/faults", b'{"name": "delay", "argument": 1e999}', 400, "seconds, 0…3600"),
    ("POST", "/faults", {"name": "slow_bytes", "argument": 0}, 400, "1 or more, got 0"),
    ("POST", "/faults", {"name": "status", "argument": 99}, 400, "200…599, got 99"),
    ("POST", "/faults", {"name": "body", "argument": 1}, 400, "a text, got 1"),
    ("POST", "/faults", {"name": "timeout", "handled": 1}, 400, "true or false, got 1"),
    ("POST", "/clock", {}, 400, "either now or advance, got neither"),
    ("POST", "/clock", {"now": None, "advance": 1}, 400, "got now, advance"),
    ("POST", "/clock", {"now": "2019-05-20T12:00:00"}, 400, "with a time zone"),
    ("POST", "/clock", {"now": "0001-01-01T00:00:00+23:00"}, 400, "the years 1970…9997"),
    ("POST", "/clock", {"now": 1}, 400, "null, or a moment"),
    ("POST", "/clock", {"advance": 10**12}, 400, "a moment in the years 1970…9997"),
    ("POST", "/clock", {"advance": 10**13}, 400, "seconds, back where negative"),
    (
        "POST",
        "/tasks",
        {"status": []},
        400,
        "status: expected an integer, or a list of some, got []",
    ),
    ("POST", "/tasks", {"status": [0, "1"]}, 400, "status: expected an integer, or a list of some"),
    ("POST", "/tasks", {"status": 4}, 400, "status: expected one of 0, 1, 2, 3, got 4"),
    ("POST", "/tasks", {"AppId": "a", "status": 1}, 400, "TaskId: expected a text, got nothing"),
    ("POST", "/tasks", {"app_id": "a"}, 400, 'expected status, AppId, TaskId, got "app_id"'),
    ("POST", "/tasks", {}, 400, "status: expected an integer, or a list of some, got nothing"),
    ("POST", "/layouts", {"layout_id": 1, "panes": 1}, 400, "10001…2147483647, got 1"),
    ("POST", "/layouts", {"layout_id": 10001, "panes": 0}, 400, "panes: expected an integer 1…"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "words"), WRONG)
def test_refusals_say_why(
    control: Control,
    endpoint: Endpoint,
    method: str,
    path: str,
    body: object,
    status: int,
    words: str,
) -> None:
    """What cannot be met is refused with what was expected and what came, and changes nothing."""
    code, why = refused(control, method, path, body)
    assert (code, words in why) == (status, True), why
    assert start(control).status == 200
    assert endpoint.now == NOW


def test_allow_names_the_methods(control: Control) -> None:
    """A wrong method's refusal has the header Allow."""
    assert ask(control, "PUT", "/clock").header("allow") == "GET, POST"


def test_no_route_is_untested() -> None:
    """Every route and method is asked for above, rightly and wrongly."""
    assert {(m, path) for path, methods in _ROUTES.items() for m in methods} <= {
        (method, path.partition("?")[0]) for method, path, *_ in WRONG
    } | {("GET", "/tasks"), ("GET", "/faults"), ("GET", "/clock")}


# ------------------------------------------------------------------- pages that somebody has open


def test_tasks_are_paged(control: Control) -> None:
    """Tasks are listed from an offset, so many at a time, and counted."""
    for name in "abcde":
        start(control, task_id=name)

    def listed(query: str) -> tuple[str, int]:
        found = asked(control, "GET", f"/tasks{query}")
        return "".join(task["TaskId"] for task in found["tasks"]), found["task_count"]

    assert listed("") == ("abcde", 5)
    assert listed("?offset=3") == ("de", 5)
    assert listed("?offset=1&limit=2") == ("bc", 5)
    assert listed("?offset=9") == ("", 5)


def test_what_counts_tasks_makes_none(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status and page take as long for many tasks as for one; a list makes what it shows."""
    for name in "abcde":
        start(control, task_id=name)
    made: list[object] = []
    make = StartMPUTask.from_wire
    monkeypatch.setattr(StartMPUTask, "from_wire", lambda *a, **k: made.append(0) or make(*a, **k))
    assert asked(control, "GET", "/status")["tasks"] == 5
    assert "<dt>Tasks</dt><dd>5</dd>" in page(control)
    assert len(made) == 0
    asked(control, "GET", "/tasks?limit=2")
    assert len(made) == 2


def test_a_message_names_some_of_many_tasks(control: Control) -> None:
    """Where there is no such task, a few of those that run are named, and the rest is counted."""
    for number in range(35):
        start(control, task_id=f"task-{number}")
    status, why = refused(control, "DELETE", "/tasks?AppId=a&TaskId=b")
    assert status == 404
    assert "task-27" in why
    assert "task-28" not in why
    assert why.endswith("and 7 more")


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("::1", True),
        ("host.docker.internal", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("0.0.0.0", False),
        ("192.168.1.1", False),
        ("", False),
    ],
)
def test_own_names(host: str, own: bool) -> None:
    """Loopback addresses and reserved names are this machine's; nothing else is."""
    assert is_loopback(host) is own


@pytest.mark.parametrize(
    "host", ["evil.example:1", "evil.example", "", "[", "127.0.0.1@evil.example"]
)
def test_a_foreign_name_is_refused(control: Control, host: str) -> None:
    """On loopback a name that was made to point here reads and controls nothing."""
    for method, path in (("GET", "/"), ("GET", "/calls"), ("POST", "/reset"), ("GET", "/x")):
        status, why = refused(control, method, path, Host=host)
        assert status == 403
        assert "Host: expected a name of this machine" in why


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("localhost", 200),
        ("192.168.1.5", 200),
        ("[fe80::1]", 200),
        (socket.gethostname().upper(), 200),
        ("rtcmpu", 200),
        ("RTCMPU.", 200),
        ("evil.example", 403),
        ("rtcmpu.evil.example", 403),
        ("192.168.1.5.evil.example", 403),
        ("", 403),
    ],
)
@pytest.mark.parametrize("bound", ["0.0.0.0", "::", "192.168.1.5"])
def test_names_where_it_listens_for_others(
    endpoint: Endpoint, bound: str, name: str, status: int
) -> None:
    """An address to listen on is no licence: it answers under addresses and names that are its."""
    control = Control(endpoint, host=bound, names=["rtcmpu"])
    assert ask(control, "POST", "/reset", Host=f"{name}:8080").status == status


def test_a_refused_name_tells_how_to_allow_it(endpoint: Endpoint) -> None:
    """Who is refused under a name that is right learns which option names it."""
    control = Control(endpoint, host="0.0.0.0")
    status, why = refused(control, "POST", "/reset", Host="rtcmpu:8080")
    assert status == 403
    assert "--own-name" in why
    assert ask(Control(endpoint, names=["rtcmpu"]), "POST", "/reset", Host="rtcmpu").status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://127.0.0.1:1"}, 200),
        ({"Origin": "https://127.0.0.1:1"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:2"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])
def test_a_page_from_elsewhere_is_refused(
    endpoint: Endpoint, bound: str, headers: dict[str, str], status: int
) -> None:
    """A browser says where a request comes from: only the server's own page may control it."""
    control = Control(endpoint, host=bound)
    assert ask(control, "POST", "/reset", **headers).status == status
    assert ask(
        control, "POST", "/reset", b'{"a":', Content_Type="text/plain", **headers
    ).status in (
        400,
        403,
    )


# ---------------------------------------------------------------------------------------- the page


def page(control: Control, query: str = "") -> str:
    """The page's HTML."""
    reply = ask(control, "GET", f"/{query}")
    assert reply.status == 200
    assert reply.header("content-type") == "text/html; charset=utf-8"
    assert "default-src 'none'" in (reply.header("content-security-policy") or "")
    assert reply.header("cache-control") == "no-store"
    return reply.body.decode()


def test_the_page_without_a_slash(control: Control) -> None:
    """The page's address without its slash leads to the page."""
    reply = ask(control, "GET", "")
    assert (reply.status, reply.header("location")) == (308, "/_rtcmpu/")


def test_the_page_shows_the_calls(control: Control) -> None:
    """The page shows each call, the newest first, its parameters and its reply."""
    start(control, task_id="first")
    start(control, task_id="second")
    text = page(control)
    assert text.index("second") < text.index("first")
    assert text.count("<details>") == 2
    assert "S1's own" not in text
    assert "Why it was refused" not in text


def test_the_page_says_why(control: Control) -> None:
    """A refused call has the Code's meaning, the clause, its source and each problem in words."""
    pairs = [(n, v) for n, v in TASK.to_wire() if n != "AppId"]
    control(client(control).prepare("StartMPUTask", pairs))
    clause = control.endpoint.contract.clause("app-id.required")
    text = page(control)
    for part in ("Why it was refused", "MissingAppId", clause.id, clause.text.split("'")[0]):
        assert part in text
    assert "AppId: expected a value, got nothing" in text
    assert f"Source: {clause.source}: StartMPUTask reference" in text


def test_the_page_has_the_autopsy(control: Control) -> None:
    """A signature that does not verify is explained stage by stage."""
    wrong = Client(Credentials("testid", "wrong", TOKEN), now=lambda: NOW)
    control(wrong.prepare("StartMPUTask", TASK.to_wire()))
    assert "does not verify." in page(control)
    assert "String to sign (server)" in page(control)


def test_the_page_names_what_was_asked_for(control: Control, endpoint: Endpoint) -> None:
    """A failure and a fault that a test asked for are told as such."""
    endpoint.answer_next("InternalError", fault=faults.truncated_body)
    start(control)
    text = page(control)
    assert "The test asked for this failure" in text
    assert "faults.truncated_body" in text


def test_the_page_shows_no_html_of_others(control: Control) -> None:
    """HTML in names, values, headers and bodies is text; what cannot be seen is written out."""
    start(control, task_id=f"{EVIL}\u202e\0")
    evil = Request(
        method=EVIL,
        target=f"/?Action={quote(EVIL)}&{quote(EVIL)}=1",
        headers=(("User-Agent", EVIL),),
        body=EVIL.encode(),
    )
    control(evil)
    text = page(control)
    assert EVIL not in text
    assert "<img" not in text
    assert "\u202e" not in text
    assert "\\u202e\\x00" in text
    assert text.count("<script>") == 1


def test_the_page_is_bounded(control: Control) -> None:
    """Fifty calls a page, earlier ones by a link, and endless values cut."""
    for number in range(60):
        start(control, task_id=f"task-{number}" if number else "x" * 100_000)
    text = page(control)
    assert text.count("<details>") == 50
    assert '<a href="?before=11">10 earlier calls</a>' in text
    earlier = page(control, "?before=11")
    assert earlier.count("<details>") == 10
    assert "earlier call" not in earlier
    assert "… (100000 characters)" in earlier
    assert len(earlier) < 200_000
    control(Request(method="GET", target="/?" + "a=1&" * 10_000))
    assert "… and 9800 more" in page(control)


def test_the_page_may_be_read_anew(control: Control) -> None:
    """Without scripts the page reads itself anew when asked to, and not otherwise."""
    assert '<meta http-equiv="refresh" content="5">' in page(control, "?every=5")
    assert 'http-equiv="refresh"' not in page(control)


# ----------------------------------------------------------------------------------------- secrets


def leaky_requests() -> Iterator[Request]:
    """Requests that carry the secret or a token where they should, and where they should not."""
    good = Client(Credentials("testid", SECRET, TOKEN), now=lambda: NOW)
    for settings in ({}, {"method": "POST"}, {"signature": "v3"}):
        made = Client(good.credentials, now=lambda: NOW, **settings)  # type: ignore[arg-type]
        yield made.prepare("StartMPUTask", TASK.to_wire())
        yield made.prepare("StartMPUTask", [*TASK.to_wire(), ("AccessKeySecret", SECRET)])
        yield made.prepare("StartMPUTask", [("Action", SECRET), ("X", TOKEN), (SECRET, "x")])
    wrong = Client(Credentials("testid", "wrong", TOKEN), now=lambda: NOW)
    yield wrong.prepare("StartMPUTask", [*TASK.to_wire(), ("AccessKeySecret", SECRET)])
    yield wrong.prepare(
        "StartMPUTask", [(n, SECRET if n == "MediaEncode" else v) for n, v in TASK.to_wire()]
    )
    for raw in (SECRET, quote(SECRET), quote(SECRET, safe=""), quote(quote(SECRET, safe=""))):
        yield Request(method="GET", target=f"/{raw}?Action={raw}&a={raw}", headers=(("X", raw),))
        yield Request(method="POST", target="/", body=json.dumps({"key": raw}).encode())
    yield Request(
        method="GET",
        target="/?SecurityToken=other/tok+en&b=other/tok%20en",
        headers=(("X-Acs-Security-Token", "other/tok en"),),
    )
    for octets in (SECRET.encode(), f"testid:{SECRET}".encode(), f"a:{TOKEN}\n".encode()):
        for raw in (b64encode(octets), urlsafe_b64encode(octets), octets.hex().encode()):
            plain = raw.decode()
            headers = (("Authorization", f"Basic {plain}"),)
            yield Request(method="POST", target=f"/?a={quote(plain)}", headers=headers, body=raw)
    for body in (
        {"security_token": STRAY},
        {"a": json.dumps({"securityToken": STRAY})},
        f'--b\r\nContent-Disposition: form-data; name="X-Security-Token"\r\n\r\n{STRAY}\r\n--b--',
        f"a=1; security_token={STRAY}",
    ):
        text = body if isinstance(body, str) else json.dumps(body)
        yield Request(method="POST", target=f"/?echo={STRAY}", body=text.encode())
    for name in ("security_token", "X-Security-Token", "stsToken"):
        yield Request(method="GET", target=f"/?{name}={STRAY}&b={STRAY}", headers=((name, STRAY),))
        yield Request(
            method="GET", target=f"/?a=1;{name}={STRAY}", headers=(("Cookie", f"{name}={STRAY}"),)
        )


def test_no_secret_is_shown(control: Control) -> None:
    """Neither secret nor token stands in a record, on the page or in a refusal, in any form."""
    for request in leaky_requests():
        control(request)
    shown = [
        ask(control, "GET", "/calls").body.decode(),
        ask(control, "GET", "/").body.decode(),
        ask(control, "GET", "/tasks").body.decode(),
        ask(control, "POST", "/fail-next", {"code": SECRET}).body.decode(),
        ask(control, "GET", f"/{SECRET}").body.decode(),
    ]
    for text in shown:
        for secret in (SECRET, TOKEN, "other/tok en", "other/tok%20en"):
            once = quote(secret, safe="~")
            for form in (secret, quote(secret), once, quote(once), json.dumps(secret)[1:-1]):
                assert form not in text
        for octets in (SECRET.encode(), b"testid:" + SECRET.encode(), b"a:" + TOKEN.encode()):
            for form in (b64encode(octets), urlsafe_b64encode(octets), octets.hex().encode()):
                # What its last or first bytes share with a neighbour is not the same everywhere.
                assert form.decode()[8:24] not in text
        assert STRAY not in text
    assert all(REDACTED in text for text in shown if "refused" not in text and "tasks" not in text)


def test_no_task_shows_a_token(control: Control) -> None:
    """A task is told without the tokens that stand in its values, and without known secrets."""
    url = f"rtmp://h/a/s?auth_key=1&security_token={STRAY}&sts={TOKEN}"
    pairs = replace(TASK, task_id=f"t-{STRAY}", stream_url=url).to_wire()
    assert control(client(control).prepare("StartMPUTask", pairs)).status == 200
    (task,) = asked(control, "GET", "/tasks")["tasks"]
    assert task["TaskId"] == f"t-{REDACTED}"
    told = dict(task["parameters"])
    assert told["StreamURL"] == f"rtmp://h/a/s?auth_key=1&security_token={REDACTED}&sts={REDACTED}"
    assert STRAY not in json.dumps(task)


def test_no_reply_has_the_secret(control: Control) -> None:
    """The access-key secret is in no reply, even where the request carried it by mistake."""
    for request in leaky_requests():
        text = control(request).body.decode()
        once = quote(SECRET, safe="~")
        assert not [form for form in (SECRET, once, quote(once, safe="~")) if form in text]


def test_on_call(endpoint: Endpoint) -> None:
    """Each call is handed on as it is recorded; the control interface's own are not."""
    seen: list[int] = []
    control = Control(endpoint, on_call=lambda call: seen.append(call.number))
    start(control)
    asked(control, "GET", "/status")
    start(control)
    assert seen == [1, 2]
