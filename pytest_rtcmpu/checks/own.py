"""The package's own client as a client under test: ``pytest_rtcmpu.checks.own:start``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_rtcmpu import contract as _contract
from pytest_rtcmpu.checks.testees.protocol import PlainCredentials
from pytest_rtcmpu.client import Client, StatusReply
from pytest_rtcmpu.model import GetMPUTaskStatus, request_class
from pytest_rtcmpu.values.credentials import Credentials


def start(
    params: Mapping[str, Any],
    *,
    endpoint: str,
    credentials: PlainCredentials,
    timeout: float,
    operation: str = "StartMPUTask",
    edition: str = _contract.DEFAULT_EDITION,
) -> str | dict[str, Any]:
    """Call an operation and return its RequestId, with a status where it tells one.

    Raises what the client raises.
    """
    judge_by = _contract.load(edition)
    request = request_class(operation).from_params(params, contract=judge_by)
    key = Credentials(
        credentials.access_key_id, credentials.access_key_secret, credentials.security_token
    )
    with Client(key, endpoint, timeout=timeout, contract=judge_by) as client:
        if not isinstance(request, GetMPUTaskStatus):
            return client.request(request).request_id
        reply: StatusReply = client.get_mpu_task_status(request)
        return {"request_id": reply.request_id, "status": reply.status}
