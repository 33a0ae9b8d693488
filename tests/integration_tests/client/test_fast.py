"""The async client sends by aiohttp by itself where that is installed and no proxy is set."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from client_driving import KEY, PNG
from loopback import NAMES, RawHost, names

from langchain_visioncraft.client import AsyncVisionCraftClient, endpoints
from langchain_visioncraft.client.fast import AiohttpClient
from langchain_visioncraft.client.transport import LoopSafeAsyncClient
from langchain_visioncraft.errors import TimedOutError

MODULE = "langchain_visioncraft.client.fast"


async def test_aiohttp_is_used_where_it_is_installed() -> None:
    with RawHost(NAMES) as host:
        async with AsyncVisionCraftClient(base_url=host.url) as client:
            assert isinstance(client.http(), AiohttpClient)
            assert await client.run(names())


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
async def test_proxies_are_left_to_httpx(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    async with AsyncVisionCraftClient() as client:
        assert type(client.http()) is LoopSafeAsyncClient


async def test_without_aiohttp_httpx_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MODULE, None)
    with RawHost(NAMES) as host:
        async with AsyncVisionCraftClient(base_url=host.url) as client:
            assert type(client.http()) is LoopSafeAsyncClient
            assert await client.run(names())


async def test_a_compression_that_is_no_word_is_ignored() -> None:
    named = [b"Content-Encoding: \xff", b"Content-Length: 5"]
    with RawHost(b"\r\n".join([b"HTTP/1.1 200 OK", *named, b"", b'["a"]'])) as host:
        async with AsyncVisionCraftClient(base_url=host.url) as client:
            assert await client.run(names()) == ["a"]


async def test_a_host_that_stops_reading_an_upload_is_a_timeout(tmp_path: Path) -> None:
    picture = tmp_path / "cat.png"
    picture.write_bytes(PNG + bytes(40_000_000))
    left = asyncio.Event()

    async def read_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await left.wait()
        writer.close()

    server = await asyncio.start_server(read_nothing, "127.0.0.1", 0, limit=1)
    async with server:
        host, port = server.sockets[0].getsockname()
        url = f"http://{host}:{port}"
        async with AsyncVisionCraftClient(
            api_key=KEY, base_url=url, timeout=0.3, max_retries=0
        ) as client:
            try:
                with pytest.raises(TimedOutError) as caught:
                    await client.run(endpoints.upscale(image=picture))
            finally:
                left.set()  # the server waits for its connections
    assert caught.value.phase == "write"
