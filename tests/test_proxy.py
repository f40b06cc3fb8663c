"""The server as a proxy: programs in any language call the real name, and end at the endpoint."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from raw_socket import Raw
from test_serve import serving

from pytest_rtcmpu import Client, Credentials, Endpoint, Request, Response, faults
from pytest_rtcmpu.errors import CertificateWarning
from pytest_rtcmpu.mock.served import ServedEndpoint
from pytest_rtcmpu.model import example_task
from pytest_rtcmpu.server.authority import Authority
from pytest_rtcmpu.server.http import Server
from pytest_rtcmpu.server.limits import Limits
from pytest_rtcmpu.server.proxy import Proxy
from pytest_rtcmpu.server.setup import LANGUAGES, variables_of, write_files

HOST = "rtc.aliyuncs.com"
PROGRAMS = Path(__file__).parent / "programs"
PATIENCE = 120


def tool(name: str) -> str:
    """Return the path of a program that a test needs; without it the test is skipped."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI") and name not in ("php",):
            pytest.fail(f"{name} is needed to test the proxy with it")
        pytest.skip(f"{name} is not installed")
    return found


def script(name: str) -> str:
    """Return the path of one of our programs."""
    return str(PROGRAMS / name)


#: By the names that docs/server.md gives them: the language, and the command that calls a URL.
COMMANDS: dict[str, tuple[str, Callable[[str], list[str]]]] = {
    "curl": ("curl", lambda url: [tool("curl"), "-sS", "-w", "\n%{http_code}", url]),
    "Node, http and https": ("node", lambda url: [tool("node"), script("call.js"), url, "own"]),
    "Node, fetch": ("node", lambda url: [tool("node"), script("call.js"), url, "fetch"]),
    "Java, HttpClient": ("java", lambda url: [tool("java"), script("Call.java"), url]),
    # Debian's golang-go only recommends the compiler of C that cgo needs.
    "Go, net/http": (
        "go",
        lambda url: [tool("env"), "CGO_ENABLED=0", tool("go"), "run", script("call.go"), url],
    ),
    "PHP, curl": ("php", lambda url: [tool("php"), script("call.php"), url]),
    **{
        f"Python, {library}": (
            "python",
            lambda url, library=library: [sys.executable, script("call.py"), url, library],
        )
        for library in ("requests", "httpx", "urllib")
    },
}
every_program = pytest.mark.parametrize("name", COMMANDS)


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def signed_url(scheme: str = "https", host: str = HOST) -> str:
    """A URL that starts a task."""
    client = Client(Credentials("testid", "testsecret"), f"{scheme}://{host}")
    return f"{scheme}://{host}{client.prepare('StartMPUTask', example_task().to_wire()).target}"


@every_program
@pytest.mark.parametrize("host", [HOST, "rtc.cn-shanghai.aliyuncs.com"], ids=["name", "region"])
def test_a_program_that_a_test_starts(
    rtcmpu_server: ServedEndpoint, rtcmpu_environment: dict[str, str], name: str, host: str
) -> None:
    """With the environment of the fixture a program in any language is caught, unmodified."""
    done = run(COMMANDS[name][1](signed_url(host=host)), rtcmpu_environment)
    assert done.returncode == 0, done.stderr
    assert "200" in done.stdout
    assert rtcmpu_server.calls[0].request_id in done.stdout
    assert rtcmpu_server.calls[0].request.header("host") == host
    assert rtcmpu_server.tasks == [example_task()]


@every_program
def test_a_language_has_all_it_needs(
    rtcmpu_server: ServedEndpoint, tmp_path: Path, name: str
) -> None:
    """What ``rtcmpu serve --env`` prints for one language is enough for it."""
    language, command = COMMANDS[name]
    proxy = rtcmpu_server._server.proxy
    told = variables_of(language, rtcmpu_server.proxy_url, rtcmpu_server._files(), proxy)
    kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    done = run(command(signed_url("https")), {**kept, **told})
    assert done.returncode == 0, done.stderr
    assert rtcmpu_server.calls[0].request_id in done.stdout


@every_program
def test_a_program_calls_by_plain_http(
    rtcmpu_server: ServedEndpoint, rtcmpu_environment: dict[str, str], name: str
) -> None:
    """Without TLS a proxy is told the whole URL, or leads to the port by a tunnel."""
    done = run(COMMANDS[name][1](signed_url("http")), rtcmpu_environment)
    assert done.returncode == 0, done.stderr
    assert rtcmpu_server.calls[0].request_id in done.stdout


