"""What a program in another process is to be told, so that its calls to the service end here.

By its environment alone: a proxy, and an authority to trust. Each language has names of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from pytest_rtcmpu.contract.hosts import names_of
from pytest_rtcmpu.errors import CannotRun
from pytest_rtcmpu.server.authority import Authority, bundle, trust_store
from pytest_rtcmpu.server.proxy import Proxy

_LOOPBACK = "localhost,127.0.0.1,::1"
_PASSWORD = "rtcmpu"
Variables = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Files:
    """What is written for other programs, into one folder.

    Attributes:
        authority: the certificate of the authority, alone.
        bundle: it, and those that this machine trusts by itself.
        trust_store: it, as Java reads it; ``None`` where cryptography is too old to write that.
        preload: what Node loads first.
        php: a folder of settings for PHP.
    """

    authority: Path
    bundle: Path
    trust_store: Path | None
    preload: Path
    php: Path


def write_files(authority: Authority, folder: Path) -> Files:
    """Write what other programs are to read, into a folder that is there."""
    files = Files(
        authority=folder / "ca.pem",
        bundle=folder / "bundle.pem",
        trust_store=folder / "ca.p12",
        preload=folder / "preload.js",
        php=folder / "php",
    )
    files.authority.write_bytes(authority.pem)
    files.bundle.write_bytes(bundle(authority))
    files.preload.write_bytes(Path(__file__).with_name("preload.js").read_bytes())
    files.php.mkdir(exist_ok=True)
    (files.php / "rtcmpu.ini").write_text(
        f"curl.cainfo={files.bundle}\nopenssl.cafile={files.bundle}\n", "utf-8"
    )
    store = trust_store(authority, _PASSWORD.encode())
    if store is None:
        return replace(files, trust_store=None)
    assert files.trust_store is not None
    files.trust_store.write_bytes(store)
    return files


def _proxies(url: str) -> Variables:
    # Most programs read the name in lower case, some the other, and curl HTTP_PROXY not at all.
    names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")
    return {**dict.fromkeys(names, url), **dict.fromkeys(("NO_PROXY", "no_proxy"), _LOOPBACK)}


def _curl(url: str, files: Files, proxy: Proxy) -> Variables:
    return {**_proxies(url), "CURL_CA_BUNDLE": str(files.bundle)}


def _go(url: str, files: Files, proxy: Proxy) -> Variables:
    return {**_proxies(url), "SSL_CERT_FILE": str(files.bundle)}


def _python(url: str, files: Files, proxy: Proxy) -> Variables:
    return {**_go(url, files, proxy), "REQUESTS_CA_BUNDLE": str(files.bundle)}


def _php(url: str, files: Files, proxy: Proxy) -> Variables:
    # The folder of settings that it has by itself comes first: what stands before the colon.
    return {**_proxies(url), "PHP_INI_SCAN_DIR": f":{files.php}"}


def _node(url: str, files: Files, proxy: Proxy) -> Variables:
    return {
        **_proxies(url),
        "NODE_EXTRA_CA_CERTS": str(files.authority),
        "NODE_OPTIONS": f"--require={files.preload}",
        "RTCMPU_PROXY": url,
        "RTCMPU_NAMES": names_of(proxy.service).pattern,
        "RTCMPU_ALLOW": ",".join(sorted(proxy.allow)),
    }


def _java(url: str, files: Files, proxy: Proxy) -> Variables:
    if files.trust_store is None:
        raise CannotRun(
            "Java's trust store needs cryptography 45 or later: pip install -U cryptography"
        )
    parts = urlsplit(url)
    options = {
        **{f"{scheme}.proxyHost": parts.hostname for scheme in ("http", "https")},
        **{f"{scheme}.proxyPort": parts.port for scheme in ("http", "https")},
        "http.nonProxyHosts": "localhost|127.*|[::1]",
        "javax.net.ssl.trustStore": files.trust_store,
        "javax.net.ssl.trustStorePassword": _PASSWORD,
        "javax.net.ssl.trustStoreType": "PKCS12",
    }
    told = " ".join(f"-D{name}={value}" for name, value in options.items())
    return {"JAVA_TOOL_OPTIONS": told}


LANGUAGES: Mapping[str, Callable[[str, Files, Proxy], Variables]] = {
    "curl": _curl,
    "go": _go,
    "java": _java,
    "node": _node,
    "php": _php,
    "python": _python,
}


def variables_of(language: str, url: str, files: Files, proxy: Proxy) -> Variables:
    """Return the environment variables by which a language's programs come in.

    Args:
        url: the server's, which is the proxy.

    Raises:
        CannotRun: where what it needs could not be made here.
    """
    return LANGUAGES[language](url, files, proxy)


def all_variables(url: str, files: Files, proxy: Proxy) -> Variables:
    """Return the environment variables of all languages, as far as they could be made."""
    found: Variables = {}
    for language in LANGUAGES:
        if language != "java" or files.trust_store is not None:
            found |= variables_of(language, url, files, proxy)
    return found
