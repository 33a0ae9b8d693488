"""A client of httpx-aiohttp, which takes less processor time, may be given like any other."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from client_driving import KEY, PNG
from httpx_aiohttp import HttpxAiohttpClient
from loopback import NAMES, RawHost, answer, closed_port, draw, names

from langchain_visioncraft import ChatVisionCraft, MediaStore, VisionCraftTextToImage
from langchain_visioncraft._redact import chain
from langchain_visioncraft.client import AsyncVisionCraftClient, endpoints
from langchain_visioncraft.client.outgoing import SHORT_BYTES
from langchain_visioncraft.errors import (
    CertificateError,
    ConnectionFailedError,
    ServerError,
    TimedOutError,
    UnsafeLinkError,
    VisionCraftError,
)


@pytest.fixture
async def http() -> AsyncIterator[HttpxAiohttpClient]:
    async with HttpxAiohttpClient(timeout=60) as client:
        yield client


def client_at(url: str, http: Any) -> AsyncVisionCraftClient:
    return AsyncVisionCraftClient(base_url=url, api_key=KEY, http_async_client=http, max_retries=0)


async def test_calls_uploads_and_links(http: HttpxAiohttpClient, tmp_path: Path) -> None:
    picture = tmp_path / "cat.png"
    picture.write_bytes(PNG + bytes(2 * SHORT_BYTES))
    link = b'{"images": ["/files/cat.png"]}'
    with RawHost(answer(PNG), answer(link), answer(PNG)) as host:
        client = client_at(host.url, http)
        [drawn] = await client.run(draw())
        [linked] = await client.run(endpoints.upscale(image=picture))
    assert drawn.read() == linked.read() == PNG
    assert KEY.encode() not in host.seen[2].head.encode() + host.seen[2].body


@pytest.mark.parametrize("what", ["client", "chat"])
async def test_an_answer_that_cannot_be_read_is_not_asked_for_again(
    http: HttpxAiohttpClient, what: str
) -> None:
    settings: dict[str, Any] = {"api_key": KEY, "http_async_client": http, "max_retries": 2}
    with RawHost(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n") as host:
        client = AsyncVisionCraftClient(base_url=host.url, **settings)
        chat = ChatVisionCraft(model="m", base_url=host.url, **settings)
        asking: Any = client.run(draw()) if what == "client" else chat.ainvoke("Hi")
        with pytest.raises(ConnectionFailedError) as caught:
            await asking
        assert len(host.seen) == 1
    assert not any(KEY in repr((each, vars(each))) for each in chain(caught.value))


async def test_many_calls_of_a_tool_at_once(http: HttpxAiohttpClient, tmp_path: Path) -> None:
    with RawHost(answer(PNG)) as host:
        tool = VisionCraftTextToImage(
            api_key=KEY,
            base_url=host.url,
            http_async_client=http,
            store=MediaStore(tmp_path / "store"),
        )
        made = await tool.abatch([{"prompt": str(number)} for number in range(30)])
    assert len(set(made)) == 1
    assert len(host.seen) == 30


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (answer(b'{"error": "tired"}', status="500 Oops"), ServerError),
        (b"", ConnectionFailedError),
        (answer(b"", "Location: https://elsewhere.test", status="302 Found"), VisionCraftError),
        (answer(b'{"images": ["http://10.0.0.1/cat.png"]}'), UnsafeLinkError),
    ],
)
async def test_errors(
    http: HttpxAiohttpClient, given: bytes, error: type[VisionCraftError]
) -> None:
    with RawHost(given) as host, pytest.raises(error) as caught:
        await client_at(host.url, http).run(draw())
    assert not isinstance(caught.value, TimedOutError)


async def test_a_refused_connection_is_no_timeout(http: HttpxAiohttpClient) -> None:
    with pytest.raises(ConnectionFailedError, match="failed"):
        await client_at(closed_port(), http).run(names())


async def test_a_host_that_says_nothing_is_a_timeout(http: HttpxAiohttpClient) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    http.timeout = httpx.Timeout(60, read=0.3)
    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        with pytest.raises(TimedOutError, match="in time"):
            await client_at(f"http://{host}:{port}", http).run(names())
        await http.aclose()


async def test_a_certificate_that_nobody_vouches_for(
    http: HttpxAiohttpClient, tls: ssl.SSLContext
) -> None:
    with RawHost(NAMES, tls=tls) as host, pytest.raises(CertificateError, match="verif"):
        await client_at(host.url, http).run(names())
