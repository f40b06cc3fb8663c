"""The independent pair speaks every operation of both editions, and agrees with itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

import pytest
from independent.client import Answer, ClientError, HttpReply, IndependentClient
from independent.edition_endpoint import EditionEndpoint
from independent.editions import ENCODES, OPERATIONS, PROFILES, Edition, judge, judgement
from independent.endpoint import IndependentEndpoint, serve
from independent.facts import CREDENTIALS, endpoint_facts, pane, task

NOW = 1_800_000_000.0
OLD: Edition = "2019-05"
NEW: Edition = "2021-03"

SENT: list[dict[str, Any]] = [
    {"method": "GET"},
    {"method": "POST"},
    {"method": "POST", "form": True},
]
WAYS: list[dict[str, Any]] = [
    {"signature": signature, **sent, "reply_format": reply_format}
    for signature, sent, reply_format in product(
        ("1.0", "v3"),
        SENT,
        ("JSON", "XML"),
    )
]
WAY_IDS = [
    "-".join((way["signature"], way["method"] + "form" * way.get("form", 0), way["reply_format"]))
    for way in WAYS
]


class Pair:
    """The independent client and endpoint of one edition, face to face, with a clock of its own."""

    def __init__(self, edition: Edition, **options: Any) -> None:
        """Begin at a moment; nothing is started, nothing is made."""
        self.edition: Edition = edition
        self.moment = NOW
        self.endpoint = EditionEndpoint(edition=edition, now=lambda: self.moment, **options)

    def client(self, action: str, **way: Any) -> IndependentClient:
        """Make a client of an operation."""
        return IndependentClient(
            edition=self.edition, action=action, now=lambda: self.moment, **way
        )

    def ask(self, action: str, params: Mapping[str, Any], **way: Any) -> Answer:
        """Ask for an operation; parameters that are None are left out."""
        given = {name: value for name, value in params.items() if value is not None}
        return self.client(action, **way).ask_in_process(
            given, handle=self.endpoint.handle, credentials=CREDENTIALS
        )

    def code(self, action: str, params: Mapping[str, Any], **way: Any) -> str | None:
        """Return the Code that refuses a request, None when it is accepted."""
        try:
            self.ask(action, params, **way)
        except ClientError as error:
            return error.code
        return None

    def sent(self) -> list[tuple[str, str]]:
        """Return the pairs of the last request."""
        return self.endpoint.received[-1].pairs


APP = {"AppId": "app-1"}
LIVE = {**APP, "TaskId": "live"}
URL = "rtmp://push.example.com/live/s?auth_key=1-0-0-a"
BEGIN = {**APP, "ChannelId": "c-1", "TaskId": "task-1", "StreamURL": URL}
UPDATE = {**LIVE, "LayoutIds": [1]}
FRAME = {"PaneId": 0, "MajorPane": 1, "X": 0.0, "Y": 0.0, "Width": 1.0, "Height": 1.0, "ZOrder": 0}
CREATE = {**APP, "AudioMixCount": 3, "Panes": [FRAME]}
MODIFY = {**APP, "LayoutId": 10001}
IMAGE = {
    "Url": "https://www.test.com/image.jpg",
    "Display": 1,
    "X": 0.7576,
    "Y": 0.0,
    "Width": 0.2456,
    "Height": 1.0,
    "ZOrder": 2,
}
FONT = {"X": 0.5, "Y": 0.5, "FontType": 5, "FontSize": 72, "FontColor": 16777215, "ZOrder": 0}
RICH_PANE = {
    **pane(15, "TestId", "shareScreen"),
    "Images": [IMAGE, IMAGE | {"Display": 2}],
    "Texts": [FONT | {"Text": "文 & <text>"}],
}
DECORATED = {
    "CropMode": 1,
    "BackgroundColor": 16777215,
    "UserPanes": [RICH_PANE, pane(0)],
    "Backgrounds": [IMAGE],
    "Watermarks": [IMAGE | {"Alpha": 0.0}, IMAGE | {"Alpha": 1.0, "Display": 0}],
    "ClockWidgets": [FONT],
}
RICH = {
    **BEGIN,
    **DECORATED,
    "TaskProfile": "9IN_1080P",
    "TaskMode": 1,
    "MixMode": 1,
    "MediaEncode": 31,
    "SourceType": "camera",
    "StreamType": 2,
    "SubSpecUsers": [f"user-{n}" for n in range(16)],
    "SubSpecAudioUsers": ["allStream"],
    "LayoutIds": [11, 10, 9, 8, 7, 6, 5, 13, 1],
    "PayloadType": 1,
    "ReportVad": 1,
    "RtpExtInfo": 1,
    "TimeStampRef": 15273582735,
    "VadInterval": 86400,
}
# the smallest valid request of each operation
LEAST: Mapping[tuple[Edition, str], Mapping[str, Any]] = {
    (OLD, "StartMPUTask"): task("task-1"),
    (OLD, "StopMPUTask"): LIVE,
    (OLD, "GetMPUTaskStatus"): {**LIVE, "ChannelId": "c-1"},
    (NEW, "StartMPUTask"): BEGIN,
    (NEW, "StopMPUTask"): LIVE,
    (NEW, "GetMPUTaskStatus"): LIVE,
    (NEW, "UpdateMPULayout"): UPDATE,
    (NEW, "CreateMPULayout"): CREATE,
    (NEW, "ModifyMPULayout"): MODIFY,
    (NEW, "DeleteMPULayout"): MODIFY,
    (NEW, "DescribeMPULayoutList"): APP,
    (NEW, "DescribeMPULayoutInfoList"): APP,
}


def prepared(edition: Edition) -> Pair:
    """Return a pair with one running task, `live`, and in 2021-03 one own layout, 10001."""
    pair = Pair(edition)
    begin = LEAST[edition, "StartMPUTask"]
    pair.ask("StartMPUTask", {**begin, "TaskId": "live", "StreamURL": "rtmp://h/live"})
    pair.endpoint.set_status("app-1", "live", 1)
    if edition == NEW:
        pair.ask("CreateMPULayout", {**CREATE, "Name": "mine"})
    return pair


# sizes of 16:9 and 9:16, and no picture at all: the others cannot be compared with a TaskProfile
WIDE = [encode for encode, size in ENCODES.items() if max(size) * 9 == min(size) * 16]

Row = tuple[Edition, str, dict[str, Any]]


def rows(edition: Edition, action: str, *changes: dict[str, Any]) -> list[Row]:
    """Return rows of a table, each a change of the operation's smallest request."""
    return [(edition, action, change) for change in changes]


