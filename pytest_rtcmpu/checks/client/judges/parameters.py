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
)
from pytest_rtcmpu.checks.nearest import absent
from pytest_rtcmpu.contract import Clause, Parameter


def _text(sent: Sent, p: Parameter) -> str | None:
    """What was sent for a scalar, under whichever of its names."""
    texts = (sent.value(name) for name in (p.name, *p.aliases))
    return next((text for text in texts if text is not None), None)


def _present(sent: Sent, p: Parameter) -> bool:
    if p.kind == "integer-list":
        return bool(sent.items(p.name))
    if p.kind == "struct-list":
        return bool(sent.structs(p.name))
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
    name, _, part = path.partition(".")
    if part:
        return _field_sent(name, part)

    def judge(o: Observation) -> Iterable[Breach] | None:
        p = o.contract.parameter(name)
        given = asked_for(o, name)
        # A zero that is not there is the business of the clause about zero too.
        if not can_be_judged(o) or given in (None, []):
            return None
        return [
            Breach(expected=f"{name} = {given!r}", got=_absent(o, s, name))
            for s in o.sent
            if not _present(s, p)
        ]

    return judge


def request_sent(o: Observation) -> Iterable[Breach] | None:
    """A valid task leads to a request at all."""
    if not o.scenario.valid:
        return None
    if o.sent:
        return []
    return [Breach(expected="a request", got=f"none; {in_words(o.outcome)}")]


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
        yield from (n for n, _ in cases.to_pairs(o.scenario.params, panes_from=base))


def zero_sent(name: str) -> Judge:
    """A zero that was given arrives as 0."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        if not can_be_judged(o) or asked_for(o, name) != 0:
            return None
        got = [s.value(name) for s in o.sent]
        return [
            Breach(expected=f"{name}=0", got=_absent(o, s, name) if v is None else f"{name}={v}")
            for s, v in zip(o.sent, got, strict=True)
            if v is None or rules.integer(v) != 0
        ]

    return judge


def zero_pane_id_sent(o: Observation) -> Iterable[Breach] | None:
    """A PaneId of 0 arrives as 0."""
    given = asked_for(o, "UserPanes") or []
    at = next((i for i, item in enumerate(given) if item["PaneId"] == 0), None)
    if not can_be_judged(o) or at is None:
        return None
    found = []
    for s in o.sent:
        index, item = _matches(o, s)[at]
        text = item.get("PaneId")
        if text is None or rules.integer(text) != 0:
            got = f"PaneId={text}" if text else _absent(o, s, f"UserPanes.{index}.PaneId")
            found.append(Breach(expected="PaneId=0", got=got))
    return found


def _matches(o: Observation, s: Sent) -> list[tuple[int, Mapping[str, str]]]:
    """For each pane that was given the one that was sent for it, at which index.

    S1 names a pane by its PaneId and not by its place in the list, so a client may send them in
    any order: the one with the most fields in common is meant.
    """
    p = o.contract.parameter("UserPanes")
    left = dict(sorted(s.structs(p.name).items()))
    found: list[tuple[int, Mapping[str, str]]] = []
    for at, given in enumerate(asked_for(o, p.name) or []):

        def likeness(index: int, given: Mapping[str, Any] = given) -> int:
            return sum(
                part.name in left[index]
                and same_value(part, given[part.name], left[index][part.name])
                for part in p.fields
            )

        index = max(left, key=likeness, default=at)
        found.append((index, left.pop(index, {})))
    return found


def _integers(o: Observation, s: Sent) -> Iterator[tuple[str, str]]:
    """Every Integer that was sent: name and text."""
    for p in o.contract.parameters:
        if p.kind in ("integer", "integer-enum"):
            text = s.value(p.name)
            if text is not None:
                yield p.name, text
        elif p.kind == "integer-list":
            yield from ((f"{p.name}.{i}", text) for i, text in s.items(p.name).items())
        for part in p.fields:
            if part.kind == "integer":
                for index, item in s.structs(p.name).items():
                    if part.name in item:
                        yield f"{p.name}.{index}.{part.name}", item[part.name]


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


def same_value(p: Parameter, given: Any, text: str) -> bool:
    """Whether a text is what was given; an Integer by its value."""
    if p.kind.startswith("integer") and rules.is_integer(text):
        return bool(rules.integer(text) == given)
    return text == str(given)


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
            if p.bases or given is None or text is None or not names(p):
                continue
            if not same_value(p, given, text):
                found.append(Breach(expected=f"{p.name} = {given!r}", got=repr(text)))
    return found


def _judge_panes(o: Observation) -> list[Breach]:
    """Fields of panes that were sent, and differ from what was given."""
    p = o.contract.parameter("UserPanes")
    given = asked_for(o, p.name) or []
    found = []
    for s in o.sent:
        for item, (index, struct) in zip(given, _matches(o, s), strict=True):
            for part in p.fields:
                text = struct.get(part.name)
                if text is not None and not same_value(part, item[part.name], text):
                    name = f"{p.name}.{index}.{part.name}"
                    got = Breach(expected=f"{name} = {item[part.name]!r}", got=repr(text))
                    found.append(got)
    return found


def values_unchanged(o: Observation) -> Iterable[Breach] | None:
    """Every value but a URL arrives as it was given."""
    if not can_be_judged(o):
        return None
    return [*_changed_scalars(o, lambda p: p.kind != "url"), *_judge_panes(o)]


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
        items: Mapping[int, Any] = s.structs(name) if p.kind == "struct-list" else s.items(name)
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
    if p.kind == "struct-list":
        sent = [item.get("UserId") for item in sent]
        given = [item["UserId"] for item in given]
    # Which items there are is for other clauses.
    if _plain(sent) != _plain(given) or all(
        same_value(p, one, str(other)) for one, other in zip(given, sent, strict=True)
    ):
        return None
    return Breach(expected=f"{p.name} of {given}", got=f"of {sent}")


def in_order(*names: str) -> Judge:
    """Each of these lists has its items in the order in which they were given."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        judged = [_in_list(same_order, name, o) for name in names]
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
    wanted = [item["UserId"] for item in given]
    return Breach(expected=f"{len(given)} panes, of users {wanted}", got=f"{len(ids)}, of {ids}")


def _field_sent(name: str, part: str) -> Judge:
    """Each item of a list of structs has this field."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        if not can_be_judged(o) or not asked_for(o, name):
            return None
        return [
            Breach(expected=f"{name}.{index}.{part}", got=_absent(o, s, f"{name}.{index}.{part}"))
            for s in o.sent
            for index, item in s.structs(name).items()
            if not item.get(part)
        ]

    return judge


def all_panes_sent(o: Observation) -> Iterable[Breach] | None:
    """Panes that were given arrive at all."""
    if not can_be_judged(o) or not asked_for(o, "UserPanes"):
        return None
    missing = [s for s in o.sent if not s.structs("UserPanes")]
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
