"""What a request may hold, by edition and operation: the pages' tables, read once more.

`judge` says which Codes may refuse a request's pairs, or None where it has to be accepted. What the
pages leave open is a problem of its own kind, `open`: to accept and to refuse are both right, and
the independent endpoint accepts. A few rules need the time or what was asked before: they are the
endpoint's, in edition_endpoint.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

from .endpoint import PANE_FIELDS, Incoming, IndependentEndpoint, Pair, Pairs, Refusal

Edition = Literal["2019-05", "2021-03"]
# A value is right, wrong, or of a form that the pages are silent on.
Verdict = Literal["good", "bad", "open"]
Test = Callable[[str], Verdict]
# The layouts that a user made: how many panes each has, None where that is not known.
OwnLayouts = Mapping[int, int | None]

NO_LAYOUTS: OwnLayouts = {}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that a request does wrong, or that no page rules on (`open`)."""

    where: str
    reason: str
    # the Code that this endpoint answers, then others that are as right
    codes: tuple[str, ...]
    open: bool = False


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What may answer a request."""

    problems: tuple[Problem, ...]

    @property
    def refusals(self) -> frozenset[str]:
        """Return the Codes of what has to be refused: whichever is looked at first may answer."""
        return frozenset(code for one in self.problems if not one.open for code in one.codes)

    @property
    def silences(self) -> tuple[Problem, ...]:
        """Return what the pages are silent on."""
        return tuple(one for one in self.problems if one.open)

    def allows(self, code: str | None) -> bool:
        """Say whether an answer is right: a Code, or None for a success."""
        if code is None:
            return not self.refusals
        return any(code in one.codes for one in self.problems)


# -- values --------------------------------------------------------------------------------------

COLOURS = range(0x1000000)  # "R + G × 256 + B × 65536", each 0~255


def text(value: str) -> Verdict:
    """Accept every text."""
    return "good"


def choice(*values: str) -> Test:
    """Accept the listed values, letter for letter."""
    return lambda value: "good" if value in values else "bad"


def matching(pattern: str) -> Test:
    """Accept what fits a pattern as a whole."""
    return lambda value: "good" if re.fullmatch(pattern, value) else "bad"


def integer(allowed: Collection[int] | None = None, *, silent: Collection[int] = ()) -> Test:
    """Accept whole numbers, only the allowed ones where a page names them."""

    def test(value: str) -> Verdict:
        """Judge one value."""
        if not re.fullmatch(r"-?(0|[1-9][0-9]*)", value) or value == "-0":
            # a plus, leading zeros, spaces around, other scripts' digits: nothing is said of them
            return "open" if re.fullmatch(r"\s*[-+]?\d+\s*", value) else "bad"
        if len(value) > 19:
            return "open" if allowed is None else "bad"
        number = int(value)
        if number in silent:
            return "open"
        if allowed is None:
            return "good" if 0 <= number < 2**31 else "open"
        return "good" if number in allowed else "bad"

    return test


def long(*, low: int | None = None) -> Test:
    """Accept whole numbers of 64 bits, from a printed limit on."""

    def test(value: str) -> Verdict:
        """Judge one value."""
        verdict = integer()(value)
        if not re.fullmatch(r"-?[1-9][0-9]{0,18}|0", value):
            return verdict
        if low is not None and int(value) < low:
            return "bad"
        return "good" if 0 <= int(value) < 2**63 else "open"

    return test


def fraction(*, printed: bool, above_zero: bool = False) -> Test:
    """Accept 0.0 to 1.0; what lies outside is wrong only where a page prints that range."""

    def test(value: str) -> Verdict:
        """Judge one value."""
        if not re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", value):
            try:
                Decimal(value)  # an exponent, NaN, a bare point, …
            except InvalidOperation:
                return "bad"
            return "open"
        number = Decimal(value)
        if value.startswith("-") and not number:
            return "open"
        if 0 <= number <= 1 and (number or not above_zero):
            return "good"
        return "bad" if printed else "open"

    return test


def stream_url(value: str) -> Verdict:
    """Accept an absolute rtmp:// URL with a host and a path."""
    host = r"(?:[^/?#@]*@)?(?:[^/?#@:\[\]]+|\[[^/?#\]]+\])(?::\d*)?"
    if not re.match(rf"(?i:rtmps?)://{host}/", value):
        return "bad"
    # rtmps, a scheme in capitals and a path of one slash are nowhere spoken of
    return "good" if re.match(rf"rtmp://{host}/[^?#]", value) else "open"


