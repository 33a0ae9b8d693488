"""Many calls in flight at a host that takes 50 ms for each; the answers are small."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.cases import Case, Place, Run
from benchmarks.contenders.pictures import BODY, WORDS, text_to_image_tool, tool_call

LATENCY = 0.05
PATH = "/wait-50/small"


def in_flight(call: Callable[[], Awaitable[Any]], limit: int) -> Run:
    """Make so many of these calls at a time."""

    async def run(count: int) -> None:
        turns = iter(range(count))

        async def take_turns() -> None:
            for _ in turns:
                await call()

        await asyncio.gather(*(take_turns() for _ in range(limit)))

    return run


def _add(case: Case, limit: int) -> None:
    @case.contender("httpx2", "httpx2")
    @asynccontextmanager
    async def _httpx2(place: Place) -> AsyncIterator[Run]:
        import httpx2

        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=limit)
        async with httpx2.AsyncClient(limits=limits, timeout=60) as client:
            yield in_flight(lambda: client.post(f"{place.url}{PATH}/sd", json=BODY), limit)

    @case.contender("aiohttp", "aiohttp")
    @asynccontextmanager
    async def _aiohttp(place: Place) -> AsyncIterator[Run]:
        import aiohttp

        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def call() -> None:
                async with session.post(f"{place.url}{PATH}/sd", json=BODY) as response:
                    await response.read()

            yield in_flight(call, limit)

    @case.contender("client.run")
    @asynccontextmanager
    async def _client(place: Place) -> AsyncIterator[Run]:
        from langchain_visioncraft.client import AsyncVisionCraftClient, endpoints

        async with AsyncVisionCraftClient(api_key="key", base_url=place.url + PATH) as client:
            yield in_flight(lambda: client.run(endpoints.text_to_image(**WORDS)), limit)

    @case.contender("httpx2, kept by hand", "httpx2")
    @asynccontextmanager
    async def _kept(place: Place) -> AsyncIterator[Run]:
        import httpx2

        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=limit)
        async with httpx2.AsyncClient(limits=limits, timeout=60) as client:

            async def call() -> None:
                response = await client.post(f"{place.url}{PATH}/sd", json=BODY)
                await asyncio.to_thread(_keep, place.folder, response.content)

            yield in_flight(call, limit)

    @case.contender("tool.abatch")
    @asynccontextmanager
    async def _abatch(place: Place) -> AsyncIterator[Run]:
        draw = text_to_image_tool(place, PATH)

        async def run(count: int) -> None:
            calls = [tool_call() for _ in range(count)]
            await draw.abatch(calls, config={"max_concurrency": limit})

        yield run


def _keep(folder: Path, picture: bytes) -> None:
    """What a tool does with a picture, at its simplest: two files, named by content."""
    digest = hashlib.sha256(picture).hexdigest()
    (folder / f"{digest[:12]}.png").write_bytes(picture)
    facts = {"sha256": digest, "size": len(picture), "arguments": WORDS}
    (folder / f"{digest[:12]}.png.json").write_text(json.dumps(facts, indent=2))


fan_out = Case(
    "fan-out-64",
    "64 calls in flight, 50 ms latency",
    calls=1280,
    warm_up=128,
    ideal_rate=64 / LATENCY,
)
_add(fan_out, 64)

wide = Case(
    "fan-out-512",
    "512 calls in flight, 50 ms latency",
    calls=2560,
    warm_up=1024,
    ideal_rate=512 / LATENCY,
)
_add(wide, 512)


def _loader(name: str, make: Callable[[int], bytes], suffix: str) -> None:
    @fan_out.contender(name, "PIL", "av")
    @asynccontextmanager
    async def _load(place: Place) -> AsyncIterator[Run]:
        from langchain_core.documents.base import Blob

        from langchain_visioncraft import VisionCraftMediaLoader

        # No two alike: a loader asks once about the same file.
        files = [make(number) for number in range(fan_out.calls)]

        async def run(count: int) -> None:
            blobs = [
                Blob.from_data(data, path=f"{number}{suffix}")
                for number, data in enumerate(files[:count])
            ]
            loader = VisionCraftMediaLoader(
                blobs, max_concurrency=64, api_key="key", base_url=place.url + PATH
            )
            documents = [document async for document in loader.alazy_load()]
            assert len(documents) == count

        yield run


def _recording(number: int) -> bytes:
    """A second of sound, as WAV: two notes that differ from recording to recording."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes((1000 + number).to_bytes(4, "little") * 4000)
    return file.getvalue()


def _picture(number: int) -> bytes:
    """A small picture in a colour of its own, as PNG."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (64, 64), (number % 256, number // 256, 7)).save(file, "PNG")
    return file.getvalue()


_loader("loader, pictures", _picture, ".png")
_loader("loader, recordings", _recording, ".wav")


@fan_out.contender("httpx", "httpx")
@asynccontextmanager
async def _httpx(place: Place) -> AsyncIterator[Run]:
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:
        yield in_flight(lambda: client.post(f"{place.url}{PATH}/sd", json=BODY), 64)
