"""Measures how loud a track is, and tells a voice from hiss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LOUD = 10 ** (-50 / 20)
"""Of full scale. Louder sound is always sent; quieter sound only if it is not hiss."""

_CANCELLED = 0.1
"""Channels cancel each other if their sum has at most this part of the loudest one's amplitude."""


@dataclass
class Level:
    """The loudness of a track on each channel, relative to its own zero line."""

    loudest: float = 0.0
    cancelled: bool = False
    _low: Any = None
    _high: Any = None
    _energy: float = 0.0
    _neighbours: float = 0.0
    _most: float = 0.0
    _count: int = 0

    @np.errstate(all="ignore")  # 64-bit floating point may hold any number
    def add(self, samples: NDArray[Any]) -> None:
        """Add samples: channels by samples, as they were decoded."""
        if not samples.size:
            return
        full = full_scale(samples.dtype)
        samples = np.nan_to_num(samples)
        low, high = samples.min(axis=1), samples.max(axis=1)
        if self._low is None or len(low) != len(self._low):
            self._low, self._high = low, high
        self._low, self._high = np.minimum(self._low, low), np.maximum(self._high, high)
        # A constant is silence.
        widths = (self._high.astype(np.float64) - self._low) / (2 * full)
        self.loudest = max(self.loudest, float(np.nan_to_num(widths).max()))
        if self.loudest < _LOUD and widths.any():
            self._add_texture(samples.astype(np.float32) / full)

    @np.errstate(all="ignore")
    def compare(self, samples: NDArray[Any]) -> None:
        """Detect whether channels cancel each other; a few of the samples are enough."""
        if len(samples) > 1 and samples.size and not self.cancelled:
            samples = np.nan_to_num(samples)
            together = float(np.abs(samples.sum(axis=0, dtype=np.float32)).max())
            loudest = float(np.abs(samples.astype(np.float32)).max())
            self.cancelled = together < _CANCELLED * loudest

    def _add_texture(self, samples: NDArray[np.float32]) -> None:
        for channel in samples - samples.mean(axis=1, keepdims=True):
            energy = float(np.dot(channel, channel))
            self._energy += energy
            self._neighbours += float(np.dot(channel[1:], channel[:-1]))
            self._most = max(self._most, energy / len(channel))
            self._count += len(channel)

    @property
    def silent(self) -> bool:
        """Whether there is nothing, or only the even hiss of a converter, far below speech.

        In a voice, however quiet, each sample resembles the previous one; in hiss it does not.
        """
        if self.loudest >= _LOUD:
            return False
        if self.loudest < 1e-7 or not self._energy:
            return True
        even = self._most < 8 * self._energy / self._count
        return even and self._neighbours < 0.3 * self._energy


def full_scale(dtype: Any) -> float:
    """The amplitude of the loudest sound in samples of this type."""
    return float(2 ** (8 * dtype.itemsize - 1)) if dtype.kind == "i" else 1.0
