"""The contract's data: complete, cited, letter for letter, and stated nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from editions import edition_text

import pytest_rtcmpu
from pytest_rtcmpu import contract as contract_module
from pytest_rtcmpu import errors
from pytest_rtcmpu.client import Client
from pytest_rtcmpu.contract import Contract, ContractError, ErrorRow, editions, load, parse
from pytest_rtcmpu.contract.derived import RULES
from pytest_rtcmpu.contract.types import (
    CLIENT_RULES,
    ENDPOINT_RULES,
    RULES_OF_KIND,
    WHOLE_RULES,
    named,
)
from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.errors import InvalidTask
from pytest_rtcmpu.model import StartMPUTask
from pytest_rtcmpu.rules import judge

CONTRACT = load()
PACKAGE = Path(pytest_rtcmpu.__file__).parent
TEXT = edition_text()
LEVELS = {
    "documented": "failure",
    "companion": "failure",
    "gateway": "failure",
    "reading": "report",
}
#: What a clause's source may cite: one of the sources, or this contract's own decision.
CITATION = re.compile(
    r"(S[1-6]( ([0-9]{6}|StopMPUTask|GetMPUTaskStatus))?|[0-9]{6})(, |$)|contract$"
)

INTERNAL = "The request processing has failed due to some unknown error, exception or failure."
OWN_ROWS = [
    ("0x0702000C", "InternalError", 500, INTERNAL),
    ("0x07100001", "TaskExisted", 200, "Task is already existed."),
    ("0x0701000C", "InvalidLayoutID.Malformed", 400, "The specified layoutID is malformed."),
    ("0x0701000D", "InvalidMediaEncode.Malformed", 400, "The specifed MediaEncode is malformed."),
    (
        "0x0701000E",
        "InvalidBackgroundColor.Malformed",
        400,
        "The specifed BackgroundColoris malformed.",
    ),
    ("0x0702000D", "InternalError", 500, INTERNAL),
    ("0x0702000E", "InternalError", 500, INTERNAL),
]
GATEWAY_ROWS = [
    ("InvalidParameter.Format", 400, "Specified parameter format is not valid."),
    (
        "InvalidApi.NotFound",
        404,
        "Specified api is not found, please check your url and method.",
    ),
    ("UnsupportedHTTPMethod", 400, "This http method is not supported."),
    ("InvalidAccessKeyId.NotFound", 404, "Specified access key is not found."),
    ("InvalidAccessKeyId.Inactive", 400, "Specified access key is disabled."),
    (
        "InvalidSecurityToken.MismatchWithAccessKey",
        400,
        "Specified SecurityToken mismatch with the AccessKey.",
    ),
    ("InvalidSignatureMethod", 400, "Specified signature method is not valid."),
    (
        "SignatureDoesNotMatch",
        400,
        "Specified signature is not matched with our calculation.",
    ),
    ("SignatureNonceUsed", 400, "Specified signature nonce was used already."),
    (
        "InvalidTimeStamp.Format",
        400,
        "Specified time stamp or date value is not well formatted.",
    ),
    ("InvalidTimeStamp.Expired", 400, "Specified time stamp or date value is expired."),
    ("Throttling.User", 400, "Request was denied due to user flow control."),
    ("Throttling.Api", 400, "Request was denied due to api flow control."),
    (
        "ServiceUnavailable",
        503,
        "The request has failed due to a temporary failure of the server.",
    ),
]
MANDATORY = {
    *("Version", "Action", "AccessKeyId", "Signature", "SignatureMethod", "Timestamp"),
    *(
        "SignatureVersion",
        "SignatureNonce",
        "SecurityToken",
        "AppId",
        "ChannelId",
        "TaskId",
        "TaskProfile",
    ),
    *("MediaEncode", "BackgroundColor", "LayoutIds", "StreamURL"),
    "TaskID",  # S1's table writes it so
    "ContentSha256",  # the common parameter that only V3 has
}
INVALID = {"TaskProfile", "StreamURL", "UserPanes", "Version", "SignatureVersion"}

# S2 111173, typed from the page: first the start of the ids, then the rows of that start.
SERVICE_TABLE = """
0x020701 400
01 Request.NoTimestamp        02 Request.NoSignature      03 Request.NoRequestID
04 Request.NoBizID            05 Request.NoAliUid         06 Request.NoAppID
07 Request.NoDescription      08 Request.NoAppType        09 Request.NoServiceAreas
0A Request.NoBillType         0B Request.NoChannelID      0C Request.NoUserGroups
0D Request.NoUserID           0E Request.NoSessionID      0F Request.NoNonce
10 Request.NoTerminalIDs      11 Request.MismatchBizID    12 Request.InvalidAppID
13 Request.InvalidAppKey      14 Request.InvalidAppCallback
15 Request.InvalidChannelID   16 Request.InvalidChannelKey
17 Request.InvalidNonce       18 Request.InvalidTimestamp
19 Request.IllegalTerminal    1A Request.ChannelQueryExpire
1B Request.ExistApp           1C Request.ExistAppCallback 1D Request.ExistChannel
0x020704 401
01 Request.IllegalTimestamp   02 Request.IllegalSignature 03 Request.IllegallAuth
04 Request.IllegalBizID       05 Request.IllegalAliUID    06 Request.IllegalBroadcast
07 Request.IllegalUserGroups
0x020708 404
01 Service.NoSignaling        02 Service.NoApp            03 Service.NoAppCallback
04 Service.NoChannel
0x020702 500
01 Service.BuildSignature     02 Service.ParseHTTPBody    03 Service.AppRDSOperate
04 Service.AppCallbackRDSOperate                          05 Service.ChannelRDSOperate
06 Service.GenerateChannelKey 07 Service.GenerateChannelToken
08 Service.SignalingSendMessage
0x020710 200
01 Service.Inactive           02 Channel.NoExist          03 Service.NoExist
04 App.Stop                   05 App.ChargeOverDue        06 Channel.Exceeds
07 Request.ChannelQueryExpire 08 Request.ExistApp         09 Request.ExistAppCallback
0A Request.ExistChannel
"""


def service_rows() -> list[tuple[str, int, str]]:
    """Return the rows of the table above: id, HTTP status, Code."""
    rows: list[tuple[str, int, str]] = []
    for line in SERVICE_TABLE.split("\n"):
        words = line.split()
        if words and words[0].startswith("0x"):
            start, status = words[0], int(words[1])
        else:
            rows += [
                (start + end, status, code)
                for end, code in zip(words[::2], words[1::2], strict=True)
            ]
    return rows


def of(table: str) -> list[ErrorRow]:
    """Return the rows of one error table."""
    return [row for row in CONTRACT.errors if row.table == table]


def codes_of(pattern: str) -> set[str]:
    """Return the Codes that an entry of a clause's ``codes`` names."""
    table, colon, star = pattern.partition(":")
    if colon:
        assert star == "*", pattern
        return {row.code for row in of(table)}
    if pattern.endswith("*"):
        start = pattern.removesuffix("*")
        return {row.code for row in CONTRACT.errors if row.code.startswith(start)}
    return {row.code for row in CONTRACT.errors if row.code == pattern}


