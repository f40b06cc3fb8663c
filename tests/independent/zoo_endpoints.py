"""Endpoints with one bug each, and endpoints that are odd but legal.

Each row replaces single steps or rules of the independent endpoint; `make()` gives a new one.
"""

from __future__ import annotations

import base64
import gzip
import hmac
import json
import re
import time
import types
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Protocol
from urllib.parse import quote

from .endpoint import (
    PANE_FIELDS,
    ROWS,
    Incoming,
    IndependentEndpoint,
    Pairs,
    Refusal,
    Reply,
    Row,
    Rules,
)

BASE = IndependentEndpoint
HONEST = Rules()

Step = Callable[..., Any]


class Make(Protocol):
    """Makes an endpoint, perhaps with other keys or another clock."""

    def __call__(self, **options: Any) -> IndependentEndpoint:
        """Return a new endpoint."""


@dataclass(frozen=True)
class ZooEndpoint:
    """An endpoint that differs from the honest one in the way `bug` says."""

    name: str
    bug: str
    make: Make
    level: str = "documented"


class Stepped(IndependentEndpoint):
    """An independent endpoint with some of its steps replaced."""

    def __init__(self, steps: dict[str, Step], **options: Any) -> None:
        """Bind each step, a function of the endpoint and the step's own arguments."""
        super().__init__(**options)
        for name, step in steps.items():
            if not hasattr(IndependentEndpoint, name):
                raise AttributeError(f"the endpoint has no step {name}")
            setattr(self, name, types.MethodType(step, self))


def _row(
    name: str,
    bug: str,
    *,
    kind: Callable[..., IndependentEndpoint] | None = None,
    level: str = "documented",
    rules: dict[str, Any] | None = None,
    **steps: Step,
) -> ZooEndpoint:
    """Make a row from a class, or from steps and rules that replace the honest ones."""

    def make(**options: Any) -> IndependentEndpoint:
        """Make the row's endpoint."""
        changed = replace(HONEST, **(rules or {}))
        if kind is not None:
            return kind(rules=changed, **options)
        return Stepped(steps, rules=changed, **options)

    return ZooEndpoint(name=name, bug=bug, make=make, level=level)


def _answers(row: str, **changes: Any) -> dict[str, Any]:
    """Change one row of the error table."""
    return {"rows": {**ROWS, row: replace(ROWS[row], **changes)}}


def _skip(when: Callable[[Incoming], bool], step: str) -> Step:
    """Skip a check for some requests."""

    def check(endpoint: IndependentEndpoint, request: Incoming) -> None:
        """Check, unless skipped."""
        if not when(request):
            getattr(BASE, step)(endpoint, request)

    return check


def _never(endpoint: IndependentEndpoint, request: Incoming) -> None:
    """Check nothing."""


def _crash_instead(step: str, when: Callable[[Incoming], bool]) -> Step:
    """Answer InternalError where a check should refuse."""

    def check(endpoint: IndependentEndpoint, request: Incoming) -> None:
        """Check, and take some refusals for a crash."""
        try:
            getattr(BASE, step)(endpoint, request)
        except Refusal:
            if when(request):
                raise endpoint.refuse("InternalError") from None
            raise

    return check


# -- signature ---------------------------------------------------------------------------------


def _escape(change: Callable[[str], str]) -> Step:
    """Change the percent-encoding that is signed."""
    return lambda endpoint, text: change(BASE.escape(endpoint, text))


def _covers(*forgotten: str) -> Step:
    """Forget that some headers have to be signed."""
    return lambda endpoint, request: BASE.v3_must_cover(endpoint, request) - set(forgotten)


def _signed(keep: Callable[[str, str], bool]) -> Step:
    """Leave pairs out of signature 1.0."""
    return lambda endpoint, pairs: [
        (n, v) for n, v in BASE.signed_pairs(endpoint, pairs) if keep(n, v)
    ]


def _natural(endpoint: IndependentEndpoint, pairs: Pairs) -> str:
    """Sort LayoutIds.2 before LayoutIds.10."""

    def key(pair: tuple[str, str]) -> list[Any]:
        """Compare parts that are numbers as numbers."""
        return [(p.isdigit(), int(p) if p.isdigit() else p) for p in pair[0].split(".")]

    ordered = sorted(pairs, key=key)
    return "&".join(f"{endpoint.escape(n)}={endpoint.escape(v)}" for n, v in ordered)


def _case_blind_signature(endpoint: IndependentEndpoint, request: Incoming) -> None:
    """Compare signature 1.0 without letter case."""
    if request.v3:
        return BASE.check_signature(endpoint, request)
    text = endpoint.rpc_string_to_sign(request.method, request.pairs)
    expected = endpoint.rpc_signature(text, endpoint.secret(request))
    if expected.lower() != request.common["Signature"].lower():
        raise endpoint.refuse("SignatureDoesNotMatch")
    return None


def _bare_key(endpoint: IndependentEndpoint, text: str, secret: str) -> str:
    """Sign 1.0 with the secret alone."""
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()


def _any_secret(endpoint: IndependentEndpoint, request: Incoming) -> str:
    """Use the first secret for a key nobody knows."""
    known = next(iter(endpoint.secrets.values()))
    return endpoint.secrets.get(request.common["AccessKeyId"], known)


def _unknown_key_as_mismatch(endpoint: IndependentEndpoint, request: Incoming) -> None:
    """Say of an unknown key that its signature does not match."""
    if request.common["AccessKeyId"] not in endpoint.secrets:
        raise endpoint.refuse("SignatureDoesNotMatch")


# -- nonce and clock ---------------------------------------------------------------------------


def _nonce_with(*names: str) -> Step:
    """Remember a nonce together with other values."""
    return lambda endpoint, request: (
        *BASE.nonce_key(endpoint, request),
        *(request.common.get(name) or request.get(name) for name in names),
    )


class RemembersFewNonces(IndependentEndpoint):
    """An endpoint that forgets a nonce when others have come."""

    kept = 10

    def __init__(self, **options: Any) -> None:
        """Start with none."""
        super().__init__(**options)
        self.order: list[tuple[str, ...]] = []

    def check_nonce(self, request: Incoming) -> None:
        """Compare with the last few."""
        with self.lock:
            super().check_nonce(request)
            self.order.append(self.nonce_key(request))
            if len(self.order) > self.kept:
                self.nonces.discard(self.order.pop(0))


class RemembersOneNonce(RemembersFewNonces):
    """An endpoint that compares a nonce with the last one alone."""

    kept = 1


def _nonce_after_values(endpoint: IndependentEndpoint) -> tuple[Callable[[Incoming], None], ...]:
    """Check the nonce last but one, so a refused request uses none up."""
    checks = [c for c in BASE.checks(endpoint) if c != endpoint.check_nonce]
    return (*checks[:-1], endpoint.check_nonce, checks[-1])


def _lax_moment(pattern: str) -> Step:
    """Read a form of time that is not documented as if it were."""

    def moment(endpoint: IndependentEndpoint, text: str) -> float | None:
        """Read the documented form, or repair the other."""
        match = re.fullmatch(pattern, text)
        return BASE.moment(endpoint, f"{match[1]}T{match[2]}Z" if match else text)

    return moment


def _epoch_moment(endpoint: IndependentEndpoint, text: str) -> float | None:
    """Read seconds since 1970 too."""
    return float(text) if re.fullmatch("[0-9]{9,11}", text) else BASE.moment(endpoint, text)


