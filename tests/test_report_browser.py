"""The HTML report in a real browser: at a phone's and at a desk's width, and without scripts."""

import pytest
from browser import chromium
from reports import CONTRACT, both, broken, everything, held, of, run

from pytest_rtcmpu.checks.core import Exchange
from pytest_rtcmpu.report import ledgers, write
from pytest_rtcmpu.report.ledger import OUTCOMES

pytestmark = pytest.mark.browser

PHONE, SMALL, DESK = (360, 740), (320, 640), (1280, 800)
SIZES = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
LONG = "%E6%B5%8B" * 300
SHOWN = "[...document.querySelectorAll('.clause')].filter(c => c.offsetParent !== null)"
#: Contrast of every visible text with what it stands on, the worst first (WCAG's formula).
CONTRAST = """(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = channels(color).map((c) => {
      c /= 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((channels(color)[3] ?? 1) === 1) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.push([ratio, walker.currentNode.data.trim().slice(0, 40)]);
  }
  return found.sort((x, y) => x[0] - y[0]);
})()"""


@pytest.fixture(scope="module")
def browser():
    """One browser for the tests of this file."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Report files: two subjects with every outcome, one, six, and one with long lines."""
    folder = tmp_path_factory.mktemp("pages")
    made, found = everything()
    long = {"scenario": LONG, "expected": LONG, "got": LONG}
    long["exchanges"] = (Exchange(request=LONG, reply=LONG),)
    runs = {
        "several": (made, found),
        "one": (run(made.subjects[0]), found[:1]),
        "many": (run(*made.subjects * 3), found * 3),
        "long": both(broken(of("client")[0], **long), target=LONG, notes=(LONG,), complete=False),
    }
    for name, each in runs.items():
        write(folder / f"{name}.html", *each)
    return {name: (folder / f"{name}.html").as_uri() for name in runs}


@pytest.mark.parametrize("name", ["several", "one", "many", "long"])
@pytest.mark.parametrize("size", [SMALL, PHONE, DESK], ids=["small", "phone", "desk"])
def test_no_sideways_scrolling(browser, pages, name, size):
    """The page is as wide as the screen, also with everything open."""
    page = browser.open(pages[name], width=size[0], height=size[1])
    for _ in range(2):
        widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert widths == [size[0], size[0]]
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")


def test_nothing_is_fetched(browser, pages):
    """The page asks for nothing but itself, and the browser finds nothing to complain of."""
    page = browser.open(pages["several"])
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.requests == [pages["several"]]
    assert page.complaints == []


def shown(page):
    """The ids of the clauses that can be seen."""
    return page.evaluate(f"{SHOWN}.map(c => c.id)")


def expected(keep):
    """The ids of the clauses with an entry that is to be kept."""
    _, found = everything()
    return {e.clause.id for each in found for e in each.entries if keep(e)}


@SIZES
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_filter_by_outcome(browser, pages, size, outcome):
    """With one outcome ticked, only the clauses are shown that have it for some subject."""
    page = browser.open(pages["several"], width=size[0], height=size[1])
    everywhere = len(shown(page))
    for other in page.evaluate("[...document.forms[0].elements.outcome].map(b => b.value)"):
        if other != outcome:
            page.click(f"input[name=outcome][value='{other}']")
    found = shown(page)
    assert set(found) == expected(lambda entry: entry.outcome == outcome)
    said = page.evaluate("document.getElementById('shown').textContent")
    assert said == f"{len(found)} of {everywhere} clauses shown"
    for other in page.evaluate("[...document.forms[0].elements.outcome].map(b => b.value)"):
        if other != outcome:
            page.click(f"input[name=outcome][value='{other}']")
    assert len(shown(page)) == everywhere


def test_filter_by_level(browser, pages):
    """Without its tick a level's clauses are hidden, and so are the headings left empty."""
    page = browser.open(pages["several"])
    page.click("input[name=level][value=reading]")
    assert set(shown(page)) == expected(lambda entry: entry.clause.level != "reading")
    assert page.evaluate("document.getElementById('group-reported').offsetParent") is None
    assert page.evaluate("document.getElementById('group-broken').checkVisibility()") is True


def test_search(browser, pages):
    """Every word typed must be in a clause, in whatever letter case: its rule or its breaches."""
    page = browser.open(pages["several"], width=PHONE[0], height=PHONE[1])
    broken_ones = expected(lambda entry: any(result.findings for result in entry.results))
    one = sorted(broken_ones)[0]
    page.click("#search")
    page.type('{"requestid":')
    assert set(shown(page)) == broken_ones
    page.type(f" {one.upper()}")
    assert shown(page) == [one]
    page.type(" nowhere")
    assert shown(page) == []


