"""Things that OpenMoji does not draw, or draws in a frame: drawn by hand in the same manner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RGB = tuple[int, int, int]

INK: Final[RGB] = (44, 36, 58)
_FINE = 3  # Everything is drawn three times as large and scaled down, which smooths the edges.


def darker(colour: RGB, part: float = 0.72) -> RGB:
    """A shade of the colour."""
    return (int(colour[0] * part), int(colour[1] * part), int(colour[2] * part))


def lighter(colour: RGB, part: float = 0.35) -> RGB:
    """The colour with white."""
    red, green, blue = (int(c + (255 - c) * part) for c in colour)
    return (red, green, blue)


class Pen:
    """Draws on a grid that is 100 units high, at any size of the picture."""

    def __init__(self, height: int, wide: float = 100.0) -> None:
        self.scale = height * _FINE / 100.0
        self.image = Image.new(
            "RGBA", (max(3, round(wide * self.scale)), max(3, height * _FINE)), (*INK, 0)
        )
        self.draw = ImageDraw.Draw(self.image)
        self.line_width = max(1, round(2.2 * self.scale))

    def _points(self, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(x * self.scale, y * self.scale) for x, y in points]

    def shape(
        self, points: Sequence[tuple[float, float]], fill: RGB, *, outline: bool = True
    ) -> None:
        """A filled shape with straight edges."""
        scaled = self._points(points)
        self.draw.polygon(scaled, fill=fill)
        if outline:
            self.draw.line(
                [*scaled, scaled[0], scaled[1]], fill=INK, width=self.line_width, joint="curve"
            )

    def stroke(
        self, points: Sequence[tuple[float, float]], colour: RGB = INK, width: float = 2.2
    ) -> None:
        """A line with round ends."""
        scaled, thick = self._points(points), max(1, round(width * self.scale))
        self.draw.line(scaled, fill=colour, width=thick, joint="curve")
        for x, y in (scaled[0], scaled[-1]):
            r = thick / 2 - 0.5
            self.draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def oval(
        self, x: float, y: float, rx: float, ry: float, fill: RGB, *, outline: bool = True
    ) -> None:
        """An ellipse around a point."""
        box = self._points([(x - rx, y - ry), (x + rx, y + ry)])
        self.draw.ellipse(
            (*box[0], *box[1]),
            fill=fill,
            outline=INK if outline else None,
            width=self.line_width if outline else 0,
        )

    def block(
        self, box: tuple[float, float, float, float], fill: RGB, round_: float = 0.0,
        *, outline: bool = True,
    ) -> None:  # fmt: skip
        """A rectangle, its corners rounded."""
        scaled = tuple(value * self.scale for value in box)
        self.draw.rounded_rectangle(
            (scaled[0], scaled[1], scaled[2], scaled[3]),
            round_ * self.scale,
            fill=fill,
            outline=INK if outline else None,
            width=self.line_width if outline else 0,
        )

    def paste(self, picture: Image.Image, x: float, y: float) -> None:
        """Another picture (not enlarged yet) with its upper left corner at a point."""
        large = picture.resize(
            (picture.width * _FINE, picture.height * _FINE), Image.Resampling.BICUBIC
        )
        self.image.alpha_composite(large, (max(0, round(x * self.scale)), round(y * self.scale)))
        self.draw = ImageDraw.Draw(self.image)

    def done(self) -> Image.Image:
        """The picture, cut to its edges."""
        cut = self.image.crop(self.image.getbbox() or (0, 0, _FINE, _FINE))
        size = (max(1, round(cut.width / _FINE)), max(1, round(cut.height / _FINE)))
        return cut.resize(size, Image.Resampling.BOX)


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
        arm = [(middle + side * 16, 60), (middle + side * 13, 72), (middle + side * 6, 80)]
        pen.stroke(arm, INK, 10.5)
        pen.stroke(arm, fur, 6.6)
    pen.paste(head, middle - wide / 2, 0.4)
    return pen.done()


def _robot(height: int, tint: RGB | None) -> Image.Image:
    steel = tint or (150, 190, 204)
    pen = Pen(height, 80)
    for side in (-1, 1):
        x = 40 + side * 9
        pen.block((x - 4.5, 78, x + 4.5, 93), darker(steel, 0.6), 2)
        pen.block((x - 8, 91, x + 8, 99), darker(steel, 0.8), 3)
        arm = [(40 + side * 20, 54), (40 + side * 29, 60), (40 + side * 31, 72)]
        pen.stroke(arm, INK, 9)
        pen.stroke(arm, darker(steel, 0.7), 5)
        pen.oval(40 + side * 31, 75, 5, 5, steel)
    pen.block((20, 46, 60, 81), steel, 6)
    pen.block((28, 54, 52, 69), (52, 62, 88), 2)
    pen.oval(40, 61.5, 5, 5, (250, 190, 90), outline=False)
    for index, colour in enumerate(((226, 90, 76), (246, 200, 90), (116, 190, 120))):
        pen.oval(32 + 8 * index, 75, 2, 2, colour, outline=False)
    pen.block((35, 40, 45, 48), darker(steel, 0.6), 1)
    pen.stroke([(40, 13), (40, 5)])
    pen.oval(40, 4.6, 3.4, 3.4, (232, 92, 76))
    for side in (-1, 1):
        pen.block((40 + side * 25 - 4, 22, 40 + side * 25 + 4, 34), darker(steel, 0.7), 2)
    pen.block((16, 12, 64, 43), lighter(steel, 0.25), 9)
    pen.block((22, 18, 58, 36), (48, 56, 82), 7)
    for side in (-1, 1):
        pen.oval(40 + side * 9, 26, 4.6, 4.6, (140, 236, 236), outline=False)
        pen.oval(41.6 + side * 9, 24.6, 1.5, 1.5, (255, 255, 255), outline=False)
    pen.stroke([(35, 31.5), (40, 33.3), (45, 31.5)], (140, 236, 236), 1.6)
    return pen.done()


def _knight(height: int, tint: RGB | None) -> Image.Image:
    steel, cloth = (186, 194, 208), tint or (196, 62, 66)
    pen = Pen(height, 90)
    pen.stroke([(73, 20), (73, 90)], (110, 76, 52), 3)
    pen.shape([(73, 6), (77.5, 22), (68.5, 22)], steel)
    for side in (-1, 1):
        pen.block((42 + side * 8 - 5, 76, 42 + side * 8 + 5, 98), darker(steel, 0.8), 2)
    pen.shape([(24, 48), (60, 48), (64, 84), (20, 84)], cloth)
    pen.block((26, 44, 58, 66), steel, 6)
    pen.stroke([(58, 52), (68, 58), (73, 62)], INK, 9)
    pen.stroke([(58, 52), (68, 58), (73, 62)], steel, 5)
    pen.shape([(10, 52), (34, 52), (34, 70), (22, 84), (10, 70)], lighter(cloth, 0.1))
    pen.stroke([(22, 54), (22, 80)], (246, 220, 130), 3)
    pen.stroke([(12, 63), (32, 63)], (246, 220, 130), 3)
    pen.oval(42, 9, 4, 8, cloth)
    pen.block((25, 12, 59, 47), steel, 15)
    pen.block((29, 25, 55, 31), (44, 40, 60), 2)
    for x in (36, 42, 48):
        pen.stroke([(x, 36), (x, 41)], darker(steel, 0.5), 1.5)
    return pen.done()


def _lighthouse(height: int, tint: RGB | None) -> Image.Image:
    stripe, white = tint or (206, 68, 62), (248, 242, 230)
    pen = Pen(height, 60)
    left = [(18.0, 97.0), (22.5, 30.0)]

    def edge(y: float) -> float:
        return float(np.interp(y, (30, 97), (left[1][0], left[0][0])))

    pen.shape([(edge(97), 97), (edge(30), 30), (60 - edge(30), 30), (60 - edge(97), 97)], white)
    for top in (40.0, 62.0, 84.0):
        low = min(top + 11, 97)
        pen.shape(
            [(edge(low), low), (edge(top), top), (60 - edge(top), top), (60 - edge(low), low)],
            stripe, outline=False,
        )  # fmt: skip
    for y in (35.5, 57, 79):
        pen.block((27.8, y - 3.2, 32.2, y + 3.2), (255, 220, 130), 2)
    pen.shape([(25, 97), (25, 89), (30, 86), (35, 89), (35, 97)], (106, 72, 56))
    outline = [(edge(97), 97), (edge(30), 30), (60 - edge(30), 30), (60 - edge(97), 97)]
    pen.stroke([*outline, outline[0]])
    pen.block((19, 27, 41, 31), (86, 82, 104), 1.5)
    for x in (20.5, 25, 30, 35, 39.5):
        pen.stroke([(x, 27), (x, 22)], INK, 1.2)
    pen.stroke([(19.5, 22), (40.5, 22)], INK, 1.4)
    pen.block((24, 13, 36, 27), (255, 236, 150), 1)
    pen.oval(30, 20, 3.2, 3.8, (255, 255, 240), outline=False)
    for x in (28, 32):
        pen.stroke([(x, 13.5), (x, 26.5)], INK, 1)
    pen.shape([(21.5, 13.5), (30, 4), (38.5, 13.5)], stripe)
    pen.oval(30, 3.6, 2, 2, (246, 214, 110))
    return pen.done()


def _hull(pen: Pen, wood: RGB) -> None:
    """A wooden hull over the grid's lower part, 120 units wide."""
    rim = [(8, 62), (24, 68), (60, 70), (96, 68), (112, 60)]
    keel = [(104, 80), (92, 93), (60, 97), (28, 93), (15, 80)]
    pen.shape([*rim, *keel], wood)
    for part, shade in ((0.36, 0.88), (0.68, 0.78)):
        row = [
            (a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part)
            for a, b in zip(rim, reversed(keel), strict=True)
        ]
        pen.stroke(row, darker(wood, shade * 0.75), 1.6)
    pen.stroke(rim, INK, 7)
    pen.stroke(rim, lighter(wood, 0.35), 3.4)


