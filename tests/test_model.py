"""The task as a value: valid by construction, the same on the wire and back."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rtcmpu.contract import load
from pytest_rtcmpu.errors import InvalidTask, RTCMPUError
from pytest_rtcmpu.model import (
    MediaEncode,
    SourceType,
    StartMPUTask,
    TaskProfile,
    UserPane,
    example_task,
    rgb,
    rgb_components,
)
from pytest_rtcmpu.rules import judge

CONTRACT = load()
ODD = " +*~%&=/?#'()!测😀e\u0301"


def given_task(**changes: Any) -> dict[str, Any]:
    """Return the arguments of a valid task, with changes."""
    return {
        "app_id": "a",
        "channel_id": "c",
        "task_id": "t",
        "task_profile": "4IN_720P",
        "media_encode": 20,
        "background_color": 255,
        "layout_ids": [1, 2],
        "user_panes": [
            UserPane(pane_id=0, user_id=ODD, source_type="camera"),
            UserPane(pane_id=1, user_id="u1", source_type="shareScreen"),
        ],
        "stream_url": "rtmp://h/p?auth_key=1-0-0-%2B+" + ODD,
    } | changes


def task(**changes: Any) -> StartMPUTask:
    """Return a valid task, with changes."""
    return StartMPUTask(**given_task(**changes))


def problems(**changes: Any) -> list[str]:
    """Return the messages of everything that is wrong with a task."""
    with pytest.raises(InvalidTask) as caught:
        task(**changes)
    return [str(problem) for problem in caught.value.problems]


# ------------------------------------------------------------------------------------ values


def test_a_task_is_frozen_hashable_and_equal_by_value() -> None:
    """Two tasks with the same values are one; none can be changed."""
    assert task() == task()
    assert hash(task()) == hash(task())
    assert task() != task(task_id="t2")
    assert len({task(), task(), task(task_id="t2")}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        task().task_id = "x"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        task().user_panes[0].pane_id = 3  # type: ignore[misc]


def test_arguments_are_keyword_only() -> None:
    """Nothing is given by position."""
    with pytest.raises(TypeError):
        StartMPUTask("a", "c", "t", "4IN_720P", 20, [1], "rtmp://h/p")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        UserPane(0, "u", "camera")  # type: ignore[call-arg]


def test_lists_become_tuples_and_values_members() -> None:
    """What is given plainly is kept as a tuple and as enumeration members."""
    made = task(layout_ids=iter([1, 2]), user_panes=iter(()))
    assert made.layout_ids == (1, 2)
    assert made.user_panes == ()
    assert made.task_profile is TaskProfile("4IN_720P")
    assert made.media_encode is MediaEncode.P720
    assert task().user_panes[0].source_type is SourceType.camera
    assert made == task(
        layout_ids=(1, 2), user_panes=[], task_profile=TaskProfile("4IN_720P"), media_encode=20
    )


def test_black_is_the_default_background() -> None:
    """BackgroundColor may be left out; it is sent all the same."""
    arguments = given_task()
    del arguments["background_color"]
    assert ("BackgroundColor", "0") in StartMPUTask(**arguments).to_wire()


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_task_can_be_copied_and_pickled(again: Any) -> None:
    """A copy is equal, with members and tuples."""
    copied = again(task())
    assert copied == task()
    assert copied.media_encode is MediaEncode.P720
    assert hash(copied) == hash(task())


def test_replace_makes_another_valid_task() -> None:
    """``dataclasses.replace`` works and validates."""
    assert dataclasses.replace(task(), task_id="t2") == task(task_id="t2")
    with pytest.raises(InvalidTask, match=r"MediaEncode: expected one of 0, 1, 10, 20, 30, got"):
        dataclasses.replace(task(), media_encode=2)
    pane = task().user_panes[0]
    assert dataclasses.replace(pane, pane_id=5).pane_id == 5
    with pytest.raises(InvalidTask):
        dataclasses.replace(pane, pane_id=16)


def test_the_example_is_valid() -> None:
    """S1's example, completed and corrected, keeps every rule and relies on nothing open."""
    judgement = judge(example_task().to_wire(), CONTRACT)
    assert judgement.problems == ()
    assert judgement.notes == ()
    wire = dict(example_task().to_wire())
    assert wire["MediaEncode"] != "2"
    assert (wire["LayoutIds.1"], wire["LayoutIds.2"]) == ("1", "2")
    assert wire["UserPanes.0.PaneId"] == "0"


