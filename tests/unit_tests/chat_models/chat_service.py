"""A chat service as a plain function, and the four ways to ask a model."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any

import openai
from langchain_core.messages import AIMessage

from langchain_visioncraft import ChatVisionCraft

httpx = importlib.import_module(openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0])
"""The library that the installed SDK takes clients of: httpx2, or httpx for one before 3."""

KEY = "vc-secret-key-1234567890"
WAYS = ("invoke", "ainvoke", "stream", "astream")


def completion(content: Any = "Hello!", **message: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "Llama-3.1-8B-Instruct",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, **message},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def events(*pieces: str, usage: bool = True) -> bytes:
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in pieces]
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if usage:
        counted = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        chunks.append({**head, "choices": [], "usage": counted})
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()


class Service:
    """What a host would see and say."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.respond: Callable[[Any], Any] = self.answer

    def __call__(self, request: Any) -> Any:
        self.requests.append(request)
        return self.respond(request)

    @staticmethod
    def answer(request: Any) -> Any:
        if request.url.path == "/models-llm":
            return httpx.Response(200, json=["llava-1.5-7b-hf", "Llama-3.1-8B-Instruct"])
        if json.loads(request.content).get("stream"):
            headers = {"content-type": "text/event-stream"}
            return httpx.Response(200, headers=headers, content=events("Hel", "lo!"))
        return httpx.Response(200, json=completion())

    def says(self, status: int, **options: Any) -> None:
        self.respond = lambda _: httpx.Response(status, **options)

    def clients(self) -> dict[str, Any]:
        transport = httpx.MockTransport(self)
        return {
            "http_client": httpx.Client(transport=transport),
            "http_async_client": httpx.AsyncClient(transport=transport),
        }

    def model(self, **options: Any) -> ChatVisionCraft:
        settings = {
            "model": "Llama-3.1-8B-Instruct",
            "api_key": KEY,
            "base_url": "http://service.test",
            "max_retries": 0,
            **self.clients(),
        }
        return ChatVisionCraft(**{**settings, **options})

    @property
    def request(self) -> Any:
        return self.requests[-1]

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.request.content)


async def ask(model: Any, way: str, content: Any = "Hi", **options: Any) -> AIMessage:
    """Ask a model in one of the four ways."""
    if way == "invoke":
        return model.invoke(content, **options)
    if way == "ainvoke":
        return await model.ainvoke(content, **options)
    if way == "stream":
        chunks = list(model.stream(content, **options))
    else:
        chunks = [chunk async for chunk in model.astream(content, **options)]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole
