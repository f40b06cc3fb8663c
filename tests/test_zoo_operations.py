"""The zoo of the other operations: clients and endpoints that stop tasks and ask for their status,
each with one bug, and each that is odd and legal. None of them is the package's: they are changes
of the independent pair.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from independent.client import ClientError, HttpReply, IndependentClient, Pairs
from independent.edition_endpoint import EVERY_ROW, NOT_FOUND, EditionEndpoint
from independent.endpoint import Incoming, Reply, Row, Rules, serve

from pytest_rtcmpu.checks.client.scenarios import Scenario as ClientScenario
from pytest_rtcmpu.checks.core import Phase
from pytest_rtcmpu.checks.endpoint.scenarios import Scenario as EndpointScenario
from pytest_rtcmpu.checks.run import ClientBench, EndpointBench, Settings, run_bench
from pytest_rtcmpu.checks.testees.protocol import CallableTestee
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS

OTHERS = ("StopMPUTask", "GetMPUTaskStatus")


class Clients(ClientBench):
    """A client's bench that leaves StartMPUTask's own cases to the other zoo."""

    def _scenarios(self, phase: Phase) -> Iterator[ClientScenario]:
        return (s for s in super()._scenarios(phase) if s.operation != self.contract.action)


class Endpoints(EndpointBench):
    """An endpoint's bench that leaves StartMPUTask's own cases to the other zoo."""

    def _scenarios(self, phase: Phase) -> Iterator[EndpointScenario]:
        first = self.contract.action
        scenarios = super()._scenarios(phase)
        return (s for s in scenarios if any(step.operation != first for step in s.steps))


def _broken(run: Any) -> dict[str, str]:
    """What broke, by clause, with the first finding."""
    return {
        r.clause: f"{r.findings[0].expected} / {r.findings[0].got}" if r.findings else ""
        for r in run.results
        if r.broken
    }


# ------------------------------------------------------------------------------------- clients


class AnyClient(IndependentClient):
    """A client of every operation, of small steps that a row changes."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.memory: dict[Any, Any] = {}

    def __call__(
        self,
        params: Mapping[str, Any],
        *,
        endpoint: str,
        credentials: object,
        timeout: float,
        operation: str = "StartMPUTask",
    ) -> object:
        """Call an operation; the status where it tells one."""
        self.operation = operation
        call = self.call(params, endpoint=endpoint, credentials=credentials, timeout=timeout)
        return self.made_of(self.send(self.build(call), call))

    operations = ("StartMPUTask", *OTHERS)

    def made_of(self, reply: HttpReply) -> object:
        """What it tells of a reply."""
        answer = self.answer(reply)
        if self.operation != "GetMPUTaskStatus":
            return answer.request_id
        return {"request_id": answer.request_id, "status": self.told(answer.status)}

    def told(self, status: int) -> object:
        """The status as it tells it."""
        return status


@dataclass(frozen=True, kw_only=True)
class Animal:
    """One change of the honest one; ``clause`` is what it breaks, empty where it is legal."""

    name: str
    steps: Mapping[str, Callable[..., Any]]
    clause: str = ""
    options: Mapping[str, Any] | None = None

    def of(self, base: type) -> Any:
        """Make it."""
        return type(self.name, (base,), dict(self.steps))(**(self.options or {}))


def _pairs(change: Callable[[Any, Pairs], Pairs]) -> Mapping[str, Callable[..., Any]]:
    """A client whose pairs are changed."""
    base = IndependentClient.flatten
    return {"flatten": lambda self, params: change(self, base(self, params))}


def _without(name: str, operation: str = "") -> Mapping[str, Callable[..., Any]]:
    return _pairs(
        lambda self, pairs: [
            p for p in pairs if p[0] != name or (operation and self.operation != operation)
        ]
    )


def _renamed(old: str, new: str) -> Mapping[str, Callable[..., Any]]:
    return _pairs(lambda self, pairs: [(new if n == old else n, v) for n, v in pairs])


