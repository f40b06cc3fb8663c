"""How a signature is made, each step open to deviation, and the mistakes that deviate."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from urllib.parse import parse_qsl

from pytest_rtcmpu.contract import SignatureKind
from pytest_rtcmpu.signatures.autopsy.encoders import AS_IS, RIGHT, Encoder
from pytest_rtcmpu.signatures.verify import Authorization, Pair
from pytest_rtcmpu.values.credentials import REDACTED, Secret
from pytest_rtcmpu.values.messages import Request
from pytest_rtcmpu.values.redaction import is_secret


@dataclass(frozen=True, slots=True)
class Cause:
    """One mistake: a stable id, the stage where it was made, and what to do instead."""

    id: str
    stage: str
    text: str

    def __str__(self) -> str:
        return f"{self.id}: {self.text}"


def joined(pair: Pair) -> str:
    """Return ``name=value``."""
    return f"{pair[0]}={pair[1]}"


def show(name: str, value: str) -> str:
    """Return a value as a sentence may hold it."""
    return repr(REDACTED if is_secret(name) else value)


class _Pieces(dict[Pair, str]):
    """What stands for each pair in what is signed; worked out once for each pair."""

    def __init__(self, encode: Encoder, again: Encoder, join: Callable[[Pair], str]) -> None:
        super().__init__()
        self._encode, self._again, self._join = encode, again, join

    def __missing__(self, pair: Pair) -> str:
        piece = self._again(self._join((self._encode(pair[0]), self._encode(pair[1]))))
        self[pair] = piece
        return piece


#: Encoders work character by character, so what is encoded twice can be put together from pieces.
@lru_cache(maxsize=1024)
def pieces(encode: Encoder, again: Encoder, join: Callable[[Pair], str]) -> Mapping[Pair, str]:
    """Return what stands for each pair in what is signed."""
    return _Pieces(encode, again, join)


Order = Callable[[tuple[Pair, ...], Encoder], Sequence[Pair]]


def by_name(pairs: tuple[Pair, ...], encode: Encoder) -> Sequence[Pair]:
    """Sort as is right."""
    return sorted(pairs)


def framed(method: str, path: str, query: str) -> str:
    """Put signature 1.0's string to sign together."""
    return f"{method}&{path}&{query}"


def header_block(lines: tuple[Pair, ...]) -> str:
    """Return V3's header lines."""
    return "".join([f"{name}:{value}\n" for name, value in lines])


def sha256(data: bytes) -> str:
    """Return the hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def hash_line(canonical: bytes) -> bytes:
    """Return V3's string to sign."""
    return f"ACS3-HMAC-SHA256\n{sha256(canonical)}".encode()


def as_utf_8(text: str) -> bytes:
    """Return the text's bytes; a lone surrogate, which has none, becomes a question mark."""
    return text.encode("utf-8", "replace")


def same(data: bytes) -> bytes:
    """Change nothing."""
    return data


def bare_key(secret: Secret) -> bytes:
    """Return the key of V3."""
    return as_utf_8(secret.reveal())


def key_with_ampersand(secret: Secret) -> bytes:
    """Return the key of signature 1.0."""
    return bare_key(secret) + b"&"


def keyed(algorithm: str, key: bytes, message: bytes) -> bytes:
    """Return an HMAC."""
    return hmac.digest(key, message, algorithm)


HMAC_SHA1 = partial(keyed, "sha1")
HMAC_SHA256 = partial(keyed, "sha256")


