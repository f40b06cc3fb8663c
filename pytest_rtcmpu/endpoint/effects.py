"""What each operation does to tasks and layouts, and what its reply tells.

An effect has two sides: ``check`` refuses what cannot be done, and changes nothing; ``apply`` does
it and returns the fields of the reply, beside RequestId.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from pytest_rtcmpu import wire
from pytest_rtcmpu.contract import Clause, Contract, EnumValue, ReplyField
from pytest_rtcmpu.endpoint.exchange import Exchange, Refusal
from pytest_rtcmpu.endpoint.state import State, Task
from pytest_rtcmpu.model.forms import unflatten
from pytest_rtcmpu.rules import Note, Problem, collect, integer, shown, spots
from pytest_rtcmpu.values.text import some

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


def _note(
    exchange: Exchange, silence_id: str, path: str = "TaskId", *, there: str | None = None
) -> None:
    """Note what a request names, and what there is in place of it."""
    silence = exchange.contract.silence(silence_id)
    detail = exchange.found.texts.get(path, "") if exchange.found else ""
    if there is not None:
        detail += f"; there are {there}"
    exchange.notes = (*exchange.notes, Note(path=path, silence=silence, detail=detail))


def _params(exchange: Exchange) -> dict[str, Any]:
    """The request's parameters by their names, with nested lists."""
    return {} if exchange.found is None else unflatten(exchange.found, exchange.contract)


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
            del state.held[held]
            state.resting.pop(held, None)  # the latest to end stands last
            state.resting[held] = state.now
    while len(state.ended) > state.record.max_calls:
        # Of these, as of calls, the latest are kept.
        del state.ended[next(iter(state.ended))]


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
        for held in task.holds:
            # What another task has by now stays that one's.
            state.held.setdefault(held, key)


def script(state: State, key: tuple[str, str], statuses: Sequence[int]) -> None:
    """Say what the polls of a task answer, in that order; a single one is its status at once."""
    task = state.tasks.get(key) or state.ended[key]
    task.scripted = deque(statuses) if len(statuses) > 1 else None
    if len(statuses) == 1:
        set_status(state, key, statuses[0])


# ------------------------------------------------------------------------------ start and stop


def _check_start(state: State, exchange: Exchange) -> None:
    if exchange.task in state.tasks:
        raise _refuse(exchange.contract.rule("TaskId", "exists"))
    rests = _rests(exchange.contract)
    for held in _exclusive(exchange, rests):
        owner = state.held.get(held, exchange.task)
        if owner != exchange.task:
            _refuse_held(exchange, held, f"the task {owner} has it: stop that one first")
        if _rests_still(state, held, rests, exchange.now):
            seconds = f"{rests[held[0]].total_seconds():g}"
            lead = f"its task ended less than {seconds} s ago: endpoint.advance_clock({seconds})"
            _refuse_held(exchange, held, f"{lead} lets them pass")


def _refuse_held(exchange: Exchange, held: tuple[str, str], lead: str) -> NoReturn:
    """Refuse a value that no two tasks may have, and say who has it: the reply has a Code alone."""
    name, value = held
    clause = exchange.contract.rule(name, "exclusive")
    expected = "a value that no task has"
    exchange.problems = (
        Problem(path=name, expected=expected, got=shown(value), clause=clause, lead=lead),
    )
    raise _refuse(clause)


def _rests_still(
    state: State, held: tuple[str, str], rests: Mapping[str, timedelta], now: datetime
) -> bool:
    ended = state.resting.get(held)
    return ended is not None and now - ended < rests[held[0]]


def _rests(contract: Contract) -> Mapping[str, timedelta]:
    """How long the values of a parameter rest that no two tasks may share."""
    return {
        p.name: timedelta(seconds=p.rest_seconds)
        for p in contract.parameters
        if p.rest_seconds is not None
    }


def _exclusive(exchange: Exchange, rests: Mapping[str, timedelta]) -> list[tuple[str, str]]:
    """The values, (parameter, value), that no other task may have."""
    texts = {} if exchange.found is None else exchange.found.texts
    return [(name, texts[name]) for name in rests if name in texts]


def _start(state: State, exchange: Exchange) -> Fields:
    status = _status_on(exchange.contract, "start")
    rests = _rests(exchange.contract)
    while state.resting and not _rests_still(
        state, first := next(iter(state.resting)), rests, exchange.now
    ):
        del state.resting[first]
    holds = tuple(_exclusive(exchange, rests))
    state.tasks[exchange.task] = Task(request=exchange.request, status=status, holds=holds)
    state.ended.pop(exchange.task, None)
    state.held.update(dict.fromkeys(holds, exchange.task))
    if state.start_statuses:
        script(state, exchange.task, state.start_statuses)
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


# ------------------------------------------------------------------------------------- layouts


def _update(state: State, exchange: Exchange) -> Fields:
    task = state.tasks.get(exchange.task)
    # S2 UpdateMPULayout: "任务未开始、已结束或异常状态都调用无效"
    if task is not None and task.status == _status_on(state.contract, "run"):
        task.changes = {**task.changes, **_params(exchange)}
    else:
        _note(exchange, "silence.update-task-not-running")
    return {}


def _create_layout(state: State, exchange: Exchange) -> Fields:
    above = (state.contract.reserved_layouts_up_to, state.last_layout, *state.contract.layouts)
    # An id is not given twice, so that one that was deleted stays unknown.
    state.last_layout = max(above) + 1
    _keep_layout(state, state.last_layout, _params(exchange))
    return {"LayoutId": state.last_layout}


