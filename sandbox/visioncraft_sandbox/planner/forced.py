"""Forms: arguments with free text, which only a language model can write."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from visioncraft_sandbox.chat import Chat, plain_messages
from visioncraft_sandbox.engines.language import LanguageModel
from visioncraft_sandbox.engines.weights import EngineUnavailable
from visioncraft_sandbox.forms import form_instruction
from visioncraft_sandbox.planner.tools import Tool

_MAX_TOKENS = 768


def fill_by_model(chat: Chat, tool: Tool, writer: LanguageModel | None) -> dict[str, Any] | None:
    """Let the model write a tool's arguments as JSON that follows its schema.

    Returns:
        The arguments, or ``None`` if there is no model or it did not come to an end.
    """
    if writer is None or not tool.parameters:
        return None
    messages = [
        {"role": "system", "content": form_instruction(tool.schema, tool.description)},
        *plain_messages(message for message in chat.messages if message["role"] != "system"),
    ]
    sampling = replace(chat.sampling, max_tokens=_MAX_TOKENS, stop=())
    try:
        done = writer.generate(messages, sampling, schema=tool.schema)
        read = json.loads(done.text)
    except (ValueError, EngineUnavailable):
        return None
    return read if isinstance(read, dict) else None
