"""Taking secrets out of what people and machines get to read, however they are written there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote, unquote_plus
from xml.sax.saxutils import escape

from pytest_rtcmpu.values.credentials import REDACTED, Secret
from pytest_rtcmpu.values.messages import Request

#: What carries a security token: a parameter, and a header of V3.
TOKEN_NAMES = frozenset({"securitytoken", "x-acs-security-token"})

#: What is left as it is: by who signs, by Python's quote, by JavaScript's encodeURIComponent.
_UNENCODED = ("~", "~/", "~!*'()")
#: Whoever signs encodes twice; a third time happens by mistake.
_TIMES_ENCODED = 3
#: An escape, as re.escape() leaves it, encoded however often.
_ESCAPE = re.compile("%(?:25)*[0-9A-F]{2}")


@lru_cache(maxsize=64)
def _forms(secret: str) -> re.Pattern[str]:
    """What matches every way in which a secret is usually written, the longest first."""
    found = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        escape(secret),
        repr(secret)[1:-1],
        quote_plus(secret, safe="~", errors="replace"),
    }
    for unencoded in _UNENCODED:
        encoded = secret
        for _ in range(_TIMES_ENCODED):
            encoded = quote(encoded, safe=unencoded, errors="replace")
            found.add(encoded)
    # In an escape the case of a hex digit makes no difference.
    return re.compile(
        "|".join(
            _ESCAPE.sub(r"(?i:\g<0>)", re.escape(form))
            for form in sorted(found, key=lambda form: (-len(form), form))
        )
    )


def redact_everywhere(text: str, secrets: Iterable[Secret]) -> str:
    """Return text without these secrets, as they are, escaped, or percent-encoded up to thrice."""
    for secret in secrets:
        if secret:
            text = _forms(secret.reveal()).sub(REDACTED, text)
    return text


def redact_query(raw: str, secrets: Iterable[Secret]) -> str:
    """Return a raw query or form without secrets, whatever of them its sender has encoded."""
    secrets = tuple(secrets)
    return "&".join(_redact_piece(piece, secrets) for piece in raw.split("&"))


def _redact_piece(piece: str, secrets: tuple[Secret, ...]) -> str:
    name, equals, _ = piece.partition("=")
    # A plus that was not encoded stands for a space, and was none to whoever sent it.
    readings = {unquote_plus(piece), unquote(piece)}
    if unquote_plus(name).lower() in TOKEN_NAMES or any(
        redact_everywhere(reading, secrets) != reading for reading in readings
    ):
        return f"{redact_everywhere(unquote(name), secrets)}{equals}{REDACTED}"
    return piece


def tokens_of(request: Request, pairs: Iterable[tuple[str, str]]) -> tuple[Secret, ...]:
    """Return the security tokens that a request carries."""
    named = (*pairs, *request.headers)
    found = (value.strip() for name, value in named if name.lower() in TOKEN_NAMES)
    return tuple(dict.fromkeys(Secret(value) for value in found if value))