def name_of(value: object) -> str:
    """Name a part of a row."""
    return value if isinstance(value, str) else json.dumps(value)[:50]


def texts(n: int) -> list[dict[str, Any]]:
    """Return so many texts."""
    return [{"Text": "t"}] * n


ACCEPTED: list[Row] = [
    *[(edition, action, {}) for edition, action in LEAST],
    *rows(
        OLD,
        "StartMPUTask",
        *({"TaskProfile": profile} for profile in ("1IN_Audio", "Mixed_Audio", "1IN_360P")),
        *({"MediaEncode": encode} for encode in (0, 1, 10, 20, 30)),
        {"LayoutIds": [2, 3, 4]},
        {"TaskProfile": "1IN_360P", "MediaEncode": 30, "LayoutIds": [11]},
        {"UserPanes": [pane(n) for n in range(16)]},
        {"TaskId": "x" * 200, "ChannelId": "频道"},
        {"TaskId": None, "TaskID": "spelt as in the table"},
        {"StreamURL": "rtmp://h/live"},
        {"Nobody": "knows", "CropMode": 0},
    ),
    *rows(
        NEW,
        "StartMPUTask",
        {k: v for k, v in RICH.items() if k not in BEGIN},
        *({"TaskProfile": profile} for profile in PROFILES),
        *({"MediaEncode": encode} for encode in WIDE),
        {"TaskId": "A-Za-z0-9_-" + "x" * 44},
        {"MixMode": 0, "StreamType": 0, "SourceType": "shareScreen"},
        {"SegmentType": 7, "TaskType": 3, "EnhancedParam.EnablePortraitSegmentation": "True"},
        {"UserPanes": [{"SegmentType": 1, "Foo": 9}], "TaskMode": 0},
        {"UserPanes": [{"Texts": [{"FontSize": 1, "Alpha": "x", "Box": True}]}]},
        {"UserPanes.11.Text": "a nested name that a published client breaks"},
        {"LayoutIds": [10001, 2], "TaskProfile": "2IN_720P"},
        {"TaskProfile": "Mixed_Audio", "LayoutIds": [11], "MediaEncode": 0},
        {"TaskProfile": "1IN_360P", "MediaEncode": 0},
        {"TaskProfile": "1IN_360P", "MediaEncode": 53, "LayoutIds": [1]},
        {"TaskProfile": "16IN_720P", "MediaEncode": 26},
        {"ChannelId": "x" * 64},
        {"Backgrounds": [{"Url": "HTTP://host"}]},
    ),
    *rows(NEW, "GetMPUTaskStatus", {"ChannelId": "not of this edition"}),
    *rows(NEW, "UpdateMPULayout", DECORATED, {"LayoutIds": [11, 10001]}, {"SegmentType": 9}),
    *rows(
        NEW,
        "CreateMPULayout",
        {"Name": "name"},
        *({"AudioMixCount": count} for count in (0, 6)),
        {"Panes": [{"PaneId": n, "X": 1.0, "Y": "1"} for n in range(16)]},
        {"Panes": [FRAME, FRAME | {"PaneId": 1, "MajorPane": 0, "Width": 0.0001}]},
    ),
    *rows(NEW, "ModifyMPULayout", {"Name": "n"}, {"AudioMixCount": 6}, {"Panes": [FRAME]}),
    *rows(
        NEW,
        "DescribeMPULayoutInfoList",
        {"LayoutId": 10001, "Name": "mine", "PageNum": 1, "PageSize": 1},
        {"PageNum": 10**9},
    ),
]

Defect = tuple[dict[str, Any], str]
Refused = tuple[Edition, str, dict[str, Any], str]


def refused(edition: Edition, action: str, code: str, *changes: dict[str, Any]) -> list[Refused]:
    """Return rows of a table with the Code that refuses them."""
    return [(edition, action, change, code) for change in changes]


LAYOUT_CODE = "InvalidLayoutID.Malformed"
ENCODE_CODE = "InvalidMediaEncode.Malformed"
COLOUR_CODE = "InvalidBackgroundColor.Malformed"

