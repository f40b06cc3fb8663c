"""What ends with this process: a command under test, and all that it starts.

The processes of a command are one process group, and a guard leads it: a shell that waits for the
end of a pipe which nobody writes to. However this process ends, by SIGKILL too, the pipe ends with
it, and the guard kills its group. So no signal needs a handler here, and whoever runs the checks
keeps theirs. The command is in the group before its first instruction: there is no moment in which
a signal could leave it behind. While the guard is there, no other process gets the group's number.

What makes a group or a session of its own has left this one. Windows has no such groups: there the
command itself is ended, and what it started by the end of its input.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any, cast

#: Many a script sends a signal to its whole group when it ends: that is not for the guard.
_GUARD = ("/bin/sh", "-c", "trap '' HUP INT QUIT TERM; echo; read -r line; kill -KILL 0")

#: The ends of the pipes that guards wait for.
_held: set[int] = set()


class Group:
    """A group of processes that ends with this one.

    Raises:
        OSError: where there is no shell.
    """

    def __init__(self) -> None:
        self._guard: subprocess.Popen[bytes] | None = None
        if sys.platform == "win32":
            return
        waits, self._pipe = os.pipe()
        try:
            guard = subprocess.Popen(
                _GUARD,
                stdin=waits,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(waits)
        _held.add(self._pipe)
        self._guard = guard
        with cast("IO[bytes]", guard.stdout) as ready:
            ready.readline()

    def start(self, argv: Sequence[str], **given: Any) -> subprocess.Popen[bytes]:
        """Start a command in the group; the terminal's Ctrl-C is not for it.

        Raises:
            OSError: for one that cannot be started.
        """
        if self._guard is not None:
            given["process_group"] = self._guard.pid
        return subprocess.Popen(argv, **given)

    def kill(self) -> None:
        """End all that is in it. It may be called twice."""
        guard, self._guard = self._guard, None
        if guard is not None:
            # Nobody has waited for the guard, not for a dead one either: the number is its own.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(guard.pid, signal.SIGKILL)
            guard.wait()
            _held.discard(self._pipe)
            os.close(self._pipe)


def _let_go() -> None:
    """In a fork of this process: its life must not keep the pipes open."""
    while _held:
        os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
