"""Whether the arguments of a call fit the tool's JSON schema: the part of it that tools use."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

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
_BOUNDS: tuple[tuple[str, Callable[[Any, Any], bool], str], ...] = (
    ("minimum", lambda value, bound: value >= bound, "at least"),
    ("maximum", lambda value, bound: value <= bound, "at most"),
    ("exclusiveMinimum", lambda value, bound: value > bound, "more than"),
    ("exclusiveMaximum", lambda value, bound: value < bound, "less than"),
)
_LENGTHS: tuple[tuple[str, type, Callable[[int, int], bool], str], ...] = (
    ("minLength", str, lambda length, bound: length >= bound, "at least {} characters long"),
    ("maxLength", str, lambda length, bound: length <= bound, "at most {} characters long"),
    ("minItems", list, lambda length, bound: length >= bound, "a list of at least {}"),
    ("maxItems", list, lambda length, bound: length <= bound, "a list of at most {}"),
)


def problems(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """What keeps a value from fitting a schema; empty if it fits.

    Checked are types, ``required``, ``enum``, ``const``, bounds, lengths, patterns, nested objects
    and lists, ``anyOf``, ``oneOf``, ``allOf`` and references within the schema. What else it may
    say, such as ``format``, is left to the tool.

    ```python
    from langchain_visioncraft.chat_models.arguments import problems

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
        return [f"{where} must be {_article(kinds)}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where} must be one of {', '.join(map(repr, schema['enum']))}"]
    if "const" in schema and value != schema["const"]:
        return [f"{where} must be {schema['const']!r}"]
    return [
        *_out_of_bounds(value, schema, where),
        *_inside(value, schema, root, path, depth),
        *_combined(value, schema, root, path, depth),
    ]


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    return [each for each in kinds if each in _TYPES]


def _article(kinds: Sequence[str]) -> str:
    named = [f"an {kind}" if kind[0] in "aio" else f"a {kind}" for kind in kinds if kind != "null"]
    return " or ".join([*named, *(["null"] if "null" in kinds else [])])


def _resolved(schema: Any, root: Mapping[str, Any]) -> Any:
    for _ in range(_DEEPEST):
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith("#"):
            return schema
        found: Any = root
        for part in reference[1:].split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            found = found.get(name, {}) if isinstance(found, Mapping) else {}
        schema = found
    return {}


def _out_of_bounds(value: Any, schema: Mapping[str, Any], where: str) -> list[str]:
    found = []
    if _TYPES["number"](value):
        found = [
            f"{where} must be {words} {schema[key]}"
            for key, holds, words in _BOUNDS
            if _TYPES["number"](schema.get(key)) and not holds(value, schema[key])
        ]
    for key, kind, allowed, words in _LENGTHS:
        if isinstance(value, kind) and key in schema:
            length = len(value)  # type: ignore[arg-type]  # str and list have one
            if not allowed(length, schema[key]):
                found.append(f"{where} must be {words.format(schema[key])}")
    if isinstance(value, str) and isinstance(schema.get("pattern"), str):
        try:
            if not re.search(schema["pattern"], value):
                found.append(f"{where} must match {schema['pattern']}")
        except re.error:
            pass  # a pattern in another dialect than Python's
    return found


def _inside(
    value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], path: str, depth: int
) -> list[str]:
    found: list[str] = []
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            found += _problems(item, schema["items"], root, f"{path}[{number}]", depth + 1)
    if not isinstance(value, Mapping):
        return found
    properties = schema.get("properties") or {}
    prefix = f"{path}." if path else ""
    missing = [f"{prefix}{name}" for name in schema.get("required") or () if name not in value]
    found += [f"{name} is missing" for name in missing]
    for name, item in value.items():
        if name in properties:
            found += _problems(item, properties[name], root, f"{prefix}{name}", depth + 1)
        elif schema.get("additionalProperties") is False:
            known = ", ".join(properties) or "none"
            found.append(f"{prefix}{name} is not known; known are {known}")
        elif isinstance(schema.get("additionalProperties"), Mapping):
            more = schema["additionalProperties"]
            found += _problems(item, more, root, f"{prefix}{name}", depth + 1)
    return found


def _combined(
    value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], path: str, depth: int
) -> list[str]:
    found: list[str] = []
    for part in schema.get("allOf") or ():
        found += _problems(value, part, root, path, depth + 1)
    for key in ("anyOf", "oneOf"):
        tried = [_problems(value, part, root, path, depth + 1) for part in schema.get(key) or ()]
        if tried and all(tried):
            found += tried[0] if len(tried) == 1 else _of_all(tried)
    return found


def _of_all(tried: Sequence[list[str]]) -> list[str]:
    """One sentence for an ``anyOf`` none of which fits."""
    return [" or ".join(dict.fromkeys(each[0] for each in tried))]


def adjusted(value: Any, schema: Mapping[str, Any]) -> Any:
    """The value with what evidently means the right type: ``"3"`` for 3, ``3.0`` for 3.

    ```python
    from langchain_visioncraft.chat_models.arguments import adjusted

    schema = {"properties": {"steps": {"type": "integer"}, "prompt": {"type": "string"}}}
    assert adjusted({"steps": "20", "prompt": "20"}, schema) == {"steps": 20, "prompt": "20"}
    ```
    """
    return _adjusted(value, schema, schema, 0)


def known_of(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a schema names; all, if it takes any."""
    properties = schema.get("properties")
    if not properties or schema.get("additionalProperties"):
        return dict(arguments)
    return {name: value for name, value in arguments.items() if name in properties}


def _adjusted(value: Any, schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    schema = _resolved(schema, root)
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return value
    if isinstance(value, Mapping):
        properties = schema.get("properties") or {}
        return {
            name: _adjusted(item, properties.get(name), root, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_adjusted(item, schema.get("items"), root, depth + 1) for item in value]
    if not _problems(value, schema, root, "", depth):
        return value
    for kind in _wanted(schema, root):
        found = _as_kind(value, kind)
        if found is not None and not _problems(found, schema, root, "", depth):
            return found
    return value


def _wanted(schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[str]:
    kinds = _kinds(schema)
    for key in ("anyOf", "oneOf"):
        for part in schema.get(key) or ():
            resolved = _resolved(part, root)
            kinds += _kinds(resolved) if isinstance(resolved, Mapping) else []
    return kinds


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
    if kind == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None
