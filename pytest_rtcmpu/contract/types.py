"""What a contract is made of: frozen dataclasses, which know how to be asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from pytest_rtcmpu.values import colours
from pytest_rtcmpu.values.text import near

Subject = Literal["client", "endpoint"]
#: Which of the two signatures a request has: HMAC-SHA1 in the query, or ACS3-HMAC-SHA256.
SignatureKind = Literal["1.0", "v3"]
ParameterKind = Literal["string", "integer", "long", "float", "boolean", "url", "struct"]
#: What an operation does to the tasks or layouts that its request names.
Effect = Literal[
    "none",
    "start",
    "stop",
    "status",
    "update",
    "create-layout",
    "modify-layout",
    "delete-layout",
    "list-layouts",
    "describe-layouts",
]
RelationSort = Literal[
    "not-above", "alike", "distinct", "at-most-one", "required-when", "effective-only-when"
]
Occurs = Literal["request", "on-demand", "sister-operation"]
OnBreach = Literal["failure", "report"]

#: The rules that are judged of a value of each kind, by ``rules/``. :func:`rules_of` adds those
#: that what a parameter says brings about: being required, listed, limited, a list.
RULES_OF_KIND: Mapping[ParameterKind, tuple[str, ...]] = {
    "string": (),
    "integer": ("integer",),
    "long": ("integer", "range"),
    "float": ("number",),
    "boolean": ("boolean",),
    "url": ("scheme", "url"),
    "struct": (),
}
#: What stands in an error row's Code and Message for the name of a parameter.
PLACE = "{Parameter}"
#: The rules that nothing but a client's check judges: what was given arrives.
CLIENT_RULES = ("zero", "complete")
#: The rules on a request as a whole: one that keeps all others is accepted, and is sent.
WHOLE_RULES = ("accepted", "sent")
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
class Items:
    """That a parameter is a list: ``Name.1``, ``Name.2`` and so on.

    Attributes:
        starts: the indexes that its first item may have.
        gaps: whether indexes may be left out.
        minimum, maximum: how many items, where a page prints it.
    """

    starts: tuple[int, ...] = (1,)
    gaps: bool = False
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of an operation, or a field of a struct in one, to any depth.

    Attributes:
        kind: of the value, or of each item of a list.
        items: that it is a list, and which.
        minimum, maximum: the limits of a number, both allowed; ``excludes`` names those that are
            not. An integer's are integers.
        alphabet: a string's characters, as a regular expression's class: ``[A-Za-z0-9_-]``.
        maximum_bytes, maximum_characters: a string's length, in UTF-8 and in code points.
        values: an enumeration's; they stand under the parameter's path in ``enums``.
        code: the Code that answers a value which is wrong; ``Invalid{Parameter}`` unless given.
        silent_schemes: schemes that the page does not speak of, and the silence about each.
        default: what counts where the parameter is absent.
        rest_seconds: that no two running tasks share a value, and how long it rests after one.
        tolerated: the silence about an endpoint that accepts a request without a required one.
        path: its full name, ``UserPanes.Images.Url``.
    """

    name: str
    kind: ParameterKind
    required: bool
    source: str
    level: str
    text: str
    quote: str | None = None
    why: str | None = None
    aliases: tuple[str, ...] = ()
    items: Items | None = None
    minimum: float | None = None
    maximum: float | None = None
    excludes: tuple[Literal["minimum", "maximum"], ...] = ()
    alphabet: str | None = None
    maximum_bytes: int | None = None
    maximum_characters: int | None = None
    default: int | float | str | bool | None = None
    schemes: tuple[str, ...] = ()
    silent_schemes: Mapping[str, str] = field(default_factory=dict)
    values: tuple[EnumValue, ...] = ()
    values_from: Literal["layouts"] | None = None
    fields: tuple[Parameter, ...] = ()
    code: str | None = None
    rest_seconds: int | None = None
    tolerated: str | None = None
    generate: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""

    @cached_property
    def wire_values(self) -> frozenset[str]:
        """The values of an enumeration as they stand on the wire."""
        return frozenset(str(row.value) for row in self.values)

    @cached_property
    def is_integer(self) -> bool:
        """Whether its values are integers, of 64 bits perhaps."""
        return self.kind in ("integer", "long")

    @cached_property
    def is_colour(self) -> bool:
        """Whether its values are colours: the integers that red, green and blue make."""
        return self.is_integer and (self.minimum, self.maximum) == colours.LIMITS

    @cached_property
    def bases(self) -> tuple[int, ...]:
        """The indexes that a list may start at; none where it is no list."""
        return self.items.starts if self.items else ()

    @cached_property
    def limits(self) -> tuple[float | None, float | None]:
        """The lowest and the highest value; a Long's are those of 64 bits where no page says."""
        low, high = self.minimum, self.maximum
        if self.kind == "long":
            low = -(2**63) if low is None else low
            high = 2**63 - 1 if high is None else high
        return low, high

    def allows(self, value: float) -> bool:
        """Whether a number is within the limits."""
        low, high = self.limits
        if low is not None and (value < low or ("minimum" in self.excludes and value == low)):
            return False
        return high is None or not (value > high or ("maximum" in self.excludes and value == high))


