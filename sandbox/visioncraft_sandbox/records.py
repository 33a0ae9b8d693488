"""What the sandbox was asked, without keys, for tests to look at."""

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
"""Larger bodies are not kept: a recording or a picture would fill the memory."""

_KEPT_BYTES = 1 << 16
"""What is left of a body without its long texts; callers may send a million small ones."""


@dataclass
class Received:
    """One request.

    Attributes:
        method: Such as ``POST``.
        path: Such as ``/sd``.
        headers: By lower-case name; secrets are replaced by ``***``.
        body: The JSON body with the key replaced and long texts shortened; ``None`` if there was
            none, it was no JSON, or it was larger than a megabyte, or than 64 kB without those.
        body_bytes: How large the body was.
        status: The status of the answer; ``None`` while there is none, or if there never was.
    """

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body_bytes: int = 0
    status: int | None = None
    _body: bytes = field(default=b"null", repr=False)

    @property
    def body(self) -> Any:
        """The JSON body; kept as text, which takes a tenth of the memory."""
        return json.loads(self._body)

    def keep(self, data: bytes) -> None:
        """Keep what may be kept of a body."""
        kept = json.dumps(_readable(data)).encode()
        if len(kept) <= _KEPT_BYTES:
            self._body = kept


class Recorder:
    """Notes each request, and sees to it that each answer names an engine."""

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