# ------------------------------------------------------------------------------------- lint


def test_the_levels_are_the_four_documented_ones() -> None:
    """There are four levels, and only a breach of a reading is a report by default."""
    assert {level.id: level.breach for level in CONTRACT.levels} == LEVELS


def test_the_sources_are_the_six_documented_ones() -> None:
    """There are six sources."""
    assert [source.id for source in CONTRACT.sources] == ["S1", "S2", "S3", "S4", "S5", "S6"]
    assert all(source.title for source in CONTRACT.sources)


@pytest.mark.parametrize("clause", CONTRACT.clauses, ids=lambda clause: clause.id)
def test_a_clause_is_complete(clause: contract_module.Clause) -> None:
    """A clause has a readable id, a source, a known level, subjects, and Codes that exist."""
    assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", clause.id)
    assert re.fullmatch(f"(?:{CITATION.pattern})+", clause.source), clause.source
    assert clause.level in LEVELS
    assert clause.breach in ("failure", "report")
    assert set(clause.subjects) <= {"client", "endpoint"}
    assert clause.subjects
    assert clause.text.endswith(".")
    for pattern in clause.codes:
        assert codes_of(pattern), f"no error row has the Code {pattern}"
    if clause.code_clause is not None:
        CONTRACT.clause(clause.code_clause)
    if clause.rule not in (None, *CLIENT_RULES, *WHOLE_RULES):
        assert clause.codes, "a rule that the endpoint enforces needs a Code to answer with"
        assert "*" not in clause.codes[0]


@pytest.mark.parametrize(
    "clause", [c for c in CONTRACT.clauses if c.level == "documented"], ids=lambda c: c.id
)
def test_a_documented_clause_quotes_its_sentence(clause) -> None:
    """What no sentence of the reference says is no documented rule."""
    assert clause.quote
    assert clause.source.split(",")[0] == "S1"


@pytest.mark.parametrize(
    "clause", [c for c in CONTRACT.clauses if c.level == "reading"], ids=lambda clause: clause.id
)
def test_a_reading_says_why(clause: contract_module.Clause) -> None:
    """Where a decision was taken, the clause gives the reason."""
    assert clause.why


