"""What an edition's entries say that is well formed, and that nothing could ever be or do."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_rtcmpu.contract.derived import kebab
from pytest_rtcmpu.contract.types import (
    Condition,
    Contract,
    Operation,
    Parameter,
    Quantity,
    Relation,
    ReplyField,
    named,
)
from pytest_rtcmpu.values.records import Mismatch, show
from pytest_rtcmpu.values.text import near

#: A name stands between dots on the wire, where an item's index stands too.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


#: An operation's table as it stands in the document: an entry that is wrong in itself is there.
Written = Mapping[str, Any]


def mismatches(contract: Contract, written: Mapping[str, Written]) -> Iterator[Mismatch]:
    """Yield everything that could never be or do anything.

    Args:
        written: the operations' tables as they stand in the document.
    """
    prefixes = [each.prefix for each in contract.operations.values()]
    yield from _layouts(contract)
    yield from _starts(contract)
    for operation in contract.operations.values():
        place = f"operations.{operation.name}"
        is_open = operation.prefix and not operation.prefix.endswith(".")
        is_taken = prefixes.count(operation.prefix) > 1 and operation.name != contract.action
        if is_open or is_taken:
            expected = "a prefix of its own, with a dot at its end"
            yield Mismatch(path=f"{place}.prefix", expected=expected, got=show(operation.prefix))
        for name, p in named(operation.parameters):
            yield from _parameter(f"{place}.parameters.{name}", p)
            if p.values_from is not None and not contract.layouts:
                path = f"{place}.parameters.{name}.values_from"
                yield Mismatch(path=path, expected="layouts that are built in", got="none")
        yield from _names(place, operation, contract)
        for each in operation.reply:
            yield from _told(f"{place}.reply.{each.name}", each)
        for row in operation.errors:
            if not 200 <= row.http_status <= 599:
                path = f"{place}.errors.{row.code}.http_status"
                yield Mismatch(path=path, expected="200 to 599", got=show(row.http_status))
        parameters = dict(named(operation.parameters))
        for relation in operation.relations:
            yield from _relation(f"{place}.relations.{relation.id}", relation, parameters)
        yield from _effect(place, operation, written.get(operation.name, {}))


def _layouts(contract: Contract) -> Iterator[Mismatch]:
    for layout_id, panes in contract.layouts.items():
        path = f"layouts.built_in.{layout_id}"
        if panes < 1:
            yield Mismatch(path=path, expected="at least 1 pane", got=show(panes))
        if layout_id > contract.reserved_layouts_up_to:
            expected = f"an id that is reserved, up to {contract.reserved_layouts_up_to}"
            yield Mismatch(path=path, expected=expected, got=show(layout_id))


def _starts(contract: Contract) -> Iterator[Mismatch]:
    """That the operation which all the others are about starts a task."""
    first = contract.operations.get(contract.action)
    if first is not None and first.effect != "start":
        path = f"operations.{contract.action}.effect"
        yield Mismatch(path=path, expected="start, as service.action", got=show(first.effect))


def _told(path: str, each: ReplyField) -> Iterator[Mismatch]:
    """What a reply's field must have, and must not."""
    if (each.kind == "struct") != bool(each.fields):
        expected = "fields of a struct" if each.kind == "struct" else f"none of a {each.kind}"
        got = show([part.name for part in each.fields]) if each.fields else "nothing"
        yield Mismatch(path=f"{path}.fields", expected=expected, got=got)
    for part in each.fields:
        yield from _told(f"{path}.{part.name}", part)


def _names(place: str, operation: Operation, contract: Contract) -> Iterator[Mismatch]:
    """That parameters can be told apart: from the envelope's, and by their Python names."""
    common = {each.name for each in contract.common_parameters}
    for p in operation.parameters:
        if p.name in common:
            path = f"{place}.parameters.{p.name}.name"
            expected = "a name that no common parameter has"
            yield Mismatch(path=path, expected=expected, got=show(p.name))
    levels = {f"{place}.parameters": operation.parameters}
    levels |= {f"{place}.parameters.{n}.fields": p.fields for n, p in named(operation.parameters)}
    for path, parameters in levels.items():
        known: dict[str, str] = {}
        for p in parameters:
            other = known.setdefault(kebab(p.name).replace("_", "-"), p.name)
            if other != p.name:
                expected = f"a name that differs from {other} in more than letter case and _"
                yield Mismatch(path=path, expected=expected, got=show(p.name))


