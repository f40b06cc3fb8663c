"""The bench of a client: it runs the client and looks at what arrives.

The client is given a task and the URL of a loopback server of ours; it is judged by the requests
that arrive there and by the RequestId or the error that it comes back with.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from pytest_rtcmpu import rules, wire
from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.bench import (
    BaseBench,
    Check,
    Settings,
    exchange_text,
    new_request_id,
    redact_all,
)
from pytest_rtcmpu.checks.client.cases import documented, pairwise, plan_strategy
from pytest_rtcmpu.checks.client.checks import client_checks
from pytest_rtcmpu.checks.client.scenarios import Observation, ReplyPlan, Scenario, Sent
from pytest_rtcmpu.checks.core import CannotRun, Finding, Phase
from pytest_rtcmpu.checks.testees.protocol import Outcome, Testee
from pytest_rtcmpu.contract import Contract, Subject
from pytest_rtcmpu.endpoint import Call, Endpoint
from pytest_rtcmpu.faults import PLAIN, slow_bytes
from pytest_rtcmpu.mock.door import sealed
from pytest_rtcmpu.server.http import Server
from pytest_rtcmpu.values import records
from pytest_rtcmpu.values.credentials import Credentials
from pytest_rtcmpu.values.messages import Delivery, Request, Response

# Long and unlike anything else, so that finding it anywhere in a request is no coincidence.
_KEY = Credentials("LTAItestKeyOfTheBench", "s3cr3t+Of/TheBench~0a1b2c3d4e5f")
_TEMPORARY_KEY = Credentials(
    "STS.testKeyOfTheBench", "s3cr3t+OfTheTemporary/Key~9f8e7d6c", "t0ken/Of+The=Bench*1a2b3c4d"
)

#: So many hung starts are enough: each costs its whole timeout, and the verdict stands.
MAX_HUNG = 3
#: So many starts in a row from the first on, of which no request comes, are enough.
MAX_SILENT = 3
#: So long a reply trickles, byte by byte: it is over before anybody has to be given up.
TRICKLE_SECONDS = 2.5


#: The service's hosts, in what a client says that cannot be watched: another process.
_FOREIGN = re.compile(r"\b(?:[a-z0-9-]+\.)+aliyuncs\.com\b")


def _what_it_did(outcome: Outcome) -> str:
    """What a client did in place of a call, in a line."""
    first = next(iter(outcome.message.splitlines()), "")[:400]
    match outcome.kind:
        case "error":
            return f"it raised {first}" if first else "it reported an error without a word"
        case "request_id":
            return f"it reported success, RequestId {outcome.request_id!r}"
        case "hung":
            return f"it hung: {first}"
        case "died":
            return f"it ended: {first}"
        case _:
            return f"it answered neither a RequestId nor an error: {first}"


def _plain_reply(view: Contract) -> dict[str, Any]:
    """What a success of an operation tells beside its RequestId, plainly."""
    return {each.name: each.values[0].value for each in view.in_view.reply if each.values}


@dataclass(frozen=True, kw_only=True)
class _Case:
    """What ``replay`` is given: the starts up to the one that broke the clause."""

    clause: str
    scenarios: tuple[Scenario, ...]


# ------------------------------------------------------------------------------------- the bench


class ClientBench(BaseBench[Observation, Scenario]):
    """A client under test, and the loopback server that it talks to."""

    subject: Subject = "client"

    def __init__(
        self, testee: Testee, settings: Settings, contract: Contract | None = None
    ) -> None:
        super().__init__(testee.target, settings, contract)
        self._testee = testee
        first = self.contract.action
        others = (name for name in self.contract.operations if name != first)
        self.operations: tuple[str, ...] = (
            first,
            *(name for name in others if name in settings.operations),
        )
        self.checks: tuple[Check[Observation], ...] = client_checks(self.contract, self.operations)
        self._endpoint = Endpoint(
            [_KEY, _TEMPORARY_KEY], warn=lambda _: None, explain=False, contract=self.contract
        )
        self._plan = ReplyPlan()
        self._view = self.contract
        self._arrived: list[Sent] = []
        self._nonces: set[tuple[str, str]] = set()
        self._hung = 0
        #: Why nothing is run any more; empty while it is.
        self._why_left = ""
        #: What the client did in place of a call, of the starts so far, by kind; ``None`` once
        #: it has called.
        self._silences: dict[object, list[str]] | None = {}
        self._server = Server(self._handle)
        self._open = ExitStack()
        self._open.callback(testee.close)
        # One that goes its own way, past the endpoint it is given, must not reach the real host.
        self._open.enter_context(sealed(self.contract.service.host))
        self._open.enter_context(self._server)

    def close(self) -> None:
        """Stop the server and end the client."""
        self._open.close()

    def replay(self, case: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Run a saved case again, signed afresh, and return what breaks its clause."""
        try:
            saved = records.load(_Case, case)
        except records.RecordError as error:
            raise CannotRun(f"not a case of a client:\n{error}") from None
        found: list[Finding] = []
        self.forget()
        for scenario in saved.scenarios:
            found += self._observe("documented", scenario, reset=False)
        return tuple(finding for finding in found if finding.clause == saved.clause)

    # -------------------------------------------------------------------------------- the server

    def _handle(self, request: Request) -> Response:
        diagnosis = self._endpoint.diagnose(request)
        natural = self._endpoint.handle(request)
        call = self._endpoint.calls[-1]
        reply, request_id, code = self._planned(call, natural)
        nonce = (
            diagnosis.common.get("AccessKeyId", ""),
            diagnosis.common.get("SignatureNonce", ""),
        )
        found = rules.collect(call.pairs, self._view)
        self._arrived.append(
            Sent(
                call=call,
                diagnosis=diagnosis,
                reply=reply,
                request_id=request_id,
                code=code,
                nonce_repeated=bool(nonce[1]) and nonce in self._nonces,
                found=found,
                problems=rules.judge_collected(found, self._view).problems,
            )
        )
        self._nonces.add(nonce)
        return reply

    def _is_of_another(self, call: Call) -> bool:
        """Whether it is of another operation than was asked for: an app may poll beside a start."""
        return call.action != self._view.action and call.action in self.contract.operations

    def _planned(self, call: Call, natural: Response) -> tuple[Response, str | None, str | None]:
        if self._is_of_another(call):
            return natural, call.request_id, call.code
        reply, request_id, code = self._unspoilt(call, natural)
        fault = self._plan.fault
        if fault == "trickle":
            return slow_bytes(len(reply.body) / TRICKLE_SECONDS)(reply), request_id, code
        return (PLAIN[fault](reply) if fault else reply), request_id, code

    def _unspoilt(self, call: Call, natural: Response) -> tuple[Response, str | None, str | None]:
        plan = self._plan
        if plan.kind == "natural":
            return natural, call.request_id, call.code
        if plan.kind == "never":
            return Response(status=200, delivery=Delivery(ending="timeout")), None, None
        if plan.kind == "body":
            body = plan.body.encode()
            typed = (("Content-Type", plan.content_type),)
            return Response(status=plan.http_status, headers=typed, body=body), None, None
        request_id = plan.request_id or new_request_id()
        fields: dict[str, Any] = {"RequestId": request_id}
        if plan.kind == "error":
            fields["HostId"] = self.contract.service.host
            fields |= {"Code": plan.code, "Message": plan.message}
        else:
            fields |= _plain_reply(self._view)
            if plan.status is not None:
                fields["Status"] = plan.status
        fields |= plan.extra
        root = wire.ERROR_ROOT if plan.kind == "error" else f"{self._view.action}Response"
        content_type, body = wire.encode_reply(fields, reply_format=call.reply_format, root=root)
        headers: tuple[tuple[str, str], ...] = (("Content-Type", content_type),)
        if plan.chunked:
            headers += (("Transfer-Encoding", "chunked"),)
        status = plan.http_status if plan.kind == "error" else 200
        return (
            Response(status=status, headers=headers, body=body),
            request_id,
            plan.code if plan.kind == "error" else None,
        )

    # ------------------------------------------------------------------------------ one scenario

    def _observe(self, phase: Phase, scenario: Scenario, *, reset: bool = True) -> list[Finding]:
        if self._why_left:
            self._leave_out(phase, scenario, f"this case was not run, for {self._why_left}")
            return []
        if reset:
            self._endpoint.reset()
        credentials = _TEMPORARY_KEY if scenario.token else _KEY
        self._plan = scenario.plan
        self._view = self.contract.operation(scenario.operation)
        is_start = scenario.operation == self.contract.action
        other = {} if is_start else {"operation": scenario.operation}
        arrived: list[Sent] = []
        self._arrived = arrived
        outcome = self._testee.start(
            dict(scenario.params),
            endpoint=self._server.url,
            credentials=credentials,
            timeout=scenario.timeout or self.settings.timeout,
            **other,
        )
        if outcome.kind == "hung":
            self._hung += 1
            where = f"in {phase} at {scenario.name!r}; nothing more was run"
            if outcome.mute:
                self._why_left = "the client has never answered"
                self.notes.append(f"{self._why_left}, {where}: {outcome.message.splitlines()[0]}")
            elif self._hung == MAX_HUNG:
                self._why_left = f"the client had hung {MAX_HUNG} times"
                self.notes.append(f"the client hung {MAX_HUNG} times, the last time {where}")
        # What an abandoned start still sends later is nobody's business.
        self._arrived = []
        self._notice(scenario, arrived, outcome)
        observation = Observation(
            scenario=scenario,
            sent=tuple(s for s in arrived if not self._is_of_another(s.call)),
            arrived=tuple(arrived),
            outcome=outcome,
            contract=self._view,
            credentials=credentials,
        )
        return self._judge(
            phase,
            observation,
            scenario=scenario.name,
            operation=scenario.operation,
            about=self._about(scenario),
            exchanges=lambda: tuple(
                exchange_text(s.call.request, s.reply, _KEY, _TEMPORARY_KEY) for s in arrived
            ),
            case=lambda: {"scenarios": records.dump([scenario])},
        )

    def _redact(self, text: str) -> str:
        return redact_all(text, _KEY, _TEMPORARY_KEY)

    def _notice(self, scenario: Scenario, arrived: list[Sent], outcome: Outcome) -> None:
        """Give up a client that never calls the endpoint: nothing can be said of it but why."""
        if arrived or self._silences is None:
            self._silences = None
        elif scenario.valid and (outcome.kind != "hung" or outcome.elsewhere):
            exception, _, _ = outcome.message.partition(":")
            alike = self._silences.setdefault((outcome.kind, outcome.elsewhere, exception), [])
            alike.append(self._why_silent(outcome))
            if len(alike) == MAX_SILENT:
                raise CannotRun(f"{self.target}: {alike[0]}")

    def _why_silent(self, outcome: Outcome) -> str:
        named = _FOREIGN.search(outcome.message)
        elsewhere = outcome.elsewhere or ((named[0],) if named else ())
        if elsewhere:
            where = ", ".join(elsewhere[:3])
            return f"it called {where}, not the endpoint it was given"
        return f"the client never called the endpoint it was given; {_what_it_did(outcome)}"

    def _run_phase(self, phase: Phase) -> None:
        super()._run_phase(phase)
        if self._silences:  # fewer starts than it takes to give it up
            first, *_ = self._silences.values()
            raise CannotRun(f"{self.target}: {first[0]}")

    def _scenarios(self, phase: Phase) -> Iterable[Scenario]:
        if phase == "documented":
            return documented(self.contract, self.operations)
        return pairwise(self.contract)

    def _about(self, scenario: Scenario) -> Collection[str]:
        return (scenario.about,)

    def _run_fuzz(self) -> None:
        from hypothesis import given

        from pytest_rtcmpu import strategies
        from pytest_rtcmpu.checks.hunt import make_settings, seed

        @seed(self.settings.seed)
        @make_settings(self.settings.max_examples)
        @given(task=strategies.tasks(contract=self.contract), plan=plan_strategy(self.contract))
        def run(task: Any, plan: ReplyPlan) -> None:
            scenario = Scenario(name="fuzz", params=cases.from_task(task, self.contract), plan=plan)
            self._step("fuzz", None)
            self._hit("fuzz", self._observe("fuzz", scenario))

        self._hunt("fuzz", run)

    def forget(self) -> None:
        """Begin anew: no task exists."""
        self._endpoint.reset()

    def hit_stateful(self, scenarios: tuple[Scenario, ...]) -> None:
        """Run the last of these starts and tell Hypothesis what broke."""
        found = self._observe("stateful", scenarios[-1], reset=False)
        self._step("stateful", None)
        rows = records.dump(scenarios)
        self._hit("stateful", [replace(f, case={"scenarios": rows}) for f in found])

    def _run_stateful(self) -> None:
        from pytest_rtcmpu.checks.client.machine import client_machine

        self._hunt("stateful", lambda: client_machine(self))
