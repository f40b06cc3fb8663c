"""Judges of what a client sent: the operation's parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pytest_rtcmpu import rules
from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.bench import Breach
from pytest_rtcmpu.checks.client.scenarios import (
    Judge,
    Observation,
    Sent,
    asked_for,
    can_be_judged,
    in_words,
    sent_items,
    sent_value,
)
from pytest_rtcmpu.checks.nearest import absent
from pytest_rtcmpu.contract import Clause, Parameter
from pytest_rtcmpu.contract.types import named


def _text(sent: Sent, p: Parameter) -> str | None:
    """What was sent for a scalar, under whichever of its names."""
    texts = (sent.value(name) for name in (p.name, *p.aliases))
    return next((text for text in texts if text is not None), None)


def _present(o: Observation, sent: Sent, p: Parameter) -> bool:
    if p.items is not None:
        return bool(sent.items(p))
    if p.kind == "struct":
        return bool(sent_value(sent.found, p, p.name))
    return _text(sent, p) is not None


def _absent(o: Observation, sent: Sent, name: str) -> str:
    """In words that a name did not come, and what came in its place."""
    return absent(name, sent.call.pairs, known=set(_right_names(o)))


def _right_names(o: Observation) -> Iterator[str]:
    """The names that are right in a request of this scenario."""
    yield from (p.name for p in o.contract.common_parameters)
    yield from cases_names(o)


def required_sent(path: str) -> Judge:
    """A required parameter, or field of one, that was given arrives."""
    if "." in path:
        return _field_sent(path)
    name = path

    def judge(o: Observation) -> Iterable[Breach] | None:
        p = o.contract.parameter(name)
        given = asked_for(o, name)
        # A zero that is not there is the business of the clause about zero too.
        if not can_be_judged(o) or given in (None, []):
            return None
        return [
            Breach(expected=f"{name} = {given!r}", got=_absent(o, s, name))
            for s in o.sent
            if not _present(o, s, p)
        ]

    return judge


def request_sent(o: Observation) -> Iterable[Breach] | None:
    """A valid task leads to a request at all."""
    if not o.scenario.valid:
        return None
    if o.sent:
        return []
    others = ", ".join(str(s.call.action) for s in o.arrived)
    expected = f"a request of {o.scenario.operation}"
    return [Breach(expected=expected, got=f"{others or 'none'}; {in_words(o.outcome)}")]


def each_name_once(o: Observation) -> Iterable[Breach] | None:
    """No parameter comes twice."""
    if not can_be_judged(o):
        return None
    return [
        Breach(expected=f"{name} once", got=", ".join(f"{name}={v}" for v in s.values(name)))
        for s in o.sent
        for name in dict.fromkeys(name for name, _ in s.call.pairs)
        if len(s.values(name)) > 1
    ]


def first_name(p: Parameter) -> Judge:
    """A parameter with two names is sent under the first of them."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        sent = [s for s in o.sent if _text(s, p) is not None]
        if not can_be_judged(o) or not sent:
            return None
        return [
            Breach(expected=p.name, got=_absent(o, s, p.name))
            for s in sent
            if s.value(p.name) is None
        ]

    return judge


def cases_names(o: Observation) -> Iterator[str]:
    """The names that a scenario's parameters have on the wire, from 0 and from 1."""
    for base in (0, 1):
        yield from (n for n, _ in cases.to_pairs(o.scenario.params, o.contract, panes_from=base))


def zero_sent(name: str) -> Judge:
    """A zero that was given arrives as 0."""
    if "." in name:
        return _zeros_sent(name)

    def judge(o: Observation) -> Iterable[Breach] | None:
        if not can_be_judged(o) or asked_for(o, name) != 0:
            return None
        got = [s.value(name) for s in o.sent]
        return [
            Breach(expected=f"{name}=0", got=_absent(o, s, name) if v is None else f"{name}={v}")
            for s, v in zip(o.sent, got, strict=True)
            if v is None or not rules.same_value(o.contract.parameter(name), 0, v)
        ]

    return judge


