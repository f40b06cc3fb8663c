"""What the benches of both subjects share: sweeps, bookkeeping, results by clause."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Generic, TypeVar

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.checks.core import (
    CUT,
    PHASES,
    CheckResult,
    Exchange,
    Finding,
    Phase,
    check_id,
)
from pytest_rtcmpu.checks.hunt import SHRINK_SECONDS, Broke, Enough, hunt
from pytest_rtcmpu.contract import Clause, Contract, Subject
from pytest_rtcmpu.values.credentials import Credentials
from pytest_rtcmpu.values.forks import own_lock
from pytest_rtcmpu.values.messages import Request, Response
from pytest_rtcmpu.values.redaction import redact_everywhere

#: How many findings of one check are kept; all are counted.
MAX_FINDINGS = 3
_LONGEST_TEXT = 4000

O = TypeVar("O")  # noqa: E741 - an observation
S = TypeVar("S")  # a scenario


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to run.

    phases: which phases; all unless given.
    clauses: globs of clause ids; all clauses unless given.
    max_examples: how many examples fuzz and stateful try, each.
    seed: what fuzz and stateful are seeded with.
    timeout: seconds a client has for one start, and an endpoint for one reply.
    operations: the operations that the subject is checked on; those that it is known to have unless
        given.
    edition: the edition that it is held to.
    live: whether an endpoint that is not this machine may be called.
    budget: how many calls an endpoint gets at most; as many as there are cases unless given.
    """

    phases: tuple[Phase, ...] = PHASES
    clauses: tuple[str, ...] = ()
    max_examples: int = 100
    seed: int = 0
    timeout: float = 5.0
    operations: tuple[str, ...] = ()
    edition: str = _contract.DEFAULT_EDITION
    live: bool = False
    budget: int | None = None

    @property
    def contract(self) -> Contract:
        """The edition's contract. Raises ContractError for an edition that there is none of."""
        return _contract.load(self.edition)

    def selects(self, clause: str) -> bool:
        """Return whether a clause's id matches a glob, or there is none."""
        return not self.clauses or any(fnmatchcase(clause, glob) for glob in self.clauses)


@dataclass(frozen=True, kw_only=True)
class Breach:
    """What a check found wrong with one observation."""

    expected: str
    got: str


@dataclass(frozen=True)
class NotJudged:
    """The clause applies, and nobody can tell whether it was kept: the third outcome."""

    reason: str


#: What a judge says: its breaches, none when the clause was kept; that it cannot tell; or ``None``
#: where the clause does not apply.
Judgement = Iterable[Breach] | NotJudged | None


@dataclass(frozen=True, kw_only=True)
class Check(Generic[O]):
    """One check: a clause, and a callable that judges an observation by it.

    Attributes:
        clause: the clause's id.
        judge: what looks at an observation.
        only_about: whether it applies only to scenarios that are about the clause.
        operation: the operation whose calls it judges; every one's where there is none.
    """

    clause: str
    judge: Callable[[O], Judgement]
    only_about: bool = False
    operation: str | None = None


#: Checks by their place in the contract.
_Checks = dict[int, Check[O]]


@dataclass(kw_only=True)
class _Tally:
    exercised: int = 0
    broken: int = 0
    findings: list[Finding] = field(default_factory=list)
    not_judged: int = 0
    reason: str = ""

    def doubt(self, reason: str) -> None:
        """Count a case in which nobody can tell."""
        self.not_judged += 1
        self.reason = self.reason or reason