def web_url(value: str) -> Verdict:
    """Accept an http or https address with a host: "图片的HTTP或HTTPS地址"."""
    return "good" if re.match(r"(?i:https?)://[^/?#\s]+", value) else "bad"


# -- parameters ----------------------------------------------------------------------------------

# How a list's numbers have to run:
# strict  "N需要从1开始并从小到大，不能中断，要连续", N 1~16
# range   "N的取值：1~16", and no word on gaps
# silent  no word on numbers at all
Numbers = Literal["strict", "range", "silent"]

MAX_ITEMS = 16


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A row of a page's table: a value, a list of values, or a list of structs."""

    name: str
    required: bool = False
    test: Test | None = None
    fields: tuple[Parameter, ...] = ()
    numbers: Numbers | None = None
    # whether a page prints how many items there may be, where the numbers are not printed
    limited: bool = False


def value(name: str, test: Test = text, *, required: bool = False) -> Parameter:
    """Make a single value."""
    return Parameter(name=name, test=test, required=required)


def values(
    name: str, test: Test = text, *, numbers: Numbers = "strict", required: bool = False
) -> Parameter:
    """Make a list of values."""
    return Parameter(name=name, test=test, numbers=numbers, required=required)


def structs(
    name: str,
    *fields: Parameter,
    numbers: Numbers = "silent",
    required: bool = False,
    limited: bool = False,
) -> Parameter:
    """Make a list of structs."""
    return Parameter(name=name, fields=fields, numbers=numbers, required=required, limited=limited)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """An operation: its parameters in the page's order."""

    name: str
    parameters: tuple[Parameter, ...]


SOURCES = choice("camera", "shareScreen")
APP, TASK = value("AppId", required=True), value("TaskId", required=True)
PLACE = (value("X", fraction(printed=False)), value("Y", fraction(printed=False)))
SIZE = (value("Width", fraction(printed=False)), value("Height", fraction(printed=False)))
LAYER = value("ZOrder", integer())
FONT = (
    value("FontType", integer(range(6))),
    value("FontSize", integer(range(1, 73))),  # "(0, 72]"
    value("FontColor", integer(COLOURS)),
)
COLOUR = value("BackgroundColor", integer(COLOURS))
CROP = value("CropMode", integer((1, 2)))


def pictures(name: str, displays: Collection[int], *more: Parameter) -> Parameter:
    """Make a list of pictures; Backup (2) is a pane's alone."""
    shown = value("Display", integer(displays))
    return structs(name, value("Url", web_url), *more, shown, *PLACE, *SIZE, LAYER)


def user_panes(*more: Parameter) -> Parameter:
    """Make UserPanes as 2021-03 has them."""
    return structs(
        "UserPanes",
        value("PaneId", integer(range(16))),
        value("UserId"),
        value("SourceType", SOURCES),
        *more,
        pictures("Images", range(3)),
        structs("Texts", value("Text"), *PLACE, *FONT, LAYER),
        numbers="range",
    )


DECORATIONS = (
    pictures("Backgrounds", range(2)),
    # "0.0表示透明，1.0表示完全不透明": a scale, and no word on what lies outside it
    pictures("Watermarks", range(2), value("Alpha", fraction(printed=False))),
    structs("ClockWidgets", *PLACE, *FONT, LAYER),
)

