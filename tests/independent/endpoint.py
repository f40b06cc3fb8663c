"""An independent StartMPUTask endpoint: its only source is the documentation, not the package."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import socket
import socketserver
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote_to_bytes
from xml.sax.saxutils import escape

Pair = tuple[str, str]
Pairs = list[Pair]
Reply = tuple[int, Pairs, bytes]

V3_ALGORITHM = "ACS3-HMAC-SHA256"
V3_HEADERS = {
    "Action": "x-acs-action",
    "Version": "x-acs-version",
    "Timestamp": "x-acs-date",
    "SignatureNonce": "x-acs-signature-nonce",
}
PANE_FIELDS = ("PaneId", "UserId", "SourceType")


@dataclass(frozen=True)
class Row:
    """One error: its Code, its HTTP status, its Message; `{}` stands for a parameter."""

    code: str
    status: int
    message: str


ROWS: Mapping[str, Row] = {
    row.code: row
    for row in (
        # S1's own rows; the misspellings are the source's.
        Row(
            "InternalError",
            500,
            "The request processing has failed due to some unknown error, exception or failure.",
        ),
        Row("TaskExisted", 200, "Task is already existed."),
        Row("InvalidLayoutID.Malformed", 400, "The specified layoutID is malformed."),
        Row("InvalidMediaEncode.Malformed", 400, "The specifed MediaEncode is malformed."),
        Row("InvalidBackgroundColor.Malformed", 400, "The specifed BackgroundColoris malformed."),
        # The gateway's rows.
        Row("Missing{}", 400, "{} is mandatory for this action."),
        Row("Invalid{}", 400, "Specified parameter {} is not valid."),
        Row("InvalidParameter.Format", 400, "Specified parameter format is not valid."),
        Row(
            "InvalidApi.NotFound",
            404,
            "Specified api is not found, please check your url and method.",
        ),
        Row("UnsupportedHTTPMethod", 400, "This http method is not supported."),
        Row("InvalidAccessKeyId.NotFound", 404, "Specified access key is not found."),
        Row("InvalidAccessKeyId.Inactive", 400, "Specified access key is disabled."),
        Row("InvalidSignatureMethod", 400, "Specified signature method is not valid."),
        Row(
            "SignatureDoesNotMatch",
            400,
            "Specified signature is not matched with our calculation.",
        ),
        Row("SignatureNonceUsed", 400, "Specified signature nonce was used already."),
        Row(
            "InvalidTimeStamp.Format",
            400,
            "Specified time stamp or date value is not well formatted.",
        ),
        Row("InvalidTimeStamp.Expired", 400, "Specified time stamp or date value is expired."),
        Row("Throttling.User", 400, "Request was denied due to user flow control."),
        Row("Throttling.Api", 400, "Request was denied due to api flow control."),
        Row(
            "ServiceUnavailable",
            503,
            "The request has failed due to a temporary failure of the server.",
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the endpoint holds a request to; a faulty endpoint holds it to something else."""

    rows: Mapping[str, Row] = field(default_factory=lambda: ROWS)
    methods: Collection[str] = ("GET", "POST")
    formats: Collection[str] = ("JSON", "XML")
    default_format: str = "XML"
    default_format_v3: str = "JSON"
    version: str = "2018-01-11"
    common: tuple[str, ...] = (
        "Version",
        "AccessKeyId",
        "Signature",
        "SignatureMethod",
        "Timestamp",
        "SignatureVersion",
        "SignatureNonce",
    )
    past: float = 900
    future: float = 900
    required: tuple[str, ...] = (
        "AppId",
        "ChannelId",
        "TaskId",
        "TaskProfile",
        "MediaEncode",
        "BackgroundColor",
        "LayoutIds",
        "StreamURL",
    )
    profiles: Collection[str] = (
        "4IN_720P",
        "2IN_720P",
        "1IN_720P",
        "4IN_360P",
        "2IN_360P",
        "1IN_360P",
        "Mixed_Audio",
        "1IN_Audio",
    )
    encodes: Collection[int] = (0, 1, 10, 20, 30)
    colours: Collection[int] = range(0x1000000)
    layouts: Collection[int] = range(1, 12)
    layouts_from: Collection[int] = (1,)
    pane_ids: Collection[int] = range(16)
    panes_from: Collection[int] = (0, 1)
    sources: Collection[str] = ("camera", "shareScreen")
    # rtmps:// is neither valid nor invalid by the sources; like other such forms it is let pass.
    stream_url: str = r"(?i:rtmps?)://(?:[^/?#@]*@)?(?:[^/?#@:\[\]]+|\[[^/?#\]]+\])(?::\d*)?/"
    task_key: tuple[str, ...] = ("AppId", "TaskId")


