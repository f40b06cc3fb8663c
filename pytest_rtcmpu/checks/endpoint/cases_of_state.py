"""Fixed cases: tasks that exist, and nonces that were used."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, cast

from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.endpoint.scenarios import (
    MODES,
    Expect,
    Scenario,
    Step,
    at_address,
    fresh,
    sequence,
    with_task,
    with_value,
)
from pytest_rtcmpu.contract import Contract

#: So many tasks that an endpoint which remembers only the latest few has forgotten the first.
_CROWD = 32


def _crowd(contract: Contract) -> tuple[Step, ...]:
    plain = fresh(cases.plain(contract), contract)
    return tuple(Step(pairs=with_task(plain, f"@task:{i}")) for i in range(2, _CROWD + 2))


def existence(contract: Contract, operations: Collection[str]) -> Iterator[Scenario]:
    """TaskExisted: for a task that exists, whoever asks, and for no other."""
    plain = fresh(cases.plain(contract), contract)
    start = Step(pairs=plain)
    exists = contract.rule("TaskId", "exists").id
    existed = Expect.refused(contract, exists)
    for signature, method in MODES:
        first = Step(pairs=plain, signature=signature, method=method, in_query=True)
        again = replace(first, expect=existed)
        yield sequence(f"started again, {signature} by {method}", first, again, again)
    for one, two in zip(MODES, (*MODES[1:], MODES[0]), strict=True):
        name = f"started {' by '.join(one)}, again {' by '.join(two)}"
        first, second = (
            Step(pairs=plain, signature=signature, method=method, in_query=True)
            for signature, method in (one, two)
        )
        yield sequence(name, first, replace(second, expect=existed))
    xml = Step(pairs=plain, reply_format="XML")
    yield sequence("started again, XML", xml, replace(xml, expect=existed))
    again = replace(start, expect=existed)
    yield sequence("started again after many others", start, *_crowd(contract), again)
    other_app = at_address(with_value(plain, "AppId", "app2"), "app2")
    app2 = Step(pairs=other_app, expect=Expect(clause="task-id.key"))
    yield sequence("the same TaskId in another app", start, app2)
    if contract.has("ChannelId"):
        about = Expect.refused(contract, exists, about="task-id.key")
        channel2 = Step(pairs=with_value(plain, "ChannelId", "channel2"), expect=about)
        yield sequence("the same task in another channel", start, channel2)
    for name in ("@task:2", "@upper:task:1"):
        other = Step(pairs=with_task(plain, name))
        yield sequence(f"another task in the same app, {name}", start, other)
    yield from _exclusive(contract, operations)
    once = replace(start, expect=Expect(clause="error.task-existed.one-winner"))
    yield Scenario(name="started many times at once", steps=(once,), race=True)


def _exclusive(contract: Contract, operations: Collection[str]) -> Iterator[Scenario]:
    """What a running task has no other may have."""
    for p in contract.parameters:
        if p.rest_seconds is None:
            continue
        first = Step(pairs=fresh(cases.plain(contract), contract))
        other = tuple(
            (name, "@task:2" if name == "TaskId" else value) for name, value in first.pairs
        )
        refused = Expect.refused(contract, contract.rule(p.name, "exclusive").id)
        second = Step(pairs=other, expect=refused)
        yield sequence(f"the {p.name} of a running task", first, second)
        stopping = [name for name in operations if contract.operations[name].effect == "stop"]
        for name in stopping:
            view = contract.operation(name)
            stop = Step(pairs=fresh(cases.of_started(contract, view), view), operation=name)
            stop = replace(stop, expect=Expect(clause=view.rule(None, "accepted").id))
            yield sequence(f"the {p.name} of a task just stopped", first, stop, second)


def nonces(contract: Contract) -> Iterator[Scenario]:
    """A nonce is good once, whatever comes with it, and whatever came between."""
    plain = fresh(cases.plain(contract), contract)
    used = {"nonce": "@nonce:1"}
    replayed = Expect.refused(contract, "nonce.unique")
    wrong = Expect.refused(contract, "signature.mismatch")
    first = Step(pairs=plain, envelope=used)
    second = Step(pairs=with_task(plain, "@task:99"), envelope=used, expect=replayed)
    yield sequence("a nonce again after many others", first, *_crowd(contract), second)
    later = replace(second, envelope={**used, "timestamp": "+30"})
    yield sequence("a nonce again with another timestamp", first, later)
    for in_query in (True, False):
        ways = {"method": "POST", "in_query": in_query}
        name = "query" if in_query else "form"
        yield sequence(
            f"a nonce again by POST, {name}",
            replace(first, **cast(Any, ways)),
            replace(second, **cast(Any, ways)),
        )
        yield sequence(
            f"a nonce of a GET again by POST, {name}", first, replace(second, **cast(Any, ways))
        )
    for signature in ("1.0", "v3"):
        good = replace(first, signature=signature)
        again = replace(second, signature=signature)
        # The refused request has started nothing: with a new nonce it is good.
        put_right = replace(again, envelope={}, expect=Expect())
        yield sequence(f"a nonce again, signature {signature}", good, again, put_right)
        same = replace(good, expect=replayed)
        yield sequence(f"the same request again, signature {signature}", good, same)
        forged = replace(good, envelope={**used, "tamper": "first"}, expect=wrong)
        after = replace(good, expect=Expect(clause="nonce.after-signature"))
        yield sequence(f"a nonce after a bad signature, signature {signature}", forged, after)
