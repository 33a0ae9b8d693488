"""Turns a stage into a picture: layers, their motion, light and grain, and a rendering style."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import ceil, cos, pi, sin
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

from visioncraft_sandbox.engines.stage import Colour, Layer, Stage, noise, to_image
from visioncraft_sandbox.engines.stopping import go_on

_MOST_PIXELS: Final = 4_200_000
_MOTIONS: Final[dict[str, Callable[[float], tuple[float, float]]]] = {
    "still": lambda _: (0, 0),
    "sway": lambda part: (sin(2 * pi * part), 0),
    "bob": lambda part: (0.4 * cos(2 * pi * part), sin(2 * pi * part)),
    "hop": lambda part: (0, -abs(sin(2 * pi * part))),
    "flicker": lambda part: (0, -sin(4 * pi * part)),
    "twinkle": lambda _: (0, 0),
    "scroll": lambda part: (-part, 0),
    "fall": lambda part: (0, part),
}
"""How far a layer has moved at each part of the loop, as a part of its reach."""


def flatten(stage: Stage, *, time: float | None = None) -> Image.Image:
    """The background with all layers, at a moment of the loop (0 to 1), or as a still picture."""
    picture = to_image(stage.pixels)
    for layer in sorted(stage.layers, key=lambda layer: layer.depth):
        go_on()
        image, x, y = layer.image, layer.x, layer.y
        if time is not None:
            image, x, y = _moved(layer, (time + layer.phase) % 1)
        picture.paste(image, (round(x), round(y)), image)
        if layer.motion == "fall" and time is not None:
            picture.paste(image, (round(x), round(y) - image.height), image)
    return picture


def _moved(layer: Layer, part: float) -> tuple[Image.Image, float, float]:
    image, (across, down) = layer.image, _MOTIONS[layer.motion](part)
    if layer.motion == "twinkle":
        bright = 0.70 + 0.30 * sin(2 * pi * part)
        image = image.copy()
        image.putalpha(image.getchannel("A").point(lambda value: int(value * bright)))
    return image, layer.x + across * layer.reach, layer.y + down * layer.reach


def frame_light(size: tuple[int, int]) -> NDArray[np.float32]:
    """A soft darkening towards the corners, height x width x 1."""
    wide, high = size
    rows = np.linspace(-1, 1, high, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, wide, dtype=np.float32)
    dark = 0.13 * np.clip(rows**2 + columns**2 - 0.55, 0, 2) ** 1.2
    return np.asarray(1 - dark[..., None], np.float32)


def painted(stage: Stage) -> Image.Image:
    """The stage as a still picture, with corners a little darker and the grain of paper."""
    pixels = _array(flatten(stage)) * frame_light((stage.width, stage.height))
    grain = stage.rng.standard_normal((256, 256)).astype(np.float32)
    repeats = -(-stage.height // 256), -(-stage.width // 256)
    pixels += 1.5 * np.tile(grain, repeats)[: stage.height, : stage.width, None]
    return to_image(pixels)


def rendered(stage: Stage) -> Image.Image:
    """The stage as a still picture in the styles of its idea."""
    return apply_styles(painted(stage), stage.idea.styles, stage.idea.seed)


def _array(image: Image.Image) -> NDArray[np.float32]:
    return np.asarray(image, np.float32)


def _spots(image: Image.Image, rng: np.random.Generator, cell: float) -> NDArray[np.float32]:
    """Noise with spots of this part of a picture's shorter side, one value for each pixel."""
    return noise(rng, image.size, max(1.2, min(image.size) * cell))[..., None]


def _smooth(image: Image.Image) -> Image.Image:
    # OpenCV's median: Pillow's takes 80 times as long and holds the interpreter's lock.
    return Image.fromarray(cv2.medianBlur(np.asarray(image), 5 if min(image.size) > 300 else 3))


