"""The pytest plugin: what a test suite that has it installed can do, and what it costs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest on a test file in a process of its own, where warnings are errors."""
    # What the surrounding run is told must not tell the one under test.
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)
    # Whatever other plugins are installed here, this is about one.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(source: str = "", *options: str, ini: str = "") -> pytest.RunResult:
        pytester.makefile(".ini", pytest=f"[pytest]\nfilterwarnings = error\n{ini}\n")
        if source:
            pytester.makepyfile(source)
        return pytester.runpytest_subprocess("-p", "rtcmpu", "-p", "no:cacheprovider", *options)

    return run


def test_fixtures_are_described(run: Run) -> None:
    """``pytest --fixtures`` says of each fixture what it is."""
    result = run("def test_nothing(): pass", "--fixtures", "-v")
    text = result.stdout.str()
    for name, words in {
        "rtcmpu_credentials": "Override it in a conftest.py",
        "rtcmpu_mock": "with rtcmpu_mock() as endpoint",
        "rtcmpu_endpoint": "fresh for each test",
        "rtcmpu_client": "A signed client",
        "rtcmpu_task": "A valid task",
    }.items():
        _, found, after = text.partition(f"\n{name}")
        assert found, name
        description = after.partition("\n\n\n")[0]
        assert words in description
        assert "no docstring available" not in description.partition("\nrtcmpu_")[0]


def test_scopes(run: Run) -> None:
    """Credentials and factory are of the session; everything that has state is of the test."""
    result = run("def test_nothing(): pass", "--fixtures", "-v")
    text = result.stdout.str()
    for name in ("rtcmpu_credentials", "rtcmpu_mock", "rtcmpu_task"):
        assert f"\n{name} [session scope]" in text
    for name in ("rtcmpu_endpoint", "rtcmpu_client"):
        assert f"\n{name} -- " in text


def test_first_test(run: Run) -> None:
    """A first test needs the fixtures and nothing else."""
    result = run(
        """
        import pytest
        from pytest_rtcmpu.errors import TaskExisted

        def test_start(rtcmpu_client, rtcmpu_endpoint, rtcmpu_task):
            reply = rtcmpu_client.start_mpu_task(rtcmpu_task)
            assert reply.request_id == rtcmpu_endpoint.calls[0].request_id
            assert rtcmpu_endpoint.tasks == [rtcmpu_task]
            with pytest.raises(TaskExisted):
                rtcmpu_client.start_mpu_task(rtcmpu_task)
        """
    )
    result.assert_outcomes(passed=1)


FRESH = """
    import os
    import pytest

    @pytest.mark.parametrize("number", range(6))
    def test_fresh(rtcmpu_client, rtcmpu_endpoint, rtcmpu_task, number):
        assert rtcmpu_endpoint.tasks == rtcmpu_endpoint.calls == []
        rtcmpu_client.start_mpu_task(rtcmpu_task)
        rtcmpu_endpoint.fail_next("InternalError", times=9)
        rtcmpu_endpoint.advance_clock(99999)

    @pytest.mark.parametrize("number", range(6))
    def test_nothing_left(number):
        import requests
        import socket

        assert "testid" not in os.environ.get("ALIBABA_CLOUD_ACCESS_KEY_ID", "")
        assert requests.Session.get_adapter.__module__ == "requests.sessions"
        assert socket.getaddrinfo.__module__ == "socket"
    """


def test_endpoint_is_fresh(run: Run) -> None:
    """Each test has an endpoint of its own, and nothing of it is left afterwards."""
    run(FRESH).assert_outcomes(passed=12)


def test_on_two_workers(run: Run) -> None:
    """It runs under xdist."""
    run(FRESH, "-p", "xdist", "-n", "2").assert_outcomes(passed=12)


def test_credentials_overridden(run: Run, pytester: pytest.Pytester) -> None:
    """Whoever overrides rtcmpu_credentials has endpoint, client and environment follow."""
    pytester.makeconftest(
        """
        import pytest
        from pytest_rtcmpu import Credentials

        @pytest.fixture(scope="session")
        def rtcmpu_credentials():
            return Credentials("our-key", "our-secret", "our-token")
        """
    )
    result = run(
        """
        import os

        def test_override(rtcmpu_client, rtcmpu_endpoint, rtcmpu_task, rtcmpu_credentials):
            rtcmpu_client.start_mpu_task(rtcmpu_task)
            sent = dict(rtcmpu_endpoint.calls[0].pairs)
            assert (sent["AccessKeyId"], sent["SecurityToken"]) == ("our-key", "our-token")
            assert os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] == "our-key"
            assert os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] == "our-secret"
            assert os.environ["ALIBABA_CLOUD_SECURITY_TOKEN"] == "our-token"
        """
    )
    result.assert_outcomes(passed=1)


