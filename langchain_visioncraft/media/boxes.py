"""The boxes of ISO files (MP4, MOV, HEIC, AVIF): sizes, rotation, durations, tracks, truncation."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from itertools import repeat
from typing import BinaryIO, NamedTuple, TypeAlias

_Box: TypeAlias = tuple[bytes, int, int]
"""The type of a box, the start of its payload, and its end."""

_MOST_BOXES = 20_000
"""Of all levels: a file of nothing else would keep us busy for a minute."""
_LONGEST_BOX = 1 << 20


class Movie(NamedTuple):
    """The content of an index: pixels as shown, seconds, and the kinds of tracks."""

    width: int | None
    height: int | None
    duration: float | None
    tracks: frozenset[bytes]


class _Boxes:
    """The boxes of a file, at most `_MOST_BOXES` of all levels together."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._budget = file, repeat(None, _MOST_BOXES)

    def announced(self, start: int, end: int) -> Iterator[_Box]:
        """The boxes between two offsets; the last one may announce a later end."""
        file = self._file
        for _ in self._budget:
            if start + 8 > end:
                return
            file.seek(start)
            size, kind = struct.unpack(">I4s", file.read(8))
            payload = start + 8
            if size == 1:
                size = int.from_bytes(file.read(8), "big")
                payload += 8
            stop = end if size == 0 else start + size
            if stop < payload:
                return
            yield kind, payload, stop
            start = stop

    def within(self, start: int, end: int) -> Iterator[_Box]:
        """The boxes of a box; none reaches beyond it, or each could hold all that follow."""
        return ((kind, at, min(stop, end)) for kind, at, stop in self.announced(start, end))


def truncation_of_boxes(file: BinaryIO, size: int) -> str | None:
    """Describe how a file of this size is truncated; ``None`` if it is complete."""
    last = 0
    kinds: set[bytes] = set()
    for kind, _, stop in _Boxes(file).announced(0, size):
        last = stop
        kinds.add(kind)
    if last > size or not last:
        return f"the MP4 announces {last:,} bytes, {size:,} arrived"
    return None if kinds & {b"moov", b"moof"} else "the MP4 has no index (moov)"


def read_movie(file: BinaryIO) -> Movie:
    """Read the index; raises errors of `struct` and of look-ups if it is inconsistent."""
    end = file.seek(0, io.SEEK_END)
    width = height = duration = None
    tracks: set[bytes] = set()
    boxes = _Boxes(file)
    for kind, start, stop in boxes.announced(0, end):
        if kind != b"moov" or stop > end:
            continue
        for inner, at, inner_stop in boxes.within(start, stop):
            if inner == b"mvhd":
                duration = _duration(file, at)
            if inner == b"trak":
                track, size = _track(file, boxes, at, inner_stop)
                tracks.add(track)
                if size is not None and width is None:
                    width, height = size
    return Movie(width, height, duration, frozenset(tracks))


def _track(
    file: BinaryIO, boxes: _Boxes, start: int, end: int
) -> tuple[bytes, tuple[int, int] | None]:
    """The kind of a track, and its size as shown."""
    handler, size = b"", None
    for kind, at, stop in boxes.within(start, end):
        if kind == b"tkhd" and stop - at >= 44:
            file.seek(stop - 44)
            *matrix, wide, high = struct.unpack(">9i2I", file.read(44))  # 16.16 fixed point
            sides = wide >> 16, high >> 16
            turned = abs(matrix[0]) < abs(matrix[1])
            if all(sides):
                size = sides[::-1] if turned else sides
        if kind == b"mdia":
            for inner, inner_at, _ in boxes.within(at, stop):
                if inner == b"hdlr":
                    file.seek(inner_at + 8)
                    handler = file.read(4)
    return handler, size


def picture_size(file: BinaryIO) -> tuple[int, int]:
    """Width and height of the main picture of a HEIC or AVIF file; raises likewise."""
    end = file.seek(0, io.SEEK_END)
    boxes = _Boxes(file)
    metas = [(at + 4, stop) for kind, at, stop in boxes.within(0, end) if kind == b"meta"]
    main, properties, chosen = b"", list[tuple[bytes, bytes]](), dict[bytes, list[int]]()
    for kind, at, stop in boxes.within(*metas[0]):
        if kind == b"pitm":
            main = _read(file, at, stop)[4:]
        if kind == b"iprp":
            for inner, inner_at, inner_stop in boxes.within(at, stop):
                if inner == b"ipco":
                    places = list(boxes.within(inner_at, inner_stop))
                    properties = [(name, _read(file, *place)) for name, *place in places]
                if inner == b"ipma":
                    chosen = _associations(_read(file, inner_at, inner_stop))
    size, turned = None, False
    for number in chosen[main[-2:]]:
        name, value = properties[number - 1]
        if name == b"ispe":
            size = struct.unpack(">II", value[4:12])
        if name == b"irot":
            turned = value[0] & 1 == 1
    width, height = size or (0, 0)
    return (height, width) if turned else (width, height)


def _associations(data: bytes) -> dict[bytes, list[int]]:
    """Which properties each item has, counted from 1; items by the last two bytes of their ids."""
    version, wide, (count,) = data[0], data[3] & 1, struct.unpack_from(">I", data, 4)
    at, found = 8, {}
    for _ in range(min(count, _MOST_BOXES)):
        at += 2 if version == 0 else 4
        item, several = data[at - 2 : at], data[at]
        at += 1
        if wide:
            numbers = struct.unpack_from(f">{several}H", data, at)
            found[item] = [number & 0x7FFF for number in numbers]
        else:
            found[item] = [number & 0x7F for number in data[at : at + several]]
        at += several * (2 if wide else 1)
    return found


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(min(end - start, _LONGEST_BOX))


def _duration(file: BinaryIO, at: int) -> float | None:
    file.seek(at)
    version = file.read(4)[0]
    form, skip, unknown = (">IQ", 16, 2**64 - 1) if version == 1 else (">II", 8, 2**32 - 1)
    file.seek(at + 4 + skip)
    scale, length = struct.unpack(form, file.read(struct.calcsize(form)))
    # All ones mean an unknown duration; 0 means a fragmented film.
    return float(length / scale) if scale and length not in (0, unknown) else None