# -------------------------------------------------------------------------------- enumerations


def test_task_profiles() -> None:
    """The profiles' members are texts."""
    assert list(TaskProfile) == [
        *("4IN_720P", "2IN_720P", "1IN_720P", "4IN_360P", "2IN_360P", "1IN_360P"),
        *("Mixed_Audio", "1IN_Audio"),
    ]
    assert f"{TaskProfile('Mixed_Audio')}" == "Mixed_Audio"
    assert TaskProfile["Mixed_Audio"] == "Mixed_Audio"


def test_source_types() -> None:
    """The source types' members are texts."""
    assert list(SourceType) == ["camera", "shareScreen"]


@pytest.mark.parametrize(
    ("value", "name", "resolution", "bitrate", "frame_rate"),
    [
        (0, "AUDIO_ONLY", None, None, None),
        (1, "P360", "360p", 500, 15),
        (10, "P540", "540p", 700, 24),
        (20, "P720", "720p", 1000, 25),
        (30, "P1080", "1080p", 2000, 30),
    ],
)
def test_media_encodes(
    value: int, name: str, resolution: str | None, bitrate: int | None, frame_rate: int | None
) -> None:
    """An encode has its resolution, its kbit/s and its fps."""
    encode = MediaEncode(value)
    assert (encode.name, encode) == (name, value)
    assert (encode.resolution, encode.bitrate, encode.frame_rate) == (
        resolution,
        bitrate,
        frame_rate,
    )
    assert len(MediaEncode) == 5


# ------------------------------------------------------------------------------------- colours


@pytest.mark.parametrize(
    ("components", "color"),
    [
        ((0, 0, 0), 0),
        ((255, 0, 0), 255),
        ((0, 255, 0), 65280),
        ((0, 0, 255), 16711680),
        ((255, 255, 255), 16777215),
        ((1, 2, 3), 197121),
    ],
)
def test_colours(components: tuple[int, int, int], color: int) -> None:
    """A colour is R + G·256 + B·65536."""
    assert rgb(*components) == color
    assert rgb_components(color) == components


BYTES = st.integers(0, 255)


@settings(derandomize=True)
@given(BYTES, BYTES, BYTES)
def test_a_colour_comes_back(red: int, green: int, blue: int) -> None:
    """Components → integer → components changes nothing, and the integer is a valid colour."""
    assert rgb(red, green, blue) == red + green * 256 + blue * 65536
    assert rgb_components(rgb(red, green, blue)) == (red, green, blue)
    assert task(background_color=rgb(red, green, blue))


@settings(derandomize=True)
@given(st.integers(0, 16777215))
def test_a_wire_integer_comes_back(color: int) -> None:
    """Integer → components → integer changes nothing."""
    assert rgb(*rgb_components(color)) == color


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize(
    ("value", "error"),
    [(-1, ValueError), (256, ValueError), (1.0, TypeError), (True, TypeError), ("1", TypeError)],
)
def test_a_component_outside_is_refused(place: int, value: Any, error: type[Exception]) -> None:
    """Each component is an int from 0 to 255; the message names the one that is not."""
    components = [0, 0, 0]
    components[place] = value
    with pytest.raises(error, match=("red", "green", "blue")[place]):
        rgb(*components)


@pytest.mark.parametrize("color", [-1, 16777216])
def test_a_colour_outside_has_no_components(color: int) -> None:
    """Only a valid colour can be taken apart."""
    with pytest.raises(ValueError, match=f"expected a colour from 0 to 16777215, got {color}"):
        rgb_components(color)


# ------------------------------------------------------------------------------------- invalid


