"""What is made from pictures and recordings: image to image, video, upscaling, transcripts."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from langchain_visioncraft.client.schemas import (
    ImageToImage2023Request,
    ImageToImageRequest,
    ImageToVideoRequest,
    TranscribeRequest,
    UpscaleRequest,
)
from visioncraft_sandbox.answers import (
    ErrorStyle,
    Refusal,
    json_response,
    media_response,
)
from visioncraft_sandbox.backends.images import Order
from visioncraft_sandbox.backends.speech import SpeechServer
from visioncraft_sandbox.disconnects import unless_gone
from visioncraft_sandbox.intake import check_key, check_parameters, check_texts, read_body
from visioncraft_sandbox.operations import Job, Operation, Services, guarded
from visioncraft_sandbox.pictures import Sources, enlarged, reworked
from visioncraft_sandbox.workshop import MOTION

_STRENGTH = 0.8


async def _img2img_image(job: Job) -> Response:
    wanted: ImageToImageRequest = job.parameters
    image = await job.picture("image")
    # It is reworked in its own size, which takes long for many pixels.
    job.check_side(width=image.width, height=image.height)
    mask = await job.picture("mask") if wanted.mask is not None else None
    order = Order(
        wanted.prompt,
        image.width,
        image.height,
        negative_prompt=wanted.negative_prompt,
        sampler=wanted.scheduler,
        steps=wanted.steps,
        strength=wanted.strength,
    )
    made = await reworked(job, order, Sources(image, mask))
    return media_response(made.files[0], made.engine)


async def _img2img_init_images(job: Job) -> Response:
    wanted: ImageToImage2023Request = job.parameters
    job.check_side(width=wanted.width, height=wanted.height)
    image = await job.picture("image")
    order = Order(
        wanted.prompt,
        wanted.width,
        wanted.height,
        negative_prompt=wanted.negative_prompt,
        steps=wanted.steps,
        cfg_scale=wanted.cfg_scale,
        strength=_STRENGTH,
    )
    made = await reworked(job, order, Sources(image))
    return job.links(made.files, made.engine)


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


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


async def _img2img(request: Request, services: Services) -> Response:
    body = await read_body(request, services.config.max_body_bytes)
    if body.get("init_images") is None or not _is_empty(body.get("image")):
        return await _IMG2IMG.answer(request, services, body)
    key = check_key(body.get("token"), services.config)
    services.limiter.check("POST /img2img", key)
    images = body["init_images"]
    if not isinstance(images, list) or len(images) != 1 or not isinstance(images[0], str):
        raise Refusal(400, "init_images must be a list with one URL.")
    parameters = check_parameters(ImageToImage2023Request, {**body, "image": images[0]})
    check_texts(parameters, services.config.max_text)
    return await _img2img_init_images(Job(request, services, parameters))


async def _img2video(job: Job) -> Response:
    image = await job.picture("image")

    def work() -> bytes:
        from visioncraft_sandbox.engines import motion  # noqa: PLC0415  # as above

        return motion.film(image)

    return media_response(await job.services.workshop.work(work), MOTION)


async def _upscale(job: Job) -> Response:
    wanted: UpscaleRequest = job.parameters
    if await job.services.backends.images() is None:
        job.services.workshop.upscaler()  # says at once if it is switched off
    image = await job.picture("image")
    made = await enlarged(job, image, wanted.resize or 2, wanted.model)
    return media_response(made.files[0], made.engine)


async def _whisper(job: Job) -> Response:
    wanted: TranscribeRequest = job.parameters
    services = job.services
    server = await services.backends.speech()
    if server is not None:
        return await _transcribed_there(job, server)
    transcriber = services.workshop.transcriber()
    audio = await job.recording("audio")

    def work() -> dict[str, Any]:
        try:
            return transcriber.transcribe(
                audio,
                task=wanted.task or "transcribe",
                language=wanted.language,
                max_seconds=services.config.max_audio_seconds,
            )
        except ValueError as error:
            raise Refusal(400, str(error)) from error

    return json_response(await services.workshop.work(work), transcriber.name)


async def _transcribed_there(job: Job, server: SpeechServer) -> Response:
    wanted: TranscribeRequest = job.parameters
    audio = await job.recording("audio")
    seconds = None
    if not server.takes_any_file:

        def convert() -> tuple[bytes, float]:
            from visioncraft_sandbox.engines import speech  # noqa: PLC0415  # PyAV

            try:
                return speech.as_wav(audio, max_seconds=job.services.config.max_audio_seconds)
            except ValueError as error:
                raise Refusal(400, str(error)) from error

        audio, seconds = await job.services.workshop.work(convert)
    answer = await unless_gone(
        job.request,
        server.transcribe(
            audio,
            task=wanted.task or "transcribe",
            language=None if wanted.language == "auto" else wanted.language,
            seconds=seconds,
        ),
    )
    return json_response(answer, server.engine)


OPERATIONS = (
    Operation("/img2video", ImageToVideoRequest, ErrorStyle.TEXT, _img2video),
    Operation("/upscale", UpscaleRequest, ErrorStyle.DETAIL, _upscale),
    Operation("/whisper", TranscribeRequest, ErrorStyle.DETAIL, _whisper),
)
