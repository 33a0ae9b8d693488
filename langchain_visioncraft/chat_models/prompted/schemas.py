"""JSON schemas of tools: what a model is shown of them, and whether its arguments fit.

Checked is the part of JSON Schema that tools use: types, ``required``, ``enum``, ``const``, bounds,
lengths, patterns, nested objects and lists, ``anyOf``, ``oneOf``, ``allOf`` and references within
the schema. What else it may say, such as ``format``, is left to the tool.
"""

from __future__ import annotations

import contextlib
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

_HIDDEN = ("title", "additionalProperties", "maxProperties", "minProperties")
_MOST_PROBLEMS = 5
_DEEPEST = 32

_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, Mapping),
    "null": lambda value: value is None,
}
_LIMITS: tuple[tuple[str, str, Callable[[Any, Any], bool], str], ...] = (
    ("minimum", "number", operator.ge, "at least {}"),
    ("maximum", "number", operator.le, "at most {}"),
    ("exclusiveMinimum", "number", operator.gt, "more than {}"),
    ("exclusiveMaximum", "number", operator.lt, "less than {}"),
    ("minLength", "string", operator.ge, "at least {} characters long"),
    ("maxLength", "string", operator.le, "at most {} characters long"),
    ("minItems", "array", operator.ge, "a list of at least {}"),
    ("maxItems", "array", operator.le, "a list of at most {}"),
)
"""Keyword, type of the value, what must hold of it or its length, and the words for it."""


