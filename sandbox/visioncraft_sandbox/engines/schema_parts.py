"""The parts of a JSON schema, and their cost for the grammar engine.

llguidance limits the memory and time of each step; but if one value must satisfy several patterns
or multiples, the automaton grows with their product, before those limits apply.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

BY_NAME = ("properties", "$defs", "definitions", "patternProperties")
CHOICES = ("anyOf", "oneOf", "allOf")
LISTS = (*CHOICES, "prefixItems")
SINGLE = ("items", "additionalItems", "additionalProperties", "propertyNames", "not")
_BESIDE = ("$defs", "definitions", *CHOICES)

_MOST_PATTERNS = 8
_LARGEST_MULTIPLE = 100_000
_MOST_PATTERNS_OF_NAMES = 64
_MOST_OPTIONAL = 400
_LONGEST_LITERAL = 4000
_ROUNDS = 64


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
    return next(_excesses(root, list(_all_parts(root))), None)


def _excesses(root: Mapping[str, Any], parts: list[Mapping[str, Any]]) -> Iterator[str]:
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
    if _is_heavy(root, parts, lambda part: math.log(_multiple(part)), math.log(_LARGEST_MULTIPLE)):
        yield f"the multipleOf of one number make more than {_LARGEST_MULTIPLE:,} with each other"
    if _is_heavy(root, parts, lambda part: "pattern" in part, _MOST_PATTERNS):
        yield f"one text may have to match more than {_MOST_PATTERNS} patterns and formats"


def _all_parts(root: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(root, Mapping):
        yield root
        for _, inner in inner_parts(root):
            yield from _all_parts(inner)


def _multiple(part: Mapping[str, Any]) -> int:
    """The states of the automaton that knows multiples: 25 for 2.5."""
    digits = Decimal(str(part.get("multipleOf") or 1)).as_tuple().digits
    return int("".join(map(str, digits))) or 1


def _is_heavy(
    root: Any,
    parts: list[Mapping[str, Any]],
    weight: Callable[[Mapping[str, Any]], float],
    most: float,
) -> bool:
    """Whether the schemas that apply to one place in a value may weigh more than `most` together.

    If schemas apply together, so do those of their properties with the same name: they weigh no
    more than the heaviest place of each. A recursive schema may add to its own weight.
    """
    heaviest = dict.fromkeys(map(id, parts), 0.0)

    def of(schema: Any) -> float:
        return heaviest.get(id(schema), 0.0)

    for _ in range(_ROUNDS):
        before = dict(heaviest)
        for part in reversed(parts):  # mostly the inner ones first
            inner = (of(each) for path, each in inner_parts(part) if not path.startswith(_BESIDE))
            heaviest[id(part)] = (
                max(weight(part), *inner, 0.0)
                + sum(map(of, part.get("allOf") or ()))
                + of(resolve(root, part.get("$ref") or ""))
                + sum(max(map(of, part.get(name) or ()), default=0) for name in ("anyOf", "oneOf"))
            )
            if heaviest[id(part)] > most:
                return True
        if before == heaviest:
            return False
    return True
