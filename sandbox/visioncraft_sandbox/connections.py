"""Hanging up: an ASGI application may end its client's connection, through the scope.

ASGI has no message for that. `HangUpProtocol` is uvicorn's own HTTP protocol plus one entry in
``scope["extensions"]`` that holds the transport.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_EXTENSION = "visioncraft.connection"


class Connection:
    """The connection that a request came by."""

    def __init__(
        self, transport: asyncio.Transport | None = None, closed: asyncio.Event | None = None
    ) -> None:
        self._transport = transport
        self._closed = closed

    @classmethod
    def of(cls, scope: Scope) -> Connection:
        """The connection of this request; one without a socket under other servers."""
        found = scope.get("extensions", {}).get(_EXTENSION)
        return found if isinstance(found, cls) else cls()

    @property
    def closed(self) -> bool:
        """Whether the client, or we, have closed it."""
        return self._transport is not None and self._transport.is_closing()

    async def wait(self, seconds: float) -> None:
        """Sleep, but not longer than there is somebody who waits for an answer."""
        if self._closed is None:
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)

    async def hang_up(self, *, reset: bool = False) -> None:
        """Close it at once; what is not yet sent is lost.

        Args:
            reset: Tell the client by a TCP reset, instead of an orderly end.

        Raises:
            ConnectionAbortedError: If there is no socket, as in tests of the bare application.
        """
        transport = self._open_transport()
        if reset:
            connected = transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await self._until_closed()

    async def close(self) -> None:
        """Send what is waiting, then close it, even if the answer is not complete.

        Raises:
            ConnectionAbortedError: If there is no socket, as in tests of the bare application.
        """
        self._open_transport().close()
        await self._until_closed()

    def _open_transport(self) -> asyncio.Transport:
        if self._transport is None:
            msg = "The server hung up."
            raise ConnectionAbortedError(msg)
        return self._transport

    async def _until_closed(self) -> None:
        # Returning before the protocol knows, uvicorn would try to complete the answer.
        if self._closed is not None:
            await self._closed.wait()


class HangUpProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with the transport within reach of the application."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        inner = self.app
        self._closed = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = scope.get("extensions") or {}
            connection = Connection(self.transport, self._closed)
            scope["extensions"] = {**extensions, _EXTENSION: connection}
            try:
                await inner(scope, receive, send)
            except asyncio.CancelledError:
                # The server stops and waits no longer. A hang-up says so; uvicorn's own way is
                # to log an error and to answer 500.
                await connection.hang_up()

        self.app = app

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who wait for the end."""
        super().connection_lost(exc)
        self._closed.set()
