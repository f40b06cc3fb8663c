"""The contract in words: one of its names explained, and the whole as Markdown.

A name is a Code, an error id, a clause, a silence, an operation or a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pytest_rtcmpu.contract import (
    Clause,
    CommonParameter,
    Contract,
    ContractError,
    ErrorRow,
    Operation,
    Parameter,
    Quantity,
    Relation,
    ReplyField,
    Silence,
    editions,
    load,
)
from pytest_rtcmpu.contract.derived import length, limits
from pytest_rtcmpu.contract.types import named
from pytest_rtcmpu.values.text import nearest


def explain(name: str, contract: Contract) -> str:
    """Return what a name of the contract means, where it stands, what to do.

    Args:
        name: a Code, an error id, a clause, a silence, an operation, or a parameter by its full
            name (``UserPanes.PaneId``), with an operation before it where one alone is meant
            (``StopMPUTask.TaskId``). Letter case does not matter.

    Raises:
        ContractError: for an unknown name, with the nearest, and for an empty one.
    """
    if not name:  # as an error without an id has none
        raise ContractError("expected a Code, clause, silence, operation or parameter, got nothing")
    wanted = name.casefold()
    rows = [r for r in contract.errors if wanted in (r.code.casefold(), (r.id or "").casefold())]
    parts = [_error(row, contract) for row in rows]
    parts += [_clause(c, contract) for c in contract.all_clauses if c.id.casefold() == wanted]
    parts += [_silence(s, contract) for s in all_silences(contract) if s.id.casefold() == wanted]
    parts += [
        _operation(operation, contract)
        for operation in contract.operations.values()
        if operation.name.casefold() == wanted
    ]
    parts += [
        _parameter(p, operation, contract)
        for p, operation in _all_parameters(contract)
        if wanted in (each.casefold() for each in _names_of(p, operation))
    ]
    parts += [
        _common(p, contract) for p in contract.common_parameters if p.name.casefold() == wanted
    ]
    if not parts:
        known = list(dict.fromkeys(names(contract)))
        near = nearest(name, known, n=5)
        within = [each for each in known if wanted in each.casefold() and each not in near]
        hint = ", ".join((*near, *within)[:5])
        listed = f"the nearest are {hint}" if hint else "rtcmpu contract prints all there is"
        have = [each for each in editions() if each != contract.edition and _has(wanted, each)]
        if have:
            listed = f"edition {have[0]} has it: --edition {have[0]}"
        raise ContractError(
            f"{name!r}: no Code, clause, silence, operation or parameter of that name; {listed}"
        )
    return "\n\n".join(dict.fromkeys(parts))


def is_known(name: str) -> bool:
    """Whether any edition has something of that name to be explained."""
    return any(_has(name.casefold(), edition) for edition in editions())


def _has(wanted: str, edition: str) -> bool:
    return wanted in {each.casefold() for each in names(load(edition))}


def all_silences(contract: Contract) -> Iterator[Silence]:
    """Yield the silences of every operation, the shared ones first."""
    yield from contract.shared_silences
    for operation in contract.operations.values():
        yield from operation.silences


def names(contract: Contract) -> Iterator[str]:
    """Yield the names that :func:`explain` knows, but for those with an operation before them."""
    yield from (row.code for row in contract.errors)
    yield from (clause.id for clause in contract.all_clauses)
    yield from (silence.id for silence in all_silences(contract))
    yield from contract.operations
    yield from (p.path for p, _ in _all_parameters(contract))
    yield from (p.name for p in contract.common_parameters)


def _all_parameters(contract: Contract) -> Iterator[tuple[Parameter, Operation]]:
    for operation in contract.operations.values():
        yield from ((p, operation) for _, p in named(operation.parameters))


def _names_of(p: Parameter, operation: Operation) -> Iterator[str]:
    above = p.path.removesuffix(p.name)
    for name in (p.name, *p.aliases):
        yield f"{above}{name}"
        yield f"{operation.name}.{above}{name}"


def _error(row: ErrorRow, contract: Contract) -> str:
    breaches = [c.id for c in contract.all_clauses if row.code in c.codes]
    return _block(
        f"{row.code} (HTTP {row.http_status}{f', {row.id}' if row.id else ''})",
        {
            "meaning": row.meaning,
            "message": row.message,
            "what to do": row.advice,
            "table": row.table,
            "answers a breach of": ", ".join(breaches),
            "source": _source(row.source, contract),
            "level": _level(row.level, contract),
            "why": row.why,
        },
    )


def _clause(clause: Clause, contract: Contract) -> str:
    advice = [
        row.advice
        for code in clause.codes
        for row in contract.errors_by_code.get(code, ())
        if row.advice
    ]
    fails = {
        "failure": "fails the run",
        "report": "is reported, and fails the run only with --strict",
    }
    return _block(
        f"{clause.id} (a clause for {' and '.join(clause.subjects)})",
        {
            "meaning": clause.text,
            "in its words": clause.quote,
            "answered by": ", ".join(clause.codes),
            "what to do": " ".join(dict.fromkeys(advice))
            or f"Find what breaks it: rtcmpu check … --clause {clause.id} -v",
            "source": _source(clause.source, contract),
            "level": _level(clause.level, contract),
            "why": clause.why,
            "a breach": fails[clause.breach],
            "the Code is for": clause.code_clause,
        },
    )


def _silence(silence: Silence, contract: Contract) -> str:
    warns = "the mocked endpoint warns" if silence.warns else "it is recorded with the call"
    return _block(
        f"{silence.id} (the sources leave it open)",
        {
            "meaning": silence.text,
            "what to do": f"Do not rely on it. It is accepted and never judged; {warns}.",
            "source": _source(silence.source, contract),
        },
    )


def _operation(operation: Operation, contract: Contract) -> str:
    codes = dict.fromkeys(row.code for row in operation.errors)
    return _block(
        f"{operation.name} (an operation)",
        {
            "meaning": operation.text,
            "in its words": operation.quote,
            "parameters": ", ".join(
                f"{p.name} (required)" if p.required else p.name for p in operation.parameters
            ),
            "replies with": ", ".join(("RequestId", *(each.name for each in operation.reply))),
            "Codes of its own": ", ".join(codes),
            "source": _source(operation.source, contract),
            "level": _level(operation.level, contract),
            "why": operation.why,
        },
    )


def _parameter(p: Parameter, operation: Operation, contract: Contract) -> str:
    told = {"rules": _rules(p, operation), "left open": _left_open(p, operation)}
    return _block(
        f"{p.path} (a parameter of {operation.name})",
        {
            "meaning": p.text,
            "in its words": p.quote,
            "type": _kind(p),
            "required": "yes" if p.required else "no",
            "values": _values(p, contract, mark="", names=True),
            "default": None if p.default is None else str(p.default),
            "accepted as": ", ".join(p.aliases),
            "fields": ", ".join(each.path for each in p.fields),
            **{
                heading: "\n".join(f"{id_}: {text}" for id_, text in found.items())
                for heading, found in told.items()
            },
            "source": _source(p.source, contract),
            "level": _level(p.level, contract),
            "why": p.why,
        },
    )


def _rules(p: Parameter, operation: Operation) -> dict[str, str]:
    """Return the clauses about a parameter: its own, those of relations, those about its Codes."""
    related = {relation.id for relation in operation.relations if _is_about(relation, p)}
    own = [c for c in operation.clauses if c.parameter == p.path or c.id in related]
    about_codes = {c.code_clause for c in own}
    return {c.id: c.text for c in (*own, *(c for c in operation.clauses if c.id in about_codes))}


def _left_open(p: Parameter, operation: Operation) -> dict[str, str]:
    ids = {relation.id for relation in operation.relations if _is_about(relation, p)}
    ids.update(filter(None, (p.tolerated, *p.silent_schemes.values())))
    return {s.id: s.text for s in operation.silences if s.id in ids}


def _is_about(relation: Relation, p: Parameter) -> bool:
    return p.path in {side.path for side in (relation.left, relation.right) if side}


def _common(p: CommonParameter, contract: Contract) -> str:
    return _block(
        f"{p.name} (a common parameter, of every operation)",
        {
            "required": "yes" if p.required else "no",
            "values": p.value,
            "source": _source(p.source, contract),
            "level": _level(p.level, contract),
        },
    )


def _source(source: str, contract: Contract) -> str:
    title = next((s.title for s in contract.sources if s.id == source.split()[0]), None)
    return f"{source}: {title}" if title else source


def _level(level: str, contract: Contract) -> str:
    return f"{level}: {next(each.meaning for each in contract.levels if each.id == level)}"


def _block(title: str, rows: Mapping[str, str | None]) -> str:
    shown = {name: text for name, text in rows.items() if text}
    width = max(map(len, shown))
    below = "\n" + " " * (width + 4)
    lines = (f"  {name:<{width}}  {text.replace(chr(10), below)}" for name, text in shown.items())
    return "\n".join((title, *lines))


# ---------------------------------------------------------------------------- the whole contract


def as_json(contract: Contract) -> Any:
    """Return the whole contract as JSON values."""
    started = ("parameters", "clauses", "errors", "silences")
    names = (*(f.name for f in fields(contract)), *started)
    return json_value({name: getattr(contract, name) for name in names})


def json_value(value: Any) -> Any:
    """Return a value of the contract as JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): json_value(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_value(each) for each in value]
    return value


