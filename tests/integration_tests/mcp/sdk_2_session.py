"""Server and client on version 2 of the SDK, in a process of their own: see `test_mcp_stdio`."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_clients import running

from langchain_visioncraft import MediaStore, VisionCraftToolkit
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.mcp import create_http_app, create_server

endpoints.MIDJOURNEY_FIRST_PAUSE = 0.05
NAME = "visioncraft_midjourney"


async def work(client: Any) -> dict[str, Any]:
    told: list[str | None] = []

    async def hear(_progress: float, _total: float | None, message: str | None) -> None:
        told.append(message)

    tools = (await client.list_tools()).tools
    made = await client.call_tool(NAME, {"prompt": "x --ar 1:1"}, progress_callback=hear)
    [medium] = made.structured_content["media"]
    read = await client.read_resource(medium["uri"])
    failed = await client.call_tool(NAME, {})
    codes = []
    for uri in ("visioncraft://media/../../etc/passwd", "file:///etc/passwd"):
        try:
            await client.read_resource(uri)
        except MCPError as error:
            codes.append(error.code)
    return {
        "version": client.protocol_version,
        "tools": len(tools),
        "kinds": [block.type for block in made.content],
        "shown": made.content[1].mime_type,
        "progress": told,
        "read": read.contents[0].mime_type,
        "listed": [each.name for each in (await client.list_resources()).resources]
        == [medium["handle"]],
        "templates": len((await client.list_resource_templates()).resource_templates),
        "error": failed.is_error,
        "codes": codes,
    }


async def over_http(url: str, token: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http_client:
        # By default it takes 1 MiB an event, which is less than some pictures have.
        over = streamable_http_client(url, http_client=http_client, max_sse_event_size=None)
        async with Client(over) as client:
            return await work(client)


def main(host: str, store: str) -> None:
    toolkit = VisionCraftToolkit(
        api_key="any", base_url=host, store=MediaStore(store), text_to_image="midjourney"
    )
    with running(create_http_app(create_server(toolkit), token="secret")) as url:
        json.dump(asyncio.run(over_http(url, "secret")), sys.stdout)


main(*sys.argv[1:])
