"""Reads a prompt as the idea of a picture; ``things.txt`` has the things that can be drawn."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import Any, Final

from PIL import ImageColor

from visioncraft_sandbox.engines.weights import EngineUnavailable, openmoji_names

_MAX_SUBJECTS = 9
_RIDES = frozenset({"boat", "sailboat", "ship", "galleon"})
# In these phrases the second word does not name a thing.
_IDIOMS = re.compile(
    r"\b(best|high|top|low|bad|worst) (quality|rating)|masterpiece|highly detailed|"
    r"(ultra|4k|8k|hd)\b|children'?s (picture )?book|picture book|story ?book|book page|"
    r"soft (light|colou?rs)|on fire|camera|\bpage\b"
)
_WITHOUT = re.compile(r"\b(?:without|no)\s+((?:[\w'-]+\s*){1,2})")


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


@dataclass(frozen=True)
class Subject:
    """One thing to draw."""

    thing: Thing
    scale: float = 1.0  # its size relative to the usual one
    tint: tuple[int, ...] | None = None  # its colour, if the prompt gave one
    aboard: bool = False  # whether it sits in the scene's boat
    waving: bool = False  # whether a person waves


@dataclass(frozen=True)
class Idea:
    """The picture that a prompt asks for; `named_…` is whether the prompt chose that."""

    seed: int  # from prompt, seed and index; everything random follows from it
    place: str  # the landscape, a value of ``PLACES``
    named_place: bool
    named_things: bool
    hour: str  # the time of day, a value of ``HOURS``
    named_hour: bool
    weather: frozenset[str]  # values of ``WEATHER``
    subjects: tuple[Subject, ...]  # what is to be drawn, in the prompt's order
    accent: tuple[int, ...] | None  # a colour for the whole picture
    styles: tuple[str, ...]  # rendering styles, values of ``STYLES``
    mountains: bool  # whether there are mountains behind the place
    hidden: frozenset[str]  # words that must not be drawn


def _split(text: str) -> list[str]:
    # Longer words would fill the cache of things.
    words = r"[a-z][a-z'-]{0,40}[a-z]|[a-z]|\d{1,40}|[,.;]"
    return re.findall(words, text.lower().replace("\u2019", "'"))


def _phrases(words: list[str], at: int) -> list[tuple[int, str]]:
    """The phrases of three, two and one words that start there."""
    lengths = (length for length in (3, 2, 1) if at + length <= len(words))
    return [(length, " ".join(words[at : at + length])) for length in lengths]


def _meaning(table: Mapping[str, str], phrase: str) -> str | None:
    return table.get(phrase) or table.get(singular(phrase))


def _found(table: Mapping[str, str], words: list[str]) -> list[str]:
    phrases = (phrase for at in range(len(words)) for _, phrase in _phrases(words, at))
    found = (_meaning(table, phrase) for phrase in phrases)
    return list(dict.fromkeys(meaning for meaning in found if meaning))


def _hidden(prompt: str, negative_prompt: str | None) -> frozenset[str]:
    left_out = " , ".join([negative_prompt or "", *_WITHOUT.findall(prompt.lower())])
    words = _split(left_out)
    hidden: set[str] = set()
    for at in range(len(words)):
        for _, phrase in _phrases(words, at):
            hidden |= {phrase, singular(phrase)}
            thing = find_thing(phrase)
            if thing is not None:
                hidden.add(thing.name)
            for table in (PLACES, HOURS, WEATHER):
                meaning = _meaning(table, phrase)
                # "sea" and "storm" are meanings; "waves" alone is no reason to drop the sea.
                if meaning and singular(phrase) in {meaning, meaning.rstrip("s")}:
                    hidden.add(meaning)
    return frozenset(hidden)


def read(
    prompt: str,
    *,
    negative_prompt: str | None = None,
    seed: int | None = None,
    index: int = 0,
    style: str | None = None,
) -> Idea:
    """Read a prompt in English; unknown words are ignored. For the arguments see `draw`.

    The same arguments give the same idea on every machine and in every process.
    """
    chosen = f"{prompt.strip()}\x1f{'' if seed is None else seed}\x1f{index}"
    number = int.from_bytes(hashlib.sha256(chosen.encode()).digest()[:8], "big")
    hidden = _hidden(prompt, negative_prompt)
    text = _IDIOMS.sub(" , ", _WITHOUT.sub(" , ", prompt.lower()))
    words = _split(text)
    subjects, accent = _subjects(words, hidden)
    if "lighthouse keeper" in text:
        for thing in _named("lighthouse", hidden):
            _add(subjects, Subject(thing), 1)
    styles = _found(STYLES, [*_split(style or ""), ",", *words])
    places = [place for place in _found(PLACES, words) if place not in hidden]
    weather = {kind for kind in _found(WEATHER, words) if kind not in hidden}
    hours = [hour for hour in _found(HOURS, words) if hour not in hidden]
    place = _place(places, subjects, number)
    if "room" in places and place != "room" and not {"sea", "space"} & set(places):
        place = "room"
    own = bool(subjects)
    if places and not own:  # an animal would look like a mistake where nothing was understood
        subjects = [Subject(thing) for thing in _named(_WORDS["company"].get(place, ""), hidden)]
        subjects = [replace(subject, scale=0.72) for subject in subjects]
    hour = hours[0] if hours else _hour(place, weather, subjects, number)
    if "night" in hours and "night" not in hidden:
        hour = "night"
    if hour == "night" and "stars" not in hidden and not weather & {"storm", "rain", "fog"}:
        weather.add("stars")
    return Idea(
        seed=number,
        place=place,
        named_place=bool(places),
        named_things=own,
        hour=hour,
        named_hour=bool(hours),
        weather=frozenset(weather),
        subjects=_aboard(subjects, place),
        accent=accent,
        styles=tuple(styles[:2]),
        mountains="mountains" in places and "mountains" not in hidden,
        hidden=hidden,
    )


def _named(names: str, hidden: frozenset[str]) -> list[Thing]:
    things = [find_thing(name) for name in names.split()]
    return [thing for thing in things if thing is not None and thing.name not in hidden]


def _place(places: list[str], subjects: list[Subject], number: int) -> str:
    if places:
        return _named_place(places)
    hints = [s.thing.place for s in subjects if s.thing.place not in {"", "night"}]
    if hints:
        return "sea" if "sea" in hints else hints[0]
    if subjects:
        return ("meadow", "hills")[number % 2]
    return ("mountains", "hills", "lake", "sea", "forest")[number % 5]


def _named_place(places: list[str]) -> str:
    # The rarer place decides: "a room with a view of the sea" is a room.
    for place in ("underwater", "space", "room", "snow", "city", "desert"):
        if place in places and not (place == "city" and "snow" in places):
            return place
    if "sea" in places or "beach" in places:
        return "beach" if "beach" in places and "sea" not in places else "sea"
    if "mountains" in places and places[0] != "lake":
        return "mountains"
    return places[0]


def _hour(place: str, weather: set[str], subjects: list[Subject], number: int) -> str:
    if weather & {"stars", "moon", "aurora", "fireworks", "fireflies"}:
        return "night"
    if any(subject.thing.place == "night" for subject in subjects):
        return "night"
    if place == "room":
        return ("night", "dusk")[number // 7 % 2]
    if weather & {"storm", "rain", "fog", "rainbow"}:
        return "day"
    return ("day", "day", "sunset", "dawn")[number // 7 % 4]


def _subjects(
    words: list[str], hidden: frozenset[str]
) -> tuple[list[Subject], tuple[int, ...] | None]:
    subjects: list[Subject] = []
    accent: tuple[int, ...] | None = None
    count, scale, tint = 0, 1.0, None
    waving = bool({"wave", "waves", "waving"} & set(words))
    at = 0
    while at < len(words):
        word = words[at]
        thing, length = _thing_at(words, at)
        if thing is not None and thing.name not in hidden and thing.name not in PLACES.values():
            last = words[at + length - 1]
            plural = last != singular(last) and word not in {"books", "houses"}
            number = count if count > 1 else (3 if plural else 1)
            _add(subjects, Subject(thing, scale, tint, waving=waving), number)
        elif thing is None and word in COLOURS:
            tint = COLOURS[word]
            if accent is None and _colours_all(words, at + 1):
                accent = tint
        if word in NUMBERS or word.isdecimal():
            # Python refuses to parse thousands of digits.
            number = NUMBERS.get(word) or int(word[:3])
            count = number if number <= 12 else 0
        elif word in SIZES:
            scale = SIZES[word]
        elif thing is not None or word in {",", ".", ";"}:
            count, scale, tint = 0, 1.0, None
        at += length
    return subjects[:_MAX_SUBJECTS], accent


def _colours_all(words: list[str], at: int) -> bool:
    """Whether a colour before that word describes the whole picture rather than one thing."""
    for word in words[at : at + 4]:
        if word in TONED:
            return True
        if word not in COLOURS and word != "and":
            return False
    return True


def _thing_at(words: list[str], at: int) -> tuple[Thing | None, int]:
    for length, phrase in _phrases(words, at):
        meaning = PLACES.get(phrase) or STYLES.get(phrase)
        if length > 1 and meaning:
            return None, length
        if phrase == "orange" or (phrase in COLOURS and phrase != "rose"):
            return None, 1
        if length == 1 and (phrase in HOURS or phrase in WEATHER or phrase in PLACES):
            continue
        thing = find_thing(phrase)
        if thing is not None:
            return thing, length
    return None, 1


def _add(subjects: list[Subject], subject: Subject, number: int) -> None:
    for position, known in enumerate(subjects):
        if known.thing == subject.thing:
            # Named again: it is the same thing, and its second description counts, too.
            subjects[position] = replace(known, tint=known.tint or subject.tint)
            return
    room = max(1, _MAX_SUBJECTS - len(subjects))
    subjects += [subject] * min(number, room)


def _aboard(subjects: list[Subject], place: str) -> tuple[Subject, ...]:
    """The subjects in the boat: those named just before it, and at sea those that need ground."""
    boats = [index for index, s in enumerate(subjects) if s.thing.name in _RIDES]
    if not boats or place in {"underwater", "space"}:
        return tuple(subjects)
    boat = boats[0]
    shore = any(s.thing.habitat == "back" for s in subjects) or place in {"lake", "beach"}
    grounded = [index for index, s in enumerate(subjects) if s.thing.habitat == "ground"]
    before = [index for index in grounded if index == boat - 1]
    riders = before + [index for index in grounded if index != boat - 1 and not shore]
    return tuple(replace(each, aboard=i in riders[:2]) for i, each in enumerate(subjects))
