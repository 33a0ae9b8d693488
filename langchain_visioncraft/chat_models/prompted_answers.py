"""Answers in a form, from models that only know text: the prompt, and what is read of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.output_parsers import BaseCumulativeTransformOutputParser
from langchain_core.outputs import Generation
from langchain_core.utils.json import parse_partial_json
from langchain_core.utils.pydantic import is_basemodel_subclass

from langchain_visioncraft.chat_models.arguments import adjusted, problems
from langchain_visioncraft.chat_models.call_forms import Prose, load
from langchain_visioncraft.chat_models.json_span import JsonSpan
from langchain_visioncraft.chat_models.prompted_history import as_text, with_instructions
from langchain_visioncraft.chat_models.reading import Found, Reading
from langchain_visioncraft.chat_models.told_schemas import told

_INSTRUCTIONS = """\
Answer with one JSON object and nothing else: no explanation, no code fence. It is a \
{name}{purpose} and must follow this JSON schema:
{schema}
Write the values themselves, not the schema."""


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
        written = as_text(messages) if self.history_as_text else list(messages)
        return with_instructions(written, self.instructions())

    def instructions(self) -> str:
        """What the system message says of the form."""
        purpose = str(self.form.get("description") or "").strip()
        return _INSTRUCTIONS.format(
            name=self.form.get("name") or "object",
            purpose=f" ({purpose})" if purpose else "",
            schema=json.dumps(told(self.schema), ensure_ascii=False),
        )

    @property
    def schema(self) -> Mapping[str, Any]:
        """The JSON schema of the object."""
        schema: Mapping[str, Any] = self.form.get("parameters") or {}
        return schema

    def reading(self, *, correct: bool) -> Reading:
        """Reads an answer."""
        return AnswerReading(self.schema) if correct else Reading()


class AnswerReading(Reading):
    """Holds an answer back until it is known to have the right form."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        super().__init__()
        self._schema = schema
        self._cut_off = False

    def feed(self, text: str) -> list[Found]:
        """Take a piece of the answer; nothing is certain before its end."""
        self.text += text
        return []

    def finish(self, *, cut_off: bool = False) -> list[Found]:
        """Nothing yet: see `settle`."""
        self._cut_off = cut_off
        return []

    def again(self, messages: Sequence[BaseMessage]) -> list[BaseMessage] | None:
        """Asks for the answer in the right form."""
        reasons = self._reasons(self.text)
        if self._cut_off or not reasons:
            return None
        complaint = (
            f"Your answer does not fit the schema: {'; '.join(reasons)}. Write the JSON object "
            "again, corrected, and nothing else."
        )
        return [*messages, AIMessage(self.text), HumanMessage(complaint)]

    def settle(self, again: str | None = None, *, cut_off: bool = False) -> list[Found]:  # noqa: ARG002 -- the form tells
        """Give the answer, or the second one if that has the right form."""
        text = again if again and not self._reasons(again) else self.text
        return [Prose(text)] if text else []

    def _reasons(self, text: str) -> list[str]:
        value = object_in(text, self._schema)
        if value is None:
            return ["it holds no JSON object"]
        return problems(value, self._schema)


def object_in(
    text: str, schema: Mapping[str, Any], *, partial: bool = False
) -> dict[str, Any] | None:
    """The object of a schema in an answer: bare, fenced, wrapped, with prose around, damaged.

    ```python
    from langchain_visioncraft.chat_models.prompted_answers import object_in

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
        value = load(part) if whole or not partial else _beginning(part)
        found = _unwrapped(value, schema)
        if found is not None and _knows(found, schema):
            best = found
            break
        best = best if best is not None or partial else found
    return adjusted(best, schema) if best is not None else None


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
        value = object_in(text, self.form.get("parameters") or {}, partial=partial)
        if value is None:
            if partial:
                return None
            msg = f"The answer holds no JSON object: {text[:200]!r}"
            raise OutputParserException(msg, llm_output=text)
        if not (isinstance(self.target, type) and is_basemodel_subclass(self.target)):
            return value
        try:
            return self.target(**value)
        except ValueError as error:
            if partial:
                return None
            msg = f"The answer does not fit {self.target.__name__}: {error}"
            raise OutputParserException(msg, llm_output=text) from error

    def parse(self, text: str) -> Any:
        """The object of a text."""
        return self.parse_result([Generation(text=text)])