def _beijing_moment(endpoint: IndependentEndpoint, text: str) -> float | None:
    """Take UTC for Beijing's time."""
    moment = BASE.moment(endpoint, text)
    return None if moment is None else moment - 8 * 3600


# -- required and values -----------------------------------------------------------------------

VALUE_CHECKS = {
    "TaskProfile": "check_profile",
    "MediaEncode": "check_encode",
    "BackgroundColor": "check_colour",
    "LayoutIds": "check_layouts",
    "StreamURL": "check_stream_url",
}


def _optional(name: str) -> ZooEndpoint:
    """Make the row of an endpoint that does without a parameter."""
    steps: dict[str, Any] = {}
    if name in VALUE_CHECKS:

        def check(endpoint: IndependentEndpoint, request: Incoming) -> None:
            """Check the value when there is one."""
            if endpoint.is_given(request, name):
                getattr(BASE, VALUE_CHECKS[name])(endpoint, request)

        steps[VALUE_CHECKS[name]] = check
    required = tuple(other for other in HONEST.required if other != name)
    return _row(
        f"{name.lower()}-not-required",
        f"Starts a task without {name}.",
        rules={"required": required},
        **steps,
    )


def _zero_is_missing(name: str) -> Step:
    """Take a 0 for nothing."""
    return lambda endpoint, request, asked: (
        BASE.is_given(endpoint, request, asked) and (asked, request.get(asked)) != (name, "0")
    )


def _empty_is_given(*names: str) -> Step:
    """Take an empty value for a value."""
    return lambda endpoint, request, asked: (
        BASE.is_given(endpoint, request, asked)
        or (asked in names and any(n == asked for n, _ in request.pairs))
    )


def _integer_by(parse: Callable[[str], int]) -> Step:
    """Read integers in more forms than ASCII digits."""

    def integer(endpoint: IndependentEndpoint, text: str) -> int | None:
        """Read an integer, None when it is none."""
        try:
            return parse(text)
        except ValueError:
            return None

    return integer


def _first_layout_only(endpoint: IndependentEndpoint, request: Incoming) -> list[tuple[str, str]]:
    """See the first item of LayoutIds alone."""
    return BASE.layout_items(endpoint, request)[:1]


def _single_digits(endpoint: IndependentEndpoint, request: Incoming) -> list[tuple[str, str]]:
    """See the items of LayoutIds whose number has one digit."""
    return [(n, v) for n, v in BASE.layout_items(endpoint, request) if len(n) == 1]


def _text_order(endpoint: IndependentEndpoint, indexes: Any, starts: Any) -> bool:
    """Sort numbers as text, so 10 after 1 looks like a gap."""
    texts = sorted(indexes)
    return BASE.consecutive(endpoint, texts, starts) and all(
        int(b) - int(a) == 1 for a, b in pairwise(texts)
    )


def _no_gap_check(of: str) -> Step:
    """Check where a list starts and nothing else."""

    def consecutive(endpoint: IndependentEndpoint, indexes: Any, starts: Any) -> bool:
        """Look at the lowest number of one list, at everything of others."""
        texts = list(indexes)
        ours = (starts == endpoint.rules.layouts_from) == (of == "LayoutIds")
        if ours and all(text.isdigit() for text in texts):
            return min(int(text) for text in texts) in starts
        return BASE.consecutive(endpoint, texts, starts)

    return consecutive


def _pane_without(name: str) -> Step:
    """Accept panes that lack a field."""
    defaults = {"PaneId": "0", "UserId": "u", "SourceType": "camera"}
    return lambda endpoint, pane: BASE.is_pane(endpoint, {name: defaults[name], **pane})


def _pane_with_empty_user(endpoint: IndependentEndpoint, pane: Mapping[str, str]) -> bool:
    """Accept a pane whose UserId is empty."""
    given = {part: pane[part] or "u" if part == "UserId" else pane[part] for part in pane}
    return BASE.is_pane(endpoint, given)


def _first_pane_only(endpoint: IndependentEndpoint, request: Incoming) -> dict[str, Any]:
    """See the first pane alone."""
    return dict(list(BASE.panes(endpoint, request).items())[:1])


def _case_blind_pane(endpoint: IndependentEndpoint, pane: Mapping[str, str]) -> bool:
    """Accept SourceType in any letter case."""
    known = {source.lower(): source for source in endpoint.rules.sources}
    source = pane.get("SourceType", "")
    return BASE.is_pane(endpoint, {**pane, "SourceType": known.get(source.lower(), source)})


def _ascii_pane(endpoint: IndependentEndpoint, pane: Mapping[str, str]) -> bool:
    """Refuse a UserId beyond ASCII."""
    return BASE.is_pane(endpoint, pane) and pane["UserId"].isascii()


def _panes_required(endpoint: IndependentEndpoint, request: Incoming) -> None:
    """Require UserPanes."""
    if not endpoint.panes(request):
        raise endpoint.missing("UserPanes")
    BASE.check_panes(endpoint, request)


def _folded_profile(endpoint: IndependentEndpoint, request: Incoming) -> None:
    """Accept TaskProfile in any letter case."""
    known = {profile.lower() for profile in endpoint.rules.profiles}
    if request.get("TaskProfile").lower() not in known:
        raise endpoint.invalid("TaskProfile")


def _documented_only(endpoint: IndependentEndpoint, request: Incoming) -> None:
    """Refuse parameters the contract does not name."""
    BASE.check_required(endpoint, request)
    names = {"Action", "Format", "SecurityToken", "TaskID", "UserPanes", "TaskId"}
    known = names | {*endpoint.rules.common} | {*endpoint.rules.required}
    for name, _ in request.pairs:
        if name.partition(".")[0] not in known:
            raise endpoint.invalid(name)


# -- state -------------------------------------------------------------------------------------


def _reserving(step: str) -> Step:
    """Reserve the TaskId of a request that a check refuses."""

    def check(endpoint: IndependentEndpoint, request: Incoming) -> None:
        """Check, and reserve on refusal."""
        try:
            getattr(BASE, step)(endpoint, request)
        except Refusal:
            with endpoint.lock:
                endpoint.tasks.add(endpoint.task_identity(request))
            raise

    return check


def _racing(endpoint: IndependentEndpoint, request: Incoming) -> None:
    """Look, and only after a while reserve."""
    key = endpoint.task_identity(request)
    if key in endpoint.tasks:
        raise endpoint.refuse("TaskExisted")
    time.sleep(0.02)
    endpoint.tasks.add(key)


def _forgetting(endpoint: IndependentEndpoint, request: Incoming) -> None:
    """Forget a task when saying that it exists."""
    try:
        BASE.check_existence(endpoint, request)
    except Refusal:
        endpoint.tasks.discard(endpoint.task_identity(request))
        raise


def _existence_first(endpoint: IndependentEndpoint, request: Incoming) -> None:
    """Look whether the task exists before judging values."""
    if endpoint.task_identity(request) in endpoint.tasks:
        raise endpoint.refuse("TaskExisted")
    BASE.check_values(endpoint, request)


def _one_task_at_a_time(endpoint: IndependentEndpoint, request: Incoming) -> None:
    """Remember the last task alone."""
    with endpoint.lock:
        BASE.check_existence(endpoint, request)
        endpoint.tasks = {endpoint.task_identity(request)}


def _idempotent(endpoint: IndependentEndpoint, request: Incoming) -> None:
    """Accept a start again."""
    endpoint.tasks.add(endpoint.task_identity(request))


