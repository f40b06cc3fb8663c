"""An independent client of the MPU operations: its only source is the documentation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import io
import json
import socket
import ssl
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, cast
from urllib.parse import urlsplit
from xml.etree import ElementTree

Pair = tuple[str, str]
Pairs = list[Pair]
Params = Mapping[str, Any]
# method, target, headers, body → status, headers, body
Handle = Callable[[str, str, Iterable[Pair], bytes], tuple[int, Iterable[Pair], bytes]]

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
ENCODED = tuple(chr(byte) if byte in UNRESERVED else f"%{byte:02X}" for byte in range(256))
FORM_TYPE = "application/x-www-form-urlencoded"
V3_ALGORITHM = "ACS3-HMAC-SHA256"
PANE_FIELDS = ("PaneId", "UserId", "SourceType")


class ClientError(Exception):
    """A start that did not succeed; `code` is None when the service named none."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        """Keep what the reply said beside the message."""
        super().__init__(message)
        self.code = code
        self.http_status = http_status
        self.request_id = request_id


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """An access key, and the token that comes with a temporary one."""

    access_key_id: str
    access_key_secret: str
    security_token: str | None = None

    @classmethod
    def of(cls, given: object) -> Credentials:
        """Read credentials from a mapping or from an object's attributes."""

        def field(name: str) -> str | None:
            """Return one field, None when it is not there."""
            if isinstance(given, Mapping):
                return cast("str | None", given.get(name))
            return cast("str | None", getattr(given, name, None))

        return cls(
            access_key_id=field("access_key_id") or "",
            access_key_secret=field("access_key_secret") or "",
            security_token=field("security_token"),
        )


@dataclass(frozen=True, kw_only=True)
class Call:
    """One start: what was asked, of whom, as whom, and until when."""

    params: Params
    endpoint: str
    credentials: Credentials
    timeout: float
    deadline: float

    @property
    def remaining(self) -> float:
        """Return the seconds left, or raise TimeoutError when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call took longer than its timeout")
        return left


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """What goes on the wire."""

    method: str
    target: str
    headers: tuple[Pair, ...]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class HttpReply:
    """What came back."""

    status: int
    body: bytes
    content_type: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A success: its RequestId and the documented fields beside it, as the pages type them."""

    request_id: str
    fields: Mapping[str, Any]

    @property
    def status(self) -> int:
        """Return what GetMPUTaskStatus answered."""
        return cast("int", self.fields["Status"])


class _DeadlineReader(io.RawIOBase):
    """A socket's bytes, each read bounded by what is left of the whole call's time."""

    def __init__(self, sock: socket.socket, call: Call) -> None:
        """Read from `sock` until the call's deadline."""
        self._sock = sock
        self._call = call

    def readable(self) -> bool:
        """Say that this stream can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` with what arrives before the deadline."""
        self._sock.settimeout(self._call.remaining)
        return self._sock.recv_into(buffer)


