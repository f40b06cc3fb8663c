"""Why a signature does not verify.

A signature says nothing but yes or no, so the autopsy goes the other way round: it makes each usual
mistake itself and looks which one gives the signature that came. The mistakes are a table of small
functions; each takes the plan of a right signature and returns plans that deviate at one stage
(received pairs → encoded → sorted → string to sign → key → digest → encoding). A match is proof:
no other explanation gives the same 20 or 32 bytes.

Only called on failure, so it may take milliseconds. No secret and no security token appears in what
it returns.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from urllib.parse import quote, unquote

from pytest_rtcmpu.signatures.autopsy.mistakes import (
    MISTAKES,
    Case,
    Cause,
    Kind,
    Plan,
    form_of,
    joined,
    parse_decoded,
    split_raw,
)
from pytest_rtcmpu.signatures.verify import (
    Authorization,
    Pair,
    Problem,
    parse_authorization,
    verify_1_0,
    verify_v3,
)
from pytest_rtcmpu.values.credentials import REDACTED, Secret
from pytest_rtcmpu.values.messages import Request
from pytest_rtcmpu.values.redaction import redact_everywhere

#: What is carried in the open but must not be shown, in lower case.
_SENSITIVE = {"securitytoken", "x-acs-security-token"}


# --- what comes out --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stage:
    """One step on the way to the signature, and its value as it may be shown."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Autopsy:
    """Why a signature does not verify; all ``causes`` together give the signature that came."""

    kind: Kind
    access_key_id: str
    causes: tuple[Cause, ...]
    stages: tuple[Stage, ...]

    def explain(self) -> str:
        """Return the verdict, its causes and the stages, as text of several lines."""
        verdict = "does not verify" if self.causes else "verifies"
        lines = [f"Signature {self.kind} by AccessKeyId {self.access_key_id!r} {verdict}."]
        lines += [f"Cause: {cause}" for cause in self.causes]
        for stage in self.stages:
            lines.append(f"{stage.name}:")
            lines += [f"    {line}" for line in stage.value.split("\n")]
        return "\n".join(lines)


# --- how a signature is written --------------------------------------------------------------


def _base64_bytes(text: str, *, altchars: bytes | None = None) -> bytes | None:
    try:
        return base64.b64decode(text.encode("ascii"), altchars, validate=True)
    except ValueError:  # not ASCII, not Base64, wrong padding
        return None


def _hex_bytes(text: str) -> bytes | None:
    try:
        return binascii.unhexlify(text)
    except ValueError:
        return None


