"""The autopsy, held to real encoders and real slips.

Each signer is a right one with some of its parts replaced. The law: whoever replaces the parts that
the causes name by right ones has a signature that verifies.
"""

import base64
import hashlib
import hmac
import json
from itertools import combinations
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rtcmpu.signatures.autopsy import ENCODING_CAUSES, Memory, autopsy
from pytest_rtcmpu.signatures.autopsy import search as search_module
from pytest_rtcmpu.signatures.verify import verify_1_0
from pytest_rtcmpu.values.messages import Request

SECRET = "testsecret"
COMMON = [
    ("Version", "2018-01-11"),
    ("Action", "StartMPUTask"),
    ("Format", "JSON"),
    ("AccessKeyId", "testid"),
    ("SignatureMethod", "HMAC-SHA1"),
    ("SignatureVersion", "1.0"),
    ("SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"),
    ("Timestamp", "2024-01-01T07:08:09Z"),
]
PLAIN = [*COMMON, ("TaskId", "task-1"), ("StreamURL", "rtmp://push.example.com/live/room"),
         ("LayoutIds.1", "1"), ("LayoutIds.2", "2"), ("UserPanes.0.PaneId", "0")]  # fmt: skip
MARKS = [*COMMON, ("TaskId", "it's (a) task!*"), ("StreamURL", "rtmp://e.com/~me/a b?x=1&y=2+3"),
         ("UserPanes.0.UserId", "测试*")]  # fmt: skip
NUMBERED = [*COMMON, *((f"LayoutIds.{n}", str(n)) for n in range(1, 12)), ("b", ""), ("B", "1")]


def std(text):
    """Encode as is right."""
    return quote(text, safe="~")


def leaving(raw):
    """Return an encoder that leaves these characters raw."""
    return lambda text: quote(text, safe="~" + raw)


def without_tilde(encode):
    """Return an encoder of before RFC 3986."""
    return lambda text: encode(text).replace("~", "%7E")


def lower(encode):
    """Return an encoder with escapes in small letters."""

    def small(text):
        first, *rest = encode(text).split("%")
        return first + "".join(f"%{part[:2].lower()}{part[2:]}" for part in rest)

    return small


def escape_of_javascript(text):
    """Encode as JavaScript's escape() does."""
    return "".join(
        quote(c, safe="@*_+-./").replace("~", "%7E") if c.isascii() else f"%u{ord(c):04X}"
        for c in text
    )


def mark_by_mark(text):
    """Encode as MDN's first fixedEncodeURIComponent did: %2a beside escapes in capitals."""
    return std(text).replace("%2A", "%2a")


def first_only(text):
    """Encode as JavaScript does with replace("*", "%2A"), which replaces one."""
    return quote(text, safe="~*").replace("*", "%2A", 1)


def alphanumerics(text):
    """Encode as Swift does with .alphanumerics: everything else is escaped."""
    return "".join(
        c if c.isascii() and c.isalnum() else "".join(f"%{b:02X}" for b in c.encode()) for c in text
    )


java = without_tilde(lambda text: quote_plus(text, safe="*"))
net = without_tilde(lambda text: quote_plus(text, safe="!*()"))
js = leaving("!'()*")
encode_uri = leaving(";,/?:@&=+$!'()*#")
query_allowed = leaving("!$&'()*+,/:;=?@")


def names_and_values(encode):
    """Encode names and values so, and nothing else."""
    return {"encode": encode}


def throughout(encode):
    """Encode all three so, as the vendor's samples do."""
    return {"encode": encode, "again": encode, "path": encode("/")}


#: What replaces the part of a right signer.
RIGHT = {
    "method": "GET",
    "edit": lambda pairs: pairs,
    "order": sorted,
    "encode": std,
    "query": lambda query: query,
    "again": std,
    "path": "%2F",
    "text": lambda text: text,
    "key": lambda secret: f"{secret}&".encode(),
    "digest": lambda key, text: hmac.digest(key, text, "sha1"),
    "write": lambda digest: base64.b64encode(digest).decode(),
}


