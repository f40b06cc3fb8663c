"""Judges of an endpoint: each takes an observation and returns its breaches of one clause."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from pytest_rtcmpu import rules, wire
from pytest_rtcmpu.checks.bench import Breach, Judgement, NotJudged
from pytest_rtcmpu.checks.endpoint.scenarios import Judge, Observation, ReadReply, Step
from pytest_rtcmpu.checks.nearest import absent
from pytest_rtcmpu.contract import ErrorRow

#: How many simultaneous starts, and how many times over: one lucky round proves little.
RACERS, ROUNDS = 16, 5
#: S2 111550: "返回RequestId、HostId、错误代码和错误信息"
_FIELDS = ("RequestId", "HostId", "Code", "Message")


# ----------------------------------------------------------------------- what must answer a step


def answered_as_expected(clause: str) -> Judge:
    """A step that is about this clause is answered as it must be."""

    def judge(o: Observation) -> Judgement:
        expect = o.step.expect
        if o.winners is not None or clause not in (expect.clause, expect.code_clause):
            return None
        if o.unread:
            return NotJudged(o.failure)
        if not expect.codes:
            return _judge_acceptance(o)
        if expect.clause != expect.code_clause:
            refused = o.answer is not None and o.answer.code is not None
            if clause == expect.code_clause:
                # Whether it is refused at all is the other clause's business.
                return _right_code(o) if refused else None
            return [] if refused else [Breach(expected="a refusal", got=o.got)]
        return _right_code(o)

    return judge


def _judge_acceptance(o: Observation) -> list[Breach]:
    if o.answer is not None and o.answer.success:
        wanted = o.step.expect.statuses
        status = _status(o.answer)
        if wanted and status is not None and status not in wanted:
            expected = f"Status {' or '.join(map(str, wanted))}"
            return [Breach(expected=expected, got=f"Status {status}")]
        return []
    return [Breach(expected="success: HTTP 2xx, a RequestId and no Code of a failure", got=o.got)]


def _status(answer: ReadReply) -> int | None:
    """The Status of a reply; what is no Integer is for a clause of its own."""
    return rules.integer(str(answer.fields.get("Status")))


def status_is_a_number(o: Observation) -> Iterable[Breach] | None:
    """Status is an Integer of the table, in JSON a number."""
    answer = o.answer
    if answer is None or not answer.success:
        return None
    # facts: "Status is Integer: JSON "Status":0 (a number)"
    value = answer.fields.get("Status")
    is_number = type(value) is int or (answer.syntax == "XML" and rules.is_integer(str(value)))
    known = [row.value for each in o.contract.in_view.reply for row in each.values]
    if is_number and _status(answer) in known:
        return []
    expected = f"Status, a number of {', '.join(map(str, known))}"
    return [Breach(expected=expected, got=f"Status {value!r}" if value is not None else o.got)]


def _right_code(o: Observation) -> list[Breach]:
    codes = o.step.expect.codes
    if o.answer is not None and o.answer.code in codes:
        return []
    return [Breach(expected=f"Code {' or '.join(codes)}", got=o.got)]


def _row(o: Observation) -> ErrorRow | None:
    """The documented row of the reply's Code."""
    code = o.answer.code if o.answer else None
    rows = o.contract.errors_by_code.get(code or "", ())
    status = o.answer.response.status if o.answer else None
    return next((r for r in rows if r.http_status == status), rows[0] if rows else None)


def documented_status(table: str = "") -> Judge:
    """The HTTP status is that of the Code's row in a table, the operation's own unless given."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        row = _row(o)
        if row is None or row.table != (table or o.contract.action) or o.answer is None:
            return None
        if o.answer.response.status == row.http_status:
            return []
        return [Breach(expected=f"HTTP {row.http_status} with {row.code}", got=o.got)]

    return judge


def documented_message(table: str = "") -> Judge:
    """The Message is that of the Code's row in a table, the operation's own unless given."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        row = _row(o)
        if row is None or row.table != (table or o.contract.action) or o.answer is None:
            return None
        message = str(o.answer.fields.get("Message"))
        suffix = o.contract.service.string_to_sign_suffix
        # "a real gateway appends ` server string to sign is:` and the string it signed"
        if message == row.message or message.startswith(f"{row.message}{suffix}"):
            return []
        return [Breach(expected=f"Message {row.message!r}", got=f"Message {message[:200]!r}")]

    return judge


