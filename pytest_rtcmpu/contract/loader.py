"""An edition's TOML file → :class:`Contract`. Everything that is wrong with it is said at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from pytest_rtcmpu.contract.relations import EnumTable, File, mismatches
from pytest_rtcmpu.contract.types import (
    Clause,
    CommonParameter,
    Contract,
    ContractError,
    EnumValue,
    ErrorRow,
    Level,
    Occurs,
    Parameter,
    Service,
    SignatureScheme,
    Silence,
    Source,
    unknown,
)
from pytest_rtcmpu.values.records import WRONG, Mismatch, collect, show
from pytest_rtcmpu.values.text import near

DEFAULT_EDITION = "2019-05"


def editions() -> tuple[str, ...]:
    """Return the editions the package holds, oldest first."""
    names = (entry.name for entry in resources.files(__package__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def load(edition: str = DEFAULT_EDITION) -> Contract:
    """Return the contract of an edition.

    Raises:
        ContractError: for an unknown edition, naming those there are, and for one whose file is
            wrong, naming everything that is.
    """
    return _load(edition)


@cache
def _load(edition: str) -> Contract:
    if edition not in editions():
        there = f"the package holds {', '.join(editions())}"
        raise ContractError(f"{unknown('edition', edition, editions())}; {there}")
    file = f"{edition}.toml"
    return parse(resources.files(__package__).joinpath(file).read_text("utf-8"), file=file)


def parse(text: str, *, file: str = "contract") -> Contract:
    """Read a contract from the text of its TOML file.

    Args:
        text: the TOML.
        file: what the file is called in messages.

    Raises:
        ContractError: with everything that is wrong, each with its place, what was expected, what
            came, and the names that are near.
    """
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"{file}: expected TOML, got {error}") from None
    reading = _Reading(data)
    contract = reading.contract()
    if reading.wrong:
        count = len(reading.wrong)
        head = f"{file}: {count} thing{'s are' if count > 1 else ' is'} wrong"
        raise ContractError("\n  ".join((head, *map(str, reading.wrong))))
    return contract


# ------------------------------------------------------------------- what a file has in its way


@dataclass(frozen=True, kw_only=True)
class _Scheme:
    """A table of ``signatures``; its key is the name."""

    method: str
    default_format: str
    source: str
    level: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Layout:
    id: int
    panes: int


@dataclass(frozen=True, kw_only=True)
class _Layouts:
    source: str
    level: str
    text: str
    built_in: tuple[_Layout, ...]
    reserved_up_to: int


@dataclass(frozen=True, kw_only=True)
class _ErrorRow:
    """A row of ``errors``; what it does not say is its table's."""

    code: str
    http_status: int
    message: str
    meaning: str
    id: str | None = None
    advice: str | None = None
    source: str | None = None
    level: str | None = None
    why: str | None = None
    occurs: Occurs | None = None
    parameters: tuple[str, ...] = ("",)

    def rows(self, table: str, shared: _ErrorTable) -> Iterator[ErrorRow]:
        """Yield it, once for each of its parameters."""
        for name in self.parameters:
            yield ErrorRow(
                table=table,
                id=self.id,
                code=self.code.replace("{Parameter}", name),
                http_status=self.http_status,
                message=self.message.replace("{Parameter}", name),
                meaning=self.meaning,
                advice=self.advice,
                source=self.source or shared.source,
                level=self.level or shared.level,
                why=self.why or shared.why,
                occurs=self.occurs or shared.occurs,
                family=self.code,
            )


@dataclass(frozen=True, kw_only=True)
class _ErrorTable:
    """A table of ``errors``. ``compact`` rows are error id, HTTP status, Code, meaning."""

    source: str
    level: str
    why: str | None = None
    occurs: Occurs = "request"
    rows: tuple[_ErrorRow, ...] = ()
    compact: tuple[tuple[str, int, str, str], ...] = ()

    def all(self, table: str) -> Iterator[ErrorRow]:
        """Yield its rows."""
        for error_id, http_status, code, meaning in self.compact:
            row = _ErrorRow(
                id=error_id, http_status=http_status, code=code, meaning=meaning, message=meaning
            )
            yield from row.rows(table, self)
        for row in self.rows:
            yield from row.rows(table, self)


@dataclass(frozen=True, kw_only=True)
class _Generate:
    """How strategies make values of a parameter: the keys that ``generate`` may have."""

    pattern: str | None = None
    max: int | None = None
    odd: bool | None = None
    likely: tuple[int, ...] | None = None


