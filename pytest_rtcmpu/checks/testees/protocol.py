"""A client under test, and what it made of one start.

Whatever a client does wrong (it raises, hangs, ends its thread, returns nonsense) is an
:class:`Outcome`, never an exception here: the next start goes on. What is wrong with the way the
client was named is :class:`~pytest_rtcmpu.checks.core.CannotRun`.
"""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeVar
from urllib.parse import urlsplit
from weakref import WeakSet

from pytest_rtcmpu.checks.core import CannotRun
from pytest_rtcmpu.checks.testees import exits
from pytest_rtcmpu.contract import editions, load
from pytest_rtcmpu.mock import openings
from pytest_rtcmpu.mock.door import sealed
from pytest_rtcmpu.mock.openings import Opening
from pytest_rtcmpu.values.credentials import Credentials
from pytest_rtcmpu.values.redaction import redact_everywhere
from pytest_rtcmpu.values.text import near

_T = TypeVar("_T")
_MESSAGE_HEAD, _MESSAGE_TAIL = 1000, 3000

#: What a client under test is: ``start(params, *, endpoint, credentials, timeout)`` → RequestId.
Start = Callable[..., object]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a client made of one start.

    Attributes:
        kind: ``request_id`` – it says that the task started; ``error`` – it says that it did not;
            ``garbage`` – it said something else; ``died`` – it ended; ``hung`` – it said nothing
            within the timeout and the grace that follows, or can say nothing more and stays.
        request_id: the one it returned, or the error's.
        code: the error's Code; ``None`` for an error without one.
        message: the error's message; otherwise what the garbage was, how it died, its stderr's
            tail.
        seconds: how long it took.
        elsewhere: the hosts it called that are not the endpoint, as far as can be seen.
        status: the Status that GetMPUTaskStatus told it.
        mute: that it hung and has not said a word yet, so that it is not asked again.
    """

    kind: Literal["request_id", "error", "garbage", "died", "hung"]
    request_id: str | None = None
    code: str | None = None
    message: str = ""
    http_status: int | None = None
    seconds: float = 0.0
    elsewhere: tuple[str, ...] = ()
    status: int | None = None
    mute: bool = False


@dataclass(frozen=True)
class PlainCredentials(Mapping[str, "str | None"]):
    """Credentials as a client under test gets them: plain strings that a repr leaves out.

    They can be read as attributes and, as in the line protocol, by name:
    ``credentials["access_key_id"]``.
    """

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)

    def __getitem__(self, name: str) -> str | None:
        values = vars(self)
        return values[name]  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        return iter(vars(self))

    def __len__(self) -> int:
        return len(vars(self))


class Testee(Protocol):
    """A client under test, however it is reached."""

    @property
    def target(self) -> str:
        """How the user named it."""
        ...

    def start(
        self,
        params: Mapping[str, Any],
        *,
        endpoint: str,
        credentials: Credentials,
        timeout: float,
        operation: str | None = None,
    ) -> Outcome:
        """Let the client start one task, or do another operation.

        Args:
            params: the documented names.
            operation: where it is not StartMPUTask.
        """
        ...

    def close(self) -> None:
        """End what was started for it. It may be called twice."""
        ...


Testee.__test__ = False  # type: ignore[attr-defined]  # pytest collects classes by name


def plain(credentials: Credentials) -> PlainCredentials:
    """Return credentials with their secrets revealed."""
    token = credentials.security_token
    return PlainCredentials(
        credentials.access_key_id,
        credentials.access_key_secret.reveal(),
        token.reveal() if token else None,
    )


def finished(outcome: Outcome, given: Iterable[Credentials], *, seconds: float) -> Outcome:
    """Return the outcome as it is shown: without the secrets the client was given, and not long."""
    secrets = (secret for each in given for secret in (each.access_key_secret, each.security_token))
    message = redact_everywhere(outcome.message, filter(None, secrets))
    if len(message) > _MESSAGE_HEAD + _MESSAGE_TAIL:
        message = f"{message[:_MESSAGE_HEAD]} … {message[-_MESSAGE_TAIL:]}"
    return replace(outcome, message=message, seconds=seconds)


class CallableTestee:
    """A Python callable ``start(params, *, endpoint, credentials, timeout)``.

    It returns the RequestId or raises; the Code is the exception's ``code`` or ``error_code``. Each
    call runs in a thread of its own, so that one that never ends stops nothing but itself.

    One that takes ``operation`` too can other operations: all of the edition's, or those that its
    attribute ``operations`` names. It is given only where it is not StartMPUTask. Of
    GetMPUTaskStatus it returns ``{"request_id": …, "status": …}``.

    Raises:
        CannotRun: for a callable that cannot be called so.
    """

    #: Seconds that a call may take beyond its timeout before it counts as hung.
    grace: float = 3.0

    def __init__(self, function: Start, target: str | None = None) -> None:
        self.target: str = target or str(getattr(function, "__qualname__", function))
        _expect_callable(function, self.target)
        self._function = function
        self.operations: tuple[str, ...] = _operations(function)
        #: Those that are not forgotten: the last one, and those with threads left over.
        self._calls: WeakSet[Opening] = WeakSet()

    def start(
        self,
        params: Mapping[str, Any],
        *,
        endpoint: str,
        credentials: Credentials,
        timeout: float,
        operation: str | None = None,
    ) -> Outcome:
        """Call it once and wait for ``timeout`` and the grace."""
        answers: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        given = copy.deepcopy(dict(params))

        def call() -> None:
            try:
                with exits.refused():
                    made = called(
                        self._function, given, endpoint, plain(credentials), timeout, operation
                    )
                answers.put(made)
            except BaseException as error:
                answers.put(Outcome(kind="died", message=_text(error)))

        began = time.monotonic()
        with sealed(load().service.host, meant=_address(endpoint)) as elsewhere:
            self._calls.add(openings.current())
            threading.Thread(target=call, name=f"rtcmpu {self.target}", daemon=True).start()
            try:
                outcome = answers.get(timeout=timeout + self.grace)
            except queue.Empty:
                waited = f"no answer within {timeout:g} s and {self.grace:g} s of grace"
                outcome = Outcome(kind="hung", message=waited)
            if did := exits.attempt(self._calls):
                # In a thread of its own perhaps, or caught: what it says of it counts for nothing.
                outcome = Outcome(kind="hung" if outcome.kind == "hung" else "died", message=did)
        outcome = replace(outcome, elsewhere=tuple(elsewhere))
        return finished(outcome, [credentials], seconds=time.monotonic() - began)

    def with_arguments(self, **more: object) -> CallableTestee:
        """Return the same client, which is given further keyword arguments."""
        made = CallableTestee(functools.partial(self._function, **more), self.target)
        made.operations = self.operations
        return made

    def close(self) -> None:
        """Do nothing: a callable holds nothing open."""


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def called(
    function: Start,
    params: Mapping[str, Any],
    endpoint: str,
    credentials: PlainCredentials,
    timeout: float,
    operation: str | None = None,
) -> Outcome:
    """Call a client here and now. What ends a process (SystemExit, KeyboardInterrupt) is raised."""
    other = {} if operation is None else {"operation": operation}
    try:
        answer = function(
            params, endpoint=endpoint, credentials=credentials, timeout=timeout, **other
        )
    except Exception as error:
        return _read_exception(error)
    return _read_return(answer)


def load_callable(name: str) -> CallableTestee:
    """Return the testee that ``package.module:callable`` names.

    The current folder is searched first, as ``python -m`` does.

    Raises:
        CannotRun: which says what is wrong with the name.
    """
    module_name, colon, path = name.partition(":")
    if not (colon and module_name and path):
        expected = "expected package.module:callable, such as mytests.client:start"
        raise CannotRun(f"{name!r}: {expected}; what is a command stands behind --")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    found = _import(module_name, name)
    for part in path.split("."):
        owner, found = found, getattr(found, part, None)
        if found is None:
            hint = near(part, dir(owner), cutoff=0.6)
            raise CannotRun(f"{name}: {module_name} has no {path!r}{hint}")
    return CallableTestee(found, name)


def _import(module_name: str, name: str) -> Any:
    try:
        with exits.refused():
            return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):
            hint = "; name the module, not its file" if module_name.endswith(".py") else ""
            raise CannotRun(
                f"{name}: no module named {error.name!r} in {os.getcwd()} or on sys.path{hint}"
            ) from error
        raise CannotRun(f"{name}: importing {module_name} failed: {_text(error)}") from error
    except (Exception, SystemExit) as error:
        raise CannotRun(f"{name}: importing {module_name} failed: {_text(error)}") from error


def _expect_callable(function: object, target: str) -> None:
    if not callable(function):
        raise CannotRun(f"{target}: expected a callable, got {type(function).__name__}")
    if inspect.iscoroutinefunction(function):
        raise CannotRun(
            f"{target}: is async; wrap it in a function that calls asyncio.run and returns"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # written in C: the first call will tell
        return
    try:
        signature.bind({}, endpoint="", credentials=None, timeout=0.0)
    except TypeError as error:
        raise CannotRun(
            f"{target}: expected start(params, *, endpoint, credentials, timeout), "
            f"got {signature}: {error}"
        ) from None


def _operations(function: Start) -> tuple[str, ...]:
    """The operations that a callable can: those it names, or all where it takes ``operation``."""
    named = getattr(function, "operations", None)
    if named is not None:
        return tuple(map(str, named))
    try:
        takes = "operation" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        takes = False
    if not takes:
        return ()
    return tuple(name for edition in editions() for name in load(edition).operations)


def _read_return(answer: object) -> Outcome:
    if isinstance(answer, Mapping):
        request_id, status = answer.get("request_id"), answer.get("status")
        if isinstance(request_id, str) and request_id:
            return with_status(request_id, status)
    if isinstance(answer, str) and answer:
        return Outcome(kind="request_id", request_id=str(answer))
    if inspect.iscoroutine(answer):
        answer.close()
    return Outcome(
        kind="garbage",
        message=f"expected a RequestId or an exception, got {shown(answer)}; a RequestId is a str, "
        "or stands in a mapping as request_id",
    )


def with_status(request_id: str, status: object) -> Outcome:
    """Return that a task started, with the Status it told; one that is no number tells none."""
    if status is None or (isinstance(status, int) and not isinstance(status, bool)):
        return Outcome(kind="request_id", request_id=request_id, status=status)
    wrong = f"status: expected an integer, got {type(status).__name__} {shown(status)}"
    return Outcome(kind="request_id", request_id=request_id, message=wrong)


def _read_exception(error: Exception) -> Outcome:
    status = _attribute(error, int, "http_status", "status_code")
    return Outcome(
        kind="error",
        code=_attribute(error, str, "code", "error_code"),
        message=_text(error),
        http_status=status,
        request_id=_attribute(error, str, "request_id"),
    )


def _attribute(error: Exception, kind: type[_T], *names: str) -> _T | None:
    """The first of an exception's attributes that is of that type and says something."""
    for name in names:
        try:
            value = getattr(error, name, None)
        except Exception:  # a property of the client's own
            continue
        if isinstance(value, kind) and value:
            return value
    return None


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # its own __str__
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def shown(value: object) -> str:
    """Return a value's repr, whatever its class makes of that."""
    try:
        return repr(value)
    except Exception:
        return f"a {type(value).__name__}"