def _hex_in_base64(text: str) -> bytes | None:
    inner = _base64_bytes(text)
    return None if inner is None else _hex_bytes(inner.decode("latin-1"))


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read a signature: the mistake in it, and the bytes it stands for, if any."""

    cause: Cause | None
    read: Callable[[str], bytes | None]


def _reading(id: str, text: str, read: Callable[[str], bytes | None]) -> _Reading:
    return _Reading(Cause(id, "encoding", text), read)


_READINGS: dict[Kind, tuple[_Reading, ...]] = {
    "1.0": (
        _Reading(None, _base64_bytes),
        _reading(
            "hex-instead-of-base64",
            "hex instead of Base64: the client wrote the digest in hex; write its bytes in Base64.",
            _hex_bytes,
        ),
        _reading(
            "base64-of-hex",
            "Base64 of hex: the client wrote the hex text of the digest in Base64; write the bytes"
            " of the digest in Base64.",
            _hex_in_base64,
        ),
        _reading(
            "signature-plus-as-space",
            'signature not encoded on the wire: a "+" of its Base64 text arrived as a space;'
            " percent-encode the Signature parameter (%2B).",
            lambda text: _base64_bytes(text.replace(" ", "+")),
        ),
        _reading(
            "signature-whitespace",
            "whitespace at the signature: the client sent a space or newline along with it; strip"
            " it.",
            lambda text: _base64_bytes("".join(text.split())),
        ),
        _reading(
            "signature-encoded-twice",
            "signature encoded twice: the Signature parameter still holds escapes after decoding;"
            " percent-encode it once for the wire.",
            lambda text: _base64_bytes(unquote(text)) or _base64_bytes(unquote(unquote(text))),
        ),
        _reading(
            "base64-padding",
            'Base64 without padding: the client left out the "=" at the end; keep it.',
            lambda text: _base64_bytes(text + "=" * (-len(text) % 4)),
        ),
        _reading(
            "base64-url-safe",
            'URL-safe Base64: the client wrote "-" and "_"; use the standard alphabet with "+" and'
            ' "/", and percent-encode it.',
            lambda text: _base64_bytes(text + "=" * (-len(text) % 4), altchars=b"-_"),
        ),
        _reading(
            "signature-bytes-repr",
            "bytes shown as text: the signature has the form b'…', Python's way to show bytes;"
            " decode it.",
            lambda text: _base64_bytes(text[2:-1]) if text[:2] in ("b'", 'b"') else None,
        ),
    ),
    "v3": (
        _Reading(None, lambda text: _hex_bytes(text) if text == text.lower() else None),
        _reading(
            "hex-upper-case",
            "hex in capitals: write the signature in lower-case hex.",
            _hex_bytes,
        ),
        _reading(
            "base64-instead-of-hex",
            "Base64 instead of hex: the client wrote the digest in Base64, as signature 1.0 does;"
            " write it in lower-case hex.",
            lambda text: _base64_bytes(text + "=" * (-len(text) % 4)),
        ),
        _reading(
            "base64-of-hex",
            "Base64 of hex: the client wrote the hex text of the digest in Base64; write the hex"
            " text itself.",
            _hex_in_base64,
        ),
        _reading(
            "signature-bytes-repr",
            "bytes shown as text: the signature has the form b'…', Python's way to show bytes;"
            " decode it.",
            lambda text: _hex_bytes(text[2:-1]) if text[:2] in ("b'", 'b"') else None,
        ),
    ),
}


# --- the search ------------------------------------------------------------------------------


#: How many pairs the plans of one search may sign in all. The number of plans grows with that of
#: the pairs; ten thousand of them would keep an endpoint busy for an hour. A request with a hundred
#: parameters needs about 130 000.
_MOST_WORK = 300_000


@dataclass(slots=True)
class _Search:
    """Tries plans against the signature that came; what was tried is not tried again."""

    secret: Secret
    received: dict[bytes, Cause | None]
    tried: set[object] = field(default_factory=set)
    work: int = 0

    @property
    def exhausted(self) -> bool:
        """Tell whether the search was given up."""
        return self.work > _MOST_WORK

    def is_new(self, plan: Plan, message: str) -> bool:
        """Tell whether a plan differs from all before it in what it signs, and remember it."""
        what = (message, plan.key, plan.digest)
        if what in self.tried:
            return False
        self.tried.add(what)
        return True

    def match(self, plan: Plan, secret: Secret | None = None) -> tuple[Cause, ...] | None:
        """Return how the signature was written wrongly, if this plan gives it, or ``None``."""
        return self._match(plan, plan.message(), secret or self.secret)

    def _match(self, plan: Plan, message: str, secret: Secret) -> tuple[Cause, ...] | None:
        digest = plan.digest(plan.key(secret), message.encode("utf-8", "replace"))
        if digest not in self.received:
            return None
        written = self.received[digest]
        return () if written is None else (written,)

    def first(self, plans: Iterable[tuple[Plan, tuple[Cause, ...]]]) -> _Finding | None:
        """Return the first plan that gives the signature, with its causes."""
        if self.exhausted:
            return None
        for plan, causes in plans:
            self.work += len(plan.pairs)
            if self.exhausted:
                return None
            message = plan.message()
            if self.is_new(plan, message):
                written = self._match(plan, message, self.secret)
                if written is not None:
                    return _Finding(plan, (*causes, *written))
        return None


@dataclass(frozen=True, slots=True)
class _Finding:
    plan: Plan
    causes: tuple[Cause, ...]


Found = tuple[Plan, tuple[Cause, ...]]


def _single_mistakes(case: Case, plan: Plan) -> Iterator[Found]:
    for mistake in MISTAKES:
        for deviant, detail in mistake.variants(case, plan):
            yield deviant, (mistake.cause(detail),)


def _two_mistakes(case: Case, plan: Plan) -> Iterator[Found]:
    tried = {(plan.message(), plan.key, plan.digest)}
    table = [mistake for mistake in MISTAKES if mistake.pairs_up]
    for at, one in enumerate(table, 1):
        for deviant, detail in one.variants(case, plan):
            signed = (deviant.message(), deviant.key, deviant.digest)
            if signed in tried:
                continue  # this mistake makes no difference to this request
            tried.add(signed)
            for other in table[at:]:
                for both, more in other.variants(case, deviant):
                    yield both, (one.cause(detail), other.cause(more))


def _other_values(value: str) -> Iterator[str]:
    """Yield what a value may have been before something on the way changed it."""
    yield from ("", value.strip(), value.lower(), value.upper(), unquote(value), quote(value))
    if re.fullmatch("-?[0-9]{1,20}", value):
        yield from (str(int(value) + 1), str(int(value) - 1))
    if not value:
        yield from ("None", "null", "undefined")


def _show(name: str, value: str) -> str:
    return repr(REDACTED if name.lower() in _SENSITIVE else value)


def _changed(what: str, name: str, was: str, came: str) -> Cause:
    return Cause(
        "parameter-changed" if what == "parameter" else "header-changed",
        "received pairs",
        f"{what} changed after signing: {name} was {was} when it was signed and arrived as {came};"
        " sign last, and send what was signed.",
    )


def _changed_parameters(
    case: Case, plan: Plan, candidates: Mapping[str, Sequence[str]]
) -> Iterator[Found]:
    for at, (name, value) in enumerate(plan.pairs):
        for other in dict.fromkeys(chain(candidates.get(name, ()), _other_values(value))):
            if other != value:
                pairs = (*plan.pairs[:at], (name, other), *plan.pairs[at + 1 :])
                cause = _changed("parameter", name, _show(name, other), _show(name, value))
                yield replace(plan, pairs=pairs), (cause,)
    present = {name for name, _ in plan.pairs} | {"Signature"}
    for name, values in candidates.items():
        for other in values if name not in present else ():
            lost = Cause(
                "parameter-changed",
                "received pairs",
                f"parameter changed after signing: {name} was signed as {_show(name, other)} and"
                " did not arrive; send every parameter that was signed.",
            )
            yield replace(plan, pairs=(*plan.pairs, (name, other))), (lost,)


def _other_header_values(value: str) -> Iterator[str]:
    host = re.sub(":[0-9]+$", "", value)
    yield from _other_values(value)
    yield from (host, f"{host}:80", f"{host}:443", "rtc.aliyuncs.com")
    kind = value.partition(";")[0].strip()
    yield from (kind, *(f"{kind};{gap}charset={name}" for gap in ("", " ") for name in _UTF8))


_UTF8 = ("utf-8", "UTF-8", "utf8")


def _changed_headers(
    case: Case, plan: Plan, candidates: Mapping[str, Sequence[str]]
) -> Iterator[Found]:
    lines = plan.headers or ()
    for at, (name, value) in enumerate(lines):
        for other in chain(candidates.get(name, ()), _other_header_values(value)):
            headers = (*lines[:at], (name, other), *lines[at + 1 :])
            cause = _changed("header", name, _show(name, other), _show(name, value))
            yield replace(plan, headers=headers), (cause,)


def _other_key(
    plan: Plan, search: _Search, other_secrets: Sequence[tuple[str, Secret]]
) -> _Finding | None:
    for access_key_id, secret in other_secrets:
        written = search.match(plan, secret)
        if written is not None:
            cause = Cause(
                "wrong-secret",
                "key",
                f"wrong secret: the client signed with the AccessKeySecret of {access_key_id!r};"
                " AccessKeyId and AccessKeySecret must belong together.",
            )
            return _Finding(plan, (cause, *written))
    return None


_UNEXPLAINED = Cause(
    "unexplained",
    "key",
    "no usual mistake gives this signature. Either it was made with a wrong secret (another"
    " AccessKeySecret than the one known here), or a parameter changed after signing in a way that"
    " could not be guessed; compare the string to sign below with the client's own.",
)

_GIVEN_UP = replace(
    _UNEXPLAINED,
    text="the request has too many parameters to try every usual mistake, and those tried do not"
    " give this signature; compare the string to sign below with the client's own.",
)

_WANTED = {
    "1.0": "the Base64 text of 20 bytes (28 characters)",
    "v3": "64 lower-case hex digits",
}


def _read_signature(kind: Kind, signature: str) -> dict[bytes, Cause | None]:
    """Return the digests the signature may stand for, each with the mistake in its writing."""
    sizes = (16, 20, 32, 64)
    received: dict[bytes, Cause | None] = {}
    for reading in _READINGS[kind]:
        digest = reading.read(signature)
        if digest is not None and len(digest) in sizes:
            received.setdefault(digest, reading.cause)
    return received


def _find(
    case: Case,
    plan: Plan,
    search: _Search,
    candidates: Mapping[str, Sequence[str]],
    other_secrets: Sequence[tuple[str, Secret]],
) -> _Finding | None:
    """Go through the explanations, the plainest first."""
    return (
        search.first([(plan, ())])
        or search.first(_single_mistakes(case, plan))
        or _other_key(plan, search, other_secrets)
        or search.first(_changed_parameters(case, plan, candidates))
        or search.first(_changed_headers(case, plan, candidates))
        or search.first(_two_mistakes(case, plan))
    )


@dataclass(slots=True)
class Memory:
    """What was found for earlier requests: tried first for the next one, which makes it cheap.

    One for each run, and not for two threads at once. It changes how long an autopsy takes, never
    what counts as proven.
    """


# --- what is shown ---------------------------------------------------------------------------


def _hidden(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    return tuple(
        (name, "REDACTED" if unquote(name).lower() in _SENSITIVE and value else value)
        for name, value in pairs
    )


def _shown(plan: Plan) -> Plan:
    """Return the plan with its security tokens replaced: whatever it makes may be shown."""
    headers = None if plan.headers is None else _hidden(plan.headers)
    return replace(plan, pairs=_hidden(plan.pairs), headers=headers)


def _difference(server: str, client: str) -> str:
    at = next(
        (at for at, (one, other) in enumerate(zip(server, client, strict=False)) if one != other),
        min(len(server), len(client)),
    )
    start = max(0, at - 20)
    return (
        f"first difference at character {at}:\n"
        f"server …{server[start : at + 30]!r}\n"
        f"client …{client[start : at + 30]!r}"
    )


def _stages(
    case: Case,
    right: Plan,
    signed: Plan | None,
    signature: str,
    string_to_sign: str,
    hide: Callable[[str], str],
) -> Iterator[Stage]:
    plan = _shown(right)
    yield Stage("Received pairs", "\n".join(map(joined, plan.pairs)) or "(none)")
    encoded = [f"{plan.encode(name)}={plan.encode(value)}" for name, value in plan.pairs]
    yield Stage("Encoded", "\n".join(encoded) or "(none)")
    if case.kind == "1.0":
        yield Stage("Sorted and joined", plan.canonical())
        yield Stage("String to sign (server)", plan.message())
    else:
        yield Stage("Sorted, with headers: canonical request (server)", plan.canonical())
        yield Stage("String to sign (server)", string_to_sign)
    if signed is not None:
        # Hidden before they are cut: half a secret is not recognised any more.
        server, client = (
            hide(one.message() if case.kind == "1.0" else one.canonical())
            for one in (plan, _shown(signed))
        )
        if server != client:
            what = "String to sign" if case.kind == "1.0" else "Canonical request"
            yield Stage(f"{what} (client)", f"{client}\n{_difference(server, client)}")
    tail = ' followed by "&"' if case.kind == "1.0" else ""
    yield Stage("Key", f"the AccessKeySecret of {case.access_key_id!r}{tail} (not shown)")
    yield Stage("Digest", "HMAC-SHA1, 20 bytes" if case.kind == "1.0" else "HMAC-SHA256, 32 bytes")
    yield Stage("Encoding", f"expected {_WANTED[case.kind]}; received {hide(signature)[:200]!r}")


def autopsy(
    request: Request,
    pairs: Sequence[Pair],
    *,
    kind: Kind,
    access_key_id: str,
    secret: Secret | str,
    signature: str | None = None,
    candidates: Mapping[str, Sequence[str]] | None = None,
    other_secrets: Sequence[tuple[str, Secret]] = (),
    memory: Memory | None = None,
) -> Autopsy:
    """Find out why a signature does not verify.

    request: as it came; raw query and form tell how things were sent.
    pairs: decoded; for ``kind="1.0"`` those of query and form, for ``"v3"`` those of the query.
    secret: the right one, of ``access_key_id``.
    signature: of kind 1.0, when it is not the ``Signature`` pair; V3's is in ``Authorization``.
    candidates: by parameter (or lower-case header) name, values it may have had when it was
        signed.
    other_secrets: (AccessKeyId, secret) of other known keys.
    memory: of the autopsies before in the same run.

    No ``causes`` means that the signature verifies.
    """
    secret = Secret(secret)
    parsed = parse_authorization(request.header("authorization")) if kind == "v3" else None
    authorization = parsed if isinstance(parsed, Authorization) else None
    if signature is None:
        signature = dict(pairs).get("Signature", "")
    if authorization is not None:
        signature = authorization.signature
    form = form_of(request)
    case = Case(
        kind=kind,
        request=request,
        pairs=tuple((name, value) for name, value in pairs if name != "Signature"),
        raw=split_raw(request.query) + (split_raw(form) if kind == "1.0" else ()),
        query=parse_decoded(request.query),
        form=parse_decoded(form),
        access_key_id=access_key_id,
        authorization=authorization,
    )
    secrets = [secret, *(other for _, other in other_secrets), *_tokens(case)]
    hide = partial(redact_everywhere, secrets=secrets)
    plan = case.plan()
    if kind == "1.0":
        verdict = verify_1_0(case.pairs, method=request.method, secret=secret, signature=signature)
    else:
        verdict = verify_v3(request, case.pairs, secret=secret, authorization=authorization)
    causes: tuple[Cause, ...] = ()
    finding: _Finding | None = None
    unexplained = _UNEXPLAINED
    if isinstance(parsed, Problem):
        causes = (Cause(parsed.id, "encoding", parsed.text),)
    elif not verdict.ok:
        received = _read_signature(kind, signature)
        if received:
            search = _Search(secret, received)
            finding = _find(case, plan, search, candidates or {}, other_secrets)
            unexplained = _GIVEN_UP if search.exhausted else _UNEXPLAINED
        causes = _causes(kind, hide(signature), received, finding, verdict.problem, unexplained)
    signed = finding.plan if finding else None
    stages = _stages(case, plan, signed, signature, verdict.string_to_sign, hide)
    return Autopsy(
        kind,
        access_key_id,
        tuple(replace(cause, text=hide(cause.text)) for cause in causes),
        tuple(replace(stage, value=hide(stage.value)) for stage in stages),
    )


def _tokens(case: Case) -> list[Secret]:
    named = chain(case.pairs, case.query, case.form, case.request.headers)
    return [Secret(value.strip()) for name, value in named if name.lower() in _SENSITIVE]


def _causes(
    kind: Kind,
    signature: str,
    received: dict[bytes, Cause | None],
    finding: _Finding | None,
    problem: Problem | None,
    unexplained: Cause,
) -> tuple[Cause, ...]:
    causes: list[Cause] = []
    if problem is not None:
        causes.append(Cause(problem.id, "string to sign", problem.text))
    if finding is not None:
        # A problem of form and the mistake found may be two names for one thing.
        causes += [cause for cause in finding.causes if problem is None or cause.id != problem.id]
    size = 20 if kind == "1.0" else 32
    well_formed = any(len(digest) == size and not cause for digest, cause in received.items())
    # A finding without a cause: the right bytes, in Base64 whose spare bits are not zero.
    if not causes if finding else not well_formed:
        causes.append(
            Cause(
                "signature-malformed",
                "encoding",
                f"malformed signature: {signature[:200]!r} is not {_WANTED[kind]}.",
            )
        )
    if received and not finding:
        causes.append(unexplained)
    return tuple(causes)
