"""Valid values, each derived from what the contract allows."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import product
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.contract import Contract, Parameter
from pytest_rtcmpu.model import MediaEncode, SourceType, TaskProfile, UserPane
from pytest_rtcmpu.model.enums import member
from pytest_rtcmpu.model.panes import pythonic
from pytest_rtcmpu.values.arguments import naming_keywords

# ------------------------------------------------------------------------- material for values

# Characters that a wrong percent-encoding loses: RFC 3986's reserved ones, those that S2 111551
# gives a rule for (space * ~ %), and text whose UTF-8 takes two, three and four bytes.
ODD_ASCII = " +*~%&=/?#'()!"
_ODD_CHARACTERS = ODD_ASCII + "éß用户中文\u0301🎉👍"
#: What gets lost when text is encoded carelessly: each character alone, and all together; texts
#: that look encoded already; two, three and four bytes a character, and both forms of é.
ODD_TEXTS = (
    *(f"a{character}b" for character in ODD_ASCII),
    f"a{ODD_ASCII}b",
    "a%20b%2Bc",
    "中文",
    "😀",
    "e\u0301",
    "é",
    "A-Z_a.z~0",
)
_MAX_BYTES_A_CHARACTER = 4
#: From here on an index has two digits, and a list sorted as text comes out in another order.
TWO_DIGITS = 10

HOSTS = ("a", "push.example.com", "Live-1.Example.com", "push.example.com:1935", "192.0.2.1")
_PATHS = ("/a", "/app/stream", "/live/a b", "/live/a+b", "/live/a%20b%2F", "/live/流~(1)*", "/a//b")
_QUERIES = (
    "",
    "?auth_key=1700000000-0-0-5d41402abc4b2a76b9719d911017c592",
    "?auth_key=1700000000-0-0-a%2Bb+c/==",
    "?auth_key=1700000000-0-0-a&a=b c&a=",
    "?auth_key=中é🎉#a",
)


def plain_alphabet(p: Parameter) -> str:
    """Return the characters that every edition allows, letters first."""
    return _letters(p.alphabet or p.generate.get("pattern", "[A-Za-z0-9]"))


@lru_cache(maxsize=256)
def _letters(pattern: str) -> str:
    matches = re.compile(pattern).fullmatch
    ascii_only, others = range(0x21, 0x7F), range(0xA1, 0xD800)
    for codes in (ascii_only, others):
        found = [chr(code) for code in codes if matches(chr(code))]
        if found:
            break
    return "".join(sorted(found, key=lambda c: (not c.islower(), not c.isupper(), c)))


def _strip(text: str) -> str:
    """Without spaces at its ends: whether an endpoint trims values is nowhere said."""
    return text.strip(" ") or "a"


def _longest(p: Parameter) -> int:
    return int(p.maximum_bytes or p.maximum_characters or p.generate.get("max", 64))


def _short_texts(p: Parameter) -> list[str]:
    """The plainest text, the shortest of each sort, and the odd ones where they may be."""
    alphabet, longest = plain_alphabet(p), _longest(p)
    ends = dict.fromkeys((*alphabet[0], *alphabet[-3:]))
    odd = [t for t in ODD_TEXTS if len(t.encode()) <= longest] if p.generate.get("odd") else []
    return [*ends, *odd]


def _strings(contract: Contract, p: Parameter) -> st.SearchStrategy[str]:
    if p.values:
        return _enum(contract, p)
    alphabet, longest = plain_alphabet(p), _longest(p)
    branches = [
        st.sampled_from(_short_texts(p)),
        st.text(alphabet, min_size=1, max_size=longest),
        # Drawn, not listed: a text shrinks, in the branch before, to the letter that matters.
        st.text(alphabet, min_size=longest, max_size=longest),
    ]
    if p.generate.get("odd"):
        # Short enough however the length is counted.
        most = max(1, longest // _MAX_BYTES_A_CHARACTER)
        branches.append(st.text(_ODD_CHARACTERS, min_size=1, max_size=most).map(_strip))
    return st.one_of(branches)


def _enum(contract: Contract, p: Parameter) -> st.SearchStrategy[Any]:
    return st.sampled_from([row.value for row in p.values])


def _likely_integers(p: Parameter) -> list[int]:
    low, high = p.limits
    given = (p.default, low, high, *p.generate.get("likely", ()), 0, 1)
    return [
        int(value)
        for value in dict.fromkeys(given)
        if isinstance(value, int | float) and value == int(value) and p.allows(value)
    ]


#: How far integers go that have no documented end.
_FAR = 2**31


def _end(p: Parameter, name: str, documented: float | None, otherwise: float) -> float:
    """How far numbers go: to the end that is plausible, documented, or nobody's."""
    given = p.generate.get(name)
    if given is not None:
        return float(given)
    return otherwise if documented is None else documented


