"""Judges of what a client made of the reply."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pytest_rtcmpu import rules, wire
from pytest_rtcmpu.checks.bench import Breach, NotJudged
from pytest_rtcmpu.checks.client.scenarios import Judge, Observation, Sent, in_words
from pytest_rtcmpu.contract import ErrorRow

# ------------------------------------------------------------------ what it made of the reply


def _last_reply(o: Observation) -> Sent | None:
    """The last exchange, where a reply was planned that a client can read.

    An odd one is for its own clause alone: what no source speaks of must not break what one does.
    """
    readable = o.scenario.plan.kind in ("success", "natural", "error")
    return o.last if readable and not o.scenario.about else None


def success_returned(applies: Callable[[Observation, Sent], bool]) -> Judge:
    """A success is reported, with the RequestId that was sent."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        last = _last_reply(o)
        if last is None or last.code is not None or not applies(o, last):
            return None
        if o.outcome.kind == "request_id" and o.outcome.request_id == last.request_id:
            return []
        return [Breach(expected=f"success, RequestId {last.request_id!r}", got=in_words(o.outcome))]

    return judge


def status_returned(o: Observation) -> Iterable[Breach] | None:
    """The Status of a success is what the client returns."""
    last = _last_reply(o)
    if last is None or last.code is not None or o.outcome.kind != "request_id":
        return None
    fields = wire.decode_reply(last.reply.body, action=o.contract.action)
    status = rules.integer(str(fields.get("Status")))
    if o.outcome.status == status:
        return []
    return [Breach(expected=f"Status {status}", got=in_words(o.outcome))]


def error_reported(applies: Callable[[Observation, Sent, ErrorRow | None], bool]) -> Judge:
    """A reply with a Code is reported as an error with that Code."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        last = _last_reply(o)
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
        return [Breach(expected=expected, got=in_words(o.outcome))]

    return judge


def code_reported(code: str) -> Judge:
    """A reply with this Code is reported as an error with it."""
    return error_reported(lambda o, last, row: last.code == code)


def table_reported(table: str) -> Judge:
    """A reply with a Code of this table is reported as an error with it."""
    return error_reported(lambda o, last, row: row is not None and row.table == table)


def unreadable_is_an_error(clause: str) -> Judge:
    """What is no reply is reported as an error."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        if o.scenario.about != clause or not o.sent:
            return None
        if o.outcome.kind == "error":
            return []
        return [Breach(expected="an error", got=in_words(o.outcome))]

    return judge


def reported_rightly(clause: str) -> Judge:
    """An odd reply that can be read is reported as what it says: its RequestId, or its Code."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        last = o.last
        if o.scenario.about != clause or last is None:
            return None
        if last.code is None:
            right = o.outcome.kind == "request_id" and o.outcome.request_id == last.request_id
            expected = f"success, RequestId {last.request_id!r}"
        else:
            right = o.outcome.kind == "error" and o.outcome.code == last.code
            expected = f"an error with Code {last.code!r}"
        return [] if right else [Breach(expected=expected, got=in_words(o.outcome))]

    return judge


def read_as_utf_8(o: Observation) -> Iterable[Breach] | None:
    """A reply in UTF-8 is understood, and its Message not read in another charset."""
    found = reported_rightly("reply.utf-8")(o)
    if found is None or isinstance(found, NotJudged):
        return None
    sent = o.scenario.plan.message.encode()
    for charset in ("latin-1", "cp1252", "gbk", "ascii"):
        misread = sent.decode(charset, "replace")
        if misread != o.scenario.plan.message and misread in o.outcome.message:
            got = f"its bytes as {charset}: {o.outcome.message[:200]}"
            return [*found, Breach(expected=f"Message {o.scenario.plan.message!r}", got=got)]
    return found


def comma_endured(o: Observation) -> Iterable[Breach] | None:
    """What S1 prints, which is no JSON, ends with its RequestId or with an error."""
    if o.scenario.about != "reply.trailing-comma" or o.last is None:
        return None
    if o.outcome.kind == "error" or o.outcome.request_id == o.last.request_id:
        return []
    expected = f"RequestId {o.last.request_id!r}, or an error"
    return [Breach(expected=expected, got=in_words(o.outcome))]


def alive_after(o: Observation) -> Iterable[Breach] | None:
    """The next task is served after an odd reply."""
    if not o.scenario.after:
        return None
    if o.outcome.kind in ("request_id", "error") and o.sent:
        # Whether it reports the reply rightly is for others to judge: here it is alive.
        last = _last_reply(o)
        if last is None or last.code is not None or o.outcome.kind == "request_id":
            return []
    expected = f"the next task served after: {o.scenario.after}"
    return [Breach(expected=expected, got=in_words(o.outcome))]
