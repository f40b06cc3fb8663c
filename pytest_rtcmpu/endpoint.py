"""The endpoint, sans-IO: a request in, the documented reply out.

``Endpoint.handle`` reads like the contract's sentence on the order of checks: bytes → pairs →
envelope → signature → required → values → state → reply. It knows no HTTP library; the adapters
know it.
"""

from __future__ import annotations

import threading
import warnings as _warnings
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from random import Random
from typing import Literal

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu import faults, rules, wire
from pytest_rtcmpu.contract import Clause, Contract, ContractError, ErrorRow
from pytest_rtcmpu.errors import InvalidTask, RTCMPUWarning, SignatureWarning, SilenceWarning
from pytest_rtcmpu.model import StartMPUTask
from pytest_rtcmpu.rules import Note, Pairs, Problem
from pytest_rtcmpu.signatures.autopsy.search import Autopsy, autopsy
from pytest_rtcmpu.signatures.verify import (
    Authorization,
    Verdict,
    parse_authorization,
    verify_1_0,
    verify_v3,
)
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS, Credentials, Secret
from pytest_rtcmpu.values.messages import Request, Response
from pytest_rtcmpu.values.redaction import redact_everywhere

SignatureKind = Literal["1.0", "v3"]
Spoil = Callable[[Response], Response]


#: How many of the latest calls are kept, unless asked otherwise.
MOST_CALLS = 10_000


class _Refusal(Exception):
    """A check that failed: the Code that answers, the clause, and what to add to the Message."""

    def __init__(
        self,
        code: str,
        clause: Clause | None,
        *,
        appended: str = "",
        row: ErrorRow | None = None,
    ) -> None:
        self.code = code
        self.clause = clause
        self.appended = appended
        self.row = row


@dataclass(kw_only=True, slots=True)
class _Exchange:
    """A request on its way through the checks."""

    request: Request
    pairs: tuple[tuple[str, str], ...]
    signature: SignatureKind
    common: dict[str, str]
    authorization: Authorization | None
    reply_format: str
    now: datetime
    moment: datetime | None = None
    #: (AppId, TaskId): what a task is known by.
    task: tuple[str, str] = ("", "")
    problems: tuple[Problem, ...] = ()
    notes: tuple[Note, ...] = ()
    autopsy: Autopsy | None = None
    explain: bool = True


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Answer(Response):
    """A reply of the endpoint, and what it says: ``code`` is ``None`` for a success."""

    request_id: str
    code: str | None
    message: str

    @property
    def http_status(self) -> int:
        """The HTTP status."""
        return self.status


@dataclass(kw_only=True, eq=False)  # not frozen: to make a frozen one takes twice as long
class Call:
    """A call as the endpoint recorded it.

    task: the task that its parameters describe; of one sent twice the first counts.
    pairs: every parameter of query and form, decoded, in order, duplicates too.
    signature: ``1.0`` or ``v3``: which one the request came with.
    reply_format: ``JSON`` or ``XML``: what it asked for, by Format or by leaving it out.
    reply: what was answered; ``code`` is ``None`` for a success.
    clause: the clause that a refused request broke.
    problems: everything that is wrong with the operation's parameters, not only the first.
    warnings: what the request relies on that the documentation leaves open.
    autopsy: why the signature does not verify, where it does not.
    fault: what spoilt the reply, where something did.
    """

    number: int
    request: Request
    signature: SignatureKind
    reply_format: str
    action: str | None
    received: datetime
    reply: Response
    request_id: str
    code: str | None
    http_status: int
    message: str
    clause: Clause | None
    problems: tuple[Problem, ...]
    warnings: tuple[Note, ...]
    autopsy: Autopsy | None
    fault: str | None
    contract: Contract

    def __repr__(self) -> str:
        outcome = f"{self.code or 'success'}, HTTP {self.http_status}"
        spoilt = f", spoilt by {self.fault}" if self.fault else ""
        return f"Call({self.number}: {self.action} → {outcome}{spoilt})"

    @property
    def signature_kind(self) -> SignatureKind:
        """Another name of ``signature``."""
        return self.signature

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Every parameter of query and form, decoded, in order, duplicates too."""
        # Decoded again when somebody looks: a record of 10,000 calls is kept for a few who do.
        return tuple(wire.request_pairs(self.request))

    @cached_property
    def task(self) -> StartMPUTask | None:
        """The task the parameters describe, or ``None`` when they break a rule."""
        try:
            return StartMPUTask.from_wire(_once(self.pairs), contract=self.contract)
        except InvalidTask:
            return None


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is wrong with a request's envelope: the clauses it breaks, and the autopsy."""

    signature: SignatureKind
    common: dict[str, str] = field(repr=False)
    clauses: tuple[Clause, ...]
    autopsy: Autopsy | None


