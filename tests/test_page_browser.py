"""The server's page in a real browser: at a phone's and at a desk's width, and without scripts."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import pytest
from browser import chromium
from test_report_browser import CONTRAST

from pytest_rtcmpu import Client, Credentials, faults
from pytest_rtcmpu.errors import RTCMPUError
from pytest_rtcmpu.mock.served import ServedEndpoint
from pytest_rtcmpu.model import example_task

pytestmark = pytest.mark.browser

PHONE, DESK = (360, 740), (1280, 800)
SIZES = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
EVIL = "</pre></script><script>document.title='evil'</script><img src=x onerror=alert(1)>"
TASK = example_task()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for the tests of this file."""
    with chromium() as running:
        yield running


def call(url: str, *pairs: tuple[str, str], secret: str = "testsecret") -> None:
    """Call the server; what it answers does not matter."""
    client = Client(Credentials("testid", secret), url)
    try:
        client.call("StartMPUTask", pairs)
    except RTCMPUError:
        pass
    finally:
        client.close()


@pytest.fixture
def server(rtcmpu_server: ServedEndpoint) -> ServedEndpoint:
    """A server with a success, three kinds of refusals, and a spoilt reply."""
    call(rtcmpu_server.url, *TASK.to_wire())
    call(rtcmpu_server.url, ("AppId", EVIL), ("Long", "测试" * 300), ("X" * 300, EVIL))
    call(rtcmpu_server.url, *TASK.to_wire(), secret="wrong")
    rtcmpu_server.fail_next(faults.html_502)
    call(rtcmpu_server.url, *TASK.to_wire())
    rtcmpu_server.take_warnings()
    return rtcmpu_server


def address(server: ServedEndpoint) -> str:
    """Where the page is."""
    return f"{server.url}/_rtcmpu/"


def eventually(page: Any, expression: str) -> None:
    """Wait until an expression holds on the page."""
    deadline = time.monotonic() + 20
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        time.sleep(0.02)


OPEN_ALL = "document.querySelectorAll('details').forEach(d => { d.open = true; })"
NUMBERS = "[...document.querySelectorAll('#calls .number')].map(n => Number(n.textContent))"


@SIZES
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_person_reads_why(
    browser: Any, server: ServedEndpoint, size: tuple[int, int], scripts: bool
) -> None:
    """The newest call comes first; a click opens one to its parameters, reply and reason."""
    page = browser.open(address(server), width=size[0], height=size[1], scripts=scripts)
    assert page.evaluate(NUMBERS) == [4, 3, 2, 1]
    body = "document.querySelector('#calls li:nth-child(2) .body')"
    assert page.evaluate(f"{body}.checkVisibility()") is False
    page.click("#calls li:nth-child(2) summary")
    assert page.evaluate(f"{body}.checkVisibility()") is True
    said = page.evaluate(f"{body}.innerText")
    for text in (
        "Why it was refused",
        "SignatureDoesNotMatch",
        "signature.mismatch",
        "does not verify",
        "String to sign (server)",
        "Request",
        "Reply",
        TASK.stream_url,
    ):
        assert text in said


@SIZES
def test_no_sideways_scrolling(browser: Any, server: ServedEndpoint, size: tuple[int, int]) -> None:
    """The page is as wide as the screen, also with everything open."""
    page = browser.open(address(server), width=size[0], height=size[1])
    for _ in range(2):
        widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert widths == [size[0], size[0]]
        page.evaluate(OPEN_ALL)


def test_html_in_values_is_inert(browser: Any, server: ServedEndpoint) -> None:
    """HTML in names and values is shown as it came, runs nothing and fetches nothing."""
    page = browser.open(address(server))
    page.evaluate(OPEN_ALL)
    assert page.evaluate("document.title") == "Calls of StartMPUTask: pytest-rtcmpu"
    assert page.evaluate("document.querySelectorAll('img').length") == 0
    values = page.evaluate("[...document.querySelectorAll('dd')].map(d => d.textContent)")
    assert values.count(EVIL) == 2
    assert {url.partition("/_rtcmpu/")[0] for url in page.requests if url != "data:,"} == {
        server.url
    }
    assert page.complaints == []