def test_credentials_overridden_in_one_module(run: Run, pytester: pytest.Pytester) -> None:
    """An override in one module counts there and nowhere else, whatever ran before it."""
    test = """
        def test_key(rtcmpu_client, rtcmpu_endpoint, rtcmpu_task):
            rtcmpu_client.start_mpu_task(rtcmpu_task)
            assert dict(rtcmpu_endpoint.calls[0].pairs)["AccessKeyId"] == "{}"
        """
    override = """
        import pytest
        from pytest_rtcmpu import Credentials

        @pytest.fixture(scope="session")
        def rtcmpu_credentials():
            return Credentials("our-key", "our-secret")
        """
    ours = override + test.format("our-key")
    pytester.makepyfile(
        test_a=test.format("testid"), test_b=ours, test_c=test.format("testid"), test_d=ours
    )
    run("", "-p", "no:randomly").assert_outcomes(passed=4)


def test_mock_inside_given(run: Run) -> None:
    """Inside @given each example may have a fresh endpoint from rtcmpu_mock."""
    result = run(
        """
        from hypothesis import given, settings, strategies as st
        from pytest_rtcmpu import Client

        @settings(derandomize=True, deadline=None)
        @given(number=st.integers(0, 3))
        def test_given(rtcmpu_mock, rtcmpu_credentials, rtcmpu_task, number):
            with rtcmpu_mock() as endpoint:
                Client(rtcmpu_credentials).start_mpu_task(rtcmpu_task)
                assert endpoint.tasks == [rtcmpu_task]
        """,
        "-p",
        "hypothesispytest",
    )
    # A task does not change, so it is of the session: Hypothesis has nothing against it.
    result.assert_outcomes(passed=1)


def test_credentials_of_one_test(run: Run) -> None:
    """Credentials may be overridden without a scope; rtcmpu_mock has those of the running test."""
    result = run(
        """
        import pytest
        from pytest_rtcmpu import Client, Credentials

        @pytest.fixture
        def rtcmpu_credentials():
            return Credentials("our-key", "our-secret")

        @pytest.fixture
        def endpoint(rtcmpu_mock):
            with rtcmpu_mock() as endpoint:
                yield endpoint

        def test_mock(endpoint, rtcmpu_task, rtcmpu_credentials):
            Client(rtcmpu_credentials).start_mpu_task(rtcmpu_task)
            assert endpoint.credentials.access_key_id == "our-key"

        def test_mock_alone(rtcmpu_mock):
            with rtcmpu_mock() as endpoint:
                assert endpoint.credentials.access_key_id == "our-key"

        def test_endpoint(rtcmpu_endpoint, rtcmpu_client, rtcmpu_task):
            rtcmpu_client.start_mpu_task(rtcmpu_task)
        """
    )
    result.assert_outcomes(passed=3)


def test_mock_takes_settings(run: Run) -> None:
    """Keyword arguments of rtcmpu_mock are the endpoint's."""
    result = run(
        """
        from datetime import UTC, datetime
        from pytest_rtcmpu import Client, Credentials

        def test_settings(rtcmpu_mock, rtcmpu_task):
            now, key = datetime(2019, 5, 20, tzinfo=UTC), Credentials("a", "b")
            with rtcmpu_mock(now=now, credentials=key, max_calls=1) as endpoint:
                Client(key, now=lambda: now).start_mpu_task(rtcmpu_task)
            assert endpoint.calls[0].received == now
        """
    )
    result.assert_outcomes(passed=1)


def test_mock_inside_endpoint(run: Run) -> None:
    """A mock opened inside a test that has the fixture answers until it is closed."""
    result = run(
        """
        def test_nested(rtcmpu_mock, rtcmpu_endpoint, rtcmpu_client, rtcmpu_task):
            rtcmpu_client.start_mpu_task(rtcmpu_task)
            with rtcmpu_mock() as inner:
                rtcmpu_client.start_mpu_task(rtcmpu_task)
            assert inner.tasks == rtcmpu_endpoint.tasks == [rtcmpu_task]
            assert inner.call_count == rtcmpu_endpoint.call_count == 1
        """
    )
    result.assert_outcomes(passed=1)


ALLOWED = """
    import http.server
    import socket
    import threading

    import pytest
    import requests

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"real")

        def log_message(self, *args):
            pass

    @pytest.fixture
    def url():
        with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}/"
            server.shutdown()
            thread.join()

    def test_call(rtcmpu_endpoint, url, monkeypatch):
        assert requests.get(url).text == "real"
        look_up = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda _, *args: look_up("127.0.0.1", *args))
        assert requests.get(url.replace("127.0.0.1", "api.example.com")).text == "real"
    """


