"""Requests that repeat earlier ones: the same but for the few values that differ in each call.

Whoever puts load on an endpoint, or calls it in a loop, sends one task over and over with another
TaskId, nonce, timestamp and signature. What has been found out about such requests holds for all
of them, except for these four values; so only they are looked at again. A server under load spends
its time here: one regular expression takes a request apart, and Python does as little as can be.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pytest_rtcmpu.rules import Note
from pytest_rtcmpu.signatures.verify import Blanked, Pair, signature_1_0
from pytest_rtcmpu.values.credentials import Secret
from pytest_rtcmpu.values.messages import Request

#: How many of the latest requests are looked at for repetitions, and how many may be known.
_MOST = 8
#: A request counts as repeated from its third time on: its expression takes a while to compile.
_TIMES_BEFORE = 2
_LONGEST = 2048
#: The common parameters that differ in each call, after the TaskId.
_BLANKS = ("SignatureNonce", "Timestamp", "Signature")


class Accepted(NamedTuple):
    """A request of signature 1.0 that kept every rule, and what was found out about it.

    pairs: its decoded parameters.
    app_id: its AppId.
    task_id: the name that its TaskId was sent under.
    notes: what it relies on that the documentation leaves open.
    """

    request: Request
    pairs: Sequence[Pair]
    app_id: str
    task_id: str
    reply_format: str
    notes: tuple[Note, ...]


class Repeated:
    """An accepted request with blanks for the values that differ in its repetitions."""

    def __init__(self, accepted: Accepted) -> None:
        self.common = dict(accepted.pairs)
        self.app_id = accepted.app_id
        self.reply_format = accepted.reply_format
        self.notes = accepted.notes
        self._headers = accepted.request.headers
        self._method = accepted.request.method
        blanks = (accepted.task_id, *_BLANKS)
        self._match = re.compile(_expression(accepted.request.target, blanks)).fullmatch
        self._blanked = Blanked(accepted.pairs, method=self._method, blanks=blanks[:-1])

    def values(self, request: Request) -> tuple[str, ...] | None:
        """What a request has in the blanks, as it came: TaskId, nonce, timestamp and signature.

        ``None`` if it differs anywhere else, or leaves a blank empty.
        """
        match = self._match(request.target)
        if match is None or request.body or request.method != self._method:
            return None
        if request.headers != self._headers and request.header("authorization") is not None:
            return None  # it may be one of V3
        return match.group("v0", "v1", "v2", "v3")

    def verifies(self, values: Sequence[str], signature: str, secret: Secret) -> bool:
        """Whether a signature, as it came, is that of the decoded values before it.

        One in an odd encoding is left to those who decode it.
        """
        return signature == _as_sent(signature_1_0(self._blanked.fill(values), secret))


def _expression(target: str, blanks: Sequence[str]) -> str:
    """A regular expression for the targets that differ from this one in blanks only."""
    path, mark, query = target.partition("?")
    expressions = []
    for piece in query.split("&"):
        name, _, value = piece.partition("=")
        if name in blanks and value:
            expressions.append(f"{re.escape(name)}=(?P<v{blanks.index(name)}>[^&]+)")
        else:
            expressions.append(re.escape(piece))
    return re.escape(path + mark) + "&".join(expressions)


def _as_sent(signature: str) -> str:
    return signature.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")


class Repeats:
    """The requests that are known to be repeated, and the latest that may yet be."""

    def __init__(self) -> None:
        self._known: deque[tuple[Repeated, Sequence[Pair]]] = deque(maxlen=_MOST)
        self._latest: deque[Sequence[Pair]] = deque(maxlen=_MOST)

    def clear(self) -> None:
        """Forget them all."""
        self._known.clear()
        self._latest.clear()

    def find(self, request: Request) -> tuple[Repeated, tuple[str, ...]] | None:
        """Return what a request repeats, and its own values."""
        for repeated, _ in self._known:
            values = repeated.values(request)
            if values is not None:
                return repeated, values
        return None

    def add(self, accepted: Accepted) -> None:
        """Take notice of a request that repeats none of the known ones."""
        request, pairs = accepted.request, accepted.pairs
        if request.body or len(request.target) > _LONGEST:
            return
        blanks = (accepted.task_id, *_BLANKS)
        rest = [pair for pair in pairs if pair[0] not in blanks]
        if self._latest.count(rest) < _TIMES_BEFORE:
            self._latest.append(rest)
        elif _is_regular(request.target, pairs, blanks) and rest not in (
            known for _, known in self._known
        ):
            self._known.append((Repeated(accepted), rest))


def _is_regular(target: str, pairs: Sequence[Pair], blanks: Iterable[str]) -> bool:
    """Whether each parameter came once, and each blank's name as it is."""
    names = {piece.partition("=")[0] for piece in target.partition("?")[2].split("&")}
    return len(pairs) == len(dict(pairs)) and names.issuperset(blanks)
