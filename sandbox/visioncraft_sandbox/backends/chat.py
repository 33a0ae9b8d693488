"""OpenAI-compatible chat servers: vLLM, llama.cpp, Ollama, LM Studio; and requests to them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pybase64
from PIL import Image

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.media.inspection import type_of
from langchain_visioncraft.media.scaling import as_seen
from visioncraft_sandbox.answers import Refusal, json_bytes
from visioncraft_sandbox.backends.connection import BackendError, Connection, closest
from visioncraft_sandbox.chat import images_of
from visioncraft_sandbox.engines.parameters import to_png
from visioncraft_sandbox.uploads import Uploads, decoded

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
_LONGEST_LINE = 1 << 16
_HERE = 1 << 13
"""Longer texts are searched for the key in a thread."""
_OURS = frozenset({"token", "api_key"})
# The documented default. Those of servers differ: llama.cpp would fill its context.
_DEFAULTS = {"max_tokens": 512, "temperature": 0.7, "top_p": 0.9}
_PASSED_ON = ("text", "refusal", "input_audio")
_READ_BY_ALL = frozenset({"image/png", "image/jpeg"})


class Unsupported(Exception):  # noqa: N818  # the sandbox answers instead
    """The server's model takes no tools, or no pictures."""


class ChatServer:
    """A server that answers ``POST …/chat/completions``.

    `model` is the one for every request. Default: the requested one or the nearest to it, otherwise
    the server's first.
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
            raise BackendError(
                f"{self.connection.address} answers, but GET /models returns no list of models: it "
                "is not an OpenAI-compatible server, or its root is another, such as …/v1."
            )
        self._root, models = found
        self._names = [str(model["id"]) for model in models]

    async def names(self) -> list[str]:
        """The server's models, the default first; refused with 503 if it does not answer."""
        if self._names is None:
            await self.open()
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
        completion = await self.connection.decoded(answer)
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
        read = 0
        try:
            async for lines in _lines(answer.aiter_raw()):
                read += len(lines)
                self.connection.check_size(read)
                yield await self._told(lines.decode("utf-8", "replace"))
        except (Refusal, httpx.HTTPError) as error:
            # The status was sent long ago, so the error becomes an event.
            refusal = error if isinstance(error, Refusal) else self.connection.failure(error)
            event = {"error": {"message": refusal.message}, "code": refusal.status}
            yield b"\n\ndata: " + json.dumps(event).encode() + b"\n\n" + _DONE
        finally:
            # The caller may have left, which cancels this task.
            with anyio.CancelScope(shield=True):
                await answer.aclose()

    async def _told(self, text: str) -> bytes:
        if len(text) <= _HERE:
            return str(self.connection.told(text)).encode()
        told: str = await anyio.to_thread.run_sync(self.connection.told, text)
        return told.encode()

    async def _post(self, body: Mapping[str, Any], *, stream: bool) -> httpx.Response:
        await self.names()  # finds the root
        answer = await self.connection.send(
            "POST",
            f"{self._root}/chat/completions",
            stream=stream,
            content=await anyio.to_thread.run_sync(json_bytes, body),
            headers={"content-type": "application/json"},
        )
        if answer.is_success:
            return answer
        if stream:
            answer = await self.connection.read(answer)
        if answer.status_code == 404:
            self._names = None  # its models may have changed
        said = self.connection.words(answer)
        if (body.get("tools") and _NO_TOOLS.search(said)) or _NO_PICTURES.search(said):
            raise Unsupported(said)
        raise self.connection.refusal(answer)


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in whole lines, as the key may be cut in two; longer ones in parts."""
    rest = b""
    async for piece in pieces:
        await anyio.lowlevel.checkpoint()  # many tiny ones may have arrived at once
        done = len(rest) + piece.rfind(b"\n") + 1 if b"\n" in piece else 0
        rest += piece
        done = done or (len(rest) if len(rest) > _LONGEST_LINE else 0)
        if done:
            yield rest[:done]
            rest = rest[done:]
    if rest:
        yield rest


def request_body(
    body: Mapping[str, Any], model: str, messages: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The body for the server: the caller's, with the server's model and these messages."""
    sent = {name: value for name, value in body.items() if name not in _OURS and value is not None}
    sent.update(model=model, messages=list(messages))
    for name, value in _DEFAULTS.items():
        sent.setdefault(name, value)
    if "max_completion_tokens" in sent:
        del sent["max_tokens"]
    if "repetition_penalty" in sent:
        sent["repeat_penalty"] = sent["repetition_penalty"]  # llama.cpp's name for it
    if sent.get("tool_choice") == "any":
        sent["tool_choice"] = "required"
    return sent


async def with_data_urls(
    messages: Sequence[Mapping[str, Any]], uploads: Uploads
) -> list[dict[str, Any]]:
    """The messages in OpenAI's form, their pictures as data URLs.

    Links would not work: the server may not reach them, and Ollama takes none.
    """
    values = [value for message in messages for value in images_of(message)]
    named = {f"image {number}": value for number, value in enumerate(values, 1)}
    urls = iter(await uploads.convert(named, _data_url))
    return [_converted(message, urls) for message in messages]


def _converted(message: Mapping[str, Any], urls: Iterator[str]) -> dict[str, Any]:
    content = message.get("content")
    if not (message.get("image") or isinstance(content, list)):
        return dict(message)
    behind = [_image_part(next(urls))] if message.get("image") else []
    parts = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    converted = [
        _image_part(next(urls)) if images_of({"content": [part]}) else _passed_on(part)
        for part in parts
    ]
    rest = {name: value for name, value in message.items() if name != "image"}
    return {**rest, "content": [*converted, *behind]}


def _passed_on(part: Mapping[str, Any] | str) -> dict[str, Any]:
    """A part of a message without anything that the server might fetch."""
    if isinstance(part, str):
        return {"type": "text", "text": part}
    kind = part.get("type", "text")
    if kind not in _PASSED_ON or kind not in part:
        known = ", ".join(_PASSED_ON)
        raise Refusal(400, f"Parts of messages are pictures, {known}; this one is {kind!r}.")
    if not _is_plain(kind, part[kind]):
        raise Refusal(400, f"The {kind} of a message must be text, or a recording in base64.")
    return {"type": kind, kind: part[kind]}


def _is_plain(kind: str, value: Any) -> bool:
    """Whether this is a text, or a recording in base64: no link, which has a colon."""
    if kind != "input_audio":
        return isinstance(value, str)
    texts = value.values() if isinstance(value, dict) else [None]
    return all(isinstance(each, str) and ":" not in each.removeprefix("data:") for each in texts)


def _image_part(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def _data_url(data: bytes, opened: Image.Image, name: str) -> str:
    picture = as_seen(decoded(opened, name))
    mime = type_of(data)
    if mime not in _READ_BY_ALL:
        mode = "RGBA" if picture.has_transparency_data else "RGB"
        data, mime = to_png(picture.convert(mode)), "image/png"
    return f"data:{mime};base64,{pybase64.b64encode(data).decode()}"