class Refusal(Exception):
    """The first check a request fails."""

    def __init__(self, row: Row, detail: str = "") -> None:
        """Refuse with a row, its message perhaps followed by a detail."""
        super().__init__(row.code)
        self.row = row
        self.detail = detail


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A request as it was read, before anything is judged."""

    method: str
    path: str
    query: Pairs
    form: Pairs
    headers: dict[str, str]
    body: bytes
    v3: bool
    common: dict[str, str]

    @property
    def pairs(self) -> Pairs:
        """Return query and form merged."""
        return [*self.query, *self.form]

    def get(self, name: str) -> str:
        """Return the first value of a parameter, empty when absent."""
        return next((value for key, value in self.pairs if key == name), "")


class IndependentEndpoint:
    """An endpoint of small steps, each of which a faulty endpoint can get wrong alone."""

    def __init__(
        self,
        *,
        secrets: Mapping[str, str] | None = None,
        disabled: Collection[str] = (),
        layouts: Collection[int] = (),
        now: Callable[[], float] = time.time,
        rules: Rules | None = None,
    ) -> None:
        """Know the keys, the disabled ones among them, layouts registered by the user, a clock."""
        self.secrets = dict(secrets or {"testid": "testsecret"})
        self.disabled = frozenset(disabled)
        self.own_layouts = frozenset(layouts)
        self.now = now
        self.rules = rules or Rules()
        self.lock = threading.RLock()
        self.nonces: set[tuple[str, ...]] = set()
        self.tasks: set[tuple[str, ...]] = set()
        self.received: list[Incoming] = []
        self.troubles: deque[str] = deque()

    def handle(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | Iterable[Pair],
        body: bytes,
    ) -> Reply:
        """Answer one request; bytes come in and go out elsewhere."""
        request = self.read(method, target, headers, body)
        self.received.append(request)
        try:
            for check in self.checks():
                check(request)
        except Refusal as refusal:
            return self.failure(request, refusal)
        return self.success(request)

    def checks(self) -> tuple[Callable[[Incoming], None], ...]:
        """Return the checks in their order; the first that fails answers."""
        return (
            self.check_trouble,
            self.check_method,
            self.check_format,
            self.check_common,
            self.check_version,
            self.check_action,
            self.check_signature_method,
            self.check_signature_version,
            self.check_timestamp,
            self.check_access_key,
            self.check_signature,
            self.check_nonce,
            self.check_required,
            self.check_values,
            self.check_existence,
        )

    # -- reading -----------------------------------------------------------------------------

    def read(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | Iterable[Pair],
        body: bytes,
    ) -> Incoming:
        """Take the request apart."""
        items = headers.items() if isinstance(headers, Mapping) else headers
        lowered = {name.lower(): value.strip() for name, value in items}
        path, _, query_text = target.partition("?")
        query = self.read_query(method, query_text)
        form = self.read_form(method, lowered, body)
        v3 = self.is_v3(lowered)
        common = self.v3_common(lowered) if v3 else self.rpc_common([*query, *form])
        return Incoming(
            method=method,
            path=path,
            query=query,
            form=form,
            headers=lowered,
            body=body,
            v3=v3,
            common=common,
        )

    def read_query(self, method: str, text: str) -> Pairs:
        """Read the pairs of the query."""
        return self.parse_pairs(text)

    def read_form(self, method: str, headers: Mapping[str, str], body: bytes) -> Pairs:
        """Read the pairs of a form, when the body is one."""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            return []
        return self.parse_pairs(body.decode("utf-8", "replace"))

    def parse_pairs(self, text: str) -> Pairs:
        """Split and decode pairs, empty values kept, duplicates kept."""
        pairs = []
        for piece in text.split("&"):
            if piece:
                name, _, value = piece.partition("=")
                pairs.append((self.decode(name), self.decode(value)))
        return pairs

    def decode(self, text: str) -> str:
        """Decode a plus and percent-encoding; S5: clients send a space either way."""
        return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")

    def is_v3(self, headers: Mapping[str, str]) -> bool:
        """Say whether the request is signed with V3; x-acs headers alone come with 1.0 too."""
        return headers.get("authorization", "").startswith("ACS")

    def rpc_common(self, pairs: Pairs) -> dict[str, str]:
        """Find the common parameters of signature 1.0 among the pairs."""
        found: dict[str, str] = {}
        for name, value in pairs:
            found.setdefault(name, value)
        return {name: found.get(name, "") for name in ("Action", *self.rules.common)}

    def v3_common(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Find the common parameters of V3 in the headers."""
        common = {name: headers.get(header, "") for name, header in V3_HEADERS.items()}
        algorithm, _, rest = headers.get("authorization", "").partition(" ")
        parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        common["SignatureMethod"] = algorithm
        common["AccessKeyId"] = parts.get("Credential", "")
        common["SignedHeaders"] = parts.get("SignedHeaders", "")
        common["Signature"] = parts.get("Signature", "")
        return common

    # -- refusing ----------------------------------------------------------------------------

    def refuse(self, code: str, parameter: str = "", detail: str = "") -> Refusal:
        """Make the refusal of a row."""
        row = self.rules.rows[code]
        filled = Row(row.code.format(parameter), row.status, row.message.format(parameter))
        return Refusal(filled, detail)

    def missing(self, parameter: str) -> Refusal:
        """Refuse because a required parameter is absent or empty."""
        return self.refuse("Missing{}", parameter)

    def invalid(self, parameter: str) -> Refusal:
        """Refuse because of a value S1 has no row for."""
        return self.refuse("Invalid{}", parameter)

    # -- the common checks -------------------------------------------------------------------

    def trouble(self, *codes: str) -> None:
        """Ask for trouble: each of the next requests is refused with one of the codes."""
        self.troubles.extend(codes)

    def check_trouble(self, request: Incoming) -> None:
        """Refuse when asked to."""
        with suppress(IndexError):
            raise self.refuse(self.troubles.popleft())

    def check_method(self, request: Incoming) -> None:
        """Accept GET and POST."""
        if request.method not in self.rules.methods:
            raise self.refuse("UnsupportedHTTPMethod")

    def check_format(self, request: Incoming) -> None:
        """Accept JSON and XML in any letter case, and no Format at all."""
        given = [value for name, value in request.pairs if name == "Format"]
        if given and self.fold_format(given[0]) not in self.rules.formats:
            raise self.refuse("InvalidParameter.Format")

    def fold_format(self, text: str) -> str:
        """Take the letter case out of a Format."""
        return text.upper()

    def check_common(self, request: Incoming) -> None:
        """Require the common parameters."""
        for name in self.rules.common:
            if request.v3 and name == "SignatureVersion":
                continue
            if not request.common.get(name):
                raise self.missing(name)

    def check_version(self, request: Incoming) -> None:
        """Accept one version."""
        if request.common["Version"] != self.rules.version:
            raise self.invalid("Version")

    def check_action(self, request: Incoming) -> None:
        """Accept one action, letter for letter, at the path /."""
        if not request.common["Action"]:
            raise self.missing("Action")
        if not self.is_our_action(request.common["Action"]) or request.path not in ("", "/"):
            raise self.refuse("InvalidApi.NotFound")

    def is_our_action(self, action: str) -> bool:
        """Say whether the action is StartMPUTask."""
        return action == "StartMPUTask"

    def check_signature_method(self, request: Incoming) -> None:
        """Accept HMAC-SHA1 in any letter case, and V3's own algorithm."""
        given = request.common["SignatureMethod"]
        if given != V3_ALGORITHM if request.v3 else given.upper() != "HMAC-SHA1":
            raise self.refuse("InvalidSignatureMethod")

    def check_signature_version(self, request: Incoming) -> None:
        """Accept signature version 1.0."""
        if not request.v3 and request.common["SignatureVersion"] != "1.0":
            raise self.invalid("SignatureVersion")

    def check_timestamp(self, request: Incoming) -> None:
        """Accept a well-formed moment near the clock's."""
        moment = self.moment(request.common["Timestamp"])
        if moment is None:
            raise self.refuse("InvalidTimeStamp.Format")
        ahead = moment - self.now()
        if ahead > self.rules.future or -ahead > self.rules.past:
            raise self.refuse("InvalidTimeStamp.Expired")

    def moment(self, text: str) -> float | None:
        """Read yyyy-MM-ddTHH:mm:ssZ, None when it is not that."""
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", text):
            return None
        try:
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
        except ValueError:
            return None

    def check_access_key(self, request: Incoming) -> None:
        """Accept the keys that are known and active."""
        key = request.common["AccessKeyId"]
        if key not in self.secrets:
            raise self.refuse("InvalidAccessKeyId.NotFound")
        if key in self.disabled:
            raise self.refuse("InvalidAccessKeyId.Inactive")

    def check_nonce(self, request: Incoming) -> None:
        """Accept a nonce once per key; only a verified request uses one up."""
        key = self.nonce_key(request)
        with self.lock:
            if key in self.nonces:
                raise self.refuse("SignatureNonceUsed")
            self.nonces.add(key)

    def nonce_key(self, request: Incoming) -> tuple[str, ...]:
        """Say what must not come twice."""
        return (request.common["AccessKeyId"], request.common["SignatureNonce"])

    # -- the signatures ----------------------------------------------------------------------

    def check_signature(self, request: Incoming) -> None:
        """Accept the signature this endpoint computes itself."""
        secret = self.secret(request)
        if request.v3:
            text = self.v3_string_to_sign(request)
            good = self.v3_covers(request) and hmac.compare_digest(
                self.v3_signature(text, secret).encode(), request.common["Signature"].encode()
            )
        else:
            text = self.rpc_string_to_sign(request.method, request.pairs)
            good = hmac.compare_digest(
                self.rpc_signature(text, secret).encode(), request.common["Signature"].encode()
            )
        if not good:
            raise self.refuse("SignatureDoesNotMatch", detail=text)

    def secret(self, request: Incoming) -> str:
        """Return the secret of the request's key."""
        return self.secrets[request.common["AccessKeyId"]]

    def escape(self, text: str) -> str:
        """Percent-encode all but RFC 3986's unreserved characters."""
        return quote(text, safe="~", errors="replace")

    def canonical(self, pairs: Pairs) -> str:
        """Encode, sort by name, join."""
        ordered = sorted(pairs, key=lambda pair: (pair[0].encode(), pair[1].encode()))
        return "&".join(f"{self.escape(name)}={self.escape(value)}" for name, value in ordered)

    def signed_pairs(self, pairs: Pairs) -> Pairs:
        """Choose what signature 1.0 covers: all but Signature."""
        return [pair for pair in pairs if pair[0] != "Signature"]

    def rpc_string_to_sign(self, method: str, pairs: Pairs) -> str:
        """Return what signature 1.0 signs."""
        return f"{method}&%2F&{self.escape(self.canonical(self.signed_pairs(pairs)))}"

    def rpc_signature(self, text: str, secret: str) -> str:
        """Return signature 1.0 of a string to sign."""
        digest = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()
        return base64.b64encode(digest).decode()

    def v3_names(self, request: Incoming) -> list[str]:
        """Return the names of the signed headers as the client lists them."""
        return [name for name in request.common["SignedHeaders"].split(";") if name]

    def v3_must_cover(self, request: Incoming) -> set[str]:
        """Return the names of the headers that have to be signed."""
        return {name for name in request.headers if name == "host" or name.startswith("x-acs-")} | {
            "host",
            "x-acs-content-sha256",
        }

    def v3_covers(self, request: Incoming) -> bool:
        """Say whether body and headers are covered, the names sorted."""
        names = self.v3_names(request)
        claimed = request.headers.get("x-acs-content-sha256", "")
        return (
            names == sorted(names)
            and self.v3_must_cover(request) <= set(names)
            and claimed.lower() == self.v3_body_hash(request)
        )

    def v3_body_hash(self, request: Incoming) -> str:
        """Hash the body that came, whatever the header claims."""
        return hashlib.sha256(request.body).hexdigest()

    def v3_string_to_sign(self, request: Incoming) -> str:
        """Return what V3 signs."""
        names = self.v3_names(request)
        canonical = "\n".join(
            (
                request.method,
                "/",
                self.canonical(request.query),
                *(f"{name}:{request.headers.get(name, '')}" for name in names),
                "",
                ";".join(names),
                self.v3_body_hash(request),
            )
        )
        return f"{V3_ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"

    def v3_signature(self, text: str, secret: str) -> str:
        """Return V3's signature of a string to sign."""
        return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    # -- the task's parameters ---------------------------------------------------------------

    def task_value(self, request: Incoming, name: str) -> str:
        """Return a parameter's value; TaskId may be spelt as S1's table spells it."""
        value = request.get(name)
        return value or request.get("TaskID") if name == "TaskId" else value

    def check_required(self, request: Incoming) -> None:
        """Require the table's parameters in the table's order."""
        for name in self.rules.required:
            if not self.is_given(request, name):
                raise self.missing(name)

    def is_given(self, request: Incoming, name: str) -> bool:
        """Say whether a parameter is there and not empty; a list is there by one item."""
        if name == "LayoutIds":
            return any(key.startswith("LayoutIds.") for key, _ in request.pairs)
        return self.task_value(request, name) != ""

    def check_values(self, request: Incoming) -> None:
        """Judge each value in the table's order."""
        for check in self.value_checks():
            check(request)

    def value_checks(self) -> tuple[Callable[[Incoming], None], ...]:
        """Return the checks of values in their order."""
        return (
            self.check_profile,
            self.check_encode,
            self.check_colour,
            self.check_layouts,
            self.check_panes,
            self.check_stream_url,
        )

    def integer(self, text: str) -> int | None:
        """Read ASCII digits with an optional minus, None when it is not that."""
        return int(text) if re.fullmatch(r"-?[0-9]{1,64}", text) else None

    def is_among(self, text: str, allowed: Collection[int]) -> bool:
        """Say whether a text is an integer, and an allowed one."""
        value = self.integer(text)
        return value is not None and value in allowed

    def check_profile(self, request: Incoming) -> None:
        """Accept the eight profiles, letter for letter."""
        if request.get("TaskProfile") not in self.rules.profiles:
            raise self.invalid("TaskProfile")

    def check_encode(self, request: Incoming) -> None:
        """Accept the five encodes."""
        if not self.is_among(request.get("MediaEncode"), self.rules.encodes):
            raise self.refuse("InvalidMediaEncode.Malformed")

    def check_colour(self, request: Incoming) -> None:
        """Accept three bytes of colour."""
        if not self.is_among(request.get("BackgroundColor"), self.rules.colours):
            raise self.refuse("InvalidBackgroundColor.Malformed")

    def layout_items(self, request: Incoming) -> list[tuple[str, str]]:
        """Return the items of LayoutIds, each with its index as text."""
        return [
            (name.removeprefix("LayoutIds."), value)
            for name, value in request.pairs
            if name.startswith("LayoutIds.")
        ]

    def check_layouts(self, request: Incoming) -> None:
        """Accept known layouts in a list from 1 without gaps."""
        items = self.layout_items(request)
        known = all(self.is_layout(value) for _, value in items)
        if not known or not self.consecutive((n for n, _ in items), self.rules.layouts_from):
            raise self.refuse("InvalidLayoutID.Malformed")

    def is_layout(self, text: str) -> bool:
        """Say whether a layout is built in or registered."""
        return self.is_among(text, self.rules.layouts) or self.is_among(text, self.own_layouts)

    def consecutive(self, indexes: Iterable[str], starts: Collection[int]) -> bool:
        """Say whether indexes run without gap or repetition from an allowed start."""
        texts = list(indexes)
        if not all(re.fullmatch(r"0|[1-9][0-9]{0,8}", text) for text in texts):
            return False
        numbers = sorted(int(text) for text in texts)
        return bool(numbers) and (
            numbers[0] in starts and numbers == list(range(numbers[0], numbers[-1] + 1))
        )

    def panes(self, request: Incoming) -> dict[str, dict[str, str]]:
        """Return the panes by their index as text."""
        panes: dict[str, dict[str, str]] = {}
        for name, value in request.pairs:
            if name.startswith("UserPanes."):
                index, _, part = name.removeprefix("UserPanes.").partition(".")
                panes.setdefault(index, {}).setdefault(part, value)
        return panes

    def check_panes(self, request: Incoming) -> None:
        """Accept no panes, or whole ones in a list from 0 or 1 without gaps."""
        panes = self.panes(request)
        if not panes:
            return
        if (
            not all(self.is_pane(pane) for pane in panes.values())
            or len(panes) > len(self.rules.pane_ids)
            or not self.consecutive(panes, self.rules.panes_from)
        ):
            raise self.invalid("UserPanes")

    def is_pane(self, pane: Mapping[str, str]) -> bool:
        """Say whether a pane has its three fields, each with a valid value."""
        return (
            all(pane.get(part) for part in PANE_FIELDS)
            and self.is_among(pane["PaneId"], self.rules.pane_ids)
            and pane["SourceType"] in self.rules.sources
        )

    def check_stream_url(self, request: Incoming) -> None:
        """Accept an absolute rtmp:// URL with a host and a path."""
        if not re.match(self.rules.stream_url, request.get("StreamURL")):
            raise self.invalid("StreamURL")

    def task_identity(self, request: Incoming) -> tuple[str, ...]:
        """Say what makes two tasks one."""
        return tuple(self.task_value(request, name) for name in self.rules.task_key)

    def check_existence(self, request: Incoming) -> None:
        """Start a task once: of simultaneous starts exactly one comes through here."""
        key = self.task_identity(request)
        with self.lock:
            if key in self.tasks:
                raise self.refuse("TaskExisted")
            self.tasks.add(key)

    # -- replying ----------------------------------------------------------------------------

    def request_id(self) -> str:
        """Return a RequestId no other reply has."""
        return uuid.uuid4().hex

    def success(self, request: Incoming) -> Reply:
        """Answer a started task."""
        return self.reply(request, 200, self.success_fields())

    def success_fields(self) -> dict[str, str]:
        """Return the fields of a success."""
        return {"RequestId": self.request_id()}

    def failure(self, request: Incoming, refusal: Refusal) -> Reply:
        """Answer a refused request."""
        return self.reply(request, refusal.row.status, self.failure_fields(refusal))

    def failure_fields(self, refusal: Refusal) -> dict[str, str]:
        """Return the fields of a failure."""
        return {
            "RequestId": self.request_id(),
            "HostId": "rtc.aliyuncs.com",
            "Code": refusal.row.code,
            "Message": refusal.row.message,
        }

    def reply_format(self, request: Incoming) -> str:
        """Choose JSON or XML; XML when 1.0 names none, JSON when V3 names none."""
        given = self.fold_format(request.get("Format"))
        if given in self.rules.formats:
            return given
        return self.rules.default_format_v3 if request.v3 else self.rules.default_format

    def reply(self, request: Incoming, status: int, fields: dict[str, str]) -> Reply:
        """Write a reply."""
        if self.reply_format(request) == "JSON":
            kind, body = self.json_type(), self.json_body(fields).encode()
        else:
            kind, body = self.xml_type(), self.xml_body(fields).encode()
        return status, self.reply_headers(kind, body), body

    def json_type(self) -> str:
        """Return the Content-Type of JSON replies."""
        return "application/json;charset=utf-8"

    def xml_type(self) -> str:
        """Return the Content-Type of XML replies."""
        return "text/xml;charset=utf-8"

    def json_body(self, fields: dict[str, str]) -> str:
        """Write the fields as a JSON object."""
        return json.dumps(fields)

    def xml_root(self, fields: dict[str, str]) -> str:
        """Name the XML document's element."""
        return "Error" if "Code" in fields else "StartMPUTaskResponse"

    def xml_body(self, fields: dict[str, str]) -> str:
        """Write the fields as an XML document."""
        root = self.xml_root(fields)
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
        return f"<{root}>{inner}</{root}>"

    def reply_headers(self, kind: str, body: bytes) -> Pairs:
        """Return the reply's headers."""
        return [("Content-Type", kind), ("Content-Length", str(len(body)))]


