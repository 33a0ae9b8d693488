"""Counts the work that a file demands of its decoder, before anything is decoded."""

from __future__ import annotations

import math
import re
import struct
from typing import BinaryIO, NamedTuple

from langchain_visioncraft.media.inspection import chunks_of

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
_WITHOUT_LENGTH = frozenset({0x01, 0xC8, 0xD8, 0xD9, *range(0xF0, 0xFE)})
"""Markers behind which Pillow reads on at once."""
_TAG_BYTES = 12
_MOST_VALUES = 4_000_000
_EXIF = re.compile(rb"(?:II(?:\*\0|\0\*)|MM(?:\0[*+]|\*\0))(.{4})", re.DOTALL)
"""Its beginning, also in the wrong order of bytes, which Pillow accepts."""
_LAST_TYPE = 13
_OVERLAPPING = "tags of more bytes than the file"
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
    together, or of more than 10,000 segments, 256 of EXIF or a megabyte of filler before the first;
    a PNG of more than 100,000 chunks or several colour profiles, or whose size is not in its first
    chunk alone; a WebP of more than 10,000 frames or 100,000 chunks; and tags of EXIF that overlap.
    Other formats are decoded in a process with limits of its own.
    """
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    if head[:3] == b"\xff\xd8\xff":
        _check_jpeg(file.read())
    elif head == b"\x89PNG":
        _check_chunks(file)
    elif head == b"RIFF":
        _check_frames(file)
    else:
        return
    file.seek(0)
    _check_exif(file.read())


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


def _check_frames(file: BinaryIO) -> None:
    frames = 0
    for number, (kind, _, _) in enumerate(chunks_of(file, 12, "<4sI")):
        frames += kind == b"ANMF"
        if frames > _MOST_FRAMES or number >= _MOST_CHUNKS:
            raise StructureError(f"more than {_MOST_FRAMES:,} frames, or {_MOST_CHUNKS:,} chunks")


def _check_chunks(file: BinaryIO) -> None:
    profiles = 0
    for number, (kind, _, _) in enumerate(chunks_of(file, 8, ">I4s")):
        if (kind == b"IHDR") != (number == 0):
            # Pillow takes the size from the last one, other programs from the first.
            raise StructureError("another chunk than its size at its beginning, or several sizes")
        profiles += kind == b"iCCP"
        if number >= _MOST_CHUNKS or profiles > 1:
            # Pillow unpacks each of the profiles.
            msg = f"more than {_MOST_CHUNKS:,} chunks, or several colour profiles"
            raise StructureError(msg)
        if kind == b"IEND":
            return


def _check_jpeg(data: bytes) -> None:
    at, segments, filler, pixels = 2, 0, 0, 1
    exif: list[bytes] = []
    while found := _MARKER.search(data, at):
        segments, filler, kind = segments + 1, filler + found.start() - at, found[1][0]
        at = found.end()
        length = max(2, int.from_bytes(data[at : at + 2], "big"))
        if kind == 0xE1 and data.startswith(b"Exif", at + 2):
            exif.append(data[at + 8 : at + length])
        if segments > _MOST_SEGMENTS or len(exif) > _MOST_EXIF or filler > _MOST_FILLER:
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
            at += length
    _check_exif(b"".join(exif))
    scans = min(_MOST_SCANS, _MOST_PASSED // pixels)
    if _scans(data, scans) > scans:
        msg = f"more than {scans} scans, each of which passes over the whole picture"
        raise StructureError(msg)


def _scans(jpeg: bytes, most: int) -> int:
    """How many scans a decoder would find; counting stops one beyond the limit."""
    if (count := jpeg.count(b"\xff\xda")) <= most:
        return count
    # They may be in metadata, or in appended data.
    at, scans = 2, 0
    while scans <= most and (found := _MARKER.search(jpeg, at)):
        at, kind = found.end(), found[1][0]
        if kind == 0xD9 and scans:  # before them, tables end, and the picture follows
            break
        scans += kind == 0xDA
        if kind not in (0x01, 0xD8, 0xD9):
            at += max(2, int.from_bytes(jpeg[at : at + 2], "big"))
    return scans
