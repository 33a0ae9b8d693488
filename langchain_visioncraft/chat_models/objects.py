"""Finds the value of a schema in an answer, in time that grows with its length. No I/O."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import from_json

from langchain_visioncraft._json import JsonReader, checked, decoded_at
from langchain_visioncraft._schemas import accepts, coerced, problems

_BRACKET = re.compile(r"\[|\{(?=\s{0,80}[\"'}\w])")
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*+", re.DOTALL)
_CONTROLS = {code: f"\\u{code:04x}" for code in range(32)}
"""Control characters such as line breaks, which models do not escape within strings."""
_MOST_SEARCHED = 20_000
_PRICE = 64
"""The cost of an attempt to decode, in characters: a text may hold nothing but brackets."""

_MOST_REPAIRS = 8
_MOST_TRIED = 100
"""How many whole values of a text are compared with the schema."""


def object_in(text: str, schema: Mapping[str, Any], *, partial: bool = False) -> Any:
    """The value for a schema in an answer: bare, fenced, wrapped, surrounded by prose, or damaged.

    The first value that fits the schema counts, else the first that could be meant; ``None`` if
    there is none. A `partial` text may be only the beginning of an answer.
    """
    values = list(_values(text))
    best: Any = None
    for value in itertools.chain(values[:_MOST_TRIED], _repaired(text, partial=partial)):
        for found in _unwrapped(value, schema):
            meant = coerced(found, schema)
            if not problems(meant, schema):
                return meant
            best = meant if best is None and _could_be(meant, schema) else best
    if accepts(schema, "array") and len(values) > 1 and not problems(values, schema):
        return values
    if best is None and not accepts(schema, "object") and not accepts(schema, "array"):
        meant = coerced(text.strip(), schema)
        return None if problems(meant, schema) else meant
    return best


def _values(text: str) -> Iterator[Any]:
    """The objects and lists in a text."""
    left, at = 2 * len(text) + _MOST_SEARCHED, 0
    while left > 0 and (found := _BRACKET.search(text, at)):
        start, at = found.start(), found.end()
        try:
            value, at = decoded_at(text, start)
        except (ValueError, RecursionError) as error:
            # For an error, Python counts the lines before it, so each attempt has its cost.
            end = error.pos if isinstance(error, json.JSONDecodeError) else len(text)
            left -= _PRICE + end - start + end // 256
        else:
            yield value


def _repaired(text: str, *, partial: bool) -> Iterator[Any]:
    """The objects and lists in a text that are damaged, or have no end yet."""
    reader, at = JsonReader(), 0
    for _ in range(_MOST_REPAIRS):
        found = _BRACKET.search(text, at)
        if found is None:
            return
        value, at, kind = reader.value_at(text, found.start())
        if partial and kind != "closed":
            value = _beginning(text[found.start() : at])
        if value not in (None, ""):
            yield value


def _beginning(text: str) -> Any:
    """The values in the beginning of JSON so far, without one that is incomplete."""
    escaped = _STRING.sub(lambda found: found[0].translate(_CONTROLS), text)
    try:
        return checked(from_json(escaped, allow_partial="trailing-strings"))
    except ValueError:
        return None


def _could_be(value: Any, schema: Mapping[str, Any]) -> bool:
    if isinstance(value, list):
        return accepts(schema, "array")
    properties = schema.get("properties") or {}
    return accepts(schema, "object") and (
        not properties or any(name in properties for name in value)
    )


def _unwrapped(value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    """The value itself, and the values in it, since models may wrap one in another."""
    if isinstance(value, dict | list):
        yield value
    if isinstance(value, dict) and not set(value) & set(schema.get("properties") or {}):
        for inner in value.values():
            if isinstance(inner, str) and inner[:1] in ("{", "["):
                inner = _beginning(inner)  # noqa: PLW2901
            if isinstance(inner, dict | list):
                yield inner
    elif isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        yield value[0]
