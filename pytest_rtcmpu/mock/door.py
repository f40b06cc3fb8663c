"""The endpoint mounted on ``responses``: whoever calls it through requests reaches the mock.

Both copies of requests are served: the real one, and the one that aliyun-python-sdk-core carries
(``aliyunsdkcore.vendored.requests``).

``responses`` patches ``HTTPAdapter.send`` for the whole process, and the mock that was opened last
hides the others. So that a user's own mocks and ours can be opened in either order, ours patches
the ``send`` of an adapter of its own, :class:`Door`, which only the endpoint's host is sent to.
"""

from __future__ import annotations

import http.client
import importlib
import importlib.util
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, NoReturn
from unittest import mock
from urllib.parse import urlsplit

import requests
import responses
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.mock import environment
from pytest_rtcmpu.values.credentials import Credentials
from pytest_rtcmpu.values.messages import Delivery, Request, Response

_COPIES = ("requests", "aliyunsdkcore.vendored.requests")


class Door(HTTPAdapter):
    """The adapter that calls to the endpoint's host go through; its ``send`` is patched."""


class _Blocked(BaseAdapter):
    """The adapter for every other host that nobody mocks."""

    def __init__(self, own_host: str) -> None:
        super().__init__()
        self._own_host = own_host

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> NoReturn:
        host = urlsplit(request.url or "").hostname
        raise requests.ConnectionError(
            f"pytest-rtcmpu: {host} is blocked while {self._own_host} is mocked. To let it "
            f"through, add it to the ini option rtcmpu_allow_hosts, or mock it with responses.",
            request=request,
        )

    def close(self) -> None:
        """Nothing to close."""


