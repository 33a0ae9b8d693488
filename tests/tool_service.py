"""A VisionCraft host as a plain function, all tools, and what each is asked here."""

from __future__ import annotations

import functools
import importlib
import io
import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
from langchain_core.messages import ToolMessage
from samples import PNG, SAMPLES, WAV, Sample

from langchain_visioncraft import MediaStore, tools
from langchain_visioncraft.tools import VisionCraftTool

# The SDK's own library, which the clients of this package take as well.
httpx: Any = importlib.import_module(
    openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0]
)

KEY = "vc-canary-5f1e9a77c3d2"
HOST = "http://service.test"
MEDIA = Path(__file__).parent / "media"
WAYS = ("invoke", "ainvoke")


def name_of(kind: type[VisionCraftTool]) -> str:
    name: str = kind.model_fields["name"].default
    return name


TOOLS: list[type[VisionCraftTool]] = [
    getattr(tools, name)
    for name in tools.__all__
    if name not in ("PROGRESS_EVENT", "VisionCraftTool")
]
MAKERS = [
    kind
    for kind in TOOLS
    if kind
    not in (
        tools.VisionCraftCaption,
        tools.VisionCraftCatalog,
        tools.VisionCraftLimits,
        tools.VisionCraftTranscribe,
    )
]
"""The tools that make media."""

PICTURE, RECORDING = "<picture>", "<recording>"
_OTHERS: dict[str, dict[str, Any]] = {
    "visioncraft_caption": {"image": PICTURE, "prompt": "What is it?"},
    "visioncraft_catalog": {"family": "sd", "kind": "samplers"},
}


def _sample(kind: type[VisionCraftTool]) -> Sample:
    name = kind(api_key=KEY).endpoint().__name__
    return SAMPLES["list_names" if kind is tools.VisionCraftCatalog else name]


def _arguments(kind: type[VisionCraftTool]) -> dict[str, Any]:
    sample = _sample(kind)
    names = {PNG: PICTURE, WAV: RECORDING}
    given = {k: v for k, v in sample.given.items() if k in kind(api_key=KEY).args}
    return {
        name: names[value] if isinstance(value, bytes) else value
        for name, value in {**given, **sample.small}.items()
        if name not in kind.model_fields or name in sample.small
    }


ARGUMENTS = {name_of(kind): _OTHERS.get(name_of(kind)) or _arguments(kind) for kind in TOOLS}
ENDPOINTS = {name_of(kind): _sample(kind).path for kind in TOOLS} | {
    "visioncraft_catalog": "/sd/samplers"
}


@functools.cache
def silence() -> bytes:
    """A tenth of a second of nothing, as WAV."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    return buffer.getvalue()


@functools.cache
def medium(name: str) -> bytes:
    return (MEDIA / name).read_bytes()


def arguments_for(kind: type[VisionCraftTool], store: MediaStore) -> dict[str, Any]:
    """What this tool is asked; the media that it names are put into the store."""
    placed = {
        PICTURE: lambda: store.add(medium("cat.jpg")).handle,
        RECORDING: lambda: store.add(silence()).handle,
    }
    return {
        name: placed[value]() if value in (PICTURE, RECORDING) else value
        for name, value in ARGUMENTS[name_of(kind)].items()
    }


def completion(text: str = "A cat.") -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "llava-1.5-7b-hf",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


LISTS = {
    "/sd/samplers": ["Euler", "Euler a", "DDIM", "DPM++ 2M Karras"],
    "/sd/models": ["sdxl-base", "dreamshaper-xl", "dreamshaper_v8"],
    "/models-xl": [f"model-{number:03}" for number in range(150)],
}
LIMITS = {"Free Tier": {"SDXL models": "10 per 5 minutes"}}
TRANSCRIPT = {
    "text": " Hello there. ",
    "segments": [{"id": 0, "start": 0.0, "end": 1.5, "text": " Hello there."}],
    "language": "en",
}


class Service:
    """What a host would see and say."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.answers: dict[str, Callable[[Any], Any]] = {}
        self.polls_until_done = 1
        self._polls = 0

    def __call__(self, request: Any) -> Any:
        self.requests.append(request)
        path = request.url.path
        return self.answers.get(path, self._answer)(request)

    def says(self, path: str, status: int = 200, **options: Any) -> None:
        """From now on `path` answers so."""
        self.answers[path] = lambda _: httpx.Response(status, **options)

    def _answer(self, request: Any) -> Any:
        path = request.url.path
        if path in LISTS:
            return httpx.Response(200, json=LISTS[path])
        if path.startswith("/files/"):
            return httpx.Response(200, content=medium(path.removeprefix("/files/")))
        body = json.loads(request.content) if request.content else {}
        files = {
            **dict.fromkeys(("/sd", "/generate-xl", "/openjourney", "/img2img"), "mask.png"),
            "/upscale": "cat.webp",
            "/text2gif": "cat.gif",
            "/img2video": "cat.mp4",
        }
        if path == "/midjourney/result":
            self._polls += 1
            done = self._polls > self.polls_until_done
            state = {"Status": "success", "URL": f"{HOST}/files/mask.png"} if done else {}
            return httpx.Response(200, json={"Status": "generating", **state})
        images = ["mask.png", "cat.webp", "cat.jpg"][: body.get("image_count", 1)]
        answers: dict[str, Any] = {
            "/generate": {"images": [f"{HOST}/files/{name}" for name in images]},
            "/generate-gif": {"images": [f"{HOST}/files/cat.gif"]},
            "/midjourney": {"statusCode": 200, "message": "Success", "data": 7},
            "/whisper": TRANSCRIPT,
            "/limits": LIMITS,
            "/v1/chat/completions": completion(),
        }
        if path in answers:
            return httpx.Response(200, json=answers[path])
        if path in files or request.method == "GET":  # a link of a sample's answer
            return httpx.Response(200, content=medium(files.get(path, "mask.png")))
        [answer, *_] = next(each.answers for each in SAMPLES.values() if each.path == path)
        is_file = isinstance(answer, bytes)
        return httpx.Response(200, **{"content" if is_file else "json": answer})

    def clients(self) -> dict[str, Any]:
        transport = httpx.MockTransport(self)
        return {
            "http_client": httpx.Client(transport=transport),
            "http_async_client": httpx.AsyncClient(transport=transport),
        }

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]

    def body(self, path: str) -> dict[str, Any]:
        """The JSON of the last request to this path."""
        [*_, last] = [request for request in self.requests if request.url.path == path]
        decoded: dict[str, Any] = json.loads(last.content)
        return decoded


async def call(tool: Any, way: str, arguments: Any, config: Any = None) -> ToolMessage:
    """Call a tool as an agent does, sync or async."""
    request = {"name": tool.name, "args": arguments, "id": "call-1", "type": "tool_call"}
    if way == "invoke":
        message = tool.invoke(request, config)
    else:
        message = await tool.ainvoke(request, config)
    assert isinstance(message, ToolMessage)
    return message
