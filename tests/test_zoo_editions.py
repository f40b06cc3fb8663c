"""The zoo of edition 2021-03: clients and endpoints of StartMPUTask, UpdateMPULayout and the
management of layouts, each with one bug, and each that is odd and legal. They are changes of the
independent pair.

An animal is judged by the operation that it is about: what a faulty one breaks is exactly what its
row names, and each of these clauses quotes a page, or says why it is a reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from independent.client import IndependentClient, Pairs
from independent.edition_endpoint import EditionEndpoint
from independent.endpoint import Incoming, serve
from test_zoo_operations import AnyClient

from pytest_rtcmpu import contract
from pytest_rtcmpu.checks.client.scenarios import Scenario as ClientScenario
from pytest_rtcmpu.checks.core import Phase
from pytest_rtcmpu.checks.endpoint.scenarios import Scenario as EndpointScenario
from pytest_rtcmpu.checks.run import ClientBench, EndpointBench, Settings, run_bench
from pytest_rtcmpu.checks.testees.protocol import CallableTestee
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS

EDITION = "2021-03"
CONTRACT = contract.load(EDITION)
START, UPDATE = "StartMPUTask", "UpdateMPULayout"
CREATE, MODIFY, DELETE = "CreateMPULayout", "ModifyMPULayout", "DeleteMPULayout"
LIST, DESCRIBE = "DescribeMPULayoutList", "DescribeMPULayoutInfoList"

Steps = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Animal:
    """A change of the honest one; ``breaks`` is what it breaks, empty where it is legal."""

    name: str
    operation: str
    steps: Steps
    breaks: frozenset[str] = frozenset()
    options: Mapping[str, Any] | None = None

    def of(self, base: type) -> Any:
        """Make it."""
        return type(self.name, (base,), dict(self.steps))(edition=EDITION, **(self.options or {}))


def _rows(*rows: tuple[str, str, str, Steps]) -> tuple[Animal, ...]:
    return tuple(
        Animal(name=name, operation=operation, breaks=frozenset(breaks.split()), steps=steps)
        for name, operation, breaks, steps in rows
    )


def _names(row: Animal) -> str:
    return f"{row.operation}-{row.name}"


def _judged(operation: str) -> tuple[str, ...]:
    """The operation's own clauses: all but those of the envelope, and of the Codes of a page."""
    skipped = ("request.", "reply.", "signature.", "nonce.", "error.", "order.", "format.")
    own = CONTRACT.operation(operation).clauses
    return tuple(c.id for c in own if not c.id.startswith(skipped) and c.level != "gateway")


#: Two operations have hundreds of rules, and their cases take their time.
LARGE = (START, UPDATE)
#: What a legal animal is judged on where not everything is: what is about no parameter, too.
SOME = frozenset({"", "TaskId", "StreamURL", "BackgroundColor", "LayoutIds", "UserPanes"})


