"""The package's own client as a client under test: ``pytest_rtcmpu.checks.own:start``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_rtcmpu.checks.cases import to_pairs
from pytest_rtcmpu.checks.testees.protocol import PlainCredentials
from pytest_rtcmpu.client import Client
from pytest_rtcmpu.model import StartMPUTask
from pytest_rtcmpu.values.credentials import Credentials


def start(
    params: Mapping[str, Any], *, endpoint: str, credentials: PlainCredentials, timeout: float
) -> str:
    """Start one task and return its RequestId. Raises what the client raises."""
    task = StartMPUTask.from_wire(to_pairs(params))
    key = Credentials(
        credentials.access_key_id, credentials.access_key_secret, credentials.security_token
    )
    client = Client(key, endpoint, timeout=timeout)
    try:
        return client.start_mpu_task(task).request_id
    finally:
        client.close()
