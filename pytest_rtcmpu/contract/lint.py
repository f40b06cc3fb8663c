"""What an edition's entries say of each other: names that exist, ids once, rules with a judge."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pytest_rtcmpu.contract import sense
from pytest_rtcmpu.contract.types import (
    CLIENT_RULES,
    ENDPOINT_RULES,
    PLACE,
    WHOLE_RULES,
    Clause,
    Contract,
    Operation,
    Parameter,
    Relation,
    ReplyField,
    Silence,
    named,
    rules_of,
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
    """A document that has been read, and what it was read from.

    Attributes:
        contract: what could be read; entries that are wrong are left out of it.
        enums: the enumerations, by operation and path.
        data: the TOML's own values. Names are looked for here, so that an entry which is wrong in
            itself is not missed by those that name it.
    """

    contract: Contract
    enums: Mapping[str, Mapping[str, EnumTable]]
    data: Mapping[str, Any]

    def operation(self, name: str) -> Mapping[str, Any]:
        """Return an operation's table."""
        return table(table(self.data.get("operations")).get(name))

    def written(self, operation: Operation) -> tuple[Clause, ...]:
        """The clauses of an operation that are written, of those that could be read."""
        ids = names(self.operation(operation.name).get("clauses"))
        return tuple(each for each in operation.clauses if each.id in ids)

    @property
    def clauses(self) -> list[Mapping[str, Any]]:
        """The written clauses, the shared ones and every operation's."""
        found = rows(self.data.get("clauses"))
        for each in table(self.data.get("operations")).values():
            found += rows(table(each).get("clauses"))
        return found

    @property
    def envelope(self) -> list[str]:
        """The common parameters, those that only a header carries too."""
        headers = chain.from_iterable(s.headers for s in self.contract.signatures.values())
        return list(dict.fromkeys((*names(self.data.get("common_parameters"), "name"), *headers)))

    @property
    def codes(self) -> set[str]:
        """Every Code, and every one that a parameter's name would make."""
        found = {row.code for row in self.contract.tables}
        wire_names = [*self.envelope]
        for each in table(self.data.get("errors")).values():
            found |= set(_codes_of(each))
        for each in table(self.data.get("operations")).values():
            found |= set(_codes_of(table(each).get("errors")))
            for row in rows(table(each).get("parameters")):
                aliases = row.get("aliases")
                wire_names += map(
                    str, [row.get("name"), *(aliases if type(aliases) is list else [])]
                )
        for each in table(self.data.get("errors")).values():
            for family in names(table(each).get("rows"), "code"):
                if PLACE in family:
                    found |= {family.replace(PLACE, name) for name in wire_names}
        return found


def rows(record: object) -> list[Mapping[str, Any]]:
    """Return the tables of a section that may be anything."""
    return [row for row in record if isinstance(row, dict)] if isinstance(record, list) else []


def table(record: object) -> Mapping[str, Any]:
    """Return a table that may be anything."""
    return record if isinstance(record, dict) else {}


def names(record: object, key: str = "id") -> list[str]:
    """Return how a section's entries are called."""
    return [name for row in rows(record) if isinstance(name := row.get(key), str)]


def _paths(record: object, prefix: str = "") -> Iterator[str]:
    """Every parameter of a section by its full name, as it stands there."""
    for row in rows(record):
        name = f"{prefix}{row.get('name')}"
        yield name
        yield from _paths(row.get("fields"), f"{name}.")


def _codes_of(errors: object) -> Iterator[str]:
    """The Codes of an error table, as they stand there."""
    yield from names(table(errors).get("rows"), "code")
    compact = table(errors).get("compact")
    for row in compact if isinstance(compact, list) else []:
        if isinstance(row, list) and len(row) > 2:
            yield str(row[2])


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
    yield from ((f"clauses.{each.id}", each) for each in contract.shared_clauses)
    yield from ((f"silences.{each.id}", each) for each in contract.shared_silences)
    for name, scheme in contract.signatures.items():
        yield f"signatures.{name}", scheme
    # A table's rows have its source where they name none.
    yield from {f"errors.{row.table}.{row.family}": row for row in contract.tables}.items()
    for operation in contract.operations.values():
        place = f"operations.{operation.name}"
        if file.operation(operation.name).get("source"):
            yield place, operation
        for name, p in named(operation.parameters):
            yield f"{place}.parameters.{name}", p
        for name, each in _named_reply(operation.reply):
            yield f"{place}.reply.{name}", each
        # What is derived has the source and the level of what it is derived from.
        yield from ((f"{place}.clauses.{each.id}", each) for each in file.written(operation))
        yield from ((f"{place}.silences.{each.id}", each) for each in operation.silences)
        for name, enum in file.enums.get(operation.name, {}).items():
            yield f"{place}.enums.{name}", enum
        yield from {f"{place}.errors.{row.code}": row for row in operation.errors}.items()


