"""Unusual pictures are decoded in another process, which ends if Pillow does not."""

from __future__ import annotations

import gc
import io
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import threading
import tracemalloc
import weakref
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from media_host import frames, picture
from PIL import Image, ImageColor, PngImagePlugin
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.uploads import decode_picture, opened

from langchain_visioncraft import Media
from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media import apart
from langchain_visioncraft.media.confined import LimitError
from langchain_visioncraft.media.decoding import Frames, open_image, open_picture
from langchain_visioncraft.media.pixels import decode, turn_of
from langchain_visioncraft.media.scaling import scaled


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that are started."""
    found = []

    class Kept(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            found.append(self)

    monkeypatch.setattr(subprocess, "Popen", Kept)
    return found


def have_ended(processes: list[subprocess.Popen[bytes]]) -> bool:
    return bool(processes) and all(process.returncode is not None for process in processes)


def shades(mode: str, size: tuple[int, int] = (90, 70)) -> Image.Image:
    image = Image.linear_gradient("L").resize(size)
    if mode == "LAB":
        return Image.merge("LAB", [image, image.rotate(90), image])
    if mode in ("I;16", "I", "F"):
        return image.convert("I").point(lambda value: value * 200).convert(mode)
    image = Image.merge("RGB", [image, image.rotate(180), image])
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.linear_gradient("L").resize(size))
    return image.convert(mode)


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        *(
            ("TIFF", mode)
            for mode in "1 L P LA RGB RGBA RGBX CMYK LAB I;16 I F".split()  # noqa: SIM905
        ),
        ("AVIF", "RGBA"),
        ("BMP", "P"),
        ("DDS", "RGB"),
        ("ICNS", "RGBA"),
        ("ICO", "RGBA"),
        ("JPEG2000", "RGBA"),
        ("JPEG2000", "I;16"),
        ("PCX", "P"),
        ("PPM", "L"),
        ("TGA", "RGBA"),
    ],
)
def test_another_process_decodes_the_same(form: str, mode: str) -> None:
    buffer = io.BytesIO()
    shades(mode).save(buffer, form)
    expected = Image.open(io.BytesIO(buffer.getvalue()))
    with open_image(buffer) as image:
        assert (image.size, image.format) == (expected.size, form)
        found, damage = decode(image)
    expected.load()
    assert damage is None
    assert (found.size, found.mode) == (expected.size, expected.mode)
    assert found.tobytes() == expected.tobytes()
    assert found.has_transparency_data == expected.has_transparency_data
    if mode != "LAB":
        assert found.convert("RGBA").tobytes() == expected.convert("RGBA").tobytes()


def test_a_large_picture_arrives_in_pieces() -> None:
    large = shades("RGB", (3000, 2001))
    buffer = io.BytesIO()
    large.save(buffer, "TIFF", compression="tiff_lzw")
    with open_image(buffer) as image:
        tracemalloc.start()
        try:
            image.load()
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert image.tobytes() == large.tobytes()
    assert most < 8 << 20  # and not 18 MB


def test_profile_and_orientation_arrive_with_the_pixels() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = picture(form="AVIF", exif=exif, icc_profile=b"any")
    with open_image(io.BytesIO(data)) as image:
        image.load()
    assert image.info["icc_profile"] == b"any"
    assert turn_of(image) == 6
    assert Image.open(io.BytesIO(scaled(data)[0])).size == (48, 64)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("name", ["base64", "exif", "icc_profile", "transparency", "xmp"])
def test_a_text_of_a_png_is_not_taken_for_anything_else(name: str, *, several: bool) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text(name, "aGFsbG8=")
    buffer = io.BytesIO()
    others = [Image.new("RGB", (9, 9), "lime")] * several
    Image.new("RGB", (9, 9), "red").save(
        buffer, "PNG", pnginfo=texts, save_all=several, append_images=others
    )
    seen = decode_picture(buffer.getvalue(), "image", 1 << 20)
    assert seen.convert("RGBA").getpixel((5, 5)) == (255, 0, 0, 255)
    assert scaled(buffer.getvalue(), 4).damage is None


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_a_picture_with_damaged_exif_is_seen_as_stored(form: str) -> None:
    damaged = decode_picture(picture(form=form, exif=b"Exif\0\0any"), "image", 1 << 20)
    assert damaged.tobytes() == decode_picture(picture(form=form), "image", 1 << 20).tobytes()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_common_formats_are_decoded_here(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    assert scaled(picture(form=form), 8).damage is None


def test_a_path_among_the_folders_of_imports_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [Path("here"), *sys.path])
    assert scaled(picture(form="TIFF"), 8).damage is None


@pytest.mark.parametrize(("name", "value"), [("frozen", True), ("executable", None)])
def test_a_frozen_application_has_no_interpreter_to_start(
    name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    monkeypatch.setattr(sys, name, value, raising=False)
    assert scaled(picture(form="TIFF"), 8).damage is None


def test_of_a_picture_that_was_cut_off_the_rest_is_used() -> None:
    buffer = io.BytesIO()
    shades("RGB").save(buffer, "BMP")
    assert "cut off" in str(scaled(buffer.getvalue()[:-6000]).damage)
    with pytest.raises(MediaInputError, match="photo is a damaged image/bmp"):
        scaled(buffer.getvalue()[:60], name="photo")


def test_the_pages_of_a_file_share_a_process(started: list[subprocess.Popen[bytes]]) -> None:
    media = Media.from_bytes(frames(["red", "lime", "blue"] * 5, "TIFF"))
    pages = Frames(media, name="scan", max_pixels=1 << 20)
    for number in (*range(15), 1):
        with pages.at(number) as page:
            assert page.n_frames == 15
            assert page.tell() == number
            colour = decode(page).image.getpixel((5, 5))
        assert colour == [(255, 0, 0), (0, 255, 0), (0, 0, 255)][number % 3]
    with pytest.raises(MediaInputError, match="scan is a damaged image/tiff"), pages.at(15):
        pass
    with pages.at(1) as page:
        assert page.getpixel((5, 5)) == (0, 255, 0)
        page.seek(2)  # in a new process
        assert page.getpixel((5, 5)) == (0, 0, 255)
    assert len(started) == 2
    del pages, page
    gc.collect()
    assert have_ended(started)


def test_no_process_outlasts_what_it_decodes_for(
    monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[bytes]]
) -> None:
    media = Media.from_bytes(picture(form="TIFF"))
    with open_picture(media) as image:
        image.load()
        assert started[-1].poll() is None
    assert have_ended(started)
    with pytest.raises(KeyboardInterrupt), open_picture(media):
        raise KeyboardInterrupt
    assert have_ended(started)
    monkeypatch.setattr(apart.Apart, "_take", lambda *_: signal.raise_signal(signal.SIGINT))
    image = open_image(io.BytesIO(media.read()))
    with pytest.raises(KeyboardInterrupt):
        image.load()
    assert have_ended(started)


def test_an_open_picture_of_the_sandbox_holds_no_process(
    started: list[subprocess.Popen[bytes]],
) -> None:
    image = opened(picture(form="TIFF"), "image", 1 << 20)
    assert have_ended(started)
    image.load()
    assert have_ended(started)
    assert len(started) == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows sends it to no process of its own")
def test_ctrl_c_of_a_terminal_ends_no_decoding(started: list[subprocess.Popen[bytes]]) -> None:
    with open_image(io.BytesIO(picture(form="TIFF"))) as image:
        started[0].send_signal(signal.SIGINT)
        assert image.getpixel((5, 5)) == (255, 0, 0)


def test_the_name_is_not_among_the_arguments_that_all_users_see(
    started: list[subprocess.Popen[bytes]],
) -> None:
    scaled(picture(form="TIFF"), 8, name="https://a.test/a.tiff?sig=secret")
    assert "secret" not in str(started[0].args)


def test_an_interpreter_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = tmp_path / "server"
    server.write_text("#!/bin/sh\nexit 3\n")
    server.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(server))
    with pytest.raises(MediaInputError, match=f"sys.executable is not Python: {server}"):
        scaled(picture(form="TIFF"), 8)


def test_more_pixels_than_are_allowed_are_not_loaded() -> None:
    with (
        open_image(io.BytesIO(picture(form="TIFF")), max_pixels=3071) as image,
        pytest.raises(LimitError, match="64x48 pixels, more than 3,071"),
    ):
        image.load()


@pytest.mark.parametrize(
    "data",
    [
        b"P3 40 40 255\n" + b"1 " * 4800,
        b"P5 40 40 1000\n" + bytes(3200),
        b"qoif\0\0\0\x28\0\0\0\x28\3\0" + b"\xfd" * 25 + b"\xf1" + bytes(7) + b"\1",
    ],
    ids=["plain PPM", "PGM of ten bits", "QOI"],
)
def test_a_pixel_that_is_decoded_in_python_counts_sixteen_times(data: bytes) -> None:
    assert scaled(data, 8, max_pixels=25_600).damage is None
    assert decode_picture(data, "image", 25_600).size == (40, 40)
    with pytest.raises(MediaInputError, match="40x40 pixels, which count 16 times in"):
        scaled(data, 8, max_pixels=25_599)
    with pytest.raises(Refusal, match="more than 1,599 pixels, which is the bound for its kind"):
        decode_picture(data, "image", 25_599)


def tiff(strips: int) -> bytes:
    """A picture one pixel wide, in strips of one pixel."""
    tags = {256: 1, 257: strips, 258: 8, 259: 1, 262: 1, 273: 122, 277: 1, 278: 1}
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    for tag, value in tags.items():
        head += struct.pack("<HHII", tag, 4, strips if tag == 273 else 1, value)
    return head.ljust(122, b"\0") + struct.pack("<I", 8) * strips


def png(side: int) -> bytes:
    """A picture that ends after a few of its pixels."""
    parts = {b"IHDR": struct.pack(">II5B", side, side, 8, 6, 0, 0, 0), b"IDAT": bytes(9)}
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def ico(inside: bytes) -> bytes:
    """An icon that says that it has 16 pixels a side."""
    entry = struct.pack("<4B2H2I", 16, 16, 0, 0, 1, 32, len(inside), 22)
    return struct.pack("<3H", 0, 1, 1) + entry + inside


def icns(inside: bytes) -> bytes:
    block = b"ic07" + struct.pack(">I", len(inside) + 8) + inside
    return b"icns" + struct.pack(">I", len(block) + 8) + block


def bitmap(runs: bytes) -> bytes:
    """Of 8 bits a pixel, in runs."""
    head = struct.pack("<I2i2H6I", 40, 40, 40, 1, 8, 1, len(runs), 1, 1, 256, 256)
    return b"BM" + struct.pack("<I4xI", 1078 + len(runs), 1078) + head + bytes(1024) + runs


def blocks() -> bytes:
    """A JPEG 2000 in precincts of two pixels a side."""
    sizes = struct.pack(">8I", 4000, 4000, 0, 0, 4096, 4096, 0, 0)
    head = b"\xff\x4f\xff\x51" + struct.pack(">HH", 47, 0) + sizes + b"\0\3" + b"\7\1\1" * 3
    return head + b"\xff\x52\0\x0d\1\0\0\1\0\0\4\4\0\1\x11"


def avif(side: int) -> bytes:
    """A picture of which the container says that it has 8 pixels a side."""
    data = picture("red", (side, side), "AVIF", speed=10)
    return data.replace(struct.pack(">II", side, side), struct.pack(">II", 8, 8))


def xpm(colours: int) -> bytes:
    lines = b'"0000 c #123456",\n' * colours
    return b'/* XPM */\nstatic char *a[] = {\n"1 1 %d 4",\n' % colours + lines + b'"0000",\n};'


def psd(parts: int) -> bytes:
    head = b"8BPS\0\1" + bytes(6) + struct.pack(">H2I2HI", 1, 8, 8, 8, 1, 0)
    rest = (b"8BIM" + bytes(8)) * parts
    return head + struct.pack(">I", len(rest)) + rest + bytes(4 + 2 + 64)


def scans(count: int) -> bytes:
    """A JPEG of 1,600 pixels a side in as many scans."""
    buffer = io.BytesIO()
    Image.new("L", (1600, 1600), 200).save(buffer, "JPEG", progressive=True)
    empty = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10\x00"
    return b"\xff\xd8\xff\xd9" + buffer.getvalue()[:-2] + empty * count + b"\xff\xd9"


EMPTY_CHUNK = bytes(4) + b"teSt" + struct.pack(">I", zlib.crc32(b"teSt"))


def two_sizes(side: int) -> bytes:
    small, large = png(1), png(side)
    return small[:33] + large[8:]


TAKES_LONG: dict[str, Callable[[], bytes]] = {
    "JPEG of many scans": lambda: scans(2000),
    "PNG of many chunks": lambda: png(8)[:33] + EMPTY_CHUNK * 500_000,
    "TIFF of many strips": lambda: tiff(500_000),
    "BMP of empty runs": lambda: bitmap(bytes(4_000_000)),
    "PPM of many comments": lambda: b"P3 1 1 255\n" + b"#\n" * 500_000 + b"1 1 1",
    "XPM of many colours": lambda: xpm(300_000),
    "PSD of many parts": lambda: psd(500_000),
}
TAKES_MEMORY: dict[str, Callable[[], bytes]] = {
    "ICO": lambda: ico(png(6000)),
    "ICNS": lambda: icns(png(6000)),
    "JPEG 2000 of many blocks": blocks,
}
REASON = "has contents that take more than .* to decode"


def is_refused(data: bytes) -> None:
    with pytest.raises(MediaInputError, match=f"photo {REASON}; it was not decoded"):
        scaled(data, 8, name="photo")
    with pytest.raises(Refusal, match=f"^image {REASON}.$") as caught:
        decode_picture(data, "image", 64_000_000)
    assert caught.value.status == 400


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no such limit")
@pytest.mark.parametrize("make", TAKES_LONG.values(), ids=TAKES_LONG)
def test_what_takes_long_is_refused(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], bytes]
) -> None:
    monkeypatch.setattr(apart, "_MOST_SECONDS", 0.1)
    is_refused(make())
    assert scaled(picture(form="TIFF"), 8).damage is None


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of time")
def test_time_is_limited_even_if_the_signal_for_it_is_ignored_and_blocked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apart, "_MOST_SECONDS", 0.1)
    handler = signal.signal(signal.SIGPROF, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})
    try:
        is_refused(next(iter(TAKES_LONG.values()))())
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
        signal.signal(signal.SIGPROF, handler)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux bounds it")
@pytest.mark.parametrize("make", TAKES_MEMORY.values(), ids=TAKES_MEMORY)
def test_what_takes_much_memory_is_refused(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], bytes]
) -> None:
    monkeypatch.setattr(apart, "_MOST_BYTES", 16 << 20)
    monkeypatch.setattr(apart, "_BYTES_A_PIXEL", 0)
    is_refused(make())
    assert scaled(picture(form="TIFF"), 8).damage is None


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux bounds it")
def test_a_frame_has_no_more_memory_than_the_size_of_its_container(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = avif(4000)
    assert scaled(data).damage is None
    monkeypatch.setattr(apart, "_MOST_BYTES", 16 << 20)
    monkeypatch.setattr(apart, "_BYTES_A_PIXEL", 0)
    with pytest.raises(MediaInputError, match="damaged image/avif"):
        scaled(data)


def test_few_processes_wait_for_pictures_that_may_be_needed_again(
    monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[bytes]]
) -> None:
    monkeypatch.setattr(apart, "_MOST_KEPT", 2)
    colours = ["red", "lime", "blue", "white"]
    kept = [
        Frames(Media.from_bytes(of_two(each)), name="it", max_pixels=10_000) for each in colours
    ]

    def seen(number: int) -> list[tuple[int, ...]]:
        pixels = []
        for each in kept:
            with each.at(number) as image:
                pixels.append(image.convert("RGB").getpixel((0, 0)))
                assert sum(process.poll() is None for process in started) <= 3
        return pixels

    assert seen(0) == [ImageColor.getrgb(each) for each in colours]
    assert sum(process.returncode is None for process in started) == 2
    assert seen(1) == [(0, 0, 0)] * 4
    assert seen(0) == [ImageColor.getrgb(each) for each in colours]
    kept.clear()
    gc.collect()
    assert have_ended(started)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork of POSIX")
def test_a_forked_process_asks_none_that_answers_its_parent(
    started: list[subprocess.Popen[bytes]],
) -> None:
    def seen(number: int) -> Any:
        with pages.at(number) as image:
            return image.convert("RGB").getpixel((0, 0)), len(started)

    pages = Frames(Media.from_bytes(of_two("red")), name="it", max_pixels=10_000)
    assert seen(0) == ((255, 0, 0), 1)
    lock = apart._keeping
    context = multiprocessing.get_context("fork")
    answers: Any = context.SimpleQueue()
    child = context.Process(target=lambda: answers.put([*seen(1), apart._keeping is lock]))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert answers.get() == [(0, 0, 0), 2, False]
    assert seen(1) == ((0, 0, 0), 1)


def of_two(colour: str) -> bytes:
    """A TIFF of a page in this colour, and a black one."""
    buffer = io.BytesIO()
    pages = [Image.new("RGB", (8, 8), each) for each in (colour, "black")]
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    return buffer.getvalue()


def test_a_picture_that_is_collected_while_another_begins_to_wait_does_not_block_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Collecting(weakref.WeakValueDictionary[int, apart.Apart]):
        def __setitem__(self, key: int, value: apart.Apart) -> None:
            super().__setitem__(key, value)
            gc.collect()

    pages = Media.from_bytes(frames(["red", "blue"], "TIFF"))
    lost: Any = Frames(pages, name="lost", max_pixels=1 << 20)
    lost.itself = lost
    with lost.at(0):
        monkeypatch.setattr(apart, "_kept", Collecting())
    del lost
    shown: list[tuple[int, int]] = []

    def show() -> None:
        with Frames(pages, name="shown", max_pixels=1 << 20).at(0) as image:
            shown.append(image.size)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    thread.join(20)
    assert shown