class BaseBench(Generic[O, S]):
    """Runs a subject through the phases, once each, and judges everything it does.

    A phase makes observations; each is judged by every check that applies to it. So a clause is
    held to in every case of a phase, not only in the case that was made for it.
    """

    subject: Subject
    checks: tuple[Check[O], ...]

    def __init__(self, target: str, settings: Settings, contract: Contract | None) -> None:
        self.target = target
        self.settings = settings
        self.contract: Contract = contract or settings.contract
        #: Told after each case: phase, cases done, cases in all (None where nobody knows).
        self.progress: Callable[[Phase, int, int | None], None] = lambda *_: None
        #: What a reader of the results should know.
        self.notes: list[str] = []
        self._tallies: dict[Phase, dict[str, _Tally]] = {}
        self._lock = own_lock(self, "_lock")
        self._run_token = secrets.token_hex(4)
        self._count = 0
        self._fresh: list[Finding] = []
        self._settled: set[str] = set()
        #: Of each operation: the checks that always apply, and by clause those of few cases.
        self._by_operation: dict[str, tuple[_Checks[O], dict[str, _Checks[O]]]] = {}
        self._hits: list[Finding] = []
        self._shrink_until = 0.0

    # ------------------------------------------------------------------------------- results

    def result(self, phase: Phase, clause: str) -> CheckResult:
        """Return what a phase says of a clause; the phase is run when first asked for."""
        began = time.monotonic()
        with self._lock:
            if phase not in self._tallies:
                self._tallies[phase] = {}
                self._done = 0
                self._run_phase(phase)
            tally = self._tallies[phase].get(clause, _Tally())
        return CheckResult(
            check=check_id(self.subject, phase, clause),
            clause=clause,
            subject=self.subject,
            phase=phase,
            asserts=self.contract.clause(clause).text,
            exercised=tally.exercised,
            broken=tally.broken,
            findings=tuple(tally.findings),
            not_judged=tally.not_judged,
            reason=tally.reason,
            seconds=time.monotonic() - began,
        )

    def unique(self, stem: str = "t") -> str:
        """Return an id that no other run ever used: a live endpoint remembers yesterday's.

        Whoever finds it in an account knows by its beginning where it comes from.
        """
        self._count += 1
        return f"rtcmpu-{stem}-{self._run_token}-{self._count}"

    def replay(self, case: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Run a saved case again, signed afresh, and return what breaks its clause."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of everything."""

    # ------------------------------------------------------------------------------ the phases

    def _run_phase(self, phase: Phase) -> None:
        if phase == "fuzz":
            self._run_fuzz()
        elif phase == "stateful":
            self._run_stateful()
        else:
            scenarios = self._selected(self._scenarios(phase))
            for scenario in scenarios:
                self._keep(phase, self._observe(phase, scenario))
                self._step(phase, len(scenarios))

    def _scenarios(self, phase: Phase) -> Iterable[S]:
        """The scenarios of a phase that has fixed ones: documented or pairwise."""
        raise NotImplementedError

    def _about(self, scenario: S) -> Collection[str]:
        """The clauses that a scenario was made for."""
        raise NotImplementedError

    def _selected(self, scenarios: Iterable[S]) -> list[S]:
        """The scenarios in which a selected clause may be judged."""
        checks = self._selected_checks
        if not all(check.only_about for check in checks):
            return list(scenarios)
        wanted = {check.clause for check in checks}
        return [each for each in scenarios if not wanted.isdisjoint(self._about(each))]

    @cached_property
    def _selected_checks(self) -> tuple[Check[O], ...]:
        return tuple(check for check in self.checks if self.settings.selects(check.clause))

    def _redact(self, text: str) -> str:
        """Return text without the secrets that the subject was given."""
        raise NotImplementedError

    def _observe(self, phase: Phase, scenario: S) -> list[Finding]:
        """Run a scenario and ``_judge`` what it shows."""
        raise NotImplementedError

    def _run_fuzz(self) -> None:
        """``_hunt`` with drawn scenarios."""
        raise NotImplementedError

    def _run_stateful(self) -> None:
        """``_hunt`` with a state machine."""
        raise NotImplementedError

    def _judge(
        self,
        phase: Phase,
        observation: O,
        *,
        scenario: str,
        operation: str,
        about: Collection[str],
        exchanges: Callable[[], tuple[Exchange, ...]],
        case: Callable[[], Mapping[str, Any]],
    ) -> list[Finding]:
        """Judge one observation by every selected check, keep count, and return its findings.

        Args:
            about: the clauses that it is about.
        """
        found: list[Finding] = []
        for check in self._applying(operation, about):
            said = check.judge(observation)
            if said is None:
                continue
            tally = self._tally(phase, check)
            if isinstance(said, NotJudged):
                tally.doubt(self._redact(said.reason))
                continue
            tally.exercised += 1
            listed = list(said)
            tally.broken += bool(listed)
            found += (
                Finding(
                    clause=check.clause,
                    subject=self.subject,
                    phase=phase,
                    scenario=scenario,
                    expected=self._redact(breach.expected),
                    got=self._redact(breach.got),
                    exchanges=exchanges(),
                    case=case(),
                )
                for breach in listed[:1]
            )
        return found

    def _applying(self, operation: str, about: Collection[str]) -> Iterator[Check[O]]:
        """The selected checks that may apply to an observation, in the contract's order."""
        always, of_its_own = self._by_operation.setdefault(operation, ({}, {}))
        if not always and not of_its_own:
            for at, check in enumerate(self._selected_checks):
                if check.operation in (None, operation):
                    # There are hundreds that only their own few cases are about.
                    kept = of_its_own.setdefault(check.clause, {}) if check.only_about else always
                    kept[at] = check
        own = {at: c for clause in about for at, c in of_its_own.get(clause, {}).items()}
        applying = {**always, **own}
        return (applying[at] for at in sorted(applying))

    def _leave_out(self, phase: Phase, scenario: S, why: str) -> None:
        """Count a case that is not run: what it might have broken is not held."""
        for check in self._selected_checks:
            if not check.only_about or check.clause in self._about(scenario):
                self._tally(phase, check).doubt(why)

    def _tally(self, phase: Phase, check: Check[O]) -> _Tally:
        return self._tallies.setdefault(phase, {}).setdefault(check.clause, _Tally())

    def _keep(self, phase: Phase, findings: Iterable[Finding]) -> None:
        for finding in findings:
            kept = self._tallies[phase].setdefault(finding.clause, _Tally()).findings
            if len(kept) < MAX_FINDINGS:
                kept.append(finding)

    def _step(self, phase: Phase, total: int | None) -> None:
        self._done += 1
        self.progress(phase, self._done, total)

    # ---------------------------------------------------------------------- fuzz and stateful

    def _hunt(self, phase: Phase, run: Callable[[], object]) -> None:
        """Run a Hypothesis test whose examples call :meth:`_hit` with what they found.

        Clauses that an earlier phase saw broken are not shrunk again: their cases are plain
        already.
        """
        self._settled = {
            clause
            for tallies in self._tallies.values()
            for clause, tally in tallies.items()
            if tally.broken
        }

        def shrunk() -> None:
            # The last hit is the minimal example: Hypothesis runs it once more at the end.
            self._keep(phase, self._hits[-1:])
            self._settled |= {finding.clause for finding in self._hits[-1:]}
            self._hits = []

        self._hits = []
        hunt(run, shrunk)
        self._settled = set()

    def _hit(self, phase: Phase, findings: list[Finding]) -> None:
        """Tell Hypothesis when an example broke a clause that is not settled."""
        self._keep(phase, (f for f in findings if f.clause in self._settled))
        new = [finding for finding in findings if finding.clause not in self._settled]
        if new and not self._hits:
            self._shrink_until = time.monotonic() + SHRINK_SECONDS
        self._hits += new[:1]
        if self._hits and time.monotonic() > self._shrink_until:
            raise Enough
        if new:
            raise Broke(new[0].clause)


def planned_clauses(
    checks: Iterable[Check[Any]], contract: Contract, subject: Subject
) -> Iterator[Clause]:
    """Yield the clauses that checks are about, in the contract's order."""
    named = {check.clause for check in checks}
    for clause in contract.all_clauses:
        if clause.id in named and subject in clause.subjects:
            yield clause


# -------------------------------------------------------------------------------- shown to people


def redact_all(text: str, *credentials: Credentials) -> str:
    """Return text without any secret or token of these credentials, however it is encoded."""
    secrets = (s for c in credentials for s in (c.access_key_secret, c.security_token))
    return redact_everywhere(text, filter(None, secrets))


def exchange_text(
    request: Request, reply: Response | None, *credentials: Credentials, failure: str = ""
) -> Exchange:
    """Return an exchange as text, redacted."""
    head = [f"{request.method} {request.target}", *(f"{n}: {v}" for n, v in request.headers)]
    asked = "\n".join((*head, "", request.body.decode("utf-8", "replace")))
    if reply is None:
        answered = failure or "no reply"
    else:
        head = [f"HTTP {reply.status}", *(f"{n}: {v}" for n, v in reply.headers)]
        answered = "\n".join((*head, "", reply.body.decode("utf-8", "replace")))
    return Exchange(
        request=_kept(redact_all(asked, *credentials)),
        reply=_kept(redact_all(answered, *credentials)),
    )


def _kept(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + CUT


def new_request_id() -> str:
    """Return a RequestId in S1's form."""
    return uuid.uuid4().hex


__all__ = [
    "BaseBench",
    "Breach",
    "Check",
    "Judgement",
    "NotJudged",
    "Settings",
    "exchange_text",
    "new_request_id",
    "planned_clauses",
    "redact_all",
]
