"""Tools that draw pictures from prompts, one for each engine, and from other pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from langchain_visioncraft.client import endpoints, schemas
from langchain_visioncraft.client.endpoints import Endpoint
from langchain_visioncraft.client.fields import OptionalText
from langchain_visioncraft.tools.base import VisionCraftTool
from langchain_visioncraft.tools.drawing import DrawingTool

_GIVES = (
    "Gives the handle of the picture, which other tools take as `image`, with its size. "
    "Describe the whole scene in every prompt: earlier prompts are not remembered."
)


class VisionCraftImage(DrawingTool, schemas.ImageOptions):
    """Draws a picture or an animation with any model of a host: ``POST /image/generate`` (2024-08).

    ```python
    from langchain_visioncraft import MediaStore, VisionCraftImage
    from visioncraft_sandbox import Sandbox

    with Sandbox(models=False) as sandbox:
        draw = VisionCraftImage(
            api_key="any", base_url=sandbox.url, store=MediaStore("memory://"), width=512
        )
        line = draw.invoke({"prompt": "A lighthouse in a storm", "seed": 7})
    assert "512x1024" in line
    ```

    The artifact holds the `seed`, if one was given or returned.

    Attributes:
        progress: Whether to request progress from the host, such as the place in its queue, and
            report it as the custom event ``visioncraft_progress``.
    """

    name: str = "visioncraft_image"
    description: str = (
        "Draw one picture from words, or from words and a picture (`init_image`), with any model "
        f"of the host; or an animation (`is_video`). {_GIVES}"
    )
    progress: bool = True
    hidden_from_model: ClassVar[frozenset[str]] = frozenset({"stream"})

    def hidden_arguments(self) -> dict[str, Any]:
        """Whether to report progress."""
        return {"stream": self.progress}

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """``POST /image/generate``."""
        return endpoints.image


class VisionCraftTextToImage(DrawingTool, schemas.TextToImageOptions):
    """Draws a picture with ``POST /sd`` (2024-07, 2024-09).

    ```python
    from langchain_visioncraft import Media, MediaStore, VisionCraftTextToImage
    from visioncraft_sandbox import Sandbox

    with Sandbox(models=False) as sandbox:
        draw = VisionCraftTextToImage(
            api_key="any", base_url=sandbox.url, store=MediaStore("memory://"), width=512
        )
        line = draw.invoke({"prompt": "A lighthouse in a storm"})
    assert "512x1024" in line
    ```

    The default sampler and steps fit both documented generations of the endpoint.
    """

    name: str = "visioncraft_text_to_image"
    description: str = f"Draw one picture from words with Stable Diffusion. {_GIVES}"
    sampler: OptionalText = schemas.TextToImageRequest.suggested["sampler"]
    steps: schemas.StableDiffusionSteps = schemas.TextToImageRequest.suggested["steps"]

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """``POST /sd``."""
        return endpoints.text_to_image


class VisionCraftTextToImageSD1(DrawingTool, schemas.TextToImageSD1Options):
    """Draws one to five pictures with ``POST /generate`` (2023-11, 2024-03)."""

    name: str = "visioncraft_text_to_image_sd1"
    description: str = (
        f"Draw one to five pictures from words with a Stable Diffusion 1.x model. {_GIVES}"
    )

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """``POST /generate``."""
        return endpoints.text_to_image_sd1


class VisionCraftTextToImageSDXL(DrawingTool, schemas.TextToImageSDXLOptions):
    """Draws a picture with ``POST /generate-xl`` (2024-03)."""

    name: str = "visioncraft_text_to_image_sdxl"
    description: str = f"Draw one picture from words with Stable Diffusion XL. {_GIVES}"

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
        f"switches may end the prompt, e.g. '--ar 9:16 --v 5.2'. {_GIVES}"
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
        f"{_GIVES}"
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
    description: str = f"Draw one picture from words. {_GIVES}"
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
