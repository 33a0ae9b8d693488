"""What is made from pictures and recordings: image to image, video, upscaling, transcripts."""

from __future__ import annotations

from functools import partial
from typing import Any

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from langchain_visioncraft.client.schemas import (
    ImageToImage2023Request,
    ImageToImageRequest,
    ImageToVideoRequest,
    TranscribeRequest,
    UpscaleRequest,
)
from langchain_visioncraft.sandbox.answers import (
    ErrorStyle,
    Refusal,
    json_response,
    media_response,
)
from langchain_visioncraft.sandbox.intake import check_key, check_parameters, read_body
from langchain_visioncraft.sandbox.operations import Job, Operation, Services, guarded
from langchain_visioncraft.sandbox.workshop import MOTION, REWORK

_STRENGTH = 0.8


def _reworked(
    image: Image.Image,
    prompt: str,
    *,
    negative_prompt: str | None,
    strength: float,
    mask: Image.Image | None,
    facts: dict[str, Any],
) -> bytes:
    # Imported at the first use: a sandbox starts fast.
    from langchain_visioncraft.sandbox.engines import drawing, rework  # noqa: PLC0415

    result = rework.rework(
        image, prompt, negative_prompt=negative_prompt, strength=strength, mask=mask
    )
    text = drawing.parameters_text(
        prompt, negative_prompt=negative_prompt, width=result.width, height=result.height, **facts
    )
    return drawing.to_png(result, parameters=text)


async def _img2img_image(job: Job) -> Response:
    wanted: ImageToImageRequest = job.parameters
    image = await job.picture("image")
    mask = None
    if wanted.mask is not None:
        mask = await job.picture("mask")
    task = partial(
        _reworked,
        image,
        wanted.prompt,
        negative_prompt=wanted.negative_prompt,
        strength=wanted.strength,
        mask=mask,
        facts={"sampler": wanted.scheduler, "steps": wanted.steps},
    )
    return media_response(await job.services.workshop.work(task), REWORK)


async def _img2img_init_images(job: Job) -> Response:
    wanted: ImageToImage2023Request = job.parameters
    job.check_side(width=wanted.width, height=wanted.height)
    image = await job.picture("image")

    def work() -> bytes:
        sized = image.convert("RGB").resize((wanted.width, wanted.height), Image.Resampling.LANCZOS)
        return _reworked(
            sized,
            wanted.prompt,
            negative_prompt=wanted.negative_prompt,
            strength=_STRENGTH,
            mask=None,
            facts={"steps": wanted.steps, "cfg_scale": wanted.cfg_scale},
        )

    return job.links([await job.services.workshop.work(work)], REWORK)


_IMG2IMG = Operation(
    "/img2img",
    ImageToImageRequest,
    ErrorStyle.TEXT,
    _img2img_image,
    {
        "scheduler": ("scheduler", "/img2img/schedulers"),
        "refiner": ("refiner", "/img2img/refiners"),
    },
)


async def img2img(request: Request) -> Response:
    """``POST /img2img`` in both of its forms; ``init_images`` tells them apart."""
    services: Services = request.app.state.services
    return await guarded(_img2img(request, services), ErrorStyle.TEXT)


async def _img2img(request: Request, services: Services) -> Response:
    body = await read_body(request, services.config.max_body_bytes)
    if body.get("init_images") is None or body.get("image") is not None:
        return await _IMG2IMG.answer(request, services, body)
    key = check_key(body.get("token"), services.config)
    services.limiter.check("POST /img2img", key)
    images = body["init_images"]
    if not isinstance(images, list) or len(images) != 1 or not isinstance(images[0], str):
        raise Refusal(400, "init_images must be a list with one URL.")
    parameters = check_parameters(ImageToImage2023Request, {**body, "image": images[0]})
    return await _img2img_init_images(Job(request, services, parameters))


async def _img2video(job: Job) -> Response:
    image = await job.picture("image")

    def work() -> bytes:
        from langchain_visioncraft.sandbox.engines import motion  # noqa: PLC0415  # as above

        return motion.film(image)

    return media_response(await job.services.workshop.work(work), MOTION)


async def _upscale(job: Job) -> Response:
    wanted: UpscaleRequest = job.parameters
    services = job.services
    upscaler = services.workshop.upscaler()
    image = await job.picture("image")
    factor = wanted.resize or 2
    if image.width * image.height * factor**2 > services.config.max_pixels:
        most = services.config.max_pixels
        raise Refusal(400, f"The result would have more than {most:,} pixels.")

    def work() -> bytes:
        from langchain_visioncraft.sandbox.engines import drawing  # noqa: PLC0415  # as above

        result = upscaler.upscale(image, factor)
        return drawing.to_png(result, parameters=drawing.read_parameters(image) or "")

    return media_response(await services.workshop.work(work), upscaler.name)


async def _whisper(job: Job) -> Response:
    wanted: TranscribeRequest = job.parameters
    services = job.services
    transcriber = services.workshop.transcriber()
    audio = await job.recording("audio")

    def work() -> dict[str, Any]:
        try:
            return transcriber.transcribe(
                audio, task=wanted.task or "transcribe", language=wanted.language
            )
        except ValueError as error:
            raise Refusal(400, str(error)) from error

    return json_response(await services.workshop.work(work), transcriber.name)


OPERATIONS = (
    Operation("/img2video", ImageToVideoRequest, ErrorStyle.TEXT, _img2video),
    Operation("/upscale", UpscaleRequest, ErrorStyle.DETAIL, _upscale),
    Operation("/whisper", TranscribeRequest, ErrorStyle.DETAIL, _whisper),
)
