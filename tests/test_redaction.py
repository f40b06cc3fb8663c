"""Redaction: a secret is found in whatever form it is written."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from math import ceil
from typing import Any
from urllib.parse import quote, quote_plus, unquote
from xml.sax.saxutils import escape

import pytest

from pytest_rtcmpu import Request, Secret
from pytest_rtcmpu.values import redaction
from pytest_rtcmpu.values.credentials import REDACTED
from pytest_rtcmpu.values.redaction import redact_everywhere, redact_pairs, redact_query, tokens_of

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


KEY = "q+/~>>?ZrSeCret/+&"
BASE64 = {
    "standard": b64encode,
    "standard, no padding": lambda octets: b64encode(octets).rstrip(b"="),
    "URL-safe": urlsafe_b64encode,
    "URL-safe, no padding": lambda octets: urlsafe_b64encode(octets).rstrip(b"="),
    "standard, in a query": lambda octets: quote(b64encode(octets)).encode(),
}


@pytest.mark.parametrize("after", [b"", b"y", b"yy", b"yyy"])
@pytest.mark.parametrize("before", [b"", b"x", b"testid:", b"xxx"])
@pytest.mark.parametrize("encode", BASE64.values(), ids=BASE64)
def test_base64_is_found_wherever_it_begins(encode: Any, before: bytes, after: bytes) -> None:
    """Alone, or amid what else was encoded with it, as a key is in Basic authentication."""
    encoded = encode(before + KEY.encode() + after).decode()
    shown = redact_everywhere(f"Basic {encoded};", [Secret(KEY)])
    assert shown.startswith("Basic ")
    assert shown.endswith(";")
    left = "".join(shown.removeprefix("Basic ").removesuffix(";").split(REDACTED))
    # What is left is of the neighbours: four thirds of their length, rounded up.
    assert len(unquote(left).rstrip("=")) <= ceil(len(before + after) * 4 / 3)
    assert REDACTED in shown


@pytest.mark.parametrize("octets", [KEY.encode(), b"xx" + KEY.encode() + b"y"])
def test_hex_is_found(octets: bytes) -> None:
    """In letters of either case."""
    for encoded in (octets.hex(), octets.hex().upper()):
        left = redact_everywhere(encoded, [Secret(KEY)])
        assert left in (REDACTED, f"7878{REDACTED}79")


def test_a_short_secret_is_not_looked_for_in_base64() -> None:
    """What four characters make in Base64 other texts have too."""
    assert redact_everywhere("YWJjZA 61626364", [Secret("abcd")]) == "YWJjZA 61626364"
    assert redact_everywhere("YWJjZGU= 6162636465", [Secret("abcde")]) == f"{REDACTED}= {REDACTED}"


@pytest.mark.parametrize(
    "name",
    [
        *("SecurityToken", "securitytoken", "security_token", "security-token", "Security.Token"),
        *("X-Acs-Security-Token", "X-Security-Token", "x_security_token", "stsToken", "sts_token"),
        *("params[SecurityToken]", "AccessKeySecret", "access_key_secret"),
    ],
)
def test_a_name_that_is_nearly_a_tokens_is_one(name: str) -> None:
    """Whatever case and signs, and whatever stands around it."""
    request = Request(method="GET", target="/", headers=((name, "one"),))
    assert tokens_of(request, [(name, "two")]) == ("two", "one")
    assert redact_query(f"a=1&{name}=x", ()) == f"a=1&{name}={REDACTED}"
    assert redact_pairs([(name, "x"), ("a", "x")], ()) == [(name, REDACTED), ("a", "x")]


@pytest.mark.parametrize(
    "name", ["SignatureNonce", "Token", "Security", "AccessKeyId", "StreamURL"]
)
def test_other_names_are_not(name: str) -> None:
    """A documented parameter is shown."""
    assert redact_pairs([(name, "x")], ()) == [(name, "x")]


IN_TEXT = {
    "JSON": lambda token: json.dumps({"a": [{"security_token": token, "b": 1}]}),
    "JSON in JSON": lambda token: json.dumps({"a": json.dumps({"SecurityToken": token})}),
    "a pair in JSON": lambda token: json.dumps([["SecurityToken", token], ["a", "b"]]),
    "PHP's JSON": lambda token: json.dumps({"securityToken": token}).replace("/", "\\/"),
    "multipart": lambda token: (
        '--b\r\nContent-Disposition: form-data; name="SecurityToken"\r\n\r\n'
        f"{token}\r\n--b\r\n\r\nrest\r\n--b--"
    ),
    "multipart with a type": lambda token: (
        '--b\r\nContent-Disposition: form-data; name="security_token"; a=b\r\n'
        f"Content-Type: text/plain\r\n\r\n{token}\r\n--b--"
    ),
    "XML": lambda token: f"<a><SecurityToken>{escape(token)}</SecurityToken></a>",
    "a cookie": lambda token: f"a=1; security_token={token}; b=2",
    "a header": lambda token: f"GET /\r\nX-Security-Token: {token}\r\nHost: h",
    "code": lambda token: f"security_token = '{token}'",
    "a query": lambda token: f"a=1&b=2;SecurityToken={quote(token, safe='')}&c=3",
    "a query that was encoded": lambda token: quote(f"a=1&SecurityToken={token}&c=3", safe=""),
}


@pytest.mark.parametrize("write", IN_TEXT.values(), ids=IN_TEXT)
@pytest.mark.parametrize("place", ["body", "header", "parameter"])
def test_a_token_is_found_in_a_text(write: Any, place: str) -> None:
    """By its name, in a body, a header's value or a parameter's; the rest of the text is shown."""
    token = "zzk+En/0123456789=="
    text = write(token)
    made = Request(
        method="POST",
        target="/",
        headers=(("A", text),) if place == "header" else (),
        body=text.encode() if place == "body" else b"",
    )
    found = tokens_of(made, [("a", text)] if place == "parameter" else [])
    shown = redact_everywhere(text, found)
    assert "zzk" not in shown
    assert REDACTED in shown
    assert len(shown) >= len(text) - 2 * len(token)


def test_a_name_without_a_value_hides_nothing() -> None:
    """null, an empty value, or a name amid words."""
    for text in ('{"security_token": null}', "security_token=", "the security token, or none"):
        request = Request(method="POST", target="/", body=text.encode())
        assert tokens_of(request, []) in ((), ("null",))


@pytest.mark.parametrize(
    "text",
    [
        "securitytoken" * 80_000,
        "securitytoken=\\" * 60_000,
        '"security_token":"' * 60_000,
        '"security_token":"' + "\\" * 1_000_000,
        'name="securitytoken"\n' * 50_000,
        "securitytoken>" * 70_000,
    ],
    ids=["names", "no values", "quotes", "backslashes", "lines", "tags"],
)
def test_a_hostile_body_is_looked_at_a_few_times(text: str) -> None:
    """However many names a body has, few of them are followed."""
    assert len(tokens_of(Request(method="POST", target="/", body=text.encode()), [])) <= 300


def test_a_very_long_secret_makes_no_pattern() -> None:
    """A token as long as a body is hidden as it came and percent-encoded, in one look each."""
    token = "a+" * 500_000
    before = redaction._forms.cache_info().currsize
    assert redact_everywhere(f"x{token}y", [Secret(token)]) == f"x{REDACTED}y"
    assert redact_everywhere(quote(token), [Secret(token)]) == REDACTED
    assert redaction._forms.cache_info().currsize == before
