"""Image to image and inpainting: edits a picture towards a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFilter

from visioncraft_sandbox.engines.artwork import portrait, shaded
from visioncraft_sandbox.engines.drawing import SMALLEST_SIDE, set_stage
from visioncraft_sandbox.engines.finishing import base_picture, finish, flatten
from visioncraft_sandbox.engines.reading import read
from visioncraft_sandbox.engines.redrawing import drawn_stage, redrawn
from visioncraft_sandbox.engines.stage import to_image
from visioncraft_sandbox.engines.styles import apply_styles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from visioncraft_sandbox.engines.reading import Idea

_REPLACING = 0.9
"""From this strength on, a new scene replaces a picture of which nothing is known."""


def rework(
    image: Image.Image,
    prompt: str,
    *,
    negative_prompt: str | None = None,
    strength: float = 0.8,
    mask: Image.Image | None = None,
    seed: int | None = None,
) -> Image.Image:
    """Edit a picture: its light, colours and style; in a drawing of the sandbox also its things.

    Args:
        image: The source picture.
        prompt: The target, in English.
        negative_prompt: What not to draw.
        strength: 0 keeps the picture, 1 replaces it.
        mask: White where to repaint, black where to keep the picture; any size.
        seed: Each seed gives another result.

    Returns:
        A picture of the same size; RGBA if the source has transparency, else RGB. Outside the
        mask every pixel is that of the source.
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
        result = redrawn(source, was, idea, strength) if was else _reworked(source, idea, strength)
    else:
        result = _repainted(source, idea, strength, mask)
    if alpha is not None:
        result.putalpha(alpha)
    return result


def _reworked(source: Image.Image, idea: Idea, strength: float) -> Image.Image:
    """Another light, other colours and another style; at last, another scene.

    What a picture shows is not known here: things are not added, as they might stand there already.
    """
    stage = set_stage(idea, *source.size)
    scene = finish(flatten(base_picture(stage), stage.layers), stage)
    result = scene if strength >= _REPLACING else _towards(source, scene, idea, strength)
    styled = apply_styles(result, idea.styles, idea.seed)
    return Image.blend(result, styled, _ease(strength / 0.35))


def _ease(part: float) -> float:
    part = min(max(part, 0.0), 1.0)
    return part * part * (3 - 2 * part)


def _towards(source: Image.Image, scene: Image.Image, idea: Idea, strength: float) -> Image.Image:
    """The source with the scene's palette: mean and spread of lightness and of both colours."""
    ours = np.asarray(source.convert("YCbCr"), np.float32)
    theirs = np.asarray(scene.resize((64, 64), Image.Resampling.BOX).convert("YCbCr"), np.float32)
    mean, spread = ours.mean(axis=(0, 1)), ours.std(axis=(0, 1)) + 1.0
    goal_mean, goal_spread = theirs.mean(axis=(0, 1)), theirs.std(axis=(0, 1)) + 1.0
    gain = np.clip(goal_spread / spread, 0.6, 1.6)
    moved = (ours - mean) * gain + goal_mean
    lightness = 0.9 if idea.named_hour else 0.55
    weight = np.asarray((lightness, 0.9, 0.9), np.float32) * min(1.0, strength * 1.15)
    pixels = ours + (moved - ours) * weight
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "YCbCr").convert("RGB")


def _repainted(source: Image.Image, idea: Idea, strength: float, mask: Image.Image) -> Image.Image:
    cover = mask.convert("L").resize(source.size, Image.Resampling.BILINEAR)
    box = cover.getbbox()
    if box is None:
        return source.copy()
    left, top, right, bottom = box
    hole = cover.crop(box)
    if idea.named_place or not idea.named_things:
        stage = set_stage(idea, max(16, right - left), max(16, bottom - top))
        scene = finish(flatten(base_picture(stage), stage.layers), stage)
    else:
        # Only things are named: the surroundings go on behind them.
        scene = _centred(_filled(source, cover).crop(box), idea)
    scene = apply_styles(scene.resize(hole.size, Image.Resampling.LANCZOS), idea.styles, idea.seed)
    part = _ease(strength / 0.75)
    old = np.asarray(source.crop(box), np.float32)
    # The seam is soft inwards only: outside the mask nothing may change.
    soft = hole.filter(ImageFilter.GaussianBlur(max(1.0, min(hole.size) * 0.012)))
    weight = np.minimum(np.asarray(hole, np.float32), np.asarray(soft, np.float32) * 1.15) / 255
    weight = np.clip(weight, 0, 1)[..., None] * part
    new: NDArray[np.float32] = old + (np.asarray(scene, np.float32) - old) * weight
    result = source.copy()
    result.paste(to_image(new + 0.5), (left, top))
    return result


def _filled(source: Image.Image, cover: Image.Image) -> Image.Image:
    """The picture with the masked part filled from its edges, each pixel from the nearest ones."""
    pixels = np.asarray(source, np.float32)
    known = np.asarray(cover) < 8
    if not known.any():
        return source
    total = np.zeros_like(pixels)
    weights = np.full(known.shape, 1e-9, np.float32)
    # Landscapes lie in level bands, so what is beside a pixel says more than what is above it.
    for axis, trust in ((1, 6.0), (0, 1.0)):
        for backwards in (False, True):
            seen = np.flip(known, axis) if backwards else known
            colours = np.flip(pixels, axis) if backwards else pixels
            steps = np.arange(known.shape[axis]).reshape((-1, 1) if axis == 0 else (1, -1))
            last = np.maximum.accumulate(np.where(seen, steps, -1), axis=axis)
            away = (steps - last).astype(np.float32)
            part = np.where(last >= 0, trust / np.maximum(away, 1) ** 1.5, 0).astype(np.float32)
            nearest = np.take_along_axis(colours, np.maximum(last, 0)[..., None], axis=axis)
            if backwards:
                part, nearest = np.flip(part, axis), np.flip(nearest, axis)
            total += nearest * part[..., None]
            weights += part
    filled = to_image(total / weights[..., None])
    soft = filled.filter(ImageFilter.GaussianBlur(max(1.0, min(source.size) * 0.006)))
    hole = Image.fromarray((~known).astype(np.uint8) * 255)
    return Image.composite(soft, source, hole)


def _centred(ground: Image.Image, idea: Idea) -> Image.Image:
    """The subjects, large, in the middle of what is repainted."""
    shown = idea.subjects[:3]
    wide, high = ground.size
    result = ground.copy()
    for number, subject in enumerate(shown):
        image = shaded(portrait(subject, high * 0.78, idea.seed % 97 + number), (1.0, 1.0, 1.0))
        room = wide * 0.9 / len(shown)
        if image.width > room:
            size = (max(1, int(room)), max(1, int(image.height * room / image.width)))
            image = image.resize(size, Image.Resampling.LANCZOS)
        x = wide * (number + 0.5) / len(shown) - image.width / 2
        result.paste(image, (round(x), round((high - image.height) * 0.6)), image)
    return result
