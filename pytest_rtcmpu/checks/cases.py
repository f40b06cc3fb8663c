"""Cases for the fixed phases: valid parameters and ways to break one, out of the contract.

Parameters are in the documented names' own form, as the line protocol has them:
``{"MediaEncode": 20, "LayoutIds": [1, 2], "UserPanes": [{"PaneId": 0, …}]}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from allpairspy import AllPairs  # type: ignore[import-untyped]

from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.model import StartMPUTask

Params = Mapping[str, Any]

#: What gets lost when text is encoded carelessly, each alone and all together (contract.md's list).
ODD_CHARACTERS = " +*~%&=/?#'()!"
ODD_TEXTS = (
    *(f"a{character}b" for character in ODD_CHARACTERS),
    f"a{ODD_CHARACTERS}b",
    "a%20b%2Bc",
    "中文",
    "😀",
    "e\u0301",
    "é",
    "A-Z_a.z~0",
)


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
    yield "plain", "request.accepted", plain(contract)
    for row in contract.parameter("TaskProfile").values:
        yield (
            f"TaskProfile={row.value}",
            "task-profile.enum",
            plain(contract, TaskProfile=row.value),
        )
    for row in contract.parameter("MediaEncode").values:
        clause = "media-encode.enum" if row.value else "media-encode.zero"
        yield f"MediaEncode={row.value}", clause, plain(contract, MediaEncode=row.value)
    for colour in _colours(contract).values():
        clause = "background-color.range" if colour else "background-color.zero"
        yield f"BackgroundColor={colour}", clause, plain(contract, BackgroundColor=colour)
    for layout in contract.layouts:
        yield f"LayoutIds={layout}", "layout-ids.known", plain(contract, LayoutIds=[layout])
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
        clause = "user-panes.pane-id.range" if pane_id else "user-panes.pane-id.zero"
        yield f"PaneId={pane_id}", clause, plain(contract, UserPanes=[pane(contract, pane_id)])
    for index, row in enumerate(contract.parameter("UserPanes.SourceType").values):
        items = [pane(contract, 0, source=index)]
        name = f"SourceType={row.value}"
        yield name, "user-panes.source-type.enum", plain(contract, UserPanes=items)
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


def breaches(contract: Contract) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Yield (name, clause, pairs) for every way to break one rule of a parameter, in the open.

    What the sources leave open is not among them.
    """
    for p in contract.parameters:
        if p.required:
            clause = contract.rule(p.name, "required").id
            params = plain(contract)
            if p.bases:
                yield f"no {p.name}", clause, to_pairs({**params, p.name: []})
            else:
                without = {name: v for name, v in params.items() if name != p.name}
                yield f"no {p.name}", clause, to_pairs(without)
                yield f"{p.name} empty", clause, to_pairs({**params, p.name: ""})
    for name, rule, value in _wrong_scalars(contract):
        clause = contract.rule(name, rule).id
        params = plain(contract, **{name: value})
        yield f"{name}={value}", clause, to_pairs(params)
    yield from _wrong_layouts(contract)
    yield from _wrong_panes(contract)


#: Texts that are an Integer by no reading of the word.
NO_INTEGERS = ("abc", "1.5", "20.0", "0x14", "1e1", "#ff0000", "true", "--1")


def _wrong_scalars(contract: Contract) -> Iterator[tuple[str, str, str]]:
    for p in contract.parameters:
        if p.kind == "enum":
            known = [str(row.value) for row in p.values]
            unknown = ("unknown", f"{known[0]}0", known[0][1:], *_neighbours(known))
            yield from ((p.name, "enum", text) for text in unknown)
            yield from ((p.name, "case", text) for text in (known[0].lower(), known[-1].upper()))
        elif p.kind == "integer-enum":
            yield from ((p.name, "integer", text) for text in NO_INTEGERS)
            known_values = {int(row.value) for row in p.values}
            near = sorted({v + step for v in known_values for step in (-1, 1)} - known_values)
            yield from ((p.name, "enum", str(value)) for value in (*near, max(known_values) * 100))
        elif p.kind == "integer":
            yield from ((p.name, "integer", text) for text in NO_INTEGERS)
            low, high = p.minimum or 0, p.maximum or 0
            wrong = (low - 1, low - 1000, high + 1, high * 256, 2**31, 2**32, 2**64)
            yield from ((p.name, "range", str(v)) for v in wrong if not low <= v <= high)
        elif p.kind == "url":
            for scheme in ("http", "https", "srt", "file"):
                yield p.name, "scheme", f"{scheme}://live.example.com/app/stream"
            scheme = p.schemes[0]
            for text in (
                f"{scheme}://live.example.com",
                f"{scheme}:///app/stream",
                "app/stream",
            ):
                yield p.name, "url", text


