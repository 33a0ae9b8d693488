"""What a picture shows, as far as the vision models agree.

An object counts if it is found in the picture and in its mirror image, and if the classifier, shown
that part of the picture alone, sees something of the kind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visioncraft_sandbox.engines import labels
from visioncraft_sandbox.engines.colours import cut, is_coloured, light, palette
from visioncraft_sandbox.engines.eyes import Box, Eyes, Found, overlap, views
from visioncraft_sandbox.engines.parameters import read_drawn, read_parameters, split_parameters

# How likely something must be: to be considered, to be claimed with the classifier's support, to be
# claimed of a kind that the classifier does not know, and to be claimed against doubts.
_CONSIDERED, _SUPPORTED, _ALONE, _CERTAIN = 0.35, 0.5, 0.6, 0.85
_SUPPORT, _HINT = 0.15, 0.03
_NAMED = 0.5  # what the whole picture is of
_ANIMAL, _SOME_ANIMAL = "animal", 0.7
_MOST_CROPS = 8
_SMALLEST = 0.002  # of the picture
_SIDE = 1280  # pixels; models look at larger pictures scaled down


@dataclass(frozen=True)
class Thing:
    """Something that a picture shows.

    What is not `sure` is not spoken of, but its absence is not claimed either.
    """

    name: str  # in plain words
    kinds: frozenset[str]  # what else it is: a cheetah is a wild cat, a cat and an animal
    box: Box | None = None  # where; `None` if only the picture as a whole showed it
    sure: bool = True
    detail: str | None = None  # a more exact name that it may have, such as a breed


@dataclass(frozen=True)
class Sight:
    """The models' findings about a picture."""

    things: tuple[Thing, ...] = ()  # what can be pointed at
    whole: Thing | None = None  # what the picture as a whole looks like
    scene: str | None = None  # a kind of place

    @property
    def sure(self) -> list[Thing]:
        """The things that may be claimed."""
        return [thing for thing in self.things if thing.sure]


class Looked:
    """A picture that is analysed only as far as needed.

    Args:
        image: As opened from its file.
        eyes: The models; without them, only measurements and the file's own text are available.
    """

    def __init__(self, image: Image.Image, eyes: Eyes | None) -> None:
        self.image = image
        self.rgb = _on_paper(image)
        names, self.setting = read_drawn(image)
        """The place and the hour of a drawing of the sandbox."""
        self.drawn = list(map(_called, names))
        """What the sandbox drew, if it made the picture; models do not look at such pictures."""
        self._eyes = None if self.setting else eyes
        prompt, settings = split_parameters(read_parameters(image) or "")
        self.stored = " ".join(prompt.split()), " ".join(settings.split()).rstrip(".")
        """The prompt and the settings in the file; empty if there are none."""
        self.colours = palette(self.rgb)
        self.is_coloured = is_coloured(self.rgb)
        self.light = light(self.rgb)
        """Mean brightness and contrast, from 0 to 1."""

    @cached_property
    def sight(self) -> Sight:
        """What is seen."""
        return look(self.rgb, self._eyes) if self._eyes else Sight()

    @cached_property
    def lines(self) -> list[str]:
        """The text in the picture."""
        return self._eyes.read(self.rgb) if self._eyes else []

    @property
    def things(self) -> list[Thing]:
        """All that may be claimed: drawn, or seen as an object, as a whole, or as a place."""
        seen = self.sight
        found = [*self.drawn, *seen.sure, *([seen.whole] if seen.whole else [])]
        if seen.scene:
            found.append(_called(seen.scene.removeprefix("a ").removeprefix("the ")))
        return found


def _called(name: str) -> Thing:
    kinds = {name, *labels.meanings_of(name.rpartition(" ")[2])}
    return Thing(name, labels.with_parents(kinds))


def _on_paper(image: Image.Image) -> Image.Image:
    """The picture in RGB, not too large, transparent pixels on white, as on a page."""
    small = image.copy()
    small.thumbnail((_SIDE, _SIDE))
    if small.has_transparency_data:
        layered = small.convert("RGBA")
        small = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)
    return small.convert("RGB")


def look(picture: Image.Image, eyes: Eyes) -> Sight:
    """Look at an RGB picture."""
    likely = eyes.classify(views(picture))
    things = []
    for number, found in enumerate(_distinct(eyes.detect(picture))):
        if number < _MOST_CROPS:
            crop = eyes.classify(views(cut(picture, found.box, 0.1)))
            things.append(_thing(found, crop, likely, eyes))
        else:
            things.append(_claimed(found, found.score >= _ALONE))
    whole = _class(likely, eyes, _NAMED)
    scene = _scene(likely, whole)
    if scene:
        whole = None
    elif whole is not None:
        things, whole = _named(things, whole, one_class=likely.max() >= _CONSIDERED)
    return Sight(tuple(things), whole, scene)


