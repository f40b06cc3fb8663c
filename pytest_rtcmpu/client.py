"""The signed client: a task in, a RequestId out, and every Code an exception."""

from __future__ import annotations

import ipaddress
import logging
import re
import ssl
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3

from pytest_rtcmpu import bounded, errors, rules, wire
from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.contract.elsewhere import all_operations
from pytest_rtcmpu.model import GetMPUTaskStatus, OperationRequest, StartMPUTask, StopMPUTask
from pytest_rtcmpu.model.names import python_name
from pytest_rtcmpu.rules import Pairs
from pytest_rtcmpu.signatures import sign as signing
from pytest_rtcmpu.values.arguments import naming_keywords
from pytest_rtcmpu.values.credentials import REDACTED, Credentials
from pytest_rtcmpu.values.messages import Request, Response
from pytest_rtcmpu.values.redaction import redact_everywhere
from pytest_rtcmpu.values.text import innermost, system_error

Signature = Literal["1.0", "v3"]
Method = Literal["GET", "POST"]
_Made = TypeVar("_Made", bound=OperationRequest)
#: What a timeout may be: seconds for connecting and for each wait, or the two apart.
Timeout = float | tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A success. ``fields`` holds everything that came; ``request_id`` its RequestId."""

    request_id: str
    http_status: int
    fields: Mapping[str, object] = field(default_factory=dict)

    if not TYPE_CHECKING:  # to a type checker an attribute that there is not is an error

        def __getattr__(self, name: str) -> object:
            message = f"{type(self).__name__} has no attribute {name!r}"
            for each in self.__dict__.get("fields", ()):
                if name in (each, python_name(each)):
                    message += f"; a field of the reply is reply.fields[{each!r}]"
            raise AttributeError(message, name=name, obj=self)


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Everything that goes around the operation's parameters, as it is about to be signed.

    ``Client.call(…, envelope=function)`` lets a function change it, to send what a client never
    should, or what is odd but legal.

    Attributes:
        omit: common parameters to leave out, before signing.
        tamper: changes the signature after it was made.
        in_query: the parameters stand in the query, as by GET, even by POST.
        encode: percent-encodes names and values for the wire; what is signed stays canonical.
        headers: further headers, not signed.
        unsigned: headers that V3 leaves out of what it signs, though they are sent.
        claimed_body: the body that V3 hashes and signs in place of the one that is sent.
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
    unsigned: frozenset[str] = frozenset()
    claimed_body: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class StatusReply(Reply):
    """A success of GetMPUTaskStatus. ``status`` is the task's."""

    status: int


