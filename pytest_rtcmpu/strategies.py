"""Hypothesis strategies, derived from the contract: valid tasks, and requests with one defect.

:func:`tasks` and one strategy a parameter make what every edition's documentation allows;
:func:`violations` breaks exactly one rule of the operation's parameters, :func:`gateway_violations`
one of the envelope around them. What the sources are silent on is never made, neither as valid nor
as invalid. Everything shrinks to the plainest value, and takes another ``contract`` than the
default edition.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache, partial
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu import rules, wire
from pytest_rtcmpu.contract import Clause, Contract, Parameter
from pytest_rtcmpu.errors import APIError
from pytest_rtcmpu.model import MediaEncode, SourceType, StartMPUTask, TaskProfile, UserPane
from pytest_rtcmpu.rules import Pairs, Problem
from pytest_rtcmpu.values.credentials import Credentials, Secret

if TYPE_CHECKING:
    from pytest_rtcmpu.client import Client, Envelope, Reply

# ------------------------------------------------------------------------- material for values

# Characters that a wrong percent-encoding loses: RFC 3986's reserved ones, those that S2 111551
# gives a rule for (space * ~ %), and text whose UTF-8 takes two, three and four bytes.
_ODD_ASCII = " +*~%&=/?#'()!"
_ODD_CHARACTERS = _ODD_ASCII + "éß用户中文\u0301🎉👍"
#: Texts in which the usual mistakes show: a plus as a space, a second encoding, a lost rest, NFC.
_ODD_TEXTS = (
    *("a b", "a+b", "a*b~c", "100%", "a%20b", "a%2Bb", "a&b=c", "a/b?c#d", "'(a)!'"),
    *("用户", "é", "e\u0301", "🎉"),
)
_MOST_BYTES_A_CHARACTER = 4
#: From here on an index has two digits, and a list sorted as text comes out in another order.
_TWO_DIGITS = 10

_HOSTS = ("a", "push.example.com", "Live-1.Example.com", "push.example.com:1935", "192.0.2.1")
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


def _stripped(text: str) -> str:
    """Without spaces at its ends: whether an endpoint trims values is nowhere said."""
    return text.strip(" ") or "a"


def _longest(p: Parameter) -> int:
    return int(p.generate.get("max", 64))


def _known_texts(p: Parameter) -> list[str]:
    """The plainest text, the shortest of each sort, the longest, and the odd where they may be."""
    alphabet, longest = _plain_alphabet(p), _longest(p)
    ends = dict.fromkeys((*alphabet[0], *alphabet[-3:]))
    odd = [t for t in _ODD_TEXTS if len(t.encode()) <= longest] if p.generate.get("odd") else []
    return [*ends, (alphabet * longest)[:longest], *odd]


def _strings(contract: Contract, p: Parameter) -> st.SearchStrategy[str]:
    alphabet, longest = _plain_alphabet(p), _longest(p)
    branches = [
        st.sampled_from(_known_texts(p)),
        st.text(alphabet, min_size=1, max_size=longest),
    ]
    if p.generate.get("odd"):
        # Short enough however the length is counted.
        most = max(1, longest // _MOST_BYTES_A_CHARACTER)
        branches.append(st.text(_ODD_CHARACTERS, min_size=1, max_size=most).map(_stripped))
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


def _pane_ids(p: Parameter) -> tuple[int, ...]:
    """As many PaneIds as a list may have items, the last one among them."""
    pane_id = _field_of(p, "PaneId")
    first, most = pane_id.minimum or 0, p.maximum_items or _TWO_DIGITS + 1
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
    ids = _pane_ids(p)
    users = _known_texts(_field_of(p, "UserId"))
    sources = [_member("SourceType", row.value) for row in _field_of(p, "SourceType").values]
    known = [(user, source) for user in users for source in sources]
    # Now and then another text than the known ones: one for all the items that want one.
    other = st.tuples(_of(contract, "UserPanes.UserId"), _of(contract, "UserPanes.SourceType"))
    symbols = _symbols([*known, *[None] * (len(known) // 8 + 1)])
    texts = partial(st.text, "".join(symbols), max_size=len(ids))
    lists = [texts(min_size=min_size)]
    if len(ids) > _TWO_DIGITS:
        lists.append(texts(min_size=max(min_size, _TWO_DIGITS)))
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
    rooted = [f"{scheme}://{host}" for scheme in p.schemes for host in _HOSTS]
    known = ["".join(parts) for parts in product(rooted, _PATHS, _QUERIES)]
    heads = ["".join(parts) for parts in product(rooted, ("/a", "/a?auth_key=a"))]
    whole = st.sampled_from([*known, *[""] * len(known)])
    head, odd = st.sampled_from(heads), st.text(_ODD_CHARACTERS, max_size=20)

    @st.composite
    def stream_urls(draw: st.DrawFn) -> str:
        return draw(whole) or _stripped(draw(head) + draw(odd))

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
def _of(contract: Contract, name: str, **settings: int) -> st.SearchStrategy[Any]:
    """The strategy of a parameter, made once a contract: making one costs more than a draw."""
    p = contract.parameter(name)
    return _BY_KIND[p.kind](contract, p, **settings)


# --------------------------------------------------------------------------- valid values, public


def _default(contract: Contract | None) -> Contract:
    return contract or _contract.load()


def app_ids(*, contract: Contract | None = None) -> st.SearchStrategy[str]:
    """AppId: 1 to 64 of A–Z a–z 0–9 _ -. Source: S1 sets no limit, these every edition allows."""
    return _of(_default(contract), "AppId")


def channel_ids(*, contract: Contract | None = None) -> st.SearchStrategy[str]:
    """ChannelId: 1 to 64 of A–Z a–z 0–9 _ -. Source: as for :func:`app_ids`."""
    return _of(_default(contract), "ChannelId")


def task_ids(*, contract: Contract | None = None) -> st.SearchStrategy[str]:
    """TaskId: 1 to 55 of A–Z a–z 0–9 _ -. Source: as for :func:`app_ids`."""
    return _of(_default(contract), "TaskId")


def task_profiles(*, contract: Contract | None = None) -> st.SearchStrategy[TaskProfile]:
    """TaskProfile: one of the eight (S1)."""
    return _of(_default(contract), "TaskProfile")


def media_encodes(*, contract: Contract | None = None) -> st.SearchStrategy[MediaEncode]:
    """MediaEncode: 0, 1, 10, 20 or 30 (S1)."""
    return _of(_default(contract), "MediaEncode")


def background_colors(*, contract: Contract | None = None) -> st.SearchStrategy[int]:
    """BackgroundColor: int, 0 to 16777215; the ends and single components are likely (S1)."""
    return _of(_default(contract), "BackgroundColor")


def layout_ids(
    *, min_size: int = 1, contract: Contract | None = None
) -> st.SearchStrategy[tuple[int, ...]]:
    """LayoutIds: one or more of the known layouts, each once, in any order (S1, S2 109587).

    min_size: how many at least. The known layouts are 1 to 11 and those registered in
    ``contract``; all of them together are likely.
    """
    judge_by = _default(contract)
    _expect_size("min_size", min_size, 1, len(judge_by.layouts))
    return _of(judge_by, "LayoutIds", min_size=min_size)


def pane_ids(*, contract: Contract | None = None) -> st.SearchStrategy[int]:
    """PaneId: int, 0 to 15, the ends likely (S1)."""
    return _of(_default(contract), "UserPanes.PaneId")


def user_ids(*, contract: Contract | None = None) -> st.SearchStrategy[str]:
    """UserId: 1 to 64 of A–Z a–z 0–9 _ - and characters that test encoding (S1 sets no limit).

    Spaces come inside only: whether an endpoint trims a value is nowhere said.
    """
    return _of(_default(contract), "UserPanes.UserId")


def source_types(*, contract: Contract | None = None) -> st.SearchStrategy[SourceType]:
    """SourceType: ``camera`` or ``shareScreen`` (S1)."""
    return _of(_default(contract), "UserPanes.SourceType")


def user_pane(*, contract: Contract | None = None) -> st.SearchStrategy[UserPane]:
    """One :class:`UserPane` (S1)."""
    judge_by = _default(contract)
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

    min_size: how many at least.
    """
    judge_by = _default(contract)
    _expect_size("min_size", min_size, 0, len(_pane_ids(judge_by.parameter("UserPanes"))))
    return _of(judge_by, "UserPanes", min_size=min_size)


