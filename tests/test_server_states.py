"""The states of a served connection: what may follow what, and nothing else does."""

from __future__ import annotations

import math
from itertools import product
from typing import Any, get_args

import pytest

from pytest_rtcmpu.server.limits import Limits
from pytest_rtcmpu.server.states import (
    ARRIVING,
    INTAKES,
    OUTLETS,
    OVER,
    PHASES,
    ConnectionState,
    IllegalTransition,
    Intake,
    Outlet,
    Phase,
    patience,
)

TABLES: dict[str, tuple[Any, Any, str, str]] = {
    "phase": (PHASES, Phase, "go", "idle"),
    "intake": (INTAKES, Intake, "read", "flowing"),
    "outlet": (OUTLETS, Outlet, "write", "free"),
}


@pytest.mark.parametrize("name", TABLES)
def test_only_what_the_table_names_can_follow(name: str) -> None:
    """Each step of the table can be made, and any other raises and changes nothing."""
    table, _, method, _ = TABLES[name]
    for now, then in product(table, table):
        state = ConnectionState()
        setattr(state, name, now)
        if then in table[now]:
            getattr(state, method)(then)
            assert getattr(state, name) == then
        else:
            with pytest.raises(IllegalTransition, match=f"{name}: {then} cannot follow {now}"):
                getattr(state, method)(then)
            assert getattr(state, name) == now


@pytest.mark.parametrize("name", TABLES)
def test_every_state_can_be_reached(name: str) -> None:
    """From the first state of a connection there is a way to each of the table."""
    table, names, _, first = TABLES[name]
    assert getattr(ConnectionState(), name) == first
    reached, waiting = set(), [first]
    while waiting:
        state = waiting.pop()
        if state not in reached:
            reached.add(state)
            waiting += table[state]
    assert reached == set(table) == set(get_args(names))


def test_what_is_over_stays_over() -> None:
    """From a phase in which nothing is answered no way leads back, and each leads to the end."""
    for phase in OVER:
        assert PHASES[phase] <= OVER
    assert all("gone" in then for phase, then in PHASES.items() if phase != "gone")


@pytest.mark.parametrize(
    ("phase", "seconds"),
    [("idle", 3), *((phase, 2) for phase in sorted(ARRIVING)), ("leaving", 1)],
)
def test_every_wait_for_a_client_has_an_end(phase: Phase, seconds: float) -> None:
    """Where a client is to do something, it has so long as the limits say."""
    limits = Limits(keep_alive_seconds=3, request_seconds=2, linger_seconds=1)
    assert patience(phase, limits) == seconds


@pytest.mark.parametrize("phase", ["answering", "holding", "gone"])
def test_nobody_is_hurried_who_waits_for_us(phase: Phase) -> None:
    """A client that waits for a reply is not dropped for it."""
    assert patience(phase, Limits()) == math.inf
