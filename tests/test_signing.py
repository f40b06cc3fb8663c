"""The client's signer against published vectors, stage by stage."""

import json
import traceback
from pathlib import Path

import pytest

from pytest_rtcmpu.signatures import sign as signing
from pytest_rtcmpu.values.credentials import Secret

VECTORS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "vectors").glob("*.json"))
}
V1 = [pytest.param(v, id=name) for name, v in VECTORS.items() if name.startswith("1.0-")]
V3 = [pytest.param(v, id=name) for name, v in VECTORS.items() if name.startswith("v3-")]


def pairs_of(vector):
    """Return the vector's decoded pairs."""
    return [tuple(pair) for pair in vector["pairs"]]


def headers_of(vector):
    """Return the headers to sign, made from what the vector gives."""
    return signing.headers_v3(
        host=vector["host"],
        action=vector["action"],
        version=vector["version"],
        date=vector["date"],
        nonce=vector["nonce"],
        body=vector["body"].encode(),
    )


def test_there_are_vectors_of_both_kinds():
    """One published vector of signature 1.0 and two of V3 are on file."""
    assert (len(V1), len(V3)) == (1, 2)


@pytest.mark.parametrize("vector", V1)
def test_1_0_string_to_sign(vector):
    """The string to sign is the published one, and holds the canonical query encoded."""
    made = signing.string_to_sign(pairs_of(vector), method=vector["method"])
    assert made == vector["string_to_sign"]
    assert made.endswith("&" + signing.percent_encode(vector["canonical_query"]))


@pytest.mark.parametrize("vector", V1)
@pytest.mark.parametrize("kind", [str, Secret])
def test_1_0_signature(vector, kind):
    """The signature is the published one, whether the secret comes as str or Secret."""
    made = signing.sign(pairs_of(vector), kind(vector["secret"]), method=vector["method"])
    assert made == vector["signature"]


@pytest.mark.parametrize("vector", V3)
def test_v3_canonical_request(vector):
    """The canonical request and its string to sign are the published ones."""
    made = signing.canonical_request(
        method=vector["method"], query=pairs_of(vector), headers=headers_of(vector)
    )
    assert made.split("\n") == vector["canonical_request"]
    assert signing.string_to_sign_v3(made).split("\n") == vector["string_to_sign"]


@pytest.mark.parametrize("vector", V3)
def test_v3_authorization(vector):
    """The Authorization header is the published one."""
    made = signing.sign_v3(
        method=vector["method"],
        query=pairs_of(vector),
        headers=headers_of(vector),
        access_key_id=vector["access_key_id"],
        secret=vector["secret"],
    )
    assert made == vector["authorization"]


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("AZaz09-_.~", "AZaz09-_.~"),
        (" ", "%20"),
        ("+", "%2B"),
        ("*", "%2A"),
        ("/", "%2F"),
        ("%20", "%2520"),
        ("=&?#'()!", "%3D%26%3F%23%27%28%29%21"),
        ("测", "%E6%B5%8B"),
        ("😀", "%F0%9F%98%80"),
        ("e\u0301", "e%CC%81"),
        ("", ""),
    ],
)
def test_percent_encoding(text, encoded):
    """All but RFC 3986's unreserved characters become capital hex escapes of UTF-8."""
    assert signing.percent_encode(text) == encoded


def test_signature_itself_is_left_out():
    """A Signature already among the pairs does not change the signature."""
    pairs = [("Action", "A"), ("Format", "")]
    signed = signing.sign(pairs, "s", method="GET")
    assert signing.sign([*pairs, ("Signature", signed)], "s", method="GET") == signed


def test_order_is_that_of_the_names_before_encoding():
    """Pairs are sorted by name in byte order, not as joined strings and not by escapes."""
    pairs = [("b", ""), ("a.10", "1"), ("a.1", "9"), ("B", ""), ("é", ""), ("a:", ""), ("a0", "")]
    made = signing.string_to_sign(pairs, method="GET")
    names = ["B", "a.1", "a.10", "a0", "a%253A", "b", "%25C3%25A9"]
    assert [part.partition("%3D")[0] for part in made[8:].split("%26")] == names


def test_v3_headers_hold_what_is_optional_only_when_given():
    """Content type and security token are among the headers only when given."""
    given = {"host": "h", "action": "a", "version": "v", "date": "d", "nonce": "n"}
    plain = signing.headers_v3(**given)
    full = signing.headers_v3(**given, content_type="c", security_token=Secret("t"))
    assert {name: full[name] for name in full.keys() - plain.keys()} == {
        "content-type": "c",
        "x-acs-security-token": "t",
    }
    assert tuple(full) != signing.headers_to_sign(full) == tuple(sorted(full))


def test_v3_headers_are_trimmed_lower_cased_and_sorted():
    """Header names may come in any case and order; values lose the space around them."""
    made = signing.canonical_request(
        method="GET",
        headers=[("X-Acs-B", " 2\t"), ("Host", "h"), ("x-acs-a", "1"), ("User-Agent", "u")],
    )
    assert made.split("\n")[3:8] == ["host:h", "x-acs-a:1", "x-acs-b:2", "", "host;x-acs-a;x-acs-b"]


def test_v3_repeated_headers_are_joined():
    """A header that is sent twice is signed once, its values sorted and joined by a comma."""
    made = signing.canonical_request(method="GET", headers=[("x-acs-a", "2"), ("X-Acs-A", "1")])
    assert made.split("\n")[3] == "x-acs-a:1,2"


def test_v3_signs_further_headers_when_asked():
    """Headers that need no signature can be named, in any order and letter case."""
    made = signing.sign_v3(
        method="GET",
        headers={"Host": "h", "User-Agent": "u"},
        signed_headers=["User-Agent", "HOST"],
        access_key_id="i",
        secret="s",
    )
    assert ",SignedHeaders=host;user-agent," in made


def test_v3_cannot_sign_a_header_that_is_not_there():
    """Naming a header that is not among the headers is an error."""
    with pytest.raises(KeyError, match="x-acs-gone"):
        signing.canonical_request(method="GET", headers={}, signed_headers=["x-acs-gone"])


@pytest.mark.parametrize(
    "call",
    [
        lambda: signing.sign([("a", "\udc80")], "topsecret", method="GET"),
        lambda: signing.sign_v3(
            method="GET",
            query=[("a", "\udc80")],
            headers={},
            access_key_id="i",
            secret="topsecret",
        ),
    ],
    ids=["1.0", "v3"],
)
def test_a_traceback_holds_no_secret(call):
    """No local variable of a failing signer shows the secret."""
    with pytest.raises(UnicodeEncodeError) as failure:
        call()
    shown = traceback.TracebackException.from_exception(failure.value, capture_locals=True)
    frames = [frame for frame in shown.stack if frame.filename == signing.__file__]
    assert frames
    assert "topsecret" not in repr([frame.locals for frame in frames])
