"""Hold published clients to the contract, each in an environment of its own, and print a table.

    python docs/testees/survey.py                   # all of them: some twenty minutes, pip and npm
    python docs/testees/survey.py requests-aliyun   # those whose name holds a text
    python docs/testees/survey.py --edition 2021-03 "rtc 1.3.5" "rtc20180111 5.3.5"
    python docs/testees/survey.py --operation StopMPUTask --operation GetMPUTaskStatus "rtc 1.3.5"

Environments are made once, in ``--folder``. Each client is judged by the documented phase, seed 1.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@dataclass(frozen=True)
class Client:
    """A published client.

    Attributes:
        name: what the table calls it.
        packages: what is installed, by pip or by npm.
        testee: the testee's file, and its arguments.
    """

    name: str
    packages: tuple[str, ...]
    testee: tuple[str, ...]

    @property
    def node(self) -> bool:
        """Whether it runs in Node."""
        return self.testee[0].endswith(".js")


_OLD, _NEW = "aliyun-python-sdk-rtc", "alibabacloud_rtc20180111"
_OPENAPI, _RPC = "alibabacloud-tea-openapi==0.4.6", "alibabacloud-tea-rpc==0.1.0"
_NODE, _POP_CORE = "node_sdks/testee.js", "node_pop_core/testee.js"


def _client(package: str, *testee: str, how: str = "", beside: tuple[str, ...] = ()) -> Client:
    name = package.replace("==", " ") if "==" in package else " ".join(package.rsplit("@", 1))
    return Client(f"{name}, {how}" if how else name, (package, *beside), testee)


CLIENTS = (
    _client(f"{_OLD}==1.2.0", "python_old_sdk.py"),
    _client(f"{_OLD}==1.3.5", "python_old_sdk.py"),
    _client(f"{_NEW}==1.0.0", "python_new_sdk.py"),
    _client(f"{_NEW}==2.0.0", "python_new_sdk.py"),
    _client(f"{_NEW}==3.4.0", "python_new_sdk.py"),
    _client(f"{_NEW}==5.0.0", "python_new_sdk.py"),
    *(
        _client(f"{_NEW}==5.3.5", "python_new_sdk.py", *options, how=how)
        for options, how in (
            ((), ""),
            (("--task-profile",), "TaskProfile past the model"),
            (("--task-profile", "--async"), "async"),
            (("--task-profile", "--hmac-sha1"), "signature 1.0"),
            (("--task-profile", "--hmac-sha1", "--async"), "signature 1.0, async"),
        )
    ),
    *(
        _client(_OPENAPI, "python_generic_sdk.py", "tea-openapi", *options, how=how)
        for options, how in (
            ((), ""),
            (("--async",), "async"),
            (("--hmac-sha1",), "signature 1.0"),
        )
    ),
    _client(_RPC, "python_generic_sdk.py", "tea-rpc"),
    _client(_RPC, "python_generic_sdk.py", "tea-rpc", "--async", how="async"),
    *(
        _client(f"@alicloud/pop-core@{version}", _POP_CORE)
        for version in ("1.3.3", "1.5.0", "1.7.13", "1.8.0")
    ),
    *(
        _client(f"{package}@{version}", _NODE, package, *options, how=how, beside=beside)
        for package, version, beside, options, how in (
            ("@alicloud/openapi-client", "0.4.15", ("@alicloud/tea-util@1.4.11",), (), ""),
            (
                "@alicloud/openapi-client",
                "0.4.15",
                ("@alicloud/tea-util@1.4.11",),
                ("--hmac-sha1",),
                "signature 1.0",
            ),
            ("@alicloud/openapi-core", "1.0.8", (), (), ""),
            ("@alicloud/rpc-client", "1.3.2", ("@alicloud/tea-util@1.4.11",), (), ""),
            ("waliyun", "3.2.2", (), (), ""),
        )
    ),
    _client("aliyun-api-py==1.1.5", "python_signers.py", "aliyun-api-py"),
    _client("requests-aliyun==0.3.1", "python_signers.py", "requests-aliyun"),
)


def install(client: Client, folder: Path) -> tuple[list[str], dict[str, str]]:
    """Install a client, unless it is there, and return the testee's command and environment."""
    home = folder / "+".join(client.packages).replace("/", "-").replace("==", "-")
    testee = HERE / client.testee[0]
    if client.node:
        modules = home / "node_modules"
        if not modules.is_dir():
            home.mkdir(parents=True)
            quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--silent")
            npm = ["npm", "install", *quiet, "--prefix", str(home), *client.packages]
            subprocess.run(npm, check=True)
        return ["node", str(testee), *client.testee[1:]], {"NODE_PATH": str(modules)}
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, str(ROOT), *client.packages], check=True)
    return [str(python), str(testee), *client.testee[1:]], {}


def judge(
    command: list[str], environment: dict[str, str], edition: str, operations: list[str]
) -> dict[str, dict]:
    """Run the documented phase on a testee and return its clauses, by id."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        options = ["--phase", "documented", "--seed", "1", "--timeout", "10"]
        options += ["--edition", edition, *(f"--operation={name}" for name in operations)]
        files = ["--report", str(report), "--save-cases", str(Path(scratch) / "cases")]
        check = [sys.executable, "-m", "pytest_rtcmpu", "check", "client"]
        done = subprocess.run(
            [*check, *options, *files, "--", *command],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if not report.exists():
            raise RuntimeError(done.stderr.strip() or done.stdout.strip())
        [subject] = json.loads(report.read_text("utf-8"))["subjects"]
    return {row["id"]: row for row in subject["clauses"]}


def row(name: str, clauses: dict[str, dict]) -> str:
    """Return a client's row of the table."""
    outcomes: dict[str, list[str]] = {}
    for clause, found in clauses.items():
        kind = found["outcome"]
        if kind == "broken" and found["level"] == "reading":
            kind = "reading broken"
        outcomes.setdefault(kind, []).append(clause)
    listed = [
        ", ".join(f"`{clause}`" for clause in outcomes.get(kind, ())) or "none"
        for kind in ("broken", "reading broken")
    ]
    numbers = [
        str(sum(len(outcomes.get(kind, ())) for kind in kinds))
        for kinds in (("held",), ("not judged", "not exercised"))
    ]
    return f"| {name} | {' | '.join((*listed, *numbers))} |"


HEAD = (
    "| client | breaks | breaks of readings | held | not judged |\n| --- | --- | --- | --- | --- |"
)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", nargs="*", help="only clients whose name holds one of these")
    parser.add_argument("--folder", type=Path, default=Path(".rtcmpu-survey"))
    parser.add_argument("--edition", default="2019-05")
    parser.add_argument("--operation", action="append", default=[])
    given = parser.parse_args()
    chosen = [c for c in CLIENTS if not given.name or any(n in c.name for n in given.name)]
    if not chosen:
        parser.error(f"no client's name holds {' or '.join(given.name)}")
    print(HEAD)
    status = 0
    for client in chosen:
        try:
            made = install(client, given.folder)
            line = row(client.name, judge(*made, given.edition, given.operation))
        except (RuntimeError, subprocess.CalledProcessError) as error:
            status = 2
            print(f"{client.name}: {error}", file=sys.stderr)
            line = f"| {client.name} | could not run | | | |"
        print(line, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