def signed(pairs, **parts):
    """Return a request signed by a right signer with some parts replaced."""
    made = RIGHT | parts
    joined = "&".join(
        f"{made['encode'](n)}={made['encode'](v)}" for n, v in made["order"](made["edit"](pairs))
    )
    text = f"{made['method']}&{made['path']}&{made['again'](made['query'](joined))}"
    data = made["text"](text)
    data = data if isinstance(data, bytes) else data.encode()
    signature = made["write"](made["digest"](made["key"](SECRET), data))
    query = urlencode([*pairs, ("Signature", signature)], quote_via=quote)
    return Request(method="GET", target=f"/?{query}"), signature


def verifies(pairs, **parts):
    """Tell whether that request's signature verifies."""
    _, signature = signed(pairs, **parts)
    return verify_1_0(pairs, method="GET", secret=SECRET, signature=signature).ok


def examine(pairs, parts, **more):
    """Return the causes of a signature made so."""
    request, signature = signed(pairs, **parts)
    sent = [*pairs, ("Signature", signature)]
    result = autopsy(request, sent, kind="1.0", access_key_id="testid", secret=SECRET, **more)
    return [cause.id for cause in result.causes], result


#: Which parts of a signer a cause speaks of, by where its mistake stands.
PARTS = {
    "encoded": ("encode", "again", "path", "query"),
    "sorted": ("order", "query"),
    "string to sign": ("method", "path", "text", "query", "again", "encode"),
    "key": ("key",),
    "digest": ("digest",),
    "encoding": ("write",),
    "received pairs": ("edit",),
}


def mended(parts, result):
    """Return the parts that are left when those that the causes name are right."""
    named = {part for cause in result.causes for part in PARTS[cause.stage]}
    return {name: part for name, part in parts.items() if name not in named}


def changing(name, value):
    """Sign another value than is sent."""
    return {"edit": lambda pairs: [(n, value if n == name else v) for n, v in pairs]}


def keyed(text):
    """Use this as the key."""
    return {"key": lambda secret: text.format(secret).encode()}


def listed(pairs):
    """Sign a list as JSON that is sent item by item."""
    kept = [pair for pair in pairs if not pair[0].startswith("LayoutIds.")]
    items = [int(v) for n, v in pairs if n.startswith("LayoutIds.")]
    return [*kept, ("LayoutIds", json.dumps(items, separators=(",", ":")))]


def natural(pair):
    """Order numbers in a name by their size."""
    return [(0, int(x), "") if x.isdigit() else (1, 0, x) for x in pair[0].split(".")]


