"""Cases for the fixed phases: valid parameters and ways to break one, out of the contract.

Parameters are in the documented names' own form, as the line protocol has them:
``{"MediaEncode": 20, "LayoutIds": [1, 2], "UserPanes": [{"PaneId": 0, …}]}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from allpairspy import AllPairs  # type: ignore[import-untyped]

from pytest_rtcmpu.contract import Contract, Parameter
from pytest_rtcmpu.contract.types import named
from pytest_rtcmpu.rules import Pairs
from pytest_rtcmpu.strategies import defects
from pytest_rtcmpu.strategies.mending import mend
from pytest_rtcmpu.strategies.plain import (
    from_task,
    has_panes,
    items,
    keeps,
    pane,
    panes,
    plain,
    plain_item,
    to_pairs,
    with_path,
)
from pytest_rtcmpu.strategies.values import ODD_ASCII as ODD_CHARACTERS
from pytest_rtcmpu.strategies.values import ODD_TEXTS, most_items, plain_alphabet

#: The apps of the cases: almost all are about the first.
APPS = ("app1", "app2")

__all__ = [
    "APPS",
    "ODD_CHARACTERS",
    "ODD_TEXTS",
    "breaches",
    "from_task",
    "odd",
    "of_started",
    "pairwise",
    "pane",
    "panes",
    "plain",
    "to_pairs",
    "two_panes",
    "valid",
]


def long_text(length: int, p: Parameter | None = None) -> str:
    """Return a text of that length, in letters, digits, _ and -, no part like another.

    Args:
        p: whose text it is; of its own characters where it has others.
    """
    text = "".join(f"{i}-" for i in range(length))[: length - 2] + "_Z"
    if p is None or (len(text) == length and keeps(p, text)):
        return text
    alphabet = plain_alphabet(p)
    return (alphabet * length)[:length]


def _colours(contract: Contract) -> dict[str, int]:
    p = contract.parameter("BackgroundColor")
    low, high = int(p.minimum or 0), int(p.maximum or 0)
    colours = {
        "lowest": low,
        "red": low + 255,
        "green": 255 << 8,
        "blue": 255 << 16,
        "grey": 0x808080,
        "odd": 1 << 20 | 7,
        "highest": high,
    }
    return {name: colour for name, colour in colours.items() if p.allows(colour)}


def _layouts(contract: Contract) -> dict[str, list[int]]:
    p = contract.parameter("LayoutIds")
    known = contract.layouts
    ids = list(known)
    last = ids[-1:]
    refused = [r for r in contract.relations if r.verdict == "refuse" and r.left.path == p.path]
    if any(relation.sort == "distinct" for relation in refused):
        # No two of one number of panes: the first of each.
        ids = [n for n in ids if n == next(m for m in ids if known[m] == known[n])]
    ids = ids[: p.items.maximum] if p.items else ids
    return {
        "first": ids[:1],
        "last": last,
        "two": ids[:2],
        "two, falling": [ids[-1], ids[0]],
        "ten": ids[:10],
        "all": ids,
    }


def _pane_lists(contract: Contract) -> dict[str, list[dict[str, Any]]]:
    p = contract.parameter("UserPanes.PaneId")
    listed = contract.parameter(_PANES)
    low = int(p.minimum or 0)
    high = low + most_items(listed) - 1 if p.maximum is None else int(p.maximum)
    documented = listed.items.maximum if listed.items else None
    most = min(high - low + 1, documented or high - low + 1)
    return {
        "none": [],
        "first": [pane(contract, low)],
        "last": [pane(contract, high, source=1)],
        "two": panes(contract, min(2, most)),
        "ten": panes(contract, min(10, most)),
        "all": panes(contract, most),
        "odd user": [pane(contract, low, f"u {ODD_CHARACTERS}中😀")],
    }


def two_panes(contract: Contract) -> dict[str, Any]:
    """Return plain parameters with two panes in them, where there are panes."""
    return plain(contract, **({_PANES: panes(contract, 2)} if has_panes(contract) else {}))


def odd(contract: Contract, text: str) -> dict[str, Any]:
    """Return plain parameters with a text in the first parameter that takes any text.

    A pane's user where there are panes; nothing but plain ones where no parameter does.
    """
    if has_panes(contract):
        first = int(contract.parameter("UserPanes.PaneId").minimum or 0)
        return plain(contract, **{_PANES: [pane(contract, first, text)]})
    free = (p for p in contract.parameters if _takes_any_text(p) and keeps(p, text))
    return plain(contract, **{p.name: text for p in list(free)[:1]})


def _takes_any_text(p: Parameter) -> bool:
    return "odd" in p.generate and p.kind == "string" and p.items is None and not p.values


def of_started(contract: Contract, view: Contract) -> dict[str, Any]:
    """Return plain parameters of an operation, about the task that a plain start is about.

    Args:
        contract: StartMPUTask in view.
        view: the operation in view. What is plain there may be another application.
    """
    named = {name: value for name, value in plain(contract).items() if name in ("AppId", "TaskId")}
    return {name: named.get(name, value) for name, value in plain(view).items()}


def valid(contract: Contract) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (name, clause it is about, parameters) for every row of every table, one at a time."""
    accepted = contract.rule(None, "accepted").id
    yield "plain", accepted, plain(contract)
    for name, p in named(contract.parameters):
        for shown, about, value in _values(contract, p, accepted):
            yield shown, about, _with(contract, name, value)
    if has_panes(contract):
        twice = [{**each, "UserId": "user"} for each in panes(contract, 2)]
        about = contract.rule(_PANES, "complete").id
        yield "one user in two panes", about, _with(contract, _PANES, twice)


