"""Judging pairs: which rule breaks, where, and what the sources leave open."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rtcmpu import rules
from pytest_rtcmpu.contract import load
from pytest_rtcmpu.rules import judge

CONTRACT = load()
VALID = {
    "AppId": "a",
    "ChannelId": "c",
    "TaskId": "t",
    "TaskProfile": "4IN_720P",
    "MediaEncode": "20",
    "BackgroundColor": "0",
    "LayoutIds.1": "1",
    "LayoutIds.2": "2",
    "UserPanes.0.PaneId": "0",
    "UserPanes.0.UserId": "u0",
    "UserPanes.0.SourceType": "camera",
    "UserPanes.1.PaneId": "1",
    "UserPanes.1.UserId": "u1",
    "UserPanes.1.SourceType": "shareScreen",
    "StreamURL": "rtmp://h/p",
}


def pairs(*gone: str, **changes: str) -> list[tuple[str, str]]:
    """Return valid pairs with changes; ``__`` stands for a dot."""
    changed = VALID | {name.replace("__", "."): value for name, value in changes.items()}
    return [(name, value) for name, value in changed.items() if name not in gone]


def renamed(before: str, after: str) -> list[tuple[str, str]]:
    """Return valid pairs whose names that start with ``before`` start with ``after``."""
    return [
        (after + name[len(before) :] if name.startswith(before) else name, value)
        for name, value in VALID.items()
    ]


def broken(given: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return (path, clause) of every problem."""
    return [(p.path, p.clause.id) for p in judge(given, CONTRACT).problems]


def noted(given: list[tuple[str, str]]) -> list[str]:
    """Return the silences that a request without problems relies on."""
    judgement = judge(given, CONTRACT)
    assert judgement.problems == ()
    return [note.silence.id for note in judgement.notes]


def test_a_valid_request_has_no_problem_and_relies_on_nothing() -> None:
    """The documented request is judged right."""
    assert noted(pairs()) == []


@pytest.mark.parametrize("name", ["AppId", "ChannelId", "TaskId", "TaskProfile", "MediaEncode"])
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_an_absent_or_empty_parameter_is_missing(name: str, how: str) -> None:
    """A required parameter is missing when it is absent and when it is empty."""
    given = pairs(name) if how == "absent" else pairs(**{name: ""})
    (problem,) = judge(given, CONTRACT).problems
    assert problem.path == name
    assert problem.clause.codes[0] == f"Missing{name}"
    assert problem.got == ("nothing" if how == "absent" else "an empty value")


