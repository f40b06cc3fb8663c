"""The autopsy: a client that makes exactly one mistake is told that mistake.

The clients here sign by hand, with code of their own, so that the autopsy's idea of a mistake is
checked against somebody else's.
"""

import base64
import hashlib
import hmac
import unicodedata
from dataclasses import replace
from itertools import count
from pathlib import Path
from urllib.parse import parse_qsl, quote, quote_plus

import pytest

from pytest_rtcmpu.signatures.autopsy import Autopsy, autopsy
from pytest_rtcmpu.signatures.autopsy.mistakes import CAUSES
from pytest_rtcmpu.signatures.verify import verify_1_0, verify_v3
from pytest_rtcmpu.values.credentials import Secret
from pytest_rtcmpu.values.messages import Request

SECRETS = ["testsecret", "s3cr3t/With+Signs==", "密钥 topsecret"]

#: A request in which every mistake makes a difference.
TRICKY = [
    ("Timestamp", "2024-01-01T00:00:00Z"),
    ("Action", "StartMPUTask"),
    ("AccessKeyId", "testid"),
    ("TaskId", "Task 1"),
    ("StreamURL", "rtmp://example.com/live/a b*c~d?auth_key=1-0-0-ff%2Fx"),
    ("UserPanes.0.UserId", "测试 (e\u0301) 😀 it's + you!"),
    ("UserPanes.0.PaneId", "0"),
    ("OwnerId", ""),
    ("MediaEncode", "20"),
    ("action", "x"),
    ("a:", "1"),
    ("a0", "1"),
    *((f"LayoutIds.{n}", str(n)) for n in range(1, 11)),
]
#: Plain, but for what a client may well have in it.
USUAL = [
    ("Version", "2018-01-11"),
    ("Action", "StartMPUTask"),
    ("Timestamp", "2024-01-01T00:00:00Z"),
    ("StreamURL", "rtmp://example.com/~me/*"),
    ("UserPanes.1.UserId", "Jürgen Müller"),
    ("SignatureType", ""),
    *((f"LayoutIds.{n}", str(n)) for n in range(1, 11)),
    ("é:", "1"),
    ("é0", "1"),
    ("b", "1"),
    ("B:", "1"),
    ("B0", "(1)"),
]
REQUESTS = {"tricky": TRICKY, "usual": USUAL}


def std(text):
    """Encode as is right."""
    return quote(text, safe="~")


def same(value):
    """Change nothing."""
    return value


def by_name(pairs, encode):
    """Sort as is right."""
    return sorted(pairs)


def b64(digest):
    """Write a digest in Base64."""
    return base64.b64encode(digest).decode()


def sign_1_0(
    pairs,
    secret,
    *,
    method="GET",
    encode=std,
    again=std,
    order=by_name,
    edit=same,
    path="%2F",
    key="{}&",
    hash_name="sha1",
    write=b64,
    digest=None,
):
    """Sign with signature 1.0, each step open to a mistake."""
    query = "&".join(f"{encode(n)}={encode(v)}" for n, v in order(pairs, encode))
    text = "&".join(filter(None, (method, path, again(edit(query))))).encode()
    keyed = key.format(secret).encode()
    return write(digest(keyed, text) if digest else hmac.digest(keyed, text, hash_name))


def get(pairs, signature, *, encode=quote_plus):
    """Return a GET request as it arrives."""
    sent = [*pairs, ("Signature", signature)]
    query = "&".join(f"{encode(name)}={encode(value)}" for name, value in sent)
    return Request(method="GET", target=f"/?{query}")