SIGNERS = [
    # encoders
    ("Java's URLEncoder", MARKS, throughout(java), ["form-encoding"]),
    ("Java, + repaired", MARKS, throughout(lambda t: java(t).replace("+", "%20")),
     ["tilde-encoded", "asterisk-raw"]),
    ("Java, + and * repaired", MARKS,
     throughout(lambda t: java(t).replace("+", "%20").replace("*", "%2A")), ["tilde-encoded"]),
    ("Java, * and ~ repaired", MARKS,
     throughout(lambda t: java(t).replace("*", "%2A").replace("%7E", "~")), ["plus-for-space"]),
    ("Go's QueryEscape", MARKS, throughout(quote_plus), ["plus-for-space"]),
    ("Go's PathEscape", MARKS, throughout(leaving("$&+=:@")), ["reserved-raw"]),
    ("encodeURIComponent", MARKS, throughout(js), ["reserved-raw"]),
    ("encodeURIComponent, ! ' ( ) repaired", MARKS, throughout(leaving("*")), ["asterisk-raw"]),
    ("encodeURI", MARKS, throughout(encode_uri), ["reserved-raw", "path-raw"]),
    ("encodeURI of the whole", MARKS, {"encode": lambda t: t, "again": encode_uri, "path": "/"},
     ["reserved-raw", "not-encoded", "path-raw"]),
    ("escape", MARKS, names_and_values(escape_of_javascript),
     ["tilde-encoded", "reserved-raw", "charset"]),
    ("%2a beside capitals", MARKS, throughout(mark_by_mark), ["lower-case-hex"]),
    ("replace once", [*MARKS, ("x", "**")], names_and_values(first_only), ["asterisk-raw"]),
    ("WebUtility.UrlEncode", MARKS, throughout(net), ["form-encoding"]),
    ("HttpUtility.UrlEncode", MARKS, throughout(lower(net)), ["form-encoding"]),
    ("HttpUtility, nothing but : and /", PLAIN, throughout(lower(net)), ["lower-case-hex"]),
    ("PHP's urlencode", MARKS, throughout(without_tilde(quote_plus)), ["form-encoding"]),
    ("PHP's rawurlencode of old", MARKS, throughout(without_tilde(std)), ["tilde-encoded"]),
    ("Python's quote", MARKS, throughout(quote), ["slash-raw", "path-raw"]),
    ("Python 2's quote", MARKS, throughout(without_tilde(quote)),
     ["tilde-encoded", "slash-raw", "path-raw"]),
    ("quote_plus, safe /", MARKS, throughout(lambda t: quote_plus(t, safe="/")),
     ["plus-for-space", "slash-raw", "path-raw"]),
    ("urlQueryAllowed", MARKS, throughout(query_allowed), ["reserved-raw", "path-raw"]),
    ("alphanumerics", MARKS, throughout(alphanumerics), ["unreserved-encoded"]),
    ("small letters everywhere", PLAIN, throughout(lower(std)), ["lower-case-hex"]),
    ("small letters, / raw", PLAIN, throughout(lower(quote)),
     ["slash-raw", "lower-case-hex", "path-raw"]),
    ("nothing encoded", PLAIN, names_and_values(lambda t: t), ["not-encoded"]),
    ("nothing encoded, marks", MARKS, names_and_values(lambda t: t), ["not-encoded"]),
    ("+ made %2B", MARKS, names_and_values(lambda t: std(t).replace("%20", "%2B")),
     ["space-otherwise"]),
    # order
    ("by number", NUMBERED, {"order": lambda ps: sorted(ps, key=natural)},
     ["sorted-by-number"]),
    ("ignoring case", NUMBERED, {"order": lambda ps: sorted(ps, key=lambda p: p[0].lower())},
     ["sorted-ignoring-case"]),
    ("as strings", NUMBERED, {"order": lambda ps: sorted(ps, key="=".join)},
     ["sorted-before-encoding"]),
    ("descending", NUMBERED, {"order": lambda ps: sorted(ps, reverse=True)}, ["sorted-otherwise"]),
    ("as sent", NUMBERED, {"order": list}, ["not-sorted"]),
    # the string to sign
    ("newline after", PLAIN, {"text": lambda t: f"{t}\n"}, ["text-around"]),
    ("CR and newline after", PLAIN, {"text": lambda t: f"{t}\r\n"}, ["text-around"]),
    ("byte order mark", PLAIN, {"text": lambda t: f"\ufeff{t}"}, ["text-around"]),
    ("UTF-16", PLAIN, {"text": lambda t: t.encode("utf-16-le")}, ["text-charset"]),
    ("Get", PLAIN, {"method": "Get"}, ["wrong-method"]),
    ("small method", PLAIN, {"method": "get"}, ["wrong-method"]),
    ("query alone", PLAIN, {"text": lambda t: t[len("GET&%2F&"):]}, ["frame"]),
    ("name:value", PLAIN, {"query": lambda q: q.replace("=", ":")}, ["pairs-joined-otherwise"]),
    # the key
    ("newline before &", PLAIN, keyed("{}\n&"), ["secret-whitespace"]),
    ("newline after &", PLAIN, keyed("{}&\n"), ["key-whitespace"]),
    ("BOM before", PLAIN, keyed("\ufeff{}&"), ["secret-whitespace"]),
    ("undefined", PLAIN, keyed("undefined&"), ["secret-empty"]),
    ("null", PLAIN, keyed("null&"), ["secret-empty"]),
    ("None", PLAIN, keyed("None&"), ["secret-empty"]),
    ("empty", PLAIN, keyed("&"), ["secret-empty"]),
    ("no &", PLAIN, keyed("{}"), ["key-without-ampersand"]),
    ("two &", PLAIN, keyed("{}&&"), ["key-joined-otherwise"]),
    ("key in UTF-16", PLAIN, {"key": lambda s: f"{s}&".encode("utf-16-le")}, ["key-charset"]),
    # digest and writing
    ("SHA-256", PLAIN, {"digest": lambda k, t: hmac.digest(k, t, "sha256")}, ["wrong-hash"]),
    ("of a hash", PLAIN,
     {"digest": lambda k, t: hmac.digest(k, hashlib.sha1(t).hexdigest().encode(), "sha1")},
     ["digested-twice"]),
    ("capital hex", PLAIN, {"write": lambda d: d.hex().upper()}, ["hex-instead-of-base64"]),
    ("Base64 of hex", PLAIN, {"write": lambda d: base64.b64encode(d.hex().encode()).decode()},
     ["base64-of-hex"]),
    # what was signed
    ("null signed, not sent", PLAIN, {"edit": lambda ps: [*ps, ("SecurityToken", "null")]},
     ["parameter-changed"]),
    ("empty signed, not sent", PLAIN, {"edit": lambda ps: [*ps, ("BackgroundColor", "")]},
     ["parameter-changed"]),
    ("two not signed", PLAIN,
     {"edit": lambda ps: [p for p in ps if p[0] not in ("Format", "TaskId")]},
     ["parameter-not-signed"]),
    ("the last four not signed", PLAIN, {"edit": lambda ps: ps[:-4]}, ["parameter-not-signed"]),
    ("1.0 for 1", PLAIN, changing("LayoutIds.1", "1.0"), ["parameter-changed"]),
    ("local time", PLAIN, changing("Timestamp", "2024-01-01T15:08:09Z"), ["parameter-changed"]),
    ("milliseconds", PLAIN, changing("Timestamp", "2024-01-01T07:08:09.123Z"),
     ["parameter-changed"]),
    ("no zone", PLAIN, changing("Timestamp", "2024-01-01T07:08:09"), ["parameter-changed"]),
    ("a second later", PLAIN, changing("Timestamp", "2024-01-01T07:08:10Z"), ["parameter-changed"]),
    ("TaskID for TaskId", PLAIN,
     {"edit": lambda ps: [("TaskID" if n == "TaskId" else n, v) for n, v in ps]},
     ["parameter-renamed"]),
    ("a list as JSON", PLAIN, {"edit": listed}, ["list-otherwise"]),
    ("& sent raw", [*COMMON, ("StreamURL", "rtmp://h/p?a=1"), ("b", "2"), ("TaskId", "t")],
     {"edit": lambda ps: [*COMMON, ("StreamURL", "rtmp://h/p?a=1&b=2"), ("TaskId", "t")]},
     ["parameter-split"]),
    ("from 0", PLAIN,
     {"edit": lambda ps: [(n.replace("UserPanes.0", "UserPanes.1"), v) for n, v in ps]},
     ["list-otherwise"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("pairs", "parts", "causes"), [pytest.param(*row[1:], id=row[0]) for row in SIGNERS]
)
def test_a_real_signer_is_told_its_mistake(pairs, parts, causes):
    """Each real encoder and slip is told its cause, and mending that makes the signature right."""
    named, result = examine(pairs, parts)
    assert not verifies(pairs, **parts)
    assert sorted(named) == sorted(causes)
    assert verifies(pairs, **mended(parts, result))


@pytest.mark.parametrize("order", ["by number", "ignoring case", "as strings", "descending"])
def test_the_order_used_is_named_where_it_is_that_of_sending(order):
    """A client that sends in the order it signs is told which order, not that it has none."""
    _, pairs, parts, causes = next(row for row in SIGNERS if row[0] == order)
    assert examine(parts["order"](pairs), parts)[0] == causes


#: One of each part, to be put together two at a time.
SLIPS = ["Go's QueryEscape", "as sent", "small method", "no &", "newline after", "null",
         "two not signed", "local time", "SHA-256"]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), [*combinations(SLIPS, 2)])
