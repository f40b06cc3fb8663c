"""Cases for the fixed phases: valid parameters and ways to break one, out of the contract.

Parameters are in the documented names' own form, as the line protocol has them:
``{"MediaEncode": 20, "LayoutIds": [1, 2], "UserPanes": [{"PaneId": 0, …}]}``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from allpairspy import AllPairs  # type: ignore[import-untyped]

from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.rules import Pairs
from pytest_rtcmpu.strategies import defects
from pytest_rtcmpu.strategies.plain import from_task, pane, panes, plain, to_pairs
from pytest_rtcmpu.strategies.values import ODD_ASCII as ODD_CHARACTERS
from pytest_rtcmpu.strategies.values import ODD_TEXTS

__all__ = [
    "ODD_CHARACTERS",
    "ODD_TEXTS",
    "breaches",
    "from_task",
    "pairwise",
    "pane",
    "panes",
    "plain",
    "to_pairs",
    "valid",
]


def long_text(length: int) -> str:
    """Return a text of that length, in letters, digits, _ and -, no part like another."""
    return "".join(f"{i}-" for i in range(length))[: length - 2] + "_Z"


def _colours(contract: Contract) -> dict[str, int]:
    p = contract.parameter("BackgroundColor")
    low, high = p.minimum or 0, p.maximum or 0
    return {
        "lowest": low,
        "red": low + 255,
        "green": 255 << 8,
        "blue": 255 << 16,
        "grey": 0x808080,
        "odd": 1 << 20 | 7,
        "highest": high,
    }


def _layouts(contract: Contract) -> dict[str, list[int]]:
    ids = list(contract.layouts)
    return {
        "first": ids[:1],
        "last": ids[-1:],
        "two": ids[:2],
        "two, falling": [ids[-1], ids[0]],
        "ten": ids[:10],
        "all": ids,
    }


def _pane_lists(contract: Contract) -> dict[str, list[dict[str, Any]]]:
    p = contract.parameter("UserPanes.PaneId")
    low, high = p.minimum or 0, p.maximum or 0
    return {
        "none": [],
        "first": [pane(contract, low)],
        "last": [pane(contract, high, source=1)],
        "two": panes(contract, 2),
        "ten": panes(contract, 10),
        "all": panes(contract, high - low + 1),
        "odd user": [pane(contract, low, f"u {ODD_CHARACTERS}中😀")],
    }


def valid(contract: Contract) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (name, clause it is about, parameters) for every row of every table, one at a time."""

    def rule(name: str, rule: str) -> str:
        return contract.rule(name, rule).id

    yield "plain", "request.accepted", plain(contract)
    for row in contract.parameter("TaskProfile").values:
        yield (
            f"TaskProfile={row.value}",
            rule("TaskProfile", "enum"),
            plain(contract, TaskProfile=row.value),
        )
    for row in contract.parameter("MediaEncode").values:
        clause = rule("MediaEncode", "enum") if row.value else "media-encode.zero"
        yield f"MediaEncode={row.value}", clause, plain(contract, MediaEncode=row.value)
    for colour in _colours(contract).values():
        clause = rule("BackgroundColor", "range") if colour else "background-color.zero"
        yield f"BackgroundColor={colour}", clause, plain(contract, BackgroundColor=colour)
    for layout in contract.layouts:
        yield f"LayoutIds={layout}", rule("LayoutIds", "known"), plain(contract, LayoutIds=[layout])
    for name, ids in _layouts(contract).items():
        yield f"LayoutIds {name}", "layout-ids.several", plain(contract, LayoutIds=ids)
    for name, items in _pane_lists(contract).items():
        clause = "user-panes.complete" if items else "user-panes.optional"
        yield f"UserPanes {name}", clause, plain(contract, UserPanes=items)
    twice = [pane(contract, i, "user", i) for i in range(2)]
    yield "one user in two panes", "user-panes.complete", plain(contract, UserPanes=twice)
    for name in ("AppId", "ChannelId", "TaskId"):
        longest = contract.parameter(name).generate["max"]
        changes = {name: long_text(longest)}
        yield f"{name} of {longest} characters", "request.accepted", plain(contract, **changes)
    p = contract.parameter("UserPanes.PaneId")
    for pane_id in range(p.minimum or 0, (p.maximum or 0) + 1):
        clause = rule("UserPanes.PaneId", "range") if pane_id else "user-panes.pane-id.zero"
        yield f"PaneId={pane_id}", clause, plain(contract, UserPanes=[pane(contract, pane_id)])
    for index, row in enumerate(contract.parameter("UserPanes.SourceType").values):
        items = [pane(contract, 0, source=index)]
        name = f"SourceType={row.value}"
        yield name, rule("UserPanes.SourceType", "enum"), plain(contract, UserPanes=items)
    for text in ODD_TEXTS:
        items = [pane(contract, 0, text)]
        yield f"UserId={text}", "request.utf-8", plain(contract, UserPanes=items)
        url = f"rtmp://live.example.com/app/s{text}"
        yield f"StreamURL={url}", "request.utf-8", plain(contract, StreamURL=url)
    for url in (
        "rtmp://live.example.com/app/stream?auth_key=1700000000-0-0-0a1b2c",
        "rtmp://live.example.com:1935/app/stream?vhost=a.example.com&auth_key=1-0-0-%2B%2f",
        "rtmp://live.example.com/app/Stream?txSecret=AbC%20d&txTime=5F#x",
        "rtmp://10.0.0.1/app/stream?a=1&a=2&empty=",
    ):
        yield f"StreamURL={url}", "request.accepted", plain(contract, StreamURL=url)


def pairwise(contract: Contract, **factors: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any], dict[str, str]]]:  # fmt: skip  # noqa: E501
    """Yield (name, parameters, further factors' values): every pair of classes appears.

    Classes: each TaskProfile × each MediaEncode × colour × layouts × panes × further factors.
    """
    colours, layouts, pane_lists = _colours(contract), _layouts(contract), _pane_lists(contract)
    columns: dict[str, tuple[Any, ...]] = {
        "TaskProfile": tuple(row.value for row in contract.parameter("TaskProfile").values),
        "MediaEncode": tuple(row.value for row in contract.parameter("MediaEncode").values),
        "BackgroundColor": tuple(colours),
        "LayoutIds": tuple(layouts),
        "UserPanes": tuple(pane_lists),
        **factors,
    }
    for values in AllPairs([list(column) for column in columns.values()]):
        row = dict(zip(columns, values, strict=True))
        params = plain(
            contract,
            TaskProfile=row["TaskProfile"],
            MediaEncode=row["MediaEncode"],
            BackgroundColor=colours[row["BackgroundColor"]],
            LayoutIds=layouts[row["LayoutIds"]],
            UserPanes=pane_lists[row["UserPanes"]],
        )
        name = " × ".join(map(str, row.values()))
        yield name, params, {factor: row[factor] for factor in factors}


def breaches(contract: Contract) -> Iterator[tuple[str, str, Pairs]]:
    """Yield (name, clause, pairs) for every way to break one rule of a parameter, in the open.

    What the sources leave open is not among them.
    """
    for clause in contract.clauses:
        for name, pairs in defects.examples(contract, clause):
            yield name, clause.id, pairs
