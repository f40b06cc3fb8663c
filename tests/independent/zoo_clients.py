"""Clients with one bug each, and clients that are odd but legal.

Each row replaces single steps of the independent client. A row's `start` belongs to one client that
lives as long as the row, because some bugs need a past; `fresh()` gives a client without one.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import itertools
import json
import re
import time
import types
import unicodedata
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, cast
from urllib.parse import quote, quote_plus, unquote
from xml.etree import ElementTree

from .client import (
    FORM_TYPE,
    PANE_FIELDS,
    Call,
    ClientError,
    HttpReply,
    HttpRequest,
    IndependentClient,
    Pair,
    Pairs,
    Params,
)

BASE = IndependentClient
HANG = 60.0  # "for ever", as long as a test could stand

Step = Callable[..., Any]


class Start(Protocol):
    """The shape of a client under test."""

    def __call__(
        self, params: Params, *, endpoint: str, credentials: object, timeout: float
    ) -> str:
        """Start a task and return its RequestId, or raise."""


@dataclass(frozen=True)
class ZooClient:
    """A client that differs from the honest one in the way `bug` says."""

    name: str
    bug: str
    make: Callable[[], IndependentClient]
    level: str = "documented"

    @cached_property
    def start(self) -> Start:
        """Start with this row's one client, which remembers its calls."""
        return self.make().start

    def fresh(self) -> Start:
        """Start with a client that remembers nothing."""
        return self.make().start


class Stepped(IndependentClient):
    """An independent client with some of its steps replaced."""

    def __init__(self, steps: dict[str, Step], **options: Any) -> None:
        """Bind each step, a function of the client and the step's own arguments."""
        super().__init__(**options)
        for name, step in steps.items():
            if not hasattr(IndependentClient, name):
                raise AttributeError(f"the client has no step {name}")
            setattr(self, name, types.MethodType(step, self))


def _row(
    name: str,
    bug: str,
    *,
    kind: Callable[..., IndependentClient] | None = None,
    level: str = "documented",
    options: dict[str, Any] | None = None,
    **steps: Step,
) -> ZooClient:
    """Make a row from a client class, or from steps that replace the honest ones."""
    chosen = options or {}

    def make() -> IndependentClient:
        """Make the row's client."""
        return kind(**chosen) if kind is not None else Stepped(steps, **chosen)

    return ZooClient(name=name, bug=bug, make=make, level=level)


V3: dict[str, Any] = {"signature": "v3"}
V3_FORM: dict[str, Any] = {"signature": "v3", "method": "POST", "form": True}
POST: dict[str, Any] = {"method": "POST"}
FORM: dict[str, Any] = {"method": "POST", "form": True}
XML: dict[str, Any] = {"reply_format": "XML"}


# -- changes of what is sent -------------------------------------------------------------------


def _pairs(change: Callable[[Pairs], Pairs]) -> Step:
    """Change the task's pairs."""
    return lambda client, params: change(BASE.flatten(client, params))


def _params(change: Callable[[dict[str, Any]], object]) -> Step:
    """Change the task's parameters, in place, before they become pairs."""

    def step(client: IndependentClient, params: Params) -> Pairs:
        """Flatten a changed copy."""
        changed = copy.deepcopy(dict(params))
        change(changed)
        return BASE.flatten(client, changed)

    return step


def _drop(unwanted: Callable[[str, str], bool]) -> Step:
    """Leave pairs out."""
    return _pairs(lambda pairs: [(n, v) for n, v in pairs if not unwanted(n, v)])


def _omit(*names: str) -> Step:
    """Leave parameters out, lists and all."""
    return _drop(lambda name, _: name.partition(".")[0] in names)


def _rename(old: str, new: str) -> Step:
    """Send a name, or a part of one, spelt otherwise."""
    return _pairs(lambda pairs: [(n.replace(old, new), v) for n, v in pairs])


def _value(name: str, change: Callable[[str], str]) -> Step:
    """Change the values of one parameter or pane field."""
    return _pairs(
        lambda pairs: [
            (n, change(v)) if n == name or n.endswith(f".{name}") else (n, v) for n, v in pairs
        ]
    )


def _values(change: Callable[[str], str]) -> Step:
    """Change every value."""
    return _pairs(lambda pairs: [(n, change(v)) for n, v in pairs])


def _layouts(change: Callable[[list[Any]], Pairs]) -> Step:
    """Write LayoutIds another way."""
    return lambda client, items: change(list(items))


