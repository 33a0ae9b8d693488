"""Keeping what a call made, so that nothing else of it stays behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

from langchain_visioncraft.client.spool import Spool
from langchain_visioncraft.media import Media

ResultT = TypeVar("ResultT")


async def in_thread(work: Callable[..., ResultT], *arguments: Any) -> ResultT:
    """Like `asyncio.to_thread`, but who is cancelled waits for the end.

    A thread cannot be stopped. Left alone, it would go on to write files after its caller was told
    that the call is over.
    """
    working = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):  # there is nobody left to be told
            await working
        raise


def let_go(result: Any) -> None:
    """Remove the temporary files of media, except those that have become files of a store."""
    for medium in result if isinstance(result, list) else ():
        if isinstance(medium, Media) and isinstance(medium.held, Spool):
            medium.held.discard()
