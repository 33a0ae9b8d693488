"""Prepares pictures for viewing: one frame, upright, no larger than useful."""

from __future__ import annotations

import io
import math
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from langchain_visioncraft.errors import InvalidRequestError, MediaInputError
from langchain_visioncraft.media.colours import in_eight_bits, in_srgb, turned
from langchain_visioncraft.media.decoding import decode, open_picture
from langchain_visioncraft.media.inspection import is_plain, is_whole_png, truncation_of
from langchain_visioncraft.media.media import Media

if TYPE_CHECKING:
    from PIL import Image

_COMMON_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
_COMMON_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})
_QUALITY = 90


class Scaled(NamedTuple):
    """A prepared picture: its bytes, their MIME type, and a description of its damage, if any."""

    data: bytes
    mime_type: str
    damage: str | None


def scaled(
    picture: Media | bytes | BinaryIO,
    max_side: int | None = None,
    *,
    opening: AbstractContextManager[Image.Image] | None = None,
    max_pixels: int | None = None,
    name: str = "This picture",
    keep_format: bool = False,
    always_encode: bool = False,
) -> Scaled:
    """A picture with no side longer than this.

    A picture that is upright, a single frame, of a common type, complete and small enough does not
    change. Otherwise it becomes a PNG if it has transparency, and a JPEG if not, in sRGB. Scans of
    more than 8 bits are stretched from black to white. Of a truncated picture, the intact part is
    used.

    Args:
        picture: The picture.
        max_side: Pixels; `None` never scales.
        opening: What opens the picture, if it is to be another frame or page than the first.
        max_pixels: Pictures with more are refused before they are decoded.
        name: What to call it in messages.
        keep_format: Whether a JPEG or WebP stays one, and all else becomes a PNG.
        always_encode: Whether to encode even a picture that could stay unchanged.

    Raises:
        ImportError: If Pillow is not installed.
        MediaInputError: If it cannot be decoded, or has more than `max_pixels` pixels.
    """
    media = _media(picture, name)
    with opening or open_picture(media, name=name, max_pixels=max_pixels) as opened:
        from PIL import Image  # noqa: PLC0415 -- an extra

        smaller = max_side if max_side is not None and max(opened.size) > max_side else None
        if smaller is None and not always_encode and _needs_no_decoding(opened, media):
            return Scaled(media.read(), media.mime_type, None)
        image, damage = decode(opened, smaller)
        if damage is None and (missing := _missing(media)):
            damage = f"The file is cut off: {missing}."
        upright = turned(image)
        as_it_is = smaller is None and damage is None and upright is image and not always_encode
        if as_it_is and _is_common(image, media.mime_type):
            return Scaled(media.read(), media.mime_type, None)
        ready = in_eight_bits(upright)
        if smaller is not None:
            scale = smaller / max(ready.size)
            width, height = (max(1, math.floor(side * scale + 0.5)) for side in ready.size)
            ready = ready.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        data, mime_type = _encoded(in_srgb(ready), media.mime_type if keep_format else None)
        return Scaled(data, mime_type, damage)


def _needs_no_decoding(image: Image.Image, media: Media) -> bool:
    """Whether it can stay unchanged, by headers and checksums: inflating a PNG takes longest."""
    if media.mime_type != "image/png" or not _is_common(image, media.mime_type):
        return False
    with media.open() as file:
        return is_plain(file, media.mime_type) and is_whole_png(file)


def _missing(media: Media) -> str | None:
    if media.mime_type == "image/jpeg":  # the decoder does not notice its truncation
        return None
    with media.open() as file:
        return truncation_of(file, media.mime_type, media.size)


def _is_common(image: Image.Image, mime_type: str) -> bool:
    # The further pictures in a JPEG are a camera's previews.
    single = getattr(image, "n_frames", 1) == 1 or mime_type == "image/jpeg"
    known = image.format is not None and mime_type in _COMMON_TYPES
    return single and known and image.mode in _COMMON_MODES


def _media(picture: Media | bytes | BinaryIO, name: str) -> Media:
    if isinstance(picture, Media):
        return picture
    try:
        return Media.from_bytes(picture if isinstance(picture, bytes) else picture.read())
    except InvalidRequestError as error:
        msg = f"{name} cannot be opened as a picture: {error}"
        raise MediaInputError(msg) from error


def _encoded(image: Image.Image, mime_type: str | None) -> tuple[bytes, str]:
    """As PNG, JPEG or WebP; of `None` as PNG if it has transparency, and as JPEG if not."""
    if mime_type is None and image.mode in ("RGB", "L"):
        mime_type = "image/jpeg"
    form = {"image/jpeg": "JPEG", "image/webp": "WEBP"}.get(mime_type or "", "PNG")
    buffer = io.BytesIO()
    image.save(buffer, form, quality=_QUALITY)
    return buffer.getvalue(), f"image/{form.lower()}"
