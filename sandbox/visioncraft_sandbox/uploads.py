"""Pictures and recordings that callers send or link to, decoded within bounds."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self, TypeVar
from urllib.parse import urljoin, urlsplit

from anyio import CapacityLimiter
from PIL import Image

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import links
from langchain_visioncraft.errors import MediaInputError, UnsafeLinkError
from langchain_visioncraft.media.confined import LimitError
from langchain_visioncraft.media.decoding import open_image
from langchain_visioncraft.media.inputs import MediaSource, parse_source
from langchain_visioncraft.media.inspection import media_info, type_of
from langchain_visioncraft.media.pixels import COSTS, cost_of, decode, turn_of
from langchain_visioncraft.media.scaling import as_seen, turned
from langchain_visioncraft.media.sniff import kind_of
from langchain_visioncraft.media.urls import splittable
from visioncraft_sandbox.answers import Refusal, busy
from visioncraft_sandbox.engine_pool import EnginePool, unfinished
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.hiding import shown_text
from visioncraft_sandbox.settings import SandboxConfig

_ResultT = TypeVar("_ResultT")

_SILENT_SECONDS = 30.0
_FETCH_SECONDS = 120.0
_MAX_REDIRECTS = 3
_SHOWN = 200
"""Characters of a link in a message."""

_MOST_PICTURES = 100
_SMALL_PIXELS = 2_000_000
"""Up to this many pixels, a request need not wait until others have released their pictures."""

_MOST_FETCHED = 4
"""How many times the bytes of one request the links of all concurrent requests may hold."""
_SMALL_BYTES = 1 << 17
"""Up to this size, links are fetched even if those of others leave no room for them."""

_DECODING = threading.BoundedSemaphore(2)
"""Decoders need several times the memory of their output."""


class Uploads:
    """Reads the pictures and recordings of one request, within bounds for all of them together.

    An async context manager: only a few requests hold large pictures at a time. `checked` blocks:
    call it in a thread.

    Args:
        config: The bounds.
        files: The files behind the sandbox's own links.
        origin: The ``host:port`` that the caller used for the sandbox.
        pool: Runs blocking work.
    """

    def __init__(self, config: SandboxConfig, files: FileStore, origin: str, pool: EnginePool):
        self.config = config
        self._files = files
        self._origin = origin
        self.pool = pool
        self._pictures = 0
        self._pixels = config.max_pixels
        self._bytes = config.max_fetch_bytes
        self._held = 0
        self._seconds = _FETCH_SECONDS
        self._places: list[CapacityLimiter] = []
        self._tasks: set[Any] = set()

    async def __aenter__(self) -> Self:
        unfinished.set(self._tasks)  # in this request's context, which ends with it
        return self

    async def __aexit__(self, *_: object) -> None:
        self._release()
        for task in list(self._tasks):  # those that go on although the caller left
            task.add_done_callback(self._release)

    def _release(self, _: Any = None) -> None:
        if self._tasks:
            return
        self._hold(-self._held)
        while self._places:
            self._places.pop().release_on_behalf_of(self)

    def _hold(self, size: int) -> None:
        """Count bytes from links: many requests may wait with theirs for a place."""
        self._held += size
        self.pool.fetched += size
        most = _MOST_FETCHED * self.config.max_fetch_bytes
        if self._held > _SMALL_BYTES and self.pool.fetched > most:
            raise busy("The links of other requests hold too much memory")

    async def picture(self, value: Any, name: str, max_side: int | None = None) -> Image.Image:
        """Decode the picture of a parameter, upright and in sRGB."""
        [picture] = await self.pictures({name: value}, max_side)
        return picture

    async def pictures(
        self, values: Mapping[str, Any], max_side: int | None = None
    ) -> list[Image.Image]:
        """Decode pictures by name, upright and in sRGB."""
        return await self.convert(values, lambda _, *opened: _upright(*opened), max_side)

    async def convert(
        self,
        values: Mapping[str, Any],
        work: Callable[[bytes, Image.Image, str], _ResultT],
        max_side: int | None = None,
    ) -> list[_ResultT]:
        """Call `work` in a thread with each picture's bytes, the opened picture and its name."""
        waiting = await self._opened(values, max_side)
        results = []
        while waiting:  # each releases its file as soon as it is decoded
            task = partial(work, *waiting.pop(0))
            results.append(await self.pool.read(task))
        return results

    async def picture_and_mask(
        self, image: Any, mask: Any, max_side: int | None = None
    ) -> tuple[Image.Image, Image.Image]:
        """Decode a picture, and the grey mask that says where it may change."""
        pair = await self._opened({"image": image, "mask": mask}, max_side)
        return await self.pool.read(partial(_fitting, *(picture for _, picture, _ in pair)))

    async def _opened(
        self, values: Mapping[str, Any], max_side: int | None
    ) -> list[tuple[bytes, Image.Image, str]]:
        """Open pictures, and wait until there is room for their pixels.

        All of them are there before it takes a place: others need not wait for a slow link.
        """
        opened: list[tuple[bytes, Image.Image, str]] = []
        if not values:
            return opened
        for name, value in values.items():
            data = await self.read(value, name)
            picture = await self.pool.read(partial(self.checked, data, name, max_side))
            opened.append((data, picture, name))
        await self._enter(self.pool.small)
        if self.config.max_pixels - self._pixels > _SMALL_PIXELS:
            await self._enter(self.pool.large)
        return opened

    async def _enter(self, place: CapacityLimiter) -> None:
        if place not in self._places:
            await place.acquire_on_behalf_of(self)
            self._places.append(place)

    def checked(self, data: bytes, name: str, max_side: int | None = None) -> Image.Image:
        """Open a picture whose size is within the bounds; nothing of it is decoded yet."""
        most = self.config.max_pixels
        picture = opened(data, name, most)
        if max_side is not None and max(picture.size) > max_side:
            raise Refusal(400, f"{name}: at most {max_side} pixels a side here.")
        self._pictures += 1
        if self._pictures > _MOST_PICTURES:
            raise Refusal(400, f"More than {_MOST_PICTURES} pictures in one request.")
        self._pixels -= _pixels_of(picture)
        if self._pixels < 0:
            raise Refusal(400, f"The pictures have more than {most:,} pixels together.")
        return picture

    async def recording(self, value: Any, name: str) -> bytes:
        """The bytes of a recording, or of a video with a sound track."""
        data = await self.read(value, name)
        mime = type_of(data)
        if mime is not None and kind_of(mime) not in ("audio", "video"):
            raise Refusal(400, f"{name} is {mime}, not a recording.")
        return data

    async def read(self, value: Any, name: str) -> bytes:
        """The bytes of a parameter: decoded base64, or fetched from its URL."""
        if not isinstance(value, str | MediaSource):
            raise Refusal(400, f"{name} must be a string: base64 or a URL.")
        try:
            given = await self.pool.read(partial(_given, value))
            data = await self._fetch(given, name) if isinstance(given, str) else given
        except MediaInputError as error:
            raise Refusal(400, f"{name}: {error}") from error
        if not data:
            raise Refusal(400, f"{name} is empty.")
        return data

    async def _fetch(self, url: str, name: str) -> bytes:
        """Fetch a link: look-up, connecting, headers, redirects and body within one deadline."""
        link = shown_text(url)[:_SHOWN]
        try:
            own = self._own(url)
            if own is not None:
                return self._counted(own)
            async with self.pool.links:
                began = time.monotonic()
                try:
                    async with asyncio.timeout(self._seconds):
                        return await self._followed(url)
                finally:
                    self._seconds -= time.monotonic() - began
        except TimeoutError as error:
            message = f"{name}: {link} takes longer than {_FETCH_SECONDS:.0f} seconds in all."
            raise Refusal(400, message) from error
        except UnsafeLinkError as error:
            raise Refusal(400, f"{name}: {link} was not fetched: {error.reason}.") from error
        except _UnusableError as error:
            raise Refusal(400, f"{name}: {link} {error}.") from error

    async def _followed(self, url: str) -> bytes:
        try:
            # Reading the certificates would block the event loop.
            async with await asyncio.to_thread(
                httpx.AsyncClient, timeout=_SILENT_SECONDS, follow_redirects=False
            ) as client:
                for _ in range(_MAX_REDIRECTS + 1):
                    own = self._own(url)
                    if own is not None:
                        return self._counted(own)
                    target = await self._target(url)
                    headers = {"Accept-Encoding": "identity", **target.headers}
                    async with client.stream(
                        "GET", target.url, headers=headers, extensions=target.extensions
                    ) as response:
                        if not response.is_redirect:
                            return await self._body(response)
                        url = urljoin(url, splittable(response.headers.get("location", "")))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise _UnusableError(f"could not be fetched ({type(error).__name__})") from error
        raise _UnusableError("redirects too often")

    async def _target(self, url: str) -> links.Link:
        """Where to connect for a link, which may come from anyone who can reach this sandbox."""
        # No base URL of ours: the sandbox's own links need no connection.
        link = links.check_link(url, base_url="http://sandbox.invalid", endpoint="")
        if self.config.allow_private_urls:
            return link
        look_up = partial(socket.getaddrinfo, link.host, link.port, **links.RESOLVE_OPTIONS)
        found = await self.pool.look_up(look_up)
        return links.pin(link, found, base_url="", endpoint="")

    def _own(self, url: str) -> bytes | None:
        """The file behind one of our links."""
        file = self._files.behind(url)
        parts = urlsplit(url)
        if file is None and parts.netloc == self._origin and parts.path.startswith("/files/"):
            raise Refusal(400, f"The link {shown_text(url)[:_SHOWN]} has expired or never existed.")
        return file.data if file else None

    async def _body(self, response: httpx.Response) -> bytes:
        if response.status_code != 200:
            raise _UnusableError(f"answered with status {response.status_code}")
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip"):
            raise _UnusableError("is compressed in another way than with gzip, or more than once")
        data = bytearray()
        async for part in response.aiter_raw():
            await asyncio.sleep(0)  # many tiny ones may have arrived at once
            data += part
            self._check_size(data)
            self._hold(len(part))
        if encoding == "gzip":
            packed = len(data)
            data = await self.pool.read(partial(_unzipped, data, self._bytes + 1))
            self._hold(len(data) - packed)
        return self._counted(bytes(data))

    def _check_size(self, data: bytes | bytearray) -> None:
        if len(data) > self._bytes:
            most = f"{self.config.max_fetch_bytes:,} bytes"
            raise _UnusableError(f"holds more than {most}, or does with the links before it")

    def _counted(self, data: bytes) -> bytes:
        self._check_size(data)
        self._bytes -= len(data)
        return data


