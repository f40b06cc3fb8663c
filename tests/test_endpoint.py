"""The mocked endpoint: every documented rule, the order of checks, its record and its controls."""

from __future__ import annotations

import json
import re
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations, count
from types import FrameType
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_rtcmpu import (
    APIError,
    Client,
    Credentials,
    Endpoint,
    GatewayError,
    Request,
    Response,
    errors,
    faults,
)
from pytest_rtcmpu import endpoint as endpoint_module
from pytest_rtcmpu.client import Envelope
from pytest_rtcmpu.contract import ContractError
from pytest_rtcmpu.errors import RTCMPUWarning, SignatureWarning, SilenceWarning
from pytest_rtcmpu.mock.door import mocked

NOW = datetime(2019, 5, 20, 12, 0, 0, tzinfo=UTC)
KEY = Credentials("testid", "testsecret")
SIGNATURES = ("1.0", "v3")

PARAMETERS = {
    "AppId": "app",
    "ChannelId": "channel",
    "TaskId": "task",
    "TaskProfile": "4IN_720P",
    "MediaEncode": "20",
    "BackgroundColor": "0",
    "LayoutIds.1": "1",
    "LayoutIds.2": "2",
    "UserPanes.0.PaneId": "0",
    "UserPanes.0.UserId": "teacher",
    "UserPanes.0.SourceType": "camera",
    "UserPanes.1.PaneId": "1",
    "UserPanes.1.UserId": "student",
    "UserPanes.1.SourceType": "shareScreen",
    "StreamURL": "rtmp://live.example.com/app/stream?auth_key=1700000000-0-0-abc",
}

Pairs = list[tuple[str, str]]


def pairs(changes: Mapping[str, str | None] | None = None, **more: str | None) -> Pairs:
    """Valid parameters with changes; ``None`` leaves one out."""
    changed: dict[str, str | None] = {**PARAMETERS, **(changes or {}), **more}
    return [(name, value) for name, value in changed.items() if value is not None]


def signed(
    parameters: Pairs | None = None,
    *,
    key: Credentials = KEY,
    signature: Any = "1.0",
    method: Any = "GET",
    reply_format: Any = "JSON",
    now: datetime = NOW,
    action: str = "StartMPUTask",
    **envelope: Any,
) -> Request:
    """A request as a client signs it; ``envelope`` changes what goes around the parameters."""
    envelope |= {"method": method, "reply_format": reply_format}
    return Client(key, signature=signature, now=lambda: now).prepare(
        action,
        pairs() if parameters is None else parameters,
        envelope=lambda plain: replace(plain, **envelope),
    )


def fields(response: Response) -> dict[str, str]:
    """The fields of a reply, JSON or XML by its Content-Type."""
    if response.header("content-type") == "application/json;charset=utf-8":
        found: dict[str, str] = json.loads(response.body)
        return found
    assert response.header("content-type") == "text/xml;charset=utf-8"
    return {child.tag: child.text or "" for child in ElementTree.fromstring(response.body)}


def code(response: Response) -> str:
    """A reply's Code, or ``success``."""
    return fields(response).get("Code", "success")


@pytest.fixture
def warned() -> list[RTCMPUWarning]:
    """What the endpoint warned of."""
    return []


@pytest.fixture
def endpoint(warned: list[RTCMPUWarning]) -> Endpoint:
    """An endpoint whose clock stands still, and whose warnings are kept."""
    return Endpoint(KEY, now=NOW, warn=warned.append)


# --------------------------------------------------------------------- the documented request

# S1: https://rtc.aliyuncs.com?Action=StartMPUTask&AppId=xxxx&ChannelId=xxxTaskId=xxx&MediaEncode=2…
# completed (TaskProfile, the common parameters, values for xxx where xxx is none) and corrected
# (the & before TaskId, MediaEncode 20). The signature was made with openssl.
S1_EXAMPLE = (
    "?Action=StartMPUTask&AppId=xxxx&ChannelId=xxx&TaskId=xxx&TaskProfile=4IN_720P&MediaEncode=20"
    "&BackgroundColor=0&LayoutIds.1=1&LayoutIds.2=2"
    "&UserPanes.0.PaneId=0&UserPanes.0.UserId=xxx&UserPanes.0.SourceType=camera"
    "&UserPanes.1.PaneId=1&UserPanes.1.UserId=xxx&UserPanes.1.SourceType=shareScreen"
    "&StreamURL=rtmp%3A%2F%2Fxxx%2Fxxx%2Fxxx%3Fauth_key%3D1543302081-0-0-9c6e7c8190c10bdfb3c0"
    "&Format=JSON&Version=2018-01-11&AccessKeyId=testid&SignatureMethod=HMAC-SHA1"
    "&Timestamp=2019-05-20T12%3A00%3A00Z&SignatureVersion=1.0"
    "&SignatureNonce=45e25e9b-0a6f-4070-8c85-2956eda1b466"
    "&Signature=%2BH%2FO2JWAdQJO9%2B2ygbP18I2xCD8%3D"
)


@pytest.mark.parametrize("path", ["", "/"], ids=["as printed, without a path", "with a path"])
def test_documented_example(endpoint: Endpoint, path: str) -> None:
    """The request of S1's own example, completed and corrected, is accepted."""
    reply = endpoint.handle(Request(method="GET", target=f"{path}{S1_EXAMPLE}"))
    assert reply.status == 200
    assert fields(reply).keys() == {"RequestId"}
    [task] = endpoint.tasks
    assert task.stream_url == "rtmp://xxx/xxx/xxx?auth_key=1543302081-0-0-9c6e7c8190c10bdfb3c0"
    assert [(p.pane_id, p.user_id, p.source_type) for p in task.user_panes] == [
        (0, "xxx", "camera"),
        (1, "xxx", "shareScreen"),
    ]


def test_documented_example_as_printed(endpoint: Endpoint) -> None:
    """S1's example sends MediaEncode=2, which S1's own table lacks: it is refused."""
    assert code(endpoint.handle(signed(pairs(MediaEncode="2")))) == "InvalidMediaEncode.Malformed"


INTERNAL = (
    500,
    "The request processing has failed due to some unknown error, exception or failure.",
    errors.InternalError,
    {"0x0702000C", "0x0702000D", "0x0702000E"},
)
OWN_ROWS: dict[str, tuple[int, str, type[APIError], set[str]]] = {
    "InternalError": INTERNAL,
    "TaskExisted": (200, "Task is already existed.", errors.TaskExisted, {"0x07100001"}),
    "InvalidLayoutID.Malformed": (
        400,
        "The specified layoutID is malformed.",
        errors.InvalidLayoutIDMalformed,
        {"0x0701000C"},
    ),
    "InvalidMediaEncode.Malformed": (
        400,
        "The specifed MediaEncode is malformed.",
        errors.InvalidMediaEncodeMalformed,
        {"0x0701000D"},
    ),
    "InvalidBackgroundColor.Malformed": (
        400,
        "The specifed BackgroundColoris malformed.",
        errors.InvalidBackgroundColorMalformed,
        {"0x0701000E"},
    ),
}
ROW_IDS = (
    ("0x0702000C", "InternalError"),
    ("0x07100001", "TaskExisted"),
    ("0x0701000C", "InvalidLayoutID.Malformed"),
    ("0x0701000D", "InvalidMediaEncode.Malformed"),
    ("0x0701000E", "InvalidBackgroundColor.Malformed"),
    ("0x0702000D", "InternalError"),
    ("0x0702000E", "InternalError"),
)
BROUGHT_ABOUT_BY: dict[str, dict[str, str | None]] = {
    "InternalError": {},
    "TaskExisted": {},
    "InvalidLayoutID.Malformed": {"LayoutIds.2": "12"},
    "InvalidMediaEncode.Malformed": {"MediaEncode": "2"},
    "InvalidBackgroundColor.Malformed": {"BackgroundColor": "16777216"},
}


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("reply_format", ["JSON", "XML"])
@pytest.mark.parametrize(("error_id", "row"), ROW_IDS, ids=[row_id for row_id, _ in ROW_IDS])
def test_own_error_rows(
    endpoint: Endpoint, error_id: str, row: str, reply_format: Any, signature: Any
) -> None:
    """Each row of S1's error table is answered as documented, and raised by the client as such."""
    http_status, message, error_class, error_ids = OWN_ROWS[row]
    client = Client(KEY, now=lambda: NOW, reply_format=reply_format, signature=signature)
    if row == "TaskExisted":
        endpoint.handle(signed())
    if row == "InternalError":
        endpoint.fail_next(row)
    with mocked(endpoint), pytest.raises(error_class) as caught:
        client.call("StartMPUTask", pairs(BROUGHT_ABOUT_BY[row]))
    error = caught.value
    assert (error.code, error.http_status, error.message) == (row, http_status, message)
    assert error_id in error_ids
    assert set(error.error_ids) == error_ids
    assert error.request_id == endpoint.calls[-1].request_id
    assert isinstance(error, errors.StartMPUTaskError)
    reply = endpoint.calls[-1].reply
    assert reply.status == http_status
    assert fields(reply) == {
        "RequestId": error.request_id,
        "HostId": "rtc.aliyuncs.com",
        "Code": row,
        "Message": message,
    }