def existed_status(o: Observation) -> Iterable[Breach] | None:
    """TaskExisted comes with its documented HTTP status."""
    row = _row(o)
    if row is None or row.code != "TaskExisted" or o.answer is None:
        return None
    if o.answer.response.status == row.http_status:
        return []
    return [Breach(expected=f"HTTP {row.http_status} with {row.code}", got=o.got)]


def existed_only_then(o: Observation) -> Iterable[Breach] | None:
    """TaskExisted answers only for a task that was started."""
    if o.winners is not None or o.answer is None or o.existed:
        return None
    if o.answer.code != "TaskExisted":
        return []
    return [Breach(expected="another answer: this task was never started", got=o.got)]


def one_winner(o: Observation) -> Judgement:
    """Of simultaneous starts of one task, one succeeds."""
    if o.winners is None:
        return None
    expected = f"1 success, {RACERS - 1} times TaskExisted"
    others = {text for text in o.losers if "TaskExisted" not in text}
    if o.unread and o.winners <= 1 and not others:
        return NotJudged(o.failure)
    if o.winners == 1 and not others:
        return []
    got = f"{o.winners} successes" + (f"; others: {sorted(others)[:3]}" if others else "")
    return [Breach(expected=expected, got=got)]


# --------------------------------------------------------------------------- what every reply is


def in_syntax(clause: str, applies: Callable[[Step], str]) -> Judge:
    """The reply is in the syntax that was asked for; ``applies`` names it, or is empty."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        wanted = applies(o.step)
        if not wanted or o.answer is None:
            return None
        if o.answer.syntax == wanted:
            return []
        return [Breach(expected=f"a reply in {wanted}", got=_excerpt(o.answer))]

    return judge


def _excerpt(answer: ReadReply) -> str:
    return f"HTTP {answer.response.status}, body {answer.body[:120]!r}"


def readable(syntax: str) -> Judge:
    """A reply in this syntax can be read, and has the documented shape."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        if o.answer is None or o.answer.syntax != syntax:
            return None
        if not o.answer.problem:
            return _shape(o, o.answer)
        expected = "a JSON object" if syntax == "JSON" else "XML of the documented shape"
        return [Breach(expected=expected, got=f"{o.answer.problem}; {_excerpt(o.answer)}")]

    return judge


def _shape(o: Observation, answer: ReadReply) -> list[Breach]:
    """XML's root says what it is: S2 111550, ``<Error>`` for a failure and only for one."""
    if answer.syntax != "XML":
        return []
    failure = re.search(rb"<Error[\s>]", answer.body) is not None
    if failure == (answer.code is not None):
        return []
    root = "Error" if answer.code is not None else f"{o.contract.action}Response"
    return [Breach(expected=f"<{root}>", got=_excerpt(answer))]


def request_id_present(o: Observation) -> Iterable[Breach] | None:
    """Every reply carries a RequestId."""
    if o.answer is None or o.answer.problem:
        return None
    if o.answer.request_id:
        return []
    came = absent("RequestId", o.answer.fields.items(), known=_FIELDS)
    return [Breach(expected="a RequestId", got=f"{o.got}; {came}")]


def request_id_form(o: Observation) -> Iterable[Breach] | None:
    """A RequestId has one of the documented forms."""
    request_id = o.answer.request_id if o.answer else None
    if request_id is None:
        return None
    patterns = o.contract.service.request_id_patterns
    if any(re.fullmatch(pattern, request_id) for pattern in patterns):
        return []
    expected = "32 lower-case hex digits or an upper-case dashed UUID"
    return [Breach(expected=expected, got=f"RequestId {request_id!r}")]


def request_id_fresh(o: Observation) -> Iterable[Breach] | None:
    """No RequestId comes twice."""
    request_id = o.answer.request_id if o.answer else None
    if request_id is None:
        return None
    if not o.request_id_repeated:
        return []
    return [Breach(expected="a new RequestId", got=f"RequestId {request_id!r} again")]


