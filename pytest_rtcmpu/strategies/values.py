"""Valid values, each derived from what the contract allows."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import product
from typing import Any

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.contract import Contract, Parameter
from pytest_rtcmpu.model import MediaEncode, SourceType, TaskProfile, UserPane

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


def _plain_alphabet(p: Parameter) -> str:
    """The characters that every edition allows, letters first."""
    matches = re.compile(p.generate.get("pattern", "[A-Za-z0-9]")).fullmatch
    found = [chr(code) for code in range(0x21, 0x7F) if matches(chr(code))]
    return "".join(sorted(found, key=lambda c: (not c.islower(), not c.isupper(), c)))


def _strip(text: str) -> str:
    """Without spaces at its ends: whether an endpoint trims values is nowhere said."""
    return text.strip(" ") or "a"


def _longest(p: Parameter) -> int:
    return int(p.generate.get("max", 64))


def _short_texts(p: Parameter) -> list[str]:
    """The plainest text, the shortest of each sort, and the odd ones where they may be."""
    alphabet, longest = _plain_alphabet(p), _longest(p)
    ends = dict.fromkeys((*alphabet[0], *alphabet[-3:]))
    odd = [t for t in ODD_TEXTS if len(t.encode()) <= longest] if p.generate.get("odd") else []
    return [*ends, *odd]


def _strings(contract: Contract, p: Parameter) -> st.SearchStrategy[str]:
    alphabet, longest = _plain_alphabet(p), _longest(p)
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
    return st.sampled_from([_member(p.name, row.value) for row in p.values])


_ENUMS: Mapping[str, Callable[[Any], object]] = {
    kind.__name__: kind for kind in (TaskProfile, MediaEncode, SourceType)
}


def _member(name: str, value: str | int) -> object:
    """The model's member of a value; one that only another edition lists stays as it is."""
    try:
        return _ENUMS[name](value)
    except (KeyError, ValueError):
        return value


def _likely_integers(p: Parameter) -> list[int]:
    given = (p.default, p.minimum, p.maximum, *p.generate.get("likely", ()))
    return [
        value
        for value in dict.fromkeys(given)
        if isinstance(value, int)
        and (p.minimum is None or value >= p.minimum)
        and (p.maximum is None or value <= p.maximum)
    ]


def _integers(contract: Contract, p: Parameter) -> st.SearchStrategy[int]:
    return st.one_of(st.sampled_from(_likely_integers(p) or [0]), st.integers(p.minimum, p.maximum))


def _symbols(items: Sequence[Any]) -> dict[str, Any]:
    """Characters that stand for items, so that a list of them can be drawn as one text.

    ``st.lists(st.sampled_from(items))`` makes two draws an item, and so the longest lists here
    dearer than all the rest of a task. A text shrinks as well: shorter, then to the first item.
    """
    return {chr(ord("0") + i): item for i, item in enumerate(items)}


def _layout_lists(
    contract: Contract, p: Parameter, min_size: int = 1
) -> st.SearchStrategy[tuple[int, ...]]:
    # Each layout once: what a second mention would mean is nowhere said.
    known = tuple(sorted(contract.layouts))
    if min_size > 1:
        several = st.lists(st.sampled_from(known), min_size=min_size, unique=True).map(tuple)
        return st.one_of(st.sampled_from([known[:min_size], known, known[::-1]]), several)
    symbols = _symbols(known)
    return st.one_of(
        st.sampled_from([*((n,) for n in known), *(known, known[::-1]) * 3]),
        st.text("".join(symbols), min_size=1, max_size=2 * len(known)).map(
            lambda text: tuple(dict.fromkeys(symbols[symbol] for symbol in text))
        ),
    )


@lru_cache(maxsize=8192)
def _pane(
    pane_id: int, user_id: str, source_type: SourceType | str, contract: Contract
) -> UserPane:
    return UserPane(pane_id=pane_id, user_id=user_id, source_type=source_type, contract=contract)


def _field_of(p: Parameter, name: str) -> Parameter:
    return next(f for f in p.fields if f.name == name)


def pane_ids_of(p: Parameter) -> tuple[int, ...]:
    """As many PaneIds as a list may have items, the last one among them."""
    pane_id = _field_of(p, "PaneId")
    first, most = pane_id.minimum or 0, p.maximum_items or TWO_DIGITS + 1
    last = first + most - 1 if pane_id.maximum is None else pane_id.maximum
    return (*range(first, min(last, first + most - 1)), last)


def _pane_orders(ids: Sequence[int]) -> st.SearchStrategy[Sequence[int]]:
    """Every PaneId once, in an order: two items with one PaneId are never made."""
    chance = random.Random(0)
    shuffled = [chance.sample(ids, len(ids)) for _ in range(250)]
    return st.sampled_from([ids, (ids[-1], *ids[:-1]), ids[::-1], *shuffled])


