"""The published SDKs, unmodified and in process, with no setting beyond the fixture.

alibabacloud_rtc20180111 (V3, and HMAC-SHA1 when told signature_algorithm="v2") and
aliyun-python-sdk-rtc, which brings its own copy of requests. Neither knows TaskProfile, so it is
added the way each SDK has for further parameters.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from pytest_rtcmpu import Credentials, Endpoint, faults
from pytest_rtcmpu.errors import SignatureWarning

# alibabacloud_tea_openapi 0.4 calls datetime.utcnow(), which Python 3.12 deprecates; raised as an
# error it is caught by the SDK, which then reports a failed call that was never made.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:datetime\.datetime\.utcnow\(\) is deprecated:DeprecationWarning"
)

STREAM_URL = "rtmp://live.example.com/app/stream?auth_key=1700000000-0-0-abc"
ODD = " +*~%&=/?#'()!中文\N{GRINNING FACE}e\u0301%2B;,:@$[]\"<>|\\^`{}"

TASK: dict[str, Any] = {
    "app_id": "app",
    "channel_id": "channel",
    "task_id": "task",
    "media_encode": 20,
    "background_color": 0,
    "layout_ids": [1, 2],
    "user_id": "teacher",
    "stream_url": STREAM_URL,
}


class Failure(NamedTuple):
    """A failure as an SDK tells of it."""

    kind: str
    code: str | None
    http_status: int | None
    message: str


Start = Callable[..., Any]


def new_client(**config: Any) -> Any:
    """A client of alibabacloud_rtc20180111."""
    from alibabacloud_rtc20180111.client import Client
    from alibabacloud_tea_openapi.models import Config

    keys = {"access_key_id": "testid", "access_key_secret": "testsecret"}
    given = {**({} if "credential" in config else keys), "region_id": "cn-hangzhou", **config}
    return Client(Config(**given))


def new_call(**changes: Any) -> tuple[Any, Any]:
    """The request and the runtime options of a call by alibabacloud_rtc20180111."""
    from alibabacloud_rtc20180111 import models
    from darabonba.runtime import ExtendsParameters, RuntimeOptions

    task = TASK | changes
    pane = models.StartMPUTaskRequestUserPanes(
        pane_id=0, user_id=task.pop("user_id"), source_type="camera"
    )
    request = models.StartMPUTaskRequest(user_panes=[pane], **task)
    more = ExtendsParameters(queries={"TaskProfile": "4IN_720P"})
    return request, RuntimeOptions(extends_parameters=more)


def new_start(*, config: dict[str, Any] | None = None, **changes: Any) -> Any:
    """Start a task with alibabacloud_rtc20180111, V3."""
    return new_client(**(config or {})).start_mputask_with_options(*new_call(**changes))


def new_start_1_0(*, config: dict[str, Any] | None = None, **changes: Any) -> Any:
    """Start a task with alibabacloud_rtc20180111, HMAC-SHA1."""
    return new_start(config={"signature_algorithm": "v2", **(config or {})}, **changes)


def old_start(
    *, scheme: str | None = None, config: dict[str, Any] | None = None, **changes: Any
) -> Any:
    """Start a task with aliyun-python-sdk-rtc."""
    from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
    from aliyunsdkcore.client import AcsClient
    from aliyunsdkrtc.request.v20180111.StartMPUTaskRequest import StartMPUTaskRequest

    key = {"access_key_id": "testid", "access_key_secret": "testsecret", **(config or {})}
    credential = (
        StsTokenCredential(*key.values())
        if "security_token" in key
        else AccessKeyCredential(*key.values())
    )
    task = TASK | changes
    request = StartMPUTaskRequest()
    request.set_AppId(task["app_id"])
    request.set_ChannelId(task["channel_id"])
    request.set_TaskId(task["task_id"])
    request.set_MediaEncode(task["media_encode"])
    request.set_BackgroundColor(task["background_color"])
    request.set_LayoutIdss(task["layout_ids"])
    pane = {"PaneId": 0, "UserId": task["user_id"], "SourceType": "camera"}
    request.set_UserPaness([pane])
    request.set_StreamURL(task["stream_url"])
    request.add_query_param("TaskProfile", "4IN_720P")
    if scheme is not None:
        request.set_protocol_type(scheme)
    client = AcsClient(region_id="cn-hangzhou", credential=credential)
    return json.loads(client.do_action_with_exception(request))


def old_start_https(**given: Any) -> Any:
    """Start a task with aliyun-python-sdk-rtc, by https."""
    return old_start(scheme="https", **given)


def request_id(result: Any) -> str:
    """The RequestId of what an SDK returned."""
    return str(result["RequestId"] if isinstance(result, dict) else result.body.request_id)


def failure(start: Start, **given: Any) -> Failure:
    """The failure of a call, which must fail."""
    from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
    from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException
    from darabonba.exceptions import UnretryableException

    try:
        result = start(**given)
    except AlibabaCloudException as error:
        data = error.data or {}
        return Failure(
            type(error).__name__, error.code, error.status_code, str(data.get("Message"))
        )
    except UnretryableException as error:
        return Failure("UnretryableException", None, None, str(error))
    except ServerException as error:
        return Failure(
            "ServerException",
            error.get_error_code(),
            error.get_http_status(),
            str(error.get_error_msg()),
        )
    except ClientException as error:
        return Failure("ClientException", error.get_error_code(), None, str(error.get_error_msg()))
    raise AssertionError(f"expected a failure, got {result!r}")


ALL = [new_start, new_start_1_0, old_start, old_start_https]
NEW = ALL[:2]
OLD = ALL[2:]
every_client = pytest.mark.parametrize("start", ALL)


# ----------------------------------------------------------------------------------- success


@every_client
def test_start(rtcmpu_endpoint: Endpoint, start: Start) -> None:
    """A published client starts a task, with its default host and no setting beyond the fixture."""
    result = start()
    [call] = rtcmpu_endpoint.calls
    assert request_id(result) == call.request_id
    assert call.signature == ("v3" if start is new_start else "1.0")
    assert (call.code, call.problems, call.warnings) == (None, (), ())
    [task] = rtcmpu_endpoint.tasks
    assert (task.app_id, task.channel_id, task.task_id) == ("app", "channel", "task")
    assert (task.task_profile, task.media_encode, task.layout_ids) == ("4IN_720P", 20, (1, 2))
    assert task.stream_url == STREAM_URL
    assert task.user_panes[0].user_id == "teacher"


@every_client
def test_on_the_wire(rtcmpu_endpoint: Endpoint, start: Start) -> None:
    """Published clients send POST, no body, and count UserPanes from 1."""
    start()
    [call] = rtcmpu_endpoint.calls
    assert (call.request.method, call.request.body) == ("POST", b"")
    assert {"UserPanes.1.UserId", "LayoutIds.1", "TaskId"} <= {name for name, _ in call.pairs}


@every_client
@pytest.mark.parametrize("parameter", ["user_id", "stream_url"])
def test_odd_characters(rtcmpu_endpoint: Endpoint, start: Start, parameter: str) -> None:
    """Characters that have to be encoded arrive as they were given, and the signature verifies."""
    value = ODD if parameter == "user_id" else f"{STREAM_URL}{ODD}"
    start(**{parameter: value})
    sent = dict(rtcmpu_endpoint.calls[0].pairs)
    assert sent["UserPanes.1.UserId" if parameter == "user_id" else "StreamURL"] == value


@pytest.mark.parametrize("protocol", ["http", "https"])
def test_new_client_by_either_scheme(rtcmpu_endpoint: Endpoint, protocol: str) -> None:
    """The newer client is answered by http as by https."""
    assert request_id(new_start(config={"protocol": protocol}))


def test_old_client_by_get(rtcmpu_endpoint: Endpoint) -> None:
    """The older client may be told to send GET."""
    from aliyunsdkcore.acs_exception.exceptions import ServerException
    from aliyunsdkcore.client import AcsClient
    from aliyunsdkrtc.request.v20180111.StartMPUTaskRequest import StartMPUTaskRequest

    request = StartMPUTaskRequest()
    request.set_method("GET")
    with pytest.raises(ServerException, match="MissingAppId"):
        AcsClient("testid", "testsecret", "cn-hangzhou").do_action_with_exception(request)
    assert rtcmpu_endpoint.calls[0].request.method == "GET"


def test_old_client_by_xml(rtcmpu_endpoint: Endpoint) -> None:
    """The older client may be told to take XML, and is answered in it."""
    from aliyunsdkcore.client import AcsClient
    from aliyunsdkcore.request import CommonRequest

    request = CommonRequest(domain="rtc.aliyuncs.com", version="2018-01-11")
    request.set_action_name("StartMPUTask")
    request.set_accept_format("XML")
    client = AcsClient("testid", "testsecret", "cn-hangzhou")
    status, _, body, _ = client._implementation_of_do_action(request)
    assert status == 400
    assert b"<Error>" in body
    assert b"<Code>MissingAppId</Code>" in body
    assert rtcmpu_endpoint.calls[0].reply.header("content-type") == "text/xml;charset=utf-8"


@every_client
def test_mocked_again(rtcmpu_mock: Callable[..., Any], start: Start) -> None:
    """One process may mock the endpoint again and again; each call reaches the latest."""
    for _ in range(3):
        with rtcmpu_mock() as endpoint:
            start()
            assert endpoint.call_count == 1


# --------------------------------------------------------------------------------- credentials


@every_client
def test_security_token(rtcmpu_endpoint: Endpoint, start: Start) -> None:
    """Temporary keys are sent with their token, and are known like others."""
    start(config={"security_token": "token+/="})
    [call] = rtcmpu_endpoint.calls
    token = (
        call.request.header("x-acs-security-token")
        if call.signature == "v3"
        else dict(call.pairs)["SecurityToken"]
    )
    assert token == "token+/="


@pytest.mark.parametrize("start", NEW)
def test_default_credential_chain(
    rtcmpu_endpoint: Endpoint, start: Start, rtcmpu_credentials: Credentials
) -> None:
    """The newer client's default credential chain finds the test keys."""
    from alibabacloud_credentials.client import Client as DefaultChain

    start(config={"credential": DefaultChain()})
    [call] = rtcmpu_endpoint.calls
    assert call.code is None
    assert rtcmpu_credentials.access_key_id in (call.request.header("authorization") or "") or (
        dict(call.pairs)["AccessKeyId"] == rtcmpu_credentials.access_key_id
    )


