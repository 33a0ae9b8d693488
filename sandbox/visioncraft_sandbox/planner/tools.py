"""The offered tools: which does what, and its arguments by rules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from visioncraft_sandbox.planner.requests import CAPABILITIES, COUNTS, PICTORIAL, SIZE, Wish
from visioncraft_sandbox.planner.samples import plain, sample
from visioncraft_sandbox.planner.words import Words, one_of

_MEDIA = "image*|picture*|photo*|audio|recording|sound|video,file|files|media|handle|handles"
_NO_MEDIA = "count|size|width|height|model|prompt|format|type|style|description|mask"
_PROMPT = (
    "prompt|description|query|text|question|topic|subject|message|content|caption|idea|request|"
    "task|answer|input|instructions"
)
_HANDOFF = "transfer|handoff|delegate|escalate,hand off|over,assign to"
_ILLUSTRATOR = "illustrat*|artist*|painter*|designer*|image*|picture*|visual*"
_FINAL = "final answer|result|response|output,submit answer|result"
_COMMON = one_of(
    "get set use run call make do the a an my of to for and or in on by with from tool function "
    "search find fetch lookup generator api service visioncraft what is value no args can you me "
    "please it that this using give tell show transfer handoff delegate agent back w generate "
    "create write how which named called what's how's where talk"
)
_OF_OTHERS = "gif|video|upscal*,image to"
_FACTORS = frozenset({"resize", "scale", "factor"})
_LONGEST_DESCRIPTION = 600
_MOST_PARAMETERS = 60


class Tool:
    """One function tool of a request."""

    def __init__(self, declared: Mapping[str, Any]) -> None:
        function = declared["function"]
        self.name: str = function["name"]
        self.description = str(function.get("description") or "")
        self.schema: dict[str, Any] = function.get("parameters") or {}
        self._definitions = {**self.schema.get("definitions", {}), **self.schema.get("$defs", {})}
        properties = self.schema.get("properties") or {}
        self.required = dict.fromkeys(self.schema.get("required") or ())
        self.parameters = {
            name: plain(each, self._definitions)
            for number, (name, each) in enumerate(properties.items())
            if number < _MOST_PARAMETERS or name in self.required
        }
        self._named = Words.of_name(self.name)
        self.is_final = bool(self._named.after(_FINAL))
        self.is_handoff = bool(self._named.after(_HANDOFF))
        media = sorted(
            filter(self._is_media, self.parameters), key=lambda n: n not in self.required
        )
        self.media_parameter = media[0] if media else None
        """The parameter that takes a picture or a recording, a required one first."""
        texts = (name for name in self.required if self._is_text(name))
        self.prompt_parameter = next(
            (name for name in texts if Words.of_name(name)[-1:].after(_PROMPT)), None
        )
        """The required parameter that takes words."""
        self._fits = self._what_it_does()

    def _what_it_does(self) -> dict[str, int]:
        """The kinds of work that it does, and how well its words fit them."""
        described = Words.of(self.description[:_LONGEST_DESCRIPTION])
        named = {kind for kind, each in CAPABILITIES.items() if self._named.after(each.tool)}
        if self.is_handoff:
            draws = PICTORIAL if self._named.after(_ILLUSTRATOR) else frozenset()
            return dict.fromkeys(named | draws, 1)
        said = {kind for kind, each in CAPABILITIES.items() if described.after(each.tool)}
        # A tool for GIFs draws, too, but is not a tool for pictures.
        kinds = named or said
        if self._named.after(_OF_OTHERS):
            kinds = kinds - {"draw"}
        return {
            kind: 3 * (kind in named) + (kind in said) for kind in kinds if self._takes_what(kind)
        }

    def _takes_what(self, kind: str) -> bool:
        """Whether its parameters can take what this work needs, and it requires nothing else."""
        words, media = self.prompt_parameter is not None, self.media_parameter is not None
        if kind in ("upscale", "caption", "transcribe"):
            return media
        if kind in ("rework", "video"):
            return media and words if kind == "rework" else media or words
        return self.media_parameter not in self.required and (words or kind in ("list", "limits"))

    def _is_media(self, name: str) -> bool:
        words, kind = Words.of_name(name), self.parameters[name].get("type", "string")
        fits = kind in ("string", "array") and not words.after(_NO_MEDIA)
        return fits and bool(words.after(_MEDIA))

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
        fit = self._fits.get(wish.kind, 0)
        said = {key for key in wish.words.keys if len(key) > 3}
        own = {*self._named.keys} - _COMMON - {"text", "image"}
        return fit and (fit if self.is_handoff else fit + 2 * len(said & own))

    def is_meant(self, words: Words) -> bool:
        """Whether a clause names this tool, or most words of its name."""
        text = str(words).lower()
        if self.name.lower() in text or " ".join(self._named.keys) in text:
            return True
        own = [key for key in self._named.keys if key not in _COMMON]
        said = words.parts - _COMMON
        return 2 * sum(any(_akin(key, each) for each in said) for key in own) > len(own)

    def fill(self, wish: Wish, sources: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
        """Its arguments as a clause gives them, and the names of those that had to be made up."""
        arguments: dict[str, Any] = {}
        guessed: list[str] = []
        numbers = Words.of(SIZE.sub("", str(wish.words))).numbers
        remaining = list(sources)
        for name, spec in self.parameters.items():
            is_required = name in self.required
            is_media = is_required and self._is_media(name)
            if remaining and (name == self.media_parameter or is_media):
                source = remaining.pop(0)
                arguments[name] = [source] if spec.get("type") == "array" else source
                continue
            value = _said(name, spec, wish.words, numbers if is_required else [])
            if value is None and is_required:
                if spec.get("nullable") and name != self.prompt_parameter:
                    arguments[name] = None
                    continue
                value = self._words_for(name, wish)
                if value is None:
                    value = sample(spec, self._definitions, wish.prompt or name)
                    guessed += [] if "default" in spec or "example" in spec else [name]
            if value is not None:
                arguments[name] = value
        return arguments, guessed

    def _words_for(self, name: str, wish: Wish) -> str | None:
        """The words of the clause for a required text."""
        if not self._is_text(name):
            return None
        if name == self.prompt_parameter and wish.kind != "other":
            return wish.prompt
        if wish.words.quoted:
            return wish.words.quoted[0]
        if name == self.prompt_parameter:
            return wish.prompt or str(wish.words)
        return self._rest(wish.words) if self.is_meant(wish.words) else None

    def _rest(self, words: Words) -> str | None:
        """A clause without the words of the tool's name and without common words."""
        kept = (
            word
            for word, key in zip(words.raw, words.keys, strict=True)
            if key not in _COMMON and not any(_akin(own, key) for own in self._named.keys)
        )
        return " ".join(kept).strip(" .,;:!?\"'()") or None


