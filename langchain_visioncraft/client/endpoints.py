"""One function per endpoint. Each returns a flow; `client.run(flow)` runs it.

```python
from langchain_visioncraft.client import VisionCraftClient, endpoints
from visioncraft_sandbox import Sandbox

with Sandbox(models=False) as sandbox:
    with VisionCraftClient(base_url=sandbox.url, api_key="any") as client:
        [image] = client.run(endpoints.text_to_image("A lighthouse in a storm", width=512))
        [same] = client.text_to_image("A lighthouse in a storm", width=512)  # the short way
assert image.mime_type == "image/png"
```

The parameters, with their bounds and defaults, are those of the request models in
`langchain_visioncraft.client.schemas` and `text_schemas`. They are checked when the function is
called; a wrong one raises `errors.InvalidRequestError` and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from langchain_visioncraft import errors
from langchain_visioncraft._redact import shortened
from langchain_visioncraft.client import capabilities as discovery
from langchain_visioncraft.client import schemas, text_schemas
from langchain_visioncraft.client.decode import (
    Caption,
    facts_of,
    id_in,
    json_from,
    names_from,
    text_from,
    transcript_from,
)
from langchain_visioncraft.client.endpoint import Endpoint, endpoint
from langchain_visioncraft.client.fields import Request
from langchain_visioncraft.client.flow import Answer, Call, Flow, Progress, fetch
from langchain_visioncraft.client.lists import ListRequest, names_of, post
from langchain_visioncraft.client.tasks import job_task, made_by, midjourney_task
from langchain_visioncraft.client.transcripts import Transcript
from langchain_visioncraft.media.inputs import MediaSource
from langchain_visioncraft.media.media import Media

__all__ = ["Endpoint", "EndpointMethods", "endpoint"]

P = ParamSpec("P")
RequestT = TypeVar("RequestT", bound=Request)


def _row(
    about: str,
    request: Callable[P, RequestT],
    family: str | None = None,
    kinds: Sequence[str] = ("image",),
) -> Endpoint[P, RequestT, list[Media]]:
    """An endpoint that makes media, and differs from others only in its path and parameters.

    Its name is that in `EndpointMethods`.

    `about` is its path, and the rest of the first line of its documentation; `family` that of the
    lists that its names are in; `kinds` are the kinds of media that it may make.
    """
    path = about.partition(" ")[0]

    def make(request: RequestT) -> Flow[list[Media]]:
        return (yield from made_by((yield from post(path, request, family)), kinds))

    make.__doc__ = f"``POST {path}``{about.removeprefix(path)}"
    return Endpoint(request, make)


_MOTION = ("image", "video")

text_to_image = _row(
    "/sd (2024-04, 2024-07, 2024-09): one image from a prompt.", schemas.TextToImageRequest, "sd"
)
text_to_image_sd1 = _row(
    "/generate (2023-11, 2024-03): one to five images from a prompt.",
    schemas.TextToImageSD1Request,
    "sd1",
)
text_to_image_sdxl = _row(
    "/generate-xl (2024-03): one image from a prompt.", schemas.TextToImageSDXLRequest, "sdxl"
)
openjourney = _row("/openjourney (2024-03): one image from a prompt.", schemas.OpenjourneyRequest)
dalle = _row("/dalle (2024-05): one image from a prompt, by DALL·E 3.", schemas.DalleRequest)
kandinsky = _row(
    "/kandinsky (2024-05): one image from a prompt, by Kandinsky.", schemas.PromptsRequest
)
playground = _row(
    "/playground (2024-05): one image from a prompt, by Playground.", schemas.PromptsRequest
)
leonardo_xl = _row(
    "/leonardo-xl (2024-05): one image from a prompt, by Leonardo XL.", schemas.PromptRequest
)
image_to_image = _row(
    "/img2img (2024-03): a picture edited from a prompt, or only its masked part.",
    schemas.ImageToImageRequest,
    "img2img",
)
image_to_image_2023 = _row(
    "/img2img with ``init_images`` (2023-11): a picture edited from a text prompt.",
    schemas.ImageToImage2023Request,
)
text_to_gif = _row(
    "/text2gif (2024-09): an animated GIF from a prompt.", schemas.PromptRequest, kinds=_MOTION
)
text_to_gif_2024 = _row(
    "/generate-gif (2024-03, 2024-05): an animated GIF from a prompt.",
    schemas.TextToGif2024Request,
    "sd1",
    _MOTION,
)
image_to_video = _row(
    "/img2video (2024-03): a short video made from a picture.",
    schemas.ImageToVideoRequest,
    kinds=_MOTION,
)
upscale = _row("/upscale (2024-03): the same picture with more pixels.", schemas.UpscaleRequest)


@endpoint(schemas.ImageRequest)
def image(request: schemas.ImageRequest) -> Flow[list[Media]]:
    """``POST /image/generate`` (2024-08): one image or animation, from a prompt or a picture.

    With `stream`, its place in the queue is reported as progress. `base_url` may end in ``/api``.
    """
    source = request.init_image
    if isinstance(source, MediaSource) and source.url is not None:  # this endpoint takes no links
        fetched = yield from fetch(source.url, "init_image of POST /image/generate")
        with fetched.open() as file:
            held = MediaSource(source.label, data=file.read())
        request = request.model_copy(update={"init_image": held})
    answer = yield from post("/image/generate", request, "image", streams=request.stream)
    made = yield from made_by(answer, _MOTION)
    if request.seed is None or request.seed < 0:
        return made
    return [
        medium.model_copy(update={"seed": request.seed}) if medium.seed is None else medium
        for medium in made
    ]


@endpoint(schemas.MidjourneyRequest)
def midjourney(request: schemas.MidjourneyRequest) -> Flow[list[Media]]:
    """``POST /midjourney`` (2024-03): one image from a prompt; the client polls for minutes.

    Raises:
        TaskFailedError: If the service abandons the task.
        TaskDeadlineError: If it takes longer than `deadline` seconds (default 900).
    """
    answer = yield from post("/midjourney", request)
    decoded = json_from(answer)
    task_id = id_in(decoded.get("data")) if isinstance(decoded, dict) else None
    if task_id is None:
        msg = f"POST /midjourney returned no task id but {shortened(str(decoded), 200)}."
        raise errors.UnexpectedAnswerError(msg, **facts_of(answer))
    yield Progress("submitted to Midjourney", 0.0, {"task_id": task_id})
    return (yield from midjourney_task(task_id, request.deadline))


@endpoint(schemas.MidjourneyResultRequest)
def midjourney_result(request: schemas.MidjourneyResultRequest) -> Flow[list[Media]]:
    """``POST /midjourney/result`` (2024-03): the image of a task that was submitted earlier."""
    return (yield from midjourney_task(str(request.task_id), request.deadline))


@endpoint(schemas.JobResultRequest)
def job_result(request: schemas.JobResultRequest) -> Flow[list[Media]]:
    """``POST /job-status`` (2024-01): the result of a job submitted earlier. Needs no key.

    Endpoints that answer with a job call it themselves.

    Raises:
        TaskFailedError: If the service abandons the job.
        TaskDeadlineError: If it takes longer than `deadline` seconds (default 900).
    """
    options = request.body()
    return (yield from job_task(options.pop("job_id"), options, request.deadline))


@endpoint(text_schemas.TranscribeRequest)
def transcribe(request: text_schemas.TranscribeRequest) -> Flow[Transcript]:
    """``POST /whisper`` (2024-03): the transcript of a recording."""
    return transcript_from((yield from post("/whisper", request)))


@endpoint(ListRequest)
def list_names(request: ListRequest) -> Flow[list[str]]:
    """A list of models, samplers, schedulers, LoRAs or refiners. Needs no key.

    If the host divides it by base model, all parts are read, unless `base_model` names one. If the
    host has no list of chat models, ``GET /v1/models`` is read instead, with the key.
    """
    try:
        return (yield from names_of(request.family, request.kind, request.base_model))
    except (errors.APIStatusError, errors.UnexpectedAnswerError) as error:
        if request.family != "llm" or isinstance(error, errors.RateLimitError | errors.ServerError):
            raise
        return (yield from _openai_models(error))


def _openai_models(problem: errors.VisionCraftError) -> Flow[list[str]]:
    try:
        return names_from((yield Call("GET", "/v1/models", auth="bearer")))
    except errors.AuthenticationError:
        raise  # more informative than the missing second list
    except errors.VisionCraftError:
        raise problem from None


@endpoint(text_schemas.LimitsRequest)
def limits(_: text_schemas.LimitsRequest) -> Flow[dict[str, Any]]:
    """``GET /limits`` (2024-03): each tier's limits, as the host words them. Needs no key."""
    decoded = json_from((yield Call("GET", "/limits", auth="none")))
    return decoded if isinstance(decoded, dict) else {"limits": decoded}


