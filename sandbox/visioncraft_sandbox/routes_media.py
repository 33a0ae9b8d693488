"""Routes that take pictures and recordings: image to image, video, upscaling, transcripts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from langchain_visioncraft.client import schemas
from langchain_visioncraft.client.text_schemas import TranscribeRequest
from visioncraft_sandbox.answers import ErrorStyle, Refusal, json_response, media_response
from visioncraft_sandbox.backends.images import ImageSpec
from visioncraft_sandbox.backends.speech import SpeechServer
from visioncraft_sandbox.engine_pool import MOTION
from visioncraft_sandbox.operations import Job, Operation, Services, route
from visioncraft_sandbox.pictures import enlarged, reworked
from visioncraft_sandbox.routes_midjourney import submitted

_ResultT = TypeVar("_ResultT")

_STRENGTH = 0.8
_FIRST_SIDE = 512


async def _img2img_image(job: Job) -> Response:
    wanted: schemas.ImageToImageRequest = job.parameters
    mask = None
    # It is edited at its own size, which takes long for many pixels.
    most = job.services.config.max_side
    if wanted.mask is None:
        image = await job.picture("image", most)
    else:
        image, mask = await job.uploads.picture_and_mask(wanted.image, wanted.mask, most)
    spec = ImageSpec.of(
        wanted,
        width=image.width,
        height=image.height,
        mask=None,
        sampler=wanted.scheduler,
        scheduler=None,
    )
    made = await reworked(job, spec, image, mask)
    return media_response(made.files[0], made.engine)


async def _img2img_init_images(job: Job) -> Response:
    wanted: schemas.ImageToImage2023Request = job.parameters
    job.check_side(width=wanted.width, height=wanted.height)
    image = await job.picture("image")
    made = await reworked(job, ImageSpec.of(wanted, strength=_STRENGTH), image)
    return job.links(made.files, made.engine)


IMG2IMG = Operation("/img2img", schemas.ImageToImageRequest, ErrorStyle.TEXT, _img2img_image)
_IMG2IMG_2023 = Operation(
    "/img2img", schemas.ImageToImage2023Request, ErrorStyle.TEXT, _img2img_init_images
)


async def _img2img(request: Request, services: Services) -> Response:
    """Both of its forms, which ``init_images`` distinguishes."""
    body = await services.body(request)
    if body.get("init_images") is None or str(body.get("image") or "").strip():
        return await IMG2IMG.answer(request, services, body)
    images = body["init_images"]
    if not isinstance(images, list) or len(images) != 1 or not isinstance(images[0], str):
        raise Refusal(400, "init_images must be a list with one URL.")
    return await _IMG2IMG_2023.answer(request, services, {**body, "image": images[0]})


async def _img2video(job: Job) -> Response:
    wanted: schemas.ImageToVideoRequest = job.parameters
    image = await job.picture("image")
    size = (wanted.width or _FIRST_SIDE, wanted.height or _FIRST_SIDE)
    first_form = any(
        getattr(wanted, name) is not None for name in schemas.ImageToVideoOptions.model_fields
    )

    def work() -> bytes:
        from visioncraft_sandbox.engines import motion  # noqa: PLC0415  # as above

        return motion.pan(image, size) if first_form else motion.film(image)

    made = await job.services.pool.work(work)
    return await submitted(job, made, MOTION) if first_form else media_response(made, MOTION)


async def _upscale(job: Job) -> Response:
    wanted: schemas.UpscaleRequest = job.parameters
    if await job.services.backends.images() is None:
        # Raises before the picture is read if models are off.
        await job.services.pool.load(job.services.pool.upscaler)
    image = await job.picture("image")
    made = await enlarged(job, image, wanted.resize or 2, wanted.model)
    return media_response(made.files[0], made.engine)


async def _whisper(job: Job) -> Response:
    wanted: TranscribeRequest = job.parameters
    services = job.services
    server = await services.backends.speech()
    if server is not None:
        return await _forward_recording(job, server)
    transcriber = await services.pool.load(services.pool.transcriber)
    audio = await job.recording("audio")

    task_name = wanted.task or "transcribe"
    task = partial(
        transcriber.transcribe,
        audio,
        task=task_name,
        language=wanted.language,
        max_seconds=services.config.max_audio_seconds,
    )
    answer = await _worked(job, task)
    return json_response(answer, transcriber.name(task_name, wanted.language))


async def _worked(job: Job, task: Callable[[], _ResultT]) -> _ResultT:
    """Run a task whose ValueErrors are the caller's to correct."""
    try:
        return await job.services.pool.listen(task)
    except ValueError as error:
        raise Refusal(400, str(error)) from error


def _as_wav(audio: bytes, max_seconds: float) -> tuple[bytes, float]:
    from visioncraft_sandbox.engines import speech  # noqa: PLC0415  # PyAV is slow to import

    return speech.as_wav(audio, max_seconds=max_seconds)


async def _forward_recording(job: Job, server: SpeechServer) -> Response:
    wanted: TranscribeRequest = job.parameters
    audio = await job.recording("audio")
    seconds = None
    async with job.services.pool.forwarded:
        if not server.takes_any_file:
            convert = partial(_as_wav, audio, job.services.config.max_audio_seconds)
            audio, seconds = await _worked(job, convert)
        with server.connection.reading():
            answer = await server.transcribe(
                audio,
                task=wanted.task or "transcribe",
                language=None if wanted.language == "auto" else wanted.language,
                seconds=seconds,
            )
            return json_response(answer, server.engine)


OPERATIONS = (
    Operation("/img2video", schemas.ImageToVideoRequest, ErrorStyle.TEXT, _img2video),
    Operation("/upscale", schemas.UpscaleRequest, ErrorStyle.DETAIL, _upscale),
    Operation("/whisper", TranscribeRequest, ErrorStyle.DETAIL, _whisper),
)

ROUTES = (route("POST", "/img2img", _img2img),)