def stream_urls(*, contract: Contract | None = None) -> st.SearchStrategy[str]:
    """StreamURL: an absolute ``rtmp://`` URL with an ASCII host and a path (S1).

    Often with ``?auth_key=…``, often with characters that test encoding.
    """
    return _of(_default(contract), "StreamURL")


def _expect_size(name: str, size: int, lowest: int, highest: int) -> None:
    if not lowest <= size <= highest:
        raise InvalidArgument(f"{name}: expected {lowest} to {highest}, got {size}")


_FIELDS: Mapping[str, Callable[..., st.SearchStrategy[Any]]] = {
    "app_id": app_ids,
    "channel_id": channel_ids,
    "task_id": task_ids,
    "task_profile": task_profiles,
    "media_encode": media_encodes,
    "background_color": background_colors,
    "layout_ids": layout_ids,
    "user_panes": user_panes,
    "stream_url": stream_urls,
}


def tasks(
    *, contract: Contract | None = None, **overrides: object
) -> st.SearchStrategy[StartMPUTask]:
    """Valid tasks, every parameter from its own strategy.

    overrides: by the names of :class:`StartMPUTask`'s fields, a strategy or a plain value each:
        ``tasks(media_encode=0, channel_id=st.sampled_from(["a", "b"]))``.
    contract: the default edition unless given; parameters that only another has go to ``others``.

    Raises InvalidArgument (a TypeError) for an unknown name. A value that breaks a rule raises
    InvalidTask when it is drawn.
    """
    allowed = (*_FIELDS, "others")
    unknown = sorted(set(overrides) - set(allowed))
    if unknown:
        raise InvalidArgument(f"unknown {', '.join(unknown)}: expected {', '.join(allowed)}")
    judge_by = _default(contract)
    if not overrides:
        return _tasks(judge_by)
    given = {
        name: value if isinstance(value, st.SearchStrategy) else st.just(value)
        for name, value in overrides.items()
    }
    return _task(judge_by, {**_fields(judge_by), **given})


