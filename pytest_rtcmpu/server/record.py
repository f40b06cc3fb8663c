"""A recorded call as JSON values, its secrets taken out: for other languages, files and pages."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from pytest_rtcmpu import wire
from pytest_rtcmpu.endpoint import Call
from pytest_rtcmpu.values.credentials import Secret
from pytest_rtcmpu.values.redaction import redact_everywhere, redact_pairs, redact_query, tokens_of

Secrets = tuple[Secret, ...]


def call_record(call: Call, known: Secrets) -> dict[str, Any]:
    """Return a call as JSON values.

    Args:
        known: the endpoint's own secrets; the security tokens that came with the call go too.
    """
    request, reply = call.request, call.reply
    secrets = (*known, *tokens_of(request, call.pairs))

    def hide(text: str) -> str:
        return redact_everywhere(text, secrets)

    body = request.body.decode("utf-8", "replace")
    form = wire.is_form(request)
    return {
        "number": call.number,
        "received": call.received.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "request": {
            "method": request.method,
            "target": hide(request.path) + _query(request.target, secrets),
            "headers": _name_pairs(request.headers, secrets),
            "body": redact_query(body, secrets) if form else hide(body),
        },
        "signature": call.signature,
        "action": None if call.action is None else hide(call.action),
        "parameters": _name_pairs(call.pairs, secrets),
        "request_id": call.request_id,
        "code": call.code,
        "message": hide(call.message),
        "clause": call.clause
        and {
            "id": call.clause.id,
            "text": call.clause.text,
            "source": call.clause.source,
            "level": call.clause.level,
        },
        "problems": [
            {
                "path": hide(problem.path),
                "expected": problem.expected,
                "got": hide(problem.got),
                "clause": problem.clause.id,
                "lead": problem.lead,
            }
            for problem in call.problems
        ],
        "warnings": [
            {
                "path": hide(note.path),
                "detail": hide(note.detail),
                "silence": note.silence.id,
                "text": note.silence.text,
            }
            for note in call.warnings
        ],
        "autopsy": call.autopsy and hide(call.autopsy.explain()),
        "fault": call.fault and hide(call.fault),
        "reply": {
            "http_status": reply.status,
            "headers": _name_pairs(reply.headers, secrets),
            "body": hide(reply.body.decode("utf-8", "replace")),
        },
    }


def _query(target: str, secrets: Secrets) -> str:
    _, mark, query = target.partition("?")
    return mark + redact_query(query, secrets)


def _name_pairs(pairs: tuple[tuple[str, str], ...], secrets: Secrets) -> list[list[str]]:
    return [[name, value] for name, value in redact_pairs(pairs, secrets)]
