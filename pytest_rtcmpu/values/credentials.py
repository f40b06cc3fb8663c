"""Access keys that can be carried about without showing what is secret in them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_rtcmpu.values.announced import announced
from pytest_rtcmpu.values.cannot_run import CannotRun

REDACTED = "**********"


class Secret(str):
    """A string whose repr does not show it: not in a container's, a traceback's or a report's.

    Otherwise it is a ``str``, so that code that signs by hand can use it as it is. Never put what
    is made of it into a local variable: ``pytest --showlocals`` prints those.
    """

    __slots__ = ()

    def __new__(cls, value: str) -> Secret:
        """Take the value.

        Raises:
            TypeError: for what is no str.
        """
        if not isinstance(value, str):
            raise TypeError(f"a secret must be str, got {type(value).__name__}")
        return super().__new__(cls, value)

    def reveal(self) -> str:
        """Return the value as a plain ``str``."""
        return str.__str__(self)

    def __repr__(self) -> str:
        return f"Secret({REDACTED!r})"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> str:
        raise TypeError("a Secret cannot be pickled")


@announced
@dataclass(frozen=True, init=False)
class Credentials:
    """An access key: id, secret and, for temporary keys, a security token.

    ``access_key_secret`` and ``security_token`` may be given as ``str`` or :class:`Secret`; they
    are kept as :class:`Secret`.

    Raises:
        TypeError: for what is no text.
        ValueError: when the id or the secret is empty.
    """

    access_key_id: str
    access_key_secret: Secret
    security_token: Secret | None

    def __init__(
        self,
        access_key_id: str,
        access_key_secret: str | Secret,
        security_token: str | Secret | None = None,
    ) -> None:
        # Types and truths alone: pytest --showlocals prints what is in a local variable.
        _expect_text("access_key_id", type(access_key_id))
        _expect_text("access_key_secret", type(access_key_secret))
        if security_token is not None:
            _expect_text("security_token", type(security_token))
        there = {"access_key_id": bool(access_key_id), "access_key_secret": bool(access_key_secret)}
        if not all(there.values()):
            empty = " and ".join(name for name, is_there in there.items() if not is_there)
            raise ValueError(f"{empty} must not be empty")
        object.__setattr__(self, "access_key_id", access_key_id)
        object.__setattr__(self, "access_key_secret", Secret(access_key_secret))
        object.__setattr__(
            self, "security_token", Secret(security_token) if security_token else None
        )


def _expect_text(name: str, kind: type) -> None:
    if not issubclass(kind, str):
        raise TypeError(f"{name} must be str, got {kind.__name__}")


#: What the fixtures sign with unless ``rtcmpu_credentials`` is overridden. The pair that the
#: signature page's own example uses (S2 111551).
TEST_CREDENTIALS = Credentials("testid", "testsecret")


def credentials_from(environment: Mapping[str, str] = os.environ) -> Credentials:
    """Return the access key that RTCMPU_ACCESS_KEY_ID and RTCMPU_ACCESS_KEY_SECRET hold.

    The test key when neither is set.

    Raises:
        CannotRun: when only one is.
    """
    names = ("RTCMPU_ACCESS_KEY_ID", "RTCMPU_ACCESS_KEY_SECRET")
    key_id, secret = (environment.get(name, "") for name in names)
    if bool(key_id) != bool(secret):
        there, missing = names if key_id else reversed(names)
        raise CannotRun(f"{there} is set and {missing} is not; set both, or neither")
    return Credentials(key_id, secret) if key_id else TEST_CREDENTIALS
