"""Work in a thread, for those who must not block."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Callable
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


async def in_thread(
    work: Callable[..., ResultT],
    *arguments: Any,
    on_cancel: Callable[[], None] | None = None,
) -> ResultT:
    """Like `asyncio.to_thread`, but who is cancelled waits for the end.

    A thread cannot be stopped. Left alone, it would go on to write files after its caller was told
    that the call is over.

    Args:
        work: What to do.
        *arguments: Of the work.
        on_cancel: Is called when the caller is cancelled; it may tell the work to come to an end.
    """
    loop = asyncio.get_running_loop()
    working = loop.run_in_executor(None, contextvars.copy_context().run, work, *arguments)
    try:
        await asyncio.wait([working])
    except asyncio.CancelledError:
        if on_cancel is not None:
            on_cancel()
        await _at_last(working)
        raise
    return working.result()


async def _at_last(working: asyncio.Future[Any]) -> None:
    """Wait for the end, however often one is cancelled; how it ended is ignored."""
    import anyio  # noqa: PLC0415 -- costs time, and is for this alone

    # Scopes of anyio cancel again in each round of the event loop, unless they are kept out.
    with anyio.CancelScope(shield=True):
        while not working.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([working])
    working.exception()