# The Code, its HTTP status and Message, letter for letter (S3), and how a request comes by it.
GATEWAY: dict[str, tuple[int, str, dict[str, Any]]] = {
    "UnsupportedHTTPMethod": (400, "This http method is not supported.", {"method": "PUT"}),
    "InvalidParameter.Format": (
        400,
        "Specified parameter format is not valid.",
        {"reply_format": "YAML"},
    ),
    "MissingSignatureNonce": (
        400,
        "SignatureNonce is mandatory for this action.",
        {"omit": frozenset({"SignatureNonce"})},
    ),
    "InvalidVersion": (
        400,
        "Specified parameter Version is not valid.",
        {"version": "2019-05-20"},
    ),
    "InvalidApi.NotFound": (
        404,
        "Specified api is not found, please check your url and method.",
        {"action": "startMPUTask"},
    ),
    "InvalidSignatureMethod": (
        400,
        "Specified signature method is not valid.",
        {"signature_method": "ACS3-HMAC-MD5"},
    ),
    "InvalidSignatureVersion": (
        400,
        "Specified parameter SignatureVersion is not valid.",
        {"signature_version": "2.0"},
    ),
    "InvalidTimeStamp.Format": (
        400,
        "Specified time stamp or date value is not well formatted.",
        {"timestamp": "2019-05-20 12:00:00"},
    ),
    "InvalidTimeStamp.Expired": (
        400,
        "Specified time stamp or date value is expired.",
        {"timestamp": "2019-05-20T12:15:01Z"},
    ),
    "InvalidAccessKeyId.NotFound": (
        404,
        "Specified access key is not found.",
        {"credentials": Credentials("stranger", "testsecret")},
    ),
    "InvalidAccessKeyId.Inactive": (
        400,
        "Specified access key is disabled.",
        {"credentials": Credentials("disabled", "testsecret")},
    ),
    "SignatureNonceUsed": (400, "Specified signature nonce was used already.", {"nonce": "used"}),
    "MissingAppId": (400, "AppId is mandatory for this action.", {"AppId": None}),
    "MissingLayoutIds": (
        400,
        "LayoutIds is mandatory for this action.",
        {"LayoutIds.1": None, "LayoutIds.2": None},
    ),
    "InvalidTaskProfile": (
        400,
        "Specified parameter TaskProfile is not valid.",
        {"TaskProfile": "8IN_720P"},
    ),
    "InvalidUserPanes": (
        400,
        "Specified parameter UserPanes is not valid.",
        {"UserPanes.1.PaneId": "16"},
    ),
    "InvalidStreamURL": (
        400,
        "Specified parameter StreamURL is not valid.",
        {"StreamURL": "http://live.example.com/app/stream"},
    ),
}


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        pytest.param(signature, expected, id=f"{signature}-{expected}")
        for signature in SIGNATURES
        for expected in GATEWAY
        if (signature, expected) != ("v3", "InvalidSignatureVersion")
    ],
)
def test_gateway_rows(endpoint: Endpoint, expected: str, signature: Any) -> None:
    """Each gateway row that a request can bring about is answered as documented."""
    http_status, message, change = GATEWAY[expected]
    endpoint.add_key(Credentials("disabled", "testsecret"), active=False)
    endpoint.handle(signed(pairs(TaskId="first"), nonce="used"))
    known = {name for name in change if name in Envelope.__dataclass_fields__}
    request = signed(
        pairs({name: value for name, value in change.items() if name not in known}),
        signature=signature,
        **{name: change[name] for name in known},
    )
    reply = endpoint.handle(request)
    assert (code(reply), reply.status) == (expected, http_status)
    found = ElementTree.fromstring(reply.body) if reply.body.startswith(b"<") else None
    assert (fields(reply) if found is None else {c.tag: c.text for c in found})[
        "Message"
    ] == message
    assert errors.error_class(expected) is GatewayError
    assert len(endpoint.tasks) == 1


@pytest.mark.parametrize("signature", SIGNATURES)
def test_signature_does_not_match(
    endpoint: Endpoint, warned: list[RTCMPUWarning], signature: Any
) -> None:
    """A wrong signature is answered as by a real gateway, with the string the server signed."""
    request = signed(key=Credentials("testid", "wrong"), signature=signature)
    reply = endpoint.handle(request)
    assert (code(reply), reply.status) == ("SignatureDoesNotMatch", 400)
    head = "Specified signature is not matched with our calculation. server string to sign is:"
    begins = {"1.0": "GET&%2F&AccessKeyId%3Dtestid%26", "v3": "ACS3-HMAC-SHA256\n"}[signature]
    assert fields(reply)["Message"].startswith(head + begins)
    assert len(warned) == 1


@pytest.mark.parametrize(
    "name",
    [
        "Version",
        "Action",
        "AccessKeyId",
        "Signature",
        "SignatureMethod",
        "Timestamp",
        "SignatureVersion",
        "SignatureNonce",
    ],
)
@pytest.mark.parametrize("way", ["absent", "empty"])
def test_common_parameter_missing(endpoint: Endpoint, name: str, way: str) -> None:
    """A required common parameter that is absent or empty is answered Missing{Parameter}."""
    request = signed(omit=frozenset({name}))
    if way == "empty":
        request = replace(request, target=f"{request.target}&{name}=")
    reply = endpoint.handle(request)
    assert (code(reply), reply.status) == (f"Missing{name}", 400)
    assert fields(reply)["Message"] == f"{name} is mandatory for this action."


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("x-acs-version", "MissingVersion"),
        ("x-acs-action", "MissingAction"),
        ("authorization", "MissingAccessKeyId"),
        ("x-acs-date", "MissingTimestamp"),
        ("x-acs-signature-nonce", "MissingSignatureNonce"),
        ("x-acs-content-sha256", "MissingContentSha256"),
    ],
)
def test_v3_header_missing(endpoint: Endpoint, header: str, expected: str) -> None:
    """Under V3 the envelope stands in headers, and one that is absent is missed."""
    request = signed(signature="v3")
    kept = tuple(pair for pair in request.headers if pair[0].lower() != header)
    assert code(endpoint.handle(replace(request, headers=kept))) == expected


@pytest.mark.parametrize(
    "authorization",
    [
        "ACS3-HMAC-SHA256",
        "ACS3-HMAC-SHA256 ",
        "ACS3-HMAC-SHA256 Credential=testid",
        "ACS3-HMAC-SHA256 Credential=,SignedHeaders=,Signature=",
        "ACS3-HMAC-SHA256 Credential=testid,Credential=testid,SignedHeaders=host,Signature=0",
        "ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=host,Signature=00",
    ],
)
def test_v3_authorization_malformed(endpoint: Endpoint, authorization: str) -> None:
    """A V3 Authorization header that cannot be taken apart is a signature that does not match."""
    request = signed(signature="v3")
    headers = tuple(
        (name, authorization if name == "Authorization" else value)
        for name, value in request.headers
    )
    assert code(endpoint.handle(replace(request, headers=headers))) == "SignatureDoesNotMatch"


# ------------------------------------------------------------------------- the order of checks

# The stages in their order: what breaks a request in each, and the Code that answers. A change is
# of the envelope, or of parameters where its name has a capital.
STAGES: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("method", {"method": "DELETE"}, "UnsupportedHTTPMethod"),
    ("format", {"reply_format": "YAML"}, "InvalidParameter.Format"),
    ("common", {"omit": frozenset({"SignatureNonce"})}, "MissingSignatureNonce"),
    ("version", {"version": "2018-01-12"}, "InvalidVersion"),
    ("action", {"action": "DescribeNothing"}, "InvalidApi.NotFound"),
    ("signature-method", {"signature_method": "ACS3-HMAC-MD5"}, "InvalidSignatureMethod"),
    ("signature-version", {"signature_version": "1.1"}, "InvalidSignatureVersion"),
    ("timestamp", {"timestamp": "2019-05-20T11:44:59Z"}, "InvalidTimeStamp.Expired"),
    ("key", {"credentials": Credentials("stranger", "s")}, "InvalidAccessKeyId.NotFound"),
    ("signature", {"tamper": lambda signature: signature[::-1]}, "SignatureDoesNotMatch"),
    ("nonce", {"nonce": "used"}, "SignatureNonceUsed"),
    ("required", {"StreamURL": ""}, "MissingStreamURL"),
    ("value", {"TaskProfile": "8IN_720P"}, "InvalidTaskProfile"),
    ("existence", {"TaskId": "running"}, "TaskExisted"),
)


@pytest.mark.parametrize(
    ("signature", "earlier", "later"),
    [
        pytest.param(signature, earlier, later, id=f"{signature}-{earlier[0]}-before-{later[0]}")
        for signature in SIGNATURES
        for earlier, later in combinations(STAGES, 2)
        if signature == "1.0" or "signature-version" not in (earlier[0], later[0])
    ],
)
def test_order_of_checks(endpoint: Endpoint, earlier: Any, later: Any, signature: Any) -> None:
    """A request broken in two stages is answered by the earlier one."""
    endpoint.handle(signed(pairs(TaskId="running"), nonce="used"))
    for stages in ([earlier], [later], [later, earlier]):
        change = {name: value for _, changes, _ in stages for name, value in changes.items()}
        envelope = {name: value for name, value in change.items() if name.islower()}
        parameters = {name: value for name, value in change.items() if not name.islower()}
        reply = endpoint.handle(signed(pairs(parameters), signature=signature, **envelope))
        assert code(reply) == stages[-1][2]
    assert len(endpoint.tasks) == 1


REQUIRED = (
    ("AppId", "MissingAppId"),
    ("ChannelId", "MissingChannelId"),
    ("TaskId", "MissingTaskId"),
    ("TaskProfile", "MissingTaskProfile"),
    ("MediaEncode", "MissingMediaEncode"),
    ("BackgroundColor", "MissingBackgroundColor"),
    ("LayoutIds", "MissingLayoutIds"),
    ("StreamURL", "MissingStreamURL"),
)


def without(name: str) -> dict[str, str | None]:
    """The change that leaves a parameter out."""
    return {key: None for key in PARAMETERS if key.partition(".")[0] == name}


@pytest.mark.parametrize(("name", "expected"), REQUIRED)
def test_required(endpoint: Endpoint, name: str, expected: str) -> None:
    """A required parameter that is absent is mandatory for this action."""
    reply = endpoint.handle(signed(pairs(without(name))))
    assert (code(reply), reply.status) == (expected, 400)
    assert fields(reply)["Message"] == f"{name} is mandatory for this action."


@pytest.mark.parametrize(("name", "expected"), [row for row in REQUIRED if row[0] != "LayoutIds"])
def test_required_empty(endpoint: Endpoint, name: str, expected: str) -> None:
    """A required parameter that is empty counts as absent."""
    assert code(endpoint.handle(signed(pairs({name: ""})))) == expected


