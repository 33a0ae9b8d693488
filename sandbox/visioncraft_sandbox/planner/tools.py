"""The offered tools: which does what, and its arguments by rules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from visioncraft_sandbox.planner.intents import COUNTS, KINDS, PICTORIAL, Intent, sides_of
from visioncraft_sandbox.planner.words import Words, one_of

_NAME_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_A-Za-z]+")
_MEDIA = "image*|picture*|photo*|audio|recording|sound|video,file|files|media|handle|handles"
_NO_MEDIA = "count|size|width|height|model|prompt|format|type|style|description|mask"
_PROMPT = (
    "prompt,description,query,text,question,topic,subject,message,content,caption,idea,request,"
    "task,answer,input,instructions"
)
_HANDOFF = "transfer|handoff|delegate|escalate,hand off|over,assign to"
_ILLUSTRATOR = "illustrat*|artist*|painter*|designer*|image*|picture*|visual*"
_FINAL = "final answer|result|response|output,submit answer|result"
_PLACE = "location|city|place|country|town|region"
_COMMON = one_of(
    "get set use run call make do the a an my of to for and or in on by with from tool function "
    "search find fetch lookup generator api service visioncraft what is value no args can you me "
    "please it that this using give tell show transfer handoff delegate agent back w"
)
_ASKED = one_of("generate create write how which tell")
_FORMATS = {
    "date": "2025-01-01", "date-time": "2025-01-01T00:00:00Z", "time": "00:00:00Z",
    "email": "someone@example.org", "uri": "https://example.org/", "uuid": "0" * 8 + "-0000" * 4
    + "0" * 8, "ipv4": "192.0.2.1", "duration": "PT1S",
}  # fmt: skip
_DEEPEST = 12
_LONGEST_DESCRIPTION = 600
_MOST_ITEMS = 16


class Tool:
    """One function tool of a request."""

    def __init__(self, declared: Mapping[str, Any]) -> None:
        function = declared["function"]
        self.name: str = function["name"]
        self.description = str(function.get("description") or "")
        self.schema: dict[str, Any] = function.get("parameters") or {}
        definitions = {**self.schema.get("definitions", {}), **self.schema.get("$defs", {})}
        properties = self.schema.get("properties") or {}
        self.parameters = {name: plain(spec, definitions) for name, spec in properties.items()}
        self.required: list[str] = list(self.schema.get("required") or ())
        self._definitions = definitions
        self._named = words_in_name(self.name)
        described = Words.of(self.description[:_LONGEST_DESCRIPTION])
        self._work = {
            name: (self._named.after(kind.tool) > 0, described.after(kind.tool) > 0)
            for name, kind in KINDS.items()
        }
        self.is_final = bool(self._named.after(_FINAL))
        self.is_handoff = bool(self._named.after(_HANDOFF))
        media = sorted(filter(self._is_media, self.parameters), key=self._is_optional)
        self.media_parameter = media[0] if media else None
        """The parameter that takes a picture or a recording, a required one first."""
        texts = (name for name in self.required if self._is_text(name))
        self.prompt_parameter = next(
            (n for n in texts if words_in_name(n)[-1:].after(_PROMPT)), None
        )
        """The required parameter that takes words."""

    def _is_optional(self, name: str) -> bool:
        return name not in self.required

    def _is_media(self, name: str) -> bool:
        words, kind = words_in_name(name), self.parameters[name].get("type", "string")
        fits = kind in ("string", "array") and not words.after(_NO_MEDIA)
        return fits and bool(words.after(_MEDIA))

    def _is_text(self, name: str) -> bool:
        spec = self.parameters.get(name, {})
        return spec.get("type", "string") == "string" and not (
            "enum" in spec or (name in self.parameters and self._is_media(name))
        )

    def score(self, intent: Intent) -> int:
        """How well it fits an intent; 0 if not at all."""
        named, described = self._work[intent.kind]
        if self.is_handoff:
            draws = intent.kind in PICTORIAL and self._named.after(_ILLUSTRATOR)
            return 1 if named or draws else 0
        # A tool for GIFs draws, too, but is not a tool for pictures.
        belongs = named or not any(other for other, _ in self._work.values())
        if not (named or described) or not belongs or not self._takes_what(intent.kind):
            return 0
        if intent.kind == "draw" and self._named.after("gif|video|upscal*,image to"):
            return 0
        said = {key for key in intent.words.keys if len(key) > 3}  # a word
        own = set(self._named.keys) - _COMMON - {"text", "image"}
        return 3 * named + described + 2 * len(said & own)

    def _takes_what(self, kind: str) -> bool:
        media, words = self.media_parameter is not None, self.prompt_parameter is not None
        needs_media = media and not self._is_optional(self.media_parameter or "")
        if kind in ("draw", "gif"):
            return words and not needs_media
        if kind in ("upscale", "caption", "transcribe"):
            return media
        if kind in ("rework", "video"):
            return media and words if kind == "rework" else media or words
        return not needs_media

    def is_meant(self, words: Words) -> bool:
        """Whether a clause names this tool, or most words of its name."""
        text = str(words).lower()
        if self.name.lower() in text or " ".join(self._named.keys) in text:
            return True
        own = [key for key in self._named.keys if key not in _COMMON]
        said = {key for word in words.raw for key in words_in_name(word).keys} - _COMMON
        shared = [key for key in own if any(_akin(key, each) for each in said)]
        return len(shared) * 2 > len(own)

    def fill(self, intent: Intent, sources: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
        """Its arguments as a clause gives them, and the names of those that had to be made up."""
        arguments: dict[str, Any] = {}
        guessed: list[str] = []
        numbers = [
            each for each in intent.words.numbers if each not in (_sides(intent.words) or ())
        ]
        remaining = list(sources)
        for name, spec in self.parameters.items():
            is_required = name in self.required
            if remaining and (
                name == self.media_parameter or (is_required and self._is_media(name))
            ):
                source = remaining.pop(0)
                arguments[name] = [source] if spec.get("type") == "array" else source
                continue
            value = _said(name, spec, intent.words, numbers if is_required else [])
            if value is None and is_required:
                value = self._words_for(name, intent)
            if value is None and is_required:
                value = sample(spec, self._definitions, intent.prompt or name)
                guessed += [] if "default" in spec or _example(spec) else [name]
            if value is not None:
                arguments[name] = value
        return arguments, guessed

    def _words_for(self, name: str, intent: Intent) -> str | None:
        """The words of the clause for a required text."""
        if not self._is_text(name):
            return None
        is_prompt, words = name == self.prompt_parameter, intent.words
        if is_prompt and intent.kind != "other":
            return intent.prompt
        parts = words_in_name(name)
        if parts.after(_PLACE):
            return _capitalised(words, "in|for|at|near|of|to")
        marked = [
            *words.quoted,
            _capitalised(words, "named|called") if "name" in parts.keys else None,
        ]
        if marked[0]:
            return marked[0]
        if is_prompt:
            return intent.prompt or str(words)
        return self._rest(words) if self.is_meant(words) else None

    def _rest(self, words: Words) -> str | None:
        """A clause without the words of the tool's name and without common words."""
        return (
            " ".join(
                word.strip(".,;:!?\"'()")
                for word, key in zip(words.raw, words.keys, strict=True)
                if key not in _COMMON | _ASKED
                and not any(_akin(own, key) for own in self._named.keys)
            ).strip()
            or None
        )


