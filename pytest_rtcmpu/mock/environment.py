"""The environment variables around a mocked endpoint: test keys, and no proxy.

Only names that must change are changed, one by one, and only those are put back. The variables
are the whole process's: where several mocks are open, those of the latest hold.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import urlsplit

from pytest_rtcmpu.values.credentials import Credentials
from pytest_rtcmpu.values.forks import own_lock

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
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")

#: Nothing listens there: who is sent to it gets nowhere, at once.
_NOWHERE = "http://127.0.0.1:9"
_LOOPBACK = "localhost,127.0.0.1,::1"

Layer = Mapping[str, str | None]

_lock = own_lock(sys.modules[__name__], "_lock")
_layers: list[Layer] = []
_before: dict[str, str | None] = {}


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _apply() -> None:
    """Let each name that was ever touched have what the latest layer says, or what it had."""
    for name, before in _before.items():
        _set(name, next((layer[name] for layer in reversed(_layers) if name in layer), before))
    cache = sys.modules.get(_CACHE)
    for attribute, variable in _CACHED.items():
        if hasattr(cache, attribute):
            setattr(cache, attribute, os.environ.get(variable))


@contextmanager
def _layer(layer: Layer) -> Iterator[None]:
    with _lock:
        for name in layer:
            _before.setdefault(name, os.environ.get(name))
        _layers.append(layer)
        _apply()
    try:
        yield
    finally:
        with _lock:
            _layers[:] = [each for each in _layers if each is not layer]
            _apply()
            if not _layers:
                _before.clear()


def test_keys(credentials: Credentials) -> AbstractContextManager[None]:
    """Let SDKs that look for keys in the environment find these, and no others."""
    token = credentials.security_token
    return _layer(
        {
            **dict.fromkeys(_REMOVED),
            "ALIBABA_CLOUD_ACCESS_KEY_ID": credentials.access_key_id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": credentials.access_key_secret.reveal(),
            "ALIBABA_CLOUD_SECURITY_TOKEN": token.reveal() if token else None,
            # Keys are found by now; nobody needs to ask an instance's metadata server for some.
            "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
        }
    )


def leading_here(credentials: Credentials, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a program whose calls are to end here.

    Args:
        variables: the proxy, and the authority to trust.
    """
    with _lock, test_keys(credentials):
        kept = {name: value for name, value in os.environ.items() if name not in PROXIES}
    return {**kept, **variables}


def no_proxies(host: str, allow: Iterable[str] = ()) -> AbstractContextManager[None]:
    """Let nobody find a proxy, which would call out for them, save for one that is allowed.

    Through that neither is a host to be called. NO_PROXY alone would not do: some clients ignore
    it, the published SDK's own among them.
    """
    allowed = frozenset(allow)
    found = {name: os.environ[name] for name in PROXIES if name in os.environ}
    layer: Layer = {name: None for name, url in found.items() if _host(url) not in allowed}
    # Most clients go by the name in lower case and only without it by the other.
    name = "no_proxy" if os.environ.get("no_proxy") else "NO_PROXY"
    return _layer({**layer, name: ",".join(filter(None, (os.environ.get(name), host)))})


def _host(proxy: str) -> str | None:
    try:
        return urlsplit(proxy if "://" in proxy else f"//{proxy}").hostname
    except ValueError:
        return None


def leading_nowhere() -> dict[str, str]:
    """Return the environment for a client in a process of its own: loopback, and no way out.

    Clients that go by these variables (requests, urllib, httpx, curl, Go) are sent to a proxy that
    is not there. ``HTTP_PROXY`` is left out: the published SDK follows it to loopback too,
    whatever NO_PROXY says.
    """
    kept = {name: value for name, value in os.environ.items() if name not in PROXIES}
    names = ("HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy")
    return (
        kept | dict.fromkeys(names, _NOWHERE) | dict.fromkeys(("NO_PROXY", "no_proxy"), _LOOPBACK)
    )
