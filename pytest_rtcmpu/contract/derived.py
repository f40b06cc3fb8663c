"""What follows from an operation's tree of parameters: a clause for each rule that none is written
for, and the error rows of the Codes that are made of a parameter's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from pytest_rtcmpu.contract.types import (
    CLIENT_RULES,
    PLACE,
    Clause,
    ErrorRow,
    OnBreach,
    Operation,
    Parameter,
    Subject,
    named,
    rules_of,
)

#: The clause about an absent parameter's Code, which is the gateway's.
_MISSING_CODE = "error.missing-parameter"


def kebab(path: str) -> str:
    """Return a parameter's path as clause ids have it: ``user-panes.pane-id``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", path).lower()


def limits(p: Parameter) -> str:
    """Return the limits of a number in words."""
    low, high = p.limits
    above = "above " if "minimum" in p.excludes else ""
    below = "below " if "maximum" in p.excludes else ""
    if low is None:
        return f"{below or 'at most '}{high}"
    if high is None:
        return f"{above or 'at least '}{low}"
    return f"{above}{low} to {below}{high}"


def length(p: Parameter) -> str:
    """Return the limit of a text in words, empty where there is none."""
    if p.maximum_bytes is not None:
        return f"at most {p.maximum_bytes} bytes of UTF-8"
    if p.maximum_characters is None:
        return ""
    return f"at most {p.maximum_characters} characters"


def _count(p: Parameter) -> str:
    low = p.items.minimum if p.items else None
    high = p.items.maximum if p.items else None
    if low is None or high is None:
        return f"at least {low}" if high is None else f"at most {high}"
    return f"{low} to {high}"


def _values(p: Parameter) -> str:
    return ", ".join(str(row.value) for row in p.values)


def _starts(p: Parameter) -> str:
    return " or ".join(map(str, p.bases))


#: For each rule: how its clause's id ends, and what it says of a parameter.
RULES: Mapping[str, tuple[str, Callable[[Parameter], str]]] = {
    "required": ("required", lambda p: "is sent; a request where it is absent or empty is refused"),
    "base": ("start", lambda p: f"starts at index {_starts(p)}; another start is refused"),
    "gaps": ("no-gaps", lambda p: "has no gaps in its indexes; a gap is refused"),
    "items": ("items", lambda p: f"has {_count(p)} items; another number is refused"),
    "integer": ("integer", lambda p: "is an Integer; another text is refused"),
    "number": ("number", lambda p: "is a decimal number; another text is refused"),
    "boolean": ("boolean", lambda p: "is true or false; another text is refused"),
    "enum": ("enum", lambda p: f"is one of {_values(p)}; another value is refused"),
    "case": ("letter-case", lambda p: "is a listed value in its letter case; another is refused"),
    "known": ("known", lambda p: "is a known layout; another is refused"),
    "range": ("range", lambda p: f"is {limits(p)}; a value outside is refused"),
    "alphabet": ("alphabet", lambda p: f"is of {p.alphabet}; another character is refused"),
    "length": ("length", lambda p: f"has {length(p)}; a longer one is refused"),
    "scheme": (
        "scheme",
        lambda p: f"is a {' or '.join(p.schemes)} URL; another scheme is refused",
    ),
    "url": ("absolute", lambda p: "is an absolute URL with a host and a path; another is refused"),
    "exclusive": (
        "exclusive",
        lambda p: (
            f"is not that of a running task, nor of one that ended less than {p.rest_seconds} s "
            "ago; such a one is refused"
        ),
    ),
    "zero": ("zero", lambda p: "of 0 that was given is sent as 0"),
    "complete": ("complete", lambda p: "has every item that was given"),
}
#: Rules that no page prints: how sure they are, and why they are rules at all.
_READINGS = {
    "case": "The page lists the values and does not speak of letter case.",
    "url": "An address names a host and what is on it.",
}
#: Where the ends of a number are its type's, and no page's.
_BITS = "The page gives the type Long; that it has 64 bits is nowhere said."


def rule_id(prefix: str, path: str, rule: str) -> str:
    """Return the id of a derived clause."""
    return f"{prefix}{kebab(path)}.{RULES[rule][0]}"


