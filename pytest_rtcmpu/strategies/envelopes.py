"""Requests that break exactly one rule of the envelope around the parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_rtcmpu.contract import Clause, Contract, SignatureKind
from pytest_rtcmpu.errors import APIError
from pytest_rtcmpu.model import OperationRequest
from pytest_rtcmpu.rules import Pairs
from pytest_rtcmpu.strategies.envelope_defects import (
    Changes,
    Defect,
    changed,
    wrong_envelopes,
)
from pytest_rtcmpu.strategies.values import in_force
from pytest_rtcmpu.strategies.violations import chosen_clauses, http_statuses_of
from pytest_rtcmpu.values.arguments import naming_keywords

if TYPE_CHECKING:
    from pytest_rtcmpu.client import Client, Envelope, Reply


@dataclass(frozen=True, kw_only=True)
class GatewayViolation:
    """What breaks one rule of the envelope, applied when a request is sent.

    Attributes:
        clause: the id of the clause that is broken.
        level: how sure it is.
        what: what is wrong, in words.
        signature: the signature it is made for, ``1.0`` or ``v3``.
        parameter: the common parameter that is wrong; ``None`` for the HTTP method.
        codes, http_statuses: the Codes that may answer, one of them, and their HTTP statuses.
        repeats: the nonce of an earlier, good request is sent again.
        changes: what is changed in the envelope, as data.
        contract: the contract that is broken.
    """

    clause: str
    level: str
    what: str
    signature: SignatureKind
    parameter: str | None
    codes: frozenset[str]
    http_statuses: frozenset[int]
    repeats: bool = False
    changes: Changes = field(hash=False)
    contract: Contract = field(repr=False, compare=False)

    def apply(self, envelope: Envelope) -> Envelope:
        """Return the envelope, broken: for ``client.call(…, envelope=violation.apply)``.

        A repeated nonce needs an earlier request: use :meth:`send`.
        """
        return changed(envelope, self.changes, self.contract)

    def send(
        self, client: Client, request: OperationRequest | Pairs, action: str | None = None
    ) -> Reply:
        """Send a task, or raw pairs, in the broken envelope; return or raise what the client does.

        Args:
            client: signs as the violation's ``signature`` says.
            request: a task, or its pairs.
            action: the request's own, of pairs ``StartMPUTask``, unless given. For a repeated
                nonce a good request goes first, whatever answers it.

        Raises:
            ValueError: for a client that signs in the other way.
        """
        if client.signature != self.signature:
            raise ValueError(
                f"client: expected one with signature={self.signature!r}, got {client!r}"
            )
        if action is None:
            default = self.contract.service.action
            action = request.action if isinstance(request, OperationRequest) else default
        pairs: Pairs = (
            request.to_wire(user_panes_from=client.user_panes_from)
            if isinstance(request, OperationRequest)
            else request
        )
        if not self.repeats:
            return client.call(action, pairs, envelope=self.apply)
        nonces: list[str] = []

        def remember(envelope: Envelope) -> Envelope:
            nonces.append(envelope.nonce)
            return envelope

        # "A nonce counts as used once its signature has verified", even if the task exists.
        with suppress(APIError):
            client.call(action, pairs, envelope=remember)
        return client.call(
            action, pairs, envelope=lambda envelope: replace(envelope, nonce=nonces[0])
        )


def _violation_of(
    contract: Contract, clause: Clause, signature: SignatureKind
) -> Callable[[Defect], GatewayViolation]:
    def violation(defect: Defect) -> GatewayViolation:
        what, changes = defect
        return GatewayViolation(
            clause=clause.id,
            level=clause.level,
            what=what,
            signature=signature,
            parameter=clause.parameter,
            codes=frozenset(clause.codes),
            http_statuses=http_statuses_of(contract, clause.codes),
            repeats=clause.rule == "unique",
            changes=changes,
            contract=contract,
        )

    return violation


@lru_cache(maxsize=64)
def _gateway_violations(
    contract: Contract, signature: SignatureKind
) -> Mapping[str, st.SearchStrategy[GatewayViolation]]:
    found = {}
    for clause, wrong in wrong_envelopes(contract):
        if signature in wrong.signatures:
            defects = wrong.defects(contract, str(clause.parameter))
            found[clause.id] = defects.map(_violation_of(contract, clause, signature))
    return found


@naming_keywords
def gateway_violations(
    signature: SignatureKind = "1.0",
    *,
    contract: Contract | None = None,
    clauses: str | Iterable[str] | None = None,
) -> st.SearchStrategy[GatewayViolation]:
    """What breaks exactly one rule of the envelope: ``violation.send(client, task)``.

    A disabled key (access-key-id.active) is none, nor a temporary one: the endpoint makes them so.

    Args:
        signature: how the client that sends it signs. Under ``v3`` there are fewer: which Code
            answers an absent header is nowhere documented.
        clauses: only these clauses, by id or glob.

    Raises:
        InvalidArgument: for another signature, or a clause that no violation belongs to.
    """
    judge_by = in_force(contract)
    if signature not in judge_by.signatures:
        raise InvalidArgument(f"signature: expected '1.0' or 'v3', got {signature!r}")
    return st.one_of(chosen_clauses(_gateway_violations(judge_by, signature), clauses))
