"""The fixed cases of a client: what it is asked to send, and what answers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.client.scenarios import ReplyPlan, Scenario
from pytest_rtcmpu.contract import Contract, ErrorRow

# -------------------------------------------------------------------------- the cases of a client


def documented(contract: Contract, operations: Collection[str] = ()) -> Iterator[Scenario]:
    """Yield the fixed cases: every row of every table, and every kind of reply.

    Args:
        operations: those that the client can; StartMPUTask unless given.
    """
    yield from _starts(contract)
    for name in operations:
        if name != contract.action:
            yield from _of_operation(contract.operation(name))


def _of_operation(view: Contract) -> Iterator[Scenario]:
    """The cases of an operation that is not StartMPUTask."""
    for name, _, params in cases.valid(view):
        yield Scenario(name=f"{view.action} {name}", operation=view.action, params=params)
    plain = Scenario(name=view.action, operation=view.action, params=cases.plain(view))
    yield replace(plain, name=f"{view.action} with a temporary key", token=True)
    for each in view.in_view.reply:
        for value in (int(row.value) for row in each.values if each.name == "Status"):
            yield replace(plain, name=f"Status {value}", plan=ReplyPlan(status=value))
    rows = {(row.code, row.http_status): row for row in (*view.in_view.errors, *view.tables)}
    for row in rows.values():
        if row.table == "service" and row.http_status != 200:
            continue  # the same to every operation, and shown with the first
        name = f"{view.action}: {row.code} (HTTP {row.http_status})"
        yield replace(plain, name=name, plan=failure(view, row))


def _starts(contract: Contract) -> Iterator[Scenario]:
    for name, about, params in cases.valid(contract):
        yield Scenario(name=name, params=params, about=about)
    plain = cases.plain(contract)
    spaced = cases.odd(contract, " user ")
    yield Scenario(name="UserId with spaces around it", params=spaced)
    yield Scenario(name="temporary key", params=plain, token=True)
    for name, plan, about in replies(contract):
        waits = plan.kind == "never" or plan.fault == "trickle"
        timeout = 1.0 if waits else None
        yield Scenario(name=name, params=plain, plan=plan, about=about, timeout=timeout)
        if plan.kind in ("body", "never") or plan.fault:
            yield Scenario(name=f"after {name}", params=plain, after=name)
    failed = _any_failure(contract).code
    yield Scenario(name=f"after {failed}", params=plain, after=failed)


def _any_failure(contract: Contract) -> ErrorRow:
    """A failure that is nobody's fault, such as InternalError; any where no table has one."""
    return next((row for row in contract.errors if row.occurs == "on-demand"), contract.errors[0])


def failure(contract: Contract, row: ErrorRow) -> ReplyPlan:
    """Return the plan of a reply with a documented Code."""
    message = row.message
    if row.code in contract.rule("Signature", "verifies").codes:
        # "a real gateway appends …", and there are clients that rely on it.
        message += f"{contract.service.string_to_sign_suffix}GET&%2F&AppId%3Dapp1"
    return ReplyPlan(kind="error", code=row.code, http_status=row.http_status, message=message)


def replies(contract: Contract) -> Iterator[tuple[str, ReplyPlan, str]]:
    """Yield (name, plan, clause it is about) for every documented reply and every unreadable one.

    The clause is empty where the Code or the RequestId that was sent tells it.
    """
    extra = {"Recommend": "https://api.example.com/?q=1", "HostId": contract.service.host}
    yield (
        "RequestId as S2 writes it",
        ReplyPlan(request_id="8906582E-6722-4A6F-B1C3-0A4E5F2C7D11"),
        "",
    )
    yield "extra fields", ReplyPlan(extra=extra), "reply.extra-fields"
    yield "chunked", ReplyPlan(chunked=True), ""
    for code, rows in contract.errors_by_code.items():
        for status in dict.fromkeys(row.http_status for row in rows):
            yield f"{code} (HTTP {status})", failure(contract, contract.error(code, status)), ""
    unknown = ReplyPlan(kind="error", code="Something.Unheard.Of", message="Nobody documents this.")
    for status in (200, 400, 500):
        yield f"an unknown Code (HTTP {status})", replace(unknown, http_status=status), ""
    error = _any_failure(contract)
    extra_error = ReplyPlan(
        kind="error", code=error.code, http_status=error.http_status, extra=extra
    )
    yield "an error with extra fields", extra_error, "reply.extra-fields"
    for name, about, fault in SPOILT:
        yield name, ReplyPlan(fault=fault), about
    refused = replace(failure(contract, error), fault="wrong_content_type")
    yield "an error as text/html", refused, "reply.content-type"
    # The operation's own meaning of it, in Chinese: a text that no single-byte charset has.
    foreign = replace(failure(contract, error), message=error.meaning)
    yield "an error in Chinese", foreign, "reply.utf-8"
    for name, about, status, content_type, body in UNREADABLE:
        plan = ReplyPlan(kind="body", http_status=status, content_type=content_type, body=body)
        yield name, plan, about
    yield "no reply", ReplyPlan(kind="never"), "reply.never"


#: (name, clause, fault) of a reply that is spoilt on its way.
SPOILT: tuple[tuple[str, str, str], ...] = (
    ("a reset before the reply", "reply.lost.reset", "connection_reset"),
    ("a reset amid the reply", "reply.lost.amid", "reset_amid_reply"),
    ("a body cut short", "reply.lost.short", "truncated_body"),
    ("no HTTP", "reply.lost.no-http", "garbage"),
    ("a comma before the brace", "reply.trailing-comma", "trailing_comma"),
    ("a success as text/html", "reply.content-type", "wrong_content_type"),
    ("a reply that trickles", "reply.slow", "trickle"),
)

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


def plan_strategy(contract: Contract) -> Any:
    """A strategy of plans: success mostly, else any reply but the one that never comes."""
    from hypothesis import strategies as st

    odd = [plan for _, plan, about in replies(contract) if not about]
    return st.one_of(st.just(ReplyPlan()), st.just(ReplyPlan()), st.sampled_from(odd))
