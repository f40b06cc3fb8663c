"""The fixed cases of an endpoint: every row of every table, accepted and refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.endpoint.cases_of_envelopes import orders, wrong
from pytest_rtcmpu.checks.endpoint.cases_of_operations import of_operation
from pytest_rtcmpu.checks.endpoint.cases_of_state import existence, nonces
from pytest_rtcmpu.checks.endpoint.scenarios import (
    AFTER_REFUSAL,
    Expect,
    Scenario,
    Step,
    fresh,
    fresh_pairs,
    sequence,
    single,
)
from pytest_rtcmpu.contract import Contract


def documented(contract: Contract, operations: Collection[str] = ()) -> Iterator[Scenario]:
    """Yield the fixed cases: every row of every table, accepted and refused.

    Args:
        operations: those that the endpoint has; all of the edition's unless given.
    """
    yield from _documented_starts(contract, operations or contract.operations)
    for name in operations or contract.operations:
        if name != contract.action:
            yield from of_operation(contract, contract.operation(name))


def _documented_starts(contract: Contract, operations: Collection[str]) -> Iterator[Scenario]:
    yield from _valid(contract)
    yield from _modes(contract)
    yield from _v3_forms(contract)
    yield from _v3_types(contract)
    yield from _tokens(contract)
    yield from _refusals(contract)
    yield from wrong(contract)
    yield from orders(contract)
    yield from existence(contract, operations)
    yield from nonces(contract)


def _valid(contract: Contract) -> Iterator[Scenario]:
    for name, clause, params in cases.valid(contract):
        yield single(
            name, Step(pairs=fresh(params, contract), expect=Expect.accepted(contract, clause))
        )
    two = cases.two_panes(contract)
    if "UserPanes" in two:
        for base in contract.parameter("UserPanes").bases:
            expect = Expect(clause=contract.rule("UserPanes", "base").id)
            step = Step(pairs=fresh(two, contract, panes_from=base), expect=expect)
            yield single(f"UserPanes from {base}", step)
    if "LayoutIds" in two:
        expect = Expect(clause=_starts_at_1(contract))
        yield single("LayoutIds from 1", Step(pairs=fresh(two, contract), expect=expect))
    plain = fresh(cases.plain(contract), contract)
    for name in contract.parameter("TaskId").aliases:
        renamed = tuple((name if n == "TaskId" else n, v) for n, v in plain)
        yield single(name, Step(pairs=renamed, expect=Expect(clause="task-id.name")))
    for text in cases.ODD_TEXTS:
        pairs = fresh(cases.odd(contract, text), contract)
        for signature in ("1.0", "v3"):
            expect = Expect(clause="signature.encoding")
            step = Step(pairs=pairs, signature=signature, expect=expect)
            yield single(f"UserId={text}, signature {signature}", step)


def _starts_at_1(contract: Contract) -> str:
    """The clause about where LayoutIds starts: the client's own, where there is one."""
    own = "repeat-list.layout-ids.from-1"
    ids = {clause.id for clause in contract.clauses}
    return own if own in ids else contract.rule("LayoutIds", "base").id


