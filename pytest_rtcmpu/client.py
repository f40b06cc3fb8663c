"""The signed client: a task in, a RequestId out, and every Code an exception."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, NoReturn
from urllib.parse import quote, urlsplit

import requests

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu import errors, signing, wire
from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.credentials import REDACTED, Credentials
from pytest_rtcmpu.messages import Request, Response
from pytest_rtcmpu.model import StartMPUTask
from pytest_rtcmpu.rules import Pairs

Signature = Literal["1.0", "v3"]
Method = Literal["GET", "POST"]
#: What a timeout may be: seconds for connecting and for each wait, or the two apart.
Timeout = float | tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A success. ``fields`` holds everything that came; ``request_id`` its RequestId."""

    request_id: str
    http_status: int
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Everything that goes around the operation's parameters, as it is about to be signed.

    ``Client.call(…, envelope=function)`` lets a function change it, to send what a client never
    should, or what is odd but legal.

    omit: common parameters to leave out, before signing.
    tamper: changes the signature after it was made.
    in_query: the parameters stand in the query, as by GET, even by POST.
    encode: percent-encodes names and values for the wire; what is signed stays canonical.
    headers: further headers, not signed.
    """

    method: str
    action: str
    version: str
    reply_format: str | None
    credentials: Credentials
    signature_method: str
    signature_version: str
    timestamp: str
    nonce: str
    omit: frozenset[str] = frozenset()
    tamper: Callable[[str], str] | None = None
    in_query: bool = False
    encode: Callable[[str], str] = signing.percent_encode
    headers: tuple[tuple[str, str], ...] = ()


class Client:
    """A client of the RTC API that signs what it sends and believes no reply that has a Code.

    credentials: a :class:`Credentials`.
    endpoint: the service's base URL; the live one by default.
    signature: ``1.0`` (HMAC-SHA1) or ``v3`` (ACS3-HMAC-SHA256).
    method: ``GET`` (all in the query) or ``POST`` (a form body).
    user_panes_from: where UserPanes counts from: 0 as S1's example, 1 as published clients.
    timeout: seconds, or (connect, read).
    session: a ``requests.Session`` to send with; the client's own by default.
    reply_format: ``JSON``, ``XML``, or ``None`` to leave Format out.
    now, nonce: where time and nonces come from.
    """

    def __init__(
        self,
        credentials: Credentials,
        endpoint: str | None = None,
        *,
        signature: Signature = "1.0",
        method: Method = "GET",
        user_panes_from: int = 0,
        timeout: Timeout = 10.0,
        session: requests.Session | None = None,
        reply_format: Literal["JSON", "XML"] | None = "JSON",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        nonce: Callable[[], str] = lambda: str(uuid.uuid4()),
        contract: Contract | None = None,
    ) -> None:
        self._contract = contract or _contract.load()
        service = self._contract.service
        self.endpoint = endpoint or f"{service.schemes[0]}://{service.host}"
        parts = urlsplit(self.endpoint)
        if (
            parts.scheme not in service.schemes
            or not parts.hostname
            or parts.path not in ("", service.path)
        ):
            raise ValueError(
                f"endpoint: expected a URL such as {service.schemes[0]}://{service.host}, "
                f"got {self.endpoint!r}"
            )
        _expect("credentials", isinstance(credentials, Credentials), "Credentials", credentials)
        _expect("signature", signature in self._contract.signatures, "'1.0' or 'v3'", signature)
        _expect("method", method in service.methods, " or ".join(service.methods), method)
        _expect("user_panes_from", user_panes_from in (0, 1), "0 or 1", user_panes_from)
        _expect(
            "reply_format",
            reply_format is None or reply_format in service.formats,
            "JSON, XML or None",
            reply_format,
        )
        self.credentials = credentials
        self.signature = signature
        self.method = method
        self.user_panes_from = user_panes_from
        self.timeout = timeout
        self.session = session or requests.Session()
        self.reply_format = reply_format
        self._now = now
        self._nonce = nonce
        self._host = parts.netloc.rpartition("@")[2]

    def __repr__(self) -> str:
        return (
            f"Client({self.credentials.access_key_id!r}, {self.endpoint!r}, "
            f"signature={self.signature!r}, method={self.method!r})"
        )

    def close(self) -> None:
        """Close the session."""
        self.session.close()

    def start_mpu_task(self, task: StartMPUTask) -> Reply:
        """Start a task and return the reply.

        Raises the exception mapped to the Code of any reply that carries one, whatever its HTTP
        status (S2 111173: ten rows come with 200), UnreadableReply for what is no reply,
        TransportError when none came and TransportTimeout when none came in time.
        """
        pairs = task.to_wire(user_panes_from=self.user_panes_from)
        return self.call(self._contract.service.action, pairs)

    def call(
        self,
        action: str,
        pairs: Pairs,
        *,
        envelope: Callable[[Envelope], Envelope] | None = None,
    ) -> Reply:
        """Sign and send raw pairs, valid or not, and return the reply. Raises as above.

        envelope: changes what goes around the pairs before it is signed.
        """
        request = self.prepare(action, pairs, envelope=envelope)
        return self.send(request, action=action)

    def prepare(
        self,
        action: str,
        pairs: Pairs,
        *,
        envelope: Callable[[Envelope], Envelope] | None = None,
    ) -> Request:
        """Return the signed request for raw pairs, without sending it."""
        scheme = self._contract.signatures[self.signature]
        plain = Envelope(
            method=self.method,
            action=action,
            version=self._common("Version"),
            reply_format=self.reply_format,
            credentials=self.credentials,
            signature_method=scheme.method,
            signature_version=self._common("SignatureVersion"),
            timestamp=wire.format_timestamp(self._now(), self._contract),
            nonce=self._nonce(),
        )
        compose = _compose_v3 if self.signature == "v3" else _compose_1_0
        return compose(
            envelope(plain) if envelope else plain, list(pairs), self._host, self._contract
        )

    def send(self, request: Request, *, action: str | None = None) -> Reply:
        """Send a prepared request and return the reply. Raises as :meth:`call` does.

        Sending one request twice repeats its nonce.
        """
        received = self.exchange(request)
        return self._judge(received, action or self._contract.service.action)

    def exchange(self, request: Request) -> Response:
        """Send a prepared request and return what comes, unjudged. Raises TransportError."""
        # What was signed goes out as it is: requests would quote a URL of its own anew.
        prepared = self.session.prepare_request(requests.Request(request.method, self.endpoint))
        prepared.url = f"{self.endpoint.rstrip('/')}{request.target}"
        prepared.headers.pop("Authorization", None)  # of a .netrc
        prepared.headers.update(request.headers)
        prepared.body = request.body or None
        prepared.headers.pop("Content-Length", None)
        if request.method == "POST":
            prepared.headers["Content-Length"] = str(len(request.body))
        settings = self.session.merge_environment_settings(self.endpoint, {}, None, None, None)
        try:
            received = self.session.send(
                prepared, timeout=self.timeout, allow_redirects=False, **settings
            )
            body = received.content
        except requests.RequestException as error:
            self._raise_transport(error)
        return Response(
            status=received.status_code, headers=tuple(received.headers.items()), body=body
        )

    def _common(self, name: str) -> str:
        return next(p.value or "" for p in self._contract.common_parameters if p.name == name)

    def _raise_transport(self, error: requests.RequestException) -> NoReturn:
        # The library's own exceptions name the whole URL, and with it the security token.
        kind = (
            errors.TransportTimeout
            if isinstance(error, requests.Timeout)
            else errors.TransportError
        )
        text = _without_query(str(error))
        raise kind(f"{self.endpoint}: {type(error).__name__}: {self._redact(text)}") from None

    def _redact(self, text: str) -> str:
        token = self.credentials.security_token
        for secret in (self.credentials.access_key_secret, token):
            if secret:
                once = quote(secret.reveal(), safe="~")
                for form in (secret.reveal(), once, quote(once, safe="~")):
                    text = text.replace(form, REDACTED)
        return text

    def _judge(self, received: Response, action: str) -> Reply:
        http_status = received.status
        try:
            fields = wire.decode_reply(received.body, action=action)
        except errors.UnreadableReply as error:
            reason = self._redact(error.reason)
            raise errors.UnreadableReply(reason, http_status=http_status) from None
        request_id = fields.get("RequestId")
        # contract: "A reply is a failure when it has a Code, whatever its HTTP status."
        if fields.get("Code") not in (None, ""):
            raise errors.api_error(
                code=str(fields["Code"]),
                message=self._redact(str(fields.get("Message") or "")),
                http_status=http_status,
                request_id=str(request_id) if request_id else None,
            )
        if not isinstance(request_id, str) or not request_id:
            raise errors.UnreadableReply(
                f"expected a RequestId or a Code, got a reply with {sorted(fields)}",
                http_status=http_status,
            )
        if http_status != 200:
            raise errors.UnreadableReply(
                f"expected a Code, got only RequestId {request_id}", http_status=http_status
            )
        return Reply(request_id=request_id, http_status=http_status, fields=fields)


def _expect(name: str, holds: bool, expected: str, got: object) -> None:
    if not holds:
        raise ValueError(f"{name}: expected {expected}, got {got!r}")


def _without_query(text: str) -> str:
    before, mark, _ = text.partition("?")
    return f"{before}{mark}…" if mark else text


def _request(
    envelope: Envelope, pairs: Pairs, headers: Mapping[str, str], contract: Contract
) -> Request:
    """Put pairs into the query or, by POST, into a form body."""
    path = contract.service.path
    encode = envelope.encode
    encoded = "&".join(f"{encode(name)}={encode(value)}" for name, value in pairs)
    if envelope.method == "POST" and not envelope.in_query:
        return Request(
            method=envelope.method,
            target=path,
            headers=(*headers.items(), ("Content-Type", wire.FORM), *envelope.headers),
            body=encoded.encode("ascii"),
        )
    return Request(
        method=envelope.method,
        target=f"{path}?{encoded}" if encoded else path,
        headers=(*headers.items(), *envelope.headers),
    )


def _compose_1_0(
    envelope: Envelope, pairs: list[tuple[str, str]], host: str, contract: Contract
) -> Request:
    """S2 111549, 111551: everything is a parameter, and all of them are signed."""
    common: dict[str, str | None] = {
        "Action": envelope.action,
        "Format": envelope.reply_format,
        "Version": envelope.version,
        "AccessKeyId": envelope.credentials.access_key_id,
        "SignatureMethod": envelope.signature_method,
        "Timestamp": envelope.timestamp,
        "SignatureVersion": envelope.signature_version,
        "SignatureNonce": envelope.nonce,
    }
    sent = [(n, v) for n, v in common.items() if v is not None and n not in envelope.omit]
    sent += _token_pair(envelope)
    sent += pairs
    if "Signature" not in envelope.omit:
        signature = signing.sign(
            sent, envelope.credentials.access_key_secret, method=envelope.method
        )
        sent.append(("Signature", envelope.tamper(signature) if envelope.tamper else signature))
    return _request(envelope, sent, {"Host": host}, contract)


def _token_pair(envelope: Envelope) -> list[tuple[str, str]]:
    token = envelope.credentials.security_token
    return [("SecurityToken", token.reveal())] if token else []


def _compose_v3(
    envelope: Envelope, pairs: list[tuple[str, str]], host: str, contract: Contract
) -> Request:
    """S4: the envelope stands in headers, and Authorization signs over them."""
    sent = [*pairs]
    if envelope.reply_format is not None and "Format" not in envelope.omit:
        sent.insert(0, ("Format", envelope.reply_format))
    bare = _request(envelope, sent, {}, contract)
    headers = signing.headers_v3(
        host=host,
        action=envelope.action,
        version=envelope.version,
        date=envelope.timestamp,
        nonce=envelope.nonce,
        body=bare.body,
        content_type=bare.header("content-type"),
        security_token=envelope.credentials.security_token,
    )
    names = contract.signatures["v3"].headers
    for name in envelope.omit:
        headers.pop(names.get(name, ""), None)
    authorization = signing.sign_v3(
        method=envelope.method,
        path=bare.path,
        query=wire.parse_pairs(bare.query),
        headers=headers,
        body=bare.body,
        access_key_id=envelope.credentials.access_key_id,
        secret=envelope.credentials.access_key_secret,
    )
    if envelope.signature_method != contract.signatures["v3"].method:
        authorization = authorization.replace(
            contract.signatures["v3"].method, envelope.signature_method, 1
        )
    if envelope.tamper:
        head, _, signature = authorization.rpartition("Signature=")
        authorization = f"{head}Signature={envelope.tamper(signature)}"
    if "Signature" not in envelope.omit:
        headers["Authorization"] = authorization
    return replace(bare, headers=(*headers.items(), *envelope.headers))
