"""Files that go out as base64 in JSON, and one that comes back: 4 MB and 200 MB."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.cases import Case, Place, Run, one_by_one, one_by_one_async
from benchmarks.contenders.pictures import add_by_hand, visioncraftapi
from benchmarks.server import picture

upload = Case("upload", "Upload of a 4 MB picture", calls=20, warm_up=3)
recording = Case("recording", "Upload of a 200 MB recording", calls=1, warm_up=0)
film = Case("film", "A 200 MB answer", calls=1, warm_up=0)

_PICTURE_HEAD = picture(0)[:-12]
_WAV_HEAD = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\1\0\x80>\0\0\0}\0\0\2\0\x10\0data"
_CHUNK = 3 << 16


def _add(case: Case, make: Callable[[Place], Path], path: str, field: str) -> None:
    @case.contender("httpx, json=", "httpx")
    @contextmanager
    def _httpx(place: Place) -> Iterator[Run]:
        import httpx

        source = make(place)

        def call() -> None:
            text = base64.b64encode(source.read_bytes()).decode()
            body = {field: text, "token": "key"}
            client.post(place.url + path, json=body).raise_for_status()

        with httpx.Client(timeout=60) as client:
            yield one_by_one(call)

    @case.contender("httpx2, stream by hand", "httpx2")
    @contextmanager
    def _stream(place: Place) -> Iterator[Run]:
        import httpx2
        import pybase64

        source = make(place)

        def chunks() -> Iterator[bytes]:
            yield f'{{"token":"key","{field}":"'.encode()
            with source.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield pybase64.b64encode(chunk)
            yield b'"}'

        length = len(f'{{"token":"key","{field}":""}}') + -(-source.stat().st_size // 3) * 4
        headers = {"Content-Type": "application/json", "Content-Length": str(length)}
        with httpx2.Client(timeout=60) as client:
            yield one_by_one(
                lambda: client.post(place.url + path, content=chunks(), headers=headers)
            )


def _make_picture(place: Place) -> Path:
    return place.file("picture.png", _PICTURE_HEAD, 4_000_000)


def _make_recording(place: Place) -> Path:
    return place.file("recording.wav", _WAV_HEAD, 200_000_000)


_add(upload, _make_picture, "/upscale", "image")
_add(recording, _make_recording, "/whisper", "audio")


@upload.contender("visioncraftapi", "VisionCraftAPI", "aiohttp")
@asynccontextmanager
async def _upscale_visioncraftapi(place: Place) -> AsyncIterator[Run]:
    client, source = visioncraftapi(place.url), _make_picture(place)
    yield one_by_one_async(lambda: client.image_upscaling(source.read_bytes(), "R-ESRGAN 4x+"))


@recording.contender("visioncraftapi", "VisionCraftAPI", "aiohttp")
@asynccontextmanager
async def _whisper_visioncraftapi(place: Place) -> AsyncIterator[Run]:
    client, source = visioncraftapi(place.url), _make_recording(place)
    yield one_by_one_async(lambda: client.whisper(source.read_bytes(), "transcribe"))


@upload.contender("client.run")
@contextmanager
def _upscale(place: Place) -> Iterator[Run]:
    yield from _client(place, "upscale", image=_make_picture(place))


@recording.contender("client.run")
@contextmanager
def _transcribe(place: Place) -> Iterator[Run]:
    yield from _client(place, "transcribe", audio=_make_recording(place))


def _film(place: Place) -> str:
    return "/small/img2video" if place.small else "/img2video"


@film.contender("client.run")
@contextmanager
def _image_to_video(place: Place) -> Iterator[Run]:
    place = replace(place, url=place.url + _film(place).removesuffix("/img2video"))
    yield from _client(place, "image_to_video", image="https://files.test/picture.png")


def _client(place: Place, name: str, **arguments: Any) -> Iterator[Run]:
    from langchain_visioncraft.client import VisionCraftClient, endpoints

    endpoint = getattr(endpoints, name)
    with VisionCraftClient(api_key="key", base_url=place.url) as client:
        # What is imported and set up once is none of a file's costs.
        client.run(endpoints.text_to_image(prompt="warm", model="up"))
        yield one_by_one(lambda: client.run(endpoint(**arguments), spool_dir=place.folder))


@recording.contender("tool.invoke")
@contextmanager
def _transcribe_tool(place: Place) -> Iterator[Run]:
    from langchain_visioncraft import MediaStore, VisionCraftTextToImage, VisionCraftTranscribe

    source = _make_recording(place)
    shared: dict[str, Any] = {"api_key": "key", "base_url": place.url}
    shared["store"] = MediaStore(place.folder / "store")
    VisionCraftTextToImage(**shared).invoke({"prompt": "warm up"})
    listen = VisionCraftTranscribe(**shared, allowed_dirs=[place.folder])
    yield one_by_one(lambda: listen.invoke({"audio": str(source)}))


@film.contender("tool.invoke")
@contextmanager
def _image_to_video_tool(place: Place) -> Iterator[Run]:
    from langchain_visioncraft import MediaStore, VisionCraftImageToVideo, VisionCraftTextToImage

    root = place.url + _film(place).removesuffix("/img2video")
    shared: dict[str, Any] = {"api_key": "key", "base_url": root}
    shared["store"] = MediaStore(place.folder / "store")
    VisionCraftTextToImage(**shared).invoke({"prompt": "warm up"})
    film_it = VisionCraftImageToVideo(**shared)
    yield one_by_one(lambda: film_it.invoke({"image": "https://files.test/picture.png"}))


@film.contender("httpx2, in memory", "httpx2")
@contextmanager
def _film_in_memory(place: Place) -> Iterator[Run]:
    import httpx2

    with httpx2.Client(timeout=60) as client:
        client.post(f"{place.url}/sd", json={})
        yield one_by_one(lambda: client.post(place.url + _film(place), json={}).content)


add_by_hand(film, "httpx2, stream by hand", _film, hashed=False)
add_by_hand(film, "httpx2, stream by hand with SHA-256", _film, hashed=True)
