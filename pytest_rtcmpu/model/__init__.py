"""The operations' requests as values: made only when every documented rule holds."""

from __future__ import annotations

from pytest_rtcmpu.model.enums import MediaEncode, SourceType, TaskProfile, rgb, rgb_components
from pytest_rtcmpu.model.example import example_task
from pytest_rtcmpu.model.operations import (
    REQUESTS,
    GetMPUTaskStatus,
    OperationRequest,
    StartMPUTask,
    StopMPUTask,
)
from pytest_rtcmpu.model.structs import Struct, UserPane

__all__ = [
    "REQUESTS",
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
    "rgb",
    "rgb_components",
]
