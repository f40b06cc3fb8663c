"""Checks of an endpoint: what it answers to right, odd and wrong requests.

Requests are signed by this package's client; every reply is judged against what the contract
says of the request, and against what it says of every reply.
"""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast
from urllib.parse import quote, urlsplit

from pytest_rtcmpu import wire
from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.bench import (
    BaseBench,
    Breach,
    Check,
    Settings,
    exchange_text,
)
from pytest_rtcmpu.checks.core import CannotRun, Finding, Phase
from pytest_rtcmpu.client import Client, Envelope
from pytest_rtcmpu.contract import Contract, ErrorRow, load
from pytest_rtcmpu.errors import TransportError, UnreadableReply
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS, Credentials
from pytest_rtcmpu.values.messages import Request, Response

Pairs = tuple[tuple[str, str], ...]

#: Seconds that any reply may take: no clause is about an endpoint's speed.
_PATIENCE = 20.0
#: How many simultaneous starts, and how many times over: one lucky round proves little.
RACERS, ROUNDS = 16, 5


@dataclass(frozen=True, kw_only=True)
class Expect:
    """What must answer: nothing in ``codes`` means a success.

    clause: what the step is about; a breach of acceptance or of refusal is a breach of this.
    code_clause: the clause about the Code, where that is another one.
    """

    clause: str = "request.accepted"
    codes: tuple[str, ...] = ()
    code_clause: str = ""

    @classmethod
    def refused(cls, contract: Contract, clause_id: str, *, about: str = "") -> Expect:
        """Return a refusal for a breach of a clause; ``about`` where another clause is at stake."""
        clause = contract.clause(clause_id)
        code_clause = about or clause.code_clause or clause.id
        return cls(clause=about or clause.id, codes=clause.codes, code_clause=code_clause)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One request. Values ``@task:x``, ``@app:x`` and nonces ``@nonce:x`` stand for fresh names.

    ``@upper:task:x`` stands for the same name in upper case.

    envelope: changes to what goes around the parameters, see ``_CHANGES``.
    in_query: by POST, the parameters stand in the query all the same.
    wire: ``standard``, ``plus`` (a space travels as +) or ``raw`` (~ * / stand as they are).
    also: further parameters that no contract names; ``headers``: further headers, not signed.
    """

    pairs: Pairs
    signature: str = "1.0"
    method: str = "GET"
    in_query: bool = False
    reply_format: str | None = "JSON"
    envelope: Mapping[str, Any] = field(default_factory=dict)
    wire: Literal["standard", "plus", "raw"] = "standard"
    also: Pairs = ()
    headers: Pairs = ()
    expect: Expect = field(default_factory=Expect)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Steps in order; ``race`` sends each of them many times at once."""

    name: str
    steps: tuple[Step, ...]
    race: bool = False


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A reply, read: ``problem`` says why it could not be read."""

    response: Response
    syntax: Literal["JSON", "XML", ""]
    fields: Mapping[str, object]
    problem: str = ""

    @property
    def code(self) -> str | None:
        """The Code, or ``None`` for a reply without one."""
        value = self.fields.get("Code")
        return None if value in (None, "") else str(value)

    @property
    def request_id(self) -> str | None:
        """The RequestId, or ``None``."""
        value = self.fields.get("RequestId")
        return value if isinstance(value, str) and value else None

    @property
    def success(self) -> bool:
        """A success: a RequestId, no Code, HTTP 200."""
        return self.code is None and self.request_id is not None and self.response.status == 200

    def shown(self) -> str:
        """The reply in a few words."""
        if self.problem:
            return f"HTTP {self.response.status}, no readable reply: {self.problem}"
        if self.code is not None:
            message = str(self.fields.get("Message"))[:120]
            return f"HTTP {self.response.status}, Code {self.code}: {message}"
        what = "success" if self.success else f"fields {sorted(self.fields)}"
        return f"HTTP {self.response.status}, {what}"


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One step, and what answered it; ``failure`` where nothing did."""

    step: Step
    answer: Answer | None
    failure: str
    request: Request
    contract: Contract
    request_id_repeated: bool
    #: Whether the task had been started, by a request that was accepted, when this one was sent.
    existed: bool
    #: How many of several simultaneous starts succeeded, and how else the others were answered.
    winners: int | None = None
    losers: tuple[str, ...] = ()

    @property
    def got(self) -> str:
        """What answered, in a few words."""
        return self.answer.shown() if self.answer else self.failure


Judge = Callable[[Observation], "Iterable[Breach] | None"]


# ----------------------------------------------------------------------- what must answer a step


def _expected(clause: str) -> Judge:
    """A step that is about this clause is answered as it must be."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        expect = o.step.expect
        if o.winners is not None or clause not in (expect.clause, expect.code_clause):
            return None
        if not expect.codes:
            return _accepted(o)
        if expect.clause != expect.code_clause:
            refused = o.answer is not None and o.answer.code is not None
            if clause == expect.code_clause:
                # Whether it is refused at all is the other clause's business.
                return _right_code(o) if refused else None
            return [] if refused else [Breach(expected="a refusal", got=o.got)]
        return _right_code(o)

    return judge


def _accepted(o: Observation) -> list[Breach]:
    if o.answer is not None and o.answer.success:
        return []
    return [Breach(expected="success: HTTP 200, a RequestId and no Code", got=o.got)]


def _right_code(o: Observation) -> list[Breach]:
    codes = o.step.expect.codes
    if o.answer is not None and o.answer.code in codes:
        return []
    return [Breach(expected=f"Code {' or '.join(codes)}", got=o.got)]


def _row(o: Observation) -> ErrorRow | None:
    """The documented row of the reply's Code."""
    code = o.answer.code if o.answer else None
    rows = o.contract.errors_by_code.get(code or "", ())
    status = o.answer.response.status if o.answer else None
    return next((r for r in rows if r.http_status == status), rows[0] if rows else None)


def _http_status(tables: frozenset[str]) -> Judge:
    def judge(o: Observation) -> Iterable[Breach] | None:
        row = _row(o)
        if row is None or row.table not in tables or o.answer is None:
            return None
        if o.answer.response.status == row.http_status:
            return []
        return [Breach(expected=f"HTTP {row.http_status} with {row.code}", got=o.got)]

    return judge


