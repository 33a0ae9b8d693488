"""Landscapes with ground to stand on: hills, mountains, forest, meadow, desert, snow."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from visioncraft_sandbox.engines.artwork import LARGEST_KEPT, RGB, figure, prop, shaded
from visioncraft_sandbox.engines.stage import Colour, Stage, halved, lit, mix, rgb, veil

_GREENS = ((150, 190, 110), (122, 176, 92), (96, 156, 80), (74, 134, 72), (52, 104, 60))
_AUTUMN = ((220, 170, 96), (214, 146, 76), (196, 118, 62), (160, 98, 58), (112, 70, 50))
_WHITES = ((226, 236, 248), (232, 241, 250), (239, 245, 252), (244, 248, 253))


def greens(stage: Stage) -> tuple[Colour, ...]:
    """The ground's colours from far to near."""
    return _AUTUMN if "autumn" in stage.idea.weather else _GREENS


def mountains(stage: Stage, base: float, high: float, *, snow: float = 0.45) -> None:
    """Two ranges of peaks, the further one paler, white down to a part of their height.

    They stand `base` pixels from above and are `high` pixels high.
    """
    for far, (haze, size) in enumerate(((0.66, 1.0), (0.36, 0.72))):
        ridge = _peaks(stage, base, high * size, 2.2 + 1.6 * far)
        rock = mix((104, 116, 146), (92, 100, 126), far)
        stage.land(ridge, rock, (140, 150, 166), depth=high, haze=haze, mottle=0.05)
        first, last = max(0, int(ridge.min())), int(min(stage.height, base))
        if last - first < 4:
            continue
        rough = stage.noise(stage.unit * 0.03, height=last - first)
        below = stage.rows[first:last] - ridge
        inside = np.clip(below + 0.5, 0, 1)
        # Light falls from the sun's side; each peak's other flank lies in shade, down a crooked
        # line from its top.
        side = 1 if stage.sun[0] < stage.width / 2 else -1
        crooked = (0.35 * below + stage.unit * 0.005 * rough) * side
        column = np.clip(stage.columns - crooked, 0, stage.width - 1).astype(np.intp)
        slope = np.gradient(_smooth(ridge, stage.unit * 0.012)) * side
        dark = np.clip(slope[column] * 4, -0.6, 1)
        stage.pixels[first:last] *= (1 - 0.15 * (1 - haze * 0.7) * dark * inside)[..., None]
        limit = (base - ridge.min()) * snow - (ridge - ridge.min()) * 0.7
        limit = limit + rough * stage.unit * 0.007
        cap = np.clip((limit - below) / 2, 0, 1) * inside * (1 - 0.22 * np.clip(dark, 0, 1))
        white = mix(lit((250, 252, 255), stage.light.ambient), stage.light.haze, haze * 0.5)
        stage.blend(white, cap * 0.9, first)


def _smooth(curve: NDArray[Any], reach: float) -> NDArray[np.float32]:
    size = max(3, int(reach))
    padded = np.pad(curve, size, mode="edge")
    weights = np.hanning(2 * size + 1)
    smooth = np.convolve(padded, weights / weights.sum(), mode="valid")
    return np.asarray(smooth, np.float32)


def _peaks(stage: Stage, base: float, high: float, count: float) -> NDArray[np.float32]:
    ridged = 1 - np.abs(stage.line(count, octaves=1))
    ridged = ridged * 0.75 + 0.16 * (1 - np.abs(stage.line(count * 3.1, octaves=1)))
    ridged = ridged + 0.07 * stage.line(count * 9, octaves=2)
    ridged = (ridged - ridged.min()) / max(float(np.ptp(ridged)), 1e-3)
    return np.asarray(base - high * (0.22 + 0.78 * ridged), np.float32)


