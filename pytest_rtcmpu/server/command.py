"""``rtcmpu serve``: the endpoint on a port, for code outside pytest."""

from __future__ import annotations

import argparse
import json
import shlex
import ssl
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TypedDict

from pytest_rtcmpu import contract
from pytest_rtcmpu.endpoint import MAX_CALLS, Call, Endpoint
from pytest_rtcmpu.errors import CannotRun
from pytest_rtcmpu.server.authority import Authority
from pytest_rtcmpu.server.control import Control, is_loopback
from pytest_rtcmpu.server.http import Server
from pytest_rtcmpu.server.proxy import Proxy
from pytest_rtcmpu.server.record import call_record
from pytest_rtcmpu.server.setup import LANGUAGES, Files, variables_of, write_files
from pytest_rtcmpu.values.arguments import Parser, file_path, positive, whole_number
from pytest_rtcmpu.values.credentials import credentials_from
from pytest_rtcmpu.values.files import Lines
from pytest_rtcmpu.values.hosts import allowed_hosts, host_name
from pytest_rtcmpu.values.messages import Request, Response
from pytest_rtcmpu.values.redaction import redact_everywhere
from pytest_rtcmpu.values.text import for_json, for_terminal, system_error

_DESCRIPTION = """\
Serve the endpoint of StartMPUTask until SIGINT or SIGTERM. The first line of the output is its URL,
and nothing else. It is controlled under /_rtcmpu/, where there is a page for a person too.
"""
_EPILOG = """\
It knows the access key in RTCMPU_ACCESS_KEY_ID and RTCMPU_ACCESS_KEY_SECRET, testid and testsecret
unless set. Exit status: 0 stopped in order, 2 it could not run, or not record every call.
"""


def main(arguments: Sequence[str]) -> int:
    """Serve until told to stop, and return the exit status. Raises CannotRun."""
    given = _parser().parse_args(arguments)
    endpoint = Endpoint(
        credentials_from(),
        max_calls=given.max_calls,
        warn=lambda _: None,
        contract=contract.load(given.edition),
    )
    with ExitStack() as stack:
        record = None
        if given.record:
            record = stack.enter_context(closing(_Recording(given.record, endpoint)))
        control = Control(endpoint, host=given.host, names=given.own_name, on_call=record)
        proxy = _proxy(given, endpoint) if given.proxy or given.env or given.allow_host else None
        files, settings = None, _Settings()
        if given.tls or proxy is not None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rtcmpu-"))
            files, settings = _secure(given, proxy, Path(folder))
        server = Server(
            _telling(control, endpoint), host=given.host, port=given.port, proxy=proxy, **settings
        )
        server.on_distrust = lambda error: _complain(
            f"rtcmpu: a client does not trust the certificate ({error}): let it trust "
            f"{files and files.authority}"
        )

        def ready(url: str) -> None:
            # One port speaks both; a proxy is spoken to by http.
            print(url.replace("http:", "https:") if given.tls else url, flush=True)
            if files is not None:
                print(f"certificate authority to trust: {files.authority}", flush=True)
            if given.env and files is not None and proxy is not None:
                for name, value in variables_of(given.env, server.own_url, files, proxy).items():
                    print(f"export {name}={shlex.quote(value)}", flush=True)
            if not is_loopback(given.host):
                _complain(
                    f"rtcmpu: WARNING: listening on {given.host}: whoever reaches port "
                    f"{server.port} of this machine can call the endpoint, read every recorded "
                    "call and control it. Leave --host out to listen on loopback only."
                )

        try:
            server.serve_forever(ready)
        except (OSError, UnicodeError) as error:
            why = system_error(error) if isinstance(error, OSError) else error
            raise CannotRun(f"cannot listen on {given.host}, port {given.port}: {why}") from None
    return 2 if record is not None and record.failed else 0


class _Settings(TypedDict, total=False):
    """How a server speaks TLS."""

    ssl_context: ssl.SSLContext
    tls: Callable[[], ssl.SSLContext]


def _proxy(given: argparse.Namespace, endpoint: Endpoint) -> Proxy:
    return Proxy(
        service=endpoint.contract.service.host,
        allow=_allowed(given.allow_host),
        how="start rtcmpu serve with --allow-host and its name",
    )