def derived_clauses(operation: Operation, breaches: Mapping[str, OnBreach]) -> Iterator[Clause]:
    """Yield a clause for each rule of a parameter that no written clause is about."""
    written = {(c.parameter, c.rule) for c in operation.clauses}
    ids = {clause.id for clause in operation.clauses}
    for rule in ("accepted", "sent"):
        if (None, rule) not in written:
            yield _whole(operation, rule, breaches)
    placed = ((top, *each) for top in operation.parameters for each in named([top]))
    for top, path, p in placed:
        about_code = f"{operation.prefix}{kebab(top.name)}.code"
        refuses = False
        for rule in (*rules_of(p), *_client_rules(p)):
            if (path, rule) in written:
                continue
            made = _clause(operation, p, top, rule, about_code, breaches)
            refuses |= made.code_clause == about_code
            yield made
        if refuses and about_code not in ids:
            ids.add(about_code)
            code = _code(top)
            yield Clause(
                id=about_code,
                subjects=("endpoint",),
                level="reading",
                source=top.source,
                text=f"A wrong {top.name} is answered {code}.",
                breach=breaches.get("reading", "report"),
                why="The page that has the rule names no Code.",
            )


def _whole(operation: Operation, rule: str, breaches: Mapping[str, OnBreach]) -> Clause:
    texts = {
        "accepted": f"A {operation.name} that keeps every rule is accepted.",
        "sent": f"A {operation.name} that keeps every rule is sent.",
    }
    subjects: tuple[Subject, ...] = ("endpoint",) if rule == "accepted" else ("client",)
    return Clause(
        id=f"{operation.prefix}{rule}",
        subjects=subjects,
        level=operation.level,
        source=operation.source,
        text=texts[rule],
        breach=breaches.get(operation.level, "failure"),
        quote=operation.quote,
        why=operation.why,
        rule=rule,
    )


def _client_rules(p: Parameter) -> Iterator[str]:
    is_number = p.is_integer or p.kind == "float"
    zero_is_good = "0" in p.wire_values if p.values else p.values_from is None and p.allows(0)
    if is_number and zero_is_good and p.items is None:
        yield "zero"
    if p.items is not None:
        yield "complete"


def _subjects(rule: str) -> tuple[Subject, ...]:
    if rule in CLIENT_RULES:
        return ("client",)
    # Which address a task streams to is for whoever gives it to the client.
    return ("endpoint",) if rule == "exclusive" else ("client", "endpoint")


def _code(p: Parameter) -> str:
    return p.code or f"Invalid{p.name}"


def _clause(
    operation: Operation,
    p: Parameter,
    top: Parameter,
    rule: str,
    about_code: str,
    breaches: Mapping[str, OnBreach],
) -> Clause:
    is_of_type = rule == "range" and (p.minimum, p.maximum) == (None, None)
    level = "reading" if rule in _READINGS or is_of_type else p.level
    made = Clause(
        id=rule_id(operation.prefix, p.path, rule),
        subjects=_subjects(rule),
        level=level,
        source=p.source,
        text=f"{p.path} {RULES[rule][1](p)}.",
        breach=breaches.get(level, "failure"),
        quote=p.quote,
        why=_READINGS.get(rule) or (_BITS if is_of_type else p.why),
        parameter=p.path,
        rule=rule,
    )
    if rule in CLIENT_RULES:
        return made
    if rule == "required" and p is top:
        codes = tuple(f"Missing{name}" for name in (p.name, *p.aliases))
        return replace(made, codes=codes, code_clause=_MISSING_CODE)
    code = p.code or _code(top)
    return replace(made, codes=(code,), code_clause=about_code)


def derived_rows(
    tables: Iterable[ErrorRow], clauses: Iterable[Clause], names: Iterable[str]
) -> Iterator[ErrorRow]:
    """Yield rows; one with ``{Parameter}`` in its Code for each parameter that a clause names."""
    listed = list(tables)
    own = {row.code for row in listed}
    used = {code for clause in clauses for code in clause.codes} - own
    known = list(names)
    for row in listed:
        if PLACE not in row.code:
            yield row
            continue
        for name in known:
            code = row.code.replace(PLACE, name)
            if code in used:
                yield replace(row, code=code, message=row.message.replace(PLACE, name))