def test_default_credential_chain_of_temporary_keys(rtcmpu_mock: Callable[..., Any]) -> None:
    """The default chain finds a security token where the test credentials have one."""
    from alibabacloud_credentials.client import Client as DefaultChain

    with rtcmpu_mock(credentials=Credentials("sts", "s", "token")) as endpoint:
        new_start(config={"credential": DefaultChain()})
    assert endpoint.calls[0].request.header("x-acs-security-token") == "token"
    with rtcmpu_mock() as endpoint:
        new_start(config={"credential": DefaultChain()})
    assert endpoint.calls[0].request.header("x-acs-security-token") is None


def test_real_keys_are_not_used(
    monkeypatch: pytest.MonkeyPatch, rtcmpu_mock: Callable[..., Any]
) -> None:
    """Keys that stand in the environment are not sent, and stand there again afterwards."""
    from alibabacloud_credentials.client import Client as DefaultChain
    from alibabacloud_credentials.utils import auth_util

    monkeypatch.setattr(auth_util, "environment_access_key_id", "real")
    for name in ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"):
        monkeypatch.setenv(name, "real")
    monkeypatch.setenv("ALIYUN_ACCESS_KEY_ID", "real")
    monkeypatch.setenv("ALIYUN_ACCESS_KEY_SECRET", "real")
    with rtcmpu_mock() as endpoint:
        new_start(config={"credential": DefaultChain()})
        old_start(task_id="other")
    assert [call.code for call in endpoint.calls] == [None, None]
    assert "real" not in "".join(value for call in endpoint.calls for _, value in call.pairs)
    assert os.environ["ALIYUN_ACCESS_KEY_ID"] == "real"
    assert auth_util.environment_access_key_id == "real"