def rules_of(p: Parameter) -> tuple[str, ...]:
    """Return the rules that are judged of a parameter, in the order of their judging."""
    listed = bool(p.values) or p.values_from is not None
    said = (
        ("required", p.required),
        ("base", p.items is not None),
        ("gaps", p.items is not None and not p.items.gaps and p.items.maximum != 1),
        ("items", p.items is not None and (p.items.minimum, p.items.maximum) != (None, None)),
        *((rule, not (listed and rule == "range")) for rule in RULES_OF_KIND[p.kind]),
        ("enum", bool(p.values)),
        ("case", bool(p.values) and p.kind == "string"),
        ("known", p.values_from is not None),
        ("range", not listed and (p.minimum, p.maximum) != (None, None)),
        ("alphabet", p.alphabet is not None),
        ("exclusive", p.rest_seconds is not None),
        ("length", (p.maximum_bytes, p.maximum_characters) != (None, None)),
    )
    return tuple(dict.fromkeys(rule for rule, holds in said if holds))


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """What a relation compares: a parameter's values, or what their rows say.

    Attributes:
        path: the parameter's full name.
        attribute: a column of its enumeration, or ``panes`` of a layout; its own value unless
            given.
    """

    path: str
    attribute: str | None = None


@dataclass(frozen=True, kw_only=True)
class Condition:
    """That a parameter, or what counts where it is absent, is one of some values."""

    path: str
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Relation:
    """What several values must be to each other.

    Attributes:
        id: the clause (of ``refuse``) or the silence (of ``note``) that speaks of a breach.
        sort: ``not-above``: no value of ``left`` is above the highest of ``right``, nor equal to it
            where ``strict``. ``alike``: they are equal. ``distinct``: no two values of ``left`` in
            one list are equal. ``at-most-one``: at most one item of a list has one of ``values``.
            ``required-when``: ``left`` is there where ``right`` is one of ``when``, or is there at
            all. ``effective-only-when``: ``left`` (one of ``values``, where those are given) does
            something only where ``right`` is one of ``when``.
        where: what must be so for the relation to hold at all.
        verdict: ``refuse``: the endpoint refuses a breach; ``note``: it notes it.
    """

    id: str
    sort: RelationSort
    left: Quantity
    right: Quantity | None = None
    strict: bool = False
    values: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    where: Condition | None = None
    verdict: Literal["refuse", "note"] = "note"


