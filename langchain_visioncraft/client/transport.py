"""Builds HTTP clients: certificates, timeouts, cookies, proxies, event loops."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, MutableMapping
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


def client_options(verify: Any, timeout: Timeout) -> dict[str, Any]:
    """The options of every HTTP client of this package.

    Redirects are never followed by httpx itself: a call carries the key, and a link must be
    checked again at every hop. The number of connections is left to rate limiters and to the
    caller's own concurrency.
    """
    connect, read = timeout.connect, timeout.read
    return {
        "verify": tls_context(verify),
        # A call never fails while it waits for a connection.
        "timeout": httpx.Timeout(connect=connect, read=read, write=read, pool=None),
        "follow_redirects": False,
        "limits": httpx.Limits(max_connections=None, max_keepalive_connections=64),
        "cookies": no_cookies(),
    }


def no_cookies() -> CookieJar:
    """A jar that stays empty: hosts of links that share an address would share cookies."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def tls_context(verify: Any) -> ssl.SSLContext:
    """The TLS context for `verify`, shared if possible: making one takes up to 0.2 s.

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


BAD_PROXY = "A proxy from the environment cannot be used"


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
    """Make an HTTP client; `InvalidRequestError` if a proxy from the environment is invalid."""
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


class PerLoop:
    """The connections of each event loop, to which they belong; they are closed with it."""

    def __init__(self, open_connections: Callable[[], Any]) -> None:
        self._open = open_connections
        self._inner: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[Any, AsyncGenerator[None, None]]
        ] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    async def get(self) -> Any:
        """The connections of the running loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            known = self._inner.get(loop)
            if known is not None:
                return known[0]
            connections = self._open()
            keeper = _close_with_loop(connections, weakref.ref(self._inner))
            self._inner[loop] = connections, keeper
        await keeper.__anext__()
        return connections

    async def aclose(self) -> None:
        """Close the connections of the running loop; other loops close theirs when they end."""
        with self._lock:
            known = self._inner.pop(asyncio.get_running_loop(), None)
        if known is not None:
            await known[1].aclose()


class LoopSafeAsyncClient(httpx.AsyncClient):
    """An `AsyncClient` that may be used from several event loops, one after another or at once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._clients = PerLoop(lambda: build(httpx.AsyncClient, **options))

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send with the connections of the running loop."""
        if self.is_closed:
            msg = "Cannot send a request, as the client has been closed."
            raise RuntimeError(msg)
        client: httpx.AsyncClient = await self._clients.get()
        return await client.send(request, **options)

    async def aclose(self) -> None:
        """Close the connections of the running loop; other loops close theirs when they end."""
        await self._clients.aclose()
        await super().aclose()


async def _close_with_loop(
    connections: Any, inner: Callable[[], MutableMapping[asyncio.AbstractEventLoop, Any] | None]
) -> AsyncGenerator[None, None]:
    # A loop closes its async generators when they are collected, and `asyncio.run` before it ends:
    # a library has no other hook into the end of a loop that it does not own.
    try:
        yield
    finally:
        # The generator refers to its loop, so the weak key alone would never release it.
        if (known := inner()) is not None:
            known.pop(asyncio.get_running_loop(), None)
        with contextlib.suppress(OSError):  # the connection was broken
            await connections.aclose()