@SIZES
def test_broken_clause_opens(browser, pages, size):
    """A click opens a broken clause to expected, got, request, reply and the source's words."""
    page = browser.open(pages["one"], width=size[0], height=size[1])
    assert page.evaluate("document.querySelector('.clause.broken .finding').checkVisibility()") is (
        False
    )
    page.click(".clause.broken summary")
    said = page.evaluate("document.querySelector('.clause.broken').innerText")
    for text in ("expected", "MediaEncode=0", "got", "no MediaEncode", "Request", "Reply"):
        assert text in said
    assert "Host: rtc.aliyuncs.com" in said
    assert page.evaluate("document.querySelector('.clause.broken details').open") is True


def test_keyboard(browser, pages):
    """The filters and the clauses are reached and worked by keyboard."""
    page = browser.open(pages["one"])
    reached = []
    for _ in range(len(OUTCOMES) + 7):
        page.press("Tab", 9)
        reached.append(
            page.evaluate("document.activeElement.name || document.activeElement.tagName")
        )
    assert reached == ["outcome"] * len(OUTCOMES) + ["level"] * 4 + ["search", "BUTTON", "SUMMARY"]
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.press("Enter", 13, "\r")
    assert page.evaluate("document.activeElement.parentElement.open") is True


def test_open_all(browser, pages):
    """One button opens and closes all that is shown."""
    page = browser.open(pages["one"])
    count = "document.querySelectorAll('details[open]').length"
    page.click("#toggle")
    assert page.evaluate(count) == len(shown(page))
    assert page.evaluate("document.getElementById('toggle').textContent") == "Close all shown"
    page.click("#toggle")
    assert page.evaluate(count) == 0


def test_link_to_a_clause(browser, pages):
    """A link with a clause's id opens that clause."""
    clause = of("client")[0]
    page = browser.open(f"{pages['one']}#{clause}")
    assert page.evaluate("document.querySelector('details[open]').parentElement.id") == clause


def test_without_scripts(browser, pages):
    """Without scripts every clause is there and opens; the filters are absent."""
    page = browser.open(pages["one"], scripts=False)
    assert set(shown(page)) == expected(lambda entry: "client" in entry.clause.subjects)
    assert page.evaluate("document.getElementById('filters').checkVisibility()") is False
    page.click(".clause.broken summary")
    assert page.evaluate("document.querySelector('.clause.broken .finding').checkVisibility()")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_contrast(browser, pages, dark):
    """Every text has a contrast of at least 4.5 to 1, in light and in dark colours."""
    page = browser.open(pages["several"], dark=dark)
    page.click("#toggle")
    found = page.evaluate(CONTRAST)
    assert len(found) > 500
    assert [pair for pair in found if pair[0] < 4.5] == []


def test_outcomes_are_told_in_words(browser, pages):
    """Each outcome is written out beside its mark, so that colour alone tells nothing."""
    page = browser.open(pages["several"])
    chips = page.evaluate("[...document.querySelectorAll('.outcomes .chip')].map(c => c.innerText)")
    assert set(chips) == {
        "✓ held",
        "✗ broken",
        "! broken, reported",
        "≈ known failure",
        "? not judged",
        "– not exercised",
        "· not selected",
        "not its concern",
    }


def test_evil_text(browser, tmp_path):
    """What a subject sent runs nothing and changes nothing on the page."""
    evil = "</pre></script><script>document.title='evil'</script><img src=x onerror=alert(1)>\u202e"
    texts = {"scenario": evil, "expected": evil, "got": evil}
    write(
        tmp_path / "evil.html",
        *both(broken(of("client")[0], **texts), held(of("client")[1]), target=evil, notes=(evil,)),
        problems=[evil],
    )
    page = browser.open((tmp_path / "evil.html").as_uri())
    page.click("#toggle")
    assert page.evaluate("document.title") == "Failed: StartMPUTask contract report"
    assert page.evaluate("document.querySelectorAll('img').length") == 0
    assert page.evaluate("document.querySelector('.finding dd pre').textContent") == (
        evil.replace("\u202e", "\\u202e")
    )
    assert page.requests == [(tmp_path / "evil.html").as_uri()]


def test_merged_ledgers_are_the_page(browser, pages):
    """The numbers at the top are those of the ledgers."""
    page = browser.open(pages["several"])
    made, _ = everything()
    said = page.evaluate("[...document.querySelectorAll('.subject')].map(s => s.innerText)")
    for text, each in zip(said, ledgers(made, CONTRACT), strict=True):
        assert f"{each.count('held')} held" in text
        assert f"{each.count('not exercised')} not exercised" in text
