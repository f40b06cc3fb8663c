"""The checks of a client: a clause and its judge, in one explicit tuple."""

from __future__ import annotations

from pytest_rtcmpu.checks.bench import Check
from pytest_rtcmpu.checks.client.judges.envelope import (
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
    error_reported,
    success_returned,
    table_reported,
    unreadable_is_an_error,
)
from pytest_rtcmpu.checks.client.judges.parameters import (
    all_panes_sent,
    complete_list,
    each_name_once,
    in_list,
    integer_form,
    keeps_value_rule,
    no_gaps,
    no_panes_sent,
    pane_field_sent,
    request_sent,
    required_sent,
    scalars_unchanged,
    starts_at_base,
    values_unchanged,
    zero_pane_id_sent,
    zero_sent,
)
from pytest_rtcmpu.checks.client.scenarios import Observation

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
    Check(clause="request.path", judge=right_path),
    Check(clause="request.sent", judge=request_sent),
    Check(clause="request.method.supported", judge=keeps_envelope_rule("request.method.supported")),
    Check(clause="request.parameter.once", judge=each_name_once),
    Check(clause="request.values.unchanged", judge=values_unchanged),
    Check(clause="request.utf-8", judge=signed_without(("charset",), has_odd_characters)),
    Check(clause="request.integer.form", judge=integer_form),
    Check(clause="format.known", judge=keeps_envelope_rule("format.known")),
    *(
        Check(clause=clause, judge=keeps_envelope_rule(clause))
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
        Check(clause=clause, judge=keeps_envelope_rule(clause, only="1.0"))
        for clause in (
            "signature-method.required",
            "signature-version.required",
            "signature-version.value",
        )
    ),
    Check(
        clause="v3.content-sha256.required",
        judge=keeps_envelope_rule("v3.content-sha256.required", only="v3"),
    ),
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
    Check(clause="signature.method", judge=signed_without(("wrong-method",), lambda s: True)),
    Check(
        clause="signature.empty-values",
        judge=signed_without(
            ("empty-left-out",), lambda s: any(not value for _, value in s.call.pairs)
        ),
    ),
    Check(clause="signature.encoding", judge=signed_without(_ENCODING, has_odd_characters)),
    Check(clause="nonce.unique", judge=fresh_nonce),
    Check(clause="security-token.signed", judge=token_signed),
    Check(clause="secret.never-sent", judge=secret_nowhere),
    Check(clause="app-id.required", judge=required_sent("AppId")),
    Check(clause="channel-id.required", judge=required_sent("ChannelId")),
    Check(clause="task-id.required", judge=required_sent("TaskId")),
    Check(clause="task-profile.required", judge=required_sent("TaskProfile")),
    Check(clause="media-encode.required", judge=required_sent("MediaEncode")),
    Check(clause="media-encode.zero", judge=zero_sent("MediaEncode")),
    Check(clause="background-color.required", judge=required_sent("BackgroundColor")),
    Check(clause="background-color.zero", judge=zero_sent("BackgroundColor")),
    Check(clause="layout-ids.required", judge=required_sent("LayoutIds")),
    Check(clause="layout-ids.several", judge=in_list(complete_list, "LayoutIds")),
    Check(clause="repeat-list.layout-ids.from-1", judge=in_list(starts_at_base, "LayoutIds")),
    Check(clause="repeat-list.layout-ids.no-gaps", judge=in_list(no_gaps, "LayoutIds")),
    Check(clause="user-panes.optional", judge=no_panes_sent),
    Check(clause="user-panes.complete", judge=all_panes_sent),
    Check(clause="user-panes.pane-id.required", judge=pane_field_sent("PaneId")),
    Check(clause="user-panes.user-id.required", judge=pane_field_sent("UserId")),
    Check(clause="user-panes.source-type.required", judge=pane_field_sent("SourceType")),
    Check(clause="user-panes.pane-id.zero", judge=zero_pane_id_sent),
    Check(clause="repeat-list.user-panes.from-0-or-1", judge=in_list(starts_at_base, "UserPanes")),
    Check(clause="repeat-list.user-panes.no-gaps", judge=in_list(no_gaps, "UserPanes")),
    Check(clause="stream-url.required", judge=required_sent("StreamURL")),
    Check(clause="stream-url.unchanged", judge=scalars_unchanged(lambda p: p.kind == "url")),
    *(
        Check(clause=clause, judge=keeps_value_rule(clause))
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
    Check(clause="reply.request-id.returned", judge=success_returned(lambda o, last: True)),
    Check(
        clause="reply.json",
        judge=success_returned(lambda o, last: last.call.reply_format == "JSON"),
    ),
    Check(
        clause="reply.xml", judge=success_returned(lambda o, last: last.call.reply_format == "XML")
    ),
    Check(
        clause="reply.extra-fields",
        judge=success_returned(lambda o, last: bool(o.scenario.plan.extra)),
    ),
    Check(
        clause="reply.error.in-http-200",
        judge=error_reported(lambda o, last, row: last.reply.status == 200),
    ),
    Check(clause="reply.unreadable.html", judge=unreadable_is_an_error("reply.unreadable.html")),
    Check(clause="reply.unreadable.empty", judge=unreadable_is_an_error("reply.unreadable.empty")),
    Check(
        clause="reply.unreadable.truncated",
        judge=unreadable_is_an_error("reply.unreadable.truncated"),
    ),
    Check(
        clause="reply.unreadable.not-an-object",
        judge=unreadable_is_an_error("reply.unreadable.not-an-object"),
    ),
    Check(
        clause="reply.unreadable.no-request-id",
        judge=unreadable_is_an_error("reply.unreadable.no-request-id"),
    ),
    Check(clause="reply.never", judge=unreadable_is_an_error("reply.never")),
    Check(clause="reply.alive-after", judge=alive_after),
    Check(clause="error.task-existed", judge=code_reported("TaskExisted")),
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
    Check(clause="error.unknown-code", judge=error_reported(lambda o, last, row: row is None)),
)
