"""The client: `VisionCraftClient`, `AsyncVisionCraftClient` and the `endpoints` that they run."""

from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.decode import Segment, Transcript
from langchain_visioncraft.client.drivers import AsyncVisionCraftClient, VisionCraftClient
from langchain_visioncraft.client.flow import Progress

__all__ = [
    "AsyncVisionCraftClient",
    "Progress",
    "Segment",
    "Transcript",
    "VisionCraftClient",
    "endpoints",
]
