"""Structured output for models without native support: the prompt, and how it is parsed."""

from __future__ import annotations

import itertools
import json
import re
from collections import deque
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
from langchain_core.utils.pydantic import is_basemodel_subclass

from langchain_visioncraft._json import JsonReader
from langchain_visioncraft._schemas import (
    accepts,
    coerced,
    problems,
    schema_prompt,
)
from langchain_visioncraft.chat_models.answers import Reading
from langchain_visioncraft.chat_models.constrained import response_format
from langchain_visioncraft.chat_models.prompted.history import as_text, with_instructions
from langchain_visioncraft.chat_models.prompted.reading import Piece
from langchain_visioncraft.errors import InvalidRequestError

Method: TypeAlias = Literal["function_calling", "json_mode", "json_schema", "prompted"]

ANSWER_FORM = "answer_form"
"""The name under which the form of an answer is bound to a call."""

_DECODER = json.JSONDecoder(strict=False)
_BRACKET = re.compile(r"\[|\{(?=\s{0,80}[\"'}\w])")
_PARTIAL_SIGN = re.compile(r"\"(?:[^\"\\]|\\.)*+(?:\"|\\?\Z)|[{}\[\],]", re.DOTALL)
_STRING_END = re.compile(r"(?<!\\)(?:\\\\)*+\"\Z")
_HALF_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_MOST_SEARCHED = 20_000
_PRICE = 64
"""Of an attempt to decode, in characters: a text may hold nothing but brackets."""

_MOST_REPAIRS = 8

