"""What a client and an endpoint do, as facts that can be compared.

Legal oddities leave no trace in the facts; a bug does. Facts come lazily: the cheap ones first, the
ones that take time last.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import combinations
from typing import Any
from xml.etree import ElementTree

from .client import Call, Credentials, HttpRequest, IndependentClient, Pairs
from .endpoint import ROWS, Incoming, IndependentEndpoint, Pair, Refusal, Reply, serve
from .zoo_clients import LEGAL_CLIENTS, Start, Stepped
from .zoo_endpoints import HONEST

Fact = tuple[Any, ...]

KEY, SECRET = "testid", "testsecret"
CREDENTIALS = {"access_key_id": KEY, "access_key_secret": SECRET, "security_token": "tok/en+="}
TRICKY = " +*~%41&=/?#'()!中文🎉e\u0301é "
TASK_NAMES = (
    "AppId",
    "ChannelId",
    "TaskId",
    "TaskProfile",
    "MediaEncode",
    "BackgroundColor",
    "LayoutIds",
    "UserPanes",
    "StreamURL",
)
COMMON_NAMES = frozenset(
    (
        "Action",
        "Version",
        "Format",
        "AccessKeyId",
        "Signature",
        "SignatureMethod",
        "SignatureVersion",
        "SignatureNonce",
        "SignatureType",
        "Timestamp",
        "SecurityToken",
        "RegionId",
        "OwnerId",
    )
)


def pane(number: int, user: str = "user", source: str = "camera") -> dict[str, Any]:
    """Return a pane."""
    return {"PaneId": number, "UserId": user, "SourceType": source}


def task(task_id: str = "task-1", **changes: Any) -> dict[str, Any]:
    """Return a small task, with changes; a change to None leaves the parameter out."""
    params = {
        "AppId": "app-1",
        "ChannelId": "channel-1",
        "TaskId": task_id,
        "TaskProfile": "4IN_720P",
        "MediaEncode": 20,
        "BackgroundColor": 255,
        "LayoutIds": [1, 2],
        "StreamURL": "rtmp://push.example.com/live/s?auth_key=1-0-0-a",
    }
    return {name: value for name, value in (params | changes).items() if value is not None}


TASKS = (
    task("task-zero", MediaEncode=0, BackgroundColor=0, UserPanes=[pane(0)]),
    task(
        "Task_" + "x" * 50,
        TaskProfile="Mixed_Audio",
        MediaEncode=30,
        BackgroundColor=0xFFFF01,
        LayoutIds=[11, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1],
        UserPanes=[
            pane(15, TRICKY, "shareScreen"),
            *(pane(n, f"User-{n}") for n in range(14)),
            pane(14, "User-1"),
        ],
        StreamURL="rtmp://push.example.com/Live/s?a=1&auth_key=1-0-0-a%2Bb+c&b=2#f" + TRICKY,
    ),
    task("task-none", MediaEncode=1, UserPanes=[]),
    task("task-five"),
    task("task-six", ChannelId="channel-2", AppId="App-2"),
)


# -- a client's facts --------------------------------------------------------------------------


class Remembering(IndependentEndpoint):
    """An endpoint that remembers what it answered, with RequestIds of the longer form."""

    def __init__(self) -> None:
        """Start with no memory."""
        super().__init__()
        self.ids: list[str] = []
        self.codes: list[str] = []

    def request_id(self) -> str:
        """Return an upper-case UUID with dashes."""
        self.ids.append(str(uuid.uuid4()).upper())
        return self.ids[-1]

    def success(self, request: Incoming) -> Reply:
        """Remember a success."""
        self.codes.append("")
        return super().success(request)

    def failure(self, request: Incoming, refusal: Refusal) -> Reply:
        """Remember a failure."""
        self.codes.append(refusal.row.code)
        return super().failure(request, refusal)


class Scripted(IndependentEndpoint):
    """An endpoint that answers what it is told."""

    def __init__(self, answer: Callable[[IndependentEndpoint, Incoming], Reply]) -> None:
        """Answer by a function."""
        super().__init__()
        self.answer = answer

    def handle(self, method: str, target: str, headers: Any, body: bytes) -> Reply:
        """Answer whatever was asked."""
        request = self.read(method, target, headers, body)
        self.received.append(request)
        return self.answer(self, request)


def outcome(start: Start, url: str, params: dict[str, Any], timeout: float = 2) -> tuple[Any, ...]:
    """Return what a start comes to: a RequestId or a Code."""
    try:
        return ("ok", start(params, endpoint=url, credentials=CREDENTIALS, timeout=timeout))
    except Exception as error:
        return ("error", getattr(error, "code", None))
    except SystemExit:
        return ("exit",)


def task_pairs(request: Incoming) -> Pairs:
    """Return the task's pairs as sent, panes counted from 0, order on the wire forgotten."""
    pairs = sorted(pair for pair in request.pairs if pair[0] not in COMMON_NAMES)
    numbers = {name.split(".")[1] for name, _ in pairs if name.startswith("UserPanes.")}
    if not numbers or "0" in numbers or not all(number.isdigit() for number in numbers):
        return pairs
    return sorted(
        (re.sub(r"^UserPanes\.(\d+)", lambda m: f"UserPanes.{int(m[1]) - 1}", n), v)
        for n, v in pairs
    )