_PANES = "UserPanes"


def _with(contract: Contract, path: str, value: Any) -> dict[str, Any]:
    """Plain parameters with a value at a path, and what must go with it."""
    params = with_path(contract, path, value)
    return mend(contract, params, frozen={path})


def _about(contract: Contract, p: Parameter, rule: str, value: Any) -> str:
    """The clause that a value is about: a zero has one of its own, where it may be dropped."""
    if value == 0 and not isinstance(value, bool):
        zero = next(
            (c for c in contract.clauses if (c.parameter, c.rule) == (p.path, "zero")), None
        )
        if zero is not None:
            return zero.id
    return contract.rule(p.path, rule).id


def _values(contract: Contract, p: Parameter, accepted: str) -> Iterator[tuple[str, str, Any]]:
    """Yield (name, clause, value) of a parameter: each row of its table, its ends, odd texts."""
    called = p.path if "." not in p.path else p.name
    if p.items is not None:
        yield from _list_values(contract, p, called)
        if p.kind == "struct":
            return
    if p.kind == "struct":
        return
    fewest = max(1, p.items.minimum or 1) if p.items is not None else 1
    wrap = (lambda value: [value] * fewest) if p.items is not None else (lambda value: value)
    for rule, value in _scalars(contract, p):
        about = _about(contract, p, rule, value) if rule else accepted
        yield f"{called}={value}", about, wrap(value)
    if p.kind == "string" and not p.values and p.items is None:
        longest = p.maximum_bytes or p.maximum_characters or p.generate.get("max")
        if longest and "odd" not in p.generate:
            yield f"{called} of {longest} characters", accepted, long_text(longest, p)
    if "odd" in p.generate:
        for text in ODD_TEXTS:
            value = f"{p.schemes[0]}://live.example.com/app/s{text}" if p.schemes else text
            if p.schemes or keeps(p, value):
                yield f"{called}={value}", "request.utf-8", wrap(value)
    if p.schemes and p.items is None and p.required:
        for rest in _URL_ENDS:
            yield f"{called}={p.schemes[0]}{rest}", accepted, f"{p.schemes[0]}{rest}"


_URL_ENDS = (
    "://live.example.com/app/stream?auth_key=1700000000-0-0-0a1b2c",
    "://live.example.com:1935/app/stream?vhost=a.example.com&auth_key=1-0-0-%2B%2f",
    "://live.example.com/app/Stream?txSecret=AbC%20d&txTime=5F#x",
    "://10.0.0.1/app/stream?a=1&a=2&empty=",
)
#: A range of so many integers is tried whole.
_WHOLE = 20


