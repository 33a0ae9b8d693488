"""Pictures and GIFs from words."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

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
from visioncraft_sandbox.backends.images import ImageSpec
from visioncraft_sandbox.engine_pool import MOTION
from visioncraft_sandbox.operations import Job, Operation
from visioncraft_sandbox.pictures import drawn, enlarged

_SD1_SIDE = 1024
_SD_SAMPLER = "Euler a"
"""Undocumented: the default on the service's own page for trying ``/sd``."""


async def _draw(job: Job, **changes: Any) -> Response:
    made = await drawn(job, ImageSpec.of(job.parameters, **changes))
    return media_response(made.files[0], made.engine)


async def _sd(job: Job) -> Response:
    wanted: TextToImageRequest = job.parameters
    return await _draw(job, sampler=wanted.sampler or _SD_SAMPLER)


async def _openjourney(job: Job) -> Response:
    return await _draw(job, model="openjourney")


async def _generate(job: Job) -> Response:
    wanted: TextToImageSD1Request = job.parameters
    sides = {"width": wanted.width or _SD1_SIDE, "height": wanted.height or _SD1_SIDE}
    job.check_side(**sides)
    made = await drawn(job, ImageSpec.of(wanted, count=wanted.image_count, **sides))
    if not wanted.upscale:
        return job.links(made.files, made.engine)
    larger = []
    for file in made.files:
        picture = await job.services.pool.read(partial(_opened, file))
        larger.append(await enlarged(job, picture, 2))
    files = [file for result in larger for file in result.files]
    return job.links(files, f"{made.engine}, {larger[0].engine}")


def _opened(file: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(file))
    picture.load()
    return picture


def _gif(prompt: str, negative_prompt: str | None = None) -> bytes:
    # Imported at the first GIF: the artwork is slow to import, and a sandbox starts fast.
    from visioncraft_sandbox.engines import motion  # noqa: PLC0415

    return motion.animate(prompt, negative_prompt=negative_prompt)


async def _text2gif(job: Job) -> Response:
    wanted: TextToGifRequest = job.parameters
    return media_response(await job.services.pool.work(partial(_gif, wanted.prompt)), MOTION)


async def _generate_gif(job: Job) -> Response:
    wanted: TextToGif2024Request = job.parameters
    task = partial(_gif, wanted.prompt, wanted.negative_prompt)
    return job.links([await job.services.pool.work(task)], MOTION)


OPERATIONS = (
    Operation(
        "/sd",
        TextToImageRequest,
        ErrorStyle.OBJECT,
        _sd,
        {"model": "/sd/models", "sampler": "/sd/samplers", "loras": "/sd/loras"},
    ),
    Operation(
        "/generate",
        TextToImageSD1Request,
        ErrorStyle.TEXT,
        _generate,
        {"model": "/models", "sampler": "/samplers", "loras": "/loras"},
    ),
    Operation(
        "/generate-xl",
        TextToImageSDXLRequest,
        ErrorStyle.TEXT,
        _draw,
        {"model": "/models-xl", "sampler": "/samplers-xl", "scheduler": "/schedulers-xl"},
    ),
    Operation("/openjourney", OpenjourneyRequest, ErrorStyle.TEXT, _openjourney),
    Operation("/text2gif", TextToGifRequest, ErrorStyle.OBJECT, _text2gif),
    Operation(
        "/generate-gif",
        TextToGif2024Request,
        ErrorStyle.TEXT,
        _generate_gif,
        {"sampler": "/samplers"},
    ),
)
