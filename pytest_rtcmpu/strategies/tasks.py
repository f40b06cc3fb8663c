"""Valid tasks, every parameter from its own strategy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.contract import Contract, Parameter
from pytest_rtcmpu.model import StartMPUTask
from pytest_rtcmpu.strategies.values import (
    app_ids,
    background_colors,
    channel_ids,
    in_force,
    layout_ids,
    media_encodes,
    strategy_of,
    stream_urls,
    task_ids,
    task_profiles,
    user_panes,
)

_FIELDS: Mapping[str, Callable[..., st.SearchStrategy[Any]]] = {
    "app_id": app_ids,
    "channel_id": channel_ids,
    "task_id": task_ids,
    "task_profile": task_profiles,
    "media_encode": media_encodes,
    "background_color": background_colors,
    "layout_ids": layout_ids,
    "user_panes": user_panes,
    "stream_url": stream_urls,
}


def tasks(
    *, contract: Contract | None = None, **overrides: object
) -> st.SearchStrategy[StartMPUTask]:
    """Valid tasks, every parameter from its own strategy.

    A value that breaks a rule raises InvalidTask when it is drawn.

    Args:
        overrides: by the names of :class:`StartMPUTask`'s fields, a strategy or a plain value each:
            ``tasks(media_encode=0, channel_id=st.sampled_from(["a", "b"]))``.
        contract: the default edition unless given; parameters that only another has go to
            ``others``.

    Raises:
        InvalidArgument: (a TypeError) for an unknown name.
    """
    allowed = (*_FIELDS, "others")
    unknown = sorted(set(overrides) - set(allowed))
    if unknown:
        raise InvalidArgument(f"unknown {', '.join(unknown)}: expected {', '.join(allowed)}")
    judge_by = in_force(contract)
    if not overrides:
        return tasks_with(judge_by)
    given = {
        name: value if isinstance(value, st.SearchStrategy) else st.just(value)
        for name, value in overrides.items()
    }
    return _task(judge_by, {**_fields(judge_by), **given})


def _fields(contract: Contract) -> dict[str, st.SearchStrategy[Any]]:
    found = {name: make(contract=contract) for name, make in _FIELDS.items()}
    foreign = foreign_parameters(contract)
    return {**found, "others": _others(contract)} if foreign else found


@lru_cache(maxsize=64)
def tasks_with(contract: Contract, **given: Any) -> st.SearchStrategy[StartMPUTask]:
    """Tasks whose lists have a least size, or which have a parameter of another edition."""
    fields = _fields(contract)
    for name, value in given.items():
        make = _FIELDS.get(name)
        fields[name] = make(min_size=value, contract=contract) if make else _others(contract, value)
    return _task(contract, fields)


def _task(
    contract: Contract, fields: Mapping[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[StartMPUTask]:
    @st.composite
    def tasks(draw: st.DrawFn) -> StartMPUTask:
        values = {name: draw(strategy) for name, strategy in fields.items()}
        return StartMPUTask(**values, contract=contract)

    return tasks()


def foreign_parameters(contract: Contract) -> list[Parameter]:
    """The parameters that the model has no field for: another edition's. Lists are left out."""
    own = {p.name for p in _contract.load().parameters}
    return [p for p in contract.parameters if p.name not in own and not p.bases]


def _others(contract: Contract, needed: str = "") -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    @st.composite
    def others(draw: st.DrawFn) -> tuple[tuple[str, str], ...]:
        return tuple(
            (p.name, str(draw(strategy_of(contract, p.name))))
            for p in foreign_parameters(contract)
            if p.required or p.name == needed or draw(st.booleans())
        )

    return others()
