"""The signed client: what it puts on the wire, and what it makes of what comes back."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import urllib3
from independent.endpoint import IndependentEndpoint, Reply, serve
from requests.adapters import BaseAdapter

from pytest_rtcmpu import errors
from pytest_rtcmpu.client import Client, Envelope
from pytest_rtcmpu.model import StartMPUTask, UserPane, example_task
from pytest_rtcmpu.values.credentials import Credentials
from pytest_rtcmpu.values.messages import Request
from pytest_rtcmpu.wire import parse_pairs

CREDENTIALS = Credentials("testid", "testsecret", "token+/=~*")
NOW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
TRICKY = " +*~%&=/?#'()!:;,@[]\\\"<>|^`{}测😀e\u0301%2B%20\t"
REQUEST_ID = "760bad53276431c499e30dc36f6b26be"
SUCCESS = b'{"RequestId": "760bad53276431c499e30dc36f6b26be"}'
WAYS = list(itertools.product(("1.0", "v3"), ("GET", "POST"), ("JSON", "XML", None)))
WAY_IDS = ["-".join(map(str, way)) for way in WAYS]


class Stub(BaseAdapter):
    """Records what is sent, and answers with canned replies, the last one for ever."""

    def __init__(self, *replies: Any) -> None:
        super().__init__()
        self.replies = list(replies) or [(200, SUCCESS)]
        self.sent: list[requests.PreparedRequest] = []
        self.settings: list[dict[str, Any]] = []

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        """Record, and answer or raise."""
        self.sent.append(request)
        self.settings.append(settings)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        status, body, *headers = reply
        response = requests.Response()
        response.status_code = status
        response.request = request
        response.url = request.url or ""
        response.headers.update(headers[0] if headers else {})
        response.raw = body if hasattr(body, "read") else io.BytesIO(body)
        return response

    def close(self) -> None:
        """Nothing to close."""


def client_of(stub: Stub, credentials: Credentials = CREDENTIALS, **options: Any) -> Client:
    """Return a client that talks to the stub."""
    session = options.pop("session", None) or requests.Session()
    session.mount("https://", stub)
    session.mount("http://", stub)
    return Client(credentials, session=session, **options)


def sent_pairs(request: requests.PreparedRequest) -> dict[str, str]:
    """Return the parameters that a request carries in its query and its body."""
    raw = urlsplit(str(request.url)).query.encode() or request.body or b""
    assert isinstance(raw, bytes)
    pairs = parse_pairs(raw)
    assert len(dict(pairs)) == len(pairs), "every parameter is sent once"
    return dict(pairs)


def tricky_task(task_id: str = "t") -> StartMPUTask:
    """Return a task that holds what is easily lost on the way."""
    return StartMPUTask(
        app_id="a",
        channel_id="c",
        task_id=task_id,
        task_profile="4IN_720P",
        media_encode=0,
        background_color=0,
        layout_ids=[11, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1],
        user_panes=[
            UserPane(pane_id=i, user_id=f"{i}{TRICKY}", source_type="camera") for i in range(12)
        ],
        stream_url="rtmp://push.example.com/live/s?auth_key=1-0-0-a%2Bb+c/" + TRICKY,
    )


# -------------------------------------------------------------------------- what is on the wire


def test_by_default_the_documented_request_is_sent() -> None:
    """GET over HTTPS, signature 1.0, JSON, everything in the query, panes from 0."""
    stub = Stub()
    client = client_of(stub, now=lambda: NOW, nonce=lambda: "n-1")
    reply = client.start_mpu_task(example_task())
    (request,) = stub.sent
    url = urlsplit(str(request.url))
    assert (request.method, url.scheme, url.netloc, url.path) == (
        "GET",
        "https",
        "rtc.aliyuncs.com",
        "/",
    )
    assert request.body is None
    assert "Content-Length" not in request.headers
    assert "Authorization" not in request.headers
    pairs = sent_pairs(request)
    assert pairs.pop("Signature")
    assert pairs == dict(example_task().to_wire()) | {
        "Action": "StartMPUTask",
        "Format": "JSON",
        "Version": "2018-01-11",
        "AccessKeyId": "testid",
        "SignatureMethod": "HMAC-SHA1",
        "Timestamp": "2024-01-02T03:04:05Z",
        "SignatureVersion": "1.0",
        "SignatureNonce": "n-1",
        "SecurityToken": "token+/=~*",
    }
    assert (reply.request_id, reply.http_status) == (REQUEST_ID, 200)
    assert reply.fields == {"RequestId": REQUEST_ID}
    assert stub.settings[0]["timeout"] == 10.0


def test_v3_carries_the_envelope_in_headers() -> None:
    """Under V3 the query holds the operation's parameters and Format, the headers the rest."""
    stub = Stub()
    client_of(stub, signature="v3", now=lambda: NOW, nonce=lambda: "n-1").start_mpu_task(
        example_task()
    )
    (request,) = stub.sent
    assert sent_pairs(request) == dict(example_task().to_wire()) | {"Format": "JSON"}
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["authorization"].startswith("ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=")
    assert {n: v for n, v in headers.items() if n.startswith("x-acs-")} == {
        "x-acs-action": "StartMPUTask",
        "x-acs-version": "2018-01-11",
        "x-acs-date": "2024-01-02T03:04:05Z",
        "x-acs-signature-nonce": "n-1",
        "x-acs-content-sha256": (
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        ),
        "x-acs-security-token": "token+/=~*",
    }
    assert headers["host"] == "rtc.aliyuncs.com"