@pytest.mark.parametrize(
    "clause",
    [c for c in CONTRACT.clauses if c.breach != LEVELS[c.level]],
    ids=lambda clause: clause.id,
)
def test_a_clause_that_decides_on_its_breach_itself_says_why(
    clause: contract_module.Clause,
) -> None:
    """A clause whose breach is not its level's gives the reason."""
    assert clause.why


def constants_of_calls(path: Path, name: str) -> list[tuple[object, ...]]:
    """Return the constants in each argument but keywords of every call by that name."""
    return [
        tuple(
            constant.value
            for argument in node.args
            for constant in ast.walk(argument)
            if isinstance(constant, ast.Constant)
        )
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name
    ]


def test_the_rules_of_each_kind_are_those_that_the_code_judges() -> None:
    """The contract's table names what ``rules`` asks the contract for, and no more."""
    calls = [
        call
        for path in (PACKAGE / "rules").glob("*.py")
        for call in constants_of_calls(path, "problem")
    ]
    judged = {call[0] for call in calls} | {call[1] for call in calls if call[0] == "case"}
    elsewhere = {"required", "exclusive", *CLIENT_RULES}  # absent, held by a task, a client's
    assert judged | elsewhere == set(RULES)
    assert set().union(*RULES_OF_KIND.values()) < judged


def test_the_endpoints_rules_are_those_that_it_refuses_by() -> None:
    """The contract's table of the endpoint's own rules is what the endpoint refuses by."""
    calls = constants_of_calls(PACKAGE / "endpoint" / "handling.py", "_refuse")
    assert {call for call in calls if len(call) == 2} == ENDPOINT_RULES


def test_every_error_row_is_reachable_or_marked() -> None:
    """A row is either named by an endpoint's clause, or marked as one no request brings about."""
    named_by_clauses = {
        code
        for clause in CONTRACT.clauses
        if "endpoint" in clause.subjects
        for pattern in clause.codes
        for code in ([pattern] if "*" not in pattern else [])
    }
    unreachable = [
        row.code
        for row in CONTRACT.errors
        if row.occurs == "request" and row.code not in named_by_clauses
    ]
    assert unreachable == []


def test_a_marked_row_is_not_what_the_endpoint_answers_with() -> None:
    """No rule's first Code is of a row that is marked as on demand or as a sister operation's."""
    for clause in CONTRACT.clauses:
        if clause.rule is not None and clause.rule not in (*CLIENT_RULES, *WHOLE_RULES):
            assert CONTRACT.error(clause.codes[0]).occurs == "request", clause.id


def test_every_error_row_is_named_by_a_clause_about_clients() -> None:
    """Every Code, sister operations' apart, is one that a client is judged on."""
    judged = {
        code
        for clause in CONTRACT.clauses
        if "client" in clause.subjects
        for pattern in clause.codes
        for code in codes_of(pattern)
    }
    ours = {row.code for row in CONTRACT.errors if row.occurs != "sister-operation"}
    assert ours - judged == set()


def test_every_entry_cites_a_source_and_a_level() -> None:
    """Parameters, common parameters, signatures, error rows, service: each cites its source."""
    entries = [
        CONTRACT.service,
        *CONTRACT.signatures.values(),
        *CONTRACT.common_parameters,
        *(parameter for _, parameter in named(CONTRACT.parameters)),
        *CONTRACT.errors,
    ]
    for entry in entries:
        assert re.fullmatch(f"(?:{CITATION.pattern})+", entry.source), entry
        assert entry.level in LEVELS, entry
    for silence in CONTRACT.silences:
        assert re.fullmatch(f"(?:{CITATION.pattern})+", silence.source), silence


def test_every_silence_in_the_code_is_in_the_data_and_the_other_way_round() -> None:
    """The silences that the code speaks of are those the data has."""
    used = {
        node.value
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"silence\.[a-z-]+", node.value)
    }
    there = {silence.id for silence in CONTRACT.shared_silences}
    operations = [each for name in editions() for each in load(name).operations.values()]
    for operation in operations:
        there |= {silence.id for silence in operation.silences}
        used |= {each.id for each in operation.relations if each.verdict == "note"}
        for _, p in named(operation.parameters):
            used |= {*filter(None, [p.tolerated]), *p.silent_schemes.values()}
    assert used == there


# ------------------------------------------------------------------------------- the values


def test_the_service() -> None:
    """Host, path, schemes, methods, formats and the window are the documented ones."""
    service = CONTRACT.service
    assert (service.host, service.path, service.action) == (
        "rtc.aliyuncs.com",
        "/",
        "StartMPUTask",
    )
    assert set(service.schemes) == {"http", "https"}
    assert service.schemes[0] == "https"
    assert set(service.methods) == {"GET", "POST"}
    assert set(service.formats) == {"JSON", "XML"}
    assert service.timestamp_window_seconds == 15 * 60
    assert service.string_to_sign_suffix == " server string to sign is:"


