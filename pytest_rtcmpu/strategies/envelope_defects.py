"""One catalogue of what is wrong around the parameters: a rule's fixed examples and its strategy.

A defect is JSON data (``{"omit": ["Version"]}``, ``{"timestamp": "+960"}``), so that a saved case
can hold it; :func:`changed` says what it does to an envelope.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from hypothesis import strategies as st

from pytest_rtcmpu import wire
from pytest_rtcmpu.contract import Clause, Contract, SignatureKind
from pytest_rtcmpu.values.credentials import Secret

if TYPE_CHECKING:
    from pytest_rtcmpu.client import Envelope

#: What is changed, by the names of :data:`CHANGES`.
Changes: TypeAlias = Mapping[str, Any]
#: What is wrong, in words, and the changes that make it so.
Defect: TypeAlias = tuple[str, Changes]

# ------------------------------------------------------------------------ what a change is

_TAMPERS: Mapping[str, Callable[[str], str]] = {
    "first": lambda s: ("B" if s[:1] != "B" else "C") + s[1:],
    "letter case": str.swapcase,
    "reversed": lambda s: s[::-1],
    "short": lambda s: s[:-4],
    "half": lambda s: s[: len(s) // 2],
    "zeros": lambda s: "0" * len(s),
}


def _with_timestamp(envelope: Envelope, value: str, contract: Contract) -> Envelope:
    """An offset in seconds (``+960``), another form (``%Y-%m-%d``, ``{epoch}``), or a text."""
    moment = wire.parse_timestamp(envelope.timestamp, contract) or datetime.now(UTC)
    if re.fullmatch(r"[+-][0-9]+", value):
        moment += timedelta(seconds=int(value))
        return replace(envelope, timestamp=wire.format_timestamp(moment, contract))
    text = moment.strftime(value) if "%" in value else value
    return replace(envelope, timestamp=text.replace("{epoch}", str(int(moment.timestamp()))))


def _with_key(envelope: Envelope, **values: Any) -> Envelope:
    return replace(envelope, credentials=replace(envelope.credentials, **values))


_Change: TypeAlias = Callable[["Envelope", Any, Contract], "Envelope"]

#: What may be changed in an envelope, by name.
CHANGES: Mapping[str, _Change] = {
    "omit": lambda e, names, _: replace(e, omit=e.omit | frozenset(names)),
    "method": lambda e, text, _: replace(e, method=text, in_query=True),
    "action": lambda e, text, _: replace(e, action=text),
    "version": lambda e, text, _: replace(e, version=text),
    "reply_format": lambda e, text, _: replace(e, reply_format=text),
    "access_key_id": lambda e, text, _: _with_key(e, access_key_id=text),
    "secret": lambda e, text, _: _with_key(e, access_key_secret=Secret(text)),
    "security_token": lambda e, text, _: _with_key(e, security_token=Secret(text)),
    "signature_method": lambda e, text, _: replace(e, signature_method=text),
    "signature_version": lambda e, text, _: replace(e, signature_version=text),
    "timestamp": _with_timestamp,
    "nonce": lambda e, text, _: replace(e, nonce=text),
    "tamper": lambda e, name, _: replace(e, tamper=_TAMPERS[name]),
    "unsigned": lambda e, names, _: replace(e, unsigned=frozenset(names)),
    "claimed_body": lambda e, text, _: replace(e, claimed_body=text.encode()),
}


def changed(envelope: Envelope, changes: Changes, contract: Contract) -> Envelope:
    """Return the envelope with these changes; KeyError for one of another name."""
    for name, value in changes.items():
        envelope = CHANGES[name](envelope, value, contract)
    return envelope


# ---------------------------------------------------------------------------- the catalogue

Examples: TypeAlias = Iterator[Defect]

#: Where the envelope holds a common parameter that may come with another value.
_CHANGE_OF = {
    "Version": "version",
    "Action": "action",
    "SignatureMethod": "signature_method",
    "Timestamp": "timestamp",
    "SignatureVersion": "signature_version",
    "SignatureNonce": "nonce",
}


def _absent(contract: Contract, name: str) -> Examples:
    yield f"no {name}", {"omit": [name]}


def _absent_or_empty(contract: Contract, name: str) -> st.SearchStrategy[Defect]:
    rows = list(_absent(contract, name))
    if name in _CHANGE_OF:
        rows.append((f"an empty {name}", {_CHANGE_OF[name]: ""}))
    return st.sampled_from(rows)


#: Values that a careless comparison lets pass, beside those made of the documented one.
_PLAUSIBLE = {
    "Version": ("2017-01-11", "2018-01-12"),
    "SignatureMethod": ("HMAC-MD5", "HMAC-SHA256"),
    "SignatureVersion": ("2.0", "1"),
}


def _other_values(contract: Contract, name: str) -> Examples:
    """Values near the documented one, in no letter case the same."""
    value = next(p.value or "" for p in contract.common_parameters if p.name == name)
    derived = (value[:-1], f"{value}1", f"x{value}", "x")
    for other in dict.fromkeys((*_PLAUSIBLE.get(name, ()), *derived)):
        if other != value:
            yield f"{name}={other}", {_CHANGE_OF[name]: other}


def _other_actions(contract: Contract, name: str) -> Examples:
    """The Action in another letter case ("case matters"), or misspelt."""
    action = contract.action
    spelt = (action.lower(), action.upper(), action.swapcase(), action[:-1], f"{action}s")
    for other in (*spelt, "x", "DescribeNothing"):
        if other not in contract.operations:
            yield f"Action={other}", {"action": other}


def _other_formats(contract: Contract, name: str) -> Examples:
    for text in ("YAML", "TEXT", "JSONP", "JSON5", "HTML", "x"):
        if text not in contract.service.formats:
            yield f"Format={text}", {"reply_format": text}


def _other_methods(contract: Contract, name: str) -> Examples:
    # HEAD is left out: its reply has no body, and so no Code.
    for method in ("PUT", "DELETE", "PATCH"):
        if method not in contract.service.methods:
            yield f"method {method}", {"method": method}


#: Other forms of a moment, made from the documented one.
_FORMS_OF_TIME: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("no Z", lambda form: form.removesuffix("Z")),
    ("an offset for Z", lambda form: form.removesuffix("Z") + "+08:00"),
    ("a zero offset for Z", lambda form: form.removesuffix("Z") + "+00:00"),
    ("a fraction", lambda form: form.replace("%S", "%S.000")),
    ("a space for T", lambda form: form.replace("T", " ")),
    ("a space for T and no Z", lambda form: form.replace("T", " ").removesuffix("Z")),
    ("slashes", lambda form: form.replace("-", "/")),
    ("no punctuation", lambda form: form.replace("-", "").replace(":", "")),
    ("no seconds", lambda form: form.replace(":%S", "")),
    ("no time", lambda form: form.partition("T")[0]),
    ("the form of an HTTP header", lambda form: "%a, %d %b %Y %H:%M:%S GMT"),
    ("an epoch", lambda form: "{epoch}"),
    ("an epoch in milliseconds", lambda form: "{epoch}000"),
    ("a month that does not exist", lambda form: form.replace("%m", "13")),
    ("a word", lambda form: "now"),
)


def _malformed_times(contract: Contract, name: str) -> Examples:
    for what, make in _FORMS_OF_TIME:
        yield f"Timestamp with {what}", {"timestamp": make(contract.service.timestamp_format)}


#: So far beyond the window that neither a slow machine nor a rounded second matters.
_CLEAR_MARGIN = 60
_HOUR = 3600


def _at(offset: int) -> Defect:
    return f"Timestamp {offset:+d} s from the clock", {"timestamp": f"{offset:+d}"}


def _expired_times(contract: Contract, name: str) -> Examples:
    least = contract.service.timestamp_window_seconds + _CLEAR_MARGIN
    # Eight hours: China's local time, sent as though it were UTC.
    for away in (least, max(least, 8 * _HOUR), max(least, 24 * _HOUR)):
        yield _at(-away)
        yield _at(away)
    long_ago = datetime(2016, 2, 23, 12, 46, 24, tzinfo=UTC)  # the documentation's own example
    yield "Timestamp of years ago", {"timestamp": wire.format_timestamp(long_ago, contract)}


def _any_expired_time(contract: Contract, name: str) -> st.SearchStrategy[Defect]:
    least = contract.service.timestamp_window_seconds + _CLEAR_MARGIN
    away = st.one_of(
        st.sampled_from([least, max(least, 8 * _HOUR)]), st.integers(least, least + 1000 * _HOUR)
    )
    return st.tuples(st.sampled_from((-1, 1)), away).map(lambda pair: _at(pair[0] * pair[1]))


def _unknown_keys(contract: Contract, name: str) -> Examples:
    yield "an AccessKeyId that does not exist", {"access_key_id": "LTAInobodyKnowsThisKey"}


def _wrong_signatures(contract: Contract, name: str) -> Examples:
    yield "a signature with another first character", {"tamper": "first"}
    yield "a signature in other letter case", {"tamper": "letter case"}
    yield "a signature backwards", {"tamper": "reversed"}
    yield "a signature without its end", {"tamper": "short"}
    yield "half a signature", {"tamper": "half"}
    yield "a signature of zeros", {"tamper": "zeros"}
    yield "a signature made with another secret", {"secret": "not-the-secret-of-this-key"}


def _repeated_nonces(contract: Contract, name: str) -> Examples:
    # Nothing is wrong with the envelope by itself: whoever sends it sends its nonce again.
    yield "a SignatureNonce sent before", {}


@dataclass(frozen=True, kw_only=True)
class WrongEnvelope:
    """What breaks a rule of the envelope.

    Attributes:
        examples: fixed defects.
        strategy: more of them; by default one of the examples.
        signatures: for which it means something. Under V3 only what has a documented Code: none is
            for an absent header (S4) or another algorithm.
    """

    examples: Callable[[Contract, str], Examples]
    strategy: Callable[[Contract, str], st.SearchStrategy[Defect]] | None = None
    signatures: tuple[SignatureKind, ...] = ("1.0", "v3")

    def defects(self, contract: Contract, name: str) -> st.SearchStrategy[Defect]:
        """Return the strategy of the defects."""
        if self.strategy is not None:
            return self.strategy(contract, name)
        return st.sampled_from(list(self.examples(contract, name)))


#: By parameter and rule; ``None`` as a parameter stands for every one without a row of its own.
WRONG_ENVELOPES: Mapping[tuple[str | None, str], WrongEnvelope] = {
    (None, "method"): WrongEnvelope(examples=_other_methods),
    ("Format", "enum"): WrongEnvelope(examples=_other_formats),
    (None, "required"): WrongEnvelope(
        examples=_absent, strategy=_absent_or_empty, signatures=("1.0",)
    ),
    ("Version", "enum"): WrongEnvelope(examples=_other_values),
    ("Action", "enum"): WrongEnvelope(examples=_other_actions),
    ("SignatureMethod", "enum"): WrongEnvelope(examples=_other_values, signatures=("1.0",)),
    ("SignatureVersion", "enum"): WrongEnvelope(examples=_other_values, signatures=("1.0",)),
    ("Timestamp", "format"): WrongEnvelope(examples=_malformed_times),
    ("Timestamp", "window"): WrongEnvelope(examples=_expired_times, strategy=_any_expired_time),
    ("AccessKeyId", "known"): WrongEnvelope(examples=_unknown_keys),
    ("Signature", "verifies"): WrongEnvelope(examples=_wrong_signatures),
    ("SignatureNonce", "unique"): WrongEnvelope(examples=_repeated_nonces),
}


def wrong_envelopes(contract: Contract) -> Iterator[tuple[Clause, WrongEnvelope]]:
    """Yield each clause about the envelope that a request can break, with what breaks it."""
    common = {p.name for p in contract.common_parameters} | {None}
    for clause in contract.clauses:
        if clause.parameter in common and clause.rule is not None:
            row = WRONG_ENVELOPES.get((clause.parameter, clause.rule))
            row = row or WRONG_ENVELOPES.get((None, clause.rule))
            if row is not None:
                yield clause, row
