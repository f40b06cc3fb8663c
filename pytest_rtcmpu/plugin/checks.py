"""Contract checks under pytest: each check is a test, and all of them end in one ledger.

``plugin`` imports this for everyone, so the checks themselves are imported where they are used.
Under xdist a check's result travels with its test's report, and what a worker collected with the
first one; whatever was collected and has no result makes the run incomplete. Until the end of a run
its reports say that it has none.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtcmpu.plugin.running import RESULT

if TYPE_CHECKING:
    from pytest_rtcmpu.checks.core import CheckResult
    from pytest_rtcmpu.plugin.plan import Collected, Plan
    from pytest_rtcmpu.report.conclusion import Conclusion

#: The options that choose checks, by edition, phase, clause and operation.
_CHOOSE = ("rtcmpu_edition", "rtcmpu_phase", "rtcmpu_clause", "rtcmpu_operation")
#: The option that names a target, and the function of checks.targets that makes it one.
_TARGETS = {
    "--rtcmpu-client": "callable_target",
    "--rtcmpu-client-command": "command_target",
    "--rtcmpu-endpoint": "endpoint_target",
}
MARK = "rtcmpu"


def add_options(parser: pytest.Parser) -> None:
    """Add the options that choose what is checked, and how."""
    group = parser.getgroup("rtcmpu", "contract checks of StartMPUTask")
    add = group.addoption
    add(
        "--rtcmpu-client",
        action="append",
        metavar="MODULE:CALLABLE",
        help="check a client: a callable start(params, *, endpoint, credentials, timeout)",
    )
    add(
        "--rtcmpu-client-command",
        action="append",
        metavar="COMMAND",
        help="check a client: a command that speaks the line protocol",
    )
    add("--rtcmpu-endpoint", action="append", metavar="URL", help="check an endpoint")
    add(
        "--rtcmpu-phase",
        action="append",
        metavar="PHASE",
        help="run only these phases: documented, pairwise, fuzz, stateful; repeatable",
    )
    add(
        "--rtcmpu-clause",
        action="append",
        metavar="GLOB",
        help="run only the checks of these clauses; repeatable",
    )
    add(
        "--rtcmpu-operation",
        action="append",
        metavar="NAME",
        help="check these operations, such as StopMPUTask; repeatable",
    )
    add("--rtcmpu-strict", action="store_true", help="breaches of readings fail too")
    add("--rtcmpu-max-examples", type=_positive, metavar="N", help="examples of fuzz and stateful")
    add(
        "--rtcmpu-seed", type=_number, metavar="N", help="seed of fuzz and stateful; random if none"
    )
    add(
        "--rtcmpu-live",
        action="store_true",
        help="call an endpoint that is not this machine, though what is started may be billed",
    )
    add("--rtcmpu-budget", type=_positive, metavar="N", help="calls that an endpoint gets at most")
    add(
        "--rtcmpu-app-id",
        action="append",
        metavar="NAME",
        help="an AppId that an endpoint knows, where it does not know any; at most two",
    )
    add("--rtcmpu-timeout", type=_seconds, metavar="SECONDS", help="for one start, or one reply")
    add(
        "--rtcmpu-report",
        action="append",
        default=[],
        metavar="FILE",
        help="write a report: .json, .html or .xml (JUnit); repeatable",
    )
    add(
        "--rtcmpu-known-failures",
        type=_file_name,
        metavar="FILE",
        help="a TOML file of known failures",
    )


# The types of options: imported where one is given.


def _number(text: str) -> int:
    from pytest_rtcmpu.values.arguments import whole_number

    return whole_number()(text)


def _positive(text: str) -> int:
    from pytest_rtcmpu.values.arguments import positive

    return positive(text)


def _seconds(text: str) -> float:
    from pytest_rtcmpu.values.arguments import seconds

    return seconds(text)


def _file_name(text: str) -> str:
    from pytest_rtcmpu.values.arguments import file_path

    return str(file_path(text))


class Checks:
    """One pytest session's checks, wherever they run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._began = time.monotonic()
        #: What every process collected: plans by node, and the checks of each.
        self._collected: dict[str, Collected] = {}
        #: Results by node and check.
        self._results: dict[tuple[str, str], CheckResult] = {}
        self._notes: dict[str, tuple[str, ...]] = {}
        self._crashed: list[str] = []
        self._conclusion: Conclusion | None = None
        #: Reports that could not be written, and why.
        self._failed: dict[Path, str] = {}
        self._is_worker = hasattr(config, "workerinput")
        self._has_told = not self._is_worker
        if config.getoption("rtcmpu_seed") is None:
            # Options go to xdist's workers as they are now.
            config.option.rtcmpu_seed = int.from_bytes(os.urandom(4), "big")
        given = (config.getoption(name) for name in ("rtcmpu_report", *_CHOOSE))
        # One that is set to nothing is given, too: it is refused.
        is_given = any(each not in (None, []) for each in (*given, config.getini("rtcmpu_edition")))
        if self._plans_named() or is_given:
            self._expect_valid()

    def _plans_named(self) -> list[tuple[str, str]]:
        """The (option, name) pairs of targets on the command line."""
        given = ((each, self._config.getoption(each) or []) for each in _TARGETS)
        return [(option, name) for option, names in given for name in names]

    def _expect_valid(self) -> None:
        """Say what is wrong with the options before anything is collected."""
        from pytest_rtcmpu.checks.core import CannotRun
        from pytest_rtcmpu.contract import ContractError
        from pytest_rtcmpu.plugin.plan import named_nothing
        from pytest_rtcmpu.report import check_path
        from pytest_rtcmpu.values.text import for_terminal

        try:
            for path in self._config.getoption("rtcmpu_report"):
                check_path(path)
            # What chooses must be able to choose, whether options or classes name what is checked.
            _ = named_nothing(self._config).checks
            for plan in self._option_plans():
                plan.expect_valid()
        except (CannotRun, ContractError, ValueError, OSError) as error:
            raise pytest.UsageError(for_terminal(str(error), multiline=True)) from None

    def _option_plans(self) -> Iterator[Plan]:
        from pytest_rtcmpu.checks.testees import targets
        from pytest_rtcmpu.plugin.plan import plan

        count: dict[str, int] = {}
        for option, name in self._plans_named():
            count[option] = count.get(option, 0) + 1
            node = option.removeprefix("--") + (f"-{count[option]}" if count[option] > 1 else "")
            target = getattr(targets, _TARGETS[option])(name)
            yield plan(self._config, target, node=node)

    # ------------------------------------------------------------------- before the first case

    # A conftest.py may start an endpoint in this hook; xdist starts its workers after this one.
    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        """See that what is named is there, before hundreds of checks say that it is not.

        Older reports are replaced first: where this run ends without a word, they must not stay.
        """
        if self._is_worker or self._config.getoption("collectonly"):
            return
        if self._paths():
            self._sum_up(self._named()).unfinished().write(self._paths())
        if self._plans_named():
            self._expect_there()

    def _expect_there(self) -> None:
        from pytest_rtcmpu.checks.core import CannotRun
        from pytest_rtcmpu.values.text import for_terminal

        try:
            for plan in self._option_plans():
                plan.target.expect_there(plan.settings)
        except CannotRun as error:
            told = f"could not run: {error}"
            # pytest calls no sessionfinish after this.
            self._sum_up(self._named()).unfinished(told).write(self._paths())
            raise pytest.UsageError(for_terminal(told, multiline=True)) from None

    def _named(self) -> dict[str, Collected]:
        """Return the checks of the targets on the command line, as if all were collected."""
        from pytest_rtcmpu.plugin.plan import everything

        return {each.node: everything(each) for each in self._option_plans()}

    def _sum_up(self, collected: dict[str, Collected]) -> Conclusion:
        from pytest_rtcmpu.plugin.plan import sum_up

        return sum_up(
            collected,
            self._results,
            notes=self._notes,
            crashed=self._crashed,
            seconds=time.monotonic() - self._began,
        )

    # ------------------------------------------------------------------------------ collecting

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Begin to count the seconds: within those that pytest counts, not before them."""
        self._began = time.monotonic()
        return (yield)

    @pytest.hookimpl
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make each check of a contract class a test, named after its clause."""
        if "rtcmpu_check" not in metafunc.fixturenames or metafunc.cls is None:
            return
        from pytest_rtcmpu.checks.core import CannotRun, check_id
        from pytest_rtcmpu.plugin.plan import class_plan, slips
        from pytest_rtcmpu.values.text import for_terminal

        node = metafunc.definition.getparent(pytest.Class)
        assert node is not None
        try:
            plan = class_plan(self._config, metafunc.cls, node=node.nodeid)
            plan.expect_valid()
            for told in slips(metafunc.cls):
                node.warn(pytest.PytestCollectionWarning(f"{node.nodeid}: {told}"))
        except CannotRun as error:
            told = for_terminal(f"{node.nodeid}: {error}", multiline=True)
            raise pytest.Collector.CollectError(told) from None
        metafunc.parametrize(
            "rtcmpu_check",
            [
                pytest.param(
                    (plan, phase, clause),
                    id=f"{phase}-{clause.id}",
                    marks=pytest.mark.rtcmpu(check_id(plan.target.subject, phase, clause.id)),
                )
                for phase, clause in plan.checks
            ],
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        """Add the checks of what options name; note every check before any is deselected."""
        if self._plans_named():
            from pytest_rtcmpu.plugin.items import TargetNode

            for plan in self._option_plans():
                items += TargetNode.from_parent(session, plan=plan).collect()
        for item in items:
            for mark in item.iter_markers(MARK):
                self._note(plan_of(item), mark.args[0])

    def _note(self, plan: Plan, check: str) -> None:
        from pytest_rtcmpu.plugin.plan import Collected

        entry = self._collected.get(plan.node, Collected(plan=plan, checks=()))
        self._collected[plan.node] = replace(entry, checks=(*entry.checks, check))

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """What ``-k``, ``-m`` and ``--deselect`` leave out was not asked for."""
        for item in items:
            for mark in item.iter_markers(MARK):
                node = plan_of(item).node
                entry = self._collected.pop(node)
                rest = list(entry.checks)
                rest.remove(mark.args[0])
                if rest:
                    self._collected[node] = replace(entry, checks=tuple(rest))

    # -------------------------------------------------------------------------------- results

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send a check's result along with its test's report, to wherever that goes."""
        report = yield
        result = item.stash.get(RESULT, None)
        if call.when == "call" and result is not None:
            report.rtcmpu = result  # type: ignore[attr-defined]
        if self._collected and not self._has_told:
            # Before the first case: a worker that crashes says nothing at its end.
            from pytest_rtcmpu.values import records

            self._has_told = True
            told = records.dumps(tuple(self._collected.values()))
            report.rtcmpu_collected = told  # type: ignore[attr-defined]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a check's result, and what a worker has collected."""
        told = getattr(report, "rtcmpu_collected", None)
        if told is not None:
            from pytest_rtcmpu.plugin.plan import Collected
            from pytest_rtcmpu.values import records

            found = records.loads(tuple[Collected, ...], told)
            self._collected |= {each.plan.node: each for each in found}
        sent = getattr(report, "rtcmpu", None)
        if sent is not None:
            from pytest_rtcmpu.plugin.plan import ResultRecord
            from pytest_rtcmpu.values import records

            came = records.loads(ResultRecord, sent)
            node = came.node
            self._results[node, came.result.check] = came.result
            self._notes[node] = tuple(dict.fromkeys((*self._notes.get(node, ()), *came.notes)))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """A worker that crashed may have lost results."""
        if error:
            self._crashed.append(node.gateway.id)

    # --------------------------------------------------------------------------- at the very end

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Draw up the ledger; a run that is not complete, or not as it should be, is not green."""
        if self._is_worker or self._config.getoption("collectonly"):
            return
        if self._crashed:
            self._collected = self._named() | self._collected
        if not self._collected:
            if self._paths() and not self._crashed:
                why = "nothing was checked: pytest collected no contract check"
                self._sum_up({}).unfinished(why).write(self._paths())
            return
        found = self._conclusion = self._sum_up(self._collected)
        self._failed = found.write(self._paths())
        if exitstatus == pytest.ExitCode.OK and (found.status or self._failed):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the ledger."""
        if self._conclusion is None:
            return
        writer = self._config.get_terminal_writer()
        terminalreporter.section("rtcmpu contract checks")
        terminalreporter.write_line(
            self._conclusion.summary(
                width=writer.fullwidth if terminalreporter.isatty else None,
                color=writer.hasmarkup,
                verbose=self._config.get_verbosity() > 0,
                dash="--rtcmpu-",
            )
        )
        written = [path for path in self._paths() if path not in self._failed]
        self._conclusion.tell(terminalreporter.write_line, written)
        for why in self._failed.values():
            terminalreporter.write_line(why, red=True)

    def _paths(self) -> list[Path]:
        return [Path(path) for path in self._config.getoption("rtcmpu_report")]


def plan_of(item: pytest.Item) -> Plan:
    """Return the plan that a check belongs to."""
    plan: Plan
    if isinstance(item, pytest.Function):
        plan = item.callspec.params["rtcmpu_check"][0]  # type: ignore[index]
    else:
        plan = item.parent.plan  # type: ignore[union-attr]
    return plan
