"""Bytes ↔ values: query and form, timestamps, replies in JSON and XML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qsl
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.errors import UnreadableReply
from pytest_rtcmpu.messages import Request

FORM = "application/x-www-form-urlencoded"


def parse_pairs(raw: str | bytes) -> list[tuple[str, str]]:
    """Parse a raw query or form into ordered pairs; duplicates and empty values stay.

    ``+`` is a space. What is no UTF-8 becomes U+FFFD, as it would at a gateway.
    """
    text = raw.decode("latin-1") if isinstance(raw, bytes) else raw
    return parse_qsl(text, keep_blank_values=True)


def is_form(request: Request) -> bool:
    """Whether the body is to be read as parameters."""
    content_type = request.header("content-type")
    if not request.body:
        return False
    return content_type is not None and content_type.partition(";")[0].strip().lower() == FORM


def request_pairs(request: Request) -> list[tuple[str, str]]:
    """Return a request's parameters: those of the query, then those of the form."""
    pairs = parse_pairs(request.query)
    if is_form(request):
        pairs += parse_pairs(request.body)
    return pairs


def format_timestamp(moment: datetime, contract: Contract) -> str:
    """Return the wire form of a moment. Raises ValueError for one without a time zone."""
    if moment.tzinfo is None:
        raise ValueError("expected a datetime with a time zone, got a naive one")
    return moment.astimezone(UTC).strftime(contract.service.timestamp_format)


def parse_timestamp(text: str, contract: Contract) -> datetime | None:
    """Return the moment of a wire timestamp, or ``None`` when it is not of the documented form."""
    if not re.fullmatch(contract.service.timestamp_pattern, text):
        return None
    try:
        moment = datetime.strptime(text, contract.service.timestamp_format)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC)


# --------------------------------------------------------------------------------------- replies

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def encode_reply(
    fields: Sequence[tuple[str, str]], *, reply_format: str, root: str
) -> tuple[str, bytes]:
    """Return the content type and the body of a reply, in JSON or XML."""
    if reply_format == "JSON":
        body = json.dumps(dict(fields), ensure_ascii=False, separators=(",", ":"))
        return "application/json;charset=utf-8", body.encode("utf-8", "replace")
    inner = "".join(
        f"<{name}>{escape(_NOT_IN_XML.sub(chr(0xFFFD), value))}</{name}>" for name, value in fields
    )
    document = f"<?xml version='1.0' encoding='UTF-8'?><{root}>{inner}</{root}>"
    return "text/xml;charset=utf-8", document.encode()


def decode_reply(body: bytes, *, action: str) -> Mapping[str, object]:
    """Return the fields of a reply, JSON or XML, whichever it is.

    Raises UnreadableReply for anything that is no reply of this API: an empty body, an HTML page,
    truncated or other JSON than an object, XML with another root.
    """
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise UnreadableReply(f"expected UTF-8, got bytes that are not: {error.reason}") from None
    if not text:
        raise UnreadableReply("expected a JSON or XML reply, got an empty body")
    if text.startswith("<"):
        return _decode_xml(text, action)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableReply(f"expected JSON, got {_excerpt(text)}: {error}") from None
    if not isinstance(value, dict):
        raise UnreadableReply(f"expected a JSON object, got {_excerpt(text)}")
    return value


def _decode_xml(text: str, action: str) -> Mapping[str, object]:
    # A reply has no use for a document type, and entities are how XML is made to explode.
    if "<!DOCTYPE" in text[:1024].upper():
        raise UnreadableReply(f"expected an XML reply, got a document: {_excerpt(text)}")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise UnreadableReply(f"expected XML, got {_excerpt(text)}: {error}") from None
    if root.tag not in (f"{action}Response", "Error"):
        raise UnreadableReply(
            f"expected <{action}Response> or <Error>, got <{root.tag}>: {_excerpt(text)}"
        )
    return {child.tag: child.text or "" for child in root}


def _excerpt(text: str) -> str:
    return repr(text) if len(text) <= 120 else f"{text[:117]!r}… ({len(text)} characters)"
