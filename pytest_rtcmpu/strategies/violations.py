"""Requests that break exactly one rule of the operation's parameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_rtcmpu import rules
from pytest_rtcmpu.contract import Clause, Contract, Parameter
from pytest_rtcmpu.model import OperationRequest
from pytest_rtcmpu.rules import Pairs, Problem
from pytest_rtcmpu.strategies.defects import WRONG_FORMS, Spoil, spoiling
from pytest_rtcmpu.strategies.plain import plain_item, to_pairs
from pytest_rtcmpu.strategies.relation_defects import applied, fragments
from pytest_rtcmpu.strategies.tasks import requests_with
from pytest_rtcmpu.strategies.values import (
    distinct_fields,
    distinct_values,
    in_force,
    most_items,
    strategy_of,
)
from pytest_rtcmpu.values.arguments import naming_keywords

# ------------------------------------------------------------------------------- one rule broken


def http_statuses_of(contract: Contract, codes: Iterable[str]) -> frozenset[int]:
    """Return the HTTP statuses that these Codes come with."""
    rows = contract.errors_by_code
    return frozenset(row.http_status for code in codes for row in rows.get(code, ()))


@dataclass(frozen=True, kw_only=True, repr=False)
class Violation:
    """A request of the operation that breaks exactly one rule.

    Attributes:
        pairs: its parameters, ready for ``client.call(violation.action, violation.pairs)``.
        repaired: the same with that one parameter repaired: a valid request.
        task: the valid task it was made from; ``repaired`` is its wire form.
        problem: the verdict on ``pairs``: path, expected, got and clause.
        http_statuses: the HTTP statuses of the Codes that may answer.
    """

    pairs: tuple[tuple[str, str], ...]
    repaired: tuple[tuple[str, str], ...]
    task: OperationRequest
    problem: Problem
    http_statuses: frozenset[int]

    @classmethod
    def judged(
        cls, pairs: Pairs, *, repaired: Pairs, task: OperationRequest, contract: Contract
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
    def action(self) -> str:
        """The operation."""
        return self.task.action

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
    valid: st.SearchStrategy[OperationRequest],
    spoil: Spoil,
) -> st.SearchStrategy[Violation]:
    name = str(clause.parameter)
    p = contract.parameter(name)
    starts = contract.parameter(_PANES).bases if contract.has(_PANES) else ()

    @st.composite
    def violations(draw: st.DrawFn) -> Violation:
        task = draw(valid)
        start = None
        if starts and task.params.get(_PANES):
            start = draw(st.sampled_from(starts))
        pairs = task.to_wire(user_panes_from=start)
        spoilt = spoil(draw, pairs, p, name)
        # A relation is judged where no other rule is broken, and an item whose only field is gone
        # is gone itself: such a request is valid, or broken otherwise.
        assume(_breaks(contract, spoilt, clause.id))
        return Violation.judged(spoilt, repaired=pairs, task=task, contract=contract)

    return violations()


_PANES = "UserPanes"


def _breaks(contract: Contract, pairs: Pairs, clause_id: str) -> bool:
    return [each.clause.id for each in rules.judge(pairs, contract).problems] == [clause_id]


def _breaking(contract: Contract, clause: Clause) -> st.SearchStrategy[Violation] | None:
    """The requests that break a clause's rule, or ``None`` where nothing can."""
    if clause.id in {r.id for r in contract.relations if r.verdict == "refuse"}:
        return _breaking_relation(contract, clause)
    name = clause.parameter or ""
    if not contract.has(name) or clause.rule is None or "endpoint" not in clause.subjects:
        return None  # not the operation's own, or no endpoint's business
    if clause.rule == "required" and not _can_lack(contract, contract.parameter(name)):
        return None
    spoil = spoiling(contract, clause)
    if spoil is None:
        return None
    top = contract.parameter(name.partition(".")[0])
    least = WRONG_FORMS[clause.rule].items if clause.rule in WRONG_FORMS else 1
    if top.items is not None and _most(contract, top) < least:
        return None
    is_inside = "." in name
    size = 1 if top.items is None or is_inside else least
    valid = requests_with(contract, **{top.name: size})
    if is_inside:
        # A field that is optional, or a list in an item: where it was not drawn it is put there.
        return _violation_of(contract, clause, _with(contract, valid, name, least), spoil)
    return _violation_of(contract, clause, valid, spoil)


