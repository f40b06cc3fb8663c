"""How a rule is broken: for each rule fixed examples and a strategy, in one place.

The documented phase of the checks sends the examples, :func:`~.violations` draws from the
strategies. Each is derived from what the contract allows, and empty where the contract leaves
nothing that is wrong. They keep clear of everything that the sources are silent on: other spellings
of integers, rtmps, layouts above the reserved ones that somebody may have registered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product

from hypothesis import strategies as st

from pytest_rtcmpu.contract import Clause, Contract, Parameter
from pytest_rtcmpu.rules import Pairs
from pytest_rtcmpu.strategies.plain import plain, to_pairs, with_items
from pytest_rtcmpu.strategies.values import HOSTS, TWO_DIGITS, strategy_of

_Wrong = st.SearchStrategy[str] | None


def _sample(values: Iterable[str]) -> _Wrong:
    found = list(dict.fromkeys(values))
    return st.sampled_from(found) if found else None


def _not_in_list(contract: Contract, p: Parameter) -> _Wrong:
    """Neighbours of an enumeration's values."""
    if p.kind == "integer-enum":
        return _unlisted_integers(p)
    allowed = {str(row.value).casefold() for row in p.values}
    near = (
        text
        for value in map(str, (row.value for row in p.values))
        for text in (
            *(value[:-1], value[1:], value + value[-1], value[::-1]),
            *(value.replace("_", "-"), value.replace("_", "")),
        )
    )
    return _sample(t for t in (*near, "a", "0", "null") if t and t.casefold() not in allowed)


def _unlisted_integers(p: Parameter) -> _Wrong:
    listed = {int(row.value) for row in p.values}
    highest = max(listed)
    near = sorted(n + step for n in listed for step in (-1, 1))
    # The plainest first: a positive neighbour.
    likely = dict.fromkeys([*(n for n in near if n > 1), *near, *(10 * n for n in listed), 2**31])
    between = [n for n in range(2 * highest + 50) if n not in listed]
    branches = ([n for n in likely if n not in listed], between)
    return st.one_of([st.sampled_from(numbers) for numbers in branches]).map(str)


def _other_case(contract: Contract, p: Parameter) -> _Wrong:
    """A listed value in another letter case."""
    values = [str(row.value) for row in p.values]
    cased = (t for v in values for t in (v.lower(), v.upper(), v.swapcase(), v.capitalize()))
    return _sample(t for t in cased if t not in values)


#: Texts that are no Integer in any reading: words, other notations, colours as CSS has them.
_NO_INTEGERS = (
    *("abc", "1.5", "20.0", "0x14", "1e1", "#ff0000", "true", "--1"),
    *("1.0", "0xff0000", "1_0", "1,000", "-", "null", "720p", "#000000", "#1e90ff", "ff0000"),
    *("red", "rgb(1,2,3)", "中", "NaN"),
)
#: Of these so many are sent in every run.
_ALWAYS = 8


def _no_integer(contract: Contract, p: Parameter) -> _Wrong:
    return _sample(_NO_INTEGERS)


def _out_of_range(contract: Contract, p: Parameter) -> _Wrong:
    branches = []
    if p.maximum is not None:
        top = p.maximum
        branches += [
            st.sampled_from([top + 1, top + 2, top + 256, 2**32 + top + 1, 10**20 + top]),
            st.integers(top + 1, top + 2**33),
        ]
    if p.minimum is not None:
        low = p.minimum
        branches += [
            st.sampled_from([low - 1, low - 2, low - 2**31]),
            st.integers(low - 2**33, low - 1),
        ]
    return st.one_of(branches).map(str) if branches else None


def _unknown_layout(contract: Contract, p: Parameter) -> _Wrong:
    # "above 10000 are user-defined and not yet open": left alone.
    reserved = contract.reserved_layouts_up_to
    unknown = [n for n in range(max(reserved, 0) + 1) if n not in contract.layouts]
    likely = st.sampled_from([*unknown[:3], *unknown[-2:], -1, -(10**6)])
    return st.one_of([likely, *([st.sampled_from(unknown)] if unknown else [])]).map(str)