@pytest.mark.parametrize("signature", ["1.0", "v3"])
def test_post_sends_a_form(signature: Any) -> None:
    """By POST the parameters are a form body, and the query is empty."""
    stub = Stub()
    client_of(stub, signature=signature, method="POST").start_mpu_task(tricky_task())
    (request,) = stub.sent
    assert urlsplit(str(request.url)).query == ""
    assert isinstance(request.body, bytes)
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Content-Length"] == str(len(request.body))
    assert dict(tricky_task().to_wire()).items() <= sent_pairs(request).items()


def test_every_option_shows_on_the_wire() -> None:
    """Endpoint, method, panes' base, timeout and format are what was asked for."""
    stub = Stub()
    client_of(
        stub,
        endpoint="http://127.0.0.1:81/",
        user_panes_from=1,
        timeout=(1, 2.5),
        reply_format="XML",
    ).start_mpu_task(example_task())
    (request,) = stub.sent
    assert str(request.url).startswith("http://127.0.0.1:81/?Action=")
    assert request.headers["Host"] == "127.0.0.1:81"
    assert stub.settings[0]["timeout"] == (1, 2.5)
    pairs = sent_pairs(request)
    assert pairs["Format"] == "XML"
    assert "UserPanes.0.PaneId" not in pairs
    assert pairs["UserPanes.1.PaneId"] == "0"


@pytest.mark.parametrize("signature", ["1.0", "v3"])
def test_without_a_reply_format_none_is_sent(signature: Any) -> None:
    """``reply_format=None`` leaves Format out; without a token none is sent."""
    stub = Stub()
    client_of(stub, Credentials("i", "s"), signature=signature, reply_format=None).start_mpu_task(
        example_task()
    )
    assert not {"Format", "SecurityToken"} & set(sent_pairs(stub.sent[0]))
    assert "x-acs-security-token" not in stub.sent[0].headers


def test_every_call_has_a_fresh_nonce_and_the_time() -> None:
    """Nonces differ from call to call, and the time is that of the call."""
    stub = Stub()
    moments = iter([NOW, NOW.replace(second=6)])
    client = client_of(stub, now=lambda: next(moments))
    client.start_mpu_task(example_task())
    client.start_mpu_task(example_task())
    first, second = map(sent_pairs, stub.sent)
    assert first["SignatureNonce"] != second["SignatureNonce"]
    assert [p["Timestamp"][-3:] for p in (first, second)] == ["05Z", "06Z"]


