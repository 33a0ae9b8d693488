from __future__ import annotations

from collections.abc import Iterator

import pytest
from visioncraft_sandbox import Sandbox

from langchain_visioncraft.client import endpoints


@pytest.fixture(scope="session")
def quick_sandbox() -> Iterator[Sandbox]:
    """A sandbox without models, whose Midjourney is quick."""
    with Sandbox(models=False, midjourney_seconds=0.2) as running:
        yield running


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MIDJOURNEY_FIRST_PAUSE", 0.15)
