"""The colours of a picture, or of a part of it, by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visioncraft_sandbox.engines.labels import COLOURS

# Nearest in a space where equal steps look about equal.
_NAMES = list(COLOURS)
_MORE_WORDS = {"gray", "purple", "gold", "golden"}
COLOUR_WORDS = frozenset(" ".join(_NAMES).split()) - {"light", "dark", "sky", "navy"} | _MORE_WORDS
_KNOWN = np.array(list(COLOURS.values()), dtype=np.float32)
# The eye distinguishes greens best and blues worst ("redmean" without its correction).
_WEIGHTS = np.array([2.0, 4.0, 3.0], dtype=np.float32)
_SAMPLE = 96


def palette(picture: Image.Image, most: int = 4) -> list[str]:
    """The names of the main colours of an RGB picture, the most frequent first."""
    shares = _shares(_pixels(picture))
    ranked = shares.argsort()[::-1][:most]
    return [_NAMES[index] for index in ranked if shares[index] >= 0.06] or [_NAMES[ranked[0]]]


def colours_inside(picture: Image.Image, box: tuple[float, ...]) -> list[str]:
    """The colours of the thing in a box (left, top, right, bottom, from 0 to 1).

    The background in the box is discounted by the colours around the box.
    """
    inner, outer = (_shares(_pixels(cut(picture, box, more))) for more in (-0.2, 0.2))
    own = np.clip(inner - 0.5 * outer, 0, None)
    ranked = own.argsort()[::-1][:2]
    return [_NAMES[index] for index in ranked if own[index] >= max(0.08, 0.5 * own[ranked[0]])]


def cut(picture: Image.Image, box: tuple[float, ...], more: float) -> Image.Image:
    """The part of a picture in a box, with a margin on each side (as a part of the box)."""
    (left, top, right, bottom), (width, height) = box, picture.size
    more_x, more_y = (right - left) * more, (bottom - top) * more
    x0, y0 = int(max(0.0, left - more_x) * width), int(max(0.0, top - more_y) * height)
    x1, y1 = int(min(1.0, right + more_x) * width), int(min(1.0, bottom + more_y) * height)
    return picture.crop((x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)))


def light(picture: Image.Image) -> tuple[float, float]:
    """The mean brightness of a picture and its standard deviation, both from 0 to 1."""
    grey = np.asarray(_small(picture).convert("L"), dtype=np.float64) / 255
    return float(grey.mean()), float(grey.std())


def is_coloured(picture: Image.Image) -> bool:
    """Whether an RGB picture has colours other than greys."""
    pixels = _pixels(picture)
    spread = pixels.max(axis=1) - pixels.min(axis=1)
    return bool(np.quantile(spread, 0.95) > 24)


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, or ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _small(picture: Image.Image) -> Image.Image:
    small = picture.copy()
    small.thumbnail((_SAMPLE, _SAMPLE))
    return small


def _pixels(picture: Image.Image) -> NDArray[np.float32]:
    return np.asarray(_small(picture), dtype=np.float32).reshape(-1, 3)


def _shares(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    distance = (((pixels[:, None, :] - _KNOWN[None, :, :]) ** 2) * _WEIGHTS).sum(axis=2)
    counts = np.bincount(distance.argmin(axis=1), minlength=len(_NAMES))
    return (counts / max(1, len(pixels))).astype(np.float32)