# id → width, height
ENCODES: Mapping[int, tuple[int, int]] = {
    0: (0, 0),
    1: (640, 360),
    54: (360, 640),
    53: (360, 640),
    52: (640, 360),
    10: (960, 540),
    20: (1280, 720),
    22: (720, 1280),
    23: (800, 600),
    30: (1920, 1080),
    31: (1080, 1920),
    24: (750, 780),
    25: (750, 540),
    26: (720, 1280),
    27: (1280, 720),
    28: (1280, 720),
    32: (1024, 768),
    33: (1280, 960),
    34: (1024, 768),
    35: (1280, 960),
    36: (1280, 720),
    37: (1280, 720),
    38: (540, 960),
    39: (540, 960),
    40: (1280, 720),
    41: (720, 1280),
    42: (720, 1280),
    43: (540, 960),
}
PROFILES = (
    *(f"{n}IN_{lines}P" for n in (1, 2, 4, 9, 12, 16) for lines in (1080, 720, 360)),
    "Mixed_Audio",
)
DEFAULT_PROFILE = "16IN_1080P"

# layout → panes; there is no 12. Which numbers are layouts is layout_problems' to say.
NUMBER = integer(range(-(10**19), 10**19))
LAYOUTS_OF: Mapping[Edition, Mapping[int, int]] = {
    "2019-05": {1: 1, 2: 2, 3: 2, 4: 2, 5: 3, 6: 4, 7: 5, 8: 6, 9: 7, 10: 8, 11: 9},
    "2021-03": {1: 1, 2: 2, 3: 2, 4: 2, 5: 3, 6: 4, 7: 5, 8: 6, 9: 7, 10: 8, 11: 9, 13: 2},
}

LAYOUT_PANES = (
    value("PaneId", integer(range(16), silent=range(16, 2**31))),  # "从0开始", and no end
    value("MajorPane", integer((0, 1))),
    value("X", fraction(printed=True)),
    value("Y", fraction(printed=True)),
    value("Width", fraction(printed=True, above_zero=True)),
    value("Height", fraction(printed=True, above_zero=True)),
    LAYER,
)
MIX_COUNT = integer(range(7))

START_2021 = Operation(
    name="StartMPUTask",
    parameters=(
        APP,
        value("ChannelId", required=True),
        value("StreamURL", stream_url, required=True),
        value("TaskId", matching(r"[A-Za-z0-9_-]{1,55}"), required=True),
        value("TaskProfile", choice(*PROFILES)),
        value("TaskMode", integer((0, 1))),
        value("MixMode", integer((0, 1))),
        CROP,
        value("MediaEncode", integer(ENCODES)),
        value("SourceType", SOURCES),
        value("StreamType", integer(range(3))),
        COLOUR,
        values("SubSpecUsers"),
        values("SubSpecAudioUsers"),
        values("LayoutIds", NUMBER),
        user_panes(value("SegmentType", integer((0, 1)))),
        *DECORATIONS,
        value("PayloadType", integer((0, 1))),
        value("ReportVad", integer((0, 1))),
        value("RtpExtInfo", integer((0, 1))),
        value("TimeStampRef", long()),
        value("VadInterval", long()),
    ),
)


def by_name(*operations: Operation) -> Mapping[str, Operation]:
    """Name an edition's operations."""
    return {operation.name: operation for operation in operations}


