"""The images, masks and recordings that a request accepts, also as text that carries a file."""

from __future__ import annotations

import binascii
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias
from urllib.parse import unquote_to_bytes, urlsplit

import pybase64

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.inspection import type_of
from langchain_visioncraft.media.media import Media
from langchain_visioncraft.media.paths import local_path, open_regular, safe_open
from langchain_visioncraft.media.scaling import in_eight_bits, in_srgb, turned
from langchain_visioncraft.media.sniff import EXTENSIONS, HEAD_BYTES, kind_of
from langchain_visioncraft.media.urls import percent_encoded, splittable

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

_IN_BASE64 = re.compile(
    # The type, and parameters up to the last one before the data: names may hold anything.
    r"data:[^,;]*(?:;[^<]{0,2000}?)??;\s{0,9}base64\s{0,9}(?:;[^,]{0,2000})?,",
    re.IGNORECASE,
)
_STANDARD = re.compile(r"[A-Za-z0-9+/\s]{4,}={0,2}\s*", re.ASCII)
_ANY_ALPHABET = re.compile(r"[A-Za-z0-9+/_-]{4,}={0,2}", re.ASCII)
_BLANKS = ("\\r", "\\n", "\\t", "\ufeff", "\u200b")
"""Besides white space: line breaks from JSON that was escaped twice, and invisible characters."""
_SEARCHED = 4096
_LONGEST_NAME = 260
_PIECE = 1 << 20
"""Characters that are decoded in one step, before other threads may run."""


def is_data_url(text: str) -> bool:
    """Whether this text is a data URL, damaged or not."""
    return text[:5].lower() == "data:"


