"""The offered tools: which does what, and its arguments by rules.

Required arguments that nobody has given get values that fit their schemas.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.engines.schema_checks import CHOICES, resolve
from visioncraft_sandbox.planner.phrases import SIZE, WORDS, after, name_words, quoted
from visioncraft_sandbox.planner.requests import CAPABILITIES, COUNTS, PICTORIAL, Wish

_MEDIA = r"(?:image|picture|photo|video)\w*|audio|recording|sound|files?|media|handles?"
_NO_MEDIA = "count|size|width|height|model|prompt|format|type|style|description|mask"
_PROMPT = re.compile(
    r".*\b(?:prompt|description|query|text|question|topic|subject|message|content|caption|idea|"
    r"request|task|answer|input|instructions|result|response|output)"
)
_HANDOFF = "transfer|handoff|delegate|escalate|hand (?:off|over)|assign to"
_ILLUSTRATOR = r"(?:illustrat|artist|painter|designer|image|picture|visual)\w*"
_FINAL = "final (?:answer|result|response|output)|submit (?:answer|result)"
_WORD = re.compile(r"[\w']+")
_COMMON = frozenset(WORDS["common"].split())
_OF_OTHERS = r"gif|video|upscal\w*|image to"
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,15})?(?!\w)")
_TIMES = re.compile(
    r"\b(?:(?:([248])x|x([248])|([248]|two|four) times|(?:by|times) ([248]|two|four))\b|(twice)\b)",
    re.IGNORECASE,
)
_FACTORS = {"2": 2, "4": 4, "8": 8, "two": 2, "four": 4, "twice": 2}
_COUNTED = f"{'|'.join(COUNTS)} … pictures|images|versions|drawings"
_BEGINNING = 4
_DEEPEST = 12
_MOST_ITEMS = 16
_MOST_MERGED = 32
_MOST_STEPS = 50_000
_LONGEST_MADE_UP = 1000
_LONGEST_DESCRIPTION = 600
_LONGEST_OPTION = 100
_MOST_PARAMETERS = 60
_VALUES = ("default", "const", "example")
_KEYWORDS = frozenset(
    {"$ref", *CHOICES, "type", "nullable", "description", "enum", "format"}
    | {"minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
    | {"multipleOf", "minItems", "prefixItems", "items", "additionalItems"}
    | {"properties", "required"}
)


class Tool:
    """One function tool of a request."""

    def __init__(self, declared: Mapping[str, Any], steps: Iterator[int] | None = None) -> None:
        """`steps` counts the parts that are read and the values that are made up for all tools."""
        self._steps = steps or itertools.count()
        function = declared["function"]
        self.name: str = function["name"]
        self.description = str(function.get("description") or "")
        self.schema: dict[str, Any] = function.get("parameters") or {}
        properties = self.schema.get("properties") or {}
        self.required = dict.fromkeys(self.schema.get("required") or ())
        self.parameters = {
            name: _plain(each, self.schema, self._steps)
            for number, (name, each) in enumerate(properties.items())
            if number < _MOST_PARAMETERS or name in self.required
        }
        self._words = name_words(self.name)
        self._own = {*self._words.split()} - _COMMON
        self.is_final = after(self._words, _FINAL) > 0
        self.is_handoff = after(self._words, _HANDOFF) > 0
        media = sorted(
            filter(self._is_media, self.parameters), key=lambda n: n not in self.required
        )
        self.media_parameter = media[0] if media else None
        """The parameter that takes a picture or a recording, a required one first."""
        texts = (name for name in self.required if self._is_text(name))
        self.prompt_parameter = next(
            (name for name in texts if _PROMPT.fullmatch(name_words(name))), None
        )
        """The required parameter that takes words."""

    def _fit(self, kind: str) -> int:
        """How well its words fit a kind of work, if its parameters can take what this needs."""
        named, said = _kinds(self._words), _kinds(self.description[:_LONGEST_DESCRIPTION])
        if self.is_handoff:
            return int(kind in named or (kind in PICTORIAL and after(self._words, _ILLUSTRATOR)))
        # A tool for GIFs draws, too, but is not a tool for pictures.
        if kind not in (named or said) or (kind == "draw" and after(self._words, _OF_OTHERS)):
            return 0
        return (3 * (kind in named) + (kind in said)) * self._takes_what(kind)

    def _takes_what(self, kind: str) -> bool:
        """Whether its parameters can take what this work needs, and it requires nothing else."""
        words, media = self.prompt_parameter is not None, self.media_parameter is not None
        if kind in ("upscale", "caption", "transcribe"):
            return media
        if kind in ("rework", "video"):
            return media and words if kind == "rework" else media or words
        return self.media_parameter not in self.required and (words or kind in ("list", "limits"))

    def _is_media(self, name: str) -> bool:
        words, kind = name_words(name), self.parameters[name].get("type", "string")
        fits = kind in ("string", "array") and not after(words, _NO_MEDIA)
        return fits and after(words, _MEDIA) > 0

    def _is_text(self, name: str) -> bool:
        spec = self.parameters.get(name, {})
        is_media = name in self.parameters and self._is_media(name)
        return spec.get("type", "string") == "string" and "enum" not in spec and not is_media

    @property
    def is_form(self) -> bool:
        """Whether it is a form for free text rather than an action."""
        kinds = [self.parameters.get(name, {}).get("type") for name in self.required]
        return kinds.count("string") > 1 or "array" in kinds or "object" in kinds

    def score(self, wish: Wish) -> int:
        """How well it fits a wish; 0 if not at all."""
        fit = self._fit(wish.kind)
        said = {word for word in _words(wish.text) if len(word) > 3}
        return fit and (fit if self.is_handoff else fit + 2 * len(said & self._own - _TAKEN))

    def is_meant(self, text: str) -> bool:
        """Whether a clause names this tool, or most words of its name."""
        if self.name.lower() in text.lower() or self._words in " ".join(_words(text)):
            return True
        said = _said_in(text)
        return 2 * sum(_is_akin(own, said) for own in self._own) > len(self._own)

    def fill(self, wish: Wish, sources: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
        """Its arguments as a clause gives them, and the names of those that had to be made up."""
        arguments: dict[str, Any] = {}
        guessed: list[str] = []
        numbers = [float(each) for each in _NUMBER.findall(SIZE.sub("", wish.text))]
        remaining = list(sources)
        mentioned: dict[int, Any] = {}
        for name, spec in self.parameters.items():
            is_required = name in self.required
            if remaining and (
                name == self.media_parameter or (is_required and self._is_media(name))
            ):
                source = remaining.pop(0)
                arguments[name] = [source] if spec.get("type") == "array" else source
                continue
            value = _said(name, spec, wish.text, numbers if is_required else [], mentioned)
            if value is None and is_required:
                if spec.get("nullable") and name != self.prompt_parameter:
                    arguments[name] = None
                    continue
                value = self._words_for(name, wish)
                if value is None:
                    value = _value(spec, self.schema, wish.prompt or name, self._steps)
                    guessed += [] if "default" in spec or "example" in spec else [name]
            if value is not None:
                arguments[name] = value
        return arguments, guessed

    def _words_for(self, name: str, wish: Wish) -> str | None:
        """The words of the clause for a required text."""
        if not self._is_text(name):
            return None
        if name == self.prompt_parameter:
            return (wish.prompt or None) if wish.kind != "other" else quoted(wish.text) or wish.text
        return _own_words(self, wish.text)

    def _rest(self, text: str) -> str | None:
        """A clause without the words of the tool's name and without common words."""
        words = _grouped(self._words.split())
        kept = (
            word
            for word in text.split()
            if (key := word.strip(" .,;:!?\"'()").lower()) not in _COMMON
            and not _is_akin(key, words)
        )
        return " ".join(kept).strip(" .,;:!?\"'()") or None


