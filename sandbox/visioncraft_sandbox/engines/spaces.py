"""Built places and outer space: city, room, space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from visioncraft_sandbox.engines.artwork import glyph, shaded
from visioncraft_sandbox.engines.figures import darker, figure, lighter
from visioncraft_sandbox.engines.stage import halo, lit, mix, rgb, to_image

if TYPE_CHECKING:
    from visioncraft_sandbox.engines.stage import Colour, Stage


def city(stage: Stage) -> None:
    """A skyline in three rows over a street; the street shines when it is wet."""
    dark = stage.idea.hour in {"night", "dusk"} or "storm" in stage.idea.weather
    street = stage.height * 0.76
    for row, tone in enumerate(((126, 142, 178), (104, 112, 150), (84, 84, 120))):
        _buildings(stage, row, tone, street, dark=dark)
    wet = bool(stage.idea.weather & {"rain", "storm"})
    first = int(street)
    ground = np.full(stage.width, street, np.float32)
    if wet:
        mirrored = stage.pixels[max(0, 2 * first - stage.height) : first][::-1]
        soft = to_image(mirrored).filter(
            ImageFilter.BoxBlur((stage.unit * 0.006, stage.unit * 0.04))
        )
    stage.land(ground, (112, 112, 128), (70, 70, 88), mottle=0.03, cell=stage.unit * 0.01)
    if wet:
        area = stage.pixels[first : first + soft.height]
        area += (np.asarray(soft, np.float32) - area) * 0.55
    _street(stage, street, dark=dark)
    stage.ground = (stage.height * 0.83, stage.height * 0.94)
    stage.back = (street + stage.unit * 0.01, street + stage.unit * 0.02)


def _buildings(stage: Stage, row: int, tone: Colour, street: float, *, dark: bool) -> None:
    haze = (0.62, 0.36, 0.10)[row]
    sheet = Image.new("RGB", (stage.width, stage.height))
    mask = Image.new("L", sheet.size, 0)
    draw, cover = ImageDraw.Draw(sheet), ImageDraw.Draw(mask)
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
        cover.rectangle((x, top, x + wide, street), fill=255)
        if stage.rng.random() < 0.35:
            mid = x + wide / 2
            roof = [(x, top), (mid, top - wide * 0.5), (x + wide, top)]
            draw.polygon(roof, fill=wall)
            cover.polygon(roof, fill=255)
        _windows(stage, draw, (x, top, wide, tall), wall, haze, dark=dark)
        x += wide * stage.rng.uniform(0.92, 1.15)
    part = np.asarray(mask, np.float32)[..., None] / 255
    stage.pixels += (np.asarray(sheet, np.float32) - stage.pixels) * part


def _windows(
    stage: Stage, draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float],
    wall: tuple[int, int, int], haze: float, *, dark: bool,
) -> None:  # fmt: skip
    x, top, wide, tall = box
    step = stage.unit * 0.034
    columns, rows = max(1, int(wide / step) - 1), max(1, int(tall / (step * 1.25)) - 1)
    gap = (wide - columns * step) / 2
    for row in range(rows):
        for column in range(columns):
            glow = stage.rng.random() < (0.55 if dark else 0.12)
            tone = (255, 214, 130) if glow else (darker(wall, 0.72) if dark else lighter(wall, 0.3))
            left, upper = x + gap + column * step, top + step * 0.7 + row * step * 1.25
            draw.rectangle(
                (left + step * 0.24, upper, left + step * 0.76, upper + step * 0.72),
                fill=rgb(mix(tone, stage.light.haze, haze * 0.6)),
            )


def _street(stage: Stage, street: float, *, dark: bool) -> None:
    sheet = Image.new("RGBA", (stage.width, stage.height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(sheet)
    curb = rgb(lit((176, 172, 176), stage.light.ambient))
    draw.rectangle((0, street, stage.width, street + stage.unit * 0.02), fill=(*curb, 255))
    y, high = stage.height * 0.885, stage.unit * 0.012
    for number in range(-1, 8):
        x = stage.width * number / 7
        draw.polygon(
            [(x, y), (x + stage.width * 0.07, y), (x + stage.width * 0.06, y + high),
             (x - stage.width * 0.012, y + high)], fill=(240, 226, 180, 110),
        )  # fmt: skip
    stage.put(sheet, 0, 0, -20)
    for side in (0.08, 0.92):
        post = figure("lamp", max(20, round(stage.unit * 0.42)))
        lamp = shaded(post, mix(stage.light.ambient, (1, 1, 1), 0.4))
        y = street + stage.unit * 0.06
        x = stage.width * side
        stage.stand(lamp, x, y)
        if dark:
            stage.glow(x, y - lamp.height * 0.87, stage.unit * 0.12, (255, 214, 140), 0.75)
            stage.glow(x, stage.height * 0.86, stage.unit * 0.10, (255, 204, 130), 0.35)


def space(stage: Stage) -> None:
    """Stars and nebulae; a moon to stand on where somebody needs ground."""
    stage.pixels[:] = np.asarray((12, 12, 38), np.float32)
    first, second = stage.idea.accent or (126, 66, 170), (36, 104, 168)
    cloud = stage.noise(stage.unit * 0.32) + 0.5 * stage.noise(stage.unit * 0.13)
    cloud = cloud + 0.25 * stage.noise(stage.unit * 0.05)
    drift = (stage.rows / stage.height - stage.columns / stage.width) * 1.6
    band = np.exp(-((drift + 0.4 * cloud) ** 2) * 1.6)
    hue = np.clip(0.5 + 0.5 * stage.noise(stage.unit * 0.4), 0, 1)[..., None]
    colour = np.asarray(first, np.float32) * hue + np.asarray(second, np.float32) * (1 - hue)
    strength = np.clip(band * (0.50 + 0.32 * cloud), 0, 0.9)[..., None]
    stage.pixels += (colour - stage.pixels) * strength
    stage.pixels += (np.asarray((255, 206, 190), np.float32) - stage.pixels) * strength**3 * 0.4
    _planet(stage)
    stage.water = (stage.height * 0.2, stage.height * 0.7)
    if any(s.thing.habitat in {"ground", "back"} for s in stage.idea.subjects):
        ridge = stage.height * 0.80 + stage.unit * 0.02 * stage.line(2)
        bow = ((stage.columns / stage.width - 0.5) ** 2) * stage.unit * 0.25
        stage.land((ridge + bow).astype(np.float32), (206, 204, 222), (110, 108, 146),
                   cell=stage.unit * 0.02)  # fmt: skip
        for _ in range(9):
            x, down = stage.rng.random() * stage.width, stage.rng.uniform(0.86, 0.98)
            _crater(stage, x, down * stage.height, stage.unit * stage.rng.uniform(0.02, 0.06))
        stage.ground = (stage.height * 0.85, stage.height * 0.94)
        stage.back = (stage.height * 0.83, stage.height * 0.84)


def _crater(stage: Stage, x: float, y: float, r: float) -> None:
    away = np.hypot((stage.columns - x) / r, (stage.rows - y) / (r * 0.36))
    stage.pixels *= (1 - 0.22 * np.clip(1.1 - away, 0, 0.6))[..., None]
    rim = np.exp(-((away - 1) ** 2) * 40) * (stage.rows > y)
    stage.pixels += (255 - stage.pixels) * (0.22 * rim)[..., None].astype(np.float32)


def _planet(stage: Stage) -> None:
    left = stage.idea.seed % 2
    x, y = stage.width * (0.18 if left else 0.82), stage.height * 0.24
    r = stage.unit * 0.15
    across, down = (stage.columns - x) / r, (stage.rows - y) / r
    away = np.hypot(across, down)
    tone = ((236, 150, 110), (110, 170, 200), (220, 180, 120), (170, 130, 210))[
        stage.idea.seed // 2 % 4
    ]
    belts = 1 + 0.10 * np.sin(down * 9 + 1.2 * across * down + stage.noise(stage.unit * 0.08) * 0.6)
    bright = np.clip(1.05 - 0.62 * np.hypot(across + 0.5, down + 0.5) ** 1.5, 0.10, 1.1)
    colour = np.asarray(tone, np.float32) * (belts * bright)[..., None]
    stage.glow(x, y, r * 1.25, tone, 0.35)
    cover = np.clip((1 - away) * r + 0.5, 0, 1)[..., None]
    stage.pixels += (colour - stage.pixels) * cover


def room(stage: Stage) -> None:
    """A warm room: papered wall, wooden floor, window, fireplace, rug and shelf."""
    warm = stage.idea.accent or (206, 142, 104)
    floor = stage.height * 0.72
    wall = mix((232, 196, 152), warm, 0.42)
    if stage.idea.hour in {"night", "dusk"}:
        wall = mix(wall, (120, 72, 72), 0.30)
    stage.pixels[:] = np.asarray(wall, np.float32)
    stripe = stage.columns / (stage.unit * 0.075) % 2 < 1
    stage.pixels *= (1 - 0.035 * stripe)[None, :, None].astype(np.float32)
    stage.pixels *= 1 - 0.18 * (stage.rows / stage.height)[..., None]
    panel = (stage.rows > floor - stage.unit * 0.1) & (stage.rows < floor)
    stage.pixels *= 1 - 0.16 * panel[..., None]
    edge = (stage.rows > floor - stage.unit * 0.105) & (stage.rows < floor - stage.unit * 0.09)
    stage.pixels *= 1 - 0.25 * edge[..., None]
    _floor(stage, floor)
    right = stage.idea.seed % 2 == 0
    fire_x = stage.width * (0.80 if right else 0.20)
    _fireplace(stage, fire_x, floor + stage.unit * 0.02)
    _window(stage, stage.width * (0.24 if right else 0.76), floor - stage.unit * 0.50)
    _furnish(stage, floor, right=right)
    stage.ground = (stage.height * 0.84, stage.height * 0.92)
    stage.back = (floor + stage.unit * 0.01, floor + stage.unit * 0.02)
    stage.water = stage.ground


def _floor(stage: Stage, floor: float) -> None:
    first = int(floor)
    rows = stage.rows[first:] - floor
    depth = rows / max(stage.height - floor, 1)
    vanish = stage.width / 2
    plank = (stage.columns - vanish) / (0.45 + 0.75 * depth) / (stage.unit * 0.12)
    number = np.floor(plank).astype(np.int64)
    tones = np.asarray([0.94, 1.0, 0.90, 1.04, 0.97], np.float32)[np.abs(number * 7) % 5]
    gap = np.abs(plank - np.round(plank)) < 0.025
    colour = np.asarray((158, 100, 66), np.float32) * (0.82 + 0.25 * depth)[..., None]
    stage.pixels[first:] = colour * (tones * (1 - 0.3 * gap))[..., None]
    x, y, rx, ry = stage.width / 2, stage.height * 0.885, stage.width * 0.33, stage.height * 0.085
    away = np.hypot((stage.columns - x) / rx, (stage.rows - y) / ry)
    for size, tone in ((1.0, (168, 60, 64)), (0.88, (240, 214, 160)), (0.80, (186, 78, 74)),
                       (0.48, (240, 214, 160)), (0.42, (92, 120, 140))):  # fmt: skip
        cover = np.clip((size - away) * ry + 0.5, 0, 1)[..., None] * 0.94
        stage.pixels += (np.asarray(tone, np.float32) - stage.pixels) * cover


def _fireplace(stage: Stage, x: float, base: float) -> None:
    high = max(24, round(stage.unit * 0.46))
    image = figure("fireplace", high)
    top = base - image.height
    stage.put(image, x - image.width / 2, top, -48)
    fire = figure("campfire", max(10, round(high * 0.44)))
    stage.put(fire, x - fire.width / 2, base - fire.height - high * 0.03, -47, "flicker")
    glow = halo(stage.unit, (255, 168, 84), 120, fall=1.8)
    stage.put(glow, x - glow.width / 2, base - high * 0.25 - glow.height / 2, -46, "twinkle")
    for number, text in enumerate(("🕰", "🕯", "🪴")):
        item = glyph(text, max(8, round(stage.unit * (0.10, 0.08, 0.10)[number])))
        px = x + (-0.02, -0.19, 0.17)[number] * stage.unit - item.width / 2
        stage.put(item, px, top + high * 0.01 - item.height, -45)


def _window(stage: Stage, x: float, y: float) -> None:
    high = max(24, round(stage.unit * 0.36))
    hour = "night" if stage.idea.hour in {"night", "dusk"} else "day"
    weather = "snowfall" if "snowfall" in stage.idea.weather else "clear"
    image = figure("window", high, showing=(hour, weather))
    stage.put(image, x - image.width / 2, y, -48)


def _furnish(stage: Stage, floor: float, *, right: bool) -> None:
    way = 1 if right else -1
    middle = stage.width / 2
    pieces = (
        ("🖼", 0.15, 0.0, -0.42, False),
        ("🪴", 0.22, -0.42, 0.03, True),
        ("📚", 0.09, -0.30, 0.03, True),
    )
    for text, size, across, down, standing in pieces:
        image = shaded(glyph(text, max(8, round(stage.unit * size))), (0.96, 0.88, 0.80))
        x = middle + way * across * stage.width - image.width / 2
        y = floor + down * stage.unit - (image.height if standing else 0)
        stage.put(image, x, y, -44)
