"""How pictures and recordings from outside are opened: Pillow and FFmpeg can do more than read."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any, BinaryIO

_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "HEIF", "JXL")


@functools.cache
def picture_formats() -> tuple[str, ...]:
    """The formats of pictures that this package knows and this Pillow reads, for ``Image.open``.

    Pillow itself tries some forty, among them EPS, for which it runs Ghostscript on the file.
    """
    from PIL import Image  # noqa: PLC0415 -- an extra

    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def open_recording(file: BinaryIO) -> Any:
    """Open a recording or a video with PyAV, by its bytes alone.

    FFmpeg takes a name with a colon for a URL or a protocol (``concat:a|b``), and lets an extension
    decide how a file is read: so it sees no name. Some files list others (concat scripts,
    playlists, session descriptions), which FFmpeg would open too, or wait on a port: so it may use
    no protocol.

    Args:
        file: Open for reading, at its beginning. The caller closes it.

    Returns:
        A container of PyAV, for a `with` statement.

    Raises:
        av.error.FFmpegError: If it cannot be read. Show its `strerror`: its other texts may quote
            what stands in the file.
        OSError: If reading `file` fails. Both may come later too, while it is decoded.
    """
    import av  # noqa: PLC0415 -- an extra
    import av.container  # noqa: PLC0415

    arguments: dict[str, Any] = {}
    # Up to PyAV 18 a tag that is not UTF-8 stops it without this. PyAV 19 has no such argument:
    # there such a tag comes with surrogates, which must be replaced before it goes anywhere.
    if hasattr(av.container.InputContainer, "metadata_errors"):
        arguments["metadata_errors"] = "replace"
    nameless: Any = SimpleNamespace(read=file.read, seek=file.seek, tell=file.tell)
    return av.open(
        nameless,
        mode="r",
        options={"protocol_whitelist": "none"},
        buffer_size=1 << 18,  # small pieces would cost a visit to Python each
        **arguments,
    )
