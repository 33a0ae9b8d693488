"""A conversation in the form to send: calls and results as text if there are no native tools."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    merge_content,
)

from langchain_visioncraft._json import decoded
from langchain_visioncraft.chat_models.prompted.formats import written_call

_NEXT = (
    "Do not repeat what is done. If the query needs another function, call that now; otherwise "
    "answer the query in plain words."
)
_CALL_BLOCKS = ("tool_use", "tool_call", "tool_call_chunk", "function_call")


class Done(NamedTuple):
    """A call with its result: text, and other blocks, such as pictures."""

    name: str
    arguments: Mapping[str, Any]
    text: str
    others: Sequence[Any]
    failed: bool

    def __str__(self) -> str:
        written = json.dumps(self.arguments, ensure_ascii=False, default=str)
        return f"- {self.name} with {written} {'failed' if self.failed else 'gave'}: {self.text}"


def as_text(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Write earlier tool calls and their results as text.

    Calls since the user's last message are described in that message, because small models repeat
    calls that they see in the conversation. Earlier calls become Hermes ``<tool_call>`` tags in the
    assistant's messages, and their results ``<tool_response>`` tags in the user's, as in Qwen's and
    Hermes's own templates. Consecutive messages of one role are joined: many templates require the
    roles to alternate. Pictures in results stay pictures. Other messages do not change.
    """
    start = _start_of_turn(messages)
    if start is None or not isinstance(messages[-1], ToolMessage):
        return _earlier(messages)
    done = _done_in(messages[start:])
    text = "\n".join(["\n\nDone so far:", *map(str, done), f"\n{_NEXT}"])
    pictures = [block for each in done for block in each.others]
    told = [each for each in messages[start:] if isinstance(each, SystemMessage)]
    request = _joined(messages[start], _human(text, pictures), "")
    return [*_earlier(messages[:start]), *told, request]


def _start_of_turn(messages: Sequence[BaseMessage]) -> int | None:
    """The place of the user's last message."""
    people = [n for n, message in enumerate(messages) if isinstance(message, HumanMessage)]
    return people[-1] if people else None


def _done_in(turn: Sequence[BaseMessage]) -> list[Done]:
    spoken = [message for message in turn if isinstance(message, AIMessage)]
    calls: dict[Any, Any] = {call["id"]: call for each in spoken for call in each.tool_calls}
    done = []
    for message in turn:
        if isinstance(message, ToolMessage):
            call = calls.get(message.tool_call_id) or {"name": "a function", "args": {}}
            name, failed = message.name or call["name"], message.status == "error"
            done.append(Done(name, call["args"], *_parts(message), failed))
    return done


def answered(messages: Sequence[BaseMessage]) -> set[str]:
    """The calls since the user's last message that have a result, in the form of `key_of`.

    Failed calls do not count: they may be tried again.
    """
    done = _done_in(messages[_start_of_turn(messages) or 0 :])
    return {key_of(each.name, each.arguments) for each in done if not each.failed}


def key_of(name: str | None, arguments: Mapping[str, Any]) -> str:
    """A key that is equal for equal calls."""
    return json.dumps([name, arguments], sort_keys=True, default=str)