def _pane_lists(
    contract: Contract, p: Parameter, min_size: int = 0
) -> st.SearchStrategy[tuple[UserPane, ...]]:
    ids = pane_ids_of(p)
    user_id = _field_of(p, "UserId")
    longest = _longest(user_id)
    users = [*_short_texts(user_id), (_plain_alphabet(user_id) * longest)[:longest]]
    sources = [_member("SourceType", row.value) for row in _field_of(p, "SourceType").values]
    known = [(user, source) for user in users for source in sources]
    # Now and then another text than the known ones: one for all the items that want one.
    other = st.tuples(
        strategy_of(contract, "UserPanes.UserId"), strategy_of(contract, "UserPanes.SourceType")
    )
    symbols = _symbols([*known, *[None] * (len(known) // 8 + 1)])
    texts = partial(st.text, "".join(symbols), max_size=len(ids))
    lists = [texts(min_size=min_size)]
    if len(ids) > TWO_DIGITS:
        lists.append(texts(min_size=max(min_size, TWO_DIGITS)))
    drawn_lists, orders = st.one_of(lists), _pane_orders(ids)

    @st.composite
    def user_panes(draw: st.DrawFn) -> tuple[UserPane, ...]:
        items = [symbols[symbol] for symbol in draw(drawn_lists)]
        if not items:
            return ()
        order = draw(orders)
        drawn = draw(other) if None in items else ("", None)
        return tuple(
            _pane(pane_id, *(item or drawn), contract)
            for pane_id, item in zip(order, items, strict=False)
        )

    return user_panes()


def _urls(contract: Contract, p: Parameter) -> st.SearchStrategy[str]:
    """Absolute URLs. A path goes on after its slash with a plain letter, so none is empty."""
    rooted = [f"{scheme}://{host}" for scheme in p.schemes for host in HOSTS]
    known = ["".join(parts) for parts in product(rooted, _PATHS, _QUERIES)]
    heads = ["".join(parts) for parts in product(rooted, ("/a", "/a?auth_key=a"))]
    whole = st.sampled_from([*known, *[""] * len(known)])
    head, odd = st.sampled_from(heads), st.text(_ODD_CHARACTERS, max_size=20)

    @st.composite
    def stream_urls(draw: st.DrawFn) -> str:
        return draw(whole) or _strip(draw(head) + draw(odd))

    return stream_urls()


_BY_KIND: Mapping[str, Callable[..., st.SearchStrategy[Any]]] = {
    "string": _strings,
    "enum": _enum,
    "integer-enum": _enum,
    "integer": _integers,
    "integer-list": _layout_lists,
    "struct-list": _pane_lists,
    "url": _urls,
}


@lru_cache(maxsize=256)
def strategy_of(contract: Contract, name: str, **settings: int) -> st.SearchStrategy[Any]:
    """The strategy of a parameter, made once a contract: making one costs more than a draw."""
    p = contract.parameter(name)
    return _BY_KIND[p.kind](contract, p, **settings)


# --------------------------------------------------------------------------- valid values, public


def in_force(contract: Contract | None) -> Contract:
    """Return the contract given, or the default one."""
    return contract or _contract.load()


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
    return strategy_of(in_force(contract), "TaskProfile")


def media_encodes(*, contract: Contract | None = None) -> st.SearchStrategy[MediaEncode]:
    """MediaEncode: 0, 1, 10, 20 or 30 (S1)."""
    return strategy_of(in_force(contract), "MediaEncode")


def background_colors(*, contract: Contract | None = None) -> st.SearchStrategy[int]:
    """BackgroundColor: int, 0 to 16777215; the ends and single components are likely (S1)."""
    return strategy_of(in_force(contract), "BackgroundColor")


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
    return strategy_of(judge_by, "LayoutIds", min_size=min_size)


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
    return strategy_of(in_force(contract), "UserPanes.SourceType")


def user_pane(*, contract: Contract | None = None) -> st.SearchStrategy[UserPane]:
    """One :class:`UserPane` (S1)."""
    judge_by = in_force(contract)
    return st.builds(
        lambda pane_id, user_id, source_type: _pane(pane_id, user_id, source_type, judge_by),
        pane_ids(contract=contract),
        user_ids(contract=contract),
        source_types(contract=contract),
    )


def user_panes(
    *, min_size: int = 0, contract: Contract | None = None
) -> st.SearchStrategy[tuple[UserPane, ...]]:
    """UserPanes: 0 to 16 items with distinct PaneIds in any order; ten and more are likely (S1).

    Args:
        min_size: how many at least.
    """
    judge_by = in_force(contract)
    _expect_size("min_size", min_size, 0, len(pane_ids_of(judge_by.parameter("UserPanes"))))
    return strategy_of(judge_by, "UserPanes", min_size=min_size)


def stream_urls(*, contract: Contract | None = None) -> st.SearchStrategy[str]:
    """StreamURL: an absolute ``rtmp://`` URL with an ASCII host and a path (S1).

    Often with ``?auth_key=…``, often with characters that test encoding.
    """
    return strategy_of(in_force(contract), "StreamURL")


def _expect_size(name: str, size: int, lowest: int, highest: int) -> None:
    if not lowest <= size <= highest:
        raise InvalidArgument(f"{name}: expected {lowest} to {highest}, got {size}")