@every_program
def test_no_other_host_is_reached(
    rtcmpu_server: ServedEndpoint, rtcmpu_environment: dict[str, str], name: str
) -> None:
    """A program that calls somebody else is refused here, and nobody is looked up."""
    done = run(COMMANDS[name][1]("https://other.example.invalid/"), rtcmpu_environment)
    said = done.stdout + done.stderr
    assert "403" in said or "Forbidden" in said or "is not let through" in said, said
    assert rtcmpu_server.calls == []


@pytest.mark.parametrize("fault", ["connection_reset", "truncated_body", "garbage", "html_502"])
def test_faults_go_through_a_tunnel(
    rtcmpu_server: ServedEndpoint, rtcmpu_environment: dict[str, str], fault: str
) -> None:
    """A reply that is spoilt on the wire is spoilt beyond the proxy too."""
    rtcmpu_server.spoil_next(faults.PLAIN[fault])
    done = run(COMMANDS["curl"][1](signed_url()), rtcmpu_environment)
    #: curl(1): 1 unsupported protocol, 18 partial file, 52 nothing came, 56 failure in receiving
    expected = {"connection_reset": (35, 52, 56), "truncated_body": (18,), "garbage": (1,)}
    assert done.returncode in expected.get(fault, (0,)), done.stderr
    assert rtcmpu_server.calls[0].fault == f"faults.{fault}"


def test_a_reset_goes_through_a_tunnel(rtcmpu_server: ServedEndpoint) -> None:
    """Beyond a tunnel a reset is a reset, after what came before it, and not an end."""
    rtcmpu_server.spoil_next(faults.reset_amid_reply)
    with Raw(int(rtcmpu_server.proxy_url.rpartition(":")[2])) as raw:
        connect(raw, f"{HOST}:80")
        assert raw.send(GET).file.readline() == b"HTTP/1.1 400 Bad Request\r\n"
        with pytest.raises(ConnectionResetError):
            raw.rest()


# ---------------------------------------------------------------------------- published clients

POP_CORE = """
const { RPCClient } = require('@alicloud/pop-core');
const client = new RPCClient({
  endpoint: 'https://rtc.aliyuncs.com', apiVersion: '2018-01-11',
  accessKeyId: process.env.ALIBABA_CLOUD_ACCESS_KEY_ID,
  accessKeySecret: process.env.ALIBABA_CLOUD_ACCESS_KEY_SECRET,
});
client.request('StartMPUTask', JSON.parse(process.argv[2]), { method: 'POST' })
  .then((reply) => console.log(reply.RequestId));
"""
OPENAPI = """
const sdk = require('@alicloud/openapi-client');
const { RuntimeOptions } = require('@alicloud/tea-util');
const client = new sdk.default(new sdk.Config({
  accessKeyId: process.env.ALIBABA_CLOUD_ACCESS_KEY_ID,
  accessKeySecret: process.env.ALIBABA_CLOUD_ACCESS_KEY_SECRET,
  endpoint: 'rtc.aliyuncs.com',
}));
client.callApi(
  new sdk.Params({
    action: 'StartMPUTask', version: '2018-01-11', protocol: 'HTTPS', pathname: '/',
    method: 'POST', authType: 'AK', style: 'RPC', reqBodyType: 'json', bodyType: 'json',
  }),
  new sdk.OpenApiRequest({ query: JSON.parse(process.argv[2]) }),
  new RuntimeOptions({}),
).then((reply) => console.log(reply.body.RequestId));
"""


