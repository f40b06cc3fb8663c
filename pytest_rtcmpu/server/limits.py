"""What a client may ask of the server before it is refused or let go."""

from __future__ import annotations

from dataclasses import dataclass

_KIB = 1024
_MIB = 1024 * _KIB


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a client may ask of the server before it is refused or let go.

    Attributes:
        max_body: bytes of a request body, counted after chunks are put together (else 413).
        max_head: bytes of request line and headers; room for 1 MiB of query (else 431).
        max_header_fields: how many header lines (else 431).
        request_seconds: for one whole request to arrive, from its first byte (else 408), and for a
            client that reads no replies to start reading (else the connection is dropped).
        keep_alive_seconds: a connection without a request is closed after that.
        linger_seconds: a refused client may finish talking for so long before it is dropped.
        max_connections: open at the same time (one more gets 503).
        backlog: connections the kernel holds until they are accepted.
        max_errors: how many failures of ``handle`` are kept; later ones are only answered.
    """

    max_body: int = 1 * _MIB
    max_head: int = 1 * _MIB + 64 * _KIB
    max_header_fields: int = 1000
    request_seconds: float = 10.0
    keep_alive_seconds: float = 75.0
    linger_seconds: float = 1.0
    max_connections: int = 4096
    backlog: int = 1024
    max_errors: int = 1000


DEFAULT_LIMITS = Limits()