def ranges(stage: Stage, top: float, bottom: float, count: int = 3, swell: float = 0.05) -> None:
    """Rolling hills from one height, in pixels from above, to a lower and nearer one.

    `swell` is how much they roll, as a part of the unit.
    """
    snowy = stage.idea.place == "snow"
    tones = _WHITES if snowy else greens(stage)
    for number in range(count):
        part = number / max(1, count - 1)
        level = top + (bottom - top) * part**1.15
        ridge = level + stage.unit * swell * (1.25 - 0.6 * part) * stage.line(1.6, octaves=2)
        place = part * (len(tones) - 2)
        index = min(int(place), len(tones) - 2)
        upper = mix(tones[index], tones[index + 1], place - index)
        if snowy:
            haze, high, mottle = 0.3 * (1 - part), 0.24, 0.015
            lower = mix(upper, (150, 178, 216), 0.55)
        else:
            haze, high, mottle = 0.55 * (1 - part) ** 1.3, 0.16, 0.04
            lower = mix(tones[min(index + 1, 4)], tones[min(index + 2, 4)], place - index)
        stage.land(ridge, upper, lower, depth=stage.height * high, haze=haze, mottle=mottle)
        if snowy or number < count - 1:
            _grove(stage, ridge, part)


def _grove(stage: Stage, ridge: NDArray[np.float32], part: float) -> None:
    """A few small trees along a ridge; the nearest one keeps its middle open."""
    pines = stage.idea.place in {"mountains", "snow"}
    for number in range(6 if pines else 5):
        x = stage.rng.uniform(0.02, 0.98) * stage.width
        if part == 1:
            x = stage.width * (0.13 * stage.rng.random() + 0.87 * (number % 2))
        size = stage.unit * (0.04 + 0.05 * part) * stage.rng.uniform(0.8, 1.3)
        size *= 1.9 if stage.idea.place == "snow" else 1
        name = "pine" if pines or stage.rng.random() < 0.5 else "tree"
        foot = float(ridge[min(int(x), stage.width - 1)]) + size * 0.07
        plant(stage, name, x, foot, size, haze=0.5 * (1 - part), depth=-50 + part)


@lru_cache(maxsize=128)
def _tree(name: str, size: int, tint: RGB | None, ambient: Colour) -> Image.Image:
    return shaded(figure(name, size, tint), ambient)


def plant(
    stage: Stage, name: str, x: float, y: float, size: float, *, haze: float, depth: float = -50
) -> None:
    """A tree with its foot at a point, fading into the distance."""
    tint = None
    if "autumn" in stage.idea.weather and name == "tree":
        tint = ((222, 132, 52), (206, 92, 48), (232, 176, 66))[int(stage.rng.integers(3))]
    if stage.idea.place == "snow" and name == "pine":
        tint = (112, 150, 150)
    # Sizes in steps of a twentieth: trees of one size are drawn once.
    step = 1.05 ** round(math.log(max(size, 8), 1.05))
    tree = _tree if step <= LARGEST_KEPT else _tree.__wrapped__
    image = tree(name, round(step), tint, stage.light.ambient)
    if haze > 0:
        air = Image.new("RGB", image.size, rgb(stage.light.haze))
        faded = Image.blend(image.convert("RGB"), air, haze)
        faded.putalpha(image.getchannel("A"))
        image = faded
    stage.stand(image, x, y, depth)


def hills(stage: Stage) -> None:
    """Green hills, with mountains behind if the prompt names them."""
    if stage.idea.mountains or (not stage.idea.named_things and stage.idea.seed % 2):
        mountains(stage, stage.horizon + stage.unit * 0.06, stage.height * 0.26)
    ranges(stage, stage.horizon, stage.height * 0.74, 4)
    stage.reserve(back=(0.735, 0.785), ground=(0.82, 0.93))
    grass(stage, flowers=5)


