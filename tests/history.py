"""Every form of the API that its documentation or a caller's working code shows, typed by hand.

Parameters are in ``documented_parameters.py``; here are requests, what hosts answered, and errors.
Each row of `SERVED` is played in ``test_history.py``; each of `LEFT_OUT` must be in the manual with
its reason. ``doc`` is the service's own documentation, ``client`` the code of somebody who called
it; what only the author's later services document is left out.
"""

from __future__ import annotations

import base64
from typing import Any, Literal, NamedTuple

from samples import GIF, MP4, PNG, WAV

from langchain_visioncraft.client.transcripts import Transcript

Certainty = Literal["doc", "client"]


class Form(NamedTuple):
    """One form of one request.

    Attributes:
        request: Method and path.
        since: The date of the first sign of it.
        endpoint: The function that serves it.
        given: Its arguments.
        answers: What the host answered to each request that follows.
        result: What comes of it: the MIME types of media, or the value itself.
        seed: The seed that the media have.
    """

    request: str
    since: str
    certainty: Certainty
    endpoint: str
    given: dict[str, Any]
    answers: tuple[Any, ...]
    result: Any = ("image/png",)
    seed: int | None = None


LINK = "/m.png"
TEXT = base64.b64encode(PNG).decode()
CAT = {"prompt": "a cat"}
FLUX = {**CAT, "model": "FLUX.1-dev-fp8"}
PICTURE = {"image": PNG}
EDIT = {**CAT, **PICTURE}
WAITING = b'{"status": "WAITING", "queue_position": 3, "queue_total": 10}'
RUNNING = b'{"status": "RUNNING"}'
DONE = b'{"status": "SUCCESS", "image_url": "/m.png", "seed": 123456}'
SPEECH = {"audio": WAV}
HEARD = Transcript(text="Hi")
HI = {"model": "Llama-3-8B-Instruct", "messages": [{"role": "user", "content": "Hi"}]}
CHOICES = {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}
RUNS = {"status": "something else", "image": None}
MADE = {"status": "success", "image": LINK}
TIERS = {"Free Tier": {"SDXL models": "10 per 5 minutes"}, "Tier 1 ($10 per month)": {}}

