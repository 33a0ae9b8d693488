"""Descriptions of pictures: measurements, and the text in their files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from visioncraft_sandbox.engines.parameters import read_parameters, split_parameters

NOTE = (
    "These are measurements by the sandbox, which runs no vision model: it does not recognise "
    "what a picture shows."
)

# Widely known colour names; nearest in a space where equal steps look about equal.
_COLOURS = {
    "black": (0, 0, 0), "dark grey": (64, 64, 64), "grey": (128, 128, 128),
    "light grey": (200, 200, 200), "white": (255, 255, 255), "red": (220, 40, 40),
    "dark red": (120, 20, 20), "pink": (245, 165, 190), "orange": (245, 145, 40),
    "brown": (125, 80, 45), "beige": (230, 210, 175), "yellow": (250, 220, 60),
    "olive": (125, 125, 45), "green": (60, 160, 60), "dark green": (25, 80, 40),
    "light green": (160, 215, 140), "teal": (25, 130, 130), "turquoise": (80, 205, 200),
    "light blue": (160, 205, 240), "sky blue": (100, 175, 235), "blue": (50, 95, 210),
    "navy blue": (20, 30, 90), "violet": (130, 75, 190), "lavender": (190, 175, 230),
    "magenta": (210, 55, 160), "cream": (250, 240, 215),
}  # fmt: skip
_SAMPLE = 96
_SHOWN_TEXT = 600


def describe(images: Sequence[Image.Image], question: str = "") -> str:
    """Describe pictures in a few plain sentences.

    Args:
        images: The pictures, as opened from their files.
        question: The question; only a request for brevity is understood.

    Returns:
        The measurements (size, colours, brightness, contrast, frames) and the generation text in
        the file, labelled as such.
    """
    if len(images) == 1:
        sentences = [_described(images[0], "The picture")]
    else:
        sentences = [
            _described(image, f"Picture {number}") for number, image in enumerate(images, 1)
        ]
    if any(word in question.lower() for word in ("one sentence", "briefly", "short caption")):
        sentences = [text.partition(". ")[0].rstrip(".") + "." for text in sentences]
    return " ".join([*sentences, NOTE])


def _described(image: Image.Image, subject: str) -> str:
    frames = getattr(image, "n_frames", 1)
    text = read_parameters(image)
    shape = _orientation(image.width, image.height)
    motion = f", animated with {frames} frames" if frames > 1 else ""
    colours = _palette(image)
    parts = [
        f"{subject} measures {image.width} x {image.height} pixels ({shape}{motion}).",
        f"Its main colours are {_listed(colours)}; {_light(image)}.",
    ]
    if text:
        prompt, settings = (" ".join(part.split())[:_SHOWN_TEXT] for part in split_parameters(text))
        if prompt:
            parts.insert(
                0,
                f"According to the text stored in its file, {subject.lower()} was made from the "
                f'prompt "{prompt}".',
            )
        if settings:
            parts.append(f"The settings stored with it: {settings.rstrip('.')}.")
    return " ".join(parts)


def _orientation(width: int, height: int) -> str:
    if 0.95 < width / height < 1.05:
        return "square"
    return "landscape format" if width > height else "portrait format"


def _sample(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((_SAMPLE, _SAMPLE))
    if small.has_transparency_data:
        # Transparent pixels appear on white, as on a page.
        layered = small.convert("RGBA")
        small = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)
    return small.convert("RGB")


def _palette(image: Image.Image) -> list[str]:
    pixels = np.asarray(_sample(image), dtype=np.float64).reshape(-1, 3)
    names = list(_COLOURS)
    known = np.array([_COLOURS[name] for name in names], dtype=np.float64)
    # The eye tells greens apart best and blues worst ("redmean" without its correction).
    weights = np.array([2.0, 4.0, 3.0])
    distance = (((pixels[:, None, :] - known[None, :, :]) ** 2) * weights).sum(axis=2)
    counts = np.bincount(distance.argmin(axis=1), minlength=len(names))
    ranked = counts.argsort()[::-1][:4]
    return [names[index] for index in ranked if counts[index] >= 0.06 * len(pixels)] or [
        names[ranked[0]]
    ]


def _light(image: Image.Image) -> str:
    grey = np.asarray(_sample(image).convert("L"), dtype=np.float64)
    mean, spread = float(grey.mean()) / 255, float(grey.std()) / 255
    brightness = "dark" if mean < 0.33 else "bright" if mean > 0.66 else "of medium brightness"
    contrast = "low" if spread < 0.1 else "high" if spread > 0.25 else "medium"
    return f"it is {brightness} ({mean:.0%}) with {contrast} contrast"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
