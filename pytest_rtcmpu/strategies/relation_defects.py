"""How a relation is broken: values that are good alone and do not go together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice, product
from typing import Any

from pytest_rtcmpu import rules
from pytest_rtcmpu.contract import Contract, Quantity, Relation
from pytest_rtcmpu.strategies.plain import plain, plain_item, to_pairs
from pytest_rtcmpu.strategies.values import samples_of

#: Values of parameters by top-level name: what is put into a request to break a relation. ``None``
#: is a parameter that is left out.
Fragment = Mapping[str, Any]
_MAX_FRAGMENTS = 200


def _fragment(contract: Contract, path: str, values: Iterable[Any]) -> dict[str, Any]:
    """Parameters in which a path has these values, one in each item of the innermost list."""
    names = path.split(".")
    chain = [contract.parameter(".".join(names[: n + 1])) for n in range(len(names))]
    listed = [at for at, p in enumerate(chain) if p.items is not None]
    inner = listed[-1] if listed else -1
    made: Any = None
    for at in range(len(chain) - 1, -1, -1):
        p = chain[at]
        if at == inner:
            wrapped = [value if at == len(chain) - 1 else _wrap(contract, chain[at + 1 :], value, n) for n, value in enumerate(values)]  # fmt: skip  # noqa: E501
            if at < len(chain) - 1:
                wrapped = [{**plain_item(contract, p, n), **each} for n, each in enumerate(wrapped)]
            made = wrapped
        elif at > inner:
            continue
        else:
            item = {**plain_item(contract, p, 0), chain[at + 1].name: made}
            made = [item] if p.items is not None else item
    if inner < 0:
        value = next(iter(values))
        made = value if len(chain) == 1 else _wrap(contract, chain[1:], value, 0)
    return {chain[0].name: made}


def _wrap(contract: Contract, chain: list[Any], value: Any, at: int) -> dict[str, Any]:
    first, *rest = chain
    inner = value if not rest else {**plain_item(contract, first, at), **_wrap(contract, rest, value, at)}  # fmt: skip  # noqa: E501
    return {first.name: inner}


def _merged(one: Any, other: Any) -> Any:
    """Two fragments as one: structs field by field, lists item by item."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        both = one.keys() & other.keys()
        return {**one, **other, **{key: _merged(one[key], other[key]) for key in both}}
    if isinstance(one, list) and isinstance(other, list):
        short = [_merged(a, b) for a, b in zip(one, other, strict=False)]
        return [*short, *one[len(short) :], *other[len(short) :]]
    return other


def _samples(contract: Contract, quantity: Quantity) -> list[Any]:
    return samples_of(contract, contract.parameter(quantity.path))


def _tries(contract: Contract, relation: Relation) -> Iterator[Fragment]:
    """Fragments that may break a relation."""
    left, right = relation.left, relation.right
    lefts = _samples(contract, left)
    if relation.sort in ("not-above", "alike") and right is not None:
        for one, other in product(lefts, _samples(contract, right)):
            yield _merged(
                _fragment(contract, left.path, [one]), _fragment(contract, right.path, [other])
            )
    elif relation.sort == "distinct":
        for one, other in product(lefts, lefts):
            yield _fragment(contract, left.path, [one, other])
    elif relation.sort == "at-most-one":
        wanted = [v for v in lefts if rules.wire_text(v) in relation.values]
        for count, value in product((2, 3), wanted):
            yield _fragment(contract, left.path, [value] * count)
    elif relation.sort == "required-when" and right is not None:
        for value in _samples(contract, right):
            fragment = _fragment(contract, right.path, [value])
            yield _without(fragment, left.path)
    elif right is not None:
        for one, other in product(lefts, _samples(contract, right)):
            yield _merged(
                _fragment(contract, right.path, [other]), _fragment(contract, left.path, [one])
            )


def _without(fragment: dict[str, Any], path: str) -> Fragment:
    """A fragment in which nothing stands at a path."""
    top, *rest = path.split(".")
    if not rest:
        return {**fragment, top: None}

    def strip(value: Any, names: list[str]) -> Any:
        if isinstance(value, list):
            return [strip(each, names) for each in value]
        if isinstance(value, Mapping):
            name, *deeper = names
            if not deeper:
                return {key: each for key, each in value.items() if key != name}
            return {key: strip(each, deeper) if key == name else each for key, each in value.items()}  # fmt: skip  # noqa: E501
        return value

    return {**fragment, top: strip(fragment[top], rest)} if top in fragment else fragment


def applied(params: Mapping[str, Any], fragment: Fragment) -> dict[str, Any]:
    """Return parameters with a fragment put into them."""
    made = {**params, **fragment}
    return {name: value for name, value in made.items() if value is not None}


@lru_cache(maxsize=256)
def fragments(contract: Contract, relation_id: str) -> tuple[Fragment, ...]:
    """Return fragments that break a relation, and no other rule, in a plain request."""
    relation = next(each for each in contract.relations if each.id == relation_id)
    base = plain(contract)
    found = (
        fragment
        for fragment in _tries(contract, relation)
        if breaks_only(contract, applied(base, fragment), relation_id)
    )
    return tuple(islice(found, _MAX_FRAGMENTS))


def breaks_only(contract: Contract, params: Mapping[str, Any], clause_id: str) -> bool:
    """Whether parameters break one clause, and that one alone."""
    problems = rules.judge(to_pairs(params, contract), contract).problems
    return [problem.clause.id for problem in problems] == [clause_id]
