"""One sample of each endpoint: a call and an answer. The shared tests of all endpoints read it.

A new endpoint needs one entry here. From it follow the tests of its flow, of what the client sends,
of its tool, of every fault against a sandbox, of hostile bodies, and its cassette.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MEDIA = Path(__file__).parent / "media"
NOTE = Path(__file__).parents[1] / "cookbook" / "assets" / "spoken_note.ogg"
PNG = (MEDIA / "cat.png").read_bytes()
GIF = (MEDIA / "cat.gif").read_bytes()
MP4 = (MEDIA / "cat.mp4").read_bytes()
WAV = b"RIFF" + (36 + 16).to_bytes(4, "little") + (
    b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x10\0\0\0" + bytes(16)
)  # fmt: skip
COMPLETION = {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}
ASK = [{"role": "user", "content": "Hi"}]


@dataclass(frozen=True)
class Sample:
    """A call of an endpoint, and how a host answers it.

    Attributes:
        request: Method and path.
        given: What the API requires, and no more.
        answers: A body (bytes, or data for JSON) for each request that the flow makes.
        small: Further parameters that keep the sandbox quick.
        models: Whether the sandbox needs its models for it.
    """

    request: str
    given: Mapping[str, Any]
    answers: tuple[Any, ...] = (PNG,)
    small: Mapping[str, Any] = field(default_factory=dict)
    models: bool = False

    @property
    def path(self) -> str:
        return self.request.partition(" ")[2]


_SIDE_64 = {"width": 64, "height": 64}
_SIDE_512 = {"width": 512, "height": 512}

SAMPLES: dict[str, Sample] = {
    "image": Sample(
        "POST /image/generate", {"prompt": "a cat", "model": "DreamShaper-8"}, small=_SIDE_64
    ),
    "text_to_image": Sample("POST /sd", {"prompt": "a cat", "model": "sdxl-base"}, small=_SIDE_64),
    "text_to_image_sd1": Sample(
        "POST /generate",
        {"prompt": "a cat", "model": "anything_V5", "sampler": "Euler"},
        small=_SIDE_512,
    ),
    "text_to_image_sdxl": Sample(
        "POST /generate-xl",
        {"prompt": "a cat", "model": "sdxl-turbo"},
        small=_SIDE_512,
    ),
    "openjourney": Sample(
        "POST /openjourney", {"prompt": "a cat"}, small={"width": 128, "height": 128}
    ),
    "dalle": Sample("POST /dalle", {"prompt": "a cat"}),
    "kandinsky": Sample("POST /kandinsky", {"prompt": "a cat"}),
    "playground": Sample("POST /playground", {"prompt": "a cat"}),
    "leonardo_xl": Sample("POST /leonardo-xl", {"prompt": "a cat"}),
    "job_result": Sample(
        "POST /job-status", {"job_id": "7"}, ({"status": "success", "image": "/m.png"}, PNG)
    ),
    "midjourney": Sample(
        "POST /midjourney", {"prompt": "a cat"}, ({"data": 1}, {"URL": "/m.png"}, PNG)
    ),
    "midjourney_result": Sample(
        "POST /midjourney/result", {"task_id": "75435"}, ({"URL": "/m.png"}, PNG)
    ),
    "image_to_image": Sample("POST /img2img", {"prompt": "a cat", "image": PNG}),
    "image_to_image_2023": Sample(
        "POST /img2img", {"prompt": "a cat", "image": PNG}, small=_SIDE_64
    ),
    "text_to_gif": Sample("POST /text2gif", {"prompt": "a cat"}, (GIF,)),
    "text_to_gif_2024": Sample(
        "POST /generate-gif", {"prompt": "a cat", "sampler": "Euler"}, (GIF,)
    ),
    "image_to_video": Sample("POST /img2video", {"image": PNG}, (MP4,)),
    "upscale": Sample("POST /upscale", {"image": PNG}, models=True),
    "transcribe": Sample("POST /whisper", {"audio": WAV}, ({"text": "Hi"},), models=True),
    "list_names": Sample("GET /sd/models", {"family": "sd", "kind": "models"}, (["a"],)),
    "limits": Sample("GET /limits", {}, ({"Free Tier": {}},)),
    "chat": Sample(
        "POST /v1/chat/completions",
        {"model": "Llama-3-8B-Instruct", "messages": ASK},
        (COMPLETION,),
        models=True,
    ),
    "caption": Sample("POST /v1/chat/completions", {"image": PNG}, (COMPLETION,), models=True),
    "legacy_chat": Sample(
        "POST /llm",
        {"model": "Mixtral-8x22B-v0.1", "messages": ASK},
        ({"text": "Hi"},),
        models=True,
    ),
}

MAKES_MEDIA = [name for name, sample in SAMPLES.items() if type(sample.answers[0]) is bytes]
"""The endpoints whose answer may be the file itself."""
