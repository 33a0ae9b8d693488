"""Both drivers."""

from __future__ import annotations

from typing import Any

import pytest
from client_driving import DRIVERS


@pytest.fixture(params=DRIVERS.values(), ids=DRIVERS.keys())
def driver(request: pytest.FixtureRequest) -> Any:
    """`VisionCraftClient`, then `AsyncVisionCraftClient`."""
    return request.param


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once; other sleeping is as ever."""
    from langchain_visioncraft.client import exchange

    monkeypatch.setattr(exchange, "retry_wait", lambda *_: 0.0)
