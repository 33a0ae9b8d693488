"""The tools as an MCP server, for desktop clients, editors and agents in other languages.

`create_server` returns a FastMCP server, `create_http_app` an ASGI application
around it; ``visioncraft mcp`` runs either. The extra ``mcp`` is needed.
"""

from __future__ import annotations

try:
    from langchain_visioncraft.mcp.http import create_http_app
    from langchain_visioncraft.mcp.server import create_server
except ModuleNotFoundError as error:
    if (error.name or "").startswith("langchain_visioncraft"):
        raise
    msg = (
        f"The package {error.name!r} is not installed. "
        "Run: pip install 'langchain-visioncraft[mcp]'"
    )
    raise ModuleNotFoundError(msg, name=error.name) from error

__all__ = ["create_http_app", "create_server"]
