"""The tools: one class a capability."""

from langchain_visioncraft.tools.base import PROGRESS_EVENT, VisionCraftTool
from langchain_visioncraft.tools.caption import VisionCraftCaption
from langchain_visioncraft.tools.catalog import VisionCraftCatalog, VisionCraftLimits
from langchain_visioncraft.tools.images import (
    VisionCraftImageToImage,
    VisionCraftMidjourney,
    VisionCraftOpenjourney,
    VisionCraftTextToImage,
    VisionCraftTextToImageSD1,
    VisionCraftTextToImageSDXL,
)
from langchain_visioncraft.tools.motion import VisionCraftImageToVideo, VisionCraftTextToGif
from langchain_visioncraft.tools.speech import VisionCraftTranscribe
from langchain_visioncraft.tools.upscale import VisionCraftUpscale

__all__ = [
    "PROGRESS_EVENT",
    "VisionCraftCaption",
    "VisionCraftCatalog",
    "VisionCraftImageToImage",
    "VisionCraftImageToVideo",
    "VisionCraftLimits",
    "VisionCraftMidjourney",
    "VisionCraftOpenjourney",
    "VisionCraftTextToGif",
    "VisionCraftTextToImage",
    "VisionCraftTextToImageSD1",
    "VisionCraftTextToImageSDXL",
    "VisionCraftTool",
    "VisionCraftTranscribe",
    "VisionCraftUpscale",
]