OPERATIONS: Mapping[Edition, Mapping[str, Operation]] = {
    "2019-05": by_name(
        # what this page says of its parameters is endpoint.py's
        Operation(name="StartMPUTask", parameters=()),
        Operation(name="StopMPUTask", parameters=(APP, TASK)),
        # ChannelId is in the table and left out by every published client
        Operation(name="GetMPUTaskStatus", parameters=(APP, value("ChannelId"), TASK)),
    ),
    "2021-03": by_name(
        START_2021,
        Operation(name="StopMPUTask", parameters=(APP, TASK)),
        Operation(name="GetMPUTaskStatus", parameters=(APP, TASK)),
        Operation(
            name="UpdateMPULayout",
            parameters=(
                APP,
                values("LayoutIds", NUMBER, numbers="silent", required=True),
                TASK,
                CROP,
                COLOUR,
                user_panes(),
                *DECORATIONS,
            ),
        ),
        # These two have no page: what the published client of 5.3.5 marks as required is.
        Operation(
            name="CreateMPULayout",
            parameters=(
                APP,
                value("Name"),
                value("AudioMixCount", MIX_COUNT, required=True),
                structs("Panes", *LAYOUT_PANES, required=True, limited=True),
            ),
        ),
        Operation(
            name="DeleteMPULayout", parameters=(APP, value("LayoutId", long(), required=True))
        ),
        Operation(
            name="ModifyMPULayout",
            parameters=(
                APP,
                value("LayoutId", long(), required=True),
                value("Name"),
                value("AudioMixCount", MIX_COUNT),
                structs("Panes", *LAYOUT_PANES, limited=True),
            ),
        ),
        Operation(name="DescribeMPULayoutList", parameters=(APP,)),
        Operation(
            name="DescribeMPULayoutInfoList",
            parameters=(
                APP,
                value("LayoutId", long()),
                value("Name"),
                value("PageNum", long(low=1)),
                value("PageSize", long(low=1)),
            ),
        ),
    ),
}

# -- Codes ---------------------------------------------------------------------------------------

# The rows of 2019-05, by what they are about: "参数LayoutId错误", …
ROW_OF: Mapping[str, str] = {
    "LayoutIds": "InvalidLayoutID.Malformed",
    "LayoutId": "InvalidLayoutID.Malformed",
    "MediaEncode": "InvalidMediaEncode.Malformed",
    "BackgroundColor": "InvalidBackgroundColor.Malformed",
}
# The service's own table has rows beside the gateway's.
ABSENT_TOO = {"AppId": ("Request.NoAppID",), "ChannelId": ("Request.NoChannelID",)}


def invalid_codes(where: str) -> tuple[str, ...]:
    """Return the Codes of a wrong value: how a field of a list is named there, no page says."""
    top = where.partition(".")[0]
    if top in ROW_OF:
        # LayoutIds is what the row is about; LayoutId it only mentions
        return (ROW_OF[top], "InvalidLayoutId") if top == "LayoutId" else (ROW_OF[top],)
    spellings = (
        top,
        where,
        re.sub(r"\.\d+", "", where),
        re.sub(r"\.\d+", ".N", where),
        re.sub(r"\.\d+$", "", where).rpartition(".")[2],
    )
    return tuple(dict.fromkeys(f"Invalid{spelling}" for spelling in spellings))


def missing_codes(where: str) -> tuple[str, ...]:
    """Return the Codes of a missing parameter."""
    return (f"Missing{where}", *ABSENT_TOO.get(where, ()))


def wrong(where: str, reason: str, *, codes: Iterable[str] = ()) -> Problem:
    """Make the problem of a value that a page rules out."""
    return Problem(where=where, reason=reason, codes=tuple(codes) or invalid_codes(where))


def unsaid(where: str, reason: str, *, codes: Iterable[str] = ()) -> Problem:
    """Make the problem of a value that no page speaks of."""
    return Problem(
        where=where, reason=reason, codes=tuple(codes) or invalid_codes(where), open=True
    )


# -- judging -------------------------------------------------------------------------------------


def judge(
    action: str, edition: Edition, pairs: Pairs, *, layouts: OwnLayouts = NO_LAYOUTS
) -> set[str] | None:
    """Return the Codes that may refuse these pairs, None where they have to be accepted."""
    found = judgement(action, edition, pairs, layouts=layouts).refusals
    return set(found) or None


