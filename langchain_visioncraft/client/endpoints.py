"""One function per endpoint. Each gives a flow; `client.run(flow)` runs it.

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
`langchain_visioncraft.client.schemas`. They are checked when the function is called; a wrong one
raises `errors.InvalidRequestError` and nothing is sent.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from pydantic import ValidationError

from langchain_visioncraft import errors
from langchain_visioncraft._reasoning import split_reasoning
from langchain_visioncraft.client import schemas
from langchain_visioncraft.client.answers import said_in, unknown_kind
from langchain_visioncraft.client.decode import (
    check_refusal,
    facts_of,
    json_from,
    media_from,
    names_from,
    text_from,
    transcript_from,
)
from langchain_visioncraft.client.flow import (
    RETRY_STATUSES,
    Answer,
    Auth,
    Call,
    Flow,
    Progress,
    call,
    fetch,
    pause,
    report,
)
from langchain_visioncraft.client.transcripts import Transcript
from langchain_visioncraft.client.validation import invalid_request
from langchain_visioncraft.media.inputs import MediaSource, source_in_code
from langchain_visioncraft.media.media import Media

P = ParamSpec("P")
ResultT = TypeVar("ResultT")
RequestT = TypeVar("RequestT", bound=schemas.Request)

MIDJOURNEY_FIRST_PAUSE = 2.0
MIDJOURNEY_LONGEST_PAUSE = 15.0
_PASSING = (
    *(
        errors.ConnectionFailedError,
        errors.TimedOutError,
        errors.ServerError,
        errors.RateLimitError,
    ),
    *(errors.UnexpectedAnswerError, errors.TruncatedAnswerError),
)
_POLL_FAILURES = 3
"""How many polls in a row may fail, beyond the driver's own retries, before a task is given up."""


class _Client(Protocol):
    def run(self, flow: Flow[ResultT], /) -> ResultT: ...


class _AsyncClient(Protocol):
    async def run(self, flow: Flow[ResultT], /) -> ResultT: ...


class Endpoint(Generic[P, RequestT, ResultT]):
    """A function from an endpoint's parameters to its flow, and a method of both clients.

    As a method it runs the flow: ``client.upscale("photo.jpg")`` gives what
    ``client.run(endpoints.upscale("photo.jpg"))`` does, and is awaited with the async client. The
    parameters of `request` that say ``kw_only=False`` may be given by position.

    Attributes:
        request: The pydantic model of the parameters.
    """

    __name__: str

    def __init__(
        self, request: Callable[P, RequestT], function: Callable[[RequestT], Flow[ResultT]]
    ) -> None:
        self.request: Any = request
        self._function = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Flow[ResultT]:
        """Check the parameters and give the flow.

        Raises:
            InvalidRequestError: If a parameter is missing, unknown or out of bounds.
        """
        by_position = self._by_name(args)
        if twice := sorted(set(kwargs) & set(by_position)):
            msg = f"Nothing was sent. {', '.join(twice)}: given by position and again by name."
            raise errors.InvalidRequestError(msg)
        fields = self.request.without_empty({**by_position, **kwargs})
        for name in self.request.media_kinds:
            if isinstance(text := fields.get(name), str):
                fields[name] = _source(name, text)
        try:
            request = self.request(**fields)
        except ValidationError as error:
            raise invalid_request(error) from None
        return self._function(request)

    def _by_name(self, values: Sequence[object]) -> dict[str, object]:
        names = [name for name, info in self.request.model_fields.items() if info.kw_only is False]
        if len(values) > len(names):
            msg = (
                f"Nothing was sent. {self.__name__} takes {len(names)} by position "
                f"({', '.join(names) or 'none'}), not {len(values)}; name the others."
            )
            raise errors.InvalidRequestError(msg)
        return dict(zip(names, values, strict=False))

    @overload
    def __get__(self, client: None, owner: Any) -> Endpoint[P, RequestT, ResultT]: ...
    @overload
    def __get__(self, client: _Client, owner: Any) -> Callable[P, ResultT]: ...
    @overload
    def __get__(
        self, client: _AsyncClient, owner: Any
    ) -> Callable[P, Coroutine[Any, Any, ResultT]]: ...
    def __get__(self, client: Any, owner: Any) -> Any:
        if client is None:
            return self

        @functools.wraps(self)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.run(self(*args, **kwargs))

        return method

    @property
    def __signature__(self) -> inspect.Signature:
        fields = self.request.model_fields.items()
        parameters = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY
                if info.kw_only is not False
                else inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=inspect.Parameter.empty if info.is_required() else info.get_default(),
                annotation="MediaInput" if name in self.request.media_kinds else info.annotation,
            )
            for name, info in sorted(fields, key=lambda field: field[1].kw_only is not False)
        ]
        return inspect.Signature(parameters)

    def __repr__(self) -> str:
        return f"<endpoint {self.__name__}>"


