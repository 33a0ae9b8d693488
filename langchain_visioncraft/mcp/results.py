"""What a tool gave, as the protocol's content: text, pictures that can be seen, links."""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import pybase64
from langchain_core.documents.base import Blob
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.mcp.outputs import makes_media, structured_media
from langchain_visioncraft.mcp.resources import described
from langchain_visioncraft.media import Media

ContentTypes: TypeAlias = Literal["text", "pictures", "full"]
"""What a result shows: the line of text; the pictures as well; links to the media, too."""

_SEEN_BY_MODELS = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_MOST_PIXELS = 100_000_000
_SMALLEST_SIDE = 16


def failed(text: str) -> dict[str, Any]:
    """A tool error: a result that tells the model what was wrong."""
    return {"content": [{"type": "text", "text": text}], "isError": True}


def result_of(
    tool: BaseTool, message: ToolMessage, *, content: ContentTypes, picture_bytes: int
) -> dict[str, Any]:
    """The result of a call.

    Args:
        tool: What was called.
        message: What it gave.
        content: What is shown.
        picture_bytes: Bytes that all its pictures together may have.
    """
    if message.status == "error":
        return failed(message.text)
    blocks: list[dict[str, Any]] = [{"type": "text", "text": message.text}]
    if not makes_media(tool):
        return {"content": blocks, "structuredContent": message.artifact}
    media = Media.from_artifact(message.artifact)
    pictures = [each for each in media if each.mime_type.startswith("image/")]
    if content != "text":
        shown = [picture_content(each, picture_bytes // len(pictures)) for each in pictures]
        blocks += [each for each in shown if each is not None]
    if content == "full":
        blocks += [{"type": "resource_link", **described(each)} for each in media]
    return {"content": blocks, "structuredContent": structured_media(media)}


def picture_content(media: Media, most: int) -> dict[str, Any] | None:
    """A picture as image content of at most so many bytes, made smaller if it has more.

    Of a GIF that is too large the first frame is shown. ``None`` if it cannot be decoded here.
    """
    data, mime = media.read(), media.mime_type
    if len(data) > most or mime not in _SEEN_BY_MODELS:
        try:
            data, mime = _smaller(data, media, most)
        except MediaInputError:
            return None
    return {"type": "image", "data": pybase64.b64encode_as_string(data), "mimeType": mime}


def _smaller(data: bytes, media: Media, most: int) -> tuple[bytes, str]:
    """Encoded anew as JPEG, or PNG where it is transparent, and scaled down until it fits."""
    # Only now: both take time to import, and a client waits for the server to start.
    from langchain_visioncraft.document_loaders.blobs import Facts  # noqa: PLC0415
    from langchain_visioncraft.document_loaders.pictures import prepare  # noqa: PLC0415

    blob = Blob.from_data(data, mime_type=media.mime_type)
    facts = Facts(media.handle, media.mime_type, media.sha256, media.size)
    side = max(media.width or 0, media.height or 0) or None
    while True:
        ready = prepare(blob, facts, 0, max_side=side, max_pixels=_MOST_PIXELS, as_it_is=False)
        if len(ready) <= most:
            return ready, "image/jpeg" if ready.startswith(b"\xff\xd8") else "image/png"
        if side is None or side <= _SMALLEST_SIDE:
            raise MediaInputError(f"{media.handle} cannot be made as small as {most} bytes.")
        # Bytes go with the area; a little less, because small pictures compress less well.
        side = max(_SMALLEST_SIDE, int(side * min(0.9, 0.95 * math.sqrt(most / len(ready)))))
