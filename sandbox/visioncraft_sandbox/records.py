"""The requests that the sandbox received, without keys, for tests."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visioncraft_sandbox.answers import ENGINE_HEADER

HIDDEN = "***"
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
SECRET_FIELDS = frozenset({"token", "api_key", "key"})
_LONGEST_TEXT = 2000
_BODY_BYTES = 1 << 20
"""Larger bodies are not kept: recordings and pictures would fill the memory."""

_KEPT_BYTES = 1 << 16
"""The bound of a body without its long texts; it may hold a million short ones."""


@dataclass
class Received:
    """One request.

    Attributes:
        headers: By lower-case name; secrets are replaced by ``***``.
        body: The JSON body, the key redacted and long texts shortened; ``None`` if it was missing,
            no JSON, larger than a megabyte, or longer than 64 kB without its long texts.
        body_bytes: The size of the body.
        status: The status of the answer; ``None`` if there is none.
    """

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body_bytes: int = 0
    status: int | None = None
    _body: bytes = field(default=b"null", repr=False)

    @property
    def body(self) -> Any:
        """The JSON body; it is kept as text, in a tenth of the memory."""
        return json.loads(self._body)

    def keep(self, data: bytes) -> None:
        """Keep a body without secrets, if it is short enough."""
        kept = json.dumps(_readable(data)).encode()
        if len(kept) <= _KEPT_BYTES:
            self._body = kept


class Recorder:
    """Records each request, and gives each answer an engine header."""

    def __init__(self, app: ASGIApp, log: deque[Received]) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        noted = Received(scope["method"], scope["path"], shown_headers(scope["headers"]))
        self._log.append(noted)
        parts: list[bytes] = []

        async def note_body() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                part = message.get("body", b"")
                noted.body_bytes += len(part)
                if noted.body_bytes <= _BODY_BYTES:
                    parts.append(part)
                if not message.get("more_body", False) and 0 < noted.body_bytes <= _BODY_BYTES:
                    noted.keep(b"".join(parts))
            return message

        async def note_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                noted.status = message["status"]
                MutableHeaders(scope=message).setdefault(ENGINE_HEADER, "none")
            await send(message)

        await self._app(scope, note_body, note_status)


def shown_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name, with the secret ones hidden."""
    named = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
    return {name: HIDDEN if name in _SECRET_HEADERS else value for name, value in named}


def _readable(data: bytes) -> Any:
    try:
        return shown(json.loads(data))
    except (ValueError, RecursionError):
        return None


def shown(value: Any, longest: int = _LONGEST_TEXT) -> Any:
    """JSON with its secret fields hidden and its long texts shortened."""
    if isinstance(value, dict):
        return {
            name: HIDDEN if name in SECRET_FIELDS and value[name] else shown(value[name], longest)
            for name in value
        }
    if isinstance(value, list):
        return [shown(part, longest) for part in value]
    if isinstance(value, str) and len(value) > longest:
        return f"{value[:80]}… ({len(value):,} characters)"
    return value
