"""Hosts that may be called for real, as people write them."""

import pytest

from pytest_rtcmpu import cli, mocked
from pytest_rtcmpu.values.hosts import allowed_hosts

READ = {
    "commas": (["a.example.com,b.example.com", "c"], {"a.example.com", "b.example.com", "c"}),
    "spaces": (["a.example.com  b.example.com"], {"a.example.com", "b.example.com"}),
    "capitals": (["API.Example.COM"], {"api.example.com"}),
    "a last dot": (["api.example.com."], {"api.example.com"}),
    "an underscore": (["my_db"], {"my_db"}),
    "an address": (["192.0.2.7"], {"192.0.2.7"}),
    "an address of six": (["2001:DB8:0::7", "[::1]"], {"2001:db8::7", "::1"}),
    "nothing": (["", " , "], set()),
}
REFUSED = {
    "db.internal:5432": "a port too",
    "[2001:db8::7]:443": "a port too",
    "https://db.internal": "a URL",
    "*.example.com": "a pattern",
    "db?.internal": "a pattern",
    "10.0.0.0/8": "a network or a path",
    "bücher.example": "not ASCII",
    "-x": "got none",
}


@pytest.mark.parametrize(("given", "hosts"), READ.values(), ids=READ)
def test_what_is_read(given: list[str], hosts: set[str]) -> None:
    """However a host is written, it is allowed by the name it is compared by."""
    assert allowed_hosts(given) == hosts


@pytest.mark.parametrize(("given", "why"), REFUSED.items(), ids=REFUSED)
def test_what_is_refused(given: str, why: str) -> None:
    """What would allow nobody is refused, with what was written and what to write."""
    with pytest.raises(ValueError, match="expected the name or the address of a host") as raised:
        allowed_hosts([given])
    assert why in str(raised.value)


def test_one_text_is_no_list() -> None:
    """One text in place of a list would allow its letters."""
    with (
        pytest.raises(TypeError, match=r"write \['db.internal'\]"),
        mocked(allow_hosts="db.internal"),
    ):
        pass


def test_the_shell_refuses_too(capsys: pytest.CaptureFixture[str]) -> None:
    """``--allow-host`` takes what the ini option takes."""
    assert cli.main(["serve", "--allow-host", "db.internal:5432"]) == cli.COULD_NOT_RUN
    assert "--allow-host 'db.internal:5432': expected the name" in capsys.readouterr().err