def shows_secret(request: Incoming) -> bool:
    """Say whether the secret is anywhere in the request, in Base64 too."""
    texts = [f"{n}={v}" for n, v in (*request.pairs, *request.headers.items())]
    encoded = [
        base64.b64decode(word + "==")
        for text in texts
        for word in re.findall(r"[A-Za-z0-9+/]{8,}", text)
        if len(word) % 4 != 1
    ]
    plain = [text.encode() for text in texts]
    return any(SECRET.encode() in data for data in (*plain, *encoded, request.body))


REPLIES: tuple[tuple[int, dict[str, str] | bytes], ...] = (
    *(
        (row.status, {"RequestId": "R-1", "HostId": "h", "Code": row.code, "Message": row.message})
        for row in ROWS.values()
        if "{" not in row.code
    ),
    (200, {"RequestId": "R-1", "HostId": "h", "Code": "App.Stop", "Message": "m"}),
    (200, {"RequestId": "R-1", "HostId": "h", "Code": "Never.Seen", "Message": "m"}),
    (
        503,
        {"RequestId": "R-1", "Code": "Never.Seen", "Message": "m", "Recommend": "https://a/?b&c"},
    ),
    (200, {"RequestId": "R-2", "HostId": "h"}),
    (200, {"HostId": "h"}),
    (200, b""),
    (200, b"<html><body>Welcome</body></html>"),
    (502, b"<html><body>Bad gateway<br></body></html>"),
    (200, b'{"RequestId": "R-1", "Ho'),
    (200, b'["RequestId", "R-1"]'),
    (200, b'{"RequestId": "R-1", }'),
    (200, {"RequestId": "0123456789abcdef0123456789abcdef"}),
)


def scripted(status: int, content: dict[str, str] | bytes) -> Scripted:
    """Return an endpoint with one answer."""

    def answer(endpoint: IndependentEndpoint, request: Incoming) -> Reply:
        """Answer in the format that was asked for, or with bytes."""
        if isinstance(content, dict):
            return endpoint.reply(request, status, content)
        return status, endpoint.reply_headers("text/plain", content), content

    return Scripted(answer)


