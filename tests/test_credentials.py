"""Secrets show themselves nowhere: no repr, format, log line, pickle, exception, traceback."""

from __future__ import annotations

import copy
import dataclasses
import logging
import pickle
from typing import Any

import pytest

from pytest_rtcmpu.client import Client
from pytest_rtcmpu.model import example_task
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS, Credentials, Secret

#: Letters that every encoding leaves as they are: they must stand nowhere.
MARK = "Qx7"
CREDENTIALS = Credentials("the-id", f"{MARK}SeCret/+&", f"{MARK}ToKen/+va=~*")

SHOWN = {
    "repr": repr,
    "str": str,
    "format": "{}".format,
    "percent": lambda value: "%s %r" % (value, value),  # noqa: UP031
    "list": lambda value: repr([value]),
    "dict": lambda value: str({"a": value}),
    "assertion": lambda value: str(AssertionError(value)),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize(
    "value",
    [
        CREDENTIALS,
        Client(CREDENTIALS),
        Client(CREDENTIALS).prepare("A", []),
        Client(CREDENTIALS, method="POST").prepare("A", []),
        Client(CREDENTIALS, signature="v3").prepare("A", []),
    ],
    ids=["credentials", "client", "get", "post", "v3"],
)
def test_nothing_shows_a_secret(value: Any, show: Any) -> None:
    """Neither the secret nor the token is in any text made of what holds them."""
    assert MARK not in show(value)


def test_an_envelope_shows_no_secret() -> None:
    """What a client is about to sign may be looked at."""
    seen: list[str] = []
    Client(CREDENTIALS).prepare("A", [], envelope=lambda e: seen.append(repr(e)) or e)
    assert "the-id" in seen[0]
    assert MARK not in seen[0]


def test_the_id_is_shown() -> None:
    """Which key it is may be seen."""
    assert "the-id" in repr(CREDENTIALS)
    assert "the-id" in repr(Client(CREDENTIALS))


def test_a_log_line_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Logging a key is harmless."""
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("app").error("%s %r", CREDENTIALS, CREDENTIALS.security_token)
    assert "the-id" in caplog.text
    assert MARK not in caplog.text


@pytest.mark.parametrize("secret", [CREDENTIALS.access_key_secret, CREDENTIALS.security_token])
def test_the_repr_of_a_secret_hides_it(secret: Secret) -> None:
    """Alone or inside a container, in a report or a traceback's locals, it is not shown."""
    for shown in (repr(secret), repr([secret]), str({"a": secret}), "%r" % (secret,)):  # noqa: UP031
        assert MARK not in shown


def test_a_secret_signs_by_hand_like_any_str() -> None:
    """Whoever signs by hand may add to it, format it and encode it."""
    secret = Secret("a+b")
    assert secret + "&" == f"{secret}&" == "a+b&"
    assert secret.encode() == b"a+b"
    assert type(secret.reveal()) is str


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", [CREDENTIALS, CREDENTIALS.security_token])
def test_a_secret_cannot_be_pickled(value: Any, protocol: int) -> None:
    """A pickle would carry the value in clear."""
    with pytest.raises(TypeError, match="a Secret cannot be pickled"):
        pickle.dumps(value, protocol)


def test_a_secret_can_be_revealed_compared_and_wrapped_again() -> None:
    """``reveal`` is the way to the value; secrets are equal by value, and truthy unless empty."""
    secret = Secret("a")
    assert secret.reveal() == "a"
    assert secret == Secret("a") == Secret(Secret("a"))
    assert secret != Secret("b")
    assert secret == "a"
    assert hash(secret) == hash(Secret("a"))
    assert secret
    assert not Secret("")
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError, match="a secret must be str, got int"):
        Secret(1)  # type: ignore[arg-type]


def test_credentials_are_values() -> None:
    """Keys are frozen and equal by value; texts become secrets."""
    assert Credentials("i", "s", "t") == Credentials("i", Secret("s"), Secret("t"))
    assert Credentials("i", "s") != Credentials("i", "s", "t")
    assert Credentials("i", "s", "").security_token is None
    assert len({Credentials("i", "s"), Credentials("i", "s")}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        CREDENTIALS.access_key_id = "x"  # type: ignore[misc]
    other = dataclasses.replace(CREDENTIALS, access_key_id="x")
    assert other.access_key_secret == CREDENTIALS.access_key_secret
    assert copy.copy(CREDENTIALS) == CREDENTIALS


@pytest.mark.parametrize(
    ("access_key_id", "secret", "empty"),
    [
        ("", "s", "access_key_id"),
        ("i", "", "access_key_secret"),
        ("", "", "access_key_id and access_key_secret"),
    ],
)
def test_an_empty_key_is_refused(access_key_id: str, secret: str, empty: str) -> None:
    """An id and a secret are needed; it is said which is empty."""
    with pytest.raises(ValueError, match=f"^{empty} must not be empty$"):
        Credentials(access_key_id, secret)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((5, "s"), "access_key_id must be str, got int"),
        ((None, "s"), "access_key_id must be str, got NoneType"),
        (("i", 5), "access_key_secret must be str, got int"),
        (("", None), "access_key_secret must be str, got NoneType"),
        (("i", "s", 5), "security_token must be str, got int"),
        (("i", "s", b""), "security_token must be str, got bytes"),
    ],
    ids=["id-int", "id-none", "secret-int", "secret-none", "token-int", "token-bytes"],
)
def test_a_key_is_made_of_texts(arguments: Any, told: str) -> None:
    """What is no text is refused by its name when the key is made, not when it signs."""
    with pytest.raises(TypeError, match=f"^{told}$"):
        Credentials(*arguments)