WRONG = {"access_key_id": "testid", "access_key_secret": "wrong"}


@pytest.mark.parametrize("start", NEW)
def test_wrong_secret_with_the_new_client(rtcmpu_endpoint: Endpoint, start: Start) -> None:
    """A wrong secret is told by the newer client as the gateway tells it, and is warned of."""
    with pytest.warns(SignatureWarning, match="wrong secret"):
        told = failure(start, config=WRONG)
    assert told[:3] == ("ClientException", "SignatureDoesNotMatch", 400)
    assert "server string to sign is:" in told.message


@pytest.mark.parametrize("start", OLD)
def test_wrong_secret_with_the_old_client(rtcmpu_endpoint: Endpoint, start: Start) -> None:
    """The older client compares the strings to sign: where they are equal, the secret is wrong."""
    with pytest.warns(SignatureWarning, match="wrong secret"):
        told = failure(start, config=WRONG)
    assert told[:3] == ("ServerException", "InvalidAccessKeySecret", 400)
    assert rtcmpu_endpoint.calls[0].code == "SignatureDoesNotMatch"


@every_client
def test_unknown_key(rtcmpu_endpoint: Endpoint, start: Start) -> None:
    """A key that does not exist is not found."""
    told = failure(start, config={"access_key_id": "nobody", "access_key_secret": "s"})
    assert told[1:3] == ("InvalidAccessKeyId.NotFound", 404)


