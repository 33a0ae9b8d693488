"""Blocking work in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")

SMALL_BYTES = 1 << 17
"""Bytes. Files up to this length may be processed on the event loop, as long as that is fast."""

_QUICK_SECONDS = 0.002
_LATEST = 8
_MOST_IN_THREADS = 1024


async def in_thread(
    work: Callable[..., ResultT],
    *arguments: Any,
    on_cancel: Callable[[], None] | None = None,
) -> ResultT:
    """Like `asyncio.to_thread`, but waits for the end of the work even when cancelled.

    A thread cannot be stopped: it would go on to write files after the call had ended. `on_cancel`
    is called when the caller is cancelled, to ask the work to stop.
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

    # anyio's scopes cancel again in each round of the event loop, unless they are shielded.
    with anyio.CancelScope(shield=True):
        while not working.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([working])
    working.exception()


class AtOnceIfQuick:
    """Does short work on the event loop as long as that is fast, and otherwise in a thread.

    A trip to a thread takes longer than writing a small file, especially on a busy loop. When half
    of the latest jobs were slow, the next ones are done in threads, twice as many as the time
    before, until the loop is tried again: a slow disk blocks the loop only briefly.
    """

    def __init__(self) -> None:
        self._latest: deque[float] = deque(maxlen=_LATEST)
        self._in_threads = self._left = 1

    async def __call__(self, work: Callable[..., ResultT], *arguments: Any) -> ResultT:
        """The result of the work."""
        if self._left:
            self._left -= 1
            return await in_thread(work, *arguments)
        began = time.perf_counter()
        try:
            return work(*arguments)
        finally:
            self._latest.append(time.perf_counter() - began)
            if sorted(self._latest)[len(self._latest) // 2] < _QUICK_SECONDS:
                self._in_threads = 1
            else:
                self._left = self._in_threads = min(2 * self._in_threads, _MOST_IN_THREADS)
                self._latest.clear()
