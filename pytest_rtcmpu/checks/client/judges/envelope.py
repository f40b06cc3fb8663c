"""Judges of what a client sent: method, path, common parameters, signature."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.bench import Breach, Judgement, NotJudged
from pytest_rtcmpu.checks.client.scenarios import Judge, Observation, Sent
from pytest_rtcmpu.checks.nearest import absent
from pytest_rtcmpu.contract import Clause
from pytest_rtcmpu.signatures.autopsy.plan import Cause
from pytest_rtcmpu.signatures.verify import Authorization, parse_authorization
from pytest_rtcmpu.values.credentials import Credentials

# --------------------------------------------------------------------- what it sent: the envelope


def keeps_envelope_rule(clause: Clause, *, only: str | None = None) -> Judge:
    """A clause that the endpoint's own diagnosis speaks of; ``only`` for one kind of signature."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        sent = [s for s in o.arrived if only in (None, s.diagnosis.signature)]
        if not sent:
            return None
        return [
            Breach(expected=clause.text, got=what_came(s, clause.parameter))
            for s in sent
            if any(broken.id == clause.id for broken in s.diagnosis.clauses)
        ]

    return judge


def what_came(s: Sent, parameter: str | None) -> str:
    """What a request has for a common parameter, in words."""
    if parameter is None:
        return s.call.request.method
    value = s.diagnosis.common.get(parameter)
    if value is not None:
        return f"{parameter}={value}"
    contract = s.call.contract
    names = contract.signatures[s.diagnosis.signature].headers
    known = {*(p.name for p in contract.common_parameters), *names.values()}
    came = s.call.request.headers if parameter in names else s.call.pairs
    return absent(names.get(parameter, parameter), came, known=known)


def right_path(o: Observation) -> Iterable[Breach] | None:
    """Every request goes to the documented path."""
    path = o.contract.service.path
    if not o.arrived:
        return None
    return [
        Breach(expected=f"path {path}", got=f"path {s.call.request.path}")
        for s in o.arrived
        if s.call.request.path not in ("", path)
    ]


def signature_verifies(kind: str) -> Judge:
    """Every signature of this kind verifies."""

    def judge(o: Observation) -> Iterable[Breach] | None:
        sent = [s for s in o.arrived if s.diagnosis.signature == kind]
        if not sent:
            return None
        return [
            Breach(
                expected="a signature that verifies", got=_another_key(s, o) or why_not_verified(s)
            )
            for s in sent
            if why_not_verified(s)
        ]

    return judge


def _another_key(s: Sent, o: Observation) -> str:
    """Which key it was signed with, where it is another than was given: no autopsy knows that."""
    came, given = s.diagnosis.common.get("AccessKeyId"), o.credentials.access_key_id
    return (
        f"AccessKeyId {came!r}, not {given!r} that it was given"
        if came not in (None, given)
        else ""
    )


def why_not_verified(s: Sent) -> str:
    """Why the signature does not verify; empty where it does."""
    autopsy = s.diagnosis.autopsy
    if autopsy is not None and autopsy.causes:
        return "; ".join(map(str, autopsy.causes))
    # Without a key or a signature there is nothing to take apart; nor are all autopsies made.
    broken = [c for c in s.diagnosis.clauses if c.rule in ("required", "known", "verifies")]
    return "; ".join(c.text for c in broken if c.parameter in ("Signature", "AccessKeyId"))


def signed_without(
    ids: Iterable[str], applies: Callable[[Sent], bool], *, only: str | None = None
) -> Judge:
    """A clause on one stage of the signature, by what the autopsy finds.

    Nobody can tell how something was signed unless the signature verifies or its cause is known.
    """
    wanted = frozenset(ids)

    def judge(o: Observation) -> Judgement:
        sent = [s for s in o.arrived if only in (None, s.diagnosis.signature) and applies(s)]
        if not sent:
            return None
        found = [
            Breach(expected="a signature over the canonical forms", got=str(cause))
            for s in sent
            for cause in _causes(s)
            if cause.id in wanted
        ]
        doubts = (why_not_proven(s) for s in sent)
        doubt = next(filter(None, doubts), "")
        return NotJudged(doubt) if doubt and not found else found

    return judge


def _causes(s: Sent) -> tuple[Cause, ...]:
    return s.diagnosis.autopsy.causes if s.diagnosis.autopsy else ()


