"""Test code that calls Alibaba Cloud RTC's StartMPUTask, without a network, an account or a bill.

The names below are loaded when they are first asked for (PEP 562): pytest imports this module
for everyone who has the plugin installed, and those who do not use it should not pay for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from pytest_rtcmpu.checks.testees.protocol import PlainCredentials
    from pytest_rtcmpu.client import Client, Envelope, Reply, StatusReply
    from pytest_rtcmpu.contract import Contract
    from pytest_rtcmpu.endpoint import Call, Diagnosis, Endpoint
    from pytest_rtcmpu.errors import (
        APIError,
        GatewayError,
        InvalidTask,
        ReplyTooLarge,
        RTCMPUError,
        RTCMPUWarning,
        ServiceError,
        SignatureWarning,
        SilenceWarning,
        StartMPUTaskError,
        TransportError,
        TransportTimeout,
        UndocumentedError,
        UnreadableReply,
    )
    from pytest_rtcmpu.faults import Fault
    from pytest_rtcmpu.mock.door import mocked
    from pytest_rtcmpu.mock.served import ServedEndpoint
    from pytest_rtcmpu.model import (
        GetMPUTaskStatus,
        MediaEncode,
        OperationRequest,
        SourceType,
        StartMPUTask,
        StopMPUTask,
        Struct,
        TaskProfile,
        UserPane,
        rgb,
        rgb_components,
    )
    from pytest_rtcmpu.strategies import GatewayViolation, Violation
    from pytest_rtcmpu.values.credentials import Credentials, Secret
    from pytest_rtcmpu.values.messages import Request, Response

_HOMES = {
    "checks.testees.protocol": ("PlainCredentials",),
    "client": ("Client", "Envelope", "Reply", "StatusReply"),
    "contract": ("Contract",),
    "values.credentials": ("Credentials", "Secret"),
    "endpoint": ("Call", "Diagnosis", "Endpoint"),
    "errors": (
        "APIError",
        "GatewayError",
        "InvalidTask",
        "ReplyTooLarge",
        "RTCMPUError",
        "RTCMPUWarning",
        "ServiceError",
        "SignatureWarning",
        "SilenceWarning",
        "StartMPUTaskError",
        "TransportError",
        "TransportTimeout",
        "UndocumentedError",
        "UnreadableReply",
    ),
    "faults": ("Fault",),
    "mock.door": ("mocked",),
    "mock.served": ("ServedEndpoint",),
    "strategies": ("GatewayViolation", "Violation"),
    "values.messages": ("Request", "Response"),
    "model": (
        "GetMPUTaskStatus",
        "MediaEncode",
        "OperationRequest",
        "SourceType",
        "StartMPUTask",
        "StopMPUTask",
        "Struct",
        "TaskProfile",
        "UserPane",
        "rgb",
        "rgb_components",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [  # noqa: RUF022 - in the order of the modules above
    "PlainCredentials",
    "Client",
    "Envelope",
    "Reply",
    "StatusReply",
    "Contract",
    "Credentials",
    "Secret",
    "Call",
    "Diagnosis",
    "Endpoint",
    "APIError",
    "GatewayError",
    "InvalidTask",
    "ReplyTooLarge",
    "RTCMPUError",
    "RTCMPUWarning",
    "ServiceError",
    "SignatureWarning",
    "SilenceWarning",
    "StartMPUTaskError",
    "TransportError",
    "TransportTimeout",
    "UndocumentedError",
    "UnreadableReply",
    "Fault",
    "mocked",
    "ServedEndpoint",
    "GatewayViolation",
    "Violation",
    "Request",
    "Response",
    "GetMPUTaskStatus",
    "MediaEncode",
    "OperationRequest",
    "SourceType",
    "StartMPUTask",
    "StopMPUTask",
    "Struct",
    "TaskProfile",
    "UserPane",
    "rgb",
    "rgb_components",
]


__version__: str  # out of the installed package's metadata, when asked for

if not TYPE_CHECKING:  # a type checker would take it for the type of every submodule

    def __getattr__(name: str) -> object:
        if name in _HOME_OF:
            return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
        if name == "__version__":
            return importlib.import_module("importlib.metadata").version("pytest-rtcmpu")
        if name in ("contract", "errors", "faults", "strategies", "testing"):
            return importlib.import_module(f"{__name__}.{name}")
        if "MPU" in name:
            # The requests of operations that are not written out: UpdateMPULayout, …
            return getattr(importlib.import_module(f"{__name__}.model"), name)
        if name[:1].isupper():
            # The classes of the operation's own Codes: TaskExisted, InternalError, …
            return _own_error(name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _own_error(name: str) -> object:
    try:
        return getattr(importlib.import_module(f"{__name__}.errors"), name)
    except AttributeError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the plugin where this package is named as one: ``-p pytest_rtcmpu``."""
    pluginmanager.import_plugin("rtcmpu", consider_entry_points=True)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
