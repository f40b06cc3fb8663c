"""What each operation does to tasks and layouts, and what its reply tells.

An effect has two sides: ``check`` refuses what cannot be done, and changes nothing; ``apply`` does
it and returns the fields of the reply, beside RequestId.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pytest_rtcmpu.contract import Clause, Contract, EnumValue
from pytest_rtcmpu.endpoint.exchange import Exchange, Refusal
from pytest_rtcmpu.endpoint.state import State, Task
from pytest_rtcmpu.rules import Note

Fields = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class EffectOf:
    """The two sides of an effect."""

    check: Callable[[State, Exchange], None]
    apply: Callable[[State, Exchange], Fields]


def _refuse(clause: Clause) -> Refusal:
    return Refusal(clause.codes[0], clause)


def _nothing(state: State, exchange: Exchange) -> Fields:
    return {}


def _no_check(state: State, exchange: Exchange) -> None:
    return


def _note(exchange: Exchange, silence_id: str) -> None:
    silence = exchange.contract.silence(silence_id)
    path = "TaskId"
    note = Note(path=path, silence=silence, detail=", ".join(filter(None, exchange.task)))
    exchange.notes = (*exchange.notes, note)


# ------------------------------------------------------------------------------------ statuses


def statuses(contract: Contract) -> Mapping[int, EnumValue]:
    """Return the statuses that a task may have in an edition."""
    for operation in contract.operations.values():
        for each in operation.reply:
            if operation.effect == "status" and each.values:
                return {int(row.value): row for row in each.values}
    return {}


def _status_on(contract: Contract, event: str) -> int:
    """The status that a task has after an event: ``start``, ``stop`` or ``end``."""
    rows = statuses(contract).values()
    return next((int(row.value) for row in rows if row.attributes.get("on") == event), 0)


def runs(contract: Contract, status: int) -> bool:
    """Whether a task of that status runs, or will."""
    row = statuses(contract).get(status)
    return row is not None and row.attributes.get("runs") == "yes"


def end(state: State, key: tuple[str, str], status: int) -> None:
    """End a task that runs, with a status."""
    task = state.tasks.pop(key)
    task.status, task.scripted = status, None
    state.ended[key] = task
    for held in task.holds:
        if state.held.get(held) == key:
            state.held[held] = state.now


def stop(state: State, key: tuple[str, str]) -> None:
    """End a task that runs as its user does."""
    end(state, key, _status_on(state.contract, "stop"))


def set_status(state: State, key: tuple[str, str], status: int) -> None:
    """Give a task a status, and so end it or let it run again."""
    task = state.tasks.get(key) or state.ended[key]
    task.status = status
    if key in state.tasks and not runs(state.contract, status):
        end(state, key, status)
    elif key in state.ended and runs(state.contract, status):
        state.tasks[key] = state.ended.pop(key)


# ------------------------------------------------------------------------------ start and stop


def _check_start(state: State, exchange: Exchange) -> None:
    if exchange.task in state.tasks:
        raise _refuse(exchange.contract.rule("TaskId", "exists"))
    for held, rest, clause in _exclusive(exchange):
        owner = state.held.get(held)
        if owner is None:
            continue
        if isinstance(owner, tuple):
            if owner != exchange.task:
                raise _refuse(clause)
        elif exchange.now - owner < rest:
            raise _refuse(clause)


def _exclusive(exchange: Exchange) -> list[tuple[tuple[str, str], timedelta, Clause]]:
    """The values that no other task may have: (parameter, value), how long they rest, clause."""
    found = exchange.found
    return [
        (
            (p.name, found.texts[p.name]),
            timedelta(seconds=p.rest_seconds),
            exchange.contract.rule(p.name, "exclusive"),
        )
        for p in exchange.contract.parameters
        if p.rest_seconds is not None and found is not None and p.name in found.texts
    ]


def _start(state: State, exchange: Exchange) -> Fields:
    status = _status_on(exchange.contract, "start")
    holds = tuple(held for held, _, _ in _exclusive(exchange))
    state.tasks[exchange.task] = Task(request=exchange.request, status=status, holds=holds)
    state.ended.pop(exchange.task, None)
    state.held.update(dict.fromkeys(holds, exchange.task))
    return {}


def _stop(state: State, exchange: Exchange) -> Fields:
    if exchange.task in state.tasks:
        stop(state, exchange.task)
    else:
        _note(exchange, "silence.stop-unknown-task")
    return {}


# ---------------------------------------------------------------------------------------- status


def _check_status(state: State, exchange: Exchange) -> None:
    if exchange.task not in state.tasks and exchange.task not in state.ended:
        raise _refuse(exchange.contract.rule("TaskId", "exists"))


def _status(state: State, exchange: Exchange) -> Fields:
    task = state.tasks.get(exchange.task) or state.ended[exchange.task]
    if task.scripted:
        rest: deque[int] = task.scripted
        set_status(state, exchange.task, rest.popleft())
        task.scripted = rest
    name = exchange.contract.in_view.reply[0].name
    return {name: task.status}


EFFECTS: Mapping[str, EffectOf] = {
    "none": EffectOf(check=_no_check, apply=_nothing),
    "start": EffectOf(check=_check_start, apply=_start),
    "stop": EffectOf(check=_no_check, apply=_stop),
    "status": EffectOf(check=_check_status, apply=_status),
}
