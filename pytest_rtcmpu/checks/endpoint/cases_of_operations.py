"""Fixed cases of the other operations: what they accept and refuse, and what they do to a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.endpoint.scenarios import (
    MODES,
    Expect,
    Scenario,
    Step,
    at_address,
    fresh,
    fresh_pairs,
    sequence,
)
from pytest_rtcmpu.contract import Contract


def of_operation(contract: Contract, view: Contract) -> Iterator[Scenario]:
    """Yield the fixed cases of an operation that is not StartMPUTask.

    Args:
        contract: StartMPUTask in view.
        view: the operation in view.
    """
    start = _start(contract)
    # One that starts a task itself finds none; to any other that names one it is there.
    needs_task = view.has("TaskId") and view.in_view.effect != "start"
    before = (start,) if needs_task else ()
    for name, clause, params in cases.valid(view):
        step = _step(view, params, Expect.accepted(view, clause))
        of_it = (_start_of(each, step) for each in before)
        yield sequence(f"{view.action} {name}", *of_it, step)
    for signature, method in MODES:
        for reply_format in ("JSON", "XML"):
            mode: dict[str, Any] = {
                "signature": signature,
                "method": method,
                "reply_format": reply_format,
            }
            about = Expect(clause=view.rule(None, "accepted").id)
            step = replace(_step(view, cases.of_started(contract, view), about), **mode)
            name = f"{view.action}, signature {signature} by {method}, {reply_format}"
            yield sequence(name, *before, step)
    for name, clause, broken in cases.breaches(view):
        refused = Expect.refused(view, clause)
        step = Step(pairs=fresh_pairs(broken, view), operation=view.action, expect=refused)
        yield sequence(f"{view.action} {name}", *before, step)
    make = _OF_EFFECTS.get(view.in_view.effect)
    if make is not None:
        yield from make(contract, view)


def _start(contract: Contract) -> Step:
    return Step(pairs=fresh(cases.plain(contract), contract))


def _start_of(start: Step, step: Step) -> Step:
    """The start of the task that a step names."""
    named = {name: value for name, value in step.pairs if name in ("AppId", "TaskId")}
    return replace(start, pairs=tuple((n, named.get(n, v)) for n, v in start.pairs))


def _step(view: Contract, params: Mapping[str, Any], expect: Expect) -> Step:
    return Step(pairs=fresh(params, view), operation=view.action, expect=expect)


def _operation_of(contract: Contract, effect: str) -> Contract | None:
    """The edition seen from its operation of that effect."""
    names = (name for name, each in contract.operations.items() if each.effect == effect)
    return next((contract.operation(name) for name in names), None)


def statuses_on(view: Contract, *events: str) -> tuple[int, ...]:
    """Return the statuses that a task may have after one of these events, by the contract."""
    rows = (row for each in view.in_view.reply for row in each.values)
    return tuple(int(row.value) for row in rows if row.attributes.get("on") in events)


def _stops(contract: Contract, view: Contract) -> Iterator[Scenario]:
    """A task that was stopped may be started again, and stopped again."""
    start = _start(contract)
    accepted = Expect(clause=view.rule(None, "accepted").id)
    stop = _step(view, cases.of_started(contract, view), accepted)
    about = Expect(clause="stop.restart")
    # At another address: in later editions the one that was left rests for a while.
    again = replace(start, pairs=at_address(start.pairs, "again"), expect=about)
    yield sequence("started, stopped, started again", start, stop, again)
    yield sequence("started and stopped twice", start, stop, again, stop)
    for signature, method in MODES:
        mode: dict[str, Any] = {"signature": signature, "method": method}
        steps = (replace(step, **mode) for step in (start, stop, again))
        yield sequence(f"started, stopped, started again, {signature} by {method}", *steps)


def _statuses(contract: Contract, view: Contract) -> Iterator[Scenario]:
    """A task's status: of one that was never started, that runs, that was stopped."""
    never = Expect.refused(view, view.rule("TaskId", "exists").id)
    ask = _step(view, cases.of_started(contract, view), never)
    for signature, method in MODES:
        for reply_format in ("JSON", "XML"):
            mode: dict[str, Any] = {
                "signature": signature,
                "method": method,
                "reply_format": reply_format,
            }
            name = f"never started, {signature} by {method}, {reply_format}"
            yield sequence(name, replace(ask, **mode))
    start = _start(contract)
    # Nobody has stopped it: it waits, runs, or has come to its end.
    going = statuses_on(view, "start", "run", "end")
    runs = replace(ask, expect=Expect(clause="status.after-start", statuses=going))
    yield sequence("the status after a start", start, runs, runs)
    yield sequence("the status after a start, XML", start, replace(runs, reply_format="XML"))
    stopping = _operation_of(contract, "stop")
    if stopping is not None:
        stop = _step(
            stopping,
            cases.of_started(contract, stopping),
            Expect(clause=stopping.rule(None, "accepted").id),
        )
        gone = statuses_on(view, "stop")
        stopped = replace(ask, expect=Expect(clause="status.after-stop", statuses=gone))
        yield sequence("the status after a stop", start, stop, stopped)
        again = replace(start, pairs=at_address(start.pairs, "again"))
        again = replace(again, expect=Expect(clause="stop.restart"))
        yield sequence("the status after another start", start, stop, again, runs)


def _starts(contract: Contract, view: Contract) -> Iterator[Scenario]:
    """What StartMPUTask or the operation itself has started exists."""
    existed = Expect.refused(view, view.rule("TaskId", "exists").id)
    start = _step(view, cases.plain(view), Expect(clause=view.rule(None, "accepted").id))
    again = replace(start, expect=existed)
    yield sequence(f"{view.action} twice", start, again)
    yield sequence(
        f"{view.action} of a task that is there", _start_of(_start(contract), again), again
    )


_OF_EFFECTS: Mapping[str, Callable[[Contract, Contract], Iterator[Scenario]]] = {
    "start": _starts,
    "stop": _stops,
    "status": _statuses,
}
