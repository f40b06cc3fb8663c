"""Contract checks as tests: classes to fill in, options that name a target, one ledger."""

from __future__ import annotations

import json
import re
import shlex
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from pytest_rtcmpu import cli, contract
from pytest_rtcmpu.checks.run import Settings, planned

CONTRACT = contract.load()
CLAUSE = "media-encode.zero"
READING = next(
    clause.id
    for _, clause in planned("client", Settings(phases=("documented",)))
    if clause.level == "reading"
)

#: A conftest.py that replaces both benches by one which starts a task once a phase and says of
#: each clause what the environment tells it to.
CONFTEST = """
import os
from pytest_rtcmpu import contract
from pytest_rtcmpu.checks import run
from pytest_rtcmpu.checks.core import CannotRun, CheckResult, Finding, check_id
from pytest_rtcmpu.checks.testees import targets
from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS

def told(name):
    return os.environ.get(f"FAKE_{name}", "").split()

class Fake:
    def __init__(self, tested, *given):
        self.tested = tested
        self.target = getattr(tested, "target", tested)
        self.contract = contract.load()
        self.notes = told("NOTE")
        self.phases = set()

    def result(self, phase, clause):
        if told("UNREACHABLE"):
            raise CannotRun("out of reach")
        if told("DEFECT") and phase not in self.phases:
            self.phases.add(phase)
            raise ZeroDivisionError("a defect of the bench")
        if clause in told("CRASH"):
            os._exit(1)
        wrong = ""
        if self.subject == "client" and phase not in self.phases:
            outcome = self.tested.start(
                {"AppId": "a"}, endpoint="http://h", credentials=TEST_CREDENTIALS, timeout=9
            )
            wrong = "" if outcome.request_id == "r-1" else repr(outcome)
        self.phases.add(phase)
        broken = bool(wrong) or clause in told("BROKEN")
        finding = Finding(
            clause=clause, subject=self.subject, phase=phase, scenario="MediaEncode=0",
            expected="this", got=wrong or "that \\udc80", case={"scenarios": []})
        return CheckResult(
            check=check_id(self.subject, phase, clause), clause=clause, subject=self.subject,
            phase=phase, asserts="", exercised=0 if clause in told("SILENT") else 3,
            broken=int(broken), findings=(finding,) if broken else ())

    def close(self):
        with open("closed", "a") as file:
            file.write(self.subject + "\\n")

class FakeClientBench(Fake):
    subject = "client"

class FakeEndpointBench(Fake):
    subject = "endpoint"

run.ClientBench, run.EndpointBench = FakeClientBench, FakeEndpointBench
# Nor is there anything behind the names that are checked.
targets.Target.expect_there = lambda *_: None
"""

