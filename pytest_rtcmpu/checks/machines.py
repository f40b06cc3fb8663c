"""State machines: what those of both subjects share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from pytest_rtcmpu.checks.hunt import make_settings, seed

if TYPE_CHECKING:
    from pytest_rtcmpu.checks.client.bench import ClientBench
    from pytest_rtcmpu.checks.endpoint.bench import EndpointBench


TASKS = ("task1", "task2", "task3")


def machines(examples: int) -> int:
    """Return how many state machines are run for so many examples."""
    return max(1, examples // 4)


def run_machine(machine: type[RuleBasedStateMachine], bench: ClientBench | EndpointBench) -> None:
    """Run a state machine as often as the bench's settings say."""
    examples = machines(bench.settings.max_examples)

    @seed(bench.settings.seed)
    class Seeded(machine):  # type: ignore[valid-type, misc]
        pass

    run_state_machine_as_test(Seeded, settings=make_settings(examples))