def judgement(
    action: str, edition: Edition, pairs: Pairs, *, layouts: OwnLayouts = NO_LAYOUTS
) -> Judgement:
    """Return everything that is wrong with these pairs, and what no page rules on."""
    operation = OPERATIONS[edition].get(action)
    if operation is None:
        problem = Problem(where="Action", reason="unknown", codes=("InvalidApi.NotFound",))
        return Judgement(problems=(problem,))
    if (action, edition) == ("StartMPUTask", "2019-05"):
        return Judgement(problems=tuple(old_start_problems(pairs, layouts)))
    found = [*required_problems(operation, pairs), *value_problems(operation.parameters, pairs)]
    if action in ("StartMPUTask", "UpdateMPULayout"):
        found += layout_problems(action, edition, pairs, layouts)
    if action == "StartMPUTask":
        found += profile_problems(pairs, {**LAYOUTS_OF[edition], **layouts})
        found += name_limits(pairs)
    if action in ("CreateMPULayout", "ModifyMPULayout"):
        found += major_problems(pairs)
    if (action, edition) == ("GetMPUTaskStatus", "2019-05") and not first(pairs, "ChannelId"):
        reason = "in the table of 2019-05, left out by every published client"
        found.append(unsaid("ChannelId", reason, codes=missing_codes("ChannelId")))
    return Judgement(problems=tuple(found))


def first(pairs: Pairs, name: str) -> str:
    """Return a parameter's first value, empty when it is absent."""
    return next((given for key, given in pairs if key == name), "")


def items(pairs: Pairs, name: str) -> dict[str, Pairs]:
    """Return a list's items by their number as text, each as pairs of what follows the number."""
    found: dict[str, Pairs] = {}
    for key, given in pairs:
        if key.startswith(f"{name}."):
            number, _, rest = key.removeprefix(f"{name}.").partition(".")
            found.setdefault(number, []).append((rest, given))
    return found


def numbered(pairs: Pairs, one: Parameter) -> list[tuple[str, Pairs]]:
    """Return a list's items in the order of their numbers, names that no page knows left out."""
    names = {inner.name for inner in one.fields} or {""}
    known = {
        number: [pair for pair in part if pair[0].partition(".")[0] in names]
        for number, part in items(pairs, one.name).items()
    }
    return sorted(
        ((number, part) for number, part in known.items() if part),
        key=lambda item: (not item[0].isdecimal(), len(item[0]), item[0]),
    )


def required_problems(operation: Operation, pairs: Pairs) -> Iterator[Problem]:
    """Find required parameters that are absent or empty, in the table's order."""
    for one in operation.parameters:
        if not one.required:
            continue
        if one.numbers is None:
            given = first(pairs, one.name) != ""
        else:
            given = any(text for _, part in numbered(pairs, one) for _, text in part)
        if not given:
            codes = missing_codes(one.name)
            if one.numbers is not None and numbered(pairs, one):
                codes += invalid_codes(one.name)
            yield Problem(where=one.name, reason="required", codes=codes)


def value_problems(
    parameters: Iterable[Parameter], pairs: Pairs, prefix: str = ""
) -> Iterator[Problem]:
    """Find wrong values in the table's order, lists' items by number."""
    for one in parameters:
        where = prefix + one.name
        if one.numbers is None:
            assert one.test is not None
            yield from single_problems(where, [v for n, v in pairs if n == one.name], one.test)
            continue
        found = numbered(pairs, one)
        yield from number_problems(where, [number for number, _ in found], one)
        for number, part in found:
            if one.fields:
                yield from value_problems(one.fields, part, f"{where}.{number}.")
            elif one.test is not None:
                given = [text for rest, text in part if not rest]
                yield from single_problems(f"{where}.{number}", given, one.test)


def single_problems(where: str, given: list[str], test: Test) -> Iterator[Problem]:
    """Judge the values that came under one name."""
    if len(given) > 1:
        yield unsaid(where, "given more than once")
        return
    for text in given:
        verdict = test(text) if text else "open"
        if verdict == "bad":
            yield wrong(where, f"not a value that the page allows: {text!r}")
        elif verdict == "open":
            yield unsaid(where, f"no page says whether this is a value: {text!r}")