#: Three checks of a client whose class is filled in.
CLIENT = f"""
from pytest_rtcmpu.plugin.testing import ClientContract

class TestMyClient(ClientContract):
    phases = ("documented",)
    clauses = ("{CLAUSE}", "{READING}", "nonce.unique")

    def start(self, params, *, endpoint, credentials, timeout):
        assert credentials.access_key_secret == "testsecret"
        return "r-1"
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest on a test file in a process of its own, with fake benches unless told."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\nfilterwarnings = error\n")

    def run(source: str, *options: str, fake: bool = True, **told: str) -> pytest.RunResult:
        for name, text in told.items():
            monkeypatch.setenv(f"FAKE_{name.upper()}", text)
        if fake:
            pytester.makeconftest(CONFTEST)
        if source:
            pytester.makepyfile(source)
        return pytester.runpytest_subprocess("-p", "rtcmpu", "-p", "no:cacheprovider", *options)

    return run


def node(clause: str, phase: str = "documented", owner: str = "TestMyClient") -> str:
    """Return the node id of a check in the file that a test has written."""
    name = sys._getframe(1).f_code.co_name
    return f"{name}.py::{owner}::test_contract[{phase}-{clause}]"


def test_each_check_is_a_test_named_after_its_clause(run):
    """A filled-in class is as many tests as there are checks, in all phases."""
    result = run(
        "from pytest_rtcmpu.plugin.testing import ClientContract, EndpointContract\n"
        "class TestIt(ClientContract): pass\n"
        "class TestThat(EndpointContract): pass\n",
        "--collect-only",
        "-q",
    )
    assert result.ret == 0
    found = re.findall(r"::(\w+)::test_contract\[(.+)\]", result.stdout.str())
    expected = [
        (owner, f"{phase}-{clause.id}")
        for owner, subject in (("TestIt", "client"), ("TestThat", "endpoint"))
        for phase, clause in planned(subject, Settings())
    ]
    assert sorted(found) == sorted(expected)


def test_what_holds_passes(run, pytester):
    """When all holds, all pass, the ledger says so, and the bench is closed."""
    result = run(CLIENT)
    result.assert_outcomes(passed=3)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*rtcmpu contract checks*", "PASSED 3 clauses held*"])
    assert (pytester.path / "closed").read_text() == "client\n"


def test_a_broken_clause_fails_its_test(run, pytester):
    """The failure says clause, expected, got and how to see it again; the others pass."""
    result = run(CLIENT, broken=CLAUSE)
    result.assert_outcomes(passed=2, failed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            f"{CLAUSE} (documented, S1): *",
            "  in        documented, MediaEncode=0",
            "  expected  this",
            "  got       that *",
            "again: rtcmpu replay *.json",
            "FAILED 1 clause broken*",
        ]
    )
    (path,) = re.findall(r"again: rtcmpu replay (\S+)", result.stdout.str())
    with open(path, encoding="utf-8") as file:
        assert json.load(file)["test"] == node(CLAUSE)


def test_a_case_of_a_class_is_replayed_by_pytest_or_elsewhere(run, capsys):
    """``rtcmpu replay`` cannot run a class of somebody's tests, and says so."""
    result = run(CLIENT, broken=CLAUSE)
    (path,) = re.findall(r"again: rtcmpu replay (\S+)", result.stdout.str())
    assert cli.main(["replay", path]) == 2
    assert "name another target" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "options", "outcomes"),
    [
        (CLIENT, (), {"passed": 3}),
        (CLIENT, ("--rtcmpu-strict",), {"passed": 2, "failed": 1}),
        (
            CLIENT.replace("phases =", "strict = True\n    phases ="),
            (),
            {"passed": 2, "failed": 1},
        ),
    ],
)
def test_a_reading_fails_only_when_strict(run, source, options, outcomes):
    """A broken reading passes and stands in the summary; strictness makes it fail."""
    result = run(source, *options, broken=READING)
    result.assert_outcomes(**outcomes)
    assert result.ret == (1 if "failed" in outcomes else 0)
    result.stdout.fnmatch_lines(["*BROKEN (1)*", f"  {READING}*"])


def test_what_was_not_exercised_is_skipped(run):
    """A check without a case is no success: it is skipped, and listed."""
    result = run(CLIENT, silent=CLAUSE)
    result.assert_outcomes(passed=2, skipped=1)
    assert result.ret == 0
    assert run(CLIENT, silent=f"{CLAUSE} {READING} nonce.unique").ret != 0


@pytest.mark.parametrize("broken", [CLAUSE, ""])
@pytest.mark.parametrize("place", ["class", "option"])
def test_known_failures(run, pytester, broken, place):
    """A known failure is an expected one; when it holds, the run fails."""
    path = pytester.makefile(".toml", known=f'[[known]]\nid = "{CLAUSE}"\nreason = "so it is"')
    source, options = CLIENT, [f"--rtcmpu-known-failures={path.name}"]
    if place == "class":
        source = CLIENT.replace("phases =", f"known_failures = {path.name!r}\n    phases =")
        options = []
    result = run(source, "-rx", *options, broken=broken)
    if broken:
        result.assert_outcomes(passed=2, xfailed=1)
        assert result.ret == 0
        result.stdout.fnmatch_lines(["XFAIL*so it is"])
    else:
        result.assert_outcomes(passed=3)
        assert result.ret == 1
        result.stdout.fnmatch_lines([f"PROBLEM known failure {CLAUSE}: holds now*"])


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (("-k", CLAUSE), 0),
        (("--deselect", "test_checks_left_out_are_not_passed.py::TestMyClient"), 5),
        (("--rtcmpu-clause", CLAUSE), 0),
    ],
)
def test_checks_left_out_are_not_passed(run, options, status):
    """Deselected checks were not asked for: the run is about the others, and says no more."""
    result = run(CLIENT, *options)
    assert result.ret == status
    assert result.parseoutcomes().get("passed", 0) == (0 if status else 1)
    assert "INCOMPLETE" not in result.stdout.str()