def _keep_layout(state: State, layout_id: int, params: Mapping[str, Any]) -> None:
    kept = {**state.made_layouts.get(layout_id, {}), **params, "LayoutId": layout_id}
    state.made_layouts[layout_id] = kept
    panes = max(1, len(kept.get("Panes", ())))
    state.contract = state.contract.with_layouts({layout_id: panes})


def _named_layout(state: State, exchange: Exchange) -> int | None:
    """The layout that a request names, where its application made it."""
    given = _params(exchange)
    made = state.made_layouts.get(int(given.get("LayoutId", 0)), {})
    return made["LayoutId"] if made and made.get("AppId") == given.get("AppId") else None


def _made_layouts(state: State, exchange: Exchange) -> str:
    """The layouts that an application made, in words."""
    app_id = _params(exchange).get("AppId")
    return some([k for k, made in state.made_layouts.items() if made.get("AppId") == app_id])


def _modify_layout(state: State, exchange: Exchange) -> Fields:
    layout_id = _named_layout(state, exchange)
    if layout_id is not None:
        _keep_layout(state, layout_id, _params(exchange))
    else:
        there = _made_layouts(state, exchange)
        _note(exchange, "silence.modify-unknown-layout", "LayoutId", there=there)
    return {}


def _delete_layout(state: State, exchange: Exchange) -> Fields:
    layout_id = _named_layout(state, exchange)
    if layout_id is None:
        there = _made_layouts(state, exchange)
        _note(exchange, "silence.delete-unknown-layout", "LayoutId", there=there)
        return {}
    del state.made_layouts[layout_id]
    # S2 109587 and the console's page: a task that uses the layout is interrupted.
    for key in [key for key, task in state.tasks.items() if layout_id in _layouts_of(state, task)]:
        end(state, key, _status_on(state.contract, "end"))
    state.contract = state.contract.without_layout(layout_id)
    return {}


def _layouts_of(state: State, task: Task) -> set[int]:
    """The layouts that a task uses."""
    changed = task.changes.get("LayoutIds")
    if changed is not None:
        return set(changed)
    found = collect(wire.request_pairs(task.request), state.contract)
    texts = (spot.text for spot in spots(found, state.contract, "LayoutIds"))
    return {number for text in texts if text and (number := integer(text)) is not None}


def _list_layouts(state: State, exchange: Exchange) -> Fields:
    each = exchange.contract.in_view.reply[0]
    app_id = _params(exchange).get("AppId")
    # Built-in ones, those that a test registered, and those that the application made.
    of_others = {k for k, made in state.made_layouts.items() if made.get("AppId") != app_id}
    return {each.name: {str(each.item): sorted(state.contract.layouts.keys() - of_others)}}


def _describe_layouts(state: State, exchange: Exchange) -> Fields:
    given = _params(exchange)
    defaults = {p.name: p.default for p in exchange.contract.parameters}
    size = int(given.get("PageSize", defaults.get("PageSize") or 10))
    page = int(given.get("PageNum", defaults.get("PageNum") or 1))
    wanted = [
        layout
        for layout in state.made_layouts.values()
        if all(layout.get(n) == given[n] for n in ("LayoutId", "Name") if n in given)
        and layout.get("AppId") == given.get("AppId")
    ]
    shown = wanted[(page - 1) * size : page * size]
    told: dict[str, Any] = {
        "TotalPage": -(-len(wanted) // size),
        "TotalNum": len(wanted),
        "Layouts": shown,
    }
    return _as_told(exchange.contract.in_view.reply, told)


def _as_told(reply: Sequence[ReplyField], values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that a reply has, lists in the elements that their items stand in."""
    found: dict[str, Any] = {}
    for each in reply:
        if each.name not in values:
            continue
        value = values[each.name]
        if each.fields:
            value = [_as_told(each.fields, item) for item in value]
        found[each.name] = {each.item: value} if each.item else value
    return found


def emptiest(reply: Iterable[ReplyField]) -> dict[str, Any]:
    """Return a reply's fields with nothing in them: what counts where no effect tells a field.

    A list without items, a number 0, a text without characters, false; of an enumeration the first.
    """
    return {each.name: _nothing_of(each) for each in reply}


#: What a field of a kind is where nothing is told of it.
_NOTHING: Mapping[str, Any] = {"boolean": False, "float": 0.0, "integer": 0, "long": 0}


def _nothing_of(each: ReplyField) -> Any:
    if each.item is not None:
        return {each.item: []}
    if each.fields:
        return emptiest(each.fields)
    return each.values[0].value if each.values else _NOTHING.get(each.kind, "")


EFFECTS: Mapping[str, EffectOf] = {
    "none": EffectOf(check=_no_check, apply=_nothing),
    "start": EffectOf(check=_check_start, apply=_start),
    "stop": EffectOf(check=_no_check, apply=_stop),
    "status": EffectOf(check=_check_status, apply=_status),
    "update": EffectOf(check=_no_check, apply=_update),
    "create-layout": EffectOf(check=_no_check, apply=_create_layout),
    "modify-layout": EffectOf(check=_no_check, apply=_modify_layout),
    "delete-layout": EffectOf(check=_no_check, apply=_delete_layout),
    "list-layouts": EffectOf(check=_no_check, apply=_list_layouts),
    "describe-layouts": EffectOf(check=_no_check, apply=_describe_layouts),
}
