"""The two forms that parameters have.

As ``params``: documented names with nested lists, as testees get them:
``{"MediaEncode": 20, "LayoutIds": [1, 2], "UserPanes": [{"PaneId": 0, …}]}``; and as ordered pairs,
as they go onto the wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from pytest_rtcmpu.contract import Contract, Parameter
from pytest_rtcmpu.contract.types import named
from pytest_rtcmpu.rules import Collected, value_of, wire_text

Params = Mapping[str, Any]


@lru_cache(maxsize=64)
def starts_of(contract: Contract) -> Mapping[str, int]:
    """Return the index that the first item of each list has, by the list's full name."""
    return {name: p.bases[0] for name, p in named(contract.parameters) if p.bases}


def flatten(params: Params, starts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return params as ordered pairs, whatever they hold.

    Args:
        starts: where lists start, by full name; at 1 unless given.
    """
    return [pair for name, value in params.items() for pair in _flatten(name, name, value, starts)]


def _flatten(
    path: str, name: str, value: object, starts: Mapping[str, int]
) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for part, each in value.items():
            yield from _flatten(f"{path}.{part}", f"{name}.{part}", each, starts)
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value, start=starts.get(name, 1)):
            yield from _flatten(f"{path}.{index}", name, each, starts)
    else:
        yield path, wire_text(value)


def unflatten(found: Collected, contract: Contract) -> dict[str, Any]:
    """Return what was collected of valid pairs as params."""
    return dict(_unflatten(found, contract.parameters, ""))


def _unflatten(
    found: Collected, parameters: Iterable[Parameter], prefix: str
) -> Iterator[tuple[str, Any]]:
    for p in parameters:
        path = f"{prefix}{p.name}"
        if p.items is not None:
            indexes = sorted(found.indexes.get(path, ()))
            if indexes:
                yield p.name, [_value(found, p, f"{path}.{index}") for index in indexes]
        elif p.kind == "struct":
            fields = dict(_unflatten(found, p.fields, f"{path}."))
            if fields:
                yield p.name, fields
        elif found.texts.get(path):
            yield p.name, value_of(p, found.texts[path])


def _value(found: Collected, p: Parameter, path: str) -> Any:
    if p.kind == "struct":
        return dict(_unflatten(found, p.fields, f"{path}."))
    return value_of(p, found.texts[path])
