"""Known failures: what an entry excuses, and when it fails the run instead."""

from __future__ import annotations

import re
import time
from datetime import date

import pytest

from pytest_rtcmpu import contract
from pytest_rtcmpu.checks import known_failures
from pytest_rtcmpu.checks.core import CannotRun, CheckResult, check_id
from pytest_rtcmpu.checks.known_failures import Known

TODAY = date(2030, 6, 15)
CONTRACT = contract.load()
CLAUSE = "request.parameter.once"
OTHER = "request.values.unchanged"


def result(phase, *, broken, clause=CLAUSE, exercised=5):
    """Return a client's check result."""
    return CheckResult(
        check=check_id("client", phase, clause),
        clause=clause,
        subject="client",
        phase=phase,
        asserts="",
        exercised=exercised,
        broken=broken,
    )


def excuses(entry, *results):
    """Return what one entry means today."""
    known = Known(**{"id": CLAUSE, "reason": "because", **entry})
    return known_failures.excuses([known], results, CONTRACT, today=TODAY)


DOCUMENTED = f"client/documented/{CLAUSE}"
PAIRWISE = f"client/pairwise/{CLAUSE}"
FUZZ = f"client/fuzz/{CLAUSE}"


@pytest.mark.parametrize(
    ("entry", "results", "excused"),
    [
        ({}, [("documented", 1)], {DOCUMENTED}),
        ({}, [("documented", 1), ("pairwise", 1)], {DOCUMENTED, PAIRWISE}),
        ({}, [("documented", 1), ("pairwise", 0)], {DOCUMENTED}),
        ({}, [("documented", 1), ("fuzz", 1)], {DOCUMENTED}),
        ({"flaky": True}, [("documented", 1), ("fuzz", 1)], {DOCUMENTED, FUZZ}),
        ({"id": DOCUMENTED}, [("documented", 1), ("pairwise", 1)], {DOCUMENTED}),
        ({"id": FUZZ, "flaky": True}, [("documented", 1), ("fuzz", 1)], {FUZZ}),
        ({"expires": TODAY}, [("documented", 1)], {DOCUMENTED}),
        ({"flaky": True}, [("documented", 0), ("fuzz", 0)], set()),
        ({"id": OTHER}, [("documented", 1)], set()),
        ({}, [], set()),
    ],
)
def test_an_entry_excuses_its_breaches(entry, results, excused):
    """A clause is excused in fixed phases, a check by itself, and fuzz only when it is flaky."""
    found = excuses(entry, *(result(phase, broken=broken) for phase, broken in results))
    assert set(found.reasons) == excused
    assert set(found.reasons.values()) <= {"because"}
    assert found.problems == ()


@pytest.mark.parametrize(
    ("entry", "results", "problem"),
    [
        ({}, [("documented", 0)], "holds now"),
        ({}, [("documented", 0), ("fuzz", 1)], "holds now"),
        ({"id": DOCUMENTED}, [("documented", 0), ("pairwise", 1)], "holds now"),
        ({"id": "request.parameter.onc"}, [], f"no such clause or check; did you mean {CLAUSE}"),
        ({"id": "client/documented/nothing"}, [], "no such clause or check"),
        ({"id": "endpoint/documented/" + CLAUSE}, [], "no such clause or check"),
        ({"expires": date(2030, 6, 14)}, [("documented", 1)], "out of date since 2030-06-14"),
        ({"id": FUZZ}, [("fuzz", 1)], "needs flaky = true"),
    ],
)
def test_a_wrong_entry_is_a_problem(entry, results, problem):
    """An entry that holds, matches nothing, is out of date, or fits no fuzz is a problem."""
    found = excuses(entry, *(result(phase, broken=broken) for phase, broken in results))
    assert [problem in text for text in found.problems] == [True]


def test_an_expired_entry_excuses_nothing():
    """What is out of date fails the run twice: by itself and by the breach."""
    assert excuses({"expires": date(2030, 1, 1)}, result("documented", broken=1)).reasons == {}


def test_what_was_not_exercised_has_not_held():
    """An entry whose check was never exercised in this run is not said to hold."""
    assert excuses({}, result("documented", broken=0, exercised=0)).problems == ()


def test_a_file_is_read(tmp_path):
    """A file's entries come in its order, with a date and a flag where it has them."""
    path = tmp_path / "known.toml"
    path.write_text(
        '[[known]]\nid = "a"\nreason = "r"\n'
        '[[known]]\nid = "b"\nreason = "s"\nexpires = 2030-12-31\nflaky = true\n'
    )
    assert known_failures.read(path) == (
        Known(id="a", reason="r"),
        Known(id="b", reason="s", expires=date(2030, 12, 31), flaky=True),
    )


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('[[known]]\nreason = "r"', r"known\[0\]\.id: expected text, got nothing"),
        ('[[known]]\nid = "a"', r"known\[0: a\]\.reason: expected text, got nothing"),
        (
            '[[known]]\nid = "a"\nreason = " "',
            r"known\[0: a\]\.reason: expected a sentence, got ' '",
        ),
        ('[[known]]\nid = ""\nreason = "r"', r"\.id: expected a clause or check id, got ''"),
        ('[[known]]\nid = 3\nreason = "r"', r"known\[0\]\.id: expected text, got 3"),
        (
            '[[known]]\nid = "a"\nreason = "r"\nexpires = "soon"',
            r"\.expires: expected a date such as 2030-12-31, got 'soon'",
        ),
        (
            '[[known]]\nid = "a"\nreason = "r"\nexpires = 2030-01-01T00:00:00Z',
            r"\.expires: expected a date such as",
        ),
        (
            '[[known]]\nid = "a"\nreason = "r"\nflaky = 1',
            r"\.flaky: expected true or false, got 1",
        ),
        (
            '[[known]]\nid = "a"\nreason = "r"\nexpire = 1',
            r"\.expire: expected a known key, got 'expire'; did you mean expires",
        ),
        (
            '[[known]]\nid="a"\nreason="r"\n[[known]]\nid="a"\nreason="s"',
            "known: expected each id once, got a listed 2 times",
        ),
        ("known = 3", "known: expected a list, got 3"),
        ("[other]", "other: expected one of the keys known, got 'other'"),
        ("known = [3]", r"known\[0\]: expected an object, got 3"),
        ("known = " + "[" * 20_000, "known.toml: "),
        ("[[known", "known.toml: "),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, text, wrong):
    """What is wrong with a file's form is said before anything is run."""
    path = tmp_path / "known.toml"
    path.write_text(text)
    with pytest.raises(CannotRun, match=wrong):
        known_failures.read(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """A file that cannot be read is no empty file."""
    with pytest.raises(CannotRun, match="No such file"):
        known_failures.read(tmp_path / "known.toml")


HOSTILE = {
    "nested": ("known = " + "[" * 20_000 + "]" * 20_000, "in each other"),
    "a key of many parts": (".".join("a" * 100_000) + " = 1", "line 1: expected at most 200 dots"),
    "a table of many parts": (
        "[" + ".".join("a" * 100_000) + "]",
        "line 1: expected at most 200",
    ),
    "long": ("#" * known_failures.MAX_CHARACTERS + "#", "characters, got more"),
    "types": ("known = [1, [], {}, {id = 1, reason = []}]", "known[3].reason: expected text"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_no_time(tmp_path, name):
    """What would take hours, a stack or all memory is refused with a plain error."""
    text, told = HOSTILE[name]
    path = tmp_path / "known.toml"
    path.write_text(text)
    began = time.process_time()
    with pytest.raises(CannotRun, match=re.escape(told)):
        known_failures.read(path)
    assert time.process_time() - began < 5
