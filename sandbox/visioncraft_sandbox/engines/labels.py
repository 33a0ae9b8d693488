"""The words for what vision models see, from ``vision_words.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable
from importlib import resources
from typing import Any

from visioncraft_sandbox.engines.reading import singular

_FILE = resources.files(__package__).joinpath("vision_words.toml")
_TABLES: dict[str, Any] = tomllib.loads(_FILE.read_text("utf-8"))


def _numbers(text: str) -> frozenset[int]:
    ends = [(part.split("-")[0], part.split("-")[-1]) for part in text.split()]
    return frozenset(n for first, last in ends for n in range(int(first), int(last) + 1))


def _sets(pairs: Iterable[tuple[str, Collection[str]]]) -> dict[str, set[str]]:
    """Each name with all its partners."""
    found: dict[str, set[str]] = {}
    for value, names in pairs:
        for name in names:
            found.setdefault(name, set()).add(value)
    return found


def _named(table: str) -> list[tuple[str, list[str]]]:
    """The lists of names in a table, each with its key."""
    return [
        (key, [name.replace("_", " ") for name in names.split()])
        for key, names in _TABLES[table].items()
    ]


DETECTED: list[str] = _TABLES["detected"]
"""The detector's kinds by number."""
KINDS: dict[str, frozenset[int]] = {kind: _numbers(text) for kind, text in _TABLES["kinds"].items()}
"""Each kind, and the numbers of the classifier's classes in it."""
SCENES: dict[str, str] = _TABLES["scenes"]
"""Classes that are places, and the words for them."""
PLACES: dict[str, frozenset[int]] = {
    place: _numbers(text) for place, text in _TABLES["places"].items()
}
"""Places that several classes together indicate."""
PLAIN: dict[str, str] = _TABLES["plain"]
"""Plainer names for classes."""
DOUBTFUL: frozenset[str] = frozenset(_TABLES["doubtful"]["names"])
"""Kinds of the detector that count only if it is nearly certain."""
UNTRUSTED: frozenset[str] = frozenset(_TABLES["untrusted"]["names"])
"""Classes that are always ignored."""
COLOURS: dict[str, tuple[int, ...]] = {
    name: tuple(bands) for name, bands in _TABLES["colours"].items()
}
_PARENTS = _sets(_named("parents"))
_PARENTS = {
    child: parents.union(*(_PARENTS.get(parent, ()) for parent in parents))
    for child, parents in _PARENTS.items()
}
_MEANINGS = _sets([
    *((kind, [kind.lower()]) for kind in {*DETECTED, *KINDS, *_TABLES["parents"], *PLAIN.values()}),
    *_named("synonyms"),
    *_named("foreign"),
])  # fmt: skip
_UNCOUNTED = frozenset(_TABLES["amounts"]["uncounted"])
_PLURALS: dict[str, str] = _TABLES["plurals"]
NUMBERS: list[str] = _TABLES["amounts"]["numbers"]
PLAIN_KINDS: list[str] = _TABLES["amounts"]["plain_kinds"]
"""The plainest kinds."""
SORTS = {sort: re.compile(pattern) for sort, pattern in _TABLES["sorts"].items()}
"""The words that reveal the sort of a question."""
EMPTY = frozenset(_TABLES["questions"]["words"].split())
"""Words of questions that say nothing about the content of a picture."""


def with_parents(kinds: Iterable[str]) -> frozenset[str]:
    """Kinds, and what else these are: a dog is an animal."""
    return frozenset().union(*({kind, *_PARENTS.get(kind, ())} for kind in kinds))


def plural(name: str, count: int) -> str:
    """A name in the plural, unless the count is one: ``people``, ``skis``, ``buses``."""
    if count == 1 or name in _UNCOUNTED:
        return name
    if name in _PLURALS:
        return _PLURALS[name]
    if name.endswith(("s", "sh", "ch", "x")):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") and name[-2:-1] not in "aeiou" else f"{name}s"


def amount(name: str, count: int) -> str:
    """``a cat``, ``two people``, ``13 cups``."""
    if count == 1:
        if name in _UNCOUNTED - {"sheep", "fish"}:
            return f"a pair of {name}" if name in {"skis", "scissors"} else name
        article = "an" if name[0].lower() in "aeiou" and not name.startswith("uni") else "a"
        return f"{article} {name}"
    return f"{NUMBERS[count] if count < len(NUMBERS) else count} {plural(name, count)}"


def meanings_of(noun: str) -> frozenset[str]:
    """The kinds that a noun may mean, in the singular or plural; none if it is not known."""
    noun = noun.lower()
    many = {plural: one for one, plural in _PLURALS.items()}
    endings = noun.removesuffix("s"), noun.removesuffix("es")
    for form in (noun, many.get(noun, noun), singular(noun), *endings):
        if form in _MEANINGS:
            return frozenset(_MEANINGS[form])
    return frozenset()