@contextmanager
def dripping() -> Iterator[str]:
    """Run a server whose reply comes a byte at a time, for two seconds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            """Answer one connection."""
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                    for _ in range(32):
                        connection.sendall(b" ")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def client_facts(start: Start) -> Iterator[Fact]:
    """Observe a client: what it sends and what it makes of replies."""
    endpoint = Remembering()
    nonces = set()
    with serve(endpoint) as url:
        for number, params in enumerate((*TASKS, *TASKS[-2:])):
            seen = len(endpoint.received)
            result = outcome(start, url, params)
            requests = endpoint.received[seen:]
            yield "requests", number, len(requests)
            request, code = requests[0], endpoint.codes[-1]
            yield "answered", number, request.method in ("GET", "POST"), code
            yield "returned", number, result[0], result[1:] == (code or endpoint.ids[-1],)
            yield "sent", number, task_pairs(request)
            yield (
                "token",
                CREDENTIALS["security_token"]
                in (
                    request.get("SecurityToken"),
                    request.headers.get("x-acs-security-token"),
                ),
            )
            yield "secret", shows_secret(request)
            nonces.add(request.common["SignatureNonce"])
            yield "nonces", len(nonces) - number
            moment = endpoint.moment(request.common["Timestamp"])
            yield "fresh", moment is not None and abs(moment - time.time()) < 60
    for number, (status, content) in enumerate(REPLIES):
        told = scripted(status, content)
        with serve(told) as url:
            made = outcome(start, url, task(f"task-{number}"))
            # S1 prints that comma: to read it is as right as to refuse it.
            comma = isinstance(content, bytes) and content.endswith(b", }")
            either = comma and made in (("ok", "R-1"), ("error", None))
            yield "made of", number, "either" if either else made
            yield "requests for", number, len(told.received)
    endpoint = Remembering()
    with serve(endpoint) as url:
        for number in range(40):
            yield "many", number, outcome(start, url, task(f"many-{number}"))[0]


def patience_facts(start: Start) -> Iterator[Fact]:
    """Observe how long a client waits for a reply that does not come, and one that drips."""
    for name, server in (("silent", partial(serve, silent())), ("dripping", dripping)):
        with server() as url:
            began = time.monotonic()
            result = outcome(start, url, task(), timeout=0.4)
            yield "waited", name, result, time.monotonic() - began < 1


def silent() -> Scripted:
    """Return an endpoint that says nothing for more than a second."""

    def answer(endpoint: IndependentEndpoint, request: Incoming) -> Reply:
        """Wait, then answer all the same."""
        time.sleep(1.6)
        return endpoint.reply(request, 200, {"RequestId": "late"})

    return Scripted(answer)


# -- an endpoint's facts -----------------------------------------------------------------------

PLAIN_CODES = {"Request.NoAppID": "MissingAppId", "Request.NoChannelID": "MissingChannelId"}
PLAIN_MESSAGES = {
    "AppID is absent": "AppId is mandatory for this action.",
    "ChannelID is absent": "ChannelId is mandatory for this action.",
}
ID_FORMS = r"[0-9a-f]{32}|[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"


class Prober:
    """Sends an endpoint requests and states what it answers."""

    def __init__(self, endpoint: IndependentEndpoint) -> None:
        """Probe an endpoint, under TaskIds of its own."""
        self.endpoint = endpoint
        self.ids: set[str] = set()
        self.tasks = 0

    def fresh(self, **changes: Any) -> dict[str, Any]:
        """Return a task nobody has started."""
        self.tasks += 1
        return task(f"task-{self.tasks}") | changes

    def request(
        self,
        params: dict[str, Any] | None = None,
        *,
        key: str = KEY,
        secret: str = SECRET,
        token: str | None = None,
        client: IndependentClient | None = None,
        options: dict[str, Any] | None = None,
        **steps: Callable[..., Any],
    ) -> HttpRequest:
        """Sign a request, a fresh task's unless told otherwise."""
        return (client or Stepped(steps, **(options or {}))).build(
            Call(
                params=self.fresh() if params is None else params,
                endpoint="http://127.0.0.1:1",
                credentials=Credentials(
                    access_key_id=key, access_key_secret=secret, security_token=token
                ),
                timeout=1,
                deadline=time.monotonic() + 1,
            )
        )

    def send(self, request: HttpRequest) -> Fact:
        """Send a request and state the answer, legal oddities smoothed away."""
        status, _, body = self.endpoint.handle(
            request.method, request.target, request.headers, request.body
        )
        text = body.decode()
        if text.startswith("<"):
            root = ElementTree.fromstring(text)
            form, fields = root.tag, {child.tag: child.text or "" for child in root}
        else:
            try:
                form, fields = "JSON", json.loads(text)
            except ValueError:
                return ("unreadable", text[-3:])
        code, message = fields.get("Code"), fields.get("Message", "")
        request_id = fields.get("RequestId", "")
        known = request_id in self.ids
        self.ids.add(request_id)
        return (
            status,
            form,
            PLAIN_CODES.get(str(code), code),
            PLAIN_MESSAGES.get(message, message.partition(" server string")[0]),
            "HostId" in fields or code is None,
            re.fullmatch(ID_FORMS, request_id) is not None,
            known,
        )

    def ask(self, params: dict[str, Any] | None = None, **changes: Any) -> Fact:
        """Sign, send, state."""
        return self.send(self.request(params, **changes))

    def pairs(self, change: Callable[[Pairs], Pairs], **changes: Any) -> Fact:
        """Send a fresh task whose pairs are changed."""
        return self.ask(
            flatten=lambda client, params: change(IndependentClient.flatten(client, params)),
            **changes,
        )

    def common(self, *given: Pair, without: str = "", **changes: Any) -> Fact:
        """Send a fresh task whose common parameters are changed."""

        def pairs(client: IndependentClient, call: Call) -> Pairs:
            """Return the changed common parameters."""
            honest = dict(IndependentClient.common_pairs(client, call)) | dict(given)
            honest.pop(without, None)
            return list(honest.items())

        return self.ask(common_pairs=pairs, **changes)


