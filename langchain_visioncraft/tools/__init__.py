"""The tools: one class per capability.

Each is imported when it is first used: building the classes of all costs more than one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_visioncraft._lazy import lazy_names

if TYPE_CHECKING:
    from langchain_visioncraft.tools.base import VisionCraftTool
    from langchain_visioncraft.tools.caption import VisionCraftCaption, VisionCraftTranscribe
    from langchain_visioncraft.tools.catalog import VisionCraftCatalog, VisionCraftLimits
    from langchain_visioncraft.tools.engines import (
        VisionCraftImageToImage,
        VisionCraftImageToVideo,
        VisionCraftMidjourney,
        VisionCraftOpenjourney,
        VisionCraftTextToGif,
        VisionCraftTextToImageEngine,
        VisionCraftTextToImageSD1,
        VisionCraftTextToImageSDXL,
        VisionCraftUpscale,
    )
    from langchain_visioncraft.tools.images import VisionCraftImage, VisionCraftTextToImage
    from langchain_visioncraft.tools.progress import PROGRESS_EVENT

_MODULES = {
    "VisionCraftImage": "images",
    "VisionCraftTextToImage": "images",
    "VisionCraftTextToImageSD1": "engines",
    "VisionCraftTextToImageSDXL": "engines",
    "VisionCraftMidjourney": "engines",
    "VisionCraftOpenjourney": "engines",
    "VisionCraftTextToImageEngine": "engines",
    "VisionCraftImageToImage": "engines",
    "VisionCraftTextToGif": "engines",
    "VisionCraftImageToVideo": "engines",
    "VisionCraftUpscale": "engines",
    "VisionCraftTranscribe": "caption",
    "VisionCraftCaption": "caption",
    "VisionCraftCatalog": "catalog",
    "VisionCraftLimits": "catalog",
    "VisionCraftTool": "base",
    "PROGRESS_EVENT": "progress",
}
"""The module of each name, in the order in which the manual lists the tools."""

__all__ = [
    "PROGRESS_EVENT",
    "VisionCraftCaption",
    "VisionCraftCatalog",
    "VisionCraftImage",
    "VisionCraftImageToImage",
    "VisionCraftImageToVideo",
    "VisionCraftLimits",
    "VisionCraftMidjourney",
    "VisionCraftOpenjourney",
    "VisionCraftTextToGif",
    "VisionCraftTextToImage",
    "VisionCraftTextToImageEngine",
    "VisionCraftTextToImageSD1",
    "VisionCraftTextToImageSDXL",
    "VisionCraftTool",
    "VisionCraftTranscribe",
    "VisionCraftUpscale",
]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