def _neighbours(known: list[str]) -> list[str]:
    """Values that look like the next edition's: a listed one with another number in it."""
    made = (
        re.sub(r"[0-9]+", number, text, count=1)
        for text in known
        for number in ("0", "3", "5", "6", "7", "8", "9", "10", "16")
    )
    taller = (re.sub(r"[0-9]+P", f"{lines}P", text) for text in known for lines in (480, 1080))
    return sorted({*made, *taller} - set(known))


def _wrong_layouts(contract: Contract) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    p = contract.parameter("LayoutIds")
    reserved = contract.reserved_layouts_up_to
    top = max(layout for layout in contract.layouts if layout <= reserved)
    rest = to_pairs(plain(contract, LayoutIds=[]))
    known, second, third = map(str, list(contract.layouts)[:3])

    def case(rule: str, *items: tuple[int, str]) -> tuple[str, str, list[tuple[str, str]]]:
        pairs = [(f"{p.name}.{index}", text) for index, text in items]
        shown = " ".join(f"{index}:{text}" for index, text in items)
        return f"{p.name} {shown}", contract.rule(p.name, rule).id, rest + pairs

    # Above the reserved ones: "not yet open", unless the contract in use has them registered.
    unknown = {0, -1, top + 1, reserved, reserved + 1, reserved * 765} - set(contract.layouts)
    for text in map(str, sorted(unknown)):
        yield case("known", (1, text))
        yield case("known", (1, known), (2, text))
    for text in NO_INTEGERS:
        yield case("integer", (1, text))
    yield case("integer", (1, known), (2, "x"))
    # Ten items and more: the eleventh is judged like the first.
    many = [(index, str(layout)) for index, layout in enumerate(contract.layouts, start=1)][:10]
    yield case("integer", *many, (len(many) + 1, "x"))
    yield case("known", *many[:9], (10, str(top + 1)))
    yield case("base", (0, known))
    yield case("base", (0, known), (1, second))
    yield case("base", (2, known))
    yield case("gaps", (1, known), (3, second))
    yield case("gaps", (1, known), (2, second), (12, third))


def _wrong_panes(contract: Contract) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    p = contract.parameter("UserPanes")

    def case(
        name: str, rule: str, *items: tuple[int, dict[str, Any]], part: str = ""
    ) -> tuple[str, str, list[tuple[str, str]]]:
        pairs = to_pairs(plain(contract))
        for index, item in items:
            pairs += ((f"{p.name}.{index}.{key}", str(value)) for key, value in item.items())
        clause = contract.rule(f"{p.name}.{part}" if part else p.name, rule)
        return f"{p.name} {name}", clause.id, pairs

    good, second = pane(contract, 0), pane(contract, 1, "user2", 1)
    for part in p.fields:
        for at, (bad, other) in {0: (good, second), 1: (second, good)}.items():
            without = {key: value for key, value in bad.items() if key != part.name}
            items = [(1 - at, other), (at, without)]
            yield case(f"{at} without {part.name}", "required", *items, part=part.name)
            items = [(1 - at, other), (at, {**bad, part.name: ""})]
            yield case(f"{at} with empty {part.name}", "required", *items, part=part.name)
        for text, rule in _wrong_fields(contract, part.name):
            item = {**good, part.name: text}
            yield case(f"{part.name}={text}", rule, (0, item), part=part.name)
            yield case(f"second {part.name}={text}", rule, (0, second), (1, item), part=part.name)
    many = list(enumerate(panes(contract, 11)))
    wrong = {**many[10][1], "SourceType": "microphone"}
    yield case("eleventh wrong", "enum", *many[:10], (10, wrong), part="SourceType")
    first = max(p.bases) + 1
    yield case(f"from {first}", "base", (first, good))
    yield case(f"from {first}, two", "base", (first, good), (first + 1, second))
    yield case("0 and 2", "gaps", (0, good), (2, second))
    yield case("1 and 3", "gaps", (1, good), (3, second))


def _wrong_fields(contract: Contract, name: str) -> Iterator[tuple[str, str]]:
    p = contract.parameter(f"UserPanes.{name}")
    if p.kind == "integer":
        yield from ((text, "integer") for text in NO_INTEGERS)
        low, high = p.minimum or 0, p.maximum or 0
        yield from ((str(v), "range") for v in (low - 1, high + 1, high * 100))
    elif p.kind == "enum":
        known = [str(row.value) for row in p.values]
        yield from ((text, "enum") for text in ("microphone", f"{known[0]}s", "0"))
        yield from ((text, "case") for text in (known[0].upper(), known[-1].lower()))