def _integers(contract: Contract, p: Parameter) -> st.SearchStrategy[int]:
    if p.values:
        return _enum(contract, p)
    if p.values_from is not None:
        return st.sampled_from(sorted(contract.layouts))
    low, high = p.limits
    first = int(_end(p, "lowest", low, min(0, int(high or 0)) - _FAR))
    last = int(_end(p, "highest", high, max(0, int(low or 0)) + _FAR))
    first += "minimum" in p.excludes
    last -= "maximum" in p.excludes
    return st.one_of(st.sampled_from(_likely_integers(p) or [first]), st.integers(first, last))


def _likely_floats(p: Parameter) -> list[float]:
    low, high = p.limits
    if low is None:
        middle = high - 0.5 if high is not None else 0.5
    else:
        middle = (low + high) / 2 if high is not None else low + 0.5
    return [v for v in dict.fromkeys((0.5, low, high, middle, 0.25, 0.125)) if v is not None and p.allows(v)]  # fmt: skip  # noqa: E501


#: So fine are the numbers that the pages print.
_STEPS = 10**4


def _floats(contract: Contract, p: Parameter) -> st.SearchStrategy[float]:
    # Four decimals, as the pages have them: what is written with an exponent is left open.
    low, high = p.limits
    first = _end(p, "lowest", low, min(0, high or 0) - _FAR)
    last = _end(p, "highest", high, max(0, low or 0) + _FAR)
    steps = st.integers(round(first * _STEPS), round(last * _STEPS)).map(lambda n: n / _STEPS)
    return st.one_of(st.sampled_from(_likely_floats(p)), steps.filter(p.allows))


def _booleans(contract: Contract, p: Parameter) -> st.SearchStrategy[bool]:
    return st.booleans()


def _symbols(items: Sequence[Any]) -> dict[str, Any]:
    """Characters that stand for items, so that a list of them can be drawn as one text.

    ``st.lists(st.sampled_from(items))`` makes two draws an item, and so the longest lists here
    dearer than all the rest of a task. A text shrinks as well: shorter, then to the first item.
    """
    return {chr(ord("0") + i): item for i, item in enumerate(items)}


def _candidates(contract: Contract, p: Parameter) -> tuple[Any, ...]:
    """All the values of a parameter, where they are few."""
    if p.values_from is not None:
        return tuple(sorted(contract.layouts))
    return tuple(row.value for row in p.values)


def most_items(p: Parameter) -> int:
    """Return how many items a list is made with at most."""
    given = p.items.maximum if p.items is not None else None
    return int(given or p.generate.get("items") or _FEW)


#: Where no page says how many.
_FEW = 4


def _lists(contract: Contract, p: Parameter, min_size: int | None = None) -> Any:
    """Lists of scalars, each value once: what a second mention would mean is nowhere said."""
    least = max(p.items.minimum or 1 if p.items else 1, min_size or 0)
    known = _candidates(contract, p)
    if not known:
        item = _BY_KIND[p.kind](contract, p)
        return st.lists(item, min_size=least, max_size=most_items(p), unique=True)
    most = min(len(known), p.items.maximum or len(known)) if p.items else len(known)
    if least > 1:
        several = st.lists(st.sampled_from(known), min_size=least, max_size=most, unique=True)
        whole = [list(known[:least]), list(known[:most]), list(known[::-1][:most])]
        return st.one_of(st.sampled_from(whole), several)
    symbols = _symbols(known)
    whole = [*([n] for n in known), *(list(known[:most]), list(known[::-1][:most])) * 3]
    return st.one_of(
        st.sampled_from(whole),
        st.text("".join(symbols), min_size=1, max_size=2 * len(known)).map(
            lambda text: list(dict.fromkeys(symbols[symbol] for symbol in text))[:most]
        ),
    )


