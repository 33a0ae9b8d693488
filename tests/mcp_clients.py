"""MCP servers on loopback, and clients of the official SDK for them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, TextIO

import httpx2
import uvicorn
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client


@contextlib.contextmanager
def running(app: Any) -> Iterator[str]:
    """Serve an application from a thread of its own."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        finally:
            server.should_exit = True
            thread.join()


@contextlib.asynccontextmanager
async def over_http(url: str, **headers: str) -> AsyncIterator[ClientSession]:
    """A client for streamable HTTP, which sends these headers."""
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http_client,
        streamable_http_client(url, http_client=http_client) as (read, write),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


@contextlib.asynccontextmanager
async def over_stdio(
    parameters: StdioServerParameters, errlog: TextIO
) -> AsyncIterator[ClientSession]:
    """A client of a process of its own."""
    async with (
        stdio_client(parameters, errlog=errlog) as (read, write),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session
