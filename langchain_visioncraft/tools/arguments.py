"""The arguments of tools: as models fill them in, and as other frameworks call them."""

from __future__ import annotations

import contextlib
import copy
import inspect
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, get_args, get_origin

from langchain_core.messages import ToolCall
from langchain_core.tools import BaseTool
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
            # A model's text for it; `readable_source` decides what that means. The schema is
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


class AsFunction:
    """The `func` of a tool: a function with a signature that takes the tool's arguments.

    CrewAI and AutoGen need it callable, Google's ADK reads its signature. It is created on access:
    stored in a field, it would call the old tool in a copy, and could not be pickled.
    """

    def __get__(self, tool: BaseTool | None, owner: Any) -> Any:
        """The function of this tool."""
        return self if tool is None else _function_of(tool)


def _function_of(tool: BaseTool) -> Callable[..., str]:
    schema: Any = tool.args_schema
    fields: dict[str, FieldInfo] = schema.model_fields

    def call(*values: Any, **arguments: Any) -> str:
        given = dict(zip(fields, values, strict=False)) | arguments
        message = tool.invoke(ToolCall(type="tool_call", id="func", name=tool.name, args=given))
        # The text alone: other frameworks write LangChain's blocks out, pictures and all. They do
        # not tell an error from a result, so that the text has to.
        return f"Error: {message.text}" if message.status == "error" else str(message.text)

    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=inspect.Parameter.empty if field.is_required() else field.default,
            annotation=_annotation(field),
        )
        for name, field in fields.items()
    ]
    call.__name__ = call.__qualname__ = tool.name
    call.__doc__ = tool.description
    call.__signature__ = inspect.Signature(parameters, return_annotation=str)  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": str}
    return call


def _annotation(field: FieldInfo) -> Any:
    """The types that a caller may pass: media are texts, and dictionaries may be lists."""
    kind: Any = field.annotation
    if any(get_origin(each) is dict for each in (kind, *get_args(kind))):
        return Any
    kind = str if kind is Any else kind
    return kind if field.is_required() else kind | None
