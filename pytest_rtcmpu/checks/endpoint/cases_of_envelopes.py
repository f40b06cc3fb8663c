"""Fixed cases: what is wrong around the parameters, and in which order it is seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.endpoint.scenarios import Expect, Pairs, Scenario, Step, fresh, single
from pytest_rtcmpu.contract import Contract

#: (clause, envelope changes) of what is refused whatever the parameters; by signature 1.0.
_WRONG_ENVELOPES: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("request.method.supported", {"method": "PUT"}),
    ("request.method.supported", {"method": "DELETE"}),
    ("request.method.supported", {"method": "PATCH"}),
    ("version.required", {"omit": ["Version"]}),
    ("action.required", {"omit": ["Action"]}),
    ("access-key-id.required", {"omit": ["AccessKeyId"]}),
    ("signature.required", {"omit": ["Signature"]}),
    ("signature-method.required", {"omit": ["SignatureMethod"]}),
    ("timestamp.required", {"omit": ["Timestamp"]}),
    ("signature-version.required", {"omit": ["SignatureVersion"]}),
    ("signature-nonce.required", {"omit": ["SignatureNonce"]}),
    ("version.value", {"version": "2017-01-11"}),
    ("version.value", {"version": "2018-01-12"}),
    ("action.known", {"action": "StartMPUTasks"}),
    ("action.known", {"action": "startmputask"}),
    ("action.known", {"action": "DescribeNothing"}),
    ("signature-method.value", {"signature_method": "HMAC-MD5"}),
    ("signature-method.value", {"signature_method": "HMAC-SHA256"}),
    ("signature-version.value", {"signature_version": "2.0"}),
    ("signature-version.value", {"signature_version": "1"}),
    ("timestamp.format", {"timestamp": "now"}),
    ("timestamp.format", {"timestamp": "%Y-%m-%d %H:%M:%S"}),
    ("timestamp.format", {"timestamp": "%Y-%m-%d %H:%M:%SZ"}),
    ("timestamp.format", {"timestamp": "%Y-%m-%dT%H:%M:%S"}),
    ("timestamp.format", {"timestamp": "%Y-%m-%dT%H:%M:%S.000Z"}),
    ("timestamp.format", {"timestamp": "%Y-%m-%dT%H:%M:%S+00:00"}),
    ("timestamp.format", {"timestamp": "%Y-%m-%dT%H:%MZ"}),
    ("timestamp.format", {"timestamp": "%Y%m%dT%H%M%SZ"}),
    ("timestamp.format", {"timestamp": "%a, %d %b %Y %H:%M:%S GMT"}),
    ("timestamp.format", {"timestamp": "1767225600"}),
    ("timestamp.format", {"timestamp": "2026-13-01T00:00:00Z"}),
    ("timestamp.window", {"timestamp": "-1000"}),
    ("timestamp.window", {"timestamp": "+1000"}),
    ("timestamp.window", {"timestamp": "-86400"}),
    ("timestamp.window", {"timestamp": "+28800"}),
    ("timestamp.window", {"timestamp": "2016-02-23T12:46:24Z"}),
    ("access-key-id.known", {"access_key_id": "LTAInobodyKnowsThisKey"}),
    ("signature.mismatch", {"tamper": "first"}),
    ("signature.mismatch", {"tamper": "letter case"}),
    ("signature.mismatch", {"tamper": "reversed"}),
    ("signature.mismatch", {"tamper": "short"}),
    ("signature.mismatch", {"secret": "not-the-secret-of-this-key"}),
)
#: Those that mean something under V3 too.
_V3_TOO = (
    "request.method.supported",
    "version.value",
    "action.known",
    "timestamp.format",
    "timestamp.window",
    "access-key-id.known",
    "signature.mismatch",
)


def wrong_envelopes(contract: Contract) -> Iterator[Scenario]:
    """Yield what is wrong with the envelope alone."""
    plain = fresh(cases.plain(contract))
    then = Expect(clause="request.refused.changes-nothing")
    for clause, changes in _WRONG_ENVELOPES:
        refused = Expect.refused(contract, clause)
        for signature in ("1.0", "v3") if clause in _V3_TOO else ("1.0",):
            step = Step(pairs=plain, signature=signature, envelope=changes, expect=refused)
            name = f"{changes}, signature {signature}"
            yield Scenario(name=name, steps=(step, Step(pairs=plain, expect=then)))
    for text in ("YAML", "TEXT", "JSONP"):
        expect = Expect.refused(contract, "format.known")
        step = Step(pairs=plain, reply_format=text, expect=expect)
        yield single(f"Format={text}", step)
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
    no_task = tuple(p for p in fresh(cases.plain(contract)) if p[0] != "TaskId")
    wrong = fresh(cases.plain(contract, MediaEncode=2))
    both = tuple(("MediaEncode", "2") if n == "MediaEncode" else (n, v) for n, v in no_task)
    colour = fresh(cases.plain(contract, MediaEncode=2, BackgroundColor=-1))
    # The first parameters empty, in the table's order, so that the first of them answers.
    nothing = tuple(
        (n, "") if n in ("AppId", "ChannelId", "StreamURL") else (n, v)
        for n, v in fresh(cases.plain(contract))
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
    plain = fresh(cases.plain(contract))
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
