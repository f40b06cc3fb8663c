"""What an edition's entries say of each other: names that exist, ids once, rules with a judge."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pytest_rtcmpu.contract.types import (
    ENDPOINT_RULES,
    RULES_OF_KIND,
    Clause,
    Contract,
    named,
)
from pytest_rtcmpu.values.records import Mismatch, show
from pytest_rtcmpu.values.text import near


@dataclass(frozen=True, kw_only=True)
class EnumTable:
    """A table of ``enums``: of each value ``value``, ``name`` if it has one, further columns."""

    source: str
    level: str
    rows: tuple[Mapping[str, str | int], ...]


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that has been read, and what it was read from.

    Attributes:
        contract: what could be read; entries that are wrong are left out of it.
        enums: the enumerations, by parameter.
        data: the TOML's own values. Names are looked for here, so that an entry which is wrong in
            itself is not missed by those that name it.
    """

    contract: Contract
    enums: Mapping[str, EnumTable]
    data: Mapping[str, Any]

    def rows(self, section: str) -> list[Mapping[str, Any]]:
        """Return a section's tables."""
        rows = self.data.get(section)
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    def names(self, section: str, key: str = "id") -> list[str]:
        """Return how a section's entries are called."""
        return [name for row in self.rows(section) if isinstance(name := row.get(key), str)]

    @property
    def parameters(self) -> list[str]:
        """The operation's parameters and their fields, by full name."""
        return [
            f"{row.get('name')}.{part.get('name')}" if part is not row else str(row.get("name"))
            for row in self.rows("parameters")
            for part in _parts(row)
        ]

    @property
    def envelope(self) -> list[str]:
        """The common parameters, those that only a header carries too."""
        headers = chain.from_iterable(s.headers for s in self.contract.signatures.values())
        return list(dict.fromkeys((*self.names("common_parameters", "name"), *headers)))

    @property
    def codes(self) -> set[str]:
        """Every Code."""
        return {row.code for row in self.contract.errors}


def mismatches(file: File) -> Iterator[Mismatch]:
    """Yield everything that an edition's entries say of each other and that is not so."""
    for check in _CHECKS:
        yield from check(file)


def _unknown(path: str, what: str, name: str, known: Collection[str]) -> Iterator[Mismatch]:
    if name not in known:
        hint = near(name, known)
        expected = what if hint or len(known) > 12 else f"{what} of {', '.join(known)}"
        yield Mismatch(path=path, expected=expected, got=show(name), hint=hint)


def _entries(file: File) -> Iterator[tuple[str, Any]]:
    """Every entry that cites a source, with its path."""
    contract = file.contract
    if contract.service is not None:
        yield "service", contract.service
    yield from ((f"common_parameters.{each.name}", each) for each in contract.common_parameters)
    yield from ((f"clauses.{each.id}", each) for each in contract.clauses)
    yield from ((f"silences.{each.id}", each) for each in contract.silences)
    for name, p in named(contract.parameters):
        yield f"parameters.{name}", p
    for name, scheme in contract.signatures.items():
        yield f"signatures.{name}", scheme
    for name, table in file.enums.items():
        yield f"enums.{name}", table
    # A table's rows have its source where they name none.
    yield from {f"errors.{row.table}.{row.family}": row for row in contract.errors}.items()


def _sources(file: File) -> Iterator[Mismatch]:
    """``S2 111549, 111551``: a source and where in it; ``contract`` where it decides itself."""
    known = [*file.names("sources"), "contract"]
    for path, entry in _entries(file):
        for cited in entry.source.split(", "):
            if not re.fullmatch(r"[0-9]{6}", cited):  # a further document of the source before
                yield from _unknown(f"{path}.source", "a source", cited.partition(" ")[0], known)


def _levels(file: File) -> Iterator[Mismatch]:
    known = file.names("levels")
    for path, entry in _entries(file):
        if hasattr(entry, "level"):
            yield from _unknown(f"{path}.level", "a level", entry.level, known)


