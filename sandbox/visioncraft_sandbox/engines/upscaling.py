"""Upscaling: Real-ESRGAN on the CPU, through ncnn, tile by tile."""

from __future__ import annotations

import os
import threading
from itertools import product
from typing import Any, Literal

import ncnn
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visioncraft_sandbox.engines.stopping import go_on
from visioncraft_sandbox.engines.weights import upscaler_model

# The network reads 18 pixels around each one; those beyond 10 change a value by 4 of 255 at most.
# Smaller tiles compute more pixels twice, larger ones leave the processor's cache.
_TILE = 256
_OVERLAP = 10


class Upscaler:
    """Enlarges pictures two or four times with realesr-animevideov3.

    The network for each factor loads at first use. Tiles of several threads take turns, so the
    memory is that of one tile.
    """

    name = "realesr-animevideov3 (ncnn)"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._networks: dict[int, Any] = {}

    def upscale(self, image: Image.Image, factor: Literal[2, 4] = 2) -> Image.Image:
        """The picture ``factor`` times as wide and high: RGB, or RGBA if it has transparency."""
        source = np.asarray(image.convert("RGB"), dtype=np.uint8)
        height, width = source.shape[:2]
        padded = np.pad(source, ((_OVERLAP, _OVERLAP), (_OVERLAP, _OVERLAP), (0, 0)), mode="edge")
        result = np.empty((height * factor, width * factor, 3), dtype=np.uint8)
        corners = list(product(range(0, height, _TILE), range(0, width, _TILE)))
        edge = _OVERLAP * factor
        for number, (top, left) in enumerate(corners):
            go_on(number / len(corners))
            bottom, right = min(top + _TILE, height), min(left + _TILE, width)
            tile = padded[top : bottom + 2 * _OVERLAP, left : right + 2 * _OVERLAP]
            result[top * factor : bottom * factor, left * factor : right * factor] = self._run(
                tile, factor
            )[edge:-edge, edge:-edge]
        enlarged = Image.fromarray(result)
        if image.has_transparency_data:
            alpha = image.convert("RGBA").getchannel("A")
            enlarged.putalpha(alpha.resize(enlarged.size, Image.Resampling.BICUBIC))
        return enlarged

    def _run(self, tile: NDArray[np.uint8], factor: Literal[2, 4]) -> NDArray[np.uint8]:
        with self._lock:
            planes = np.ascontiguousarray(tile.transpose(2, 0, 1), dtype=np.float32) / 255.0
            extractor = self._network(factor).create_extractor()
            extractor.input("data", ncnn.Mat(planes))
            status, out = extractor.extract("output")
            if status != 0:
                raise RuntimeError(f"ncnn could not run the upscaling network (status {status})")
            enlarged = np.array(out, dtype=np.float32)
        pixels = np.clip(enlarged * 255.0 + 0.5, 0, 255).astype(np.uint8)
        return np.asarray(pixels.transpose(1, 2, 0), np.uint8)

    def _network(self, factor: Literal[2, 4]) -> Any:
        if factor not in self._networks:
            param, weights = upscaler_model(factor)
            network = ncnn.Net()
            # Half of the cores stay free; more threads take more CPU time in total.
            network.opt.num_threads = max(1, (os.cpu_count() or 1) // 2)
            # Idle threads sleep at once: if they spin, they slow down all other work.
            network.opt.openmp_blocktime = 0
            network.opt.use_vulkan_compute = False
            # A tenth faster, with differences of at most 6 of 255.
            network.opt.use_bf16_storage = True
            if network.load_param(str(param)) != 0 or network.load_model(str(weights)) != 0:
                raise RuntimeError(f"ncnn could not load {param.name}")
            self._networks[factor] = network
        return self._networks[factor]
