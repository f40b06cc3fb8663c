"""Checks of a client: what it sends, and what it makes of the reply.

The client is given a task and the URL of a loopback server of ours; it is judged by the requests
that arrive there and by the RequestId or the error that it comes back with.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal
from urllib.parse import quote

from pytest_rtcmpu import rules, wire
from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.bench import (
    BaseBench,
    Breach,
    Check,
    Settings,
    exchange_text,
    new_request_id,
)
from pytest_rtcmpu.checks.core import CannotRun, Finding, Phase
from pytest_rtcmpu.checks.testees.protocol import Outcome, Testee
from pytest_rtcmpu.contract import Contract, ErrorRow, Parameter
from pytest_rtcmpu.endpoint import Call, Diagnosis, Endpoint
from pytest_rtcmpu.rules import Problem
from pytest_rtcmpu.server.http import Server
from pytest_rtcmpu.values.credentials import Credentials
from pytest_rtcmpu.values.messages import Delivery, Request, Response

# Long and unlike anything else, so that finding it anywhere in a request is no coincidence.
_KEY = Credentials("LTAItestKeyOfTheBench", "s3cr3t+Of/TheBench~0a1b2c3d4e5f")
_TEMPORARY_KEY = Credentials(
    "STS.testKeyOfTheBench", "s3cr3t+OfTheTemporary/Key~9f8e7d6c", "t0ken/Of+The=Bench*1a2b3c4d"
)

#: So many autopsies are enough to say why signatures do not verify: each takes milliseconds.
MOST_AUTOPSIES = 60
#: So many hung starts are enough: each costs its whole timeout, and the verdict stands.
MOST_HUNG = 3

Kind = Literal["success", "natural", "error", "body", "never"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the server answers, whatever the request.

    kind: ``success`` – a RequestId; ``natural`` – what the endpoint says; ``error`` – a Code;
        ``body`` – these bytes; ``never`` – nothing.
    """

    kind: Kind = "success"
    request_id: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False
    code: str = ""
    http_status: int = 200
    message: str = ""
    body: str = ""
    content_type: str = "application/json"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One start. ``about`` is the clause that an odd reply is for; ``after`` names the one before.

    valid: whether the parameters keep every rule.
    token: whether the key is a temporary one, with a security token.
    """

    name: str
    params: Mapping[str, Any]
    plan: Plan = Plan()
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
    #: What is wrong with the parameters, by path and clause.
    problems: tuple[Problem, ...] = ()

    def values(self, name: str) -> list[str]:
        """Every value sent under exactly that name."""
        return [value for key, value in self.call.pairs if key == name]

    def value(self, name: str) -> str | None:
        """The first value sent under exactly that name."""
        return next(iter(self.values(name)), None)

    def items(self, name: str) -> dict[int, str]:
        """A list's items by index."""
        found = re.compile(rf"{name}\.(0|[1-9][0-9]{{0,5}})")
        matches = ((found.fullmatch(key), value) for key, value in self.call.pairs)
        return {int(match[1]): value for match, value in matches if match}

    def structs(self, name: str) -> dict[int, dict[str, str]]:
        """A list of structs by index."""
        found = re.compile(rf"{name}\.(0|[1-9][0-9]{{0,5}})\.(\w+)")
        items: dict[int, dict[str, str]] = {}
        for key, value in self.call.pairs:
            match = found.fullmatch(key)
            if match:
                items.setdefault(int(match[1]), {}).setdefault(match[2], value)
        return items


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One start: what was asked, what arrived, what the client made of it."""

    scenario: Scenario
    sent: tuple[Sent, ...]
    outcome: Outcome
    contract: Contract
    credentials: Credentials

    @property
    def last(self) -> Sent | None:
        """The last request of the start: the one whose reply counts."""
        return self.sent[-1] if self.sent else None


Judge = Callable[[Observation], "Iterable[Breach] | None"]


def _said(outcome: Outcome) -> str:
    """What a client made of a reply, in words."""
    if outcome.kind == "request_id":
        return f"success, RequestId {outcome.request_id!r}"
    if outcome.kind == "error":
        return f"an error with Code {outcome.code!r}: {outcome.message[:200]}"
    how = {"garbage": "neither a RequestId nor an error", "died": "it ended", "hung": "it hung"}
    return f"{how[outcome.kind]}: {outcome.message[:400]}"


# ------------------------------------------------------------------- what it sent: the parameters


def _given(o: Observation, name: str) -> Any:
    """The value that the client was asked to send; ``None`` where there is none."""
    return o.scenario.params.get(name)


def _present(sent: Sent, p: Parameter) -> bool:
    if p.kind == "integer-list":
        return bool(sent.items(p.name))
    if p.kind == "struct-list":
        return bool(sent.structs(p.name))
    return any(sent.value(name) is not None for name in (p.name, *p.aliases))


def _wanted(o: Observation) -> bool:
    """Whether parameters can be judged: they were valid, and a request came."""
    return o.scenario.valid and bool(o.sent)


def _required(name: str) -> Judge:
    def judge(o: Observation) -> Iterable[Breach] | None:
        p = o.contract.parameter(name)
        given = _given(o, name)
        # A zero that is not there is the business of the clause about zero too.
        if not _wanted(o) or given in (None, []):
            return None
        return [
            Breach(expected=f"{name} = {given!r}", got=f"no {name}")
            for s in o.sent
            if not _present(s, p)
        ]

    return judge


def _arrived(o: Observation) -> Iterable[Breach] | None:
    """A valid task leads to a request at all."""
    if not o.scenario.valid:
        return None
    if o.sent:
        return []
    return [Breach(expected="a request", got=f"none; {_said(o.outcome)}")]


def _once(o: Observation) -> Iterable[Breach] | None:
    if not _wanted(o):
        return None
    found = []
    for s in o.sent:
        names = [name for name, _ in s.call.pairs]
        documented = set(cases_names(o))
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                found.append(Breach(expected=f"{name} once", got=f"{names.count(name)} times"))
        lower = {name.lower(): name for name in documented}
        for name in names:
            right = lower.get(name.lower())
            if name not in documented and right is not None and right not in names:
                found.append(Breach(expected=right, got=f"the name {name}"))
    return found


def cases_names(o: Observation) -> Iterator[str]:
    """The names that a scenario's parameters have on the wire, from 0 and from 1."""
    for base in (0, 1):
        yield from (n for n, _ in cases.to_pairs(o.scenario.params, panes_from=base))


