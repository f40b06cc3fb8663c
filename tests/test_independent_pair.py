"""The independent client and endpoint agree with the documentation and with each other."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from functools import cache, partial
from itertools import product
from typing import Any

import pytest
from independent.client import ClientError, Credentials, IndependentClient, start
from independent.endpoint import IndependentEndpoint, serve
from independent.facts import (
    CREDENTIALS,
    TASKS,
    TRICKY,
    Fact,
    Prober,
    client_facts,
    endpoint_facts,
    endpoint_winners,
    pane,
    patience_facts,
    task,
)
from independent.zoo_clients import FAULTY_CLIENTS, LEGAL_CLIENTS, ZooClient
from independent.zoo_endpoints import FAULTY_ENDPOINTS, LEGAL_ENDPOINTS, ZooEndpoint

WAYS = [
    pytest.param(signature, method, form, reply_format, id=f"{signature}-{name}-{reply_format}")
    for (signature, (name, method, form), reply_format) in product(
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
    rich = TASKS[1]
    with serve(endpoint) as url:
        request_id = client.start(rich, endpoint=url, credentials=CREDENTIALS, timeout=5)
        assert len(request_id) == 32
        with pytest.raises(ClientError) as caught:
            client.start(rich, endpoint=url, credentials=CREDENTIALS, timeout=5)
    assert caught.value.code == "TaskExisted"
    assert caught.value.http_status == 200
    first = dict(endpoint.received[0].pairs)
    assert first["StreamURL"] == rich["StreamURL"]
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


@pytest.mark.parametrize(
    ("status", "code", "message", "changes"),
    [
        (200, None, "", {}),
        (
            400,
            "InvalidTaskProfile",
            "Specified parameter TaskProfile is not valid.",
            {"params": task(TaskProfile="8IN_720P")},
        ),
        (
            400,
            "InvalidMediaEncode.Malformed",
            "The specifed MediaEncode is malformed.",
            {"params": task(MediaEncode=2)},
        ),
        (
            400,
            "InvalidBackgroundColor.Malformed",
            "The specifed BackgroundColoris malformed.",
            {"params": task(BackgroundColor=16777216)},
        ),
        (
            400,
            "InvalidLayoutID.Malformed",
            "The specified layoutID is malformed.",
            {"params": task(LayoutIds=[1, 12])},
        ),
        (
            400,
            "InvalidUserPanes",
            "Specified parameter UserPanes is not valid.",
            {"params": task(UserPanes=[pane(16)])},
        ),
        (
            400,
            "InvalidStreamURL",
            "Specified parameter StreamURL is not valid.",
            {"params": task(StreamURL="rtmp://host")},
        ),
        (
            400,
            "MissingChannelId",
            "ChannelId is mandatory for this action.",
            {"params": task(ChannelId=None)},
        ),
        (
            400,
            "MissingLayoutIds",
            "LayoutIds is mandatory for this action.",
            {"params": task(LayoutIds=[])},
        ),
        (
            400,
            "InvalidParameter.Format",
            "Specified parameter format is not valid.",
            {"options": {"reply_format": "YAML"}},
        ),
        (
            404,
            "InvalidApi.NotFound",
            "Specified api is not found, please check your url and method.",
            {"action": lambda client: "startMPUTask"},
        ),
        (
            400,
            "InvalidVersion",
            "Specified parameter Version is not valid.",
            {"version": lambda client: "2018-11-01"},
        ),
        (
            400,
            "UnsupportedHTTPMethod",
            "This http method is not supported.",
            {"options": {"method": "PUT"}},
        ),
        (
            404,
            "InvalidAccessKeyId.NotFound",
            "Specified access key is not found.",
            {"key": "nobody"},
        ),
        (
            400,
            "SignatureDoesNotMatch",
            "Specified signature is not matched with our calculation.",
            {"secret": "wrong"},
        ),
        (
            400,
            "InvalidTimeStamp.Format",
            "Specified time stamp or date value is not well formatted.",
            {"timestamp": lambda client: "2026-01-01"},
        ),
        (
            400,
            "InvalidTimeStamp.Expired",
            "Specified time stamp or date value is expired.",
            {"timestamp": lambda client: "2020-01-01T00:00:00Z"},
        ),
    ],
)
def test_documented_answers(
    status: int, code: str | None, message: str, changes: dict[str, Any]
) -> None:
    """A request with one defect is answered by the row for it, letter for letter."""
    answer = Prober(IndependentEndpoint()).ask(**changes)
    assert (answer[0], *answer[2:4]) == (status, code, message)


def test_disabled_key() -> None:
    """A disabled key is refused as inactive."""
    answer = Prober(IndependentEndpoint(disabled=["testid"])).ask()
    assert answer[2] == "InvalidAccessKeyId.Inactive"


def test_registered_layout() -> None:
    """A layout above 10000 is accepted where it is registered, refused elsewhere."""
    params = task(LayoutIds=[10001])
    assert Prober(IndependentEndpoint(layouts=[10001])).ask(params)[0] == 200
    assert Prober(IndependentEndpoint()).ask(params)[2] == "InvalidLayoutID.Malformed"


def test_trouble_on_request() -> None:
    """The endpoint answers trouble as often as it was asked for, then honestly."""
    endpoint = IndependentEndpoint()
    endpoint.trouble("Throttling.User", "Throttling.Api", "ServiceUnavailable")
    probe = Prober(endpoint)
    codes = [probe.ask()[2] for _ in range(4)]
    assert codes == ["Throttling.User", "Throttling.Api", "ServiceUnavailable", None]


def test_one_of_sixteen_wins() -> None:
    """Of sixteen simultaneous starts of one task exactly one succeeds."""
    assert endpoint_winners(IndependentEndpoint()) == 1


@cache
def honest_client_facts() -> tuple[Fact, ...]:
    """Return what the honest client does."""
    start = IndependentClient().start
    return (*client_facts(start), *patience_facts(start))


@cache
def honest_endpoint_facts() -> tuple[Fact, ...]:
    """Return what the honest endpoint does."""
    return tuple(endpoint_facts(IndependentEndpoint))


def first_difference(facts: Iterator[Fact], honest: Iterable[Fact]) -> tuple[Any, Any] | None:
    """Return the first fact that differs, beside the honest one."""
    for fact, expected in zip(facts, honest, strict=False):
        if fact != expected:
            return fact, expected
    return None


def test_honest_client_facts() -> None:
    """The honest client returns what was answered, shows no secret, waits as long as told."""
    seen = set()
    for kind, *rest in honest_client_facts():
        seen.add(kind)
        assert kind != "secret" or rest == [False]
        assert kind not in ("returned", "token", "fresh", "waited") or rest[-1] is True
    assert seen >= {"secret", "returned", "token", "fresh", "waited"}


@pytest.mark.parametrize("zoo", [FAULTY_CLIENTS, LEGAL_CLIENTS, FAULTY_ENDPOINTS, LEGAL_ENDPOINTS])
def test_zoo_rows_are_named_apart(zoo: tuple[ZooClient | ZooEndpoint, ...]) -> None:
    """Every row has a name of its own and a sentence about its bug."""
    assert len({row.name for row in zoo}) == len({row.bug for row in zoo}) == len(zoo)
    assert all(row.bug.endswith(".") for row in zoo)


@pytest.mark.parametrize("row", LEGAL_CLIENTS, ids=lambda row: row.name)
def test_legal_client(row: ZooClient) -> None:
    """A legal client does what the honest one does."""
    assert first_difference(client_facts(row.fresh()), honest_client_facts()) is None


@pytest.mark.parametrize("row", LEGAL_ENDPOINTS, ids=lambda row: row.name)
def test_legal_endpoint(row: ZooEndpoint) -> None:
    """A legal endpoint answers what the honest one answers, and so over HTTP."""
    assert first_difference(endpoint_facts(row.make), honest_endpoint_facts()) is None
    with serve(row.make()) as url:
        for reply_format in ("JSON", "XML"):
            begin = IndependentClient(reply_format=reply_format).start
            changes = {"AppId": "app", "TaskId": reply_format}
            asked = partial(begin, endpoint=url, credentials=CREDENTIALS, timeout=5)
            assert asked(task(**changes))
            with pytest.raises(ClientError) as caught:
                asked(task(**changes))
            assert caught.value.code == "TaskExisted"
