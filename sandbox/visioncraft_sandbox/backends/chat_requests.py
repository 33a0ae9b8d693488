"""A chat request to VisionCraft as one to an OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pybase64

from langchain_visioncraft.media.colours import as_seen
from langchain_visioncraft.media.inspection import type_of
from visioncraft_sandbox.chat import images_of
from visioncraft_sandbox.engines.parameters import to_png
from visioncraft_sandbox.uploads import Uploads, decoded

_OURS = frozenset({"token", "api_key"})
# As documented. Those of servers differ: llama.cpp would fill its context.
_DEFAULTS = {"max_tokens": 512, "temperature": 0.7, "top_p": 0.9}
_READ_BY_ALL = frozenset({"image/png", "image/jpeg"})


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
    counter = iter(range(1, 10_000))

    async def data_url(value: Any) -> str:
        name = f"image {next(counter)}"
        data = await uploads.read(value, name)
        return await uploads.pool.read(partial(_data_url, data, name, uploads))

    return [await _converted(message, data_url) for message in messages]


async def _converted(
    message: Mapping[str, Any], data_url: Callable[[Any], Awaitable[str]]
) -> dict[str, Any]:
    if not images_of(message):
        return dict(message)
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    converted = []
    for part in parts:
        [found] = images_of({"content": [part]}) or [None]
        if isinstance(part, str):
            part = {"type": "text", "text": part}  # noqa: PLW2901
        converted.append(part if found is None else _image_part(await data_url(found)))
    if message.get("image"):
        converted.append(_image_part(await data_url(message["image"])))
    rest = {name: value for name, value in message.items() if name != "image"}
    return {**rest, "content": converted}


def _image_part(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def _data_url(data: bytes, name: str, uploads: Uploads) -> str:
    picture = as_seen(decoded(uploads.checked(data, name), name))
    mime = type_of(data)
    if mime not in _READ_BY_ALL:
        mode = "RGBA" if picture.has_transparency_data else "RGB"
        data, mime = to_png(picture.convert(mode)), "image/png"
    return f"data:{mime};base64,{pybase64.b64encode(data).decode()}"
