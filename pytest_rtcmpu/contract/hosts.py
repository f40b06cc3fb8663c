"""Which names are the service's: the documented host, and those of its regions and networks."""

from __future__ import annotations

import functools
import re


@functools.lru_cache(maxsize=64)
def names_of(host: str) -> re.Pattern[str]:
    """Return what the names of a service match in whole, in lower case: for JavaScript too."""
    label, _, domain = host.lower().partition(".")
    return re.compile(rf"{re.escape(label)}(?:[.-][a-z0-9-]+)*\.{re.escape(domain)}", re.ASCII)


def is_host_of(host: str, name: str) -> bool:
    """Whether a name is a host of the service that ``host`` is the documented one of.

    A region's is made of it by a label (rtc.cn-shanghai.…) or by a suffix (rtc-vpc.…).

    Args:
        name: in lower case, without a dot at its end.
    """
    return names_of(host).fullmatch(name) is not None