def _valued(name: str, change: Callable[[str], str]) -> Mapping[str, Callable[..., Any]]:
    return _pairs(lambda self, pairs: [(n, change(v) if n == name else v) for n, v in pairs])


def _swapped(self: Any, pairs: Pairs) -> Pairs:
    given = dict(pairs)
    other = {"AppId": "TaskId", "TaskId": "AppId"}
    return [(n, given.get(other.get(n, n), v)) for n, v in pairs]


def _told(change: Callable[[Any, int], object]) -> Mapping[str, Callable[..., Any]]:
    return {"told": change}


def _ignores_code(self: AnyClient, reply: HttpReply) -> object:
    fields = self.parse(reply)
    if reply.status == 200:
        status = fields.get("Status")
        return {
            "request_id": fields["RequestId"],
            "status": None if status is None else int(status),
        }
    return AnyClient.made_of(self, reply)


def _request_id_only(self: AnyClient, reply: HttpReply) -> object:
    return self.answer(reply).request_id


def _http_status_counts(self: AnyClient, reply: HttpReply) -> object:
    try:
        return AnyClient.made_of(self, reply)
    except ClientError as error:
        raise RuntimeError(f"HTTP {reply.status}") from error


def _swallows(*codes: str) -> Mapping[str, Callable[..., Any]]:
    def made_of(self: AnyClient, reply: HttpReply) -> object:
        try:
            return AnyClient.made_of(self, reply)
        except ClientError as error:
            if error.code in codes or not codes:
                return {"request_id": error.request_id, "status": None}
            raise

    return {"made_of": made_of}


def _code(change: Callable[[str], str]) -> Mapping[str, Callable[..., Any]]:
    def made_of(self: AnyClient, reply: HttpReply) -> object:
        try:
            return AnyClient.made_of(self, reply)
        except ClientError as error:
            error.code = change(error.code or "") or None
            raise

    return {"made_of": made_of}


def _zero_fails(self: AnyClient, reply: HttpReply) -> object:
    answer = self.answer(reply)
    if self.operation == "GetMPUTaskStatus" and not answer.status:
        raise ClientError("no status")
    return AnyClient.made_of(self, reply)


def _cached(self: AnyClient, status: int) -> object:
    return self.memory.setdefault("status", status)


def _one_id(self: AnyClient, reply: HttpReply) -> object:
    made = AnyClient.made_of(self, reply)
    first = self.memory.setdefault("id", made["request_id"] if isinstance(made, dict) else made)
    return {"request_id": first, "status": made.get("status") if isinstance(made, dict) else None}


def _once_only(name: str) -> Callable[..., Any]:
    def step(self: AnyClient, call: Any) -> str:
        return str(self.memory.setdefault(name, f"n{id(self)}"))

    return step


def _clients(*rows: tuple[str, str, Mapping[str, Callable[..., Any]]]) -> tuple[Animal, ...]:
    return tuple(Animal(name=name, clause=clause, steps=steps) for name, clause, steps in rows)


