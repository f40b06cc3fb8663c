"""The tests that ``--rtcmpu-client`` and its like add: a node a target, an item a check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import pytest

from pytest_rtcmpu.checks.case_files import node_name
from pytest_rtcmpu.checks.core import check_id
from pytest_rtcmpu.plugin.running import run_check
from pytest_rtcmpu.values.credentials import credentials_from

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_rtcmpu.checks.core import Phase
    from pytest_rtcmpu.contract import Clause
    from pytest_rtcmpu.plugin.plan import Plan


class TargetNode(pytest.Collector):
    """A target that an option names."""

    def __init__(self, *, plan: Plan, **given: Any) -> None:
        super().__init__(name=plan.node, nodeid=plan.node, **given)
        self.plan = plan

    @classmethod
    def from_parent(cls, parent: pytest.Session, *, plan: Plan) -> Self:  # type: ignore[override]
        """Return the node of a plan."""
        return super().from_parent(parent, plan=plan)

    def collect(self) -> list[CheckItem]:
        """Return an item for each check."""
        return [
            CheckItem.from_parent(self, phase=phase, clause=clause)
            for phase, clause in self.plan.checks
        ]


class CheckItem(pytest.Item):
    """One check of a target."""

    parent: TargetNode

    def __init__(self, *, parent: TargetNode, phase: Phase, clause: Clause, **given: Any) -> None:
        super().__init__(name=node_name(phase, clause.id), parent=parent, **given)
        self._phase: Phase = phase
        self._clause = clause
        self.add_marker(pytest.mark.rtcmpu(check_id(parent.plan.target.subject, phase, clause.id)))

    def runtest(self) -> None:
        """Run the check."""
        plan = self.parent.plan
        run_check(
            self,
            self.parent,
            plan,
            self._phase,
            self._clause,
            lambda: plan.target.bench(plan.settings, credentials_from()),
        )

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return what pytest calls it."""
        return self.path, None, self.name
