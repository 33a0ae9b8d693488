"""What a message may hold: text, and images for the models that take them (LLaVA)."""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import pybase64
from langchain_core.messages import BaseMessage

from langchain_visioncraft.errors import InvalidRequestError, MediaInputError
from langchain_visioncraft.media.inputs import is_link
from langchain_visioncraft.media.sniff import HEAD_BYTES, kind_of, sniff

VISION_MODELS = ("llava-1.5-7b-hf",)
"""The models of the document of 2024-09 that take images."""

_REFUSED = {
    "audio": "audio",
    "input_audio": "audio",
    "video": "video",
    "video_url": "video",
    "file": "file",
    "input_file": "file",
    "document": "document",
}
_SNIFFED_DIGITS = HEAD_BYTES * 4 // 3 // 4 * 4


def takes_images(model: str, vision: bool | None = None) -> bool:
    """Whether this model takes images: as told, otherwise if it is called a LLaVA."""
    return "llava" in model.lower() if vision is None else vision


def prepare_messages(
    messages: Sequence[BaseMessage], *, model: str, vision: bool | None = None
) -> list[BaseMessage]:
    """Bring every image to the one form that the service documents, OpenAI's ``image_url``.

    The messages that were passed in stay as they are.

    Args:
        messages: May hold OpenAI's ``image_url`` blocks, LangChain's image blocks of today and of
            before (``base64``, ``url``, ``source_type``), Anthropic's, and `Media.block()`.
        model: For which model.
        vision: Whether it takes images; ``None`` decides by its name.

    Raises:
        InvalidRequestError: If there is an image for a model that takes none, or audio, video or
            a document.
        MediaInputError: If an image cannot be used.
    """
    return [_prepare(message, model, takes_images(model, vision)) for message in messages]


def _prepare(message: BaseMessage, model: str, seeing: bool) -> BaseMessage:
    if isinstance(message.content, str):
        return message
    content = [
        _prepare_block(block, model, seeing) if isinstance(block, dict) else block
        for block in message.content
    ]
    if content == message.content:
        return message
    return message.model_copy(update={"content": content})


def _prepare_block(block: dict[Any, Any], model: str, seeing: bool) -> dict[Any, Any]:
    kind = block.get("type") or ("image_url" if "image_url" in block else None)
    if kind in ("image", "image_url"):
        if not seeing:
            msg = (
                f"Nothing was sent: the model {model!r} takes no images. Use a LLaVA model such as "
                f"{VISION_MODELS[0]!r}, or vision=True if this one does."
            )
            raise InvalidRequestError(msg)
        return image_url_block(block)
    if kind == "text-plain" and isinstance(block.get("text"), str):
        return {"type": "text", "text": block["text"]}
    if kind in _REFUSED or kind == "text-plain":
        msg = (
            f"Nothing was sent: chat models of VisionCraft take text, and images if they are LLaVA "
            f"models, but no {_REFUSED.get(kind, 'file')} blocks. Pass on the text instead: a "
            "transcript (VisionCraftTranscribe), or the text of the document."
        )
        raise InvalidRequestError(msg)
    return block


def image_url_block(block: Mapping[Any, Any]) -> dict[str, Any]:
    """An image block of any form as OpenAI's ``{"type": "image_url", "image_url": {"url": …}}``.

    ```python
    from langchain_visioncraft.chat_models.images import image_url_block

    block = image_url_block({"type": "image", "url": "https://example.com/cat.png"})
    assert block["image_url"] == {"url": "https://example.com/cat.png"}
    ```

    Raises:
        MediaInputError: If it holds no image, or not in a form that can be sent.
    """
    image = block.get("image_url")
    if image is not None:
        image = {"url": image} if isinstance(image, str) else dict(image)
        return {"type": "image_url", "image_url": {**image, "url": _checked(image.get("url"))}}
    source = block.get("source")
    if not isinstance(source, Mapping):
        source = block
    data = source.get("base64") or source.get("data")
    url = _data_url(data, source) if data else _checked(source.get("url"))
    return {"type": "image_url", "image_url": {"url": url}}


def _checked(url: Any) -> str:
    if isinstance(url, str) and (is_link(url) or url[:5].lower() == "data:"):
        return url
    shown = repr(url[:60]) if isinstance(url, str) else "without one"
    msg = (
        f"This image block cannot be sent: its URL must be http(s) or a data URL, but is {shown}. "
        "For a file on this machine use Media.from_path(path).block()."
    )
    raise MediaInputError(msg)


def _data_url(data: Any, source: Mapping[Any, Any]) -> str:
    text = data.decode("ascii", "replace") if isinstance(data, bytes) else str(data)
    if text[:5].lower() == "data:":
        return text
    try:
        head = pybase64.b64decode("".join(text[: 2 * _SNIFFED_DIGITS].split())[:_SNIFFED_DIGITS])
    except (binascii.Error, ValueError) as error:
        msg = "This image block holds no valid base64."
        raise MediaInputError(msg) from error
    # The bytes know better than what was said of them; what they do not tell may be said.
    found = sniff(head)
    said = source.get("mime_type") or source.get("media_type")
    mime = found if found and kind_of(found) == "image" else said
    if not mime or kind_of(mime) != "image":
        msg = f"This image block holds {found or said or 'unknown data'}, which is no image."
        raise MediaInputError(msg)
    return f"data:{mime};base64,{text}"
