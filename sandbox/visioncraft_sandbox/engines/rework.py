"""Image to image and inpainting: edits a picture towards a prompt.

The scene of the sandbox's own drawings is known, and redrawn with the changes: things that the
prompt keeps stay in place, and the landscape is the same one in another light.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageStat

from visioncraft_sandbox.engines.artwork import portrait, shaded
from visioncraft_sandbox.engines.drawing import SMALLEST_SIDE, narrowed, set_stage
from visioncraft_sandbox.engines.finishing import apply_styles, painted, reduced, rendered
from visioncraft_sandbox.engines.parameters import read_parameters, split_parameters
from visioncraft_sandbox.engines.reading import Idea, Subject, read
from visioncraft_sandbox.engines.stage import Stage, to_image
from visioncraft_sandbox.engines.stopping import go_on

_REPLACING_UNKNOWN = 0.9
"""From this strength on, a new scene replaces an unknown picture."""
_REPLACING = 0.6
"""From this strength on, places and things that the prompt does not name are replaced."""
_ADDING = 0.3
_SHOWING = 0.4
_MOST_PICTURES = 4
_ALIKE = 3.0
_MOST_PIXELS = 1_100_000
"""Of a drawing of the sandbox: a million, and a little more for sides in multiples of 8."""
_FACTORS = (1, 2, 4)
"""The factors by which an enlarged drawing may exceed the size in its text."""


def rework(
    image: Image.Image,
    prompt: str,
    *,
    negative_prompt: str | None = None,
    strength: float = 0.8,
    mask: Image.Image | None = None,
    seed: int | None = None,
) -> Image.Image:
    """Edit a picture: its light, colours and style; in the sandbox's own drawings, also things.

    A `strength` of 0 keeps the picture, 1 replaces it. A mask, of any size, is white where to
    repaint; outside it every pixel is that of the source. The result has the size of the source,
    and is RGBA if that has transparency, else RGB.
    """
    if min(image.size) < SMALLEST_SIDE:
        # Painters need a minimum of pixels. Nearest-pixel sampling restores the original exactly.
        size = tuple(max(side, SMALLEST_SIDE) for side in image.size)
        large = image.resize((size[0], size[1]), Image.Resampling.NEAREST)
        options: dict[str, Any] = {"strength": strength, "mask": mask, "seed": seed}
        done = rework(large, prompt, negative_prompt=negative_prompt, **options)
        return done.resize(image.size, Image.Resampling.NEAREST)
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    source = image.convert("RGB")
    strength = min(max(strength, 0.0), 1.0)
    idea = read(prompt, negative_prompt=negative_prompt, seed=seed)
    if strength == 0.0:
        result = source.copy()
    elif mask is None:
        was = drawn_stage(image)
        result = _redrawn(source, was, idea, strength) if was else _reworked(source, idea, strength)
    else:
        result = _repainted(source, idea, strength, mask)
    if alpha is not None:
        result.putalpha(alpha)
    return result


def _reworked(source: Image.Image, idea: Idea, strength: float) -> Image.Image:
    """Change light, colours and style; at high strength, the scene.

    The content of the picture is unknown here: things are not added, as they may already be in it.
    """
    scene = _scene(idea, source.size)
    result = scene if strength >= _REPLACING_UNKNOWN else _towards(source, scene, idea, strength)
    go_on()
    styled = apply_styles(result, idea.styles, idea.seed)
    return Image.blend(result, styled, _ease(strength / 0.35))


def _scene(idea: Idea, size: tuple[int, int]) -> Image.Image:
    """The scene in this size, painted with no more pixels than drawings have."""
    part = min(1.0, (_MOST_PIXELS / (size[0] * size[1])) ** 0.5)
    width, height = (max(16, round(side * part)) for side in size)
    return painted(set_stage(idea, width, height)).resize(size, Image.Resampling.LANCZOS)


def _ease(part: float) -> float:
    part = min(max(part, 0.0), 1.0)
    return part * part * (3 - 2 * part)


def _towards(source: Image.Image, scene: Image.Image, idea: Idea, strength: float) -> Image.Image:
    """The source with the scene's palette: mean and spread of lightness and of both colours."""
    ours = source.convert("YCbCr")
    theirs = scene.resize((64, 64), Image.Resampling.BOX).convert("YCbCr")
    mean, spread, goal_mean, goal_spread = (
        np.asarray(values)
        for stat in map(ImageStat.Stat, (ours, theirs))
        for values in (stat.mean, stat.stddev)
    )
    gain = np.clip((goal_spread + 1) / (spread + 1), 0.6, 1.6)
    lightness = 0.9 if idea.named_hour else 0.55
    weight = np.asarray((lightness, 0.9, 0.9)) * min(1.0, strength * 1.15)
    levels = np.arange(256)[:, None]
    moved = levels + ((levels - mean) * gain + goal_mean - levels) * weight
    return ours.point(np.clip(moved, 0, 255).astype(int).T.ravel().tolist()).convert("RGB")


