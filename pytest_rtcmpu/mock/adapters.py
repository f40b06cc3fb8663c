"""The door for requests: a session's own adapter, on a connection that ends at the endpoint.

Both copies of requests are served: the real one, and the one that aliyun-python-sdk-core carries
(``aliyunsdkcore.vendored.requests``).

``responses`` patches ``HTTPAdapter.send`` for the whole process, and the mock that was opened last
hides the others; ``requests_mock`` gives a session an adapter of its own. So ours asks a session
for its adapter, lets a class of its own stand before and behind the adapter's class, and so
reaches the true ``HTTPAdapter.send`` with a pool that leads to the endpoint.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NoReturn
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import responses

from pytest_rtcmpu.mock import openings, seal
from pytest_rtcmpu.mock.connection import pool_of
from pytest_rtcmpu.mock.names import name_of
from pytest_rtcmpu.mock.patches import Patches, Replace

_COPIES = ("requests", "aliyunsdkcore.vendored.requests")


def copies() -> Iterator[ModuleType]:
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


class _Doors:
    """The adapters of one copy of requests, as they are while a mock is open."""

    def __init__(self, copy: ModuleType) -> None:
        self._copy = copy
        adapter = copy.adapters.HTTPAdapter
        # Whose mock stands there now does not matter: ours is to be reached beside it.
        send = getattr(responses, "_real_send", None) if _is_mocked(copy) else adapter.send

        class Front:
            """Before the adapter's class: the connection it gets, whatever proxies it is given."""

            def get_connection_with_tls_context(self, request: Any, *_: Any, **__: Any) -> Any:
                return pool_of(openings.current(), copy, request.url)

            def get_connection(self, url: str, *_: Any, **__: Any) -> Any:
                return pool_of(openings.current(), copy, url)

        class Back(adapter):  # type: ignore[misc, valid-type]
            """Behind it: the way that requests itself sends."""

        Back.send = send or adapter.send
        self._front, self._back = Front, Back
        self._made: WeakKeyDictionary[type, type] = WeakKeyDictionary()

        class Blocked(copy.adapters.BaseAdapter):  # type: ignore[misc, name-defined]
            """The adapter for every other host that nobody mocks."""

            def __init__(self, reason: str) -> None:
                super().__init__()
                self._reason = reason

            def send(self, request: Any, *args: Any, **kwargs: Any) -> NoReturn:
                raise copy.ConnectionError(self._reason, request=request)

            def close(self) -> None:
                """Nothing to close."""

        self._blocked = Blocked

    def door(self, adapter: Any) -> Any:
        """Return an adapter as it is, but for where its calls end.

        It shares the attributes of the one that the session has.
        """
        if not isinstance(adapter, self._copy.adapters.HTTPAdapter):
            adapter = self._copy.adapters.HTTPAdapter()
        kind = type(adapter)
        made = self._made.get(kind)
        if made is None:
            plain = kind is self._copy.adapters.HTTPAdapter
            bases = (self._front, self._back) if plain else (self._front, kind, self._back)
            made = self._made[kind] = type(kind.__name__, bases, {})
        door: Any = object.__new__(made)
        door.__dict__ = vars(adapter)
        return door

    def get_adapter(self, original: Any) -> Any:
        """Return ``Session.get_adapter`` with calls sent to the door, and strangers turned away.

        requests calls it for every request, and it is public.
        """

        def get_adapter(session: Any, url: str) -> Any:
            adapter = original(session, url)
            if not openings.open_ones:
                return adapter
            parts = urlsplit(url)
            host = name_of(parts.hostname) or ""
            seal.note_elsewhere(host, parts.port or {"http": 80, "https": 443}.get(parts.scheme))
            mine = openings.is_mocked(host)
            if not mine and (
                not isinstance(adapter, self._copy.adapters.HTTPAdapter) or _is_mocked(self._copy)
            ):
                return adapter
            try:
                if mine and openings.current().answers(host):
                    return self.door(adapter)
                seal.judge_host(host)
            except (openings.NotAnswered, seal.OutOfReach) as reason:
                return self._blocked(f"pytest-rtcmpu: {reason}")
            return adapter

        return get_adapter


def _is_mocked(copy: ModuleType) -> bool:
    """Whether somebody's mock has taken the place of requests' own way to the network."""
    adapter = copy.adapters.HTTPAdapter
    return bool(adapter.send.__module__ != adapter.__module__)


_doors: dict[str, _Doors] = {}


def open_doors(patches: Patches) -> None:
    """Let sessions of both copies of requests, and those under ``requests_mock``, in."""
    for copy in copies():
        doors = _doors.get(copy.__name__)
        if doors is None:
            doors = _doors[copy.__name__] = _Doors(copy)
        patches.make(copy.sessions.Session, "get_adapter", doors.get_adapter)
    beside = sys.modules.get("requests_mock.adapter")
    if beside is not None:
        patches.make(beside.Adapter, "send", _beside(_doors["requests"]))


def _beside(doors: _Doors) -> Replace:
    """Let the adapter that ``requests_mock`` gives every session leave our host to us."""

    def replace(original: Any) -> Any:
        def send(self: Any, request: Any, **kwargs: Any) -> Any:
            host = name_of(urlsplit(request.url).hostname) or ""
            if openings.is_mocked(host) and openings.current().answers(host):
                return doors.door(self).send(request, **kwargs)
            return original(self, request, **kwargs)

        return send

    return replace
