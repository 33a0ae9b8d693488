"""The middleware that applies injected faults, down to the socket."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visioncraft_sandbox.answers import ENGINE_HEADER
from visioncraft_sandbox.connections import Connection
from visioncraft_sandbox.faults import Fault, FaultBook

FAULT_KEY = "visioncraft.fault"
"""The entry of a request's scope with its fault, for faults that a route applies."""

_PIECE = 1 << 16


class FaultGate:
    """Passes a request on, damages its answer, or answers instead."""

    def __init__(self, app: ASGIApp, book: FaultBook) -> None:
        self._app = app
        self._book = book

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request."""
        fault = (
            self._book.next_for(scope["method"], scope["path"]) if scope["type"] == "http" else None
        )
        if fault is None:
            await self._app(scope, receive, send)
            return
        scope[FAULT_KEY] = fault
        connection = Connection.of(scope)
        if fault.delay:
            # A connection with unread data does not notice that the client has left.
            receive = await read_ahead(receive)
            await connection.wait(fault.delay)
        if fault.hang_up == "before":
            # With unread data, the kernel would reset the connection instead.
            await _drain(receive)
            await connection.hang_up(reset=fault.reset)
            return
        if fault.replaces:
            await _drain(receive)
            status, headers, body = fault.replacement()
            raw = _raw({ENGINE_HEADER: "fault", **headers})
            answer = _Answer(status, raw, body, fault.oversize)
        elif fault.task is not None:
            await self._app(scope, receive, send)
            return
        else:
            answer = _Answer()
            await self._app(scope, receive, answer.collect)
        await answer.deliver(fault, send, connection)


async def read_ahead(receive: Receive) -> Receive:
    """The same request, already read to its end."""
    messages: deque[Message] = deque()
    while not messages or messages[-1].get("more_body", False):
        messages.append(await receive())

    async def again() -> Message:
        await asyncio.sleep(0)
        return messages.popleft() if messages else await receive()

    return again


async def _drain(receive: Receive) -> None:
    """Read the request to its end, as a server usually does before it answers."""
    while True:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


@dataclass
class _Answer:
    """A complete answer, to be sent with a fault."""

    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    repeat_to: int | None = None

    async def collect(self, message: Message) -> None:
        """Keep the real answer instead of sending it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def deliver(self, fault: Fault, send: Send, connection: Connection) -> None:
        """Send it with the damage that the fault asks for."""
        bomb = fault.gzip and self.repeat_to is not None
        if fault.gzip and not bomb:
            self.body = gzip.compress(self.body)
        total = self.repeat_to if self.repeat_to is not None else len(self.body)
        shown = _shown(fault.truncate, total)
        cut = shown < total or fault.hang_up == "mid-body"
        headers = self._headers(fault)
        if fault.hang_up == "mid-body":
            shown = min(shown, max(1, total // 2))
        if fault.announce and not bomb:
            headers.append((b"content-length", str(total).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        for piece in _compressed(shown) if bomb else self._pieces(shown, fault.stall):
            await asyncio.sleep(0)  # lets the event loop notice that the client has left
            if connection.closed:
                await connection.close()
                return
            if piece is None:
                await connection.wait(fault.stall)
            else:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        if cut and fault.reset:
            await connection.hang_up(reset=True)
        elif cut and (fault.announce or fault.hang_up):
            await connection.close()
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _headers(self, fault: Fault) -> list[tuple[bytes, bytes]]:
        changed = {name.lower(): value for name, value in fault.headers.items()}
        if fault.content_type is not None:
            changed["content-type"] = fault.content_type
        if fault.gzip:
            changed["content-encoding"] = "gzip"
        if isinstance(fault.retry_after, str):
            changed["retry-after"] = fault.retry_after
        elif fault.retry_after is not None:
            changed["retry-after"] = f"{fault.retry_after:g}"
        dropped = {name.encode() for name in changed} | {b"content-length", b"transfer-encoding"}
        return [pair for pair in self.headers if pair[0].lower() not in dropped] + _raw(changed)

    def _pieces(self, shown: int, stall: float) -> Iterator[bytes | None]:
        """The first `shown` bytes; ``None`` is the silence in the middle."""
        middle = max(1, shown // 2) if stall else 0
        for start, stop in ((0, min(middle, shown)), (middle, shown)):
            for at in range(start, stop, _PIECE):
                end = min(at + _PIECE, stop)
                yield self.body[at:end] if self.repeat_to is None else bytes(end - at)
            if stall and not start:
                yield None


def _compressed(total: int) -> Iterator[bytes]:
    """Zeros as gzip, compressed while they are sent."""
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    while total > 0:
        piece = packer.compress(bytes(min(total, _PIECE * 16)))
        total -= _PIECE * 16
        if piece:
            yield piece
    yield packer.flush()


def _shown(truncate: float | None, total: int) -> int:
    if truncate is None:
        return total
    return min(total, int(total * truncate) if truncate < 1 else int(truncate))
