"""``rtcmpu diff``: what differs between two editions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from editions import edition_text

from pytest_rtcmpu import cli, contract
from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.contract.types import Condition, Items
from pytest_rtcmpu.differences import EVERY, as_text, differences
from pytest_rtcmpu.values.text import cells

OLD, NEW = contract.load("2019-05"), contract.load("2021-03")
START = "StartMPUTask"


def found(one: Contract, other: Contract) -> list[tuple[str, str, str, str, Any, Any]]:
    """Every difference as a row."""
    return [
        (d.operation, d.what, d.name, d.aspect, d.before, d.after) for d in differences(one, other)
    ]


def changed(part: str, name: str, **fields: Any) -> Contract:
    """The old edition with other fields in one of StartMPUTask's rows, found by name or id."""
    start = OLD.operations[START]
    rows = [
        replace(row, **fields)
        if name in (getattr(row, "name", None), getattr(row, "id", None))
        else row
        for row in getattr(start, part)
    ]
    operation = replace(start, **{part: tuple(rows)})
    return replace(OLD, operations={**OLD.operations, START: operation})


@pytest.mark.parametrize(
    ("part", "name", "fields", "row"),
    [
        ("parameters", "AppId", {"required": False}, ("parameter", "required", True, False)),
        ("parameters", "AppId", {"default": "x"}, ("parameter", "default", None, "x")),
        ("parameters", "AppId", {"maximum_bytes": 9}, ("parameter", "maximum bytes", None, 9)),
        ("parameters", "BackgroundColor", {"minimum": 3}, ("parameter", "minimum", 0, 3)),
        (
            "parameters",
            "LayoutIds",
            {"items": Items(starts=(1,), maximum=7)},
            ("parameter", "items maximum", None, 7),
        ),
        ("clauses", "error.internal-error", {"level": "x"}, ("clause", "level", "documented", "x")),
        ("errors", "0x0702000C", {"http_status": 418}, ("Code", "http status", 500, 418)),
    ],
)
def test_a_field_that_differs_is_a_difference(
    part: str, name: str, fields: Mapping[str, Any], row: tuple[Any, ...]
) -> None:
    """One field of one row is one difference, with what it was and what it is."""
    ((operation, what, named, aspect, before, after),) = found(OLD, changed(part, name, **fields))
    assert (operation, (what, aspect, before, after)) == (START, row)
    assert name in named


@pytest.mark.parametrize("field", ["text", "source", "quote", "why"])
def test_what_is_for_people_alone_is_no_difference(field: str) -> None:
    """Another wording or another page changes no request."""
    assert found(OLD, changed("parameters", "AppId", **{field: "another"})) == []


def test_parameters_that_came_or_went_are_each_one_difference() -> None:
    """What is said of a parameter that only one edition has stands in its row, its clauses not."""
    start = OLD.operations[START]
    app_id, *rest = start.parameters
    without = replace(start, parameters=tuple(rest))
    other = replace(OLD, operations={**OLD.operations, START: without})
    ((*_, aspect, before, after),) = found(OLD, other)
    assert (aspect, before["required"], after) == ("gone", True, None)
    ((*_, aspect, before, after),) = found(other, OLD)
    assert (aspect, before, after["kind"]) == ("added", None, app_id.kind)


def test_what_follows_from_another_row_has_none_of_its_own() -> None:
    """A level brings its breach along, a parameter its clauses and the Codes of its name."""
    clause = {"level": "reading", "breach": "report"}
    ((*_, aspect, before, after),) = found(OLD, changed("clauses", "error.task-existed", **clause))
    assert (aspect, before, after) == ("level", "documented", "reading")
    derived = {c.id for o in NEW.operations.values() for c in o.clauses if c.parameter is not None}
    derived |= {
        f"{row.code} (HTTP {row.http_status})" for row in NEW.tables if row.family != row.code
    }
    told = {row[2] for row in found(OLD, NEW) if row[3] in ("added", "gone")}
    assert len(derived) > len(told)
    assert not told & derived


def test_a_code_that_comes_or_goes_has_a_row() -> None:
    """A Code that a page's own table has gained, or lost, is a difference by itself."""
    start = OLD.operations[START]
    row = start.errors[-1]
    new = replace(row, id=None, code="New.Code", family="New.Code", http_status=409)
    other = replace(start, errors=(*start.errors[:-1], new))
    changed_codes = replace(OLD, operations={**OLD.operations, START: other})
    told = {(what, name, aspect) for _, what, name, aspect, *_ in found(OLD, changed_codes)}
    assert told == {
        ("Code", f"{row.code} ({row.id})", "gone"),
        ("Code", "New.Code (HTTP 409)", "added"),
    }


