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
from langchain_visioncraft.media.scaling import scaled

EMPTY_SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10\x00"


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


def tiff(pages: int = 1, strips: int = 1) -> bytes:
    """A picture one pixel wide, in strips of one pixel; further pages have no tags."""
    tags = {256: 1, 257: strips, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1}
    data = b"II*\0" + struct.pack("<IH", 8, len(tags))
    rest = 8 + 2 + 12 * len(tags) + 4
    strip_places = rest + 6 * (pages - 1)
    for tag, value in tags.items():
        several = tag == 273 and strips > 1
        data += struct.pack(
            "<HHII", tag, 4, strips if several else 1, strip_places if several else value
        )
    places = [*(rest + 6 * page for page in range(pages - 1)), 0]
    data += struct.pack("<I", places[0])
    for following in places[1:]:
        data += struct.pack("<HI", 0, following)
    return data + struct.pack("<I", 8) * strips


def overlapping(pages: int, tags: int) -> bytes:
    """Each page begins one tag behind the one before, and has as many tags."""
    data = bytearray(8 + 12 * (pages + tags + 1))
    data[:8] = b"II*\0\x08\0\0\0"
    for at in range(8, len(data), 12):
        data[at : at + 2] = struct.pack("<H", tags)
    for page in range(pages):
        at = 8 + 12 * page + 2 + 12 * tags
        data[at : at + 4] = struct.pack("<I", 8 + 12 * (page + 1))
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tiff(pages=10_001), "more than 10,000 pages"),
        (overlapping(10, 1000), "pages that overlap"),
        (tiff(strips=65_537), "a page of more than 65,536 strips"),
    ],
    ids=["pages", "overlapping pages", "strips"],
)
def test_a_tiff_of_more_parts_than_programs_write_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch, data: bytes, reason: str
) -> None:
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(MediaInputError, match=f"scan has .*{reason}"):
        scaled(data, 8, name="scan")
    with pytest.raises(Refusal, match=f"^image has .*{reason}"):
        decode_picture(data, "image", 100_000)


@pytest.mark.parametrize("data", [tiff(pages=10_000), tiff(strips=9000)], ids=["pages", "strips"])
def test_a_tiff_of_many_parts_is_decoded(data: bytes) -> None:
    assert decode_picture(data, "image", 100_000).width == 1
