"""The seal: while a mock is open, nothing in this process reaches the API's hosts, nor others.

CPython tells its audit hooks of every look-up of a name and of every connection that Python code
makes, through ``socket`` or ``_socket``; one hook, set when the first mock is opened, refuses what
leads out, and does nothing while none is open, unless the service is kept out of reach (``keep``).
What the hook does not see is caught where it can be replaced: bytes on a connection that was opened
before, or to a proxy on this machine; uvloop, aiodns and pycurl, which do their work in C.
docs/testing.md says what remains.
"""

from __future__ import annotations

import errno
import functools
import ipaddress
import re
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from pytest_rtcmpu.contract.hosts import is_host_of
from pytest_rtcmpu.mock import listener, openings
from pytest_rtcmpu.mock.foreign import seal_foreign
from pytest_rtcmpu.mock.names import STAND_IN, address_of, is_here, name_of
from pytest_rtcmpu.mock.openings import Opening
from pytest_rtcmpu.mock.patches import Patches

#: Systems give those who call a port from here on, and services have one below: so whose
#: connection it is can be told where nobody saw it being made.
_MIN_CALLERS_PORT = 32768

#: How a proxy is told where to: CONNECT, or a request that names a whole URL (RFC 9112 3.2.2).
_PROXIED = re.compile(
    rb"(?:CONNECT +|[A-Z]+ +https?://)(?:[^@/\s]*@)?(\[[^\]\s]+\]|[^:/?#\s]+)", re.IGNORECASE
)
#: SOCKS 5 (RFC 1928 4) by name, by IPv4 and IPv6; SOCKS 4 with 4A's name.
_SOCKS = re.compile(
    rb"\x05[\x01-\x03]\x00(?:\x03.([^\x00-\x20]+)..|\x01(.{4})..|\x04(.{16})..)\Z"
    rb"|\x04[\x01\x02]..(?:\x00\x00\x00[^\x00][^\x00]*\x00([^\x00]+)\x00|(.{4})[^\x00]*\x00)\Z",
    re.DOTALL,
)
_FIRST_BYTES = 512
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_Socket = socket.socket


class OutOfReach(Exception):
    """The seal is in the way of a call, and why."""


def judge_host(host: object) -> None:
    """Refuse a name or an address that is to be called, or looked up.

    Raises:
        OutOfReach: unless it is this machine or is allowed.
    """
    name = name_of(host)
    if name is None:
        return
    if not openings.open_ones:
        _judge_kept(name)
        return
    try:
        asking = [openings.current()]
    except openings.NotAnswered:
        # Nobody's: it may do what all that are open allow.
        asking = openings.open_ones
    for opening in tuple(asking):
        _judge(name, opening)


def _judge_kept(name: str) -> None:
    if any(is_host_of(host, name) for host in openings.kept):
        raise OutOfReach(
            f"{name} is called by a test that does not mock it, and rtcmpu_seal is set. Let the "
            "test take the fixture rtcmpu_endpoint, or rtcmpu_mock; a run that is to call it for "
            "real has the option -o rtcmpu_seal=false"
        )


def _judge(name: str, opening: Opening) -> None:
    if name in opening.allow and name != opening.host:
        return
    if name == STAND_IN:
        name = opening.host
    if is_host_of(opening.host, name):
        if opening.endpoint is None:
            why = "is out of reach while a client is checked: it is given the endpoint to call"
        else:
            why = (
                "is mocked for clients that go by Python's socket and ssl, by TCP and by no proxy; "
                "this call does not. Give its client the URL of the rtcmpu_server fixture as its "
                "endpoint, or rtcmpu_server.proxy_url as its proxy"
            )
        raise OutOfReach(f"{name} {why}")
    if is_here(name) or _is_allowed_address(name, opening):
        return
    if opening.endpoint is None:
        raise OutOfReach(f"{name} is out of reach while a client is checked")
    raise OutOfReach(
        f"{name} is blocked while {opening.host} is mocked. To let it through, add it to the ini "
        "option rtcmpu_allow_hosts, or mock it with responses."
    )