def _zero(name: str) -> Judge:
    def judge(o: Observation) -> Iterable[Breach] | None:
        if not _wanted(o) or _given(o, name) != 0:
            return None
        got = [s.value(name) for s in o.sent]
        return [
            Breach(expected=f"{name}=0", got=f"no {name}" if v is None else f"{name}={v}")
            for v in got
            if v is None or rules.integer(v) != 0
        ]

    return judge


def _zero_pane(o: Observation) -> Iterable[Breach] | None:
    given = _given(o, "UserPanes") or []
    at = next((i for i, item in enumerate(given) if item["PaneId"] == 0), None)
    if not _wanted(o) or at is None:
        return None
    found = []
    for s in o.sent:
        structs = s.structs("UserPanes")
        item = structs[sorted(structs)[at]] if at < len(structs) else {}
        text = item.get("PaneId")
        if text is None or rules.integer(text) != 0:
            found.append(Breach(expected="PaneId=0", got=f"PaneId={text}" if text else "no PaneId"))
    return found


def _integers(o: Observation, s: Sent) -> Iterator[tuple[str, str]]:
    """Every Integer that was sent: name and text."""
    for p in o.contract.parameters:
        if p.kind in ("integer", "integer-enum"):
            text = s.value(p.name)
            if text is not None:
                yield p.name, text
        elif p.kind == "integer-list":
            yield from ((f"{p.name}.{i}", text) for i, text in s.items(p.name).items())
        for part in p.fields:
            if part.kind == "integer":
                for index, item in s.structs(p.name).items():
                    if part.name in item:
                        yield f"{p.name}.{index}.{part.name}", item[part.name]


def _integer_form(o: Observation) -> Iterable[Breach] | None:
    if not _wanted(o):
        return None
    return [
        Breach(expected=f"{name} as decimal digits", got=repr(text))
        for s in o.sent
        for name, text in _integers(o, s)
        if not rules.is_integer(text)
    ]


def _same(p: Parameter, given: Any, text: str) -> bool:
    """Whether a text is what was given; an Integer by its value."""
    if p.kind.startswith("integer") and rules.is_integer(text):
        return bool(rules.integer(text) == given)
    return text == str(given)


def _unchanged(names: Callable[[Parameter], bool]) -> Judge:
    def judge(o: Observation) -> Iterable[Breach] | None:
        if not _wanted(o):
            return None
        found = []
        for s in o.sent:
            for p in o.contract.parameters:
                given, text = _given(o, p.name), s.value(p.name)
                if p.bases or given is None or text is None or not names(p):
                    continue
                if not _same(p, given, text):
                    found.append(Breach(expected=f"{p.name} = {given!r}", got=repr(text)))
        return found

    return judge


def _panes_unchanged(o: Observation) -> list[Breach]:
    """Fields of panes that were sent, and differ from what was given."""
    p = o.contract.parameter("UserPanes")
    given = _given(o, p.name) or []
    found = []
    for s in o.sent:
        structs = s.structs(p.name)
        for item, index in zip(given, sorted(structs), strict=False):
            for part in p.fields:
                text = structs[index].get(part.name)
                if text is not None and not _same(part, item[part.name], text):
                    name = f"{p.name}.{index}.{part.name}"
                    got = Breach(expected=f"{name} = {item[part.name]!r}", got=repr(text))
                    found.append(got)
    return found