# of StartMPUTask and of UpdateMPULayout
LAYOUT_DEFECTS: list[Defect] = [
    ({"CropMode": 0}, "InvalidCropMode"),
    ({"CropMode": 3}, "InvalidCropMode"),
    ({"BackgroundColor": -1}, COLOUR_CODE),
    ({"BackgroundColor": 16777216}, COLOUR_CODE),
    ({"BackgroundColor": "#ffffff"}, COLOUR_CODE),
    *(({"LayoutIds": [n]}, LAYOUT_CODE) for n in (0, -1, 12, 14, 10000, 10002, "x", 10**30)),
    *(({"UserPanes": [{"PaneId": n}]}, "InvalidUserPanes") for n in (-1, 16, "x", "1.0")),
    ({"UserPanes": [{"SourceType": "Camera"}]}, "InvalidUserPanes"),
    ({"UserPanes.0.PaneId": 0}, "InvalidUserPanes"),
    ({"UserPanes": [pane(0)] * 17}, "InvalidUserPanes"),
    *(
        ({"UserPanes": [pane(0), {"Images": [IMAGE, wrong]}]}, "InvalidUserPanes")
        for wrong in (
            {"Url": "ftp://h/a"},
            {"Url": "www.test.com/image.jpg"},
            {"Url": "https:///a"},
            {"Display": 3},
            {"Display": -1},
            {"X": "left"},
            {"Width": "50%"},
            {"ZOrder": "top"},
            {"ZOrder": 0.5},
        )
    ),
    *(
        ({"ClockWidgets": [FONT, wrong]}, "InvalidClockWidgets")
        for wrong in (
            {"FontType": 6},
            {"FontType": -1},
            {"FontSize": 0},
            {"FontSize": 73},
            {"FontSize": 12.5},
            {"FontColor": 16777216},
            {"FontColor": -1},
            {"Y": "0,5"},
        )
    ),
    *(
        ({"UserPanes": [{"Texts": [{"Text": "t", **wrong}]}]}, "InvalidUserPanes")
        for wrong in ({"FontType": 6}, {"FontSize": 0}, {"FontSize": 73}, {"X": "x"})
    ),
    ({"Backgrounds": [IMAGE | {"Display": 2}]}, "InvalidBackgrounds"),
    ({"Watermarks": [IMAGE | {"Display": 2}]}, "InvalidWatermarks"),
    ({"Watermarks": [{"Alpha": "half"}]}, "InvalidWatermarks"),
]

# of CreateMPULayout and of ModifyMPULayout
PANE_DEFECTS: list[Defect] = [
    *(({"AudioMixCount": n}, "InvalidAudioMixCount") for n in (-1, 7, "x", 1.5)),
    *(
        ({"Panes": [FRAME | wrong]}, "InvalidPanes")
        for wrong in (
            {"PaneId": -1},
            {"MajorPane": 2},
            {"X": -0.1},
            {"X": 1.1},
            {"Y": 2},
            {"Width": 0.0},
            {"Width": 1.01},
            {"Height": 0},
            {"Height": "full"},
            {"ZOrder": "x"},
        )
    ),
    ({"Panes": [FRAME, FRAME | {"PaneId": 1}]}, "InvalidPanes"),
    ({"Panes": [{"PaneId": n} for n in range(17)]}, "InvalidPanes"),
]

REFUSED: list[Refused] = [
    # what is required is missing when it is absent and when it is empty
    *(
        (edition, action, {name: absent}, f"Missing{name}")
        for (edition, action), least in LEAST.items()
        for name in least
        if (edition, action, name) != (OLD, "GetMPUTaskStatus", "ChannelId")
        for absent in ((None,) if isinstance(least[name], list) else (None, ""))
    ),
    *refused(OLD, "StartMPUTask", "InvalidTaskProfile", {"TaskProfile": "9IN_720P"}),
    *refused(OLD, "StartMPUTask", ENCODE_CODE, {"MediaEncode": 2}, {"MediaEncode": 22}),
    *refused(OLD, "StartMPUTask", COLOUR_CODE, {"BackgroundColor": 16777216}),
    *refused(OLD, "StartMPUTask", LAYOUT_CODE, {"LayoutIds": [13]}, {"LayoutIds.4": 1}),
    *refused(OLD, "StartMPUTask", "InvalidUserPanes", {"UserPanes": [{"PaneId": 1}]}),
    *refused(OLD, "StartMPUTask", "InvalidStreamURL", {"StreamURL": "http://h/a"}),
    *(
        (NEW, action, change, code)
        for action in ("StartMPUTask", "UpdateMPULayout")
        for change, code in LAYOUT_DEFECTS
    ),
    *(
        (NEW, "StartMPUTask", change, code)
        for code, changes in (
            ("InvalidTaskId", ["x" * 56, "任务", "a b", "a.b"]),
            ("InvalidStreamURL", ["x", "http://h/a", "rtmp://h", "rtmp:///a"]),
            ("InvalidTaskProfile", ["1IN_Audio", "4in_720P", "3IN_720P"]),
            ("InvalidTaskMode", [2, -1, "x"]),
            ("InvalidMixMode", [2, "mix"]),
            (ENCODE_CODE, [2, 21, -1, 44, "720p"]),
            ("InvalidSourceType", ["screen", "Camera"]),
            ("InvalidStreamType", [3, -1]),
            ("InvalidSubSpecUsers", [["u"] * 17]),
            ("InvalidSubSpecAudioUsers", [["u"] * 17]),
            ("InvalidPayloadType", [2]),
            ("InvalidReportVad", [2]),
            ("InvalidRtpExtInfo", [2]),
            ("InvalidTimeStampRef", ["now", 1.5]),
            ("InvalidVadInterval", ["1d"]),
        )
        for change in (
            {code.removeprefix("Invalid").removesuffix(".Malformed"): value} for value in changes
        )
    ),
    *refused(
        NEW,
        "StartMPUTask",
        LAYOUT_CODE,
        {"LayoutIds": [2, 3]},
        {"LayoutIds": [1, 1]},
        {"LayoutIds": [1, 10001]},
        {"LayoutIds.0": 1},
        {"LayoutIds.2": 1},
        {"LayoutIds.1": 1, "LayoutIds.3": 2},
        {"TaskProfile": "1IN_1080P", "LayoutIds": [2]},
        {"TaskProfile": "4IN_1080P", "LayoutIds": [1, 7]},
    ),
    *refused(NEW, "StartMPUTask", "InvalidSubSpecUsers", {"SubSpecUsers.2": "u"}),
    *refused(
        NEW,
        "StartMPUTask",
        ENCODE_CODE,
        {"TaskProfile": "4IN_720P", "MediaEncode": 30},
        {"TaskProfile": "4IN_720P", "MediaEncode": 31},
        {"TaskProfile": "4IN_360P", "MediaEncode": 38},
    ),
    *refused(NEW, "StartMPUTask", "InvalidUserPanes", {"UserPanes": [{"SegmentType": 2}]}),
    *refused(NEW, "StartMPUTask", "MissingTaskId", {"TaskId": None, "TaskID": "x"}),
    *refused(NEW, "UpdateMPULayout", "MissingLayoutIds", {"LayoutIds": [""]}),
    *(
        (NEW, action, change, code)
        for action in ("CreateMPULayout", "ModifyMPULayout")
        for change, code in PANE_DEFECTS
    ),
    *(
        (NEW, action, {"LayoutId": wrong}, LAYOUT_CODE)
        for action in ("ModifyMPULayout", "DeleteMPULayout", "DescribeMPULayoutInfoList")
        for wrong in ("x", 1.5)
    ),
    *refused(NEW, "DescribeMPULayoutInfoList", "InvalidPageNum", {"PageNum": 0}, {"PageNum": -1}),
    *refused(NEW, "DescribeMPULayoutInfoList", "InvalidPageSize", {"PageSize": 0}),
    *(
        (edition, "GetMPUTaskStatus", {"TaskId": "never"}, "InvalidTask.NotFound")
        for edition in (OLD, NEW)
    ),
]

