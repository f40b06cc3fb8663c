"""A finding about a name that did not come shows what came in its place."""

from contextlib import closing

import pytest

from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.client.bench import ClientBench
from pytest_rtcmpu.checks.nearest import absent
from pytest_rtcmpu.checks.run import Settings
from pytest_rtcmpu.checks.testees.protocol import CallableTestee
from pytest_rtcmpu.client import Client
from pytest_rtcmpu.values.credentials import Credentials

DOCUMENTED = Settings(phases=("documented",), timeout=5.0)


@pytest.mark.parametrize(
    ("name", "came", "said"),
    [
        ("LayoutIds", {"LayoutIds": "[1, 2]"}, "no LayoutIds; LayoutIds=[1, 2] was sent"),
        ("LayoutIds", {"LayoutIds[]": "1"}, "no LayoutIds; LayoutIds[]=1 was sent"),
        ("UserPanes", {"UserPanes.1": "[object Object]"}, "no UserPanes; UserPanes.1=[object"),
        ("MediaEncode", {"media_encode": "20"}, "no MediaEncode; media_encode=20 was sent"),
        ("BackgroundColor", {"Color": "0"}, "no BackgroundColor; Color=0 was sent"),
        ("BackgroundColor", {"BackgroundColour": "0"}, "no BackgroundColor; BackgroundColour=0"),
        ("UserPanes.0.PaneId", {"UserPanes.0.paneId": "0"}, "; UserPanes.0.paneId=0 was sent"),
        ("RequestId", {"requestId": "x"}, "no RequestId; requestId=x was sent"),
        ("MediaEncode", {"Format": "JSON"}, "no MediaEncode"),
        ("AppId", {"TaskId": "t"}, "no AppId"),
        ("LayoutIds", {}, "no LayoutIds"),
    ],
)
def test_what_is_nearest_is_shown(name, came, said):
    """Names are compared by their letters; an index is no part of them."""
    assert said in absent(name, came.items(), known={"TaskId"})


def test_all_that_are_equally_near_are_shown_up_to_a_few():
    """A list sent in another form is shown in part, its values cut."""
    came = [("LayoutIds", str(number) * 100) for number in range(5)]
    said = absent("LayoutIds", came)
    assert said.count("LayoutIds=") == 3
    assert ", …" in said
    assert len(said) < 300


def findings(clause, change):
    """What our own client is found to break with its pairs changed."""

    def start(params, *, endpoint, credentials, timeout):
        key = Credentials(
            credentials.access_key_id, credentials.access_key_secret, credentials.security_token
        )
        with closing(Client(key, endpoint, timeout=timeout)) as client:
            pairs = change(cases.to_pairs(params), credentials.access_key_secret)
            return client.call("StartMPUTask", pairs).request_id

    with closing(ClientBench(CallableTestee(start), DOCUMENTED)) as bench:
        return bench.result("documented", clause).findings


def test_a_list_in_another_form_is_seen_in_the_finding():
    """The finding of a list sent as JSON holds the JSON."""

    def as_json(pairs, _):
        kept = [(n, v) for n, v in pairs if not n.startswith("LayoutIds.")]
        return [*kept, ("LayoutIds", "[1, 2]")]

    got = {finding.got for finding in findings("layout-ids.required", as_json)}
    assert got == {"no LayoutIds; LayoutIds=[1, 2] was sent"}


def test_a_secret_that_came_in_place_of_a_value_is_not_shown():
    """What is shown goes through redaction like everything else."""

    def leak(pairs, secret):
        return [(n.replace("ChannelId", "channelId"), secret) for n, _ in pairs]

    got = [finding.got for finding in findings("channel-id.required", leak)]
    assert got
    assert all("channelId=" in text and "TheBench" not in text for text in got)


def test_panes_may_be_sent_in_any_order():
    """S1 names a pane by its PaneId: another order of the items breaks a reading alone."""

    def reverse(pairs, _):
        numbers = sorted({int(n.split(".")[1]) for n, _ in pairs if n.startswith("UserPanes.")})
        turned = {str(old): str(new) for old, new in zip(numbers, numbers[::-1], strict=True)}
        return [
            (".".join(turned.get(part, part) for part in n.split(".")), v)
            if n.startswith("UserPanes.")
            else (n, v)
            for n, v in pairs
        ]

    assert findings("request.values.unchanged", reverse) == ()
    assert findings("user-panes.complete", reverse) == ()
    assert findings("repeat-list.order", reverse)