def _ordered(*names: str) -> Step:
    """Run some checks, named in this order, at the place of the first of them in the honest order.

    Every other check keeps its place.
    """

    def checks(endpoint: IndependentEndpoint) -> tuple[Callable[[Incoming], None], ...]:
        """Return the checks in their wrong order."""
        moved = [getattr(endpoint, f"check_{name}") for name in names]
        rest = list(BASE.checks(endpoint))
        place = min(rest.index(check) for check in moved)
        rest = [check for check in rest if check not in moved]
        return (*rest[:place], *moved, *rest[place:])

    return checks


# -- replies -----------------------------------------------------------------------------------


def _fields_without(name: str) -> Step:
    """Leave a field out of failures."""
    return lambda endpoint, refusal: {
        n: v for n, v in BASE.failure_fields(endpoint, refusal).items() if n != name
    }


def _always(format_of: Callable[[bool], str | None]) -> Step:
    """Choose the format by whether the reply is a failure, None for what was asked."""

    def reply(
        endpoint: IndependentEndpoint, request: Incoming, status: int, fields: dict[str, str]
    ) -> Reply:
        """Write the reply in a format that was not asked for."""
        chosen = format_of("Code" in fields)
        if chosen is not None:
            query = [("Format", chosen), *request.query]
            request = replace(request, query=query)
        return BASE.reply(endpoint, request, status, fields)

    return reply


def _compressed(
    endpoint: IndependentEndpoint, request: Incoming, status: int, fields: dict[str, str]
) -> Reply:
    """Write a reply and compress it."""
    status, headers, body = BASE.reply(endpoint, request, status, fields)
    body = gzip.compress(body)
    kept = [(n, v) for n, v in headers if n != "Content-Length"]
    length = ("Content-Length", str(len(body)))
    return status, [*kept, length, ("Content-Encoding", "gzip")], body


def _created(endpoint: IndependentEndpoint, request: Incoming) -> Reply:
    """Answer a success with HTTP 201."""
    return endpoint.reply(request, 201, endpoint.success_fields())


class RepeatsRequestId(IndependentEndpoint):
    """An endpoint that has one RequestId."""

    def __init__(self, **options: Any) -> None:
        """Make the RequestId."""
        super().__init__(**options)
        self.only_id = uuid.uuid4().hex

    def request_id(self) -> str:
        """Return the one there is."""
        return self.only_id


_SIGNATURE = (
    _row(
        "rpc-signature-unchecked",
        "Accepts any signature 1.0.",
        level="companion",
        check_signature=_skip(lambda r: not r.v3, "check_signature"),
    ),
    _row(
        "v3-signature-unchecked",
        "Accepts any V3 signature.",
        level="gateway",
        check_signature=_skip(lambda r: r.v3, "check_signature"),
    ),
    _row(
        "post-signature-unchecked",
        "Accepts any signature of a POST.",
        level="companion",
        check_signature=_skip(lambda r: r.method == "POST", "check_signature"),
    ),
    _row(
        "token-signature-unchecked",
        "Accepts any signature that comes with a SecurityToken.",
        level="companion",
        check_signature=_skip(lambda r: bool(r.get("SecurityToken")), "check_signature"),
    ),
    _row(
        "signature-case-blind",
        "Compares signature 1.0 without letter case.",
        level="companion",
        check_signature=_case_blind_signature,
    ),
    _row(
        "v3-body-unchecked",
        "Believes the header about the body's hash.",
        level="gateway",
        v3_body_hash=lambda endpoint, request: request.headers.get("x-acs-content-sha256", ""),
    ),
    _row(
        "v3-host-unsigned",
        "Accepts V3 without host among the signed headers.",
        level="gateway",
        v3_must_cover=_covers("host"),
    ),
    _row(
        "v3-nonce-unsigned",
        "Accepts V3 without the nonce among the signed headers.",
        level="gateway",
        v3_must_cover=_covers("x-acs-signature-nonce"),
    ),
    _row(
        "v3-date-unsigned",
        "Accepts V3 without the date among the signed headers.",
        level="gateway",
        v3_must_cover=_covers("x-acs-date"),
    ),
    _row(
        "v3-type-demanded",
        "Refuses V3 with a Content-Type that is not signed.",
        level="reading",
        v3_must_cover=lambda endpoint, request: (
            BASE.v3_must_cover(endpoint, request) | ({"content-type"} & set(request.headers))
        ),
    ),
    _row("v3-refused", "Does not know V3.", level="gateway", is_v3=lambda endpoint, headers: False),
    _row("rpc-refused", "Knows V3 alone.", level="companion", is_v3=lambda endpoint, headers: True),
    _row(
        "key-without-ampersand",
        "Verifies signature 1.0 with the bare secret.",
        level="companion",
        rpc_signature=_bare_key,
    ),
    _row(
        "v3-key-with-ampersand",
        "Verifies V3 with 1.0's key.",
        level="gateway",
        v3_signature=lambda e, text, secret: BASE.v3_signature(e, text, f"{secret}&"),
    ),
    _row(
        "signs-empty-not",
        "Leaves empty values out of signature 1.0.",
        level="companion",
        signed_pairs=_signed(lambda n, v: v != ""),
    ),
    _row(
        "signs-token-not",
        "Leaves SecurityToken out of signature 1.0.",
        level="companion",
        signed_pairs=_signed(lambda n, v: n != "SecurityToken"),
    ),
    _row(
        "signs-documented-only",
        "Leaves parameters it does not know out of signature 1.0.",
        level="companion",
        signed_pairs=_signed(lambda n, v: n not in ("RegionId", "OwnerId", "SignatureType")),
    ),
    _row(
        "signs-lists-not",
        "Leaves lists out of signature 1.0.",
        level="companion",
        signed_pairs=_signed(lambda n, v: "." not in n),
    ),
    _row(
        "signs-as-get",
        "Verifies a POST as if it were a GET.",
        level="companion",
        rpc_string_to_sign=lambda e, m, p: BASE.rpc_string_to_sign(e, "GET", p),
    ),
    _row(
        "signs-tilde-encoded",
        "Expects '~' signed as %7E.",
        level="companion",
        escape=_escape(lambda t: t.replace("~", "%7E")),
    ),
    _row(
        "signs-star-bare",
        "Expects '*' signed as itself.",
        level="companion",
        escape=_escape(lambda t: t.replace("%2A", "*")),
    ),
    _row(
        "signs-plus-for-space",
        "Expects a space signed as '+'.",
        level="companion",
        escape=_escape(lambda t: t.replace("%20", "+")),
    ),
    _row(
        "signs-slash-bare",
        "Expects '/' signed as itself.",
        level="companion",
        escape=_escape(lambda t: t.replace("%2F", "/")),
    ),
    _row(
        "signs-latin-1",
        "Verifies characters beyond Latin-1 as question marks.",
        level="companion",
        escape=lambda e, text: quote(text.encode("latin-1", "replace"), safe="~"),
    ),
    _row(
        "signs-natural-order",
        "Expects LayoutIds.2 before LayoutIds.10.",
        level="companion",
        canonical=_natural,
    ),
    _row(
        "plus-stays-plus",
        "Reads a bare '+' as a plus.",
        level="gateway",
        decode=lambda e, text: BASE.decode(e, text.replace("+", "%2B")),
    ),
    _row(
        "plus-decoded-late",
        "Reads an encoded plus as a space.",
        level="companion",
        decode=lambda e, text: BASE.decode(e, text).replace("+", " "),
    ),
    _row(
        "decoded-twice",
        "Percent-decodes twice.",
        level="companion",
        decode=lambda e, text: BASE.decode(e, BASE.decode(e, text).replace("+", "%2B")),
    ),
    _row(
        "key-unknown-accepted",
        "Accepts keys it does not know.",
        level="gateway",
        check_access_key=_never,
        secret=_any_secret,
    ),
    _row(
        "key-unknown-as-mismatch",
        "Says SignatureDoesNotMatch of a key it does not know.",
        level="gateway",
        check_access_key=_unknown_key_as_mismatch,
    ),
    _row(
        "signature-method-ignored",
        "Accepts any SignatureMethod.",
        level="gateway",
        check_signature_method=_never,
    ),
    _row(
        "signature-method-case",
        "Accepts HMAC-SHA1 in upper case alone.",
        level="companion",
        check_signature_method=lambda e, r: BASE.check_signature_method(
            e,
            r
            if r.v3 or r.common["SignatureMethod"].isupper()
            else replace(r, common={**r.common, "SignatureMethod": "?"}),
        ),
    ),
    _row(
        "signature-version-ignored",
        "Accepts any SignatureVersion.",
        level="gateway",
        check_signature_version=_never,
    ),
)