def test_values_of_an_enumeration_are_compared_as_a_set_and_one_by_one() -> None:
    """A value that went and one whose column changed are two differences; their order is none."""
    encode = OLD.parameter("MediaEncode")
    first, second, *rest = encode.values
    assert found(OLD, changed("parameters", "MediaEncode", values=encode.values[::-1])) == []
    other = replace(second, attributes={**second.attributes, "bitrate": 1})
    gone, column = found(OLD, changed("parameters", "MediaEncode", values=(other, *rest)))
    assert set(map(str, gone[4])) - set(map(str, gone[5])) == {str(first.value)}
    assert column[3:] == (
        f"values {second.value} attributes bitrate",
        second.attributes["bitrate"],
        1,
    )


def test_a_relation_is_known_by_what_it_relates() -> None:
    """One that holds only under a condition, and is refused now, differs in both."""
    start = OLD.operations[START]
    relation, *rest = start.relations
    where = Condition(path="MediaEncode", values=("0",))
    operation = replace(start, relations=(replace(relation, where=where, verdict="refuse"), *rest))
    rows = found(OLD, replace(OLD, operations={**OLD.operations, START: operation}))
    assert [row[1] for row in rows] == ["relation", "relation"]
    assert {row[3]: row[5] for row in rows} == {
        "where": {"path": "MediaEncode", "values": ["0"]},
        "verdict": "refuse",
    }


def test_operations_that_came_or_went_are_differences() -> None:
    """An operation that only one edition has is one row with its parameters."""
    rows = {row[2]: row for row in found(OLD, NEW) if row[:2] == (EVERY, "operation")}
    assert set(rows) == set(NEW.operations) - set(OLD.operations)
    assert {row[2] for row in found(NEW, OLD) if row[3] == "gone" and row[1] == "operation"} == set(
        rows
    )


def test_the_editions_differ_in_both_directions_alike() -> None:
    """What is added one way is gone the other way; all else changes sides."""
    mirrored = {"added": "gone", "gone": "added"}
    there = sorted(
        (*r[:3], mirrored.get(r[3], r[3]), str(r[5]), str(r[4])) for r in found(OLD, NEW)
    )
    assert there == sorted((*r[:4], str(r[4]), str(r[5])) for r in found(NEW, OLD))


def test_an_edition_that_is_not_of_the_package_is_compared_by_the_same_code() -> None:
    """A made-up edition differs in what its text says differently."""
    text = edition_text().replace("reserved_up_to = 10000", "reserved_up_to = 20000")
    rows = found(OLD, contract.parse(text, shared=""))
    assert rows == [(EVERY, "reserved layouts", "", "up to", 10000, 20000)]


@pytest.mark.parametrize("edition", contract.editions())
def test_an_edition_does_not_differ_from_itself(
    edition: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing differs, and that is said; the exit status is 0."""
    assert cli.main(["diff", edition, edition]) == 0
    assert capsys.readouterr().out == f"From {edition} to {edition}: nothing differs\n"


def test_an_edition_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The message names those there are; the exit status is 2."""
    assert cli.main(["diff", "2019-05", "2020-01"]) == 2
    told = capsys.readouterr().err
    assert "unknown edition '2020-01'" in told
    assert all(each in told for each in contract.editions())


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_the_table_keeps_to_the_terminal_and_loses_nothing(width: int) -> None:
    """No line is wider than the terminal; wrapped, it has every character it has on one line."""
    text = as_text(OLD, NEW, width=width)
    assert max(map(cells, text.splitlines())) <= width
    whole = as_text(OLD, NEW, width=10_000)
    assert Counter("".join(text.split())) == Counter("".join(whole.split()))
    assert all(d.name in whole for d in differences(OLD, NEW))


def test_the_shell_prints_all_three_formats(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has the values themselves, Markdown a table for each operation; the status is 0."""
    assert cli.main(["diff", "2019-05", "2021-03", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["from"], told["to"]) == ("2019-05", "2021-03")
    assert len(told["differences"]) == len(differences(OLD, NEW))
    optional = next(
        d for d in told["differences"] if (d["name"], d["aspect"]) == ("TaskProfile", "required")
    )
    assert (optional["before"], optional["after"]) == (True, False)
    assert cli.main(["diff", "2019-05", "2021-03", "--format", "markdown"]) == 0
    page = capsys.readouterr().out
    assert "| parameter | `TaskProfile` | required | yes | no |" in page
    assert all(f"## {name}\n" in page for name in OLD.operations)
    assert cli.main(["diff", "2019-05", "2021-03"]) == 0
    assert max(map(cells, capsys.readouterr().out.splitlines())) <= 160
