"""How a rule is broken: for each rule fixed examples and a strategy, in one place.

The documented phase of the checks sends the examples, :func:`~.violations` draws from the
strategies. Each is derived from what the contract allows, and empty where the contract leaves
nothing that is wrong. They keep clear of everything that the sources are silent on: other spellings
of integers, rtmps, layouts above the reserved ones that somebody may have registered.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product

from hypothesis import strategies as st

from pytest_rtcmpu.contract import Clause, Contract, Parameter
from pytest_rtcmpu.rules import Pairs, judge, wire_text
from pytest_rtcmpu.strategies.plain import (
    in_struct,
    items,
    plain,
    plain_item,
    plain_value,
    to_pairs,
    with_items,
    with_path,
)
from pytest_rtcmpu.strategies.relation_defects import applied, fragments
from pytest_rtcmpu.strategies.values import (
    HOSTS,
    ODD_ASCII,
    TWO_DIGITS,
    most_items,
    plain_alphabet,
    value_strategy,
)

_Wrong = st.SearchStrategy[str] | None


def _sample(values: Iterable[str]) -> _Wrong:
    found = list(dict.fromkeys(values))
    return st.sampled_from(found) if found else None


def _not_in_list(contract: Contract, p: Parameter) -> _Wrong:
    """Neighbours of an enumeration's values."""
    if p.is_integer:
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


#: Not ``NaN``: there are floats that are none, and no page speaks of them.
_NO_NUMBERS = ("abc", "0x14", "--1", "null", "1,5", "50%", "true", "#ff0000", "-", "1/2", "中")
#: Not ``True``: a listed word in another letter case is left open.
_NO_BOOLEANS = ("yes", "0", "1", "no", "on", "null", "2")


def _no_number(contract: Contract, p: Parameter) -> _Wrong:
    return _sample(_NO_NUMBERS)


def _no_boolean(contract: Contract, p: Parameter) -> _Wrong:
    return _sample(_NO_BOOLEANS)


def _foreign_characters(contract: Contract, p: Parameter) -> _Wrong:
    good = re.compile(str(p.alphabet))
    longest = p.maximum_bytes or p.maximum_characters
    foreign = [c for c in (*ODD_ASCII, *".@:", "é", "中") if not good.fullmatch(c)]
    # A space at an end is left alone: some will trim it.
    texts = [f"a{c}b" for c in foreign]
    texts += [f"{a}{c}" for a in ("a", "") for c in foreign if c != " "]
    return _sample(t for t in texts if longest is None or len(t.encode()) <= longest)


def _too_long(contract: Contract, p: Parameter) -> _Wrong:
    return _sample(_too_long_examples(contract, p))


def _ends(p: Parameter) -> tuple[float | None, float | None]:
    """The ends that a page prints; those of a Long's type where it prints none."""
    printed = (p.minimum, p.maximum)
    return p.limits if printed == (None, None) else printed