def _panes(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Step:
    """Change the panes before they become pairs."""
    return lambda client, panes: BASE.pane_pairs(client, change([dict(pane) for pane in panes]))


def _numbered(numbers: Callable[[int], int]) -> Step:
    """Number the panes another way."""

    def step(client: IndependentClient, panes: list[dict[str, Any]]) -> Pairs:
        """Write the panes' pairs."""
        return [
            (f"UserPanes.{numbers(n)}.{part}", client.text(pane[part]))
            for n, pane in enumerate(panes)
            for part in PANE_FIELDS
        ]

    return step


def _named(form: str, first: int = 1) -> Callable[[list[Any]], Pairs]:
    """Name each item by a form with room for its number."""
    return lambda items: [(form.format(n), str(item)) for n, item in enumerate(items, first)]


def _lexicographic(items: Iterable[Any]) -> Pairs:
    """Number items in the order 1, 10, 11, 2, ..."""
    numbered = sorted((str(n), item) for n, item in enumerate(items, start=1))
    return [(f"LayoutIds.{n}", str(item)) for n, (_, item) in enumerate(numbered, start=1)]


def _one_pane_per_user(panes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the first pane of each user."""
    return list({pane["UserId"]: pane for pane in reversed(panes)}.values())[::-1]


def _renumber(panes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replace each PaneId by its place in the list."""
    return [{**pane, "PaneId": n} for n, pane in enumerate(panes)]


def _without_auth_key(url: str) -> str:
    """Take auth_key out of a URL's query."""
    head, mark, query = url.partition("?")
    kept = "&".join(part for part in query.split("&") if not part.startswith("auth_key="))
    return f"{head}{mark}{kept}"


def _swap_red_and_blue(params: dict[str, Any]) -> None:
    """Turn R + G*256 + B*65536 into B + G*256 + R*65536."""
    colour = params["BackgroundColor"]
    params["BackgroundColor"] = (colour & 255) << 16 | colour & 0xFF00 | colour >> 16


def _only(name: str, write: Callable[[Any], str]) -> Step:
    """Write one parameter's value another way."""
    return _params(lambda params: params.update({name: write(params[name])}))


def _common(change: Callable[[Pairs, Call], Pairs]) -> Step:
    """Change the common parameters."""
    return lambda client, call: change(BASE.common_pairs(client, call), call)


def _set(name: str, value: str) -> Step:
    """Send one common parameter with another value."""
    return _common(lambda pairs, _: [(n, value if n == name else v) for n, v in pairs])


def _without(name: str) -> Step:
    """Send one common parameter not at all."""
    return _common(lambda pairs, _: [(n, v) for n, v in pairs if n != name])


def _header(make: Callable[[Call], Pair]) -> Step:
    """Send a header more, or another in place of one with its name."""

    def step(client: IndependentClient, call: Call) -> Pairs:
        """Return the extra headers."""
        name, value = make(call)
        kept = [(n, v) for n, v in BASE.extra_headers(client, call) if n != name]
        return [*kept, (name, value)]

    return step


def _request(change: Callable[[HttpRequest, Call], HttpRequest]) -> Step:
    """Change the finished HTTP request."""
    return lambda client, call: change(BASE.build(client, call), call)


def _basic(call: Call) -> str:
    """Write key and secret as HTTP basic authentication."""
    pair = f"{call.credentials.access_key_id}:{call.credentials.access_key_secret}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _debug_body(request: HttpRequest, call: Call) -> HttpRequest:
    """Give a GET a body that holds the credentials."""
    body = json.dumps({"secret": call.credentials.access_key_secret}).encode()
    length = ("Content-Length", str(len(body)))
    return replace(request, body=body, headers=(*request.headers, length))


def _query_too(request: HttpRequest, call: Call) -> HttpRequest:
    """Repeat the form's pairs in the query."""
    return replace(request, target=f"{request.target}?{request.body.decode()}")


def _without_content_type(request: HttpRequest, call: Call) -> HttpRequest:
    """Send a form that does not say it is one."""
    kept = tuple((n, v) for n, v in request.headers if n.lower() != "content-type")
    return replace(request, headers=kept)


# -- changes of how it is signed ---------------------------------------------------------------


def _encode(change: Callable[[str], str]) -> Step:
    """Change the percent-encoding that is signed; what is sent stays right."""
    return lambda client, text: change(BASE.encode(client, text))


def _gbk(client: IndependentClient, text: str) -> str:
    """Percent-encode as GBK."""
    return quote(text.encode("gbk", "replace"), safe="~")


def _string_to_sign(change: Callable[[str], str]) -> Step:
    """Change the string that signature 1.0 signs."""
    return lambda client, method, pairs: change(BASE.string_to_sign(client, method, pairs))


def _raw_signature(client: IndependentClient, pairs: Iterable[Pair]) -> str:
    """Write the pairs, Signature not encoded."""
    return "&".join(
        f"{name}={value}" if name == "Signature" else BASE.wire(client, [(name, value)])
        for name, value in pairs
    )


def _natural(name: str) -> list[Any]:
    """Return a key that orders LayoutIds.2 before LayoutIds.10."""
    return [(part.isdigit(), int(part) if part.isdigit() else part) for part in name.split(".")]


def _unsigned(*names: str) -> Step:
    """Leave headers out of the V3 signature."""
    return lambda client, headers: [
        (n, v) for n, v in BASE.v3_signed_headers(client, headers) if n not in names
    ]


def _unsent(*names: str) -> Step:
    """Send some V3 headers not at all."""
    return lambda client, call, body: [
        (n, v) for n, v in BASE.v3_headers(client, call, body) if n not in names
    ]


def _bare_canonical(client: IndependentClient, pairs: Pairs) -> str:
    """Join sorted pairs without encoding them."""
    return "&".join(f"{n}={v}" for n, v in client.sort(pairs))


def _hash_of_nothing(client: IndependentClient, body: bytes) -> str:
    """Hash an empty body whatever the body is."""
    return hashlib.sha256(b"").hexdigest()


def _sha256(client: IndependentClient, method: str, pairs: Pairs, secret: str) -> str:
    """Sign with SHA-256 while naming HMAC-SHA1."""
    message = client.string_to_sign(method, pairs).encode()
    digest = hashlib.sha256(client.key(secret).encode() + message).digest()
    return client.digest_text(digest)


# -- moments and nonces ------------------------------------------------------------------------


def _clock(form: str, shift: float = 0) -> Step:
    """Write the time in another form or from a wrong clock."""
    return lambda client: time.strftime(form, time.gmtime(time.time() + shift))


ISO = "%Y-%m-%dT%H:%M:%SZ"


class CachesTimestamp(IndependentClient):
    """A client that reads the clock once, and has been up for sixteen minutes."""

    def __init__(self, **options: Any) -> None:
        """Remember the moment of the start."""
        super().__init__(**options)
        self.started = time.strftime(ISO, time.gmtime(time.time() - 16 * 60))

    def timestamp(self) -> str:
        """Return the moment of the start."""
        return self.started


class CountsToThree(IndependentClient):
    """A client whose nonces come round again after three."""

    def __init__(self, **options: Any) -> None:
        """Make three nonces."""
        super().__init__(**options)
        self.nonces = itertools.cycle([uuid.uuid4().hex for _ in range(3)])

    def nonce(self, call: Call) -> str:
        """Return the next of three."""
        return next(self.nonces)


# -- changes of what is made of the reply ------------------------------------------------------


def _fields(client: IndependentClient, reply: HttpReply) -> dict[str, Any]:
    """Read a reply, nothing when it cannot be read."""
    try:
        return client.parse(reply)
    except ClientError:
        return {}


def _trusting(when: Callable[[HttpReply, dict[str, Any]], bool], default: str = "") -> Step:
    """Return the RequestId without looking further when the reply looks good enough."""

    def judge(client: IndependentClient, reply: HttpReply) -> str:
        """Trust, or judge honestly."""
        fields = _fields(client, reply)
        if when(reply, fields):
            return str(fields.get("RequestId", default))
        return BASE.judge(client, reply)

    return judge


def _code(change: Callable[[ClientError], str | None]) -> Step:
    """Report another Code than the reply's."""

    def judge(client: IndependentClient, reply: HttpReply) -> str:
        """Judge honestly, then report wrongly."""
        try:
            return BASE.judge(client, reply)
        except ClientError as error:
            if error.code is not None:
                error.code = change(error)
            raise

    return judge


def _id(change: Callable[[str], str]) -> Step:
    """Return another RequestId than the reply's."""
    return lambda client, reply: change(BASE.judge(client, reply))


def _unreadable_is_fine(matches: Callable[[HttpReply], bool]) -> Step:
    """Return a made-up RequestId for a reply that says nothing."""
    return _trusting(lambda reply, fields: matches(reply), default=uuid.uuid4().hex)


def _by_regex(client: IndependentClient, reply: HttpReply) -> str:
    """Find the RequestId in whatever came, unless a Code is found too."""
    text = reply.body.decode("utf-8", "replace")
    found = re.search(r'"RequestId"\s*:\s*"([^"]*)', text)
    if found and '"Code"' not in text:
        return found[1]
    return BASE.judge(client, reply)


def _xml_id_only(client: IndependentClient, reply: HttpReply) -> str:
    """Find the RequestId anywhere in an XML reply, whatever its element is."""
    if reply.body.lstrip().startswith(b"<"):
        try:
            found = ElementTree.fromstring(reply.body).findtext(".//RequestId")
        except ElementTree.ParseError:
            found = None
        if found:
            return found
    return BASE.judge(client, reply)


def _exits_on_array(client: IndependentClient, reply: HttpReply) -> str:
    """End the process when the reply is a JSON array."""
    if reply.body.lstrip().startswith(b"["):
        raise SystemExit("unexpected reply")
    return BASE.judge(client, reply)


def _json_only(client: IndependentClient, reply: HttpReply) -> dict[str, Any]:
    """Read JSON and nothing else."""
    if reply.body.lstrip().startswith(b"<"):
        raise ClientError("not JSON", http_status=reply.status)
    return BASE.parse(client, reply)


def _strict_schema(client: IndependentClient, reply: HttpReply) -> str:
    """Refuse a reply with a field that S2's example does not have."""
    fields = client.parse(reply)
    known = {"RequestId"} if "Code" not in fields else {"RequestId", "HostId", "Code", "Message"}
    if set(fields) - known:
        raise ClientError("unexpected field", http_status=reply.status)
    return BASE.judge(client, reply)


def _strict_id(client: IndependentClient, reply: HttpReply) -> str:
    """Refuse a RequestId that is not 32 lower-case hexadecimal digits."""
    request_id = BASE.judge(client, reply)
    if not re.fullmatch(r"[0-9a-f]{32}", request_id):
        raise ClientError("malformed RequestId", http_status=reply.status)
    return request_id


def _swallow(client: IndependentClient, call: Call) -> str:
    """Return None in place of raising."""
    try:
        return BASE.perform(client, call)
    except ClientError:
        return cast("str", None)


def _loses_code(client: IndependentClient, call: Call) -> str:
    """Wrap every error in one without its Code."""
    try:
        return BASE.perform(client, call)
    except ClientError as error:
        raise RuntimeError(str(error)) from error


def _patient(seconds: float) -> Step:
    """Wait that long whatever the caller said."""
    return lambda client, call: BASE.perform(
        client, replace(call, deadline=time.monotonic() + seconds)
    )


def _lost_is_fine(*words: str) -> Step:
    """Take a reply that was lost in one of these ways for a success."""

    def perform(client: IndependentClient, call: Call) -> str:
        """Perform honestly, and make a RequestId up where nothing came."""
        try:
            return BASE.perform(client, call)
        except ClientError as error:
            if error.http_status is None and any(word in str(error) for word in words):
                return uuid.uuid4().hex
            raise

    return perform


def _made_up_at(end: bytes) -> Step:
    """Return a RequestId of its own making for a body that ends so."""

    def judge(client: IndependentClient, reply: HttpReply) -> str:
        """Judge honestly, or make it up."""
        if reply.body.rstrip().endswith(end):
            return uuid.uuid4().hex
        return BASE.judge(client, reply)

    return judge


def _json_type_only(client: IndependentClient, reply: HttpReply) -> dict[str, Any]:
    """Read what is called JSON, or XML, and nothing else."""
    if "html" in reply.content_type:
        raise ClientError("the reply is a page", http_status=reply.status)
    return BASE.parse(client, reply)


def _as_latin_1(client: IndependentClient, reply: HttpReply) -> dict[str, Any]:
    """Read every reply as Latin-1."""
    return BASE.parse(client, replace(reply, body=reply.body.decode("latin-1").encode()))


def _without_comma(client: IndependentClient, reply: HttpReply) -> dict[str, Any]:
    """Read JSON with a comma before its brace, as S1 prints it."""
    return BASE.parse(client, replace(reply, body=re.sub(rb",\s*\}$", b"}", reply.body)))


def _anew(client: IndependentClient, call: Call) -> str:
    """Grant the whole timeout to every wait."""
    return BASE.perform(client, _Restarting(**vars(call)))


class _Restarting(Call):
    """A call whose clock starts anew with each look at it."""

    @property
    def remaining(self) -> float:
        """Return the whole timeout, every time."""
        return self.timeout


def _retry_after_timeout(client: IndependentClient, call: Call) -> str:
    """Send again, twice, when no reply came in time, with a whole timeout each."""
    for _ in range(2):
        try:
            return BASE.perform(client, call)
        except ClientError as error:
            if not isinstance(error.__cause__, TimeoutError):
                raise
        call = replace(call, deadline=time.monotonic() + call.timeout)
    return BASE.perform(client, call)


def _until_not_existed(change_task: bool) -> Step:
    """Send again while the task exists, perhaps under another TaskId, until time is up."""

    def perform(client: IndependentClient, call: Call) -> str:
        """Start until the Code is another."""
        for attempt in itertools.count(1):
            try:
                return BASE.perform(client, call)
            except ClientError as error:
                if error.code != "TaskExisted":
                    raise
            time.sleep(0.01)
            if change_task:
                task_id = f"{call.params['TaskId']}-{attempt}"
                call = replace(call, params={**call.params, "TaskId": task_id})
        raise AssertionError("unreachable")

    return perform


class ReturnsPrevious(IndependentClient):
    """A client that returns the RequestId of the call before, its own on the first."""

    previous: str | None = None

    def judge(self, reply: HttpReply) -> str:
        """Return the RequestId remembered, remember the one that came."""
        request_id = super().judge(reply)
        answer, self.previous = self.previous or request_id, request_id
        return answer


class NeverRecovers(IndependentClient):
    """A client that fails for good after its first error."""

    failed: ClientError | None = None

    def perform(self, call: Call) -> str:
        """Fail as before, or try."""
        if self.failed is not None:
            raise self.failed
        try:
            return super().perform(call)
        except ClientError as error:
            self.failed = error
            raise


class DiesOnUnreadable(IndependentClient):
    """A client that is closed by its first unreadable reply."""

    closed = False

    def perform(self, call: Call) -> str:
        """Refuse when closed; close when a reply said nothing."""
        if self.closed:
            raise ClientError("the client is closed")
        try:
            return super().perform(call)
        except ClientError as error:
            self.closed = error.code is None
            raise


KNOWN_CODES = frozenset(
    (
        "InternalError",
        "TaskExisted",
        "InvalidLayoutID.Malformed",
        "InvalidMediaEncode.Malformed",
        "InvalidBackgroundColor.Malformed",
    )
)
ENCODE_NAMES = {0: "audio", 1: "360p", 10: "540p", 20: "720p", 30: "1080p"}
REQUIRED = (
    "AppId",
    "ChannelId",
    "TaskId",
    "TaskProfile",
    "MediaEncode",
    "BackgroundColor",
    "LayoutIds",
    "StreamURL",
)

_PARAMETERS = (
    _row(
        "drops-media-encode-zero",
        "Drops MediaEncode when it is 0.",
        flatten=_drop(lambda n, v: n == "MediaEncode" and v == "0"),
    ),
    _row(
        "drops-background-color-zero",
        "Drops BackgroundColor when it is 0.",
        flatten=_drop(lambda n, v: n == "BackgroundColor" and v == "0"),
    ),
    _row(
        "drops-pane-id-zero",
        "Drops PaneId when it is 0.",
        flatten=_drop(lambda n, v: n.endswith(".PaneId") and v == "0"),
    ),
    _row("drops-falsy", "Drops every value that is 0.", flatten=_drop(lambda n, v: v == "0")),
    _row(
        "zero-as-empty",
        "Sends 0 as an empty value.",
        flatten=_values(lambda v: "" if v == "0" else v),
    ),
    _row(
        "integers-as-booleans",
        "Sends MediaEncode 0 and 1 as false and true.",
        flatten=_value("MediaEncode", lambda v: {"0": "false", "1": "true"}.get(v, v)),
    ),
    *(
        _row(f"omits-{name.lower()}", f"Never sends {name}.", flatten=_omit(name))
        for name in REQUIRED
    ),
    _row("omits-userpanes", "Never sends UserPanes.", flatten=_omit("UserPanes")),
    _row(
        "profile-lower-case",
        "Sends TaskProfile in lower case.",
        level="reading",
        flatten=_value("TaskProfile", str.lower),
    ),
    _row(
        "profile-upper-case",
        "Sends TaskProfile in upper case.",
        level="reading",
        flatten=_value("TaskProfile", str.upper),
    ),
    _row(
        "profile-always-720p",
        "Sends 4IN_720P whatever the profile is.",
        flatten=_value("TaskProfile", lambda v: "4IN_720P"),
    ),
    _row(
        "channel-id-twice",
        "Sends ChannelId twice.",
        flatten=_pairs(lambda pairs: [*pairs, *(p for p in pairs if p[0] == "ChannelId")]),
    ),
    _row(
        "layouts-twice",
        "Sends the whole of LayoutIds twice.",
        flatten=_pairs(lambda pairs: [*pairs, *(p for p in pairs if p[0].startswith("Lay"))]),
    ),
    _row("task-id-misspelt", "Sends TaskId as Taskid.", flatten=_rename("TaskId", "Taskid")),
    _row(
        "task-id-as-table",
        "Sends TaskID, as S1's table writes it.",
        level="reading",
        flatten=_rename("TaskId", "TaskID"),
    ),
    _row("app-id-misspelt", "Sends AppId as AppID.", flatten=_rename("AppId", "AppID")),
    _row("stream-url-misspelt", "Sends StreamURL as StreamUrl.", flatten=_rename("URL", "Url")),
    _row("layout-ids-misspelt", "Sends LayoutIds as LayoutId.", flatten=_rename("Ids", "Id")),
    _row(
        "color-misspelt",
        "Sends BackgroundColor as BackgroundColour.",
        flatten=_rename("Color", "Colour"),
    ),
    _row("pane-id-misspelt", "Sends PaneId as PaneID.", flatten=_rename("PaneId", "PaneID")),
    _row(
        "snake-case",
        "Sends MediaEncode as media_encode.",
        flatten=_rename("MediaEncode", "media_encode"),
    ),
    # lists
    _row(
        "layouts-from-zero",
        "Counts LayoutIds from 0.",
        layout_pairs=_layouts(_named("LayoutIds.{}", first=0)),
    ),
    _row(
        "layouts-with-gap",
        "Leaves the number 2 out when counting LayoutIds.",
        layout_pairs=_layouts(
            lambda items: [(f"LayoutIds.{n + (n > 1)}", str(i)) for n, i in enumerate(items, 1)]
        ),
    ),
    _row(
        "layouts-as-json",
        "Sends LayoutIds as one JSON array.",
        layout_pairs=_layouts(lambda items: [("LayoutIds", json.dumps(items))]),
    ),
    _row(
        "layouts-comma-joined",
        "Sends LayoutIds as one value with commas.",
        layout_pairs=_layouts(lambda items: [("LayoutIds", ",".join(map(str, items)))]),
    ),
    _row(
        "layouts-name-repeated",
        "Sends every item under the name LayoutIds.",
        layout_pairs=_layouts(_named("LayoutIds")),
    ),
    _row(
        "layouts-in-brackets",
        "Sends items as LayoutIds[1].",
        layout_pairs=_layouts(_named("LayoutIds[{}]")),
    ),
    _row(
        "layouts-zero-padded",
        "Sends items as LayoutIds.01.",
        layout_pairs=_layouts(_named("LayoutIds.{:02}")),
    ),
    _row(
        "layouts-first-nine",
        "Sends only the first nine items of LayoutIds.",
        layout_pairs=lambda client, items: BASE.layout_pairs(client, items[:9]),
    ),
    _row(
        "layouts-first-only",
        "Sends only the first item of LayoutIds.",
        layout_pairs=lambda client, items: BASE.layout_pairs(client, items[:1]),
    ),
    _row(
        "layouts-last-lost",
        "Loses the last of several items of LayoutIds.",
        layout_pairs=lambda client, items: BASE.layout_pairs(client, items[:-1] or items),
    ),
    _row(
        "layouts-lexicographic",
        "Orders the items of LayoutIds 1, 10, 11, 2.",
        layout_pairs=_layouts(_lexicographic),
    ),
    _row(
        "layouts-reversed",
        "Sends LayoutIds in reverse.",
        layout_pairs=lambda client, items: BASE.layout_pairs(client, items[::-1]),
    ),
    _row(
        "layouts-sorted",
        "Sends LayoutIds sorted.",
        layout_pairs=lambda client, items: BASE.layout_pairs(client, sorted(items)),
    ),
    _row(
        "layouts-zero-based-values",
        "Sends each layout less one.",
        layout_pairs=lambda client, items: BASE.layout_pairs(client, [i - 1 for i in items]),
    ),
    # panes
    _row(
        "panes-lose-source-type",
        "Sends panes without SourceType.",
        flatten=_drop(lambda n, v: n.endswith(".SourceType")),
    ),
    _row(
        "panes-lose-user-id",
        "Sends panes without UserId.",
        flatten=_drop(lambda n, v: n.endswith(".UserId")),
    ),
    _row(
        "panes-default-source-dropped",
        "Drops SourceType when it is camera.",
        flatten=_drop(lambda n, v: n.endswith(".SourceType") and v == "camera"),
    ),
    _row(
        "panes-always-camera",
        "Sends camera for every SourceType.",
        flatten=_value("SourceType", lambda v: "camera"),
    ),
    _row(
        "source-type-lower-case",
        "Sends shareScreen as sharescreen.",
        flatten=_value("SourceType", str.lower),
    ),
    _row(
        "source-type-snake-case",
        "Sends shareScreen as share_screen.",
        flatten=_value("SourceType", lambda v: v.replace("shareS", "share_s")),
    ),
    _row(
        "pane-ids-one-based",
        "Sends each PaneId one too high.",
        pane_pairs=_panes(lambda panes: [{**p, "PaneId": p["PaneId"] + 1} for p in panes]),
    ),
    _row(
        "pane-ids-renumbered",
        "Sends each pane's place in the list for its PaneId.",
        pane_pairs=_panes(_renumber),
    ),
    _row("panes-from-two", "Counts UserPanes from 2.", pane_pairs=_numbered(lambda n: n + 2)),
    _row(
        "panes-with-gap",
        "Leaves every other number out when counting UserPanes.",
        pane_pairs=_numbered(lambda n: 2 * n),
    ),
    _row(
        "panes-all-numbered-zero",
        "Gives every pane the number 0.",
        pane_pairs=_numbered(lambda n: 0),
    ),
    _row(
        "panes-as-json",
        "Sends UserPanes as one JSON array.",
        pane_pairs=lambda client, panes: [("UserPanes", json.dumps(panes))] if panes else [],
    ),
    _row(
        "panes-flat",
        "Sends the fields of panes as UserPanes.PaneId.0.",
        flatten=_pairs(
            lambda pairs: [(re.sub(r"^(U\w+)\.(\d+)\.(\w+)", r"\1.\3.\2", n), v) for n, v in pairs]
        ),
    ),
    _row("panes-first-only", "Sends only the first pane.", pane_pairs=_panes(lambda p: p[:1])),
    _row(
        "panes-first-nine", "Sends only the first nine panes.", pane_pairs=_panes(lambda p: p[:9])
    ),
    _row(
        "panes-one-per-user",
        "Sends one pane for a user who is in two.",
        pane_pairs=_panes(_one_pane_per_user),
    ),
    _row(
        "panes-empty-one",
        "Sends an empty pane when there are none.",
        pane_pairs=_panes(lambda p: p or [dict.fromkeys(PANE_FIELDS, "")]),
    ),
    # numbers
    _row("color-as-hex", "Sends BackgroundColor as 0x….", flatten=_only("BackgroundColor", hex)),
    _row(
        "color-as-html",
        "Sends BackgroundColor as #rrggbb.",
        flatten=_only("BackgroundColor", lambda v: f"#{v:06x}"),
    ),
    _row("color-bytes-swapped", "Swaps red and blue.", flatten=_params(_swap_red_and_blue)),
    _row(
        "color-sixteen-bits",
        "Sends the lower sixteen bits of BackgroundColor.",
        flatten=_only("BackgroundColor", lambda v: str(v & 0xFFFF)),
    ),
    _row(
        "color-with-thousands",
        "Groups the digits of BackgroundColor.",
        flatten=_only("BackgroundColor", lambda v: f"{v:,}"),
    ),
    _row(
        "color-scientific",
        "Sends large colours as 1.6777215e+07.",
        flatten=_only("BackgroundColor", lambda v: f"{v:.8g}" if v < 1e6 else f"{v:.7e}"),
    ),
    _row(
        "color-always-black",
        "Sends 0 for every colour.",
        flatten=_only("BackgroundColor", lambda v: "0"),
    ),
    _row(
        "encode-as-float",
        "Sends MediaEncode as 20.0.",
        flatten=_only("MediaEncode", lambda v: f"{v:.1f}"),
    ),
    _row(
        "encode-as-name",
        "Sends MediaEncode as 720p.",
        flatten=_only("MediaEncode", lambda v: ENCODE_NAMES[v]),
    ),
    _row(
        "encode-clamped",
        "Sends 20 for MediaEncode 30.",
        flatten=_only("MediaEncode", lambda v: str(min(v, 20))),
    ),
    _row(
        "encode-as-index",
        "Sends the place of MediaEncode in the table.",
        flatten=_only("MediaEncode", lambda v: str([*ENCODE_NAMES].index(v))),
    ),
    # text
    _row(
        "url-auth-key-stripped",
        "Takes auth_key out of StreamURL.",
        flatten=_value("StreamURL", _without_auth_key),
    ),
    _row("url-decoded", "Percent-decodes StreamURL.", flatten=_value("StreamURL", unquote)),
    _row(
        "url-double-encoded",
        "Percent-encodes StreamURL before sending it.",
        flatten=_value("StreamURL", lambda v: quote(v, safe=":/?&=%")),
    ),
    _row(
        "url-fully-encoded",
        "Percent-encodes the whole of StreamURL once too often.",
        flatten=_value("StreamURL", lambda v: quote(v, safe="")),
    ),
    _row(
        "url-lower-cased", "Sends StreamURL in lower case.", flatten=_value("StreamURL", str.lower)
    ),
    _row(
        "url-cut-at-question-mark",
        "Cuts StreamURL at '?'.",
        flatten=_value("StreamURL", lambda v: v.partition("?")[0]),
    ),
    _row(
        "url-cut-at-ampersand",
        "Cuts StreamURL at '&'.",
        flatten=_value("StreamURL", lambda v: v.partition("&")[0]),
    ),
    _row(
        "url-cut-at-hash",
        "Cuts StreamURL at '#'.",
        flatten=_value("StreamURL", lambda v: v.partition("#")[0]),
    ),
    _row(
        "url-plus-as-space",
        "Turns '+' in StreamURL into a space.",
        flatten=_value("StreamURL", lambda v: v.replace("+", " ")),
    ),
    _row(
        "url-html-escaped",
        "Sends '&' in StreamURL as '&amp;'.",
        flatten=_value("StreamURL", lambda v: v.replace("&", "&amp;")),
    ),
    _row(
        "url-as-http",
        "Sends StreamURL with http in place of rtmp.",
        flatten=_value("StreamURL", lambda v: v.replace("rtmp:", "http:", 1)),
    ),
    _row(
        "latin-1",
        "Sends a question mark for what Latin-1 lacks.",
        flatten=_values(lambda v: v.encode("latin-1", "replace").decode("latin-1")),
    ),
    _row(
        "mojibake",
        "Reads UTF-8 as Latin-1 before sending it.",
        flatten=_values(lambda v: v.encode().decode("latin-1")),
    ),
    _row("gbk", "Encodes as GBK.", encode=_gbk, wire_encode=_gbk),
    _row(
        "ascii-escapes",
        r"Sends non-ASCII characters as \uXXXX.",
        flatten=_values(lambda v: v.encode("ascii", "backslashreplace").decode()),
    ),
    _row(
        "normalised",
        "Composes combining marks (NFC).",
        flatten=_values(lambda v: unicodedata.normalize("NFC", v)),
    ),
    _row(
        "emoji-dropped",
        "Drops characters beyond the Basic Multilingual Plane.",
        flatten=_values(lambda v: "".join(c for c in v if ord(c) < 0x10000)),
    ),
    _row("quotes-dropped", "Drops apostrophes.", flatten=_values(lambda v: v.replace("'", ""))),
    _row("user-id-stripped", "Strips spaces around UserId.", flatten=_value("UserId", str.strip)),
    _row(
        "user-id-spaces-removed",
        "Removes every space from UserId.",
        flatten=_value("UserId", lambda v: v.replace(" ", "")),
    ),
    _row("user-id-lower-cased", "Sends UserId in lower case.", flatten=_value("UserId", str.lower)),
    _row("user-id-decoded", "Percent-decodes UserId.", flatten=_value("UserId", unquote)),
    _row("task-id-upper-cased", "Sends TaskId in upper case.", flatten=_value("TaskId", str.upper)),
    _row(
        "task-id-truncated",
        "Sends the first 32 characters of TaskId.",
        flatten=_value("TaskId", lambda v: v[:32]),
    ),
    _row(
        "task-id-from-channel",
        "Sends the ChannelId as TaskId.",
        flatten=_params(lambda p: p.update(TaskId=p["ChannelId"])),
    ),
)

_SIGNATURES = (
    _row(
        "signs-plus-for-space",
        "Signs a space as '+'.",
        encode=_encode(lambda t: t.replace("%20", "+")),
    ),
    _row(
        "signs-tilde-encoded", "Signs '~' as %7E.", encode=_encode(lambda t: t.replace("~", "%7E"))
    ),
    _row(
        "signs-star-bare", "Signs '*' as itself.", encode=_encode(lambda t: t.replace("%2A", "*"))
    ),
    _row(
        "signs-slash-bare",
        "Signs '/' in values as itself.",
        encode=_encode(lambda t: t if t == "%2F" else t.replace("%2F", "/")),
    ),
    _row(
        "signs-like-encode-uri-component",
        "Signs ! ' ( ) * as themselves.",
        encode=lambda client, text: quote(text, safe="~!'()*"),
    ),
    _row(
        "signs-lower-case-hex",
        "Signs percent-encoding in lower case.",
        encode=_encode(lambda t: re.sub("%..", lambda m: m[0].lower(), t)),
    ),
    _row(
        "signs-double-encoded",
        "Encodes once more than it should.",
        canonical=lambda client, pairs: client.encode(BASE.canonical(client, pairs)),
    ),
    _row(
        "signs-unencoded-query",
        "Does not encode the query a second time.",
        string_to_sign=lambda client, method, pairs: f"{method}&%2F&{client.canonical(pairs)}",
    ),
    _row(
        "signs-bare-path",
        "Signs '/' in place of %2F.",
        string_to_sign=_string_to_sign(lambda t: t.replace("&%2F&", "&/&", 1)),
    ),
    _row("signs-unsorted", "Signs the pairs unsorted.", sort=lambda client, pairs: pairs),
    _row(
        "signs-joined-order",
        "Sorts name=value texts, so LayoutIds.10 comes before LayoutIds.1.",
        sort=lambda client, pairs: sorted(pairs, key=lambda p: f"{p[0]}={p[1]}"),
    ),
    _row(
        "signs-natural-order",
        "Sorts LayoutIds.2 before LayoutIds.10.",
        sort=lambda client, pairs: sorted(pairs, key=lambda p: _natural(p[0])),
    ),
    _row(
        "signs-reverse-order",
        "Sorts backwards.",
        sort=lambda client, pairs: sorted(pairs, reverse=True),
    ),
    _row("key-without-ampersand", "Signs with the bare secret.", key=lambda client, secret: secret),
    _row(
        "key-before-ampersand",
        "Signs with '&' before the secret.",
        key=lambda client, secret: f"&{secret}",
    ),
    _row(
        "digest-as-hex",
        "Sends the digest as hexadecimal digits.",
        digest_text=lambda client, digest: digest.hex(),
    ),
    _row(
        "digest-url-safe",
        "Sends the digest in the URL-safe Base64 alphabet.",
        digest_text=lambda client, digest: base64.urlsafe_b64encode(digest).decode(),
    ),
    _row(
        "digest-unpadded",
        "Sends the digest without Base64's padding.",
        digest_text=lambda client, digest: base64.b64encode(digest).decode().rstrip("="),
    ),
    _row(
        "digest-with-newline",
        "Sends the digest with a newline behind.",
        digest_text=lambda client, digest: base64.encodebytes(digest).decode(),
    ),
    _row(
        "signature-not-encoded",
        "Sends Signature unencoded, so its '+' becomes a space.",
        wire=_raw_signature,
    ),
    _row("signs-sha256", "Hashes with SHA-256 without a key.", sign=_sha256),
    _row(
        "signs-get-sends-post",
        "Signs GET and sends POST.",
        options=POST,
        string_to_sign=lambda client, method, pairs: BASE.string_to_sign(client, "GET", pairs),
    ),
    _row(
        "signs-post-sends-get",
        "Signs POST and sends GET.",
        string_to_sign=lambda client, method, pairs: BASE.string_to_sign(client, "POST", pairs),
    ),
    _row(
        "signs-lower-case-method",
        "Signs the method in lower case.",
        string_to_sign=lambda client, method, pairs: BASE.string_to_sign(client, "get", pairs),
    ),
    _row(
        "signs-no-empty-values",
        "Sends RegionId empty and leaves it out of the signature.",
        common_pairs=_common(lambda pairs, _: [*pairs, ("RegionId", "")]),
        signed_pairs=lambda client, pairs: [p for p in pairs if p[1]],
    ),
    _row(
        "signs-no-lists",
        "Leaves lists out of the signature.",
        signed_pairs=lambda client, pairs: [p for p in pairs if "." not in p[0]],
    ),
    _row(
        "signs-common-only",
        "Leaves the task out of the signature.",
        signed_pairs=lambda client, pairs: [
            p for p in pairs if p[0][:3] in ("Act", "Ver", "For", "Acc", "Sig", "Tim", "Sec")
        ],
    ),
    _row(
        "signs-no-token",
        "Leaves SecurityToken out of the signature.",
        signed_pairs=lambda client, pairs: [p for p in pairs if p[0] != "SecurityToken"],
    ),
    _row("sends-no-token", "Never sends SecurityToken.", common_pairs=_without("SecurityToken")),
    _row(
        "form-signed-as-query-only",
        "Leaves the form out of the signature.",
        options=FORM,
        signed_pairs=lambda client, pairs: [],
    ),
    _row(
        "v3-key-with-ampersand",
        "Signs V3 with 1.0's key.",
        options=V3,
        v3_key=lambda client, secret: f"{secret}&",
    ),
    _row(
        "v3-digest-as-base64",
        "Sends V3's digest in Base64.",
        options=V3,
        v3_digest_text=lambda client, digest: base64.b64encode(digest).decode(),
    ),
    _row(
        "v3-body-not-hashed",
        "Hashes an empty body though it sends a form.",
        options=V3_FORM,
        v3_body_hash=_hash_of_nothing,
    ),
    _row(
        "v3-host-not-signed",
        "Leaves host out of the signature.",
        options=V3,
        v3_signed_headers=_unsigned("host"),
    ),
    _row(
        "v3-type-added",
        "Sends a Content-Type that was added after V3 signed, as aiohttp does.",
        level="reading",
        options=V3 | POST,
        extra_headers=_header(lambda call: ("Content-Type", "application/octet-stream")),
    ),
    _row(
        "v3-type-not-signed",
        "Leaves content-type out of the signature.",
        level="reading",
        options=V3_FORM,
        v3_signed_headers=_unsigned("content-type"),
    ),
    _row(
        "v3-nonce-not-signed",
        "Leaves the nonce out of the signature.",
        options=V3,
        v3_signed_headers=_unsigned("x-acs-signature-nonce"),
    ),
    _row(
        "v3-date-not-signed",
        "Leaves the date out of the signature.",
        options=V3,
        v3_signed_headers=_unsigned("x-acs-date"),
    ),
    _row(
        "v3-token-not-signed",
        "Leaves the token out of the signature.",
        options=V3,
        v3_signed_headers=_unsigned("x-acs-security-token"),
    ),
    _row(
        "v3-token-not-sent",
        "Never sends the token.",
        options=V3,
        v3_headers=_unsent("x-acs-security-token"),
    ),
    _row(
        "v3-date-not-sent", "Never sends x-acs-date.", options=V3, v3_headers=_unsent("x-acs-date")
    ),
    _row(
        "v3-nonce-not-sent",
        "Never sends x-acs-signature-nonce.",
        options=V3,
        v3_headers=_unsent("x-acs-signature-nonce"),
    ),
    _row(
        "v3-headers-unsorted",
        "Signs the headers in the order of sending.",
        options=V3,
        v3_signed_headers=lambda client, headers: list(headers),
    ),
    _row(
        "v3-query-unsorted",
        "Signs the query unsorted.",
        options=V3,
        sort=lambda client, pairs: pairs,
    ),
    _row("v3-query-not-encoded", "Signs the query decoded.", options=V3, canonical=_bare_canonical),
    _row(
        "v3-signs-plus-for-space",
        "Signs a space in the query as '+'.",
        options=V3,
        encode=_encode(lambda t: t.replace("%20", "+")),
    ),
)

_COMMON = (
    _row("nonce-constant", "Sends one nonce for ever.", nonce=lambda client, call: "1"),
    _row(
        "nonce-from-second",
        "Makes the nonce of the second.",
        nonce=lambda client, call: str(int(time.time())),
    ),
    _row(
        "nonce-from-task",
        "Makes the nonce of the task, so a repeated start repeats it.",
        nonce=lambda client, call: hashlib.md5(str(call.params["TaskId"]).encode()).hexdigest(),
    ),
    _row("nonce-cycles", "Runs through three nonces, then repeats them.", kind=CountsToThree),
    _row(
        "nonce-constant-v3",
        "Sends one nonce for ever in V3.",
        options=V3,
        nonce=lambda client, call: "1",
    ),
    _row("nonce-omitted", "Never sends SignatureNonce.", common_pairs=_without("SignatureNonce")),
    _row(
        "timestamp-local",
        "Sends Beijing's wall clock as UTC.",
        timestamp=_clock(ISO, shift=8 * 3600),
    ),
    _row(
        "timestamp-with-offset",
        "Sends the time with +00:00.",
        timestamp=_clock("%Y-%m-%dT%H:%M:%S+00:00"),
    ),
    _row("timestamp-without-z", "Sends the time without Z.", timestamp=_clock("%Y-%m-%dT%H:%M:%S")),
    _row(
        "timestamp-with-fraction",
        "Sends the time with milliseconds.",
        timestamp=_clock("%Y-%m-%dT%H:%M:%S.000Z"),
    ),
    _row(
        "timestamp-with-space",
        "Sends the time with a space for T.",
        timestamp=_clock("%Y-%m-%d %H:%M:%SZ"),
    ),
    _row(
        "timestamp-epoch",
        "Sends seconds since 1970.",
        timestamp=lambda client: str(int(time.time())),
    ),
    _row(
        "timestamp-http-date",
        "Sends the time as HTTP writes it.",
        timestamp=_clock("%a, %d %b %Y %H:%M:%S GMT"),
    ),
    _row(
        "timestamp-stale", "Sends a time twenty minutes past.", timestamp=_clock(ISO, shift=-1200)
    ),
    _row(
        "timestamp-ahead", "Sends a time twenty minutes to come.", timestamp=_clock(ISO, shift=1200)
    ),
    _row("timestamp-cached", "Reads the clock once, sixteen minutes ago.", kind=CachesTimestamp),
    _row(
        "timestamp-epoch-v3",
        "Sends seconds since 1970 in V3.",
        options=V3,
        timestamp=lambda client: str(int(time.time())),
    ),
    _row(
        "timestamp-local-v3",
        "Sends Beijing's wall clock as UTC in V3.",
        options=V3,
        timestamp=_clock(ISO, shift=8 * 3600),
    ),
    _row(
        "secret-in-query",
        "Sends the secret as a parameter.",
        common_pairs=_common(
            lambda pairs, call: [*pairs, ("AccessKeySecret", call.credentials.access_key_secret)]
        ),
    ),
    _row(
        "secret-in-form",
        "Sends the secret as a field of the form.",
        options=FORM,
        common_pairs=_common(
            lambda pairs, call: [*pairs, ("AccessKeySecret", call.credentials.access_key_secret)]
        ),
    ),
    _row(
        "secret-in-header",
        "Sends the secret in a header.",
        extra_headers=_header(lambda call: ("X-Debug", call.credentials.access_key_secret)),
    ),
    _row(
        "secret-in-user-agent",
        "Sends the secret in User-Agent.",
        extra_headers=_header(
            lambda call: ("User-Agent", f"client/1 ({call.credentials.access_key_secret})")
        ),
    ),
    _row(
        "secret-in-cookie",
        "Sends the secret in a cookie.",
        extra_headers=_header(lambda call: ("Cookie", f"key={call.credentials.access_key_secret}")),
    ),
    _row(
        "secret-in-basic-auth",
        "Sends key and secret as basic authentication, in Base64.",
        extra_headers=_header(lambda call: ("Authorization", _basic(call))),
    ),
    _row("secret-in-body", "Sends the secret in the body of a GET.", build=_request(_debug_body)),
    _row("version-wrong", "Sends the version of another API.", version=lambda client: "2018-11-01"),
    _row("version-omitted", "Never sends Version.", common_pairs=_without("Version")),
    _row(
        "action-lower-case",
        "Sends the action as startMPUTask.",
        action=lambda client: "startMPUTask",
    ),
    _row(
        "action-misspelt", "Sends the action as StartMpuTask.", action=lambda client: "StartMpuTask"
    ),
    _row("action-omitted", "Never sends Action.", common_pairs=_without("Action")),
    _row("format-unknown", "Asks for YAML.", options={"reply_format": "YAML"}),
    _row(
        "format-forgotten",
        "Names no format and can read JSON alone.",
        options={"reply_format": None},
        parse=_json_only,
    ),
    _row(
        "signature-method-wrong",
        "Names HMAC-SHA256 for signature 1.0.",
        common_pairs=_set("SignatureMethod", "HMAC-SHA256"),
    ),
    _row(
        "signature-method-omitted",
        "Never sends SignatureMethod.",
        common_pairs=_without("SignatureMethod"),
    ),
    _row(
        "signature-version-wrong",
        "Sends SignatureVersion 1.",
        common_pairs=_set("SignatureVersion", "1"),
    ),
    _row(
        "key-id-upper-cased",
        "Sends the key id in upper case.",
        common_pairs=_common(
            lambda pairs, call: [(n, v.upper() if n == "AccessKeyId" else v) for n, v in pairs]
        ),
    ),
    _row("path-api", "Sends the request to /api.", level="companion", path=lambda client: "/api"),
    _row("method-put", "Sends PUT.", options={"method": "PUT"}),
    _row("method-delete", "Sends DELETE.", options={"method": "DELETE"}),
    _row(
        "form-without-type",
        "Sends a form without its Content-Type.",
        options=FORM,
        build=_request(_without_content_type),
    ),
    _row(
        "form-and-query",
        "Sends every pair both in the query and in the form.",
        options=FORM,
        build=_request(_query_too),
    ),
)

_REPLIES = (
    _row(
        "code-ignored-in-200",
        "Takes HTTP 200 with a RequestId for success, Code or not.",
        judge=_trusting(lambda reply, fields: reply.status == 200 and "RequestId" in fields),
    ),
    _row(
        "every-200-is-success",
        "Takes every HTTP 200 for success.",
        judge=_trusting(lambda reply, fields: reply.status == 200, default="unknown"),
    ),
    _row(
        "only-4xx-is-error",
        "Takes an HTTP 5xx with a RequestId for success.",
        judge=_trusting(lambda reply, fields: reply.status >= 500 and "RequestId" in fields),
    ),
    _row(
        "existed-is-success",
        "Takes TaskExisted for success.",
        judge=_trusting(lambda reply, fields: fields.get("Code") == "TaskExisted"),
    ),
    _row(
        "knows-existed-only",
        "Takes every Code in an HTTP 200 but TaskExisted for success.",
        judge=_trusting(
            lambda reply, fields: (
                reply.status == 200
                and "RequestId" in fields
                and fields.get("Code") != "TaskExisted"
            )
        ),
    ),
    _row(
        "unknown-code-is-success",
        "Takes a Code it does not know in an HTTP 200 for success.",
        judge=_trusting(
            lambda reply, fields: (
                reply.status == 200
                and "RequestId" in fields
                and fields.get("Code") not in KNOWN_CODES
            )
        ),
    ),
    _row(
        "xml-code-ignored",
        "Takes every XML reply with a RequestId for success.",
        options=XML,
        judge=_xml_id_only,
    ),
    _row(
        "id-made-up",
        "Returns a RequestId of its own making.",
        judge=_id(lambda request_id: uuid.uuid4().hex),
    ),
    _row("id-lower-cased", "Returns the RequestId in lower case.", judge=_id(str.lower)),
    _row("id-upper-cased", "Returns the RequestId in upper case.", judge=_id(str.upper)),
    _row(
        "id-without-dashes",
        "Returns the RequestId without its dashes.",
        judge=_id(lambda request_id: request_id.replace("-", "")),
    ),
    _row(
        "id-truncated",
        "Returns the first 32 characters of the RequestId.",
        judge=_id(lambda request_id: request_id[:32]),
    ),
    _row("id-of-call-before", "Returns the RequestId of the call before.", kind=ReturnsPrevious),
    _row(
        "id-must-be-hex",
        "Refuses a RequestId that is not 32 lower-case digits.",
        level="companion",
        judge=_strict_id,
    ),
    _row("id-is-none", "Returns None for a success.", judge=_id(lambda _: cast("str", None))),
    _row(
        "code-is-status",
        "Reports the HTTP status for the Code.",
        judge=_code(lambda error: str(error.http_status)),
    ),
    _row(
        "code-unknown-dropped",
        "Reports no Code when it does not know it.",
        judge=_code(lambda error: error.code if error.code in KNOWN_CODES else None),
    ),
    _row(
        "code-unknown-is-internal",
        "Reports InternalError for a Code it does not know.",
        judge=_code(lambda error: error.code if error.code in KNOWN_CODES else "InternalError"),
    ),
    _row(
        "code-cut-at-dot",
        "Reports the Code up to its dot.",
        judge=_code(lambda error: (error.code or "").partition(".")[0]),
    ),
    _row("code-is-message", "Reports the Message for the Code.", judge=_code(str)),
    _row(
        "code-lower-cased",
        "Reports the Code in lower case.",
        judge=_code(lambda error: (error.code or "").lower()),
    ),
    _row("code-lost", "Raises an error without a Code.", perform=_loses_code),
    _row(
        "code-none-in-5xx",
        "Reports no Code when the HTTP status is 5xx.",
        judge=_code(lambda error: None if (error.http_status or 0) >= 500 else error.code),
    ),
    _row(
        "empty-is-success",
        "Takes an empty body for success.",
        judge=_unreadable_is_fine(lambda reply: not reply.body.strip()),
    ),
    _row(
        "html-is-success",
        "Takes an HTML page for success.",
        judge=_unreadable_is_fine(lambda reply: b"<html" in reply.body.lower()),
    ),
    _row("truncated-is-success", "Finds the RequestId in truncated JSON.", judge=_by_regex),
    _row(
        "array-is-success",
        "Takes a JSON array for success.",
        judge=_unreadable_is_fine(lambda reply: reply.body.startswith(b"[")),
    ),
    _row(
        "array-ends-process",
        "Ends the process when the reply is a JSON array.",
        judge=_exits_on_array,
    ),
    _row(
        "no-id-is-success",
        "Takes a JSON object with neither RequestId nor Code for success.",
        judge=_trusting(
            lambda reply, fields: bool(fields) and not {"RequestId", "Code"} & {*fields},
            default="unknown",
        ),
    ),
    _row(
        "extra-field-is-error",
        "Cannot read a reply with an additional field.",
        level="companion",
        judge=_strict_schema,
    ),
    _row("xml-unreadable", "Asks for XML and cannot read it.", options=XML, parse=_json_only),
    _row("errors-swallowed", "Returns None for every error.", perform=_swallow),
    _row("never-recovers", "Fails every call after its first error.", kind=NeverRecovers),
    _row(
        "dies-on-unreadable", "Fails every call after an unreadable reply.", kind=DiesOnUnreadable
    ),
    _row("hangs", "Waits a minute for a reply.", perform=_patient(HANG)),
    _row("timeout-at-each-byte", "Grants every byte the whole timeout.", perform=_anew),
    _row(
        "reset-is-success",
        "Takes a connection that is reset before the reply for success.",
        perform=_lost_is_fine("RemoteDisconnected", "ConnectionResetError"),
    ),
    _row(
        "reset-amid-is-success",
        "Takes a connection that is reset amid the reply for success.",
        perform=_lost_is_fine("IncompleteRead", "ConnectionResetError"),
    ),
    _row(
        "short-is-success",
        "Takes a body shorter than it should be for success.",
        perform=_lost_is_fine("IncompleteRead"),
    ),
    _row(
        "no-http-is-success",
        "Takes what is no HTTP for success.",
        perform=_lost_is_fine("BadStatusLine"),
    ),
    _row(
        "comma-made-up",
        "Makes a RequestId up where JSON ends with a comma.",
        judge=_made_up_at(b",}"),
    ),
    _row(
        "type-trusted",
        "Refuses a reply that is called a page.",
        level="reading",
        parse=_json_type_only,
    ),
    _row("reads-latin-1", "Reads replies as Latin-1.", level="companion", parse=_as_latin_1),
    _row("timeout-ignored", "Waits thirty seconds for a reply.", perform=_patient(30.0)),
    _row(
        "retries-after-timeout",
        "Sends again, twice, when no reply came in time.",
        perform=_retry_after_timeout,
    ),
    _row(
        "retries-existed",
        "Sends again while the task exists, until time is up.",
        perform=_until_not_existed(change_task=False),
    ),
    _row(
        "retries-existed-renamed",
        "Starts another TaskId when the task exists.",
        perform=_until_not_existed(change_task=True),
    ),
)

FAULTY_CLIENTS: tuple[ZooClient, ...] = (*_PARAMETERS, *_SIGNATURES, *_COMMON, *_REPLIES)


# -- odd but legal -----------------------------------------------------------------------------


def _lower_hex(client: IndependentClient, text: str) -> str:
    """Percent-encode for the wire with lower-case digits."""
    return re.sub("%..", lambda match: match[0].lower(), BASE.encode(client, text))


def _split_post(client: IndependentClient, pairs: Pairs) -> tuple[Pairs, Pairs]:
    """Put every other pair into the query, the rest into the form."""
    return pairs[::2], pairs[1::2]


def _extra_pairs(client: IndependentClient, call: Call) -> Pairs:
    """Send what published clients send beside the documented parameters."""
    extra = [("RegionId", "cn-hangzhou"), ("SignatureType", ""), ("OwnerId", "1 *~/中")]
    return [*BASE.common_pairs(client, call), *extra]


LEGAL_CLIENTS: tuple[ZooClient, ...] = (
    _row("plain", "Signs with 1.0, sends GET, asks for JSON."),
    _row("xml", "Asks for XML.", options=XML),
    _row(
        "default-format",
        "Names no format and reads the XML that is the default.",
        options={"reply_format": None},
    ),
    _row("comma-read", "Reads JSON that ends with S1's comma.", parse=_without_comma),
    _row("format-mixed-case", "Asks for jSoN.", options={"reply_format": "jSoN"}),
    _row("post-query", "Sends POST with everything in the query.", options=POST),
    _row("post-form", "Sends POST with everything in a form.", options=FORM),
    _row(
        "post-split",
        "Sends POST with half in the query, half in a form.",
        options=FORM,
        place=_split_post,
    ),
    _row("v3", "Signs with V3.", options=V3),
    _row("v3-form", "Signs with V3 and sends a form.", options=V3_FORM),
    _row("v3-xml", "Signs with V3 and asks for XML.", options=V3 | XML),
    _row(
        "v3-default-format",
        "Signs with V3 and names no format.",
        options=V3 | {"reply_format": None},
    ),
    _row(
        "panes-from-one",
        "Counts UserPanes from 1, as published clients do.",
        options={"user_panes_from": 1},
    ),
    _row(
        "reversed-order", "Sends the pairs in reverse.", arrange=lambda client, pairs: pairs[::-1]
    ),
    _row(
        "panes-before-layouts",
        "Sends the pairs sorted.",
        arrange=lambda client, pairs: sorted(pairs),
    ),
    _row(
        "gateway-parameters",
        "Sends RegionId, OwnerId and an empty SignatureType.",
        common_pairs=_extra_pairs,
    ),
    _row(
        "method-mixed-case",
        "Names the signature method Hmac-SHA1.",
        common_pairs=_set("SignatureMethod", "Hmac-SHA1"),
    ),
    _row(
        "plus-on-the-wire",
        "Sends a space as '+' and signs it as %20.",
        wire_encode=lambda client, text: quote_plus(text, safe="~*/"),
    ),
    _row(
        "v3-plus-on-the-wire",
        "Sends a space as '+' and ~ * / bare, and signs V3 as it should.",
        options=V3,
        wire_encode=lambda client, text: quote_plus(text, safe="~*/"),
    ),
    _row(
        "lower-hex-on-the-wire",
        "Percent-encodes in lower case on the wire only.",
        wire_encode=_lower_hex,
    ),
    _row(
        "uuid-nonce",
        "Sends a dashed upper-case UUID for a nonce.",
        nonce=lambda client, call: str(uuid.uuid4()).upper(),
    ),
    _row(
        "more-headers",
        "Sends headers nobody asked for.",
        extra_headers=lambda client, call: [
            ("user-agent", "odd/1"),
            ("accept-encoding", "identity"),
            ("connection", "close"),
            ("x-sdk-client", "odd/1"),
            ("accept-language", "zh-CN"),
        ],
    ),
    _row(
        "form-type-with-charset",
        "Sends a form whose type names its charset.",
        options=FORM,
        build=_request(
            lambda request, call: replace(
                request,
                headers=tuple(
                    (n, f"{v}; charset=UTF-8" if v == FORM_TYPE else v) for n, v in request.headers
                ),
            )
        ),
    ),
)
