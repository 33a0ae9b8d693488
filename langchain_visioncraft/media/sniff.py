"""Detects the type of bytes by their beginning: the service's ``Content-Type`` has been wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

HEAD_BYTES = 1 << 16
"""How many of the first bytes `sniff` needs."""

_Signature: TypeAlias = tuple[int, bytes]
"""The place of a signature, and its bytes."""

_BOXES = [(4, box) for box in (b"moov", b"mdat", b"wide", b"pnot", b"skip", b"free")]
"""QuickTime from before `ftyp` existed, and files of cameras."""

_FORMATS: tuple[tuple[str, str, *tuple[_Signature, ...]], ...] = (
    ("image/png", "png", (0, b"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", "jpg", (0, b"\xff\xd8\xff")),
    ("image/gif", "gif", (0, b"GIF87a"), (0, b"GIF89a")),
    ("image/webp", "webp", (8, b"WEBPVP8")),
    ("image/bmp", "bmp", (0, b"BM")),
    ("image/tiff", "tiff", (0, b"II*\0"), (0, b"MM\0*"), (0, b"II+\0"), (0, b"MM\0+")),
    ("image/avif", "avif"),
    ("image/heic", "heic"),
    ("image/jxl", "jxl", (0, b"\0\0\0\x0cJXL \r\n\x87\n"), (0, b"\xff\x0a")),
    ("video/mp4", "mp4", (4, b"ftyp"), (4, b"styp")),
    ("video/quicktime", "mov", *_BOXES),
    ("video/webm", "webm", (0, b"\x1aE\xdf\xa3")),
    ("video/x-msvideo", "avi", (8, b"AVI ")),
    ("audio/mp4", "m4a"),
    ("audio/wav", "wav", (8, b"WAVE")),
    ("audio/ogg", "ogg", (0, b"OggS")),
    ("audio/flac", "flac", (0, b"fLaC")),
    ("audio/mpeg", "mp3", (0, b"ID3")),
    ("audio/aac", "aac"),
    ("audio/aiff", "aiff", (8, b"AIFF"), (8, b"AIFC")),
    ("audio/amr", "amr", (0, b"#!AMR")),
    ("video/x-matroska", "mkv"),
    ("video/mp2t", "ts"),
    ("video/mpeg", "mpg", (0, b"\0\0\1\xba"), (0, b"\0\0\1\xb3")),
    ("video/x-flv", "flv", (0, b"FLV\1")),
    ("video/x-ms-wmv", "wmv", (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c")),
    ("video/ogg", "ogv"),
    ("video/dv", "dv", (0, b"\x1f\x07\0\x3f"), (0, b"\x1f\x07\0\xbf")),
    ("video/vnd.rn-realvideo", "rm", (0, b".RMF\0\0\0")),
    ("video/mxf", "mxf", (0, b"\x06\x0e\x2b\x34\2\5\1\1\x0d\1\2\1")),
    ("video/x-nut", "nut", (0, b"nut/multimedia container\0")),
    ("audio/webm", "weba"),
    ("audio/x-matroska", "mka"),
    ("audio/x-caf", "caf", (0, b"caff\0")),
    ("audio/basic", "au", (0, b".snd\0")),
    ("audio/x-w64", "w64", (0, b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb")),
    ("audio/x-ms-wma", "wma"),
    ("audio/x-wavpack", "wv", (0, b"wvpk")),
    ("audio/x-ape", "ape", (0, b"MAC ")),
    ("audio/x-tta", "tta", (0, b"TTA1")),
    ("audio/x-musepack", "mpc", (0, b"MPCK"), (0, b"MP+")),
    ("audio/x-tak", "tak", (0, b"tBaK")),
    ("audio/x-dsf", "dsf", (0, b"DSD \x1c\0")),
    ("audio/x-voc", "voc", (0, b"Creative Voice File\x1a")),
    ("audio/x-8svx", "8svx", (8, b"8SVX")),
    ("audio/x-ircam", "sf", (0, b"\x64\xa3\1\0"), (0, b"\x64\xa3\2\0")),
    ("audio/x-nist", "sph", (0, b"NIST_1A\n")),
    ("audio/x-realaudio", "ra", (0, b".ra\xfd")),
    ("audio/ac3", "ac3", (0, b"\x0b\x77")),
    ("audio/vnd.dts", "dts", (0, b"\x7f\xfe\x80\x01")),
    ("image/jp2", "jp2", (0, b"\0\0\0\x0cjP  \r\n\x87\n"), (0, b"\xff\x4f\xff\x51")),
    ("image/x-icon", "ico", (0, b"\0\0\1\0")),
    ("image/x-win-cursor", "cur", (0, b"\0\0\2\0")),
    ("image/x-icns", "icns", (0, b"icns")),
    ("image/x-portable-anymap", "pnm"),
    ("image/vnd.adobe.photoshop", "psd", (0, b"8BPS\0")),
    ("image/x-tga", "tga"),
    ("image/qoi", "qoi", (0, b"qoif")),
    ("image/vnd.ms-dds", "dds", (0, b"DDS \x7c\0\0\0")),
    ("image/x-pcx", "pcx"),
    ("image/x-dcx", "dcx", (0, b"\xb1\x68\xde\x3a")),
    ("image/x-sgi", "sgi", (0, b"\x01\xda\0"), (0, b"\x01\xda\1")),
    ("image/x-sun-raster", "ras", (0, b"\x59\xa6\x6a\x95")),
    ("image/fits", "fits", (0, b"SIMPLE  =")),
    ("image/x-flc", "flc"),
    ("image/x-xbitmap", "xbm"),
    ("image/x-xpixmap", "xpm", (0, b"/* XPM */")),
)

EXTENSIONS = {mime: extension for mime, extension, *_ in _FORMATS}
"""The media types that are recognised, with the extension that each gets; common ones first."""

_HEIC_BRANDS = frozenset(
    b"heic heix heim heis hevc hevx hevm hevs mif1 mif2 mif3 msf1 miaf jpeg jpgs avci avcs "
    b"vvic vvis evbi evbs evmi j2ki j2is".split()
)
_AUDIO_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})


def _of_brands(head: bytes) -> str:
    """An ISO file: the major brand says little, so the compatible brands are checked as well."""
    major, end = head[8:12], int.from_bytes(head[:4], "big")
    brands = {major, *(head[at : at + 4] for at in range(16, min(end, len(head), 1024), 4))}
    if brands & {b"avif", b"avis", b"avio"}:
        return "image/avif"
    if brands & _HEIC_BRANDS:
        return "image/heic"
    if major == b"crx ":
        return "image/x-canon-cr3"
    if major in _AUDIO_BRANDS:
        return "audio/mp4"
    return "video/quicktime" if major == b"qt  " else "video/mp4"


def _of_matroska(head: bytes) -> str:
    """WebM or Matroska by its DocType; sound alone, if its first tracks have no other codecs."""
    codecs = {match[1] for match in re.finditer(rb"\x86[\x81-\xbf]([AV])_[A-Z0-9]", head)}
    kind = "audio" if codecs == {b"A"} else "video"
    return f"{kind}/x-matroska" if b"matroska" in head[:64] else f"{kind}/webm"


def _of_ogg(head: bytes) -> str:
    return "video/ogg" if re.search(rb"\x80theora|\x01video\0", head) else "audio/ogg"


def _of_asf(head: bytes) -> str:
    video = b"\xc0\xef\x19\xbc\x4d\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b"
    return "video/x-ms-wmv" if video in head else "audio/x-ms-wma"


def _of_bmp(head: bytes) -> str | None:
    # The lengths that a bitmap's header has had: OS/2, Windows, with masks, V4, V5.
    known = (12, 16, 40, 52, 56, 64, 108, 124)
    return "image/bmp" if int.from_bytes(head[14:18], "little") in known else None


def _of_icon(head: bytes) -> str | None:
    count, size = int.from_bytes(head[4:6], "little"), int.from_bytes(head[14:18], "little")
    if not (0 < count < 256 and head[9:10] == b"\0" and size):
        return None
    return "image/x-icon" if head[2] == 1 else "image/x-win-cursor"


def _of_ac3(head: bytes) -> str | None:
    return "audio/ac3" if len(head) > 5 and head[4] >> 6 < 3 and head[5] >> 3 <= 16 else None


_WORDS = (b"icns", b"qoif", b"ID3", b"wvpk", b"MAC ", b"TTA1", b"MPCK", b"MP+", b"tBaK")
"""Signatures that a sentence may begin with."""

_LOOKS: dict[bytes, Callable[[bytes], str | None]] = {
    b"BM": _of_bmp,
    b"\0\0\1\0": _of_icon,
    b"\0\0\2\0": _of_icon,
    b"ftyp": _of_brands,
    b"\x1aE\xdf\xa3": _of_matroska,
    b"OggS": _of_ogg,
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c": _of_asf,
    b"\x0b\x77": _of_ac3,
}
"""The functions that look further into files whose signature is ambiguous."""

_SIGNATURES = [
    *((*signature, mime) for mime, _, *signatures in _FORMATS for signature in signatures),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\3\4", "application/zip"),
]
# Possessive, because a comment may hold what looks like many.
_PORTABLE = re.compile(rb"P[1-7Ff](?:\s++#[^\n]*+)*+\s+(?:\d{1,9}\s+\d{1,9}\s|WIDTH \d)")
_CONTAINERS = (b"RIFF", b"RF64", b"BW64", b"RIFX", b"FORM")


def sniff(head: bytes) -> str | None:
    """Detect the MIME type from the first `HEAD_BYTES`; ``None`` for unknown binary data."""
    for offset, signature, mime in _SIGNATURES:
        if not head.startswith(signature, offset):
            continue
        # In a text, these may be words: four letters would make an impossibly long box.
        if (offset == 8 and head[:4] not in _CONTAINERS) or (offset == 4 and head[0] >= 0x20):
            continue
        if signature in _WORDS and not re.search(rb"[\0-\x08]", head[:40]):
            continue
        look = _LOOKS.get(signature)
        if found := look(head) if look else mime:
            return found
    if _PORTABLE.match(head):
        return "image/x-portable-anymap"
    return _of_frames(head) or _sniff_text(head[:_TEXT_BYTES]) or _sniff_binary(head)


def _sniff_binary(head: bytes) -> str | None:
    """Formats without a signature; also recordings after other data."""
    if head[:1] == b"\x0a" and head[1:2] in b"\0\2\3\4\5" and head[2:3] == b"\1":
        return "image/x-pcx"
    if head[4:6] in (b"\x11\xaf", b"\x12\xaf") and head[42:80] == bytes(38):
        return "image/x-flc"
    if _is_targa(head):
        return "image/x-tga"
    for size in (188, 192, 204):  # packets of a transport stream, plain, with times, with parity
        ahead = rb"\x47" + rb"(?=.{%d}\x47.{%d}\x47.{%d}\x47)" % ((size - 1,) * 3)
        if re.search(ahead, head[: 5 * size], re.DOTALL):
            return "video/mp2t"
    return _of_frames(head, anywhere=True)


def _is_targa(head: bytes) -> bool:
    if len(head) < 18 or head[1] > 1 or head[2] not in (1, 2, 3, 9, 10, 11):
        return False
    if head[1] == 0 and (head[2] in (1, 9) or any(head[3:8])):  # a palette, or none
        return False
    sides = any(head[12:14]) and any(head[14:16])
    return sides and head[16] in (8, 15, 16, 24, 32) and head[17] & 0xC0 == 0


# The header of an MPEG audio frame: 11 set bits, version, layer, bit rate, sample rate. Of these
# bits some values are reserved, so that few other bytes look like one.
_MPEG = re.compile(
    rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]"
    rb"[\x10-\x1b\x20-\x2b\x30-\x3b\x40-\x4b\x50-\x5b\x60-\x6b\x70-\x7b\x80-\x8b\x90-\x9b"
    rb"\xa0-\xab\xb0-\xbb\xc0-\xcb\xd0-\xdb\xe0-\xeb]"
)
_ADTS = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")
_RATES = (44_100, 48_000, 32_000)
_KILOBITS = {  # by version 1 or another, and layer
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _of_frames(head: bytes, *, anywhere: bool = False) -> str | None:
    """A stream of MP3 or AAC: consecutive frames.

    The first frame is at the beginning, and all visible frames must be valid. UTF-16 text may begin
    like a frame, so it needs a second one. With `anywhere`, four frames may also follow other data,
    such as zeros or the rest of a frame; but not of layer 1, which programs often seem to contain.
    """
    begin = rb"\xff[\xe2-\xe5\xf0-\xf5\xf8-\xfd]" if anywhere else rb"\A"
    starts = re.finditer(begin, head)
    least = 4 if anywhere else 2 if head[:2] == b"\xff\xfe" else 1
    for start in (match.start() for match in starts):
        first = _frame(head, start)
        if first is None:
            continue
        at, count = start, 0
        while (frame := _frame(head, at)) is not None and frame[1] == first[1] and count < 4:
            at, count = at + frame[0], count + 1
        ended = at + 4 > len(head) or head.startswith((b"TAG", b"APETAGEX", b"ID3"), at)
        if count >= 4 or (count >= least and ended):
            return first[1][0]
    return None


def _frame(head: bytes, at: int) -> tuple[int, tuple[str, int, int]] | None:
    """The length of the frame that begins here, and the fields that a stream's frames share."""
    if _MPEG.match(head, at) and len(head) >= at + 3:
        version, layer = head[at + 1] >> 3 & 3, 4 - (head[at + 1] >> 1 & 3)
        rate = _RATES[head[at + 2] >> 2 & 3] >> (2, 0, 1, 0)[version]
        kilobits = _KILOBITS[1 if version == 3 else 2, layer][(head[at + 2] >> 4) - 1]
        padding = head[at + 2] >> 1 & 1
        if layer == 1:
            length = (12_000 * kilobits // rate + padding) * 4
        else:
            samples = 72_000 if layer == 3 and version != 3 else 144_000
            length = samples * kilobits // rate + padding
        return length, ("audio/mpeg", layer, rate)
    if _ADTS.match(head, at) and len(head) >= at + 3 and (rate := head[at + 2] >> 2 & 15) < 13:
        if len(head) < at + 6:
            return len(head), ("audio/aac", 0, rate)
        length = (head[at + 3] & 3) << 11 | head[at + 4] << 3 | head[at + 5] >> 5
        return (length, ("audio/aac", 0, rate)) if length >= 7 else None
    return None


_TEXT_BYTES = 512
"""A text is recognised by fewer bytes: checking more is not worth the time."""

_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


def _sniff_text(head: bytes) -> str | None:
    encoding = next((name for mark, name in _MARKS.items() if head.startswith(mark)), "utf-8")
    try:
        text = head.decode(encoding)
    except UnicodeDecodeError as error:
        # Perhaps only a character that is split at the end.
        text = "\0" if error.start < len(head) - 4 else head.decode(encoding, "ignore")
    if re.search(r"[\0\ufffe\uffff]", text):
        return None
    start = text.lstrip()[:256].lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<body")):
        return "text/html"
    if start.startswith(("<svg", "<?xml")) and "<svg" in text.lower():
        return "image/svg+xml"
    if re.match(r'["{]|\[\s*(?:["{\[\]\d-]|true|false|null|$)', start):  # not [Section]
        return "application/json"
    if re.match(r"#define \w+width \d+\s+#define \w+height \d+", start):
        return "image/x-xbitmap"
    return "text/plain" if start else None


def kind_of(mime_type: str | None) -> str | None:
    """The part before the slash: ``image``, ``video``, ``audio``, ``text`` …"""
    return mime_type.partition("/")[0] if mime_type else None
