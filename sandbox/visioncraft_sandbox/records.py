"""The requests that the sandbox received, without keys, for tests."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio.to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visioncraft_sandbox.hiding import redacted, shown, shown_headers, shown_path, values_in

_BODY_BYTES = 1 << 20
"""Larger bodies are not kept: recordings and pictures would fill the memory."""

_HERE_BYTES = 1 << 17
"""Larger bodies are read in a thread."""

_KEPT_BYTES = 1 << 16
_MOST_VALUES = 10_000
"""The limits for a body without its long texts; reading more would block the event loop."""
_ALL_BYTES = 64 << 20


@dataclass
class Received:
    """One request.

    Attributes:
        path: The path; anything in it that looks like a key is replaced by ``***``.
        headers: By lower-case name; values that may be secret are replaced by ``***``.
        body: The JSON body, with the key redacted and long texts shortened; ``None`` if it was
            missing, not JSON, larger than a megabyte, or, without its long texts, longer than 64 kB
            or of more than 10,000 values.
        body_bytes: The size of the body.
        status: The status of the answer; ``None`` if there is none.
    """

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body_bytes: int = 0
    status: int | None = None
    _body: bytes = field(default=b"null", repr=False)
    _held: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        texts = self.path, self.headers, *self.headers, *self.headers.values()
        self._held = sum(map(sys.getsizeof, texts))

    @property
    def held(self) -> int:
        """How many bytes it takes."""
        return self._held + len(self._body)

    @property
    def body(self) -> Any:
        """The JSON body; it is kept as text, in a tenth of the memory."""
        return json.loads(self._body)

    def keep(self, data: bytes, keys: Iterable[str] = ()) -> None:
        """The body to keep, without secrets and these keys, if it is short enough."""
        if values_in(data) > _MOST_VALUES:
            return
        try:
            value = shown(json.loads(data), hide=partial(redacted, keys))
            text = json.dumps(redacted(keys, value))
        except (ValueError, RecursionError):
            return
        # Numbers may be a key, too.
        if len(text) <= _KEPT_BYTES and redacted(keys, text) == text:
            self._body = text.encode()


class Recorder:
    """Records each request, without the sandbox's keys."""

    def __init__(self, app: ASGIApp, log: deque[Received], keys: Iterable[str] = ()) -> None:
        self._app = app
        self._log = log
        self._keys = tuple(keys)
        self._limiter = anyio.CapacityLimiter(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = shown_headers(scope["headers"], unknown=True)
        method, path = redacted(self._keys, [scope["method"], shown_path(scope["path"])])
        noted = Received(method, path, redacted(self._keys, headers))
        self._log.append(noted)
        held = sum([each.held for each in tuple(self._log)])  # a copy: tests may clear it
        while held > _ALL_BYTES and self._log:
            held -= self._log.popleft().held
        parts: list[bytes] = []

        async def note_body() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                part = message.get("body", b"")
                noted.body_bytes += len(part)
                if noted.body_bytes <= _BODY_BYTES:
                    parts.append(part)
                if not message.get("more_body", False) and 0 < noted.body_bytes <= _BODY_BYTES:
                    keep = partial(noted.keep, b"".join(parts), self._keys)
                    parts.clear()
                    if noted.body_bytes > _HERE_BYTES:
                        await anyio.to_thread.run_sync(keep, limiter=self._limiter)
                    else:
                        keep()
            return message

        async def note_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                noted.status = message["status"]
            await send(message)

        await self._app(scope, note_body, note_status)
