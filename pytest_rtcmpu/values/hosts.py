"""Hosts as people write them, to be called or to be listened at: read, or refused."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

#: A host name (RFC 1123 2.1), with the underscore that names in private networks have.
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_SHOWN = 80


def allowed_hosts(given: Iterable[str]) -> frozenset[str]:
    """Return host names and addresses as they are compared: in lower case, without a last dot.

    Several may stand in one text, with commas or spaces between them.

    Raises:
        TypeError: for one text in place of a list of them.
        ValueError: for what no host is called: a port, a URL, a pattern, a network.
    """
    if isinstance(given, str | bytes):
        raise TypeError(f"expected a list of hosts, got {given!r}: write [{given!r}]")
    words = (word for text in given for word in text.replace(",", " ").split())
    return frozenset(map(host_name, words))


def host_name(word: str) -> str:
    """Return the name or the address of a host as it is compared.

    Raises:
        ValueError: for what no host is called: nothing, a port, a URL, a pattern, a network.
    """
    name = word.rstrip(".").lower()
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    if _NAME.fullmatch(name):
        return name
    raise ValueError(
        f"{word[:_SHOWN]!r}: expected the name or the address of a host, such as db.internal or "
        f"192.0.2.7, got {_what(name)}"
    )


def _what(name: str) -> str:
    """Say what was written in place of a host, and what to write."""
    if not name:
        return "nothing"
    if "://" in name:
        return "a URL: leave out all but its host"
    if set(name) & set("*?"):
        return "a pattern: name each host"
    if re.fullmatch(r".*:\d+", name):
        return "a port too: leave it out"
    if "/" in name:
        return "a network or a path: name each host"
    if not name.isascii():
        return "a name that is not ASCII: write it as xn--…"
    return "none"
