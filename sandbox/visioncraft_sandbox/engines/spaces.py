"""Built places and outer space: city, room, space."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from visioncraft_sandbox.engines.artwork import figure, prop, shaded
from visioncraft_sandbox.engines.stage import WHITE, Box, Colour, Stage, halo, lit, mix, rgb, veil


def city(stage: Stage) -> None:
    """A skyline in three rows over a street; the street shines when it is wet."""
    dark = stage.idea.hour in {"night", "dusk"} or "storm" in stage.idea.weather
    street = stage.height * 0.76
    for row, tone in enumerate(((126, 142, 178), (104, 112, 150), (84, 84, 120))):
        _buildings(stage, row, tone, street, dark=dark)
    mirrored = stage.mirrored(int(street), 0.006, 0.04)
    ground = np.full(stage.width, street, np.float32)
    stage.land(ground, (112, 112, 128), (70, 70, 88), mottle=0.03, cell=stage.unit * 0.01)
    if stage.idea.weather & {"rain", "storm"}:
        stage.blend(mirrored, np.full((len(mirrored), 1), 0.55), int(street))
    _street(stage, street, dark=dark)
    stage.reserve(ground=(0.83, 0.94))
    stage.back = (street + stage.unit * 0.01, street + stage.unit * 0.02)


def _buildings(stage: Stage, row: int, tone: Colour, street: float, *, dark: bool) -> None:
    haze = (0.62, 0.36, 0.10)[row]
    sheet = Image.new("RGBA", (stage.width, stage.height), 0)
    draw = ImageDraw.Draw(sheet)
    x = -stage.unit * 0.05
    while x < stage.width:
        wide = stage.unit * stage.rng.uniform(0.11, 0.2)
        edge = abs((x + wide / 2) / stage.width - 0.5) * 2
        tall = stage.height * (0.58 - 0.15 * row) * stage.rng.uniform(0.55, 1.0)
        tall *= 0.8 + 0.35 * edge
        top = street - tall
        shade = lit(mix(tone, (170, 130, 120), stage.rng.random() * 0.35), stage.light.ambient)
        wall = rgb(mix(shade, stage.light.haze, haze))
        draw.rectangle((x, top, x + wide, street), fill=wall)
        if stage.rng.random() < 0.35:
            draw.polygon([(x, top), (x + wide / 2, top - wide * 0.5), (x + wide, top)], fill=wall)
        _windows(stage, draw, (x, top, wide, tall), wall, haze, dark=dark)
        x += wide * stage.rng.uniform(0.92, 1.15)
    stage.bake(sheet, 0, 0)


def _windows(
    stage: Stage, draw: ImageDraw.ImageDraw, box: Box, wall: Colour, haze: float, *, dark: bool
) -> None:
    x, top, wide, tall = box
    step = stage.unit * 0.034
    columns, rows = max(1, int(wide / step) - 1), max(1, int(tall / (step * 1.25)) - 1)
    gap = (wide - columns * step) / 2
    unlit = mix(wall, (0, 0, 0), 0.28) if dark else mix(wall, WHITE, 0.3)
    for row, column in np.ndindex(rows, columns):
        tone = (255, 214, 130) if stage.rng.random() < (0.55 if dark else 0.12) else unlit
        left, upper = x + gap + (column + 0.24) * step, top + step * (0.7 + row * 1.25)
        pane = (left, upper, left + step * 0.52, upper + step * 0.72)
        draw.rectangle(pane, fill=rgb(mix(tone, stage.light.haze, haze * 0.6)))


def _street(stage: Stage, street: float, *, dark: bool) -> None:
    sheet = Image.new("RGBA", (stage.width, stage.height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(sheet)
    curb = rgb(lit((176, 172, 176), stage.light.ambient))
    draw.rectangle((0, street, stage.width, street + stage.unit * 0.02), fill=(*curb, 255))
    upper, lower = stage.height * 0.885, stage.height * 0.885 + stage.unit * 0.012
    for number in range(-1, 8):
        corners = ((0, upper), (0.07, upper), (0.06, lower), (-0.012, lower))
        mark = [(stage.width * (number / 7 + across), y) for across, y in corners]
        draw.polygon(mark, fill=(240, 226, 180, 110))
    stage.put(sheet, 0, 0, -20)
    post = figure("lamp", max(20, round(stage.unit * 0.42)))
    lamp = shaded(post, mix(stage.light.ambient, (1, 1, 1), 0.4))
    y = street + stage.unit * 0.06
    for x in (stage.width * 0.08, stage.width * 0.92):
        stage.stand(lamp, x, y)
        if dark:
            stage.glow(x, y - lamp.height * 0.87, stage.unit * 0.12, (255, 214, 140), 0.75)
            stage.glow(x, stage.height * 0.86, stage.unit * 0.10, (255, 204, 130), 0.35)


def space(stage: Stage) -> None:
    """Stars and nebulae; a moon to stand on if a subject needs ground."""
    stage.pixels[:] = 12, 12, 38
    first, second = stage.idea.accent or (126, 66, 170), (36, 104, 168)
    cloud = stage.noise(stage.unit * 0.32) + 0.5 * stage.noise(stage.unit * 0.13)
    cloud = cloud + 0.25 * stage.noise(stage.unit * 0.05)
    drift = (stage.rows / stage.height - stage.columns / stage.width) * 1.6
    band = np.exp(-((drift + 0.4 * cloud) ** 2) * 1.6)
    hue = np.clip(0.5 + 0.5 * stage.noise(stage.unit * 0.4), 0, 1)[..., None]
    colour = np.asarray(first, np.float32) * hue + np.asarray(second, np.float32) * (1 - hue)
    strength = np.clip(band * (0.50 + 0.32 * cloud), 0, 0.9)
    stage.blend(colour, strength)
    stage.blend((255, 206, 190), strength**3 * 0.4)
    _planet(stage)
    stage.reserve(water=(0.2, 0.7))
    if any(s.thing.habitat in {"ground", "back"} for s in stage.idea.subjects):
        ridge = stage.height * 0.80 + stage.unit * 0.02 * stage.line(2)
        bow = ((stage.columns / stage.width - 0.5) ** 2) * stage.unit * 0.25
        stage.land(ridge + bow, (206, 204, 222), (110, 108, 146), cell=stage.unit * 0.02)
        for _ in range(9):
            x, down = stage.rng.random() * stage.width, stage.rng.uniform(0.86, 0.98)
            _crater(stage, x, down * stage.height, stage.unit * stage.rng.uniform(0.02, 0.06))
        stage.reserve(ground=(0.85, 0.94), back=(0.83, 0.84))


def _crater(stage: Stage, x: float, y: float, r: float) -> None:
    away = np.hypot((stage.columns - x) / r, (stage.rows - y) / (r * 0.36))
    stage.shade(0.22 * np.clip(1.1 - away, 0, 0.6))
    stage.blend(255, 0.22 * np.exp(-((away - 1) ** 2) * 40) * (stage.rows > y))


def _planet(stage: Stage) -> None:
    x, y = stage.width * (0.82, 0.18)[stage.idea.seed % 2], stage.height * 0.24
    r = stage.unit * 0.15
    across, down = (stage.columns - x) / r, (stage.rows - y) / r
    tones = ((236, 150, 110), (110, 170, 200), (220, 180, 120), (170, 130, 210))
    tone = tones[stage.idea.seed // 2 % 4]
    belts = 1 + 0.10 * np.sin(down * 9 + 1.2 * across * down + stage.noise(stage.unit * 0.08) * 0.6)
    bright = np.clip(1.05 - 0.62 * np.hypot(across + 0.5, down + 0.5) ** 1.5, 0.10, 1.1)
    colour = np.asarray(tone, np.float32) * (belts * bright)[..., None]
    stage.glow(x, y, r * 1.25, tone, 0.35)
    cover = np.clip((1 - np.hypot(across, down)) * r + 0.5, 0, 1)
    stage.put(veil(colour, cover), 0, 0, -99)  # in front of the stars


def room(stage: Stage) -> None:
    """A warm room: papered wall, wooden floor, window, fireplace, rug and shelf."""
    warm = stage.idea.accent or (206, 142, 104)
    floor = stage.height * 0.72
    wall = mix((232, 196, 152), warm, 0.42)
    if stage.idea.hour in {"night", "dusk"}:
        wall = mix(wall, (120, 72, 72), 0.30)
    stage.pixels[:] = wall
    stage.shade(0.035 * (stage.columns[None, :] / (stage.unit * 0.075) % 2 < 1))
    stage.shade(0.18 * stage.rows / stage.height)
    above = (floor - stage.rows) / stage.unit
    stage.shade(0.16 * ((above > 0) & (above < 0.1)))  # the panel, and its edge
    stage.shade(0.25 * ((above > 0.09) & (above < 0.105)))
    _floor(stage, floor)
    way = 1 if stage.idea.seed % 2 == 0 else -1
    middle = stage.width / 2
    _fireplace(stage, middle + way * 0.30 * stage.width, floor + stage.unit * 0.02)
    hour = "night" if stage.idea.hour in {"night", "dusk"} else "day"
    weather = "snowfall" if "snowfall" in stage.idea.weather else "clear"
    window = figure("window", max(24, round(stage.unit * 0.36)), showing=(hour, weather))
    foot = floor - stage.unit * 0.50 + window.height
    stage.stand(window, middle - way * 0.26 * stage.width, foot, -48)
    for text, size, across, foot in (
        ("🖼", 0.15, 0.0, -0.30), ("🪴", 0.22, -0.42, 0.03), ("📚", 0.09, -0.30, 0.03)
    ):  # fmt: skip
        x, y = middle + way * across * stage.width, floor + foot * stage.unit
        prop(stage, text, size, x, y, -44, ambient=(0.96, 0.88, 0.80))
    stage.reserve(ground=(0.84, 0.92), water=(0.84, 0.92))
    stage.back = (floor + stage.unit * 0.01, floor + stage.unit * 0.02)


def _floor(stage: Stage, floor: float) -> None:
    first = int(floor)
    depth = (stage.rows[first:] - floor) / max(stage.height - floor, 1)
    plank = (stage.columns - stage.width / 2) / (0.45 + 0.75 * depth) / (stage.unit * 0.12)
    number = np.floor(plank).astype(np.int64)
    tones = np.asarray([0.94, 1.0, 0.90, 1.04, 0.97])[np.abs(number * 7) % 5]
    gap = np.abs(plank - np.round(plank)) < 0.025
    colour = np.asarray((158, 100, 66), np.float32) * (0.82 + 0.25 * depth)[..., None]
    stage.pixels[first:] = colour * (tones * (1 - 0.3 * gap))[..., None]
    x, y, rx, ry = stage.width / 2, stage.height * 0.885, stage.width * 0.33, stage.height * 0.085
    away = np.hypot((stage.columns - x) / rx, (stage.rows - y) / ry)
    for size, tone in ((1.0, (168, 60, 64)), (0.88, (240, 214, 160)), (0.80, (186, 78, 74)),
                       (0.48, (240, 214, 160)), (0.42, (92, 120, 140))):  # fmt: skip
        stage.blend(tone, np.clip((size - away) * ry + 0.5, 0, 1) * 0.94)


def _fireplace(stage: Stage, x: float, base: float) -> None:
    high = max(24, round(stage.unit * 0.46))
    image = figure("fireplace", high)
    stage.stand(image, x, base, -48)
    fire = figure("campfire", max(10, round(high * 0.44)))
    stage.stand(fire, x, base - high * 0.03, -47, "flicker", 1.5)
    stage.shine(halo(stage.unit, (255, 168, 84), 120, fall=1.8), x, base - high * 0.25, -46)
    top = base - image.height + high * 0.01
    for text, size, across in (("🕰", 0.10, -0.02), ("🕯", 0.08, -0.19), ("🪴", 0.10, 0.17)):
        prop(stage, text, size, x + across * stage.unit, top, -45, ambient=(1, 1, 1))
