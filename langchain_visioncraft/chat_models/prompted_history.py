"""A conversation for a model that knows no tool messages: calls and results as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_visioncraft.chat_models.reading import NOT_VALID

_NEXT = (
    "Do not repeat what is done. If the query needs another function, call that now; otherwise "
    "answer the query in plain words."
)
_CALL_BLOCKS = frozenset({"tool_use", "tool_call", "tool_call_chunk", "function_call"})


@dataclass(frozen=True)
class Done:
    """A call with its result.

    Attributes:
        name: Of the function.
        arguments: What it was called with.
        text: What it gave, or why it failed.
        failed: Whether it failed.
        others: Blocks of the result that are no text, such as pictures.
    """

    name: str
    arguments: Mapping[str, Any]
    text: str
    failed: bool
    others: Sequence[Any] = field(repr=False)


def call_text(name: str, arguments: Mapping[str, Any]) -> str:
    """A call as models are told to write it."""
    body = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False, default=str)
    return f"<tool_call>\n{body}\n</tool_call>"


def as_text(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Write earlier tool calls and their results as text.

    What was done since the user spoke last is told in one message of the user, with the request:
    small models take a call in the conversation for something to be written again. Before that,
    calls become Hermes ``<tool_call>`` tags in what the assistant said, and results
    ``<tool_response>`` tags in what the user says, as Qwen's and Hermes's own templates do.
    Messages of one side that follow each other because of that are joined: many templates want
    the sides to take turns. Pictures in results stay pictures. Other messages stay as they are.

    ```python
    from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

    from langchain_visioncraft.chat_models.prompted_history import as_text

    call = {"name": "draw", "args": {"prompt": "a cat"}, "id": "1"}
    result = ToolMessage("a1b2c3d4e5f6.png", tool_call_id="1")
    [told] = as_text([HumanMessage("Draw a cat."), AIMessage("", tool_calls=[call]), result])
    assert told.text.startswith("Draw a cat.") and "a1b2c3d4e5f6.png" in told.text
    ```
    """
    if messages and isinstance(messages[-1], ToolMessage):
        start = start_of_turn(messages)
        if start is not None:
            return [*earlier(messages[:start]), _told_again(messages[start:])]
    return earlier(messages)


def answered(messages: Sequence[BaseMessage]) -> dict[str, str]:
    """The calls since the user spoke last that were answered, with what they gave.

    Calls are in the form of `key_of`; those that failed do not count: they may be tried again.
    """
    done = done_in(messages[start_of_turn(messages) or 0 :])
    return {key_of(each.name, each.arguments): each.text for each in done if not each.failed}


def key_of(name: str, arguments: Mapping[str, Any]) -> str:
    """Two calls are the same if this is."""
    return json.dumps([name, arguments], sort_keys=True, default=str)


def start_of_turn(messages: Sequence[BaseMessage]) -> int | None:
    """Where the user spoke last."""
    people = [n for n, message in enumerate(messages) if isinstance(message, HumanMessage)]
    return people[-1] if people else None


def done_in(turn: Sequence[BaseMessage]) -> list[Done]:
    """The calls that have a result."""
    calls = {
        call["id"]: call
        for message in turn
        if isinstance(message, AIMessage)
        for call in message.tool_calls
    }
    done = []
    for message in turn:
        if isinstance(message, ToolMessage):
            call = calls.get(message.tool_call_id)
            name = message.name or (call["name"] if call else "a function")
            text, others = _parts(message)
            arguments = call["args"] if call else {}
            done.append(Done(name, arguments, text, message.status == "error", others))
    return done


def _told_again(turn: Sequence[BaseMessage]) -> HumanMessage:
    """The request, what was done for it, and what to do next."""
    lines: list[str] = []
    pictures: list[Any] = []
    for each in done_in(turn):
        written = json.dumps(each.arguments, ensure_ascii=False, default=str)
        verb = "failed" if each.failed else "gave"
        lines.append(f"- {each.name} with {written} {verb}: {each.text}")
        pictures += each.others
    text = "\n".join(["\n\nDone so far:", *lines, f"\n{_NEXT}"])
    told: Any = [{"type": "text", "text": text}, *pictures] if pictures else text
    content = turn[0].content
    if isinstance(content, str) and isinstance(told, str):
        return HumanMessage(content + told)
    return HumanMessage([*blocks_of(content), *blocks_of(told)])


def earlier(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """A conversation with Hermes tags instead of tool calls and their results."""
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


def with_reminder(messages: Sequence[BaseMessage], text: str) -> list[BaseMessage]:
    """The conversation with this text at the end of what the user said last."""
    if messages and isinstance(messages[-1], HumanMessage):
        return _joined(list(messages), HumanMessage(f"\n{text}"))
    return [*messages, HumanMessage(text)]


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
    text, others = _parts(message)
    opening = f"{name}: " if name else ""
    if message.status == "error":
        opening += "this call failed. "
    told = f"<tool_response>\n{opening}{text}\n</tool_response>"
    return HumanMessage([{"type": "text", "text": told}, *others] if others else told)


def _parts(message: ToolMessage) -> tuple[str, list[Any]]:
    """The text of a result, and its other blocks."""
    content = message.content if isinstance(message.content, list) else [message.content]
    others: list[Any] = [
        block
        for block in content
        if isinstance(block, dict) and "text" not in block and block.get("type") != "text"
    ]
    return "\n".join(filter(None, _texts(content))), others


def _joined(written: list[BaseMessage], message: HumanMessage) -> list[BaseMessage]:
    last = written[-1]
    if isinstance(last.content, str) and isinstance(message.content, str):
        content: Any = f"{last.content}\n{message.content}"
    else:
        content = [*blocks_of(last.content), *blocks_of(message.content)]
    return [*written[:-1], HumanMessage(content)]


def blocks_of(content: str | list[Any]) -> list[Any]:
    """Content as a list of blocks."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