RETURNED = "status.returned"
FAULTY_CLIENTS = _clients(
    ("drops-task-id-of-stops", "stop.task-id.required", _without("TaskId", "StopMPUTask")),
    ("drops-app-id-of-stops", "stop.app-id.required", _without("AppId", "StopMPUTask")),
    ("drops-task-id-of-polls", "status.task-id.required", _without("TaskId", "GetMPUTaskStatus")),
    ("drops-app-id-of-polls", "status.app-id.required", _without("AppId", "GetMPUTaskStatus")),
    ("drops-channel-id", "status.channel-id.required", _without("ChannelId")),
    ("sends-task", "stop.task-id.required", _renamed("TaskId", "Task")),
    ("sends-task-id-in-small", "status.task-id.required", _renamed("TaskId", "taskId")),
    ("sends-app-i-d", "stop.app-id.required", _renamed("AppId", "AppID")),
    ("empty-task-id", "request.values.unchanged", _valued("TaskId", lambda v: "")),
    ("empty-app-id", "request.values.unchanged", _valued("AppId", lambda v: "")),
    ("swaps-ids", "request.values.unchanged", _pairs(_swapped)),
    ("task-id-in-upper-case", "request.values.unchanged", _valued("TaskId", str.upper)),
    ("cuts-task-id", "request.values.unchanged", _valued("TaskId", lambda v: v[:8])),
    ("encodes-task-id-twice", "request.values.unchanged", _valued("TaskId", lambda v: f"{v}%20")),
    ("status-plus-one", RETURNED, _told(lambda self, status: status + 1)),
    ("status-left-out", RETURNED, {"made_of": _request_id_only}),
    ("status-always-running", RETURNED, _told(lambda self, status: 1)),
    ("status-0-as-none", RETURNED, _told(lambda self, status: status or None)),
    ("status-as-a-flag", RETURNED, _told(lambda self, status: int(status == 1))),
    ("status-3-as-2", RETURNED, _told(lambda self, status: min(status, 2))),
    ("caches-the-status", RETURNED, _told(_cached)),
    ("status-negative", RETURNED, _told(lambda self, status: -status)),
    ("status-0-fails", "reply.request-id.returned", {"made_of": _zero_fails}),
    ("not-found-is-fine", "status.not-found", _swallows("InvalidTask.NotFound")),
    ("internal-error-is-fine", "error.gateway-codes", _swallows()),
    ("codes-in-small", "status.not-found", _code(str.lower)),
    ("codes-cut-at-the-point", "status.not-found", _code(lambda code: code.partition(".")[0])),
    ("http-status-counts", "status.not-found", {"made_of": _http_status_counts}),
    ("one-request-id", "reply.request-id.returned", {"made_of": _one_id}),
    ("one-nonce", "nonce.unique", {"nonce": _once_only("nonce")}),
    ("stops-by-a-small-name", "action.known", {"action": lambda self: self.operation.lower()}),
    ("signs-by-another-method", "signature.1-0.verifies", {"key": lambda self, secret: secret}),
)

_ORDER = _pairs(lambda self, pairs: pairs[::-1])
_MORE = _pairs(lambda self, pairs: [*pairs, ("RegionId", "cn-hangzhou"), ("OwnerId", "1")])


def _agent(self: Any, call: Any) -> Pairs:
    return [("Accept", "*/*"), ("User-Agent", "app/1.0"), ("X-Request", "1")]


def _legal_clients() -> Iterator[Animal]:
    sent: list[Mapping[str, Any]] = [
        {"method": "GET"},
        {"method": "POST"},
        {"method": "POST", "form": True},
    ]
    for signature in ("1.0", "v3"):
        for at, way in enumerate(sent):
            for text in ("JSON", "XML", "json", "Xml"):
                name = f"{signature}-{at}-{text}"
                yield Animal(
                    name=name,
                    steps={},
                    options={**way, "signature": signature, "reply_format": text},
                )
    for name, steps in (
        ("backwards", _ORDER),
        ("further-parameters", _MORE),
        ("further-headers", {"extra_headers": _agent}),
        ("status-as-a-subclass", _told(lambda self, status: type("N", (int,), {})(status))),
        (
            "long-nonces",
            {"nonce": lambda self, call: f"{id(call)}-" + "x" * 64 + f"{call.deadline}"},
        ),
        ("shuffled", {"arrange": lambda self, pairs: sorted(pairs, key=lambda p: p[1])}),
    ):
        yield Animal(name=name, steps=steps)


LEGAL_CLIENTS = tuple(_legal_clients())


def _run_client(row: Animal, *clauses: str) -> dict[str, str]:
    chosen = Settings(phases=("documented",), operations=OTHERS, clauses=clauses, timeout=5.0)
    bench = Clients(CallableTestee(row.of(AnyClient), row.name), chosen)
    try:
        return _broken(run_bench(bench, chosen))
    finally:
        bench.close()


