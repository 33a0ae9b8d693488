"""Which pictures are decoded in this process: those that are built as programs build them."""

from __future__ import annotations

import io
import re
import struct
import subprocess
from typing import Any

import pytest
from media_host import frames, picture
from PIL import Image, ImageCms, PngImagePlugin
from visioncraft_sandbox.uploads import decode_picture

from langchain_visioncraft.media.ordinary import ordinary_format
from langchain_visioncraft.media.scaling import scaled

EXIF = Image.Exif()
EXIF[0x0112] = 6
EXIF[0x010F] = "A camera"
EXIF[0x8769] = {0x9286: b"a comment"}
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def texts() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a cat")
    info.add_text("long", "a cat " * 1000, zip=True)
    info.add_itxt("XML:com.adobe.xmp", "<x/>")
    return info


@pytest.mark.parametrize(
    ("form", "mode", "options"),
    [
        *(("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        ("PNG", "RGB", {"exif": EXIF, "icc_profile": PROFILE, "dpi": (72, 72), "pnginfo": texts()}),
        *(("JPEG", mode, {}) for mode in ("L", "RGB", "CMYK")),
        ("JPEG", "RGB", {"exif": EXIF, "icc_profile": PROFILE, "comment": "a cat", "xmp": b"<x/>"}),
        ("JPEG", "RGB", {"progressive": True, "restart_marker_rows": 1}),
        *(("WEBP", mode, {"lossless": exact}) for mode in ("RGB", "RGBA") for exact in (0, 1)),
        *(
            ("WEBP", mode, {"exif": EXIF, "icc_profile": PROFILE, "xmp": b"<x/>"})
            for mode in ("RGB", "RGBA")
        ),
    ],
)
def test_what_programs_write_is_decoded_in_this_process(
    monkeypatch: pytest.MonkeyPatch, form: str, mode: str, options: dict[str, Any]
) -> None:
    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGBA").convert(mode).save(buffer, form, **options)
    data = buffer.getvalue()
    assert ordinary_format(buffer) == form
    assert ordinary_format(io.BytesIO(data + bytes(9))) == form
    for size in range(0, len(data) - 1, 1 + len(data) // 100):
        assert ordinary_format(io.BytesIO(data[:size])) is None
    monkeypatch.setattr(subprocess, "Popen", None)
    assert scaled(data, 8).damage is None
    assert decode_picture(data, "image", 1 << 20).size == (256, 256)


def chunk(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + bytes(4)


def part(kind: bytes, payload: bytes = b"") -> bytes:
    return kind + struct.pack("<I", len(payload)) + payload + bytes(len(payload) % 2)


def webp(*parts: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(b"".join(parts))) + b"WEBP" + b"".join(parts)


def segments(count: int, payload: bytes = b"", kind: int = 0xE1) -> bytes:
    """Segments of metadata in a JPEG."""
    return (struct.pack(">BBH", 0xFF, kind, len(payload) + 2) + payload) * count


def tags(count: int, size: int, head: bytes = b"II*\0") -> bytes:
    """EXIF of as many tags, all with the same bytes as their value."""
    order = "<" if head[:1] == b"I" else ">"
    entries = (struct.pack(order + "HHII", 1000 + tag, 7, size, 8) for tag in range(count))
    return head + struct.pack(order + "IH", 8, count) + b"".join(entries) + bytes(4 + size)


def progressive(scans: int, height: int = 48) -> bytes:
    """A JPEG of as many scans, in all."""
    buffer = io.BytesIO()
    Image.new("L", (64, 48), 200).save(buffer, "JPEG", progressive=True)
    plain = bytearray(buffer.getvalue())
    at = plain.index(b"\xff\xc2") + 5
    plain[at : at + 2] = struct.pack(">H", height)
    empty = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10\x00"
    return plain[:-2] + empty * (scans - plain.count(b"\xff\xda")) + b"\xff\xd9"


PNG, JPEG, WEBP = (picture(form=form) for form in ("PNG", "JPEG", "WEBP"))
SIZE, REST = PNG[8:33], PNG[33:]
CANVAS = part(b"VP8X", bytes(4) + b"\x3f\0\0\x2f\0\0")


@pytest.mark.parametrize(
    "data",
    [
        PNG[:8] + chunk(b"vpAg") * 64 + PNG[8:],
        PNG[:8] + SIZE + chunk(b"vpAg") * 65 + REST,
        PNG[:8] + SIZE + SIZE + REST,
        PNG[:8] + SIZE + chunk(b"iCCP") * 2 + REST,
        PNG[:8] + SIZE + chunk(b"eXIf", tags(4, 100)) + REST,
        PNG[:8] + SIZE + chunk(b"acTL", bytes(8)) + REST,
        PNG[:8] + SIZE + chunk(b"ABCD") + REST,
        frames(["red", "lime"], "PNG"),
        JPEG[:2] + b"\xff\xd9" + JPEG,
        JPEG[:2] + b"\xff" + JPEG[2:],
        JPEG[:2] + bytes(9) + JPEG[2:],
        JPEG[:2] + segments(1000) + JPEG[2:],
        JPEG[:2] + segments(2, b"Exif\0\0" + tags(1, 9)) + JPEG[2:],
        JPEG[:2] + segments(1, b"Exif\0\0" + tags(4, 100)) + JPEG[2:],
        JPEG[:2] + segments(1, b"Exif\0\0" + tags(4, 100, b"MM\0*")) + JPEG[2:],
        JPEG[:2] + segments(1, b"Exif\0\0" + tags(1, 9, b"II\0*")) + JPEG[2:],
        JPEG[:2] + segments(1, b"MPF\0" + tags(4, 100), 0xE2) + JPEG[2:],
        re.sub(rb"(\xff\xc0.{17})", rb"\1\1", JPEG, flags=re.DOTALL),
        JPEG.replace(b"\xff\xc0", b"\xff\xc9"),
        progressive(1000),
        progressive(300, 60_000),
        picture(form="GIF"),
        frames(["red", "lime"], "WEBP"),
        webp(CANVAS, CANVAS, WEBP[12:]),
        webp(WEBP[12:], CANVAS),
        webp(CANVAS, WEBP[12:], part(b"EXIF", tags(4, 100))),
        webp(CANVAS, WEBP[12:], part(b"JUNK")),
        WEBP[:4] + struct.pack("<I", len(WEBP)) + WEBP[8:],
        b"II*\0",
        b"",
    ],
)
def test_what_is_in_any_way_unusual_is_not(data: bytes) -> None:
    assert ordinary_format(io.BytesIO(data)) is None


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (PNG[:8] + SIZE + chunk(b"vpAg") * 64 + REST, "PNG"),
        (PNG[:8] + SIZE + chunk(b"eXIf", tags(1, 100)) + REST, "PNG"),
        (JPEG[:2] + segments(900) + JPEG[2:], "JPEG"),
        (JPEG[:2] + segments(1, b"Exif\0\0" + tags(1, 100, b"MM\0*")) + JPEG[2:], "JPEG"),
        (JPEG[:2] + segments(1, b"MPF\0" + tags(1, 100), 0xE2) + JPEG[2:], "JPEG"),
        (JPEG + JPEG, "JPEG"),
        (progressive(900), "JPEG"),
        (progressive(200, 60_000), "JPEG"),
        (webp(CANVAS, WEBP[12:], part(b"EXIF", tags(1, 100))), "WEBP"),
    ],
)
def test_what_is_just_usual_is(data: bytes, form: str) -> None:
    assert ordinary_format(io.BytesIO(data)) == form


def test_a_picture_is_turned_without_reading_all_of_exif(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Exif, "get_ifd", None)
    with Image.open(io.BytesIO(scaled(picture(form="PNG", exif=EXIF), 32).data)) as turned:
        assert turned.size == (24, 32)
        assert not turned.getexif()
