"""JUnit XML and GitHub annotations: what CI servers are told."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reports import both, broken, doubtful, everything, held, of

from pytest_rtcmpu.report.github import SHOWN, annotate
from pytest_rtcmpu.report.junit import to_junit

FAILING, OTHER = of("client")[:2]
READING = of("client", breach="report")[0]
KNOWN = {f"client/documented/{FAILING}": "issue 17"}


def cases(made, **given):
    """The test cases of a run, by class and name."""
    root = ET.fromstring(to_junit(*made, **given))
    return {(case.get("classname"), case.get("name")): case for case in root.iter("testcase")}


def outcome(case):
    """The tags that say how a case ended, with their messages."""
    ends = ("failure", "error", "skipped")
    return [(child.tag, child.get("message")) for child in case if child.tag in ends]


#: name: what was found → the case, and how it ends.
CASES = {
    "held": (both(held(FAILING)), ("client.documented", FAILING), []),
    "broken": (
        both(broken(FAILING)),
        ("client.documented", FAILING),
        [("failure", "expected MediaEncode=0, got no MediaEncode")],
    ),
    "a reading broken": (
        both(broken(READING)),
        ("client.documented", READING),
        [],
    ),
    "a reading broken, strictly": (
        both(broken(READING), strict=True),
        ("client.documented", READING),
        [("failure", "expected MediaEncode=0, got no MediaEncode")],
    ),
    "known": (
        both(broken(FAILING), known=KNOWN),
        ("client.documented", FAILING),
        [("skipped", "known failure: issue 17")],
    ),
    "known elsewhere": (
        both(broken(FAILING), broken(FAILING, phase="fuzz"), known=KNOWN),
        ("client.fuzz", FAILING),
        [("failure", "expected MediaEncode=0, got no MediaEncode")],
    ),
    "without a case": (
        both(held(FAILING, exercised=0)),
        ("client.documented", FAILING),
        [("skipped", "not exercised")],
    ),
    "not judged": (
        both(doubtful(FAILING, exercised=1)),
        ("client.documented", FAILING),
        [("skipped", "2 checks not judged: why")],
    ),
    "never run": (
        both(held(FAILING)),
        ("client", OTHER),
        [("skipped", "not exercised: no check was run")],
    ),
    "left out": (
        both(held(FAILING), unselected=(OTHER,)),
        ("client", OTHER),
        [("skipped", "not selected: no check was run")],
    ),
    "incomplete": (
        both(held(FAILING), complete=False, notes=("worker gw1 crashed",)),
        ("client", "the run is complete"),
        [("error", "incomplete: worker gw1 crashed")],
    ),
}


@pytest.mark.parametrize(("made", "name", "expected"), CASES.values(), ids=CASES)
def test_case(made, name, expected):
    """A check is a test case that ends as its clause came out."""
    assert outcome(cases(made)[name]) == expected


def test_what_a_case_tells():
    """A case's output names its clause's level and source, its check, and how it came out."""
    case = cases(both(broken(FAILING, times=2)))["client.documented", FAILING]
    assert case.findtext("system-out").splitlines() == [
        "level: companion",
        "source: S2 111548",
        f"check: client/documented/{FAILING}",
        "exercised: 3",
        "broken: 2",
    ]


def test_times():
    """A case has its check's time, a suite those of its cases, the file the whole run's."""
    results = [replace(held(clause), seconds=0.25) for clause in (FAILING, OTHER)]
    root = ET.fromstring(to_junit(*both(*results)))
    assert root.get("time") == "1.250"
    assert [suite.get("time") for suite in root] == ["0.500"]
    times = {case.get("name"): case.get("time") for case in root.iter("testcase")}
    assert times.pop(FAILING) == times.pop(OTHER) == "0.250"
    assert set(times.values()) == {"0.000"}


#: Jenkins's schema, junit-10.xsd of its xUnit plugin, as far as it is used here: what an element
#: may hold, the attributes that it must and those that it may have.
ENDING = ((), (), ("type", "message"))
JUNIT_10 = {
    "testsuites": (("testsuite",), (), ("name", "time", "tests", "failures", "errors")),
    "testsuite": (
        ("testsuite", "properties", "testcase", "system-out", "system-err"),
        ("name", "tests", "failures", "errors"),
        (
            "group",
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
        ),
    ),
    "testcase": (
        ("skipped", "error", "failure", "system-out", "system-err"),
        ("name",),
        ("time", "classname", "group"),
    ),
    "properties": (("property",), (), ()),
    "property": ((), ("name", "value"), ()),
    "failure": ENDING,
    "error": ENDING,
    "skipped": ENDING,
    "system-out": ((), (), ()),
}
#: What Active Support's Hash.from_xml, which GitLab reads with, takes a ``type`` for.
READ_AS_TYPES = (
    *("symbol", "date", "datetime", "dateTime", "integer", "float", "double", "decimal", "boolean"),
    *("string", "yaml", "base64Binary", "hexBinary", "file", "array", "duration"),
)


def expect_read_by_servers(file):
    """Hold a JUnit file to what Jenkins and GitLab read."""
    root = ET.fromstring(file)
    assert root.tag == "testsuites"
    for element in root.iter():
        within, must, may = JUNIT_10[element.tag]
        assert {child.tag for child in element} <= set(within)
        assert set(must) <= set(element.attrib) <= {*must, *may}
        if within:  # an element of elements has no text
            assert not (element.text or "").strip()
        assert not (element.tail or "").strip()
        if element.tag in ("testsuites", "testsuite"):
            assert re.fullmatch(r"[0-9]{1,9}\.[0-9]*", element.get("time"))
        if element.tag == "testcase":
            # GitLab looks for an attachment in it, and a list of two cannot be searched.
            assert len(element.findall("system-out")) <= 1
            assert float(element.get("time")) >= 0
        if JUNIT_10[element.tag] is ENDING:
            # An element without text is shown as Ruby shows a hash.
            assert element.text.strip()
            assert element.get("type") not in READ_AS_TYPES


def everything_else():
    """A run with a suite, a case and an outcome of each kind; texts with markup in them."""
    found = broken(FAILING, got="]]>[[ATTACHMENT|/etc/passwd]]<a/>")
    parts = {"complete": False, "notes": ("worker gw1 crashed",), "known": KNOWN}
    return both(found, broken(READING), doubtful(OTHER), **parts)


@pytest.mark.parametrize("made", [everything, everything_else], ids=["everything", "the rest"])
def test_servers_read_it(made):
    """The file keeps to Jenkins's schema, and has text where GitLab's reader looks for one."""
    expect_read_by_servers(to_junit(*made(), problems=["known failure x passes now"]))


def test_failure_tells_the_exchange():
    """A failure's text holds the clause's text, the request and the reply."""
    case = cases(both(broken(FAILING)))["client.documented", FAILING]
    said = case.find("failure").text
    assert "The call goes to path / of the service's host. (1 of 3 checks broken)" in said
    assert "request:\nGET /?Action=StartMPUTask&Signature=**********\nHost: " in said
    assert 'reply:\nHTTP/1.1 200 OK\n\n{"RequestId": "0f"}' in said


def test_reading_tells_its_breach():
    """A reading's breach that does not fail is told in a passed case."""
    case = cases(both(broken(READING)))["client.documented", READING]
    assert case.find("system-out").text.startswith("Broken, reported, not failing: ")


