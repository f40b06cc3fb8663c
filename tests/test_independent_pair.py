"""The independent client and endpoint agree with the documentation and with each other."""

from __future__ import annotations

import hashlib
import itertools
import time
from typing import Any

import pytest
from independent.client import ClientError, Credentials, IndependentClient, start
from independent.endpoint import IndependentEndpoint, serve

CREDENTIALS = {
    "access_key_id": "testid",
    "access_key_secret": "testsecret",
    "security_token": None,
}
TRICKY = " +*~%&=/?#'()!中文🎉e\u0301é"


def task(**changes: Any) -> dict[str, Any]:
    """Return a task that holds what is easily lost, with changes."""
    return {
        "AppId": "app-1",
        "ChannelId": "channel-1",
        "TaskId": "task-1",
        "TaskProfile": "4IN_720P",
        "MediaEncode": 0,
        "BackgroundColor": 0,
        "LayoutIds": [11, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1],
        "UserPanes": [
            {"PaneId": 0, "UserId": TRICKY, "SourceType": "camera"},
            {"PaneId": 15, "UserId": "u2", "SourceType": "shareScreen"},
        ],
        "StreamURL": "rtmp://push.example.com/live/s?auth_key=1-0-0-a%2Bb+c/" + TRICKY,
    } | changes


WAYS = [
    pytest.param(signature, method, form, reply_format, id=f"{signature}-{name}-{reply_format}")
    for (signature, (name, method, form), reply_format) in itertools.product(
        ("1.0", "v3"),
        (("get", "GET", False), ("post-query", "POST", False), ("post-form", "POST", True)),
        ("JSON", "XML", None),
    )
]


@pytest.mark.parametrize("user_panes_from", [0, 1])
@pytest.mark.parametrize(("signature", "method", "form", "reply_format"), WAYS)
def test_pair_agrees(
    signature: Any, method: Any, form: bool, reply_format: str | None, user_panes_from: Any
) -> None:
    """Over every signature, method and format a task starts, and exists when started again."""
    client = IndependentClient(
        signature=signature,
        method=method,
        form=form,
        reply_format=reply_format,
        user_panes_from=user_panes_from,
    )
    endpoint = IndependentEndpoint()
    credentials = CREDENTIALS | {"security_token": "token+/="}
    with serve(endpoint) as url:
        request_id = client.start(task(), endpoint=url, credentials=credentials, timeout=5)
        assert len(request_id) == 32
        with pytest.raises(ClientError) as caught:
            client.start(task(), endpoint=url, credentials=credentials, timeout=5)
    assert caught.value.code == "TaskExisted"
    assert caught.value.http_status == 200
    first = dict(endpoint.received[0].pairs)
    assert first["StreamURL"] == task()["StreamURL"]
    assert first[f"UserPanes.{user_panes_from}.UserId"] == TRICKY


def test_rpc_vector() -> None:
    """The published vector of signature 1.0 holds in both halves."""
    pairs = [
        ("Timestamp", "2016-02-23T12:46:24Z"),
        ("Format", "XML"),
        ("AccessKeyId", "testid"),
        ("Action", "DescribeRegions"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"),
        ("Version", "2014-05-26"),
        ("SignatureVersion", "1.0"),
    ]
    published = "OLeaidS1JvxuMvnyHOwuJ+uX5qY="
    endpoint = IndependentEndpoint()
    text = endpoint.rpc_string_to_sign("GET", [*pairs, ("Signature", "ignored")])
    assert IndependentClient().sign("GET", pairs, "testsecret") == published
    assert endpoint.rpc_signature(text, "testsecret") == published


@pytest.mark.parametrize(
    ("date", "nonce", "published"),
    [
        (
            "2023-10-26T10:22:32Z",
            "3156853299f313e23d1673dc12e1703d",
            "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
        ),
        (
            "2023-10-26T09:01:01Z",
            "d410180a5abf7fe235dd9b74aca91fc0",
            "e521358f7776c97df52e6b2891a8bc73026794a071b50c3323388c4e0df64804",
        ),
    ],
)
def test_v3_vectors(date: str, nonce: str, published: str) -> None:
    """The published vectors of V3 hold in both halves."""
    query = "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"
    empty = hashlib.sha256(b"").hexdigest()
    headers = [
        ("x-acs-version", "2014-05-26"),
        ("Host", "ecs.cn-shanghai.aliyuncs.com"),
        ("x-acs-action", "RunInstances"),
        ("x-acs-date", date),
        ("x-acs-signature-nonce", nonce),
        ("x-acs-content-sha256", empty),
    ]
    client, endpoint = IndependentClient(), IndependentEndpoint()
    request = client.v3_canonical_request("POST", endpoint.parse_pairs(query), headers, empty)
    assert client.v3_sign(request, "YourAccessKeySecret") == published

    names = ";".join(sorted(name.lower() for name, _ in headers))
    authorization = (
        f"ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders={names},Signature={published}"
    )
    incoming = endpoint.read(
        "POST", f"/?{query}", [*headers, ("Authorization", authorization)], b""
    )
    assert endpoint.v3_covers(incoming)
    text = endpoint.v3_string_to_sign(incoming)
    assert endpoint.v3_signature(text, "YourAccessKeySecret") == published


def test_credentials_as_object() -> None:
    """Credentials are read from an object as from a dict, and the module's start is the client."""
    credentials = Credentials(access_key_id="testid", access_key_secret="testsecret")
    with serve(IndependentEndpoint()) as url:
        assert start(task(UserPanes=[]), endpoint=url, credentials=credentials, timeout=5)


def test_server_starts_and_stops_quickly() -> None:
    """Starting and stopping a server takes well under a tenth of a second each time."""
    began = time.monotonic()
    for _ in range(5):
        with serve(IndependentEndpoint()):
            pass
    assert time.monotonic() - began < 0.5
