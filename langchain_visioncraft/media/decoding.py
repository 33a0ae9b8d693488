"""Opens untrusted pictures and recordings: Pillow and FFmpeg can do more than read."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import math
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.inspection import behind_tag, chunks_of
from langchain_visioncraft.media.media import Media
from langchain_visioncraft.media.structure import StructureError, check_structure

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = (
    "PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "HEIF", "JXL", "JPEG2000", "PPM", "ICO",
    "CUR", "ICNS", "PSD", "TGA", "QOI", "DDS", "PCX", "DCX", "SGI", "SUN", "FITS", "FLI", "XBM",
    "XPM",
)  # fmt: skip
MOST_PIXELS = 180_000_000
"""As many as Pillow itself decodes; here, each counts as often as `cost_of` says."""
_POINTER = 8
_SPARE = 1.5
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


@contextmanager
def open_picture(
    media: Media, *, name: str = "This picture", max_pixels: int = MOST_PIXELS
) -> Iterator[Image.Image]:
    """Open a picture with Pillow.

    A picture that cannot be decoded, even inside the `with` block, or has more than `max_pixels`
    pixels, raises `MediaInputError`; without Pillow, an `ImportError` is raised.
    """
    # First, because Pillow has warnings of its own about large pictures.
    _check_pixels(media.width or 0, media.height or 0, name, max_pixels, media.mime_type)
    with (
        media.open() as file,
        _named_errors(name, media.mime_type),
        open_image(file) as image,
    ):
        _check_pixels(*image.size, name, max_pixels, media.mime_type, opened=cost_of(image))
        yield image


@contextmanager
def _named_errors(name: str, mime_type: str) -> Iterator[None]:
    try:
        from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 -- an extra
    except ImportError as error:
        msg = "Decoding pictures needs Pillow: pip install 'langchain-visioncraft[images]'"
        raise ImportError(msg) from error
    try:
        yield
    except StructureError as error:
        msg = f"{name} has {error}; it was not decoded."
        raise MediaInputError(msg) from error
    except MediaInputError:
        raise
    except UnidentifiedImageError as error:
        hint = " (HEIC needs the package pillow-heif)" if "heic" in mime_type else ""
        msg = f"{name} is {mime_type}, but cannot be opened as a picture{hint}."
        raise MediaInputError(msg) from error
    except Image.DecompressionBombError as error:
        msg = f"{name}: {error} If you trust the file, raise PIL.Image.MAX_IMAGE_PIXELS."
        raise MediaInputError(msg) from error
    except Exception as error:
        # For damaged files, decoders raise any error: OSError, SyntaxError, IndexError, …
        msg = f"{name} is a damaged {mime_type} ({error})."
        raise MediaInputError(msg) from error


class Frames:
    """The frames or pages of a picture, opened once: each frame is composed on those before it.

    The file is closed with the object.
    """

    def __init__(self, media: Media, *, name: str, max_pixels: int) -> None:
        self._media, self._name, self._max_pixels = media, name, max_pixels
        self._image: Image.Image | None = None
        self._shown = 0  # some formats count from 1
        self._opened = contextlib.ExitStack()
        weakref.finalize(self, self._opened.close)

    @contextmanager
    def at(self, number: int) -> Iterator[Image.Image]:
        """The picture at a frame, from 0. Raises as `open_picture` does."""
        name, limit, mime_type = self._name, self._max_pixels, self._media.mime_type
        if self._image is None:
            opening = open_picture(self._media, name=name, max_pixels=limit)
            self._image = self._opened.enter_context(opening)
        with _named_errors(name, mime_type):
            if number != self._shown:
                self._image.seek(number)
                self._shown = number
            _check_pixels(*self._image.size, name, limit, mime_type)
            yield self._image


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
    _reduce(image, least)
    try:
        image.load()  # this reveals damage
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
    return Decoded(image, None)


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
    # The grey that fills the rest carries no information.
    greys = image.convert("L").histogram()
    blank = max(greys[0], sum(greys[126:130])) > 0.99 * sum(greys)
    return None if blank else image


def open_image(file: BinaryIO) -> Image.Image:
    """Open a picture with Pillow, in the formats above; of a truncated one, the intact part.

    Raises `StructureError` before anything is decoded, and otherwise any error of the decoders.
    """
    from PIL import Image  # noqa: PLC0415 -- an extra

    check_structure(file)
    file.seek(0)
    head, size = file.read(12), file.seek(0, io.SEEK_END)
    file.seek(0)
    if head[:4] == b"RIFF" and size < (whole := int.from_bytes(head[4:8], "little") + 8) < 2 * size:
        # Pillow refuses a WebP that is too short.
        file = io.BytesIO(file.read() + bytes(whole - size))
    counted: Any = _Counted(file)
    try:
        image = Image.open(counted, formats=picture_formats())
    except ValueError:
        if not head.startswith(b"\x89PNG"):
            raise
        return _without_texts(file, 0)
    vars(counted).update(read=file.read, readline=file.readline)
    return image


class _Counted:
    """A file that can be read a bounded number of times."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._reads = file, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def _count(self) -> BinaryIO:
        self._reads += 1
        if self._reads > _MOST_READS:
            raise StructureError(f"more than {_MOST_READS:,} parts before its pixels")
        return self._file

    def read(self, size: int = -1) -> bytes:
        return self._count().read(size)

    def readline(self, size: int = -1) -> bytes:
        return self._count().readline(size)


