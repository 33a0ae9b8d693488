"""Structured output in every way: natively, or in words for models that know no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Literal, TypeAlias

from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_visioncraft.chat_models.prompted_answers import PromptedAnswerParser
from langchain_visioncraft.errors import InvalidRequestError

Method: TypeAlias = Literal["function_calling", "json_mode", "json_schema", "prompted"]

ANSWER_FORM = "answer_form"
"""The name under which the form of an answer is bound to a call."""


def prompted_output(
    bind: Callable[..., Runnable[Any, Any]],
    schema: Any,
    *,
    include_raw: bool,
    strict: bool | None = None,
    **options: Any,
) -> Runnable[Any, Any]:
    """A model that answers in a form because it is told to.

    Args:
        bind: Binds options to the model.
        schema: A pydantic class, a ``TypedDict``, a JSON schema, or OpenAI's form of a function.
        include_raw: Whether the message comes along, as LangChain defines it.
        strict: Named in the trace; there is nothing that could force a model here.
        options: Bound as well.

    Raises:
        InvalidRequestError: If there is no schema, or if there are tools besides.
    """
    if schema is None:
        msg = "with_structured_output needs a schema, except with method='json_mode'."
        raise InvalidRequestError(msg)
    if options.get("tools"):
        msg = "An answer in a form and tools cannot both be told in words: bind the tools alone."
        raise InvalidRequestError(msg)
    tool = convert_to_openai_tool(_plain(schema))
    form = {key: tool["function"].get(key) for key in ("name", "description", "parameters")}
    traced = {"kwargs": {"method": "prompted", "strict": strict}, "schema": tool}
    model = bind(**{ANSWER_FORM: form, "ls_structured_output_format": traced, **options})
    parser = PromptedAnswerParser(target=schema, form=form)
    if not include_raw:
        return model | parser
    parsed = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | parser, parsing_error=lambda _: None
    )
    unparsed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | parsed.with_fallbacks([unparsed], exception_key="parsing_error")


def _plain(schema: Any) -> Any:
    """The JSON schema in OpenAI's ``response_format``, where it is given in that."""
    if isinstance(schema, Mapping) and isinstance(schema.get("json_schema"), Mapping):
        schema = schema["json_schema"]
    if isinstance(schema, Mapping) and isinstance(schema.get("schema"), Mapping):
        inner = dict(schema["schema"])
        named = {"title": schema.get("name"), "description": schema.get("description")}
        return {**{key: value for key, value in named.items() if value}, **inner}
    return schema
