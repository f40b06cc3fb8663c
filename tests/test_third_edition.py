"""A third edition, made up here as data: no line of the package knows any of its names, and it is
loaded, generated, violated, enforced and checked like those that it ships.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_rtcmpu import strategies as rtc
from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.client.bench import ClientBench
from pytest_rtcmpu.checks.endpoint.bench import EndpointBench
from pytest_rtcmpu.checks.run import Settings, run_bench
from pytest_rtcmpu.checks.testees.protocol import CallableTestee, PlainCredentials
from pytest_rtcmpu.client import Client
from pytest_rtcmpu.contract import Contract, ContractError, parse
from pytest_rtcmpu.contract.types import CLIENT_RULES, WHOLE_RULES, named
from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.model import request_class
from pytest_rtcmpu.rules import judge
from pytest_rtcmpu.server.http import Server
from pytest_rtcmpu.strategies import Violation
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS, Credentials

# ----------------------------------------------------------------------------------- the data

SAID = 'source = "S1", level = "documented", text = "A parameter."'

#: A scalar of each kind with each limit that a page can print, and a list of scalars.
SCALARS = f"""
  {{ name = "Bytes", kind = "string", required = false, alphabet = "[B-Y中]", maximum_bytes = 4, {SAID} }},
  {{ name = "Letters", kind = "string", required = false, maximum_characters = 5, {SAID}, generate = {{ odd = true }} }},
  {{ name = "AtLeast", kind = "integer", required = false, minimum = 5, {SAID} }},
  {{ name = "AtMost", kind = "integer", required = false, maximum = -5, {SAID} }},
  {{ name = "Within", kind = "integer", required = false, minimum = 3, maximum = 30, excludes = ["minimum"], {SAID} }},
  {{ name = "Whole", kind = "integer", required = false, {SAID} }},
  {{ name = "Long", kind = "long", required = false, {SAID} }},
  {{ name = "Above", kind = "float", required = false, minimum = 0.5, excludes = ["minimum"], {SAID} }},
  {{ name = "Below", kind = "float", required = false, maximum = 1.5, excludes = ["maximum"], {SAID} }},
  {{ name = "Ends", kind = "float", required = false, minimum = -1, maximum = 1, {SAID} }},
  {{ name = "Real", kind = "float", required = false, {SAID} }},
  {{ name = "Flag", kind = "boolean", required = false, {SAID} }},
  {{ name = "Page", kind = "url", required = false, schemes = ["https", "gopher"], {SAID} }},
  {{ name = "Mood", kind = "string", required = false, {SAID} }},
  {{ name = "Grade", kind = "integer", required = false, {SAID} }},
  {{ name = "Words", kind = "string", required = false, maximum_characters = 3, items = {{ starts = [3], minimum = 2, maximum = 12 }}, {SAID} }},
  {{ name = "Counts", kind = "integer", required = false, minimum = 0, items = {{ starts = [0, 1], gaps = true, maximum = 3 }}, {SAID} }},
  {{ name = "Moods", kind = "string", required = false, items = {{}}, {SAID} }},
"""
#: Where they stand: at the top, in a struct, in a list of structs, in a list in a list.
PLACES = ("", "Frame.", "Scenes.", "Scenes.Actors.")


def enumerations(operation: str) -> str:
    """The enumerations, another one for each path."""
    found = ""
    for at, place in enumerate(PLACES):
        tables = {
            "Mood": f'{{ value = "Glad{at}", size = 1 }}, {{ value = "sad{at}", size = 2 }}',
            "Moods": f'{{ value = "calm{at}" }}, {{ value = "Wild{at}" }}, {{ value = "odd{at}" }}',
            "Grade": f"{{ value = {7 + at}, size = 1 }}, {{ value = {20 + at}, size = 2 }}",
        }
        for name, rows in tables.items():
            found += f"""
[operations.{operation}.enums."{place}{name}"]
source = "S1"
level = "documented"
rows = [{rows}]
"""
    return found


def clause(operation: str, clause_id: str, parameter: str) -> str:
    """A written clause, of a relation that refuses."""
    return f"""
