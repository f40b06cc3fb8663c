"""The endpoint, sans-IO: a request in, the documented reply out.

It knows no HTTP library; the adapters know it.
"""

from __future__ import annotations

import warnings as _warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu import faults, wire
from pytest_rtcmpu.contract import Clause, Contract, ErrorRow, SignatureKind
from pytest_rtcmpu.endpoint.controls import Controls
from pytest_rtcmpu.endpoint.effects import EFFECTS, Fields, emptiest
from pytest_rtcmpu.endpoint.exchange import AskedFor, Exchange, Refusal, open_exchange
from pytest_rtcmpu.endpoint.handling import (
    ENVELOPE_STEPS,
    STATELESS_STEPS,
    STEPS,
    absent_common,
)
from pytest_rtcmpu.endpoint.record import MAX_CALLS, Answer, Call
from pytest_rtcmpu.endpoint.state import AskedAnswer, AskedFault, Spoil
from pytest_rtcmpu.errors import RTCMPUWarning, SignatureWarning, SilenceWarning
from pytest_rtcmpu.signatures.autopsy import Autopsy
from pytest_rtcmpu.values.arguments import expect_number, naming_keywords
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS, Credentials
from pytest_rtcmpu.values.messages import Request, Response


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is wrong with a request's envelope: the clauses it breaks, and the autopsy."""

    signature: SignatureKind
    common: dict[str, str] = field(repr=False)
    clauses: tuple[Clause, ...]
    autopsy: Autopsy | None


_random = Random()


def _new_request_id() -> str:
    # It only has to be unique, and asking the system for each costs more than the rest of a reply.
    return f"{_random.getrandbits(128):032x}"


class Endpoint(Controls):
    """The service's endpoint, as documented: it starts, watches and stops tasks. Thread-safe.

    Args:
        credentials: the access keys it knows; ``testid``/``testsecret`` unless given.
        now: where the time comes from.
        max_calls: how many of the latest calls ``calls`` keeps; very large ones push out more, so
            that the record stays within 64 MiB, or 16 KiB a call where that is more.
        explain: whether to find out why a signature does not verify, which takes milliseconds.
        warn: receives a warning when a signature does not verify or a request relies on what the
            documentation leaves open; ``warnings.warn`` unless given.
        contract: the edition to enforce.
    """

    @naming_keywords
    def __init__(
        self,
        credentials: Credentials | Iterable[Credentials] = TEST_CREDENTIALS,
        *,
        now: Callable[[], datetime] | datetime | None = None,
        max_calls: int = MAX_CALLS,
        warn: Callable[[RTCMPUWarning], object] | None = None,
        explain: bool = True,
        request_id: Callable[[], str] = _new_request_id,
        contract: Contract | None = None,
    ) -> None:
        __tracebackhide__ = True  # of what is no key pytest would show the arguments
        expect_number("max_calls", max_calls, "an int, 1 or more", low=1, whole=True)
        self._warn = warn
        self._explain = explain
        self._request_id = request_id
        given = _keys(credentials)
        keys = {key.access_key_id: (key, True) for key in given}
        super().__init__(_contract.in_force(contract), keys, now, max_calls)

    def __repr__(self) -> str:
        return f"Endpoint({len(self._state.tasks)} tasks, {self.call_count} calls)"

    def handle(self, request: Request) -> Response:
        """Answer a request, and record it."""
        return self.call(request).reply

    def call(
        self, request: Request, *, warn: Callable[[RTCMPUWarning], object] | None = None
    ) -> Call:
        """Answer a request as ``handle`` does, and return what is recorded of it.

        Args:
            warn: receives the call's warnings; the endpoint's own way to warn unless given.
        """
        with self._lock:
            call = self._answer(request)
            self._state.record.keep(call)
        if call.autopsy is not None or call.warnings:
            for warning in _warnings_of(call):
                (warn or self.warn)(warning)
        return call

    def warn(self, warning: RTCMPUWarning) -> None:
        """Give a warning in the way that the endpoint was made with."""
        if self._warn is not None:
            self._warn(warning)
        else:
            _warnings.warn(warning, stacklevel=3)

    def _answer(self, request: Request) -> Call:
        state = self._state
        asked = state.asked[0] if state.asked else None
        fault: Spoil | None = None
        handled = True
        if isinstance(asked, AskedFault):
            state.asked.popleft()
            fault, handled = asked.fault, asked.handled
        exchange = open_exchange(request, state.contract, now=state.now, explain=self._explain)
        if isinstance(asked, AskedAnswer):
            exchange.answer = asked
        row: ErrorRow | None = None
        clause: Clause | None = None
        appended = ""
        fields: Fields = {}
        try:
            # What never got to the service is judged for the record, and changes nothing.
            for step in STEPS if handled else STATELESS_STEPS:
                step(state, exchange)
            if handled:
                operation = exchange.contract.in_view
                told = EFFECTS[operation.effect].apply(state, exchange)
                fields = {**emptiest(operation.reply), **told} if operation.reply else told
        except Refusal as refusal:
            row = exchange.contract.error(refusal.code)
            clause, appended = refusal.clause, refusal.appended
        except AskedFor as failure:
            row, fault = failure.asked.row, failure.asked.fault
        request_id = self._request_id()
        message = "" if row is None else row.message + appended
        reply: Response = _reply(exchange, request_id, row, message, fields)
        if fault is not None:
            reply = faults.spoilt(reply, fault)
        state.record.count += 1
        return Call(
            number=state.record.count,
            request=request,
            signature=exchange.signature,
            reply_format=exchange.reply_format,
            action=exchange.common.get("Action"),
            received=exchange.now,
            reply=reply,
            request_id=request_id,
            code=row.code if row else None,
            http_status=reply.status,
            message=message,
            clause=clause,
            problems=exchange.problems,
            warnings=exchange.notes,
            autopsy=exchange.autopsy,
            fault=None if fault is None else repr(fault),
            contract=exchange.contract,
        )

    def diagnose(self, request: Request, *, explain: bool = True) -> Diagnosis:
        """Find everything that is wrong with a request's envelope, not only what would answer.

        Nonces and the operation's parameters are left out; nothing is recorded or changed.

        Args:
            explain: whether to make an autopsy of a signature that does not verify.
        """
        with self._lock:
            state = self._state
            exchange = open_exchange(request, state.contract, now=state.now, explain=explain)
            absent = absent_common(state, exchange)
            clauses = [state.contract.rule(name, "required") for name in absent]
            for step in ENVELOPE_STEPS:
                try:
                    step(state, exchange)
                except Refusal as refusal:
                    if refusal.clause is not None:
                        clauses.append(refusal.clause)
                except KeyError:  # what is absent is in the list already
                    continue
        return Diagnosis(
            signature=exchange.signature,
            common=exchange.common,
            clauses=tuple(dict.fromkeys(clauses)),
            autopsy=exchange.autopsy,
        )