def _message(tables: frozenset[str]) -> Judge:
    def judge(o: Observation) -> Iterable[Breach] | None:
        row = _row(o)
        if row is None or row.table not in tables or o.answer is None:
            return None
        message = str(o.answer.fields.get("Message"))
        suffix = o.contract.service.string_to_sign_suffix
        # "a real gateway appends ` server string to sign is:` and the string it signed"
        if message == row.message or message.startswith(f"{row.message}{suffix}"):
            return []
        return [Breach(expected=f"Message {row.message!r}", got=f"Message {message[:200]!r}")]

    return judge


def _existed_status(o: Observation) -> Iterable[Breach] | None:
    row = _row(o)
    if row is None or row.code != "TaskExisted" or o.answer is None:
        return None
    if o.answer.response.status == row.http_status:
        return []
    return [Breach(expected=f"HTTP {row.http_status} with {row.code}", got=o.got)]


def _existed_only_then(o: Observation) -> Iterable[Breach] | None:
    if o.winners is not None or o.answer is None or o.existed:
        return None
    if o.answer.code != "TaskExisted":
        return []
    return [Breach(expected="another answer: this task was never started", got=o.got)]


def _one_winner(o: Observation) -> Iterable[Breach] | None:
    if o.winners is None:
        return None
    expected = f"1 success, {RACERS - 1} times TaskExisted"
    others = {text for text in o.losers if "TaskExisted" not in text}
    if o.winners == 1 and not others:
        return []
    got = f"{o.winners} successes" + (f"; others: {sorted(others)[:3]}" if others else "")
    return [Breach(expected=expected, got=got)]


# --------------------------------------------------------------------------- what every reply is


def _syntax(clause: str, applies: Callable[[Step], str]) -> Judge:
    """The reply is in the syntax that was asked for; ``applies`` names it, or is empty."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        wanted = applies(o.step)
        if not wanted or o.answer is None:
            return None
        if o.answer.syntax == wanted:
            return []
        return [Breach(expected=f"a reply in {wanted}", got=_excerpt(o.answer))]

    return judge


def _excerpt(answer: Answer) -> str:
    return f"HTTP {answer.response.status}, body {answer.response.body[:120]!r}"


def _readable(syntax: str) -> Judge:
    def judge(o: Observation) -> Iterable[Breach] | None:
        if o.answer is None or o.answer.syntax != syntax:
            return None
        if not o.answer.problem:
            return _shape(o, o.answer)
        expected = "a JSON object" if syntax == "JSON" else "XML of the documented shape"
        return [Breach(expected=expected, got=f"{o.answer.problem}; {_excerpt(o.answer)}")]

    return judge


def _shape(o: Observation, answer: Answer) -> list[Breach]:
    """XML's root says what it is: S2 111550, ``<Error>`` for a failure and only for one."""
    if answer.syntax != "XML":
        return []
    failure = re.search(rb"<Error[\s>]", answer.response.body) is not None
    if failure == (answer.code is not None):
        return []
    root = "Error" if answer.code is not None else f"{o.contract.service.action}Response"
    return [Breach(expected=f"<{root}>", got=_excerpt(answer))]


def _request_id_present(o: Observation) -> Iterable[Breach] | None:
    if o.answer is None or o.answer.problem:
        return None
    return [] if o.answer.request_id else [Breach(expected="a RequestId", got=o.got)]


def _request_id_form(o: Observation) -> Iterable[Breach] | None:
    request_id = o.answer.request_id if o.answer else None
    if request_id is None:
        return None
    patterns = o.contract.service.request_id_patterns
    if any(re.fullmatch(pattern, request_id) for pattern in patterns):
        return []
    expected = "32 lower-case hex digits or an upper-case dashed UUID"
    return [Breach(expected=expected, got=f"RequestId {request_id!r}")]


def _request_id_fresh(o: Observation) -> Iterable[Breach] | None:
    request_id = o.answer.request_id if o.answer else None
    if request_id is None:
        return None
    if not o.request_id_repeated:
        return []
    return [Breach(expected="a new RequestId", got=f"RequestId {request_id!r} again")]


def _error_fields(o: Observation) -> Iterable[Breach] | None:
    if o.answer is None or o.answer.code is None:
        return None
    absent = [n for n in ("RequestId", "HostId", "Code", "Message") if n not in o.answer.fields]
    if not absent:
        return []
    return [Breach(expected="RequestId, HostId, Code, Message", got=f"no {', '.join(absent)}")]


def _asked(syntax: str, *texts: str | None, signature: str | None = None) -> Callable[[Step], str]:
    """The syntax, where Format was one of these texts."""

    def applies(step: Step) -> str:
        kind = signature in (None, step.signature)
        return syntax if step.reply_format in texts and kind else ""

    return applies


def _other_case(step: Step) -> str:
    text = step.reply_format or ""
    return text.upper() if text != text.upper() and text.upper() in ("JSON", "XML") else ""


_OWN, _GATEWAY = frozenset({"StartMPUTask"}), frozenset({"gateway"})