def post(query, form):
    """Return a POST request with pairs in its query and in its form."""
    return Request(
        method="POST",
        target="/?" + "&".join(f"{std(n)}={std(v)}" for n, v in query),
        headers=(("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),),
        body="&".join(f"{std(n)}={std(v)}" for n, v in form).encode(),
    )


def pairs_in(request):
    """Decode query and form as an endpoint does."""
    body = request.body.decode("latin-1")
    return [
        pair
        for text in (request.query, body)
        for pair in parse_qsl(text, keep_blank_values=True, errors="replace")
    ]


def examine(request, secret="testsecret", **more):
    """Perform the autopsy of a request with signature 1.0, once it is sure that it fails."""
    pairs = pairs_in(request)
    signature = dict(pairs)["Signature"]
    assert not verify_1_0(pairs, method=request.method, secret=secret, signature=signature).ok
    given = {"kind": "1.0", "access_key_id": "testid", "secret": Secret(secret)} | more
    return autopsy(request, pairs, **given)


def ids(result):
    """Return the ids of the causes."""
    return [cause.id for cause in result.causes]


def js(text):
    """Encode as JavaScript's encodeURIComponent does."""
    return quote(text, safe="~!'()*")


def natural(pairs, encode):
    """Sort the items of lists by their number."""
    return sorted(pairs, key=lambda p: [(len(part), part) if part.isdigit() else (0, part)
                                        for part in p[0].split(".")])  # fmt: skip


def lower_hex(text):
    """Encode with lower-case hex."""
    return "".join(
        part if not i else "%" + part[:2].lower() + part[2:]
        for i, part in enumerate(std(text).split("%"))
    )


def gbk(text):
    """Encode as GBK."""
    return quote(text, safe="~", encoding="gbk", errors="replace")


def latin_1(text):
    """Encode as Latin-1."""
    return quote(text, safe="~", encoding="latin-1", errors="replace")


def joined_after_encoding(pairs, encode):
    """Sort whole encoded texts."""
    return sorted(pairs, key=lambda pair: f"{encode(pair[0])}={encode(pair[1])}")


def urlencoder(text):
    """Encode as Java's URLEncoder does."""
    return quote_plus(text, safe="*").replace("~", "%7E")


NFC = {"encode": lambda text: std(unicodedata.normalize("NFC", text))}
NFD = {"encode": lambda text: std(unicodedata.normalize("NFD", text))}

MISTAKES_1_0 = [
    ("plus-for-space", {"encode": lambda text: quote_plus(text, safe="~")}),
    ("plus-for-space", {"encode": quote_plus, "again": quote_plus}),
    ("tilde-encoded", {"encode": lambda text: std(text).replace("~", "%7E")}),
    ("tilde-encoded", {"again": lambda text: std(text).replace("~", "%7E")}),
    ("asterisk-raw", {"encode": lambda text: quote(text, safe="~*")}),
    ("asterisk-raw", dict.fromkeys(("encode", "again"), lambda text: quote(text, safe="~*"))),
    ("form-encoding", {"encode": urlencoder, "again": urlencoder}),
    ("form-encoding", {"encode": urlencoder}),
    ("slash-raw", {"encode": quote}),
    ("slash-raw", {"encode": quote, "again": quote}),
    ("reserved-raw", {"encode": js, "again": js}),
    ("reserved-raw", {"encode": lambda text: quote(text, safe="~:")}),
    ("reserved-raw", {"encode": lambda text: quote(text, safe="~;,/?:@&=+$#!'()*")}),
    ("lower-case-hex", {"encode": lower_hex}),
    ("lower-case-hex", {"encode": lower_hex, "again": lower_hex}),
    ("double-encoding", {"encode": lambda text: std(std(text))}),
    ("double-encoding", {"again": lambda text: std(std(text))}),
    ("not-encoded", {"encode": same}),
    ("second-encoding-missing", {"again": same}),
    ("charset", {"encode": gbk}),
    ("charset", {"encode": latin_1}),
    ("charset", {"encode": lambda text: std(text.encode().decode("latin-1"))}),
    ("not-sorted", {"order": lambda pairs, encode: pairs}),
    ("sorted-before-encoding", {"order": lambda p, e: sorted(p, key="=".join)}),
    ("sorted-after-encoding", {"order": lambda p, e: sorted(p, key=lambda x: (e(x[0]), e(x[1])))}),
    ("sorted-after-encoding", {"order": joined_after_encoding}),
    ("sorted-ignoring-case", {"order": lambda p, e: sorted(p, key=lambda x: x[0].lower())}),
    ("sorted-by-number", {"order": natural}),
    ("empty-left-out", {"order": lambda p, e: sorted(x for x in p if x[1])}),
    ("empty-without-equals", {"edit": lambda query: query.replace("=&", "&")}),
    ("parameter-not-signed", {"order": lambda p, e: sorted(x for x in p if x[0] != "Action")}),
    ("parameter-not-signed", {"order": lambda p, e: sorted(x for x in p if "Layout" not in x[0])}),
    ("signature-signed", {"order": lambda p, e: sorted([*p, ("Signature", "")])}),
    ("wrong-method", {"method": "POST"}),
    ("wrong-method", {"method": "get"}),
    ("path-raw", {"path": "/"}),
    ("path-encoded", {"path": "%252F"}),
    ("path-left-out", {"path": ""}),
    ("leading-question-mark", {"edit": lambda query: f"?{query}"}),
    ("leading-question-mark", {"edit": lambda query: f"/?{query}"}),
    ("stray-ampersand", {"edit": lambda query: f"&{query}"}),
    ("stray-ampersand", {"edit": lambda query: f"{query}&"}),
    ("key-without-ampersand", {"key": "{}"}),
    ("secret-whitespace", {"key": "{}\n&"}),
    ("secret-whitespace", {"key": " {}&"}),
    ("secret-whitespace", {"key": '"{}"&'}),
    ("access-key-id-as-secret", {"key": "testid&"}),
    ("secret-empty", {"key": "&"}),
    ("wrong-hash", {"hash_name": "sha256"}),
    ("wrong-hash", {"hash_name": "md5"}),
    ("not-hmac", {"digest": lambda key, text: hashlib.sha1(key + text).digest()}),
    ("key-and-text-swapped", {"digest": lambda key, text: hmac.digest(text, key, "sha1")}),
    ("hex-instead-of-base64", {"write": bytes.hex}),
    ("hex-instead-of-base64", {"write": lambda digest: digest.hex().upper()}),
    ("base64-of-hex", {"write": lambda digest: b64(digest.hex().encode())}),
    ("signature-encoded-twice", {"write": lambda digest: quote(b64(digest), safe="")}),
    ("signature-whitespace", {"write": lambda digest: base64.encodebytes(digest).decode()}),
    ("base64-padding", {"write": lambda digest: b64(digest).rstrip("=")}),
    ("signature-bytes-repr", {"write": lambda digest: repr(base64.b64encode(digest))}),
]  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    ("cause", "mistake"),
    [pytest.param(*row, id=f"{row[0]}-{at}") for at, row in enumerate(MISTAKES_1_0)],
)
def test_1_0_one_mistake_is_named(cause, mistake, secret, name):
    """A client that makes one mistake in signature 1.0 is told that mistake and no other."""
    pairs = REQUESTS[name]
    result = examine(get(pairs, sign_1_0(pairs, secret, **mistake)), secret)
    assert ids(result) == [cause]
    assert secret not in repr(result) + result.explain()


def test_1_0_normalised_text_is_named():
    """Text signed in another Unicode form than it is sent in is named with that form."""
    for text, mistake, form in [("e\u0301", NFC, "NFC"), ("é", NFD, "NFD")]:
        pairs = [("UserId", text)]
        result = examine(get(pairs, sign_1_0(pairs, "testsecret", **mistake)))
        assert ids(result) == ["unicode-normalised"]
        assert form in result.causes[0].text


@pytest.mark.parametrize("change", [str.upper, std, lambda text: b64(text.encode())])
def test_respelt_secret_is_named(change):
    """A secret in another spelling is named, by either signature."""
    secret = "s3cr3t/With+Signs=="
    result = examine(get(TRICKY, sign_1_0(TRICKY, change(secret))), secret)
    assert ids(result) == ["secret-respelt"]
    assert ids(examine_v3(signed_v3(TRICKY, change(secret)), secret)) == ["secret-respelt"]


def test_secret_decoded_from_base64_is_named():
    """A secret that was decoded from Base64 before use is named."""
    result = examine(get(TRICKY, sign_1_0(TRICKY, "hello")), b64(b"hello"))
    assert ids(result) == ["secret-respelt"]


def test_1_0_url_safe_base64_is_named():
    """A signature in the URL-safe alphabet is named."""
    for n in count():
        pairs = [("n", str(n))]
        signature = sign_1_0(
            pairs, "testsecret", write=lambda digest: base64.urlsafe_b64encode(digest).decode()
        )
        if "-" in signature or "_" in signature:
            break
    assert ids(examine(get(pairs, signature))) == ["base64-url-safe"]


def test_1_0_signature_plus_that_arrived_as_space_is_named():
    """Base64's "+", sent raw, arrives as a space; the signature is told so."""
    for n in count():
        pairs = [("n", str(n))]
        signature = sign_1_0(pairs, "testsecret")
        if "+" in signature:
            break
    request = get(pairs, signature, encode=lambda text: quote(text, safe="+"))
    assert ids(examine(request)) == ["signature-plus-as-space"]


def test_1_0_value_plus_sent_raw_is_named():
    """A value's "+", signed as %2B but sent raw, arrives as a space and is named."""
    pairs = [("UserId", "a+b")]
    signature = std(sign_1_0(pairs, "testsecret"))
    request = Request(method="GET", target=f"/?UserId=a+b&Signature={signature}")
    assert ids(examine(request)) == ["plus-sent-raw"]


@pytest.mark.parametrize("pairs", REQUESTS.values(), ids=REQUESTS)
def test_1_0_double_encoding_on_the_wire_is_named(pairs):
    """Values that arrive with an encoding left in them were sent encoded twice."""
    pairs = [(name, value.replace("%", "")) for name, value in pairs]
    signature = sign_1_0(pairs, "testsecret")
    request = get([(n, std(v)) for n, v in pairs], signature)
    assert ids(examine(request)) == ["double-encoding"]


def test_1_0_charset_on_the_wire_is_named():
    """Another charset is named, whether it was only sent or signed as well."""
    pairs = [("UserId", "测试")]
    for encode in (std, gbk):
        sent = (
            f"/?UserId={gbk('测试')}&Signature={std(sign_1_0(pairs, 'testsecret', encode=encode))}"
        )
        result = examine(Request(method="GET", target=sent))
        assert ids(result) == ["charset"]
        assert "gbk" in result.causes[0].text


def test_1_0_signing_the_wire_form_is_named():
    """A client that signs its query as sent, not in canonical form, is told so."""
    sent = "Action=A&UserId=a%2bb+%63"
    signature = sign_1_0([], "testsecret", edit=lambda _: sent)
    request = Request(method="GET", target=f"/?{sent}&Signature={std(signature)}")
    assert ids(examine(request)) == ["as-on-the-wire"]


def test_1_0_duplicates_signed_once_are_named():
    """A name sent twice and signed once is named."""
    pairs = [("a", "1"), ("b", "2"), ("a", "3")]
    for which, kept in (("last", [("a", "3"), ("b", "2")]), ("first", [("a", "1"), ("b", "2")])):
        result = examine(get(pairs, sign_1_0(kept, "testsecret")))
        assert ids(result) == ["duplicate-left-out"]
        assert which in result.causes[0].text


def test_1_0_parameters_left_out_on_post_are_named():
    """A POST of which only the query or only the form was signed is told which is missing."""
    query, form = [("Action", "A"), ("Format", "JSON")], [("AppId", "a b"), ("TaskId", "t")]
    for signed, cause in ((query, "form-not-signed"), (form, "query-not-signed")):
        signature = sign_1_0(signed, "testsecret", method="POST")
        result = examine(post([*query, ("Signature", signature)], form))
        assert ids(result) == [cause]


@pytest.mark.parametrize(
    ("mistakes", "causes"),
    [
        ({"encode": quote_plus, "key": "{}"}, {"plus-for-space", "key-without-ampersand"}),
        ({"encode": quote, "again": quote, "path": "/"}, {"slash-raw", "path-raw"}),
        (
            {"encode": lambda t: lower_hex(t).replace("%20", "+")},
            {"plus-for-space", "lower-case-hex"},
        ),
        ({"encode": gbk, "method": "POST"}, {"charset", "wrong-method"}),
        (
            {"encode": lambda t: quote_plus(t, encoding="gbk", errors="replace")},
            {"charset", "plus-for-space"},
        ),
        (
            {"encode": quote_plus, "write": bytes.hex},
            {"plus-for-space", "hex-instead-of-base64"},
        ),
        (
            {"encode": lambda t: quote(t, safe="*").replace("~", "%7E")},
            {"asterisk-raw", "tilde-encoded"},
        ),
        (
            {"hash_name": "sha256", "write": bytes.hex},
            {"wrong-hash", "hex-instead-of-base64"},
        ),
        ({"order": lambda p, e: p, "key": "{}"}, {"not-sorted", "key-without-ampersand"}),
    ],
)
def test_1_0_two_mistakes_are_named_together(mistakes, causes):
    """Two usual mistakes at once are both named."""
    result = examine(get(TRICKY, sign_1_0(TRICKY, "testsecret", **mistakes)))
    assert set(ids(result)) == causes
    assert len(result.causes) == 2


@pytest.mark.parametrize(
    ("name", "was", "came", "more"),
    [
        ("MediaEncode", "20", "30", {"candidates": {"MediaEncode": ["0", "1", "20"]}}),
        ("MediaEncode", "20", "21", {}),
        ("PaneId", "-1", "0", {}),
        ("TaskId", "", "t", {}),
        ("TaskId", "None", "", {}),
        ("UserId", "u", " u ", {}),
        ("UserId", "ABC", "abc", {}),
        ("UserId", "abc", "ABC", {}),
        ("TaskId", "earlier", "later", {"candidates": {"TaskId": ["x", "earlier"]}}),
    ],
)
def test_changed_parameter_is_named_with_both_values(name, was, came, more):
    """A parameter changed after signing is named, with the value signed and the value arrived."""
    rest = [("Action", "StartMPUTask"), ("Format", "JSON")]
    signature = sign_1_0([*rest, (name, was)], "testsecret")
    result = examine(get([*rest, (name, came)], signature), **more)
    assert ids(result) == ["parameter-changed"]
    text = result.causes[0].text
    assert f"{name} was {was!r} when it was signed and arrived as {came!r}" in text


def test_parameter_that_did_not_arrive_is_named():
    """A parameter signed but not sent is named, when its value can be guessed."""
    signature = sign_1_0([("a", "1"), ("Format", "JSON")], "testsecret")
    result = examine(get([("a", "1")], signature), candidates={"Format": ["XML", "JSON"]})
    assert ids(result) == ["parameter-changed"]
    assert "Format was signed as 'JSON' and did not arrive" in result.causes[0].text


def test_other_known_secret_is_named_by_its_id():
    """A signature made with another known key's secret names that key, never its secret."""
    others = [("key-1", Secret("secret-of-one")), ("key-2", Secret("secret-of-two"))]
    request = get(TRICKY, sign_1_0(TRICKY, "secret-of-two"))
    result = examine(request, other_secrets=others)
    assert ids(result) == ["wrong-secret"]
    assert "'key-2'" in result.causes[0].text
    assert "secret-of" not in result.explain() + repr(result)


def test_what_cannot_be_explained_is_said_to_be_so():
    """An unknown secret gives the one fallback, which says what was excluded and what is left."""
    result = examine(get(TRICKY, sign_1_0(TRICKY, "another")))
    assert ids(result) == ["unexplained"]
    assert "wrong secret" in result.causes[0].text
    assert "nothing is proven" in result.causes[0].text
    assert "Excluded" in result.causes[0].text


@pytest.mark.parametrize("signature", ["", "oops", "a" * 27, "====", "测试", "0" * 39])
def test_1_0_malformed_signature_is_named(signature):
    """A signature that is not Base64 of 20 bytes is called malformed."""
    assert ids(examine(get(TRICKY, signature)))[0] == "signature-malformed"


def test_1_0_malformed_signature_of_right_bytes_is_named():
    """Base64 whose spare bits are not zero stands for the right bytes and still is malformed."""
    signature = sign_1_0(TRICKY, "testsecret")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    spare = alphabet[alphabet.index(signature[-2]) + 1]
    assert ids(examine(get(TRICKY, f"{signature[:-2]}{spare}="))) == ["signature-malformed"]


def test_mistakes_that_change_nothing_are_no_failure():
    """Where no character needs encoding, encoding it wrongly makes no difference."""
    pairs = [("Action", "A"), ("TaskId", "t-1")]
    signature = sign_1_0(pairs, "testsecret", encode=urlencoder)
    assert verify_1_0(pairs, method="GET", secret="testsecret", signature=signature).ok
    result = autopsy(
        get(pairs, signature),
        [*pairs, ("Signature", signature)],
        kind="1.0",
        access_key_id="testid",
        secret="testsecret",
    )
    assert result.causes == ()
    assert "verifies" in result.explain()


# --- V3 --------------------------------------------------------------------------------------

BODY = b"a=1&b=x+y"
HEADERS = {
    "host": "rtc.aliyuncs.com",
    "x-acs-action": "StartMPUTask",
    "x-acs-version": "2018-01-11",
    "x-acs-date": "2024-01-01T00:00:00Z",
    "x-acs-signature-nonce": "n-1",
    "content-type": "application/x-www-form-urlencoded",
}


def hash_of(data):
    """Return the hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def signed_v3(
    pairs,
    secret,
    *,
    method="POST",
    wire=None,
    encode=std,
    order=by_name,
    edit=same,
    path="/",
    headers=None,
    names=same,
    lines=same,
    shown=same,
    blank="\n",
    payload=None,
    request_edit=same,
    to_sign=lambda text: f"ACS3-HMAC-SHA256\n{hash_of(text.encode())}",
    key="{}",
    hash_name="sha256",
    write=bytes.hex,
    sent=None,
):
    """Return a request signed with V3, each step open to a mistake."""
    headers = dict(headers or HEADERS)
    if "X-Acs-Content-Sha256" not in headers:
        headers["x-acs-content-sha256"] = hash_of(BODY)
    signed = names(sorted(headers))
    query = edit("&".join(f"{encode(n)}={encode(v)}" for n, v in order(pairs, encode)))
    block = "".join(f"{name}:{value}\n" for name, value in lines([(n, headers[n]) for n in signed]))
    body_hash = hash_of(BODY) if payload is None else payload
    canonical = f"{method}\n{path}\n{query}\n{block}{blank}{shown(';'.join(signed))}\n{body_hash}"
    text = to_sign(request_edit(canonical)).encode()
    signature = write(hmac.digest(key.format(secret).encode(), text, hash_name))
    value = (
        f"ACS3-HMAC-SHA256 Credential=testid,SignedHeaders={';'.join(signed)},Signature={signature}"
    )
    query = "&".join(f"{quote_plus(n)}={quote_plus(v)}" for n, v in pairs) if wire is None else wire
    return Request(
        method="POST",
        target=f"/?{query}",
        headers=(*(sent or headers).items(), ("Authorization", value)),
        body=BODY,
    )


def examine_v3(request, secret="testsecret", **more):
    """Perform the autopsy of a V3 request, once it is sure that it fails."""
    pairs = parse_qsl(request.query, keep_blank_values=True)
    assert not verify_v3(request, pairs, secret=secret).ok
    given = {"kind": "v3", "access_key_id": "testid", "secret": Secret(secret)} | more
    return autopsy(request, pairs, **given)


FORM = parse_qsl(BODY.decode())
TITLED = {n.title(): v for n, v in HEADERS.items()} | {"X-Acs-Content-Sha256": hash_of(BODY)}

MISTAKES_V3 = [
    ("plus-for-space", {"encode": lambda text: quote_plus(text, safe="~")}),
    ("tilde-encoded", {"encode": lambda text: std(text).replace("~", "%7E")}),
    ("asterisk-raw", {"encode": lambda text: quote(text, safe="~*")}),
    ("form-encoding", {"encode": urlencoder}),
    ("slash-raw", {"encode": quote}),
    ("reserved-raw", {"encode": js}),
    ("lower-case-hex", {"encode": lower_hex}),
    ("double-encoding", {"encode": lambda text: std(std(text))}),
    ("double-encoding", {"edit": std}),
    ("not-encoded", {"encode": same}),
    ("charset", {"encode": gbk}),
    ("not-sorted", {"order": lambda pairs, encode: pairs}),
    ("sorted-before-encoding", {"order": lambda p, e: sorted(p, key="=".join)}),
    ("sorted-after-encoding", {"order": lambda p, e: sorted(p, key=lambda x: (e(x[0]), e(x[1])))}),
    ("sorted-ignoring-case", {"order": lambda p, e: sorted(p, key=lambda x: x[0].lower())}),
    ("sorted-by-number", {"order": natural}),
    ("empty-left-out", {"order": lambda p, e: sorted(x for x in p if x[1])}),
    ("empty-without-equals", {"edit": lambda query: query.replace("=&", "&")}),
    ("parameter-not-signed", {"order": lambda p, e: sorted(x for x in p if x[0] != "Action")}),
    ("query-not-signed", {"edit": lambda query: ""}),
    ("form-in-query", {"order": lambda p, e: sorted(p + FORM)}),
    ("wrong-method", {"method": "GET"}),
    ("path-encoded", {"path": "%2F"}),
    ("path-left-out", {"path": ""}),
    ("leading-question-mark", {"edit": lambda query: f"?{query}"}),
    ("stray-ampersand", {"edit": lambda query: f"{query}&"}),
    ("signed-headers-unsorted", {"names": lambda names: names[::-1]}),
    ("header-names-not-lower-case", {"headers": TITLED}),
    (
        "header-names-not-lower-case",
        {
            "lines": lambda lines: [(name.title(), value) for name, value in lines],
            "sent": TITLED,
        },
    ),
    ("header-values-not-trimmed", {"headers": HEADERS | {"x-acs-date": " 2024 "}}),
    ("header-values-not-trimmed", {"lines": lambda lines: [(n, f" {v}") for n, v in lines]}),
    ("header-left-out", {"lines": lambda lines: [x for x in lines if x[0] != "x-acs-date"]}),
    ("trailing-newline-missing", {"blank": ""}),
    ("trailing-newline-added", {"request_edit": lambda text: f"{text}\n"}),
    ("empty-body-hash", {"payload": hash_of(b"")}),
    ("body-hash-missing", {"payload": ""}),
    ("body-hash-missing", {"payload": "UNSIGNED-PAYLOAD"}),
    ("canonical-not-hashed", {"to_sign": same}),
    ("canonical-not-hashed", {"to_sign": lambda text: f"ACS3-HMAC-SHA256\n{text}"}),
    ("canonical-not-hashed", {"to_sign": lambda text: hash_of(text.encode())}),
    ("carriage-returns", {"request_edit": lambda text: text.replace("\n", "\r\n")}),
    ("carriage-returns", {"to_sign": lambda t: f"ACS3-HMAC-SHA256\r\n{hash_of(t.encode())}"}),
    ("hash-upper-case", {"payload": hash_of(BODY).upper()}),
    ("hash-upper-case", {"to_sign": lambda t: f"ACS3-HMAC-SHA256\n{hash_of(t.encode()).upper()}"}),
    ("header-added", {"lines": lambda lines: sorted([*lines, ("accept", "application/json")])}),
    (
        "header-changed",
        {
            "lines": lambda lines: [
                (n, "rtc.cn-shanghai.aliyuncs.com" if n == "host" else v) for n, v in lines
            ]
        },
    ),
    ("header-changed", {"lines": lambda lines: [(n, v.lower()) for n, v in lines]}),
    ("header-lines-otherwise", {"shown": lambda names: names.replace(";", ",")}),
    ("other-body-hash", {"payload": hash_of(BODY + b"\n")}),
    ("algorithm-line", {"to_sign": lambda text: f"HMAC-SHA256\n{hash_of(text.encode())}"}),
    ("wrong-method", {"method": "post"}),
    ("path-encoded", {"path": "//"}),
    ("key-with-ampersand", {"key": "{}&"}),
    ("secret-empty", {"key": "undefined"}),
    ("secret-whitespace", {"key": "{}\n"}),
    ("access-key-id-as-secret", {"key": "testid"}),
    ("secret-empty", {"key": ""}),
    ("wrong-hash", {"hash_name": "sha1"}),
    ("hex-upper-case", {"write": lambda digest: digest.hex().upper()}),
    ("base64-instead-of-hex", {"write": b64}),
    ("base64-of-hex", {"write": lambda digest: b64(digest.hex().encode())}),
    ("signature-bytes-repr", {"write": lambda digest: repr(digest.hex().encode())}),
    (
        "wrong-hash",
        {
            "hash_name": "sha1",
            "to_sign": lambda t: f"ACS3-HMAC-SHA256\n{hashlib.sha1(t.encode()).hexdigest()}",
        },
    ),
]


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    ("cause", "mistake"),
    [pytest.param(*row, id=f"{row[0]}-{at}") for at, row in enumerate(MISTAKES_V3)],
)
def test_v3_one_mistake_is_named(cause, mistake, secret, name):
    """A client that makes one mistake in V3 is told that mistake and no other."""
    result = examine_v3(signed_v3(REQUESTS[name], secret, **mistake), secret)
    assert ids(result) == [cause]
    assert secret not in repr(result) + result.explain()


def test_v3_signing_the_wire_form_is_named():
    """A client that signs its query as sent, not in canonical form, is told so."""
    wire = "UserId=a+b*%63%2f~&A=/"
    request = signed_v3([], "testsecret", wire=wire, edit=lambda _: wire)
    assert ids(examine_v3(request)) == ["as-on-the-wire"]


@pytest.mark.parametrize(
    ("name", "was"),
    [
        ("host", "rtc.aliyuncs.com:443"),
        ("host", "RTC.aliyuncs.com"),
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("x-acs-date", "2023-01-01T00:00:00Z"),
    ],
)
def test_v3_changed_header_is_named_with_both_values(name, was):
    """A header that HTTP software changed after signing is named."""
    arrived = HEADERS | {name: "rtc.aliyuncs.com" if name == "host" else HEADERS[name]}
    sent = arrived | {"x-acs-content-sha256": hash_of(BODY)}
    if was != was.lower() and name == "host":
        sent["host"], was = "RTC.ALIYUNCS.COM", "rtc.aliyuncs.com"
    request = signed_v3(TRICKY, "testsecret", headers=HEADERS | {name: was}, sent=sent)
    result = examine_v3(request, candidates={"x-acs-date": ["2023-01-01T00:00:00Z"]})
    assert ids(result) == ["header-changed"]
    assert f"{name} was {was!r}" in result.causes[0].text


def test_v3_two_mistakes_are_named_together():
    """Two usual mistakes at once are both named."""
    request = signed_v3(TRICKY, "testsecret", encode=quote_plus, key="{}&")
    assert set(ids(examine_v3(request))) == {"plus-for-space", "key-with-ampersand"}


def test_v3_problem_of_form_is_the_cause():
    """A request refused for its form, with a right signature, is told that rule alone."""
    request = signed_v3(TRICKY, "testsecret", names=lambda names: [n for n in names if n != "host"])
    result = examine_v3(request)
    assert ids(result) == ["header-not-signed"]
    assert "host" in result.causes[0].text


def test_v3_changed_body_is_the_cause():
    """A body that is not the one whose hash was signed is named, once."""
    request = replace(signed_v3(TRICKY, "testsecret"), body=b"other")
    assert ids(examine_v3(request)) == ["body-hash"]


def test_v3_problem_and_mistake_are_both_named():
    """A request with a problem of form and a wrong key is told both."""
    request = replace(signed_v3(TRICKY, "testsecret", key="{}&"), body=BODY)
    request = replace(request, headers=(*request.headers, ("x-acs-new", "1")))
    assert ids(examine_v3(request)) == ["header-not-signed", "key-with-ampersand"]


@pytest.mark.parametrize("value", [None, "acs a:b", "ACS3-HMAC-SHA256 Credential=x"])
def test_v3_unreadable_authorization_is_the_cause(value):
    """Without a readable Authorization header, that is the cause."""
    headers = [] if value is None else [("Authorization", value)]
    result = examine_v3(Request(method="GET", target="/?a=b", headers=tuple(headers)))
    assert [cause.partition("-")[0] for cause in ids(result)] == ["authorization"]


def test_v3_malformed_and_unexplained():
    """A signature that is not 64 hex digits is malformed; one that is, unexplained."""
    assert ids(examine_v3(signed_v3(TRICKY, "testsecret", write=lambda _: "zz"))) == [
        "signature-malformed"
    ]
    assert ids(examine_v3(signed_v3(TRICKY, "another"))) == ["unexplained"]


def test_v3_other_known_secret_is_named_by_its_id():
    """A V3 signature made with another known key's secret names that key."""
    result = examine_v3(
        signed_v3(TRICKY, "other-one"), other_secrets=[("key-1", Secret("other-one"))]
    )
    assert ids(result) == ["wrong-secret"]


# --- what is shown ---------------------------------------------------------------------------

TOKEN = "tok/en+with~signs* 密=="
FORMS = [TOKEN, std(TOKEN), std(std(TOKEN)), lower_hex(TOKEN), quote_plus(TOKEN)]


@pytest.mark.parametrize(
    "mistake",
    [
        {},
        {"encode": quote_plus},
        {"encode": lower_hex},
        {"encode": same},
        {"encode": lambda text: std(std(text))},
        {"encode": js},
        {"method": "POST"},
        {"write": bytes.hex},
        {"order": lambda p, e: [x for x in p if x[0] != "SecurityToken"]},
        {"order": lambda p, e: sorted((n, "" if n == "SecurityToken" else v) for n, v in p)},
    ],
)
def test_security_token_is_not_shown(mistake):
    """A security token shows in no form, whatever the client did to it."""
    pairs = [*TRICKY, ("SecurityToken", TOKEN)]
    secret = "another" if not mistake else "testsecret"
    result = examine(get(pairs, sign_1_0(pairs, secret, **mistake)))
    for form in FORMS:
        assert form not in result.explain() + repr(result)
    assert "tok" not in result.explain()


def test_v3_security_token_is_not_shown():
    """A security token in a header shows in no form."""
    headers = HEADERS | {"x-acs-security-token": TOKEN}
    for mistake in ({"key": "{}&"}, {"blank": ""}, {"to_sign": same}, {"key": "nobody's"}):
        result = examine_v3(signed_v3(TRICKY, "testsecret", headers=headers, **mistake))
        assert "tok/en" not in result.explain() + repr(result)


def test_changed_security_token_is_named_without_its_values():
    """A security token that was another when signed is named; neither value shows."""
    pairs = [("a", "1"), ("SecurityToken", "new-token")]
    signature = sign_1_0([("a", "1"), ("SecurityToken", "old-token")], "testsecret")
    result = examine(get(pairs, signature), candidates={"SecurityToken": ["old-token"]})
    assert ids(result) == ["parameter-changed"]
    assert "-token" not in result.explain()


def test_secrets_sent_as_parameters_are_not_shown():
    """A known secret that a client sent among its parameters shows in no text."""
    pairs = [("a", "s3cr3t/With+Signs=="), ("b", "the-other-secret")]
    signature = sign_1_0([("a", "1"), pairs[1]], "s3cr3t/With+Signs==")
    result = examine(
        get(pairs, signature),
        "s3cr3t/With+Signs==",
        candidates={"a": ["1"]},
        other_secrets=[("key-1", Secret("the-other-secret"))],
    )
    assert ids(result) == ["parameter-changed"]
    shown = result.explain() + repr(result)
    assert "s3cr3t" not in shown
    assert "the-other" not in shown


def test_secret_sent_as_signature_is_not_shown():
    """A secret sent in place of a signature shows in no text, however it is spelt there."""
    secret = "quote'back\\slash" + "x" * 200
    result = examine(get([("a", secret)], secret), secret)
    assert ids(result) == ["signature-malformed"]
    assert "slash" not in result.explain() + repr(result)


def test_secret_in_a_changed_parameter_is_not_shown():
    """A secret whose repr is spelt otherwise than itself is recognised in a cause, too."""
    secret = "back\\slash"
    result = examine(
        get([("a", secret)], sign_1_0([("a", "1")], secret)), secret, candidates={"a": ["1"]}
    )
    assert ids(result) == ["parameter-changed"]
    assert "slash" not in result.explain() + repr(result)


def test_security_token_is_not_shown_under_another_name():
    """A security token that stands in another parameter, too, shows there neither."""
    pairs = [("SecurityToken", TOKEN), ("StreamURL", f"rtmp://example.com/{TOKEN}")]
    result = examine(get(pairs, sign_1_0(pairs, "testsecret", key="{}")))
    assert ids(result) == ["key-without-ampersand"]
    assert "signs" not in result.explain() + repr(result)


def test_explanation_reads_from_verdict_to_stages():
    """The text gives verdict, cause, every stage in order and where the two strings part."""
    result = examine(get(TRICKY, sign_1_0(TRICKY, "testsecret", encode=quote_plus)))
    text = result.explain()
    assert text.startswith("Signature 1.0 by AccessKeyId 'testid' does not verify.\nCause: plus")
    names = [stage.name for stage in result.stages]
    assert names == [
        "Received pairs",
        "Encoded",
        "Sorted and joined",
        "String to sign (server)",
        "String to sign (client)",
        "Key",
        "Digest",
        "Encoding",
    ]
    places = [text.index(f"\n{name}:\n") for name in names]
    assert places == sorted(places)
    assert "first difference at character" in text


@pytest.mark.parametrize("pairs", REQUESTS.values(), ids=REQUESTS)
def test_server_string_to_sign_is_the_verifiers(pairs):
    """What the autopsy shows as the server's string to sign is what the verifier signed."""
    request = get(pairs, sign_1_0(pairs, "testsecret", key="{}"))
    verdict = verify_1_0(pairs, method="GET", secret="testsecret", signature="")
    shown = {stage.name: stage.value for stage in examine(request).stages}
    assert shown["String to sign (server)"] == verdict.string_to_sign
    request = signed_v3(pairs, "testsecret", key="{}&")
    verdict = verify_v3(request, pairs, secret="testsecret")
    shown = {stage.name: stage.value for stage in examine_v3(request).stages}
    assert shown["String to sign (server)"] == verdict.string_to_sign
    assert verdict.canonical in shown.values()


def test_every_mistake_is_tested():
    """Each mistake of the table has a client here, or among the real signers, that makes it."""
    here = Path(__file__)
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in (here, here.with_name("test_autopsy_signers.py"))
    )
    assert [id for id in sorted(CAUSES) if f'"{id}"' not in text] == []


def test_an_autopsy_is_a_value():
    """Two autopsies of one request are equal."""
    request = get(TRICKY, sign_1_0(TRICKY, "testsecret", key="{}"))
    assert isinstance(examine(request), Autopsy)
    assert examine(request) == examine(request)