SERVED = [
    # POST /image/generate
    Form("POST /image/generate", "2024-08-16", "doc", "image", FLUX, (PNG,)),
    Form("POST /image/generate", "2024-09-11", "client", "image", FLUX, ({"image_url": LINK}, PNG)),
    Form(
        "POST /image/generate", "2024-09-11", "client", "image", {**FLUX, "stream": True},
        (b"\n".join([WAITING, RUNNING, DONE]), PNG), seed=123456,
    ),
    Form(
        "POST /image/generate", "2024-09-11", "client", "image", {**FLUX, "seed": 7},
        ({"image_url": LINK}, PNG), seed=7,
    ),
    Form(
        "POST /image/generate", "2024-09-12", "client", "image",
        {**CAT, "model": "DreamShaper-8", "is_video": True}, ({"image_url": LINK}, GIF),
        ("image/gif",),
    ),
    Form(
        "POST /image/generate", "2024-09-12", "client", "image",
        {**CAT, "model": "DreamShaper-8", "is_video": True}, ({"image_url": LINK}, MP4),
        ("video/mp4",),
    ),
    Form(
        "POST /image/generate", "2024-09-19", "client", "image", {**FLUX, "init_image": PNG},
        ({"image_url": LINK}, PNG),
    ),
    # POST /sd
    Form("POST /sd", "2024-04-23", "client", "text_to_image", CAT, (PNG,)),
    # POST /generate
    Form("POST /generate", "2023-10-17", "doc", "text_to_image_sd1", CAT, ([TEXT],)),
    Form("POST /generate", "2023-10-29", "doc", "text_to_image_sd1", CAT, ({"images": [TEXT]},)),
    Form(
        "POST /generate", "2023-10-31", "doc", "text_to_image_sd1", CAT,
        ({"images": [LINK, LINK]}, PNG, PNG), ("image/png", "image/png"),
    ),
    Form(
        "POST /generate", "2024-04-17", "client", "text_to_image_sd1", CAT,
        ({"images": LINK}, PNG),
    ),
    # POST /generate-xl
    Form(
        "POST /generate-xl", "2023-12-18", "doc", "text_to_image_sdxl", CAT,
        ({"images": [LINK]}, PNG),
    ),
    Form(
        "POST /generate-xl", "2024-01-29", "doc", "text_to_image_sdxl", CAT,
        ({"job_id": "7"}, RUNS, MADE, PNG),
    ),
    Form("POST /generate-xl", "2024-02-08", "doc", "text_to_image_sdxl", CAT, (PNG,)),
    Form(
        "POST /generate-xl", "2024-04-04", "client", "text_to_image_sdxl",
        {**CAT, "image_count": 2}, ({"images": [LINK, LINK]}, PNG, PNG),
        ("image/png", "image/png"),
    ),
    Form(
        "POST /job-status", "2024-01-29", "doc", "job_result", {"job_id": "7", "watermark": False},
        (RUNS, RUNS, MADE, PNG),
    ),
    # POST /img2img
    Form(
        "POST /img2img", "2023-11-14", "doc", "image_to_image_2023", EDIT,
        ({"images": [LINK]}, PNG),
    ),
    Form("POST /img2img", "2023-12-18", "doc", "image_to_image", EDIT, ({"images": [LINK]}, PNG)),
    Form("POST /img2img", "2024-02-15", "doc", "image_to_image", EDIT, (PNG,)),
    # Motion, sound, upscaling
    Form(
        "POST /img2video", "2024-01-29", "doc", "image_to_video", {**PICTURE, "width": 512},
        ({"job_id": "7"}, RUNS, {"status": "success", "image": "/m.gif"}, GIF), ("image/gif",),
    ),
    Form("POST /img2video", "2024-02-12", "doc", "image_to_video", PICTURE, (MP4,), ("video/mp4",)),
    Form(
        "POST /generate-gif", "2024-01-21", "doc", "text_to_gif_2024", CAT,
        ({"images": [LINK]}, GIF), ("image/gif",),
    ),
    Form("POST /upscale", "2024-01-21", "doc", "upscale", PICTURE, (PNG,)),
    Form("POST /upscale", "2024-02-05", "doc", "upscale", PICTURE, ({"images": [LINK]}, PNG)),
    Form(
        "POST /upscale", "2024-04-11", "client", "upscale",
        {**PICTURE, "model": "R-ESRGAN 4x+", "resize": 4}, (PNG,),
    ),
    Form("POST /whisper", "2024-02-15", "doc", "transcribe", SPEECH, ({"text": "Hi"},), HEARD),
    Form(
        "POST /whisper", "2024-03-09", "doc", "transcribe",
        {**SPEECH, "task": "translate", "language": "auto"}, ({"text": "Hi"},), HEARD,
    ),
    # Further pictures
    Form("POST /dalle", "2024-02-21", "doc", "dalle", CAT, ({"images": [LINK]}, PNG)),
    Form("POST /dalle", "2024-03-24", "client", "dalle", {**CAT, "quality": "hd"}, (PNG,)),
    Form("POST /kandinsky", "2024-05-13", "doc", "kandinsky", CAT, (PNG,)),
    Form("POST /playground", "2024-05-13", "doc", "playground", CAT, (PNG,)),
    Form("POST /leonardo-xl", "2024-05-16", "doc", "leonardo_xl", CAT, (PNG,)),
    Form("POST /openjourney", "2024-02-25", "doc", "openjourney", CAT, (PNG,)),
    Form(
        "POST /midjourney", "2024-02-25", "doc", "midjourney", CAT,
        ({"data": "75435"}, {"Status": "generating"}, {"Status": "success", "URL": LINK}, PNG),
    ),
    Form(
        "POST /midjourney", "2024-04-17", "client", "midjourney", CAT,
        ({"data": 75435}, {"Status": "success", "URL": LINK}, PNG),
    ),
    Form(
        "POST /midjourney/result", "2024-02-25", "doc", "midjourney_result", {"task_id": "75435"},
        ({"Status": "success", "URL": LINK}, PNG),
    ),
    # Text
    Form("POST /llm", "2024-01-14", "client", "legacy_chat", HI, (CHOICES,), "Hello"),
    Form(
        "POST /v1/chat/completions", "2024-04-05", "client", "chat", HI,
        ({"id": "1", **CHOICES},), {"id": "1", **CHOICES},
    ),
    # Lists and limits
    *(
        Form(
            f"GET {path}", since, certainty, "list_names",
            dict(zip(("family", "kind", "base_model"), names, strict=False)), (["a", "b"],),
            ["a", "b"],
        )
        for path, since, certainty, names in (
            *(
                (f"/image/models/{base}", "2024-08-16", "doc", ("image", "models", base))
                for base in (
                    *("SD-3.0", "SD-1.5", "SDXL-1.0", "Pony", "Kolors", "SD-2.0", "PixArt"),
                    *("FLUX.1", "Playground-v2", "SD-1.4", "HunYuanDiT-v1.2"),
                )
            ),
            *(
                (f"/image/loras/{base}", "2024-08-16", "doc", ("image", "loras", base))
                for base in (
                    *("sd", "sdxl", "SD-3.0", "SD-2.0", "SD-1.4", "HunYuanDiT", "SD-1.5", "Pony"),
                    *("Kolors", "FLUX.1", "SDXL-1.0", "HunYuanDiT-v1.2"),
                )
            ),
            ("/image/samplers", "2024-08-16", "doc", ("image", "samplers")),
            ("/sd/models", "2024-04-23", "client", ("sd", "models")),
            ("/sd/loras", "2024-04-23", "client", ("sd", "loras")),
            ("/sd/models-sd", "2024-05-13", "doc", ("sd", "models", "sd")),
            ("/sd/models-sdxl", "2024-05-13", "doc", ("sd", "models", "sdxl")),
            ("/sd/models-sd3", "2024-07-26", "doc", ("sd", "models", "sd3")),
            ("/sd/loras-sd", "2024-05-13", "doc", ("sd", "loras", "sd")),
            ("/sd/loras-sdxl", "2024-05-13", "doc", ("sd", "loras", "sdxl")),
            ("/sd/loras-sd3", "2024-08-06", "client", ("sd", "loras", "sd3")),
            ("/sd/samplers", "2024-05-13", "doc", ("sd", "samplers")),
            ("/models-xl", "2023-12-18", "doc", ("sdxl", "models")),
            ("/samplers-xl", "2024-02-10", "doc", ("sdxl", "samplers")),
            ("/schedulers-xl", "2024-02-10", "doc", ("sdxl", "schedulers")),
            ("/loras-xl", "2024-04-15", "client", ("sdxl", "loras")),
            ("/models-upscale", "2024-04-11", "client", ("upscale", "models")),
            ("/models-llm", "2024-01-14", "doc", ("llm", "models")),
        )
    ),
    Form("GET /limits", "2024-02-25", "doc", "limits", {}, ({"LLM": "9 per 1 minute"},),
         {"LLM": "9 per 1 minute"}),
    Form("GET /limits", "2024-04-17", "client", "limits", {}, (TIERS,), TIERS),
]  # fmt: skip
"""What is served, by client, tools and sandbox."""


