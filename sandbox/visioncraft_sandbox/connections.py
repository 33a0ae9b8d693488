"""Connections that end early: closed by the sandbox on purpose, or by the caller.

ASGI has no message with which an application closes a connection. `HangUpProtocol` is uvicorn's
own HTTP protocol plus an entry in ``scope["extensions"]`` that holds the transport.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from visioncraft_sandbox.answers import Refusal

_ResultT = TypeVar("_ResultT")

_EXTENSION = "visioncraft.connection"
_CLOSED_REQUEST = 499  # nginx's status for it, which nobody reads


class Connection:
    """The connection of a request."""

    def __init__(
        self, transport: asyncio.Transport | None = None, closed: asyncio.Event | None = None
    ) -> None:
        self._transport = transport
        self._closed = closed

    @classmethod
    def of(cls, scope: Scope) -> Connection:
        """The connection of this request; without a socket under another server."""
        found = scope.get("extensions", {}).get(_EXTENSION)
        return found if isinstance(found, cls) else cls()

    @property
    def closed(self) -> bool:
        """Whether either side has closed it."""
        return self._transport is not None and self._transport.is_closing()

    async def wait(self, seconds: float) -> None:
        """Sleep, at most until the client closes the connection."""
        if self._closed is None:
            await asyncio.sleep(seconds)
            return
        # uvicorn may have stopped reading behind a large body, and would not see the end.
        self._open_transport().resume_reading()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)

    async def hang_up(self, *, reset: bool = False) -> None:
        """Close it at once and drop unsent data; `reset` sends a TCP RST instead of a FIN."""
        transport = self._open_transport()
        if reset:
            connected = transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await self._until_closed()

    async def close(self) -> None:
        """Send pending data, then close it, even if the answer is incomplete."""
        self._open_transport().close()
        await self._until_closed()

    def _open_transport(self) -> asyncio.Transport:
        if self._transport is None:  # as in tests of the bare application
            msg = "The server hung up."
            raise ConnectionAbortedError(msg)
        return self._transport

    async def _until_closed(self) -> None:
        # If it returned earlier, uvicorn would try to complete the answer.
        if self._closed is not None:
            await self._closed.wait()


class HangUpProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with the transport available to the application."""

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
                # The server stops without waiting for this request. uvicorn itself would log an
                # error and answer 500.
                await connection.hang_up()

        self.app = app

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake those that wait for the end."""
        super().connection_lost(exc)
        self._closed.set()


async def cancel_on_disconnect(request: Request, work: Coroutine[Any, Any, _ResultT]) -> _ResultT:
    """Await an answer; cancel it when the caller hangs up. The body must have been read."""
    working = asyncio.ensure_future(work)
    disconnecting = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({working, disconnecting}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise Refusal(_CLOSED_REQUEST, "The caller hung up.")
    finally:
        working.cancel()
        disconnecting.cancel()
        await asyncio.gather(working, disconnecting, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
