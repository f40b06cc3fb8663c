"""What several values are to each other: one judge for each sort of relation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pytest_rtcmpu.contract import Contract, Parameter, Quantity, Relation
from pytest_rtcmpu.rules.found import Collected
from pytest_rtcmpu.rules.values import value_of
from pytest_rtcmpu.rules.verdicts import Note, Problem, Verdicts

Value = int | float | bool | str


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A place where a parameter may stand: its path, and the items of lists it lies in.

    Attributes:
        text: what stands there, ``None`` where nothing does; of a struct the empty text.
    """

    path: str
    items: tuple[tuple[str, int], ...]
    text: str | None

    def is_beside(self, other: Spot) -> bool:
        """Whether both lie in one item of each list that they share."""
        mine, theirs = dict(self.items), dict(other.items)
        return all(mine[path] == theirs[path] for path in mine.keys() & theirs.keys())


@lru_cache(maxsize=1024)
def _way(contract: Contract, path: str) -> tuple[Parameter, ...]:
    """The parameters on the way to one, itself the last."""
    names = path.split(".")
    return tuple(contract.parameter(".".join(names[: n + 1])) for n in range(len(names)))


def spots(found: Collected, contract: Contract, path: str) -> Iterator[Spot]:
    """Yield every place of a parameter, by its full name, those where nothing stands too."""
    heads: list[tuple[str, tuple[tuple[str, int], ...]]] = [("", ())]
    for p in _way(contract, path):
        heads = [(f"{head}.{p.name}" if head else p.name, items) for head, items in heads]
        if p.items is not None:
            heads = [
                (f"{head}.{index}", (*items, (head, index)))
                for head, items in heads
                for index in sorted(found.indexes.get(head, ()))
            ]
    is_struct = contract.parameter(path).kind == "struct"
    for head, items in heads:
        text = found.texts.get(head) or None
        if is_struct and any(each.startswith(f"{head}.") for each in found.texts):
            text = ""
        yield Spot(path=head, items=items, text=text)


def _values(found: Collected, contract: Contract, quantity: Quantity) -> list[tuple[Spot, Value]]:
    """Every value of a quantity; a default where the parameter is absent and no list."""
    p = contract.parameter(quantity.path)
    got = []
    for spot in spots(found, contract, quantity.path):
        value = p.default if spot.text is None else value_of(p, spot.text)
        if quantity.attribute is not None and value is not None:
            value = _attribute(contract, p, value, quantity.attribute)
        if value is not None:
            got.append((spot, value))
    return got


def _attribute(contract: Contract, p: Parameter, value: Value, attribute: str) -> Value | None:
    if p.values_from is not None:
        return contract.layouts.get(int(value))
    return next((row.attributes.get(attribute) for row in p.values if row.value == value), None)


def _named(quantity: Quantity) -> str:
    return f"{quantity.path} {quantity.attribute}" if quantity.attribute else quantity.path


#: A breach: where it is, what was expected, what came.
Breach = tuple[str, str, str]


def _not_above(found: Collected, contract: Contract, relation: Relation) -> Iterator[Breach]:
    assert relation.right is not None
    rights = _values(found, contract, relation.right)
    for spot, left in _values(found, contract, relation.left):
        beside = [right for other, right in rights if spot.is_beside(other)]
        if not beside:
            continue
        most = max(beside)
        if left > most or (relation.strict and left == most):  # type: ignore[operator]
            expected = (
                f"{'below' if relation.strict else 'at most'} {_named(relation.right)} {most}"
            )
            yield spot.path, expected, f"{_named(relation.left)} {left}"


def _alike(found: Collected, contract: Contract, relation: Relation) -> Iterator[Breach]:
    assert relation.right is not None
    rights = _values(found, contract, relation.right)
    for spot, left in _values(found, contract, relation.left):
        for other, right in rights:
            if spot.is_beside(other) and left != right:
                expected = f"{_named(relation.right)} {right} to match"
                yield spot.path, expected, f"{_named(relation.left)} {left}"


