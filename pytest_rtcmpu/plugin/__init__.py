"""The pytest plugin: options and fixtures, thin.

pytest imports this for everyone who has the package installed, so everything heavy is imported
inside the functions that need it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import pytest

from pytest_rtcmpu.plugin import checks as checks_plugin

if TYPE_CHECKING:
    from pytest_rtcmpu.client import Client
    from pytest_rtcmpu.contract import Contract
    from pytest_rtcmpu.endpoint import Endpoint
    from pytest_rtcmpu.mock.served import ProxyServer, ServedEndpoint
    from pytest_rtcmpu.model import StartMPUTask
    from pytest_rtcmpu.server.setup import Files
    from pytest_rtcmpu.values.credentials import Credentials


#: Where secrets are made; not imported for those who make none.
_CREDENTIALS = "pytest_rtcmpu.values.credentials"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options."""
    parser.addini(
        "rtcmpu_allow_hosts",
        "hosts that may be called for real while the endpoint is mocked",
        type="args",
        default=[],
    )
    parser.addini(
        "rtcmpu_seal",
        "whether a test that calls the service without mocking it is refused",
        type="bool",
        default=False,
    )
    parser.addini(
        "rtcmpu_edition", "the edition of the documentation to hold to: 2019-05", default=None
    )
    parser.getgroup("rtcmpu").addoption(
        "--rtcmpu-edition", metavar="EDITION", help="the edition to hold to, such as 2021-03"
    )
    checks_plugin.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Let contract checks be tests; refuse what the configuration file cannot mean."""
    hosts = config.getini("rtcmpu_allow_hosts")
    if hosts:
        from pytest_rtcmpu.values.hosts import allowed_hosts

        try:
            allowed_hosts(hosts)
        except ValueError as error:
            raise pytest.UsageError(f"rtcmpu_allow_hosts: {error}") from None
    config.addinivalue_line("markers", "rtcmpu(check): a contract check of StartMPUTask, by its id")
    config.pluginmanager.register(checks_plugin.Checks(config), "rtcmpu-checks")
    try:
        is_sealed = config.getini("rtcmpu_seal")
    except (ValueError, pytest.UsageError) as error:
        raise pytest.UsageError(f"rtcmpu_seal: expected true or false: {error}") from None
    if is_sealed:
        from pytest_rtcmpu import contract
        from pytest_rtcmpu.mock import seal

        config.add_cleanup(seal.keep(contract.load().service.host))


@pytest.hookimpl(tryfirst=True)
def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Keep secrets out of what pytest says of two values that are not equal."""
    if _CREDENTIALS not in sys.modules:
        return None  # there can be no secret
    from pytest_rtcmpu.plugin.assertions import explain

    return explain(op, left, right)


@pytest.hookimpl(tryfirst=True)
def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Keep a secret that a test is parametrized with out of the test's name."""
    credentials = sys.modules.get(_CREDENTIALS)
    return argname if credentials and isinstance(val, credentials.Secret) else None


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(parser: pytest.Parser, args: list[str]) -> Generator[None]:
    """Say which option was probably meant; pytest says of an unknown one that it is unknown."""
    yield  # a conftest.py may have options that begin so
    if not any(each.startswith("--rtcmpu") for each in args):
        return
    from pytest_rtcmpu.values.arguments import option_hint

    known, unknown = parser.parse_known_and_unknown_args(args)
    options = [f"--{name.replace('_', '-')}" for name in vars(known) if name[:6] == "rtcmpu"]
    for each in unknown:
        name = each.partition("=")[0]
        if name.startswith("--rtcmpu"):
            hint = option_hint([name], options) or f"; there are {', '.join(sorted(options))}"
            raise pytest.UsageError(f"{name}: there is no such option{hint}")


#: Fixtures that live as long as a test does, over all examples of Hypothesis.
_ENDPOINT_FIXTURES = ("rtcmpu_endpoint", "rtcmpu_mock", "rtcmpu_server")
_FOR_EXAMPLES = (
    "pytest-rtcmpu: in a @given test open an endpoint for each example, in place of the fixture: "
    "take rtcmpu_mock as an argument, and begin the test with: with rtcmpu_mock() as endpoint:"
)
_SERVER_FOR_EXAMPLES = (
    "pytest-rtcmpu: where it must be rtcmpu_server, suppress the health check and begin the test "
    "with rtcmpu_server.reset()"
)