@lru_cache(maxsize=1)
def _own_words(tool: Tool, text: str) -> str | None:
    """The words of a clause for each required text of a tool but its prompt."""
    return quoted(text) or (tool._rest(text) if tool.is_meant(text) else None)


_TAKEN = frozenset({"text", "image"})
"""Words in many names that say nothing about the work."""


@lru_cache(maxsize=1024)
def _kinds(text: str) -> frozenset[str]:
    """The kinds of work that a name or a description mentions."""
    return frozenset(kind for kind, each in CAPABILITIES.items() if after(text, *each["tool"]))


@lru_cache(maxsize=2)
def _words(text: str) -> tuple[str, ...]:
    return (*_WORD.findall(text.lower()),)


def _said(
    name: str,
    spec: Mapping[str, Any],
    text: str,
    numbers: list[float],
    mentioned: dict[int, Any],
) -> Any:
    """The value that a clause gives for a parameter, if any.

    `mentioned` keeps what the clause mentions of each enumeration: many parameters may share it.
    """
    if "const" in spec:
        return spec["const"]
    if "enum" in spec:
        options = spec["enum"]
        times = _times(name, text)
        if times in options:
            return times
        if id(options) not in mentioned:
            mentioned[id(options)] = next((each for each in options if _has(text, each)), None)
        return mentioned[id(options)]
    if spec.get("type") not in ("integer", "number"):
        return None
    found = _number(name, text)
    found = _times(name, text) if found is None else found
    if found is None and numbers:
        found = numbers.pop(0)
    return int(found) if found is not None and spec["type"] == "integer" else found


