"""The vocabulary of the vision models, from ``vision_words.toml``."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from visioncraft_sandbox.engines.vocabulary import singular


@dataclass(frozen=True)
class Words:
    """The tables of ``vision_words.toml``, ready for use.

    Attributes:
        detected: The detector's kinds by number.
        kinds: Each kind, and the numbers of the classifier's classes in it.
        parents: Each kind, and what else it is: a dog is an animal.
        scenes: Classes that are places, and the words for them.
        places: Places that several classes together stand for.
        plain: Plainer names for classes.
        doubtful: Kinds of the detector that are believed only if it is nearly certain.
        untrusted: Classes that are never believed.
        meanings: What people say, and the kinds that they may mean.
        sorts: What tells the sort of a question.
        empty: Words of questions that say nothing of what a picture shows.
    """

    detected: tuple[str, ...]
    kinds: dict[str, frozenset[int]]
    parents: dict[str, frozenset[str]]
    scenes: dict[str, str]
    places: dict[str, frozenset[int]]
    plain: dict[str, str]
    doubtful: frozenset[str]
    untrusted: frozenset[str]
    meanings: dict[str, frozenset[str]]
    sorts: dict[str, re.Pattern[str]]
    empty: frozenset[str]

    def of_class(self, number: int) -> frozenset[str]:
        """The kinds of one of the classifier's classes, with their parents."""
        found = {kind for kind, numbers in self.kinds.items() if number in numbers}
        return self.with_parents(found)

    def with_parents(self, kinds: set[str]) -> frozenset[str]:
        """Kinds, and what else these are."""
        return frozenset(kinds).union(*(self.parents.get(kind, ()) for kind in kinds))


@cache
def words() -> Words:
    """The tables, read once."""
    file = resources.files(__package__).joinpath("vision_words.toml")
    tables: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
    kinds = {kind: _numbers(text) for kind, text in tables["kinds"].items()}
    parents: dict[str, set[str]] = {}
    for parent, children in tables["parents"].items():
        for child in _names(children):
            parents.setdefault(child, set()).add(parent)
    for found in parents.values():  # a parent's own parents, which are at most one more step
        found.update(*(parents.get(parent, ()) for parent in list(found)))
    meanings: dict[str, set[str]] = {}
    for kind in {*tables["detected"], *kinds, *tables["parents"], *tables["plain"].values()}:
        meanings.setdefault(kind.lower(), set()).add(kind)
    for kind, names in [*tables["synonyms"].items(), *tables["foreign"].items()]:
        for name in _names(names):
            meanings.setdefault(name, set()).add(kind)
    return Words(
        detected=tuple(tables["detected"]),
        kinds=kinds,
        parents={child: frozenset(found) for child, found in parents.items()},
        scenes=tables["scenes"],
        places={place: _numbers(text) for place, text in tables["places"].items()},
        plain=tables["plain"],
        doubtful=frozenset(tables["doubtful"]["names"]),
        untrusted=frozenset(tables["untrusted"]["names"]),
        meanings={name: frozenset(found) for name, found in meanings.items() if name},
        sorts={sort: re.compile(pattern) for sort, pattern in tables["sorts"].items()},
        empty=frozenset(tables["questions"]["words"].split()),
    )


def _numbers(text: str) -> frozenset[int]:
    ends = [(part.split("-")[0], part.split("-")[-1]) for part in text.split()]
    return frozenset(n for first, last in ends for n in range(int(first), int(last) + 1))


def _names(text: str) -> list[str]:
    return [name.replace("_", " ") for name in text.split()]


def plural(name: str, count: int) -> str:
    """A name in the plural, unless there is one of it: ``people``, ``skis``, ``buses``."""
    if count == 1 or name in _UNCOUNTED:
        return name
    if name in _PLURALS:
        return _PLURALS[name]
    if name.endswith(("s", "sh", "ch", "x")):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") and name[-2] not in "aeiou" else f"{name}s"


_UNCOUNTED = frozenset({"sheep", "skis", "scissors", "fish", "broccoli", "mountains", "coffee"})
_PLURALS = {"person": "people", "knife": "knives", "mouse": "mice", "wolf": "wolves"}


def amount(name: str, count: int) -> str:
    """``a cat``, ``two people``, ``13 cups``."""
    if count == 1:
        if name in _UNCOUNTED - {"sheep", "fish"}:
            return f"a pair of {name}" if name in {"skis", "scissors"} else name
        article = "an" if name[0].lower() in "aeiou" and not name.startswith("uni") else "a"
        return f"{article} {name}"
    return f"{NUMBERS[count] if count < len(NUMBERS) else count} {plural(name, count)}"


NUMBERS = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
)  # fmt: skip


def meanings_of(noun: str) -> frozenset[str]:
    """The kinds that a noun may mean, in the singular or plural; none if it is not known."""
    known, noun = words().meanings, noun.lower()
    many = {plural: one for one, plural in _PLURALS.items()}
    endings = noun.removesuffix("s"), noun.removesuffix("es")
    for form in (noun, many.get(noun, noun), singular(noun), *endings):
        if form in known:
            return known[form]
    return frozenset()
