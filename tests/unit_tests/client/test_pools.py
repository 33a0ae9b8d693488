"""Calls are spread over small pools, and leave them however they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client.pools import CALLS_A_POOL, Pools


class Host:
    """Answers when a test lets it, as a transport; counts how often it was closed."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.closed = 0

    async def answer(self, request: httpx.Request) -> httpx.Response:
        await self.gate.wait()
        if request.url.path == "/broken":
            raise httpx.ConnectError("refused")

        async def body() -> AsyncIterator[bytes]:
            yield b"four"
            yield b"teen"

        return httpx.Response(200, content=body())

    def transport(self) -> Any:
        host = self

        class Transport(httpx.MockTransport):
            async def aclose(self) -> None:
                host.closed += 1

        return Transport(self.answer)


def request(path: str = "/") -> httpx.Request:
    return httpx.Request("GET", f"http://host.test{path}")


def calls_of(pools: Pools) -> list[int]:
    return [pool.calls for pool in pools._pools]


async def test_calls_fill_one_pool_before_the_next() -> None:
    host = Host()
    pools = Pools({"transport": host.transport()})
    calls = [asyncio.create_task(pools.send(request())) for _ in range(CALLS_A_POOL + 3)]
    await asyncio.sleep(0)
    assert calls_of(pools) == [CALLS_A_POOL, 3]
    host.gate.set()
    await asyncio.gather(*calls)
    assert calls_of(pools) == [0, 0]


async def test_one_by_one_all_calls_share_one_pool() -> None:
    host = Host()
    host.gate.set()
    pools = Pools({"transport": host.transport()})
    for _ in range(3 * CALLS_A_POOL):
        await pools.send(request())
    assert calls_of(pools) == [0]


async def test_a_streamed_answer_counts_until_it_is_closed() -> None:
    host = Host()
    host.gate.set()
    pools = Pools({"transport": host.transport()})
    response = await pools.send(request(), stream=True)
    assert calls_of(pools) == [1]
    assert [chunk async for chunk in response.aiter_bytes()] == [b"four", b"teen"]
    await response.aclose()
    await response.aclose()
    assert calls_of(pools) == [0]
    assert response.elapsed.total_seconds() >= 0


async def test_a_call_that_fails_leaves_its_pool() -> None:
    host = Host()
    host.gate.set()
    pools = Pools({"transport": host.transport()})
    with pytest.raises(httpx.ConnectError):
        await pools.send(request("/broken"))
    assert calls_of(pools) == [0]


async def test_a_call_that_is_cancelled_leaves_its_pool() -> None:
    pools = Pools({"transport": Host().transport()})
    call = asyncio.create_task(pools.send(request()))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert calls_of(pools) == [0]


async def test_some_time_after_a_rush_only_a_few_pools_keep_their_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = Host()
    pools = Pools({"transport": host.transport()})
    calls = [asyncio.create_task(pools.send(request())) for _ in range(11 * CALLS_A_POOL)]
    await asyncio.sleep(0)
    assert len(calls_of(pools)) == 11
    host.gate.set()
    await asyncio.gather(*calls)
    assert host.closed == 0  # another rush may follow
    loop = asyncio.get_running_loop()
    later = loop.time() + 10
    monkeypatch.setattr(loop, "time", lambda: later)
    await pools.send(request())
    assert calls_of(pools) == [0] * 8
    assert host.closed == 3
    await pools.aclose()
    assert host.closed == 11