def test_the_common_parameters() -> None:
    """The envelope's parameters, which are required, and which have one value."""
    assert {p.name: (p.required, p.value) for p in CONTRACT.common_parameters} == {
        "Format": (False, None),
        "Version": (True, "2018-01-11"),
        "Action": (True, "StartMPUTask"),
        "AccessKeyId": (True, None),
        "Signature": (True, None),
        "SignatureMethod": (True, "HMAC-SHA1"),
        "Timestamp": (True, None),
        "SignatureVersion": (True, "1.0"),
        "SignatureNonce": (True, None),
        "SecurityToken": (False, None),
    }


def test_the_signatures() -> None:
    """The two ways to sign: method, default format, headers."""
    assert {s.name: (s.method, s.default_format) for s in CONTRACT.signatures.values()} == {
        "1.0": ("HMAC-SHA1", "XML"),
        "v3": ("ACS3-HMAC-SHA256", "JSON"),
    }
    assert set(CONTRACT.signatures["v3"].headers.values()) == {
        *("x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce"),
        *("x-acs-content-sha256", "x-acs-security-token"),
    }


def test_the_parameters() -> None:
    """The operation's parameters: order, kind, whether required, range, index of the first."""
    assert [
        (name, p.kind, p.required, p.minimum, p.maximum, p.bases)
        for name, p in named(CONTRACT.parameters)
    ] == [
        ("AppId", "string", True, None, None, ()),
        ("ChannelId", "string", True, None, None, ()),
        ("TaskId", "string", True, None, None, ()),
        ("TaskProfile", "string", True, None, None, ()),
        ("MediaEncode", "integer", True, None, None, ()),
        ("BackgroundColor", "integer", True, 0, 16777215, ()),
        ("LayoutIds", "integer", True, None, None, (1,)),
        ("UserPanes", "struct", False, None, None, (0, 1)),
        ("UserPanes.PaneId", "integer", True, 0, 15, ()),
        ("UserPanes.UserId", "string", True, None, None, ()),
        ("UserPanes.SourceType", "string", True, None, None, ()),
        ("StreamURL", "url", True, None, None, ()),
    ]
    assert CONTRACT.parameter("BackgroundColor").default == 0
    assert CONTRACT.parameter("TaskId").aliases == ("TaskID",)
    assert CONTRACT.parameter("StreamURL").schemes == ("rtmp",)
    assert CONTRACT.parameter("UserPanes").items.maximum is None  # S1 prints none


def test_aliases_are_printed_on_their_page() -> None:
    """TaskID is on StartMPUTask's page of 2019-05 alone: no other page has a second spelling."""
    assert {
        (edition, name, parameter.path, parameter.aliases)
        for edition in editions()
        for name, operation in load(edition).operations.items()
        for parameter in operation.parameters
        if parameter.aliases
    } == {("2019-05", "StartMPUTask", "TaskId", ("TaskID",))}


def test_task_profiles() -> None:
    """The eight profiles, in S1's order."""
    assert [row.value for row in CONTRACT.parameter("TaskProfile").values] == [
        *("4IN_720P", "2IN_720P", "1IN_720P", "4IN_360P", "2IN_360P", "1IN_360P"),
        *("Mixed_Audio", "1IN_Audio"),
    ]


def test_media_encodes() -> None:
    """The five encodes with resolution, kbit/s and fps."""
    columns = ("resolution", "bitrate", "frame_rate")
    assert [
        (row.value, *map(row.attributes.get, columns))
        for row in CONTRACT.parameter("MediaEncode").values
    ] == [
        (0, None, None, None),
        (1, "360p", 500, 15),
        (10, "540p", 700, 24),
        (20, "720p", 1000, 25),
        (30, "1080p", 2000, 30),
    ]


def test_source_types() -> None:
    """The two source types."""
    values = CONTRACT.parameter("UserPanes.SourceType").values
    assert [row.value for row in values] == ["camera", "shareScreen"]


def test_layouts() -> None:
    """The eleven built-in layouts with their pane counts, and what is reserved."""
    assert dict(CONTRACT.layouts) == {
        1: 1,
        2: 2,
        3: 2,
        4: 2,
        5: 3,
        6: 4,
        7: 5,
        8: 6,
        9: 7,
        10: 8,
        11: 9,
    }
    assert CONTRACT.reserved_layouts_up_to == 10000


def test_the_operations_own_errors_letter_for_letter() -> None:
    """The seven rows of S1, with its misspellings."""
    rows = [(r.id, r.code, r.http_status, r.message) for r in of("StartMPUTask")]
    assert rows == OWN_ROWS
    assert [r.code for r in of("StartMPUTask") if r.occurs == "request"] == [
        code for _, code, _, _ in OWN_ROWS if code != "InternalError"
    ]


