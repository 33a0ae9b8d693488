"""Reads from the headers of an animation how large it is and how long it lasts."""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

from langchain_visioncraft.media.inspection import chunks_of

_GIF_DELAY = b"\xf9"


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