@pytest.mark.parametrize("row", FAULTY_CLIENTS, ids=lambda row: row.name)
def test_a_faulty_client_is_caught(row: Animal) -> None:
    """Each faulty client breaks the clause that its row names."""
    assert row.clause in _run_client(row, row.clause)


@pytest.mark.parametrize("row", LEGAL_CLIENTS, ids=lambda row: row.name)
def test_a_legal_client_is_not_accused(row: Animal) -> None:
    """What is odd and legal breaks nothing."""
    assert _run_client(row) == {}


# ----------------------------------------------------------------------------------- endpoints


class AnyEndpoint(EditionEndpoint):
    """An endpoint of every operation."""


def _telling(change: Callable[[Any, dict[str, Any]], dict[str, Any]]) -> Mapping[str, Any]:
    base = EditionEndpoint.tell_status
    return {"tell_status": lambda self, request: change(self, base(self, request))}


def _text_status(self: Any, request: Incoming, status: int, fields: Mapping[str, Any]) -> Reply:
    return EditionEndpoint.write(self, request, status, {n: str(v) for n, v in fields.items()})


def _stop_not(self: Any, request: Incoming) -> dict[str, Any]:
    return {}


def _stop_forgets(self: Any, request: Incoming) -> dict[str, Any]:
    self.started.pop(self.key(request), None)
    return {}


def _stop_as(status: int) -> Callable[..., Any]:
    def stop(self: Any, request: Incoming) -> dict[str, Any]:
        task = self.started.get(self.key(request))
        if task is not None:
            task.status = status
        return {}

    return stop


def _start_as(status: int) -> Callable[..., Any]:
    def start(self: Any, request: Incoming) -> dict[str, Any]:
        EditionEndpoint.start(self, request)
        self.started[self.key(request)].status = status
        return {}

    return start


def _missing_is_fine(*names: str) -> Mapping[str, Any]:
    def refuses(self: Any, request: Incoming) -> Any:
        reply, found = EditionEndpoint.decide(self, request)
        if any(f"Missing{name}" in found.refusals for name in names):
            return self.write(request, 200, {"RequestId": self.request_id(), "Status": 0}), found
        return reply, found

    return {"decide": refuses}


def _endpoints(*rows: tuple[str, str, Mapping[str, Any]]) -> tuple[Animal, ...]:
    return tuple(Animal(name=name, clause=clause, steps=steps) for name, clause, steps in rows)


FAULTY_ENDPOINTS = _endpoints(
    ("status-as-text", "status.number", {"write": _text_status}),
    ("no-status", "status.number", _telling(lambda self, told: {})),
    ("status-9", "status.number", _telling(lambda self, told: {"Status": 9})),
    ("status-minus-1", "status.number", _telling(lambda self, told: {"Status": -1})),
    ("status-null", "status.number", _telling(lambda self, told: {"Status": None})),
    ("status-a-flag", "status.number", _telling(lambda self, told: {"Status": True})),
    ("status-a-float", "status.number", _telling(lambda self, told: {"Status": 0.5})),
    ("status-in-small", "status.number", _telling(lambda self, told: {"status": told["Status"]})),
    ("status-4", "status.number", _telling(lambda self, told: {"Status": 4})),
    ("status-a-list", "status.number", _telling(lambda self, told: {"Status": [0]})),
    ("status-a-name", "status.number", _telling(lambda self, told: {"Status": "RUNNING"})),
    ("always-running", "status.after-stop", _telling(lambda self, told: {"Status": 1})),
    ("always-waiting", "status.after-stop", _telling(lambda self, told: {"Status": 0})),
    ("always-stopped", "status.after-start", _telling(lambda self, told: {"Status": 3})),
    ("starts-stopped", "status.after-start", {"start": _start_as(3)}),
    ("stops-nothing", "stop.restart", {"stop": _stop_not}),
    ("stops-as-2", "status.after-stop", {"stop": _stop_as(2)}),
    ("stops-as-0", "stop.restart", {"stop": _stop_as(0)}),
    ("stops-as-1", "stop.restart", {"stop": _stop_as(1)}),
    ("stop-forgets", "status.after-stop", {"stop": _stop_forgets}),
    ("stop-without-app-id", "stop.app-id.required", _missing_is_fine("AppId")),
    ("stop-without-task-id", "stop.task-id.required", _missing_is_fine("TaskId")),
    ("poll-without-app-id", "status.app-id.required", _missing_is_fine("AppId")),
    ("poll-without-task-id", "status.task-id.required", _missing_is_fine("TaskId")),
)


