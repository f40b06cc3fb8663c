"""What a type checker must refuse: each line that is marked, and no other. Nobody runs it."""

from pytest_rtcmpu import Client, Credentials, Endpoint, StartMPUTask, contract, rgb, strategies
from pytest_rtcmpu.testing import ClientContract

Client("id", "secret")  # refuse: arg-type
Client(Credentials("id", "secret")).start_mpu_task("task")  # refuse: arg-type
Client(Credentials("id", "secret")).stop()  # refuse: attr-defined
Credentials("id")  # refuse: call-arg
StartMPUTask(app_id="a", channel_id="c", stream_url="rtmp://h/p")  # refuse: call-arg
rgb("0", 0, 0)  # refuse: arg-type
Endpoint().handle(b"GET / HTTP/1.1")  # refuse: arg-type
contract.load().clause("media-encode.zero").level = "reading"  # refuse: misc
number: int = strategies.background_colors()  # refuse: assignment


class TestMine(ClientContract):
    """A start that returns no RequestId."""

    def start(self, params: object) -> None:  # refuse: override
        """Start nothing."""
