"""Checks the content of messages: text, and images for models that take them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pybase64
from langchain_core.messages import BaseMessage

from langchain_visioncraft.chat_models.profiles import takes_images
from langchain_visioncraft.errors import InvalidRequestError, MediaInputError
from langchain_visioncraft.media.inputs import MediaSource, is_data_url, is_link, parse_source
from langchain_visioncraft.media.inspection import is_plain, media_info, type_of
from langchain_visioncraft.media.scaling import scaled
from langchain_visioncraft.media.sniff import EXTENSIONS, kind_of
from langchain_visioncraft.media.store import MediaStore

_REFUSED = {
    **dict.fromkeys(("audio", "input_audio", "audio_url"), "audio"),
    **dict.fromkeys(("video", "input_video", "video_url"), "video"),
    **dict.fromkeys(("file", "input_file", "file_url", "media", "text-plain"), "file"),
    **dict.fromkeys(("document", "document_url"), "document"),
    **dict.fromkeys(("text", "input_text", "output_text"), "empty text"),
}
_IMAGES = ("image", "image_url", "input_image")
_FILES = ("file", "input_file", "media", "document")
"""Kinds of blocks whose MIME type says what they hold."""
_TEXTS = (None, "text", "input_text", "output_text", "text-plain")
_OF_OTHERS = ("reasoning", "thinking", "redacted_thinking", "reasoning_content")
"""Blocks of reasoning, which are not sent to any model."""
_IN_CODE = ("image", "media", "path", "file", "bytes", "file_id", "id")
"""Keys under which code may put a `Path`, a `Media`, its artifact, bytes or a handle."""


def prepare_messages(
    messages: Sequence[BaseMessage],
    model: str,
    vision: bool | None,
    store: MediaStore | None,
    *,
    max_side: int | None,
) -> list[BaseMessage]:
    """Bring every image to the one form that the service documents, OpenAI's ``image_url``.

    The messages that were passed in stay as they are.

    Images may be OpenAI's ``image_url`` blocks, LangChain's of all versions (``base64``, ``url``,
    ``file_id``, ``source_type``), file blocks, Anthropic's, `Media.block()`, and
    ``{"type": "image", "image": …}`` with a `Path`, a `Media`, bytes or a handle.

    Raises:
        InvalidRequestError: If there is an image for a model that takes none, or audio, video or
            a document.
        MediaInputError: If an image cannot be used.
    """

    def sent(block: dict[Any, Any]) -> dict[Any, Any]:
        if not is_image(block, store):
            return _without_images(block)
        if takes_images(model, vision):
            return image_url_block(block, store=store, max_side=max_side)
        msg = (
            f"Nothing was sent: the model {model!r} takes no images. Use a vision model such as "
            "'llava-1.5-7b-hf', or pass vision=True if this one does."
        )
        raise InvalidRequestError(msg)

    return [each if isinstance(each.content, str) else _prepare(each, sent) for each in messages]


def _prepare(message: BaseMessage, sent: Callable[[dict[Any, Any]], Any]) -> BaseMessage:
    given = ({"text": each} if isinstance(each, str) else each for each in message.content)
    content: Any = [block for block in map(sent, given) if block.get("type") not in _OF_OTHERS]
    if message.type != "human" and all(block.get("type") == "text" for block in content):
        # Templates accept lists as content only in user messages, if at all.
        between = "" if message.type == "ai" else "\n"
        content = between.join(block["text"] for block in content)
    return message.model_copy(update={"content": content})


def _without_images(block: dict[Any, Any]) -> dict[Any, Any]:
    kind = block.get("type")
    if kind in _TEXTS and isinstance(block.get("text"), str):
        return block if kind == "text" else {"type": "text", "text": block["text"]}
    if not isinstance(kind, str) or kind in _REFUSED:
        msg = (
            f"Nothing was sent: chat models take text, and vision models images, but no "
            f"{_REFUSED.get(str(kind), 'other')} blocks. Send text instead: a "
            "transcript (VisionCraftTranscribe), or the text of the document."
        )
        raise InvalidRequestError(msg)
    return block


def is_image(block: Mapping[Any, Any], store: MediaStore | None = None) -> bool:
    """Whether a content block holds an image, in the form of any API."""
    kind = block.get("type")
    if kind in _IMAGES or (kind is None and {"image_url", "image"} & block.keys()):
        return True
    if kind not in (*_FILES, None):
        return False
    held = _held(block)
    mime = str(held.get("mime_type") or held.get("media_type") or held.get("mimeType") or "")
    handle = block.get("file_id") or block.get("id")
    if not mime and store is not None and isinstance(handle, str) and handle in store:
        mime = store.get(handle).mime_type
    return kind_of(mime) == "image"


def _held(block: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The part of a block that describes its content: itself, or (Anthropic, …) a nested object."""
    image = block.get("image")
    of_image = image if isinstance(image, Mapping) and "source" in image else block
    parts = (of_image.get(name) for name in ("source", "inline_data", "inlineData"))
    return next((part for part in parts if isinstance(part, Mapping)), block)


