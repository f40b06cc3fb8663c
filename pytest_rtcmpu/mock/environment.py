"""The process around a mocked endpoint: test keys where real ones might be, and no way out."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from pytest_rtcmpu.values.credentials import Credentials

#: Where alibabacloud_credentials keeps what it read from the environment when it was imported.
_CACHE = "alibabacloud_credentials.utils.auth_util"
_CACHED = {
    "environment_access_key_id": "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "environment_access_key_secret": "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "environment_security_token": "ALIBABA_CLOUD_SECURITY_TOKEN",
}
#: The older SDK's own variables. It prefers them to a credential given in code, so that test keys
#: in them would change what a test does, and real keys would be used.
_REMOVED = ("ALIYUN_ACCESS_KEY_ID", "ALIYUN_ACCESS_KEY_SECRET")


@contextmanager
def test_keys(credentials: Credentials) -> Iterator[None]:
    """Let SDKs that look for keys in the environment find these, and no others."""
    token = credentials.security_token
    with ExitStack() as after, mock.patch.dict(os.environ):
        after.callback(_refresh_cache)
        for name in (*_REMOVED, "ALIBABA_CLOUD_SECURITY_TOKEN"):
            os.environ.pop(name, None)
        os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] = credentials.access_key_id
        os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = credentials.access_key_secret.reveal()
        if token:
            os.environ["ALIBABA_CLOUD_SECURITY_TOKEN"] = token.reveal()
        # Keys are found by now; nobody needs to ask an instance's metadata server for some.
        os.environ["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] = "true"
        _refresh_cache()
        yield


def _refresh_cache() -> None:
    cache = sys.modules.get(_CACHE)
    for attribute, variable in _CACHED.items():
        if hasattr(cache, attribute):
            setattr(cache, attribute, os.environ.get(variable))


@contextmanager
def watch(*, but: tuple[str, int], forbidden: str) -> Iterator[list[str]]:
    """Yield the hosts that this process looks up meanwhile, in order, each once.

    but: the host and port that it is meant to call, which are left out.
    forbidden: a host that is not reached at all.
    """
    original = socket.getaddrinfo
    seen: list[str] = []

    def getaddrinfo(asked: Any, port: Any = None, *args: Any, **kwargs: Any) -> Any:
        name = _host(asked)
        if name is not None and (name, str(port)) != (but[0], str(but[1])):
            shown = f"{name}:{port}" if name == but[0] else name
            seen.extend([shown] if shown not in seen else [])
            if name == forbidden:
                raise socket.gaierror(
                    socket.EAI_FAIL, f"pytest-rtcmpu: {name} is kept out of reach of checks"
                )
        return original(asked, port, *args, **kwargs)

    with mock.patch.object(socket, "getaddrinfo", getaddrinfo):
        yield seen


def _host(asked: object) -> str | None:
    name = asked.decode("ascii", "replace") if isinstance(asked, bytes) else asked
    return name.rstrip(".").lower() if isinstance(name, str) else None


@contextmanager
def unreachable(host: str) -> Iterator[None]:
    """Keep clients that are not intercepted (aiohttp, httpx, urllib) from reaching a host."""
    original = socket.getaddrinfo

    def getaddrinfo(asked: Any, *args: Any, **kwargs: Any) -> Any:
        if _host(asked) == host:
            raise socket.gaierror(
                socket.EAI_FAIL,
                f"pytest-rtcmpu: {host} is mocked for clients that use requests, and this client "
                "does not; give it the URL of the rtcmpu_server fixture as its endpoint",
            )
        return original(asked, *args, **kwargs)

    # A proxy would look the name up on its own.
    no_proxy = ",".join(filter(None, (os.environ.get("NO_PROXY"), host)))
    with (
        mock.patch.object(socket, "getaddrinfo", getaddrinfo),
        mock.patch.dict(os.environ, {"NO_PROXY": no_proxy, "no_proxy": no_proxy}),
    ):
        yield
