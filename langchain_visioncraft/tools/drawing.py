"""`DrawingTool`: what drawing tools take in addition to their engine's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.fields import FieldInfo

from langchain_visioncraft.client.drawing import (
    DrawingOptions,
    in_turn,
    parameters_of_drawings,
    seeds_of,
    with_drawing_options,
)
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
