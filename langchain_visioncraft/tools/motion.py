"""Tools that animate: GIFs from prompts, videos from pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from langchain_visioncraft.client import endpoints, schemas
from langchain_visioncraft.client.endpoints import Endpoint
from langchain_visioncraft.tools.base import VisionCraftTool


class VisionCraftTextToGif(VisionCraftTool, schemas.TextToGif2024Options):
    """Makes an animated GIF from a prompt with ``POST /text2gif`` or ``POST /generate-gif``.

    Attributes:
        api_version: ``"2024-09"`` (``POST /text2gif``, which takes only a prompt) or ``"2024-03"``
            (``POST /generate-gif``, with sampler and steps).
    """

    name: str = "visioncraft_text_to_gif"
    description: str = (
        "Make a short animated GIF from words: say what moves. Gives the handle of the GIF."
    )
    api_version: Literal["2024-09", "2024-03"] = "2024-09"
    api_versions: ClassVar[Mapping[str, Endpoint[..., Any, Any]]] = {
        "2024-09": endpoints.text_to_gif,
        "2024-03": endpoints.text_to_gif_2024,
    }

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """``POST /text2gif`` or ``POST /generate-gif``."""
        return self.api_versions[self.api_version]


class VisionCraftImageToVideo(VisionCraftTool, schemas.ImageToVideoOptions):
    """Turns a picture into a short MP4 video with ``POST /img2video`` (2024-03)."""

    name: str = "visioncraft_image_to_video"
    description: str = (
        "Turn a picture into a short video (MP4) that moves over it. Takes the handle or URL of "
        "the picture; gives the handle of the video."
    )
    hidden_from_model: ClassVar[frozenset[str]] = frozenset(
        schemas.ImageToVideoOptions.model_fields
    )

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """``POST /img2video``."""
        return endpoints.image_to_video