def _values_unchanged(o: Observation) -> Iterable[Breach] | None:
    scalars = _unchanged(lambda p: p.kind != "url")(o)
    return None if scalars is None else [*scalars, *_panes_unchanged(o)]


def _list(
    judge: Callable[[Parameter, list[Any], Mapping[int, Any]], Breach | None], name: str
) -> Judge:
    def judge_list(o: Observation) -> Iterable[Breach] | None:
        p, given = o.contract.parameter(name), _given(o, name)
        if not _wanted(o) or not given:
            return None
        found = []
        for s in o.sent:
            items: Mapping[int, Any] = s.structs(name) if p.kind == "struct-list" else s.items(name)
            if items:
                found.append(judge(p, given, items))
        return [breach for breach in found if breach is not None]

    return judge_list


def _start(p: Parameter, given: list[Any], items: Mapping[int, Any]) -> Breach | None:
    if min(items) in p.bases:
        return None
    expected = " or ".join(f"{p.name}.{base}" for base in p.bases)
    return Breach(expected=f"{expected} first", got=f"{p.name}.{min(items)} first")


def _no_gaps(p: Parameter, given: list[Any], items: Mapping[int, Any]) -> Breach | None:
    indexes = sorted(items)
    if indexes == list(range(indexes[0], indexes[0] + len(indexes))):
        return None
    return Breach(expected="no gaps", got=f"{p.name} at {indexes}")


def _complete_list(p: Parameter, given: list[Any], items: Mapping[int, str]) -> Breach | None:
    sent = [items[index] for index in sorted(items)]
    if len(sent) == len(given) and all(map(_same, [p] * len(sent), given, sent)):
        return None
    return Breach(expected=f"{p.name} = {given}", got=f"{sent}")


def _complete_panes(
    p: Parameter, given: list[Any], items: Mapping[int, Mapping[str, str]]
) -> Breach | None:
    sent = [items[index] for index in sorted(items)]
    ids = [item.get("UserId") for item in sent]
    wanted = [item["UserId"] for item in given]
    # Whether each field is there and right is for other clauses; here it is which panes, in order.
    if len(sent) == len(given) and (sorted(map(str, ids)) != sorted(wanted) or ids == wanted):
        return None
    return Breach(expected=f"{len(given)} panes, of users {wanted}", got=f"{len(sent)}, of {ids}")


def _pane_field(part: str) -> Judge:
    def judge(o: Observation) -> Iterable[Breach] | None:
        if not _wanted(o) or not _given(o, "UserPanes"):
            return None
        return [
            Breach(expected=f"UserPanes.{index}.{part}", got=f"only {sorted(item)}")
            for s in o.sent
            for index, item in s.structs("UserPanes").items()
            if not item.get(part)
        ]

    return judge


def _panes_required(o: Observation) -> Iterable[Breach] | None:
    """Panes that were given arrive at all."""
    if not _wanted(o) or not _given(o, "UserPanes"):
        return None
    missing = [s for s in o.sent if not s.structs("UserPanes")]
    given = len(_given(o, "UserPanes"))
    complete = _list(_complete_panes, "UserPanes")(o) or []
    return [*(Breach(expected=f"{given} panes", got="no UserPanes") for _ in missing), *complete]


def _no_panes(o: Observation) -> Iterable[Breach] | None:
    if not _wanted(o) or _given(o, "UserPanes"):
        return None
    sent = [
        f"{name}={value}"
        for s in o.sent
        for name, value in s.call.pairs
        if name.partition(".")[0] == "UserPanes" and value
    ]
    return [Breach(expected="nothing of UserPanes", got=", ".join(sent))] if sent else []


def _keeps(clause: str) -> Judge:
    """A rule of one parameter's values: a client that was given a valid one sends a valid one."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        parameter = o.contract.clause(clause).parameter or ""
        if not _wanted(o) or not _given(o, parameter.partition(".")[0]):
            return None
        return [
            Breach(expected=f"{p.path} {p.expected}", got=p.got)
            for s in o.sent
            for p in s.problems
            if p.clause.id == clause
        ]

    return judge


# --------------------------------------------------------------------- what it sent: the envelope


def _envelope(clause: str, *, only: str | None = None) -> Judge:
    """A clause that the endpoint's own diagnosis speaks of; ``only`` for one kind of signature."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        sent = [s for s in o.sent if only in (None, s.diagnosis.signature)]
        if not sent:
            return None
        rule = o.contract.clause(clause)
        return [
            Breach(expected=rule.text, got=_came(s, rule.parameter))
            for s in sent
            if any(broken.id == clause for broken in s.diagnosis.clauses)
        ]

    return judge


def _came(s: Sent, parameter: str | None) -> str:
    if parameter is None:
        return s.call.request.method
    value = s.diagnosis.common.get(parameter)
    return f"no {parameter}" if value is None else f"{parameter}={value}"


