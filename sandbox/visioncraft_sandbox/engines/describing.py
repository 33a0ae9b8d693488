"""Sentences about a picture: what is seen, read, measured, and stored in its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from visioncraft_sandbox.engines.colours import listed
from visioncraft_sandbox.engines.eyes import Box
from visioncraft_sandbox.engines.labels import PLAIN_KINDS, amount
from visioncraft_sandbox.engines.sight import Looked, Thing

_SHOWN_TEXT = 600  # letters
_STORED = "Stored in its file:"
_FURNITURE = {"vehicle", "furniture", "building"}


def description(looked: Looked, subject: str = "The picture") -> str:
    """Everything that is known about a picture, in a few sentences."""
    drawing = drawn(looked)
    made = stored(looked, "It was" if drawing else _STORED)
    parts = [seen(looked, subject), read(looked), drawing, made, measured(looked)]
    return " ".join(part for part in parts if part)


def caption(looked: Looked, subject: str = "The picture") -> str:
    """One sentence: the first that is not empty."""
    return seen(looked, subject) or drawn(looked) or read(looked) or measured(looked)


def seen(looked: Looked, subject: str = "The picture") -> str:
    """What the models see; empty if they are not sure of anything."""
    sight = looked.sight
    sentences = []
    if sight.sure:
        sentences.append(f"{subject} shows {placed(sight.sure)}.")
    if sight.whole:
        start = "As a whole it looks like" if sight.sure else f"{subject} looks like"
        sentences.append(f"{start} {amount(sight.whole.name, 1)}{_kind_of(sight.whole)}.")
    if sight.scene:
        sentences.append(f"The scene looks like {sight.scene}.")
    return " ".join(sentences)


def _kind_of(thing: Thing) -> str:
    """``, a flower``: the plainest kind of something with an uncommon name."""
    for kind in PLAIN_KINDS:
        if kind in thing.kinds and kind != thing.name:
            return f" ({kind})"
    return ""


def placed(things: Sequence[Thing]) -> str:
    """Things with their numbers and places: ``two people in front of a bus, on the left``."""
    groups: dict[str, list[Thing]] = {}
    for thing in things:
        groups.setdefault(thing.name, []).append(thing)
    stage = next((g[0] for g in groups.values() if len(g) == 1 and g[0].kinds & _FURNITURE), None)
    told, behind = [], False
    for name, group in groups.items():
        if stage is not None and group[0] is stage:
            continue
        words = amount(name, len(group))
        details = {thing.detail for thing in group}
        if None not in details and len(details) == 1:
            words += f" (perhaps {amount(str(details.pop()), 1)})"
        if stage is not None and all(_in_front(thing.box, stage.box) for thing in group):
            words, behind = f"{words} in front of {amount(stage.name, 1)}", True
        told.append(f"{words} {place(group)}".rstrip())
    if stage is not None and not behind:
        told.append(f"{amount(stage.name, 1)} {place([stage])}".rstrip())
    return listed(told)


def _in_front(box: Box | None, stage: Box | None) -> bool:
    """Whether something lower, and not much wider, covers a part of something."""
    if box is None or stage is None:
        return False
    middle = (box[0] + box[2]) / 2
    return stage[0] < middle < stage[2] and box[3] > stage[3] - 0.05 and box[1] > stage[1] - 0.05


def place(things: Sequence[Thing]) -> str:
    """Where things are, as far as one place holds for all of them."""
    boxes = [thing.box for thing in things if thing.box is not None]
    if not boxes or len(boxes) < len(things):
        return ""
    sides = Counter(_side(box) for box in boxes)
    return next(iter(sides)) if len(sides) == 1 else ""


def _side(box: Box) -> str:
    left, top, right, bottom = box
    across, down = (left + right) / 2, (top + bottom) / 2
    if right - left > 0.8 and bottom - top > 0.8:
        return ""
    if across < 0.38:
        return "on the left"
    if across > 0.62:
        return "on the right"
    if down < 0.3:
        return "at the top"
    return "at the bottom" if down > 0.75 else "in the middle"


def read(looked: Looked) -> str:
    """The text in the picture."""
    text = " / ".join(looked.lines)
    return f"The text in it reads: “{_cut(text)}”." if text else ""


def drawn(looked: Looked) -> str:
    """What the sandbox drew."""
    if not looked.setting:
        return ""
    told = f"; the setting is {looked.setting}" if looked.drawn else f"only {looked.setting}"
    return f"{_STORED} the drawing shows {counted(looked.drawn)}{told}."


def counted(things: Sequence[Thing]) -> str:
    """Things with their numbers: ``two cats and a boat``; empty if there are none."""
    numbers = Counter(thing.name for thing in things)
    return listed([amount(name, number) for name, number in numbers.items()]) if numbers else ""


def measured(looked: Looked) -> str:
    """Size, colours and light."""
    colours = listed(looked.colours)
    return f"{size(looked)} Its main colours are {colours}; it {brightness(looked)}."


def size(looked: Looked) -> str:
    """Width, height, format and number of frames."""
    width, height = looked.image.size
    shape = "landscape format" if width > height else "portrait format"
    shape = "square" if 0.95 < width / height < 1.05 else shape
    frames = getattr(looked.image, "n_frames", 1)
    motion = f", animated with {frames} frames" if frames > 1 else ""
    return f"It measures {width} x {height} pixels ({shape}{motion})."


def brightness(looked: Looked) -> str:
    """Its brightness and contrast in words."""
    mean, spread = looked.light
    bright = "dark" if mean < 0.33 else "bright" if mean > 0.66 else "of medium brightness"
    contrast = "low" if spread < 0.1 else "high" if spread > 0.25 else "medium"
    return f"is {bright} ({mean:.0%}) with {contrast} contrast"


def stored(looked: Looked, begin: str = _STORED) -> str:
    """What the file says about how the picture was made."""
    prompt, settings = (_cut(text) for text in looked.stored)
    parts = []
    if prompt:
        parts.append(f'{begin} made from the prompt "{prompt}".')
    if settings:
        parts.append(f"Settings stored with it: {settings}.")
    return " ".join(parts)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_TEXT else f"{text[:_SHOWN_TEXT].rstrip()} …"
