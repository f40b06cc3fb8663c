"""What is recorded of each call, and how much of it is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any

from pytest_rtcmpu import wire
from pytest_rtcmpu.contract import Clause, Contract, SignatureKind
from pytest_rtcmpu.errors import InvalidTask
from pytest_rtcmpu.model import StartMPUTask
from pytest_rtcmpu.model.forms import unflatten
from pytest_rtcmpu.rules import Note, Pairs, Problem, collect, judge_collected
from pytest_rtcmpu.signatures.autopsy import Autopsy
from pytest_rtcmpu.values.credentials import Secret
from pytest_rtcmpu.values.messages import Request, Response
from pytest_rtcmpu.values.redaction import redact_everywhere
from pytest_rtcmpu.values.text import for_terminal

#: How many of the latest calls are kept, unless asked otherwise.
MAX_CALLS = 10_000
_MIN_ROOM = 64 * 1024 * 1024
#: What a call takes is a third of it, as a rule.
_ROOM_PER_CALL = 16 * 1024
#: About what a decoded parameter takes, beside its characters.
_PAIR_WEIGHT = 200


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Answer(Response):
    """A reply of the endpoint, and what it says: ``code`` is ``None`` for a success."""

    request_id: str
    code: str | None
    message: str

    @property
    def http_status(self) -> int:
        """The HTTP status."""
        return self.status


@dataclass(kw_only=True, eq=False)  # not frozen: to make a frozen one takes twice as long
class Call:
    """A call as the endpoint recorded it.

    Attributes:
        task: the task that its parameters describe; of one sent twice the first counts.
        params: any operation's parameters, by their documented names, numbers as such.
        pairs: every parameter of query and form, decoded, in order, duplicates too.
        signature: ``1.0`` or ``v3``: which one the request came with.
        reply_format: ``JSON`` or ``XML``: what it asked for, by Format or by leaving it out.
        reply: what was answered; ``code`` is ``None`` for a success.
        clause: the clause that a refused request broke.
        problems: everything that is wrong with the operation's parameters, not only the first.
        warnings: what the request relies on that the documentation leaves open.
        autopsy: why the signature does not verify, where it does not.
        fault: what spoilt the reply, where something did.
    """

    number: int
    request: Request
    signature: SignatureKind
    reply_format: str
    action: str | None
    received: datetime
    reply: Response
    request_id: str
    code: str | None
    http_status: int
    message: str
    clause: Clause | None
    problems: tuple[Problem, ...]
    warnings: tuple[Note, ...]
    autopsy: Autopsy | None
    fault: str | None
    contract: Contract

    def __repr__(self) -> str:
        outcome = f"{self.code or 'success'}, HTTP {self.http_status}"
        spoilt = f", spoilt by {self.fault}" if self.fault else ""
        action = self.action and for_terminal(self.action)
        return f"Call({self.number}: {action} → {outcome}{spoilt})"

    @property
    def signature_kind(self) -> SignatureKind:
        """Another name of ``signature``."""
        return self.signature

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Every parameter of query and form, decoded, in order, duplicates too."""
        # Decoded again when somebody looks: a record of 10,000 calls is kept for a few who do.
        return tuple(wire.request_pairs(self.request))

    @cached_property
    def task(self) -> StartMPUTask | None:
        """The task that a StartMPUTask describes, or ``None`` when it breaks a rule."""
        if self.contract.action != StartMPUTask.action:
            return None
        try:
            return StartMPUTask.from_wire(once(self.pairs), contract=self.contract)
        except InvalidTask:
            return None

    @cached_property
    def params(self) -> dict[str, Any] | None:
        """The operation's parameters by their documented names, or ``None`` when one is wrong."""
        found = collect(once(self.pairs), self.contract)
        wrong = judge_collected(found, self.contract).problems
        return None if wrong else unflatten(found, self.contract)


class Record:
    """The latest calls, and how many there were.

    Args:
        max_calls: how many of them are kept; very large ones push out more.
    """

    def __init__(self, max_calls: int) -> None:
        self.calls: deque[Call] = deque()
        self.count = 0
        self.max_calls = max_calls
        self._weight = 0
        self._max_weight = max(_MIN_ROOM, max_calls * _ROOM_PER_CALL)

    def keep(self, call: Call) -> None:
        """Add a call, and let go of the oldest where there is no room."""
        self.calls.append(call)
        self._weight += _weight(call)
        while len(self.calls) > self.max_calls or (
            self._weight > self._max_weight and len(self.calls) > 1
        ):
            self._weight -= _weight(self.calls.popleft())


def _weight(call: Call) -> int:
    """About how many bytes a recorded call keeps."""
    size = len(call.request.target) + len(call.request.body)
    # The message of a refused signature, its reply and its autopsy repeat what came.
    copies = 2 if call.autopsy is None else 12
    pairs = call.request.target.count("&") + call.request.body.count(b"&")
    return copies * size + _PAIR_WEIGHT * pairs


#: How many things that lead on are added to an exception.
_MAX_LEADS = 3


def add_leads(error: BaseException, calls: Iterable[Call], secrets: Iterable[Secret]) -> None:
    """Add to an exception what another edition allows of what was refused before it was raised.

    A client's exception has a Code, and no word on why.
    """
    told = (
        f"pytest-rtcmpu: call {call.number}, {call.action}: {problem}"
        for call in calls
        for problem in call.problems
        if problem.lead
    )
    known = tuple(secrets)
    for line in islice(dict.fromkeys(told), _MAX_LEADS):
        note = for_terminal(redact_everywhere(line, known))
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)


def once(pairs: Pairs) -> Pairs:
    """Return pairs without those whose name was there before: of such the first counts."""
    first: dict[str, str] = {}
    for name, value in pairs:
        first.setdefault(name, value)
    return tuple(first.items())
