"""How a digest is written as a signature, rightly and wrongly."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from pytest_rtcmpu.contract import SignatureKind
from pytest_rtcmpu.signatures.autopsy.plan import Cause


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


def _base64_twice(text: str) -> bytes | None:
    inner = _base64_bytes(text)
    return None if inner is None else _base64_bytes(inner.decode("latin-1"))


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a signature: the mistake in it, and the bytes it stands for, if any."""

    cause: Cause | None
    read: Callable[[str], bytes | None]


def _reading(id: str, text: str, read: Callable[[str], bytes | None]) -> Reading:
    return Reading(Cause(id, "encoding", text), read)


READINGS: dict[SignatureKind, tuple[Reading, ...]] = {
    "1.0": (
        Reading(None, _base64_bytes),
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
            "signature-quoted",
            "quotes at the signature: the client sent it in quotes, as JSON has it; send its"
            " characters alone.",
            lambda text: _base64_bytes(text[1:-1]) if text[:1] in ("'", '"') else None,
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
            lambda text: _base64_bytes(
                unquote(text).rstrip("=") + "=" * (-len(unquote(text).rstrip("=")) % 4),
                altchars=b"-_",
            ),
        ),
        _reading(
            "base64-twice",
            "Base64 twice: the client wrote the Base64 text of the digest in Base64 again; write"
            " it once.",
            _base64_twice,
        ),
        _reading(
            "signature-bytes-repr",
            "bytes shown as text: the signature has the form b'…', Python's way to show bytes;"
            " decode it.",
            lambda text: _base64_bytes(text[2:-1]) if text[:2] in ("b'", 'b"') else None,
        ),
    ),
    "v3": (
        Reading(None, lambda text: _hex_bytes(text) if text == text.lower() else None),
        _reading(
            "hex-upper-case",
            "hex in capitals: write the signature in lower-case hex.",
            _hex_bytes,
        ),
        _reading(
            "signature-whitespace",
            "whitespace at the signature: the client sent a space or newline along with it; strip"
            " it.",
            lambda text: _hex_bytes("".join(text.split())),
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


#: In bytes: of MD5, SHA-1, SHA-224, SHA-256, SHA-384 and SHA-512.
_SIZES = (16, 20, 28, 32, 48, 64)


def read_signature(kind: SignatureKind, signature: str) -> dict[bytes, Cause | None]:
    """Return the digests a signature may stand for, each with the mistake in its writing."""
    received: dict[bytes, Cause | None] = {}
    for one in READINGS[kind]:
        digest = one.read(signature)
        if digest is not None and len(digest) in _SIZES:
            received.setdefault(digest, one.cause)
    return received