def test_the_test_credentials() -> None:
    """The key that the fixtures use is the signature page's own example."""
    assert Credentials("testid", "testsecret") == TEST_CREDENTIALS


# ----------------------------------------------------------------------------- whole tracebacks

FAILING = '''
import io
import json
import socket
from urllib.parse import quote

import pytest
import requests
from keys import credentials
from requests.adapters import BaseAdapter

from pytest_rtcmpu import Client
from pytest_rtcmpu.values.messages import Request
from pytest_rtcmpu.model import example_task

FORMS = [
    str,
    lambda text: quote(text, safe="~"),
    lambda text: quote(quote(text, safe="~"), safe="~"),
    lambda text: quote(text, safe="~").replace("%2F", "%2f").replace("%2B", "%2b"),
]


def everything(request):
    """All that was sent, and the token in every form."""
    own = f"{request.url} {dict(request.headers)} {request.body!r} "
    return own + " ".join(form(credentials().security_token.reveal()) for form in FORMS)


def mismatch(request):
    message = "Specified signature is not matched with our calculation. server string to sign is:"
    return json.dumps({"RequestId": "r", "Code": "SignatureDoesNotMatch",
                       "Message": message + everything(request)})


def xml(request):
    token = everything(request).replace("&", "&amp;").replace("<", "&lt;")
    return f"<Error><RequestId>r</RequestId><Code>X</Code><Message>{token}</Message></Error>"


def cut(request):
    """The place where an excerpt ends lies within the token."""
    token = credentials().security_token.reveal()
    return "x" * (117 - 5) + token + "y" * 100


REPLIES = {
    "mismatch": mismatch,
    "xml": xml,
    "html": lambda r: f"<html>{everything(r)}</html>",
    "not-json": everything,
    "array": lambda r: json.dumps([everything(r)]),
    "truncated": lambda r: mismatch(r)[:-10],
    "cut": cut,
    "field-name": lambda r: json.dumps({credentials().security_token.reveal(): 1}),
    "long": lambda r: json.dumps({"Code": "X", "Message": "m" * 5000 + everything(r)}),
}
RAISED = {
    "connection": lambda r: requests.ConnectionError("x", r.url),
    "connection-raw": lambda r: requests.ConnectionError(everything(r)),
    "read-timeout": lambda r: requests.ReadTimeout(everything(r), request=r),
    "value-error": lambda r: ValueError("Invalid header value", everything(r)),
    "os-error": lambda r: OSError(5, everything(r)),
}


class Echo(BaseAdapter):
    def __init__(self, name):
        self.name = name

    def send(self, request, **settings):
        if self.name in RAISED:
            raise RAISED[self.name](request)
        response = requests.Response()
        response.status_code = 400
        response.request = request
        response.raw = io.BytesIO(REPLIES[self.name](request).encode())
        return response

    def close(self):
        pass


WAYS = pytest.mark.parametrize(
    ("signature", "method"), [("1.0", "GET"), ("1.0", "POST"), ("v3", "GET"), ("v3", "POST")]
)


@WAYS
@pytest.mark.parametrize("name", [*REPLIES, *RAISED])
def test_reply(name, signature, method):
    session = requests.Session()
    session.mount("https://", Echo(name))
    client = Client(credentials(), signature=signature, method=method, session=session)
    client.start_mpu_task(example_task())


def closed():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@WAYS
def test_refused(signature, method):
    client = Client(credentials(), closed(), signature=signature, method=method)
    client.start_mpu_task(example_task())


@WAYS
def test_exchange(signature, method):
    session = requests.Session()
    session.mount("https://", Echo("connection-raw"))
    client = Client(credentials(), signature=signature, method=method, session=session)
    client.exchange(client.prepare("A", []))


@WAYS
@pytest.mark.parametrize("pair", [("a", "\\ud800"), ("a", 5), ("a", None)])
def test_pairs(pair, signature, method):
    Client(credentials(), signature=signature, method=method).call("A", [pair])


@WAYS
def test_action(signature, method):
    client = Client(credentials(), closed(), signature=signature, method=method)
    client.call("\\u6d4b", [])


def test_assertion():
    client = Client(credentials())
    request = client.prepare("A", [])
    assert client == request == credentials()
'''
KEYS = """
import os

from pytest_rtcmpu import Credentials


def credentials():
    return Credentials("the-id", os.environ["T_SECRET"], os.environ["T_TOKEN"])
"""


