"""Simultaneous starts."""

from __future__ import annotations

import http.client
import threading
from urllib.parse import urlsplit

from pytest_rtcmpu.checks.bench import Settings
from pytest_rtcmpu.values.messages import Request, Response

#: Seconds that any reply may take: no clause is about an endpoint's speed.
PATIENCE = 20.0


def race(url: str, requests: list[Request], settings: Settings) -> list[Response | str]:
    """Send requests at the same time, each over a connection of its own that is open already."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    results: list[Response | str] = ["not sent"] * len(requests)
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
            results[index] = Response(status=reply.status, headers=headers, body=reply.read())
        except (OSError, http.client.HTTPException, threading.BrokenBarrierError) as error:
            results[index] = f"no reply: {type(error).__name__}: {error}"
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