def test_other_hosts_are_blocked(run: Run) -> None:
    """Hosts other than the endpoint's are blocked, and the failure names the option."""
    result = run(ALLOWED)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*api.example.com is blocked*rtcmpu_allow_hosts*"])


@pytest.mark.parametrize(
    "hosts",
    [
        "rtcmpu_allow_hosts = api.example.com",
        "rtcmpu_allow_hosts =\n    example.com\n    api.example.com",
        "rtcmpu_allow_hosts = example.com,api.example.com, 192.0.2.7",
        "rtcmpu_allow_hosts = API.Example.com.",
    ],
    ids=["one line", "several lines", "commas", "capitals"],
)
def test_allow_hosts(run: Run, hosts: str) -> None:
    """The ini option lets hosts through."""
    run(ALLOWED, ini=hosts).assert_outcomes(passed=1)


def test_what_is_no_host_is_not_allowed(run: Run) -> None:
    """A port in the ini option is refused before any test, and the message says what to write."""
    result = run(ALLOWED, ini="rtcmpu_allow_hosts = api.example.com:443")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: rtcmpu_allow_hosts: 'api.example.com:443': expected the name*got a port too: *"]
    )


@pytest.mark.parametrize("theirs", [True, False], ids=["with", "without"])
def test_hypothesis_is_imported_by_its_own_plugin(run: Run, theirs: bool) -> None:
    """An idle run imports Hypothesis where Hypothesis's plugin is there, and not for ours."""
    told = "lambda: print('imported:', 'hypothesis' in sys.modules)"
    source = f"import atexit, sys\natexit.register({told})\ndef test(): pass"
    result = run(source, *(("-p", "hypothesispytest") if theirs else ()))
    result.stdout.fnmatch_lines([f"imported: {theirs}"])


def test_allow_hosts_is_documented(run: Run) -> None:
    """``pytest --help`` names the ini option."""
    result = run("", "--help")
    result.stdout.fnmatch_lines(["*rtcmpu_allow_hosts*"])


@pytest.mark.parametrize("order", ["rtcmpu_client, theirs", "theirs, rtcmpu_client"])
def test_beside_their_fixture(run: Run, order: str) -> None:
    """A user's own mock in a fixture, set up before or after ours, serves its own hosts."""
    result = run(
        f"""
        import pytest
        import requests
        import responses

        @pytest.fixture
        def theirs():
            with responses.RequestsMock() as mock:
                mock.get("https://api.example.com/", json=1)
                yield mock

        def test_both({order}, rtcmpu_task):
            assert requests.get("https://api.example.com/").json() == 1
            rtcmpu_client.start_mpu_task(rtcmpu_task)
            assert len(theirs.calls) == 1
        """
    )
    result.assert_outcomes(passed=1)


def test_beside_activate(run: Run) -> None:
    """@responses.activate on a test that uses the fixtures leaves both at work."""
    result = run(
        """
        import requests
        import responses

        @responses.activate
        def test_both(rtcmpu_client, rtcmpu_task):
            responses.get("https://api.example.com/", json=1)
            assert requests.get("https://api.example.com/").json() == 1
            rtcmpu_client.start_mpu_task(rtcmpu_task)
            assert len(responses.calls) == 1
        """
    )
    result.assert_outcomes(passed=1)


def test_signature_warning_is_summed_up(run: Run) -> None:
    """A signature that does not verify is told of in the run's summary of warnings."""
    result = run(
        """
        import pytest
        from pytest_rtcmpu import Client, Credentials, GatewayError

        @pytest.mark.filterwarnings("default")
        def test_wrong(rtcmpu_endpoint, rtcmpu_task):
            with pytest.raises(GatewayError):
                Client(Credentials("testid", "not the secret")).start_mpu_task(rtcmpu_task)
        """
    )
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*SignatureWarning: Signature 1.0 by AccessKeyId 'testid' does*"])
    assert "not the secret" not in result.stdout.str()


