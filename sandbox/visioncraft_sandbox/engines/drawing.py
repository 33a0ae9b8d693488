"""Drawing: a scene from the words of a prompt, in picture-book style.

Not a diffusion model: the things that a prompt names are OpenMoji artwork and drawings in its
manner, set into a painted landscape with the hour, weather, colours and style that it names: each
in its habitat, none over another, the nearer ones in front.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from visioncraft_sandbox.engines import lands, spaces, waters
from visioncraft_sandbox.engines.artwork import INK, figure, portrait, shaded
from visioncraft_sandbox.engines.finishing import rendered
from visioncraft_sandbox.engines.parameters import DRAWN
from visioncraft_sandbox.engines.reading import Idea, Subject, read
from visioncraft_sandbox.engines.sky import paint_air, paint_sky
from visioncraft_sandbox.engines.stage import Box, Placed, Stage, halo, halved, light_of, mix, veil

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
_SEATED: Final = {"🐈": "^🐱", "🐕": "^🐶"}
_SHINING: Final = frozenset({"lantern", "candle", "campfire", "crystal ball", "pumpkin"})
_AFLOAT: Final = frozenset({"underwater", "space"})
# Vehicles: their height relative to the usual one, and their riders' relative to them.
_SEATS: Final = {"boat": (0.964, 2.286), "sailboat": (1.35, 1.5)}
# Where things fly or swim, as parts of the picture; in other places, in the sky.
_ALOFT: Final[dict[str, tuple[str, Box]]] = {
    "underwater": ("float", (0.08, 0.26, 0.92, 0.80)),
    "space": ("float", (0.10, 0.36, 0.90, 0.74)),
    "room": ("sky", (0.36, 0.22, 0.64, 0.44)),
}
_TREES: Final = frozenset({"@tree", "@pine", "🌴", "🎄", "🎋"})


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


def place_subjects(stage: Stage, keeping: Sequence[Placed] = ()) -> None:
    """Put every subject of the idea on the stage; those that are kept stay where they were."""
    subjects = list(stage.idea.subjects)
    riders = [s for s in subjects if s.aboard]
    alone = [s for s in subjects if not s.aboard]
    kept = list(keeping)
    boxes: list[Box] = [each.box for each in kept if each.name in {s.thing.name for s in alone}]
    crowd = 1.0 if len(alone) < 3 else max(0.62, 1.12 - 0.09 * len(alone))
    if len(alone) == 1:
        crowd = 1.18
    # Buildings first, sky last: things that cannot move choose before things that can fly aside.
    order = ("back", "water", "ground", "deep", "space", "sky")
    people: list[Box] = []
    kites: list[Box] = []
    for number, subject in sorted(
        enumerate(alone), key=lambda pair: order.index(pair[1].thing.habitat)
    ):
        known = next((each for each in kept if each.name == subject.thing.name), None)
        if known is not None:
            kept.remove(known)
            box = _place_again(stage, subject, riders, number, known)
        else:
            box = _place(stage, subject, riders, number, boxes=boxes, crowd=crowd)
            boxes.append(box)
        people += [box] * (subject.thing.art[0] == "&")
        kites += [box] * (subject.thing.name == "kite")
    if people and kites:
        _string(stage, kites[0], people[0])


def _zone(stage: Stage, subject: Subject) -> tuple[str, Box]:
    """The zone's kind and, for the middle of the lower edge, its left, top, right, bottom."""
    habitat, place = subject.thing.habitat, stage.idea.place
    wide, high = stage.width, stage.height
    left, right = stage.span[0] * wide, stage.span[1] * wide
    if habitat in {"sky", "space"} or (habitat in {"water", "deep"} and place in _AFLOAT):
        lowest = 0.62 if place == "forest" else 0.90
        horizon = stage.horizon / high
        sky = "sky", (0.06, horizon * 0.26, 0.94, horizon * lowest)
        kind, box = _ALOFT.get(place, sky)
        return kind, (box[0] * wide, box[1] * high, box[2] * wide, box[3] * high)
    if habitat in {"water", "deep"} and stage.water is not None and place != "room":
        shore = stage.ground is not None and place == "sea"
        if shore and stage.span[0] > 0.1:
            left, right = 0.0, left
        elif shore:
            left, right = right, float(wide)
        else:
            left, right = 0.06 * wide, 0.94 * wide
        return "water", (left, stage.water[0], right, stage.water[1])
    if habitat == "back" and stage.back is not None:
        return "back", (left, stage.back[0], right, stage.back[1])
    if stage.ground is not None:
        return "ground", (left, stage.ground[0], right, stage.ground[1])
    return "sky", (0.06 * wide, high * 0.2, 0.94 * wide, high * 0.6)


