"""`create_server`: the tools of a toolkit as a FastMCP server."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self, TypeAlias

from fastmcp import Context, FastMCP
from fastmcp.server.dependencies import get_context
from fastmcp.tools import Tool, ToolResult
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.tools import BaseTool
from mcp.types import ToolAnnotations
from pydantic import Field

from langchain_visioncraft._handshake import CONTENT_TYPES, INSTRUCTIONS, NAME
from langchain_visioncraft.errors import InvalidRequestError, VisionCraftError
from langchain_visioncraft.mcp.resources import ROOT, MediaServer
from langchain_visioncraft.mcp.results import ContentTypes, makes_media, output_schema, result_of
from langchain_visioncraft.toolkit import VisionCraftToolkit
from langchain_visioncraft.tools import PROGRESS_EVENT
from langchain_visioncraft.version import __version__

logger = logging.getLogger(__name__)

PICTURE_BYTES = 600_000
"""Bytes of all pictures in a result. As base64 that is 800 kB; desktop clients take 1 MB."""

HEARTBEAT_SECONDS = 10.0
"""Seconds between progress reports of a long call. Many clients give up after 60 s of silence."""

Show: TypeAlias = Callable[..., ToolResult]
"""Converts a tool's result for the client."""

_PREFIX = "visioncraft_"
CONTENT = "visioncraft/content"
"""The key by which a client asks for pictures or links: in the ``_meta`` of a call, for its result;
among the experimental capabilities or extensions that it declares, for all."""


def create_server(
    toolkit: VisionCraftToolkit,
    *,
    tools: Sequence[str] | None = None,
    content: ContentTypes = "text",
    picture_bytes: int = PICTURE_BYTES,
) -> FastMCP[Any]:
    """Make a FastMCP server that offers the tools of a toolkit.

    In addition to what they show, results have structured content with a schema. Progress is
    reported to clients that request it, a cancelled request cancels the call of the service, and
    errors are reported as tool errors. All clients of a server share its store.

    ```python
    from langchain_visioncraft import MediaStore, VisionCraftToolkit
    from langchain_visioncraft.mcp import create_server

    toolkit = VisionCraftToolkit(api_key="any", store=MediaStore("memory://mcp"))
    server = create_server(toolkit, tools=["text_to_image", "upscale"])
    assert server.name == "visioncraft"
    ```

    Args:
        toolkit: A toolkit with the tools and the store. Its `allowed_dirs` are the folders whose
            files a client may name; none by default.
        tools: The names of the tools to offer, with or without ``visioncraft_``. Default: all.
        content: What results show: ``"text"`` (the default), the line with the handle and the
            address of the medium's resource, which every model takes; ``"pictures"``, also the
            pictures; ``"full"``, also a link to each resource. A client can override this with
            ``_meta={"visioncraft/content": "pictures"}`` in a call, or for all of its calls by
            declaring the experimental capability ``{"visioncraft/content": {"content":
            "pictures"}}``. Agents pass results to a chat model unchanged, so show pictures only to
            models with vision.
        picture_bytes: The limit for all pictures of a result, in bytes. Larger pictures, and those
            with a side of more than 1024 pixels, are scaled down; the resource is not. Default:
            600,000.

    Raises:
        InvalidRequestError: If there is no such tool.
        MissingKeyError: If the toolkit has no key.
    """
    assert toolkit.client is not None  # noqa: S101  # its validator makes one
    toolkit.client.key()  # a missing key would otherwise be reported only at the first call
    show = partial(result_of, content=content, picture_bytes=picture_bytes)
    return MediaServer(
        NAME,
        INSTRUCTIONS,
        store=toolkit.store,
        version=__version__,
        tools=[_offered(tool, show) for tool in _chosen(toolkit, tools)],
        mask_error_details=True,  # of unexpected failures
    )


def _chosen(toolkit: VisionCraftToolkit, names: Sequence[str] | None) -> list[BaseTool]:
    tools = toolkit.get_tools()
    if names is None:
        return tools
    there = [tool.name for tool in tools]
    wanted = [_PREFIX + name.strip().removeprefix(_PREFIX) for name in names]
    unknown = [name for name in wanted if name not in there]
    if unknown or not wanted:
        have = ", ".join(name.removeprefix(_PREFIX) for name in there)
        problem = f"There is no tool {', '.join(unknown)}" if unknown else "No tool is chosen"
        raise InvalidRequestError(f"{problem}. Choose among {have}.")
    return [tool for tool in tools if tool.name in wanted]


def _offered(tool: BaseTool, show: Show) -> _Tool:
    makes = makes_media(tool)
    return _Tool(
        name=tool.name,
        title=tool.name.removeprefix(_PREFIX).replace("_", " ").capitalize(),
        description=tool.description,
        parameters=tool.get_input_jsonschema(),
        output_schema=output_schema(tool),
        annotations=ToolAnnotations(
            read_only_hint=not makes,
            # Results are added to the store; nothing there is ever changed.
            destructive_hint=False,
            idempotent_hint=not makes,
            open_world_hint=True,
        ),
        tool=tool,
        show=show,
    )


class _Tool(Tool):
    """A tool of the toolkit, which checks its arguments itself."""

    tool: BaseTool = Field(exclude=True)
    show: Show = Field(exclude=True)

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        # A medium may also be named by its resource.
        given = {
            name: value.removeprefix(ROOT) if isinstance(value, str) else value
            for name, value in arguments.items()
        }
        call = {"type": "tool_call", "id": "mcp", "name": self.name, "args": given}
        try:
            context = get_context()
            async with _Progress(context) as progress:
                message = await self.tool.ainvoke(call, {"callbacks": [progress]})
            return await asyncio.to_thread(self.show, self.tool, message, **_asked(context))
        except VisionCraftError as error:  # errors that need a person, who reads them in the client
            logger.warning("%s: %s", self.name, error)
            return ToolResult(str(error), is_error=True)


def _asked(context: Context) -> dict[str, Any]:
    """The content that the client requests, for this call or for all its calls."""
    request, declared = context.request_context, context.session.client_capabilities
    wishes = [((request and request.meta) or {}).get(CONTENT)]
    for each in (declared and declared.experimental, declared and declared.extensions):
        wishes += [((each or {}).get(CONTENT) or {}).get("content")]
    return next(({"content": each} for each in wishes if each in CONTENT_TYPES), {})


class _Progress(AsyncCallbackHandler):
    """Passes on a tool's progress, and reports that it is still running."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._began = time.monotonic()
        self._message = "working"

    async def __aenter__(self) -> Self:
        self._beat = asyncio.create_task(self._keep_telling())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._beat.cancel()
        # Also retrieves its exception, if the client went away.
        await asyncio.gather(self._beat, return_exceptions=True)

    async def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
        if name == PROGRESS_EVENT:
            self._message = str(data["message"])
            await self._tell()

    async def _tell(self) -> None:
        # The total is unknown; seconds at least increase, as the protocol requires.
        seconds = time.monotonic() - self._began
        await self._context.report_progress(seconds, message=self._message)

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self._tell()
