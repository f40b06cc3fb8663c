"""The operations' requests as values: made only when every documented rule holds."""

from __future__ import annotations

from pytest_rtcmpu.model.enums import MediaEncode, SourceType, TaskProfile, rgb, rgb_components
from pytest_rtcmpu.model.example import example_task
from pytest_rtcmpu.model.operations import (
    GetMPUTaskStatus,
    OperationRequest,
    StartMPUTask,
    StopMPUTask,
    request_class,
)
from pytest_rtcmpu.model.panes import UserPane
from pytest_rtcmpu.model.structs import Struct

__all__ = [
    "GetMPUTaskStatus",
    "MediaEncode",
    "OperationRequest",
    "SourceType",
    "StartMPUTask",
    "StopMPUTask",
    "Struct",
    "TaskProfile",
    "UserPane",
    "example_task",
    "request_class",
    "rgb",
    "rgb_components",
]


def __getattr__(name: str) -> type[OperationRequest]:
    if name[:1].isupper():
        from pytest_rtcmpu.contract import ContractError

        try:
            return request_class(name)
        except ContractError:
            pass
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
