"""Messages as ``POST /llm`` takes them: a role, a text, and for LLaVA one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, ChatMessage

from langchain_visioncraft.errors import InvalidRequestError

_ROLES = {"human": "user", "ai": "assistant", "system": "system"}


def body_of(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """The conversation as the document writes it.

    ```python
    from langchain_core.messages import HumanMessage

    from langchain_visioncraft.chat_models.legacy_messages import body_of

    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    text = {"type": "text", "text": "What is it?"}
    assert body_of([HumanMessage([text, image])]) == [
        {"role": "user", "content": "What is it?", "image": "iVBORw0KGgo="}
    ]
    ```

    Args:
        messages: With texts and ``image_url`` blocks only.

    Raises:
        InvalidRequestError: If a message holds several images, or is of a kind without a role.
    """
    return [_of_message(message) for message in messages]


def _of_message(message: BaseMessage) -> dict[str, Any]:
    role = message.role if isinstance(message, ChatMessage) else _ROLES.get(message.type)
    if role is None:
        msg = f"Nothing was sent: POST /llm has no messages of the kind {message.type!r}."
        raise InvalidRequestError(msg)
    if isinstance(message.content, str):
        return {"role": role, "content": message.content}
    texts, images = [], []
    for block in message.content:
        if isinstance(block, dict) and block.get("type") == "image_url":
            images.append(str(block["image_url"]["url"]))
        else:
            texts.append(block if isinstance(block, str) else str(block.get("text") or ""))
    if len(images) > 1:
        msg = (
            f"Nothing was sent: a message of POST /llm carries one image, this one has "
            f"{len(images)}. Send them in messages of their own, or use ChatVisionCraft."
        )
        raise InvalidRequestError(msg)
    body: dict[str, Any] = {"role": role, "content": "\n".join(filter(None, texts))}
    if images:
        # The document shows bare base64, or a link.
        is_data = images[0][:5].lower() == "data:"
        body["image"] = images[0].partition(",")[2] if is_data else images[0]
    return body


def cut_at(text: str, stop: Sequence[str] | None) -> str:
    """The text up to the first of these; all of it if none occurs.

    ```python
    from langchain_visioncraft.chat_models.legacy_messages import cut_at

    assert cut_at("one, two. three", [".", ","]) == "one"
    ```
    """
    places = [text.find(mark) for mark in stop or () if mark]
    return text[: min((place for place in places if place >= 0), default=len(text))]
