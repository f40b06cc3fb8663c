"""A third edition, made up here as data: no line of the package knows any of its names, and it is
loaded, generated, violated, enforced and checked like those that it ships.
"""

# ruff: noqa: E501 - a parameter, or a mistake, stands in one line

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import pytest
from editions import CONTRACT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_rtcmpu import strategies as rtc
from pytest_rtcmpu import wire
from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.client.bench import ClientBench
from pytest_rtcmpu.checks.core import Phase
from pytest_rtcmpu.checks.endpoint.bench import EndpointBench
from pytest_rtcmpu.checks.run import Settings, run_bench
from pytest_rtcmpu.checks.testees.protocol import CallableTestee, PlainCredentials
from pytest_rtcmpu.client import Client
from pytest_rtcmpu.contract import Contract, ContractError, parse
from pytest_rtcmpu.contract.types import CLIENT_RULES, WHOLE_RULES
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
  {{ name = "Between", kind = "float", required = false, minimum = 0, maximum = 0.5, excludes = ["minimum", "maximum"], {SAID} }},
  {{ name = "Negative", kind = "float", required = false, maximum = -5, excludes = ["maximum"], default = -14.5, {SAID}, generate = {{ plain = -7.5 }} }},
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


#: Fields that are required in what is not: alone there, beside another, a list, a struct.
NEEDED = f'{{ name = "Word", kind = "string", required = true, {SAID} }}'
BESIDE = f'{{ name = "Note", kind = "integer", required = false, {SAID} }}'
LISTED = f'{{ name = "Parts", kind = "struct", required = true, items = {{}}, {SAID}, fields = [{NEEDED}] }}'
NEEDING = "".join(
    f'  {{ name = "{name}", kind = "struct", required = false, {items} {SAID}, fields = [{fields}] }},\n'
    for name, items, fields in (
        ("Alone", "items = {},", NEEDED),
        ("Lone", "", NEEDED),
        ("Pairs", "items = {},", f"{NEEDED}, {BESIDE}"),
        ("Single", "items = { maximum = 1 },", f"{NEEDED}, {BESIDE}"),
        ("Pair", "", f"{NEEDED}, {BESIDE}"),
        ("Nested", "items = {},", LISTED),
        ("NestedPairs", "items = {},", f"{LISTED}, {BESIDE}"),
    )
)

TREE = f"""{SCALARS}
  {{ name = "Frame", kind = "struct", required = false, {SAID}, fields = [{SCALARS}] }},
  {{ name = "Scenes", kind = "struct", required = false, items = {{ maximum = 4 }}, {SAID}, fields = [
    {SCALARS}
    {{ name = "Actors", kind = "struct", required = false, items = {{ starts = [0] }}, {SAID}, fields = [{SCALARS}] }},
  ] }},
{NEEDING}"""

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
        # Another application is the plain one here: a sequence is about one all the same.
        operation("EndShow", "stop").replace('plain = "app1"', 'plain = "app9"'),
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


#: An item whose only field is a list is gone without it.
UNBREAKABLE = {"beginshow.nested.parts.required"}


def refusing(action: str) -> list[str]:
    """The clauses that a request can break by itself."""
    view = THIRD.operation(action)
    clauses = (c for c in view.in_view.clauses if c.id not in UNBREAKABLE)
    found = [c.id for c in clauses if c.rule and c.rule not in NO_REQUESTS]
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


# ------------------------------------------------------------------------------- it is misspelt

