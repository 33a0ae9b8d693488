"""The client: `VisionCraftClient`, `AsyncVisionCraftClient` and the `endpoints` that they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_visioncraft._lazy import lazy_names

if TYPE_CHECKING:
    from langchain_visioncraft.client import endpoints
    from langchain_visioncraft.client.async_driver import AsyncVisionCraftClient
    from langchain_visioncraft.client.capabilities import Capabilities
    from langchain_visioncraft.client.drivers import VisionCraftClient
    from langchain_visioncraft.client.flow import Progress
    from langchain_visioncraft.client.transcripts import Segment, Transcript

_MODULES = {
    "AsyncVisionCraftClient": "async_driver",
    "Capabilities": "capabilities",
    "Progress": "flow",
    "Segment": "transcripts",
    "Transcript": "transcripts",
    "VisionCraftClient": "drivers",
    "endpoints": "endpoints",
}

__all__ = [
    "AsyncVisionCraftClient",
    "Capabilities",
    "Progress",
    "Segment",
    "Transcript",
    "VisionCraftClient",
    "endpoints",
]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
