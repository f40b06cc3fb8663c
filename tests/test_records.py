"""The codec: what is dumped loads as the same, and what is wrong is said with its path."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rtcmpu.values import records
from pytest_rtcmpu.values.credentials import Secret
from pytest_rtcmpu.values.records import Mismatch, RecordError

laws = settings(derandomize=True, deadline=None, max_examples=150)


class Colour(Enum):
    """Something with members."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A value within another; its number is even."""

    number: int
    name: str = ""

    def __post_init__(self) -> None:
        if self.number % 2:
            raise RecordError([Mismatch(path="number", expected="even", got=str(self.number))])
        if self.name == "nobody":
            raise ValueError("nobody is no name")


@dataclass(frozen=True, kw_only=True)
class Outer:
    """One field for each kind of hint."""

    text: str
    flag: bool
    whole: int
    ratio: float
    raw: bytes
    day: date
    colour: Colour
    kind: Literal["a", "b", 3]
    inner: Inner
    many: tuple[Inner, ...]
    pair: tuple[str, int]
    named: Mapping[str, tuple[int, ...]]
    maybe: Inner | None
    either: int | str | tuple[bytes, ...]
    free: Mapping[str, Any]
    again: tuple[Outer, ...] = ()
    more: str = field(default="more")


texts = st.text(max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)
inners = st.builds(Inner, number=st.integers().map(lambda n: 2 * n), name=texts)


def outers(again: st.SearchStrategy[tuple[Outer, ...]]) -> st.SearchStrategy[Outer]:
    """Any value; ``again`` is what stands within."""
    return st.builds(
        Outer,
        text=texts,
        flag=st.booleans(),
        whole=st.integers(),
        ratio=st.floats(allow_nan=False),
        raw=st.binary(max_size=8),
        day=st.dates(),
        colour=st.sampled_from(Colour),
        kind=st.sampled_from(["a", "b", 3]),
        inner=inners,
        many=st.lists(inners, max_size=2).map(tuple),
        pair=st.tuples(texts, st.integers()),
        named=st.dictionaries(texts, st.lists(st.integers(), max_size=2).map(tuple), max_size=2),
        maybe=st.none() | inners,
        either=st.integers() | texts | st.lists(st.binary(max_size=3), max_size=2).map(tuple),
        free=st.dictionaries(texts, json_values, max_size=2),
        again=again,
        more=texts,
    )


values = outers(st.lists(outers(st.just(())), max_size=1).map(tuple))


@laws
@given(values)
def test_what_is_dumped_loads_as_the_same(value: Outer) -> None:
    """Dump then load is identity, through JSON too."""
    assert records.load(Outer, records.dump(value)) == value
    assert records.loads(Outer, records.dumps(value)) == value


#: What stands in for a part of a record: one of each form, and none that a hint would take.
STRANGERS = (None, True, 3.5, -7, "?", [], [[]], {}, {"x": 1})


def spots(record: Any) -> Iterator[tuple[Any, Any, str]]:
    """Yield every (container, key, path) of the typed part of a record."""
    pairs = record.items() if isinstance(record, dict) else enumerate(record)
    for key, each in pairs:
        yield record, key, str(key)
        if isinstance(each, dict | list) and key != "free":
            for container, inner, path in spots(each):
                yield container, inner, f"{key}.{path}"


@laws
@given(values, st.data())
def test_any_single_corruption_loads_or_is_a_plain_error(value: Outer, data: st.DataObject) -> None:
    """One key left out, misspelt or replaced is an error that names its path, and no other one."""
    record = json.loads(records.dumps(value))
    container, key, path = data.draw(st.sampled_from(list(spots(record))))
    how = data.draw(st.sampled_from(["drop", "misspell", "replace"]))
    if how == "replace" or isinstance(container, list):
        container[key] = data.draw(st.sampled_from(STRANGERS))
    else:
        taken = container.pop(key)
        if how == "misspell":
            container[f"{key}x"] = taken
    found, mismatches = records.collect(Outer, record)
    top = path.split(".")[0]
    assert all(mismatch.path.startswith(top) for mismatch in mismatches)
    if not mismatches:  # another right value, or a default
        assert json.loads(records.dumps(found)).keys() >= record.keys()


