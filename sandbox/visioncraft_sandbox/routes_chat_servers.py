"""Chats that are answered by a server behind ``--llm`` or ``--vision-llm``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from visioncraft_sandbox.answers import ENGINE_HEADER, json_response
from visioncraft_sandbox.backends.chat import ChatServer
from visioncraft_sandbox.backends.chat_requests import request_body, with_data_urls
from visioncraft_sandbox.disconnects import unless_gone
from visioncraft_sandbox.operations import Services
from visioncraft_sandbox.uploads import Uploads


async def answered_there(
    server: ChatServer,
    request: Request,
    services: Services,
    body: Mapping[str, Any],
    *,
    stream: bool,
) -> Response:
    """Pass a chat request on, without the caller's key, and its answer back.

    Raises:
        Unsupported: If the server takes no tools or no pictures, and the request has some.
        Refusal: If the server fails.
    """
    model = await server.model_for(str(body["model"]))
    uploads = Uploads(services.config, services.files, request.url.netloc)
    messages = await services.workshop.read(partial(with_data_urls, body["messages"], uploads))
    sent = request_body(body, model, messages)
    engine = server.engine(model)
    if not stream:
        return json_response(await unless_gone(request, server.complete(sent)), engine)
    pieces = await unless_gone(request, server.stream(sent))
    return StreamingResponse(
        pieces, media_type="text/event-stream", headers={ENGINE_HEADER: engine}
    )
