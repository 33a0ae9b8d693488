"""Streamable HTTP: which clients are admitted, and by which host names."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Sequence
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.auth import AccessToken, TokenVerifier
from fastmcp.server.http import create_streamable_http_app
from starlette.applications import Starlette

from langchain_visioncraft._redact import MASK
from langchain_visioncraft.errors import InvalidRequestError

PATH = "/mcp"


def create_http_app(
    server: FastMCP[Any], *, token: str | None = None, allowed_hosts: Sequence[str] = ()
) -> Starlette:
    """Make an ASGI application that serves MCP over streamable HTTP at ``/mcp``.

    Use this instead of the server's own ``run(transport="http")`` and ``http_app()``, which check
    no token and do not keep web pages out. Results fit into the 1 MiB that clients accept as one
    event; to read larger resources, raise the client's ``max_sse_event_size``.

    ```python
    from langchain_visioncraft import MediaStore, VisionCraftToolkit
    from langchain_visioncraft.mcp import create_http_app, create_server

    toolkit = VisionCraftToolkit(api_key="any", store=MediaStore("memory://mcp"))
    app = create_http_app(create_server(toolkit), token="a long secret")
    # uvicorn.run(app, host="127.0.0.1", port=8766)
    ```

    Args:
        server: A server from `create_server`.
        token: The token that clients must send as ``Authorization: Bearer …``. Default: none.
        allowed_hosts: Other host names of this server that clients may use, without the port;
            ``*`` stands for any letters, and needs a `token`. The loopback names and the address
            that was reached are always allowed. Requests with another ``Host``, or from a web
            page of another ``Origin``, are refused, because a page could otherwise reach a server
            on its reader's machine (DNS rebinding).

    Raises:
        InvalidRequestError: If names with ``*`` are allowed without a token, or the token is empty.
    """
    if token is not None and not token.strip():
        raise InvalidRequestError("The token is empty. Give another, or None to need none.")
    if not token and any("*" in name for name in allowed_hosts):
        msg = "allowed_hosts with '*' need a token: otherwise any web page could connect."
        raise InvalidRequestError(msg)
    return create_streamable_http_app(
        server,
        PATH,
        auth=_OneToken(token) if token else None,
        host_origin_protection=True,
        allowed_hosts=allowed_hosts,
        # Behind a TLS proxy, this server's own pages have another scheme.
        allowed_origins=[f"https://{name}:*" for name in allowed_hosts if "*" not in name],
    )


def hosts_for(address: str, named: Sequence[str], token: str | None) -> list[str]:
    """The names to allow when a server listens on this address; refuses if there are none."""
    if address not in ("0.0.0.0", "::", ""):  # noqa: S104  # only compared
        return [address, *named]
    if not named and not token:
        msg = (
            f"{address} means every address of this machine. Name the hosts that clients use with "
            "--allowed-host, or set a token."
        )
        raise InvalidRequestError(msg)
    return [*named] or ["*"]


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach this address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


class _OneToken(TokenVerifier):
    """Accepts a single token."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token.encode()

    async def verify_token(self, token: str) -> AccessToken | None:
        if not hmac.compare_digest(token.encode(), self._token):
            return None
        return AccessToken(token=MASK, client_id="mcp", scopes=[])  # do not keep the token
