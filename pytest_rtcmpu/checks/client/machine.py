"""A client's state machine: what must be so after any sequence of starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.client.cases import failure
from pytest_rtcmpu.checks.client.scenarios import ReplyPlan, Scenario
from pytest_rtcmpu.checks.machines import TASKS, run_machine

if TYPE_CHECKING:
    from pytest_rtcmpu.checks.client.bench import ClientBench


def client_machine(bench: ClientBench) -> None:
    """Let a client start tasks, old and new, right and wrong, and judge each start."""
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

        @rule(app=st.sampled_from(cases.APPS), task=st.sampled_from(TASKS))
        def start(self, app: str, task: str) -> None:
            params = {**plain, "AppId": app, "TaskId": task}
            self.observe(Scenario(name="start", params=params, plan=ReplyPlan(kind="natural")))

        @rule(app=st.sampled_from(cases.APPS), task=st.sampled_from(TASKS), pairs=st.sampled_from(breaches))  # fmt: skip  # noqa: E501
        def start_wrongly(self, app: str, task: str, pairs: list[tuple[str, str]]) -> None:
            params: dict[str, Any] = {**plain, "AppId": app, "TaskId": task}
            wrong = dict(pairs)
            params |= {n: wrong[n] for n in params if n in wrong and n not in ("AppId", "TaskId")}
            scenario = Scenario(
                name="wrong start", params=params, plan=ReplyPlan(kind="natural"), valid=False
            )
            self.observe(scenario)

        @rule(code=st.sampled_from(sorted(bench.contract.errors_by_code)))
        def fail(self, code: str) -> None:
            plan = failure(bench.contract, bench.contract.error(code))
            self.observe(Scenario(name="failure", params=plain, plan=plan))

    run_machine(ClientMachine, bench)