def _number(name: str, text: str) -> float | None:
    """A number that a clause gives for the parameter of this name."""
    words = name_words(name)
    if words.endswith(("count", " n")) or words.startswith("num") or words == "n":
        return _count(text)
    if name in ("width", "height") and (size := SIZE.search(text)):
        return int(size[1 + (name == "height")])
    _, _, behind = _flat(text).partition(f" {words} ")
    found = _NUMBER.search(" ".join(behind.split(maxsplit=2)[:2]))
    return float(found[0]) if words and found else None


@lru_cache(maxsize=1)
def _count(text: str) -> int | None:
    counted = _words(text[: after(text, _COUNTED)])
    return next((COUNTS[word] for word in reversed(counted) if word in COUNTS), None)


def _times(name: str, text: str) -> int | None:
    """The factor in "4x", "4 times", "by 4" or "twice as large", for a parameter that takes one."""
    found = _TIMES.search(text) if name in ("resize", "scale", "factor") else None
    return _FACTORS[next(filter(None, found.groups())).lower()] if found else None


def _has(text: str, option: Any) -> bool:
    """Whether a clause mentions an option, in the singular or the plural."""
    if not isinstance(option, str | int | float):
        return False
    words = _singular(str(option)[:_LONGEST_OPTION])
    return bool(words.strip()) and words in _singular(text)


# Of one clause, which may be long, beside one option.
@lru_cache(maxsize=2)
def _singular(text: str) -> str:
    return f" {' '.join(word.rstrip('s') for word in _words(text))} "


@lru_cache(maxsize=1)
def _flat(text: str) -> str:
    return " ".join(["", *text.lower().replace("=", " ").replace(":", " ").split(), ""])


def _akin(one: str, other: str) -> bool:
    length = max(_BEGINNING, min(len(one), len(other)) - 3)
    shortest = min(len(one), len(other))
    return one == other or (shortest >= _BEGINNING and one[:length] == other[:length])


def _grouped(words: Iterable[str]) -> Mapping[str, list[str]]:
    """Words by their first letters, which those that are akin share."""
    groups: dict[str, list[str]] = {}
    for word in words:
        groups.setdefault(word[:_BEGINNING], []).append(word)
    return groups


def _is_akin(word: str, groups: Mapping[str, list[str]]) -> bool:
    return any(_akin(word, each) for each in groups.get(word[:_BEGINNING], ()))


@lru_cache(maxsize=1)
def _said_in(text: str) -> Mapping[str, list[str]]:
    return _grouped({*name_words(text[:200]).split(), *_words(text)} - _COMMON)


# ---- values that fit a schema -----------------------------------------------------------------


def _take(steps: Iterator[int]) -> None:
    if next(steps) > _MOST_STEPS:
        msg = f"The planner would take more than {_MOST_STEPS:,} steps to fill in the tools."
        raise Refusal(400, msg)


def _read_of(spec: Mapping[str, Any], steps: Iterator[int]) -> dict[str, Any]:
    """The keywords of a schema that the planner reads; null is none, except as a value."""
    _take(steps)
    kept = {name: spec[name] for name in _KEYWORDS if spec.get(name) is not None}
    return kept | {name: spec[name] for name in _VALUES if name in spec}