def mountain_land(stage: Stage) -> None:
    """High peaks over pine-covered hills."""
    mountains(stage, stage.horizon + stage.unit * 0.1, stage.height * 0.46, snow=0.52)
    ranges(stage, stage.horizon + stage.unit * 0.05, stage.height * 0.76, 3, 0.06)
    for number in range(14):
        side = number % 2
        x = stage.width * (stage.rng.uniform(0.0, 0.22) + 0.78 * side)
        depth = stage.rng.uniform(0, 1)
        y = stage.height * (0.70 + 0.16 * depth)
        plant(stage, "pine", x, y, stage.unit * (0.12 + 0.14 * depth), haze=0.35 * (1 - depth),
              depth=y)  # fmt: skip
    stage.reserve(back=(0.745, 0.795), ground=(0.83, 0.93))
    grass(stage, flowers=4)


def meadow(stage: Stage) -> None:
    """Low hills and a field full of flowers."""
    if stage.idea.mountains:
        mountains(stage, stage.horizon + stage.unit * 0.05, stage.height * 0.24)
    ranges(stage, stage.horizon + stage.unit * 0.02, stage.height * 0.70, 3, 0.035)
    stage.reserve(back=(0.70, 0.75), ground=(0.79, 0.93))
    dots = stage.rng.random((260, 3))
    sheet = Image.new("RGBA", (stage.width * 2, stage.height * 2), (0, 0, 0, 0))
    draw = ImageDraw.Draw(sheet)
    colours = ((236, 92, 92), (250, 214, 96), (244, 240, 236), (226, 130, 180), (150, 120, 206))
    for across, down, kind in dots[np.argsort(dots[:, 1])]:
        y = 0.72 + 0.27 * down**1.3
        r = stage.unit * (0.0025 + 0.0075 * down**1.3) * 2
        x, py = across * stage.width * 2, y * stage.height * 2
        fill = (*rgb(lit(colours[int(kind * 5)], stage.light.ambient)), 235)
        draw.line((x, py, x, py + r * 3), fill=(50, 96, 56, 150), width=max(1, int(r * 0.4)))
        draw.ellipse((x - r, py - r * 0.8, x + r, py + r * 0.8), fill=fill)
    stage.put(halved(sheet), 0, 0, -20)
    grass(stage, flowers=9)


def forest(stage: Stage) -> None:
    """Rows of trees that fade into the distance, and a clearing in front."""
    tones = greens(stage)
    for row in range(4):
        part = row / 3
        level = stage.horizon + stage.height * (0.01 + 0.16 * part)
        ridge = level + stage.unit * 0.02 * stage.line(2)
        haze = 0.68 * (1 - part) ** 1.1
        count = round((16 - 2.4 * row) * max(1.0, stage.width / stage.height) ** 0.8)
        for number in range(count):
            x = (number + stage.rng.uniform(0.1, 0.9)) / count
            # The nearer rows leave the middle open: that is where the story happens.
            if part > 0.5 and abs(x - 0.5) < 0.34 * part - 0.05:
                continue
            size = stage.unit * (0.22 + 0.24 * part) * stage.rng.uniform(0.8, 1.2)
            name = "tree" if stage.rng.random() < 0.4 or "autumn" in stage.idea.weather else "pine"
            px = x * stage.width
            y = float(ridge[min(int(px), stage.width - 1)]) + size * 0.05
            plant(stage, name, px, y, size, haze=haze, depth=-58 + row)
        # The ground of each row is a layer too, so that it hides the feet of the row behind.
        index = min(row + 1, 4)
        low = mix(tones[index], (30, 60, 50), 0.4)
        edge = ridge + stage.unit * 0.01
        stage.land_layer(edge, tones[index], low, -57.5 + row, haze=haze)
    stage.reserve(back=(0.76, 0.81), ground=(0.84, 0.93))
    _sunbeams(stage)
    grass(stage, flowers=3, mushrooms=True)


def _sunbeams(stage: Stage) -> None:
    if stage.idea.hour == "night" or stage.idea.weather & {"storm", "rain"}:
        return
    part = (stage.columns - stage.sun[0]) + (stage.rows - stage.sun[1]) * 0.5
    beams = np.sin(part / stage.unit * 11) * 0.6 + np.sin(part / stage.unit * 23) * 0.4
    fade = np.clip(1 - stage.rows / (stage.height * 0.8), 0, 1) * 0.34
    stage.put(veil(stage.light.glow, np.clip(beams, 0, 1) * fade), 0, 0, -53.6)


