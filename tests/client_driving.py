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

from samples import GIF, MEDIA, MP4, PNG, SAMPLES, WAV

from langchain_visioncraft._compat import httpx
from langchain_visioncraft._redact import Redactor
from langchain_visioncraft.client import AsyncVisionCraftClient, VisionCraftClient
from langchain_visioncraft.client.flow import Call, Fetch, Pause, Progress
from langchain_visioncraft.media.inspection import type_of

__all__ = ["GIF", "MEDIA", "MP4", "PNG", "WAV"]  # of `samples`, for those who drive

KEY = "vc-secret-key-1234567890"
BASE_URL = "http://service.test"
JPEG = (MEDIA / "cat.jpg").read_bytes()
WEBP = (MEDIA / "cat.webp").read_bytes()
REQUIRED: dict[str, dict[str, Any]] = {name: {**each.given} for name, each in SAMPLES.items()}
"""What must be given to each endpoint, and no more."""


@dataclass
class Given:
    """What a driver would send back for a call."""

    body: bytes
    announced_type: str | None = None
    endpoint: str = "POST /test"
    base_url: str = BASE_URL
    engine: str | None = None
    redact: Redactor = field(default_factory=lambda: Redactor(""))

    @property
    def size(self) -> int:
        return len(self.body)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    @property
    def mime_type(self) -> str | None:
        return type_of(self.body)

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