def _can_lack(contract: Contract, p: Parameter) -> bool:
    """Whether a request without a required parameter is wrong, and can be made."""
    if p.tolerated is not None:
        return False
    if p.kind != "struct" and p.items is None:
        return True  # by an empty value, where there is nothing beside it
    top = p.path.rpartition(".")[0]
    return not top or len(contract.parameter(top).fields) > 1


def _most(contract: Contract, p: Parameter) -> int:
    """How many items a list may have."""
    if p.values_from is not None:
        return len(contract.layouts)
    pools = (distinct_values(contract, p, f) for f in distinct_fields(contract, p))
    return min((most_items(p), *map(len, pools)))


def _with(
    contract: Contract, valid: st.SearchStrategy[OperationRequest], name: str, least: int
) -> st.SearchStrategy[OperationRequest]:
    """Requests in which each item on the way to a field has it."""
    inner = contract.parameter(name)
    values = (
        strategy_of(contract, name, min_size=least) if inner.items else strategy_of(contract, name)
    )

    @st.composite
    def filled(draw: st.DrawFn) -> OperationRequest:
        request = draw(valid)
        params = copy.deepcopy(request.params)
        if not _fill(contract, params, name, lambda: draw(values), least):
            return request
        assume(not rules.judge(to_pairs(params, contract), contract).problems)
        return type(request).from_params(params, contract=contract)

    return filled()


def _fill(
    contract: Contract, params: dict[str, Any], name: str, draw: Callable[[], Any], least: int
) -> bool:
    """Put a drawn value at a path where none stands; whether any was missing."""
    top, *rest = name.split(".")
    spots: list[dict[str, Any]] = [params]
    p = contract.parameter(top)
    missing = False
    for part in rest:
        deeper: list[dict[str, Any]] = []
        for spot in spots:
            if p.name not in spot:
                # The plain item may have the value already.
                spot[p.name] = [plain_item(contract, p, 0)] if p.items else {}
                missing = True
            there = spot[p.name]
            deeper += there[-1:] if isinstance(there, list) else [there]
        spots = deeper
        p = next(f for f in p.fields if f.name == part)
    for spot in spots:
        there = spot.get(p.name)
        if there is None or (p.items is not None and len(there) < least):
            spot[p.name] = draw()
            missing = True
    return missing


def _breaking_relation(contract: Contract, clause: Clause) -> st.SearchStrategy[Violation] | None:
    found = fragments(contract, clause.id)
    if not found:
        return None
    valid = requests_with(contract)

    @st.composite
    def violations(draw: st.DrawFn) -> Violation:
        task = draw(valid)
        broken = applied(task.params, draw(st.sampled_from(found)))
        pairs = to_pairs(broken, contract)
        assume(_breaks(contract, pairs, clause.id))
        return Violation.judged(pairs, repaired=task.to_wire(), task=task, contract=contract)

    return violations()


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


@naming_keywords
def violations(
    operation: str | None = None,
    *,
    contract: Contract | None = None,
    clauses: str | Iterable[str] | None = None,
) -> st.SearchStrategy[Violation]:
    """Requests that break exactly one rule of an operation's parameters.

    A task that exists already (error.task-existed) is none: no request breaks that rule by itself.

    Args:
        operation: StartMPUTask unless given.
        clauses: only these clauses, by id or glob: ``violations(clauses="media-encode.*")``.

    Raises:
        InvalidArgument: for an unknown operation, or a clause or glob that no violation belongs to.
    """
    view = in_force(contract)
    if operation is not None:
        if operation not in view.operations:
            known = ", ".join(view.operations)
            raise InvalidArgument(f"operation: expected one of {known}, got {operation!r}")
        view = view.operation(operation)
    return st.one_of(chosen_clauses(_violations(view), clauses))
