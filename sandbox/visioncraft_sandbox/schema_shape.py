"""Checks the shape of a JSON schema from outside, on which its readers rely."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_BY_NAME = ("properties", "$defs", "definitions", "patternProperties")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "not")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_TEXTS = ("$ref", "description", "title", "format", "pattern")
_DEEPEST = 32


def problem_of_schema(schema: Any, where: str = "", depth: int = 0) -> str | None:
    """The problem of a schema at this path and depth; ``None`` if there is none."""
    if isinstance(schema, bool) and depth:
        return None
    if not isinstance(schema, dict):
        return f"{where or 'it'} must be an object"
    if depth > _DEEPEST:
        return f"it is nested deeper than {_DEEPEST} levels"
    return _problem_of_words(schema, where) or next(
        (
            problem
            for name, inner in _inner(schema)
            if (problem := problem_of_schema(inner, f"{where}.{name}".lstrip("."), depth + 1))
        ),
        None,
    )


def _problem_of_words(schema: dict[str, Any], where: str) -> str | None:
    at = f"{where}." if where else ""
    for names, fits, wanted in _WORDS:
        for name in names:
            if schema.get(name) is not None and not fits(schema[name]):
                return f"{at}{name} must be {wanted}"
    return None


def _is_number(value: Any) -> bool:
    # Neither infinity nor a number that a float cannot hold.
    return isinstance(value, int | float) and abs(value) < 1e300


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_kind(value: Any) -> bool:
    return isinstance(value, str) or (bool(value) and _are_texts(value))


_WORDS: tuple[tuple[tuple[str, ...], Callable[[Any], bool], str], ...] = (
    (_TEXTS, lambda value: isinstance(value, str), "a string"),
    (_NUMBERS, _is_number, "a number"),
    (("enum", *_LISTS), lambda value: isinstance(value, list), "a list"),
    (_BY_NAME, lambda value: isinstance(value, dict), "an object"),
    (("required",), _are_texts, "a list of strings"),
    (("type",), _is_kind, "a string or a list of strings"),
)


def _inner(schema: dict[str, Any]) -> list[tuple[str, Any]]:
    found = [
        (f"{name}.{key}", inner)
        for name in _BY_NAME
        for key, inner in (schema.get(name) or {}).items()
    ]
    found += [
        (f"{name}.{index}", inner)
        for name in _LISTS
        for index, inner in enumerate(schema.get(name) or ())
    ]
    return found + [(name, schema[name]) for name in _SINGLE if schema.get(name) is not None]
