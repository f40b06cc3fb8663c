"""A real browser for tests of pages: Chromium, driven over its DevTools protocol.

``--remote-debugging-pipe`` gives the protocol on two file descriptors, so that neither a port nor
a package is needed::

    with chromium() as browser:
        page = browser.open(url, width=360, height=740)
        assert page.evaluate("document.title") == "…"
"""

import base64
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
#: The browser reads commands from descriptor 3 and writes to 4; this puts our pipes there.
LAUNCHER = """
import os, sys
read, write = (os.dup(os.dup(int(fd))) for fd in sys.argv[1:3])
read, write = (os.dup(fd) if fd in (3, 4) else fd for fd in (read, write))
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find():
    """Return the browser's path; without one the test is skipped, but fails where CI=true."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    message = f"no browser found (looked for {', '.join(NAMES)}): apt-get install chromium"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    return pytest.skip(message)


class BrowserError(Exception):
    """The browser refused a command, or a script on the page raised."""


class Browser:
    """A running browser: :meth:`open` opens a page in a tab of its own."""

    def __init__(self, to, back, *, timeout):
        self._to, self._back, self._timeout = to, back, timeout
        self._selector = selectors.DefaultSelector()
        self._selector.register(back, selectors.EVENT_READ)
        self._last = 0
        self._buffer = b""
        self.events = []

    def command(self, method, session=None, **params):
        """Send a command and return its result."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        deadline = time.monotonic() + self._timeout
        while True:
            answer = self._receive(deadline, method)
            if answer.get("id") == self._last:
                break
            self.events.append(answer)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def event(self, method, session):
        """Wait for an event of a tab, and return its parameters."""
        deadline = time.monotonic() + self._timeout
        while True:
            for at, event in enumerate(self.events):
                if event.get("method") == method and event.get("sessionId") == session:
                    return self.events.pop(at)["params"]
            self.events.append(self._receive(deadline, method))

    def _receive(self, deadline, what):
        while b"\0" not in self._buffer:
            if not self._selector.select(max(deadline - time.monotonic(), 0)):
                raise BrowserError(f"{what}: the browser gave no answer in {self._timeout} s")
            data = os.read(self._back.fileno(), 1 << 20)
            if not data:
                raise BrowserError(f"{what}: the browser is gone")
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def open(self, url, *, width=1280, height=800, scripts=True, dark=False):
        """Open a page, wait until it has loaded, and return it."""
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        page.command("Page.enable")
        page.command("Network.enable")
        page.command("Log.enable")
        page.command("Emulation.setScriptExecutionDisabled", value=not scripts)
        page.resize(width, height)
        page.scheme("dark" if dark else "light")
        page.command("Page.navigate", url=str(url))
        self.event("Page.loadEventFired", session)
        return page


class Page:
    """A page in a tab."""

    def __init__(self, browser, session):
        self._browser, self._session = browser, session

    def command(self, method, **params):
        """Send a command of the DevTools protocol to this tab."""
        return self._browser.command(method, self._session, **params)

    def evaluate(self, expression):
        """Return the value of a JavaScript expression (a promise's, once it is kept)."""
        answer = self.command(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def resize(self, width, height):
        """Give the page the size of another screen; up to 600 pixels it is a phone's."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width <= 600,
        )

    def scheme(self, name):
        """Ask for light or dark colours."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.command("Emulation.setEmulatedMedia", features=features)

    def click(self, selector):
        """Click on the middle of the first element that matches, as a mouse would."""
        at = self.evaluate(
            f"""(() => {{
                const element = document.querySelector({json.dumps(selector)});
                element.scrollIntoView({{block: "center", behavior: "instant"}});
                const box = element.getBoundingClientRect();
                return {{x: box.x + box.width / 2, y: box.y + box.height / 2}};
            }})()"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.command("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)

    def type(self, text):
        """Type text into the element that has the focus."""
        self.command("Input.insertText", text=text)

    def press(self, key, code, text=""):
        r"""Press a key: ``press("Enter", 13, "\r")``."""
        given = {"key": key, "windowsVirtualKeyCode": code}
        self.command("Input.dispatchKeyEvent", type="keyDown", text=text, **given)
        self.command("Input.dispatchKeyEvent", type="keyUp", **given)

    def screenshot(self, path, *, whole=False):
        """Save what the screen shows, or the whole page, as a PNG file."""
        answer = self.command("Page.captureScreenshot", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(answer["data"]))

    @property
    def requests(self):
        """The addresses this tab has asked for so far."""
        return [
            event["params"]["request"]["url"] for event in self._events("Network.requestWillBeSent")
        ]

    @property
    def complaints(self):
        """What the browser has logged as an error: scripts that raised, things it blocked."""
        return [
            event["params"]["entry"]["text"]
            for event in self._events("Log.entryAdded")
            if event["params"]["entry"]["level"] == "error"
        ]

    def _events(self, method):
        return [
            event
            for event in self._browser.events
            if event.get("method") == method and event.get("sessionId") == self._session
        ]


@contextmanager
def chromium(*, timeout=30.0):
    """Start a browser with an empty profile; it is gone at the end. See :func:`find`."""
    path = find()
    commands, to = os.pipe()
    back, answers = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", LAUNCHER, str(commands), str(answers)),
                *(path, *FLAGS, f"--user-data-dir={profile}", "about:blank"),
            ],
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(commands)
        os.close(answers)
        try:
            with os.fdopen(to, "wb") as sink, os.fdopen(back, "rb", buffering=0) as source:
                yield Browser(sink, source, timeout=timeout)
        finally:
            # The browser's own children are in its session; none may outlive the test.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
