"""Taking secrets out of what people and machines get to read, however they are written there."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote, unquote_plus
from xml.sax.saxutils import escape, unescape

from pytest_rtcmpu.values.credentials import REDACTED, Secret
from pytest_rtcmpu.values.messages import Request

#: What carries a security token, or a secret that should not have been sent: in a parameter, a
#: header, a field of a body. ``SecurityToken``, ``security_token``, ``X-Acs-Security-Token``.
_NAME = re.compile(r"(?i)(?:(?:security|sts)[-_. ]?token|access[-_. ]?key[-_. ]?secret)")
#: How many such names are looked for in one text: each costs a look at what follows it.
_MAX_NAMES = 50
#: The longest name that is looked at.
_LONGEST_NAME = 200

#: What stands between a name and its value in a text of whatever kind, and the value: JSON within
#: a JSON string; JSON and code; a part of a multipart form; an XML element; a query, a cookie, a
#: header.
_VALUES = tuple(
    re.compile(pattern)
    for pattern in (
        r"""\w{0,9}\\+["']\s{0,9}[:,]\s{0,9}\\+["'](?P<value>[^"'\\]*)""",
        r"""\w{0,9}["']?\]?\s{0,9}(?:=>|[:=,])\s{0,9}(["'])(?P<value>(?:\\.|(?!\1)[^\\])*)""",
        r"""[\w\]]{0,9}(?:["'][^\r\n]{0,200})?\r?\n(?:[^\r\n]{1,200}\r?\n){0,9}?\r?\n"""
        r"""(?P<value>[^\r\n]+)""",
        r"""[^<>]{0,99}>\s{0,9}(?P<value>[^<]+)""",
        r"""[\w\]]{0,9}\s{0,9}(?:[=:]|%(?:25)*3[AaDd])\s{0,9}(?P<value>(?:(?!%(?:25)*26)[^\s&;,"'<>\x00])+)""",
    )
)

#: What is left as it is: by who signs, by Python's quote, by JavaScript's encodeURIComponent.
_UNENCODED = ("~", "~/", "~!*'()")
#: Whoever signs encodes twice; a third time happens by mistake.
_TIMES_ENCODED = 3
#: An escape, as re.escape() leaves it, encoded however often.
_ESCAPE = re.compile("%(?:25)*[0-9A-F]{2}")
#: Of fewer characters Base64 and hex are so short that other texts look like them.
_MIN_ENCODED = 5
#: A longer secret is looked for as it is, and percent-encoded once: a pattern of all its forms
#: would take longer to make than the rest of the call.
_MAX_PATTERN = 8_192
#: What Base64 writes for the bits of the last and the first byte that a neighbour shares.
_SHARED = "[A-Za-z0-9+/_-]?"
#: A character of its first alphabet, in the other and in a query.
_IN_BASE64 = {"+": "(?:[-+ ]|%(?:25)*2[Bb])", "/": "(?:[/_]|%(?:25)*2[Ff])"}


@lru_cache(maxsize=1024)
def is_secret(name: str) -> bool:
    """Return whether a parameter, header or field of that name carries what is to be hidden."""
    return _NAME.search(name[:_LONGEST_NAME]) is not None


@lru_cache(maxsize=64)
def _forms(secret: str) -> re.Pattern[str]:
    """What matches every way in which a secret is usually written, the longest first."""
    found = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1].replace("/", "\\/"),
        escape(secret),
        escape(secret, {'"': "&quot;", "'": "&apos;"}),
        repr(secret)[1:-1],
        quote_plus(secret, safe="~", errors="replace"),
    }
    for unencoded in _UNENCODED:
        encoded = secret
        for _ in range(_TIMES_ENCODED):
            encoded = quote(encoded, safe=unencoded, errors="replace")
            found.add(encoded)
    # In an escape the case of a hex digit makes no difference.
    patterns = [
        _ESCAPE.sub(r"(?i:\g<0>)", re.escape(form))
        for form in sorted(found, key=lambda form: (-len(form), form))
    ]
    return re.compile("|".join(patterns))