def _path(o: Observation) -> Iterable[Breach] | None:
    path = o.contract.service.path
    if not o.sent:
        return None
    return [
        Breach(expected=f"path {path}", got=f"path {s.call.request.path}")
        for s in o.sent
        if s.call.request.path not in ("", path)
    ]


def _verifies(kind: str) -> Judge:
    def judge(o: Observation) -> Iterable[Breach] | None:
        sent = [s for s in o.sent if s.diagnosis.signature == kind]
        if not sent:
            return None
        return [Breach(expected="a signature that verifies", got=_why(s)) for s in sent if _why(s)]

    return judge


def _why(s: Sent) -> str:
    """Why the signature does not verify; empty where it does."""
    autopsy = s.diagnosis.autopsy
    if autopsy is not None and autopsy.causes:
        return "; ".join(map(str, autopsy.causes))
    # Without a key or a signature there is nothing to take apart; nor are all autopsies made.
    broken = [c for c in s.diagnosis.clauses if c.rule in ("required", "known", "verifies")]
    return "; ".join(c.text for c in broken if c.parameter in ("Signature", "AccessKeyId"))


def _cause(
    ids: Iterable[str], applies: Callable[[Sent], bool], *, only: str | None = None
) -> Judge:
    """A clause on one stage of the signature, by what the autopsy finds."""
    wanted = frozenset(ids)

    def judge(o: Observation) -> Iterable[Breach] | None:
        sent = [s for s in o.sent if only in (None, s.diagnosis.signature) and applies(s)]
        if not sent:
            return None
        return [
            Breach(expected="a signature over the canonical forms", got=str(cause))
            for s in sent
            for cause in (s.diagnosis.autopsy.causes if s.diagnosis.autopsy else ())
            if cause.id in wanted
        ]

    return judge


def _has_odd(s: Sent) -> bool:
    odd = set(cases.ODD_CHARACTERS)
    return any(odd & set(value) or not value.isascii() for _, value in s.call.pairs)


def _nonce(o: Observation) -> Iterable[Breach] | None:
    sent = [s for s in o.sent if s.diagnosis.common.get("SignatureNonce")]
    if not sent:
        return None
    return [
        Breach(
            expected="a nonce that no earlier request had",
            got=f"SignatureNonce={s.diagnosis.common['SignatureNonce']} again",
        )
        for s in sent
        if s.nonce_repeated
    ]


def _token(o: Observation) -> Iterable[Breach] | None:
    token = o.credentials.security_token
    if not o.sent or token is None:
        return None
    found = []
    for s in o.sent:
        carried = s.diagnosis.common.get("SecurityToken")
        if carried is None:
            found.append(Breach(expected="the key's SecurityToken", got="no SecurityToken"))
        elif carried != token.reveal():
            found.append(Breach(expected="the key's SecurityToken, unchanged", got="another"))
        elif _why(s):
            found.append(Breach(expected="SecurityToken signed over", got=_why(s)))
    return found


def _secret_forms(credentials: Credentials) -> tuple[bytes, ...]:
    raw = credentials.access_key_secret.reveal()
    once = quote(raw, safe="")
    texts = (raw, once, quote(raw, safe="~"), quote(once, safe="~"), once.lower())
    encoded = (base64.b64encode(raw.encode()).rstrip(b"="), raw.encode().hex().encode())
    return tuple({*(text.encode() for text in texts), *encoded})


def _decoded(content: bytes) -> bytes:
    """What stands in Base64 within a content, as in ``Authorization: Basic``."""
    tokens = re.findall(rb"[A-Za-z0-9+/_-]{16,}", content)
    plain = (token.replace(b"-", b"+").replace(b"_", b"/") for token in tokens)
    return b"\n".join(
        base64.b64decode(token + b"=" * (-len(token) % 4)) for token in plain if len(token) % 4 != 1
    )


def _secret(o: Observation) -> Iterable[Breach] | None:
    if not o.sent:
        return None
    found = []
    for s in o.sent:
        request = s.call.request
        places = {
            "the target": request.target.encode("utf-8", "replace"),
            "the body": request.body,
            **{f"header {n}": v.encode("utf-8", "replace") for n, v in request.headers},
        }
        for place, content in places.items():
            shown = content + b"\n" + _decoded(content)
            if any(form in shown for form in _secret_forms(o.credentials)):
                got = f"the AccessKeySecret in {place}"
                found.append(Breach(expected="the AccessKeySecret nowhere", got=got))
    return found


# ------------------------------------------------------------------ what it made of the reply


def _replied(o: Observation) -> Sent | None:
    """The last exchange, where a reply was planned that a client can read."""
    return o.last if o.scenario.plan.kind in ("success", "natural", "error") else None


