"""HTTP as values: what goes into an endpoint and what comes out, with no HTTP library in sight."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_rtcmpu.values.text import for_terminal

Headers = tuple[tuple[str, str], ...]


def header(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """Return the first header of that name, whatever its letter case, or ``None``."""
    wanted = name.lower()
    for key, value in headers:
        if key.lower() == wanted:
            return value
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request as it came: nothing decoded, nothing merged, nothing dropped.

    ``target`` is the request target in origin form, raw (``/?Action=StartMPUTask&…``).
    """

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""

    def __repr__(self) -> str:
        # A query or a header may carry a security token: sizes are shown, contents are not.
        return (
            f"Request({for_terminal(f'{self.method} {self.path}')}, "
            f"query of {len(self.query)} characters, "
            f"{len(self.headers)} headers, body of {len(self.body)} bytes)"
        )

    @property
    def path(self) -> str:
        """The target up to the question mark."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The raw query: the target after the question mark, still encoded."""
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """Return the first header of that name, whatever its letter case, or ``None``."""
        return header(self.headers, name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """How a reply travels. The default arrives at once and whole; faults change it.

    Attributes:
        delay: seconds before the first byte.
        ending: ``complete``; ``timeout`` – nothing more ever comes; ``reset`` – the connection is
            reset; ``close`` – the connection is closed though Content-Length promised more.
        after: how many bytes of the reply *body* still arrive before ``ending`` other than
            ``complete`` takes place; ``None`` means that nothing at all arrives, not even the
            status line.
        bytes_per_second: the body comes at this rate; ``None`` for as fast as it can.
        raw: these bytes are put on the wire in place of the whole HTTP reply.
    """

    delay: float = 0.0
    ending: Literal["complete", "timeout", "reset", "close"] = "complete"
    after: int | None = None
    bytes_per_second: float | None = None
    raw: bytes | None = None


NORMAL_DELIVERY = Delivery()


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """A reply: status, headers, body, and how it is to be delivered."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    delivery: Delivery = field(default=NORMAL_DELIVERY)

    def __post_init__(self) -> None:
        """Raise TypeError for what cannot be sent, where it is made and not where it is sent."""
        if not isinstance(self.body, bytes):
            raise TypeError(f"body: expected bytes, got {type(self.body).__name__}")
        if not isinstance(self.headers, tuple | list):
            got = type(self.headers).__name__
            raise TypeError(f"headers: expected (name, value) pairs, got {got}")

    def __repr__(self) -> str:
        # SignatureDoesNotMatch echoes what was signed, a security token too.
        return f"{type(self).__name__}({self.status}, body of {len(self.body)} bytes)"

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            ValueError: for one that is none.
        """
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """Return the first header of that name, whatever its letter case, or ``None``."""
        return header(self.headers, name)
