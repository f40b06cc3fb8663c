"""The checks themselves: what they hold, what they find, and how it is seen again."""

import itertools
import json
import threading
from collections import Counter
from contextlib import closing, suppress
from dataclasses import replace

import pytest

from pytest_rtcmpu import contract, rules
from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.client.checks import client_checks
from pytest_rtcmpu.checks.core import CannotRun
from pytest_rtcmpu.checks.endpoint.checks import endpoint_checks
from pytest_rtcmpu.checks.run import ClientBench, EndpointBench, Settings, planned, run_bench
from pytest_rtcmpu.checks.testees.protocol import CallableTestee
from pytest_rtcmpu.checks.testees.targets import Target
from pytest_rtcmpu.client import Client
from pytest_rtcmpu.contract.types import CLIENT_RULES
from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.errors import APIError
from pytest_rtcmpu.server.http import Server
from pytest_rtcmpu.values.credentials import Credentials

CONTRACT = contract.load()
CHECKS = {"client": client_checks(CONTRACT), "endpoint": endpoint_checks(CONTRACT)}
#: Clauses that no check can exercise, and why.
NOT_CHECKABLE = {
    ("endpoint", "access-key-id.active"): "no key is known to be disabled",
    ("endpoint", "security-token.given"): "no key is known to be a temporary one",
    ("endpoint", "security-token.own"): "no key is known to be a temporary one",
}
DOCUMENTED = Settings(phases=("documented",), timeout=20.0)


def starter(change=lambda params: params, **options):
    """Our own client as a client under test, with its parameters changed on the way."""

    def start(params, *, endpoint, credentials, timeout):
        key = Credentials(
            credentials.access_key_id, credentials.access_key_secret, credentials.security_token
        )
        client = Client(key, endpoint, timeout=timeout, **options)
        with closing(client):
            return client.call("StartMPUTask", cases.to_pairs(change(params))).request_id

    return start


def run_client(start, settings=DOCUMENTED):
    """Run a client's checks; return the results by (phase, clause), and the bench's notes."""
    with closing(ClientBench(CallableTestee(start), settings)) as bench:
        results = run_bench(bench, settings).results
        return {(r.phase, r.clause): r for r in results}, bench.notes


def run_endpoint(handle, settings=DOCUMENTED):
    """Run an endpoint's checks; return the results by (phase, clause)."""
    with Server(handle) as server, closing(EndpointBench(server.url, settings=settings)) as bench:
        results = run_bench(bench, settings).results
        assert server.errors == []
        return {(r.phase, r.clause): r for r in results}


def quiet_endpoint(kind=Endpoint):
    """An endpoint that warns nobody."""
    return kind(warn=lambda _: None, explain=False)


def counted(call, calls):
    """A callable that takes down each of its calls."""

    def count(*args, **given):
        calls.append(args)
        return call(*args, **given)

    return count


def broken(results):
    """The clauses that broke, with what was found."""
    return {key: result.findings for key, result in results.items() if result.broken}


# ------------------------------------------------------------------------------- the own pair


