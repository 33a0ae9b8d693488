"""Opens and decodes pictures with Pillow, in this process."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import math
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from langchain_visioncraft.media.inspection import chunks_of

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = (
    "PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "HEIF", "JXL", "JPEG2000", "PPM", "ICO",
    "CUR", "ICNS", "PSD", "TGA", "QOI", "DDS", "PCX", "DCX", "SGI", "SUN", "FITS", "FLI", "XBM",
    "XPM",
)  # fmt: skip
_SPARE = 1.5
_NO_TEXTS = ("exif", "icc_profile", "transparency", "xmp")
"""What Pillow looks for among the texts of a PNG, which may have these names."""
_MOST_COLOURS = 256
_PLUGINS = ("pillow_heif", "pillow_jxl")


@functools.cache
def picture_formats() -> tuple[str, ...]:
    """The formats of pictures that this package knows and this Pillow reads, for ``Image.open``.

    Pillow itself tries others, among them EPS, for which it runs Ghostscript on the file.
    """
    from PIL import Image  # noqa: PLC0415 -- an extra

    Image.init()
    for plugin in _PLUGINS:
        with contextlib.suppress(ImportError):
            getattr(importlib.import_module(plugin), "register_heif_opener", lambda: None)()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


class Decoded(NamedTuple):
    """A decoded picture, and a description of its damage, if any."""

    image: Image.Image
    damage: str | None


def decode(image: Image.Image, least: int | None = None) -> Decoded:
    """Decode the pixels of a picture that Pillow opened; of a truncated one, the intact part.

    If the longer side needs no more than `least` pixels, a JPEG is decoded at a fraction of its
    size, still large enough to look the same when it is scaled. If nothing can be decoded, the
    decoder's error is raised, which may be of any class.
    """
    decoded = _decoded(image, least)
    _correct(decoded.image)
    return decoded


def _decoded(image: Image.Image, least: int | None) -> Decoded:
    _reduce(image, least)
    try:
        image.load()  # this reveals damage
    except MemoryError:
        raise
    except Exception as error:
        file = getattr(image, "fp", None)
        if isinstance(error, ValueError) and image.format == "PNG" and file is not None:
            with contextlib.suppress(Exception):
                return Decoded(_without_texts(file, image.tell()), None)
        # Not with LOAD_TRUNCATED_IMAGES, which would apply to the whole process.
        with contextlib.suppress(Exception):
            if (partial := _as_far_as_it_goes(image, least)) is not None:
                return Decoded(partial, f"The file is cut off or damaged: {error}.")
        raise
    return Decoded(image, getattr(image, "damage", None))


def _correct(image: Image.Image) -> None:
    """Leave out facts that Pillow cannot use: texts, and transparent colours beyond the palette."""
    for name in _NO_TEXTS:
        if isinstance(image.info.get(name), str):
            del image.info[name]
    clear = image.info.get("transparency")
    if image.mode == "P" and isinstance(clear, bytes):
        image.info["transparency"] = clear[:_MOST_COLOURS]
    elif image.mode == "P" and isinstance(clear, int) and clear >= _MOST_COLOURS:
        del image.info["transparency"]


def _reduce(image: Image.Image, least: int | None) -> None:
    if least is not None:
        share = _SPARE * least / max(image.size)
        image.draft(None, (math.ceil(image.width * share), math.ceil(image.height * share)))


def _as_far_as_it_goes(image: Image.Image, least: int | None) -> Image.Image | None:
    """The intact pixels, with the others black or grey; `None` if there are none."""
    from PIL import Image, ImageFile  # noqa: PLC0415 -- an extra

    if not isinstance(image, ImageFile.ImageFile):
        return None
    if image.format in ("JPEG", "MPO") and image.fp is not None:
        image.fp.seek(0)
        ended = io.BytesIO(image.fp.read() + b"\xff\xd9")  # the decoder fills up to this mark
        image = Image.open(ended, formats=("JPEG",))
        _reduce(image, least)
        image.load()
    else:
        image.tile = []
        with contextlib.suppress(Exception):
            image.load_end()
    _correct(image)
    # The grey that fills the rest carries no information.
    seen = image.convert("RGBA") if image.mode == "P" else image  # without a warning
    greys = seen.convert("L").histogram()
    blank = max(greys[0], sum(greys[126:130])) > 0.99 * sum(greys)
    return None if blank else image


def open_with(file: BinaryIO, formats: tuple[str, ...]) -> Image.Image:
    """Open a picture in one of these formats, in this process. Raises any error of the decoders."""
    from PIL import Image  # noqa: PLC0415 -- an extra

    file.seek(0)
    head, size = file.read(12), file.seek(0, io.SEEK_END)
    file.seek(0)
    if head[:4] == b"RIFF" and size < (whole := int.from_bytes(head[4:8], "little") + 8) < 2 * size:
        # Pillow refuses a WebP that is too short.
        file = io.BytesIO(file.read() + bytes(whole - size))
    try:
        return Image.open(file, formats=formats)
    except ValueError:
        if not head.startswith(b"\x89PNG"):
            raise
        return _without_texts(file, 0)


_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_XMP = b"XML:com.adobe.xmp\0\0"  # not compressed
_LONGEST_XMP = 1 << 20


def _without_texts(file: Any, frame: int) -> Image.Image:
    """A PNG without its metadata, of which Pillow refuses more than a megabyte."""
    from PIL import Image  # noqa: PLC0415 -- an extra

    kept = [b"\x89PNG\r\n\x1a\n"]
    for kind, at, length in chunks_of(file, 8, ">I4s"):
        file.seek(at)
        # XMP may say that the picture is rotated.
        is_xmp = kind == b"iTXt" and file.read(len(_XMP)) == _XMP and length < _LONGEST_XMP
        if kind not in _TEXTS or is_xmp:
            file.seek(at - 8)
            kept.append(file.read(length + 12))
    image = Image.open(io.BytesIO(b"".join(kept)), formats=("PNG",))
    image.seek(frame)
    return image.copy()  # without a format, so that the file is not sent unchanged


COSTS = {
    **dict.fromkeys(("image/webp", "image/jp2", "image/jpx"), 4),
    **dict.fromkeys(("image/avif", "image/heif", "image/heic", "image/jxl"), 2),
}
"""How many pixels one pixel counts for: these decoders need 10 to 19 bytes, others 4."""


_COST_IN_PYTHON = 16
"""What a pixel counts for if Pillow decodes it in Python, which takes one or two microseconds: QOI,
plain PPM, …"""


ORIENTATION = 0x0112  # EXIF


def turn_of(image: Image.Image) -> int:
    """The camera's orientation, 1 to 8; 1 is upright. Pillow itself rotates a TIFF."""
    # Pillow also reads EXIF from compressed texts of a PNG, without a bound before version 13.
    if image.format == "TIFF" or "Raw profile type exif" in image.info:
        return 1
    turn = 1
    with contextlib.suppress(Exception):  # it may be damaged, and the picture intact
        turn = int(image.getexif().get(ORIENTATION, 1))
    return turn if turn in range(2, 9) else 1


def cost_of(image: Image.Image) -> int:
    """How many pixels one pixel of an opened picture, not yet decoded, counts for."""
    from PIL import Image  # noqa: PLC0415 -- an extra

    if (known := getattr(image, "cost", None)) is not None:  # to the process that decodes it
        return int(known)
    in_python = any(tile[0] in Image.DECODERS for tile in getattr(image, "tile", ()))
    cost = COSTS.get(Image.MIME.get(image.format or "", ""), 1)
    return max(cost, _COST_IN_PYTHON if in_python else 1)
