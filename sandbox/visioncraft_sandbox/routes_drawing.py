"""Pictures and GIFs from words."""

from __future__ import annotations

import io
from functools import partial

from PIL import Image
from starlette.responses import Response

from langchain_visioncraft.client.schemas import (
    OpenjourneyRequest,
    TextToGif2024Request,
    TextToGifRequest,
    TextToImageRequest,
    TextToImageSD1Request,
    TextToImageSDXLRequest,
)
from visioncraft_sandbox.answers import ErrorStyle, media_response
from visioncraft_sandbox.backends.images import Made, Order
from visioncraft_sandbox.operations import Job, Operation
from visioncraft_sandbox.pictures import drawn, enlarged
from visioncraft_sandbox.workshop import MOTION

_SD1_SIDE = 1024
_SD_SAMPLER = "Euler a"
"""No document states this default; the service's own page for trying ``/sd`` out had it."""


async def _sd(job: Job) -> Response:
    wanted: TextToImageRequest = job.parameters
    order = Order(
        wanted.prompt,
        wanted.width,
        wanted.height,
        negative_prompt=wanted.negative_prompt,
        model=wanted.model,
        sampler=wanted.sampler or _SD_SAMPLER,
        steps=wanted.steps,
        cfg_scale=wanted.cfg_scale,
        loras=wanted.loras or {},
    )
    return _shown(await drawn(job, order))


def _shown(made: Made) -> Response:
    return media_response(made.files[0], made.engine)


async def _generate(job: Job) -> Response:
    wanted: TextToImageSD1Request = job.parameters
    job.check_side(width=wanted.width, height=wanted.height)
    order = Order(
        wanted.prompt,
        wanted.width or _SD1_SIDE,
        wanted.height or _SD1_SIDE,
        negative_prompt=wanted.negative_prompt,
        count=wanted.image_count,
        model=wanted.model,
        sampler=wanted.sampler,
        steps=wanted.steps,
        cfg_scale=wanted.cfg_scale,
        loras=wanted.loras or {},
    )
    made = await drawn(job, order)
    if not wanted.upscale:
        return job.links(made.files, made.engine)
    larger = []
    for file in made.files:
        picture = await job.services.workshop.read(partial(_opened, file))
        larger.append(await enlarged(job, picture, 2))
    files = [file for result in larger for file in result.files]
    return job.links(files, f"{made.engine}, {larger[0].engine}")


def _opened(file: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(file))
    picture.load()
    return picture


async def _generate_xl(job: Job) -> Response:
    wanted: TextToImageSDXLRequest = job.parameters
    order = Order(
        wanted.prompt,
        wanted.width,
        wanted.height,
        negative_prompt=wanted.negative_prompt,
        model=wanted.model,
        sampler=wanted.sampler,
        scheduler=wanted.scheduler,
    )
    return _shown(await drawn(job, order))


async def _openjourney(job: Job) -> Response:
    wanted: OpenjourneyRequest = job.parameters
    order = Order(
        wanted.prompt,
        wanted.width,
        wanted.height,
        negative_prompt=wanted.negative_prompt,
        model="openjourney",
        steps=wanted.steps,
        cfg_scale=wanted.cfg_scale,
    )
    return _shown(await drawn(job, order))


def _gif(prompt: str, negative_prompt: str | None = None) -> bytes:
    # Imported at the first GIF: the artwork makes it slow, and a sandbox starts fast.
    from visioncraft_sandbox.engines import motion  # noqa: PLC0415

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