def _once(file: File) -> Iterator[Mismatch]:
    wire_names = [name for p in file.contract.parameters for name in (p.name, *p.aliases)]
    rules = [f"{c.parameter} {c.rule}" for c in file.contract.clauses if c.rule is not None]
    fields = (
        (f"parameters.{p.name}.fields", [part.name for part in p.fields])
        for p in file.contract.parameters
    )
    values = (
        (f"enums.{name}", [str(row.get("value")) for row in table.rows])
        for name, table in file.enums.items()
    )
    layouts = File(contract=file.contract, enums={}, data=_table(file, "layouts"))
    ids = [str(row.get("id")) for row in layouts.rows("built_in")]
    for path, names in (
        *((section, file.names(section)) for section in ("sources", "levels", "silences")),
        ("clauses", file.names("clauses")),
        ("clauses, parameter and rule", rules),
        ("common_parameters", file.names("common_parameters", "name")),
        ("parameters", wire_names),
        ("layouts", ids),
        *fields,
        *values,
    ):
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            got = f"{names.count(name)} of {show(name)}"
            yield Mismatch(path=path, expected="each name once", got=got)


def _kinds(file: File) -> Iterator[Mismatch]:
    """What a parameter of each kind must have."""
    enums = {
        p.name for _, p in named(file.contract.parameters) if p.kind in ("enum", "integer-enum")
    }
    for name, p in named(file.contract.parameters):
        path = f"parameters.{name}"
        if p.name in enums and p.name not in _table(file, "enums"):
            hint = near(p.name, _table(file, "enums"))
            expected = f"rows in enums.{p.name}"
            yield Mismatch(path=path, expected=expected, got="nothing", hint=hint)
        if p.kind in ("integer-list", "struct-list") and not p.bases:
            yield Mismatch(path=f"{path}.bases", expected="the index of the first", got="nothing")
        if p.kind == "struct-list" and not p.fields:
            yield Mismatch(path=f"{path}.fields", expected="fields", got="nothing")
        if p.kind == "url" and not p.schemes:
            yield Mismatch(path=f"{path}.schemes", expected="a scheme", got="nothing")
        if None not in (p.minimum, p.maximum) and p.minimum > p.maximum:  # type: ignore[operator]
            expected = f"at least the minimum {p.minimum}"
            yield Mismatch(path=f"{path}.maximum", expected=expected, got=show(p.maximum))
    names = {str(part.get("name")) for row in file.rows("parameters") for part in _parts(row)}
    for name, table in file.enums.items():
        yield from _unknown(f"enums.{name}", "the name of a parameter", name, names)
        if not table.rows:
            yield Mismatch(path=f"enums.{name}.rows", expected="a row", got="nothing")
        for at, row in enumerate(table.rows):
            if "value" not in row:
                path, hint = f"enums.{name}.rows[{at}].value", near("value", row)
                yield Mismatch(path=path, expected="a value", got="nothing", hint=hint)


