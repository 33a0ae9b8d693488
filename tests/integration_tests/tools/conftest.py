from __future__ import annotations

import pytest

from langchain_visioncraft.client import endpoints


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MIDJOURNEY_FIRST_PAUSE", 0.15)
