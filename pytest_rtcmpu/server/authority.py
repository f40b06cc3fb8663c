"""A throwaway certificate authority, and the certificates by which the service's names are served.

Nothing of it outlives the process but what is written of it for other programs (``setup``).
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pytest_rtcmpu.errors import CannotRun
from pytest_rtcmpu.values.forks import own_lock

#: Certificates that were issued are kept, of so many names.
_MAX_NAMES = 256


class Authority:
    """A certificate authority that is made when it is first needed.

    Raises:
        CannotRun: by whatever needs it, where trustme does not import.
    """

    def __init__(self) -> None:
        self._lock = own_lock(self, "_lock")
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {}

    @functools.cached_property
    def _ca(self) -> trustme.CA:  # type: ignore[name-defined]  # noqa: F821
        # It takes cryptography with it, which is slow to import.
        try:
            import trustme
        except ImportError as error:
            raise CannotRun(f"https needs trustme, which does not import here: {error}") from None
        return trustme.CA()

    @property
    def pem(self) -> bytes:
        """The authority's own certificate."""
        with self._lock:
            return bytes(self._ca.cert_pem.bytes())

    @functools.cached_property
    def trusting(self) -> ssl.SSLContext:
        """What a client verifies with that trusts this authority and no other."""
        return ssl.create_default_context(cadata=self.pem.decode("ascii"))

    def serving(
        self, *names: str, also: Callable[[str], bool] = lambda name: False
    ) -> ssl.SSLContext:
        """Return what a server serves these names with.

        Args:
            also: whether a name that a client asks for is to be served by a certificate of its own.
        """
        context = self._context(names)

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            if name is not None and also(name.lower()):
                connection.context = self._context((name.lower(),))

        context.sni_callback = choose
        return context

    def _context(self, names: tuple[str, ...]) -> ssl.SSLContext:
        with self._lock:
            context = self._contexts.get(names)
            if context is None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self._ca.issue_cert(*names).configure_cert(context)
                if len(self._contexts) < _MAX_NAMES:
                    self._contexts[names] = context
            return context


def bundle(authority: Authority) -> bytes:
    """Return the certificate of an authority, and those that this machine trusts by itself."""
    paths = ssl.get_default_verify_paths()
    found = b""
    with suppress(OSError):
        found = Path(paths.cafile or paths.openssl_cafile).read_bytes()
    return authority.pem + found


def trust_store(authority: Authority, password: bytes) -> bytes | None:
    """Return an authority's certificate as Java reads it; ``None`` where cryptography cannot.

    Its password is no secret: Java wants one.
    """
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
    from cryptography.x509 import load_pem_x509_certificate

    write = getattr(pkcs12, "serialize_java_truststore", None)
    if write is None:
        return None
    certificate = pkcs12.PKCS12Certificate(load_pem_x509_certificate(authority.pem), b"rtcmpu")
    return bytes(write([certificate], BestAvailableEncryption(password)))
