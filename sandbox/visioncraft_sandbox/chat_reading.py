"""Reads chat requests: everything that later code relies on is checked here.

Forms that a prompt asks for in words are read, too, so that a small model fills them in without
breaking them: JSON mode with a schema in the prompt, DSPy's fields, the code of smolagents' agents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_visioncraft._json import DEEPEST, is_deeper_than
from langchain_visioncraft.client.text_schemas import ChatRequest
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.chat import Chat, images_of, text_of
from visioncraft_sandbox.engines.language import Sampling
from visioncraft_sandbox.engines.schema_checks import problem_of_schema, values_in
from visioncraft_sandbox.validation import check_parameters

_SAMPLED = (
    "max_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "presence_penalty",
    "frequency_penalty",
)  # fmt: skip

_MOST_PARTS = 10_000
_MOST_MESSAGES = 2000
_MOST_TOOLS = 128
"""As in OpenAI's API."""
_MOST_STOPS = 64
_LONGEST = 50_000
_MOST_TRIES = 50
_MOST_KEYS = 50
_FIELDS = "Respond with the corresponding output fields"
_FIELD = re.compile(
    r"\[\[ ## (\w{1,60}) ## \]\](?:` \(must be formatted as a valid Python (\w+)\))?"
)
_KINDS = {"int": "integer", "float": "number", "bool": "boolean"}
_KEY = re.compile(r"[\"'`](\w{1,60})[\"'`]")
_STRINGS = {"type": "string"}


def read_chat(body: Mapping[str, Any]) -> Chat:
    """Check a chat request; refused with 400."""
    newer = body.get("max_completion_tokens")  # OpenAI's newer name
    try:
        given = body if newer is None else {**body, "max_tokens": newer}
        wanted = check_parameters(ChatRequest, given)
    except Refusal as refusal:
        if newer is None:
            raise
        renamed = refusal.message.replace("max_tokens:", "max_completion_tokens:")
        raise Refusal(refusal.status, renamed) from refusal
    check_messages(wanted.messages)
    if body.get("n") not in (None, 1):
        raise Refusal(400, "n: this host returns one answer to a request.")
    sampled = {name: getattr(wanted, name) for name in _SAMPLED}
    sampling = Sampling(
        **{name: value for name, value in sampled.items() if value is not None},
        stop=_stops(body.get("stop")),
        seed=body["seed"] if isinstance(body.get("seed"), int) else None,
    )
    tools = _tools(body.get("tools"))
    choice, named = _tool_choice(body.get("tool_choice"), tools)
    options = body.get("stream_options")
    return Chat(
        model=wanted.model,
        messages=wanted.messages,
        sampling=sampling,
        stream=bool(body.get("stream")),
        include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
        tools=tools,
        tool_choice=choice,
        named=named,
        parallel=body.get("parallel_tool_calls") is not False,
        schema=_schema(body.get("response_format"), wanted.messages),
    )


def check_length(body: Mapping[str, Any], longest: int) -> None:
    """Refuse a chat whose texts, without its pictures, are too long together."""
    given = body.get("messages")
    messages = filter(lambda each: isinstance(each, dict), given if isinstance(given, list) else ())
    pictures = [each for message in messages for each in images_of(message)]
    length = -sum(len(each) for each in pictures if isinstance(each, str))
    parts = [value for name, value in body.items() if name != "token"]
    while parts:
        part = parts.pop()
        if isinstance(part, str):
            length += len(part)
        elif isinstance(part, list):
            parts += part
        elif isinstance(part, dict):
            length += sum(map(len, part))
            parts += part.values()
    if length > longest:
        raise Refusal(400, f"The chat has more than {longest:,} characters.")


def check_messages(messages: Sequence[Mapping[str, Any]]) -> None:
    """Check the shape of messages; the first wrong one is refused with 400."""
    calls = [each["tool_calls"] for each in messages if isinstance(each.get("tool_calls"), list)]
    if len(messages) + sum(map(len, calls)) > _MOST_MESSAGES:
        reason = f"The chat has more than {_MOST_MESSAGES:,} messages and tool calls."
        raise Refusal(400, reason)
    for number, message in enumerate(messages):
        where = f"messages.{number}"
        content = message.get("content")
        if not isinstance(message.get("role"), str):
            raise Refusal(400, f"{where}.role is required.")
        for name in ("name", "tool_call_id"):
            if not isinstance(message.get(name), str | None):
                raise Refusal(400, f"{where}.{name} must be a string.")
        _check_calls(message.get("tool_calls"), f"{where}.tool_calls")
        if content is None and message["role"] == "assistant":
            continue
        if not isinstance(content, str) and not (
            isinstance(content, list) and all(isinstance(part, dict | str) for part in content)
        ):
            raise Refusal(400, f"{where}.content must be a string or a list of parts.")


def _check_calls(calls: Any, where: str) -> None:
    """Check the calls that an assistant's message repeats."""
    if calls is None:
        return
    if not isinstance(calls, list):
        raise Refusal(400, f"{where} must be a list.")
    for number, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise Refusal(400, f"{where}.{number}.function.name is required.")
        arguments = function.get("arguments")
        if not isinstance(arguments, str | None):
            raise Refusal(400, f"{where}.{number}.function.arguments must be a string of JSON.")
        try:
            deep = is_deeper_than(json.loads(arguments or "{}"), DEEPEST)
        except RecursionError:
            deep = True
        except ValueError:  # a model's own words, which may be sent back to it
            deep = False
        if deep:
            message = (
                f"{where}.{number}.function.arguments are nested deeper than {DEEPEST} levels."
            )
            raise Refusal(400, message)


