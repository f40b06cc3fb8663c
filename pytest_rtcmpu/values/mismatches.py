"""What is wrong with a record: where, what was expected, what came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

#: Characters of a value, a key or a label in a message.
MAX_SHOWN = 80
_MAX_BITS = 128


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """One thing that is wrong with a record.

    Attributes:
        path: where: ``target.kind``, or ``clauses[3: media-encode.zero].level``.
        expected: what should stand there.
        got: what does.
        hint: the names that were probably meant, as ``; did you mean TaskId?``.
    """

    path: str
    expected: str
    got: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}expected {self.expected}, got {self.got}{self.hint}"


class RecordError(ValueError):
    """What was read is no such record. ``mismatches`` lists everything that is wrong with it."""

    def __init__(self, mismatches: Iterable[Mismatch]) -> None:
        self.mismatches: tuple[Mismatch, ...] = tuple(mismatches)
        super().__init__("\n".join(map(str, self.mismatches)))

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.mismatches,))


def raise_any(mismatches: Iterable[Mismatch]) -> None:
    """Raise RecordError if there are any: for ``__post_init__``, whose paths start at the value."""
    found = tuple(mismatches)
    if found:
        raise RecordError(found)


def show(record: object) -> str:
    """Return a record as a message shows it: of bounded length, whatever it is."""
    match record:
        case list() | tuple():
            return f"a list of {len(record)}"
        case Mapping():
            return f"an object of {len(record)}"
        case int() if record.bit_length() > _MAX_BITS:  # whose repr Python may refuse
            return f"an integer of {record.bit_length()} bits"
        case str() if len(record) > MAX_SHOWN:
            return f"{record[:MAX_SHOWN]!r}… ({len(record)} characters)"
        case date():
            return record.isoformat()
    return repr(record)[:MAX_SHOWN]


def label(record: object) -> str:
    """Return what an item of a list is called, for a path."""
    if isinstance(record, Mapping):
        for name in ("id", "name", "code"):
            found = record.get(name)
            if isinstance(found, str) and found.isprintable() and len(found) <= MAX_SHOWN:
                return f": {found}"
    return ""


def join(path: str, key: str) -> str:
    """Return the path of what an object holds under a key."""
    short = key if key.isprintable() and len(key) <= MAX_SHOWN else show(key)
    return f"{path}.{short}" if path and short else path or short
