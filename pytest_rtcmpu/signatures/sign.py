"""The client's signer: signature 1.0 (HMAC-SHA1) and V3 (ACS3-HMAC-SHA256).

Pure functions over decoded names and values; time and nonce are among the arguments. A secret is
revealed in the HMAC expression and nowhere else, so no local variable of a traceback holds it.
The endpoint verifies with code of its own (``verification``), never with this.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from pytest_rtcmpu.values.credentials import Secret

Pair = tuple[str, str]

V3_ALGORITHM = "ACS3-HMAC-SHA256"


def percent_encode(text: str) -> str:
    """Percent-encode as UTF-8, keeping RFC 3986's unreserved characters (A–Z a–z 0–9 - _ . ~).

    Raises:
        UnicodeEncodeError: for a lone surrogate, which UTF-8 cannot carry.
    """
    # S2 111551: "对于字符 A~Z、a~z、0~9 以及字符 -、_、.、~ 不编码"; space is %20, * is %2A.
    return quote(text, safe="~")


def _canonical_query(pairs: Iterable[Pair]) -> str:
    # S2 111551: "按照参数名称的字典顺序" – the order is that of the names before encoding. Python
    # compares str by code point, which is the byte order of UTF-8.
    return "&".join(
        f"{percent_encode(name)}={percent_encode(value)}" for name, value in sorted(pairs)
    )


def string_to_sign(pairs: Sequence[Pair], *, method: str) -> str:
    """Return what signature 1.0 signs; a pair named ``Signature`` is left out."""
    canonical = _canonical_query(pair for pair in pairs if pair[0] != "Signature")
    # S2 111551: StringToSign = HTTPMethod + "&" + percentEncode("/") + "&" + percentEncode(query)
    return "&".join((method, percent_encode("/"), percent_encode(canonical)))


def sign(pairs: Sequence[Pair], secret: Secret | str, *, method: str) -> str:
    """Return signature 1.0 of these decoded pairs, as Base64 text (not yet percent-encoded)."""
    secret = Secret(secret)
    message = string_to_sign(pairs, method=method).encode()
    # S2 111551: the key is AccessKeySecret followed by "&"
    digest = hmac.new(f"{secret.reveal()}&".encode(), message, hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def headers_v3(
    *,
    host: str,
    action: str,
    version: str,
    date: str,
    nonce: str,
    body: bytes = b"",
    content_type: str | None = None,
    security_token: Secret | str | None = None,
) -> dict[str, str]:
    """Return the headers that V3 signs, by lower-case name; all of them must be sent."""
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-acs-date": date,
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    if content_type is not None:
        headers["content-type"] = content_type
    if security_token:
        headers["x-acs-security-token"] = Secret(security_token).reveal()
    return headers


def _header_values(headers: Mapping[str, str] | Iterable[Pair]) -> dict[str, str]:
    """Return trimmed values by lower-case name; a repeated header's are sorted and joined."""
    values: dict[str, list[str]] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        values.setdefault(name.lower(), []).append(value.strip(" \t"))
    return {name: ",".join(sorted(many)) for name, many in values.items()}


def headers_to_sign(headers: Mapping[str, str] | Iterable[Pair]) -> tuple[str, ...]:
    """Return the names, lower-case and sorted, of those headers that a V3 client signs."""
    # S4: host and every x-acs-* header; the published SDK signs content-type, where present, too
    return tuple(
        sorted(
            name
            for name in _header_values(headers)
            if name in {"host", "content-type"} or name.startswith("x-acs-")
        )
    )


def canonical_request(
    *,
    method: str,
    path: str = "/",
    query: Sequence[Pair] = (),
    headers: Mapping[str, str] | Sequence[Pair],
    signed_headers: Iterable[str] | None = None,
    body: bytes = b"",
) -> str:
    """Return V3's canonical request.

    ``query`` holds decoded pairs; ``signed_headers`` names headers in any order and letter case
    (those of :func:`headers_to_sign` unless given).

    Raises:
        KeyError: when one is not there.
    """
    values = _header_values(headers)
    names = sorted(
        name.lower()
        for name in (headers_to_sign(headers) if signed_headers is None else signed_headers)
    )
    return "\n".join(
        (
            method,
            path,
            _canonical_query(query),
            "".join(f"{name}:{values[name]}\n" for name in names),
            ";".join(names),
            hashlib.sha256(body).hexdigest(),
        )
    )


def string_to_sign_v3(canonical: str) -> str:
    """Return what V3 signs, given the canonical request."""
    return f"{V3_ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def sign_v3(
    *,
    method: str,
    path: str = "/",
    query: Sequence[Pair] = (),
    headers: Mapping[str, str] | Sequence[Pair],
    body: bytes = b"",
    access_key_id: str,
    secret: Secret | str,
    signed_headers: Iterable[str] | None = None,
) -> str:
    """Return the value of the Authorization header for this request."""
    secret = Secret(secret)
    names = sorted(
        name.lower()
        for name in (headers_to_sign(headers) if signed_headers is None else signed_headers)
    )
    canonical = canonical_request(
        method=method, path=path, query=query, headers=headers, signed_headers=names, body=body
    )
    # S4: the key is the bare AccessKeySecret, without the "&" of signature 1.0
    signature = hmac.new(
        secret.reveal().encode(), string_to_sign_v3(canonical).encode(), hashlib.sha256
    ).hexdigest()
    return (
        f"{V3_ALGORITHM} Credential={access_key_id},"
        f"SignedHeaders={';'.join(names)},Signature={signature}"
    )
