"""An edition's TOML files → :class:`Contract`. Everything that is wrong with them is said at once.

``service.toml`` holds what is the API version's: the envelope, signatures, gateway, replies. An
edition is a folder: ``edition.toml`` and a file for each operation, whole pages each. All of them
are parts of one document; what an edition says goes before what the service's file says.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from pytest_rtcmpu.contract.derived import derived_clauses, derived_rows
from pytest_rtcmpu.contract.lint import EnumTable, File, mismatches, names, rows, table
from pytest_rtcmpu.contract.types import (
    Clause,
    CommonParameter,
    Contract,
    ContractError,
    Effect,
    EnumValue,
    ErrorRow,
    Level,
    Occurs,
    Operation,
    Parameter,
    Relation,
    ReplyField,
    Service,
    SignatureScheme,
    Silence,
    Source,
    unknown,
)
from pytest_rtcmpu.values.records import WRONG, Mismatch, collect, show
from pytest_rtcmpu.values.text import near

DEFAULT_EDITION = "2019-05"
_SHARED, _EDITION = "service.toml", "edition.toml"


def editions() -> tuple[str, ...]:
    """Return the editions the package holds, oldest first."""
    folders = (each for each in resources.files(__package__).iterdir() if each.is_dir())
    return tuple(sorted(each.name for each in folders if each.joinpath(_EDITION).is_file()))


def load(edition: str = DEFAULT_EDITION) -> Contract:
    """Return the contract of an edition, StartMPUTask in view.

    Raises:
        ContractError: for an unknown edition, naming those there are, and for one whose files are
            wrong, naming everything that is.
        TypeError: for what is no name.
    """
    if not isinstance(edition, str):
        expected = f"expected the name of one, such as {editions()[-1]!r}"
        raise TypeError(f"edition: {expected}, got {type(edition).__name__} {show(edition)}")
    return _load(edition)


def in_force(contract: Contract | None) -> Contract:
    """Return the contract given, or that of the default edition.

    Raises:
        TypeError: for what is none, such as the name of an edition.
    """
    if contract is None:
        return load()
    if not isinstance(contract, Contract):
        named = contract if contract in editions() else editions()[-1]
        kind = type(contract).__name__
        raise TypeError(f"contract: expected a Contract, such as load({named!r}), got a {kind}")
    return contract


@cache
def _load(edition: str) -> Contract:
    if edition not in editions():
        there = f"the package holds {', '.join(editions())}"
        if edition in (each.name for each in resources.files(__package__).iterdir()):
            there = f"its folder has no {_EDITION}"
        raise ContractError(f"{unknown('edition', edition, editions())}; {there}")
    folder = resources.files(__package__).joinpath(edition)
    data: Mapping[str, Any] = {}
    misplaced: list[Mismatch] = []
    for file in sorted(folder.iterdir(), key=lambda file: (file.name != _EDITION, file.name)):
        if file.name.endswith(".toml"):
            part = _toml(file.read_text("utf-8"), f"{edition}/{file.name}")
            misplaced += _misplaced(part, file.name, edition)
            data = _merged(data, part)
    return _contract(_merged(_shared(), data), edition, misplaced)


def _misplaced(part: Mapping[str, Any], file: str, edition: str) -> Iterator[Mismatch]:
    """What a file of an edition holds that is another's, and what it lacks of its own."""
    tables = part.get("operations", {})
    there = list(tables) if isinstance(tables, dict) else []
    if file == _EDITION:
        named = part.get("edition", edition)
        if named != edition:
            expected = f"edition = {edition!r}, as its folder"
            yield Mismatch(path=file, expected=expected, got=show(named))
        for name in there:
            expected = f"[operations.{name}] in {name}.toml"
            yield Mismatch(path=file, expected=expected, got="it here")
        return
    operation = file.removesuffix(".toml")
    others = [f"[operations.{name}]" for name in there if name != operation]
    others += [f"[{section}]" for section in part if section != "operations"]
    if others or not there:
        expected = f"[operations.{operation}], as its name, and nothing else"
        yield Mismatch(path=file, expected=expected, got=", ".join(others) or "nothing")


