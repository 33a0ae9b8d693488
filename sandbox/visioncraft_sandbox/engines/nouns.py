"""Finds the thing that a noun names, in the table or among OpenMoji's pictures."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from visioncraft_sandbox.engines.vocabulary import THINGS, Thing
from visioncraft_sandbox.engines.weights import EngineUnavailable, openmoji_names

if TYPE_CHECKING:
    from collections.abc import Mapping

_IRREGULAR: Final[Mapping[str, str]] = MappingProxyType(
    {
        "mice": "mouse", "geese": "goose", "children": "child", "people": "person",
        "women": "woman", "men": "man", "oxen": "ox", "wolves": "wolf", "elves": "elf",
        "leaves": "leaf", "butterflies": "butterfly", "waves": "wave", "houses": "houses",
        "fishermen": "fisherman", "woods": "woods", "flowers": "flowers", "shelves": "shelf",
    }
)  # fmt: skip


def singular(word: str) -> str:
    """The singular of an English noun, by rule: ``"foxes"`` becomes ``"fox"``."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("xes", "ches", "shes", "sses", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word


# Names of OpenMoji pictures that are everyday words for something else.
_NOT_THINGS: Final = frozenset(
    [
        "skull",
        "poison",
        "eyes",
        "eye",
        "ear",
        "nose",
        "mouth",
        "tongue",
        "foot",
        "leg",
        "brain",
        "bone",
        "tooth",
        "fog",
        "foggy",
        "collision",
        "dash",
        "hole",
        "joystick",
        "label",
        "seat",
        "ring",
        "receipt",
        "link",
        "peace",
        "bell",
        "key",
        "lock",
        "scroll",
        "pager",
        "radio",
        "hammer",
        "pill",
        "syringe",
    ]
)


@lru_cache(maxsize=4096)
def find_thing(name: str) -> Thing | None:
    """The thing of that name, from the table or else from OpenMoji.

    Args:
        name: One to three words in lower case, singular or plural.

    Returns:
        The thing, or None.
    """
    for candidate in (name, singular(name)):
        if candidate in THINGS:
            return THINGS[candidate]
    try:
        names = openmoji_names()
    except EngineUnavailable:
        return None
    for candidate in (name, singular(name)):
        if len(candidate) > 3 and candidate in names and candidate not in _NOT_THINGS:
            return Thing(candidate, names[candidate], "ground", 0.16)
    return None
