"""Arguments for models, in a form that every framework's schema converter accepts."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import ConfigDict, GetJsonSchemaHandler, WithJsonSchema, create_model
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema

from langchain_visioncraft.client.options import LeftOutIfEmpty, TakesEmptyTexts

_NULL = {"type": "null"}
_WEIGHTS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "weight": {"type": "number"}},
        "required": ["name", "weight"],
        "additionalProperties": False,
    },
}


class Arguments(TakesEmptyTexts):
    """Base of the arguments that models fill in. Null and an empty text mean "not set"."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    @classmethod
    def without_empty(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The given values; a list of names and weights becomes a dictionary."""
        return {name: _weights(value) for name, value in super().without_empty(given).items()}

    @classmethod
    def _is_left_out(cls, name: str, value: Any) -> bool:
        empty = value is None or value == ""
        optional = name in cls.model_fields and not cls.model_fields[name].is_required()
        return (empty and optional) or super()._is_left_out(name, value)


class ForModels:
    """Marks a parameter whose schema for models is also accepted by strict clients.

    Strict clients require every property, so an optional one must be nullable. They also close
    every object, so a dictionary of weights becomes a list of names and weights. Google's
    enumerations hold only texts, so a choice of numbers becomes a range, and the description lists
    them. OpenAI's strict mode has no minimum length of a text; the tool checks it.
    """

    def __init__(self, *, optional: bool) -> None:
        self._optional = optional

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The schema without the parts that a converter refuses or drops."""
        schema = handler(core_schema)
        parts = [_plain(each) for each in schema.get("anyOf", [schema]) if each != _NULL]
        if self._optional:
            parts.append(_NULL)
        return {"anyOf": parts} if len(parts) > 1 else parts[0]


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    choices = schema.get("enum", ())
    if choices and all(isinstance(each, int) for each in choices):
        return {"type": "integer", "minimum": min(choices), "maximum": max(choices)}
    if schema.get("type") == "object":
        most = {"maxItems": schema["maxProperties"]} if "maxProperties" in schema else {}
        return {**_WEIGHTS, **most}
    return {key: value for key, value in schema.items() if key != "minLength"}


def _weights(value: Any) -> Any:
    """A list of names and weights as a dictionary; anything else as it is."""
    if not isinstance(value, list):
        return value
    pairs = [
        (each["name"], each["weight"])
        for each in value
        if isinstance(each, Mapping)
        and each.keys() == {"name", "weight"}
        and isinstance(each["name"], str)
    ]
    return dict(pairs) if len(pairs) == len(value) else value


def arguments_of(
    name: str,
    description: str,
    fields: Mapping[str, FieldInfo],
    *,
    defaults: Mapping[str, Any],
    media: Collection[str],
) -> type[Arguments]:
    """The class of the arguments that a model fills in; those with a default are optional."""
    shown: dict[str, Any] = {}
    for field, info in fields.items():
        described = copy.copy(info)
        annotation: Any = info.annotation
        if field in media:
            # What a model says for it; `readable_source` decides what that means. The schema is
            # new each time: pydantic 2.10 writes the default of one field into it.
            marks = [mark for mark in info.metadata if isinstance(mark, LeftOutIfEmpty)]
            annotation, described.metadata = Any, [WithJsonSchema({"type": "string"}), *marks]
        if field in defaults:
            described.default = defaults[field]
        optional = not described.is_required()
        described.metadata = [*described.metadata, ForModels(optional=optional)]
        shown[field] = (annotation, described)
    # Required arguments come first, where a model looks first.
    ordered = dict(sorted(shown.items(), key=lambda item: not item[1][1].is_required()))
    return create_model(name, __base__=Arguments, __doc__=description, **ordered)


def arguments_in(text: str, names: Sequence[str]) -> dict[str, Any]:
    """A bare text: the arguments as a JSON object, or the first of them, as some models write."""
    if text.lstrip()[:1] == "{":
        with contextlib.suppress(ValueError, RecursionError):
            found = json.loads(text, strict=False)
            if isinstance(found, dict) and found and set(found) <= set(names):
                return found
    return {names[0]: text}