class Client:
    """A client of the RTC API that signs what it sends and believes no reply that has a Code.

    Args:
        credentials: a :class:`Credentials`.
        endpoint: the service's base URL; the live one by default.
        signature: ``1.0`` (HMAC-SHA1) or ``v3`` (ACS3-HMAC-SHA256).
        method: ``GET`` (all in the query) or ``POST`` (a form body).
        user_panes_from: where UserPanes counts from: 0 as S1's example (the default there), 1 as
            published clients and later editions.
        timeout: seconds, or (connect, read): for connecting, and for the reply as a whole.
        max_reply: bytes that a reply may have, decompressed.
        session: a ``requests.Session`` to send with; the client's own by default. With yours, the
            timeout is for each wait while headers arrive, and for the body as a whole.
        reply_format: ``JSON``, ``XML``, or ``None`` to leave Format out.
        now, nonce: where time and nonces come from.
    """

    @naming_keywords
    def __init__(
        self,
        credentials: Credentials,
        endpoint: str | None = None,
        *,
        signature: Signature = "1.0",
        method: Method = "GET",
        user_panes_from: int | None = None,
        timeout: Timeout = 10.0,
        max_reply: int = bounded.MAX_REPLY,
        session: requests.Session | None = None,
        reply_format: Literal["JSON", "XML"] | None = "JSON",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        nonce: Callable[[], str] = lambda: str(uuid.uuid4()),
        contract: Contract | None = None,
    ) -> None:
        # Before all else: who gives id and secret as they are gives the secret for a URL. What
        # came may hold it, so its type alone is shown.
        if not isinstance(credentials, Credentials):
            __tracebackhide__ = True  # pytest shows the arguments of where it failed
            expected = "Credentials(access_key_id, access_key_secret)"
            raise ValueError(f"credentials: expected {expected}, got {type(credentials).__name__}")
        self._contract = _contract.in_force(contract)
        service = self._contract.service
        if endpoint in (None, service.host):  # as the SDKs have it, without a scheme
            endpoint = f"{service.schemes[0]}://{service.host}"
        self.endpoint: str = str(endpoint)
        self._host = _host(self.endpoint, self._contract)
        self._is_here = _is_loopback(urlsplit(self.endpoint).hostname or "")
        _one_of("signature", signature, self._contract.signatures)
        _one_of("method", method, service.methods)
        panes = self._contract.parameters_by_wire_name.get("UserPanes")
        if user_panes_from is not None:
            _one_of("user_panes_from", user_panes_from, panes.bases if panes else ())
        _one_of("reply_format", reply_format, (*service.formats, None))
        _expect("timeout", _is_timeout(timeout), "seconds above 0, or two of them", timeout)
        is_size = type(max_reply) is int and max_reply > 0
        _expect("max_reply", is_size, "a number of bytes above 0", max_reply)
        _expect_function("now", now, "a datetime with a time zone")
        _expect_function("nonce", nonce, "a str")
        self.credentials = credentials
        self.signature = signature
        self.method = method
        self.user_panes_from = user_panes_from
        self.timeout = timeout
        self.max_reply = max_reply
        self.session: requests.Session = session or _own_session()
        self.reply_format = reply_format
        self._now = now
        self._nonce = nonce
        if credentials.security_token:
            logging.getLogger("urllib3.connectionpool").addFilter(_hide_token)

    if not TYPE_CHECKING:  # to a type checker a method that there is not is an error

        def __getattr__(self, name: str) -> object:
            message = f"{type(self).__name__} has no attribute {name!r}"
            own = self.__dict__.get("_contract")
            if own is not None and name[:1] != "_":
                for action in (*own.operations, *all_operations()):
                    if name == python_name(action):
                        message += f"; call client.request({action}(…))"
                        break
            raise AttributeError(message, name=name, obj=self)

    def __repr__(self) -> str:
        return (
            f"Client({self.credentials.access_key_id!r}, {self.endpoint!r}, "
            f"signature={self.signature!r}, method={self.method!r})"
        )

    def close(self) -> None:
        """Close the session."""
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def start_mpu_task(self, task: StartMPUTask) -> Reply:
        """Start a task and return the reply.

        Raises the exception mapped to the Code of any reply that carries one, whatever its HTTP
        status (S2 111173: ten rows come with 200), UnreadableReply for what is no reply,
        TransportError when none came, TransportTimeout when none came in time and ReplyTooLarge
        for more than ``max_reply``.
        """
        _expect("task", isinstance(task, StartMPUTask), "StartMPUTask", type(task))
        return self.request(task)

    def stop_mpu_task(
        self,
        task: StartMPUTask | StopMPUTask | None = None,
        *,
        app_id: str | None = None,
        task_id: str | None = None,
    ) -> Reply:
        """Stop a task, given as such or by its AppId and TaskId. Raises as above."""
        given = _named(task, StopMPUTask, {"app_id": app_id, "task_id": task_id})
        return self.request(
            task if isinstance(task, StopMPUTask) else self._made(StopMPUTask, given)
        )

    def get_mpu_task_status(
        self,
        task: StartMPUTask | GetMPUTaskStatus | None = None,
        *,
        app_id: str | None = None,
        channel_id: str | None = None,
        task_id: str | None = None,
    ) -> StatusReply:
        """Return how a task is doing, given as such or by its ids. Raises as above.

        ``reply.status`` is 0 (waiting for the channel), 1 (running), 2 (stopped) or 3 (stopped by
        the user), in later editions 4 to 6 too (S2 GetMPUTaskStatus).

        Args:
            channel_id: 2019-05 requires it, a later edition has it no more.
        """
        ids = {"app_id": app_id, "channel_id": channel_id, "task_id": task_id}
        given = _named(task, GetMPUTaskStatus, ids)
        if not isinstance(task, GetMPUTaskStatus):
            task = self._made(GetMPUTaskStatus, given)
        reply = self.request(task)
        # A number in JSON, a text in XML.
        text = str(reply.fields.get("Status"))
        status = rules.integer(text)
        if status is None:
            raise errors.UnreadableReply(
                f"expected Status, an Integer, got {rules.shown(self._redact(text))}",
                http_status=reply.http_status,
            )
        return StatusReply(
            request_id=reply.request_id,
            http_status=reply.http_status,
            fields=reply.fields,
            status=status,
        )

    def request(self, request: OperationRequest) -> Reply:
        """Sign and send a request of any operation, and return the reply. Raises as above."""
        _expect(
            "request", isinstance(request, OperationRequest), "an OperationRequest", type(request)
        )
        pairs = request.to_wire(user_panes_from=self.user_panes_from)
        return self.call(request.action, pairs)

    def _made(self, kind: Callable[..., _Made], given: Mapping[str, Any]) -> _Made:
        """Make a request of what is given and the edition has."""
        view = self._contract.operation(kind.action)  # type: ignore[attr-defined]
        known = {python_name(p.name) for p in view.parameters}
        return kind(
            **{name: value for name, value in given.items() if name in known},
            contract=self._contract,
        )

    def call(
        self,
        action: str,
        pairs: Pairs | Mapping[str, str],
        *,
        envelope: Callable[[Envelope], Envelope] | None = None,
    ) -> Reply:
        """Sign and send raw pairs, valid or not, and return the reply. Raises as above.

        Args:
            envelope: changes what goes around the pairs before it is signed.
        """
        request = self.prepare(action, pairs, envelope=envelope)
        return self.send(request, action=action)

    def prepare(
        self,
        action: str,
        pairs: Pairs | Mapping[str, str],
        *,
        envelope: Callable[[Envelope], Envelope] | None = None,
    ) -> Request:
        """Return the signed request for raw pairs, without sending it."""
        pairs = rules.as_pairs(pairs)
        _expect_texts("action", [action])
        _expect_texts("pairs", [text for pair in pairs for text in pair])
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
        # What was received, and the library's own exceptions, may hold the security token. They
        # live in frames that are gone when the outcome is raised: a traceback shows none of them.
        outcome = self._outcome(request, action or self._contract.service.action)
        if isinstance(outcome, errors.RTCMPUError):
            raise outcome
        return outcome

    def exchange(self, request: Request) -> Response:
        """Send a prepared request and return what comes, unjudged. Raises TransportError."""
        received = self._receive(request)
        if isinstance(received, errors.TransportError):
            raise received
        return received

    def _outcome(self, request: Request, action: str) -> Reply | errors.RTCMPUError:
        received = self._receive(request)
        if isinstance(received, errors.TransportError):
            return received
        return self._judge(received.status, received.body, action)

    def _receive(self, request: Request) -> Response | errors.TransportError:
        try:
            return self._transmit(request)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as e:
            return self._transport_error(e)

    def _transmit(self, request: Request) -> Response:
        # What was signed goes out as it is: requests would quote a URL of its own anew.
        plain = requests.Request(request.method, self.endpoint, auth=_no_auth)
        prepared = self.session.prepare_request(plain)
        prepared.url = f"{self.endpoint.rstrip('/')}{request.target}"
        if prepared.headers.get("Accept-Encoding", "identity") != "identity":
            prepared.headers["Accept-Encoding"] = bounded.CODINGS
        prepared.headers.update(request.headers)
        prepared.body = request.body or None
        prepared.headers.pop("Content-Length", None)
        if request.method == "POST":
            prepared.headers["Content-Length"] = str(len(request.body))
        # No proxy of the environment reaches what listens on this machine, and none is looked for.
        proxies = {"no_proxy": urlsplit(self.endpoint).hostname or ""} if self._is_here else {}
        settings = self.session.merge_environment_settings(self.endpoint, proxies, None, None, None)
        if self._is_here:
            settings["proxies"] = dict(self.session.proxies)
        began = time.monotonic()
        settings["stream"] = True  # read below, against the clock
        received = self.session.send(
            prepared, timeout=self.timeout, allow_redirects=False, **settings
        )
        seconds = self.timeout[1] if isinstance(self.timeout, tuple) else self.timeout
        body = bounded.read_body(received, seconds=seconds, max_bytes=self.max_reply, began=began)
        return Response(
            status=received.status_code, headers=tuple(received.headers.items()), body=body
        )

    def _common(self, name: str) -> str:
        return next(p.value or "" for p in self._contract.common_parameters if p.name == name)

    def _transport_error(self, error: Exception) -> errors.TransportError:
        # The library's own exceptions name the whole URL, and with it the security token.
        kind = errors.TransportTimeout if _is_late(error) else errors.TransportError
        if isinstance(error, bounded.TooLarge):
            kind = errors.ReplyTooLarge
        cause = innermost(error)
        # What the system says is said in few words; a library's own are many, and few are plain.
        text = system_error(cause) if cause is not None else re.sub(r"\?\S+", "?…", str(error))
        return kind(f"{self.endpoint}: {type(error).__name__}: {self._redact(text)}")

    def _redact(self, text: str) -> str:
        key = self.credentials
        return redact_everywhere(text, filter(None, (key.security_token, key.access_key_secret)))

    def _judge(self, http_status: int, body: bytes, action: str) -> Reply | errors.RTCMPUError:
        def unreadable(reason: str) -> errors.UnreadableReply:
            return errors.UnreadableReply(self._redact(reason), http_status=http_status)

        try:
            fields = wire.decode_reply(body, action=action, redact=self._redact)
        except errors.UnreadableReply as error:
            return unreadable(error.reason)
        request_id = fields.get("RequestId")
        # contract: "A reply is a failure when it has a Code, whatever its HTTP status."
        if fields.get("Code") not in (None, ""):
            return errors.api_error(
                code=str(fields["Code"]),
                message=self._redact(str(fields.get("Message") or "")),
                http_status=http_status,
                request_id=str(request_id) if request_id else None,
            )
        if not isinstance(request_id, str) or not request_id:
            return unreadable(f"expected a RequestId or a Code, got a reply with {sorted(fields)}")
        if http_status != 200:
            return unreadable(f"expected a Code, got only RequestId {request_id}")
        return Reply(request_id=request_id, http_status=http_status, fields=fields)


