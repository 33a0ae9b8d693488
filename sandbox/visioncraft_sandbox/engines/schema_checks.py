"""Checks of a caller's JSON schema: its shape, so that later code can rely on it, and its cost.

What these pass may still cost too much to compile: `schema_process` limits that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter
from typing import Any

BY_NAME = ("properties", "$defs", "definitions", "patternProperties")
CHOICES = ("anyOf", "oneOf", "allOf")
LISTS = (*CHOICES, "prefixItems")
SINGLE = ("items", "additionalItems", "additionalProperties", "propertyNames", "not")

_LARGEST_MULTIPLE = 100_000
_MOST_PATTERNS_OF_NAMES = 64
_MOST_OPTIONAL = 400
_LONGEST_LITERAL = 4000
_LONGEST_REFERENCE = 1000
_LONGEST_SHOWN = 100
"""Of a name in a path: `parts` keeps as many of these as there are parts."""

_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_TEXTS = ("description", "title", "format", "pattern")
_COUNTS = (
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
)  # fmt: skip
_DEEPEST = 32
_MOST_KEYWORDS = 100
_MOST_PARTS = 2000
"""Subschemas, and values of enumerations, together: some readers take quadratic time."""


def problem_of_schema(
    schema: Any, parts: list[tuple[str, dict[str, Any]]] | None = None
) -> str | None:
    """The problem of a schema; ``None`` if there is none. `parts` collects its subschemas."""
    parts = [] if parts is None else parts
    problem = _problem_of_parts(schema, "", 0, parts)
    if problem is None and values_in(parts) > _MOST_PARTS:
        problem = (
            f"its enum and const have more than {_MOST_PARTS:,} values, one in another included"
        )
    if problem is None and not _is_json(schema):
        problem = "it has a number that is not finite"
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
    if len(schema) > _MOST_KEYWORDS:
        return f"{where or 'it'} has more than {_MOST_KEYWORDS} keywords"
    parts.append((where, schema))
    problem = _problem_of_words(schema, where)
    for name, inner in inner_parts(schema) if problem is None else ():
        place = f"{where}.{name[:_LONGEST_SHOWN]}".lstrip(".")
        problem = _problem_of_parts(inner, place, depth + 1, parts)
        if problem:
            break
    return problem


def values_in(parts: Sequence[tuple[str, dict[str, Any]]]) -> int:
    """How many values these schemas list, with those within them: llguidance reads each as a part.

    Its time grows with their square, and it overflows the stack of the process at some 30,000.
    """
    count = 0
    rest = [each for _, part in parts for each in (*(part.get("enum") or ()), part.get("const"))]
    while rest:
        value = rest.pop()
        count += value is not None
        if isinstance(value, list | dict):
            rest += value.values() if isinstance(value, dict) else value
    return count


def _problem_of_references(root: Any, parts: list[tuple[str, dict[str, Any]]]) -> str | None:
    """A reference that leads out of the schema, to nothing, or endlessly to itself."""
    same: dict[int, list[int]] = {}
    checked = {id(part) for _, part in parts}
    for where, part in parts:
        # Schemas that the same value must satisfy in addition, or as alternatives.
        others = [other for name in CHOICES for other in part.get(name) or ()]
        if (reference := part.get("$ref")) is not None:
            target = resolve(root, reference)
            if not isinstance(target, bool) and id(target) not in checked:
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


def _is_json(schema: Any) -> bool:
    try:
        json.dumps(schema, allow_nan=False)
    except ValueError:
        return False
    return True


def _is_number(value: Any) -> bool:
    # Neither infinity nor a number that a float cannot hold.
    return isinstance(value, int | float) and abs(value) < 1e300


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_kind(value: Any) -> bool:
    is_list = bool(value) and _are_texts(value) and len(set(value)) == len(value)
    return isinstance(value, str) or is_list


_WORDS: tuple[tuple[tuple[str, ...], Callable[[Any], bool], str], ...] = (
    (_TEXTS, lambda value: isinstance(value, str), "a string"),
    (
        ("$ref",),
        lambda value: isinstance(value, str) and len(value) <= _LONGEST_REFERENCE,
        f"a string of at most {_LONGEST_REFERENCE:,} characters",
    ),
    (_NUMBERS, _is_number, "a number"),
    (_COUNTS, _is_count, "a whole number of 0 or more"),
    (("enum", *LISTS), lambda value: isinstance(value, list), "a list"),
    (BY_NAME, lambda value: isinstance(value, dict), "an object"),
    (("required",), _are_texts, "a list of strings"),
    (("type",), _is_kind, "a string or a list of different strings"),
)


def inner_parts(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The schemas directly inside a schema, each with its path."""
    for name in BY_NAME:
        for key, inner in (schema.get(name) or {}).items():
            yield f"{name}.{key}", inner
    for name in LISTS:
        for index, inner in enumerate(schema.get(name) or ()):
            yield f"{name}.{index}", inner
    for name in SINGLE:
        inner = schema.get(name)
        if isinstance(inner, list):  # `items`, up to draft 2019-09
            yield from ((f"{name}.{index}", each) for index, each in enumerate(inner))
        elif inner is not None:
            yield name, inner


def resolve(root: Any, reference: str) -> Any:
    """The target of a reference within a schema; ``None`` if there is none."""
    if not reference.startswith("#"):
        return None
    found = root
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, Mapping) and name in found:
            found = found[name]
        else:
            return None
    return found


def excess_of(root: Mapping[str, Any]) -> str | None:
    """A message about the part of a schema that is too costly to compile; ``None`` if none is."""
    return next(_excesses(list(_all_parts(root))), None)


def _excesses(parts: list[Mapping[str, Any]]) -> Iterator[str]:
    for part in parts:
        names = part.get("properties") or {}
        if len(part.get("patternProperties") or ()) > _MOST_PATTERNS_OF_NAMES:
            yield f"an object has more than {_MOST_PATTERNS_OF_NAMES} patternProperties"
        if len(names) - len(part.get("required") or ()) > _MOST_OPTIONAL:
            yield f"an object has more than {_MOST_OPTIONAL} optional properties"
        texts = [*names, *(part.get("enum") or ()), part.get("const")]
        if any(isinstance(text, str) and len(text) > _LONGEST_LITERAL for text in texts):
            yield f"a name or value in it has more than {_LONGEST_LITERAL:,} characters"
    if sum(map(_multiple, parts)) > _LARGEST_MULTIPLE:
        yield f"its multipleOf are more than {_LARGEST_MULTIPLE:,} together"


def _all_parts(root: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(root, Mapping):
        yield root
        for _, inner in inner_parts(root):
            yield from _all_parts(inner)


def _multiple(part: Mapping[str, Any]) -> int:
    """The states of the automaton that knows multiples: 25 for 2.5."""
    # A plus makes a number of ``true``.
    digits = Decimal(str(+(part.get("multipleOf") or 1))).as_tuple().digits
    return int("".join(map(str, digits))) or 1