def _zeros_sent(path: str) -> Judge:
    """As many zeros arrive in a list's items as were given."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        given = _count_zeros(list(_given(o.scenario.params, path.split("."))))
        if not can_be_judged(o) or not given:
            return None
        found = []
        for s in o.sent:
            texts = [spot.text for spot in rules.spots(s.found, o.contract, path)]
            if _count_zeros([rules.number(text) for text in texts if text is not None]) < given:
                got = ", ".join(f"{path}={text}" for text in texts) or _absent(o, s, path)
                found.append(Breach(expected=f"{path}=0, {given} times", got=got))
        return found

    return judge


def _given(value: Any, names: list[str]) -> Iterator[Any]:
    """What params have at a full name, in every item of the lists on the way."""
    if isinstance(value, list | tuple):
        for each in value:
            yield from _given(each, names)
    elif not names:
        yield value
    elif isinstance(value, Mapping) and names[0] in value:
        yield from _given(value[names[0]], names[1:])


def _count_zeros(values: list[Any]) -> int:
    return sum(value == 0 and not isinstance(value, bool) for value in values)


def zero_pane_id_sent(o: Observation) -> Iterable[Breach] | None:
    """A PaneId of 0 arrives as 0."""
    given = asked_for(o, "UserPanes") or []
    at = next((i for i, item in enumerate(given) if item.get("PaneId") == 0), None)
    if not can_be_judged(o) or at is None:
        return None
    found = []
    for s in o.sent:
        index, item = _matches(o, s, o.contract.parameter("UserPanes"))[at]
        text = item.get("PaneId")
        if text is None or rules.integer(text) != 0:
            got = f"PaneId={text}" if text else _absent(o, s, f"UserPanes.{index}.PaneId")
            found.append(Breach(expected="PaneId=0", got=got))
    return found


def _matches(o: Observation, s: Sent, p: Parameter) -> list[tuple[int, Mapping[str, Any]]]:
    """For each item that was given the one that was sent for it, at which index."""
    return _matched(p, asked_for(o, p.name) or [], s.items(p))


def _matched(
    p: Parameter, given: list[Any], sent: Mapping[int, Any]
) -> list[tuple[int, Mapping[str, Any]]]:
    """Pair what was given with what was sent.

    S1 names a pane by its PaneId and not by its place in the list, so a client may send them in
    any order: the one with the most fields in common is meant.
    """
    left = dict(sorted(sent.items()))
    found: list[tuple[int, Mapping[str, Any]]] = []
    for at, item in enumerate(given):
        index = max(left, key=lambda index: _likeness(p, item, left[index]), default=at)
        found.append((index, left.pop(index, {})))
    return found


def _likeness(p: Parameter, given: Mapping[str, Any], sent: Mapping[str, Any]) -> int:
    """How many fields of a struct arrived as they were given."""
    return sum(
        f.name in given
        and f.name in sent
        and f.items is None
        and f.kind != "struct"
        and rules.same_value(f, given[f.name], sent[f.name])
        for f in p.fields
    )


def _integers(o: Observation, s: Sent) -> Iterator[tuple[str, str]]:
    """Every Integer that was sent: name and text."""
    found = s.found
    for name, p in named(o.contract.parameters):
        if p.is_integer:
            for spot in rules.spots(found, o.contract, name):
                if spot.path in found.texts:
                    yield spot.path, found.texts[spot.path]


def integer_form(o: Observation) -> Iterable[Breach] | None:
    """Every Integer is decimal digits."""
    if not can_be_judged(o):
        return None
    return [
        Breach(expected=f"{name} as decimal digits", got=repr(text))
        for s in o.sent
        for name, text in _integers(o, s)
        if not rules.is_integer(text)
    ]


def scalars_unchanged(names: Callable[[Parameter], bool]) -> Judge:
    """Scalars of these parameters arrive as they were given."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        return _changed_scalars(o, names) if can_be_judged(o) else None

    return judge


def _changed_scalars(o: Observation, names: Callable[[Parameter], bool]) -> list[Breach]:
    found = []
    for s in o.sent:
        for p in o.contract.parameters:
            given, text = asked_for(o, p.name), _text(s, p)
            if p.items or p.kind == "struct" or given is None or text is None or not names(p):
                continue
            if not rules.same_value(p, given, text):
                found.append(Breach(expected=f"{p.name} = {given!r}", got=repr(text)))
    return found


