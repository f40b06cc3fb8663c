"""What a contract is made of: frozen dataclasses, which know how to be asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from pytest_rtcmpu.values.text import near

Subject = Literal["client", "endpoint"]
#: Which of the two signatures a request has: HMAC-SHA1 in the query, or ACS3-HMAC-SHA256.
SignatureKind = Literal["1.0", "v3"]
ParameterKind = Literal[
    "string", "enum", "integer-enum", "integer", "integer-list", "struct-list", "url"
]
Occurs = Literal["request", "on-demand", "sister-operation"]
OnBreach = Literal["failure", "report"]

#: The rules that are judged of each kind of parameter, by ``rules.py``. A parameter that is
#: required has ``required`` too.
RULES_OF_KIND: Mapping[ParameterKind, frozenset[str]] = {
    "string": frozenset(),
    "enum": frozenset({"enum", "case"}),
    "integer": frozenset({"integer", "range"}),
    "integer-enum": frozenset({"integer", "enum"}),
    "integer-list": frozenset({"integer", "known", "base", "gaps"}),
    "struct-list": frozenset({"base", "gaps"}),
    "url": frozenset({"scheme", "url"}),
}
#: The rules that the endpoint judges itself: (parameter, rule). ``required`` it judges of every
#: common parameter, and ``enum`` of those that have one value.
ENDPOINT_RULES: frozenset[tuple[str | None, str]] = frozenset(
    {
        (None, "method"),
        ("Format", "enum"),
        ("Action", "enum"),
        ("SignatureMethod", "enum"),
        ("Timestamp", "format"),
        ("Timestamp", "window"),
        ("AccessKeyId", "known"),
        ("AccessKeyId", "active"),
        ("SecurityToken", "given"),
        ("SecurityToken", "own"),
        ("Signature", "verifies"),
        ("SignatureNonce", "unique"),
        ("TaskId", "exists"),
    }
)


class ContractError(Exception):
    """The contract's data file is wrong, or was asked for something it does not hold."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A document that rules come from."""

    id: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Level:
    """How sure a rule is, and what a breach of it is by default: ``failure`` or ``report``."""

    id: str
    meaning: str
    breach: OnBreach


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One checkable rule.

    Attributes:
        codes: the Codes that may answer a breach; the first is the one this kit's endpoint sends.
        code_clause: the clause about the Code, where being refused and the Code are not equally
            sure.
        breach: ``failure`` or ``report``; the level's, unless the clause itself decides.
    """

    id: str
    subjects: tuple[Subject, ...]
    level: str
    source: str
    text: str
    breach: OnBreach
    quote: str | None = None
    why: str | None = None
    parameter: str | None = None
    rule: str | None = None
    codes: tuple[str, ...] = ()
    code_clause: str | None = None


@dataclass(frozen=True, kw_only=True)
class Silence:
    """Something the sources leave open: accepted, recorded with the call, never judged.

    Attributes:
        warns: whether it gives a Python warning too.
    """

    id: str
    source: str
    text: str
    warns: bool


@dataclass(frozen=True, kw_only=True)
class ErrorRow:
    """A row of an error table. ``id`` (the error id, such as 0x07100001) is not on the wire."""

    table: str
    code: str
    http_status: int
    message: str
    meaning: str
    source: str
    level: str
    id: str | None = None
    advice: str | None = None
    why: str | None = None
    #: ``request`` – a request can bring it about; ``on-demand`` – only when asked for;
    #: ``sister-operation`` – another operation's.
    occurs: Occurs = "request"
    #: The row of the table it is an instance of: ``Missing{Parameter}`` for ``MissingAppId``.
    family: str = ""


@dataclass(frozen=True, kw_only=True)
class EnumValue:
    """One value of an enumeration. ``attributes`` are the table's further columns."""

    value: str | int
    name: str
    attributes: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of the operation, or a field of a struct in one."""

    name: str
    kind: ParameterKind
    required: bool
    source: str
    level: str
    text: str
    quote: str | None = None
    why: str | None = None
    aliases: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    default: int | str | None = None
    schemes: tuple[str, ...] = ()
    bases: tuple[int, ...] = ()
    maximum_items: int | None = None
    values: tuple[EnumValue, ...] = ()
    values_from: Literal["layouts"] | None = None
    fields: tuple[Parameter, ...] = ()
    generate: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def wire_values(self) -> frozenset[str]:
        """The values of an enumeration as they stand on the wire."""
        return frozenset(str(row.value) for row in self.values)


@dataclass(frozen=True, kw_only=True)
class CommonParameter:
    """A parameter of the envelope (S2 111549)."""

    name: str
    required: bool
    source: str
    level: str
    value: str | None = None


@dataclass(frozen=True, kw_only=True)
class SignatureScheme:
    """One of the two ways to sign. ``headers``: which header carries which common parameter."""

    name: str
    method: str
    default_format: str
    source: str
    level: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Service:
    """Where and how the operation is reached."""

    host: str
    path: str
    schemes: tuple[str, ...]
    methods: tuple[str, ...]
    action: str
    formats: tuple[str, ...]
    timestamp_format: str
    timestamp_pattern: str
    timestamp_window_seconds: int
    request_id_patterns: tuple[str, ...]
    string_to_sign_suffix: str
    source: str
    level: str


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Contract:
    """One edition of the documentation."""

    edition: str
    title: str
    sources: tuple[Source, ...]
    levels: tuple[Level, ...]
    service: Service
    signatures: Mapping[str, SignatureScheme]
    common_parameters: tuple[CommonParameter, ...]
    parameters: tuple[Parameter, ...]
    #: Known layouts: id → number of panes.
    layouts: Mapping[int, int]
    reserved_layouts_up_to: int
    errors: tuple[ErrorRow, ...]
    clauses: tuple[Clause, ...]
    silences: tuple[Silence, ...]

    def __repr__(self) -> str:
        # All that it holds is 96 kB: no failing test's report is the better for it.
        return f"<Contract {self.edition}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print it as short in Hypothesis's and IPython's printers, which print every field."""
        printer.text(repr(self))

    @cached_property
    def _clauses(self) -> dict[str, Clause]:
        return {clause.id: clause for clause in self.clauses}

    @cached_property
    def _rules(self) -> dict[tuple[str | None, str], Clause]:
        return {(c.parameter, c.rule): c for c in self.clauses if c.rule is not None}

    @cached_property
    def _silences(self) -> dict[str, Silence]:
        return {silence.id: silence for silence in self.silences}

    @cached_property
    def _parameters(self) -> dict[str, Parameter]:
        return dict(named(self.parameters))

    @cached_property
    def parameters_by_wire_name(self) -> Mapping[str, Parameter]:
        """Every parameter by its name and by its aliases."""
        return {name: p for p in self.parameters for name in (p.name, *p.aliases)}

    @cached_property
    def errors_by_code(self) -> Mapping[str, tuple[ErrorRow, ...]]:
        """Every documented Code with its rows, StartMPUTask's own table first."""
        found: dict[str, list[ErrorRow]] = {}
        for row in self.errors:
            found.setdefault(row.code, []).append(row)
        return MappingProxyType({code: tuple(rows) for code, rows in found.items()})

    def clause(self, clause_id: str) -> Clause:
        """Return the clause of that id.

        Raises:
            ContractError: for an unknown one.
        """
        try:
            return self._clauses[clause_id]
        except KeyError:
            raise ContractError(unknown("clause", clause_id, self._clauses)) from None

    def rule(self, parameter: str | None, rule: str) -> Clause:
        """Return the clause which says what answers a breach of ``rule`` by ``parameter``.

        Raises:
            ContractError: where there is none.
        """
        try:
            return self._rules[parameter, rule]
        except KeyError:
            message = f"no clause has parameter {parameter!r} and rule {rule!r}"
            known = [each for name, each in self._rules if name == parameter]
            names = [name for name, each in self._rules if name and each == rule]
            hint = near(rule, known) or near(parameter or "", names)
            raise ContractError(message + hint) from None

    def silence(self, silence_id: str) -> Silence:
        """Return the silence of that id.

        Raises:
            ContractError: for an unknown one.
        """
        try:
            return self._silences[silence_id]
        except KeyError:
            raise ContractError(unknown("silence", silence_id, self._silences)) from None

    def error(self, code: str, http_status: int | None = None) -> ErrorRow:
        """Return the first row of that Code (and HTTP status).

        Raises:
            ContractError: if none.
        """
        for row in self.errors_by_code.get(code, ()):
            if http_status in (None, row.http_status):
                return row
        raise ContractError(unknown("error code", code, self.errors_by_code))

    def parameter(self, name: str) -> Parameter:
        """Return the parameter of that name (``UserPanes.PaneId`` for a struct's field).

        Raises:
            ContractError: for an unknown one.
        """
        try:
            return self._parameters[name]
        except KeyError:
            raise ContractError(unknown("parameter", name, self._parameters)) from None

    def with_layouts(self, layouts: Mapping[int, int]) -> Contract:
        """Return this contract with user-defined layouts (id above 10000 → number of panes)."""
        for layout_id, panes in layouts.items():
            if layout_id <= self.reserved_layouts_up_to:
                raise ValueError(
                    f"a user-defined layout's id must be above {self.reserved_layouts_up_to}, "
                    f"got {layout_id}"
                )
            if panes < 1:
                raise ValueError(f"layout {layout_id}: expected at least 1 pane, got {panes}")
        return replace(self, layouts=MappingProxyType({**self.layouts, **layouts}))


def named(parameters: Iterable[Parameter], prefix: str = "") -> Iterator[tuple[str, Parameter]]:
    """Yield every parameter and every field of a struct with its full name."""
    for parameter in parameters:
        yield prefix + parameter.name, parameter
        yield from named(parameter.fields, f"{prefix}{parameter.name}.")


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return the message about a name that is none, with the near ones."""
    return f"unknown {what} {name!r}{near(name, known)}"