def _earlier(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """A conversation with Hermes tags instead of tool calls and their results."""
    names: dict[str | None, str] = {}
    written: list[BaseMessage] = []
    joins = False
    for message in messages:
        now: BaseMessage = message
        if isinstance(message, AIMessage):
            names |= {call["id"]: call["name"] for call in message.tool_calls}
            now = _with_calls(message)
        elif isinstance(message, ToolMessage):
            now = _result(message, message.name or names.get(message.tool_call_id))
        if joins and isinstance(now, HumanMessage):
            written[-1] = _joined(written[-1], now)
        else:
            written.append(now)
            joins = isinstance(message, ToolMessage)
    return written


def with_instructions(messages: Sequence[BaseMessage], text: str) -> list[BaseMessage]:
    """The conversation with this text at the end of its system message."""
    if not messages or not isinstance(messages[0], SystemMessage):
        return [SystemMessage(text), *messages]
    first = messages[0]
    content = merge_content(first.content, f"\n\n{text}") if first.content else text
    return [first.model_copy(update={"content": content}), *messages[1:]]


def with_reminder(messages: Sequence[BaseMessage], text: str) -> list[BaseMessage]:
    """The conversation with this text at the end of the user's last message."""
    if messages and isinstance(messages[-1], HumanMessage):
        return [*messages[:-1], _joined(messages[-1], HumanMessage(f"\n{text}"))]
    return [*messages, HumanMessage(text)]


def _human(text: str, others: Sequence[Any] = ()) -> HumanMessage:
    return HumanMessage([{"type": "text", "text": text}, *others] if others else text)


def _joined(first: BaseMessage, second: BaseMessage, between: str = "\n") -> HumanMessage:
    are_texts = isinstance(first.content, str) and isinstance(second.content, str)
    content = merge_content(first.content, between if are_texts else "", second.content)
    return HumanMessage(content)


def _with_calls(message: AIMessage) -> AIMessage:
    if not message.tool_calls and not message.invalid_tool_calls:
        return message
    parts = _texts(message)
    parts += [written_call(call["name"], call["args"]) for call in message.tool_calls]
    parts += [call["args"] or "" for call in message.invalid_tool_calls]
    return AIMessage("\n".join(filter(None, parts)), name=message.name)


def _result(message: ToolMessage, name: str | None) -> HumanMessage:
    text, others = _parts(message)
    opening = f"{name}: " if name else ""
    failed = "this call failed. " if message.status == "error" else ""
    return _human(f"<tool_response>\n{opening}{failed}{text}\n</tool_response>", others)


def _parts(message: ToolMessage) -> tuple[str, list[Any]]:
    """The text of a result, and its other blocks."""
    others: list[Any] = [
        block
        for block in message.content
        if isinstance(block, dict) and "text" not in block and block.get("type") != "text"
    ]
    return "\n".join(filter(None, _texts(message))), others


def _texts(message: BaseMessage) -> list[str]:
    """The texts alone: blocks of calls repeat `tool_calls`."""
    content = message.content if isinstance(message.content, list) else [message.content]
    found = [
        block if isinstance(block, str) else str(block.get("text") or "")
        for block in content
        if isinstance(block, str) or block.get("type") not in _CALL_BLOCKS
    ]
    return [text.strip() for text in found]


# ---- for hosts that take calls -------------------------------------------------------------------


def without_invalid_calls(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The conversation with invalid calls as valid ones if they have a result, else as text.

    Hosts parse the arguments of every call that they get (vLLM and llama.cpp refuse text that is
    not JSON), and many refuse a call without a result.
    """
    answered = {each.tool_call_id for each in messages if isinstance(each, ToolMessage)}
    return [
        _with_valid_calls(each, answered)
        if isinstance(each, AIMessage) and each.invalid_tool_calls
        else each
        for each in messages
    ]


def _with_valid_calls(message: AIMessage, answered: set[str]) -> AIMessage:
    calls: list[Any] = list(message.tool_calls)
    texts = []
    for call in message.invalid_tool_calls:
        text = call["args"] or ""
        if call["id"] in answered:
            arguments = {"name": call["name"] or "unknown", "args": _object_in(text)}
            calls.append({"type": "tool_call", "id": call["id"], **arguments})
        else:
            texts.append(text)
    said = message.content or "\n".join(texts)
    update = {"tool_calls": calls, "invalid_tool_calls": [], "content": said}
    return message.model_copy(update=update)


def _object_in(text: str) -> dict[str, Any]:
    """The arguments, if they can be parsed: the result says what was wrong with them."""
    try:
        read = decoded(text.removeprefix("<tool_call>").removesuffix("</tool_call>"))
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