def _fields(contract: Contract) -> dict[str, st.SearchStrategy[Any]]:
    found = {name: make(contract=contract) for name, make in _FIELDS.items()}
    foreign = _foreign(contract)
    return {**found, "others": _others(contract)} if foreign else found


@lru_cache(maxsize=64)
def _tasks(contract: Contract, **given: Any) -> st.SearchStrategy[StartMPUTask]:
    """Tasks whose lists have a least size, or which have a parameter of another edition."""
    fields = _fields(contract)
    for name, value in given.items():
        make = _FIELDS.get(name)
        fields[name] = make(min_size=value, contract=contract) if make else _others(contract, value)
    return _task(contract, fields)


def _task(
    contract: Contract, fields: Mapping[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[StartMPUTask]:
    @st.composite
    def tasks(draw: st.DrawFn) -> StartMPUTask:
        values = {name: draw(strategy) for name, strategy in fields.items()}
        return StartMPUTask(**values, contract=contract)

    return tasks()


def _foreign(contract: Contract) -> list[Parameter]:
    """The parameters that the model has no field for: another edition's. Lists are left out."""
    own = {p.name for p in _contract.load().parameters}
    return [p for p in contract.parameters if p.name not in own and not p.bases]


def _others(contract: Contract, needed: str = "") -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    @st.composite
    def others(draw: st.DrawFn) -> tuple[tuple[str, str], ...]:
        return tuple(
            (p.name, str(draw(_of(contract, p.name))))
            for p in _foreign(contract)
            if p.required or p.name == needed or draw(st.booleans())
        )

    return others()


# ------------------------------------------------------------------------------- one rule broken


def _http_statuses(contract: Contract, codes: Iterable[str]) -> frozenset[int]:
    rows = contract.errors_by_code
    return frozenset(row.http_status for code in codes for row in rows.get(code, ()))


@dataclass(frozen=True, kw_only=True, repr=False)
class Violation:
    """A request of the operation that breaks exactly one rule.

    pairs: its parameters, ready for ``client.call("StartMPUTask", violation.pairs)``.
    repaired: the same with that one parameter repaired: a valid request.
    task: the valid task it was made from; ``repaired`` is its wire form.
    problem: the verdict on ``pairs``: path, expected, got and clause.
    http_statuses: the HTTP statuses of the Codes that may answer.
    """

    pairs: tuple[tuple[str, str], ...]
    repaired: tuple[tuple[str, str], ...]
    task: StartMPUTask
    problem: Problem
    http_statuses: frozenset[int]

    @classmethod
    def judged(
        cls, pairs: Pairs, *, repaired: Pairs, task: StartMPUTask, contract: Contract
    ) -> Violation:
        """Return the violation that pairs are. The verdict comes from them, not from the intent.

        Raises ValueError when they do not break exactly one rule.
        """
        problems = rules.judge(pairs, contract).problems
        if len(problems) != 1:
            raise ValueError(f"expected one problem, got {[str(p) for p in problems]}")
        return cls(
            pairs=tuple(pairs),
            repaired=tuple(repaired),
            task=task,
            problem=problems[0],
            http_statuses=_http_statuses(contract, problems[0].clause.codes),
        )

    @property
    def clause(self) -> str:
        """The id of the clause that is broken."""
        return self.problem.clause.id

    @property
    def level(self) -> str:
        """How sure that clause is: ``documented``, ``companion`` or ``reading``."""
        return self.problem.clause.level

    @property
    def parameter(self) -> str:
        """The parameter that is broken, ``UserPanes.PaneId`` for a field."""
        return str(self.problem.clause.parameter)

    @property
    def codes(self) -> frozenset[str]:
        """The Codes that may answer; one of them."""
        return frozenset(self.problem.clause.codes)

    def __repr__(self) -> str:
        codes = " or ".join(self.problem.clause.codes)
        return f"<Violation {self.problem} → {codes}; made from {self.task}>"


# The wrong values of a rule, by the rule's name. Each is derived from what the contract allows,
# and ``None`` where the contract leaves nothing that is wrong. They keep clear of everything that
# the sources are silent on: other spellings of integers, rtmps, layouts above the reserved ones.
_Wrong = st.SearchStrategy[str] | None


def _sampled(values: Iterable[str]) -> _Wrong:
    found = list(dict.fromkeys(values))
    return st.sampled_from(found) if found else None


def _unlisted(contract: Contract, p: Parameter) -> _Wrong:
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
    return _sampled(t for t in (*near, "a", "0", "null") if t and t.casefold() not in allowed)


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
    return _sampled(t for t in cased if t not in values)


#: Texts that are no Integer in any reading: words, other notations, colours as CSS has them.
_NO_INTEGERS = (
    *("abc", "20.0", "1.0", "0x14", "0xff0000", "1e1", "1_0", "1,000", "--1", "-", "true", "null"),
    *("720p", "#ff0000", "#000000", "#1e90ff", "ff0000", "red", "rgb(1,2,3)", "中", "NaN"),
)


def _no_integer(contract: Contract, p: Parameter) -> _Wrong:
    return _sampled(_NO_INTEGERS)


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
    urls = _of(contract, p.name)
    return st.builds(
        lambda scheme, url: scheme + url[url.index("://") :], st.sampled_from(schemes), urls
    )


def _not_absolute(contract: Contract, p: Parameter) -> _Wrong:
    """No scheme, no host or no path."""
    # A path of a lone slash is left alone: some will see an empty one, some will not.
    hosts = [host for host in _HOSTS if ":" not in host]  # a:1/b would have the scheme a
    return _sampled(
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
                for scheme, host, rest in product(p.schemes, _HOSTS, ("", "?auth_key=1", "#a"))
            ),
        ]
    )


