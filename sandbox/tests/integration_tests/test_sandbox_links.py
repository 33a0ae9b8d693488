"""Links in requests: one deadline for all of a fetch, which ends when its caller leaves."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from visioncraft_sandbox import Sandbox, SandboxConfig
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.engine_pool import EnginePool
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.uploads import Uploads

from langchain_visioncraft.media.inputs import parse_source

HEAD = b"HTTP/1.1 200 OK\r\n"
DRIPS = {
    "a status line": b"HTTP/1.1 200 ",
    "a header": HEAD + b"X-Slow: ",
    "a body": HEAD + b"Content-Length: 100000\r\n\r\n",
    "a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n",
}


class Host:
    """Answers ``/whole`` with its body; to others it sends a beginning, and then drips."""

    def __init__(self) -> None:
        self.beginning = DRIPS["a header"]
        self.whole = HEAD + b"Content-Length: 4\r\n\r\nfull"
        self.url = ""
        self.dripping = 0
        self.changed = asyncio.Condition()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        if b"/whole" in asked:
            writer.write(self.whole)
        elif b"/redirect" in asked:
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: /drip\r\nContent-Length: 0\r\n\r\n")
        else:
            await self._drip(writer)
        with contextlib.suppress(OSError):
            await writer.drain()
            writer.close()

    async def _drip(self, writer: asyncio.StreamWriter) -> None:
        await self._count(1)
        with contextlib.suppress(OSError):
            writer.write(self.beginning)
            while True:
                writer.write(b"1")
                await writer.drain()
                await asyncio.sleep(0.02)
        await self._count(-1)

    async def _count(self, change: int) -> None:
        async with self.changed:
            self.dripping += change
            self.changed.notify_all()

    async def wait_for(self, dripping: int) -> None:
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: self.dripping == dripping)


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    made = Host()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()


def uploads(**options: Any) -> Uploads:
    config = SandboxConfig(models=False, **{"allow_private_urls": True, **options})
    return Uploads(config, FileStore(1 << 20, 60), "sandbox:8765", EnginePool(config))


async def fetched(reader: Uploads, url: str) -> bytes:
    async with asyncio.timeout(30):  # a deadline that does not hold fails, and does not hang
        return await reader.read(parse_source(url), "image")


@pytest.mark.parametrize("path", ["/drip", "/redirect"])
@pytest.mark.parametrize("beginning", DRIPS.values(), ids=DRIPS)
async def test_a_host_that_drips_is_given_up_at_the_deadline(
    host: Host, beginning: bytes, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visioncraft_sandbox.uploads._FETCH_SECONDS", 0.5)
    host.beginning = beginning
    reader = uploads()
    with pytest.raises(Refusal, match=r"image: http://127.* takes longer than 0 seconds in all"):
        await fetched(reader, host.url + path)
    await host.wait_for(dripping=0)
    assert reader.pool.links.borrowed_tokens == 0
    with pytest.raises(Refusal, match="takes longer"):  # the deadline is that of the request
        await fetched(reader, f"{host.url}/whole")


async def test_a_name_that_is_looked_up_for_too_long_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("visioncraft_sandbox.uploads._FETCH_SECONDS", 0.2)
    done = threading.Event()

    def look_up(*_: Any, **__: Any) -> list[Any]:
        assert done.wait(30)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        with pytest.raises(Refusal, match="takes longer than"):
            await fetched(uploads(allow_private_urls=False), "http://slow.example/a.png")
    finally:
        done.set()


async def test_slow_look_ups_of_callers_who_left_do_not_block_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done, begun = threading.Event(), threading.Semaphore(0)

    def look_up(host: str, *_: Any, **__: Any) -> list[Any]:
        if host == "slow.example":
            begun.release()
            done.wait(60)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    reader = uploads(allow_private_urls=False)
    try:
        for _ in range(3):  # more threads than those of asyncio's own
            slow = [
                asyncio.ensure_future(fetched(reader, "http://slow.example/")) for _ in range(16)
            ]
            for _ in slow:
                assert await asyncio.to_thread(begun.acquire, timeout=30)
            for each in slow:
                each.cancel()
            await asyncio.gather(*slow, return_exceptions=True)
        with pytest.raises(Refusal, match="could not be fetched"):
            await fetched(reader, "http://quick.example/")
    finally:
        done.set()


async def test_at_most_16_links_are_fetched_at_once(host: Host) -> None:
    reader = uploads()
    fetching = [asyncio.ensure_future(fetched(reader, f"{host.url}/drip")) for _ in range(17)]
    await host.wait_for(dripping=16)
    assert reader.pool.links.statistics().tasks_waiting == 1
    for each in fetching:
        each.cancel()
    await asyncio.gather(*fetching, return_exceptions=True)
    await host.wait_for(dripping=0)


async def test_a_fetch_ends_when_its_caller_leaves(host: Host) -> None:
    with Sandbox(models=False, allow_private_urls=True) as sandbox:
        async with httpx.AsyncClient(base_url=sandbox.url, timeout=30) as client:

            async def edit(path: str) -> httpx.Response:
                body = {"token": "any", "prompt": "a", "image": host.url + path}
                return await client.post("/img2img", json=body)

            callers = [asyncio.ensure_future(edit("/drip")) for _ in range(16)]
            await host.wait_for(dripping=16)
            for caller in callers:
                caller.cancel()
            await asyncio.gather(*callers, return_exceptions=True)
            await host.wait_for(dripping=0)
            assert "is not a picture" in (await edit("/whole")).text


ZIPPED, BOMB = (gzip.compress(each, mtime=0) for each in (b"zipped", bytes(1_000_000)))
"""Without the time: names of tests that differ between workers end the run."""


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        (b"", b"plain", b"plain"),
        (b"Content-Encoding: gzip\r\n", ZIPPED, b"zipped"),
        (b"Content-Encoding: gzip\r\n", BOMB, "more than 1,000 bytes"),
        (b"Content-Encoding: gzip\r\n", b"plain", "is damaged"),
        (b"Content-Encoding: br\r\n", b"", "is compressed in another way"),
        (b"Content-Encoding: gzip, gzip\r\n", b"", "is compressed in another way"),
        (b"", bytes(1001), "more than 1,000 bytes"),
    ],
)
async def test_a_body_is_unpacked_within_its_bound(
    host: Host, head: bytes, body: bytes, expected: bytes | str
) -> None:
    host.whole = HEAD + head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    reader = uploads(max_fetch_bytes=1000)
    if isinstance(expected, bytes):
        assert await fetched(reader, f"{host.url}/whole") == expected
    else:
        with pytest.raises(Refusal, match=expected):
            await fetched(reader, f"{host.url}/whole")


@pytest.mark.parametrize("zipped", [False, True])
async def test_the_links_of_all_requests_are_bounded_together(host: Host, zipped: bool) -> None:
    body, small = bytes(190_000), bytes(100_000)
    head = HEAD + (b"Content-Encoding: gzip\r\n" if zipped else b"")
    config = SandboxConfig(models=False, allow_private_urls=True, max_fetch_bytes=200_000)
    files, pool = FileStore(1 << 20, 60), EnginePool(config)

    async def hold(data: bytes, stack: contextlib.AsyncExitStack) -> Uploads:
        sent = gzip.compress(data) if zipped else data
        host.whole = head + b"Content-Length: %d\r\n\r\n" % len(sent) + sent
        made = Uploads(config, files, "sandbox:8765", pool)
        await stack.enter_async_context(made)
        assert await fetched(made, f"{host.url}/whole") == data
        return made

    async with contextlib.AsyncExitStack() as stack:
        first, *_ = [await hold(body, stack) for _ in range(4)]
        async with contextlib.AsyncExitStack() as others:
            await hold(small, others)
            with pytest.raises(Refusal, match="links of other requests hold too much") as busy:
                await hold(body, others)
        assert (busy.value.status, busy.value.headers) == (503, {"retry-after": "5"})
        await first.__aexit__()
        await hold(body, stack)
    assert pool.fetched == 0


async def test_an_error_does_not_repeat_the_keys_of_a_link(host: Host) -> None:
    with pytest.raises(Refusal) as refused:
        await fetched(uploads(), f"{host.url.replace('//', '//me:a-key-in-a-link@')}/?token=a-key")
    assert "//***@127.0.0.1" in str(refused.value.message)
    assert "a-key" not in str(refused.value.message)
