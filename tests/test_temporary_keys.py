"""A temporary key is good for nothing without its own token."""

from __future__ import annotations

import pytest

from pytest_rtcmpu import Client, Credentials, Endpoint, GatewayError
from pytest_rtcmpu.mock.door import mocked
from pytest_rtcmpu.model import example_task

KEY = Credentials("STS.key", "secret", "token+/=")


@pytest.mark.parametrize("signature", ["1.0", "v3"])
@pytest.mark.parametrize(
    ("token", "code", "message"),
    [
        ("token+/=", None, ""),
        (None, "MissingSecurityToken", "SecurityToken is mandatory for this action."),
        ("another", "InvalidSecurityToken.MismatchWithAccessKey", "mismatch"),
        ("TOKEN+/=", "InvalidSecurityToken.MismatchWithAccessKey", "mismatch"),
    ],
)
def test_a_temporary_key_needs_its_token(signature, token, code, message):
    """Without its token, or with another, it is refused by either signature."""
    endpoint = Endpoint(KEY)
    client = Client(Credentials("STS.key", "secret", token), signature=signature)
    with mocked(endpoint):
        if code is None:
            assert client.start_mpu_task(example_task()).request_id
        else:
            with pytest.raises(GatewayError, match=message) as caught:
                client.start_mpu_task(example_task())
            assert (caught.value.code, caught.value.http_status) == (code, 400)
    assert endpoint.calls[0].code == code
