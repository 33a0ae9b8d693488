"""The offered tools: which does what, and its arguments by rules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from visioncraft_sandbox.planner.intents import Intent
from visioncraft_sandbox.planner.patterns import NUMBER_WORDS

_MEDIA_NAME = re.compile(
    r"image|picture|photo|audio|recording|sound|video|(?:^|_)(?:file|media|handle)s?(?:_|$)"
)
_NO_MEDIA = re.compile(r"count|size|width|height|model|prompt|format|type|style|description")
_PROMPT_NAME = re.compile(
    r"prompt|description|query|text|question|topic|subject|message|content|caption|idea|request"
)
_WORK = {
    "draw": r"text.?to.?image|txt2img|draw|paint|illustrat|generate.{0,12}(?:image|picture)|"
    r"(?:image|picture).{0,6}generat|journey|create.{0,12}(?:image|picture)",
    "gif": r"gif|animat",
    "video": r"video|film|mp4|movie",
    "upscale": r"upscal|enlarge|super.?resolution|more pixels",
    "rework": r"image.?to.?image|img2img|inpaint|"
    r"(?:change|edit|repaint|rework).{0,16}(?:image|picture)",
    "caption": r"caption|describe|look at|image.?to.?text|(?<![a-z])vision(?![a-z])",
    "transcribe": r"transcri|speech.?to.?text|whisper|what is said",
    "list": r"catalog|list.{0,30}(?:names|models|samplers)|models|samplers",
    "limits": r"limit|quota|tier",
}
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "get set use run call make do the a an my of to for and or in on by with from tool "
        "function search find fetch lookup generator api service visioncraft what is value no args "
        "can you me please it that this using give tell show",
    )
)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\w)")
_QUOTED = re.compile(
    r"[\"\u201c](.{1,200}?)[\"\u201d]|(?<!\w)['\u2018`](.{1,200}?)['\u2019`](?!\w)"
)
_PLACE = re.compile(r"\b(?:in|for|at|near|of|to)\s+([A-Z][\w.'-]*(?:(?:,\s*|\s+)[A-Z][\w.'-]*)*)")
_PLACE_NAME = re.compile(r"location|city|place|country|town|region")
_NAMED = re.compile(r"\b(?:named|called)\s+([A-Z]\S*(?:\s+[A-Z]\S*)*)")
_TIMES = re.compile(
    r"\b([248])\s*(?:x|\u00d7|times|-?fold)\b|\b(?:x|by(?: a factor of)?)\s*([248])\b",
    re.IGNORECASE,
)
_MANY = re.compile(
    r"\b(\d|two|three|four|five)\s+(?:\w+\s+)?(?:pictures|images|versions|drawings|variants)\b",
    re.IGNORECASE,
)
_SIDES = re.compile(r"\b(\d{2,4})\s*[x\u00d7]\s*(\d{2,4})\b")


@dataclass
class Filled:
    """Arguments for a call, and the names of required ones that the request does not give."""

    arguments: dict[str, Any] = field(default_factory=dict)
    guessed: list[str] = field(default_factory=list)


class Tool:
    """One function tool of a request."""

    def __init__(self, declared: Mapping[str, Any]) -> None:
        function = declared["function"]
        self.name: str = function["name"]
        self.description: str = str(function.get("description") or "")
        self.schema: dict[str, Any] = function.get("parameters") or {}
        definitions = {**self.schema.get("definitions", {}), **self.schema.get("$defs", {})}
        properties = self.schema.get("properties") or {}
        self.parameters = {name: _plain(spec, definitions) for name, spec in properties.items()}
        self.required: list[str] = list(self.schema.get("required") or ())

    @property
    def media_parameter(self) -> str | None:
        """The parameter that takes a picture or a recording, a required one first."""
        names = sorted(self.parameters, key=lambda name: name not in self.required)
        return next((name for name in names if self._is_media(name)), None)

    def _is_media(self, name: str) -> bool:
        return (
            self.parameters[name].get("type", "string") in ("string", "array")
            and name != "mask"
            and _MEDIA_NAME.search(name) is not None
            and _NO_MEDIA.search(name) is None
        )

    @property
    def prompt_parameter(self) -> str | None:
        """The required parameter that takes words."""
        texts = [
            name
            for name in self.required
            if self.parameters.get(name, {}).get("type", "string") == "string"
            and "enum" not in self.parameters.get(name, {})
            and not self._is_media(name)
        ]
        return next((name for name in texts if _PROMPT_NAME.search(name)), None)

    def score(self, intent: Intent) -> float:
        """How well it fits an intent; 0 if not at all."""
        pattern = re.compile(_WORK[intent.kind], re.IGNORECASE)
        named = bool(pattern.search(self.name))
        described = bool(pattern.search(self.description))
        if not (named or described) or not self._has_the_parameters(intent.kind):
            return 0
        # A tool for GIFs draws, too, but is not a tool for pictures.
        for other, work in _WORK.items():
            if other != intent.kind and not named and re.search(work, self.name, re.IGNORECASE):
                return 0
        if intent.kind == "draw" and re.search(r"gif|video|upscal|image.?to", self.name.lower()):
            return 0
        words = {word for word in _words(intent.text) if len(word) > 3}
        own = {part for part in _words(self.name.replace("_", " ")) if part not in _COMMON}
        return 3 * named + described + 2 * len(words & (own - {"text", "image"}))

    def _has_the_parameters(self, kind: str) -> bool:
        media = self.media_parameter
        needs_media = media is not None and media in self.required
        takes_media, takes_words = media is not None, self.prompt_parameter is not None
        fits = {
            **dict.fromkeys(("draw", "gif"), takes_words and not needs_media),
            **dict.fromkeys(("upscale", "caption", "transcribe"), takes_media),
            "rework": takes_media and takes_words,
            "video": takes_media or takes_words,
        }
        return fits.get(kind, not needs_media)

    def is_meant(self, text: str) -> bool:
        """Whether a clause names this tool, or most words of its name."""
        lowered = text.lower()
        if self.name.lower() in lowered or self.name.replace("_", " ").lower() in lowered:
            return True
        own = [part for part in _words(self.name.replace("_", " ")) if part not in _COMMON]
        said = [word for word in _words(text) if word not in _COMMON]
        shared = [part for part in own if any(_akin(part, word) for word in said)]
        return bool(own) and len(shared) * 2 > len(own) and len(shared) >= min(len(own), 1)

    def fill(self, intent: Intent, sources: Sequence[str]) -> Filled:
        """Fill its arguments from a clause, by rules."""
        filled = Filled()
        numbers = _NUMBER.findall(_SIDES.sub(" ", intent.text))
        media = self.media_parameter
        remaining = list(sources)
        for name, spec in self.parameters.items():
            required = name in self.required
            if (name == media or (required and self._is_media(name))) and remaining:
                value = remaining.pop(0)
                filled.arguments[name] = [value] if spec.get("type") == "array" else value
                continue
            said = _said(name, spec, intent, numbers if required else [])
            if said is None and required:
                said = self._words_for(name, spec, intent)
            if said is not None:
                filled.arguments[name] = said
            elif required:
                filled.arguments[name] = _default(name, spec, intent)
                if "default" not in spec and not _example(spec):
                    filled.guessed.append(name)
        return filled

    def _words_for(self, name: str, spec: Mapping[str, Any], intent: Intent) -> Any:
        """The words of the clause for a required text."""
        if spec.get("type", "string") != "string" or "enum" in spec or self._is_media(name):
            return None
        is_prompt = name == self.prompt_parameter
        if is_prompt and intent.kind != "other":
            return intent.prompt
        named = _named_words(name, intent.text)
        if named is not None or _PLACE_NAME.search(name):
            return named
        if is_prompt:
            return intent.prompt or intent.text
        return _rest(intent.text, self.name) if self.is_meant(intent.text) else None


def _named_words(name: str, text: str) -> str | None:
    """The words that a clause marks as a name: a place, a quotation, "called Mia"."""
    if _PLACE_NAME.search(name):
        place = _PLACE.search(text)
        return place[1].rstrip(".,?!") if place else None
    quoted = _QUOTED.search(text)
    if quoted:
        return quoted[1] or quoted[2]
    called = _NAMED.search(text)
    return called[1].rstrip(".,?!") if called and "name" in name else None


def _plain(spec: Any, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A property's schema without references and without the null among its types."""
    if not isinstance(spec, Mapping):
        return {}
    if "$ref" in spec:
        target = definitions.get(str(spec["$ref"]).rpartition("/")[2], {})
        return _plain({**target, **{k: v for k, v in spec.items() if k != "$ref"}}, definitions)
    for name in ("anyOf", "oneOf", "allOf"):
        for option in spec.get(name) or ():
            plain = _plain(option, definitions)
            if plain.get("type") != "null":
                return {**plain, **{key: value for key, value in spec.items() if key != name}}
    kind = spec.get("type")
    if isinstance(kind, list):
        return {**spec, "type": next((part for part in kind if part != "null"), "string")}
    return dict(spec)


