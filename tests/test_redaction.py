"""Redaction: a secret is found in whatever form it is written."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import pytest

from pytest_rtcmpu import Request, Secret
from pytest_rtcmpu.values.credentials import REDACTED
from pytest_rtcmpu.values.redaction import redact_everywhere, redact_query, tokens_of

TOKEN = 'CA+I/S= "ä&<'
SECRETS = (Secret(TOKEN),)
FORMS = {
    "plain": TOKEN,
    "JSON": json.dumps(TOKEN, ensure_ascii=False)[1:-1],
    "JSON in ASCII": json.dumps(TOKEN)[1:-1],
    "XML": escape(TOKEN),
    "repr": repr(TOKEN)[1:-1],
    "form": quote_plus(TOKEN),
    "once": quote(TOKEN, safe="~"),
    "twice": quote(quote(TOKEN, safe="~"), safe="~"),
    "thrice": quote(quote(quote(TOKEN, safe="~"), safe="~"), safe="~"),
    "small hex": quote(TOKEN, safe="~").replace("%2B", "%2b").replace("%2F", "%2f"),
}


@pytest.mark.parametrize("form", [k for k in FORMS if k != "small hex"])
def test_every_form_is_found(form: str) -> None:
    """Plain, escaped, or percent-encoded up to three times."""
    assert redact_everywhere(f"a{FORMS[form]}b", SECRETS) == f"a{REDACTED}b"


def test_small_hex_is_found() -> None:
    """Escapes in small letters are escapes too."""
    encoded = "".join(f"%{byte:02x}" if byte > 127 else "a" for byte in "äa".encode())
    assert redact_everywhere(encoded, [Secret("äa")]) == REDACTED


@pytest.mark.parametrize("form", ["plain", "form", "once", "small hex"])
def test_a_query_is_found_out(form: str) -> None:
    """In a query a secret is found however much of it was encoded, under any name."""
    raw = f"a=1&b={FORMS[form]}&c".replace("&<", "%26<")
    assert redact_query(raw, SECRETS) == f"a=1&b={REDACTED}&c"


def test_a_token_is_known_by_its_name() -> None:
    """What stands under a token's name is hidden, whatever it is; all else stays as it came."""
    raw = "A=%2b+x&Security%54oken=anything&&=&securitytoken"
    assert redact_query(raw, ()) == f"A=%2b+x&SecurityToken={REDACTED}&&=&securitytoken{REDACTED}"


def test_nothing_secret() -> None:
    """Without secrets a text stays as it is; an empty secret is none."""
    assert redact_everywhere("text", [Secret("")]) == "text"
    assert redact_everywhere("text", []) == "text"


def test_tokens_of_a_request() -> None:
    """Tokens stand in parameters and in headers, each counted once."""
    request = Request(method="GET", target="/", headers=(("X-Acs-Security-Token", " two "),))
    pairs = [("SecurityToken", "one"), ("securitytoken", "two"), ("SecurityToken", "")]
    assert tokens_of(request, pairs) == ("one", "two")