@pytest.mark.parametrize(
    "options",
    [
        {"signature": signature, "method": method, "reply_format": reply_format}
        for signature in ("1.0", "v3")
        for method in ("GET", "POST")
        for reply_format in ("JSON", "XML", None)
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_our_client_holds_every_clause(options):
    """Whatever way it sends, the package's client breaks nothing."""
    results, notes = run_client(starter(**options, user_panes_from=1))
    assert broken(results) == {}
    assert notes == []


def test_our_endpoint_holds_every_clause():
    """The package's endpoint breaks nothing, in any phase, and every check judges it."""
    results = run_endpoint(quiet_endpoint().handle, Settings(max_examples=20))
    assert broken(results) == {}
    exercised = {clause for (_, clause), result in results.items() if result.exercised}
    assert exercised == {check.clause for check in CHECKS["endpoint"]}


@pytest.mark.parametrize("subject", CHECKS)
def test_a_clause_alone_is_judged_as_often_as_among_all(subject):
    """``--clause`` leaves out only cases that say nothing of the clause."""
    calls = []

    def run(settings):
        calls.clear()
        if subject == "client":
            return run_client(counted(starter(), calls), settings)[0]
        return run_endpoint(counted(quiet_endpoint().handle, calls), settings)

    among_all = run(DOCUMENTED)
    every = len(calls)
    for check in CHECKS[subject]:
        if check.only_about:
            alone = run(replace(DOCUMENTED, clauses=(check.clause,)))
            key = ("documented", check.clause)
            assert list(alone) == [key]
            assert alone[key].exercised == among_all[key].exercised
            assert len(calls) < every


def test_every_clause_about_clients_is_exercised_by_some_way_of_sending():
    """Between signature 1.0 in JSON and V3 in XML, no clause about clients goes unjudged."""
    seen = set()
    for options in ({}, {"signature": "v3", "reply_format": "XML"}):
        results, _ = run_client(starter(lambda p: p, **options))
        seen |= {clause for (_, clause), result in results.items() if result.exercised}
    unseen = {check.clause for check in CHECKS["client"]} - seen
    # Only a client that sends an empty value, or a body under V3, exercises these.
    assert unseen == {"signature.empty-values", "signature.v3.content-type.signed"}


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (Credentials("an-id", "a-secret"), None),
        (Credentials("another", "a-secret"), "InvalidAccessKeyId.NotFound"),
        (Credentials("an-id", "another"), "SignatureDoesNotMatch"),
    ],
)
def test_a_key_that_the_endpoint_does_not_know_is_noted(key, code):
    """Where hardly a call gets past it, what holds says little, and why is said."""
    endpoint = Endpoint(Credentials("an-id", "a-secret"), warn=lambda _: None, explain=False)
    settings = replace(DOCUMENTED, phases=("pairwise",))
    with (
        Server(endpoint.handle) as server,
        closing(EndpointBench(server.url, key, settings)) as bench,
    ):
        notes = run_bench(bench, settings).notes
    assert len(notes) == (code is not None)
    for note in notes:
        assert f"were answered with {code}: does the endpoint know the access key" in note
        assert str(key.access_key_secret.reveal()) not in note.replace(key.access_key_id, "")


# ------------------------------------------------------------------------- another operation's


def _calls(*actions):
    """Return a client that calls operations in turn, and reports what came of the start."""

    def start(params, *, endpoint, credentials, timeout):
        key = Credentials(
            credentials.access_key_id, credentials.access_key_secret, credentials.security_token
        )
        answer = ""
        with Client(key, endpoint, timeout=timeout) as client:
            for action in actions:
                pairs = cases.to_pairs(params)
                if action == "GetMPUTaskStatus":
                    pairs = [(n, v) for n, v in pairs if n in ("AppId", "ChannelId", "TaskId")]
                try:
                    told = client.call(action, pairs).request_id
                except APIError:
                    if action == "StartMPUTask":
                        raise
                    continue
                answer = told if action == "StartMPUTask" else answer or told
        return answer

    return start


@pytest.mark.parametrize(
    ("actions", "got"),
    [
        (("StopMPUTask",), "StopMPUTask"),
        (("GetMPUTaskStatus",), "GetMPUTaskStatus"),
        (("GetMPUTaskStatus", "StartMPUTask"), None),
        (("StartMPUTask", "GetMPUTaskStatus"), None),
        (("StopMPUTask", "StartMPUTask", "GetMPUTaskStatus"), None),
    ],
)
def test_another_operation_is_no_start_and_harms_none(actions, got):
    """Who calls another in place of a start has sent none; who calls another beside it is right."""
    testee = CallableTestee(_calls(*actions), "client")
    with closing(ClientBench(testee, DOCUMENTED)) as bench:
        ran = run_bench(bench, DOCUMENTED)
    broken = {result.clause: result for result in ran.results if result.broken}
    if got is None:
        assert broken == {}
        return
    (finding, *_) = broken["request.sent"].findings
    assert finding.expected == "a request of StartMPUTask"
    assert finding.got.startswith(f"{got}; ")


