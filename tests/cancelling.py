"""Cancelling who waits for a thread."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest


async def cancel_thrice(task: asyncio.Task[Any], go_on: threading.Event) -> None:
    """Cancel a task whose work waits for `go_on`: it ends when the work does, not before."""
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
