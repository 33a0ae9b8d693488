"""Image to image on the sandbox's own drawings: the scene is known, and drawn again as changed.

What the prompt keeps stays where it was; the landscape is the same one in another light.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from visioncraft_sandbox.engines.drawing import SMALLEST_SIDE, set_stage
from visioncraft_sandbox.engines.finishing import base_picture, finish, flatten
from visioncraft_sandbox.engines.parameters import read_parameters, split_parameters
from visioncraft_sandbox.engines.reading import read
from visioncraft_sandbox.engines.styles import apply_styles

if TYPE_CHECKING:
    from visioncraft_sandbox.engines.reading import Idea, Subject
    from visioncraft_sandbox.engines.stage import Stage

_MOST_PICTURES = 4
_ALIKE = 3.0
_FACTORS = (1, 2, 4)
"""By which an enlarged drawing is larger than its text says."""
_REPLACING = 0.6
"""From this strength on, the prompt's place and things replace those that it does not name."""
_ADDING = 0.3
_SHOWING = 0.4


def drawn_stage(image: Image.Image) -> Stage | None:
    """The stage of one of the sandbox's own drawings; ``None`` for any other picture.

    The text in the picture says what was drawn; only the pixels prove it.
    """
    prompt, rest = split_parameters(read_parameters(image) or "")
    said = dict(
        part.split(": ", 1) for part in rest.replace("\n", ", ").split(", ") if ": " in part
    )
    sizes = [(image.width // factor, image.height // factor) for factor in _FACTORS]
    size = next((each for each in sizes if said.get("Size") == f"{each[0]}x{each[1]}"), None)
    if not prompt or size is None or min(size) < SMALLEST_SIDE:
        return None
    negative = rest.partition("Negative prompt: ")[2].partition("\n")[0] or None
    seed = int(said["Seed"]) if said.get("Seed", "").isdecimal() else None
    for index in range(_MOST_PICTURES):
        idea = read(
            prompt, negative_prompt=negative, seed=seed, index=index, style=said.get("Model")
        )
        stage = set_stage(idea, *size)
        if _alike(_picture(stage), image):
            return stage
    return None


def redrawn(source: Image.Image, was: Stage, now: Idea, strength: float) -> Image.Image:
    """The drawing with what a prompt changes, in the size of `source`."""
    stage = set_stage(_changed(was.idea, now, strength), was.width, was.height, keeping=was.placed)
    scene = _picture(stage).resize(source.size, Image.Resampling.LANCZOS)
    return Image.blend(source, scene, min(1.0, strength / _SHOWING))


def _picture(stage: Stage) -> Image.Image:
    picture = flatten(base_picture(stage), stage.layers)
    return apply_styles(finish(picture, stage), stage.idea.styles, stage.idea.seed)


def _alike(one: Image.Image, other: Image.Image) -> bool:
    small = [
        np.asarray(each.convert("RGB").resize((64, 64), Image.Resampling.BOX), np.float32)
        for each in (one, other)
    ]
    return float(np.abs(small[0] - small[1]).mean()) < _ALIKE


def _changed(was: Idea, now: Idea, strength: float) -> Idea:
    moves = now.named_place and strength >= _REPLACING
    relit = now.named_hour or bool(now.weather)
    return replace(
        was,
        place=now.place if moves else was.place,
        mountains=now.mountains if moves else was.mountains,
        hour=now.hour if now.named_hour else was.hour,
        weather=now.weather if relit else was.weather,
        subjects=_subjects(was, now, strength),
        accent=now.accent or was.accent,
        styles=now.styles or was.styles,
        hidden=now.hidden,
    )


def _subjects(was: Idea, now: Idea, strength: float) -> tuple[Subject, ...]:
    """What the prompt keeps, as it was but for its colour; what it adds; and perhaps the rest."""
    old = [each for each in was.subjects if each.thing.name not in now.hidden]
    if not now.named_things:
        return tuple(old)
    found: list[Subject] = []
    names = {each.thing.name for each in old}
    for subject in now.subjects:
        known = next((each for each in old if each.thing.name == subject.thing.name), None)
        if known is not None:
            old.remove(known)
            found.append(replace(known, tint=subject.tint or known.tint, waving=subject.waving))
        elif strength >= _ADDING and subject.thing.name not in names:
            found.append(subject)
    return (*found, *(old if strength < _REPLACING else ()))