# No page rules on these: the endpoint accepts them, and a judge lets both answers pass.
OPEN: list[Row] = [
    *rows(OLD, "GetMPUTaskStatus", {"ChannelId": None}),
    *rows(OLD, "StopMPUTask", {"TaskId": "never"}),
    *rows(
        OLD,
        "StartMPUTask",
        {"UserPanes": [pane(1), pane(1)]},
        {"StreamURL": "rtmps://h/a"},
        {"TaskID": "both"},
    ),
    *rows(
        NEW,
        "StartMPUTask",
        {"MediaEncode": "020"},
        {"MediaEncode": " 20"},
        {"MediaEncode": ""},
        *({"MediaEncode": encode} for encode in ENCODES if encode not in WIDE),
        {"TaskProfile": "4IN_360P", "MediaEncode": 33},
        {"TaskProfile": "Mixed_Audio", "MediaEncode": 20},
        {"MixMode": 0, "TaskProfile": "1IN_360P", "LayoutIds": [5], "MediaEncode": 30},
        {"ChannelId": "频道"},
        {"UserPanes": [{"UserId": "a b"}]},
        {"UserPanes.2.PaneId": 1},
        {"UserPanes": [{"Images": [{"X": 1.5}]}]},
        {"UserPanes": [{"Texts": texts(17)}]},
        {"Watermarks": [{"Alpha": 2.0}]},
        {"Backgrounds.0.Display": 1},
        {"ClockWidgets": [{"ZOrder": -1, "X": "1e-1"}]},
        {"VadInterval": -1},
        {"StreamURL": "RTMP://h/a"},
    ),
    *rows(NEW, "UpdateMPULayout", {"LayoutIds": [2, 3]}, {"LayoutIds.3": 1}, {"TaskId": "never"}),
    *rows(NEW, "StopMPUTask", {"TaskId": "never"}),
    *rows(NEW, "CreateMPULayout", {"Panes": [{"PaneId": 16}]}),
    *rows(NEW, "ModifyMPULayout", {"LayoutId": 1}, {"LayoutId": 10002}),
    *rows(NEW, "DeleteMPULayout", {"LayoutId": 10002}),
    *rows(NEW, "DescribeMPULayoutInfoList", {"LayoutId": -5}),
]


# -- tables ------------------------------------------------------------------------------------

FOUR_WAYS: list[dict[str, Any]] = [
    {"signature": "1.0", "reply_format": "XML"},
    {"signature": "1.0", "method": "POST", "form": True},
    {"signature": "v3"},
    {"signature": "v3", "method": "POST", "form": True, "reply_format": "XML"},
]


def asked(edition: Edition, action: str, change: dict[str, Any], **way: Any) -> tuple[Pair, Any]:
    """Ask a prepared pair for the operation's smallest request, changed; return the Code too."""
    pair = prepared(edition)
    return pair, pair.code(action, {**LEAST[edition, action], **change}, **way)


@pytest.mark.parametrize(("edition", "action", "change"), ACCEPTED, ids=name_of)
def test_accepted(edition: Edition, action: str, change: dict[str, Any]) -> None:
    """What the pages allow is accepted, however it is signed, sent and answered."""
    for way in FOUR_WAYS:
        pair, code = asked(edition, action, change, **way)
        assert code is None
        assert pair.endpoint.judgements[-1].problems == ()
        own = pair.endpoint.own_layouts_of("app-1")
        assert judge(action, edition, pair.sent(), layouts=own) is None


