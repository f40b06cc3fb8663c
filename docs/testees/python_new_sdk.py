"""A testee: alibabacloud_rtc20180111, the published client of today, and its earlier versions.

    pip install pytest-rtcmpu alibabacloud_rtc20180111==5.3.5
    rtcmpu check client -- python python_new_sdk.py

The model has no TaskProfile, save in 1.0.0, so ``from_map`` leaves it out: that is what the client
can say. ``--task-profile`` sends it as an extra query parameter, past the model; ``--async`` calls
the client's coroutine; ``--hmac-sha1`` chooses its older signature.
"""

import argparse
import asyncio
from urllib.parse import urlsplit

from alibabacloud_rtc20180111 import models
from alibabacloud_rtc20180111.client import Client
from alibabacloud_tea_openapi.models import Config

from pytest_rtcmpu.checks.testees import serve_testee

try:  # 5.3 and later
    from darabonba.runtime import ExtendsParameters, RuntimeOptions

    RuntimeOptions(extends_parameters=None)
except (ImportError, TypeError):
    from alibabacloud_tea_util.models import ExtendsParameters, RuntimeOptions

METHODS = {
    "StartMPUTask": "start_mputask",
    "StopMPUTask": "stop_mputask",
    "GetMPUTaskStatus": "get_mputask_status",
    "UpdateMPULayout": "update_mpulayout",
    "CreateMPULayout": "create_mpulayout",
    "ModifyMPULayout": "modify_mpulayout",
    "DeleteMPULayout": "delete_mpulayout",
    "DescribeMPULayoutList": "describe_mpulayout_list",
    "DescribeMPULayoutInfoList": "describe_mpulayout_info_list",
}


def config(endpoint, credentials, **more):
    """Return a client's settings."""
    url = urlsplit(endpoint)
    return Config(
        access_key_id=credentials.access_key_id,
        access_key_secret=credentials.access_key_secret,
        security_token=credentials.security_token,
        endpoint=url.netloc,
        protocol=url.scheme,
        **more,
    )


def make_call(given):
    """Return the callable that calls in the way that the arguments say."""
    more = {"signature_algorithm": "v2"} if given.hmac_sha1 else {}

    def call(params, *, endpoint, credentials, timeout, operation="StartMPUTask"):
        """Call an operation and return what it tells, or raise what the client raises."""
        client = Client(config(endpoint, credentials, **more))
        request = getattr(models, f"{operation}Request")().from_map(params)
        options = RuntimeOptions(
            connect_timeout=int(timeout * 1000), read_timeout=int(timeout * 1000)
        )
        if given.task_profile and "TaskProfile" in params:
            past = {"TaskProfile": params["TaskProfile"]}
            options.extends_parameters = ExtendsParameters(queries=past)
        method = getattr(client, f"{METHODS[operation]}_with_options{'_async' * given.use_async}")
        reply = method(request, options)
        body = (asyncio.run(reply) if given.use_async else reply).body
        if operation == "GetMPUTaskStatus":
            return {"request_id": body.request_id, "status": body.status}
        return body.request_id

    call.operations = tuple(name for name, method in METHODS.items() if hasattr(Client, method))
    return call


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--task-profile", action="store_true")
    parser.add_argument("--async", dest="use_async", action="store_true")
    parser.add_argument("--hmac-sha1", action="store_true")
    serve_testee(make_call(parser.parse_args()))