_NONCE_AND_CLOCK = (
    _row("nonce-unchecked", "Accepts a nonce again.", level="gateway", check_nonce=_never),
    _row(
        "nonce-unchecked-v3",
        "Accepts a nonce again in V3.",
        level="gateway",
        check_nonce=_skip(lambda r: r.v3, "check_nonce"),
    ),
    _row(
        "nonce-unchecked-rpc",
        "Accepts a nonce again in 1.0.",
        level="gateway",
        check_nonce=_skip(lambda r: not r.v3, "check_nonce"),
    ),
    _row(
        "nonce-unchecked-post",
        "Accepts a nonce again in a POST.",
        level="gateway",
        check_nonce=_skip(lambda r: r.method == "POST", "check_nonce"),
    ),
    _row(
        "nonce-per-task",
        "Accepts a nonce again for another task.",
        level="gateway",
        nonce_key=_nonce_with("TaskId"),
    ),
    _row(
        "nonce-per-timestamp",
        "Accepts a nonce again with another timestamp.",
        level="gateway",
        nonce_key=_nonce_with("Timestamp"),
    ),
    _row(
        "nonce-per-signature",
        "Accepts a nonce again with another signature.",
        level="gateway",
        nonce_key=_nonce_with("Signature"),
    ),
    _row(
        "nonce-last-only",
        "Compares a nonce with the last one alone.",
        level="gateway",
        kind=RemembersOneNonce,
    ),
    _row(
        "nonce-last-ten",
        "Compares a nonce with the last ten alone.",
        level="gateway",
        kind=RemembersFewNonces,
    ),
    _row(
        "nonce-before-signature",
        "Uses up the nonce of a request whose signature fails.",
        level="reading",
        checks=_ordered("nonce", "signature"),
    ),
    _row(
        "nonce-after-values",
        "Uses up no nonce when a value is refused.",
        level="reading",
        checks=_nonce_after_values,
    ),
    _row(
        "nonce-not-required",
        "Accepts a request without a nonce.",
        level="gateway",
        rules={"common": HONEST.common[:-1]},
        rpc_common=lambda e, pairs: (
            BASE.rpc_common(e, pairs) | {"SignatureNonce": dict(pairs).get("SignatureNonce", "")}
        ),
        check_nonce=_skip(lambda r: not r.common["SignatureNonce"], "check_nonce"),
    ),
    _row(
        "clock-unchecked",
        "Accepts any time.",
        level="gateway",
        rules={"past": 1e12, "future": 1e12},
    ),
    _row("clock-past-unchecked", "Accepts times long past.", level="gateway", rules={"past": 1e12}),
    _row(
        "clock-future-unchecked",
        "Accepts times far ahead.",
        level="gateway",
        rules={"future": 1e12},
    ),
    _row(
        "clock-five-minutes",
        "Refuses times more than five minutes away.",
        level="gateway",
        rules={"past": 300, "future": 300},
    ),
    _row(
        "clock-one-hour",
        "Accepts times up to an hour away.",
        level="gateway",
        rules={"past": 3600, "future": 3600},
    ),
    _row(
        "clock-unchecked-v3",
        "Accepts any time in V3.",
        level="gateway",
        check_timestamp=_skip(lambda r: r.v3, "check_timestamp"),
    ),
    _row(
        "clock-in-beijing",
        "Takes UTC for Beijing's time.",
        level="companion",
        moment=_beijing_moment,
    ),
    _row(
        "timestamp-without-z",
        "Accepts a time without Z.",
        level="companion",
        moment=_lax_moment(r"(\S+)T([0-9:]+)"),
    ),
    _row(
        "timestamp-with-fraction",
        "Accepts a time with fractions of a second.",
        level="companion",
        moment=_lax_moment(r"(\S+)T([0-9:]+)\.[0-9]+Z"),
    ),
    _row(
        "timestamp-with-offset",
        "Accepts a time with +00:00.",
        level="companion",
        moment=_lax_moment(r"(\S+)T([0-9:]+)[+ ]00:00"),
    ),
    _row(
        "timestamp-with-space",
        "Accepts a time with a space for T.",
        level="companion",
        moment=_lax_moment(r"(\S+) ([0-9:]+)Z"),
    ),
    _row("timestamp-epoch", "Accepts seconds since 1970.", level="companion", moment=_epoch_moment),
    _row(
        "timestamp-malformed-as-expired",
        "Says Expired of a malformed time.",
        level="gateway",
        moment=lambda e, text: BASE.moment(e, text) or 0.0,
    ),
    _row(
        "timestamp-malformed-crashes",
        "Says InternalError of a malformed time.",
        level="gateway",
        check_timestamp=_crash_instead(
            "check_timestamp", lambda r: not r.common["Timestamp"].endswith("Z")
        ),
    ),
)