@pytest.mark.parametrize(("edition", "action", "change", "expected"), REFUSED, ids=name_of)
def test_refused(edition: Edition, action: str, change: dict[str, Any], expected: str) -> None:
    """What the pages rule out is refused by its Code, however it is signed, sent and answered."""
    for way in FOUR_WAYS:
        pair, code = asked(edition, action, change, **way)
        assert code == expected
        found = pair.endpoint.judgements[-1]
        assert found.allows(code)
        assert not found.allows(None)
        own = pair.endpoint.own_layouts_of("app-1")
        codes = judge(action, edition, pair.sent(), layouts=own)
        # a task that was never started is no matter of the pairs
        assert codes is None if expected == "InvalidTask.NotFound" else expected in (codes or ())


@pytest.mark.parametrize(("edition", "action", "change"), OPEN, ids=name_of)
def test_open(edition: Edition, action: str, change: dict[str, Any]) -> None:
    """What no page rules on is accepted, and a refusal of it would have been as right."""
    for way in FOUR_WAYS:
        pair, code = asked(edition, action, change, **way)
        assert code is None
        found = pair.endpoint.judgements[-1]
        assert found.silences
        assert found.allows(None)
        assert all(found.allows(one.codes[0]) for one in found.silences)
        assert not found.allows("TaskExisted")


def test_every_operation_has_its_rows() -> None:
    """Every operation of both editions stands in the tables of accepted and refused requests."""
    everything = {(edition, action) for edition in OPERATIONS for action in OPERATIONS[edition]}
    assert {row[:2] for row in ACCEPTED} == {row[:2] for row in REFUSED} == everything


def test_every_defect_may_answer() -> None:
    """Of several defects any one's Code is right: no page says which is looked at first."""
    pairs = [("AppId", "a"), ("TaskMode", "2"), ("LayoutIds.1", "12"), ("ChannelId", "c")]
    assert judge("StartMPUTask", NEW, pairs) == {
        "MissingStreamURL",
        "MissingTaskId",
        "InvalidTaskMode",
        "InvalidLayoutID.Malformed",
    }
    assert {"MissingAppId", "Request.NoAppID"} <= (judge("StartMPUTask", NEW, []) or set())
    old = judge("StartMPUTask", OLD, [("TaskProfile", "x"), ("MediaEncode", "2")])
    assert old is not None
    assert old >= {"InvalidTaskProfile", "InvalidMediaEncode.Malformed", "MissingAppId"}


def test_a_name_given_twice_is_open() -> None:
    """Which of two values under one name counts, no page says: neither answer is wrong."""
    least = {**BEGIN, "MixMode": "1"}
    for name, value in (("CropMode", "0"), ("MixMode", "2"), ("TaskId", "a b")):
        pairs = [*least.items(), (name, "1"), (name, value)]
        assert judge("StartMPUTask", NEW, pairs) is None
        assert judgement("StartMPUTask", NEW, pairs).allows(f"Invalid{name}")


def test_task_id_as_the_table_of_2019_spells_it() -> None:
    """A task that was started under TaskID is found under TaskId, and only in 2019-05."""
    spelt = {"TaskId": None, "TaskID": "task-1"}
    pair = Pair(OLD)
    pair.ask("StartMPUTask", {**task("task-1"), **spelt})
    assert pair.ask("GetMPUTaskStatus", {**APP, "TaskId": "task-1"}).status == 0
    assert Pair(NEW).code("StopMPUTask", {**APP, **spelt}) == "MissingTaskId"


def test_nested_codes() -> None:
    """How the Code of a list's field spells its parameter is open; that it is refused is not."""
    pairs = [*BEGIN.items(), ("UserPanes.1.Texts.2.FontSize", "0")]
    found = judge("StartMPUTask", NEW, pairs)
    assert found is not None
    assert found >= {
        "InvalidUserPanes",
        "InvalidUserPanes.1.Texts.2.FontSize",
        "InvalidUserPanes.N.Texts.N.FontSize",
        "InvalidFontSize",
    }


# -- the client --------------------------------------------------------------------------------


def test_nested_lists_on_the_wire() -> None:
    """Nested lists count from 1, booleans are small, floats have no exponent, None is left out."""
    pair = Pair(NEW)
    params = {
        "UserPanes": [{"PaneId": 0, "Images": [{"Url": "u", "X": 0.5, "Y": 1e-07}, {"X": 1.0}]}],
        "SubSpecUsers": ("a", "b"),
        "Flag": [True, False],
        "Nothing": None,
        "Empty": [],
    }
    assert pair.client("StartMPUTask").flatten(params) == [
        ("UserPanes.1.PaneId", "0"),
        ("UserPanes.1.Images.1.Url", "u"),
        ("UserPanes.1.Images.1.X", "0.5"),
        ("UserPanes.1.Images.1.Y", "0.0000001"),
        ("UserPanes.1.Images.2.X", "1.0"),
        ("SubSpecUsers.1", "a"),
        ("SubSpecUsers.2", "b"),
        ("Flag.1", "true"),
        ("Flag.2", "false"),
    ]