@lru_cache(maxsize=64)
def _encoded(secret: str) -> tuple[tuple[str, ...], re.Pattern[str]]:
    """What Base64 and hex make of a secret: a part that each must hold, and what matches them.

    Base64 of either alphabet, at each of the three places in a longer text.
    """
    octets = secret.encode("utf-8", "replace")
    patterns = [octets.hex(), octets.hex().upper()]
    parts = list(patterns)
    for before in range(3):
        # Characters that this secret alone decides: those before and after it are shared.
        first, last = -(-before * 8 // 6), (before + len(octets)) * 8 // 6
        text = b64encode(bytes(before) + octets).decode("ascii")
        parts.append(max(re.split("[+/]", text[first:last]), key=len))
        own = "".join(_IN_BASE64.get(char, char) for char in text[first:last])
        patterns.append((_SHARED if before else "") + own + (_SHARED if text[last:] else ""))
    return tuple(parts), re.compile("|".join(patterns))


def redact_everywhere(text: str, secrets: Iterable[Secret]) -> str:
    """Return text without these secrets.

    As they are, escaped for JSON, XML or Python, percent-encoded up to thrice; and, of five
    characters or more, in hex and in Base64, alone or amid a longer text.
    """
    for secret in secrets:
        # No form is shorter than the secret itself.
        if secret and len(text) >= len(secret):
            if len(secret) > _MAX_PATTERN:
                for form in (secret.reveal(), quote(secret, safe="~", errors="replace")):
                    text = text.replace(form, REDACTED)
            else:
                text = _forms(secret.reveal()).sub(REDACTED, text)
                if len(secret) >= _MIN_ENCODED:
                    parts, encoded = _encoded(secret.reveal())
                    # Such a text is rare, and to look for a part of it is quick.
                    if any(part in text for part in parts):
                        text = encoded.sub(REDACTED, text)
    return text


def redact_query(raw: str, secrets: Iterable[Secret]) -> str:
    """Return a raw query or form without secrets, whatever of them its sender has encoded."""
    secrets = tuple(secrets)
    return "&".join(_redact_piece(piece, secrets) for piece in raw.split("&"))


def _redact_piece(piece: str, secrets: tuple[Secret, ...]) -> str:
    name, equals, _ = piece.partition("=")
    # A plus that was not encoded stands for a space, and was none to whoever sent it.
    readings = {unquote_plus(piece), unquote(piece)}
    if is_secret(unquote_plus(name)) or any(
        redact_everywhere(reading, secrets) != reading for reading in readings
    ):
        return f"{redact_everywhere(unquote(name), secrets)}{equals}{REDACTED}"
    return piece


def redact_pairs(
    pairs: Iterable[tuple[str, str]], secrets: Iterable[Secret]
) -> list[tuple[str, str]]:
    """Return names and values without secrets: known ones, and what stands under their names."""
    secrets = tuple(secrets)
    return [
        (
            redact_everywhere(name, secrets),
            REDACTED if is_secret(name) else redact_everywhere(value, secrets),
        )
        for name, value in pairs
    ]


def tokens_of(request: Request, pairs: Iterable[tuple[str, str]]) -> tuple[Secret, ...]:
    """Return the security tokens that a request carries.

    Under their names and names that are nearly theirs, in parameters and headers, and in the text
    of a parameter, a header or the body: JSON, XML, a multipart form, ``a=1; security_token=…``.
    """
    pairs = tuple(pairs)
    texts = [value for _, value in pairs]
    texts += (value for _, value in request.headers)
    if request.body:
        texts.append(request.body.decode("utf-8", "replace"))
    return tokens_in((*pairs, *request.headers), texts)


def tokens_in(named: Iterable[tuple[str, str]], texts: Iterable[str]) -> tuple[Secret, ...]:
    """Return what stands under the name of a secret, among these pairs and within these texts."""
    found = [value.strip() for name, value in named if is_secret(name)]
    joined = "\x00".join(texts)
    # Hardly any request has one: one look at all of it is quicker than many.
    small = joined.lower()
    if "token" in small or "secret" in small:
        found += _named_in(joined)
    return tuple(dict.fromkeys(Secret(value) for value in found if value))


def _named_in(text: str) -> Iterator[str]:
    """Yield what a text says is the value of a secret, as it is written and as it is meant."""
    at = seen = 0
    while seen < _MAX_NAMES and (name := _NAME.search(text, at)):
        seen, at = seen + 1, name.end()
        for pattern in _VALUES:
            if value := pattern.match(text, at):
                at = value.end()
                written = value["value"].strip()
                yield written
                yield unescape(written, {"&quot;": '"', "&apos;": "'"})
                yield unquote_plus(written)
                yield unquote(written)
                with suppress(ValueError):
                    yield str(json.loads(f'"{written}"'))
                break
