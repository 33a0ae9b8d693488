"""Landscapes of water: sea, beach, lake, and the world below the surface."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from visioncraft_sandbox.engines.artwork import prop
from visioncraft_sandbox.engines.lands import grass, mountains, ranges
from visioncraft_sandbox.engines.stage import Colour, Stage, gradient, halved, lit, mix, rgb, veil


def _water(
    stage: Stage, top: float, *, swell: float, deep: Colour, shore: float | None = None
) -> None:
    """A surface from its horizon down to the lower edge, with rows of waves that roll."""
    first = int(top)
    part = np.clip((stage.rows[first:] - top) / max(stage.height - top, 1), 0, 1)
    stage.pixels[first:] = mix(stage.light.low, lit(deep, stage.light.ambient), 0.42)
    stage.blend(mix(lit(deep, stage.light.ambient), stage.light.top, 0.22), part**0.6, first)
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
    foam = np.exp(-((below - 1.2) ** 2) / (0.6 + (stage.unit * 0.0026 * (0.5 + place)) ** 2))
    depth = mix(stage.light.top, (14, 44, 84), 0.5)
    body = mix(lit((58, 132, 170), stage.light.ambient), depth, 0.25 + 0.35 * place)
    cover, shine = np.clip(below + 0.5, 0, 1), 0.75
    if "paper" in stage.idea.styles:
        # Each row of waves is a sheet of its own.
        body, shine = mix(body, bright, 0.45 * (1 - place)), 0.3
    else:
        fade = np.exp(-np.clip(below, 0, None) / (high * 0.42))
        cover *= np.clip((high - 1 - below - crest) / (high * 0.3), 0, 1)
        cover *= np.clip(0.52 * fade + 0.4 * foam, 0, 1)
    tone = np.asarray(body) + (np.asarray(bright) - body) * (foam * shine)[..., None]
    # Each row rolls on by exactly one of its waves in a loop, so that the loop has no seam.
    stage.put(veil(tone, cover), 0, y - size, y, "scroll", length, stage.rng.random())


def _glitter(stage: Stage, first: int) -> None:
    """The reflection of sun or moon on the water."""
    if stage.idea.weather & {"storm", "rain", "fog"} or "paper" in stage.idea.styles:
        return
    rows, columns = stage.rows[first:] - first, stage.columns
    spread = stage.unit * 0.03 + rows * 0.22
    path = np.exp(-(((columns - stage.sun[0]) / spread) ** 2))
    broken = np.clip(stage.noise(stage.unit * 0.012, height=max(2, stage.height - first)), -1, 2)
    strength = 0.5 if stage.idea.hour != "day" else 0.25
    path = path * np.clip(0.45 + 0.55 * broken, 0, 1) * strength
    stage.blend(stage.light.glow, path, first)


def sea(stage: Stage) -> None:
    """The open sea, with a headland if a subject needs ground."""
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
    grassy = lit((110, 160, 88), stage.light.ambient)

    def paint() -> None:
        deep = stage.unit * (0.055 + 0.010 * stage.line(14)) * (1 - 0.8 * np.clip(drop, 0, 1))
        green = np.clip(stage.rows - ridge + 0.5, 0, 1)
        stage.blend(grassy, green * np.clip((deep - (stage.rows - turf)) / 3, 0, 1))

    # The rock is in front of every wave, and the subjects on it are in front of the rock.
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

    def paint() -> None:
        foam = np.exp(-(((stage.rows - line) / (stage.unit * 0.008)) ** 2))
        stage.blend(lit((250, 250, 250), stage.light.ambient), foam)

    stage.land_layer(
        line, (224, 196, 146), (240, 214, 164), stage.height * 0.735, paint=paint,
        edge=stage.unit * 0.01, mottle=0.03, cell=stage.unit * 0.012,
    )  # fmt: skip
    stage.reserve(water=(0.64, 0.69), back=(0.78, 0.80), ground=(0.83, 0.94))
    props = (("🐚", 0.05, (0.14, 0.86), 0.95), ("🪨", 0.05, (0.14, 0.86), 0.95),
             ("🌴", 0.42, (0.88, 0.10), 0.80))  # fmt: skip
    for number, (text, size, sides, foot) in enumerate(props):
        x = sides[(stage.idea.seed >> number) % 2] * stage.width
        prop(stage, text, size, x, foot * stage.height)


def lake(stage: Stage) -> None:
    """A still lake that mirrors hills and mountains."""
    mountains(stage, stage.horizon, stage.height * 0.30)
    ranges(stage, stage.horizon - stage.unit * 0.03, stage.horizon + stage.unit * 0.01, 2, 0.025)
    shore = int(stage.horizon + stage.unit * 0.035)
    mirrored = stage.mirrored(shore, 0.004, 0.012)
    stage.pixels[shore : shore + len(mirrored)] = mirrored
    stage.blend(lit((64, 136, 164), stage.light.ambient), np.full((len(mirrored), 1), 0.34), shore)
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
    part = stage.rows / stage.height
    stage.pixels[:] = gradient(part, (0, 0.45, 1), tones)
    across = stage.columns + stage.rows * 0.35
    rays = np.sin(across / stage.unit * 9) + 0.7 * np.sin(across / stage.unit * 21 + 2)
    stage.blend(255, np.clip(rays, 0, 2) * np.clip(1 - part * 1.25, 0, 1) ** 1.4 * 0.17)
    far = stage.height * 0.80 + stage.unit * 0.05 * stage.line(2)
    blue, deep = tuple(tones[1]), tuple(tones[2])
    stage.land(far, lit(deep, (1.25, 1.25, 1.25)), deep, mottle=0.02)
    floor = stage.height * 0.89 + stage.unit * 0.03 * stage.line(1.5)
    sand = mix((226, 206, 160), blue, 0.42)
    stage.land(floor, sand, mix(sand, deep, 0.4), cell=stage.unit * 0.015)
    stage.reserve(ground=(0.91, 0.96), back=(0.88, 0.9), water=(0.3, 0.6))
    _weeds(stage, blue)
    _bubbles(stage)


def _weeds(stage: Stage, blue: Colour) -> None:
    for number in range(12):
        x = stage.width * (stage.rng.uniform(0.0, 0.2) + 0.8 * (number % 2))
        tall, wide = stage.unit * stage.rng.uniform(0.14, 0.36), stage.unit * 0.1
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
        foot = stage.height * stage.rng.uniform(0.93, 1.0)
        stage.stand(halved(sheet), x, foot, foot, "sway", stage.unit * 0.006, number / 12)
    foot, light = stage.height * 0.965, (0.86, 0.94, 1.0)
    for text, size, x in (
        ("🪸", 0.15, 0.08),
        ("🪸", 0.15, 0.90),
        ("🐚", 0.07, 0.24),
        ("🪨", 0.07, 0.78),
    ):
        prop(stage, text, size, x * stage.width, foot, stage.height, ambient=light)


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