def _source(name: str, text: str) -> str | MediaSource:
    try:
        return source_in_code(text)
    except errors.MediaInputError as error:
        raise errors.MediaInputError(f"Nothing was sent. {name}: {error}") from None


def endpoint(
    request: Callable[P, RequestT],
) -> Callable[[Callable[[RequestT], Flow[ResultT]]], Endpoint[P, RequestT, ResultT]]:
    """Make an endpoint of a function that takes a request model."""
    return lambda function: Endpoint(request, function)


def _post(
    path: str, request: schemas.Request, family: str | None = None, auth: Auth = "token"
) -> Flow[Answer]:
    """Make a call; where the host refuses a name, say which names are near."""
    try:
        answer = yield from call(Call("POST", path, request.body(), auth=auth))
        check_refusal(answer)
    except errors.BadRequestError as error:
        kind = unknown_kind(error.detail)
        if family is None or (family, kind) not in schemas.LIST_PATHS:
            raise
        problem = error, str(kind)
    else:
        return answer
    return (yield from _suggest(*problem, family, request))


def _suggest(
    error: errors.BadRequestError, kind: str, family: str, request: schemas.Request
) -> Flow[Answer]:
    try:
        path = schemas.LIST_PATHS[family, kind]
        names = names_from((yield from call(Call("GET", path, auth="none"))))
    except errors.VisionCraftError:
        raise error from None  # the refusal is the better message
    given = getattr(request, kind if kind == "loras" else kind.removesuffix("s"), None)
    asked = list(given) if isinstance(given, dict) else [given] if given else []
    unknown = next((name for name in asked if name not in names), None)
    if unknown is None:  # it means something else than what was given
        raise error
    lowered = {name.lower(): name for name in names}
    near = difflib.get_close_matches(unknown.lower(), lowered, n=5, cutoff=0.5)
    suggestions = [lowered[name] for name in near]
    listed = ", ".join(repr(name) for name in suggestions or names[:8])
    msg = (
        f"{error.endpoint}: the host does not know the {kind.removesuffix('s')} {unknown!r}. "
        f"{'Near names' if suggestions else 'It knows for example'}: {listed}. "
        f"All {len(names)} are in the list {family!r}, {kind!r}."
    )
    better = errors.UnknownNameError(
        msg,
        status=error.status,
        detail=error.detail,
        endpoint=error.endpoint,
        base_url=error.base_url,
    )
    better.name, better.suggestions = unknown, suggestions
    raise better from error


@endpoint(schemas.TextToImageRequest)
def text_to_image(request: schemas.TextToImageRequest) -> Flow[list[Media]]:
    """``POST /sd`` (2024-07, 2024-09): one image from words."""
    return (yield from media_from((yield from _post("/sd", request, "sd"))))


@endpoint(schemas.TextToImageSD1Request)
def text_to_image_sd1(request: schemas.TextToImageSD1Request) -> Flow[list[Media]]:
    """``POST /generate`` (2023-11, 2024-03): one to five images from words."""
    return (yield from media_from((yield from _post("/generate", request, "sd1"))))


@endpoint(schemas.TextToImageSDXLRequest)
def text_to_image_sdxl(request: schemas.TextToImageSDXLRequest) -> Flow[list[Media]]:
    """``POST /generate-xl`` (2024-03): one image from words."""
    return (yield from media_from((yield from _post("/generate-xl", request, "sdxl"))))


@endpoint(schemas.OpenjourneyRequest)
def openjourney(request: schemas.OpenjourneyRequest) -> Flow[list[Media]]:
    """``POST /openjourney`` (2024-03): one image from words."""
    return (yield from media_from((yield from _post("/openjourney", request))))


