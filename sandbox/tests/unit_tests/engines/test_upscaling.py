"""Upscaling with the real network."""

import functools

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
pytest.importorskip("ncnn", reason="ncnn is not installed")

from visioncraft_sandbox.engines import stopping, weights  # noqa: E402
from visioncraft_sandbox.engines.drawing import draw  # noqa: E402
from visioncraft_sandbox.engines.upscaling import Upscaler  # noqa: E402

try:
    weights.upscaler_model(2)
except weights.EngineUnavailable as error:
    pytest.skip(str(error), allow_module_level=True)


@pytest.fixture(scope="module")
def upscaler():
    return Upscaler()


@pytest.fixture(scope="module")
def source():
    return draw("a fox in the snow", width=48, height=32)


@pytest.fixture(scope="module")
def enlarged(upscaler, source):
    """The source, enlarged by a factor; once for all tests."""
    return functools.cache(lambda factor: upscaler.upscale(source, factor))


@pytest.mark.parametrize("factor", [2, 4])
def test_the_picture_grows_by_the_factor(enlarged, factor):
    assert enlarged(factor).size == (48 * factor, 32 * factor)


@pytest.mark.parametrize("factor", [2, 4])
def test_made_small_again_it_is_the_source(enlarged, source, factor):
    again = enlarged(factor).resize(source.size, Image.Resampling.BOX)
    away = np.abs(np.asarray(again, dtype=float) - np.asarray(source, dtype=float)).mean()
    assert away < 8


def test_edges_are_sharper_than_those_of_plain_resizing(enlarged, source):
    def edges(image):
        return np.abs(np.diff(np.asarray(image.convert("L"), dtype=float), axis=1)).max(1).mean()

    plain = source.resize((192, 128), Image.Resampling.BICUBIC)
    assert edges(enlarged(4)) > 1.2 * edges(plain)


def test_the_tiles_that_are_done_are_reported(upscaler, monkeypatch, source):
    monkeypatch.setattr("visioncraft_sandbox.engines.upscaling._TILE", 24)
    reported = []
    token = stopping.reporter.set(reported.append)
    upscaler.upscale(source, 2)
    stopping.reporter.reset(token)
    assert reported == [0.0, 0.25, 0.5, 0.75]


def test_tiles_meet_without_a_seam(upscaler, enlarged, monkeypatch, source):
    whole = np.asarray(enlarged(2), dtype=float)
    monkeypatch.setattr("visioncraft_sandbox.engines.upscaling._TILE", 24)
    tiled = np.asarray(upscaler.upscale(source, 2), dtype=float)
    assert np.abs(whole - tiled).max() <= 3


def test_transparency_is_kept(upscaler, source):
    see_through = source.copy()
    see_through.putalpha(77)
    assert upscaler.upscale(see_through, 2).getchannel("A").getextrema() == (77, 77)


def test_threads_can_share_one_upscaler(upscaler, source):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: upscaler.upscale(source, 2).tobytes(), range(2)))
    assert len(set(results)) == 1