class Failure(NamedTuple):
    """An error as callers met it.

    Attributes:
        body: JSON, or bytes.
        kind: The name of the error that it is.
        words: A part of its message.
        retry_after: Seconds, from the sentence.
    """

    status: int
    body: Any
    kind: str
    words: str = ""
    retry_after: float | None = None


LIMIT = "Free users can make 10 requests per"
FAILURES = [
    Failure(403, {"error": f"{LIMIT} 5 minutes."}, "RateLimitError", "10 requests", 300),
    Failure(403, {"error": f"{LIMIT} 30 seconds"}, "RateLimitError", "10 requests", 30),
    Failure(403, {"error": f"{LIMIT} 2 hours."}, "RateLimitError", "10 requests", 7200),
    Failure(403, {"error": f"{LIMIT} day"}, "RateLimitError", "10 requests", 86400),
    Failure(403, {"error": "Free users can make 10 requests."}, "RateLimitError", "10 requests"),
    Failure(403, {"error": "Forbidden"}, "SubscriptionError", "key"),
    Failure(200, {"error": "Something is wrong"}, "BadRequestError", "Something is wrong"),
    Failure(200, {"error": f"{LIMIT} 5 minutes."}, "RateLimitError", "10 requests", 300),
    Failure(200, [{"code": 0, "message": "No image"}], "BadRequestError", "No image"),
    Failure(200, {"job_id": None}, "TaskFailedError", "accepted no job"),
    Failure(200, {"id": None, "error": {"message": "No worker"}}, "BadRequestError", "No worker"),
    Failure(200, {"error": {"message": "Bad key"}, "code": 401}, "AuthenticationError", "Bad key"),
    Failure(200, {"error": {"message": "Busy"}, "code": 503}, "ServerError", "Busy"),
    Failure(
        200, {"id": None, "error": {"message": f"{LIMIT} 1 minute"}, "code": 429},
        "RateLimitError", "10 requests", 60,
    ),
    Failure(404, b"Not Found", "EndpointNotFoundError", "does not offer"),
    Failure(413, b"", "SubscriptionError", "premium"),
    Failure(
        422, {"detail": [{"loc": ["body", "watermark"], "msg": "none is not an allowed value",
                          "type": "type_error"}]},
        "BadRequestError", "watermark: none is not an allowed value",
    ),
    Failure(400, {"error": "This API doesn't have cat X"}, "BadRequestError", "doesn't have cat X"),
    Failure(400, {"error": "Bad Request", "message": "NSFW prompt"}, "BadRequestError", "NSFW"),
    Failure(500, {"detail": "Error", "message": "No GPU is free"}, "ServerError", "No GPU is free"),
    Failure(429, b"", "RateLimitError", "limit"),
    Failure(429, {"error": f"{LIMIT} 3 minutes"}, "RateLimitError", "10 requests", 180),
]  # fmt: skip
"""The table of errors, and its remarks on the units of limits."""