def parse(text: str, *, file: str = "contract", shared: str | None = None) -> Contract:
    """Read a contract from the text of an edition: its files, one after the other.

    Args:
        text: the TOML.
        file: what the edition is called in messages.
        shared: the TOML of what holds for every edition; the package's unless given.

    Raises:
        ContractError: with everything that is wrong, each with its place, what was expected, what
            came, and the names that are near.
    """
    base = _shared() if shared is None else _toml(shared, _SHARED)
    return _contract(_merged(base, _toml(text, file)), file)


@cache
def _shared() -> Mapping[str, Any]:
    return _toml(resources.files(__package__).joinpath(_SHARED).read_text("utf-8"), _SHARED)


def _toml(text: str, file: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"{file}: expected TOML, got {error}") from None


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both: of two entries with one key, or rows with one id, that which is above."""
    found = {**below, **above}
    for key in below.keys() & above.keys():
        one, other = below[key], above[key]
        if isinstance(one, dict) and isinstance(other, dict) and key in ("errors", "operations"):
            found[key] = {**one, **other}
        elif isinstance(one, list) and isinstance(other, list):
            ids = names(other)
            kept = [row for row in one if not isinstance(row, dict) or row.get("id") not in ids]
            found[key] = [*kept, *other]
    return found


def _contract(data: Mapping[str, Any], file: str, misplaced: Iterable[Mismatch] = ()) -> Contract:
    reading = _Reading(data)
    contract = reading.contract()
    wrong = [*misplaced, *reading.wrong]
    if wrong:
        count = len(wrong)
        head = f"{file}: {count} thing{'s are' if count > 1 else ' is'} wrong"
        raise ContractError("\n  ".join((head, *map(str, wrong))))
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

    def row(self, table: str, shared: _ErrorTable) -> ErrorRow:
        """Return it as a row of its table."""
        return ErrorRow(
            table=table,
            id=self.id,
            code=self.code,
            http_status=self.http_status,
            message=self.message,
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
    """A table of ``errors``. ``compact`` rows are error id, HTTP status, Code, meaning.

    ``{Parameter}`` in a row's Code and Message stands for each parameter whose Code a clause names.
    """

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
            yield row.row(table, self)
        for row in self.rows:
            yield row.row(table, self)


@dataclass(frozen=True, kw_only=True)
class _Generate:
    """How strategies make values of a parameter: the keys that ``generate`` may have.

    ``plain`` is the plainest good value, ``pattern`` the characters of one, ``max`` its length,
    ``items`` how many items a list may well have, ``lowest`` and ``highest`` how far those numbers
    go that have no documented end.
    """

    plain: str | int | float | bool | tuple[int, ...] | None = None
    pattern: str | None = None
    max: int | None = None
    odd: bool | None = None
    likely: tuple[int, ...] | None = None
    items: int | None = None
    lowest: float | None = None
    highest: float | None = None


@dataclass(frozen=True, kw_only=True)
class _Operation:
    """A table of ``operations``; its key is the name."""

    text: str
    source: str
    level: str
    effect: Effect
    prefix: str
    quote: str | None
    why: str | None
    parameters: tuple[Parameter, ...]
    enums: Mapping[str, EnumTable]
    reply: tuple[ReplyField, ...]
    relations: tuple[Relation, ...]
    errors: _ErrorTable | None
    clauses: tuple[Clause, ...]
    silences: tuple[Silence, ...]


#: The sections of a document, in its order.
_SECTIONS: Mapping[str, Any] = {
    "edition": str,
    "title": str,
    "sources": tuple[Source, ...],
    "levels": tuple[Level, ...],
    "service": Service,
    "signatures": Mapping[str, _Scheme],
    "common_parameters": tuple[CommonParameter, ...],
    "layouts": _Layouts,
    "errors": Mapping[str, _ErrorTable],
    "clauses": tuple[Clause, ...],
    "silences": tuple[Silence, ...],
}
#: The sections of an operation's table, and what each is where it could not be read.
_OPERATION: Mapping[str, tuple[Any, Any]] = {
    "text": (str, ""),
    "source": (str, ""),
    "level": (str, ""),
    "effect": (Effect, "none"),
    "prefix": (str, ""),
    "quote": (str | None, None),
    "why": (str | None, None),
    "parameters": (tuple[Parameter, ...], ()),
    "enums": (Mapping[str, EnumTable], {}),
    "reply": (tuple[ReplyField, ...], ()),
    "relations": (tuple[Relation, ...], ()),
    "errors": (_ErrorTable | None, None),
    "clauses": (tuple[Clause, ...], ()),
    "silences": (tuple[Silence, ...], ()),
}
_REQUIRED = ("text", "source", "level", "effect")


class _Reading:
    """One run over one document."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.wrong: list[Mismatch] = []
        self._data = _with_breaches(data)
        self._found = {name: self._section(name, kind) for name, kind in _SECTIONS.items()}
        self._expect_known(data, (*_SECTIONS, "operations"), "")
        self._operations = dict(self._each_operation())
        for path, row in _parameter_rows(self._data):
            if "generate" in row:
                self._collect(_Generate, row["generate"], f"{path}.generate")

    def _expect_known(self, data: Mapping[str, Any], known: Iterable[str], place: str) -> None:
        sections = list(known)
        for name in data:
            if name not in sections:
                hint = near(name, sections)
                expected = "a known section" if hint else f"one of {', '.join(sections)}"
                path = f"{place}{name}"
                self.wrong.append(Mismatch(path=path, expected=expected, got=show(name), hint=hint))

    def _each_operation(self) -> Iterator[tuple[str, _Operation]]:
        """Read the operations, section by section: one that is wrong takes no other with it."""
        given = self._data.get("operations")
        if not isinstance(given, dict):
            got = "nothing" if given is None else show(given)
            self.wrong.append(Mismatch(path="operations", expected="tables", got=got))
            return
        for name, data in given.items():
            place = f"operations.{name}"
            if not isinstance(data, dict):
                self.wrong.append(Mismatch(path=place, expected="a table", got=show(data)))
                continue
            self._expect_known(data, _OPERATION, f"{place}.")
            read: dict[str, Any] = {}
            for section, (kind, default) in _OPERATION.items():
                path = f"{place}.{section}"
                value: Any = WRONG
                if section in data:
                    value = self._collect(kind, data[section], path)
                elif section in _REQUIRED:
                    self.wrong.append(Mismatch(path=path, expected="a value", got="nothing"))
                read[section] = default if value is WRONG else value
            yield name, _Operation(**read)

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
        get = self._get
        layouts, service = get("layouts", None), get("service", None)
        read = self._operations
        breaches = {level.id: level.breach for level in get("levels", ())}
        tables = [row for name, table in get("errors", {}).items() for row in table.all(name)]
        common = get("common_parameters", ())
        wire_names = dict.fromkeys(p.name for p in common)
        for scheme in get("signatures", {}).values():
            wire_names.update(dict.fromkeys(scheme.headers))
        first = service.action if service else ""
        operations = {
            name: _operation(name, read[name], breaches)
            for name in sorted(read, key=lambda name: name != first)
        }
        for each in operations.values():
            of_operation = (n for p in each.parameters for n in (p.name, *p.aliases))
            wire_names.update(dict.fromkeys(of_operation))
        shared = get("clauses", ())
        clauses = [*shared, *(clause for each in operations.values() for clause in each.clauses)]
        made = Contract(
            edition=get("edition", ""),
            title=get("title", ""),
            sources=get("sources", ()),
            levels=get("levels", ()),
            service=service,
            signatures=MappingProxyType(
                {
                    name: SignatureScheme(name=name, **vars(scheme))
                    for name, scheme in get("signatures", {}).items()
                }
            ),
            common_parameters=common,
            layouts=MappingProxyType(
                {row.id: row.panes for row in layouts.built_in} if layouts else {}
            ),
            reserved_layouts_up_to=layouts.reserved_up_to if layouts else 0,
            tables=tuple(derived_rows(tables, clauses, wire_names)),
            operations=MappingProxyType(operations),
            shared_clauses=shared,
            shared_silences=get("silences", ()),
            action=first,
        )
        file = File(
            contract=made, enums={name: each.enums for name, each in read.items()}, data=self._data
        )
        self.wrong += mismatches(file)
        return made


