"""Structured output: how it is requested, found in the answer, and parsed."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

import openai
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.output_parsers import BaseTransformOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import AddableDict, Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from langchain_openai.chat_models.base import OpenAIRefusalError

from langchain_visioncraft import errors
from langchain_visioncraft._flows import Steps
from langchain_visioncraft._redact import shortened
from langchain_visioncraft._schemas import accepts, problems, schema_prompt
from langchain_visioncraft.chat_models.answers import Ask, Reading, Task
from langchain_visioncraft.chat_models.constrained import held_to
from langchain_visioncraft.chat_models.errors import as_both
from langchain_visioncraft.chat_models.history import as_text, with_instructions
from langchain_visioncraft.chat_models.objects import object_in
from langchain_visioncraft.chat_models.prompted.reading import Piece
from langchain_visioncraft.chat_models.response_formats import ANY_JSON, of_function, of_schema
from langchain_visioncraft.errors import InvalidRequestError

Method: TypeAlias = Literal["function_calling", "json_mode", "json_schema", "prompted"]

ANSWER_FORM = "answer_form"
"""The parameter that binds the form of an answer to a call."""

_INSTRUCTIONS = """\
Answer with one JSON {kind} and nothing else: no explanation, no code fence. It is a \
{name}{purpose} and must follow this JSON schema:
{schema}
Write the values themselves, not the schema."""
_AGAIN = (
    "Your answer does not fit the schema: {reasons}. Write the JSON {kind} again, corrected, and "
    "nothing else."
)

_RARER_BEYOND = 8192
"""Characters. Up to here, a streamed object is parsed again whenever it has grown by a sixteenth;
beyond, less and less often, so that the longest takes about twice the time of one parsing."""


def structured_output(
    model: Any,
    schema: Any,
    *,
    method: Method,
    include_raw: bool,
    strict: bool | None = None,
    tools: Sequence[Any] = (),
    **options: Any,
) -> Runnable[Any, Any]:
    """A model that answers with objects; the arguments are those of `with_structured_output`.

    Raises:
        InvalidRequestError: If there is no schema, or the method is unknown or takes no tools.
    """
    if method not in get_args(Method):
        msg = f"method must be one of {', '.join(get_args(Method))}, not {method!r}."
        raise InvalidRequestError(msg)
    if schema is None and method != "json_mode":
        msg = "with_structured_output needs a schema, except with method='json_mode'."
        raise InvalidRequestError(msg)
    if tools and method not in ("json_schema", "json_mode"):
        msg = f"Structured output with {method=} cannot be combined with tools; bind only one."
        raise InvalidRequestError(msg)
    tool = {} if schema is None else convert_to_openai_tool(_plain(schema), strict=strict)
    form: dict[str, Any] = tool.get("function") or {}
    traced = {"kwargs": {"method": method, "strict": strict}, "schema": tool or None}
    options = {"ls_structured_output_format": traced, **options}
    if tools:
        options["tools"] = [convert_to_openai_tool(each, strict=strict) for each in tools]
    if method == "function_calling":
        forced = {"tool_choice": form["name"], "parallel_tool_calls": False, "strict": strict}
        asked = model.bind_tools([tool], **model._filter_disabled_params(**forced, **options))
    elif method == "prompted":
        asked = model.bind(**{ANSWER_FORM: form}, **options)
    else:
        own = schema if _is_response_format(schema) else of_function(form)
        asked = model.bind(response_format=own if method == "json_schema" else ANY_JSON, **options)
    parser = AnswerParser(
        target=schema, form=form, beside_tools=bool(tools), include_raw=include_raw
    )
    return cast("Runnable[Any, Any]", asked | parser)


def _is_response_format(schema: Any) -> bool:
    return isinstance(schema, Mapping) and isinstance(schema.get("json_schema"), Mapping)


def _plain(schema: Any) -> Any:
    """The JSON schema inside OpenAI's ``response_format``, if it is given in that form."""
    if _is_response_format(schema):
        schema = schema["json_schema"]
    if isinstance(schema, Mapping) and isinstance(schema.get("schema"), Mapping):
        named = {"title": schema.get("name"), "description": schema.get("description")}
        return {**{key: value for key, value in named.items() if value}, **schema["schema"]}
    return schema


