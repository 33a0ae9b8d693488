"""Phrases, sources and numbers in a text, each found in one pass over it."""

from __future__ import annotations

import itertools
import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any

from langchain_visioncraft.media.sniff import EXTENSIONS, kind_of

NOUNS = (
    r"(?:picture|image|illustration|painting|drawing|photo|portrait|poster|logo|scene|artwork|"
    r"wallpaper|watercolou?r)\w*|sketch(?:es)?|ones?|pages?"
)
_FILE = resources.files(__package__).joinpath("words.toml")
WORDS: dict[str, Any] = tomllib.loads(_FILE.read_text("utf-8").replace("<nouns>", NOUNS))
SIZE = re.compile(r"(?:\b(?:in|at|of|with) )?(?<!\w)(\d{2,5}) ?[x\u00d7] ?(\d{2,5})\b(?: pixels)?")
_KINDS = {suffix: kind_of(mime) for mime, suffix in EXTENSIONS.items()}
_KINDS |= {"jpeg": "image", "tif": "image"}
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"
_AROUND = f"{_QUOTES},;:!?()[]{{}}<>*"
_QUOTED = re.compile(rf"(?<!\w)[{_QUOTES}]([^{_QUOTES}]{{1,200}})[{_QUOTES}](?!\w)")
_NAME_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_A-Za-z]+")
_SENTENCE = re.compile(rf"[.!?][{_QUOTES})]?\s+(?=[{_QUOTES}(]?(?![a-z\xdf-\xff])\w)")
"""A sentence ends only if no lower-case letter follows."""


def after(text: str, *phrases: str) -> int:
    """The index after the first of these phrases in a text; 0 if there is none.

    A phrase is a regular expression of whole words; ``…`` in it stands for any words.
    """
    found = (_compiled(phrase).match(text) for phrase in phrases)
    return next((each.end() for each in found if each), 0)


@cache
def _compiled(phrase: str) -> re.Pattern[str]:
    # Atomic groups: a part that was found is not searched again further on.
    words = "".join(rf"(?>.*?\b(?:{each})(?!\w))" for each in phrase.split(" … "))
    return re.compile(words, re.IGNORECASE | re.DOTALL)


def tidy(text: str) -> str:
    """The text without surrounding blanks and punctuation."""
    return " ".join(text.split()).strip(' .,;:!?"\u201c\u201d')


def sentences(text: str) -> list[str]:
    """The sentences of a text, with the blanks after them."""
    cuts = [0, *(found.end() for found in _SENTENCE.finditer(text)), len(text)]
    return [text[begin:end] for begin, end in itertools.pairwise(cuts)]


def quoted(text: str) -> str | None:
    """The first words between quotation marks."""
    found = _QUOTED.search(text)
    return found[1] if found else None


def name_words(name: str) -> str:
    """The words of a name in any style: ``getWeather``, ``W-get_weather``, ``get.weather``."""
    return " ".join(_NAME_PART.findall(name[:200])).lower()


def sources(text: str) -> list[str]:
    """The handles, links and paths of media files in a text."""
    words = (word.strip(_AROUND).rstrip(".") for word in text.split() if "." in word or ":" in word)
    return [each for each in words if _kind_of(each)]


def is_picture(source: str) -> bool:
    """Whether this may be a picture."""
    return _kind_of(source) in ("image", "any")


def is_sound(source: str) -> bool:
    """Whether this may be a recording, or a video with sound."""
    return _kind_of(source) in ("audio", "video", "any")


def _kind_of(source: str) -> str | None:
    """The kind of a handle, link or path; a link without an extension may be ``any``."""
    path, _, suffix = source.partition("?")[0].rpartition(".")
    kind = _KINDS.get(suffix.lower()) if path else None
    return kind or ("any" if source.startswith(("http://", "https://")) else None)