def _plain(
    spec: Any, root: Mapping[str, Any], steps: Iterator[int], depth: int = 0
) -> dict[str, Any]:
    """A property's schema without references; its null becomes ``nullable``.

    ``example`` is a name that the description gives as one: ``e.g. 'sdxl-base'``.
    """
    if not isinstance(spec, Mapping) or depth > _DEEPEST:
        return {}
    found = _read_of(spec, steps)
    if "$ref" in found:
        target = resolve(root, found.pop("$ref"))
        both = {**(target if isinstance(target, Mapping) else {}), **found}
        return _plain(both, root, steps, depth + 1)
    name = next((each for each in ("anyOf", "oneOf", "allOf") if found.get(each)), None)
    if name is not None:
        # Only the first is followed: following all of them would take exponential time.
        options = [each for each in found.pop(name) if isinstance(each, Mapping)]
        values = [each for each in options if each.get("type") != "null"]
        nullable = {"nullable": True} if len(values) < len(options) else {}
        merged = _plain(values[0], root, steps, depth + 1) if values else {}
        for other in values[1:_MOST_MERGED] if name == "allOf" else ():
            merged |= {
                key: each
                for key, each in _read_of(other, steps).items()
                if key not in ("$ref", *CHOICES)
            }
        found = {**merged, **nullable, **found}
    kinds = found.get("type")
    if isinstance(kinds, list):
        found["type"] = next((each for each in kinds if each != "null"), "string")
        found["nullable"] = "null" in kinds
    described = str(found.get("description", ""))[:_LONGEST_DESCRIPTION]
    behind = after(described, r"e\.?g")
    example = quoted(described[behind:]) if behind else None
    if example and found.get("type", "string") == "string":
        found["example"] = example
    return found


def _value(
    spec: Any, root: Mapping[str, Any], text: str, steps: Iterator[int], depth: int = 0
) -> Any:
    """A value that fits a schema; `steps` counts it and the values within."""
    _take(steps)
    spec, text = _plain(spec, root, steps), text[:_LONGEST_MADE_UP]
    ends = depth > _DEEPEST
    given = [spec[name] for name in _VALUES if name in spec]
    given += (spec.get("enum") or ())[:1]
    if given:
        return given[0]
    kind = spec.get("type", "object" if "properties" in spec else "string")
    if kind in ("integer", "number"):
        return _least(spec, whole=kind == "integer")
    if kind == "array":
        count = 0 if ends else min(int(spec.get("minItems") or 0), _MOST_ITEMS)
        first, rest = spec.get("prefixItems") or [], spec.get("items")
        if isinstance(rest, list):  # up to draft 2019-09
            first, rest = rest, spec.get("additionalItems")
        items = [*first, *[rest] * count][:count]
        return [_value(each, root, text, steps, depth + 1) for each in items]
    if kind == "object":
        named = spec.get("properties") or {}
        inner = [] if ends else [(name, named.get(name)) for name in spec.get("required") or ()]
        return {name: _value(each, root, name, steps, depth + 1) for name, each in inner}
    if kind in ("boolean", "null"):
        return False if kind == "boolean" else None
    text = WORDS["formats"].get(spec.get("format", ""), text)
    most = spec.get("maxLength")
    least = min(int(spec.get("minLength") or 0), _LONGEST_MADE_UP)
    return text.ljust(least, ".")[: None if most is None else int(most)]


def _least(spec: Mapping[str, Any], *, whole: bool) -> int | float:
    """The number nearest to 0 within the bounds."""
    step = spec.get("multipleOf") or (1 if whole else 0.5)
    least, above = _bounds(spec, "minimum", "exclusiveMinimum")
    most, below = _bounds(spec, "maximum", "exclusiveMaximum")
    lows = [0, *least, *(each + step for each in above)]
    highs = [*most, *(each - step for each in below)]
    value = max(lows) if min(highs, default=0) >= 0 else min(highs)
    rounded = -(-value // step) * step
    value = rounded if math.isfinite(rounded) else value
    return int(value) if whole else float(value)


def _bounds(spec: Mapping[str, Any], inner: str, outer: str) -> tuple[list[Any], list[Any]]:
    """A bound, and an exclusive one, which is a number, or up to draft 4 makes the other so."""
    bounds = [spec[inner]] if spec.get(inner) is not None else []
    exclusive = spec.get(outer)
    if isinstance(exclusive, bool):
        return ([], bounds) if exclusive else (bounds, [])
    return bounds, [] if exclusive is None else [exclusive]