_ROWS = (
    _row(
        "existed-is-400",
        "Answers TaskExisted with HTTP 400.",
        rules=_answers("TaskExisted", status=400),
    ),
    _row(
        "existed-is-409",
        "Answers TaskExisted with HTTP 409.",
        rules=_answers("TaskExisted", status=409),
    ),
    _row(
        "existed-misspelt", "Answers TaskExists.", rules=_answers("TaskExisted", code="TaskExists")
    ),
    _row(
        "existed-message",
        "Corrects the message of TaskExisted.",
        rules=_answers("TaskExisted", message="Task already exists."),
    ),
    _row(
        "layout-code",
        "Answers InvalidLayoutId.Malformed.",
        rules=_answers("InvalidLayoutID.Malformed", code="InvalidLayoutId.Malformed"),
    ),
    _row(
        "layout-code-cut",
        "Answers InvalidLayoutID.",
        rules=_answers("InvalidLayoutID.Malformed", code="InvalidLayoutID"),
    ),
    _row(
        "layout-message",
        "Alters the message about LayoutIds.",
        rules=_answers("InvalidLayoutID.Malformed", message="The specifed layoutID is malformed."),
    ),
    _row(
        "layout-is-200",
        "Answers InvalidLayoutID.Malformed with HTTP 200.",
        rules=_answers("InvalidLayoutID.Malformed", status=200),
    ),
    _row(
        "encode-code",
        "Answers InvalidMediaEncode.",
        rules=_answers("InvalidMediaEncode.Malformed", code="InvalidMediaEncode"),
    ),
    _row(
        "encode-message",
        "Corrects the message about MediaEncode.",
        rules=_answers(
            "InvalidMediaEncode.Malformed", message="The specified MediaEncode is malformed."
        ),
    ),
    _row(
        "encode-is-500",
        "Answers InvalidMediaEncode.Malformed with HTTP 500.",
        rules=_answers("InvalidMediaEncode.Malformed", status=500),
    ),
    _row(
        "color-code",
        "Answers InvalidBackgroundColour.Malformed.",
        rules=_answers(
            "InvalidBackgroundColor.Malformed", code="InvalidBackgroundColour.Malformed"
        ),
    ),
    _row(
        "color-message",
        "Puts the space back into the message about BackgroundColor.",
        rules=_answers(
            "InvalidBackgroundColor.Malformed", message="The specifed BackgroundColor is malformed."
        ),
    ),
    _row(
        "color-is-404",
        "Answers InvalidBackgroundColor.Malformed with HTTP 404.",
        rules=_answers("InvalidBackgroundColor.Malformed", status=404),
    ),
    _row(
        "missing-code",
        "Answers MissingParameter whatever is missing.",
        level="gateway",
        rules=_answers("Missing{}", code="MissingParameter"),
    ),
    _row(
        "missing-message",
        "Alters the message about missing parameters.",
        level="gateway",
        rules=_answers("Missing{}", message="{} is mandatory."),
    ),
    _row(
        "missing-is-200",
        "Answers missing parameters with HTTP 200.",
        level="gateway",
        rules=_answers("Missing{}", status=200),
    ),
    _row(
        "invalid-code",
        "Answers InvalidParameter whatever is invalid.",
        level="reading",
        rules=_answers("Invalid{}", code="InvalidParameter"),
    ),
    _row(
        "invalid-message",
        "Alters the message about invalid parameters.",
        level="reading",
        rules=_answers("Invalid{}", message="{} is not valid."),
    ),
    _row(
        "invalid-is-500",
        "Answers invalid parameters with HTTP 500.",
        level="reading",
        rules=_answers("Invalid{}", status=500),
    ),
    _row(
        "format-code",
        "Answers InvalidFormat.",
        level="gateway",
        rules=_answers("InvalidParameter.Format", code="InvalidFormat"),
    ),
    _row(
        "format-message",
        "Alters the message about Format.",
        level="gateway",
        rules=_answers(
            "InvalidParameter.Format", message="Specified parameter Format is not valid."
        ),
    ),
    _row(
        "action-code",
        "Answers InvalidAction.NotFound.",
        level="gateway",
        rules=_answers("InvalidApi.NotFound", code="InvalidAction.NotFound"),
    ),
    _row(
        "action-is-400",
        "Answers InvalidApi.NotFound with HTTP 400.",
        level="gateway",
        rules=_answers("InvalidApi.NotFound", status=400),
    ),
    _row(
        "method-code",
        "Answers MethodNotAllowed.",
        level="gateway",
        rules=_answers("UnsupportedHTTPMethod", code="MethodNotAllowed"),
    ),
    _row(
        "method-is-405",
        "Answers UnsupportedHTTPMethod with HTTP 405.",
        level="gateway",
        rules=_answers("UnsupportedHTTPMethod", status=405),
    ),
    _row(
        "key-code",
        "Answers InvalidAccessKeyId.",
        level="gateway",
        rules=_answers("InvalidAccessKeyId.NotFound", code="InvalidAccessKeyId"),
    ),
    _row(
        "key-is-403",
        "Answers InvalidAccessKeyId.NotFound with HTTP 403.",
        level="gateway",
        rules=_answers("InvalidAccessKeyId.NotFound", status=403),
    ),
    _row(
        "mismatch-code",
        "Answers IncompleteSignature.",
        level="gateway",
        rules=_answers("SignatureDoesNotMatch", code="IncompleteSignature"),
    ),
    _row(
        "mismatch-message",
        "Alters the message about the signature.",
        level="gateway",
        rules=_answers(
            "SignatureDoesNotMatch", message="Specified signature does not match our calculation."
        ),
    ),
    _row(
        "mismatch-is-403",
        "Answers SignatureDoesNotMatch with HTTP 403.",
        level="gateway",
        rules=_answers("SignatureDoesNotMatch", status=403),
    ),
    _row(
        "nonce-code",
        "Answers NonceUsed.",
        level="gateway",
        rules=_answers("SignatureNonceUsed", code="NonceUsed"),
    ),
    _row(
        "nonce-is-200",
        "Answers SignatureNonceUsed with HTTP 200.",
        level="gateway",
        rules=_answers("SignatureNonceUsed", status=200),
    ),
    _row(
        "timestamp-code",
        "Answers InvalidTimestamp.Format.",
        level="gateway",
        rules=_answers("InvalidTimeStamp.Format", code="InvalidTimestamp.Format"),
    ),
    _row(
        "expired-code",
        "Answers InvalidTimestamp.Expired.",
        level="gateway",
        rules=_answers("InvalidTimeStamp.Expired", code="InvalidTimestamp.Expired"),
    ),
    _row(
        "signature-method-code",
        "Answers InvalidSignatureMethod.Malformed.",
        level="gateway",
        rules=_answers("InvalidSignatureMethod", code="InvalidSignatureMethod.Malformed"),
    ),
    # replies
    _row(
        "default-json",
        "Answers JSON when no Format is named in 1.0.",
        level="companion",
        rules={"default_format": "JSON"},
    ),
    _row(
        "default-xml-v3",
        "Answers XML when no Format is named in V3.",
        level="gateway",
        rules={"default_format_v3": "XML"},
    ),
    _row(
        "format-case",
        "Accepts Format in upper case alone.",
        level="companion",
        fold_format=lambda e, text: text,
    ),
    _row("format-unchecked", "Accepts any Format.", level="gateway", check_format=_never),
    _row(
        "failures-in-xml",
        "Answers failures in XML though JSON was asked for.",
        level="companion",
        reply=_always(lambda failed: "XML" if failed else None),
    ),
    _row(
        "failures-in-json",
        "Answers failures in JSON though XML was asked for.",
        level="companion",
        reply=_always(lambda failed: "JSON" if failed else None),
    ),
    _row(
        "xml-refused",
        "Answers JSON though XML was asked for.",
        level="companion",
        reply=_always(lambda failed: "JSON"),
    ),
    _row(
        "xml-success-root",
        "Answers a success in <Response>.",
        level="companion",
        xml_root=lambda e, fields: "Error" if "Code" in fields else "Response",
    ),
    _row(
        "xml-failure-root",
        "Answers a failure in <StartMPUTaskResponse>.",
        level="companion",
        xml_root=lambda e, fields: "StartMPUTaskResponse",
    ),
    _row(
        "json-trailing-comma",
        "Answers with the trailing comma of S1's example.",
        json_body=lambda e, fields: json.dumps(fields)[:-1] + ", }",
    ),
    _row(
        "json-nested",
        "Answers with the fields inside Data.",
        level="companion",
        json_body=lambda e, fields: json.dumps({"Data": fields}),
    ),
    _row(
        "json-lower-case",
        "Answers requestId for RequestId.",
        level="companion",
        json_body=lambda e, fields: json.dumps(fields).replace('"Req', '"req'),
    ),
    _row(
        "failure-without-request-id",
        "Leaves RequestId out of failures.",
        level="companion",
        failure_fields=_fields_without("RequestId"),
    ),
    _row(
        "failure-without-host-id",
        "Leaves HostId out of failures.",
        level="companion",
        failure_fields=_fields_without("HostId"),
    ),
    _row(
        "failure-without-message",
        "Leaves Message out of failures.",
        level="companion",
        failure_fields=_fields_without("Message"),
    ),
    _row(
        "failure-without-code",
        "Leaves Code out of failures.",
        level="companion",
        failure_fields=_fields_without("Code"),
    ),
    _row(
        "success-without-request-id",
        "Leaves RequestId out of successes.",
        success_fields=lambda e: {"Result": "ok"},
    ),
    _row(
        "success-with-code",
        "Answers a success with Code OK.",
        level="companion",
        success_fields=lambda e: {**BASE.success_fields(e), "Code": "OK"},
    ),
    _row(
        "charset-gbk",
        "Says that its UTF-8 were GBK.",
        level="companion",
        json_type=lambda e: "application/json;charset=gbk",
    ),
    _row("type-html", "Calls its JSON a page.", level="reading", json_type=lambda e: "text/html"),
    _row(
        "compresses-anyway",
        "Compresses every reply, whatever was asked for.",
        level="reading",
        reply=_compressed,
    ),
    _row(
        "fields-twice",
        "Writes RequestId twice.",
        level="reading",
        json_body=lambda e, fields: json.dumps(fields).replace(
            "{", f'{{"RequestId": "{fields["RequestId"]}", ', 1
        ),
    ),
    _row("success-is-201", "Answers a success with HTTP 201.", level="companion", success=_created),
    _row("request-id-constant", "Gives every reply one RequestId.", kind=RepeatsRequestId),
    _row(
        "request-id-counted",
        "Gives RequestIds of no documented form.",
        request_id=lambda e: f"req-{len(e.received)}",
    ),
    _row("request-id-empty", "Gives an empty RequestId.", request_id=lambda e: ""),
)