def _named_reply(
    fields: Iterable[ReplyField], prefix: str = ""
) -> Iterator[tuple[str, ReplyField]]:
    for each in fields:
        yield prefix + each.name, each
        yield from _named_reply(each.fields, f"{prefix}{each.name}.")


def _sources(file: File) -> Iterator[Mismatch]:
    """``S2 111549, 111551``: a source and where in it; ``contract`` where it decides itself."""
    known = [*names(file.data.get("sources")), "contract"]
    unknown: dict[str, dict[str, str]] = {}
    for path, entry in _entries(file):
        for cited in entry.source.split(", "):
            source = cited.partition(" ")[0]
            # Six digits are a further document of the source before.
            if source not in known and not re.fullmatch(r"[0-9]{6}", cited):
                unknown.setdefault(source, {}).setdefault(_among(path), path)
    for source, paths in unknown.items():
        if len(paths) > _TOO_OFTEN:
            first = next(iter(paths))
            expected = f"{source}, which {len(paths)} entries cite, such as {first}"
            yield Mismatch(path="sources", expected=expected, got="nothing")
            continue
        for path in paths.values():
            yield from _unknown(f"{path}.source", "a source", source, known)


def _among(path: str) -> str:
    """What cites a source: an entry, or the table of an error row, whose source it has."""
    if path.startswith("errors."):
        return ".".join(path.split(".")[:2])
    return path.partition(".errors.")[0]


#: What so many entries cite is no slip in each of them: the source is missing.
_TOO_OFTEN = 5


def _levels(file: File) -> Iterator[Mismatch]:
    """Levels are there; what this contract decides itself, and fails nobody by, has a reason."""
    known = names(file.data.get("levels"))
    decided = {level.id for level in file.contract.levels if level.breach == "report"}
    for path, entry in _entries(file):
        if hasattr(entry, "level"):
            yield from _unknown(f"{path}.level", "a level", entry.level, known)
            if entry.level in decided and not (getattr(entry, "why", "-") or "").strip():
                expected = f"the reason of a {entry.level}"
                yield Mismatch(path=f"{path}.why", expected=expected, got="nothing")


def _words(file: File) -> Iterator[Mismatch]:
    """What is shown says something, and what is named can be named on a command line."""
    for path, entry in _entries(file):
        if not getattr(entry, "text", "text").strip():
            yield Mismatch(path=f"{path}.text", expected="words", got=show(entry.text))
        if isinstance(entry, Clause | Silence) and not _ID.fullmatch(entry.id):
            expected = "small letters and digits, with dots and hyphens between"
            yield Mismatch(path=f"{path}.id", expected=expected, got=show(entry.id))


#: Known-failures files name clauses by patterns, a line each.
_ID = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")


def _once(file: File) -> Iterator[Mismatch]:
    data = file.data
    layouts = rows(table(data.get("layouts")).get("built_in"))
    listed: list[tuple[str, list[str]]] = [
        *((section, names(data.get(section))) for section in ("sources", "levels", "silences")),
        ("clauses", [*names(file.clauses), *_derived_ids(file)]),
        ("common_parameters", names(data.get("common_parameters"), "name")),
        ("layouts", [str(row.get("id")) for row in layouts]),
    ]
    for operation in file.contract.operations.values():
        place = f"operations.{operation.name}"
        written = rows(file.operation(operation.name).get("clauses"))
        listed += [
            (
                f"{place}.clauses, parameter and rule",
                [f"{c.get('parameter')} {c.get('rule')}" for c in written if "rule" in c],
            ),
            (f"{place}.silences", names(file.operation(operation.name).get("silences"))),
            (
                f"{place}.parameters",
                [name for p in operation.parameters for name in (p.name, *p.aliases)],
            ),
            *(
                (f"{place}.parameters.{name}.fields", [part.name for part in p.fields])
                for name, p in named(operation.parameters)
            ),
            *(
                (f"{place}.enums.{name}", [str(row.get("value")) for row in enum.rows])
                for name, enum in file.enums.get(operation.name, {}).items()
            ),
        ]
    for path, found in listed:
        for name in dict.fromkeys(name for name in found if found.count(name) > 1):
            got = f"{found.count(name)} of {show(name)}"
            yield Mismatch(path=path, expected="each name once", got=got)