def test_problems():
    """What else fails the run is a failure of its own."""
    found = cases(both(held(FAILING)), problems=["known failure x passes now"])
    assert outcome(found["rtcmpu", "known failure x passes now"]) == [
        ("failure", "known failure x passes now")
    ]


def test_counts():
    """Suites and the whole state how many cases they hold and how those ended."""
    root = ET.fromstring(to_junit(*everything()))
    for element in (root, *root):
        found = list(element.iter("testcase"))
        assert element.get("tests") == str(len(found))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped",) * 2):
            if element is root and tag == "skipped":
                continue  # Jenkins's schema has no such attribute there
            assert element.get(attribute) == str(sum(case.find(tag) is not None for case in found))
    assert root.get("failures") == "6"


def test_names_do_not_repeat():
    """No two cases of a suite have the same class and name: servers merge those."""
    for suite in ET.fromstring(to_junit(*everything())):
        names = [(case.get("classname"), case.get("name")) for case in suite.iter("testcase")]
        assert len(names) == len(set(names))


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.text(st.characters()))
def test_any_text_is_xml(text):
    """Whatever a subject sent, the file is well-formed XML."""
    texts = {"scenario": text, "expected": text, "got": text}
    made = both(broken(FAILING, **texts), broken(READING, **texts), target=text, notes=(text,))
    expect_read_by_servers(to_junit(*made, problems=[text or "?"]))


def test_annotation():
    """A failing breach is an error, a reading's a warning, each on one line."""
    made = both(broken(FAILING), broken(READING))
    error, warning = annotate(made[1])
    assert error == (
        f"::error title={FAILING} broken by client shop.rtc%3Astart::"
        "The call goes to path / of the service's host. (companion, S2 111548)%0A"
        "in documented, TaskProfile=4IN_720P%0Aexpected MediaEncode=0%0Agot no MediaEncode"
    )
    assert warning.startswith(f"::warning title={READING} broken by ")


def test_annotation_escapes():
    """What a subject sent cannot end an annotation or start another."""
    evil = "100%\r\n::error::x, y: z\x1b"
    for line in annotate(both(broken(FAILING, got=evil), target=evil)[1], problems=[evil]):
        assert line.isprintable()
        title, _, message = line.removeprefix("::error title=").partition("::")
        assert not set(title) & set("\r\n:,")
        assert "100%25" in message or "100%25" in title


def test_annotations_of_a_lost_part():
    """A lost part of the run and a problem are errors; a run in which all holds gives none."""
    made = both(held(FAILING), complete=False, notes=("worker gw1 crashed",))
    assert annotate(made[1], problems=["x"]) == [
        "::error title=rtcmpu%3A problem::x",
        "::error title=rtcmpu%3A client%3A the run is incomplete::worker gw1 crashed",
    ]
    assert annotate(both(held(FAILING))[1]) == []


def test_annotations_say_how_many_are_left_out():
    """GitHub shows ten of a kind: when there are more, the tenth says how many."""
    lines = annotate(both(*map(broken, of("client")[:30]))[1])
    assert len(lines) == SHOWN
    assert lines[-1] == "::error title=rtcmpu::and 21 more: see the report"
