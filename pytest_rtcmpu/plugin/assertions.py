"""What pytest says of two values that are not equal, where its own words would show a secret.

pytest looks into dataclasses and draws the difference of two texts, whatever their reprs leave out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from typing import Any

from pytest_rtcmpu.values.credentials import Secret
from pytest_rtcmpu.values.messages import Request, Response

#: How many values are looked at; what holds more is taken for one that holds a secret.
_MAX_VALUES = 5_000
_MAX_REPR = 240


def explain(op: str, left: object, right: object) -> list[str] | None:
    """Return the lines to show, or ``None`` where pytest may say what it likes."""
    if not (_holds_secret(left) or _holds_secret(right)):
        return None
    told = [f"{_brief(left, right)} {op} {_brief(right, left)}"]
    if type(left) is type(right) and op == "==":
        names = _different(left, right)
        if names:
            told.append(f"They differ in {', '.join(names)}.")
    return [*told, "The difference is not drawn: it would show what may be secret."]


def _brief(value: object, other: object) -> str:
    if isinstance(other, Secret) and isinstance(value, str):
        # Beside a secret a text is a guess at it.
        return f"a {type(value).__name__} of {len(value)} characters"
    try:
        text = repr(value)
    except Exception:  # the test's own class
        return f"a {type(value).__name__}"
    return text if len(text) <= _MAX_REPR else f"{text[:_MAX_REPR]}…"


def _different(left: object, right: object) -> list[str]:
    if not is_dataclass(left):
        return []
    return [
        each.name
        for each in fields(left)
        if each.compare and getattr(left, each.name) != getattr(right, each.name)
    ]


def _holds_secret(value: object) -> bool:
    """Whether one of the values that may carry a secret stands in it, however deep."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if _carries(found):
            return True
        if id(found) not in seen:
            seen.add(id(found))
            if len(seen) > _MAX_VALUES:
                return True
            waiting += _within(found)
    return False


def _carries(value: object) -> bool:
    if isinstance(value, Secret | Request | Response):
        return True
    # A dataclass that keeps a field out of its repr, such as PlainCredentials, has a reason to.
    return (
        is_dataclass(value)
        and type(value).__module__.startswith("pytest_rtcmpu.")
        and not all(each.repr for each in fields(value))
    )


def _within(value: Any) -> Iterator[object]:
    """Yield what pytest would look into."""
    if isinstance(value, str | bytes | int | float | None):
        return
    if isinstance(value, Mapping):
        yield from (*value.keys(), *value.values())
    elif isinstance(value, list | tuple | Set):
        yield from value
    elif is_dataclass(value) or hasattr(type(value), "__attrs_attrs__"):
        names = [each.name for each in getattr(type(value), "__attrs_attrs__", ())]
        names += [each.name for each in fields(value)] if is_dataclass(value) else []
        yield from (getattr(value, name, None) for name in names)
