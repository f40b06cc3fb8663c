"""``rtcmpu serve``: the endpoint as a program of its own."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_rtcmpu import APIError, Client, Credentials, Endpoint, Request, cli
from pytest_rtcmpu.errors import GatewayError
from pytest_rtcmpu.model import example_task
from pytest_rtcmpu.server.command import _Recording, _telling
from pytest_rtcmpu.server.control import Control
from pytest_rtcmpu.values.files import Lines

PATIENCE = 30
KEY = Credentials("testid", "testsecret")
TASK = example_task()


class Serving:
    """A running ``rtcmpu serve``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.out = self.err = ""
        assert process.stdout is not None
        self.first_line = process.stdout.readline()
        self.url = self.first_line.strip()

    def line(self) -> str:
        """The next line of its output."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait, and return the exit status."""
        self.process.send_signal(number)
        self.out, self.err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode

    def control(self, path: str) -> Any:
        """What the control interface says."""
        with urllib.request.urlopen(f"{self.url}/_rtcmpu/{path}", timeout=PATIENCE) as reply:
            return json.load(reply)


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[Serving]:
    """Start ``rtcmpu serve`` where warnings are errors; it is gone at the end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RTCMPU_")}
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "pytest_rtcmpu", "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**clean, **environment},
    ) as process:
        try:
            yield Serving(process)
        except BaseException as error:
            ended = process.poll()  # before it is killed
            process.kill()
            error.add_note(f"the server's status: {ended}, stderr: {process.communicate()[1]}")
            raise
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_told_to_stop(number: signal.Signals) -> None:
    """The first line is its URL and nothing else; a signal ends it with status 0 and no word."""
    with serving() as server:
        assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+\n", server.first_line)
        client = Client(KEY, server.url)
        client.start_mpu_task(TASK)
        assert server.control("status")["tasks"] == 1
        assert server.end(number) == 0
        client.close()
    assert (server.out, server.err) == ("", "")


def test_keys_come_from_the_environment() -> None:
    """It knows the key of the environment, and no other."""
    given = {"RTCMPU_ACCESS_KEY_ID": "ours", "RTCMPU_ACCESS_KEY_SECRET": "our-secret"}
    with serving(**given) as server:
        ours, theirs = (
            Client(Credentials("ours", "our-secret"), server.url),
            Client(KEY, server.url),
        )
        ours.start_mpu_task(TASK)
        with pytest.raises(GatewayError, match="InvalidAccessKeyId"):
            theirs.start_mpu_task(TASK)
        ours.close()
        theirs.close()
        server.end()
    assert "our-secret" not in server.out + server.err


def test_calls_are_recorded_as_they_come(tmp_path: Path) -> None:
    """Each call is a line of JSON, redacted, in the file before its reply is sent."""
    path = tmp_path / "calls.jsonl"
    path.write_text("{}\n")
    with serving("--record", str(path), "--max-calls", "2") as server:
        client = Client(Credentials("testid", "testsecret", "the-token"), server.url)
        for number in range(1, 4):
            pairs = replace(TASK, task_id=f"t{number}").to_wire()
            client.call("StartMPUTask", [*pairs, ("Odd", "line\ntestsecret")])
            assert len(path.read_text().splitlines()) == number + 1
        kept = server.control("calls")
        assert [call["number"] for call in kept["calls"]] == [2, 3]
        assert kept["call_count"] == 3
        assert server.end() == 0
        client.close()
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record.get("number") for record in records] == [None, 1, 2, 3]
    assert records[2:] == kept["calls"]
    assert "the-token" not in path.read_text()
    assert "testsecret" not in path.read_text()


def test_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """With --tls it serves https, by an authority whose file it names and takes away at its end."""
    with serving("--tls") as server:
        assert server.url.startswith("https://127.0.0.1:")
        found = re.fullmatch(r"certificate authority to trust: (.+)\n", server.line())
        assert found
        authority = Path(found[1])
        context = ssl.create_default_context(cafile=authority)
        for host in ("127.0.0.1", "localhost"):
            url = server.url.replace("127.0.0.1", host)
            with urllib.request.urlopen(f"{url}/_rtcmpu/status", timeout=PATIENCE, context=context):
                pass
        # Without a context urlopen() takes the opener that an earlier test may have made.
        others = ssl.create_default_context()
        with pytest.raises(OSError, match="certificate verify failed"):
            urllib.request.urlopen(f"{server.url}/_rtcmpu/status", timeout=PATIENCE, context=others)
        client = Client(KEY, server.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
        client.start_mpu_task(TASK)
        client.close()
        assert server.end() == 0
    assert not authority.exists()
    assert server.err == ""


def test_tls_needs_its_library(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Where trustme does not import --tls says so."""
    monkeypatch.setitem(sys.modules, "trustme", None)
    assert cli.main(["serve", "--tls"]) == 2
    assert "https needs trustme, which does not import here" in capsys.readouterr().err


