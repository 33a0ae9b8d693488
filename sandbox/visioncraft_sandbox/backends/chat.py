"""OpenAI-compatible chat servers: vLLM, llama.cpp, Ollama, LM Studio and their like."""

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


class Unsupported(Exception):  # noqa: N818  # an answer, not a mistake
    """The server's model takes no tools, or no pictures; the sandbox has something that does."""


class ChatServer:
    """A server that answers ``POST …/chat/completions``.

    Args:
        connection: The way to it.
        model: The model to use whatever was asked for. By default the one that was asked for, if
            the server has it or one of nearly that name, otherwise the server's first.
    """

    def __init__(self, connection: Connection, model: str | None) -> None:
        self.connection = connection
        self._wanted = model
        self._names: list[str] | None = None
        self._root = ""

    async def open(self) -> None:
        """Look whether it is there, and read its models.

        Raises:
            BackendError: If it is not there, or answers as something else.
        """
        self._names = None
        for root in ("", "/v1"):
            answer = await self.connection.probe(f"{root}/models")
            names = _models(answer)
            if names is not None:
                self._root, self._names = root, names
                return
        msg = (
            f"{self.connection.address} answers, but GET /models gives no list of models: it is no "
            "OpenAI-compatible server, or its root is another, such as …/v1."
        )
        raise BackendError(msg)

    async def names(self) -> list[str]:
        """The server's models, the one to use first.

        Raises:
            Refusal: 503 if the server is not there.
        """
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
        """What ``x-visioncraft-engine`` says."""
        return self.connection.engine("llm", model)

    async def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A whole answer.

        Raises:
            Unsupported: If the server takes no tools, or no pictures.
            Refusal: If it fails.
        """
        answer = await self._post(body, stream=False)
        completion = self.connection.decoded(answer)
        if not isinstance(completion, dict) or "choices" not in completion:
            raise Refusal(502, f"{self.connection.address} answered with no completion.")
        return completion

    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """An answer in pieces, as server-sent events. The server has accepted it on return.

        When the caller stops reading, the connection is closed, and the server stops writing.

        Raises:
            Unsupported: If the server takes no tools, or no pictures.
            Refusal: If it fails before the first piece.
        """
        answer = await self._post(body, stream=True)
        return self._pieces(answer)

    async def _pieces(self, answer: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for piece in answer.aiter_raw():
                yield piece
        except httpx.HTTPError as error:
            # The status is long sent: the error is sent as an event.
            told = {"error": {"message": self.connection.gone(error).message}, "code": 503}
            yield b"\n\ndata: " + json.dumps(told).encode() + b"\n\n" + _DONE
        finally:
            # The caller may be gone, and this task be cancelled with him.
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
            raise self.connection.gone(error) from error
        finally:
            await answer.aclose()
        if answer.status_code == 404:
            self._names = None  # its models may have changed
        said = service_message(answer.content) or ""
        if (body.get("tools") and _NO_TOOLS.search(said)) or _NO_PICTURES.search(said):
            raise Unsupported(said)
        raise self.connection.refusal(answer)


def _models(answer: httpx.Response) -> list[str] | None:
    try:
        data = answer.json().get("data") if answer.is_success else None
    except (ValueError, AttributeError):
        return None
    if not isinstance(data, list):
        return None
    return [str(model["id"]) for model in data if isinstance(model, Mapping) and "id" in model]