WAYS: tuple[dict[str, Any], ...] = (
    {"signature": "1.0"},
    {"signature": "1.0", "method": "POST"},
    {"signature": "1.0", "method": "POST", "form": True},
    {"signature": "v3"},
    {"signature": "v3", "method": "POST"},
    {"signature": "v3", "method": "POST", "form": True},
)


def endpoint_facts(make: Callable[[], IndependentEndpoint]) -> Iterator[Fact]:
    """Observe an endpoint: one stage after another, each on a new endpoint."""
    yield "race", endpoint_winners(make())
    for stage in (_accepted, _refused_values, _refused_common, _signatures, _clock, _state, _order):
        for number, fact in enumerate(stage(Prober(make()))):
            yield stage.__name__, number, *fact


def _accepted(probe: Prober) -> Iterator[Fact]:
    """Send what is valid: each documented value, way, format, and legal client."""
    for way in WAYS:
        for reply_format in ("JSON", "XML", "json", "xMl", None, "YAML"):
            options = {**way, "reply_format": reply_format}
            yield probe.ask(probe.fresh(UserPanes=[pane(0, TRICKY)]), options=options)
            yield probe.ask(probe.fresh(MediaEncode=2), options=options)
        yield probe.ask(options={**way, "user_panes_from": 1}, token="t/+ ")
        yield probe.ask(options={**way, "user_panes_from": 1}, token="t/+ ", secret="wrong")
    for client in LEGAL_CLIENTS:
        yield probe.ask(probe.fresh(**TASKS[1] | {"TaskId": client.name}), client=client.make())
    for profile in ("4IN_720P", "2IN_720P", "1IN_720P", "4IN_360P", "2IN_360P", "1IN_360P"):
        yield probe.ask(probe.fresh(TaskProfile=profile))
    yield probe.ask(probe.fresh(TaskProfile="Mixed_Audio", MediaEncode=0))
    yield probe.ask(probe.fresh(TaskProfile="1IN_Audio", MediaEncode=0))
    for encode in (0, 1, 10, 20, 30):
        yield probe.ask(probe.fresh(MediaEncode=encode))
    for colour in (0, 1, 255, 256, 65536, 16777215):
        yield probe.ask(probe.fresh(BackgroundColor=colour))
    for layout in range(1, 12):
        yield probe.ask(probe.fresh(LayoutIds=[layout]))
    for panes in ([], [pane(0)], [pane(15)], [pane(n, f"u{n}") for n in range(16)]):
        for first in (0, 1):
            yield probe.ask(probe.fresh(UserPanes=panes), options={"user_panes_from": first})
    yield probe.ask(probe.fresh(UserPanes=[pane(3, TRICKY, "shareScreen")]))
    for url in ("rtmp://h/a", "rtmp://h:1935/a?auth_key=b", "rtmp://h/中?é=" + TRICKY):
        yield probe.ask(probe.fresh(StreamURL=url))
    yield probe.common(("OwnerId", "1"), ("SignatureType", ""), ("RegionId", "cn-x"))
    yield probe.pairs(lambda pairs: [("TaskID" if n == "TaskId" else n, v) for n, v in pairs])


def _without(name: str, pairs: Pairs) -> Pairs:
    """Leave a parameter out."""
    return [pair for pair in pairs if pair[0].partition(".")[0] != name]


def _emptied(name: str, pairs: Pairs) -> Pairs:
    """Empty a parameter's value."""
    return [(n, "" if n == name else v) for n, v in pairs]


