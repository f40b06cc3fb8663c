"""Faults: small callables that spoil a reply, ``Response`` in, ``Response`` out.

Hand one to ``endpoint.fail_next(faults.html_502)``. They compose with ``|``, left first:
``faults.delay(0.2) | faults.truncated_json``.

Whether the task has been started by then, nobody outside can tell: a request may be lost on its way
to the service, or its reply on the way back. Unless ``spoil_next(…, handled=…)`` decides, a fault
after which nothing of the service's own reply arrives came before it was reached
(``Fault.handled`` is false), so that calling again starts the task; where some of the reply
arrives, the task has been started.

Each fault without an argument may also be written as a call: ``faults.timeout()``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import overload

from pytest_rtcmpu.values.arguments import expect_number
from pytest_rtcmpu.values.messages import Response


@dataclass(frozen=True)
class Fault:
    """A named function that spoils a reply.

    Attributes:
        handled: whether the service has handled the request by then, unless ``spoil_next`` says so.
    """

    name: str
    spoil: Callable[[Response], Response]
    handled: bool = True

    @overload
    def __call__(self) -> Fault: ...
    @overload
    def __call__(self, response: Response) -> Response: ...
    def __call__(self, response: Response | None = None) -> Response | Fault:
        """Return the spoilt reply."""
        return self if response is None else self.spoil(response)

    def __or__(self, other: Fault) -> Fault:
        """Return the fault that does this one first and then the other.

        Raises:
            TypeError: for what is no fault, such as a Code.
        """
        if not isinstance(other, Fault):
            raise TypeError(f"|: expected a fault, got {other!r}{_instead(self, other)}")
        return Fault(
            f"{self.name} | {other.name}",
            lambda response: spoilt(spoilt(response, self), other),
            handled=self.handled and other.handled,
        )

    def __repr__(self) -> str:
        return f"faults.{self.name}"


def _instead(one: Fault, other: object) -> str:
    """Return what to write in place of ``one | other``."""
    if isinstance(other, str):
        return f"; for a Code and a fault, call answer_next({other!r}, fault={one!r})"
    if other in WITH_ARGUMENT:
        return f"; {needs_argument(other)}"
    return "; give Fault(name, function) for a function of yours" if callable(other) else ""


def needs_argument(fault: object) -> str:
    """Return what to say of a function that makes a fault, where a fault was expected."""
    name = getattr(fault, "__name__", "")
    return f"faults.{name} needs its argument: faults.{name}(…)"


def spoilt(response: Response, fault: Callable[[Response], Response]) -> Response:
    """Return what a fault makes of a reply.

    Raises:
        TypeError: where that is no reply: the fault is its author's.
    """
    reply = fault(response)
    if not isinstance(reply, Response):
        name = fault.name if isinstance(fault, Fault) else getattr(fault, "__name__", repr(fault))
        got = "None" if reply is None else type(reply).__name__
        raise TypeError(f"the fault {name} returned {got}; expected a Response")
    return reply


def _deliver(response: Response, **changes: object) -> Response:
    return replace(response, delivery=replace(response.delivery, **changes))  # type: ignore[arg-type]


def _with_type(response: Response, content_type: str) -> Response:
    others = tuple(pair for pair in response.headers if pair[0].lower() != "content-type")
    return replace(response, headers=(("Content-Type", content_type), *others))


def _html_502(response: Response) -> Response:
    body = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>502</body>\r\n</html>"
    return replace(_with_type(response, "text/html"), status=502, body=body)


def _trailing_comma(response: Response) -> Response:
    # S1's own example of a success: {"RequestId": "…", }
    head, brace, tail = response.body.rpartition(b"}")
    return replace(response, body=head + b"," + brace + tail) if brace else response


#: No reply ever comes.
timeout: Fault = Fault("timeout", lambda r: _deliver(r, ending="timeout"), handled=False)
#: The connection is reset before the reply.
connection_reset: Fault = Fault(
    "connection_reset", lambda r: _deliver(r, ending="reset"), handled=False
)
#: The connection is reset amid the reply.
reset_amid_reply: Fault = Fault(
    "reset_amid_reply", lambda r: _deliver(r, ending="reset", after=len(r.body) // 2)
)
#: Fewer bytes come than Content-Length promises, and the connection is closed.
truncated_body: Fault = Fault(
    "truncated_body", lambda r: _deliver(r, ending="close", after=len(r.body) // 2)
)
#: Bytes that are no HTTP come in place of the reply.
garbage: Fault = Fault(
    "garbage",
    lambda r: _deliver(r, raw=b"\x00\xff\x16\x03 this is not HTTP\r\n\r\n"),
    handled=False,
)
#: A proxy answers HTTP 502 with an HTML page.
html_502: Fault = Fault("html_502", _html_502, handled=False)
#: The body stops in its middle; Content-Length is that of what comes.
truncated_json: Fault = Fault(
    "truncated_json", lambda r: replace(r, body=r.body[: len(r.body) // 2])
)
#: The body is right, and Content-Type says text/html.
wrong_content_type: Fault = Fault("wrong_content_type", lambda r: _with_type(r, "text/html"))
#: The body is empty.
empty_body: Fault = Fault("empty_body", lambda r: replace(r, body=b""))
#: The JSON object ends with a comma, as in S1's example, and so is no JSON.
trailing_comma: Fault = Fault("trailing_comma", _trailing_comma)


def delay(seconds: float) -> Fault:
    """The reply comes that many seconds late."""
    expect_number("seconds", seconds, "a number of seconds, 0 or more", low=0)
    return Fault(f"delay({seconds})", lambda r: _deliver(r, delay=r.delivery.delay + seconds))


def slow_bytes(bytes_per_second: float) -> Fault:
    """The body trickles at that rate (over a socket; in process it comes at once)."""
    expect_number("bytes_per_second", bytes_per_second, "a number above 0", above=0)
    return Fault(
        f"slow_bytes({bytes_per_second})",
        lambda r: _deliver(r, bytes_per_second=bytes_per_second),
    )


def status(http_status: int) -> Fault:
    """The reply comes with that HTTP status, its body unchanged."""
    expect_number("http_status", http_status, "an int, 200 or more", low=200, whole=True)
    return Fault(f"status({http_status})", lambda r: replace(r, status=http_status))


def body(content: bytes, content_type: str = "application/json;charset=utf-8") -> Fault:
    """The reply has that body and Content-Type."""
    if not isinstance(content, bytes):
        raise TypeError(f"content: expected bytes, got {type(content).__name__}")
    shown = content if len(content) <= 40 else content[:40] + b"..."
    return Fault(f"body({shown!r})", lambda r: replace(_with_type(r, content_type), body=content))


#: The faults that take no argument, by name.
PLAIN: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        timeout,
        connection_reset,
        reset_amid_reply,
        truncated_body,
        garbage,
        html_502,
        truncated_json,
        wrong_content_type,
        empty_body,
        trailing_comma,
    )
}
#: Those that take one: functions that make a fault.
WITH_ARGUMENT: tuple[object, ...] = (delay, slow_bytes, status, body)