def test_a_check_that_is_named_is_the_whole_run(run):
    """A run of one node id is about that check alone."""
    result = run(CLIENT, node(CLAUSE))
    result.assert_outcomes(passed=1)
    assert result.ret == 0


def test_what_cannot_run_fails_once(run):
    """Where a bench cannot run, one check says so and none passes: the run fails, incomplete."""
    result = run(CLIENT, unreachable="1")
    result.assert_outcomes(failed=1, skipped=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["could not run: out of reach", "INCOMPLETE*"])


def test_a_phase_that_broke_off_is_not_believed(run):
    """After a defect in the middle of a phase, its other checks do not pass."""
    result = run(CLIENT, defect="1")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["*ZeroDivisionError: a defect of the bench"])


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "2")])
def test_results_are_complete_under_xdist(run, pytester, workers):
    """Results of all workers meet in one ledger, notes too, with one seed."""
    source = CLIENT.replace('("documented",)', '("documented", "pairwise")')
    result = run(
        source, "--rtcmpu-report=report.json", *workers, broken="nonce.unique", note="tired"
    )
    result.assert_outcomes(passed=4, failed=2)
    assert result.ret == 1
    with open(pytester.path / "report.json", encoding="utf-8") as file:
        report = json.load(file)
    (subject,) = report["subjects"]
    assert subject["complete"]
    assert subject["notes"] == ["tired"]
    assert report["totals"] == {
        "held": 2,
        "broken": 1,
        "not judged": 0,
        "not exercised": 0,
        "not selected": len(subject["clauses"]) - 3,
        "known failure": 0,
        "failing": 1,
        "checks": 18,
    }


def test_a_report_that_cannot_be_written_fails_the_run(run, pytester):
    """A run whose report is not there is not green, and says why."""
    (pytester.path / "out").mkdir()
    source = f"{CLIENT}\n\ndef test_last():\n    import shutil\n    shutil.rmtree('out')\n"
    result = run(source, "--rtcmpu-report=out/report.json")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["report out/report.json: cannot be written: *does not exist"])
    result.stdout.no_fnmatch_line("report: out/report.json")


def test_a_crashed_worker_makes_the_run_incomplete(run, pytester):
    """What a worker took with it is not green."""
    workers = ("-p", "xdist", "-n", "2", "--max-worker-restart=1")
    result = run(CLIENT, "--rtcmpu-report=report.json", *workers, crash=CLAUSE)
    assert result.ret != 0
    result.stdout.fnmatch_lines(["INCOMPLETE *"])
    with open(pytester.path / "report.json", encoding="utf-8") as file:
        (subject,) = json.load(file)["subjects"]
    crashed, lost = subject["notes"]
    assert re.fullmatch("worker gw. crashed", crashed)
    assert lost.startswith("never run: client/documented/")


FIXTURES = {
    "a callable": "return lambda params, *, endpoint, credentials, timeout: 'r-1'",
    "a command": f"return {[sys.executable, 'testee.py']!r}",
    "a command line": f"return {f'{sys.executable} testee.py'!r}",
    "a testee": (
        "from pytest_rtcmpu.checks.testees.command import CommandTestee\n"
        f"        yield CommandTestee({[sys.executable, 'testee.py']!r})"
    ),
}


@pytest.mark.parametrize("body", FIXTURES.values(), ids=FIXTURES)
def test_the_testee_may_be_a_fixture(run, pytester, body):
    """Instead of ``start`` the fixture ``testee`` may give a callable, a command or a testee."""
    pytester.makepyfile(
        testee="import json, sys\n"
        "for line in sys.stdin:\n"
        "    print(json.dumps({'id': json.loads(line)['id'], 'request_id': 'r-1'}), flush=True)\n"
    )
    head, _, _ = CLIENT.partition("    def start")
    source = f"import pytest\n{head}    @pytest.fixture\n    def testee(self):\n        {body}\n"
    result = run(source)
    result.assert_outcomes(passed=3)


