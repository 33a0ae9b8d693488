"""One picture of 1.5 MB by ``POST /sd``, again and again."""

from __future__ import annotations

import hashlib
import importlib
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from benchmarks.cases import Case, Place, Run, one_by_one, one_by_one_async

picture = Case("picture", "One picture of 1.5 MB, one by one", calls=100, warm_up=5)

WORDS = {"prompt": "A lighthouse in a storm", "model": "sdxl-base", "sampler": "Euler"}
BODY = {**WORDS, "steps": 30, "width": 1024, "height": 1024, "cfg_scale": 7, "token": "key"}


def _add(library: str, client: str) -> None:
    @picture.contender(library, library)
    @contextmanager
    def _in_memory(place: Place) -> Iterator[Run]:
        with getattr(importlib.import_module(library), client)() as opened:
            yield one_by_one(lambda: opened.post(f"{place.url}/sd", json=BODY).content)


_add("httpx", "Client")
_add("httpx2", "Client")
_add("requests", "Session")


def add_by_hand(case: Case, name: str, path_of: Callable[[Place], str], *, hashed: bool) -> None:
    """A contender that streams an answer to disk with httpx2."""

    @case.contender(name, "httpx2")
    @contextmanager
    def _by_hand(place: Place) -> Iterator[Run]:
        import httpx2

        with httpx2.Client(timeout=60) as client:

            def call(path: str) -> None:
                digest = hashlib.sha256()
                request = client.stream("POST", place.url + path, json=BODY)
                with request as response, tempfile.TemporaryFile(dir=place.folder) as file:
                    for chunk in response.iter_bytes():
                        file.write(chunk)
                        if hashed:
                            digest.update(chunk)

            call("/sd")
            yield one_by_one(lambda: call(path_of(place)))


add_by_hand(picture, "httpx2, to disk", lambda _: "/sd", hashed=False)
add_by_hand(picture, "httpx2, to disk with SHA-256", lambda _: "/sd", hashed=True)


@picture.contender("aiohttp", "aiohttp")
@asynccontextmanager
async def _aiohttp(place: Place) -> AsyncIterator[Run]:
    import aiohttp

    async with aiohttp.ClientSession() as session:

        async def call() -> None:
            async with session.post(f"{place.url}/sd", json=BODY) as response:
                await response.read()

        yield one_by_one_async(call)


@picture.contender("visioncraftapi", "VisionCraftAPI", "aiohttp")
@asynccontextmanager
async def _visioncraftapi(place: Place) -> AsyncIterator[Run]:
    client = visioncraftapi(place.url + "/large")
    # It has no /sd; this is its call that answers with a picture.
    link = "https://files.test/picture.png"
    yield one_by_one_async(lambda: client.image_upscaling(link, "R-ESRGAN 4x+"))


def visioncraftapi(url: str) -> Any:
    """The only client of this service before this package, pointed at another host."""
    from VisionCraftAPI import VisionCraftClient

    VisionCraftClient.API_HOST = url
    return VisionCraftClient(api_key="key")


@picture.contender("client.run")
@contextmanager
def _client(place: Place) -> Iterator[Run]:
    from langchain_visioncraft.client import VisionCraftClient, endpoints

    with VisionCraftClient(api_key="key", base_url=place.url) as client:
        yield one_by_one(
            lambda: client.run(endpoints.text_to_image(**WORDS), spool_dir=place.folder)
        )


@picture.contender("tool.invoke")
@contextmanager
def _tool(place: Place) -> Iterator[Run]:
    draw = text_to_image_tool(place)
    yield one_by_one(lambda: draw.invoke(tool_call()))


@picture.contender("tool.ainvoke")
@asynccontextmanager
async def _tool_async(place: Place) -> AsyncIterator[Run]:
    draw = text_to_image_tool(place)
    yield one_by_one_async(lambda: draw.ainvoke(tool_call()))


def text_to_image_tool(place: Place, path: str = "") -> Any:
    """The tool as an agent has it, with a store on disk."""
    from langchain_visioncraft import MediaStore, VisionCraftTextToImage

    store = MediaStore(place.folder / "store")
    return VisionCraftTextToImage(api_key="key", base_url=place.url + path, store=store)


def tool_call() -> dict[str, Any]:
    """What an agent hands to a tool, and what gives a message with an artifact back."""
    name = "visioncraft_text_to_image"
    return {"type": "tool_call", "id": "1", "name": name, "args": {"prompt": WORDS["prompt"]}}