#: Stands for a field that is left out.
_ABSENT: Any = None


def _samples(contract: Contract, p: Parameter) -> list[Any]:
    """A few values of a scalar, the plainest first; that it is absent where it may be."""
    if p.values or p.values_from is not None:
        found = list(_candidates(contract, p))
    elif p.kind == "string":
        longest = _longest(p)
        found = [*_short_texts(p), (plain_alphabet(p) * longest)[:longest]]
    elif p.kind == "float":
        found = _likely_floats(p)
    elif p.kind == "boolean":
        found = [False, True]
    elif p.kind == "url":
        found = [f"{scheme}://{host}/a" for scheme in p.schemes for host in HOSTS]
    else:
        found = list(_likely_integers(p) or [0])
    return found if p.required else [*found, _ABSENT]


def samples_of(contract: Contract, p: Parameter) -> list[Any]:
    """Return a few values of a scalar, or of a list's items, the plainest first."""
    return [value for value in _samples(contract, p) if value is not _ABSENT]


def distinct_fields(contract: Contract, p: Parameter) -> list[Parameter]:
    """Return the fields of a struct list of which no two items have the same value."""
    paths = {
        relation.left.path
        for relation in contract.relations
        if relation.sort == "distinct" and relation.left.attribute is None
    }
    return [f for f in p.fields if f.path in paths]


def distinct_values(contract: Contract, list_of: Parameter, p: Parameter) -> tuple[Any, ...]:
    """Return as many values of a field as its list may have items, the last one among them."""
    if p.values or not p.is_integer:
        return tuple(dict.fromkeys(samples_of(contract, p)))
    low, high = p.limits
    first, most = int(low or 0), most_items(list_of)
    last = first + most - 1 if high is None else int(high)
    return (*range(first, min(last, first + most - 1)), last)


def _orders(values: Sequence[Any]) -> st.SearchStrategy[Sequence[Any]]:
    """Every value once, in an order: two items with one value are never made."""
    chance = random.Random(0)
    shuffled = [chance.sample(values, len(values)) for _ in range(250)]
    return st.sampled_from([values, (values[-1], *values[:-1]), values[::-1], *shuffled])


#: How many combinations of field values are known to a list of structs.
_MAX_KNOWN = 256


