"""Colours as the wire has them: red in the lowest byte, which is not the order of #RRGGBB."""

from __future__ import annotations

import re

#: As CSS and design tools write them, #RRGGBB and #RGB, or with 0x. Bare digits may be decimal.
_HEXADECIMAL = re.compile(r"\s*(?:#|0x)([0-9a-f]{6}|[0-9a-f]{3})\s*", re.ASCII | re.IGNORECASE)


def rgb(red: int, green: int, blue: int) -> int:
    """Return the wire integer of a colour: red + green*256 + blue*65536 (S6's formula).

    Each component is 0 to 255; raises ValueError for another, TypeError for what is no int.
    """
    for name, value in (("red", red), ("green", green), ("blue", blue)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name}: expected an int from 0 to 255, got {value!r}")
        if not 0 <= value <= 255:
            raise ValueError(f"{name}: expected 0 to 255, got {value}")
    return red | green << 8 | blue << 16


#: The lowest and the highest there is.
LIMITS = rgb(0, 0, 0), rgb(255, 255, 255)


def in_words(given: object) -> str:
    """Return ``rgb(255, 0, 0) makes it 255`` for a colour in another form, else nothing.

    Args:
        given: what was given in place of an integer: ``#FF0000``, ``(255, 0, 0)``.
    """
    parts: tuple[int, ...] = ()
    if isinstance(given, str) and (found := _HEXADECIMAL.fullmatch(given)):
        digits = found[1] if len(found[1]) == 6 else "".join(d * 2 for d in found[1])
        parts = tuple(bytes.fromhex(digits))
    elif isinstance(given, tuple | list) and len(given) == 3:
        parts = tuple(given)
    try:
        return f"rgb{parts} makes it {rgb(*parts)}"
    except (TypeError, ValueError):
        return ""
