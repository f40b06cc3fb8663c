"""The exceptions: one class for each own Code, families for the rest, nothing lost on the way."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from pytest_rtcmpu import errors
from pytest_rtcmpu.contract import load
from pytest_rtcmpu.errors import (
    APIError,
    GatewayError,
    InvalidTask,
    RTCMPUError,
    ServiceError,
    StartMPUTaskError,
    TransportError,
    TransportTimeout,
    UndocumentedError,
    UnreadableReply,
    api_error,
)
from pytest_rtcmpu.model import StartMPUTask

CONTRACT = load()
OWN = {
    "InternalError": ("InternalError", 500, ("0x0702000C", "0x0702000D", "0x0702000E")),
    "TaskExisted": ("TaskExisted", 200, ("0x07100001",)),
    "InvalidLayoutID.Malformed": ("InvalidLayoutIDMalformed", 400, ("0x0701000C",)),
    "InvalidMediaEncode.Malformed": ("InvalidMediaEncodeMalformed", 400, ("0x0701000D",)),
    "InvalidBackgroundColor.Malformed": (
        "InvalidBackgroundColorMalformed",
        400,
        ("0x0701000E",),
    ),
}
AGAIN = [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))]
AGAIN_IDS = ["copy", "deepcopy", "pickle"]


def made(code: str, **changes: Any) -> APIError:
    """Return the exception for a reply."""
    given = {"code": code, "message": "m", "http_status": 400, "request_id": "r"} | changes
    return api_error(**given)


@pytest.mark.parametrize(("code", "expected"), OWN.items(), ids=OWN)
def test_each_own_code_has_a_class(code: str, expected: tuple[str, int, tuple[str, ...]]) -> None:
    """A Code of the StartMPUTask table is raised as the class of its name."""
    name, http_status, ids = expected
    error = made(code, http_status=http_status)
    assert type(error) is getattr(errors, name)
    assert type(error).__name__ == name
    assert isinstance(error, StartMPUTaskError)
    assert error.error_ids == ids
    assert (error.code, error.message) == (code, "m")
    assert (error.http_status, error.request_id) == (http_status, "r")
    row = CONTRACT.error(code)
    assert error.meaning == row.meaning
    assert row.meaning in (type(error).__doc__ or "")
    assert str(error) == f"{code} (HTTP {http_status}, RequestId r): m"


def test_an_import_of_an_error_loads_no_edition(monkeypatch: pytest.MonkeyPatch) -> None:
    """What every "from … import" asks a module for is no Code's class."""
    monkeypatch.setattr(errors, "_own_classes", lambda: pytest.fail("every edition is loaded"))
    assert not hasattr(errors, "__path__")
    from pytest_rtcmpu.errors import TransportError  # noqa: F401


def test_there_are_no_other_own_classes() -> None:
    """The classes made are those of the table, and another operation's as the service's."""
    own = {
        name for name, each in errors._own_classes().items() if issubclass(each, StartMPUTaskError)
    }
    assert own == {name for name, _, _ in OWN.values()}
    others = set(errors._own_classes()) - own
    assert others == {"InvalidTaskNotFound"}
    assert all(issubclass(errors._own_classes()[name], ServiceError) for name in others)


def test_an_own_class_is_imported_by_name() -> None:
    """``from pytest_rtcmpu.errors import TaskExisted`` works, and dir() names it."""
    from pytest_rtcmpu.errors import TaskExisted

    assert issubclass(TaskExisted, StartMPUTaskError)
    assert {"TaskExisted", "InternalError", "APIError"} <= set(dir(errors))
    with pytest.raises(TaskExisted):
        raise made("TaskExisted", http_status=200)


def test_an_unknown_name_is_no_attribute() -> None:
    """A class that there is not is an AttributeError."""
    with pytest.raises(AttributeError, match="has no attribute 'TaskExists'"):
        _ = errors.TaskExists
    with pytest.raises(ImportError):
        from pytest_rtcmpu.errors import TaskExists  # noqa: F401


FAMILIES = {
    "MissingAppId": GatewayError,
    "InvalidUserPanes": GatewayError,
    "SignatureDoesNotMatch": GatewayError,
    "Throttling.User": GatewayError,
    "Request.NoAppID": ServiceError,
    "App.Stop": ServiceError,
    "Nobody.Documents.This": UndocumentedError,
    "taskexisted": UndocumentedError,
    "Task.Existed": UndocumentedError,
    "InvalidLayoutIDMalformed": UndocumentedError,
    "": UndocumentedError,
}


