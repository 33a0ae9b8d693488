"""Tools that draw pictures from prompts with any model of a host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic.fields import FieldInfo

from langchain_visioncraft.client import schemas
from langchain_visioncraft.client.drawing import (
    DrawingOptions,
    in_turn,
    parameters_of_drawings,
    seeds_of,
    with_drawing_options,
)
from langchain_visioncraft.client.fields import OptionalText
from langchain_visioncraft.tools.base import VisionCraftTool
from langchain_visioncraft.tools.jobs import Job

GIVES = (
    "Gives the handle of the picture, which other tools take as `image`, with its size. "
    "Describe the whole scene in every prompt: earlier prompts are not remembered."
)


class DrawingTool(VisionCraftTool, DrawingOptions):
    """Base of the tools that draw from prompts.

    Attributes:
        style: The name of one of `langchain_visioncraft.client.drawing.STYLES`.
        aspect_ratio: Such as ``"16:9"``; the longer side is the longer of `width` and `height`.

    A call also takes `image_count`, whatever the engine. An engine that draws one picture at a
    time is called several times, with seeds that count up from `seed`, if it is given.
    """

    def parameters(self) -> dict[str, FieldInfo]:
        """Those of the engine, a style, proportions and how many."""
        own = self.request().model_fields
        more = parameters_of_drawings()
        return {**own, **{name: more[name] for name in more if name not in own}}

    def prepare(self, arguments: Mapping[str, Any]) -> Job:
        """Find out what to ask the engine for, and how often."""
        request = self.request()
        given = with_drawing_options(arguments, request)
        own = "image_count" in request.model_fields
        count = 1 if own else given.pop("image_count", 1)
        seeds, prepare = seeds_of(given, count), super().prepare
        jobs = [prepare({**given, **seed}) for seed in seeds]
        job, jobs[0].count = jobs[0], count
        if count > 1:
            job.work = in_turn([each.work for each in jobs], job.problems.append)
        return job

    def finish(self, result: Any, job: Job) -> tuple[Any, Any]:
        """Keep what was drawn, and say what was not."""
        content, artifact = super().finish(result, job)
        for problem in job.problems:
            if isinstance(content, str):
                content = f"{content}\n{problem}"
            else:
                content = [*content, {"type": "text", "text": problem}]
        return content, artifact


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
    endpoint_name = "image"

    def hidden_arguments(self) -> dict[str, Any]:
        """Whether to report progress."""
        return {"stream": self.progress}


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
    endpoint_name = "text_to_image"
