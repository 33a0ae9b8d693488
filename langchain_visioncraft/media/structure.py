"""Counts the work that a file demands of its decoder, before anything is decoded."""

from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import BinaryIO, NamedTuple

from langchain_visioncraft.media.inspection import chunks_of, directories_of

_MOST_SCANS = 500
"""As many as the fuzzers of libjpeg-turbo allow; progressive JPEGs have about ten."""
_MOST_PASSED = 4_000_000_000
"""Pixels that all scans pass over, each of which takes up to two nanoseconds."""
_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Markers of the segments that say the size."""
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
"""A marker that is neither a stuffed byte nor a restart, which belong to the pixels."""
_MOST_CHUNKS = 100_000
_MOST_SEGMENTS = 10_000
_MOST_EXIF = 256
"""Pillow joins them, and copies all again for each."""
_MOST_FILLER = 1 << 20
_MOST_COMMENTS = 1000
_WITHOUT_LENGTH = frozenset({0x01, 0xC8, 0xD8, 0xD9, *range(0xF0, 0xFE)})
"""Markers behind which Pillow reads on at once."""
_FRAME = 0xF1FA
_MOST_PARTS = 100
_MOST_PAGES = 10_000
_MOST_TILES = 1 << 16
_TAG_BYTES = 12
_MOST_VALUES = 4_000_000
_OF_BYTES = (1, 2, 6, 7)
"""The types of a TIFF's values that are read at once; others take a microsecond each."""
_WITH_EXIF = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"\0\0\0")
"""The beginnings of JPEG, PNG, WebP and AVIF."""
_EXIF = re.compile(rb"(?:II\*\0|MM\0\*)(.{4})", re.DOTALL)
_LAST_TYPE = 13
_OVERLAPPING = "tags of more bytes than the file"
_TILES = (273, 324)
"""The tags of a TIFF that say where its strips and tiles are."""
_SIZE, _TILE_SIZE = (256, 257), (322, 323)
_LARGE_TILE = 1 << 24
_ICONS = (b"\0\0\1\0", b"\0\0\2\0", b"icns")
_MOST_ICON_SIDE = 4096
"""Pixels; Windows and macOS use at most 1,024."""
_EMBEDDED = re.compile(rb"(?=(?:IHDR|ihdr|\xff\x4f\xff\x51.{4})(.{8}))", re.DOTALL)
"""The sides of a picture in an icon, by the headers of PNG and JPEG 2000."""
_PIECE = 1 << 20
_RUNS = (b"\1\0\0\0", b"\2\0\0\0")
"""The compressions of a bitmap that Pillow unpacks, in Python."""
_CODESTREAM = re.compile(rb"\xff\x4f(?=\xff\x51(.{2}).{2}(.{32})(.{2}))", re.DOTALL)
"""The head of a JPEG 2000: its length, its sizes and those of its tiles, and its channels."""
_IN_JPEG_2000 = (b"\xff\x4f\xff\x51", b"\0\0\0\x0c", b"icns")
_CODING = re.compile(rb"\xff(?=(?:\x52(..)(.).{4}|\x53(..).(.))(.)(.)(.)..(.{0,33}))", re.DOTALL)
"""How a JPEG 2000 is coded, or a channel of it: its length, whether it has precincts, the number of
levels, and the exponents of the sides of its blocks and precincts."""
_MOST_LEVELS = 32
_MOST_BLOCKS = 1 << 17
"""For each, in each channel, OpenJPEG needs 500 bytes."""
_MOST_JPEG_2000_TILES = 4096
"""For each, OpenJPEG needs 12 kB, even if the file ends before."""
_MOST_FRAMES = 10_000
"""Of a WebP; for each, libwebp counts those before it."""
_GIF_DELAY = b"\xf9"


class StructureError(ValueError):
    """A file demands too much of its decoder; the message says of what."""


class Animation(NamedTuple):
    """The canvas in pixels on which frames are composed, and their total duration."""

    width: int
    height: int
    seconds: float


def animation_of(file: BinaryIO, mime_type: str) -> Animation | None:
    """The canvas and duration that an animated GIF, WebP or PNG declares; `None` for other files.

    Raises errors of `struct` and of look-ups if its structure is inconsistent.
    """
    file.seek(0)
    if mime_type == "image/gif":
        return _gif(file)
    if mime_type == "image/webp":
        return _webp(file)
    return _apng(file) if mime_type == "image/png" else None


