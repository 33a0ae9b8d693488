"""The drawing engine's vocabulary, from ``things.txt`` and ``drawing_words.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final

from PIL import ImageColor

from visioncraft_sandbox.engines.weights import EngineUnavailable, openmoji_names


@dataclass(frozen=True)
class Thing:
    """Something that can stand in a scene: a line of ``things.txt``, which explains the fields."""

    name: str
    art: str
    habitat: str
    size: float
    place: str = ""


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _things() -> dict[str, Thing]:
    things: dict[str, Thing] = {}
    for line in _text("things.txt").splitlines():
        if line.startswith("#"):
            continue
        habitat, size, place, art, names = line.split(" ", 4)
        known = names.split(",")
        thing = Thing(known[0], art, habitat, float(size), "" if place == "-" else place)
        things.update(dict.fromkeys(known, thing))
    return things


def _names(text: str) -> list[str]:
    return [" ".join(name.split()) for name in text.split(",")]


def _meanings(table: str) -> dict[str, str]:
    return {name: meaning for meaning, names in _WORDS[table].items() for name in _names(names)}


_WORDS: Final[dict[str, Any]] = tomllib.loads(_text("drawing_words.toml"))
THINGS: Final = _things()
PLACES: Final = _meanings("places")
HOURS: Final = _meanings("hours")
WEATHER: Final = _meanings("weather")
STYLES: Final = _meanings("styles")
COLOURS: Final[dict[str, tuple[int, ...]]] = {
    name: ImageColor.getrgb(colour)[:3] for name, colour in _WORDS["colours"].items()
}
NUMBERS: Final[dict[str, int]] = _WORDS["numbers"]
SIZES: Final[dict[str, float]] = _WORDS["sizes"]
_PLURALS: Final[dict[str, str]] = _WORDS["plurals"]
TONED: Final = frozenset([*_names(_WORDS["toned"]["names"]), ",", ".", ";"])
_NOT_DRAWN: Final = frozenset(_names(_WORDS["not_drawn"]["names"]))


def singular(word: str) -> str:
    """The singular of an English noun, by rule: ``"foxes"`` becomes ``"fox"``."""
    if word in _PLURALS:
        return _PLURALS[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("xes", "ches", "shes", "sses", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word


@lru_cache(maxsize=4096)
def find_thing(name: str) -> Thing | None:
    """The thing of that name, from the table or else from OpenMoji.

    The name is one to three words in lower case, singular or plural.
    """
    candidates = (name, singular(name))
    for candidate in candidates:
        if candidate in THINGS:
            return THINGS[candidate]
    try:
        names = openmoji_names()
    except EngineUnavailable:
        return None
    for candidate in candidates:
        if len(candidate) > 3 and candidate in names and candidate not in _NOT_DRAWN:
            return Thing(candidate, names[candidate], "ground", 0.16)
    return None
