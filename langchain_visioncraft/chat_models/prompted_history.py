"""A conversation for a model that knows no tool messages: calls and results as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_visioncraft.chat_models.reading import NOT_VALID

_CALL_BLOCKS = frozenset({"tool_use", "tool_call", "tool_call_chunk", "function_call"})


def call_text(name: str, arguments: Mapping[str, Any]) -> str:
    """A call as models are told to write it."""
    body = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False, default=str)
    return f"<tool_call>\n{body}\n</tool_call>"


def as_text(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Write earlier tool calls and their results as text.

    Calls become Hermes ``<tool_call>`` tags in what the assistant said, results
    ``<tool_response>`` tags in what the user says, as Qwen's and Hermes's own templates do.
    Messages of one side that follow each other because of that are joined: many templates want
    the sides to take turns. Pictures in results stay pictures. Other messages stay as they are.

    ```python
    from langchain_core.messages import AIMessage, ToolMessage

    from langchain_visioncraft.chat_models.prompted_history import as_text

    call = {"name": "draw", "args": {"prompt": "a cat"}, "id": "1"}
    messages = [AIMessage("", tool_calls=[call]), ToolMessage("a.png", tool_call_id="1")]
    asked, told = as_text(messages)
    assert asked.text.startswith("<tool_call>")
    assert told.type == "human" and "a.png" in told.text
    ```
    """
    names: dict[str | None, str] = {}
    written: list[BaseMessage] = []
    joins = False
    for message in messages:
        if isinstance(message, AIMessage):
            names |= {call["id"]: call["name"] for call in message.tool_calls}
            written.append(_assistant(message))
            joins = False
        elif isinstance(message, ToolMessage):
            told = _told(message, message.name or names.get(message.tool_call_id))
            written = _joined(written, told) if joins else [*written, told]
            joins = True
        elif joins and isinstance(message, HumanMessage):
            written = _joined(written, message)
        else:
            written.append(message)
            joins = False
    return written


def with_instructions(messages: Sequence[BaseMessage], text: str) -> list[BaseMessage]:
    """The conversation with this text at the end of its system message."""
    if messages and isinstance(messages[0], SystemMessage):
        first = messages[0]
        if isinstance(first.content, str):
            content: Any = f"{first.content}\n\n{text}" if first.content else text
        else:
            content = [*first.content, {"type": "text", "text": f"\n\n{text}"}]
        return [first.model_copy(update={"content": content}), *messages[1:]]
    return [SystemMessage(text), *messages]


def _assistant(message: AIMessage) -> AIMessage:
    if not message.tool_calls and not message.invalid_tool_calls:
        return message
    # The text alone: blocks of calls repeat what stands in `tool_calls`.
    parts = [message.text.strip()] if isinstance(message.content, str) else _texts(message.content)
    parts += [call_text(call["name"], call["args"]) for call in message.tool_calls]
    parts += [(call["args"] or "").removeprefix(NOT_VALID) for call in message.invalid_tool_calls]
    return AIMessage("\n".join(filter(None, parts)), name=message.name)


def _texts(content: Sequence[Any]) -> list[str]:
    found = [
        block if isinstance(block, str) else str(block.get("text") or "")
        for block in content
        if isinstance(block, str) or block.get("type") not in _CALL_BLOCKS
    ]
    return [text.strip() for text in found]


def _told(message: ToolMessage, name: str | None) -> HumanMessage:
    content = message.content if isinstance(message.content, list) else [message.content]
    text = "\n".join(filter(None, _texts(content)))
    others: list[Any] = [
        block
        for block in content
        if isinstance(block, dict) and "text" not in block and block.get("type") != "text"
    ]
    opening = f"{name}: " if name else ""
    if message.status == "error":
        opening += "this call failed. "
    told = f"<tool_response>\n{opening}{text}\n</tool_response>"
    return HumanMessage([{"type": "text", "text": told}, *others] if others else told)


def _joined(written: list[BaseMessage], message: HumanMessage) -> list[BaseMessage]:
    last = written[-1]
    if isinstance(last.content, str) and isinstance(message.content, str):
        content: Any = f"{last.content}\n{message.content}"
    else:
        content = [*_blocks(last.content), *_blocks(message.content)]
    return [*written[:-1], HumanMessage(content)]


def _blocks(content: str | list[Any]) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
