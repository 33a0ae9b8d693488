"""A sandbox whose page is watched."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from visioncraft_sandbox import Sandbox


@pytest.fixture
def watched() -> Iterator[Sandbox]:
    with Sandbox(models=False, midjourney_seconds=0) as running:
        yield running


@pytest.fixture
def client(watched: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=watched.url, timeout=30) as opened:
        yield opened
