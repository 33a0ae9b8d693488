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

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont, features

from visioncraft_sandbox.engines.reading import Subject
from visioncraft_sandbox.engines.stage import WHITE, Colour, Points, Stage, lit, mix, rgb, to_image
from visioncraft_sandbox.engines.weights import openmoji_font

RGB = tuple[int, ...]

# OpenMoji outlines are black; a deep violet sits better in a painted scene.
INK: Final[RGB] = (44, 36, 58)
_FINE = 3  # Everything is drawn three times as large and scaled down, which smooths the edges.
_LINE = 2.2
_SVG = "{http://www.w3.org/2000/svg}"
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


def _darker(colour: RGB, part: float = 0.72) -> RGB:
    """A shade of the colour."""
    return rgb(lit(colour, (part, part, part)))


def _lighter(colour: RGB, part: float = 0.35) -> RGB:
    """The colour with white."""
    return rgb(mix(colour, WHITE, part))


class Pen:
    """Draws on a grid that is 100 units high and `wide` units wide.

    It has `height` pixels in the picture, and `rise` more above it.
    """

    def __init__(self, height: int, wide: float = 100.0, rise: int = 0) -> None:
        self.scale = height * _FINE / 100.0
        size = (max(3, round(wide * self.scale)), max(3, (height + rise) * _FINE))
        self.image = Image.new("RGBA", size, (*INK, 0))
        self.draw = ImageDraw.Draw(self.image)
        self.top = rise * _FINE

    def _points(self, points: Points) -> Points:
        return [(x * self.scale, y * self.scale + self.top) for x, y in points]

    def _width(self, line: float) -> int:
        return max(1, round(line * self.scale))

    def shape(self, points: Points, fill: RGB, *, outline: bool = True) -> None:
        """A filled shape with straight edges."""
        scaled = self._points(points)
        self.draw.polygon(scaled, fill=fill)
        if outline:
            closed = [*scaled, scaled[0], scaled[1]]
            self.draw.line(closed, fill=INK, width=self._width(_LINE), joint="curve")

    def stroke(self, points: Points, colour: RGB = INK, width: float = _LINE) -> None:
        """A line with round ends."""
        scaled, thick = self._points(points), self._width(width)
        self.draw.line(scaled, fill=colour, width=thick, joint="curve")
        for x, y in (scaled[0], scaled[-1]):
            r = thick / 2 - 0.5
            self.draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def oval(
        self, x: float, y: float, rx: float, ry: float, fill: RGB, *, outline: bool = True
    ) -> None:
        """An ellipse around a point."""
        upper, lower = self._points([(x - rx, y - ry), (x + rx, y + ry)])
        width = self._width(_LINE) if outline else 0
        self.draw.ellipse((*upper, *lower), fill, INK if outline else None, width)

    def block(
        self, box: tuple[float, float, float, float], fill: RGB, round_: float = 0.0,
        *, outline: bool = True,
    ) -> None:  # fmt: skip
        """A rectangle, its corners rounded."""
        upper, lower = self._points([box[:2], box[2:]])
        width, ink = (self._width(_LINE), INK) if outline else (0, None)
        self.draw.rounded_rectangle((*upper, *lower), round_ * self.scale, fill, ink, width)

    def paste(self, picture: Image.Image, left: float, top: float) -> None:
        """Another picture (not enlarged yet) with its upper left corner at a point."""
        size = (picture.width * _FINE, picture.height * _FINE)
        large = picture.resize(size, Image.Resampling.BICUBIC)
        x, y = round(left * self.scale), round(top * self.scale) + self.top
        self.image.alpha_composite(large, (max(0, x), max(0, y)))

    def done(self) -> Image.Image:
        """The picture, cut to its edges."""
        cut = self.image.crop(self.image.getbbox() or (0, 0, _FINE, _FINE))
        size = (max(1, round(cut.width / _FINE)), max(1, round(cut.height / _FINE)))
        return cut.resize(size, Image.Resampling.BOX)


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
    seats = next(root.iter(f"{_SVG}g"), None) if riders else None
    rise = 0
    if seats is not None:
        room = height * (float(seats.get("data-y", 0)) - 2) / 100
        rise = max(0, round(max(picture.height for picture in riders) - room))
    pen = Pen(height, float(root.get("viewBox", "").split()[2]), rise)
    for part in _shown(root, showing):
        outline = part.get("stroke") != "none"
        at = {key: float(value) for key, value in part.items() if key in _NUMBERS}
        match part.tag.removeprefix(_SVG):
            case "g":
                _seat(pen, part, riders)
            case "polygon":
                pen.shape(_pairs(part.get("points", "")), _colour(part, tint), outline=outline)
            case "ellipse":
                fill = _colour(part, tint)
                pen.oval(at["cx"], at["cy"], at["rx"], at["ry"], fill, outline=outline)
            case "rect":
                box = (at["x"], at["y"], at["x"] + at["width"], at["y"] + at["height"])
                pen.block(box, _colour(part, tint), at.get("rx", 0), outline=outline)
            case "path":
                colour, width = _colour(part, tint, "stroke"), at.get("stroke-width", _LINE)
                for line in part.get("d", "").split("M")[1:]:
                    pen.stroke(_pairs(line), colour, width)
            case other:
                raise ValueError(f"figures have no {other}")
    return pen.done()


