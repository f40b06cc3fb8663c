"""Who may call whom: the arrows of the design, read from the imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_rtcmpu

NAME = "pytest_rtcmpu"
PACKAGE = Path(pytest_rtcmpu.__file__).parent

#: The rooms, lowest floor first: a folder, or a module that stands alone. An import goes down, or
#: stays in its room. docs/design.md's table has the same rooms in the same order.
FLOORS = (
    ("values",),
    ("contract",),
    ("rules", "errors"),
    ("model", "wire", "faults", "signatures", "bounded"),
    ("client",),
    ("endpoint",),
    ("strategies", "server"),
    ("mock",),
    ("hypothesis_entry", "checks"),
    ("report", "explain"),
    ("plugin", "differences"),
    ("testing", "cli", "adapters"),
    ("__main__",),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


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
    """Return the room of a module: its folder, or itself."""
    return name.partition(".")[0]


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


@pytest.mark.parametrize("name", [name for name in MODULES if name])
def test_imports_go_down(name: str) -> None:
    """A module imports from lower floors, and from its own room: inside functions too."""
    room = room_of(name)
    assert room in FLOOR_OF, f"give {name} a floor"
    for imported in own_imports(name):
        other = room_of(imported)
        assert other == room or FLOOR_OF[other] < FLOOR_OF[room], f"{name} imports {imported}"


def test_no_room_is_on_the_floors_and_not_in_the_house() -> None:
    """Every room of the table exists."""
    assert set(FLOOR_OF) == {room_of(name) for name in MODULES if name}


def test_the_designs_table_has_the_same_rooms_on_the_same_floors() -> None:
    """docs/design.md draws the house as it is."""
    page = (PACKAGE.parent / "docs" / "design.md").read_text("utf-8")
    drawn: list[list[str]] = []
    for floor, room in re.findall(r"^\| (\d*) ?\| `(\w+)/?` \|", page, re.MULTILINE):
        if floor:
            assert int(floor) == len(drawn)
            drawn.append([])
        drawn[-1].append(room)
    assert [tuple(rooms) for rooms in drawn] == list(FLOORS)


def test_no_modules_import_each_other_in_a_circle() -> None:
    """From what a module imports nothing leads back to it: inside functions neither."""
    circles = {
        name
        for name in MODULES
        if any(name in reached_from(other) for other in own_imports(name) - {name})
    }
    assert circles == set()


def test_the_package_itself_imports_nothing_of_its_own() -> None:
    """Pytest imports the parent of every plugin: it must cost nothing."""
    assert IMPORTS[""] <= {"__future__.annotations", "importlib", "typing.TYPE_CHECKING"}


def test_signing_stands_on_credentials_alone() -> None:
    """The signer knows nothing of the contract, the wire or the endpoint."""
    assert own_imports("signatures.sign") == {"values.credentials"}


@pytest.mark.parametrize("name", ["signatures.verify", "signatures.autopsy.search", "endpoint"])
def test_the_verifier_never_reaches_the_signer(name: str) -> None:
    """A shared mistake must not cancel out: the endpoint's side does not import the client's."""
    assert not reached_from(name) & {"signatures.sign", "client"}


def test_the_client_never_reaches_the_endpoint() -> None:
    """The client's side does not import the endpoint's."""
    reached = reached_from("client")
    assert "endpoint" not in reached
    assert {name for name in reached if room_of(name) == "signatures"} == {"signatures.sign"}


def test_the_endpoint_knows_no_adapter_and_no_http_library() -> None:
    """The endpoint is sans-IO, and so is everything it reaches."""
    libraries = {
        full.partition(".")[0] for name in reached_from("endpoint") for full in IMPORTS[name]
    }
    assert not libraries & {"requests", "responses", "urllib3", "http", "h11", "socket", "asyncio"}
    assert not {room_of(name) for name in reached_from("endpoint")} & {"mock", "server"}


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("requests", {"bounded", "client", "mock"}),
        ("urllib3", {"bounded", "client", "mock"}),
        ("responses", {"mock"}),
        ("h11", {"server"}),
        ("hypothesis", {"strategies", "hypothesis_entry", "checks"}),
    ],
)
def test_a_library_lives_in_its_rooms(library: str, rooms: set[str]) -> None:
    """Each library is imported where its room is, and nowhere else."""
    assert {room_of(name) for name in importers_of(library)} == rooms


def test_nobody_imports_the_plugin() -> None:
    """The plugin is pytest's entry; nothing else uses it."""
    users = {
        room_of(name) for name in MODULES for each in own_imports(name) if room_of(each) == "plugin"
    }
    assert users == {"plugin", "testing"}


def test_imports_for_type_checkers_do_not_count() -> None:
    """What stands under ``if TYPE_CHECKING`` is not imported at run time; the rest is."""
    code = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import a\nelse:\n    import b\n"
        "def f():\n    from c import d\n"
    )
    assert imports_of(code) == {"typing.TYPE_CHECKING", "b", "c.d"}


#: What everybody loads who has the package installed.
LIGHT = ("plugin", "plugin.checks", "plugin.running")
HEAVY = (
    *("hypothesis", "requests", "responses", "urllib3", "h11", "trustme", "cryptography"),
    f"{NAME}.contract",
)


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
    assert set(ast.literal_eval(own)) <= {NAME, *(f"{NAME}.{each}" for each in LIGHT)}


def test_hypothesis_alone_loads_next_to_nothing() -> None:
    """Hypothesis's entry point is loaded by whoever imports Hypothesis: it imports no type."""
    code = (
        "import hypothesis, sys\n"
        "print(*sorted(name for name in sys.modules if name.startswith('pytest_rtcmpu')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    light = ("hypothesis_entry", "values", "values.announced")
    assert done.stdout.split() == [NAME, *(f"{NAME}.{each}" for each in light)]
