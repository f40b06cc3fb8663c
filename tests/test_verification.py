"""The endpoint's verifier: against published vectors, and against the client's signer."""

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pytest_rtcmpu.signatures import sign as signing
from pytest_rtcmpu.signatures import verify as verification
from pytest_rtcmpu.signatures.verify import Authorization, Objection, parse_authorization
from pytest_rtcmpu.values.messages import Request

VECTORS = [
    json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "vectors").glob("*.json"))
]
V1 = [vector for vector in VECTORS if "canonical_query" in vector]
V3 = [vector for vector in VECTORS if "canonical_request" in vector]

TRICKY = st.text(
    alphabet=st.sampled_from([*"ab01AZ.-_~ +*%&=/?#'()!:\n", "é", "\u0301", "测", "😀"])
)
TEXTS = st.one_of(TRICKY, st.text())
NAMES = st.one_of(st.sampled_from(["LayoutIds.1", "LayoutIds.10", "LayoutIds.1.x", "Log"]), TEXTS)
PAIRS = st.lists(st.tuples(NAMES, TEXTS), max_size=8)
SECRETS = st.text(min_size=1)
METHODS = st.sampled_from(["GET", "POST"])

HEADERS = signing.headers_v3(
    host="rtc.aliyuncs.com",
    action="StartMPUTask",
    version="2018-01-11",
    date="2024-01-01T00:00:00Z",
    nonce="n-1",
    body=b"a=1",
    content_type="text/plain",
)


def v3_request(pairs=(), *, headers=HEADERS, secret="s", method="POST", **changes):
    """Return a request that is signed with V3, then changed."""
    authorization = signing.sign_v3(
        method=method, query=pairs, headers=headers, body=b"a=1", access_key_id="i", secret=secret
    )
    request = Request(
        method=method,
        target="/?unused=here",
        headers=(*headers.items(), ("Authorization", authorization)),
        body=b"a=1",
    )
    return replace(request, **changes)


def with_header(request, name, value):
    """Return the request with one header set, added or (``None``) taken away."""
    kept = [pair for pair in request.headers if pair[0].lower() != name.lower()]
    return replace(request, headers=(*kept, *([(name, value)] if value is not None else [])))


def with_signed_headers(request, change):
    """Return the request with the list in SignedHeaders changed."""
    value = request.header("authorization")
    names = value.partition("SignedHeaders=")[2].partition(",")[0]
    return with_header(request, "authorization", value.replace(names, change(names)))


def test_verifier_stands_on_its_own():
    """The verifier imports nothing of the client's signer."""
    tree = ast.parse(Path(verification.__file__).read_text(encoding="utf-8"))
    modules = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
    }
    assert not {name for name in modules if name and name.endswith("signing")}


@pytest.mark.parametrize("vector", V1)
def test_1_0_vector(vector):
    """The published signature 1.0 verifies, with the published string to sign."""
    pairs = [tuple(pair) for pair in vector["pairs"]]
    verdict = verification.verify_1_0(
        [*pairs, ("Signature", vector["signature"])],
        method=vector["method"],
        secret=vector["secret"],
        signature=vector["signature"],
    )
    assert (verdict.ok, verdict.problem) == (True, None)
    assert verdict.string_to_sign == vector["string_to_sign"]
    assert verdict.expected == vector["signature"]


@pytest.mark.parametrize("vector", V3)
def test_v3_vector(vector):
    """The published V3 signatures verify, with the published canonical requests."""
    headers = [line.split(":", 1) for line in vector["canonical_request"][3:9]]
    request = Request(
        method=vector["method"],
        target="/?",
        headers=(*map(tuple, headers), ("Authorization", vector["authorization"])),
        body=vector["body"].encode(),
    )
    pairs = [tuple(pair) for pair in vector["pairs"]]
    verdict = verification.verify_v3(request, pairs, secret=vector["secret"])
    assert (verdict.ok, verdict.problem) == (True, None)
    assert verdict.canonical.split("\n") == vector["canonical_request"]
    assert verdict.string_to_sign.split("\n") == vector["string_to_sign"]
    assert verdict.expected == vector["signature"]