@pytest.mark.parametrize(
    ("earlier", "later"),
    [pytest.param(a, b, id=f"{a[0]}-before-{b[0]}") for a, b in combinations(REQUIRED, 2)],
)
def test_order_of_required(endpoint: Endpoint, earlier: Any, later: Any) -> None:
    """Of two absent parameters the one that stands first in S1's table answers."""
    changes = {**without(later[0]), **without(earlier[0])}
    assert code(endpoint.handle(signed(pairs(changes)))) == earlier[1]


VALUES = (
    ("TaskProfile", {"TaskProfile": "4in_720p"}, "InvalidTaskProfile"),
    ("MediaEncode", {"MediaEncode": "2"}, "InvalidMediaEncode.Malformed"),
    ("BackgroundColor", {"BackgroundColor": "-1"}, "InvalidBackgroundColor.Malformed"),
    ("LayoutIds", {"LayoutIds.1": "0"}, "InvalidLayoutID.Malformed"),
    ("UserPanes", {"UserPanes.0.SourceType": "Camera"}, "InvalidUserPanes"),
    ("StreamURL", {"StreamURL": "rtmp:///app/stream"}, "InvalidStreamURL"),
)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [pytest.param(a, b, id=f"{a[0]}-before-{b[0]}") for a, b in combinations(VALUES, 2)],
)
def test_order_of_values(endpoint: Endpoint, earlier: Any, later: Any) -> None:
    """Of two invalid values that of the parameter which stands first in S1's table answers."""
    assert code(endpoint.handle(signed(pairs({**later[1], **earlier[1]})))) == earlier[2]
    assert {problem.path.partition(".")[0] for problem in endpoint.calls[-1].problems} == {
        earlier[0],
        later[0],
    }


# What each value rule refuses, and the boundary cases it lets through.
REFUSED: tuple[tuple[dict[str, str | None], str], ...] = (
    ({"TaskProfile": "4IN_720p"}, "InvalidTaskProfile"),
    ({"TaskProfile": "16IN_1080P"}, "InvalidTaskProfile"),
    ({"MediaEncode": "720p"}, "InvalidMediaEncode.Malformed"),
    ({"MediaEncode": "-1"}, "InvalidMediaEncode.Malformed"),
    ({"MediaEncode": "20.0"}, "InvalidMediaEncode.Malformed"),
    ({"BackgroundColor": "16777216"}, "InvalidBackgroundColor.Malformed"),
    ({"BackgroundColor": "#ffffff"}, "InvalidBackgroundColor.Malformed"),
    ({"BackgroundColor": "0xff"}, "InvalidBackgroundColor.Malformed"),
    ({"BackgroundColor": "9" * 5000}, "InvalidBackgroundColor.Malformed"),
    ({"LayoutIds.1": "one"}, "InvalidLayoutID.Malformed"),
    ({"LayoutIds.1": "12"}, "InvalidLayoutID.Malformed"),
    ({"LayoutIds.1": "10001"}, "InvalidLayoutID.Malformed"),
    ({"LayoutIds.1": ""}, "InvalidLayoutID.Malformed"),
    ({"LayoutIds.1": None}, "InvalidLayoutID.Malformed"),
    ({"LayoutIds.2": None, "LayoutIds.3": "2"}, "InvalidLayoutID.Malformed"),
    ({"LayoutIds.0": "3"}, "InvalidLayoutID.Malformed"),
    ({"UserPanes.0.PaneId": "-1"}, "InvalidUserPanes"),
    ({"UserPanes.0.PaneId": "16"}, "InvalidUserPanes"),
    ({"UserPanes.0.PaneId": "left"}, "InvalidUserPanes"),
    ({"UserPanes.0.PaneId": None}, "InvalidUserPanes"),
    ({"UserPanes.0.UserId": None}, "InvalidUserPanes"),
    ({"UserPanes.0.UserId": ""}, "InvalidUserPanes"),
    ({"UserPanes.0.SourceType": None}, "InvalidUserPanes"),
    ({"UserPanes.0.SourceType": "screen"}, "InvalidUserPanes"),
    ({"UserPanes.3.PaneId": "3"}, "InvalidUserPanes"),
    ({"StreamURL": "live.example.com/app/stream"}, "InvalidStreamURL"),
    ({"StreamURL": "https://live.example.com/app/stream"}, "InvalidStreamURL"),
    ({"StreamURL": "rtmp://live.example.com"}, "InvalidStreamURL"),
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(c, e, id=",".join(f"{n}={str(v)[:30]}" for n, v in c.items()))
        for c, e in REFUSED
    ],
)
def test_value_refused(endpoint: Endpoint, changes: dict[str, str | None], expected: str) -> None:
    """A value outside the documented ones is refused, and starts nothing."""
    reply = endpoint.handle(signed(pairs(changes)))
    assert (code(reply), reply.status) == (expected, 400)
    assert endpoint.tasks == []


def test_user_panes_start_at_2(endpoint: Endpoint) -> None:
    """UserPanes that start at 2 are refused."""
    moved: dict[str, str | None] = {"UserPanes.2.PaneId": "0", "UserPanes.2.UserId": "u"}
    changes = {**without("UserPanes"), **moved, "UserPanes.2.SourceType": "camera"}
    assert code(endpoint.handle(signed(pairs(changes)))) == "InvalidUserPanes"


ACCEPTED: tuple[Mapping[str, str | None], ...] = (
    *({"TaskProfile": profile} for profile in ("2IN_720P", "1IN_720P", "4IN_360P", "2IN_360P")),
    *({"TaskProfile": profile} for profile in ("1IN_360P", "Mixed_Audio", "1IN_Audio")),
    *({"MediaEncode": encode} for encode in ("0", "1", "10", "30")),
    {"BackgroundColor": "16777215"},
    {"LayoutIds.1": "11"},
    {"LayoutIds.2": None},
    {"UserPanes.1.PaneId": "15"},
    without("UserPanes"),
    {"StreamURL": "rtmp://10.0.0.1:1935/a"},
    {"UserPanes.0.UserId": " +*~%&=/?#'()!中文\N{GRINNING FACE}e\u0301"},
)


@pytest.mark.parametrize(
    "changes", [pytest.param(c, id=",".join(map(str, c.values())) or "plain") for c in ACCEPTED]
)
@pytest.mark.parametrize("signature", SIGNATURES)
def test_value_accepted(
    endpoint: Endpoint,
    warned: list[RTCMPUWarning],
    changes: Mapping[str, str | None],
    signature: Any,
) -> None:
    """Every documented value is accepted, without a warning."""
    assert code(endpoint.handle(signed(pairs(changes), signature=signature))) == "success"
    assert warned == []


# ------------------------------------------------------------------- how a request is put on HTTP


def moved_to_form(request: Request, names: Callable[[str], bool]) -> Request:
    """The same request by POST with some of its parameters in a form body."""
    parts = request.query.split("&")
    form = [part for part in parts if names(part.partition("=")[0])]
    query = [part for part in parts if part not in form]
    return replace(
        request,
        target=f"/?{'&'.join(query)}" if query else "/",
        headers=(*request.headers, ("Content-Type", "application/x-www-form-urlencoded")),
        body="&".join(form).encode(),
    )


@pytest.mark.parametrize(
    ("method", "names"),
    [
        pytest.param("GET", None, id="GET, all in the query"),
        pytest.param("POST", lambda name: False, id="POST, all in the query"),
        pytest.param("POST", lambda name: True, id="POST, all in the form"),
        pytest.param("POST", lambda name: "UserPanes" in name, id="POST, some in the form"),
        pytest.param("POST", lambda name: name == "Signature", id="POST, only Signature in it"),
    ],
)
def test_query_and_form(endpoint: Endpoint, method: Any, names: Any) -> None:
    """Under signature 1.0, query and form are merged, whatever stands where."""
    request = signed(method=method)
    if names is not None:
        everything = Request(method="POST", target=f"/?{request.body.decode()}")
        request = moved_to_form(everything, names)
    assert code(endpoint.handle(request)) == "success"
    assert sorted(endpoint.calls[-1].pairs)[:2] == [
        ("AccessKeyId", "testid"),
        ("Action", "StartMPUTask"),
    ]
    assert {name: dict(endpoint.calls[-1].pairs)[name] for name in PARAMETERS} == PARAMETERS


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_v3_query_and_form(endpoint: Endpoint, method: Any) -> None:
    """Under V3, parameters come in the query or in a form whose hash is signed."""
    assert code(endpoint.handle(signed(signature="v3", method=method))) == "success"
    assert dict(endpoint.calls[-1].pairs).items() >= PARAMETERS.items()


def test_v3_form_changed(endpoint: Endpoint, warned: list[RTCMPUWarning]) -> None:
    """Under V3, a form that was changed after signing does not match."""
    request = signed(signature="v3", method="POST")
    changed = replace(request, body=request.body.replace(b"MediaEncode=20", b"MediaEncode=30"))
    assert code(endpoint.handle(changed)) == "SignatureDoesNotMatch"
    assert len(warned) == 1


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", None])
def test_body_that_is_no_form(endpoint: Endpoint, content_type: str | None) -> None:
    """A body of another kind than a form holds no parameters."""
    request = signed(method="POST")
    headers = () if content_type is None else (("Content-Type", content_type),)
    assert code(endpoint.handle(replace(request, headers=headers))) == "MissingVersion"


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded; charset=utf-8", "Application/X-WWW-Form-URLEncoded"],
)
def test_form_content_type(endpoint: Endpoint, content_type: str) -> None:
    """A form is known by its media type, whatever its letter case and parameters."""
    request = replace(signed(method="POST"), headers=(("content-TYPE", content_type),))
    assert code(endpoint.handle(request)) == "success"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "get", "", "👍"])
@pytest.mark.parametrize("signature", SIGNATURES)
def test_other_methods(endpoint: Endpoint, method: str, signature: Any) -> None:
    """Any method but GET and POST is not supported."""
    reply = endpoint.handle(signed(signature=signature, method=method))
    assert (code(reply), reply.status) == ("UnsupportedHTTPMethod", 400)


