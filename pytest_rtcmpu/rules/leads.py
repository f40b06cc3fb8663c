"""Where a request breaks a rule that another edition does not have, that edition is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.contract.elsewhere import knowing, others, to_set
from pytest_rtcmpu.rules.found import Pairs
from pytest_rtcmpu.rules.judging import judge
from pytest_rtcmpu.rules.verdicts import ELSEWHERE, Note, Problem

#: Says to which editions, that allow it, somebody is led.
Lead = Callable[[Iterable[Contract], str], str]


def with_leads(
    problems: Sequence[Problem],
    pairs: Pairs,
    contract: Contract,
    lead: Lead,
    *,
    of_absent: bool = True,
) -> tuple[Problem, ...]:
    """Return the problems of a request, each with the editions that do not see it.

    Args:
        of_absent: whether what is absent leads to an edition that does without it. Whoever writes
            a request had better give it.
    """
    if not problems:
        return ()
    judged = [(other, judge(pairs, other).problems) for other in others(contract)]
    relations = {relation.id for relation in contract.relations}

    def allow(problem: Problem) -> list[Contract]:
        if problem.clause.rule == "required" and not of_absent:
            return []
        is_relation = problem.clause.id in relations
        return [
            other
            for other, theirs in judged
            if other.has(_name(problem))
            # Relations are judged where every other rule holds.
            and not (theirs if is_relation else [p for p in theirs if _touch(p, problem)])
        ]

    return tuple(
        replace(p, lead="; ".join(filter(None, (p.lead, lead(allow(p), "allows it")))))
        for p in problems
    )


def of_other_operation(action: str, contract: Contract) -> tuple[Note, ...]:
    """Return the note about an operation that only another edition has; of any other none."""
    lead = to_set(knowing(action, contract), "has it")
    silence = contract.silence(ELSEWHERE)
    return (Note(path="Action", silence=silence, detail=f"{action}: {lead}"),) if lead else ()


def _name(problem: Problem) -> str:
    """A problem's parameter by its full name: ``UserPanes.PaneId`` of ``UserPanes.3.PaneId``."""
    return ".".join(part for part in problem.path.split(".") if not part.isdecimal())


def _touch(one: Problem, other: Problem) -> bool:
    """Whether both are about one parameter, or one about an item or a field of the other's."""
    short, long = sorted((f"{one.path}.", f"{other.path}."), key=len)
    return long.startswith(short)
