"""Structured output in plain text, for models that know no other: the prompt, and the reading."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Literal, TypeAlias

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.output_parsers import BaseCumulativeTransformOutputParser
from langchain_core.outputs import Generation
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.json import parse_partial_json
from langchain_core.utils.pydantic import is_basemodel_subclass

from langchain_visioncraft.chat_models.prompted.answers import Reading
from langchain_visioncraft.chat_models.prompted.formats import load
from langchain_visioncraft.chat_models.prompted.history import as_text, with_instructions
from langchain_visioncraft.chat_models.prompted.reading import JsonSpan, Piece
from langchain_visioncraft.chat_models.prompted.schemas import coerced, problems, schema_prompt
from langchain_visioncraft.errors import InvalidRequestError

Method: TypeAlias = Literal["function_calling", "json_mode", "json_schema", "prompted"]

ANSWER_FORM = "answer_form"
"""The name under which the form of an answer is bound to a call."""

_INSTRUCTIONS = """\
Answer with one JSON object and nothing else: no explanation, no code fence. It is a \
{name}{purpose} and must follow this JSON schema:
{schema}
Write the values themselves, not the schema."""
_AGAIN = (
    "Your answer does not fit the schema: {reasons}. Write the JSON object again, corrected, and "
    "nothing else."
)


def prompted_output(
    bind: Callable[..., Runnable[Any, Any]],
    schema: Any,
    *,
    include_raw: bool,
    strict: bool | None = None,
    **options: Any,
) -> Runnable[Any, Any]:
    """A model that answers in a form because it is asked to.

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
        named = {"title": schema.get("name"), "description": schema.get("description")}
        return {**{key: value for key, value in named.items() if value}, **schema["schema"]}
    return schema


@dataclass(frozen=True)
class PromptedAnswer:
    """The form of an answer.

    Attributes:
        form: ``name``, ``description`` and ``parameters``, a JSON schema.
        history_as_text: Whether earlier tool calls are to be written as text.
    """

    form: Mapping[str, Any]
    history_as_text: bool = True
    corrects_streams = False
    """What has begun to stream cannot be taken back."""

    def messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The conversation with the form of its answer."""
        purpose = str(self.form.get("description") or "").strip()
        instructions = _INSTRUCTIONS.format(
            name=self.form.get("name") or "object",
            purpose=f" ({purpose})" if purpose else "",
            schema=json.dumps(schema_prompt(_schema_of(self.form)), ensure_ascii=False),
        )
        written = as_text(messages) if self.history_as_text else messages
        return with_instructions(written, instructions)

    def reading(self, *, correct: bool) -> Reading:
        """Reads an answer."""
        return AnswerReading(_schema_of(self.form)) if correct else Reading()


def _schema_of(form: Mapping[str, Any]) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = form.get("parameters") or {}
    return schema


class AnswerReading(Reading):
    """Holds an answer back until it is known to have the right form."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        super().__init__()
        self._schema = schema
        self._cut_off = False

    def feed(self, text: str) -> list[Piece]:
        """Take a piece of the answer; nothing is certain before its end."""
        self.text += text
        return []

    def finish(self, *, cut_off: bool = False) -> list[Piece]:
        """Nothing yet: see `settle`."""
        self._cut_off = cut_off
        return []

    def again(self, messages: Sequence[BaseMessage]) -> list[BaseMessage] | None:
        """Asks for the answer in the right form."""
        reasons = self._reasons(self.text)
        if self._cut_off or not reasons:
            return None
        complaint = _AGAIN.format(reasons="; ".join(reasons))
        return [*messages, AIMessage(self.text), HumanMessage(complaint)]

    def settle(self, again: str = "", *, cut_off: bool = False) -> list[Piece]:  # noqa: ARG002 -- the form tells
        """Give the answer, or the second one if that has the right form."""
        text = again if again and not self._reasons(again) else self.text
        return [text] if text else []

    def _reasons(self, text: str) -> list[str]:
        value = object_in(text, self._schema)
        return ["it holds no JSON object"] if value is None else problems(value, self._schema)


def object_in(
    text: str, schema: Mapping[str, Any], *, partial: bool = False
) -> dict[str, Any] | None:
    """The object of a schema in an answer: bare, fenced, wrapped, with prose around, damaged.

    ```python
    from langchain_visioncraft.chat_models.prompted.structured import object_in

    schema = {"properties": {"age": {"type": "integer"}}, "required": ["age"]}
    assert object_in('Here it is: {"Person": {"age": "7"}}. Fine?', schema) == {"age": 7}
    ```

    Args:
        text: The answer, or its beginning.
        schema: Of the object.
        partial: Whether the text may be a beginning only.

    Returns:
        The object; ``None`` if there is none.
    """
    best: dict[str, Any] | None = None
    for part, whole in _objects(text):
        found = _unwrapped(load(part) if whole or not partial else _beginning(part), schema)
        if found is not None and _knows(found, schema):
            best = found
            break
        best = best if best is not None or partial else found
    return None if best is None else coerced(best, schema)


def _objects(text: str) -> Iterator[tuple[str, bool]]:
    """The objects of a text, with whether they have an end."""
    start = text.find("{")
    while start >= 0:
        span = JsonSpan()
        end = next((n for n, sign in enumerate(text[start:], start + 1) if span.push(sign)), 0)
        yield text[start : end or len(text)], bool(end)
        start = text.find("{", end or start + 1)


def _beginning(text: str) -> Any:
    try:
        return parse_partial_json(text)
    except ValueError:
        return None


def _knows(value: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    properties = schema.get("properties") or {}
    return not properties or any(name in properties for name in value)


def _unwrapped(value: Any, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The object itself, where a model has put it into another one."""
    if not isinstance(value, dict):
        return None
    if not set(value) & set(schema.get("properties") or {}):
        for inner in value.values():
            found = load(inner) if isinstance(inner, str) and inner[:1] == "{" else inner
            if isinstance(found, dict) and _knows(found, schema):
                return found
    return value


class PromptedAnswerParser(BaseCumulativeTransformOutputParser[Any]):
    """Makes objects of answers; a stream gives partial ones, as far as the class allows it.

    Attributes:
        target: A pydantic class; anything else stands for a dictionary.
        form: See `PromptedAnswer`.
    """

    target: Any = None
    form: dict[str, Any]

    @property
    def _type(self) -> str:
        return "visioncraft-prompted-answer"

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The object of an answer.

        Raises:
            OutputParserException: If there is none, or the class refuses it.
        """
        text = result[0].text
        value = object_in(text, _schema_of(self.form), partial=partial)
        if value is None:
            msg = f"The answer holds no JSON object: {text[:200]!r}"
        elif not (isinstance(self.target, type) and is_basemodel_subclass(self.target)):
            return value
        else:
            try:
                return self.target(**value)
            except ValueError as error:
                msg = f"The answer does not fit {self.target.__name__}: {error}"
        if partial:
            return None
        raise OutputParserException(msg, llm_output=text)

    def parse(self, text: str) -> Any:
        """The object of a text."""
        return self.parse_result([Generation(text=text)])