_WRONG_VALUES: Mapping[str, Callable[[Contract, Parameter], _Wrong]] = {
    "enum": _unlisted,
    "case": _other_case,
    "integer": _no_integer,
    "range": _out_of_range,
    "known": _unknown_layout,
    "scheme": _other_scheme,
    "url": _not_absolute,
}

# What breaks the form of a request: pairs in, pairs out.


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


def _replaced(
    draw: st.DrawFn, pairs: Pairs, p: Parameter, name: str, values: st.SearchStrategy[str]
) -> Pairs:
    spots = _spots(pairs, name)
    return _put(pairs, draw(st.sampled_from(spots)), draw(values))


def _left_out(draw: st.DrawFn, pairs: Pairs, p: Parameter, name: str) -> Pairs:
    spots = _spots(pairs, name)
    if p.bases:
        # An item with an empty value: missing or malformed? A list is left out as a whole.
        return [pair for i, pair in enumerate(pairs) if i not in spots]
    return _put(pairs, draw(st.sampled_from(spots)), draw(st.sampled_from((None, ""))))


def _renumbered(pairs: Pairs, name: str, number: Callable[[int], int]) -> Pairs:
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


def _moved(draw: st.DrawFn, pairs: Pairs, p: Parameter, name: str) -> Pairs:
    first = _first_index(pairs, name)
    wrong = [n for n in range(max(p.bases) + 3) if n not in p.bases]
    start = draw(st.sampled_from([*wrong, max(p.bases) + _TWO_DIGITS]))
    return _renumbered(pairs, name, lambda index: index - first + start)