def test_the_gateways_errors_letter_for_letter() -> None:
    """The gateway's rows; Missing… and Invalid… stand for the parameters they apply to."""
    rows = of("gateway")
    plain = [(r.code, r.http_status, r.message) for r in rows if "{" not in r.family]
    assert plain == GATEWAY_ROWS
    patterned = {(r.family, r.code, r.http_status, r.message) for r in rows if "{" in r.family}
    assert patterned == {
        ("Missing{Parameter}", f"Missing{p}", 400, f"{p} is mandatory for this action.")
        for p in MANDATORY
    } | {
        ("Invalid{Parameter}", f"Invalid{p}", 400, f"Specified parameter {p} is not valid.")
        for p in INVALID
    }
    assert {r.code for r in rows if r.occurs == "on-demand"} == {
        *("Throttling.User", "Throttling.Api", "ServiceUnavailable")
    }


def test_the_sister_operations_errors() -> None:
    """StopMPUTask and GetMPUTaskStatus have two rows each."""
    rows = [
        (r.table, r.id, r.code, r.http_status, r.message)
        for r in CONTRACT.errors
        if r.occurs == "sister-operation"
    ]
    assert rows == [
        ("GetMPUTaskStatus", "0x0702000C", "InternalError", 500, INTERNAL),
        (
            "GetMPUTaskStatus",
            "0x07080002",
            "InvalidTask.NotFound",
            404,
            "the specified task is not existed.",
        ),
        ("StopMPUTask", "0x0702000C", "InternalError", 500, INTERNAL),
        ("StopMPUTask", "0x07020010", "InternalError", 500, INTERNAL),
    ]


def test_the_service_table() -> None:
    """The service table has these 58 rows, ten of them with HTTP status 200."""
    rows = [(r.id, r.http_status, r.code) for r in of("service")]
    assert rows == service_rows()
    assert len(rows) == 58
    assert sum(status == 200 for _, status, _ in rows) == 10
    assert all(r.meaning and r.message == r.meaning for r in of("service"))


# --------------------------------------------------------------------------------- look-ups


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: load("2018-01"), "unknown edition '2018-01'; did you mean 2021-03, 2019-05?"),
        (lambda: CONTRACT.clause("media-encode.enumm"), "did you mean media-encode.enum"),
        (lambda: CONTRACT.error("TaskExists"), "did you mean TaskExisted"),
        (lambda: CONTRACT.error("TaskExisted", 400), "unknown error code 'TaskExisted'"),
        (lambda: CONTRACT.parameter("TaskID"), "did you mean TaskId"),
        (lambda: CONTRACT.parameter("UserPanes.X"), "unknown parameter 'UserPanes.X'"),
        (lambda: CONTRACT.parameter("UserPanes.PaneID"), "did you mean UserPanes.PaneId"),
        (lambda: CONTRACT.rule("AppId", "range"), "no clause has parameter 'AppId'"),
        (lambda: CONTRACT.rule("MediaEncode", "enumm"), "and rule 'enumm'; did you mean enum?"),
        (lambda: CONTRACT.rule("BackgroundColour", "range"), "did you mean BackgroundColor"),
        (lambda: CONTRACT.silence("silence.rtmp"), "unknown silence 'silence.rtmp'; did you mean"),
        (lambda: load("nope"), "unknown edition 'nope'; the package holds 2019-05"),
    ],
)
def test_an_unknown_name_is_an_error_that_helps(ask: object, message: str) -> None:
    """Asking for what the contract does not hold names what was probably meant."""
    with pytest.raises(ContractError, match=re.escape(message)):
        ask()  # type: ignore[operator]


def test_one_code_with_two_rows_is_told_apart_by_http_status() -> None:
    """Request.ExistApp has a row with HTTP 400 and one with HTTP 200."""
    assert CONTRACT.error("Request.ExistApp", 400).id == "0x0207011B"
    assert CONTRACT.error("Request.ExistApp", 200).id == "0x02071008"


@pytest.mark.parametrize(
    ("layouts", "message"),
    [
        ({10000: 3}, "must be above 10000, got 10000"),
        ({3: 3}, "must be above 10000, got 3"),
        ({10001: 0}, "layout 10001: expected at least 1 pane, got 0"),
    ],
    ids=["reserved", "built-in", "no-panes"],
)
def test_a_reserved_layout_cannot_be_registered(layouts: dict[int, int], message: str) -> None:
    """A user-defined layout has an id above 10000 and at least one pane."""
    with pytest.raises(ValueError, match=re.escape(message)):
        CONTRACT.with_layouts(layouts)