RIGHT: dict[str, Any] = {
    "text": "t",
    "flag": True,
    "whole": 1,
    "ratio": 1.5,
    "raw": "AA==",
    "day": "2030-12-31",
    "colour": "red",
    "kind": "a",
    "inner": {"number": 2},
    "many": [],
    "pair": ["x", 1],
    "named": {},
    "maybe": None,
    "either": 1,
    "free": {},
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text": 3}, "text: expected text, got 3"),
        ({"text": "\ud800", "flag": 0}, "flag: expected true or false, got 0"),
        ({"whole": True}, "whole: expected an integer, got True"),
        ({"whole": 1.0}, "whole: expected an integer, got 1.0"),
        ({"ratio": "1"}, "ratio: expected a number, got '1'"),
        ({"ratio": 10**400}, "ratio: expected a number, got an integer of 1329 bits"),
        ({"whole": None}, "whole: expected an integer, got None"),
        ({"raw": "?"}, "raw: expected text in base64, got '?'"),
        ({"raw": "ä"}, "raw: expected text in base64, got 'ä'"),
        ({"day": "soon"}, "day: expected a date such as 2030-12-31, got 'soon'"),
        ({"day": datetime(2030, 1, 1, tzinfo=UTC)}, "day: expected a date such as 2030-12-31"),
        ({"text": date(2030, 1, 1)}, "text: expected text, got 2030-01-01"),
        ({"colour": "rad"}, "colour: expected one of red, blue, got 'rad'; did you mean red?"),
        ({"kind": "c"}, "kind: expected one of a, b, 3, got 'c'"),
        ({"kind": 3.0}, "kind: expected one of a, b, 3, got 3.0"),
        ({"inner": []}, "inner: expected an object, got a list of 0"),
        ({"inner": {}}, "inner.number: expected an integer, got nothing"),
        ({"inner": {"number": 3}}, "inner.number: expected even, got 3"),
        (
            {"inner": {"number": 2, "name": "nobody"}},
            "inner: expected values that make a Inner, got nobody is no name",
        ),
        (
            {"inner": {"number": 2, "nmae": "x"}},
            "inner.nmae: expected a known key, got 'nmae'; did you mean name",
        ),
        ({"inner": {"number": 2, "§": 1}}, "inner.§: expected one of the keys number, name, got"),
        ({"many": {"number": 2}}, "many: expected a list, got an object of 1"),
        ({"many": [{"number": 2}, 3]}, "many[1]: expected an object, got 3"),
        (
            {"many": [{"number": "2", "name": "it"}]},
            "many[0: it].number: expected an integer, got '2'",
        ),
        ({"pair": ["x"]}, "pair: expected a list of 2, got one of 1"),
        ({"pair": ["x", "y"]}, "pair[1]: expected an integer, got 'y'"),
        ({"pair": "xy"}, "pair: expected a list of 2, got 'xy'"),
        ({"named": {"a": [1, "b"]}}, "named.a[1]: expected an integer, got 'b'"),
        ({"named": {1: []}}, "named: expected keys that are text, got 1"),
        ({"maybe": 3}, "maybe: expected an object or null, got 3"),
        ({"maybe": {"number": None}}, "maybe.number: expected an integer, got None"),
        ({"either": None}, "either: expected an integer or text or a list, got None"),
        ({"either": [1]}, "either[0]: expected text in base64, got 1"),
        ({"free": {"x": {1, 2}}}, "free.x: expected a JSON value, got {1, 2}"),
        ({"texd": "t"}, "texd: expected a known key, got 'texd'; did you mean text?"),
        ({"x" * 300: "t"}, "(300 characters)"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[Any, Any], message: str) -> None:
    """A message has path, expected, got, and the names that are near."""
    with pytest.raises(RecordError) as caught:
        records.load(Outer, RIGHT | changes)
    assert message in str(caught.value)
    assert len(caught.value.mismatches) == 1


def test_everything_wrong_is_said_at_once() -> None:
    """All mismatches are collected and raised together, with where they stand."""
    wrong = RIGHT | {"text": 1, "flag": 2, "many": [{"number": "x"}, {"numbr": 2}]}
    with pytest.raises(RecordError) as caught:
        records.load(Outer, wrong, path="file")
    assert [mismatch.path for mismatch in caught.value.mismatches] == [
        *("file.text", "file.flag", "file.many[0].number"),
        *("file.many[1].numbr", "file.many[1].number"),
    ]
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.mismatches == caught.value.mismatches


HOSTILE = {
    "nested arrays": "[" * 20_000 + "]" * 20_000,
    "nested arrays, not ended": "[" * 100_000,
    "nested objects": '{"again":' * 20_000 + "1" + "}" * 20_000,
    "nested within": json.dumps(RIGHT)[:-1]
    + ', "more": "x", "free": {"x": '
    + "[" * 500
    + "]" * 500
    + "}}",
    "again and again": '{"again": [' * 400 + "]}" * 400,
    "unknown keys": json.dumps({f"{at}": at for at in range(100_000)}),
    "one long key": json.dumps({"text" * 500_000: 1}),
    "a long number": '{"whole": ' + "9" * 100_000 + "}",
    "wrong items": json.dumps({"many": [1] * 100_000}),
    "no JSON": "{'text': 1}",
    "nothing": "",
    "null": "null",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_is_a_plain_error_of_bounded_size(text: str) -> None:
    """Whatever a text holds, it is refused in one message that can be read, and soon."""
    began = time.process_time()
    with pytest.raises(RecordError) as caught:
        records.loads(Outer, text)
    assert time.process_time() - began < 5
    assert len(str(caught.value)) < 50_000
    assert len(caught.value.mismatches) <= records.MAX_MISMATCHES


def test_a_file_that_is_far_too_long_is_refused(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text above the bound is not parsed, and a file above it not read to its end."""
    monkeypatch.setattr(records, "MAX_CHARACTERS", 10)
    path = tmp_path / "file.json"
    path.write_text("[" + " " * 10)
    for ask in (lambda: records.read_text(path), lambda: records.loads(Outer, path.read_text())):
        with pytest.raises(RecordError, match="at most 10 characters, got more"):
            ask()
    path.write_bytes(b"\xff")
    with pytest.raises(RecordError, match="expected UTF-8"):
        records.read_text(path)


def test_what_has_no_record_is_written_as_text() -> None:
    """A secret says nothing; sets come sorted; the rest is its text."""
    record = records.dump({"s": Secret("hush"), "b": {"y", "x"}, 3: complex(1, 2), "t": (1,)})
    assert record == {"s": repr(Secret("hush")), "b": ["x", "y"], "3": "(1+2j)", "t": [1]}


def test_an_integer_stays_one_where_a_number_may_be() -> None:
    """Of a union with both, an integer is read as one, and another number as a float."""
    for number in (3, -14.5, 0.0):
        found: object = records.load(int | float | None, number)  # type: ignore[arg-type]
        assert (found, type(found)) == (number, type(number))


def test_records_that_look_the_same_cannot_be_told_apart() -> None:
    """A union whose members have one form in JSON is a mistake of the programmer's."""
    with pytest.raises(TypeError, match="look the same in JSON"):
        records.load(str | bytes, "x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no record is known for"):
        records.load(complex, 1)