def as_markdown(contract: Contract) -> str:
    """Return the whole contract as Markdown."""
    return "\n".join(_markdown(contract))


def _markdown(contract: Contract) -> Iterator[str]:
    service = contract.service
    yield from (f"# {contract.title}", "")
    names = ", ".join(f"`{name}`" for name in contract.operations)
    yield f"Edition `{contract.edition}`: {names} at `{service.host}`."
    yield from ("", "## Sources", "")
    yield from markdown_table(("id", "title"), ((s.id, s.title) for s in contract.sources))
    yield from ("", "## Levels", "")
    yield from markdown_table(
        ("level", "meaning", "a breach is"),
        ((each.id, each.meaning, f"a {each.breach}") for each in contract.levels),
    )
    yield from ("", "## Common parameters", "")
    yield from markdown_table(
        ("parameter", "required", "value", "level", "source"),
        (
            (f"`{p.name}`", "yes" if p.required else "no", p.value or "", p.level, p.source)
            for p in contract.common_parameters
        ),
    )
    for operation in contract.operations.values():
        yield from ("", f"## {operation.name}", "", f"{operation.text} Source: {operation.source}.")
        yield from ("", "### Parameters", "")
        yield from markdown_table(
            ("parameter", "type", "required", "values", "meaning", "level", "source"),
            (row for p in operation.parameters for row in _parameters(p, contract)),
        )
        if operation.reply:
            yield from ("", "### Reply, beside RequestId", "")
            yield from markdown_table(
                ("field", "type", "values", "meaning", "level", "source"),
                (row for each in operation.reply for row in _reply(each)),
            )
        if operation.relations:
            yield from ("", "### Relations", "")
            yield from markdown_table(
                ("relation", "of", "to", "a breach is"),
                (_relation(each) for each in operation.relations),
            )
    yield from ("", "## Layouts", "")
    yield from markdown_table(("layout", "panes"), contract.layouts.items())
    yield from ("", "## Errors", "")
    yield from markdown_table(
        ("Code", "HTTP", "id", "message", "meaning", "what to do", "table", "level", "source"),
        (
            (
                f"`{row.code}`",
                row.http_status,
                row.id or "",
                row.message,
                row.meaning,
                row.advice or "",
                row.table,
                row.level,
                row.source,
            )
            for row in contract.errors
        ),
    )
    yield from ("", "## Clauses", "")
    yield from markdown_table(
        ("clause", "for", "meaning", "answered by", "level", "a breach is", "source", "why"),
        (
            (
                f"`{c.id}`",
                ", ".join(c.subjects),
                c.text,
                ", ".join(f"`{code}`" for code in c.codes),
                c.level,
                f"a {c.breach}",
                c.source,
                c.why or "",
            )
            for c in contract.all_clauses
        ),
    )
    yield from ("", "## What the sources leave open", "")
    yield from markdown_table(
        ("silence", "meaning", "source"),
        ((f"`{s.id}`", s.text, s.source) for s in all_silences(contract)),
    )


