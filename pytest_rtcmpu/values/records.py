"""Frozen dataclasses ↔ JSON values: the one codec of what is written to files and sent about.

The type hints of a dataclass say what its record looks like; there is nothing else to write for
it. What is read is held to them: everything that is wrong is collected, each with its path, what
was expected and what came, and raised once as :class:`RecordError`. Nothing that a file holds
raises anything else.

==========================================  ===================================================
hint                                        record
==========================================  ===================================================
``None``, ``bool``, ``int``, ``str``        the same; ``True`` is no integer
``float``                                   a number; an integer will do
``bytes``                                   text in base64
``date``                                    text such as ``2030-12-31``, or TOML's own date
an Enum                                     the value of its member
``Literal``                                 one of its values
``tuple[X, ...]``, ``tuple[X, Y]``          a list
``Mapping[str, X]``                         an object
a dataclass                                 an object with a key a field
``X | Y``                                   either, where JSON can tell them apart
``Any``                                     anything that JSON can hold
==========================================  ===================================================
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import enum
import json
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import MISSING, is_dataclass
from datetime import date, datetime
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pytest_rtcmpu.values.credentials import Secret
from pytest_rtcmpu.values.mismatches import MAX_SHOWN, join, label
from pytest_rtcmpu.values.mismatches import Mismatch as Mismatch
from pytest_rtcmpu.values.mismatches import RecordError as RecordError
from pytest_rtcmpu.values.mismatches import raise_any as raise_any
from pytest_rtcmpu.values.mismatches import show as show
from pytest_rtcmpu.values.text import near

T = TypeVar("T")

#: Characters of a file; a report of a run in which everything is broken has some millions.
MAX_CHARACTERS = 64 * 1024 * 1024
#: How deep lists and objects may stand in each other.
MAX_DEPTH = 64
#: How many mismatches are collected; a file that has more is another kind of file.
MAX_MISMATCHES = 50


# ------------------------------------------------------------------------------------- to records


def dump(value: object) -> Any:
    """Return a value's record: JSON values.

    A Secret is written as its repr, which says nothing; what no record is known for, as its text.
    """
    match value:
        case Secret():  # a str that only its repr hides
            return repr(value)
        case enum.Enum():
            return dump(value.value)
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case date():
            return value.isoformat()
        case _ if is_dataclass(value):
            return {f.name: dump(getattr(value, f.name)) for f in dataclasses.fields(value)}
        case Mapping():
            return {str(key): dump(each) for key, each in value.items()}
        case list() | tuple():
            return [dump(each) for each in value]
        case set() | frozenset():
            return sorted(map(dump, value), key=str)
        case _:
            return str(value)


def dumps(value: object) -> str:
    """Return a value's record as a line of JSON in ASCII."""
    return json.dumps(dump(value))


# ----------------------------------------------------------------------------------- from records


def load(kind: type[T], record: object, *, path: str = "") -> T:
    """Return the value of a record.

    Args:
        kind: a dataclass, or another hint of the table above.
        record: JSON values, or TOML's.
        path: what stands before every path in messages.

    Raises:
        RecordError: with everything that is wrong.
    """
    value, mismatches = collect(kind, record, path=path)
    raise_any(mismatches)
    return value


def loads(kind: type[T], text: str, *, path: str = "") -> T:
    """Return the value of a record in JSON.

    Raises:
        RecordError: for bad JSON too.
    """
    return load(kind, parse(text, path=path), path=path)


def parse(text: str, *, path: str = "") -> Any:
    """Return a text's JSON values.

    Raises:
        RecordError: for what is no JSON, or far too much.
    """
    if len(text) > MAX_CHARACTERS:
        raise RecordError([_too_long(path, MAX_CHARACTERS)])
    try:
        return json.loads(text)
    except RecursionError:
        wrong = Mismatch(path=path, expected=_DEPTH, got="more")
    except ValueError as error:
        wrong = Mismatch(path=path, expected="JSON", got=str(error))
    raise RecordError([wrong])


def read_text(path: str | os.PathLike[str], limit: int | None = None) -> str:
    """Return a file's text.

    Args:
        limit: how many characters it may have; ``MAX_CHARACTERS`` unless given.

    Raises:
        RecordError: for far too much, no UTF-8, or what is no plain file: a pipe that nobody
            writes to would be waited for, a device may have no end.
        OSError: for none.
    """
    limit = MAX_CHARACTERS if limit is None else limit
    try:
        with open(path, encoding="utf-8", opener=_open_at_once) as file:
            text = file.read(limit + 1)
    except UnicodeDecodeError as error:
        raise RecordError([Mismatch(path="", expected="UTF-8", got=str(error))]) from None
    if len(text) > limit:
        raise RecordError([_too_long("", limit)])
    return text