_REQUESTS = (
    _row("get-refused", "Refuses GET.", rules={"methods": ("POST",)}),
    _row("post-refused", "Refuses POST.", level="reading", rules={"methods": ("GET",)}),
    _row(
        "put-accepted", "Accepts PUT.", level="gateway", rules={"methods": ("GET", "POST", "PUT")}
    ),
    _row(
        "delete-accepted",
        "Accepts DELETE.",
        level="gateway",
        rules={"methods": ("GET", "POST", "DELETE")},
    ),
    _row(
        "form-ignored",
        "Does not read forms.",
        level="reading",
        read_form=lambda e, method, headers, body: [],
    ),
    _row(
        "post-query-ignored",
        "Does not read the query of a POST.",
        level="reading",
        read_query=lambda e, method, text: [] if method == "POST" else BASE.parse_pairs(e, text),
    ),
    _row(
        "action-case-blind",
        "Accepts the action in any letter case.",
        level="gateway",
        is_our_action=lambda e, action: action.lower() == "startmputask",
    ),
    _row(
        "action-unchecked",
        "Accepts any action.",
        level="gateway",
        is_our_action=lambda e, action: True,
    ),
    _row("version-unchecked", "Accepts any version.", level="companion", check_version=_never),
    _row(
        "unknown-refused",
        "Refuses parameters the contract does not name.",
        level="reading",
        check_required=_documented_only,
    ),
    *(_optional(name) for name in HONEST.required),
    _row(
        "empty-app-id",
        "Accepts an empty AppId.",
        level="gateway",
        is_given=_empty_is_given("AppId"),
    ),
    _row(
        "empty-channel-id",
        "Accepts an empty ChannelId.",
        level="gateway",
        is_given=_empty_is_given("ChannelId"),
    ),
    _row(
        "empty-task-id",
        "Accepts an empty TaskId.",
        level="gateway",
        is_given=_empty_is_given("TaskId"),
    ),
    _row(
        "task-id-wanted-as-table",
        "Accepts TaskID alone.",
        level="reading",
        task_value=lambda e, r, name: r.get("TaskID" if name == "TaskId" else name),
    ),
    _row(
        "required-checked-last",
        "Judges values before asking what is missing.",
        level="reading",
        checks=_ordered("values", "required"),
    ),
    _row(
        "values-before-signature",
        "Judges values before the signature.",
        level="reading",
        checks=_ordered("required", "values", "signature"),
    ),
    _row(
        "existence-before-values",
        "Says TaskExisted before judging values.",
        level="reading",
        check_values=_existence_first,
    ),
    _row(
        "action-after-signature",
        "Judges the action after the signature.",
        level="reading",
        checks=_ordered(
            "signature_method",
            "signature_version",
            "timestamp",
            "access_key",
            "signature",
            "action",
        ),
    ),
    _row(
        "key-before-timestamp",
        "Judges the key before the timestamp.",
        level="reading",
        checks=_ordered("access_key", "timestamp"),
    ),
    _row(
        "signature-before-timestamp",
        "Judges the signature before the timestamp.",
        level="reading",
        checks=_ordered("access_key", "signature", "timestamp"),
    ),
    _row(
        "values-last-first",
        "Judges values in reverse.",
        level="reading",
        value_checks=lambda e: BASE.value_checks(e)[::-1],
    ),
    _row(
        "required-last-first",
        "Asks for parameters in reverse.",
        level="reading",
        rules={"required": HONEST.required[::-1]},
    ),
    # values
    _row(
        "encode-2-accepted",
        "Accepts MediaEncode 2, as S1's example sends it.",
        rules={"encodes": (0, 1, 2, 10, 20, 30)},
    ),
    _row(
        "encode-any-accepted",
        "Accepts any number for MediaEncode.",
        rules={"encodes": range(-(10**6), 10**6)},
    ),
    _row("encode-0-refused", "Refuses MediaEncode 0.", rules={"encodes": (1, 10, 20, 30)}),
    _row("encode-10-refused", "Refuses MediaEncode 10.", rules={"encodes": (0, 1, 20, 30)}),
    _row("encode-30-refused", "Refuses MediaEncode 30.", rules={"encodes": (0, 1, 10, 20)}),
    _row(
        "encode-0-missing",
        "Takes MediaEncode 0 for nothing.",
        is_given=_zero_is_missing("MediaEncode"),
    ),
    _row(
        "encode-text-crashes",
        "Says InternalError when MediaEncode is no number.",
        check_encode=_crash_instead("check_encode", lambda r: not r.get("MediaEncode").isdigit()),
    ),
    _row(
        "color-0-missing",
        "Takes BackgroundColor 0 for nothing.",
        is_given=_zero_is_missing("BackgroundColor"),
    ),
    _row("color-0-refused", "Refuses BackgroundColor 0.", rules={"colours": range(1, 0x1000000)}),
    _row(
        "color-above-accepted",
        "Accepts BackgroundColor 16777216.",
        level="reading",
        rules={"colours": range(0x1000001)},
    ),
    _row(
        "color-white-refused",
        "Refuses BackgroundColor 16777215.",
        rules={"colours": range(0xFFFFFF)},
    ),
    _row(
        "color-negative-accepted",
        "Accepts BackgroundColor -1.",
        rules={"colours": range(-1, 0x1000000)},
    ),
    _row(
        "color-unbounded",
        "Accepts any number for BackgroundColor.",
        rules={"colours": range(-(10**12), 10**12)},
    ),
    _row("color-one-byte", "Refuses BackgroundColor above 255.", rules={"colours": range(256)}),
    _row(
        "hex-accepted",
        "Accepts numbers such as 0x14.",
        integer=_integer_by(lambda text: int(text, 16 if text[:2] == "0x" else 10)),
    ),
    _row(
        "fractions-accepted",
        "Accepts numbers such as 20.0.",
        integer=_integer_by(lambda text: int(float(text))),
    ),
    _row("layout-0-accepted", "Accepts layout 0.", level="companion", rules={"layouts": range(12)}),
    _row(
        "layout-12-accepted",
        "Accepts layout 12.",
        level="companion",
        rules={"layouts": range(1, 13)},
    ),
    _row(
        "layout-reserved-accepted",
        "Accepts the reserved layouts up to 10000.",
        level="companion",
        rules={"layouts": range(1, 10001)},
    ),
    _row(
        "layout-10001-accepted",
        "Accepts layouts above 10000 that nobody registered.",
        level="companion",
        rules={"layouts": (*range(1, 12), *range(10001, 20000))},
    ),
    _row(
        "layout-negative-accepted",
        "Accepts layout -1.",
        level="companion",
        rules={"layouts": (-1, *range(1, 12))},
    ),
    _row(
        "layout-11-refused",
        "Refuses layout 11.",
        level="companion",
        rules={"layouts": range(1, 11)},
    ),
    _row(
        "layout-1-refused", "Refuses layout 1.", level="companion", rules={"layouts": range(2, 12)}
    ),
    _row(
        "layout-list-with-gap",
        "Accepts LayoutIds with a gap.",
        level="reading",
        consecutive=_no_gap_check("LayoutIds"),
    ),
    _row(
        "layout-list-from-zero",
        "Accepts LayoutIds counted from 0.",
        level="reading",
        rules={"layouts_from": (0, 1)},
    ),
    _row(
        "layout-list-from-two",
        "Accepts LayoutIds counted from 2.",
        level="reading",
        rules={"layouts_from": (1, 2)},
    ),
    _row(
        "layout-first-only",
        "Judges the first item of LayoutIds alone.",
        layout_items=_first_layout_only,
    ),
    _row(
        "layout-single-digits",
        "Judges the first nine items of LayoutIds alone.",
        layout_items=_single_digits,
    ),
    _row("ten-items-refused", "Refuses lists of ten items and more.", consecutive=_text_order),
    _row(
        "profile-case-blind",
        "Accepts TaskProfile in any letter case.",
        level="reading",
        check_profile=_folded_profile,
    ),
    _row("profile-unchecked", "Accepts any TaskProfile.", check_profile=_never),
    _row(
        "profile-mixed-refused",
        "Refuses Mixed_Audio.",
        rules={"profiles": tuple(p for p in HONEST.profiles if p != "Mixed_Audio")},
    ),
    _row(
        "profile-later-accepted",
        "Accepts 9IN_720P, which came later.",
        rules={"profiles": (*HONEST.profiles, "9IN_720P", "9IN_1080P", "4IN_1080P")},
    ),
    _row("pane-id-16-accepted", "Accepts PaneId 16.", rules={"pane_ids": range(17)}),
    _row("pane-id-negative-accepted", "Accepts PaneId -1.", rules={"pane_ids": range(-1, 16)}),
    _row("pane-id-15-refused", "Refuses PaneId 15.", rules={"pane_ids": range(15)}),
    _row("pane-id-0-refused", "Refuses PaneId 0.", rules={"pane_ids": range(1, 17)}),
    _row("pane-id-nine-at-most", "Refuses PaneId above 8.", rules={"pane_ids": range(9)}),
    _row(
        "source-unchecked",
        "Accepts any SourceType.",
        is_pane=lambda e, pane: (
            BASE.is_pane(e, {**pane, "SourceType": "camera"}) if pane.get("SourceType") else False
        ),
    ),
    _row("source-case-blind", "Accepts SourceType in any letter case.", is_pane=_case_blind_pane),
    _row("source-screen-refused", "Refuses shareScreen.", rules={"sources": ("camera",)}),
    *(
        _row(
            f"pane-without-{name.lower()}",
            f"Accepts a pane without {name}.",
            is_pane=_pane_without(name),
        )
        for name in PANE_FIELDS
    ),
    _row("pane-user-empty", "Accepts a pane with an empty UserId.", is_pane=_pane_with_empty_user),
    _row("pane-user-ascii", "Refuses a UserId beyond ASCII.", is_pane=_ascii_pane),
    _row(
        "panes-from-one-refused",
        "Refuses UserPanes counted from 1.",
        level="reading",
        rules={"panes_from": (0,)},
    ),
    _row(
        "panes-from-zero-refused", "Refuses UserPanes counted from 0.", rules={"panes_from": (1,)}
    ),
    _row(
        "panes-from-two-accepted",
        "Accepts UserPanes counted from 2.",
        level="reading",
        rules={"panes_from": (0, 1, 2)},
    ),
    _row(
        "panes-with-gap",
        "Accepts UserPanes with a gap.",
        level="reading",
        consecutive=_no_gap_check("UserPanes"),
    ),
    _row("panes-unchecked", "Does not look at UserPanes.", check_panes=_never),
    _row("panes-first-only", "Judges the first pane alone.", panes=_first_pane_only),
    _row("panes-required", "Requires UserPanes.", check_panes=_panes_required),
    _row("url-unchecked", "Accepts any StreamURL.", check_stream_url=_never),
    _row(
        "url-http-accepted",
        "Accepts an http:// StreamURL.",
        rules={"stream_url": HONEST.stream_url.replace("rtmps?", "rtmps?|https?")},
    ),
    _row(
        "url-without-path",
        "Accepts a StreamURL without a path.",
        level="reading",
        rules={"stream_url": HONEST.stream_url.removesuffix("/")},
    ),
    _row(
        "url-without-host",
        "Accepts a StreamURL without a host.",
        level="reading",
        rules={"stream_url": f"(?:{HONEST.stream_url}|rtmp:///)"},
    ),
    _row(
        "url-query-refused",
        "Refuses a StreamURL with an auth string.",
        rules={"stream_url": HONEST.stream_url + r"[^?]*\Z"},
    ),
    _row(
        "url-ascii-only",
        "Refuses a StreamURL beyond ASCII.",
        level="reading",
        rules={"stream_url": HONEST.stream_url + r"(?s:[\x00-\x7f]*)\Z"},
    ),
    # state
    _row("existence-unchecked", "Starts a task as often as it is asked.", check_existence=_never),
    _row(
        "existence-idempotent",
        "Says success when a task is started again.",
        check_existence=_idempotent,
    ),
    _row(
        "existence-per-app",
        "Says TaskExisted of every task after an app's first.",
        rules={"task_key": ("AppId",)},
    ),
    _row(
        "existence-per-task-id",
        "Says TaskExisted of another app's TaskId.",
        level="reading",
        rules={"task_key": ("TaskId",)},
    ),
    _row(
        "existence-per-channel",
        "Says TaskExisted of another task in the channel.",
        rules={"task_key": ("AppId", "ChannelId")},
    ),
    _row(
        "existence-with-channel",
        "Starts a task again in another channel.",
        level="reading",
        rules={"task_key": ("AppId", "ChannelId", "TaskId")},
    ),
    _row(
        "existence-case-blind",
        "Says TaskExisted of a TaskId in another letter case.",
        task_identity=lambda e, r: tuple(v.lower() for v in BASE.task_identity(e, r)),
    ),
    _row(
        "existence-per-signature",
        "Keeps the tasks of 1.0 and V3 apart.",
        task_identity=lambda e, r: (*BASE.task_identity(e, r), str(r.v3)),
    ),
    _row(
        "existence-per-method",
        "Keeps the tasks of GET and POST apart.",
        task_identity=lambda e, r: (*BASE.task_identity(e, r), r.method),
    ),
    _row(
        "existence-forgotten",
        "Forgets a task when saying that it exists.",
        check_existence=_forgetting,
    ),
    _row(
        "existence-last-only", "Remembers the last task alone.", check_existence=_one_task_at_a_time
    ),
    _row("existence-race", "Lets several of simultaneous starts win.", check_existence=_racing),
    _row(
        "refused-value-reserves",
        "Reserves the TaskId of a request with a refused value.",
        check_values=_reserving("check_values"),
    ),
    _row(
        "refused-signature-reserves",
        "Reserves the TaskId of a request whose signature fails.",
        check_signature=_reserving("check_signature"),
    ),
    _row(
        "refused-missing-reserves",
        "Reserves the TaskId of a request that lacks a parameter.",
        check_required=_reserving("check_required"),
    ),
    _row(
        "refused-nonce-reserves",
        "Reserves the TaskId of a replayed request.",
        check_nonce=_reserving("check_nonce"),
    ),
)

