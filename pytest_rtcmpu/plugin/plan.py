"""What pytest is asked to check, as values that can be sent from process to process."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.checks import case_files
from pytest_rtcmpu.checks.core import (
    PHASES,
    CannotRun,
    CheckResult,
    Phase,
    Run,
    SubjectRun,
    check_id,
)
from pytest_rtcmpu.checks.known_failures import Known, excuses, read
from pytest_rtcmpu.checks.run import Settings, planned, unselected
from pytest_rtcmpu.checks.testees.targets import Target
from pytest_rtcmpu.contract import Clause, Subject
from pytest_rtcmpu.report.conclusion import Conclusion, Part, conclude
from pytest_rtcmpu.values.arguments import expect_number
from pytest_rtcmpu.values.credentials import credentials_from
from pytest_rtcmpu.values.text import near

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One target's checks. ``node`` is the id of the pytest node that holds them.

    root: the folder that cases are saved under.
    """

    node: str
    target: Target
    settings: Settings
    strict: bool
    known_failures: str | None
    root: str

    @cached_property
    def checks(self) -> tuple[tuple[Phase, Clause], ...]:
        """The checks, in order. Raises CannotRun for a glob that matches nothing."""
        return planned(self.target.subject, self.settings)

    def left_out(self, collected: Collection[str]) -> tuple[str, ...]:
        """Return the ids of the clauses that globs, or pytest's own options, leave out.

        collected: the ids of the checks that they leave.
        """
        subject, left = self.target.subject, set(collected)
        asked = {c.id for phase, c in self.checks if check_id(subject, phase, c.id) in left}
        deselected = {c.id for _, c in self.checks} - asked
        left_out = unselected(subject, self.settings, self.settings.contract)
        return (*left_out, *sorted(deselected))

    @cached_property
    def known(self) -> tuple[Known, ...]:
        """The known failures. Raises CannotRun for a file that cannot be read."""
        return () if self.known_failures is None else read(self.known_failures)

    def expect_valid(self) -> None:
        """Raise CannotRun for what could not be run: names, globs, files, or nothing at all."""
        if not self.checks:
            raise CannotRun(f"nothing is selected for {self.target.name}")
        if self.target.kind == "callable":
            self.target.testee()
        _ = self.known
        self.target.allowed(self.settings, credentials_from())

    def excuse(self, result: CheckResult) -> str | None:
        """Return why a broken check is excused, if it is."""
        found = excuses(self.known, [result], self.settings.contract, today=date.today())
        return found.reasons.get(result.check)

    def save_cases(self, result: CheckResult) -> list[Path]:
        """Save a broken check's cases and return their paths."""
        run = SubjectRun(subject=result.subject, target=self.target.name, results=(result,))
        seed = self.settings.seed
        edition = self.settings.edition
        named = case_files.cases(run, self.target, seed=seed, node=self.node, edition=edition)
        return case_files.save(Path(self.root) / case_files.FOLDER, named)


@dataclass(frozen=True, kw_only=True)
class ResultRecord:
    """A check's result on its way to the process that draws up the ledger.

    Attributes:
        node: the plan's.
        result: the result.
        notes: what the bench has to say so far.
    """

    node: str
    result: CheckResult
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Collected:
    """A plan, and the ids of its checks that a process collected."""

    plan: Plan
    checks: tuple[str, ...]


def everything(plan: Plan) -> Collected:
    """Return a plan with all of its checks."""
    subject = plan.target.subject
    return Collected(
        plan=plan, checks=tuple(check_id(subject, phase, c.id) for phase, c in plan.checks)
    )


def plan(config: pytest.Config, target: Target, *, node: str, **own: Any) -> Plan:
    """Return the plan of a target; what options say goes before its ``own`` settings."""
    option = config.getoption
    given = {
        "phases": _phases(option("rtcmpu_phase")),
        "clauses": option("rtcmpu_clause"),
        "max_examples": option("rtcmpu_max_examples"),
        "seed": option("rtcmpu_seed"),
        "timeout": option("rtcmpu_timeout"),
        "operations": option("rtcmpu_operation"),
        "edition": option("rtcmpu_edition"),
        "live": option("rtcmpu_live") or None,
        "budget": option("rtcmpu_budget"),
        "app_ids": option("rtcmpu_app_id"),
    }
    strict = own.pop("strict", False)
    known = own.pop("known_failures", None)
    if option("rtcmpu_known_failures") is not None:
        known = option("rtcmpu_known_failures")
    chosen = {**own, **{name: value for name, value in given.items() if value is not None}}
    chosen |= {name: tuple(chosen[name]) for name in _TUPLES if name in chosen}
    if chosen.get("budget") is not None:
        # Each worker of xdist runs the phases of its own checks: together they keep to it.
        chosen["budget"] //= getattr(config, "workerinput", {}).get("workercount", 1)
    of_file = config.getini("rtcmpu_edition")
    chosen.setdefault("edition", _contract.DEFAULT_EDITION if of_file is None else of_file)
    try:
        settings = target.settled(Settings(**chosen))
    except (_contract.ContractError, TypeError) as error:  # an edition that is no text
        raise CannotRun(str(error)) from None
    return Plan(
        node=node,
        target=target,
        settings=settings,
        strict=strict or option("rtcmpu_strict"),
        known_failures=None if known is None else str(config.invocation_params.dir / known),
        root=str(config.rootpath),
    )