_MOST_READS = 1_000_000
"""Before it is opened: of each part Pillow reads the head, in Python."""

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
"""What a pixel counts for if Pillow decodes it in Python, which takes one or two microseconds."""


def is_in_python(image: Image.Image) -> bool:
    """Whether an opened picture, not yet decoded, has a decoder in Python: QOI, plain PPM, …"""
    from PIL import Image  # noqa: PLC0415 -- an extra

    return any(tile[0] in Image.DECODERS for tile in getattr(image, "tile", ()))


def cost_of(image: Image.Image) -> int:
    """How many pixels one pixel of an opened picture, not yet decoded, counts for."""
    from PIL import Image  # noqa: PLC0415 -- an extra

    cost = COSTS.get(Image.MIME.get(image.format or "", ""), 1)
    return max(cost, _COST_IN_PYTHON if is_in_python(image) else 1)


def _check_pixels(
    width: int,
    height: int,
    name: str,
    max_pixels: int,
    mime_type: str,
    *,
    opened: int = 1,
) -> None:
    cost = max(COSTS.get(mime_type, 1), opened)
    # Pillow keeps a pointer of eight bytes for each row.
    if max(width, _POINTER) * height * cost > max_pixels:
        counted = f", which count {cost} times in {mime_type}" if cost > 1 else ""
        msg = (
            f"{name} has {width}x{height} pixels{counted}, more than max_pixels={max_pixels:,}; it "
            "was not decoded."
        )
        raise MediaInputError(msg)


class Recording(NamedTuple):
    """A recording to decode: how to open it (once for each reading), and its name in messages."""

    open: Callable[[], BinaryIO]
    name: str
    kind: str = "recording"
    """Its MIME type, if it is known."""
    step: Callable[[], object] = lambda: None
    """Called before each packet is decoded; what it raises ends the decoding."""


def open_recording(file: BinaryIO) -> Any:
    """Open a recording or a video with PyAV, from its bytes alone; the caller closes the file.

    FFmpeg takes a name with a colon for a protocol (``concat:a|b``), and an extension for a format,
    so it gets no name. Playlists and the like have it open other files, or wait on a port, so it
    may use no protocol. To find the sizes of video tracks and covers, it would decode a
    picture of each, which may take gigabytes, so it gets only decoders of sound.

    An `FFmpegError` is raised if it cannot be read, perhaps only while it is decoded. Show only its
    `strerror`: its other texts may quote the file. FFmpeg may take very long, or much memory, for
    hostile files: `listening` opens them in a process of its own.
    """
    import av  # noqa: PLC0415 -- an extra
    import av.container  # noqa: PLC0415

    # FFmpeg takes the data after a tag of more than a megabyte, such as a cover, for MP3.
    start = behind_tag(file)
    file.seek(start)
    arguments: dict[str, Any] = {}
    # Up to PyAV 18, a tag that is not UTF-8 raises without this. PyAV 19 has no such argument: it
    # returns such a tag with surrogates, which must be replaced before it is used.
    if hasattr(av.container.InputContainer, "metadata_errors"):
        arguments["metadata_errors"] = "replace"
    nameless: Any = SimpleNamespace(
        read=file.read,
        seek=lambda at, way=io.SEEK_SET: file.seek(at + (0 if way else start), way) - start,
        tell=lambda: file.tell() - start,
    )
    return av.open(
        nameless,
        mode="r",
        options={"protocol_whitelist": "none", "codec_whitelist": _sound_decoders()},
        buffer_size=1 << 18,  # each small piece would cost a call into Python
        **arguments,
    )


@functools.cache
def _sound_decoders() -> str:
    import av  # noqa: PLC0415 -- an extra

    names = []
    for name in sorted(av.codecs_available):
        with contextlib.suppress(ValueError):  # only an encoder
            names += [name] * (av.Codec(name, "r").type == "audio")
    return ",".join(names)