def _out_of_range(contract: Contract, p: Parameter) -> _Wrong:
    if p.kind == "float":
        return _sample(_out_of_range_examples(contract, p))
    branches = []
    low, high = _ends(p)
    if high is not None:
        top = int(high) - ("maximum" in p.excludes)
        branches += [
            st.sampled_from([top + 1, top + 2, top + 256, 2**32 + top + 1, 10**20 + top]),
            st.integers(top + 1, top + 2**33),
        ]
    if low is not None:
        bottom = int(low) + ("minimum" in p.excludes)
        branches += [
            st.sampled_from([bottom - 1, bottom - 2, bottom - 2**31]),
            st.integers(bottom - 2**33, bottom - 1),
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
    allowed = {*p.schemes, *p.silent_schemes, *(f"{scheme}s" for scheme in p.schemes)}
    schemes = [s for s in ("http", "https", "srt", "ws", "rtsp", "ftp") if s not in allowed]
    urls = value_strategy(contract, p)
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
    if p.is_integer:
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


def _no_number_examples(contract: Contract, p: Parameter) -> Iterable[str]:
    return _NO_NUMBERS[:_ALWAYS]


def _no_boolean_examples(contract: Contract, p: Parameter) -> Iterable[str]:
    return _NO_BOOLEANS


def _foreign_examples(contract: Contract, p: Parameter) -> Iterator[str]:
    good = re.compile(str(p.alphabet))
    longest = p.maximum_bytes or p.maximum_characters
    foreign = [c for c in (" ", ".", "/", "+", "é", "中") if not good.fullmatch(c)]
    texts = [f"a{c}b" for c in foreign]
    if longest is not None and longest < len("a中b".encode()):
        texts = [c for c in foreign if c != " " and len(c.encode()) <= longest]
    yield from texts


def _too_long_examples(contract: Contract, p: Parameter) -> Iterator[str]:
    letter = plain_alphabet(p)[0]
    most = p.maximum_bytes or p.maximum_characters or 0
    yield from (letter * (most + more) for more in (1, 2, 10, most))
    if p.alphabet is None and p.maximum_bytes is not None:
        yield "é" * (most // 2 + 1)  # few characters, many bytes


def _out_of_range_examples(contract: Contract, p: Parameter) -> Iterator[str]:
    low, high = _ends(p)
    if p.kind == "float":
        below = () if low is None else (*([low] if "minimum" in p.excludes else []), low - 0.5)
        above = () if high is None else (*([high] if "maximum" in p.excludes else []), high + 0.5)
        yield from (wire_text(float(number)) for number in (*below, *above))
        yield from (wire_text(float(n)) for n in (low - 1000 if low is not None else None, high + 1000 if high is not None else None) if n is not None)  # fmt: skip  # noqa: E501
        return
    if low is not None:
        bottom = int(low) + ("minimum" in p.excludes)
        yield from map(str, (bottom - 1, bottom - 1000))
    if high is not None:
        top = int(high) - ("maximum" in p.excludes)
        far = (n for n in (2**31, 2**32, 2**64) if n > top)
        yield from map(str, (top + 1, max((top + 1) * 256, top + 256), *far))


def _unknown_layout_examples(contract: Contract, p: Parameter) -> Iterator[str]:
    # Above the reserved ones: "not yet open", unless the contract in use has them registered.
    reserved = contract.reserved_layouts_up_to
    top = max(layout for layout in contract.layouts if layout <= reserved)
    unknown = {0, -1, top + 1, reserved}
    if not any(each.effect == "create-layout" for each in contract.operations.values()):
        unknown |= {reserved + 1, reserved * 765}
    yield from map(str, sorted(unknown - set(contract.layouts)))


def _other_scheme_examples(contract: Contract, p: Parameter) -> Iterator[str]:
    for scheme in ("http", "https", "srt", "file"):
        if scheme not in p.schemes:
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
    "number": WrongValues(examples=_no_number_examples, strategy=_no_number),
    "boolean": WrongValues(examples=_no_boolean_examples, strategy=_no_boolean),
    "alphabet": WrongValues(examples=_foreign_examples, strategy=_foreign_characters),
    "length": WrongValues(examples=_too_long_examples, strategy=_too_long),
    "known": WrongValues(examples=_unknown_layout_examples, strategy=_unknown_layout),
    "scheme": WrongValues(examples=_other_scheme_examples, strategy=_other_scheme),
    "url": WrongValues(examples=_not_absolute_examples, strategy=_not_absolute),
}

# ------------------------------------------------------------------ what breaks a request's form


def _bare(sent: str) -> str:
    """A wire name without its indexes: the full name of what it carries."""
    return ".".join(part for part in sent.split(".") if not part.isdigit())


def _spots(pairs: Pairs, name: str) -> list[int]:
    """Where the pairs of a parameter stand; of a list or a struct all that lies in it."""
    bare = [_bare(sent) for sent, _ in pairs]
    return [i for i, each in enumerate(bare) if each == name or each.startswith(f"{name}.")]


def _lists(pairs: Pairs, name: str) -> dict[str, list[int]]:
    """Each list of that full name in a request, by its path, with its indexes."""
    depth = name.count(".") + 1
    found: dict[str, dict[int, None]] = {}
    for i in _spots(pairs, name):
        parts = pairs[i][0].split(".")
        names = 0
        for at, part in enumerate(parts):
            names += not part.isdigit()
            if names == depth:
                path = ".".join(parts[: at + 1])
                found.setdefault(path, {})[int(parts[at + 1])] = None
                break
    return {path: sorted(indexes) for path, indexes in found.items()}


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
    if p.items is not None or p.kind == "struct":
        # An item with an empty value: missing or malformed? A list is left out as a whole.
        return [pair for i, pair in enumerate(pairs) if i not in spots]
    return _put(pairs, draw(st.sampled_from(spots)), draw(st.sampled_from((None, ""))))


def _renumber(pairs: Pairs, path: str, number: Callable[[int], int]) -> Pairs:
    """Pairs in which the items of the list at a path have other indexes."""
    renumbered = []
    for sent, value in pairs:
        if sent.startswith(f"{path}."):
            index, dot, part = sent[len(path) + 1 :].partition(".")
            sent = f"{path}.{number(int(index))}{dot}{part}"
        renumbered.append((sent, value))
    return renumbered


def _move(draw: st.DrawFn, pairs: Pairs, p: Parameter, name: str) -> Pairs:
    path, (first, *_) = draw(st.sampled_from(sorted(_lists(pairs, name).items())))
    wrong = [n for n in range(max(p.bases) + 3) if n not in p.bases]
    start = draw(st.sampled_from([*wrong, max(p.bases) + TWO_DIGITS]))
    return _renumber(pairs, path, lambda index: index - first + start)


def _tear(draw: st.DrawFn, pairs: Pairs, p: Parameter, name: str) -> Pairs:
    several = {path: ids for path, ids in _lists(pairs, name).items() if len(ids) > 1}
    path, indexes = draw(st.sampled_from(sorted(several.items())))
    after = draw(st.sampled_from(indexes[1:]))
    by = draw(st.sampled_from((1, 2, TWO_DIGITS)))
    return _renumber(pairs, path, lambda index: index + by if index >= after else index)


def _miscount(draw: st.DrawFn, pairs: Pairs, p: Parameter, name: str) -> Pairs:
    path, indexes = draw(st.sampled_from(sorted(_lists(pairs, name).items())))
    counts = _wrong_counts(p)
    count = draw(st.sampled_from(counts))
    return _with_count(pairs, path, indexes, count)


def _wrong_counts(p: Parameter) -> list[int]:
    low = p.items.minimum if p.items else None
    high = p.items.maximum if p.items else None
    more = [] if high is None else [high + 1, high + 2, 2 * high + 1]
    return more + ([low - 1] if low is not None and low > 1 else [])


def _with_count(pairs: Pairs, path: str, indexes: list[int], count: int) -> Pairs:
    """Pairs in which the list at a path has so many items: the last one again, or fewer."""
    last = indexes[-1]
    kept = [
        (sent, value)
        for sent, value in pairs
        if not sent.startswith(f"{path}.")
        or int(sent[len(path) + 1 :].partition(".")[0]) < indexes[0] + count
    ]
    template = [pair for pair in pairs if _is_of(pair[0], path, last)]
    for extra in range(last + 1, indexes[0] + count):
        kept += ((f"{path}.{extra}{sent[len(f'{path}.{last}') :]}", v) for sent, v in template)
    return kept


def _is_of(sent: str, path: str, index: int) -> bool:
    return sent == f"{path}.{index}" or sent.startswith(f"{path}.{index}.")


_Examples = Iterator[tuple[str, Pairs]]


def _left_out_examples(contract: Contract, p: Parameter, name: str) -> _Examples:
    pairs = _in_company(contract, p, name) if "." in name else _given(contract, p)
    spots = _spots(pairs, name)
    if p.items is not None or p.kind == "struct":
        without = [pair for i, pair in enumerate(pairs) if i not in spots]
        if not _gone(pairs, without, name):
            yield f"no {name}", without
        return
    for spot in spots:
        without = _put(pairs, spot, None)
        if not _gone(pairs, without, name):
            yield f"no {pairs[spot][0]}", without
        yield f"{pairs[spot][0]} empty", _put(pairs, spot, "")


def _given(contract: Contract, p: Parameter) -> Pairs:
    """Plain pairs with a parameter of the operation's own in them."""
    return to_pairs(with_path(contract, p.name, plain_value(contract, p)), contract)


def _in_company(contract: Contract, p: Parameter, name: str) -> Pairs:
    """Plain pairs with a field; a scalar that lies in a list in two items, one of which loses it.

    A field that would be alone there has another one beside it: an item is gone with its only
    field, and what is gone lacks nothing.
    """
    top = name.rpartition(".")[0]
    parent = contract.parameter(top)
    fewest = parent.items.minimum or 0 if parent.items else 1
    several = 2 if p.items is None and p.kind != "struct" else 1
    count = max(fewest, min(several, most_items(parent)))
    found: list[Pairs] = []
    for beside in (None, *(each for each in parent.fields if each.name != p.name)):
        made = items(contract, parent, count)
        for at, item in enumerate(made):
            if beside is not None:
                item.setdefault(beside.name, in_struct(contract, beside, at))
        value = made if parent.items is not None else made[0]
        pairs = to_pairs(with_path(contract, top, value), contract)
        found.append(pairs)
        spots = _spots(pairs, name)
        without = [pair for i, pair in enumerate(pairs) if i not in spots]
        if not _gone(pairs, without, name) and not judge(pairs, contract).problems:
            return pairs
    return found[0]


def _gone(pairs: Pairs, without: Pairs, name: str) -> bool:
    """Whether pairs without some of a field lack an item, or a struct, that it lay in."""
    around = {_around(pairs[spot][0], name) for spot in _spots(pairs, name)} - {""}
    return not all(any(sent.startswith(f"{path}.") for sent, _ in without) for path in around)


def _around(sent: str, name: str) -> str:
    """The path of the item or struct that a field of that full name lies in; empty for none."""
    left, parts = name.count(".") + 1, list[str]()
    for part in sent.split("."):
        left -= not part.isdigit()
        if left > 0:
            parts.append(part)
    return ".".join(parts) if "." in name else ""


def _moved_examples(contract: Contract, p: Parameter, name: str) -> _Examples:
    for start in (n for n in range(max(p.bases) + 2) if n not in p.bases):
        for count in (n for n in (1, 2) if n <= most_items(p)):
            pairs = with_items(contract, name, count)
            for path, (first, *_) in _lists(pairs, name).items():
                moved = _renumber(pairs, path, (start - first).__add__)
                yield f"{path} from {start}, {count}", moved


def _torn_examples(contract: Contract, p: Parameter, name: str) -> _Examples:
    for base in p.bases:
        for count, gap in ((2, 1), (3, TWO_DIGITS - 1)):
            if count > most_items(p):
                continue  # too many items would be another breach
            pairs = with_items(contract, name, count)
            # The last item stands further off than the others do.
            indexes = (*range(base, base + count - 1), base + count - 1 + gap)
            for path, (first, *_) in _lists(pairs, name).items():
                moved = dict(enumerate(indexes, start=first))
                shown = ", ".join(map(str, indexes))
                yield f"{path} at {shown}", _renumber(pairs, path, moved.__getitem__)


def _miscounted_examples(contract: Contract, p: Parameter, name: str) -> _Examples:
    for count in _wrong_counts(p):
        pairs = with_items(contract, name, min(count, 2))
        for path, indexes in _lists(pairs, name).items():
            yield f"{path}, {count} items", _with_count(pairs, path, indexes, count)


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
    "items": WrongForm(examples=_miscounted_examples, spoil=_miscount),
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
    if clause.id in {r.id for r in contract.relations if r.verdict == "refuse"}:
        for fragment in fragments(contract, clause.id)[:_ALWAYS]:
            shown = ", ".join(f"{name}={value}" for name, value in fragment.items())
            yield shown, to_pairs(applied(plain(contract), fragment), contract)
        return
    name = str(clause.parameter)
    rule = str(clause.rule)
    if not contract.has(name) or "endpoint" not in clause.subjects:
        return  # not the operation's own
    p = contract.parameter(name)
    if rule in WRONG_FORMS:
        yield from WRONG_FORMS[rule].examples(contract, p, name)
    if rule not in WRONG_VALUES:
        return
    values = list(WRONG_VALUES[rule].examples(contract, p))
    listed = _innermost_list(contract, name)
    if listed:
        documented = contract.parameter(listed).items
        most = (documented.maximum if documented else None) or math.inf
        rows = [(count, value) for count in (1, 2) for value in values if count <= most]
        rows += [(TWO_DIGITS + 1, value) for value in values[:1] if most > TWO_DIGITS]
        bases = [(_with_field(contract, listed, name, count), value) for count, value in rows]
    else:
        good = plain_item(contract, p, 0)
        bases = [(to_pairs(with_path(contract, name, good), contract), value) for value in values]
    for pairs, value in bases:
        spot = _spots(pairs, name)[-1]
        yield f"{pairs[spot][0]}={value}", _put(pairs, spot, value)


def _innermost_list(contract: Contract, name: str) -> str:
    """The list that a parameter is, or lies in; empty where there is none."""
    while name and contract.parameter(name).items is None:
        name = name.rpartition(".")[0]
    return name


def _with_field(contract: Contract, listed: str, name: str, count: int) -> Pairs:
    """Plain pairs in which a list has so many items, each with the field of that name."""
    p = contract.parameter(listed)
    made = items(contract, p, max(count, p.items.minimum or 0) if p.items else count)
    if name != listed and name.rpartition(".")[0] == listed:
        field = contract.parameter(name)
        for at, item in enumerate(made):
            item.setdefault(field.name, plain_item(contract, field, at))
    return to_pairs(with_path(contract, listed, made), contract)
