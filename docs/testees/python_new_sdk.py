"""A testee: alibabacloud_rtc20180111 5.3.5, the published client of today.

    pip install pytest-rtcmpu alibabacloud_rtc20180111==5.3.5
    rtcmpu check client -- python python_new_sdk.py

The model has no TaskProfile, so ``start`` leaves it out: that is what the client can say.
``--task-profile`` sends it as an extra query parameter, past the model.
"""

import sys
from urllib.parse import urlsplit

from alibabacloud_rtc20180111.client import Client
from alibabacloud_rtc20180111.models import StartMPUTaskRequest, StartMPUTaskRequestUserPanes
from alibabacloud_tea_openapi.models import Config
from darabonba.runtime import ExtendsParameters, RuntimeOptions

from pytest_rtcmpu.checks.testees import serve_testee


def start(params, *, endpoint, credentials, timeout, queries=None):
    """Start one task and return its RequestId, or raise what the client raises."""
    url = urlsplit(endpoint)
    client = Client(
        Config(
            access_key_id=credentials.access_key_id,
            access_key_secret=credentials.access_key_secret,
            security_token=credentials.security_token,
            endpoint=url.netloc,
            protocol=url.scheme,
        )
    )
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
    )
    options = RuntimeOptions(
        connect_timeout=int(timeout * 1000),
        read_timeout=int(timeout * 1000),
        extends_parameters=ExtendsParameters(queries=queries) if queries else None,
    )
    return client.start_mputask_with_options(request, options).body.request_id


def start_with_task_profile(params, **given):
    """Do the same and send TaskProfile past the model."""
    return start(params, **given, queries={"TaskProfile": params["TaskProfile"]})


if __name__ == "__main__":
    serve_testee(start_with_task_profile if "--task-profile" in sys.argv else start)