class Route(responses.CallbackResponse):
    """Every request to the endpoint's host, whatever its method, as ``responses`` has it.

    ``requests_mock.add(Route(endpoint))`` mounts an endpoint on a ``RequestsMock`` of your own.
    """

    def __init__(self, endpoint: Endpoint, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._host = endpoint.contract.service.host
        self._endpoint = endpoint
        self._sleep = sleep
        super().__init__("GET", f"https://{self._host}/", self._answer)

    def matches(self, request: requests.PreparedRequest) -> tuple[bool, str]:
        """Whether it goes to the endpoint's host; the endpoint itself judges all the rest."""
        ours = urlsplit(request.url or "").hostname == self._host
        return ours, "" if ours else f"the host is not {self._host}"

    def _answer(self, request: Any) -> tuple[int, Mapping[str, str], bytes]:
        response = self._endpoint.handle(to_request(request))
        self._deliver(response, request)
        # RFC 9110 6.4.1: such replies have no content, whatever their headers say.
        empty = request.method == "HEAD" or response.status in (204, 304)
        return response.status, dict(response.headers), b"" if empty else response.body

    def _deliver(self, response: Response, request: Any) -> None:
        """Do in process what ``Delivery`` says of a wire; slow bytes come at once."""
        delivery: Delivery = response.delivery
        timeout = getattr(request, "req_kwargs", {}).get("timeout")
        patience = timeout[1] if isinstance(timeout, tuple) else timeout
        late = f"Read timed out. (read timeout={patience})"
        if delivery.delay:
            if isinstance(patience, int | float) and delivery.delay >= patience:
                raise requests.ReadTimeout(late, request=request)
            self._sleep(delivery.delay)
        if delivery.raw is not None:
            reason = http.client.BadStatusLine(repr(delivery.raw[:40]))
            raise requests.ConnectionError(
                urllib3.exceptions.ProtocolError("Connection aborted.", reason), request=request
            )
        if delivery.ending == "timeout":
            raise requests.ReadTimeout(late, request=request)
        reset = ConnectionResetError(104, "Connection reset by peer")
        if delivery.ending == "reset" and delivery.after is None:
            raise requests.ConnectionError(
                urllib3.exceptions.ProtocolError("Connection aborted.", reset), request=request
            )
        if delivery.ending in ("reset", "close"):
            got = delivery.after or 0
            broken = (
                reset
                if delivery.ending == "reset"
                else http.client.IncompleteRead(response.body[:got], len(response.body) - got)
            )
            raise requests.exceptions.ChunkedEncodingError(
                urllib3.exceptions.ProtocolError(f"Connection broken: {broken!r}", broken)
            )


def to_request(prepared: Any) -> Request:
    """Return the value of a PreparedRequest of either copy of requests."""
    headers = [(_text(name), _text(value)) for name, value in prepared.headers.items()]
    if not any(name.lower() == "host" for name, _ in headers):
        # http.client adds it; a signature V3 covers it.
        headers.insert(0, ("Host", _host_header(prepared.url)))
    body = prepared.body
    if hasattr(body, "read"):
        body = body.read()
    elif body is not None and not isinstance(body, str | bytes | bytearray):
        body = b"".join(body)
    if isinstance(body, str):
        body = body.encode()
    return Request(
        method=prepared.method,
        target=prepared.path_url,
        headers=tuple(headers),
        body=bytes(body or b""),
    )


def _host_header(url: str) -> str:
    """What http.client sends as Host: without the user, and without the scheme's own port."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return host.rpartition(":")[0] if parts.port == default else host


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _copies() -> Iterator[ModuleType]:
    """The copies of requests that are installed."""
    for name in _COPIES:
        try:
            if importlib.util.find_spec(name.partition(".")[0]) is not None:
                importlib.import_module(f"{name}.sessions")
                yield importlib.import_module(name)
        except ImportError:
            # An old aliyun-python-sdk-core without a copy of its own, or one whose copy does not
            # import on this Python: then nobody can call through it either.
            continue


def _route_through(copy: ModuleType, endpoint: Endpoint, allow_hosts: frozenset[str]) -> Any:
    """``Session.get_adapter`` with the endpoint's host sent to the door and strangers turned away.

    requests calls it for every request, and it is public: the way to give a host its adapter.
    """
    original = copy.sessions.Session.get_adapter
    own_host = endpoint.contract.service.host
    blocked = _Blocked(own_host)

    def get_adapter(self: Any, url: str) -> Any:
        host = urlsplit(url).hostname
        adapter = original(self, url)
        if host == own_host:
            # A session's own retries go on, as they would over the network.
            retries = getattr(adapter, "max_retries", None)
            return Door(max_retries=retries if isinstance(retries, urllib3.Retry) else 0)
        real = isinstance(adapter, copy.adapters.HTTPAdapter)
        if not real or host in allow_hosts or _is_mocked(copy):
            return adapter
        return blocked

    return get_adapter


def _is_mocked(copy: ModuleType) -> bool:
    """Whether somebody's mock has taken the place of requests' own way to the network."""
    adapter = copy.adapters.HTTPAdapter
    return bool(adapter.send.__module__ != adapter.__module__)


@contextmanager
def mocked(
    endpoint: Endpoint,
    *,
    credentials: Credentials | None = None,
    allow_hosts: Iterable[str] = (),
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Endpoint]:
    """Answer every call to the endpoint's host, by https and http, from ``endpoint``.

    Clients that do not use requests (aiohttp, httpx) are not answered, and cannot reach the real
    host either.

    Args:
        credentials: what the environment offers SDKs meanwhile; the endpoint's first key by
            default.
        allow_hosts: other hosts that may be called for real. All others are blocked, save for those
            that mocks of your own answer.
        sleep: what waits where a reply is late but in time.
    """
    keys = credentials or endpoint.credentials
    door = responses.RequestsMock(
        assert_all_requests_are_fired=False, target=f"{Door.__module__}.{Door.__name__}.send"
    )
    door.add(Route(endpoint, sleep=sleep))
    with ExitStack() as stack:
        stack.enter_context(environment.unreachable(endpoint.contract.service.host))
        stack.enter_context(environment.test_keys(keys))
        stack.enter_context(door)
        for copy in _copies():
            routed = _route_through(copy, endpoint, frozenset(allow_hosts))
            stack.enter_context(mock.patch.object(copy.sessions.Session, "get_adapter", routed))
        yield endpoint