class _DeadlineSocket:
    """The part of a socket that http.client uses, under the call's deadline."""

    def __init__(self, sock: socket.socket, call: Call) -> None:
        """Wrap a connected socket."""
        self._sock = sock
        self._call = call

    def sendall(self, data: bytes) -> None:
        """Send everything before the deadline."""
        self._sock.settimeout(self._call.remaining)
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return the reader http.client parses the reply from."""
        return io.BufferedReader(_DeadlineReader(self._sock, self._call))

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()


class IndependentClient:
    """A client of small steps, each of which a faulty client can get wrong alone."""

    def __init__(
        self,
        *,
        signature: Literal["1.0", "v3"] = "1.0",
        method: Literal["GET", "POST"] = "GET",
        form: bool = False,
        reply_format: str | None = "JSON",
        user_panes_from: Literal[0, 1] = 0,
        edition: Literal["2019-05", "2021-03"] = "2019-05",
        action: str = "StartMPUTask",
        now: Callable[[], float] | None = None,
    ) -> None:
        """Choose how to sign, send and be answered; the edition; the operation; the clock.

        `form` says where POST puts its pairs; `user_panes_from` counts for 2019-05 alone.
        """
        self.signature = signature
        self.method: str = method
        self.form = form
        self.reply_format = reply_format
        self.user_panes_from = user_panes_from
        self.edition = edition
        self.operation = action
        self.now = now

    def start(self, params: Params, *, endpoint: str, credentials: object, timeout: float) -> str:
        """Start a task and return its RequestId, or raise ClientError."""
        call = self.call(params, endpoint=endpoint, credentials=credentials, timeout=timeout)
        return self.perform(call)

    def perform(self, call: Call) -> str:
        """Build, send, judge."""
        return self.judge(self.send(self.build(call), call))

    def ask(self, params: Params, *, endpoint: str, credentials: object, timeout: float) -> Answer:
        """Call the operation over HTTP and return its Answer, or raise ClientError."""
        call = self.call(params, endpoint=endpoint, credentials=credentials, timeout=timeout)
        return self.answer(self.send(self.build(call), call))

    def ask_in_process(self, params: Params, *, handle: Handle, credentials: object) -> Answer:
        """Call an endpoint's handler without a network; return an Answer or raise ClientError."""
        request = self.prepare(params, credentials=credentials)
        status, _, body = handle(request.method, request.target, request.headers, request.body)
        return self.answer(HttpReply(status=status, body=body))

    def prepare(
        self,
        params: Params,
        *,
        credentials: object,
        endpoint: str = "https://rtc.aliyuncs.com",
        timeout: float = 5,
    ) -> HttpRequest:
        """Return the signed request of a call, unsent."""
        call = self.call(params, endpoint=endpoint, credentials=credentials, timeout=timeout)
        return self.build(call)

    def call(self, params: Params, *, endpoint: str, credentials: object, timeout: float) -> Call:
        """Put a call's facts together; its time begins to run."""
        return Call(
            params=params,
            endpoint=endpoint,
            credentials=Credentials.of(credentials),
            timeout=timeout,
            deadline=time.monotonic() + timeout,
        )

    # -- parameters to pairs ---------------------------------------------------------------

    def flatten(self, params: Params) -> Pairs:
        """Turn documented parameters into the pairs of the wire."""
        if (self.edition, self.operation) != ("2019-05", "StartMPUTask"):
            return [pair for name, value in params.items() for pair in self.nested(name, value)]
        pairs: Pairs = []
        for name, value in params.items():
            if name == "LayoutIds":
                pairs += self.layout_pairs(value)
            elif name == "UserPanes":
                pairs += self.pane_pairs(value or ())
            else:
                pairs += self.scalar_pairs(name, value)
        return pairs

    def nested(self, name: str, value: Any) -> Pairs:
        """Send a value, a list or a struct, to any depth; lists count from 1, None is left out."""
        if value is None:
            return []
        if isinstance(value, Mapping):
            inner = [(f"{name}.{part}", one) for part, one in value.items()]
        elif isinstance(value, Sequence) and not isinstance(value, str):
            inner = [(f"{name}.{n}", one) for n, one in enumerate(value, start=1)]
        else:
            return self.scalar_pairs(name, value)
        return [pair for part, one in inner for pair in self.nested(part, one)]

    def scalar_pairs(self, name: str, value: Any) -> Pairs:
        """Send a single value under its own name."""
        return [(name, self.text(value))]

    def layout_pairs(self, items: Sequence[Any]) -> Pairs:
        """Number layouts from 1: S1's example has LayoutIds.1, LayoutIds.2."""
        return [(f"LayoutIds.{n}", self.text(item)) for n, item in enumerate(items, start=1)]

    def pane_pairs(self, panes: Sequence[Mapping[str, Any]]) -> Pairs:
        """Number panes from 0 as S1's example does, or from 1 as published clients do."""
        return [
            (f"UserPanes.{n}.{field}", self.text(pane[field]))
            for n, pane in enumerate(panes, start=self.user_panes_from)
            for field in PANE_FIELDS
            if field in pane
        ]

    def text(self, value: Any) -> str:
        """Write a value as the wire's text: true and false, floats without an exponent."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float):
            return format(Decimal(repr(value)), "f")
        return str(value)

    # -- common parameters -----------------------------------------------------------------

    def action(self) -> str:
        """Name the operation."""
        return self.operation

    def version(self) -> str:
        """Name the API version."""
        return "2018-01-11"

    def timestamp(self) -> str:
        """Write the present moment as yyyy-MM-ddTHH:mm:ssZ in UTC."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.now and self.now()))

    def nonce(self, call: Call) -> str:
        """Return a value no other request has."""
        return uuid.uuid4().hex

    def format_pairs(self) -> Pairs:
        """Ask for a reply format, or for none."""
        return [] if self.reply_format is None else [("Format", self.reply_format)]

    def common_pairs(self, call: Call) -> Pairs:
        """Return the common parameters of signature 1.0, Signature itself left out."""
        pairs = [
            ("Action", self.action()),
            ("Version", self.version()),
            *self.format_pairs(),
            ("AccessKeyId", call.credentials.access_key_id),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureVersion", "1.0"),
            ("SignatureNonce", self.nonce(call)),
            ("Timestamp", self.timestamp()),
        ]
        if call.credentials.security_token:
            pairs.append(("SecurityToken", call.credentials.security_token))
        return pairs

    # -- encoding ----------------------------------------------------------------------------

    def encode(self, text: str) -> str:
        """Percent-encode as UTF-8, only RFC 3986's unreserved characters kept."""
        return "".join(ENCODED[byte] for byte in text.encode())

    def sort(self, pairs: Pairs) -> Pairs:
        """Order pairs by the bytes of their names."""
        return sorted(pairs, key=lambda pair: (pair[0].encode(), pair[1].encode()))

    def canonical(self, pairs: Pairs) -> str:
        """Sort, encode and join pairs the way both signatures want them."""
        return "&".join(f"{self.encode(n)}={self.encode(v)}" for n, v in self.sort(pairs))

    def wire_encode(self, text: str) -> str:
        """Percent-encode a name or a value for the query or the form."""
        return IndependentClient.encode(self, text)

    def wire(self, pairs: Iterable[Pair]) -> str:
        """Write pairs as a query or a form."""
        return "&".join(f"{self.wire_encode(n)}={self.wire_encode(v)}" for n, v in pairs)

    # -- signature 1.0 -----------------------------------------------------------------------

    def signed_pairs(self, pairs: Pairs) -> Pairs:
        """Choose what is signed: everything, empty values too."""
        return pairs

    def string_to_sign(self, method: str, pairs: Pairs) -> str:
        """Join method, path and the canonical query, encoded once more."""
        canonical = self.canonical(self.signed_pairs(pairs))
        return f"{method}&{self.encode('/')}&{self.encode(canonical)}"

    def key(self, secret: str) -> str:
        """Make the key of signature 1.0."""
        return secret + "&"

    def digest_text(self, digest: bytes) -> str:
        """Write the digest of signature 1.0."""
        return base64.b64encode(digest).decode()

    def sign(self, method: str, pairs: Pairs, secret: str) -> str:
        """Return the value of Signature."""
        message = self.string_to_sign(method, pairs).encode()
        return self.digest_text(hmac.digest(self.key(secret).encode(), message, "sha1"))

    # -- signature V3 ------------------------------------------------------------------------

    def v3_headers(self, call: Call, body: bytes) -> Pairs:
        """Return the headers that V3 signs."""
        headers = [
            ("host", self.host(call)),
            ("x-acs-action", self.action()),
            ("x-acs-version", self.version()),
            ("x-acs-date", self.timestamp()),
            ("x-acs-signature-nonce", self.nonce(call)),
            ("x-acs-content-sha256", self.v3_body_hash(body)),
        ]
        if call.credentials.security_token:
            headers.append(("x-acs-security-token", call.credentials.security_token))
        if body:
            headers.append(("content-type", FORM_TYPE))
        return headers

    def v3_body_hash(self, body: bytes) -> str:
        """Hash the body."""
        return hashlib.sha256(body).hexdigest()

    def v3_signed_headers(self, headers: Pairs) -> Pairs:
        """Choose and order the headers to sign."""
        return sorted((name.lower(), value.strip()) for name, value in headers)

    def v3_canonical_request(
        self, method: str, query: Pairs, headers: Pairs, body_hash: str
    ) -> str:
        """Lay the request out for hashing."""
        signed = self.v3_signed_headers(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in signed)
        names = ";".join(name for name, _ in signed)
        return f"{method}\n/\n{self.canonical(query)}\n{lines}\n{names}\n{body_hash}"

    def v3_key(self, secret: str) -> str:
        """Make the key of V3: the bare secret."""
        return secret

    def v3_digest_text(self, digest: bytes) -> str:
        """Write the digest of V3."""
        return digest.hex()

    def v3_sign(self, canonical_request: str, secret: str) -> str:
        """Return the signature over a canonical request."""
        hashed = hashlib.sha256(canonical_request.encode()).hexdigest()
        message = f"{V3_ALGORITHM}\n{hashed}".encode()
        return self.v3_digest_text(hmac.digest(self.v3_key(secret).encode(), message, "sha256"))

    # -- the HTTP request --------------------------------------------------------------------

    def host(self, call: Call) -> str:
        """Return the Host header's value."""
        return urlsplit(call.endpoint).netloc

    def path(self) -> str:
        """Return the request's path."""
        return "/"

    def build(self, call: Call) -> HttpRequest:
        """Make the signed HTTP request."""
        pairs = self.flatten(call.params)
        return self.build_v3(call, pairs) if self.signature == "v3" else self.build_rpc(call, pairs)

    def build_rpc(self, call: Call, pairs: Pairs) -> HttpRequest:
        """Sign with 1.0: everything travels as pairs."""
        pairs = self.arrange([*self.common_pairs(call), *pairs])
        signature = self.sign(self.method, pairs, call.credentials.access_key_secret)
        query, form = self.place([*pairs, ("Signature", signature)])
        headers = [("Host", self.host(call)), *self.extra_headers(call)]
        if form:
            headers.append(("Content-Type", FORM_TYPE))
        return self.http_request(query, headers, self.wire(form).encode())

    def build_v3(self, call: Call, pairs: Pairs) -> HttpRequest:
        """Sign with V3: what is common travels in headers."""
        query, form = self.place(self.arrange([*self.format_pairs(), *pairs]))
        body = self.wire(form).encode()
        headers = self.v3_headers(call, body)
        request = self.v3_canonical_request(self.method, query, headers, self.v3_body_hash(body))
        names = ";".join(name for name, _ in self.v3_signed_headers(headers))
        signature = self.v3_sign(request, call.credentials.access_key_secret)
        authorization = (
            f"{V3_ALGORITHM} Credential={call.credentials.access_key_id},"
            f"SignedHeaders={names},Signature={signature}"
        )
        headers += [("Authorization", authorization), *self.extra_headers(call)]
        return self.http_request(query, headers, body)

    def arrange(self, pairs: Pairs) -> Pairs:
        """Order the pairs on the wire; any order is legal."""
        return pairs

    def extra_headers(self, call: Call) -> Pairs:
        """Return headers beside the necessary ones."""
        return [("Accept", "*/*"), ("User-Agent", "independent-client")]

    def place(self, pairs: Pairs) -> tuple[Pairs, Pairs]:
        """Divide pairs into query and form."""
        return ([], pairs) if self.form and self.method == "POST" else (pairs, [])

    def http_request(self, query: Pairs, headers: Pairs, body: bytes) -> HttpRequest:
        """Put the parts together."""
        target = f"{self.path()}?{self.wire(query)}" if query else self.path()
        if body or self.method != "GET":
            headers = [*headers, ("Content-Length", str(len(body)))]
        return HttpRequest(method=self.method, target=target, headers=tuple(headers), body=body)

    # -- the exchange ------------------------------------------------------------------------

    def connect(self, call: Call) -> socket.socket:
        """Open a connection to the endpoint."""
        url = urlsplit(call.endpoint)
        port = url.port or (443 if url.scheme == "https" else 80)
        sock = socket.create_connection((url.hostname or "", port), timeout=call.remaining)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if url.scheme == "https":
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=url.hostname)
        return sock

    def send(self, request: HttpRequest, call: Call) -> HttpReply:
        """Exchange the request for a reply before the call's deadline."""
        try:
            connection = http.client.HTTPConnection("unused")
            connection.sock = cast("Any", _DeadlineSocket(self.connect(call), call))
            try:
                connection.putrequest(
                    request.method, request.target, skip_host=True, skip_accept_encoding=True
                )
                for name, value in request.headers:
                    connection.putheader(name, value)
                connection.endheaders(request.body or None)
                response = connection.getresponse()
                return HttpReply(
                    status=response.status,
                    body=response.read(),
                    content_type=response.getheader("Content-Type", ""),
                )
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise ClientError(f"no reply: {type(error).__name__}: {error}") from error

    # -- the reply ---------------------------------------------------------------------------

    def parse(self, reply: HttpReply) -> dict[str, Any]:
        """Read the fields of a JSON object or of an XML document's children."""
        try:
            text = reply.body.decode()
            if text.lstrip().startswith("<"):
                return {child.tag: child.text or "" for child in ElementTree.fromstring(text)}
            fields = json.loads(text)
        except (ValueError, ElementTree.ParseError, RecursionError) as error:
            raise ClientError(
                f"the reply cannot be read: {error}", http_status=reply.status
            ) from error
        if not isinstance(fields, dict):
            raise ClientError("the reply is not an object", http_status=reply.status)
        return fields

    def judge(self, reply: HttpReply) -> str:
        """Return the RequestId of a success; a Code is a failure whatever the HTTP status."""
        fields = self.parse(reply)
        request_id = fields.get("RequestId")
        if fields.get("Code") is not None:
            raise ClientError(
                str(fields.get("Message", "")),
                code=str(fields["Code"]) or None,
                http_status=reply.status,
                request_id=request_id if isinstance(request_id, str) else None,
            )
        if not isinstance(request_id, str) or not request_id:
            raise ClientError("the reply has no RequestId", http_status=reply.status)
        if reply.status != 200:
            raise ClientError(
                f"HTTP {reply.status} without a Code",
                http_status=reply.status,
                request_id=request_id,
            )
        return request_id

    def answer(self, reply: HttpReply) -> Answer:
        """Read a success with its further fields, or raise ClientError."""
        request_id = self.judge(reply)
        try:
            fields = documented_fields(self.tree(reply))
        except (TypeError, ValueError) as error:
            raise ClientError(
                f"the reply's fields cannot be read: {error}",
                http_status=reply.status,
                request_id=request_id,
            ) from error
        if self.operation == "GetMPUTaskStatus" and "Status" not in fields:
            raise ClientError(
                "the reply has no Status that is an Integer",
                http_status=reply.status,
                request_id=request_id,
            )
        return Answer(request_id=request_id, fields=fields)

    def tree(self, reply: HttpReply) -> dict[str, Any]:
        """Read a reply that `judge` has read before, this time to any depth."""
        text = reply.body.decode()
        if not text.lstrip().startswith("<"):
            return cast("dict[str, Any]", json.loads(text))
        found = element_value(ElementTree.fromstring(text))
        return found if isinstance(found, dict) else {}