_ABOUT_STEPS = (
    "request.accepted",
    "request.method.get",
    "request.method.post-query",
    "request.method.post-form",
    "request.method.supported",
    "request.path",
    "request.utf-8",
    "request.unknown-parameters",
    "request.integer.form",
    "request.refused.changes-nothing",
    "request.wire-encoding",
    "order.of-checks",
    "format.known",
    "version.required",
    "action.required",
    "access-key-id.required",
    "signature.required",
    "signature-method.required",
    "timestamp.required",
    "signature-version.required",
    "signature-nonce.required",
    "v3.content-sha256.required",
    "v3.content-sha256.code",
    "version.value",
    "version.code",
    "action.known",
    "signature-method.value",
    "signature-method.letter-case",
    "signature-version.value",
    "signature-version.code",
    "timestamp.format",
    "timestamp.window",
    "access-key-id.known",
    "signature.1-0.verifies",
    "signature.v3.verifies",
    "signature.v3.signed-headers",
    "signature.mismatch",
    "signature.method",
    "signature.empty-values",
    "signature.encoding",
    "nonce.unique",
    "nonce.code",
    "nonce.after-signature",
    "security-token.signed",
    "app-id.required",
    "channel-id.required",
    "task-id.required",
    "task-id.name",
    "task-id.key",
    "task-profile.required",
    "task-profile.enum",
    "task-profile.letter-case",
    "task-profile.code",
    "media-encode.required",
    "media-encode.integer",
    "media-encode.enum",
    "media-encode.zero",
    "background-color.required",
    "background-color.integer",
    "background-color.range",
    "background-color.zero",
    "layout-ids.required",
    "layout-ids.integer",
    "layout-ids.known",
    "layout-ids.several",
    "repeat-list.layout-ids.from-1",
    "repeat-list.layout-ids.from-1.refused",
    "repeat-list.layout-ids.no-gaps.refused",
    "repeat-list.layout-ids.code",
    "user-panes.optional",
    "user-panes.complete",
    "user-panes.pane-id.required",
    "user-panes.pane-id.integer",
    "user-panes.pane-id.range",
    "user-panes.pane-id.zero",
    "user-panes.user-id.required",
    "user-panes.source-type.required",
    "user-panes.source-type.enum",
    "user-panes.source-type.letter-case",
    "user-panes.code",
    "repeat-list.user-panes.from-0-or-1",
    "repeat-list.user-panes.no-gaps.refused",
    "stream-url.required",
    "stream-url.rtmp",
    "stream-url.absolute",
    "stream-url.code",
    "error.task-existed",
    "error.invalid-layout-id",
    "error.invalid-media-encode",
    "error.invalid-background-color",
    "error.missing-parameter",
)

ENDPOINT_CHECKS: tuple[Check[Observation], ...] = (
    *(Check(clause=clause, judge=_expected(clause)) for clause in _ABOUT_STEPS),
    Check(clause="format.json", judge=_syntax("format.json", _asked("JSON", "JSON"))),
    Check(clause="format.xml", judge=_syntax("format.xml", _asked("XML", "XML"))),
    Check(
        clause="format.default-xml",
        judge=_syntax("format.default-xml", _asked("XML", None, signature="1.0")),
    ),
    Check(
        clause="format.v3.default-json",
        judge=_syntax("format.v3.default-json", _asked("JSON", None, signature="v3")),
    ),
    Check(clause="format.letter-case", judge=_syntax("format.letter-case", _other_case)),
    Check(clause="reply.json", judge=_readable("JSON")),
    Check(clause="reply.xml", judge=_readable("XML")),
    Check(clause="reply.request-id.present", judge=_request_id_present),
    Check(clause="reply.request-id.form", judge=_request_id_form),
    Check(clause="reply.request-id.fresh", judge=_request_id_fresh),
    Check(clause="reply.error.fields", judge=_error_fields),
    Check(clause="error.task-existed.http-200", judge=_existed_status),
    Check(clause="error.task-existed.only-then", judge=_existed_only_then),
    Check(clause="error.task-existed.one-winner", judge=_one_winner),
    Check(clause="error.message", judge=_message(_OWN)),
    Check(clause="error.gateway.message", judge=_message(_GATEWAY)),
    Check(clause="error.http-status", judge=_http_status(_OWN)),
    Check(clause="error.gateway.http-status", judge=_http_status(_GATEWAY)),
)


# ------------------------------------------------------------------------- making of the requests

_TAMPERS: dict[str, Callable[[str], str]] = {
    "first": lambda s: ("B" if s[:1] != "B" else "C") + s[1:],
    "letter case": str.swapcase,
    "reversed": lambda s: s[::-1],
    "short": lambda s: s[:-4],
}


def _timestamp(envelope: Envelope, value: str) -> Envelope:
    """An offset from now in seconds (``+960``), or now in another form (``%Y-%m-%d``)."""
    now = datetime.now(UTC)
    if re.fullmatch(r"[+-][0-9]+", value):
        moment = now + timedelta(seconds=int(value))
        return replace(envelope, timestamp=wire.format_timestamp(moment, load()))
    return replace(envelope, timestamp=now.strftime(value) if "%" in value else value)


#: What ``Step.envelope`` may change, by name.
_CHANGES: dict[str, Callable[[Envelope, Any], Envelope]] = {
    "omit": lambda e, names: replace(e, omit=frozenset(names)),
    "method": lambda e, text: replace(e, method=text, in_query=True),
    "action": lambda e, text: replace(e, action=text),
    "version": lambda e, text: replace(e, version=text),
    "access_key_id": lambda e, text: replace(
        e, credentials=Credentials(text, e.credentials.access_key_secret)
    ),
    "secret": lambda e, text: replace(
        e, credentials=Credentials(e.credentials.access_key_id, text)
    ),
    "signature_method": lambda e, text: replace(e, signature_method=text),
    "signature_version": lambda e, text: replace(e, signature_version=text),
    "timestamp": _timestamp,
    "nonce": lambda e, text: replace(e, nonce=text),
    "tamper": lambda e, name: replace(e, tamper=_TAMPERS[name]),
    "unsigned": lambda e, names: replace(e, unsigned=frozenset(names)),
    "claimed_body": lambda e, text: replace(e, claimed_body=text.encode()),
    "security_token": lambda e, text: replace(
        e,
        credentials=Credentials(e.credentials.access_key_id, e.credentials.access_key_secret, text),
    ),
}

_ENCODERS: dict[str, Callable[[str], str]] = {
    "plus": lambda text: quote(text, safe="~").replace("%20", "+"),
    "raw": lambda text: quote(text, safe="~*/"),
}