# ---------------------------------------------------------------------------------- parameters


def _parameter(path: str, p: Parameter) -> Iterator[Mismatch]:
    if not _NAME.fullmatch(p.name):
        expected = "a letter, then letters, digits and _"
        yield Mismatch(path=f"{path}.name", expected=expected, got=show(p.name))
    for key, number in (("minimum", p.minimum), ("maximum", p.maximum)):
        if number is not None and not math.isfinite(number):
            yield Mismatch(path=f"{path}.{key}", expected="a finite number", got=show(number))
    least: list[tuple[str, int | None, int]] = [
        ("maximum_bytes", p.maximum_bytes, 1),
        ("maximum_characters", p.maximum_characters, 1),
        ("rest_seconds", p.rest_seconds, 0),
    ]
    if p.items is not None:
        least += [(f"items.starts[{at}]", start, 0) for at, start in enumerate(p.items.starts)]
        least += [("items.minimum", p.items.minimum, 0), ("items.maximum", p.items.maximum, 1)]
    for key, number, low in least:
        if number is not None and number < low:
            yield Mismatch(path=f"{path}.{key}", expected=f"{low} or more", got=show(number))
    if p.maximum_bytes is not None and p.maximum_characters is not None:
        expected = "one of maximum_bytes and maximum_characters"
        yield Mismatch(path=path, expected=expected, got="both")
    if p.rest_seconds is not None and ("." in p.path or p.items or p.kind == "struct"):
        expected = "a single value of the operation's own to rest"
        got = "one in a struct" if "." in p.path else "a list or a struct"
        yield Mismatch(path=f"{path}.rest_seconds", expected=expected, got=got)
    yield from _some_value(path, p)
    given = p.generate.get("plain")
    if p.items is not None and isinstance(given, list | tuple) and given:
        fewest, most = p.items.minimum or 0, p.items.maximum
        if len(given) < fewest or (most is not None and len(given) > most):
            path_of_plain = f"{path}.generate.plain"
            expected = "as many items as the list may have"
            yield Mismatch(path=path_of_plain, expected=expected, got=show(len(given)))
    for key, value in (("default", p.default), ("generate.plain", given)):
        for each in value if isinstance(value, list | tuple) and p.items else [value]:
            if each is not None and not _may_be(p, each):
                yield Mismatch(path=f"{path}.{key}", expected="a good value", got=show(each))


def _some_value(path: str, p: Parameter) -> Iterator[Mismatch]:
    """That a parameter can have a value at all."""
    low, high = p.limits
    if low is not None and high is not None and low <= high:
        first = low + ("minimum" in p.excludes) if p.is_integer else low
        last = high - ("maximum" in p.excludes) if p.is_integer else high
        if first > last or (low == high and p.excludes):
            yield Mismatch(path=path, expected="a number between its ends", got="none")
    if p.alphabet is not None:
        try:
            matches = re.compile(p.alphabet).fullmatch
        except re.error:  # said already
            return
        known = [chr(code) for code in range(0x21, 0xD800) if matches(chr(code))]
        # A class is of one character: not of none, nor of two.
        if not known or matches("") or matches(known[0] * 2):
            expected = "a class of characters such as [a-z]"
            yield Mismatch(path=f"{path}.alphabet", expected=expected, got=show(p.alphabet))


