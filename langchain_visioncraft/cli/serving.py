"""Runs the MCP server for ``visioncraft mcp``."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import anyio
import uvicorn
from fastmcp import FastMCP
from fastmcp.utilities.logging import temporary_log_level
from mcp.server.stdio import stdio_server

from langchain_visioncraft._handshake import Wire
from langchain_visioncraft.cli.inputs import connected
from langchain_visioncraft.cli.problems import note
from langchain_visioncraft.errors import VisionCraftError
from langchain_visioncraft.mcp.http import PATH, create_http_app, hosts_for, is_loopback
from langchain_visioncraft.mcp.results import ContentTypes
from langchain_visioncraft.mcp.server import create_server
from langchain_visioncraft.media import MediaStore
from langchain_visioncraft.media.paths import local_path
from langchain_visioncraft.media.urls import is_url
from langchain_visioncraft.toolkit import VisionCraftToolkit

_GRACE_SECONDS = 2


def serve(
    wire: Wire | None,
    *,
    tools: str | None,
    text_to_image: Any,
    allowed_dirs: Sequence[str],
    content: ContentTypes,
    host: str,
    port: int,
    token: str | None,
    allowed_hosts: Sequence[str],
    store: str,
    connection: Mapping[str, Any],
) -> None:
    """Serve over stdio, or else HTTP; the other parameters are those of the command."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    with connected(connection) as client:
        toolkit = VisionCraftToolkit(
            client=client,
            store=_opened(store),
            text_to_image=text_to_image,
            allowed_dirs=list(allowed_dirs),
        )
        server = create_server(toolkit, tools=tools.split(",") if tools else None, content=content)
        if wire is None:
            _serve_http(server, host, port, token, list(allowed_hosts))
        else:
            anyio.run(_serve_stdio, server, wire)


async def _serve_stdio(server: FastMCP[Any], wire: Wire) -> None:
    """Like `server.run`, but without the first answer if the client already has it."""
    reader, writer = anyio.wrap_file(wire.reader), anyio.wrap_file(wire.writer)
    answered = wire.answered

    async def lines() -> AsyncIterator[str]:
        if wire.first:
            yield wire.first.decode(errors="replace")
        async for line in reader:
            yield line.decode(errors="replace")

    async def write(line: str) -> None:
        nonlocal answered
        if answered is not None:
            message = json.loads(line)
            if message.get("id") == answered and "method" not in message:
                answered = None
                return
        await writer.write(line.encode())

    said: Any = lines()
    answers: Any = SimpleNamespace(write=write, flush=writer.flush)
    with temporary_log_level("WARNING"):
        async with server._lifespan_manager(), stdio_server(said, answers) as (read, sent):
            inner = server._mcp_server
            await inner.run(read, sent, inner.create_initialization_options())


def _opened(root: str) -> MediaStore:
    """The store, with its folder created now: a client may start us in a read-only folder."""
    if not is_url(root):
        local_path(root).mkdir(parents=True, exist_ok=True)
    return MediaStore(root)


def _serve_http(
    server: FastMCP[Any], host: str, port: int, token: str | None, named: list[str]
) -> None:
    app = create_http_app(server, token=token, allowed_hosts=hosts_for(host, named, token))
    with _listening(host, port) as listener:
        shown = f"[{host}]" if ":" in host else host
        note(f"MCP over streamable HTTP on http://{shown}:{listener.getsockname()[1]}{PATH}")
        if not is_loopback(host) and not token:
            note(
                f"Warning: anyone who can reach {host} can spend your subscription and see the "
                "store. Set a token: --token, or VISIONCRAFT_MCP_TOKEN. HTTP is not encrypted: put "
                "a proxy with TLS in front of it."
            )
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=_GRACE_SECONDS
        )
        # uvicorn stops cleanly, then raises the signal again for its caller.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    try:
        [found, *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return socket.create_server(found[4][:2], family=found[0])
    except OSError as error:
        msg = f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with --port."
        raise VisionCraftError(msg) from error