LEFT_OUT: dict[str, Certainty] = {
    "/image/generation": "doc",
    "/beta/sdxl": "doc",
    "/beta/img2img": "doc",
    "/beta/upscale": "doc",
    "/beta/generate-gif": "doc",
    "/dalle-mini": "doc",
    "/beta/dalle-mega": "doc",
    "/beta/sdxl-turbo": "doc",
    "/beta/pixart": "doc",
    "/beta/dalle-generate": "doc",
    "/premium/generate-xl": "doc",
    "/dalle-2": "doc",
    "/premium/llm": "doc",
    "/models-llm-premium": "doc",
    "/embeddings": "doc",
    "/models-embeddings": "doc",
    "/img2img/models": "doc",
    "/xl-samplers": "doc",
    "enhance": "doc",
    "refiner": "doc",
    "restore_faces": "doc",
    "image_cfg_scale": "doc",
    "chat_id": "doc",
    "max_new_tokens": "doc",
}
"""Documented paths and parameters that nobody can meet any more."""

SUCCESSORS = ("mask_image", "response_type", "send_to_gallery", "/api/v1/upscalers")
"""What only the author's later services document."""

_XL = {**CAT, "model": "sdxl-turbo"}
_FIRST_EDIT = {"denoising_strength": 0.45, "image_cfg_scale": 10, "restore_faces": False}
CALLED: list[tuple[str, str, dict[str, Any]]] = [
    ("POST /sd", "2024-05-13", {**CAT, "model": "sdxl-base"}),
    ("POST /sd", "2024-08-17", {**CAT, "model": "sdxl-base", "image_count": 1, "upscale": False}),
    ("POST /image/generate", "2024-09-11", {**FLUX, "image_count": 1, "upscale": False}),
    ("POST /generate", "2024-01-18", {**CAT, "model": "anything_V5", "sampler": "Euler",
                                      "watermark": False}),
    ("POST /generate-xl", "2023-12-22", {**_XL, "image_count": 2, "enhance": True}),
    ("POST /generate-xl", "2024-01-29", {**_XL, "cfg_scale": 10, "steps": 30}),
    ("POST /generate-xl", "2024-02-05", {**_XL, "restore_faces": False, "nsfw_filter": False}),
    ("POST /generate-xl", "2024-02-10", {**_XL, "sampler": "euler_ancestral", "refiner": True}),
    ("POST /generate-xl", "2024-03-28", {**_XL, "sampler": "Euler a", "cfg_scale": 10}),
    ("POST /img2img (init_images)", "2023-11-15", {**CAT, "init_images": [TEXT], **_FIRST_EDIT}),
    ("POST /img2img", "2023-12-12", {**CAT, "image": TEXT, "steps": 7, "strength": 0.5}),
    ("POST /img2img", "2024-02-05", {**CAT, "image": TEXT, "negative_prompt": "fog"}),
    ("POST /img2video", "2024-01-29", {"image": TEXT, "width": 512, "height": 512, "steps": 25}),
    ("POST /dalle", "2024-05-13", CAT),
    ("POST /openjourney", "2024-04-17", {**CAT, "width": 512, "height": 512}),
    ("POST /generate-gif", "2024-04-18", {**CAT, "sampler": "Euler", "steps": 50}),
    ("POST /upscale", "2024-05-13", {"image": TEXT, "model": "R-ESRGAN 4x+", "resize": 4}),
]  # fmt: skip
"""What hosts took beside what this client sends: other years' parameters, and ones they ignored."""