#: What is written wrongly: what stands in the data, what is put there, and where it is said to be wrong.
MISTAKES: Mapping[str, tuple[str, str, str]] = {
    "kind": (
        'name = "Flag", kind = "boolean"',
        'name = "Flag", kind = "bolean"',
        "operations.BeginShow.parameters[13: Flag].kind: expected",
    ),
    "key": (
        "maximum_characters = 5",
        "maximum_character = 5",
        "operations.BeginShow.parameters[3: Letters].maximum_character: expected a known key",
    ),
    "required text": (
        'name = "Flag", kind = "boolean", required = false',
        'name = "Flag", kind = "boolean", required = "no"',
        "operations.BeginShow.parameters[13: Flag].required: expected true or false",
    ),
    "no required": (
        'name = "Flag", kind = "boolean", required = false',
        'name = "Flag", kind = "boolean"',
        "operations.BeginShow.parameters[13: Flag].required: expected true or false",
    ),
    "excluded": (
        'excludes = ["minimum"]',
        'excludes = ["minimun"]',
        "operations.BeginShow.parameters[6: Within].excludes[0]: expected one of minimum, maximum",
    ),
    "excluded none": (
        'minimum = 0.5, excludes = ["minimum"]',
        'minimum = 0.5, excludes = ["maximum"]',
        "operations.BeginShow.parameters.Above.excludes: expected a maximum to exclude",
    ),
    "alphabet": (
        'alphabet = "[B-Y中]"',
        'alphabet = "[Y-B]"',
        "operations.BeginShow.parameters.Bytes.alphabet: expected a class of characters such as [a-z]",
    ),
    "alphabet nothing": (
        'alphabet = "[B-Y中]"',
        'alphabet = "[^\\\\s\\\\S]"',
        "operations.BeginShow.parameters.Bytes.alphabet: expected a class of characters such as [a-z]",
    ),
    "alphabet two": (
        'alphabet = "[B-Y中]"',
        'alphabet = "ab"',
        "operations.BeginShow.parameters.Bytes.alphabet: expected a class of characters such as [a-z]",
    ),
    "alphabet int": (
        'name = "Whole", kind = "integer"',
        'name = "Whole", kind = "integer", alphabet="[a]"',
        "operations.BeginShow.parameters.Whole.alphabet: expected none of a integer",
    ),
    "bytes 0": (
        "maximum_bytes = 4,",
        "maximum_bytes = 0,",
        "operations.BeginShow.parameters.Bytes.maximum_bytes: expected 1 or more",
    ),
    "bytes neg": (
        "maximum_bytes = 4,",
        "maximum_bytes = -4,",
        "operations.BeginShow.parameters.Bytes.maximum_bytes: expected 1 or more",
    ),
    "both lengths": (
        "maximum_bytes = 4,",
        "maximum_bytes = 4, maximum_characters = 3,",
        "operations.BeginShow.parameters.Bytes: expected one of maximum_bytes and maximum_characters",
    ),
    "ends": (
        "minimum = -1, maximum = 1",
        "minimum = 1, maximum = -1",
        "operations.BeginShow.parameters.Ends.maximum: expected at least the minimum 1.0",
    ),
    "empty range": (
        'minimum = 3, maximum = 30, excludes = ["minimum"]',
        'minimum = 3, maximum = 3, excludes = ["minimum"]',
        "operations.BeginShow.parameters.Within: expected a number between its ends",
    ),
    "open range empty": (
        'minimum = 3, maximum = 30, excludes = ["minimum"]',
        'minimum = 3, maximum = 4, excludes = ["minimum","maximum"]',
        "operations.BeginShow.parameters.Within: expected a number between its ends",
    ),
    "half": (
        "minimum = 5,",
        "minimum = 5.5,",
        "operations.BeginShow.parameters.AtLeast.minimum: expected an integer",
    ),
    "schemes none": (
        'schemes = ["https", "gopher"], ',
        "",
        "operations.BeginShow.parameters.Page.schemes: expected a scheme",
    ),
    "schemes key": (
        "schemes = [",
        "scheme = [",
        "operations.BeginShow.parameters[14: Page].scheme: expected a known key",
    ),
    "items key": (
        "starts = [3]",
        "start = [3]",
        "operations.BeginShow.parameters[17: Words].items.start: expected a known key",
    ),
    "items none": (
        "starts = [3]",
        "starts = []",
        "operations.BeginShow.parameters.Words.items.starts: expected an index",
    ),
    "items neg": (
        "starts = [3]",
        "starts = [-3]",
        "operations.BeginShow.parameters.Words.items.starts[0]: expected 0 or more",
    ),
    "items less": (
        "minimum = 2, maximum = 12",
        "minimum = 12, maximum = 2",
        "operations.BeginShow.parameters.Words.items.maximum: expected at least the minimum 12",
    ),
    "items maximum 0": (
        "gaps = true, maximum = 3",
        "gaps = true, maximum = 0",
        "operations.BeginShow.parameters.Counts.items.maximum: expected 1 or more",
    ),
    "gaps": (
        "gaps = true",
        "gap = true",
        "operations.BeginShow.parameters[18: Counts].items.gap: expected a known key",
    ),
    "struct no fields": (
        'name = "Frame", kind = "struct", required = false',
        'name = "Frames", kind = "struct", required = false',
        "operations.BeginShow.enums.Frame.Mood: expected the full name of a parameter",
    ),
    "field twice": (
        'name = "AtMost", kind',
        'name = "AtLeast", kind',
        "operations.BeginShow.parameters: expected each name once",
    ),
    "enum path": (
        'enums."Scenes.Actors.Mood"',
        'enums."Scenes.Actor.Mood"',
        "operations.BeginShow.enums.Scenes.Actor.Mood: expected the full name of a parameter",
    ),
    "enum path short": (
        'enums."Scenes.Actors.Mood"',
        'enums."Actors.Mood"',
        "operations.BeginShow.enums.Actors.Mood: expected the full name of a parameter",
    ),
    "enum of bool": (
        'enums."Scenes.Actors.Mood"',
        'enums."Scenes.Actors.Flag"',
        "operations.BeginShow.enums.Scenes.Actors.Flag: expected a string or an integer to enumerate",
    ),
    "enum rows": (
        'rows = [{ value = "calm3" }',
        'row = [{ value = "calm3" }',
        "operations.BeginShow.enums.Scenes.Actors.Moods.row: expected a known key",
    ),
    "enum kind": (
        "{ value = 7, size",
        '{ value = "7", size',
        "operations.BeginShow.enums.Grade.rows[0].value: expected a value of a integer",
    ),
    "enum twice": (
        'value = "Wild3"',
        'value = "calm3"',
        "operations.BeginShow.enums.Scenes.Actors.Moods: expected each name once",
    ),
    "dotted name": (
        'name = "Flag"',
        'name = "Fl.ag"',
        "operations.BeginShow.parameters.Fl.ag.name: expected a letter, then letters, digits and _",
    ),
    "empty name": (
        'name = "Flag"',
        'name = ""',
        "operations.BeginShow.parameters..name: expected a letter, then letters, digits and _",
    ),
    "digit name": (
        'name = "Flag"',
        'name = "1"',
        "operations.BeginShow.parameters.1.name: expected a letter, then letters, digits and _",
    ),
    "generate": (
        "generate = { odd",
        "generate = { od",
        "operations.BeginShow.parameters[3: Letters].generate.od: expected a known key",
    ),
    "generate plain wrong": (
        "generate = { plain = 4 }",
        "generate = { plain = 5 }",
        "operations.StartMPUTask.parameters.MediaEncode.generate.plain: expected a good value",
    ),
    "default not listed": (
        'default = "now"',
        'default = "never"',
        "operations.Refuses.parameters.When.default: expected a good value",
    ),
    "default kind": (
        'default = "now"',
        "default = 3",
        "operations.Refuses.parameters.When.default: expected a good value",
    ),
    "sort": (
        'sort = "alike"',
        'sort = "alikes"',
        "operations.Refuses.relations[2: refuses.alike].sort: expected",
    ),
    "left path": (
        'left = { path = "Take" }',
        'left = { path = "Takes" }',
        "operations.Refuses.relations.refuses.alike.left.path: expected a parameter",
    ),
    "right attr": (
        'attribute = "size"',
        'attribute = "sise"',
        "operations.Refuses.relations.refuses.alike.right.attribute: expected what the rows of Cut say",
    ),
    "right missing": (
        'right = { path = "High" }',
        "",
        "operations.Refuses.relations.refuses.not-above.right: expected a right side of not-above",
    ),
    "right too many": (
        'sort = "distinct"',
        'right = { path = "High" }\nsort = "distinct"',
        "operations.Refuses.relations.refuses.distinct.right: expected no right side of distinct",
    ),
    "verdict": (
        'verdict = "refuse"',
        'verdict = "refuses"',
        "operations.Refuses.relations[0: refuses.not-above].verdict: expected one of refuse, note",
    ),
    "relation id": (
        'id = "refuses.alike"\nsort',
        'id = "refuses.alik"\nsort',
        "operations.Refuses.relations.refuses.alik.id: expected a clause",
    ),
    "note id": (
        'id = "silence.notes.alike"\nsort',
        'id = "silence.notes.alik"\nsort',
        "operations.Notes.relations.silence.notes.alik.id: expected a silence",
    ),
    "relation key": (
        "strict = true",
        "stric = true",
        "operations.Refuses.relations[1: refuses.below].stric: expected a known key",
    ),
    "strict sort": (
        'sort = "alike"',
        'strict = true\nsort = "alike"',
        "operations.Refuses.relations.refuses.alike.strict: expected none of alike",
    ),
    "when unknown value": (
        'when = ["grey"]',
        'when = ["gray"]',
        "operations.Refuses.relations.refuses.effective.when: expected a value of Tint",
    ),
    "when bool": (
        'when = ["true"]',
        'when = ["yes"]',
        "operations.Refuses.relations.refuses.required-when.when: expected a value of Titled",
    ),
    "when on distinct": (
        'sort = "distinct"',
        'when = ["1"]\nsort = "distinct"',
        "operations.Refuses.relations.refuses.distinct.when: expected none of distinct",
    ),
    "values unknown": (
        'values = ["1"]',
        'values = ["7"]',
        "operations.Refuses.relations.refuses.at-most-one.values: expected a value of Scenes.Lead",
    ),
    "values none": (
        'values = ["1"]',
        "values = []",
        "operations.Refuses.relations.refuses.at-most-one.values: expected a value",
    ),
    "where path": (
        'where = { path = "When"',
        'where = { path = "Whenn"',
        "operations.Depends.relations.depends.not-above.where.path: expected a parameter",
    ),
    "where values": (
        'where = { path = "When", values = ["now"] }',
        'where = { path = "When", values = ["nwo"] }',
        "operations.Depends.relations.depends.not-above.where.values: expected a value of When",
    ),
    "where key": (
        'where = { path = "When", values',
        'where = { path = "When", value',
        "operations.Depends.relations[0: depends.not-above].where.value: expected a known key",
    ),
    "compare unlike": (
        'right = { path = "High" }',
        'right = { path = "Cut" }',
        "operations.Refuses.relations.refuses.not-above.right: expected numbers to compare",
    ),
    "distinct no list": (
        'left = { path = "Scenes.Number" }',
        'left = { path = "Low" }',
        "operations.Refuses.relations.refuses.distinct.left.path: expected",
    ),
    "effect": ('effect = "stop"', 'effect = "stopp"', "operations.EndShow.effect: expected"),
    "prefix": (
        'prefix = "endshow."',
        'prefixes = "endshow."',
        "operations.EndShow.prefixes: expected a known section",
    ),
    "prefix twice": (
        'prefix = "endshow."',
        'prefix = "askshow."',
        "operations.EndShow.prefix: expected a prefix of its own",
    ),
    "no silence of stop": (
        'id = "silence.stop-unknown-task"',
        'id = "silence.stop-unknown"',
        "operations.EndShow.silences: expected",
    ),
    "no exists clause": (
        'id = "askshow.unknown"\nsubjects = ["client", "endpoint"]\nlevel = "documented"\nsource = "S1"\ntext = "Nobody started it."\nparameter = "TaskId"\nrule = "exists"',
        'id = "askshow.unknown"\nsubjects = ["client", "endpoint"]\nlevel = "documented"\nsource = "S1"\ntext = "Nobody started it."',
        "operations.AskShow.clauses: expected a clause with parameter 'TaskId' and rule 'exists'",
    ),
    "rule": (
        'rule = "exists"\ncodes = ["Show.Unknown"]',
        'rule = "exist"\ncodes = ["Show.Unknown"]',
        "operations.AskShow.clauses.askshow.unknown.rule: expected",
    ),
    "code": (
        'codes = ["Show.Unknown"]',
        'codes = ["Show.Unknwon"]',
        "operations.AskShow.clauses.askshow.unknown.codes: expected a Code of an error row",
    ),
    "row": (
        'code = "Show.Unknown", http_status',
        'code = "Show.Unknown", htp_status',
        "operations.AskShow.errors.rows[0: Show.Unknown].htp_status: expected a known key",
    ),
    "status row event": (
        'on = "stop"',
        'on = "stopped"',
        "operations.AskShow.enums.reply.Status: expected on as one of start, run, end, stop",
    ),
    "status no rows": (
        'enums."reply.Status"',
        'enums."reply.Staus"',
        "operations.AskShow.enums.reply.Staus: expected the full name of a parameter",
    ),
    "reply kind": (
        '[[operations.AskShow.reply]]\nname = "Status"\nkind = "integer"',
        '[[operations.AskShow.reply]]\nname = "Status"\nkind = "int"',
        "operations.AskShow.reply[0: Status].kind: expected",
    ),
    "section": (
        "[[operations.AskShow.reply]]",
        "[[operations.AskShow.replies]]",
        "operations.AskShow.replies: expected a known section",
    ),
    "source": (
        'source = "S1"\nlevel = "documented"\ntext = "Does stop."',
        'source = "S7"\nlevel = "documented"\ntext = "Does stop."',
        "operations.EndShow.source: expected a source",
    ),
    "level": (
        'level = "documented"\ntext = "Does stop."',
        'level = "documentd"\ntext = "Does stop."',
        "operations.EndShow.level: expected a level",
    ),
    "tolerated": (
        'name = "Flag", kind',
        'tolerated = "silence.x", name = "Flag", kind',
        "operations.BeginShow.parameters.Flag.tolerated: expected a silence",
    ),
    "silent scheme": (
        'schemes = ["https", "gopher"]',
        'schemes = ["https", "gopher"], silent_schemes = { ftp = "silence.x" }',
        "operations.BeginShow.parameters.Page.silent_schemes.ftp: expected a silence",
    ),
    "TaskId misspelt": (
        '{ name = "TaskId"',
        '{ name = "TaskID"',
        "operations.StartMPUTask.clauses.startmputask.existed.parameter: expected a parameter",
    ),
    "AppId misspelt": (
        '{ name = "AppId"',
        '{ name = "AppID"',
        "operations.StartMPUTask.parameters: expected AppId, which the effect start works with",
    ),
    "rest negative": (
        'name = "AppId", kind',
        'rest_seconds = -3, name = "AppId", kind',
        "operations.StartMPUTask.parameters.AppId.rest_seconds: expected 0 or more",
    ),
    "values_from": (
        'values_from = "layouts"',
        'values_from = "layout"',
        "operations.StartMPUTask.parameters[3: LayoutIds].values_from: expected one of layouts",
    ),
    "minimum on string": (
        "maximum_characters = 5",
        "maximum = 5",
        "operations.BeginShow.parameters.Letters.maximum: expected none of a string",
    ),
    "code of parameter": (
        'name = "Flag", kind',
        'code = "No.Such", name = "Flag", kind',
        "operations.BeginShow.clauses.beginshow.flag.boolean.codes: expected a Code of an error row",
    ),
    "rest in a struct": (
        '{ name = "UserId", kind',
        '{ rest_seconds = 3, name = "UserId", kind',
        "operations.StartMPUTask.parameters.UserPanes.UserId.rest_seconds: expected",
    ),
    "rest of a list": (
        '{ name = "LayoutIds", kind',
        '{ rest_seconds = 3, name = "LayoutIds", kind',
        "operations.StartMPUTask.parameters.LayoutIds.rest_seconds: expected",
    ),
    "a name of the envelope's": (
        'name = "Flag", kind',
        'name = "Timestamp", kind',
        "operations.BeginShow.parameters.Timestamp.name: expected a name that no common parameter has",
    ),
    "one Python name": (
        'name = "AtMost", kind',
        'name = "At_Least", kind',
        "operations.BeginShow.parameters: expected a name that differs from AtLeast in more than letter case and _, got 'At_Least'",
    ),
    "prefix without a dot": (
        'prefix = "endshow."',
        'prefix = "endshow"',
        "operations.EndShow.prefix: expected a prefix of its own, with a dot at its end, got 'endshow'",
    ),
    "prefix of the first": (
        'prefix = "endshow."',
        'prefix = ""',
        "operations.EndShow.prefix: expected a prefix of its own, with a dot at its end, got ''",
    ),
    "alphabet of more than one": (
        'alphabet = "[B-Y中]"',
        'alphabet = "[B-Y中]+"',
        "operations.BeginShow.parameters.Bytes.alphabet: expected a class of characters",
    ),
    "alphabet of none": (
        'alphabet = "[B-Y中]"',
        'alphabet = "[B-Y中]?"',
        "operations.BeginShow.parameters.Bytes.alphabet: expected a class of characters",
    ),
    "minimum nan": (
        "minimum = 0.5",
        "minimum = nan",
        "operations.BeginShow.parameters.Above.minimum: expected a finite number, got nan",
    ),
    "minimum of an integer inf": (
        'name = "AtLeast", kind = "integer", required = false, minimum = 5',
        'name = "AtLeast", kind = "integer", required = false, minimum = inf',
        "operations.BeginShow.parameters.AtLeast.minimum: expected a finite number, got inf",
    ),
    "an optional TaskId": (
        '{ name = "TaskId", kind = "string", required = true',
        '{ name = "TaskId", kind = "string", required = false',
        "operations.StartMPUTask.parameters.TaskId: expected a required single value, which the effect start works with, got an optional one",
    ),
    "first operation that starts nothing": (
        'effect = "start"',
        'effect = "none"',
        "operations.StartMPUTask.effect: expected start, as service.action, got 'none'",
    ),
    "list of layouts without a list": (
        'effect = "stop"',
        'effect = "list-layouts"',
        "operations.EndShow.reply: expected a list first, which the effect list-layouts tells, got nothing",
    ),
    "reply struct without fields": (
        '[[operations.AskShow.reply]]\nname = "Status"\nkind = "integer"',
        '[[operations.AskShow.reply]]\nname = "Status"\nkind = "struct"',
        "operations.AskShow.reply.Status.fields: expected fields of a struct, got nothing",
    ),
    "relation to itself": (
        'right = { path = "High" }',
        'right = { path = "Low" }',
        "operations.Refuses.relations.refuses.not-above.right: expected another value than on the left",
    ),
    "row of another kind": (
        "http_status = 404",
        'http_status = "404"',
        "operations.AskShow.errors.rows[0: Show.Unknown].http_status: expected an integer",
    ),
    "status of HTTP": (
        "http_status = 404",
        "http_status = 40",
        "operations.AskShow.errors.Show.Unknown.http_status: expected 200 to 599, got 40",
    ),
    "clause that says nothing": (
        'text = "Nobody started it."',
        'text = " "',
        "operations.AskShow.clauses.askshow.unknown.text: expected words, got ' '",
    ),
    "id that no pattern could name": (
        'id = "askshow.unknown"',
        'id = "AskShow [unknown]"',
        "operations.AskShow.clauses.AskShow [unknown].id: expected small letters and digits",
    ),
    "id of a derived clause": (
        'id = "askshow.unknown"',
        'id = "askshow.app-id.required"',
        "clauses: expected each name once, got 2 of 'askshow.app-id.required'",
    ),
    "layout without panes": (
        "{ id = 3, panes = 2 }",
        "{ id = 3, panes = 0 }",
        "layouts.built_in.3: expected at least 1 pane, got 0",
    ),
    "layout that is not reserved": (
        "{ id = 3, panes = 2 }",
        "{ id = 30, panes = 2 }",
        "layouts.built_in.30: expected an id that is reserved, up to 10, got 30",
    ),
    "no layouts to choose from": (
        "built_in = [{ id = 1, panes = 1 }, { id = 3, panes = 2 }]",
        "built_in = []",
        "operations.StartMPUTask.parameters.LayoutIds.values_from: expected layouts that are built in, got none",
    ),
    "source that many cite": (
        '[[sources]]\nid = "S3"',
        '[[sources]]\nid = "S8"',
        "sources: expected S3, which ",
    ),
    "plain that is too long": (
        'maximum_characters = 5, source = "S1", level = "documented", text = "A parameter.", generate = {',
        'maximum_characters = 5, source = "S1", level = "documented", text = "A parameter.", generate = { plain = "longer",',
        "operations.BeginShow.parameters.Letters.generate.plain: expected a good value, got 'longer'",
    ),
    "plain list that is too long": (
        'values_from = "layouts", items = {}, source = "S1", level = "documented", text = "A parameter."',
        'values_from = "layouts", items = { maximum = 1 }, source = "S1", level = "documented", text = "A parameter.", generate = { plain = [1, 3] }',
        "operations.StartMPUTask.parameters.LayoutIds.generate.plain: expected as many items as the list may have, got 2",
    ),
    "plain of other characters": (
        'alphabet = "[B-Y中]", maximum_bytes = 4, source = "S1", level = "documented", text = "A parameter."',
        'alphabet = "[B-Y中]", maximum_bytes = 4, source = "S1", level = "documented", text = "A parameter.", generate = { plain = "a" }',
        "operations.BeginShow.parameters.Bytes.generate.plain: expected a good value",
    ),
}


