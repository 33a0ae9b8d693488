"""What a picture shows, as far as the vision models agree.

An object counts if it is found in the picture and in its mirror image, and if the classifier, shown
that part of the picture alone, sees something of the kind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from visioncraft_sandbox.engines.eyes import Box, Eyes, Found, cut, overlap, views
from visioncraft_sandbox.engines.labels import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

# How likely something must be: to be considered, to be claimed with the classifier's support, to be
# claimed of a kind that the classifier does not know, and to be claimed against doubts.
_CONSIDERED, _SUPPORTED, _ALONE, _CERTAIN = 0.35, 0.5, 0.6, 0.85
_SUPPORT, _HINT = 0.15, 0.03
_NAMED = 0.5  # what the whole picture is of
_ANIMAL, _SOME_ANIMAL = "animal", 0.7
_MOST_CROPS = 8
_SMALLEST = 0.002  # of the picture


@dataclass(frozen=True)
class Thing:
    """Something that a picture shows.

    Attributes:
        name: What it is, in plain words.
        kinds: What else it is: a cheetah is a wild cat, a cat and an animal.
        box: Where; `None` if only the picture as a whole told.
        sure: Whether it may be claimed. The others are not spoken of, but their absence is not
            claimed either.
        detail: What it may be more exactly, such as a breed.
    """

    name: str
    kinds: frozenset[str]
    box: Box | None = None
    sure: bool = True
    detail: str | None = None


@dataclass(frozen=True)
class Sight:
    """What the models make of a picture.

    Attributes:
        things: What can be pointed at.
        whole: What the picture as a whole looks like, or `None`.
        scene: A kind of place, or `None`.
    """

    things: tuple[Thing, ...] = ()
    whole: Thing | None = None
    scene: str | None = None

    @property
    def sure(self) -> list[Thing]:
        """The things that may be claimed."""
        return [thing for thing in self.things if thing.sure]


def look(picture: Image.Image, eyes: Eyes) -> Sight:
    """Look at an RGB picture."""
    likely = eyes.classify(views(picture))
    things = []
    for number, found in enumerate(_distinct(eyes.detect(picture))):
        if number < _MOST_CROPS:
            crop = eyes.classify(views(cut(picture, found.box)))
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
    """The things, more exactly named by the picture as a whole, if it is of one of them."""
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
    """The likeliest of those that lie on each other, and none that is tiny."""
    kept: list[Found] = []
    for each in found:
        area = (each.box[2] - each.box[0]) * (each.box[3] - each.box[1])
        if each.score < _CONSIDERED or area < _SMALLEST:
            continue
        if not any(overlap(each.box, other.box) > 0.6 for other in kept):
            kept.append(each)
    return kept


def _claimed(found: Found, sure: bool) -> Thing:
    return Thing(found.kind, words().with_parents({found.kind}), found.box, sure)


def _thing(
    found: Found, crop: NDArray[np.float64], whole: NDArray[np.float64], eyes: Eyes
) -> Thing:
    seen = _class(crop, eyes, _CONSIDERED)
    is_animal = seen is not None and _ANIMAL in seen.kinds
    if _ANIMAL in words().with_parents({found.kind}):
        if seen is not None and is_animal:
            return _animal(found, seen, crop, eyes)
        known = words().kinds.get(found.kind, frozenset())
        return _claimed(found, found.score >= _CERTAIN and _share(crop, known) >= _SUPPORT)
    return _claimed(found, not is_animal and _is_confirmed(found, crop, whole))


def _animal(found: Found, seen: Thing, crop: NDArray[np.float64], eyes: Eyes) -> Thing:
    """The detector takes most animals for one of its ten, which the classifier corrects."""
    if found.kind not in seen.kinds:
        # Several unlikely breeds of dog are a sign of some animal, not of a dog.
        if crop.max() < _CONSIDERED and found.score >= _CERTAIN:
            return Thing(_ANIMAL, frozenset({_ANIMAL}), found.box)
        return replace(seen, box=found.box)
    if not words().kinds.get(found.kind, frozenset()) & _numbers_of(seen, eyes):
        return replace(seen, box=found.box)  # a cheetah is no house cat
    detail = seen.name if crop.max() >= _NAMED and seen.name != found.kind else None
    return Thing(found.kind, seen.kinds | {found.kind}, found.box, detail=detail)


def _is_confirmed(found: Found, crop: NDArray[np.float64], whole: NDArray[np.float64]) -> bool:
    known = words().kinds.get(found.kind, frozenset())
    if found.kind in words().doubtful:
        return found.score >= _CERTAIN and (not known or _share(crop, known) > _NAMED)
    if not known:
        return found.score >= _ALONE
    support = max(_share(crop, known), _share(whole, known))
    least = _SUPPORTED if support >= _SUPPORT else _CERTAIN
    return found.score >= least and support >= _HINT


def _scene(likely: NDArray[np.float64], whole: Thing | None) -> str | None:
    for name in whole.kinds if whole is not None else ():
        if name in words().scenes:
            return words().scenes[name]
    for place, numbers in words().places.items():
        if _share(likely, numbers) >= _NAMED:
            return place
    return None


def _share(likely: NDArray[np.float64], numbers: frozenset[int]) -> float:
    return float(likely[list(numbers)].sum()) if numbers else 0.0


def _numbers_of(thing: Thing, eyes: Eyes) -> frozenset[int]:
    """The classes that a thing's name stands for."""
    classes = {n for n, name in enumerate(eyes.class_names) if _plain(name) == thing.name}
    return words().kinds.get(thing.name, frozenset()) | classes


def _class(likely: NDArray[np.float64], eyes: Eyes, least: float) -> Thing | None:
    """The class, or else the kind, that is likely enough."""
    top = int(likely.argmax())
    name = eyes.class_names[top]
    if name in words().untrusted:
        return None
    if likely[top] >= least:
        return Thing(_plain(name), words().of_class(top) | {name, _plain(name)})
    shares = {kind: _share(likely, numbers) for kind, numbers in words().kinds.items()}
    animal = shares.pop(_ANIMAL)
    best = max(shares, key=lambda kind: shares[kind])
    if shares[best] >= least:
        return Thing(best, words().with_parents({best}))
    return Thing(_ANIMAL, frozenset({_ANIMAL})) if animal >= max(least, _SOME_ANIMAL) else None


def _plain(name: str) -> str:
    return words().plain.get(name, name)
