"""Bytes ↔ values: query and form, timestamps, replies in JSON and XML."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, unquote_to_bytes
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.errors import UnreadableReply
from pytest_rtcmpu.rules import wire_text
from pytest_rtcmpu.values.messages import Request

FORM = "application/x-www-form-urlencoded"
#: The root of an XML failure (S2 111550).
ERROR_ROOT = "Error"


def decode(text: str) -> str:
    """Decode a name or a value of a query: ``+`` is a space, what is no UTF-8 becomes U+FFFD."""
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    # unquote() does the same, but looks for letters outside ASCII first, at twice the price.
    return unquote_to_bytes(text).decode("utf-8", "replace") if text.isascii() else unquote(text)


def parse_pairs(raw: str | bytes) -> list[tuple[str, str]]:
    """Parse a raw query or form into ordered pairs; duplicates and empty values stay.

    ``+`` is a space. What is no UTF-8 becomes U+FFFD, as it would at a gateway.
    """
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    if len(text) <= _SHORT_QUERY:
        return list(map(_short_pair, filter(None, text.split("&"))))
    return [_pair(piece) for piece in text.split("&") if piece]


def _pair(piece: str) -> tuple[str, str]:
    name, _, value = piece.partition("=")
    return decode(name), decode(value)


#: Much of a call is as it was in earlier ones.
_short_pair = lru_cache(maxsize=2048)(_pair)
#: Longer queries are not kept: they could fill the memory.
_SHORT_QUERY = 4096
_SHORT = 256


def is_form(request: Request) -> bool:
    """Whether the body is to be read as parameters."""
    if not request.body:
        return False
    content_type = request.header("content-type")
    return content_type is not None and content_type.partition(";")[0].strip().lower() == FORM


def request_pairs(request: Request) -> list[tuple[str, str]]:
    """Return a request's parameters: those of the query, then those of the form."""
    pairs = parse_pairs(request.query)
    if is_form(request):
        pairs += parse_pairs(request.body)
    return pairs