@pytest.mark.parametrize(("before", "after", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_names_its_place(before: str, after: str, said: str) -> None:
    """What is misspelt, or could never be, is a ContractError that says where and what was expected."""
    assert before in TEXT
    with pytest.raises(ContractError) as caught:
        parse(TEXT.replace(before, after, 1), file="2099-01")
    assert str(caught.value).startswith("2099-01: ")
    assert said in str(caught.value)


#: Mistakes of which only one line is said.
SAID_ONCE = (
    "row of another kind",
    "status of HTTP",
    "source",
    "source that many cite",
    "prefix of the first",
)


@pytest.mark.parametrize("name", SAID_ONCE)
def test_a_mistake_is_said_once(name: str) -> None:
    """What is wrong in itself is not said again by what names it, cites it or follows from it."""
    before, after, said = MISTAKES[name]
    with pytest.raises(ContractError) as caught:
        parse(TEXT.replace(before, after, 1), file="2099-01")
    head, *lines = str(caught.value).splitlines()
    assert head == "2099-01: 1 thing is wrong"
    assert [line for line in lines if said not in line] == []


# ------------------------------------------------------------------------------- it is checked


def own_client(contract: Contract) -> Any:
    """Return our own client, held to an edition."""

    def client(
        params: Mapping[str, Any],
        *,
        endpoint: str,
        credentials: PlainCredentials,
        timeout: float,
        operation: str = "StartMPUTask",
    ) -> str | dict[str, Any]:
        request = request_class(operation, contract).from_params(params, contract=contract)
        key = Credentials(*credentials.values())
        with Client(key, endpoint, timeout=timeout, contract=contract) as sender:
            reply = sender.request(request)
        status = reply.fields.get("Status")
        if status is None:
            return reply.request_id
        return {"request_id": reply.request_id, "status": int(status)}

    client.operations = tuple(contract.operations)  # type: ignore[attr-defined]
    return client


def broken(run: Any) -> Mapping[str, Any]:
    """The findings of a run, by clause."""
    return {result.clause: result.findings for result in run.results if result.broken}


def test_a_client_is_checked() -> None:
    """Our client breaks nothing of the third edition, in any of its operations."""
    chosen = Settings(phases=("documented",), operations=OPERATIONS)
    bench = ClientBench(CallableTestee(own_client(THIRD)), chosen, THIRD)
    try:
        run = run_bench(bench, chosen)
    finally:
        bench.close()
    assert broken(run) == {}
    assert bench.notes == []


def test_an_endpoint_is_checked() -> None:
    """Our endpoint breaks nothing of the third edition, in any of its operations."""
    endpoint = Endpoint(contract=THIRD, warn=lambda _: None)
    phases: tuple[Phase, ...] = ("documented", "pairwise", "stateful")
    chosen = Settings(phases=phases, operations=OPERATIONS, max_examples=20)
    with Server(endpoint.handle) as server:
        bench = EndpointBench(server.url, TEST_CREDENTIALS, chosen, THIRD)
        try:
            run = run_bench(bench, chosen)
        finally:
            bench.close()
        assert server.errors == []
    assert broken(run) == {}


# ------------------------------------------------------------------------- and the smallest one

#: A page with nothing of what the fixed cases of the editions that ship are made of: no panes, no
#: layouts, no colours, no error but one; and an operation that only tells.
SMALL = "".join(
    (
        HEAD.replace("2099-01", "2099-02"),
        operation("StartMPUTask", "start").replace("startmputask.", "start."),
        """
[[operations.StartMPUTask.clauses]]
id = "start.existed"
subjects = ["client", "endpoint"]
level = "documented"
source = "S1"
text = "A task that exists is not started again."
parameter = "TaskId"
rule = "exists"
codes = ["There"]

[operations.StartMPUTask.errors]
source = "S1"
level = "documented"
rows = [{ code = "There", http_status = 200, message = "It is there.", meaning = "It is there." }]
""",
        operation("EndShow", "stop"),
        silence("EndShow", "silence.stop-unknown-task", warns=True),
        operation("ListShows", "none", SCALARS),
        enumerations("ListShows").partition('[operations.ListShows.enums."Frame.Mood"]')[0],
        """
[operations.ListShows.enums."reply.Mood"]
source = "S1"
level = "documented"
rows = [{ value = "glad" }, { value = "sad" }]
""",
        *(
            f"""
[[operations.ListShows.reply]]
name = "{name}"
kind = "{kind}"
source = "S1"
level = "documented"
text = "It is told."
{rest}
"""
            for name, kind, rest in (
                ("Count", "long", ""),
                ("Mean", "float", ""),
                ("More", "boolean", ""),
                ("Next", "string", ""),
                ("Mood", "string", ""),
                ("Shows", "string", 'item = "Show"'),
                (
                    "Page",
                    "struct",
                    'fields = [{ name = "Number", kind = "integer", source = "S1", level = "documented", text = "Which." }]',
                ),
            )
        ),
    )
)
SECOND = parse(SMALL, file="2099-02")
NOTHING_TOLD = {
    "Count": 0,
    "Mean": 0.0,
    "More": False,
    "Next": "",
    "Mood": "glad",
    "Shows": {"Show": []},
    "Page": {"Number": 0},
}


@pytest.mark.parametrize("subject", ["client", "endpoint"])
def test_the_smallest_edition_is_checked(subject: str) -> None:
    """Our own pair breaks nothing of an edition that has no panes, no layouts and one error."""
    operations = tuple(SECOND.operations)
    phases: tuple[Phase, ...] = ("documented", "pairwise", "stateful")
    chosen = Settings(phases=phases, operations=operations, max_examples=8)
    endpoint = Endpoint(contract=SECOND, warn=lambda _: None)
    with Server(endpoint.handle) as server:
        bench: ClientBench | EndpointBench
        if subject == "client":
            bench = ClientBench(CallableTestee(own_client(SECOND)), chosen, SECOND)
        else:
            bench = EndpointBench(server.url, TEST_CREDENTIALS, chosen, SECOND)
        try:
            run = run_bench(bench, chosen)
        finally:
            bench.close()
    assert broken(run) == {}


@pytest.mark.parametrize("reply_format", ["JSON", "XML"])
def test_what_no_effect_tells_is_told_empty(reply_format: Literal["JSON", "XML"]) -> None:
    """An operation that only tells answers each field that its page lists, with nothing in it."""
    endpoint = Endpoint(contract=SECOND, warn=lambda _: None)
    now = endpoint.now
    client = Client(
        endpoint.credentials, contract=SECOND, reply_format=reply_format, now=lambda: now
    )
    asked = [("AppId", "app1"), ("TaskId", "task1")]
    reply = endpoint.handle(client.prepare("ListShows", asked))
    fields = wire.decode_reply(reply.body, action="ListShows")
    told = {name: value for name, value in fields.items() if name != "RequestId"}
    if reply_format == "JSON":
        assert told == NOTHING_TOLD
    else:
        assert told.keys() == NOTHING_TOLD.keys()
        assert (told["Count"], told["More"], told["Mood"]) == ("0", "false", "glad")


def test_only_an_operation_that_is_known_is_checked() -> None:
    """An endpoint is held to what only tells, since it tells every field of that reply."""
    endpoint = Endpoint(contract=SECOND, warn=lambda _: None)
    with Server(endpoint.handle) as server:
        bench = EndpointBench(server.url, TEST_CREDENTIALS, Settings(), SECOND)
        try:
            assert "ListShows" in bench.operations
        finally:
            bench.close()


#: Limits of an edition that ships, and others in their place.
LIMITS = {
    "colours": ("maximum = 16777215\ndefault = 0", "maximum = 65535\ndefault = 0"),
    "panes": (
        'name = "UserPanes"\nkind = "struct"\nrequired = false\nitems = { starts = [1], maximum = 16',
        'name = "UserPanes"\nkind = "struct"\nrequired = false\nitems = { starts = [1], maximum = 4',
    ),
}


@pytest.mark.parametrize(("before", "after"), LIMITS.values(), ids=LIMITS)
def test_fixed_cases_go_by_the_limits_of_the_edition(before: str, after: str) -> None:
    """With another limit in its page, the valid cases of an edition keep every rule all the same."""
    files = sorted((CONTRACT / "2021-03").glob("*.toml"), key=lambda f: f.name != "edition.toml")
    text = "\n".join(file.read_text("utf-8") for file in files)
    start = text.index("[operations.StartMPUTask]")
    assert before in text[start:]
    other = parse(text[:start] + text[start:].replace(before, after, 1), file="2021-04")
    made = [(name, params) for name, _, params in cases.valid(other)]
    made += [(name, params) for name, params, _ in cases.pairwise(other)]
    wrong = [
        (name, [str(problem) for problem in problems])
        for name, params in made
        if (problems := judge(cases.to_pairs(params, other), other).problems)
    ]
    assert wrong == []
