"""Tools that draw pictures from prompts with any model of a host."""

from __future__ import annotations

from typing import Any, ClassVar

from langchain_visioncraft import client
from langchain_visioncraft.client import schemas
from langchain_visioncraft.client.endpoint import Endpoint
from langchain_visioncraft.client.fields import OptionalText
from langchain_visioncraft.tools.drawing import GIVES, DrawingTool


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
        f"of the host; or an animation (`is_video`). {GIVES}"
    )
    progress: bool = True
    hidden_from_model: ClassVar[frozenset[str]] = frozenset({"stream"})

    def hidden_arguments(self) -> dict[str, Any]:
        """Whether to report progress."""
        return {"stream": self.progress}

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """``POST /image/generate``."""
        return client.endpoints.image


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
    description: str = f"Draw one picture from words with Stable Diffusion. {GIVES}"
    sampler: OptionalText = schemas.TextToImageRequest.suggested["sampler"]
    steps: schemas.StableDiffusionSteps = schemas.TextToImageRequest.suggested["steps"]

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """``POST /sd``."""
        return client.endpoints.text_to_image
