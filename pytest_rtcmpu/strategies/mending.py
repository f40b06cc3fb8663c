"""Relations between values: values that are good alone are made to go together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from pytest_rtcmpu.contract import Contract, Parameter, Relation
from pytest_rtcmpu.model.forms import flatten, starts_of
from pytest_rtcmpu.rules import Collected, breaches, collect, wire_text
from pytest_rtcmpu.strategies.plain import plain_item, plain_value
from pytest_rtcmpu.strategies.values import samples_of

#: How often something is mended before an example is given up.
_MAX_ROUNDS = 64


def binding(contract: Contract) -> tuple[Relation, ...]:
    """Return the relations that what is made must keep: broken, they are refused or warned of."""
    return tuple(
        relation
        for relation in contract.relations
        if relation.verdict == "refuse" or contract.silence(relation.id).warns
    )


def first_breach(contract: Contract, params: Mapping[str, Any], relation: Relation) -> str | None:
    """Return the path at which a relation does not hold, or ``None``."""
    return _first_breach(_collected(contract, params), contract, relation)


def _collected(contract: Contract, params: Mapping[str, Any]) -> Collected:
    return collect(flatten(params, starts_of(contract)), contract)


def _first_breach(found: Collected, contract: Contract, relation: Relation) -> str | None:
    return next((path for path, _, _ in breaches(found, contract, relation)), None)


#: Chooses one of several values.
Choose = Callable[[Sequence[Any]], Any]


def first(values: Sequence[Any]) -> Any:
    """Choose the first value."""
    return values[0]


def mend(
    contract: Contract,
    params: dict[str, Any],
    *,
    choose: Choose = first,
    frozen: Collection[str] = (),
) -> dict[str, Any]:
    """Return parameters in which every binding relation holds, if that can be had.

    Args:
        choose: chooses one of several good values.
        frozen: full names of parameters that stay as they are, with all that lies in them.
    """
    relations = binding(contract)
    if not relations:
        return params
    for _ in range(_MAX_ROUNDS):
        broken = next(_broken(contract, params, relations), None)
        if broken is None:
            break
        relation, path = broken
        if not _mended(choose, contract, params, relation, path, frozen):
            break  # the request says what is wrong with what it was given
    return params


def _broken(
    contract: Contract, params: Mapping[str, Any], relations: tuple[Relation, ...]
) -> Iterator[tuple[Relation, str]]:
    found = _collected(contract, params)
    for relation in relations:
        path = _first_breach(found, contract, relation)
        if path is not None:
            yield relation, path


def _mended(
    choose: Choose,
    contract: Contract,
    params: dict[str, Any],
    relation: Relation,
    path: str,
    frozen: Collection[str],
) -> bool:
    """Change one value so that a relation is broken no more at a path; whether one may."""
    top = path.partition(".")[0]
    is_frozen = _lies_in(relation.left.path, frozen)
    if relation.sort == "required-when":
        if is_frozen:
            return False
        _put(contract, params, path)
        return True
    if is_frozen:
        if relation.right is None or _lies_in(relation.right.path, frozen):
            return False
        other = relation.right.path
        if relation.sort == "effective-only-when" and "." not in other:
            p = contract.parameter(other)
            good = [v for v in samples_of(contract, p) if wire_text(v) in relation.when]
            params[other] = good[0] if good else params.get(other)
            return bool(good)
        if relation.sort not in ("not-above", "alike"):
            return False
        return _choose_again(choose, contract, params, relation, other.partition(".")[0])
    p = contract.parameter(top)
    if p.items is None and p.kind != "struct" and p.values:
        return _choose_again(choose, contract, params, relation, top)
    return _drop(contract, params, path, relation)


def _lies_in(path: str, frozen: Collection[str]) -> bool:
    """Whether a parameter is one of those that stay, or lies in one."""
    return any(path == each or path.startswith(f"{each}.") for each in frozen)


def _choose_again(
    choose: Choose, contract: Contract, params: dict[str, Any], relation: Relation, name: str
) -> bool:
    """Choose another of a few values, with which the relation holds."""
    p = contract.parameter(name)
    good = [
        row.value
        for row in p.values
        if first_breach(contract, {**params, name: row.value}, relation) is None
    ]
    if good:
        params[name] = choose(good)
    elif not p.required:
        params.pop(name, None)
    return bool(good) or not p.required


def _drop(contract: Contract, params: dict[str, Any], path: str, relation: Relation) -> bool:
    """Drop the innermost list's item that a path lies in, or the value that it names."""
    names = path.split(".")
    p = contract.parameter(names[0])
    into: Any = params
    at: list[tuple[Any, Any, Parameter]] = []  # container, key, whose it is
    key: Any = names.pop(0)
    while True:
        at.append((into, key, p))
        into = into[key]
        if p.items is not None and names:
            key = int(names.pop(0)) - p.bases[0]
            at.append((into, key, p))
            into = into[key]
        if not names:
            break
        key = names.pop(0)
        p = next(f for f in p.fields if f.name == key)
    container, key, owner = at[-1]
    if isinstance(container, dict) and owner.required and len(at) > 1:
        container, key, owner = at[-2]
    if isinstance(container, list):
        if len(container) > 1:
            del container[key]
            return True
        container, key, owner = at[0]
    if isinstance(container, dict) and not owner.required:
        del container[key]
        return True
    return _other_item(contract, params, owner, relation)


def _other_item(
    contract: Contract, params: dict[str, Any], p: Parameter, relation: Relation
) -> bool:
    """Give a required list the one item with which the relation holds."""
    if p.items is None or p.name not in params:
        return False
    for value in (*contract.layouts, *(row.value for row in p.values)):
        if first_breach(contract, {**params, p.name: [value]}, relation) is None:
            params[p.name] = [value]
            return True
    return False


def _put(contract: Contract, params: dict[str, Any], path: str) -> None:
    """Put a plain value where a relation wants one."""
    names = path.split(".")
    p = contract.parameter(names.pop(0))
    into: Any = params
    while names:
        into = into[p.name]
        if p.items is not None:
            into = into[int(names.pop(0)) - p.bases[0]]
        if not names:
            return
        name = names.pop(0)
        p = next(f for f in p.fields if f.name == name)
    into[p.name] = plain_value(contract, p) if p.items else plain_item(contract, p, 0)