def _derived_ids(file: File) -> Iterator[str]:
    """The ids of derived clauses, of operations whose written ones could all be read."""
    prefixes = [each.prefix for each in file.contract.operations.values()]
    for operation in file.contract.operations.values():
        if prefixes.count(operation.prefix) > 1:
            continue  # said of the prefix
        written = names(file.operation(operation.name).get("clauses"))
        ids = [clause.id for clause in operation.clauses]
        if ids[: len(written)] == written:
            yield from ids[len(written) :]


#: What belongs to which kinds: a key that another kind has would be read and mean nothing.
_KEYS_OF_KINDS: Mapping[str, frozenset[str]] = {
    "minimum": frozenset({"integer", "long", "float"}),
    "maximum": frozenset({"integer", "long", "float"}),
    "excludes": frozenset({"integer", "long", "float"}),
    "alphabet": frozenset({"string"}),
    "maximum_bytes": frozenset({"string"}),
    "maximum_characters": frozenset({"string"}),
    "schemes": frozenset({"url"}),
    "silent_schemes": frozenset({"url"}),
    "values_from": frozenset({"integer", "long"}),
    "fields": frozenset({"struct"}),
}


def _kinds(file: File) -> Iterator[Mismatch]:
    """What a parameter of each kind must have, and must not."""
    for operation in file.contract.operations.values():
        place = f"operations.{operation.name}"
        for name, p in named(operation.parameters):
            yield from _kind(f"{place}.parameters.{name}", p)
        known = [*_paths(file.operation(operation.name).get("parameters"))]
        replies = [f"reply.{name}" for name, _ in _named_reply(operation.reply)]
        for name, enum in file.enums.get(operation.name, {}).items():
            path = f"{place}.enums.{name}"
            yield from _unknown(path, "the full name of a parameter", name, [*known, *replies])
            yield from _enum(path, enum)
            for each, p in named(operation.parameters):
                if each == name:
                    yield from _enum_of(path, p, enum)


def _kind(path: str, p: Parameter) -> Iterator[Mismatch]:
    for key, kinds in _KEYS_OF_KINDS.items():
        if getattr(p, key) not in (None, (), {}) and p.kind not in kinds:
            expected = f"none of a {p.kind}"
            yield Mismatch(path=f"{path}.{key}", expected=expected, got=show(getattr(p, key)))
    if p.items is not None and not p.items.starts:
        yield Mismatch(path=f"{path}.items.starts", expected="an index", got="nothing")
    if p.kind == "struct" and not p.fields:
        yield Mismatch(path=f"{path}.fields", expected="fields", got="nothing")
    if p.kind == "url" and not p.schemes:
        yield Mismatch(path=f"{path}.schemes", expected="a scheme", got="nothing")
    if p.is_integer:
        for key in ("minimum", "maximum"):
            value = getattr(p, key)
            if value is not None and not float(value).is_integer():
                yield Mismatch(path=f"{path}.{key}", expected="an integer", got=show(value))
    if p.minimum is not None and p.maximum is not None and p.minimum > p.maximum:
        expected = f"at least the minimum {p.minimum}"
        yield Mismatch(path=f"{path}.maximum", expected=expected, got=show(p.maximum))
    for key in p.excludes:
        if getattr(p, key) is None:
            yield Mismatch(path=f"{path}.excludes", expected=f"a {key} to exclude", got="none")
    if p.alphabet is not None:
        try:
            re.compile(p.alphabet)
        except re.error as error:
            expected = "a class of characters such as [a-z]"
            yield Mismatch(path=f"{path}.alphabet", expected=expected, got=str(error))
    if p.items is not None and None not in (p.items.minimum, p.items.maximum):
        low, high = p.items.minimum or 0, p.items.maximum or 0
        if low > high:
            expected = f"at least the minimum {low}"
            yield Mismatch(path=f"{path}.items.maximum", expected=expected, got=show(high))


def _enum(path: str, enum: EnumTable) -> Iterator[Mismatch]:
    if not enum.rows:
        yield Mismatch(path=f"{path}.rows", expected="a row", got="nothing")
    for at, row in enumerate(enum.rows):
        if "value" not in row:
            here, hint = f"{path}.rows[{at}].value", near("value", row)
            yield Mismatch(path=here, expected="a value", got="nothing", hint=hint)


def _enum_of(path: str, p: Parameter, enum: EnumTable) -> Iterator[Mismatch]:
    """An enumeration's values are of its parameter's kind."""
    wanted = {"string": str, "integer": int, "long": int}.get(p.kind)
    if wanted is None:
        yield Mismatch(path=path, expected="a string or an integer to enumerate", got=p.kind)
        return
    for at, row in enumerate(enum.rows):
        value = row.get("value")
        if value is not None and type(value) is not wanted:
            here = f"{path}.rows[{at}].value"
            yield Mismatch(path=here, expected=f"a value of a {p.kind}", got=show(value))


