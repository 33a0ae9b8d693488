"""OpenAI's chat completions: a checked request, its contents, and writing answers."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from visioncraft_sandbox.answers import json_bytes
from visioncraft_sandbox.engines.language import Sampling

_CHOICE = {"index": 0, "logprobs": None}
_PIECE = 12
_MOST_PIECES = 500
"""Pieces of long texts are longer: an event takes twenty times as much as twelve characters."""
_COUNTED_AT_ONCE = 10_000


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

    @property
    def offers_tools(self) -> bool:
        """Whether it may be answered by tool calls."""
        return bool(self.tools) and self.tool_choice != "none"

    @cached_property
    def has_images(self) -> bool:
        """Whether any message has a picture."""
        return any(images_of(message) for message in self.messages)


@dataclass
class Reply:
    """An answer of a model or of rules; rules count words and punctuation as tokens."""

    text: str | None
    engine: str
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    model: str | None = None  # the engine that answered, if it is not the requested one

    def usage(self) -> dict[str, int]:
        """The usage block."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message, its parts joined."""
    content = message.get("content")
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, dict) else part for part in content]
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
    """The conversation as roles and texts, for a model that supports neither tools nor parts."""
    plain = []
    for message in messages:
        text, role = text_of(message), message["role"]
        if role == "tool":
            role, text = "user", f"The tool's result: {text}"
        calls = [
            f"{call['function']['name']}({call['function'].get('arguments') or ''})"
            for call in message.get("tool_calls") or ()
        ]
        if calls:
            text = f"{text}\nI call {', '.join(calls)}.".strip()
        plain.append({"role": "system" if role == "developer" else role, "content": text})
    return plain


def count(text: str) -> int:
    """The number of words and punctuation marks, for answers of rules."""
    # In pieces, so that other threads may run in between; a word that is cut counts twice.
    pieces = (text[at : at + _COUNTED_AT_ONCE] for at in range(0, len(text), _COUNTED_AT_ONCE))
    return sum(len(re.findall(r"\w+|[^\w\s]", piece)) for piece in pieces)


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
        "system_fingerprint": reply.engine,
        "choices": [{**_CHOICE, "message": message, "finish_reason": reply.finish_reason}],
        "usage": reply.usage(),
    }


def form_instruction(schema: dict[str, Any], purpose: str = "") -> str:
    """The prompt that asks a small model to fill in a form: its keys and what each means."""
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

    def whole(self, reply: Reply) -> Iterator[bytes]:
        """A whole reply in pieces, as OpenAI sends them."""
        yield self.begin()
        words = re.findall(r"\s*+\S++\s*+|\s++", reply.text or "")
        step = len(words) // _MOST_PIECES + 1
        for at in range(0, len(words), step):
            yield self.text("".join(words[at : at + step]))
        for index, call in enumerate(reply.tool_calls):
            function = call["function"]
            opening = {**call, "index": index, "function": {**function, "arguments": ""}}
            yield self._event({"tool_calls": [opening]})
            arguments = function["arguments"]
            step = max(_PIECE, len(arguments) // _MOST_PIECES)
            for at in range(0, len(arguments), step):
                part = {"index": index, "function": {"arguments": arguments[at : at + step]}}
                yield self._event({"tool_calls": [part]})
        yield from self.end(reply)

    def end(self, reply: Reply) -> Iterator[bytes]:
        """The last events: why it ended, the usage if requested, and ``[DONE]``."""
        self._head["system_fingerprint"] = reply.engine
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
        return b"data: " + json_bytes(content) + b"\n\n"
