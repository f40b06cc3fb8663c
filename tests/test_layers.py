"""Who may call whom: the arrows of the design, read from the imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_rtcmpu

NAME = "pytest_rtcmpu"
PACKAGE = Path(pytest_rtcmpu.__file__).parent

#: The floors of the house, lowest first; an import goes down, or stays in its folder.
FLOORS = (
    ("contract", "credentials", "messages"),
    ("errors", "rules", "signing", "verification", "faults", "redaction", "adapters.environment"),
    ("model", "wire", "mistakes"),
    ("client", "autopsy", "repeats"),
    ("endpoint",),
    ("adapters.responses", "adapters.server", "strategies"),
    ("hypothesis_entry", "checks"),
    ("adapters.line_protocol", "report", "explain"),
    ("adapters.record",),
    ("adapters.page",),
    ("adapters.control",),
    ("adapters.served", "serve"),
    ("checks.plan",),  # what pytest is asked to check: for the plugin, not for the checks
    ("plugin", "cli"),
    ("__main__",),
)
FLOOR_OF = {module: floor for floor, modules in enumerate(FLOORS) for module in modules}
#: Modules that are the plugin's: what only a run that checks something imports.
PLUGINS_OWN = ("checks_plugin", "checks_items", "testing")
#: A floor that may be stepped over, and why.
EXCEPTIONS = {
    ("checks", "adapters.line_protocol"): "a target named by a command is made when asked for",
}


def name_of(path: Path) -> str:
    """Return a module's name within the package; the package itself is the empty name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run: what stands under ``if TYPE_CHECKING`` does not."""
    yield node
    for child in ast.iter_child_nodes(node):
        if (
            isinstance(child, ast.If)
            and isinstance(child.test, ast.Name)
            and child.test.id == "TYPE_CHECKING"
        ):
            for other in child.orelse:
                yield from runtime_nodes(other)
        else:
            yield from runtime_nodes(child)


def imports_of(code: str) -> set[str]:
    """Return the full names of everything that a module's code imports when it runs."""
    found: set[str] = set()
    for node in runtime_nodes(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


IMPORTS = {name: imports_of(path.read_text("utf-8")) for name, path in MODULES.items()}


def own_imports(name: str) -> set[str]:
    """Return the package's modules that a module imports."""
    found = set()
    for full in IMPORTS[name]:
        top, _, rest = full.partition(".")
        if top == NAME:
            while rest and rest not in MODULES:
                rest = rest.rpartition(".")[0]
            found.add(rest)
    return found - {""}


def room_of(name: str) -> str:
    """Return the entry of the floors' table that a module belongs to."""
    if name in PLUGINS_OWN:
        return "plugin"
    return name if name in FLOOR_OF else name.partition(".")[0]


def reached_from(name: str) -> set[str]:
    """Return every module of the package that is imported in consequence of one."""
    found, waiting = set(), [name]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += own_imports(module)
    return found


def importers_of(library: str) -> set[str]:
    """Return the modules that import a library."""
    return {
        name
        for name, imports in IMPORTS.items()
        if any(full.partition(".")[0] == library for full in imports)
    }


INHABITED = [name for name in MODULES if name not in ("", "adapters")]


@pytest.mark.parametrize("name", INHABITED)
def test_imports_go_down(name: str) -> None:
    """A module imports modules of lower floors, and those of its own folder."""
    room = room_of(name)
    assert room in FLOOR_OF, f"give {name} a floor"
    for imported in own_imports(name) - {"adapters"}:
        other = room_of(imported)
        if other != room and (room, other) not in EXCEPTIONS:
            assert FLOOR_OF[other] < FLOOR_OF[room], f"{name} imports {imported}"


@pytest.mark.parametrize(("room", "other"), EXCEPTIONS)
def test_an_exception_is_still_needed(room: str, other: str) -> None:
    """An exception that nobody needs any more fails."""
    users = [name for name in INHABITED if room_of(name) == room and other in own_imports(name)]
    assert users


def test_the_package_itself_imports_nothing_of_its_own() -> None:
    """Pytest imports the parent of every plugin: it must cost nothing."""
    assert IMPORTS[""] <= {"__future__.annotations", "importlib", "typing.TYPE_CHECKING"}


def test_signing_stands_on_credentials_alone() -> None:
    """The signer knows nothing of the contract, the wire or the endpoint."""
    assert own_imports("signing") == {"credentials"}


@pytest.mark.parametrize("name", ["verification", "autopsy", "endpoint"])
def test_the_verifier_never_reaches_the_signer(name: str) -> None:
    """A shared mistake must not cancel out: the endpoint's side does not import the client's."""
    assert not reached_from(name) & {"signing", "client"}


def test_the_client_never_reaches_the_endpoint() -> None:
    """The client's side does not import the endpoint's."""
    assert not reached_from("client") & {"verification", "autopsy", "mistakes", "endpoint"}


def test_the_endpoint_knows_no_adapter_and_no_http_library() -> None:
    """The endpoint is sans-IO, and so is everything it reaches."""
    libraries = {
        full.partition(".")[0] for name in reached_from("endpoint") for full in IMPORTS[name]
    }
    assert not libraries & {"requests", "responses", "urllib3", "http", "h11", "socket", "asyncio"}
    assert not any(name.startswith("adapters") for name in reached_from("endpoint"))


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("requests", {"client", "adapters.responses"}),
        ("urllib3", {"client", "adapters.responses"}),
        ("responses", {"adapters.responses"}),
        ("h11", {"adapters.server"}),
        ("hypothesis", {"strategies", "hypothesis_entry", "checks"}),
    ],
)
def test_a_library_lives_in_its_rooms(library: str, rooms: set[str]) -> None:
    """Each library is imported where its room is, and nowhere else."""
    assert {room_of(name) for name in importers_of(library)} == rooms


def test_nobody_imports_the_plugin() -> None:
    """The plugin is pytest's entry; nothing else uses it."""
    assert [name for name in MODULES if "plugin" in own_imports(name)] == []


def test_imports_for_type_checkers_do_not_count() -> None:
    """What stands under ``if TYPE_CHECKING`` is not imported at run time; the rest is."""
    code = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import a\nelse:\n    import b\n"
        "def f():\n    from c import d\n"
    )
    assert imports_of(code) == {"typing.TYPE_CHECKING", "b", "c.d"}


HEAVY = ("hypothesis", "requests", "responses", "urllib3", "h11", f"{NAME}.contract")


@pytest.mark.parametrize("module", ["pytest_rtcmpu", "pytest_rtcmpu.plugin"])
def test_an_installed_plugin_loads_nothing_heavy(module: str) -> None:
    """A bare interpreter that imports the plugin has none of the heavy modules."""
    code = (
        f"import sys, {module}\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
        f"print(sorted(name for name in sys.modules if name.startswith({NAME!r})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    heavy, own = done.stdout.splitlines()
    assert heavy == "[]"
    assert set(ast.literal_eval(own)) <= {NAME, module, f"{NAME}.checks_plugin"}


def test_hypothesis_alone_loads_no_http_library() -> None:
    """Hypothesis's entry point is loaded by whoever imports Hypothesis; it is light as well."""
    code = (
        "import hypothesis, sys\n"
        "print([name for name in ('requests', 'responses') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