def _may_be(p: Parameter, value: object) -> bool:
    """Whether a parameter, or an item of its list, may have a value."""
    if p.kind == "boolean" or isinstance(value, bool):
        return p.kind == "boolean" and isinstance(value, bool)
    if p.is_integer or p.kind == "float":
        is_number = isinstance(value, int) or (p.kind == "float" and isinstance(value, float))
        if not is_number or p.values_from is not None:
            return is_number
        return str(value) in p.wire_values if p.values else p.allows(value)  # type: ignore[arg-type]
    if not isinstance(value, str):
        return False
    if p.values:
        return value in p.wire_values
    try:
        is_of = p.alphabet is None or re.fullmatch(f"(?:{p.alphabet})*", value) is not None
    except re.error:  # said already
        return True
    is_short = len(value.encode()) <= (p.maximum_bytes or len(value.encode()))
    return is_of and is_short and len(value) <= (p.maximum_characters or len(value))


# ----------------------------------------------------------------------------------- relations

#: Which further keys a relation of each sort has; of the others' it would say nothing.
_KEYS_OF_SORTS: Mapping[str, frozenset[str]] = {
    "not-above": frozenset({"strict"}),
    "alike": frozenset(),
    "distinct": frozenset(),
    "at-most-one": frozenset({"values"}),
    "required-when": frozenset({"when"}),
    "effective-only-when": frozenset({"values", "when"}),
}


def _relation(
    path: str, relation: Relation, parameters: Mapping[str, Parameter]
) -> Iterator[Mismatch]:
    for key in ("strict", "values", "when"):
        if getattr(relation, key) and key not in _KEYS_OF_SORTS[relation.sort]:
            expected = f"none of {relation.sort}"
            yield Mismatch(
                path=f"{path}.{key}", expected=expected, got=show(getattr(relation, key))
            )
    texts: list[tuple[str, Quantity | Condition | None, Iterable[str]]] = [
        ("values", relation.left, relation.values),
        ("when", relation.right, relation.when),
        ("where.values", relation.where, relation.where.values if relation.where else ()),
    ]
    for key, of, listed in texts:
        p = parameters.get(of.path) if of is not None else None
        if p is not None:
            for text in listed:
                yield from _text(f"{path}.{key}", p, text)
    if relation.left == relation.right:
        expected = "another value than on the left"
        yield Mismatch(path=f"{path}.right", expected=expected, got=show(relation.left.path))
    left, right = (_sort_of(each, parameters) for each in (relation.left, relation.right))
    if relation.sort == "not-above":
        for side, sort in (("left", left), ("right", right)):
            if sort == "text":
                yield Mismatch(path=f"{path}.{side}", expected="numbers to compare", got="texts")
    elif relation.sort == "alike" and left and right and left != right:
        yield Mismatch(path=f"{path}.right", expected=f"a {left} as on the left", got=f"a {right}")
    names = relation.left.path.split(".")
    way = [parameters.get(".".join(names[: n + 1])) for n in range(len(names))]
    if relation.sort in ("distinct", "at-most-one") and all(p and not p.items for p in way):
        expected = f"a parameter in a list, of which {relation.sort} can speak"
        yield Mismatch(path=f"{path}.left.path", expected=expected, got=show(relation.left.path))


def _text(path: str, p: Parameter, text: str) -> Iterator[Mismatch]:
    """That a parameter may have what stands so on the wire."""
    known: Iterable[str] = p.wire_values
    if p.kind == "boolean":
        known = ("true", "false")
    elif not p.values:
        return
    if text not in known:
        expected = f"a value of {p.path}"
        hint = near(text, known)
        yield Mismatch(path=path, expected=expected, got=show(text), hint=hint)


def _sort_of(quantity: Quantity | None, parameters: Mapping[str, Parameter]) -> str:
    """What a relation compares, ``number`` or ``text``; empty where that is wrong in itself."""
    p = parameters.get(quantity.path) if quantity is not None else None
    if quantity is None or p is None:
        return ""
    if quantity.attribute is None:
        return "number" if p.is_integer or p.kind == "float" else "text"
    if p.values_from is not None:
        return "number"
    found = {type(row.attributes.get(quantity.attribute, 0)) for row in p.values}
    return {frozenset({int}): "number", frozenset({str}): "text"}.get(frozenset(found), "")


