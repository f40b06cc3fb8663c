"""A request parameter by parameter: what was sent, and which of the operation's were not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_rtcmpu import wire
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
    Nothing is returned for what is no request of an operation of the contract.
    """
    request = _read(text)
    if request is None:
        return []
    pairs = wire.request_pairs(request)
    action = dict(pairs).get(_ACTION) or request.header(_ACTION_HEADER)
    if action is None or action not in contract.operations:
        return []
    found: list[Sent] = []
    left = pairs
    for parameter in contract.operations[action].parameters:
        names = (parameter.name, *parameter.aliases)
        own = [(n, value) for n, value in left if n.partition(".")[0] in names]
        left = [pair for pair in left if pair not in own]
        found += (Sent(*pair) for pair in own) if own else _absent(parameter)
    return [*found, *(Sent(*pair) for pair in left)]


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
