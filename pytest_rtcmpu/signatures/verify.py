"""The endpoint's verifier of signature 1.0 and V3.

It shares no code with the client's ``signing``, and goes about the same job by other means (an
escape for each byte in a table, the string to sign built in one pass), so that a mistake in one is
caught by the other instead of cancelling out.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pytest_rtcmpu.values.credentials import Secret
from pytest_rtcmpu.values.messages import Request

Pair = tuple[str, str]

# S2 111551: "对于字符 A~Z、a~z、0~9 以及字符 -、_、.、~ 不编码"; every other byte of the UTF-8
# form is "%XY" with capital hex digits.
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
_ONCE = tuple(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in range(256))
#: The same, encoded again: signature 1.0 encodes the whole query a second time.
_TWICE = tuple(escape.replace("%", "%25") for escape in _ONCE)
_is_plain = re.compile(r"[A-Za-z0-9\-_.~]*").fullmatch


def _encode(text: str, escapes: tuple[str, ...]) -> str:
    if _is_plain(text):
        return text
    # A lone surrogate has no UTF-8 form; "?" in its place keeps the verifier from failing on it.
    return "".join([escapes[byte] for byte in text.encode("utf-8", "replace")])


def _twice(pair: Pair) -> str:
    return f"{_encode(pair[0], _TWICE)}%3D{_encode(pair[1], _TWICE)}"


def _once(pair: Pair) -> str:
    return f"{_encode(pair[0], _ONCE)}={_encode(pair[1], _ONCE)}"


#: Much of a call is as it was in earlier ones.
_short_once = lru_cache(maxsize=2048)(_once)
_short_twice = lru_cache(maxsize=2048)(_twice)
#: Pairs with more characters are not kept: they could fill the memory.
_SHORT = 256


@dataclass(frozen=True, slots=True)
class Objection:
    """What is wrong with the form of a V3 request: a stable id, and a sentence (its ``str``)."""

    id: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a signature verifies, and what the endpoint itself signed.

    Attributes:
        ok: whether it verifies.
        string_to_sign: the server's; holds a SecurityToken as it came, so it stays out of the repr.
        expected: the signature that would have verified.
        problem: why a V3 request is refused whatever its signature, or ``None``.
        canonical: V3's canonical request; empty for signature 1.0, whose string to sign shows it
            all.
    """

    ok: bool
    string_to_sign: str = field(repr=False)
    expected: str = field(repr=False)
    problem: Objection | None = None
    canonical: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class Authorization:
    """A V3 Authorization header, taken apart; ``signed_headers`` lower-case, in the order sent."""

    access_key_id: str
    signed_headers: tuple[str, ...]
    signature: str = field(repr=False)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def string_to_sign_1_0(pairs: Sequence[Pair], *, method: str) -> str:
    """Return what signature 1.0 signs for these decoded pairs, ``Signature`` left out."""
    # S2 111551: sorted by name, "不包括 Signature", then METHOD & %2F & percentEncode(query): the
    # "=" and "&" of the query come out as %3D and %26. Code points sort as UTF-8 bytes do.
    query = "%26".join(
        [
            _short_twice(pair) if len(pair[0]) + len(pair[1]) <= _SHORT else _twice(pair)
            for pair in sorted(pairs)
            if pair[0] != "Signature"
        ]
    )
    return f"{method}&%2F&{query}"


def signature_1_0(signed: str, secret: Secret) -> str:
    """Return the signature 1.0 of a string to sign."""
    # S2 111551: key = AccessKeySecret + "&", HMAC-SHA1, Base64
    digest = hmac.digest(
        secret.reveal().encode("utf-8", "replace") + b"&", signed.encode("utf-8", "replace"), "sha1"
    )
    return binascii.b2a_base64(digest, newline=False).decode("ascii")


def verify_1_0(
    pairs: Sequence[Pair], *, method: str, secret: Secret | str, signature: str
) -> Verdict:
    """Judge signature 1.0 over the decoded pairs of query and form; ``Signature`` may be there."""
    signed = string_to_sign_1_0(pairs, method=method)
    expected = signature_1_0(signed, Secret(secret))
    return Verdict(_same(expected, signature), signed, expected)


_SCHEME = "ACS3-HMAC-SHA256"
_FIELDS = {"Credential", "SignedHeaders", "Signature"}


