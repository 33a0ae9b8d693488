"""Pictures and GIFs from words."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.responses import Response, StreamingResponse

from langchain_visioncraft.client import schemas
from visioncraft_sandbox.answers import (
    ErrorStyle,
    Refusal,
    forget_frames,
    json_response,
    link_to,
    media_response,
)
from visioncraft_sandbox.backends.images import ImageResult, ImageSpec
from visioncraft_sandbox.engine_pool import MOTION
from visioncraft_sandbox.operations import Job, Operation
from visioncraft_sandbox.pictures import drawn, enlarged, reworked
from visioncraft_sandbox.uploads import decode_picture

_SD1_SIDE = 1024
_SD_SAMPLER = "Euler a"
"""Undocumented: the default on the service's own page for trying ``/sd``."""
_MOST_FRAMES = 64
_FRAMES = 16
_GUIDANCE = 7.0
_STRENGTH = 0.7


async def _image(job: Job) -> Response:
    """JSON with a link; with ``stream`` the states of the work, one JSON object after another."""
    wanted: schemas.ImageRequest = job.parameters
    if wanted.frames is not None and wanted.frames > _MOST_FRAMES:
        raise Refusal(400, f"frames: at most {_MOST_FRAMES} here.")
    seed = secrets.randbelow(2**32) if wanted.seed in (None, -1) else wanted.seed
    spec = ImageSpec.of(
        wanted,
        seed=seed,
        sampler=wanted.sampler or _SD_SAMPLER,
        cfg_scale=wanted.cfg_scale or _GUIDANCE,
    )
    if wanted.stream:
        states = _states(job, spec)
        return StreamingResponse(states, media_type="application/json")
    made = await _made(job, spec)
    return json_response(_linked(job, made, spec), made.engine)


async def _states(job: Job, spec: ImageSpec) -> AsyncIterator[str]:
    place = job.services.pool.work.waiting + 1
    yield _line({"status": "WAITING", "queue_position": place, "queue_total": place})
    yield _line({"status": "RUNNING", "progress": "drawing"})
    try:
        async with job.uploads:  # the one around the route has ended
            made = await _made(job, spec)
    except Refusal as refusal:  # the status 200 is sent already
        forget_frames(refusal)
        yield _line({"status": "ERROR", "error": refusal.message, "code": refusal.status})
        return
    yield _line({"status": "SUCCESS", **_linked(job, made, spec)})


def _line(state: dict[str, Any]) -> str:
    return json.dumps(state) + "\n"


def _linked(job: Job, made: ImageResult, spec: ImageSpec) -> dict[str, Any]:
    name = job.services.files.add(made.files[0], made.engine)
    return {"image_url": link_to(job.request, name), "seed": spec.seed}


async def _made(job: Job, spec: ImageSpec) -> ImageResult:
    wanted: schemas.ImageRequest = job.parameters
    if wanted.is_video:
        size = {"width": wanted.width, "height": wanted.height}
        pace = {"frames": wanted.frames or _FRAMES, "fps": wanted.fps or _FRAMES}
        gif = partial(_gif, wanted.prompt, wanted.negative_prompt, seed=spec.seed, **size, **pace)
        return ImageResult([await job.services.pool.work(gif)], MOTION)
    if wanted.init_image is None:
        return await drawn(job, spec)
    strength = _STRENGTH if wanted.denoising_strength is None else wanted.denoising_strength
    source = await job.picture("init_image")
    return await reworked(job, replace(spec, strength=strength), source)


async def _draw(job: Job, **changes: Any) -> Response:
    made = await drawn(job, ImageSpec.of(job.parameters, **changes))
    return media_response(made.files[0], made.engine)


async def _sd(job: Job) -> Response:
    wanted: schemas.TextToImageRequest = job.parameters
    return await _draw(job, sampler=wanted.sampler or _SD_SAMPLER)


def _drawn_by(model: str) -> Callable[[Job], Coroutine[Any, Any, Response]]:
    """The work of an endpoint that has one model, and pictures of a million pixels by default."""

    async def draw(job: Job) -> Response:
        size = getattr(job.parameters, "size", "1024x1024").partition("x")
        sides = {
            "width": getattr(job.parameters, "width", int(size[0])),
            "height": getattr(job.parameters, "height", int(size[2])),
        }
        return await _draw(job, model=model, **sides)

    return draw


async def _generate_xl(job: Job) -> Response:
    wanted: schemas.TextToImageSDXLRequest = job.parameters
    if wanted.image_count is None:
        return await _draw(job)
    made = await drawn(job, ImageSpec.of(wanted, count=wanted.image_count))
    return job.links(made.files, made.engine)


async def _generate(job: Job) -> Response:
    wanted: schemas.TextToImageSD1Request = job.parameters
    sides = {"width": wanted.width or _SD1_SIDE, "height": wanted.height or _SD1_SIDE}
    job.check_side(**sides)
    made = await drawn(job, ImageSpec.of(wanted, count=wanted.image_count, **sides))
    if not wanted.upscale:
        return job.links(made.files, made.engine)
    larger = []
    for file in made.files:
        most = job.services.config.max_pixels
        picture = await job.services.pool.read(partial(decode_picture, file, "image", most))
        larger.append(await enlarged(job, picture, 2))
    files = [file for result in larger for file in result.files]
    return job.links(files, f"{made.engine}, {larger[0].engine}")


def _gif(prompt: str, negative_prompt: str | None = None, **options: Any) -> bytes:
    # Imported at the first GIF: the artwork is slow to import, and a sandbox starts fast.
    from visioncraft_sandbox.engines import motion  # noqa: PLC0415

    return motion.animate(prompt, negative_prompt=negative_prompt, **options)


async def _text2gif(job: Job) -> Response:
    wanted: schemas.PromptRequest = job.parameters
    return media_response(await job.services.pool.work(partial(_gif, wanted.prompt)), MOTION)


async def _generate_gif(job: Job) -> Response:
    wanted: schemas.TextToGif2024Request = job.parameters
    task = partial(_gif, wanted.prompt, wanted.negative_prompt)
    return job.links([await job.services.pool.work(task)], MOTION)


OPERATIONS = (
    Operation("/image/generate", schemas.ImageRequest, ErrorStyle.MESSAGE, _image),
    Operation("/sd", schemas.TextToImageRequest, ErrorStyle.OBJECT, _sd),
    Operation("/generate", schemas.TextToImageSD1Request, ErrorStyle.TEXT, _generate),
    Operation("/generate-xl", schemas.TextToImageSDXLRequest, ErrorStyle.TEXT, _generate_xl),
    *(
        Operation(path, schema, ErrorStyle.TEXT, _drawn_by(path[1:]))
        for path, schema in (
            ("/openjourney", schemas.OpenjourneyRequest),
            ("/dalle", schemas.DalleRequest),
            ("/kandinsky", schemas.PromptsRequest),
            ("/playground", schemas.PromptsRequest),
            ("/leonardo-xl", schemas.PromptRequest),
        )
    ),
    Operation("/text2gif", schemas.PromptRequest, ErrorStyle.OBJECT, _text2gif),
    Operation("/generate-gif", schemas.TextToGif2024Request, ErrorStyle.TEXT, _generate_gif),
)