def test_start_has_the_fixtures_of_its_test(run):
    """``start`` is called on the test's own instance, while its fixtures are there."""
    result = run(
        "import pytest\n"
        + CLIENT.replace('return "r-1"', "return self.made")
        + "    @pytest.fixture(autouse=True)\n"
        + "    def _make(self):\n"
        + "        self.made = 'r-1'\n"
        + "        yield\n"
        + "        self.made = None\n"
    )
    result.assert_outcomes(passed=3)


def test_a_class_that_is_not_filled_in_says_so(run):
    """Without ``start`` and ``testee`` the checks do not accuse anybody."""
    head, _, _ = CLIENT.partition("    def start")
    result = run(head)
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(["fill in the method start, or override the fixture testee"])


URLS = {
    "an attribute": "    url = 'http://h:1'",
    "a method": "    def url(self): return 'http://h:1'",
    "a property": "    @property\n    def url(self): return 'http://h:1'",
    "a fixture": "    @pytest.fixture\n    def url(self): return 'http://h:1'",
    "a fixture of the module": (
        "    pass\n@pytest.fixture(scope='module')\ndef url(): return 'http://h:1'"
    ),
}


@pytest.mark.parametrize("body", URLS.values(), ids=URLS)
def test_an_endpoint_is_named_by_its_url(run, body):
    """The URL is an attribute, a method, a property or a fixture."""
    head = "import pytest\nfrom pytest_rtcmpu.plugin.testing import EndpointContract\n"
    settings = f"    phases = ('documented',)\n    clauses = ('{CLAUSE}', 'format.json')\n"
    result = run(f"{head}class TestIt(EndpointContract):\n{settings}{body}\n")
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("    pass", "set url, or override it*"),
        (
            "    count = [0]\n"
            "    @pytest.fixture\n"
            "    def url(self):\n"
            "        self.count[0] += 1\n"
            "        return f'http://h:{self.count[0]}'",
            "the URL changed from one test to the next*",
        ),
    ],
)
def test_a_url_that_is_none_is_explained(run, body, why):
    """A missing URL, and one that changes while the class runs, are said."""
    head = "import pytest\nfrom pytest_rtcmpu.plugin.testing import EndpointContract\n"
    settings = f"    phases = ('documented',)\n    clauses = ('{CLAUSE}', 'format.json')\n"
    result = run(f"{head}class TestIt(EndpointContract):\n{settings}{body}\n")
    assert result.ret == 1
    result.stdout.fnmatch_lines([why])


# ---------------------------------------------------------------------------------- by options


def test_options_add_the_checks_of_a_target(run, pytester):
    """A client, a command and an endpoint that options name are checked beside the tests."""
    pytester.makepyfile(my_client="def start(params, *, endpoint, credentials, timeout): 'none'")
    result = run(
        "def test_of_their_own(): pass",
        "--rtcmpu-client=my_client:start",
        "--rtcmpu-client-command=some-command --with options",
        "--rtcmpu-endpoint=http://localhost:1",
        "--rtcmpu-phase=documented",
        f"--rtcmpu-clause={CLAUSE}",
        "-v",
    )
    result.stdout.fnmatch_lines_random(
        [
            "*::test_of_their_own PASSED*",
            f"rtcmpu-client::test_contract[[]documented-{CLAUSE}[]] FAILED*",
            f"rtcmpu-client-command::test_contract[[]documented-{CLAUSE}[]] FAILED*",
            f"rtcmpu-endpoint::test_contract[[]documented-{CLAUSE}[]] PASSED*",
        ]
    )
    assert sorted((pytester.path / "closed").read_text().split()) == [
        "client",
        "client",
        "endpoint",
    ]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--rtcmpu-client=nothing:start"], "no module named 'nothing'"),
        (["--rtcmpu-client=nothing"], "expected package.module:callable"),
        (["--rtcmpu-endpoint=http://h:1", "--rtcmpu-phase=quick"], "phase 'quick': expected one"),
        (["--rtcmpu-endpoint=http://h:1", "--rtcmpu-clause=media-encode.zer"], "no clause matches"),
        (
            ["--rtcmpu-endpoint=http://h:1", "--rtcmpu-clause=request.parameter.once"],
            "nothing is selected",
        ),
        (["--rtcmpu-report=report.pdf"], "expected a name ending in"),
        (["--rtcmpu-endpoint=http://h:1", "--rtcmpu-known-failures=x.toml"], "No such file"),
    ],
)
def test_wrong_options_are_usage_errors(run, options, why):
    """What is wrong with an option is said before anything is collected."""
    result = run("", *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert why in result.stderr.str()


ABSENT = {
    "endpoint": ("--rtcmpu-endpoint=http://127.0.0.1:9", "cannot be reached: ECONNREFUSED, "),
    "command": ("--rtcmpu-client-command=./none", "cannot be started: ENOENT, "),
    "failing command": (
        f"--rtcmpu-client-command={shlex.quote(sys.executable)} none.py",
        "fails before it is asked anything: exited with status 2",
    ),
}


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "1")], ids=["alone", "xdist"])
@pytest.mark.parametrize(("option", "why"), ABSENT.values(), ids=ABSENT)
def test_what_is_not_there_is_one_error(run, pytester, option, why, workers):
    """A target that cannot be checked at all is said once, by pytest and by the report."""
    given = (option, "--rtcmpu-report=report.json", *workers)
    result = run("def test_it(): pass", *given, fake=False)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().count(why) == 1
    assert "FAILED" not in result.stdout.str()
    assert why in json.loads((pytester.path / "report.json").read_text("utf-8"))["problems"][0]