def _utc_now() -> datetime:
    return datetime.now(UTC)


_random = Random()


def _new_request_id() -> str:
    # It only has to be unique, and asking the system for each costs more than the rest of a reply.
    return f"{_random.getrandbits(128):032x}"


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("now: expected a datetime with a time zone, got a naive one")
    return moment


class Endpoint:
    """StartMPUTask's endpoint, as documented. Thread-safe.

    credentials: the access keys it knows; ``testid``/``testsecret`` unless given.
    now: where the time comes from.
    max_calls: how many of the latest calls ``calls`` keeps; very large ones push out more, so
        that the record stays within 64 MiB, or 16 KiB a call where that is more.
    explain: whether to find out why a signature does not verify, which takes milliseconds.
    warn: receives a warning when a signature does not verify or a request relies on what the
        documentation leaves open; ``warnings.warn`` unless given.
    contract: the edition to enforce.
    """

    def __init__(
        self,
        credentials: Credentials | Iterable[Credentials] = TEST_CREDENTIALS,
        *,
        now: Callable[[], datetime] | datetime | None = None,
        max_calls: int = MOST_CALLS,
        warn: Callable[[RTCMPUWarning], object] | None = None,
        explain: bool = True,
        request_id: Callable[[], str] = _new_request_id,
        contract: Contract | None = None,
    ) -> None:
        if max_calls < 1:
            raise ValueError(f"max_calls: expected 1 or more, got {max_calls}")
        self._lock = threading.RLock()
        self._original_contract = contract or _contract.load()
        # What each request is asked for; registered layouts change none of it.
        common = self._original_contract.common_parameters
        needed = [p.name for p in common if p.required]
        self._needed = {
            "1.0": needed,
            "v3": [*(name for name in needed if name not in _NOT_IN_V3), "ContentSha256"],
        }
        self._documented = {p.name: p.value for p in common}
        self._window = timedelta(seconds=self._original_contract.service.timestamp_window_seconds)
        self._max_calls = max_calls
        self._most_weight = max(_LEAST_ROOM, max_calls * _ROOM_PER_CALL)
        self._warn = warn
        self._explain = explain
        self._request_id = request_id
        self._original_now = now
        given = (credentials,) if isinstance(credentials, Credentials) else tuple(credentials)
        if not given:
            raise ValueError("credentials: expected at least one access key, got none")
        self._original_keys = {key.access_key_id: (key, True) for key in given}
        self.reset()

    def __repr__(self) -> str:
        return f"Endpoint({len(self._tasks)} tasks, {self._count} calls)"

    @property
    def credentials(self) -> Credentials:
        """The first of the access keys it knows."""
        return next(iter(self._keys.values()))[0]

    # ------------------------------------------------------------------------- test controls

    def reset(self) -> None:
        """Forget everything: tasks, calls, nonces, faults, clock, layouts and added keys."""
        with self._lock:
            self.contract = self._original_contract
            self._keys = dict(self._original_keys)
            self._tasks: dict[tuple[str, str], Request] = {}
            self._calls: deque[Call] = deque()
            self._weight = 0
            self._count = 0
            self._nonces: dict[tuple[str, str], datetime] = {}
            self._nonces_by_age: deque[tuple[datetime, tuple[str, str]]] = deque()
            self._failures: deque[ErrorRow] = deque()
            self._faults: deque[tuple[Spoil, bool]] = deque()
            self.set_clock(self._original_now)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What must be shown to nobody: the secrets and tokens of the keys it knows."""
        with self._lock:
            keys = [key for key, _ in self._keys.values()]
        return tuple(s for key in keys for s in (key.access_key_secret, key.security_token) if s)

    @property
    def calls(self) -> list[Call]:
        """The latest calls, oldest first; at most ``max_calls`` of them."""
        with self._lock:
            return list(self._calls)

    @property
    def call_count(self) -> int:
        """How many calls there were, those no longer kept included."""
        return self._count

    @property
    def tasks(self) -> list[StartMPUTask]:
        """The tasks that exist, in the order in which they were started."""
        with self._lock:
            started, contract = list(self._tasks.values()), self.contract
        return [
            StartMPUTask.from_wire(_once(wire.request_pairs(request)), contract=contract)
            for request in started
        ]

    def stop(self, task: StartMPUTask | tuple[str, str]) -> None:
        """Stop a task, given as such or as (AppId, TaskId). Raises KeyError if there is none."""
        key = (task.app_id, task.task_id) if isinstance(task, StartMPUTask) else task
        with self._lock:
            if key not in self._tasks:
                known = ", ".join(map(str, self._tasks)) or "none"
                raise KeyError(f"no task (AppId, TaskId) = {key}; running: {known}")
            del self._tasks[key]

    def fail_next(
        self,
        failure: str | Spoil,
        times: int = 1,
        *,
        http_status: int | None = None,
        message: str | None = None,
        handled: bool | None = None,
    ) -> None:
        """Let the next calls fail.

        failure: a documented Code, such as ``InternalError``: the next calls that keep every rule
            are answered with it and start nothing. Or a fault (see ``faults``): it spoils the
            next replies, whatever they say.
        times: how many calls.
        http_status, message: for a Code with several rows, or one that nobody documents.
        handled: for a fault: whether the request was handled before its reply was spoilt, and so
            may have started its task. Unless given, a fault after which nothing of the reply
            arrives (``timeout``, ``connection_reset``, ``html_502`` …) has come before it.

        Raises ContractError for an unknown Code without ``http_status``.
        """
        if not isinstance(times, int) or times < 1:
            raise ValueError(f"times: expected an int, 1 or more, got {times!r}")
        if not isinstance(failure, str):
            if not callable(failure) or isinstance(failure, type):
                raise TypeError(f"failure: expected a Code or a fault, got {failure!r}")
            if failure in faults.WITH_ARGUMENT:
                name = getattr(failure, "__name__", "")
                raise TypeError(f"failure: faults.{name} needs its argument: faults.{name}(…)")
            if handled is None:
                handled = getattr(failure, "handled", True)
            with self._lock:
                self._faults.extend([(failure, handled)] * times)
            return
        try:
            row = self.contract.error(failure, http_status)
        except ContractError as error:
            if http_status is None:
                known = f"{failure!r}: for a Code that nobody documents, give http_status"
                if failure in faults.PLAIN:
                    known = f"{failure!r}: for the fault, give faults.{failure}"
                raise ContractError(f"unknown error code {known}; {_near(error)}") from None
            row = ErrorRow(
                table="asked for",
                code=failure,
                http_status=http_status,
                message="",
                meaning="",
                source="",
                level="",
            )
        if message is not None:
            row = replace(row, message=message)
        with self._lock:
            self._failures.extend([row] * times)

    def register_layout(self, layout_id: int, panes: int) -> None:
        """Make a user-defined layout known. Raises ValueError for an id up to 10000.

        A task that uses it is made with ``StartMPUTask(…, contract=endpoint.contract)``.
        """
        with self._lock:
            self.contract = self.contract.with_layouts({layout_id: panes})

    def add_key(self, credentials: Credentials, *, active: bool = True) -> None:
        """Make an access key known, disabled where ``active`` is false."""
        with self._lock:
            self._keys[credentials.access_key_id] = (credentials, active)

    @property
    def now(self) -> datetime:
        """What its clock shows."""
        return _with_zone(self._now())

    def set_clock(self, now: Callable[[], datetime] | datetime | None) -> None:
        """Set the clock: to a moment where it stands still, a function, or ``None`` for real."""
        if isinstance(now, datetime):
            moment = _with_zone(now)
            self._now: Callable[[], datetime] = lambda: moment
        elif now is not None and not callable(now):
            raise TypeError(f"now: expected a datetime, a function or None, got {now!r}")
        else:
            self._now = now or _utc_now

    def advance_clock(self, by: timedelta | float) -> None:
        """Move the clock on by a timedelta or by seconds (back where negative)."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        now = self._now
        self._now = lambda: now() + step

    # ------------------------------------------------------------------------------- the call

    def handle(self, request: Request) -> Response:
        """Answer a request, and record it."""
        return self.call(request).reply

    def call(self, request: Request) -> Call:
        """Answer a request as ``handle`` does, and return what is recorded of it."""
        with self._lock:
            call = self._answer(request)
            self._keep(call)
        if call.autopsy is not None or call.warnings:
            self._warn_of(call)
        return call

    def _keep(self, call: Call) -> None:
        self._calls.append(call)
        self._weight += _weight(call)
        while len(self._calls) > self._max_calls or (
            self._weight > self._most_weight and len(self._calls) > 1
        ):
            self._weight -= _weight(self._calls.popleft())

    def _answer(self, request: Request) -> Call:
        fault, handled = self._faults.popleft() if self._faults else (None, True)
        # What never got to the service is judged for the record, and changes nothing.
        checks = _CHECKS if handled else _STATELESS_CHECKS
        exchange = self._open(request)
        row: ErrorRow | None = None
        clause: Clause | None = None
        appended = ""
        try:
            for check in checks:
                check(self, exchange)
            if handled:
                self._start(exchange)
        except _Refusal as refusal:
            row = refusal.row or self.contract.error(refusal.code)
            clause, appended = refusal.clause, refusal.appended
        request_id = self._request_id()
        message = "" if row is None else row.message + appended
        reply = self._reply(exchange, request_id, row, message)
        if fault is not None:
            reply = fault(reply)
        self._count += 1
        return Call(
            number=self._count,
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
            contract=self.contract,
        )

    def _open(self, request: Request) -> _Exchange:
        """Decode what came; nothing is judged yet."""
        pairs = tuple(wire.request_pairs(request))
        common = dict(reversed(pairs))  # of a name sent twice the first counts
        header = request.header("authorization") or ""
        scheme = self.contract.signatures["v3"]
        authorization: Authorization | None = None
        signature: SignatureKind = "1.0"
        if header.startswith("ACS3-") or (
            "Signature" not in common and request.header(scheme.headers["Action"]) is not None
        ):
            signature = "v3"
            authorization = self._v3_common(request, header, common)
        default = self.contract.signatures[signature].default_format
        wanted = common.get("Format", default).upper()
        return _Exchange(
            request=request,
            pairs=pairs,
            signature=signature,
            common=common,
            authorization=authorization,
            reply_format=wanted if wanted in self.contract.service.formats else default,
            now=_with_zone(self._now()),
            explain=self._explain,
        )

    def _v3_common(
        self, request: Request, header: str, common: dict[str, str]
    ) -> Authorization | None:
        """S4: under V3 the envelope stands in headers."""
        reply_format = common.get("Format")
        common.clear()
        if reply_format is not None:
            common["Format"] = reply_format
        for name, carrier in self.contract.signatures["v3"].headers.items():
            value = request.header(carrier)
            if value is not None:
                common[name] = value.strip()
        algorithm = header.partition(" ")[0]
        if algorithm:
            common["SignatureMethod"] = algorithm
        parsed = parse_authorization(header) if header else None
        if isinstance(parsed, Authorization):
            common["AccessKeyId"] = parsed.access_key_id
            common["Signature"] = parsed.signature
            return parsed
        # What cannot be taken apart is for the signature's check to refuse, with its reason.
        common.setdefault("AccessKeyId", "?" if header else "")
        common.setdefault("Signature", "?" if header else "")
        return None

    def _refuse(self, parameter: str | None, rule: str, *, appended: str = "") -> _Refusal:
        clause = self.contract.rule(parameter, rule)
        return _Refusal(clause.codes[0], clause, appended=appended)

    def diagnose(self, request: Request, *, explain: bool = True) -> Diagnosis:
        """Find everything that is wrong with a request's envelope, not only what would answer.

        Nonces and the operation's parameters are left out; nothing is recorded or changed.
        explain: whether to make an autopsy of a signature that does not verify.
        """
        with self._lock:
            exchange = self._open(request)
            exchange.explain = explain
            clauses = [self.contract.rule(name, "required") for name in self._absent(exchange)]
            for check in _ENVELOPE_CHECKS:
                try:
                    check(self, exchange)
                except _Refusal as refusal:
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

    # --------------------------------------------------------------- the checks, in their order

    def _check_method(self, exchange: _Exchange) -> None:
        if exchange.request.method not in self.contract.service.methods:
            raise self._refuse(None, "method")

    def _check_format(self, exchange: _Exchange) -> None:
        # S2 111549: "JSON | XML, any letter case, XML when absent"
        wanted = exchange.common.get("Format")
        if wanted is not None and wanted.upper() not in self.contract.service.formats:
            raise self._refuse("Format", "enum")

    def _check_common(self, exchange: _Exchange) -> None:
        for name in self._absent(exchange):
            raise self._refuse(name, "required")

    def _absent(self, exchange: _Exchange) -> list[str]:
        """The common parameters that are required and absent or empty."""
        needed = self._needed[exchange.signature]
        return [name for name in needed if not exchange.common.get(name)]

    def _check_version(self, exchange: _Exchange) -> None:
        self._check_value("Version", exchange.common["Version"])

    def _check_action(self, exchange: _Exchange) -> None:
        # S3: "Specified api is not found, please check your url and method."
        self._check_value("Action", exchange.common["Action"])
        if exchange.request.path not in ("", self.contract.service.path):
            raise self._refuse("Action", "enum")

    def _check_signature_method(self, exchange: _Exchange) -> None:
        scheme = self.contract.signatures[exchange.signature]
        # S2 111551's own example writes Hmac-SHA1.
        if exchange.common.get("SignatureMethod", "").upper() != scheme.method:
            raise self._refuse("SignatureMethod", "enum")
        if exchange.signature == "1.0":
            self._check_value("SignatureVersion", exchange.common["SignatureVersion"])

    def _check_value(self, name: str, value: str) -> None:
        """Refuse a common parameter that has one documented value and came with another."""
        if value != self._documented[name]:
            raise self._refuse(name, "enum")

    def _check_timestamp(self, exchange: _Exchange) -> None:
        moment = wire.parse_timestamp(exchange.common["Timestamp"], self.contract)
        if moment is None:
            raise self._refuse("Timestamp", "format")
        if abs(exchange.now - moment) > self._window:
            raise self._refuse("Timestamp", "window")
        exchange.moment = moment

    def _check_key(self, exchange: _Exchange) -> None:
        if exchange.signature == "v3" and exchange.authorization is None:
            return
        found = self._keys.get(exchange.common["AccessKeyId"])
        if found is None:
            raise self._refuse("AccessKeyId", "known")
        if not found[1]:
            raise self._refuse("AccessKeyId", "active")

    def _check_signature(self, exchange: _Exchange) -> None:
        key = self._keys.get(exchange.common["AccessKeyId"])
        secret = key[0].access_key_secret if key else Secret("?")
        verdict = self._verdict(exchange, secret)
        if verdict.ok:
            return
        if exchange.explain:
            exchange.autopsy = self._autopsy(exchange, secret)
        # "a real gateway appends ` server string to sign is:` and the string it signed"
        # A client that sends its secret along by mistake must not have it echoed.
        secrets = [known.access_key_secret for known, _ in self._keys.values()]
        string_to_sign = redact_everywhere(verdict.string_to_sign, secrets)
        suffix = f"{self.contract.service.string_to_sign_suffix}{string_to_sign}"
        raise self._refuse("Signature", "verifies", appended=suffix)

    def _autopsy(self, exchange: _Exchange, secret: Secret) -> Autopsy:
        return autopsy(
            exchange.request,
            exchange.pairs if exchange.signature == "1.0" else _query(exchange),
            kind=exchange.signature,
            access_key_id=exchange.common["AccessKeyId"],
            secret=secret,
            candidates=self._candidates(),
            other_secrets=[
                (name, other.access_key_secret)
                for name, (other, _) in self._keys.items()
                if name != exchange.common["AccessKeyId"]
            ],
        )

    def _verdict(self, exchange: _Exchange, secret: Secret) -> Verdict:
        if exchange.signature == "v3":
            return verify_v3(
                exchange.request,
                _query(exchange),
                secret=secret,
                authorization=exchange.authorization,
            )
        return verify_1_0(
            exchange.pairs,
            method=exchange.request.method,
            secret=secret,
            signature=exchange.common["Signature"],
        )

    def _candidates(self) -> dict[str, Sequence[str]]:
        """Values a parameter may have had when it was signed: documented ones, and earlier ones."""
        found: dict[str, dict[str, None]] = {}
        for p in self.contract.parameters:
            if p.values:
                found[p.name] = dict.fromkeys(sorted(p.wire_values))
        for call in list(self._calls)[-20:]:
            for name, value in call.pairs:
                found.setdefault(name, {})[value] = None
        return {name: tuple(values) for name, values in found.items()}

    def _check_nonce(self, exchange: _Exchange) -> None:
        # "A nonce counts as used once its signature has verified."
        while self._nonces_by_age and self._nonces_by_age[0][0] < exchange.now:
            # Its timestamp could no longer pass, so it need not be remembered.
            expiry, old = self._nonces_by_age.popleft()
            if self._nonces.get(old) == expiry:
                del self._nonces[old]
        nonce = (exchange.common["AccessKeyId"], exchange.common["SignatureNonce"])
        # One whose timestamp lay ahead may stand before it in the queue.
        if nonce in self._nonces and self._nonces[nonce] >= exchange.now:
            raise self._refuse("SignatureNonce", "unique")
        expires = (exchange.moment or exchange.now) + self._window
        self._nonces[nonce] = expires
        self._nonces_by_age.append((expires, nonce))

    def _check_parameters(self, exchange: _Exchange) -> None:
        collected = rules.collect(exchange.pairs, self.contract)
        judgement = rules.judge_collected(collected, self.contract)
        exchange.problems, exchange.notes = judgement.problems, judgement.notes
        if judgement.problems:
            clause = judgement.problems[0].clause
            raise _Refusal(clause.codes[0], clause)
        # "our key: AppId + TaskId, because StopMPUTask names a task by those two"
        scalars = collected.scalars
        exchange.task = scalars["AppId"], scalars["TaskId"]

    def _fail_as_asked(self, exchange: _Exchange) -> None:
        if self._failures:
            row = self._failures.popleft()
            raise _Refusal(row.code, None, row=row)

    def _check_existence(self, exchange: _Exchange) -> None:
        if exchange.task in self._tasks:
            raise self._refuse("TaskId", "exists")

    def _start(self, exchange: _Exchange) -> None:
        self._tasks[exchange.task] = exchange.request

    # -------------------------------------------------------------------------------- replies

    def _reply(
        self, exchange: _Exchange, request_id: str, row: ErrorRow | None, message: str
    ) -> Response:
        service = self.contract.service
        if row is None:
            fields = [("RequestId", request_id)]
            root = f"{service.action}Response"
        else:
            # S2 111550: "RequestId, HostId, Code, Message"
            fields = [
                ("RequestId", request_id),
                ("HostId", service.host),
                ("Code", row.code),
                ("Message", message),
            ]
            root = "Error"
        content_type, body = wire.encode_reply(
            fields, reply_format=exchange.reply_format, root=root
        )
        headers = (("Content-Type", content_type), ("x-acs-request-id", request_id))
        return Answer(
            status=row.http_status if row else 200,
            headers=headers,
            body=body,
            request_id=request_id,
            code=row.code if row else None,
            message=message,
        )

    def _warn_of(self, call: Call) -> None:
        given: list[RTCMPUWarning] = []
        if call.autopsy is not None:
            given.append(SignatureWarning(call.autopsy.explain()))
        given += [SilenceWarning(str(note)) for note in call.warnings if note.silence.warns]
        for warning in given:
            if self._warn is not None:
                self._warn(warning)
            else:
                _warnings.warn(warning, stacklevel=3)


