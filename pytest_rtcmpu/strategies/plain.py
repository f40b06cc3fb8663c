"""Plain valid parameters, and the two forms that parameters have.

As documented names with nested lists, as testees get them:
``{"MediaEncode": 20, "LayoutIds": [1, 2], "UserPanes": [{"PaneId": 0, …}]}``; and as ordered pairs,
as they go onto the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.model import StartMPUTask

Params = Mapping[str, Any]


def to_pairs(params: Params, *, panes_from: int = 0) -> list[tuple[str, str]]:
    """Return parameters as ordered pairs, whatever they hold."""
    pairs: list[tuple[str, str]] = []
    for name, value in params.items():
        if not isinstance(value, list):
            pairs.append((name, str(value)))
            continue
        for index, item in enumerate(value):
            if isinstance(item, Mapping):
                prefix = f"{name}.{index + panes_from}"
                pairs += ((f"{prefix}.{part}", str(text)) for part, text in item.items())
            else:
                pairs.append((f"{name}.{index + 1}", str(item)))
    return pairs


def from_task(task: StartMPUTask) -> dict[str, Any]:
    """Return a task as parameters."""
    return {
        "AppId": task.app_id,
        "ChannelId": task.channel_id,
        "TaskId": task.task_id,
        "TaskProfile": str(task.task_profile),
        "MediaEncode": int(task.media_encode),
        "BackgroundColor": task.background_color,
        "LayoutIds": list(task.layout_ids),
        "UserPanes": [
            {"PaneId": p.pane_id, "UserId": p.user_id, "SourceType": str(p.source_type)}
            for p in task.user_panes
        ],
        "StreamURL": task.stream_url,
    }


def plain(contract: Contract, **changes: Any) -> dict[str, Any]:
    """Return plain valid parameters, with changes by name; the runner makes TaskId unique."""
    params = {
        "AppId": "app1",
        "ChannelId": "channel1",
        "TaskId": "task1",
        "TaskProfile": contract.parameter("TaskProfile").values[0].value,
        "MediaEncode": contract.parameter("MediaEncode").values[-2].value,
        "BackgroundColor": 1,
        "LayoutIds": list(contract.layouts)[:2],
        "UserPanes": [],
        "StreamURL": "rtmp://live.example.com/app/stream",
    }
    return {**params, **changes}


def pane(
    contract: Contract, pane_id: int, user_id: str = "user", source: int = 0
) -> dict[str, Any]:
    """Return one pane, its SourceType the one at that place in the enumeration."""
    sources = contract.parameter("UserPanes.SourceType").values
    value = sources[source % len(sources)].value
    return {"PaneId": pane_id, "UserId": user_id, "SourceType": value}


def panes(contract: Contract, count: int) -> list[dict[str, Any]]:
    """Return that many panes, from the first on, sources taking turns."""
    return [pane(contract, i, f"user{i}", i) for i in range(count)]


def with_items(contract: Contract, name: str, count: int) -> list[tuple[str, str]]:
    """Return plain pairs in which the list of that name has so many items."""
    items: list[Any] = (
        panes(contract, count)
        if contract.parameter(name).kind == "struct-list"
        else list(contract.layouts)[:count]
    )
    return to_pairs(plain(contract, **{name: items}))