BROKEN = {
    "profile": (pairs(TaskProfile="5IN_720P"), "TaskProfile", "task-profile.enum"),
    "profile-case": (pairs(TaskProfile="4in_720p"), "TaskProfile", "task-profile.letter-case"),
    "profile-space": (pairs(TaskProfile=" 4IN_720P"), "TaskProfile", "task-profile.enum"),
    "encode-2": (pairs(MediaEncode="2"), "MediaEncode", "media-encode.enum"),
    "encode-negative": (pairs(MediaEncode="-1"), "MediaEncode", "media-encode.enum"),
    "encode-word": (pairs(MediaEncode="720p"), "MediaEncode", "media-encode.integer"),
    "encode-float": (pairs(MediaEncode="20.0"), "MediaEncode", "media-encode.integer"),
    "encode-underscore": (pairs(MediaEncode="2_0"), "MediaEncode", "media-encode.integer"),
    "encode-huge": (pairs(MediaEncode="9" * 5000), "MediaEncode", "media-encode.enum"),
    "color-negative": (pairs(BackgroundColor="-1"), "BackgroundColor", "background-color.range"),
    "color-above": (
        pairs(BackgroundColor="16777216"),
        "BackgroundColor",
        "background-color.range",
    ),
    "color-hex": (pairs(BackgroundColor="#ffffff"), "BackgroundColor", "background-color.integer"),
    "color-0x": (pairs(BackgroundColor="0xffffff"), "BackgroundColor", "background-color.integer"),
    "color-huge": (
        pairs(BackgroundColor="1" * 5000),
        "BackgroundColor",
        "background-color.range",
    ),
    "layout-word": (pairs(LayoutIds__2="x"), "LayoutIds.2", "layout-ids.integer"),
    "layout-empty": (pairs(LayoutIds__2=""), "LayoutIds.2", "layout-ids.integer"),
    "layout-0": (pairs(LayoutIds__1="0"), "LayoutIds.1", "layout-ids.known"),
    "layout-12": (pairs(LayoutIds__1="12"), "LayoutIds.1", "layout-ids.known"),
    "layout-reserved": (pairs(LayoutIds__1="10000"), "LayoutIds.1", "layout-ids.known"),
    "layout-not-yet-open": (pairs(LayoutIds__1="10001"), "LayoutIds.1", "layout-ids.known"),
    "layouts-gap": (
        renamed("LayoutIds.2", "LayoutIds.3"),
        "LayoutIds",
        "repeat-list.layout-ids.no-gaps.refused",
    ),
    "layouts-from-2": (
        pairs("LayoutIds.1"),
        "LayoutIds",
        "repeat-list.layout-ids.from-1.refused",
    ),
    "layouts-from-0": (
        pairs("LayoutIds.2", LayoutIds__0="1"),
        "LayoutIds",
        "repeat-list.layout-ids.from-1.refused",
    ),
    "layouts-bare": (
        [*pairs("LayoutIds.1", "LayoutIds.2"), ("LayoutIds", "1")],
        "LayoutIds",
        "layout-ids.required",
    ),
    "pane-id-word": (
        pairs(UserPanes__0__PaneId="x"),
        "UserPanes.0.PaneId",
        "user-panes.pane-id.integer",
    ),
    "pane-id-16": (
        pairs(UserPanes__0__PaneId="16"),
        "UserPanes.0.PaneId",
        "user-panes.pane-id.range",
    ),
    "pane-id-negative": (
        pairs(UserPanes__0__PaneId="-1"),
        "UserPanes.0.PaneId",
        "user-panes.pane-id.range",
    ),
    "pane-id-absent": (
        pairs("UserPanes.1.PaneId"),
        "UserPanes.1.PaneId",
        "user-panes.pane-id.required",
    ),
    "user-id-empty": (
        pairs(UserPanes__1__UserId=""),
        "UserPanes.1.UserId",
        "user-panes.user-id.required",
    ),
    "source-type-absent": (
        pairs("UserPanes.1.SourceType"),
        "UserPanes.1.SourceType",
        "user-panes.source-type.required",
    ),
    "source-type": (
        pairs(UserPanes__0__SourceType="screen"),
        "UserPanes.0.SourceType",
        "user-panes.source-type.enum",
    ),
    "source-type-case": (
        pairs(UserPanes__0__SourceType="sharescreen"),
        "UserPanes.0.SourceType",
        "user-panes.source-type.letter-case",
    ),
    "panes-gap": (
        renamed("UserPanes.1", "UserPanes.2"),
        "UserPanes",
        "repeat-list.user-panes.no-gaps.refused",
    ),
    "panes-from-2": (
        [
            (name.replace("UserPanes.0", "UserPanes.2").replace("UserPanes.1", "UserPanes.3"), v)
            for name, v in VALID.items()
        ],
        "UserPanes",
        "repeat-list.user-panes.from-0-or-1",
    ),
    "url-http": (pairs(StreamURL="http://h/p"), "StreamURL", "stream-url.rtmp"),
    "url-rtmpe": (pairs(StreamURL="rtmpe://h/p"), "StreamURL", "stream-url.rtmp"),
    "url-relative": (pairs(StreamURL="/p"), "StreamURL", "stream-url.absolute"),
    "url-no-scheme": (pairs(StreamURL="//h/p"), "StreamURL", "stream-url.absolute"),
    "url-no-host": (pairs(StreamURL="rtmp:///p"), "StreamURL", "stream-url.absolute"),
    "url-no-path": (pairs(StreamURL="rtmp://h"), "StreamURL", "stream-url.absolute"),
    "url-no-path-but-query": (pairs(StreamURL="rtmp://h?a=/"), "StreamURL", "stream-url.absolute"),
    "url-space": (pairs(StreamURL=" rtmp://h/p"), "StreamURL", "stream-url.absolute"),
    "url-newline": (pairs(StreamURL="rt\nmp://h/p"), "StreamURL", "stream-url.absolute"),
    "url-port-only": (pairs(StreamURL="rtmp://:1935/p"), "StreamURL", "stream-url.absolute"),
    "url-user-only": (pairs(StreamURL="rtmp://user@/p"), "StreamURL", "stream-url.absolute"),
}


@pytest.mark.parametrize(("given", "path", "clause"), BROKEN.values(), ids=BROKEN)
def test_exactly_one_rule_breaks(given: list[tuple[str, str]], path: str, clause: str) -> None:
    """Each defect breaks one rule, at one path."""
    assert broken(given) == [(path, clause)]


