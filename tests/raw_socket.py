"""A client that is nothing but a socket: it sends what no library sends, and reads what comes."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader

PATIENCE = 60  # seconds a socket may block, so that nothing can hang the run


@dataclass
class Reply:
    """A reply as a client reads it."""

    status: int
    headers: dict[str, str]
    body: bytes
    chunks: int = 0


class Raw:
    """A raw socket that is always closed, and blocks for a bounded time."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        if context is not None:
            self.sock = context.wrap_socket(self.sock, server_hostname="127.0.0.1")
        self.file: BufferedReader = self.sock.makefile("rb")

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *exc: object) -> None:
        self.file.close()
        self.sock.close()

    def send(self, data: bytes) -> Raw:
        """Send all, or as much as the server takes before it hangs up."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.sock.sendall(data)
        return self

    def reply(self, *, head_only: bool = False) -> Reply:
        """Read one reply as its headers say."""
        status = int(self.file.readline().split()[1])
        headers = {}
        while (line := self.file.readline().rstrip(b"\r\n")) != b"":
            name, _, value = line.decode("latin-1").partition(": ")
            headers[name.lower()] = value
        if head_only or status in (100, 204, 304):
            return Reply(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            parts = []
            while size := int(self.file.readline(), 16):
                parts.append(self.file.read(size))
                assert self.file.readline() == b"\r\n"
            assert self.file.readline() == b"\r\n"
            return Reply(status, headers, b"".join(parts), len(parts))
        if "content-length" in headers:
            return Reply(status, headers, self.file.read(int(headers["content-length"])))
        return Reply(status, headers, self.file.read())

    def ask(self, data: bytes, *, head_only: bool = False) -> Reply:
        """Send and read one reply."""
        return self.send(data).reply(head_only=head_only)

    def end(self) -> Raw:
        """Stop talking; replies can still come."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
        return self

    def rest(self) -> bytes:
        """Read until the server hangs up."""
        return self.file.read()
