"""Both drivers, and time that does not pass."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from client_driving import DRIVERS


@pytest.fixture(params=DRIVERS.values(), ids=DRIVERS.keys())
def driver(request: pytest.FixtureRequest) -> Any:
    """`VisionCraftClient`, then `AsyncVisionCraftClient`."""
    return request.param


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been slept; the clock goes on by as much.

    Only in the thread of the test: a sandbox that runs in another one sleeps as ever.
    """
    slept: list[float] = []
    real_nap, real_sleep, real_clock = time.sleep, asyncio.sleep, time.monotonic
    tested = threading.get_ident()

    def nap(seconds: float) -> None:
        if threading.get_ident() == tested:
            slept.append(seconds)
        else:
            real_nap(seconds)

    async def async_nap(seconds: float, *_: Any) -> None:
        if threading.get_ident() != tested:
            await real_sleep(seconds)
            return
        if seconds:
            slept.append(seconds)
        await real_sleep(0)

    def clock() -> float:
        # In other threads, sandboxes would wait until this clock reaches what it had been.
        return real_clock() + (sum(slept) if threading.get_ident() == tested else 0)

    monkeypatch.setattr(time, "sleep", nap)
    monkeypatch.setattr(asyncio, "sleep", async_nap)
    monkeypatch.setattr(time, "monotonic", clock)
    return slept