# ------------------------------------------------------------------ addresses of allowed names

#: What allowed names were resolved to.
_resolved: dict[str, set[str]] = {}
_resolve = socket.getaddrinfo


def _is_allowed_address(name: str, opening: Opening) -> bool:
    address = address_of(name)
    if address is None:
        return False
    text = str(address)
    names = [*opening.allow, socket.gethostname().lower()]
    if any(text in _resolved.get(each, ()) for each in names):
        return True
    for each in names:
        if address_of(each) is None and each not in _resolved:
            try:
                _note(each, _resolve(each, None))
            except OSError:
                _resolved[each] = set()
    return any(text in _resolved.get(each, ()) for each in names)


def _note(name: str, answers: Any) -> None:
    found = {str(address_of(answer[4][0]) or answer[4][0]) for answer in answers}
    _resolved.setdefault(name, set()).update(found)


def forget() -> None:
    """Forget what names were resolved to."""
    _resolved.clear()


# ----------------------------------------------------------------------------------- the audit hook


def note_elsewhere(host: Any, port: Any) -> None:
    """Note what a client under test asks for in place of what it was given."""
    opening, name = openings.own(), name_of(host)
    if opening is None or opening.meant is None or name is None:
        return
    meant, its_port = opening.meant
    if (name, str(port)) != (meant, str(its_port)):
        text = f"{name}:{port}" if name == meant else name
        if text not in opening.elsewhere:
            opening.elsewhere.append(text)


def _look_up(host: Any, port: Any = None, *_: Any) -> None:
    note_elsewhere(host, port)
    if address_of(name_of(host) or "") is None:
        _judge_as(host, lambda text: socket.gaierror(socket.EAI_FAIL, text))


def _judge_as(host: Any, error: Callable[[str], Any]) -> None:
    try:
        judge_host(host)
    except OutOfReach as reason:
        raise error(f"pytest-rtcmpu: {reason}") from None


def _refused(text: str) -> OSError:
    return ConnectionRefusedError(errno.ECONNREFUSED, text)


def _connect(sock: Any, address: Any, *_: Any) -> None:
    if not isinstance(address, tuple) or sock.family not in _INTERNET:
        return
    # A connected UDP socket has sent nothing yet: its first packet is judged when it is sent.
    if sock.type != socket.SOCK_DGRAM or address_of(name_of(address[0]) or "") is None:
        note_elsewhere(*address[:2])
        _judge_as(address[0], _refused)


def _send_to(sock: Any, address: Any, *_: Any) -> None:
    if isinstance(address, tuple) and sock.family in _INTERNET:
        _judge_as(address[0], _refused)


_EVENTS: Mapping[str, Callable[..., None]] = {
    "socket.getaddrinfo": _look_up,
    "socket.gethostbyname": _look_up,
    "socket.connect": _connect,
    "socket.sendto": _send_to,
    "socket.sendmsg": _send_to,
}


# By its defaults, for it is called until the interpreter ends, when modules have been emptied.
def _hook(
    event: str,
    args: tuple[Any, ...],
    events: Mapping[str, Callable[..., None]] = _EVENTS,
    open_ones: list[Opening] = openings.open_ones,
    kept: list[str] = openings.kept,
) -> None:
    if event in events and (open_ones or kept):
        events[event](*args)


@functools.cache
def set_hook() -> None:
    """Set the audit hook, once and for all: Python has no way to take one back."""
    sys.addaudithook(_hook)


# -------------------------------------------------------------------------- bytes on the way out


def judge_bytes(sock: Any, data: Any) -> None:
    """Refuse bytes for a peer that is out of reach, or that tell a proxy of one."""
    if sock.family not in _INTERNET:
        return
    try:
        peer = sock.getpeername()
    except OSError:
        return
    try:
        if not listener.note_sender(sock, peer):
            _judge_bytes_for(sock, peer, data)
    except (OutOfReach, openings.NotAnswered) as reason:
        # httpcore ignores an error while it sends, and would wait for a reply.
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        raise _refused(f"pytest-rtcmpu: {reason}") from None


