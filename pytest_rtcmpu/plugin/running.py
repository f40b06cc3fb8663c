"""One check as a test: its bench, its result, and what pytest makes of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pytest_rtcmpu.checks.core import Phase
    from pytest_rtcmpu.checks.run import Bench
    from pytest_rtcmpu.contract import Clause
    from pytest_rtcmpu.plugin.plan import Plan

#: A check's result on its way into its test's report; a node's bench, and why it broke off.
RESULT = pytest.StashKey[str]()
BENCH = pytest.StashKey["Bench"]()
BROKE = pytest.StashKey[str]()
#: That it broke off because what is checked is not there, or cannot be checked at all.
ABSENT = pytest.StashKey[bool]()


def run_check(
    item: pytest.Item,
    owner: pytest.Collector,
    plan: Plan,
    phase: Phase,
    clause: Clause,
    make: Callable[[], AbstractContextManager[Bench]],
) -> None:
    """Run one check: return, skip, xfail or fail.

    owner: the node that all checks of the plan belong to.
    make: makes the bench, which lives as long as that node does.
    """
    from pytest_rtcmpu.checks.core import CannotRun
    from pytest_rtcmpu.plugin.plan import ResultRecord
    from pytest_rtcmpu.report.words import doubt, paragraph
    from pytest_rtcmpu.values import records
    from pytest_rtcmpu.values.text import for_terminal

    item.user_properties += [
        ("rtcmpu-clause", clause.id),
        ("rtcmpu-level", clause.level),
        ("rtcmpu-source", clause.source),
    ]
    if BROKE in owner.stash:
        # Said once, by the check that was run first: a hundred others have nothing to add.
        told = "could not run: the first that failed says why"
        if ABSENT in owner.stash:
            pytest.skip(told)  # the first has failed, and the run is incomplete
        pytest.fail(told, pytrace=False)
    try:
        if BENCH not in owner.stash:
            stack = ExitStack()
            owner.stash[BENCH] = stack.enter_context(make())
            owner.addfinalizer(stack.close)
            owner.addfinalizer(lambda: owner.stash.__delitem__(BENCH))
        result = owner.stash[BENCH].result(phase, clause.id)
    except BaseException as error:
        # A phase that broke off says nothing about the clauses it did not get to.
        owner.stash[BROKE] = str(error) or type(error).__name__
        if not isinstance(error, CannotRun):
            raise
        owner.stash[ABSENT] = True
    if BROKE in owner.stash:
        # Out here pytest does not show what was caught beside it, as it came.
        told = f"could not run: {owner.stash[BROKE]}"
        pytest.fail(for_terminal(told, multiline=True), pytrace=False)
    notes = tuple(owner.stash[BENCH].notes)
    item.stash[RESULT] = records.dumps(ResultRecord(node=plan.node, result=result, notes=notes))
    if result.not_judged and not result.broken:
        pytest.skip(for_terminal(doubt(result)))
    if not result.exercised:
        pytest.skip("not exercised: no case of this phase has to do with it")
    if result.broken:
        saved = plan.save_cases(result)
        excused = plan.excuse(result)
        if excused:
            pytest.xfail(for_terminal(excused))
        if plan.strict or clause.breach == "failure":
            lines = [f"{clause.id} ({clause.level}, {clause.source}): {clause.text}"]
            lines += (paragraph(finding, indent="  ") for finding in result.findings)
            lines += [f"again: rtcmpu replay {saved[0]}"] if saved else []
            pytest.fail(for_terminal("\n".join(lines), multiline=True), pytrace=False)