def test_everything_wrong_is_listed_at_once() -> None:
    """One error lists every problem with parameter, expected, got and clause."""
    assert problems(
        app_id="",
        task_id=5,
        task_profile="4in_720p",
        media_encode=2,
        background_color=16777216,
        layout_ids=[1, 12, "3"],
        user_panes=["teacher"],
        stream_url="http://h/p",
    ) == [
        "TaskId: expected a str that UTF-8 can carry, got int 5 (request.utf-8)",
        "LayoutIds.3: expected an int, got str '3' (request.integer.form)",
        "UserPanes.0: expected UserPane, got str 'teacher' (request.utf-8)",
        "AppId: expected a value, got an empty value (app-id.required)",
        "TaskProfile: expected one of 4IN_720P, 2IN_720P, 1IN_720P, 4IN_360P, 2IN_360P, 1IN_360P, "
        "Mixed_Audio, 1IN_Audio, got '4in_720p' (task-profile.letter-case)",
        "MediaEncode: expected one of 0, 1, 10, 20, 30, got '2' (media-encode.enum)",
        "BackgroundColor: expected 0…16777215, got '16777216' (background-color.range)",
        "LayoutIds.2: expected a known layout, one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, "
        "got '12' (layout-ids.known)",
        "StreamURL: expected a URL with scheme rtmp, got 'http://h/p' (stream-url.rtmp)",
    ]


def test_the_error_is_a_value_error_that_lists_the_problems() -> None:
    """InvalidTask is a ValueError; its text holds every problem on a line."""
    with pytest.raises(ValueError, match=r"^2 problems\n  LayoutIds: .*\n  MediaEncode: ") as e:
        task(media_encode=2, layout_ids=[])
    assert isinstance(e.value, RTCMPUError)
    with pytest.raises(ValueError, match=r"^1 problem\n  MediaEncode: "):
        task(media_encode=2)


class Odd(StrEnum):
    """An enumeration of somebody else's."""

    PROFILE = "5IN_720P"


WRONG_TYPES = {
    "int-for-str": ({"app_id": 5}, "AppId", "int 5"),
    "bytes": ({"stream_url": b"rtmp://h/p"}, "StreamURL", "bytes b'rtmp://h/p'"),
    "lone-surrogate": ({"task_id": "a\ud800"}, "TaskId", r"str 'a\ud800'"),
    "encode-str": ({"media_encode": "20"}, "MediaEncode", "str '20'"),
    "encode-float": ({"media_encode": 20.0}, "MediaEncode", "float 20.0"),
    "encode-bool": ({"media_encode": True}, "MediaEncode", "bool True"),
    "color-bool": ({"background_color": False}, "BackgroundColor", "bool False"),
    "color-hex": ({"background_color": "#ff0000"}, "BackgroundColor", "str '#ff0000'"),
    "layouts-str": ({"layout_ids": "12"}, "LayoutIds", "str '12'"),
    "layouts-int": ({"layout_ids": 1}, "LayoutIds", "int 1"),
    "layout-bool": ({"layout_ids": [1, True]}, "LayoutIds.2", "bool True"),
    "layout-float": ({"layout_ids": [1.0]}, "LayoutIds.1", "float 1.0"),
    "pane-int": ({"user_panes": [0]}, "UserPanes.0", "int 0"),
    "long": ({"app_id": ["x" * 100]}, "AppId", "list ['" + "x" * 75 + "…"),
}


@pytest.mark.parametrize(("changes", "path", "got"), WRONG_TYPES.values(), ids=WRONG_TYPES)
def test_a_value_of_the_wrong_type_is_one_problem(
    changes: dict[str, Any], path: str, got: str
) -> None:
    """A wrong type is named once, with the type and the value; it is not also missing."""
    (message,) = problems(**changes)
    assert message.startswith(f"{path}: expected ")
    assert f", got {got} (" in message


def test_none_is_a_value_that_was_not_given() -> None:
    """What is None is missing where it is required, and left out where it is not."""
    assert problems(channel_id=None, layout_ids=None) == [
        "ChannelId: expected a value, got nothing (channel-id.required)",
        "LayoutIds: expected a value, got nothing (layout-ids.required)",
    ]
    assert task(background_color=None, user_panes=None) == task(background_color=0, user_panes=())