def _said(name: str, spec: Mapping[str, Any], intent: Intent, numbers: list[str]) -> Any:
    """The value that a clause gives for a parameter, if any."""
    if "const" in spec:
        return spec["const"]
    if "enum" in spec:
        factor = _factor(name, intent.text)
        if factor in spec["enum"]:
            return factor
        return next((value for value in spec["enum"] if _mentions(intent.text, value)), None)
    if spec.get("type") not in ("integer", "number"):
        return None
    found = _number(name, intent.text)
    if found is None and numbers:
        found = float(numbers.pop(0))
    return int(found) if found is not None and spec["type"] == "integer" else found


def _factor(name: str, text: str) -> int | None:
    times = _TIMES.search(text) if name in ("resize", "scale", "factor") else None
    return int(times[1] or times[2]) if times else None


def _number(name: str, text: str) -> float | None:
    """A number that a clause gives for the parameter of this name."""
    if re.search(r"count$|^n$|^num_|^number_of", name):
        many = _MANY.search(text)
        return NUMBER_WORDS.get(many[1].lower()) or float(many[1]) if many else None
    sides = _SIDES.search(text)
    if sides and name in ("width", "height"):
        return float(sides[1 if name == "width" else 2])
    spoken = re.escape(name.replace("_", " "))
    named = re.search(rf"\b{spoken}\s*(?:=|:|of|is)?\s*(-?\d+(?:\.\d+)?)", text)
    return float(named[1]) if named else _factor(name, text)