def _judge_bytes_for(sock: Any, peer: Any, data: Any) -> None:
    host, port = peer[:2]
    called = sock.type == socket.SOCK_DGRAM or port < _MIN_CALLERS_PORT
    if host == STAND_IN or openings.is_mocked(host) or (called and not is_here(host)):
        judge_host(host)
    judge_host(_destination(bytes(memoryview(data)[:_FIRST_BYTES])))


def _destination(data: bytes) -> str | None:
    """Return where the first bytes of a connection tell a proxy to go."""
    found = _PROXIED.match(data) or (_SOCKS.match(data) if data[:1] in (b"\x04", b"\x05") else None)
    if found is None:
        return None
    told = next(group for group in found.groups() if group)
    if found.re is _SOCKS and found.lastindex != 1 and found.lastindex != 4:
        return str(ipaddress.ip_address(told))
    return told.decode("ascii", "replace").strip("[]")


def _before_bytes(original: Any) -> Any:
    def send(self: Any, data: Any, *args: Any, **kwargs: Any) -> Any:
        if openings.watched():
            judge_bytes(self, data)
        return original(self, data, *args, **kwargs)

    return send


def _before_buffers(original: Any) -> Any:
    def sendmsg(self: Any, buffers: Any, *args: Any, **kwargs: Any) -> Any:
        if openings.watched():
            buffers = list(buffers)
            judge_bytes(self, buffers[0] if buffers else b"")
        return original(self, buffers, *args, **kwargs)

    return sendmsg


def _before_connecting(original: Any) -> Any:
    # The hook comes after a name has been looked up in C, which no event tells of.
    def connect(self: Any, address: Any) -> Any:
        if openings.watched() and self.family in _INTERNET:
            _connect(self, address)
        return original(self, address)

    return connect


def _before_sending_to(original: Any) -> Any:
    def sendto(self: Any, data: Any, *args: Any) -> Any:
        if openings.watched() and args:
            _send_to(self, args[-1])
        return original(self, data, *args)

    return sendto


def _before_looking_up(original: Any) -> Any:
    """Judge the API's own hosts even where somebody has a resolver of their own; note answers."""

    def look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not openings.watched():
            return original(host, *args, **kwargs)
        name = name_of(host) or ""
        hosts = [*openings.kept, *(each.host for each in openings.open_ones)]
        if any(name.endswith(each.partition(".")[2]) for each in hosts):
            _look_up(host)
        answers = original(host, *args, **kwargs)
        if isinstance(answers, list) and any(name in each.allow for each in openings.open_ones):
            _note(name, answers)
        return answers

    return look_up


def close_ways(patches: Patches) -> None:
    """Put the seal's patches in place; they do nothing while nothing is watched."""
    set_hook()
    patches.make(socket, "getaddrinfo", _before_looking_up)
    # Whatever class stands as socket.socket now (pytest-socket's is one), it is made of this one.
    for name in ("send", "sendall"):
        patches.make(_Socket, name, _before_bytes)
    if hasattr(_Socket, "sendmsg"):
        patches.make(_Socket, "sendmsg", _before_buffers)
    for name in ("connect", "connect_ex"):
        patches.make(_Socket, name, _before_connecting)
    patches.make(_Socket, "sendto", _before_sending_to)
    for name in ("send", "write"):
        patches.make(ssl.SSLSocket, name, _before_bytes)
    seal_foreign(patches, _judge_as)


def keep(host: str) -> Callable[[], None]:
    """Keep a service's hosts out of reach though no mock is open, and no other; return the undoing.

    Where a mock is open, it decides as ever.
    """
    patches = Patches()
    if not openings.kept:
        close_ways(patches)
    openings.kept.append(host)

    def let_go() -> None:
        openings.kept.remove(host)
        patches.undo()

    return let_go
