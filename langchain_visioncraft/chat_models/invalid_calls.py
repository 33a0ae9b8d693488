"""Invalid tool calls of earlier answers, as they can be sent back.

Hosts parse the arguments of every call that they get (vLLM and llama.cpp refuse text that is no
JSON), and many refuse a call that no result follows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage


def without_invalid_calls(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The conversation with invalid calls as valid ones if they have a result, else as text."""
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
    """The arguments, if they can be read: the result says what was wrong with them."""
    try:
        read = json.loads(text.removeprefix("<tool_call>").removesuffix("</tool_call>"))
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