def why_not_proven(s: Sent) -> str:
    """Why nobody can tell how it was signed; empty where it verifies or the cause is known."""
    broken = why_not_verified(s)
    if not broken:
        return ""
    if not _causes(s):
        return f"its signature is wrong, and why was not looked into: {broken}"
    # A cause that is only of form leaves open what else went wrong: the search says so by this.
    unexplained = [cause for cause in _causes(s) if cause.id == "unexplained"]
    return "its signature is wrong, and no usual mistake explains why" if unexplained else ""


def has_odd_characters(s: Sent) -> bool:
    """Whether a value has characters that a careless encoder loses."""
    odd = set(cases.ODD_CHARACTERS)
    return any(odd & set(value) or not value.isascii() for _, value in s.call.pairs)


def fresh_nonce(o: Observation) -> Iterable[Breach] | None:
    """No nonce comes twice."""
    sent = [s for s in o.arrived if s.diagnosis.common.get("SignatureNonce")]
    if not sent:
        return None
    return [
        Breach(
            expected="a nonce that no earlier request had",
            got=f"SignatureNonce={s.diagnosis.common['SignatureNonce']} again",
        )
        for s in sent
        if s.nonce_repeated
    ]


def content_type_signed(o: Observation) -> Iterable[Breach] | None:
    """A Content-Type that is sent under V3 is signed."""
    sent = [s for s in o.arrived if s.diagnosis.signature == "v3"]
    typed = [s for s in sent if s.call.request.header("content-type") is not None]
    if not typed:
        return None
    found = []
    for s in typed:
        parsed = parse_authorization(s.call.request.header("authorization"))
        if isinstance(parsed, Authorization) and "content-type" not in parsed.signed_headers:
            names = ";".join(parsed.signed_headers)
            found.append(Breach(expected="content-type signed", got=f"SignedHeaders={names}"))
    return found


def token_signed(o: Observation) -> Judgement:
    """A temporary key comes with its token, signed over."""
    token = o.credentials.security_token
    if not o.arrived or token is None:
        return None
    found = []
    for s in o.arrived:
        carried = s.diagnosis.common.get("SecurityToken")
        if carried is None:
            found.append(Breach(expected="the key's SecurityToken", got="no SecurityToken"))
        elif carried != token.reveal():
            found.append(Breach(expected="the key's SecurityToken, unchanged", got="another"))
        else:
            causes = [cause for cause in _causes(s) if _is_about_token(cause)]
            found += (Breach(expected="SecurityToken signed over", got=str(c)) for c in causes)
    doubt = next(filter(None, map(why_not_proven, o.arrived)), "")
    return NotJudged(doubt) if doubt and not found else found


def _is_about_token(cause: Cause) -> bool:
    return any(name in cause.text for name in ("SecurityToken", "x-acs-security-token"))


def _secret_forms(credentials: Credentials) -> tuple[bytes, ...]:
    raw = credentials.access_key_secret.reveal()
    once = quote(raw, safe="")
    texts = (raw, once, quote(raw, safe="~"), quote(once, safe="~"), once.lower())
    encoded = (base64.b64encode(raw.encode()).rstrip(b"="), raw.encode().hex().encode())
    return tuple({*(text.encode() for text in texts), *encoded})


def _decode(content: bytes) -> bytes:
    """What stands in Base64 within a content, as in ``Authorization: Basic``."""
    tokens = re.findall(rb"[A-Za-z0-9+/_-]{16,}", content)
    plain = (token.replace(b"-", b"+").replace(b"_", b"/") for token in tokens)
    return b"\n".join(
        base64.b64decode(token + b"=" * (-len(token) % 4)) for token in plain if len(token) % 4 != 1
    )


def secret_nowhere(o: Observation) -> Iterable[Breach] | None:
    """The AccessKeySecret stands nowhere in a request, in no usual encoding."""
    if not o.arrived:
        return None
    found = []
    for s in o.arrived:
        request = s.call.request
        places = {
            "the target": request.target.encode("utf-8", "replace"),
            "the body": request.body,
            **{f"header {n}": v.encode("utf-8", "replace") for n, v in request.headers},
        }
        for place, content in places.items():
            shown = content + b"\n" + _decode(content)
            if any(form in shown for form in _secret_forms(o.credentials)):
                got = f"the AccessKeySecret in {place}"
                found.append(Breach(expected="the AccessKeySecret nowhere", got=got))
    return found
