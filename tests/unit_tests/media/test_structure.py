"""What a small file may ask of a decoder."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from typing import Any

import pytest
from media_host import picture
from PIL import Image
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.uploads import decode_picture

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media import decoding
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
    is_refused_unopened(monkeypatch, data, reason)


@pytest.mark.parametrize("data", [tiff(pages=10_000), tiff(strips=9000)], ids=["pages", "strips"])
def test_a_tiff_of_many_parts_is_decoded(data: bytes) -> None:
    assert decode_picture(data, "image", 100_000).width == 1


@pytest.mark.parametrize("pages", [1, 4])
def test_the_numbers_in_the_tags_of_all_pages_are_few(
    monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    count, at = 4_000_001 // pages + 1, 8
    data = b"II*\0" + struct.pack("<I", at)
    for page in range(pages):
        at += 18
        tag = struct.pack("<HHHII", 1, 40_000, 5, count, 8)
        data += tag + struct.pack("<I", at if page < pages - 1 else 0)
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(MediaInputError, match="more than 4,000,000 numbers in its tags"):
        scaled(data + bytes(count), 8)


def png(width: int, height: int) -> bytes:
    """The head of a PNG."""
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II5x", width, height)


def jpeg2000(width: int, height: int) -> bytes:
    """The head of a codestream."""
    return b"\xff\x4f\xff\x51" + struct.pack(">HHII", 47, 0, width, height)


def bitmap(width: int, height: int) -> bytes:
    """The head of a picture with its mask below it."""
    return struct.pack("<Iii", 40, width, -2 * height) + bytes(28)


def old_bitmap(width: int, height: int) -> bytes:
    return struct.pack("<IHH", 12, width, 2 * height) + bytes(4)


def ico(inside: bytes, kind: int = 1) -> bytes:
    """An icon that says that it has 16 pixels a side."""
    entry = struct.pack("<4B2H2I", 16, 16, 0, 0, 1, 32, len(inside), 22)
    return struct.pack("<3H", 0, kind, 1) + entry + inside


def icns(inside: bytes) -> bytes:
    block = b"ic07" + struct.pack(">I", len(inside) + 8) + inside
    return b"icns" + struct.pack(">I", len(block) + 8) + block


def tiled(width: int, height: int) -> bytes:
    """A TIFF of one pixel in a tile of this size."""
    tags = {256: 1, 257: 1, 258: 8, 259: 1, 262: 1, 277: 1, 322: width, 323: height, 324: 8}
    data = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return data + b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in tags) + bytes(4)


@pytest.mark.parametrize(
    "data",
    [
        *(
            around(inside(*sides))
            for around in (ico, lambda data: ico(data, 2))
            for inside in (png, jpeg2000, bitmap, old_bitmap)
            for sides in ((4097, 1), (1, 4097))
        ),
        *(icns(inside(4097, 1)) for inside in (png, jpeg2000)),
        icns(png(16, 16) + png(1, 4097)),
    ],
)
def test_the_picture_in_an_icon_counts_and_not_what_the_icon_says(
    monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    is_refused_unopened(monkeypatch, data, "an icon of more than 4,096 pixels")


@pytest.mark.parametrize("form", ["ICO", "ICNS"])
@pytest.mark.parametrize("bitmap_format", ["png", "bmp"])
def test_icons_of_usual_sizes_are_decoded(form: str, bitmap_format: str) -> None:
    buffer = io.BytesIO()
    options = {"bitmap_format": bitmap_format} if form == "ICO" else {}
    Image.new("RGBA", (256, 256), "red").save(buffer, form, **options)
    assert scaled(buffer.getvalue(), 8).damage is None


def test_a_tile_far_larger_than_its_page_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert decode_picture(tiled(16, 16), "image", 100_000).size == (1, 1)
    monkeypatch.setattr(Image, "open", None)
    for twice in (b"", struct.pack("<HHII", 322, 9, 1, 16)):
        data = tiled(46_336, 46_336)
        data = data[:8] + bytes([9 + bool(twice)]) + data[9:-4] + twice + bytes(4)
        with pytest.raises(MediaInputError, match="tiles of far more pixels than the page"):
            scaled(data, 8)


def test_a_compressed_fits_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", None)
    cards = ["SIMPLE  =                    T", "ZCMPTYPE= 'GZIP_1  '", "END"]
    data = "".join(card.ljust(80) for card in cards).ljust(2880).encode()
    with pytest.raises(MediaInputError, match="unpack the FITS first"):
        scaled(data, 8)


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
        (b"P3 1 1 255\n" + b"#\n" * 1001 + b"1 1 1", "more than 1,000 comments"),
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
        "comments",
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
        b"P3 1 1 255\n" + b"#\n" * 1000 + b"1 1 1",
    ],
    ids=["metadata", "something behind a JPEG", "something behind a PNG", "comments"],
)
def test_metadata_in_many_parts_is_read(data: bytes) -> None:
    assert scaled(data, 8).damage is None


def flic(*parts: int) -> bytes:
    """A film of frames with as many parts, each of which makes the picture black."""
    head = struct.pack("<I7HI", 0, 0xAF12, len(parts), 64, 48, 8, 3, 0, 70).ljust(128, b"\0")
    frames = [
        struct.pack("<I2H8x", 16 + 6 * many, 0xF1FA, many) + struct.pack("<IH", 6, 13) * many
        for many in parts
    ]
    return head + b"".join(frames)


def test_a_frame_of_more_parts_than_programs_write_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert decode_picture(flic(0, 0), "image", 100_000).size == (64, 48)
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(MediaInputError, match="a frame of more than 100 parts"):
        scaled(flic(1, 101), 8)


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


def bitmap(runs: bytes, side: int = 40) -> bytes:
    """Of 8 bits a pixel, in runs."""
    head = struct.pack("<I2i2H6I", 40, side, side, 1, 8, 1, len(runs), 1, 1, 256, 256)
    return (
        b"BM" + struct.pack("<I4xI", 54 + 1024 + len(runs), 54 + 1024) + head + bytes(1024) + runs
    )


def test_runs_that_fill_no_pixels_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    row = b"\x28\7\0\0"
    assert scaled(bitmap(row * 40), 8).damage is None
    assert scaled(bitmap(b"\0\2\0\0" * 200_000 + row * 40), 8).damage is None
    is_refused_unopened(monkeypatch, bitmap(b"\0\2\0\0" * 270_000), "more bytes of runs than pix")


@pytest.mark.parametrize("kind", [1, 2], ids=["ICO", "CUR"])
def test_an_icon_has_no_compressed_bitmap(monkeypatch: pytest.MonkeyPatch, kind: int) -> None:
    inside = bitmap(b"\x28\7\0\0" * 40)[14:]
    head = struct.pack("<3H4B2H2I", 0, kind, 1, 40, 40, 0, 0, 1, 8, len(inside), 22)
    is_refused_unopened(monkeypatch, head + inside, "a compressed bitmap inside")


def test_a_large_jpeg_may_have_fewer_scans(monkeypatch: pytest.MonkeyPatch) -> None:
    many = bytearray(progressive(101))
    at = many.index(b"\xff\xc2") + 5
    many[at : at + 4] = struct.pack(">2H", 8000, 5000)
    is_refused_unopened(monkeypatch, bytes(many), "more than 100 scans")


def many_parts(form: str, parts: int) -> bytes:
    """A picture with as many parts before its pixels as Pillow reads in pieces."""
    if form == "GIF":
        whole = picture(form=form)
        at = 13 + (6 << (whole[10] & 7) if whole[10] & 0x80 else 0)
        return whole[:at] + b"!\xfe\1a\0" * parts + whole[at:]
    if form == "JPEG2000":
        whole = picture(form=form)
        at = whole.index(b"jp2h") - 4
        return whole[:at] + struct.pack(">I4s", 8, b"free") * parts + whole[at:]
    if form == "PSD":
        head = b"8BPS\0\1" + bytes(6) + struct.pack(">H2I2HI", 1, 8, 8, 8, 1, 0)
        rest = (b"8BIM" + bytes(8)) * parts
        return head + struct.pack(">I", len(rest)) + rest + bytes(4 + 2 + 64)
    if form == "XPM":
        colours = b'"0000 c #123456",\n' * parts
        return b'/* XPM */\nstatic char *a[] = {\n"1 1 %d 4",\n' % parts + colours + b'"0000",\n};'
    return b"P6 #" + b"a" * parts + b"\n1 1 255\nabc"


@pytest.mark.parametrize("form", ["GIF", "JPEG2000", "PSD", "XPM", "PPM"])
def test_pillow_reads_no_more_parts_than_programs_write(
    monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(decoding, "_MOST_READS", 3000)
    assert open_image(io.BytesIO(many_parts(form, 300))).load()
    with pytest.raises(StructureError, match="more than 3,000 parts before its pixels"):
        open_image(io.BytesIO(many_parts(form, 3000)))


def tiles(side: int, channels: int = 3) -> bytes:
    """The head of a JPEG 2000 with 128 pixels a side, in tiles of this side."""
    sizes = struct.pack(">8I", 128, 128, 0, 0, side, side, 0, 0)
    length = struct.pack(">HH", 38 + 3 * channels, 0)
    head = b"\xff\x4f\xff\x51" + length + sizes + struct.pack(">H", channels)
    return head + b"\7\1\1" * channels


def in_box(codestream: bytes) -> bytes:
    return b"\0\0\0\x0cjP  \r\n\x87\n" + codestream


@pytest.mark.parametrize("around", [bytes, in_box, icns])
def test_a_jpeg_2000_of_more_tiles_than_programs_write_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch, around: Callable[[bytes], bytes]
) -> None:
    check_structure(io.BytesIO(around(tiles(2) + tiles(0))))
    pixels = tiles(1).replace(b"\0\x2f", b"\0\x30")  # a length that no head has
    check_structure(io.BytesIO(around(pixels)))
    is_refused_unopened(monkeypatch, around(tiles(2) + tiles(1)), "more than 4,096 tiles")


def coding(*precincts: int, block: int = 0, one_channel: bool = False) -> bytes:
    """How a JPEG 2000, or a channel of it, is coded: by exponents of the sides of its parts."""
    style = bytes([bool(precincts)])
    numbers = bytes([max(len(precincts) - 1, 0), block, block, 0, 1, *precincts])
    if one_channel:
        return b"\xff\x53" + struct.pack(">H", 9 + len(precincts)) + b"\2" + style + numbers
    return b"\xff\x52" + struct.pack(">H", 12 + len(precincts)) + style + b"\0\0\1\0" + numbers


@pytest.mark.parametrize("around", [bytes, in_box, icns])
@pytest.mark.parametrize("one_channel", [False, True])
@pytest.mark.parametrize(("precincts", "block"), [((), 0), ((0x11,), 4), ((0x88, 0x22), 4)])
def test_a_jpeg_2000_of_more_blocks_than_programs_write_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
    around: Callable[[bytes], bytes],
    precincts: tuple[int, ...],
    block: int,
    *,
    one_channel: bool,
) -> None:
    def data(side: int) -> bytes:
        sides = struct.pack(">2I", side, side)
        head = tiles(4096).replace(struct.pack(">2I", 128, 128), sides)
        # The beginnings of another head and another coding must not hide those that follow.
        hidden = b"\xff\x4f\xff\x51" + bytes(12) + head + b"\xff\x52"
        return around(hidden + coding(*precincts, block=block, one_channel=one_channel))

    check_structure(io.BytesIO(data(512)))
    is_refused_unopened(monkeypatch, data(4000), "more than 131,072 blocks or precincts")


@pytest.mark.parametrize("options", [{}, {"precinct_size": (64, 64)}, {"codeblock_size": (16, 16)}])
def test_a_jpeg_2000_of_usual_blocks_is_decoded(options: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((400, 300), 50).save(buffer, "JPEG2000", **options)
    assert open_image(buffer).load()


def test_a_webp_of_more_frames_than_programs_write_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def data(frames: int) -> bytes:
        return (
            b"RIFF" + bytes(4) + b"WEBPVP8X" + struct.pack("<I10x", 10) + b"ANMF\0\0\0\0" * frames
        )

    check_structure(io.BytesIO(data(10_000)))
    is_refused_unopened(monkeypatch, data(10_001), "more than 10,000 frames")


def test_a_tiff_that_pillow_and_libtiff_read_differently_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = b"MM\0+\0\x08\0\0" + struct.pack(">QQ", 16, 0)
    is_refused_unopened(monkeypatch, data, "numbers of 64 bits")


def exif(tags: int, size: int, order: str = "<") -> bytes:
    """EXIF of as many tags, all with the same bytes as their value."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, tags)
    entries = (struct.pack(order + "HHII", 1000 + tag, 7, size, 8) for tag in range(tags))
    return head + b"".join(entries) + bytes(4 + size)


def with_exif(form: str, block: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(buffer, form, exif=block)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tags_that_share_their_bytes_are_not_decoded(
    monkeypatch: pytest.MonkeyPatch, form: str, order: str
) -> None:
    def data(tags: int) -> bytes:
        block = exif(tags, 10_000, order)
        return block if form == "TIFF" else with_exif(form, block)

    check_structure(io.BytesIO(data(1)))
    # These are more bytes than the file, but cannot be read.
    check_structure(io.BytesIO(with_exif("PNG", exif(40, 10_000, order)[:-10_000])))
    is_refused_unopened(monkeypatch, data(40), "tags of more bytes than the file")


def test_very_many_beginnings_of_exif_are_not_looked_at() -> None:
    heads = b"".join(b"II*\0" + struct.pack("<I", 8 * (1000 - number)) for number in range(1000))
    data = b"RIFF" + heads + struct.pack("<H", 60_000) + bytes(12 * 60_000)
    with pytest.raises(StructureError, match="tags of more bytes"):
        check_structure(io.BytesIO(data))