def boat(height: int, tint: RGB | None, riders: Sequence[Image.Image] = ()) -> Image.Image:
    """A rowing boat with its riders.

    Args:
        height: The hull's grid height in pixels.
        tint: The hull's colour.
        riders: Pictures of its riders, drawn at their own height.
    """
    wood = tint or (164, 108, 66)
    tallest = max((picture.height for picture in riders), default=0)
    # The hull covers 58 to 100 on its grid; riders sit on 80 of it and may rise above it.
    rise = max(0, round(tallest - height * 0.74))
    pen = Pen(height + rise, 120 * height / (height + rise))
    pen.scale = height * _FINE / 100
    pen.image = Image.new("RGBA", (round(120 * pen.scale), (height + rise) * _FINE), (*INK, 0))
    pen.draw = ImageDraw.Draw(pen.image)
    lift = rise * _FINE
    for index, picture in enumerate(riders):
        middle = 60 + (index - (len(riders) - 1) / 2) * 40
        large = picture.resize((picture.width * _FINE, picture.height * _FINE))
        x = round(middle * pen.scale - large.width / 2)
        y = round(76 * pen.scale) + lift - large.height
        pen.image.alpha_composite(large, (max(0, x), max(0, y)))
    hull = Pen(height, 120)
    if not riders:
        hull.stroke([(30, 88), (94, 52)], INK, 4.2)
        hull.stroke([(30, 88), (94, 52)], (196, 150, 100), 2)
    _hull(hull, wood)
    pen.image.alpha_composite(hull.image, (0, lift))
    return pen.done()