def _gif(file: BinaryIO) -> Animation:
    width, height, flags = struct.unpack_from("<HHB", file.read(13), 6)
    _skip_colours(file, flags)
    hundredths = delay = 0
    while (kind := file.read(1)) not in (b"", b";"):
        if kind == b"!":
            label, block = file.read(1), _block(file)
            if label == _GIF_DELAY and len(block) > 2:
                (delay,) = struct.unpack_from("<H", block, 1)
            while block:
                block = _block(file)
        elif kind == b",":
            left, top, across, down, flags = struct.unpack("<4HB", file.read(9))
            # Decoders enlarge the canvas for a frame that does not fit.
            width, height = max(width, left + across), max(height, top + down)
            hundredths, delay = hundredths + delay, 0
            _skip_colours(file, flags)
            file.read(1)
            while _block(file):
                pass
    return Animation(width, height, hundredths / 100)


def _skip_colours(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.read(6 << (flags & 7))


def _block(file: BinaryIO) -> bytes:
    return file.read((file.read(1) or b"\0")[0])


def _webp(file: BinaryIO) -> Animation | None:
    width = height = milliseconds = 0
    for kind, at, _ in chunks_of(file, 12, "<4sI"):
        file.seek(at)
        if kind == b"VP8X":
            payload = file.read(10)
            width = int.from_bytes(payload[4:7], "little") + 1
            height = int.from_bytes(payload[7:], "little") + 1
        elif kind == b"ANMF":
            milliseconds += int.from_bytes(file.read(15)[12:], "little")
    return Animation(width, height, milliseconds / 1000) if width else None


def _apng(file: BinaryIO) -> Animation:
    width, height = struct.unpack_from(">2I", file.read(24), 16)
    seconds = 0.0
    for kind, at, _ in chunks_of(file, 8, ">I4s"):
        if kind == b"fcTL":
            file.seek(at + 20)
            count, parts = struct.unpack(">2H", file.read(4))
            seconds += count / (parts or 100)
    return Animation(width, height, seconds)


def check_structure(file: BinaryIO) -> None:
    """Raise `StructureError` if a file demands more than any program's output does.

    That is a JPEG of more than 500 scans, or of scans that pass over more than 4,000,000,000 pixels
    together, or of more than 10,000 segments, 256 of EXIF or a
    megabyte of filler before the first; a PNG of more than 100,000 chunks or several colour
    profiles; a TIFF of more than 10,000 pages, of a page of more than 65,536 strips or tiles, of
    tiles far larger than their page, of pages that overlap, or of more than 4,000,000 numbers in
    its tags; tags that overlap, in a TIFF or EXIF; an icon that holds more than 4,096 pixels a side
    or a compressed bitmap; a compressed BMP of more than three bytes a pixel and a megabyte; a FLIC
    with a frame of more than 100 parts; a plain PPM of more than 1,000 comments; a JPEG 2000 of
    more than 4,096 tiles, or of a channel of more than 131,072 blocks or precincts; a WebP of more
    than 10,000 frames; and a compressed FITS.
    """
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    for beginnings, check in (
        (_ICONS, _check_icons),
        (_IN_JPEG_2000, _check_jpeg_2000),
        (b"\xff\xd8\xff", _check_jpeg),
        (_WITH_EXIF, _check_exif),
    ):
        if head.startswith(beginnings):
            file.seek(0)
            check(file.read())
    file.seek(0)
    if head == b"SIMP" and b"ZCMPTYPE" in file.read():
        # Pillow unpacks all of it before it looks at the size.
        msg = "compressed data of unknown size: unpack the FITS first, such as with funpack"
        raise StructureError(msg)
    if head[:2] == b"BM":
        with suppress(struct.error):
            _check_bitmap(file)
    if head == b"\x89PNG":
        _check_chunks(file)
    if (
        head == b"RIFF"
        and sum(kind == b"ANMF" for kind, *_ in chunks_of(file, 12, "<4sI")) > _MOST_FRAMES
    ):
        raise StructureError(f"more than {_MOST_FRAMES:,} frames")
    if head[:2] in (b"P1", b"P2", b"P3") and file.read().count(b"#") > _MOST_COMMENTS:
        msg = f"more than {_MOST_COMMENTS:,} comments"
        raise StructureError(msg)
    if file.seek(4) and file.read(2) in (b"\x11\xaf", b"\x12\xaf"):
        with suppress(struct.error):
            _check_flic(file)
    if head[:2] in (b"II", b"MM"):
        # An inconsistent structure is left to the decoder.
        with suppress(struct.error):
            _check_pages(file)


def _check_exif(data: bytes) -> None:
    """Before version 13, Pillow copies the value of each tag, even if all are at one place."""
    looked_at = 0
    for found in _EXIF.finditer(data):
        order, at = "<" if found[0][:1] == b"I" else ">", found.start()
        tags = at + int(struct.unpack(order + "I", found[1])[0])
        (count,) = struct.unpack(order + "H", data[tags : tags + 2].rjust(2, b"\0"))
        entries = data[tags + 2 : tags + 2 + _TAG_BYTES * count]
        whole = len(entries) // _TAG_BYTES * _TAG_BYTES
        values = sum(
            number
            for _, kind, number, place in struct.iter_unpack(order + "HHII", entries[:whole])
            # By chance, pixels may look like EXIF, but not like tags of it.
            if 0 < kind <= _LAST_TYPE and at + place + number <= len(data)
        )
        looked_at += whole // _TAG_BYTES
        if values > len(data) or looked_at > _MOST_VALUES:
            raise StructureError(_OVERLAPPING)


def _check_pages(file: BinaryIO) -> None:
    tags = values = file.seek(0)
    if file.read(4) == b"MM\0+":
        # Pillow looks for its pages at another place than libtiff.
        raise StructureError("numbers of 64 bits, the highest byte first")
    size = file.seek(0, io.SEEK_END)
    for page, entries in enumerate(directories_of(file), 1):
        tags += len(entries)
        if page > _MOST_PAGES or tags > size // _TAG_BYTES:
            msg = f"more than {_MOST_PAGES:,} pages, or pages that overlap"
            raise StructureError(msg)
        values += sum(count for _, kind, count, _ in entries if kind not in _OF_BYTES)
        if values > _MOST_VALUES:
            msg = f"more than {_MOST_VALUES:,} numbers in its tags"
            raise StructureError(msg)
        if sum(count for _, _, count, _ in entries) > size:
            raise StructureError(_OVERLAPPING)
        if any(tag in _TILES and count > _MOST_TILES for tag, _, count, _ in entries):
            msg = f"a page of more than {_MOST_TILES:,} strips or tiles"
            raise StructureError(msg)
        if _area(entries, _TILE_SIZE, max) > max(_LARGE_TILE, 2 * _area(entries, _SIZE, min)):
            msg = "tiles of far more pixels than the page"
            raise StructureError(msg)


def _area(
    entries: Sequence[tuple[int, int, int, int | None]],
    sides: Sequence[int],
    which: Callable[..., int],
) -> int:
    """The product of two tags; each may be there several times."""
    found = ([value or 0 for tag, *_, value in entries if tag == side] for side in sides)
    return math.prod(which(values, default=0) for values in found)


def _check_icons(data: bytes) -> None:
    """The list of icons may say other sizes than the pictures have."""
    # In pieces, between which other threads get the interpreter.
    pieces = range(0, len(data), _PIECE)
    found = chain.from_iterable(_EMBEDDED.finditer(data, at, at + _PIECE + 16) for at in pieces)
    pictures = [struct.unpack(">2I", match[1]) for match in found]
    if any(max(sides) > _MOST_ICON_SIDE for sides in [*pictures, *_bitmaps(data)]):
        msg = f"an icon of more than {_MOST_ICON_SIDE:,} pixels a side"
        raise StructureError(msg)


def _check_jpeg_2000(data: bytes) -> None:
    widths, heights = [0], [0]
    for length, sides, channels in _CODESTREAM.findall(data):
        right, below, _, _, across, down, left, top = struct.unpack(">8I", sides)
        # By chance, these bytes may be among the pixels.
        is_head = int.from_bytes(length, "big") == 38 + 3 * int.from_bytes(channels, "big")
        if is_head:
            widths.append(right - left)
            heights.append(below - top)
        if is_head and across and down:
            tiles = math.ceil((right - left) / across) * math.ceil((below - top) / down)
            if tiles > _MOST_JPEG_2000_TILES:
                msg = f"more than {_MOST_JPEG_2000_TILES:,} tiles"
                raise StructureError(msg)
    for number, coding in enumerate(_CODING.finditer(data)):
        blocks = _blocks(max(widths), max(heights), *coding.groups(b""))
        if blocks > _MOST_BLOCKS or number > _MOST_CHUNKS:
            raise StructureError(f"more than {_MOST_BLOCKS:,} blocks or precincts")


def _blocks(width: int, height: int, *coding: bytes) -> int:
    """How many blocks a channel has; each precinct consists of at least one."""
    general, style, special, own_style, *numbers, precincts = coding
    levels, across, down = (number[0] for number in numbers)
    own_precincts = (style or own_style)[0] & 1
    length = (12 if general else 9) + own_precincts * (levels + 1)
    if int.from_bytes(general or special, "big") != length or levels > _MOST_LEVELS:
        return 0
    blocks = 0
    for level in range(levels + 1):
        sides = precincts[level] if own_precincts and level < len(precincts) else 0xFF
        # All but the smallest version of the picture are stored as three bands of half its size.
        half = level > 0
        wide, high = (
            1 << min(exponent + 2 + half + levels - level, limit + levels - level)
            for exponent, limit in ((across, sides & 15), (down, sides >> 4))
        )
        blocks += (3 if half else 1) * math.ceil(width / wide) * math.ceil(height / high)
    return blocks


def _bitmaps(data: bytes) -> Iterator[tuple[int, int]]:
    """The sides of the bitmaps in an ICO or CUR; what is not one is left to the decoder."""
    if data.startswith(b"icns"):
        return
    (count,) = struct.unpack_from("<H", data.ljust(6, b"\0"), 4)
    for entry in range(6, min(6 + 16 * count, len(data) - 15), 16):
        (at,) = struct.unpack_from("<I", data, entry + 12)
        kind, sides = data[at : at + 4], data[at + 4 : at + 12]
        if len(sides) < 8 or kind == b"\x89PNG":
            continue
        if kind != b"\x0c\0\0\0" and data[at + 16 : at + 20] in _RUNS:
            raise StructureError("a compressed bitmap inside")
        width, height = struct.unpack_from("<2H" if kind == b"\x0c\0\0\0" else "<2i", sides)
        yield abs(width), abs(height) // 2  # its mask is below it


def _check_chunks(file: BinaryIO) -> None:
    profiles = 0
    for number, (kind, _, _) in enumerate(chunks_of(file, 8, ">I4s")):
        profiles += kind == b"iCCP"
        if number >= _MOST_CHUNKS or profiles > 1:
            # Pillow unpacks each of the profiles.
            msg = f"more than {_MOST_CHUNKS:,} chunks, or several colour profiles"
            raise StructureError(msg)
        if kind == b"IEND":
            return


def _check_jpeg(data: bytes) -> None:
    at, segments, exif, filler, pixels = 2, 0, 0, 0, 1
    while found := _MARKER.search(data, at):
        segments, filler, kind = segments + 1, filler + found.start() - at, found[1][0]
        at = found.end()
        exif += data.startswith(b"Exif", at + 2)
        if segments > _MOST_SEGMENTS or exif > _MOST_EXIF or filler > _MOST_FILLER:
            most = f"{_MOST_SEGMENTS:,} segments, {_MOST_EXIF} of EXIF"
            msg = f"more than {most}, or a megabyte of filler before its pixels"
            raise StructureError(msg)
        if kind == 0xDA:
            break
        if kind in _SIZES:
            pixels = max(
                pixels, math.prod(struct.unpack(">2H", data[at + 3 : at + 7].ljust(4, b"\0")))
            )
        if kind not in _WITHOUT_LENGTH:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    scans = min(_MOST_SCANS, _MOST_PASSED // pixels)
    if _scans(data, scans) > scans:
        msg = f"more than {scans} scans, each of which passes over the whole picture"
        raise StructureError(msg)


def _check_bitmap(file: BinaryIO) -> None:
    """Its runs may be empty, so that any number of them fills no pixel."""
    _, width, height, _, _, compression = struct.unpack("<I2i2HI", file.read(34)[14:])
    pixels = abs(width * height)
    if (
        compression.to_bytes(4, "little") in _RUNS
        and file.seek(0, io.SEEK_END) > 3 * pixels + _MOST_FILLER
    ):
        raise StructureError("more bytes of runs than pixels")


def _check_flic(file: BinaryIO) -> None:
    """Each of a frame's parts may fill the whole picture, in six bytes."""
    at = 128
    while True:
        file.seek(at)
        size, kind, parts = struct.unpack("<I2H", file.read(8))
        if kind == _FRAME and parts > _MOST_PARTS:
            msg = f"a frame of more than {_MOST_PARTS} parts"
            raise StructureError(msg)
        at += max(size, 6)


def _scans(jpeg: bytes, most: int) -> int:
    """How many scans a decoder would find; counting stops one beyond the limit."""
    if (count := jpeg.count(b"\xff\xda")) <= most:
        return count
    # They may be in metadata, or in appended data.
    at, scans = 2, 0
    while scans <= most and (found := _MARKER.search(jpeg, at)):
        at, kind = found.end(), found[1][0]
        if kind == 0xD9:
            break
        scans += kind == 0xDA
        if kind not in (0x01, 0xD8):
            at += max(2, int.from_bytes(jpeg[at : at + 2], "big"))
    return scans
