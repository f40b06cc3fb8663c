"""Mistakes in the key and in the digest."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import quote, quote_plus

from pytest_rtcmpu.signatures.autopsy.plan import (
    Deviate,
    Evidence,
    Mistake,
    Signing,
    Variant,
    bare_key,
    each,
    key_with_ampersand,
    keyed,
    put,
)
from pytest_rtcmpu.signatures.autopsy.texts import INVISIBLE
from pytest_rtcmpu.values.credentials import Secret

Respell = Callable[[str], str]


def _respelt(change: Respell, key: Callable[[Secret], bytes], secret: Secret) -> bytes:
    return key(Secret(change(secret.reveal())))


def _respell(**changes: Respell) -> Deviate:
    """Deviate by changing the secret; ``_`` in a name reads as a space."""

    def deviate(case: Evidence, plan: Signing) -> Iterator[Variant]:
        for detail, change in changes.items():
            yield plan.but(key=partial(_respelt, change, plan.key)), detail.replace("_", " ")

    return deviate


def _base64_decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:  # neither Base64 nor text within
        return text


def _put(before: str, after: str, text: str) -> str:
    return f"{before}{text}{after}"


def _around_secret(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for text, called in INVISIBLE.items():
        for before, after, where in (("", text, "after it"), (text, "", "before it"),
                                     (text, text, "around it")):  # fmt: skip
            key = partial(_respelt, partial(_put, before, after), plan.key)
            yield plan.but(key=key), f"{called} {where}"


def _around_key(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for text, called in INVISIBLE.items():
        tail = text.encode()
        yield plan.but(key=partial(_ended, plan.key, b"", tail)), f"{called} after it"
        yield plan.but(key=partial(_ended, plan.key, tail, b"")), f"{called} before it"


def _ended(
    key: Callable[[Secret], bytes], before: bytes, after: bytes, secret: Secret
) -> bytes:  # fmt: skip
    return before + key(secret) + after


def _instead(value: str, text: str) -> str:
    return value


def _no_secret(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for value, called in (
        ("", "an empty AccessKeySecret"),
        *((word, f'"{word}" for an AccessKeySecret')
          for word in ("undefined", "null", "None", "nil", "<nil>", "NULL", "Null", "NaN", "false",
                       "[object Object]", "(null)")),
    ):  # fmt: skip
        yield plan.but(key=partial(_respelt, partial(_instead, value), plan.key)), called


def _id_as_secret(case: Evidence, plan: Signing) -> list[Variant]:
    change = partial(_instead, case.access_key_id)
    return [(plan.but(key=partial(_respelt, change, plan.key)), "")]


def _id_and_secret(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for gap in ("", ":", "&"):
        change = partial(_put, f"{case.access_key_id}{gap}", "")
        yield (
            plan.but(key=partial(_respelt, change, plan.key)),
            (f"after the AccessKeyId and {gap!r}" if gap else "right after the AccessKeyId"),
        )


def _key_as(name: str, secret: Secret) -> bytes:
    return secret.reveal().encode(name, "replace") + "&".encode(name)


def _hex(key: Callable[[Secret], bytes], secret: Secret) -> bytes:
    return key(secret).hex().encode()


def _decoded_hex(text: str) -> str:
    try:
        return bytes.fromhex(text).decode("latin-1")
    except ValueError:
        return text


def _hashed_key(name: str, key: Callable[[Secret], bytes], secret: Secret) -> bytes:
    return hashlib.new(name, key(secret)).digest()


def _hashed_keys(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for name in ("md5", "sha1", "sha256"):
        key = partial(_hashed_key, name, plan.key)
        yield plan.but(key=key), f"as its {name.upper()}"


# --- digest ----------------------------------------------------------------------------------

_HASHES = ("sha1", "sha256", "md5", "sha512", "sha224", "sha384", "sm3")


def _available() -> tuple[str, ...]:
    return tuple(name for name in _HASHES if name in hashlib.algorithms_available)


def _line(name: str, canonical: bytes) -> bytes:
    return f"ACS3-HMAC-SHA256\n{hashlib.new(name, canonical).hexdigest()}".encode()


def _hash_deviations(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for name in _available():
        label = name.upper()
        yield plan.but(digest=partial(keyed, name)), f"HMAC-{label}"
        if case.kind == "v3":
            line = partial(_line, name)
            yield plan.but(hashed=line), f"{label} of the canonical request"
            yield plan.but(hashed=line, digest=partial(keyed, name)), f"{label} throughout"


def _no_hmac(name: str, swap: bool, key: bytes, message: bytes) -> bytes:
    return hashlib.new(name, message + key if swap else key + message).digest()


def _bare_hash(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for name in ("sha1", "sha256", "md5") if case.kind == "1.0" else ("sha256", "sha1", "md5"):
        label = f"{name.upper()} of key and text"
        for swap in (False, True):
            yield plan.but(digest=partial(_no_hmac, name, swap)), label
        alone = plan.but(digest=partial(_no_hmac, name, True), key=_no_key)
        yield alone, f"{name.upper()} of the text"


def _no_key(secret: Secret) -> bytes:
    return b""


def _other_way(digest: Callable[[bytes, bytes], bytes], key: bytes, message: bytes) -> bytes:
    return digest(message, key)


def _swapped(case: Evidence, plan: Signing) -> list[Variant]:
    return [(plan.but(digest=partial(_other_way, plan.digest)), "")]


def _twice(digest: Callable[[bytes, bytes], bytes], key: bytes, message: bytes) -> bytes:
    return digest(key, digest(key, message))


def _hash_first(name: str, hex: bool, digest: Callable[[bytes, bytes], bytes],
                key: bytes, message: bytes) -> bytes:  # fmt: skip
    hashed = hashlib.new(name, message)
    return digest(key, hashed.hexdigest().encode() if hex else hashed.digest())


def _digested_twice(case: Evidence, plan: Signing) -> Iterator[Variant]:
    yield plan.but(digest=partial(_twice, plan.digest)), "took the HMAC of an HMAC"
    if case.kind == "1.0":
        for name in ("sha1", "sha256", "md5"):
            for hex in (False, True):
                digest = partial(_hash_first, name, hex, plan.digest)
                yield plan.but(digest=digest), f"took the HMAC of the text's {name.upper()}"


KEYS: tuple[Mistake, ...] = (
    Mistake(
        id="key-without-ampersand",
        stage="key",
        text='key without "&": the client used the AccessKeySecret itself; signature 1.0\'s key is'
        ' the AccessKeySecret followed by "&".',
        deviate=put(key=bare_key),
        kinds=("1.0",),
        of_key=True,
    ),
    Mistake(
        id="key-with-ampersand",
        stage="key",
        text='key with "&": the client used the AccessKeySecret followed by "&", as signature 1.0'
        " does; V3's key is the AccessKeySecret itself.",
        deviate=put(key=key_with_ampersand),
        kinds=("v3",),
        of_key=True,
    ),
    Mistake(
        id="key-joined-otherwise",
        stage="key",
        text="key put together otherwise: the client used the AccessKeySecret {}; signature 1.0's"
        ' key is the AccessKeySecret followed by one "&", V3\'s the AccessKeySecret itself.',
        deviate=each(
            _respell(**{
                'after_an_"&"': partial(_put, "&", ""),
                'followed_by_one_"&"_too_many': partial(_put, "", "&"),
                'followed_by_"%26"': partial(_put, "", "%26"),
                'after_"ACS3"': partial(_put, "ACS3", ""),
                'after_"aliyun_v4"': partial(_put, "aliyun_v4", ""),
            }),
            _id_and_secret,
        ),
        of_key=True,
    ),
    Mistake(
        id="secret-whitespace",
        stage="key",
        text="whitespace or quotes at the secret: the client used the AccessKeySecret with {};"
        " strip what it reads from a file or the environment.",
        deviate=each(
            _around_secret,
            _respell(
                double_quotes_around_it=lambda text: f'"{text}"',
                single_quotes_around_it=lambda text: f"'{text}'",
                whitespace_taken_away_that_belongs_to_it=str.strip,
            ),
        ),
        of_key=True,
    ),
    Mistake(
        id="key-whitespace",
        stage="key",
        text="whitespace at the key: the client used the key with {}; nothing stands around it.",
        deviate=_around_key,
        of_key=True,
    ),
    Mistake(
        id="access-key-id-as-secret",
        stage="key",
        text="AccessKeyId used as secret: sign with the AccessKeySecret that belongs to it.",
        deviate=_id_as_secret,
        of_key=True,
    ),
    Mistake(
        id="secret-respelt",
        stage="key",
        text="secret respelt: the client used the AccessKeySecret {}; use it as it is.",
        deviate=each(
            _respell(
                percent_encoded=partial(quote, safe="~"),
                encoded_as_in_a_form=quote_plus,
                in_lower_case=str.lower,
                in_capitals=str.upper,
                in_Base64=lambda text: base64.b64encode(text.encode("utf-8", "replace")).decode(),
                decoded_from_Base64=_base64_decoded,
                decoded_from_hex=_decoded_hex,
                shown_as_bytes=lambda text: repr(text.encode("utf-8", "replace")),
                backwards=lambda text: text[::-1],
            ),
            lambda case, plan: [(plan.but(key=partial(_hex, plan.key)), "in hex")],
            _hashed_keys,
        ),
        of_key=True,
    ),
    Mistake(
        id="key-charset",
        stage="key",
        text="another charset for the key: the client took its bytes in {}; take them in UTF-8.",
        deviate=each(
            put("UTF-16 (little-endian)", key=partial(_key_as, "utf-16-le")),
            put("UTF-16 (big-endian)", key=partial(_key_as, "utf-16-be")),
            put("ASCII or Latin-1", key=partial(_key_as, "latin-1")),
            put("ASCII", key=partial(_key_as, "ascii")),
            put("GBK", key=partial(_key_as, "gbk")),
        ),
        kinds=("1.0",),
        of_key=True,
    ),
    Mistake(
        id="secret-empty",
        stage="key",
        text="no secret: the client signed with {}; is it configured where the client looks for"
        " it?",
        deviate=_no_secret,
        of_key=True,
    ),
    Mistake(
        id="wrong-hash",
        stage="digest",
        text="wrong hash: the client used {}; signature 1.0 is HMAC-SHA1, V3 HMAC-SHA256 over a"
        " SHA-256.",
        deviate=_hash_deviations,
        of_key=True,
    ),
    Mistake(
        id="not-hmac",
        stage="digest",
        text="no HMAC: the client took a plain {}; use HMAC.",
        deviate=_bare_hash,
        of_key=True,
    ),
    Mistake(
        id="key-and-text-swapped",
        stage="digest",
        text="key and text swapped: the client gave HMAC the string to sign as key; the key comes"
        " from the AccessKeySecret.",
        deviate=_swapped,
        of_key=True,
    ),
    Mistake(
        id="digested-twice",
        stage="digest",
        text="digested twice: the client {}; take the HMAC of the string to sign itself, once.",
        deviate=_digested_twice,
        of_key=True,
    ),
)  # fmt: skip