def _given(value: str | MediaSource) -> bytes | str:
    """The bytes of a medium, or its URL."""
    source = parse_source(value)
    return source.url or source.open().read()


class _UnusableError(Exception):
    """The answer behind a link cannot be used."""


def _unzipped(data: bytes | bytearray, most: int) -> bytearray:
    try:
        return bytearray(zlib.decompressobj(wbits=31).decompress(data, most))
    except zlib.error as error:
        raise _UnusableError("is damaged: it cannot be decompressed") from error


def decode_picture(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """Decode the first frame of a picture, upright and in sRGB; refused with 400 if too large."""
    return _upright(opened(data, name, max_pixels), name)


def _upright(picture: Image.Image, name: str) -> Image.Image:
    return as_seen(decoded(picture, name))


def opened(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """Open a picture without decoding it; refused with 400 if it is too large or none."""
    mime = type_of(data)
    if mime is not None and kind_of(mime) == "image":
        # From the header alone: some decoders begin as soon as they are opened.
        shape = media_info(io.BytesIO(data), mime)
        pixels = (shape.width or 0) * (shape.height or 0)
        _check_pixels(pixels, COSTS.get(mime, 1), name, max_pixels)
    try:
        picture = open_image(io.BytesIO(data), max_pixels, once=True)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refusal(400, f"{name} has more than {max_pixels:,} pixels.") from error
    except LimitError as error:
        raise Refusal(400, f"{name} has {error}.") from error
    except Exception as error:
        # For damaged files, decoders raise OSError, SyntaxError, IndexError and others.
        raise Refusal(400, f"{name} is not a picture that can be read.") from error
    pixels = max(1, picture.width * picture.height)
    _check_pixels(pixels, _pixels_of(picture) // pixels, name, max_pixels)
    return picture


def _check_pixels(pixels: int, cost: int, name: str, max_pixels: int) -> None:
    if pixels * cost > max_pixels:
        kind = "" if cost == 1 else ", which is the bound for its kind"
        raise Refusal(400, f"{name} has more than {max_pixels // cost:,} pixels{kind}.")


def decoded(picture: Image.Image, name: str) -> Image.Image:
    """The pixels of an opened picture, as they are stored."""
    try:
        with _DECODING:
            return decode(picture).image
    except LimitError as error:
        raise Refusal(400, f"{name} has {error}.") from error
    except Exception as error:
        raise Refusal(400, f"{name} is not a picture that can be read.") from error


def _pixels_of(picture: Image.Image) -> int:
    """How many pixels this picture counts for, by the memory and time that its decoder takes."""
    deep = 2 if picture.mode.startswith(("I", "F")) else 1
    return picture.width * picture.height * max(deep, cost_of(picture))


def _fitting(image: Image.Image, mask: Image.Image) -> tuple[Image.Image, Image.Image]:
    """A picture upright, and its mask in grey."""
    stored = decoded(image, "image")
    turn, size = turn_of(stored), stored.size
    picture, cover = as_seen(stored), as_seen(decoded(mask, "mask"))
    if cover.size == size != picture.size:  # the mask was drawn on the picture as stored
        cover = turned(cover, turn)
    if cover.has_transparency_data:  # transparent parts are not marked
        layered = cover.convert("RGBA")
        black = Image.new("RGBA", layered.size, "black")
        cover = Image.alpha_composite(black, layered)
    return picture, cover.convert("L")
