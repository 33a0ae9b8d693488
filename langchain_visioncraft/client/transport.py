"""Builds HTTP clients: certificates, timeouts, cookies, proxies from the environment."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies

from langchain_visioncraft._compat import httpx, is_from_httpx
from langchain_visioncraft.client.watching import watched
from langchain_visioncraft.config import Timeout
from langchain_visioncraft.errors import InvalidRequestError

ClientT = TypeVar("ClientT")


def http_timeout(timeout: Timeout) -> httpx.Timeout:
    """Our two timeouts as httpx's four. A call never fails while it waits for a connection."""
    return httpx.Timeout(connect=timeout.connect, read=timeout.read, write=timeout.read, pool=None)


def client_options(verify: Any, timeout: Timeout) -> dict[str, Any]:
    """The options of every HTTP client of this package.

    Redirects are never followed by httpx itself: a call carries the key, and a link must be
    checked again at every hop. The number of connections is left to rate limiters and to the
    caller's own concurrency.
    """
    return {
        "verify": tls_context(verify),
        "timeout": http_timeout(timeout),
        "follow_redirects": False,
        "limits": httpx.Limits(max_connections=None, max_keepalive_connections=64),
        "cookies": no_cookies(),
    }


def no_cookies() -> CookieJar:
    """A jar that stays empty: hosts of links that share an address would share cookies."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def tls_context(verify: Any) -> ssl.SSLContext:
    """The TLS context for `verify`, shared where it can be: making one takes up to 0.2 s.

    Raises `InvalidRequestError` if the certificates that a path names cannot be loaded.
    """
    if isinstance(verify, ssl.SSLContext):
        return verify
    if not isinstance(verify, str):
        return _default_context(verify)
    try:
        if Path(verify).is_dir():
            return ssl.create_default_context(capath=verify)
        return ssl.create_default_context(cafile=verify)
    except (OSError, ssl.SSLError) as error:
        msg = f"verify={verify!r}: the certificates cannot be loaded ({error})."
        raise InvalidRequestError(msg) from error


@functools.lru_cache(maxsize=2)
def _default_context(verify: bool) -> ssl.SSLContext:
    context: ssl.SSLContext = httpx.create_ssl_context(verify=verify)
    return context


BAD_PROXY = "A proxy of the environment cannot be used"


def _proxies() -> dict[str, str]:
    proxies = getproxies()
    if "*" in proxies.get("no", ""):
        return {}
    return {name: proxies[name] for name in ("http", "https", "all") if proxies.get(name)}


def _check_ports() -> None:
    """Raise `ValueError` for a port beyond 65,535: it would wrap around to another port."""
    for proxy in _proxies().values():
        _ = urlsplit(proxy if "://" in proxy else f"http://{proxy}").port


def build(kind: Callable[..., ClientT], **options: Any) -> ClientT:
    """Make an HTTP client; `InvalidRequestError` if a proxy of the environment cannot be used."""
    try:
        _check_ports()
        client = kind(**options)
    except Exception as error:
        known = isinstance(error, ValueError | ImportError) or is_from_httpx(error, "InvalidURL")
        if not known:
            raise
    else:
        watched(client)
        return client
    # Not in the handler: a "/" in a password is parsed as a port, which that error repeats.
    names = ", ".join(f"{name.upper()}_PROXY" for name in _proxies()) or "ALL_PROXY"
    msg = (
        f"{BAD_PROXY}: check {names}. "
        "Such a URL looks like http://user:password@proxy.example:3128, and special characters of "
        "its password are percent-encoded. socks5:// needs the package socksio. To use none, unset "
        "them or set NO_PROXY=*."
    )
    raise InvalidRequestError(msg)
