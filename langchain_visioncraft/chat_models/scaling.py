"""Makes large pictures smaller before they are sent. Needs Pillow."""

from __future__ import annotations

import io

import pybase64

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.decoding import picture_formats
from langchain_visioncraft.media.inputs import parse_source
from langchain_visioncraft.media.sniff import HEAD_BYTES, shape_of, sniff

_QUALITY = 90


def scaled_data_url(url: str, max_side: int) -> str:
    """The same picture with no side longer than this; one that is small enough stays as it is.

    The shape and the turn that a camera noted are kept, and the format where it is PNG, JPEG or
    WebP; other formats become PNG. Of an animation the first picture is taken.

    Args:
        url: A data URL.
        max_side: Pixels.

    Raises:
        ImportError: If the picture is larger and Pillow is not installed.
        MediaInputError: If it cannot be decoded.
    """
    with parse_source(url).open() as file:
        data = file.read()
    mime = sniff(data[:HEAD_BYTES]) or ""
    shape = shape_of(io.BytesIO(data), mime)
    if shape.width and shape.height and max(shape.width, shape.height) <= max_side:
        return url
    mime, smaller = _scaled(data, mime, max_side)
    return f"data:{mime};base64,{pybase64.b64encode_as_string(smaller)}"


def _scaled(data: bytes, mime: str, max_side: int) -> tuple[str, bytes]:
    try:
        from PIL import Image, ImageOps  # noqa: PLC0415 -- an extra
    except ImportError as error:
        msg = "max_image_side needs Pillow: pip install 'langchain-visioncraft[images]'"
        raise ImportError(msg) from error
    kind = {"image/jpeg": "JPEG", "image/webp": "WEBP"}.get(mime, "PNG")
    try:
        with Image.open(io.BytesIO(data), formats=picture_formats()) as opened:
            picture = ImageOps.exif_transpose(opened)
            if picture.mode not in ("RGB", "RGBA", "L", "LA"):
                picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
            picture.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
            if kind == "JPEG" and picture.mode != "L":
                picture = picture.convert("RGB")
            file = io.BytesIO()
            picture.save(file, kind, quality=_QUALITY)
    except Exception as error:  # decoders of damaged files raise all there is
        msg = f"This picture ({mime or 'of unknown type'}) cannot be made smaller: {error}"
        raise MediaInputError(msg) from error
    return f"image/{kind.lower()}", file.getvalue()
