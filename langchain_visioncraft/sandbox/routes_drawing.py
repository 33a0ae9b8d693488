"""Pictures and GIFs from words."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import Response

from langchain_visioncraft.client.schemas import (
    OpenjourneyRequest,
    TextToGif2024Request,
    TextToGifRequest,
    TextToImageRequest,
    TextToImageSD1Request,
    TextToImageSDXLRequest,
)
from langchain_visioncraft.sandbox.answers import ErrorStyle, media_response
from langchain_visioncraft.sandbox.operations import Job, Operation
from langchain_visioncraft.sandbox.workshop import DRAWING, MOTION

if TYPE_CHECKING:
    from langchain_visioncraft.sandbox.engines.upscaling import Upscaler

_SD1_SIDE = 512


def picture(
    prompt: str,
    *,
    width: int,
    height: int,
    negative_prompt: str | None = None,
    index: int = 0,
    model: str | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    cfg_scale: float | None = None,
    upscaler: Upscaler | None = None,
) -> bytes:
    """Draw a picture and give it as PNG with its generation text; blocks, so call it in threads."""
    # Imported at the first picture: the artwork makes it slow, and a sandbox starts fast.
    from langchain_visioncraft.sandbox.engines import drawing  # noqa: PLC0415

    image = drawing.draw(
        prompt,
        width=width,
        height=height,
        negative_prompt=negative_prompt,
        index=index,
        style=model,
    )
    if upscaler is not None:
        image = upscaler.upscale(image, 2)
    text = drawing.parameters_text(
        prompt,
        negative_prompt=negative_prompt,
        model=model,
        sampler=sampler,
        steps=steps,
        cfg_scale=cfg_scale,
        width=image.width,
        height=image.height,
    )
    return drawing.to_png(image, parameters=text)


async def _sd(job: Job) -> Response:
    wanted: TextToImageRequest = job.parameters
    task = partial(
        picture,
        wanted.prompt,
        width=wanted.width,
        height=wanted.height,
        negative_prompt=wanted.negative_prompt,
        model=wanted.model,
        sampler=wanted.sampler,
        steps=wanted.steps,
        cfg_scale=wanted.cfg_scale,
    )
    return media_response(await job.services.workshop.work(task), DRAWING)


async def _generate(job: Job) -> Response:
    wanted: TextToImageSD1Request = job.parameters
    job.check_side(width=wanted.width, height=wanted.height)
    workshop = job.services.workshop
    upscaler = workshop.upscaler() if wanted.upscale else None
    draw = partial(
        picture,
        wanted.prompt,
        width=wanted.width or _SD1_SIDE,
        height=wanted.height or _SD1_SIDE,
        negative_prompt=wanted.negative_prompt,
        model=wanted.model,
        sampler=wanted.sampler,
        steps=wanted.steps,
        cfg_scale=wanted.cfg_scale,
        upscaler=upscaler,
    )
    files = [await workshop.work(partial(draw, index=index)) for index in range(wanted.image_count)]
    return job.links(files, f"{DRAWING}, {upscaler.name}" if upscaler else DRAWING)


async def _generate_xl(job: Job) -> Response:
    wanted: TextToImageSDXLRequest = job.parameters
    task = partial(
        picture,
        wanted.prompt,
        width=wanted.width,
        height=wanted.height,
        negative_prompt=wanted.negative_prompt,
        model=wanted.model,
        sampler=f"{wanted.sampler} ({wanted.scheduler})",
    )
    return media_response(await job.services.workshop.work(task), DRAWING)


async def _openjourney(job: Job) -> Response:
    wanted: OpenjourneyRequest = job.parameters
    task = partial(
        picture,
        wanted.prompt,
        width=wanted.width,
        height=wanted.height,
        negative_prompt=wanted.negative_prompt,
        model="openjourney",
        steps=wanted.steps,
        cfg_scale=wanted.cfg_scale,
    )
    return media_response(await job.services.workshop.work(task), DRAWING)


def _gif(prompt: str, negative_prompt: str | None = None) -> bytes:
    from langchain_visioncraft.sandbox.engines import motion  # noqa: PLC0415  # see picture()

    return motion.animate(prompt, negative_prompt=negative_prompt)


async def _text2gif(job: Job) -> Response:
    wanted: TextToGifRequest = job.parameters
    return media_response(await job.services.workshop.work(partial(_gif, wanted.prompt)), MOTION)


async def _generate_gif(job: Job) -> Response:
    wanted: TextToGif2024Request = job.parameters
    task = partial(_gif, wanted.prompt, wanted.negative_prompt)
    return job.links([await job.services.workshop.work(task)], MOTION)


OPERATIONS = (
    Operation(
        "/sd",
        TextToImageRequest,
        ErrorStyle.OBJECT,
        _sd,
        {
            "model": ("model", "/sd/models"),
            "sampler": ("sampler", "/sd/samplers"),
            "loras": ("lora", "/sd/loras"),
        },
    ),
    Operation(
        "/generate",
        TextToImageSD1Request,
        ErrorStyle.TEXT,
        _generate,
        {
            "model": ("model", "/models"),
            "sampler": ("sampler", "/samplers"),
            "loras": ("lora", "/loras"),
        },
    ),
    Operation(
        "/generate-xl",
        TextToImageSDXLRequest,
        ErrorStyle.TEXT,
        _generate_xl,
        {
            "model": ("model", "/models-xl"),
            "sampler": ("sampler", "/samplers-xl"),
            "scheduler": ("scheduler", "/schedulers-xl"),
        },
    ),
    Operation("/openjourney", OpenjourneyRequest, ErrorStyle.TEXT, _openjourney),
    Operation("/text2gif", TextToGifRequest, ErrorStyle.OBJECT, _text2gif),
    Operation(
        "/generate-gif",
        TextToGif2024Request,
        ErrorStyle.TEXT,
        _generate_gif,
        {"sampler": ("sampler", "/samplers")},
    ),
)
