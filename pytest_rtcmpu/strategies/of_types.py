"""Which strategy makes the values of a type: what ``st.from_type`` finds."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from pytest_rtcmpu.model import OperationRequest, UserPane
from pytest_rtcmpu.strategies.tasks import requests
from pytest_rtcmpu.strategies.values import user_pane
from pytest_rtcmpu.values.credentials import Credentials

_LONGEST = 40
_ID_CHARACTERS = string.ascii_lowercase + string.ascii_uppercase + string.digits
#: Tokens have the characters of Base64 too, which a signer has to encode.
_TOKEN_CHARACTERS = _ID_CHARACTERS + "+/="


def credentials() -> st.SearchStrategy[Credentials]:
    """Access keys that nobody has, with a SecurityToken and without."""
    key = st.text(_ID_CHARACTERS, min_size=1, max_size=_LONGEST)
    token = st.text(_TOKEN_CHARACTERS, min_size=1, max_size=_LONGEST)
    return st.builds(Credentials, key, key, st.none() | token)


def of_type(made: type) -> st.SearchStrategy[object]:
    """Return the strategy of a type that announced itself."""
    if made is Credentials:
        return credentials()
    if made is UserPane:
        return user_pane()
    assert issubclass(made, OperationRequest)
    return requests(made.action)