def start_by_node(folder: Path, code: str, environment: dict[str, str]) -> str:
    """Run a script beside the libraries that it needs, and return what it prints."""
    path = folder / "started.js"
    path.write_text(code, "utf-8")
    pairs = json.dumps(dict(example_task().to_wire()))
    done = run([tool("node"), str(path), pairs], environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_pop_core(
    rtcmpu_server: ServedEndpoint, rtcmpu_environment: dict[str, str], node_testee: Path
) -> None:
    """@alicloud/pop-core, which knows no proxies, calls the real name."""
    told = start_by_node(node_testee.parent, POP_CORE, rtcmpu_environment)
    assert told == rtcmpu_server.calls[0].request_id


def test_openapi_client(
    rtcmpu_server: ServedEndpoint, rtcmpu_environment: dict[str, str], openapi_client: Path
) -> None:
    """@alicloud/openapi-client too."""
    told = start_by_node(openapi_client, OPENAPI, rtcmpu_environment)
    assert told == rtcmpu_server.calls[0].request_id


# ------------------------------------------------------------------------------------ the proxy


@pytest.fixture
def authority() -> Authority:
    """A throwaway authority."""
    return Authority()


@pytest.fixture
def endpoint() -> Endpoint:
    """What the proxy leads to."""
    return Endpoint()


@pytest.fixture
def beyond() -> Iterator[Server]:
    """Somebody else, by plain http."""

    def handle(request: Request) -> Response:
        told = f"beyond {request.target}, {request.header('Connection')}"
        return Response(status=200, body=told.encode())

    with Server(handle) as server:
        yield server


@pytest.fixture
def proxy(authority: Authority, endpoint: Endpoint) -> Iterator[Server]:
    """A proxy that leads to localhost too."""
    leads = Proxy(service=HOST, allow=frozenset({"localhost"}), how="ask nicely")
    with Server(
        endpoint.handle,
        tls=lambda: authority.serving("localhost", also=leads.serves),
        proxy=leads,
        limits=Limits(linger_seconds=0.1),
    ) as server:
        yield server


def connect(raw: Raw, where: str) -> bytes:
    """Ask for a tunnel, and return the line of the answer."""
    raw.send(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n\r\n".encode())
    line = raw.file.readline()
    while raw.file.readline().rstrip():
        continue
    return line


GET = b"GET /?a=b HTTP/1.1\r\nHost: rtc.aliyuncs.com\r\n\r\n"


def test_a_tunnel_carries_plain_http(proxy: Server, endpoint: Endpoint) -> None:
    """In a tunnel a client may speak http as well, again and again."""
    with Raw(proxy.port) as raw:
        assert b" 200 " in connect(raw, f"{HOST}:80")
        for _ in range(3):
            assert raw.ask(GET).status == 400
    assert endpoint.call_count == 3


def test_the_certificate_is_for_the_name(
    proxy: Server, authority: Authority, endpoint: Endpoint
) -> None:
    """TLS ends here with a certificate for whichever of the service's names is called."""
    for name in (HOST, "rtc-vpc.aliyuncs.com"):
        with Raw(proxy.port) as raw:
            connect(raw, f"{name}:443")
            with authority.trusting.wrap_socket(raw.sock, server_hostname=name) as secure:
                secure.sendall(GET)
                assert secure.recv(12) == b"HTTP/1.1 400"
    assert endpoint.call_count == 2


@pytest.mark.parametrize("target", ["other.example.com:443", "rtc.aliyuncs.com.evil.example:443"])
def test_a_tunnel_to_others_is_refused(proxy: Server, target: str) -> None:
    """CONNECT to another host gets 403, with a body that says how to allow it."""
    with Raw(proxy.port) as raw:
        reply = raw.ask(f"CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert reply.status == 403
    assert reply.body.decode().endswith(
        "is not let through, only rtc.aliyuncs.com is: ask nicely\n"
    )


@pytest.mark.parametrize(
    "url", ["http://other.example.com/", "http://127.0.0.1:1/", "http://[::1]"]
)
def test_a_request_for_others_is_refused(proxy: Server, endpoint: Endpoint, url: str) -> None:
    """So does a request that names a whole URL."""
    with Raw(proxy.port) as raw:
        reply = raw.ask(f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (reply.status, endpoint.calls) == (403, [])
    assert b"ask nicely" in reply.body


@pytest.mark.parametrize(
    "target", ["other", "other:", ":443", "other:0", "other:65536", "http://x/", "/", "[::1:443"]
)
def test_a_tunnel_to_nowhere_is_refused(proxy: Server, target: str) -> None:
    """CONNECT that names no host and port is a bad request."""
    with Raw(proxy.port) as raw:
        reply = raw.ask(f"CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (reply.status, b"names a host and a port" in reply.body) == (400, True)


def test_an_allowed_host_is_called_for_real(proxy: Server, beyond: Server) -> None:
    """Through a tunnel, and by a request for its URL, whose hop-by-hop fields stay behind."""
    with Raw(proxy.port) as raw:
        connect(raw, f"localhost:{beyond.port}")
        assert raw.ask(b"GET /one HTTP/1.1\r\nHost: x\r\n\r\n").body == b"beyond /one, None"
    with Raw(proxy.port) as raw:
        url = f"http://localhost:{beyond.port}/two?x=y"
        reply = raw.ask(
            f"POST {url} HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n"
            "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n".encode()
        )
        assert reply.body == b"beyond /two?x=y, close"
        assert raw.rest() == b""


def test_an_allowed_host_that_does_not_answer(proxy: Server) -> None:
    """Whom nobody reaches is said to be so: 502."""
    with closing(socket.create_server(("127.0.0.1", 0))) as unused:
        port = unused.getsockname()[1]
    with Raw(proxy.port) as raw:
        reply = raw.ask(f"CONNECT localhost:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert reply.status == 502


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff\x16\x03 nothing\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"CONNECT\r\n\r\n",
        b"\n" * 9,
    ],
    ids=["bytes", "no handshake", "no target", "empty lines"],
)
def test_garbage_ends_its_own_connection_only(
    proxy: Server, endpoint: Endpoint, garbage: bytes
) -> None:
    """What is no HTTP and no TLS is of no harm to the others, nor to the server."""
    with Raw(proxy.port) as other:
        connect(other, f"{HOST}:80")
        with Raw(proxy.port) as raw:
            raw.send(garbage).end().rest()
        assert other.ask(GET).status == 400
    assert proxy.errors == []
    assert endpoint.call_count == 1


def test_garbage_in_a_tunnel_ends_it(proxy: Server) -> None:
    """The same in a tunnel."""
    with Raw(proxy.port) as raw:
        connect(raw, f"{HOST}:443")
        assert b"400" in raw.send(b"\x00\x01\x02 nothing\r\n\r\n").end().rest()
    assert proxy.errors == []


def test_no_tunnel_outlives_the_server(authority: Authority, endpoint: Endpoint) -> None:
    """Stopping drops the tunnels, and a client that leaves ends both sides of its own."""
    leads = Proxy(service=HOST, how="no")
    server = Server(endpoint.handle, tls=lambda: authority.serving(HOST), proxy=leads).start()
    with Raw(server.port) as gone:
        connect(gone, f"{HOST}:443")
    with Raw(server.port) as raw:
        connect(raw, f"{HOST}:443")
        server.settle()
        server.stop()
        assert raw.rest() == b""
    assert server.open_connections == 0


@pytest.mark.parametrize("first", ["client", "host"])
def test_a_tunnel_is_over_when_both_have_said_all(proxy: Server, first: str) -> None:
    """Either may end first and listen on; when the other has ended too, nothing is left open."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening, Raw(proxy.port) as raw:
        connect(raw, f"localhost:{listening.getsockname()[1]}")
        with listening.accept()[0] as host:
            if first == "client":
                raw.send(b"all").end()
                assert host.makefile("rb").read() == b"all"
                host.sendall(b"mine")
                host.shutdown(socket.SHUT_WR)
                assert raw.rest() == b"mine"
            else:
                host.sendall(b"mine")
                host.shutdown(socket.SHUT_WR)
                assert raw.rest() == b"mine"
                raw.send(b"all").end()
                assert host.makefile("rb").read() == b"all"
            proxy.settle()
            assert proxy.open_connections == 0


def test_a_client_that_does_not_trust_is_explained(rtcmpu_server: ServedEndpoint) -> None:
    """It gets a TLS error, and the test a warning that names the file to trust."""
    with Raw(int(rtcmpu_server.proxy_url.rpartition(":")[2])) as raw:
        connect(raw, f"{HOST}:443")
        with pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(raw.sock, server_hostname=HOST)
    [warning] = rtcmpu_server.take_warnings()
    assert isinstance(warning, CertificateWarning)
    assert "rtcmpu_server.ca_file" in str(warning)


def test_the_control_interface_is_no_name_of_the_services(proxy: Server) -> None:
    """Through the proxy the control interface is not to be had under the service's name."""
    from pytest_rtcmpu.server.control import Control

    proxy.handle = Control(Endpoint())
    with Raw(proxy.port) as raw:
        connect(raw, f"{HOST}:80")
        assert (
            raw.ask(b"GET /_rtcmpu/status HTTP/1.1\r\nHost: rtc.aliyuncs.com\r\n\r\n").status == 403
        )


# ---------------------------------------------------------------------------------- rtcmpu serve


@pytest.mark.parametrize("language", LANGUAGES)
def test_serve_prints_what_to_set(language: str) -> None:
    """``--env`` makes it a proxy, and what it prints is enough for a program in that language."""
    name = next(name for name, (each, _) in COMMANDS.items() if each == language)
    command = COMMANDS[name][1](signed_url())
    with serving("--env", language) as served:
        printed = [served.line() for _ in variables_of_nobody(language)]
        shell = "\n".join([*(line for line in printed if line.startswith("export ")), '"$@"'])
        kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        done = run(["sh", "-c", shell, "sh", *command], kept)
        assert done.returncode == 0, done.stderr
        assert served.control("calls")["calls"][0]["request_id"] in done.stdout
        assert served.end() == 0


def variables_of_nobody(language: str) -> list[str]:
    """As many lines as are printed after the URL: the authority's file, and the variables."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        files = write_files(Authority(), Path(folder))
        proxy = Proxy(service=HOST, how="")
        return ["authority", *variables_of(language, "http://x:1", files, proxy)]


def test_serve_lets_through_whom_it_is_told_to(beyond: Server) -> None:
    """``--allow-host`` makes it a proxy that leads there too, and to nobody else."""
    with serving("--allow-host", "LOCALHOST") as served:
        port = int(served.url.rpartition(":")[2])
        with Raw(port) as raw:
            connect(raw, f"localhost:{beyond.port}")
            assert raw.ask(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n").body == b"beyond /x, None"
        with Raw(port) as raw:
            reply = raw.ask(b"CONNECT other.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"--allow-host" in reply.body
        assert served.end() == 0


def test_serve_tells_of_a_client_that_does_not_trust() -> None:
    """A client that does not trust the certificate is told of, with the file to trust."""
    with serving("--proxy", "--tls") as served:
        assert served.url.startswith("https://")
        file = served.line().rpartition(" ")[2].strip()
        with Raw(int(served.url.rpartition(":")[2])) as raw:
            connect(raw, f"{HOST}:443")
            with pytest.raises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(raw.sock, server_hostname=HOST)
        assert served.process.stderr is not None
        assert "does not trust the certificate" in (line := served.process.stderr.readline())
        assert line.endswith(f"let it trust {file}\n")
        assert served.end() == 0


def test_serve_is_no_proxy_unless_told() -> None:
    """Without --proxy a tunnel is a bad request, as it was."""
    with serving() as served:
        with Raw(int(served.url.rpartition(":")[2])) as raw:
            reply = raw.ask(b"CONNECT rtc.aliyuncs.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reply.status == 400
        assert served.end() == 0


def test_java_needs_a_library_that_writes_its_store(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an older cryptography the others work, and Java is told what to install."""
    from cryptography.hazmat.primitives.serialization import pkcs12

    from pytest_rtcmpu.errors import CannotRun
    from pytest_rtcmpu.server.setup import all_variables

    monkeypatch.delattr(pkcs12, "serialize_java_truststore")
    files, proxy = write_files(authority, tmp_path), Proxy(service=HOST, how="")
    assert "JAVA_TOOL_OPTIONS" not in all_variables("http://127.0.0.1:1", files, proxy)
    with pytest.raises(CannotRun, match="cryptography 45"):
        variables_of("java", "http://127.0.0.1:1", files, proxy)


def test_the_environment_has_test_keys(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Real keys and proxies of the developer's do not reach the program; all else does."""
    monkeypatch.setenv("ALIYUN_ACCESS_KEY_SECRET", "real")
    monkeypatch.setenv("ALL_PROXY", "http://real.example.com:3128")
    monkeypatch.setenv("OUR_SETTING", "kept")
    found: dict[str, Any] = request.getfixturevalue("rtcmpu_environment")
    server: ServedEndpoint = request.getfixturevalue("rtcmpu_server")
    assert found["ALIBABA_CLOUD_ACCESS_KEY_ID"] == server.credentials.access_key_id
    assert found["OUR_SETTING"] == "kept"
    assert not {"ALIYUN_ACCESS_KEY_SECRET", "ALL_PROXY"} & set(found)
