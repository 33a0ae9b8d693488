"""The stdio transport: stdout belongs to the protocol alone."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import anyio
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server


@contextlib.contextmanager
def stdout_for_the_protocol() -> Iterator[TextIO]:
    """Send whatever is printed to stderr, and give what leads to the real stdout.

    One line from a library, written by C code even, would end the connection otherwise.
    """
    sys.stdout.flush()
    private = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(private, "w", encoding="utf-8", newline="\n", closefd=False) as stdout:
            yield stdout
    finally:
        sys.stdout.flush()
        os.dup2(private, 1)
        os.close(private)


async def serve_stdio(server: Server[Any], stdout: TextIO) -> None:
    """Serve one client until it closes stdin.

    Args:
        server: From `create_server`.
        stdout: From `stdout_for_the_protocol`.
    """
    async with stdio_server(stdout=anyio.wrap_file(stdout)) as (read, write):
        await server.run(read, write, server.create_initialization_options())
