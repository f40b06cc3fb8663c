"""The bench of an endpoint: it sends requests and looks at what answers.

Requests are signed by this package's client; every reply is judged against what the contract
says of the request, and against what it says of every reply.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import quote

from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.bench import BaseBench, Check, Settings, exchange_text, redact_all
from pytest_rtcmpu.checks.core import CannotRun, Finding, Phase
from pytest_rtcmpu.checks.endpoint.care import (
    CHANGING,
    DEAF,
    MAKING,
    Care,
    Made,
    cost,
    out_of_reach,
    plan_lines,
    refusal,
)
from pytest_rtcmpu.checks.endpoint.cases import documented, pairwise, step_strategy
from pytest_rtcmpu.checks.endpoint.checks import endpoint_checks
from pytest_rtcmpu.checks.endpoint.judges import RACERS, ROUNDS
from pytest_rtcmpu.checks.endpoint.names import Names
from pytest_rtcmpu.checks.endpoint.race import PATIENCE, race
from pytest_rtcmpu.checks.endpoint.scenarios import (
    AFTER_REFUSAL,
    Observation,
    ReadReply,
    Scenario,
    Step,
    fresh_pairs,
    read,
    single,
)
from pytest_rtcmpu.client import Client, Envelope
from pytest_rtcmpu.contract import Contract, Subject
from pytest_rtcmpu.errors import ReplyTooLarge, TransportError, TransportTimeout
from pytest_rtcmpu.strategies.envelope_defects import changed
from pytest_rtcmpu.strategies.plain import plain, to_pairs
from pytest_rtcmpu.values import records
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS, Credentials
from pytest_rtcmpu.values.messages import Request, Response
from pytest_rtcmpu.values.text import count

#: Replies in a row that are too late or too large to be read, after which a run ends.
MAX_UNREAD = 3
_UNREAD = (TransportTimeout, ReplyTooLarge)

#: How a step's names and values travel (``Step.wire``), where not by S2 111551's encoding.
_ENCODERS: Mapping[str, Callable[[str], str]] = {
    "plus": lambda text: quote(text, safe="~").replace("%20", "+"),
    "raw": lambda text: quote(text, safe="~*/"),
}
#: The part of all calls that is as good as all of them.
_MOST = 0.9


@dataclass(frozen=True, kw_only=True)
class _Case:
    """What ``replay`` is given: the steps up to the one that broke the clause."""

    clause: str
    scenario: Scenario


class EndpointBench(BaseBench[Observation, Scenario]):
    """An endpoint under test, at a URL."""

    subject: Subject = "endpoint"

    def __init__(
        self,
        url: str,
        credentials: Credentials = TEST_CREDENTIALS,
        settings: Settings = Settings(),  # noqa: B008 - frozen
        contract: Contract | None = None,
    ) -> None:
        super().__init__(url, settings, contract)
        self._credentials = credentials
        self._url = url
        try:
            self._clients = {
                signature: Client(
                    credentials,
                    url,
                    signature=signature,
                    timeout=max(settings.timeout, PATIENCE),
                )
                for signature in ("1.0", "v3")
            }
        except ValueError as error:
            raise CannotRun(str(error)) from None
        self._operations = settings.operations
        self.checks: tuple[Check[Observation], ...] = endpoint_checks(
            self.contract, self._operations or tuple(self.contract.operations)
        )
        self.names: Names = Names(self.contract, self.unique, settings.app_ids)
        self._request_ids: set[str] = set()
        self._started: set[Made] = set()
        #: The start that the last case began with, where its task runs still, and no other since.
        self._standing: Step | None = None
        self._reached = False
        #: How many replies in a row could not be read.
        self.unread: int = 0
        #: Of calls with a signature that should verify: how many were answered by which Code.
        self._codes: Counter[str | None] = Counter()
        self._told_of_key = False
        self._care = Care(url, budget=settings.budget)

    def close(self) -> None:
        """Stop what still runs, and close the connections."""
        self._stop_all()
        for client in self._clients.values():
            client.close()

    def new_names(self) -> None:
        """Let every placeholder stand for a new name from now on; what had one is stopped."""
        self._stop_all()
        self.names.renew()
        self._standing = None

    def replay(self, case: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Run a saved case again, signed afresh, and return what breaks its clause."""
        try:
            saved = records.load(_Case, case)
            self._expect_sendable(saved.scenario)
        except records.RecordError as error:
            raise CannotRun(f"not a case of an endpoint:\n{error}") from None
        if self._care.live and not self.settings.live:
            plan = plan_lines({"replay": [saved.scenario]}, {}, self._makes)
            raise refusal(self._url, plan, budget=self.settings.budget)
        try:
            found = self._observe("documented", saved.scenario)
        finally:
            self._stop_all()
        return tuple(finding for finding in found if finding.clause == saved.clause)

    def _expect_sendable(self, scenario: Scenario) -> None:
        """Raise CannotRun for steps that cannot be sent; a file may hold anything."""
        self.new_names()
        if not scenario.steps:
            raise CannotRun("not a case of an endpoint: expected a step, got none")
        for at, step in enumerate(scenario.steps):
            try:
                self._prepare(step)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                how = f"{type(error).__name__}: {error}"
                raise CannotRun(f"scenario.steps[{at}] cannot be sent: {how}") from None

    # ------------------------------------------------------------------------------ one scenario

    def _prepare(self, step: Step) -> Request:
        pairs = self.names.pairs(step)

        def envelope(plain: Envelope) -> Envelope:
            sent = replace(
                plain,
                method=step.method,
                in_query=step.in_query or step.method == "GET",
                reply_format=step.reply_format,
                encode=_ENCODERS.get(step.wire, plain.encode),
                headers=tuple(step.headers),
            )
            named = {
                name: self.names.fill_in(value) if isinstance(value, str) else value
                for name, value in step.envelope.items()
            }
            return changed(sent, named, self.contract)

        client = self._clients[step.signature]
        return client.prepare(step.operation, pairs, envelope=envelope)

    def _redact(self, text: str) -> str:
        return redact_all(text, self._credentials)

    def _send(self, step: Step, request: Request) -> ReadReply | TransportError:
        new = self._sending(step, 1)
        try:
            response = self._clients[step.signature].exchange(request)
        except TransportError as error:
            return self._note_failure(error)
        self._reached = True
        self.unread = 0
        answer = read(response, self.contract.operation(step.operation))
        self._codes[answer.code] += not step.envelope
        self._note_task(step, [answer], new=new)
        return answer

    def _note_failure(self, error: TransportError) -> TransportError:
        """Return what came in place of a reply.

        Raises:
            CannotRun: where none ever came, or too many in a row could not be read.
        """
        if not self._reached:
            raise out_of_reach(self._url, str(error).removeprefix(f"{self._url}: ")) from None
        self.unread = self.unread + 1 if isinstance(error, _UNREAD) else 0
        if self.unread >= MAX_UNREAD:
            raise CannotRun(
                f"{MAX_UNREAD} replies in a row could not be read; the last: {error}"
            ) from None
        return error

    def _observe(self, phase: Phase, scenario: Scenario) -> list[Finding]:
        if not self._is_sendable(phase, scenario):
            return []
        found = self._observe_standing(phase, scenario)
        return self._observe_fresh(phase, scenario) if found is None else found

    def _observe_standing(self, phase: Phase, scenario: Scenario) -> list[Finding] | None:
        """Go on with the task of the case before, where this case begins with the same start.

        Of an endpoint with hundreds of cases about a running task, half of the calls are spared.

        Returns:
            nothing where the case must begin anew: nothing of this kind runs, or the answer is
            another than expected, and what came before may be why.
        """
        if len(scenario.steps) != 2 or scenario.steps[0] != self._standing:
            return None
        step = scenario.steps[1]
        if step.expect.statuses or not self._affords(phase, replace(scenario, steps=(step,))):
            return None
        request = self._prepare(step)
        existed = self._key(step) in self._started
        answer = self._send(step, request)
        if isinstance(answer, TransportError) or not step.expect.fits(answer.success, answer.code):
            return None
        return self._judge_step(phase, scenario, request, answer, existed=existed)

    def _observe_fresh(self, phase: Phase, scenario: Scenario) -> list[Finding]:
        self.new_names()
        if not self._affords(phase, scenario):
            return []
        if scenario.race:
            return self._run_race(phase, scenario)
        found: list[Finding] = []
        for index in range(len(scenario.steps)):
            steps = scenario.steps[: index + 1]
            found += self._run_step(phase, replace(scenario, steps=steps))
            if self.unread:
                break  # nobody knows what the endpoint made of it, and so of what comes after
            if index == 0 and self._key(scenario.steps[0]) in self._started:
                self._standing = scenario.steps[0]
        return found

    def _run_step(self, phase: Phase, scenario: Scenario) -> list[Finding]:
        """Send the last step and judge it; those before have been sent."""
        step = scenario.steps[-1]
        request = self._prepare(step)
        key = self._key(step)
        existed = key in self._started
        answer = self._send(step, request)
        if existed and step.expect.clause == AFTER_REFUSAL:
            return []  # the one before was not refused: nothing is seen of what a refusal changes
        return self._judge_step(phase, scenario, request, answer, existed=existed)

    def _follow(self, step: Step) -> None:
        """Keep account of the tasks that exist."""
        effect = self._effect(step)
        if effect == "start":
            self._started.add(self._key(step))
            self._standing = None
        elif effect == "stop":
            self._started.discard(self._key(step))
            self._standing = None

    def _key(self, step: Step) -> Made:
        named = dict(self.names.pairs(step))
        return Made(named.get("AppId", ""), named.get("TaskId") or named.get("TaskID") or "")

    def _judge_step(
        self,
        phase: Phase,
        scenario: Scenario,
        request: Request,
        came: ReadReply | TransportError,
        *,
        existed: bool,
        winners: int | None = None,
        losers: tuple[str, ...] = (),
        unread: TransportError | None = None,
    ) -> list[Finding]:
        step = scenario.steps[-1]
        answer = None if isinstance(came, TransportError) else came
        error = came if isinstance(came, TransportError) else unread
        failure = f"no reply: {error}" if error else ""
        request_id = answer.request_id if answer else None
        observation = Observation(
            step=step,
            answer=answer,
            failure=failure,
            request=request,
            contract=self.contract.operation(step.operation),
            request_id_repeated=request_id in self._request_ids,
            existed=existed,
            winners=winners,
            losers=losers,
            unread=isinstance(error, _UNREAD),
        )
        if request_id is not None:
            self._request_ids.add(request_id)
        if answer is None or answer.code is None:  # what was not answered may have been done
            self._follow(step)
        return self._judge(
            phase,
            observation,
            scenario=scenario.name,
            operation=step.operation,
            about={step.expect.clause, step.expect.code_clause},
            exchanges=lambda: (
                exchange_text(
                    request,
                    answer.response if answer else None,
                    self._credentials,
                    failure=failure,
                ),
            ),
            case=lambda: {"scenario": records.dump(scenario)},
        )

    def _run_race(self, phase: Phase, scenario: Scenario) -> list[Finding]:
        found: list[Finding] = []
        for _ in range(ROUNDS):
            self.new_names()
            step = scenario.steps[-1]
            requests = [self._prepare(step) for _ in range(RACERS)]
            client = self._clients[step.signature]
            new = self._sending(step, RACERS)
            responses = race(client.endpoint, requests, self.settings, client.max_reply)
            view = self.contract.operation(step.operation)
            answers = [read(r, view) for r in responses if isinstance(r, Response)]
            failures = [r for r in responses if isinstance(r, TransportError)]
            if not failures:
                self._note_task(step, answers, new=new)
            unread = next((r for r in failures if isinstance(r, _UNREAD)), None)
            if answers:
                self.unread = 0
            else:
                self._note_failure(unread or failures[0])
            winners = sum(answer.success for answer in answers)
            losers = (
                *(a.shown() for a in answers if not a.success),
                *(f"no reply: {r}" for r in failures if not isinstance(r, _UNREAD)),
            )
            found += self._judge_step(
                phase,
                scenario,
                requests[0],
                answers[0] if answers else unread or failures[0],
                existed=False,
                winners=winners,
                losers=losers,
                unread=unread,
            )
        return found

    # --------------------------------------------------------------------------- a live endpoint

    def expect_allowed(self) -> None:
        """Raise CannotRun for an endpoint that is not this machine, unless it may be called."""
        if self._care.live and not self.settings.live:
            raise refusal(self._url, self.plan(), budget=self.settings.budget)

    def plan(self) -> tuple[str, ...]:
        """Return which calls a run makes, in words, of all operations that there may be."""
        from pytest_rtcmpu.checks.hunt import STEPS
        from pytest_rtcmpu.checks.machines import machines

        phases, examples = self.settings.phases, self.settings.max_examples
        planned: dict[str, Iterable[Scenario]] = dict(self._planned())
        drawn = {"fuzz": examples, "stateful": machines(examples) * STEPS}
        drawn = {phase: number for phase, number in drawn.items() if phase in phases}
        return plan_lines(planned, drawn, self._makes)

    def dry_run(self) -> Iterator[str]:
        """Yield each call of the phases with fixed cases, in a line; nothing is sent."""
        for phase, scenarios in self._planned():
            for scenario in scenarios:
                self.new_names()
                for step in scenario.steps:
                    times = f", {ROUNDS * RACERS} times" if scenario.race else ""
                    said = " ".join(f"{n}={value}" for n, value in self.names.pairs(step))
                    yield f"{phase}, {scenario.name}{times}: {step.operation} {said}"

    def _planned(self) -> Iterator[tuple[str, Iterable[Scenario]]]:
        """Yield the scenarios of each phase that has fixed ones, of all that may be sent."""
        phases = self.settings.phases
        if "documented" in phases or "fuzz" in phases:
            probes = [single(step.operation, step) for step in self._probes()]
            yield from [("which operations it has", probes)] if probes else ()
        if "documented" in phases:
            all_of_it = self._selected(documented(self.contract, self._operations))
            yield "documented", [each for each in all_of_it if not self._unsendable(each)]
        if "pairwise" in phases:
            yield "pairwise", self._selected(pairwise(self.contract))

    def _effect(self, step: Step) -> str:
        return self.contract.operation(step.operation).in_view.effect

    def _makes(self, step: Step) -> bool:
        """Whether a step makes what has to be undone where it is real."""
        return self._effect(step) in MAKING

    def _unsendable(self, scenario: Scenario) -> str:
        """Why a case is not for this endpoint, or nothing."""
        if not all(map(self.names.knows_apps, scenario.steps)):
            return "it needs a second AppId that the endpoint knows (--app-id, twice)"
        if self._care.live and any(self._effect(step) in CHANGING for step in scenario.steps):
            return "it names a layout that somebody may use"
        return ""

    def _is_sendable(self, phase: Phase, scenario: Scenario) -> bool:
        """Whether a case is for this endpoint; where not, it is not judged."""
        why = self._unsendable(scenario)
        if why:
            self._leave_out(phase, scenario, f"this case was not run: {why}")
        return not why

    def _affords(self, phase: Phase, scenario: Scenario) -> bool:
        """Whether the budget suffices for a case; where not, it is not run and not judged."""
        calls, starts = cost(scenario, self._makes)
        if self._care.affords(calls.total(), starts):
            return True
        why = f"the budget of {self._care.budget} calls was used up"
        if not any(note.startswith(why) for note in self.notes):
            self.notes.append(f"{why} in {phase} at {scenario.name!r}; nothing more was run")
        self._leave_out(phase, scenario, f"this case was not run, for {why}")
        return False

    def _sending(self, step: Step, calls: int) -> bool:
        """Note calls that are about to be made; return whether they may start a new task."""
        return self._care.sending(calls, self._key(step) if self._effect(step) == "start" else None)

    def _note_task(self, step: Step, answers: Iterable[ReadReply], *, new: bool) -> None:
        """Note whether the task of a step that was answered can run, and which layout there is."""
        answers = list(answers)
        if self._effect(step) == "create-layout":
            app_id = self._key(step).app_id
            for answer in answers:
                if answer.success:
                    layout_id = str(answer.fields.get("LayoutId") or "")
                    self._care.made(Made(app_id, layout_id, "LayoutId"))
        refused = all(a.code is not None and a.response.status // 100 == 4 for a in answers)
        stopped = self._effect(step) == "stop" and any(answer.success for answer in answers)
        if (new and refused) or stopped:
            self._care.over(self._key(step))

    def _stop_all(self) -> None:
        """Stop every task of a live endpoint that was started here, and delete every layout."""
        told = len(self._care.left)
        try:
            self._care.stop_all(self._stop)
        finally:
            self.notes.extend(self._care.told()[told:])

    def _stop(self, what: Made) -> str:
        """Stop a task or delete a layout; return why not, nothing where it was done."""
        named = (n for n, each in self.contract.operations.items() if each.effect == what.effect)
        name = next(named, None)
        if name is None:
            return f"edition {self.contract.edition} has no operation by which it is {what.undone}"
        view = self.contract.operation(name)
        ids = {"AppId": what.app_id, what.named: what.id}
        pairs = to_pairs(cases.plain(view, **ids), view)
        client = self._clients["1.0"]
        try:
            answer = read(client.exchange(client.prepare(name, pairs)), view)
        except TransportError as error:
            return self._redact(f"{DEAF}: {error}")
        return "" if answer.success else self._redact(answer.shown())

    # --------------------------------------------------------------------------------- the phases

    def _run_phase(self, phase: Phase) -> None:
        self.expect_allowed()
        if self._care.live and not self._care.used:
            self.notes.append(f"not this machine: {'; '.join(self.plan())}")
        try:
            super()._run_phase(phase)
        finally:
            self._stop_all()
            self._note_key()

    def _note_key(self) -> None:
        """Say once that hardly a call got past the access key: what is seen then is little."""
        calls = self._codes.total()
        about_keys = (("AccessKeyId", "known"), ("Signature", "verifies"))
        for code in (code for each in about_keys for code in self.contract.rule(*each).codes):
            if self._codes[code] > _MOST * calls and not self._told_of_key:
                self._told_of_key = True
                self.notes.append(
                    f"of {count(calls, 'call')} {self._codes[code]} were answered with {code}: "
                    f"does the endpoint know the access key {self._credentials.access_key_id!r}, "
                    "with this secret?"
                )

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """The operations that the endpoint is checked on.

        Where nobody has named them, they are StartMPUTask and those that the endpoint shows to know
        when it is asked: a mock of one operation breaks no clause of another.
        """
        if self._operations:
            return self._operations
        known = [step.operation for step in self._probes() if self._knows(step)]
        return (self.contract.action, *known)

    def _probes(self) -> Iterator[Step]:
        """Yield a plain request of each operation that the endpoint may not have."""
        for operation in self.contract.operations:
            if operation != self.contract.action and not self._operations:
                view = self.contract.operation(operation)
                pairs = fresh_pairs(to_pairs(plain(view), view), view)
                step = Step(pairs=pairs, operation=operation)
                if not self._unsendable(single(operation, step)):
                    yield step

    def _knows(self, step: Step) -> bool:
        """Whether the endpoint answers a plain request of an operation as the operation would."""
        view = self.contract.operation(step.operation)
        self.new_names()
        if not self._care.affords(1, int(self._makes(step))):
            return False
        answer = self._send(step, self._prepare(step))
        if isinstance(answer, TransportError):
            return False
        own = {row.code for row in view.in_view.errors}
        fields = {each.name for each in view.in_view.reply}
        if answer.success:
            return fields <= set(answer.fields)
        return answer.code in own

    def _scenarios(self, phase: Phase) -> Iterable[Scenario]:
        if phase == "documented":
            return documented(self.contract, self.operations)
        return pairwise(self.contract)

    def _about(self, scenario: Scenario) -> Collection[str]:
        return scenario.about

    def _run_fuzz(self) -> None:
        from hypothesis import given

        from pytest_rtcmpu.checks.hunt import make_settings, seed

        @seed(self.settings.seed)
        @make_settings(self.settings.max_examples)
        @given(step=step_strategy(self.contract, self.operations))
        def run(step: Step) -> None:
            self._step("fuzz", None)
            scenario = Scenario(name="fuzz", steps=(step,))
            self._hit("fuzz", self._observe("fuzz", scenario))

        self._hunt("fuzz", run)

    def hit_stateful(self, steps: tuple[Step, ...]) -> None:
        """Run the last of these steps and tell Hypothesis what broke."""
        scenario = Scenario(name="stateful", steps=steps)
        last = replace(scenario, steps=steps[-1:])
        if not (self._is_sendable("stateful", last) and self._affords("stateful", last)):
            return
        found = self._run_step("stateful", scenario)
        self._step("stateful", None)
        self._hit("stateful", found)

    def _run_stateful(self) -> None:
        from pytest_rtcmpu.checks.endpoint.machine import endpoint_machine

        self._hunt("stateful", lambda: endpoint_machine(self))