FAULTY_ENDPOINTS: tuple[ZooEndpoint, ...] = (
    *_SIGNATURE,
    *_NONCE_AND_CLOCK,
    *_ROWS,
    *_REQUESTS,
)


# -- odd but legal -----------------------------------------------------------------------------


def _headers(change: Callable[[Pairs], Pairs]) -> Step:
    """Change the headers of every reply."""
    return lambda endpoint, kind, body: change(BASE.reply_headers(endpoint, kind, body))


def _service_codes(endpoint: IndependentEndpoint, parameter: str) -> Refusal:
    """Use the service table's codes for AppId and ChannelId."""
    if parameter in ("AppId", "ChannelId"):
        name = parameter.replace("Id", "ID")
        return Refusal(Row(f"Request.No{name}", 400, f"{name} is absent"))
    return BASE.missing(endpoint, parameter)


def _string_shown(endpoint: IndependentEndpoint, refusal: Refusal) -> dict[str, str]:
    """Append the string the server signed, as a real gateway does."""
    fields = BASE.failure_fields(endpoint, refusal)
    if refusal.detail:
        fields["Message"] += f" server string to sign is:{refusal.detail}"
    return fields


def _recommend(endpoint: IndependentEndpoint, refusal: Refusal) -> dict[str, str]:
    """Add what a real gateway may add."""
    url = f"https://next.api.aliyun.com/troubleshoot?q={refusal.row.code}&product=rtc"
    return {**BASE.failure_fields(endpoint, refusal), "Recommend": url}