def _changed_structs(o: Observation) -> Iterator[Breach]:
    """Fields of structs that were sent, and differ from what was given."""
    for p in o.contract.parameters:
        given = asked_for(o, p.name)
        if p.kind == "struct" and given:
            for s in o.sent:
                sent = sent_value(s.found, p, p.name) if p.items is None else {}
                if p.items is not None:
                    yield from _changed_items(p, given, s.items(p), p.name)
                else:
                    yield from _changed_fields(p, given, sent, p.name)


def _changed_items(
    p: Parameter, given: list[Any], sent: Mapping[int, Any], path: str
) -> Iterator[Breach]:
    if p.kind != "struct":
        return  # which items there are is for the list's own clauses
    for item, (index, struct) in zip(given, _matched(p, given, sent), strict=True):
        yield from _changed_fields(p, item, struct, f"{path}.{index}")


def _changed_fields(
    p: Parameter, given: Mapping[str, Any], sent: Mapping[str, Any], path: str
) -> Iterator[Breach]:
    for f in p.fields:
        if f.name not in given or f.name not in sent:
            continue
        value, here = given[f.name], f"{path}.{f.name}"
        if f.items is not None:
            yield from _changed_items(f, value, sent[f.name], here)
        elif f.kind == "struct":
            yield from _changed_fields(f, value, sent[f.name], here)
        elif not rules.same_value(f, value, sent[f.name]):
            yield Breach(expected=f"{here} = {value!r}", got=repr(sent[f.name]))


def values_unchanged(o: Observation) -> Iterable[Breach] | None:
    """Every value but a URL arrives as it was given."""
    if not can_be_judged(o):
        return None
    return [*_changed_scalars(o, lambda p: p.kind != "url"), *_changed_structs(o)]


JudgeList = Callable[[Parameter, list[Any], Mapping[int, Any]], Breach | None]


def in_list(judge: JudgeList, name: str) -> Judge:
    """Judge each list that arrived under this name."""
    return lambda o: _in_list(judge, name, o)


def _in_list(judge: JudgeList, name: str, o: Observation) -> list[Breach] | None:
    p, given = o.contract.parameter(name), asked_for(o, name)
    if not can_be_judged(o) or not given:
        return None
    found = []
    for s in o.sent:
        items = s.items(p)
        if items:
            found.append(judge(p, given, items))
    return [breach for breach in found if breach is not None]


def starts_at_base(p: Parameter, given: list[Any], items: Mapping[int, Any]) -> Breach | None:
    """A list starts at a documented index."""
    if min(items) in p.bases:
        return None
    expected = " or ".join(f"{p.name}.{base}" for base in p.bases)
    return Breach(expected=f"{expected} first", got=f"{p.name}.{min(items)} first")


def no_gaps(p: Parameter, given: list[Any], items: Mapping[int, Any]) -> Breach | None:
    """A list has no gaps."""
    indexes = sorted(items)
    if indexes == list(range(indexes[0], indexes[0] + len(indexes))):
        return None
    return Breach(expected="no gaps", got=f"{p.name} at {indexes}")


def complete_list(p: Parameter, given: list[Any], items: Mapping[int, str]) -> Breach | None:
    """A list has the items that were given."""
    sent = [items[index] for index in sorted(items)]
    if _plain(sent) == _plain(given):
        return None
    return Breach(expected=f"{p.name} = {given}", got=f"{sent}")


def _plain(items: Iterable[object]) -> list[str]:
    texts = map(str, items)
    return sorted(str(rules.integer(t)) if rules.is_integer(t) else t for t in texts)


def same_order(p: Parameter, given: list[Any], items: Mapping[int, Any]) -> Breach | None:
    """A list that is complete has its items in the order in which they were given."""
    sent = [items[index] for index in sorted(items)]
    if p.kind == "struct":
        sent = [item.get("UserId") for item in sent]
        given = [item.get("UserId") for item in given]
    # Which items there are is for other clauses.
    if _plain(sent) != _plain(given) or all(
        _same_item(p, one, str(other)) for one, other in zip(given, sent, strict=True)
    ):
        return None
    return Breach(expected=f"{p.name} of {given}", got=f"of {sent}")


def _same_item(p: Parameter, given: Any, sent: str) -> bool:
    return sent == str(given) if p.kind == "struct" else rules.same_value(p, given, sent)


