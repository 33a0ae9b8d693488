"""Work in a thread, for those who must not block."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


async def in_thread(
    work: Callable[..., ResultT], *arguments: Any, stop: threading.Event | None = None
) -> ResultT:
    """Like `asyncio.to_thread`, but who is cancelled waits for the end.

    A thread cannot be stopped. Left alone, it would go on to write files after its caller was told
    that the call is over.

    Args:
        work: What to do.
        *arguments: Of the work.
        stop: Is set when the caller is cancelled, for work that looks at it.
    """
    loop = asyncio.get_running_loop()
    working = loop.run_in_executor(None, contextvars.copy_context().run, work, *arguments)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        if stop is not None:
            stop.set()
        while not working.done():
            with contextlib.suppress(asyncio.CancelledError):  # whoever insists waits, too
                await asyncio.wait([working])
        working.exception()  # there is nobody left to be told
        raise
