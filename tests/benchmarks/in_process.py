"""What a call in process costs: ours beside ``responses`` with a static reply that checks nothing.

    python tests/benchmarks/in_process.py [--calls N] [--rounds N]

Two questions, each for four shapes of calls, answered by the ratio of the times that ours and
``responses`` take in turns:

mock: the same signed requests are sent through a ``requests.Session``, to the mocked endpoint,
    which verifies, judges, starts and records, and to a mock that always answers the same.
whole: ours signs them as well, while the calls to the other mock are sent without a signature.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests
import responses
from shapes import SHAPES, Shape, median_ratio

from pytest_rtcmpu import Endpoint, Request
from pytest_rtcmpu.mock.door import mocked

HOST = "https://rtc.aliyuncs.com"
AIMS = (1.25, 1.25, 1.25, 1.6)

Send = Callable[[requests.Session], object]


@contextmanager
def ours() -> Iterator[None]:
    """The endpoint: signature, rules, state and record."""
    with mocked(Endpoint()):
        yield


@contextmanager
def theirs() -> Iterator[None]:
    """The same reply for everybody."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST"):
            mock.add(method, f"{HOST}/", body=b'{"RequestId":"760bad53276431c499e30dc36f6b26be"}')
        yield


def send(session: requests.Session, request: Request) -> None:
    """Send a request that has been signed."""
    headers = dict(request.headers)
    url = HOST + request.target
    reply = session.request(request.method, url, headers=headers, data=request.body)
    assert reply.status_code == 200, reply.text


def mock_only(shape: Shape, calls: int) -> tuple[list[Send], list[Send]]:
    """Return the calls to ours and to theirs: the same, signed before."""
    made: list[Send] = [
        lambda session, request=request: send(session, request)  # type: ignore[misc]
        for request in shape.requests(calls)
    ]
    return made, made


def whole(shape: Shape, calls: int) -> tuple[list[Send], list[Send]]:
    """Return the calls to ours, signed when they are made, and to theirs, which are not signed."""
    client = shape.signer()
    where = "data" if client.method == "POST" else "params"
    wire = [task.to_wire() for task in shape.tasks(calls)]
    return (
        [
            lambda session, pairs=pairs: send(  # type: ignore[misc]
                session, client.prepare("StartMPUTask", pairs)
            )
            for pairs in wire
        ],
        [
            lambda session, pairs=pairs: session.request(  # type: ignore[misc]
                client.method, HOST, **{where: [("Action", "StartMPUTask"), *pairs]}
            )
            for pairs in wire
        ],
    )


def seconds(calls: list[Send]) -> float:
    """Return the CPU time it takes to make them, which others do not lengthen."""
    with requests.Session() as session:
        began = time.process_time()
        for call in calls:
            call(session)
        return time.process_time() - began


def main() -> int:
    """Measure and print; the status is 0 if each shape's mock keeps to its aim."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=200, help="a round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=15, help="(%(default)s)")
    given = parser.parse_args()
    taken: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
    for number in range(given.rounds + 1):
        for shape in SHAPES:
            for question in (mock_only, whole):
                mine, other = question(shape, given.calls)
                with ours():
                    my_seconds = seconds(mine)
                with theirs():
                    other_seconds = seconds(other)
                if number:  # the first round warms up
                    rows = taken.setdefault((shape.name, question.__name__), ([], []))
                    rows[0].append(my_seconds)
                    rows[1].append(other_seconds)
    print(f"{'time, of that with responses':<40}{'mock':>7}{'aim':>6}{'whole':>7}")
    kept = True
    for shape, aim in zip(SHAPES, AIMS, strict=True):
        mock = median_ratio(*taken[shape.name, "mock_only"])
        kept &= mock <= aim
        print(
            f"{shape.name:<40}{mock:>7.2f}{aim:>6.2f}"
            f"{median_ratio(*taken[shape.name, 'whole']):>7.2f}"
        )
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