def _open_at_once(path: str, flags: int) -> int:
    """Open a plain file, and wait for nobody."""
    file = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(file).st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):  # of a directory Python says so itself
        return file
    os.close(file)
    got = "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"
    raise RecordError([Mismatch(path="", expected="a plain file", got=got)])


def collect(kind: type[T], record: object, *, path: str = "") -> tuple[T, tuple[Mismatch, ...]]:
    """Return the value of a record, and everything that is wrong with it.

    Where something is wrong, lists and mappings come without their wrong items, and the value is
    ``WRONG`` where nothing is left of it.
    """
    run = _Loading()
    value: Any = WRONG
    with suppress(_Enough):
        value = run.load(kind, record, path, 0)
    return value, tuple(run.mismatches)


class _Wrong:
    """The type of ``WRONG``."""

    def __repr__(self) -> str:
        return "WRONG"


#: Stands for what could not be made of a record.
WRONG: Any = _Wrong()
_DEPTH = f"at most {MAX_DEPTH} lists and objects in each other"


def _too_long(path: str, limit: int) -> Mismatch:
    return Mismatch(path=path, expected=f"at most {limit} characters", got="more")


class _Enough(Exception):
    """Ends loading when there are too many mismatches to read."""


class _Loading:
    """One run over one record."""

    def __init__(self) -> None:
        self.mismatches: list[Mismatch] = []

    def wrong(self, path: str, expected: str, got: str, hint: str = "") -> Any:
        self.mismatches.append(Mismatch(path=path, expected=expected, got=got, hint=hint))
        if len(self.mismatches) >= MAX_MISMATCHES:
            raise _Enough
        return WRONG

    def load(self, hint: Any, record: object, path: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            return self.wrong(path, _DEPTH, "more")
        return _reader(hint)(self, record, path, depth)


_Reader = Callable[[_Loading, object, str, int], Any]


@cache
def _reader(hint: Any) -> _Reader:
    """What reads the records of a hint.

    Raises:
        TypeError: for a hint that no record is known for.
    """
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return _any
    if hint in _SCALARS:
        return partial(_scalar, hint)
    if origin is Literal:
        return partial(_literal, args)
    if origin in (Union, UnionType):
        return partial(_union, _by_form(args))
    if origin is tuple:
        return partial(_items, args[0]) if args[1:] == (...,) else partial(_fixed, args)
    if origin is not None and issubclass(origin, Mapping) and args[0] is str:
        return partial(_mapping, args[1])
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return partial(_member, hint)
    if is_dataclass(hint):
        return partial(_record, hint)
    raise TypeError(f"no record is known for {hint!r}")


# --------------------------------------------------------------------------------- single values

_SCALARS: Mapping[Any, tuple[str, frozenset[str]]] = {
    None: ("null", frozenset({"null"})),
    NoneType: ("null", frozenset({"null"})),
    bool: ("true or false", frozenset({"bool"})),
    int: ("an integer", frozenset({"int"})),
    float: ("a number", frozenset({"int", "float"})),
    str: ("text", frozenset({"text"})),
    bytes: ("text in base64", frozenset({"text"})),
    date: ("a date such as 2030-12-31", frozenset({"text"})),
}


def _form(record: object) -> str:
    """What a record is to JSON: what the members of a union are told apart by."""
    match record:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str() | date():
            return "text"
        case list() | tuple():
            return "list"
        case Mapping():
            return "object"
    return type(record).__name__


def _scalar(kind: Any, run: _Loading, record: Any, path: str, depth: int) -> Any:
    expected, forms = _SCALARS[kind]
    if _form(record) not in forms or isinstance(record, date) > (kind is date):
        return run.wrong(path, expected, show(record))
    try:
        if kind is bytes:
            return base64.b64decode(record, validate=True)
        if kind is float:
            return float(record)
        if kind is date and isinstance(record, str):
            return date.fromisoformat(record)
    except (ValueError, OverflowError, binascii.Error):
        return run.wrong(path, expected, show(record))
    if isinstance(record, datetime):  # a date to isinstance
        return run.wrong(path, expected, show(record))
    return record


def _literal(values: tuple[Any, ...], run: _Loading, record: object, path: str, depth: int) -> Any:
    for value in values:
        if value == record and type(value) is type(record):
            return value
    names = [str(value) for value in values]
    hint = near(record, names) if isinstance(record, str) else ""
    return run.wrong(path, f"one of {', '.join(names)}", show(record), hint)


def _member(kind: type[enum.Enum], run: _Loading, record: object, path: str, depth: int) -> Any:
    value = _literal(tuple(m.value for m in kind), run, record, path, depth)
    return WRONG if value is WRONG else kind(value)


def _any(run: _Loading, record: object, path: str, depth: int) -> Any:
    match record:
        case None | bool() | int() | float() | str():
            return record
        case list() | tuple():
            return list(_items(Any, run, record, path, depth))
        case Mapping():
            return _mapping(Any, run, record, path, depth)
    return run.wrong(path, "a JSON value", show(record))


# ---------------------------------------------------------------------------------------- unions


def _forms(hint: Any) -> frozenset[str]:
    """The forms that a hint's records have."""
    origin, args = get_origin(hint), get_args(hint)
    if hint in _SCALARS:
        return _SCALARS[hint][1]
    if origin is Literal:
        return frozenset(map(_form, args))
    if origin is tuple:
        return frozenset({"list"})
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return frozenset(_form(member.value) for member in hint)
    return frozenset({"object"})


def _by_form(hints: tuple[Any, ...]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for hint in hints:
        # Where both may be, an integer stays one.
        taken = frozenset({"int"}) if hint is float and int in hints else frozenset[str]()
        for form in _forms(hint) - taken:
            if form in found:
                raise TypeError(f"{found[form]!r} and {hint!r} look the same in JSON")
            found[form] = hint
    return found


def _union(by_form: Mapping[str, Any], run: _Loading, record: object, path: str, depth: int) -> Any:
    form = _form(record)
    if form in by_form:
        return run.load(by_form[form], record, path, depth)
    return run.wrong(path, _alternatives(by_form.values()), show(record))


# ------------------------------------------------------------------- lists, mappings, dataclasses


def _items(hint: Any, run: _Loading, record: object, path: str, depth: int) -> Any:
    if not isinstance(record, list | tuple):
        return run.wrong(path, "a list", show(record))
    items = (
        run.load(hint, each, f"{path}[{at}{label(each)}]", depth + 1)
        for at, each in enumerate(record)
    )
    return tuple(item for item in items if item is not WRONG)


def _fixed(hints: tuple[Any, ...], run: _Loading, record: object, path: str, depth: int) -> Any:
    if not isinstance(record, list | tuple):
        return run.wrong(path, f"a list of {len(hints)}", show(record))
    if len(record) != len(hints):
        return run.wrong(path, f"a list of {len(hints)}", f"one of {len(record)}")
    items = tuple(
        run.load(hint, each, f"{path}[{at}]", depth + 1)
        for at, (hint, each) in enumerate(zip(hints, record, strict=True))
    )
    return WRONG if any(item is WRONG for item in items) else items


def _mapping(hint: Any, run: _Loading, record: object, path: str, depth: int) -> Any:
    if not isinstance(record, Mapping):
        return run.wrong(path, "an object", show(record))
    found = {}
    for key, each in record.items():
        if not isinstance(key, str):
            run.wrong(path, "keys that are text", show(key))
            continue
        value = run.load(hint, each, join(path, key), depth + 1)
        if value is not WRONG:
            found[key] = value
    return found


@cache
def _fields(kind: Any) -> Mapping[str, tuple[Any, bool]]:
    """A dataclass's fields: hint, and whether one must be there."""
    hints = get_type_hints(kind)
    return {
        f.name: (hints[f.name], f.default is MISSING and f.default_factory is MISSING)
        for f in dataclasses.fields(kind)
    }


def _record(kind: Any, run: _Loading, record: object, path: str, depth: int) -> Any:
    if not isinstance(record, Mapping):
        return run.wrong(path, "an object", show(record))
    before = len(run.mismatches)
    fields = _fields(kind)
    for key in record:
        if key not in fields:
            hint = near(str(key), fields)
            expected = "a known key" if hint else f"one of the keys {', '.join(fields)}"
            run.wrong(join(path, str(key)), expected, show(key), hint)
    values = {}
    for name, (hint, required) in fields.items():
        if name in record:
            values[name] = run.load(hint, record[name], join(path, name), depth + 1)
        elif required:
            run.wrong(join(path, name), _expectation(hint), "nothing")
    if len(run.mismatches) > before:
        return WRONG
    try:
        return kind(**values)
    except RecordError as error:
        for each in error.mismatches:
            run.wrong(join(path, each.path), each.expected, each.got, each.hint)
    except (TypeError, ValueError) as error:
        run.wrong(path, f"values that make a {kind.__name__}", str(error)[:MAX_SHOWN])
    return WRONG


# ------------------------------------------------------------------------------------- in words


def _expectation(hint: Any) -> str:
    """What a hint expects, in words."""
    origin, args = get_origin(hint), get_args(hint)
    if hint in _SCALARS:
        return _SCALARS[hint][0]
    if origin is Literal:
        return f"one of {', '.join(map(str, args))}"
    if origin in (Union, UnionType):
        return _alternatives(args)
    if origin is tuple:
        return "a list"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return f"one of {', '.join(str(member.value) for member in hint)}"
    return "a JSON value" if hint is Any else "an object"


def _alternatives(hints: Iterable[Any]) -> str:
    return " or ".join(dict.fromkeys(map(_expectation, hints)))
