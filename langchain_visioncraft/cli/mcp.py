"""The command ``visioncraft mcp``, which `cli.app` registers."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import uvicorn
from fastmcp import FastMCP

from langchain_visioncraft.cli.options import Connection, Store
from langchain_visioncraft.cli.parameters import command
from langchain_visioncraft.cli.problems import explained, note
from langchain_visioncraft.cli.session import connected
from langchain_visioncraft.errors import VisionCraftError
from langchain_visioncraft.mcp.http import PATH, create_http_app, hosts_for, is_loopback
from langchain_visioncraft.mcp.results import ContentTypes
from langchain_visioncraft.mcp.server import create_server
from langchain_visioncraft.media import MediaStore
from langchain_visioncraft.toolkit import VisionCraftToolkit

_GRACE_SECONDS = 2
_HTTP = "Streamable HTTP"


def _mcp(  # noqa: PLR0917  # Typer's way: every parameter is an option
    transport: Annotated[
        Literal["stdio", "http"], typer.Option(help="stdio, or streamable HTTP.")
    ] = "stdio",
    tools: Annotated[
        str | None,
        typer.Option(help="Which tools, e.g. text_to_image,upscale. Default: all nine."),
    ] = None,
    text_to_image: Annotated[
        Literal["sd", "sd1", "sdxl", "midjourney", "openjourney"],
        typer.Option(help="Which engine draws."),
    ] = "sd",
    allow_dir: Annotated[
        list[Path] | None,
        typer.Option(help="A folder whose files clients may name; repeatable. Default: none."),
    ] = None,
    content: Annotated[
        ContentTypes,
        typer.Option(
            help="What results show: the line of text, pictures as well, or links to media, too."
        ),
    ] = "full",
    host: Annotated[
        str, typer.Option(help="Address to listen on.", rich_help_panel=_HTTP)
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(help="Port; 0 takes a free one.", min=0, max=65535, rich_help_panel=_HTTP),
    ] = 8766,
    token: Annotated[
        str | None,
        typer.Option(
            help="What clients must send as a bearer token.",
            envvar="VISIONCRAFT_MCP_TOKEN",
            show_envvar=True,
            rich_help_panel=_HTTP,
        ),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A further name by which clients call this server; repeatable.",
            rich_help_panel=_HTTP,
        ),
    ] = None,
    *,
    connection: Connection,
    store: Store,
) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    with explained(), connected(connection) as client:
        toolkit = VisionCraftToolkit(
            client=client,
            store=_opened(store.store),
            text_to_image=text_to_image,
            allowed_dirs=allow_dir or [],
        )
        server = create_server(toolkit, tools=tools.split(",") if tools else None, content=content)
        if transport == "stdio":
            try:
                server.run("stdio", show_banner=False, log_level="WARNING")
            finally:
                os.dup2(2, 1)  # what was printed meanwhile may lie in a buffer, and is for nobody
        else:
            _serve_http(server, host, port, token, allowed_host or [])


mcp = command(_mcp, connection=Connection, store=Store)


def _opened(root: str) -> MediaStore:
    """The store, whose folder is made now: a desktop client may start us where we cannot write."""
    if "://" not in root:
        Path(root).expanduser().mkdir(parents=True, exist_ok=True)
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
                f"Warning: everybody who reaches {host} can spend your subscription and see the "
                "store. Set a token: --token, or VISIONCRAFT_MCP_TOKEN. HTTP is not encrypted: put "
                "a proxy with TLS in front of it."
            )
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=_GRACE_SECONDS
        )
        # uvicorn stops cleanly, then raises the signal again for whoever is outside.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    try:
        [found, *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return socket.create_server(found[4][:2], family=found[0])
    except OSError as error:
        msg = f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with --port."
        raise VisionCraftError(msg) from error
