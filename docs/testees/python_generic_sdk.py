"""A testee: the libraries beneath the published clients, called by the operation's name.

    pip install pytest-rtcmpu alibabacloud-tea-openapi
    rtcmpu check client -- python python_generic_sdk.py tea-openapi
    pip install pytest-rtcmpu alibabacloud-tea-rpc
    rtcmpu check client -- python python_generic_sdk.py tea-rpc

They return the reply as a dict; the testee reads the RequestId out of it, as a caller would, and a
reply without one is an error by the testee's doing.
"""

import argparse
import asyncio
from urllib.parse import urlsplit

from pytest_rtcmpu.checks.testees import serve_testee

ACTION, VERSION = "StartMPUTask", "2018-01-11"


def tea_openapi(given):
    """Return a callable that calls alibabacloud-tea-openapi's ``call_api``."""
    from alibabacloud_tea_openapi import models
    from alibabacloud_tea_openapi.client import Client
    from alibabacloud_tea_openapi.utils import Utils
    from darabonba.runtime import RuntimeOptions

    more = {"signature_algorithm": "v2"} if given.hmac_sha1 else {}

    def start(params, *, endpoint, credentials, timeout):
        url = urlsplit(endpoint)
        client = Client(
            models.Config(
                access_key_id=credentials.access_key_id,
                access_key_secret=credentials.access_key_secret,
                security_token=credentials.security_token,
                endpoint=url.netloc,
                protocol=url.scheme,
                **more,
            )
        )
        operation = models.Params(
            action=ACTION,
            version=VERSION,
            protocol=url.scheme,
            pathname="/",
            method="POST",
            auth_type="AK",
            style="RPC",
            req_body_type="json",
            body_type="json",
        )
        request = models.OpenApiRequest(query=Utils.query(params))
        options = RuntimeOptions(
            connect_timeout=int(timeout * 1000), read_timeout=int(timeout * 1000)
        )
        if given.use_async:
            reply = asyncio.run(client.call_api_async(operation, request, options))
        else:
            reply = client.call_api(operation, request, options)
        return reply["body"]["RequestId"]

    return start


def tea_rpc(given):
    """Return a callable that calls alibabacloud-tea-rpc's ``do_request``."""
    from alibabacloud_tea_rpc import models
    from alibabacloud_tea_rpc.client import Client
    from alibabacloud_tea_util.models import RuntimeOptions

    def start(params, *, endpoint, credentials, timeout):
        url = urlsplit(endpoint)
        client = Client(
            models.Config(
                access_key_id=credentials.access_key_id,
                access_key_secret=credentials.access_key_secret,
                security_token=credentials.security_token,
                endpoint=url.netloc,
                protocol=url.scheme,
            )
        )
        client._endpoint = url.netloc  # product clients made of it set it so
        options = RuntimeOptions(
            connect_timeout=int(timeout * 1000), read_timeout=int(timeout * 1000)
        )
        call = (ACTION, url.scheme, "POST", VERSION, "AK", params, None, options)
        if given.use_async:
            reply = asyncio.run(client.do_request_async(*call))
        else:
            reply = client.do_request(*call)
        return reply["RequestId"]

    return start


LIBRARIES = {"tea-openapi": tea_openapi, "tea-rpc": tea_rpc}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("--async", dest="use_async", action="store_true")
    parser.add_argument("--hmac-sha1", action="store_true")
    arguments = parser.parse_args()
    serve_testee(LIBRARIES[arguments.library](arguments))
