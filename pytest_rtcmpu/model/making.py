"""Values given to a request → params, judged once; every problem is said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

from pytest_rtcmpu import rules
from pytest_rtcmpu.contract import Clause, Contract, Parameter
from pytest_rtcmpu.contract.elsewhere import others, to_give
from pytest_rtcmpu.contract.types import RULES_OF_KIND, named
from pytest_rtcmpu.errors import InvalidTask
from pytest_rtcmpu.model.forms import flatten, starts_of
from pytest_rtcmpu.model.names import python_name
from pytest_rtcmpu.model.structs import fields_of
from pytest_rtcmpu.rules import Problem
from pytest_rtcmpu.values import colours
from pytest_rtcmpu.values.text import near, some

_WRONG: Any = object()


class Making:
    """One run over the values that a request is made of.

    Attributes:
        params: what could be made of them.
        problems: values of a wrong type.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.problems: list[Problem] = []
        self.params: dict[str, Any] = {}

    def take(self, given: Mapping[str, object]) -> None:
        """Take values by their Python names; ``None`` is a value that was not given."""
        unknown = set(given) - {python_name(p.name) for p in self.contract.parameters}
        for name in sorted(unknown):
            if given[name] is not None and given[name] != ():
                raise TypeError(_unknown(self.contract, name))
        for p in self.contract.parameters:
            value = given.get(python_name(p.name))
            if value is None and p.required and p.default is not None:
                # "required though it has a default: clients always send it"
                value = p.default
            if value is not None:
                made = self._made(p, p.name, value)
                if made is not _WRONG and (made != [] or p.required):
                    self.params[p.name] = made

    def take_one(self, name: str, fields: Mapping[str, object]) -> None:
        """Take one item of a list of structs, by its fields' Python names."""
        made = self._made(self.contract.parameter(name), name, [fields])
        self.params[name] = made

    def finish(self, only: str | None = None) -> None:
        """Raise InvalidTask where anything is wrong.

        Args:
            only: the parameter that is judged alone.
        """
        named = {problem.path for problem in self.problems}
        judged = [
            problem
            for problem in self._judged()
            if problem.path not in named
            # A value of the wrong type is not also missing.
            and not any(path.startswith(f"{problem.path}.") for path in named)
            and (only is None or problem.path.partition(".")[0] == only)
        ]
        if self.problems or judged:
            pairs = flatten(self.params, starts_of(self.contract))
            led = rules.with_leads(judged, pairs, self.contract, to_give, of_absent=False)
            raise InvalidTask((*self.problems, *led))

    def _judged(self) -> Iterator[Problem]:
        pairs = flatten(self.params, starts_of(self.contract))
        yield from rules.judge(pairs, self.contract).problems
        for p in self.contract.parameters:
            # An endpoint may tolerate it; a client had better not rely on that.
            if p.tolerated is not None and p.required and not self.params.get(p.name):
                clause = self.contract.rule(p.path, "required")
                yield Problem(path=p.name, expected="a value", got="nothing", clause=clause)

    def _made(self, p: Parameter, path: str, value: object) -> Any:
        if p.items is None:
            return self._single(p, path, value)
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            return self._wrong(p, path, f"a list of {_called(p)}", value)
        start = p.bases[0]
        made = [self._single(p, f"{path}.{index}", each) for index, each in enumerate(value, start)]
        return [each for each in made if each is not _WRONG]

    def _single(self, p: Parameter, path: str, value: object) -> Any:
        if p.kind != "struct":
            plain = _plain(p, value)
            return plain if plain is not None else self._wrong(p, path, _EXPECTED[p.kind], value)
        fields = fields_of(value)
        if fields is None:
            return self._wrong(p, path, _called(p), value)
        made = {}
        by_name = {name: f for f in p.fields for name in (f.name, python_name(f.name))}
        for name, each in fields.items():
            field = by_name.get(name)
            if field is None:
                raise TypeError(_unknown_field(self.contract, p, name))
            if each is not None and each != ():
                part = self._made(field, f"{path}.{field.name}", each)
                if part is not _WRONG:
                    made[field.name] = part
        return {f.name: made[f.name] for f in p.fields if f.name in made}

    def _wrong(self, p: Parameter, path: str, expected: str, value: object) -> Any:
        clause = self._form(p)
        got = f"{type(value).__name__} {_clip(repr(value))}"
        lead = colours.in_words(value) if p.is_colour else ""
        self.problems.append(
            Problem(path=path, expected=expected, got=got, clause=clause, lead=lead)
        )
        return _WRONG

    def _form(self, p: Parameter) -> Clause:
        """The clause about how such a value is written."""
        if p.kind in ("float", "boolean"):
            return self.contract.rule(p.path, RULES_OF_KIND[p.kind][0])
        return self.contract.clause("request.integer.form" if p.is_integer else "request.utf-8")