def test_what_is_sent_beside_a_start_is_signed_and_keeps_the_secret():
    """The clauses of the envelope are about every request that arrives, whatever it asks for."""

    def start(params, *, endpoint, credentials, timeout):
        given = {n: params[n] for n in ("AppId", "ChannelId")}
        wrong = Credentials(credentials.access_key_id, "not the secret")
        with Client(wrong, endpoint, timeout=timeout) as client, suppress(APIError):
            pairs = [*given.items(), ("TaskId", credentials.access_key_secret)]
            client.call("GetMPUTaskStatus", pairs)
        return _calls("StartMPUTask")(
            params, endpoint=endpoint, credentials=credentials, timeout=timeout
        )

    with closing(ClientBench(CallableTestee(start, "client"), DOCUMENTED)) as bench:
        ran = run_bench(bench, DOCUMENTED)
    broken = {result.clause for result in ran.results if result.broken}
    assert {"secret.never-sent", "signature.1-0.verifies"} <= broken
    assert not {"request.sent", "task-profile.required"} & broken


# --------------------------------------------------------------------------------- the tuples


@pytest.mark.parametrize("edition", contract.editions())
@pytest.mark.parametrize("subject", CHECKS)
def test_the_checks_are_those_of_the_contract(subject, edition):
    """Every clause about a subject has one check of each operation, or a reason to have none."""
    judged_by = contract.load(edition)
    make = client_checks if subject == "client" else endpoint_checks
    checks = make(judged_by, tuple(judged_by.operations))
    each = Counter((check.clause, check.operation) for check in checks)
    assert set(each.values()) == {1}
    due = {c.id for c in judged_by.all_clauses if subject in c.subjects}
    exempt = {clause for kind, clause in NOT_CHECKABLE if kind == subject}
    assert {clause for clause, _ in each} == due - exempt
    assert exempt <= due


def test_a_glob_that_matches_nothing_is_an_error():
    """It names the nearest clauses, since it is a misspelling most of the time."""
    with pytest.raises(CannotRun, match=r"media-encode\.enum"):
        planned("client", Settings(clauses=("media-encode.enumm",)))


def test_a_glob_selects():
    """Only the clauses that match are planned, in every phase asked for."""
    settings = Settings(clauses=("media-encode.*",), phases=("documented", "fuzz"))
    chosen = planned("client", settings)
    assert {phase for phase, _ in chosen} == {"documented", "fuzz"}
    assert {clause.id.partition(".")[0] for _, clause in chosen} == {"media-encode"}


# ---------------------------------------------------------------------------------- the cases


def test_valid_cases_are_valid():
    """The rules find nothing wrong with a valid case, whose clause exists."""
    for name, clause, params in cases.valid(CONTRACT):
        assert rules.judge(cases.to_pairs(params), CONTRACT).problems == (), name
        CONTRACT.clause(clause)


def test_breaches_break_one_clause():
    """The rules find one thing wrong with a breach: the clause it is named for."""
    for name, clause, pairs in cases.breaches(CONTRACT):
        found = [p.clause.id for p in rules.judge(pairs, CONTRACT).problems]
        assert found == [clause], name


def test_every_rule_of_a_parameter_is_breached():
    """There is a breach for each clause that ties a rule to a parameter of the operation."""
    names = {p.name for p in CONTRACT.parameters}
    due = {
        c.id
        for c in CONTRACT.clauses
        if c.rule not in (None, "exists", *CLIENT_RULES)
        and (c.parameter or "").partition(".")[0] in names
    }
    assert {clause for _, clause, _ in cases.breaches(CONTRACT)} == due


def test_pairwise_covers_every_pair():
    """Every pair of classes of two factors stands in some row."""
    names = [
        name.split(" × ")
        for name, _, _ in cases.pairwise(CONTRACT, signature=("1.0", "v3"), method=("GET", "POST"))
    ]
    columns = [sorted(set(column)) for column in zip(*names, strict=True)]
    assert list(map(len, columns)) == [8, 5, 7, 6, 7, 2, 2]
    for one, two in itertools.combinations(range(len(columns)), 2):
        rows = {(row[one], row[two]) for row in names}
        assert rows == set(itertools.product(columns[one], columns[two]))


def test_cases_follow_the_contract():
    """Another edition's values are cases without any change to the code."""
    wider = CONTRACT.with_layouts({10001: 3})
    names = [name for name, _, _ in cases.valid(wider)]
    assert "LayoutIds=10001" in names
    assert all(name != "LayoutIds 1:10001" for name, _, _ in cases.breaches(wider))
    for name, clause, pairs in cases.breaches(wider):
        assert [p.clause.id for p in rules.judge(pairs, wider).problems] == [clause], name


