"""The sky: its gradient, sun, moon, stars, clouds, rainbow and northern lights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from visioncraft_sandbox.engines.stage import mix, to_image, veil

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from visioncraft_sandbox.engines.stage import Colour, Stage


def paint_sky(stage: Stage) -> None:
    """Paint the whole sky, down to the horizon and beyond it."""
    light, idea = stage.light, stage.idea
    part = np.clip(stage.rows / max(stage.horizon, 1), 0, 1)
    if "paper" in idea.styles:
        # Sheets of paper, one behind the other, in place of a gradient.
        part = np.floor(part * 7) / 6.5
    stops = np.asarray([light.top, light.middle, light.low], np.float32)
    column = np.stack(
        [np.interp(part[:, 0], (0.0, 0.55, 1.0), stops[:, band]) for band in range(3)], axis=-1
    ).astype(np.float32)
    stage.pixels[:] = column[:, None, :]
    # Broad, faint brush strokes keep the gradient from looking computed.
    if "paper" not in idea.styles:
        stage.pixels *= 1 + 0.018 * stage.noise(stage.unit * 0.35)[..., None]
    if "aurora" in idea.weather:
        _aurora(stage)
    if "stars" in idea.weather or idea.place == "space":
        _stars(stage)
    _sun_or_moon(stage)
    if "rainbow" in idea.weather:
        _rainbow(stage)
    if "fireworks" in idea.weather:
        _fireworks(stage)
    if idea.place != "space" and "clouds" not in idea.hidden:
        _clouds(stage)
    if "storm" in idea.weather and "lightning" not in idea.hidden:
        _lightning(stage)


def _sun_or_moon(stage: Stage) -> None:
    idea, unit, glow = stage.idea, stage.unit, stage.light.glow
    side = 0.24 if stage.rng.random() < 0.5 else 0.76
    x = stage.width * (side + stage.rng.uniform(-0.05, 0.05))
    dull = bool(idea.weather & {"storm", "rain", "fog", "clouds", "snowfall"})
    if idea.hour == "night":
        y = stage.horizon * 0.30
        stage.sun = (x, y)
        moon = "moon" in idea.weather or not dull
        if "moon" in idea.hidden or idea.place == "space" or not moon:
            return
        radius = unit * 0.058
        stage.glow(x, y, radius * 4.2, glow, 0.34)
        _moon(stage, x, y, radius)
        return
    low = {"day": 0.26, "dawn": 0.86, "sunset": 0.84, "dusk": 0.96}[idea.hour]
    y = stage.horizon * low
    stage.sun = (x, y)
    if idea.place == "space":
        return
    if "sun" in idea.hidden or "storm" in idea.weather:
        return
    strength = 0.35 if dull else 0.85
    stage.glow(x, y, unit * 0.55, mix(glow, (255, 190, 120), 0.3), strength * 0.55)
    stage.glow(x, y, unit * 0.20, glow, strength * 0.6)
    if not dull:
        radius = unit * (0.062 if idea.hour == "day" else 0.078)
        disc = _disc(radius, mix(glow, (255, 255, 245), 0.45))
        stage.bake(disc, x - radius - 2, y - radius - 2)


def _disc(radius: float, colour: Colour) -> Image.Image:
    size = int(2 * radius + 4)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) - radius - 2
    return veil(colour, np.clip(radius - np.hypot(rows, columns) + 0.5, 0, 1))


def _moon(stage: Stage, x: float, y: float, radius: float) -> None:
    size = int(2 * radius + 4)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) - radius - 2
    cover = np.clip(radius - np.hypot(rows, columns) + 0.5, 0, 1)
    if stage.idea.seed % 3 or "crescent" in stage.idea.weather:
        bite = np.hypot(rows + radius * 0.22, columns - radius * 0.5)
        cover *= np.clip(bite - radius * 0.86 + 0.5, 0, 1)
    spots = stage.noise(radius * 0.5, size, size)
    tone = np.asarray(stage.light.glow) * (1 - 0.06 * np.clip(spots, 0, 2))[..., None]
    stage.bake(veil(tone.astype(np.float32), cover), x - radius - 2, y - radius - 2)


def _stars(stage: Stage) -> None:
    limit = stage.height if stage.idea.place == "space" else stage.horizon * 0.96
    count = int(min(420, 110 + stage.width * limit / 2600))
    spread = stage.rng.random((count, 4)).astype(np.float32)
    for group in range(3):
        sheet = np.zeros((int(limit) + 8, stage.width + 8), np.float32)
        for left, top, size, shine in spread[group::3]:
            radius = stage.unit * (0.0012 + 0.0034 * size**6)
            fade = 1 - 0.75 * (top * limit / max(limit, 1)) ** 3
            _dot(sheet, left * stage.width, top * limit, radius, (0.35 + 0.65 * shine) * fade)
        tone = ((255, 255, 246), (255, 240, 206), (214, 228, 255))[group]
        image = veil(tone, np.clip(sheet, 0, 1))
        if stage.idea.place == "space":
            stage.put(image, -4, -4, -100, "twinkle", phase=group / 3)
            continue
        # High stars twinkle; low ones are painted, so that mountains stand before them.
        high = int(limit * 0.45)
        stage.put(image.crop((0, 0, image.width, high)), -4, -4, -100, "twinkle", 0, group / 3)
        stage.bake(image.crop((0, high, *image.size)), -4, high - 4)


def _dot(sheet: NDArray[np.float32], x: float, y: float, radius: float, shine: float) -> None:
    reach = int(radius * 3) + 2
    x, y = x + 4, y + 4
    left, top = max(0, int(x) - reach), max(0, int(y) - reach)
    area = sheet[top : int(y) + reach, left : int(x) + reach]
    if not area.size:
        return
    rows = np.arange(top, top + area.shape[0], dtype=np.float32)[:, None] - y
    columns = np.arange(left, left + area.shape[1], dtype=np.float32) - x
    area += np.clip(radius - np.hypot(rows, columns) + 0.6, 0, 1) * shine
    area += 0.3 * shine * np.exp(-(rows**2 + columns**2) / (4 * radius * radius + 0.5))


def _aurora(stage: Stage) -> None:
    for colour, height in (
        ((90, 240, 170), 0.38),
        ((110, 190, 250), 0.30),
        ((190, 120, 240), 0.24),
    ):
        line = stage.horizon * (height + 0.14 * stage.line(2.5))
        below = line - stage.rows
        veil = np.exp(-np.clip(below, 0, None) / (stage.horizon * 0.24)) * (below > 0)
        veil = veil * np.clip(below / (stage.unit * 0.02), 0, 1)
        veil *= 0.55 + 0.45 * stage.line(16, octaves=2)
        veil = np.clip(veil, 0, 1)[..., None] * 0.8
        stage.pixels += (np.asarray(colour, np.float32) - stage.pixels) * veil


def _rainbow(stage: Stage) -> None:
    x = stage.width * (0.4 if stage.sun[0] > stage.width / 2 else 0.6)
    outer = min(stage.width * 0.48, stage.horizon * 0.9)
    away = np.hypot(stage.rows - stage.horizon * 1.04, stage.columns - x)
    band = (outer - away) / (outer * 0.13)
    hues = np.asarray(
        [(238, 84, 84), (246, 156, 78), (250, 218, 98), (120, 200, 120), (96, 166, 230),
         (110, 110, 206), (160, 108, 196)], np.float32,
    )  # fmt: skip
    place = np.clip(band, 0, 1) * 6
    colour = np.stack([np.interp(place, np.arange(7), hues[:, c]) for c in range(3)], axis=-1)
    cover = np.clip(band * 6, 0, 1) * np.clip((1 - band) * 6, 0, 1) * 0.55
    cover = cover * np.clip((stage.horizon * 1.02 - stage.rows) / (stage.unit * 0.2), 0, 1)
    stage.pixels += (colour.astype(np.float32) - stage.pixels) * cover[..., None].astype(np.float32)


def _fireworks(stage: Stage) -> None:
    sheet = Image.new("RGBA", (stage.width, int(stage.horizon)), (0, 0, 0, 0))
    draw = ImageDraw.Draw(sheet)
    for number in range(4):
        x = stage.width * (0.14 + 0.24 * number + stage.rng.uniform(-0.05, 0.05))
        y = stage.horizon * stage.rng.uniform(0.16, 0.5)
        reach = stage.unit * stage.rng.uniform(0.08, 0.15)
        colour = ((255, 170, 120), (255, 220, 120), (150, 210, 255), (250, 150, 210))[number]
        stage.glow(x, y, reach * 1.3, colour, 0.4)
        for ray in range(26):
            angle = ray / 26 * 2 * np.pi
            for step in range(4, 12):
                away = reach * step / 11
                size = stage.unit * 0.0035 * step / 11
                px, py = x + away * np.cos(angle), y + away * np.sin(angle) + (step / 11) ** 2 * 8
                box = (px - size, py - size, px + size, py + size)
                draw.ellipse(box, fill=(*colour, 90 + 14 * step))
    stage.put(sheet, 0, 0, -80, "twinkle")


def cloud(stage: Stage, width: float, colour: Colour, shade: Colour) -> Image.Image:
    """A cloud of that width: heaps on a flat base, lit from above."""
    big, high = int(width * 2), int(width * 0.9)
    mask = Image.new("L", (big, high), 0)
    draw = ImageDraw.Draw(mask)
    base = high * 0.78
    for place in np.linspace(0.12, 0.88, 8):
        size = big * (0.07 + 0.13 * np.sin(place * np.pi) ** 1.4) * stage.rng.uniform(0.78, 1.12)
        x, y = big * place, base - size * 0.55
        draw.ellipse((x - size, y - size, x + size, y + size * 0.8), fill=255)
    draw.rounded_rectangle(
        (big * 0.06, base - high * 0.16, big * 0.94, base), high * 0.08, fill=255
    )
    draw.rectangle((0, base + 1, big, high), fill=0)
    mask = mask.filter(ImageFilter.GaussianBlur(width * 0.012))
    mask = mask.resize((big // 2, high // 2), Image.Resampling.LANCZOS)
    cover = np.asarray(mask, np.float32)
    part = np.linspace(0, 1, cover.shape[0], dtype=np.float32)[:, None, None] ** 1.5
    tone = np.empty((*cover.shape, 4), np.float32)
    tone[..., :3] = np.asarray(colour, np.float32) * (1 - part) + np.asarray(shade) * part
    tone[..., 3] = cover * (0.94 - 0.35 * part[..., 0])
    return to_image(tone)


def _clouds(stage: Stage) -> None:
    heavy = bool(stage.idea.weather & {"storm", "rain", "clouds"})
    light = stage.light
    if stage.idea.hour == "night":
        bright, shade = mix(light.middle, (150, 168, 220), 0.35), mix(light.top, light.middle, 0.8)
        count = 8 if heavy else 3
    else:
        bright = mix(light.low, (255, 255, 255), 0.25 if heavy else 0.65)
        shade = mix(light.middle, light.haze, 0.5)
        count = 9 if heavy else 4
    if heavy:
        bright, shade = mix(bright, light.middle, 0.55), mix(light.top, (30, 34, 50), 0.2)
    for number in range(count):
        width = stage.unit * stage.rng.uniform(0.20, 0.46) * (1.5 if heavy else 1)
        image = cloud(stage, width, bright, shade)
        x = stage.width * ((number + stage.rng.uniform(0.1, 0.9)) / count) - width / 2
        high = stage.rng.uniform(-0.1, 0.24) if heavy else stage.rng.uniform(0.06, 0.62)
        y = stage.horizon * high
        reach = stage.unit * stage.rng.uniform(0.012, 0.03)
        stage.put(image, x, y, -70 + y / stage.height, "drift", reach, stage.rng.random())


def _lightning(stage: Stage) -> None:
    away = 0.26 if stage.sun[0] > stage.width / 2 else 0.74
    x, y = stage.width * away, stage.horizon * 0.12
    stage.glow(x, stage.horizon * 0.5, stage.unit * 0.3, (214, 224, 255), 0.4)
    size = (stage.width * 2, int(stage.horizon) * 2)
    sheet = Image.new("L", size, 0)
    draw = ImageDraw.Draw(sheet)
    points = [(x * 2, y * 2)]
    while points[-1][1] < size[1] * 0.92:
        last = points[-1]
        points.append(
            (last[0] + stage.unit * stage.rng.uniform(-0.12, 0.12),
             last[1] + stage.unit * stage.rng.uniform(0.05, 0.13))
        )  # fmt: skip
        if len(points) in {4, 6}:
            turn = stage.rng.choice([-1, 1])
            fork = [points[-1]]
            for _ in range(3):
                fork.append(
                    (fork[-1][0] + turn * stage.unit * stage.rng.uniform(0.03, 0.1),
                     fork[-1][1] + stage.unit * stage.rng.uniform(0.04, 0.09))
                )  # fmt: skip
            draw.line(fork, fill=190, width=max(1, int(stage.unit * 0.006)), joint="curve")
    draw.line(points, fill=255, width=max(2, int(stage.unit * 0.011)), joint="curve")
    bolt = sheet.resize((size[0] // 2, size[1] // 2), Image.Resampling.LANCZOS)
    halo = bolt.filter(ImageFilter.GaussianBlur(stage.unit * 0.012))
    image = Image.new("RGBA", bolt.size, (206, 220, 255, 0))
    image.putalpha(halo)
    image.paste((255, 252, 236, 255), (0, 0), bolt)
    stage.put(image, 0, 0, -60, "twinkle", phase=0.5)
