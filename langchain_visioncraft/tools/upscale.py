"""The tool that enlarges pictures."""

from __future__ import annotations

from typing import Any

from langchain_visioncraft.client import endpoints, schemas
from langchain_visioncraft.client.endpoints import Endpoint
from langchain_visioncraft.tools.base import VisionCraftTool


class VisionCraftUpscale(VisionCraftTool, schemas.UpscaleOptions):
    """Enlarges a picture with ``POST /upscale`` (2024-03).

    Hosts since 2024-04 take `model` and `resize` (2 or 4); by default the host chooses.
    """

    name: str = "visioncraft_upscale"
    description: str = (
        "Enlarge a picture: more pixels, higher resolution, sharper details. Takes the handle or "
        "URL of the picture; gives the handle of the larger one."
    )

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """``POST /upscale``."""
        return endpoints.upscale
