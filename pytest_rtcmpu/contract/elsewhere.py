"""What the package's other editions have: whoever took another edition's page is led to it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from pytest_rtcmpu.contract.loader import editions, load
from pytest_rtcmpu.contract.types import Contract, ContractError


def knowing(operation: str, contract: Contract) -> tuple[Contract, ...]:
    """Return the package's other editions that have an operation, seen from it."""
    return _knowing(operation, contract.edition)


def others(contract: Contract) -> tuple[Contract, ...]:
    """Return the package's other editions, seen from the same operation: those that have it."""
    return _knowing(contract.action, contract.edition)


@cache
def _knowing(operation: str, edition: str) -> tuple[Contract, ...]:
    return tuple(
        other.operation(operation)
        for name in editions()
        if name != edition and (other := _loaded(name)) and operation in other.operations
    )


def having(name: str, contract: Contract) -> tuple[Contract, ...]:
    """Return the other editions whose operation has a parameter of that full name."""
    return tuple(other for other in others(contract) if other.has(name))


def all_operations() -> tuple[str, ...]:
    """Return the names of the operations that there are in any of the package's editions."""
    found = (operation for e in editions() if (c := _loaded(e)) for operation in c.operations)
    return tuple(dict.fromkeys(found))


def _loaded(edition: str) -> Contract | None:
    try:
        return load(edition)
    except ContractError:
        return None  # that its files are wrong is told to whoever loads it


def to_set(contracts: Iterable[Contract], what: str) -> str:
    """Return ``edition 2021-03 has it: set rtcmpu_edition = 2021-03, …``, or nothing for none.

    For whoever runs an endpoint. A request's author gives the contract.

    Args:
        what: what these editions do with it: ``has it``, ``allows it``.
    """
    names = [contract.edition for contract in contracts]
    if not names:
        return ""
    return (
        f"edition {' and '.join(names)} {what}: set rtcmpu_edition = {names[0]} "
        f"(in code contract=contract.load({names[0]!r}), in a shell --edition {names[0]})"
    )


def to_give(contracts: Iterable[Contract], what: str) -> str:
    """Return ``2021-03 has it; give contract=contract.load('2021-03')``, or nothing for none.

    Args:
        what: what these editions do with it: ``has it``, ``allows it``.
    """
    names = [contract.edition for contract in contracts]
    if not names:
        return ""
    return f"{' and '.join(names)} {what}; give contract=contract.load({names[0]!r})"
