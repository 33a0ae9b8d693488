"""Pictures of things: OpenMoji glyphs, figures of our own, and both together, tinted and shaded.

Figures are what OpenMoji does not draw, or draws in a frame, in the same manner. Each is a file in
``figures/``: SVG without curves, on a grid that is 100 units high. What the files say beyond SVG:
``data-tint`` makes a colour follow the one that a prompt names for the figure ("1" is that colour,
"0.7" a shade of it, "+0.3" that part of white in it); a group is drawn if all the words of its
``class`` are asked for; the group of class ``riders`` is where riders sit.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Collection, Iterator, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

import cv2
import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont, features

from visioncraft_sandbox.engines.reading import Subject
from visioncraft_sandbox.engines.stage import PAINTS, Colour, Points, Stage, lit, mix, rgb, to_image
from visioncraft_sandbox.engines.weights import openmoji_font

RGB = tuple[int, ...]

# OpenMoji outlines are black; a deep violet sits better in a painted scene.
INK: Final[RGB] = (44, 36, 58)
_FINE = 3  # Everything is drawn three times as large and scaled down, which smooths the edges.
_LINE = 2.2
LARGEST_KEPT = 256
"""The height of the largest pictures to be used again; larger ones would fill the memory."""
_SVG = "{http://www.w3.org/2000/svg}"
_CLOTHES: Final = ((146, 211, 245), (97, 178, 228))
_TONES: Final = ("🏻", "🏼", "🏽", "🏾")
_COATS: Final[list[RGB]] = list(map(tuple, PAINTS["coats"]["colours"]))
_USUAL: Final[dict[str, RGB]] = {name: tuple(each) for name, each in PAINTS["usual"].items()}
"""The colours of clothes and fur."""


def _text(name: str) -> str:
    return resources.files(__package__).joinpath("figures", f"{name}.svg").read_text("utf-8")


@cache
def _file(name: str) -> ET.Element:
    return ET.fromstring(_text(name))  # noqa: S314  # a file of this package


def figure(
    name: str,
    height: int,
    tint: RGB | None = None,
    *,
    showing: Collection[str] = (),
    riders: Sequence[Image.Image] = (),
) -> Image.Image:
    """The figure of a file, its grid `height` pixels high, cut to its edges (RGBA).

    `tint` replaces its own colour, `showing` has the classes of the groups that are drawn, and
    `riders` are pictures of those who sit in it, which may rise above the grid.
    """
    root = _file(name)
    scale, wide = height * _FINE / 100, float(root.get("viewBox", "").split()[2])
    seats = next((each for each in root if each.get("class") == "riders"), root)
    seat = float(seats.get("data-y", 0))
    below = height * (seat - 2) / 100
    rise = max([0, *(round(rider.height - below) for rider in riders)]) * _FINE
    size = max(3, round(wide * scale)), max(3, height * _FINE + rise)
    image = Image.new("RGBA", size, (*INK, 0))
    for part in _shown(root, showing):
        if part is not seats:
            _paint(ImageDraw.Draw(image), part, tint, scale, rise)
            continue
        middles = part.get("data-seats", "").split("; ")[len(riders) > 1].split()
        for middle, rider in zip(middles, riders, strict=False):
            size = rider.width * _FINE, rider.height * _FINE
            left, top = float(middle) * scale - size[0] / 2, seat * scale + rise - size[1]
            large = rider.resize(size, Image.Resampling.BICUBIC)
            image.alpha_composite(large, (max(0, round(left)), max(0, round(top))))
    cut = image.crop(image.getbbox() or (0, 0, _FINE, _FINE))
    size = max(1, round(cut.width / _FINE)), max(1, round(cut.height / _FINE))
    return cut.resize(size, Image.Resampling.BOX)


def _paint(
    draw: ImageDraw.ImageDraw, part: ET.Element, tint: RGB | None, scale: float, rise: int
) -> None:
    def points(*numbers: float) -> Points:
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        return [(x * scale, y * scale + rise) for x, y in pairs]

    at = {key: float(value) for key, value in part.items() if key in _NUMBERS}
    line = max(1, round(at.get("stroke-width", _LINE) * scale))
    ink: dict[str, Any] = {"outline": INK, "width": line} if part.get("stroke") != "none" else {}
    fill = _colour(part, tint)
    match part.tag.removeprefix(_SVG):
        case "polygon":
            corners = points(*_numbers(part.get("points", "")))
            draw.polygon(corners, fill)
            if ink:
                draw.line([*corners, *corners[:2]], INK, line, joint="curve")
        case "ellipse":
            x, y, rx, ry = at["cx"], at["cy"], at["rx"], at["ry"]
            draw.ellipse(points(x - rx, y - ry, x + rx, y + ry), fill, **ink)
        case "rect":
            x, y = at["x"], at["y"]
            box = points(x, y, x + at["width"], y + at["height"])
            try:
                draw.rounded_rectangle(box, at.get("rx", 0) * scale, fill, **ink)
            except ValueError:  # of Pillow, for some that are only a few pixels wide
                draw.rectangle(box, fill, **ink)
        case "path":
            for stroke in part.get("d", "").split("M")[1:]:
                corners = points(*_numbers(stroke))
                draw.line(corners, fill, line, joint="curve")
                for end in (corners[0], corners[-1]):
                    draw.circle(end, line / 2 - 0.5, fill)
        case other:
            raise ValueError(f"figures have no {other}")


def _shown(group: ET.Element, showing: Collection[str]) -> Iterator[ET.Element]:
    """The parts of a group, with those of the groups in it that are shown."""
    for part in group:
        if part.tag != f"{_SVG}g" or part.get("class") == "riders":
            yield part
        elif set(part.get("class", "").split()) <= set(showing):
            yield from _shown(part, showing)


_NUMBERS = frozenset({"x", "y", "width", "height", "cx", "cy", "rx", "ry", "stroke-width"})


def _numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"[-.\d]+", text)]


def _colour(part: ET.Element, tint: RGB | None) -> RGB:
    changes = part.get("data-tint")
    if tint is None or changes is None:
        kind = "stroke" if part.get("fill") == "none" else "fill"
        return ImageColor.getrgb(part.get(kind, "#2c243a"))[:3]
    colour: Colour = tint
    for change in changes.split():
        share = float(change)
        colour = mix(colour, (255,) * 3, share) if change[0] == "+" else lit(colour, (share,) * 3)
    return rgb(colour)


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(openmoji_font()), size)


def glyph(text: str, height: int) -> Image.Image:
    """An OpenMoji picture, cut to its edges, that many pixels high (RGBA)."""
    return (_glyph if height <= LARGEST_KEPT else _glyph.__wrapped__)(text, height)


@lru_cache(maxsize=192)
def _glyph(text: str, height: int) -> Image.Image:
    if len(text) > 1 and not features.check("raqm"):
        # Without shaping, a sequence would be drawn as separate glyphs.
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
    ink = np.asarray(INK, np.float32)
    pixels[..., :3] = ink + pixels[..., :3] * (1 - ink / 255)
    return to_image(pixels)


def _finer(image: Image.Image) -> Image.Image:
    """The picture with finer outlines, if it is large: a line's width should not grow with it."""
    reach = min(2, image.height // 220)
    if reach < 1:
        return image
    tone = np.asarray(image)
    wide = Image.fromarray(cv2.dilate(tone, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)))
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


