"""`create_server`: the tools of a toolkit as a server of the official MCP SDK."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import ToolCall, ToolMessage
from langchain_core.tools import BaseTool
from mcp.server.lowlevel import Server
from pydantic import BaseModel

from langchain_visioncraft.errors import InvalidRequestError, VisionCraftError
from langchain_visioncraft.mcp.outputs import makes_media, output_schema
from langchain_visioncraft.mcp.resources import handle_of, resource_handlers
from langchain_visioncraft.mcp.results import ContentTypes, failed, result_of
from langchain_visioncraft.mcp.sdk import INVALID_PARAMS, Report, new_server, protocol_error
from langchain_visioncraft.toolkit import VisionCraftToolkit
from langchain_visioncraft.tools import PROGRESS_EVENT
from langchain_visioncraft.version import __version__

logger = logging.getLogger(__name__)

PICTURE_BYTES = 600_000
"""Bytes of all pictures in a result. As base64 that is 800 kB; desktop clients take 1 MB."""

HEARTBEAT_SECONDS = 10.0
"""How often a call that takes longer reports itself. Many clients give up after 60 s of silence."""

_PREFIX = "visioncraft_"
_INSTRUCTIONS = (
    "Draws, animates, upscales, changes and describes pictures, and transcribes recordings. "
    "A result names its medium by a handle such as a1b2c3d4e5f6.png: pass it on to other tools as "
    "`image` or `audio`. The bytes are the resource visioncraft://media/<handle>."
)


def create_server(
    toolkit: VisionCraftToolkit,
    *,
    tools: Sequence[str] | None = None,
    content: ContentTypes = "full",
    picture_bytes: int = PICTURE_BYTES,
) -> Server[Any]:
    """Make a server of the MCP SDK that offers the tools of a toolkit.

    Beside what is shown, results have structured content with a schema. Progress is reported to
    clients that ask for it, cancelled requests end the call of the service, and errors are tool
    errors. All clients of a server share its store.

    ```python
    from langchain_visioncraft import MediaStore, VisionCraftToolkit
    from langchain_visioncraft.mcp import create_server

    toolkit = VisionCraftToolkit(api_key="any", store=MediaStore("memory://mcp"))
    server = create_server(toolkit, tools=["text_to_image", "upscale"])
    assert server.name == "visioncraft"
    ```

    Args:
        toolkit: Its tools, its store, and with its `allowed_dirs` the folders whose files a client
            may name; none by default.
        tools: Which of its tools, by name, with or without ``visioncraft_``. Default: all.
        content: What results show: ``"text"``, the line with the handle; ``"pictures"``, also the
            pictures; ``"full"`` (the default), also a link to the resource of each medium. Agents
            that hand results to a chat model as they are, such as those of LangChain, need
            ``"pictures"`` for models that see and ``"text"`` for others.
        picture_bytes: Bytes that the pictures of a result may have together; larger ones are
            scaled down, which the resource is not. Default: 600,000.

    Raises:
        InvalidRequestError: If there is no such tool.
        MissingKeyError: If the toolkit has no key.
    """
    assert toolkit.client is not None  # noqa: S101  # its validator makes one
    toolkit.client.key()  # a server without a key would only tell at the first call
    caller = _Caller(_chosen(toolkit.get_tools(), tools), content, picture_bytes)
    return new_server(
        "visioncraft",
        version=__version__,
        instructions=_INSTRUCTIONS,
        handlers={
            "tools/list": caller.listed,
            "tools/call": caller.called,
            **resource_handlers(toolkit.store),
        },
    )


def _chosen(tools: Sequence[BaseTool], names: Sequence[str] | None) -> dict[str, BaseTool]:
    there = {tool.name: tool for tool in tools}
    if names is None:
        return there
    wanted = [_PREFIX + name.strip().removeprefix(_PREFIX) for name in names]
    unknown = [name for name in wanted if name not in there]
    if unknown or not wanted:
        have = ", ".join(name.removeprefix(_PREFIX) for name in there)
        problem = f"There is no tool {', '.join(unknown)}" if unknown else "No tool is chosen"
        raise InvalidRequestError(f"{problem}. Choose among {have}.")
    return {name: there[name] for name in there if name in wanted}


class _Caller:
    """Lists and calls the tools."""

    def __init__(
        self, tools: Mapping[str, BaseTool], content: ContentTypes, picture_bytes: int
    ) -> None:
        self._tools = tools
        self._content: ContentTypes = content
        self._picture_bytes = picture_bytes

    async def listed(self, _params: dict[str, Any], _report: Report | None) -> dict[str, Any]:
        return {"tools": [_described(tool) for tool in self._tools.values()]}

    async def called(self, params: dict[str, Any], report: Report | None) -> dict[str, Any]:
        tool = self._tools.get(params["name"])
        if tool is None:
            message = f"There is no tool {params['name'][:80]!r}: {', '.join(self._tools)}."
            raise protocol_error(INVALID_PARAMS, message)
        arguments = {name: _handle(value) for name, value in params.get("arguments", {}).items()}
        call = ToolCall(name=tool.name, args=arguments, id="mcp", type="tool_call")
        try:
            async with _told(report) as progress:
                message = await tool.ainvoke(dict(call), {"callbacks": [progress]})
            assert isinstance(message, ToolMessage)  # noqa: S101  # what a ToolCall gives
            return await asyncio.to_thread(
                result_of, tool, message, content=self._content, picture_bytes=self._picture_bytes
            )
        except VisionCraftError as error:  # what needs a person, who reads it in the client
            logger.warning("%s: %s", tool.name, error)
            return failed(str(error))
        except Exception:
            logger.exception("%s failed", tool.name)
            return failed(f"{tool.name} failed in the server, whose log says why.")


def _described(tool: BaseTool) -> dict[str, Any]:
    schema = cast("type[BaseModel]", tool.args_schema)
    makes = makes_media(tool)
    described = {
        "name": tool.name,
        "title": tool.name.removeprefix(_PREFIX).replace("_", " ").capitalize(),
        "description": tool.description,
        "inputSchema": schema.model_json_schema(),
        "annotations": {
            "readOnlyHint": not makes,
            # What is made is added to the store; nothing there is ever changed.
            "destructiveHint": False,
            "idempotentHint": not makes,
            "openWorldHint": True,
        },
    }
    output = output_schema(tool)
    return {**described, "outputSchema": output} if output else described


def _handle(value: Any) -> Any:
    """A medium may be named by its resource as well."""
    return (handle_of(value) or value) if isinstance(value, str) else value


class _Progress(AsyncCallbackHandler):
    """Hands on what a tool reports of itself, and that it is still at work."""

    def __init__(self, report: Report | None) -> None:
        self._report = report
        self._began = time.monotonic()
        self._message = "working"

    async def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
        if name == PROGRESS_EVENT:
            self._message = str(data["message"])
            await self.tell()

    async def tell(self) -> None:
        if self._report is not None:
            # The total is not known; seconds at least grow, as the protocol demands.
            await self._report(time.monotonic() - self._began, self._message)

    async def keep_telling(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self.tell()


@contextlib.asynccontextmanager
async def _told(report: Report | None) -> AsyncIterator[_Progress]:
    progress = _Progress(report)
    if report is None:
        yield progress
        return
    beat = asyncio.create_task(progress.keep_telling())
    try:
        yield progress
    finally:
        beat.cancel()
        # Also collects what it raised, if the client went away.
        await asyncio.gather(beat, return_exceptions=True)
