"""Words of a text, and phrases in them: each question about a text is one pass over its words."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

from langchain_visioncraft.media.sniff import EXTENSIONS

PICTURES = frozenset({"png", "jpg", "jpeg", "gif", "webp", "bmp", "tiff", "tif", "avif", "heic"})
SOUNDS = frozenset(EXTENSIONS.values()) - PICTURES - {"jxl"}
_SUFFIXES = tuple(f".{each}" for each in sorted({*EXTENSIONS.values(), "jpeg", "tif"}))
_LINKS = ("http://", "https://")
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"
_AROUND = f" {_QUOTES}.,;:!?()[]{{}}<>*"
_QUOTED = re.compile(rf"(?<!\w)[{_QUOTES}]([^{_QUOTES}]{{1,200}})[{_QUOTES}](?!\w)")
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,15})?(?!\w)")
_NAME_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_A-Za-z]+")
_LONGEST = 8000
"""Characters of a text that are read: plain requests are shorter."""


@dataclass(frozen=True)
class Words:
    """The words of a text as written, and as keys: in lower case, without punctuation around."""

    raw: tuple[str, ...]
    keys: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Words:
        """The words of a text; its end is left out if it is very long."""
        raw = tuple(text[:_LONGEST].split())
        return cls(raw, tuple(each.strip(_AROUND).replace("\u2019", "'").lower() for each in raw))

    @classmethod
    def of_name(cls, name: str) -> Words:
        """The words of a name in any style: ``getWeather``, ``W-get_weather``, ``get.weather``."""
        return cls.of(" ".join(_NAME_PART.findall(name[:200])))

    @cached_property
    def parts(self) -> frozenset[str]:
        """Its keys, and the words in them where they are written as names."""
        return frozenset(key for word in self.raw for key in Words.of_name(word).keys)

    def __getitem__(self, part: slice) -> Words:
        return Words(self.raw[part], self.keys[part])

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
                places = range(at, len(self.keys) - len(run) + 1)
                at = next((n + len(run) for n in places if self._stands(run, n)), 0)
                if not at:
                    break
            else:
                return at
        return 0

    def _stands(self, run: tuple[_Test, ...], at: int) -> bool:
        keys = self.keys[at : at + len(run)]
        return all(
            key in whole or key.startswith(begun)
            for key, (whole, begun) in zip(keys, run, strict=True)
        )

    @property
    def sources(self) -> list[str]:
        """The handles, links and paths of media files."""
        found = (word.strip(_AROUND.replace(".", "")).rstrip(".") for word in self.raw)
        return [each for each in found if each.startswith(_LINKS) or suffix_of(each) in _SUFFIXES]

    @property
    def quoted(self) -> list[str]:
        """What stands between quotation marks."""
        return _QUOTED.findall(str(self))

    @property
    def numbers(self) -> list[float]:
        """The numbers, also those in brackets or behind an equals sign."""
        return [float(each) for each in _NUMBER.findall(str(self))]

    @property
    def sentences(self) -> list[Words]:
        """Its sentences."""
        return self.split(self.begins_sentence)

    def begins_sentence(self, at: int) -> bool:
        """Whether a sentence begins at this word: with a capital letter or a digit."""
        first = self.raw[at].lstrip(_QUOTES + "(")[:1]
        ended = self.raw[at - 1].rstrip(_QUOTES + ")")[-1:] in (".", "!", "?")
        return ended and (first.isupper() or first.isdigit())

    def split(self, begins: Callable[[int], bool]) -> list[Words]:
        """Its parts, each of which begins at a word of which `begins` says so."""
        cuts = [0, *(at for at in range(1, len(self.raw)) if begins(at)), len(self.raw)]
        return [self[a:b] for a, b in itertools.pairwise(cuts)]


def one_of(words: str) -> frozenset[str]:
    """A set of words."""
    return frozenset(words.split())


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


def suffix_of(source: str) -> str:
    """The extension of a handle, link or path with its dot, in lower case."""
    path, dot, suffix = source.partition("?")[0].rpartition(".")
    return (dot + suffix).lower() if path else ""


def is_picture(source: str) -> bool:
    """Whether this may be a picture; a link without an extension may be anything."""
    suffix = suffix_of(source)[1:]
    return suffix in PICTURES or (source.startswith(_LINKS) and suffix not in SOUNDS)


def is_sound(source: str) -> bool:
    """Whether this may be a recording, or a video with sound."""
    suffix = suffix_of(source)[1:]
    return suffix in SOUNDS or (source.startswith(_LINKS) and suffix not in PICTURES)
