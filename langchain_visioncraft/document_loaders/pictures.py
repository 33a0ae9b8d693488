"""Pictures made ready to be looked at: chosen frames, upright, not larger than is of use."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from langchain_core.documents.base import Blob

from langchain_visioncraft.document_loaders.blobs import Facts, opened
from langchain_visioncraft.errors import InvalidRequestError, MediaInputError
from langchain_visioncraft.media.decoding import picture_formats
from langchain_visioncraft.media.sniff import shape_of

if TYPE_CHECKING:
    from PIL import Image

FramesTypes: TypeAlias = Literal["auto", "first", "middle", "all"] | int | Sequence[int]
"""Which frames of an animation, or pages of a TIFF: a word, how many evenly spread ones, or their
numbers from 0 (negative ones count from the end)."""

_SENT_AS_THEY_ARE = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
_MODES_AS_THEY_ARE = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})
_ORIENTATION = 0x0112  # EXIF
_TURNED = range(5, 9)  # orientations in which width and height change places


@dataclass(frozen=True)
class Look:
    """What a picture's headers say.

    Attributes:
        width: Pixels, as it is shown (upright).
        height: Pixels, as it is shown (upright).
        frames: How many frames or pages it has.
        duration: Seconds, if it is animated.
        animated: Whether its frames follow each other in time, unlike pages.
    """

    width: int
    height: int
    frames: int = 1
    duration: float | None = None
    animated: bool = False


def require_pillow() -> None:
    """Say what is missing.

    Raises:
        ImportError: If Pillow is not installed.
    """
    try:
        import PIL  # noqa: F401, PLC0415 -- the extra `media`
    except ImportError as error:
        msg = "Captions need Pillow: pip install 'langchain-visioncraft[media]'"
        raise ImportError(msg) from error


def check_frames(frames: FramesTypes) -> FramesTypes:
    """Check what a user says for `frames`.

    Raises:
        InvalidRequestError: If it is none of `FramesTypes`.
    """
    if isinstance(frames, str):
        valid = frames in ("auto", "first", "middle", "all")
    elif isinstance(frames, int):
        valid = not isinstance(frames, bool) and frames > 0
    else:
        valid = isinstance(frames, Sequence) and bool(frames)
        valid = valid and all(type(number) is int for number in frames)
    if not valid:
        msg = (
            f"frames={frames!r} is not valid: 'auto', 'first', 'middle', 'all', how many (from 1), "
            "or a list of numbers from 0."
        )
        raise InvalidRequestError(msg)
    return frames


def chosen_frames(look: Look, frames: FramesTypes, source: str) -> list[int]:
    """The numbers of the chosen frames, in order.

    Raises:
        MediaInputError: If none of the numbers that were asked for is there.
    """
    count = look.frames
    if frames == "auto":
        frames = "middle" if look.animated else "all"
    if frames == "first" or (count == 1 and isinstance(frames, str | int)):
        return [0]
    if frames == "middle":
        return [count // 2]
    if frames == "all":
        return list(range(count))
    if isinstance(frames, int):
        wanted = min(frames, count)
        # The middles of equal stretches: the first and last frames are often blank.
        return [(2 * index + 1) * count // (2 * wanted) for index in range(wanted)]
    assert not isinstance(frames, str)  # noqa: S101 -- all words are dealt with
    there = {number % count for number in frames if -count <= number < count}
    if not there:
        msg = f"{source} has {count} frames, and none of {list(frames)}."
        raise MediaInputError(msg)
    return sorted(there)


def look_at(blob: Blob, facts: Facts, max_pixels: int) -> Look:
    """Read a picture's headers.

    Raises:
        MediaInputError: If it is damaged, or has more than `max_pixels` pixels.
    """
    with _opened(blob, facts, max_pixels) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION) in _TURNED:
            width, height = height, width
        count = getattr(image, "n_frames", 1)
        # A TIFF's pages, and the previews in a camera's multi-picture JPEG, are not in time.
        animated = count > 1 and facts.mime_type not in ("image/tiff", "image/jpeg")
        if facts.mime_type == "image/jpeg":
            count = 1
        return Look(width, height, count, _duration(image, count) if animated else None, animated)


def _duration(image: Image.Image, count: int) -> float | None:
    milliseconds = 0.0
    for number in range(count):
        image.seek(number)
        milliseconds += float(image.info.get("duration") or 0)
    return round(milliseconds / 1000, 3) or None


def prepare(
    blob: Blob,
    facts: Facts,
    frame: int,
    *,
    max_side: int | None,
    max_pixels: int,
    as_it_is: bool = True,
) -> bytes:
    """One frame of a picture as bytes to be sent.

    A picture that is upright, whole, of a common type and small enough is sent as it is, unless
    `as_it_is` is false. Otherwise it becomes a PNG if it has transparency, and a JPEG if not.

    Raises:
        MediaInputError: If it is damaged, or has more than `max_pixels` pixels.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415 -- the extra `media`

    with _opened(blob, facts, max_pixels) as image:
        if frame:
            image.seek(frame)
            _check_pixels(image.size, facts.source, max_pixels)
        longest = max(image.size)
        too_large = max_side is not None and longest > max_side
        turned = image.getexif().get(_ORIENTATION, 1) != 1
        single = getattr(image, "n_frames", 1) == 1 or facts.mime_type == "image/jpeg"
        plain = facts.mime_type in _SENT_AS_THEY_ARE and image.mode in _MODES_AS_THEY_ARE
        if max_side is not None and too_large:
            # A JPEG decoder can leave out what is scaled away anyhow.
            image.draft(None, (2 * max_side, 2 * max_side))
        image.load()  # finds out whether it is damaged
        if as_it_is and plain and single and not turned and not too_large:
            with opened(blob) as file:
                return file.read()
        ready = ImageOps.exif_transpose(image) if turned else image
        ready = _in_common_mode(ready)
        if max_side is not None and too_large:
            scale = max_side / max(ready.size)
            size = tuple(max(1, math.floor(side * scale + 0.5)) for side in ready.size)
            ready = ready.resize((size[0], size[1]), Image.Resampling.LANCZOS, reducing_gap=3.0)
        buffer = io.BytesIO()
        if ready.mode in ("RGB", "L"):
            ready.save(buffer, "JPEG", quality=90)
        else:
            ready.save(buffer, "PNG")
        return buffer.getvalue()


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


