"""LangChain integration for the VisionCraft API: chat, tools, media, and a sandbox.

Names are imported when they are first used, so that ``import langchain_visioncraft`` costs next
to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_visioncraft._lazy import lazy_names

if TYPE_CHECKING:
    from langchain_visioncraft.chat_models import ChatVisionCraft, ChatVisionCraftLegacy
    from langchain_visioncraft.client import AsyncVisionCraftClient, VisionCraftClient
    from langchain_visioncraft.document_loaders import (
        VisionCraftCaptionParser,
        VisionCraftMediaLoader,
        VisionCraftTranscriptParser,
        cited_answer_chain,
        media_of,
    )
    from langchain_visioncraft.errors import VisionCraftError
    from langchain_visioncraft.media import Media, MediaStore
    from langchain_visioncraft.toolkit import VisionCraftToolkit
    from langchain_visioncraft.tools import (
        VisionCraftCaption,
        VisionCraftCatalog,
        VisionCraftImageToImage,
        VisionCraftImageToVideo,
        VisionCraftLimits,
        VisionCraftMidjourney,
        VisionCraftOpenjourney,
        VisionCraftTextToGif,
        VisionCraftTextToImage,
        VisionCraftTextToImageSD1,
        VisionCraftTextToImageSDXL,
        VisionCraftTool,
        VisionCraftTranscribe,
        VisionCraftUpscale,
    )
    from langchain_visioncraft.version import __version__

_MODULES = {
    "AsyncVisionCraftClient": "client",
    "ChatVisionCraft": "chat_models",
    "ChatVisionCraftLegacy": "chat_models",
    "Media": "media",
    "MediaStore": "media",
    "VisionCraftCaption": "tools",
    "VisionCraftCaptionParser": "document_loaders",
    "VisionCraftCatalog": "tools",
    "VisionCraftClient": "client",
    "VisionCraftError": "errors",
    "VisionCraftImageToImage": "tools",
    "VisionCraftImageToVideo": "tools",
    "VisionCraftLimits": "tools",
    "VisionCraftMediaLoader": "document_loaders",
    "VisionCraftMidjourney": "tools",
    "VisionCraftOpenjourney": "tools",
    "VisionCraftTextToGif": "tools",
    "VisionCraftTextToImage": "tools",
    "VisionCraftTextToImageSD1": "tools",
    "VisionCraftTextToImageSDXL": "tools",
    "VisionCraftTool": "tools",
    "VisionCraftToolkit": "toolkit",
    "VisionCraftTranscribe": "tools",
    "VisionCraftTranscriptParser": "document_loaders",
    "VisionCraftUpscale": "tools",
    "__version__": "version",
    "cited_answer_chain": "document_loaders",
    "media_of": "document_loaders",
}

__all__ = [
    "AsyncVisionCraftClient",
    "ChatVisionCraft",
    "ChatVisionCraftLegacy",
    "Media",
    "MediaStore",
    "VisionCraftCaption",
    "VisionCraftCaptionParser",
    "VisionCraftCatalog",
    "VisionCraftClient",
    "VisionCraftError",
    "VisionCraftImageToImage",
    "VisionCraftImageToVideo",
    "VisionCraftLimits",
    "VisionCraftMediaLoader",
    "VisionCraftMidjourney",
    "VisionCraftOpenjourney",
    "VisionCraftTextToGif",
    "VisionCraftTextToImage",
    "VisionCraftTextToImageSD1",
    "VisionCraftTextToImageSDXL",
    "VisionCraftTool",
    "VisionCraftToolkit",
    "VisionCraftTranscribe",
    "VisionCraftTranscriptParser",
    "VisionCraftUpscale",
    "__version__",
    "cited_answer_chain",
    "media_of",
]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
