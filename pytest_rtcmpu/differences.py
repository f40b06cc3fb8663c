"""What differs between two editions: found by reading their dataclasses, field by field.

Nothing here knows of any difference, or of most fields: one that is added to the contract's types
is compared from then on. What is for people alone (texts, quotes, sources) is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from itertools import groupby
from typing import Any

from pytest_rtcmpu.contract import (
    Clause,
    Contract,
    EnumValue,
    ErrorRow,
    Operation,
    Parameter,
    Quantity,
    Relation,
    ReplyField,
)
from pytest_rtcmpu.contract.types import named
from pytest_rtcmpu.explain import json_value, markdown_table
from pytest_rtcmpu.values.text import cells, count, for_terminal, pad, shorten

#: What is written for people, what only generates values, what a row is named by, and what only
#: says where the Codes of a clause come from.
_LEFT_OUT = {
    *("text", "quote", "why", "source", "meaning", "advice", "title"),
    *("generate", "name", "id", "family", "code", "code_clause"),
}
#: Fields that have rows of their own.
_APART = {"fields", "parameters", "reply", "relations", "errors", "clauses", "silences"}
#: The operation of what holds for all of them.
EVERY = "every operation"
#: The longest list that is shown whole, where it differs from another.
_WHOLE = 8
#: As narrow as a column of values gets.
_MIN_COLUMN = 12


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that is not as it was.

    Attributes:
        operation: whose it is; ``every operation`` for what holds for all.
        what: parameter, reply field, relation, Code, clause, silence, …
        name: its name.
        aspect: what of it differs; ``added`` and ``gone`` where all of it does.
        before, after: the values; of what was added or is gone, what is said of it.
    """

    operation: str
    what: str
    name: str
    aspect: str
    before: Any
    after: Any


def differences(one: Contract, other: Contract) -> tuple[Difference, ...]:
    """Return what differs from one edition to another, operation by operation."""
    return tuple(_differences(one, other))


def _differences(one: Contract, other: Contract) -> Iterator[Difference]:
    for what, of in _SHARED.items():
        yield from _compare_named(EVERY, what, of(one), of(other))
    yield from _compare_named(EVERY, "operation", one.operations, other.operations)
    for name in one.operations:
        if name in other.operations:
            before, after = one.operations[name], other.operations[name]
            for what, each in _OWN.items():
                yield from _compare_named(name, what, each(before), each(after))


# ----------------------------------------------------------------------- what has a row of its own


def _by_name(things: Iterable[Any], name: Callable[[Any], str]) -> dict[str, Any]:
    """Things by name; of several with one name each is known by its number, too."""
    found: dict[str, Any] = {}
    for thing in things:
        plain = name(thing)
        same = sum(each.partition(" #")[0] == plain for each in found)
        found[f"{plain} #{same + 1}" if same else plain] = thing
    return found


def _by_id(things: Iterable[Any]) -> dict[str, Any]:
    return _by_name(things, lambda thing: str(thing.id))


def _codes(rows: Iterable[ErrorRow]) -> dict[str, Any]:
    return _by_name(rows, lambda row: f"{row.code} ({row.id or f'HTTP {row.http_status}'})")


