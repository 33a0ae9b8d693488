"""Pictures as a person sees them: one frame, upright, in sRGB, no larger than is of use."""

from __future__ import annotations

import io
import math
from array import array
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from langchain_visioncraft.errors import InvalidRequestError, MediaInputError
from langchain_visioncraft.media.decoding import MOST_PIXELS, open_picture
from langchain_visioncraft.media.inspection import is_plain, is_whole_png, truncation_of
from langchain_visioncraft.media.media import Media
from langchain_visioncraft.media.pixels import decode, turn_of

if TYPE_CHECKING:
    from PIL import Image

_SAMPLES = 1 << 16
_MOST_OUTLIERS = 8
_LARGEST = 1e30
"""Numbers beyond it mark pixels that were not measured, such as -3.4e38."""


def as_seen(image: Image.Image) -> Image.Image:
    """A decoded picture, upright, in sRGB, in 8 bits a channel; unchanged if it already is."""
    upright = turned(image)
    if upright.mode.startswith(("I", "F")) or _profile_of(upright) or upright.mode == "LAB":
        return in_srgb(in_eight_bits(upright))
    return upright


def turned(image: Image.Image, turn: int | None = None) -> Image.Image:
    """A decoded picture rotated upright, or by the rotation of another picture."""
    from PIL import Image  # noqa: PLC0415 -- an extra

    ways = Image.Transpose
    ways_of = {
        2: ways.FLIP_LEFT_RIGHT,
        3: ways.ROTATE_180,
        4: ways.FLIP_TOP_BOTTOM,
        5: ways.TRANSPOSE,
        6: ways.ROTATE_270,
        7: ways.TRANSVERSE,
        8: ways.ROTATE_90,
    }
    if (way := ways_of.get(turn_of(image) if turn is None else turn)) is None:
        return image
    done = image.transpose(way)
    # Not by `exif_transpose`, which reads all of EXIF.
    for rotating in ("exif", "xmp", "XML:com.adobe.xmp"):
        done.info.pop(rotating, None)
    return done


def in_eight_bits(image: Image.Image) -> Image.Image:
    """The picture in a mode that every format supports: ``L``, ``RGB`` or ``RGBA``."""
    if image.mode.startswith(("I", "F")):
        return _stretched(image)
    if image.mode in ("CMYK", "LAB"):
        return _converted(image, "RGB") or image.convert("RGB")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("RGB", "L") else image.convert("RGB")


def in_srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB without its colour profile, which some programs ignore."""
    if not _profile_of(image):
        return image
    done = _converted(image, "RGBA" if image.mode == "RGBA" else "RGB")
    if done is None:
        done = image.copy()
        del done.info["icc_profile"]
    return done


def _profile_of(image: Image.Image) -> Any:
    return image.info.get("icc_profile")


_ELEMENTS = b"mpet"
"""A part of a colour profile with any number of steps, each of which LittleCMS computes for each
place of a table. They may all be the same eight bytes."""


def _converted(image: Image.Image, mode: str) -> Image.Image | None:
    """The picture converted by its profile to sRGB; `None` without a suitable profile."""
    from PIL import ImageCms  # noqa: PLC0415 -- an extra

    try:
        profile = _profile_of(image)
        source: Any = ImageCms.createProfile("LAB")
        if profile and image.mode != "LAB":
            if _ELEMENTS in profile:
                return None
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        elif image.mode != "LAB":
            return None
        target = ImageCms.createProfile("sRGB")
        done = ImageCms.profileToProfile(image, source, target, outputMode=mode)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
    if done is not None:
        done.info.pop("icc_profile", None)
    return done


def _stretched(image: Image.Image) -> Image.Image:
    """Scans and measurements of more than 8 bits: darkest to black, brightest to white."""
    deep = image.convert("F")
    low, high = _range_of(deep)
    if low < high:
        scale = 255.0 / (high - low)
    else:  # uniform brightness: keep it
        low, scale = 0.0, 255.0 if image.mode == "F" else 255.0 / 65_535
    return deep.point(lambda value: value * scale - low * scale).convert("L")


def _range_of(deep: Image.Image) -> tuple[float, float]:
    """The range of a picture's values, without the few outliers that would flatten all others."""
    from PIL import Image  # noqa: PLC0415 -- an extra

    share = math.sqrt(min(1.0, _SAMPLES / (deep.width * deep.height)))
    size = max(1, round(deep.width * share)), max(1, round(deep.height * share))
    sample = deep if share == 1.0 else deep.resize(size, Image.Resampling.NEAREST)
    # NaN is not smaller than anything.
    values = sorted(each for each in array("f", sample.tobytes()) if abs(each) < _LARGEST)
    for _ in range(_MOST_OUTLIERS if values else 0):
        second = next((each for each in values if each > values[0]), values[0])
        last = next((each for each in reversed(values) if each < values[-1]), values[-1])
        half = (values[-1] - values[0]) / 2
        # A number that lies further from all others than these from each other says "nothing is
        # here", or is a pixel that does not work.
        if second - values[0] > half:
            rest = [each for each in values if each >= second]
        elif values[-1] - last > half:
            rest = [each for each in values if each <= last]
        else:
            break
        if rest[0] == rest[-1]:
            break
        values = rest
    aside = len(values) // 1000
    return (values[aside], values[-1 - aside]) if values else (0.0, 0.0)


