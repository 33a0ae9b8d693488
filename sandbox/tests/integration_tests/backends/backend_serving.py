"""Small servers on loopback that speak the protocols of the servers behind a sandbox."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import email
import email.policy
import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import uvicorn
from PIL import Image
from starlette.requests import Request
from starlette.types import ASGIApp
from visioncraft_sandbox.server import listen

PATIENCE = 60.0
"""Seconds after which an expected event counts as missing."""


@contextlib.contextmanager
def served(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """The root of a server that runs this application in a thread."""
    listener = listen("127.0.0.1", port)
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()


async def form_of(request: Request) -> dict[str, Any]:
    """A multipart form: texts, and files as (name, bytes)."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + await request.body(), policy=email.policy.HTTP)
    fields: dict[str, Any] = {}
    for part in message.iter_parts():
        disposition = part["content-disposition"].params
        data = part.get_payload(decode=True)
        filename = disposition.get("filename")
        fields[disposition["name"]] = (filename, data) if filename else data.decode()
    return fields


async def until_left(request: Request) -> None:
    """Wait until the caller hangs up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def happens(event: threading.Event) -> None:
    """Wait for what another thread does."""
    assert await asyncio.to_thread(event.wait, PATIENCE)


async def asked_and_left(url: str, body: dict[str, Any], started: threading.Event) -> None:
    """Send a request, wait until work on it starts, and hang up."""
    headers = {"authorization": "Bearer caller"}
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        asking = asyncio.create_task(client.post(url, json=body, headers=headers))
        await happens(started)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def turns(condition: Callable[[], object]) -> None:
    """Wait until something is true."""
    while not condition():  # noqa: ASYNC110  # another thread makes it true
        await asyncio.sleep(0.01)


def opened(data: bytes) -> Image.Image:
    """The picture in these bytes."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def png(
    width: int, height: int, colour: str | tuple[int, ...] = "navy", mode: str = "RGB"
) -> bytes:
    """A picture of one colour."""
    return encoded(Image.new(mode, (width, height), colour))


def encoded(picture: Image.Image, form: str = "PNG") -> bytes:
    """A picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, form)
    return buffer.getvalue()


def half_white(width: int, height: int) -> bytes:
    """A mask whose left half is to be repainted."""
    mask = Image.new("RGB", (width, height), "black")
    mask.paste("white", (0, 0, width // 2, height))
    return encoded(mask)


def text(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode()