def _reply(each: Iterable[ReplyField], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in each:
        found[f"{prefix}{part.name}"] = part
        found |= _reply(part.fields, f"{prefix}{part.name}.")
    return found


def _relation(relation: Relation) -> str:
    def side(quantity: Quantity | None) -> str:
        named = (quantity.path, quantity.attribute) if quantity else ()
        return ".".join(filter(None, named))

    return " ".join(filter(None, (side(relation.left), relation.sort, side(relation.right))))


#: What is compared of an edition as a whole.
_SHARED: Mapping[str, Callable[[Contract], Mapping[str, Any]]] = {
    "service": lambda c: {c.service.host: c.service},
    "signature": lambda c: c.signatures,
    "common parameter": lambda c: _by_name(c.common_parameters, lambda p: str(p.name)),
    "level": lambda c: _by_id(c.levels),
    "layout": lambda c: {str(layout): {"panes": panes} for layout, panes in c.layouts.items()},
    "reserved layouts": lambda c: {"": {"up to": c.reserved_layouts_up_to}},
    "Code": lambda c: _codes(c.tables),
    "clause": lambda c: _by_id(c.shared_clauses),
    "silence": lambda c: _by_id(c.shared_silences),
}
#: What is compared of an operation.
_OWN: Mapping[str, Callable[[Operation], Mapping[str, Any]]] = {
    "operation": lambda o: {o.name: o},
    "parameter": lambda o: dict(named(o.parameters)),
    "reply field": lambda o: _reply(o.reply),
    "relation": lambda o: _by_name(o.relations, _relation),
    "Code": lambda o: _codes(o.errors),
    "clause": lambda o: _by_id(o.clauses),
    "silence": lambda o: _by_id(o.silences),
}


def _compare_named(
    operation: str, what: str, one: Mapping[str, Any], other: Mapping[str, Any]
) -> Iterator[Difference]:
    """Yield what differs between things of the same name, and the names that only one side has."""
    for name in dict.fromkeys((*one, *other)):
        before, after = one.get(name), other.get(name)
        if name in one and name in other:
            found = list(_compare(before, after, ""))
            aspects = {aspect for aspect, *_ in found}
            for aspect, was, now in found:
                if aspect == "breach" and "level" in aspects:
                    continue  # it follows from the level
                yield Difference(
                    operation=operation,
                    what=what,
                    name=name,
                    aspect=aspect,
                    before=json_value(was),
                    after=json_value(now),
                )
        elif not (_follows(before, one) if name in one else _follows(after, other)):
            yield Difference(
                operation=operation,
                what=what,
                name=name,
                aspect="gone" if name in one else "added",
                before=_described(before) if name in one else None,
                after=_described(after) if name in other else None,
            )


def _follows(thing: object, others: Mapping[str, Any]) -> bool:
    """Whether it comes and goes with a parameter, whose own row says so."""
    if isinstance(thing, ErrorRow):
        return thing.family not in ("", thing.code)
    if not isinstance(thing, Clause):
        return False
    about_code = (o.code_clause == thing.id and o.parameter for o in others.values())
    return thing.parameter is not None or any(about_code)


# -------------------------------------------------------------------------------- field by field


def _told(thing: Any) -> Iterator[Field[Any]]:
    for each in fields(thing):
        is_name = each.name == "path" and isinstance(thing, Parameter)
        if not is_name and each.name not in _LEFT_OUT | _APART:
            yield each


def _items(value: Any) -> Mapping[str, Any] | None:
    """The parts of a value that are known by a name, or ``None`` where it has none."""
    if isinstance(value, Mapping):
        return {str(key): each for key, each in value.items()}
    if isinstance(value, tuple) and all(isinstance(each, EnumValue) for each in value):
        return {str(each.value): each for each in value}
    return None


def _compare(one: Any, other: Any, aspect: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield what differs between two values: which part of them, the one, the other."""
    if is_dataclass(one) and type(one) is type(other):
        for each in _told(one):
            was, now = getattr(one, each.name), getattr(other, each.name)
            if isinstance(one, EnumValue) and isinstance(was, Mapping):
                # A column that only one edition's table has says nothing of the other's values.
                was = {name: value for name, value in was.items() if name in now}
                now = {name: now[name] for name in was}
            yield from _compare(was, now, _joined(aspect, _spaced(each.name)))
        return
    before, after = _items(one), _items(other)
    if before is not None and after is not None:
        if before.keys() != after.keys():
            yield aspect, tuple(before), tuple(after)
        for name in before:
            if name in after:
                yield from _compare(before[name], after[name], _joined(aspect, name))
    elif one != other:
        yield aspect, one, other


def _joined(*words: str) -> str:
    return " ".join(filter(None, words))


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _described(thing: Any) -> Any:
    """What is said of a thing that only one edition has: all that is not as it is by default."""
    if isinstance(thing, Operation):
        paths = ", ".join(path for path, _ in named(thing.parameters))
        return {"effect": thing.effect, "parameters": paths}
    if isinstance(thing, Mapping):
        return json_value(thing)
    said = {
        _spaced(each.name): json_value(getattr(thing, each.name))
        for each in _told(thing)
        if not _is_default(each, getattr(thing, each.name))
    }
    if "values" in said and (rows := _items(thing.values)):
        said["values"] = list(rows)
    return said


def _is_default(each: Field[Any], value: Any) -> bool:
    if each.default_factory is not MISSING:
        return bool(value == each.default_factory())
    return each.default is not MISSING and value == each.default


# ---------------------------------------------------------------------------------- as text


def as_json(one: Contract, other: Contract) -> Any:
    """Return the differences as JSON values."""
    found = differences(one, other)
    return {"from": one.edition, "to": other.edition, "differences": json_value(found)}


def as_markdown(one: Contract, other: Contract) -> str:
    """Return the differences as Markdown, a table for each operation."""
    lines = [f"# {_title(one, other)}"]
    for operation, group in _groups(differences(one, other)):
        lines += ["", f"## {operation}", ""]
        heads = ("what", "name", "differs", one.edition, other.edition)
        rows = ((d.what, f"`{d.name}`" if d.name else "", d.aspect, *_sides(d)) for d in group)
        lines += markdown_table(heads, rows)
    return "\n".join(lines)


def as_text(one: Contract, other: Contract, *, width: int) -> str:
    """Return the differences as tables for a terminal.

    Args:
        width: its columns, in which what is longer is wrapped.
    """
    lines = [_title(one, other)]
    for operation, group in _groups(differences(one, other)):
        rows = [(d.what, d.name, d.aspect, *_sides(d)) for d in group]
        heads = ("what", "name", "differs", one.edition, other.edition)
        lines += ["", operation, *_table([heads, *rows], width)]
    return "\n".join(lines)


def _title(one: Contract, other: Contract) -> str:
    found = len(differences(one, other))
    told = count(found, "difference") if found else "nothing differs"
    return f"From {one.edition} to {other.edition}: {told}"


def _groups(found: Iterable[Difference]) -> Iterator[tuple[str, list[Difference]]]:
    for operation, group in groupby(found, lambda d: d.operation):
        yield operation, list(group)


def _sides(d: Difference) -> tuple[str, str]:
    """Both values in words; of two long lists what only one of them has."""
    if not isinstance(d.before, list) or not isinstance(d.after, list):
        return _worded(d.before), _worded(d.after)
    return _listed(d.before, d.after), _listed(d.after, d.before)


def _listed(values: list[Any], others: list[Any]) -> str:
    if max(len(values), len(others)) <= _WHOLE:
        return _worded(values)
    own = [each for each in values if each not in others]
    return f"{len(values)} of them" + (f", only here: {_worded(own)}" if own else "")


def _worded(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        said = (f"{name} {_worded(each)}" for name, each in value.items() if each is not None)
        return "; ".join(said)
    if isinstance(value, list):
        return ", ".join(map(_worded, value)) or "–"
    return str(value)


def _table(rows: list[tuple[str, ...]], width: int) -> Iterator[str]:
    """Yield the lines of a table; the last two columns share what the others leave."""
    rows = [tuple(map(for_terminal, row)) for row in rows]
    widest = [max(cells(row[at]) for row in rows) for at in range(len(rows[0]))]
    gaps = 2 * len(widest)
    named_columns, values = widest[:-2], widest[-2:]
    # What it is takes half of the width at most: the values are what one wants to read.
    while sum(named_columns) > max((width - gaps) // 2, _MIN_COLUMN):
        named_columns[named_columns.index(max(named_columns))] -= 1
    left = max(width - gaps - sum(named_columns), 2 * _MIN_COLUMN)
    if sum(values) > left:
        least = max(min(*values, left // 2), _MIN_COLUMN)
        values = [least, left - least] if values[0] <= values[1] else [left - least, least]
    columns = [*named_columns, *values]
    for row in rows:
        wrapped = [list(_wrapped(text, size)) for text, size in zip(row, columns, strict=True)]
        for at in range(max(map(len, wrapped))):
            parts = (lines[at] if at < len(lines) else "" for lines in wrapped)
            padded = (pad(text, size) for text, size in zip(parts, columns, strict=True))
            yield f"  {'  '.join(padded)}".rstrip()


def _wrapped(text: str, size: int) -> Iterator[str]:
    """Yield a text's lines: it is broken at spaces, and a word that is too long anywhere."""
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if cells(longer) <= size:
            line = longer
            continue
        if line:
            yield line
        line = word
        while cells(line) > size:
            head = line[: max(len(shorten(line, size)) - 1, 1)]
            yield head
            line = line[len(head) :]
    yield line