class _Server(ThreadingHTTPServer):
    """A loopback server that starts at once, takes many connections, and lets go of all."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, endpoint: IndependentEndpoint) -> None:
        """Bind a free port for an endpoint."""
        self.endpoint = endpoint
        self.crashes: list[BaseException] = []
        self.open: set[socket.socket] = set()
        self.guard = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        """Bind without asking the resolver for a name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection and remember it."""
        connection, address = super().get_request()
        with self.guard:
            self.open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Let a connection go."""
        with self.guard:
            self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep a crash for the one who started the server; lost connections are no crash."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.crashes.append(error)

    def close_all(self) -> None:
        """Stop listening and end the connections still open."""
        self.server_close()
        with self.guard:
            for connection in self.open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 around an endpoint."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def __getattr__(self, name: str) -> Any:
        """Answer every HTTP method: which of them are allowed is the endpoint's to say."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self) -> None:
        """Hand the request to the endpoint and write its reply."""
        body = self.read_body()
        status, headers, content = self.server.endpoint.handle(
            self.command, self.path, self.headers.items(), body
        )
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            chunked = any(n.lower() == "transfer-encoding" for n, _ in headers)
            self.wfile.write(self.chunk(content) if chunked else content)

    def read_body(self) -> bytes:
        """Read a body of known length, or a chunked one."""
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def chunk(self, content: bytes) -> bytes:
        """Frame a body in chunks of seven bytes."""
        pieces = [content[n : n + 7] for n in range(0, len(content), 7)]
        return b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@contextmanager
def serve(endpoint: IndependentEndpoint) -> Iterator[str]:
    """Run an endpoint on a free loopback port and yield its URL; raise what crashed in it."""
    server = _Server(endpoint)
    thread = threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.close_all()
        thread.join()
    if server.crashes:
        raise server.crashes[0]