def format_timestamp(moment: datetime, contract: Contract) -> str:
    """Return the wire form of a moment.

    Raises:
        ValueError: for one without a time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("expected a datetime with a time zone, got a naive one")
    return moment.astimezone(UTC).strftime(contract.service.timestamp_format)


def parse_timestamp(text: str, contract: Contract) -> datetime | None:
    """Return the moment of a wire timestamp, or ``None`` when it is not of the documented form."""
    service = contract.service
    # Cut where it is long already, so that no endless text is kept: none of those is a timestamp.
    return _moment(text[:_SHORT], service.timestamp_pattern, service.timestamp_format)


@lru_cache(maxsize=256)  # the calls of one second have one timestamp
def _moment(text: str, pattern: str, timestamp_format: str) -> datetime | None:
    if not re.fullmatch(pattern, text):
        return None
    try:
        return datetime.strptime(text, timestamp_format).replace(tzinfo=UTC)
    except ValueError:
        return None


# --------------------------------------------------------------------------------------- replies

_quoted = json.JSONEncoder(ensure_ascii=False).encode
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def encode_reply(fields: Mapping[str, Any], *, reply_format: str, root: str) -> tuple[str, bytes]:
    """Return the content type and the body of a reply, in JSON or XML.

    Args:
        fields: texts, numbers, and for lists the element that each item stands in:
            ``{"LayoutIds": {"LayoutId": [2, 4]}}``.
    """
    if reply_format == "JSON":
        # An encoder is quick with a text and slow to start on an object.
        members = ",".join([f"{_quoted(name)}:{_quoted(value)}" for name, value in fields.items()])
        return "application/json;charset=utf-8", f"{{{members}}}".encode("utf-8", "replace")
    inner = "".join([_element(name, value) for name, value in fields.items()])
    document = f"<?xml version='1.0' encoding='UTF-8'?><{root}>{inner}</{root}>"
    return "text/xml;charset=utf-8", document.encode()


def _element(name: str, value: Any) -> str:
    if isinstance(value, str):
        return f"<{name}>{_xml_text(value)}</{name}>"
    if isinstance(value, list):
        return "".join(_element(name, each) for each in value)
    if isinstance(value, Mapping):
        inner = "".join(_element(part, each) for part, each in value.items())
        return f"<{name}>{inner}</{name}>"
    return f"<{name}>{wire_text(value)}</{name}>"


def _xml_text(value: str) -> str:
    # A reader of XML takes a bare carriage return for a line feed.
    return escape(_NOT_IN_XML.sub(chr(0xFFFD), value), {"\r": "&#13;"})


def decode_reply(
    body: bytes, *, action: str, redact: Callable[[str], str] = str
) -> Mapping[str, object]:
    """Return the fields of a reply, JSON or XML, whichever it is.

    Args:
        redact: what the text goes through before a part of it is shown in a message.

    Raises:
        UnreadableReply: for anything that is no reply of this API: an empty body, an HTML page,
            truncated or other JSON than an object, XML with another root, an error without a Code.
    """
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise UnreadableReply(f"expected UTF-8, got bytes that are not: {error.reason}") from None
    if not text:
        raise UnreadableReply("expected a JSON or XML reply, got an empty body")
    if text.startswith("<"):
        return _decode_xml(text, action, redact)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        shown = _excerpt(redact(text))
        raise UnreadableReply(f"expected JSON, got {shown}: {error}") from None
    if not isinstance(value, dict):
        raise UnreadableReply(f"expected a JSON object, got {_excerpt(redact(text))}")
    return value


def reply_names(body: bytes) -> list[str]:
    """Return the names of a readable reply's fields, those that come twice too."""
    text = body.decode("utf-8-sig").strip()
    if text.startswith("<"):
        parser = ElementTree.XMLParser(target=_NoDocument())
        return [child.tag for child in ElementTree.fromstring(text, parser)]
    names: list[str] = []

    def keep(pairs: list[tuple[str, object]]) -> None:
        # The outermost object is the last to be read.
        names[:] = [name for name, _ in pairs]

    json.loads(text, object_pairs_hook=keep)
    return names


class _NoDocument(ElementTree.TreeBuilder):
    """Refuses a document type: a reply has no use for one, and entities make XML explode."""

    def doctype(self, *_: object) -> None:
        raise UnreadableReply("")


def _decode_xml(text: str, action: str, redact: Callable[[str], str]) -> Mapping[str, object]:
    shown = _excerpt(redact(text))
    try:
        root = ElementTree.fromstring(text, ElementTree.XMLParser(target=_NoDocument()))
    except UnreadableReply:
        raise UnreadableReply(f"expected an XML reply, got a document: {shown}") from None
    except ElementTree.ParseError as error:
        raise UnreadableReply(f"expected XML, got {shown}: {error}") from None
    if root.tag not in (f"{action}Response", ERROR_ROOT):
        raise UnreadableReply(
            f"expected <{action}Response> or <{ERROR_ROOT}>, got <{root.tag}>: {shown}"
        )
    fields: Mapping[str, object] = {child.tag: _decoded(child) for child in root}
    if root.tag == ERROR_ROOT and not fields.get("Code"):
        raise UnreadableReply(f"expected a Code in <{ERROR_ROOT}>, got none: {shown}")
    return fields


def _decoded(element: ElementTree.Element) -> object:
    """An element's text, or what stands in it: of one name that comes again a list."""
    if len(element) == 0:
        return element.text or ""
    found: dict[str, object] = {}
    for child in element:
        value, before = _decoded(child), found.get(child.tag)
        if before is None:
            found[child.tag] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            found[child.tag] = [before, value]
    return found


def _excerpt(text: str) -> str:
    return repr(text) if len(text) <= 120 else f"{text[:117]!r}… ({len(text)} characters)"
