"""A clause about how something was signed is judged where that can be known, else not held."""

from contextlib import closing

import pytest
from independent.client import IndependentClient

from pytest_rtcmpu.checks.client.bench import ClientBench
from pytest_rtcmpu.checks.run import Settings
from pytest_rtcmpu.checks.testees.protocol import CallableTestee

SIGNING = (
    "request.utf-8",
    "signature.method",
    "signature.encoding",
    "security-token.signed",
)


class WrongSecret(IndependentClient):
    """Signs with another secret."""

    def key(self, secret):
        """Make the key of a secret that nobody has."""
        return "another" + secret + "&"


class Unexplained(IndependentClient):
    """Signs something else altogether."""

    def string_to_sign(self, method, pairs):
        """Sign a poem."""
        return "the mistake that nobody makes"


class FormEncoding(IndependentClient):
    """Signs as java.net.URLEncoder writes."""

    def encode(self, text):
        """Write + for a space, * as it is, %7E for ~."""
        right = IndependentClient.encode(self, text)
        return right.replace("%20", "+").replace("%2A", "*").replace("~", "%7E")


class WrongMethod(IndependentClient):
    """Signs POST and sends GET."""

    def string_to_sign(self, method, pairs):
        """Sign another method than is sent."""
        return IndependentClient.string_to_sign(self, "POST", pairs)


def outcomes(client, clauses=SIGNING):
    """The results of the documented phase, by clause."""
    settings = Settings(phases=("documented",), timeout=5.0)
    with closing(ClientBench(CallableTestee(client.start), settings)) as bench:
        return {clause: bench.result("documented", clause) for clause in clauses}


@pytest.mark.parametrize("client", [WrongSecret, Unexplained], ids=lambda kind: kind.__name__)
def test_what_cannot_be_known_is_not_judged(client):
    """Where no cause is proven, nothing about how it was signed is held, nor broken."""
    for result in outcomes(client()).values():
        assert result.not_judged
        assert (result.exercised, result.broken) == (0, 0)
        assert "no usual mistake explains" in result.reason or "not looked into" in result.reason


def test_form_encoding_breaks_the_encoding():
    """What Java's URLEncoder does is broken where it shows, and never held."""
    result = outcomes(FormEncoding())["signature.encoding"]
    assert result.broken


def test_a_known_cause_leaves_the_other_clauses_judged():
    """A proven cause gives the very signature that came: all else in it was right."""
    found = outcomes(WrongMethod())
    assert found["signature.method"].broken
    assert found["signature.encoding"].exercised
    assert not found["signature.encoding"].broken
    assert not found["security-token.signed"].broken


def test_a_client_that_signs_rightly_is_judged():
    """With signatures that verify, nothing is left unjudged."""
    for result in outcomes(IndependentClient()).values():
        assert result.exercised
        assert not result.not_judged
