"""An estimate of the number of tokens, without a tokenizer and without the network.

The service offers many models with different tokenizers and does not count tokens itself. For
English prose the estimate is usually within a quarter of what Llama, Mistral and Qwen models
count; code and rare words take more tokens than it says. What an answer really took is in its
``usage_metadata``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

CHARS_PER_TOKEN = 4
"""Of ASCII text. Other characters count as one token each."""

TOKENS_PER_MESSAGE = 4
"""The role and the marks around a message."""

TOKENS_PER_IMAGE = 576
"""LLaVA 1.5 looks at 24 by 24 patches, whatever the size of the image."""


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text.

    ```python
    from langchain_visioncraft.chat_models.tokens import estimate_tokens

    assert estimate_tokens("The lighthouse stands in the storm.") == 9
    ```
    """
    ascii_characters = sum(character.isascii() for character in text)
    return math.ceil(ascii_characters / CHARS_PER_TOKEN) + len(text) - ascii_characters


def estimate_message_tokens(
    messages: Sequence[BaseMessage],
    tools: Sequence[dict[str, Any]] = (),
    count: Callable[[str], int] = estimate_tokens,
) -> int:
    """Estimate the tokens of a conversation.

    Args:
        messages: Of the conversation.
        tools: Their schemas.
        count: Counts the tokens of a text.
    """
    total = sum(count(json.dumps(tool)) for tool in tools)
    return total + sum(_of_message(message, count) for message in messages)


def _of_message(message: BaseMessage, count: Callable[[str], int]) -> int:
    total = TOKENS_PER_MESSAGE
    content = message.content if isinstance(message.content, list) else [message.content]
    for block in content:
        if isinstance(block, str):
            total += count(block)
        elif block.get("type") in ("image", "image_url") or "image_url" in block:
            total += TOKENS_PER_IMAGE
        else:
            total += count(str(block.get("text", "")))
    if isinstance(message, AIMessage):
        total += sum(count(call["name"] + json.dumps(call["args"])) for call in message.tool_calls)
    return total + (count(message.name) if message.name else 0)