@endpoint(text_schemas.ChatRequest)
def chat(request: text_schemas.ChatRequest) -> Flow[dict[str, Any]]:
    """``POST /v1/chat/completions`` (2024-09), not streamed: the OpenAI chat completion.

    To chat, use `ChatVisionCraft`; this is only the endpoint.
    """
    step = Call("POST", "/v1/chat/completions", request.body(), auth="bearer")
    answer: Answer = yield step
    decoded = json_from(answer)
    if not isinstance(decoded, dict) or not decoded.get("choices"):
        msg = f"{answer.endpoint} returned no chat completion but {shortened(str(decoded), 200)}."
        raise errors.UnexpectedAnswerError(msg, **facts_of(answer))
    return decoded


@endpoint(text_schemas.CaptionRequest)
def caption(request: text_schemas.CaptionRequest) -> Flow[str]:
    """``POST /v1/chat/completions`` (2024-09): what a LLaVA model sees in a picture.

    The model's reasoning is left out. The text is a `Caption`; its `engine` names the engine that
    answered, if the host reports one, as the sandbox does.
    """
    answer = yield from post("/v1/chat/completions", request, "llm", auth="bearer")
    from langchain_visioncraft._reasoning import split_reasoning  # noqa: PLC0415 -- many patterns

    _, said = split_reasoning(text_from(answer))
    return Caption(said, answer.engine)


@endpoint(text_schemas.LegacyChatRequest)
def legacy_chat(request: text_schemas.LegacyChatRequest) -> Flow[str]:
    """``POST /llm`` (2024-03): the text of a chat answer."""
    return text_from((yield from post("/llm", request, "llm")))


class EndpointMethods:
    """Each endpoint as a method, which runs its flow; see `Endpoint`. Both clients have them."""

    image = image
    text_to_image = text_to_image
    text_to_image_sd1 = text_to_image_sd1
    text_to_image_sdxl = text_to_image_sdxl
    openjourney = openjourney
    dalle = dalle
    kandinsky = kandinsky
    playground = playground
    leonardo_xl = leonardo_xl
    midjourney = midjourney
    midjourney_result = midjourney_result
    job_result = job_result
    image_to_image = image_to_image
    image_to_image_2023 = image_to_image_2023
    text_to_gif = text_to_gif
    text_to_gif_2024 = text_to_gif_2024
    image_to_video = image_to_video
    upscale = upscale
    transcribe = transcribe
    list_names = list_names
    limits = limits
    chat = chat
    caption = caption
    legacy_chat = legacy_chat
    capabilities = discovery.capabilities
