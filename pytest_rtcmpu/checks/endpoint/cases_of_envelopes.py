"""Fixed cases: what is wrong around the parameters, and in which order it is seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.endpoint.scenarios import (
    AFTER_REFUSAL,
    Expect,
    Pairs,
    Scenario,
    Step,
    fresh,
    single,
)
from pytest_rtcmpu.contract import Contract, Parameter
from pytest_rtcmpu.contract.types import rules_of
from pytest_rtcmpu.strategies.defects import WRONG_VALUES
from pytest_rtcmpu.strategies.envelope_defects import wrong_envelopes


def wrong(contract: Contract) -> Iterator[Scenario]:
    """Yield what is wrong with the envelope alone."""
    plain = fresh(cases.plain(contract), contract)
    then = Expect(clause=AFTER_REFUSAL)
    for clause, row in wrong_envelopes(contract):
        if clause.rule == "unique":
            continue  # needs an earlier request: see cases_of_state
        refused = Expect.refused(contract, clause.id)
        for what, changes in row.examples(contract, str(clause.parameter)):
            for signature in row.signatures:
                around = dict(changes)
                reply_format = around.pop("reply_format", "JSON")
                step = Step(
                    pairs=plain,
                    signature=signature,
                    reply_format=reply_format,
                    envelope=around,
                    expect=refused,
                )
                name = f"{what}, signature {signature}"
                yield Scenario(name=name, steps=(step, Step(pairs=plain, expect=then)))
    for text in ("hmac-sha1", "Hmac-SHA1"):
        expect = Expect(clause="signature-method.letter-case")
        step = Step(pairs=plain, envelope={"signature_method": text}, expect=expect)
        yield single(f"SignatureMethod={text}", step)
    for offset in ("-840", "+840", "-60", "+60"):
        for signature in ("1.0", "v3"):
            expect = Expect(clause="timestamp.window")
            step = Step(
                pairs=plain, signature=signature, envelope={"timestamp": offset}, expect=expect
            )
            yield single(f"timestamp {offset} s, signature {signature}", step)
    step = Step(
        pairs=plain,
        signature="v3",
        envelope={"omit": ["ContentSha256"]},
        expect=Expect.refused(contract, "v3.content-sha256.required"),
    )
    yield single("no x-acs-content-sha256", step)


def orders(contract: Contract) -> Iterator[Scenario]:
    """Two things wrong at once: the earlier check answers."""
    bad = list(_wrong_values(contract))
    one = {p.name: text for p, _, text in bad[:1]}
    wrong = fresh(cases.plain(contract, **one), contract)
    several = fresh(cases.plain(contract, **{p.name: text for p, _, text in bad[:2]}), contract)
    no_task = tuple(p for p in fresh(cases.plain(contract), contract) if p[0] != "TaskId")
    both = tuple(p for p in wrong if p[0] != "TaskId")
    # The first parameters empty, in the table's order, so that the first of them answers.
    nothing = tuple(
        (n, "") if n in ("AppId", "ChannelId", "StreamURL") else (n, v)
        for n, v in fresh(cases.plain(contract), contract)
    )
    app_id, task_id = (contract.rule(name, "required").id for name in ("AppId", "TaskId"))
    cases_of_order: list[tuple[str, Pairs, Mapping[str, Any], str | None]] = [
        ("request.method.supported", wrong, {"method": "PUT"}, "YAML"),
        ("format.known", wrong, {"omit": ["Version"]}, "YAML"),
        ("version.required", wrong, {"omit": ["Version"], "action": "Nothing"}, "JSON"),
        ("version.value", wrong, {"version": "2000-01-01", "action": "Nothing"}, "JSON"),
        ("action.known", wrong, {"action": "Nothing", "signature_method": "X"}, "JSON"),
        ("signature-method.value", wrong, {"signature_method": "X", "timestamp": "now"}, "JSON"),
        ("timestamp.format", wrong, {"timestamp": "now", "access_key_id": "nobody"}, "JSON"),
        ("timestamp.window", wrong, {"timestamp": "-3600", "access_key_id": "nobody"}, "JSON"),
        ("access-key-id.known", wrong, {"access_key_id": "nobody", "tamper": "first"}, "JSON"),
        ("signature.mismatch", wrong, {"tamper": "first"}, "JSON"),
        ("signature.mismatch", no_task, {"tamper": "first"}, "JSON"),
        (task_id, both, {}, "JSON"),
        *((clause, several, {}, "JSON") for _, clause, _ in bad[:1]),
        (app_id, nothing, {}, "JSON"),
    ]
    for clause, pairs, changes, reply_format in cases_of_order:
        expect = Expect.refused(contract, clause, about="order.of-checks")
        step = Step(pairs=pairs, envelope=changes, reply_format=reply_format, expect=expect)
        yield single(f"{clause} comes first", step)
    if not bad:
        return  # an edition whose values cannot be wrong
    plain = fresh(cases.plain(contract), contract)
    again = Expect.refused(contract, bad[0][1], about="order.of-checks")
    steps = (Step(pairs=plain), Step(pairs=wrong, expect=again))
    yield Scenario(name="values come before the task's existence", steps=steps)
    used = {"nonce": "@nonce:1"}
    expect = Expect.refused(contract, "nonce.unique", about="order.of-checks")
    steps = (
        Step(pairs=plain, envelope=used),
        Step(pairs=wrong, envelope=used, expect=expect),
    )
    yield Scenario(name="the nonce comes before the values", steps=steps)


def _wrong_values(contract: Contract) -> Iterator[tuple[Parameter, str, str]]:
    """Yield a wrong value of each enumeration and each limited number: its clause and its text."""
    for p in contract.parameters:
        rule = next((r for r in ("enum", "range") if r in rules_of(p)), None)
        if p.items is None and p.kind in ("string", "integer") and rule is not None:
            text = next(iter(WRONG_VALUES[rule].examples(contract, p)))
            yield p, contract.rule(p.name, rule).id, text
