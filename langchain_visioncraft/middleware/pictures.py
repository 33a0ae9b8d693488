"""The pictures of a thread: moved from its messages into the store, and found by handle."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.messages import BaseMessage, ToolMessage

from langchain_visioncraft.chat_models.images import image_url_block, is_image
from langchain_visioncraft.errors import VisionCraftError
from langchain_visioncraft.media.handles import HANDLE
from langchain_visioncraft.media.inputs import is_data_url
from langchain_visioncraft.media.media import Media
from langchain_visioncraft.media.store import MediaStore

MessageT = TypeVar("MessageT", bound=BaseMessage)

_SPEAKERS = ("human", "tool")
_RECORDINGS = ("audio", "video", "file")
_MOST_NAMES = 200
"""How many names are looked up: the text that a tool returns may name any number."""


def without_bytes(message: MessageT, store: MediaStore) -> MessageT:
    """The same message with handles in place of media; the same object if there are none.

    Only messages of users and tools are checked. Links, and blocks that are not media, stay.
    """
    if isinstance(message.content, str) or message.type not in _SPEAKERS:
        return message
    maker = message.name if message.type == "tool" else "user"
    blocks: list[Any] = []
    for block in message.content:
        media = _medium_in(block, store) if isinstance(block, dict) else None
        if media is None:
            blocks.append(block)
        elif (kept := store.add(media, tool=maker)).handle not in _text_of(blocks):
            blocks.append({"type": "text", "text": kept.describe()})
    if blocks == message.content:
        return message
    return message.model_copy(update={"content": _plain(blocks)})


def newest(messages: Sequence[BaseMessage], store: MediaStore, most: int) -> dict[int, list[Media]]:
    """The newest pictures, ordered by the last message that names them, and within it."""
    found: dict[int, list[Media]] = {}
    seen: set[str] = set()
    for place in range(len(messages) - 1, -1, -1):
        for handle in reversed(_handles_in(messages[place])):
            if sum(map(len, found.values())) >= most or len(seen) >= _MOST_NAMES:
                return found
            if handle not in seen and (media := _picture(handle, store)):
                found.setdefault(place, []).insert(0, media)
            seen.add(handle)
    return found


def with_blocks(message: MessageT, blocks: Sequence[Mapping[str, Any]]) -> MessageT:
    """The same message, with more content."""
    before = [message.content] if isinstance(message.content, str) else message.content
    content = _plain([*(_block(each) for each in before if each), *blocks])
    return message.model_copy(update={"content": content})


def without_links(message: MessageT) -> MessageT:
    """The same message for a model that takes no images: links to images become text."""
    if isinstance(message.content, str):
        return message
    blocks = [
        {"type": "text", "text": f"[a picture: {_link_in(block)}]"}
        if isinstance(block, dict) and is_image(block)
        else block
        for block in message.content
    ]
    return message.model_copy(update={"content": blocks})


def _link_in(block: dict[str, Any]) -> str:
    try:
        url = str(image_url_block(block)["image_url"]["url"])
    except VisionCraftError:
        return "that cannot be read"
    return "" if is_data_url(url) else url


def _medium_in(block: dict[str, Any], store: MediaStore) -> Media | None:
    """The picture or recording that a block holds; ``None`` for links and anything else."""
    try:
        if is_image(block, store):
            url = str(image_url_block(block, store=store)["image_url"]["url"])
            data = url.partition(";base64,")[2] if is_data_url(url) else ""
        else:
            data = block.get("base64", "") if block.get("type") in _RECORDINGS else ""
        return Media.from_bytes(base64.b64decode(data)) if data and isinstance(data, str) else None
    except (VisionCraftError, ValueError):
        return None


def _block(part: Any) -> Any:
    return {"type": "text", "text": part} if isinstance(part, str) else part


def _plain(blocks: list[Any]) -> Any:
    """Content that is only text as a string, which every model takes."""
    texts = [_block(block).get("text") for block in blocks]
    return "\n".join(texts) if all(isinstance(text, str) for text in texts) else blocks


def _text_of(content: str | Sequence[Any]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(_block(block).get("text", "")) for block in content)


def _handles_in(message: BaseMessage) -> list[str]:
    """The handles that a user or a tool names, except in errors, which name examples."""
    if message.type not in _SPEAKERS:
        return []
    named = HANDLE.findall(_text_of(message.content))
    if isinstance(message, ToolMessage):
        if message.status == "error":
            return []
        with contextlib.suppress(ValueError):  # from another tool, and not a medium
            named += [media.handle for media in Media.from_artifact(message.artifact)]
    return list(dict.fromkeys(named))


def _picture(handle: str, store: MediaStore) -> Media | None:
    if handle not in store:  # from another store; `get` would list this one for its error
        return None
    try:
        media = store.get(handle)
    except VisionCraftError:  # damaged
        return None
    return media if media.mime_type.startswith("image/") else None
