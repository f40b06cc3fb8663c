"""The contract in words: one Code, clause or silence explained, and the whole as Markdown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pytest_rtcmpu.contract import Clause, Contract, ContractError, ErrorRow, Parameter, Silence


def explain(name: str, contract: Contract) -> str:
    """Return what a Code, an error id, a clause or a silence means, where it stands, what to do.

    Letter case does not matter.

    Raises:
        ContractError: for an unknown name, with the nearest.
    """
    wanted = name.casefold()
    rows = [r for r in contract.errors if wanted in (r.code.casefold(), (r.id or "").casefold())]
    parts = [_error(row, contract) for row in rows]
    parts += [_clause(c, contract) for c in contract.clauses if c.id.casefold() == wanted]
    parts += [_silence(s, contract) for s in contract.silences if s.id.casefold() == wanted]
    if not parts:
        known = {each.casefold(): each for each in _names(contract)}
        near = [known[each] for each in difflib.get_close_matches(wanted, known, n=5, cutoff=0.5)]
        within = [each for low, each in known.items() if wanted in low and each not in near]
        hint = ", ".join((*near, *within)[:5])
        nearest = f"the nearest are {hint}" if hint else "rtcmpu contract prints all there is"
        raise ContractError(f"{name!r}: no Code, clause or silence of that name; {nearest}")
    return "\n\n".join(dict.fromkeys(parts))


def _names(contract: Contract) -> Iterator[str]:
    yield from (row.code for row in contract.errors)
    yield from (clause.id for clause in contract.clauses)
    yield from (silence.id for silence in contract.silences)


def _error(row: ErrorRow, contract: Contract) -> str:
    breaches = [c.id for c in contract.clauses if row.code in c.codes]
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


def _source(source: str, contract: Contract) -> str:
    title = next((s.title for s in contract.sources if s.id == source.split()[0]), None)
    return f"{source}: {title}" if title else source


def _level(level: str, contract: Contract) -> str:
    return f"{level}: {next(each.meaning for each in contract.levels if each.id == level)}"


def _block(title: str, rows: Mapping[str, str | None]) -> str:
    shown = {name: text for name, text in rows.items() if text}
    width = max(map(len, shown))
    return "\n".join((title, *(f"  {name:<{width}}  {text}" for name, text in shown.items())))


# ---------------------------------------------------------------------------- the whole contract


def as_json(contract: Contract) -> Any:
    """Return the whole contract as JSON values."""
    return _json({f.name: getattr(contract, f.name) for f in fields(contract)})


def _json(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _json(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json(each) for each in value]
    return value


def as_markdown(contract: Contract) -> str:
    """Return the whole contract as Markdown."""
    return "\n".join(_markdown(contract))


def _markdown(contract: Contract) -> Iterator[str]:
    service = contract.service
    yield from (f"# {contract.title}", "")
    yield f"Edition `{contract.edition}`: `{service.action}` at `{service.host}`."
    yield from ("", "## Sources", "")
    yield from _table(("id", "title"), ((s.id, s.title) for s in contract.sources))
    yield from ("", "## Levels", "")
    yield from _table(
        ("level", "meaning", "a breach is"),
        ((each.id, each.meaning, f"a {each.breach}") for each in contract.levels),
    )
    yield from ("", "## Common parameters", "")
    yield from _table(
        ("parameter", "required", "value", "level", "source"),
        (
            (f"`{p.name}`", "yes" if p.required else "no", p.value or "", p.level, p.source)
            for p in contract.common_parameters
        ),
    )
    yield from ("", "## Parameters", "")
    yield from _table(
        ("parameter", "type", "required", "values", "meaning", "level", "source"),
        (row for p in contract.parameters for row in _parameters(p, contract)),
    )
    yield from ("", "## Layouts", "")
    yield from _table(("layout", "panes"), contract.layouts.items())
    yield from ("", "## Errors", "")
    yield from _table(
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
    yield from _table(
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
            for c in contract.clauses
        ),
    )
    yield from ("", "## What the sources leave open", "")
    yield from _table(
        ("silence", "meaning", "source"),
        ((f"`{s.id}`", s.text, s.source) for s in contract.silences),
    )


def _parameters(p: Parameter, contract: Contract, prefix: str = "") -> Iterator[tuple[object, ...]]:
    name = f"{prefix}{p.name}"
    required = "yes" if p.required else "no"
    yield f"`{name}`", p.kind, required, _values(p, contract), p.text, p.level, p.source
    for part in p.fields:
        yield from _parameters(part, contract, f"{name}.")


def _values(p: Parameter, contract: Contract) -> str:
    if p.values:
        return ", ".join(f"`{row.value}`" for row in p.values)
    if p.values_from == "layouts":
        return ", ".join(f"`{layout}`" for layout in contract.layouts)
    if p.minimum is not None and p.maximum is not None:
        return f"{p.minimum} to {p.maximum}"
    return ", ".join(f"`{scheme}://`" for scheme in p.schemes)


def _table(heads: tuple[str, ...], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    yield _line(heads)
    yield _line("---" for _ in heads)
    yield from map(_line, rows)


def _line(cells: Iterable[object]) -> str:
    texts = (" ".join(str(cell).split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(texts)} |"
