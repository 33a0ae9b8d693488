"""What a small file may ask of a decoder."""

from __future__ import annotations

import io
import re
import struct

import pytest
from media_host import picture
from PIL import Image
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.uploads import decode_picture

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media import pixels
from langchain_visioncraft.media.decoding import open_image
from langchain_visioncraft.media.scaling import scaled
from langchain_visioncraft.media.structure import StructureError, check_structure

EMPTY_SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10\x00"


def is_refused_unopened(monkeypatch: pytest.MonkeyPatch, data: bytes, reason: str) -> None:
    """Package and sandbox refuse these bytes with this reason, and Pillow never sees them."""
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(MediaInputError, match=f"photo has .*{reason}.*not decoded"):
        scaled(data, 8, name="photo")
    with pytest.raises(Refusal, match=f"^image has .*{reason}"):
        decode_picture(data, "image", 64_000_000)


def progressive(scans: int) -> bytes:
    """A JPEG of as many scans, in all."""
    buffer = io.BytesIO()
    Image.new("L", (64, 48), 200).save(buffer, "JPEG", progressive=True)
    plain = buffer.getvalue()
    return plain[:-2] + EMPTY_SCAN * (scans - plain.count(b"\xff\xda")) + b"\xff\xd9"


def test_a_jpeg_of_more_scans_than_programs_write_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(MediaInputError, match=r"cat has more than 500 scans.*not decoded"):
        scaled(progressive(501), 8, name="cat")
    with pytest.raises(Refusal, match=r"^image has more than 500 scans") as caught:
        decode_picture(progressive(501), "image", 10_000)
    assert caught.value.status == 400


def test_scans_hide_behind_no_padding_and_no_marker_in_the_pixels() -> None:
    hidden = re.sub(rb"(?=\xff\xda)", b"\xff\xff\xd0\xff\x00\xff\x01", progressive(501))
    with pytest.raises(MediaInputError, match="500 scans"):
        scaled(hidden, 8)


def test_scans_are_counted_behind_tables_that_end_before_them() -> None:
    tables = b"\xff\xd8\xff\xd9"
    assert scaled(tables + progressive(20), 8).damage is None
    with pytest.raises(MediaInputError, match="500 scans"):
        scaled(tables + progressive(501), 8)


@pytest.mark.parametrize(
    "data",
    [
        progressive(500),
        picture(form="JPEG") + b"\xff\xda" * 501,
        b"\xff\xd8\xff\xe5\x04\x00" + b"\xff\xda" * 511 + picture(form="JPEG")[2:],
    ],
    ids=["500 scans", "something appended", "metadata"],
)
def test_what_is_no_scan_does_not_count(data: bytes) -> None:
    assert scaled(data, 8).damage is None
    assert decode_picture(data, "image", 10_000).size == (64, 48)


def png(width: int, height: int) -> bytes:
    """The head of a PNG."""
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II5x", width, height)


def chunk(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + bytes(4)


def segments(count: int, payload: bytes = b"") -> bytes:
    """Segments of metadata in a JPEG."""
    return (b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload) * count


JPEG = picture(form="JPEG")
PNG = png(1, 1) + bytes(4)
PROFILE = chunk(b"iCCP", b"\0")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (PNG + chunk(b"sPLT") * 100_001, "100,000 chunks"),
        (PNG + chunk(b"s_1a") * 100_001, "100,000 chunks"),
        (PNG + PROFILE * 2, "several colour profiles"),
        (JPEG[:2] + segments(10_001) + JPEG[2:], "10,000 segments"),
        (JPEG[:2] + b"\xff\xf0\xff\xff" * 10_001 + JPEG[2:], "10,000 segments"),
        (JPEG[:2] + segments(257, b"Exif\0\0") + JPEG[2:], "256 of EXIF"),
        (JPEG[:2] + b"\xff" * (1 << 20) + b"\xff" + JPEG[2:], "a megabyte of filler"),
        (JPEG[:2] + segments(1) + bytes(1 + (1 << 20)) + JPEG[2:], "a megabyte of filler"),
    ],
    ids=[
        "chunks",
        "odd chunks",
        "profiles",
        "segments",
        "empty",
        "EXIF",
        "ff",
        "zeros",
    ],
)
def test_metadata_in_more_parts_than_programs_write_is_not_read(
    monkeypatch: pytest.MonkeyPatch, data: bytes, reason: str
) -> None:
    is_refused_unopened(monkeypatch, data, reason)


@pytest.mark.parametrize(
    "data",
    [
        JPEG[:2] + segments(9000, b"http") + segments(200, b"Exif\0\0") + JPEG[2:],
        JPEG + b"\xff" * (2 << 20) + segments(10_001),
        picture(form="PNG") + PROFILE * 2,
    ],
    ids=["metadata", "something behind a JPEG", "something behind a PNG"],
)
def test_metadata_in_many_parts_is_read(data: bytes) -> None:
    assert scaled(data, 8).damage is None