@given(PAIRS, SECRETS, METHODS, st.randoms())
@example([("a", "+*~%&=/?#'()!"), ("b", ""), ("", "x"), ("测", "e\u0301😀")], "s", "GET", None)
def test_1_0_signer_and_verifier_agree(pairs, secret, method, random):
    """Whatever the pairs, and in whatever order they arrive, the client's signature verifies."""
    signature = signing.sign(pairs, secret, method=method)
    arrived = [*pairs, ("Signature", signature)]
    if random:
        random.shuffle(arrived)
    verdict = verification.verify_1_0(arrived, method=method, secret=secret, signature=signature)
    assert verdict.ok
    assert verdict.string_to_sign == signing.string_to_sign(pairs, method=method)


@given(PAIRS, SECRETS, METHODS)
def test_v3_signer_and_verifier_agree(pairs, secret, method):
    """Whatever the query, the client's V3 signature verifies, over the same canonical request."""
    request = v3_request(pairs, secret=secret, method=method)
    verdict = verification.verify_v3(request, pairs[::-1], secret=secret)
    assert verdict.ok
    assert verdict.canonical == signing.canonical_request(
        method=method, query=pairs, headers=HEADERS, body=b"a=1"
    )


@st.composite
def one_thing_changed(draw):
    """Draw pairs, and the same pairs with one name or value changed, added or taken away."""
    pairs = [pair for pair in draw(PAIRS) if pair[0] != "Signature"]
    at = draw(st.integers(0, len(pairs)))
    new = draw(st.tuples(NAMES, TEXTS).filter(lambda pair: pair[0] != "Signature"))
    size = draw(st.integers(0, 1))
    changed = [*pairs[:at], *[new] * draw(st.integers(0, 1)), *pairs[at + size :]]
    assume(sorted(changed) != sorted(pairs))
    return pairs, changed


@given(one_thing_changed())
def test_changing_any_parameter_breaks_the_signature(both):
    """A parameter changed, added or taken away after signing makes either signature fail."""
    pairs, changed = both
    signature = signing.sign(pairs, "s", method="GET")
    assert not verification.verify_1_0(changed, method="GET", secret="s", signature=signature).ok
    assert not verification.verify_v3(v3_request(pairs), changed, secret="s").ok


@pytest.mark.parametrize(
    "changed",
    [{"method": "POST"}, {"secret": "S"}, {"signature": "oops"}, {"signature": "测"}],
    ids=repr,
)
def test_1_0_changing_anything_else_breaks_the_signature(changed):
    """Another method, secret or signature text does not verify."""
    pairs = [("a", "b")]
    given = {"method": "GET", "secret": "s", "signature": signing.sign(pairs, "s", method="GET")}
    assert verification.verify_1_0(pairs, **given).ok
    assert not verification.verify_1_0(pairs, **(given | changed)).ok


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_v3_changing_a_signed_header_breaks_the_signature(name):
    """Each signed header is covered by the signature."""
    request = with_header(v3_request(), name, f"{HEADERS[name]}x")
    assert not verification.verify_v3(request, [], secret="s").ok


@pytest.mark.parametrize(
    "request_",
    [
        v3_request(method="POST", target="/other?x"),
        replace(v3_request(), method="GET"),
        replace(v3_request(), body=b"a=2"),
        with_header(
            v3_request(), "authorization", v3_request().header("authorization")[:-64] + "A" * 64
        ),
    ],
    ids=["path", "method", "body", "signature"],
)
def test_v3_changing_anything_else_breaks_the_signature(request_):
    """Path, method, body and signature are covered by the signature."""
    assert not verification.verify_v3(request_, [], secret="s").ok


def test_v3_wrong_secret():
    """A signature made with another secret does not verify."""
    assert not verification.verify_v3(v3_request(secret="t"), [], secret="s").ok


def test_v3_capital_hex_is_not_the_signature():
    """The signature is lower-case hex; the same in capitals does not verify."""
    request = v3_request()
    value = request.header("authorization")
    request = with_header(request, "Authorization", value[:-64] + value[-64:].upper())
    assert not verification.verify_v3(request, [], secret="s").ok


