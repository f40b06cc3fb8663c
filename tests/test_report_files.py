"""Report files: the format follows the name, and nothing leaks into them."""

import json
import os
import stat
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reports import CONTRACT, both, broken, everything, held, of, run, subject_run

from pytest_rtcmpu.checks.bench import exchange_text
from pytest_rtcmpu.checks.core import CUT, Exchange
from pytest_rtcmpu.contract import Clause, Level, Source, load
from pytest_rtcmpu.report import check_path, ledgers, summary, write
from pytest_rtcmpu.report.github import annotate
from pytest_rtcmpu.report.html import to_html
from pytest_rtcmpu.report.json_report import dumps, to_json
from pytest_rtcmpu.report.junit import to_junit
from pytest_rtcmpu.report.ledger import OUTCOMES
from pytest_rtcmpu.report.parameters import parameters
from pytest_rtcmpu.values.credentials import Secret
from pytest_rtcmpu.values.messages import Request

FAILING = of("client")[0]
STARTS = {"json": b"{", "html": b"<!doctype html>", "xml": b"<?xml", "JSON": b"{"}


class Markup(HTMLParser):
    """Reads a page: its tags, its text, and whether every tag is closed."""

    VOID = frozenset({"meta", "input", "rect", "br"})

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.texts = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Keep a tag, open until it is closed."""
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Keep a tag that closes itself."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        """Close the last open tag, which must be this one."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Keep text."""
        self.texts.append(data)


@pytest.mark.parametrize("suffix", STARTS)
def test_suffix_chooses_the_format(tmp_path, suffix):
    """The name's suffix says which format is written, and no other file is left behind."""
    path = tmp_path / f"report.{suffix}"
    write(path, *everything())
    assert path.read_bytes().startswith(STARTS[suffix])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["report.txt", "report", "report.json.gz", ".json"])
def test_unknown_suffix(tmp_path, name):
    """Another suffix is refused, and the three are named."""
    with pytest.raises(ValueError, match=r"expected a name ending in \.json, \.html or \.xml"):
        write(tmp_path / name, *everything())


def test_missing_directory(tmp_path):
    """A directory that does not exist is named; it can be asked for before the run."""
    path = tmp_path / "missing" / "report.json"
    with pytest.raises(FileNotFoundError, match=r"the directory .*missing does not exist"):
        check_path(path)
    with pytest.raises(FileNotFoundError, match=r"the directory .*missing does not exist"):
        write(path, *everything())


def test_replaced_as_a_whole(tmp_path, monkeypatch):
    """When writing goes wrong the old report stands, and nothing else is left."""
    path = tmp_path / "report.json"
    path.write_text("old")

    def no_space(*_):
        raise OSError("no space left")

    monkeypatch.setattr("pathlib.Path.replace", no_space)
    with pytest.raises(OSError, match="no space left"):
        write(path, *everything())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_mode(tmp_path):
    """A report is as readable as any new file."""
    (tmp_path / "other").touch()
    write(tmp_path / "report.json", *everything())
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


def every_format(made, **given):
    """The same run in all formats, as text."""
    return {
        "terminal": summary(*made, width=100, color=False, **given),
        "verbose": summary(*made, width=100, color=True, verbose=True, **given),
        "json": dumps(to_json(*made, **given)).decode(),
        "html": to_html(*made, **given),
        "junit": to_junit(*made, **given).decode(),
        "github": "\n".join(annotate(made[1], **given)),
    }


def test_secrets_do_not_leak(monkeypatch):
    """No report holds a secret of the environment, or one that a case carries."""
    monkeypatch.setenv("RTCMPU_ACCESS_KEY_SECRET", "s3cr3t-of-the-environment")
    case = {"credentials": {"access_key_secret": Secret("s3cr3t-of-the-case")}}
    made = both(broken(FAILING, case=case), held(of("client")[1]))
    for name, text in every_format(made).items():
        assert "s3cr3t" not in text, name
    assert (
        "**********"
        in json.loads(every_format(made)["json"])["subjects"][0]["clauses"][0]["findings"][0][
            "case"
        ]["credentials"]["access_key_secret"]
    )


def test_same_run_same_files():
    """The same run gives the same reports, byte for byte."""
    assert every_format(everything()) == every_format(everything())


EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'&amp;]]>"
EVIL_CONTRACT = replace(
    CONTRACT,
    edition=EVIL,
    title=EVIL,
    sources=(Source(id="S1", title=EVIL),),
    levels=(Level(id=EVIL, meaning=EVIL, breach="failure"),),
    operations={},
    shared_clauses=(
        Clause(
            id=EVIL,
            subjects=("client",),
            level=EVIL,
            source=f"S1 {EVIL}",
            text=EVIL,
            breach="failure",
            quote=EVIL,
            why=EVIL,
        ),
    ),
)


def test_markup_is_text_everywhere():
    """Markup in any field of a run or of the contract is shown as text by the page."""
    from pytest_rtcmpu.checks.core import CheckResult, Exchange, Finding

    finding = Finding(
        clause=EVIL,
        subject="client",
        phase="documented",
        scenario=EVIL,
        expected=EVIL,
        got=EVIL,
        exchanges=(Exchange(request=EVIL, reply=EVIL),),
    )
    results = [
        CheckResult(
            check=f"{EVIL}{number}",
            clause=EVIL,
            subject="client",
            phase="documented",
            asserts=EVIL,
            exercised=1,
            broken=1,
            findings=(finding,),
        )
        for number in range(2)
    ]
    part = subject_run(*results, target=EVIL, notes=(EVIL,), complete=False)
    made = run(part, part, edition=EVIL)
    known = {f"{EVIL}0": EVIL}
    page = Markup(to_html(made, ledgers(made, EVIL_CONTRACT, known=known), problems=[EVIL]))
    assert page.open == []
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert not [a for _, attributes in page.tags for a in attributes if a.startswith("on")]
    assert "alert(1)" in "".join(page.texts)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.text(st.characters()))
