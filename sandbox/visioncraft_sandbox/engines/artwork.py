"""Pictures of things: OpenMoji glyphs and whole figures built on them, tinted and shaded."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from visioncraft_sandbox.engines.figures import RGB, figure, sitting, standing
from visioncraft_sandbox.engines.stage import to_image
from visioncraft_sandbox.engines.weights import openmoji_font

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from visioncraft_sandbox.engines.reading import Subject

# OpenMoji outlines are black; a deep violet sits better in a painted scene.
_INK: Final = np.asarray((44, 36, 58), np.float32)
_CLOTHES: Final = ((146, 211, 245), (97, 178, 228))
_TONES: Final = ("🏻", "🏼", "🏽", "🏾")
_COATS: Final[tuple[RGB, ...]] = (
    (210, 78, 70), (62, 128, 170), (86, 142, 98), (226, 160, 66), (142, 98, 160), (52, 92, 142),
)  # fmt: skip
_UNIFORMS: Final[dict[str, RGB]] = {
    "🧑‍🚀": (206, 210, 220), "🎅": (206, 62, 62), "🧑‍🍳": (240, 240, 244), "🧛": (70, 60, 92),
    "👸": (240, 150, 186), "🤴": (120, 70, 150), "👩‍✈️": (52, 66, 104), "🧝": (104, 150, 70),
    "🧚": (150, 190, 70), "👩‍🌾": (92, 120, 170),
}  # fmt: skip
_FUR: Final[dict[str, tuple[RGB, RGB]]] = {
    "🐶": ((236, 150, 62), (250, 214, 150)),
    "🐱": ((240, 146, 52), (252, 216, 160)), "🦊": ((222, 92, 44), (250, 240, 230)),
    "🐻": ((122, 78, 50), (178, 128, 88)), "🐼": ((72, 68, 80), (246, 246, 246)),
    "🐰": ((72, 70, 84), (246, 246, 246)),
    "🦄": ((244, 244, 250), (255, 255, 255)), "🦁": ((226, 160, 60), (250, 214, 140)),
    "🐺": ((92, 92, 104), (176, 178, 188)), "🐸": ((150, 196, 60), (214, 232, 140)),
    "👽": ((150, 156, 168), (196, 202, 212)),
}  # fmt: skip


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(openmoji_font()), size)


@lru_cache(maxsize=192)
def glyph(text: str, height: int) -> Image.Image:
    """An OpenMoji picture, cut to its edges, that many pixels high (RGBA)."""
    if len(text) > 1 and not features.check("raqm"):
        # Without shaping a sequence would fall apart into its signs.
        text = text[0]
    size = max(16, min(900, round(height * 1.12)))
    canvas = Image.new("RGBA", (round(size * 1.6), round(size * 1.6)), (0, 0, 0, 0))
    ImageDraw.Draw(canvas).text(
        (size * 0.15, size * 0.12), text, font=_font(size), embedded_color=True
    )
    box = canvas.getbbox()
    cut = canvas.crop(box) if box else canvas
    width = max(1, round(cut.width * height / cut.height))
    image = cut.resize((width, max(1, height)), Image.Resampling.LANCZOS)
    pixels = np.asarray(_finer(image), np.float32).copy()
    pixels[..., :3] = _INK + pixels[..., :3] * (1 - _INK / 255)
    return to_image(pixels)


def _finer(image: Image.Image) -> Image.Image:
    """The picture with finer outlines, if it is large: a line's width should not grow with it."""
    reach = min(2, image.height // 220)
    if reach < 1:
        return image
    tone = np.asarray(image)
    bright = tone.copy()
    # The brightest neighbour, row by row and column by column: far quicker than a rank filter.
    for axis in (0, 1):
        own = bright.copy()
        for step in range(1, reach + 1):
            for way in (step, -step):
                np.maximum(bright, np.roll(own, way, axis=axis), out=bright)
    wide = Image.fromarray(bright)
    dark = np.clip((110 - tone[..., :3].max(axis=-1).astype(np.float32)) / 60, 0, 1) * 255
    mixed = Image.composite(wide, image, Image.fromarray(dark.astype(np.uint8)))
    mixed.putalpha(image.getchannel("A"))
    return mixed


def tinted(image: Image.Image, colour: RGB, *, only: tuple[RGB, ...] = ()) -> Image.Image:
    """The picture in another colour; its outlines and its light and dark parts stay."""
    pixels = np.asarray(image, np.float32).copy()
    tone = pixels[..., :3]
    bright = tone.max(axis=-1)
    if only:
        near = np.stack([np.abs(tone - np.asarray(c, np.float32)).sum(axis=-1) for c in only])
        part = np.clip(1.6 - near.min(axis=0) / 60, 0, 1)[..., None]
        full = 245.0
    else:
        # Dark outlines and white highlights keep their own colour.
        part = np.clip((bright - 75) / 60, 0, 1)
        white = np.clip((tone.min(axis=-1) - 205) / 40, 0, 1) * 0.8
        part = (part * (1 - white))[..., None]
        body = bright[(pixels[..., 3] > 128) & (bright > 110)]
        full = max(float(np.median(body)) if body.size else 200.0, 110.0)
    shades = np.asarray(colour, np.float32) * np.clip(bright / full, 0.45, 1.25)[..., None]
    pixels[..., :3] = tone + (shades - tone) * part
    return to_image(pixels)


def shaded(image: Image.Image, ambient: tuple[float, float, float]) -> Image.Image:
    """The picture in the scene's light, rounder than flat artwork."""
    pixels = np.asarray(image, np.float32).copy()
    height, width = pixels.shape[:2]
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(0, 1, width, dtype=np.float32)
    form = 1.07 - 0.22 * rows**1.4 - 0.06 * columns
    lit: NDArray[np.float32] = pixels[..., :3] * form[..., None] * np.asarray(ambient, np.float32)
    pixels[..., :3] = lit
    return to_image(pixels)


def _person(subject: Subject, height: int, number: int) -> Image.Image:
    text, _, colour = subject.thing.art[1:].partition("~")
    usual = (240, 184, 60) if colour else _UNIFORMS.get(text, _COATS[number % len(_COATS)])
    coat = subject.tint or usual
    if subject.waving and text in {"👩", "👧"}:
        text = "🙋‍♀️"
    elif subject.waving and text in {"👨", "👦", "🧒"}:
        text = "🙋‍♂️"
    # By who it is and not by the seed: a character looks the same on every page of a story.
    tone = _TONES[zlib.crc32(subject.thing.name.encode()) % len(_TONES)]
    toned = text if text in {"🧍", "🧌"} else text[0] + tone + text[1:]
    bust = tinted(glyph(toned, round(height * 0.62)), coat, only=_CLOTHES)
    return standing(bust, height, coat, skirt=text[0] in "👩👧👵👸🙋🧚")


def _beast(subject: Subject, height: int) -> Image.Image:
    text = subject.thing.art[1:]
    fur, belly = _FUR.get(text, ((170, 130, 90), (220, 190, 150)))
    head = glyph(text, round(height * 0.58))
    if subject.tint is not None:
        head, fur = tinted(head, subject.tint), subject.tint
    return sitting(head, height, fur, belly)


def portrait(subject: Subject, height: float, number: int) -> Image.Image:
    """The picture of one subject.

    Args:
        subject: What.
        height: How high, in pixels.
        number: Decides what the prompt leaves open, such as the colour of a coat.

    Returns:
        An RGBA picture, cut to its edges.
    """
    art, pixels = subject.thing.art, max(6, round(height))
    if art[0] == "@":
        varied = _COATS[number % len(_COATS)] if art == "@hotair" else None
        return figure(art[1:], pixels, subject.tint or varied, showing=("oars",))
    if art[0] == "&":
        return _person(subject, pixels, number)
    if art[0] == "^":
        return _beast(subject, pixels)
    image = glyph(art, pixels)
    return image if subject.tint is None else tinted(image, subject.tint)
