"""Callers that hang up while a server behind the sandbox works for them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from visioncraft_sandbox.answers import Refusal

_ResultT = TypeVar("_ResultT")

_CLOSED_REQUEST = 499  # as nginx calls it; nobody is there to read it


async def unless_gone(request: Request, work: Coroutine[Any, Any, _ResultT]) -> _ResultT:
    """Await work for a caller; when he hangs up, cancel it.

    The engines of this machine are left to finish: they are quick, and threads cannot be
    cancelled. A server's time is worth saving.

    Args:
        request: His request; its body must be read.
        work: What is done for him.

    Raises:
        Refusal: 499 if he is gone.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise Refusal(_CLOSED_REQUEST, "The caller hung up.")
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
