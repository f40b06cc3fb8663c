"""Bytes ↔ values: queries and forms, timestamps, replies in JSON and XML."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import unquote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_rtcmpu import wire
from pytest_rtcmpu.contract import load
from pytest_rtcmpu.errors import UnreadableReply
from pytest_rtcmpu.signatures.sign import percent_encode
from pytest_rtcmpu.values.messages import Request

CONTRACT = load()
ACTION = "StartMPUTask"

PARSED = {
    "nothing": ("", []),
    "order": ("b=2&a=1", [("b", "2"), ("a", "1")]),
    "duplicates": ("a=1&a=2&a=1", [("a", "1"), ("a", "2"), ("a", "1")]),
    "empty-value": ("a=&b", [("a", ""), ("b", "")]),
    "empty-name": ("=v", [("", "v")]),
    "empty-pieces": ("&&a=1&", [("a", "1")]),
    "equals-in-value": ("a=b=c", [("a", "b=c")]),
    "plus": ("a+b=c+d", [("a b", "c d")]),
    "escaped-plus": ("a=1%2B1", [("a", "1+1")]),
    "space": ("a=b%20c", [("a", "b c")]),
    "escapes-of-separators": ("a%26b=c%3Dd", [("a&b", "c=d")]),
    "lower-case-escapes": ("a=%e6%b5%8b", [("a", "测")]),
    "escaped-twice": ("a=%2526", [("a", "%26")]),
    "invalid-escapes": ("a=%&b=%2&c=%zz", [("a", "%"), ("b", "%2"), ("c", "%zz")]),
    "invalid-utf-8": ("a=%ff%fe", [("a", "\ufffd\ufffd")]),
    "semicolon": ("a=1;b=2", [("a", "1;b=2")]),
    "raw-reserved": ("a=~*/:?#", [("a", "~*/:?#")]),
    "nul-and-line-feed": ("a=%00%0A", [("a", "\0\n")]),
}


@pytest.mark.parametrize(("raw", "pairs"), PARSED.values(), ids=PARSED)
def test_a_raw_query_is_parsed(raw: str, pairs: list[tuple[str, str]]) -> None:
    """A query or form becomes ordered pairs; nothing is merged and nothing dropped."""
    assert wire.parse_pairs(raw) == pairs
    assert wire.parse_pairs(raw.encode()) == pairs


@pytest.mark.parametrize(
    ("raw", "value"),
    [("a=测".encode(), "测"), (b"a=\xff", "\ufffd"), ("a=测%E6%B5%8B".encode(), "测测")],
    ids=["utf-8", "no-utf-8", "mixed"],
)
def test_raw_bytes_in_a_form_are_utf_8(raw: bytes, value: str) -> None:
    """Bytes that were not percent-encoded are read as UTF-8; what is none becomes U+FFFD."""
    assert wire.parse_pairs(raw) == [("a", value)]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@settings(derandomize=True)
@given(st.lists(st.tuples(TEXTS, TEXTS)))
@example([("", "")])
def test_encoded_pairs_come_back(pairs: list[tuple[str, str]]) -> None:
    """What is percent-encoded and joined is parsed into the same pairs."""
    raw = "&".join(f"{percent_encode(name)}={percent_encode(value)}" for name, value in pairs)
    assert wire.parse_pairs(raw) == pairs
    assert wire.parse_pairs(raw.encode("ascii")) == pairs


FORM = ("Content-Type", "application/x-www-form-urlencoded")
REQUESTS = {
    "query": (Request(method="GET", target="/?a=1&b=2"), ["1", "2"]),
    "no-query": (Request(method="GET", target="/"), []),
    "form": (Request(method="POST", target="/", headers=(FORM,), body=b"a=1"), ["1"]),
    "merged": (Request(method="POST", target="/?a=1", headers=(FORM,), body=b"a=2"), ["1", "2"]),
    "form-with-charset": (
        Request(
            method="POST",
            target="/",
            headers=(("CONTENT-TYPE", "Application/X-WWW-Form-Urlencoded; charset=utf-8"),),
            body=b"a=1",
        ),
        ["1"],
    ),
    "no-form": (
        Request(
            method="POST", target="/?a=1", headers=(("Content-Type", "text/plain"),), body=b"a=2"
        ),
        ["1"],
    ),
    "no-type": (Request(method="POST", target="/?a=1", body=b"a=2"), ["1"]),
    "question-mark-in-query": (Request(method="GET", target="/?a=1?b"), ["1?b"]),
}


@pytest.mark.parametrize(("request_", "values"), REQUESTS.values(), ids=REQUESTS)
def test_query_and_form_are_merged(request_: Request, values: list[str]) -> None:
    """A request's parameters are those of the query, then those of the form."""
    assert [value for _, value in wire.request_pairs(request_)] == values


