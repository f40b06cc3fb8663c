"""Access keys that can be carried about without showing what is secret in them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

REDACTED = "**********"


class Secret:
    """A string that shows itself nowhere: not in a repr, a log line, a format or a traceback.

    ``reveal()`` is the one way to the value; call it inside the expression that needs it, never
    into a local variable (``pytest --showlocals`` prints those).
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | Secret) -> None:
        text = value.reveal() if isinstance(value, Secret) else value
        if not isinstance(text, str):
            raise TypeError(f"a secret must be str, got {type(text).__name__}")
        self._value = text

    def reveal(self) -> str:
        """Return the value."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({REDACTED!r})"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a Secret cannot be pickled")


@dataclass(frozen=True, init=False)
class Credentials:
    """An access key: id, secret and, for temporary keys, a security token.

    ``access_key_secret`` and ``security_token`` may be given as ``str`` or :class:`Secret`; they
    are kept as :class:`Secret`. Raises ``ValueError`` when the id or the secret is empty.
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
        if not isinstance(access_key_id, str):
            raise TypeError(f"access_key_id must be str, got {type(access_key_id).__name__}")
        object.__setattr__(self, "access_key_id", access_key_id)
        object.__setattr__(self, "access_key_secret", Secret(access_key_secret))
        object.__setattr__(
            self, "security_token", Secret(security_token) if security_token else None
        )
        if not access_key_id or not self.access_key_secret:
            raise ValueError("access_key_id and access_key_secret must not be empty")


def redact(text: str, *secrets: Secret | None) -> str:
    """Return ``text`` with every occurrence of the given secrets replaced."""
    for secret in secrets:
        if secret:
            text = text.replace(secret.reveal(), REDACTED)
    return text


#: What the fixtures sign with unless ``rtcmpu_credentials`` is overridden. The pair that the
#: signature page's own example uses (S2 111551).
TEST_CREDENTIALS = Credentials("testid", "testsecret")
