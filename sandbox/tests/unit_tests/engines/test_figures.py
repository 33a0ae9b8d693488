"""Figures: SVG files that are drawn in OpenMoji's manner."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

pytest.importorskip("PIL", reason="Pillow is not installed")

from PIL import Image
from visioncraft_sandbox.engines import artwork
from visioncraft_sandbox.engines.artwork import figure
from visioncraft_sandbox.engines.reading import THINGS

NAMES = sorted(
    file.name.removesuffix(".svg")
    for file in resources.files(artwork.__name__.rpartition(".")[0]).joinpath("figures").iterdir()
)
ALL_GROUPS = ("oars", "day", "clear")


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_drawn_as_high_as_it_is_asked_for(name: str) -> None:
    drawn = [figure(name, height, showing=ALL_GROUPS) for height in (40, 120)]
    assert [image.mode for image in drawn] == ["RGBA", "RGBA"]
    assert drawn[1].height == pytest.approx(3 * drawn[0].height, abs=4)
    assert drawn[1].height <= 120


@pytest.mark.parametrize("name", [name for name in NAMES if "data-tint" in artwork._text(name)])
def test_a_colour_changes_a_figure_and_not_its_outline(name: str) -> None:
    plain = np.asarray(figure(name, 90))
    green = np.asarray(figure(name, 90, (20, 200, 60)))
    assert (plain[..., 3] == green[..., 3]).all()
    assert (plain != green).any()


def test_every_thing_that_is_drawn_by_hand_has_a_figure() -> None:
    handmade = {thing.art[1:] for thing in THINGS.values() if thing.art.startswith("@")}
    assert handmade <= set(NAMES)


def test_groups_are_drawn_if_all_their_words_are_asked_for() -> None:
    windows = [
        figure("window", 60, showing=words).tobytes()
        for words in ((), ("day",), ("day", "clear"), ("day", "snowfall"), ("night", "snowfall"))
    ]
    assert len(set(windows)) == 5


def test_tall_riders_rise_above_the_grid_of_their_boat() -> None:
    rider = Image.new("RGBA", (30, 150), "red")
    assert figure("boat", 100, riders=[rider]).height > 150
    both = figure("boat", 100, riders=[rider, rider])
    assert both.width == figure("boat", 100, riders=[rider]).width


def test_an_element_that_figures_do_not_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 100"><circle r="2"/></svg>'
    monkeypatch.setattr(artwork, "_text", lambda _: text)
    with pytest.raises(ValueError, match="circle"):
        figure("of this test only", 50)


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_can_be_a_few_pixels_high(name: str) -> None:
    for height in range(1, 30):
        assert figure(name, height, showing=ALL_GROUPS).height <= max(height, 2)
