"""An OpenAI-compatible chat server, in the words of vLLM, llama.cpp and Ollama."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

from backend_serving import until_left
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

# The errors of servers whose model or options do not allow tools.
NO_TOOLS = {
    "ollama": (400, {"error": {"message": "registry.ollama.ai/library/gemma:2b does not support "
                               "tools", "type": "invalid_request_error", "param": None,
                               "code": None}}),
    "vllm": (400, {"object": "error", "message": '"auto" tool choice requires '
                   "--enable-auto-tool-choice and --tool-call-parser to be set",
                   "type": "BadRequestError", "param": None, "code": 400}),
    "llama.cpp": (500, {"error": {"code": 500, "message": "tools param requires --jinja flag",
                                  "type": "server_error"}}),
}  # fmt: skip


# The same for pictures.
NO_PICTURES = {
    "llama.cpp": (500, {"error": {"code": 500, "message": "image input is not supported - hint: if "
                                  "this is unexpected, you may need to provide the mmproj",
                                  "type": "server_error"}}),
    "vllm": (400, {"object": "error", "message": "Qwen2-7B is not a multimodal model",
                   "type": "BadRequestError", "param": None, "code": 400}),
}  # fmt: skip


class ChatHost:
    """One server, and the requests that it received."""

    def __init__(self, *models: str, key: str | None = None) -> None:
        self.models = list(models)
        self.key = key
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.error: tuple[int, Any, dict[str, str]] | None = None
        self.refuses_tools: str | None = None
        self.hold = False
        self.breaks = False
        self.started = threading.Event()
        self.left = threading.Event()
        self.app = Starlette(
            routes=[
                Route("/v1/models", self.list_models),
                Route("/v1/chat/completions", self.complete, methods=["POST"]),
            ]
        )

    async def list_models(self, request: Request) -> Response:
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return JSONResponse({"error": {"message": "Invalid API Key"}}, 401)
        data = [{"id": name, "object": "model", "owned_by": "library"} for name in self.models]
        return JSONResponse({"object": "list", "data": data})

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        if self.error is not None:
            status, content, headers = self.error
            if isinstance(content, str):
                return Response(content, status, headers)
            return JSONResponse(content, status, headers)
        if body.get("tools") and self.refuses_tools:
            status, content = NO_TOOLS[self.refuses_tools]
            return JSONResponse(content, status)
        if body.get("stream"):
            return StreamingResponse(self._pieces(body), media_type="text/event-stream")
        if self.hold:
            self.started.set()
            await until_left(request)
            self.left.set()
        return JSONResponse(self._completion(body))

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": "It floats."}
        finish = "stop"
        if body.get("tools"):
            name = body["tools"][0]["function"]["name"]
            function = {"name": name, "arguments": '{"prompt": "a cat"}'}
            call = {"id": "call_1", "type": "function", "function": function}
            message, finish = (
                {"role": "assistant", "content": None, "tool_calls": [call]},
                "tool_calls",
            )
        return {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
        }  # fmt: skip

    async def _pieces(self, body: dict[str, Any]) -> AsyncIterator[bytes]:
        def event(content: dict[str, Any]) -> bytes:
            head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": body["model"]}
            return b"data: " + json.dumps({**head, **content}).encode() + b"\n\n"

        def choice(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
            return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

        try:
            yield event(choice({"role": "assistant", "content": "It "}))
            self.started.set()
            if self.breaks:
                raise ConnectionAbortedError
            while self.hold:
                await asyncio.sleep(0.01)
                yield event(choice({"content": "and "}))
            yield event(choice({"content": "floats."}))
            yield event(choice({}, "stop"))
            if (body.get("stream_options") or {}).get("include_usage"):
                usage = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
                yield event({"choices": [], "usage": usage})
            yield b"data: [DONE]\n\n"
        finally:
            self.left.set()