def schema_prompt(schema: Any, *, simple: bool = False) -> Any:
    """A schema without what costs tokens and says little: titles, ``null`` beside a type.

    Bounds on unknown keys go too: small models copy them into the arguments, without an end.
    Calls are checked against the whole schema.

    Args:
        schema: Of a tool's arguments.
        simple: Whether optional arguments that are objects go: small models make up their keys.
            Other optional arguments stay, though they go unused: by them such a model tells tools
            apart.
    """
    if isinstance(schema, list):
        return [schema_prompt(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    shown: dict[str, Any] = {}
    required = schema.get("required") or ()
    for key, value in schema.items():
        if key in ("properties", "$defs", "definitions") and isinstance(value, Mapping):
            hides = simple and key == "properties"
            shown[key] = {
                name: schema_prompt(part)
                for name, part in value.items()
                if not hides or name in required or not _may_be_object(part)
            }
        elif key == "anyOf" and isinstance(value, list):
            parts = [part for part in value if part != {"type": "null"}]
            one = len(parts) == 1 and isinstance(parts[0], Mapping)
            shown |= schema_prompt(parts[0]) if one else {key: schema_prompt(parts)}
        elif key not in _HIDDEN and (key != "default" or value is not None):
            shown[key] = schema_prompt(value)
    return shown


def _may_be_object(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return False
    parts = [schema, *(schema.get("anyOf") or ())]
    return any("$ref" in part or part.get("type") == "object" for part in parts)


def repeats_schema(value: Any, schema: Any) -> bool:
    """Whether a value is none, but what the schema says of it: small models fill in everything.

    ```python
    from langchain_visioncraft.chat_models.prompted.schemas import repeats_schema

    schema = {"type": "string", "description": "What to draw."}
    assert repeats_schema("What to draw.", schema)
    assert repeats_schema({"type": "string"}, schema)
    assert not repeats_schema("a cat", schema)
    ```
    """
    if not isinstance(schema, Mapping):
        return False
    if isinstance(value, str):
        return bool(value) and value == schema.get("description")
    if not isinstance(value, Mapping) or "type" not in value:
        return False
    shown = schema_prompt(schema)
    return all(key in shown and shown[key] == each for key, each in value.items())


def known_arguments(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a schema names; all, if it takes any."""
    properties = schema.get("properties")
    if not properties or schema.get("additionalProperties"):
        return dict(arguments)
    return {name: value for name, value in arguments.items() if name in properties}


def coerced(value: Any, schema: Mapping[str, Any]) -> Any:
    """The value with what evidently means the right type: ``"3"`` for 3, ``3.0`` for 3.

    ```python
    from langchain_visioncraft.chat_models.prompted.schemas import coerced

    schema = {"properties": {"steps": {"type": "integer"}, "prompt": {"type": "string"}}}
    assert coerced({"steps": "20", "prompt": "20"}, schema) == {"steps": 20, "prompt": "20"}
    ```
    """
    return _coerced(value, schema, schema, 0)


def problems(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """What keeps a value from fitting a schema, as sentences for the model; empty if it fits.

    ```python
    from langchain_visioncraft.chat_models.prompted.schemas import problems

    schema = {"type": "object", "properties": {"steps": {"type": "integer", "maximum": 35}}}
    assert problems({"steps": 20}, schema) == []
    assert problems({"steps": 99}, schema) == ["steps must be at most 35"]
    ```
    """
    return _problems(value, schema, schema, "", 0)[:_MOST_PROBLEMS]


def _problems(value: Any, schema: Any, root: Mapping[str, Any], path: str, depth: int) -> list[str]:
    schema = _resolved(schema, root)
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return []
    where = path or "the whole"
    kinds = _kinds(schema)
    if kinds and not any(_TYPES[kind](value) for kind in kinds):
        return [f"{where} must be {_with_article(kinds)}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where} must be one of {', '.join(map(repr, schema['enum']))}"]
    if "const" in schema and value != schema["const"]:
        return [f"{where} must be {schema['const']!r}"]

    def inner(part: Any, item: Any = value, name: str = path) -> list[str]:
        return _problems(item, part, root, name, depth + 1)

    found = [f"{where} must {limit}" for limit in _broken_limits(value, schema)]
    if isinstance(value, list):
        for number, item in enumerate(value):
            found += inner(schema.get("items"), item, f"{path}[{number}]")
    if isinstance(value, Mapping):
        found += _object_problems(value, schema, f"{path}." if path else "", inner)
    return [*found, *_combined_problems(schema, inner)]


def _object_problems(
    value: Mapping[str, Any],
    schema: Mapping[str, Any],
    prefix: str,
    inner: Callable[..., list[str]],
) -> list[str]:
    properties, more = schema.get("properties") or {}, schema.get("additionalProperties")
    required = schema.get("required") or ()
    found = [f"{prefix}{name} is missing" for name in required if name not in value]
    for name, item in value.items():
        if name not in properties and more is False:
            known = ", ".join(properties) or "none"
            found.append(f"{prefix}{name} is not known; known are {known}")
        else:
            found += inner(properties.get(name, more), item, f"{prefix}{name}")
    return found


def _combined_problems(schema: Mapping[str, Any], inner: Callable[..., list[str]]) -> list[str]:
    found = [problem for part in schema.get("allOf") or () for problem in inner(part)]
    for key in ("anyOf", "oneOf"):
        tried = [inner(part) for part in schema.get(key) or ()]
        if len(tried) == 1:
            found += tried[0]
        elif tried and all(tried):
            found.append(" or ".join(dict.fromkeys(each[0] for each in tried)))
    return found


def _broken_limits(value: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    for key, kind, holds, words in _LIMITS:
        limit = schema.get(key)
        if _TYPES["number"](limit) and _TYPES[kind](value):
            size = value if kind == "number" else len(value)
            if not holds(size, limit):
                yield f"be {words.format(limit)}"
    pattern = schema.get("pattern")
    if isinstance(value, str) and isinstance(pattern, str):
        with contextlib.suppress(re.error):  # a pattern in another dialect than Python's
            if not re.search(pattern, value):
                yield f"match {pattern}"


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type")
    return [each for each in (kind if isinstance(kind, list) else [kind]) if each in _TYPES]


def _with_article(kinds: Sequence[str]) -> str:
    named = [f"an {kind}" if kind[0] in "aio" else f"a {kind}" for kind in kinds if kind != "null"]
    return " or ".join([*named, *(["null"] if "null" in kinds else [])])


def _resolved(schema: Any, root: Mapping[str, Any]) -> Any:
    """What a schema refers to, within the root."""
    for _ in range(_DEEPEST):
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith("#"):
            return schema
        schema = root
        for part in reference[1:].split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            schema = schema.get(name, {}) if isinstance(schema, Mapping) else {}
    return {}


def _coerced(value: Any, schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    schema = _resolved(schema, root)
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return value
    if isinstance(value, Mapping):
        properties = schema.get("properties") or {}
        return {
            name: _coerced(item, properties.get(name), root, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_coerced(item, schema.get("items"), root, depth + 1) for item in value]
    if _problems(value, schema, root, "", depth):
        parts = [schema, *(schema.get("anyOf") or ()), *(schema.get("oneOf") or ())]
        resolved = [_resolved(part, root) for part in parts]
        for kind in (k for part in resolved if isinstance(part, Mapping) for k in _kinds(part)):
            found = _as_kind(value, kind)
            if found is not None and not _problems(found, schema, root, "", depth):
                return found
    return value


def _as_kind(value: Any, kind: str) -> Any:
    """The value as this type, if it evidently means one; else ``None``."""
    if kind in ("integer", "number"):
        if isinstance(value, str):
            try:
                value = float(value) if kind == "number" else int(value)
            except ValueError:
                return None
        if kind == "integer" and isinstance(value, float) and value.is_integer():
            value = int(value)
        return value if _TYPES[kind](value) and value == value else None  # noqa: PLR0124 -- NaN
    if kind == "boolean" and isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    if kind == "string" and _TYPES["number"](value):
        return str(value)
    return None
