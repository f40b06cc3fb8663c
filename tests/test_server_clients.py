"""Real clients over the socket: the published SDKs, Node, httpx, aiohttp, curl."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pytest_rtcmpu import Client, Credentials, faults, wire
from pytest_rtcmpu.errors import SignatureWarning
from pytest_rtcmpu.mock.served import ServedEndpoint

# alibabacloud_tea_openapi 0.4 calls datetime.utcnow(), which Python 3.12 deprecates.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:datetime\.datetime\.utcnow\(\) is deprecated:DeprecationWarning"
)

PATIENCE = 30
#: What is easily encoded wrongly, once more than enough or not at all.
ODD = " +*~%&=/?#'()!中文\N{GRINNING FACE}%2B;,:@$[]\"<>|\\^`{}"
PARAMS: dict[str, Any] = {
    "AppId": "app",
    "ChannelId": "channel",
    "TaskId": ODD,
    "TaskProfile": "4IN_720P",
    "MediaEncode": 20,
    "BackgroundColor": 0,
    "LayoutIds": [1, 2],
    "UserPanes": [{"PaneId": 0, "UserId": "teacher", "SourceType": "camera"}],
    "StreamURL": "rtmp://live.example.com/app/stream?auth_key=1700000000-0-0-abc",
}

#: A start: URL and key in, RequestId out; it raises what its client raises.
Start = Callable[[str, Credentials], str]


def pairs() -> list[tuple[str, str]]:
    """The parameters as pairs, counted from 1."""
    found = []
    for name, value in PARAMS.items():
        if not isinstance(value, list):
            found.append((name, str(value)))
            continue
        for number, item in enumerate(value, 1):
            fields = item.items() if isinstance(item, dict) else [("", item)]
            found += [(f"{name}.{number}.{part}".rstrip("."), str(v)) for part, v in fields]
    return found


def new_sdk_call(url: str, key: Credentials, **config: Any) -> tuple[Any, Any, Any]:
    """Client, request and options of alibabacloud_rtc20180111."""
    from alibabacloud_rtc20180111 import models
    from alibabacloud_rtc20180111.client import Client as NewClient
    from alibabacloud_tea_openapi.models import Config
    from darabonba.runtime import ExtendsParameters, RuntimeOptions

    parts = urlsplit(url)
    client = NewClient(
        Config(
            access_key_id=key.access_key_id,
            access_key_secret=key.access_key_secret,
            endpoint=parts.netloc,
            protocol=parts.scheme,
            **config,
        )
    )
    request = models.StartMPUTaskRequest(
        app_id=PARAMS["AppId"],
        channel_id=PARAMS["ChannelId"],
        task_id=PARAMS["TaskId"],
        media_encode=PARAMS["MediaEncode"],
        background_color=PARAMS["BackgroundColor"],
        layout_ids=PARAMS["LayoutIds"],
        user_panes=[
            models.StartMPUTaskRequestUserPanes(pane_id=0, user_id="teacher", source_type="camera")
        ],
        stream_url=PARAMS["StreamURL"],
    )
    more = ExtendsParameters(queries={"TaskProfile": PARAMS["TaskProfile"]})
    return client, request, RuntimeOptions(extends_parameters=more)


def new_sdk(url: str, key: Credentials, **config: Any) -> str:
    """alibabacloud_rtc20180111, by requests."""
    client, request, options = new_sdk_call(url, key, **config)
    return str(client.start_mputask_with_options(request, options).body.request_id)


def new_sdk_async(url: str, key: Credentials, **config: Any) -> str:
    """alibabacloud_rtc20180111, by aiohttp."""
    client, request, options = new_sdk_call(url, key, **config)
    reply = asyncio.run(client.start_mputask_with_options_async(request, options))
    return str(reply.body.request_id)


def old_sdk(url: str, key: Credentials) -> str:
    """aliyun-python-sdk-rtc."""
    from aliyunsdkcore.auth.credentials import AccessKeyCredential
    from aliyunsdkcore.client import AcsClient
    from aliyunsdkrtc.request.v20180111.StartMPUTaskRequest import StartMPUTaskRequest

    parts = urlsplit(url)
    client = AcsClient(
        region_id="cn-hangzhou",
        credential=AccessKeyCredential(key.access_key_id, key.access_key_secret),
        port=parts.port,
    )
    request = StartMPUTaskRequest()
    request.set_endpoint(parts.hostname)
    request.set_protocol_type(parts.scheme)
    request.set_AppId(PARAMS["AppId"])
    request.set_ChannelId(PARAMS["ChannelId"])
    request.set_TaskId(PARAMS["TaskId"])
    request.set_MediaEncode(PARAMS["MediaEncode"])
    request.set_BackgroundColor(PARAMS["BackgroundColor"])
    request.set_LayoutIdss(PARAMS["LayoutIds"])
    request.set_UserPaness(PARAMS["UserPanes"])
    request.set_StreamURL(PARAMS["StreamURL"])
    request.add_query_param("TaskProfile", PARAMS["TaskProfile"])
    return str(json.loads(client.do_action_with_exception(request))["RequestId"])


class NotStarted(Exception):
    """What a client that speaks HTTP and nothing else got in place of a RequestId."""


def request_id(body: str | bytes) -> str:
    """The RequestId of a success."""
    fields = json.loads(body)
    if "Code" in fields:
        raise NotStarted(fields["Code"])
    return str(fields["RequestId"])


def httpx_get(url: str, key: Credentials) -> str:
    """httpx, a signed URL."""
    import httpx

    target = Client(key, url).prepare("StartMPUTask", pairs()).target
    return request_id(httpx.get(url + target, timeout=PATIENCE).content)


def httpx_async_v3(url: str, key: Credentials) -> str:
    """Asynchronous httpx, POST, signature V3."""
    import httpx

    signed = Client(key, url, signature="v3", method="POST").prepare("StartMPUTask", pairs())

    async def call() -> bytes:
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            reply = await client.request(
                signed.method, url + signed.target, headers=signed.headers, content=signed.body
            )
            return reply.content

    return request_id(asyncio.run(call()))


def aiohttp_post(url: str, key: Credentials) -> str:
    """aiohttp, a form."""
    import aiohttp

    signed = Client(key, url, method="POST").prepare("StartMPUTask", pairs())

    async def call() -> bytes:
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=signed.body, headers=signed.headers) as reply,
        ):
            return await reply.read()

    return request_id(asyncio.run(call()))


def curl(*arguments: str) -> str:
    """Run curl and return the RequestId."""
    path = shutil.which("curl")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("curl is needed to test the server with it")
        pytest.skip("curl is not installed")
    command = [path, "-sS", "--max-time", str(PATIENCE), "--noproxy", "*", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise NotStarted(done.stderr.decode())
    return request_id(done.stdout)


def curl_get(url: str, key: Credentials) -> str:
    """curl, a signed URL."""
    return curl(url + Client(key, url).prepare("StartMPUTask", pairs()).target)


def curl_form(url: str, key: Credentials) -> str:
    """curl, which encodes each parameter itself."""
    signed = Client(key, url, method="POST").prepare("StartMPUTask", pairs())
    decoded = wire.parse_pairs(signed.body)
    fields = [part for pair in decoded for part in ("--data-urlencode", "=".join(pair))]
    return curl(*fields, f"{url}/")


PYTHON_CLIENTS: dict[str, tuple[Start, str, str]] = {
    "new SDK": (new_sdk, "v3", "POST"),
    "new SDK, HMAC-SHA1": (lambda *a: new_sdk(*a, signature_algorithm="v2"), "1.0", "POST"),
    "new SDK, aiohttp": (new_sdk_async, "v3", "POST"),
    "new SDK, aiohttp, HMAC-SHA1": (
        lambda *a: new_sdk_async(*a, signature_algorithm="v2"),
        "1.0",
        "POST",
    ),
    "old SDK": (old_sdk, "1.0", "POST"),
    "httpx": (httpx_get, "1.0", "GET"),
    "httpx, asynchronous": (httpx_async_v3, "v3", "POST"),
    "aiohttp": (aiohttp_post, "1.0", "POST"),
    "curl": (curl_get, "1.0", "GET"),
    "curl, form": (curl_form, "1.0", "POST"),
}
every_client = pytest.mark.parametrize(
    ("start", "signature", "method"), PYTHON_CLIENTS.values(), ids=PYTHON_CLIENTS.keys()
)


@every_client
def test_a_client_starts_a_task(
    rtcmpu_server: ServedEndpoint,
    rtcmpu_credentials: Credentials,
    start: Start,
    signature: str,
    method: str,
) -> None:
    """Its signature verifies, every parameter arrives as it was, and it gets the RequestId."""
    assert start(rtcmpu_server.url, rtcmpu_credentials) == rtcmpu_server.calls[0].request_id
    [call] = rtcmpu_server.calls
    assert (call.signature, call.request.method) == (signature, method)
    [task] = rtcmpu_server.tasks
    assert task.task_id == ODD
    assert task.stream_url == PARAMS["StreamURL"]
    assert [pane.user_id for pane in task.user_panes] == ["teacher"]


@every_client
def test_a_client_with_a_wrong_key(
    rtcmpu_server: ServedEndpoint, start: Start, signature: str, method: str
) -> None:
    """A wrong secret is refused, whoever signs with it, and the server says why."""
    with pytest.raises(Exception, match=r"SignatureDoesNotMatch|InvalidAccessKeySecret"):
        start(rtcmpu_server.url, Credentials("testid", "wrong"))
    [warning] = rtcmpu_server.take_warnings()
    assert isinstance(warning, SignatureWarning)
    assert f"Signature {signature} by AccessKeyId 'testid' does not verify" in str(warning)
    assert rtcmpu_server.calls[0].code == "SignatureDoesNotMatch"
    assert rtcmpu_server.tasks == []


@every_client
@pytest.mark.parametrize(
    "fault", [faults.connection_reset, faults.truncated_body, faults.garbage], ids=repr
)
def test_a_client_meets_a_fault(
    rtcmpu_server: ServedEndpoint,
    rtcmpu_credentials: Credentials,
    start: Start,
    signature: str,
    method: str,
    fault: faults.Fault,
) -> None:
    """A reply that is spoilt on the wire is a failure to every client, and the next is well."""
    rtcmpu_server.fail_next(fault)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each client has its own
        start(rtcmpu_server.url, rtcmpu_credentials)
    assert not isinstance(caught.value, AssertionError)
    assert rtcmpu_server.calls[0].fault == repr(fault)
    rtcmpu_server.reset()
    assert start(rtcmpu_server.url, rtcmpu_credentials)


# -------------------------------------------------------------------------------------------- Node

SCRIPT = """
const { RPCClient } = require('@alicloud/pop-core');
const [endpoint, method, secret, params] = process.argv.slice(2);
const client = new RPCClient({
  endpoint, apiVersion: '2018-01-11', accessKeyId: 'testid', accessKeySecret: secret,
});
client.request('StartMPUTask', JSON.parse(params), { method, timeout: 30000 })
  .then((reply) => ({ reply }), (error) => ({ name: error.name, code: error.code }))
  .then((told) => { console.log(JSON.stringify(told)); process.exit(0); });
"""


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_node(
    rtcmpu_server: ServedEndpoint,
    rtcmpu_credentials: Credentials,
    node_testee: Path,
    method: str,
) -> None:
    """@alicloud/pop-core starts a task by GET and POST, and throws what the server refuses."""
    script = node_testee.with_name("once.js")
    script.write_text(SCRIPT)

    def start(secret: str = rtcmpu_credentials.access_key_secret) -> Any:
        command = ["node", str(script), rtcmpu_server.url, method, secret, json.dumps(PARAMS)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        return json.loads(done.stdout)

    assert start() == {"reply": {"RequestId": rtcmpu_server.calls[0].request_id}}
    assert rtcmpu_server.tasks[0].task_id == ODD
    assert rtcmpu_server.calls[0].request.method == method
    assert start()["code"] == "TaskExisted"
    assert start("wrong")["code"] == "SignatureDoesNotMatch"
    assert len(rtcmpu_server.take_warnings()) == 1
    rtcmpu_server.fail_next(faults.connection_reset)
    assert start()["code"] == "ECONNRESET"
    assert rtcmpu_server.call_count == 4
