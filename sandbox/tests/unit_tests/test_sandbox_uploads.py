"""Pictures and masks as a person sees them, whatever their files are like."""

from __future__ import annotations

import asyncio
import io
import struct
import threading
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from anyio import CapacityLimiter
from PIL import Image
from visioncraft_sandbox import SandboxConfig, create_app
from visioncraft_sandbox import uploads as uploads_module
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.engine_pool import EnginePool
from visioncraft_sandbox.engines.parameters import read_parameters, to_png
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.pictures import enlarged
from visioncraft_sandbox.uploads import Uploads, decode_picture

from langchain_visioncraft.media.inputs import MediaSource, parse_source

SIZE = (64, 32)


@pytest.fixture
def uploads() -> Uploads:
    config = SandboxConfig(models=False)
    return Uploads(config, FileStore(1 << 20, 60), "sandbox:8765", EnginePool(config))


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
async def test_what_a_text_holds_is_decoded_in_a_thread(
    uploads: Uploads, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = {threading.get_ident()}

    def parse(value: Any) -> MediaSource:
        threads.add(threading.get_ident())
        return parse_source(value)

    monkeypatch.setattr(uploads_module, "parse_source", parse)
    assert await uploads.read(f"{prefix}%41AAA" if prefix else "AAAA", "image") == bytes(3)
    assert len(threads) == 2


async def test_data_urls_among_the_parameters_are_decoded_in_a_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = set[int]()

    def data_of_url(_: str) -> bytes:
        threads.add(threading.get_ident())
        return b"no picture"

    monkeypatch.setattr("langchain_visioncraft.media.inputs.data_of_url", data_of_url)
    transport = httpx.ASGITransport(create_app(SandboxConfig(models=False)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        body = {"token": "key", "image": "data:image/png,%41"}
        assert (await client.post("/img2video", json=body)).status_code == 400
    assert threads
    assert threading.get_ident() not in threads


def half(mode: str = "L", size: tuple[int, int] = SIZE) -> Image.Image:
    """White in its upper half, black below."""
    image = Image.new("L", size, 0)
    image.paste(255, (0, 0, size[0], size[1] // 2))
    return image.convert(mode)


def source(image: Image.Image, form: str = "PNG", turn: int = 1) -> MediaSource:
    exif = Image.Exif()
    exif[0x0112] = turn
    buffer = io.BytesIO()
    image.save(buffer, form, exif=exif)
    return parse_source(buffer.getvalue())


def marks_the_upper_half(mask: Image.Image) -> bool:
    width, height = mask.size
    above, below = (mask.getpixel((width // 2, y)) for y in (height // 4, height * 3 // 4))
    return (above, below) == (255, 0)


def on_its_side(image: Image.Image) -> Image.Image:
    """As a camera stores it that was held so that EXIF says 6."""
    return image.transpose(Image.Transpose.ROTATE_90)


@pytest.mark.parametrize(
    "mask",
    [
        source(half(size=(32, 64))),
        source(on_its_side(half(size=(32, 64)))),
        source(on_its_side(half(size=(32, 64))), "PNG", 6),
    ],
    ids=["drawn on what is seen", "drawn on what is stored", "turned by itself"],
)
async def test_a_mask_and_its_picture_are_turned_together(
    uploads: Uploads, mask: MediaSource
) -> None:
    picture, cover = await uploads.picture_and_mask(source(Image.new("RGB", SIZE), "JPEG", 6), mask)
    assert picture.size == cover.size == (32, 64)
    assert marks_the_upper_half(cover)


def white_where_opaque() -> Image.Image:
    image = Image.new("RGBA", SIZE, (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (0, 0, SIZE[0], SIZE[1] // 2))
    return image


def grey_where_opaque() -> Image.Image:
    return white_where_opaque().convert("LA")


def palette() -> Image.Image:
    image = half("P")
    image.info["transparency"] = 0
    return image


@pytest.mark.parametrize(
    "mask", [half(), half("RGB"), half("1"), white_where_opaque(), grey_where_opaque(), palette()]
)
async def test_where_a_mask_is_transparent_nothing_is_marked(uploads: Uploads, mask: Any) -> None:
    picture = source(Image.new("RGB", SIZE))
    _, cover = await uploads.picture_and_mask(picture, source(mask))
    assert marks_the_upper_half(cover)


def test_a_picture_of_sixteen_bits_is_not_white() -> None:
    ramp = Image.linear_gradient("L").convert("I").point(lambda value: value * 100).convert("I;16")
    buffer = io.BytesIO()
    ramp.save(buffer, "PNG")
    seen = decode_picture(buffer.getvalue(), "image", 10**6)
    assert (seen.mode, seen.getextrema()) == ("L", (0, 255))


BOUND = 64_000_000


def flat(width: int, height: int, form: str = "PNG", mode: str = "1") -> bytes:
    buffer = io.BytesIO()
    options = {"lossless": True, "method": 0} if form == "WEBP" else {}
    Image.new(mode, (width, height)).save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "most"),
    [
        (flat(8001, 8000), "64,000,000"),
        (flat(4001, 4000, "WEBP", "RGB"), "16,000,000"),
        (flat(4001, 4000, "JPEG2000", "L"), "16,000,000"),
        (flat(5700, 5700, "PNG", "I;16"), "32,000,000"),
        (flat(5700, 5700, "AVIF", "RGB"), "32,000,000"),
    ],
    ids=["PNG", "WebP", "JPEG 2000", "16 bits", "AVIF"],
)
def test_a_picture_has_as_many_pixels_as_its_decoder_can_bear(data: bytes, most: str) -> None:
    with pytest.raises(Refusal, match=f"^image has more than {most} pixels"):
        decode_picture(data, "image", BOUND)


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("JPEG2000", "L"),
        ("JPEG2000", "RGBA"),
        ("JPEG2000", "I;16"),
        ("ICNS", "RGBA"),
        ("DDS", "RGB"),
    ],
)
def test_what_would_hold_the_interpreter_is_decoded_in_another_process(
    monkeypatch: pytest.MonkeyPatch, form: str, mode: str
) -> None:
    buffer = io.BytesIO()
    half("L" if mode == "RGBA" else mode, (1536, 1536)).convert(mode).save(buffer, form)
    monkeypatch.setattr(Image, "open", None)
    picture = decode_picture(buffer.getvalue(), "image", BOUND)
    assert picture.width >= 512
    assert marks_the_upper_half(picture.convert("L"))


async def test_the_pictures_of_a_request_are_bounded_together(uploads: Uploads) -> None:
    large = parse_source(flat(8000, 4000))
    async with uploads:
        for name in ("image 1", "image 2"):
            await uploads.picture(large, name)
        with pytest.raises(Refusal, match="64,000,000 pixels together"):
            await uploads.picture(source(half()), "image 3")


async def test_a_request_has_a_hundred_pictures_at_most(uploads: Uploads) -> None:
    for number in range(100):
        await uploads.picture(source(half()), f"image {number}")
    with pytest.raises(Refusal, match="More than 100 pictures"):
        await uploads.picture(source(half()), "image 101")


async def waits(task: asyncio.Future[Any], place: CapacityLimiter) -> bool:
    """Whether it waits for a place there, and does not end without one."""
    while place.statistics().tasks_waiting == 0 and not task.done():  # noqa: ASYNC110 -- it has no event
        await asyncio.sleep(0)
    return not task.done()


async def test_two_requests_hold_large_pictures_and_a_third_waits() -> None:
    config, large = SandboxConfig(models=False), parse_source(flat(2001, 1000))
    pool = EnginePool(config)

    def request() -> Uploads:
        return Uploads(config, FileStore(1 << 20, 60), "sandbox:8765", pool)

    async with request() as first, request() as second, request() as third:
        await first.picture(large, "image")
        await second.picture(large, "image")
        await third.picture(source(half()), "image")  # a small one does not wait
        waiting = asyncio.ensure_future(third.picture(large, "image"))
        assert await waits(waiting, pool.large)
        await first.__aexit__()
        assert (await waiting).size == (2001, 1000)
    assert pool.large.borrowed_tokens == 0


async def test_a_request_holds_no_place_while_it_reads_its_next_picture(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []
    real = uploads.read

    async def read(value: Any, name: str) -> bytes:
        places = uploads.pool.small, uploads.pool.large
        held.append(sum(place.borrowed_tokens for place in places))
        return await real(value, name)

    monkeypatch.setattr(uploads, "read", read)
    large = parse_source(flat(2001, 1000))
    async with uploads:
        await uploads.picture_and_mask(large, large)
        assert held == [0, 0]
    async with uploads:
        assert len(await uploads.pictures({"image 1": large, "image 2": large})) == 2
        assert held == [0] * 4


async def test_32_requests_hold_small_pictures_and_another_waits() -> None:
    config, small = SandboxConfig(models=False), source(half())
    pool = EnginePool(config)
    async with AsyncExitStack() as stack:
        *first, last = [
            await stack.enter_async_context(
                Uploads(config, FileStore(1 << 20, 60), "sandbox:8765", pool)
            )
            for _ in range(33)
        ]
        for each in first:
            await each.picture(small, "image")
        waiting = asyncio.ensure_future(last.picture(small, "image"))
        assert await waits(waiting, pool.small)
        await first[0].__aexit__()
        assert (await waiting).size == SIZE


async def test_a_request_without_pictures_takes_no_place_of_theirs(uploads: Uploads) -> None:
    async with uploads:
        assert await uploads.convert({}, lambda *_: None) == []
        assert uploads.pool.small.borrowed_tokens == 0


async def test_a_side_is_refused_before_anything_is_decoded(uploads: Uploads) -> None:
    cut = flat(5000, 10)[:60]  # its header alone: it could not be decoded
    with pytest.raises(Refusal, match="image: at most 4096 pixels a side"):
        await uploads.picture(parse_source(cut), "image", 4096)


async def test_a_narrow_picture_counts_as_what_is_computed_to_enlarge_it() -> None:
    config = SandboxConfig(models=False, max_pixels=40_000)
    job: Any = SimpleNamespace(services=SimpleNamespace(config=config))
    for size in ((1, 600), (600, 1)):
        with pytest.raises(Refusal, match="The result would have more than 40,000 pixels"):
            await enlarged(job, Image.new("RGB", size), 2)


async def test_what_the_links_of_a_request_hold_is_bounded_together() -> None:
    config = SandboxConfig(models=False, max_fetch_bytes=1000)
    files = FileStore(1 << 20, 60)
    uploads = Uploads(config, files, "sandbox:8765", EnginePool(config))
    link = f"http://sandbox:8765/files/{files.add(flat(64, 64) + bytes(700), 'test')}"
    await uploads.picture(parse_source(link), "image 1")
    with pytest.raises(Refusal, match="more than 1,000 bytes, or does with the links before it"):
        await uploads.picture(parse_source(link), "image 2")


async def test_a_link_of_tiny_pieces_lets_others_run(uploads: Uploads) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(1000):  # none of which has to be waited for
            yield b"x"

    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.ensure_future(others())
    response: Any = SimpleNamespace(status_code=200, headers={}, aiter_raw=pieces)
    assert len(await uploads._body(response)) == 1000
    other.cancel()
    assert turns >= 900


def png(*chunks: tuple[bytes, bytes], pixels: bytes) -> bytes:
    """A palette of 16 colours, and 8 times 8 pixels."""
    head = struct.pack(">IIBBBBB", 8, 8, 8, 3, 0, 0, 0)
    parts = (b"IHDR", head), (b"PLTE", bytes(range(48))), *chunks, (b"IDAT", pixels), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


PIXELS = zlib.compress(bytes(range(9)) * 8, 0)


@pytest.mark.parametrize("pixels", [PIXELS, PIXELS[:50]], ids=["whole", "damaged"])
@pytest.mark.parametrize(
    "chunk",
    [
        (b"tRNS", b"\xff" * 257),
        (b"tRNS", b"\xff" * 256 + b"\0"),
        (b"tEXt", b"transparency\0none"),
        (b"tEXt", b"parameters\0a cat"),
    ],
    ids=["many colours", "a far colour", "a text", "parameters"],
)
def test_what_a_png_says_of_itself_does_not_keep_it_from_being_used(
    chunk: tuple[bytes, bytes], pixels: bytes
) -> None:
    picture = decode_picture(png(chunk, pixels=pixels), "image", 1 << 20)
    assert picture.convert("RGBA").size == (8, 8)
    assert to_png(picture)
    assert read_parameters(picture) == ("a cat" if chunk[1].endswith(b"cat") else None)
