"""Which decoders of Pillow may look at a picture from outside."""

from __future__ import annotations

import functools

_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "HEIF", "JXL")


@functools.cache
def picture_formats() -> tuple[str, ...]:
    """The formats of pictures that this package knows and this Pillow reads, for ``Image.open``.

    Pillow itself tries some forty, among them EPS, for which it runs Ghostscript on the file.
    """
    from PIL import Image  # noqa: PLC0415 -- an extra

    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)
