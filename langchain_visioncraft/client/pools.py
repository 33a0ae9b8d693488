"""Many calls in flight: several small connection pools instead of one large.

A connection pool of httpx looks at all its connections whenever a call begins or ends, so one call
among 512 costs several times what one among 16 does. A pool here takes a few calls; the next call
goes to the first pool with room, so that few connections stay open and are used again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client.proxies import build

CALLS_A_POOL = 8
_KEPT_POOLS = 8
"""Pools that keep their connections however long they have nothing to do."""
_KEPT_SECONDS = 5.0
"""For the others: a burst of calls is mostly followed by another."""


@dataclass
class _Pool:
    client: httpx.AsyncClient
    calls: int = 0
    idle_since: float = 0.0

    def is_idle(self, now: float) -> bool:
        """Whether nothing came for some time."""
        return not self.calls and now - self.idle_since > _KEPT_SECONDS


class Pools:
    """The connections of one event loop.

    Args:
        options: Those of an ``httpx.AsyncClient``.
    """

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
