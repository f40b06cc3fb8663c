"""The contract's sentence on the order of checks: "first failure answers".

bytes → pairs → envelope → signature → required → values → state. Each step takes what the
endpoint knows and a request on its way, and raises a :class:`Refusal` where the request breaks it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence

from pytest_rtcmpu import rules, wire
from pytest_rtcmpu.contract.elsewhere import to_set
from pytest_rtcmpu.endpoint.effects import EFFECTS
from pytest_rtcmpu.endpoint.exchange import AskedFor, Exchange, Refusal
from pytest_rtcmpu.endpoint.state import State
from pytest_rtcmpu.signatures.autopsy import Autopsy, autopsy
from pytest_rtcmpu.signatures.verify import Verdict, verify_1_0, verify_v3
from pytest_rtcmpu.values.credentials import Secret
from pytest_rtcmpu.values.redaction import redact_everywhere

Step = Callable[[State, Exchange], None]


def _refuse(state: State, parameter: str | None, rule: str, *, appended: str = "") -> Refusal:
    clause = state.contract.rule(parameter, rule)
    return Refusal(clause.codes[0], clause, appended=appended)


def check_method(state: State, exchange: Exchange) -> None:
    """GET or POST."""
    if exchange.request.method not in state.contract.service.methods:
        raise _refuse(state, None, "method")


def check_format(state: State, exchange: Exchange) -> None:
    """Format names a format, where it is there."""
    # S2 111549: "JSON | XML, any letter case, XML when absent"
    wanted = exchange.common.get("Format")
    if wanted is not None and wanted.upper() not in state.contract.service.formats:
        raise _refuse(state, "Format", "enum")


def check_common(state: State, exchange: Exchange) -> None:
    """Each required common parameter is there."""
    for name in absent_common(state, exchange):
        raise _refuse(state, name, "required")


def absent_common(state: State, exchange: Exchange) -> list[str]:
    """Return the common parameters that are required and absent or empty."""
    common = exchange.common
    return [name for name in state.needed[exchange.signature] if not common.get(name)]


def check_version(state: State, exchange: Exchange) -> None:
    """Version is the documented one."""
    _check_value(state, "Version", exchange.common["Version"])


def check_action(state: State, exchange: Exchange) -> None:
    """Action is a documented one, and the path the documented one."""
    # S3: "Specified api is not found, please check your url and method."
    action = exchange.common["Action"]
    if action not in state.contract.operations:
        exchange.notes = rules.of_other_operation(action, state.contract)
        raise _refuse(state, "Action", "enum")
    if exchange.request.path not in ("", state.contract.service.path):
        raise _refuse(state, "Action", "enum")
    exchange.contract = state.contract.operation(action)


def check_signature_method(state: State, exchange: Exchange) -> None:
    """SignatureMethod and SignatureVersion are those of the signature."""
    scheme = state.contract.signatures[exchange.signature]
    # S2 111551's own example writes Hmac-SHA1.
    if exchange.common.get("SignatureMethod", "").upper() != scheme.method:
        raise _refuse(state, "SignatureMethod", "enum")
    if exchange.signature == "1.0":
        _check_value(state, "SignatureVersion", exchange.common["SignatureVersion"])


def _check_value(state: State, name: str, value: str) -> None:
    """Refuse a common parameter that has one documented value and came with another."""
    if value != state.documented[name]:
        raise _refuse(state, name, "enum")


def check_timestamp(state: State, exchange: Exchange) -> None:
    """Timestamp has the documented form, and is near the clock's."""
    moment = wire.parse_timestamp(exchange.common["Timestamp"], state.contract)
    if moment is None:
        raise _refuse(state, "Timestamp", "format")
    if abs(exchange.now - moment) > state.window:
        raise _refuse(state, "Timestamp", "window")
    exchange.moment = moment


def check_key(state: State, exchange: Exchange) -> None:
    """The access key is known and active."""
    if exchange.signature == "v3" and exchange.authorization is None:
        return
    found = state.keys.get(exchange.common["AccessKeyId"])
    if found is None:
        raise _refuse(state, "AccessKeyId", "known")
    if not found[1]:
        raise _refuse(state, "AccessKeyId", "active")


def check_token(state: State, exchange: Exchange) -> None:
    """A temporary key comes with its own token."""
    # What a token beside a permanent key does nobody says: it is accepted.
    found = state.keys.get(exchange.common.get("AccessKeyId", ""))
    expected = found[0].security_token if found else None
    if expected is None:
        return
    token = exchange.common.get("SecurityToken")
    if not token:
        raise _refuse(state, "SecurityToken", "given")
    if not hmac.compare_digest(token.encode(), expected.reveal().encode()):
        raise _refuse(state, "SecurityToken", "own")


