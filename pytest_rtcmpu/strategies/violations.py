"""Requests that break exactly one rule of the operation's parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_rtcmpu import rules
from pytest_rtcmpu.contract import Clause, Contract
from pytest_rtcmpu.model import StartMPUTask
from pytest_rtcmpu.rules import Pairs, Problem
from pytest_rtcmpu.strategies.defects import WRONG_FORMS, Spoil, spoiling
from pytest_rtcmpu.strategies.tasks import foreign_parameters, tasks_with
from pytest_rtcmpu.strategies.values import in_force, pane_ids_of

# ------------------------------------------------------------------------------- one rule broken


def http_statuses_of(contract: Contract, codes: Iterable[str]) -> frozenset[int]:
    """Return the HTTP statuses that these Codes come with."""
    rows = contract.errors_by_code
    return frozenset(row.http_status for code in codes for row in rows.get(code, ()))


@dataclass(frozen=True, kw_only=True, repr=False)
class Violation:
    """A request of the operation that breaks exactly one rule.

    Attributes:
        pairs: its parameters, ready for ``client.call("StartMPUTask", violation.pairs)``.
        repaired: the same with that one parameter repaired: a valid request.
        task: the valid task it was made from; ``repaired`` is its wire form.
        problem: the verdict on ``pairs``: path, expected, got and clause.
        http_statuses: the HTTP statuses of the Codes that may answer.
    """

    pairs: tuple[tuple[str, str], ...]
    repaired: tuple[tuple[str, str], ...]
    task: StartMPUTask
    problem: Problem
    http_statuses: frozenset[int]

    @classmethod
    def judged(
        cls, pairs: Pairs, *, repaired: Pairs, task: StartMPUTask, contract: Contract
    ) -> Violation:
        """Return the violation that pairs are. The verdict comes from them, not from the intent.

        Raises:
            ValueError: when they do not break exactly one rule.
        """
        problems = rules.judge(pairs, contract).problems
        if len(problems) != 1:
            raise ValueError(f"expected one problem, got {[str(p) for p in problems]}")
        return cls(
            pairs=tuple(pairs),
            repaired=tuple(repaired),
            task=task,
            problem=problems[0],
            http_statuses=http_statuses_of(contract, problems[0].clause.codes),
        )

    @property
    def clause(self) -> str:
        """The id of the clause that is broken."""
        return self.problem.clause.id

    @property
    def level(self) -> str:
        """How sure that clause is: ``documented``, ``companion`` or ``reading``."""
        return self.problem.clause.level

    @property
    def parameter(self) -> str:
        """The parameter that is broken, ``UserPanes.PaneId`` for a field."""
        return str(self.problem.clause.parameter)

    @property
    def codes(self) -> frozenset[str]:
        """The Codes that may answer; one of them."""
        return frozenset(self.problem.clause.codes)

    def __repr__(self) -> str:
        codes = " or ".join(self.problem.clause.codes)
        return f"<Violation {self.problem} → {codes}; made from {self.task}>"


def _violation_of(
    contract: Contract,
    clause: Clause,
    valid: st.SearchStrategy[StartMPUTask],
    spoil: Spoil,
) -> st.SearchStrategy[Violation]:
    name = str(clause.parameter)
    p, starts = contract.parameter(name), contract.parameter("UserPanes").bases

    @st.composite
    def violations(draw: st.DrawFn) -> Violation:
        task = draw(valid)
        start = draw(st.sampled_from(starts)) if task.user_panes else starts[0]
        pairs = task.to_wire(user_panes_from=start)
        spoilt = spoil(draw, pairs, p, name)
        return Violation.judged(spoilt, repaired=pairs, task=task, contract=contract)

    return violations()


def _breaking(contract: Contract, clause: Clause) -> st.SearchStrategy[Violation] | None:
    """The requests that break a clause's rule, or ``None`` where nothing can."""
    top = contract.parameters_by_wire_name.get((clause.parameter or "").partition(".")[0])
    if top is None or clause.parameter is None or clause.rule is None:
        return None  # not the operation's own
    spoil = spoiling(contract, clause)
    if spoil is None:
        return None
    needed: dict[str, Any] = {}
    if top.bases:
        least = WRONG_FORMS[clause.rule].items if clause.rule in WRONG_FORMS else 1
        there_are = contract.layouts if top.kind == "integer-list" else pane_ids_of(top)
        if len(there_are) < least:
            return None
        needed[_LIST_FIELDS[top.kind]] = least
    elif top in foreign_parameters(contract):
        needed["others"] = top.name
    return _violation_of(contract, clause, tasks_with(contract, **needed), spoil)


_LIST_FIELDS = {"integer-list": "layout_ids", "struct-list": "user_panes"}


@lru_cache(maxsize=64)
def _violations(contract: Contract) -> Mapping[str, st.SearchStrategy[Violation]]:
    found = {clause.id: _breaking(contract, clause) for clause in contract.clauses}
    return {clause_id: strategy for clause_id, strategy in found.items() if strategy is not None}


def chosen_clauses(found: Mapping[str, Any], clauses: str | Iterable[str] | None) -> list[Any]:
    """What the ids and globs ask for, in the contract's order."""
    patterns = ["*"] if clauses is None else [clauses] if isinstance(clauses, str) else [*clauses]
    if not patterns:
        raise InvalidArgument("clauses: expected at least one clause id or glob, got none")
    for pattern in patterns:
        if not any(fnmatchcase(clause_id, pattern) for clause_id in found):
            raise InvalidArgument(f"no violation of {pattern!r}: there are {', '.join(found)}")
    return [
        value
        for clause_id, value in found.items()
        if any(fnmatchcase(clause_id, pattern) for pattern in patterns)
    ]


def violations(
    *, contract: Contract | None = None, clauses: str | Iterable[str] | None = None
) -> st.SearchStrategy[Violation]:
    """Requests that break exactly one rule of the operation's parameters.

    A task that exists already (error.task-existed) is none: no request breaks that rule by itself.

    Args:
        clauses: only these clauses, by id or glob: ``violations(clauses="media-encode.*")``.

    Raises:
        InvalidArgument: for a clause or glob that no violation belongs to.
    """
    return st.one_of(chosen_clauses(_violations(in_force(contract)), clauses))