def _add_leads(error: BaseException, item: pytest.Item) -> None:
    given = getattr(item, "funcargs", {})
    for name in ("rtcmpu_endpoint", "rtcmpu_server"):
        endpoint = given.get(name)
        if endpoint is not None:
            from pytest_rtcmpu.endpoint import Endpoint
            from pytest_rtcmpu.endpoint.record import add_leads

            if isinstance(endpoint, Endpoint):  # a fixture of that name may be the test's own
                add_leads(error, endpoint.calls, endpoint.secrets)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Lead on from what a test fails with.

    From Hypothesis's health check to the fixture that makes an endpoint an example, and from what
    was refused to the edition that allows it.
    """
    __tracebackhide__ = True
    try:
        return (yield)
    except (Exception, pytest.fail.Exception) as error:
        _add_leads(error, item)
        names = set(getattr(item, "fixturenames", ())).intersection(_ENDPOINT_FIXTURES)
        if type(error).__name__ == "FailedHealthCheck" and "fixture" in str(error) and names:
            error.add_note(_FOR_EXAMPLES)
            if "rtcmpu_server" in names:
                error.add_note(_SERVER_FOR_EXAMPLES)
        raise


@pytest.fixture(scope="session")
def rtcmpu_credentials() -> Credentials:
    """The access key that the mocked endpoint knows and the client signs with.

    Override it in a conftest.py to use another: return a ``pytest_rtcmpu.Credentials``.
    """
    from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS

    return TEST_CREDENTIALS


@pytest.fixture(scope="session")
def rtcmpu_contract(pytestconfig: pytest.Config) -> Contract:
    """The edition of the documentation that endpoint, client, server and task hold to.

    ``--rtcmpu-edition``, else ``rtcmpu_edition`` in the configuration file, else 2019-05. Override
    it in a conftest.py: return ``pytest_rtcmpu.contract.load("2021-03")``.
    """
    from pytest_rtcmpu import contract

    # That there is such an edition has been seen when the run was configured.
    option = pytestconfig.getoption("rtcmpu_edition") or pytestconfig.getini("rtcmpu_edition")
    return contract.load(option or contract.DEFAULT_EDITION)


_RUNNING: pytest.StashKey[pytest.Item] = pytest.StashKey()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let a test that uses ``rtcmpu_mock`` have the key and the edition of where it stands."""
    names = getattr(item, "fixturenames", [])
    if "rtcmpu_mock" in names:
        # Set up first: a fixture of the test's own may open a mock while it is set up.
        names[:] = dict.fromkeys(("rtcmpu_credentials", "rtcmpu_contract", *names))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember which test is running."""
    item.config.stash[_RUNNING] = item


@pytest.fixture(scope="session")
def rtcmpu_mock(
    pytestconfig: pytest.Config, rtcmpu_contract: Contract
) -> Callable[..., AbstractContextManager[Endpoint]]:
    """A factory of mocked endpoints, for tests that need a fresh one several times.

    ``with rtcmpu_mock() as endpoint:`` mocks https and http rtc.aliyuncs.com with a new endpoint.
    Use it inside ``@given`` tests: a function-scoped endpoint keeps its tasks from one example to
    the next. Its key is the running test's ``rtcmpu_credentials``. ``allow_hosts`` names further
    hosts that may be called for real; other keyword arguments go to ``Endpoint``.
    """
    __tracebackhide__ = True
    from functools import partial

    from pytest_rtcmpu.endpoint import Endpoint
    from pytest_rtcmpu.mock.door import Factory, Mock, open_mock
    from pytest_rtcmpu.values.credentials import TEST_CREDENTIALS

    def make(*, allow_hosts: Iterable[str] = (), **settings: object) -> Mock:
        __tracebackhide__ = True  # as in mocked
        # This factory lives as long as the session; both may be overridden for one module or test.
        of_test = getattr(pytestconfig.stash.get(_RUNNING, None), "funcargs", {})
        endpoint = Endpoint(
            **{
                "credentials": of_test.get("rtcmpu_credentials", TEST_CREDENTIALS),
                "contract": of_test.get("rtcmpu_contract", rtcmpu_contract),
                **settings,
            }
        )
        hosts = [*pytestconfig.getini("rtcmpu_allow_hosts"), *allow_hosts]
        return Mock(partial(open_mock, endpoint, allow_hosts=hosts), "rtcmpu_mock()")

    mock = Factory(make)
    # The first opening imports the SDKs that are installed. Hypothesis would count that as an
    # example's own time, and the example as slower than its deadline.
    with mock():
        pass
    return mock


@pytest.fixture
def rtcmpu_endpoint(
    rtcmpu_mock: Callable[..., AbstractContextManager[Endpoint]],
    rtcmpu_credentials: Credentials,
    rtcmpu_contract: Contract,
) -> Iterator[Endpoint]:
    """The mocked endpoint of https and http rtc.aliyuncs.com, fresh for each test.

    It verifies signatures, enforces every documented rule and records every call: see ``calls``,
    ``tasks``, ``fail_next``, ``stop``, ``register_layout``, ``set_clock`` and ``reset``. Whatever
    in this process calls the service's names reaches it, the published SDKs too; other hosts are
    blocked, and ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET hold test keys.
    """
    __tracebackhide__ = True
    with rtcmpu_mock(credentials=rtcmpu_credentials, contract=rtcmpu_contract) as endpoint:
        yield endpoint


@pytest.fixture
def rtcmpu_client(rtcmpu_endpoint: Endpoint, rtcmpu_credentials: Credentials) -> Iterator[Client]:
    """A signed client whose calls the mocked endpoint answers."""
    from pytest_rtcmpu.client import Client

    client = Client(rtcmpu_credentials, contract=rtcmpu_endpoint.contract)
    yield client
    client.close()


@pytest.fixture(scope="session")
def _rtcmpu_loopback() -> Iterator[ProxyServer]:
    """The server behind ``rtcmpu_server``: one for the whole run, on a port of its own."""
    from pytest_rtcmpu.mock.served import ProxyServer

    with ProxyServer() as server:
        yield server


@pytest.fixture(scope="session")
def _rtcmpu_files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Files]:
    """What programs in other processes are to read: written when it is first asked for."""
    from functools import cache

    from pytest_rtcmpu.mock.listener import authority
    from pytest_rtcmpu.server.setup import write_files

    return cache(lambda: write_files(authority(), tmp_path_factory.mktemp("rtcmpu")))


@pytest.fixture
def rtcmpu_server(
    _rtcmpu_loopback: ProxyServer,
    _rtcmpu_files: Callable[[], Files],
    rtcmpu_credentials: Credentials,
    rtcmpu_contract: Contract,
) -> Iterator[ServedEndpoint]:
    """The endpoint on a real socket of this machine, fresh for each test; see its ``url``.

    For what the mock does not reach: other languages, other processes. The same port is a proxy,
    ``proxy_url``, that leads to the service's names and to no other. It has the controls of
    ``rtcmpu_endpoint``, and offers them over HTTP under ``/_rtcmpu/``. An error inside the server
    fails the test with its traceback. Its warnings are given when the test is over, where
    ``pytest.warns`` does not see them: ``take_warnings()`` returns them before.
    """
    import warnings

    __tracebackhide__ = True
    from pytest_rtcmpu.mock.served import failure_text, served

    with served(
        _rtcmpu_loopback,
        _rtcmpu_files,
        credentials=rtcmpu_credentials,
        contract=rtcmpu_contract,
    ) as endpoint:
        yield endpoint
    if _rtcmpu_loopback.errors:
        pytest.fail(failure_text(_rtcmpu_loopback.errors, endpoint), pytrace=False)
    for warning in endpoint.take_warnings():
        warnings.warn(warning, stacklevel=1)


@pytest.fixture
def rtcmpu_environment(rtcmpu_server: ServedEndpoint) -> dict[str, str]:
    """The environment for a program that a test starts: its calls end at ``rtcmpu_server``.

    ``subprocess.run([...], env=rtcmpu_environment)``: this process's environment with a proxy, an
    authority to trust, and test keys, by the names that curl, Go, Java, Node, PHP and Python use.
    """
    return rtcmpu_server.environment()


@pytest.fixture(scope="session")
def rtcmpu_task(rtcmpu_contract: Contract) -> StartMPUTask:
    """A valid task: S1's own example, completed and corrected."""
    from pytest_rtcmpu.model import example_task

    return example_task(contract=rtcmpu_contract)