def test_the_secret_is_never_sent() -> None:
    """The secret stands nowhere in a request."""
    for signature, method, reply_format in WAYS:
        stub = Stub()
        client = client_of(stub, signature=signature, method=method, reply_format=reply_format)
        client.start_mpu_task(example_task())
        (request,) = stub.sent
        assert "testsecret" not in f"{request.url} {request.headers} {request.body!r}"


def test_raw_pairs_are_sent_as_they_are() -> None:
    """``call`` sends any action and any pairs, duplicates and empty values too, in order."""
    stub = Stub()
    pairs = [("LayoutIds.2", "x"), ("A", ""), ("LayoutIds.2", "y"), ("é", "+")]
    client_of(stub).call("Other", pairs)
    raw = urlsplit(str(stub.sent[0].url)).query
    assert parse_pairs(raw)[0] == ("Action", "Other")
    assert [pair for pair in parse_pairs(raw) if pair in pairs] == pairs


# -------------------------------------------------------------- an endpoint that is not ours


class Recording(IndependentEndpoint):
    """An independent endpoint that keeps the raw targets and bodies."""

    def __init__(self, **settings: Any) -> None:
        """Start with none."""
        super().__init__(**settings)
        self.raw: list[tuple[str, bytes]] = []

    def handle(self, method: str, target: str, headers: Any, body: bytes) -> Reply:
        """Keep what came, and answer."""
        self.raw.append((target, body))
        return super().handle(method, target, headers, body)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[tuple[Recording, str]]:
    """An independent endpoint on a loopback socket, and its URL."""
    endpoint = Recording()
    with serve(endpoint) as url:
        yield endpoint, url


@pytest.mark.parametrize(("signature", "method", "reply_format"), WAYS, ids=WAY_IDS)
@pytest.mark.parametrize("base", [0, 1])
def test_an_independent_endpoint_accepts_what_the_client_sends(
    elsewhere: tuple[Recording, str],
    signature: Any,
    method: Any,
    reply_format: Any,
    base: int,
) -> None:
    """Over a socket, in every mode, odd characters arrive and the signature verifies."""
    endpoint, url = elsewhere
    client = Client(
        CREDENTIALS,
        url,
        signature=signature,
        method=method,
        reply_format=reply_format,
        user_panes_from=base,
    )
    task = tricky_task(f"{signature}-{method}-{reply_format}-{base}")
    assert len(client.start_mpu_task(task).request_id) == 32
    arrived = endpoint.received[-1].pairs
    wire = task.to_wire(user_panes_from=base)
    assert [pair for pair in arrived if pair in wire] == wire
    with pytest.raises(errors.TaskExisted) as caught:
        client.start_mpu_task(task)
    assert caught.value.http_status == 200
    assert caught.value.request_id
    client.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("signature", ["1.0", "v3"])
def test_what_was_signed_arrives_byte_for_byte(
    elsewhere: tuple[Recording, str], signature: Any, method: Any
) -> None:
    """Nothing on the way quotes the URL or the body anew."""
    endpoint, url = elsewhere
    client = Client(CREDENTIALS, url, signature=signature, method=method)
    request = client.prepare("StartMPUTask", tricky_task(f"raw-{signature}-{method}").to_wire())
    client.send(request)
    assert endpoint.raw[-1] == (request.target, request.body)
    assert "%2A" in request.target + request.body.decode()
    client.close()


REFUSED = {
    "method": (lambda e: replaced(e, method="PUT"), "UnsupportedHTTPMethod", 400),
    "format": (lambda e: replaced(e, reply_format="YAML"), "InvalidParameter.Format", 400),
    "version": (lambda e: replaced(e, version="2018-01-12"), "InvalidVersion", 400),
    "action": (lambda e: replaced(e, action="startMPUTask"), "InvalidApi.NotFound", 404),
    "signature-method": (
        lambda e: replaced(e, signature_method=e.signature_method.replace("SHA", "MD")),
        "InvalidSignatureMethod",
        400,
    ),
    "timestamp": (lambda e: replaced(e, timestamp="yesterday"), "InvalidTimeStamp.Format", 400),
    "expired": (
        lambda e: replaced(e, timestamp="2001-01-01T00:00:00Z"),
        "InvalidTimeStamp.Expired",
        400,
    ),
    "key": (
        lambda e: replaced(e, credentials=Credentials("other", "s")),
        "InvalidAccessKeyId.NotFound",
        404,
    ),
    "secret": (
        lambda e: replaced(e, credentials=Credentials("testid", "other")),
        "SignatureDoesNotMatch",
        400,
    ),
    "tampered": (lambda e: replaced(e, tamper=str.swapcase), "SignatureDoesNotMatch", 400),
    "no-nonce": (
        lambda e: replaced(e, omit=frozenset({"SignatureNonce"})),
        "MissingSignatureNonce",
        400,
    ),
}


