"""Rendering styles: make a finished scene look painted, cut, drawn or filmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

from visioncraft_sandbox.engines.stage import to_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_STRIP = 32


def median(image: Image.Image, size: int) -> Image.Image:
    """The picture with the median of the `size` x `size` pixels around each one.

    In strips: Pillow holds the interpreter's lock for seconds on a large picture.
    """
    result, reach = image.copy(), size // 2
    for top in range(0, image.height, _STRIP):
        first, last = max(0, top - reach), min(image.height, top + _STRIP + reach)
        strip = image.crop((0, first, image.width, last)).filter(ImageFilter.MedianFilter(size))
        end = min(_STRIP, image.height - top) + top - first
        result.paste(strip.crop((0, top - first, image.width, end)), (0, top))
    return result


def _array(image: Image.Image) -> NDArray[np.float32]:
    return np.asarray(image, np.float32)


def _noise(size: tuple[int, int], cell: float, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    shape = (max(2, int(size[1] / cell) + 1), max(2, int(size[0] / cell) + 1))
    coarse = Image.fromarray(rng.standard_normal(shape).astype(np.float32))
    return _array(coarse.resize(size, Image.Resampling.BICUBIC))


def _watercolor(image: Image.Image, seed: int) -> Image.Image:
    short = min(image.size)
    soft = median(image, 5 if short > 300 else 3)
    # Pigment gathers at the edges of a wash.
    blurred = soft.filter(ImageFilter.GaussianBlur(short * 0.006))
    pixels = _array(soft) + 0.55 * (_array(soft) - _array(blurred))
    pixels = 255 - (255 - pixels) * 0.82
    wash = _noise(image.size, short * 0.09, seed) + 0.6 * _noise(image.size, short * 0.03, seed + 1)
    pixels = pixels + (252 - pixels) * np.clip(0.10 + 0.085 * wash, 0, 0.5)[..., None]
    paper = _noise(image.size, max(1.5, short * 0.003), seed + 2)
    pixels *= 1 + 0.022 * paper[..., None]
    width, height = image.size
    rows = np.minimum(np.arange(height), np.arange(height)[::-1]).astype(np.float32)[:, None]
    columns = np.minimum(np.arange(width), np.arange(width)[::-1]).astype(np.float32)
    edge = np.minimum(rows, columns) / short - 0.028 - 0.012 * wash
    cover = np.clip(edge / 0.012, 0, 1)[..., None]
    sheet = np.asarray((252, 249, 241), np.float32) * (1 + 0.012 * paper[..., None])
    return to_image((sheet + (pixels - sheet) * cover).astype(np.float32))


def _paper(image: Image.Image, seed: int) -> Image.Image:
    short = min(image.size)
    flat = image.filter(ImageFilter.GaussianBlur(short * 0.0012))
    flat = median(flat, 5 if short > 300 else 3)
    few = ImageEnhance.Color(flat).enhance(1.12)
    level = few.convert("L").filter(ImageFilter.GaussianBlur(short * 0.002))
    step = max(1, round(short * 0.004))
    # A lower right neighbour that is darker lies under the sheet: it gets the sheet's shadow.
    raised = _array(ImageChops.offset(level, step, step)) - _array(level)
    pixels = _array(few) * (1 - np.clip(raised, 0, 60) / 60 * 0.22)[..., None]
    fibre = _noise(image.size, max(1.2, short * 0.002), seed) + _noise(
        image.size, short * 0.012, seed
    )
    return to_image(pixels * (1 + 0.022 * fibre[..., None]))


def _pixel(image: Image.Image, _: int) -> Image.Image:
    blocks = 112 / min(image.size)
    size = (max(8, round(image.width * blocks)), max(8, round(image.height * blocks)))
    small = ImageEnhance.Color(image.resize(size, Image.Resampling.BOX)).enhance(1.25)
    few = small.quantize(40, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    return few.resize(image.size, Image.Resampling.NEAREST)


def _sketch(image: Image.Image, seed: int) -> Image.Image:
    short = min(image.size)
    grey = image.convert("L")
    blurred = ImageOps.invert(grey).filter(ImageFilter.GaussianBlur(max(1.0, short * 0.008)))
    lines = np.clip(_array(grey) * 255 / np.clip(255 - _array(blurred), 1, 255), 0, 255)
    paper = _noise(image.size, max(1.2, short * 0.0025), seed)
    rows, columns = np.mgrid[0 : image.height, 0 : image.width].astype(np.float32)
    hatch = np.sin((rows + columns) / max(2.0, short * 0.0036)) * 0.5 + 0.5
    dark = np.clip((150 - _array(grey)) / 150, 0, 1)
    lines = 255 * (np.clip(lines, 0, 255) / 255) ** 2.2 * (1 - 0.45 * dark * hatch)
    tone = np.stack([lines * 0.98 + 4, lines * 0.965 + 3, lines * 0.92], axis=-1)
    mixed = tone * 0.80 + (tone * _array(image) / 255 + 40) * 0.20
    return to_image((mixed * (1 + 0.03 * paper[..., None])).astype(np.float32))


def _bloom(pixels: NDArray[np.float32], short: int, strength: float) -> NDArray[np.float32]:
    bright = to_image(np.clip(pixels - 150, 0, 255) * 1.6)
    halo = _array(bright.filter(ImageFilter.GaussianBlur(short * 0.025)))
    return np.asarray(255 - (255 - pixels) * (1 - strength * halo / 255), np.float32)


def _cinematic(image: Image.Image, _: int) -> Image.Image:
    pixels = _array(image)
    level = (pixels.mean(axis=-1, keepdims=True)) / 255
    cool, warm = np.asarray((0.86, 1.0, 1.10)), np.asarray((1.09, 1.0, 0.88))
    grade = cool * (1 - level) + warm * level
    pixels = (pixels * grade.astype(np.float32) - 128) * 1.12 + 122
    return to_image(_bloom(pixels.astype(np.float32), min(image.size), 0.55))


def _dreamy(image: Image.Image, _: int) -> Image.Image:
    pixels = _array(ImageEnhance.Color(image).enhance(1.22))
    level = pixels.mean(axis=-1, keepdims=True) / 255
    violet, rose = np.asarray((1.04, 0.90, 1.16)), np.asarray((1.06, 0.99, 1.0))
    pixels = pixels * (violet * (1 - level) + rose * level).astype(np.float32)
    return to_image(_bloom(pixels, min(image.size), 0.8))


def _oil(image: Image.Image, seed: int) -> Image.Image:
    short = min(image.size)
    # Brush strokes: colour is carried along a slowly turning direction.
    angle = _noise(image.size, short * 0.14, seed) * 1.6
    reach = short * 0.004
    rows, columns = np.mgrid[0 : image.height, 0 : image.width].astype(np.float32)
    jitter = _noise(image.size, max(1.5, short * 0.006), seed + 1) * reach
    down = np.clip(rows + np.sin(angle) * jitter, 0, image.height - 1).astype(np.intp)
    across = np.clip(columns + np.cos(angle) * jitter, 0, image.width - 1).astype(np.intp)
    moved = to_image(_array(image)[down, across])
    smooth = median(moved, 5 if short > 300 else 3)
    vivid = ImageEnhance.Color(smooth).enhance(1.3)
    relief = _array(smooth.convert("L").filter(ImageFilter.EMBOSS)) - 128
    ridge = _noise(image.size, max(1.5, short * 0.005), seed + 2)
    return to_image(_array(vivid) + (0.22 * relief + 4 * ridge)[..., None])


def _comic(image: Image.Image, _: int) -> Image.Image:
    flat = ImageEnhance.Color(median(image, 3)).enhance(1.35)
    return ImageEnhance.Contrast(ImageOps.posterize(flat, 4)).enhance(1.08)


def _noir(image: Image.Image, _: int) -> Image.Image:
    grey = ImageOps.autocontrast(image.convert("L"), cutoff=1)
    return ImageEnhance.Contrast(grey).enhance(1.15).convert("RGB")


def _vintage(image: Image.Image, seed: int) -> Image.Image:
    grey = _array(image.convert("L"))[..., None] / 255
    sepia = grey * np.asarray((255, 232, 196), np.float32) + np.asarray((16, 10, 4), np.float32)
    pixels = sepia * 0.66 + _array(image) * 0.34
    spots = _noise(image.size, min(image.size) * 0.2, seed)
    return to_image(pixels * (1 + 0.03 * spots[..., None]))


_FILTERS: Final[dict[str, Callable[[Image.Image, int], Image.Image]]] = {
    "watercolor": _watercolor,
    "paper": _paper,
    "pixel": _pixel,
    "sketch": _sketch,
    "cinematic": _cinematic,
    "dreamy": _dreamy,
    "oil": _oil,
    "comic": _comic,
    "noir": _noir,
    "vintage": _vintage,
}


def apply_styles(image: Image.Image, styles: tuple[str, ...], seed: int) -> Image.Image:
    """Render a picture in one style after the other.

    Args:
        image: RGB.
        styles: Values of ``vocabulary.STYLES``.
        seed: For the paper's grain and the like.
    """
    for style in styles:
        image = _FILTERS[style](image, seed % 2**32)
    return image
