"""A request's parameters, gathered under the names of the contract: pairs → texts by path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakKeyDictionary

from pytest_rtcmpu.contract import Contract, Parameter
from pytest_rtcmpu.contract.elsewhere import having
from pytest_rtcmpu.rules.values import is_plain_string, is_plain_url

Pairs = Sequence[tuple[str, str]]

_INDEX = re.compile(r"0|[1-9][0-9]{0,5}", re.ASCII)
#: The longest name, and how many, that are kept with their places.
_MAX_NAME, _MAX_NAMES = 64, 2048


@dataclass(kw_only=True)
class Collected:
    """A request's parameters; raw texts throughout.

    Attributes:
        texts: the values by path, ``UserPanes.0.PaneId``; a parameter's first name counts.
        names: under which of its names a parameter came.
        indexes: the indexes of a list's items, by the list's path.
        repeated: names that were sent more than once; the first one counts.
        open: (silence id, name) of what could not be gathered.
        elsewhere: names of parameters and fields that only another edition has, one of each.
        essence: all that a judgement depends on: names and values, ``None`` for all that are judged
            alike.
    """

    texts: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    indexes: dict[str, dict[int, None]] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    open: list[tuple[str, str]] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)
    essence: list[str | None] = field(default_factory=list)


def as_pairs(pairs: Pairs | Mapping[str, str]) -> Pairs:
    """Return (name, value) pairs; a mapping's items are such.

    Raises:
        TypeError: for what is none.
    """
    listed = tuple(pairs.items()) if isinstance(pairs, Mapping) else tuple(pairs)
    for pair in listed:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"pairs: expected (name, value) pairs, got {pair!r}")
    return listed


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a name's value belongs, or the silence about a name that belongs nowhere.

    Attributes:
        path: the value's path.
        top: the parameter that the name starts with.
        items: the lists on the way, each with the index of the item.
        is_alike: which texts are all judged alike, and whatever else was sent, if any.
        elsewhere: the parameter or field, where only another edition has it.
    """

    path: str
    top: str
    items: tuple[tuple[str, int], ...] = ()
    silence: str = ""
    is_alike: Callable[[str], bool] | None = None
    elsewhere: str = ""


def _place(name: str, contract: Contract) -> _Place | None:
    """Return the place of a name, ``None`` if the contract does not know it."""
    first, *rest = name.split(".")
    p = contract.parameters_by_wire_name.get(first)
    if p is None:
        elsewhere = _elsewhere(first, contract)
        return _Place("", first, elsewhere=elsewhere) if elsewhere else None
    path, items, top = p.name, [], p.name
    while True:
        if p.items is not None:
            if not rest:
                return _Place(name, top, silence="silence.bare-list")
            index = rest.pop(0)
            if not _INDEX.fullmatch(index):
                return _Place(name, top, silence="silence.list-index")
            items.append((path, int(index)))
            path = f"{path}.{index}"
        if p.kind != "struct":
            if not rest:
                return _Place(path, top, tuple(items), is_alike=_alike(p, contract))
            return _Place(name, top, silence="silence.list-index") if p.items else None
        if not rest:
            return _Place(name, top, silence="silence.bare-list")
        part = rest.pop(0)
        path = f"{path}.{part}"
        found = next((each for each in p.fields if each.name == part), None)
        if found is None:  # ignored, but its item is there
            elsewhere = _elsewhere(f"{p.path}.{part}", contract)
            return _Place(".".join((path, *rest)), top, tuple(items), elsewhere=elsewhere)
        p = found


def _elsewhere(name: str, contract: Contract) -> str:
    """Return the name of a parameter or field that another edition has, of any other nothing."""
    if any(name == p.name for p in contract.common_parameters):
        return ""
    return name if having(name, contract) else ""


def _alike(p: Parameter, contract: Contract) -> Callable[[str], bool] | None:
    """Return what tells the texts of a parameter that are all good, and need no note."""
    compared = {
        quantity.path
        for relation in contract.relations
        for quantity in (relation.left, relation.right, relation.where)
        if quantity is not None
    }
    if p.path in compared or p.values:
        return None
    if p.kind == "string":
        return partial(is_plain_string, p)
    if p.kind == "url":
        return partial(is_plain_url, p.schemes)
    return None


_places: WeakKeyDictionary[Contract, dict[str, _Place | None]] = WeakKeyDictionary()


def collect(pairs: Iterable[tuple[str, str]], contract: Contract) -> Collected:
    """Gather the operation's parameters out of pairs; others are ignored."""
    found = Collected()
    texts, essence = found.texts, found.essence
    places = _places.get(contract)
    if places is None:
        places = _places[contract] = {}
    for name, value in pairs:
        if name in places:
            place = places[name]
        else:
            place = _place(name, contract)
            if len(name) <= _MAX_NAME and len(places) < _MAX_NAMES:
                places[name] = place
        if place is None:
            continue
        is_alike = place.is_alike
        essence += (name, None if is_alike is not None and is_alike(value) else value)
        if place.elsewhere:
            found.elsewhere.setdefault(place.elsewhere, name)
            if not place.path:
                continue
        if place.silence:
            found.open.append((place.silence, name))
            continue
        for list_path, index in place.items:
            found.indexes.setdefault(list_path, {})[index] = None
        if place.path not in texts:
            texts[place.path] = value
            found.names[place.path] = name
        elif found.names[place.path] == name:
            found.repeated.append(name)
        else:
            found.open.append(("silence.task-id-twice", name))
    return found