def _shown(group: ET.Element, showing: Collection[str]) -> Iterator[ET.Element]:
    """The parts of a group, with those of the groups in it that are shown."""
    for part in group:
        if part.tag != f"{_SVG}g" or part.get("class") == "riders":
            yield part
        elif set(part.get("class", "").split()) <= set(showing):
            yield from _shown(part, showing)


_NUMBERS = frozenset({"x", "y", "width", "height", "cx", "cy", "rx", "ry", "stroke-width"})


def _pairs(text: str) -> Points:
    numbers = [float(number) for number in re.findall(r"[-.\d]+", text)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _colour(part: ET.Element, tint: RGB | None, kind: str = "fill") -> RGB:
    changes = part.get("data-tint")
    if tint is None or changes is None:
        red, green, blue = ImageColor.getrgb(part.get(kind, "#2c243a"))[:3]
        return (red, green, blue)
    for change in changes.split():
        tint = (_lighter if change[0] == "+" else _darker)(tint, float(change))
    return tint


def _seat(pen: Pen, seats: ET.Element, riders: Sequence[Image.Image]) -> None:
    middles = seats.get("data-seats", "").split("; ")[len(riders) > 1].split()
    for middle, picture in zip(middles, riders, strict=False):
        wide, high = (side * _FINE / pen.scale for side in picture.size)
        pen.paste(picture, float(middle) - wide / 2, float(seats.get("data-y", 0)) - high)


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
    ink = np.asarray(INK, np.float32)
    pixels[..., :3] = ink + pixels[..., :3] * (1 - ink / 255)
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
    return _standing(bust, height, coat, skirt=text[0] in "👩👧👵👸🙋🧚")


def portrait(subject: Subject, height: float, number: int) -> Image.Image:
    """The picture of a subject, that many pixels high, cut to its edges (RGBA).

    `number` decides what the prompt leaves open, such as the colour of a coat.
    """
    art, pixels = subject.thing.art, max(6, round(height))
    if art[0] == "@":
        varied = _COATS[number % len(_COATS)] if art == "@hotair" else None
        return figure(art[1:], pixels, subject.tint or varied, showing=("oars",))
    if art[0] == "&":
        return _person(subject, pixels, number)
    image = glyph(art.removeprefix("^"), round(pixels * 0.58) if art[0] == "^" else pixels)
    image = image if subject.tint is None else tinted(image, subject.tint)
    if art[0] == "^":
        fur, belly = _FUR.get(art[1:], ((170, 130, 90), (220, 190, 150)))
        return _sitting(image, pixels, subject.tint or fur, belly)
    return image


def _standing(bust: Image.Image, height: int, coat: RGB, *, skirt: bool) -> Image.Image:
    """A whole person under a bust: coat or skirt, legs and shoes."""
    wide = bust.width * 100 / height
    pen = Pen(height, wide + 24)
    middle, base = wide / 2 + 12, 62.0
    half = min(wide / 2, 19.0)
    for side in (-1, 1):
        x = middle + side * half * 0.42
        pen.block((x - 4.2, 84, x + 4.2, 98), _darker(coat, 0.42), 1)
        pen.oval(x + side * 1.6, 97, 6.4, 3.0, (70, 50, 48))
    flare = half * (1.28 if skirt else 1.02)
    pen.shape(
        [(middle - half, base - 4), (middle + half, base - 4), (middle + flare, 88),
         (middle - flare, 88)], coat,
    )  # fmt: skip
    pen.stroke([(middle, base), (middle, 87)], _darker(coat), 1.6)
    for y in (69, 77):
        pen.oval(middle + 3.4, y, 1.4, 1.4, _lighter(coat, 0.6), outline=False)
    pen.paste(bust, 12, 0.6)
    return pen.done()


def _sitting(head: Image.Image, height: int, fur: RGB, belly: RGB) -> Image.Image:
    """A whole animal under a head: it sits and looks at you."""
    wide = head.width * 100 / height
    pen = Pen(height, max(wide, 60) + 16)
    middle = pen.image.width / pen.scale / 2
    pen.oval(middle + 22, 82, 9, 7, _darker(fur, 0.88))
    pen.oval(middle, 73, 23, 26, fur)
    pen.oval(middle, 76, 13.5, 18, belly, outline=False)
    for side in (-1, 1):
        pen.oval(middle + side * 15, 93.5, 9.5, 5.5, _darker(fur, 0.92))
        arm: Points = [(middle + side * x, y) for x, y in ((16, 60), (13, 72), (6, 80))]
        pen.stroke(arm, INK, 10.5)
        pen.stroke(arm, fur, 6.6)
    pen.paste(head, middle - wide / 2, 0.4)
    return pen.done()
