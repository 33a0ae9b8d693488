"""Buildings, trees and small handmade things, drawn like OpenMoji's pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from visioncraft_sandbox.engines.props import INK, RGB, Pen, darker, lighter

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image


def _house(pen: Pen, x: float, base: float, size: float, *, wall: RGB, roof: RGB) -> None:
    left, right, eaves = x - size * 0.5, x + size * 0.5, base - size * 0.55
    pen.block((right - size * 0.3, eaves - size * 0.42, right - size * 0.14, eaves), (150, 96, 84))
    pen.block((left, eaves, right, base), wall)
    pen.shape(
        [(left - size * 0.1, eaves + size * 0.03), (x - size * 0.22, eaves - size * 0.45),
         (x + size * 0.22, eaves - size * 0.45), (right + size * 0.1, eaves + size * 0.03)], roof,
    )  # fmt: skip
    door = size * 0.09
    pen.block((x - door, base - size * 0.32, x + door, base), (120, 78, 58), door * 0.7)
    for side in (-1, 1):
        wx = x + side * size * 0.30
        pen.block(
            (wx - size * 0.09, base - size * 0.40, wx + size * 0.09, base - size * 0.19),
            (255, 222, 130), 0.6,
        )  # fmt: skip


def _cottage(height: int, tint: RGB | None) -> Image.Image:
    pen = Pen(height, 130)
    _house(pen, 62, 97, 88, wall=(250, 238, 214), roof=tint or (196, 90, 74))
    return pen.done()


def _village(height: int, tint: RGB | None) -> Image.Image:
    pen = Pen(height, 250)
    roofs = ((196, 90, 74), (98, 122, 150), (210, 140, 76), (150, 92, 108), (112, 136, 104))
    rows = ((50, 84, 44, 0), (100, 80, 50, 1), (196, 82, 46, 2), (28, 97, 50, 3), (80, 99, 46, 4),
            (168, 98, 54, 0), (222, 97, 46, 1))  # fmt: skip
    pen.block((138, 40, 158, 97), (246, 236, 220))
    pen.shape([(135, 41), (148, 8), (161, 41)], (112, 100, 138))
    pen.stroke([(148, 8), (148, 2)])
    pen.oval(148, 52, 4, 4, (255, 222, 130))
    for x, base, size, roof in rows:
        shade = roofs[roof] if tint is None or roof else tint
        _house(pen, x, base, size, wall=(250, 238, 214), roof=shade)
    return pen.done()


def _windmill(height: int, tint: RGB | None) -> Image.Image:
    pen = Pen(height, 90)
    pen.shape([(30, 97), (36, 42), (54, 42), (60, 97)], (248, 240, 226))
    pen.shape([(33, 43), (45, 27), (57, 43)], tint or (184, 84, 72))
    pen.block((40, 80, 50, 97), (120, 78, 58), 3)
    for y in (54, 67):
        pen.block((42, y - 3, 48, y + 4), (255, 222, 130), 1)
    for turn in range(4):
        angle = math.radians(28 + 90 * turn)
        along, across = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
        points = [
            (45 + along[0] * a + across[0] * b, 38 + along[1] * a + across[1] * b)
            for a, b in ((9, 0), (36, 0), (36, 8), (9, 6))
        ]
        pen.shape(points, (252, 246, 234))
        pen.stroke([(45, 38), points[1]], INK, 2.4)
    pen.oval(45, 38, 3.4, 3.4, (110, 76, 58))
    return pen.done()


def _barn(height: int, tint: RGB | None) -> Image.Image:
    red = tint or (190, 66, 58)
    pen = Pen(height, 130)
    pen.shape([(14, 97), (14, 50), (26, 28), (62, 10), (98, 28), (110, 50), (110, 97)], red)
    pen.stroke([(8, 53), (24, 27), (62, 8), (100, 27), (116, 53)], INK, 7.5)
    pen.stroke([(8, 53), (24, 27), (62, 8), (100, 27), (116, 53)], (246, 238, 224), 3.6)
    pen.block((44, 58, 80, 97), (246, 238, 224))
    pen.block((48, 62, 76, 97), darker(red, 0.8))
    pen.stroke([(48, 62), (76, 97)], (246, 238, 224), 2.6)
    pen.stroke([(76, 62), (48, 97)], (246, 238, 224), 2.6)
    pen.block((53, 30, 71, 46), (255, 222, 130), 8)
    return pen.done()


def _tree(height: int, tint: RGB | None) -> Image.Image:
    leaf = tint or (104, 160, 78)
    pen = Pen(height, 90)
    pen.shape([(40, 98), (42, 62), (36, 48), (54, 48), (48, 62), (51, 98)], (122, 84, 58))
    blobs = ((45, 26, 24), (24, 40, 18), (66, 40, 18), (34, 52, 15), (57, 52, 15))
    for x, y, r in blobs:
        pen.oval(x, y, r + 1.2, r + 1.2, INK, outline=False)
    for x, y, r in blobs:
        pen.oval(x, y, r - 0.9, r - 0.9, darker(leaf, 0.86), outline=False)
    for x, y, r in blobs:
        pen.oval(x - r * 0.2, y - r * 0.25, r * 0.66, r * 0.6, leaf, outline=False)
    for x, y, r in blobs[:3]:
        pen.oval(x - r * 0.3, y - r * 0.4, r * 0.34, r * 0.28, lighter(leaf, 0.25), outline=False)
    return pen.done()


def _pine(height: int, tint: RGB | None) -> Image.Image:
    leaf = tint or (62, 122, 92)
    pen = Pen(height, 70)
    pen.block((31, 84, 39, 98), (112, 76, 54), 1)
    for top, base, half in ((46, 88, 30), (25, 66, 24), (4, 44, 17)):
        points: list[tuple[float, float]] = [(35, top)]
        points += [(35 + half, base - 3), (35 + half * 0.5, base), (35, base - 4)]
        points += [(35 - half * 0.5, base), (35 - half, base - 3)]
        pen.shape(points, leaf)
        pen.shape(
            [(35, top + 3), (35 + half * 0.9, base - 4), (35 + half * 0.3, base - 5)],
            darker(leaf, 0.84), outline=False,
        )  # fmt: skip
    return pen.done()


def _snowman(height: int, tint: RGB | None) -> Image.Image:
    scarf, snow = tint or (206, 66, 62), (246, 250, 255)
    pen = Pen(height, 90)
    for side in (-1, 1):
        hand = (45 + side * 38, 38)
        pen.stroke([(45 + side * 15, 54), hand], (104, 72, 54), 2.6)
        pen.stroke([(45 + side * 30, 43.5), (45 + side * 36, 48)], (104, 72, 54), 2)
    pen.oval(45, 80, 24, 19, snow)
    pen.oval(45, 54, 18, 16, snow)
    pen.oval(45, 31, 14, 13, snow)
    pen.block((31, 41, 59, 47), scarf, 3)
    pen.shape([(52, 45), (59, 45), (61, 60), (54, 61)], scarf)
    for y in (54, 61, 74):
        pen.oval(45, y, 1.7, 1.7, INK, outline=False)
    for side in (-1, 1):
        pen.oval(45 + side * 5, 28, 1.8, 2.1, INK, outline=False)
    pen.shape([(45, 31), (58, 34), (45, 35)], (240, 142, 44))
    pen.block((35, 3, 55, 18), (62, 58, 78), 1)
    pen.block((29, 16, 61, 20.5), (62, 58, 78), 2)
    pen.block((35.8, 12, 54.2, 16), scarf, outline=False)
    return pen.done()


def _campfire(height: int, _: RGB | None) -> Image.Image:
    pen = Pen(height, 100)
    for log in ([(14, 94), (84, 80)], [(86, 94), (16, 80)]):
        pen.stroke(log, INK, 12)
        pen.stroke(log, (134, 90, 60), 8)
    for size, colour in ((1.0, (240, 112, 50)), (0.68, (250, 178, 66)), (0.36, (255, 236, 150))):
        points: list[tuple[float, float]] = []
        for step in range(41):
            turn = step / 40 * 2 * np.pi
            reach = 27 * (1 - 0.28 * np.cos(turn))
            tip = max(0.0, -np.cos(turn)) ** 5 * 34
            points.append(
                (50 + reach * 0.86 * size * np.sin(turn) * (1 - 0.25 * (tip > 0)),
                 84 - size * (reach * (1 - np.cos(turn)) * 0.72 + tip * 0.6))
            )  # fmt: skip
        pen.shape(points, colour, outline=size == 1.0)
    return pen.done()


def _hot_air(height: int, tint: RGB | None) -> Image.Image:
    main = tint or (222, 84, 72)
    pen = Pen(height, 78)
    for x in (31, 47):
        pen.stroke([(x - (39 - x) * 0.5, 66), (x, 84)], INK, 1.4)
    outline = []
    for step in range(60):
        turn = step / 60 * 2 * np.pi
        x, y = np.sin(turn), -np.cos(turn)
        pinch = 1 - 0.52 * max(0.0, y) ** 1.6
        outline.append((39 + 34 * x * pinch, 37 + 34 * y))
    pen.shape(outline, main)
    for part, colour in ((0.66, (250, 226, 150)), (0.30, main)):
        inner = [(39 + (x - 39) * part, y) for x, y in outline]
        pen.shape(inner, lighter(colour, 0.1), outline=False)
    pen.stroke([*outline, outline[0]])
    pen.block((30, 82, 48, 98), (168, 116, 70), 3)
    pen.stroke([(31, 88), (47, 88)], (120, 80, 52), 1.4)
    return pen.done()


def _gull(height: int, tint: RGB | None) -> Image.Image:
    white = tint or (250, 250, 252)
    pen = Pen(height, 170)
    wing = [(85, 62), (66, 30), (40, 18), (6, 26), (34, 33), (52, 48), (66, 72)]
    pen.shape(wing, white)
    pen.shape([(170 - x, y - 4) for x, y in wing], white)
    pen.shape([(6, 26), (40, 18), (34, 33)], (92, 96, 112))
    pen.shape([(164, 22), (130, 14), (136, 29)], (92, 96, 112))
    pen.shape([(62, 74), (44, 84), (64, 84)], white)
    pen.oval(85, 72, 24, 13, white)
    pen.oval(108, 64, 10, 9, white)
    pen.shape([(116, 62), (130, 67), (116, 69)], (246, 180, 60))
    pen.oval(111, 62, 1.9, 1.9, INK, outline=False)
    return pen.done()


BUILDINGS: Final[dict[str, Callable[[int, RGB | None], Image.Image]]] = {
    "cottage": _cottage,
    "village": _village,
    "windmill": _windmill,
    "barn": _barn,
    "tree": _tree,
    "pine": _pine,
    "snowman": _snowman,
    "campfire": _campfire,
    "hotair": _hot_air,
    "gull": _gull,
}
