"""Names and addresses of hosts, as they are compared."""

from __future__ import annotations

import functools
import ipaddress
import socket

#: What the service's names are looked up to while they are mocked: an address of loopback (RFC 1122
#: 3.2.1.3) that nobody listens at, so that what gets past the mock's doors does not get out.
STAND_IN = "127.82.84.67"


def name_of(host: object) -> str | None:
    """Return a host as it is compared, or ``None`` for what names none."""
    if isinstance(host, bytes | bytearray):
        host = bytes(host).decode("ascii", "replace")
    return host.rstrip(".").lower() if isinstance(host, str) and host else None


@functools.lru_cache(maxsize=1024)
def address_of(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a name is, or ``None`` where it is to be looked up."""
    try:
        address = ipaddress.ip_address(name.partition("%")[0].strip("[]"))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@functools.lru_cache(maxsize=1024)
def is_here(name: str) -> bool:
    """Whether it is this machine: RFC 6761 6.3 has localhost and what is below it so."""
    address = address_of(name)
    if address is not None:
        return address.is_loopback or address.is_unspecified
    return (
        name == "localhost" or name.endswith(".localhost") or name == socket.gethostname().lower()
    )