def test_registering_a_layout_leaves_the_contract_alone() -> None:
    """``with_layouts`` returns another contract."""
    more = CONTRACT.with_layouts({10001: 3})
    assert more.layouts[10001] == 3
    assert 10001 not in CONTRACT.layouts
    with pytest.raises(TypeError):
        CONTRACT.layouts[10001] = 3  # type: ignore[index]


# -------------------------------------------------------------------------- another edition

FURTHER_CLAUSES = """
[[operations.StartMPUTask.clauses]]
id = "volume.required"
subjects = ["endpoint"]
level = "documented"
source = "S1"
text = "Volume is sent."
parameter = "Volume"
rule = "required"
codes = ["MissingVolume"]

[[operations.StartMPUTask.clauses]]
id = "volume.integer"
subjects = ["endpoint"]
level = "documented"
source = "S1"
text = "Volume is an Integer."
parameter = "Volume"
rule = "integer"
codes = ["InvalidVolume.Malformed"]

[[operations.StartMPUTask.clauses]]
id = "volume.range"
subjects = ["endpoint"]
level = "documented"
source = "S1"
text = "Volume is 5 to 77."
parameter = "Volume"
rule = "range"
codes = ["InvalidVolume.Malformed"]
"""
VOLUME_ROW = (
    '  { id = "0x07010099", http_status = 400, code = "InvalidVolume.Malformed", '
    'message = "The specified volume is malformed.", meaning = "Volume is wrong." },\n'
)
#: What another edition changes: where in the file, and what stands there then.
CHANGES = [
    ('edition = "2019-05"', 'edition = "2031-12"'),
    (
        '  { value = 10, name = "P540"',
        '  { value = 40, name = "P2160", resolution = "2160p", bitrate = 9, frame_rate = 60 },\n'
        '  { value = 10, name = "P540"',
    ),
    (
        '  { value = "Mixed_Audio",',
        '  { value = "9IN_1080P", media = "video" },\n  { value = "Mixed_Audio",',
    ),
    ('{ value = "shareScreen" }', '{ value = "shareScreen" }, { value = "file" }'),
    ("  { id = 11, panes = 9 },", "  { id = 11, panes = 9 },\n  { id = 12, panes = 16 },"),
    ("reserved_up_to = 10000", "reserved_up_to = 500"),
    ("minimum = 0\nmaximum = 15", "minimum = 0\nmaximum = 24"),
    ('value = "2018-01-11"', 'value = "2031-12-01"'),
    ('  { id = "0x0702000D"', VOLUME_ROW + '  { id = "0x0702000D"'),
    (
        '[[operations.StartMPUTask.parameters]]\nname = "StreamURL"',
        '[[operations.StartMPUTask.parameters]]\nname = "Volume"\nkind = "integer"\n'
        'required = true\nminimum = 5\nmaximum = 77\nsource = "S1"\n'
        'level = "documented"\ntext = "How loud."\n\n'
        '[[operations.StartMPUTask.parameters]]\nname = "StreamURL"',
    ),
]


def another_edition() -> str:
    """Return the text of an edition with wider values and one more parameter."""
    text = TEXT
    for before, after in CHANGES:
        assert before in text, before
        text = text.replace(before, after, 1)
    return text + FURTHER_CLAUSES


@pytest.fixture(scope="module")
def later() -> Contract:
    """Another edition, read from its text."""
    return parse(another_edition(), shared="")


LATER_PAIRS = {
    "AppId": "a",
    "ChannelId": "c",
    "TaskId": "t",
    "TaskProfile": "9IN_1080P",
    "MediaEncode": "40",
    "BackgroundColor": "0",
    "LayoutIds.1": "12",
    "UserPanes.0.PaneId": "24",
    "UserPanes.0.UserId": "u",
    "UserPanes.0.SourceType": "file",
    "Volume": "77",
    "StreamURL": "rtmp://h/p",
}


def call(later: Contract, pairs: dict[str, str]) -> tuple[str | None, Endpoint]:
    """Return the Code that the later edition's endpoint answers with, and the endpoint."""
    endpoint = Endpoint(contract=later)
    client = Client(endpoint.credentials, contract=later)
    endpoint.handle(client.prepare("StartMPUTask", list(pairs.items())))
    return endpoint.calls[0].code, endpoint


def test_another_edition_is_enforced_as_data(later: Contract) -> None:
    """What only the other edition allows is accepted by it, and refused by the default one."""
    code, endpoint = call(later, LATER_PAIRS)
    assert code is None
    assert endpoint.calls[0].problems == ()
    default = {problem.path for problem in judge(list(LATER_PAIRS.items()), CONTRACT).problems}
    assert default == {
        *("TaskProfile", "MediaEncode", "LayoutIds.1"),
        *("UserPanes.0.PaneId", "UserPanes.0.SourceType"),
    }


