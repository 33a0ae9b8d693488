"""What the service's documents say of every parameter, copied by hand and not from the code.

The client's request models and the sandbox share their bounds, so neither can tell that one is
wrong: ``test_documented_parameters.py`` holds both, and the tools, to this table.

A path that changed over time has rows for each generation. One client and one sandbox serve all of
them: the widest documented bounds hold, and where a row does not hold, `superseded` says why.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

DOCUMENTS = ("2023-11", "2024-03", "2024-05", "2024-07", "2024-09")
"""The five documents. A row with another date has its source in its note."""

HISTORY = "another version of the service's documentation"
CLIENT = "visioncraftapi 1.0.8, a client written from documentation that is lost"
CALLERS = "programs that called the service"
SOURCES = (HISTORY, CLIENT, CALLERS)

SIDES = (128, 256, 384, 448, 512, 576, 640, 704, 768, 832, 896, 960, 1024)


class Parameter(NamedTuple):
    """One parameter in one document.

    Attributes:
        request: Method and path; ``/img2img`` has two forms.
        document: Its date.
        name: As it stands in the JSON body.
        type: ``string``, ``integer``, ``float``, ``boolean``, ``dict``, ``list``, or ``media`` (a
            string that is base64 or a URL).
        required: Whether it is marked so, or neither is optional nor has a default.
        default: ``None`` if none is stated.
        lowest: The smallest number; the fewest items of a list.
        highest: The largest number; the most items of a list or a dict.
        choices: The only values.
        note: What else there is to say.
        superseded: Why this row does not hold.
    """

    request: str
    document: str
    name: str
    type: str
    required: bool = False
    default: Any = None
    lowest: float | None = None
    highest: float | None = None
    choices: tuple[Any, ...] = ()
    note: str = ""
    superseded: str = ""


_row = functools.partial(Parameter, "", "")


def _of(request: str, document: str, *rows: Parameter) -> list[Parameter]:
    return [row._replace(request=request, document=document) for row in rows]


_TOKEN = _row("token", "string", True)
_PROMPT = _row("prompt", "string", True)
_MODEL = _row("model", "string", True)
_SAMPLER = _row("sampler", "string", True)
_NEGATIVE = _row("negative_prompt", "string")
_MESSAGES = _row("messages", "list", True, lowest=1, note="an empty list asks nothing")
_COUNT = _row(
    "image_count", "integer", True, None, 1, 5,
    note="'up to 5'; fewer than 1 is no request",
    superseded="optional with the default 1 since 2024-03-28",
)  # fmt: skip
_MARKED = (
    "the mark is gone in 2024-09, and was not enforced before: the first example of that "
    "documentation sends only model, prompt and token"
)
_NARROWER = "later hosts refuse less: 512 pixels, guidance 1"
_UNBOUNDED = "the bounds are in the row of 2023-11-14"

PARAMETERS = [
    *_of(
        "POST /image/generate", "2024-08-16",
        _TOKEN._replace(note=HISTORY), _MODEL._replace(note=HISTORY),
        _PROMPT._replace(note=HISTORY), _NEGATIVE._replace(note=HISTORY),
        _row("sampler", "string", note=HISTORY),
        _row("steps", "integer", False, 35, 1, 35, note=HISTORY),
        _row("width", "integer", False, 1024, 64, 1024, note=HISTORY),
        _row("height", "integer", False, 1024, 64, 1024, note=HISTORY),
        _row("cfg_scale", "float", False, 7, 1, 30,
             note=f"an integer in {HISTORY}; a caller sends parts"),
        _row("loras", "dict", highest=5, note=HISTORY),
    ),
    *_of(
        "POST /image/generate", "2024-09-11",
        _row("seed", "integer", lowest=-1, note=f"{CALLERS}; -1, the default, is a new one"),
        _row("stream", "boolean", False, False, note=CALLERS),
    ),
    *_of(
        "POST /image/generate", "2024-09-12",
        _row("is_video", "boolean", False, False, note=CALLERS),
        _row("fps", "integer", lowest=1, note=f"{CALLERS} send 16"),
        _row("frames", "integer", lowest=1, note=f"{CALLERS} send 16"),
    ),
    *_of(
        "POST /image/generate", "2024-09-19",
        _row("nsfw_filter", "boolean", False, False, note=CALLERS),
        _row("init_image", "media", note=f"{CALLERS}; base64, not a link"),
        _row("denoising_strength", "float", False, None, 0, 1, note=f"{CALLERS} send 0.7"),
    ),
    *_of(
        "POST /generate", "2023-11",
        _MODEL, _SAMPLER, _PROMPT, _NEGATIVE, _COUNT, _TOKEN,
        _row("cfg_scale", "integer", False, 10, 0, 20),
        _row("steps", "integer", False, 30, 1, 30, superseded="1 to 50 in 2024-03"),
    ),
    *_of(
        "POST /generate", "2024-03",
        _MODEL, _SAMPLER, _PROMPT, _NEGATIVE, _COUNT, _TOKEN,
        _row("cfg_scale", "integer", False, 10, 0, 20, note=f"1 to 20 in {CLIENT}"),
        _row("steps", "integer", False, 30, 1, 50, note=f"1 to 30 in {CLIENT}"),
        _row("loras", "dict", note="name to weight; their number has no bound here"),
    ),
    *_of(
        "POST /generate", "2024-03-28",
        _row("image_count", "integer", False, 1, 1, 5, note=CLIENT),
        _row("width", "integer", False, 1024, 512, 1024, note=CLIENT),
        _row("height", "integer", False, 1024, 512, 1024, note=CLIENT),
        _row("upscale", "boolean", False, False, note=CLIENT),
    ),
    *_of(
        "POST /img2img (init_images)", "2023-11",
        _PROMPT, _TOKEN, _NEGATIVE,
        _row("init_images", "list", True, None, 1, 1, note="'list with one url'"),
        _row("steps", "integer", False, 50, superseded=_UNBOUNDED),
        _row("cfg_scale", "float", False, 7.0, superseded=_UNBOUNDED),
        _row("width", "integer", False, 512, superseded=_UNBOUNDED),
        _row("height", "integer", False, 512, superseded=_UNBOUNDED),
    ),
    *_of(
        "POST /img2img (init_images)", "2023-11-14",
        _row("steps", "integer", False, 50, 1, 100,
             note=f"{HISTORY}; from 2023-11-18 1 to 30, where the default of 50 does not fit"),
        _row("cfg_scale", "float", False, 7.0, 0, 20, note=HISTORY),
        _row("width", "integer", False, 512, 64, 1024, note=HISTORY),
        _row("height", "integer", False, 512, 64, 1024, note=HISTORY),
    ),
    *_of(
        "POST /generate-xl", "2023-12-18",
        _row("height", "integer", False, 1024, 64, 1024, note=HISTORY, superseded=_NARROWER),
        _row("width", "integer", False, 1024, 64, 1024, note=HISTORY, superseded=_NARROWER),
        _row("cfg_scale", "integer", False, 10, 0, 20, note=f"{HISTORY} (2024-01-29)",
             superseded=_NARROWER),
        _row("steps", "integer", False, 30, 1, 30, note=f"{HISTORY} (2024-01-29)",
             superseded="1 to 50 in 2024-03-28"),
    ),
    *_of(
        "POST /generate-xl", "2024-03",
        _PROMPT, _MODEL, _NEGATIVE, _TOKEN,
        _SAMPLER._replace(superseded="there was none before 2024-02-10"),
        _row("height", "integer", False, 1024, 512, 1024),
        _row("width", "integer", False, 1024, 512, 1024),
        _row("scheduler", "string", True, superseded="none until 2024-02, nor since 2024-03-28"),
    ),
    *_of(
        "POST /generate-xl", "2024-04-04",
        _row("sampler", "string", False, "euler", note=f"{CLIENT}; its examples, no default"),
        _row("scheduler", "string", False, "normal", note=f"{HISTORY} (2024-02-10), likewise"),
        _row("cfg_scale", "integer", lowest=1, highest=20, note=f"{CLIENT}; default 10 there"),
        _row("steps", "integer", lowest=1, highest=50, note=f"{CLIENT}; 1 to 30 a week later"),
        _row("image_count", "integer", False, None, 1, 5,
             note=f"{CLIENT}; default 1, and links instead of bytes"),
        _row("loras", "dict", note=CLIENT),
        _row("nsfw_filter", "boolean", note=f"{HISTORY} (2024-01-26)"),
        _row("watermark", "boolean", note=f"{CALLERS} send false (2024-01 to 2024-04)"),
    ),
    *_of(
        "POST /generate", "2024-01",
        _row("nsfw_filter", "boolean", note=f"{HISTORY} (2024-01-26)"),
        _row("watermark", "boolean", note=f"{CALLERS} send false (2024-01 to 2024-04)"),
    ),
    *_of(
        "POST /dalle", "2024-05-13",
        _TOKEN._replace(note=HISTORY), _PROMPT._replace(note=HISTORY),
        _row("size", "string", False, "1024x1024", choices=("1024x1024", "1024x1792", "1792x1024"),
             note=f"{HISTORY}; marked as required, but not in its example; callers send these"),
        _row("quality", "string", choices=("standard", "hd"), note=CALLERS),
    ),
    *(
        row
        for path in ("/kandinsky", "/playground", "/leonardo-xl")
        for row in _of(
            f"POST {path}", "2024-05-13",
            _TOKEN._replace(note=HISTORY), _PROMPT._replace(note=HISTORY),
            *([] if path == "/leonardo-xl" else [_NEGATIVE._replace(note=HISTORY)]),
        )
    ),
    *_of(
        "POST /job-status", "2024-01-29",
        _row("job_id", "string", True, note=f"{HISTORY}; its table says `request_id`"),
        _row("nsfw_filter", "boolean", note=HISTORY),
        _row("watermark", "boolean", note=f"{HISTORY}; default true"),
    ),
    *_of(
        "POST /img2video", "2024-01-29",
        _row("width", "integer", lowest=64, highest=512, note=f"{HISTORY}; default 512"),
        _row("height", "integer", lowest=64, highest=512, note=f"{HISTORY}; default 512"),
        _row("cfg_scale", "integer", lowest=0, highest=20, note=f"{HISTORY}; default 3"),
        _row("steps", "integer", lowest=1, highest=30, note=f"{HISTORY}; default 25"),
    ),
    *_of("POST /midjourney", "2024-03", _PROMPT, _TOKEN),
    *_of(
        "POST /midjourney/result", "2024-03",
        _TOKEN,
        _row("task_id", "string", True, note="or a number, as `data` is in the answer before"),
    ),
    *_of(
        "POST /openjourney", "2024-03",
        _PROMPT, _TOKEN, _NEGATIVE,
        _row("cfg_scale", "float", False, 7.5, 1, 20),
        _row("steps", "integer", False, 50, 1, 50),
        _row("height", "integer", False, 1024, 128, 1024, SIDES, note=f"default 512 in {CLIENT}"),
        _row("width", "integer", False, 1024, 128, 1024, SIDES, note=f"default 512 in {CLIENT}"),
    ),
    *_of(
        "POST /img2img", "2023-12-12",
        _row("steps", "integer", False, 7, 1, 10, note=HISTORY, superseded="1 to 50 in 2024-03"),
        _row("strength", "float", False, 0.5, 0, 1, note=HISTORY,
             superseded="the default is 0.8 in 2024-03"),
    ),
    *_of(
        "POST /img2img", "2024-03",
        _PROMPT, _NEGATIVE, _TOKEN,
        _row("image", "media", True),
        _row("mask", "media", note="default `None`, which means to leave it out"),
        _row("scheduler", "string", False, "DDIM"),
        _row("steps", "integer", False, 50, 1, 50),
        _row("strength", "float", False, 0.8, 0, 1,
             note="'1.0 corresponds to full destruction'; from 0 in the documentation of 2023-12, "
             f"from 0.1 in {CLIENT}"),
        _row("refiner", "string", False, "no_refiner"),
    ),
    *_of("POST /llm", "2024-03", _MODEL, _TOKEN, _MESSAGES),
    *_of(
        "POST /generate-gif", "2024-03",
        _TOKEN, _SAMPLER, _PROMPT, _NEGATIVE,
        _row("cfg_scale", "integer", False, 10, 0, 20),
        _row("steps", "integer", False, 30, 1, 50),
    ),
    *_of(
        "POST /generate-gif", "2024-05",
        _TOKEN, _SAMPLER, _PROMPT,
        _NEGATIVE._replace(note="of the type 'integer', a slip: the example holds a text"),
        _row("cfg_scale", "integer", False, 10, 0, 20),
        _row("steps", "integer", False, 30, 1, 50),
    ),
    *_of("POST /img2video", "2024-03", _TOKEN, _row("image", "media", True)),
    *_of("POST /upscale", "2024-03", _TOKEN, _row("image", "media", True)),
    *_of(
        "POST /upscale", "2024-04-11",
        _row("model", "string", note=f"{CLIENT}; it requires it, but 2024-03 does not know it"),
        _row("resize", "integer", False, 2, 2, 4, (2, 4), note=CLIENT),
    ),
    *_of("POST /whisper", "2024-03", _TOKEN, _row("audio", "media", True)),
    *_of(
        "POST /whisper", "2024-03-09",
        _row("task", "string", False, "transcribe", choices=("transcribe", "translate"),
             note=HISTORY),
        _row("language", "string", False, "auto", note=f"{HISTORY}; a code of ISO 639-1, or auto"),
    ),
    *_of(
        "POST /sd", "2024-07",
        _TOKEN, _MODEL, _PROMPT, _NEGATIVE,
        _SAMPLER._replace(superseded=_MARKED),
        _row("steps", "integer", True, 30, 1, 30, superseded="1 to 35, default 35 in 2024-09"),
        _row("width", "integer", True, 1024, 64, 1024, superseded=_MARKED),
        _row("height", "integer", True, 1024, 64, 1024, superseded=_MARKED),
        _row("cfg_scale", "integer", False, 7, 1, 30),
        _row("loras", "dict", highest=5),
    ),
    *_of(
        "POST /sd", "2024-09",
        _TOKEN, _MODEL, _PROMPT, _NEGATIVE,
        _row("sampler", "string", False, "Euler a",
             note="no default here; the service's own page for trying it out had this one"),
        _row("steps", "integer", False, 35, 1, 35),
        _row("width", "integer", False, 1024, 64, 1024),
        _row("height", "integer", False, 1024, 64, 1024),
        _row("cfg_scale", "integer", False, 7, 1, 30),
        _row("loras", "dict", highest=5),
    ),
    *_of(
        "POST /v1/chat/completions", "2024-09",
        _MODEL, _MESSAGES,
        _row("max_tokens", "integer", False, 512, 128, 100_000),
        _row("temperature", "float", False, 0.7, 0, 100),
        _row("top_p", "float", False, 0.9, 0, 1),
        _row("top_k", "integer", False, 0, 0, 99_999),
        _row("repetition_penalty", "float", False, 1, 0.01, 5),
        _row("presence_penalty", "float", False, 0, -2, 2),
        _row("frequency_penalty", "float", False, 0, -2, 2),
    ),
    *_of("POST /text2gif", "2024-09", _TOKEN, _PROMPT),
]  # fmt: skip

BESIDE = {
    ("POST /job-status", "deadline"): "how long to wait; not sent",
    ("POST /midjourney", "deadline"): "how long to wait; not sent",
    ("POST /midjourney/result", "deadline"): "how long to wait; not sent",
}
"""What the request models have besides, and why."""

UNDOCUMENTED = {
    "caption": "a chat with a picture, by POST /v1/chat/completions",
    "limits": "GET /limits has no parameters",
    "list_names": "the lists have no parameters",
}
"""The endpoints without rows, and why."""

HOLDING = [row for row in PARAMETERS if not row.superseded]
"""The rows that the client and the sandbox are held to."""
