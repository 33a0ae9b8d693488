"""Checks the shape of a caller's JSON schema, so that later code can rely on it."""

from __future__ import annotations

from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter
from typing import Any

from visioncraft_sandbox.engines.schema_parts import (
    BY_NAME,
    CHOICES,
    LISTS,
    inner_parts,
    resolve,
)

_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_TEXTS = ("$ref", "description", "title", "format", "pattern")
_COUNTS = (
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
)  # fmt: skip
_DEEPEST = 32
_MOST_PARTS = 2000
"""Subschemas, and values of enumerations, together: some readers take quadratic time."""


def problem_of_schema(
    schema: Any, parts: list[tuple[str, dict[str, Any]]] | None = None
) -> str | None:
    """The problem of a schema; ``None`` if there is none. `parts` collects its subschemas."""
    parts = [] if parts is None else parts
    problem = _problem_of_parts(schema, "", 0, parts)
    if problem is None and sum(len(part.get("enum") or ()) for _, part in parts) > _MOST_PARTS:
        problem = f"its enumerations have more than {_MOST_PARTS:,} values"
    return problem or _problem_of_references(schema, parts)


def _problem_of_parts(
    schema: Any, where: str, depth: int, parts: list[tuple[str, dict[str, Any]]]
) -> str | None:
    """The problem of a schema at this path and depth; `parts` collects it and its subschemas."""
    if isinstance(schema, bool) and depth:
        return None
    if not isinstance(schema, dict):
        return f"{where or 'it'} must be an object"
    if depth > _DEEPEST:
        return f"it is nested deeper than {_DEEPEST} levels"
    if len(parts) >= _MOST_PARTS:
        return f"it has more than {_MOST_PARTS:,} parts"
    parts.append((where, schema))
    problem = _problem_of_words(schema, where)
    for name, inner in inner_parts(schema) if problem is None else ():
        problem = _problem_of_parts(inner, f"{where}.{name}".lstrip("."), depth + 1, parts)
        if problem:
            break
    return problem


def _problem_of_references(root: Any, parts: list[tuple[str, dict[str, Any]]]) -> str | None:
    """A reference that leads out of the schema, to nothing, or endlessly to itself."""
    same: dict[int, list[int]] = {}
    for where, part in parts:
        # Schemas that the same value must satisfy in addition, or as alternatives.
        others = [other for name in CHOICES for other in part.get(name) or ()]
        if (reference := part.get("$ref")) is not None:
            target = resolve(root, reference)
            if not isinstance(target, dict | bool):
                at = f"{where}.".lstrip(".")
                return f"{at}$ref {reference[:80]!r} leads to no part of the schema"
            others.append(target)
        same[id(part)] = [id(other) for other in others if isinstance(other, dict)]
    depths: dict[int, int] = {}
    try:
        for part_id in TopologicalSorter(same).static_order():
            inner = same.get(part_id, ())
            depths[part_id] = 1 + max((depths[other] for other in inner), default=0)
    except CycleError:
        return "a $ref leads back to itself"
    if max(depths.values()) > _DEEPEST:
        return f"its references follow each other for more than {_DEEPEST} steps"
    return None


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


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_kind(value: Any) -> bool:
    return isinstance(value, str) or (bool(value) and _are_texts(value))


_WORDS: tuple[tuple[tuple[str, ...], Callable[[Any], bool], str], ...] = (
    (_TEXTS, lambda value: isinstance(value, str), "a string"),
    (_NUMBERS, _is_number, "a number"),
    (_COUNTS, _is_count, "a whole number of 0 or more"),
    (("enum", *LISTS), lambda value: isinstance(value, list), "a list"),
    (BY_NAME, lambda value: isinstance(value, dict), "an object"),
    (("required",), _are_texts, "a list of strings"),
    (("type",), _is_kind, "a string or a list of strings"),
)