def _struct_lists(
    contract: Contract, p: Parameter, min_size: int | None = None
) -> st.SearchStrategy[list[dict[str, Any]]]:
    fewest = p.items.minimum if p.items else None
    least = (fewest or int(p.required)) if min_size is None else max(fewest or 0, min_size)
    distinct = distinct_fields(contract, p)
    pools = {f.name: distinct_values(contract, p, f) for f in distinct}
    most = min((most_items(p), *map(len, pools.values())))
    plain = [f for f in p.fields if f not in distinct and f.items is None and f.kind != "struct"]
    nested = [f for f in p.fields if f.items is not None or f.kind == "struct"]
    choices = [_samples(contract, f) for f in plain]
    if math.prod(map(len, choices)) <= _MAX_KNOWN:
        known = list(product(*choices))
    else:
        chance = random.Random(0)
        known = [tuple(map(chance.choice, choices)) for _ in range(_MAX_KNOWN)]
        known[0] = tuple(choice[0] for choice in choices)
    # Now and then another value than the known ones: one for all the items that want one.
    other = st.tuples(*(_maybe(f, strategy_of(contract, f.path)) for f in plain))
    symbols = _symbols([*known, *[None] * (len(known) // 8 + 1)])
    texts = partial(st.text, "".join(symbols), max_size=most)
    lists = [texts(min_size=least)]
    if most > TWO_DIGITS:
        lists.append(texts(min_size=max(least, TWO_DIGITS)))
    drawn_lists = st.one_of(lists)
    orders = {name: _orders(pool) for name, pool in pools.items()}
    inner = [(f, _maybe(f, strategy_of(contract, f.path))) for f in nested]
    # What an item has that would have nothing: it is sent as its fields, and so not at all.
    filler = next(iter((*plain, *nested)), None)
    some = st.just(choices[0][0]) if plain else _something(contract, nested)

    @st.composite
    def structs(draw: st.DrawFn) -> list[dict[str, Any]]:
        chosen = [symbols[symbol] for symbol in draw(drawn_lists)]
        if not chosen:
            return []
        order = {name: draw(each) for name, each in orders.items()}
        drawn = draw(other) if None in chosen else ()
        made: list[dict[str, Any]] = []
        for at, item in enumerate(chosen):
            fields = {name: order[name][at] for name in order}
            values = zip(plain, drawn if item is None else item, strict=True)
            fields.update((f.name, value) for f, value in values if value is not _ABSENT)
            made.append(fields)
        for at, fields in enumerate(made):
            for f, each in inner:
                value = draw(each) if at == 0 or f.required else None
                if value:
                    fields[f.name] = value
            if not fields and filler is not None:
                fields[filler.name] = draw(some)
        return [_in_order(p, fields) for fields in made]

    return structs()


def _something(contract: Contract, nested: Sequence[Parameter]) -> st.SearchStrategy[Any]:
    """Values, not empty ones, of the first of some lists and structs; nothing of none."""
    for p in nested:
        of_list = {"min_size": 1} if p.items is not None else {}
        return strategy_of(contract, p.path, **of_list).filter(bool)
    return st.nothing()


def _in_order(p: Parameter, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {f.name: fields[f.name] for f in p.fields if f.name in fields}


def _maybe(p: Parameter, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    if not p.required:
        return st.one_of(st.none(), values)
    return values.filter(bool) if p.kind == "struct" else values


def _structs(contract: Contract, p: Parameter) -> st.SearchStrategy[dict[str, Any]]:
    fields = {f.name: _maybe(f, strategy_of(contract, f.path)) for f in p.fields}
    return st.fixed_dictionaries(fields).map(
        lambda made: {n: value for n, value in made.items() if value not in (_ABSENT, [], {})}
    )


def _urls(contract: Contract, p: Parameter) -> st.SearchStrategy[str]:
    """Absolute URLs. A path goes on after its slash with a plain letter, so none is empty."""
    rooted = [f"{scheme}://{host}" for scheme in p.schemes for host in HOSTS]
    known = ["".join(parts) for parts in product(rooted, _PATHS, _QUERIES)]
    heads = ["".join(parts) for parts in product(rooted, ("/a", "/a?auth_key=a"))]
    whole = st.sampled_from([*known, *[""] * len(known)])
    head, odd = st.sampled_from(heads), st.text(_ODD_CHARACTERS, max_size=20)

    @st.composite
    def urls(draw: st.DrawFn) -> str:
        return draw(whole) or _strip(draw(head) + draw(odd))

    return urls()


_BY_KIND: Mapping[str, Callable[..., st.SearchStrategy[Any]]] = {
    "string": _strings,
    "integer": _integers,
    "long": _integers,
    "float": _floats,
    "boolean": _booleans,
    "url": _urls,
    "struct": _structs,
}


def value_strategy(contract: Contract, p: Parameter) -> st.SearchStrategy[Any]:
    """The strategy of one value of a parameter, of a list one item's."""
    return _BY_KIND[p.kind](contract, p)


@lru_cache(maxsize=512)
def strategy_of(contract: Contract, name: str, **settings: int) -> st.SearchStrategy[Any]:
    """The strategy of a parameter's values, as params have them.

    Made once a contract: making one costs more than a draw.
    """
    p = contract.parameter(name)
    if p.items is None:
        return _BY_KIND[p.kind](contract, p)
    return (_struct_lists if p.kind == "struct" else _lists)(contract, p, **settings)


# --------------------------------------------------------------------------- valid values, public


def in_force(contract: Contract | None) -> Contract:
    """Return the contract given, or the default one."""
    return _contract.in_force(contract)


def app_ids(*, contract: Contract | None = None) -> st.SearchStrategy[str]:
    """AppId: 1 to 64 of A–Z a–z 0–9 _ -. Source: S1 sets no limit, these every edition allows."""
    return strategy_of(in_force(contract), "AppId")


def channel_ids(*, contract: Contract | None = None) -> st.SearchStrategy[str]:
    """ChannelId: 1 to 64 of A–Z a–z 0–9 _ -. Source: as for :func:`app_ids`."""
    return strategy_of(in_force(contract), "ChannelId")


def task_ids(*, contract: Contract | None = None) -> st.SearchStrategy[str]:
    """TaskId: 1 to 55 of A–Z a–z 0–9 _ -. Source: as for :func:`app_ids`."""
    return strategy_of(in_force(contract), "TaskId")


def task_profiles(*, contract: Contract | None = None) -> st.SearchStrategy[TaskProfile]:
    """TaskProfile: one of the eight (S1)."""
    values = strategy_of(in_force(contract), "TaskProfile")
    return values.map(lambda value: cast(TaskProfile, member("TaskProfile", value)))


def media_encodes(*, contract: Contract | None = None) -> st.SearchStrategy[MediaEncode]:
    """MediaEncode: 0, 1, 10, 20 or 30 (S1)."""
    values = strategy_of(in_force(contract), "MediaEncode")
    return values.map(lambda value: cast(MediaEncode, member("MediaEncode", value)))


def background_colors(*, contract: Contract | None = None) -> st.SearchStrategy[int]:
    """BackgroundColor: int, 0 to 16777215; the ends and single components are likely (S1)."""
    return strategy_of(in_force(contract), "BackgroundColor")


@naming_keywords
def layout_ids(
    *, min_size: int = 1, contract: Contract | None = None
) -> st.SearchStrategy[tuple[int, ...]]:
    """LayoutIds: one or more of the known layouts, each once, in any order (S1, S2 109587).

    Args:
        min_size: how many at least. The known layouts are 1 to 11 and those registered in
            ``contract``; all of them together are likely.
    """
    judge_by = in_force(contract)
    _expect_size("min_size", min_size, 1, len(judge_by.layouts))
    return strategy_of(judge_by, "LayoutIds", min_size=min_size).map(tuple)


def pane_ids(*, contract: Contract | None = None) -> st.SearchStrategy[int]:
    """PaneId: int, 0 to 15, the ends likely (S1)."""
    return strategy_of(in_force(contract), "UserPanes.PaneId")


def user_ids(*, contract: Contract | None = None) -> st.SearchStrategy[str]:
    """UserId: 1 to 64 of A–Z a–z 0–9 _ - and characters that test encoding (S1 sets no limit).

    Spaces come inside only: whether an endpoint trims a value is nowhere said.
    """
    return strategy_of(in_force(contract), "UserPanes.UserId")


def source_types(*, contract: Contract | None = None) -> st.SearchStrategy[SourceType]:
    """SourceType: ``camera`` or ``shareScreen`` (S1)."""
    values = strategy_of(in_force(contract), "UserPanes.SourceType")
    return values.map(lambda value: cast(SourceType, member("SourceType", value)))


def user_pane(*, contract: Contract | None = None) -> st.SearchStrategy[UserPane]:
    """One :class:`UserPane` (S1)."""
    judge_by = in_force(contract)
    one = strategy_of(judge_by, "UserPanes", min_size=1)
    return one.map(lambda items: _panes(judge_by, items[:1])[0])


@naming_keywords
def user_panes(
    *, min_size: int = 0, contract: Contract | None = None
) -> st.SearchStrategy[tuple[UserPane, ...]]:
    """UserPanes: 0 to 16 items with distinct PaneIds in any order; ten and more are likely (S1).

    Args:
        min_size: how many at least.
    """
    judge_by = in_force(contract)
    _expect_size("min_size", min_size, 0, most_items(judge_by.parameter("UserPanes")))
    return strategy_of(judge_by, "UserPanes", min_size=min_size).map(partial(_panes, judge_by))


def stream_urls(*, contract: Contract | None = None) -> st.SearchStrategy[str]:
    """StreamURL: an absolute ``rtmp://`` URL with an ASCII host and a path (S1).

    Often with ``?auth_key=…``, often with characters that test encoding.
    """
    return strategy_of(in_force(contract), "StreamURL")


def _panes(contract: Contract, items: Sequence[Mapping[str, Any]]) -> tuple[UserPane, ...]:
    return tuple(pythonic(contract.parameter("UserPanes"), items))


def _expect_size(name: str, size: int, lowest: int, highest: int) -> None:
    is_size = isinstance(size, int) and not isinstance(size, bool)
    if not is_size or not lowest <= size <= highest:
        raise InvalidArgument(f"{name}: expected {lowest} to {highest}, got {size!r}")