def test_any_text_is_html(text):
    """Whatever a subject sent, the page is UTF-8 and its tags are closed."""
    texts = {"scenario": text, "expected": text, "got": text}
    page = to_html(*both(broken(FAILING, **texts), target=text, notes=(text,)), problems=[text])
    page.encode("utf-8")
    assert Markup(page).open == []


def test_page_stands_alone():
    """The page names nothing that would have to be fetched, and forbids it too."""
    page = Markup(to_html(*everything()))
    attributes = [(name, value) for _, given in page.tags for name, value in given.items()]
    assert not [pair for pair in attributes if pair[0] in ("src", "href", "action", "style")]
    policy = next(given["content"] for _, given in page.tags if "http-equiv" in given)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "url(" not in to_html(*everything())
    assert "@import" not in to_html(*everything())


def test_page_has_the_source_in_its_language():
    """The source's wording is marked as Chinese, and the reason stands beside it."""
    page = to_html(*everything())
    clauses = [entry.clause for each in everything()[1] for entry in each.entries]
    quotes = {escape(clause.quote) for clause in clauses if clause.quote}
    reasons = {escape(clause.why) for clause in clauses if clause.why}
    assert {q for q in quotes if f'<span lang="zh">{q}</span>' not in page} == set()
    assert {r for r in reasons if f"<strong>Why so:</strong> {r}" not in page} == set()


def test_page_labels_every_control():
    """Every control has a label of its own."""
    page = Markup(to_html(*everything()))
    inputs = [given for tag, given in page.tags if tag == "input"]
    labels = {given.get("for") for tag, given in page.tags if tag == "label"}
    search = [given for given in inputs if given["type"] == "search"]
    assert [given["id"] in labels for given in search] == [True]
    boxes = [given for given in inputs if given["type"] == "checkbox"]
    assert len(boxes) == len(OUTCOMES) + len(CONTRACT.levels)
    assert sum(tag == "label" and "for" not in given for tag, given in page.tags) == len(boxes)


# ------------------------------------------------------------------------- parameter by parameter


def shown(request, edition=None):
    """The parameters of a request that is shown, by name; absent ones are None."""
    return {each.name: each.value for each in parameters(request, edition or load())}


def test_a_form_is_shown_parameter_by_parameter():
    """Query and form are taken apart, and what the operation has and was not sent is absent."""
    found = shown(
        "POST /?Action=StartMPUTask HTTP/1.1\nHost: x\n"
        "Content-Type: application/x-www-form-urlencoded\n\n"
        "AppId=a%2Fb&UserPanes.0.PaneId=1&StreamURL=&Signature=**********"
    )
    assert found["AppId"] == "a/b"
    assert found["UserPanes.0.PaneId"] == "1"
    assert found["StreamURL"] == ""
    assert found["Signature"] == "**********"
    assert {name for name, value in found.items() if value is None} == {
        p.name for p in load().parameters
    } - {"AppId", "UserPanes", "StreamURL"}


def test_parameters_stand_in_the_order_of_the_page():
    """The operation's own come first, an alias in its place, and the envelope's after them."""
    names = list(shown("GET /?Format=JSON&StreamURL=r&TaskID=t&AppId=a&Action=StartMPUTask"))
    expected = [p.name for p in load().parameters]
    expected[expected.index("TaskId")] = "TaskID"
    assert names == [*expected, "Format", "Action"]


def test_a_request_of_v3_names_its_operation_in_a_header():
    """The operation is found where V3 has it."""
    found = shown("GET /?AppId=a\nx-acs-action: StopMPUTask")
    assert found == {"AppId": "a", "TaskId": None}


@pytest.mark.parametrize("text", ["", "no request", "GET /?Action=Other", "GET /", "LIST *\n\n"])
def test_what_is_no_request_of_an_operation_has_no_parameters(text):
    """Where nobody can say which parameters there should be, none is shown."""
    assert parameters(text, load()) == []


def test_of_a_request_that_was_cut_nothing_is_said_to_be_absent():
    """What lies beyond the cut may have been sent, and the last value is not whole."""
    pairs = "&".join(f"LayoutIds.{n}=1234567" for n in range(1, 500))
    target = f"/?Action=StartMPUTask&AppId=shop&{pairs}&StreamURL=r"
    exchange = exchange_text(Request(method="GET", target=target), None)
    assert exchange.request.endswith(CUT)
    assert not exchange.request.endswith(f"=1234567{CUT}")
    assert shown(exchange.request).pop("Action") == "StartMPUTask"
    assert set(shown(exchange.request).values()) == {"StartMPUTask", "shop", "1234567"}
    page = to_html(*both(broken(FAILING, exchanges=(exchange,))))
    assert "of a request that is cut: it may have had more" in page
    assert "absent (" not in page


def test_absent_parameters_stand_in_the_page():
    """The page shows each parameter that was sent, and each that was not, with its default."""
    exchange = Exchange(request="GET /?Action=StartMPUTask&AppId=shop", reply="")
    page = to_html(*both(broken(FAILING, exchanges=(exchange,))))
    assert "<dt><code><bdi>AppId</bdi></code></dt><dd><bdi>shop</bdi></dd>" in page
    absent = '<div class="absent required"><dt><code><bdi>BackgroundColor</bdi></code></dt>'
    assert f"{absent}<dd>absent (required, 0 by default)</dd>" in page
    assert "2 parameters sent, " in page