@pytest.mark.parametrize("path", ["/api", "//", "/index.html", "/%2F", "*"])
def test_other_paths(endpoint: Endpoint, path: str) -> None:
    """There is no such api under any path but /."""
    request = signed()
    reply = endpoint.handle(replace(request, target=f"{path}?{request.query}"))
    assert (code(reply), reply.status) == ("InvalidApi.NotFound", 404)


JSON, XML = "application/json;charset=utf-8", "text/xml;charset=utf-8"


@pytest.mark.parametrize(
    ("signature", "asked", "expected"),
    [
        ("1.0", "JSON", JSON),
        ("1.0", "json", JSON),
        ("1.0", "Json", JSON),
        ("1.0", "XML", XML),
        ("1.0", "xml", XML),
        ("1.0", None, XML),
        ("v3", None, JSON),
        ("v3", "XML", XML),
        ("v3", "xMl", XML),
        ("v3", "JSON", JSON),
    ],
)
def test_format(endpoint: Endpoint, signature: Any, asked: Any, expected: str) -> None:
    """Format rules success and failure alike: XML when absent (V3: JSON), in any letter case."""
    roots = []
    for changes in ({}, {"MediaEncode": "2"}):
        reply = endpoint.handle(signed(pairs(changes), signature=signature, reply_format=asked))
        assert reply.header("Content-Type") == expected
        assert fields(reply)["RequestId"] == endpoint.calls[-1].request_id
        if expected == XML:
            roots.append(ElementTree.fromstring(reply.body).tag)
    assert roots == (["StartMPUTaskResponse", "Error"] if expected == XML else [])


@pytest.mark.parametrize(("signature", "expected"), [("1.0", XML), ("v3", JSON)])
@pytest.mark.parametrize("asked", ["YAML", "", "JSON ", "\u212a"])
def test_format_unknown(endpoint: Endpoint, signature: Any, asked: str, expected: str) -> None:
    """An unknown Format is answered in the default one."""
    reply = endpoint.handle(signed(signature=signature, reply_format=asked))
    assert code(reply) == "InvalidParameter.Format"
    assert reply.header("Content-Type") == expected


@pytest.mark.parametrize("method", ["HMAC-SHA1", "Hmac-SHA1", "hmac-sha1"])
def test_signature_method_letter_case(endpoint: Endpoint, method: str) -> None:
    """SignatureMethod is known in any letter case: the source's own example writes Hmac-SHA1."""
    assert code(endpoint.handle(signed(signature_method=method))) == "success"


@pytest.mark.parametrize("method", ["HMAC-SHA256", "ACS3-HMAC-SHA256", "HMAC-MD5", "HMAC-SHA1 "])
def test_signature_method_unknown(endpoint: Endpoint, method: str) -> None:
    """Another SignatureMethod is not valid."""
    reply = endpoint.handle(signed(signature_method=method))
    assert code(reply) == "InvalidSignatureMethod"


@pytest.mark.parametrize(
    "name", ["Action", "Version", "Format", "Timestamp", "SignatureNonce", "AccessKeyId"]
)
def test_common_parameter_twice(endpoint: Endpoint, name: str) -> None:
    """Of a common parameter sent twice the first counts."""
    request = signed([*pairs(), (name, "another")])
    assert code(endpoint.handle(request)) == "success"


def test_xml_carries_any_message(endpoint: Endpoint) -> None:
    """An XML reply stays XML whatever was signed: markup and control characters do not break it."""
    request = signed(
        pairs(AppId="<a>&\x00\x08\ufffe]]>"),
        key=Credentials("testid", "wrong"),
        reply_format="XML",
    )
    assert code(endpoint.handle(request)) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("signature", SIGNATURES)
def test_unknown_parameters(
    endpoint: Endpoint, warned: list[RTCMPUWarning], signature: Any
) -> None:
    """Parameters the contract does not name are signed over and otherwise ignored."""
    more = [("RegionId", "cn-hangzhou"), ("SignatureType", ""), ("OwnerId", "1"), ("中", "文")]
    request = signed([*pairs(), *more], signature=signature)
    dropped = replace(request, target=request.target.replace("RegionId=cn-hangzhou", "RegionId="))
    assert dropped != request
    assert code(endpoint.handle(dropped)) == "SignatureDoesNotMatch"
    warned.clear()
    assert code(endpoint.handle(request)) == "success"
    assert dict(endpoint.calls[-1].pairs).items() >= dict(more).items()
    assert warned == []


def test_task_id_alias(endpoint: Endpoint, warned: list[RTCMPUWarning]) -> None:
    """TaskID, as S1's table writes it, is TaskId, as its example does."""
    assert code(endpoint.handle(signed(pairs(TaskId=None, TaskID="task")))) == "success"
    assert code(endpoint.handle(signed(pairs(TaskId="task")))) == "TaskExisted"
    assert [task.task_id for task in endpoint.tasks] == ["task"]
    assert code(endpoint.handle(signed())) == "TaskExisted"
    assert warned == []


@pytest.mark.parametrize("base", [0, 1])
def test_user_panes_base(endpoint: Endpoint, base: int) -> None:
    """UserPanes count from 0, as in S1's example, or from 1, as published clients have it."""
    panes = [
        (f"UserPanes.{index}.{name}", value)
        for index in range(base, base + 12)
        for name, value in (
            ("PaneId", str(index)),
            ("UserId", f"u{index}"),
            ("SourceType", "camera"),
        )
    ]
    request = signed(pairs(without("UserPanes")) + panes)
    assert code(endpoint.handle(request)) == "success"
    assert [pane.pane_id for pane in endpoint.tasks[0].user_panes] == list(range(base, base + 12))


# ------------------------------------------------------------------------- key, time and nonce


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-901, "InvalidTimeStamp.Expired"),
        (-900, "success"),
        (900, "success"),
        (901, "InvalidTimeStamp.Expired"),
    ],
)
def test_timestamp_window(endpoint: Endpoint, signature: Any, seconds: int, expected: str) -> None:
    """A timestamp exactly 15 minutes off passes, either way; one second more does not."""
    request = signed(signature=signature, now=NOW + timedelta(seconds=seconds))
    assert code(endpoint.handle(request)) == expected


@pytest.mark.parametrize(
    "timestamp",
    [
        "2019-05-20T12:00:00",
        "2019-05-20T12:00:00.000Z",
        "2019-05-20T12:00:00+00:00",
        "2019-05-20 12:00:00Z",
        "2019-05-20T12:00Z",
        "2019-13-20T12:00:00Z",
        "2019-02-29T12:00:00Z",
        "2019-05-20T24:00:00Z",
        "0000-05-20T12:00:00Z",
        "２０１９-05-20T12:00:00Z",
        "2019-05-20T12:00:00Z\n",
        "1558353600",
        "Mon, 20 May 2019 12:00:00 GMT",
    ],
)
@pytest.mark.parametrize("signature", SIGNATURES)
def test_timestamp_format(endpoint: Endpoint, timestamp: str, signature: Any) -> None:
    """A timestamp of another form than the documented one is not well formatted."""
    if signature == "v3" and timestamp.endswith("\n"):
        timestamp = timestamp.strip() + "\x00"
    reply = endpoint.handle(signed(signature=signature, timestamp=timestamp))
    assert code(reply) == "InvalidTimeStamp.Format"


@pytest.mark.parametrize("signature", SIGNATURES)
def test_nonce_once(endpoint: Endpoint, signature: Any) -> None:
    """A nonce serves once: the same request sent again is refused, and so is another with it."""
    request = signed(signature=signature, nonce="n")
    assert code(endpoint.handle(request)) == "success"
    assert code(endpoint.handle(request)) == "SignatureNonceUsed"
    other = signed(pairs(TaskId="other"), signature=signature, nonce="n")
    assert code(endpoint.handle(other)) == "SignatureNonceUsed"


@pytest.mark.parametrize(
    ("broken", "used"),
    [
        ({"tamper": lambda signature: signature[::-1]}, False),
        ({"timestamp": "2019-05-20T12:16:00Z"}, False),
        ({"version": "2018-01-12"}, False),
        ({"TaskProfile": "none"}, True),
        ({"AppId": ""}, True),
    ],
    ids=["signature", "timestamp", "version", "value", "required"],
)
def test_nonce_counts_once_verified(endpoint: Endpoint, broken: dict[str, Any], used: bool) -> None:
    """A nonce counts as used once its signature has verified, whatever comes after."""
    envelope = {name: value for name, value in broken.items() if name.islower()}
    parameters = {name: value for name, value in broken.items() if not name.islower()}
    assert code(endpoint.handle(signed(pairs(parameters), nonce="n", **envelope))) != "success"
    expected = "SignatureNonceUsed" if used else "success"
    assert code(endpoint.handle(signed(nonce="n"))) == expected


def test_nonce_per_key(endpoint: Endpoint) -> None:
    """Two access keys may use one nonce."""
    other = Credentials("other", "s")
    endpoint.add_key(other)
    assert code(endpoint.handle(signed(nonce="n"))) == "success"
    assert code(endpoint.handle(signed(pairs(TaskId="b"), nonce="n", key=other))) == "success"


def test_nonce_across_signatures(endpoint: Endpoint) -> None:
    """A nonce is one of a key's, whichever signature it came with."""
    assert code(endpoint.handle(signed(nonce="n"))) == "success"
    assert code(endpoint.handle(signed(nonce="n", signature="v3"))) == "SignatureNonceUsed"


@pytest.mark.parametrize(
    ("minutes", "seconds", "expected"),
    [(15, 0, "SignatureNonceUsed"), (15, 1, "success")],
    ids=["while its timestamp could pass", "once it could not"],
)
@pytest.mark.parametrize("before", [None, 15], ids=["alone", "after one that lay ahead"])
def test_nonce_forgotten(
    endpoint: Endpoint, minutes: int, seconds: int, expected: str, before: int | None
) -> None:
    """A nonce is remembered as long as its timestamp could still pass."""
    if before is not None:
        ahead = NOW + timedelta(minutes=before)
        endpoint.handle(signed(pairs(TaskId="first"), nonce="ahead", now=ahead))
    endpoint.handle(signed(nonce="n"))
    later = NOW + timedelta(minutes=minutes, seconds=seconds)
    endpoint.set_clock(later)
    assert code(endpoint.handle(signed(pairs(TaskId="b"), nonce="n", now=later))) == expected


