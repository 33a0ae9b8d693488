"""Pictures made ready to be looked at: one frame, upright, no larger than is of use."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, BinaryIO

from langchain_visioncraft.errors import InvalidRequestError, MediaInputError
from langchain_visioncraft.media.decoding import open_picture
from langchain_visioncraft.media.media import Media

if TYPE_CHECKING:
    from PIL import Image

_COMMON_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
_COMMON_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})
_ORIENTATION = 0x0112  # EXIF
_QUALITY = 90


def scaled(
    picture: Media | bytes | BinaryIO,
    max_side: int | None = None,
    *,
    frame: int = 0,
    max_pixels: int | None = None,
    name: str = "This picture",
    keep_format: bool = False,
    always_encode: bool = False,
) -> tuple[bytes, str]:
    """A picture with no side longer than this, as bytes, and their MIME type.

    A picture that is upright, a single frame, of a common type and small enough stays as it is.
    Otherwise it becomes a PNG if it has transparency, and a JPEG if not. Scans of more than 8 bits
    are stretched from black to white.

    Args:
        picture: What to look at.
        max_side: Pixels; `None` never scales.
        frame: Which frame or page, from 0.
        max_pixels: Pictures with more are refused before they are decoded.
        name: What to call it in messages.
        keep_format: Whether a JPEG or WebP stays one, and all else becomes a PNG.
        always_encode: Whether to encode also what could stay as it is.

    Raises:
        ImportError: If Pillow is not installed.
        MediaInputError: If it cannot be decoded, or has more than `max_pixels` pixels.
    """
    media = _media(picture, name)
    with open_picture(media, name=name, frame=frame, max_pixels=max_pixels) as image:
        from PIL import Image, ImageOps  # noqa: PLC0415 -- an extra, checked above

        smaller = max_side if max_side is not None and max(image.size) > max_side else None
        if smaller is not None:
            # A JPEG decoder can skip what would be scaled away.
            image.draft(None, (2 * smaller, 2 * smaller))
        image.load()  # finds out whether it is damaged
        turned = image.getexif().get(_ORIENTATION, 1) != 1
        if not (smaller or turned or always_encode) and _is_common(image, media.mime_type):
            return media.read(), media.mime_type
        ready = _in_common_mode(ImageOps.exif_transpose(image) if turned else image)
        if smaller is not None:
            scale = smaller / max(ready.size)
            width, height = (max(1, math.floor(side * scale + 0.5)) for side in ready.size)
            ready = ready.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        return _encoded(ready, media.mime_type if keep_format else None)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height in pixels as the picture is shown, by the turn that a camera noted."""
    width, height = image.size
    return (height, width) if image.getexif().get(_ORIENTATION) in range(5, 9) else (width, height)


def _media(picture: Media | bytes | BinaryIO, name: str) -> Media:
    if isinstance(picture, Media):
        return picture
    try:
        return Media.from_bytes(picture if isinstance(picture, bytes) else picture.read())
    except InvalidRequestError as error:
        msg = f"{name} cannot be opened as a picture: {error}"
        raise MediaInputError(msg) from error


def _is_common(image: Image.Image, mime_type: str) -> bool:
    # The further pictures in a JPEG are a camera's previews.
    single = getattr(image, "n_frames", 1) == 1 or mime_type == "image/jpeg"
    return single and mime_type in _COMMON_TYPES and image.mode in _COMMON_MODES


def _in_common_mode(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I;16", "I", "F")):
        return _stretched(image)
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("RGB", "L") else image.convert("RGB")


def _stretched(image: Image.Image) -> Image.Image:
    """Scans and measurements of more than 8 bits: darkest to black, brightest to white."""
    deep = image.convert("F")
    low, high = deep.getextrema()
    assert isinstance(low, float | int)  # noqa: S101 -- one band
    assert isinstance(high, float | int)  # noqa: S101
    scale = 255.0 / (high - low) if high > low else 0.0
    return deep.point(lambda value: value * scale - low * scale).convert("L")


def _encoded(image: Image.Image, mime_type: str | None) -> tuple[bytes, str]:
    """As PNG, JPEG or WebP; of `None` as PNG if it has transparency, and as JPEG if not."""
    if mime_type is None and image.mode in ("RGB", "L"):
        mime_type = "image/jpeg"
    form = {"image/jpeg": "JPEG", "image/webp": "WEBP"}.get(mime_type or "", "PNG")
    buffer = io.BytesIO()
    image.save(buffer, form, quality=_QUALITY)
    return buffer.getvalue(), f"image/{form.lower()}"
