"""What an endpoint is asked, what must answer, and what did."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from pytest_rtcmpu import wire
from pytest_rtcmpu.bounded import NotInCoding, TooLarge, decompress
from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.bench import Judgement
from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.errors import UnreadableReply
from pytest_rtcmpu.rules.values import is_plain_string
from pytest_rtcmpu.values.messages import Request, Response

Pairs = tuple[tuple[str, str], ...]


# What is sent after a refusal, put right, is about this.
AFTER_REFUSAL = "request.refused.changes-nothing"


@dataclass(frozen=True, kw_only=True)
class Expect:
    """What must answer: nothing in ``codes`` means a success.

    clause: what the step is about; a breach of acceptance or of refusal is a breach of this.
    code_clause: the clause about the Code, where that is another one.
    statuses: what a task's status must be; nothing where that is open.
    """

    clause: str = "request.accepted"
    codes: tuple[str, ...] = ()
    code_clause: str = ""
    statuses: tuple[int, ...] = ()

    @classmethod
    def accepted(cls, contract: Contract, clause_id: str) -> Expect:
        """Return a success for a clause; one that is a client's alone is about being accepted."""
        own = "endpoint" in contract.clause(clause_id).subjects
        return cls(clause=clause_id if own else contract.rule(None, "accepted").id)

    @classmethod
    def refused(cls, contract: Contract, clause_id: str, *, about: str = "") -> Expect:
        """Return a refusal for a breach of a clause; ``about`` where another clause is at stake."""
        clause = contract.clause(clause_id)
        code_clause = about or clause.code_clause or clause.id
        return cls(clause=about or clause.id, codes=clause.codes, code_clause=code_clause)

    def fits(self, success: bool, code: str | None) -> bool:
        """Whether a reply is what is expected, its status aside."""
        return code in self.codes if self.codes else success


@dataclass(frozen=True, kw_only=True)
class Step:
    """One request. Values ``@task:x``, ``@app:x`` and nonces ``@nonce:x`` stand for fresh names.

    ``@upper:task:x`` stands for the same name in upper case.

    envelope: changes to what goes around the parameters, see ``strategies/envelope_defects.py``.
    in_query: by POST, the parameters stand in the query all the same.
    wire: ``standard``, ``plus`` (a space travels as +) or ``raw`` (~ * / stand as they are).
    also: further parameters that no contract names; ``headers``: further headers, not signed.
    """

    pairs: Pairs
    operation: str = "StartMPUTask"
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

    @property
    def about(self) -> frozenset[str]:
        """The clauses that its steps are about."""
        expected = (step.expect for step in self.steps)
        return frozenset(clause for e in expected for clause in (e.clause, e.code_clause))


@dataclass(frozen=True, kw_only=True)
class ReadReply:
    """A reply, read: ``problem`` says why it could not be read.

    body: what it holds, decompressed.
    extra_comma: whether it was read only after the comma before its brace was taken away.
    """

    response: Response
    syntax: Literal["JSON", "XML", ""]
    fields: Mapping[str, object]
    problem: str = ""
    body: bytes = b""
    extra_comma: bool = False

    @property
    def stated_code(self) -> str | None:
        """The Code as it stands in the reply, or ``None`` for a reply without one."""
        value = self.fields.get("Code")
        return None if value in (None, "") else str(value)

    @property
    def code(self) -> str | None:
        """The Code of a failure, or ``None``."""
        code = self.stated_code
        # S2 111550: "返回2xx HTTP状态码代表调用成功": a Code that says so too is none of a failure,
        # and a clause of its own → reply.success.no-code
        says_success = code is not None and code.upper() in _SUCCESSES
        return None if says_success and self.is_2xx else code

    @property
    def is_2xx(self) -> bool:
        """Whether the HTTP status is one of success."""
        return self.response.status // 100 == 2

    @property
    def request_id(self) -> str | None:
        """The RequestId, or ``None``."""
        value = self.fields.get("RequestId")
        return value if isinstance(value, str) and value else None

    @property
    def success(self) -> bool:
        """A success: a RequestId, no Code of a failure, an HTTP status of success."""
        return self.code is None and self.request_id is not None and self.is_2xx

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
    """One step, and what answered it; ``failure`` where nothing did.

    unread: whether a reply may have come that was too late or too large to be read: no clause is
        about an endpoint's speed or a reply's size, so nothing is proven by it.
    """

    step: Step
    answer: ReadReply | None
    failure: str
    request: Request
    contract: Contract
    request_id_repeated: bool
    #: Whether the task had been started, by a request that was accepted, when this one was sent.
    existed: bool
    #: How many of several simultaneous starts succeeded, and how else the others were answered.
    winners: int | None = None
    losers: tuple[str, ...] = ()
    unread: bool = False

    @property
    def got(self) -> str:
        """What answered, in a few words."""
        return self.answer.shown() if self.answer else self.failure