def test_two_slips_at_once_are_both_told(one, other):
    """Of any two mistakes made at once either both are named, or nothing is called proven."""
    rows = {row[0]: row for row in SIGNERS}
    if set(rows[one][2]) & set(rows[other][2]):
        return  # one part of a signer cannot be wrong in both ways
    # Sent with a space as %20: what is signed as sent would be the one cause of two.
    pairs = MARKS
    parts = rows[one][2] | rows[other][2]
    named, result = examine(pairs, parts)
    if "two not signed" not in (one, other):  # two and one are three
        assert sorted(named) == sorted([*rows[one][3], *rows[other][3]])
    if "unexplained" not in named:
        assert verifies(pairs, **mended(parts, result))


texts = st.text("aZ09 -_.~!*'()/:;,?@&=+$#%测é", max_size=6)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "B", "c.1", "c.10"]), texts), max_size=4,
                unique_by=lambda pair: pair[0]), st.sampled_from(SIGNERS))  # fmt: skip
def test_no_cause_is_named_that_leaves_the_signature_wrong(more, row):
    """Whatever is sent: once what the causes name is mended, the signature verifies."""
    pairs = [*COMMON, *more]
    parts = row[2]
    if verifies(pairs, **parts):
        return
    named, result = examine(pairs, parts)
    if "unexplained" not in named:
        assert verifies(pairs, **mended(parts, result))