# ------------------------------------------------------------------------- what they find


def drop_zeros(params):
    """The classic: a zero is false."""
    return {name: value for name, value in params.items() if value != 0}


def test_a_dropped_zero_is_named():
    """The clauses about zeros break, and say what was expected and what came."""
    found = broken(run_client(starter(drop_zeros))[0])
    finding = found["documented", "media-encode.zero"][0]
    assert (finding.expected, finding.got) == ("MediaEncode=0", "no MediaEncode")
    assert ("documented", "background-color.zero") in found
    assert ("documented", "media-encode.enum") not in found


def test_a_client_that_refuses_a_valid_task_is_found():
    """A task that keeps every rule must be sent."""

    def start(params, **rest):
        if params["MediaEncode"] == 30:
            raise ValueError("we do not do 1080p")
        return starter()(params, **rest)

    found = broken(run_client(start)[0])
    finding = found["documented", "request.sent"][0]
    assert "1080p" in finding.got


def test_fuzz_finds_what_the_fixed_cases_do_not_hold():
    """A bug on a letter that no fixed case has is found, and shrunk to that letter."""

    def spoil(params):
        return {**params, "ChannelId": params["ChannelId"].replace("B", "8")}

    settings = Settings(phases=("documented", "fuzz"), max_examples=150, timeout=20.0)
    found = broken(run_client(starter(spoil), settings)[0])
    assert {phase for phase, _ in found} == {"fuzz"}
    finding = found["fuzz", "request.values.unchanged"][0]
    assert finding.expected == "ChannelId = 'B'"


class Forgetful(Endpoint):
    """Forgets a task when it has refused it twice."""

    def reset(self):
        """Forget how often it was asked, too."""
        super().reset()
        self.asked = {}

    def handle(self, request):
        """Count the refusals of each task."""
        reply = super().handle(request)
        call = self.calls[-1]
        if call.code == "TaskExisted":
            key = call.task.app_id, call.task.task_id
            self.asked[key] = self.asked.get(key, 0) + 1
            if self.asked[key] % 2 == 0:
                self.stop(key)
        return reply


def test_stateful_finds_what_takes_several_steps():
    """A task that is forgotten after two refusals is found, with the steps that lead there."""
    settings = Settings(phases=("stateful",), max_examples=60)
    found = broken(run_endpoint(quiet_endpoint(Forgetful).handle, settings))
    steps = found["stateful", "error.task-existed"][0].case["scenario"]["steps"]
    assert len(steps) >= 4  # how far it is shrunk depends on the machine's speed


def test_a_client_that_fails_now_and_then_is_broken():
    """What Hypothesis calls flaky is a finding here, not a crash."""
    turns = itertools.count()

    def start(params, **rest):
        request_id = starter()(params, **rest)
        return "made-up" if next(turns) % 7 == 3 else request_id

    settings = Settings(phases=("fuzz",), max_examples=30, timeout=20.0)
    found = broken(run_client(start, settings)[0])
    assert ("fuzz", "reply.request-id.returned") in found


def test_a_client_that_hangs_is_not_waited_for_for_ever():
    """After a few hung starts the rest is left and not judged, and the run says so."""

    class Impatient(CallableTestee):
        grace = 0.05

    never = threading.Event()
    settings = Settings(phases=("documented", "fuzz"), timeout=0.05)
    with closing(ClientBench(Impatient(lambda params, **rest: never.wait(60)), settings)) as bench:
        results = run_bench(bench, settings).results
        never.set()
    assert "hung" in bench.notes[0]
    judged = {r.clause for r in results if r.broken}
    assert "request.sent" in judged
    assert max(r.exercised for r in results) <= 3
    assert not [r.clause for r in results if r.exercised and not (r.broken or r.not_judged)]
    (why,) = {r.reason for r in results if r.not_judged}
    assert why == "this case was not run, for the client had hung 3 times"


# ------------------------------------------------------------------------ seeing it again


