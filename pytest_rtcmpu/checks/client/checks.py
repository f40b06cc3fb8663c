"""The checks of a client: those with a judge of their own in one tuple, the rest by their rule."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cache

from pytest_rtcmpu.checks.bench import Check
from pytest_rtcmpu.checks.client.judges.envelope import (
    content_type_signed,
    fresh_nonce,
    has_odd_characters,
    keeps_envelope_rule,
    right_path,
    secret_nowhere,
    signature_verifies,
    signed_without,
    token_signed,
)
from pytest_rtcmpu.checks.client.judges.outcome import (
    alive_after,
    code_reported,
    comma_endured,
    error_reported,
    read_as_utf_8,
    reported_rightly,
    status_returned,
    success_returned,
    table_reported,
    unreadable_is_an_error,
)
from pytest_rtcmpu.checks.client.judges.parameters import (
    all_items_sent,
    all_panes_sent,
    complete_list,
    each_list,
    each_name_once,
    first_name,
    in_list,
    in_order,
    integer_form,
    keeps_value_rule,
    no_gaps,
    no_panes_sent,
    request_sent,
    required_sent,
    scalars_unchanged,
    starts_at_base,
    values_unchanged,
    zero_pane_id_sent,
    zero_sent,
)
from pytest_rtcmpu.checks.client.scenarios import Judge, Observation
from pytest_rtcmpu.contract import Clause, Contract, ContractError
from pytest_rtcmpu.signatures.autopsy import ENCODING_CAUSES
from pytest_rtcmpu.strategies.defects import WRONG_VALUES

#: The clauses that have a judge of their own.
_OWN: tuple[Check[Observation], ...] = (
    Check(clause="request.path", judge=right_path),
    Check(clause="request.parameter.once", judge=each_name_once),
    Check(clause="request.values.unchanged", judge=values_unchanged),
    Check(clause="request.utf-8", judge=signed_without(("charset",), has_odd_characters)),
    Check(clause="request.integer.form", judge=integer_form),
    Check(clause="signature.1-0.verifies", judge=signature_verifies("1.0")),
    Check(clause="signature.v3.verifies", judge=signature_verifies("v3")),
    Check(
        clause="signature.v3.signed-headers",
        judge=signed_without(
            ("header-not-signed", "signed-header-absent", "signed-headers-unsorted", "body-hash"),
            lambda s: True,
            only="v3",
        ),
    ),
    Check(clause="signature.v3.content-type.signed", judge=content_type_signed),
    Check(clause="signature.method", judge=signed_without(("wrong-method",), lambda s: True)),
    Check(
        clause="signature.empty-values",
        judge=signed_without(
            ("empty-left-out",), lambda s: any(not value for _, value in s.call.pairs)
        ),
    ),
    Check(clause="signature.encoding", judge=signed_without(ENCODING_CAUSES, has_odd_characters)),
    Check(clause="nonce.unique", judge=fresh_nonce),
    Check(clause="security-token.signed", judge=token_signed),
    Check(clause="secret.never-sent", judge=secret_nowhere),
    Check(clause="layout-ids.several", judge=in_list(complete_list, "LayoutIds")),
    Check(clause="repeat-list.order", judge=in_order("LayoutIds", "UserPanes")),
    Check(clause="repeat-list.layout-ids.from-1", judge=in_list(starts_at_base, "LayoutIds")),
    Check(clause="repeat-list.layout-ids.no-gaps", judge=in_list(no_gaps, "LayoutIds")),
    Check(clause="user-panes.optional", judge=no_panes_sent),
    Check(clause="user-panes.complete", judge=all_panes_sent),
    Check(clause="user-panes.pane-id.zero", judge=zero_pane_id_sent),
    Check(clause="repeat-list.user-panes.no-gaps", judge=in_list(no_gaps, "UserPanes")),
    Check(clause="stream-url.unchanged", judge=scalars_unchanged(lambda p: p.kind == "url")),
    Check(clause="status.returned", judge=status_returned),
    Check(clause="reply.request-id.returned", judge=success_returned(lambda o, last: True)),
    Check(
        clause="reply.json",
        judge=success_returned(lambda o, last: last.call.reply_format == "JSON"),
    ),
    Check(
        clause="reply.xml", judge=success_returned(lambda o, last: last.call.reply_format == "XML")
    ),
    Check(clause="reply.extra-fields", judge=reported_rightly("reply.extra-fields")),
    Check(clause="reply.content-type", judge=reported_rightly("reply.content-type")),
    Check(clause="reply.utf-8", judge=read_as_utf_8),
    Check(clause="reply.trailing-comma", judge=comma_endured),
    Check(
        clause="reply.error.in-http-200",
        judge=error_reported(lambda o, last, row: row is not None and last.reply.status == 200),
    ),
    Check(
        clause="reply.unreadable.html",
        judge=unreadable_is_an_error("reply.unreadable.html"),
        only_about=True,
    ),
    Check(
        clause="reply.unreadable.empty",
        judge=unreadable_is_an_error("reply.unreadable.empty"),
        only_about=True,
    ),
    Check(
        clause="reply.unreadable.truncated",
        judge=unreadable_is_an_error("reply.unreadable.truncated"),
        only_about=True,
    ),
    Check(
        clause="reply.unreadable.not-an-object",
        judge=unreadable_is_an_error("reply.unreadable.not-an-object"),
        only_about=True,
    ),
    Check(
        clause="reply.unreadable.no-request-id",
        judge=unreadable_is_an_error("reply.unreadable.no-request-id"),
        only_about=True,
    ),
    *(
        Check(clause=clause, judge=unreadable_is_an_error(clause), only_about=True)
        for clause in (
            "reply.never",
            "reply.slow",
            "reply.lost.reset",
            "reply.lost.amid",
            "reply.lost.short",
            "reply.lost.no-http",
        )
    ),
    Check(clause="reply.alive-after", judge=alive_after),
    Check(clause="error.internal-error", judge=code_reported("InternalError")),
    Check(clause="error.invalid-layout-id", judge=code_reported("InvalidLayoutID.Malformed")),
    Check(clause="error.invalid-media-encode", judge=code_reported("InvalidMediaEncode.Malformed")),
    Check(
        clause="error.invalid-background-color",
        judge=code_reported("InvalidBackgroundColor.Malformed"),
    ),
    Check(
        clause="error.missing-parameter",
        judge=error_reported(
            lambda o, last, row: row is not None and row.family == "Missing{Parameter}"
        ),
    ),
    Check(clause="error.gateway-codes", judge=table_reported("gateway")),
    Check(clause="error.service-codes", judge=table_reported("service")),
    Check(
        clause="error.unknown-code",
        judge=error_reported(lambda o, last, row: row is None and last.reply.status != 200),
    ),
    Check(
        clause="error.unknown-code.http-200",
        judge=error_reported(lambda o, last, row: row is None and last.reply.status == 200),
    ),
)

#: For a rule of the operation's parameters: its judge, for the clause's parameter.
_BY_RULE: Mapping[str, Callable[[Clause], Judge]] = {
    "sent": lambda clause: request_sent,
    "required": lambda clause: required_sent(str(clause.parameter)),
    "base": lambda clause: each_list(starts_at_base, str(clause.parameter)),
    "gaps": lambda clause: each_list(no_gaps, str(clause.parameter)),
    "zero": lambda clause: zero_sent(str(clause.parameter)),
    "complete": lambda clause: all_items_sent(str(clause.parameter)),
    "exists": lambda clause: code_reported(clause.codes[0]),
    "items": keeps_value_rule,
    **dict.fromkeys(WRONG_VALUES, keeps_value_rule),
}
#: Common parameters, or one rule of theirs, that one kind of signature alone knows.
_ONLY: Mapping[tuple[str | None, str | None], str] = {
    ("SignatureMethod", "required"): "1.0",
    ("SignatureVersion", "required"): "1.0",
    ("SignatureVersion", "enum"): "1.0",
    ("ContentSha256", "required"): "v3",
}


@cache
def client_checks(
    contract: Contract, operations: tuple[str, ...] = ()
) -> tuple[Check[Observation], ...]:
    """Return the checks of a client: one a clause, in the contract's order.

    Args:
        operations: those that the client can; StartMPUTask unless given.

    Raises:
        ContractError: for a clause that nobody judges.
    """
    own = {check.clause: check for check in _OWN}
    task_id = contract.parameter("TaskId")
    own["task-id.name"] = Check(clause="task-id.name", judge=first_name(task_id))
    made = [
        own.get(clause.id) or Check(clause=clause.id, judge=_of_envelope(clause))
        for clause in contract.shared_clauses
        if "client" in clause.subjects
    ]
    for name in operations or (contract.action,):
        view = contract.operation(name)
        relations = {each.id for each in view.relations}
        for clause in view.in_view.clauses:
            if "client" in clause.subjects:
                check = own.get(clause.id) or Check(
                    clause=clause.id, judge=_of_parameter(clause, relations)
                )
                made.append(replace(check, operation=name))
    return tuple(made)


def _of_envelope(clause: Clause) -> Judge:
    """The judge of a rule of the envelope: the endpoint's own diagnosis knows them."""
    if clause.rule is None:
        raise ContractError(_no_judge(clause))
    return keeps_envelope_rule(clause, only=_ONLY.get((clause.parameter, clause.rule)))


def _no_judge(clause: Clause) -> str:
    return (
        f"{clause.id}: expected a judge of this clause for clients, got none: give the clause a "
        "parameter and a rule, or a row in checks/client/checks.py"
    )


def _of_parameter(clause: Clause, relations: Collection[str]) -> Judge:
    """The judge of a clause by its rule."""
    if clause.id in relations:
        return keeps_value_rule(clause)
    make = _BY_RULE.get(str(clause.rule))
    if make is None:
        raise ContractError(_no_judge(clause))
    return make(clause)