def _place(
    stage: Stage, subject: Subject, riders: list[Subject], number: int,
    *, boxes: list[Box], crowd: float,
) -> Box:  # fmt: skip
    kind, zone = _zone(stage, subject)
    size = subject.thing.size * subject.scale * crowd
    if kind == "back" and stage.idea.place == "sea":
        size *= 0.86
    height = min(size * stage.unit, stage.height * 0.62)
    if kind == "back":
        height = min(height, zone[3] * 0.88)
    room = max(zone[2] - zone[0], stage.width * 0.2)
    limit = min(stage.width * 0.8, room * (1.25 if kind == "back" else 1.0))
    image = narrowed(_picture(stage, subject, riders, height, number), limit)
    turned = kind in {"sky", "float"} and stage.rng.random() < 0.5 and subject.thing.name != "kite"
    placed = Placed(subject.thing.name, _choose(stage, kind, zone, image, boxes), turned)
    return _lay(stage, subject, kind, image, placed)


def narrowed(image: Image.Image, limit: float) -> Image.Image:
    """The picture, smaller if it is wider than that."""
    if image.width <= limit:
        return image
    size = max(1, round(limit)), max(1, round(image.height * limit / image.width))
    return image.resize(size, Image.Resampling.LANCZOS)


def _place_again(
    stage: Stage, subject: Subject, riders: list[Subject], number: int, known: Placed
) -> Box:
    """Put a subject where it was, in the same size."""
    left, top, right, foot = known.box
    kind, _ = _zone(stage, subject)
    image = _picture(stage, subject, riders, foot - top, number)
    image = image.resize((max(1, round(right - left)), max(1, round(foot - top))))
    return _lay(stage, subject, kind, image, known)


def _picture(
    stage: Stage, subject: Subject, riders: list[Subject], height: float, number: int
) -> Image.Image:
    number += stage.idea.seed % 97
    if riders and subject.thing.name in _SEATS:
        own, part = _SEATS[subject.thing.name]
        seated: list[Image.Image] = []
        for rider in riders:
            art = _SEATED.get(rider.thing.art)
            if art is not None:
                rider = replace(rider, thing=replace(rider.thing, art=art, size=0.30))  # noqa: PLW2901
            tall = rider.thing.size * max(0.85, rider.scale) * height
            seated.append(portrait(rider, tall * part, number))
        riders.clear()
        image = figure(subject.thing.name, round(height * own), subject.tint, riders=seated)
    else:
        image = portrait(subject, height, number)
    # A little of their own light: faces must stay readable at night.
    ambient = mix(stage.light.ambient, (1, 1, 1), 0.32)
    if stage.idea.place == "underwater":
        ambient = mix(ambient, (0.72, 0.92, 1.0), 0.7)
    if stage.idea.place == "room":
        ambient = (1.0, 0.92, 0.84)
    if subject.thing.name in _SHINING:
        ambient = mix(ambient, (1.08, 1.04, 0.98), 0.8)
    return shaded(image, ambient)


def _choose(stage: Stage, kind: str, zone: Box, image: Image.Image, boxes: list[Box]) -> Box:
    """The best of many random places: apart from the others, in the frame, well composed."""
    wide, high = image.size
    left, right = zone[0] + wide / 2, zone[2] - wide / 2
    left, right = max(left, wide * 0.54), min(right, stage.width - wide * 0.54)
    if left > right:
        left = right = min(max((zone[0] + zone[2]) / 2, wide / 2), stage.width - wide / 2)
    best, least = (left, zone[3]), float("inf")
    third = 1 / 3 if stage.idea.seed % 2 else 2 / 3
    for _ in range(90):
        x, foot = stage.rng.uniform(left, right), stage.rng.uniform(zone[1], zone[3])
        if kind in {"sky", "float"}:
            foot = max(foot, high * 1.06)
        box = (x - wide / 2, foot - high, x + wide / 2, foot)
        cost = 0.0
        for other in boxes:
            pad = stage.unit * 0.012
            over_x = min(box[2], other[2]) - max(box[0], other[0]) + pad
            over_y = min(box[3], other[3]) - max(box[1], other[1]) + pad
            if over_x > 0 and over_y > 0:
                smaller = min(wide * high, (other[2] - other[0]) * (other[3] - other[1]))
                cost += 3 * over_x * over_y / max(smaller, 1) + 0.3
        middle = (zone[0] + (zone[2] - zone[0]) * third) if not boxes else (zone[0] + zone[2]) / 2
        cost += 0.5 * abs(x - middle) / max(stage.width, 1)
        beside = abs(x - stage.sun[0]) < wide / 2
        cost += 0.25 * (beside and box[1] - high < stage.sun[1] < box[3] + high * 0.3)
        if kind == "ground":
            cost += 0.12 * abs(foot - (zone[1] + zone[3]) / 2) / max(zone[3] - zone[1], 1)
        if cost < least:
            best, least = (x, foot), cost
    x, foot = best
    return (x - wide / 2, foot - high, x + wide / 2, foot)


