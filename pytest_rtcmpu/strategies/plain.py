"""Plain valid parameters, in both forms (see ``model/forms.py``), and lists of so many items."""

from __future__ import annotations

import re
from typing import Any

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.contract import Contract, Parameter
from pytest_rtcmpu.model import OperationRequest
from pytest_rtcmpu.model.forms import Params, flatten, starts_of
from pytest_rtcmpu.strategies.values import plain_alphabet


def to_pairs(
    params: Params, contract: Contract | None = None, *, panes_from: int | None = None
) -> list[tuple[str, str]]:
    """Return parameters as ordered pairs, whatever they hold.

    Args:
        contract: whose lists start where they do; the default edition unless given.
        panes_from: where UserPanes starts; as the contract has it first unless given.
    """
    starts = starts_of(_contract.in_force(contract))
    return flatten(params, starts if panes_from is None else {**starts, "UserPanes": panes_from})


def from_task(task: OperationRequest, contract: Contract) -> dict[str, Any]:
    """Return a request as parameters, with the empty lists that plain ones have."""
    empty: dict[str, Any] = {
        p.name: [] for p in contract.parameters if p.generate.get("plain") == []
    }
    params = {**empty, **task.params}
    return {p.name: params[p.name] for p in contract.parameters if p.name in params}


def plain(contract: Contract, **changes: Any) -> dict[str, Any]:
    """Return plain valid parameters, with changes by name; the runner makes TaskId unique."""
    params = {
        p.name: plain_value(contract, p)
        for p in contract.parameters
        if p.required or "plain" in p.generate or p.name in changes
    }
    return {**params, **changes}


def plain_value(contract: Contract, p: Parameter) -> Any:
    """Return the plainest value of a parameter: of a list, two items where it has enough."""
    if p.items is None:
        return plain_item(contract, p, 0)
    if "plain" in p.generate:
        return list(p.generate["plain"])
    return items(contract, p, max(1, p.items.minimum or 1))


def items(contract: Contract, p: Parameter, count: int) -> list[Any]:
    """Return so many plain items of a list."""
    return [plain_item(contract, p, at) for at in range(count)]


def plain_item(contract: Contract, p: Parameter, at: int) -> Any:
    """Return a plain value that is an item of a list, or lies in one, ``at`` its place."""
    if p.kind == "struct":
        return {
            f.name: in_struct(contract, f, at)
            for f in p.fields
            if f.required or "plain" in f.generate
        } or {p.fields[0].name: in_struct(contract, p.fields[0], at)}
    if p.values_from is not None:
        known = list(contract.layouts)
        return known[at % len(known)]
    if p.values:
        given = p.generate.get("plain")
        first = next((n for n, row in enumerate(p.values) if row.value == given), 0)
        return p.values[(first + at) % len(p.values)].value
    made = p.generate.get("plain")
    if p.kind == "url":
        return made or f"{p.schemes[0]}://www.example.com/a"
    if p.kind == "string":
        return plain_text(p) if p.items is None else plain_text(p, at)
    if p.kind == "boolean":
        return True
    return _number(p, made, at)


def in_struct(contract: Contract, p: Parameter, at: int) -> Any:
    """Return a field's plain value in the item at that place."""
    if p.items is not None:
        return items(contract, p, max(1, p.items.minimum or 1))
    if p.kind == "string" and not p.values:
        return plain_text(p, at)
    return plain_item(contract, p, at)


def plain_text(p: Parameter, at: int | None = None) -> str:
    """Return the plainest text of a parameter; another one for each place, if that can be."""
    alphabet = plain_alphabet(p)
    text = str(p.generate.get("plain", alphabet[0]))
    if at is None:
        return text
    numbered = f"{text}{at}"
    return numbered if keeps(p, numbered) else alphabet[at % len(alphabet)]


def keeps(p: Parameter, text: str) -> bool:
    """Return whether a text is of a parameter's characters, and no longer than it may be."""
    is_of = p.alphabet is None or all(re.fullmatch(p.alphabet, c) for c in text)
    is_short = p.maximum_bytes is None or len(text.encode()) <= p.maximum_bytes
    return is_of and is_short and len(text) <= (p.maximum_characters or len(text))


def _number(p: Parameter, given: Any, at: int) -> float | int:
    low, high = p.limits
    first = given if given is not None else low if low is not None else 0
    if not p.allows(first):  # an end that is excluded
        first = high if high is not None and p.allows(high) else (low or 0) + 1
    if not p.allows(first) and low is not None and high is not None:
        first = (low + high) / 2  # a float between two of them
    if p.kind == "float":
        return first
    value = int(first) + at
    return value if p.allows(value) else int(first)


def pane(
    contract: Contract, pane_id: int, user_id: str = "user", source: int = 0
) -> dict[str, Any]:
    """Return one pane, its SourceType the one at that place in the enumeration."""
    sources = contract.parameter("UserPanes.SourceType").values
    value = sources[source % len(sources)].value
    return {"PaneId": pane_id, "UserId": user_id, "SourceType": value}


def panes(contract: Contract, count: int) -> list[dict[str, Any]]:
    """Return that many panes, from the first on, sources taking turns."""
    first = int(contract.parameter("UserPanes.PaneId").minimum or 0)
    return [pane(contract, first + i, f"user{i}", i) for i in range(count)]


def has_panes(contract: Contract) -> bool:
    """Return whether an operation has the panes that :func:`pane` makes.

    In an edition whose page has others, UserPanes is a list like any other.
    """
    names = ("PaneId", "UserId", "SourceType")
    if not all(contract.has(f"UserPanes.{name}") for name in names):
        return False
    number, _, source = (contract.parameter(f"UserPanes.{name}") for name in names)
    is_list = contract.parameter("UserPanes").items is not None
    return is_list and number.is_integer and not number.values and bool(source.values)


def with_path(contract: Contract, path: str, value: Any) -> dict[str, Any]:
    """Return plain parameters in which the parameter of that full name has a value.

    Each list of structs on the way has one item.
    """
    params = plain(contract)
    top, *rest = path.split(".")
    into: dict[str, Any] = params
    p = contract.parameter(top)
    for part in rest:
        into = _entered(contract, p, into)
        p = next(f for f in p.fields if f.name == part)
    into[p.name] = value
    return params


def _entered(contract: Contract, p: Parameter, into: dict[str, Any]) -> dict[str, Any]:
    """The struct of a parameter, or the first of its items, made where there is none."""
    there = into.get(p.name)
    if p.items is None:
        made: dict[str, Any] = there or plain_item(contract, p, 0)
        into[p.name] = made
        return made
    if not there:
        into[p.name] = there = items(contract, p, 1)
    last: dict[str, Any] = there[-1]
    return last


def with_items(contract: Contract, path: str, count: int) -> list[tuple[str, str]]:
    """Return plain pairs in which the list of that full name has so many items, or its fewest."""
    p = contract.parameter(path)
    count = max(count, p.items.minimum or 0) if p.items else count
    return to_pairs(with_path(contract, path, items(contract, p, count)), contract)