@pytest.mark.parametrize(
    ("change", "code", "clause"),
    [
        ({"MediaEncode": "41"}, "InvalidMediaEncode.Malformed", "media-encode.enum"),
        ({"TaskProfile": "8IN_1080P"}, "InvalidTaskProfile", "task-profile.enum"),
        ({"LayoutIds.1": "13"}, "InvalidLayoutID.Malformed", "layout-ids.known"),
        ({"UserPanes.0.PaneId": "25"}, "InvalidUserPanes", "user-panes.pane-id.range"),
        ({"Volume": "4"}, "InvalidVolume.Malformed", "volume.range"),
        ({"Volume": "78"}, "InvalidVolume.Malformed", "volume.range"),
        ({"Volume": "loud"}, "InvalidVolume.Malformed", "volume.integer"),
        ({"Volume": ""}, "MissingVolume", "volume.required"),
    ],
    ids=lambda value: next(iter(value.items())) if isinstance(value, dict) else None,
)
def test_another_editions_limits_hold(
    later: Contract, change: dict[str, str], code: str, clause: str
) -> None:
    """What the other edition refuses is refused with its Code and its clause."""
    answered, endpoint = call(later, LATER_PAIRS | change)
    assert answered == code
    assert endpoint.calls[0].clause is later.clause(clause)
    assert endpoint.tasks == []


def test_another_editions_tasks_are_values_too(later: Contract) -> None:
    """A task of another edition is recorded, made from its pairs, and put back on the wire."""
    _, endpoint = call(later, LATER_PAIRS)
    task = StartMPUTask.from_wire(list(LATER_PAIRS.items()), contract=later)
    assert endpoint.tasks == [task]
    assert endpoint.calls[0].task == task
    assert task.task_profile == "9IN_1080P"
    assert task.media_encode == 40
    assert task.user_panes[0].source_type == "file"
    assert task.volume == 77
    assert task.further == (("volume", 77),)
    assert dict(task.to_wire()) == LATER_PAIRS


def test_what_only_another_edition_has_is_given_by_name(later: Contract) -> None:
    """A task of another edition is made from values; what it must have and lacks is named."""
    given = {
        "app_id": "a",
        "channel_id": "c",
        "task_id": "t",
        "task_profile": "9IN_1080P",
        "media_encode": 40,
        "layout_ids": [12],
        "stream_url": "rtmp://h/p",
    }
    task = StartMPUTask(**given, volume=5, contract=later)
    assert ("Volume", "5") in task.to_wire()
    with pytest.raises(InvalidTask, match=r"Volume: expected a value, got nothing"):
        StartMPUTask(**given, contract=later)
    with pytest.raises(TypeError, match=r"of 2019-05 has no parameter 'volume'"):
        StartMPUTask(**given, volume=5)