def _torn(draw: st.DrawFn, pairs: Pairs, p: Parameter, name: str) -> Pairs:
    first = _first_index(pairs, name)
    count = len({pairs[i][0].split(".")[1] for i in _spots(pairs, name)})
    after = first + draw(st.integers(1, count - 1))
    by = draw(st.sampled_from((1, 2, _TWO_DIGITS)))
    return _renumbered(pairs, name, lambda index: index + by if index >= after else index)


_Break = Callable[[st.DrawFn, Pairs, Parameter, str], Pairs]
_FORMS: Mapping[str, _Break] = {"required": _left_out, "base": _moved, "gaps": _torn}
#: How many items a list must have for its rule to be broken; one, where nothing is said.
_ITEMS_NEEDED = {"gaps": 2}


def _broken(
    contract: Contract,
    clause: Clause,
    valid: st.SearchStrategy[StartMPUTask],
    spoil: _Break,
) -> st.SearchStrategy[Violation]:
    name = str(clause.parameter)
    p, starts = contract.parameter(name), contract.parameter("UserPanes").bases

    @st.composite
    def violations(draw: st.DrawFn) -> Violation:
        task = draw(valid)
        start = draw(st.sampled_from(starts)) if task.user_panes else starts[0]
        pairs = task.to_wire(user_panes_from=start)
        spoilt = spoil(draw, pairs, p, name)
        return Violation.judged(spoilt, repaired=pairs, task=task, contract=contract)

    return violations()


def _breaking(contract: Contract, clause: Clause) -> st.SearchStrategy[Violation] | None:
    """The requests that break a clause's rule, or ``None`` where nothing can."""
    top = contract.parameters_by_wire_name.get((clause.parameter or "").partition(".")[0])
    if top is None or clause.parameter is None or clause.rule is None:
        return None  # not the operation's own
    p = contract.parameter(clause.parameter)
    if clause.rule in _FORMS:
        spoil = _FORMS[clause.rule]
    elif clause.rule in _WRONG_VALUES:
        values = _WRONG_VALUES[clause.rule](contract, p)
        if values is None:
            return None
        spoil = partial(_replaced, values=values)
    else:  # a rule on the endpoint's state, which no request breaks by itself
        return None
    needed: dict[str, Any] = {}
    if top.bases:
        least = _ITEMS_NEEDED.get(clause.rule, 1)
        there_are = contract.layouts if top.kind == "integer-list" else _pane_ids(top)
        if len(there_are) < least:
            return None
        needed[_LIST_FIELDS[top.kind]] = least
    elif top in _foreign(contract):
        needed["others"] = top.name
    return _broken(contract, clause, _tasks(contract, **needed), spoil)


_LIST_FIELDS = {"integer-list": "layout_ids", "struct-list": "user_panes"}


@lru_cache(maxsize=64)
def _violations(contract: Contract) -> Mapping[str, st.SearchStrategy[Violation]]:
    found = {clause.id: _breaking(contract, clause) for clause in contract.clauses}
    return {clause_id: strategy for clause_id, strategy in found.items() if strategy is not None}