def test_a_client_finding_can_be_replayed():
    """A saved case breaks again as long as the bug is there, and no longer."""
    results, _ = run_client(starter(drop_zeros))
    finding = broken(results)["documented", "media-encode.zero"][0]
    case = json.loads(json.dumps({**finding.case, "clause": finding.clause}))
    for start, still in ((starter(drop_zeros), True), (starter(), False)):
        with closing(ClientBench(CallableTestee(start), DOCUMENTED)) as bench:
            assert bool(bench.replay(case)) is still


def test_an_endpoint_finding_can_be_replayed():
    """All the steps of a scenario are sent again, signed afresh."""
    settings = Settings(phases=("stateful",), max_examples=60)
    found = broken(run_endpoint(quiet_endpoint(Forgetful).handle, settings))
    finding = found["stateful", "error.task-existed"][0]
    case = json.loads(json.dumps({**finding.case, "clause": finding.clause}))
    for kind, still in ((Forgetful, True), (Endpoint, False)):
        with (
            Server(quiet_endpoint(kind).handle) as server,
            closing(EndpointBench(server.url)) as bench,
        ):
            assert bool(bench.replay(case)) is still


STEP = {"pairs": [["AppId", "a"]]}


@pytest.mark.parametrize(
    ("case", "wrong"),
    [
        ({}, "scenarios: expected a list, got nothing"),
        ({"clause": "x"}, "scenarios: expected a list, got nothing"),
        ({"clause": 3, "scenarios": []}, "clause: expected text, got 3"),
        (
            {"clause": "x", "scenarios": [{}]},
            r"scenarios\[0\]\.name: expected text, got nothing\nscenarios\[0\]\.params: ",
        ),
        (
            {"clause": "x", "scenarios": [{"name": "n", "params": {}, "plan": {"kind": "sucess"}}]},
            r"scenarios\[0: n\]\.plan\.kind: expected one of .* did you mean success",
        ),
    ],
)
def test_what_is_no_case_of_a_client_is_refused(case, wrong):
    """A broken case file is an error that says where, not a pass."""
    testee = CallableTestee(starter())
    with (
        closing(ClientBench(testee, DOCUMENTED)) as bench,
        pytest.raises(CannotRun, match=wrong),
    ):
        bench.replay(case)


@pytest.mark.parametrize(
    ("scenario", "wrong"),
    [
        (None, "scenario: expected an object, got None"),
        ({"name": "n", "steps": []}, "expected a step, got none"),
        ({"name": "n", "steps": [{"pairs": [["AppId"]]}]}, r"pairs\[0\]: expected a list of 2"),
        ({"name": "n", "steps": [{**STEP, "wire": "pluss"}]}, "wire: .* did you mean plus"),
        ({"name": "n", "steps": [{**STEP, "signature": "2.0"}]}, r"steps\[0\] cannot be sent"),
        (
            {"name": "n", "steps": [STEP, {**STEP, "envelope": {"omt": ["Action"]}}]},
            r"steps\[1\] cannot be sent: KeyError: 'omt'",
        ),
        ({"name": "n", "steps": [{**STEP, "envelope": {"omit": 3}}]}, "cannot be sent: TypeError"),
    ],
)
def test_what_is_no_case_of_an_endpoint_is_refused(scenario, wrong):
    """A broken case file is an error that says where, before anything is sent."""
    case = {"clause": "x", "scenario": scenario}
    with (
        closing(EndpointBench("http://127.0.0.1:9")) as bench,
        pytest.raises(CannotRun, match=wrong),
    ):
        bench.replay(case)


def test_findings_show_no_secret():
    """Requests and replies are shown, secrets and tokens in them are not."""

    def start(params, *, endpoint, credentials, timeout):
        starter()(params, endpoint=endpoint, credentials=credentials, timeout=timeout)
        seen.update(filter(None, (credentials.access_key_secret, credentials.security_token)))
        return "made-up"

    seen = set()
    results, _ = run_client(start)
    text = repr(broken(results))
    assert "AppId=app1" in text
    assert len(seen) == 3
    assert not [secret for secret in seen if secret in text]


