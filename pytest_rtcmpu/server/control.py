"""The control interface: what a test does with an endpoint, over HTTP, under ``/_rtcmpu/``.

For tests in other languages: JSON in and out, and one page for a person. Everything else a
request may ask for goes to the endpoint. No HTTP library is known here.
"""

from __future__ import annotations

import ipaddress
import json
import math
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit

from pytest_rtcmpu import faults, wire
from pytest_rtcmpu.contract import ContractError
from pytest_rtcmpu.endpoint import Call, Endpoint
from pytest_rtcmpu.model import StartMPUTask
from pytest_rtcmpu.server.record import call_record
from pytest_rtcmpu.values.credentials import Secret
from pytest_rtcmpu.values.messages import Request, Response
from pytest_rtcmpu.values.redaction import redact_everywhere, redact_pairs, tokens_in
from pytest_rtcmpu.values.text import for_json

PREFIX = "/_rtcmpu"
#: Names of this machine that nobody else can own, and that its containers know it by.
_OWN_NAMES = {"localhost", "host.docker.internal", "host.containers.internal"}
_MAX_TIMES = 9_999
_MAX_SECONDS = 3600
#: Calls or tasks in one reply: while it is made nobody else is answered.
_MAX_LISTED = 1000
# Far enough from what datetime can hold that nothing overflows.
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)
_YEARS = f"the years {_EARLIEST.year}…{_LATEST.year - 1}"

#: Nothing is kept by a browser, nothing is fetched from elsewhere, nothing may frame a page.
_HEADERS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own."""
    name = _plain_name(host)
    if name in _OWN_NAMES or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and address.is_loopback


def _plain_name(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(_plain_name(name))
    except ValueError:
        return None


class _Refused(Exception):
    """A request to the control interface that cannot be met, and why."""

    def __init__(self, status: int, why: str, *headers: tuple[str, str]) -> None:
        super().__init__(why)
        self.status = status
        self.headers = headers


# ------------------------------------------------------------------------------ what is asked for


@dataclass(frozen=True)
class _Kind:
    """A kind of value: how it is called, and how to know it."""

    name: str
    fits: Callable[[Any], bool]


def _whole(low: int, high: float = math.inf) -> _Kind:
    name = f"a whole number of {low} or more" if high == math.inf else f"an integer {low}…{high}"
    return _Kind(name, lambda v: type(v) is int and low <= v <= high)


def _number(low: float, high: float) -> Callable[[Any], bool]:
    # NaN compares as false
    return lambda v: type(v) in (int, float) and low <= v <= high


_TEXT = _Kind("a text", lambda v: isinstance(v, str))
_SOME_TEXT = _Kind("a text that is not empty", lambda v: isinstance(v, str) and v != "")
_STATUS = _whole(200, 599)
_TIMES = _whole(1, _MAX_TIMES)
_SECONDS = _Kind(f"seconds, 0…{_MAX_SECONDS}", _number(0, _MAX_SECONDS))
_STEP = _Kind("seconds, back where negative", _number(-1e12, 1e12))
_RATE = _Kind("bytes per second, 1 or more", _number(1, 1e12))
_MOMENT = _Kind(
    f"null, or a moment in {_YEARS} with a time zone, such as 2019-05-20T12:00:00Z",
    lambda v: v is None or _moment(v) is not None,
)
_STATUSES = _Kind("an integer, or a list of some", lambda v: _are_integers(_as_list(v)))
_YES_OR_NO = _Kind("true or false", lambda v: isinstance(v, bool))
_OBJECT = _Kind("an object with a name", lambda v: isinstance(v, dict))
_ANYTHING = _Kind("anything", lambda v: True)

#: The faults that take an argument, and which.
_WITH_ARGUMENT: Mapping[str, tuple[_Kind, Callable[[Any], faults.Fault]]] = {
    "delay": (_SECONDS, faults.delay),
    "slow_bytes": (_RATE, faults.slow_bytes),
    "status": (_STATUS, faults.status),
    "body": (_TEXT, lambda text: faults.body(text.encode("utf-8", "replace"))),
}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _are_integers(values: list[Any]) -> bool:
    return values != [] and all(type(each) is int for each in values)


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            return None
        found = found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if _EARLIEST <= found < _LATEST else None


def _fields(given: Mapping[str, Any], **kinds: tuple[_Kind, bool]) -> dict[str, Any]:
    """Return the given fields, once each is known, of its kind, and none that is needed absent."""
    for name in given:
        if name not in kinds:
            raise _Refused(400, f"expected {_list_names(kinds)}, got {_show(name)}")
    for name, (kind, needed) in kinds.items():
        if name not in given:
            if needed:
                raise _Refused(400, f"{name}: expected {kind.name}, got nothing")
        elif not kind.fits(given[name]):
            raise _Refused(400, f"{name}: expected {kind.name}, got {_show(given[name])}")
    return {name: given[name] for name in kinds if name in given}


def _list_names(names: Mapping[str, object] | tuple[str, ...]) -> str:
    return ", ".join(names) or "no field"


def _show(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}… ({len(text)} characters)"


def _json(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body; none at all stands for an empty one."""
    if not request.body:
        return {}
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        text = request.body.decode("utf-8", "replace")
        raise _Refused(400, f"expected JSON, got {_show(text)}: {error}") from None
    if not isinstance(value, dict):
        raise _Refused(400, f"expected a JSON object, got {_show(value)}")
    return value


