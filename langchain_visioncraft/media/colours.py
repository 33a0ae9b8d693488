"""Pixels as a person sees them: upright, in sRGB, in 8 bits a channel. This module needs Pillow."""

from __future__ import annotations

import io
import math
from array import array
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

_ORIENTATION = 0x0112  # EXIF
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


def turn_of(image: Image.Image) -> int:
    """The camera's orientation, 1 to 8; 1 is upright. Pillow itself rotates a TIFF."""
    turn = 1 if image.format == "TIFF" else image.getexif().get(_ORIENTATION, 1)
    return turn if turn in range(2, 9) else 1


def turned(image: Image.Image, turn: int | None = None) -> Image.Image:
    """A decoded picture rotated upright, or by the rotation of another picture."""
    from PIL import Image, ImageOps  # noqa: PLC0415 -- an extra

    if turn is None:
        return ImageOps.exif_transpose(image) if turn_of(image) != 1 else image
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
    return image.transpose(ways_of[turn]) if turn in ways_of else image


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


def _converted(image: Image.Image, mode: str) -> Image.Image | None:
    """The picture converted by its profile to sRGB; `None` without a suitable profile."""
    from PIL import ImageCms  # noqa: PLC0415 -- an extra

    try:
        profile = _profile_of(image)
        source: Any = ImageCms.createProfile("LAB")
        if profile and image.mode != "LAB":
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