@pytest.mark.parametrize(("code", "family"), FAMILIES.items(), ids=FAMILIES)
def test_other_codes_come_in_families(code: str, family: type[APIError]) -> None:
    """Gateway, service and undocumented Codes have a class for each family."""
    assert type(made(code)) is family


@pytest.mark.parametrize("row", CONTRACT.errors, ids=lambda row: f"{row.table}-{row.id}-{row.code}")
def test_every_documented_code_has_a_meaning(row: Any) -> None:
    """Every row's Code is an APIError of a documented family with the documented meaning."""
    error = made(row.code, http_status=row.http_status)
    assert not isinstance(error, UndocumentedError)
    assert error.meaning
    if row.occurs != "sister-operation" and row.id:
        assert row.id in error.error_ids


def test_one_code_with_two_rows_is_told_apart_by_http_status() -> None:
    """The service table lists Request.ExistApp with 400 and with 200; another status is both."""
    assert made("Request.ExistApp", http_status=400).error_ids == ("0x0207011B",)
    assert made("Request.ExistApp", http_status=200).error_ids == ("0x02071008",)
    assert made("Request.ExistApp", http_status=500).error_ids == ("0x0207011B", "0x02071008")


def test_an_undocumented_code_has_no_meaning() -> None:
    """A Code that nobody documents has no ids and no meaning."""
    error = made("Nobody", request_id=None)
    assert (error.error_ids, error.meaning, error.request_id) == ((), None, None)
    assert str(error) == "Nobody (HTTP 400, RequestId None): m"


@pytest.mark.parametrize("again", AGAIN, ids=AGAIN_IDS)
@pytest.mark.parametrize("code", [*OWN, *FAMILIES])
def test_an_api_error_can_be_copied_and_pickled(code: str, again: Any) -> None:
    """A copy has the class and every attribute."""
    error = made(code)
    copied = again(error)
    assert type(copied) is type(error)
    assert vars(copied) == vars(error)
    assert str(copied) == str(error)


def invalid_task() -> InvalidTask:
    """Return an error with two problems."""
    try:
        StartMPUTask.from_wire([("AppId", "a"), ("ChannelId", "c")])
    except InvalidTask as error:
        return error
    raise AssertionError


@pytest.mark.parametrize("again", AGAIN, ids=AGAIN_IDS)
@pytest.mark.parametrize(
    "error",
    [
        invalid_task(),
        UnreadableReply("why", http_status=502),
        UnreadableReply("why"),
        TransportError("why"),
        TransportTimeout("why"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_can_be_copied_and_pickled(error: RTCMPUError, again: Any) -> None:
    """A copy has the class, the text and every attribute."""
    copied = again(error)
    assert type(copied) is type(error)
    assert str(copied) == str(error)
    assert vars(copied) == vars(error)


def test_the_tree() -> None:
    """One root for all; an invalid task is a ValueError, a timeout a TimeoutError."""
    for kind in (APIError, InvalidTask, TransportError, UnreadableReply):
        assert issubclass(kind, RTCMPUError)
    assert issubclass(InvalidTask, ValueError)
    assert issubclass(TransportTimeout, TransportError)
    assert issubclass(TransportTimeout, TimeoutError)
    for kind in (StartMPUTaskError, GatewayError, ServiceError, UndocumentedError):
        assert issubclass(kind, APIError)
    for warning in (errors.SignatureWarning, errors.SilenceWarning):
        assert issubclass(warning, errors.RTCMPUWarning)
        assert issubclass(warning, UserWarning)


def test_only_a_reply_has_a_code() -> None:
    """Where there was no reply, ``code`` is None, so that ``error.code`` can always be asked."""
    assert TransportTimeout("x").code is None
    assert UnreadableReply("x").code is None


def test_an_unreadable_reply_says_with_which_status_it_came() -> None:
    """The HTTP status is in the text where it is known."""
    error = UnreadableReply("why", http_status=502)
    assert (str(error), error.reason, error.http_status) == ("why (HTTP status 502)", "why", 502)
    assert str(UnreadableReply("why")) == "why"
