"""Landscapes of water: sea, beach, lake, and the world below the surface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from visioncraft_sandbox.engines.artwork import glyph, shaded
from visioncraft_sandbox.engines.lands import grass, mountains, ranges
from visioncraft_sandbox.engines.stage import halved, lit, mix, rgb, to_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from visioncraft_sandbox.engines.stage import Colour, Stage


def _water(
    stage: Stage, top: float, *, swell: float, deep: Colour, shore: float | None = None
) -> None:
    """A surface from its horizon down to the lower edge, with rows of waves that roll."""
    first = int(top)
    part = np.clip((stage.rows[first:] - top) / max(stage.height - top, 1), 0, 1)[..., None]
    far = mix(stage.light.low, lit(deep, stage.light.ambient), 0.42)
    near = mix(lit(deep, stage.light.ambient), stage.light.top, 0.22)
    stage.pixels[first:] = np.asarray(far, np.float32) * (1 - part**0.6) + (
        np.asarray(near, np.float32) * part**0.6
    )
    _glitter(stage, first)
    rows = 8
    for number in range(rows):
        place = (number + 0.6) / rows
        y = top + ((shore or stage.height) - top) * place**1.55
        size = stage.unit * (0.003 + 0.016 * place) * (0.6 + swell)
        length = stage.unit * (0.045 + 0.15 * place)
        _wave(stage, y, size, length, number=number, place=place)


def _wave(stage: Stage, y: float, size: float, length: float, *, number: int, place: float) -> None:
    count = max(2, round(stage.width / length))
    length = stage.width / count
    wide = int(stage.width + 2 * length)
    high = int(size * 2.4 + stage.unit * (0.16 if "paper" in stage.idea.styles else 0.06))
    x = np.arange(wide, dtype=np.float32) + stage.rng.random() * length
    # Pointed crests, round troughs; every other wave is lower.
    crest = np.abs(np.sin(np.pi * x / length)) ** 0.8
    crest = size * (2.0 * crest + 0.35 * np.sin(2 * np.pi * x / length + number)) + 2
    below = np.arange(high, dtype=np.float32)[:, None] - crest
    bright = lit((240, 250, 255), mix(stage.light.ambient, (1, 1, 1), 0.25))
    tone = np.empty((high, wide, 4), np.float32)
    foam = np.exp(-((below - 1.2) ** 2) / (0.6 + (stage.unit * 0.0026 * (0.5 + place)) ** 2))
    depth = mix(stage.light.top, (14, 44, 84), 0.5)
    body = mix(lit((58, 132, 170), stage.light.ambient), depth, 0.25 + 0.35 * place)
    light = foam[..., None] * 0.75
    tone[..., :3] = np.asarray(body, np.float32) * (1 - light) + np.asarray(bright) * light
    fade = np.exp(-np.clip(below, 0, None) / (high * 0.42))
    cover = np.clip(below + 0.5, 0, 1) * np.clip((high - 1 - below - crest) / (high * 0.3), 0, 1)
    tone[..., 3] = 255 * cover * np.clip(0.52 * fade + 0.4 * foam, 0, 1)
    if "paper" in stage.idea.styles:
        # Each row of waves is a sheet of its own.
        sheet = mix(body, bright, 0.45 * (1 - place))
        tone[..., :3] = np.asarray(sheet, np.float32) * (1 - 0.3 * foam[..., None])
        tone[..., :3] += np.asarray(bright, np.float32) * 0.3 * foam[..., None]
        tone[..., 3] = 255 * np.clip(below + 0.5, 0, 1)
    image = to_image(tone)
    # Each row rolls on by exactly one of its waves in a loop, so that the loop has no seam.
    stage.put(image, 0, y - size, y, "scroll", length, stage.rng.random())


def _glitter(stage: Stage, first: int) -> None:
    """The path that sun or moon lays on the water."""
    if stage.idea.weather & {"storm", "rain", "fog"} or "paper" in stage.idea.styles:
        return
    rows, columns = stage.rows[first:] - first, stage.columns
    spread = stage.unit * 0.03 + rows * 0.22
    path = np.exp(-(((columns - stage.sun[0]) / spread) ** 2))
    broken = np.clip(stage.noise(stage.unit * 0.012, height=max(2, stage.height - first)), -1, 2)
    strength = 0.5 if stage.idea.hour != "day" else 0.25
    path = path * np.clip(0.45 + 0.55 * broken, 0, 1) * strength
    area = stage.pixels[first:]
    area += (np.asarray(stage.light.glow, np.float32) - area) * path[..., None]


def sea(stage: Stage) -> None:
    """The open sea, with a headland where somebody or something needs ground."""
    storm = "storm" in stage.idea.weather
    if stage.idea.mountains:
        mountains(stage, stage.horizon + stage.unit * 0.02, stage.height * 0.26)
    elif stage.idea.seed % 2 and not storm:
        ridge = stage.horizon - stage.unit * 0.03 * (0.6 + stage.line(1.6, octaves=3))
        stage.land(ridge, (120, 150, 150), (120, 150, 150), haze=0.6)
    _water(stage, stage.horizon, swell=1.3 if storm else 0.55, deep=(26, 108, 152))
    stage.reserve(water=(0.74, 0.90))
    landed = [
        s for s in stage.idea.subjects if s.thing.habitat in {"ground", "back"} and not s.aboard
    ]
    if landed:
        _headland(stage, crowd=len(landed))


def _headland(stage: Stage, crowd: int) -> None:
    """A grassy rock on one side, high enough to stand on."""
    right = stage.idea.seed // 5 % 2 == 1
    wide = min(0.68, 0.36 + 0.07 * crowd)
    alone = not any(s.thing.habitat in {"water", "deep"} for s in stage.idea.subjects)
    if alone and crowd > 2:
        wide = 0.8
    across = stage.columns / stage.width
    across = 1 - across if right else across
    drop = np.clip((across - wide * 0.72) / (wide * 0.34), 0, 1.5)
    level = stage.height * 0.70
    top = level + stage.unit * 0.012 * stage.line(3) - stage.unit * 0.05 * (1 - across / wide)
    ridge = (top + stage.height * 0.36 * drop**1.5).astype(np.float32)
    turf = ridge + stage.unit * 0.012
    grassy = np.asarray(lit((110, 160, 88), stage.light.ambient), np.float32)

    def paint(pixels: NDArray[np.float32]) -> None:
        deep = stage.unit * (0.055 + 0.010 * stage.line(14)) * (1 - 0.8 * np.clip(drop, 0, 1))
        green = np.clip(stage.rows - ridge + 0.5, 0, 1)
        green = green * np.clip((deep - (stage.rows - turf)) / 3, 0, 1)
        pixels += (grassy - pixels) * green[..., None].astype(np.float32)

    # The rock lies before every wave, and what stands on it before the rock.
    stage.lift = stage.height
    stage.land_layer(
        ridge, (124, 112, 108), (72, 68, 84), stage.height * 1.6, paint=paint,
        depth=stage.height * 0.2, mottle=0.10, cell=stage.unit * 0.03,
    )  # fmt: skip
    stage.back = (level - stage.unit * 0.01, level)
    stage.ground = (level + stage.unit * 0.03, level + stage.unit * 0.05)
    stage.span = (1 - wide * 0.80, 0.97) if right else (0.03, wide * 0.80)


def beach(stage: Stage) -> None:
    """Sea behind, sand in front."""
    if stage.idea.mountains:
        mountains(stage, stage.horizon + stage.unit * 0.02, stage.height * 0.22)
    _water(stage, stage.horizon, swell=0.4, deep=(40, 150, 176), shore=stage.height * 0.70)
    line = stage.height * 0.74 + stage.unit * 0.03 * stage.line(1.2, octaves=2)
    bright = 250 * np.asarray(stage.light.ambient, np.float32)

    def paint(pixels: NDArray[np.float32]) -> None:
        foam = np.exp(-(((stage.rows - line) / (stage.unit * 0.008)) ** 2))[..., None]
        pixels += (bright - pixels) * foam

    stage.land_layer(
        line, (224, 196, 146), (240, 214, 164), stage.height * 0.735, paint=paint,
        edge=stage.unit * 0.01, mottle=0.03, cell=stage.unit * 0.012,
    )  # fmt: skip
    stage.reserve(water=(0.64, 0.69), back=(0.78, 0.80), ground=(0.83, 0.94))
    for number, text in enumerate(("🐚", "🪨", "🌴")):
        side = (stage.idea.seed >> number) % 2
        if text == "🌴":
            size, x = stage.unit * 0.42, (0.88, 0.10)[side]
        else:
            size, x = stage.unit * 0.05, (0.14, 0.86)[side]
        image = shaded(glyph(text, round(size)), stage.light.ambient)
        y = stage.height * (0.80 if text == "🌴" else 0.95)
        stage.put(image, x * stage.width - image.width / 2, y - size, y)


def lake(stage: Stage) -> None:
    """A still lake that mirrors hills and mountains."""
    mountains(stage, stage.horizon, stage.height * 0.30)
    ranges(stage, stage.horizon - stage.unit * 0.03, stage.horizon + stage.unit * 0.01, 2, 0.025)
    shore = int(stage.horizon + stage.unit * 0.035)
    mirrored = stage.pixels[max(0, 2 * shore - stage.height) : shore][::-1]
    mirrored = mirrored[: stage.height - shore]
    soft = to_image(mirrored).filter(ImageFilter.BoxBlur((stage.unit * 0.004, stage.unit * 0.012)))
    area = stage.pixels[shore : shore + soft.height]
    water = lit((64, 136, 164), stage.light.ambient)
    area[:] = np.asarray(soft, np.float32) * 0.66 + np.asarray(water, np.float32) * 0.34
    for number in range(5):
        place = (number + 0.7) / 5
        y = shore + (stage.height * 0.81 - shore) * place**1.4
        size, length = stage.unit * (0.001 + 0.003 * place), stage.unit * (0.1 + 0.12 * place)
        _wave(stage, y, size, length, number=number, place=place * 0.5)
    stage.reserve(water=(0.68, 0.78), ground=(0.885, 0.95))
    line = stage.height * 0.845 + stage.unit * 0.03 * stage.line(1.3, octaves=2)
    stage.land_layer(line, (110, 160, 84), (60, 112, 64), stage.height * 0.84)
    stage.back = (stage.horizon + stage.unit * 0.02, stage.horizon + stage.unit * 0.03)
    grass(stage, flowers=4)


def underwater(stage: Stage) -> None:
    """Blue water with rays of light, a sandy floor, coral and weed."""
    night = stage.idea.hour == "night"
    tones = np.asarray(
        [(120, 214, 224), (40, 142, 186), (14, 66, 120)] if not night
        else [(40, 96, 150), (18, 54, 110), (8, 24, 66)], np.float32,
    )  # fmt: skip
    if stage.idea.accent is not None:
        tones = tones * 0.6 + np.asarray(stage.idea.accent, np.float32) * 0.4
    part = stage.rows[:, 0] / stage.height
    column = np.stack([np.interp(part, (0, 0.45, 1), tones[:, c]) for c in range(3)], -1)
    stage.pixels[:] = column[:, None, :]
    across = stage.columns + stage.rows * 0.35
    rays = np.clip(
        np.sin(across / stage.unit * 9) + 0.7 * np.sin(across / stage.unit * 21 + 2), 0, 2
    )
    rays = rays * np.clip(1 - part[:, None] * 1.25, 0, 1) ** 1.4 * 0.17
    stage.pixels += (255 - stage.pixels) * rays[..., None].astype(np.float32)
    far = stage.height * 0.80 + stage.unit * 0.05 * stage.line(2)
    stage.land(far, tuple(tones[2] * 1.25), tuple(tones[2]), mottle=0.02)
    floor = stage.height * 0.89 + stage.unit * 0.03 * stage.line(1.5)
    sand = mix((226, 206, 160), tuple(tones[1]), 0.42)
    stage.land(floor, sand, mix(sand, tuple(tones[2]), 0.4), cell=stage.unit * 0.015)
    stage.reserve(ground=(0.91, 0.96), back=(0.88, 0.9), water=(0.3, 0.6))
    _weeds(stage, tuple(tones[1]))
    _bubbles(stage)


def _weeds(stage: Stage, blue: Colour) -> None:
    for number in range(12):
        side = number % 2
        x = stage.width * (stage.rng.uniform(0.0, 0.2) + 0.8 * side)
        tall = stage.unit * stage.rng.uniform(0.14, 0.36)
        wide = stage.unit * 0.1
        sheet = Image.new("RGBA", (int(wide * 2), int(tall * 2)), (0, 0, 0, 0))
        draw = ImageDraw.Draw(sheet)
        tone = rgb(mix(((44, 130, 96), (70, 150, 86), (150, 84, 110))[number % 3], blue, 0.3))
        phase = stage.rng.uniform(0, 6)
        for step in range(40):
            up = step / 39
            cx = wide + wide * 0.42 * np.sin(phase + up * 5) * up
            r = stage.unit * 0.017 * (1 - up * 0.8)
            cy = 2 * tall * (1 - up)
            draw.ellipse((cx - r, cy - 2 * r, cx + r, cy + 2 * r), fill=tone)
        small = sheet.resize((int(wide), int(tall)), Image.Resampling.BOX)
        y = stage.height * stage.rng.uniform(0.93, 1.0)
        stage.put(small, x - wide / 2, y - tall, y, "sway", stage.unit * 0.006, up)
    for number, text in enumerate(("🪸", "🪸", "🐚", "🪨")):
        size = stage.unit * (0.15 if text == "🪸" else 0.07)
        x = stage.width * (0.08, 0.90, 0.24, 0.78)[number]
        image = shaded(glyph(text, round(size)), (0.86, 0.94, 1.0))
        stage.put(image, x - image.width / 2, stage.height * 0.965 - size, stage.height)


def _bubbles(stage: Stage) -> None:
    for number in range(26):
        r = stage.unit * stage.rng.uniform(0.004, 0.016)
        size = int(r * 4) + 6
        sheet = Image.new("RGBA", (size, size), (230, 250, 255, 0))
        draw = ImageDraw.Draw(sheet)
        draw.ellipse((2, 2, size - 3, size - 3), fill=(220, 246, 255, 46),
                     outline=(236, 252, 255, 190), width=max(1, size // 14))  # fmt: skip
        draw.ellipse(
            (size * 0.26, size * 0.22, size * 0.44, size * 0.40), fill=(255, 255, 255, 220)
        )
        x, y = stage.rng.random() * stage.width, stage.rng.uniform(0.05, 0.85) * stage.height
        stage.put(halved(sheet), x, y, -30 + number * 0.1, "bob", stage.unit * 0.02, number / 26)
