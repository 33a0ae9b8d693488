"""Blocking work in a thread."""

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
    """Like `asyncio.to_thread`, but waits for the end of the work even when cancelled.

    A thread cannot be stopped. Left alone, it would still write files after the call was reported
    as over.

    Args:
        work: What to do.
        *arguments: Of the work.
        on_cancel: Called when the caller is cancelled, so that it can ask the work to stop.
    """
    loop = asyncio.get_running_loop()
    working = loop.run_in_executor(None, contextvars.copy_context().run, work, *arguments)
    return await to_the_end(working, on_cancel=on_cancel)


async def to_the_end(
    working: asyncio.Future[ResultT], *, on_cancel: Callable[[], None] | None = None
) -> ResultT:
    """Wait for the end of this, even when cancelled."""
    try:
        await asyncio.wait([working])
    except asyncio.CancelledError:
        if on_cancel is not None:
            on_cancel()
        await _at_last(working)
        raise
    return working.result()


async def _at_last(working: asyncio.Future[Any]) -> None:
    """Wait for the end, however often the caller is cancelled, and ignore the outcome."""
    import anyio  # noqa: PLC0415 -- slow to import, and used only here

    # Scopes of anyio cancel again in each round of the event loop, unless they are kept out.
    with anyio.CancelScope(shield=True):
        while not working.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([working])
    working.exception()