def _boat(height: int, tint: RGB | None) -> Image.Image:
    return boat(round(height * 1.4), tint)


def sailboat(height: int, tint: RGB | None, riders: Sequence[Image.Image] = ()) -> Image.Image:
    """A small sailing boat with its riders."""
    wood, sail = (150, 98, 62), tint or (250, 240, 220)
    pen = Pen(height, 92)
    pen.stroke([(44, 4), (44, 80)], INK, 3.4)
    pen.stroke([(44, 5), (44, 80)], (132, 92, 62), 1.4)
    pen.shape([(47, 6), (60, 30), (72, 54), (78, 66), (47, 68)], sail)
    for y, end in ((28, 58), (46, 67)):
        pen.stroke([(48, y), (end, y - 1)], darker(sail, 0.8), 1.2)
    pen.shape([(41, 14), (41, 66), (16, 68), (26, 44)], lighter(darker(sail, 0.92), 0.1))
    pen.shape([(44, 3), (44, 9), (33, 6)], (210, 74, 66))
    for index, picture in enumerate(riders):
        size = (picture.width * _FINE, picture.height * _FINE)
        x = (28 + 34 * index) * pen.scale - size[0] / 2
        pen.image.alpha_composite(
            picture.resize(size), (max(0, round(x)), max(0, round(82 * pen.scale - size[1])))
        )
    pen.draw = ImageDraw.Draw(pen.image)
    rim = [(6, 74), (24, 77), (46, 78), (70, 77), (88, 72)]
    pen.shape([*rim, (78, 90), (68, 96), (24, 96), (14, 88)], wood)
    pen.stroke([(11, 83), (46, 86), (82, 82)], darker(wood), 1.4)
    pen.stroke(rim, INK, 5)
    pen.stroke(rim, lighter(wood, 0.4), 2.4)
    return pen.done()


