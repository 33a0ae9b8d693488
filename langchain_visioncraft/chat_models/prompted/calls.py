"""Interprets a call that a model wrote: which of the offered tools, with which arguments."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass, field
from typing import Any

from langchain_visioncraft._json import JsonReader
from langchain_visioncraft._redact import shortened
from langchain_visioncraft._schemas import repeats_schema
from langchain_visioncraft.chat_models.normalizing import MOST_CALLS
from langchain_visioncraft.errors import UnexpectedAnswerError

NAME_KEYS = ("name", "tool_name", "tool", "function", "function_name", "action", "recipient_name")
ARGUMENT_KEYS = (
    *("arguments", "parameters", "args", "input", "params", "action_input", "tool_input", "kwargs"),
)
_WRAPPERS = ("function", "function_call", "tool_call", "tool_use", "call")
_LISTS = ("tool_calls", "tool_uses", "function_calls", "calls", "tools")
_BESIDE = ("id", "type", "index", "tool_call_id", "thought", "content", "role")
CALL_KEYS = frozenset({*NAME_KEYS, *ARGUMENT_KEYS, *_WRAPPERS, *_LISTS, *_BESIDE})
CALL_TYPES = ("function", "function_call", "tool_call", "tool_use")
SCHEMA_KEYS: dict[str, type] = {"type": str, "required": list}
"""The keys that small models copy from the schema into the arguments."""

CUT_OFF = "The answer ended in the middle of this call"
NO_CALL = "This is not a call: it must be a JSON object with a name and arguments"
_NO_OBJECT = "The arguments are not a JSON object"
_PARTS = re.compile(r"[./:]|__|::")
_COUNTER = re.compile(r":\d+\Z")
_SPELLING = re.compile(r"[\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])[A-Z]")
_LONGEST_NAME = 200
"""Characters. Whatever is longer names no tool, unless a tool has just this name."""


@dataclass(frozen=True)
class Call:
    """A call that a model wrote.

    Attributes:
        name: The name of the tool; ``None`` if it could not be parsed.
        arguments: The arguments; empty if they could not be parsed.
        text: The model's text, if it could not be parsed.
        problems: Why the call is invalid.
    """

    name: str | None
    arguments: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Offered:
    """The tools that a model may call.

    Attributes:
        schemas: Name → JSON schema of the arguments.
        forced: The tool that it must call, if any; its arguments alone are then a call, too.
    """

    schemas: Mapping[str, Mapping[str, Any]]
    forced: str | None = None

    @functools.cached_property
    def alone(self) -> frozenset[str]:
        """Keys of an object that holds nothing but arguments."""
        return frozenset(self.properties(self.forced) if self.forced else ())

    @functools.cached_property
    def _known_keys(self) -> frozenset[str]:
        """Keys of a call, and of its arguments, which may be beside the name."""
        own = (key for name in self.schemas for key in self.properties(name))
        return CALL_KEYS.union(SCHEMA_KEYS, self.schemas, own)

    @functools.cached_property
    def _spelled(self) -> Mapping[str, str]:
        """Names without the punctuation that models change, if they remain distinct."""
        spelled: dict[str, list[str]] = {}
        for name in self.schemas:
            spelled.setdefault(_SPELLING.sub("", name).lower(), []).append(name)
        return {each: names[0] for each, names in spelled.items() if len(names) == 1}

    @functools.cached_property
    def _endings(self) -> Mapping[tuple[str, ...], str | None]:
        """The last words of names, two or more: a prefix was left out; ``None`` if ambiguous."""
        endings: dict[tuple[str, ...], str | None] = {}
        for name in self.schemas:
            words = tuple(_words(name))
            for ending in (words[at:] for at in range(len(words) - 1)):
                endings[ending] = None if ending in endings else name
        return endings

    def name_of(self, written: str) -> str | None:
        """The tool that is meant: ``functions.draw``, ``draw:0``, ``draw(a cat)``, ``Draw``."""
        bare = written.partition("(")[0].partition("<")[0].strip(" \n\"'`")
        if len(bare) > _LONGEST_NAME:
            return bare if bare in self.schemas else None
        bare = _COUNTER.sub("", bare.removesuffix(".call"))
        bare = bare if bare in self.schemas else bare.removeprefix("function")
        tails = [bare, *(bare[part.end() :] for part in _PARTS.finditer(bare))]
        for each in tails:
            if each in self.schemas:
                return each
        if bare[:-9] in self.schemas:
            return bare[:-9]  # Mistral appends an id directly
        parts = [_words(part) for part in _PARTS.split(bare)]
        words = [tuple(itertools.chain(*parts[at:])) for at in range(len(parts))]
        spelled = (self._spelled.get("".join(each)) for each in words)
        return next(filter(None, (*spelled, *map(self._endings.get, words))), None)

    def properties(self, name: str | None) -> Mapping[str, Any]:
        """The arguments of a tool."""
        found = self.schemas.get(name or "", {}).get("properties")
        return found if isinstance(found, Mapping) else {}

    def fits(self, name: str, keys: set[str]) -> bool:
        """Whether these keys could be all the arguments of this tool."""
        required = self.schemas[name].get("required") or ()
        return keys <= set(self.properties(name)) and set(required) <= keys

    def has_form_of_call(self, item: Any) -> bool:
        """Whether an object holds only keys of a call."""
        if not isinstance(item, Mapping):
            return False
        kind = item.get("type")
        knows_type = not isinstance(kind, str) or kind in CALL_TYPES or "type" in self.alone
        return knows_type and item.keys() <= self._known_keys

    def begins_call(self, key: str, value: str | None, sign: str | None) -> bool:
        """Whether an object that begins with this key and text, or other sign, is a call."""
        if key in self.alone:
            return True
        key = _call_key(key)
        if key not in CALL_KEYS:
            return sign == "{" and self.name_of(key) is not None
        if key in NAME_KEYS and value is not None:
            return self.name_of(value) is not None
        if key == "type":
            return value in CALL_TYPES
        return key not in NAME_KEYS or sign == "{"

    def calls_in(self, value: Any, text: str, json: JsonReader, *, marked: bool) -> list[Call]:
        """The calls in an object or a list that this text was decoded to; empty if it holds others.

        If an opener has `marked` it as a call, anything else is a call with a problem.
        """
        value = _spelled(value)
        if isinstance(value, Mapping):
            inner = (value[key] for key in _LISTS if isinstance(value.get(key), list))
            value = next(inner, [value])
        items = [_spelled(each) for each in value] if isinstance(value, list) else []
        if not marked and not all(map(self.has_form_of_call, items)):
            return []
        check_number(items)
        found = [self._call_in(item, text, json, marked=marked) for item in items]
        if marked:
            name = self.forced if len(self.schemas) == 1 else None
            no_call = Call(name, text=text, problems=(NO_CALL,))
            return [each or no_call for each in found or [None]]
        calls = [call for call in found if call is not None]
        return calls if len(calls) == len(found) else []

    def _call_in(self, item: Any, text: str, json: JsonReader, *, marked: bool) -> Call | None:
        if not isinstance(item, Mapping):
            return None
        wrapped = (item[key] for key in _WRAPPERS if isinstance(item.get(key), Mapping))
        function: Mapping[str, Any] = _spelled(next(wrapped, item))
        name = next((function[k] for k in NAME_KEYS if isinstance(function.get(k), str)), "")
        known = self.name_of(name)
        if name and (known or marked):
            arguments = self._arguments_of(function, known)
            return None if arguments is None else self.call(name, arguments, text, json)
        if self.forced and self.fits(self.forced, set(item)):
            return Call(self.forced, dict(item))
        [(key, inner)] = item.items() if len(item) == 1 else [("", None)]
        if isinstance(inner, Mapping) and key not in CALL_KEYS and self.name_of(key):
            return self.call(key, inner, text, json)  # Apertus
        return None

    def _arguments_of(self, function: Mapping[str, Any], known: str | None) -> Any:
        """The arguments of a call; ``None`` if it is only a copy of the tool's schema."""
        own = self.properties(known)
        key = next((each for each in ARGUMENT_KEYS if each in function), None)
        if key is None:
            rest = {k: v for k, v in function.items() if k not in (*NAME_KEYS, *_BESIDE)}
            return None if rest and known and not self.fits(known, set(rest)) else rest
        value = function[key] if function[key] is not None else {}
        if not isinstance(value, Mapping):
            return value
        inner = value.get("properties")
        if isinstance(inner, Mapping) and not {"properties", "type"} & set(own):
            # Arguments inside a copy of the schema, unless it is the schema itself.
            described = (isinstance(v, Mapping) and ("type" in v or not v) for v in inner.values())
            return None if any(described) or set(inner) - set(own) else inner
        # Some close the arguments too early, and go on beside them.
        return {**{k: v for k, v in function.items() if k in own and k not in CALL_KEYS}, **value}

    def call(self, written: str, arguments: Any, text: str, json: JsonReader) -> Call:
        """The call of this name with these arguments: an object, its JSON, or a tuple of values."""
        name = self.name_of(written)
        if name is None and written.isdigit() and isinstance(arguments, Mapping):
            # Kimi K2 sometimes writes a counter instead.
            fitting = [each for each in self.schemas if self.fits(each, set(arguments))]
            name = fitting[0] if len(fitting) == 1 else None
        if name is None:
            known = ", ".join(self.schemas)
            written = shortened(written, _LONGEST_NAME)
            problem = f"There is no tool {written!r}; the tools are: {known}"
            return Call(written or None, text=text, problems=(problem,))
        own = self.properties(name)
        meant = _object_of(arguments, own, json)
        if not isinstance(meant, Mapping):
            return Call(name, text=text, problems=(_NO_OBJECT,))
        return Call(name, dict(_meant(meant, own)))