def _returned(applies: Callable[[Observation, Sent], bool]) -> Judge:
    """A success is reported, with the RequestId that was sent."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        last = _replied(o)
        if last is None or last.code is not None or not applies(o, last):
            return None
        if o.outcome.kind == "request_id" and o.outcome.request_id == last.request_id:
            return []
        return [Breach(expected=f"success, RequestId {last.request_id!r}", got=_said(o.outcome))]

    return judge


def _reported(applies: Callable[[Observation, Sent, ErrorRow | None], bool]) -> Judge:
    """A reply with a Code is reported as an error with that Code."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        last = _replied(o)
        if last is None or last.code is None:
            return None
        rows = o.contract.errors_by_code.get(last.code, ())
        status = last.reply.status
        row = next((row for row in rows if row.http_status == status), rows[0] if rows else None)
        if not applies(o, last, row):
            return None
        if o.outcome.kind == "error" and o.outcome.code == last.code:
            return []
        expected = f"an error with Code {last.code!r} (HTTP {status})"
        return [Breach(expected=expected, got=_said(o.outcome))]

    return judge


def _of_code(code: str) -> Judge:
    return _reported(lambda o, last, row: last.code == code)


def _of_table(table: str) -> Judge:
    return _reported(lambda o, last, row: row is not None and row.table == table)


def _unreadable(clause: str) -> Judge:
    def judge(o: Observation) -> Iterable[Breach] | None:
        if o.scenario.about != clause or not o.sent:
            return None
        if o.outcome.kind == "error":
            return []
        return [Breach(expected="an error", got=_said(o.outcome))]

    return judge


def _alive(o: Observation) -> Iterable[Breach] | None:
    if not o.scenario.after:
        return None
    if o.outcome.kind in ("request_id", "error") and o.sent:
        # Whether it reports the reply rightly is for others to judge: here it is alive.
        last = _replied(o)
        if last is None or last.code is not None or o.outcome.kind == "request_id":
            return []
    expected = f"the next task served after: {o.scenario.after}"
    return [Breach(expected=expected, got=_said(o.outcome))]


_ENCODING = (
    "plus-for-space",
    "tilde-encoded",
    "asterisk-raw",
    "double-encoding",
    "charset",
    "reserved-raw",
    "slash-raw",
    "lower-case-hex",
)

