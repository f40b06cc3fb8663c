"""Mistakes in putting the string to sign together: method, path, separators, newlines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from pytest_rtcmpu.signatures.autopsy.encoders import RIGHT
from pytest_rtcmpu.signatures.autopsy.plan import (
    Evidence,
    Mistake,
    Signing,
    Variant,
    each,
    joined,
    put,
)
from pytest_rtcmpu.signatures.verify import Pair


def _other_methods(case: Evidence, plan: Signing) -> Iterator[Variant]:
    sent = plan.method
    spelt = (sent.lower(), sent.capitalize(), f"{sent} ", "")
    for method in dict.fromkeys((*spelt, "GET", "POST", "get", "post", "Get", "Post", "PUT",
                                 "HEAD", "DELETE")):  # fmt: skip
        if method != sent:
            shown = method or "none"
            yield plan.but(method=method), f"{shown!s} instead of {case.request.method}"


def _bare_if_empty(pair: Pair) -> str:
    return joined(pair) if pair[1] else pair[0]


def _name_and_value(separator: str, pair: Pair) -> str:
    return f"{pair[0]}{separator}{pair[1]}"


#: Each made once: what is joined is remembered by it.
_COLON, _NOTHING = partial(_name_and_value, ":"), partial(_name_and_value, "")


def _quote(pair: Pair) -> str:
    return f'{pair[0]}="{pair[1]}"'


def _paths(case: Evidence, plan: Signing) -> Iterator[Variant]:
    request = case.request
    host = request.header("host") or ""
    path = request.path or "/"
    wanted = ["%252F", "%2F", "//", "%2F%2F", request.target]
    if host:
        for scheme in ("https://", "http://", ""):
            wanted += [f"{scheme}{host}{path}", f"{scheme}{host}"]
    wanted += [RIGHT(text) for text in (path, *wanted[4:])]
    for text in dict.fromkeys(wanted):
        if text not in (plan.path, "/"):
            yield plan.but(path=text), text[:80]


def _frame(separator: str, method: str, path: str, query: str) -> str:
    return separator.join((method, path, query))


def _path_left_out(method: str, path: str, query: str) -> str:
    return f"{method}&{query}"


def _method_left_out(method: str, path: str, query: str) -> str:
    return f"{path}&{query}"


def _query_alone(method: str, path: str, query: str) -> str:
    return query


def _encoded_whole(method: str, path: str, query: str) -> str:
    return RIGHT(f"{method}&{path}&{query}")


def _encoded_from_the_path(method: str, path: str, query: str) -> str:
    # percentEncode("/&" + query), the query itself encoded once only
    return f"{method}&%2F%26{query}"


#: What stands at an end of a text without being seen, and how it is called.
INVISIBLE = {
    "\n": "a newline",
    "\r\n": "a carriage return and a newline",
    "\r": "a carriage return",
    " ": "a space",
    "\t": "a tab",
    "\ufeff": "a byte order mark",
    "\x00": "a zero byte",
}


def _around(case: Evidence, plan: Signing) -> Iterator[Variant]:
    if case.kind == "v3":
        return
    for text, called in INVISIBLE.items():
        yield plan.but(finish=partial(_put_around, "", text)), f"{called} after it"
        yield plan.but(finish=partial(_put_around, text, "")), f"{called} before it"
    yield plan.but(finish=partial(_put_around, "", "&")), 'an "&" after it'


def _put_around(before: str, after: str, text: str) -> str:
    return f"{before}{text}{after}"


def _in_charset(name: str, text: str) -> bytes:
    return text.encode(name, "replace")


def _as(name: str) -> Callable[[str], bytes]:
    return partial(_in_charset, name)


TEXTS: tuple[Mistake, ...] = (
    Mistake(
        id="wrong-method",
        stage="string to sign",
        text="wrong method: the client signed {}; sign the method the request is sent with, in"
        " capitals.",
        deviate=_other_methods,
    ),
    Mistake(
        id="path-raw",
        stage="string to sign",
        text='path not encoded: the client wrote the path as "/"; in the string to sign it is %2F.',
        deviate=put(path="/"),
        kinds=("1.0",),
    ),
    Mistake(
        id="path-left-out",
        stage="string to sign",
        text="path left out: the client signed no path; it is %2F in signature 1.0, / in V3.",
        deviate=each(
            put(path=""),
            lambda case, plan: [(plan.but(frame=_path_left_out), "")] if case.kind == "1.0" else [],
        ),
    ),
    Mistake(
        id="path-encoded",
        stage="string to sign",
        text="another path: the client wrote the path as {}; it is %2F in signature 1.0, / in V3.",
        deviate=_paths,
        rare=True,
    ),
    Mistake(
        id="frame",
        stage="string to sign",
        rare=True,
        text="parts joined otherwise: the client signed {}; the string to sign is the method, &,"
        " %2F, &, and the joined query, percent-encoded.",
        deviate=each(
            put("the query alone, without method and path", frame=_query_alone),
            put("no method", frame=_method_left_out),
            put("parts with a newline between them", frame=partial(_frame, "\n")),
            put("parts with nothing between them", frame=partial(_frame, "")),
            put("the whole string encoded once more", frame=_encoded_whole),
            put('the path and the "&" after it encoded together', frame=_encoded_from_the_path),
        ),
        kinds=("1.0",),
    ),
    Mistake(
        id="leading-question-mark",
        stage="string to sign",
        text='leading "?": the client signed the query with its question mark; leave it out.',
        deviate=each(put(before="?"), put(before="/?")),
    ),
    Mistake(
        id="stray-ampersand",
        stage="string to sign",
        text='stray "&": the client left an "&" before the first or after the last parameter; put'
        " it between parameters only.",
        deviate=each(put(before="&"), put(after="&")),
    ),
    Mistake(
        id="empty-without-equals",
        stage="sorted",
        text='empty parameters without "=": the client signed a parameter without a value as its'
        " name alone; sign it as name=.",
        deviate=put(join=_bare_if_empty),
    ),
    Mistake(
        id="pairs-joined-otherwise",
        stage="sorted",
        text="pairs joined otherwise: the client signed {}; sign each parameter as name=value.",
        deviate=each(
            put("names and values with nothing between them", join=_NOTHING),
            put("names and values with a colon between them", join=_COLON),
            put("values in quotes", join=_quote),
        ),
        pairs_up=False,
    ),
    Mistake(
        id="text-around",
        stage="string to sign",
        rare=True,
        text="more than the string to sign: the client signed it with {}; sign the very string,"
        " nothing before or after it.",
        deviate=_around,
        kinds=("1.0",),
    ),
    Mistake(
        id="text-charset",
        stage="string to sign",
        rare=True,
        text="another charset for the string to sign: the client took its bytes in {}; take them"
        " in UTF-8.",
        deviate=each(
            put("UTF-16 (little-endian)", write=_as("utf-16-le")),
            put("UTF-16 (big-endian)", write=_as("utf-16-be")),
            put("UTF-16 (with a byte order mark)", write=_as("utf-16")),
            put("UTF-32 (little-endian)", write=_as("utf-32-le")),
        ),
    ),
    Mistake(
        id="signature-signed",
        stage="received pairs",
        text="Signature signed: the client had a Signature parameter of {} among what it signed;"
        " leave it out.",
        deviate=lambda case, plan: [
            (plan.but(pairs=(*plan.pairs, ("Signature", value))), repr(value))
            for value in ("", "null", "None", "undefined")
        ],
        kinds=("1.0",),
    ),
)