def check_signature(state: State, exchange: Exchange) -> None:
    """The signature verifies."""
    key = state.keys.get(exchange.common["AccessKeyId"])
    secret = key[0].access_key_secret if key else Secret("?")
    verdict = _verdict(exchange, secret)
    if verdict.ok:
        return
    if exchange.explain:
        exchange.autopsy = _autopsy(state, exchange, secret, is_known=key is not None)
    # "a real gateway appends ` server string to sign is:` and the string it signed"
    # A client that sends its secret along by mistake must not have it echoed.
    secrets = [known.access_key_secret for known, _ in state.keys.values()]
    string_to_sign = redact_everywhere(verdict.string_to_sign, secrets)
    suffix = f"{state.contract.service.string_to_sign_suffix}{string_to_sign}"
    raise _refuse(state, "Signature", "verifies", appended=suffix)


def _verdict(exchange: Exchange, secret: Secret) -> Verdict:
    if exchange.signature == "v3":
        return verify_v3(
            exchange.request,
            exchange.query,
            secret=secret,
            authorization=exchange.authorization,
        )
    return verify_1_0(
        exchange.pairs,
        method=exchange.request.method,
        secret=secret,
        signature=exchange.common["Signature"],
    )


def _autopsy(state: State, exchange: Exchange, secret: Secret, *, is_known: bool) -> Autopsy:
    return autopsy(
        exchange.request,
        exchange.pairs if exchange.signature == "1.0" else exchange.query,
        kind=exchange.signature,
        access_key_id=exchange.common["AccessKeyId"],
        secret=secret,
        candidates=_candidates(state, exchange),
        other_secrets=[
            (name, other.access_key_secret)
            for name, (other, _) in state.keys.items()
            if name != exchange.common["AccessKeyId"]
        ],
        memory=state.autopsies,
        is_known=is_known,
    )


def _candidates(state: State, exchange: Exchange) -> dict[str, Sequence[str]]:
    """Values a parameter may have had when it was signed: documented ones, and earlier ones."""
    found: dict[str, dict[str, None]] = {}
    for p in exchange.contract.parameters:
        if p.values:
            found[p.name] = dict.fromkeys(sorted(p.wire_values))
    for call in list(state.record.calls)[-20:]:
        for name, value in call.pairs:
            found.setdefault(name, {})[value] = None
    return {name: tuple(values) for name, values in found.items()}


def check_nonce(state: State, exchange: Exchange) -> None:
    """The nonce is new; it counts as used once its signature has verified."""
    nonce = (exchange.common["AccessKeyId"], exchange.common["SignatureNonce"])
    expires = (exchange.moment or exchange.now) + state.window
    if not state.nonces.use(nonce, now=exchange.now, expires=expires):
        raise _refuse(state, "SignatureNonce", "unique")


def check_parameters(state: State, exchange: Exchange) -> None:
    """The operation's parameters keep every rule."""
    found = rules.collect(exchange.pairs, exchange.contract)
    judgement = rules.judge_collected(found, exchange.contract)
    exchange.notes = judgement.notes
    if judgement.problems:
        exchange.problems = rules.with_leads(
            judgement.problems, exchange.pairs, exchange.contract, to_set
        )
        clause = judgement.problems[0].clause
        raise Refusal(clause.codes[0], clause)
    # "our key: AppId + TaskId, because StopMPUTask names a task by those two"
    exchange.task = found.texts.get("AppId", ""), found.texts.get("TaskId", "")
    exchange.found = found


def fail_as_asked(state: State, exchange: Exchange) -> None:
    """No test has asked for a failure."""
    if exchange.answer is not None:
        state.asked.popleft()
        raise AskedFor(exchange.answer)


def check_state(state: State, exchange: Exchange) -> None:
    """What the operation is to do can be done with the tasks and layouts that there are."""
    EFFECTS[exchange.contract.in_view.effect].check(state, exchange)


STEPS: tuple[Step, ...] = (
    check_method,
    check_format,
    check_common,
    check_version,
    check_action,
    check_signature_method,
    check_timestamp,
    check_key,
    check_token,
    check_signature,
    check_nonce,
    check_parameters,
    fail_as_asked,
    check_state,
)
#: Those that change nothing and depend on no earlier call.
STATELESS_STEPS = tuple(
    step for step in STEPS if step not in (check_nonce, fail_as_asked, check_state)
)
#: Those of the envelope; :func:`absent_common` tells more than ``check_common``.
ENVELOPE_STEPS = tuple(
    step for step in STEPS[: STEPS.index(check_nonce)] if step is not check_common
)