# ------------------------------------------------------------------------------- timestamps


@settings(derandomize=True)
@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)))
def test_a_timestamp_comes_back(moment: datetime) -> None:
    """A moment's wire form means that moment, to the second."""
    text = wire.format_timestamp(moment, CONTRACT)
    assert wire.parse_timestamp(text, CONTRACT) == moment.replace(microsecond=0)


def test_a_timestamp_is_written_in_utc() -> None:
    """A moment of another time zone is converted."""
    moment = datetime(2024, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=8)))
    assert wire.format_timestamp(moment, CONTRACT) == "2023-12-31T17:30:00Z"


def test_a_naive_moment_is_refused() -> None:
    """A datetime without a time zone is the caller's mistake."""
    with pytest.raises(ValueError, match="expected a datetime with a time zone, got a naive one"):
        wire.format_timestamp(datetime(2024, 1, 1), CONTRACT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01 00:00:00Z",
        "2024-01-01T00:00:00z",
        "2024-01-01T00:00:00+00:00",
        "2024-01-01T00:00:00.000Z",
        "2024-1-1T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:60Z",
        "0000-01-01T00:00:00Z",
        "٢٠٢٤-01-01T00:00:00Z",
        " 2024-01-01T00:00:00Z",
        "2024-01-01T00:00:00Z\n",
        "1704067200",
    ],
)
def test_another_form_is_no_timestamp(text: str) -> None:
    """Only yyyy-MM-ddTHH:mm:ssZ is a timestamp, and only for a day and a time that exist."""
    assert wire.parse_timestamp(text, CONTRACT) is None


# ---------------------------------------------------------------------------------- replies

NAMES = ["RequestId", "HostId", "Code", "Message"]
ODD = st.one_of(
    st.text(
        st.sampled_from([*"a<>&\"'/\\ \t\n\r]]>{}", "\0", "\x1b", "\x85", "\ufffe", "😀", "测"])
    ),
    st.text(),
)


def in_xml(text: str) -> str:
    """Return what XML can carry of a text: what it cannot becomes U+FFFD."""
    return "".join(
        c if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
        else "\ufffd"
        for c in text
    )  # fmt: skip


@settings(derandomize=True)
@given(ODD, ODD)
@example("]]>", "\r\n")
def test_a_reply_in_json_comes_back(code: str, message: str) -> None:
    """What is written into a JSON reply is read from it; a lone surrogate becomes ``?``."""
    fields = [("RequestId", "r"), ("HostId", "h"), ("Code", code), ("Message", message)]
    kind, body = wire.encode_reply(dict(fields), reply_format="JSON", root="Error")
    assert kind == "application/json;charset=utf-8"
    assert json.loads(body) == wire.decode_reply(body, action=ACTION)
    expected = {name: value.encode("utf-8", "replace").decode() for name, value in fields}
    assert wire.decode_reply(body, action=ACTION) == expected


@settings(derandomize=True)
@given(ODD, ODD)
@example("]]>", "\r\n")
def test_a_reply_in_xml_comes_back(request_id: str, message: str) -> None:
    """What is written into an XML reply is read from it, as far as XML can carry it."""
    fields = [("RequestId", request_id), ("Code", "C"), ("Message", message)]
    kind, body = wire.encode_reply(dict(fields), reply_format="XML", root="Error")
    assert kind == "text/xml;charset=utf-8"
    expected = {name: in_xml(value) for name, value in fields}
    assert wire.decode_reply(body, action=ACTION) == expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"RequestId": "r"}',
        b'\xef\xbb\xbf{"RequestId": "r"}',
        b' \r\n{"RequestId": "r"}\n',
        b"<StartMPUTaskResponse><RequestId>r</RequestId></StartMPUTaskResponse>",
        b"<?xml version='1.0' encoding='UTF-8'?>\n"
        b"<StartMPUTaskResponse>\n  <RequestId>r</RequestId>\n</StartMPUTaskResponse>\n",
        b"<!-- c --><StartMPUTaskResponse><RequestId>r</RequestId></StartMPUTaskResponse>",
        b"<StartMPUTaskResponse><RequestId><![CDATA[r]]></RequestId></StartMPUTaskResponse>",
    ],
    ids=["json", "json-bom", "json-space", "xml", "xml-declared", "xml-comment", "xml-cdata"],
)
def test_a_reply_is_read_whatever_its_spelling(body: bytes) -> None:
    """JSON and XML are told apart by what came, not by what was asked for."""
    assert wire.decode_reply(body, action=ACTION) == {"RequestId": "r"}