def _stops(value: Any) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value or []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refusal(400, "stop must be a string or a list of strings.")
    if len(texts) > _MOST_STOPS:
        raise Refusal(400, f"stop: at most {_MOST_STOPS} texts here.")
    return tuple(text for text in texts if text)


def _tools(value: Any) -> list[dict[str, Any]]:
    tools = value or []
    if not isinstance(tools, list):
        raise Refusal(400, "tools must be a list.")
    if len(tools) > _MOST_TOOLS:
        raise Refusal(400, f"tools: at most {_MOST_TOOLS} here.")
    parts = 0
    for number, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise Refusal(400, f"tools.{number}.function.name is required.")
        found: list[tuple[str, dict[str, Any]]] = []
        problem = problem_of_schema(function.get("parameters") or {}, found)
        if problem:
            raise Refusal(400, f"tools.{number}.function.parameters: {problem}.")
        parts += len(found) + values_in(found)
        if parts > _MOST_PARTS:
            raise Refusal(400, f"The schemas of all tools have more than {_MOST_PARTS:,} parts.")
    return tools


def _tool_choice(value: Any, tools: list[dict[str, Any]]) -> tuple[str, bool]:
    if value is None:
        return "auto", False
    if isinstance(value, str):
        if value == "any":  # some clients' name for it
            return "required", False
        if value not in ("none", "auto", "required"):
            raise Refusal(400, "tool_choice must be none, auto, required or a function.")
        return value, False
    function = value.get("function") if isinstance(value, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if name not in [tool["function"]["name"] for tool in tools]:
        raise Refusal(400, f"tool_choice names {name!r}, which is not among the tools.")
    return str(name), True


def _schema(value: Any, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind in (None, "text"):
        return None
    if kind == "json_schema":
        given = value.get("json_schema")
        schema = given.get("schema") if isinstance(given, dict) else None
        if not isinstance(schema, dict):
            raise Refusal(400, "response_format.json_schema.schema is required.")
        problem = problem_of_schema(schema)
        if problem:
            raise Refusal(400, f"response_format.json_schema.schema: {problem}.")
        return schema
    if kind == "json_object":
        return object_schema(messages)
    raise Refusal(400, f"response_format.type {kind!r} is not known.")


@dataclass(frozen=True)
class Form:
    """What to ask a model for, and how to write it in the form that the prompt requires."""

    schema: dict[str, Any]
    write: Callable[[Mapping[str, Any]], str]


def object_schema(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The schema of JSON mode: the one in the prompt, or else one with the quoted words as keys."""
    texts = [text_of(each)[:_LONGEST] for each in messages if each["role"] != "assistant"]
    for text in reversed(texts):
        found = _schema_in(text)
        if found is not None:
            return found
    keys = list(dict.fromkeys(_KEY.findall(" ".join(texts))))[:_MOST_KEYS]
    return _of(dict.fromkeys(keys or ["answer"], _STRINGS))


def form_of(messages: Sequence[Mapping[str, Any]]) -> Form | None:
    """The form of DSPy or smolagents that a conversation asks for, if any."""
    asked = next((text_of(each) for each in reversed(messages) if each["role"] == "user"), "")
    _, said, fields = asked[-_LONGEST:].rpartition(_FIELDS)
    kinds = {name: {"type": _KINDS.get(kind, "string")} for name, kind in _FIELD.findall(fields)}
    kinds.pop("completed", None)
    if said and kinds:
        return Form(_of(kinds), _as_fields)
    system = "".join(text_of(each)[:_LONGEST] for each in messages if each["role"] == "system")
    if "final_answer(" in system and "Thought:" in system:
        marks = ("<code>", "</code>") if "<code>" in system else ("Code:\n```py", "```<end_code>")
        if marks[0] in system:
            return Form(_of({"thought": _STRINGS, "answer": _STRINGS}), _as_code(*marks))
    return None


def _of(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _as_fields(values: Mapping[str, Any]) -> str:
    fields = [f"[[ ## {name} ## ]]\n{value}\n" for name, value in values.items()]
    return "\n".join([*fields, "[[ ## completed ## ]]"])


def _as_code(begin: str, end: str) -> Callable[[Mapping[str, Any]], str]:
    def write(values: Mapping[str, Any]) -> str:
        answer = json.dumps(str(values["answer"]))
        return f"Thought: {values['thought']}\n{begin}\nfinal_answer({answer})\n{end}"

    return write


def _schema_in(text: str) -> dict[str, Any] | None:
    """The last JSON schema of an object in a text."""
    decoder, at, found = json.JSONDecoder(), text.find("{"), None
    for _ in range(_MOST_TRIES):
        if at < 0:
            break
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        is_object = isinstance(value.get("properties"), dict) and not is_deeper_than(value, DEEPEST)
        is_schema = is_object and problem_of_schema(value) is None
        found = value if is_schema else found
        at = text.find("{", end)
    return found