Judge = Callable[[Observation], Judgement]


def read(response: Response, contract: Contract) -> ReadReply:
    """Read a reply, whatever it is."""
    body = _decompress(response)
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    syntax = cast(Any, "XML" if start == b"<" else "JSON" if start in (b"{", b"[") else "")
    answer = ReadReply(response=response, syntax=syntax, fields={}, body=body)
    try:
        return replace(answer, fields=wire.decode_reply(body, action=contract.action))
    except UnreadableReply as error:
        # S1's own example ends so: a clause of its own → reply.trailing-comma
        without_comma = _TRAILING_COMMA.sub(rb"\1", body)
        if without_comma != body:
            fields = read(replace(response, headers=(), body=without_comma), contract).fields
            if fields:
                return replace(answer, fields=fields, extra_comma=True)
        return replace(answer, problem=error.reason)


#: Codes by which other products of the same gateway say success.
_SUCCESSES = ("200", "OK", "SUCCESS")
_TRAILING_COMMA = re.compile(rb",\s*(\}\s*)$")


def _decompress(response: Response) -> bytes:
    """The body as it was before it was compressed, where a client has not done so already."""
    is_gzip = response.body[:2] == b"\x1f\x8b"
    with suppress(NotInCoding, TooLarge):
        if is_gzip or (response.header("content-encoding") or "").strip().lower() == "deflate":
            return decompress(response.body, "gzip" if is_gzip else "deflate")
    return response.body


# ------------------------------------------------------------------------ the cases of an endpoint

MODES = tuple((signature, method) for signature in ("1.0", "v3") for method in ("GET", "POST"))


def fresh(params: Mapping[str, Any], contract: Contract, *, panes_from: int | None = None) -> Pairs:
    """Parameters as pairs, with a TaskId that no run used before."""
    return fresh_pairs(cases.to_pairs(params, contract, panes_from=panes_from), contract)


def fresh_pairs(
    pairs: Iterable[tuple[str, str]],
    contract: Contract,
    task: str = "@task:1",
    *,
    url: str = "1",
) -> Pairs:
    """Pairs with a TaskId that no run used before, and with what no two tasks may share.

    Args:
        task: the placeholder of the TaskId.
        url: a name for the addresses: those of one name are the same.
    """
    exclusive = {p.name for p in contract.parameters if p.rest_seconds is not None}
    named = contract.parameters_by_wire_name
    found = []
    for name, value in pairs:
        # What is wrong in itself stays as it is: with another text it would be right.
        if name == "TaskId" and is_plain_string(named[name], value):
            value = task
        elif name in exclusive and _HAS_HOST.match(value):
            value = f"{_URL}{url}:{value}"
        found.append((name, value))
    return tuple(found)


#: ``@url:x:URL`` stands for that URL at a fresh host.
_URL = "@url:"
_HAS_HOST = re.compile(r"[^/?#]+://[^/?#:]")


def with_task(pairs: Pairs, task: str, *, url: str = "") -> Pairs:
    """Fresh pairs of another task, by its placeholder, and with an address of its own."""
    url = url or task.replace(":", "-")
    return tuple((name, task if name == "TaskId" else _at(value, url)) for name, value in pairs)


def at_address(pairs: Pairs, url: str) -> Pairs:
    """Fresh pairs of the same task with another address."""
    return tuple((name, _at(value, url)) for name, value in pairs)


def _at(value: str, url: str) -> str:
    return f"{_URL}{url}:{value.split(':', 2)[2]}" if value.startswith(_URL) else value


def single(name: str, step: Step) -> Scenario:
    """Return a scenario of one step."""
    return Scenario(name=name, steps=(step,))


def with_value(pairs: Pairs, name: str, value: str) -> Pairs:
    """Pairs with another value for one name."""
    return tuple((n, value if n == name else v) for n, v in pairs)


def sequence(name: str, *steps: Step) -> Scenario:
    """Return a scenario of these steps."""
    return Scenario(name=name, steps=steps)
