"""Locks that a forked child finds free.

``os.fork`` copies locks as they are, and not the threads that hold them: what was held in another
thread stays so in the child for ever. What a lock guards here is changed in steps that are whole by
themselves, so that a child goes on with what there was.
"""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager
from typing import Any
from weakref import WeakKeyDictionary

_owners: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


def own_lock(owner: object, name: str) -> AbstractContextManager[object]:
    """Return a lock for an attribute of a module or an object, which gets a new one in a child.

    A thread may take it more than once. One that forks while it holds it lets the old one go.
    """
    _owners.setdefault(owner, set()).add(name)
    return threading.RLock()


def _renew() -> None:
    for owner, names in list(_owners.items()):
        for name in names:
            setattr(owner, name, threading.RLock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