@pytest.mark.parametrize("style", ["long", "native"])
def test_no_traceback_holds_a_secret(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    """With --showlocals and every log line, a failing call shows neither secret nor token."""
    monkeypatch.setenv("T_SECRET", f"{MARK}SeCret/+&")
    monkeypatch.setenv("T_TOKEN", f"{MARK}ToKen/+va=~*")
    pytester.makepyfile(keys=KEYS, test_failing=FAILING)
    result = pytester.runpytest_subprocess(
        *("--showlocals", "-vv", f"--tb={style}", "--log-level=DEBUG", "-p", "no:randomly"),
        *("-p", "no:xdist", "-p", "no:cacheprovider"),
    )
    outcomes = result.parseoutcomes()
    assert set(outcomes) == {"failed"}
    assert outcomes["failed"] == 14 * 4 + 4 + 4 + 12 + 4 + 1
    output = result.stdout.str() + result.stderr.str()
    if style == "long":
        assert "Client('the-id', 'https://rtc.aliyuncs.com'" in output, "locals are shown"
    assert "SignatureDoesNotMatch" in output
    lines = [line for line in output.splitlines() if MARK in line]
    assert lines == []


@pytest.mark.parametrize("signature", ["1.0", "v3"])
def test_a_request_of_a_temporary_key_carries_the_token_and_not_the_secret(signature: Any) -> None:
    """The token is sent (that is what it is for), the secret is not."""
    request = Client(CREDENTIALS, signature=signature).prepare("A", example_task().to_wire())
    raw = f"{request.target} {request.headers} {request.body!r}"
    assert f"{MARK}ToKen" in raw
    assert f"{MARK}SeCret" not in raw


COMPARED = """
from collections import namedtuple
from dataclasses import dataclass, replace

import attrs
import pytest

from pytest_rtcmpu import Client, Credentials, Request, Secret
from pytest_rtcmpu.checks.testees.protocol import plain
from pytest_rtcmpu.values.messages import Response

from keys import credentials

ONE = credentials()
OTHER = replace(ONE, access_key_secret=ONE.access_key_secret + "x", security_token="other")
REQUEST = Request(method="GET", target=f"/?SecurityToken={ONE.security_token}", body=b"a")
Pair = namedtuple("Pair", "name key")


@dataclass
class Config:
    name: str
    key: object


@attrs.define
class Settings:
    key: object


@pytest.mark.parametrize("wrap", [
    lambda value: value,
    lambda value: [value],
    lambda value: {"a": value},
    lambda value: Pair("a", value),
    lambda value: Config("a", value),
    lambda value: [Config("a", {"b": Settings(value)})],
    lambda value: {"a": [Config("a", value)]},
], ids=str)
@pytest.mark.parametrize(("left", "right"), [
    (ONE, OTHER),
    (ONE.access_key_secret, OTHER.access_key_secret),
    (ONE.security_token, OTHER.security_token),
    (plain(ONE), plain(OTHER)),
    (REQUEST, replace(REQUEST, target=REQUEST.target + "b")),
    (Response(status=200, body=ONE.security_token.encode()), Response(status=200, body=b"a")),
])
def test_compared(wrap, left, right):
    left, right = wrap(left), wrap(right)
    assert left == right


def test_a_guess():
    assert ONE.access_key_secret == OTHER.access_key_secret.reveal()


def test_not_in():
    assert "Qx7" not in ONE.access_key_secret


def test_fields():
    assert ONE == OTHER


def test_own_words():
    assert ["left to pytest"] == ["right"]
"""


@pytest.mark.parametrize("verbosity", ["-q", "-vv"])
def test_no_comparison_shows_a_secret(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, verbosity: str
) -> None:
    """Of values that are not equal pytest draws no difference that would show a secret."""
    monkeypatch.setenv("T_SECRET", f"{MARK}SeCret/+&")
    monkeypatch.setenv("T_TOKEN", f"{MARK}ToKen/+va=~*")
    pytester.makepyfile(keys=KEYS, test_compared=COMPARED)
    result = pytester.runpytest_subprocess(
        *(verbosity, "-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider", "--tb=short")
    )
    assert result.parseoutcomes() == {"failed": 7 * 6 + 4}
    output = result.stdout.str()
    own = '"Qx7" not in ONE'  # the test's own line
    assert [line for line in output.splitlines() if MARK in line and own not in line] == []
    assert "They differ in access_key_secret, security_token." in output
    assert "At index 0 diff: 'left to pytest' != 'right'" in output