def test_another_editions_codes_have_classes_and_meanings(
    later: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Code that only another edition of the package lists is documented all the same."""
    monkeypatch.setattr(errors, "_contracts", lambda: (CONTRACT, later))
    # Uncached: whoever has imported a class must go on meeting that one.
    monkeypatch.setattr(errors, "_own_classes", errors._own_classes.__wrapped__)
    error = errors.api_error(code="InvalidVolume.Malformed", message="m", http_status=400)
    assert type(error).__name__ == "InvalidVolumeMalformed"
    assert isinstance(error, errors.StartMPUTaskError)
    assert error.error_ids == ("0x07010099",)
    assert error.meaning == "Volume is wrong."


def test_another_editions_layouts_may_be_registered_from_its_own_limit(later: Contract) -> None:
    """Which layout ids are reserved is the edition's."""
    assert later.with_layouts({501: 2}).layouts[501] == 2


def test_the_editions_in_the_package() -> None:
    """The package holds two editions, of which 2019-05 is the default."""
    assert contract_module.editions() == ("2019-05", "2021-03")
    assert load() is load("2019-05")
    assert CONTRACT.edition == "2019-05"


# ------------------------------------------------------------- stated once, in the data file

#: Values that stand in the package's code for a reason: (file, value) → the reason.
ALLOWED: dict[tuple[str, str | int], str] = {
    ("signatures/sign.py", "ACS3-HMAC-SHA256"): "the algorithm itself; signing stands on nothing",
    ("signatures/verify.py", "ACS3-HMAC-SHA256"): "the algorithm again, apart from the signer's",
    ("signatures/autopsy/plan.py", "ACS3-HMAC-SHA256"): "what a wrong signature deviates from",
    ("signatures/autopsy/headers.py", "ACS3-HMAC-SHA256"): "what a wrong signature deviates from",
    ("signatures/autopsy/keys.py", "ACS3-HMAC-SHA256"): "what a wrong signature deviates from",
    ("signatures/autopsy/keys.py", "HMAC-SHA1"): "advice to a reader",
    ("signatures/autopsy/report.py", "HMAC-SHA1"): "advice to a reader",
    ("strategies/defects.py", "720p"): "a text that is no integer",
    ("strategies/defects.py", 1080): "a number for a profile's name that no edition lists",
    ("cli/__init__.py", "TaskExisted"): "an example in a help text",
    ("endpoint/record.py", 10_000): "how many calls are kept",
    ("endpoint/handling.py", 20): "how many earlier calls an autopsy looks at",
}
#: Values that are names of things too: the operation, and the kind of signature.
NAMES = (None, "StartMPUTask", "1.0")
#: Where any number could be a documented one; elsewhere those below count bytes and columns.
CORE = {"rules", "model", "wire", "errors", "client", "endpoint"}
COMMON_NUMBERS = {12, 15, 16, 20, 24, 25, 30, 500, 700, 1000}


def documented_strings() -> set[str]:
    """Return the texts that only the data file may hold."""
    found = {value for row in CONTRACT.errors for value in (row.code, row.message, row.id or "")}
    found |= {
        text
        for _, parameter in named(CONTRACT.parameters)
        for row in parameter.values
        for text in map(str, (row.value, *row.attributes.values()))
        if not text.isdigit()
    }
    service = CONTRACT.service
    found |= {service.host, service.string_to_sign_suffix}
    found |= {service.timestamp_format, service.timestamp_pattern, *service.request_id_patterns}
    found |= {p.value for p in CONTRACT.common_parameters if p.value not in NAMES}
    found |= {scheme.method for scheme in CONTRACT.signatures.values()}
    return {text for text in found if text}


def documented_numbers() -> set[int]:
    """Return the numbers that only the data file may hold; those below 12 mean too much else."""
    found = {CONTRACT.service.timestamp_window_seconds, CONTRACT.reserved_layouts_up_to, 900 // 60}
    for _, parameter in named(CONTRACT.parameters):
        found |= {n for n in (parameter.minimum, parameter.maximum) if n is not None}
        for row in parameter.values:
            texts = map(str, (row.value, *row.attributes.values()))
            found |= {int(text) for text in texts if text.isdigit()}
    return {number for number in found if number > 11}


def literals(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield the constants of a module, docstrings (and other bare strings) left out."""
    bare = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in bare:
            yield node


def stated(path: Path, base: Path = PACKAGE) -> Iterator[tuple[str, str | int, int]]:
    """Yield what a module states of the documentation: file, value, line."""
    file = path.relative_to(base).as_posix()
    room = file.partition("/")[0].removesuffix(".py")
    texts, numbers = documented_strings(), documented_numbers()
    for node in literals(ast.parse(path.read_text("utf-8"))):
        if isinstance(node.value, str):
            for text in texts:
                if re.search(rf"(?<![A-Za-z0-9]){re.escape(text)}(?![A-Za-z0-9])", node.value):
                    yield file, text, node.lineno
        elif (
            type(node.value) is int
            and node.value in numbers
            and (room in CORE or node.value not in COMMON_NUMBERS)
        ):
            yield file, node.value, node.lineno


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_documented_value_stands_elsewhere_in_the_package(path: Path) -> None:
    """Enumerations, Codes, messages, ranges, version and host are in the data file alone."""
    codes = {row.code for row in CONTRACT.errors}
    # A check may name the error row that it is about; it reads the row's values from the data.
    keys = codes if "checks" in path.relative_to(PACKAGE).parts else set()
    found = [e for e in stated(path) if e[:2] not in ALLOWED and e[1] not in keys]
    assert found == []


def test_every_value_allowed_elsewhere_still_stands_there() -> None:
    """An exemption that is no longer needed fails."""
    found = {entry[:2] for path in MODULES for entry in stated(path)}
    assert set(ALLOWED) - found == set()


@pytest.mark.parametrize(
    "code",
    [
        "x = 'TaskExisted'",
        "x = f'{y}: 4IN_720P'",
        "raise ValueError('The specifed MediaEncode is malformed.')",
        "x = 16_777_215",
        "x = 900",
        "def f(host='rtc.aliyuncs.com'): ...",
        "VERSION = '2018-01-11'",
    ],
)
def test_a_documented_value_elsewhere_would_be_found(code: str, tmp_path: Path) -> None:
    """The search above finds values in literals, f-strings and defaults."""
    (tmp_path / "rules.py").write_text(f'"""TaskExisted in a docstring is fine."""\n{code}\n')
    (module,) = tmp_path.glob("*.py")
    assert len(list(stated(module, tmp_path))) == 1
