"""Requests that break exactly one rule of the envelope around the parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu import wire
from pytest_rtcmpu.contract import Clause, Contract
from pytest_rtcmpu.errors import APIError
from pytest_rtcmpu.model import StartMPUTask
from pytest_rtcmpu.rules import Pairs
from pytest_rtcmpu.strategies.values import in_force
from pytest_rtcmpu.strategies.violations import chosen_clauses, http_statuses_of
from pytest_rtcmpu.values.credentials import Credentials, Secret

if TYPE_CHECKING:
    from pytest_rtcmpu.client import Client, Envelope, Reply


# ---------------------------------------------------------------------------- a broken envelope

_Change = Callable[["Envelope"], "Envelope"]


@dataclass(frozen=True, kw_only=True)
class GatewayViolation:
    """What breaks one rule of the envelope, applied when a request is sent.

    clause: the id of the clause that is broken. level: how sure it is.
    what: what is wrong, in words.
    signature: the signature it is made for, ``1.0`` or ``v3``.
    parameter: the common parameter that is wrong; ``None`` for the HTTP method.
    codes, http_statuses: the Codes that may answer, one of them, and their HTTP statuses.
    repeats: the nonce of an earlier, good request is sent again.
    """

    clause: str
    level: str
    what: str
    signature: Literal["1.0", "v3"]
    parameter: str | None
    codes: frozenset[str]
    http_statuses: frozenset[int]
    repeats: bool = False
    change: _Change = field(repr=False, compare=False)

    def apply(self, envelope: Envelope) -> Envelope:
        """Return the envelope, broken: for ``client.call(…, envelope=violation.apply)``.

        A repeated nonce needs an earlier request: use :meth:`send`.
        """
        return self.change(envelope)

    def send(
        self, client: Client, request: StartMPUTask | Pairs, action: str | None = None
    ) -> Reply:
        """Send a task, or raw pairs, in the broken envelope; return or raise what the client does.

        action: ``StartMPUTask`` unless given. For a repeated nonce a good request goes first,
        whatever answers it. Raises ValueError for a client that signs in the other way.
        """
        if client.signature != self.signature:
            raise ValueError(
                f"client: expected one with signature={self.signature!r}, got {client!r}"
            )
        action = action or _contract.load().service.action
        pairs: Pairs = (
            request.to_wire(user_panes_from=client.user_panes_from)
            if isinstance(request, StartMPUTask)
            else request
        )
        if not self.repeats:
            return client.call(action, pairs, envelope=self.apply)
        nonces: list[str] = []

        def remember(envelope: Envelope) -> Envelope:
            nonces.append(envelope.nonce)
            return envelope

        # "A nonce counts as used once its signature has verified", even if the task exists.
        with suppress(APIError):
            client.call(action, pairs, envelope=remember)
        return client.call(
            action, pairs, envelope=lambda envelope: replace(envelope, nonce=nonces[0])
        )


#: What is wrong, in words, and the change that makes it so.
_Defects = st.SearchStrategy[tuple[str, _Change]]


def _defects(*rows: tuple[str, _Change]) -> _Defects:
    return st.sampled_from(rows)


def _set(**values: Any) -> _Change:
    return lambda envelope: replace(envelope, **values)


#: Where the client's envelope holds a common parameter that may come with another value.
_HELD_IN = {
    "Version": "version",
    "Action": "action",
    "SignatureMethod": "signature_method",
    "Timestamp": "timestamp",
    "SignatureVersion": "signature_version",
    "SignatureNonce": "nonce",
}


def _absent(contract: Contract, name: str) -> _Defects:
    rows: list[tuple[str, _Change]] = [
        (f"no {name}", lambda envelope: replace(envelope, omit=envelope.omit | {name}))
    ]
    if name in _HELD_IN:
        rows.append((f"an empty {name}", _set(**{_HELD_IN[name]: ""})))
    return _defects(*rows)


def _other_value(contract: Contract, name: str) -> _Defects:
    """A value near the documented one, in no letter case the same."""
    value = next(p.value or "" for p in contract.common_parameters if p.name == name)
    values = (value[:-1], f"{value}1", f"x{value}", "x")
    return _defects(*((f"{name}={v}", _set(**{_HELD_IN[name]: v})) for v in values))


def _other_action(contract: Contract, name: str) -> _Defects:
    """The Action in another letter case ("case matters"), or misspelt."""
    action = contract.service.action
    others = (action.lower(), action.upper(), action.swapcase(), action[:-1], f"{action}s", "x")
    return _defects(*((f"Action={a}", _set(action=a)) for a in others if a != action))


def _other_format(contract: Contract, name: str) -> _Defects:
    known = {text.upper() for text in contract.service.formats}
    others = [text for text in ("x", "YAML", "TEXT", "JSON5", "HTML") if text not in known]
    return _defects(*((f"Format={text}", _set(reply_format=text)) for text in others))


def _other_method(contract: Contract, name: str) -> _Defects:
    # HEAD is left out: its reply has no body, and so no Code.
    methods = [m for m in ("PUT", "DELETE", "PATCH") if m not in contract.service.methods]
    return _defects(*((f"method {method}", _set(method=method)) for method in methods))


def _moment(envelope: Envelope, contract: Contract) -> datetime:
    return wire.parse_timestamp(envelope.timestamp, contract) or datetime.now(UTC)


#: Other forms of a moment, made from the documented one.
_FORMS_OF_TIME: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("no Z", lambda form: form.removesuffix("Z")),
    ("an offset for Z", lambda form: form.removesuffix("Z") + "+08:00"),
    ("a fraction", lambda form: form.replace("%S", "%S.000")),
    ("a space for T", lambda form: form.replace("T", " ").removesuffix("Z")),
    ("slashes", lambda form: form.replace("-", "/")),
    ("no punctuation", lambda form: form.replace("-", "").replace(":", "")),
    ("no seconds", lambda form: form.replace(":%S", "")),
    ("no time", lambda form: form.partition("T")[0]),
    ("an epoch", lambda form: "{epoch}"),
    ("an epoch in milliseconds", lambda form: "{epoch}000"),
    ("a word", lambda form: "now"),
)


def _malformed_time(contract: Contract, name: str) -> _Defects:
    def change(make: Callable[[str], str], envelope: Envelope) -> Envelope:
        moment = _moment(envelope, contract)
        text = moment.strftime(make(contract.service.timestamp_format))
        return replace(envelope, timestamp=text.format(epoch=int(moment.timestamp())))

    return _defects(*((f"Timestamp with {w}", partial(change, make)) for w, make in _FORMS_OF_TIME))


#: So far beyond the window that neither a slow machine nor a rounded second matters.
_CLEAR_MARGIN = 60
_HOUR = 3600


def _expired_time(contract: Contract, name: str) -> _Defects:
    def defect(offset: int) -> tuple[str, _Change]:
        def change(envelope: Envelope) -> Envelope:
            moment = _moment(envelope, contract) + timedelta(seconds=offset)
            return replace(envelope, timestamp=wire.format_timestamp(moment, contract))

        return f"Timestamp {offset:+d} s from the clock", change

    least = contract.service.timestamp_window_seconds + _CLEAR_MARGIN
    # Eight hours: China's local time, sent as though it were UTC.
    away = st.one_of(
        st.sampled_from([least, max(least, 8 * _HOUR)]), st.integers(least, least + 1000 * _HOUR)
    )
    return st.tuples(st.sampled_from((-1, 1)), away).map(lambda pair: defect(pair[0] * pair[1]))


def _with_key(make: Callable[[Credentials], Credentials]) -> _Change:
    return lambda envelope: replace(envelope, credentials=make(envelope.credentials))


def _unknown_key(contract: Contract, name: str) -> _Defects:
    def other_id(key: Credentials) -> Credentials:
        return replace(key, access_key_id=f"{key.access_key_id}-unknown")

    return _defects(("an AccessKeyId that does not exist", _with_key(other_id)))


def _another(char: str) -> str:
    return "1" if char == "0" else "0"


def _wrong_signature(contract: Contract, name: str) -> _Defects:
    def other_secret(key: Credentials) -> Credentials:
        return replace(key, access_key_secret=Secret(f"{key.access_key_secret.reveal()}x"))

    return _defects(
        ("a signature with another first character", _set(tamper=lambda s: _another(s[0]) + s[1:])),
        ("a signature cut short", _set(tamper=lambda s: s[: len(s) // 2])),
        ("a signature of zeros", _set(tamper=lambda s: "0" * len(s))),
        ("a signature made with another secret", _with_key(other_secret)),
    )


def _repeated_nonce(contract: Contract, name: str) -> _Defects:
    return _defects(("a SignatureNonce sent before", lambda envelope: envelope))


_BOTH = frozenset({"1.0", "v3"})
_ONLY_1_0 = frozenset({"1.0"})
# By parameter and rule; ``None`` as a parameter stands for every one that has no row of its own.
# Under V3 only what has a documented Code: none is for an absent header (S4) or another algorithm.
_ENVELOPES: Mapping[
    tuple[str | None, str], tuple[frozenset[str], Callable[[Contract, str], _Defects]]
] = {
    (None, "method"): (_BOTH, _other_method),
    ("Format", "enum"): (_BOTH, _other_format),
    (None, "required"): (_ONLY_1_0, _absent),
    ("Version", "enum"): (_BOTH, _other_value),
    ("Action", "enum"): (_BOTH, _other_action),
    ("SignatureMethod", "enum"): (_ONLY_1_0, _other_value),
    ("SignatureVersion", "enum"): (_ONLY_1_0, _other_value),
    ("Timestamp", "format"): (_BOTH, _malformed_time),
    ("Timestamp", "window"): (_BOTH, _expired_time),
    ("AccessKeyId", "known"): (_BOTH, _unknown_key),
    ("Signature", "verifies"): (_BOTH, _wrong_signature),
    ("SignatureNonce", "unique"): (_BOTH, _repeated_nonce),
}


def _gateway_violation(
    contract: Contract, clause: Clause, signature: Literal["1.0", "v3"], defect: tuple[str, _Change]
) -> GatewayViolation:
    what, change = defect
    return GatewayViolation(
        clause=clause.id,
        level=clause.level,
        what=what,
        signature=signature,
        parameter=clause.parameter,
        codes=frozenset(clause.codes),
        http_statuses=http_statuses_of(contract, clause.codes),
        repeats=clause.rule == "unique",
        change=change,
    )


@lru_cache(maxsize=64)
def _gateway_violations(
    contract: Contract, signature: Literal["1.0", "v3"]
) -> Mapping[str, st.SearchStrategy[GatewayViolation]]:
    common = {p.name for p in contract.common_parameters} | {None}
    found = {}
    for clause in contract.clauses:
        if clause.parameter not in common or clause.rule is None:
            continue
        nobody: tuple[frozenset[str], Any] = (frozenset(), None)
        row = _ENVELOPES.get((clause.parameter, clause.rule))
        signatures, defects = row or _ENVELOPES.get((None, clause.rule), nobody)
        if signature in signatures:
            make = partial(_gateway_violation, contract, clause, signature)
            found[clause.id] = defects(contract, str(clause.parameter)).map(make)
    return found


def gateway_violations(
    signature: Literal["1.0", "v3"] = "1.0",
    *,
    contract: Contract | None = None,
    clauses: str | Iterable[str] | None = None,
) -> st.SearchStrategy[GatewayViolation]:
    """What breaks exactly one rule of the envelope: ``violation.send(client, task)``.

    signature: how the client that sends it signs. Under ``v3`` there are fewer: which Code answers
        an absent header is nowhere documented.
    clauses: only these clauses, by id or glob.

    Raises InvalidArgument for another signature, or a clause that no violation belongs to. A
    disabled key (access-key-id.active) is none: that is the endpoint's doing.
    """
    judge_by = in_force(contract)
    if signature not in judge_by.signatures:
        raise InvalidArgument(f"signature: expected '1.0' or 'v3', got {signature!r}")
    return st.one_of(chosen_clauses(_gateway_violations(judge_by, signature), clauses))