@contextmanager
def _opened(blob: Blob, facts: Facts, max_pixels: int) -> Iterator[Image.Image]:
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 -- the extra `media`

    with opened(blob) as file:
        try:
            shape = shape_of(file, facts.mime_type)
            if shape.width and shape.height:
                # Before Pillow looks at it, which warns of large pictures with words of its own.
                _check_pixels((shape.width, shape.height), facts.source, max_pixels)
            file.seek(0)
            with Image.open(file, formats=picture_formats()) as image:
                _check_pixels(image.size, facts.source, max_pixels)
                yield image
        except MediaInputError:
            raise
        except UnidentifiedImageError as error:
            hint = " (HEIC needs pillow-heif, registered)" if "heic" in facts.mime_type else ""
            msg = f"{facts.source} is {facts.mime_type}, but cannot be opened as a picture{hint}."
            raise MediaInputError(msg) from error
        except Image.DecompressionBombError as error:
            msg = (
                f"{facts.source} has too many pixels: {error} Raise PIL.Image.MAX_IMAGE_PIXELS if "
                "you trust it."
            )
            raise MediaInputError(msg) from error
        except Exception as error:
            # Decoders of damaged files raise all there is: OSError, SyntaxError, IndexError, …
            msg = f"{facts.source} is a damaged {facts.mime_type} ({error})."
            raise MediaInputError(msg) from error


def _check_pixels(size: tuple[int, int], source: str, max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        msg = (
            f"{source} has {width}x{height} pixels, more than max_pixels={max_pixels:,}; it was "
            "not decoded."
        )
        raise MediaInputError(msg)