@dataclass(frozen=True)
class PromptedAnswer(Task):
    """The form of an answer: ``name``, ``description`` and ``parameters``, a JSON schema."""

    form: Mapping[str, Any]
    way: str = "prompted"
    """How the model is offered tools."""

    @property
    def options(self) -> Mapping[str, Any]:
        """The request parameter that enforces the form of the answer."""
        if self.way != "constrained":
            return {}
        return {"response_format": of_schema(held_to(_schema_of(self.form)), strict=True)}

    def messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The conversation, with a description of the form added."""
        purpose = str(self.form.get("description") or "").strip()
        instructions = _INSTRUCTIONS.format(
            kind=_kind(_schema_of(self.form)),
            name=self.form.get("name") or "object",
            purpose=f" ({purpose})" if purpose else "",
            schema=json.dumps(schema_prompt(_schema_of(self.form)), ensure_ascii=False),
        )
        written = messages if self.way == "native" else as_text(messages)
        return with_instructions(written, instructions)

    def reading(self, *, correct: bool) -> Reading:
        """Reads an answer."""
        return AnswerReading(_schema_of(self.form)) if correct else Reading()


def _schema_of(form: Mapping[str, Any]) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = form.get("parameters") or {}
    return schema


def _kind(schema: Mapping[str, Any]) -> str:
    return next((kind for kind in ("object", "array") if accepts(schema, kind)), "value")


class AnswerReading(Reading):
    """Holds an answer back until it is certain to have the right form."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        super().__init__()
        self._schema = schema

    def feed(self, text: str) -> list[Piece]:
        """Take a piece of the answer; nothing is certain before its end."""
        self._pieces.append(text)
        return []

    def held_back(self, messages: Sequence[BaseMessage], ask: Ask) -> Steps[list[Piece]]:
        """Return the answer, or a second one if that has the right form."""
        text, reasons = self.text, self._reasons(self.text)
        if reasons and not self.cut_off:
            complaint = _AGAIN.format(reasons="; ".join(reasons), kind=_kind(self._schema))
            question = [*messages, AIMessage(text), HumanMessage(complaint)]
            again, _ = self._second((yield from ask(question)))
            text = text if self._reasons(again) else again
        return [text] if text else []

    def _reasons(self, text: str) -> list[str]:
        value = object_in(text, self._schema)
        if value is None:
            return [f"it holds no JSON {_kind(self._schema)}"]
        return problems(value, self._schema)


