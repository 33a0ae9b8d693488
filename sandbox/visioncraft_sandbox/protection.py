"""Protects every answer: a check of the ``Host`` header, and headers that browsers obey."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visioncraft_sandbox.answers import ENGINE_HEADER, Refusal, refusal_response, style_of

HEADERS = {
    ENGINE_HEADER: "none",
    "x-content-type-options": "nosniff",
    # Otherwise a page of another site could embed an answer, and measure what it cannot read.
    "cross-origin-resource-policy": "same-origin",
}
_HOST = re.compile(
    r"([^\[\]:/?#@\\\s]*|\[[0-9a-f:.]*(?:%[a-z0-9._~-]+)?\])(?::(?!0+$)([0-9]{0,5}))?"
)
"""The scope of an IPv6 address has the letters of RFC 6874, since links repeat it."""
_MOST_HEADERS = 100
_SHOWN = 200
"""Characters of a ``Host`` header in a message."""


class Protection:
    """Refuses requests under foreign host names, and adds headers to every answer.

    Without it, a web page could have its own name resolved to this machine (DNS rebinding), and
    then read every answer, since to the browser it would be one site.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Iterable[str]) -> None:
        self._app = app
        own = socket.gethostname().lower()
        further = {name.lower().rstrip(".") for name in allowed_hosts}
        self._names = frozenset({own, f"{own}.local"} | further)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = with_headers(send, HEADERS)
        refusal = self._refusal(scope)
        answer = refusal_response(refusal, style_of(scope["path"])) if refusal else self._app
        await answer(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        if len(scope["headers"]) > _MOST_HEADERS:
            return Refusal(431, f"The request has more than {_MOST_HEADERS} headers.")
        host = Headers(scope=scope).get("host", "")
        if is_ours(host, self._names):
            return None
        return Refusal(
            421,
            f"This sandbox does not answer under the name {host[:_SHOWN]!r}. Call it by its IP "
            "address or as localhost, or start it with --allowed-host NAME "
            "(SandboxConfig.allowed_hosts).",
        )


def with_headers(send: Send, added: Mapping[str, str]) -> Send:
    """Sends answers with these headers, unless they have them already."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in added.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers


def is_ours(host: str, names: Iterable[str] = ()) -> bool:
    """Whether a ``Host`` header is an IP address, localhost, or one of these names."""
    match = _HOST.fullmatch(host.lower())
    if match is None or int(match[2] or 0) > 65535:
        return False
    name = match[1].strip("[]").rstrip(".")
    if match[1].startswith("["):
        return ":" in name and _is_address(name)
    return _is_address(name) or f".{name}".endswith(".localhost") or name in names


def _is_address(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def is_host_name(text: str) -> bool:
    """Whether this is the name or the address of a host, without scheme, port and path."""
    return _is_address(text) or (bool(text) and not set(text) & set("/:@?#[]* "))
