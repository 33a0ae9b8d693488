"""An MCP server in memory gets bent arguments and odd addresses, and refuses them itself."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from typing import Any

from fastmcp import Client
from mcp import ClientSession
from mcp.shared.exceptions import MCPError
from mcp.types import PaginatedRequestParams
from tool_service import ARGUMENTS, HOST, KEY, Service

from attack import Outcome
from attack.bending import ODD, bent
from langchain_visioncraft import MediaStore, VisionCraftToolkit
from langchain_visioncraft.mcp import create_server

URIS = ("visioncraft://media/", "file:///etc/passwd", "http://127.0.0.1:1/", "x:", "")
MASKED = "Error calling tool"
"""What FastMCP says of an exception that nobody expected."""


async def _problem(client: ClientSession, chance: random.Random, names: list[str]) -> str | None:
    way = chance.random()
    try:
        if way < 0.7:
            name = chance.choice(names)
            arguments = bent(ARGUMENTS.get(name, {}), chance, chance.randint(1, 3))
            if not isinstance(arguments, dict):
                return None
            result: Any = await client.call_tool(name, arguments)
            said = str(result.content[:1])
            return f"{name} {arguments}: {said}" if MASKED in said else None
        odd = chance.choice(ODD)
        if way < 0.85:
            await client.read_resource(f"{chance.choice(URIS)}{odd}"[:4000])
        else:
            await client.list_resources(params=PaginatedRequestParams(cursor=str(odd)))
    except (MCPError, ValueError):  # a ValueError if the client's own library refuses it
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


async def fuzz(seconds: float, *, seed: int = 0, requests: int = 1_000_000) -> Outcome:
    """Requests until the time is over."""
    failures, number, began = [], 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        toolkit = VisionCraftToolkit(
            api_key=KEY, base_url=HOST, store=MediaStore(folder), max_retries=0,
            **Service().clients(),
        )  # fmt: skip
        async with Client(create_server(toolkit)) as connected:
            client = connected.session
            names = [tool.name for tool in (await client.list_tools()).tools]
            while number < requests and time.monotonic() - began < seconds:
                chance = random.Random(f"{seed}/{number}")
                if problem := await _problem(client, chance, names):
                    failures.append(f"request {seed}/{number}, {problem}")
                number += 1
    return Outcome(f"{number:,} requests", tuple(failures))


def attack(seconds: float) -> Outcome:
    """Requests until the time is over."""
    return asyncio.run(fuzz(seconds))