def in_order(*names: str) -> Judge:
    """Each of these lists has its items in the order in which they were given."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        judged = [_in_list(same_order, name, o) for name in names if o.contract.has(name)]
        lists = [found for found in judged if found is not None]
        return [breach for found in lists for breach in found] if lists else None

    return judge


def _complete_panes(
    p: Parameter, given: list[Any], items: Mapping[int, Mapping[str, str]]
) -> Breach | None:
    # Whether each field is there and right is for other clauses; here it is how many panes.
    if len(items) == len(given):
        return None
    ids = [items[index].get("UserId") for index in sorted(items)]
    wanted = [item.get("UserId") for item in given]
    return Breach(expected=f"{len(given)} panes, of users {wanted}", got=f"{len(ids)}, of {ids}")


def _field_sent(path: str) -> Judge:
    """Each item of a list of structs has this field."""
    top = path.partition(".")[0]

    def judge(o: Observation) -> Iterable[Breach] | None:
        if not can_be_judged(o) or not asked_for(o, top):
            return None
        return [
            Breach(expected=spot.path, got=_absent(o, s, spot.path))
            for s in o.sent
            for spot in rules.spots(s.found, o.contract, path)
            if spot.text is None
        ]

    return judge


def all_items_sent(path: str) -> Judge:
    """A list that was given arrives with as many items, scalars with the very items."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        p = o.contract.parameter(path)
        given = [each for each in _given(o.scenario.params, path.split(".")) if each is not None]
        if not can_be_judged(o) or not given:
            return None
        found = []
        for s in o.sent:
            sent = [spot.text for spot in rules.spots(s.found, o.contract, path)]
            if p.kind == "struct":
                if len(sent) != len(given):
                    expected = f"{len(given)} items of {path}"
                    got = f"{len(sent)}" if sent else _absent(o, s, path)
                    found.append(Breach(expected=expected, got=got))
            elif _plain(filter(None, sent)) != _plain(given):
                got = f"{sent}" if sent else _absent(o, s, path)
                found.append(Breach(expected=f"{path} = {given}", got=got))
        return found

    return judge


def each_list(judge: JudgeList, path: str) -> Judge:
    """Judge every list of that full name that arrived, in whichever items it lies."""

    def judged(o: Observation) -> Iterable[Breach] | None:
        if not can_be_judged(o) or not list(_given(o.scenario.params, path.split("."))):
            return None
        p = o.contract.parameter(path)
        found = []
        for s in o.sent:
            collected = s.found
            lists = {spot.items[-1][0]: None for spot in rules.spots(collected, o.contract, path)}
            found += [judge(p, [], sent_items(collected, p, each)) for each in lists]
        return [breach for breach in found if breach is not None]

    return judged


def all_panes_sent(o: Observation) -> Iterable[Breach] | None:
    """Panes that were given arrive at all."""
    if not can_be_judged(o) or not asked_for(o, "UserPanes"):
        return None
    missing = [s for s in o.sent if not s.items(o.contract.parameter("UserPanes"))]
    given = len(asked_for(o, "UserPanes"))
    complete = _in_list(_complete_panes, "UserPanes", o) or []
    nothing = (Breach(expected=f"{given} panes", got=_absent(o, s, "UserPanes")) for s in missing)
    return [*nothing, *complete]


def no_panes_sent(o: Observation) -> Iterable[Breach] | None:
    """Nothing of UserPanes is sent where there are none."""
    if not can_be_judged(o) or asked_for(o, "UserPanes"):
        return None
    sent = [
        f"{name}={value}"
        for s in o.sent
        for name, value in s.call.pairs
        if name.partition(".")[0] == "UserPanes" and value
    ]
    return [Breach(expected="nothing of UserPanes", got=", ".join(sent))] if sent else []


def keeps_value_rule(clause: Clause) -> Judge:
    """A rule of one parameter's values: a client that was given a valid one sends a valid one."""
    name = str(clause.parameter).partition(".")[0]

    def judge(o: Observation) -> Iterable[Breach] | None:
        if not can_be_judged(o) or not asked_for(o, name):
            return None
        return [
            Breach(expected=f"{p.path} {p.expected}", got=p.got)
            for s in o.sent
            for p in s.problems
            if p.clause.id == clause.id
        ]

    return judge