def replaced(envelope: Envelope, **changes: Any) -> Envelope:
    """Return the envelope with changes."""
    return dataclasses.replace(envelope, **changes)


@pytest.mark.parametrize("signature", ["1.0", "v3"])
@pytest.mark.parametrize(("envelope", "code", "http_status"), REFUSED.values(), ids=REFUSED)
def test_a_spoilt_envelope_is_refused_and_raised(
    elsewhere: tuple[Recording, str],
    envelope: Any,
    code: str,
    http_status: int,
    signature: Any,
) -> None:
    """What goes around the parameters can be spoilt, and the gateway's Code is raised."""
    client = Client(Credentials("testid", "testsecret"), elsewhere[1], signature=signature)
    with pytest.raises(errors.GatewayError) as caught:
        client.call("StartMPUTask", tricky_task("spoilt").to_wire(), envelope=envelope)
    assert (caught.value.code, caught.value.http_status) == (code, http_status)
    client.close()


def test_sending_a_request_twice_repeats_its_nonce(elsewhere: tuple[Recording, str]) -> None:
    """A prepared request can be sent again, and is refused for its nonce."""
    client = Client(CREDENTIALS, elsewhere[1])
    request = client.prepare("StartMPUTask", tricky_task("twice").to_wire())
    client.send(request)
    with pytest.raises(errors.GatewayError, match="SignatureNonceUsed"):
        client.send(request)
    client.close()


