"""Targets run one after another, or several at once, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from pytest_rtcmpu.checks.core import CannotRun, SubjectRun
from pytest_rtcmpu.checks.run import Progress, Settings, run_bench
from pytest_rtcmpu.checks.testees.targets import OWN, Target
from pytest_rtcmpu.values import records
from pytest_rtcmpu.values.credentials import Credentials, credentials_from

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

#: Told how far a target's run has come.
Told = Callable[[Target, Progress], None]

#: What a worker is started as: nothing of this process is copied, so no thread or lock is either.
_SPAWN = multiprocessing.get_context("spawn")


def usual_jobs(targets: Sequence[Target]) -> int:
    """Return how many targets are run at once where nobody says how many.

    Of this package's own pair it is known that one does not meet the other. Two clients may use one
    file or port, two URLs may be one service.
    """
    return min(len(targets), _cpus()) if tuple(targets) == OWN else 1


def not_run(target: Target, why: str) -> SubjectRun:
    """Return the run of a target of which nothing was found out."""
    return SubjectRun(
        subject=target.subject, target=target.name, results=(), complete=False, notes=(why,)
    )


def run_targets(
    targets: Sequence[Target],
    settings: Settings,
    credentials: Credentials,
    *,
    jobs: int,
    told: Told,
) -> Iterator[tuple[Target, SubjectRun]]:
    """Yield what comes of each target, as it comes.

    After Ctrl-C what has begun is yielded as incomplete, and no more is begun.

    Args:
        credentials: of the environment, where a worker looks for them: no secret is handed around.
        jobs: how many are run at once. A live endpoint is run in this process, whatever it is: who
            starts tasks that are billed sees to it that they are stopped.

    Raises:
        CannotRun: for a target that cannot be run. Others that have begun are given up.
    """
    if jobs > 1 and len(targets) > 1 and not settings.live:
        yield from _at_once(targets, settings, jobs, told)
    else:
        yield from _in_turn(targets, settings, credentials, told)


def _in_turn(
    targets: Sequence[Target], settings: Settings, credentials: Credentials, told: Told
) -> Iterator[tuple[Target, SubjectRun]]:
    for target in targets:
        own = target.settled(settings)
        if target.kind == "url":
            target.expect_there(own)
        with target.bench(own, credentials) as bench:
            run = run_bench(bench, own, progress=partial(told, target))
        yield target, run
        if not run.complete:
            break


# ------------------------------------------------------------------------------------ the workers


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What a worker says: how far it has come, or at its end what came of it, or why nothing."""

    progress: Progress | None = None
    run: SubjectRun | None = None
    cannot_run: str = ""
    defect: str = ""


def _at_once(
    targets: Sequence[Target], settings: Settings, jobs: int, told: Told
) -> Iterator[tuple[Target, SubjectRun]]:
    waiting = [*targets]
    running: dict[Connection, tuple[Target, SpawnProcess]] = {}

    def interrupt() -> None:
        waiting.clear()
        for _, process in running.values():
            _interrupt(process)

    try:
        with _instead_of_an_exception(interrupt):
            while waiting or running:
                while waiting and len(running) < jobs:
                    pipe, process = _started(waiting[0], settings)
                    running[pipe] = waiting.pop(0), process
                for pipe in [each for each in wait([*running]) if isinstance(each, Connection)]:
                    target, process = running[pipe]
                    said = _received(pipe, target, process)
                    if said.progress:
                        told(target, said.progress)
                        continue
                    del running[pipe]
                    process.join()
                    if said.run is None:
                        raise (
                            RuntimeError(said.defect) if said.defect else CannotRun(said.cannot_run)
                        )
                    yield target, said.run
    finally:
        for pipe, (_, process) in running.items():
            pipe.close()  # it ends when it finds that nobody listens
            _interrupt(process)
            process.join()


def _started(target: Target, settings: Settings) -> tuple[Connection, SpawnProcess]:
    here, there = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=_work, args=(there, target, settings), name=target.name)
    with _interrupts_held():
        process.start()
    there.close()
    return here, process


def _received(pipe: Connection, target: Target, process: SpawnProcess) -> _Said:
    try:
        return records.loads(_Said, pipe.recv_bytes().decode())
    except EOFError:
        process.join()
        why = f"its process ended in the middle, with exit status {process.exitcode}"
        return _Said(cannot_run=f"{target.name}: {why}")


def _interrupt(process: SpawnProcess) -> None:
    if os.name == "posix" and process.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGINT)


def _work(pipe: Connection, target: Target, settings: Settings) -> None:
    """Run one target, in a worker: tell how far it has come, and then what came of it."""
    signal.signal(signal.SIGINT, _once)

    def say(said: _Said) -> None:
        pipe.send_bytes(records.dumps(said).encode())

    def told(_: Target, now: Progress) -> None:
        try:
            say(_Said(progress=now))
        except OSError:  # nobody listens any more
            raise KeyboardInterrupt from None

    try:
        _release_interrupts()
        ((_, run),) = _in_turn([target], settings, credentials_from(os.environ), told)
        said = _Said(run=run)
    except KeyboardInterrupt:
        said = _Said(run=not_run(target, "interrupted before it had begun"))
    except CannotRun as error:
        said = _Said(cannot_run=str(error))
    except Exception:
        said = _Said(defect=traceback.format_exc())
    with suppress(OSError):
        say(said)


def _once(*_: object) -> None:
    """Let Ctrl-C, which the terminal and the first process may both send, interrupt once."""
    signal.signal(signal.SIGINT, lambda *_: None)
    raise KeyboardInterrupt


# ---------------------------------------------------------------------------------- their signals


@contextmanager
def _instead_of_an_exception(handle: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C call a function, and the second be KeyboardInterrupt, as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    before = signal.getsignal(signal.SIGINT)

    def first(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        handle()

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let Ctrl-C wait, here and in the worker that is started, until both can answer it.

    While a worker imports, Python's own answer would be a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # It is started with the first worker otherwise, and before Python 3.13 releases them there.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _release_interrupts() -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _cpus() -> int:
    """How many processors this process may use."""
    affinity: Callable[[int], Any] | None = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
