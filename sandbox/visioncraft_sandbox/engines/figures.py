"""Figures that OpenMoji does not draw, or draws in a frame, in the same manner.

Each is a file in ``figures/``: SVG without curves, on a grid that is 100 units high. What the files
say beyond SVG: ``data-tint`` makes a colour follow the one that a prompt names for the figure ("1"
is that colour, "0.7" a shade of it, "+0.3" that part of white in it); a group is drawn if all the
words of its ``class`` are asked for; the group of class ``riders`` is where riders sit.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageColor, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

RGB = tuple[int, int, int]
Points = list[tuple[float, float]]

INK: Final[RGB] = (44, 36, 58)
_FINE = 3  # Everything is drawn three times as large and scaled down, which smooths the edges.
_LINE = 2.2
_SVG = "{http://www.w3.org/2000/svg}"


def darker(colour: RGB, part: float = 0.72) -> RGB:
    """A shade of the colour."""
    return (int(colour[0] * part), int(colour[1] * part), int(colour[2] * part))


def lighter(colour: RGB, part: float = 0.35) -> RGB:
    """The colour with white."""
    red, green, blue = (int(c + (255 - c) * part) for c in colour)
    return (red, green, blue)


class Pen:
    """Draws on a grid that is 100 units high, at any size of the picture.

    Args:
        height: The height of the grid in pixels.
        wide: The width of the grid in units.
        rise: Pixels above the grid.
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
    """A figure.

    Args:
        name: That of its file.
        height: The height of its grid in pixels.
        tint: Its colour, instead of its own.
        showing: Which of its groups are drawn, by their classes.
        riders: Pictures of those who sit in it; they may rise above the grid.

    Returns:
        An RGBA picture, cut to its edges.
    """
    root = _file(name)
    seats = next(root.iter(f"{_SVG}g"), None) if riders else None
    rise = 0
    if seats is not None:
        room = height * (float(seats.get("data-y", 0)) - 2) / 100
        rise = max(0, round(max(picture.height for picture in riders) - room))
    pen = Pen(height, float(root.get("viewBox", "").split()[2]), rise)
    _draw(pen, root, tint, showing, riders)
    return pen.done()


def _draw(
    pen: Pen, group: ET.Element, tint: RGB | None, showing: Collection[str],
    riders: Sequence[Image.Image],
) -> None:  # fmt: skip
    for part in group:
        outline = part.get("stroke") != "none"
        at = {key: float(value) for key, value in part.items() if key in _NUMBERS}
        match part.tag.removeprefix(_SVG):
            case "g" if part.get("class") == "riders":
                _seat(pen, part, riders)
            case "g":
                if set(part.get("class", "").split()) <= set(showing):
                    _draw(pen, part, tint, showing, riders)
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
        tint = (lighter if change[0] == "+" else darker)(tint, float(change))
    return tint


def _seat(pen: Pen, seats: ET.Element, riders: Sequence[Image.Image]) -> None:
    middles = seats.get("data-seats", "").split("; ")[len(riders) > 1].split()
    for middle, picture in zip(middles, riders, strict=False):
        wide, high = (side * _FINE / pen.scale for side in picture.size)
        pen.paste(picture, float(middle) - wide / 2, float(seats.get("data-y", 0)) - high)


def standing(bust: Image.Image, height: int, coat: RGB, *, skirt: bool) -> Image.Image:
    """A whole person under a bust: coat or skirt, legs and shoes."""
    wide = bust.width * 100 / height
    pen = Pen(height, wide + 24)
    middle, base = wide / 2 + 12, 62.0
    half = min(wide / 2, 19.0)
    for side in (-1, 1):
        x = middle + side * half * 0.42
        pen.block((x - 4.2, 84, x + 4.2, 98), darker(coat, 0.42), 1)
        pen.oval(x + side * 1.6, 97, 6.4, 3.0, (70, 50, 48))
    flare = half * (1.28 if skirt else 1.02)
    pen.shape(
        [(middle - half, base - 4), (middle + half, base - 4), (middle + flare, 88),
         (middle - flare, 88)], coat,
    )  # fmt: skip
    pen.stroke([(middle, base), (middle, 87)], darker(coat), 1.6)
    for y in (69, 77):
        pen.oval(middle + 3.4, y, 1.4, 1.4, lighter(coat, 0.6), outline=False)
    pen.paste(bust, 12, 0.6)
    return pen.done()


def sitting(head: Image.Image, height: int, fur: RGB, belly: RGB) -> Image.Image:
    """A whole animal under a head: it sits and looks at you."""
    wide = head.width * 100 / height
    pen = Pen(height, max(wide, 60) + 16)
    middle = pen.image.width / pen.scale / 2
    pen.oval(middle + 22, 82, 9, 7, darker(fur, 0.88))
    pen.oval(middle, 73, 23, 26, fur)
    pen.oval(middle, 76, 13.5, 18, belly, outline=False)
    for side in (-1, 1):
        pen.oval(middle + side * 15, 93.5, 9.5, 5.5, darker(fur, 0.92))
        arm: Points = [(middle + side * x, y) for x, y in ((16, 60), (13, 72), (6, 80))]
        pen.stroke(arm, INK, 10.5)
        pen.stroke(arm, fur, 6.6)
    pen.paste(head, middle - wide / 2, 0.4)
    return pen.done()