def test_warning_as_error_in_the_new_client(rtcmpu_endpoint: Endpoint) -> None:
    """Where warnings are errors, the newer client wraps the autopsy into an error of its own."""
    told = failure(new_start, config=WRONG)
    assert told.kind == "UnretryableException"
    assert "does not verify" in told.message


def test_warning_as_error_in_the_old_client(rtcmpu_endpoint: Endpoint) -> None:
    """Where warnings are errors, the older client lets the autopsy through."""
    with pytest.raises(SignatureWarning, match="does not verify"):
        old_start(config=WRONG)


# ------------------------------------------------------------------------------------- errors

ERRORS = [
    (
        "InvalidLayoutID.Malformed",
        400,
        "The specified layoutID is malformed.",
        {"layout_ids": [99]},
    ),
    (
        "InvalidMediaEncode.Malformed",
        400,
        "The specifed MediaEncode is malformed.",
        {"media_encode": 2},
    ),
    (
        "InvalidBackgroundColor.Malformed",
        400,
        "The specifed BackgroundColoris malformed.",
        {"background_color": -1},
    ),
    (
        "InvalidStreamURL",
        400,
        "Specified parameter StreamURL is not valid.",
        {"stream_url": "http://x/y"},
    ),
]
ON_DEMAND = [
    (
        "InternalError",
        500,
        "The request processing has failed due to some unknown error, exception or failure.",
    ),
    ("Throttling.User", 400, "Request was denied due to user flow control."),
    ("Throttling.Api", 400, "Request was denied due to api flow control."),
    (
        "ServiceUnavailable",
        503,
        "The request has failed due to a temporary failure of the server.",
    ),
    ("Request.NoApp", 404, "app"),
]


@every_client
@pytest.mark.parametrize(
    ("code", "http_status", "message", "changes"), ERRORS, ids=[row[0] for row in ERRORS]
)
def test_invalid_value(
    rtcmpu_endpoint: Endpoint,
    start: Start,
    code: str,
    http_status: int,
    message: str,
    changes: dict[str, Any],
) -> None:
    """An invalid value is told by each client with the documented Code, status and Message."""
    kind = "ClientException" if start in NEW else "ServerException"
    assert failure(start, **changes) == (kind, code, http_status, message)


@every_client
@pytest.mark.parametrize(
    ("code", "http_status", "message"), ON_DEMAND, ids=[row[0] for row in ON_DEMAND]
)
def test_failure_on_demand(
    rtcmpu_endpoint: Endpoint, start: Start, code: str, http_status: int, message: str
) -> None:
    """A failure that was asked for is told by each client as documented, without a retry."""
    rtcmpu_endpoint.fail_next(code, http_status=http_status, message=message)
    told = failure(start)
    assert told[1:] == (code, http_status, message)
    assert told.kind == (
        "ClientException" if start in NEW and http_status < 500 else "ServerException"
    )
    assert rtcmpu_endpoint.call_count == 1


@every_client
def test_task_existed_passes_as_success(rtcmpu_endpoint: Endpoint, start: Start) -> None:
    """TaskExisted comes in HTTP 200, and both published clients return it as a success.

    This is why the kit exists: an app has to look at the Code itself, and the newer client's model
    has lost it by then.
    """
    start()
    result = start()
    assert rtcmpu_endpoint.calls[1].code == "TaskExisted"
    assert request_id(result) == rtcmpu_endpoint.calls[1].request_id
    if start in NEW:
        assert result.status_code == 200
        assert result.body.to_map() == {"RequestId": rtcmpu_endpoint.calls[1].request_id}
    else:
        assert result["Code"] == "TaskExisted"


