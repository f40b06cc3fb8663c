"""Why a signature does not verify.

A signature says nothing but yes or no, so the autopsy goes the other way round: it makes each usual
mistake itself and looks which one gives the signature that came. The mistakes are a table of small
functions; each takes the plan of a right signature and returns plans that deviate at one stage
(received pairs → encoded → sorted → string to sign → key → digest → encoding). A match is proof:
no other explanation gives the same 20 or 32 bytes.

First each mistake by itself, the plainest first, then two at a time; how the signature is written
is read off beside, so that it may be a third. The search is bounded by the work it does, never by a
clock. No secret and no security token appears in what it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from pytest_rtcmpu.contract import SignatureKind
from pytest_rtcmpu.signatures.autopsy.encoding import Encoding
from pytest_rtcmpu.signatures.autopsy.mistakes import MISTAKES
from pytest_rtcmpu.signatures.autopsy.plan import (
    Cause,
    Evidence,
    Found,
    Mistake,
    Signing,
    form_of,
    parse_decoded,
    pieces,
    split_raw,
)
from pytest_rtcmpu.signatures.autopsy.report import Autopsy, Tried, make_causes, stages
from pytest_rtcmpu.signatures.autopsy.writing import read_signature
from pytest_rtcmpu.signatures.verify import (
    Authorization,
    Objection,
    Pair,
    parse_authorization,
    verify_1_0,
    verify_v3,
)
from pytest_rtcmpu.values.credentials import Secret
from pytest_rtcmpu.values.messages import Request
from pytest_rtcmpu.values.redaction import redact_everywhere, tokens_of

Step = Mistake | Encoding
Causes = Callable[[], tuple[Cause, ...]]

#: How much one search may do: a digest costs one and a half for each thousand characters, a string
#: to sign ten and one for each parameter. A usual request has done all single mistakes at a tenth.
MAX_WORK = 700_000
#: After so many searches in one run that found nothing, later ones make no two mistakes at a time.
MAX_FRUITLESS = 3
#: How many explanations of earlier requests are tried first.
_MAX_RECIPES = 8


@dataclass(slots=True)
class Memory:
    """What was found for earlier requests: tried first for the next one, which makes it cheap.

    One for each run, and not for two threads at once. It changes how long an autopsy takes, never
    what counts as proven.

    Attributes:
        recipes: the mistakes that explained earlier signatures, the latest first.
        fruitless: how many signatures were explained by nothing.
    """

    recipes: list[tuple[Step, ...]] = field(default_factory=list)
    fruitless: int = 0

    def keep(self, recipe: tuple[Step, ...]) -> None:
        """Remember what explained a signature."""
        self.recipes = [recipe, *(one for one in self.recipes if one != recipe)][:_MAX_RECIPES]


@dataclass(frozen=True, slots=True)
class _Finding:
    plan: Signing
    causes: tuple[Cause, ...]
    recipe: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class _Deviant:
    """A plan with one mistake, kept to be tried with a second."""

    step: Step
    plan: Signing
    message: bytes
    causes: Causes


#: In which order a second mistake is looked for: where there are few ways to err, first.
_STAGES = ("string to sign", "sorted", "encoded", "key", "digest", "received pairs")


def _stage(step: Step) -> int:
    return _STAGES.index(step.stage)


def _no_causes() -> tuple[Cause, ...]:
    return ()


@dataclass(slots=True)
class _Search:
    """Tries plans against the signature that came; what was tried is not tried again."""

    case: Evidence
    secret: Secret
    received: dict[bytes, Cause | None]
    other_secrets: Sequence[tuple[str, Secret]]
    tried: set[object] = field(default_factory=set)
    deviants: list[_Deviant] = field(default_factory=list)
    work: int = 0
    digests: int = 0

    @property
    def exhausted(self) -> bool:
        """Tell whether the search was given up."""
        return self.work > MAX_WORK

    def _matches(self, digest: bytes) -> tuple[Cause, ...] | None:
        """Return how the signature was written wrongly, if this is its digest, or ``None``."""
        if digest not in self.received:
            return None
        written = self.received[digest]
        return () if written is None else (written,)

    def _digest(self, plan: Signing, key: bytes, message: bytes) -> tuple[Cause, ...] | None:
        self.work += 1 + len(message) // 700
        self.digests += 1
        return self._matches(plan.digest(key, message))

    def first(
        self,
        found: Iterable[Found],
        recipe: tuple[Step, ...],
        *,
        keep: bool = False,
        known: bytes | None = None,
    ) -> _Finding | None:
        """Return the first plan that gives the signature, with its causes.

        Args:
            keep: whether to keep the others, to be tried with a second mistake.
            known: what they all sign, where they differ in key and digest alone.
        """
        for plan, causes in found:
            self.work += 2 if known else 10 + len(plan.pairs)
            if self.exhausted:
                return None
            message = known or plan.message()
            key = plan.key(self.secret)
            what = (message, key, plan.digest)
            if what in self.tried:
                continue  # this mistake makes no difference to this request
            self.tried.add(what)
            written = self._digest(plan, key, message)
            if written is not None:
                return _Finding(plan, (*causes(), *written), recipe)
            if keep:
                self.deviants.append(_Deviant(recipe[0], plan, message, causes))
        return None

    def single(self, plan: Signing) -> _Finding | None:
        """Make each mistake by itself."""
        for step in MISTAKES:
            found = self.first(step.found(self.case, plan), (step,), keep=step.pairs_up)
            if found or self.exhausted:
                return found
        return None

    def other_key(self, deviants: Iterable[tuple[Signing, Causes, bytes]]) -> _Finding | None:
        """Sign with the secrets of other known keys."""
        for plan, causes, message in deviants:
            for access_key_id, secret in self.other_secrets:
                written = self._digest(plan, plan.key(secret), message)
                if written is not None:
                    cause = Cause(
                        "wrong-secret",
                        "key",
                        "wrong secret: the client signed with the AccessKeySecret of"
                        f" {access_key_id!r}; AccessKeyId and AccessKeySecret must belong"
                        " together.",
                    )
                    return _Finding(plan, (cause, *causes(), *written))
        return None

    def text_and_key(self, *, rare: bool) -> _Finding | None:
        """Make one mistake in what is signed and one in key or digest."""
        hashed = self.case.plan().hashed
        keys = [
            (one, one.plan.key(self.secret))
            for one in self.deviants
            if one.step.of_key and one.plan.hashed is hashed
        ]
        for text in self.deviants:
            if text.step.of_key or text.step.rare is not rare:
                continue
            for key, secret in keys:
                if self.exhausted:
                    return None
                written = self._digest(key.plan, secret, text.message)
                if written is not None:
                    plan = text.plan.but(key=key.plan.key, digest=key.plan.digest)
                    causes = (*text.causes(), *key.causes(), *written)
                    return _Finding(plan, causes, (text.step, key.step))
        return None

    def double(self, *, rare: bool) -> _Finding | None:
        """Make two mistakes, the second after the first, as the table has them.

        Args:
            rare: whether the second is one of the rare ones, or one of the others.
        """
        places = {id(step): at for at, step in enumerate(MISTAKES)}
        for second in sorted(MISTAKES, key=_stage):
            if not second.pairs_up or second.rare is not rare:
                continue
            for one in self.deviants:
                if one.step.rare or one.step is second:
                    continue
                if not rare and places[id(one.step)] > places[id(second)]:
                    continue
                if second.of_key and not one.step.of_key:
                    continue  # done by text_and_key()
                found = self._both(one, second)
                if found or self.exhausted:
                    return found
        return None

    def _both(self, one: _Deviant, second: Step) -> _Finding | None:
        def together(more: Causes) -> tuple[Cause, ...]:
            return (*one.causes(), *more())

        found = (
            (plan, partial(together, causes)) for plan, causes in second.found(self.case, one.plan)
        )
        # V3's wrong hash is in the string to sign, too.
        alike = second.of_key and self.case.kind == "1.0"
        return self.first(found, (one.step, second), known=one.message if alike else None)

    def recall(self, plan: Signing, recipe: tuple[Step, ...]) -> _Finding | None:
        """Make the mistakes that an earlier client made: by themselves, then together."""
        for step in recipe:
            found = self.first(step.found(self.case, plan), (step,))
            if found:
                return found
        if len(recipe) == 2:
            for both, causes in recipe[0].found(self.case, plan):
                one = _Deviant(recipe[0], both, both.message(), causes)
                found = self._both(one, recipe[1])
                if found or self.exhausted:
                    return found
        return None


def _find(search: _Search, plan: Signing, memory: Memory, *, is_known: bool) -> _Finding | None:
    """Go through the explanations: what explained an earlier request, then the plainest first."""
    if not is_known:  # whatever else was signed, its secret is another
        return search.other_key([(plan, _no_causes, plan.message())])
    found = search.first([(plan, _no_causes)], ())
    for recipe in memory.recipes:
        found = found or search.recall(plan, recipe)
    # What recall() tried in vain is to be kept for a second mistake now.
    search.tried.clear()
    search.tried.add((plan.message(), plan.key(search.secret), plan.digest))
    search.work = 0
    found = found or search.other_key([(plan, _no_causes, plan.message())]) or search.single(plan)
    if found or memory.fruitless >= MAX_FRUITLESS:
        return found
    others = ((one.plan, one.causes, one.message) for one in search.deviants if not one.step.rare)
    return (
        search.other_key(others)
        or search.text_and_key(rare=False)
        or search.double(rare=False)
        or search.text_and_key(rare=True)
        or search.double(rare=True)
    )


def autopsy(
    request: Request,
    pairs: Sequence[Pair],
    *,
    kind: SignatureKind,
    access_key_id: str,
    secret: Secret | str,
    signature: str | None = None,
    candidates: Mapping[str, Sequence[str]] | None = None,
    other_secrets: Sequence[tuple[str, Secret]] = (),
    memory: Memory | None = None,
    is_known: bool = True,
) -> Autopsy:
    """Find out why a signature does not verify.

    No ``causes`` means that the signature verifies.

    Args:
        request: as it came; raw query and form tell how things were sent.
        pairs: decoded; for ``kind="1.0"`` those of query and form, for ``"v3"`` those of the query.
        secret: the right one, of ``access_key_id``.
        signature: of kind 1.0, when it is not the ``Signature`` pair; V3's is in ``Authorization``.
        candidates: by parameter (or lower-case header) name, values it may have had when it was
            signed.
        other_secrets: (AccessKeyId, secret) of other known keys.
        memory: of the autopsies before in the same run.
        is_known: whether the key is one that is known here; of another no secret is the right one.
    """
    secret = Secret(secret)
    memory = Memory() if memory is None else memory
    parsed = parse_authorization(request.header("authorization")) if kind == "v3" else None
    authorization = parsed if isinstance(parsed, Authorization) else None
    if signature is None:
        signature = dict(pairs).get("Signature", "")
    if authorization is not None:
        signature = authorization.signature
    form = form_of(request)
    case = Evidence(
        kind=kind,
        request=request,
        pairs=tuple((name, value) for name, value in pairs if name != "Signature"),
        raw=split_raw(request.query) + (split_raw(form) if kind == "1.0" else ()),
        query=parse_decoded(request.query),
        form=parse_decoded(form),
        access_key_id=access_key_id,
        authorization=authorization,
        candidates=candidates or {},
    )
    tokens = tokens_of(request, (*case.pairs, *case.query, *case.form))
    secrets = [secret, *(other for _, other in other_secrets), *tokens]
    hide = partial(redact_everywhere, secrets=secrets)
    plan = case.plan()
    if kind == "1.0":
        verdict = verify_1_0(case.pairs, method=request.method, secret=secret, signature=signature)
    else:
        verdict = verify_v3(request, case.pairs, secret=secret, authorization=authorization)
    causes: tuple[Cause, ...] = ()
    finding: _Finding | None = None
    if isinstance(parsed, Objection):
        causes = (Cause(parsed.id, "encoding", parsed.text),)
    elif not verdict.ok:
        received = read_signature(kind, signature)
        search = _Search(case, secret, received, other_secrets)
        in_pairs = memory.fruitless < MAX_FRUITLESS
        if received:
            finding = _find(search, plan, memory, is_known=is_known)
            pieces.cache_clear()
        if finding is not None and finding.recipe:
            memory.keep(finding.recipe)
        memory.fruitless += is_known and bool(received) and finding is None
        tried = Tried(search.digests, in_pairs=in_pairs, ended=search.exhausted, is_known=is_known)
        found = None if finding is None else finding.causes
        causes = make_causes(kind, hide(signature), received, found, verdict.problem, tried, case)
    signed = finding.plan if finding else None
    shown = stages(case, plan, signed, signature, verdict.string_to_sign, hide)
    return Autopsy(
        kind,
        access_key_id,
        tuple(replace(cause, text=hide(cause.text)) for cause in causes),
        tuple(replace(stage, value=hide(stage.value)) for stage in shown),
    )
