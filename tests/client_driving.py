"""Ways to drive flows and clients: by hand, against a host that is a function, sync and async."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import AsyncVisionCraftClient, VisionCraftClient
from langchain_visioncraft.client.flow import Call, Fetch, Pause, Progress

KEY = "vc-secret-key-1234567890"
BASE_URL = "http://service.test"
MEDIA = Path(__file__).parent / "media"
PNG = (MEDIA / "cat.png").read_bytes()
JPEG = (MEDIA / "cat.jpg").read_bytes()
GIF = (MEDIA / "cat.gif").read_bytes()
WEBP = (MEDIA / "cat.webp").read_bytes()
MP4 = (MEDIA / "cat.mp4").read_bytes()
WAV = b"RIFF" + (36 + 16).to_bytes(4, "little") + (
    b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x10\0\0\0" + bytes(16)
)  # fmt: skip

REQUIRED: dict[str, dict[str, Any]] = {
    "text_to_image": {"prompt": "a cat", "model": "sdxl-base"},
    "text_to_image_sd1": {"prompt": "a cat", "model": "anything_V5", "sampler": "Euler"},
    "text_to_image_sdxl": {
        "prompt": "a cat", "model": "sdxl-turbo", "sampler": "euler", "scheduler": "normal",
    },
    "openjourney": {"prompt": "a cat"},
    "midjourney": {"prompt": "a cat"},
    "midjourney_result": {"task_id": "75435"},
    "image_to_image": {"prompt": "a cat", "image": PNG},
    "image_to_image_2023": {"prompt": "a cat", "image": PNG},
    "text_to_gif": {"prompt": "a cat"},
    "text_to_gif_2024": {"prompt": "a cat", "sampler": "Euler"},
    "image_to_video": {"image": PNG},
    "upscale": {"image": PNG},
    "transcribe": {"audio": WAV},
    "list_names": {"family": "sd", "kind": "models"},
    "limits": {},
    "chat": {"model": "Llama-3-8B-Instruct", "messages": [{"role": "user", "content": "Hi"}]},
    "caption": {"image": PNG},
    "legacy_chat": {"model": "Mixtral", "messages": [{"role": "user", "content": "Hi"}]},
}  # fmt: skip
"""What must be given to each endpoint, and no more."""


@dataclass
class Given:
    """What a driver would send back for a call."""

    body: bytes
    announced_type: str | None = None
    endpoint: str = "POST /test"
    base_url: str = BASE_URL

    @property
    def size(self) -> int:
        return len(self.body)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    def open(self, _mode: str = "rb", /) -> BinaryIO:
        return io.BytesIO(self.body)

    def take_file(self, _target: Path, /) -> bool:
        return False


def given(body: Any, announced_type: str | None = None) -> Given:
    """An answer: bytes as they are, anything else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Given(data, announced_type)


@dataclass
class Played:
    """What a flow asked for, and what it gave."""

    result: Any
    steps: list[Any] = field(default_factory=list)

    @property
    def calls(self) -> list[Call]:
        return [step for step in self.steps if isinstance(step, Call)]

    @property
    def links(self) -> list[str]:
        return [step.url for step in self.steps if isinstance(step, Fetch)]

    @property
    def pauses(self) -> list[float]:
        return [step.seconds for step in self.steps if isinstance(step, Pause)]

    @property
    def progress(self) -> list[Progress]:
        return [step for step in self.steps if isinstance(step, Progress)]


def play(flow: Any, *replies: Any) -> Played:
    """Run a flow by hand. Calls and links get the replies in turn; time passes only in pauses."""
    waiting, steps, elapsed = list(replies), [], 0.0
    try:
        step = next(flow)
        while True:
            steps.append(step)
            reply: Any = None
            if isinstance(step, Pause):
                elapsed += step.seconds
                reply = elapsed
            elif not isinstance(step, Progress):
                assert waiting, f"no reply is left for {step}"
                reply = waiting.pop(0)
            if isinstance(reply, Exception):
                step = flow.throw(reply)
            else:
                if isinstance(reply, Given) and isinstance(step, Call):
                    reply.endpoint = step.endpoint
                step = flow.send(reply)
    except StopIteration as done:
        assert not waiting, "the flow ended before it used all replies"
        return Played(done.value, steps)


Reply = Any


class Host:
    """A host as a plain function: it gives its replies in turn, the last one for ever.

    A reply is a response, an exception, bytes or JSON for a 200, or a function of the request.
    """

    def __init__(self, *replies: Reply) -> None:
        self.requests: list[Any] = []
        self.replies: list[Reply] = list(replies)

    def __call__(self, request: Any) -> Any:
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if callable(reply) and not isinstance(reply, type):
            reply = reply(request)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, httpx.Response):
            return reply
        if isinstance(reply, bytes):
            return httpx.Response(200, content=reply)
        return httpx.Response(200, json=reply)

    def bodies(self) -> list[Any]:
        """The JSON bodies of the requests."""
        return [json.loads(request.content) for request in self.requests]

    def client(self, kind: type[Any], **settings: Any) -> Any:
        """A client of this kind that talks to this host."""
        transport = httpx.MockTransport(self)
        options: dict[str, Any] = {
            "api_key": KEY,
            "base_url": BASE_URL,
            "http_client": httpx.Client(transport=transport),
            "http_async_client": httpx.AsyncClient(transport=transport),
        }
        return kind(**{**options, **settings})


DRIVERS = {"sync": VisionCraftClient, "async": AsyncVisionCraftClient}


def drive(client: Any, flow: Any, **options: Any) -> Any:
    """Run a flow with a client of either kind, and wait for it."""
    if isinstance(client, VisionCraftClient):
        return client.run(flow, **options)

    async def run() -> Any:
        return await client.run(flow, **options)

    return asyncio.run(run())


def failure_of(function: Callable[[], Any]) -> BaseException:
    """What a function raises; to be looked at after its frames are gone."""
    try:
        function()
    except Exception as error:
        return error.with_traceback(None)
    msg = "nothing was raised"
    raise AssertionError(msg)