CLIENT_CHECKS: tuple[Check[Observation], ...] = (
    Check(clause="request.path", judge=_path),
    Check(clause="request.sent", judge=_arrived),
    Check(clause="request.method.supported", judge=_envelope("request.method.supported")),
    Check(clause="request.parameter.once", judge=_once),
    Check(clause="request.values.unchanged", judge=_values_unchanged),
    Check(clause="request.utf-8", judge=_cause(("charset",), _has_odd)),
    Check(clause="request.integer.form", judge=_integer_form),
    Check(clause="format.known", judge=_envelope("format.known")),
    *(
        Check(clause=clause, judge=_envelope(clause))
        for clause in (
            "version.required",
            "action.required",
            "access-key-id.required",
            "signature.required",
            "timestamp.required",
            "signature-nonce.required",
            "version.value",
            "action.known",
            "signature-method.value",
            "timestamp.format",
            "timestamp.window",
        )
    ),
    *(
        Check(clause=clause, judge=_envelope(clause, only="1.0"))
        for clause in (
            "signature-method.required",
            "signature-version.required",
            "signature-version.value",
        )
    ),
    Check(
        clause="v3.content-sha256.required",
        judge=_envelope("v3.content-sha256.required", only="v3"),
    ),
    Check(clause="signature.1-0.verifies", judge=_verifies("1.0")),
    Check(clause="signature.v3.verifies", judge=_verifies("v3")),
    Check(
        clause="signature.v3.signed-headers",
        judge=_cause(
            ("header-not-signed", "signed-header-absent", "signed-headers-unsorted", "body-hash"),
            lambda s: True,
            only="v3",
        ),
    ),
    Check(clause="signature.method", judge=_cause(("wrong-method",), lambda s: True)),
    Check(
        clause="signature.empty-values",
        judge=_cause(("empty-left-out",), lambda s: any(not value for _, value in s.call.pairs)),
    ),
    Check(clause="signature.encoding", judge=_cause(_ENCODING, _has_odd)),
    Check(clause="nonce.unique", judge=_nonce),
    Check(clause="security-token.signed", judge=_token),
    Check(clause="secret.never-sent", judge=_secret),
    Check(clause="app-id.required", judge=_required("AppId")),
    Check(clause="channel-id.required", judge=_required("ChannelId")),
    Check(clause="task-id.required", judge=_required("TaskId")),
    Check(clause="task-profile.required", judge=_required("TaskProfile")),
    Check(clause="media-encode.required", judge=_required("MediaEncode")),
    Check(clause="media-encode.zero", judge=_zero("MediaEncode")),
    Check(clause="background-color.required", judge=_required("BackgroundColor")),
    Check(clause="background-color.zero", judge=_zero("BackgroundColor")),
    Check(clause="layout-ids.required", judge=_required("LayoutIds")),
    Check(clause="layout-ids.several", judge=_list(_complete_list, "LayoutIds")),
    Check(clause="repeat-list.layout-ids.from-1", judge=_list(_start, "LayoutIds")),
    Check(clause="repeat-list.layout-ids.no-gaps", judge=_list(_no_gaps, "LayoutIds")),
    Check(clause="user-panes.optional", judge=_no_panes),
    Check(clause="user-panes.complete", judge=_panes_required),
    Check(clause="user-panes.pane-id.required", judge=_pane_field("PaneId")),
    Check(clause="user-panes.user-id.required", judge=_pane_field("UserId")),
    Check(clause="user-panes.source-type.required", judge=_pane_field("SourceType")),
    Check(clause="user-panes.pane-id.zero", judge=_zero_pane),
    Check(clause="repeat-list.user-panes.from-0-or-1", judge=_list(_start, "UserPanes")),
    Check(clause="repeat-list.user-panes.no-gaps", judge=_list(_no_gaps, "UserPanes")),
    Check(clause="stream-url.required", judge=_required("StreamURL")),
    Check(clause="stream-url.unchanged", judge=_unchanged(lambda p: p.kind == "url")),
    *(
        Check(clause=clause, judge=_keeps(clause))
        for clause in (
            "task-profile.enum",
            "task-profile.letter-case",
            "media-encode.integer",
            "media-encode.enum",
            "background-color.integer",
            "background-color.range",
            "layout-ids.integer",
            "layout-ids.known",
            "user-panes.pane-id.integer",
            "user-panes.pane-id.range",
            "user-panes.source-type.enum",
            "user-panes.source-type.letter-case",
            "stream-url.rtmp",
            "stream-url.absolute",
        )
    ),
    Check(clause="reply.request-id.returned", judge=_returned(lambda o, last: True)),
    Check(
        clause="reply.json",
        judge=_returned(lambda o, last: last.call.reply_format == "JSON"),
    ),
    Check(clause="reply.xml", judge=_returned(lambda o, last: last.call.reply_format == "XML")),
    Check(
        clause="reply.extra-fields",
        judge=_returned(lambda o, last: bool(o.scenario.plan.extra)),
    ),
    Check(
        clause="reply.error.in-http-200",
        judge=_reported(lambda o, last, row: last.reply.status == 200),
    ),
    Check(clause="reply.unreadable.html", judge=_unreadable("reply.unreadable.html")),
    Check(clause="reply.unreadable.empty", judge=_unreadable("reply.unreadable.empty")),
    Check(clause="reply.unreadable.truncated", judge=_unreadable("reply.unreadable.truncated")),
    Check(
        clause="reply.unreadable.not-an-object",
        judge=_unreadable("reply.unreadable.not-an-object"),
    ),
    Check(
        clause="reply.unreadable.no-request-id",
        judge=_unreadable("reply.unreadable.no-request-id"),
    ),
    Check(clause="reply.never", judge=_unreadable("reply.never")),
    Check(clause="reply.alive-after", judge=_alive),
    Check(clause="error.task-existed", judge=_of_code("TaskExisted")),
    Check(clause="error.internal-error", judge=_of_code("InternalError")),
    Check(clause="error.invalid-layout-id", judge=_of_code("InvalidLayoutID.Malformed")),
    Check(clause="error.invalid-media-encode", judge=_of_code("InvalidMediaEncode.Malformed")),
    Check(
        clause="error.invalid-background-color",
        judge=_of_code("InvalidBackgroundColor.Malformed"),
    ),
    Check(
        clause="error.missing-parameter",
        judge=_reported(
            lambda o, last, row: row is not None and row.family == "Missing{Parameter}"
        ),
    ),
    Check(clause="error.gateway-codes", judge=_of_table("gateway")),
    Check(clause="error.service-codes", judge=_of_table("service")),
    Check(clause="error.unknown-code", judge=_reported(lambda o, last, row: row is None)),
)


# ------------------------------------------------------------------------------------- the bench