def parse_authorization(value: str | None) -> Authorization | Objection:
    """Take a V3 Authorization header apart, or say what is wrong with it."""
    # S4: "ACS3-HMAC-SHA256 Credential=<id>,SignedHeaders=<names;sorted>,Signature=<hex>". RFC 9110
    # 5.6.1 lets spaces stand around the commas of a list.
    if value is None:
        return Objection("authorization-missing", "There is no Authorization header.")
    scheme, _, rest = value.strip().partition(" ")
    if scheme != _SCHEME:
        return Objection("authorization-scheme", f"Authorization must begin with {_SCHEME}.")
    parts = [part.strip().partition("=") for part in rest.split(",")]
    fields = {name: text for name, _, text in parts}
    if len(parts) != len(fields) or set(fields) != _FIELDS or not all(fields.values()):
        return Objection(
            "authorization-malformed",
            "Authorization must hold Credential=…,SignedHeaders=…,Signature=…, each once, none"
            " empty, separated by commas.",
        )
    names = tuple(name.lower() for name in fields["SignedHeaders"].split(";"))
    return Authorization(fields["Credential"], names, fields["Signature"])


def _values(request: Request) -> dict[str, str]:
    """Return trimmed header values by lower-case name; a repeated header's sorted and joined."""
    values: dict[str, str] = {}
    for name, value in sorted(
        (name.lower(), value.strip(" \t")) for name, value in request.headers
    ):
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


def _form_problem(
    values: dict[str, str], signed: tuple[str, ...], body_hash: str
) -> Objection | None:
    """Return the first breach of S4's rules on which headers are signed, and on the body's hash."""
    if list(signed) != sorted(set(signed)):
        return Objection(
            "signed-headers-unsorted",
            f"SignedHeaders must be sorted, each name once: {';'.join(sorted(set(signed)))}.",
        )
    absent = [name for name in signed if name not in values]
    if absent:
        return Objection(
            "signed-header-absent",
            f"SignedHeaders names headers that are not in the request: {', '.join(absent)}.",
        )
    # S4: "除 Authorization 外的所有公共请求头，只要存在必须被加入签名", and host. It asks
    # for no Content-Type: a library may add one after signing → signature.v3.content-type.unsigned
    unsigned = [
        name
        for name in values
        if (name == "host" or name.startswith("x-acs-")) and name not in signed
    ]
    if "host" not in values:
        unsigned.insert(0, "host")
    if unsigned:
        return Objection(
            "header-not-signed", f"These headers must be signed: {', '.join(unsigned)}."
        )
    if values.get("x-acs-content-sha256") != body_hash:
        return Objection(
            "body-hash",
            f"x-acs-content-sha256 must be the body's SHA-256 in lower-case hex: {body_hash}.",
        )
    return None


def verify_v3(
    request: Request,
    query: Sequence[Pair],
    *,
    secret: Secret | str,
    authorization: Authorization | None = None,
) -> Verdict:
    """Judge a V3 signature; ``query`` is the request's query as decoded pairs.

    Give ``authorization`` when it has been parsed already.
    """
    secret = Secret(secret)
    parsed = authorization or parse_authorization(request.header("authorization"))
    if isinstance(parsed, Objection):
        return Verdict(False, "", "", parsed)
    values = _values(request)
    body_hash = hashlib.sha256(request.body).hexdigest()
    names = sorted(set(parsed.signed_headers))
    # S4: method \n path \n query \n headers, each ended by \n \n their names \n the body's hash
    lines = [request.method, request.path or "/"]
    lines.append(
        "&".join(
            [
                _short_once(pair) if len(pair[0]) + len(pair[1]) <= _SHORT else _once(pair)
                for pair in sorted(query)
            ]
        )
    )
    lines += [f"{name}:{values.get(name, '')}" for name in names]
    lines += ["", ";".join(names), body_hash]
    canonical = "\n".join(lines)
    signed = f"{_SCHEME}\n{hashlib.sha256(canonical.encode('utf-8', 'replace')).hexdigest()}"
    # S4: the key is the bare AccessKeySecret
    expected = hmac.digest(
        secret.reveal().encode("utf-8", "replace"), signed.encode("ascii"), "sha256"
    ).hex()
    problem = _form_problem(values, parsed.signed_headers, body_hash)
    ok = _same(expected, parsed.signature) and problem is None
    return Verdict(ok, signed, expected, problem, canonical)
