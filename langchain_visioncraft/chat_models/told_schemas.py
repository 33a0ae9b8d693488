"""How the JSON schema of a tool is told to a model, and how to know it in the model's answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_UNTOLD = ("title", "additionalProperties", "maxProperties", "minProperties")


def told(schema: Any) -> Any:
    """A schema without what costs tokens and says little: titles, ``null`` beside a type.

    Bounds on unknown keys go too: small models copy them into the arguments, without an end.
    Calls are checked against the whole schema.
    """
    if isinstance(schema, list):
        return [told(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs", "definitions") and isinstance(value, Mapping):
            result[key] = {name: told(part) for name, part in value.items()}
        elif key == "anyOf" and isinstance(value, list):
            parts = [part for part in value if part != {"type": "null"}]
            if len(parts) == 1 and isinstance(parts[0], Mapping):
                result |= told(parts[0])
            else:
                result[key] = told(parts)
        elif key not in _UNTOLD and (key != "default" or value is not None):
            result[key] = told(value)
    return result


def without_optional_objects(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema without optional arguments that are objects: small models make up their keys.

    Other optional arguments stay, though they go unused: by them such a model tells tools apart.
    """
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return schema
    required = schema.get("required") or ()
    left = {
        name: part
        for name, part in properties.items()
        if name in required or not _may_be_object(part)
    }
    return {**schema, "properties": left}


def _may_be_object(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return False
    parts = [schema, *(schema.get("anyOf") or ())]
    return any("$ref" in part or part.get("type") == "object" for part in parts)


def repeats(value: Any, schema: Any) -> bool:
    """Whether a value is no value, but what was told of it: small models fill in everything.

    ```python
    from langchain_visioncraft.chat_models.told_schemas import repeats

    schema = {"type": "string", "description": "What to draw."}
    assert repeats("What to draw.", schema)
    assert repeats({"type": "string"}, schema)
    assert not repeats("a cat", schema)
    ```
    """
    if not isinstance(schema, Mapping):
        return False
    if isinstance(value, str):
        return bool(value) and value == schema.get("description")
    if not isinstance(value, Mapping) or "type" not in value:
        return False
    said = told(schema)
    return all(key in said and said[key] == each for key, each in value.items())