def _watercolor(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    short = min(image.size)
    soft = _smooth(image)
    # Pigment gathers at the edges of a wash.
    blurred = soft.filter(ImageFilter.GaussianBlur(short * 0.006))
    pixels = _array(soft) + 0.55 * (_array(soft) - _array(blurred))
    pixels = 255 - (255 - pixels) * 0.82
    wash = _spots(image, rng, 0.09) + 0.6 * _spots(image, rng, 0.03)
    pixels += (252 - pixels) * np.clip(0.10 + 0.085 * wash, 0, 0.5)
    paper = _spots(image, rng, 0.003)
    pixels *= 1 + 0.022 * paper
    rows, columns = (
        np.minimum(np.arange(side), np.arange(side)[::-1]) for side in pixels.shape[:2]
    )
    inside = np.minimum(rows[:, None], columns)[..., None] / short
    cover = np.clip((inside - 0.028 - 0.012 * wash) / 0.012, 0, 1)
    sheet = np.asarray((252, 249, 241)) * (1 + 0.012 * paper)
    return to_image(sheet + (pixels - sheet) * cover)


def _paper(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    short = min(image.size)
    flat = _smooth(image.filter(ImageFilter.GaussianBlur(short * 0.0012)))
    few = ImageEnhance.Color(flat).enhance(1.12)
    level = few.convert("L").filter(ImageFilter.GaussianBlur(short * 0.002))
    step = max(1, round(short * 0.004))
    # A lower right neighbour that is darker lies under the sheet: it gets the sheet's shadow.
    raised = _array(ImageChops.offset(level, step, step)) - _array(level)
    pixels = _array(few) * (1 - np.clip(raised, 0, 60) / 60 * 0.22)[..., None]
    fibre = _spots(image, rng, 0.002) + _spots(image, rng, 0.012)
    return to_image(pixels * (1 + 0.022 * fibre))


def _pixel(image: Image.Image, _: np.random.Generator) -> Image.Image:
    blocks = 112 / min(image.size)
    size = (max(8, round(image.width * blocks)), max(8, round(image.height * blocks)))
    small = ImageEnhance.Color(image.resize(size, Image.Resampling.BOX)).enhance(1.25)
    few = small.quantize(40, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    return few.resize(image.size, Image.Resampling.NEAREST)


def _sketch(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    short = min(image.size)
    grey = image.convert("L")
    blurred = ImageOps.invert(grey).filter(ImageFilter.GaussianBlur(max(1.0, short * 0.008)))
    lines = np.clip(_array(grey) / np.clip(255 - _array(blurred), 1, 255), 0, 1)
    rows, columns = np.mgrid[0 : image.height, 0 : image.width].astype(np.float32)
    hatch = np.sin((rows + columns) / max(2.0, short * 0.0036)) * 0.5 + 0.5
    dark = np.clip((150 - _array(grey)) / 150, 0, 1)
    lines = 255 * lines**2.2 * (1 - 0.45 * dark * hatch)
    tone = lines[..., None] * (0.98, 0.965, 0.92) + (4, 3, 0)
    mixed = tone * 0.80 + (tone * _array(image) / 255 + 40) * 0.20
    return to_image(mixed * (1 + 0.03 * _spots(image, rng, 0.0025)))


def _graded(
    image: Image.Image,
    _: np.random.Generator,
    *,
    dark: Colour,
    bright: Colour,
    vivid: float = 1.0,
    contrast: float = 1.0,
    bloom: float,
) -> Image.Image:
    """Dark and bright parts tinted by factors, and light that spreads."""
    pixels = _array(ImageEnhance.Color(image).enhance(vivid))
    level = pixels.mean(axis=-1, keepdims=True) / 255
    pixels = pixels * (np.asarray(dark) * (1 - level) + np.asarray(bright) * level)
    pixels = (pixels - 128) * contrast + 128 - 50 * (contrast - 1)
    glow = to_image(np.clip(pixels - 150, 0, 255) * 1.6)
    spread = _array(glow.filter(ImageFilter.GaussianBlur(min(image.size) * 0.025)))
    return to_image(255 - (255 - pixels) * (1 - bloom * spread / 255))


def _oil(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    # Brush strokes: colour is carried along a slowly turning direction.
    angle = _spots(image, rng, 0.14)[..., 0] * 1.6
    rows, columns = np.mgrid[0 : image.height, 0 : image.width].astype(np.float32)
    jitter = _spots(image, rng, 0.006)[..., 0] * min(image.size) * 0.004
    down = np.clip(rows + np.sin(angle) * jitter, 0, image.height - 1).astype(np.intp)
    across = np.clip(columns + np.cos(angle) * jitter, 0, image.width - 1).astype(np.intp)
    smooth = _smooth(Image.fromarray(np.asarray(image)[down, across]))
    relief = _array(smooth.convert("L").filter(ImageFilter.EMBOSS))[..., None] - 128
    vivid = _array(ImageEnhance.Color(smooth).enhance(1.3))
    return to_image(vivid + 0.22 * relief + 4 * _spots(image, rng, 0.005))


def _comic(image: Image.Image, _: np.random.Generator) -> Image.Image:
    flat = ImageEnhance.Color(_smooth(image)).enhance(1.35)
    return ImageEnhance.Contrast(ImageOps.posterize(flat, 4)).enhance(1.08)


def _noir(image: Image.Image, _: np.random.Generator) -> Image.Image:
    grey = ImageOps.autocontrast(image.convert("L"), cutoff=1)
    return ImageEnhance.Contrast(grey).enhance(1.15).convert("RGB")


def _vintage(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    grey = _array(image.convert("L"))[..., None] / 255
    sepia = grey * (255, 232, 196) + (16, 10, 4)
    pixels = sepia * 0.66 + _array(image) * 0.34
    return to_image(pixels * (1 + 0.03 * _spots(image, rng, 0.2)))


_FILTERS: Final[dict[str, Callable[[Image.Image, np.random.Generator], Image.Image]]] = {
    "watercolor": _watercolor,
    "paper": _paper,
    "pixel": _pixel,
    "sketch": _sketch,
    "cinematic": partial(
        _graded, dark=(0.86, 1.0, 1.10), bright=(1.09, 1.0, 0.88), contrast=1.12, bloom=0.55
    ),
    "dreamy": partial(
        _graded, dark=(1.04, 0.90, 1.16), bright=(1.06, 0.99, 1.0), vivid=1.22, bloom=0.8
    ),
    "oil": _oil,
    "comic": _comic,
    "noir": _noir,
    "vintage": _vintage,
}


def apply_styles(image: Image.Image, styles: Sequence[str], seed: int) -> Image.Image:
    """An RGB picture in one style of ``reading.STYLES`` after the other."""
    if not styles:
        return image
    styled = reduced(image)
    for style in styles:
        styled = _FILTERS[style](styled, np.random.default_rng(seed))
    return styled.resize(image.size, Image.Resampling.BICUBIC)


def reduced(image: Image.Image) -> Image.Image:
    """The picture, or a large one with so few pixels that arrays of them fit into the memory."""
    factor = ceil((image.width * image.height / _MOST_PIXELS) ** 0.5)
    return image.reduce(factor) if factor > 1 else image