def _chosen(found: Mapping[str, Any], clauses: str | Iterable[str] | None) -> list[Any]:
    """What the ids and globs ask for, in the contract's order."""
    patterns = ["*"] if clauses is None else [clauses] if isinstance(clauses, str) else [*clauses]
    if not patterns:
        raise InvalidArgument("clauses: expected at least one clause id or glob, got none")
    for pattern in patterns:
        if not any(fnmatchcase(clause_id, pattern) for clause_id in found):
            raise InvalidArgument(f"no violation of {pattern!r}: there are {', '.join(found)}")
    return [
        value
        for clause_id, value in found.items()
        if any(fnmatchcase(clause_id, pattern) for pattern in patterns)
    ]


def violations(
    *, contract: Contract | None = None, clauses: str | Iterable[str] | None = None
) -> st.SearchStrategy[Violation]:
    """Requests that break exactly one rule of the operation's parameters.

    clauses: only these clauses, by id or glob: ``violations(clauses="media-encode.*")``.

    Raises InvalidArgument for a clause or glob that no violation belongs to. A task that exists
    already (error.task-existed) is none: no request breaks that rule by itself.
    """
    return st.one_of(_chosen(_violations(_default(contract)), clauses))


# ---------------------------------------------------------------------------- a broken envelope

_Change = Callable[["Envelope"], "Envelope"]


@dataclass(frozen=True, kw_only=True)
class GatewayViolation:
    """What breaks one rule of the envelope, applied when a request is sent.

    clause: the id of the clause that is broken. level: how sure it is.
    what: what is wrong, in words.
    signature: the signature it is made for, ``1.0`` or ``v3``.
    parameter: the common parameter that is wrong; ``None`` for the HTTP method.
    codes, http_statuses: the Codes that may answer, one of them, and their HTTP statuses.
    repeats: the nonce of an earlier, good request is sent again.
    """

    clause: str
    level: str
    what: str
    signature: Literal["1.0", "v3"]
    parameter: str | None
    codes: frozenset[str]
    http_statuses: frozenset[int]
    repeats: bool = False
    change: _Change = field(repr=False, compare=False)

    def apply(self, envelope: Envelope) -> Envelope:
        """Return the envelope, broken: for ``client.call(…, envelope=violation.apply)``.

        A repeated nonce needs an earlier request: use :meth:`send`.
        """
        return self.change(envelope)

    def send(
        self, client: Client, request: StartMPUTask | Pairs, action: str | None = None
    ) -> Reply:
        """Send a task, or raw pairs, in the broken envelope; return or raise what the client does.

        action: ``StartMPUTask`` unless given. For a repeated nonce a good request goes first,
        whatever answers it. Raises ValueError for a client that signs in the other way.
        """
        if client.signature != self.signature:
            raise ValueError(
                f"client: expected one with signature={self.signature!r}, got {client!r}"
            )
        action = action or _contract.load().service.action
        pairs: Pairs = (
            request.to_wire(user_panes_from=client.user_panes_from)
            if isinstance(request, StartMPUTask)
            else request
        )
        if not self.repeats:
            return client.call(action, pairs, envelope=self.apply)
        nonces: list[str] = []

        def remember(envelope: Envelope) -> Envelope:
            nonces.append(envelope.nonce)
            return envelope

        # "A nonce counts as used once its signature has verified", even if the task exists.
        with suppress(APIError):
            client.call(action, pairs, envelope=remember)
        return client.call(
            action, pairs, envelope=lambda envelope: replace(envelope, nonce=nonces[0])
        )


#: What is wrong, in words, and the change that makes it so.
_Defects = st.SearchStrategy[tuple[str, _Change]]


def _defects(*rows: tuple[str, _Change]) -> _Defects:
    return st.sampled_from(rows)


def _set(**values: Any) -> _Change:
    return lambda envelope: replace(envelope, **values)


#: Where the client's envelope holds a common parameter that may come with another value.
_HELD_IN = {
    "Version": "version",
    "Action": "action",
    "SignatureMethod": "signature_method",
    "Timestamp": "timestamp",
    "SignatureVersion": "signature_version",
    "SignatureNonce": "nonce",
}


def _absent(contract: Contract, name: str) -> _Defects:
    rows: list[tuple[str, _Change]] = [
        (f"no {name}", lambda envelope: replace(envelope, omit=envelope.omit | {name}))
    ]
    if name in _HELD_IN:
        rows.append((f"an empty {name}", _set(**{_HELD_IN[name]: ""})))
    return _defects(*rows)


