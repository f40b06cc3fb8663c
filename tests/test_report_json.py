"""The JSON report: its schema, the way back, and merging."""

import json
from importlib import resources
from itertools import permutations
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reports import CONTRACT, both, broken, everything, held, of, run, subject_run

from pytest_rtcmpu.checks.core import PHASES, CheckResult, Exchange, Finding, SubjectRun, check_id
from pytest_rtcmpu.contract import load
from pytest_rtcmpu.report import from_json, ledgers, merge, to_json, write
from pytest_rtcmpu.report.json_report import SCHEMA, dumps
from pytest_rtcmpu.report.ledger import OUTCOMES

SCHEMA_FILE = json.loads(
    resources.files("pytest_rtcmpu.report").joinpath("report.schema.json").read_text("utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA_FILE)
DOCUMENTATION = Path(__file__).parent.parent / "docs" / "report-schema.md"

laws = settings(derandomize=True, deadline=None, max_examples=40)

any_text = st.sampled_from(
    ["", "a", "b b", "布局 😀", "\x1b[1m\r\n", "\ud83d", "\\", '"<&>', "\x00"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=3,
)
exchanges = st.builds(Exchange, request=any_text, reply=any_text)


@st.composite
def results(draw, subject):
    """What a check of a subject found, anything."""
    phase = draw(st.sampled_from(PHASES))
    clause = draw(st.sampled_from(of(subject)[:3] + of(subject, breach="report")[:2]))
    finding = st.builds(
        Finding,
        clause=st.just(clause),
        subject=st.just(subject),
        phase=st.just(phase),
        scenario=any_text,
        expected=any_text,
        got=any_text,
        exchanges=st.lists(exchanges, max_size=2).map(tuple),
        case=st.dictionaries(any_text, json_values, max_size=2),
    )
    findings = draw(st.lists(finding, max_size=2))
    return CheckResult(
        check=check_id(subject, phase, clause),
        clause=clause,
        subject=subject,
        phase=phase,
        asserts=f"{clause} is kept.",
        exercised=draw(st.integers(0, 5)),
        not_judged=draw(st.integers(0, 2)),
        reason=draw(any_text),
        broken=len(findings) + (draw(st.integers(0, 5)) if findings else 0),
        findings=tuple(findings),
    )


@st.composite
def subject_runs(draw):
    """What was found out about one of three subjects."""
    subject, target = draw(st.sampled_from([("client", "a"), ("client", "b"), ("endpoint", "a")]))
    found = draw(st.lists(results(subject), unique_by=lambda result: result.check, max_size=4))
    silent = [c for c in of(subject) if c not in {result.clause for result in found}]
    left_out = draw(st.sets(st.sampled_from(silent), max_size=3))
    return SubjectRun(
        subject=subject,
        target=target,
        results=tuple(found),
        unselected=tuple(clause for clause in silent if clause in left_out),
        complete=draw(st.booleans()),
        notes=tuple(draw(st.lists(any_text, max_size=2))),
    )


@st.composite
def runs(draw):
    """Parts of one run: the same edition, seed and strictness."""
    key = lambda each: (each.subject, each.target)  # noqa: E731
    subjects = draw(st.lists(subject_runs(), unique_by=key, max_size=3))
    phases = draw(st.lists(st.sampled_from(PHASES), unique=True))
    seconds = draw(st.floats(0, 100))
    return run(*subjects, phases=tuple(phases), seconds=seconds)


def report(made, **given):
    """The report of a run."""
    return to_json(made, ledgers(made, CONTRACT), **given)


def through_file(value):
    """The same value, written to a file and read back."""
    return json.loads(dumps(value).decode("utf-8"))


def test_schema_is_a_schema():
    """The published schema is a JSON Schema, of the version the reports carry."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA_FILE)
    assert SCHEMA_FILE["properties"]["schema"]["const"] == SCHEMA


@laws
@given(runs())
def test_reports_keep_the_schema(made):
    """Every report is valid against the published schema."""
    VALIDATOR.validate(through_file(report(made, problems=["a problem"])))


def test_known_failures_keep_the_schema():
    """A report with every outcome in it is valid, known failures with their reasons too."""
    made, found = everything()
    data = through_file(to_json(made, found))
    VALIDATOR.validate(data)
    reasons = [
        (clause["outcome"], clause["known"], [result["known"] for result in clause["results"]])
        for clause in data["subjects"][0]["clauses"]
        if clause["known"]
    ]
    reason = "issue 17: fixed in the next release"
    assert reasons == [("known failure", reason, [reason])]


def test_every_clause_is_in_it():
    """A report lists every clause about its subject, with its source's words."""
    made, found = both(held(of("client")[0]))
    [subject] = to_json(made, found)["subjects"]
    said = {(c["id"], c["level"], c["source"], c["quote"], c["why"]) for c in subject["clauses"]}
    assert said == {
        (c.id, c.level, c.source, c.quote, c.why)
        for c in CONTRACT.all_clauses
        if "client" in c.subjects
    }


def test_totals():
    """Totals count clauses by outcome, the failing ones and the checks; the status is there."""
    made, found = everything()
    data = to_json(made, found)
    for key in (*OUTCOMES, "failing", "checks"):
        assert data["totals"][key] == sum(each["totals"][key] for each in data["subjects"])
    assert data["totals"]["broken"] == 10
    assert data["totals"]["failing"] == 6
    assert data["exit_status"] == 1


def by_check(made):
    """The same run, its results in a fixed order."""
    return merge([made])


@laws
@given(runs())
def test_round_trip(made):
    """A report read back is the run it was made of, and gives the same report again."""
    data = through_file(report(made))
    again = from_json(data)
    assert by_check(again) == by_check(made)
    assert report(again) == data


@laws
@given(st.lists(runs(), min_size=1, max_size=3))
def test_merge_in_any_order(parts):
    """Parts merge to the same run whatever order they come in."""
    whole = merge(parts)
    assert all(merge(order) == whole for order in permutations(parts))


@laws
@given(runs(), runs(), runs())
def test_merge_in_any_grouping(a, b, c):
    """Merging what was merged before changes nothing."""
    assert merge([merge([a, b]), c]) == merge([a, b, c]) == merge([a, merge([b, c])])


@laws
@given(st.lists(runs(), min_size=1, max_size=3))
def test_merge_adds_up(parts):
    """Counts add up, findings are kept, and one incomplete part makes the whole incomplete."""
    whole = merge(parts)
    for subject in whole.subjects:
        key = (subject.subject, subject.target)
        mine = [s for part in parts for s in part.subjects if (s.subject, s.target) == key]
        assert subject.complete == all(part.complete for part in mine)
        assert set(subject.unselected) == set.intersection(*(set(p.unselected) for p in mine))
        assert set(subject.notes) == {note for part in mine for note in part.notes}
        checks = [result.check for result in subject.results]
        assert checks == sorted({result.check for part in mine for result in part.results})
        for result in subject.results:
            same = [r for part in mine for r in part.results if r.check == result.check]
            assert result.exercised == sum(r.exercised for r in same)
            assert result.broken == sum(r.broken for r in same)
            assert len(result.findings) == sum(len(r.findings) for r in same)
            assert all(finding in result.findings for r in same for finding in r.findings)


@pytest.mark.parametrize(
    ("name", "value"), [("edition", "2021-03"), ("seed", 43), ("strict", True)]
)
def test_merge_of_different_runs(name, value):
    """Runs that differ in what a run states for all of its results cannot be merged."""
    with pytest.raises(ValueError, match=f"runs of different {name} cannot be merged"):
        merge([run(), run(**{name: value})])


def test_merge_of_nothing():
    """There is no run made of no runs."""
    with pytest.raises(ValueError, match="nothing to merge"):
        merge([])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "schema 'rtcmpu-report/2', got None"),
        ({"schema": "rtcmpu-report/1"}, "got 'rtcmpu-report/1'"),
        ([], "got 'list'"),
        (
            {"schema": SCHEMA, "seed": 1},
            "not a complete rtcmpu-report/2 report:\nedition: expected text, got nothing\nstrict: ",
        ),
        ({**report(run()), "subjects": [None]}, r"subjects\[0\]: expected an object, got None"),
        ({**report(run()), "phases": ["fuz"]}, r"phases\[0\]: .* got 'fuz'; did you mean fuzz"),
        ({**report(run()), "sed": 1}, "sed: expected a known key, got 'sed'; did you mean seed"),
    ],
)
def test_not_a_report(data, message):
    """What is no report of this version is refused with a reason."""
    with pytest.raises(ValueError, match=message):
        from_json(data)


def test_lone_surrogates():
    """A lone surrogate survives the file, which is UTF-8 all the same."""
    made = run(subject_run(broken(of("client")[0], got="\\\udc80\\")))
    again = from_json(through_file(report(made)))
    assert again.subjects[0].results[0].findings[0].got == "\\\udc80\\"


def test_documentation_names_every_field():
    """The documentation names every field of the schema."""
    text = DOCUMENTATION.read_text("utf-8")
    objects = [SCHEMA_FILE, *SCHEMA_FILE["$defs"].values()]
    fields = {name for each in objects for name in each.get("properties", {})}
    assert {name for name in fields if f"`{name}`" not in text} == set()


def test_documented_example(tmp_path, monkeypatch):
    """The documentation's example merges the parts of a run."""
    monkeypatch.chdir(tmp_path)
    clause = of("client")[0]
    for number in range(2):
        made = run(subject_run(held(clause, exercised=number + 1)))
        write(f"part-{number}.json", made, ledgers(made, load()))
    example = DOCUMENTATION.read_text("utf-8").partition("```python\n")[2].partition("```")[0]
    scope = {}
    exec(example, scope)
    assert scope["run"].subjects[0].results[0].exercised == 3
    assert Path("whole.html").is_file()
