"""Opens untrusted pictures and recordings: Pillow and FFmpeg can do more than read."""

from __future__ import annotations

import contextlib
import functools
import io
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media import confined
from langchain_visioncraft.media.inspection import behind_tag
from langchain_visioncraft.media.ordinary import ordinary_format
from langchain_visioncraft.media.pixels import COSTS, cost_of, open_with, picture_formats

if TYPE_CHECKING:
    from PIL import Image

    from langchain_visioncraft.media.media import Media

MOST_PIXELS = 180_000_000
"""As many as Pillow itself decodes; here, each counts as often as `cost_of` says."""
_POINTER = 8


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
        open_image(file, max_pixels) as image,
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
    except confined.LimitError as error:
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


def open_image(file: BinaryIO, max_pixels: int = MOST_PIXELS, *, once: bool = False) -> Image.Image:
    """Open a picture with Pillow; of a truncated one, the intact part.

    An ordinary PNG, JPEG or WebP is decoded in this process. All others are decoded in another,
    which ends with the picture, or `once` it has answered.

    Raises `LimitError` for a picture that takes too much of its decoder, and otherwise any error of
    the decoders.
    """
    if (form := ordinary_format(file)) is not None:
        return open_with(file, (form,))
    if not confined.is_possible():
        return open_with(file, picture_formats())
    from langchain_visioncraft.media.apart import Apart  # noqa: PLC0415 -- needs an extra

    return Apart(file, max_pixels, once=once)


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
    head = file.read(12)
    # Otherwise, FFmpeg also looks for others behind these beginnings, such as MPEG-TS.
    form = {b"fLaC": "flac", b"RIFF": "wav" if head[8:] == b"WAVE" else None}.get(head[:4])
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
        format=form,
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