def _other_value(contract: Contract, name: str) -> _Defects:
    """A value near the documented one, in no letter case the same."""
    value = next(p.value or "" for p in contract.common_parameters if p.name == name)
    values = (value[:-1], f"{value}1", f"x{value}", "x")
    return _defects(*((f"{name}={v}", _set(**{_HELD_IN[name]: v})) for v in values))


def _other_action(contract: Contract, name: str) -> _Defects:
    """The Action in another letter case ("case matters"), or misspelt."""
    action = contract.service.action
    others = (action.lower(), action.upper(), action.swapcase(), action[:-1], f"{action}s", "x")
    return _defects(*((f"Action={a}", _set(action=a)) for a in others if a != action))


def _other_format(contract: Contract, name: str) -> _Defects:
    known = {text.upper() for text in contract.service.formats}
    others = [text for text in ("x", "YAML", "TEXT", "JSON5", "HTML") if text not in known]
    return _defects(*((f"Format={text}", _set(reply_format=text)) for text in others))


def _other_method(contract: Contract, name: str) -> _Defects:
    # HEAD is left out: its reply has no body, and so no Code.
    methods = [m for m in ("PUT", "DELETE", "PATCH") if m not in contract.service.methods]
    return _defects(*((f"method {method}", _set(method=method)) for method in methods))


def _moment(envelope: Envelope, contract: Contract) -> datetime:
    return wire.parse_timestamp(envelope.timestamp, contract) or datetime.now(UTC)


#: Other forms of a moment, made from the documented one.
_FORMS_OF_TIME: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("no Z", lambda form: form.removesuffix("Z")),
    ("an offset for Z", lambda form: form.removesuffix("Z") + "+08:00"),
    ("a fraction", lambda form: form.replace("%S", "%S.000")),
    ("a space for T", lambda form: form.replace("T", " ").removesuffix("Z")),
    ("slashes", lambda form: form.replace("-", "/")),
    ("no punctuation", lambda form: form.replace("-", "").replace(":", "")),
    ("no seconds", lambda form: form.replace(":%S", "")),
    ("no time", lambda form: form.partition("T")[0]),
    ("an epoch", lambda form: "{epoch}"),
    ("an epoch in milliseconds", lambda form: "{epoch}000"),
    ("a word", lambda form: "now"),
)


def _malformed_time(contract: Contract, name: str) -> _Defects:
    def change(make: Callable[[str], str], envelope: Envelope) -> Envelope:
        moment = _moment(envelope, contract)
        text = moment.strftime(make(contract.service.timestamp_format))
        return replace(envelope, timestamp=text.format(epoch=int(moment.timestamp())))

    return _defects(*((f"Timestamp with {w}", partial(change, make)) for w, make in _FORMS_OF_TIME))


#: So far beyond the window that neither a slow machine nor a rounded second matters.
_CLEAR_MARGIN = 60
_HOUR = 3600


def _expired_time(contract: Contract, name: str) -> _Defects:
    def defect(offset: int) -> tuple[str, _Change]:
        def change(envelope: Envelope) -> Envelope:
            moment = _moment(envelope, contract) + timedelta(seconds=offset)
            return replace(envelope, timestamp=wire.format_timestamp(moment, contract))

        return f"Timestamp {offset:+d} s from the clock", change

    least = contract.service.timestamp_window_seconds + _CLEAR_MARGIN
    # Eight hours: China's local time, sent as though it were UTC.
    away = st.one_of(
        st.sampled_from([least, max(least, 8 * _HOUR)]), st.integers(least, least + 1000 * _HOUR)
    )
    return st.tuples(st.sampled_from((-1, 1)), away).map(lambda pair: defect(pair[0] * pair[1]))


def _with_key(make: Callable[[Credentials], Credentials]) -> _Change:
    return lambda envelope: replace(envelope, credentials=make(envelope.credentials))


def _unknown_key(contract: Contract, name: str) -> _Defects:
    def other_id(key: Credentials) -> Credentials:
        return replace(key, access_key_id=f"{key.access_key_id}-unknown")

    return _defects(("an AccessKeyId that does not exist", _with_key(other_id)))