def _rules(file: File) -> Iterator[Mismatch]:
    """Each rule of a clause has a judge, and the envelope's each a clause that answers for it."""
    shared = {(name, rule): path for name, rule, path in _judged_of_envelopes(file)}
    yield from _judged(file, "clauses", file.contract.shared_clauses, shared, file.envelope)
    there = {(str(row.get("parameter")), str(row.get("rule"))) for row in file.clauses}
    for (parameter, rule), path in shared.items():
        # A clause that is wrong in itself has not been left out by anybody.
        if there and (str(parameter), rule) not in there:
            expected = f"a clause with parameter {parameter!r} and rule {rule!r}"
            yield Mismatch(path=path, expected=expected, got="nothing")
    for operation in file.contract.operations.values():
        place = f"operations.{operation.name}"
        judged = dict.fromkeys(_judged_of(operation), place)
        known = [*_paths(file.operation(operation.name).get("parameters"))]
        yield from _judged(file, f"{place}.clauses", operation.clauses, judged, known)


def _judged(
    file: File,
    place: str,
    clauses: Iterable[Clause],
    judged: Mapping[tuple[str | None, str], str],
    known: Collection[str],
) -> Iterator[Mismatch]:
    everywhere = sorted({rule for _, rule in judged})
    top_names = {name for name, _ in judged}
    for clause in clauses:
        path = f"{place}.{clause.id}"
        if clause.parameter is not None and clause.parameter not in known:
            yield from _unknown(f"{path}.parameter", "a parameter", clause.parameter, sorted(known))
        elif clause.rule is not None and (clause.parameter, clause.rule) not in judged:
            if clause.parameter is not None and clause.parameter not in top_names:
                continue  # what it is about is wrong in itself
            here = sorted(rule for name, rule in judged if name == clause.parameter)
            what = f"a rule that is judged of {clause.parameter or 'requests'}"
            hint = near(clause.rule, here) or near(clause.rule, everywhere)
            expected = f"{what}: {', '.join(here) or 'none is'}"
            yield Mismatch(path=f"{path}.rule", expected=expected, got=show(clause.rule), hint=hint)


def _judged_of(operation: Operation) -> Iterator[tuple[str | None, str]]:
    """The rules that the code judges of an operation: parameter and rule."""
    yield from ((None, rule) for rule in WHOLE_RULES)
    for name, p in named(operation.parameters):
        yield from ((name, rule) for rule in (*rules_of(p), *CLIENT_RULES))
        if operation.effect in ("start", "status"):
            yield name, "exists"


def _judged_of_envelopes(file: File) -> Iterator[tuple[str | None, str, str]]:
    """The rules that the code judges of a request's envelope, and where the document says so."""
    for parameter, rule in sorted(ENDPOINT_RULES, key=str):
        yield parameter, rule, "clauses"
    for common in file.contract.common_parameters:
        if common.required:
            yield common.name, "required", f"common_parameters.{common.name}"
        if common.value is not None:
            yield common.name, "enum", f"common_parameters.{common.name}"
    for scheme in file.contract.signatures.values():
        for name in scheme.headers:
            if name not in names(file.data.get("common_parameters"), "name"):
                yield name, "required", f"signatures.{scheme.name}.headers"


def _codes(file: File) -> Iterator[Mismatch]:
    """Codes that answer have rows; a rule that is refused has a Code to answer with."""
    contract = file.contract
    ids = [clause.id for clause in contract.all_clauses]
    # A clause that is wrong in itself is there all the same.
    ids += names(file.clauses)
    tables = [*table(file.data.get("errors")), *contract.operations]
    listed = [("clauses", clause) for clause in contract.shared_clauses]
    for operation in contract.operations.values():
        listed += [(f"operations.{operation.name}.clauses", each) for each in operation.clauses]
    for place, clause in listed:
        path = f"{place}.{clause.id}"
        if not clause.subjects:
            yield Mismatch(path=f"{path}.subjects", expected="client or endpoint", got="nothing")
        if clause.code_clause is not None:
            yield from _unknown(f"{path}.code_clause", "a clause", clause.code_clause, ids)
        refuses = clause.rule is not None and clause.rule not in (*CLIENT_RULES, *WHOLE_RULES)
        if refuses and (not clause.codes or "*" in clause.codes[0]):
            got = show(clause.codes[0]) if clause.codes else "nothing"
            yield Mismatch(path=f"{path}.codes", expected="a Code to answer with", got=got)
        for code in clause.codes:
            name, colon, _ = code.partition(":")
            if colon:
                yield from _unknown(f"{path}.codes", "an error table", name, tables)
            elif not code.endswith("*"):
                yield from _unknown(f"{path}.codes", "a Code of an error row", code, file.codes)
            elif not any(each.startswith(code[:-1]) for each in file.codes):
                yield Mismatch(path=f"{path}.codes", expected="Codes of error rows", got=show(code))
    service = contract.service
    if service is not None:
        operations = table(file.data.get("operations"))
        yield from _unknown("service.action", "an operation", service.action, operations)
        for scheme in contract.signatures.values():
            path = f"signatures.{scheme.name}.default_format"
            yield from _unknown(path, "a format", scheme.default_format, service.formats)