def shaded(image: Image.Image, ambient: Colour) -> Image.Image:
    """The picture in the scene's light, rounder than flat artwork."""
    pixels = np.asarray(image, np.float32).copy()
    height, width = pixels.shape[:2]
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(0, 1, width, dtype=np.float32)
    form = 1.07 - 0.22 * rows**1.4 - 0.06 * columns
    pixels[..., :3] *= form[..., None] * np.asarray(ambient, np.float32)
    return to_image(pixels)


def prop(  # noqa: PLR0917  # the arguments of `Stage.stand`, in their order
    stage: Stage,
    text: str,
    size: float,
    x: float,
    foot: float,
    depth: float | None = None,
    *motion: Any,
    ambient: Colour | None = None,
) -> None:
    """A glyph on the stage, `size` units high, in the stage's light or another one."""
    image = glyph(text, max(8, round(stage.unit * size)))
    stage.stand(shaded(image, ambient or stage.light.ambient), x, foot, depth, *motion)


def _person(subject: Subject, height: int, number: int) -> Image.Image:
    art = subject.thing.art[1:]
    text = art.partition("~")[0]
    coat = subject.tint or _USUAL.get(art, _COATS[number % len(_COATS)])
    if subject.waving and text in {"👩", "👧"}:
        text = "🙋‍♀️"
    elif subject.waving and text in {"👨", "👦", "🧒"}:
        text = "🙋‍♂️"
    # By the character and not by the seed: it looks the same on every page of a story.
    tone = _TONES[zlib.crc32(subject.thing.name.encode()) % len(_TONES)]
    toned = text if text in {"🧍", "🧌"} else text[0] + tone + text[1:]
    bust = tinted(glyph(toned, round(height * 0.62)), coat, only=_CLOTHES)
    clothes = "skirt" if text[0] in "👩👧👵👸🙋🧚" else "coat"
    return figure("person", height, coat, showing=(clothes,), riders=(bust,))


def portrait(subject: Subject, height: float, number: int) -> Image.Image:
    """The picture of a subject, that many pixels high, cut to its edges (RGBA).

    `number` decides what the prompt leaves open, such as the colour of a coat.
    """
    kind, text, pixels = subject.thing.art[0], subject.thing.art[1:], max(6, round(height))
    if kind == "@":
        varied = _COATS[number % len(_COATS)] if text == "hotair" else None
        return figure(text, pixels, subject.tint or varied, showing=("oars",))
    if kind == "&":
        return _person(subject, pixels, number)
    image = glyph(text, round(pixels * 0.58)) if kind == "^" else glyph(kind + text, pixels)
    if subject.tint is not None:
        image = tinted(image, subject.tint)
    if kind == "^":
        fur = subject.tint or _USUAL.get(text, (170, 130, 90))
        belly = ("pale",) if text in "🦊🐼🐰🦄" else ()
        return figure("animal", pixels, fur, showing=belly, riders=(image,))
    return image
