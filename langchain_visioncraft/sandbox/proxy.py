"""``--llm http://host/v1``: chats are answered by another OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response, StreamingResponse

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.sandbox.answers import ENGINE_HEADER, Refusal
from langchain_visioncraft.sandbox.settings import SandboxConfig

_TIMEOUT = httpx.Timeout(600.0, connect=10.0)
_OURS = frozenset({"token", "api_key"})


async def forward(config: SandboxConfig, body: Mapping[str, Any], *, stream: bool) -> Response:
    """Pass a chat request on, without the caller's key, and its answer back.

    Raises:
        Refusal: 502 if the server is not reached.
    """
    root = config.llm_server or ""
    sent = {name: value for name, value in body.items() if name not in _OURS}
    if config.llm_model is not None:
        sent["model"] = config.llm_model
    headers = {"authorization": f"Bearer {config.llm_key}"} if config.llm_key else {}
    engine = {ENGINE_HEADER: f"llm ({urlsplit(root).netloc})"}
    client = httpx.AsyncClient(timeout=_TIMEOUT)
    request = client.build_request("POST", f"{root}/chat/completions", json=sent, headers=headers)
    try:
        answer = await client.send(request, stream=True)
        if not (stream and answer.status_code == 200):
            data = await answer.aread()
            await client.aclose()
            return Response(data, answer.status_code, engine, answer.headers.get("content-type"))
    except httpx.HTTPError as error:
        await client.aclose()
        reason = type(error).__name__
        message = f"The server behind --llm ({urlsplit(root).netloc}) was not reached: {reason}."
        raise Refusal(502, message) from error

    async def parts() -> AsyncIterator[bytes]:
        try:
            async for part in answer.aiter_raw():
                yield part
        finally:
            await answer.aclose()
            await client.aclose()

    return StreamingResponse(parts(), 200, engine, answer.headers.get("content-type"))