# ------------------------------------------------------------------------------------- effects


@dataclass(frozen=True, kw_only=True)
class _Needs:
    """What an effect works with.

    Attributes:
        parameters: what tells whom it is for.
        silence: the one that it notes.
        exists: whether a clause says what answers of a task that is there, or is not.
        statuses: whether its reply tells a status.
        lists: whether its reply begins with a list.
    """

    parameters: tuple[str, ...] = ()
    silence: str = ""
    exists: bool = False
    statuses: bool = False
    lists: bool = False


_TASK = ("AppId", "TaskId")
_NEEDS: Mapping[str, _Needs] = {
    "start": _Needs(parameters=_TASK, exists=True),
    "stop": _Needs(parameters=_TASK, silence="silence.stop-unknown-task"),
    "status": _Needs(parameters=_TASK, exists=True, statuses=True),
    "update": _Needs(parameters=_TASK, silence="silence.update-task-not-running"),
    "list-layouts": _Needs(lists=True),
    "modify-layout": _Needs(parameters=("LayoutId",), silence="silence.modify-unknown-layout"),
    "delete-layout": _Needs(parameters=("LayoutId",), silence="silence.delete-unknown-layout"),
}
#: When a task comes to have a status.
_EVENTS = ("start", "run", "end", "stop")


def _effect(place: str, operation: Operation, written: Written) -> Iterator[Mismatch]:
    needs = _NEEDS.get(operation.effect)
    if needs is None:
        return
    have = _column(written, "parameters", "name")
    wanted: list[tuple[str, str, Iterable[str]]] = [
        *(("parameters", name, have) for name in needs.parameters),
        ("silences", needs.silence, _column(written, "silences", "id")),
    ]
    for section, name, there in wanted:
        if name and name not in there:
            expected = f"{name}, which the effect {operation.effect} works with"
            path = f"{place}.{section}"
            yield Mismatch(path=path, expected=expected, got="nothing", hint=near(name, there))
    first = {p.name: p for p in reversed(operation.parameters)}
    for p in first.values():
        if p.name in needs.parameters and (not p.required or p.items or p.kind == "struct"):
            expected = f"a required single value, which the effect {operation.effect} works with"
            got = "a list or a struct" if p.required else "an optional one"
            yield Mismatch(path=f"{place}.parameters.{p.name}", expected=expected, got=got)
    is_read = bool(operation.reply) or "reply" not in written
    if needs.lists and is_read and not (operation.reply and operation.reply[0].item):
        expected = f"a list first, which the effect {operation.effect} tells"
        yield Mismatch(path=f"{place}.reply", expected=expected, got="nothing")
    rules = {(c.parameter, c.rule) for c in operation.clauses}
    if needs.exists and ("TaskId", "exists") not in rules:
        expected = "a clause with parameter 'TaskId' and rule 'exists'"
        yield Mismatch(path=f"{place}.clauses", expected=expected, got="nothing")
    if needs.statuses and (operation.reply or "reply" not in written):
        yield from _statuses(place, operation)


def _column(written: Written, section: str, key: str) -> list[str]:
    """What the entries of a section have under a key."""
    rows = written.get(section)
    listed = rows if isinstance(rows, list) else []
    return [str(row.get(key)) for row in listed if isinstance(row, dict)]


def _statuses(place: str, operation: Operation) -> Iterator[Mismatch]:
    rows = operation.reply[0].values if operation.reply else ()
    if not rows:
        yield Mismatch(path=f"{place}.reply", expected="an enumeration of statuses", got="nothing")
        return
    path = f"{place}.enums.reply.{operation.reply[0].name}"
    events = [str(row.attributes["on"]) for row in rows if "on" in row.attributes]
    for event in events:
        if event not in _EVENTS:
            expected = f"on as one of {', '.join(_EVENTS)}"
            yield Mismatch(path=path, expected=expected, got=show(event), hint=near(event, _EVENTS))
    for event in ("start", "stop"):
        if event not in events:
            yield Mismatch(path=path, expected=f"a status on {event}", got="nothing")
