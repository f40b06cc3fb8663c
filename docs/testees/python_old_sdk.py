"""A testee: aliyun-python-sdk-rtc 1.3.5, the published client before today's.

    pip install pytest-rtcmpu aliyun-python-sdk-rtc==1.3.5
    rtcmpu check client -- python python_old_sdk.py

A parameter without a setter, such as TaskProfile, goes by ``add_query_param``, which any request
has.
The client returns the reply's body as bytes, whatever it says. Its caller reads the RequestId, and
here that is the testee: a body without one is an error by the testee's doing, not the client's.
"""

import json
import pkgutil
from importlib import import_module
from urllib.parse import urlsplit

from aliyunsdkcore.acs_exception.exceptions import ClientException
from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkrtc.request import v20180111

from pytest_rtcmpu.checks.testees import serve_testee

OPERATIONS = (
    *("StartMPUTask", "StopMPUTask", "GetMPUTaskStatus", "UpdateMPULayout"),
    *("CreateMPULayout", "ModifyMPULayout", "DeleteMPULayout"),
    *("DescribeMPULayoutList", "DescribeMPULayoutInfoList"),
)
MODULES = {found.name for found in pkgutil.iter_modules(v20180111.__path__)}


def request_of(operation):
    """Return a new request of an operation."""
    module = import_module(f"{v20180111.__name__}.{operation}Request")
    return getattr(module, f"{operation}Request")()


def call(params, *, endpoint, credentials, timeout, operation="StartMPUTask"):
    """Call an operation and return what it tells, or raise what the client raises."""
    url = urlsplit(endpoint)
    key = (credentials.access_key_id, credentials.access_key_secret)
    if credentials.security_token:
        credential = StsTokenCredential(*key, credentials.security_token)
    else:
        credential = AccessKeyCredential(*key)
    client = AcsClient(
        region_id="cn-hangzhou",
        credential=credential,
        port=url.port,
        connect_timeout=timeout,
        timeout=timeout,
    )
    request = request_of(operation)
    request.set_endpoint(url.hostname)
    request.set_protocol_type(url.scheme)
    for name, value in params.items():
        setter = f"set_{name}s" if isinstance(value, list) else f"set_{name}"
        if hasattr(request, setter):
            getattr(request, setter)(value)
        else:
            request.add_query_param(name, value)
    try:
        reply = client.do_action_with_exception(request)
    except ClientException as error:
        # A code of the client's own, such as SDK.HttpError: the reply had none.
        raise ConnectionError(str(error)) from error
    fields = json.loads(reply)
    if not fields["RequestId"]:
        raise ValueError("a reply without a RequestId")
    if operation == "GetMPUTaskStatus":
        return {"request_id": fields["RequestId"], "status": fields["Status"]}
    return fields["RequestId"]


call.operations = tuple(name for name in OPERATIONS if f"{name}Request" in MODULES)

if __name__ == "__main__":
    serve_testee(call)
