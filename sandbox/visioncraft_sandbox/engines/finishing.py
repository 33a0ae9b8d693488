"""Turns a stage into a picture: weather, layers, light and grain."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from visioncraft_sandbox.engines.stage import halved, to_image, veil
from visioncraft_sandbox.engines.stopping import go_on

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from visioncraft_sandbox.engines.stage import Layer, Stage

_AIR = 1e9  # In front of everything.


def paint_air(stage: Stage) -> None:
    """Rain, snow, fog and fireflies before the scene."""
    weather, place = stage.idea.weather, stage.idea.place
    if place in {"underwater", "space", "room"}:
        return
    if "fog" in weather:
        _fog(stage)
    if weather & {"rain", "storm"}:
        _rain(stage, heavy="storm" in weather)
    if "snowfall" in weather:
        _snow(stage)
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


def _rain(stage: Stage, *, heavy: bool) -> None:
    wide, high = stage.width * 2, stage.height * 2
    for number in range(2):
        sheet = Image.new("RGBA", (wide, high), (214, 228, 246, 0))
        draw = ImageDraw.Draw(sheet)
        size = stage.unit * (0.03 + 0.035 * number) * 2
        count = int((120 if heavy else 75) * max(1.0, wide * high / (4 * stage.unit**2)))
        for _ in range(count):
            x, y = stage.rng.random() * wide * 1.1 - wide * 0.05, stage.rng.random() * high
            lean, tint = size * (0.34 if heavy else 0.18), (214, 228, 246, 60 + 55 * number)
            width = max(1, round(stage.unit * 0.0032 * (1 + number)))
            # Drawn once more above, so that the sheet repeats without a seam when it falls.
            for shift in (0, -high):
                line = (x, y + shift, x - lean, y + shift + size)
                draw.line(line, fill=tint, width=width)
        stage.put(halved(sheet), 0, 0, _AIR + number, "fall", stage.height, number * 0.37)


def _snow(stage: Stage) -> None:
    wide, high = stage.width * 2, stage.height * 2
    for number in range(3):
        sheet = Image.new("RGBA", (wide, high), (255, 255, 255, 0))
        draw = ImageDraw.Draw(sheet)
        count = int((70, 42, 20)[number] * max(1.0, wide * high / (4 * stage.unit**2)))
        for _ in range(count):
            x, y = stage.rng.random() * wide, stage.rng.random() * high
            r = stage.unit * (0.0026 + 0.0024 * number) * 2 * stage.rng.uniform(0.7, 1.3)
            for shift in (0, -high, high):
                box = (x - r, y - r + shift, x + r, y + r + shift)
                draw.ellipse(box, fill=(255, 255, 255, 225 - 40 * number))
        stage.put(halved(sheet), 0, 0, _AIR + number, "fall", stage.height, number * 0.31)


def _fireflies(stage: Stage) -> None:
    size = max(7, int(stage.unit * 0.045))
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) / size * 2 - 1
    away = np.hypot(rows, columns)
    bright = np.exp(-((away / 0.16) ** 2)) + 0.5 * np.clip(1 - away, 0, 1) ** 2
    image = veil((255, 240, 160), np.clip(bright, 0, 1))
    for number in range(22):
        x = stage.rng.random() * stage.width
        y = stage.rng.uniform(0.42, 0.94) * stage.height
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


def base_picture(stage: Stage) -> Image.Image:
    """The painted background alone."""
    return to_image(stage.pixels)


def flatten(base: Image.Image, layers: list[Layer], *, time: float | None = None) -> Image.Image:
    """Lay the layers on the background.

    Args:
        base: An RGB picture; it is not changed.
        layers: In any order.
        time: The moment of the loop, 0 to 1; None for a still picture.

    Returns:
        An RGB picture.
    """
    picture = base.copy()
    for layer in sorted(layers, key=lambda layer: layer.depth):
        go_on()
        image, x, y = layer.image, layer.x, layer.y
        if time is not None:
            image, x, y = _moved(layer, time)
        picture.paste(image, (round(x), round(y)), image)
        if layer.motion == "fall" and time is not None:
            picture.paste(image, (round(x), round(y) - image.height), image)
    return picture


def _moved(layer: Layer, time: float) -> tuple[Image.Image, float, float]:
    turn = 2 * math.pi * (time + layer.phase)
    x, y, image = layer.x, layer.y, layer.image
    if layer.motion == "drift":
        x += layer.reach * math.sin(turn)
    elif layer.motion == "bob":
        y += layer.reach * math.sin(turn)
        x += 0.4 * layer.reach * math.cos(turn)
    elif layer.motion == "hop":
        y -= layer.reach * abs(math.sin(turn))
    elif layer.motion == "sway":
        x += layer.reach * math.sin(turn)
    elif layer.motion == "scroll":
        x -= layer.reach * time
    elif layer.motion == "fall":
        y += layer.reach * ((time + layer.phase) % 1.0)
    elif layer.motion in {"twinkle", "flicker"}:
        part = 0.70 + 0.30 * math.sin(turn) if layer.motion == "twinkle" else 1.0
        y -= 0.0 if layer.motion == "twinkle" else 1.5 * math.sin(2 * turn)
        if part < 1.0:
            image = image.copy()
            image.putalpha(image.getchannel("A").point(lambda value: int(value * part)))
    return image, x, y


def frame_light(size: tuple[int, int]) -> NDArray[np.float32]:
    """A soft darkening towards the corners, height x width x 1."""
    wide, high = size
    rows = np.linspace(-1, 1, high, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, wide, dtype=np.float32)
    dark = 0.13 * np.clip(rows**2 + columns**2 - 0.55, 0, 2) ** 1.2
    return np.asarray(1 - dark[..., None], np.float32)


def finish(picture: Image.Image, stage: Stage) -> Image.Image:
    """Corners a little darker, and the grain of paper."""
    pixels = np.asarray(picture, np.float32) * frame_light(picture.size)
    grain = stage.rng.standard_normal((min(256, stage.height), min(256, stage.width)))
    repeats = (-(-stage.height // grain.shape[0]), -(-stage.width // grain.shape[1]))
    tiled = np.tile(grain.astype(np.float32), repeats)[: stage.height, : stage.width]
    pixels += tiled[..., None] * 1.5
    return to_image(pixels)