@pytest.mark.parametrize("start", [0, 1])
def test_panes_count_from_zero_or_one_in_2019(start: Literal[0, 1]) -> None:
    """2019-05 counts panes from 0 or from 1, 2021-03 from 1 whatever was chosen."""
    for edition, number in ((OLD, start), (NEW, 1)):
        pair = Pair(edition)
        least = LEAST[edition, "StartMPUTask"]
        pair.ask("StartMPUTask", {**least, "UserPanes": [pane(3)]}, user_panes_from=start)
        assert (f"UserPanes.{number}.PaneId", "3") in pair.sent()


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("GetMPUTaskStatus", b'{"RequestId": "r"}'),
        ("GetMPUTaskStatus", b'{"RequestId": "r", "Status": "running"}'),
        ("GetMPUTaskStatus", b'{"RequestId": "r", "Status": true}'),
        ("DescribeMPULayoutList", b'{"RequestId": "r", "LayoutIds": {"LayoutId": ["x"]}}'),
        ("StartMPUTask", b'{"RequestId": "r", "Code": "TaskExisted", "Message": "m"}'),
        ("StopMPUTask", b"<StopMPUTaskResponse></StopMPUTaskResponse>"),
    ],
)
def test_unreadable_success(action: str, body: bytes) -> None:
    """A reply with a Code, without a RequestId or with a field of the wrong kind is no success."""
    client = IndependentClient(edition=NEW, action=action)
    with pytest.raises(ClientError):
        client.answer(HttpReply(status=200, body=body))


# -- both, in every way ------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS, ids=WAY_IDS)
def test_tasks_in_every_way(way: dict[str, Any]) -> None:
    """In every way of signing and sending a task starts, is told of, stops and starts anew."""
    for edition in (OLD, NEW):
        pair = Pair(edition)
        begin = LEAST[edition, "StartMPUTask"]
        named = {**APP, "TaskId": "task-1", "ChannelId": "c-1"}
        assert pair.code("GetMPUTaskStatus", named, **way) == "InvalidTask.NotFound"
        first = pair.ask("StartMPUTask", begin, **way)
        assert (len(first.request_id), first.fields) == (32, {})
        assert pair.ask("GetMPUTaskStatus", named, **way).status == 0
        pair.endpoint.set_status("app-1", "task-1", 1)
        assert pair.ask("GetMPUTaskStatus", named, **way).status == 1
        with pytest.raises(ClientError) as caught:
            pair.ask("StartMPUTask", begin, **way)
        assert (caught.value.code, caught.value.http_status) == ("TaskExisted", 200)
        assert pair.ask("StopMPUTask", named, **way).request_id != first.request_id
        assert pair.ask("GetMPUTaskStatus", named, **way).status == 3
        assert pair.ask("StopMPUTask", named, **way).fields == {}
        pair.moment += 10
        pair.ask("StartMPUTask", begin, **way)
        assert pair.ask("GetMPUTaskStatus", named, **way).status == 0