@pytest.mark.parametrize(
    "headers",
    [
        lambda pairs: [(name.title(), value) for name, value in pairs],
        lambda pairs: [(name, f" \t{value} ") for name, value in pairs],
        lambda pairs: [*pairs, ("User-Agent", "x"), ("Accept", "*/*"), ("Content-Length", "3")],
        lambda pairs: pairs[::-1],
    ],
    ids=["case", "space", "unsigned", "order"],
)
def test_v3_what_http_stacks_do_to_headers_is_harmless(headers):
    """Letter case, space around values, order and unsigned headers do not matter."""
    request = v3_request()
    request = replace(request, headers=tuple(headers(list(request.headers))))
    verdict = verification.verify_v3(request, [], secret="s")
    assert verdict.ok, verdict


def test_v3_repeated_header_agrees_with_the_signer():
    """A header sent twice is signed as one, on either side."""
    headers = [*HEADERS.items(), ("x-acs-a", "2"), ("X-Acs-A", "1")]
    value = signing.sign_v3(
        method="GET", headers=headers, body=b"a=1", access_key_id="i", secret="s"
    )
    request = Request(
        method="GET", target="/", headers=(*headers, ("authorization", value)), body=b"a=1"
    )
    assert verification.verify_v3(request, [], secret="s").ok


@pytest.mark.parametrize(
    ("request_", "id"),
    [
        (with_header(v3_request(), "authorization", None), "authorization-missing"),
        (with_header(v3_request(), "authorization", "Basic eDp5"), "authorization-scheme"),
        (
            with_header(v3_request(), "authorization", "ACS3-HMAC-SHA256 x"),
            "authorization-malformed",
        ),
        (
            with_signed_headers(v3_request(), lambda names: ";".join(names.split(";")[::-1])),
            "signed-headers-unsorted",
        ),
        (
            with_signed_headers(v3_request(), lambda names: f"host;{names}"),
            "signed-headers-unsorted",
        ),
        (
            with_signed_headers(v3_request(), lambda names: f"{names};x-gone"),
            "signed-header-absent",
        ),
        (with_header(v3_request(), "x-acs-date", None), "signed-header-absent"),
        (with_header(v3_request(), "x-acs-new", ""), "header-not-signed"),
        (
            with_signed_headers(v3_request(), lambda names: names.replace("host;", "")),
            "header-not-signed",
        ),
        (replace(v3_request(), body=b""), "body-hash"),
    ],
)
def test_v3_form_is_judged_apart_from_the_signature(request_, id):
    """A V3 request whose form breaks a rule is refused with a sentence that says which."""
    verdict = verification.verify_v3(request_, [], secret="s")
    assert not verdict.ok
    assert verdict.problem is not None
    assert verdict.problem.id == id
    assert str(verdict.problem).endswith(".")


@pytest.mark.parametrize("left_out", ["host", "x-acs-date", "x-acs-action"])
def test_v3_a_right_signature_over_too_few_headers_is_refused(left_out):
    """Each header that must be signed is missed, though the signature over the rest is right."""
    names = [name for name in HEADERS if name != left_out]
    value = signing.sign_v3(
        method="POST",
        headers=HEADERS,
        signed_headers=names,
        body=b"a=1",
        access_key_id="i",
        secret="s",
    )
    request = with_header(v3_request(), "Authorization", value)
    verdict = verification.verify_v3(request, [], secret="s")
    assert verdict.expected == value[-64:]
    assert not verdict.ok
    assert verdict.problem.text == f"These headers must be signed: {left_out}."


@pytest.mark.parametrize("content_type", ["application/octet-stream", None], ids=str)
def test_v3_a_content_type_that_is_not_signed_changes_nothing(content_type):
    """S4 asks for x-acs-* and host only: what a library adds to a signed request is let be."""
    names = [name for name in HEADERS if name != "content-type"]
    value = signing.sign_v3(
        method="POST",
        headers=HEADERS,
        signed_headers=names,
        body=b"a=1",
        access_key_id="i",
        secret="s",
    )
    request = with_header(v3_request(), "Authorization", value)
    request = with_header(request, "content-type", content_type)
    assert verification.verify_v3(request, [], secret="s").ok