@pytest.mark.parametrize("signature", ["1.0", "v3"])
def test_a_netrc_does_not_break_the_signature(
    elsewhere: tuple[Recording, str],
    signature: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Requests takes a login from ~/.netrc into Authorization; a signed request has its own."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hidden\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    client = Client(CREDENTIALS, elsewhere[1], signature=signature)
    assert client.start_mpu_task(tricky_task(f"netrc-{signature}"))
    headers = elsewhere[0].received[-1].headers
    assert headers.get("authorization", "").startswith("ACS3-" if signature == "v3" else "")
    assert "Basic" not in headers.get("authorization", "")
    client.close()


def test_a_token_is_not_logged(
    elsewhere: tuple[Recording, str], caplog: pytest.LogCaptureFixture
) -> None:
    """urllib3 logs every URL; the token in it is hidden, the rest is not."""
    client = Client(Credentials("testid", "testsecret", "Qx7ToKen+/="), elsewhere[1])
    with caplog.at_level(logging.DEBUG):
        client.start_mpu_task(tricky_task("logged"))
    assert "GET /?Action=StartMPUTask" in caplog.text
    assert "SecurityToken=**********&AppId=a" in caplog.text
    assert "Qx7ToKen" not in caplog.text
    client.close()


# --------------------------------------------------------------------------------- arguments

WRONG = {
    "endpoint-scheme": ({"endpoint": "ftp://rtc.aliyuncs.com"}, "endpoint: expected a URL such as"),
    "endpoint-bare": ({"endpoint": "example.com"}, "got 'example.com'"),
    "endpoint-path": ({"endpoint": "https://h/api"}, "got 'https://h/api'"),
    "endpoint-query": ({"endpoint": "https://h/?a=b"}, "endpoint: expected a URL such as"),
    "endpoint-fragment": ({"endpoint": "https://h/#a"}, "endpoint: expected a URL such as"),
    "endpoint-port": ({"endpoint": "https://h:99999"}, "endpoint: expected a URL such as"),
    "endpoint-bracket": ({"endpoint": "https://[h"}, "endpoint: expected a URL such as"),
    "endpoint-user": ({"endpoint": "https://u:Qx7PassWord@h"}, "got one with a user in it"),
    "endpoint-type": ({"endpoint": 80}, "endpoint: expected a URL such as"),
    "credentials": (
        {"credentials": "testid"},
        "credentials: expected Credentials(access_key_id, access_key_secret), got str",
    ),
    "signature": ({"signature": "2.0"}, "signature: expected '1.0' or 'v3', got '2.0'"),
    "signature-float": ({"signature": 1.0}, "signature: expected '1.0' or 'v3', got 1.0"),
    "method": ({"method": "PUT"}, "method: expected 'GET' or 'POST', got 'PUT'"),
    "method-case": ({"method": "get"}, "method: expected 'GET' or 'POST', got 'get'"),
    "panes": ({"user_panes_from": 2}, "user_panes_from: expected 0 or 1, got 2"),
    "panes-bool": ({"user_panes_from": True}, "user_panes_from: expected 0 or 1, got True"),
    "panes-float": ({"user_panes_from": 1.0}, "user_panes_from: expected 0 or 1, got 1.0"),
    "format": (
        {"reply_format": "json"},
        "reply_format: expected 'JSON' or 'XML' or None, got 'json'",
    ),
    "timeout-zero": ({"timeout": 0}, "timeout: expected seconds above 0, or two of them, got 0"),
    "timeout-negative": ({"timeout": (1, -1)}, "timeout: expected seconds above 0"),
    "timeout-nan": ({"timeout": float("nan")}, "timeout: expected seconds above 0"),
    "timeout-text": ({"timeout": "5"}, "timeout: expected seconds above 0"),
    "timeout-bool": ({"timeout": True}, "timeout: expected seconds above 0"),
    "timeout-three": ({"timeout": (1, 2, 3)}, "timeout: expected seconds above 0"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    """A wrong argument raises ValueError with its name, what was expected, and what came."""
    with pytest.raises(ValueError, match=r"\w+: expected") as caught:
        Client(**{"credentials": CREDENTIALS, **arguments})
    assert message in str(caught.value)
    assert "Qx7" not in str(caught.value)


def test_what_is_no_key_is_not_shown() -> None:
    """What was given in place of Credentials may hold the secret: its type alone is shown."""
    with pytest.raises(ValueError, match="got tuple"):
        Client(("testid", "testsecret"))  # type: ignore[arg-type]


def test_what_is_no_task_is_named() -> None:
    """What is no StartMPUTask is refused as such, before anything is sent."""
    with pytest.raises(ValueError, match="task: expected StartMPUTask, got <class 'dict'>"):
        Client(CREDENTIALS).start_mpu_task({"AppId": "a"})  # type: ignore[arg-type]


@pytest.mark.parametrize("timeout", [0.1, 5, (1, 2), (0.5, None), None])
def test_a_timeout_is_seconds_or_two_of_them(timeout: Any) -> None:
    """What requests takes for a timeout is taken."""
    assert Client(CREDENTIALS, timeout=timeout).timeout == timeout


@pytest.mark.parametrize(
    ("action", "pairs", "message"),
    [
        ("\ud800", [], "action: expected text that UTF-8 can carry"),
        ("A", [("a", "\ud800")], "pairs: expected text that UTF-8 can carry"),
        ("A", [("\ud800", "a")], "pairs: expected text that UTF-8 can carry"),
        ("A", [("a", 1)], "pairs: expected str, got 1"),
        (None, [], "action: expected str, got None"),
    ],
)
def test_what_cannot_be_sent_is_refused(action: Any, pairs: Any, message: str) -> None:
    """Raw pairs are any text that UTF-8 can carry."""
    stub = Stub()
    with pytest.raises(ValueError, match=message):
        client_of(stub).call(action, pairs)
    assert stub.sent == []


# ----------------------------------------------------------------------------- what comes back


def error_json(code: Any, **fields: Any) -> bytes:
    """Return a failure in JSON."""
    plain = {"RequestId": "r", "HostId": "h", "Code": code, "Message": "m"}
    return json.dumps(plain | fields).encode()


SUCCESSES = {
    "json": (200, SUCCESS),
    "extra-fields": (200, SUCCESS[:-1] + b', "Recommend": "x", "Data": {"a": [1]}}'),
    "wrong-content-type": (200, SUCCESS, {"Content-Type": "text/html"}),
    "null-code": (200, SUCCESS[:-1] + b', "Code": null}'),
    "empty-code": (200, SUCCESS[:-1] + b', "Code": ""}'),
    "bom": (200, b"\xef\xbb\xbf" + SUCCESS),
    "xml": (
        200,
        f"<StartMPUTaskResponse><RequestId>{REQUEST_ID}</RequestId></StartMPUTaskResponse>".encode(),
    ),
}


@pytest.mark.parametrize("reply", SUCCESSES.values(), ids=SUCCESSES)
def test_a_success_is_returned(reply: Any) -> None:
    """HTTP 200 with a RequestId and no Code is a success, whatever else comes with it."""
    assert client_of(Stub(reply)).start_mpu_task(example_task()).request_id == REQUEST_ID


FAILURES = {
    "task-existed-200": ((200, error_json("TaskExisted")), "TaskExisted", 200, "r"),
    "internal-500": ((500, error_json("InternalError")), "InternalError", 500, "r"),
    "layout-400": (
        (400, error_json("InvalidLayoutID.Malformed")),
        "InvalidLayoutIDMalformed",
        400,
        "r",
    ),
    "gateway-404": ((404, error_json("InvalidApi.NotFound")), "GatewayError", 404, "r"),
    "service-200": ((200, error_json("App.Stop")), "ServiceError", 200, "r"),
    "sister": ((404, error_json("InvalidTask.NotFound")), "InvalidTaskNotFound", 404, "r"),
    "undocumented": ((418, error_json("Teapot")), "UndocumentedError", 418, "r"),
    "no-request-id": ((200, b'{"Code": "TaskExisted"}'), "TaskExisted", 200, None),
    "null-request-id": ((503, error_json("X", RequestId=None)), "UndocumentedError", 503, None),
    "no-message": ((400, error_json("X", Message=None)), "UndocumentedError", 400, "r"),
    "number-code": ((200, error_json(0)), "UndocumentedError", 200, "r"),
    "recommend": ((200, error_json("TaskExisted", Recommend="x")), "TaskExisted", 200, "r"),
    "xml": (
        (
            200,
            b"<?xml version='1.0'?><Error><RequestId>r</RequestId><HostId>h</HostId>"
            b"<Code>TaskExisted</Code><Message>m</Message><Recommend/></Error>",
        ),
        "TaskExisted",
        200,
        "r",
    ),
    "code-in-xml-success": (
        (
            200,
            b"<StartMPUTaskResponse><RequestId>r</RequestId><Code>App.Stop</Code>"
            b"</StartMPUTaskResponse>",
        ),
        "ServiceError",
        200,
        "r",
    ),
    "code-in-201": ((201, error_json("TaskExisted")), "TaskExisted", 201, "r"),
}


@pytest.mark.parametrize(
    ("reply", "kind", "http_status", "request_id"), FAILURES.values(), ids=FAILURES
)
def test_a_reply_with_a_code_is_raised(
    reply: Any, kind: str, http_status: int, request_id: str | None
) -> None:
    """A Code is an error whatever the HTTP status."""
    with pytest.raises(errors.APIError) as caught:
        client_of(Stub(reply)).start_mpu_task(example_task())
    assert type(caught.value).__name__ == kind
    assert (caught.value.http_status, caught.value.request_id) == (http_status, request_id)


UNREADABLE = {
    "html-502": ((502, b"<html><body>502</body></html>"), "expected <StartMPUTaskResponse>"),
    "html-200": ((200, b"<html></html>"), "expected <StartMPUTaskResponse>"),
    "empty": ((200, b""), "got an empty body"),
    "empty-302": ((302, b"", {"Location": "https://elsewhere.example/"}), "got an empty body"),
    "array": ((200, b"[]"), "expected a JSON object"),
    "trailing-comma": ((200, SUCCESS[:-1] + b", }"), "expected JSON"),
    "truncated": ((200, SUCCESS[:20]), "expected JSON"),
    "empty-object": ((200, b"{}"), "expected a RequestId or a Code, got a reply with []"),
    "no-request-id": ((200, b'{"A": 1}'), "got a reply with ['A']"),
    "null-request-id": ((200, b'{"RequestId": null}'), "expected a RequestId or a Code"),
    "number-request-id": ((200, b'{"RequestId": 1}'), "expected a RequestId or a Code"),
    "empty-request-id": ((200, b'{"RequestId": ""}'), "expected a RequestId or a Code"),
    "request-id-500": ((500, SUCCESS), f"expected a Code, got only RequestId {REQUEST_ID}"),
    "request-id-204": ((204, SUCCESS), "expected a Code, got only RequestId"),
    "xml-error-no-code": (
        (200, b"<Error><RequestId>r</RequestId></Error>"),
        "expected a Code in <Error>",
    ),
    "other-action": (
        (200, b"<StopMPUTaskResponse><RequestId>r</RequestId></StopMPUTaskResponse>"),
        "got <StopMPUTaskResponse>",
    ),
}


@pytest.mark.parametrize(("reply", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_reply_never_passes_as_success(reply: Any, message: str) -> None:
    """What is no reply of this API raises UnreadableReply with the HTTP status."""
    stub = Stub(reply)
    with pytest.raises(errors.UnreadableReply) as caught:
        client_of(stub).start_mpu_task(example_task())
    assert message in str(caught.value)
    assert caught.value.http_status == reply[0]
    assert len(stub.sent) == 1, "nothing is retried, no redirect is followed"


def test_another_actions_reply_is_read_by_its_own_root() -> None:
    """``call`` reads XML replies of the action it sent."""
    body = b"<StopMPUTaskResponse><RequestId>r</RequestId></StopMPUTaskResponse>"
    assert client_of(Stub((200, body))).call("StopMPUTask", []).request_id == "r"


def test_the_client_lives_on_after_a_failure() -> None:
    """A bad reply costs nothing but itself."""
    stub = Stub((502, b"<html>"), requests.ConnectionError("x"), (200, SUCCESS))
    client = client_of(stub)
    for kind in (errors.UnreadableReply, errors.TransportError):
        with pytest.raises(kind):
            client.start_mpu_task(example_task())
    assert client.start_mpu_task(example_task()).request_id == REQUEST_ID


class Stalls(io.BytesIO):
    """A body that stops coming, or breaks."""

    def __init__(self, error: Exception) -> None:
        """Raise that error when it is read."""
        super().__init__()
        self.error = error

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        """Yield a part, then fail."""
        yield b"{"
        raise self.error


POOL: Any = None
TRANSPORT = {
    "connect-timeout": (requests.ConnectTimeout("x"), errors.TransportTimeout),
    "read-timeout": (requests.ReadTimeout("x"), errors.TransportTimeout),
    "bare-timeout": (TimeoutError("x"), errors.TransportTimeout),
    "urllib3-timeout": (
        urllib3.exceptions.ReadTimeoutError(POOL, "u", "x"),
        errors.TransportTimeout,
    ),
    "stalled-body": (
        (200, Stalls(urllib3.exceptions.ReadTimeoutError(POOL, "u", "x"))),
        errors.TransportTimeout,
    ),
    "connection": (requests.ConnectionError("x"), errors.TransportError),
    "ssl": (requests.exceptions.SSLError("x"), errors.TransportError),
    "proxy": (requests.exceptions.ProxyError("x"), errors.TransportError),
    "reset": (ConnectionResetError(104, "x"), errors.TransportError),
    "urllib3": (urllib3.exceptions.ProtocolError("x"), errors.TransportError),
    "broken-body": (
        (200, Stalls(urllib3.exceptions.ProtocolError("x"))),
        errors.TransportError,
    ),
    "undecodable-body": (
        (200, Stalls(urllib3.exceptions.DecodeError("x"))),
        errors.TransportError,
    ),
    "header": (ValueError("Invalid header value"), errors.TransportError),
}


@pytest.mark.parametrize(("reply", "kind"), TRANSPORT.values(), ids=TRANSPORT)
def test_no_reply_is_a_transport_error(reply: Any, kind: type[Exception]) -> None:
    """Where no reply came the error says so, and whether it was for want of time."""
    with pytest.raises(errors.TransportError) as caught:
        client_of(Stub(reply)).start_mpu_task(example_task())
    assert type(caught.value) is kind
    assert str(caught.value).startswith("https://rtc.aliyuncs.com: ")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def closed_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("signature", ["1.0", "v3"])
def test_a_refused_connection_says_why_without_the_query(signature: Any) -> None:
    """The reason stays in the message, what was sent does not."""
    client = Client(
        Credentials("i", "Qx7SeCret", "Qx7ToKen+/"),
        f"http://127.0.0.1:{closed_port()}",
        signature=signature,
    )
    with pytest.raises(errors.TransportError, match=r"ConnectionError: .*refused") as caught:
        client.start_mpu_task(example_task())
    assert "Qx7" not in str(caught.value)
    assert "AppId" not in str(caught.value)


def test_exchange_returns_what_came_unjudged() -> None:
    """``exchange`` sends a prepared request and returns status, headers and body."""
    client = client_of(Stub((418, b"tea", {"X-A": "b"})))
    response = client.exchange(client.prepare("A", []))
    assert (response.status, response.body) == (418, b"tea")
    assert response.header("x-a") == "b"
    with pytest.raises(errors.TransportTimeout):
        client_of(Stub(requests.Timeout("x"))).exchange(Request(method="GET", target="/"))


# -------------------------------------------------------------------------------- the session


def test_the_sessions_own_settings_are_kept() -> None:
    """Proxies, verification, certificate, headers and hooks are the session's."""
    session = requests.Session()
    session.trust_env = False
    session.proxies = {"https": "http://proxy.example:3128"}
    session.verify = "/ca.pem"
    session.cert = "/cert.pem"
    session.headers.update({"User-Agent": "mine", "X-Mine": "1"})
    seen: list[int] = []
    session.hooks["response"].append(lambda r, **_: seen.append(r.status_code))
    stub = Stub()
    client_of(stub, session=session).start_mpu_task(example_task())
    (settings,) = stub.settings
    assert dict(settings["proxies"]) == {"https": "http://proxy.example:3128"}
    assert (settings["verify"], settings["cert"]) == ("/ca.pem", "/cert.pem")
    assert stub.sent[0].headers["User-Agent"] == "mine"
    assert stub.sent[0].headers["X-Mine"] == "1"
    assert seen == [200]


def test_the_environments_certificates_and_proxies_are_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What requests reads from the environment holds for a signed request as well."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/environment.pem")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:8080")
    monkeypatch.setenv("NO_PROXY", "")
    stub = Stub()
    client_of(stub).start_mpu_task(example_task())
    (settings,) = stub.settings
    assert settings["verify"] == "/environment.pem"
    assert settings["proxies"]["https"] == "http://proxy.example:8080"


def test_the_sessions_login_and_parameters_do_not_reach_the_request() -> None:
    """What would change a signed request is left out: a login, and parameters nobody signed."""
    session = requests.Session()
    session.auth = ("user", "password")
    session.params = {"Unsigned": "1"}
    stub = Stub()
    client_of(stub, session=session).start_mpu_task(example_task())
    assert "Authorization" not in stub.sent[0].headers
    assert "Unsigned" not in sent_pairs(stub.sent[0])


def test_close_closes_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """``close`` closes what the client sends with."""
    closed: list[bool] = []
    stub = Stub()
    monkeypatch.setattr(stub, "close", lambda: closed.append(True))
    client_of(stub).close()
    assert closed
