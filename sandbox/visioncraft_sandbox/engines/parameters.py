"""The generation text in PNG files, in Automatic1111's format."""

from __future__ import annotations

import io
import re
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

_KEY = "parameters"
DRAWN = "drawn"
"""The key in PNG and `Image.info` for what the sandbox drew: ``cat, cat, boat; sea, night``."""
_SETTINGS = {
    "steps": "Steps", "sampler": "Sampler", "cfg_scale": "CFG scale", "seed": "Seed",
    "size": "Size", "model": "Model",
}  # fmt: skip
_STEPS = re.compile(r"Steps: \d+,")
_LAST_LINE = re.compile(r"(?:Steps|Sampler|CFG scale|Seed|Size|Model): [^,]+(?:,|$)")


def parameters_text(
    prompt: str,
    *,
    negative_prompt: str | None = None,
    width: int,
    height: int,
    **settings: Any,
) -> str:
    """The prompt, the negative prompt, and a line with the size and settings that are not None."""
    given = {**settings, "size": f"{width}x{height}"}
    pairs = ((shown, given.get(name)) for name, shown in _SETTINGS.items())
    last = ", ".join(f"{shown}: {_plain(value)}" for shown, value in pairs if value is not None)
    negative = f"Negative prompt: {negative_prompt}" if negative_prompt else ""
    return "\n".join(filter(None, (prompt, negative, last)))


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def split_parameters(text: str) -> tuple[str, str]:
    """The prompt in a generation text, which may have several lines, and what follows it."""
    lines = text.strip().splitlines()
    for number, line in enumerate(lines):
        last = number == len(lines) - 1
        if line.startswith("Negative prompt:") or (_LAST_LINE if last else _STEPS).match(line):
            return "\n".join(lines[:number]), "\n".join(lines[number:])
    return text, ""


def to_png(image: Image.Image, *, parameters: str = "") -> bytes:
    """Encode a picture as PNG with its generation text in the ``parameters`` chunk."""
    info = PngInfo()
    if parameters:
        info.add_text(_KEY, parameters)  # Pillow itself falls back to iTXt beyond Latin-1
    if image.info.get(DRAWN):
        info.add_text(DRAWN, image.info[DRAWN])
    buffer = io.BytesIO()
    # Level 4 is several times faster than the default and a few percent larger.
    image.save(buffer, format="PNG", pnginfo=info, compress_level=4)
    return buffer.getvalue()


_LONGEST = 20_000
"""Characters. What a picture says of itself is read like a prompt, up to four times."""


def read_drawn(image: Image.Image) -> tuple[list[str], str]:
    """The things in a drawing of the sandbox, and its setting; nothing for other pictures."""
    names, _, setting = str(image.info.get(DRAWN) or "")[:_LONGEST].partition(";")
    return [name.strip() for name in names.split(",") if name.strip()], setting.strip()


def read_parameters(image: Image.Image) -> str | None:
    """The generation text of a decoded picture; None if there is none, or a very long one."""
    value = str(image.info.get(_KEY) or "")
    return value if 0 < len(value) <= _LONGEST else None
