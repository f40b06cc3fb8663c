"""The endpoint as a response of the library ``responses``, for a ``RequestsMock`` of one's own."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import responses
import urllib3

from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.mock.connection import to_request
from pytest_rtcmpu.values.messages import Delivery, Response


class Route(responses.CallbackResponse):
    """Every request to the endpoint's host, whatever its method, as ``responses`` has it.

    ``requests_mock.add(Route(endpoint))`` mounts an endpoint on a ``RequestsMock`` of your own.
    """

    def __init__(self, endpoint: Endpoint, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._host = endpoint.contract.service.host
        self._endpoint = endpoint
        self._sleep = sleep
        super().__init__("GET", f"https://{self._host}/", self._answer)

    def matches(self, request: requests.PreparedRequest) -> tuple[bool, str]:
        """Whether it goes to the endpoint's host; the endpoint itself judges all the rest."""
        ours = urlsplit(request.url or "").hostname == self._host
        return ours, "" if ours else f"the host is not {self._host}"

    def _answer(self, request: Any) -> tuple[int, Mapping[str, str], bytes]:
        response = self._endpoint.handle(to_request(request))
        self._deliver(response, request)
        # RFC 9110 6.4.1: such replies have no content, whatever their headers say.
        empty = request.method == "HEAD" or response.status in (204, 304)
        return response.status, dict(response.headers), b"" if empty else response.body

    def _deliver(self, response: Response, request: Any) -> None:
        """Do in process what ``Delivery`` says of a wire; slow bytes come at once."""
        delivery: Delivery = response.delivery
        timeout = getattr(request, "req_kwargs", {}).get("timeout")
        patience = timeout[1] if isinstance(timeout, tuple) else timeout
        late = f"Read timed out. (read timeout={patience})"
        if delivery.delay:
            if isinstance(patience, int | float) and delivery.delay >= patience:
                raise requests.ReadTimeout(late, request=request)
            self._sleep(delivery.delay)
        if delivery.raw is not None:
            reason = http.client.BadStatusLine(repr(delivery.raw[:40]))
            raise requests.ConnectionError(
                urllib3.exceptions.ProtocolError("Connection aborted.", reason), request=request
            )
        if delivery.ending == "timeout":
            raise requests.ReadTimeout(late, request=request)
        reset = ConnectionResetError(104, "Connection reset by peer")
        if delivery.ending == "reset" and delivery.after is None:
            raise requests.ConnectionError(
                urllib3.exceptions.ProtocolError("Connection aborted.", reset), request=request
            )
        if delivery.ending in ("reset", "close"):
            got = delivery.after or 0
            broken = (
                reset
                if delivery.ending == "reset"
                else http.client.IncompleteRead(response.body[:got], len(response.body) - got)
            )
            raise requests.exceptions.ChunkedEncodingError(
                urllib3.exceptions.ProtocolError(f"Connection broken: {broken!r}", broken)
            )
