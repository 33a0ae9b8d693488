"""The command ``visioncraft mcp``, to which `cli.commands` leads."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click

from langchain_visioncraft._handshake import CONTENT_TYPES, first_answer
from langchain_visioncraft.cli.base import CONNECTION, STORE, Choice, command, load, option, panel
from langchain_visioncraft.client.engines import ENGINES

_ENGINES = Choice([*ENGINES, "auto"])
_FOLDERS = {"type": click.Path(path_type=Path), "metavar": "FOLDER", "multiple": True}
_CONTENT = "What results show: text, pictures as well, or links to media, too."
_PORT = {"type": click.IntRange(0, 65535), "default": 8766}
_TOKEN = {"envvar": "VISIONCRAFT_MCP_TOKEN", "show_envvar": True}


@command(
    option("--transport", "How clients connect.", type=Choice(["stdio", "http"]), default="stdio"),
    option("--tools", "Which tools, e.g. text_to_image,upscale. Default: all nine."),
    option("--text-to-image", "Which engine draws.", type=_ENGINES, default="sd"),
    option("--allow-dir allowed_dirs", "A folder that clients may read; repeatable.", **_FOLDERS),
    option("--content", _CONTENT, type=Choice(CONTENT_TYPES), default="text"),
    *panel(
        "Streamable HTTP",
        option("--host", "Address to listen on.", default="127.0.0.1"),
        option("--port", "Port; 0 takes a free one.", **_PORT),
        option("--token", "What clients must send as a bearer token.", **_TOKEN),
        option("--allowed-host allowed_hosts", "A name of this host; repeatable.", multiple=True),
    ),
    *CONNECTION,
    STORE,
)
def mcp(*, transport: str, **settings: Any) -> None:
    """Serve the tools to MCP clients, over stdio or HTTP."""
    with first_answer() if transport == "stdio" else contextlib.nullcontext():
        # Only now: this takes longer than some clients wait.
        load("langchain_visioncraft.cli.serving:serve", "mcp")(transport, **settings)