def test_it_is_loud_beyond_loopback() -> None:
    """Told to listen for other machines, it says on standard error what that means."""
    with serving("--host", "0.0.0.0") as server:
        assert server.url.startswith("http://0.0.0.0:")
        port = server.url.rpartition(":")[2]
        server.url = f"http://127.0.0.1:{port}"
        assert server.control("status")["calls"] == 0
        assert server.end() == 0
    assert server.err.startswith("rtcmpu: WARNING: listening on 0.0.0.0: whoever reaches port")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "70000"], "expected 0…65535, got 70000"),
        (["--port", "x"], "--port: expected a whole number, 0…65535, got 'x'"),
        (["--max-calls", "0"], "expected 1 or more, got 0"),
        (["--record", "/nowhere/at/all"], "--record /nowhere/at/all: ENOENT, No such file"),
        (["--host", "203.0.113.1"], "cannot listen on 203.0.113.1, port 0:"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_what_cannot_be_is_told(capsys: Any, arguments: list[str], words: str) -> None:
    """Arguments that cannot be met end it with status 2 and in words."""
    try:
        status = cli.main(["serve", *arguments])
    except SystemExit as exit:
        status = exit.code  # type: ignore[assignment]
    assert status == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


def test_a_port_in_use(capsys: Any) -> None:
    """A port that is taken is named."""
    with serving() as server:
        port = server.url.rpartition(":")[2]
        assert cli.main(["serve", "--port", port]) == 2
        assert f"cannot listen on 127.0.0.1, port {port}:" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is not there")
def test_a_record_on_a_full_disk_says_so() -> None:
    """A call that cannot be recorded is answered; it is said once, and the status is 2."""
    with serving("--record", "/dev/full") as server:
        client = Client(KEY, server.url)
        assert client.start_mpu_task(TASK).http_status == 200
        with pytest.raises(APIError):
            client.start_mpu_task(TASK)
        assert server.control("status")["calls"] == 2
        assert server.end() == 2
    assert (
        "rtcmpu: --record /dev/full: ENOSPC, No space left on device: it ends before call 1"
        in server.err
    )
    assert server.err.count("No space left") == 1
    assert "defect" not in server.err


class Disk:
    """A disk with room for so many bytes: it takes what fits, and then nothing."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.write = Lines._write

    def __call__(self, lines: Lines, part: bytes) -> int:
        """Write what there is room for."""
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        took = self.write(lines, part[: min(self.room, 7)])
        self.room -= took
        return took


def test_a_record_has_whole_lines_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is room for half a line nothing of it stays, and what was there does."""
    path = tmp_path / "record"
    path.write_text("before\n")
    disk = Disk(room=20)
    monkeypatch.setattr(Lines, "_write", lambda lines, part: disk(lines, part))
    with closing(Lines(path)) as lines:
        lines.append("whole ä")
        with pytest.raises(OSError, match="No space left"):
            lines.append("one that is too long")
        disk.room = 100
        lines.append("again")
    assert path.read_text("utf-8") == "before\nwhole ä\nagain\n"


def test_a_record_has_no_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a call that was left out none is recorded, though there were room again."""
    disk = Disk(room=10)
    monkeypatch.setattr(Lines, "_write", lambda lines, part: disk(lines, part))
    endpoint = Endpoint(warn=lambda _: None)
    with closing(_Recording(tmp_path / "record", endpoint)) as record:
        for _ in range(2):
            record(endpoint.call(Request(method="GET", target="/")))
            disk.room = 10**6
        assert record.failed
    assert (tmp_path / "record").read_bytes() == b""
    assert capsys.readouterr().err.count("it ends before call 1;") == 1


def test_a_defect_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """What fails inside the server is told on standard error, without secrets."""
    endpoint = Endpoint(KEY, warn=lambda _: None)

    def fail(_: object) -> None:
        raise ZeroDivisionError("testsecret")

    handle = _telling(Control(endpoint, on_call=fail), endpoint)
    with pytest.raises(ZeroDivisionError):
        handle(Request(method="GET", target="/"))
    told = capsys.readouterr().err
    assert "rtcmpu: a defect of rtcmpu itself, while answering Request(GET /" in told
    assert "ZeroDivisionError" in told
    assert "testsecret" not in told


def test_it_serves_the_edition_that_it_is_told() -> None:
    """``--edition`` says which operations it has: 2019-05 has no UpdateMPULayout, 2021-03 has."""
    pairs = [("AppId", "app"), ("TaskId", "task"), ("LayoutIds.1", "1")]
    missing = pytest.raises(GatewayError, match=r"InvalidApi\.NotFound")
    with serving() as earlier, Client(KEY, earlier.url) as client, missing:
        client.call("UpdateMPULayout", pairs)
    with serving("--edition", "2021-03") as later, Client(KEY, later.url) as client:
        assert client.call("UpdateMPULayout", pairs).request_id
