"""What an autopsy says: its causes, and the stages of the signature as they may be shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from pytest_rtcmpu.contract import SignatureKind
from pytest_rtcmpu.signatures.autopsy.plan import Cause, Evidence, Signing, joined
from pytest_rtcmpu.signatures.verify import Objection, Pair
from pytest_rtcmpu.values.redaction import is_secret


@dataclass(frozen=True, slots=True)
class Stage:
    """One step on the way to the signature, and its value as it may be shown."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Autopsy:
    """Why a signature does not verify; all ``causes`` together give the signature that came."""

    kind: SignatureKind
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


# --- causes ----------------------------------------------------------------------------------

_WANTED = {
    "1.0": "the Base64 text of 20 bytes (28 characters)",
    "v3": "64 lower-case hex digits",
}


@dataclass(frozen=True, slots=True)
class Tried:
    """How far a search went.

    Attributes:
        digests: how many signatures were made and compared.
        in_pairs: whether two mistakes at a time were to be made.
        ended: whether the search ended at its bound, before everything was tried.
        is_known: whether the access key is one that is known here.
    """

    digests: int
    in_pairs: bool
    ended: bool
    is_known: bool = True


def _unexplained(tried: Tried, case: Evidence) -> Cause:
    """Say what was excluded, and what is left."""
    if not tried.is_known:
        return Cause(
            "unexplained",
            "key",
            f"nothing is proven: the AccessKeyId {case.access_key_id!r} is not known here, nor its"
            " secret, and with no secret that is known the request has the signature that came",
        )
    if tried.ended:
        how = (
            "the search ended at its bound: the request has too many parameters to try every usual"
            " mistake, alone and with each other"
        )
    elif tried.in_pairs:
        how = "each usual mistake was made alone, and with the others that usually go with it"
    else:
        how = (
            "each usual mistake was made alone (two at a time were tried for earlier requests of"
            " this run, in vain)"
        )
    over = "parameters" if case.kind == "1.0" else "headers, query and body"
    return Cause(
        "unexplained",
        "key",
        f"nothing is proven: none of {tried.digests} signatures that usual mistakes give is the one"
        f" that came; {how}. Excluded by that: a right signature over the {over} as they arrived,"
        " with the secrets known here, and each of those mistakes. Left are a wrong secret (another"
        " AccessKeySecret than the ones known here), a value that was another when it was signed"
        " and cannot be guessed (a nonce or a time made anew), and mistakes that are not usual, or"
        " too many at once; compare the string to sign below with the client's own.",
    )


def make_causes(
    kind: SignatureKind,
    signature: str,
    received: dict[bytes, Cause | None],
    found: tuple[Cause, ...] | None,
    problem: Objection | None,
    tried: Tried,
    case: Evidence,
) -> tuple[Cause, ...]:
    """Return the causes: a problem of form, what was found, or what was excluded."""
    causes: list[Cause] = []
    if problem is not None:
        causes.append(Cause(problem.id, "string to sign", problem.text))
    # A problem of form and the mistake found may be two names for one thing.
    causes += [one for one in found or () if problem is None or one.id != problem.id]
    size = 20 if kind == "1.0" else 32
    well_formed = any(len(digest) == size and not cause for digest, cause in received.items())
    # A finding without a cause: the right bytes, in Base64 whose spare bits are not zero.
    if not well_formed if found is None else not causes:
        causes.append(
            Cause(
                "signature-malformed",
                "encoding",
                f"malformed signature: {signature[:200]!r} is not {_WANTED[kind]}.",
            )
        )
    if received and found is None:
        causes.append(_unexplained(tried, case))
    return tuple(dict.fromkeys(causes))


# --- stages ----------------------------------------------------------------------------------


def _hidden(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    return tuple(
        (name, "REDACTED" if is_secret(unquote(name)) and value else value) for name, value in pairs
    )


def _show(plan: Signing) -> Signing:
    """Return the plan with its security tokens replaced: whatever it makes may be shown."""
    headers = None if plan.headers is None else _hidden(plan.headers)
    return plan.but(pairs=_hidden(plan.pairs), headers=headers)


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


def stages(
    case: Evidence,
    right: Signing,
    signed: Signing | None,
    signature: str,
    string_to_sign: str,
    hide: Callable[[str], str],
) -> Iterator[Stage]:
    """Yield the stages of the right signature, and what was signed where that is known.

    Args:
        signed: the plan that gives the signature that came, if there is one.
    """
    plan = _show(right)
    yield Stage("Received pairs", "\n".join(map(joined, plan.pairs)) or "(none)")
    encoded = [f"{plan.encode(name)}={plan.encode(value)}" for name, value in plan.pairs]
    yield Stage("Encoded", "\n".join(encoded) or "(none)")
    if case.kind == "1.0":
        yield Stage("Sorted and joined", plan.canonical())
        yield Stage("String to sign (server)", plan.text())
    else:
        yield Stage("Sorted, with headers: canonical request (server)", plan.canonical())
        yield Stage("String to sign (server)", string_to_sign)
    if signed is not None:
        # Hidden before they are cut: half a secret is not recognised any more.
        server, client = (hide(one.text()) for one in (plan, _show(signed)))
        if server != client:
            what = "String to sign" if case.kind == "1.0" else "Canonical request"
            yield Stage(f"{what} (client)", f"{client}\n{_difference(server, client)}")
    tail = ' followed by "&"' if case.kind == "1.0" else ""
    yield Stage("Key", f"the AccessKeySecret of {case.access_key_id!r}{tail} (not shown)")
    yield Stage("Digest", "HMAC-SHA1, 20 bytes" if case.kind == "1.0" else "HMAC-SHA256, 32 bytes")
    yield Stage("Encoding", f"expected {_WANTED[case.kind]}; received {hide(signature)[:200]!r}")
