"""The official MCP SDK, versions 1 and 2: the only module that knows how they differ.

Version 2 registers handlers in another way; LangChain's MCP adapters still need version 1, and who
uses both must be able to install both. Handlers take and give the protocol's JSON, which is the
same for both, and which the SDK's own types check on the way out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared import exceptions
from pydantic import BaseModel

Report: TypeAlias = Callable[[float, str], Awaitable[None]]
"""Tells the client how far a request is: a number that grows, and a message."""

Handler: TypeAlias = Callable[[dict[str, Any], Report | None], Awaitable[dict[str, Any]]]
"""Gets the parameters of a request, and how to report progress if the client wants it."""

INVALID_PARAMS = -32602
RESOURCE_NOT_FOUND = -32002

_NAMES: Mapping[str, tuple[str, str, str]] = {
    "tools/list": ("ListToolsRequest", "PaginatedRequestParams", "ListToolsResult"),
    "tools/call": ("CallToolRequest", "CallToolRequestParams", "CallToolResult"),
    "resources/list": ("ListResourcesRequest", "PaginatedRequestParams", "ListResourcesResult"),
    "resources/read": ("ReadResourceRequest", "ReadResourceRequestParams", "ReadResourceResult"),
    "resources/templates/list": (
        "ListResourceTemplatesRequest",
        "PaginatedRequestParams",
        "ListResourceTemplatesResult",
    ),
}
"""The SDK's types for each method: request, parameters, result."""


def new_server(
    name: str, *, version: str, instructions: str, handlers: Mapping[str, Handler]
) -> Server[Any]:
    """A server that answers these methods.

    Args:
        name: How it introduces itself.
        version: Its version.
        instructions: What a client's model should know of it.
        handlers: By method, such as ``"tools/call"``.
    """
    server: Server[Any] = Server(name, version=version, instructions=instructions)
    for method, handler in handlers.items():
        request, params, result = (getattr(types, each) for each in _NAMES[method])
        if hasattr(server, "add_request_handler"):
            _register_2(server, method, handler, params, result)
        else:
            _register_1(server, request, handler, result)
    return server


def protocol_error(code: int, message: str) -> Exception:
    """What a handler raises to refuse a request itself, unlike a tool that failed."""
    if hasattr(exceptions, "MCPError"):
        return cast("Exception", exceptions.MCPError(code, message))
    return exceptions.McpError(types.ErrorData(code=code, message=message))


def _register_1(server: Any, request: Any, handler: Handler, result: type[BaseModel]) -> None:
    async def handle(asked: Any) -> Any:
        context = server.request_context
        token = context.meta and context.meta.progressToken

        async def report(progress: float, message: str) -> None:
            await context.session.send_progress_notification(
                token, progress, message=message, related_request_id=str(context.request_id)
            )

        answer = await handler(_json_of(asked.params), None if token is None else report)
        return types.ServerResult(cast("Any", result.model_validate(answer)))

    server.request_handlers[request] = handle


def _register_2(
    server: Any, method: str, handler: Handler, params: Any, result: type[BaseModel]
) -> None:
    async def handle(context: Any, given: Any) -> Any:
        wanted = (context.meta or {}).get("progress_token") is not None

        async def report(progress: float, message: str) -> None:
            await context.session.report_progress(progress, message=message)

        answer = await handler(_json_of(given), report if wanted else None)
        return result.model_validate(answer)

    server.add_request_handler(method, params, handle)


def _json_of(params: BaseModel | None) -> dict[str, Any]:
    return params.model_dump(mode="json", by_alias=True, exclude_none=True) if params else {}
