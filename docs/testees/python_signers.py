"""A testee: signers that others than the vendor published, beneath plain requests.

    pip install pytest-rtcmpu requests-aliyun
    rtcmpu check client -- python python_signers.py requests-aliyun
    pip install pytest-rtcmpu aliyun-api-py        # Python 3.12 and later
    rtcmpu check client -- python python_signers.py aliyun-api-py

They sign what they are given. Lists are spread out and replies are read by the testee.
"""

import importlib.metadata
import importlib.util
import sys
from urllib.parse import urlsplit

import requests

from pytest_rtcmpu.checks.testees import serve_testee

ACTION, VERSION = "StartMPUTask", "2018-01-11"


class Refused(Exception):
    """An error reply."""

    def __init__(self, reply):
        super().__init__(reply.get("Message"))
        self.code = reply.get("Code")


def spread(params):
    """Return the parameters as flat names and values; lists count from 1."""
    flat = {}
    for name, value in params.items():
        for at, item in enumerate(value if isinstance(value, list) else [], start=1):
            if isinstance(item, dict):
                flat |= {f"{name}.{at}.{part}": each for part, each in item.items()}
            else:
                flat[f"{name}.{at}"] = item
        if not isinstance(value, list):
            flat[name] = value
    return flat


def read(response):
    """Return the reply's RequestId, or raise."""
    reply = response.json()
    if response.status_code != 200 or reply.get("Code"):
        raise Refused(reply)
    return reply["RequestId"]


def requests_aliyun():
    """Return a callable that signs with requests-aliyun's ``AuthBase``."""
    from aliyunauth.sign_ver_1_0 import AuthBase

    class Auth(AuthBase):
        SERVICE, VERSION = "rtc", VERSION

    def start(params, *, endpoint, credentials, timeout):
        auth = Auth(credentials.access_key_id, credentials.access_key_secret)
        sent = {"Action": ACTION, **spread(params)}
        return read(requests.get(f"{endpoint}/", params=sent, auth=auth, timeout=timeout))

    return start


def aliyun_api_py():
    """Return a callable that signs with aliyun-api-py's ``Api``.

    Its folder's name has hyphens and its ``__init__`` imports what the wheel leaves out, so the
    module is loaded from its file.
    """
    files = importlib.metadata.files("aliyun-api-py")
    path = next(file.locate() for file in files if file.name == "api.py")
    spec = importlib.util.spec_from_file_location("aliyun_api_py", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def start(params, *, endpoint, credentials, timeout):
        url = urlsplit(endpoint)
        key = (credentials.access_key_id, credentials.access_key_secret)
        call = module.Api(*key, "POST", url.netloc, "/", ACTION, VERSION)
        call.param |= spread(params)
        # It always calls https://; the endpoint's scheme is put in where it hands over to requests.
        ask = requests.request
        replies = []

        def request(method, url, **given):
            url = url.replace("https://", f"{urlsplit(endpoint).scheme}://", 1)
            replies.append(ask(method=method, url=url, timeout=timeout, **given))
            return replies[-1]

        module.requests.request = request
        try:
            call.exec()
        finally:
            module.requests.request = ask
        return read(replies[-1])

    return start


SIGNERS = {"requests-aliyun": requests_aliyun, "aliyun-api-py": aliyun_api_py}

if __name__ == "__main__":
    serve_testee(SIGNERS[sys.argv[1]]())