def test_failure_shows_no_secret(run: Run, pytester: pytest.Pytester) -> None:
    """A failing test shows neither secret nor token, with all its local variables either."""
    pytester.makeconftest(
        """
        import pytest
        from pytest_rtcmpu import Credentials

        @pytest.fixture(scope="session")
        def rtcmpu_credentials():
            key, token = ("very-" + "secret"), ("very-" + "token")
            return Credentials("our-key", key, token)
        """
    )
    result = run(
        """
        def test_fails(rtcmpu_client, rtcmpu_endpoint, rtcmpu_task, rtcmpu_credentials):
            rtcmpu_client.start_mpu_task(rtcmpu_task)
            call = rtcmpu_endpoint.calls[0]
            request, reply = call.request, call.reply
            rtcmpu_client.start_mpu_task(rtcmpu_task)
        """,
        "--showlocals",
        "-vv",
        "--tb=long",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*TaskExisted*"])
    assert "very-secret" not in result.stdout.str()
    assert "very-token" not in result.stdout.str()


def modules_of_a_run(pytester: pytest.Pytester, *options: str) -> set[str]:
    """The modules that a pytest run has loaded at its end; plugins only as ``options`` say."""
    pytester.makepyfile(
        test_modules="""
        import json, pathlib, sys

        def test_modules():
            pathlib.Path("modules.json").write_text(json.dumps(sorted(sys.modules)))
        """
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    subprocess.run(command, cwd=pytester.path, check=True, capture_output=True)
    loaded: list[str] = json.loads((pytester.path / "modules.json").read_text())
    return set(loaded)


def test_unused_it_costs_nothing(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that uses none of its fixtures loads nothing through it but the plugin itself."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "COVERAGE_PROCESS_START"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    without = modules_of_a_run(pytester)
    loaded = modules_of_a_run(pytester, "-p", "rtcmpu")
    ours = loaded - without
    assert "pytest_rtcmpu.plugin" in ours
    assert {name for name in ours if ".plugin" not in name} == {"pytest_rtcmpu"}
    assert not {"hypothesis", "requests", "responses"} & loaded


def test_entry_point(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found by its entry point, under the name by which it can be switched off."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        monkeypatch.delenv(name, raising=False)
    assert "pytest_rtcmpu.plugin" in modules_of_a_run(pytester)
    assert "pytest_rtcmpu.plugin" not in modules_of_a_run(pytester, "-p", "no:rtcmpu")


_FOLLOWS = """
def test_all_follow(rtcmpu_contract, rtcmpu_endpoint, rtcmpu_client, rtcmpu_task, rtcmpu_server):
    assert rtcmpu_contract.edition == "2021-03"
    assert rtcmpu_endpoint.contract.edition == rtcmpu_server.contract.edition == "2021-03"
    rtcmpu_client.start_mpu_task(rtcmpu_task)
    assert rtcmpu_endpoint.tasks == [rtcmpu_task]
"""
_CONFTEST = """
import pytest
from pytest_rtcmpu import contract

@pytest.fixture(scope="session")
def rtcmpu_contract():
    return contract.load("2021-03")
"""


@pytest.mark.parametrize(
    ("options", "ini", "conftest"),
    [
        (["--rtcmpu-edition=2021-03"], "", ""),
        ([], "rtcmpu_edition = 2021-03", ""),
        (["--rtcmpu-edition=2021-03"], "rtcmpu_edition = 2019-05", ""),
        ([], "", _CONFTEST),
    ],
    ids=["option", "ini", "option before ini", "conftest"],
)
def test_every_fixture_follows_the_edition(
    run: Run, pytester: pytest.Pytester, options: list[str], ini: str, conftest: str
) -> None:
    """An option, the configuration file or a fixture of the root's conftest.py chooses it."""
    if conftest:
        pytester.makeconftest(conftest)
    run(_FOLLOWS, *options, ini=ini).assert_outcomes(passed=1)


def test_a_module_may_have_an_edition_of_its_own(run: Run, pytester: pytest.Pytester) -> None:
    """A mock that another module has opened before changes nothing of it."""
    holds = "def test_it(rtcmpu_mock, rtcmpu_endpoint):\n    with rtcmpu_mock() as endpoint:\n"
    holds += "        editions = endpoint.contract.edition, rtcmpu_endpoint.contract.edition\n"
    for name, edition in (("test_a", "2019-05"), ("test_b", "2021-03"), ("test_c", "2019-05")):
        fixture = _CONFTEST if edition == "2021-03" else ""
        told = f"    assert editions == ({edition!r}, {edition!r})\n"
        pytester.makepyfile(**{name: f"{fixture}\n\n{holds}{told}"})
    run().assert_outcomes(passed=3)


def test_an_edition_there_is_none_of_is_refused(run: Run) -> None:
    """The message names the editions there are."""
    result = run("def test_it(rtcmpu_contract): pass", "--rtcmpu-edition=2020-01")
    assert result.ret != 0
    result.stderr.fnmatch_lines(["*unknown edition '2020-01'*2019-05, 2021-03*"])