@pytest.mark.parametrize("secret", ["testsecret", "wrong"])
def test_unknown_key(endpoint: Endpoint, secret: str) -> None:
    """An access key that nobody made is not found, whatever it signs with."""
    reply = endpoint.handle(signed(key=Credentials("TESTID", secret)))
    assert (code(reply), reply.status) == ("InvalidAccessKeyId.NotFound", 404)


def test_keys(endpoint: Endpoint) -> None:
    """Keys can be added and disabled; a disabled one is told so even if its signature is wrong."""
    key = Credentials("k", "s")
    endpoint.add_key(key)
    assert code(endpoint.handle(signed(key=key))) == "success"
    endpoint.add_key(key, active=False)
    assert code(endpoint.handle(signed(key=key))) == "InvalidAccessKeyId.Inactive"
    assert code(endpoint.handle(signed(key=Credentials("k", "x")))) == "InvalidAccessKeyId.Inactive"
    endpoint.add_key(key)
    assert code(endpoint.handle(signed(key=key))) == "TaskExisted"


def test_several_keys_from_the_start() -> None:
    """An endpoint may know several keys, of which the first is its own."""
    keys = [Credentials("a", "1"), Credentials("b", "2")]
    endpoint = Endpoint(iter(keys), now=NOW)
    assert endpoint.credentials is keys[0]
    assert code(endpoint.handle(signed(key=keys[1]))) == "success"


def test_endpoint_needs_a_key() -> None:
    """An endpoint that would know no key, or keep no call, cannot be made."""
    with pytest.raises(ValueError, match="at least one access key"):
        Endpoint([])
    with pytest.raises(ValueError, match="max_calls"):
        Endpoint(max_calls=0)


# -------------------------------------------------------------------------------- task state


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "TaskExisted"),
        ({"AppId": "other"}, "success"),
        ({"TaskId": "other"}, "success"),
        ({"TaskId": "Task"}, "success"),
        ({"ChannelId": "other"}, "TaskExisted"),
        ({"StreamURL": "rtmp://other.example.com/a/b"}, "TaskExisted"),
    ],
    ids=["the same", "other app", "other task", "other letter case", "other channel", "other url"],
)
def test_task_existed(endpoint: Endpoint, changes: dict[str, str | None], expected: str) -> None:
    """A task is known by AppId and TaskId, and by nothing else."""
    assert code(endpoint.handle(signed())) == "success"
    reply = endpoint.handle(signed(pairs(changes)))
    assert (code(reply), reply.status) == (expected, 200)
    assert len(endpoint.tasks) == (1 if expected == "TaskExisted" else 2)
    assert endpoint.tasks[0].channel_id == "channel"


@pytest.mark.parametrize(
    "refused",
    [
        {"StreamURL": ""},
        {"StreamURL": "http://x/y"},
        {"version": "2018-01-12"},
        {"tamper": lambda signature: signature[::-1]},
        {"method": "PUT"},
    ],
    ids=["required", "value", "version", "signature", "method"],
)
def test_refused_request_changes_nothing(endpoint: Endpoint, refused: dict[str, Any]) -> None:
    """A refused request reserves no TaskId."""
    envelope = {name: value for name, value in refused.items() if name.islower()}
    parameters = {name: value for name, value in refused.items() if not name.islower()}
    assert code(endpoint.handle(signed(pairs(parameters), **envelope))) != "success"
    assert endpoint.tasks == []
    assert code(endpoint.handle(signed())) == "success"


def test_failure_asked_for_changes_nothing(endpoint: Endpoint) -> None:
    """A failure that was asked for starts nothing: the task may be started after it."""
    endpoint.fail_next("InternalError")
    assert code(endpoint.handle(signed())) == "InternalError"
    assert endpoint.tasks == []
    assert code(endpoint.handle(signed())) == "success"


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Let threads take turns at every call and return within the endpoint."""

    def take_turns(frame: FrameType, event: str, argument: object) -> None:
        if frame.f_code.co_filename.startswith(endpoint_module.__path__[0]):
            time.sleep(0)

    before = threading.getprofile()
    threading.setprofile(take_turns)
    yield
    threading.setprofile(before)


@pytest.mark.usefixtures("eager_threads")
def test_one_winner(endpoint: Endpoint) -> None:
    """Of 64 simultaneous starts of one task exactly one succeeds, and every call is recorded."""
    for number in range(3):
        requests = [signed(pairs(TaskId=f"task-{number}")) for _ in range(64)]
        barrier = threading.Barrier(len(requests))
        answers: list[str] = []

        def start(request: Request, barrier: Any = barrier, answers: Any = answers) -> None:
            barrier.wait()
            answers.append(code(endpoint.handle(request)))

        threads = [threading.Thread(target=start, args=(request,)) for request in requests]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Counter(answers) == {"success": 1, "TaskExisted": 63}
    assert len(endpoint.tasks) == 3
    assert [call.number for call in endpoint.calls] == list(range(1, 3 * 64 + 1))


@pytest.mark.usefixtures("eager_threads")
def test_one_nonce_wins(endpoint: Endpoint) -> None:
    """Of 64 simultaneous sendings of one request exactly one gets past the nonce."""
    request = signed()
    barrier = threading.Barrier(64)
    answers: list[str] = []

    def send() -> None:
        barrier.wait()
        answers.append(code(endpoint.handle(request)))

    threads = [threading.Thread(target=send) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(answers) == {"success": 1, "SignatureNonceUsed": 63}


# ------------------------------------------------------------------------------ test controls


def test_stop(endpoint: Endpoint) -> None:
    """A stopped task may be started again; it is named by itself or by (AppId, TaskId)."""
    endpoint.handle(signed())
    endpoint.stop(endpoint.tasks[0])
    assert endpoint.tasks == []
    assert code(endpoint.handle(signed())) == "success"
    endpoint.stop(("app", "task"))
    assert endpoint.tasks == []


def test_stop_unknown(endpoint: Endpoint) -> None:
    """Stopping a task that does not run is the test's own mistake, and names those that do."""
    endpoint.handle(signed())
    with pytest.raises(KeyError, match=r"\('app', 'other'\); running: \('app', 'task'\)"):
        endpoint.stop(("app", "other"))


def test_reset() -> None:
    """Reset forgets tasks, calls, nonces, faults, failures, keys, layouts and the clock."""
    endpoint = Endpoint(KEY, now=NOW)
    other = Credentials("k", "s")
    endpoint.handle(signed(nonce="n"))
    endpoint.add_key(other)
    endpoint.register_layout(10001, panes=2)
    endpoint.fail_next("InternalError", times=3)
    endpoint.fail_next(faults.html_502, times=3)
    endpoint.advance_clock(3600)
    endpoint.reset()
    assert (endpoint.tasks, endpoint.calls, endpoint.call_count) == ([], [], 0)
    assert code(endpoint.handle(signed(nonce="n"))) == "success"
    assert code(endpoint.handle(signed(key=other))) == "InvalidAccessKeyId.NotFound"
    layout = signed(pairs({"LayoutIds.1": "10001"}))
    assert code(endpoint.handle(layout)) == "InvalidLayoutID.Malformed"
    assert [call.number for call in endpoint.calls] == [1, 2, 3]


def test_max_calls() -> None:
    """Only the latest calls are kept, and all are counted."""
    endpoint = Endpoint(KEY, now=NOW, max_calls=3)
    for number in range(5):
        endpoint.handle(signed(pairs(TaskId=f"t{number}")))
    assert [call.number for call in endpoint.calls] == [3, 4, 5]
    assert endpoint.call_count == 5
    assert len(endpoint.tasks) == 5


def test_large_calls_push_out_more() -> None:
    """The record of very large calls stays within bounds; the latest call is always kept."""
    endpoint = Endpoint(KEY, now=NOW, max_calls=1000)
    for number in range(3):
        endpoint.handle(Request(method="PUT", target=f"/?{number}", body=bytes(30 * 1024 * 1024)))
    assert [call.number for call in endpoint.calls] == [3]
    assert endpoint.call_count == 3
    endpoint.reset()
    endpoint.handle(signed())
    endpoint.handle(signed())
    assert [call.number for call in endpoint.calls] == [1, 2]


def test_call(endpoint: Endpoint) -> None:
    """``call`` answers as ``handle`` does, and returns the record."""
    call = endpoint.call(signed())
    assert endpoint.calls == [call]
    assert code(call.reply) == "success"


def test_without_explanation(warned: list[RTCMPUWarning]) -> None:
    """Told not to explain, an endpoint refuses a wrong signature without an autopsy."""
    endpoint = Endpoint(KEY, now=NOW, warn=warned.append, explain=False)
    reply = endpoint.handle(signed(key=Credentials("testid", "wrong")))
    assert code(reply) == "SignatureDoesNotMatch"
    assert "server string to sign is:GET" in fields(reply)["Message"]
    assert endpoint.calls[0].autopsy is None
    assert warned == []


def test_secret_sent_along_is_not_echoed(endpoint: Endpoint) -> None:
    """A client that sends its secret as a parameter does not get it back in the Message."""
    request = signed([*pairs(), ("AccessKeySecret", "testsecret")], tamper=lambda text: text[::-1])
    message = fields(endpoint.handle(request))["Message"]
    assert "AccessKeySecret" in message
    assert "testsecret" not in message


def test_lists_are_copies(endpoint: Endpoint) -> None:
    """What calls and tasks return is the caller's own."""
    endpoint.handle(signed())
    endpoint.calls.clear()
    endpoint.tasks.clear()
    assert (len(endpoint.calls), len(endpoint.tasks)) == (1, 1)


def test_register_layout(endpoint: Endpoint) -> None:
    """A user-defined layout is accepted once it is registered."""
    parameters = pairs({"LayoutIds.2": "10001"})
    assert code(endpoint.handle(signed(parameters))) == "InvalidLayoutID.Malformed"
    endpoint.register_layout(10001, panes=4)
    assert code(endpoint.handle(signed(parameters))) == "success"
    assert endpoint.tasks[0].layout_ids == (1, 10001)
    assert endpoint.calls[-1].task == endpoint.tasks[0]


