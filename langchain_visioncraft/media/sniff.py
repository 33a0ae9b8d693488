"""What bytes really are: the service's ``Content-Type`` has been wrong."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

HEAD_BYTES = 512
"""How many of the first bytes `sniff` wants to see."""

EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/bmp": "bmp",
    "image/tiff": "tiff",
    "image/avif": "avif",
    "image/heic": "heic",
    "image/jxl": "jxl",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-msvideo": "avi",
    "audio/mp4": "m4a",
    "audio/wav": "wav",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
    "audio/mpeg": "mp3",
    "audio/aac": "aac",
    "audio/aiff": "aiff",
    "audio/amr": "amr",
}
"""The media types that are recognised, with the extension that each gets."""

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBPVP8", "image/webp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"),
    (0, b"\xff\x0a", "image/jxl"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypavis", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftypM4B", "audio/mp4"),
    (4, b"ftypqt  ", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (8, b"AVI LIST", "video/x-msvideo"),
    (8, b"WAVE", "audio/wav"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (8, b"AIFF", "audio/aiff"),
    (8, b"AIFC", "audio/aiff"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
)


def sniff(head: bytes) -> str | None:
    """Detect the MIME type from the first bytes; ``None`` if they are unknown binary data.

    Args:
        head: The first bytes, `HEAD_BYTES` of them or all that there are.
    """
    for offset, signature, mime in _SIGNATURES:
        # At 8 stands what kind of RIFF or AIFF it is; in a text it may be any word.
        contained = offset != 8 or head[:4] in (b"RIFF", b"RF64", b"FORM")
        if contained and head.startswith(signature, offset):
            return mime
    if head[:2] == b"BM" and len(head) >= 18 and head[14:18] in (b"\x28\0\0\0", b"\x7c\0\0\0"):
        return "image/bmp"
    if len(head) >= 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        # An MPEG audio frame without an ID3 tag; layer bits 00 mean AAC in an ADTS stream.
        return "audio/aac" if head[1] & 0x06 == 0 else "audio/mpeg"
    return _sniff_text(head)


def _sniff_text(head: bytes) -> str | None:
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # not just a character cut in two at the end
            return None
        text = head.decode("utf-8-sig", "ignore")
    if "\x00" in text:
        return None
    start = text.lstrip()[:256].lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<body")):
        return "text/html"
    if start.startswith(("<svg", "<?xml")) and "<svg" in text.lower():
        return "image/svg+xml"
    if start.startswith(("{", "[", '"')):
        return "application/json"
    return "text/plain" if start else None


def kind_of(mime_type: str | None) -> str | None:
    """The part before the slash: ``image``, ``video``, ``audio``, ``text`` …"""
    return mime_type.partition("/")[0] if mime_type else None


@dataclass(frozen=True)
class MediaInfo:
    """Width and height in pixels and duration in seconds, where the file has them."""

    width: int | None = None
    height: int | None = None
    duration: float | None = None


def media_info(file: BinaryIO, mime_type: str) -> MediaInfo:
    """Measure a file from its headers, without decoding it."""
    file.seek(0)
    try:
        return _measured(file, mime_type)
    except (ValueError, LookupError, struct.error):  # headers that contradict themselves
        return MediaInfo()


def _measured(file: BinaryIO, mime_type: str) -> MediaInfo:
    if mime_type in ("video/mp4", "video/quicktime", "audio/mp4"):
        return _mp4_info(file)
    if mime_type == "audio/wav":
        return MediaInfo(duration=_wav_duration(file))
    if kind_of(mime_type) != "image":
        return MediaInfo()
    import imagesize  # noqa: PLC0415 -- loads an XML parser

    width, height = imagesize.get(io.BytesIO(file.read(65536)))
    if width <= 0:  # the size comes later, behind large metadata
        file.seek(0)
        width, height = imagesize.get(io.BytesIO(file.read()))
    return MediaInfo(width, height) if width > 0 and height > 0 else MediaInfo()


def truncation_of(file: BinaryIO, mime_type: str, size: int) -> str | None:
    """Say what is missing at the end of a file that was cut off; ``None`` if nothing is."""
    if mime_type == "image/png":
        return None if b"IEND" in _tail(file, size, 64) else "the PNG has no end"
    if mime_type == "image/jpeg":
        # Cameras and editors append data, so the end marker may stand some way before the end.
        return None if b"\xff\xd9" in _tail(file, size, 1 << 16) else "the JPEG has no end"
    if mime_type == "image/gif":
        ended = _tail(file, size, 64).rstrip(b"\x00").endswith(b";")
        return None if ended else "the GIF has no end"
    if mime_type in ("image/webp", "audio/wav", "video/x-msvideo"):
        file.seek(4)
        announced = int.from_bytes(file.read(4), "little") + 8
        # A stream of unknown length announces 0 or the largest number.
        cut = size < announced < 0xFFFFFF00
        return f"{announced:,} bytes are announced, {size:,} came" if cut else None
    if mime_type in ("video/mp4", "video/quicktime", "audio/mp4"):
        return _mp4_truncation(file, size)
    return None


def _tail(file: BinaryIO, size: int, count: int) -> bytes:
    file.seek(max(0, size - count))
    return file.read(count)


def _wav_duration(file: BinaryIO) -> float | None:
    head = file.read(HEAD_BYTES)
    form, data = head.find(b"fmt "), head.find(b"data")
    if form < 0 or data < 0 or len(head) < data + 8:
        return None
    rate = int.from_bytes(head[form + 16 : form + 20], "little")
    length = int.from_bytes(head[data + 4 : data + 8], "little")
    return length / rate if rate and length < 0xFFFFFF00 else None


_MOST_BOXES = 20_000


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The MP4 boxes between two offsets: type, start of the payload, end.

    No more than `_MOST_BOXES`: a file of nothing else would keep us busy for a minute.
    """
    for _ in range(_MOST_BOXES):
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


def _mp4_truncation(file: BinaryIO, size: int) -> str | None:
    last = 0
    kinds: set[bytes] = set()
    for kind, _, stop in _boxes(file, 0, size):
        last, kinds = stop, kinds | {kind}
    if last > size or not last:
        return f"the MP4 announces {last:,} bytes, {size:,} came"
    return None if kinds & {b"moov", b"moof"} else "the MP4 has no index (moov)"


def _mp4_info(file: BinaryIO) -> MediaInfo:
    end = file.seek(0, io.SEEK_END)
    width = height = duration = None
    for kind, start, stop in _boxes(file, 0, end):
        if kind != b"moov" or stop > end:
            continue
        for inner, at, inner_stop in _boxes(file, start, stop):
            if inner == b"mvhd":
                duration = _mvhd_duration(file, at)
            if inner == b"trak":
                for leaf, leaf_at, leaf_stop in _boxes(file, at, inner_stop):
                    if leaf == b"tkhd":
                        file.seek(leaf_stop - 8)
                        sides = struct.unpack(">II", file.read(8))  # 16.16 fixed point
                        if all(sides) and leaf_at < leaf_stop:
                            width, height = sides[0] >> 16, sides[1] >> 16
    return MediaInfo(width, height, duration)


def _mvhd_duration(file: BinaryIO, at: int) -> float | None:
    file.seek(at)
    version = file.read(4)[0]
    form, skip = (">IQ", 16) if version == 1 else (">II", 8)
    file.seek(at + 4 + skip)
    scale, length = struct.unpack(form, file.read(struct.calcsize(form)))
    return float(length / scale) if scale else None