def _named(
    task: OperationRequest | None, kind: type[OperationRequest], ids: Mapping[str, str | None]
) -> Mapping[str, str | None]:
    """The ids of a task that is given as such, or by its ids: one way, not both.

    Raises:
        TypeError: for both, for neither, or for something else.
    """
    given = {name: value for name, value in ids.items() if value is not None}
    expected = f"a StartMPUTask, a {kind.__name__} or {', '.join(ids)}"
    if task is None:
        if not given:
            raise TypeError(f"task: expected {expected}, got nothing")
        return given
    if not isinstance(task, StartMPUTask | kind):
        raise TypeError(f"task: expected {expected}, got {type(task).__name__}")
    if given:
        raise TypeError(f"task: expected {expected}, got a task and {', '.join(given)}")
    return {name: getattr(task, name) for name in ids if hasattr(task, name)}


def _no_auth(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """The signature is all the authorization there is, whatever a .netrc says."""
    return prepared


def _own_session() -> requests.Session:
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, bounded.WholeAdapter())
    return session


def _is_loopback(host: str) -> bool:
    """Whether it is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host(endpoint: str, contract: Contract) -> str:
    """Return the host and port of a base URL.

    Raises:
        ValueError: for what is none.
    """
    service = contract.service
    try:
        parts = urlsplit(endpoint)
        _ = parts.port
    except (AttributeError, ValueError):
        parts = urlsplit("")
    if (
        parts.scheme not in service.schemes
        or not parts.hostname
        or parts.path not in ("", service.path)
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        # A password that stands before an @ is not to be shown.
        shown = repr(endpoint) if "@" not in parts.netloc else "one with a user in it"
        raise ValueError(
            f"endpoint: expected a URL such as {service.schemes[0]}://{service.host}, got {shown}"
        )
    return parts.netloc


def _expect(name: str, holds: bool, expected: str, got: object) -> None:
    if not holds:
        raise ValueError(f"{name}: expected {expected}, got {got!r}")


def _expect_function(name: str, given: object, returned: str) -> None:
    if not callable(given):
        expected = f"expected a function that returns {returned}"
        raise TypeError(f"{name}: {expected}, got {type(given).__name__}")


def _one_of(name: str, got: object, known: Iterable[object]) -> None:
    values = list(known)
    # 1.0 and True equal 1, and are none of the values all the same.
    holds = any(got == value and type(got) is type(value) for value in values)
    _expect(name, holds, " or ".join(map(repr, values)), got)


def _is_timeout(timeout: object) -> bool:
    """Whether requests can wait so long; ``None`` is for ever."""
    if isinstance(timeout, tuple):
        return (
            len(timeout) == 2
            and not any(isinstance(part, tuple) for part in timeout)
            and all(map(_is_timeout, timeout))
        )
    if isinstance(timeout, bool) or not isinstance(timeout, int | float | None):
        return False
    return timeout is None or timeout > 0


def _expect_texts(name: str, texts: Iterable[object]) -> None:
    """Refuse what cannot be sent, before anything secret stands beside it."""
    for text in texts:
        try:
            _expect(name, isinstance(text, str), "str", text)
            str(text).encode()
        except UnicodeEncodeError:
            raise ValueError(f"{name}: expected text that UTF-8 can carry, got {text!r}") from None


def _is_late(error: BaseException) -> bool:
    """Whether no reply came in time; a body that stalls is a ConnectionError to requests."""
    late = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
    return isinstance(error, late) or any(isinstance(reason, late) for reason in error.args)


def _hide_token(record: logging.LogRecord) -> bool:
    """Hide a security token in what urllib3 logs: it writes whole URLs."""
    text = record.getMessage()
    if "SecurityToken=" in text:
        record.msg = re.sub(r"(SecurityToken=)[^&\s]*", rf"\g<1>{REDACTED}", text)
        record.args = ()
    return True


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
    signed_body = bare.body if envelope.claimed_body is None else envelope.claimed_body
    headers = signing.headers_v3(
        host=host,
        action=envelope.action,
        version=envelope.version,
        date=envelope.timestamp,
        nonce=envelope.nonce,
        body=signed_body,
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
        signed_headers=set(signing.headers_to_sign(headers)) - envelope.unsigned,
        body=signed_body,
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


def goes_by_proxy(url: str) -> bool:
    """Whether the environment names a proxy for calls to a URL."""
    return bool(requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)))


def trusting(url: str) -> ssl.SSLContext:
    """Return what verifies a certificate as a client's requests do."""
    with requests.Session() as session:
        verify = session.merge_environment_settings(url, {}, None, None, None)["verify"]
    bundle = Path(verify if isinstance(verify, str) else requests.utils.DEFAULT_CA_BUNDLE_PATH)
    if bundle.is_dir():
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)
