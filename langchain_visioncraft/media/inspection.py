"""The one module that finds the type, size, rotation and duration of a file, by its headers."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Literal

from langchain_visioncraft.media.boxes import picture_size, read_movie, truncation_of_boxes
from langchain_visioncraft.media.sniff import HEAD_BYTES, kind_of, sniff

_ISO = ("video/mp4", "video/quicktime", "audio/mp4")
_UNKNOWN_LENGTH = 0x7FFF_0000
"""From here on, a 32-bit length means that the program did not know it (2 GB, 4 GB)."""

_MOST_CHUNKS = 200_000
_CHUNK = re.compile(rb"\w{4}")
"""The names of chunks in a PNG that Pillow reads on behind."""
_MOST_TAGS = 1 << 16
_LONGEST_METADATA = 16 << 20
"""Bytes that are searched for the size of a picture; some formats tell none there."""
_MOST_SIDE = 1 << 31
_LARGEST_FILE = 1 << 43
"""Ext4 cannot look for anything beyond 16 TiB."""
_CONTRADICTIONS = (ValueError, LookupError, OverflowError, struct.error)
"""The errors raised by inconsistent headers."""

_ORIENTATION = 274


@dataclass(frozen=True)
class MediaInfo:
    """Width and height in pixels and duration in seconds, if the file has them.

    If the camera was rotated, width and height are those of the upright picture or video.
    """

    width: int | None = None
    height: int | None = None
    duration: float | None = None


def type_of(file: BinaryIO | bytes) -> str | None:
    """The MIME type of a whole file, by its content; ``None`` if it is unknown binary data."""
    if isinstance(file, bytes):
        file = io.BytesIO(file)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    mime = sniff(head)
    if mime == "audio/mpeg" and head[:3] == b"ID3" and len(head) > 9:
        return _behind_id3(file, head) or mime
    if mime in ("video/mp4", "video/quicktime"):
        try:
            tracks = read_movie(file).tracks
        except _CONTRADICTIONS:
            return mime
        if b"soun" in tracks and b"vide" not in tracks:
            return "audio/mp4"
    return mime


def behind_tag(file: BinaryIO) -> int:
    """Where FLAC or AAC begins after an ID3 tag; 0 in all other files."""
    file.seek(0)
    head = file.read(10)
    behind = _behind_id3(file, head) if head[:3] == b"ID3" and len(head) > 9 else None
    return end_of_id3(head) if behind in ("audio/flac", "audio/aac") else 0


def _behind_id3(file: BinaryIO, head: bytes) -> str | None:
    """The data after an ID3 tag, which some FLAC and AAC files also begin with."""
    file.seek(end_of_id3(head))
    mime = sniff(file.read(HEAD_BYTES))
    return mime if kind_of(mime) == "audio" else None


def end_of_id3(head: bytes) -> int:
    """Where the tag ends whose first ten bytes these are."""
    high, mid, low, last = head[6:10]
    return 10 + (high << 21 | mid << 14 | low << 7 | last)


def media_info(file: BinaryIO, mime_type: str) -> MediaInfo:
    """Measure a file from its headers, without decoding it."""
    file.seek(0)
    try:
        return _measured(file, mime_type)
    except _CONTRADICTIONS:
        return MediaInfo()


def _measured(file: BinaryIO, mime_type: str) -> MediaInfo:
    if mime_type in _ISO:
        movie = read_movie(file)
        return MediaInfo(movie.width, movie.height, movie.duration)
    if mime_type == "audio/wav":
        return MediaInfo(duration=_wav_duration(file))
    if kind_of(mime_type) != "image":
        return MediaInfo()
    if mime_type == "image/tiff":
        tags = _tags(file)
        width, height, turn = tags.get(256, 0), tags.get(257, 0), tags.get(_ORIENTATION, 1)
    elif mime_type in ("image/heic", "image/avif"):
        width, height, turn = *picture_size(file), 1
    else:
        (width, height), turn = _stored_size(file, mime_type), _orientation(file, mime_type)
    if turn in range(5, 9):
        width, height = height, width
    known = 0 < width < _MOST_SIDE and 0 < height < _MOST_SIDE
    return MediaInfo(width, height) if known else MediaInfo()


def is_plain(file: BinaryIO, mime_type: str) -> bool:
    """Whether a picture looks alike in all programs: stored upright, with 8 bits a channel."""
    file.seek(0)
    if mime_type == "image/png" and file.read(25)[24:] == b"\x10":
        return False
    try:
        return _orientation(file, mime_type) == 1
    except _CONTRADICTIONS:
        return True


def _stored_size(file: BinaryIO, mime_type: str) -> tuple[int, int]:
    """Width and height as stored in the file."""
    head = file.read(HEAD_BYTES)
    if mime_type == "image/bmp":
        short = head[14] == 12  # OS/2
        width, height = struct.unpack_from("<HH" if short else "<ii", head, 18)
        return width, abs(height)  # a negative height means from top to bottom
    if head[:4] == b"\xff\x4f\xff\x51":  # JPEG 2000 without a box around it
        width, height, left, top = struct.unpack_from(">4I", head, 8)
        return width - left, height - top
    if head[12:16] == b"IHDR":  # of most PNGs
        width, height = struct.unpack_from(">II", head, 16)
        return width, height
    if mime_type in _SIZES:
        form, at, turned = _SIZES[mime_type]
        first, second = struct.unpack_from(form, head, at)
        return (second, first) if turned else (first, second)
    if (own := _size_of_its_own(head, mime_type)) is not None:
        return own
    import imagesize  # noqa: PLC0415 -- loads an XML parser

    size: tuple[int, int] = imagesize.get(io.BytesIO(head), exif_rotation=False)
    if size[0] <= 0:  # the size is further on, after large metadata
        file.seek(len(head))
        size = imagesize.get(io.BytesIO(head + file.read(_LONGEST_METADATA)), exif_rotation=False)
    return size


def _size_of_its_own(head: bytes, mime_type: str) -> tuple[int, int] | None:
    """The size of formats that need more than two numbers, and that imagesize does not know."""
    if mime_type == "image/x-pcx":
        left, top, right, bottom = struct.unpack_from("<4H", head, 4)
        return right - left + 1, bottom - top + 1
    if mime_type in ("image/x-icon", "image/x-win-cursor"):  # the largest icon; 256 is written as 0
        entries = range(6, 6 + 16 * head[4], 16)
        return max((head[at] or 256, head[at + 1] or 256) for at in entries)
    floats = re.match(rb"P[Ff]\s+(\d{1,9})\s+(\d{1,9})\s", head)
    return (int(floats[1]), int(floats[2])) if floats else None


_SIZES = {
    "image/gif": ("<HH", 6, False),
    "image/vnd.adobe.photoshop": (">II", 14, True),
    "image/vnd.ms-dds": ("<II", 12, True),
    "image/qoi": (">II", 4, False),
    "image/x-tga": ("<HH", 12, False),
    "image/x-sgi": (">HH", 6, False),
    "image/x-sun-raster": (">II", 4, False),
    "image/x-flc": ("<HH", 8, False),
}
"""The places of width and height, and whether the height comes first."""


def _tags(file: BinaryIO) -> dict[int, int]:
    """The integers among the tags of the first page of a TIFF, or of EXIF, which is a TIFF."""
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:1] == b"I" else ">"
    big = 43 in head[2:4]  # with offsets of 64 bits
    offset, count_form, entry_form = ("Q", "Q", "HHQ8s") if big else ("I", "H", "HHI4s")
    (at,) = struct.unpack_from(order + offset, head, 8 if big else 4)
    file.seek(min(at, _LARGEST_FILE))
    (count,) = struct.unpack(order + count_form, file.read(struct.calcsize(order + count_form)))
    entries = file.read(min(count, _MOST_TAGS) * struct.calcsize(order + entry_form))
    found = (
        (tag, _whole(order, kind, value))
        for tag, kind, _, value in struct.iter_unpack(order + entry_form, entries)
    )
    return {tag: value for tag, value in found if value is not None}


def _whole(order: str, kind: int, value: bytes) -> int | None:
    if kind not in _WHOLE:
        return None
    (first,) = struct.unpack_from(order + _WHOLE[kind], value)
    return int(first) if first >= 0 else None


_WHOLE = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q", 17: "q"}


def _orientation(file: BinaryIO, mime_type: str) -> int:
    """The orientation of a camera (1 to 8, 1 is upright), by EXIF, or else by XMP."""
    found = 1
    read = _METADATA.get(mime_type)
    for block in read(file) if read else ():
        exif = block.removeprefix(b"Exif\0\0")
        if exif[:4] in (b"II*\0", b"MM\0*"):
            if (turn := _tags(io.BytesIO(exif)).get(_ORIENTATION)) is not None:
                return turn
        elif match := re.search(rb"tiff:Orientation(?:=\"|>)([1-8])", block):
            found = int(match[1])
    return found


def _jpeg_metadata(file: BinaryIO) -> Iterator[bytes]:
    at = 2
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        marker, kind, length = struct.unpack(">BBH", file.read(4))
        if marker != 0xFF or kind in (0xD9, 0xDA):  # the end, or the picture itself
            return
        if kind == 0xFF:  # padding
            at += 1
            continue
        if kind == 0xE1:
            yield file.read(length - 2)
        at += 2 + length


def chunks_of(file: BinaryIO, at: int, form: str) -> Iterator[tuple[bytes, int, int]]:
    """The chunks of a PNG (``>I4s``) or RIFF (``<4sI``) file: kind, payload, length."""
    png = form == ">I4s"
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        first, second = struct.unpack(form, head)
        kind, length = (second, first) if png else (first, second)
        if png and not _CHUNK.fullmatch(kind):  # something else is appended
            return
        yield kind, at + 8, length
        # PNG has a checksum here; in RIFF, chunks begin at even offsets.
        at += 8 + length + (4 if png else length % 2)


def is_whole_png(file: BinaryIO) -> bool:
    """Whether the checksums of a PNG are right, and its end directly follows its pixels."""
    pixels = False
    for kind, at, length in chunks_of(file, 8, ">I4s"):
        file.seek(at - 4)
        checked = file.read(length + 4)
        if zlib.crc32(checked) != int.from_bytes(file.read(4), "big"):
            return False
        if pixels and kind != b"IDAT":
            return kind == b"IEND"
        pixels = kind == b"IDAT"
    return False


def _chunk_metadata(file: BinaryIO, first: int, form: str) -> Iterator[bytes]:
    for kind, at, length in chunks_of(file, first, form):
        if kind in (b"eXIf", b"iTXt", b"EXIF", b"XMP "):
            file.seek(at)
            yield file.read(min(length, HEAD_BYTES))


_METADATA: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {
    "image/jpeg": _jpeg_metadata,
    "image/png": partial(_chunk_metadata, first=8, form=">I4s"),
    "image/webp": partial(_chunk_metadata, first=12, form="<4sI"),
}


def _wav_duration(file: BinaryIO) -> float | None:
    """The duration by the length of its data; if that is unknown, by the size of the file."""
    end = file.seek(0, io.SEEK_END)
    rate, size = 0, None
    order = _order(file)
    for kind, at, length in chunks_of(file, 12, ">4sI" if order == "big" else "<4sI"):
        file.seek(at)
        if kind == b"fmt ":
            rate = int.from_bytes(file.read(12)[8:], order)
        elif kind == b"ds64":  # the length of more than 4 GB
            size = int.from_bytes(file.read(16)[8:], "little")
        elif kind == b"data":
            announced = size if length == 0xFFFF_FFFF and size else length
            there = max(0, end - at)
            return min(announced or there, there) / rate if rate else None
    return None


def _order(file: BinaryIO) -> Literal["big", "little"]:
    """The byte order of a RIFF file; RIFX is the big-endian variant."""
    file.seek(0)
    return "big" if file.read(4) == b"RIFX" else "little"


def truncation_of(file: BinaryIO, mime_type: str, size: int) -> str | None:
    """Describe how a file was truncated; ``None`` if it is complete."""
    if mime_type == "image/png":
        # Something may be appended; or the middle is damaged, which is not checked here.
        chunks = chunks_of(file, 8, ">I4s")
        ended = b"IEND" in _tail(file, size, 64) or any(kind == b"IEND" for kind, _, _ in chunks)
        return None if ended else "the PNG has no end"
    if mime_type == "image/jpeg":
        # Cameras and editors append data, so the end marker may come some way before the end.
        return None if b"\xff\xd9" in _tail(file, size, 1 << 16) else "the JPEG has no end"
    if mime_type == "image/gif":
        ended = _tail(file, size, 64).rstrip(b"\x00").endswith(b";")
        return None if ended else "the GIF has no end"
    if mime_type in ("image/webp", "audio/wav", "video/x-msvideo"):
        order = _order(file)
        file.seek(4)
        announced = int.from_bytes(file.read(4), order) + 8
        # A stream of unknown length announces 0, or one of the largest numbers.
        cut = size < announced < _UNKNOWN_LENGTH
        return f"{announced:,} bytes are announced, {size:,} arrived" if cut else None
    return truncation_of_boxes(file, size) if mime_type in _ISO else None


def _tail(file: BinaryIO, size: int, count: int) -> bytes:
    file.seek(max(0, size - count))
    return file.read(count)
