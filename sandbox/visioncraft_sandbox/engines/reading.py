"""Reads a prompt as the idea of a picture."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from visioncraft_sandbox.engines.vocabulary import (
    COLOURS,
    HOURS,
    NUMBERS,
    PLACES,
    SIZES,
    STYLES,
    TONED,
    WEATHER,
    Thing,
    find_thing,
    singular,
)

_MAX_SUBJECTS = 9
# Some life for a landscape that the prompt says nothing about.
_COMPANY = {
    "sea": "sailboat gull gull", "beach": "sailboat gull", "hills": "cottage", "lake": "swan",
    "forest": "deer", "snow": "cottage", "meadow": "butterfly butterfly", "room": "cat",
    "underwater": "clownfish turtle fish", "mountains": "eagle",
}  # fmt: skip
_RIDES = frozenset({"boat", "sailboat", "ship", "galleon"})
# In these phrases the second word does not name a thing.
_IDIOMS = re.compile(
    r"\b(best|high|top|low|bad|worst) (quality|rating)|masterpiece|highly detailed|"
    r"(ultra|4k|8k|hd)\b|children'?s (picture )?book|picture book|story ?book|book page|"
    r"soft (light|colou?rs)|on fire|camera|\bpage\b"
)
_WITHOUT = re.compile(r"\b(?:without|no)\s+((?:[\w'-]+\s*){1,2})")


@dataclass(frozen=True)
class Subject:
    """One thing to draw.

    Attributes:
        thing: What.
        scale: Size beside the usual one.
        tint: Its colour, if the prompt gave one.
        aboard: Whether it sits in the scene's boat.
        waving: Whether a person waves.
    """

    thing: Thing
    scale: float = 1.0
    tint: tuple[int, int, int] | None = None
    aboard: bool = False
    waving: bool = False


@dataclass(frozen=True)
class Idea:
    """The picture that a prompt asks for.

    Attributes:
        seed: From prompt, seed and index; everything random follows from it.
        place: The landscape, a value of ``PLACES``.
        named_place: Whether the prompt chose it.
        named_things: Whether the subjects are the prompt's own.
        hour: The time of day, a value of ``HOURS``.
        named_hour: Whether the prompt chose it.
        weather: Values of ``WEATHER``.
        subjects: What is to be drawn, in the prompt's order.
        accent: A colour for the whole picture.
        styles: Rendering styles, values of ``STYLES``.
        mountains: Whether there are mountains behind the place.
        hidden: Words that must not be drawn.
    """

    seed: int
    place: str
    named_place: bool
    named_things: bool
    hour: str
    weather: frozenset[str]
    subjects: tuple[Subject, ...]
    accent: tuple[int, int, int] | None = None
    styles: tuple[str, ...] = ()
    mountains: bool = False
    named_hour: bool = False
    hidden: frozenset[str] = field(default_factory=frozenset)


def number_of(*parts: object) -> int:
    """A number that is the same for the same parts on every machine and in every process."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _split(text: str) -> list[str]:
    return re.findall(r"[a-z][a-z'-]*[a-z]|[a-z]|\d+|[,.;]", text.lower().replace("\u2019", "'"))


def _phrases(words: list[str], at: int) -> list[tuple[int, str]]:
    """The phrases of three, two and one words that start there."""
    return [
        (length, " ".join(words[at : at + length]))
        for length in (3, 2, 1)
        if at + length <= len(words)
    ]


def _meaning(table: Mapping[str, str], phrase: str) -> str | None:
    return table.get(phrase) or table.get(singular(phrase))


def _found(table: Mapping[str, str], words: list[str]) -> list[str]:
    found: list[str] = []
    for at in range(len(words)):
        for _, phrase in _phrases(words, at):
            meaning = _meaning(table, phrase)
            if meaning and meaning not in found:
                found.append(meaning)
    return found


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
    """Read a prompt.

    Args:
        prompt: In English; unknown words are ignored.
        negative_prompt: What not to draw.
        seed: Each seed gives another picture of the same prompt.
        index: The picture's number within one request.
        style: The name of a rendering style or of a model that implies one.

    Returns:
        The idea; the same arguments always give the same one.
    """
    number = number_of(prompt.strip(), "" if seed is None else seed, index)
    hidden = _hidden(prompt, negative_prompt)
    text = _IDIOMS.sub(" , ", _WITHOUT.sub(" , ", prompt.lower()))
    words = _split(text)
    subjects, accent = _subjects(words, hidden)
    if "lighthouse keeper" in text and not any(s.thing.name == "lighthouse" for s in subjects):
        subjects += [Subject(thing) for thing in _named("lighthouse", hidden)]
    styles = _found(STYLES, [*_split(style or ""), ",", *words])
    places = [place for place in _found(PLACES, words) if place not in hidden]
    weather = {kind for kind in _found(WEATHER, words) if kind not in hidden}
    hours = [hour for hour in _found(HOURS, words) if hour not in hidden]
    place = _place(places, subjects, number)
    if "room" in places and place != "room" and not {"sea", "space"} & set(places):
        place = "room"
    own = bool(subjects)
    if not own:
        subjects = [Subject(thing) for thing in _named(_COMPANY.get(place, ""), hidden)]
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
        weather=frozenset(weather),
        subjects=_aboard(subjects, place),
        accent=accent,
        styles=tuple(styles[:2]),
        named_hour=bool(hours),
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


def _small_number(word: str) -> int:
    # Python refuses to parse thousands of digits.
    number = int(word) if word.isdecimal() and len(word) <= 2 else 0
    return number if number <= 12 else 0


def _subjects(
    words: list[str], hidden: frozenset[str]
) -> tuple[list[Subject], tuple[int, int, int] | None]:
    subjects: list[Subject] = []
    accent: tuple[int, int, int] | None = None
    count, scale, tint = 0, 1.0, None
    aboard, waving = False, bool({"wave", "waves", "waving"} & set(words))
    at = 0
    while at < len(words):
        word = words[at]
        thing, length = _thing_at(words, at)
        if thing is not None and thing.name not in hidden and thing.name not in PLACES.values():
            last = words[at + length - 1]
            plural = last != singular(last) and word not in {"books", "houses"}
            number = count if count > 1 else (3 if plural else 1)
            _add(subjects, Subject(thing, scale, tint, aboard, waving), number)
        elif thing is None and word in COLOURS:
            tint = COLOURS[word]
            if accent is None and _colours_all(words, at + 1):
                accent = tint
        if word in NUMBERS or word.isdecimal():
            count = NUMBERS.get(word, _small_number(word))
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
            # Named again: the same one, and what is said of it the second time counts too.
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
    riders: list[int] = []
    if boat and subjects[boat - 1].thing.habitat == "ground":
        riders.append(boat - 1)
    if not shore:
        riders += [
            i for i, s in enumerate(subjects) if s.thing.habitat == "ground" and i not in riders
        ]
    return tuple(
        replace(subject, aboard=index in riders[:2]) for index, subject in enumerate(subjects)
    )