def _operation(name: str, read: _Operation, breaches: Mapping[str, Any]) -> Operation:
    parameters = tuple(_placed(p, read.enums) for p in read.parameters)
    made = Operation(
        name=name,
        text=read.text,
        quote=read.quote,
        why=read.why,
        source=read.source,
        level=read.level,
        effect=read.effect,
        prefix=read.prefix,
        parameters=parameters,
        reply=tuple(_with_values(each, read.enums) for each in read.reply),
        relations=read.relations,
        errors=tuple(read.errors.all(name)) if read.errors else (),
        clauses=read.clauses,
        silences=read.silences,
    )
    return replace(made, clauses=(*made.clauses, *derived_clauses(made, breaches)))


def _parameter_rows(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every parameter as it stands in the document, fields too, with its place."""

    def walk(record: object, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for at, row in enumerate(rows(record)):
            here = f"{path}[{at}: {row.get('name')}]"
            yield here, row
            yield from walk(row.get("fields"), f"{here}.fields")

    for name, operation in table(data.get("operations")).items():
        yield from walk(table(operation).get("parameters"), f"operations.{name}.parameters")


def _with_breaches(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """A clause that does not say what its breach is: its level does."""
    breaches = {str(row.get("id")): row.get("breach") for row in rows(data.get("levels"))}

    def of(record: object) -> object:
        if not isinstance(record, list):
            return record
        return [
            # An unknown level is a mismatch of its own.
            {"breach": breaches.get(str(row.get("level")), "failure"), **row}
            if isinstance(row, dict)
            else row
            for row in record
        ]

    found = dict(data)
    if "clauses" in found:
        found["clauses"] = of(found["clauses"])
    if isinstance(found.get("operations"), dict):
        found["operations"] = {
            name: {**each, "clauses": of(each["clauses"])}
            if isinstance(each, dict) and "clauses" in each
            else each
            for name, each in found["operations"].items()
        }
    return found


def _placed(p: Parameter, enums: Mapping[str, EnumTable], prefix: str = "") -> Parameter:
    """Return a parameter with its path and its enumeration's values, and so its fields."""
    path = prefix + p.name
    fields = tuple(_placed(part, enums, f"{path}.") for part in p.fields)
    limits: dict[str, Any] = {}
    if p.kind in ("integer", "long"):
        given = {"minimum": p.minimum, "maximum": p.maximum}
        limits = {n: int(v) for n, v in given.items() if v is not None and v.is_integer()}
    values = _values(enums.get(path))
    return replace(p, path=path, fields=fields, values=values, **limits)


def _with_values(
    reply: ReplyField, enums: Mapping[str, EnumTable], prefix: str = "reply."
) -> ReplyField:
    path = prefix + reply.name
    fields = tuple(_with_values(part, enums, f"{path}.") for part in reply.fields)
    return replace(reply, fields=fields, values=_values(enums.get(path)))


def _values(table: EnumTable | None) -> tuple[EnumValue, ...]:
    rows: Iterable[Mapping[str, str | int]] = table.rows if table else ()
    return tuple(_enum_value(row) for row in rows if "value" in row)


def _enum_value(row: Mapping[str, str | int]) -> EnumValue:
    attributes = {key: value for key, value in row.items() if key not in ("value", "name")}
    return EnumValue(
        value=row["value"],
        name=str(row.get("name", row["value"])),
        attributes=MappingProxyType(attributes),
    )