def _allowed(hosts: list[str]) -> frozenset[str]:
    try:
        return allowed_hosts(hosts)
    except ValueError as error:
        raise CannotRun(f"--allow-host {error}") from None


def _secure(
    given: argparse.Namespace, proxy: Proxy | None, folder: Path
) -> tuple[Files, _Settings]:
    """Make a certificate authority that lives as long as the server, and what trusts it."""
    authority = Authority()
    files = write_files(authority, folder)
    others = (*_names(given.host), *given.own_name)
    names = tuple(dict.fromkeys(("localhost", "127.0.0.1", "::1", *others)))
    context = authority.serving(*names, also=lambda name: proxy is not None and proxy.serves(name))
    if given.tls and proxy is None:
        return files, {"ssl_context": context}
    return files, {"tls": lambda: context}


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="rtcmpu serve",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--host", type=_host, default="127.0.0.1", help="address to listen on (%(default)s)"
    )
    parser.add_argument(
        "--own-name",
        action="append",
        type=_host,
        default=[],
        metavar="NAME",
        help="another name of this machine to be controlled under; repeatable",
    )
    parser.add_argument(
        "--port",
        type=whole_number(0, 65535),
        default=0,
        metavar="N",
        help="0, as by default, takes a free one",
    )
    parser.add_argument(
        "--edition",
        choices=contract.editions(),
        default=contract.DEFAULT_EDITION,
        help="the edition of the documentation to hold to (%(default)s)",
    )
    parser.add_argument("--tls", action="store_true", help="serve https, by a throwaway authority")
    parser.add_argument(
        "--proxy",
        action="store_true",
        help="be a proxy too, which leads to the service's names, by https and http",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="let the proxy through to another host, for real; repeatable",
    )
    parser.add_argument(
        "--env",
        choices=LANGUAGES,
        help="be a proxy, and print what a program in that language needs in its environment",
    )
    parser.add_argument(
        "--record", type=file_path, metavar="FILE", help="append each call as JSON line"
    )
    parser.add_argument(
        "--max-calls",
        type=positive,
        default=MAX_CALLS,
        metavar="N",
        help="how many of the latest calls are kept (%(default)s)",
    )
    return parser


def _host(text: str) -> str:
    try:
        return host_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class _Recording:
    """The record of calls: whole lines, up to the first call that there is no room for.

    Raises:
        CannotRun: for a file that cannot be opened.
    """

    def __init__(self, path: Path, endpoint: Endpoint) -> None:
        self._path, self._endpoint = path, endpoint
        self.failed = False
        try:
            self._lines = Lines(path)
        except OSError as error:
            raise CannotRun(f"--record {path}: {system_error(error)}") from None

    def __call__(self, call: Call) -> None:
        """Add a call. One that is left out is the last: a record has no gaps."""
        if self.failed:
            return
        record = call_record(call, self._endpoint.secrets)
        try:
            self._lines.append(for_json(json.dumps(record, ensure_ascii=False)))
        except OSError as error:
            self.failed = True
            _complain(
                f"rtcmpu: --record {self._path}: {system_error(error)}: it ends before call "
                f"{call.number}; calls are still answered, and the exit status will be 2"
            )

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


def _names(host: str) -> tuple[str, ...]:
    """What others may call a machine by that listens there, beside its loopback names."""
    if host in ("0.0.0.0", "::"):
        import socket

        return (socket.gethostname(), "host.docker.internal")
    return (host,)


def _telling(control: Control, endpoint: Endpoint) -> Callable[[Request], Response]:
    """Tell of a defect of the server itself, which its client only knows as HTTP 500."""

    def handle(request: Request) -> Response:
        try:
            return control(request)
        except Exception:
            told = redact_everywhere(traceback.format_exc(), endpoint.secrets)
            _complain(f"rtcmpu: a defect of rtcmpu itself, while answering {request!r}\n{told}")
            raise

    return handle


def _complain(text: str) -> None:
    print(for_terminal(text, multiline=True), file=sys.stderr, flush=True)