@pytest.mark.parametrize(("layout_id", "panes"), [(10000, 1), (12, 1), (1, 1), (10001, 0)])
def test_register_layout_reserved(endpoint: Endpoint, layout_id: int, panes: int) -> None:
    """A reserved id, or a layout without panes, cannot be registered."""
    with pytest.raises(ValueError, match="layout"):
        endpoint.register_layout(layout_id, panes=panes)


def test_clock(endpoint: Endpoint) -> None:
    """The clock stands where it is set, moves on when told to, and may be a function."""
    noon = datetime(2020, 1, 1, 20, 0, 0, tzinfo=timezone(timedelta(hours=8)))
    endpoint.set_clock(noon)
    endpoint.advance_clock(timedelta(minutes=1))
    endpoint.advance_clock(-30)
    later = datetime(2020, 1, 1, 12, 0, 30, tzinfo=UTC)
    assert code(endpoint.handle(signed(now=later + timedelta(minutes=15)))) == "success"
    assert endpoint.calls[-1].received == later
    ticks = (NOW + timedelta(hours=n) for n in count())
    endpoint.set_clock(lambda: next(ticks))
    endpoint.handle(signed())
    endpoint.handle(signed())
    assert [call.received for call in endpoint.calls[1:]] == [NOW, NOW + timedelta(hours=1)]


def test_clock_naive(endpoint: Endpoint) -> None:
    """A moment without a time zone is refused as a clock."""
    with pytest.raises(ValueError, match="time zone"):
        endpoint.set_clock(datetime(2020, 1, 1))


def test_clock_function_naive(endpoint: Endpoint) -> None:
    """A clock function without a time zone is named as what is wrong."""
    endpoint.set_clock(lambda: datetime(2020, 1, 1))
    with pytest.raises(ValueError, match="time zone"):
        endpoint.handle(signed())


def test_clock_real() -> None:
    """Without a clock the endpoint takes the real time, and so does the client."""
    endpoint = Endpoint(KEY, now=NOW)
    endpoint.set_clock(None)
    assert code(endpoint.handle(Client(KEY).prepare("StartMPUTask", pairs()))) == "success"


def test_clock_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools that freeze datetime.now freeze client and endpoint alike."""

    class Frozen(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return NOW.astimezone(tz)

    monkeypatch.setattr("pytest_rtcmpu.endpoint.state.datetime", Frozen)
    monkeypatch.setattr("pytest_rtcmpu.client.datetime", Frozen)
    endpoint = Endpoint(KEY)
    assert code(endpoint.handle(Client(KEY).prepare("StartMPUTask", pairs()))) == "success"
    assert endpoint.calls[0].received == NOW


def test_fail_next_times(endpoint: Endpoint) -> None:
    """Failures are used up one by one, in the order in which they were asked for."""
    endpoint.fail_next("InternalError", times=2)
    endpoint.fail_next("Throttling.User")
    answers = [code(endpoint.handle(signed())) for _ in range(4)]
    assert answers == ["InternalError", "InternalError", "Throttling.User", "success"]


def test_fail_next_waits_for_a_valid_request(endpoint: Endpoint) -> None:
    """A failure waits for a request that passes every check."""
    endpoint.fail_next("InternalError")
    assert code(endpoint.handle(signed(pairs(MediaEncode="2")))) == "InvalidMediaEncode.Malformed"
    assert code(endpoint.handle(signed())) == "InternalError"


@pytest.mark.parametrize(
    ("failure", "http_status", "message"),
    [
        ("Throttling.User", 400, "Request was denied due to user flow control."),
        ("Throttling.Api", 400, "Request was denied due to api flow control."),
        (
            "ServiceUnavailable",
            503,
            "The request has failed due to a temporary failure of the server.",
        ),
        ("TaskExisted", 200, "Task is already existed."),
    ],
)
def test_fail_next_documented(
    endpoint: Endpoint, failure: str, http_status: int, message: str
) -> None:
    """A documented failure is answered with its own HTTP status and Message."""
    endpoint.fail_next(failure)
    reply = endpoint.handle(signed())
    assert (code(reply), reply.status, fields(reply)["Message"]) == (failure, http_status, message)


@pytest.mark.parametrize(
    ("http_status", "expected"), [(None, 400), (400, 400), (200, 200)], ids=["first", "400", "200"]
)
def test_fail_next_two_statuses(endpoint: Endpoint, http_status: int | None, expected: int) -> None:
    """A Code that is documented with two HTTP statuses comes with the one asked for."""
    endpoint.fail_next("Request.ExistApp", http_status=http_status)
    client = Client(KEY, now=lambda: NOW)
    with mocked(endpoint), pytest.raises(errors.ServiceError) as caught:
        client.call("StartMPUTask", pairs())
    assert caught.value.http_status == expected
    assert caught.value.error_ids == ({400: "0x0207011B", 200: "0x02071008"}[expected],)


def test_fail_next_undocumented(endpoint: Endpoint) -> None:
    """A Code that nobody documents may be asked for, with an HTTP status and a Message."""
    endpoint.fail_next("Brand.New", http_status=418, message="teapot")
    client = Client(KEY, now=lambda: NOW)
    with mocked(endpoint), pytest.raises(errors.UndocumentedError) as caught:
        client.call("StartMPUTask", pairs())
    error = caught.value
    assert (error.code, error.http_status, error.message) == ("Brand.New", 418, "teapot")


@pytest.mark.parametrize("name", ["delay", "slow_bytes", "status", "body"])
def test_fail_next_fault_without_its_argument(endpoint: Endpoint, name: str) -> None:
    """A fault that needs an argument and was given none is named when it is asked for."""
    with pytest.raises(TypeError, match=rf"faults\.{name} needs its argument: faults\.{name}\(…\)"):
        endpoint.fail_next(getattr(faults, name))


def test_fail_next_unknown(endpoint: Endpoint) -> None:
    """A Code that nobody documents, without an HTTP status, is a slip: near ones are named."""
    with pytest.raises(ContractError, match="did you mean InternalError"):
        endpoint.fail_next("InternalErorr")
    assert code(endpoint.handle(signed())) == "success"


@pytest.mark.parametrize("times", [0, -1, 1.5, True, "2", None])
@pytest.mark.parametrize("failure", ["InternalError", faults.html_502])
def test_fail_next_no_number_of_times(endpoint: Endpoint, failure: Any, times: Any) -> None:
    """Only a whole number, 1 or more, says how often; what is none changes nothing."""
    with pytest.raises(ValueError, match=rf"times: expected an int, 1 or more, got {times!r}"):
        endpoint.fail_next(failure, times=times)
    assert code(endpoint.handle(signed())) == "success"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda e: e.fail_next("InternalError", handled=False), "handled: .* a Code, got False"),
        (lambda e: e.fail_next(faults.timeout, http_status=500), "http_status: .* a fault, got 5"),
        (lambda e: e.fail_next(faults.timeout, message="m"), "message: .* a fault, got 'm'"),
        (lambda e: e.answer_next(faults.timeout), "code: expected a Code, got faults.timeout"),
        (lambda e: e.answer_next("InternalError", message=5), "message: expected a text, got 5"),
        (lambda e: e.answer_next("InternalError", fault="timeout"), "fault: .* got 'timeout'"),
        (lambda e: e.answer_next("InternalError", fault=faults.delay), r"faults.delay\(…\)"),
        (lambda e: e.spoil_next("InternalError"), "fault: .* got 'InternalError'"),
        (lambda e: e.spoil_next(TimeoutError), "fault: .* got <class 'TimeoutError'>"),
        (lambda e: e.spoil_next(faults.timeout, handled=1), "handled: .* or None, got 1"),
    ],
)
def test_an_argument_that_does_not_apply_is_named(
    endpoint: Endpoint, ask: Callable[[Endpoint], None], message: str
) -> None:
    """A Code takes no argument of a fault's, a fault none of a Code's."""
    with pytest.raises(TypeError, match=message):
        ask(endpoint)
    assert code(endpoint.handle(signed())) == "success"


@pytest.mark.parametrize("http_status", [True, 199, 1000, "500", 500.0])
def test_a_status_is_one_of_http(endpoint: Endpoint, http_status: Any) -> None:
    """What cannot stand in a status line is refused when it is asked for."""
    with pytest.raises(ValueError, match=rf"http_status: .* 200…999, got {http_status!r}"):
        endpoint.answer_next("Brand.New", http_status=http_status)


@given(st.lists(st.sampled_from(["InternalError", "Throttling.User", "html_502", "empty_body"])))
@example(["InternalError", "html_502"])
def test_what_is_asked_for_comes_in_the_order_asked(wanted: list[str]) -> None:
    """Codes and faults wait in one queue: each call takes one of them."""
    endpoint = Endpoint(KEY, now=NOW)
    for name in wanted:
        endpoint.fail_next(faults.PLAIN.get(name, name))
    for number in range(len(wanted) + 1):
        endpoint.handle(signed(pairs(TaskId=f"task-{number}")))
    assert [(call.code, call.fault) for call in endpoint.calls] == [
        *((None, f"faults.{name}") if name in faults.PLAIN else (name, None) for name in wanted),
        (None, None),
    ]


def test_a_fault_waits_for_the_code_asked_before_it(endpoint: Endpoint) -> None:
    """A call that breaks a rule uses up neither the Code nor the fault behind it."""
    endpoint.fail_next("InternalError")
    endpoint.fail_next(faults.html_502)
    assert code(endpoint.handle(signed(pairs(MediaEncode="2")))) == "InvalidMediaEncode.Malformed"
    assert code(endpoint.handle(signed())) == "InternalError"
    assert endpoint.handle(signed()).status == 502


def test_a_fault_leaves_the_code_asked_after_it_alone(endpoint: Endpoint) -> None:
    """A spoilt call that was handled starts its task: the Code is for the one after it."""
    endpoint.fail_next(faults.truncated_json)
    endpoint.fail_next("InternalError")
    endpoint.handle(signed())
    assert len(endpoint.tasks) == 1
    assert code(endpoint.handle(signed())) == "InternalError"


def test_an_answer_asked_for_may_be_spoilt(endpoint: Endpoint) -> None:
    """A Code's fault spoils its answer alone, and not the error of a call that breaks a rule."""
    endpoint.answer_next("InternalError", times=2, fault=faults.status(418))
    broken = endpoint.handle(signed(pairs(MediaEncode="2")))
    replies = [endpoint.handle(signed()) for _ in range(3)]
    assert broken.status == 400
    assert [(code(reply), reply.status) for reply in replies] == [
        ("InternalError", 418),
        ("InternalError", 418),
        ("success", 200),
    ]
    assert len(endpoint.tasks) == 1


