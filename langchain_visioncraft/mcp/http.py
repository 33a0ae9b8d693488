"""Streamable HTTP: who may come in, and by which name."""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
from collections.abc import AsyncIterator, Sequence
from typing import Any

from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import AccessToken
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from langchain_visioncraft.errors import InvalidRequestError

PATH = "/mcp"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def create_http_app(
    server: Server[Any],
    *,
    token: str | None = None,
    allowed_hosts: Sequence[str] = LOOPBACK,
) -> Starlette:
    """Make an ASGI application that serves MCP over streamable HTTP at ``/mcp``.

    Results fit into the 1 MiB that clients of version 2 of the SDK take as one event; to read the
    resources of larger media, such a client raises its ``max_sse_event_size``.

    ```python
    from langchain_visioncraft import MediaStore, VisionCraftToolkit
    from langchain_visioncraft.mcp import create_http_app, create_server

    toolkit = VisionCraftToolkit(api_key="any", store=MediaStore("memory://mcp"))
    app = create_http_app(create_server(toolkit), token="a long secret")
    # uvicorn.run(app, host="127.0.0.1", port=8766)
    ```

    Args:
        server: From `create_server`. Each application needs a server of its own.
        token: What clients send as ``Authorization: Bearer …``. Default: nothing is asked for.
        allowed_hosts: Names by which clients may call this server, without the port. Requests
            with another ``Host``, or from a web page of another ``Origin``, are refused: a page
            could otherwise reach a server on its reader's machine (DNS rebinding). An empty list
            allows every name, which needs a `token`. Default: this machine only.

    Raises:
        InvalidRequestError: If every name is allowed without a token.
    """
    if not allowed_hosts and not token:
        msg = "Without a list of allowed hosts a token is needed."
        raise InvalidRequestError(msg)
    manager = StreamableHTTPSessionManager(server, security_settings=_security(allowed_hosts))
    endpoint: ASGIApp = _Endpoint(manager)
    if token:
        # The SDK's own checks; sessions are bound to the token as well.
        guarded = RequireAuthMiddleware(endpoint, required_scopes=[])
        endpoint = AuthenticationMiddleware(guarded, backend=BearerAuthBackend(_OneToken(token)))

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    return Starlette(routes=[Route(PATH, endpoint=endpoint)], lifespan=lifespan)


def hosts_for(address: str, named: Sequence[str], token: str | None) -> list[str]:
    """The names that `create_http_app` allows when a server listens on this address.

    Args:
        address: Such as ``127.0.0.1`` or ``0.0.0.0``.
        named: Further names that the user gave.
        token: Makes names unimportant where none is known.

    Raises:
        InvalidRequestError: If nothing says by which names clients come.
    """
    if is_loopback(address):
        return [*LOOPBACK, *named]
    everywhere = address in ("0.0.0.0", "::", "")  # noqa: S104  # only compared
    if not everywhere:
        return [*LOOPBACK, f"[{address}]" if ":" in address else address, *named]
    if not named and not token:
        msg = (
            f"{address} is every address of this machine. Say by which name clients come, with "
            "--allowed-host, or set a token."
        )
        raise InvalidRequestError(msg)
    return [*LOOPBACK, *named] if named else []


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach this address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _security(hosts: Sequence[str]) -> TransportSecuritySettings:
    names = [form for host in hosts for form in (host, f"{host}:*")]
    origins = [f"{scheme}://{name}" for scheme in ("http", "https") for name in names]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=bool(hosts),
        allowed_hosts=names,
        allowed_origins=origins,
    )


class _Endpoint:
    """An object, not a function: Starlette would take that for a handler of requests."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._manager.handle_request(scope, receive, send)


class _OneToken:
    """Knows one token."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    async def verify_token(self, token: str) -> AccessToken | None:
        if not hmac.compare_digest(token.encode(), self._token):
            return None
        return AccessToken(token="***", client_id="mcp", scopes=[])  # noqa: S106  # not to be kept