def test_v3_a_content_type_that_is_signed_must_be_the_one_that_is_sent():
    """Signed and changed on the way, it is refused."""
    value = signing.sign_v3(
        method="POST", headers=HEADERS, body=b"a=1", access_key_id="i", secret="s"
    )
    request = with_header(v3_request(), "Authorization", value)
    assert verification.verify_v3(request, [], secret="s").ok
    changed = with_header(request, "content-type", "text/html")
    assert not verification.verify_v3(changed, [], secret="s").ok


def test_v3_canonical_request_is_sorted_whatever_the_client_lists():
    """The server's canonical request has the header names in order, each once."""
    request = with_signed_headers(v3_request(), lambda names: f"x-acs-date;{names}")
    verdict = verification.verify_v3(request, [], secret="s")
    assert verdict.canonical == verification.verify_v3(v3_request(), [], secret="s").canonical


def test_v3_a_request_without_host_is_refused():
    """A host that is neither sent nor signed is missed, too."""
    headers = {name: value for name, value in HEADERS.items() if name != "host"}
    verdict = verification.verify_v3(v3_request(headers=headers), [], secret="s")
    assert verdict.problem == Objection("header-not-signed", "These headers must be signed: host.")


def test_v3_missing_body_hash_is_refused():
    """Without x-acs-content-sha256 there is nothing that vouches for the body."""
    headers = {name: value for name, value in HEADERS.items() if name != "x-acs-content-sha256"}
    verdict = verification.verify_v3(v3_request(headers=headers), [], secret="s")
    assert not verdict.ok
    assert verdict.problem.id == "body-hash"


@pytest.mark.parametrize(
    "value",
    [
        "ACS3-HMAC-SHA256 Credential=i,SignedHeaders=Host;x-acs-date,Signature=ab",
        "ACS3-HMAC-SHA256 Credential=i, SignedHeaders=host;x-acs-date, Signature=ab ",
        "ACS3-HMAC-SHA256 Signature=ab,SignedHeaders=host;X-ACS-Date,Credential=i",
    ],
)
def test_authorization_is_taken_apart(value):
    """Fields may come in any order, with space around the commas, and names in any case."""
    assert parse_authorization(value) == Authorization("i", ("host", "x-acs-date"), "ab")


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "ACS3-HMAC-SHA256",
        "acs 1:2",
        "ACS3-RSA-SHA256 Credential=i,SignedHeaders=a,Signature=b",
        "ACS3-HMAC-SHA256 Credential=i,SignedHeaders=a",
        "ACS3-HMAC-SHA256 Credential=,SignedHeaders=a,Signature=b",
        "ACS3-HMAC-SHA256 Credential=i,Credential=i,SignedHeaders=a,Signature=b",
        "ACS3-HMAC-SHA256 Credential=i,SignedHeaders=a,Signature=b,Extra=c",
    ],
)
def test_malformed_authorization_is_a_problem(value):
    """A header that is not of the documented form is a problem, never an exception."""
    assert isinstance(parse_authorization(value), Objection)


@given(st.text())
def test_any_authorization_is_parsed_or_a_problem(value):
    """No text makes the parser fail."""
    assert isinstance(parse_authorization(f"ACS3-HMAC-SHA256 {value}"), Authorization | Objection)


def test_lone_surrogates_do_not_break_the_verifier():
    """Text that UTF-8 cannot carry is judged, not tripped over."""
    pairs = [("a\udc80", "\ud800")]
    verdict = verification.verify_1_0(pairs, method="GET", secret="\udc80", signature="\udc80")
    assert not verdict.ok
    assert verdict.string_to_sign == "GET&%2F&a%253F%3D%253F"
    assert not verification.verify_v3(v3_request(), pairs, secret="\udc80").ok


def test_reprs_keep_signatures_and_tokens_to_themselves():
    """A verdict's repr shows neither the expected signature nor the string that was signed."""
    pairs = [("SecurityToken", "tokentoken")]
    v1 = verification.verify_1_0(pairs, method="GET", secret="topsecret", signature="x")
    v3 = verification.verify_v3(v3_request(secret="topsecret"), pairs, secret="topsecret")
    for verdict in (v1, v3):
        shown = repr(verdict)
        assert verdict.expected not in shown
        assert "tokentoken" not in shown
        assert "topsecret" not in shown