def _parts(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    fields = row.get("fields")
    listed = fields if isinstance(fields, list) else []
    return [row, *(part for part in listed if isinstance(part, dict))]


def _table(file: File, section: str) -> Mapping[str, Any]:
    table = file.data.get(section)
    return table if isinstance(table, dict) else {}


def _rules(file: File) -> Iterator[Mismatch]:
    """Each rule of a clause has a judge, and each that is judged a clause which answers for it."""
    judged = {(name, rule): path for name, rule, path in _judged(file)}
    everywhere = sorted({rule for _, rule in judged} | set().union(*RULES_OF_KIND.values()))
    wire_names = {name for p in file.contract.parameters for name in (p.name, *p.aliases)}
    known = {*file.parameters, *file.envelope}
    for clause in file.contract.clauses:
        path = f"clauses.{clause.id}"
        if clause.parameter is not None and clause.parameter not in known:
            yield from _unknown(f"{path}.parameter", "a parameter", clause.parameter, sorted(known))
        elif clause.rule is not None and (clause.parameter, clause.rule) not in judged:
            if _is_wrong(clause, file, wire_names):
                continue  # what it is about is wrong in itself
            here = sorted(rule for name, rule in judged if name == clause.parameter)
            what = f"a rule that is judged of {clause.parameter or 'requests'}"
            hint = near(clause.rule, here) or near(clause.rule, everywhere)
            expected = f"{what}: {', '.join(here) or 'none is'}"
            yield Mismatch(path=f"{path}.rule", expected=expected, got=show(clause.rule), hint=hint)
    # A clause that is wrong in itself has not been left out by anybody.
    there = {(str(row.get("parameter")), str(row.get("rule"))) for row in file.rows("clauses")}
    for (parameter, rule), path in judged.items():
        if there and (str(parameter), rule) not in there:
            expected = f"a clause with parameter {parameter!r} and rule {rule!r}"
            yield Mismatch(path=path, expected=expected, got="nothing")


def _is_wrong(clause: Clause, file: File, wire_names: Collection[str]) -> bool:
    """Whether a clause's parameter is there and could not be read."""
    top = str(clause.parameter).partition(".")[0]
    return top in file.names("parameters", "name") and top not in wire_names


def _judged(file: File) -> Iterator[tuple[str | None, str, str]]:
    """The rules that the code judges of this edition: parameter, rule, and where it says so."""
    for parameter, rule in sorted(ENDPOINT_RULES, key=str):
        yield parameter, rule, "clauses"
    for common in file.contract.common_parameters:
        if common.required:
            yield common.name, "required", f"common_parameters.{common.name}"
        if common.value is not None:
            yield common.name, "enum", f"common_parameters.{common.name}"
    for scheme in file.contract.signatures.values():
        for name in scheme.headers:
            if name not in file.names("common_parameters", "name"):
                yield name, "required", f"signatures.{scheme.name}.headers"
    for name, p in named(file.contract.parameters):
        for rule in sorted(RULES_OF_KIND[p.kind] | ({"required"} if p.required else set())):
            yield name, rule, f"parameters.{name}"


def _codes(file: File) -> Iterator[Mismatch]:
    """Codes that answer have rows; a rule that is refused has a Code to answer with."""
    ids = file.names("clauses")
    tables = _table(file, "errors")
    for clause in file.contract.clauses:
        path = f"clauses.{clause.id}"
        if not clause.subjects:
            yield Mismatch(path=f"{path}.subjects", expected="client or endpoint", got="nothing")
        if clause.code_clause is not None:
            yield from _unknown(f"{path}.code_clause", "a clause", clause.code_clause, ids)
        if clause.rule is not None and (not clause.codes or "*" in clause.codes[0]):
            got = show(clause.codes[0]) if clause.codes else "nothing"
            yield Mismatch(path=f"{path}.codes", expected="a Code to answer with", got=got)
        for code in clause.codes:
            table, colon, _ = code.partition(":")
            if colon:
                yield from _unknown(f"{path}.codes", "an error table", table, tables)
            elif not code.endswith("*"):
                yield from _unknown(f"{path}.codes", "a Code of an error row", code, file.codes)
            elif not any(each.startswith(code[:-1]) for each in file.codes):
                yield Mismatch(path=f"{path}.codes", expected="Codes of error rows", got=show(code))
    service = file.contract.service
    if service is not None:
        yield from _unknown("service.action", "the name of an error table", service.action, tables)
        for scheme in file.contract.signatures.values():
            path = f"signatures.{scheme.name}.default_format"
            yield from _unknown(path, "a format", scheme.default_format, service.formats)


_CHECKS: tuple[Callable[[File], Iterable[Mismatch]], ...] = (
    _sources,
    _levels,
    _once,
    _kinds,
    _rules,
    _codes,
)