[[operations.{operation}.clauses]]
id = "{clause_id}"
subjects = ["client", "endpoint"]
level = "documented"
source = "S1"
text = "It holds."
parameter = "{parameter}"
codes = ["Invalid{parameter.partition(".")[0]}"]
"""


def silence(operation: str, silence_id: str, warns: bool = False) -> str:
    """A silence."""
    return f"""
[[operations.{operation}.silences]]
id = "{silence_id}"
source = "S1"
text = "It is nowhere said."
warns = {str(warns).lower()}
"""


#: (id, sort, left, the rest), each of which is refused, and once more noted, and once more only
#: where something else is so.
RELATIONS: tuple[tuple[str, str, str, str], ...] = (
    ("not-above", "not-above", "Low", 'right = { path = "High" }'),
    ("below", "not-above", "Scenes.Low", 'strict = true\nright = { path = "Scenes.High" }'),
    ("alike", "alike", "Take", 'right = { path = "Cut", attribute = "size" }'),
    ("distinct", "distinct", "Scenes.Number", ""),
    ("distinct-inside", "distinct", "Scenes.Actors.Number", ""),
    ("at-most-one", "at-most-one", "Scenes.Lead", 'values = ["1"]'),
    ("required-when", "required-when", "Caption", 'right = { path = "Titled" }\nwhen = ["true"]'),
    ("required-beside", "required-when", "Scenes.Caption", 'right = { path = "Scenes.Titled" }'),
    ("effective", "effective-only-when", "Shade", 'right = { path = "Tint" }\nwhen = ["grey"]'),
)
#: What the relations are of.
RELATED = f"""
  {{ name = "When", kind = "string", required = false, default = "now", {SAID} }},
  {{ name = "Low", kind = "integer", required = false, minimum = 0, maximum = 9, {SAID} }},
  {{ name = "High", kind = "integer", required = false, minimum = 0, maximum = 9, {SAID} }},
  {{ name = "Take", kind = "integer", required = false, minimum = 1, maximum = 3, {SAID} }},
  {{ name = "Cut", kind = "string", required = false, {SAID} }},
  {{ name = "Caption", kind = "string", required = false, {SAID} }},
  {{ name = "Titled", kind = "boolean", required = false, {SAID} }},
  {{ name = "Shade", kind = "integer", required = false, minimum = 0, {SAID} }},
  {{ name = "Tint", kind = "string", required = false, {SAID} }},
  {{ name = "Scenes", kind = "struct", required = false, items = {{}}, {SAID}, fields = [
    {{ name = "Low", kind = "integer", required = false, minimum = 0, maximum = 9, {SAID} }},
    {{ name = "High", kind = "integer", required = false, minimum = 0, maximum = 9, {SAID} }},
    {{ name = "Number", kind = "integer", required = false, minimum = 1, {SAID} }},
    {{ name = "Lead", kind = "integer", required = false, {SAID} }},
    {{ name = "Caption", kind = "string", required = false, {SAID} }},
    {{ name = "Titled", kind = "boolean", required = false, {SAID} }},
    {{ name = "Actors", kind = "struct", required = false, items = {{}}, {SAID}, fields = [
      {{ name = "Number", kind = "integer", required = false, minimum = 1, {SAID} }},
    ] }},
  ] }},
"""
RELATED_ENUMS: Mapping[str, str] = {
    "When": '{ value = "now" }, { value = "later" }',
    "Cut": '{ value = "short", size = 1 }, { value = "long", size = 3 }',
    "Tint": '{ value = "grey" }, { value = "red" }',
    "Scenes.Lead": "{ value = 0 }, { value = 1 }",
}
IDS = f"""
  {{ name = "AppId", kind = "string", required = true, {SAID}, generate = {{ plain = "app1" }} }},
  {{ name = "TaskId", kind = "string", required = true, maximum_bytes = 40, {SAID}, generate = {{ plain = "task1", pattern = "[A-Za-z0-9_-]" }} }},
