"""Many calls in flight: several small connection pools instead of one large one.

A connection pool of httpx checks all its connections whenever a call begins or ends, so one call
among 512 costs several times as much as one among 16. A pool here takes a few calls; the next call
goes to the first pool with room, so that few connections stay open and are reused.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client.transport import build

CALLS_A_POOL = 8
_KEPT_POOLS = 8
"""How many pools keep their connections even when idle."""
_KEPT_SECONDS = 5.0
"""Idle seconds before the other pools close theirs: bursts of calls tend to repeat."""


@dataclass
class _Pool:
    client: httpx.AsyncClient
    calls: int = 0
    idle_since: float = 0.0

    def is_idle(self, now: float) -> bool:
        """Whether it has been idle for some time."""
        return not self.calls and now - self.idle_since > _KEPT_SECONDS


class Pools:
    """The connections of one event loop, with the options of an ``httpx.AsyncClient``."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._pools: list[_Pool] = []

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send with the first pool that has room."""
        pool = next((pool for pool in self._pools if pool.calls < CALLS_A_POOL), None)
        if pool is None:
            pool = _Pool(build(httpx.AsyncClient, **self._options))
            self._pools.append(pool)
        pool.calls += 1
        try:
            response = await pool.client.send(request, **options)
        except BaseException:
            await self.leave(pool)
            raise
        if response.is_closed:
            await self.leave(pool)
        else:
            response.stream = _Body(response.stream, self, pool)
        return response

    async def leave(self, pool: _Pool) -> None:
        """One of its calls is done with."""
        pool.calls -= 1
        now = pool.idle_since = asyncio.get_running_loop().time()
        # The first pools have the work when there is little, so the last ones idle longest.
        while len(self._pools) > _KEPT_POOLS and self._pools[-1].is_idle(now):
            await self._pools.pop().client.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        while self._pools:
            await self._pools.pop().client.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of an answer, which says when it is done with."""

    def __init__(self, stream: Any, pools: Pools, pool: _Pool) -> None:
        self._stream, self._pools = stream, pools
        self._pool: _Pool | None = pool

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)  # what the library keeps there, such as `elapsed`

    def __aiter__(self) -> AsyncIterator[bytes]:
        chunks: AsyncIterator[bytes] = self._stream.__aiter__()
        return chunks

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        try:
            await self._stream.aclose()
        finally:
            if pool is not None:
                await self._pools.leave(pool)


class PerLoop:
    """The connections of each event loop, to which they belong; they are closed with it."""

    def __init__(self, open_connections: Callable[[], Any]) -> None:
        self._open = open_connections
        self._inner: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[Any, AsyncGenerator[None, None]]
        ] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        # This keeps the connections of a client that was never closed alive until they are closed.
        weakref.finalize(self, _close_in_their_loops, self._inner).atexit = False

    async def get(self) -> Any:
        """The connections of the running loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            known = self._inner.get(loop)
            if known is not None:
                return known[0]
            connections = self._open()
            keeper = _close_with_loop(connections, self._inner)
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
        self._pools = PerLoop(partial(Pools, options))

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send with the connections of the running loop."""
        if self.is_closed:
            msg = "Cannot send a request, as the client has been closed."
            raise RuntimeError(msg)
        pools: Pools = await self._pools.get()
        return await pools.send(request, **options)

    async def aclose(self) -> None:
        """Close the connections of the running loop; other loops close theirs when they end."""
        await self._pools.aclose()
        await super().aclose()


async def _close_with_loop(
    connections: Any, inner: MutableMapping[asyncio.AbstractEventLoop, Any]
) -> AsyncGenerator[None, None]:
    # `asyncio.run` closes the async generators of its loop before it ends: the only hook that a
    # library has into the end of a loop that it does not own.
    try:
        yield
    finally:
        # The generator knows its loop, so the weak key alone would never let go of it.
        inner.pop(asyncio.get_running_loop(), None)
        await connections.aclose()


def _close_in_their_loops(inner: Mapping[asyncio.AbstractEventLoop, tuple[Any, Any]]) -> None:
    for loop, (_, keeper) in list(inner.items()):
        with contextlib.suppress(RuntimeError):  # a loop that is closed has closed them
            loop.call_soon_threadsafe(_close_soon, keeper)


_CLOSING: set[asyncio.Task[None]] = set()


def _close_soon(keeper: AsyncGenerator[None, None]) -> None:
    task = asyncio.get_running_loop().create_task(_closed(keeper))
    _CLOSING.difference_update([each for each in _CLOSING if each.get_loop().is_closed()])
    _CLOSING.add(task)  # a loop drops tasks without references
    task.add_done_callback(_CLOSING.discard)


async def _closed(keeper: AsyncGenerator[None, None]) -> None:
    # RuntimeError: the loop ends, and closes it just now. OSError: the connection was broken.
    with contextlib.suppress(RuntimeError, OSError):
        await keeper.aclose()
