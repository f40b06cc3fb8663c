"""A testee: alibabacloud_rtc20180111, the published client of today, and its earlier versions.

    pip install pytest-rtcmpu alibabacloud_rtc20180111==5.3.5
    rtcmpu check client -- python python_new_sdk.py

The model has no TaskProfile, save in 1.0.0, so ``start`` leaves it out: that is what the client can
say. ``--task-profile`` sends it as an extra query parameter, past the model; ``--async`` calls the
client's coroutine; ``--hmac-sha1`` chooses its older signature.
"""

import argparse
import asyncio
import inspect
from urllib.parse import urlsplit

from alibabacloud_rtc20180111.client import Client
from alibabacloud_rtc20180111.models import StartMPUTaskRequest, StartMPUTaskRequestUserPanes
from alibabacloud_tea_openapi.models import Config

from pytest_rtcmpu.checks.testees import serve_testee

try:  # 5.3 and later
    from darabonba.runtime import ExtendsParameters, RuntimeOptions

    RuntimeOptions(extends_parameters=None)
except (ImportError, TypeError):
    from alibabacloud_tea_util.models import ExtendsParameters, RuntimeOptions

FIELDS = inspect.signature(StartMPUTaskRequest).parameters


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


def make_start(given):
    """Return the callable that starts one task in the way that the arguments say."""
    more = {"signature_algorithm": "v2"} if given.hmac_sha1 else {}

    def start(params, *, endpoint, credentials, timeout):
        """Start one task and return its RequestId, or raise what the client raises."""
        client = Client(config(endpoint, credentials, **more))
        request = StartMPUTaskRequest(
            app_id=params["AppId"],
            channel_id=params["ChannelId"],
            task_id=params["TaskId"],
            media_encode=params["MediaEncode"],
            background_color=params["BackgroundColor"],
            layout_ids=params["LayoutIds"],
            user_panes=[
                StartMPUTaskRequestUserPanes(
                    pane_id=pane["PaneId"], user_id=pane["UserId"], source_type=pane["SourceType"]
                )
                for pane in params["UserPanes"]
            ],
            stream_url=params["StreamURL"],
            **({"task_profile": params["TaskProfile"]} if "task_profile" in FIELDS else {}),
        )
        options = RuntimeOptions(
            connect_timeout=int(timeout * 1000), read_timeout=int(timeout * 1000)
        )
        if given.task_profile:
            past = {"TaskProfile": params["TaskProfile"]}
            options.extends_parameters = ExtendsParameters(queries=past)
        if given.use_async:
            reply = asyncio.run(client.start_mputask_with_options_async(request, options))
        else:
            reply = client.start_mputask_with_options(request, options)
        return reply.body.request_id

    return start


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--task-profile", action="store_true")
    parser.add_argument("--async", dest="use_async", action="store_true")
    parser.add_argument("--hmac-sha1", action="store_true")
    serve_testee(make_start(parser.parse_args()))
