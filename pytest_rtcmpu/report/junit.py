"""The report as JUnit XML, as CI servers read it: one test case a check.

It keeps to Jenkins's schema (junit-10.xsd of its xUnit plugin), which knows properties of suites
alone, and to what GitLab's reader shows: the text of a failure, an error or a skip, and no
``message``. GitLab gives up a whole file in which a case has ``system-out`` twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from xml.etree import ElementTree as ET

from pytest_rtcmpu.checks.core import CheckResult, Run
from pytest_rtcmpu.report import words
from pytest_rtcmpu.report.ledger import Entry, Ledger
from pytest_rtcmpu.values.text import for_xml


def to_junit(run: Run, ledgers: Collection[Ledger], *, problems: Collection[str] = ()) -> bytes:
    """Return the report as a JUnit XML file.

    A breach that fails the run is a failure; a reading's breach that does not is a passed case
    which tells it; what was not exercised or selected, could not be judged, or is a known failure,
    is skipped, with the reason; a lost part of the run is an error.

    Args:
        problems: what else fails the run, a failure each.
    """
    root = ET.Element("testsuites", name="rtcmpu", time=_time(run.seconds))
    for ledger in ledgers:
        took = sum(result.seconds for entry in ledger.entries for result in entry.results)
        name = for_xml(words.name(ledger))
        suite = ET.SubElement(root, "testsuite", name=name, time=_time(took))
        _properties(suite, edition=run.edition, seed=str(run.seed), strict=str(run.strict).lower())
        suite.extend(_cases(ledger))
    if problems:
        suite = ET.SubElement(root, "testsuite", name="rtcmpu", time=_time(0))
        for problem in problems:
            case = _test_case("rtcmpu", for_xml(problem))
            suite.append(case)
            _outcome(case, "failure", problem, type="problem")
    for suite in root:
        _count(suite, [suite])
        suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    _count(root, list(root))
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _cases(ledger: Ledger) -> Iterator[ET.Element]:
    for entry in ledger.entries:
        for result in entry.results:
            yield _case(ledger, entry, result)
        if not entry.results:
            case = _element(ledger.run.subject, entry)
            _outcome(case, "skipped", f"{entry.outcome}: no check was run")
            yield case
    if not ledger.run.complete:
        case = _test_case(ledger.run.subject, "the run is complete")
        _outcome(case, "error", f"incomplete: {words.loss(ledger)}", type="incomplete")
        yield case


def _case(ledger: Ledger, entry: Entry, result: CheckResult) -> ET.Element:
    # The phase is part of the class: a clause has one case in each, and names must not repeat.
    case = _element(f"{ledger.run.subject}.{result.phase}", entry, result)
    if result.check in entry.reasons:
        _outcome(case, "skipped", f"known failure: {entry.reasons[result.check]}")
    elif result.broken and entry.fails:
        _outcome(case, "failure", _brief(result), _in_full(entry, result), type=entry.clause.level)
    elif result.broken:
        told = f"Broken, reported, not failing: {_in_full(entry, result)}"
        _told(case).text = for_xml(f"{told}\n\n{_told(case).text}", multiline=True)
    elif result.not_judged:
        _outcome(case, "skipped", words.doubt(result))
    elif not result.exercised:
        _outcome(case, "skipped", "not exercised")
    return case


def _element(classname: str, entry: Entry, result: CheckResult | None = None) -> ET.Element:
    case = _test_case(classname, entry.clause.id, 0.0 if result is None else result.seconds)
    given = {"level": entry.clause.level, "source": entry.clause.source}
    if result is not None:
        given |= {
            "check": result.check,
            "exercised": str(result.exercised),
            "broken": str(result.broken),
        }
    _told(case).text = "\n".join(f"{name}: {value}" for name, value in given.items())
    return case


def _test_case(classname: str, name: str, seconds: float = 0.0) -> ET.Element:
    return ET.Element("testcase", classname=classname, name=name, time=_time(seconds))


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"


def _told(case: ET.Element) -> ET.Element:
    """Return what a case tells beside how it ended: the one element for it."""
    found = case.find("system-out")
    return ET.SubElement(case, "system-out") if found is None else found


def _properties(parent: ET.Element, **given: str) -> None:
    properties = ET.SubElement(parent, "properties")
    for name, value in given.items():
        ET.SubElement(properties, "property", name=name, value=for_xml(value))


def _outcome(case: ET.Element, kind: str, message: str, text: str = "", **given: str) -> None:
    element = ET.SubElement(case, kind, {"message": for_xml(message), **given})
    element.text = for_xml(text or message, multiline=True)


def _brief(result: CheckResult) -> str:
    first = next(iter(result.findings), None)
    return words.share(result) if first is None else words.sentence(first)


def _in_full(entry: Entry, result: CheckResult) -> str:
    breaches = (words.paragraph(finding, headings=True) for finding in result.findings)
    return "\n\n".join((f"{entry.clause.text} ({words.share(result)})", *breaches))


def _count(element: ET.Element, suites: list[ET.Element]) -> None:
    def number(path: str) -> str:
        return str(sum(len(suite.findall(path)) for suite in suites))

    element.set("tests", number("testcase"))
    element.set("failures", number("testcase/failure"))
    element.set("errors", number("testcase/error"))