def test_the_browser_is_no_caller(browser: Any, server: ServedEndpoint) -> None:
    """Looking at the page makes no calls."""
    page = browser.open(address(server))
    eventually(page, "performance.getEntriesByType('resource').length > 1")
    assert server.call_count == 4


def test_it_follows_the_calls(browser: Any, server: ServedEndpoint) -> None:
    """New calls appear by themselves; what a reader has opened stays, pushed off or not."""
    page = browser.open(address(server))
    page.click("#calls li:last-child summary")
    call(server.url, ("AppId", "new"))
    eventually(page, f"{NUMBERS}.join() === '5,4,3,2,1'")
    assert page.evaluate("document.querySelector('#calls li:last-child details').open") is True
    assert "5" in page.evaluate("document.getElementById('facts').innerText")
    for _ in range(60):
        call(server.url)
    eventually(page, f"{NUMBERS}[0] === 65")
    assert page.evaluate(NUMBERS) == [*range(65, 15, -1), 1]
    assert page.evaluate("document.querySelector('#calls li:last-child details').open") is True
    assert page.evaluate("document.getElementById('more').innerText") == "15 earlier calls"


def test_it_follows_a_reset(browser: Any, server: ServedEndpoint) -> None:
    """After a reset the old calls are gone, though numbers begin anew."""
    page = browser.open(address(server))
    page.click("#calls li:last-child summary")
    server.reset()
    eventually(page, f"{NUMBERS}.length === 0")
    assert page.evaluate("document.getElementById('none').innerText") == "No call yet."
    call(server.url, ("AppId", "again"))
    eventually(page, f"{NUMBERS}.join() === '1'")
    assert page.evaluate("document.getElementById('none')") is None


def test_it_says_when_the_server_is_gone(browser: Any, server: ServedEndpoint) -> None:
    """A server that does not answer is told of, in a region that is read aloud."""
    page = browser.open(address(server))
    page.evaluate("window.fetch = () => Promise.reject(new Error())")
    eventually(page, "document.getElementById('state').textContent.includes('does not answer')")
    assert page.evaluate("document.getElementById('state').role") == "status"


def test_without_scripts_it_says_how_to_go_on(browser: Any, server: ServedEndpoint) -> None:
    """Without scripts there are links to read the page anew; with them they are absent."""
    page = browser.open(address(server), scripts=False)
    assert "read it anew" in page.evaluate("document.querySelector('header').innerText")
    page = browser.open(address(server))
    assert "anew" not in page.evaluate("document.querySelector('header').innerText")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_contrast(browser: Any, server: ServedEndpoint, dark: bool) -> None:
    """Every text has a contrast of at least 4.5 to 1, in light and in dark colours."""
    page = browser.open(address(server), dark=dark)
    page.evaluate(OPEN_ALL)
    found = page.evaluate(CONTRAST)
    assert len(found) > 100
    assert [pair for pair in found if pair[0] < 4.5] == []


#: The words that stand on more than one line, under a selector.
BROKEN_WORDS = """(selector) => {
  const broken = [];
  for (const element of document.querySelectorAll(selector)) {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      for (const word of walker.currentNode.data.matchAll(/\\S+/g)) {
        const range = document.createRange();
        range.setStart(walker.currentNode, word.index);
        range.setEnd(walker.currentNode, word.index + word[0].length);
        const tops = [...range.getClientRects()].map((rect) => Math.round(rect.top));
        if (new Set(tops).size > 1) broken.push(word[0]);
      }
    }
  }
  return broken;
}"""


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_a_long_code_breaks_between_words(
    browser: Any, rtcmpu_server: ServedEndpoint, width: int
) -> None:
    """No Code is torn amid a word, on a phone neither, and nothing is wider than the page."""
    codes = {row.code: row.http_status for row in rtcmpu_server.contract.errors}
    longest = sorted(codes, key=len)[-4:]
    pairs = dataclasses.replace(TASK, task_id="t" * 30, channel_id="c" * 30).to_wire()
    for code in longest:
        rtcmpu_server.fail_next(code, http_status=codes[code])
        call(rtcmpu_server.url, *pairs)
    page = browser.open(address(rtcmpu_server), width=width, height=800)
    assert page.evaluate("document.querySelectorAll('.outcome').length") == len(longest)
    page.evaluate(OPEN_ALL)
    assert page.evaluate(f"({BROKEN_WORDS})('.outcome, .why code')") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