def test_a_conftest_may_start_what_is_checked(run, pytester):
    """What a conftest.py starts when the session does is there in time."""
    pytester.makeconftest(
        "from pytest_rtcmpu.checks.testees import targets\n"
        "started = []\n"
        "def pytest_sessionstart(session): started.append('before')\n"
        "targets.Target.expect_there = lambda *_: started.append('there')\n"
        "def pytest_sessionfinish(session): open('order', 'w').write(' '.join(started))\n"
    )
    run("", "--rtcmpu-endpoint=http://127.0.0.1:9", f"--rtcmpu-clause={CLAUSE}", fake=False)
    assert (pytester.path / "order").read_text() == "before there"


def test_wrong_options_are_usage_errors_under_xdist(run):
    """No worker is started for them."""
    result = run("", "--rtcmpu-client=nothing:start", "-p", "xdist", "-n", "1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "no module named 'nothing'" in result.stderr.str()


def test_a_glob_that_matches_nothing_is_a_collection_error(run):
    """A class whose clauses do not exist is not silently empty."""
    result = run(CLIENT.replace(CLAUSE, "media-encode.zer"))
    assert result.ret != 0
    result.stdout.fnmatch_lines([f"*no clause matches 'media-encode.zer'*{CLAUSE}*"])


def test_clause_ids_are_properties_in_pytests_own_junit(run, pytester):
    """``--junitxml`` names clause, level and source of each check."""
    run(CLIENT, "--junitxml=junit.xml")
    root = ET.parse(pytester.path / "junit.xml").getroot()
    found = {
        tuple(each.get("value") for each in case.iter("property")) for case in root.iter("testcase")
    }
    assert (CLAUSE, "documented", "S1") in found


def test_github_gets_annotations(run, monkeypatch):
    """In a GitHub workflow a broken clause is an annotation."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = run(CLIENT, broken=CLAUSE)
    result.stdout.fnmatch_lines([f"::error title={CLAUSE} broken by client *"])


def test_a_suite_without_checks_has_no_ledger(run):
    """Who checks nothing sees nothing of it."""
    result = run("def test_nothing(): pass")
    assert "contract" not in result.stdout.str()


# ------------------------------------------------------------------------------------- for real


def test_a_real_client_and_a_real_endpoint(run):
    """The package's own client and endpoint hold, in a class and by option."""
    result = run(
        "from pytest_rtcmpu.checks import own\n"
        "from pytest_rtcmpu.plugin.testing import ClientContract\n"
        "class TestOwn(ClientContract):\n"
        "    def start(self, params, **given):\n"
        "        return own.start(params, **given)\n",
        "--rtcmpu-endpoint=pytest_rtcmpu.Endpoint",
        "--rtcmpu-phase=documented",
        "--rtcmpu-strict",
        fake=False,
    )
    assert result.ret == 0, result.stdout.str()
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] > 150
    assert set(outcomes) <= {"passed", "skipped"}