def _near(row: Animal, clauses: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the clauses that are about the parameters that a row is about."""
    view = CONTRACT.operation(row.operation)

    def tops(ids: Iterable[str]) -> dict[str, str]:
        return {each: (view.clause(each).parameter or "").partition(".")[0] for each in ids}

    about = set(tops(row.breaks).values()) or SOME
    return tuple(each for each, top in tops(clauses).items() if top in about)


def _each(rows: Iterable[Animal]) -> Any:
    """A test of each row; of the large operations on what is near, and once more on everything."""
    near = [pytest.param(row, row.operation not in LARGE, id=_names(row)) for row in rows]
    whole = [
        pytest.param(row, True, id=f"{_names(row)}-whole", marks=pytest.mark.slow)
        for row in rows
        if row.operation in LARGE
    ]
    return pytest.mark.parametrize(("row", "whole"), [*near, *whole])


def _broken(run: Any) -> set[str]:
    return {result.clause for result in run.results if result.broken}


# ------------------------------------------------------------------------------------- clients


class Clients(ClientBench):
    """A client's bench that has the cases of one operation alone."""

    def _scenarios(self, phase: Phase) -> Iterator[ClientScenario]:
        [operation] = self.settings.operations
        return (s for s in super()._scenarios(phase) if s.operation == operation)


class Client(AnyClient):
    """A client of every operation of the edition."""

    operations = tuple(CONTRACT.operations)


def _pairs(change: Callable[[Pairs], Pairs]) -> Steps:
    base = IndependentClient.flatten
    return {"flatten": lambda self, params: change(base(self, params))}


def _named(pattern: str) -> Callable[[str], bool]:
    return lambda name: re.fullmatch(pattern, name) is not None


def _valued(pattern: str, change: Callable[[str], str]) -> Steps:
    """Values under names like the pattern are changed."""
    like = _named(pattern)
    return _pairs(lambda pairs: [(n, change(v) if like(n) else v) for n, v in pairs])


def _without(pattern: str, value: str = ".*") -> Steps:
    """Pairs with names and values like the patterns are left out."""
    like, of_value = _named(pattern), _named(value)
    return _pairs(lambda pairs: [(n, v) for n, v in pairs if not (like(n) and of_value(v))])


def _renamed(pattern: str, change: Callable[[re.Match[str]], str]) -> Steps:
    return _pairs(lambda pairs: [(re.sub(f"^{pattern}$", change, n), v) for n, v in pairs])


def _index(name: str, change: Callable[[int], int]) -> Steps:
    """A list's items are numbered otherwise."""
    return _renamed(rf"({name}\.)([0-9]+)(.*)", lambda m: f"{m[1]}{change(int(m[2]))}{m[3]}")


FRACTION = r"[A-Za-z0-9.]+\.(X|Y|Width|Height)"

# What is left of a list of texts that was lost: nothing, and no 0.
OF_TEXTS = ("complete", "x.zero", "y.zero", "font-type.zero", "font-color.zero", "z-order.zero")

FAULTY_CLIENTS = _rows(
    ("drops-task-mode-0", START, "task-mode.zero", _without("TaskMode", "0")),
    ("drops-mix-mode-0", START, "mix-mode.zero", _without("MixMode", "0")),
    ("drops-alpha-0", START, "watermarks.alpha.zero", _without(r"Watermarks\.1\.Alpha", "0(.0)?")),
    ("layouts-from-0", START, "layout-ids.start", _index("LayoutIds", lambda n: n - 1)),
    (
        "users-with-gaps",
        START,
        "sub-spec-users.no-gaps",
        _index("SubSpecUsers", lambda n: 2 * n - 1),
    ),
    (
        "one-audio-user",
        START,
        "sub-spec-audio-users.complete",
        _without(r"SubSpecAudioUsers\.([2-9]|1.)"),
    ),
    (
        "segment-a-flag",
        START,
        "user-panes.segment-type.integer user-panes.segment-type.zero",
        _valued(r"UserPanes\.[0-9]+\.SegmentType", lambda v: "true" if v == "1" else "false"),
    ),
    (
        "images-by-ftp",
        START,
        "user-panes.images.url.scheme",
        _valued(r".*\.Images\.[0-9]+\.Url", lambda v: re.sub("^https?", "ftp", v)),
    ),
    (
        "without-auth",
        START,
        "stream-url.unchanged",
        _valued("StreamURL", lambda v: v.partition("?")[0]),
    ),
    (
        "drops-texts",
        UPDATE,
        " ".join(f"update.user-panes.texts.{rule}" for rule in OF_TEXTS),
        _without(r"UserPanes\.[0-9]+\.Texts\..*"),
    ),
    (
        "percent",
        UPDATE,
        "update.watermarks.x.number update.watermarks.x.zero",
        _valued(r"Watermarks\.[0-9]+\.X", lambda v: f"{v}%"),
    ),
    (
        "comma",
        UPDATE,
        "update.clock-widgets.y.number update.clock-widgets.y.zero",
        _valued(
            r"ClockWidgets\.[0-9]+\.Y", lambda v: v.replace(".", ",") if "." in v else f"{v},0"
        ),
    ),
    (
        "color-in-hex",
        UPDATE,
        "update.background-color.integer update.background-color.zero",
        _valued("BackgroundColor", lambda v: f"#{int(v):06x}"),
    ),
    ("crop-mode-0", UPDATE, "update.crop-mode.enum", _valued("CropMode", lambda v: "0")),
    (
        "layouts-as-json",
        UPDATE,
        "update.layout-ids.required update.layout-ids.complete",
        _pairs(
            lambda pairs: [
                *((n, v) for n, v in pairs if not n.startswith("LayoutIds.")),
                ("LayoutIds", "[1]"),
            ]
        ),
    ),
    ("drops-task-id", UPDATE, "update.task-id.required", _without("TaskId")),
    (
        "font-by-name",
        UPDATE,
        "update.user-panes.texts.font-type.integer update.user-panes.texts.font-type.zero",
        _valued(r"UserPanes.*\.FontType", lambda v: "SERIF"),
    ),
    (
        "major-pane-a-flag",
        MODIFY,
        "modify-layout.panes.major-pane.integer modify-layout.panes.major-pane.zero",
        _valued(r"Panes\.[0-9]+\.MajorPane", lambda v: "true" if v == "1" else "false"),
    ),
    (
        "width-in-percent",
        MODIFY,
        "modify-layout.panes.width.range",
        _valued(r"Panes\.[0-9]+\.Width", lambda v: str(Decimal(v) * 100)),
    ),
    (
        "drops-layout-id",
        MODIFY,
        "modify-layout.layout-id.required modify-layout.layout-id.zero",
        _without("LayoutId"),
    ),
    (
        "layout-id-a-float",
        MODIFY,
        "modify-layout.layout-id.integer modify-layout.layout-id.zero",
        _valued("LayoutId", lambda v: f"{v}.0"),
    ),
    (
        "all-are-major",
        MODIFY,
        "modify-layout.panes.major-pane.zero modify-layout.panes.one-major-pane",
        _valued(r"Panes\.[0-9]+\.MajorPane", lambda v: "1"),
    ),
    (
        "first-pane-alone",
        MODIFY,
        # The pane that is lost has what is 0.
        "modify-layout.panes.complete modify-layout.panes.x.zero modify-layout.panes.y.zero",
        _without(r"Panes\.([2-9]|1.)\..*"),
    ),
    (
        "mix-count-7",
        CREATE,
        "create-layout.audio-mix-count.range create-layout.audio-mix-count.zero",
        _valued("AudioMixCount", lambda v: "7"),
    ),
    (
        "drops-geometry-0",
        CREATE,
        "create-layout.panes.x.zero",
        _without(r"Panes\.[0-9]+\.X", "0(.0)?"),
    ),
    (
        "layout-id-a-list",
        DELETE,
        "delete-layout.layout-id.required delete-layout.layout-id.zero",
        _renamed("LayoutId", lambda m: "LayoutId.1"),
    ),
    ("drops-app-id", LIST, "list-layouts.app-id.required", _without("AppId")),
    (
        "pages-from-0",
        DESCRIBE,
        "describe-layouts.page-num.range",
        _valued("PageNum", lambda v: "0"),
    ),
    (
        "size-with-unit",
        DESCRIBE,
        "describe-layouts.page-size.integer",
        _valued("PageSize", lambda v: f"{v} rows"),
    ),
)


def _run_client(row: Animal, whole: bool) -> set[str]:
    judged = _judged(row.operation)
    chosen = Settings(
        phases=("documented",),
        edition=EDITION,
        operations=(row.operation,),
        clauses=judged if whole else _near(row, judged),
    )
    bench = Clients(CallableTestee(row.of(Client), row.name), chosen)
    try:
        return _broken(run_bench(bench, chosen))
    finally:
        bench.close()


@_each(FAULTY_CLIENTS)
def test_a_faulty_client_is_caught(row: Animal, whole: bool) -> None:
    """Each faulty client breaks the clauses that its row names, and no other of its operation."""
    assert _run_client(row, whole) == row.breaks


# ----------------------------------------------------------------------------------- endpoints


class Endpoints(EndpointBench):
    """An endpoint's bench that has the cases of one operation alone."""

    def _scenarios(self, phase: Phase) -> Iterator[EndpointScenario]:
        [operation] = self.settings.operations
        wanted = set(self.settings.clauses)
        return (
            s
            for s in super()._scenarios(phase)
            if s.about & wanted and any(step.operation == operation for step in s.steps)
        )


class Endpoint(EditionEndpoint):
    """An endpoint of the edition; what its pages leave open it accepts."""

    takes: Callable[[Any], bool] = staticmethod(lambda problem: False)
    minds: Callable[[Incoming], bool] = staticmethod(lambda request: False)

    def decide(self, request: Incoming) -> Any:
        """Answer; what ``takes`` says is accepted, what ``minds`` says is refused."""
        reply, found = super().decide(request)
        wrong = [problem for problem in found.problems if not problem.open]
        if wrong and all(self.takes(problem) for problem in wrong):
            fields = {"RequestId": self.request_id()}
            return self.write(request, 200, fields), found
        if not wrong and self.minds(request):
            refusal = self.refuse("Invalid{}", "Parameter")
            return self.failure(request, refusal), found
        return reply, found


def _takes(where: str, reason: str = ".*") -> Steps:
    """What is wrong at places like the pattern is accepted."""

    def takes(problem: Any) -> bool:
        return bool(re.fullmatch(where, problem.where) and re.search(reason, problem.reason))

    return {"takes": staticmethod(takes)}


def _minds(name: str, value: str = ".*") -> Steps:
    """Values like the pattern are refused, though they are legal."""

    def minds(request: Incoming) -> bool:
        return any(re.fullmatch(name, n) and re.fullmatch(value, v) for n, v in request.pairs)

    return {"minds": staticmethod(minds)}


FAULTY_ENDPOINTS = _rows(
    ("any-profile", START, "task-profile.enum", _takes("TaskProfile")),
    ("no-single-stream", START, "request.accepted", _minds("MixMode", "0")),
    ("any-task-mode", START, "task-mode.enum task-mode.integer", _takes("TaskMode")),
    (
        "any-encode",
        START,
        "media-encode.enum media-encode.integer media-encode.within-profile",
        _takes("MediaEncode"),
    ),
    (
        "any-task-id",
        START,
        "task-id.alphabet task-id.length",
        _takes("TaskId", "^(?!.*(missing|required|absent))"),
    ),
    ("no-stream-url", START, "stream-url.required", _takes("StreamURL", "missing|required|absent")),
    ("any-crop-mode", UPDATE, "update.crop-mode.enum update.crop-mode.integer", _takes("CropMode")),
    (
        "no-layouts",
        UPDATE,
        "update.layout-ids.required",
        _takes("LayoutIds", "missing|required|absent"),
    ),
    ("no-task-id", UPDATE, "update.task-id.required", _takes("TaskId")),
    ("no-app-id", UPDATE, "update.app-id.required", _takes("AppId")),
    (
        "any-color",
        UPDATE,
        "update.background-color.integer update.background-color.range",
        _takes("BackgroundColor"),
    ),
    ("two-major-panes", MODIFY, "modify-layout.panes.one-major-pane", _takes("Panes", "major")),
    (
        "any-width",
        MODIFY,
        "modify-layout.panes.width.number modify-layout.panes.width.range",
        _takes(r"Panes\.[0-9]+\.Width"),
    ),
    (
        "any-mix-count",
        MODIFY,
        "modify-layout.audio-mix-count.integer modify-layout.audio-mix-count.range",
        _takes("AudioMixCount"),
    ),
    (
        "no-layout-id",
        MODIFY,
        "modify-layout.layout-id.required",
        _takes("LayoutId", "missing|required|absent"),
    ),
    ("no-app-id", LIST, "list-layouts.app-id.required", _takes("AppId")),
    (
        "page-0",
        DESCRIBE,
        "describe-layouts.page-num.range describe-layouts.page-num.integer",
        _takes("PageNum"),
    ),
    (
        "any-size",
        DESCRIBE,
        "describe-layouts.page-size.range describe-layouts.page-size.integer",
        _takes("PageSize"),
    ),
    ("no-app-id", DESCRIBE, "describe-layouts.app-id.required", _takes("AppId")),
)


def _failing(operation: str) -> tuple[str, ...]:
    """The operation's own clauses whose breach fails a run, and that it takes what is legal."""
    own = CONTRACT.operation(operation)
    judged = set(_judged(operation))
    return tuple(
        c.id
        for c in own.clauses
        if c.breach == "failure" and (c.id in judged or c.id.endswith(".accepted"))
    )


def _run_endpoint(row: Animal, whole: bool, *clauses: str) -> set[str]:
    failing = _failing(row.operation)
    chosen = Settings(
        phases=("documented",),
        edition=EDITION,
        operations=(row.operation,),
        clauses=clauses or (failing if whole else _near(row, failing)),
    )
    with serve(row.of(Endpoint)) as url:
        bench = Endpoints(url, TEST_CREDENTIALS, chosen)
        try:
            return _broken(run_bench(bench, chosen))
        finally:
            bench.close()


@_each(FAULTY_ENDPOINTS)
def test_a_faulty_endpoint_is_caught(row: Animal, whole: bool) -> None:
    """Each faulty endpoint breaks the clauses that its row names, and no other."""
    assert _run_endpoint(row, whole) == row.breaks


# --------------------------------------------------------------------------------------- legal


def _ways() -> Iterator[Animal]:
    """Odd and legal ways to say the same, for every operation that the edition added to."""
    for operation in (START, UPDATE, MODIFY):
        for name, steps, options in (
            ("backwards", _pairs(lambda pairs: pairs[::-1]), {}),
            ("long-fractions", _valued(f".*({FRACTION})", _longer), {}),
            ("v3-form", {}, {"signature": "v3", "method": "POST", "form": True}),
            ("post", {}, {"method": "POST"}),
            ("xml", {}, {"reply_format": "XML"}),
            ("owner", _pairs(lambda pairs: [*pairs, ("OwnerId", "1")]), {}),
        ):
            yield Animal(name=name, operation=operation, steps=steps, options=options)


def _longer(text: str) -> str:
    """A fraction with a zero more: the same number."""
    return f"{text}0" if "." in text else f"{text}.0"


LEGAL_CLIENTS = tuple(_ways())


@_each(LEGAL_CLIENTS)
def test_a_legal_client_is_not_accused(row: Animal, whole: bool) -> None:
    """What is odd and legal breaks nothing."""
    assert _run_client(row, whole) == set()


def _more(self: Any, request: Incoming, status: int, fields: Mapping[str, Any]) -> Any:
    return EditionEndpoint.write(self, request, status, {**fields, "Data": {"List": ["x"]}})


LEGAL_ENDPOINTS = tuple(
    Animal(name=name, operation=operation, steps=steps, options=options)
    for operation in (START, UPDATE, MODIFY, DESCRIBE)
    for name, steps, options in (
        ("further-fields", {"write": _more}, {}),
        ("wrapped-lists", {}, {"wrapped_lists": True}),
        ("own-layouts", {}, {"layouts": {20001: 3, 20002: None}}),
        ("text-json", {"json_type": lambda self: "text/json"}, {}),
    )
)


@_each(LEGAL_ENDPOINTS)
def test_a_legal_endpoint_is_not_accused(row: Animal, whole: bool) -> None:
    """What is odd and legal breaks nothing, though it accepts whatever the pages leave open."""
    assert _run_endpoint(row, whole) == set()


def test_an_endpoint_that_refuses_nothing_of_a_reading_is_not_said_to_change_anything() -> None:
    """What a refusal changes is judged after a refusal alone, not after a success."""
    row = Animal(name="open", operation=START, steps={})
    assert _run_endpoint(row, False, "request.refused.changes-nothing") == set()


@pytest.mark.parametrize("row", [*FAULTY_CLIENTS, *FAULTY_ENDPOINTS], ids=_names)
def test_what_a_row_names_has_a_source(row: Animal) -> None:
    """Each clause that an animal breaks quotes its page, or says why it is a reading."""
    view = CONTRACT.operation(row.operation)
    for clause in map(view.clause, row.breaks):
        assert clause.source
        assert clause.quote or (clause.level == "reading" and clause.why)


@pytest.mark.parametrize("rows", [FAULTY_CLIENTS, LEGAL_CLIENTS, FAULTY_ENDPOINTS, LEGAL_ENDPOINTS])
def test_there_are_fifteen_of_each(rows: tuple[Animal, ...]) -> None:
    """Each side has at least fifteen animals of each sort, of names of their own."""
    assert len({_names(row) for row in rows}) == len(rows) >= 15
