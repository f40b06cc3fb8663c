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
from pytest_rtcmpu.contract import Contract
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
    no_task = tuple(p for p in fresh(cases.plain(contract), contract) if p[0] != "TaskId")
    wrong = fresh(cases.plain(contract, MediaEncode=2), contract)
    both = tuple(("MediaEncode", "2") if n == "MediaEncode" else (n, v) for n, v in no_task)
    colour = fresh(cases.plain(contract, MediaEncode=2, BackgroundColor=-1), contract)
    # The first parameters empty, in the table's order, so that the first of them answers.
    nothing = tuple(
        (n, "") if n in ("AppId", "ChannelId", "StreamURL") else (n, v)
        for n, v in fresh(cases.plain(contract), contract)
    )
    cases_of_order: tuple[tuple[str, Pairs, Mapping[str, Any], str | None], ...] = (
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
        ("task-id.required", both, {}, "JSON"),
        ("media-encode.enum", colour, {}, "JSON"),
        ("app-id.required", nothing, {}, "JSON"),
    )
    for clause, pairs, changes, reply_format in cases_of_order:
        expect = Expect.refused(contract, clause, about="order.of-checks")
        step = Step(pairs=pairs, envelope=changes, reply_format=reply_format, expect=expect)
        yield single(f"{clause} comes first", step)
    plain = fresh(cases.plain(contract), contract)
    again = Expect.refused(contract, "media-encode.enum", about="order.of-checks")
    steps = (Step(pairs=plain), Step(pairs=wrong, expect=again))
    yield Scenario(name="values come before the task's existence", steps=steps)
    used = {"nonce": "@nonce:1"}
    expect = Expect.refused(contract, "nonce.unique", about="order.of-checks")
    steps = (
        Step(pairs=plain, envelope=used),
        Step(pairs=wrong, envelope=used, expect=expect),
    )
    yield Scenario(name="the nonce comes before the values", steps=steps)