"""


def operation(name: str, effect: str, parameters: str = "") -> str:
    """An operation's table, the ids of a task among its parameters."""
    return f"""
[operations.{name}]
source = "S1"
level = "documented"
text = "Does {effect}."
effect = "{effect}"
prefix = "{name.lower()}."
parameters = [{IDS}{parameters}]
"""


def related(name: str, verdict: str, where: str = "") -> str:
    """An operation that does nothing, with a relation of each sort."""
    found = operation(name, "none", RELATED)
    for path, rows in RELATED_ENUMS.items():
        found += f"""
[operations.{name}.enums."{path}"]
source = "S1"
level = "documented"
rows = [{rows}]
"""
    prefix = "silence." if verdict == "note" else ""
    for relation_id, sort, left, rest in RELATIONS:
        its_id = f"{prefix}{name.lower()}.{relation_id}"
        found += f"""
[[operations.{name}.relations]]
id = "{its_id}"
sort = "{sort}"
verdict = "{verdict}"
left = {{ path = "{left}" }}
{rest}
{where}
"""
        found += silence(name, its_id) if prefix else clause(name, its_id, left)
    return found


def starting(name: str, parameters: str = "") -> str:
    """An operation that starts a task."""
    return f"""
{operation(name, "start", parameters)}
[[operations.{name}.clauses]]
id = "{name.lower()}.existed"
subjects = ["client", "endpoint"]
level = "documented"
source = "S1"
text = "A task that exists is not started again."
parameter = "TaskId"
rule = "exists"
codes = ["TaskExisted"]

[operations.{name}.errors]
source = "S1"
level = "documented"
rows = [
  {{ code = "TaskExisted", http_status = 200, message = "It is there.", meaning = "It is there." }},
  {{ code = "InternalError", http_status = 500, message = "No.", meaning = "No.", occurs = "on-demand" }},
]
"""


TREE = f"""{SCALARS}
  {{ name = "Frame", kind = "struct", required = false, {SAID}, fields = [{SCALARS}] }},
  {{ name = "Scenes", kind = "struct", required = false, items = {{ maximum = 4 }}, {SAID}, fields = [
    {SCALARS}
    {{ name = "Actors", kind = "struct", required = false, items = {{ starts = [0] }}, {SAID}, fields = [{SCALARS}] }},
  ] }},
"""

#: What the fixed cases of StartMPUTask itself are made with: they say how lists and texts are sent.
SENT = f"""
  {{ name = "MediaEncode", kind = "integer", required = true, {SAID}, generate = {{ plain = 4 }} }},
  {{ name = "LayoutIds", kind = "integer", required = true, values_from = "layouts", items = {{}}, {SAID} }},
  {{ name = "UserPanes", kind = "struct", required = false, items = {{ maximum = 3 }}, {SAID}, fields = [
    {{ name = "PaneId", kind = "integer", required = false, minimum = 0, maximum = 2, {SAID} }},
    {{ name = "UserId", kind = "string", required = false, {SAID}, generate = {{ plain = "user", pattern = "[a-z]", odd = true }} }},
    {{ name = "SourceType", kind = "string", required = false, {SAID} }},
  ] }},
"""
SENT_ENUMS = """
[operations.StartMPUTask.enums.MediaEncode]
source = "S1"
level = "documented"
rows = [{ value = 4 }, { value = 8 }]

[operations.StartMPUTask.enums."UserPanes.SourceType"]
source = "S1"
level = "documented"
rows = [{ value = "left" }, { value = "right" }]
"""

HEAD = """
edition = "2099-01"
title = "Of another day"
layouts = { source = "S1", level = "documented", text = "One.", built_in = [{ id = 1, panes = 1 }, { id = 3, panes = 2 }], reserved_up_to = 10 }
""" + "".join(f'[[sources]]\nid = "S{n}"\ntitle = "A page."\n' for n in range(1, 7))

