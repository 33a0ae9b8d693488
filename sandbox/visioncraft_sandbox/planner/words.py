"""Words of a text, and phrases in them: each question about a text is one pass over its words."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Self

from langchain_visioncraft.media.sniff import EXTENSIONS

PICTURES = frozenset({"png", "jpg", "jpeg", "gif", "webp", "bmp", "tiff", "tif", "avif", "heic"})
SOUNDS = frozenset(EXTENSIONS.values()) - PICTURES - {"jxl"}

_SUFFIXES = (*(f".{each}" for each in sorted({*EXTENSIONS.values(), "jpeg", "tif"})),)
_OPEN, _CLOSE = ('"', "'", "`", "\u201c", "\u2018"), ('"', "'", "`", "\u201d", "\u2019")
_QUOTES = "".join(_OPEN + _CLOSE)
_AROUND = f" {_QUOTES}.,;:!?()[]{{}}<>*"
_SIZE = re.compile(r"(?<=\d)(?: ?\u00d7 ?| x )(?=\d)")
_LONGEST = 8000
"""Characters of a text that are read: plain requests are shorter."""


@dataclass(frozen=True)
class Words:
    """The words of a text as written, and as keys: in lower case, without punctuation around."""

    raw: tuple[str, ...]
    keys: tuple[str, ...]

    @classmethod
    def of(cls, text: str | Iterable[str]) -> Self:
        """The words of a text; its end is left out if it is very long."""
        raw = (*(_SIZE.sub("x", text[:_LONGEST]).split() if isinstance(text, str) else text),)
        return cls(raw, (*(word.strip(_AROUND).replace("\u2019", "'").lower() for word in raw),))

    def __getitem__(self, part: slice) -> Words:
        return Words(self.raw[part], self.keys[part])

    def __add__(self, other: Words) -> Words:
        return Words(self.raw + other.raw, self.keys + other.keys)

    def __len__(self) -> int:
        return len(self.raw)

    def __str__(self) -> str:
        return " ".join(self.raw)

    @property
    def tidy(self) -> str:
        """The text without punctuation around it."""
        return str(self).strip(' .,;:!?"\u201c\u201d')

    def after(self, phrases: str) -> int:
        """The index behind the first of these phrases that it has; 0 if it has none.

        Phrases stand between commas, alternatives of a word between ``|``; a word that ends with
        ``*`` may go on, and ``…`` stands for any words.
        """
        for phrase in _compiled(phrases):
            at = 0
            for run in phrase:
                at = self._behind(run, at)
                if not at:
                    break
            else:
                return at
        return 0

    def _behind(self, run: tuple[_Test, ...], start: int) -> int:
        for at in range(start, len(self) - len(run) + 1):
            if all(_fits(self.keys[at + n], test) for n, test in enumerate(run)):
                return at + len(run)
        return 0

    @property
    def sources(self) -> list[str]:
        """The handles, links and paths of media files."""
        found = (word.strip(_AROUND.replace(".", "")).rstrip(".") for word in self.raw)
        return [word for word in found if _is_link(word) or word.lower().endswith(_SUFFIXES)]

    @property
    def quoted(self) -> list[str]:
        """What stands between quotation marks."""
        found, opened = [], -1
        for at, word in enumerate(self.raw):
            if opened < 0 and word.lstrip("([")[:1] in _OPEN:
                opened = at
            if opened >= 0 and word.rstrip(".,;:!?)]")[-1:] in _CLOSE:
                found.append(str(self[opened : at + 1]).strip(_AROUND))
                opened = -1
        return [text for text in found if text]

    @property
    def numbers(self) -> list[float]:
        """The numbers, also those in brackets or behind an equals sign."""
        return [number for word in self.raw for number in _numbers_in(word)]

    def begins_sentence(self, at: int) -> bool:
        """Whether a sentence begins at this word: with a capital letter, a digit or a quote."""
        first = self.raw[at].lstrip(_QUOTES + "(")[:1]
        ended = self.raw[at - 1].rstrip(_QUOTES + ")")[-1:] in (".", "!", "?")
        return ended and (first.isupper() or first.isdigit())

    def split(self, begins: Callable[[int], bool]) -> list[Words]:
        """Its parts, each of which begins at a word of which `begins` says so."""
        cuts = [0, *(at for at in range(1, len(self)) if begins(at)), len(self)]
        return [self[a:b] for a, b in itertools.pairwise(cuts)]

    @property
    def sentences(self) -> list[Words]:
        """Its sentences."""
        return self.split(self.begins_sentence)


_Test = tuple[frozenset[str], tuple[str, ...]]


@cache
def _compiled(phrases: str) -> tuple[tuple[tuple[_Test, ...], ...], ...]:
    return tuple(
        tuple(tuple(map(_test, run.split())) for run in phrase.split("…"))
        for phrase in phrases.split(",")
    )


def _test(word: str) -> _Test:
    ways = word.split("|")
    begun = tuple(way[:-1] for way in ways if way.endswith("*"))
    return frozenset(way for way in ways if not way.endswith("*")), begun


def _fits(key: str, test: _Test) -> bool:
    return key in test[0] or key.startswith(test[1])


def one_of(words: str) -> frozenset[str]:
    """A set of words."""
    return frozenset(words.split())


def _is_link(word: str) -> bool:
    return word.startswith(("http://", "https://"))


def _numbers_in(word: str) -> Iterator[float]:
    for part in word.translate(dict.fromkeys(map(ord, "()[]{}=:,;!?\"'`"), " ")).split():
        digits = part.rstrip(".").removeprefix("-").replace(".", "", 1)
        if digits.isascii() and digits.isdigit() and len(digits) < 16:
            yield float(part.rstrip("."))


def is_picture(source: str) -> bool:
    """Whether this may be a picture; a link without an extension may be anything."""
    suffix = suffix_of(source)
    return suffix in PICTURES or (_is_link(source) and suffix not in SOUNDS)


def is_sound(source: str) -> bool:
    """Whether this may be a recording, or a video with sound."""
    suffix = suffix_of(source)
    return suffix in SOUNDS or (_is_link(source) and suffix not in PICTURES)


def suffix_of(source: str) -> str:
    """The extension of a handle, link or path, in lower case."""
    return source.partition("?")[0].rpartition(".")[2].lower()