def desert(stage: Stage) -> None:
    """Dunes, one side of each in the sun."""
    tones = ((240, 208, 156), (236, 190, 126), (226, 168, 100), (206, 140, 82))
    side = 1 if stage.sun[0] < stage.width / 2 else -1
    for number, tone in enumerate(tones):
        part = number / 3
        level = stage.horizon + (stage.height * 0.76 - stage.horizon) * part
        ridge = level - stage.unit * 0.06 * (1 - np.abs(stage.line(1.4, octaves=1)))
        lower, haze = mix(tone, (150, 92, 66), 0.35), 0.45 * (1 - part)
        stage.land(ridge, tone, lower, haze=haze, cell=stage.unit * 0.02)
        slope = np.gradient(_smooth(ridge, stage.unit * 0.03)) * side
        below = stage.rows - ridge
        cover = np.clip(below + 0.5, 0, 1) * np.exp(-np.clip(below, 0, None) / (stage.unit * 0.1))
        stage.shade(cover * np.clip(slope * 3 + 0.1, 0, 1) * 0.22)
    stage.reserve(back=(0.74, 0.79), ground=(0.83, 0.93))
    for x in (0.07, 0.93):
        size, foot = stage.rng.uniform(0.14, 0.2), stage.height * stage.rng.uniform(0.76, 0.84)
        prop(stage, "🌵", size, x * stage.width, foot)


def snow(stage: Stage) -> None:
    """White hills with pines."""
    if stage.idea.mountains or not stage.idea.named_things:
        mountains(stage, stage.horizon + stage.unit * 0.08, stage.height * 0.36, snow=0.7)
    ranges(stage, stage.horizon + stage.unit * 0.04, stage.height * 0.75)
    stage.reserve(back=(0.75, 0.8), ground=(0.82, 0.93))


def grass(stage: Stage, *, flowers: int = 0, mushrooms: bool = False) -> None:
    """Blades of grass and flowers along the lower edge, in front of everything."""
    wide, high = stage.width * 2, int(stage.unit * 0.2) * 2
    sheet = Image.new("RGBA", (wide, high), (0, 0, 0, 0))
    draw = ImageDraw.Draw(sheet)
    tones = greens(stage)
    count = int(wide / (stage.unit * 0.016))
    for number in range(count):
        x = (number + stage.rng.random()) / count * wide
        edge = abs(x / wide - 0.5) * 2
        tall = stage.unit * 2 * (0.03 + 0.075 * edge**2) * stage.rng.uniform(0.6, 1.3)
        lean = stage.rng.uniform(-0.4, 0.4) * tall
        tone = mix(tones[3], mix(tones[4], (24, 54, 44), 0.4), stage.rng.random())
        thick = stage.unit * 0.008
        blade = [(x - thick, high), (x + thick, high), (x + lean, high - tall)]
        draw.polygon(blade, fill=rgb(lit(tone, stage.light.ambient)))
    stage.put(halved(sheet), 0, stage.height - high // 2, stage.height * 2)
    kinds = ("🌼", "🌷", "🌸", "🌻", "🌺") if not mushrooms else ("🍄", "🌿", "🌼")
    for number in range(flowers):
        x = stage.width * (stage.rng.uniform(0.03, 0.19) + number % 2 * 0.78)
        size = stage.rng.uniform(0.06, 0.1)
        text = kinds[int(stage.rng.integers(len(kinds)))]
        if {"flower", "flowers"} & stage.idea.hidden and text != "🍄":
            continue
        foot = stage.height + stage.unit * size * stage.rng.uniform(-0.15, 0.2)
        motion = "sway", stage.unit * 0.003, stage.rng.random()
        prop(stage, text, size, x, foot, stage.height * 2 - 1, *motion)