def test_nothing_is_named_where_nothing_is_known():
    """An unknown secret, a new nonce, an order of nobody's: nothing is called proven."""
    for parts in (
        keyed("another&"),
        changing("SignatureNonce", "00000000-0000-0000-0000-000000000000"),
        {"order": lambda ps: [ps[at] for at in (3, 1, 4, 0, 5, 9, 2, 6, 8, 7)] + ps[10:]},
    ):
        named, result = examine(PLAIN, parts)
        assert named == ["unexplained"]
        assert "nothing is proven" in result.causes[0].text


# --- the search ------------------------------------------------------------------------------


@pytest.fixture
def searches(monkeypatch):
    """Every search that is made."""
    made = []
    real = search_module._Search

    def kept(*given):
        made.append(real(*given))
        return made[-1]

    monkeypatch.setattr(search_module, "_Search", kept)
    return made


@pytest.mark.parametrize("pairs", [PLAIN, MARKS, NUMBERED])
def test_the_work_of_a_search_is_bounded(pairs, searches):
    """What one mistake explains takes a quarter of the bound, what nothing explains all of it."""
    examine(pairs, throughout(quote))
    assert searches[-1].work < search_module.MAX_WORK / 50 or pairs is NUMBERED
    examine(pairs, changing("Timestamp", "2024-01-01T07:08:10Z"))
    assert searches[-1].work < search_module.MAX_WORK / 4
    examine(pairs, keyed("another&"))
    assert searches[-1].work < search_module.MAX_WORK * 1.01


def test_an_earlier_cause_is_tried_first(searches):
    """Whoever keeps a memory for a run pays for a cause once."""
    memory = Memory()
    parts = throughout(quote_plus) | {"method": "get"}
    assert sorted(examine(MARKS, parts, memory=memory)[0]) == ["plus-for-space", "wrong-method"]
    first = searches[-1].digests
    assert sorted(examine(MARKS, parts, memory=memory)[0]) == ["plus-for-space", "wrong-method"]
    assert searches[-1].digests < first / 3


def test_what_nothing_explains_costs_less_in_time(searches):
    """After a few searches in vain a run makes single mistakes only, and says so."""
    memory = Memory()
    results = [examine(PLAIN, keyed("another&"), memory=memory)[1] for _ in range(4)]
    assert searches[-1].digests < searches[0].digests / 5
    assert "earlier requests" not in results[0].causes[0].text
    assert "earlier requests" in results[-1].causes[0].text


def test_the_causes_of_encoding_are_those_of_the_table():
    """No encoder's cause is missing where a clause on encoding asks for them."""
    encoders = {cause for row in SIGNERS if set(row[2]) <= {"encode", "again", "path"}
                for cause in row[3]}  # fmt: skip
    assert encoders - {"path-raw"} <= ENCODING_CAUSES
    assert {"form-encoding", "not-encoded", "double-encoding"} <= ENCODING_CAUSES
    assert "not-sorted" not in ENCODING_CAUSES
