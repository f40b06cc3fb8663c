"""Judging an operation's parameters: ordered pairs in, every broken rule out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from weakref import WeakKeyDictionary

from pytest_rtcmpu.contract import Contract, Parameter
from pytest_rtcmpu.contract.elsewhere import having, to_set
from pytest_rtcmpu.rules.found import Collected, collect
from pytest_rtcmpu.rules.relations import judge_relations
from pytest_rtcmpu.rules.values import JUDGES
from pytest_rtcmpu.rules.verdicts import ELSEWHERE, Judgement, Problem, Verdicts

#: How many judgements are kept, and of how large requests.
_MAX_JUDGEMENTS, _MAX_TEXTS, _MAX_CHARACTERS = 512, 200, 2048
#: Calls differ by their ids; what else they say is mostly what the one before has said.
_judgements: WeakKeyDictionary[Contract, dict[tuple[str | None, ...], Judgement]] = (
    WeakKeyDictionary()
)


def judge(pairs: Iterable[tuple[str, str]], contract: Contract) -> Judgement:
    """Judge an operation's parameters. Problems come in the order in which they are answered.

    "required parameters in the table's order → value of each parameter in the table's order"
    """
    return judge_collected(collect(pairs, contract), contract)


def judge_collected(found: Collected, contract: Contract) -> Judgement:
    """Judge parameters that :func:`collect` has gathered."""
    judgements = _judgements.get(contract)
    if judgements is None:
        judgements = _judgements[contract] = {}
    essence = tuple(found.essence)
    judgement = judgements.get(essence)
    if judgement is None:
        judgement = _judge(found, contract)
        if len(essence) <= _MAX_TEXTS and sum(map(len, filter(None, essence))) <= _MAX_CHARACTERS:
            if len(judgements) >= _MAX_JUDGEMENTS:
                judgements.clear()
            judgements[essence] = judgement
    return judgement


def _judge(found: Collected, contract: Contract) -> Judgement:
    run = Verdicts(contract)
    for p in contract.parameters:
        _parameter(run, found, p, p.name)
    for name in found.repeated:
        run.note("silence.repeated-parameter", name, "sent again")
    for silence, name in found.open:
        run.note(silence, name, "sent")
    for parameter, name in found.elsewhere.items():
        lead = to_set(having(parameter, contract), "has it")
        # Either the endpoint or the request may be of the wrong edition.
        own = f"{contract.edition} is in force: a Client takes contract=rtcmpu_contract"
        run.note(ELSEWHERE, name, f"{lead}; {own}")
    if not run.absent and not run.problems:
        judge_relations(run, found)
    return Judgement(problems=(*run.absent, *run.problems), notes=tuple(run.notes))


def _parameter(run: Verdicts, found: Collected, p: Parameter, path: str) -> None:
    """Judge a parameter at its path, whole: its items, its fields."""
    if p.items is not None:
        indexes = sorted(found.indexes.get(path, ()))
        if indexes:
            _indexes(run, p, path, indexes)
            for index in indexes:
                _value(run, found, p, f"{path}.{index}")
            return
        got = "nothing"
    elif p.kind == "struct" and any(each.startswith(f"{path}.") for each in found.texts):
        _value(run, found, p, path)
        return
    else:
        text = found.texts.get(path)
        if text:
            JUDGES[p.kind](run, p, path, text)
            return
        got = "nothing" if text is None else "an empty value"
    if p.required:
        _absent(run, p, path, got)


def _absent(run: Verdicts, p: Parameter, path: str, got: str) -> None:
    if p.tolerated is not None:
        run.note(p.tolerated, path, got)
        return
    clause = run.contract.rule(p.path, "required")
    problem = Problem(path=path, expected="a value", got=got, clause=clause)
    (run.absent if path == p.name else run.problems).append(problem)


def _value(run: Verdicts, found: Collected, p: Parameter, path: str) -> None:
    if p.kind != "struct":
        JUDGES[p.kind](run, p, path, found.texts[path])
        return
    for part in p.fields:
        _parameter(run, found, part, f"{path}.{part.name}")


def _indexes(run: Verdicts, p: Parameter, path: str, indexes: Sequence[int]) -> None:
    items = p.items
    assert items is not None
    first, last = indexes[0], indexes[-1]
    if first not in items.starts:
        expected = " or ".join(f"{path}.{base}" for base in items.starts)
        run.problem("base", p.path, path, f"to start at {expected}", f"{path}.{first}")
    if last - first != len(indexes) - 1 and not items.gaps:
        gap = next(a + 1 for a, b in pairwise(indexes) if b != a + 1)
        got = f"{path}.{gap} is missing before {path}.{last}"
        run.problem("gaps", p.path, path, "no gaps", got)
    low, high = items.minimum or 1, items.maximum
    if len(indexes) < low or (high is not None and len(indexes) > high):
        expected = f"at least {low} items" if high is None else f"{low} to {high} items"
        run.problem("items", p.path, path, expected, str(len(indexes)))
