"""Mistakes in the order of what is signed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from pytest_rtcmpu.signatures.autopsy.encoders import Encoder
from pytest_rtcmpu.signatures.autopsy.plan import Evidence, Mistake, Order, Signing, Variant, joined
from pytest_rtcmpu.signatures.verify import Pair


def _sort(key: Callable[[Pair], object], *, reverse: bool = False) -> Order:
    def order(pairs: tuple[Pair, ...], encode: Encoder) -> Sequence[Pair]:
        return sorted(pairs, key=key, reverse=reverse)  # type: ignore[arg-type]

    return order


def _encode(key: Callable[[Pair], object]) -> Order:
    def order(pairs: tuple[Pair, ...], encode: Encoder) -> Sequence[Pair]:
        return sorted(pairs, key=lambda p: key((encode(p[0]), encode(p[1]))))  # type: ignore[arg-type,return-value]

    return order


def _as_it_is(pairs: tuple[Pair, ...], encode: Encoder) -> Sequence[Pair]:
    return pairs


def _natural(pair: Pair) -> object:
    parts = re.split("([0-9]+)", pair[0])
    return [(int(part[:20]), "") if at % 2 else (0, part) for at, part in enumerate(parts)]


def _natural_ignoring_case(pair: Pair) -> object:
    return _natural((pair[0].lower(), ""))


def _collate(pair: Pair) -> object:
    """Approach a locale's order: punctuation, digits, letters; small before capital at last."""
    name = pair[0]
    ranks = [(2 if c.isalpha() else 1 if c.isdigit() else 0, c.lower()) for c in name]
    return ranks, name.swapcase()


def _in_order(name: str, *orders: Order) -> Callable[[Evidence, Signing], list[Variant]]:
    return lambda case, plan: [(plan.but(order=order), name) for order in orders]


def _as_sent(case: Evidence, plan: Signing) -> Iterator[Variant]:
    yield plan.but(order=_as_it_is), "in the order it sent them"
    if case.kind == "1.0" and case.form and case.query:
        both = {pair: at for at, pair in enumerate((*case.form, *case.query))}
        yield (
            plan.but(order=_sort(lambda pair: both.get(pair, -1))),
            "in the order it sent them, the form before the query",
        )
    yield (
        plan.but(order=lambda pairs, encode: pairs[::-1]),
        "in the reverse of the order it sent them",
    )


ORDERS: tuple[Mistake, ...] = (
    # What has a name of its own comes first: it may be the order of sending, too.
    Mistake(
        id="sorted-before-encoding",
        stage="sorted",
        text='sorted before encoding, as strings: the client sorted whole "name=value" texts, and'
        ' "=" comes after digits; sort by the name alone (LayoutIds.1 before LayoutIds.10).',
        deviate=_in_order("", _sort(joined)),
    ),
    Mistake(
        id="sorted-after-encoding",
        stage="sorted",
        text="sorted after encoding: the client sorted the encoded names, where % comes before"
        " every letter and digit; sort by the name itself, then encode.",
        deviate=_in_order("", _encode(lambda pair: pair), _encode(joined)),
    ),
    Mistake(
        id="sorted-ignoring-case",
        stage="sorted",
        text="sorted ignoring letter case: the client sorted {}; sort by name in byte order,"
        " capitals before small letters.",
        deviate=lambda case, plan: [
            (plan.but(order=order), detail)
            for order, detail in (
                (_sort(lambda pair: pair[0].lower()), "without regard to letter case"),
                (_sort(lambda pair: (pair[0].lower(), pair[1])), "without regard to letter case"),
                (_sort(lambda pair: pair[0].upper()), "as if all were capitals"),
                (_sort(lambda pair: joined(pair).lower()), "whole texts in small letters"),
                (_sort(lambda pair: (pair[0].lower(), pair[0])), "capitals first among equals"),
                (_sort(_collate), "as a locale collates, small letters first among equals"),
            )
        ],
    ),
    Mistake(
        id="sorted-by-number",
        stage="sorted",
        text="sorted by number: the client put LayoutIds.2 before LayoutIds.10; sort by name in"
        " byte order, digit by digit.",
        deviate=_in_order("", _sort(_natural), _sort(_natural_ignoring_case)),
    ),
    Mistake(
        id="sorted-otherwise",
        stage="sorted",
        text="sorted in another order: the client sorted the parameters {}; sort them by name, in"
        " byte order.",
        deviate=lambda case, plan: [
            (plan.but(order=order), detail)
            for order, detail in (
                (_sort(lambda pair: pair, reverse=True), "by name, the last first"),
                (_sort(lambda pair: pair[0], reverse=True), "by name, the last first"),
                (_sort(lambda pair: pair[1]), "by value"),
                (_sort(lambda pair: pair[::-1]), "by value"),
                (_sort(lambda pair: len(pair[0])), "by the length of the name"),
                (_sort(lambda pair: (len(pair[0]), pair[0])), "by the length of the name"),
                (_sort(lambda pair: pair[0].encode("utf-16-be", "surrogatepass")),
                 "by UTF-16 units, which differ from bytes beyond U+FFFF"),
            )
        ],
    ),
    Mistake(
        id="not-sorted",
        stage="sorted",
        text="not sorted: the client signed the parameters {}; sort them by name, in byte order.",
        deviate=_as_sent,
    ),
)  # fmt: skip
