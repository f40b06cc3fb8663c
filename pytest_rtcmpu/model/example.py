"""S1's own example as a value."""

from __future__ import annotations

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.model.operations import StartMPUTask
from pytest_rtcmpu.model.panes import UserPane

_DEFAULT = _contract.load()


def example_task(*, contract: Contract | None = None) -> StartMPUTask:
    """Return S1's own example, completed (it leaves TaskProfile and most values out) and corrected.

    Its MediaEncode 2 is not in its own table; here it is the first of the encodes with a picture
    as high as the first profile's.
    """
    profile = _DEFAULT.parameter("TaskProfile").values[0]
    encode = next(
        row
        for row in _DEFAULT.parameter("MediaEncode").values
        if row.attributes.get("resolution") == profile.attributes.get("resolution")
    )
    source = _DEFAULT.parameter("UserPanes.SourceType").values
    return StartMPUTask(
        app_id="example-app",
        channel_id="example-channel",
        task_id="example-task",
        task_profile=str(profile.value),
        media_encode=int(encode.value),
        background_color=0,
        layout_ids=list(_DEFAULT.layouts)[:2],
        user_panes=[
            UserPane(pane_id=0, user_id="teacher", source_type=str(source[0].value)),
            UserPane(pane_id=1, user_id="student", source_type=str(source[1].value)),
        ],
        stream_url="rtmp://live.example.com/app/stream?auth_key=1700000000-0-0-abc",
        contract=contract,
    )