def _keys(credentials: object) -> tuple[Credentials, ...]:
    """Return the access keys that were given; what is none may hold a secret, and is not shown."""
    __tracebackhide__ = True
    if isinstance(credentials, Credentials):
        return (credentials,)
    expected = "credentials: expected Credentials(access_key_id, access_key_secret), or several"
    if isinstance(credentials, str) or not isinstance(credentials, Iterable):
        raise TypeError(f"{expected}, got a {type(credentials).__name__}")
    keys = tuple(credentials)
    for key in keys:
        if not isinstance(key, Credentials):
            whole, part = type(credentials).__name__, type(key).__name__
            raise TypeError(f"{expected}, got a {whole} with a {part} in it")
    if not keys:
        raise ValueError("credentials: expected at least one access key, got none")
    return keys


def _warnings_of(call: Call) -> Iterator[RTCMPUWarning]:
    if call.autopsy is not None:
        yield SignatureWarning(call.autopsy.explain())
    for note in call.warnings:
        if note.silence.warns:
            yield SilenceWarning(str(note))


def _reply(
    exchange: Exchange, request_id: str, row: ErrorRow | None, message: str, extra: Fields
) -> Answer:
    fields: Fields = {"RequestId": request_id, **extra}
    root = f"{exchange.contract.action}Response"
    if row is not None:
        # S2 111550: "RequestId, HostId, Code, Message"
        host = exchange.contract.service.host
        fields = {"RequestId": request_id, "HostId": host, "Code": row.code, "Message": message}
        root = wire.ERROR_ROOT
    content_type, body = wire.encode_reply(fields, reply_format=exchange.reply_format, root=root)
    headers = (("Content-Type", content_type), ("x-acs-request-id", request_id))
    return Answer(
        status=row.http_status if row else 200,
        headers=headers,
        body=body,
        request_id=request_id,
        code=row.code if row else None,
        message=message,
    )