def _other_scheme(contract: Contract, p: Parameter) -> _Wrong:
    # rtmps is silence; so is the s-form of any scheme the contract allows.
    allowed = {*p.schemes, *(f"{scheme}s" for scheme in p.schemes)}
    schemes = [s for s in ("http", "https", "srt", "ws", "rtsp", "ftp") if s not in allowed]
    urls = strategy_of(contract, p.name)
    return st.builds(
        lambda scheme, url: scheme + url[url.index("://") :], st.sampled_from(schemes), urls
    )


def _not_absolute(contract: Contract, p: Parameter) -> _Wrong:
    """No scheme, no host or no path."""
    # A path of a lone slash is left alone: some will see an empty one, some will not.
    hosts = [host for host in HOSTS if ":" not in host]  # a:1/b would have the scheme a
    return _sample(
        [
            *("a", "/a", "/app/stream"),
            *(f"{host}{path}" for host in hosts for path in ("/a", "/app/stream")),
            *(f"//{host}/a" for host in hosts),
            *(
                f"{scheme}{rest}"
                for scheme in p.schemes
                for rest in ("://", ":///a", ":///app/stream?auth_key=1", "://:1935/a", ":/a/a")
            ),
            *(
                f"{scheme}://{host}{rest}"
                for scheme, host, rest in product(p.schemes, HOSTS, ("", "?auth_key=1", "#a"))
            ),
        ]
    )


# ------------------------------------------------------------------------- the fixed examples


def _unlisted_examples(contract: Contract, p: Parameter) -> Iterator[str]:
    known = [str(row.value) for row in p.values]
    if p.kind == "integer-enum":
        listed = {int(value) for value in known}
        near = sorted({n + step for n in listed for step in (-1, 1)} - listed)
        yield from map(str, (*near, max(listed) * 100))
        return
    yield from ("unknown", f"{known[0]}0", known[0][1:])
    # Values that look like the next edition's: a listed one with another number in it.
    numbers = (str(n) for n in (0, 3, 5, 6, 7, 8, 9, 10, 16))
    made = {re.sub(r"[0-9]+", n, text, count=1) for n in numbers for text in known}
    made |= {re.sub(r"[0-9]+P", f"{lines}P", text) for text in known for lines in (480, 1080)}
    yield from sorted(made - set(known))


def _other_case_examples(contract: Contract, p: Parameter) -> Iterator[str]:
    known = [str(row.value) for row in p.values]
    first, last = known[0], known[-1]
    for forms in ((first.lower(), first.upper()), (last.upper(), last.lower())):
        yield from [text for text in forms if text not in known][:1]


def _no_integer_examples(contract: Contract, p: Parameter) -> Iterable[str]:
    return _NO_INTEGERS[:_ALWAYS]


def _out_of_range_examples(contract: Contract, p: Parameter) -> Iterator[str]:
    if p.minimum is not None:
        yield from map(str, (p.minimum - 1, p.minimum - 1000))
    if p.maximum is not None:
        far = (n for n in (2**31, 2**32, 2**64) if n > p.maximum)
        yield from map(str, (p.maximum + 1, (p.maximum + 1) * 256, *far))


def _unknown_layout_examples(contract: Contract, p: Parameter) -> Iterator[str]:
    # Above the reserved ones: "not yet open", unless the contract in use has them registered.
    reserved = contract.reserved_layouts_up_to
    top = max(layout for layout in contract.layouts if layout <= reserved)
    unknown = {0, -1, top + 1, reserved, reserved + 1, reserved * 765} - set(contract.layouts)
    yield from map(str, sorted(unknown))


def _other_scheme_examples(contract: Contract, p: Parameter) -> Iterator[str]:
    for scheme in ("http", "https", "srt", "file"):
        yield f"{scheme}://live.example.com/app/stream"


def _not_absolute_examples(contract: Contract, p: Parameter) -> Iterator[str]:
    scheme = p.schemes[0]
    yield from (f"{scheme}://live.example.com", f"{scheme}:///app/stream", "app/stream")