def test_fail_next_nonsense(endpoint: Endpoint) -> None:
    """What is neither a Code nor a fault is refused at once."""
    with pytest.raises(TypeError, match="a Code or a fault"):
        endpoint.fail_next(500)  # type: ignore[arg-type]


def test_fail_next_with_a_fault(endpoint: Endpoint) -> None:
    """A fault spoils the next reply, whatever it says; what never got there starts nothing."""
    endpoint.fail_next(faults.html_502, times=2)
    assert endpoint.handle(signed()).status == 502
    assert endpoint.tasks == []
    assert endpoint.handle(signed(pairs(MediaEncode="2"))).status == 502
    assert code(endpoint.handle(signed())) == "success"
    first, second, third = endpoint.calls
    assert (first.code, second.code) == (None, "InvalidMediaEncode.Malformed")
    assert first.fault == second.fault == "faults.html_502"
    assert third.fault is None


def test_what_never_got_there_uses_no_nonce_up(endpoint: Endpoint) -> None:
    """The same request, sent again after a fault that came before the service, is accepted."""
    endpoint.fail_next(faults.connection_reset)
    request = signed()
    endpoint.handle(request)
    assert code(endpoint.handle(request)) == "success"


@pytest.mark.parametrize(
    ("fault", "handled", "started"),
    [
        (faults.timeout, None, 0),
        (faults.timeout, True, 1),
        (faults.truncated_json, None, 1),
        (faults.truncated_json, False, 0),
        (faults.delay(0) | faults.timeout, None, 0),
        (lambda reply: reply, None, 1),
    ],
)
def test_a_fault_comes_before_or_after_the_task_was_started(
    endpoint: Endpoint, fault: Any, handled: bool | None, started: int
) -> None:
    """Which of the two goes by what arrives of the reply, unless it is said."""
    endpoint.fail_next(fault, handled=handled)
    endpoint.handle(signed())
    assert len(endpoint.tasks) == started


def test_fail_next_answers_before_it_is_asked_whether_the_task_exists(endpoint: Endpoint) -> None:
    """A Code asked for answers a repeated start too."""
    endpoint.handle(signed())
    endpoint.fail_next("InternalError")
    assert code(endpoint.handle(signed())) == "InternalError"
    assert code(endpoint.handle(signed())) == "TaskExisted"


def test_a_reply_tells_what_it_says(endpoint: Endpoint) -> None:
    """The recorded reply has its RequestId, Code and text at hand."""
    endpoint.handle(signed())
    endpoint.handle(signed())
    first, second = (call.reply for call in endpoint.calls)
    assert (first.code, second.code) == (None, "TaskExisted")
    assert first.http_status == 200
    assert first.json() == {"RequestId": first.request_id}
    assert second.request_id in second.text


@pytest.mark.parametrize("wrong", [TimeoutError, 5, None])
def test_fail_next_refuses_what_is_no_failure(endpoint: Endpoint, wrong: Any) -> None:
    """An exception class is neither a Code nor a fault."""
    with pytest.raises(TypeError, match="expected a Code or a fault"):
        endpoint.fail_next(wrong)


def test_an_unknown_code_says_what_to_do(endpoint: Endpoint) -> None:
    """The message tells a fault's name from a Code, and how to ask for any Code."""
    with pytest.raises(ContractError, match=r"give faults\.timeout"):
        endpoint.fail_next("timeout")
    with pytest.raises(ContractError, match="give http_status"):
        endpoint.fail_next("Nobody.Knows")


def test_fail_next_with_a_function(endpoint: Endpoint) -> None:
    """Any function from reply to reply is a fault."""
    endpoint.fail_next(lambda reply: replace(reply, status=299))
    assert endpoint.handle(signed()).status == 299


# --------------------------------------------------------------------------- what is recorded


@pytest.mark.parametrize("signature", SIGNATURES)
def test_call_recorded(endpoint: Endpoint, signature: Any) -> None:
    """A call is recorded with its pairs, task, signature and reply."""
    request = signed(signature=signature)
    reply = endpoint.handle(request)
    [call] = endpoint.calls
    assert call.request is request
    assert call.reply is reply
    assert call.signature == signature
    assert call.action == "StartMPUTask"
    assert call.received == NOW
    assert [pair for pair in call.pairs if pair[0] in PARAMETERS] == pairs()
    assert call.task == endpoint.tasks[0]
    assert (call.code, call.http_status, call.clause, call.problems) == (None, 200, None, ())
    assert call.request_id == fields(reply)["RequestId"]


def test_every_problem_recorded(endpoint: Endpoint) -> None:
    """A refused call is recorded with everything that is wrong, not only the first."""
    changes: dict[str, str | None] = {
        "ChannelId": None,
        "TaskProfile": "x",
        "MediaEncode": "2",
        "BackgroundColor": "-1",
        "LayoutIds.2": "12",
        "UserPanes.1.PaneId": "16",
        "StreamURL": "http://x/y",
    }
    endpoint.handle(signed(pairs(changes)))
    [call] = endpoint.calls
    assert [(p.path, p.clause.id) for p in call.problems] == [
        ("ChannelId", "channel-id.required"),
        ("TaskProfile", "task-profile.enum"),
        ("MediaEncode", "media-encode.enum"),
        ("BackgroundColor", "background-color.range"),
        ("LayoutIds.2", "layout-ids.known"),
        ("UserPanes.1.PaneId", "user-panes.pane-id.range"),
        ("StreamURL", "stream-url.rtmp"),
    ]
    assert call.clause is call.problems[0].clause
    assert call.task is None


def test_repeated_parameter_recorded(endpoint: Endpoint, warned: list[RTCMPUWarning]) -> None:
    """Of a parameter sent twice the first counts; both are recorded, and the task is known."""
    endpoint.handle(signed([*pairs(), ("TaskProfile", "1IN_720P"), ("LayoutIds.1", "5")]))
    [call] = endpoint.calls
    assert call.code is None
    assert [value for name, value in call.pairs if name == "TaskProfile"] == [
        "4IN_720P",
        "1IN_720P",
    ]
    assert call.task is not None
    assert call.task == endpoint.tasks[0]
    assert (call.task.task_profile, call.task.layout_ids) == ("4IN_720P", (1, 2))
    assert len(warned) == 2


SILENCES: dict[str, tuple[dict[str, str | None], Pairs, str]] = {
    "rtmps": ({"StreamURL": "rtmps://live.example.com/a/b"}, [], "silence.rtmps"),
    "repeated PaneId": ({"UserPanes.1.PaneId": "0"}, [], "silence.repeated-pane-id"),
    "TaskId twice": ({}, [("TaskID", "other")], "silence.task-id-twice"),
    "leading plus": ({"MediaEncode": "+20"}, [], "silence.integer-form"),
    "leading zero": ({"BackgroundColor": "007"}, [], "silence.integer-form"),
    "spaces": ({"LayoutIds.1": " 1"}, [], "silence.integer-form"),
    "other digits": ({"UserPanes.0.PaneId": "\u0660"}, [], "silence.integer-form"),
    "minus zero": ({"BackgroundColor": "-0"}, [], "silence.integer-form"),
    "repeated": ({}, [("AppId", "again")], "silence.repeated-parameter"),
    "repeated item": ({}, [("UserPanes.0.UserId", "x")], "silence.repeated-parameter"),
    "bare list": ({}, [("LayoutIds", "1")], "silence.bare-list"),
    "bare struct": ({}, [("UserPanes.0", "x")], "silence.bare-list"),
    "list index": ({}, [("LayoutIds.01", "1")], "silence.list-index"),
}


@pytest.mark.parametrize("name", SILENCES)
def test_silences_warn(endpoint: Endpoint, warned: list[RTCMPUWarning], name: str) -> None:
    """What the sources are silent on is accepted, recorded, and warned of."""
    changes, more, silence = SILENCES[name]
    assert code(endpoint.handle(signed(pairs(changes) + more))) == "success"
    assert [note.silence.id for note in endpoint.calls[-1].warnings] == [silence]
    [warning] = warned
    assert isinstance(warning, SilenceWarning)
    assert silence in str(warning)
    assert endpoint.calls[-1].task == endpoint.tasks[0]


COMBINATIONS: dict[str, tuple[dict[str, str | None], str]] = {
    "resolution": ({"MediaEncode": "30"}, "silence.resolution-above-profile"),
    "layout": ({"LayoutIds.2": "7"}, "silence.layout-above-profile"),
    "pane counts": (
        {"LayoutIds.1": "2", "LayoutIds.2": "3"},
        "silence.equal-pane-counts",
    ),
    "pane": ({"UserPanes.1.PaneId": "2"}, "silence.pane-outside-layouts"),
    "audio profile": (
        {"TaskProfile": "Mixed_Audio"},
        "silence.audio-video-mix",
    ),
    "audio encode": ({"MediaEncode": "0"}, "silence.audio-video-mix"),
}


@pytest.mark.parametrize("name", COMBINATIONS)
def test_combinations_do_not_warn(
    endpoint: Endpoint, warned: list[RTCMPUWarning], name: str
) -> None:
    """Combinations that only a later edition rules on are recorded, and give no warning."""
    changes, silence = COMBINATIONS[name]
    assert code(endpoint.handle(signed(pairs(changes)))) == "success"
    assert [note.silence.id for note in endpoint.calls[-1].warnings] == [silence]
    assert warned == []