ASKING = f"""
{operation("AskShow", "status")}
[[operations.AskShow.reply]]
name = "Status"
kind = "integer"
source = "S1"
level = "documented"
text = "How it is."

[operations.AskShow.enums."reply.Status"]
source = "S1"
level = "documented"
rows = [
  {{ value = 10, name = "NEW", runs = "yes", on = "start" }},
  {{ value = 20, name = "GOING", runs = "yes", on = "run" }},
  {{ value = 30, name = "GONE", on = "end" }},
  {{ value = 40, name = "SENT_AWAY", on = "stop" }},
]

[operations.AskShow.errors]
source = "S1"
level = "documented"
rows = [{{ code = "Show.Unknown", http_status = 404, message = "Which?", meaning = "Which?" }}]

[[operations.AskShow.clauses]]
id = "askshow.unknown"
subjects = ["client", "endpoint"]
level = "documented"
source = "S1"
text = "Nobody started it."
parameter = "TaskId"
rule = "exists"
codes = ["Show.Unknown"]
"""

#: Clauses that checks of their own are made for, by their ids.
KNOWN_IDS = "".join(
    f"""
[[operations.{name}.clauses]]
id = "{clause_id}"
subjects = ["{subject}"]
level = "documented"
source = "S1"
text = "It is so."
"""
    for name, clause_id, subject in (
        ("StartMPUTask", "task-id.key", "endpoint"),
        ("EndShow", "stop.restart", "endpoint"),
        ("AskShow", "status.returned", "client"),
        ("AskShow", "status.number", "endpoint"),
        ("AskShow", "status.after-start", "endpoint"),
        ("AskShow", "status.after-stop", "endpoint"),
    )
)

TEXT = "".join(
    (
        HEAD,
        starting("StartMPUTask", SENT).replace('prefix = "startmputask."', 'prefix = ""'),
        SENT_ENUMS,
        starting("BeginShow", TREE),
        enumerations("BeginShow"),
        operation("EndShow", "stop"),
        silence("EndShow", "silence.stop-unknown-task", warns=True),
        ASKING,
        KNOWN_IDS,
        related("Refuses", "refuse"),
        related("Notes", "note"),
        related("Depends", "refuse", 'where = { path = "When", values = ["now"] }'),
    )
)
THIRD = parse(TEXT, file="2099-01")


# ------------------------------------------------------------------------------- it is generated