def element_value(element: ElementTree.Element) -> Any:
    """Return an element's text, or its children by name, repeated ones as a list."""
    if not len(element):
        return element.text or ""
    found: dict[str, Any] = {}
    for child in element:
        value = element_value(child)
        if child.tag not in found:
            found[child.tag] = value
        elif isinstance(found[child.tag], list):
            found[child.tag].append(value)
        else:
            found[child.tag] = [found[child.tag], value]
    return found


INTEGERS = (
    "Status",
    "LayoutId",
    "TotalNum",
    "TotalPage",
    "AudioMixCount",
    "PaneId",
    "MajorPane",
    "ZOrder",
)
FLOATS = ("X", "Y", "Width", "Height")
# A list stands plain (the page of DescribeMPULayoutInfoList) or within one name more (the page of
# DescribeMPULayoutList, the published clients).
LISTS = {"LayoutIds": "LayoutId", "Layouts": "Layout", "Panes": "Panes"}


def documented_fields(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return the documented fields, numbers as numbers: examples print them as texts too."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if name in LISTS:
            found[name] = [
                documented_fields(one) if isinstance(one, Mapping) else int(one)
                for one in listed(value, LISTS[name])
            ]
        elif name == "Name":
            found[name] = value
        elif name in INTEGERS or name in FLOATS:
            with suppress(TypeError, ValueError):
                found[name] = int(str(value)) if name in INTEGERS else float(value)
    return found


def listed(value: Any, inner: str) -> list[Any]:
    """Return a list's items, however it was written."""
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping):
        return listed(value[inner], inner) if set(value) == {inner} else [value]
    return [value] if value not in ("", None) else []


def start(params: Params, *, endpoint: str, credentials: object, timeout: float) -> str:
    """Start a task with the default client: signature 1.0, GET, JSON."""
    return IndependentClient().start(
        params, endpoint=endpoint, credentials=credentials, timeout=timeout
    )