def _query(request: Request) -> dict[str, str]:
    pairs = wire.parse_pairs(request.query)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused(400, "expected each parameter once, got one twice")
    return found


def _numbers(request: Request, **kinds: tuple[_Kind, bool]) -> dict[str, Any]:
    """Return the query's parameters, which are all whole numbers."""
    given = {
        name: int(text) if text.isascii() and text.isdigit() and len(text) < 19 else text
        for name, text in _query(request).items()
    }
    return _fields(given, **kinds)


# ------------------------------------------------------------------------------- what can be done


def _status(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    _fields(_query(request))
    return {
        "version": metadata.version("pytest-rtcmpu"),
        "edition": endpoint.contract.edition,
        "calls": endpoint.call_count,
        "kept": endpoint.kept_count,
        "tasks": endpoint.task_count,
        "now": _iso(endpoint.now),
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _reset(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    _fields(_json(request))
    endpoint.reset()
    return {}


def _calls(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    given = _numbers(request, since=(_whole(0), False), limit=(_whole(1, _MAX_LISTED), False))
    later = [call for call in endpoint.calls if call.number > given.get("since", 0)]
    shown = later[: given.get("limit", _MAX_LISTED)]
    return {
        "calls": [call_record(call, endpoint.secrets) for call in shown],
        "call_count": endpoint.call_count,
    }


def _tasks(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    given = _numbers(request, offset=(_whole(0), False), limit=(_whole(1, _MAX_LISTED), False))
    shown = endpoint.list_statuses(given.get("offset", 0), given.get("limit", _MAX_LISTED))
    known = endpoint.secrets
    return {
        "tasks": [_task(task, status, known) for task, status in shown],
        "task_count": endpoint.task_count,
    }


def _task(task: StartMPUTask, status: int, known: tuple[Secret, ...]) -> dict[str, Any]:
    pairs = task.to_wire()
    secrets = (*known, *tokens_in(pairs, (value for _, value in pairs)))
    return {
        "AppId": redact_everywhere(task.app_id, secrets),
        "TaskId": redact_everywhere(task.task_id, secrets),
        "status": status,
        "parameters": redact_pairs(pairs, secrets),
    }


def _set_status(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """Set the status of a task that was started, or without its ids of those that will be."""
    given = _json(request)
    one_task = bool(given.keys() & {"AppId", "TaskId"})
    ids = (_TEXT, one_task)
    given = _fields(given, status=(_STATUSES, True), AppId=ids, TaskId=ids)
    statuses = _as_list(given["status"])
    try:
        if one_task:
            endpoint.set_status((given["AppId"], given["TaskId"]), *statuses)
        else:
            endpoint.set_start_status(*statuses)
    except KeyError as error:
        raise _Refused(404, str(error.args[0])) from None
    except ValueError as error:
        raise _Refused(400, str(error)) from None
    return {}


def _stop(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    given = _fields(_query(request), AppId=(_TEXT, True), TaskId=(_TEXT, True))
    try:
        endpoint.stop((given["AppId"], given["TaskId"]))
    except KeyError as error:
        raise _Refused(404, str(error.args[0])) from None
    return {}


def _fail_next(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    given = _fields(
        _json(request),
        code=(_SOME_TEXT, True),
        times=(_TIMES, False),
        http_status=(_STATUS, False),
        message=(_TEXT, False),
        fault=(_OBJECT, False),
    )
    if "fault" in given:
        wanted = _fields(given["fault"], name=(_TEXT, True), argument=(_ANYTHING, False))
        given["fault"] = _fault(wanted)
    try:
        endpoint.answer_next(**given)
    except ContractError as error:
        why = f"code: expected a documented one, or one with an http_status: {error}"
        raise _Refused(400, why) from None
    return {}


def _list_faults(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    _fields(_query(request))
    takes = {name: kind.name for name, (kind, _) in _WITH_ARGUMENT.items()}
    return {"faults": {**dict.fromkeys(faults.PLAIN), **takes}}


def _add_faults(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    given = _fields(
        _json(request),
        name=(_TEXT, True),
        argument=(_ANYTHING, False),
        times=(_TIMES, False),
        handled=(_YES_OR_NO, False),
    )
    endpoint.spoil_next(_fault(given), **_only(given, "times", "handled"))
    return {}


def _fault(given: Mapping[str, Any]) -> faults.Fault:
    """Return the fault of that name, and with that argument."""
    name = given["name"]
    if name in faults.PLAIN:
        if given.get("argument") is not None:
            got = _show(given["argument"])
            raise _Refused(400, f"argument: expected none for {name}, got {got}")
        return faults.PLAIN[name]
    if name in _WITH_ARGUMENT:
        kind, make = _WITH_ARGUMENT[name]
        return make(*_fields(_only(given, "argument"), argument=(kind, True)).values())
    known = _list_names((*faults.PLAIN, *_WITH_ARGUMENT))
    raise _Refused(400, f"name: expected one of {known}, got {_show(name)}")


def _only(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}


def _clock(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    _fields(_query(request))
    return {"now": _iso(endpoint.now)}


def _set_clock(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    given = _fields(_json(request), now=(_MOMENT, False), advance=(_STEP, False))
    if len(given) != 1:
        raise _Refused(400, f"expected either now or advance, got {', '.join(given) or 'neither'}")
    if "now" in given:
        endpoint.set_clock(_moment(given["now"]))
    else:
        step = timedelta(seconds=given["advance"])
        if not _EARLIEST - endpoint.now <= step <= _LATEST - endpoint.now:
            got = _show(given["advance"])
            raise _Refused(400, f"advance: expected seconds to a moment in {_YEARS}, got {got}")
        endpoint.advance_clock(step)
    return {"now": _iso(endpoint.now)}


def _layouts(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    above = endpoint.contract.reserved_layouts_up_to + 1
    given = _fields(
        _json(request), layout_id=(_whole(above, 2**31 - 1), True), panes=(_whole(1, 999), True)
    )
    endpoint.register_layout(given["layout_id"], panes=given["panes"])
    return {}


_Action = Callable[[Endpoint, Request], dict[str, Any]]

#: Path → method → what is done.
_ROUTES: Mapping[str, Mapping[str, _Action]] = {
    "/status": {"GET": _status},
    "/reset": {"POST": _reset},
    "/calls": {"GET": _calls},
    "/tasks": {"GET": _tasks, "POST": _set_status, "DELETE": _stop},
    "/fail-next": {"POST": _fail_next},
    "/faults": {"GET": _list_faults, "POST": _add_faults},
    "/clock": {"GET": _clock, "POST": _set_clock},
    "/layouts": {"POST": _layouts},
}


class Control:
    """An endpoint with its control interface: a handle for a server.

    Args:
        host: what the server is bound to. Controls are answered only under a name of this machine:
            a page whose own name was made to point here gets nothing. Where that is not loopback,
            an address will do, which no page has for a name, or the machine's own name.
        names: further names under which controls are answered.
        on_call: gets each call after it was answered.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        host: str = "127.0.0.1",
        names: Iterable[str] = (),
        on_call: Callable[[Call], object] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._addresses_too = not is_loopback(host)
        further = (host, socket.gethostname()) if self._addresses_too else ()
        self._names = frozenset(map(_plain_name, (*names, *further)))
        self._on_call = on_call

    def __call__(self, request: Request) -> Response:
        """Answer a request."""
        if request.target.startswith(PREFIX) and request.path[len(PREFIX) :][:1] in ("", "/"):
            return self._answer_control(request)
        call = self.endpoint.call(request)
        if self._on_call is not None:
            self._on_call(call)
        return call.reply

    def _answer_control(self, request: Request) -> Response:
        path = request.path.removeprefix(PREFIX)
        try:
            self._guard(request)
            if path in ("", "/"):
                return self._page(request)
            return _answer(200, self._action(request, path)(self.endpoint, request))
        except _Refused as refused:
            why = redact_everywhere(str(refused), self.endpoint.secrets)
            return _answer(refused.status, {"error": why}, *refused.headers)

    def _guard(self, request: Request) -> None:
        """Keep the pages that a browser on this machine has open from controlling the endpoint."""
        host = request.header("host") or ""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            name = ""
        if not self._is_own(name):
            raise _Refused(
                403,
                "Host: expected a name of this machine, such as localhost, or one that "
                f"--own-name gives, got {_show(host)}",
            )
        origin = request.header("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            raise _Refused(403, f"Origin: expected none, or {host}, got {_show(origin)}")
        if request.header("sec-fetch-site") not in (None, "same-origin", "none"):
            raise _Refused(403, "a page from elsewhere may not use the control interface")

    def _is_own(self, name: str) -> bool:
        if is_loopback(name) or _plain_name(name) in self._names:
            return True
        return self._addresses_too and _address(name) is not None

    def _action(self, request: Request, path: str) -> _Action:
        methods = _ROUTES.get(path)
        if methods is None:
            known = _list_names(tuple(f"{PREFIX}{each}" for each in ("/", *_ROUTES)))
            raise _Refused(404, f"expected one of {known}, got {_show(request.path)}")
        wanted = "GET" if request.method == "HEAD" else request.method
        if wanted not in methods:
            raise _wrong_method(request, tuple(methods))
        return methods[wanted]

    def _page(self, request: Request) -> Response:
        from pytest_rtcmpu.server.page import page

        if request.method not in ("GET", "HEAD"):
            raise _wrong_method(request, ("GET",))
        if request.path == PREFIX:
            return Response(status=308, headers=(("Location", f"{PREFIX}/"), *_HEADERS))
        given = _numbers(request, before=(_whole(1), False), every=(_whole(1, 3600), False))
        policy, text = page(self.endpoint, **given)
        headers = (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Security-Policy", policy),
            *_HEADERS,
        )
        return Response(status=200, headers=headers, body=text.encode("utf-8", "replace"))


def _wrong_method(request: Request, allowed: tuple[str, ...]) -> _Refused:
    listed = _list_names(allowed)
    return _Refused(405, f"expected {listed}, got {_show(request.method)}", ("Allow", listed))


def _answer(status: int, value: Mapping[str, Any], *headers: tuple[str, str]) -> Response:
    text = for_json(json.dumps(value, ensure_ascii=False)) + "\n"
    return Response(
        status=status,
        headers=(("Content-Type", "application/json; charset=utf-8"), *headers, *_HEADERS),
        body=text.encode("utf-8"),
    )
