"""A client of version 2 of the SDK, which runs in a process of its own: see `test_mcp_stdio`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client


async def work(client: Any) -> dict[str, Any]:
    told: list[str | None] = []

    async def hear(_progress: float, _total: float | None, message: str | None) -> None:
        told.append(message)

    name = "visioncraft_midjourney"
    tools = (await client.list_tools()).tools
    made = await client.call_tool(name, {"prompt": "x --ar 1:1"}, progress_callback=hear)
    handle = made.structured_content["media"][0]["handle"]
    read = await client.read_resource(f"visioncraft://media/{handle}")
    failed = await client.call_tool(name, {})
    try:
        await client.read_resource("visioncraft://media/../../etc/passwd")
    except MCPError as error:
        refused = error.code
    return {
        "version": client.protocol_version,
        "tools": len(tools),
        "kinds": [block.type for block in made.content],
        "progress": told,
        "mime_type": read.contents[0].mime_type,
        "resources": len((await client.list_resources()).resources),
        "templates": len((await client.list_resource_templates()).resource_templates),
        "error": failed.is_error,
        "refused": refused,
    }


async def main(mode: str, target: str) -> None:
    options = ["--text-to-image", "midjourney", "--store", target]
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "langchain_visioncraft.mcp", *options],
        env=dict(os.environ),
    )
    over: Any = stdio_client(parameters)
    if mode == "http":  # by default it takes 1 MiB an event, which is less than some pictures have
        over = streamable_http_client(target, max_sse_event_size=None)
    async with Client(over) as client:
        sys.stdout.write(json.dumps(await work(client)))


asyncio.run(main(*sys.argv[1:]))