_INSTRUCTIONS = """\
Answer with one JSON {kind} and nothing else: no explanation, no code fence. It is a \
{name}{purpose} and must follow this JSON schema:
{schema}
Write the values themselves, not the schema."""
_AGAIN = (
    "Your answer does not fit the schema: {reasons}. Write the JSON {kind} again, corrected, and "
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
        msg = "Structured output and tools cannot both be prompted; bind only the tools."
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
        constrained: Whether the host is to hold the answer to the form.
    """

    form: Mapping[str, Any]
    history_as_text: bool = True
    constrained: bool = False
    corrects_streams = False
    """What has begun to stream cannot be taken back."""

    @property
    def options(self) -> Mapping[str, Any]:
        """The parameter of the request that holds the answer to the form."""
        return response_format(_schema_of(self.form)) if self.constrained else {}

    def messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The conversation with the form of its answer."""
        purpose = str(self.form.get("description") or "").strip()
        instructions = _INSTRUCTIONS.format(
            kind=_kind(_schema_of(self.form)),
            name=self.form.get("name") or "object",
            purpose=f" ({purpose})" if purpose else "",
            schema=json.dumps(schema_prompt(_schema_of(self.form)), ensure_ascii=False),
        )
        written = as_text(messages) if self.history_as_text else messages
        return with_instructions(written, instructions)

    def reading(self, *, correct: bool) -> Reading:
        """Reads an answer."""
        return AnswerReading(_schema_of(self.form)) if correct else _InLargePieces()


def _schema_of(form: Mapping[str, Any]) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = form.get("parameters") or {}
    return schema


def _kind(schema: Mapping[str, Any]) -> str:
    return next((kind for kind in ("object", "array") if accepts(schema, kind)), "value")


class _InLargePieces(Reading):
    """Gives an answer in pieces that grow with it: each is parsed from the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self._pending: list[str] = []
        self._size = self._given = 0

    def feed(self, text: str) -> list[Piece]:
        """Take a piece of the answer, and give what is enough."""
        self._pending.append(text)
        self._size += len(text)
        return self.finish() if self._size - self._given > self._given // 16 else []

    def finish(self, **_: Any) -> list[Piece]:
        """Give what is left."""
        text, self._pending = "".join(self._pending), []
        self._given = self._size
        return [text] if text else []


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

    def finish(self, *, cut_off: bool = False, **_: Any) -> list[Piece]:
        """Nothing yet: see `settle`."""
        self._cut_off = cut_off
        return []

    def again(self, messages: Sequence[BaseMessage]) -> list[BaseMessage] | None:
        """Asks for the answer in the right form."""
        reasons = self._reasons(self.text)
        if self._cut_off or not reasons:
            return None
        complaint = _AGAIN.format(reasons="; ".join(reasons), kind=_kind(self._schema))
        return [*messages, AIMessage(self.text), HumanMessage(complaint)]

    def settle(self, again: str = "", *, cut_off: bool = False) -> list[Piece]:  # noqa: ARG002 -- the form tells
        """Give the answer, or the second one if that has the right form."""
        text = again if again and not self._reasons(again) else self.text
        return [text] if text else []

    def _reasons(self, text: str) -> list[str]:
        value = object_in(text, self._schema)
        if value is None:
            return [f"it holds no JSON {_kind(self._schema)}"]
        return problems(value, self._schema)


def object_in(text: str, schema: Mapping[str, Any], *, partial: bool = False) -> Any:
    """The value of a schema in an answer: bare, fenced, wrapped, with prose around, damaged.

    ```python
    from langchain_visioncraft.chat_models.structured import object_in

    schema = {"properties": {"age": {"type": "integer"}}, "required": ["age"]}
    assert object_in('Here it is: {"Person": {"age": "7"}}. Fine?', schema) == {"age": 7}
    ```

    Args:
        text: The answer, or its beginning.
        schema: Of the value.
        partial: Whether the text may be a beginning only.

    Returns:
        The first value that fits the schema, else the first that could be meant; ``None`` if there
        is none.
    """
    values = list(_values(text))
    best: Any = None
    for value in itertools.chain(values, _repaired(text, partial=partial)):
        for found in _unwrapped(value, schema):
            meant = coerced(found, schema)
            if not problems(meant, schema):
                return meant
            best = meant if best is None and _could_be(meant, schema) else best
    if accepts(schema, "array") and len(values) > 1 and not problems(values, schema):
        return values
    if best is None and not accepts(schema, "object") and not accepts(schema, "array"):
        meant = coerced(text.strip(), schema)
        return None if problems(meant, schema) else meant
    return best


def _values(text: str) -> Iterator[Any]:
    """The objects and lists in a text."""
    left, at = 2 * len(text) + _MOST_SEARCHED, 0
    while left > 0 and (found := _BRACKET.search(text, at)):
        start, at = found.start(), found.end()
        try:
            value, at = _DECODER.raw_decode(text, start)
        except RecursionError:
            left -= _MOST_SEARCHED
        except json.JSONDecodeError as error:
            # Python counts the lines before it, and each attempt has its price.
            left -= _PRICE + error.pos - start + error.pos // 256
        else:
            yield value


def _repaired(text: str, *, partial: bool) -> Iterator[Any]:
    """The objects and lists in a text that are damaged, or have no end yet."""
    reader, at = JsonReader(), 0
    for _ in range(_MOST_REPAIRS):
        found = _BRACKET.search(text, at)
        if found is None:
            return
        value, at, kind = reader.value_at(text, found.start())
        if partial and kind != "closed":
            value = _beginning(text[found.start() : at])
        if value not in (None, ""):
            yield value


def _beginning(text: str) -> Any:
    """What the beginning of JSON says so far, without a value that has only begun."""
    cuts = deque([len(text)], maxlen=3)
    for sign in _PARTIAL_SIGN.finditer(text):
        if sign[0] in "{[,":
            cuts.append(sign.start() + (sign[0] != ","))
    for end in sorted({len(text), *cuts}, reverse=True):
        try:
            return json.loads(_closed(text[:end]), strict=False)
        except ValueError:
            continue
        except RecursionError:
            return None
    return None


def _closed(text: str) -> str:
    """JSON with what closes its last string and its brackets."""
    open_: list[str] = []
    for sign in _PARTIAL_SIGN.findall(text):
        if sign in "{[":
            open_.append("}" if sign == "{" else "]")
        elif sign in "}]" and open_:
            open_.pop()
        elif sign[0] == '"' and (len(sign) == 1 or not _STRING_END.search(sign)):
            text = _HALF_ESCAPE.sub("", text) + '"'
    return text + "".join(reversed(open_))


def _could_be(value: Any, schema: Mapping[str, Any]) -> bool:
    if isinstance(value, list):
        return accepts(schema, "array")
    properties = schema.get("properties") or {}
    return accepts(schema, "object") and (
        not properties or any(name in properties for name in value)
    )


def _unwrapped(value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    """The value itself, and what it holds where a model has put it into another one."""
    if isinstance(value, dict | list):
        yield value
    if isinstance(value, dict) and not set(value) & set(schema.get("properties") or {}):
        for inner in value.values():
            if isinstance(inner, str) and inner[:1] in ("{", "["):
                inner = _beginning(inner)  # noqa: PLW2901
            if isinstance(inner, dict | list):
                yield inner
    elif isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        yield value[0]


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
            msg = f"The answer holds no JSON {_kind(_schema_of(self.form))}: {text[:200]!r}"
        elif not (isinstance(self.target, type) and is_basemodel_subclass(self.target)):
            return value
        else:
            try:
                return _validated(self.target, value)
            except ValueError as error:
                msg = f"The answer does not fit {self.target.__name__}: {error}"
        if partial:
            return None
        raise OutputParserException(msg, llm_output=text)

    def parse(self, text: str) -> Any:
        """The object of a text."""
        return self.parse_result([Generation(text=text)])


def _validated(kind: Any, value: Any) -> Any:
    """An object of a class of pydantic's, of version 2 or 1."""
    validate = getattr(kind, "model_validate", None) or kind.parse_obj
    return validate(value)