LAUGHS = (
    "<!DOCTYPE lolz [<!ENTITY a 'ha'>"
    + "".join(
        f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><Error><Code>&i;</Code></Error>"
)
UNREADABLE = {
    "html": (b"<html><body>502</body></html>", "expected <StartMPUTaskResponse> or <Error>"),
    "html-5": (b"<!doctype html><html><br></html>", "expected XML, got"),
    "html-4": (b'<!DOCTYPE HTML PUBLIC "x" "y"><html></html>', "got a document"),
    "html-not-xml": (b"<html><br></html>", "expected XML, got"),
    "doctype": (b"<!DOCTYPE Error><Error><Code>x</Code></Error>", "got a document"),
    "late-doctype": (
        b"<!--" + b"x" * 5000 + b"--><!DOCTYPE Error><Error><Code>x</Code></Error>",
        "got a document",
    ),
    "billion-laughs": (LAUGHS.encode(), "got a document"),
    "late-laughs": (("<!--" + "x" * 5000 + "-->" + LAUGHS).encode(), "got a document"),
    "empty": (b"", "got an empty body"),
    "whitespace": (b" \r\n\t", "got an empty body"),
    "bom-only": (b"\xef\xbb\xbf", "got an empty body"),
    "truncated-json": (b'{"RequestId": "76', "expected JSON, got"),
    "trailing-comma": (b'{"RequestId": "76",}', "expected JSON, got"),
    "two-objects": (b'{"RequestId": "76"}{}', "expected JSON, got"),
    "array": (b'[{"RequestId": "76"}]', "expected a JSON object, got"),
    "number": (b"1", "expected a JSON object, got"),
    "string": (b'"RequestId"', "expected a JSON object, got"),
    "null": (b"null", "expected a JSON object, got"),
    "plain-text": (b"Bad Gateway", "expected JSON, got"),
    "truncated-xml": (b"<StartMPUTaskResponse><RequestId>7", "expected XML, got"),
    "wrong-root": (b"<Reply><RequestId>7</RequestId></Reply>", "got <Reply>"),
    "other-action": (
        b"<StopMPUTaskResponse><RequestId>7</RequestId></StopMPUTaskResponse>",
        "got <StopMPUTaskResponse>",
    ),
    "error-without-code": (
        b"<Error><RequestId>7</RequestId></Error>",
        "expected a Code in <Error>",
    ),
    "error-with-empty-code": (b"<Error><Code/></Error>", "expected a Code in <Error>"),
    "invalid-utf-8": (b'{"RequestId": "\xff"}', "expected UTF-8"),
    "utf-16": ('{"RequestId": "7"}'.encode("utf-16"), "expected UTF-8"),
    "gzip": (b"\x1f\x8b\x08\x00", "expected UTF-8"),
    "deep-json": (b"[" * 100_000 + b"]" * 100_000, "expected JSON, got"),
    "deep-object": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "expected JSON, got"),
    "deep-xml": (b"<a>" * 100_000 + b"</a>" * 100_000, "got <a>"),
    "endless-number": (b'{"a": ' + b"1" * 10_000 + b"}", "expected JSON, got"),
    "external-entity": (
        b'<!DOCTYPE Error [<!ENTITY x SYSTEM "file:///etc/passwd">]><Error>&x;</Error>',
        "got a document",
    ),
}


@pytest.mark.parametrize(("body", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_reply_is_unreadable(body: bytes, reason: str) -> None:
    """Whatever is no reply of this API raises one error that says what came."""
    with pytest.raises(UnreadableReply) as caught:
        wire.decode_reply(body, action=ACTION)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 400
    assert caught.value.code is None


def test_an_excerpt_is_redacted_before_it_is_cut() -> None:
    """A secret that the cut would halve is replaced before it."""
    body = b"x" * 110 + b"the-secret-token" + b"y" * 50
    with pytest.raises(UnreadableReply) as caught:
        wire.decode_reply(
            body, action=ACTION, redact=lambda text: text.replace("the-secret-token", "*")
        )
    assert "the-s" not in str(caught.value)


@settings(derandomize=True)
@given(st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "replace"))))
def test_any_body_is_fields_or_unreadable(body: bytes) -> None:
    """No body makes the reader fail in another way."""
    try:
        fields = wire.decode_reply(body, action=ACTION)
    except UnreadableReply:
        return
    assert isinstance(fields, dict)


@given(st.text(st.sampled_from("aé测+%0123456789abcdefABCDEF\x80ÿ")))
@example("%e6%b5%8b+%zz%")
def test_decoding_is_the_library_s(text: str) -> None:
    """The short cut for ASCII decodes as ``unquote_plus`` does."""
    assert wire.decode(text) == unquote_plus(text)
