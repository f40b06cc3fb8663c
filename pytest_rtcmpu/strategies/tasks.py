"""Valid requests, every parameter from its own strategy."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.contract.elsewhere import knowing, to_give
from pytest_rtcmpu.model import OperationRequest, StartMPUTask, request_class
from pytest_rtcmpu.model.making import others_with
from pytest_rtcmpu.model.names import python_name
from pytest_rtcmpu.strategies.mending import mend
from pytest_rtcmpu.strategies.values import in_force, strategy_of
from pytest_rtcmpu.values.text import near


def tasks(
    *, contract: Contract | None = None, **overrides: object
) -> st.SearchStrategy[StartMPUTask]:
    """Valid tasks, every parameter from its own strategy.

    A value that breaks a rule raises InvalidTask when it is drawn.

    Args:
        overrides: by the names of :class:`StartMPUTask`'s fields, a strategy or a plain value each:
            ``tasks(media_encode=0, channel_id=st.sampled_from(["a", "b"]))``.
        contract: the default edition unless given.

    Raises:
        InvalidArgument: (a TypeError) for an unknown name.
    """
    return requests(StartMPUTask.action, contract=contract, **overrides)  # type: ignore[return-value]


def requests(
    operation: str, *, contract: Contract | None = None, **overrides: object
) -> st.SearchStrategy[OperationRequest]:
    """Valid requests of an operation: ``requests("StopMPUTask", app_id="app")``.

    Args:
        operation: one of the edition's.
        overrides, contract: as for :func:`tasks`.

    Raises:
        InvalidArgument: for an unknown operation or name.
    """
    edition = in_force(contract)
    if operation not in edition.operations:
        known = ", ".join(edition.operations)
        lead = to_give(knowing(str(operation), edition), "has it")
        hint = f"; {lead}" if lead else near(str(operation), edition.operations)
        raise InvalidArgument(f"operation: expected one of {known}, got {operation!r}{hint}")
    view = edition.operation(operation)
    allowed = {python_name(p.name): p.name for p in view.parameters}
    unknown = sorted(set(overrides) - set(allowed))
    if unknown:
        lead = to_give(others_with(unknown[0], view), "has it")
        hint = f"; {lead}" if lead else near(unknown[0], allowed)
        known = ", ".join(allowed)
        raise InvalidArgument(f"unknown {', '.join(unknown)}: expected {known}{hint}")
    if not overrides:
        return requests_with(view)
    given = {
        allowed[name]: value if isinstance(value, st.SearchStrategy) else st.just(value)
        for name, value in overrides.items()
    }
    return _requests(view, given, {})


@lru_cache(maxsize=256)
def requests_with(view: Contract, **sizes: int) -> st.SearchStrategy[OperationRequest]:
    """Requests in which some parameters must be there, a list with so many items at least.

    Args:
        sizes: by top-level parameter; 1 for one that is no list.
    """
    return _requests(view, {}, sizes)


def _requests(
    view: Contract, given: Mapping[str, st.SearchStrategy[Any]], sizes: Mapping[str, int]
) -> st.SearchStrategy[OperationRequest]:
    strategies: dict[str, st.SearchStrategy[Any]] = {}
    for p in view.parameters:
        if p.name in given:
            strategies[p.name] = given[p.name]
            continue
        needed = sizes.get(p.name, 0)
        of_size = {"min_size": needed} if p.items is not None and needed else {}
        values = strategy_of(view, p.name, **of_size)
        lists = p.kind == "struct" and p.items is not None  # these may be empty themselves
        is_always = p.required or needed or p.tolerated is not None or lists
        strategies[p.name] = values if is_always else st.one_of(st.none(), values)
    kind = request_class(view.action, view)

    @st.composite
    def valid(draw: st.DrawFn) -> OperationRequest:
        params = {name: draw(strategy) for name, strategy in strategies.items()}
        params = {name: value for name, value in params.items() if value is not None}
        mended = mend(
            view, params, choose=lambda values: draw(st.sampled_from(values)), frozen=given.keys()
        )
        assume(all(_has(mended, name, size) for name, size in sizes.items()))
        return kind.from_params(mended, contract=view)

    return valid()


def _has(params: Mapping[str, Any], name: str, size: int) -> bool:
    """Whether a parameter is there, a list with so many items."""
    value = params.get(name)
    return len(value) >= size if isinstance(value, list) else value is not None
