"""What a live endpoint is spared: calls that nobody allowed, and what goes on being billed.

An endpoint that is not this machine starts real tasks. It is called only where somebody has said
so, within a budget, and each task is stopped as soon as its case is over, however that ends; each
layout that was created is deleted, and none that was there before is touched.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from pytest_rtcmpu.checks.core import CannotRun
from pytest_rtcmpu.checks.endpoint.judges import RACERS, ROUNDS
from pytest_rtcmpu.checks.endpoint.scenarios import Scenario, Step
from pytest_rtcmpu.server.control import is_loopback
from pytest_rtcmpu.values.text import TLS, count, for_terminal


class Made(NamedTuple):
    """What a call has made, by its name: a task, or a layout where ``named`` is LayoutId."""

    app_id: str
    id: str
    named: str = "TaskId"

    @property
    def effect(self) -> str:
        """The effect of the operation that undoes it."""
        return "stop" if self.named == "TaskId" else "delete-layout"

    @property
    def shown(self) -> str:
        """What it is called."""
        return f"{self.named} {self.id!r} of AppId {self.app_id!r}"

    @property
    def undone(self) -> str:
        """What is done to it then, in a word."""
        return "stopped" if self.named == "TaskId" else "deleted"


#: What makes something that has to be undone.
MAKING = ("start", "create-layout")
#: What changes a layout, which may be one that somebody uses.
CHANGING = ("modify-layout", "delete-layout")
#: How often stopping a task is tried.
TRIES = 2
#: So many tasks in a row of which nobody answers the stop are enough: each may cost a timeout.
MAX_DEAF = 3


def is_live(url: str) -> bool:
    """Whether an endpoint is another machine, so that what it starts may be real and billed."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False  # no URL at all, which is said where it is called
    return bool(host) and not is_loopback(host)


class Care:
    """The account of one endpoint: calls made, what they made, and what could not be undone.

    Attributes:
        live: whether tasks and layouts are real, and so are stopped and deleted.
        used: how many calls have been made, those that undo something among them.
        spent: whether the budget did not suffice for something: nothing is begun any more.
        left: what could not be undone, and why not.
    """

    def __init__(self, url: str, *, budget: int | None = None) -> None:
        self.live: bool = is_live(url)
        self.budget = budget
        self.used: int = 0
        self.spent: bool = False
        self.left: dict[Made, str] = {}
        self._running: dict[Made, None] = {}
        self._deaf = 0

    def affords(self, calls: int, starts: int) -> bool:
        """Whether so many calls may be made; what they make must be undone within the budget."""
        if self.budget is not None and not self.spent:
            stops = len(self._running) + starts if self.live else 0
            self.spent = self.used + calls + stops > self.budget
        return not self.spent

    def sending(self, calls: int, task: Made | None) -> bool:
        """Note calls that are about to be made, and the task that they may start.

        From here on it is stopped: nobody knows when a run is interrupted.

        Returns:
            whether the task is a new one.
        """
        self.used += calls
        return task is not None and self.made(task)

    def made(self, what: Made) -> bool:
        """Note what has to be undone; return whether it is new."""
        is_new = self.live and what not in self._running
        if is_new:
            self._running[what] = None
        return is_new

    def over(self, task: Made) -> None:
        """Note that a task does not run: it was refused, or has been stopped."""
        self._running.pop(task, None)

    def stop_all(self, stop: Callable[[Made], str]) -> None:
        """Undo all that was made, and tell of what could not be undone.

        Args:
            stop: stops one and returns why it could not, nothing where it could.
        """
        told = len(self.left)
        self._deaf = 0
        try:
            while self._running:
                task = next(iter(self._running))
                # Until it has been stopped it counts as left, whatever interrupts this.
                self.left[task] = f"interrupted while it was being {task.undone}"
                why = self._tried(task, stop)
                self.over(task)
                if why:
                    self.left[task] = why
                else:
                    del self.left[task]
        finally:
            for task in self._running:
                self.left.setdefault(task, f"interrupted before it was {task.undone}")
            self._running.clear()
            for line in self.told()[told:]:
                print(f"rtcmpu: {line}", file=sys.stderr, flush=True)

    def _tried(self, task: Made, stop: Callable[[Made], str]) -> str:
        if not all(task):
            return f"it was made without a name that it could be {task.undone} by"
        if self._deaf >= MAX_DEAF:
            return f"nobody answered the last {MAX_DEAF} times"
        why = ""
        for number in range(TRIES):
            if number and self.budget is not None:
                others = len(self._running) - 1
                if self.used + 1 + others > self.budget:
                    break
            self.used += 1
            why = stop(task)
            if not why:
                self._deaf = 0
                return ""
        self._deaf = self._deaf + 1 if why.startswith(DEAF) else 0
        return why

    def told(self) -> list[str]:
        """Return a line for each task that could not be stopped, or layout not be deleted."""
        return [
            for_terminal(f"could not be {each.undone}: {each.shown}: {why}")
            for each, why in self.left.items()
        ]


