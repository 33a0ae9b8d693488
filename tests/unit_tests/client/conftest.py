"""Both drivers, and time that does not pass."""

from __future__ import annotations

import asyncio
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
    """The seconds that would have been slept; the clock goes on by as much."""
    slept: list[float] = []
    real_sleep, real_clock = asyncio.sleep, time.monotonic

    async def nap(seconds: float, *_: Any) -> None:
        if seconds:
            slept.append(seconds)
        await real_sleep(0)

    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(asyncio, "sleep", nap)
    monkeypatch.setattr(time, "monotonic", lambda: real_clock() + sum(slept))
    return slept
