"""The door for every client that speaks through Python's ``socket`` and ``ssl``, whatever its name.

The service's names are looked up to an address that nobody has, a connection to that address leads
to the listener of this process, and TLS for such a name is verified by the listener's own
authority. For every other name all three are as ever.
"""

from __future__ import annotations

import errno
import functools
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pytest_rtcmpu.mock import listener, openings
from pytest_rtcmpu.mock.names import STAND_IN, name_of
from pytest_rtcmpu.mock.openings import Opening
from pytest_rtcmpu.mock.patches import Patches

_Socket = socket.socket
#: The functions that look names up, as they were before anybody patched them.
_RESOLVERS = {
    name: getattr(socket, name) for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex")
}


def refused(text: str) -> OSError:
    """Return the error of a connection that is not made."""
    return ConnectionRefusedError(errno.ECONNREFUSED, text)


def unknown(text: str) -> OSError:
    """Return the error of a name that is not looked up."""
    return socket.gaierror(socket.EAI_FAIL, text)


def opening_of(host: object, error: Callable[[str], OSError] = refused) -> Opening | None:
    """Return the opening that answers calls to a host from here; ``None`` where none does.

    Raises:
        OSError: made by ``error``, where one would if it were told whose the call is.
    """
    name = name_of(host)
    if name is None or not (name == STAND_IN or openings.is_answered(name)):
        return None
    try:
        opening = openings.current()
    except openings.NotAnswered as reason:
        raise error(f"pytest-rtcmpu: {reason}") from None
    return opening if name == STAND_IN or opening.answers(name) else None


def _looking_up(real: Any, original: Any) -> Any:
    def look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if openings.open_ones and opening_of(host, unknown) is not None:
            return real(STAND_IN, *args, **kwargs)
        return original(host, *args, **kwargs)

    return look_up


def _connecting(original: Any) -> Any:
    def connect(self: Any, address: Any) -> Any:
        opening = destination(self, address) if openings.open_ones else None
        if opening is None:
            return original(self, address)
        end = listener.started()
        try:
            return original(self, end.address)
        finally:
            # One that does not block is being connected now, and has its port.
            with suppress(OSError):
                end.note(self, opening)

    return connect


def destination(sock: Any, address: Any) -> Opening | None:
    """Return the opening that a socket is to be connected to; ``None`` where it is none."""
    by_tcp = sock.family == socket.AF_INET and sock.type == socket.SOCK_STREAM
    return opening_of(address[0]) if by_tcp and isinstance(address, tuple) else None


def _wrapping(place: int, original: Any) -> Any:
    """Return ``wrap_socket`` or ``wrap_bio`` that trusts the listener where it stands in.

    Args:
        place: where the server's name stands among the arguments.
    """

    def wrap(self: Any, *args: Any, **kwargs: Any) -> Any:
        if openings.open_ones:
            given = kwargs.get("server_hostname", args[place] if len(args) > place else None)
            end = args[0] if args else kwargs.get("sock")
            name = name_of(given)
            if name is not None and openings.is_answered(name) and _may_lead_here(end):
                self = listener.authority().trusting
        return original(self, *args, **kwargs)

    return wrap


def _may_lead_here(end: Any) -> bool:
    """Whether a socket is not connected to anybody else; of a buffer nobody can tell."""
    if not isinstance(end, _Socket):
        return True
    try:
        return listener.is_at(end.getpeername())
    except OSError:
        return True


def open_doors(patches: Patches) -> None:
    """Let in who looks the name up, connects and speaks TLS by way of Python's own modules."""
    for name, real in _RESOLVERS.items():
        patches.make(socket, name, functools.partial(_looking_up, real))
    for name in ("connect", "connect_ex"):
        patches.make(_Socket, name, _connecting)
    for name, place in (("wrap_socket", 4), ("wrap_bio", 3)):
        patches.make(ssl.SSLContext, name, functools.partial(_wrapping, place))