def _answering(code: str, status: int, message: str) -> Mapping[str, Any]:
    row = Row(code, status, message)
    return {"rules": Rules(rows={**EVERY_ROW, NOT_FOUND: row})}


_SAID = "the specified task is not existed."
FAULTY_ENDPOINTS += tuple(
    Animal(name=name, clause=clause, steps={}, options=_answering(*row))
    for name, clause, row in (
        ("not-found-with-200", "status.error.http-status", (NOT_FOUND, 200, _SAID)),
        ("not-found-with-400", "status.error.http-status", (NOT_FOUND, 400, _SAID)),
        ("not-found-in-caps", "status.error.message", (NOT_FOUND, 404, _SAID.upper())),
        ("not-found-without-a-point", "status.error.message", (NOT_FOUND, 404, _SAID[:-1])),
        ("not-found-in-other-words", "status.error.message", (NOT_FOUND, 404, "No such task.")),
        ("not-found-by-another-code", "status.not-found", ("TaskNotFound", 404, _SAID)),
        ("not-found-as-internal", "status.not-found", ("InternalError", 500, "Oops.")),
    )
)


def _run_endpoint(row: Animal, *clauses: str) -> dict[str, str]:
    chosen = Settings(phases=("documented",), operations=OTHERS, clauses=clauses)
    with serve(row.of(AnyEndpoint)) as url:
        bench = Endpoints(url, TEST_CREDENTIALS, chosen)
        try:
            return _broken(run_bench(bench, chosen))
        finally:
            bench.close()


@pytest.mark.parametrize("row", FAULTY_ENDPOINTS, ids=lambda row: row.name)
def test_a_faulty_endpoint_is_caught(row: Animal) -> None:
    """Each faulty endpoint breaks the clause that its row names."""
    assert row.clause in _run_endpoint(row, row.clause)


def _fixed(text: str) -> Callable[..., str]:
    return lambda self: text


def _new_id(form: Callable[[uuid.UUID], str]) -> Callable[..., str]:
    return lambda self: form(uuid.uuid4())


_TYPES = (
    "application/json",
    "application/json;charset=utf-8",
    "application/json; charset=UTF-8",
    "text/json",
)
_FORMS: Mapping[str, Callable[[uuid.UUID], str]] = {
    "hex": lambda made: made.hex,
    "dashed": lambda made: str(made).upper(),
}
LEGAL_ENDPOINTS = tuple(
    Animal(
        name=f"starts-{status}-{kind}-{form}-{more}",
        steps={
            "start": _start_as(status),
            "json_type": _fixed(kind),
            "request_id": _new_id(_FORMS[form]),
            **_telling(lambda self, told, more=more: {**told, **({"Data": "x"} if more else {})}),
        },
    )
    for status in (0, 1)
    for kind in _TYPES
    for form in _FORMS
    for more in (False, True)
)


@pytest.mark.parametrize("row", LEGAL_ENDPOINTS, ids=lambda row: row.name)
def test_a_legal_endpoint_is_not_accused(row: Animal) -> None:
    """What is odd and legal breaks nothing."""
    assert _run_endpoint(row) == {}