def number_problems(where: str, given: list[str], one: Parameter) -> Iterator[Problem]:
    """Judge a list's numbers."""
    if not given:
        return
    plain = [int(number) for number in given if re.fullmatch(r"0|[1-9][0-9]{0,8}", number)]
    contiguous = len(plain) == len(given) and plain == list(range(1, len(plain) + 1))
    if one.limited and len(given) > MAX_ITEMS:
        yield wrong(where, f"more than {MAX_ITEMS} items")
    if one.numbers == "silent":
        if not contiguous or len(given) > MAX_ITEMS:
            yield unsaid(where, "no page says how these items are numbered, or how many there are")
    elif len(plain) < len(given):
        yield unsaid(where, "an item's number is not one, or has leading zeros")
    elif not all(1 <= number <= MAX_ITEMS for number in plain):
        yield wrong(where, f"an item's number is outside 1~{MAX_ITEMS}")
    elif not contiguous:
        make = wrong if one.numbers == "strict" else unsaid
        yield make(where, "the items' numbers have a gap")


def layout_numbers(pairs: Pairs) -> list[int]:
    """Return the layouts of LayoutIds that are numbers."""
    texts = [text for part in items(pairs, "LayoutIds").values() for rest, text in part if not rest]
    return [int(text) for text in texts if NUMBER(text) == "good"]


def layout_problems(
    action: str, edition: Edition, pairs: Pairs, layouts: OwnLayouts
) -> Iterator[Problem]:
    """Find layouts that nobody made, and layouts of equally many panes."""
    known: dict[int, int | None] = {**LAYOUTS_OF[edition], **layouts}
    numbers = layout_numbers(pairs)
    for number in numbers:
        if number not in known:
            yield wrong("LayoutIds", f"no layout is called {number}")
    counts = Counter(known[number] for number in numbers if known.get(number) is not None)
    twins = [count for count, times in counts.items() if times > 1]
    if twins or len(set(numbers)) < len(numbers):
        # "设置的布局窗格数不能相同" is StartMPUTask's note; UpdateMPULayout's page has none
        make = wrong if action == "StartMPUTask" else unsaid
        yield make("LayoutIds", "two layouts have equally many panes")


def profile_problems(pairs: Pairs, known: OwnLayouts) -> Iterator[Problem]:
    """Find an encode or a layout that is above TaskProfile."""
    profile = first(pairs, "TaskProfile") or DEFAULT_PROFILE
    encode = first(pairs, "MediaEncode")
    if profile not in PROFILES:
        return
    # mixing's parameters are not effective then, and no page says whether the rules hold for them
    make = unsaid if first(pairs, "MixMode") == "0" else wrong
    size = ENCODES[int(encode)] if integer(ENCODES)(encode) == "good" else None
    if profile == "Mixed_Audio":
        if size is not None and any(size):
            codes = ("InvalidMediaEncode.Malformed", "InvalidTaskProfile")
            yield unsaid("MediaEncode", "a picture with an audio profile", codes=codes)
        return
    inputs, lines = (int(number) for number in re.findall(r"\d+", profile))
    if size is not None and any(size):
        comparable = max(size) * 9 == min(size) * 16
        if not comparable or min(size) > lines:
            codes = ("InvalidMediaEncode.Malformed", "InvalidTaskProfile")
            compare = make if comparable else unsaid
            yield compare("MediaEncode", f"{size} against {profile}", codes=codes)
    panes = [known.get(number) or 0 for number in layout_numbers(pairs)]
    if panes and max(panes) > inputs:
        codes = ("InvalidLayoutID.Malformed", "InvalidTaskProfile")
        yield make("LayoutIds", f"{max(panes)} panes against {profile}", codes=codes)


def name_limits(pairs: Pairs) -> Iterator[Problem]:
    """Find names outside the limits of a page that came after this edition's."""
    users = [
        (f"{name}.{number}{part}", text)
        for name, part in (("UserPanes", ".UserId"), ("SubSpecUsers", ""))
        for number, inner in items(pairs, name).items()
        for rest, text in inner
        if rest == part.removeprefix(".")
    ]
    for where, text in (("ChannelId", first(pairs, "ChannelId")), *users):
        if text and not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
            yield unsaid(where, "a page of 2021-06 allows 64 of A-Za-z0-9_-")