def _ship(height: int, tint: RGB | None) -> Image.Image:
    hull = tint or (56, 74, 110)
    pen = Pen(height, 150)
    for x, top in ((62, 20), (86, 22)):
        pen.block((x - 6, top, x + 6, 52), (214, 76, 66), 1)
        pen.block((x - 6, top + 5, x + 6, top + 11), (250, 244, 232), outline=False)
    pen.block((38, 48, 112, 62), (250, 246, 236), 3)
    pen.block((28, 60, 124, 74), (240, 234, 220), 3)
    for x in range(36, 120, 11):
        pen.oval(x, 67, 2.6, 2.6, (255, 220, 130))
    for x in range(46, 108, 12):
        pen.block((x - 3, 52, x + 3, 57), (150, 200, 224), 1)
    pen.shape([(8, 72), (142, 72), (128, 97), (24, 97)], hull)
    pen.stroke([(13, 80), (137, 80)], (236, 226, 206), 2)
    return pen.done()


def _galleon(height: int, tint: RGB | None) -> Image.Image:
    sail, wood = tint or (246, 234, 206), (128, 82, 54)
    pen = Pen(height, 120)
    for x, top in ((30, 18), (60, 6), (90, 20)):
        pen.stroke([(x, top), (x, 76)], INK, 3)
        for y in range(top + 6, 62, 20):
            half = 13 + (y - top) * 0.06
            pen.shape(
                [(x - half, y), (x + half, y), (x + half + 2, y + 15), (x, y + 12),
                 (x - half - 2, y + 15)], sail,
            )  # fmt: skip
        pen.shape([(x, top - 1), (x, top + 4), (x + 9, top + 2)], (44, 40, 54))
    pen.shape(
        [(6, 60), (22, 64), (22, 72), (92, 72), (92, 62), (114, 58), (104, 92), (20, 94)], wood
    )
    pen.stroke([(15, 79), (107, 77)], lighter(wood, 0.3), 2)
    for x in (34, 50, 66, 82):
        pen.block((x - 3, 82, x + 3, 87), (250, 208, 110), 1)
    return pen.done()


PROPS: Final[dict[str, Callable[[int, RGB | None], Image.Image]]] = {
    "robot": _robot,
    "knight": _knight,
    "lighthouse": _lighthouse,
    "boat": _boat,
    "sailboat": sailboat,
    "ship": _ship,
    "galleon": _galleon,
}
