"""Converts a tool's result to the protocol's content: text, visible pictures, links, JSON."""

from __future__ import annotations

import io
import math
from typing import Annotated, Any, Literal, TypeAlias

import pybase64
from fastmcp.tools import ToolResult
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool
from mcp import types
from pydantic import BaseModel, Field, create_model

from langchain_visioncraft.client import Transcript
from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.mcp.resources import described, uri_of
from langchain_visioncraft.media import Media
from langchain_visioncraft.media.inspection import is_plain, media_info
from langchain_visioncraft.media.scaling import scaled
from langchain_visioncraft.tools import (
    VisionCraftCaption,
    VisionCraftCatalog,
    VisionCraftLimits,
    VisionCraftTranscribe,
)

ContentTypes: TypeAlias = Literal["text", "pictures", "full"]
"""The content of results: text with the handle and address of each medium; also the pictures; or
also links to the media."""

_SEEN_BY_MODELS = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_MOST_PIXELS = 100_000_000
_SMALLEST_SIDE = 16
LONGEST_SIDE = 1024
"""Pixels of a picture that is shown. Vision models see little more, and pay for more."""


class Medium(BaseModel):
    """A picture, GIF or video that a tool made, without its path on this machine."""

    handle: str = Field(description="What other tools take as `image`.")
    uri: str = Field(description="The resource that holds its bytes.")
    mime_type: str
    size: int = Field(description="Bytes.")
    width: int | None = Field(default=None, description="Pixels.")
    height: int | None = Field(default=None, description="Pixels.")
    duration: float | None = Field(default=None, description="Seconds, of videos.")


_SOURCE = Annotated[str, Field(description="The handle or address of what was looked at.")]
_MADE = create_model("Made", media=list[Medium])
_OUTPUTS: dict[type[BaseTool], type[BaseModel] | None] = {
    VisionCraftCaption: create_model("Caption", caption=str, prompt=str, source=_SOURCE, model=str),
    VisionCraftCatalog: create_model("Catalog", family=str, kind=str, names=list[str]),
    VisionCraftLimits: None,  # tiers and their limits, as the host names them
    VisionCraftTranscribe: create_model("Transcript", __base__=Transcript, source=_SOURCE),
}
"""The results of tools that make no media."""


def makes_media(tool: BaseTool) -> bool:
    """Whether the results of a tool are files in the store."""
    return type(tool) not in _OUTPUTS


def output_schema(tool: BaseTool) -> dict[str, Any] | None:
    """The JSON schema of a tool's structured result; ``None`` if it has no fixed form."""
    model = _OUTPUTS.get(type(tool), _MADE)
    return model.model_json_schema(mode="serialization") if model else None


def result_of(
    tool: BaseTool, message: ToolMessage, *, content: ContentTypes, picture_bytes: int
) -> ToolResult:
    """The result for the client; all pictures together have at most `picture_bytes`."""
    if message.status == "error":
        return ToolResult(message.text, is_error=True)
    if not makes_media(tool):
        return ToolResult([types.TextContent(text=message.text)], message.artifact)
    media = Media.from_artifact(message.artifact)
    # As text: agents turn a link into a block that only some chat models take.
    text = "\n".join((message.text, *(uri_of(each.handle) for each in media)))
    blocks: list[types.ContentBlock] = [types.TextContent(text=text)]
    pictures = [each for each in media if each.mime_type.startswith("image/")]
    if content != "text":
        shown = [picture_content(each, picture_bytes // len(pictures)) for each in pictures]
        blocks += [each for each in shown if each is not None]
    if content == "full":
        blocks += [types.ResourceLink(**described(each)) for each in media]
    told = [Medium(uri=uri_of(each.handle), **each.model_dump()) for each in media]
    return ToolResult(blocks, {"media": [each.model_dump(exclude_none=True) for each in told]})


def picture_content(media: Media, most: int) -> types.ImageContent | None:
    """A picture as image content, limited in bytes and to `LONGEST_SIDE` pixels a side.

    A larger picture is scaled down; of a GIF, the first frame is then shown. ``None`` if it cannot
    be decoded here.
    """
    data, mime = media.read(), media.mime_type
    info = media_info(io.BytesIO(data), mime)
    small = max(info.width or 0, info.height or 0) <= LONGEST_SIDE and len(data) <= most
    if not (small and mime in _SEEN_BY_MODELS and is_plain(io.BytesIO(data), mime)):
        try:
            data, mime = _smaller(media, most)
        except MediaInputError:
            return None
    return types.ImageContent(data=pybase64.b64encode_as_string(data), mime_type=mime)


def _smaller(media: Media, most: int) -> tuple[bytes, str]:
    """The picture as JPEG, or as PNG if it has transparency, scaled down until it fits."""
    side = LONGEST_SIDE
    while True:
        ready, mime, _ = scaled(
            media, side, max_pixels=_MOST_PIXELS, name=media.handle, always_encode=True
        )
        if len(ready) <= most:
            return ready, mime
        info = media_info(io.BytesIO(ready), mime)
        side = min(side, max(info.width or 0, info.height or 0))
        if side <= _SMALLEST_SIDE:
            raise MediaInputError(f"{media.handle} cannot be made as small as {most} bytes.")
        # Bytes grow with the area; aim a little lower, because small pictures compress less well.
        side = max(_SMALLEST_SIDE, int(side * min(0.9, 0.95 * math.sqrt(most / len(ready)))))