ALLOWED = {
    "encode-0": pairs(MediaEncode="0", TaskProfile="Mixed_Audio"),
    "color-max": pairs(BackgroundColor="16777215"),
    "panes-from-1": renamed("UserPanes.1", "UserPanes.2")[:8]
    + [(f"UserPanes.{i}.{k}", v) for i in (1, 2) for k, v in
       (("PaneId", str(i - 1)), ("UserId", "u"), ("SourceType", "camera"))]
    + [("StreamURL", "rtmp://h/p")],
    "no-panes": [(n, v) for n, v in VALID.items() if not n.startswith("UserPanes")],
    "task-id-in-capitals": renamed("TaskId", "TaskID"),
    "unknown-parameters": pairs(RegionId="cn", SignatureType="", X__1="y", LayoutId="9"),
    "any-order": list(reversed(pairs())),
    "url-slash": pairs(StreamURL="rtmp://h/"),
    "url-auth": pairs(StreamURL="rtmp://u:p@h:1935/a/b?auth_key=1-0-0-%2B+&x=#f"),
    "url-upper": pairs(StreamURL="RTMP://H/p"),
    "url-ipv6": pairs(StreamURL="rtmp://[::1]/p"),
    "odd-characters": pairs(AppId=" +*~%&=/?#'()!", TaskId="\U0001f600e\u0301", ChannelId="测"),
}  # fmt: skip


@pytest.mark.parametrize("given", ALLOWED.values(), ids=ALLOWED)
def test_what_the_documentation_allows_is_accepted(given: list[tuple[str, str]]) -> None:
    """Nothing is refused that the contract allows, and nothing noted."""
    assert noted(given) == []


OPEN = {
    "plus": (pairs(MediaEncode="+20"), "silence.integer-form"),
    "zeros": (pairs(BackgroundColor="007"), "silence.integer-form"),
    "spaces": (pairs(LayoutIds__1=" 1 "), "silence.integer-form"),
    "other-script": (pairs(UserPanes__0__PaneId="٠"), "silence.integer-form"),
    "rtmps": (pairs(StreamURL="rtmps://h/p"), "silence.rtmps"),
    "both-task-ids": ([*pairs(), ("TaskID", "t2")], "silence.task-id-twice"),
    "repeated": ([*pairs(), ("AppId", "b")], "silence.repeated-parameter"),
    "repeated-item": ([*pairs(), ("LayoutIds.1", "9")], "silence.repeated-parameter"),
    "repeated-field": (
        [*pairs(), ("UserPanes.0.UserId", "b")],
        "silence.repeated-parameter",
    ),
    "bare-list": ([*pairs(), ("LayoutIds", "9")], "silence.bare-list"),
    "bare-item": ([*pairs(), ("UserPanes.0", "9")], "silence.bare-list"),
    "list-index": ([*pairs(), ("LayoutIds.x", "9")], "silence.list-index"),
    "list-index-zero": ([*pairs(), ("LayoutIds.03", "9")], "silence.list-index"),
    "list-item-field": ([*pairs(), ("LayoutIds.1.x", "9")], "silence.list-index"),
    "repeated-pane-id": (pairs(UserPanes__1__PaneId="0"), "silence.repeated-pane-id"),
    "resolution": (pairs(MediaEncode="30"), "silence.resolution-above-profile"),
    "inputs": (
        pairs(LayoutIds__2="11"),
        "silence.layout-above-profile",
    ),
    "equal-counts": (
        pairs(LayoutIds__1="2", LayoutIds__2="3"),
        "silence.equal-pane-counts",
    ),
    "pane-outside": (pairs(UserPanes__1__PaneId="2"), "silence.pane-outside-layouts"),
    "audio-profile": (pairs(TaskProfile="Mixed_Audio"), "silence.audio-video-mix"),
    "audio-encode": (pairs(MediaEncode="0"), "silence.audio-video-mix"),
}


@pytest.mark.parametrize(("given", "silence"), OPEN.values(), ids=OPEN)
def test_what_the_sources_leave_open_is_accepted_and_noted(
    given: list[tuple[str, str]], silence: str
) -> None:
    """What is neither allowed nor forbidden is no problem, and the note says which silence."""
    assert noted(given) == [silence]