@pytest.mark.parametrize("way", WAYS, ids=WAY_IDS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_layouts_in_every_way(way: dict[str, Any], wrapped: bool) -> None:
    """In every way a layout is made, changed, listed, described and deleted, numbers as numbers."""
    pair = Pair(NEW, wrapped_lists=wrapped)
    panes = [FRAME | {"X": 0.5, "Width": 0.5}, {"PaneId": 1, "MajorPane": 0, "X": 0.25}]
    made = pair.ask("CreateMPULayout", {**CREATE, "Name": "<a&b>", "Panes": panes}, **way)
    assert made.fields == {"LayoutId": 10001}
    other = pair.ask("CreateMPULayout", CREATE, **way).fields["LayoutId"]
    listed = pair.ask("DescribeMPULayoutList", APP, **way).fields["LayoutIds"]
    assert listed == [*range(1, 12), 13, 10001, 10002]
    found = pair.ask("DescribeMPULayoutInfoList", {**APP, "Name": "<a&b>"}, **way).fields
    layout = {"LayoutId": 10001, "Name": "<a&b>", "AudioMixCount": 3, "Panes": panes}
    assert found == {"TotalNum": 1, "TotalPage": 1, "Layouts": [layout]}
    assert json.dumps(found["Layouts"][0]["Panes"][0]["X"]) == "0.5"
    pair.ask("ModifyMPULayout", {**MODIFY, "AudioMixCount": 0}, **way)
    paged = {**APP, "PageSize": 1, "PageNum": 2}
    second = pair.ask("DescribeMPULayoutInfoList", paged, **way).fields
    assert (second["TotalNum"], second["TotalPage"]) == (2, 2)
    assert [one["LayoutId"] for one in second["Layouts"]] == [other]
    changed = pair.ask("DescribeMPULayoutInfoList", MODIFY, **way).fields["Layouts"]
    assert changed == [{**layout, "AudioMixCount": 0}]
    pair.ask("DeleteMPULayout", MODIFY, **way)
    gone = pair.ask("DescribeMPULayoutInfoList", MODIFY, **way).fields
    assert (gone["TotalNum"], gone.get("Layouts", [])) == (0, [])


@pytest.mark.parametrize("way", WAYS, ids=WAY_IDS)
def test_signatures_of_every_operation(way: dict[str, Any]) -> None:
    """Every operation refuses another secret, a request changed on its way, and a replay."""
    for (edition, action), least in LEAST.items():
        pair = prepared(edition)
        client = pair.client(action, **way)
        request = client.prepare(least, credentials=CREDENTIALS)
        wrong = CREDENTIALS | {"access_key_secret": "wrong"}
        changed = replace(
            request,
            target=request.target.replace("app-1", "app-2"),
            body=request.body.replace(b"app-1", b"app-2"),
        )
        for sent, code in (
            (client.prepare(least, credentials=wrong), "SignatureDoesNotMatch"),
            (changed, "SignatureDoesNotMatch"),
            (request, None),
            (request, "SignatureNonceUsed"),
        ):
            (_, _, body), found = pair.endpoint.answer(
                sent.method, sent.target, sent.headers, sent.body
            )
            assert found.allows(code)
            assert (f"{code}".encode() in body) == (code is not None)


def test_over_http() -> None:
    """Over a socket the pair says what it says in process."""
    pair = prepared(NEW)
    with serve(pair.endpoint) as url:
        ask = pair.client("GetMPUTaskStatus").ask
        assert ask(LIVE, endpoint=url, credentials=CREDENTIALS, timeout=5).status == 1
        begin = pair.client("StartMPUTask", signature="v3", method="POST", form=True)
        assert begin.ask(RICH, endpoint=url, credentials=CREDENTIALS, timeout=5).fields == {}
        with pytest.raises(ClientError) as caught:
            begin.start(RICH, endpoint=url, credentials=CREDENTIALS, timeout=5)
    assert caught.value.code == "TaskExisted"


# -- what was before ---------------------------------------------------------------------------


def test_stream_url_belongs_to_one_running_task() -> None:
    """In 2021-03 a StreamURL serves one running task, and rests for ten seconds after it."""
    pair = Pair(NEW)
    second = {**BEGIN, "TaskId": "task-2"}
    pair.ask("StartMPUTask", BEGIN)
    assert pair.code("StartMPUTask", second) == "InvalidStreamURL"
    assert pair.code("GetMPUTaskStatus", second) == "InvalidTask.NotFound"
    pair.moment += 100
    pair.ask("StopMPUTask", BEGIN)
    for waited, code in ((0, "InvalidStreamURL"), (9.9, "InvalidStreamURL"), (10, None)):
        pair.moment = NOW + 100 + waited
        assert pair.code("StartMPUTask", second) == code
    assert pair.code("StartMPUTask", BEGIN) == "InvalidStreamURL"
    pair.ask("StartMPUTask", {**BEGIN, "StreamURL": "rtmp://h/other"})


def test_stream_url_is_free_in_2019() -> None:
    """2019-05 says nothing of a StreamURL in two tasks."""
    pair = Pair(OLD)
    pair.ask("StartMPUTask", task("task-1"))
    pair.ask("StartMPUTask", task("task-2"))
    pair.ask("StopMPUTask", {**APP, "TaskId": "task-1"})
    pair.ask("StartMPUTask", task("task-1"))


@pytest.mark.parametrize("status", [2, 4, 5, 6])
def test_an_ended_task_rests_too(status: int) -> None:
    """A task that ended by itself may start anew, once its StreamURL has rested."""
    pair = Pair(NEW)
    pair.ask("StartMPUTask", BEGIN)
    pair.endpoint.set_status("app-1", "task-1", status)
    assert pair.ask("GetMPUTaskStatus", BEGIN).status == status
    assert pair.code("StartMPUTask", BEGIN) == "InvalidStreamURL"
    pair.ask("StopMPUTask", BEGIN)
    assert pair.endpoint.status("app-1", "task-1") == status
    pair.moment += 10
    assert pair.code("StartMPUTask", BEGIN) is None


def test_statuses_of_an_edition() -> None:
    """2019-05 has the statuses 0 to 3, 2021-03 those to 6."""
    for edition, last in ((OLD, 3), (NEW, 6)):
        pair = prepared(edition)
        pair.endpoint.set_status("app-1", "live", last)
        with pytest.raises(ValueError, match="no status"):
            pair.endpoint.set_status("app-1", "live", last + 1)


def test_update_needs_a_running_task() -> None:
    """UpdateMPULayout takes effect on a running task alone, and is accepted of any."""
    pair = Pair(NEW)
    pair.ask("StartMPUTask", BEGIN)
    change = {**BEGIN, "LayoutIds": [5]}
    for status, takes_effect in ((0, False), (1, True), (3, False)):
        pair.endpoint.set_status("app-1", "task-1", status)
        begun = pair.endpoint.started["app-1", "task-1"]
        begun.update = []
        pair.ask("UpdateMPULayout", change)
        assert (("LayoutIds.1", "5") in begun.update) == takes_effect


def test_layouts_belong_to_an_app() -> None:
    """A layout that was made counts in its app, with its panes, until it is deleted."""
    pair = prepared(NEW)
    halves = [{"PaneId": n, "X": n / 2} for n in range(2)]
    start = {**BEGIN, "LayoutIds": [10001]}
    assert pair.code("StartMPUTask", {**start, "AppId": "app-2"}) == "InvalidLayoutID.Malformed"
    pair.ask("ModifyMPULayout", {**MODIFY, "Panes": halves})
    profile = {"TaskProfile": "1IN_1080P"}
    assert pair.code("StartMPUTask", start | profile) == "InvalidLayoutID.Malformed"
    both = {"LayoutIds": [10001, 2]}
    assert pair.code("StartMPUTask", start | both) == "InvalidLayoutID.Malformed"
    assert pair.code("StartMPUTask", start) is None
    pair.ask("DeleteMPULayout", MODIFY)
    fresh = {**start, "TaskId": "task-2", "StreamURL": "rtmp://h/2"}
    assert pair.code("StartMPUTask", fresh) == "InvalidLayoutID.Malformed"


def test_registered_layouts() -> None:
    """A registered layout is known to every app, its panes where they were told."""
    for layouts, code in (
        ([20000], None),
        ({20000: 2}, None),
        ({20000: 3}, "InvalidLayoutID.Malformed"),
    ):
        pair = Pair(NEW, layouts=layouts)
        given = {**BEGIN, "LayoutIds": [20000, 5]}
        assert pair.code("StartMPUTask", given) == code
        assert pair.ask("CreateMPULayout", CREATE).fields["LayoutId"] == 20001


def test_operations_of_an_edition() -> None:
    """An operation that an edition has no page for is not found, nor one that was not chosen."""
    assert Pair(OLD).code("UpdateMPULayout", UPDATE) == "InvalidApi.NotFound"
    assert Pair(NEW).code("UpdateMPUTask", UPDATE) == "InvalidApi.NotFound"
    assert judge("UpdateMPULayout", OLD, []) == {"InvalidApi.NotFound"}
    chosen = Pair(NEW, actions=["StartMPUTask"])
    assert chosen.code("StopMPUTask", LIVE) == "InvalidApi.NotFound"
    assert chosen.code("StartMPUTask", BEGIN) is None


def test_a_refused_start_reserves_nothing() -> None:
    """A start that is refused leaves TaskId and StreamURL free."""
    pair = Pair(NEW)
    assert pair.code("StartMPUTask", {**BEGIN, "CropMode": 0}) == "InvalidCropMode"
    assert pair.endpoint.status("app-1", "task-1") is None
    assert pair.code("StartMPUTask", {**BEGIN, "TaskId": "task-2"}) is None


@pytest.fixture
def many_switches() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("many_switches")
def test_one_of_sixteen_starts_wins() -> None:
    """Of sixteen simultaneous starts of one task, or with one StreamURL, exactly one succeeds."""
    for number in range(16):
        pair = Pair(NEW)
        names = [f"task-{n}" if number % 2 else "task" for n in range(16)]
        client = pair.client("StartMPUTask")
        requests = [
            client.prepare({**BEGIN, "TaskId": name}, credentials=CREDENTIALS) for name in names
        ]
        with ThreadPoolExecutor(16) as pool:
            replies = list(
                pool.map(
                    lambda r, pair=pair: pair.endpoint.answer(
                        r.method, r.target, r.headers, r.body
                    ),
                    requests,
                )
            )
        assert sum(found.allows(None) for _, found in replies) == 1
        assert sum(b"Code" not in body for (_, _, body), _ in replies) == 1


def test_not_found_letter_for_letter() -> None:
    """A task never started is answered by the row of 2019-05, in JSON and in XML."""
    for way in FOUR_WAYS:
        for edition in (OLD, NEW):
            pair = Pair(edition)
            with pytest.raises(
                ClientError, match=r"^the specified task is not existed\.$"
            ) as caught:
                pair.ask("GetMPUTaskStatus", LIVE, **way)
            assert (caught.value.code, caught.value.http_status) == ("InvalidTask.NotFound", 404)


def test_replies_as_printed() -> None:
    """Replies have the root, the numbers and the lists that the pages print."""
    pair = prepared(NEW)

    def body(action: str, params: Mapping[str, Any], reply_format: str) -> str:
        """Return a reply's text, its RequestId left out."""
        client = pair.client(action, reply_format=reply_format)
        request = client.prepare(params, credentials=CREDENTIALS)
        text = pair.endpoint.handle(request.method, request.target, request.headers, request.body)[
            2
        ].decode()
        answered = client.answer(HttpReply(status=200, body=text.encode())).request_id
        return text.replace(answered, "R")

    assert body("GetMPUTaskStatus", LIVE, "JSON") == '{"RequestId": "R", "Status": 1}'
    assert body("GetMPUTaskStatus", LIVE, "XML") == (
        "<GetMPUTaskStatusResponse><RequestId>R</RequestId><Status>1</Status>"
        "</GetMPUTaskStatusResponse>"
    )
    assert '"LayoutIds": {"LayoutId": [1, 2, 3' in body("DescribeMPULayoutList", APP, "JSON")
    assert "<LayoutIds><LayoutId>1</LayoutId><LayoutId>2<" in body(
        "DescribeMPULayoutList", APP, "XML"
    )
    thin = {**CREATE, "Panes": [{"X": 0.00001}]}
    assert "LayoutId>10002<" in body("CreateMPULayout", thin, "XML")
    assert "<X>0.00001</X>" in body("DescribeMPULayoutInfoList", APP, "XML")
    described = json.loads(body("DescribeMPULayoutInfoList", APP, "JSON"))
    assert described["Layouts"][0]["Panes"] == [FRAME]
    described_xml = body("DescribeMPULayoutInfoList", APP, "XML")
    assert "<Layouts><LayoutId>10001</LayoutId><Name>mine</Name>" in described_xml
    assert "<Panes><PaneId>0</PaneId><MajorPane>1</MajorPane>" in described_xml


# -- the older pair ----------------------------------------------------------------------------


def test_the_older_endpoint_is_the_same_in_2019() -> None:
    """With StartMPUTask of 2019-05 alone, the endpoint answers what the older one answers."""
    wider = endpoint_facts(lambda: EditionEndpoint(actions=["StartMPUTask"]))
    for fact, expected in zip(wider, endpoint_facts(IndependentEndpoint), strict=True):
        assert fact == expected


def test_defaults_are_the_older_client() -> None:
    """Without edition and action a client starts a task of 2019-05."""
    pair = Pair(OLD)
    client = IndependentClient(now=lambda: NOW)
    answer = client.ask_in_process(
        task("task-1", UserPanes=[pane(0)]), handle=pair.endpoint.handle, credentials=CREDENTIALS
    )
    assert answer.fields == {}
    target = client.prepare(task("task-2"), credentials=CREDENTIALS).target
    pairs = dict(parse_qsl(urlsplit(target).query))
    assert (pairs["Action"], pairs["LayoutIds.2"]) == ("StartMPUTask", "2")
    assert ("UserPanes.0.PaneId", "0") in pair.sent()
    assert judgement("StartMPUTask", OLD, pair.sent()).problems == ()