def test_an_endpoint_out_of_reach_cannot_be_run():
    """Nothing is held and nothing is broken where nobody answers."""
    with Server(quiet_endpoint().handle) as server:
        url = server.url
    with closing(EndpointBench(url)) as bench, pytest.raises(CannotRun, match="cannot be reached"):
        run_bench(bench, DOCUMENTED)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:80", "http://127.0.0.1/path"])
def test_a_url_that_is_none_cannot_be_run(url):
    """The target's URL is looked at before anything is sent."""
    with pytest.raises(CannotRun, match="expected a URL"):
        EndpointBench(url)


def test_task_ids_are_new_in_every_run():
    """An endpoint that remembers yesterday's tasks can be checked again today."""
    endpoint = quiet_endpoint()
    for _ in range(2):
        settings = Settings(phases=("pairwise", "stateful"), max_examples=8)
        assert broken(run_endpoint(endpoint.handle, settings)) == {}


def test_progress_is_told():
    """Each case of a phase is counted, out of how many where that is known."""
    told = []
    settings = Settings(phases=("pairwise",), timeout=20.0)
    with closing(ClientBench(CallableTestee(starter()), settings)) as bench:
        run_bench(bench, settings, progress=told.append)
    assert [p.done for p in told] == list(range(1, len(told) + 1))
    assert {p.total for p in told} == {len(told)}


@pytest.mark.parametrize("has", [(), ("StopMPUTask",), ("StopMPUTask", "GetMPUTaskStatus")])
def test_an_endpoint_is_checked_on_what_it_shows_to_know(has):
    """Unless operations are named, one that answers StartMPUTask alone is asked nothing else."""
    whole = contract.load()
    kept = {n: op for n, op in whole.operations.items() if n in ("StartMPUTask", *has)}
    endpoint = Endpoint(warn=lambda _: None, contract=replace(whole, operations=kept))
    with Server(endpoint.handle) as server:
        with closing(EndpointBench(server.url)) as bench:
            assert set(bench.operations) == set(kept)
        named = Settings(operations=("StopMPUTask",))
        with closing(EndpointBench(server.url, settings=named)) as bench:
            assert bench.operations == ("StopMPUTask",)


class EndsWhatItRefuses(Endpoint):
    """An endpoint that ends what runs when it refuses anything, and first looks whether it runs."""

    def handle(self, request):
        """Answer it, and end what runs."""
        response = super().handle(request)
        if self.calls[-1].action == "UpdateMPULayout" and not self.tasks:
            return replace(response, status=400, body=b'{"Code": "InvalidTask.NotFound"}')
        if self.calls[-1].code:
            for task in self.tasks:
                self.stop(task)
        return response


@pytest.mark.parametrize("kind", [Endpoint, EndsWhatItRefuses])
def test_a_case_goes_on_with_a_running_task_and_blames_no_value_for_what_came_before(kind):
    """The same start is not repeated for each case; where the answer is another, the case is."""
    later = contract.load("2021-03")
    endpoint = kind(warn=lambda _: None, explain=False, contract=later)
    some = {"clauses": ("update.user-panes.texts.*",), "operations": ("UpdateMPULayout",)}
    settings = Settings(phases=("documented",), edition="2021-03", **some)
    with (
        Server(endpoint.handle) as server,
        closing(EndpointBench(server.url, settings=settings)) as bench,
    ):
        results = run_bench(bench, settings).results
    assert [result.clause for result in results if result.broken] == []
    called = Counter(call.action for call in endpoint.calls)
    assert called["UpdateMPULayout"] > 100
    assert (called["StartMPUTask"] < 10) == (kind is Endpoint)


def start_or_stop(params, *, endpoint, credentials, timeout, operation="StartMPUTask"):
    """A client that says it can one operation more."""
    raise NotImplementedError


start_or_stop.operations = ("StopMPUTask",)


def test_a_client_is_checked_on_starts_and_on_what_it_says_it_can():
    """The operations that a callable names come beside StartMPUTask."""
    target = Target(subject="client", kind="callable", name=f"{__name__}:start_or_stop")
    assert set(target.settled(Settings()).operations) == {"StartMPUTask", "StopMPUTask"}
    named = Settings(operations=("GetMPUTaskStatus",))
    assert target.settled(named).operations == ("GetMPUTaskStatus",)