def _parameters(p: Parameter, contract: Contract) -> Iterator[tuple[object, ...]]:
    required = "yes" if p.required else "no"
    yield f"`{p.path}`", _kind(p), required, _values(p, contract), p.text, p.level, p.source
    for part in p.fields:
        yield from _parameters(part, contract)


def _kind(p: Parameter) -> str:
    return f"list of {p.kind}" if p.items else p.kind


def _values(p: Parameter, contract: Contract, *, mark: str = "`", names: bool = False) -> str:
    """Return which values a parameter has.

    mark: what stands before and after each.
    names: whether the names of an enumeration's values are said.
    """
    if p.values:
        told = ((row.value, f" {row.name}" if names else "") for row in p.values)
        return ", ".join(f"{mark}{value}{mark}{name}" for value, name in told)
    if p.values_from == "layouts":
        return ", ".join(f"{mark}{layout}{mark}" for layout in contract.layouts)
    if (p.minimum, p.maximum) != (None, None):
        return limits(p)
    if p.alphabet is not None or p.maximum_bytes is not None or p.maximum_characters is not None:
        return ", ".join(filter(None, (p.alphabet, length(p))))
    return ", ".join(f"{mark}{scheme}://{mark}" for scheme in p.schemes)


def _reply(each: ReplyField, prefix: str = "") -> Iterator[tuple[object, ...]]:
    name = f"{prefix}{each.name}"
    values = ", ".join(f"`{row.value}` {row.name}" for row in each.values)
    yield f"`{name}`", each.kind, values, each.text, each.level, each.source
    for part in each.fields:
        yield from _reply(part, f"{name}.")


def _relation(relation: Relation) -> tuple[str, ...]:
    def side(quantity: Quantity | None, values: tuple[str, ...]) -> str:
        if quantity is None:
            return ""
        named = " ".join(filter(None, (quantity.path, quantity.attribute)))
        return f"`{named}`" + (f" = {' or '.join(values)}" if values else "")

    strict = ", strictly" if relation.strict else ""
    return (
        f"{relation.sort}{strict} (`{relation.id}`)",
        side(relation.left, relation.values),
        side(relation.right, relation.when),
        "refused" if relation.verdict == "refuse" else "noted",
    )


def markdown_table(heads: tuple[str, ...], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield _line(heads)
    yield _line("---" for _ in heads)
    yield from map(_line, rows)


def _line(cells: Iterable[object]) -> str:
    texts = (" ".join(str(cell).split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(texts)} |"