def _named(
    things: list[Thing], whole: Thing, *, one_class: bool
) -> tuple[list[Thing], Thing | None]:
    """The things, with the more exact name of one if the whole picture shows it."""
    same = [thing for thing in things if thing.sure and thing.name in whole.kinds | {whole.name}]
    if not same:
        return things, whole
    if one_class and len(same) == 1 and same[0].name != whole.name:
        named = replace(same[0], kinds=same[0].kinds | whole.kinds)
        if named.name == _ANIMAL:
            named = replace(named, name=whole.name)
        else:
            named = replace(named, detail=named.detail or whole.name)
        things = [named if thing is same[0] else thing for thing in things]
    return things, None


def _distinct(found: list[Found]) -> list[Found]:
    """The likeliest of overlapping things, without tiny ones."""
    kept: list[Found] = []
    for each in found:
        area = (each.box[2] - each.box[0]) * (each.box[3] - each.box[1])
        if each.score < _CONSIDERED or area < _SMALLEST:
            continue
        if not any(overlap(each.box, other.box) > 0.6 for other in kept):
            kept.append(each)
    return kept


def _claimed(found: Found, sure: bool) -> Thing:
    return Thing(found.kind, labels.with_parents({found.kind}), found.box, sure)


def _thing(
    found: Found, crop: NDArray[np.float64], whole: NDArray[np.float64], eyes: Eyes
) -> Thing:
    seen = _class(crop, eyes, _CONSIDERED)
    is_animal = seen is not None and _ANIMAL in seen.kinds
    if _ANIMAL in labels.with_parents({found.kind}):
        if seen is not None and is_animal:
            return _animal(found, seen, crop, eyes)
        known = labels.KINDS.get(found.kind, frozenset())
        return _claimed(found, found.score >= _CERTAIN and _share(crop, known) >= _SUPPORT)
    return _claimed(found, not is_animal and _is_confirmed(found, crop, whole))


def _animal(found: Found, seen: Thing, crop: NDArray[np.float64], eyes: Eyes) -> Thing:
    """The detector takes most animals for one of its ten, which the classifier corrects."""
    if found.kind not in seen.kinds:
        # Several unlikely breeds of dog are a sign of some animal, not of a dog.
        if crop.max() < _CONSIDERED and found.score >= _CERTAIN:
            return Thing(_ANIMAL, frozenset({_ANIMAL}), found.box)
        return replace(seen, box=found.box)
    if not labels.KINDS.get(found.kind, frozenset()) & _numbers_of(seen, eyes):
        return replace(seen, box=found.box)  # a cheetah is not a house cat
    detail = seen.name if crop.max() >= _NAMED and seen.name != found.kind else None
    return Thing(found.kind, seen.kinds | {found.kind}, found.box, detail=detail)


def _is_confirmed(found: Found, crop: NDArray[np.float64], whole: NDArray[np.float64]) -> bool:
    known = labels.KINDS.get(found.kind, frozenset())
    if found.kind in labels.DOUBTFUL:
        return found.score >= _CERTAIN and (not known or _share(crop, known) > _NAMED)
    if not known:
        return found.score >= _ALONE
    support = max(_share(crop, known), _share(whole, known))
    least = _SUPPORTED if support >= _SUPPORT else _CERTAIN
    return found.score >= least and support >= _HINT


def _scene(likely: NDArray[np.float64], whole: Thing | None) -> str | None:
    for name in whole.kinds if whole is not None else ():
        if name in labels.SCENES:
            return labels.SCENES[name]
    for place, numbers in labels.PLACES.items():
        if _share(likely, numbers) >= _NAMED:
            return place
    return None


def _share(likely: NDArray[np.float64], numbers: frozenset[int]) -> float:
    return float(likely[list(numbers)].sum()) if numbers else 0.0


def _numbers_of(thing: Thing, eyes: Eyes) -> frozenset[int]:
    """The classes that a thing's name may mean."""
    classes = {n for n, name in enumerate(eyes.class_names) if _plain(name) == thing.name}
    return labels.KINDS.get(thing.name, frozenset()) | classes


def _class(likely: NDArray[np.float64], eyes: Eyes, least: float) -> Thing | None:
    """The class, or else the kind, that is likely enough."""
    top = int(likely.argmax())
    name = eyes.class_names[top]
    if name in labels.UNTRUSTED:
        return None
    if likely[top] >= least:
        kinds = labels.with_parents(kind for kind, each in labels.KINDS.items() if top in each)
        return Thing(_plain(name), kinds | {name, _plain(name)})
    shares = {kind: _share(likely, numbers) for kind, numbers in labels.KINDS.items()}
    animal = shares.pop(_ANIMAL)
    best = max(shares, key=lambda kind: shares[kind])
    if shares[best] >= least:
        return Thing(best, labels.with_parents({best}))
    return Thing(_ANIMAL, frozenset({_ANIMAL})) if animal >= max(least, _SOME_ANIMAL) else None


def _plain(name: str) -> str:
    return labels.PLAIN.get(name, name)