def test_a_large_jpeg_may_have_fewer_scans(monkeypatch: pytest.MonkeyPatch) -> None:
    many = bytearray(progressive(101))
    at = many.index(b"\xff\xc2") + 5
    many[at : at + 4] = struct.pack(">2H", 8000, 5000)
    is_refused_unopened(monkeypatch, bytes(many), "more than 100 scans")


def test_pillow_reads_no_more_parts_than_programs_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def data(parts: int) -> bytes:
        whole = picture(form="GIF")
        at = 13 + (6 << (whole[10] & 7) if whole[10] & 0x80 else 0)
        return whole[:at] + b"!\xfe\1a\0" * parts + whole[at:]

    monkeypatch.setattr(pixels, "_MOST_READS", 3000)
    assert open_image(io.BytesIO(data(300))).load()
    with pytest.raises(StructureError, match="more than 3,000 parts before its pixels"):
        open_image(io.BytesIO(data(3000)))


def test_a_webp_of_more_frames_than_programs_write_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def data(frames: int) -> bytes:
        return (
            b"RIFF" + bytes(4) + b"WEBPVP8X" + struct.pack("<I10x", 10) + b"ANMF\0\0\0\0" * frames
        )

    check_structure(io.BytesIO(data(10_000)))
    is_refused_unopened(monkeypatch, data(10_001), "more than 10,000 frames")
    hidden = data(0) + b"JUNK\0\0\0\0" * 200_000 + data(10_001)[30:]
    is_refused_unopened(monkeypatch, hidden, "100,000 chunks")


def exif(tags: int, size: int, order: str = "<") -> bytes:
    """EXIF of as many tags, all with the same bytes as their value."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, tags)
    entries = (struct.pack(order + "HHII", 1000 + tag, 7, size, 8) for tag in range(tags))
    return head + b"".join(entries) + bytes(4 + size)


def with_exif(form: str, block: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(buffer, form, exif=block)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tags_that_share_their_bytes_are_not_decoded(
    monkeypatch: pytest.MonkeyPatch, form: str, order: str
) -> None:
    def data(tags: int) -> bytes:
        return with_exif(form, exif(tags, 10_000, order))

    check_structure(io.BytesIO(data(1)))
    # These are more bytes than the file, but cannot be read.
    check_structure(io.BytesIO(with_exif("PNG", exif(40, 10_000, order)[:-10_000])))
    is_refused_unopened(monkeypatch, data(40), "tags of more bytes than the file")


def test_exif_in_the_wrong_order_of_bytes_or_in_several_segments_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def split(tags: int) -> bytes:
        # Between the segments are ten bytes, which would shift the tags.
        block = b"II*\0" + struct.pack("<I", 20) + bytes(12) + exif(tags, 10_000)[8:]
        parts = (segments(1, b"Exif\0\0" + part) for part in (block[:20], block[20:]))
        return JPEG[:2] + b"".join(parts) + JPEG[2:]

    check_structure(io.BytesIO(split(1)))
    is_refused_unopened(monkeypatch, split(40), "tags of more bytes than the file")
    for order, head in (("<", b"II\0*"), (">", b"MM*\0"), (">", b"MM\0+")):
        data = JPEG[:2] + segments(1, b"MPF\0" + head + exif(40, 10_000, order)[4:]) + JPEG[2:]
        is_refused_unopened(monkeypatch, data, "tags of more bytes than the file")


def test_a_picture_is_turned_without_reading_all_of_exif(monkeypatch: pytest.MonkeyPatch) -> None:
    block = Image.Exif()
    block[0x0112] = 6
    block[0x8769] = {0x9286: b"a comment"}
    data = with_exif("PNG", block.tobytes())
    monkeypatch.setattr(Image.Exif, "get_ifd", None)
    with Image.open(io.BytesIO(scaled(data, 32).data)) as turned:
        assert turned.size == (24, 32)
        assert not turned.getexif()


def test_the_size_of_a_png_is_in_its_first_chunk_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    is_refused_unopened(monkeypatch, PNG[:33] + PNG[8:], "several sizes")
    hidden = PNG[:8] + chunk(b"teSt", bytes(8)) + PNG[8:]
    is_refused_unopened(monkeypatch, hidden, "another chunk than its size")


def test_very_many_beginnings_of_exif_are_not_looked_at() -> None:
    heads = b"".join(b"II*\0" + struct.pack("<I", 8 * (1000 - number)) for number in range(1000))
    data = b"RIFF" + heads + struct.pack("<H", 60_000) + bytes(12 * 60_000)
    with pytest.raises(StructureError, match="tags of more bytes"):
        check_structure(io.BytesIO(data))
