"""LangChain integration for the VisionCraft API: chat, tools, media, and a sandbox.

Names are imported when they are first used, so that ``import langchain_visioncraft`` costs next
to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_visioncraft import tools
from langchain_visioncraft._lazy import lazy_names

if TYPE_CHECKING:
    from langchain_visioncraft.chat_models import ChatVisionCraft, ChatVisionCraftLegacy
    from langchain_visioncraft.client import AsyncVisionCraftClient, VisionCraftClient
    from langchain_visioncraft.context import VisionCraftContext
    from langchain_visioncraft.document_loaders import (
        VisionCraftCaptionParser,
        VisionCraftMediaLoader,
        VisionCraftTranscriptParser,
        cited_answer_chain,
    )
    from langchain_visioncraft.errors import VisionCraftError
    from langchain_visioncraft.media import Media, MediaStore
    from langchain_visioncraft.middleware import Budget, ShowMedia
    from langchain_visioncraft.toolkit import VisionCraftToolkit
    from langchain_visioncraft.tools import *  # noqa: F403 -- as `tools` lists them
    from langchain_visioncraft.version import __version__

_MODULES = {
    "AsyncVisionCraftClient": "client",
    "Budget": "middleware",
    "ChatVisionCraft": "chat_models",
    "ChatVisionCraftLegacy": "chat_models",
    "Media": "media",
    "MediaStore": "media",
    "ShowMedia": "middleware",
    "VisionCraftCaptionParser": "document_loaders",
    "VisionCraftClient": "client",
    "VisionCraftContext": "context",
    "VisionCraftError": "errors",
    "VisionCraftMediaLoader": "document_loaders",
    "VisionCraftToolkit": "toolkit",
    "VisionCraftTranscriptParser": "document_loaders",
    "__version__": "version",
    "cited_answer_chain": "document_loaders",
}

__all__ = [
    "AsyncVisionCraftClient",
    "Budget",
    "ChatVisionCraft",
    "ChatVisionCraftLegacy",
    "Media",
    "MediaStore",
    "ShowMedia",
    "VisionCraftCaptionParser",
    "VisionCraftClient",
    "VisionCraftContext",
    "VisionCraftError",
    "VisionCraftMediaLoader",
    "VisionCraftToolkit",
    "VisionCraftTranscriptParser",
    "__version__",
    "cited_answer_chain",
]
__all__ += tools.__all__

__getattr__, __dir__ = lazy_names(__name__, _MODULES | dict.fromkeys(tools.__all__, "tools"))