# ------------------------------------------------------------------------------------- faults


@every_client
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("timeout", "Read timed out"),
        ("connection_reset", "Connection reset by peer"),
        ("reset_amid_reply", "Connection reset by peer"),
        ("garbage", "BadStatusLine"),
    ],
)
def test_lost_reply(rtcmpu_endpoint: Endpoint, start: Start, name: str, expected: str) -> None:
    """A lost reply is a transport error in each client, whatever class of it was lost."""
    rtcmpu_endpoint.fail_next(faults.PLAIN[name])
    told = failure(start)
    assert told[:2] == (
        ("UnretryableException", None) if start in NEW else ("ClientException", "SDK.HttpError")
    )
    assert expected in told.message
    assert rtcmpu_endpoint.call_count == 1


@every_client
def test_half_a_body(rtcmpu_endpoint: Endpoint, start: Start) -> None:
    """The newer client notices that a body ends too soon; the older's urllib3 1.26 hands it on."""
    rtcmpu_endpoint.fail_next(faults.truncated_body)
    if start in NEW:
        told = failure(start)
        assert told.kind == "UnretryableException"
        assert "IncompleteRead" in told.message
    else:
        with pytest.raises(json.JSONDecodeError, match="Unterminated string"):
            start()


@pytest.mark.parametrize("start", NEW)
@pytest.mark.parametrize("name", ["html_502", "truncated_json", "empty_body", "trailing_comma"])
def test_unreadable_reply_in_the_new_client(
    rtcmpu_endpoint: Endpoint, start: Start, name: str
) -> None:
    """What is no JSON cannot be parsed, says the newer client, and its status is lost."""
    rtcmpu_endpoint.fail_next(faults.PLAIN[name])
    told = failure(start)
    assert told.kind == "UnretryableException"
    assert "Failed to parse the value as json format" in told.message


@pytest.mark.parametrize("start", OLD)
def test_html_in_the_old_client(rtcmpu_endpoint: Endpoint, start: Start) -> None:
    """An HTML page with an HTTP error is an unknown server error to the older client."""
    rtcmpu_endpoint.fail_next(faults.html_502)
    assert failure(start)[:3] == ("ServerException", "SDK.UnknownServerError", 502)


@pytest.mark.parametrize("name", ["truncated_json", "empty_body", "trailing_comma"])
def test_unreadable_success_in_the_old_client(rtcmpu_endpoint: Endpoint, name: str) -> None:
    """With HTTP 200 the older client returns whatever bytes came; parsing them fails outside."""
    rtcmpu_endpoint.fail_next(faults.PLAIN[name])
    with pytest.raises(json.JSONDecodeError):
        old_start()


# ---------------------------------------------------------------------------- other ways and hosts


def test_async_client_is_answered(rtcmpu_endpoint: Endpoint) -> None:
    """The newer client's asynchronous calls, by aiohttp, reach the mock too."""
    reply = asyncio.run(new_client().start_mputask_with_options_async(*new_call()))
    assert reply.body.request_id == rtcmpu_endpoint.calls[0].request_id


@pytest.mark.parametrize("start", NEW)
def test_other_networks_of_the_new_client(rtcmpu_endpoint: Endpoint, start: Start) -> None:
    """The service's host in another network is answered as well."""
    start(config={"network": "vpc"})
    assert rtcmpu_endpoint.calls[0].request.header("host") == "rtc-vpc.aliyuncs.com"


def test_other_hosts_of_the_old_client(rtcmpu_endpoint: Endpoint) -> None:
    """Another host than the endpoint's is blocked for the older client, and says so."""
    from aliyunsdkcore.client import AcsClient
    from aliyunsdkcore.request import CommonRequest

    def start() -> Any:
        request = CommonRequest(domain="ecs.aliyuncs.com", version="1", action_name="A")
        return AcsClient("testid", "testsecret", "cn-hangzhou").do_action_with_exception(request)

    told = failure(start)
    assert told.code == "SDK.HttpError"
    assert "ecs.aliyuncs.com is blocked" in told.message