def test_a_pane_may_be_given_as_a_mapping() -> None:
    """Fields by their Python names or by the documented ones make a UserPane."""
    pane = {"pane_id": 0, "user_id": "u", "source_type": "camera"}
    wire = {"PaneId": 0, "UserId": "u", "SourceType": "camera"}
    assert task(user_panes=[pane]) == task(user_panes=[wire]) == task(user_panes=[UserPane(**pane)])


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (
            {"pane_id": 16, "user_id": "u", "source_type": "camera"},
            ["UserPanes.0.PaneId: expected 0…15, got '16' (user-panes.pane-id.range)"],
        ),
        (
            {"pane_id": True, "user_id": "", "source_type": "Camera"},
            [
                "UserPanes.0.PaneId: expected an int, got bool True (request.integer.form)",
                "UserPanes.0.UserId: expected a value, got an empty value "
                "(user-panes.user-id.required)",
                "UserPanes.0.SourceType: expected one of camera, shareScreen, got 'Camera' "
                "(user-panes.source-type.letter-case)",
            ],
        ),
        (
            {"pane_id": -1, "user_id": None, "source_type": None},
            [
                "UserPanes.0.PaneId: expected 0…15, got '-1' (user-panes.pane-id.range)",
                "UserPanes.0.UserId: expected a value, got nothing (user-panes.user-id.required)",
                "UserPanes.0.SourceType: expected a value, got nothing "
                "(user-panes.source-type.required)",
            ],
        ),
    ],
    ids=["range", "everything", "none"],
)
def test_an_invalid_pane_lists_its_problems(arguments: dict[str, Any], messages: list[str]) -> None:
    """A pane is validated when it is made."""
    with pytest.raises(InvalidTask) as caught:
        UserPane(**arguments)
    assert [str(problem) for problem in caught.value.problems] == messages


def test_an_enumeration_of_somebody_elses_is_judged_by_its_value() -> None:
    """A member of another enumeration is no valid profile for being one."""
    (message,) = problems(task_profile=Odd.PROFILE)
    assert "got '5IN_720P' (task-profile.enum)" in message


# -------------------------------------------------------------------------------------- layouts


def test_a_registered_layout_is_accepted() -> None:
    """Layouts above 10000 are valid where the contract has them."""
    registered = CONTRACT.with_layouts({10001: 3})
    made = task(layout_ids=[1, 10001], contract=registered)
    assert made.layout_ids == (1, 10001)
    assert StartMPUTask.from_wire(made.to_wire(), contract=registered) == made
    assert problems(layout_ids=[1, 10001]) == [
        "LayoutIds.2: expected a known layout, one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, "
        "got '10001' (layout-ids.known); endpoint.register_layout(10001, panes) makes it known, "
        "to endpoint.contract too: give contract=endpoint.contract"
    ]
    again = dataclasses.replace(made, task_id="t2", contract=registered)
    assert again.layout_ids == (1, 10001)


# ----------------------------------------------------------------------------------------- wire


def test_the_wire_form_is_ordered_and_not_encoded() -> None:
    """The pairs come in the documented order, decoded, integers as digits."""
    assert task().to_wire() == [
        ("AppId", "a"),
        ("ChannelId", "c"),
        ("TaskId", "t"),
        ("TaskProfile", "4IN_720P"),
        ("MediaEncode", "20"),
        ("BackgroundColor", "255"),
        ("LayoutIds.1", "1"),
        ("LayoutIds.2", "2"),
        ("UserPanes.0.PaneId", "0"),
        ("UserPanes.0.UserId", ODD),
        ("UserPanes.0.SourceType", "camera"),
        ("UserPanes.1.PaneId", "1"),
        ("UserPanes.1.UserId", "u1"),
        ("UserPanes.1.SourceType", "shareScreen"),
        ("StreamURL", "rtmp://h/p?auth_key=1-0-0-%2B+" + ODD),
    ]