def _refused_values(probe: Prober) -> Iterator[Fact]:
    """Send what is missing, empty or invalid, one parameter at a time."""
    for name in (n for n in TASK_NAMES if n != "UserPanes"):
        yield probe.pairs(partial(_without, name))
        yield probe.pairs(partial(_emptied, name))
    for profile in ("4in_720p", "9IN_720P", "x"):
        yield probe.ask(probe.fresh(TaskProfile=profile))
    for encode in (2, -1, 40, 100, "20.0", "0x14", "x", "720p"):
        yield probe.ask(probe.fresh(MediaEncode=encode))
    for colour in (-1, -2, 16777216, 16777217, 10**9, "255.0", "0xff", "#ff0000", "x"):
        yield probe.ask(probe.fresh(BackgroundColor=colour))
    for layout in (0, -1, 12, 100, 10000, 10001, "x", "1.0"):
        yield probe.ask(probe.fresh(LayoutIds=[layout]))
        yield probe.ask(probe.fresh(LayoutIds=[1, layout]))
        yield probe.ask(probe.fresh(LayoutIds=[*range(1, 11), layout]))
    for numbers in ((0, 1), (2, 3), (1, 3), (0, 2)):
        yield probe.ask(
            layout_pairs=lambda client, items, numbers=numbers: [
                (f"LayoutIds.{n}", str(item)) for n, item in zip(numbers, items, strict=True)
            ]
        )
        yield probe.ask(
            probe.fresh(UserPanes=[pane(0), pane(1)]),
            pane_pairs=lambda client, panes, numbers=numbers: [
                (f"UserPanes.{n}.{part}", str(value))
                for n, one in zip(numbers, panes, strict=True)
                for part, value in one.items()
            ],
        )
    for part in ("PaneId", "UserId", "SourceType"):
        lacking = {name: value for name, value in pane(1).items() if name != part}
        yield probe.ask(probe.fresh(UserPanes=[lacking]))
        yield probe.ask(probe.fresh(UserPanes=[pane(0), lacking]))
        yield probe.ask(probe.fresh(UserPanes=[pane(1) | {part: ""}]))
    for wrong in (pane(16), pane(-1), pane(0, source="screen"), pane(0, source="Camera")):
        yield probe.ask(probe.fresh(UserPanes=[wrong]))
    for url in ("x", "http://h/a", "rtmp:///a", "rtmp://h", "rtmp://h?a=/b", "push.example.com/a"):
        yield probe.ask(probe.fresh(StreamURL=url))


def _refused_common(probe: Prober) -> Iterator[Fact]:
    """Send wrong common parameters."""
    for name in ("Action", *HONEST.common):
        yield probe.common(without=name)
    for given in (
        ("Version", "2018-11-01"),
        ("SignatureMethod", "HMAC-SHA256"),
        ("SignatureMethod", "hmac-sha1"),
        ("SignatureVersion", "2.0"),
        ("Format", "YAML"),
    ):
        yield probe.common(given)
        yield probe.common(given, options={"reply_format": "XML"})
    for action in ("startmputask", "StopMPUTask", "x"):
        for way in WAYS:
            yield probe.ask(options=way, action=lambda client, action=action: action)
    for method in ("PUT", "DELETE", "PATCH"):
        yield probe.ask(options={"method": method})
    for signature in ("1.0", "v3"):
        options = {"signature": signature}
        yield probe.ask(options=options, version=lambda client: "2018-01-12")
        yield probe.ask(options=options, key="nobody")
        yield probe.ask(options=options, key="nobody", secret="wrong")
        yield probe.ask(options=options, path=lambda client: "/api")


def _signatures(probe: Prober) -> Iterator[Fact]:
    """Send signatures that do not verify."""
    for way in WAYS:
        yield probe.ask(secret="wrong", options=way)
        yield probe.ask(secret="testsecreT", options=way)
        request = probe.request(options=way)
        yield probe.send(
            replace(
                request,
                target=request.target.replace("channel-1", "channel-2"),
                body=request.body.replace(b"channel-1", b"channel-2"),
            )
        )
    yield probe.ask(
        digest_text=lambda client, d: IndependentClient.digest_text(client, d).swapcase()
    )
    yield probe.ask(digest_text=lambda client, d: "")
    unsigned = ("host", "x-acs-date", "x-acs-signature-nonce", "content-type", "x-acs-action")
    for name in unsigned:
        yield probe.ask(
            options=WAYS[-1],
            v3_signed_headers=lambda client, headers, name=name: [
                pair
                for pair in IndependentClient.v3_signed_headers(client, headers)
                if pair[0] != name
            ],
        )


def _stamped(shift: float, form: str = "%Y-%m-%dT%H:%M:%SZ") -> Callable[..., str]:
    """Return a step that writes a shifted time."""
    return lambda client: datetime.fromtimestamp(time.time() + shift, UTC).strftime(form)


