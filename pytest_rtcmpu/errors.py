"""Every error the package raises. Those with a Code are made from the contract's error rows.

``except InternalError`` works for each Code of the StartMPUTask table, by the Code's own name
without its dot (``InvalidMediaEncodeMalformed``); the gateway's and the service's Codes come as
:class:`GatewayError` and :class:`ServiceError`, a Code that no table lists as
:class:`UndocumentedError`.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.contract import ContractError
from pytest_rtcmpu.values.cannot_run import CannotRun as CannotRun
from pytest_rtcmpu.values.text import for_terminal

if TYPE_CHECKING:
    from pytest_rtcmpu.contract import Contract, ErrorRow
    from pytest_rtcmpu.rules import Problem


class _Shown(Exception):
    """What a server or a client sent is quoted as it came; whoever prints it gets it made fit."""

    def __str__(self) -> str:
        return for_terminal(super().__str__(), multiline=True)


class RTCMPUError(_Shown):
    """The root of all errors that this package raises."""


class RTCMPUWarning(_Shown, UserWarning):
    """The root of the warnings that a mocked endpoint gives."""


class SignatureWarning(RTCMPUWarning):
    """A signature did not verify; the text is the autopsy: why, stage by stage."""


class SilenceWarning(RTCMPUWarning):
    """A request relies on something that the documentation leaves open."""


class CertificateWarning(RTCMPUWarning):
    """A client did not trust the certificate that it was shown; the text says what to do."""


class InvalidTask(RTCMPUError, ValueError):
    """A task breaks the contract. ``problems`` lists everything that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        lines = "".join(f"\n  {problem}" for problem in problems)
        plural = "" if len(problems) == 1 else "s"
        super().__init__(f"{len(problems)} problem{plural}{lines}")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.problems,))


class TransportError(RTCMPUError, ConnectionError):
    """No reply came: the host was not reached, or the connection broke."""

    #: There is no Code where there is no reply.
    code: None = None


class TransportTimeout(TransportError, TimeoutError):
    """No reply came within the timeout, or not the whole of one."""


class ReplyTooLarge(TransportError):
    """More came than a reply may have."""


class UnreadableReply(RTCMPUError):
    """What came is no reply of this API: HTML, an empty or truncated body, another shape."""

    code: None = None

    def __init__(self, message: str, *, http_status: int | None = None) -> None:
        self.http_status = http_status
        self.reason = message
        suffix = f" (HTTP status {http_status})" if http_status is not None else ""
        super().__init__(f"{message}{suffix}")


class APIError(RTCMPUError):
    """A reply that carries a Code, whatever its HTTP status.

    Args:
        code: the Code of the reply.
        message: the Message of the reply.
        http_status: the HTTP status it came with.
        request_id: the RequestId of the reply, or ``None`` when it had none.
        error_ids: the documented ids of that Code (they are not on the wire), such as 0x07100001.
        meaning: what the documentation says the Code means, or ``None`` for an undocumented one.
    """

    def __init__(
        self, *, code: str, message: str, http_status: int, request_id: str | None = None
    ) -> None:
        self.code = code
        self.message = message
        self.http_status = http_status
        self.request_id = request_id
        rows = _rows(code)
        # The operation's own table speaks first; a sister operation's ids are not ours.
        rows = tuple(row for row in rows if row.table == rows[0].table)
        matching = tuple(row for row in rows if row.http_status == http_status)
        self.error_ids: tuple[str, ...] = tuple(row.id for row in matching or rows if row.id)
        self.meaning: str | None = (matching or rows)[0].meaning if rows else None
        super().__init__(f"{code} (HTTP {http_status}, RequestId {request_id}): {message}")

    def __reduce__(self) -> tuple[object, ...]:
        given = {name: getattr(self, name) for name in _GIVEN}
        return (_rebuild, (given,))


_GIVEN = ("code", "message", "http_status", "request_id")


class StartMPUTaskError(APIError):
    """A Code of the StartMPUTask table (S1). Each has a class of its own."""


class GatewayError(APIError):
    """A Code of the OpenAPI gateway (S3)."""


class ServiceError(APIError):
    """A Code of the service error table (S2 111173), or of another operation's own.

    Those of an operation have a class of their own, such as ``InvalidTaskNotFound``.
    """


class UndocumentedError(APIError):
    """A Code that nobody documents."""


#: The class for the Codes of a table; the tables of other operations are the service's.
_FAMILIES: dict[str, type[APIError]] = {"gateway": GatewayError}


@cache
def _contracts() -> tuple[Contract, ...]:
    """Every edition, the default one first: it speaks for the Codes that it lists.

    Another edition whose file is wrong is left out: that is told to whoever loads it.
    """
    default = _contract.load()
    found = [default]
    for name in _contract.editions():
        if name != default.edition:
            with suppress(ContractError):
                found.append(_contract.load(name))
    return tuple(found)


def _rows(code: str) -> tuple[ErrorRow, ...]:
    """The rows of a Code in the first edition that lists it."""
    return next((c.errors_by_code[code] for c in _contracts() if code in c.errors_by_code), ())


@cache
def _own_classes() -> dict[str, type[APIError]]:
    """The classes of the operations' own tables, one a Code, by class name."""
    made: dict[str, type[APIError]] = {}
    for contract in _contracts():
        for operation in contract.operations.values():
            is_first = operation.name == contract.service.action
            base: type[APIError] = StartMPUTaskError if is_first else ServiceError
            for row in operation.errors:
                name = row.code.replace(".", "")
                if name not in made:
                    doc = (
                        f"{row.code} (HTTP {row.http_status}): {row.meaning} Source: {row.source}."
                    )
                    names = {"__doc__": doc, "__module__": __name__}
                    made[name] = type(name, (base,), names)
    return made


def error_class(code: str) -> type[APIError]:
    """Return the class that a reply with this Code is raised as."""
    rows = _rows(code)
    if not rows:
        return UndocumentedError
    if rows[0].table in _FAMILIES:
        return _FAMILIES[rows[0].table]
    return _own_classes().get(code.replace(".", ""), ServiceError)


def code_of(error: object) -> str | None:
    """Return the Code of an error, or of a class of errors that has one; of others ``None``."""
    if isinstance(error, APIError):
        return error.code
    if not (isinstance(error, type) and error in _own_classes().values()):
        return None
    rows = (row for c in _contracts() for each in c.operations.values() for row in each.errors)
    return next(row.code for row in rows if row.code.replace(".", "") == error.__name__)


def api_error(
    *, code: str, message: str, http_status: int, request_id: str | None = None
) -> APIError:
    """Return the exception for a reply with a Code, of the class mapped to it."""
    made = error_class(code)
    return made(code=code, message=message, http_status=http_status, request_id=request_id)


def _rebuild(given: dict[str, object]) -> APIError:
    return api_error(**given)  # type: ignore[arg-type]


if TYPE_CHECKING:

    class InvalidTaskNotFound(ServiceError):
        """A Code of GetMPUTaskStatus's own table."""


def __getattr__(name: str) -> type[StartMPUTaskError]:
    try:
        if name.startswith("__"):
            # Every "from … import" asks for __path__, and would load every edition.
            raise KeyError(name)
        # What is another operation's is written out above.
        return _own_classes()[name]  # type: ignore[return-value]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted([*globals(), *_own_classes()])