@endpoint(schemas.MidjourneyRequest)
def midjourney(request: schemas.MidjourneyRequest) -> Flow[list[Media]]:
    """``POST /midjourney`` (2024-03): submit, then ask for the result until it is there.

    Raises:
        TaskFailedError: If the service gives the task up.
        TaskDeadlineError: If it takes longer than `deadline` seconds (default 900).
    """
    answer = yield from _post("/midjourney", request)
    decoded = json_from(answer)
    task_id = decoded.get("data") if isinstance(decoded, dict) else None
    if not isinstance(task_id, int | str) or task_id == "":
        msg = f"POST /midjourney gave no task id but {str(decoded)[:200]}."
        raise errors.UnexpectedAnswerError(msg, **facts_of(answer))
    yield from report(Progress("submitted to Midjourney", 0.0, {"task_id": str(task_id)}))
    return (yield from _await_task(str(task_id), request.deadline))


@endpoint(schemas.MidjourneyResultRequest)
def midjourney_result(request: schemas.MidjourneyResultRequest) -> Flow[list[Media]]:
    """``POST /midjourney/result`` (2024-03): wait for a task that was submitted before."""
    return (yield from _await_task(str(request.task_id), request.deadline))


def _await_task(task_id: str, deadline: float) -> Flow[list[Media]]:
    elapsed, interval, failures = 0.0, MIDJOURNEY_FIRST_PAUSE, 0
    while elapsed < deadline:
        elapsed = yield from pause(min(interval, deadline - elapsed))
        interval = min(interval * 1.5, MIDJOURNEY_LONGEST_PAUSE)
        try:
            answer = yield from call(Call("POST", "/midjourney/result", {"task_id": task_id}))
            state = json_from(answer)
        except errors.VisionCraftError as error:
            # The picture is being made, and paid for: one bad moment must not lose it.
            failures += 1
            passing = isinstance(error, _PASSING) or error.status in RETRY_STATUSES
            if not passing or failures > _POLL_FAILURES:
                raise
            interval = max(interval, error.retry_after or 0.0)
            continue
        failures = 0
        state = state if isinstance(state, dict) else {"Status": str(state)}
        url = state.get("URL") or state.get("url")
        if url:
            return (yield from media_from((yield from fetch(str(url), answer.endpoint))))
        status = str(state.get("Status") or state.get("status") or "unknown").lower()
        if status in ("failed", "failure", "error", "cancelled", "canceled", "banned", "rejected"):
            msg = f"Midjourney gave up task {task_id}: {said_in(state).message or status}."
            msg += " Change the prompt and try again."
            raise errors.TaskFailedError(msg, detail=str(state)[:500], **facts_of(answer))
        details = {"task_id": task_id, "status": status}
        yield from report(Progress(f"Midjourney is {status}", elapsed, details))
    msg = (
        f"Midjourney task {task_id} is not ready after {deadline:g} seconds. It may still be made: "
        f"endpoints.midjourney_result(task_id={task_id!r}) asks for it again."
    )
    raise errors.TaskDeadlineError(msg, endpoint="POST /midjourney/result")


@endpoint(schemas.ImageToImageRequest)
def image_to_image(request: schemas.ImageToImageRequest) -> Flow[list[Media]]:
    """``POST /img2img`` (2024-03): a picture edited from a prompt, or only its masked part."""
    return (yield from media_from((yield from _post("/img2img", request, "img2img"))))


@endpoint(schemas.ImageToImage2023Request)
def image_to_image_2023(request: schemas.ImageToImage2023Request) -> Flow[list[Media]]:
    """``POST /img2img`` with ``init_images`` (2023-11): a picture edited from a text prompt."""
    return (yield from media_from((yield from _post("/img2img", request))))


@endpoint(schemas.TextToGifRequest)
def text_to_gif(request: schemas.TextToGifRequest) -> Flow[list[Media]]:
    """``POST /text2gif`` (2024-09): an animated GIF from words."""
    answer = yield from _post("/text2gif", request)
    return (yield from media_from(answer, ("image", "video")))


