"""Made-up runs, for the tests of the reports."""

from dataclasses import replace

from pytest_rtcmpu.checks.core import CheckResult, Exchange, Finding, Run, SubjectRun, check_id
from pytest_rtcmpu.contract import load
from pytest_rtcmpu.report.ledger import ledgers

CONTRACT = load()


def of(subject, *, breach="failure"):
    """The ids of the clauses about a subject."""
    found = [c for c in CONTRACT.all_clauses if subject in c.subjects and c.breach == breach]
    return [clause.id for clause in found]


def finding(clause, subject="client", phase="documented", **given):
    """A breach."""
    settings = {
        "scenario": "TaskProfile=4IN_720P",
        "expected": "MediaEncode=0",
        "got": "no MediaEncode",
        "exchanges": (
            Exchange(
                request="GET /?Action=StartMPUTask&Signature=**********\r\nHost: rtc.aliyuncs.com",
                reply='HTTP/1.1 200 OK\r\n\r\n{"RequestId": "0f"}',
            ),
        ),
        "case": {"kind": "params", "params": {"MediaEncode": 0}},
    }
    return Finding(clause=clause, subject=subject, phase=phase, **{**settings, **given})


def held(clause, subject="client", phase="documented", *, exercised=3):
    """A check that found no breach."""
    return CheckResult(
        check=check_id(subject, phase, clause),
        clause=clause,
        subject=subject,
        phase=phase,
        asserts=f"{clause} is kept.",
        exercised=exercised,
    )


def broken(clause, subject="client", phase="documented", *, exercised=3, times=1, **given):
    """A check that found a breach."""
    return CheckResult(
        check=check_id(subject, phase, clause),
        clause=clause,
        subject=subject,
        phase=phase,
        asserts=f"{clause} is kept.",
        exercised=exercised,
        broken=times,
        findings=(finding(clause, subject, phase, **given),),
    )


def doubtful(clause, subject="client", phase="documented", *, exercised=0, times=2, reason="why"):
    """A check that applied and could not judge."""
    result = held(clause, subject, phase, exercised=exercised)
    return replace(result, not_judged=times, reason=reason)


def subject_run(*results, subject="client", target="shop.rtc:start", **given):
    """What was found out about one subject."""
    return SubjectRun(subject=subject, target=target, results=results, **given)


def run(*subjects, **given):
    """A run of these subjects."""
    settings = {
        "edition": "2019-05",
        "seed": 42,
        "strict": False,
        "phases": ("documented", "pairwise"),
        "seconds": 1.25,
    }
    return Run(subjects=subjects, **{**settings, **given})


def both(*results, known=None, strict=False, problems=(), **given):
    """A run of one client that found this, and its ledgers."""
    made = run(subject_run(*results, **given), strict=strict)
    return made, ledgers(made, CONTRACT, known=known)


def everything(*, client="shop.rtc:start"):
    """A run in which every outcome and every level occurs, with two subjects; and its ledgers."""
    subjects = []
    for subject, target in (("client", client), ("endpoint", "http://127.0.0.1:8080")):
        failing, reading = of(subject), of(subject, breach="report")
        subjects.append(
            subject_run(
                *(held(clause, subject) for clause in failing[:20]),
                *(broken(clause, subject) for clause in failing[20:23]),
                *(broken(clause, subject, times=2) for clause in failing[23:24]),
                *(broken(clause, subject, "pairwise") for clause in reading[:2]),
                held(failing[24], subject, exercised=0),
                doubtful(failing[25], subject),
                *(held(clause, subject) for clause in failing[26:-4]),
                *(held(clause, subject) for clause in reading[2:-1]),
                unselected=(reading[-1],),
                subject=subject,
                target=target,
            )
        )
    made = run(*subjects)
    known = {
        check_id(subject, "documented", of(subject)[23]): "issue 17: fixed in the next release"
        for subject in ("client", "endpoint")
    }
    return made, ledgers(made, CONTRACT, known=known)