def _repainted(source: Image.Image, idea: Idea, strength: float, mask: Image.Image) -> Image.Image:
    cover = mask.convert("L").resize(source.size, Image.Resampling.BILINEAR)
    box = cover.getbbox()
    if box is None:
        return source.copy()
    hole = cover.crop(box)
    if idea.named_place or not idea.named_things:
        scene = _scene(idea, hole.size)
    else:
        # Only things are named: the surroundings continue behind them.
        scene = _centred(_filled(source, cover).crop(box), idea)
    scene = apply_styles(scene, idea.styles, idea.seed)
    part = _ease(strength / 0.75)
    # The seam is soft inwards only: outside the mask nothing may change.
    soft = hole.filter(ImageFilter.GaussianBlur(max(1.0, min(hole.size) * 0.012)))
    seam = ImageChops.darker(hole, soft.point(lambda value: value * 1.15))
    result = source.copy()
    result.paste(scene, box, seam.point(lambda value: value * part))
    return result


def _filled(source: Image.Image, cover: Image.Image) -> Image.Image:
    """The picture with the masked part filled from its edges, each pixel from the nearest ones."""
    hole = cover.point(lambda value: 255 * (value >= 8))
    pixels = np.asarray(reduced(source), np.float32)
    known = np.asarray(reduced(hole)) == 0
    if not known.any():
        return source
    total = np.zeros_like(pixels)
    weights = np.full(known.shape, 1e-9, np.float32)
    # Landscapes consist of horizontal bands, so a pixel resembles its neighbours at the sides.
    for axis, trust in ((1, 6.0), (0, 1.0)):
        length = known.shape[axis]
        steps = np.arange(length).reshape((-1, 1) if axis == 0 else (1, -1))
        before = np.maximum.accumulate(np.where(known, steps, -1), axis=axis)
        backwards = np.flip(np.where(known, steps, length), axis)
        behind = np.flip(np.minimum.accumulate(backwards, axis=axis), axis)
        for found in (before, behind):
            weight = trust / np.maximum(np.abs(steps - found), 1) ** 1.5
            inside = (found >= 0) & (found < length)
            part = np.where(inside, weight, 0).astype(np.float32)
            nearest = np.clip(found, 0, length - 1)[..., None]
            total += np.take_along_axis(pixels, nearest, axis=axis) * part[..., None]
            weights += part
    filled = to_image(total / weights[..., None]).resize(source.size)
    soft = filled.filter(ImageFilter.GaussianBlur(max(1.0, min(source.size) * 0.006)))
    return Image.composite(soft, source, hole)


def _centred(ground: Image.Image, idea: Idea) -> Image.Image:
    """The subjects, large, in the middle of what is repainted."""
    shown = idea.subjects[:3]
    result = reduced(ground).copy()
    wide, high = result.size
    for number, subject in enumerate(shown):
        image = shaded(portrait(subject, high * 0.78, idea.seed % 97 + number), (1.0, 1.0, 1.0))
        image = narrowed(image, wide * 0.9 / len(shown))
        x = wide * (number + 0.5) / len(shown) - image.width / 2
        result.paste(image, (round(x), round((high - image.height) * 0.6)), image)
    return result.resize(ground.size)


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
    if size[0] * size[1] > _MOST_PIXELS:
        return None
    negative = rest.partition("Negative prompt: ")[2].partition("\n")[0] or None
    seed = int(said["Seed"]) if re.fullmatch("[0-9]{1,20}", said.get("Seed", "")) else None
    for index in range(_MOST_PICTURES):
        go_on()
        idea = read(
            prompt, negative_prompt=negative, seed=seed, index=index, style=said.get("Model")
        )
        stage = set_stage(idea, *size)
        if _alike(rendered(stage), image):
            return stage
    return None


def _redrawn(source: Image.Image, was: Stage, now: Idea, strength: float) -> Image.Image:
    """The drawing with what a prompt changes, in the size of `source`."""
    stage = set_stage(_changed(was.idea, now, strength), was.width, was.height, keeping=was.placed)
    scene = rendered(stage).resize(source.size, Image.Resampling.LANCZOS)
    return Image.blend(source, scene, min(1.0, strength / _SHOWING))


def _alike(one: Image.Image, other: Image.Image) -> bool:
    small = [each.convert("RGB").resize((64, 64), Image.Resampling.BOX) for each in (one, other)]
    first, second = (np.asarray(each, np.float32) for each in small)
    return float(np.abs(first - second).mean()) < _ALIKE


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
    """The things that the prompt keeps (perhaps in another colour) or adds, and maybe the rest."""
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