@endpoint(schemas.TextToGif2024Request)
def text_to_gif_2024(request: schemas.TextToGif2024Request) -> Flow[list[Media]]:
    """``POST /generate-gif`` (2024-03, 2024-05): an animated GIF from words."""
    answer = yield from _post("/generate-gif", request, "sd1")
    return (yield from media_from(answer, ("image", "video")))


@endpoint(schemas.ImageToVideoRequest)
def image_to_video(request: schemas.ImageToVideoRequest) -> Flow[list[Media]]:
    """``POST /img2video`` (2024-03): a short video that moves a picture."""
    answer = yield from _post("/img2video", request)
    return (yield from media_from(answer, ("video", "image")))


@endpoint(schemas.UpscaleRequest)
def upscale(request: schemas.UpscaleRequest) -> Flow[list[Media]]:
    """``POST /upscale`` (2024-03): the same picture with more pixels."""
    return (yield from media_from((yield from _post("/upscale", request))))


@endpoint(schemas.TranscribeRequest)
def transcribe(request: schemas.TranscribeRequest) -> Flow[Transcript]:
    """``POST /whisper`` (2024-03): the words of a recording."""
    return transcript_from((yield from _post("/whisper", request)))


@endpoint(schemas.ListRequest)
def list_names(request: schemas.ListRequest) -> Flow[list[str]]:
    """One of the lists of models, samplers, schedulers, LoRAs or refiners. Needs no key.

    Of a host without the list of chat models, it is ``GET /v1/models``, with the key.
    """
    try:
        return names_from((yield from call(Call("GET", request.path, auth="none"))))
    except (errors.APIStatusError, errors.UnexpectedAnswerError) as error:
        if request.family != "llm" or isinstance(error, errors.RateLimitError | errors.ServerError):
            raise
        return (yield from _openai_models(error))


def _openai_models(problem: errors.VisionCraftError) -> Flow[list[str]]:
    try:
        return names_from((yield from call(Call("GET", "/v1/models", auth="bearer"))))
    except errors.AuthenticationError:
        raise  # says more than that there is no other list
    except errors.VisionCraftError:
        raise problem from None


@endpoint(schemas.LimitsRequest)
def limits(_: schemas.LimitsRequest) -> Flow[dict[str, Any]]:
    """``GET /limits`` (2024-03): tier → what → limit, as the host words it. Needs no key."""
    decoded = json_from((yield from call(Call("GET", "/limits", auth="none"))))
    return decoded if isinstance(decoded, dict) else {"limits": decoded}


@endpoint(schemas.ChatRequest)
def chat(request: schemas.ChatRequest) -> Flow[dict[str, Any]]:
    """``POST /v1/chat/completions`` (2024-09), not streamed: the OpenAI chat completion.

    `ChatVisionCraft` is the way to chat; this is the bare endpoint.
    """
    step = Call("POST", "/v1/chat/completions", request.body(), auth="bearer")
    answer = yield from call(step)
    decoded = json_from(answer)
    if not isinstance(decoded, dict) or not decoded.get("choices"):
        msg = f"{answer.endpoint} returned no chat completion but {str(decoded)[:200]}."
        raise errors.UnexpectedAnswerError(msg, **facts_of(answer))
    return decoded


@endpoint(schemas.CaptionRequest)
def caption(request: schemas.CaptionRequest) -> Flow[str]:
    """``POST /v1/chat/completions`` (2024-09): what a LLaVA model sees in a picture.

    What the model thought before its answer is left out.
    """
    path = "/v1/chat/completions"
    said = text_from((yield from _post(path, request, "llm", auth="bearer")))
    _, answer = split_reasoning(said)
    return answer


@endpoint(schemas.LegacyChatRequest)
def legacy_chat(request: schemas.LegacyChatRequest) -> Flow[str]:
    """``POST /llm`` (2024-03): the text of a chat answer."""
    return text_from((yield from _post("/llm", request, "llm")))


class EndpointMethods:
    """Each endpoint as a method, which runs its flow; see `Endpoint`. Both clients have them."""

    text_to_image = text_to_image
    text_to_image_sd1 = text_to_image_sd1
    text_to_image_sdxl = text_to_image_sdxl
    openjourney = openjourney
    midjourney = midjourney
    midjourney_result = midjourney_result
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