def image_url_block(
    block: Mapping[Any, Any], *, store: MediaStore | None = None, max_side: int | None = None
) -> dict[str, Any]:
    """An image block of any form as OpenAI's ``{"type": "image_url", "image_url": {"url": …}}``.

    Images with a side of more than `max_side` pixels are scaled down, which needs Pillow.

    Raises:
        MediaInputError: If it holds no image, or not in a form that can be sent.
    """
    image = block.get("image_url")
    if image is not None:
        image = dict(image) if isinstance(image, Mapping) else {"url": image}
        url = _url_of(_source_of(image.get("url"), store), max_side)
        return {"type": "image_url", "image_url": {**image, "url": url}}
    url = _url_of(_found(_held(block), store), max_side)
    return {"type": "image_url", "image_url": {"url": url}}


def _found(source: Mapping[Any, Any], store: MediaStore | None) -> MediaSource:
    data = source.get("base64") or source.get("data")
    if isinstance(data, bytes) and data.isascii():
        data = data.decode()
    if isinstance(data, str) and data and not is_data_url(data):
        return MediaSource("This image block", text=data)
    given = next((source[key] for key in _IN_CODE if source.get(key)), None)
    return _source_of(source.get("url") or source.get("file_uri") or data or given, store)


def _source_of(value: Any, store: MediaStore | None) -> MediaSource:
    """The source of an image from code; a text is a link, a data URL, or a handle of the store."""
    if isinstance(value, str):
        value = value.strip()
        if is_link(value) or is_data_url(value):
            return parse_source(value)
        if store is None or value not in store:
            raise _unusable(value, store)
        value = store.get(value)
    elif isinstance(value, Mapping) and "handle" in value and store is not None:
        value = store.get(str(value["handle"]))  # its location is not trusted
    elif value is None or isinstance(value, Mapping):
        raise _unusable(value, store)
    return parse_source(value)


def _url_of(source: MediaSource, max_side: int | None) -> str:
    """A link unchanged, bytes as a data URL with complete base64 and their actual type."""
    if source.url is not None:
        return source.url
    with source.open() as file:
        data = file.read()
    # The bytes decide, not the type that was declared.
    mime = type_of(data)
    if not mime or kind_of(mime) != "image" or mime not in EXTENSIONS:
        msg = f"{source.label} is {mime or 'unknown data'}, which cannot be sent as an image."
        raise MediaInputError(msg)
    if max_side is not None:
        file = io.BytesIO(data)
        info = media_info(file, mime)
        large = max(info.width or max_side + 1, info.height or 0) > max_side
        if large or not is_plain(file, mime):
            data, mime, _ = scaled(data, max_side, keep_format=True)
    return f"data:{mime};base64,{pybase64.b64encode_as_string(data)}"


def _unusable(value: Any, store: MediaStore | None) -> MediaInputError:
    shown = repr(value[:60]) if isinstance(value, str) else "without one"
    where = "none of its store" if store is not None else "handles need ChatVisionCraft(store=…)"
    return MediaInputError(
        f"This image block cannot be sent: its URL must be http(s) or a data URL, but is {shown} "
        f"({where}). For a file on this machine use pathlib.Path or Media.from_path(path).block()."
    )
