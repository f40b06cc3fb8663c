"""A testee: aliyun-python-sdk-rtc 1.3.5, the published client before today's.

    pip install pytest-rtcmpu aliyun-python-sdk-rtc==1.3.5
    rtcmpu check client -- python python_old_sdk.py

The request has no setter for TaskProfile; ``add_query_param``, which any request has, sends it.
The client returns the reply's body as bytes, whatever it says. Its caller reads the RequestId, and
here that is the testee: a body without one is an error by the testee's doing, not the client's.
"""

import json
from urllib.parse import urlsplit

from aliyunsdkcore.acs_exception.exceptions import ClientException
from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkrtc.request.v20180111.StartMPUTaskRequest import StartMPUTaskRequest

from pytest_rtcmpu.checks.testees import serve_testee


def start(params, *, endpoint, credentials, timeout):
    """Start one task and return its RequestId, or raise what the client raises."""
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
    request = StartMPUTaskRequest()
    request.set_endpoint(url.hostname)
    request.set_protocol_type(url.scheme)
    request.set_AppId(params["AppId"])
    request.set_ChannelId(params["ChannelId"])
    request.set_TaskId(params["TaskId"])
    request.add_query_param("TaskProfile", params["TaskProfile"])
    request.set_MediaEncode(params["MediaEncode"])
    request.set_BackgroundColor(params["BackgroundColor"])
    request.set_LayoutIdss(params["LayoutIds"])
    request.set_UserPaness(params["UserPanes"])
    request.set_StreamURL(params["StreamURL"])
    try:
        reply = client.do_action_with_exception(request)
    except ClientException as error:
        # A code of the client's own, such as SDK.HttpError: the reply had none.
        raise ConnectionError(str(error)) from error
    request_id = json.loads(reply)["RequestId"]
    if not request_id:
        raise ValueError("a reply without a RequestId")
    return request_id


if __name__ == "__main__":
    serve_testee(start)