def _default(name: str, spec: Mapping[str, Any], intent: Intent) -> Any:
    """A value for a required parameter that the clause does not give."""
    if "default" in spec:
        return spec["default"]
    if spec.get("enum"):
        return spec["enum"][0]
    example = _example(spec)
    if example:
        return example
    kind = spec.get("type", "string")
    lowest = spec.get("minimum", spec.get("exclusiveMinimum", 0) + 1 if kind == "integer" else 0)
    plain: dict[str, Any] = {
        "integer": max(int(lowest), 0) if "minimum" not in spec else int(lowest),
        "number": float(lowest),
        "boolean": False,
        "array": [],
        "object": {},
    }
    return plain.get(kind, intent.prompt or intent.text or name)


def _example(spec: Mapping[str, Any]) -> str | None:
    """A name that a description gives as an example: ``e.g. 'sdxl-base'``."""
    match = re.search(r"e\.g\.\s+['\"`]([^'\"`]+)['\"`]", str(spec.get("description", "")))
    return match[1] if match and spec.get("type", "string") == "string" else None


def _mentions(text: str, value: Any) -> bool:
    words = str(value).lower().rstrip("s")
    return re.search(rf"(?<!\w){re.escape(words)}s?(?!\w)", text.lower()) is not None


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def _akin(one: str, other: str) -> bool:
    length = max(4, min(len(one), len(other)) - 3)
    return one == other or (min(len(one), len(other)) >= 4 and one[:length] == other[:length])


def _rest(text: str, tool_name: str) -> str | None:
    """A clause without the words of a tool's name and without common words."""
    own = _words(tool_name.replace("_", " "))
    kept = [
        word
        for word in re.findall(r"[\w'-]+", text)
        if word.lower() not in _COMMON
        and not any(_akin(part, word.lower()) for part in own)
        and word.lower() not in ("generate", "create", "write", "how", "which", "tell")
    ]
    return " ".join(kept) or None