def test_request_ids(endpoint: Endpoint) -> None:
    """Every reply carries a RequestId of a documented form, a new one each time."""
    requests = [signed(), signed(), signed(pairs(MediaEncode="2")), signed(method="PUT")]
    ids = [fields(endpoint.handle(request))["RequestId"] for request in requests * 10]
    assert len(set(ids)) == 40
    assert all(re.fullmatch("[0-9a-f]{32}", request_id) for request_id in ids)


def test_request_id_of_ones_own() -> None:
    """RequestIds may be made by the test."""
    numbers = count(1)
    endpoint = Endpoint(KEY, now=NOW, request_id=lambda: f"{next(numbers):032x}")
    assert fields(endpoint.handle(signed()))["RequestId"] == "0" * 31 + "1"


# ---------------------------------------------------------------------- warnings and secrets


def test_warnings_are_python_warnings() -> None:
    """Unless told otherwise, an endpoint warns by Python's own warnings."""
    endpoint = Endpoint(KEY, now=NOW)
    with pytest.warns(SilenceWarning, match=r"silence\.rtmps"):
        endpoint.handle(signed(pairs(StreamURL="rtmps://live.example.com/a/b")))
    with pytest.warns(SignatureWarning, match="does not verify"):
        endpoint.handle(signed(key=Credentials("testid", "wrong")))


def test_warnings_as_errors() -> None:
    """Where warnings are errors the call has been answered and recorded before one is raised."""
    endpoint = Endpoint(KEY, now=NOW)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SilenceWarning):
            endpoint.handle(signed(pairs(StreamURL="rtmps://live.example.com/a/b")))
        with pytest.raises(SignatureWarning):
            endpoint.handle(signed(key=Credentials("testid", "wrong")))
        for changes, _ in COMBINATIONS.values():
            endpoint.handle(signed(pairs({**changes, "TaskId": str(changes)})))
    assert [call.code for call in endpoint.calls[:2]] == [None, "SignatureDoesNotMatch"]
    assert len(endpoint.tasks) == 1 + len(COMBINATIONS)


CAUSES: dict[str, tuple[str, Callable[[Request], Request]]] = {
    "wrong method": (
        "method",
        lambda request: replace(request, method="POST"),
    ),
    "changed parameter": (
        "parameter-changed",
        lambda r: replace(r, target=r.target.replace("MediaEncode=20", "MediaEncode=30")),
    ),
}


@pytest.mark.parametrize("name", CAUSES)
def test_signature_warning_names_the_cause(
    endpoint: Endpoint, warned: list[RTCMPUWarning], name: str
) -> None:
    """The warning and the recorded call say why a signature does not verify."""
    cause, change = CAUSES[name]
    endpoint.handle(change(signed()))
    [warning] = warned
    assert isinstance(warning, SignatureWarning)
    autopsy = endpoint.calls[-1].autopsy
    assert autopsy is not None
    assert cause in autopsy.causes[0].id
    assert f"Cause: {autopsy.causes[0]}" in str(warning)


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_signature_of_another_known_key(
    endpoint: Endpoint, warned: list[RTCMPUWarning], signature: Any, method: str
) -> None:
    """The warning says whose secret was used, when it is that of another known key."""
    endpoint.add_key(Credentials("other", "another secret"))
    key = Credentials("testid", "another secret")
    endpoint.handle(signed(key=key, signature=signature, method=method))
    assert "wrong secret: the client signed with the AccessKeySecret of 'other'" in str(warned[0])


def test_no_secret_is_shown() -> None:
    """Neither secret nor token stands in the repr of calls, requests, replies, or in warnings."""
    warned: list[RTCMPUWarning] = []
    key = Credentials("testid", "very-secret-indeed", "tokenly/token+==")
    endpoint = Endpoint(key, now=NOW, warn=warned.append)
    for signature in SIGNATURES:
        for method in ("GET", "POST"):
            request = signed(key=key, signature=signature, method=method)
            endpoint.handle(request)
            endpoint.handle(
                signed(
                    [*pairs(), ("AppId", "x")],
                    key=key,
                    signature=signature,
                    method=method,
                    tamper=lambda text: text[::-1],
                )
            )
    assert {call.code for call in endpoint.calls} >= {None, "SignatureDoesNotMatch"}
    shown = [repr(endpoint), repr(endpoint.credentials), *map(str, warned)]
    for call in endpoint.calls:
        shown += [repr(call), repr(call.request), repr(call.reply), repr(call.task)]
        shown += [str(note) for note in call.warnings]
        if call.autopsy is not None:
            shown += [call.autopsy.explain()]
    assert len(warned) == 4
    for text in shown:
        assert "very-secret-indeed" not in text
        assert "tokenly" not in text


# ------------------------------------------------------------------------------ any bytes at all

DOCUMENTED_STATUS = {200, 400, 404}


def answered(request: Request) -> str:
    """Handle a request; hold the reply against what every reply must be, and return its Code."""
    endpoint = Endpoint(KEY, now=NOW, warn=lambda warning: None)
    reply = endpoint.handle(request)
    assert reply.status in DOCUMENTED_STATUS
    got = fields(reply)
    assert re.fullmatch("[0-9a-f]{32}", got["RequestId"])
    [call] = endpoint.calls
    assert repr(call)
    assert call.task is None or call.task.to_wire()
    if "Code" not in got:
        assert got.keys() == {"RequestId"}
        assert len(endpoint.tasks) == 1
        return "success"
    assert got.keys() == {"RequestId", "HostId", "Code", "Message"}
    assert endpoint.tasks == []
    row = endpoint.contract.error(got["Code"], reply.status)
    assert got["Message"].startswith(row.message)
    return got["Code"]


LAW = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
raw = st.binary(max_size=60).map(lambda data: data.decode("latin-1"))
anything = st.one_of(raw, st.text(max_size=40))
names = st.sampled_from(
    [
        *("authorization", "host", "content-type", "x-acs-action", "x-acs-version"),
        *("x-acs-date", "x-acs-content-sha256", "x-acs-signature-nonce"),
    ]
)


@LAW
@example("GET", "", [], b"")
@example("GET", "/?" + "\x00" * 100, [("authorization", "ACS3-\x00")], b"\xff")
@example("POST", "/?%ff=%fe&%", [("content-type", "application/x-www-form-urlencoded")], b"\xff%f")
@given(
    st.one_of(st.sampled_from(["GET", "POST"]), anything),
    anything,
    st.lists(st.tuples(st.one_of(names, anything), anything), max_size=6),
    st.binary(max_size=80),
)
def test_any_request_is_answered(method: str, target: str, headers: Pairs, body: bytes) -> None:
    """Whatever comes is answered with a documented error, and nothing is ever raised."""
    request = Request(method=method, target=target, headers=tuple(headers), body=body)
    assert answered(request) != "success"


@LAW
@given(
    st.sampled_from(SIGNATURES),
    st.sampled_from(["GET", "POST"]),
    st.data(),
)
def test_any_damage_is_answered(signature: str, method: str, data: st.DataObject) -> None:
    """A signed request that was damaged anywhere is answered with a documented reply."""
    request = signed(signature=signature, method=method, nonce="n")
    part = data.draw(st.sampled_from(["target", "body", "header"]))
    if part == "header":
        at = data.draw(st.integers(0, len(request.headers) - 1))
        damage = data.draw(st.one_of(st.none(), anything))
        name = request.headers[at][0]
        middle = () if damage is None else ((name, damage),)
        headers = (*request.headers[:at], *middle, *request.headers[at + 1 :])
        damaged = replace(request, headers=headers)
    else:
        text = request.target if part == "target" else request.body.decode("latin-1")
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 10)))
        text = text[:start] + data.draw(anything) + text[end:]
        damaged = (
            replace(request, target=text)
            if part == "target"
            else replace(request, body=text.encode("utf-8"))
        )
    answered(damaged)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
parameter_names = st.one_of(
    st.sampled_from([*PARAMETERS, "TaskID", "LayoutIds", "UserPanes", "UserPanes.0"]),
    st.builds("LayoutIds.{}".format, st.integers(-1, 3)),
    st.builds(
        "UserPanes.{}.{}".format,
        st.integers(-1, 3),
        st.sampled_from(["PaneId", "UserId", "SourceType", "Other", ""]),
    ),
    texts,
)


@LAW
@example("1.0", [("LayoutIds.1", "9" * 5000)])
@example("1.0", [("UserPanes.9999999999", "x")])
@example("v3", [("StreamURL", "rtmp://[::1")])
@given(
    st.sampled_from(SIGNATURES),
    st.lists(
        st.tuples(parameter_names, st.one_of(texts, st.sampled_from(list(PARAMETERS.values())))),
        max_size=8,
    ),
)
def test_any_parameters_are_answered(signature: str, more: Pairs) -> None:
    """Whatever parameters are signed, before the valid ones, they are answered as documented."""
    answered(signed([*more, *pairs()], signature=signature))


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("secret", ["testsecret", "wrong"])
def test_ten_thousand_parameters(signature: Any, secret: str) -> None:
    """Ten thousand parameters more are no obstacle, nor is a wrong signature over them."""
    more = [(f"More.{number}", "x" * 20) for number in range(10_000)]
    request = signed(pairs() + more, signature=signature, key=Credentials("testid", secret))
    expected = "success" if secret == "testsecret" else "SignatureDoesNotMatch"
    assert answered(request) == expected


def test_autopsy_gives_up(endpoint: Endpoint) -> None:
    """Over very many parameters the search for the cause is given up, and says so."""
    more = [(f"More.{number}", "x") for number in range(2000)]
    endpoint.handle(signed(pairs() + more, key=Credentials("testid", "wrong")))
    autopsy = endpoint.calls[-1].autopsy
    assert autopsy is not None
    assert "too many parameters to try every usual mistake" in str(autopsy.causes[0])


def test_ten_thousand_items() -> None:
    """A list of ten thousand items is judged item by item."""
    more = [(f"LayoutIds.{number}", "1") for number in range(3, 10_000)]
    assert answered(signed(pairs() + more)) == "success"
    assert answered(signed([*pairs(), *more, ("LayoutIds.10000", "x")])) == (
        "InvalidLayoutID.Malformed"
    )