def error_fields(o: Observation) -> Iterable[Breach] | None:
    """An error has its four fields."""
    if o.answer is None or o.answer.code is None:
        return None
    came = o.answer.fields.items()
    missing = [absent(name, came, known=_FIELDS) for name in _FIELDS if name not in o.answer.fields]
    return [Breach(expected=", ".join(_FIELDS), got=", ".join(missing))] if missing else []


# ------------------------------------------------------------------- how a reply is written down


def charset_is_utf_8(o: Observation) -> Iterable[Breach] | None:
    """A reply is UTF-8, and says of no other charset that it were that."""
    if o.answer is None or not o.answer.body:
        return None
    named = re.search(r"charset\s*=\s*\"?([^\s\";]+)", _content_type(o.answer), re.IGNORECASE)
    if named and named[1].lower() not in ("utf-8", "utf8"):
        return [Breach(expected="charset=utf-8, or none", got=_content_type(o.answer))]
    try:
        o.answer.body.decode()
    except UnicodeDecodeError:
        return [Breach(expected="UTF-8", got=_excerpt(o.answer))]
    return []


def _content_type(answer: ReadReply) -> str:
    return answer.response.header("content-type") or ""


def content_type_fits(o: Observation) -> Iterable[Breach] | None:
    """Content-Type names the syntax that the reply has."""
    if o.answer is None or not o.answer.syntax:
        return None
    named = _content_type(o.answer).partition(";")[0].strip().lower()
    syntax = o.answer.syntax.lower()
    if re.fullmatch(rf"(application|text)/([\w.-]+\+)?{syntax}", named):
        return []
    got = f"Content-Type: {named}" if named else "no Content-Type"
    return [Breach(expected=f"Content-Type: application/{syntax}, or text/{syntax}", got=got)]


def not_compressed(o: Observation) -> Iterable[Breach] | None:
    """A reply comes as it is where that was asked for."""
    # http.client, which sends simultaneous starts, asks for it by itself.
    asked = "identity" if o.winners is not None else o.request.header("accept-encoding")
    if o.answer is None or asked != "identity":
        return None
    coding = (o.answer.response.header("content-encoding") or "identity").strip().lower()
    if coding == "identity":
        return []
    return [Breach(expected="a reply that is not compressed", got=f"Content-Encoding: {coding}")]


def fields_once(o: Observation) -> Iterable[Breach] | None:
    """No field of a reply comes twice."""
    if o.answer is None or o.answer.problem:
        return None
    names = wire.reply_names(o.answer.body) if not o.answer.extra_comma else []
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    return [Breach(expected=f"{name} once", got=_excerpt(o.answer)) for name in twice]


def success_without_code(o: Observation) -> Iterable[Breach] | None:
    """A success has no Code at all."""
    if o.answer is None or not o.answer.success:
        return None
    code = o.answer.stated_code
    return [Breach(expected="no Code", got=f"Code {code!r}")] if code is not None else []


def success_is_200(o: Observation) -> Iterable[Breach] | None:
    """A success comes with HTTP status 200."""
    if o.answer is None or not o.answer.success:
        return None
    return [] if o.answer.response.status == 200 else [Breach(expected="HTTP 200", got=o.got)]


def no_extra_comma(o: Observation) -> Iterable[Breach] | None:
    """JSON ends without the comma of S1's example."""
    if o.answer is None or o.answer.syntax != "JSON" or o.answer.problem:
        return None
    if not o.answer.extra_comma:
        return []
    return [Breach(expected="no comma before the brace", got=_excerpt(o.answer))]


def asked_format(
    syntax: str, *texts: str | None, signature: str | None = None
) -> Callable[[Step], str]:
    """The syntax, where Format was one of these texts."""

    def applies(step: Step) -> str:
        kind = signature in (None, step.signature)
        return syntax if step.reply_format in texts and kind else ""

    return applies


def format_in_other_case(step: Step) -> str:
    """The syntax, where Format was written in another letter case."""
    text = step.reply_format or ""
    return text.upper() if text != text.upper() and text.upper() in ("JSON", "XML") else ""