def is_base64(text: str) -> bool:
    """Whether this text, judged by its beginning, is base64 and not a name or a sentence.

    A text with ``-`` or ``_`` may be either: it is base64 if it decodes to a picture or recording.
    """
    start = text[:_SEARCHED]
    if _STANDARD.fullmatch(start) and (len(text) > _LONGEST_NAME or "." not in text):
        return True
    digits = _without_blanks(start)
    if not _ANY_ALPHABET.fullmatch(digits):
        return False
    try:
        head = decode_base64(digits[: len(digits) // 4 * 4])
    except MediaInputError:
        return False
    return kind_of(type_of(head[:HEAD_BYTES])) in ("image", "audio", "video")


def decode_base64(text: str, label: str = "<base64>") -> bytes:
    """Decode base64 of either alphabet of RFC 4648, with or without padding and line breaks."""
    digits = _without_blanks(text).rstrip("=").replace("-", "+").replace("_", "/")
    # Padding within would be right at the end of a piece, but is wrong.
    padded = digits.replace("=", "?") + "=" * (-len(digits) % 4)
    try:
        pieces = (padded[at : at + _PIECE] for at in range(0, len(padded), _PIECE))
        return b"".join(pybase64.b64decode(piece, validate=True) for piece in pieces)
    except (binascii.Error, ValueError) as error:
        msg = f"{label} is not valid base64."
        raise MediaInputError(msg) from error


def _without_blanks(text: str) -> str:
    # In pieces, as each of the parts between blanks takes 50 bytes.
    pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
    digits = "".join("".join(piece.split()) for piece in pieces)
    if "\\" in digits or not digits.isascii():
        for blank in _BLANKS:
            digits = digits.replace(blank, "")
    return digits


def data_of_url(text: str) -> str | bytes:
    """The content of a data URL: base64 that is not decoded yet, or bytes."""
    if match := _IN_BASE64.match(text):
        digits = text[match.end() :]
        return b"".join(_unquoted(digits)).decode("utf-8", "replace") if "%" in digits else digits
    if "," not in text:
        msg = "This data URL is damaged: its form must be 'data:<type>;base64,<data>'."
        raise MediaInputError(msg)
    return b"".join(_unquoted(text.partition(",")[2]))


def _unquoted(text: str) -> Iterator[bytes]:
    """The bytes of a text with ``%41``, in pieces: each escape takes a hundred bytes of memory."""
    at = 0
    while at < len(text):
        end = at + _PIECE
        escape = text.find("%", end - 2, end)  # whose digits may be in the next piece
        end = end if escape < 0 else escape
        yield unquote_to_bytes(text[at:end].encode("utf-8", "replace"))
        at = end


MediaKind: TypeAlias = Literal["image", "audio"]

ACCEPTED_KINDS: dict[MediaKind, tuple[str, ...]] = {
    "image": ("image",),
    "audio": ("audio", "video"),
}
"""Which kinds of file a field takes; of a video, the sound track is used."""

# A multiple of 3, so that the base64 of the parts is the base64 of the whole.
CHUNK_BYTES = 3 * (1 << 16)

_LONGEST_PATH = 4096
_PNG_MODES = ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")

LONGEST_LINK = 16_384
"""Characters. Longer than any signed URL."""


@dataclass(frozen=True)
class MediaSource:
    """Bytes to send, or their URL; nothing is read until it is sent.

    The label is its name in messages and provenance: a handle, a path, a URL, ``<bytes>``. If
    `folder` is set, `path` must be inside it when it is opened.
    """

    label: str
    url: str | None = None
    text: str | None = field(default=None, repr=False)
    data: bytes | None = field(default=None, repr=False)
    path: Path | None = None
    folder: Path | None = None
    media: Media | None = field(default=None, repr=False)

    def open(self) -> BinaryIO:
        """Open the bytes for reading; raises `MediaInputError` if they cannot be read."""
        if self.data is not None:
            return io.BytesIO(self.data)
        if self.text is not None:
            return io.BytesIO(decode_base64(self.text, self.label))
        try:
            if self.media is not None:
                return self.media.open()
            if self.path is not None and self.folder is not None:
                return safe_open(self.folder, self.path)
            if self.path is not None:
                return open_regular(self.path)
        except OSError as error:
            msg = f"{self.label} cannot be read: {error.strerror or error}."
            raise MediaInputError(msg) from error
        msg = f"{self.label} is a link; its bytes are not here."
        raise MediaInputError(msg)

    def encoded(self) -> Iterator[bytes]:
        """The bytes as base64, piece by piece."""
        with self.open() as file:
            rest = b""
            while chunk := file.read(CHUNK_BYTES):
                # A remote file may return less than requested, but only the end is padded.
                chunk = rest + chunk
                whole = len(chunk) // 3 * 3
                rest = chunk[whole:]
                yield pybase64.b64encode(chunk[:whole])
            if rest:
                yield pybase64.b64encode(rest)


@dataclass(frozen=True)
class Upload:
    """A source whose bytes are to be sent, with the field that they fill."""

    source: MediaSource
    field_name: str
    kind: MediaKind

    def check(self) -> int:
        """The number of bytes; raises `MediaInputError` if there are none, or for a wrong type."""
        with self.source.open() as file:
            size = file.seek(0, io.SEEK_END)
            mime = type_of(file)
        label = f"{self.field_name}: {self.source.label}"
        if not size:
            msg = f"{label} is empty (0 bytes)."
            raise MediaInputError(msg)
        accepted = kind_of(mime) in ACCEPTED_KINDS[self.kind] and mime in EXTENSIONS
        if mime is not None and not accepted:
            wanted = "a picture (PNG, JPEG, WebP, …)" if self.kind == "image" else "a recording"
            msg = f"{label} is {mime}, but {wanted} is needed."
            raise MediaInputError(msg)
        return size


class DataURL(Upload):
    """A source that is sent as a data URL: base64 after ``data:image/png;base64,``."""

    def head(self) -> bytes:
        """The text before the base64."""
        with self.source.open() as file:
            mime = type_of(file)
        if mime is None:
            msg = f"{self.field_name}: {self.source.label} is unknown data, not a picture."
            raise MediaInputError(msg)
        return f"data:{mime};base64,".encode()


def parse_source(value: Any) -> MediaSource:
    """Read a medium from a user or a request.

    It may be an http(s) URL, a data URL or base64 as text; a path, bytes, a `Media`, a PIL image,
    or the plain dictionary of a tool's artifact. Anything else raises `MediaInputError`.
    """
    if isinstance(value, MediaSource):
        return value
    if isinstance(value, dict):
        value = Media.model_validate(value)
    if isinstance(value, Media):
        return MediaSource(label=value.handle, media=value)
    if isinstance(value, Path):
        return MediaSource(label=str(value), path=value)
    if isinstance(value, bytes | bytearray | memoryview):
        return MediaSource(label="<bytes>", data=bytes(value))
    if isinstance(value, str):
        return _parse_text(value.strip())
    if "PIL.Image" in sys.modules and isinstance(value, sys.modules["PIL.Image"].Image):
        return MediaSource(label="<PIL image>", data=_png_of(value))
    msg = (
        f"{type(value).__name__} cannot be sent: give a URL, a path, bytes, a Media or a PIL image."
    )
    raise MediaInputError(msg)


def source_in_code(text: str) -> str | MediaSource:
    """The source that a developer's text means: it may be a path, which no model may name.

    Raises `MediaInputError` if it looks like the path of a file that is missing.
    """
    if is_link(text) or is_data_url(text) or len(text) > _LONGEST_PATH:
        return text
    try:
        path = local_path(text)
        if path.is_file():
            return MediaSource(label=text, path=path)
    except (OSError, ValueError):  # not a path at all
        return text
    if is_base64(text):
        return text
    msg = f"There is no file {text!r}. Give a path, an http(s) URL, a data URL, bytes or a Media."
    raise MediaInputError(msg)


def _png_of(picture: PILImage) -> bytes:
    buffer = io.BytesIO()
    try:
        upright = turned(picture)
        kept = upright if upright.mode in _PNG_MODES else in_srgb(in_eight_bits(upright))
        kept.save(buffer, "PNG")
    except Exception as error:  # it may be decoded only now, and decoders raise any error
        msg = f"This PIL image cannot be sent: it cannot be decoded, or is empty ({error})."
        raise MediaInputError(msg) from error
    return buffer.getvalue()


def is_link(text: str) -> bool:
    """Whether this text is an http(s) URL."""
    return text[:8].lower().startswith(("http://", "https://"))


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(splittable(url))
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _parse_text(text: str) -> MediaSource:
    if is_link(text):
        if len(text) > LONGEST_LINK or not _names_a_host(text):
            msg = f"{text[:80]!r} is not a URL: it is damaged, too long, or names no host."
            raise MediaInputError(msg)
        return MediaSource(label=text, url=percent_encoded(text))
    if is_data_url(text):
        data = data_of_url(text)
        if isinstance(data, str):
            return MediaSource(label="<data URL>", text=data)
        return MediaSource(label="<data URL>", data=data)
    # Only the beginning is checked here; the rest is checked when it is decoded.
    if is_base64(text):
        return MediaSource(label="<base64>", text=text)
    msg = (
        f"{text[:80]!r} is not a picture or recording: give an http(s) URL, a data URL or base64; "
        "in code also pathlib.Path, bytes or Media."
    )
    raise MediaInputError(msg)
