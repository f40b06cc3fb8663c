"""V3's own mistakes: header lines, the list of their names, hashes, the canonical request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from urllib.parse import quote, unquote

from pytest_rtcmpu.contract import load
from pytest_rtcmpu.signatures.autopsy.plan import (
    Evidence,
    Mistake,
    Signing,
    Variant,
    each,
    hash_line,
    header_block,
    put,
    same,
    sha256,
    show,
)
from pytest_rtcmpu.signatures.autopsy.values import other_values
from pytest_rtcmpu.signatures.verify import Pair

_SCHEME = "ACS3-HMAC-SHA256"


def _names_of(lines: Iterable[Pair]) -> str:
    return ";".join(name for name, _ in lines)


def _lines(case: Evidence, order: Iterable[str], **how: bool) -> tuple[Pair, ...]:
    lines = case.signed_lines(**how)
    return tuple(lines[name] for name in order)


def _unsorted_headers(case: Evidence, plan: Signing) -> Iterator[Variant]:
    if case.authorization:
        listed = case.authorization.signed_headers
        sent = dict.fromkeys(name.lower() for name, _ in case.request.headers)
        as_sent = [name for name in sent if name in listed]
        for order in (dict.fromkeys(listed), as_sent):
            lines = _lines(case, order)
            names = ";".join(listed)
            yield plan.but(headers=lines, names=names), ""
            yield plan.but(headers=lines, names=_names_of(lines)), ""
            yield plan.but(headers=lines), ""
            yield plan.but(names=names), ""


def _names_as_sent(case: Evidence, plan: Signing) -> Iterator[Variant]:
    names = sorted(case.signed_lines())
    lines = _lines(case, names, lower=False)
    # Whoever writes names in capitals may have them so in the code and not on the wire.
    titled = tuple((name.title(), value) for name, value in plan.headers or ())
    for written in (lines, titled):
        for block in (written, tuple(sorted(written))):
            yield plan.but(headers=block, names=_names_of(block)), ""
            yield plan.but(headers=block), ""
            yield plan.but(names=_names_of(block)), ""


def _untrimmed(case: Evidence, plan: Signing) -> Iterator[Variant]:
    names = sorted(case.signed_lines())
    yield plan.but(headers=_lines(case, names, trim=False)), ""
    for before, after in ((" ", ""), ("", " "), (" ", " "), ("", "\r")):
        lines = tuple((n, f"{before}{v}{after}") for n, v in plan.headers or ())
        yield plan.but(headers=lines), ""


def _header_left_out(case: Evidence, plan: Signing) -> Iterator[Variant]:
    lines = plan.headers or ()
    for name, _ in lines:
        kept = tuple(line for line in lines if line[0] != name)
        yield plan.but(headers=kept), f"{name}, but the client did not sign its line"
        yield (
            plan.but(headers=kept, names=_names_of(kept)),
            f"{name}, but the client did not sign it",
        )
        yield (
            plan.but(names=_names_of(kept)),
            f"{name}, but the client left it out of the names that it signed",
        )


def _header_added(case: Evidence, plan: Signing) -> Iterator[Variant]:
    lines = plan.headers or ()
    present = {name for name, _ in lines}
    sent = {name.lower(): value.strip() for name, value in case.request.headers}
    guesses = [(name, value) for name, value in sent.items() if name != "authorization"]
    absent = {"content-type": ("", "application/json", "application/x-www-form-urlencoded",
                               "application/json; charset=utf-8", "application/octet-stream"),
              "accept": ("application/json", "*/*", ""),
              "content-length": (str(len(case.request.body)), "0"), "content-md5": ("",),
              "x-acs-security-token": ("", "null", "None"), "x-acs-signature-method": (_SCHEME,),
              "x-acs-signature-type": ("",), "x-acs-region-id": ("", "cn-hangzhou")}  # fmt: skip
    guesses += [(n, v) for n, values in absent.items() if n not in sent for v in values]
    for name, value in guesses:
        if name not in present:
            more = tuple(sorted((*lines, (name, value))))
            detail = f"{name} as {show(name, value)}"
            yield plan.but(headers=more, names=_names_of(more)), detail
            yield plan.but(headers=more), detail


def _other_header_values(case: Evidence, name: str, value: str) -> Iterator[str]:
    yield from case.candidates.get(name, ())
    if name == "host":
        host = re.sub(":[0-9]+$", "", value)
        service = load().service.host
        product, _, rest = service.partition(".")
        yield from (host, f"{host}:80", f"{host}:443", f"https://{host}", f"http://{host}")
        yield from (service, f"{service}:443", f"{service}:80", "localhost", "127.0.0.1", "")
        for region in ("cn-hangzhou", "cn-shanghai", "cn-beijing", "cn-shenzhen"):
            yield from (f"{product}.{region}.{rest}", f"{product}-{region}.{rest}")
    yield from other_values(value)
    yield " ".join(value.split())
    yield re.sub(r"\s*,\s*", ",", value)
    yield re.sub(r"\s*,\s*", ", ", value)
    yield re.sub(r"\s*;\s*", ";", value)
    yield re.sub(r"\s*;\s*", "; ", value)
    if name == "content-type":
        kind = value.partition(";")[0].strip()
        yield kind
        for charset in ("utf-8", "UTF-8", "utf8"):
            yield from (f"{kind};charset={charset}", f"{kind}; charset={charset}")
        yield from ("application/json", "application/x-www-form-urlencoded", "text/plain",
                    "application/octet-stream", "application/json; charset=utf-8",
                    "application/json;charset=utf-8")  # fmt: skip


def _changed_headers(case: Evidence, plan: Signing) -> Iterator[Variant]:
    lines = plan.headers or ()
    for at, (name, value) in enumerate(lines):
        for other in dict.fromkeys(_other_header_values(case, name, value)):
            if other != value:
                changed = (*lines[:at], (name, other), *lines[at + 1 :])
                was, came = show(name, other), show(name, value)
                detail = f"{name} was {was} when it was signed and arrived as {came}"
                yield plan.but(headers=changed), detail


def _repeated_headers(case: Evidence, plan: Signing) -> Iterator[Variant]:
    """A header sent twice, of which one value was signed, or both in another order or form."""
    lines = plan.headers or ()
    for at, (name, _) in enumerate(lines):
        values = [v.strip() for n, v in case.request.headers if n.lower() == name]
        if len(values) > 1:
            for other in (values[0], values[-1], ",".join(values), ", ".join(values)):
                yield (
                    plan.but(headers=(*lines[:at], (name, other), *lines[at + 1 :])),
                    f"{name} came {len(values)} times and was signed as {show(name, other)}",
                )


def _all_header_values(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for called, change in (("in small letters", str.lower), ("percent-encoded", _quoted),
                           ("decoded", unquote), ("without any space", _spaceless)):  # fmt: skip
        changed = tuple((name, change(value)) for name, value in plan.headers or ())
        yield plan.but(headers=changed), f"all values were signed {called}"


def _quoted(text: str) -> str:
    return quote(text, safe="~")


def _spaceless(text: str) -> str:
    return "".join(text.split())


def _block(separator: str, end: str, lines: tuple[Pair, ...]) -> str:
    return "".join([f"{name}{separator}{value}{end}" for name, value in lines])


def _block_between(lines: tuple[Pair, ...]) -> str:
    return header_block(lines)[:-1]


def _block_and_newline(lines: tuple[Pair, ...]) -> str:
    return header_block(lines) + "\n"


def _ended(tail: str, text: str) -> str:
    return text + tail


def _line_ended(tail: bytes, canonical: bytes) -> bytes:
    return hash_line(canonical) + tail


# --- hashes ----------------------------------------------------------------------------------


def _line(scheme: str, upper: bool, gap: str, canonical: bytes) -> bytes:
    hashed = sha256(canonical)
    return f"{scheme}{gap}{hashed.upper() if upper else hashed}".encode()


def _full(canonical: bytes) -> bytes:
    return f"{_SCHEME}\n".encode() + canonical


def _no_first_line(canonical: bytes) -> bytes:
    return sha256(canonical).encode()


def _raw_hash(canonical: bytes) -> bytes:
    return f"{_SCHEME}\n".encode() + bytes.fromhex(sha256(canonical))


def _other_bodies(case: Evidence, plan: Signing) -> Iterator[Variant]:
    body = case.request.body
    text = body.decode("utf-8", "replace")
    others = {body.strip(), body + b"\n", text.encode("utf-16-le"), body.replace(b"\n", b"\r\n"),
              b"{}", b"null", b"None", b"undefined", b'""', b" ", b"\n", quote(text).encode(),
              unquote(text).encode(), case.request.query.encode()}  # fmt: skip
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        read = None
    if read is not None:
        for separators in ((",", ":"), (", ", ": ")):
            for ascii in (True, False):
                for sort in (True, False):
                    written = json.dumps(read, separators=separators, ensure_ascii=ascii,
                                         sort_keys=sort)  # fmt: skip
                    others.add(written.encode("utf-8", "replace"))
    if case.form:
        pairs = [f"{quote(n, safe='~')}={quote(v, safe='~')}" for n, v in sorted(case.form)]
        others.add("&".join(pairs).encode())
        others.add(json.dumps(dict(case.form), separators=(",", ":")).encode())
        others.add(json.dumps(dict(case.form)).encode())
    for other in sorted(others - {body, b""}):
        yield plan.but(payload=sha256(other)), ""


def _sent_hash(case: Evidence, plan: Signing) -> Iterator[Variant]:
    sent = case.request.header("x-acs-content-sha256")
    # The same in other letters is that, and no other body's.
    if sent is not None and sent.strip().lower() != plan.payload:
        yield plan.but(payload=sent.strip()), ""


def _upper_hashes(case: Evidence, plan: Signing) -> Iterator[Variant]:
    upper = plan.payload.upper()
    line = partial(_line, _SCHEME, True, "\n")
    lines = tuple(
        (n, v.upper() if n == "x-acs-content-sha256" else v) for n, v in plan.headers or ()
    )
    body, request = "the body's hash", "the canonical request's hash"
    yield plan.but(payload=upper), body
    yield plan.but(payload=upper, headers=lines), body
    yield plan.but(headers=lines), f"{body} in its header"
    yield plan.but(hashed=line), request
    yield plan.but(payload=upper, hashed=line), "both hashes"
    yield plan.but(payload=upper, headers=lines, hashed=line), "both hashes"


HEADERS: tuple[Mistake, ...] = tuple(
    replace(mistake, kinds=("v3",))
    for mistake in (
        Mistake(
            id="signed-headers-unsorted",
            stage="string to sign",
            text="signed headers unsorted: sort the header names, in the canonical request and in"
            " SignedHeaders.",
            deviate=_unsorted_headers,
        ),
        Mistake(
            id="header-names-not-lower-case",
            stage="string to sign",
            text="header names not in lower case: write them in lower case in the canonical"
            " request, whatever their case on the wire.",
            deviate=_names_as_sent,
        ),
        Mistake(
            id="header-values-not-trimmed",
            stage="string to sign",
            text="header values not trimmed: write each header as name:value, without space around"
            " the value.",
            deviate=_untrimmed,
        ),
        Mistake(
            id="header-left-out",
            stage="string to sign",
            text="header left out: SignedHeaders names {}; sign every header named there.",
            deviate=_header_left_out,
        ),
        Mistake(
            id="header-added",
            stage="string to sign",
            text="header added: the client signed a line for {}, which SignedHeaders does not name;"
            " sign the headers named there, and send every header that is signed.",
            deviate=_header_added,
            rare=True,
        ),
        Mistake(
            id="header-changed",
            stage="received pairs",
            text="header changed after signing: {}; sign last, and send what was signed.",
            deviate=each(_repeated_headers, _changed_headers, _all_header_values),
            rare=True,
        ),
        Mistake(
            id="trailing-newline-missing",
            stage="string to sign",
            text="newline missing: every header line ends with a newline and one more follows, so"
            " that a blank line stands before the header names.",
            deviate=put(block=_block_between),
        ),
        Mistake(
            id="trailing-newline-added",
            stage="string to sign",
            text="newline added: nothing follows the last character of what is signed, and one"
            " blank line stands before the header names.",
            deviate=each(
                put(finish=partial(_ended, "\n")),
                put(hashed=partial(_line_ended, b"\n")),
                put(block=_block_and_newline),
            ),
        ),
        Mistake(
            id="carriage-returns",
            stage="string to sign",
            text="carriage returns: the client ended lines with a carriage return and a newline"
            " ({}); end them with a newline alone.",
            deviate=each(
                put("in the canonical request", newline="\r\n"),
                put("in the header lines", block=partial(_block, ":", "\r\n")),
                put("in the string to sign", hashed=partial(_line, _SCHEME, False, "\r\n")),
                put(
                    "throughout",
                    newline="\r\n",
                    hashed=partial(_line, _SCHEME, False, "\r\n"),
                ),
            ),
        ),
        Mistake(
            id="header-lines-otherwise",
            stage="string to sign",
            text="header lines written otherwise: the client signed {}; each is name:value and a"
            " newline, and the names follow, joined by semicolons.",
            deviate=each(
                put("name: value", block=partial(_block, ": ", "\n")),
                put("name=value", block=partial(_block, "=", "\n")),
                put("lines joined with &", block=partial(_block, ":", "&")),
                put("lines with nothing between them", block=partial(_block, ":", "")),
                lambda case, plan: [
                    (plan.but(names=plan.names.replace(";", mark)), f"{mark!r} between names")
                    for mark in (",", "; ", ", ", "\n", "&", " ", "")
                ],
                lambda case, plan: [
                    (plan.but(names=""), "no names"),
                    (plan.but(names=f"{plan.names};"), "a semicolon after the names"),
                ],
            ),
        ),
        Mistake(
            id="empty-body-hash",
            stage="string to sign",
            text="hash of the empty body: the client signed the SHA-256 of an empty body, but the"
            " request has one; hash the very bytes that are sent.",
            deviate=lambda case, plan: [(plan.but(payload=sha256(b"")), "")],
        ),
        Mistake(
            id="body-hash",
            stage="string to sign",
            text="body hash: x-acs-content-sha256, which the client signed, is not the hash of the"
            " body that arrived; hash the very bytes that are sent.",
            deviate=_sent_hash,
        ),
        Mistake(
            id="hash-upper-case",
            stage="string to sign",
            text="hash in capitals: the client signed {} in capitals; write hashes in lower-case"
            " hex.",
            deviate=_upper_hashes,
        ),
        Mistake(
            id="body-hash-missing",
            stage="string to sign",
            text="body hash missing: the canonical request ends with the hex SHA-256 of the body,"
            " for an empty body, too.",
            deviate=each(
                put(payload=""),
                put(payload="UNSIGNED-PAYLOAD"),
                lambda case, plan: [
                    (plan.but(payload=case.request.body.decode("latin-1")), "")
                ],
            ),
        ),
        Mistake(
            id="other-body-hash",
            stage="string to sign",
            text="hash of another body: the client signed the SHA-256 of the body in another form"
            " than it was sent in; hash the very bytes that are sent.",
            deviate=_other_bodies,
            pairs_up=False,
        ),
        Mistake(
            id="canonical-not-hashed",
            stage="string to sign",
            text="canonical request not hashed: {}; the string to sign is ACS3-HMAC-SHA256, a"
            " newline and the hex SHA-256 of the canonical request.",
            deviate=each(
                put("the client signed it in full", hashed=same),
                put("the client signed it in full", hashed=_full),
                put("the client left out the first line", hashed=_no_first_line),
                put("the client signed the bytes of the hash, not its hex", hashed=_raw_hash),
            ),
        ),
        Mistake(
            id="algorithm-line",
            stage="string to sign",
            text="first line of the string to sign: the client wrote {}; it is ACS3-HMAC-SHA256 and"
            " a newline.",
            deviate=lambda case, plan: [
                (plan.but(hashed=partial(_line, scheme, False, gap)), repr(scheme + gap))
                for scheme, gap in (
                    (_SCHEME, ""), (_SCHEME, " "), (_SCHEME, "&"), (_SCHEME, "\n\n"),
                    (_SCHEME.lower(), "\n"), ("ACS3-HMAC-SM3", "\n"), ("ACS4-HMAC-SHA256", "\n"),
                    ("HMAC-SHA256", "\n"), ("AWS4-HMAC-SHA256", "\n"), ("TC3-HMAC-SHA256", "\n"),
                )
            ],
        ),
    )
)  # fmt: skip