def _modes(contract: Contract) -> Iterator[Scenario]:
    """Both signatures, GET and POST, query and form, JSON, XML and the default."""
    plain = fresh(cases.two_panes(contract), contract)
    odd_pairs = fresh(cases.odd(contract, f"u {cases.ODD_CHARACTERS}中"), contract)
    verifies = {"1.0": "signature.1-0.verifies", "v3": "signature.v3.verifies"}
    transports = (
        ("GET", False, "request.method.get"),
        ("POST", True, "request.method.post-query"),
        ("POST", False, "request.method.post-form"),
    )
    for signature in ("1.0", "v3"):
        for pairs in (plain, odd_pairs):
            for method, in_query, clause in transports:
                # What fails by one way of sending only is about that way.
                about = verifies[signature] if method == "GET" else clause
                step = Step(pairs=pairs, signature=signature, method=method, in_query=in_query)
                name = f"signature {signature} by {clause}"
                yield single(name, replace(step, expect=Expect(clause=about)))
                refused = Expect.refused(contract, "signature.mismatch")
                wrong = replace(step, envelope={"tamper": "first"}, expect=refused)
                yield single(f"a wrong {name}", wrong)
                if method == "POST" and in_query:
                    expect = Expect(clause="signature.method")
                    yield single(name, replace(step, expect=expect))
        for text in ("JSON", "XML", None, "json", "Xml", "xml"):
            step = Step(pairs=plain, signature=signature, reply_format=text)
            yield single(f"Format={text}, signature {signature}", step)
            without = tuple(p for p in plain if p[0] != "AppId")
            expect = Expect.refused(contract, contract.rule("AppId", "required").id)
            step = replace(step, pairs=without, expect=expect)
            yield single(f"Format={text}, signature {signature}, no AppId", step)
        for name in ("plus", "raw"):
            expect = Expect(clause="request.wire-encoding")
            step = Step(pairs=odd_pairs, signature=signature, wire=cast(Any, name), expect=expect)
            yield single(f"wire encoding {name}, signature {signature}", step)
        also = (("RegionId", "cn-hangzhou"), ("OwnerId", "1"))
        expect = Expect(clause="request.unknown-parameters")
        step = Step(pairs=plain, signature=signature, also=also, expect=expect)
        yield single(f"unknown parameters, signature {signature}", step)
        expect = Expect(clause="signature.empty-values")
        step = Step(pairs=plain, signature=signature, also=(("SignatureType", ""),), expect=expect)
        yield single(f"an empty parameter, signature {signature}", step)
    yield single("by GET", Step(pairs=plain, expect=Expect(clause="request.method.get")))
    # Judged as any other, and by reply.identity.
    identity = Step(pairs=plain, headers=(("Accept-Encoding", "identity"),))
    yield single("Accept-Encoding: identity", identity)
    expect = Expect(clause="request.path")
    yield single("at path /", Step(pairs=plain, expect=expect))
    headers = (("X-Forwarded-For", "10.0.0.1"), ("User-Agent", "check"), ("Accept", "*/*"))
    expect = Expect(clause="signature.v3.signed-headers")
    step = Step(pairs=plain, signature="v3", headers=headers, expect=expect)
    yield single("further headers, not signed", step)
    unsigned = Expect.refused(contract, "signature.mismatch", about="signature.v3.signed-headers")
    step = Step(pairs=plain, signature="v3", headers=(("x-acs-extra", "1"),), expect=unsigned)
    yield single("an x-acs- header that is not signed", step)


#: What V3 must not accept: a header that is sent and not signed, a body other than the one signed.
_V3_UNSIGNED: tuple[tuple[str, Mapping[str, Any]], ...] = (
    *(
        ("POST", {"unsigned": [name]})
        for name in (
            "host",
            "x-acs-action",
            "x-acs-version",
            "x-acs-date",
            "x-acs-signature-nonce",
            "x-acs-content-sha256",
        )
    ),
    ("POST", {"claimed_body": "AppId=another"}),
    ("GET", {"claimed_body": "not empty"}),
)


def _v3_forms(contract: Contract) -> Iterator[Scenario]:
    plain = fresh(cases.plain(contract), contract)
    about = "signature.v3.signed-headers"
    for method, changes in _V3_UNSIGNED:
        step = Step(
            pairs=plain,
            signature="v3",
            method=method,
            envelope=changes,
            expect=Expect.refused(contract, "signature.mismatch", about=about),
        )
        yield single(f"signature v3, {changes}", step)


def _v3_types(contract: Contract) -> Iterator[Scenario]:
    """A Content-Type that nobody signed is accepted; one that was signed and changed is not."""
    step = Step(pairs=fresh(cases.plain(contract), contract), signature="v3")
    accepted = Expect(clause="signature.v3.content-type.unsigned")
    form = replace(step, method="POST", envelope={"unsigned": ["content-type"]}, expect=accepted)
    yield single("a form, its Content-Type not signed", form)
    added = (("Content-Type", "application/octet-stream"),)
    empty = replace(step, method="POST", in_query=True, headers=added, expect=accepted)
    yield single("no body, a Content-Type not signed", empty)


