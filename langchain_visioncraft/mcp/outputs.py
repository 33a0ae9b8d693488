"""The structured results of the tools, as models, so that clients get their schemas."""

from __future__ import annotations

from typing import Any

from langchain_core.tools import BaseTool
from pydantic import BaseModel, Field

from langchain_visioncraft.client import Transcript
from langchain_visioncraft.mcp.resources import uri_of
from langchain_visioncraft.media import Media
from langchain_visioncraft.tools import (
    VisionCraftCaption,
    VisionCraftCatalog,
    VisionCraftLimits,
    VisionCraftTranscribe,
)


class Medium(BaseModel):
    """A picture, GIF or video that a tool made."""

    handle: str = Field(description="What other tools take as `image`.")
    uri: str = Field(description="The resource that holds its bytes.")
    mime_type: str
    size: int = Field(description="Bytes.")
    width: int | None = Field(None, description="Pixels.")
    height: int | None = Field(None, description="Pixels.")
    duration: float | None = Field(None, description="Seconds, of videos.")


class MediaOutput(BaseModel):
    """What a tool made."""

    media: list[Medium]


class CaptionOutput(BaseModel):
    """What was seen in a picture."""

    caption: str
    prompt: str
    source: str = Field(description="The handle or address of the picture.")
    model: str


class CatalogOutput(BaseModel):
    """The names of one list."""

    family: str
    kind: str
    names: list[str]


class TranscriptOutput(Transcript):
    """The words of a recording, with their times."""

    source: str = Field(description="The handle or address of the recording.")


_OUTPUTS: dict[type[BaseTool], type[BaseModel] | None] = {
    VisionCraftCaption: CaptionOutput,
    VisionCraftCatalog: CatalogOutput,
    VisionCraftLimits: None,  # tiers and their limits, as the host names them
    VisionCraftTranscribe: TranscriptOutput,
}
"""The tools that make no media."""


def makes_media(tool: BaseTool) -> bool:
    """Whether the results of a tool are files in the store."""
    return type(tool) not in _OUTPUTS


def output_schema(tool: BaseTool) -> dict[str, Any] | None:
    """The JSON schema of a tool's structured result; ``None`` if it is free."""
    model = _OUTPUTS.get(type(tool), MediaOutput)
    return model.model_json_schema(mode="serialization") if model else None


def structured_media(media: list[Media]) -> dict[str, Any]:
    """What is told of media: not where they lie on this machine's disk."""
    shown = [
        Medium(uri=uri_of(each.handle), **each.model_dump(exclude={"sha256", "location"}))
        for each in media
    ]
    return MediaOutput(media=shown).model_dump(exclude_none=True)