def _another(char: str) -> str:
    return "1" if char == "0" else "0"


def _wrong_signature(contract: Contract, name: str) -> _Defects:
    def other_secret(key: Credentials) -> Credentials:
        return replace(key, access_key_secret=Secret(f"{key.access_key_secret.reveal()}x"))

    return _defects(
        ("a signature with another first character", _set(tamper=lambda s: _another(s[0]) + s[1:])),
        ("a signature cut short", _set(tamper=lambda s: s[: len(s) // 2])),
        ("a signature of zeros", _set(tamper=lambda s: "0" * len(s))),
        ("a signature made with another secret", _with_key(other_secret)),
    )


def _repeated_nonce(contract: Contract, name: str) -> _Defects:
    return _defects(("a SignatureNonce sent before", lambda envelope: envelope))


_BOTH = frozenset({"1.0", "v3"})
_ONLY_1_0 = frozenset({"1.0"})
# By parameter and rule; ``None`` as a parameter stands for every one that has no row of its own.
# Under V3 only what has a documented Code: none is for an absent header (S4) or another algorithm.
_ENVELOPES: Mapping[
    tuple[str | None, str], tuple[frozenset[str], Callable[[Contract, str], _Defects]]
] = {
    (None, "method"): (_BOTH, _other_method),
    ("Format", "enum"): (_BOTH, _other_format),
    (None, "required"): (_ONLY_1_0, _absent),
    ("Version", "enum"): (_BOTH, _other_value),
    ("Action", "enum"): (_BOTH, _other_action),
    ("SignatureMethod", "enum"): (_ONLY_1_0, _other_value),
    ("SignatureVersion", "enum"): (_ONLY_1_0, _other_value),
    ("Timestamp", "format"): (_BOTH, _malformed_time),
    ("Timestamp", "window"): (_BOTH, _expired_time),
    ("AccessKeyId", "known"): (_BOTH, _unknown_key),
    ("Signature", "verifies"): (_BOTH, _wrong_signature),
    ("SignatureNonce", "unique"): (_BOTH, _repeated_nonce),
}


def _gateway_violation(
    contract: Contract, clause: Clause, signature: Literal["1.0", "v3"], defect: tuple[str, _Change]
) -> GatewayViolation:
    what, change = defect
    return GatewayViolation(
        clause=clause.id,
        level=clause.level,
        what=what,
        signature=signature,
        parameter=clause.parameter,
        codes=frozenset(clause.codes),
        http_statuses=_http_statuses(contract, clause.codes),
        repeats=clause.rule == "unique",
        change=change,
    )


@lru_cache(maxsize=64)
def _gateway_violations(
    contract: Contract, signature: Literal["1.0", "v3"]
) -> Mapping[str, st.SearchStrategy[GatewayViolation]]:
    common = {p.name for p in contract.common_parameters} | {None}
    found = {}
    for clause in contract.clauses:
        if clause.parameter not in common or clause.rule is None:
            continue
        nobody: tuple[frozenset[str], Any] = (frozenset(), None)
        row = _ENVELOPES.get((clause.parameter, clause.rule))
        signatures, defects = row or _ENVELOPES.get((None, clause.rule), nobody)
        if signature in signatures:
            make = partial(_gateway_violation, contract, clause, signature)
            found[clause.id] = defects(contract, str(clause.parameter)).map(make)
    return found


def gateway_violations(
    signature: Literal["1.0", "v3"] = "1.0",
    *,
    contract: Contract | None = None,
    clauses: str | Iterable[str] | None = None,
) -> st.SearchStrategy[GatewayViolation]:
    """What breaks exactly one rule of the envelope: ``violation.send(client, task)``.

    signature: how the client that sends it signs. Under ``v3`` there are fewer: which Code answers
        an absent header is nowhere documented.
    clauses: only these clauses, by id or glob.

    Raises InvalidArgument for another signature, or a clause that no violation belongs to. A
    disabled key (access-key-id.active) is none: that is the endpoint's doing.
    """
    judge_by = _default(contract)
    if signature not in judge_by.signatures:
        raise InvalidArgument(f"signature: expected '1.0' or 'v3', got {signature!r}")
    return st.one_of(_chosen(_gateway_violations(judge_by, signature), clauses))
