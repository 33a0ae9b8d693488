"""The other tools that make media: one engine each, from prompts or from a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from langchain_visioncraft.client import endpoints, schemas
from langchain_visioncraft.client.endpoint import Endpoint
from langchain_visioncraft.tools.base import VisionCraftTool
from langchain_visioncraft.tools.images import (
    GIVES,
    DrawingTool,
    VisionCraftImage,
    VisionCraftTextToImage,
)


class VisionCraftTextToImageSD1(DrawingTool, schemas.TextToImageSD1Options):
    """Draws one to five pictures with ``POST /generate`` (2023-11, 2024-03)."""

    name: str = "visioncraft_text_to_image_sd1"
    description: str = (
        f"Draw one to five pictures from words with a Stable Diffusion 1.x model. {GIVES}"
    )
    endpoint_name = "text_to_image_sd1"


class VisionCraftTextToImageSDXL(DrawingTool, schemas.TextToImageSDXLOptions):
    """Draws a picture with ``POST /generate-xl`` (2024-03)."""

    name: str = "visioncraft_text_to_image_sdxl"
    description: str = f"Draw one picture from words with Stable Diffusion XL. {GIVES}"
    endpoint_name = "text_to_image_sdxl"


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
    endpoint_name = "midjourney"


class VisionCraftOpenjourney(DrawingTool, schemas.OpenjourneyOptions):
    """Draws a picture with ``POST /openjourney`` (2024-03)."""

    name: str = "visioncraft_openjourney"
    description: str = (
        "Draw one picture from words with Openjourney; put 'mdjrny-v4 style' into the prompt. "
        f"{GIVES}"
    )
    endpoint_name = "openjourney"


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
    endpoint_name = "image_to_video"


class VisionCraftUpscale(VisionCraftTool, schemas.UpscaleOptions):
    """Enlarges a picture with ``POST /upscale`` (2024-03).

    Hosts since 2024-04 take `model` and `resize` (2 or 4); by default the host chooses.
    """

    name: str = "visioncraft_upscale"
    description: str = (
        "Enlarge a picture: more pixels, higher resolution, sharper details. Takes the handle or "
        "URL of the picture; gives the handle of the larger one."
    )
    endpoint_name = "upscale"


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