def test_panes_may_count_from_one() -> None:
    """``user_panes_from=1`` numbers panes as the published clients do; layouts stay."""
    names = [name for name, _ in task().to_wire(user_panes_from=1)]
    assert names[6:9] == ["LayoutIds.1", "LayoutIds.2", "UserPanes.1.PaneId"]
    assert "UserPanes.0.PaneId" not in names
    with pytest.raises(ValueError, match=r"user_panes_from: expected one of \(0, 1\), got 2"):
        task().to_wire(user_panes_from=2)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
TASKS = st.builds(
    StartMPUTask,
    app_id=TEXTS,
    channel_id=TEXTS,
    task_id=TEXTS,
    task_profile=st.sampled_from(TaskProfile),
    media_encode=st.sampled_from(MediaEncode),
    background_color=st.integers(0, 16777215),
    layout_ids=st.lists(st.integers(1, 11), min_size=1, max_size=20),
    user_panes=st.lists(
        st.builds(
            UserPane,
            pane_id=st.integers(0, 15),
            user_id=TEXTS,
            source_type=st.sampled_from(SourceType),
        ),
        max_size=16,
    ),
    stream_url=TEXTS.map("rtmp://host/app/{}".format),
    others=st.just(()),
    contract=st.none(),
)


@settings(derandomize=True)
@given(TASKS, st.sampled_from([0, 1]), st.randoms())
def test_a_task_comes_back(made: StartMPUTask, base: int, random: Any) -> None:
    """Task → pairs → task changes nothing, whatever the base and the order of the pairs."""
    pairs = made.to_wire(user_panes_from=base)
    assert StartMPUTask.from_wire(pairs) == made
    random.shuffle(pairs)
    assert StartMPUTask.from_wire(pairs) == made
    assert StartMPUTask.from_wire(pairs).to_wire(user_panes_from=base) == made.to_wire(
        user_panes_from=base
    )


def test_common_and_unknown_parameters_are_ignored() -> None:
    """Pairs of a whole request describe the task in it."""
    pairs = [("Action", "StartMPUTask"), ("RegionId", "cn"), ("Signature", "s"), ("X.1", "y")]
    assert StartMPUTask.from_wire([*pairs, *task().to_wire()]) == task()


def test_task_id_may_be_written_in_capitals() -> None:
    """S1's own table writes TaskID."""
    pairs = [("TaskID" if n == "TaskId" else n, v) for n, v in task().to_wire()]
    assert StartMPUTask.from_wire(pairs) == task()


@pytest.mark.parametrize("name", ["AppId", "LayoutIds.2", "UserPanes.1.UserId", "StreamURL"])
def test_a_duplicate_is_reported(name: str) -> None:
    """A name that comes twice is a problem, even with one value."""
    pairs = task().to_wire()
    with pytest.raises(InvalidTask) as caught:
        StartMPUTask.from_wire([*pairs, (name, dict(pairs)[name])])
    assert [str(problem) for problem in caught.value.problems] == [
        f"{name}: expected to be sent once, got it again (request.parameter.once)"
    ]


def test_invalid_pairs_list_every_problem() -> None:
    """What breaks a rule on the wire raises the same error as a value does."""
    pairs = dict(task().to_wire()) | {"MediaEncode": "x", "UserPanes.0.PaneId": "16"}
    del pairs["AppId"]
    with pytest.raises(InvalidTask) as caught:
        StartMPUTask.from_wire(list(pairs.items()))
    assert [problem.clause.id for problem in caught.value.problems] == [
        "app-id.required",
        "media-encode.integer",
        "user-panes.pane-id.range",
    ]


def test_no_pairs_describe_no_task() -> None:
    """Of nothing every required parameter is missing."""
    with pytest.raises(InvalidTask) as caught:
        StartMPUTask.from_wire([])
    assert [problem.path for problem in caught.value.problems] == [
        *("AppId", "ChannelId", "TaskId", "TaskProfile", "MediaEncode"),
        *("BackgroundColor", "LayoutIds", "StreamURL"),
    ]
