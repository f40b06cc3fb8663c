"""A request on its way through the checks: what it says, and what has been found so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pytest_rtcmpu import wire
from pytest_rtcmpu.contract import Clause, Contract, SignatureKind
from pytest_rtcmpu.endpoint.state import AskedAnswer
from pytest_rtcmpu.rules import Collected, Note, Pairs, Problem
from pytest_rtcmpu.signatures.autopsy import Autopsy
from pytest_rtcmpu.signatures.verify import Authorization, parse_authorization
from pytest_rtcmpu.values.messages import Request


class Refusal(Exception):
    """A check that failed: the Code that answers, the clause, and what to add to the Message."""

    def __init__(
        self,
        code: str,
        clause: Clause | None,
        *,
        appended: str = "",
    ) -> None:
        self.code = code
        self.clause = clause
        self.appended = appended


class AskedFor(Exception):
    """A test has asked for this row to answer, and for something to spoil it perhaps."""

    def __init__(self, asked: AskedAnswer) -> None:
        self.asked = asked


@dataclass(kw_only=True, slots=True)
class Exchange:
    """A request on its way through the checks.

    Attributes:
        pairs: its decoded parameters, in order, duplicates too.
        query: those of them that stand in the query.
        common: the common parameters by name, under V3 those that stand in headers.
        authorization: V3's header, taken apart, where it can be.
        moment: what its Timestamp says, once that is known.
        answer: what a test has asked it to be answered with, if it keeps every rule.
        contract: seen from the operation that Action names.
        found: the operation's parameters, once they have been judged.
        task: (AppId, TaskId), what a task is known by, once its parameters have been judged.
    """

    request: Request
    contract: Contract
    pairs: Pairs
    query: Pairs
    signature: SignatureKind
    common: dict[str, str]
    authorization: Authorization | None
    reply_format: str
    now: datetime
    explain: bool
    answer: AskedAnswer | None = None
    moment: datetime | None = None
    found: Collected | None = None
    task: tuple[str, str] = ("", "")
    problems: tuple[Problem, ...] = ()
    notes: tuple[Note, ...] = ()
    autopsy: Autopsy | None = None


def open_exchange(
    request: Request, contract: Contract, *, now: datetime, explain: bool
) -> Exchange:
    """Decode what came; nothing is judged yet."""
    query = wire.parse_pairs(request.query)
    pairs = [*query, *wire.parse_pairs(request.body)] if wire.is_form(request) else query
    common = dict(reversed(pairs))  # of a name sent twice the first counts
    carriers = contract.signatures["v3"].headers
    headers = {name.lower(): value for name, value in reversed(request.headers)}
    header = headers.get("authorization", "")
    authorization: Authorization | None = None
    signature: SignatureKind = "1.0"
    if header.startswith("ACS3-") or (
        "Signature" not in common and carriers["Action"].lower() in headers
    ):
        signature = "v3"
        authorization = _v3_common(headers, carriers, common)
    default = contract.signatures[signature].default_format
    wanted = common.get("Format", default).upper()
    return Exchange(
        request=request,
        contract=contract,
        pairs=pairs,
        query=query,
        signature=signature,
        common=common,
        authorization=authorization,
        reply_format=wanted if wanted in contract.service.formats else default,
        now=now,
        explain=explain,
    )


def _v3_common(
    headers: Mapping[str, str], carriers: Mapping[str, str], common: dict[str, str]
) -> Authorization | None:
    """S4: under V3 the envelope stands in headers.

    Args:
        headers: values by lower-case name.
        carriers: which header carries which common parameter.
    """
    header = headers.get("authorization", "")
    reply_format = common.get("Format")
    common.clear()
    if reply_format is not None:
        common["Format"] = reply_format
    for name, carrier in carriers.items():
        value = headers.get(carrier.lower())
        if value is not None:
            common[name] = value.strip()
    algorithm = header.partition(" ")[0]
    if algorithm:
        common["SignatureMethod"] = algorithm
    parsed = parse_authorization(header) if header else None
    if isinstance(parsed, Authorization):
        common["AccessKeyId"] = parsed.access_key_id
        common["Signature"] = parsed.signature
        return parsed
    # What cannot be taken apart is for the signature's check to refuse, with its reason.
    common.setdefault("AccessKeyId", "?" if header else "")
    common.setdefault("Signature", "?" if header else "")
    return None
