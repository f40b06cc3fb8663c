"""State machines: what must be so after any sequence of starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.hunt import make_settings, seed

if TYPE_CHECKING:
    from pytest_rtcmpu.checks.client import ClientBench
    from pytest_rtcmpu.checks.endpoint import EndpointBench

_APPS = ("app1", "app2")
_TASKS = ("task1", "task2", "task3")


def client_machine(bench: ClientBench) -> None:
    """Let a client start tasks, old and new, right and wrong, and judge each start."""
    from pytest_rtcmpu.checks.client import Plan, Scenario, failure

    plain = cases.plain(bench.contract)
    breaches = [pairs for _, _, pairs in cases.breaches(bench.contract)]

    class ClientMachine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.done: list[Scenario] = []
            bench.forget()

        def observe(self, scenario: Scenario) -> None:
            self.done.append(scenario)
            bench.hit_stateful(tuple(self.done))

        @rule(app=st.sampled_from(_APPS), task=st.sampled_from(_TASKS))
        def start(self, app: str, task: str) -> None:
            params = {**plain, "AppId": app, "TaskId": task}
            self.observe(Scenario(name="start", params=params, plan=Plan(kind="natural")))

        @rule(app=st.sampled_from(_APPS), task=st.sampled_from(_TASKS), pairs=st.sampled_from(breaches))  # fmt: skip  # noqa: E501
        def start_wrongly(self, app: str, task: str, pairs: list[tuple[str, str]]) -> None:
            params: dict[str, Any] = {**plain, "AppId": app, "TaskId": task}
            wrong = dict(pairs)
            params |= {n: wrong[n] for n in params if n in wrong and n not in ("AppId", "TaskId")}
            scenario = Scenario(
                name="wrong start", params=params, plan=Plan(kind="natural"), valid=False
            )
            self.observe(scenario)

        @rule(code=st.sampled_from(sorted(bench.contract.errors_by_code)))
        def fail(self, code: str) -> None:
            plan = failure(bench.contract, bench.contract.error(code))
            self.observe(Scenario(name="failure", params=plain, plan=plan))

    _run(ClientMachine, bench)


def endpoint_machine(bench: EndpointBench) -> None:
    """Send an endpoint starts, repeats, refusals and replays; it must agree with a small model."""
    from pytest_rtcmpu.checks.endpoint import Expect, Step

    contract = bench.contract
    breaches = list(cases.breaches(contract))

    class EndpointMachine(RuleBasedStateMachine):
        """The model: which (AppId, TaskId) exist, and which nonces are used up."""

        def __init__(self) -> None:
            super().__init__()
            self.steps: list[Step] = []
            self.existing: set[tuple[str, str]] = set()
            self.nonces = 0
            self.used: set[int] = set()
            bench.new_names()

        def observe(self, step: Step) -> None:
            self.steps.append(step)
            bench.hit_stateful(tuple(self.steps))

        def nonce(self) -> str:
            self.nonces += 1
            return f"@nonce:{self.nonces}"

        @rule(
            app=st.sampled_from(_APPS),
            task=st.sampled_from(_TASKS),
            signature=st.sampled_from(("1.0", "v3")),
        )
        def start(self, app: str, task: str, signature: str) -> None:
            exists = (app, task) in self.existing
            expect = Expect.refused(contract, "error.task-existed") if exists else Expect()
            self.existing.add((app, task))
            self.used.add(self.nonces + 1)
            self.observe(
                Step(
                    pairs=_named(cases.plain(contract), app, task),
                    signature=signature,
                    envelope={"nonce": self.nonce()},
                    expect=expect,
                )
            )

        @rule(
            app=st.sampled_from(_APPS),
            task=st.sampled_from(_TASKS),
            breach=st.sampled_from(breaches),
        )
        def refused(self, app: str, task: str, breach: tuple[str, str, Any]) -> None:
            _, clause, pairs = breach
            renamed = [(n, _rename(n, v, app, task)) for n, v in pairs]
            self.used.add(self.nonces + 1)
            self.observe(
                Step(
                    pairs=tuple(renamed),
                    envelope={"nonce": self.nonce()},
                    expect=Expect.refused(contract, clause),
                )
            )

        @rule(app=st.sampled_from(_APPS), task=st.sampled_from(_TASKS))
        def forged(self, app: str, task: str) -> None:
            """A bad signature uses no nonce up, and starts nothing."""
            self.observe(
                Step(
                    pairs=_named(cases.plain(contract), app, task),
                    envelope={"nonce": self.nonce(), "tamper": "first"},
                    expect=Expect.refused(contract, "signature.mismatch"),
                )
            )

        @rule(data=st.data(), app=st.sampled_from(_APPS), task=st.sampled_from(_TASKS))
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
                    Expect.refused(contract, "error.task-existed")
                    if exists
                    else Expect(clause="nonce.after-signature")
                )
                self.existing.add((app, task))
                self.used.add(number)
            self.observe(
                Step(
                    pairs=_named(cases.plain(contract), app, task),
                    envelope={"nonce": f"@nonce:{number}"},
                    expect=expect,
                )
            )

    _run(EndpointMachine, bench)


def _rename(name: str, value: str, app: str, task: str) -> str:
    """Give a breach's parameters the machine's names, unless the name is what is wrong."""
    if not value:
        return value
    return {"AppId": f"@app:{app}", "TaskId": f"@task:{task}"}.get(name, value)


def _named(params: dict[str, Any], app: str, task: str) -> tuple[tuple[str, str], ...]:
    named = {**params, "AppId": f"@app:{app}", "TaskId": f"@task:{task}"}
    return tuple(cases.to_pairs(named))


def _run(machine: type[RuleBasedStateMachine], bench: ClientBench | EndpointBench) -> None:
    examples = max(1, bench.settings.max_examples // 4)

    @seed(bench.settings.seed)
    class Seeded(machine):  # type: ignore[valid-type, misc]
        pass

    run_state_machine_as_test(Seeded, settings=make_settings(examples))
