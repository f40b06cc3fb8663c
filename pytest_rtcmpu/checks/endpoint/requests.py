"""Making of the requests: what a step changes around its parameters."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from pytest_rtcmpu import wire
from pytest_rtcmpu.client import Envelope
from pytest_rtcmpu.contract import load
from pytest_rtcmpu.values.credentials import Credentials

# ------------------------------------------------------------------------- making of the requests

_TAMPERS: dict[str, Callable[[str], str]] = {
    "first": lambda s: ("B" if s[:1] != "B" else "C") + s[1:],
    "letter case": str.swapcase,
    "reversed": lambda s: s[::-1],
    "short": lambda s: s[:-4],
}


def _timestamp(envelope: Envelope, value: str) -> Envelope:
    """An offset from now in seconds (``+960``), or now in another form (``%Y-%m-%d``)."""
    now = datetime.now(UTC)
    if re.fullmatch(r"[+-][0-9]+", value):
        moment = now + timedelta(seconds=int(value))
        return replace(envelope, timestamp=wire.format_timestamp(moment, load()))
    return replace(envelope, timestamp=now.strftime(value) if "%" in value else value)


#: What ``Step.envelope`` may change, by name.
CHANGES: dict[str, Callable[[Envelope, Any], Envelope]] = {
    "omit": lambda e, names: replace(e, omit=frozenset(names)),
    "method": lambda e, text: replace(e, method=text, in_query=True),
    "action": lambda e, text: replace(e, action=text),
    "version": lambda e, text: replace(e, version=text),
    "access_key_id": lambda e, text: replace(
        e, credentials=Credentials(text, e.credentials.access_key_secret)
    ),
    "secret": lambda e, text: replace(
        e, credentials=Credentials(e.credentials.access_key_id, text)
    ),
    "signature_method": lambda e, text: replace(e, signature_method=text),
    "signature_version": lambda e, text: replace(e, signature_version=text),
    "timestamp": _timestamp,
    "nonce": lambda e, text: replace(e, nonce=text),
    "tamper": lambda e, name: replace(e, tamper=_TAMPERS[name]),
    "unsigned": lambda e, names: replace(e, unsigned=frozenset(names)),
    "claimed_body": lambda e, text: replace(e, claimed_body=text.encode()),
    "security_token": lambda e, text: replace(
        e,
        credentials=Credentials(e.credentials.access_key_id, e.credentials.access_key_secret, text),
    ),
}

ENCODERS: dict[str, Callable[[str], str]] = {
    "plus": lambda text: quote(text, safe="~").replace("%20", "+"),
    "raw": lambda text: quote(text, safe="~*/"),
}
