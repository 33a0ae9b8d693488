"""HTTP clients that survive threads, forks, and one event loop after another."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
import threading
import weakref
from collections.abc import AsyncGenerator, Mapping, MutableMapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client.pools import Pools
from langchain_visioncraft.config import Timeout
from langchain_visioncraft.errors import InvalidRequestError


def http_timeout(timeout: Timeout) -> httpx.Timeout:
    """Our two numbers as httpx's four. Waiting for a free connection never fails a call."""
    return httpx.Timeout(connect=timeout.connect, read=timeout.read, write=timeout.read, pool=None)


def client_options(verify: Any, timeout: Timeout) -> dict[str, Any]:
    """What every HTTP client of this package is built with.

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
    """A jar that stays empty: hosts of links that share an address would get each other's."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def tls_context(verify: Any) -> ssl.SSLContext:
    """The TLS context for `verify`, shared where it can be: making one takes up to 0.2 s.

    Raises:
        InvalidRequestError: If the certificates that a path names cannot be loaded.
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


class LoopSafeAsyncClient(httpx.AsyncClient):
    """An `AsyncClient` that may be used from several event loops, one after another or at once.

    A connection belongs to the loop that opened it; a plain `AsyncClient` fails in the second
    `asyncio.run`. This one keeps inner clients for each loop and closes them with the loop.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._inner_options = options
        self._inner: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[Pools, AsyncGenerator[None, None]]
        ] = weakref.WeakKeyDictionary()
        self._inner_lock = threading.Lock()
        # Held by this, the connections outlive a client that nobody closed, until they are closed.
        weakref.finalize(self, _close_in_their_loops, self._inner).atexit = False

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send with the connections of the running loop."""
        if self.is_closed:
            msg = "Cannot send a request, as the client has been closed."
            raise RuntimeError(msg)
        pools = await self._pools_of_running_loop()
        return await pools.send(request, **options)

    async def _pools_of_running_loop(self) -> Pools:
        loop = asyncio.get_running_loop()
        with self._inner_lock:
            known = self._inner.get(loop)
            if known is not None:
                return known[0]
            pools = Pools(self._inner_options)
            keeper = _close_with_loop(pools, self._inner)
            self._inner[loop] = pools, keeper
        await keeper.__anext__()
        return pools

    async def aclose(self) -> None:
        """Close the connections of the running loop; other loops close theirs when they end."""
        with self._inner_lock:
            known = self._inner.pop(asyncio.get_running_loop(), None)
        if known is not None:
            await known[1].aclose()
        await super().aclose()


async def _close_with_loop(
    pools: Pools, inner: MutableMapping[asyncio.AbstractEventLoop, Any]
) -> AsyncGenerator[None, None]:
    # `asyncio.run` closes the async generators of its loop before it ends: the only hook that a
    # library has into the end of somebody else's loop.
    try:
        yield
    finally:
        # The generator knows its loop, so the weak key alone would never let go of it.
        inner.pop(asyncio.get_running_loop(), None)
        await pools.aclose()


def _close_in_their_loops(inner: Mapping[asyncio.AbstractEventLoop, tuple[Any, Any]]) -> None:
    for loop, (_, keeper) in list(inner.items()):
        with contextlib.suppress(RuntimeError):  # a loop that is closed has closed them
            loop.call_soon_threadsafe(_close_soon, keeper)


_CLOSING: set[asyncio.Task[None]] = set()


def _close_soon(keeper: AsyncGenerator[None, None]) -> None:
    task = asyncio.get_running_loop().create_task(_closed(keeper))
    _CLOSING.difference_update([each for each in _CLOSING if each.get_loop().is_closed()])
    _CLOSING.add(task)  # a loop forgets tasks that nobody holds
    task.add_done_callback(_CLOSING.discard)


async def _closed(keeper: AsyncGenerator[None, None]) -> None:
    # RuntimeError: the loop ends, and closes it just now. OSError: the connection was broken.
    with contextlib.suppress(RuntimeError, OSError):
        await keeper.aclose()