def words_in_name(name: str) -> Words:
    """The words of a name in any style: ``getWeather``, ``W-get_weather``, ``get.weather``."""
    return Words.of(_NAME_PART.findall(name[:200]))


def plain(spec: Any, definitions: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """A property's schema without references and without the null among its types."""
    if not isinstance(spec, Mapping) or depth > _DEEPEST:
        return {}
    if "$ref" in spec:
        target = definitions.get(str(spec["$ref"]).rpartition("/")[2]) or {}
        rest = {key: value for key, value in spec.items() if key != "$ref"}
        return plain({**target, **rest}, definitions, depth + 1)
    for name in ("anyOf", "oneOf", "allOf"):
        for option in spec.get(name) or ():
            found = plain(option, definitions, depth + 1)
            if found.get("type") != "null":
                return {**found, **{key: value for key, value in spec.items() if key != name}}
    kind = spec.get("type")
    if isinstance(kind, list):
        return {**spec, "type": next((part for part in kind if part != "null"), "string")}
    return dict(spec)


def sample(spec: Any, definitions: Mapping[str, Any], text: str, depth: int = 0) -> Any:
    """A value that fits a schema, for a required argument that nobody has given."""
    spec = plain(spec, definitions, depth)
    given = [spec[name] for name in ("default", "const") if name in spec]
    given += [*(spec.get("enum") or ())[:1], *filter(None, [_example(spec)])]
    if given:
        return given[0]
    kind = spec.get("type", "object" if "properties" in spec else "string")
    if kind in ("integer", "number"):
        return _least(spec, whole=kind == "integer")
    if kind == "array":
        count = 0 if depth > _DEEPEST else min(int(spec.get("minItems") or 0), _MOST_ITEMS)
        return [sample(spec.get("items"), definitions, text, depth + 1) for _ in range(count)]
    if kind == "object":
        inner = spec.get("properties") or {}
        names = () if depth > _DEEPEST else spec.get("required") or ()
        return {n: sample(inner.get(n), definitions, n, depth + 1) for n in names}
    if kind in ("boolean", "null"):
        return False if kind == "boolean" else None
    text = _FORMATS.get(spec.get("format", ""), text)
    return text.ljust(min(int(spec.get("minLength") or 0), 1000), ".")[: spec.get("maxLength")]


def _least(spec: Mapping[str, Any], *, whole: bool) -> int | float:
    """The number nearest to 0 within the bounds."""
    least, most = spec.get("minimum"), spec.get("maximum")
    step = spec.get("multipleOf") or (1 if whole else 0.5)
    above, below = spec.get("exclusiveMinimum"), spec.get("exclusiveMaximum")
    least = above + step if isinstance(above, int | float) and above >= 0 else least
    most = below - step if isinstance(below, int | float) and below <= 0 else most
    value = max(least or 0, 0) if most is None or most >= 0 else most
    value = -(-value // step) * step if value else 0
    return int(value) if whole else float(value)


def _example(spec: Mapping[str, Any]) -> str | None:
    """A name that a description gives as an example: ``e.g. 'sdxl-base'``."""
    words = Words.of(str(spec.get("description", "")))
    quoted = words[words.after("e.g|eg") :].quoted if words.after("e.g|eg") else []
    return quoted[0] if quoted and spec.get("type", "string") == "string" else None


def _said(name: str, spec: Mapping[str, Any], words: Words, numbers: list[float]) -> Any:
    """The value that a clause gives for a parameter, if any."""
    if "const" in spec:
        return spec["const"]
    if "enum" in spec:
        times = _times(words) if name in ("resize", "scale", "factor") else None
        if times in spec["enum"]:
            return times
        return next((value for value in spec["enum"] if _mentions(words, value)), None)
    if spec.get("type") not in ("integer", "number"):
        return None
    found = _number(name, words)
    if found is None and numbers:
        found = numbers.pop(0)
    return int(found) if found is not None and spec["type"] == "integer" else found


def _number(name: str, words: Words) -> float | None:
    """A number that a clause gives for the parameter of this name."""
    parts = words_in_name(name).keys
    if parts[-1:] in (("count",), ("n",)) or parts[:1] in (("num",), ("number",)):
        behind = words.after(
            f"{'|'.join(COUNTS)}|1|2|3|4|5|6|7|8 … pictures|images|versions|drawings"
        )
        counts = [COUNTS.get(key) or int(key) for key in words.keys[:behind]
                  if key in COUNTS or (key in "12345678" and key)]  # fmt: skip
        return counts[-1] if counts else None
    sides = _sides(words)
    if sides and name in ("width", "height"):
        return sides[name == "height"]
    flat = Words.of(str(words).replace("=", " ").replace(":", " "))
    behind = flat.after(" ".join(parts)) if parts else 0
    follows = flat[behind : behind + 2].numbers if behind else []
    return (
        follows[0] if follows else _times(words) if name in ("resize", "scale", "factor") else None
    )


def _sides(words: Words) -> tuple[int, int] | None:
    return next((sides for key in words.keys if (sides := sides_of(key))), None)


def _times(words: Words) -> int | None:
    """The factor in "4x", "4 times", "by 4" or "twice as large"."""
    factors = {"2": 2, "4": 4, "8": 8, "two": 2, "four": 4, "twice": 2}
    for number, key in enumerate(words.keys):
        factor = factors.get(key.strip("x"))
        beside = {*words.keys[max(0, number - 1) : number + 2]}
        if factor and (
            key.strip("x") != key or key == "twice" or beside & {"by", "of", "times", "x"}
        ):
            return factor
    return None


def _mentions(words: Words, value: Any) -> bool:
    parts = [
        f"{part.rstrip('s')}|{part.rstrip('s')}s" for part in Words.of(str(value)).keys if part
    ]
    return bool(parts) and words.after(" ".join(parts).replace(",", " ").replace("*", " ")) > 0


def _capitalised(words: Words, after: str) -> str | None:
    """The capitalised words behind one of these: a place, or a name."""
    begin = end = words.after(f"{after}")
    while begin and end < len(words) and words.raw[end][:1].isupper():
        end += 1
        if words.raw[end - 1][-1] in ".?!":
            break
    return str(words[begin:end]).rstrip(".,?!") or None


def _akin(one: str, other: str) -> bool:
    length = max(4, min(len(one), len(other)) - 3)
    return one == other or (min(len(one), len(other)) >= 4 and one[:length] == other[:length])