def _lay(stage: Stage, subject: Subject, kind: str, image: Image.Image, placed: Placed) -> Box:
    """Put a subject with its shadow and its light on the stage."""
    stage.placed.append(placed)
    if placed.turned:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    left, top, right, foot = placed.box
    wide, middle, unit = right - left, (left + right) / 2, stage.unit
    phase = float(stage.rng.random())
    rise = stage.lift if kind in {"ground", "back"} else 0.0
    if kind in {"ground", "back"}:
        _shadow(stage, middle, foot, wide * 0.51, foot + rise - 0.6)
    depth = foot + rise
    motion, reach = "still", 0.0
    if kind == "water":
        motion, reach, depth = "bob", unit * 0.008, foot - unit * 0.035
        _shadow(stage, middle, foot - unit * 0.012, wide * 0.5, depth - 0.5)
    elif kind in {"sky", "float"}:
        motion, reach, depth = "bob", unit * 0.014, -10 + foot / stage.height
        depth = depth if kind == "sky" else foot
    elif kind == "ground" and not subject.thing.art.startswith("@campfire"):
        motion, reach = "hop", unit * 0.012
    if kind == "back":
        depth -= 1.0 if subject.thing.art in _TREES else 0.0
        if stage.idea.place != "sea":
            depth = min(depth, stage.height * 0.755)
    stage.put(image, left, top, depth, motion, reach, phase)
    _light(stage, subject, kind, placed.box, depth)
    return placed.box


def _light(stage: Stage, subject: Subject, kind: str, box: Box, depth: float) -> None:
    """The light of lamps, of a lighthouse in the dark, and of windows."""
    left, top, right, foot = box
    tall, middle, unit, name = foot - top, (left + right) / 2, stage.unit, subject.thing.name
    dark = stage.idea.hour in {"night", "dusk"} or "storm" in stage.idea.weather
    glow: tuple[float, float, int] | None = None  # its height, size and strength
    if name in _SHINING:
        glow = foot - tall * 0.45, unit * 0.55, 150
    elif name == "lighthouse" and dark:
        _beam(stage, middle, top + tall * 0.19, depth - 0.8)
        glow = top + tall * 0.19, unit * 0.44, 190
    elif dark and kind == "back" and subject.thing.art.startswith("@"):
        glow = foot - tall * 0.3, (right - left) * 1.43, 80
    if glow is not None:
        y, size, strength = glow
        stage.shine(halo(size, (255, 222, 150), strength, fall=2.2), middle, y, depth + 0.5)


def _shadow(stage: Stage, x: float, y: float, wide: float, depth: float) -> None:
    half, high = max(4, int(wide * 1.3)), max(3, int(wide * 0.22))
    dark = Image.new("RGBA", (2 * half, 2 * high), (22, 24, 48, 0))
    box = (half - wide * 0.95, high * 0.45, half + wide * 0.95, high * 1.55)
    ImageDraw.Draw(dark).ellipse(box, fill=(22, 24, 48, 120))
    blurred = dark.filter(ImageFilter.GaussianBlur(max(1.0, high * 0.26)))
    stage.put(blurred, x - half, y - high * 1.1, depth)


def _beam(stage: Stage, x: float, y: float, depth: float) -> None:
    """Two cones of light from a lamp."""
    across, down = stage.columns - x, stage.rows - y
    away = np.hypot(across, down) + 1
    angle = np.arctan2(down, np.abs(across)) - np.where(across > 0, -0.10, 0.06)
    cone = np.exp(-((angle / 0.085) ** 2)) * np.exp(-away / (stage.unit * 0.75)) * 0.72
    stage.put(veil((255, 236, 170), cone), 0, 0, depth, "twinkle", phase=0.25)


def _string(stage: Stage, kite: Box, person: Box) -> None:
    """The string from the kite's tail to a hand."""
    start = (kite[2] - (kite[2] - kite[0]) * 0.08, kite[3] - (kite[3] - kite[1]) * 0.02)
    end = ((person[0] + person[2]) / 2 + (person[2] - person[0]) * 0.25,
           person[1] + (person[3] - person[1]) * 0.66)  # fmt: skip
    sheet = Image.new("RGBA", (stage.width * 2, stage.height * 2), (250, 246, 236, 0))
    part = np.linspace(0, 1, 41)
    across = np.interp(part, (0, 1), (start[0], end[0]))
    down = np.interp(part, (0, 1), (start[1], end[1])) + stage.unit * 0.05 * np.sin(part * np.pi)
    points = list(zip(across * 2, down * 2, strict=True))
    width = max(1, round(stage.unit * 0.005))
    ImageDraw.Draw(sheet).line(points, fill=(*INK, 210), width=width, joint="curve")
    stage.put(halved(sheet), 0, 0, person[3] + stage.lift - 0.5)