@dataclass(frozen=True, kw_only=True)
class ReplyField:
    """A field of an operation's reply, beside RequestId.

    Attributes:
        kind: ``integer`` is a number in JSON.
        item: a list: the element that each item stands in, ``LayoutIds.LayoutId``.
    """

    name: str
    kind: ParameterKind
    source: str
    level: str
    text: str
    quote: str | None = None
    why: str | None = None
    item: str | None = None
    values: tuple[EnumValue, ...] = ()
    fields: tuple[ReplyField, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Operation:
    """An operation of the API: its request, its reply, and what it does.

    Attributes:
        prefix: what stands before the ids of its derived clauses: ``stop.``.
        effect: what a request that is accepted does.
        clauses: those that are written, and after them those that are derived.
        errors: its own table's rows.
    """

    name: str
    text: str
    source: str
    level: str
    effect: Effect
    prefix: str
    parameters: tuple[Parameter, ...]
    reply: tuple[ReplyField, ...]
    relations: tuple[Relation, ...]
    errors: tuple[ErrorRow, ...]
    clauses: tuple[Clause, ...]
    silences: tuple[Silence, ...]
    quote: str | None = None
    why: str | None = None


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
    """One edition of the documentation, seen from one of its operations.

    ``parameters``, ``relations``, ``clauses``, ``silences`` and ``errors`` are those of the
    operation in view, StartMPUTask unless another was asked for by :meth:`operation`, with what
    holds for every operation.

    Attributes:
        action: the operation in view.
        layouts: known layouts: id → number of panes.
        tables: the error tables that are no operation's own: the gateway's, the service's.
        shared_clauses, shared_silences: those that hold for every operation.
    """

    edition: str
    title: str
    sources: tuple[Source, ...]
    levels: tuple[Level, ...]
    service: Service
    signatures: Mapping[str, SignatureScheme]
    common_parameters: tuple[CommonParameter, ...]
    layouts: Mapping[int, int]
    reserved_layouts_up_to: int
    tables: tuple[ErrorRow, ...]
    operations: Mapping[str, Operation]
    shared_clauses: tuple[Clause, ...]
    shared_silences: tuple[Silence, ...]
    action: str

    @cached_property
    def _views(self) -> dict[str, Contract]:
        return {self.action: self}

    def operation(self, name: str) -> Contract:
        """Return this edition seen from the operation of that name.

        Raises:
            ContractError: for an unknown one.
        """
        if name not in self.operations:
            raise ContractError(unknown("operation", name, self.operations))
        if name not in self._views:
            view = replace(self, action=name)
            view.__dict__["_views"] = self._views
            self._views[name] = view
        return self._views[name]

    @property
    def in_view(self) -> Operation:
        """The operation in view."""
        return self.operations[self.action]

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The operation's parameters, in the page's order."""
        return self.in_view.parameters

    @cached_property
    def relations(self) -> tuple[Relation, ...]:
        """What the operation's parameters must be to each other."""
        return self.in_view.relations

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """The clauses that hold for the operation."""
        return (*self.shared_clauses, *self.in_view.clauses)

    @cached_property
    def silences(self) -> tuple[Silence, ...]:
        """What the sources leave open about the operation."""
        return (*self.shared_silences, *self.in_view.silences)

    @cached_property
    def errors(self) -> tuple[ErrorRow, ...]:
        """Every documented error row: the operation's own, the shared ones, other operations'."""
        others = (each for name, each in self.operations.items() if name != self.action)
        sisters = (replace(row, occurs="sister-operation") for op in others for row in op.errors)
        return (*self.in_view.errors, *self.tables, *sisters)

    @cached_property
    def all_clauses(self) -> tuple[Clause, ...]:
        """The clauses of every operation, the shared ones first."""
        return (
            *self.shared_clauses,
            *(clause for each in self.operations.values() for clause in each.clauses),
        )

    def __repr__(self) -> str:
        # All that it holds is 96 kB: no failing test's report is the better for it.
        return f"<Contract {self.edition} {self.action}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print it as short in Hypothesis's and IPython's printers, which print every field."""
        printer.text(repr(self))

    @cached_property
    def _clauses(self) -> dict[str, Clause]:
        return {clause.id: clause for clause in self.all_clauses}

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
        """Every documented Code with its rows, the operation's own table first."""
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

    def has(self, name: str) -> bool:
        """Whether the operation has a parameter of that full name."""
        return name in self._parameters

    def with_layouts(self, layouts: Mapping[int, int]) -> Contract:
        """Return this contract with user-defined layouts (id above 10000 → number of panes)."""
        for layout_id, panes in layouts.items():
            for name, value in (("layout_id", layout_id), ("panes", panes)):
                if type(value) is not int:  # True is an int, and no number of panes
                    raise TypeError(f"{name}: expected an int, got {value!r}")
            if layout_id <= self.reserved_layouts_up_to:
                raise ValueError(
                    f"a user-defined layout's id must be above {self.reserved_layouts_up_to}, "
                    f"got {layout_id}"
                )
            if panes < 1:
                raise ValueError(f"layout {layout_id}: expected at least 1 pane, got {panes}")
        return replace(self, layouts=MappingProxyType({**self.layouts, **layouts}))

    def without_layout(self, layout_id: int) -> Contract:
        """Return this contract without a layout."""
        left = {each: panes for each, panes in self.layouts.items() if each != layout_id}
        return replace(self, layouts=MappingProxyType(left))


def named(parameters: Iterable[Parameter], prefix: str = "") -> Iterator[tuple[str, Parameter]]:
    """Yield every parameter and every field of a struct with its full name."""
    for parameter in parameters:
        yield prefix + parameter.name, parameter
        yield from named(parameter.fields, f"{prefix}{parameter.name}.")


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return the message about a name that is none, with the near ones."""
    return f"unknown {what} {name!r}{near(name, known)}"