def _with_cdata(endpoint: IndependentEndpoint, fields: dict[str, str]) -> str:
    """Write every value of an XML document as CDATA."""
    root = endpoint.xml_root(fields)
    inner = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items())
    return f"<{root}>{inner}</{root}>"


def _pretty_xml(endpoint: IndependentEndpoint, fields: dict[str, str]) -> str:
    """Write an XML document with a declaration and white space."""
    body = BASE.xml_body(endpoint, fields).replace("><", ">\n  <")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _strict_where_silent(endpoint: IndependentEndpoint, request: Incoming) -> None:
    """Refuse what the sources neither allow nor forbid."""
    BASE.check_values(endpoint, request)
    if re.match("(?i)rtmps:", request.get("StreamURL")):
        raise endpoint.invalid("StreamURL")
    ids = [pane["PaneId"] for pane in endpoint.panes(request).values()]
    if len(ids) != len(set(ids)):
        raise endpoint.invalid("UserPanes")
    if request.get("TaskId") and request.get("TaskID"):
        raise endpoint.invalid("TaskId")


def _cold(endpoint: IndependentEndpoint, request: Incoming) -> None:
    """Take a moment over the first request."""
    if endpoint.received[0] is request:
        time.sleep(0.1)
    BASE.check_method(endpoint, request)


LEGAL_ENDPOINTS: tuple[ZooEndpoint, ...] = (
    _row("plain", "Answers as S1 and S2 show."),
    _row("recommend", "Adds Recommend to failures.", failure_fields=_recommend),
    _row(
        "host-id-in-success",
        "Adds HostId to successes.",
        success_fields=lambda e: {**BASE.success_fields(e), "HostId": "rtc.aliyuncs.com"},
    ),
    _row(
        "regional-host-id",
        "Names a regional host in HostId.",
        failure_fields=lambda e, refusal: {
            **BASE.failure_fields(e, refusal),
            "HostId": "rtc.cn-shanghai.aliyuncs.com",
        },
    ),
    _row(
        "uuid-request-ids",
        "Gives upper-case dashed RequestIds.",
        request_id=lambda e: str(uuid.uuid4()).upper(),
    ),
    _row("service-codes", "Says Request.NoAppID and Request.NoChannelID.", missing=_service_codes),
    _row(
        "string-to-sign-shown",
        "Appends the string it signed to the message.",
        failure_fields=_string_shown,
    ),
    _row(
        "chunked",
        "Sends replies in chunks.",
        reply_headers=lambda e, kind, body: [
            ("Content-Type", kind),
            ("Transfer-Encoding", "chunked"),
        ],
    ),
    _row(
        "lower-case-headers",
        "Sends header names in lower case.",
        reply_headers=_headers(lambda headers: [(n.lower(), v) for n, v in headers]),
    ),
    _row(
        "more-headers",
        "Sends the headers a gateway sends beside.",
        reply_headers=_headers(
            lambda headers: [
                ("Server", "Tengine"),
                ("Date", "Thu, 01 Jan 2026 00:00:00 GMT"),
                *headers,
                ("Access-Control-Allow-Origin", "*"),
                ("x-acs-request-id", "elsewhere"),
                ("x-acs-trace-id", "0"),
            ]
        ),
    ),
    _row(
        "connection-close",
        "Closes the connection after each reply.",
        reply_headers=_headers(lambda headers: [*headers, ("Connection", "close")]),
    ),
    _row(
        "no-charset",
        "Names no charset.",
        json_type=lambda e: "application/json",
        xml_type=lambda e: "application/xml",
    ),
    _row(
        "upper-case-charset",
        "Names the charset in upper case.",
        json_type=lambda e: 'application/json; charset="UTF-8"',
        xml_type=lambda e: "text/xml; charset=UTF-8",
    ),
    _row("pretty-json", "Indents JSON.", json_body=lambda e, fields: json.dumps(fields, indent=2)),
    _row(
        "json-with-space",
        "Puts white space around JSON.",
        json_body=lambda e, fields: f"\r\n {json.dumps(fields)}\r\n",
    ),
    _row(
        "json-nested-extra",
        "Adds a nested field to JSON.",
        json_body=lambda e, fields: json.dumps({"AccessDeniedDetail": {"n": [1, None]}, **fields}),
    ),
    _row(
        "reversed-fields",
        "Sends the fields in reverse.",
        json_body=lambda e, fields: json.dumps(dict(reversed(fields.items()))),
    ),
    _row(
        "json-escaped",
        "Escapes every letter of JSON strings.",
        json_body=lambda e, fields: json.dumps(fields).replace("e", r"\u0065"),
    ),
    _row("pretty-xml", "Sends XML with a declaration and white space.", xml_body=_pretty_xml),
    _row("xml-cdata", "Sends XML values as CDATA.", xml_body=_with_cdata),
    _row(
        "strict-where-silent",
        "Refuses rtmps://, a PaneId twice, TaskId with TaskID.",
        check_values=_strict_where_silent,
    ),
    _row(
        "lenient-where-silent",
        "Accepts a leading plus, leading zeros and spaces in numbers.",
        integer=_integer_by(lambda text: int(text.replace("_", "x"))),
    ),
    _row("cold-start", "Takes a moment for its first reply.", check_method=_cold),
)
