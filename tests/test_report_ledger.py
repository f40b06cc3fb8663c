"""The ledger: what becomes of a clause, and what fails a run."""

import pytest
from reports import CONTRACT, both, broken, doubtful, held, of, run, subject_run

from pytest_rtcmpu.contract import ContractError
from pytest_rtcmpu.report import exit_status, ledgers
from pytest_rtcmpu.report.ledger import OUTCOMES, rows
from pytest_rtcmpu.report.words import doubt

FAILING, OTHER = of("client")[:2]
READING = of("client", breach="report")[0]
KNOWN = {f"client/documented/{FAILING}": "issue 17"}

#: name: results, known failures, strict → the clause's outcome, whether it fails, exit status.
CASES = {
    "kept": ([held(FAILING)], {}, False, ("held", False, 0)),
    "kept in one phase, broken in another": (
        [held(FAILING), broken(FAILING, phase="fuzz")],
        {},
        False,
        ("broken", True, 1),
    ),
    "broken": ([broken(FAILING)], {}, False, ("broken", True, 1)),
    "broken before it was judged": (
        [broken(FAILING, exercised=0)],
        {},
        False,
        ("broken", True, 1),
    ),
    "a reading broken": ([broken(READING)], {}, False, ("broken", False, 0)),
    "a reading broken, strictly": ([broken(READING)], {}, True, ("broken", True, 1)),
    "known": ([broken(FAILING)], KNOWN, False, ("known failure", False, 0)),
    "known, strictly": ([broken(FAILING)], KNOWN, True, ("known failure", False, 0)),
    "known in one phase only": (
        [broken(FAILING), broken(FAILING, phase="fuzz")],
        KNOWN,
        False,
        ("broken", True, 1),
    ),
    "known but kept": ([held(FAILING)], KNOWN, False, ("held", False, 0)),
    "never judged": ([doubtful(FAILING), held(OTHER)], {}, False, ("not judged", False, 0)),
    "not judged once": (
        [held(FAILING), doubtful(FAILING, phase="fuzz")],
        {},
        False,
        ("not judged", False, 0),
    ),
    "broken, and not judged once": (
        [broken(FAILING), doubtful(FAILING, phase="fuzz")],
        {},
        False,
        ("broken", True, 1),
    ),
    "never judged, nothing else": ([doubtful(FAILING)], {}, True, ("not judged", False, 2)),
    "run without a case": (
        [held(FAILING, exercised=0), held(OTHER)],
        {},
        False,
        ("not exercised", False, 0),
    ),
}


@pytest.mark.parametrize(("results", "known", "strict", "expected"), CASES.values(), ids=CASES)
def test_outcome(results, known, strict, expected):
    """A clause's outcome follows from its checks, its level and the known failures."""
    _, [each] = both(*results, known=known, strict=strict)
    [entry] = [entry for entry in each.entries if entry.clause.id == results[0].clause]
    assert (entry.outcome, entry.fails, exit_status([each])) == expected


def test_every_clause_is_listed():
    """A clause nothing exercised is in the ledger, and is not held."""
    _, [each] = both(held(FAILING))
    assert [e.clause.id for e in each.entries] == [
        c.id for c in CONTRACT.all_clauses if "client" in c.subjects
    ]
    assert each.count("held") == 1
    assert each.count("not exercised") == len(each.entries) - 1
    assert each.count("not selected") == 0
    assert sum(map(each.count, OUTCOMES)) == len(each.entries)


def test_what_nobody_selected_is_called_so():
    """A clause that was left out is not selected, and one that was not is not exercised."""
    kept, left = of("client")[1:3]
    _, [each] = both(held(FAILING), unselected=(left,))
    outcomes = {entry.clause.id: entry.outcome for entry in each.entries}
    assert (outcomes[kept], outcomes[left]) == ("not exercised", "not selected")


def test_why_it_could_not_be_judged():
    """An entry says how often it could not be judged, and why."""
    _, [each] = both(held(FAILING), doubtful(FAILING, phase="fuzz", reason="the secret is wrong"))
    [entry] = [entry for entry in each.entries if entry.clause.id == FAILING]
    assert doubt(entry) == "2 checks not judged: the secret is wrong"


def test_incomplete_run_fails():
    """A run that lost a part fails, whatever the rest found."""
    _, made = both(held(FAILING), complete=False)
    assert exit_status(made) == 1


def test_nothing_checked():
    """A run that judged nothing is no success: its status is 2."""
    _, made = both(held(FAILING, exercised=0))
    assert exit_status(made) == 2
    assert exit_status([]) == 2


def test_problems_fail():
    """A problem outside the clauses fails the run."""
    _, made = both(held(FAILING))
    assert exit_status(made, problems=["a known failure passes"]) == 1


def test_unknown_failure_is_told_first():
    """Where some breaches of a clause are known, its findings are the others."""
    _, [each] = both(
        broken(FAILING, got="old"), broken(FAILING, phase="fuzz", got="new"), known=KNOWN
    )
    [entry] = each.failures
    assert [finding.got for finding in entry.findings] == ["new"]
    assert entry.reasons == KNOWN
    assert entry.known is None


def test_unknown_clause():
    """A result for a clause the contract lacks is an error, not a loss."""
    made = run(subject_run(held("media-encode.colour")))
    with pytest.raises(ContractError, match=r"unknown clause 'media-encode\.colour'"):
        ledgers(made, CONTRACT)


def test_rows():
    """Side by side, clauses stand in the contract's order, with a gap where one is no concern."""
    made = run(subject_run(), subject_run(subject="endpoint"))
    found = rows(ledgers(made, CONTRACT))
    assert [row.clause for row in found] == list(CONTRACT.all_clauses)
    for row in found:
        present = tuple(entry is not None for entry in row.entries)
        assert present == tuple(s in row.clause.subjects for s in ("client", "endpoint"))
