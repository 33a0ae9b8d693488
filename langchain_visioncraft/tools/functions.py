"""The tools as plain functions, which is how other frameworks call LangChain's tools."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Self, get_args, get_origin, overload

from langchain_core.messages import ToolCall
from langchain_core.tools import BaseTool
from pydantic.fields import FieldInfo


class AsFunction:
    """The `func` of a tool: a function with a signature that takes the tool's arguments.

    CrewAI and AutoGen need it callable, Google's ADK reads its signature. It is created on access:
    stored in a field, it would call the old tool in a copy, and could not be pickled.
    """

    @overload
    def __get__(self, tool: None, owner: Any) -> Self: ...

    @overload
    def __get__(self, tool: BaseTool, owner: Any) -> Callable[..., str]: ...

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
