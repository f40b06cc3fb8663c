"""A parameter's Python name: ``stream_url`` for ``StreamURL``."""

from __future__ import annotations

from functools import cache

from pytest_rtcmpu.contract.derived import kebab


@cache
def python_name(name: str) -> str:
    """Return the Python name of a parameter or a field."""
    return kebab(name).replace("-", "_")
