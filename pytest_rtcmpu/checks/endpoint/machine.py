"""An endpoint's state machine: it must agree with a small model after any sequence of starts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.endpoint.cases_of_operations import statuses_on
from pytest_rtcmpu.checks.endpoint.scenarios import Expect, Step, fresh_pairs
from pytest_rtcmpu.checks.machines import TASKS, run_machine
from pytest_rtcmpu.contract import Contract

if TYPE_CHECKING:
    from pytest_rtcmpu.checks.endpoint.bench import EndpointBench


def endpoint_machine(bench: EndpointBench) -> None:
    """Send an endpoint starts, repeats, refusals and replays; it must agree with a small model."""
    contract = bench.contract
    breaches = list(cases.breaches(contract))

    class EndpointMachine(RuleBasedStateMachine):
        """The model: which (AppId, TaskId) exist, which ended, and which nonces are used up."""

        def __init__(self) -> None:
            super().__init__()
            self.steps: list[Step] = []
            self.existing: set[tuple[str, str]] = set()
            self.ended: set[tuple[str, str]] = set()
            self.nonces = 0
            self.used: set[int] = set()
            bench.new_names()

        def observe(self, step: Step) -> None:
            self.steps.append(step)
            bench.hit_stateful(tuple(self.steps))
            # What the endpoint made of it nobody knows, and the model neither.
            assume(not bench.unread)

        def of_start(self, app: str, task: str) -> Expect:
            """What must answer a start that keeps every rule."""
            if (app, task) in self.existing:
                return Expect.refused(contract, contract.rule("TaskId", "exists").id)
            return Expect(clause="stop.restart") if (app, task) in self.ended else Expect()

        def begin(self, app: str, task: str) -> None:
            self.existing.add((app, task))
            self.ended.discard((app, task))

        def nonce(self) -> str:
            self.nonces += 1
            return f"@nonce:{self.nonces}"

        @rule(
            app=st.sampled_from(bench.names.apps),
            task=st.sampled_from(TASKS),
            signature=st.sampled_from(("1.0", "v3")),
        )
        def start(self, app: str, task: str, signature: str) -> None:
            expect = self.of_start(app, task)
            self.begin(app, task)
            self.used.add(self.nonces + 1)
            self.observe(
                Step(
                    pairs=_name(contract, app, task, len(self.steps)),
                    signature=signature,
                    envelope={"nonce": self.nonce()},
                    expect=expect,
                )
            )

        @rule(
            app=st.sampled_from(bench.names.apps),
            task=st.sampled_from(TASKS),
            breach=st.sampled_from(breaches),
        )
        def refused(self, app: str, task: str, breach: tuple[str, str, Any]) -> None:
            _, clause, pairs = breach
            renamed = _rename(contract, pairs, app, task, len(self.steps))
            self.used.add(self.nonces + 1)
            self.observe(
                Step(
                    pairs=renamed,
                    envelope={"nonce": self.nonce()},
                    expect=Expect.refused(contract, clause),
                )
            )

        @rule(app=st.sampled_from(bench.names.apps), task=st.sampled_from(TASKS))
        def forged(self, app: str, task: str) -> None:
            """A bad signature uses no nonce up, and starts nothing."""
            self.observe(
                Step(
                    pairs=_name(contract, app, task, len(self.steps)),
                    envelope={"nonce": self.nonce(), "tamper": "first"},
                    expect=Expect.refused(contract, "signature.mismatch"),
                )
            )

        @rule(data=st.data(), app=st.sampled_from(bench.names.apps), task=st.sampled_from(TASKS))
        def replayed(self, data: st.DataObject, app: str, task: str) -> None:
            """Any nonce again: refused when it was used, good when it only came with a forgery."""
            if not self.nonces:
                return
            number = data.draw(st.integers(1, self.nonces))
            if number in self.used:
                expect = Expect.refused(contract, "nonce.unique")
            else:
                exists = (app, task) in self.existing
                expect = (
                    self.of_start(app, task) if exists else Expect(clause="nonce.after-signature")
                )
                self.begin(app, task)
                self.used.add(number)
            self.observe(
                Step(
                    pairs=_name(contract, app, task, len(self.steps)),
                    envelope={"nonce": f"@nonce:{number}"},
                    expect=expect,
                )
            )

    class WholeLife(EndpointMachine):
        """Tasks are watched and stopped too."""

        @rule(app=st.sampled_from(bench.names.apps), task=st.sampled_from(TASKS))
        def stop(self, app: str, task: str) -> None:
            """Stop a task that exists; what answers for another one nobody says."""
            if stopping is not None and (app, task) in self.existing:
                self.existing.discard((app, task))
                self.ended.add((app, task))
                self.ask(stopping, app, task, Expect(clause=stopping.rule(None, "accepted").id))

        @rule(app=st.sampled_from(bench.names.apps), task=st.sampled_from(TASKS))
        def watch(self, app: str, task: str) -> None:
            """A task has the status of what was done to it, and none before."""
            if watching is None:
                return
            expect = Expect.refused(watching, watching.rule("TaskId", "exists").id)
            if (app, task) in self.existing:
                going = statuses_on(watching, "start", "run", "end")
                expect = Expect(clause="status.after-start", statuses=going)
            elif (app, task) in self.ended:
                gone = statuses_on(watching, "stop")
                expect = Expect(clause="status.after-stop", statuses=gone)
            self.ask(watching, app, task, expect)

        def ask(self, view: Contract, app: str, task: str, expect: Expect) -> None:
            params = {**cases.plain(view), "AppId": f"@app:{app}"}
            pairs = fresh_pairs(cases.to_pairs(params, view), view, f"@task:{task}")
            self.used.add(self.nonces + 1)
            self.observe(
                Step(
                    pairs=pairs,
                    operation=view.action,
                    envelope={"nonce": self.nonce()},
                    expect=expect,
                )
            )

    stopping, watching = (_of_effect(bench, effect) for effect in ("stop", "status"))
    run_machine(WholeLife if stopping or watching else EndpointMachine, bench)


def _of_effect(bench: EndpointBench, effect: str) -> Contract | None:
    """The operation of that effect, where the endpoint has it."""
    views = (bench.contract.operation(name) for name in bench.operations)
    return next((view for view in views if view.in_view.effect == effect), None)


def _rename(
    contract: Contract, pairs: Iterable[tuple[str, str]], app: str, task: str, step: int
) -> tuple[tuple[str, str], ...]:
    """Give a breach's parameters the machine's names, unless the name is what is wrong."""
    named = fresh_pairs(pairs, contract, f"@task:{task}", url=f"{step}")
    return tuple((n, f"@app:{app}" if n == "AppId" and v else v) for n, v in named)


def _name(contract: Contract, app: str, task: str, step: int) -> tuple[tuple[str, str], ...]:
    named = {**cases.plain(contract), "AppId": f"@app:{app}"}
    pairs = cases.to_pairs(named, contract)
    # Each start has an address of its own: one that a task has left rests for a while.
    return fresh_pairs(pairs, contract, f"@task:{task}", url=f"{step}")