def _tokens(contract: Contract) -> Iterator[Scenario]:
    """A SecurityToken is signed over; what it is good for is the endpoint's business."""
    plain = fresh(cases.plain(contract), contract)
    token = {"security_token": "t0ken/Of+The=Check*1a2b"}
    about = "security-token.signed"
    for signature in ("1.0", "v3"):
        step = Step(pairs=plain, signature=signature, envelope=token, expect=Expect(clause=about))
        forged = replace(
            step,
            envelope={**token, "tamper": "first"},
            expect=Expect.refused(contract, "signature.mismatch", about=about),
        )
        yield single(f"a SecurityToken, signature {signature}", step)
        yield single(f"a SecurityToken and a wrong signature {signature}", forged)


def _refusals(contract: Contract) -> Iterator[Scenario]:
    again = Step(pairs=fresh(cases.plain(contract), contract), expect=Expect(clause=AFTER_REFUSAL))
    for name, clause, broken in cases.breaches(contract):
        refused = Expect.refused(contract, clause)
        step = Step(pairs=fresh_pairs(broken, contract), expect=refused)
        # A refused request reserves no TaskId: the same one, put right, is accepted.
        yield sequence(name, step, again)
    integers = [p for p in contract.parameters if p.is_integer and p.items is None]
    for p in integers[:1]:
        for text in ("1.0", "0x1"):
            pairs = fresh(cases.plain(contract, **{p.name: text}), contract)
            expect = Expect.refused(
                contract, contract.rule(p.name, "integer").id, about="request.integer.form"
            )
            yield single(f"{p.name}={text}", Step(pairs=pairs, expect=expect))


def about(mode: Mapping[str, Any]) -> Expect:
    """What a valid request is about when it is not accepted: the least sure thing it does."""
    if mode.get("wire", "standard") != "standard":
        return Expect(clause="request.wire-encoding")
    if mode["method"] == "POST":
        form = "query" if mode.get("in_query") else "form"
        return Expect(clause=f"request.method.post-{form}")
    return Expect(clause="signature.v3.verifies" if mode["signature"] == "v3" else Expect.clause)


def pairwise(contract: Contract) -> Iterator[Scenario]:
    """Yield a case for each row of the covering array, signature and method among its columns."""
    factors = {"signature": ("1.0", "v3"), "method": contract.service.methods}
    for name, params, mode in cases.pairwise(contract, **factors):
        step = Step(pairs=fresh(params, contract), **cast(Any, mode), expect=about(mode))
        yield single(name, step)


def step_strategy(contract: Contract, operations: Collection[str] = ()) -> Any:
    """A strategy of single requests: valid in any way of sending, or with one rule broken."""
    from hypothesis import strategies as st

    from pytest_rtcmpu import strategies

    signature = st.sampled_from(("1.0", "v3"))
    reply_format = st.sampled_from(("JSON", "XML", None))
    mode = st.fixed_dictionaries(
        {
            "signature": signature,
            "method": st.sampled_from(contract.service.methods),
            "in_query": st.booleans(),
            "wire": st.sampled_from(("standard", "plus", "raw")),
            "reply_format": reply_format,
        }
    )
    valid = st.builds(
        lambda task, mode: Step(
            pairs=fresh_pairs(task.to_wire(), contract), expect=about(mode), **cast(Any, mode)
        ),
        strategies.tasks(contract=contract),
        mode,
    )
    # By GET and plainly: another way of sending that is refused would be blamed on the value.
    broken = st.builds(
        lambda violation, signature, reply_format: Step(
            pairs=fresh_pairs(violation.pairs, contract),
            signature=signature,
            reply_format=reply_format,
            expect=Expect.refused(contract, violation.clause),
        ),
        strategies.violations(contract=contract),
        signature,
        reply_format,
    )
    others = [
        _broken_steps(contract.operation(name), signature, reply_format)
        for name in operations
        if name != contract.action
    ]
    return st.one_of(valid, broken, *others)


def _broken_steps(view: Contract, signature: Any, reply_format: Any) -> Any:
    """A strategy of requests of another operation with one rule broken."""
    from hypothesis import strategies as st

    from pytest_rtcmpu import strategies

    return st.builds(
        lambda violation, signature, reply_format: Step(
            pairs=fresh_pairs(violation.pairs, view),
            operation=view.action,
            signature=signature,
            reply_format=reply_format,
            expect=Expect.refused(view, violation.clause),
        ),
        strategies.violations(view.action, contract=view),
        signature,
        reply_format,
    )