#: Whether a relation of each sort has a right side, and which of its further keys it must have.
_SIDES: Mapping[str, tuple[bool, tuple[str, ...]]] = {
    "not-above": (True, ()),
    "alike": (True, ()),
    "distinct": (False, ()),
    "at-most-one": (False, ("values",)),
    "required-when": (True, ()),
    "effective-only-when": (True, ("when",)),
}


def _relations(file: File) -> Iterator[Mismatch]:
    """Relations compare what there is, and a clause or a silence speaks of each."""
    for operation in file.contract.operations.values():
        place = f"operations.{operation.name}"
        parameters = dict(named(operation.parameters))
        known = [*_paths(file.operation(operation.name).get("parameters"))]
        clauses = {clause.id: clause for clause in operation.clauses}
        silences = [each.id for each in operation.silences]
        for relation in operation.relations:
            path = f"{place}.relations.{relation.id}"
            has_right, keys = _SIDES[relation.sort]
            for side in ("left", "right"):
                quantity = getattr(relation, side)
                if quantity is None:
                    continue
                yield from _unknown(f"{path}.{side}.path", "a parameter", quantity.path, known)
                p = parameters.get(quantity.path)
                if p is not None and quantity.attribute is not None:
                    has = _attributes(p)
                    what = f"what the rows of {quantity.path} say"
                    yield from _unknown(f"{path}.{side}.attribute", what, quantity.attribute, has)
            if relation.where is not None:
                where = relation.where.path
                yield from _unknown(f"{path}.where.path", "a parameter", where, known)
            if has_right != (relation.right is not None):
                expected = f"{'a' if has_right else 'no'} right side of {relation.sort}"
                got = "nothing" if has_right else show(relation.right)
                yield Mismatch(path=f"{path}.right", expected=expected, got=got)
            for key in keys:
                if not getattr(relation, key):
                    yield Mismatch(path=f"{path}.{key}", expected="a value", got="nothing")
            yield from _speaker(path, relation, clauses, silences)


def _attributes(p: Parameter) -> set[str]:
    if p.values_from is not None:
        return {"panes"}
    return {name for row in p.values for name in row.attributes}


def _silences(file: File) -> Iterator[Mismatch]:
    """A silence that a parameter names is there."""
    for operation in file.contract.operations.values():
        known = [each.id for each in (*file.contract.shared_silences, *operation.silences)]
        for name, p in named(operation.parameters):
            path = f"operations.{operation.name}.parameters.{name}"
            if p.tolerated is not None:
                yield from _unknown(f"{path}.tolerated", "a silence", p.tolerated, known)
            for scheme, silence in p.silent_schemes.items():
                yield from _unknown(f"{path}.silent_schemes.{scheme}", "a silence", silence, known)


def _speaker(
    path: str, relation: Relation, clauses: Mapping[str, Clause], silences: Collection[str]
) -> Iterator[Mismatch]:
    if relation.verdict == "note":
        yield from _unknown(f"{path}.id", "a silence", relation.id, silences)
        return
    yield from _unknown(f"{path}.id", "a clause", relation.id, list(clauses))
    clause = clauses.get(relation.id)
    if clause is not None and not clause.codes:
        expected = "a Code to answer with"
        yield Mismatch(path=f"{path}.id", expected=expected, got=f"{clause.id}, which has none")


def _sense(file: File) -> Iterator[Mismatch]:
    operations = file.contract.operations
    yield from sense.mismatches(file.contract, {name: file.operation(name) for name in operations})


_CHECKS: tuple[Callable[[File], Iterable[Mismatch]], ...] = (
    _sources,
    _levels,
    _words,
    _once,
    _kinds,
    _rules,
    _codes,
    _relations,
    _silences,
    _sense,
)