class AnswerParser(BaseTransformOutputParser[Any]):
    """Turns answers into objects; a stream yields partial ones, as far as the class allows."""

    target: Any = None
    """A pydantic class; anything else means a dictionary."""
    form: dict[str, Any]
    beside_tools: bool = False
    """Whether the model may call tools instead, without an object."""
    include_raw: bool = False
    """Whether to return ``{"raw", "parsed", "parsing_error"}`` and raise nothing."""

    @property
    def _type(self) -> str:
        return "visioncraft-answer"

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The object of an answer.

        Raises:
            UnexpectedAnswerError: If there is none, the class refuses it, or the model refused;
                `TruncatedAnswerError` if the answer was cut off. It is an `OutputParserException`
                as well.
        """
        message = getattr(result[0], "message", None)
        said = message if isinstance(message, AIMessage) else AIMessage(result[0].text)
        value, problem = self._read(said, partial=partial)
        error = _unfit(problem, said) if problem and not partial else None
        if self.include_raw:
            return {"raw": said, "parsed": value, "parsing_error": error}
        if error:
            raise error
        return value

    def _read(self, said: AIMessage, *, partial: bool) -> tuple[Any, str | None]:
        """The object, or the problem."""
        calls = [*said.tool_calls, *said.invalid_tool_calls]
        if calls and self.beside_tools:
            return None, None
        text = str(said.text)
        if calls:
            named = (call for call in calls if call["name"] == self.form.get("name"))
            given = next(named, calls[0])["args"]
            text = given if isinstance(given, str) else json.dumps(given)
        schema = _schema_of(self.form)
        value = object_in(text, schema, partial=partial)
        if value is None:
            return None, f"The answer holds no JSON {_kind(schema)}: {shortened(text, 200)!r}"
        try:
            return _validated(self.target, value), None
        except (ValueError, ArithmeticError, RecursionError) as error:
            # Of Python: a pattern may be too large for it, or too deep.
            return None, f"The answer does not fit {self.target.__name__}: {error}"

    def parse(self, text: str) -> Any:
        """The object of a text."""
        return self.parse_result([Generation(text=text)])

    def _transform(self, input: Iterator[Any]) -> Iterator[Any]:  # noqa: A002 -- LangChain's name
        growing = _Growing(self)
        for chunk in input:
            yield from growing.take(chunk)
        yield from growing.end()

    async def _atransform(self, input: AsyncIterator[Any]) -> AsyncIterator[Any]:  # noqa: A002
        growing = _Growing(self)
        async for chunk in input:
            for value in growing.take(chunk):
                yield value
        for value in growing.end():
            yield value


class _Growing:
    """The object of a stream, parsed from the beginning whenever the answer has grown enough.

    At the end it is parsed like a complete answer, so that a missing object is an error.
    """

    def __init__(self, parser: AnswerParser) -> None:
        self._parser = parser
        self._pieces: list[AIMessageChunk] = []
        self._size = self._read = 0
        self._last: Any = None

    def take(self, chunk: Any) -> Iterator[Any]:
        """The object so far, if a chunk changes it."""
        if isinstance(chunk, str):
            chunk = AIMessageChunk(content=chunk)
        elif not isinstance(chunk, AIMessageChunk):
            chunk = AIMessageChunk(**chunk.model_dump(exclude={"type"}))
        if self._parser.include_raw:
            yield AddableDict(raw=chunk)
        self._pieces.append(chunk)
        self._size += len(chunk.text) + sum(len(c["args"] or "") for c in chunk.tool_call_chunks)
        if self._size - self._read > max(self._read // 16, self._read**2 // _RARER_BEYOND // 16):
            yield from self._new(partial=True)

    def end(self) -> Iterator[Any]:
        """The complete object, if it differs from the last one."""
        if self._pieces:
            yield from self._new(partial=False)

    def _new(self, *, partial: bool) -> Iterator[Any]:
        first, *more = self._pieces
        self._pieces, self._read = [first + more], self._size
        generation = ChatGeneration(message=self._pieces[0])
        value = self._parser.parse_result([generation], partial=partial)
        if self._parser.include_raw:
            value = AddableDict(value)
            del value["raw"]  # it was already streamed
        elif value is None:
            return
        if value != self._last:
            self._last = value
            yield value


def _validated(target: Any, value: Any) -> Any:
    """An object of a pydantic class, of version 2 or 1; the value itself without a class."""
    if not (inspect.isclass(target) and is_basemodel_subclass(target)):
        return value
    kind: Any = target
    validate = getattr(kind, "model_validate", None) or kind.parse_obj
    return validate(value)


def _unfit(problem: str, said: AIMessage) -> Exception:
    """The error for an answer without the requested object."""
    reason = said.response_metadata.get("finish_reason")
    refusal = said.additional_kwargs.get("refusal")
    kinds: tuple[Any, ...] = (errors.UnexpectedAnswerError,)
    if refusal or reason == "content_filter":
        problem = f"The model refused to answer: {refusal or reason}."
        kinds = errors.UnexpectedAnswerError, OpenAIRefusalError
    elif reason == "length":
        problem = f"The answer reached max_tokens and is incomplete: raise max_tokens. {problem}"
        kinds = errors.TruncatedAnswerError, openai.LengthFinishReasonError
    kind, *extra = kinds
    return as_both(kind(problem), OutputParserException(problem, llm_output=str(said.text)), *extra)
