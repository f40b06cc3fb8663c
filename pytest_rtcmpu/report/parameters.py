"""A request parameter by parameter: what was sent, and which of the operation's were not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_rtcmpu import wire
from pytest_rtcmpu.checks.core import CUT
from pytest_rtcmpu.contract import Contract, Parameter
from pytest_rtcmpu.values.messages import Request

#: The header that names the operation in signature V3; 1.0 has a parameter for it.
_ACTION, _ACTION_HEADER = "Action", "x-acs-action"
#: How many are shown.
MAX_SHOWN = 200


@dataclass(frozen=True)
class Sent:
    """A parameter of a request; ``value`` is ``None`` where it is absent.

    about, required: what the contract says of one that is absent.
    """

    name: str
    value: str | None = None
    about: str = ""
    required: bool = False


def parameters(text: str, contract: Contract) -> list[Sent]:
    """Return the parameters of a request that is shown as text, in the order of the page.

    The operation's own come first, absent ones in their places, and then those of the envelope.
    Of a request that was cut only what is left is returned. Nothing is for what is no request of an
    operation of the contract.
    """
    is_cut = text.endswith(CUT)
    request = _read(text.removesuffix(CUT))
    if request is None:
        return []
    pairs = wire.request_pairs(request)
    action = dict(pairs).get(_ACTION) or request.header(_ACTION_HEADER)
    if action is None or action not in contract.operations:
        return []
    by_top: dict[str, list[Sent]] = {}
    for name, value in pairs[:-1] if is_cut else pairs:  # the last one may be cut itself
        by_top.setdefault(name.partition(".")[0], []).append(Sent(name, value))
    found: list[Sent] = []
    for parameter in contract.operations[action].parameters:
        names = (parameter.name, *parameter.aliases)
        own = [each for name in names for each in by_top.pop(name, ())]
        # Of a request that was cut nobody knows what else it had.
        found += own or ([] if is_cut else _absent(parameter))
    return [*found, *(each for rest in by_top.values() for each in rest)]


def _absent(parameter: Parameter) -> Iterator[Sent]:
    default = "" if parameter.default is None else f", {parameter.default} by default"
    about = f"{'required' if parameter.required else 'optional'}{default}"
    yield Sent(parameter.name, about=about, required=parameter.required)


def _read(text: str) -> Request | None:
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.split("\n")
    method, _, rest = first.partition(" ")
    target = rest.partition(" ")[0]
    if not target.startswith("/"):
        return None
    headers = ((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    return Request(method=method, target=target, headers=tuple(headers), body=body.encode())
