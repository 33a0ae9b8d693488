"""OpenAI's chat completions: reading requests, and writing answers."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_visioncraft.client.schemas import ChatRequest
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.engines.language import Sampling
from visioncraft_sandbox.schema_shape import problem_of_schema
from visioncraft_sandbox.validation import check_parameters

_SAMPLED = (
    "max_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "presence_penalty",
    "frequency_penalty",
)  # fmt: skip
_CHOICE = {"index": 0, "logprobs": None}
_PIECE = 12


@dataclass(frozen=True)
class Chat:
    """A checked chat request.

    Attributes:
        include_usage: Whether a streamed answer ends with its usage.
        tools: Function tools, each ``{"type": "function", "function": {…}}``.
        tool_choice: ``none``, ``auto``, ``required`` or a function's name.
        named: Whether `tool_choice` is a name.
        parallel: Whether one answer may call several tools.
        schema: A JSON schema that the answer must follow.
    """

    model: str
    messages: list[dict[str, Any]]
    sampling: Sampling = field(default_factory=Sampling)
    stream: bool = False
    include_usage: bool = False
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: str = "auto"
    named: bool = False
    parallel: bool = True
    schema: dict[str, Any] | None = None


@dataclass
class Reply:
    """An answer of a model or of rules; rules count words and punctuation as tokens."""

    text: str | None
    engine: str
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def usage(self) -> dict[str, int]:
        """The usage block."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }


def read_chat(body: Mapping[str, Any]) -> Chat:
    """Check a chat request; refused with 400."""
    wanted = check_parameters(ChatRequest, body)
    check_messages(wanted.messages)
    if body.get("n") not in (None, 1):
        raise Refusal(400, "n: this host returns one answer to a request.")
    given = {name: getattr(wanted, name) for name in _SAMPLED}
    sampling = Sampling(
        **{name: value for name, value in given.items() if value is not None},
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


def check_messages(messages: Sequence[Mapping[str, Any]]) -> None:
    """Check the shape of messages; the first wrong one is refused with 400."""
    for number, message in enumerate(messages):
        content = message.get("content")
        if not isinstance(message.get("role"), str):
            raise Refusal(400, f"messages.{number}.role is required.")
        if content is None and message["role"] == "assistant":
            continue
        if not isinstance(content, str) and not (
            isinstance(content, list) and all(isinstance(part, dict | str) for part in content)
        ):
            raise Refusal(400, f"messages.{number}.content must be a string or a list of parts.")


def _stops(value: Any) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value or []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refusal(400, "stop must be a string or a list of strings.")
    return tuple(text for text in texts if text)


def _tools(value: Any) -> list[dict[str, Any]]:
    tools = value or []
    if not isinstance(tools, list):
        raise Refusal(400, "tools must be a list.")
    for number, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise Refusal(400, f"tools.{number}.function.name is required.")
        problem = problem_of_schema(function.get("parameters") or {})
        if problem:
            raise Refusal(400, f"tools.{number}.function.parameters: {problem}.")
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
        return _object_schema(messages)
    raise Refusal(400, f"response_format.type {kind!r} is not known.")


def _object_schema(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A schema for any JSON object: its keys are the quoted words of the conversation."""
    text = " ".join(text_of(message) for message in messages if message["role"] != "assistant")
    keys = re.findall(r"[\"'`](\w+)[\"'`]", text)
    keys = list(dict.fromkeys(keys)) or ["answer"]
    properties = {key: {"type": "string"} for key in keys}
    return {"type": "object", "properties": properties, "required": keys}


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message, its parts joined."""
    content = message.get("content")
    if isinstance(content, list):
        texts = [part if isinstance(part, str) else part.get("text") for part in content]
        return "\n".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def images_of(message: Mapping[str, Any]) -> list[Any]:
    """The pictures in a message: OpenAI parts, or the ``image`` of ``POST /llm``."""
    images = [message["image"]] if message.get("image") else []
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and part.get("type") in ("image_url", "image", "input_image"):
            value = part.get("image_url", part.get("url"))
            images.append(value.get("url") if isinstance(value, dict) else value)
    return images


def plain_messages(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The conversation as roles and texts, for a model that takes neither tools nor parts."""
    plain = []
    for message in messages:
        text, role = text_of(message), message["role"]
        if role == "tool":
            role, text = "user", f"The tool's result: {text}"
        calls = [
            f"{call['function'].get('name')}({call['function'].get('arguments', '')})"
            for call in message.get("tool_calls") or ()
            if isinstance(call, dict) and isinstance(call.get("function"), dict)
        ]
        if calls:
            text = f"{text}\nI call {', '.join(calls)}.".strip()
        plain.append({"role": "system" if role == "developer" else role, "content": text})
    return plain


def count(text: str) -> int:
    """The number of words and punctuation marks, for answers of rules."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def completion(chat_model: str, reply: Reply) -> dict[str, Any]:
    """A whole chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.tool_calls:
        message["tool_calls"] = reply.tool_calls
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": chat_model,
        "choices": [{**_CHOICE, "message": message, "finish_reason": reply.finish_reason}],
        "usage": reply.usage(),
    }


def form_instruction(schema: dict[str, Any], purpose: str = "") -> str:
    """The prompt that has a small model fill in a form: its keys and what each means."""
    properties = schema.get("properties") or {}
    keys = [
        f"{name} ({spec['description']})"
        if isinstance(spec, dict) and spec.get("description")
        else name
        for name, spec in properties.items()
    ]
    what = f" {purpose.strip()}" if purpose.strip() else ""
    return f"Answer with one JSON object.{what} Its keys are: {', '.join(keys) or 'none'}."


class Chunks:
    """Writes the server-sent events of one streamed completion."""

    def __init__(self, chat: Chat) -> None:
        self._head = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": chat.model,
        }
        self._include_usage = chat.include_usage

    def begin(self) -> bytes:
        """The first event: the role."""
        return self._event({"role": "assistant", "content": ""})

    def text(self, piece: str) -> bytes:
        """A part of the text."""
        return self._event({"content": piece})

    def body(self, reply: Reply) -> Iterator[bytes]:
        """A whole reply in pieces, as OpenAI sends them."""
        for piece in re.findall(r"\s*\S+\s*", reply.text or ""):
            yield self.text(piece)
        for index, call in enumerate(reply.tool_calls):
            function = call["function"]
            opening = {**call, "index": index, "function": {**function, "arguments": ""}}
            yield self._event({"tool_calls": [opening]})
            arguments = function["arguments"]
            for at in range(0, len(arguments), _PIECE):
                part = {"index": index, "function": {"arguments": arguments[at : at + _PIECE]}}
                yield self._event({"tool_calls": [part]})

    def end(self, reply: Reply) -> Iterator[bytes]:
        """The last events: why it ended, the usage if requested, and ``[DONE]``."""
        yield self._event({}, finish_reason=reply.finish_reason)
        if self._include_usage:
            yield self._line({**self._head, "choices": [], "usage": reply.usage()})
        yield b"data: [DONE]\n\n"

    def error(self, message: str) -> bytes:
        """An error after the answer has begun."""
        return self._line({"error": {"message": message, "type": "server_error"}, "code": 500})

    def _event(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {**_CHOICE, "delta": delta, "finish_reason": finish_reason}
        event: dict[str, Any] = {**self._head, "choices": [choice]}
        if self._include_usage:
            event["usage"] = None
        return self._line(event)

    @staticmethod
    def _line(content: Any) -> bytes:
        return b"data: " + json.dumps(content, ensure_ascii=False).encode() + b"\n\n"
