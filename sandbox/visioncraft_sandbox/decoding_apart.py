"""Decodes pictures in a process of their own, for decoders that hold or occupy the interpreter."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

from PIL import Image

from langchain_visioncraft.media.decoding import decode, open_image

FORMATS = ("JPEG2000", "ICNS")
"""These hold the interpreter, so that nobody else is answered."""

_MOST_SECONDS = 60.0


def decoded_apart(picture: Any) -> Image.Image:
    """Decode an opened picture. Raises an `OSError` if that fails, or takes more than a minute."""
    command = [sys.executable, "-m", __name__]
    picture.fp.seek(0)
    data = picture.fp.read()
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and module
            command, input=data, capture_output=True, check=True, timeout=_MOST_SECONDS
        )
    except subprocess.SubprocessError as error:
        msg = "it cannot be decoded, or takes too long"
        raise OSError(msg) from error
    return Image.open(io.BytesIO(done.stdout), formats=("TIFF",))


if __name__ == "__main__":
    picture = decode(open_image(io.BytesIO(sys.stdin.buffer.read()))).image
    file = io.BytesIO()  # a TIFF is not written in one pass
    picture.save(file, "TIFF", icc_profile=picture.info.get("icc_profile"))
    sys.stdout.buffer.write(file.getbuffer())