def _said(name: str, spec: Mapping[str, Any], words: Words, numbers: list[float]) -> Any:
    """The value that a clause gives for a parameter, if any."""
    if "const" in spec:
        return spec["const"]
    times = _times(words) if name in _FACTORS else None
    if "enum" in spec:
        options = spec["enum"]
        return times if times in options else next((o for o in options if _has(words, o)), None)
    if spec.get("type") not in ("integer", "number"):
        return None
    found = _number(name, words)
    found = times if found is None else found
    if found is None and numbers:
        found = numbers.pop(0)
    return int(found) if found is not None and spec["type"] == "integer" else found


def _number(name: str, words: Words) -> float | None:
    """A number that a clause gives for the parameter of this name."""
    parts = Words.of_name(name).keys
    if {"count", "n"} & {*parts[-1:]} or {"num", "number"} & {*parts[:1]}:
        behind = words.after(f"{'|'.join(COUNTS)} … pictures|images|versions|drawings")
        counts = [COUNTS[key] for key in words.keys[:behind] if key in COUNTS]
        return counts[-1] if counts else None
    size = SIZE.search(str(words))
    if size and name in ("width", "height"):
        return int(size[1 + (name == "height")])
    flat = Words.of(str(words).replace("=", " ").replace(":", " "))
    behind = flat.after(" ".join(parts)) if parts else 0
    follows = flat[behind : behind + 2].numbers if behind else []
    return follows[0] if follows else None


def _times(words: Words) -> int | None:
    """The factor in "4x", "4 times", "by 4" or "twice as large"."""
    factors = {"2": 2, "4": 4, "8": 8, "two": 2, "four": 4, "twice": 2}
    for number, key in enumerate(words.keys):
        plain_key = key.strip("x")
        beside = {*words.keys[max(0, number - 1) : number + 2]} & {"by", "of", "times", "x"}
        if plain_key in factors and (plain_key != key or key == "twice" or beside):
            return factors[plain_key]
    return None


def _has(words: Words, value: Any) -> bool:
    """Whether a clause mentions an option, in the singular or the plural."""
    keys = [re.sub(r"[,*|…]", "", key).rstrip("s") for key in Words.of(str(value)).keys]
    return any(keys) and words.after(" ".join(f"{key}|{key}s" for key in keys if key)) > 0


def _akin(one: str, other: str) -> bool:
    length = max(4, min(len(one), len(other)) - 3)
    return one == other or (min(len(one), len(other)) >= 4 and one[:length] == other[:length])