def test_problems_come_in_the_order_in_which_they_are_answered() -> None:
    """What is missing comes first, then wrong values, each in the table's order."""
    given = pairs(
        "TaskId", StreamURL="x", MediaEncode="2", LayoutIds__1="x", ChannelId="", TaskProfile="x"
    )
    assert [path for path, _ in broken(given)] == [
        *("ChannelId", "TaskId"),
        *("TaskProfile", "MediaEncode", "LayoutIds.1", "StreamURL"),
    ]


def test_every_defect_of_a_list_is_named() -> None:
    """Where, expected and got are in the message of each problem."""
    given = pairs("UserPanes.0.UserId", UserPanes__1__PaneId="16", LayoutIds__1="x")
    assert [str(problem) for problem in judge(given, CONTRACT).problems] == [
        "LayoutIds.1: expected an Integer, got 'x' (layout-ids.integer)",
        "UserPanes.0.UserId: expected a value, got nothing (user-panes.user-id.required)",
        "UserPanes.1.PaneId: expected 0…15, got '16' (user-panes.pane-id.range)",
    ]


def test_a_gap_is_named() -> None:
    """The message of a gap names the first item that is missing."""
    (problem,) = judge(renamed("LayoutIds.2", "LayoutIds.4"), CONTRACT).problems
    assert problem.got == "LayoutIds.2 is missing before LayoutIds.4"


def test_a_long_value_is_cut_in_a_message() -> None:
    """A message does not repeat an endless value."""
    (problem,) = judge(pairs(TaskProfile="x" * 1000), CONTRACT).problems
    assert problem.got == "'" + "x" * 77 + "'… (1000 characters)"


def test_the_first_of_a_repeated_parameter_counts() -> None:
    """A later value of a repeated parameter is not judged."""
    assert noted([*pairs(), ("MediaEncode", "2")]) == ["silence.repeated-parameter"]
    assert broken([("MediaEncode", "2"), *pairs()]) == [("MediaEncode", "media-encode.enum")]


def test_ten_and_more_panes_are_ordered_by_number() -> None:
    """Item 10 follows item 9, not item 1."""
    given = pairs(*(name for name in VALID if name.startswith("UserPanes")))
    for index in range(16):
        given += [
            (f"UserPanes.{index}.PaneId", str(index)),
            (f"UserPanes.{index}.UserId", "u"),
            (f"UserPanes.{index}.SourceType", "camera"),
        ]
    assert broken(given) == []


NAMES = st.one_of(
    st.sampled_from([*VALID, "TaskID", "LayoutIds", "LayoutIds.", "LayoutIds.1.1", "UserPanes."]),
    st.builds("LayoutIds.{}".format, st.integers()),
    st.builds("UserPanes.{}.{}".format, st.integers(-1, 20), st.text(max_size=3)),
    st.text(max_size=5),
)
VALUES = st.one_of(
    st.sampled_from([*VALID.values(), "", "0", "-1", "٣", "1" * 60, "rtmp://[", "rtmp://"]),
    st.text(max_size=8),
)


@settings(derandomize=True)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=20))
def test_any_pairs_can_be_judged(given_pairs: list[tuple[str, str]]) -> None:
    """Whatever comes is judged: every problem has a clause with a Code, none is met twice."""
    judgement = judge(given_pairs, CONTRACT)
    assert all(problem.clause.codes for problem in judgement.problems)
    seen = [(problem.path, problem.clause.id) for problem in judgement.problems]
    assert len(seen) == len(set(seen))


@settings(derandomize=True)
@given(st.integers())
def test_an_integer_is_judged_by_its_value(number: int) -> None:
    """The plain form of any integer is an Integer, and right when it is in the range."""
    assert rules.is_integer(str(number))
    assert not rules.is_open_integer(str(number))
    right = 0 <= number <= 16777215
    assert broken(pairs(BackgroundColor=str(number))) == (
        [] if right else [("BackgroundColor", "background-color.range")]
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["StreamURL", "ChannelId", "UserPanes__0__UserId"]),
            st.sampled_from(
                ["rtmp://h/p", "rtmp://other/p?q", "rtmps://h/p", "http://h/p", "rtmp://h", "…", ""]
            ),
        ),
        min_size=2,
        max_size=4,
    )
)
def test_a_judgement_does_not_depend_on_the_ones_before_it(changes: list[tuple[str, str]]) -> None:
    """What is kept of earlier judgements gives what judging anew would give."""
    contract = replace(CONTRACT)  # about which nothing is known yet
    for name, value in changes:
        sent = pairs(**{name: value})
        assert judge(sent, contract) == judge(sent, replace(CONTRACT))