@dataclass(frozen=True, kw_only=True)
class Signing:
    """How to make a signature: the values and functions of every stage."""

    pairs: tuple[Pair, ...]
    method: str
    path: str
    key: Callable[[Secret], bytes]
    digest: Callable[[bytes, bytes], bytes]
    encode: Encoder = RIGHT
    order: Order = by_name
    join: Callable[[Pair], str] = joined
    #: What stands before and after the joined query, in it.
    before: str = ""
    after: str = ""
    #: What is done with the whole text, and how it becomes bytes.
    finish: Callable[[str], str] = str
    write: Callable[[str], bytes] = as_utf_8
    # signature 1.0 alone
    again: Encoder = RIGHT
    frame: Callable[[str, str, str], str] = framed
    # V3 alone
    headers: tuple[Pair, ...] | None = None
    names: str = ""
    payload: str = ""
    newline: str = "\n"
    block: Callable[[tuple[Pair, ...]], str] = header_block
    hashed: Callable[[bytes], bytes] = same

    def but(self, **changes: object) -> Signing:
        """Return this plan with some fields changed: what ``replace`` does, in a tenth the time."""
        plan = object.__new__(Signing)
        plan.__dict__.update(self.__dict__)
        plan.__dict__.update(changes)
        return plan

    def query(self) -> str:
        """Return the canonical query as it stands in what is signed."""
        again = AS_IS if self.headers is not None else self.again
        found = pieces(self.encode, again, self.join)
        query = again("&").join([found[pair] for pair in self.order(self.pairs, self.encode)])
        if self.before or self.after:
            return f"{again(self.before)}{query}{again(self.after)}"
        return query

    def canonical(self) -> str:
        """Return the canonical query (1.0) or canonical request (V3), to be shown."""
        return self.text() if self.headers is not None else self.but(again=AS_IS).query()

    def text(self) -> str:
        """Return the string to sign (1.0) or the canonical request (V3)."""
        if self.headers is None:
            return self.finish(self.frame(self.method, self.path, self.query()))
        block = self.block(self.headers)
        lines = (self.method, self.path, self.query(), block, self.names, self.payload)
        text = self.finish("\n".join(lines))
        return text if self.newline == "\n" else text.replace("\n", self.newline)

    def message(self) -> bytes:
        """Return the bytes that the digest is made of."""
        return self.hashed(self.write(self.text()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """The request as it came, taken apart once.

    Attributes:
        candidates: by name of a parameter or header, values that it may have had when signed.
    """

    kind: SignatureKind
    request: Request
    pairs: tuple[Pair, ...]
    raw: tuple[Pair, ...]
    query: tuple[Pair, ...]
    form: tuple[Pair, ...]
    access_key_id: str
    authorization: Authorization | None
    candidates: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def signed_lines(self, *, trim: bool = True, lower: bool = True) -> dict[str, Pair]:
        """Return the header line (name, value) of each signed header, by lower-case name."""
        values: dict[str, list[Pair]] = {}
        for name, value in self.request.headers:
            pair = (name.lower() if lower else name, value.strip(" \t") if trim else value)
            values.setdefault(name.lower(), []).append(pair)
        names = self.authorization.signed_headers if self.authorization else ()
        found = {name: values.get(name, [(name, "")]) for name in names}
        return {
            name: (many[0][0], ",".join(sorted(value for _, value in many)))
            for name, many in found.items()
        }

    def plan(self) -> Signing:
        """Return the plan of the right signature."""
        if self.kind == "1.0":
            return Signing(
                pairs=self.pairs,
                method=self.request.method,
                path="%2F",
                key=key_with_ampersand,
                digest=HMAC_SHA1,
            )
        lines = tuple(line for _, line in sorted(self.signed_lines().items()))
        return Signing(
            pairs=self.pairs,
            method=self.request.method,
            path=self.request.path or "/",
            key=bare_key,
            digest=HMAC_SHA256,
            headers=lines,
            names=";".join(name for name, _ in lines),
            payload=sha256(self.request.body),
            hashed=hash_line,
        )


def split_raw(raw: str) -> tuple[Pair, ...]:
    """Split a raw query or form into its pairs, still encoded, ``Signature`` left out."""
    parts = (part.partition("=") for part in raw.split("&") if part)
    return tuple((name, value) for name, _, value in parts if name != "Signature")


def parse_decoded(raw: str) -> tuple[Pair, ...]:
    """Return the decoded pairs of a raw query or form, ``Signature`` left out."""
    pairs = parse_qsl(raw, keep_blank_values=True, errors="replace")
    return tuple(pair for pair in pairs if pair[0] != "Signature")


def form_of(request: Request) -> str:
    """Return the raw form that a request carries in its body, or an empty text."""
    kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
    return request.body.decode("latin-1") if kind == "application/x-www-form-urlencoded" else ""


# --- a mistake -------------------------------------------------------------------------------

#: A deviating plan, and what to put into the sentence about it.
Variant = tuple[Signing, str]
#: A deviating plan, and what gives the sentences about it: only a match needs them.
Found = tuple[Signing, Callable[[], tuple[Cause, ...]]]
Deviate = Callable[[Evidence, Signing], Iterable[Variant]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """One usual mistake.

    Attributes:
        text: the sentence about it and its remedy; ``{}`` stands for the detail.
        deviate: makes it, in each way that it is made.
        pairs_up: whether it is tried together with others, too.
        rare: whether that is done with such others only as are not rare.
        of_key: whether key or digest differ, and not what is signed.
    """

    id: str
    stage: str
    text: str
    deviate: Deviate
    kinds: tuple[SignatureKind, ...] = ("1.0", "v3")
    pairs_up: bool = True
    rare: bool = False
    of_key: bool = False

    def cause(self, detail: str = "") -> Cause:
        """Return the sentence about this mistake, with its detail filled in."""
        return Cause(self.id, self.stage, self.text.replace("{}", detail))

    def found(self, case: Evidence, plan: Signing) -> Iterable[Found]:
        """Return the plan with this mistake made, in each way, and what to say of it."""
        if case.kind in self.kinds:
            for deviant, detail in self.deviate(case, plan):
                yield deviant, partial(self._causes, detail)

    def _causes(self, detail: str) -> tuple[Cause, ...]:
        return (self.cause(detail),)


def each(*deviations: Deviate) -> Deviate:
    """Deviate in each of several ways."""

    def deviate(case: Evidence, plan: Signing) -> Iterable[Variant]:
        for one in deviations:
            yield from one(case, plan)

    return deviate


def put(detail: str = "", **changes: object) -> Deviate:
    """Deviate by replacing fields of the plan."""
    return lambda case, plan: [(plan.but(**changes), detail)]


def map_pairs(change: Callable[[Pair], Pair | None], detail: str = "") -> Deviate:
    """Deviate by changing pairs one by one, or leaving them out (``None``)."""

    def deviate(case: Evidence, plan: Signing) -> list[Variant]:
        pairs = tuple(new for new in map(change, plan.pairs) if new is not None)
        return [(plan.but(pairs=pairs), detail)] if pairs != plan.pairs else []

    return deviate


def in_values(change: Callable[[str], str]) -> Callable[[Pair], Pair]:
    """Change values alone."""
    return lambda pair: (pair[0], change(pair[1]))


def in_both(change: Callable[[str], str]) -> Callable[[Pair], Pair]:
    """Change names and values."""
    return lambda pair: (change(pair[0]), change(pair[1]))
