"""What the endpoint knows from one call to the next: keys, tasks, nonces, clock, record."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pytest_rtcmpu.contract import Contract, ErrorRow
from pytest_rtcmpu.endpoint.record import Record
from pytest_rtcmpu.signatures.autopsy import Memory
from pytest_rtcmpu.values.credentials import Credentials
from pytest_rtcmpu.values.messages import Request, Response

Spoil = Callable[[Response], Response]
Clock = Callable[[], datetime]

#: Common parameters of signature 1.0 that a request of V3 has no place for.
_NOT_IN_V3 = {"SignatureVersion", "Format"}


@dataclass(frozen=True, kw_only=True)
class AskedAnswer:
    """An error row that answers a call that keeps every rule, and what spoils that answer."""

    row: ErrorRow
    fault: Spoil | None


@dataclass(frozen=True, kw_only=True)
class AskedFault:
    """What spoils a reply, and whether its request is handled before."""

    fault: Spoil
    handled: bool


@dataclass(kw_only=True, slots=True)
class Task:
    """A task that was started, running or not.

    Attributes:
        request: what started it.
        status: what GetMPUTaskStatus answers, once ``scripted`` is used up.
        holds: the values, (parameter, value), that no other task may have meanwhile.
        scripted: what the next polls answer, in that order.
        changes: what was changed since it was started, by parameter.
    """

    request: Request
    status: int
    holds: tuple[tuple[str, str], ...] = ()
    scripted: deque[int] | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


class Nonces:
    """The nonces that were used, each for as long as its timestamp may pass."""

    def __init__(self) -> None:
        self._expiry: dict[tuple[str, str], datetime] = {}
        self._by_age: deque[tuple[datetime, tuple[str, str]]] = deque()

    def __len__(self) -> int:
        return max(len(self._expiry), len(self._by_age))

    def use(self, nonce: tuple[str, str], *, now: datetime, expires: datetime) -> bool:
        """Use a nonce, (AccessKeyId, SignatureNonce), up; whether it was new."""
        while self._by_age and self._by_age[0][0] < now:
            # Its timestamp could no longer pass, so it need not be remembered.
            expiry, old = self._by_age.popleft()
            if self._expiry.get(old) == expiry:
                del self._expiry[old]
        # One whose timestamp lay ahead may stand before it in the queue.
        if nonce in self._expiry and self._expiry[nonce] >= now:
            return False
        self._expiry[nonce] = expires
        self._by_age.append((expires, nonce))
        return True


class State:
    """What the endpoint knows, and what each request is asked for.

    Args:
        keys: each access key and whether it is active, by its AccessKeyId.
        tasks: the tasks that run or wait for their channel, by (AppId, TaskId).
        ended: those that were started and run no more; the latest ``max_calls`` of them.
        made_layouts: layouts that a call made, by id, with what it told of them.
        last_layout: the id of the layout that a call made last; 0 where none did.
        held: which task a value that no two may share belongs to, by parameter and value.
        resting: when the task ended that such a value belonged to, in that order.
        start_statuses: what the polls of a task that is started answer, in that order; none for
            the edition's own.
        asked: what a test has asked the next calls to be answered with, in that order.
        autopsies: what explained earlier signatures; it changes no reply, and outlives a reset.
    """

    def __init__(
        self,
        contract: Contract,
        keys: Mapping[str, tuple[Credentials, bool]],
        now: Clock | datetime | None,
        max_calls: int,
        autopsies: Memory,
    ) -> None:
        self.contract = contract
        self.keys: dict[str, tuple[Credentials, bool]] = dict(keys)
        self.tasks: dict[tuple[str, str], Task] = {}
        self.ended: dict[tuple[str, str], Task] = {}
        self.made_layouts: dict[int, Mapping[str, Any]] = {}
        self.last_layout = 0
        self.held: dict[tuple[str, str], tuple[str, str]] = {}
        self.resting: dict[tuple[str, str], datetime] = {}
        self.start_statuses: tuple[int, ...] = ()
        self.nonces: Nonces = Nonces()
        self.record: Record = Record(max_calls)
        self.asked: deque[AskedAnswer | AskedFault] = deque()
        self.autopsies = autopsies
        self.set_clock(now)
        common = contract.common_parameters
        needed = [p.name for p in common if p.required]
        #: The common parameters that a request of each signature must have.
        self.needed: dict[str, list[str]] = {
            "1.0": needed,
            "v3": [*(name for name in needed if name not in _NOT_IN_V3), "ContentSha256"],
        }
        #: The one documented value of a common parameter, where it has one.
        self.documented: dict[str, str | None] = {p.name: p.value for p in common}
        self.window: timedelta = timedelta(seconds=contract.service.timestamp_window_seconds)

    @property
    def now(self) -> datetime:
        """What the clock shows."""
        return _with_zone(self._now())

    def set_clock(self, now: Clock | datetime | None) -> None:
        """Set the clock: to a moment where it stands still, a function, or ``None`` for real."""
        if isinstance(now, datetime):
            moment = _with_zone(now)
            self._now: Clock = lambda: moment
        elif now is not None and not callable(now):
            raise TypeError(f"now: expected a datetime, a function or None, got {now!r}")
        else:
            self._now = now or _utc_now

    def advance_clock(self, step: timedelta) -> None:
        """Move the clock on, or back where negative."""
        now = self._now
        self._now = lambda: now() + step


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("now: expected a datetime with a time zone, got a naive one")
    return moment