class EndpointBench(BaseBench[Observation, Scenario]):
    """An endpoint under test, at a URL."""

    subject = "endpoint"
    checks = ENDPOINT_CHECKS

    def __init__(
        self,
        url: str,
        credentials: Credentials = TEST_CREDENTIALS,
        settings: Settings = Settings(),  # noqa: B008 - frozen
        contract: Contract | None = None,
    ) -> None:
        super().__init__(url, settings, contract)
        self._credentials = credentials
        try:
            self._clients = {
                signature: Client(
                    credentials,
                    url,
                    signature=signature,
                    timeout=max(settings.timeout, _PATIENCE),
                )
                for signature in ("1.0", "v3")
            }
        except ValueError as error:
            raise CannotRun(str(error)) from None
        self._names: dict[str, str] = {}
        self._request_ids: set[str] = set()
        self._started: set[tuple[str, str]] = set()
        self._reached = False

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def new_names(self) -> None:
        """Let every placeholder stand for a new name from now on."""
        self._names = {}

    def replay(self, case: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Run a saved case again, signed afresh, and return what breaks its clause."""
        try:
            scenario = _from_row(case["scenario"])
            clause = str(case["clause"])
        except (KeyError, TypeError, ValueError) as error:
            raise CannotRun(f"not a case of an endpoint: {error}") from None
        found = self._observe("documented", scenario)
        return tuple(finding for finding in found if finding.clause == clause)

    # ------------------------------------------------------------------------------ one scenario

    def _named(self, value: str) -> str:
        if not value.startswith("@"):
            return value
        if value.startswith("@upper:"):
            return self._named(f"@{value.removeprefix('@upper:')}").upper()
        if value not in self._names:
            self._names[value] = self.unique(value[1:].partition(":")[0])
        return self._names[value]

    def _prepare(self, step: Step) -> Request:
        pairs = [(name, self._named(value)) for name, value in (*step.pairs, *step.also)]

        def envelope(plain: Envelope) -> Envelope:
            changed = replace(
                plain,
                method=step.method,
                in_query=step.in_query or step.method == "GET",
                reply_format=step.reply_format,
                encode=_ENCODERS.get(step.wire, plain.encode),
                headers=tuple(step.headers),
            )
            for name, value in step.envelope.items():
                shown = self._named(value) if isinstance(value, str) else value
                changed = _CHANGES[name](changed, shown)
            return changed

        client = self._clients[step.signature]
        return client.prepare(self.contract.service.action, pairs, envelope=envelope)

    def _send(self, step: Step, request: Request) -> tuple[Answer | None, str]:
        try:
            response = self._clients[step.signature].exchange(request)
        except TransportError as error:
            if not self._reached:
                raise CannotRun(f"the endpoint cannot be reached: {error}") from None
            return None, f"no reply: {error}"
        self._reached = True
        return read(response, self.contract), ""

    def _observe(self, phase: Phase, scenario: Scenario) -> list[Finding]:
        self.new_names()
        if scenario.race:
            return self._run_race(phase, scenario)
        found: list[Finding] = []
        for index in range(len(scenario.steps)):
            steps = scenario.steps[: index + 1]
            found += self._run_step(phase, replace(scenario, steps=steps))
        return found

    def _run_step(self, phase: Phase, scenario: Scenario) -> list[Finding]:
        """Send the last step and judge it; those before have been sent."""
        step = scenario.steps[-1]
        request = self._prepare(step)
        key = self._key(step)
        existed = key in self._started
        answer, failure = self._send(step, request)
        return self._judge_step(phase, scenario, request, answer, failure, existed=existed)

    def _key(self, step: Step) -> tuple[str, str]:
        named = {name: self._named(value) for name, value in step.pairs}
        return named.get("AppId", ""), named.get("TaskId") or named.get("TaskID") or ""

    def _judge_step(
        self,
        phase: Phase,
        scenario: Scenario,
        request: Request,
        answer: Answer | None,
        failure: str,
        *,
        existed: bool,
        winners: int | None = None,
        losers: tuple[str, ...] = (),
    ) -> list[Finding]:
        step = scenario.steps[-1]
        request_id = answer.request_id if answer else None
        observation = Observation(
            step=step,
            answer=answer,
            failure=failure,
            request=request,
            contract=self.contract,
            request_id_repeated=request_id in self._request_ids,
            existed=existed,
            winners=winners,
            losers=losers,
        )
        if request_id is not None:
            self._request_ids.add(request_id)
        if answer is not None and answer.code is None:
            self._started.add(self._key(step))
        return self._judge(
            phase,
            observation,
            scenario=scenario.name,
            exchanges=lambda: (
                exchange_text(
                    request,
                    answer.response if answer else None,
                    self._credentials,
                    failure=failure,
                ),
            ),
            case=lambda: {"scenario": _to_row(scenario)},
        )

    def _run_race(self, phase: Phase, scenario: Scenario) -> list[Finding]:
        found: list[Finding] = []
        for _ in range(ROUNDS):
            self.new_names()
            step = scenario.steps[-1]
            requests = [self._prepare(step) for _ in range(RACERS)]
            responses = race(self._clients[step.signature].endpoint, requests, self.settings)
            answers = [read(r, self.contract) for r in responses if isinstance(r, Response)]
            failures = [r for r in responses if isinstance(r, str)]
            if not answers and not self._reached:
                raise CannotRun(f"the endpoint cannot be reached: {failures[0]}")
            winners = sum(answer.success for answer in answers)
            losers = (*(a.shown() for a in answers if not a.success), *failures)
            found += self._judge_step(
                phase,
                scenario,
                requests[0],
                answers[0] if answers else None,
                failures[0] if failures else "",
                existed=False,
                winners=winners,
                losers=losers,
            )
        return found

    # --------------------------------------------------------------------------------- the phases

    def _scenarios(self, phase: Phase) -> Iterable[Scenario]:
        return documented(self.contract) if phase == "documented" else pairwise(self.contract)

    def _run_fuzz(self) -> None:
        from hypothesis import given

        from pytest_rtcmpu.checks.hunt import make_settings, seed

        @seed(self.settings.seed)
        @make_settings(self.settings.max_examples)
        @given(step=_steps(self.contract))
        def run(step: Step) -> None:
            self._step("fuzz", None)
            scenario = Scenario(name="fuzz", steps=(step,))
            self._hit("fuzz", self._observe("fuzz", scenario))

        self._hunt("fuzz", run)

    def hit_stateful(self, steps: tuple[Step, ...]) -> None:
        """Run the last of these steps and tell Hypothesis what broke."""
        found = self._run_step("stateful", Scenario(name="stateful", steps=steps))
        self._step("stateful", None)
        self._hit("stateful", found)

    def _run_stateful(self) -> None:
        from pytest_rtcmpu.checks.stateful import endpoint_machine

        self._hunt("stateful", lambda: endpoint_machine(self))


def read(response: Response, contract: Contract) -> Answer:
    """Read a reply, whatever it is."""
    start = response.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    syntax = "XML" if start == b"<" else "JSON" if start in (b"{", b"[") else ""
    try:
        fields = wire.decode_reply(response.body, action=contract.service.action)
    except UnreadableReply as error:
        return Answer(response=response, syntax=cast(Any, syntax), fields={}, problem=error.reason)
    return Answer(response=response, syntax=cast(Any, syntax), fields=fields)


def race(url: str, requests: list[Request], settings: Settings) -> list[Response | str]:
    """Send requests at the same time, each over a connection of its own that is open already."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    results: list[Response | str] = ["not sent"] * len(requests)
    # Half of them may fail to connect and must not leave the others waiting for ever.
    together = threading.Barrier(len(requests), timeout=max(settings.timeout, _PATIENCE))

    def send(index: int, request: Request) -> None:
        connection = kind(
            parts.hostname or "", parts.port, timeout=max(settings.timeout, _PATIENCE)
        )
        try:
            try:
                connection.connect()
            finally:
                together.wait()
            connection.request(
                request.method, request.target, request.body or None, dict(request.headers)
            )
            reply = connection.getresponse()
            headers = tuple(reply.getheaders())
            results[index] = Response(status=reply.status, headers=headers, body=reply.read())
        except (OSError, http.client.HTTPException, threading.BrokenBarrierError) as error:
            results[index] = f"no reply: {type(error).__name__}: {error}"
        finally:
            connection.close()

    threads = [
        threading.Thread(target=send, args=(index, request), daemon=True)
        for index, request in enumerate(requests)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _to_row(scenario: Scenario) -> dict[str, Any]:
    """A scenario as JSON values."""
    row = asdict(scenario)
    for step in row["steps"]:
        step["envelope"] = {
            name: sorted(value) if isinstance(value, frozenset | set) else value
            for name, value in step["envelope"].items()
        }
    return row


def _from_row(row: Mapping[str, Any]) -> Scenario:
    steps = []
    for given in row["steps"]:
        expect = {**given["expect"], "codes": tuple(given["expect"]["codes"])}
        lists = {n: tuple(map(tuple, given[n])) for n in ("pairs", "also", "headers")}
        steps.append(Step(**{**given, **lists, "expect": Expect(**expect)}))
    return Scenario(name=row["name"], steps=tuple(steps), race=row["race"])


# ------------------------------------------------------------------------ the cases of an endpoint

_MODES = tuple((signature, method) for signature in ("1.0", "v3") for method in ("GET", "POST"))


def _fresh(params: Mapping[str, Any], *, panes_from: int = 0) -> Pairs:
    """Parameters as pairs, with a TaskId that no run used before."""
    pairs = cases.to_pairs(params, panes_from=panes_from)
    return _fresh_pairs(pairs)


def _fresh_pairs(pairs: Iterable[tuple[str, str]]) -> Pairs:
    return tuple((n, "@task:1" if n == "TaskId" and v else v) for n, v in pairs)


def documented(contract: Contract) -> Iterator[Scenario]:
    """Yield the fixed cases: every row of every table, accepted and refused."""
    yield from _valid(contract)
    yield from _modes(contract)
    yield from _v3_forms(contract)
    yield from _tokens(contract)
    yield from _refusals(contract)
    yield from _envelopes(contract)
    yield from _orders(contract)
    yield from _existence(contract)
    yield from _nonces(contract)


def _one(name: str, step: Step) -> Scenario:
    return Scenario(name=name, steps=(step,))


def _valid(contract: Contract) -> Iterator[Scenario]:
    for name, clause, params in cases.valid(contract):
        yield _one(name, Step(pairs=_fresh(params), expect=Expect(clause=clause)))
    two = cases.plain(contract, UserPanes=cases.panes(contract, 2))
    for base in contract.parameter("UserPanes").bases:
        expect = Expect(clause="repeat-list.user-panes.from-0-or-1")
        step = Step(pairs=_fresh(two, panes_from=base), expect=expect)
        yield _one(f"UserPanes from {base}", step)
    expect = Expect(clause="repeat-list.layout-ids.from-1")
    yield _one("LayoutIds from 1", Step(pairs=_fresh(two), expect=expect))
    plain = _fresh(cases.plain(contract))
    for name in contract.parameter("TaskId").aliases:
        renamed = tuple((name if n == "TaskId" else n, v) for n, v in plain)
        yield _one(name, Step(pairs=renamed, expect=Expect(clause="task-id.name")))
    for text in cases.ODD_TEXTS:
        items = [cases.pane(contract, 0, text)]
        pairs = _fresh(cases.plain(contract, UserPanes=items))
        for signature in ("1.0", "v3"):
            expect = Expect(clause="signature.encoding")
            step = Step(pairs=pairs, signature=signature, expect=expect)
            yield _one(f"UserId={text}, signature {signature}", step)


def _modes(contract: Contract) -> Iterator[Scenario]:
    """Both signatures, GET and POST, query and form, JSON, XML and the default."""
    plain = _fresh(cases.plain(contract, UserPanes=cases.panes(contract, 2)))
    odd = [cases.pane(contract, 0, f"u {cases.ODD_CHARACTERS}中")]
    odd_pairs = _fresh(cases.plain(contract, UserPanes=odd))
    verifies = {"1.0": "signature.1-0.verifies", "v3": "signature.v3.verifies"}
    transports = (
        ("GET", False, "request.method.get"),
        ("POST", True, "request.method.post-query"),
        ("POST", False, "request.method.post-form"),
    )
    for signature in ("1.0", "v3"):
        for pairs in (plain, odd_pairs):
            for method, in_query, clause in transports:
                # What fails by one way of sending only is about that way.
                about = verifies[signature] if method == "GET" else clause
                step = Step(pairs=pairs, signature=signature, method=method, in_query=in_query)
                name = f"signature {signature} by {clause}"
                yield _one(name, replace(step, expect=Expect(clause=about)))
                refused = Expect.refused(contract, "signature.mismatch")
                wrong = replace(step, envelope={"tamper": "first"}, expect=refused)
                yield _one(f"a wrong {name}", wrong)
                if method == "POST" and in_query:
                    expect = Expect(clause="signature.method")
                    yield _one(name, replace(step, expect=expect))
        for text in ("JSON", "XML", None, "json", "Xml", "xml"):
            step = Step(pairs=plain, signature=signature, reply_format=text)
            yield _one(f"Format={text}, signature {signature}", step)
            without = tuple(p for p in plain if p[0] != "AppId")
            expect = Expect.refused(contract, "app-id.required")
            step = replace(step, pairs=without, expect=expect)
            yield _one(f"Format={text}, signature {signature}, no AppId", step)
        for name in ("plus", "raw"):
            expect = Expect(clause="request.wire-encoding")
            step = Step(pairs=odd_pairs, signature=signature, wire=cast(Any, name), expect=expect)
            yield _one(f"wire encoding {name}, signature {signature}", step)
        also = (("RegionId", "cn-hangzhou"), ("OwnerId", "1"))
        expect = Expect(clause="request.unknown-parameters")
        step = Step(pairs=plain, signature=signature, also=also, expect=expect)
        yield _one(f"unknown parameters, signature {signature}", step)
        expect = Expect(clause="signature.empty-values")
        step = Step(pairs=plain, signature=signature, also=(("SignatureType", ""),), expect=expect)
        yield _one(f"an empty parameter, signature {signature}", step)
    yield _one("by GET", Step(pairs=plain, expect=Expect(clause="request.method.get")))
    expect = Expect(clause="request.path")
    yield _one("at path /", Step(pairs=plain, expect=expect))
    headers = (("X-Forwarded-For", "10.0.0.1"), ("User-Agent", "check"), ("Accept", "*/*"))
    expect = Expect(clause="signature.v3.signed-headers")
    step = Step(pairs=plain, signature="v3", headers=headers, expect=expect)
    yield _one("further headers, not signed", step)
    unsigned = Expect.refused(contract, "signature.mismatch", about="signature.v3.signed-headers")
    step = Step(pairs=plain, signature="v3", headers=(("x-acs-extra", "1"),), expect=unsigned)
    yield _one("an x-acs- header that is not signed", step)


#: What V3 must not accept: a header that is sent and not signed, a body other than the one signed.
_V3_UNSIGNED: tuple[tuple[str, Mapping[str, Any]], ...] = (
    *(
        ("POST", {"unsigned": [name]})
        for name in (
            "host",
            "content-type",
            "x-acs-action",
            "x-acs-version",
            "x-acs-date",
            "x-acs-signature-nonce",
            "x-acs-content-sha256",
        )
    ),
    ("POST", {"claimed_body": "AppId=another"}),
    ("GET", {"claimed_body": "not empty"}),
)


def _v3_forms(contract: Contract) -> Iterator[Scenario]:
    plain = _fresh(cases.plain(contract))
    about = "signature.v3.signed-headers"
    for method, changes in _V3_UNSIGNED:
        step = Step(
            pairs=plain,
            signature="v3",
            method=method,
            envelope=changes,
            expect=Expect.refused(contract, "signature.mismatch", about=about),
        )
        yield _one(f"signature v3, {changes}", step)


def _tokens(contract: Contract) -> Iterator[Scenario]:
    """A SecurityToken is signed over; what it is good for is the endpoint's business."""
    plain = _fresh(cases.plain(contract))
    token = {"security_token": "t0ken/Of+The=Check*1a2b"}
    about = "security-token.signed"
    for signature in ("1.0", "v3"):
        step = Step(pairs=plain, signature=signature, envelope=token, expect=Expect(clause=about))
        forged = replace(
            step,
            envelope={**token, "tamper": "first"},
            expect=Expect.refused(contract, "signature.mismatch", about=about),
        )
        yield _one(f"a SecurityToken, signature {signature}", step)
        yield _one(f"a SecurityToken and a wrong signature {signature}", forged)


def _refusals(contract: Contract) -> Iterator[Scenario]:
    for name, clause, broken in cases.breaches(contract):
        refused = Expect.refused(contract, clause)
        step = Step(pairs=_fresh_pairs(broken), expect=refused)
        again = Step(
            pairs=_fresh(cases.plain(contract)),
            expect=Expect(clause="request.refused.changes-nothing"),
        )
        # A refused request reserves no TaskId: the same one, put right, is accepted.
        yield Scenario(name=name, steps=(step, again))
    for text in ("1.0", "0x1"):
        pairs = _fresh(cases.plain(contract, MediaEncode=text))
        expect = Expect.refused(contract, "media-encode.integer", about="request.integer.form")
        yield _one(f"MediaEncode={text}", Step(pairs=pairs, expect=expect))


#: (clause, envelope changes) of what is refused whatever the parameters; by signature 1.0.
_WRONG_ENVELOPES: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("request.method.supported", {"method": "PUT"}),
    ("request.method.supported", {"method": "DELETE"}),
    ("request.method.supported", {"method": "PATCH"}),
    ("version.required", {"omit": ["Version"]}),
    ("action.required", {"omit": ["Action"]}),
    ("access-key-id.required", {"omit": ["AccessKeyId"]}),
    ("signature.required", {"omit": ["Signature"]}),
    ("signature-method.required", {"omit": ["SignatureMethod"]}),
    ("timestamp.required", {"omit": ["Timestamp"]}),
    ("signature-version.required", {"omit": ["SignatureVersion"]}),
    ("signature-nonce.required", {"omit": ["SignatureNonce"]}),
    ("version.value", {"version": "2017-01-11"}),
    ("version.value", {"version": "2018-01-12"}),
    ("action.known", {"action": "StartMPUTasks"}),
    ("action.known", {"action": "startmputask"}),
    ("action.known", {"action": "DescribeNothing"}),
    ("signature-method.value", {"signature_method": "HMAC-MD5"}),
    ("signature-method.value", {"signature_method": "HMAC-SHA256"}),
    ("signature-version.value", {"signature_version": "2.0"}),
    ("signature-version.value", {"signature_version": "1"}),
    ("timestamp.format", {"timestamp": "now"}),
    ("timestamp.format", {"timestamp": "%Y-%m-%d %H:%M:%S"}),
    ("timestamp.format", {"timestamp": "%Y-%m-%d %H:%M:%SZ"}),
    ("timestamp.format", {"timestamp": "%Y-%m-%dT%H:%M:%S"}),
    ("timestamp.format", {"timestamp": "%Y-%m-%dT%H:%M:%S.000Z"}),
    ("timestamp.format", {"timestamp": "%Y-%m-%dT%H:%M:%S+00:00"}),
    ("timestamp.format", {"timestamp": "%Y-%m-%dT%H:%MZ"}),
    ("timestamp.format", {"timestamp": "%Y%m%dT%H%M%SZ"}),
    ("timestamp.format", {"timestamp": "%a, %d %b %Y %H:%M:%S GMT"}),
    ("timestamp.format", {"timestamp": "1767225600"}),
    ("timestamp.format", {"timestamp": "2026-13-01T00:00:00Z"}),
    ("timestamp.window", {"timestamp": "-1000"}),
    ("timestamp.window", {"timestamp": "+1000"}),
    ("timestamp.window", {"timestamp": "-86400"}),
    ("timestamp.window", {"timestamp": "+28800"}),
    ("timestamp.window", {"timestamp": "2016-02-23T12:46:24Z"}),
    ("access-key-id.known", {"access_key_id": "LTAInobodyKnowsThisKey"}),
    ("signature.mismatch", {"tamper": "first"}),
    ("signature.mismatch", {"tamper": "letter case"}),
    ("signature.mismatch", {"tamper": "reversed"}),
    ("signature.mismatch", {"tamper": "short"}),
    ("signature.mismatch", {"secret": "not-the-secret-of-this-key"}),
)
#: Those that mean something under V3 too.
_V3_TOO = (
    "request.method.supported",
    "version.value",
    "action.known",
    "timestamp.format",
    "timestamp.window",
    "access-key-id.known",
    "signature.mismatch",
)


def _envelopes(contract: Contract) -> Iterator[Scenario]:
    plain = _fresh(cases.plain(contract))
    then = Expect(clause="request.refused.changes-nothing")
    for clause, changes in _WRONG_ENVELOPES:
        refused = Expect.refused(contract, clause)
        for signature in ("1.0", "v3") if clause in _V3_TOO else ("1.0",):
            step = Step(pairs=plain, signature=signature, envelope=changes, expect=refused)
            name = f"{changes}, signature {signature}"
            yield Scenario(name=name, steps=(step, Step(pairs=plain, expect=then)))
    for text in ("YAML", "TEXT", "JSONP"):
        expect = Expect.refused(contract, "format.known")
        step = Step(pairs=plain, reply_format=text, expect=expect)
        yield _one(f"Format={text}", step)
    for text in ("hmac-sha1", "Hmac-SHA1"):
        expect = Expect(clause="signature-method.letter-case")
        step = Step(pairs=plain, envelope={"signature_method": text}, expect=expect)
        yield _one(f"SignatureMethod={text}", step)
    for offset in ("-840", "+840", "-60", "+60"):
        for signature in ("1.0", "v3"):
            expect = Expect(clause="timestamp.window")
            step = Step(
                pairs=plain, signature=signature, envelope={"timestamp": offset}, expect=expect
            )
            yield _one(f"timestamp {offset} s, signature {signature}", step)
    step = Step(
        pairs=plain,
        signature="v3",
        envelope={"omit": ["ContentSha256"]},
        expect=Expect.refused(contract, "v3.content-sha256.required"),
    )
    yield _one("no x-acs-content-sha256", step)


def _orders(contract: Contract) -> Iterator[Scenario]:
    """Two things wrong at once: the earlier check answers."""
    no_task = tuple(p for p in _fresh(cases.plain(contract)) if p[0] != "TaskId")
    wrong = _fresh(cases.plain(contract, MediaEncode=2))
    both = tuple(("MediaEncode", "2") if n == "MediaEncode" else (n, v) for n, v in no_task)
    colour = _fresh(cases.plain(contract, MediaEncode=2, BackgroundColor=-1))
    # The first parameters empty, in the table's order, so that the first of them answers.
    nothing = tuple(
        (n, "") if n in ("AppId", "ChannelId", "StreamURL") else (n, v)
        for n, v in _fresh(cases.plain(contract))
    )
    cases_of_order: tuple[tuple[str, Pairs, Mapping[str, Any], str | None], ...] = (
        ("request.method.supported", wrong, {"method": "PUT"}, "YAML"),
        ("format.known", wrong, {"omit": ["Version"]}, "YAML"),
        ("version.required", wrong, {"omit": ["Version"], "action": "Nothing"}, "JSON"),
        ("version.value", wrong, {"version": "2000-01-01", "action": "Nothing"}, "JSON"),
        ("action.known", wrong, {"action": "Nothing", "signature_method": "X"}, "JSON"),
        ("signature-method.value", wrong, {"signature_method": "X", "timestamp": "now"}, "JSON"),
        ("timestamp.format", wrong, {"timestamp": "now", "access_key_id": "nobody"}, "JSON"),
        ("timestamp.window", wrong, {"timestamp": "-3600", "access_key_id": "nobody"}, "JSON"),
        ("access-key-id.known", wrong, {"access_key_id": "nobody", "tamper": "first"}, "JSON"),
        ("signature.mismatch", wrong, {"tamper": "first"}, "JSON"),
        ("signature.mismatch", no_task, {"tamper": "first"}, "JSON"),
        ("task-id.required", both, {}, "JSON"),
        ("media-encode.enum", colour, {}, "JSON"),
        ("app-id.required", nothing, {}, "JSON"),
    )
    for clause, pairs, changes, reply_format in cases_of_order:
        expect = Expect.refused(contract, clause, about="order.of-checks")
        step = Step(pairs=pairs, envelope=changes, reply_format=reply_format, expect=expect)
        yield _one(f"{clause} comes first", step)
    plain = _fresh(cases.plain(contract))
    again = Expect.refused(contract, "media-encode.enum", about="order.of-checks")
    steps = (Step(pairs=plain), Step(pairs=wrong, expect=again))
    yield Scenario(name="values come before the task's existence", steps=steps)
    used = {"nonce": "@nonce:1"}
    expect = Expect.refused(contract, "nonce.unique", about="order.of-checks")
    steps = (
        Step(pairs=plain, envelope=used),
        Step(pairs=wrong, envelope=used, expect=expect),
    )
    yield Scenario(name="the nonce comes before the values", steps=steps)


def _with(pairs: Pairs, name: str, value: str) -> Pairs:
    """Pairs with another value for one name."""
    return tuple((n, value if n == name else v) for n, v in pairs)


def _sequence(name: str, *steps: Step) -> Scenario:
    return Scenario(name=name, steps=steps)


#: So many tasks that an endpoint which remembers only the latest few has forgotten the first.
_CROWD = 32


def _crowd(contract: Contract) -> tuple[Step, ...]:
    plain = _fresh(cases.plain(contract))
    return tuple(Step(pairs=_with(plain, "TaskId", f"@task:{i}")) for i in range(2, _CROWD + 2))


def _existence(contract: Contract) -> Iterator[Scenario]:
    """TaskExisted: for a task that exists, whoever asks, and for no other."""
    plain = _fresh(cases.plain(contract))
    start = Step(pairs=plain)
    existed = Expect.refused(contract, "error.task-existed")
    for signature, method in _MODES:
        first = Step(pairs=plain, signature=signature, method=method, in_query=True)
        again = replace(first, expect=existed)
        yield _sequence(f"started again, {signature} by {method}", first, again, again)
    for one, two in zip(_MODES, (*_MODES[1:], _MODES[0]), strict=True):
        name = f"started {' by '.join(one)}, again {' by '.join(two)}"
        first, second = (
            Step(pairs=plain, signature=signature, method=method, in_query=True)
            for signature, method in (one, two)
        )
        yield _sequence(name, first, replace(second, expect=existed))
    xml = Step(pairs=plain, reply_format="XML")
    yield _sequence("started again, XML", xml, replace(xml, expect=existed))
    again = replace(start, expect=existed)
    yield _sequence("started again after many others", start, *_crowd(contract), again)
    app2 = Step(pairs=_with(plain, "AppId", "app2"), expect=Expect(clause="task-id.key"))
    yield _sequence("the same TaskId in another app", start, app2)
    about = Expect.refused(contract, "error.task-existed", about="task-id.key")
    channel2 = Step(pairs=_with(plain, "ChannelId", "channel2"), expect=about)
    yield _sequence("the same task in another channel", start, channel2)
    for name in ("@task:2", "@upper:task:1"):
        other = Step(pairs=_with(plain, "TaskId", name))
        yield _sequence(f"another task in the same app, {name}", start, other)
    yield Scenario(name="started many times at once", steps=(start,), race=True)


def _nonces(contract: Contract) -> Iterator[Scenario]:
    """A nonce is good once, whatever comes with it, and whatever came between."""
    plain = _fresh(cases.plain(contract))
    used = {"nonce": "@nonce:1"}
    replayed = Expect.refused(contract, "nonce.unique")
    wrong = Expect.refused(contract, "signature.mismatch")
    first = Step(pairs=plain, envelope=used)
    second = Step(pairs=_with(plain, "TaskId", "@task:99"), envelope=used, expect=replayed)
    yield _sequence("a nonce again after many others", first, *_crowd(contract), second)
    later = replace(second, envelope={**used, "timestamp": "+30"})
    yield _sequence("a nonce again with another timestamp", first, later)
    for in_query in (True, False):
        ways = {"method": "POST", "in_query": in_query}
        name = "query" if in_query else "form"
        yield _sequence(
            f"a nonce again by POST, {name}",
            replace(first, **cast(Any, ways)),
            replace(second, **cast(Any, ways)),
        )
        yield _sequence(
            f"a nonce of a GET again by POST, {name}", first, replace(second, **cast(Any, ways))
        )
    for signature in ("1.0", "v3"):
        good = replace(first, signature=signature)
        again = replace(second, signature=signature)
        # The refused request has started nothing: with a new nonce it is good.
        put_right = replace(again, envelope={}, expect=Expect())
        yield _sequence(f"a nonce again, signature {signature}", good, again, put_right)
        same = replace(good, expect=replayed)
        yield _sequence(f"the same request again, signature {signature}", good, same)
        forged = replace(good, envelope={**used, "tamper": "first"}, expect=wrong)
        after = replace(good, expect=Expect(clause="nonce.after-signature"))
        yield _sequence(f"a nonce after a bad signature, signature {signature}", forged, after)


def _about(mode: Mapping[str, Any]) -> Expect:
    """What a valid request is about when it is not accepted: the least sure thing it does."""
    if mode.get("wire", "standard") != "standard":
        return Expect(clause="request.wire-encoding")
    if mode["method"] == "POST":
        form = "query" if mode.get("in_query") else "form"
        return Expect(clause=f"request.method.post-{form}")
    return Expect(clause="signature.v3.verifies" if mode["signature"] == "v3" else Expect.clause)


def pairwise(contract: Contract) -> Iterator[Scenario]:
    """Yield a case for each row of the covering array, signature and method among its columns."""
    factors = {"signature": ("1.0", "v3"), "method": contract.service.methods}
    for name, params, mode in cases.pairwise(contract, **factors):
        step = Step(pairs=_fresh(params), **cast(Any, mode), expect=_about(mode))
        yield _one(name, step)


def _steps(contract: Contract) -> Any:
    """A strategy of single requests: valid in any way of sending, or with one rule broken."""
    from hypothesis import strategies as st

    from pytest_rtcmpu import strategies

    signature = st.sampled_from(("1.0", "v3"))
    reply_format = st.sampled_from(("JSON", "XML", None))
    mode = st.fixed_dictionaries(
        {
            "signature": signature,
            "method": st.sampled_from(contract.service.methods),
            "in_query": st.booleans(),
            "wire": st.sampled_from(("standard", "plus", "raw")),
            "reply_format": reply_format,
        }
    )
    valid = st.builds(
        lambda task, mode: Step(
            pairs=_fresh_pairs(task.to_wire()), expect=_about(mode), **cast(Any, mode)
        ),
        strategies.tasks(contract=contract),
        mode,
    )
    # By GET and plainly: another way of sending that is refused would be blamed on the value.
    broken = st.builds(
        lambda violation, signature, reply_format: Step(
            pairs=_fresh_pairs(violation.pairs),
            signature=signature,
            reply_format=reply_format,
            expect=Expect.refused(contract, violation.clause),
        ),
        strategies.violations(contract=contract),
        signature,
        reply_format,
    )
    return st.one_of(valid, broken)
