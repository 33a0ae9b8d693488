"""Tools that draw with one engine each, or change a picture; all engines that draw from prompts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from langchain_visioncraft.client import endpoints, schemas
from langchain_visioncraft.client.endpoint import Endpoint
from langchain_visioncraft.tools.base import VisionCraftTool
from langchain_visioncraft.tools.drawing import GIVES, DrawingTool
from langchain_visioncraft.tools.images import VisionCraftImage, VisionCraftTextToImage


class VisionCraftTextToImageSD1(DrawingTool, schemas.TextToImageSD1Options):
    """Draws one to five pictures with ``POST /generate`` (2023-11, 2024-03)."""

    name: str = "visioncraft_text_to_image_sd1"
    description: str = (
        f"Draw one to five pictures from words with a Stable Diffusion 1.x model. {GIVES}"
    )

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """``POST /generate``."""
        return endpoints.text_to_image_sd1


class VisionCraftTextToImageSDXL(DrawingTool, schemas.TextToImageSDXLOptions):
    """Draws a picture with ``POST /generate-xl`` (2024-03)."""

    name: str = "visioncraft_text_to_image_sdxl"
    description: str = f"Draw one picture from words with Stable Diffusion XL. {GIVES}"

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """``POST /generate-xl``."""
        return endpoints.text_to_image_sdxl


class VisionCraftMidjourney(DrawingTool, schemas.MidjourneyOptions):
    """Draws a picture with ``POST /midjourney`` (2024-03), which takes minutes.

    It reports progress as the custom event ``visioncraft_progress``, in LangGraph's
    ``stream_mode="custom"`` and in the deltas of its call. It waits at most `deadline` seconds for
    the picture.
    """

    name: str = "visioncraft_midjourney"
    description: str = (
        "Draw one artistic picture from words with Midjourney; it takes minutes. Midjourney's "
        f"switches may end the prompt, e.g. '--ar 9:16 --v 5.2'. {GIVES}"
    )
    deadline: float | None = Field(  # type: ignore[assignment]  # of its task, not of the call
        default=900.0, gt=0, description="Seconds to wait for the picture at most."
    )
    hidden_from_model: ClassVar[frozenset[str]] = frozenset({"deadline"})

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """``POST /midjourney`` and ``POST /midjourney/result``."""
        return endpoints.midjourney


class VisionCraftOpenjourney(DrawingTool, schemas.OpenjourneyOptions):
    """Draws a picture with ``POST /openjourney`` (2024-03)."""

    name: str = "visioncraft_openjourney"
    description: str = (
        "Draw one picture from words with Openjourney; put 'mdjrny-v4 style' into the prompt. "
        f"{GIVES}"
    )

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """``POST /openjourney``."""
        return endpoints.openjourney


class VisionCraftTextToImageEngine(DrawingTool, schemas.DalleOptions, schemas.PromptsOptions):
    """Draws a picture with a model that has its own endpoint, such as ``POST /dalle`` (2024-05).

    Attributes:
        engine: ``"dalle"`` (DALL·E 3, with `size` and `quality`), ``"kandinsky"`` or
            ``"playground"`` (with `negative_prompt`), or ``"leonardo-xl"``.
    """

    name: str = "visioncraft_text_to_image_engine"
    description: str = f"Draw one picture from words. {GIVES}"
    engine: Literal["dalle", "kandinsky", "playground", "leonardo-xl"] = "dalle"
    api_versions: ClassVar[Mapping[str, Endpoint[..., Any, Any]]] = {
        "dalle": endpoints.dalle,
        "kandinsky": endpoints.kandinsky,
        "playground": endpoints.playground,
        "leonardo-xl": endpoints.leonardo_xl,
    }
    version_field: ClassVar[str] = "engine"

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """``POST /dalle``, or that of another engine."""
        return self.api_versions[self.engine]


class VisionCraftImageToImage(
    VisionCraftTool, schemas.ImageToImageOptions, schemas.ImageToImage2023Options
):
    """Edits a picture from a text prompt with either form of ``POST /img2img``.

    Attributes:
        api_version: ``"2024-03"`` (`mask`, `strength`, `scheduler`, `refiner`) or ``"2023-11"``
            (`width`, `height`, `cfg_scale`; the picture goes into ``init_images``).
    """

    name: str = "visioncraft_image_to_image"
    description: str = (
        "Change a picture by words, or repaint only where a mask is white. Describe the picture "
        "that is wanted, not only the change. Gives the handle of the new picture."
    )
    api_version: Literal["2024-03", "2023-11"] = "2024-03"
    steps: schemas.ImageToImage2023Steps = 50  # at most 50 in 2024-03
    api_versions: ClassVar[Mapping[str, Endpoint[..., Any, Any]]] = {
        "2024-03": endpoints.image_to_image,
        "2023-11": endpoints.image_to_image_2023,
    }

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """``POST /img2img``."""
        return self.api_versions[self.api_version]


TEXT_TO_IMAGE: dict[str, type[VisionCraftTool]] = {
    "sd": VisionCraftTextToImage,
    "image": VisionCraftImage,
    "sd1": VisionCraftTextToImageSD1,
    "sdxl": VisionCraftTextToImageSDXL,
    "midjourney": VisionCraftMidjourney,
    "openjourney": VisionCraftOpenjourney,
    **dict.fromkeys(VisionCraftTextToImageEngine.api_versions, VisionCraftTextToImageEngine),
}
"""The engines that draw from prompts."""
