"""Image to image and inpainting: a picture reworked towards a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from langchain_visioncraft.sandbox.engines.drawing import set_stage
from langchain_visioncraft.sandbox.engines.finishing import base_picture, finish, flatten
from langchain_visioncraft.sandbox.engines.reading import read
from langchain_visioncraft.sandbox.engines.styles import apply_styles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from langchain_visioncraft.sandbox.engines.reading import Idea
    from langchain_visioncraft.sandbox.engines.stage import Layer, Stage


def rework(
    image: Image.Image,
    prompt: str,
    *,
    negative_prompt: str | None = None,
    strength: float = 0.8,
    mask: Image.Image | None = None,
    seed: int | None = None,
) -> Image.Image:
    """Rework a picture: first its light and colours, then its things, then all of it.

    Args:
        image: The source picture.
        prompt: What it is to become, in English.
        negative_prompt: What not to draw.
        strength: 0 leaves the picture as it is, 1 gives a new one in its place.
        mask: White where to repaint, black where nothing may change; any size.
        seed: Another number, another result.

    Returns:
        A picture of the same size; RGBA if the source has transparency, else RGB. Outside the
        mask every pixel is that of the source.
    """
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    source = image.convert("RGB")
    strength = min(max(strength, 0.0), 1.0)
    idea = read(prompt, negative_prompt=negative_prompt, seed=seed)
    if strength == 0.0:
        result = source.copy()
    elif mask is None:
        result = _reworked(source, idea, strength)
    else:
        result = _repainted(source, idea, strength, mask)
    if alpha is not None:
        result.putalpha(alpha)
    return result


def _reworked(source: Image.Image, idea: Idea, strength: float) -> Image.Image:
    stage = set_stage(idea, *source.size)
    base = base_picture(stage)
    scene = finish(flatten(base, stage.layers), stage)
    toned = _towards(source, scene, min(1.0, strength * 1.15))
    # From half strength on, the new landscape shows through, from its far parts to its near ones.
    part = _ease((strength - 0.45) / 0.55)
    mixed = Image.blend(toned, finish(base, stage), part * 0.92)
    things = _things(stage) if part < 0.75 else stage.layers
    if strength >= 0.3 and part < 1.0:
        mixed = Image.blend(mixed, flatten(mixed, things), _ease((strength - 0.2) / 0.3))
    result = scene if part >= 1.0 else mixed
    styled = apply_styles(result, idea.styles, idea.seed)
    return Image.blend(result, styled, _ease(strength / 0.7))


def _ease(part: float) -> float:
    part = min(max(part, 0.0), 1.0)
    return part * part * (3 - 2 * part)


def _things(stage: Stage) -> list[Layer]:
    """The layers of the prompt's own subjects: they lie where things stand and hop or bob."""
    wanted = {"hop", "bob", "still"}
    limit = stage.width * stage.height * 0.7
    return [
        layer
        for layer in stage.layers[stage.scenery :]
        if layer.motion in wanted and layer.image.width * layer.image.height < limit
    ]


def _towards(source: Image.Image, scene: Image.Image, part: float) -> Image.Image:
    """The source with the scene's palette: mean and spread of lightness and of both colours."""
    ours = np.asarray(source.convert("YCbCr"), np.float32)
    theirs = np.asarray(scene.resize((64, 64), Image.Resampling.BOX).convert("YCbCr"), np.float32)
    mean, spread = ours.mean(axis=(0, 1)), ours.std(axis=(0, 1)) + 1.0
    goal_mean, goal_spread = theirs.mean(axis=(0, 1)), theirs.std(axis=(0, 1)) + 1.0
    gain = np.clip(goal_spread / spread, 0.6, 1.6)
    moved = (ours - mean) * gain + goal_mean
    weight = np.asarray((0.55, 0.9, 0.9), np.float32) * part
    pixels = ours + (moved - ours) * weight
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "YCbCr").convert("RGB")


def _repainted(source: Image.Image, idea: Idea, strength: float, mask: Image.Image) -> Image.Image:
    cover = mask.convert("L").resize(source.size, Image.Resampling.BILINEAR)
    box = cover.getbbox()
    if box is None:
        return source.copy()
    left, top, right, bottom = box
    hole = cover.crop(box)
    stage = set_stage(idea, max(16, right - left), max(16, bottom - top))
    if idea.named_place or not idea.subjects:
        scene = finish(flatten(base_picture(stage), stage.layers), stage)
    else:
        # Only things are named: the surroundings go on behind them.
        ground = _filled(source, cover).crop(box).resize((stage.width, stage.height))
        scene = flatten(ground, _things(stage))
    scene = apply_styles(scene.resize(hole.size, Image.Resampling.LANCZOS), idea.styles, idea.seed)
    part = _ease(strength / 0.75)
    old = np.asarray(source.crop(box), np.float32)
    # The seam is soft inwards only: outside the mask nothing may change.
    soft = hole.filter(ImageFilter.GaussianBlur(max(1.0, min(hole.size) * 0.012)))
    weight = np.minimum(np.asarray(hole, np.float32), np.asarray(soft, np.float32) * 1.15) / 255
    weight = np.clip(weight, 0, 1)[..., None] * part
    new: NDArray[np.float32] = old + (np.asarray(scene, np.float32) - old) * weight
    result = source.copy()
    result.paste(Image.fromarray(np.clip(new + 0.5, 0, 255).astype(np.uint8)), (left, top))
    return result


def _filled(source: Image.Image, cover: Image.Image) -> Image.Image:
    """The picture with the masked part filled from what surrounds it, from coarse to fine."""
    known = (np.asarray(cover, np.float32) < 8).astype(np.float32)
    if not known.any():
        return source
    levels: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    colour, weight = np.asarray(source, np.float32) * known[..., None], known
    while min(weight.shape) > 1 and len(levels) < 12:
        levels.append((colour, weight))
        size = (max(1, (weight.shape[1] + 1) // 2), max(1, (weight.shape[0] + 1) // 2))
        colour, weight = _shrunk(colour, size), _shrunk(weight, size)
    filled = colour / np.clip(weight, 1e-4, None)[..., None]
    for colour, weight in reversed(levels):
        wide = _planes(filled, (weight.shape[1], weight.shape[0]), Image.Resampling.BILINEAR)
        own = np.clip(weight, 0, 1)[..., None]
        filled = wide * (1 - own) + colour / np.clip(weight, 1e-4, None)[..., None] * own
    return Image.fromarray(np.clip(filled, 0, 255).astype(np.uint8))


def _shrunk(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return _planes(values, size, Image.Resampling.BOX)


def _planes(
    values: NDArray[np.float32], size: tuple[int, int], how: Image.Resampling
) -> NDArray[np.float32]:
    if values.ndim == 2:
        return np.asarray(Image.fromarray(values).resize(size, how), np.float32)
    planes = [_planes(np.ascontiguousarray(values[..., c]), size, how) for c in range(3)]
    return np.stack(planes, axis=-1)