def _near(error: ContractError) -> str:
    """What a contract's error adds about similar names, if anything."""
    return str(error).partition("; ")[2] or "no documented one is like it"


_NOT_IN_V3 = {"SignatureVersion", "Format"}

_LEAST_ROOM = 64 * 1024 * 1024
#: What a call takes is a third of it, as a rule.
_ROOM_PER_CALL = 16 * 1024
#: About what a decoded parameter takes, beside its characters.
_PAIR_WEIGHT = 200


def _weight(call: Call) -> int:
    """About how many bytes a recorded call keeps."""
    size = len(call.request.target) + len(call.request.body)
    # The message of a refused signature, its reply and its autopsy repeat what came.
    copies = 2 if call.autopsy is None else 12
    pairs = call.request.target.count("&") + call.request.body.count(b"&")
    return copies * size + _PAIR_WEIGHT * pairs


#: contract.md's order of checks: "first failure answers".
_CHECKS: tuple[Callable[[Endpoint, _Exchange], None], ...] = (
    Endpoint._check_method,
    Endpoint._check_format,
    Endpoint._check_common,
    Endpoint._check_version,
    Endpoint._check_action,
    Endpoint._check_signature_method,
    Endpoint._check_timestamp,
    Endpoint._check_key,
    Endpoint._check_signature,
    Endpoint._check_nonce,
    Endpoint._check_parameters,
    Endpoint._fail_as_asked,
    Endpoint._check_existence,
)
_STATELESS_CHECKS = tuple(
    check
    for check in _CHECKS
    if check not in (Endpoint._check_nonce, Endpoint._fail_as_asked, Endpoint._check_existence)
)
_ENVELOPE_CHECKS = tuple(
    check
    for check in _CHECKS[: _CHECKS.index(Endpoint._check_nonce)]
    if check is not Endpoint._check_common
)


def _query(exchange: _Exchange) -> list[tuple[str, str]]:
    return wire.parse_pairs(exchange.request.query)


def _once(pairs: Pairs) -> Pairs:
    """Of names sent more than once, the first counts."""
    first: dict[str, str] = {}
    for name, value in pairs:
        first.setdefault(name, value)
    return tuple(first.items())
