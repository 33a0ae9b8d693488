"""Tool calls of a real model, constrained by a grammar of the offered tools and a reply.

The schema, the prompt and the parsing are those of ``ChatVisionCraft(tool_calling="constrained")``:
small models call the right tool far more often this way than with their own templates.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from langchain_core.messages import convert_to_messages, convert_to_openai_messages

from langchain_visioncraft.chat_models.constrained import ConstrainedTools
from langchain_visioncraft.chat_models.prompted.calls import Call
from visioncraft_sandbox.chat import Chat, Reply
from visioncraft_sandbox.engines.language import LanguageModel


def answer(chat: Chat, model: LanguageModel) -> Reply:
    """Calls of the offered tools, or a reply in words.

    Raises:
        ValueError: If the conversation or a tool's schema cannot be read.
    """
    try:
        history = convert_to_messages([_readable(message) for message in chat.messages])
        # One call at a time: small models choose better this way.
        tools = ConstrainedTools.of({"tools": chat.tools, "tool_choice": chat.tool_choice}, history)
        messages, schema = convert_to_openai_messages(tools.messages(history)), tools.schema
    except (AttributeError, LookupError, TypeError, RuntimeError) as error:
        msg = f"its messages or tools cannot be written for a model: {error}"
        raise ValueError(msg) from error
    done = model.generate(messages, chat.sampling, schema=schema)
    reading = tools.reading(correct=False)
    pieces = [*reading.feed(done.text), *reading.finish(cut_off=done.finish_reason == "length")]
    text = "".join(piece for piece in pieces if isinstance(piece, str)).strip()
    calls = [_written(piece) for piece in pieces if isinstance(piece, Call) and piece.name]
    return Reply(
        text=None if calls and not text else text,
        engine=model.name,
        tool_calls=calls,
        finish_reason="tool_calls" if calls else done.finish_reason,
        prompt_tokens=done.prompt_tokens,
        completion_tokens=done.completion_tokens,
    )


def _readable(message: dict[str, Any]) -> dict[str, Any]:
    """The message in LangChain's form; arguments that are not JSON are shown as text."""
    if message["role"] == "tool":
        return {"tool_call_id": "", **message}
    calls = []
    for call in message.get("tool_calls") or ():
        function, arguments = call["function"], call["function"].get("arguments") or "{}"
        try:
            is_object = isinstance(json.loads(arguments), dict)
        except ValueError:
            is_object = False
        shown = arguments if is_object else json.dumps({"text": arguments})
        calls.append({"id": "", **call, "function": {**function, "arguments": shown}})
    return {**message, "tool_calls": calls} if calls else message


def _written(call: Call) -> dict[str, Any]:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    function = {"name": call.name, "arguments": arguments}
    return {"id": f"call_{secrets.token_hex(12)}", "type": "function", "function": function}