def _called(p: Parameter) -> str:
    """How a value is called in messages: ``UserPane`` of ``UserPanes``."""
    if p.kind != "struct":
        return _TYPES[p.kind]
    return "UserPane" if p.name == "UserPanes" else "Struct or mapping"


_TYPES = {
    "string": "str",
    "url": "str",
    "integer": "int",
    "long": "int",
    "float": "float",
    "boolean": "bool",
}
_EXPECTED = {
    "string": "a str that UTF-8 can carry",
    "url": "a str that UTF-8 can carry",
    "integer": "an int",
    "long": "an int",
    "float": "a finite float",
    "boolean": "a bool",
}


def _plain(p: Parameter, value: object) -> Any:
    """A value as params have it, or ``None`` when its type is wrong."""
    if p.kind == "boolean":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool):
        return None
    if p.is_integer:
        return int(value) if isinstance(value, int) else None
    if p.kind == "float":
        ok = isinstance(value, int | float) and math.isfinite(value)
        return value if ok else None
    if isinstance(value, Enum):
        value = value.value
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8
        return None
    return str(value)


def _clip(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}…"


def _unknown(contract: Contract, name: str) -> str:
    known = [python_name(p.name) for p in contract.parameters]
    message = f"{contract.action} of {contract.edition} has no parameter {name!r}"
    lead = to_give(others_with(name, contract), "has it") or _of_structs(name, contract)
    if lead:
        return f"{message}: {lead}"
    return message + (near(name, known) or f": it has {', '.join(known)}")


def _unknown_field(contract: Contract, p: Parameter, name: str) -> str:
    known = [python_name(f.name) for f in p.fields]
    message = f"{p.path} of {contract.edition} has no field {name!r}"
    lead = to_give((o for o in others(contract) if name in _fields_of(p.path, o)), "has it")
    if not lead and (lead := _of_structs(name, contract)):
        lead = f"{lead}; it has {', '.join(known)}"
    if lead:
        return f"{message}: {lead}"
    return message + (near(name, known) or f": it has {', '.join(known)}")


def _of_structs(name: str, contract: Contract) -> str:
    """Return ``UserPanes of StartMPUTask has it``: whose field that is in the edition, if any's."""
    found = [
        f"{path} of {action}"
        for action in contract.operations
        for path, p in named(contract.operation(action).parameters)
        if name in {python_name(f.name) for f in p.fields}
    ]
    return f"{some(found)} {'has' if len(found) == 1 else 'have'} it" if found else ""


def _fields_of(path: str, contract: Contract) -> set[str]:
    """The Python names of a struct's fields, in an edition that may not have it."""
    fields = contract.parameter(path).fields if contract.has(path) else ()
    return {python_name(f.name) for f in fields}


def others_with(name: str, contract: Contract) -> list[Contract]:
    """The other editions whose operation has a parameter of that Python name."""
    return [c for c in others(contract) if name in {python_name(p.name) for p in c.parameters}]