#: What the reason begins with where nothing answers a stop.
DEAF = "no reply"


# -------------------------------------------------------------------------------- what it will be


def cost(scenario: Scenario, makes: Callable[[Step], bool]) -> tuple[Counter[str], int]:
    """Return how many calls of each operation a scenario makes, and how much has to be undone."""
    rounds, racers = (ROUNDS, RACERS) if scenario.race else (1, 1)
    calls: Counter[str] = Counter()
    for step in scenario.steps:
        calls[step.operation] += rounds * racers
    return calls, rounds * sum(map(makes, scenario.steps))


def plan_lines(
    planned: Mapping[str, Iterable[Scenario]],
    drawn: Mapping[str, int],
    makes: Callable[[Step], bool],
) -> tuple[str, ...]:
    """Return how many calls a run makes, a line for each phase: of which operation.

    Args:
        planned: the scenarios of each phase that has fixed ones.
        drawn: of each other phase how many calls it makes, more or less.
    """
    told, stops = [], sum(drawn.values())
    for phase, scenarios in planned.items():
        calls: Counter[str] = Counter()
        for scenario in scenarios:
            own, starts = cost(scenario, makes)
            calls += own
            stops += starts
        listed = ", ".join(f"{number} {name}" for name, number in calls.items())
        # Fewer where a case can go on with the task of the one before.
        most = f"at most {count(calls.total(), 'call')}"
        told.append(f"{phase}: {most}" + (f" ({listed})" if calls else ""))
    told += (f"{phase}: some {number} calls, and more to shrink" for phase, number in drawn.items())
    told.append(f"to undo what these start and create: at most {count(stops, 'call')}")
    return tuple(told)


def out_of_reach(url: str, why: str) -> CannotRun:
    """Return the error about an endpoint that never answered, with what to do.

    Args:
        why: what the system says, in the words of ``system_error``.
    """
    to_do = "start it first, or name the URL that it listens at"
    if "ECONNREFUSED" in why:
        to_do = f"nothing listens there: {to_do}"
    elif TLS in why:
        to_do = (
            "for a certificate of its own set REQUESTS_CA_BUNDLE to its authority's file; where it "
            "speaks no TLS name http://"
        )
    return CannotRun(f"{url}: the endpoint cannot be reached: {why}; {to_do}")


def refusal(url: str, plan: Iterable[str], *, budget: int | None) -> CannotRun:
    """Return the error about an endpoint that nobody has said may be called.

    Args:
        plan: the calls that would be made.
    """
    bound = [] if budget is None else [f"of all these no more than {budget}"]
    listed = "\n".join(f"  {line}" for line in (*plan, *bound))
    return CannotRun(
        f"{url} is not this machine: what a run starts there may be real, and billed. "
        f"It would make these calls:\n{listed}\n"
        "Nothing was sent. To make them: --live (of pytest: --rtcmpu-live), with --budget N no "
        "more than N of them, with --app-id NAME about an app of yours; to see them: "
        "rtcmpu check endpoint --dry-run"
    )
