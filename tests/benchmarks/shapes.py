"""The four shapes of calls that are measured, and how the measurements are taken."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_rtcmpu import Client, Credentials, Request, StartMPUTask
from pytest_rtcmpu.model import example_task

KEY = Credentials("testid", "testsecret")

Vary = Callable[[StartMPUTask, str], StartMPUTask]


def _task_id(task: StartMPUTask, text: str) -> StartMPUTask:
    return replace(task, task_id=text)


def _more(task: StartMPUTask, text: str) -> StartMPUTask:
    panes = [replace(pane, user_id=f"{pane.user_id}-{text}") for pane in task.user_panes]
    return replace(task, task_id=text, channel_id=f"channel-{text}", user_panes=panes)


@dataclass(frozen=True)
class Shape:
    """A kind of call: how it is signed and sent, and what differs from one to the next."""

    name: str
    client: Mapping[str, str]
    vary: Vary

    def tasks(self, number: int) -> list[StartMPUTask]:
        """Return so many tasks, none of which has been there before."""
        task = example_task()
        return [self.vary(task, f"{time.monotonic_ns()}-{n}") for n in range(number)]

    def signer(self) -> Client:
        """Return the client that signs this kind of call."""
        return Client(KEY, **self.client)  # type: ignore[arg-type]

    def requests(self, number: int) -> list[Request]:
        """Return so many signed requests that start a task each."""
        with self.signer() as client:
            return [client.prepare("StartMPUTask", task.to_wire()) for task in self.tasks(number)]


SHAPES = (
    Shape("1.0 GET, TaskId", {}, _task_id),
    Shape("1.0 GET, TaskId, ChannelId, UserPanes", {}, _more),
    Shape("1.0 POST form, TaskId", {"method": "POST"}, _task_id),
    Shape("V3, TaskId", {"signature": "v3"}, _task_id),
)


def median_ratio(mine: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of ratios, round by round: a busy machine is as busy for both."""
    return statistics.median(a / b for a, b in zip(mine, theirs, strict=True))
