"""Connections: their number, and their early end by the sandbox or the caller.

ASGI has no message with which an application closes a connection. `SandboxProtocol` is uvicorn's
own HTTP protocol plus an entry in ``scope["extensions"]`` that holds the transport. Answers that
uvicorn sends itself have the same headers as all others.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import h11
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from visioncraft_sandbox.answers import ErrorStyle, Refusal
from visioncraft_sandbox.protection import HEADERS

_ResultT = TypeVar("_ResultT")

_EXTENSION = "visioncraft.connection"
_CLOSED_REQUEST = 499  # nginx's status for it, which nobody reads
_MOST_CHUNK_LINES = 8000
"""The limit for one read, of at most 256 kB. Each chunk has two."""
BACKLOG = 256
"""Connections that are accepted at once, before room is made for them."""
_MOST_CONNECTIONS = 700
"""With these, fewer than the 1,024 files that a process may usually open."""
_MOST_UNSENT_BYTES = 512 << 20
_PIECE = 1 << 18
_PATIENCE_SECONDS = 30.0


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
        # uvicorn may have stopped reading after a large body, and would not notice the end.
        self._open_transport().resume_reading()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)

    def abort(self) -> None:
        """Close it, and drop what is unsent, without waiting for it."""
        if self._transport is not None:
            self._transport.abort()

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
            msg = "The server closed the connection."
            raise ConnectionAbortedError(msg)
        return self._transport

    async def _until_closed(self) -> None:
        # If it returned earlier, uvicorn would try to complete the answer.
        if self._closed is not None:
            await self._closed.wait()


class SandboxProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, bounded, and with the transport available to the application."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        inner = self.app
        self._closed = asyncio.Event()
        self._active = 0.0  # when the client last sent or read something
        self._unsent = 0  # at the last look
        self._rest = 0  # of a body, after the piece that is being sent

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = scope.get("extensions") or {}
            connection = Connection(self.transport, self._closed)
            scope["extensions"] = {**extensions, _EXTENSION: connection}

            async def send_piece(message: Message) -> None:
                if self.transport.is_closing():  # uvicorn notices it only when this task waits
                    self.cycle.disconnected = True
                await send(message)

            async def send_in_pieces(message: Message) -> None:
                # A transport would copy all that its client does not read.
                body, at = message.get("body", b""), 0
                while (rest := len(body) - at - _PIECE) > 0:
                    self._rest = rest
                    piece = body[at : at + _PIECE]
                    await send_piece({"type": message["type"], "body": piece, "more_body": True})
                    at += _PIECE
                self._rest = 0
                await send_piece({**message, "body": body[at:]} if at else message)

            try:
                await inner(scope, receive, send_in_pieces)
            except asyncio.CancelledError:
                # The server stops without waiting for this request. uvicorn itself would log an
                # error and answer 500.
                await connection.hang_up()

        self.app = app

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room for it."""
        super().connection_made(transport)
        self._active = time.monotonic()
        self._make_room()

    def pause_writing(self) -> None:
        """Make room for an answer that the client reads more slowly than it is written."""
        super().pause_writing()
        self._active = time.monotonic()
        self._make_room()

    def _make_room(self) -> None:
        """Abort the connections whose clients have kept the sandbox waiting longest.

        Closed ones count, too: they hold a socket, and the rest of an answer, until it is read.
        """
        known = [each for each in self.connections if isinstance(each, SandboxProtocol)]
        unsent = sum(each.unsent for each in known)
        if len(known) <= _MOST_CONNECTIONS and unsent <= _MOST_UNSENT_BYTES:
            return
        waiting = [each for each in known if each is not self and each.keeps_waiting]
        for each in sorted(waiting, key=lambda each: each._active):
            unsent -= each.unsent
            each.abort()
            if len(self.connections) <= _MOST_CONNECTIONS and unsent <= _MOST_UNSENT_BYTES:
                return

    def abort(self) -> None:
        """Close it and drop what is unsent."""
        # uvicorn does both later, after others have connected and more has been written.
        self.connections.discard(self)
        if self.cycle is not None:
            self.cycle.disconnected = True
        self.transport.abort()

    @property
    def unsent(self) -> int:
        """How many bytes of answers the client has not read."""
        return self.transport.get_write_buffer_size() + self._rest

    @property
    def keeps_waiting(self) -> bool:
        """Whether the sandbox waits for the client, and not the client for an answer."""
        cycle = self.cycle
        return cycle is None or cycle.response_complete or cycle.more_body or self.unsent > 0

    def look(self) -> None:
        """Abort it if its client has read nothing for too long; called every second."""
        before, self._unsent = self._unsent, self.unsent
        now = time.monotonic()
        if self._unsent != before:
            self._active = now
        elif before and now - self._active > _PATIENCE_SECONDS:
            self.abort()

    def data_received(self, data: bytes) -> None:
        """Pass on the data, unless it consists of so many tiny chunks that reading takes long."""
        if not self._unsent:
            self._active = time.monotonic()
        if self.cycle is None and len(self.connections) > _MOST_CONNECTIONS:
            # Earlier, the request would reset the connection, and its client not read the answer.
            self._refuse(503, "The sandbox has too many connections; try again later.")
            return
        receiving = self.conn.their_state is h11.SEND_BODY
        is_chunked = receiving and any(name == b"transfer-encoding" for name, _ in self.headers)
        if is_chunked and data.count(b"\r\n") > _MOST_CHUNK_LINES:
            self._refuse(400, "The chunks of the request are too small.")
        else:
            super().data_received(data)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._active = time.monotonic()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is not HTTP."""
        self._refuse(400, msg)

    def _refuse(self, status: int, message: str) -> None:
        """Answer instead of the application, and close the connection."""
        body = json.dumps(ErrorStyle.DETAIL.body(status, message)).encode()
        headers = {
            **HEADERS,
            "content-type": "application/json",
            "content-length": str(len(body)),
            "connection": "close",
        }
        events = (
            h11.Response(status_code=status, headers=list(headers.items())),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )
        # An error after the answer has begun cannot be answered any more.
        with contextlib.suppress(h11.LocalProtocolError):
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake the tasks that wait for the end."""
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
        raise Refusal(_CLOSED_REQUEST, "The caller closed the connection.")
    finally:
        working.cancel()
        disconnecting.cancel()
        await asyncio.gather(working, disconnecting, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
