"""Drawing: a scene from the words of a prompt, in picture-book style.

Not a diffusion model: the things that a prompt names are OpenMoji artwork and drawings in its
manner, set into a painted landscape with the hour, weather, colours and style that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from PIL import Image

from visioncraft_sandbox.engines import lands, spaces, waters
from visioncraft_sandbox.engines.finishing import rendered
from visioncraft_sandbox.engines.parameters import DRAWN
from visioncraft_sandbox.engines.reading import Idea, read
from visioncraft_sandbox.engines.sky import paint_air, paint_sky
from visioncraft_sandbox.engines.stage import Placed, Stage, light_of
from visioncraft_sandbox.engines.staging import place_subjects

# The landscape's painter, and the height of its horizon as a part of the picture's.
_PLACES: Final[dict[str, tuple[Callable[[Stage], None], float]]] = {
    "sea": (waters.sea, 0.56),
    "beach": (waters.beach, 0.50),
    "lake": (waters.lake, 0.54),
    "hills": (lands.hills, 0.52),
    "mountains": (lands.mountain_land, 0.56),
    "forest": (lands.forest, 0.52),
    "desert": (lands.desert, 0.54),
    "city": (spaces.city, 0.66),
    "snow": (lands.snow, 0.54),
    "meadow": (lands.meadow, 0.52),
    "space": (spaces.space, 0.74),
    "underwater": (waters.underwater, 0.40),
    "room": (spaces.room, 0.50),
}
SMALLEST_SIDE: Final = 64
"""The fewest pixels that painters need; smaller pictures are drawn larger and scaled down."""

_SKYLESS: Final = frozenset({"underwater", "room"})


def set_stage(idea: Idea, width: int, height: int, *, keeping: Sequence[Placed] = ()) -> Stage:
    """Paint the background of an idea, and put everything in front of it into layers.

    The sides are in pixels; `keeping` are things that stay where they were on another stage of
    this size.
    """
    painter, horizon = _PLACES[idea.place]
    stage = Stage(
        idea=idea,
        width=width,
        height=height,
        light=light_of(idea),
        rng=np.random.default_rng(idea.seed),
        pixels=np.zeros((height, width, 3), np.float32),
        horizon=height * horizon,
    )
    if idea.place == "space":
        painter(stage)
        pixels = stage.pixels.copy()
        paint_sky(stage)
        stage.pixels = pixels
    else:
        if idea.place not in _SKYLESS:
            paint_sky(stage)
        painter(stage)
    place_subjects(stage, keeping)
    paint_air(stage)
    return stage


def draw(
    prompt: str,
    *,
    width: int = 1024,
    height: int = 1024,
    negative_prompt: str | None = None,
    seed: int | None = None,
    index: int = 0,
    style: str | None = None,
) -> Image.Image:
    """Draw a picture.

    Args:
        prompt: What to draw, in English.
        width: In pixels, 1 to 4096.
        height: In pixels, 1 to 4096.
        negative_prompt: What not to draw.
        seed: Each seed gives another picture of the same prompt.
        index: The picture's number within one request.
        style: A rendering style such as "watercolor", "paper cut", "pixel" or "sketch", or a model
            that has one, such as "midjourney" or "openjourney".

    Returns:
        An RGB picture; the same arguments always give the same pixels.
    """
    idea = read(prompt, negative_prompt=negative_prompt, seed=seed, index=index, style=style)
    drawn = rendered(set_stage(idea, max(width, SMALLEST_SIDE), max(height, SMALLEST_SIDE)))
    if drawn.size != (width, height):
        drawn = drawn.resize((width, height))
    names = ", ".join(subject.thing.name for subject in idea.subjects)
    drawn.info[DRAWN] = f"{names}; {idea.place}, {idea.hour}"
    return drawn
