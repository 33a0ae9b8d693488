"""Questions about pictures, taken apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from visioncraft_sandbox.engines.colours import COLOUR_WORDS
from visioncraft_sandbox.engines.labels import meanings_of, words
from visioncraft_sandbox.engines.sight import Thing

_LONGEST = 2000  # letters that are read


@dataclass(frozen=True)
class Noun:
    """A noun of a question, and the kinds that it may mean."""

    word: str
    kinds: frozenset[str]

    def among(self, things: Sequence[Thing]) -> list[Thing]:
        """The things that it names."""
        return [thing for thing in things if self.kinds & thing.kinds or self.word in thing.kinds]


class Question:
    """A question: its sort, and the nouns and colours in it.

    Attributes:
        text: In lower case.
        nouns: Those that the vision models know.
        colours: Words for colours.
        goes_beyond: Whether it has a word that is none of these, and not an empty one.
    """

    def __init__(self, text: str) -> None:
        self.text = text[:_LONGEST].lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        tokens = re.findall(r"[^\W_]+(?:['-][^\W_]+)*", self.text)
        self.colours = [word for word in tokens if word in COLOUR_WORDS]
        self.nouns: list[Noun] = []
        self.goes_beyond = False
        at = 0
        while at < len(tokens):
            noun = _noun(tokens, at)
            if noun is not None:
                self.nouns.append(noun)
                at += noun.word.count(" ")
            elif not _is_empty(tokens[at]):
                self.goes_beyond = True
            at += 1

    def asks(self, sort: str) -> bool:
        """Whether it is of a sort, a key of ``[sorts]`` in ``vision_words.toml``."""
        return words().sorts[sort].search(self.text) is not None


def _is_empty(word: str) -> bool:
    """Whether a word says nothing of what a picture shows, or tells only the question's sort."""
    if word in words().empty or word in COLOUR_WORDS or word.isdecimal():
        return True
    return any(pattern.fullmatch(word) for pattern in words().sorts.values())


def _noun(tokens: Sequence[str], at: int) -> Noun | None:
    word = re.sub(r"^[ld]'|'s$", "", tokens[at])
    following = " ".join(tokens[at + 1 : at + 2])
    for phrase in (f"{word} {following}", word):
        kinds = meanings_of(phrase)
        # "The orange cat" is about a cat.
        if kinds and not (phrase in COLOUR_WORDS and meanings_of(following)):
            return Noun(phrase, kinds)
    return None