#: The sections of a file, in its order.
_SECTIONS: Mapping[str, Any] = {
    "edition": str,
    "title": str,
    "sources": tuple[Source, ...],
    "levels": tuple[Level, ...],
    "service": Service,
    "signatures": Mapping[str, _Scheme],
    "common_parameters": tuple[CommonParameter, ...],
    "parameters": tuple[Parameter, ...],
    "enums": Mapping[str, EnumTable],
    "layouts": _Layouts,
    "errors": Mapping[str, _ErrorTable],
    "clauses": tuple[Clause, ...],
    "silences": tuple[Silence, ...],
}


class _Reading:
    """One run over one file."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.wrong: list[Mismatch] = []
        self._data = {**data, **_with_breaches(data)}
        self._found = {name: self._section(name, kind) for name, kind in _SECTIONS.items()}
        for name in data:
            if name not in _SECTIONS:
                hint = near(name, _SECTIONS)
                expected = "a known section" if hint else f"one of {', '.join(_SECTIONS)}"
                self.wrong.append(Mismatch(path=name, expected=expected, got=show(name), hint=hint))
        for at, row in enumerate(_rows(data.get("parameters"))):
            if "generate" in row:
                self._collect(
                    _Generate, row["generate"], f"parameters[{at}: {row.get('name')}].generate"
                )

    def _collect(self, kind: Any, record: object, path: str) -> Any:
        value, wrong = collect(kind, record, path=path)
        self.wrong += wrong
        return value

    def _section(self, name: str, kind: Any) -> Any:
        if name in self._data:
            return self._collect(kind, self._data[name], name)
        self.wrong.append(Mismatch(path=name, expected="such a section", got="nothing"))
        return WRONG

    def _get(self, name: str, default: Any) -> Any:
        return default if self._found[name] is WRONG else self._found[name]

    def contract(self) -> Contract:
        """Return the contract, which holds only if nothing is ``wrong``."""
        get, enums = self._get, self._get("enums", {})
        layouts = get("layouts", None)
        made = Contract(
            edition=get("edition", ""),
            title=get("title", ""),
            sources=get("sources", ()),
            levels=get("levels", ()),
            service=get("service", None),
            signatures=MappingProxyType(
                {
                    name: SignatureScheme(name=name, **vars(scheme))
                    for name, scheme in get("signatures", {}).items()
                }
            ),
            common_parameters=get("common_parameters", ()),
            parameters=tuple(_with_values(p, enums) for p in get("parameters", ())),
            layouts=MappingProxyType(
                {row.id: row.panes for row in layouts.built_in} if layouts else {}
            ),
            reserved_layouts_up_to=layouts.reserved_up_to if layouts else 0,
            errors=tuple(
                row for name, table in get("errors", {}).items() for row in table.all(name)
            ),
            clauses=get("clauses", ()),
            silences=get("silences", ()),
        )
        self.wrong += mismatches(File(contract=made, enums=enums, data=self._data))
        return made


def _rows(section: object) -> list[Mapping[str, Any]]:
    """The tables of a section that may be anything."""
    return [row for row in section if isinstance(row, dict)] if isinstance(section, list) else []


def _with_breaches(data: Mapping[str, Any]) -> dict[str, Any]:
    """The section of clauses, each with its level's breach unless it decides itself."""
    breaches = {str(row.get("id")): row.get("breach") for row in _rows(data.get("levels"))}
    clauses = data.get("clauses")
    if not isinstance(clauses, list):
        return {}
    return {
        "clauses": [
            # An unknown level is a mismatch of its own.
            {"breach": breaches.get(str(row.get("level")), "failure"), **row}
            if isinstance(row, dict)
            else row
            for row in clauses
        ]
    }


def _with_values(p: Parameter, enums: Mapping[str, EnumTable]) -> Parameter:
    """Return a parameter with the values of its enumeration, and so its fields."""
    fields = tuple(_with_values(part, enums) for part in p.fields)
    values: Iterable[EnumValue] = ()
    if p.kind in ("enum", "integer-enum") and p.name in enums:
        values = (_enum_value(row) for row in enums[p.name].rows if "value" in row)
    return replace(p, fields=fields, values=tuple(values))


def _enum_value(row: Mapping[str, str | int]) -> EnumValue:
    attributes = {key: value for key, value in row.items() if key not in ("value", "name")}
    return EnumValue(
        value=row["value"],
        name=str(row.get("name", row["value"])),
        attributes=MappingProxyType(attributes),
    )