def _clock(probe: Prober) -> Iterator[Fact]:
    """Send times near and far, well formed and not."""
    for options in ({"signature": "1.0"}, {"signature": "v3"}):
        for minutes in (0, 6, 14, 16, 50, 70, 480, 10**5):
            for sign in (1, -1):
                yield probe.ask(options=options, timestamp=_stamped(sign * minutes * 60))
        for form in (
            "%Y-%m-%dT%H:%M:%S",
            "%Y-%m-%dT%H:%M:%S.%fZ",
            "%Y-%m-%dT%H:%M:%S+00:00",
            "%Y-%m-%d %H:%M:%SZ",
            "%Y-13-%dT%H:%M:%SZ",
            "%Y-%m-%d",
        ):
            yield probe.ask(options=options, timestamp=_stamped(0, form))
        yield probe.ask(options=options, timestamp=lambda client: str(int(time.time())))


def _state(probe: Prober) -> Iterator[Fact]:
    """Send again what was started, refused or used."""
    for way, other in ((way, other) for way in WAYS for other in WAYS):
        params = probe.fresh()
        yield probe.ask(params, options=way)
        yield probe.ask(params, options=other)
        yield probe.ask(params, options=other)
    params = probe.fresh()
    yield probe.ask(params)
    for change in (
        {"AppId": "app-2"},
        {"ChannelId": "channel-2"},
        {"TaskId": params["TaskId"].upper()},
        {},
    ):
        yield probe.ask(params | change)
    # a replay, and a replay after others
    for way in WAYS:
        for secret, changes in (
            (SECRET, {}),
            ("wrong", {}),
            (SECRET, {"MediaEncode": 2}),
            (SECRET, {"AppId": ""}),
        ):
            nonce = uuid.uuid4().hex
            first = probe.fresh()
            step = {"nonce": lambda client, call, nonce=nonce: nonce, "options": way}
            yield probe.ask(first | changes, secret=secret, **step)
            yield probe.ask(first, **step)
            yield probe.ask(first | {"TaskId": "x" + first["TaskId"]}, **step)
            yield probe.ask(first, timestamp=_stamped(-30), **step)
            yield probe.ask(first, options=way)
        request = probe.request(options=way)
        yield probe.send(request)
        yield probe.send(request)
        for _ in range(12):
            yield probe.ask()
        yield probe.send(request)
    # a refused request reserves nothing
    for changes in ({"MediaEncode": 2}, {"AppId": "", "ChannelId": "c"}, {"ChannelId": ""}):
        params = probe.fresh()
        yield probe.ask(params | changes)
        yield probe.ask(params)
    params = probe.fresh()
    yield probe.ask(params, secret="wrong")
    yield probe.ask(params)
    request = probe.request()
    yield probe.send(request)
    nonce = dict(p.split("=") for p in request.target.split("&"))["SignatureNonce"]
    params = probe.fresh()
    yield probe.ask(params, nonce=lambda client, call: nonce)
    yield probe.ask(params)


def _order(probe: Prober) -> Iterator[Fact]:
    """Send two defects at a time."""
    existing = probe.fresh()
    yield probe.ask(existing)
    defects: dict[str, dict[str, Any]] = {
        "format": {"options": {"reply_format": "YAML"}},
        "version": {"version": lambda client: "x"},
        "action": {"action": lambda client: "x"},
        "timestamp": {"timestamp": lambda client: "x"},
        "expired": {"timestamp": _stamped(-5000)},
        "key": {"key": "nobody"},
        "secret": {"secret": "wrong"},
        "nonce": {"nonce": lambda client, call: "used"},
        "profile": {"params": {"TaskProfile": "x"}},
        "encode": {"params": {"MediaEncode": 2}},
        "layouts": {"params": {"LayoutIds": [0]}},
        "url": {"params": {"StreamURL": "x"}},
        "channel": {"params": {"ChannelId": ""}},
        "stream": {"params": {"StreamURL": ""}},
    }
    yield probe.ask(nonce=lambda client, call: "used")
    for one, two in combinations(defects.values(), 2):
        both = one | two | {"params": one.get("params", {}) | two.get("params", {})}
        params = existing | both.pop("params")
        yield probe.ask(params, **both)


def endpoint_winners(endpoint: IndependentEndpoint) -> int:
    """Return how many of sixteen simultaneous starts win."""
    probe = Prober(endpoint)
    requests = [probe.request(task("raced")) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        replies: Iterable[Fact] = pool.map(probe.send, requests)
        return sum(reply[0] == 200 and reply[2:3] == (None,) for reply in replies)
