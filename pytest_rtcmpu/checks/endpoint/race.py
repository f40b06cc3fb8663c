"""Simultaneous starts."""

from __future__ import annotations

import http.client
import threading
from urllib.parse import urlsplit

from pytest_rtcmpu.bounded import MAX_REPLY, TooLarge, Whole, read_reply
from pytest_rtcmpu.checks.bench import Settings
from pytest_rtcmpu.errors import ReplyTooLarge, TransportError, TransportTimeout
from pytest_rtcmpu.values.messages import Request, Response

#: Seconds that any reply may take: no clause is about an endpoint's speed.
PATIENCE = 20.0


class _Plain(Whole, http.client.HTTPConnection):  # type: ignore[misc]
    """A connection by http."""


class _Secure(Whole, http.client.HTTPSConnection):  # type: ignore[misc]
    """A connection by https."""


def race(
    url: str, requests: list[Request], settings: Settings, max_reply: int = MAX_REPLY
) -> list[Response | TransportError]:
    """Send requests at the same time, each over a connection of its own that is open already."""
    parts = urlsplit(url)
    kind = _Secure if parts.scheme == "https" else _Plain
    results: list[Response | TransportError] = [TransportError("not sent")] * len(requests)
    # Half of them may fail to connect and must not leave the others waiting for ever.
    together = threading.Barrier(len(requests), timeout=max(settings.timeout, PATIENCE))

    def send(index: int, request: Request) -> None:
        connection = kind(parts.hostname or "", parts.port, timeout=max(settings.timeout, PATIENCE))
        try:
            try:
                connection.connect()
            finally:
                together.wait()
            connection.request(
                request.method, request.target, request.body or None, dict(request.headers)
            )
            reply = connection.getresponse()
            headers = tuple(reply.getheaders())
            body = read_reply(reply, max_reply)
            results[index] = Response(status=reply.status, headers=headers, body=body)
        except TooLarge as error:
            results[index] = ReplyTooLarge(str(error))
        except (OSError, http.client.HTTPException, threading.BrokenBarrierError) as error:
            kind_of = TransportTimeout if isinstance(error, TimeoutError) else TransportError
            results[index] = kind_of(f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    threads = [
        threading.Thread(target=send, args=(index, request), daemon=True)
        for index, request in enumerate(requests)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