# ----------------------------------------------------------------------------- the catalogue


@dataclass(frozen=True, kw_only=True)
class WrongValues:
    """The values that break a rule.

    Attributes:
        examples: fixed ones, the same in every run.
        strategy: any of them; ``None`` where there are none.
    """

    examples: Callable[[Contract, Parameter], Iterable[str]]
    strategy: Callable[[Contract, Parameter], st.SearchStrategy[str] | None]


#: Rules on one value, by the rule's name.
WRONG_VALUES: Mapping[str, WrongValues] = {
    "enum": WrongValues(examples=_unlisted_examples, strategy=_not_in_list),
    "case": WrongValues(examples=_other_case_examples, strategy=_other_case),
    "integer": WrongValues(examples=_no_integer_examples, strategy=_no_integer),
    "range": WrongValues(examples=_out_of_range_examples, strategy=_out_of_range),
    "known": WrongValues(examples=_unknown_layout_examples, strategy=_unknown_layout),
    "scheme": WrongValues(examples=_other_scheme_examples, strategy=_other_scheme),
    "url": WrongValues(examples=_not_absolute_examples, strategy=_not_absolute),
}

# ------------------------------------------------------------------ what breaks a request's form


def _spots(pairs: Pairs, name: str) -> list[int]:
    """Where the pairs of a parameter stand; of a list its items, of a struct one field's."""
    top, _, part = name.partition(".")
    found = []
    for i, (sent, _) in enumerate(pairs):
        head, _, rest = sent.partition(".")
        if head == top and (not part or rest.partition(".")[2] == part):
            found.append(i)
    return found


def _put(pairs: Pairs, spot: int, value: str | None) -> list[tuple[str, str]]:
    """Pairs with the value at a spot replaced, or without it."""
    put = [] if value is None else [(pairs[spot][0], value)]
    return [*pairs[:spot], *put, *pairs[spot + 1 :]]


#: Spoils the pairs of a valid request: draw, pairs, the parameter and its name.
Spoil = Callable[[st.DrawFn, Pairs, Parameter, str], Pairs]


def _replace(
    draw: st.DrawFn, pairs: Pairs, p: Parameter, name: str, values: st.SearchStrategy[str]
) -> Pairs:
    spots = _spots(pairs, name)
    return _put(pairs, draw(st.sampled_from(spots)), draw(values))


def _leave_out(draw: st.DrawFn, pairs: Pairs, p: Parameter, name: str) -> Pairs:
    spots = _spots(pairs, name)
    if p.bases:
        # An item with an empty value: missing or malformed? A list is left out as a whole.
        return [pair for i, pair in enumerate(pairs) if i not in spots]
    return _put(pairs, draw(st.sampled_from(spots)), draw(st.sampled_from((None, ""))))


def _renumber(pairs: Pairs, name: str, number: Callable[[int], int]) -> Pairs:
    renumbered = []
    for sent, value in pairs:
        head, dot, rest = sent.partition(".")
        if head == name and dot:
            index, dot, part = rest.partition(".")
            sent = f"{head}.{number(int(index))}{dot}{part}"
        renumbered.append((sent, value))
    return renumbered


def _first_index(pairs: Pairs, name: str) -> int:
    return min(int(pairs[i][0].split(".")[1]) for i in _spots(pairs, name))


def _move(draw: st.DrawFn, pairs: Pairs, p: Parameter, name: str) -> Pairs:
    first = _first_index(pairs, name)
    wrong = [n for n in range(max(p.bases) + 3) if n not in p.bases]
    start = draw(st.sampled_from([*wrong, max(p.bases) + TWO_DIGITS]))
    return _renumber(pairs, name, lambda index: index - first + start)


def _tear(draw: st.DrawFn, pairs: Pairs, p: Parameter, name: str) -> Pairs:
    first = _first_index(pairs, name)
    count = len({pairs[i][0].split(".")[1] for i in _spots(pairs, name)})
    after = first + draw(st.integers(1, count - 1))
    by = draw(st.sampled_from((1, 2, TWO_DIGITS)))
    return _renumber(pairs, name, lambda index: index + by if index >= after else index)