def check_number(calls: Sized) -> None:
    """Refuse an answer of more calls than are read."""
    if len(calls) > MOST_CALLS:
        msg = f"The model wrote more than {MOST_CALLS} tool calls in one answer."
        raise UnexpectedAnswerError(msg, status=200)


def _object_of(arguments: Any, own: Mapping[str, Any], json: JsonReader) -> Any:
    """The arguments by name, in whatever form they were written."""
    if isinstance(arguments, Mapping) and CALL_KEYS - set(own) >= set(arguments):
        # A call that was written into its own arguments.
        arguments = next((arguments[key] for key in ARGUMENT_KEYS if key in arguments), arguments)
    if isinstance(arguments, str):
        found = json.load(arguments) if arguments.strip() else {}
        arguments = found if isinstance(found, Mapping) else (arguments,)
    if isinstance(arguments, tuple | list) and len(arguments) == 1:
        [only] = arguments
        arguments = only if isinstance(only, Mapping) and set(only) <= set(own) else arguments
    if isinstance(arguments, list) and all(
        isinstance(each, Mapping) and isinstance(each.get("name"), str) and "value" in each
        for each in arguments
    ):
        arguments = {each["name"]: each["value"] for each in arguments}
    if isinstance(arguments, tuple) and len(arguments) <= len(own):
        arguments = dict(zip(own, arguments, strict=False))
    return arguments


def _words(name: str) -> list[str]:
    return [each for each in _SPELLING.split(_CAMEL.sub(r"_\g<0>", name).lower()) if each]


def _call_key(key: str) -> str:
    """A key of a call as this module spells it: ``functionCall`` is ``function_call``."""
    spelled = _CAMEL.sub(lambda found: f"_{found[0].lower()}", key)
    return spelled if spelled in CALL_KEYS else key


def _spelled(item: Any) -> Any:
    if isinstance(item, Mapping):
        return {_call_key(key): value for key, value in item.items()}
    return item


def _meant(arguments: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The arguments that are not copied from the schema."""
    for name, value in arguments.items():
        copied = name not in own and isinstance(value, SCHEMA_KEYS.get(name, ()))
        if not copied and not repeats_schema(value, own.get(name)):
            yield name, value