_TUPLES = ("phases", "clauses", "operations", "app_ids")
#: The settings that contract classes of endpoints alone have.
_OF_ENDPOINTS = ("live", "budget", "app_ids")
#: Settings that are numbers: what is expected, and whether it is an int.
_NUMBERS = {
    "max_examples": ("an int, 1 or more", True),
    "timeout": ("a number of seconds above 0", False),
    "budget": ("an int, 1 or more, or None", True),
}


def _phases(given: Collection[str] | None) -> tuple[Phase, ...] | None:
    if given is None:
        return None
    wanted = [name.strip() for text in given for name in text.split(",")]
    for name in wanted:
        if name not in PHASES:
            raise CannotRun(f"phase {name!r}: expected one of {', '.join(PHASES)}")
    return tuple(phase for phase in PHASES if phase in wanted)


def class_plan(config: pytest.Config, cls: Any, *, node: str) -> Plan:
    """Return the plan of a contract class.

    Raises:
        CannotRun: for a setting that cannot be meant.
    """
    subject: Subject = cls.subject
    for name in _TUPLES:
        given = getattr(cls, name, ())
        is_some = isinstance(given, Collection) and not isinstance(given, str)
        if not is_some or not all(isinstance(each, str) for each in given):
            raise CannotRun(f"{name}: expected a tuple of texts, got {given!r}")
    for name, (expected, whole) in _NUMBERS.items():
        given = getattr(cls, name, None)
        if given is None and name == "budget":
            continue
        try:
            expect_number(name, given, expected, above=0, whole=whole)
        except (TypeError, ValueError) as error:
            raise CannotRun(str(error)) from None
    return plan(
        config,
        Target(subject=subject, kind="test", name=node),
        node=node,
        phases=_phases(cls.phases),
        clauses=cls.clauses,
        max_examples=cls.max_examples,
        timeout=cls.timeout,
        **_edition_of(cls),
        strict=cls.strict,
        known_failures=cls.known_failures,
        **({n: getattr(cls, n) for n in _OF_ENDPOINTS} if subject == "endpoint" else {}),
    )


def named_nothing(config: pytest.Config) -> Plan:
    """Return a plan by the options alone, of no target: what they say can be looked at."""
    return plan(config, Target(subject="client", kind="test", name=""), node="")


#: The module of the contract classes.
_CLASSES = "pytest_rtcmpu.plugin.testing"


def slips(cls: Any) -> Iterator[str]:
    """Yield what to say of each value of a contract class whose name is nearly a setting's."""
    base = next(each for each in cls.__mro__ if each.__module__ == _CLASSES)
    settings = [name for name in dir(base) if name[0] != "_" and not callable(getattr(base, name))]
    own = {name for each in cls.__mro__[: cls.__mro__.index(base)] for name in vars(each)}
    for name in sorted(own - set(settings)):
        if name[0] != "_" and not callable(getattr(cls, name)):
            hint = near(name, settings, cutoff=0.8)
            if hint:
                yield f"{name} is no setting{hint}"


def _edition_of(cls: Any) -> dict[str, Any]:
    """The edition and the operations that a contract class names, where it names any."""
    named = {"edition": cls.edition, "operations": cls.operations}
    return {name: value for name, value in named.items() if value not in (None, (), [])}


def sum_up(
    collected: Mapping[str, Collected],
    results: Mapping[tuple[str, str], CheckResult],
    *,
    notes: Mapping[str, Collection[str]],
    crashed: Collection[str],
    seconds: float,
) -> Conclusion:
    """Return what the run of all plans comes to.

    collected: by node, its plan and the ids of its checks.
    results: by node and check.
    notes: what benches have to say, by node.
    crashed: the workers that are gone.
    """
    plans = [each.plan for _, each in sorted(collected.items())]
    subjects = []
    for each in plans:
        here = {check: result for (node, check), result in results.items() if node == each.node}
        lost = sorted(set(collected[each.node].checks) - set(here))
        gone = [f"worker {worker} crashed" for worker in crashed]
        if lost:
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            gone.append(f"never run: {lost[0]}{more}")
        subjects.append(
            SubjectRun(
                subject=each.target.subject,
                target=each.target.name,
                results=tuple(here[check] for check in sorted(here)),
                complete=not gone,
                notes=(*gone, *notes.get(each.node, ())),
                unselected=each.left_out(collected[each.node].checks),
            )
        )
    edition = plans[0].settings.edition if plans else _contract.DEFAULT_EDITION
    contract = _contract.load(edition)
    run = Run(
        edition=edition,
        seed=plans[0].settings.seed if plans else 0,
        strict=all(each.strict for each in plans),
        phases=tuple(p for p in PHASES if any(p in each.settings.phases for each in plans)),
        subjects=tuple(subjects),
        seconds=seconds,
    )
    parts = [
        Part(subjects=(subject,), known=each.known, strict=each.strict)
        for each, subject in zip(plans, subjects, strict=True)
    ]
    return conclude(run, parts, contract, today=date.today())
