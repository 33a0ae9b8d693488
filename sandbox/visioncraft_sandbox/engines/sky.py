"""The sky: its gradient, sun, moon, stars, clouds, rainbow and northern lights; and the air."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from visioncraft_sandbox.engines.stage import (
    WHITE,
    Colour,
    Points,
    Stage,
    away,
    gradient,
    halved,
    mix,
    noise,
    veil,
)

_AIR = 1e9  # In front of everything.


def paint_sky(stage: Stage) -> None:
    """Paint the whole sky, down to the horizon and beyond it."""
    light, idea = stage.light, stage.idea
    part = np.clip(stage.rows / max(stage.horizon, 1), 0, 1)
    if "paper" in idea.styles:
        # Sheets of paper, one behind the other, in place of a gradient.
        part = np.floor(part * 7) / 6.5
    stage.pixels[:] = gradient(part, (0.0, 0.55, 1.0), [light.top, light.middle, light.low])
    # Broad, faint brush strokes keep the gradient from looking computed.
    if "paper" not in idea.styles:
        stage.pixels *= 1 + 0.018 * stage.noise(stage.unit * 0.35)[..., None]
    space = idea.place == "space"
    for wanted, paint in (
        ("aurora" in idea.weather, _aurora),
        ("stars" in idea.weather or space, _stars),
        (True, _sun_or_moon),
        ("rainbow" in idea.weather, _rainbow),
        ("fireworks" in idea.weather, _fireworks),
        (not space and "clouds" not in idea.hidden, _clouds),
        ("storm" in idea.weather and "lightning" not in idea.hidden, _lightning),
    ):
        if wanted:
            paint(stage)


def _sun_or_moon(stage: Stage) -> None:
    idea, unit, glow = stage.idea, stage.unit, stage.light.glow
    x = stage.width * (stage.rng.choice((0.24, 0.76)) + stage.rng.uniform(-0.05, 0.05))
    heights = {"night": 0.30, "day": 0.26, "dawn": 0.86, "sunset": 0.84, "dusk": 0.96}
    y = stage.horizon * heights[idea.hour]
    stage.sun = (x, y)
    dull = bool(idea.weather & {"storm", "rain", "fog", "clouds", "snowfall"})
    if idea.place == "space" or ("moon" if idea.hour == "night" else "sun") in idea.hidden:
        return
    if idea.hour == "night":
        if "moon" in idea.weather or not dull:
            stage.glow(x, y, unit * 0.24, glow, 0.34)
            _disc(stage, unit * 0.058, glow, is_moon=True)
    elif "storm" not in idea.weather:
        strength = 0.35 if dull else 0.85
        stage.glow(x, y, unit * 0.55, mix(glow, (255, 190, 120), 0.3), strength * 0.55)
        stage.glow(x, y, unit * 0.20, glow, strength * 0.6)
        if not dull:
            radius = unit * (0.062 if idea.hour == "day" else 0.078)
            _disc(stage, radius, mix(glow, (255, 255, 245), 0.45))


def _disc(stage: Stage, radius: float, colour: Colour, *, is_moon: bool = False) -> None:
    size = int(2 * radius + 4)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) - radius - 2
    cover = np.clip(radius - np.hypot(rows, columns) + 0.5, 0, 1)
    tone = np.ones((size, size, 1), np.float32)
    if is_moon:
        tone -= 0.06 * np.clip(noise(stage.rng, (size, size), radius * 0.5), 0, 2)[..., None]
        if stage.idea.seed % 3 or "crescent" in stage.idea.weather:
            bite = np.hypot(rows + radius * 0.22, columns - radius * 0.5)
            cover *= np.clip(bite - radius * 0.86 + 0.5, 0, 1)
    x, y = stage.sun
    stage.bake(veil(tone * np.asarray(colour), cover), x - radius - 2, y - radius - 2)


def _stars(stage: Stage) -> None:
    limit = stage.horizon * 0.96
    if stage.idea.place == "space":
        on_ground = {subject.thing.habitat for subject in stage.idea.subjects} & {"ground", "back"}
        limit = stage.height * (0.78 if on_ground else 1)
    spread = stage.rng.random((int(min(420, 110 + stage.width * limit / 2600)), 4))
    for group, tone in enumerate(((255, 255, 246), (255, 240, 206), (214, 228, 255))):
        sheet = Image.new("L", (stage.width * 2, int(limit) * 2))
        draw = ImageDraw.Draw(sheet)
        for left, top, size, shine in spread[group::3]:
            radius = stage.unit * (0.0012 + 0.0034 * size**6)
            bright = (0.35 + 0.65 * shine) * (1 - 0.75 * top**3)
            at = left * sheet.width, top * sheet.height
            draw.circle(at, 2 * radius + 0.5, int(255 * bright))
        dots = halved(sheet)
        glow = dots.filter(ImageFilter.GaussianBlur(stage.unit * 0.004))
        cover = np.asarray(dots, np.float32) + 1.5 * np.asarray(glow, np.float32)
        image = veil(tone, np.clip(cover / 255, 0, 1))
        if stage.idea.place == "space":
            stage.put(image, 0, 0, -100, "twinkle", phase=group / 3)
            continue
        # High stars twinkle; low ones are painted, so that mountains cover them.
        high = int(limit * 0.45)
        stage.put(image.crop((0, 0, image.width, high)), 0, 0, -100, "twinkle", 0, group / 3)
        stage.bake(image.crop((0, high, *image.size)), 0, high)


def _aurora(stage: Stage) -> None:
    curtains = ((90, 240, 170), 0.38), ((110, 190, 250), 0.30), ((190, 120, 240), 0.24)
    for colour, height in curtains:
        below = stage.horizon * (height + 0.14 * stage.line(2.5)) - stage.rows
        cover = np.exp(-np.clip(below, 0, None) / (stage.horizon * 0.24))
        cover *= np.clip(below / (stage.unit * 0.02), 0, 1)
        cover *= 0.55 + 0.45 * stage.line(16, octaves=2)
        stage.blend(colour, np.clip(cover, 0, 1) * 0.8)


def _rainbow(stage: Stage) -> None:
    x = stage.width * (0.4 if stage.sun[0] > stage.width / 2 else 0.6)
    outer = min(stage.width * 0.48, stage.horizon * 0.9)
    radius = np.hypot(stage.rows - stage.horizon * 1.04, stage.columns - x)
    band = (outer - radius) / (outer * 0.13)
    hues = (
        (238, 84, 84), (246, 156, 78), (250, 218, 98), (120, 200, 120), (96, 166, 230),
        (110, 110, 206), (160, 108, 196),
    )  # fmt: skip
    cover = np.clip(band * 6, 0, 1) * np.clip((1 - band) * 6, 0, 1) * 0.55
    cover *= np.clip((stage.horizon * 1.02 - stage.rows) / (stage.unit * 0.2), 0, 1)
    stage.blend(gradient(band * 6, range(7), hues), cover)


def _fireworks(stage: Stage) -> None:
    sheet = Image.new("RGBA", (stage.width, int(stage.horizon)), (0, 0, 0, 0))
    draw = ImageDraw.Draw(sheet)
    colours = ((255, 170, 120), (255, 220, 120), (150, 210, 255), (250, 150, 210))
    for number, colour in enumerate(colours):
        x = stage.width * (0.14 + 0.24 * number + stage.rng.uniform(-0.05, 0.05))
        y = stage.horizon * stage.rng.uniform(0.16, 0.5)
        reach = stage.unit * stage.rng.uniform(0.08, 0.15)
        stage.glow(x, y, reach * 1.3, colour, 0.4)
        for ray, step in np.ndindex(26, 12):
            angle, part = ray / 26 * 2 * np.pi, step / 11
            at = x + reach * part * np.cos(angle), y + reach * part * np.sin(angle) + part**2 * 8
            if part > 0.3:
                draw.circle(at, stage.unit * 0.0035 * part, fill=(*colour, 90 + 14 * step))
    stage.put(sheet, 0, 0, -80, "twinkle")


def _cloud(stage: Stage, width: float, colour: Colour, shade: Colour) -> Image.Image:
    """A cloud of that width: heaps on a flat base, lit from above."""
    big, high = int(width * 2), int(width * 0.9)
    mask = Image.new("L", (big, high), 0)
    draw = ImageDraw.Draw(mask)
    base = high * 0.78
    for place in np.linspace(0.12, 0.88, 8):
        size = big * (0.07 + 0.13 * np.sin(place * np.pi) ** 1.4) * stage.rng.uniform(0.78, 1.12)
        x, y = big * place, base - size * 0.55
        draw.ellipse((x - size, y - size, x + size, y + size * 0.8), fill=255)
    foot = (big * 0.06, base - high * 0.16, big * 0.94, base)
    draw.rounded_rectangle(foot, high * 0.08, fill=255)
    draw.rectangle((0, base + 1, big, high), fill=0)
    cover = np.asarray(halved(mask.filter(ImageFilter.GaussianBlur(width * 0.012))), np.float32)
    part = np.linspace(0, 1, len(cover), dtype=np.float32)[:, None] ** 1.5
    return veil(gradient(part, (0, 1), (colour, shade)), cover / 255 * (0.94 - 0.35 * part))


def _clouds(stage: Stage) -> None:
    heavy = bool(stage.idea.weather & {"storm", "rain", "clouds"})
    light, count = stage.light, 9 if heavy else 4
    if stage.idea.hour == "night":
        bright, shade = mix(light.middle, (150, 168, 220), 0.35), mix(light.top, light.middle, 0.8)
    else:
        bright = mix(light.low, WHITE, 0.25 if heavy else 0.65)
        shade = mix(light.middle, light.haze, 0.5)
    if heavy:
        bright, shade = mix(bright, light.middle, 0.55), mix(light.top, (30, 34, 50), 0.2)
    for number in range(count):
        width = stage.unit * stage.rng.uniform(0.20, 0.46) * (1.5 if heavy else 1)
        image = _cloud(stage, width, bright, shade)
        x = stage.width * ((number + stage.rng.uniform(0.1, 0.9)) / count) - width / 2
        high = stage.rng.uniform(-0.1, 0.24) if heavy else stage.rng.uniform(0.06, 0.62)
        y = stage.horizon * high
        reach = stage.unit * stage.rng.uniform(0.012, 0.03)
        stage.put(image, x, y, -70 + y / stage.height, "sway", reach, stage.rng.random())


def _lightning(stage: Stage) -> None:
    x = stage.width * (0.26 if stage.sun[0] > stage.width / 2 else 0.74)
    stage.glow(x, stage.horizon * 0.5, stage.unit * 0.3, (214, 224, 255), 0.4)
    sheet = Image.new("L", (stage.width * 2, int(stage.horizon) * 2), 0)
    draw, thick = ImageDraw.Draw(sheet), stage.unit * 0.011

    def path(start: tuple[float, float], count: int, least: float, way: float = 1) -> Points:
        """Steps down from a point, and within some bounds to the side."""
        across = stage.rng.uniform(least, 0.12, count).cumsum() * way * stage.unit + start[0]
        down = stage.rng.uniform(0.05, 0.13, count).cumsum() * stage.unit + start[1]
        return [start, *zip(across, down, strict=True)]

    bolt = path((x * 2, stage.horizon * 0.24), 40, -0.12)
    bolt = [point for point in bolt if point[1] < sheet.height * 0.98]
    for start, turn in zip(bolt[3:6:2], stage.rng.choice([-1, 1], 2), strict=False):
        fork = path(start, 3, 0.03, turn)
        draw.line(fork, fill=190, width=max(1, int(thick / 2)), joint="curve")
    draw.line(bolt, fill=255, width=max(2, int(thick)), joint="curve")
    sheet = halved(sheet)
    image = Image.new("RGBA", sheet.size, (206, 220, 255, 0))
    image.putalpha(sheet.filter(ImageFilter.GaussianBlur(stage.unit * 0.012)))
    image.paste((255, 252, 236, 255), (0, 0), sheet)
    stage.put(image, 0, 0, -60, "twinkle", phase=0.5)


def paint_air(stage: Stage) -> None:
    """Rain, snow, fog and fireflies before the scene."""
    weather, place = stage.idea.weather, stage.idea.place
    if place in {"underwater", "space", "room"}:
        return
    if "fog" in weather:
        _fog(stage)
    if weather & {"rain", "storm"}:
        heavy = "storm" in weather
        for size in (1, 2):
            _falling(stage, 120 if heavy else 75, size, lean=0.34 if heavy else 0.18)
    if "snowfall" in weather:
        for size, count in ((1, 70), (2, 42), (3, 20)):
            _falling(stage, count, size)
    if "fireflies" in weather:
        _fireflies(stage)
    if "autumn" in weather:
        _leaves(stage)


def _fog(stage: Stage) -> None:
    for number, level in enumerate((0.52, 0.66, 0.82)):
        high = int(stage.height * 0.26)
        rows = np.linspace(-1, 1, high, dtype=np.float32)[:, None]
        dense = np.clip(1 - rows**2, 0, 1) ** 1.5
        spots = 0.75 + 0.35 * stage.noise(stage.unit * 0.3, height=high)
        cover = np.clip(dense * spots, 0, 1) * (165 - 35 * number) / 255
        depth = stage.height * (0.70 + 0.1 * number) if number else -40
        stage.put(veil(stage.light.haze, cover), 0, stage.height * level - high / 2, depth)


def _falling(stage: Stage, count: int, size: int, lean: float | None = None) -> None:
    """A sheet of snow, or of leaning rain, whose edges match, so that it falls without a seam."""
    wide, high = stage.width * 2, stage.height * 2
    sheet = Image.new("RGBA", (wide, high), (224, 236, 250, 0))
    draw = ImageDraw.Draw(sheet)
    for _ in range(int(count * max(1.0, wide * high / (4 * stage.unit**2)))):
        x, y = (stage.rng.random() * 1.1 - 0.05) * wide, stage.rng.random() * high
        unit = stage.unit * stage.rng.uniform(0.7, 1.3)
        for top in (y - high, y, y + high):
            if lean is None:
                flake = unit * (0.0004 + 0.0048 * size)
                draw.circle((x, top), flake, (255, 255, 255, 265 - 40 * size))
            else:
                long, width = unit * (0.07 * size - 0.01), max(1, round(unit * 0.0032 * size))
                ends = (x, top, x - long * lean, top + long)
                draw.line(ends, (214, 228, 246, 5 + 55 * size), width)
    stage.put(halved(sheet), 0, 0, _AIR + size, "fall", stage.height, size * 0.37)


def _fireflies(stage: Stage) -> None:
    far = away(max(7, int(stage.unit * 0.045)))
    bright = np.exp(-((far / 0.16) ** 2)) + 0.5 * np.clip(1 - far, 0, 1) ** 2
    image = veil((255, 240, 160), np.clip(bright, 0, 1))
    for number in range(22):
        x, y = stage.rng.random() * stage.width, stage.rng.uniform(0.42, 0.94) * stage.height
        stage.put(image, x, y, _AIR, "bob", stage.unit * 0.012, number / 22)


def _leaves(stage: Stage) -> None:
    size = max(6, int(stage.unit * 0.03))
    for number in range(16):
        leaf = Image.new("RGBA", (size * 4, size * 4), (0, 0, 0, 0))
        colour = ((226, 132, 52), (206, 86, 48), (238, 186, 78))[number % 3]
        ImageDraw.Draw(leaf).ellipse((size * 0.6, size * 1.4, size * 3.4, size * 2.6), fill=colour)
        turned = leaf.rotate(stage.rng.uniform(0, 180), Image.Resampling.BICUBIC)
        image = turned.resize((size, size), Image.Resampling.LANCZOS)
        x, y = stage.rng.random() * stage.width, stage.rng.uniform(0.1, 0.95) * stage.height
        stage.put(image, x, y, _AIR, "bob", stage.unit * 0.02, number / 16)
