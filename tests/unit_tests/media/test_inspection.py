"""What a file is, how large, how it lies, how long it lasts: by its headers alone."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from langchain_visioncraft import Media
from langchain_visioncraft.media.inspection import (
    MediaInfo,
    is_plain,
    media_info,
    truncation_of,
    type_of,
)

ROOT = Path(__file__).parents[3]
PNG = (ROOT / "tests" / "media" / "cat.png").read_bytes()
TEXT = "[.ShellClassInfo]\r\nIconResource=x\r\n"


def iso(major: bytes, *compatible: bytes) -> bytes:
    brands = b"".join(compatible)
    return struct.pack(">I4s4sI", 16 + len(brands), b"ftyp", major, 0) + brands + bytes(64)


def mpeg(head: bytes, length: int, count: int) -> bytes:
    return (head + bytes(length - len(head))) * count


MP3 = mpeg(b"\xff\xfb\x90\x00", 417, 4)
MP2 = mpeg(b"\xff\xfd\x80\x00", 417, 4)
ADTS = mpeg(b"\xff\xf1\x50\x80\x0d\x00", 104, 4)


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (iso(b"mif1", b"avif", b"miaf"), "image/avif"),
        (iso(b"avio", b"avif"), "image/avif"),
        (iso(b"msf1", b"hevc", b"mif1"), "image/heic"),
        (iso(b"jpeg", b"mif1"), "image/heic"),
        (iso(b"isom", b"iso2", b"avc1", b"mp41"), "video/mp4"),
        (iso(b"crx ", b"isom"), "image/x-canon-cr3"),
        (MP3, "audio/mpeg"),
        (MP2, "audio/mpeg"),
        (ADTS, "audio/aac"),
        (bytes(5000) + MP3, "audio/mpeg"),
        (b"\x12\x00\x9a" * 7 + MP3, "audio/mpeg"),
        (MP3[300:] + MP3, "audio/mpeg"),
        (MP3[:834] + b"TAG" + bytes(125), "audio/mpeg"),
        (b"\x81" * 50 + MP3[:1251], None),  # three frames may be chance
        (b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10) + b"fLaC", "audio/flac"),
        (b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10) + MP3, "audio/mpeg"),
        (b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10) + PNG, "audio/mpeg"),
        (TEXT.encode("utf-16"), "text/plain"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "text/plain"),
        (TEXT.encode("utf-32"), "text/plain"),
        ('{"images": []}'.encode("utf-16"), "application/json"),
        (b"\xff" * 5000, None),
        (b"Call 123 moov", "text/plain"),
        (b"The mdat of it", "text/plain"),
        (b"MAC addresses", "text/plain"),
        (b"P5 is a format", "text/plain"),
        (b"P6\n# by hand\n2 2\n255\n" + bytes(range(128, 140)), "image/x-portable-anymap"),
        (b"RIFF\x64\x00\x00\x00AVI JUNK", "video/x-msvideo"),
        (b"RF64\xff\xff\xff\xffWAVEds64", "audio/wav"),
        ((b"\x47" + bytes(187)) * 6, "video/mp2t"),
        ((bytes(4) + b"\x47" + bytes(187)) * 6, "video/mp2t"),
        (b"\x1aE\xdf\xa3\x9f\x42\x82\x88matroska\x86\x86A_OPUS\x86\x85V_VP8", "video/x-matroska"),
        (b"\x1aE\xdf\xa3\x9f\x42\x82\x84webm\x86\x86A_OPUS", "audio/webm"),
        (b"OggS" + bytes(24) + b"\x80theora", "video/ogg"),
        (bytes(18), None),
        (b"\x00\x00\x02" + bytes(9) + b"\x08\x00\x04\x00\x18\x20", "image/x-tga"),
    ],
)  # fmt: skip
def test_a_file_is_what_its_bytes_are(data: bytes, mime: str | None) -> None:
    assert type_of(data) == type_of(io.BytesIO(data)) == mime


def test_a_program_is_no_recording() -> None:
    assert type_of(Path(sys.executable).resolve().read_bytes()) in (None, "text/plain")


def box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def movie(*tracks: bytes, duration: int = 2000, matrix: tuple[int, ...] = (1, 0, 0, 1)) -> bytes:
    one = 1 << 16
    a, b, c, d = (each * one for each in matrix)
    head = box(b"mvhd", bytes(12) + struct.pack(">II", 1000, duration) + bytes(80))
    for kind in tracks:
        size = (640 * one, 480 * one) if kind == b"vide" else (0, 0)
        place = struct.pack(">9i2I", a, b, 0, c, d, 0, 0, 0, 1 << 30, *size)
        media = box(b"mdia", box(b"hdlr", bytes(8) + kind + bytes(13)))
        head += box(b"trak", box(b"tkhd", bytes(40) + place) + media)
    return box(b"ftyp", b"isom" + bytes(4) + b"isom") + box(b"moov", head)


@pytest.mark.parametrize(
    ("data", "described"),
    [
        (movie(b"vide", b"soun"), ("video/mp4", 640, 480, 2.0)),
        (movie(b"soun"), ("audio/mp4", None, None, 2.0)),
        (movie(b"vide", matrix=(0, 1, -1, 0)), ("video/mp4", 480, 640, 2.0)),
        (movie(b"vide", matrix=(-1, 0, 0, -1)), ("video/mp4", 640, 480, 2.0)),
        (movie(b"vide", duration=0xFFFF_FFFF), ("video/mp4", 640, 480, None)),
        (movie(b"vide", duration=0), ("video/mp4", 640, 480, None)),
    ],
)
def test_a_film_is_told_as_a_person_sees_it(data: bytes, described: tuple[Any, ...]) -> None:
    media = Media.from_bytes(data)
    assert (media.mime_type, media.width, media.height, media.duration) == described


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_picture_has_the_size_that_a_person_sees(form: str, orientation: int) -> None:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.new("RGB", (80, 40)).save(buffer, form, exif=exif)
    shape = media_info(buffer, f"image/{form.lower()}")
    assert (shape.width, shape.height) == ((40, 80) if orientation >= 6 else (80, 40))
    if form != "TIFF":
        assert is_plain(buffer, f"image/{form.lower()}") == (orientation == 1)


@pytest.mark.parametrize("size", [0, 0x7FFF_F000, 0x8000_0000, 0xFFFF_FFFF])
def test_a_length_that_means_unknown_is_measured(size: int) -> None:
    head = b"WAVELIST\x04\0\0\0datafmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    wav = b"RIFF" + struct.pack("<I", size) + head + b"data" + struct.pack("<I", size)
    wav += bytes(32_000)
    assert Media.from_bytes(wav).duration == 2.0
    assert truncation_of(io.BytesIO(wav), "audio/wav", len(wav)) is None


def test_a_recording_may_have_its_numbers_the_other_way_round() -> None:
    head = b"WAVEfmt " + struct.pack(">IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    rifx = b"RIFX" + struct.pack(">I", 32_036) + head + b"data" + struct.pack(">I", 32_000)
    rifx += bytes(32_000)
    assert Media.from_bytes(rifx).duration == 2.0
    assert truncation_of(io.BytesIO(rifx), "audio/wav", len(rifx)) is None
    assert truncation_of(io.BytesIO(rifx), "audio/wav", 20_000) is not None


def test_what_is_appended_to_a_png_does_not_cut_it_off() -> None:
    appended = PNG + bytes(500)
    assert truncation_of(io.BytesIO(appended), "image/png", len(appended)) is None


def test_headers_are_read_without_any_extra() -> None:
    code = (
        "import sys; sys.modules.update(PIL=None, av=None, numpy=None)\n"
        "from langchain_visioncraft import Media\n"
        "for name in ('cat.png', 'cat.jpg', 'cat.gif', 'cat.webp', 'cat.mp4'):\n"
        "    media = Media.from_path('tests/media/' + name)\n"
        "    assert media.width and media.height, name\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("form", ["PCX", "ICO", "CUR", "PFM"])
def test_formats_that_keep_their_size_in_a_way_of_their_own_are_measured(form: str) -> None:
    image, file = Image.new("RGB", (40, 30), "red"), io.BytesIO()
    if form == "PFM":
        file.write(b"PF\n40 30\n-1.0\n" + bytes(40 * 30 * 12))
    elif form == "PCX":
        image.save(file, form)
    else:
        image.save(file, "ICO", sizes=[(16, 16), (40, 30), (24, 24)])
    data = bytearray(file.getvalue())
    if form == "CUR":
        data[2] = 2
    media = Media.from_bytes(bytes(data))
    assert (media.width, media.height) == (40, 30)


@pytest.mark.parametrize(
    "data",
    [
        b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 2)
        + b"".join(struct.pack("<HHQQ", tag, 16, 1, 2**64 - 1) for tag in (256, 257)) + bytes(8),
        iso(b"isom") + box(b"moov", struct.pack(">I4sQ", 1, b"trak", 2**64 - 1)
        + struct.pack(">I4sQ", 1, b"tkhd", 2**64 - 100) + bytes(100)),
        b'<svg width="1e999" height="1e999"></svg>',
    ],
    ids=["TIFF", "MP4", "SVG"],
)  # fmt: skip
def test_numbers_that_no_file_has_are_not_its_size(data: bytes) -> None:
    kind = type_of(data)
    assert kind is not None
    assert media_info(io.BytesIO(data), kind) == MediaInfo()


def test_an_icon_of_the_largest_size_is_measured() -> None:
    file = io.BytesIO()
    Image.new("RGB", (256, 256), "red").save(file, "ICO", sizes=[(32, 32), (256, 256)])
    media = Media.from_bytes(file.getvalue())
    assert (media.width, media.height) == (256, 256)


@pytest.mark.parametrize("head", [b"SIMPLE  = ", b"\xff\xd8\xff\xe0\0\4\0\0"], ids=["fits", "jpeg"])
def test_a_size_that_is_not_at_the_beginning_is_not_searched_in_all_of_a_large_file(
    tmp_path: Path, head: bytes
) -> None:
    path = tmp_path / "large"
    path.write_bytes(head)
    os.truncate(path, 200 << 20)
    with path.open("rb") as file:
        tracemalloc.start()
        try:
            assert media_info(file, type_of(file) or "") == MediaInfo()
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 64 << 20


def test_a_place_that_no_file_system_has_is_not_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "far.tiff"
    path.write_bytes(b"II+\0\x08\0\0\0" + struct.pack("<Q", 1 << 63) + bytes(64))
    assert Media.from_path(path).width is None