class ClientBench(BaseBench[Observation, Scenario]):
    """A client under test, and the loopback server that it talks to."""

    subject = "client"
    checks = CLIENT_CHECKS

    def __init__(
        self, testee: Testee, settings: Settings, contract: Contract | None = None
    ) -> None:
        super().__init__(testee.target, settings, contract)
        self._testee = testee
        self._endpoint = Endpoint(
            [_KEY, _TEMPORARY_KEY], warn=lambda _: None, explain=False, contract=self.contract
        )
        self._plan = Plan()
        self._arrived: list[Sent] = []
        self._nonces: set[tuple[str, str]] = set()
        self._hung = 0
        self._autopsies = 0
        self._server = Server(self._handle)
        self._server.start()

    def close(self) -> None:
        """Stop the server and end the client."""
        self._server.stop()
        self._testee.close()

    def replay(self, case: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Run a saved case again, signed afresh, and return what breaks its clause."""
        try:
            scenarios = [_scenario(row) for row in case["scenarios"]]
            clause = str(case["clause"])
        except (KeyError, TypeError, ValueError) as error:
            raise CannotRun(f"not a case of a client: {error}") from None
        found: list[Finding] = []
        self.forget()
        for scenario in scenarios:
            found += self._observe("documented", scenario, reset=False)
        return tuple(finding for finding in found if finding.clause == clause)

    # -------------------------------------------------------------------------------- the server

    def _handle(self, request: Request) -> Response:
        diagnosis = self._endpoint.diagnose(request, explain=self._autopsies < MOST_AUTOPSIES)
        self._autopsies += diagnosis.autopsy is not None
        natural = self._endpoint.handle(request)
        call = self._endpoint.calls[-1]
        reply, request_id, code = self._planned(call, natural)
        nonce = (
            diagnosis.common.get("AccessKeyId", ""),
            diagnosis.common.get("SignatureNonce", ""),
        )
        self._arrived.append(
            Sent(
                call=call,
                diagnosis=diagnosis,
                reply=reply,
                request_id=request_id,
                code=code,
                nonce_repeated=bool(nonce[1]) and nonce in self._nonces,
                problems=rules.judge(call.pairs, self.contract).problems,
            )
        )
        self._nonces.add(nonce)
        return reply

    def _planned(self, call: Call, natural: Response) -> tuple[Response, str | None, str | None]:
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
        fields = [("RequestId", request_id)]
        if plan.kind == "error":
            fields += [
                ("HostId", self.contract.service.host),
                ("Code", plan.code),
                ("Message", plan.message),
            ]
        fields += plan.extra.items()
        root = "Error" if plan.kind == "error" else f"{self.contract.service.action}Response"
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
        if self._hung >= MOST_HUNG:
            return []
        if reset:
            self._endpoint.reset()
        credentials = _TEMPORARY_KEY if scenario.token else _KEY
        self._plan = scenario.plan
        arrived: list[Sent] = []
        self._arrived = arrived
        outcome = self._testee.start(
            dict(scenario.params),
            endpoint=self._server.url,
            credentials=credentials,
            timeout=scenario.timeout or self.settings.timeout,
        )
        if outcome.kind == "hung":
            self._hung += 1
            if self._hung == MOST_HUNG:
                where = f"the last time in {phase} at {scenario.name!r}"
                self.notes.append(
                    f"the client hung {MOST_HUNG} times, {where}; nothing more was run"
                )
        # What an abandoned start still sends later is nobody's business.
        self._arrived = []
        observation = Observation(
            scenario=scenario,
            sent=tuple(arrived),
            outcome=outcome,
            contract=self.contract,
            credentials=credentials,
        )
        return self._judge(
            phase,
            observation,
            scenario=scenario.name,
            exchanges=lambda: tuple(
                exchange_text(s.call.request, s.reply, _KEY, _TEMPORARY_KEY) for s in arrived
            ),
            case=lambda: {"scenarios": [_row(scenario)]},
        )

    def _scenarios(self, phase: Phase) -> Iterable[Scenario]:
        return documented(self.contract) if phase == "documented" else pairwise(self.contract)

    def _run_fuzz(self) -> None:
        from hypothesis import given

        from pytest_rtcmpu import strategies
        from pytest_rtcmpu.checks.hunt import make_settings, seed

        @seed(self.settings.seed)
        @make_settings(self.settings.max_examples)
        @given(task=strategies.tasks(contract=self.contract), plan=_plans(self.contract))
        def run(task: Any, plan: Plan) -> None:
            scenario = Scenario(name="fuzz", params=cases.from_task(task), plan=plan)
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
        rows = [_row(scenario) for scenario in scenarios]
        self._hit("stateful", [replace(f, case={"scenarios": rows}) for f in found])

    def _run_stateful(self) -> None:
        from pytest_rtcmpu.checks.stateful import client_machine

        self._hunt("stateful", lambda: client_machine(self))


def _row(scenario: Scenario) -> dict[str, Any]:
    """A scenario as JSON values."""
    row = {**vars(scenario), "params": json.loads(json.dumps(dict(scenario.params)))}
    row["plan"] = asdict(scenario.plan)
    return row


def _scenario(row: Mapping[str, Any]) -> Scenario:
    return Scenario(**{**row, "plan": Plan(**row["plan"])})


# -------------------------------------------------------------------------- the cases of a client


def documented(contract: Contract) -> Iterator[Scenario]:
    """Yield the fixed cases: every row of every table, and every kind of reply."""
    for name, _, params in cases.valid(contract):
        yield Scenario(name=name, params=params)
    plain = cases.plain(contract)
    spaced = cases.plain(contract, UserPanes=[cases.pane(contract, 0, " user ")])
    yield Scenario(name="UserId with spaces around it", params=spaced)
    yield Scenario(name="temporary key", params=plain, token=True)
    for name, plan, about in replies(contract):
        timeout = 1.0 if plan.kind == "never" else None
        yield Scenario(name=name, params=plain, plan=plan, about=about, timeout=timeout)
        if plan.kind in ("body", "never"):
            yield Scenario(name=f"after {name}", params=plain, after=name)
    failed = "InternalError"
    yield Scenario(name=f"after {failed}", params=plain, after=failed)


def failure(contract: Contract, row: ErrorRow) -> Plan:
    """Return the plan of a reply with a documented Code."""
    message = row.message
    if row.code in contract.rule("Signature", "verifies").codes:
        # "a real gateway appends …", and there are clients that rely on it.
        message += f"{contract.service.string_to_sign_suffix}GET&%2F&AppId%3Dapp1"
    return Plan(kind="error", code=row.code, http_status=row.http_status, message=message)


def replies(contract: Contract) -> Iterator[tuple[str, Plan, str]]:
    """Yield (name, plan, clause it is about) for every documented reply and every unreadable one.

    The clause is empty where the Code or the RequestId that was sent tells it.
    """
    extra = {"Recommend": "https://api.example.com/?q=1", "HostId": contract.service.host}
    yield "RequestId as S2 writes it", Plan(request_id="8906582E-6722-4A6F-B1C3-0A4E5F2C7D11"), ""
    yield "extra fields", Plan(extra=extra), ""
    yield "chunked", Plan(chunked=True), ""
    for code, rows in contract.errors_by_code.items():
        for status in dict.fromkeys(row.http_status for row in rows):
            yield f"{code} (HTTP {status})", failure(contract, contract.error(code, status)), ""
    unknown = Plan(kind="error", code="Something.Unheard.Of", message="Nobody documents this.")
    for status in (200, 400, 500):
        yield f"an unknown Code (HTTP {status})", replace(unknown, http_status=status), ""
    extra_error = Plan(kind="error", code="InternalError", http_status=500, extra=extra)
    yield "an error with extra fields", extra_error, ""
    for name, about, status, content_type, body in UNREADABLE:
        plan = Plan(kind="body", http_status=status, content_type=content_type, body=body)
        yield name, plan, about
    yield "no reply", Plan(kind="never"), "reply.never"


_JSON, _HTML = "application/json;charset=utf-8", "text/html"
_PAGE = "<html>\r\n<head><title>{0}</title></head>\r\n<body><h1>{0}</h1></body>\r\n</html>"
_TRUNCATED = "reply.unreadable.truncated"
_NO_OBJECT = "reply.unreadable.not-an-object"
_NO_ID = "reply.unreadable.no-request-id"
#: (name, clause, HTTP status, Content-Type, body) of what is no reply.
UNREADABLE: tuple[tuple[str, str, int, str, str], ...] = (
    ("HTML (HTTP 502)", "reply.unreadable.html", 502, _HTML, _PAGE.format("502 Bad Gateway")),
    ("HTML (HTTP 200)", "reply.unreadable.html", 200, _HTML, _PAGE.format("Welcome")),
    ("HTML as JSON (HTTP 200)", "reply.unreadable.html", 200, _JSON, _PAGE.format("Log in")),
    ("an empty body", "reply.unreadable.empty", 200, _JSON, ""),
    ("an empty body (HTTP 500)", "reply.unreadable.empty", 500, _JSON, ""),
    ("half a success", _TRUNCATED, 200, _JSON, '{"RequestId":"760bad53276431c499e3'),
    (
        "a success but its end",
        _TRUNCATED,
        200,
        _JSON,
        '{"RequestId":"760bad53276431c499e30dc36f6b26be"',
    ),
    (
        "half an error",
        _TRUNCATED,
        400,
        _JSON,
        '{"RequestId":"760bad53276431c499e30dc36f6b26be","Code":"Inva',
    ),
    ("an empty array", _NO_OBJECT, 200, _JSON, "[]"),
    ("an array", _NO_OBJECT, 200, _JSON, '[{"RequestId":"760bad53276431c499e30dc36f6b26be"}]'),
    ("a string", _NO_OBJECT, 200, _JSON, '"760bad53276431c499e30dc36f6b26be"'),
    ("null", _NO_OBJECT, 200, _JSON, "null"),
    ("an empty object", _NO_ID, 200, _JSON, "{}"),
    ("other fields only", _NO_ID, 200, _JSON, '{"Data":{"Status":1},"Success":true}'),
    ("RequestId null", _NO_ID, 200, _JSON, '{"RequestId":null}'),
)


def pairwise(contract: Contract) -> Iterator[Scenario]:
    """Yield a case for each row of the covering array."""
    for name, params, _ in cases.pairwise(contract):
        yield Scenario(name=name, params=params)


def _plans(contract: Contract) -> Any:
    """A strategy of plans: success mostly, else any reply but the one that never comes."""
    from hypothesis import strategies as st

    odd = [plan for _, plan, about in replies(contract) if not about]
    return st.one_of(st.just(Plan()), st.just(Plan()), st.sampled_from(odd))