def major_problems(pairs: Pairs) -> Iterator[Problem]:
    """Find a second major pane: "每个布局只能有一个主窗格"."""
    majors = [part for part in items(pairs, "Panes").values() if first(part, "MajorPane") == "1"]
    if len(majors) > 1:
        yield wrong("Panes", "two major panes", codes=invalid_codes("Panes.1.MajorPane"))


# -- StartMPUTask of 2019-05 ---------------------------------------------------------------------


class _Collector(IndependentEndpoint):
    """The older endpoint's checks of a task, each asked alone."""

    def refusals(self, pairs: Pairs) -> Iterator[tuple[str, Refusal]]:
        """Return every refusal with the parameter that it is about, missing ones first."""
        request = Incoming(
            method="GET", path="/", query=pairs, form=[], headers={}, body=b"", v3=False, common={}
        )
        absent = {n for n in self.rules.required if not self.is_given(request, n)}
        for name in self.rules.required:
            if name in absent:
                yield name, self.missing(name)
        names = (
            "TaskProfile",
            "MediaEncode",
            "BackgroundColor",
            "LayoutIds",
            "UserPanes",
            "StreamURL",
        )
        for name, check in zip(names, self.value_checks(), strict=True):
            if name in absent:
                continue
            try:
                check(request)
            except Refusal as refusal:
                yield name, refusal


def old_start_problems(pairs: Pairs, layouts: OwnLayouts) -> Iterator[Problem]:
    """Judge a task of 2019-05 by the older endpoint's checks, its silences told apart."""
    silent = list(old_start_silences(pairs))
    tops = {one.where.partition(".")[0] for one in silent}
    yield from silent
    for name, refusal in _Collector(layouts=tuple(layouts)).refusals(pairs):
        codes = (refusal.row.code, *ABSENT_TOO.get(name, ()))
        if name == "LayoutIds" and not any(v for n, v in pairs if n.startswith("LayoutIds.")):
            codes += missing_codes(name)  # items that are all empty
        if name not in tops or refusal.row.code.startswith("Missing"):
            yield Problem(where=name, reason="by the page of 2019-05", codes=codes)
        else:
            # which of the two the refusal is about cannot be told
            yield unsaid(name, "refused, beside something no page speaks of", codes=codes)


def old_start_silences(pairs: Pairs) -> Iterator[Problem]:
    """Find what S1 leaves open in a task of 2019-05."""
    for name, times in Counter(name for name, _ in pairs).items():
        top = name.partition(".")[0]
        if times > 1 and top in OLD_NAMES:
            yield unsaid(top, "given more than once")
    if first(pairs, "TaskId") and first(pairs, "TaskID"):
        yield unsaid("TaskId", "given in both spellings")
    numbers: list[Pair] = [
        pair
        for pair in pairs
        if pair[0] in ("MediaEncode", "BackgroundColor")
        or re.fullmatch(r"LayoutIds\.\d+|UserPanes\.\d+\.PaneId", pair[0])
    ]
    for name, text in numbers:
        if text and NUMBER(text) == "open":
            yield unsaid(name, f"no page says whether this is a number: {text!r}")
    for name in ("LayoutIds", "UserPanes"):
        if any(re.fullmatch(r"0\d+", number) for number in items(pairs, name)):
            yield unsaid(name, "an item's number has leading zeros")
    parts = items(pairs, "UserPanes").values()
    if any(not {name for name, _ in part} & set(PANE_FIELDS) for part in parts):
        yield unsaid("UserPanes", "an item of names that no page knows")
    panes = [first(part, "PaneId") for part in parts]
    if len(set(panes)) < len(panes):
        yield unsaid("UserPanes", "two items with one PaneId")
    url = first(pairs, "StreamURL")
    if url and stream_url(url) == "open":
        yield unsaid("StreamURL", "rtmps://, capitals or a bare slash")


OLD_NAMES = frozenset(
    (
        "AppId",
        "ChannelId",
        "TaskId",
        "TaskID",
        "TaskProfile",
        "MediaEncode",
        "BackgroundColor",
        "LayoutIds",
        "UserPanes",
        "StreamURL",
    )
)