OPERATIONS = tuple(THIRD.operations)
FEW = settings(
    max_examples=25,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
each_operation = pytest.mark.parametrize("action", OPERATIONS)


def answered(endpoint: Endpoint, action: str, pairs: Any, **how: Any) -> str | None:
    """Return the Code that a request is answered with, ``None`` for a success."""
    client = Client(endpoint.credentials, contract=THIRD, now=lambda: endpoint.now, **how)
    endpoint.handle(client.prepare(action, list(pairs)))
    return endpoint.calls[-1].code


def enforcing(action: str, pairs: Any) -> Endpoint:
    """Return an endpoint with what a request asks for: the task, where it has to be there."""
    endpoint = Endpoint(contract=THIRD, warn=lambda _: None)
    if THIRD.operations[action].effect in ("stop", "status"):
        begun = {**cases.plain(THIRD), **{name: value for name, value in pairs if value}}
        begun = cases.to_pairs(begun, THIRD)
        assert answered(endpoint, "StartMPUTask", begun) in (None, "InvalidTaskId")
    return endpoint


@each_operation
@FEW
@given(data=st.data())
def test_requests_are_made_and_accepted(action: str, data: st.DataObject) -> None:
    """What strategies make of any operation keeps every rule, and the endpoint accepts it."""
    request = data.draw(rtc.requests(action, contract=THIRD))
    pairs = request.to_wire()
    found = judge(pairs, THIRD.operation(action))
    assert found.problems == ()
    assert [note for note in found.notes if note.silence.warns] == []
    assert request == type(request).from_wire(pairs, contract=THIRD)
    assert answered(enforcing(action, pairs), action, pairs) is None


#: What takes a task that is there to be broken, what a client does, what is no breach.
NO_REQUESTS = {"exists", *CLIENT_RULES, *WHOLE_RULES}


def refusing(action: str) -> list[str]:
    """The clauses that a request can break by itself."""
    view = THIRD.operation(action)
    found = [c.id for c in view.in_view.clauses if c.rule and c.rule not in NO_REQUESTS]
    return found + [r.id for r in view.relations if r.verdict == "refuse"]


EVERY_CLAUSE = [(action, clause_id) for action in OPERATIONS for clause_id in refusing(action)]


@pytest.mark.parametrize(("action", "clause_id"), EVERY_CLAUSE, ids=lambda each: str(each))
def test_every_clause_is_violated_and_answered(action: str, clause_id: str) -> None:
    """A violation breaks its clause alone, and the endpoint answers one of the clause's Codes."""
    seen: list[Violation] = []

    @settings(FEW, max_examples=5)
    @given(rtc.violations(action, contract=THIRD, clauses=clause_id))
    def run(violation: Violation) -> None:
        seen.append(violation)
        assert violation.clause == clause_id
        assert judge(violation.repaired, THIRD.operation(action)).problems == ()
        code = answered(enforcing(action, violation.pairs), action, violation.pairs)
        assert code in violation.codes

    run()
    assert seen


@each_operation
def test_fixed_cases_are_what_they_say(action: str) -> None:
    """Every valid fixed case keeps every rule; every other breaks its clause alone; none is missing."""
    view = THIRD.operation(action)
    about = set()
    for name, clause_id, params in cases.valid(view):
        assert judge(cases.to_pairs(params, view), view).problems == (), name
        about.add(clause_id)
    assert {clause_id for clause_id in about if not THIRD.clause(clause_id)} == set()
    seen = set()
    for name, clause_id, pairs in cases.breaches(view):
        assert [p.clause.id for p in judge(pairs, view).problems] == [clause_id], name
        seen.add(clause_id)
    assert set(refusing(action)) - seen == set()


# ------------------------------------------------------------------------------- it is checked


def client(
    params: Mapping[str, Any],
    *,
    endpoint: str,
    credentials: PlainCredentials,
    timeout: float,
    operation: str = "StartMPUTask",
) -> str | dict[str, Any]:
    """Our own client, held to the third edition."""
    request = request_class(operation, THIRD).from_params(params, contract=THIRD)
    key = Credentials(*credentials.values())
    with Client(key, endpoint, timeout=timeout, contract=THIRD) as sender:
        reply = sender.request(request)
    status = reply.fields.get("Status")
    if status is None:
        return reply.request_id
    return {"request_id": reply.request_id, "status": int(status)}


client.operations = OPERATIONS  # type: ignore[attr-defined]


def broken(run: Any) -> Mapping[str, Any]:
    """The findings of a run, by clause."""
    return {result.clause: result.findings for result in run.results if result.broken}


def test_a_client_is_checked() -> None:
    """Our client breaks nothing of the third edition, in any of its operations."""
    chosen = Settings(phases=("documented",), operations=OPERATIONS)
    bench = ClientBench(CallableTestee(client), chosen, THIRD)
    try:
        run = run_bench(bench, chosen)
    finally:
        bench.close()
    assert broken(run) == {}
    assert bench.notes == []


def test_an_endpoint_is_checked() -> None:
    """Our endpoint breaks nothing of the third edition, in any of its operations."""
    endpoint = Endpoint(contract=THIRD, warn=lambda _: None)
    chosen = Settings(phases=("documented",), operations=OPERATIONS)
    with Server(endpoint.handle) as server:
        bench = EndpointBench(server.url, TEST_CREDENTIALS, chosen, THIRD)
        try:
            run = run_bench(bench, chosen)
        finally:
            bench.close()
        assert server.errors == []
    assert broken(run) == {}