def _in_each_list(
    found: Collected, contract: Contract, quantity: Quantity
) -> Iterator[list[tuple[Spot, Value]]]:
    """A quantity's values, those of each list for themselves."""
    lists: dict[str, list[tuple[Spot, Value]]] = {}
    for spot, value in _values(found, contract, quantity):
        lists.setdefault(spot.items[-1][0] if spot.items else "", []).append((spot, value))
    yield from lists.values()


def _distinct(found: Collected, contract: Contract, relation: Relation) -> Iterator[Breach]:
    for listed in _in_each_list(found, contract, relation.left):
        values = [value for _, value in listed]
        if len(values) != len(set(values)):
            again = next(s for at, (s, v) in enumerate(listed) if v in values[:at])
            yield again.path, f"another {_named(relation.left)}", f"{sorted(values, key=str)}"


def _at_most_one(found: Collected, contract: Contract, relation: Relation) -> Iterator[Breach]:
    for listed in _in_each_list(found, contract, relation.left):
        spots = [spot for spot, value in listed if _is_one_of(value, relation.values)]
        if len(spots) > 1:
            one = f"at most one {_named(relation.left)} {' or '.join(relation.values)}"
            yield spots[1].path, one, f"{len(spots)}"


def _is_one_of(value: Value, texts: Sequence[str]) -> bool:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text in texts


def _required_when(found: Collected, contract: Contract, relation: Relation) -> Iterator[Breach]:
    assert relation.right is not None
    rights = [
        (spot, value)
        for spot, value in _values(found, contract, relation.right)
        if not relation.when or _is_one_of(value, relation.when)
    ]
    if not relation.when:  # being there counts, and a default is not there
        rights = [(spot, value) for spot, value in rights if spot.text is not None]
    p = contract.parameter(relation.left.path)
    lefts = list(spots(found, contract, relation.left.path))
    for other, value in rights:
        beside = [spot for spot in lefts if spot.is_beside(other)]
        # A list that is absent has no places at all.
        for path in [s.path for s in beside if s.text is None] or ([] if beside else [p.path]):
            yield path, f"a value where {_named(relation.right)} is {value}", "nothing"


def _effective_only_when(
    found: Collected, contract: Contract, relation: Relation
) -> Iterator[Breach]:
    assert relation.right is not None
    rights = _values(found, contract, relation.right)
    for spot in spots(found, contract, relation.left.path):
        p = contract.parameter(relation.left.path)
        value = None if spot.text is None else value_of(p, spot.text)
        if value is None or (relation.values and not _is_one_of(value, relation.values)):
            continue
        beside = [right for other, right in rights if spot.is_beside(other)]
        if not any(_is_one_of(right, relation.when) for right in beside):
            expected = f"{_named(relation.right)} {' or '.join(relation.when)}"
            got = ", ".join(map(str, beside)) or "nothing"
            yield spot.path, expected, got


_Judge = Callable[[Collected, Contract, Relation], Iterator[Breach]]
_JUDGES: Mapping[str, _Judge] = {
    "not-above": _not_above,
    "alike": _alike,
    "distinct": _distinct,
    "at-most-one": _at_most_one,
    "required-when": _required_when,
    "effective-only-when": _effective_only_when,
}


def breaches(found: Collected, contract: Contract, relation: Relation) -> Iterator[Breach]:
    """Yield where a relation does not hold: path, what was expected, what came."""
    where = relation.where
    if where is not None:
        there = _values(found, contract, Quantity(path=where.path))
        if not any(_is_one_of(value, where.values) for _, value in there):
            return iter(())
    return _JUDGES[relation.sort](found, contract, relation)


def judge_relations(run: Verdicts, found: Collected) -> None:
    """Judge every relation of the operation, each once."""
    for relation in run.contract.relations:
        first = next(breaches(found, run.contract, relation), None)
        if first is None:
            continue
        path, expected, got = first
        if relation.verdict == "refuse":
            clause = run.contract.clause(relation.id)
            run.problems.append(Problem(path=path, expected=expected, got=got, clause=clause))
        else:
            silence = run.contract.silence(relation.id)
            detail = f"expected {expected}, got {got}"
            run.notes.append(Note(path=path, silence=silence, detail=detail))
