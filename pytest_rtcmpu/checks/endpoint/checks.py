"""The checks of an endpoint: a clause and its judge."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from pytest_rtcmpu.checks.bench import Check
from pytest_rtcmpu.checks.endpoint.judges import (
    answered_as_expected,
    asked_format,
    charset_is_utf_8,
    content_type_fits,
    documented_message,
    documented_status,
    error_fields,
    existed_only_then,
    existed_status,
    fields_once,
    format_in_other_case,
    in_syntax,
    no_extra_comma,
    not_compressed,
    one_winner,
    readable,
    request_id_form,
    request_id_fresh,
    request_id_present,
    status_is_a_number,
    success_is_200,
    success_without_code,
)
from pytest_rtcmpu.checks.endpoint.scenarios import Observation
from pytest_rtcmpu.contract import Clause, Contract

_GATEWAY = "gateway"

#: The clauses about what every reply is. Every other is about what must answer a certain request.
_OWN: tuple[Check[Observation], ...] = (
    Check(clause="format.json", judge=in_syntax("format.json", asked_format("JSON", "JSON"))),
    Check(clause="format.xml", judge=in_syntax("format.xml", asked_format("XML", "XML"))),
    Check(
        clause="format.default-xml",
        judge=in_syntax("format.default-xml", asked_format("XML", None, signature="1.0")),
    ),
    Check(
        clause="format.v3.default-json",
        judge=in_syntax("format.v3.default-json", asked_format("JSON", None, signature="v3")),
    ),
    Check(clause="format.letter-case", judge=in_syntax("format.letter-case", format_in_other_case)),
    Check(clause="reply.json", judge=readable("JSON")),
    Check(clause="reply.xml", judge=readable("XML")),
    Check(clause="reply.utf-8", judge=charset_is_utf_8),
    Check(clause="reply.content-type", judge=content_type_fits),
    Check(clause="reply.identity", judge=not_compressed),
    Check(clause="reply.fields.once", judge=fields_once),
    Check(clause="reply.success.no-code", judge=success_without_code),
    Check(clause="reply.success.http-200", judge=success_is_200),
    Check(clause="reply.trailing-comma", judge=no_extra_comma),
    Check(clause="reply.request-id.present", judge=request_id_present),
    Check(clause="reply.request-id.form", judge=request_id_form),
    Check(clause="reply.request-id.fresh", judge=request_id_fresh),
    Check(clause="reply.error.fields", judge=error_fields),
    Check(clause="error.task-existed.http-200", judge=existed_status),
    Check(clause="error.task-existed.only-then", judge=existed_only_then),
    Check(clause="error.task-existed.one-winner", judge=one_winner, only_about=True),
    Check(clause="error.message", judge=documented_message()),
    Check(clause="error.gateway.message", judge=documented_message(_GATEWAY)),
    Check(clause="error.http-status", judge=documented_status()),
    Check(clause="status.error.message", judge=documented_message()),
    Check(clause="status.error.http-status", judge=documented_status()),
    Check(clause="status.number", judge=status_is_a_number),
    Check(clause="error.gateway.http-status", judge=documented_status(_GATEWAY)),
)

#: Rules that no request breaks by itself and no check can bring about: nobody names us a disabled
#: key of a foreign endpoint, nor a temporary one.
_OUT_OF_REACH = ("active", "given", "own")


@cache
def endpoint_checks(
    contract: Contract, operations: tuple[str, ...] = ()
) -> tuple[Check[Observation], ...]:
    """Return the checks of an endpoint: one a clause, in the contract's order.

    Args:
        operations: those that the endpoint has; all of the edition's unless given.
    """
    own = {check.clause: check for check in _OWN}
    clauses: list[tuple[Clause, str | None]] = [(each, None) for each in contract.shared_clauses]
    for name in operations or tuple(contract.operations):
        clauses += [(each, name) for each in contract.operations[name].clauses]
    return tuple(
        replace(own[clause.id], operation=name)
        if clause.id in own
        # What a step is about it says itself: a start may be about what a stop has done before.
        else Check(clause=clause.id, judge=answered_as_expected(clause.id), only_about=True)
        for clause, name in clauses
        if "endpoint" in clause.subjects and clause.rule not in _OUT_OF_REACH
    )