_Examples = Iterator[tuple[str, Pairs]]


def _left_out_examples(contract: Contract, p: Parameter, name: str) -> _Examples:
    top, _, part = name.partition(".")
    if p.bases:
        yield f"no {name}", to_pairs(plain(contract, **{name: []}))
        return
    pairs = with_items(contract, top, 2) if part else to_pairs(plain(contract))
    for spot in _spots(pairs, name):
        yield f"no {pairs[spot][0]}", _put(pairs, spot, None)
        yield f"{pairs[spot][0]} empty", _put(pairs, spot, "")


def _moved_examples(contract: Contract, p: Parameter, name: str) -> _Examples:
    for start in (n for n in range(max(p.bases) + 2) if n not in p.bases):
        for count in (1, 2):
            pairs = with_items(contract, name, count)
            by = start - _first_index(pairs, name)
            yield f"{name} from {start}, {count}", _renumber(pairs, name, by.__add__)


def _torn_examples(contract: Contract, p: Parameter, name: str) -> _Examples:
    for base in p.bases:
        for count, gap in ((2, 1), (3, TWO_DIGITS - 1)):
            pairs = with_items(contract, name, count)
            # The last item stands further off than the others do.
            indexes = (*range(base, base + count - 1), base + count - 1 + gap)
            moved = dict(enumerate(indexes, start=_first_index(pairs, name)))
            shown = ", ".join(map(str, indexes))
            yield f"{name} at {shown}", _renumber(pairs, name, moved.__getitem__)


@dataclass(frozen=True, kw_only=True)
class WrongForm:
    """What breaks the form of a request: pairs in, pairs out.

    Attributes:
        examples: fixed ones, named.
        spoil: spoils valid pairs, by a draw.
        items: how many items a list must have for the rule to be broken.
    """

    examples: Callable[[Contract, Parameter, str], _Examples]
    spoil: Spoil
    items: int = 1


#: Rules on the form, by the rule's name.
WRONG_FORMS: Mapping[str, WrongForm] = {
    "required": WrongForm(examples=_left_out_examples, spoil=_leave_out),
    "base": WrongForm(examples=_moved_examples, spoil=_move),
    "gaps": WrongForm(examples=_torn_examples, spoil=_tear, items=2),
}


def spoiling(contract: Contract, clause: Clause) -> Spoil | None:
    """Return what breaks a clause's rule in valid pairs, or ``None`` where no request does."""
    rule, name = str(clause.rule), str(clause.parameter)
    if rule in WRONG_FORMS:
        return WRONG_FORMS[rule].spoil
    if rule in WRONG_VALUES:
        values = WRONG_VALUES[rule].strategy(contract, contract.parameter(name))
        return None if values is None else partial(_replace, values=values)
    return None  # a rule on the endpoint's state (``exists``)


def examples(contract: Contract, clause: Clause) -> _Examples:
    """Yield (name, pairs) for each fixed way to break a clause's rule, and no other rule.

    A value of a list's is wrong alone, second, and once behind ten good ones.
    """
    rule, name = str(clause.rule), str(clause.parameter)
    top, _, part = name.partition(".")
    if top not in contract.parameters_by_wire_name:
        return  # not the operation's own
    p = contract.parameter(name)
    if rule in WRONG_FORMS:
        yield from WRONG_FORMS[rule].examples(contract, p, name)
    if rule not in WRONG_VALUES:
        return
    values = list(WRONG_VALUES[rule].examples(contract, p))
    if part or p.bases:
        rows = [(count, value) for count in (1, 2) for value in values]
        rows += [(TWO_DIGITS + 1, value) for value in values[:1]]
        bases = [(with_items(contract, top, count), value) for count, value in rows]
    else:
        bases = [(to_pairs(plain(contract)), value) for value in values]
    for pairs, value in bases:
        spot = _spots(pairs, name)[-1]
        yield f"{pairs[spot][0]}={value}", _put(pairs, spot, value)
