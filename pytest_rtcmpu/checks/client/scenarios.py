"""What a client is asked to do, what the server answers, and what was seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_rtcmpu.checks.bench import Judgement
from pytest_rtcmpu.checks.testees.protocol import Outcome
from pytest_rtcmpu.contract import Contract, Parameter
from pytest_rtcmpu.endpoint import Call, Diagnosis
from pytest_rtcmpu.rules import Collected, Problem
from pytest_rtcmpu.values.credentials import Credentials
from pytest_rtcmpu.values.messages import Response

ReplyKind = Literal["success", "natural", "error", "body", "never"]


@dataclass(frozen=True, kw_only=True)
class ReplyPlan:
    """What the server answers, whatever the request.

    kind: ``success`` – a RequestId; ``natural`` – what the endpoint says; ``error`` – a Code;
        ``body`` – these bytes; ``never`` – nothing.
    status: the Status that a success tells, of an operation that tells one.
    fault: the name of one of ``faults.PLAIN`` that spoils it, or ``trickle``.
    """

    kind: ReplyKind = "success"
    request_id: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False
    code: str = ""
    http_status: int = 200
    message: str = ""
    body: str = ""
    content_type: str = "application/json"
    fault: str = ""
    status: int | None = None


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One call: a start, or another operation.

    about: the clause that it was made for, if it is one: where its reply is odd, the only one that
        judges what is made of it.
    after: what came in the start before.
    valid: whether the parameters keep every rule.
    token: whether the key is a temporary one, with a security token.
    """

    name: str
    params: Mapping[str, Any]
    operation: str = "StartMPUTask"
    plan: ReplyPlan = ReplyPlan()
    about: str = ""
    after: str = ""
    valid: bool = True
    token: bool = False
    timeout: float | None = None


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request that arrived, and everything that was found out about it."""

    call: Call
    diagnosis: Diagnosis
    reply: Response
    #: What the reply carried: its RequestId, and its Code.
    request_id: str | None
    code: str | None
    nonce_repeated: bool
    #: The operation's parameters, gathered.
    found: Collected
    #: What is wrong with the parameters, by path and clause.
    problems: tuple[Problem, ...] = ()

    def values(self, name: str) -> list[str]:
        """Every value sent under exactly that name."""
        return [value for key, value in self.call.pairs if key == name]

    def value(self, name: str) -> str | None:
        """The first value sent under exactly that name."""
        return next(iter(self.values(name)), None)

    def items(self, p: Parameter) -> dict[int, Any]:
        """A list's items by index: texts, or structs as mappings of fields."""
        return sent_items(self.found, p, p.name)


def sent_items(found: Collected, p: Parameter, path: str) -> dict[int, Any]:
    """Return the items of the list at a path, by index."""
    return {
        index: sent_value(found, p, f"{path}.{index}")
        for index in sorted(found.indexes.get(path, ()))
    }


def sent_value(found: Collected, p: Parameter, path: str) -> Any:
    """Return what was sent at a path: a text, or a struct's fields that came."""
    if p.kind != "struct":
        return found.texts.get(path)
    fields: dict[str, Any] = {}
    for f in p.fields:
        here = f"{path}.{f.name}"
        value = sent_items(found, f, here) if f.items else sent_value(found, f, here)
        if value not in (None, {}):
            fields[f.name] = value
    return fields


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One start: what was asked, what arrived, what the client made of it.

    Attributes:
        sent: the requests that arrived, save those of another operation than was asked for: no
            clause forbids these, and none about parameters or replies is about them.
        arrived: all of them; how they are addressed and signed is judged.
    """

    scenario: Scenario
    sent: tuple[Sent, ...]
    outcome: Outcome
    contract: Contract
    credentials: Credentials
    arrived: tuple[Sent, ...]

    @property
    def last(self) -> Sent | None:
        """The last request of the start: the one whose reply counts."""
        return self.sent[-1] if self.sent else None


Judge = Callable[[Observation], Judgement]


def in_words(outcome: Outcome) -> str:
    """What a client made of a reply, in words."""
    if outcome.kind == "request_id":
        status = "" if outcome.status is None else f", Status {outcome.status}"
        wrong = f", {outcome.message[:200]}" if outcome.message else ""
        return f"success, RequestId {outcome.request_id!r}{status}{wrong}"
    if outcome.kind == "error":
        return f"an error with Code {outcome.code!r}: {outcome.message[:200]}"
    how = {"garbage": "neither a RequestId nor an error", "died": "it ended", "hung": "it hung"}
    return f"{how[outcome.kind]}: {outcome.message[:400]}"


# ------------------------------------------------------------------- what it sent: the parameters


def asked_for(o: Observation, name: str) -> Any:
    """The value that the client was asked to send; ``None`` where there is none."""
    return o.scenario.params.get(name)


def can_be_judged(o: Observation) -> bool:
    """Whether parameters can be judged: they were valid, and a request came."""
    return o.scenario.valid and bool(o.sent)
