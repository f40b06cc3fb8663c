"""What a test does with an endpoint: look at it, ask for failures, set its clock, start it anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from pytest_rtcmpu import errors, faults, wire
from pytest_rtcmpu.contract import Contract, ContractError, ErrorRow
from pytest_rtcmpu.contract.elsewhere import others, to_set
from pytest_rtcmpu.endpoint import effects
from pytest_rtcmpu.endpoint.record import Call, once
from pytest_rtcmpu.endpoint.state import AskedAnswer, AskedFault, Clock, Spoil, State, Task
from pytest_rtcmpu.model import StartMPUTask
from pytest_rtcmpu.signatures.autopsy import Memory
from pytest_rtcmpu.values.arguments import expect_number, naming_keywords
from pytest_rtcmpu.values.credentials import Credentials, Secret
from pytest_rtcmpu.values.forks import own_lock
from pytest_rtcmpu.values.text import some

#: A task as such, or (AppId, TaskId).
TaskKey = StartMPUTask | tuple[str, str]


def _key(task: TaskKey) -> tuple[str, str]:
    """What a task is known by.

    Raises:
        TypeError: for what names no task.
    """
    if isinstance(task, StartMPUTask):
        return task.app_id, task.task_id
    if isinstance(task, tuple) and len(task) == 2 and all(isinstance(x, str) for x in task):
        return task
    raise TypeError(f"task: expected a StartMPUTask or (AppId, TaskId), got {task!r}")


def _shown(task: Task, contract: Contract) -> StartMPUTask:
    """A task as it is now: what started it, and what was changed since."""
    made = StartMPUTask.from_wire(once(wire.request_pairs(task.request)), contract=contract)
    known = {p.name for p in contract.parameters}
    changes = {name: value for name, value in task.changes.items() if name in known}
    if not changes:
        return made
    return StartMPUTask.from_params({**made.params, **changes}, contract=contract)


class Controls:
    """The side of an endpoint that its test sees."""

    def __init__(
        self,
        contract: Contract,
        keys: Mapping[str, tuple[Credentials, bool]],
        now: Clock | datetime | None,
        max_calls: int,
    ) -> None:
        self._lock = own_lock(self, "_lock")
        self._original = (contract, keys, now, max_calls, Memory())
        self.reset()

    def reset(self) -> None:
        """Forget everything: tasks, calls, nonces, faults, clock, layouts and added keys."""
        with self._lock:
            self._state = State(*self._original)

    # -------------------------------------------------------------------------- what there is

    @property
    def contract(self) -> Contract:
        """The contract that it enforces, with the layouts that are registered."""
        return self._state.contract

    @property
    def credentials(self) -> Credentials:
        """The first of the access keys it knows."""
        return next(iter(self._state.keys.values()))[0]

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What must be shown to nobody: the secrets and tokens of the keys it knows."""
        with self._lock:
            keys = [key for key, _ in self._state.keys.values()]
        return tuple(s for key in keys for s in (key.access_key_secret, key.security_token) if s)

    @property
    def calls(self) -> list[Call]:
        """The latest calls, oldest first; at most ``max_calls`` of them."""
        with self._lock:
            return list(self._state.record.calls)

    @property
    def call_count(self) -> int:
        """How many calls there were, those no longer kept included."""
        return self._state.record.count

    @property
    def kept_count(self) -> int:
        """How many calls are kept in ``calls``."""
        return len(self._state.record.calls)

    @property
    def tasks(self) -> list[StartMPUTask]:
        """The tasks that run or wait for their channel, in the order in which they were started."""
        return self.list_tasks()

    @property
    def task_count(self) -> int:
        """How many tasks run or wait; ``tasks`` makes each of them, which takes its time."""
        return len(self._state.tasks)

    def list_tasks(self, offset: int = 0, limit: int | None = None) -> list[StartMPUTask]:
        """Return some of the tasks, in the order in which they were started.

        Args:
            offset: how many to leave out at the beginning.
            limit: how many at most; all unless given.
        """
        return [task for task, _ in self.list_statuses(offset, limit)]

    def list_statuses(
        self, offset: int = 0, limit: int | None = None
    ) -> list[tuple[StartMPUTask, int]]:
        """Return what ``list_tasks`` does, each task with its status."""
        expect_number("offset", offset, "an int, 0 or more", low=0, whole=True)
        if limit is not None:
            expect_number("limit", limit, "an int, 0 or more, or None", low=0, whole=True)
        end = None if limit is None else offset + limit
        with self._lock:
            contract = self._state.contract
            some = islice(self._state.tasks.values(), offset, end)
            started = [(task, task.status) for task in some]
        return [(_shown(task, contract), status) for task, status in started]

    def status(self, task: TaskKey) -> int:
        """Return a task's status, as GetMPUTaskStatus would tell it; nothing scripted is used up.

        Raises:
            KeyError: if none was started.
        """
        with self._lock:
            return self._known(_key(task)).status

    # ------------------------------------------------------------------------ what is changed

    def stop(self, task: TaskKey) -> None:
        """Stop a task, given as such or as (AppId, TaskId), as its user does.

        Raises:
            KeyError: if none runs.
        """
        key = _key(task)
        with self._lock:
            if key not in self._state.tasks:
                known = some(self._state.tasks)
                raise KeyError(f"no task (AppId, TaskId) = {key}; running: {known}")
            effects.stop(self._state, key)

    def set_status(self, task: TaskKey, status: int, *then: int) -> None:
        """Set the status that GetMPUTaskStatus answers.

        A task of a status other than 0 and 1 runs no more, and its TaskId is free.

        Args:
            task: a task that was started, given as such or as (AppId, TaskId).
            status: of the edition's table: 0 waiting for the channel, 1 running, 2 stopped, 3
                stopped by the user.
            then: what the polls after the next one answer, in that order; the last one stays:
                ``set_status(task, 0, 0, 1)``.

        Raises:
            KeyError: if no such task was started.
            ValueError: for a status that the edition does not have.
        """
        key = _key(task)
        with self._lock:
            statuses = self._statuses(status, *then)
            later = f"set_start_status({', '.join(map(str, statuses))})"
            self._known(key, f"; for those that are started later, {later}")
            effects.script(self._state, key, statuses)

    def set_start_status(self, *statuses: int) -> None:
        """Set what GetMPUTaskStatus answers for each task that is started from now on.

        For an app that starts a task and polls it in one go: ``set_start_status(0, 0, 1)`` lets it
        wait twice, then run.

        Args:
            statuses: what the polls answer, in that order; the last one stays. With a single one
                the task has it from its start. With none it is as at first: a task waits, 0.

        Raises:
            ValueError: for a status that the edition does not have.
        """
        with self._lock:
            self._state.start_statuses = self._statuses(*statuses)

    def _statuses(self, *statuses: int) -> tuple[int, ...]:
        known = effects.statuses(self._state.contract)
        for each in statuses:
            if type(each) is not int or each not in known:
                expected = ", ".join(map(str, known))
                raise ValueError(
                    f"status: expected one of {expected}, got {each!r}{self._instead_of(each)}"
                )
        return statuses

    def _instead_of(self, status: object) -> str:
        """Return what leads on from what is no status."""
        if isinstance(status, list | tuple):
            return "; give several one by one"
        if type(status) is not int:
            return ""
        having = (c for c in others(self._state.contract) if status in effects.statuses(c))
        lead = to_set(having, "has it")
        return f"; {lead}" if lead else ""

    def _known(self, key: tuple[str, str], hint: str = "") -> Task:
        state = self._state
        found = state.tasks.get(key) or state.ended.get(key)
        if found is None:
            known = some({**state.tasks, **state.ended})
            raise KeyError(f"no task (AppId, TaskId) = {key}; started: {known}{hint}")
        return found

    def register_layout(self, layout_id: int, panes: int) -> None:
        """Make a user-defined layout known.

        A task that uses it is made with ``StartMPUTask(…, contract=endpoint.contract)``.

        Raises:
            ValueError: for an id up to 10000.
        """
        with self._lock:
            self._state.contract = self._state.contract.with_layouts({layout_id: panes})

    def add_key(self, credentials: Credentials, *, active: bool = True) -> None:
        """Make an access key known, disabled where ``active`` is false.

        Raises:
            TypeError: for what is no :class:`Credentials`.
        """
        __tracebackhide__ = True  # what is none may hold a secret
        if not isinstance(credentials, Credentials):
            expected = "expected Credentials(access_key_id, access_key_secret)"
            raise TypeError(f"credentials: {expected}, got a {type(credentials).__name__}")
        with self._lock:
            self._state.keys[credentials.access_key_id] = (credentials, active)

    @property
    def now(self) -> datetime:
        """What its clock shows."""
        return self._state.now

    def set_clock(self, now: Clock | datetime | None) -> None:
        """Set the clock: to a moment where it stands still, a function, or ``None`` for real."""
        self._state.set_clock(now)

    def advance_clock(self, by: timedelta | float) -> None:
        """Move the clock on by a timedelta or by seconds (back where negative)."""
        if not isinstance(by, timedelta):
            expected = "a timedelta or a number of seconds"
            expect_number("by", by, expected)
            try:
                by = timedelta(seconds=by)
            except OverflowError:
                raise ValueError(f"by: expected {expected}, got {by!r}") from None
        self._state.advance_clock(by)

    # --------------------------------------------------------------------- what is asked for

    @naming_keywords
    def fail_next(
        self,
        failure: str | Spoil,
        times: int = 1,
        *,
        http_status: int | None = None,
        message: str | None = None,
        handled: bool | None = None,
    ) -> None:
        """Let the next calls fail, after those that were asked for before.

        Args:
            failure: a Code: see :meth:`answer_next`, which takes ``http_status`` and ``message``.
                Or a fault: see :meth:`spoil_next`, which takes ``handled``.
            times: how many calls, 1 or more.

        Raises:
            TypeError: for what is neither, or for an argument of the other kind.
        """
        if isinstance(failure, str):
            _expect_absent("a Code", handled=handled)
            self.answer_next(failure, times, http_status=http_status, message=message)
        elif _is_fault(failure):
            _expect_absent("a fault", http_status=http_status, message=message)
            self.spoil_next(failure, times, handled=handled)
        else:
            raise TypeError(f"failure: expected a Code or a fault, got {failure!r}{_code(failure)}")

    @naming_keywords
    def answer_next(
        self,
        code: str,
        times: int = 1,
        *,
        http_status: int | None = None,
        message: str | None = None,
        fault: Spoil | None = None,
    ) -> None:
        """Answer the next calls that keep every rule with a Code; they start nothing.

        A call that breaks a rule gets its own error, and the Code waits for the next one.

        Args:
            code: a documented one, such as ``InternalError``, or any other with an ``http_status``.
            times: how many calls, 1 or more.
            http_status: which of the Code's rows, or that of a Code that nobody documents; 200…999.
            message: in place of the documented one.
            fault: what spoils these answers (see ``faults``).

        Raises:
            ContractError: for an unknown Code without ``http_status``.
        """
        if not isinstance(code, str):
            raise TypeError(f"code: expected a Code, got {code!r}{_code(code)}")
        if http_status is not None and not (type(http_status) is int and 200 <= http_status <= 999):
            raise ValueError(f"http_status: expected an int, 200…999, got {http_status!r}")
        if message is not None and not isinstance(message, str):
            raise TypeError(f"message: expected a text, got {message!r}")
        if fault is not None:
            _expect_fault(fault)
        row = self._row(code, http_status)
        if message is not None:
            row = replace(row, message=message)
        self._ask(AskedAnswer(row=row, fault=fault), times)

    @naming_keywords
    def spoil_next(self, fault: Spoil, times: int = 1, *, handled: bool | None = None) -> None:
        """Spoil the next replies, whatever they say.

        Args:
            fault: a function from reply to reply, such as those in ``faults``.
            times: how many replies, 1 or more.
            handled: whether the request was handled before its reply was spoilt, and so may have
                started its task. Unless given, a fault after which nothing of the reply arrives
                (``timeout``, ``connection_reset``, ``html_502`` …) has come before it.
        """
        _expect_fault(fault)
        if handled is None:
            handled = getattr(fault, "handled", True)
        elif not isinstance(handled, bool):
            raise TypeError(f"handled: expected True, False or None, got {handled!r}")
        self._ask(AskedFault(fault=fault, handled=handled), times)

    def _ask(self, asked: AskedAnswer | AskedFault, times: int) -> None:
        if type(times) is not int or times < 1:  # True is an int, and no number of calls
            hint = _instead_of_times(asked, times)
            raise ValueError(f"times: expected an int, 1 or more, got {times!r}{hint}")
        with self._lock:
            self._state.asked.extend([asked] * times)

    def _row(self, code: str, http_status: int | None) -> ErrorRow:
        """Return the documented row, or a row of nobody's where a status is given."""
        try:
            return self.contract.error(code, http_status)
        except ContractError as error:
            if http_status is None:
                known = f"{code!r}: for a Code that nobody documents, give http_status"
                if code in faults.PLAIN:
                    known = f"{code!r}: for the fault, give faults.{code}"
                raise ContractError(f"unknown error code {known}; {_near(error)}") from None
        return ErrorRow(
            table="asked for",
            code=code,
            http_status=http_status,
            message="",
            meaning="",
            source="",
            level="",
        )


def _is_fault(value: object) -> bool:
    # An exception class can be called as well.
    return callable(value) and not isinstance(value, type)


def _expect_fault(value: object) -> None:
    if not _is_fault(value):
        raise TypeError(f"fault: expected a function from reply to reply, got {value!r}")
    if value in faults.WITH_ARGUMENT:
        raise TypeError(f"fault: {faults.needs_argument(value)}")


def _code(value: object) -> str:
    """Return what to give in place of an error, or of its class."""
    code = errors.code_of(value)
    return f'; give its Code, "{code}"' if code else ""


def _instead_of_times(asked: AskedAnswer | AskedFault, given: object) -> str:
    """Return what to write where a second failure stands in place of a number."""
    if isinstance(given, str):
        return "; ask for each Code by a call of its own"
    if not _is_fault(given):
        return ""
    if isinstance(asked, AskedAnswer):
        return f"; give fault={given!r}"
    return f"; for both in one reply, give {asked.fault!r} | {given!r}"


def _expect_absent(kind: str, **arguments: object) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise TypeError(f"{name}: expected none with {kind}, got {value!r}")


def _near(error: ContractError) -> str:
    """What a contract's error adds about similar names, if anything."""
    return str(error).partition("; ")[2] or "no documented one is like it"