_COMMON_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
_COMMON_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})
_QUALITY = 90
_LARGEST_UNCHANGED = 64 << 20
"""Bytes. A larger file of few pixels holds something else, which is not sent."""


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
    max_pixels: int = MOST_PIXELS,
    name: str = "This picture",
    keep_format: bool = False,
    always_encode: bool = False,
) -> Scaled:
    """A picture with no side longer than this.

    A picture that is upright, a single frame, of a common type, complete and small enough, in a
    file of at most 64 MiB, does not change. Otherwise it becomes a PNG if it has transparency, and
    a JPEG if not, in sRGB. Scans of more than 8 bits are stretched from black to white. Of a
    truncated picture, the intact part is used.

    Args:
        picture: Raises as `open_picture` does if it cannot be decoded.
        max_side: Pixels; `None` never scales.
        opening: What opens the picture, if it is to be another frame or page than the first.
        max_pixels: Pictures with more are refused before they are decoded.
        name: What to call it in messages.
        keep_format: Whether a JPEG or WebP stays one, and all else becomes a PNG.
        always_encode: Whether to encode even a picture that could stay unchanged.
    """
    media = _media(picture, name)
    always_encode = always_encode or media.size > _LARGEST_UNCHANGED
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
    if image.format is None or mime_type not in _COMMON_TYPES or image.mode not in _COMMON_MODES:
        return False
    # The further pictures in a JPEG are a camera's previews.
    return mime_type == "image/jpeg" or getattr(image, "n_frames", 1) == 1


def _media(picture: Media | bytes | BinaryIO, name: str) -> Media:
    if isinstance(picture, Media):
        return picture
    try:
        return Media.from_bytes(picture if isinstance(picture, bytes) else picture.read())
    except InvalidRequestError as error:
        msg = f"{name} cannot be opened as a picture: {error}"
        raise MediaInputError(msg) from error


def _encoded(image: Image.Image, mime_type: str | None) -> tuple[bytes, str]:
    """The picture as PNG, JPEG or WebP; `None` means PNG if it has transparency, and else JPEG."""
    if mime_type is None and image.mode in ("RGB", "L"):
        mime_type = "image/jpeg"
    form = {"image/jpeg": "JPEG", "image/webp": "WEBP"}.get(mime_type or "", "PNG")
    buffer = io.BytesIO()
    # Pillow would take a comment over, and refuse one of a PNG that is too long.
    image.save(buffer, form, quality=_QUALITY, comment=b"")
    return buffer.getvalue(), f"image/{form.lower()}"
