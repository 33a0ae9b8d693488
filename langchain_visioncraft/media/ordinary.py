"""Recognizes pictures that are built as programs build them, and so take a decoder no longer.

Decoders are lenient: a picture may hide a second size, a thousand scans or overlapping metadata
where no check looks. So nothing is searched for here: what is in any way unusual is decoded in a
process that has limits (`apart`).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

_LARGEST = 64 << 20
_MOST_PASSED = 1_000_000_000
"""Pixels that all scans of a JPEG pass over; progressive ones have about ten scans."""
_MOST_SEGMENTS = 1000
_MOST_CHUNKS = 100_000
_MOST_PARTS = 16
_CONTRADICTIONS = (IndexError, struct.error)


def ordinary_format(file: BinaryIO) -> str | None:
    """Pillow's name of the format of an ordinary PNG, JPEG or WebP of one frame.

    `None` for all other files, those that are cut off included.
    """
    file.seek(0)
    data = file.read(_LARGEST + 1)
    for beginning, (name, is_ordinary) in _FORMATS.items():
        if data.startswith(beginning) and len(data) <= _LARGEST:
            try:
                return name if is_ordinary(data) else None
            except _CONTRADICTIONS:
                return None
    return None


_OTHERS = rb"(?:PLTE|(?!acTL|fcTL|fdAT|sPLT)[a-z][A-Za-z]{3}){0,64}"
_PNG = re.compile(rb"IHDR" + _OTHERS + rb"(?:IDAT)+" + _OTHERS + rb"IEND")
_LONGEST = {b"IHDR": 13, b"iCCP": 1 << 20}
_WEBP = re.compile(rb"VP8[ L]|VP8X(?:ICCP)?(?:VP8L|(?:ALPH)?VP8 )(?:EXIF)?(?:XMP )?")
"""The order of the parts of a picture of one frame."""


def _png(data: bytes) -> bool:
    kinds: list[bytes] = []
    at = 8
    while b"IEND" not in kinds[-1:]:
        length, kind = struct.unpack_from(">I4s", data, at)
        kinds.append(kind)
        if len(kinds) > _MOST_CHUNKS or length > _LONGEST.get(kind, _LARGEST):
            return False
        if kind == b"eXIf" and not _has_room(data[at + 8 : at + 8 + length]):
            return False
        at += 12 + length
    once = max(kinds.count(kind) for kind in (b"iCCP", b"eXIf")) <= 1
    return once and at <= len(data) and _PNG.fullmatch(b"".join(kinds)) is not None


def _webp(data: bytes) -> bool:
    kinds: list[bytes] = []
    at, end = 12, 8 + int.from_bytes(data[4:8], "little")
    while at < end and len(kinds) < _MOST_PARTS:
        kind, length = struct.unpack_from("<4sI", data, at)
        kinds.append(kind)
        if kind == b"EXIF" and not _has_room(data[at + 8 : at + 8 + length]):
            return False
        at += 8 + length + length % 2
    return end <= len(data) and at == end and _WEBP.fullmatch(b"".join(kinds)) is not None


_END, _SCAN = 0xD9, 0xDA
_FRAMES = (0xC0, 0xC1, 0xC2)
"""Baseline, extended and progressive."""
_TABLES = (0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0))
_MARKER = re.compile(rb"\xff[^\0\xd0-\xd7]", re.DOTALL)
"""One that ends a scan."""


def _jpeg(data: bytes) -> bool:
    scans = pixels = exif = 0
    for kind, payload in _segments(data):
        if kind == _SCAN:
            scans += 1
        elif kind in _FRAMES and not pixels:
            height, width = struct.unpack_from(">2H", payload, 1)
            pixels = height * width
        elif kind not in _TABLES:
            return False
        elif kind == 0xE1 and payload.startswith(b"Exif\0\0"):
            exif += 1
            if exif > 1 or not _has_room(payload[6:]):
                return False
        elif kind == 0xE2 and payload.startswith(b"MPF\0") and not _has_room(payload[4:]):
            return False
    return 0 < scans * pixels <= _MOST_PASSED


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The segments of a JPEG up to its end, which must be there; raises if there are too many."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        mark, kind = data[at], data[at + 1]
        if mark != 0xFF or kind == _END:
            break
        (length,) = struct.unpack_from(">H", data, at + 2)
        yield kind, data[at + 4 : at + 2 + length]
        at += 2 + length
        if kind == _SCAN:
            found = _MARKER.search(data, at)
            at = found.start() if found else len(data)
    if (mark, kind) != (0xFF, _END):
        raise IndexError


_SIZES = (1, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)


def _has_room(tags: bytes) -> bool:
    """Whether each tag of EXIF has a value of its own: for each, Pillow copies what they share."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tags[:4])
    if order is None:
        return False
    (at,) = struct.unpack_from(order + "I", tags, 4)
    (count,) = struct.unpack_from(order + "H", tags, at)
    entries = struct.iter_unpack(order + "HHII", tags[at + 2 : at + 2 + 12 * count])
    taken: int = sum(_SIZES[kind] * number for _, kind, number, _ in entries)
    return taken <= len(tags)


_FORMATS: dict[bytes, tuple[str, Callable[[bytes], bool]]] = {
    b"\x89PNG\r\n\x1a\n": ("PNG", _png),
    b"\xff\xd8\xff": ("JPEG", _jpeg),
    b"RIFF": ("WEBP", _webp),
}
