"""OpenAI-compatible chat servers: vLLM, llama.cpp, Ollama, LM Studio and others."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import anyio

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client.answers import service_message
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.backends.connection import BackendError, Connection
from visioncraft_sandbox.backends.names import closest

# As vLLM, llama.cpp, Ollama and LM Studio word it.
_NO_TOOLS = re.compile(
    r"does not support (?:tools|function|tool)|enable-auto-tool-choice|requires? --jinja"
    r"|tools? (?:is|are) not supported|tools? param(?:eter)? (?:is|requires)",
    re.IGNORECASE,
)
_NO_PICTURES = re.compile(
    r"image input is not supported|not a multimodal model|does not support (?:images|image|vision)"
    r"|missing data required for image input|image_url is only supported",
    re.IGNORECASE,
)
_DONE = b"data: [DONE]\n\n"


class Unsupported(Exception):  # noqa: N818  # the sandbox answers instead
    """The server's model takes no tools, or no pictures."""


class ChatServer:
    """A server that answers ``POST …/chat/completions``.

    Args:
        connection: The connection to it.
        model: The model for every request. Default: the requested one or the nearest to it,
            otherwise the server's first.
    """

    def __init__(self, connection: Connection, model: str | None) -> None:
        self.connection = connection
        self._wanted = model
        self._names: list[str] | None = None
        self._root = ""

    async def open(self) -> None:
        """Read the server's models; raises `BackendError` if there is no such server."""
        self._names = None
        found = await self.connection.find_models(("", "/v1"))
        if found is None:
            msg = (
                f"{self.connection.address} answers, but GET /models returns no list of models: it "
                "is not an OpenAI-compatible server, or its root is another, such as …/v1."
            )
            raise BackendError(msg)
        self._root, models = found
        self._names = [str(model["id"]) for model in models]

    async def names(self) -> list[str]:
        """The server's models, the default first; refused with 503 if it does not answer."""
        if self._names is None:
            try:
                await self.open()
            except BackendError as error:
                raise Refusal(503, str(error)) from error
        return list(self._names or ())

    async def model_for(self, asked: str) -> str:
        """The server's model for a documented name."""
        if self._wanted is not None:
            return self._wanted
        names = await self.names()
        return closest(asked, names) or next(iter(names), asked)

    def engine(self, model: str) -> str:
        """The value of ``x-visioncraft-engine``."""
        return self.connection.engine("llm", model)

    async def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A whole answer; raises `Unsupported` if the server takes no tools, or no pictures."""
        answer = await self._post(body, stream=False)
        completion = self.connection.decoded(answer)
        if not isinstance(completion, dict) or "choices" not in completion:
            raise Refusal(502, f"{self.connection.address} returned no completion.")
        return completion

    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """An answer as server-sent events; raises as `complete` before the first.

        When the caller stops reading, the connection is closed, and the server stops writing.
        """
        answer = await self._post(body, stream=True)
        return self._pieces(answer)

    async def _pieces(self, answer: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for piece in answer.aiter_raw():
                yield piece
        except httpx.HTTPError as error:
            # The status was sent long ago, so the error becomes an event.
            event = {"error": {"message": self.connection.failure(error).message}, "code": 503}
            yield b"\n\ndata: " + json.dumps(event).encode() + b"\n\n" + _DONE
        finally:
            # The caller may have left, which cancels this task.
            with anyio.CancelScope(shield=True):
                await answer.aclose()

    async def _post(self, body: Mapping[str, Any], *, stream: bool) -> httpx.Response:
        await self.names()  # finds the root
        answer = await self.connection.send(
            "POST",
            f"{self._root}/chat/completions",
            stream=stream,
            json=body,
            headers={"accept-encoding": "identity"},  # pieces are passed on as they are
        )
        if answer.is_success:
            return answer
        try:
            await answer.aread()
        except httpx.HTTPError as error:
            raise self.connection.failure(error) from error
        finally:
            await answer.aclose()
        if answer.status_code == 404:
            self._names = None  # its models may have changed
        said = service_message(answer.content) or ""
        if (body.get("tools") and _NO_TOOLS.search(said)) or _NO_PICTURES.search(said):
            raise Unsupported(said)
        raise self.connection.refusal(answer)