def _scalars(contract: Contract, p: Parameter) -> Iterator[tuple[str, Any]]:
    """Yield (rule, value) of every row of a parameter's table, or of its range."""
    if p.values:
        yield from (("enum", row.value) for row in p.values)
    elif p.values_from is not None:
        yield from (("known", layout) for layout in contract.layouts)
    elif p.path == "BackgroundColor" and p.is_integer:
        yield from (("range", colour) for colour in _colours(contract).values())
    elif p.is_integer:
        low, high = p.limits
        if p.kind == "integer" and low is not None and high is not None:
            first, last = int(low), int(high)
            first += "minimum" in p.excludes
            last -= "maximum" in p.excludes
            some = range(first, last + 1)
            yield from (("range", n) for n in (some if len(some) <= _WHOLE else (first, first + 1, last - 1, last)))  # fmt: skip  # noqa: E501
        else:
            ends = [int(n) for n in (low, high) if n is not None]
            rule = "range" if ends else "integer"
            yield from ((rule, n) for n in dict.fromkeys((*ends, 0, 1, 2**31)) if p.allows(n))
    elif p.kind == "float":
        low, high = p.limits
        inside = (None if low is None else low + 0.5, None if high is None else high - 0.5)
        likely = (low, high, 0.0, 0.5, 0.25, 1.0, *inside)
        numbers = dict.fromkeys(n for n in likely if n is not None)
        rule = "number" if (low, high) == (None, None) else "range"
        yield from ((rule, float(n)) for n in numbers if p.allows(n))
    elif p.kind == "boolean":
        yield from (("boolean", value) for value in (False, True))
    elif p.kind == "url" and "odd" not in p.generate:
        yield from (("scheme", f"{scheme}://www.example.com/a/b.png?x=1&y=a+b") for scheme in p.schemes)  # fmt: skip  # noqa: E501


def _list_values(contract: Contract, p: Parameter, called: str) -> Iterator[tuple[str, str, Any]]:
    about = contract.rule(p.path, "complete").id
    if p.path == "LayoutIds" and p.values_from is not None:
        for name, ids in _layouts(contract).items():
            yield f"{called} {name}", about, ids
    elif p.path == _PANES and has_panes(contract):
        optional = "user-panes.optional"
        has_optional = any(c.id == optional for c in contract.clauses)
        for name, panes_ in _pane_lists(contract).items():
            clause = about if panes_ or not has_optional else optional
            yield f"{called} {name}", clause, panes_
    else:
        most, fewest = most_items(p), p.items.minimum or 1 if p.items else 1
        for count in dict.fromkeys((fewest, 1, 2, min(most, 11), most)):
            if fewest <= count <= most:
                yield f"{called}, {count} items", about, items(contract, p, count)
        if p.kind == "struct" and most > 1:
            # What relations are about is in no item by itself: a major pane, and one that is none.
            scalars = [f for f in p.fields if f.items is None and f.kind != "struct"]
            full = [
                plain_item(contract, p, at) | {f.name: plain_item(contract, f, at) for f in scalars}
                for at in range(2)
            ]
            yield f"{called}, every field", about, _going_together(contract, p.path, full)


def _going_together(contract: Contract, path: str, value: Any) -> Any:
    """A list's value with its relations mended."""
    found: Any = mend(contract, with_path(contract, path, value))
    for part in path.split("."):
        found = (found[-1] if isinstance(found, list) else found)[part]
    return found


def pairwise(contract: Contract, **factors: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any], dict[str, str]]]:  # fmt: skip  # noqa: E501
    """Yield (name, parameters, further factors' values): every pair of classes appears.

    Classes: each TaskProfile × each MediaEncode × colour × layouts × panes × further factors, of
    these what an edition has.
    """
    classes = _classes(contract)
    columns = [[*each] for each in classes.values()] + [[*each] for each in factors.values()]
    names = [*classes, *factors]
    # Of a single column there are no pairs.
    alone = ([each] for each in chain.from_iterable(columns))
    for values in AllPairs(columns) if len(columns) > 1 else alone:
        row = dict(zip(names, values, strict=True))
        given = {name: known[row[name]] for name, known in classes.items()}
        params = mend(contract, plain(contract, **given))
        name = " × ".join(map(str, row.values()))
        yield name, params, {factor: row[factor] for factor in factors}


def _classes(contract: Contract) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    known = contract.parameters_by_wire_name
    for name in ("TaskProfile", "MediaEncode"):
        if name in known and known[name].values:
            found[name] = {str(row.value): row.value for row in known[name].values}
    if "BackgroundColor" in known and known["BackgroundColor"].is_integer:
        found["BackgroundColor"] = _colours(contract)
    if "LayoutIds" in known and known["LayoutIds"].values_from is not None:
        found["LayoutIds"] = _layouts(contract)
    if has_panes(contract):
        found[_PANES] = _pane_lists(contract)
    return found


def breaches(contract: Contract) -> Iterator[tuple[str, str, Pairs]]:
    """Yield (name, clause, pairs) for every way to break one rule of a parameter, in the open.

    What the sources leave open is not among them.
    """
    for clause in contract.clauses:
        for name, pairs in defects.examples(contract, clause):
            yield name, clause.id, pairs
